/*
 * resolve.c: see resolve.h. c-ares opens its sockets through functions of ours, which set
 * close-on-exec and send without SIGPIPE; they are watched by the loop, and a timer carries c-ares'
 * own timeouts and, with 0, the answer out of its callbacks. A channel is made for each lookup, so
 * that a changed resolv.conf or hosts file is seen by a process that runs for long.
 */
#include "net/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define RESOLVE_MAX_ADDRESSES 32
#define RESOLVE_MAX_RECORDS 64
#define RESOLVE_POLL_MS 1000

struct resolve_socket {
    struct resolve_socket *next;
    struct tdm_resolve *resolve;
    int fd;
    struct tdm_watch *watch;
};

struct tdm_resolve {
    struct tdm_loop *loop;
    tidymail_allocator allocator;
    char *host;
    int port;
    ares_channel channel;
    int channel_open;
    struct resolve_socket *sockets;
    struct tdm_timer *timer;
    int finished;
    struct tdm_address addresses[RESOLVE_MAX_ADDRESSES];
    size_t count;
    enum tdm_record kind; /* of records, where those are asked for */
    struct tdm_text_list records;
    struct tidymail_error error;
    void (*done)(void *context, const struct tdm_address *addresses, size_t count,
                 const struct tidymail_error *error);
    void (*records_done)(void *context, const struct tdm_text_list *records,
                         const struct tidymail_error *error);
    void *context;
};

int tdm_address_parse(const char *text, int port, struct tdm_address *address)
{
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    memset(address, 0, sizeof(*address));
    if (uv_ip4_addr(text, port, &ip4) == 0) {
        memcpy(&address->storage, &ip4, sizeof(ip4));
        address->length = sizeof(ip4);
        return 0;
    }
    if (strchr(text, ':') != NULL && uv_ip6_addr(text, port, &ip6) == 0) {
        memcpy(&address->storage, &ip6, sizeof(ip6));
        address->length = sizeof(ip6);
        return 0;
    }
    return -1;
}

int tdm_address_unix(const char *path, struct tdm_address *address)
{
    struct sockaddr_un own;
    size_t length = strlen(path);
    memset(address, 0, sizeof(*address));
    memset(&own, 0, sizeof(own));
    if (length == 0 || length >= sizeof(own.sun_path)) {
        return -1;
    }
    own.sun_family = AF_UNIX;
    memcpy(own.sun_path, path, length);
    memcpy(&address->storage, &own, sizeof(own));
    address->length = sizeof(own);
    return 0;
}

void tdm_address_format(const struct tdm_address *address, int with_port, struct tdm_buf *out)
{
    char text[INET6_ADDRSTRLEN] = "";
    uint16_t port = 0;
    if (address->storage.ss_family == AF_UNIX) {
        struct sockaddr_un own;
        memcpy(&own, &address->storage, sizeof(own));
        tdm_escape(out, own.sun_path, strnlen(own.sun_path, sizeof(own.sun_path)), 0);
        return;
    }
    int is_ip6 = address->storage.ss_family == AF_INET6;
    if (is_ip6) {
        struct sockaddr_in6 ip6;
        memcpy(&ip6, &address->storage, sizeof(ip6));
        uv_ip6_name(&ip6, text, sizeof(text));
        port = ntohs(ip6.sin6_port);
    } else {
        struct sockaddr_in ip4;
        memcpy(&ip4, &address->storage, sizeof(ip4));
        uv_ip4_name(&ip4, text, sizeof(text));
        port = ntohs(ip4.sin_port);
    }
    if (with_port) {
        tdm_buf_addf(out, is_ip6 ? "[%s]:%d" : "%s:%d", text, (int)port);
    } else {
        tdm_buf_add_str(out, text);
    }
}

/* What c-ares does with sockets. */

static ares_socket_t resolve_open_socket(int domain, int type, int protocol, void *context)
{
    (void)context;
    return socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

static int resolve_close_socket(ares_socket_t fd, void *context)
{
    (void)context;
    return close(fd);
}

static int resolve_connect_socket(ares_socket_t fd, const struct sockaddr *address,
                                  ares_socklen_t length, void *context)
{
    (void)context;
    return connect(fd, address, length);
}

static ares_ssize_t resolve_receive(ares_socket_t fd, void *bytes, size_t length, int flags,
                                    struct sockaddr *address, ares_socklen_t *address_length,
                                    void *context)
{
    (void)context;
    return recvfrom(fd, bytes, length, flags, address, address_length);
}

static ares_ssize_t resolve_send(ares_socket_t fd, const struct iovec *parts, int count,
                                 void *context)
{
    struct iovec own[4];
    struct msghdr message;
    (void)context;
    size_t used = count < 4 ? (size_t)count : 4; /* of a stream a part is enough: c-ares goes on */
    memcpy(own, parts, used * sizeof(own[0]));
    memset(&message, 0, sizeof(message));
    message.msg_iov = own;
    message.msg_iovlen = used;
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static const struct ares_socket_functions resolve_sockets = {
    resolve_open_socket, resolve_close_socket, resolve_connect_socket,
    resolve_receive,     resolve_send,
};

static void resolve_fail(struct tdm_resolve *resolve, int kind, const char *hint, int retryable,
                         const char *before, const char *after)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &resolve->allocator, 1024);
    tdm_buf_add_str(&line, before);
    tdm_escape(&line, resolve->host, strlen(resolve->host), 0);
    tdm_buf_add_str(&line, after);
    tdm_error_set(&resolve->error, kind, TIDYMAIL_PHASE_RESOLVE, tdm_buf_text(&line), hint);
    resolve->error.retryable = retryable;
    tdm_buf_clear(&line);
}

