/*
 * connect.c: see connect.h. One attempt for each address, which do not know of each other: the next
 * one starts when those before have failed or had their head start; the first that stands wins, and
 * the others are closed (RFC 8305 5). Through a proxy its addresses are tried, and what won is asked
 * for the server (tunnel.h).
 */
#include "net/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "net/tunnel.h"

#define FAILURES_MAX 4096
#define HEAD_START_MS 250 /* RFC 8305 8 */

struct connect_attempt {
    struct tdm_connect *connect;
    struct tdm_address address;
    int fd; /* -1 while it does not run */
    struct tdm_watch *watch;
    int64_t timeout_ms;
};

struct tdm_connect {
    struct tdm_loop *loop;
    tidymail_allocator allocator;
    struct tdm_connect_options options;
    char *host; /* of the proxy, where there is one */
    int port;
    char *target; /* the server, where there is a proxy; else NULL */
    struct tdm_address source;
    int has_source;
    struct tdm_resolve *resolve;
    struct tdm_tunnel *tunnel;
    struct tdm_timer *timer;
    int64_t deadline_ms;
    struct connect_attempt *attempts;
    size_t count;
    size_t next; /* the attempt to start */
    int begun;
    int looked_up; /* the addresses are a name server's answer */
    struct connect_attempt *winner;
    struct tdm_buf failures; /* "connection refused by 127.0.0.1:25, ..." */
    int timed_out;           /* one of them had no answer in time */
    int local_errno;         /* the last failure that has nothing to do with the network */
    int source_failed;       /* an address could not be tried from the source wanted */
    int network_failed;
    int out_of_memory;
    struct tidymail_error error;
};

#define CONNECT_SOURCE_FAMILY (-1) /* in place of an errno value: no such pair of addresses */

static int64_t connect_left(const struct tdm_connect *own)
{
    int64_t left = own->deadline_ms - own->options.now_ms();
    return left > 0 ? left : 0;
}

static void attempt_stop(struct connect_attempt *attempt)
{
    tdm_watch_close(attempt->watch);
    attempt->watch = NULL;
    if (attempt->fd >= 0) {
        close(attempt->fd);
        attempt->fd = -1;
    }
}

/* Says that it was the proxy that could not be reached. */
static void connect_blame_proxy(struct tdm_connect *own)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &own->allocator, FAILURES_MAX + 256);
    tdm_buf_addf(&line, "the proxy cannot be reached: %s", tidymail_error_message(&own->error));
    if (!line.failed) {
        tdm_text_set(&own->allocator, &own->error.message, tdm_buf_text(&line));
    }
    tdm_text_set(&own->allocator, &own->error.hint, "check host and port in the option proxy");
    tdm_buf_clear(&line);
}

static void connect_fail(struct tdm_connect *own)
{
    tdm_timer_set(own->timer, -1);
    if (own->target != NULL && own->error.kind != TIDYMAIL_KIND_LOCAL) {
        connect_blame_proxy(own);
    }
    own->options.done(own->options.context, -1, NULL, &own->error);
}

static void connect_fail_memory(struct tdm_connect *own)
{
    tdm_error_set(&own->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_CONNECT,
                  "out of memory while connecting", NULL);
    connect_fail(own);
}

/* The socket is the callee's. */
static void connect_hand_over(struct tdm_connect *own)
{
    int fd = own->winner->fd;
    own->winner->fd = -1;
    own->options.done(own->options.context, fd, own->target != NULL ? NULL : &own->winner->address,
                      NULL);
}

static void connect_tunnel_done(void *context, const struct tidymail_error *error)
{
    struct tdm_connect *own = context;
    if (error == NULL) {
        tdm_net_note(&own->options.trace, &own->allocator, TIDYMAIL_PHASE_CONNECT, 0,
                     "the proxy has connected to %s:%d", own->target, own->options.port);
        connect_hand_over(own);
        return;
    }
    tdm_net_note(&own->options.trace, &own->allocator, TIDYMAIL_PHASE_CONNECT, 0, "%s",
                 tidymail_error_message(error));
    own->options.done(own->options.context, -1, NULL, error);
}

