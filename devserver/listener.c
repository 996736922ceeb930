/* listener.c: see listener.h. The loop belongs to the thread from its start to its end; the only
 * thing another thread does to it is uv_async_send. */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"

#define BACKLOG 128
#define ACCEPT_AT_ONCE 32
#define ACCEPT_AGAIN_MS 50 /* after accept failed for want of descriptors */

struct tdm_listener {
    struct tdm_listener_options options;
    int fd;
    int port;
    uv_loop_t loop;
    uv_poll_t poll;
    uv_timer_t again;
    uv_async_t stop;
    pthread_t thread;
    struct tdm_connection *connections;
    size_t accepted;
};

static int listener_error(struct tdm_buf *error, const struct tdm_listener_options *options,
                          const char *why)
{
    int v6 = strchr(options->host, ':') != NULL;
    tdm_buf_addf(error, "cannot listen on %s%s%s:%d: %s", v6 ? "[" : "", options->host,
                 v6 ? "]" : "", options->port, why);
    return -1;
}

static socklen_t listener_address(const struct tdm_listener_options *options,
                                  struct sockaddr_storage *address)
{
    memset(address, 0, sizeof(*address));
    struct sockaddr_in v4 = {0};
    struct sockaddr_in6 v6 = {0};
    if (inet_pton(AF_INET, options->host, &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons((uint16_t)options->port);
        memcpy(address, &v4, sizeof(v4));
        return sizeof(v4);
    }
    if (inet_pton(AF_INET6, options->host, &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons((uint16_t)options->port);
        memcpy(address, &v6, sizeof(v6));
        return sizeof(v6);
    }
    return 0;
}

static int listener_bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        return -1;
    }
    if (address.ss_family == AF_INET) {
        memcpy(&v4, &address, sizeof(v4));
        return ntohs(v4.sin_port);
    }
    memcpy(&v6, &address, sizeof(v6));
    return ntohs(v6.sin6_port);
}

static int listener_bind(struct tdm_listener *listener, struct tdm_buf *error)
{
    const struct tdm_listener_options *options = &listener->options;
    struct sockaddr_storage address;
    socklen_t length = listener_address(options, &address);
    if (length == 0) {
        return listener_error(error, options, "not a numeric address");
    }
    int on = 1;
    listener->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0 ||
        setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(listener->fd, (struct sockaddr *)&address, length) != 0 ||
        listen(listener->fd, BACKLOG) != 0) {
        return listener_error(error, options, strerror(errno));
    }
    listener->port = listener_bound_port(listener->fd);
    return listener->port > 0 ? 0 : listener_error(error, options, "the port is not known");
}

static void listener_on_poll(uv_poll_t *poll, int status, int events);

static void listener_on_again(uv_timer_t *timer)
{
    struct tdm_listener *listener = timer->data;
    uv_poll_start(&listener->poll, UV_READABLE, listener_on_poll);
}

static void listener_on_poll(uv_poll_t *poll, int status, int events)
{
    struct tdm_listener *listener = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            tdm_inbox_add_connection(listener->options.inbox);
            tdm_connection_open(&listener->loop, fd, ++listener->accepted, &listener->options,
                                &listener->connections);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            uv_poll_stop(poll); /* no descriptor left: wait for one instead of spinning */
            uv_timer_start(&listener->again, listener_on_again, ACCEPT_AGAIN_MS, 0);
            return;
        }
    }
}

static void listener_on_stop(uv_async_t *async)
{
    struct tdm_listener *listener = async->data;
    while (listener->connections != NULL) {
        tdm_connection_close(listener->connections);
    }
    uv_close((uv_handle_t *)&listener->poll, NULL);
    uv_close((uv_handle_t *)&listener->again, NULL);
    uv_close((uv_handle_t *)&listener->stop, NULL);
}

static void *listener_thread(void *context)
{
    struct tdm_listener *listener = context;
    uv_run(&listener->loop, UV_RUN_DEFAULT); /* until listener_on_stop closed the last handle */
    return NULL;
}

/* Signals are the business of the program's own threads. */
static int listener_start_thread(struct tdm_listener *listener)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&listener->thread, NULL, listener_thread, listener);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

/* Handles of a loop that never ran. */
static void listener_abandon_loop(struct tdm_listener *listener)
{
    listener_on_stop(&listener->stop);
    uv_run(&listener->loop, UV_RUN_DEFAULT);
    uv_loop_close(&listener->loop);
}

static int listener_start_loop(struct tdm_listener *listener, struct tdm_buf *error)
{
    int result = uv_loop_init(&listener->loop);
    if (result != 0) {
        return listener_error(error, &listener->options, uv_strerror(result));
    }
    result = uv_async_init(&listener->loop, &listener->stop, listener_on_stop);
    if (result != 0) {
        uv_loop_close(&listener->loop);
        return listener_error(error, &listener->options, uv_strerror(result));
    }
    uv_timer_init(&listener->loop, &listener->again);
    result = uv_poll_init(&listener->loop, &listener->poll, listener->fd);
    if (result != 0) {
        uv_close((uv_handle_t *)&listener->stop, NULL);
        uv_close((uv_handle_t *)&listener->again, NULL);
        uv_run(&listener->loop, UV_RUN_DEFAULT);
        uv_loop_close(&listener->loop);
        return listener_error(error, &listener->options, uv_strerror(result));
    }
    listener->stop.data = listener->again.data = listener->poll.data = listener;
    uv_poll_start(&listener->poll, UV_READABLE, listener_on_poll);
    result = listener_start_thread(listener);
    if (result != 0) {
        listener_abandon_loop(listener);
        return listener_error(error, &listener->options, strerror(result));
    }
    return 0;
}

struct tdm_listener *tdm_listener_start(const struct tdm_listener_options *options,
                                        struct tdm_buf *error)
{
    struct tdm_listener *listener = tdm_alloc_array(&tdm_allocator_default, 1, sizeof(*listener));
    if (listener == NULL) {
        tdm_buf_add_str(error, "out of memory");
        return NULL;
    }
    listener->options = *options;
    listener->fd = -1;
    if (listener_bind(listener, error) != 0 || listener_start_loop(listener, error) != 0) {
        if (listener->fd >= 0) {
            close(listener->fd);
        }
        tdm_free(&tdm_allocator_default, listener);
        return NULL;
    }
    return listener;
}

int tdm_listener_port(const struct tdm_listener *listener)
{
    return listener->port;
}

void tdm_listener_stop(struct tdm_listener *listener)
{
    if (listener == NULL) {
        return;
    }
    uv_async_send(&listener->stop);
    pthread_join(listener->thread, NULL);
    uv_loop_close(&listener->loop);
    close(listener->fd);
    tdm_free(&tdm_allocator_default, listener);
}