static void resolve_arm(struct tdm_resolve *resolve)
{
    struct timeval most = {RESOLVE_POLL_MS / 1000, 0};
    struct timeval room;
    if (resolve->finished) {
        tdm_timer_set(resolve->timer, 0);
        return;
    }
    const struct timeval *wait = ares_timeout(resolve->channel, &most, &room);
    tdm_timer_set(resolve->timer, (int64_t)wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1);
}

static void resolve_socket_ready(void *context, int events)
{
    struct resolve_socket *own = context;
    struct tdm_resolve *resolve = own->resolve;
    int fd = own->fd;
    ares_process_fd(resolve->channel, (events & TDM_READABLE) != 0 ? fd : ARES_SOCKET_BAD,
                    (events & TDM_WRITABLE) != 0 ? fd : ARES_SOCKET_BAD);
    resolve_arm(resolve); /* `own` may be gone */
}

static void resolve_drop_socket(struct tdm_resolve *resolve, struct resolve_socket **link)
{
    struct resolve_socket *own = *link;
    *link = own->next;
    tdm_watch_close(own->watch);
    tdm_free(&resolve->allocator, own);
}

/* c-ares says what it waits for on one of its sockets. */
static void resolve_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
    struct tdm_resolve *resolve = context;
    struct resolve_socket **link = &resolve->sockets;
    while (*link != NULL && (*link)->fd != fd) {
        link = &(*link)->next;
    }
    if (!readable && !writable) {
        if (*link != NULL) {
            resolve_drop_socket(resolve, link);
        }
        return;
    }
    if (*link == NULL) {
        struct resolve_socket *own = tdm_alloc_array(&resolve->allocator, 1, sizeof(*own));
        if (own == NULL) {
            return; /* not watched: c-ares' timeout ends it */
        }
        own->resolve = resolve;
        own->fd = fd;
        own->watch = tdm_watch_new(resolve->loop, fd, resolve_socket_ready, own);
        if (own->watch == NULL) {
            tdm_free(&resolve->allocator, own);
            return;
        }
        *link = own;
    }
    tdm_watch_set((*link)->watch, (readable ? TDM_READABLE : 0) | (writable ? TDM_WRITABLE : 0));
}

static void resolve_explain(struct tdm_resolve *resolve, int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
        resolve_fail(resolve, TIDYMAIL_KIND_RESOLVE, "check the spelling of the host name", 0,
                     "there is no host named ", "");
        break;
    case ARES_ENODATA:
        resolve_fail(resolve, TIDYMAIL_KIND_RESOLVE,
                     "the name exists but is no host: a domain's mail server has another name", 0,
                     "the name ", " has no address");
        break;
    case ARES_EBADNAME:
    case ARES_EBADQUERY:
    case ARES_EFORMERR:
        resolve_fail(resolve, TIDYMAIL_KIND_RESOLVE, "check the spelling of the host name", 0, "",
                     " is not a host name that can be looked up");
        break;
    case ARES_ENOMEM:
        resolve_fail(resolve, TIDYMAIL_KIND_LOCAL, NULL, 0, "out of memory while looking up ", "");
        break;
    case ARES_ETIMEOUT:
        resolve_fail(resolve, TIDYMAIL_KIND_RESOLVE,
                     "check the network and the name servers in /etc/resolv.conf", 1,
                     "no name server answered for ", "");
        break;
    case ARES_ECONNREFUSED:
        resolve_fail(resolve, TIDYMAIL_KIND_RESOLVE,
                     "check the network and the name servers in /etc/resolv.conf", 1,
                     "no name server could be reached for ", "");
        break;
    default: {
        struct tdm_buf words;
        tdm_buf_init(&words, &resolve->allocator, 256);
        tdm_buf_addf(&words, " failed: %s", ares_strerror(status));
        resolve_fail(resolve, TIDYMAIL_KIND_RESOLVE, "it may work again in a while", 1,
                     "looking up ", tdm_buf_text(&words));
        tdm_buf_clear(&words);
        break;
    }
    }
}