/* Tells the addresses, the one that stands first. */
static void connect_tell_addresses(struct tdm_connect *own)
{
    if (!own->looked_up || own->options.resolved == NULL) {
        return;
    }
    struct tdm_address *all = tdm_alloc_array(&own->allocator, own->count, sizeof(*all));
    if (all == NULL) {
        return; /* then the name is looked up again */
    }
    size_t filled = 0;
    all[filled++] = own->winner->address;
    for (size_t i = 0; i < own->count; i++) {
        if (&own->attempts[i] != own->winner) {
            all[filled++] = own->attempts[i].address;
        }
    }
    own->options.resolved(own->options.context, all, filled);
    tdm_free(&own->allocator, all);
}

/* One of them stands. */
static void connect_win(struct tdm_connect *own, struct connect_attempt *attempt)
{
    own->winner = attempt;
    tdm_timer_set(own->timer, -1);
    tdm_watch_close(attempt->watch);
    attempt->watch = NULL;
    for (size_t i = 0; i < own->count; i++) {
        if (&own->attempts[i] != attempt) {
            attempt_stop(&own->attempts[i]);
        }
    }
    connect_tell_addresses(own);
    if (own->target == NULL) {
        connect_hand_over(own);
        return;
    }
    struct tdm_tunnel_options options;
    memset(&options, 0, sizeof(options));
    options.fd = attempt->fd;
    options.proxy = own->options.proxy;
    options.host = own->target;
    options.port = own->options.port;
    options.timeout_ms = connect_left(own);
    options.done = connect_tunnel_done;
    options.context = own;
    own->tunnel = tdm_tunnel_start(own->loop, &options);
    if (own->tunnel == NULL) {
        connect_fail_memory(own);
    }
}

/* What became of one attempt: a line for the transcript and a part of the error. */
static void connect_note_failure(struct tdm_connect *own, const struct connect_attempt *attempt,
                                 int number)
{
    struct tdm_buf words;
    struct tdm_buf address;
    tdm_buf_init(&words, &own->allocator, 512);
    tdm_buf_init(&address, &own->allocator, 128);
    tdm_address_format(&attempt->address, 1, &address);
    if (number == ECONNREFUSED) {
        tdm_buf_addf(&words, "connection refused by %s", tdm_buf_text(&address));
    } else if (number == 0) {
        tdm_buf_addf(&words, "no answer from %s within ", tdm_buf_text(&address));
        tdm_net_add_seconds(&words, attempt->timeout_ms);
    } else if (number == CONNECT_SOURCE_FAMILY) {
        tdm_buf_addf(&words, "%s: not to be reached from source=", tdm_buf_text(&address));
        tdm_address_format(&own->source, 0, &words);
        tdm_buf_add_str(&words, ", which is of another kind");
    } else if (number == EADDRNOTAVAIL && own->has_source) {
        tdm_buf_add_str(&words, "source=");
        tdm_address_format(&own->source, 0, &words);
        tdm_buf_add_str(&words, " is no address of this machine");
    } else {
        tdm_buf_addf(&words, "%s: ", tdm_buf_text(&address));
        tdm_net_add_errno(&words, number);
    }
    tdm_net_note(&own->options.trace, &own->allocator, TIDYMAIL_PHASE_CONNECT, 0, "%s",
                 tdm_buf_text(&words));
    tdm_buf_addf(&own->failures, "%s%s", own->failures.length > 0 ? ", " : "",
                 tdm_buf_text(&words));
    tdm_buf_clear(&address);
    tdm_buf_clear(&words);
}

static int connect_is_local(int number)
{
    return number == EMFILE || number == ENFILE || number == ENOMEM || number == ENOBUFS;
}

static void attempt_failed(struct connect_attempt *attempt, int number)
{
    struct tdm_connect *own = attempt->connect;
    int source = number == CONNECT_SOURCE_FAMILY || (number == EADDRNOTAVAIL && own->has_source);
    attempt_stop(attempt);
    own->timed_out |= number == 0 || number == ETIMEDOUT;
    own->source_failed |= source;
    own->network_failed |= !source;
    if (connect_is_local(number)) {
        own->local_errno = number;
    }
    connect_note_failure(own, attempt, number);
    tdm_timer_set(own->timer, 0); /* the next one, or the end, from the loop */
}

