/*
 * connect.c: see connect.h. One attempt for each address. Today one runs at a time, with an equal
 * share of the time that is left, so that an address that swallows packets does not use up what the
 * next one needs; the attempts do not know of each other, so that RFC 8305's head starts can come.
 */
#include "net/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define FAILURES_MAX 2048

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
    char *host;
    struct tdm_resolve *resolve;
    struct tdm_timer *timer;
    int64_t deadline_ms;
    struct connect_attempt *attempts;
    size_t count;
    size_t next; /* the attempt to start */
    struct connect_attempt *winner;
    struct tdm_buf failures; /* "connection refused by 127.0.0.1:25, ..." */
    int timed_out;           /* one of them had no answer in time */
    int local_errno;         /* the last failure that has nothing to do with the network */
    int out_of_memory;
    struct tidymail_error error;
};

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

static void connect_finish(struct tdm_connect *own)
{
    struct connect_attempt *winner = own->winner;
    tdm_timer_set(own->timer, -1);
    if (winner == NULL) {
        own->options.done(own->options.context, -1, NULL, &own->error);
        return;
    }
    int fd = winner->fd;
    tdm_watch_close(winner->watch);
    winner->watch = NULL;
    winner->fd = -1;
    own->options.done(own->options.context, fd, &winner->address, NULL);
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
    attempt_stop(attempt);
    own->timed_out |= number == 0 || number == ETIMEDOUT;
    if (connect_is_local(number)) {
        own->local_errno = number;
    }
    connect_note_failure(own, attempt, number);
    tdm_timer_set(own->timer, 0); /* the next one, or the end, from the loop */
}

static void attempt_ready(void *context, int events)
{
    struct connect_attempt *attempt = context;
    struct tdm_connect *own = attempt->connect;
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
    own->winner = attempt;
    connect_finish(own);
}

/* Starts it; 0, or the errno value. */
static int attempt_start(struct connect_attempt *attempt)
{
    struct tdm_connect *own = attempt->connect;
    int on = 1;
    attempt->fd =
        socket(attempt->address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (attempt->fd < 0) {
        return errno;
    }
    /* a reply is waited for after each write: Nagle's algorithm would only delay it */
    setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
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
    if (own->local_errno != 0) {
        kind = TIDYMAIL_KIND_LOCAL;
        hint = "this process has run out of descriptors or memory";
    }
    tdm_error_setf(&own->error, kind, TIDYMAIL_PHASE_CONNECT, "%s", tdm_buf_text(&own->failures));
    tdm_text_set(&own->allocator, &own->error.hint, hint);
    own->error.retryable = kind != TIDYMAIL_KIND_LOCAL;
    connect_finish(own);
}

static void connect_next(struct tdm_connect *own)
{
    if (own->out_of_memory) {
        tdm_error_set(&own->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_CONNECT,
                      "out of memory while connecting", NULL);
        connect_finish(own);
        return;
    }
    if (own->next == own->count) {
        connect_end_in_failure(own);
        return;
    }
    struct connect_attempt *attempt = &own->attempts[own->next];
    attempt->timeout_ms = connect_left(own) / (int64_t)(own->count - own->next);
    own->next++;
    struct tdm_buf address;
    tdm_buf_init(&address, &own->allocator, 128);
    tdm_address_format(&attempt->address, 1, &address);
    tdm_net_note(&own->options.trace, &own->allocator, TIDYMAIL_PHASE_CONNECT, 0,
                 "connecting to %s", tdm_buf_text(&address));
    tdm_buf_clear(&address);
    int number = attempt_start(attempt);
    if (number != 0) {
        attempt_failed(attempt, number);
        return;
    }
    tdm_timer_set(own->timer, attempt->timeout_ms);
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

static void connect_begin(struct tdm_connect *own)
{
    if (own->options.phase != NULL) {
        own->options.phase(own->options.context, TIDYMAIL_PHASE_CONNECT);
    }
    connect_next(own);
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
        connect_finish(own);
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
    connect_use(own, addresses, count);
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
    connect_finish(own);
}

/* The step that is due: the first one, the end of the running one, or the one after a failure. */
static void connect_timer(void *context)
{
    struct tdm_connect *own = context;
    if (own->resolve != NULL) {
        connect_resolve_timeout(own);
    } else if (own->next > 0 && own->attempts[own->next - 1].fd >= 0) {
        attempt_failed(&own->attempts[own->next - 1], 0);
    } else if (own->next > 0) {
        connect_next(own);
    } else {
        connect_begin(own);
    }
}

/* Names are looked up; addresses are tried as they are, from the loop. */
static int connect_first_step(struct tdm_connect *own)
{
    struct tdm_address numeric;
    if (own->options.addresses != NULL) {
        connect_use(own, own->options.addresses, own->options.address_count);
    } else if (tdm_address_parse(own->host, own->options.port, &numeric) == 0) {
        connect_use(own, &numeric, 1);
    } else {
        tdm_net_note(&own->options.trace, &own->allocator, TIDYMAIL_PHASE_RESOLVE, 0,
                     "looking up %s", own->host);
        if (own->options.phase != NULL) {
            own->options.phase(own->options.context, TIDYMAIL_PHASE_RESOLVE);
        }
        own->resolve =
            tdm_resolve_start(own->loop, own->host, own->options.port, connect_resolved, own);
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
    own->host = tdm_strdup(&loop->allocator, options->host);
    own->timer = tdm_timer_new(loop, connect_timer, own);
    if (own->host == NULL || own->timer == NULL || connect_first_step(own) != 0) {
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
    tdm_resolve_free(own->resolve);
    tdm_timer_close(own->timer);
    tdm_buf_clear(&own->failures);
    tdm_error_clear(&own->error);
    tidymail_allocator allocator = own->allocator;
    tdm_free(&allocator, own->attempts);
    tdm_free(&allocator, own->host);
    tdm_free(&allocator, own);
}
