/*
 * link.c: the driver of the engine, see link.h. Everything happens in link_settle: it acts on the
 * engine's events, writes, reads where there may be something, and arms watch and timer for what
 * comes next. Replies are read between the writes, since a server may refuse a message in its middle.
 */
#include "net/link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/connect.h"

#define READ_SIZE 16384  /* a whole TLS record (RFC 8446 5.1), so that OpenSSL keeps nothing back */
#define SETTLE_ROUNDS 32 /* then the loop looks whether the server said something */
#define WAIT_MS 250      /* tdm_link_wait: how long a read waits */
#define LAST_READS 64    /* after a broken write: what the server still said */

struct tdm_link {
    struct tdm_loop *loop;
    tidymail_allocator allocator;
    struct tdm_link_options options;
    tidymail_smtp *smtp;
    struct tdm_connect *connect;
    struct tdm_timer *timer;
    int fd;
    struct tdm_watch *watch;
    struct tdm_tls *tls;
    int blocks; /* reads without MSG_DONTWAIT wait, for WAIT_MS at most */
    int handshaking;
    int more_to_write; /* the writing was interrupted, not held up */
    int waits;         /* the next read may wait for bytes */
    int write_waits;   /* TDM_READABLE or TDM_WRITABLE: what the next write waits for */
    int read_waits;    /* TDM_WRITABLE: TLS has to write before it can read */
    int heard;         /* the server said something */
    int more_to_read;  /* the last read may not have emptied the socket */
    int64_t armed;     /* when the timer expires; -1: it does not run */
    int64_t now;       /* what happens at once has one time */
    int closed;
};

enum link_io { LINK_DATA, LINK_WAIT, LINK_ENDED };

/* Time may have passed: the loop or the owner calls, or something took long. */
static void link_look_at_clock(struct tdm_link *link)
{
    link->now = link->options.now_ms();
}

static void link_close(struct tdm_link *link)
{
    if (link->closed) {
        return;
    }
    link->closed = 1;
    tdm_timer_set(link->timer, -1);
    link->armed = -1;
    tdm_connect_free(link->connect);
    link->connect = NULL;
    if (link->tls != NULL) {
        tdm_tls_shutdown(link->tls);
        tdm_tls_free(link->tls);
        link->tls = NULL;
    }
    tdm_watch_close(link->watch);
    link->watch = NULL;
    if (link->fd >= 0) {
        close(link->fd);
        link->fd = -1;
    }
}

static void link_fail_memory(struct tdm_link *link, int phase)
{
    tidymail_smtp_fail(link->smtp, TIDYMAIL_KIND_LOCAL, phase, 0, "out of memory", NULL, link->now);
}

static void link_fail(struct tdm_link *link, const struct tidymail_error *error)
{
    if (error->kind == TIDYMAIL_OK) {
        link_fail_memory(link, tidymail_smtp_phase(link->smtp));
        return;
    }
    tidymail_smtp_fail(link->smtp, error->kind, error->phase, error->retryable, error->message,
                       error->hint, link->now);
}

static void link_end_of_file(struct tdm_link *link, const char *words)
{
    tidymail_smtp_end_of_file(link->smtp, words, link->now);
}

static void link_end_by_errno(struct tdm_link *link, int number)
{
    struct tdm_buf words;
    tdm_buf_init(&words, &link->allocator, 256);
    tdm_net_add_errno(&words, number);
    link_end_of_file(link, tdm_buf_text(&words));
    tdm_buf_clear(&words);
}

/* Reads once and feeds the engine. */
static enum link_io link_read_plain(struct tdm_link *link, char *bytes, size_t capacity)
{
    ssize_t got = recv(link->fd, bytes, capacity, link->waits ? 0 : MSG_DONTWAIT);
    if (link->waits) {
        link_look_at_clock(link);
    }
    if (got > 0) {
        link->heard = 1;
        link->more_to_read = (size_t)got == capacity;
        tidymail_smtp_feed(link->smtp, bytes, (size_t)got, link->now);
        return LINK_DATA;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return LINK_WAIT;
    }
    if (got < 0) {
        link_end_by_errno(link, errno);
    } else {
        link_end_of_file(link, NULL);
    }
    return LINK_ENDED;
}

/* 1 where the session failed by TLS itself: the server refused the handshake after our end of it, or
 * what came is not of this session. */