static void attempt_ready(void *context, int events)
{
    struct connect_attempt *attempt = context;
    int number = 0;
    socklen_t size = sizeof(number);
    (void)events;
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0) {
        number = errno;
    }
    if (number != 0) {
        attempt_failed(attempt, number);
        return;
    }
    connect_win(attempt->connect, attempt);
}

/* 0, or what attempt_failed takes. The port is chosen at connect, when it is known which are free. */
static int attempt_bind(const struct connect_attempt *attempt)
{
    const struct tdm_connect *own = attempt->connect;
    int on = 1;
    if (!own->has_source || attempt->address.storage.ss_family == AF_UNIX) {
        return 0;
    }
    if (own->source.storage.ss_family != attempt->address.storage.ss_family) {
        return CONNECT_SOURCE_FAMILY;
    }
    setsockopt(attempt->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(attempt->fd, (const struct sockaddr *)&own->source.storage, own->source.length) == 0
               ? 0
               : errno;
}

/* Starts it; 0, or what attempt_failed takes. */
static int attempt_start(struct connect_attempt *attempt)
{
    struct tdm_connect *own = attempt->connect;
    int family = attempt->address.storage.ss_family;
    int on = 1;
    attempt->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (attempt->fd < 0) {
        return errno;
    }
    if (family != AF_UNIX) {
        /* a reply is waited for after each write: Nagle's algorithm would only delay it */
        setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    int number = attempt_bind(attempt);
    if (number != 0) {
        return number;
    }
    if (connect(attempt->fd, (const struct sockaddr *)&attempt->address.storage,
                attempt->address.length) != 0 &&
        errno != EINPROGRESS && errno != EINTR) {
        return errno;
    }
    attempt->watch = tdm_watch_new(own->loop, attempt->fd, attempt_ready, attempt);
    if (attempt->watch == NULL || tdm_watch_set(attempt->watch, TDM_WRITABLE) != 0) {
        return ENOMEM;
    }
    return 0;
}

static void connect_end_in_failure(struct tdm_connect *own)
{
    int kind = own->timed_out ? TIDYMAIL_KIND_TIMEOUT : TIDYMAIL_KIND_CONNECTION;
    const char *hint = own->timed_out
                           ? "a firewall may be dropping the packets; many networks block port 25: "
                             "try 587 or 465"
                           : "check that host and port are right and that the server is running";
    if (own->options.unix_path != NULL) {
        hint = "check that the path is right and that the server is running";
    } else if (own->source_failed && !own->network_failed) {
        kind = TIDYMAIL_KIND_CONFIGURATION;
        hint = "source= takes an address of this machine, of the kind (IPv4, IPv6) the server has";
    }
    if (own->local_errno != 0) {
        kind = TIDYMAIL_KIND_LOCAL;
        hint = "this process has run out of descriptors or memory";
    }
    tdm_error_setf(&own->error, kind, TIDYMAIL_PHASE_CONNECT, "%s", tdm_buf_text(&own->failures));
    tdm_text_set(&own->allocator, &own->error.hint, hint);
    own->error.retryable = kind == TIDYMAIL_KIND_TIMEOUT || kind == TIDYMAIL_KIND_CONNECTION;
    connect_fail(own);
}

static int connect_is_trying(const struct tdm_connect *own)
{
    for (size_t i = 0; i < own->next; i++) {
        if (own->attempts[i].fd >= 0) {
            return 1;
        }
    }
    return 0;
}

/* So much before the next one; less where the time would not reach all of them. */
static int64_t connect_head_start(const struct tdm_connect *own)
{
    int64_t share = connect_left(own) / (int64_t)(own->count - own->next + 1);
    return share < HEAD_START_MS ? share : HEAD_START_MS;
}

static void connect_next(struct tdm_connect *own)
{
    if (own->next == own->count) {
        if (connect_is_trying(own)) {
            tdm_timer_set(own->timer, connect_left(own));
        } else {
            connect_end_in_failure(own);
        }
        return;
    }
    struct connect_attempt *attempt = &own->attempts[own->next];
    attempt->timeout_ms = connect_left(own);
    own->next++;
    struct tdm_buf address;
    tdm_buf_init(&address, &own->allocator, 256);
    tdm_address_format(&attempt->address, 1, &address);
    tdm_net_note(&own->options.trace, &own->allocator, TIDYMAIL_PHASE_CONNECT, 0,
                 own->target != NULL ? "connecting to the proxy %s" : "connecting to %s",
                 tdm_buf_text(&address));
    tdm_buf_clear(&address);
    int number = attempt_start(attempt);
    if (number != 0) {
        attempt_failed(attempt, number);
        return;
    }
    tdm_timer_set(own->timer, own->next < own->count ? connect_head_start(own) : connect_left(own));
}

/* The time is over for all of them. */
static void connect_time_out(struct tdm_connect *own)
{
    for (size_t i = 0; i < own->next; i++) {
        if (own->attempts[i].fd >= 0) {
            attempt_failed(&own->attempts[i], 0);
        }
    }
    connect_end_in_failure(own);
}

void tdm_connect_interleave(struct tdm_address *addresses, size_t count)
{
    for (size_t at = 1; at < count; at++) {
        int before = addresses[at - 1].storage.ss_family;
        size_t other = at;
        while (other < count && addresses[other].storage.ss_family == before) {
            other++;
        }
        if (other == count) {
            return; /* one family is used up: the rest of the other follows */
        }
        struct tdm_address moved = addresses[other];
        memmove(&addresses[at + 1], &addresses[at], (other - at) * sizeof(moved));
        addresses[at] = moved;
    }
}

static void connect_use(struct tdm_connect *own, const struct tdm_address *addresses, size_t count)
{
    own->attempts = tdm_alloc_array(&own->allocator, count, sizeof(*own->attempts));
    own->out_of_memory = own->attempts == NULL;
    own->count = own->attempts != NULL ? count : 0;
    for (size_t i = 0; i < own->count; i++) {
        own->attempts[i].connect = own;
        own->attempts[i].address = addresses[i];
        own->attempts[i].fd = -1;
    }
}

/* The answer of a name server, in the order to try it. */
static void connect_use_resolved(struct tdm_connect *own, const struct tdm_address *addresses,
                                 size_t count)
{
    struct tdm_address *ordered = tdm_alloc_array(&own->allocator, count, sizeof(*ordered));
    if (ordered == NULL) {
        own->out_of_memory = 1;
        return;
    }
    memcpy(ordered, addresses, count * sizeof(*ordered));
    tdm_connect_interleave(ordered, count);
    connect_use(own, ordered, count);
    tdm_free(&own->allocator, ordered);
}

static void connect_begin(struct tdm_connect *own)
{
    own->begun = 1;
    if (own->options.phase != NULL) {
        own->options.phase(own->options.context, TIDYMAIL_PHASE_CONNECT);
    }
    if (own->out_of_memory) {
        connect_fail_memory(own);
    } else {
        connect_next(own);
    }
}

static void connect_resolved(void *context, const struct tdm_address *addresses, size_t count,
                             const struct tidymail_error *error)
{
    struct tdm_connect *own = context;
    if (count == 0) {
        tdm_net_note(&own->options.trace, &own->allocator, TIDYMAIL_PHASE_RESOLVE, 0, "%s",
                     tidymail_error_message(error));
        tdm_error_copy(&own->error, error);
        tdm_resolve_free(own->resolve);
        own->resolve = NULL;
        connect_fail(own);
        return;
    }
    struct tdm_buf list;
    tdm_buf_init(&list, &own->allocator, 4096);
    for (size_t i = 0; i < count; i++) {
        tdm_buf_add_str(&list, i > 0 ? ", " : "");
        tdm_address_format(&addresses[i], 0, &list);
    }
    tdm_net_note(&own->options.trace, &own->allocator, TIDYMAIL_PHASE_RESOLVE, 0, "%s is %s",
                 own->host, tdm_buf_text(&list));
    tdm_buf_clear(&list);
    own->looked_up = 1;
    connect_use_resolved(own, addresses, count);
    tdm_resolve_free(own->resolve);
    own->resolve = NULL;
    connect_begin(own);
}

static void connect_resolve_timeout(struct tdm_connect *own)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &own->allocator, 1024);
    tdm_buf_addf(&line, "no name server answered for %s within ", own->host);
    tdm_net_add_seconds(&line, own->options.timeout_ms);
    tdm_error_set(&own->error, TIDYMAIL_KIND_TIMEOUT, TIDYMAIL_PHASE_RESOLVE, tdm_buf_text(&line),
                  "check the network and the name servers in /etc/resolv.conf");
    tdm_buf_clear(&line);
    own->error.retryable = 1;
    tdm_resolve_free(own->resolve);
    own->resolve = NULL;
    connect_fail(own);
}

