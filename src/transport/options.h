/*
 * options.h: the options of a transport, parsed. Names, types and defaults stand in options.def;
 * the URL's query, the options struct and the command line all come through tdm_options_set.
 */
#ifndef TDM_TRANSPORT_OPTIONS_H
#define TDM_TRANSPORT_OPTIONS_H

#include "report/report_data.h"

enum tdm_verify { TDM_VERIFY_FULL = 0, TDM_VERIFY_NONE, TDM_VERIFY_SHA256 };

/* Members that are texts are NULL while not set. */
struct tdm_options {
    int tls; /* enum tidymail_smtp_tls, -1 not set */
    char *auth;
    int cleartext_auth;
    int initial_response;
    int pipelining;
    int chunking;
    int partial;
    char *ca;
    int verify; /* enum tdm_verify */
    unsigned char verify_sha256[32];
    char *cert;
    char *key;
    char *proxy;
    char *source;
    char *resolver;
    char *helo;
    int64_t timeout_ms; /* -1 not set */
    int64_t connect_timeout_ms;
    int64_t reply_timeout_ms;
    int64_t final_timeout_ms;
    int reply_timeout_set; /* 1: reply-timeout was given, and so bounds the handshake too */
    char *password_from;
    char *region;
    char *endpoint;
    int drop_unsupported;
    int transcript;
    int connections;
    int per_connection; /* 0: no limit */
    int window;
    int64_t rate; /* messages in an hour; 0: no limit */
    int64_t idle_timeout_ms;
    int64_t connection_age_ms; /* 0: no limit */
    char *redirect;            /* once the transport is open: as in an envelope */
    char *allow;               /* once the transport is open: as in envelopes, commas between */
    int64_t rest_ms;
    char *args;
    int eol_crlf;
};

/* All defaults. */
void tdm_options_init(struct tdm_options *options);
void tdm_options_clear(const tidymail_allocator *allocator, struct tdm_options *options);
/* The names of all options; NULL past the end. */
const char *tdm_options_name(size_t index);
/* 1 where an option has this name. */
int tdm_options_known(const char *name, size_t length);
/* Sets one option from text (not escaped any more; need not end in NUL). An unknown name is an
 * error that names the near ones; a bad value names option, value and what is allowed. Returns
 * TIDYMAIL_OK or the kind, with `error` set (its first-error rule applies). */
int tdm_options_set(const tidymail_allocator *allocator, struct tdm_options *options,
                    const char *name, size_t name_length, const char *value, size_t value_length,
                    struct tidymail_error *error);

#endif
