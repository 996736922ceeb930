/* tunnel.c: see tunnel.h. Reads no byte more than the proxy's answer has: the next is the server's. */
#include "net/tunnel.h"

#include <errno.h>
#include <sys/socket.h>

#include "net/note.h"

#define TUNNEL_READ 512

struct tdm_tunnel {
    struct tdm_loop *loop;
    struct tdm_tunnel_options options;
    struct tdm_proxy proxy;
    struct tdm_watch *watch;
    struct tdm_timer *timer;
};

static int tunnel_is_retry(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

/* 1 where something went out. */
static int tunnel_write(struct tdm_tunnel *own)
{
    size_t length = 0;
    const char *bytes = tdm_proxy_output(&own->proxy, &length);
    if (length == 0) {
        return 0;
    }
    ssize_t sent = send(own->options.fd, bytes, length, MSG_NOSIGNAL);
    if (sent >= 0) {
        tdm_proxy_consume(&own->proxy, (size_t)sent);
        return 1;
    }
    if (tunnel_is_retry(errno)) {
        return 0;
    }
    tdm_proxy_consume(&own->proxy, length); /* reading finds what it said, or how it ended */
    return 1;
}

/* 1 where something came. */
static int tunnel_read(struct tdm_tunnel *own)
{
    char bytes[TUNNEL_READ];
    size_t wanted = tdm_proxy_wants(&own->proxy);
    if (wanted == 0) {
        return 0;
    }
    ssize_t got = recv(own->options.fd, bytes, wanted < sizeof(bytes) ? wanted : sizeof(bytes), 0);
    if (got > 0) {
        tdm_proxy_feed(&own->proxy, bytes, (size_t)got);
        return 1;
    }
    if (got == 0) {
        tdm_proxy_end_of_file(&own->proxy, NULL);
        return 1;
    }
    if (tunnel_is_retry(errno)) {
        return 0;
    }
    struct tdm_buf words;
    tdm_buf_init(&words, &own->loop->allocator, 256);
    tdm_net_add_errno(&words, errno);
    tdm_proxy_end_of_file(&own->proxy, tdm_buf_text(&words));
    tdm_buf_clear(&words);
    return 1;
}

static void tunnel_finish(struct tdm_tunnel *own)
{
    tdm_watch_close(own->watch);
    own->watch = NULL;
    tdm_timer_set(own->timer, -1);
    int failed = tdm_proxy_status(&own->proxy) == TDM_PROXY_FAILED;
    own->options.done(own->options.context, failed ? &own->proxy.error : NULL);
}

static void tunnel_run(struct tdm_tunnel *own)
{
    size_t waiting = 0;
    while (tunnel_write(own) || tunnel_read(own)) {
    }
    if (tdm_proxy_status(&own->proxy) != TDM_PROXY_RUNNING) {
        tunnel_finish(own);
        return;
    }
    tdm_proxy_output(&own->proxy, &waiting);
    if (tdm_watch_set(own->watch, waiting > 0 ? TDM_WRITABLE : TDM_READABLE) != 0) {
        tdm_proxy_end_of_file(&own->proxy, "it cannot be watched");
        tunnel_finish(own);
    }
}

static void tunnel_ready(void *context, int events)
{
    (void)events;
    tunnel_run(context);
}

static void tunnel_expired(void *context)
{
    struct tdm_tunnel *own = context;
    tdm_proxy_timeout(&own->proxy, own->options.timeout_ms);
    tunnel_finish(own);
}

struct tdm_tunnel *tdm_tunnel_start(struct tdm_loop *loop, const struct tdm_tunnel_options *options)
{
    struct tdm_tunnel *own = tdm_alloc_array(&loop->allocator, 1, sizeof(*own));
    if (own == NULL) {
        return NULL;
    }
    own->loop = loop;
    own->options = *options;
    tdm_proxy_init(&own->proxy, &loop->allocator, options->proxy, options->host, options->port);
    own->timer = tdm_timer_new(loop, tunnel_expired, own);
    own->watch = tdm_watch_new(loop, options->fd, tunnel_ready, own);
    /* writable at once: what there is to say, or to report, begins in the loop */
    if (own->timer == NULL || own->watch == NULL || tdm_watch_set(own->watch, TDM_WRITABLE) != 0) {
        tdm_tunnel_free(own);
        return NULL;
    }
    tdm_timer_set(own->timer, options->timeout_ms);
    return own;
}

void tdm_tunnel_free(struct tdm_tunnel *own)
{
    if (own == NULL) {
        return;
    }
    tidymail_allocator allocator = own->loop->allocator;
    tdm_watch_close(own->watch);
    tdm_timer_close(own->timer);
    tdm_proxy_clear(&own->proxy);
    tdm_free(&allocator, own);
}