/* The step that is due: the first one, the next one, or the end. */
static void connect_timer(void *context)
{
    struct tdm_connect *own = context;
    if (own->resolve != NULL) {
        connect_resolve_timeout(own);
    } else if (!own->begun) {
        connect_begin(own);
    } else if (connect_left(own) == 0) {
        connect_time_out(own);
    } else {
        connect_next(own);
    }
}

/* Names are looked up; addresses are tried as they are, from the loop. */
static int connect_first_step(struct tdm_connect *own)
{
    struct tdm_address one;
    if (own->options.unix_path != NULL) {
        if (tdm_address_unix(own->options.unix_path, &one) != 0) {
            return -1; /* too long: refused when the transport was opened */
        }
        connect_use(own, &one, 1);
    } else if (own->options.addresses != NULL) {
        connect_use(own, own->options.addresses, own->options.address_count);
    } else if (tdm_address_parse(own->host, own->port, &one) == 0) {
        connect_use(own, &one, 1);
    } else {
        tdm_net_note(&own->options.trace, &own->allocator, TIDYMAIL_PHASE_RESOLVE, 0,
                     "looking up %s", own->host);
        if (own->options.phase != NULL) {
            own->options.phase(own->options.context, TIDYMAIL_PHASE_RESOLVE);
        }
        own->resolve = tdm_resolve_start(own->loop, own->host, own->port, connect_resolved, own);
        tdm_timer_set(own->timer, own->options.timeout_ms);
        return own->resolve != NULL ? 0 : -1;
    }
    tdm_timer_set(own->timer, 0);
    return own->out_of_memory ? -1 : 0;
}

