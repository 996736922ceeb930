/* loop.c: see loop.h. A loop belongs to one transport and so to one thread; libuv installs no signal
 * handler for what is used here. */
#include "net/loop.h"

#include <string.h>

struct tdm_watch {
    uv_poll_t poll; /* first: the handle's address is the watch's */
    tidymail_allocator allocator;
    void (*ready)(void *context, int events);
    void *context;
    int events; /* what libuv waits for now */
};

struct tdm_timer {
    uv_timer_t timer; /* first */
    tidymail_allocator allocator;
    void (*expired)(void *context);
    void *context;
};

int tdm_loop_init(struct tdm_loop *loop, const tidymail_allocator *allocator)
{
    memset(loop, 0, sizeof(*loop));
    loop->allocator = tdm_allocator_or_default(allocator);
    int status = uv_loop_init(&loop->uv);
    loop->open = status == 0;
    return status;
}

static void watch_release(uv_handle_t *handle)
{
    struct tdm_watch *watch = handle->data;
    tidymail_allocator allocator = watch->allocator;
    tdm_free(&allocator, watch);
}

static void timer_release(uv_handle_t *handle)
{
    struct tdm_timer *timer = handle->data;
    tidymail_allocator allocator = timer->allocator;
    tdm_free(&allocator, timer);
}

static void loop_close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle)) {
        uv_close(handle, handle->type == UV_TIMER ? timer_release : watch_release);
    }
}

void tdm_loop_clear(struct tdm_loop *loop)
{
    if (!loop->open) {
        return;
    }
    uv_walk(&loop->uv, loop_close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    loop->open = 0;
}

void tdm_loop_step(struct tdm_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_ONCE);
}

void tdm_loop_poll(struct tdm_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_NOWAIT);
}

int tdm_loop_fd(const struct tdm_loop *loop)
{
    return uv_backend_fd(&loop->uv);
}

int tdm_loop_timeout(struct tdm_loop *loop)
{
    uv_update_time(&loop->uv);
    return uv_backend_timeout(&loop->uv);
}

static void watch_ready(uv_poll_t *poll, int status, int events)
{
    struct tdm_watch *watch = poll->data;
    int ready = 0;
    if (status < 0) {
        watch->events =
            0; /* libuv stops a poll whose descriptor is in error: read or write tells */
        ready = TDM_READABLE | TDM_WRITABLE;
    } else {
        ready |= (events & UV_READABLE) != 0 ? TDM_READABLE : 0;
        ready |= (events & UV_WRITABLE) != 0 ? TDM_WRITABLE : 0;
    }
    if (watch->ready != NULL) {
        watch->ready(watch->context, ready);
    }
}

struct tdm_watch *tdm_watch_new(struct tdm_loop *loop, int fd,
                                void (*ready)(void *context, int events), void *context)
{
    struct tdm_watch *watch = tdm_alloc_array(&loop->allocator, 1, sizeof(*watch));
    if (watch == NULL) {
        return NULL;
    }
    if (uv_poll_init(&loop->uv, &watch->poll, fd) != 0) {
        tdm_free(&loop->allocator, watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->allocator = loop->allocator;
    watch->ready = ready;
    watch->context = context;
    return watch;
}

int tdm_watch_set(struct tdm_watch *watch, int events)
{
    if (watch->events == events) {
        return 0;
    }
    int status = 0;
    if (events == 0) {
        uv_poll_stop(&watch->poll);
    } else {
        int wanted = 0;
        wanted |= (events & TDM_READABLE) != 0 ? UV_READABLE : 0;
        wanted |= (events & TDM_WRITABLE) != 0 ? UV_WRITABLE : 0;
        status = uv_poll_start(&watch->poll, wanted, watch_ready);
    }
    watch->events = status == 0 ? events : 0;
    return status;
}

void tdm_watch_close(struct tdm_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    watch->ready = NULL;
    uv_close((uv_handle_t *)&watch->poll, watch_release);
}

static void timer_expired(uv_timer_t *handle)
{
    struct tdm_timer *timer = handle->data;
    if (timer->expired != NULL) {
        timer->expired(timer->context);
    }
}

struct tdm_timer *tdm_timer_new(struct tdm_loop *loop, void (*expired)(void *context),
                                void *context)
{
    struct tdm_timer *timer = tdm_alloc_array(&loop->allocator, 1, sizeof(*timer));
    if (timer == NULL) {
        return NULL;
    }
    uv_timer_init(&loop->uv, &timer->timer);
    timer->timer.data = timer;
    timer->allocator = loop->allocator;
    timer->expired = expired;
    timer->context = context;
    return timer;
}

void tdm_timer_set(struct tdm_timer *timer, int64_t delay_ms)
{
    if (delay_ms < 0) {
        uv_timer_stop(&timer->timer);
        return;
    }
    uv_update_time(timer->timer.loop); /* work since the last step would shorten the delay */
    uv_timer_start(&timer->timer, timer_expired, (uint64_t)delay_ms, 0);
}

void tdm_timer_close(struct tdm_timer *timer)
{
    if (timer == NULL) {
        return;
    }
    timer->expired = NULL;
    uv_close((uv_handle_t *)&timer->timer, timer_release);
}
