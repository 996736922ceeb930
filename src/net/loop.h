/*
 * loop.h: the event loop of one transport (libuv), and the two things that are waited for: a file
 * descriptor and a time. Watches and timers close at once for their owner; their memory goes back
 * when the loop has let go of it, so an owner may close them inside their own callback.
 */
#ifndef TDM_NET_LOOP_H
#define TDM_NET_LOOP_H

#include <uv.h>

#include "util/alloc.h"

#define TDM_READABLE 1
#define TDM_WRITABLE 2

struct tdm_loop {
    uv_loop_t uv;
    tidymail_allocator allocator;
    int open;
    const char
        *resolver; /* "HOST:PORT" of the name server to ask; NULL: the system's. The owner's */
};

struct tdm_watch;
struct tdm_timer;

/* Returns 0 or libuv's error. */
int tdm_loop_init(struct tdm_loop *loop, const tidymail_allocator *allocator);
/* Closes what is still open in it. */
void tdm_loop_clear(struct tdm_loop *loop);
/* Waits until something happens, and lets it happen. */
void tdm_loop_step(struct tdm_loop *loop);
/* Lets happen what has happened, without waiting. */
void tdm_loop_poll(struct tdm_loop *loop);
/* What a loop of the caller's may wait on for this one, and how long at most (-1: no limit). */
int tdm_loop_fd(const struct tdm_loop *loop);
int tdm_loop_timeout(struct tdm_loop *loop);

/* `ready` gets TDM_READABLE and TDM_WRITABLE; both where the descriptor is in error. NULL when out
 * of memory or where the loop cannot take the descriptor. Nothing is watched before tdm_watch_set. */
struct tdm_watch *tdm_watch_new(struct tdm_loop *loop, int fd,
                                void (*ready)(void *context, int events), void *context);
/* What is waited for from now on; 0: nothing. Returns 0 or libuv's error. */
int tdm_watch_set(struct tdm_watch *watch, int events);
/* Before the descriptor is closed. NULL is accepted. */
void tdm_watch_close(struct tdm_watch *watch);

struct tdm_timer *tdm_timer_new(struct tdm_loop *loop, void (*expired)(void *context),
                                void *context);
/* Expires once, after so many milliseconds; -1 stops it. */
void tdm_timer_set(struct tdm_timer *timer, int64_t delay_ms);
void tdm_timer_close(struct tdm_timer *timer);

#endif