static int link_tls_failed(struct tdm_link *link)
{
    struct tidymail_error error;
    if (link->tls == NULL) {
        return 0;
    }
    tdm_error_init(&error, &link->allocator);
    int refused = tdm_tls_refused_late(link->tls, &error) ||
                  tdm_tls_damaged(link->tls, tidymail_smtp_phase(link->smtp), &error);
    if (refused) {
        link_fail(link, &error);
    }
    tdm_error_clear(&error);
    return refused;
}

static enum link_io link_read(struct tdm_link *link)
{
    char bytes[READ_SIZE];
    size_t length = 0;
    if (link->tls == NULL) {
        return link_read_plain(link, bytes, sizeof(bytes));
    }
    link->read_waits = 0;
    tdm_tls_let_wait(link->tls, link->waits);
    enum tdm_tls_result result = tdm_tls_read(link->tls, bytes, sizeof(bytes), &length);
    tdm_tls_let_wait(link->tls, 0);
    if (link->waits) {
        link_look_at_clock(link);
    }
    switch (result) {
    case TDM_TLS_DONE:
        link->more_to_read = tdm_tls_has_more(link->tls);
        tidymail_smtp_feed(link->smtp, bytes, length, link->now);
        return LINK_DATA;
    case TDM_TLS_WANT_READ:
        return LINK_WAIT;
    case TDM_TLS_WANT_WRITE:
        link->read_waits = TDM_WRITABLE;
        return LINK_WAIT;
    case TDM_TLS_EOF:
    case TDM_TLS_FAILED:
        break;
    }
    if (!link_tls_failed(link)) {
        link_end_of_file(link, tdm_tls_words(link->tls));
    }
    return LINK_ENDED;
}

/* The connection broke under a write. What the server said before (a refusal, mostly) is still in
 * the socket, and is worth more than the errno value. */
