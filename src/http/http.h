/*
 * http.h: what the module tidymail-http.so gives, which is opened at the first message to a mail service
 * (docs/decisions/010-http-is-a-module.md): one connection over which libcurl carries requests. The
 * sockets, the loop and the rules of TLS are the caller's: the module is told when something
 * happens, and asks for what it needs.
 */
#ifndef TDM_HTTP_HTTP_H
#define TDM_HTTP_HTTP_H

#include "net/loop.h"
#include "provider/http_message.h"

#define TDM_HTTP_MODULE_ABI 1U
#define TDM_HTTP_MODULE_SYMBOL "tdm_http_module"

struct tdm_http_session;

/* How a request ended. */
enum tdm_http_end {
    TDM_HTTP_DONE,      /* the answer is whole */
    TDM_HTTP_NO_SOCKET, /* another connection was wanted, and open_socket had none */
    TDM_HTTP_STOPPED,   /* header or body of the caller's did not want more */
    TDM_HTTP_TLS,       /* no TLS session came about, or it broke */
    TDM_HTTP_CUT,       /* the connection ended before the answer did */
    TDM_HTTP_PROTOCOL,  /* what came is no HTTP */
    TDM_HTTP_MEMORY,
    TDM_HTTP_OTHER
};

struct tdm_http_result {
    enum tdm_http_end end;
    int status;        /* 0: none came */
    int version;       /* 10, 11, 20; 0 where no answer came */
    const char *words; /* libcurl's, "" where it has none; valid during the call */
};

/* All functions are the caller's, and get `context`. */
struct tdm_http_options {
    const tidymail_allocator *allocator;
    const char *user_agent; /* copied */
    int is_tls;
    int verify_name; /* libcurl looks at the certificate's name too */
    int want_trace;  /* `sent` is called */
    void *context;
    /* A connected socket, the module's until close_socket; -1: there is none. */
    int (*open_socket)(void *context);
    void (*close_socket)(void *context, int fd);
    /* What is waited for from now on (TDM_READABLE, TDM_WRITABLE; 0: nothing). 0, or -1. */
    int (*watch)(void *context, int fd, int events);
    /* When tdm_http_module.expired is wanted; -1: not any more. */
    void (*timer)(void *context, int64_t delay_ms);
    /* Sets the SSL_CTX of a connection up; 0, or -1. */
    int (*tls)(void *context, void *ssl_ctx);
    /* The head of the request as it went out, with its secrets. */
    void (*sent)(void *context, const char *text, size_t length);
    /* A line of the answer's head, without its line end; -1: no more is wanted. Lines of interim
     * answers (1xx) come too: each head begins with a status line. */
    int (*header)(void *context, const char *line, size_t length);
    int (*body)(void *context, const char *bytes, size_t length);
    void (*done)(void *context, const struct tdm_http_result *result);
};

struct tdm_http_module {
    unsigned abi;        /* TDM_HTTP_MODULE_ABI */
    const char *version; /* of tidymail: structs are the same in the same version only */
    /* NULL, and why in `words` (constant): out of memory, or a libcurl that will not do. */
    struct tdm_http_session *(*open)(const struct tdm_http_options *options, const char **words);
    /* Begins a request, which stays the caller's and as it is until `done`; one at a time. 0, or -1: out
     * of memory. `done` never comes inside. */
    int (*send)(struct tdm_http_session *session, const struct tdm_http_request *request);
    /* How much of the body was taken: where it is less than all, the server cannot have it. */
    size_t (*taken)(const struct tdm_http_session *session);
    void (*ready)(struct tdm_http_session *session, int fd, int events);
    void (*expired)(struct tdm_http_session *session);
    /* Gives a request up that is under way; closes the connection. NULL is accepted. */
    void (*close)(struct tdm_http_session *session);
};

#endif