static void resolve_keep(struct tdm_resolve *resolve, const struct ares_addrinfo_node *node)
{
    if (resolve->count == RESOLVE_MAX_ADDRESSES ||
        (node->ai_family != AF_INET && node->ai_family != AF_INET6)) {
        return;
    }
    struct tdm_address *address = &resolve->addresses[resolve->count++];
    memcpy(&address->storage, node->ai_addr, node->ai_addrlen);
    address->length = node->ai_addrlen;
    in_port_t port = htons((uint16_t)resolve->port);
    if (node->ai_family == AF_INET6) {
        memcpy((char *)&address->storage + offsetof(struct sockaddr_in6, sin6_port), &port,
               sizeof(port));
    } else {
        memcpy((char *)&address->storage + offsetof(struct sockaddr_in, sin_port), &port,
               sizeof(port));
    }
}

static void resolve_answer(void *context, int status, int timeouts, struct ares_addrinfo *result)
{
    struct tdm_resolve *resolve = context;
    (void)timeouts;
    if (status != ARES_EDESTRUCTION && status != ARES_ECANCELLED) {
        if (status == ARES_SUCCESS && result != NULL) {
            for (const struct ares_addrinfo_node *node = result->nodes; node != NULL;
                 node = node->ai_next) {
                resolve_keep(resolve, node);
            }
        }
        if (resolve->count == 0) {
            resolve_explain(resolve, status == ARES_SUCCESS ? ARES_ENODATA : status);
        }
        resolve->finished = 1;
    }
    if (result != NULL) {
        ares_freeaddrinfo(result);
    }
}

static void resolve_timer(void *context)
{
    struct tdm_resolve *resolve = context;
    if (!resolve->finished) {
        ares_process_fd(resolve->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        resolve_arm(resolve);
        return;
    }
    if (resolve->records_done != NULL) {
        resolve->records_done(resolve->context, &resolve->records, &resolve->error);
    } else {
        resolve->done(resolve->context, resolve->addresses, resolve->count, &resolve->error);
    }
}

static void resolve_add_record(struct tdm_resolve *resolve, const struct tdm_buf *text)
{
    struct tdm_text_list *list = &resolve->records;
    char *copy = text->failed || list->count == RESOLVE_MAX_RECORDS
                     ? NULL
                     : tdm_strdup(&resolve->allocator, tdm_buf_text(text));
    char **items = copy == NULL ? NULL
                                : tdm_resize_array(&resolve->allocator, list->items,
                                                   list->count + 1, sizeof(*items));
    if (items == NULL) {
        tdm_free(&resolve->allocator, copy);
        return;
    }
    items[list->count++] = copy;
    list->items = items;
}

static int resolve_read_txt(struct tdm_resolve *resolve, const unsigned char *answer, int length)
{
    struct ares_txt_ext *first = NULL;
    struct tdm_buf text;
    int status = ares_parse_txt_reply_ext(answer, length, &first);
    tdm_buf_init(&text, &resolve->allocator, (size_t)64 * 1024);
    for (const struct ares_txt_ext *at = first; at != NULL; at = at->next) {
        tdm_escape(&text, (const char *)at->txt, at->length, 0);
        if (at->next == NULL || at->next->record_start) {
            resolve_add_record(resolve, &text);
            tdm_buf_reset(&text);
        }
    }
    tdm_buf_clear(&text);
    if (first != NULL) {
        ares_free_data(first);
    }
    return status;
}

static int resolve_read_mx(struct tdm_resolve *resolve, const unsigned char *answer, int length)
{
    struct ares_mx_reply *first = NULL;
    struct tdm_buf text;
    int status = ares_parse_mx_reply(answer, length, &first);
    tdm_buf_init(&text, &resolve->allocator, 4096);
    int before = -1;
    for (;;) { /* a handful: the least preference over `before`, again and again */
        int next = -1;
        for (const struct ares_mx_reply *at = first; at != NULL; at = at->next) {
            next = at->priority > before && (next < 0 || at->priority < next) ? at->priority : next;
        }
        if (next < 0) {
            break;
        }
        for (const struct ares_mx_reply *at = first; at != NULL; at = at->next) {
            if (at->priority == next) {
                tdm_buf_reset(&text);
                tdm_buf_addf(&text, "%d ", next);
                tdm_escape(&text, at->host, strlen(at->host), 0);
                resolve_add_record(resolve, &text);
            }
        }
        before = next;
    }
    tdm_buf_clear(&text);
    if (first != NULL) {
        ares_free_data(first);
    }
    return status;
}

static void resolve_records_answer(void *context, int status, int timeouts, unsigned char *answer,
                                   int length)
{
    struct tdm_resolve *resolve = context;
    (void)timeouts;
    if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED) {
        return;
    }
    if (status == ARES_SUCCESS) {
        status = resolve->kind == TDM_RECORD_TXT ? resolve_read_txt(resolve, answer, length)
                                                 : resolve_read_mx(resolve, answer, length);
    }
    if (status != ARES_SUCCESS && status != ARES_ENODATA && status != ARES_ENOTFOUND) {
        resolve_explain(resolve, status);
    }
    resolve->finished = 1;
}