static void link_write_broke(struct tdm_link *link, const char *words)
{
    int rounds = 0;
    char copy[256];
    size_t length = words != NULL ? strlen(words) : 0;
    length = length < sizeof(copy) ? length : sizeof(copy) - 1;
    memcpy(copy, words != NULL ? words : "", length);
    copy[length] = '\0';
    char bytes[READ_SIZE];
    for (; rounds < LAST_READS; rounds++) {
        size_t got = 0;
        if (link->tls != NULL) {
            if (tdm_tls_read(link->tls, bytes, sizeof(bytes), &got) != TDM_TLS_DONE) {
                break;
            }
        } else {
            ssize_t status = recv(link->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
            if (status <= 0) {
                break;
            }
            got = (size_t)status;
        }
        tidymail_smtp_feed(link->smtp, bytes, got, link->now);
    }
    if (!link_tls_failed(link)) {
        link_end_of_file(link, copy[0] != '\0' ? copy : NULL);
    }
}

static enum link_io link_write_plain(struct tdm_link *link, const void *bytes, size_t length)
{
    ssize_t sent = send(link->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
        tidymail_smtp_consume(link->smtp, (size_t)sent, link->now);
        return LINK_DATA;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        link->write_waits = TDM_WRITABLE;
        return LINK_WAIT;
    }
    struct tdm_buf words;
    tdm_buf_init(&words, &link->allocator, 256);
    tdm_net_add_errno(&words, errno);
    link_write_broke(link, tdm_buf_text(&words));
    tdm_buf_clear(&words);
    return LINK_ENDED;
}

/* Writes once of what the engine has to say. */
static enum link_io link_write(struct tdm_link *link)
{
    const void *bytes;
    size_t length;
    size_t written = 0;
    link->write_waits = 0;
    if (!tidymail_smtp_output(link->smtp, &bytes, &length)) {
        return LINK_WAIT;
    }
    link_look_at_clock(link); /* the message's source may have taken long */
    if (link->tls == NULL) {
        return link_write_plain(link, bytes, length);
    }
    switch (tdm_tls_write(link->tls, bytes, length, &written)) {
    case TDM_TLS_DONE:
        tidymail_smtp_consume(link->smtp, written, link->now);
        return LINK_DATA;
    case TDM_TLS_WANT_READ:
        link->write_waits = TDM_READABLE;
        return LINK_WAIT;
    case TDM_TLS_WANT_WRITE:
        link->write_waits = TDM_WRITABLE;
        return LINK_WAIT;
    case TDM_TLS_EOF:
    case TDM_TLS_FAILED:
        break;
    }
    link_write_broke(link, tdm_tls_words(link->tls));
    return LINK_ENDED;
}

/* A TLS server never speaks first: what is there before our handshake was sent in clear, by the
 * server or by somebody on the way (RFC 3207 6). 1 where the session was ended for it. */
static int link_check_injection(struct tdm_link *link)
{
    char byte;
    if (!link->heard || recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
        return 0; /* with TLS at once nothing was heard before; the handshake will judge the bytes */
    }
    tidymail_smtp_fail(link->smtp, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_STARTTLS, 0,
                       "the server sent bytes in clear behind its answer to STARTTLS",
                       "somebody on the way may be injecting replies; nothing of it was believed",
                       link->now);
    return 1;
}

static void link_start_tls(struct tdm_link *link)
{
    struct tidymail_error error;
    if (link_check_injection(link)) {
        return;
    }
    tdm_error_init(&error, &link->allocator);
    struct tdm_tls_context *context = link->options.tls(link->options.owner, &error);
    link_look_at_clock(link); /* the trust store may just have been loaded */
    if (context == NULL) {
        link_fail(link, &error);
    } else {
        link->tls = tdm_tls_new(context, link->fd, link->options.host);
        link->handshaking = link->tls != NULL;
        if (link->tls == NULL) {
            link_fail_memory(link, TIDYMAIL_PHASE_TLS);
        } else if (link->heard) { /* STARTTLS: EHLO follows, not the server's greeting */
            tdm_tls_speaks_first(link->tls);
        }
    }
    tdm_error_clear(&error);
}

/* Tells who wants to know what the server showed. */
static void link_tell_certificate(struct tdm_link *link, const struct tidymail_error *error)
{
    struct tdm_certificate facts;
    if (link->options.certificate == NULL) {
        return;
    }
    if (tdm_tls_facts(link->tls, error, &link->allocator, &facts) == 0) {
        link->options.certificate(link->options.owner, &facts);
    }
    tdm_certificate_clear(&link->allocator, &facts);
}

/* What a login may be bound to. */
static void link_bind(struct tdm_link *link)
{
    unsigned char bytes[TDM_TLS_BINDING_MAX];
    size_t length = 0;
    const char *type =
        tdm_smtp_wants_binding(link->smtp) ? tdm_tls_binding(link->tls, bytes, &length) : NULL;
    if (type != NULL) {
        tidymail_smtp_tls_binding(link->smtp, type, bytes, length);
    }
}

static void link_tls_done(struct tdm_link *link)
{
    struct tdm_buf facts;
    const char *version = tdm_tls_version(link->tls);
    const char *cipher = tdm_tls_cipher(link->tls);
    link->handshaking = 0;
    tdm_buf_init(&facts, &link->allocator, 4096);
    tdm_tls_describe(link->tls, &facts);
    tdm_net_note(&link->options.trace, &link->allocator, TIDYMAIL_PHASE_TLS, 1, "TLS: %s, %s, %s",
                 version, cipher, tdm_buf_text(&facts));
    tdm_buf_clear(&facts);
    link_tell_certificate(link, NULL);
    link_bind(link);
    link_look_at_clock(link);
    tidymail_smtp_tls_done(link->smtp, version, cipher, link->now);
}

/* 1 where something changed, 0 where the socket has to be waited for. */
static int link_handshake(struct tdm_link *link)
{
    struct tidymail_error error;
    tdm_error_init(&error, &link->allocator);
    link->write_waits = 0;
    enum tdm_tls_result result = tdm_tls_handshake(link->tls, &error);
    switch (result) {
    case TDM_TLS_DONE:
        link_tls_done(link);
        break;
    case TDM_TLS_WANT_READ:
        break;
    case TDM_TLS_WANT_WRITE:
        link->write_waits = TDM_WRITABLE;
        break;
    case TDM_TLS_EOF:
    case TDM_TLS_FAILED:
        link->handshaking = 0;
        link_tell_certificate(link, &error);
        tdm_net_note(&link->options.trace, &link->allocator, TIDYMAIL_PHASE_TLS, 0, "%s",
                     tidymail_error_message(&error));
        link_fail(link, &error);
        break;
    }
    tdm_error_clear(&error);
    return result != TDM_TLS_WANT_READ && result != TDM_TLS_WANT_WRITE;
}

/* Acts on the engine's events; returns how many there were. */
static int link_events(struct tdm_link *link)
{
    const tidymail_smtp_event *event;
    int count = 0;
    while (!link->closed && (event = tidymail_smtp_next(link->smtp)) != NULL) {
        count++;
        switch (event->type) {
        case TIDYMAIL_SMTP_START_TLS:
            link_start_tls(link);
            break;
        case TIDYMAIL_SMTP_REPORT:
            link->options.reported(link->options.owner, event->context, event->report);
            break;
        case TIDYMAIL_SMTP_CLOSE:
            link_close(link);
            break;
        default:
            break; /* IDLE: the owner asks tdm_link_is_fresh */
        }
    }
    return count;
}

/* Waits for what comes next: the socket and the engine's deadline. */
static void link_arm(struct tdm_link *link, int more_to_write)
{
    if (link->closed) {
        return;
    }
    int64_t deadline = tidymail_smtp_deadline(link->smtp);
    /* deadlines move on with every reply: a timer that expires early costs less than one set anew */
    if (deadline >= 0 && (link->armed < 0 || deadline < link->armed)) {
        int64_t left = deadline - link->now;
        tdm_timer_set(link->timer, left > 1 ? left : 1);
        link->armed = deadline;
    }
    if (link->watch == NULL) {
        return;
    }
    int events = TDM_READABLE | link->write_waits | link->read_waits;
    if (more_to_write) {
        events |= TDM_WRITABLE;
    }
    if (tdm_watch_set(link->watch, events) != 0) {
        link_fail_memory(link, tidymail_smtp_phase(link->smtp));
        link_events(link);
    }
}

static void link_ask_more(struct tdm_link *link)
{
    if (link->options.more != NULL && tdm_smtp_room(link->smtp) > 0) {
        link->options.more(link->options.owner);
    }
}

static void link_settle(struct tdm_link *link, int can_read)
{
    int more = 0;
    link_events(link);
    for (int round = 0; !link->closed && link->fd >= 0; round++) {
        if (link->handshaking) {
            if (!link_handshake(link)) {
                break;
            }
            link_events(link);
            continue;
        }
        if (round == SETTLE_ROUNDS) {
            more = 1;
            break;
        }
        tidymail_smtp_tick(link->smtp, link->now); /* no stream of bytes holds a deadline up */
        enum link_io got = LINK_WAIT;
        enum link_io written = LINK_WAIT;
        int events = 0;
        if (can_read) {
            got = link_read(link);
            can_read = got == LINK_DATA && link->more_to_read;
            events = link_events(link);
        }
        if (got != LINK_ENDED && !link->closed) {
            link_ask_more(link);
            written = link_write(link);
            events += link_events(link);
        }
        if (events == 0 && written == LINK_WAIT && got == LINK_WAIT) {
            break;
        }
    }
    link->more_to_write = more;
    link_arm(link, more);
}

static void link_ready(void *context, int events)
{
    struct tdm_link *link = context;
    link_look_at_clock(link);
    link_settle(link, (events & TDM_READABLE) != 0 || link->read_waits != 0);
}

static void link_timer(void *context)
{
    struct tdm_link *link = context;
    link_look_at_clock(link);
    link->armed = -1;
    tidymail_smtp_tick(link->smtp, link->now);
    link_settle(link, 0);
}

static void link_resolved(void *context, const struct tdm_address *addresses, size_t count)
{
    const struct tdm_link *link = context;
    link->options.resolved(link->options.owner, addresses, count);
}

static void link_phase(void *context, int phase)
{
    struct tdm_link *link = context;
    link_look_at_clock(link);
    tdm_smtp_set_phase(link->smtp, phase, link->now);
}

/* The address, where somebody knows it: through a proxy nobody does. */
static void link_note_address(struct tdm_link *link, const struct tdm_address *address)
{
    struct tdm_buf text;
    if (address == NULL) {
        return;
    }
    tdm_buf_init(&text, &link->allocator, 512);
    tdm_address_format(address, 0, &text);
    tdm_net_note(&link->options.trace, &link->allocator, TIDYMAIL_PHASE_CONNECT, 0,
                 "connected to %s", tdm_buf_text(&text));
    tdm_smtp_set_address(link->smtp, tdm_buf_text(&text));
    tdm_buf_clear(&text);
}

/* For tdm_link_wait; everything else is read and written with MSG_DONTWAIT. */
static void link_let_reads_wait(struct tdm_link *link)
{
    struct timeval limit = {0, WAIT_MS * 1000};
    int flags = fcntl(link->fd, F_GETFL);
    link->blocks =
        flags >= 0 &&
        setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, (socklen_t)sizeof(limit)) == 0 &&
        fcntl(link->fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

static void link_connected(void *context, int fd, const struct tdm_address *address,
                           const struct tidymail_error *error)
{
    struct tdm_link *link = context;
    link_look_at_clock(link);
    if (fd < 0) {
        link_fail(link, error);
    } else {
        link_note_address(link, address);
        link->fd = fd;
        link->watch = tdm_watch_new(link->loop, fd, link_ready, link);
        link_let_reads_wait(link);
        if (link->watch == NULL) {
            link_fail_memory(link, TIDYMAIL_PHASE_CONNECT);
        } else {
            tidymail_smtp_connected(link->smtp, link->now);
        }
    }
    tdm_connect_free(link->connect);
    link->connect = NULL;
    link_settle(link, 0);
}

struct tdm_link *tdm_link_new(struct tdm_loop *loop, const struct tdm_link_options *options,
                              tidymail_smtp *smtp)
{
    struct tdm_link *link = tdm_alloc_array(&loop->allocator, 1, sizeof(*link));
    if (link == NULL) {
        tidymail_smtp_free(smtp);
        return NULL;
    }
    link->loop = loop;
    link->allocator = loop->allocator;
    link->options = *options;
    link->smtp = smtp;
    link->fd = -1;
    link->armed = -1;
    link->timer = tdm_timer_new(loop, link_timer, link);
    if (link->timer == NULL) {
        tdm_link_free(link);
        return NULL;
    }
    return link;
}

void tdm_link_free(struct tdm_link *link)
{
    if (link == NULL) {
        return;
    }
    tidymail_allocator allocator = link->allocator;
    if (link->timer != NULL) {
        link_close(link);
        tdm_timer_close(link->timer);
    }
    tidymail_smtp_free(link->smtp);
    tdm_free(&allocator, link);
}

void tdm_link_connect(struct tdm_link *link)
{
    struct tdm_connect_options options;
    link_look_at_clock(link);
    memset(&options, 0, sizeof(options));
    options.host = link->options.host;
    options.port = link->options.port;
    options.timeout_ms = link->options.connect_timeout_ms;
    options.addresses = link->options.addresses;
    options.address_count = link->options.address_count;
    options.unix_path = link->options.unix_path;
    options.source = link->options.source;
    options.proxy = link->options.proxy;
    options.now_ms = link->options.now_ms;
    options.trace = link->options.trace;
    options.phase = link_phase;
    options.resolved = link->options.resolved != NULL ? link_resolved : NULL;
    options.done = link_connected;
    options.context = link;
    link->connect = tdm_connect_start(link->loop, &options);
    if (link->connect == NULL) {
        link_fail_memory(link, TIDYMAIL_PHASE_CONNECT);
    }
    link_settle(link, 0); /* arms the deadline of the whole send */
}

void tdm_link_drive(struct tdm_link *link)
{
    link_look_at_clock(link);
    link_settle(link, 0);
}

int tdm_link_is_fresh(struct tdm_link *link)
{
    if (link->closed || link->fd < 0 || !tidymail_smtp_usable(link->smtp)) {
        return 0;
    }
    link_look_at_clock(link);
    enum link_io got = link_read(link); /* session tickets of TLS 1.3 count as nothing */
    link_settle(link, got == LINK_DATA);
    return got == LINK_WAIT && !link->closed && tidymail_smtp_usable(link->smtp);
}

int tdm_link_wait(struct tdm_link *link)
{
    int64_t deadline = tidymail_smtp_deadline(link->smtp);
    link_look_at_clock(link);
    if (link->closed || link->fd < 0 || !link->blocks || link->handshaking || link->more_to_write ||
        link->write_waits != 0 || link->read_waits != 0 || deadline < 0 ||
        deadline - link->now <= WAIT_MS) {
        return 0;
    }
    link->waits = 1;
    enum link_io got = link_read(link);
    link->waits = 0;
    link_settle(link, got == LINK_DATA && link->more_to_read);
    return got != LINK_WAIT;
}

void tdm_link_abort(struct tdm_link *link, const char *words)
{
    link_look_at_clock(link);
    tidymail_smtp_fail(link->smtp, TIDYMAIL_KIND_LOCAL, tidymail_smtp_phase(link->smtp), 1, words,
                       NULL, link->now);
    link_events(link);
}

void tdm_link_quit(struct tdm_link *link)
{
    link_look_at_clock(link);
    tidymail_smtp_quit(link->smtp, link->now);
    link_settle(link, 0);
}

int tdm_link_is_closed(const struct tdm_link *link)
{
    return link->closed;
}