struct tdm_connect *tdm_connect_start(struct tdm_loop *loop,
                                      const struct tdm_connect_options *options)
{
    struct tdm_connect *own = tdm_alloc_array(&loop->allocator, 1, sizeof(*own));
    if (own == NULL) {
        return NULL;
    }
    own->loop = loop;
    own->allocator = loop->allocator;
    own->options = *options;
    own->deadline_ms = options->now_ms() + options->timeout_ms;
    tdm_error_init(&own->error, &loop->allocator);
    tdm_buf_init(&own->failures, &loop->allocator, FAILURES_MAX);
    const struct tdm_proxy_config *proxy = options->unix_path == NULL ? options->proxy : NULL;
    own->host = tdm_strdup(&loop->allocator, proxy != NULL ? proxy->host : options->host);
    own->port = proxy != NULL ? proxy->port : options->port;
    own->target = proxy != NULL ? tdm_strdup(&loop->allocator, options->host) : NULL;
    own->has_source = options->source != NULL;
    if (own->has_source) {
        own->source = *options->source;
    }
    own->timer = tdm_timer_new(loop, connect_timer, own);
    if ((own->host == NULL && options->unix_path == NULL) || own->timer == NULL ||
        (proxy != NULL && own->target == NULL) || connect_first_step(own) != 0) {
        tdm_connect_free(own);
        return NULL;
    }
    return own;
}

void tdm_connect_free(struct tdm_connect *own)
{
    if (own == NULL) {
        return;
    }
    for (size_t i = 0; i < own->count; i++) {
        attempt_stop(&own->attempts[i]);
    }
    tdm_tunnel_free(own->tunnel);
    tdm_resolve_free(own->resolve);
    tdm_timer_close(own->timer);
    tdm_buf_clear(&own->failures);
    tdm_error_clear(&own->error);
    tidymail_allocator allocator = own->allocator;
    tdm_free(&allocator, own->attempts);
    tdm_free(&allocator, own->host);
    tdm_free(&allocator, own->target);
    tdm_free(&allocator, own);
}