static void resolve_begin(struct tdm_resolve *resolve)
{
    struct ares_options options;
    struct ares_addrinfo_hints hints;
    memset(&options, 0, sizeof(options));
    memset(&hints, 0, sizeof(hints));
    options.sock_state_cb = resolve_socket_state;
    options.sock_state_cb_data = resolve;
    int status = ares_init_options(&resolve->channel, &options, ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) {
        resolve_fail(resolve, TIDYMAIL_KIND_LOCAL, NULL, 0,
                     "the resolver could not be started to look up ", "");
        resolve->finished = 1;
        return;
    }
    resolve->channel_open = 1;
    ares_set_socket_functions(resolve->channel, &resolve_sockets, resolve);
    if (resolve->loop->resolver != NULL &&
        ares_set_servers_ports_csv(resolve->channel, resolve->loop->resolver) != ARES_SUCCESS) {
        resolve_fail(resolve, TIDYMAIL_KIND_CONFIGURATION,
                     "write it as ADDRESS:PORT, such as 127.0.0.1:53", 0,
                     "the resolver to ask is no address; nothing was looked up for ", "");
        resolve->finished = 1;
        return;
    }
    if (resolve->records_done != NULL) {
        enum { CLASS_IN = 1, TYPE_MX = 15, TYPE_TXT = 16 }; /* RFC 1035 3.2 */
        ares_query(resolve->channel, resolve->host, CLASS_IN,
                   resolve->kind == TDM_RECORD_TXT ? TYPE_TXT : TYPE_MX, resolve_records_answer,
                   resolve);
        return;
    }
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(resolve->channel, resolve->host, NULL, &hints, resolve_answer, resolve);
}

/* A lookup that has not begun; NULL when out of memory. */
static struct tdm_resolve *resolve_new(struct tdm_loop *loop, const char *host, void *context)
{
    struct tdm_resolve *resolve = tdm_alloc_array(&loop->allocator, 1, sizeof(*resolve));
    if (resolve == NULL) {
        return NULL;
    }
    resolve->loop = loop;
    resolve->allocator = loop->allocator;
    resolve->context = context;
    tdm_error_init(&resolve->error, &loop->allocator);
    resolve->host = tdm_strdup(&loop->allocator, host);
    resolve->timer = tdm_timer_new(loop, resolve_timer, resolve);
    if (resolve->host == NULL || resolve->timer == NULL) {
        tdm_resolve_free(resolve);
        return NULL;
    }
    return resolve;
}

struct tdm_resolve *
tdm_resolve_start(struct tdm_loop *loop, const char *host, int port,
                  void (*done)(void *context, const struct tdm_address *addresses, size_t count,
                               const struct tidymail_error *error),
                  void *context)
{
    struct tdm_resolve *resolve = resolve_new(loop, host, context);
    if (resolve != NULL) {
        resolve->port = port;
        resolve->done = done;
        resolve_begin(resolve);
        resolve_arm(resolve);
    }
    return resolve;
}

struct tdm_resolve *tdm_records_start(struct tdm_loop *loop, const char *name, enum tdm_record kind,
                                      void (*done)(void *context,
                                                   const struct tdm_text_list *records,
                                                   const struct tidymail_error *error),
                                      void *context)
{
    struct tdm_resolve *resolve = resolve_new(loop, name, context);
    if (resolve != NULL) {
        resolve->kind = kind;
        resolve->records_done = done;
        resolve_begin(resolve);
        resolve_arm(resolve);
    }
    return resolve;
}

void tdm_resolve_free(struct tdm_resolve *resolve)
{
    if (resolve == NULL) {
        return;
    }
    if (resolve->channel_open) {
        ares_destroy(resolve->channel);
    }
    while (resolve->sockets != NULL) {
        resolve_drop_socket(resolve, &resolve->sockets);
    }
    tdm_timer_close(resolve->timer);
    tdm_error_clear(&resolve->error);
    tidymail_allocator allocator = resolve->allocator;
    for (size_t i = 0; i < resolve->records.count; i++) {
        tdm_free(&allocator, resolve->records.items[i]);
    }
    tdm_free(&allocator, resolve->records.items);
    tdm_free(&allocator, resolve->host);
    tdm_free(&allocator, resolve);
}
