/*
 * check.h: walks every stage of a send without sending, and says what is wrong where, and what to do
 * next. `tidymail check` is this and a printer.
 *
 *     tidymail_check *check = tidymail_check_run("smtp://user:password@mail.example.com", NULL);
 *     puts(tidymail_check_summary(check));
 *     tidymail_check_free(check);
 */
#ifndef TIDYMAIL_CHECK_H
#define TIDYMAIL_CHECK_H

#include <tidymail/transport.h>

TIDYMAIL_BEGIN_DECLS

typedef struct tidymail_check tidymail_check;

enum tidymail_check_status {
    TIDYMAIL_CHECK_OK = 0,
    TIDYMAIL_CHECK_WARNING = 1, /* it works, and something should be looked at */
    TIDYMAIL_CHECK_FAILED = 2,
    TIDYMAIL_CHECK_SKIPPED = 3 /* not reached, or not asked for */
};

/* Copied at the call; 0 and NULL mean "not set". */
typedef struct tidymail_check_options {
    size_t struct_size; /* TIDYMAIL_CHECK_OPTIONS_INIT fills it */
    const char *from;   /* with `to`: MAIL and RCPT are tried, then RSET; addresses without names.
                              NULL with `to`: the null reverse-path */
    const char *const *to; /* NULL: the walk ends after the login */
    size_t to_count;
    int64_t size;       /* bytes of the message that is to be sent later: MAIL says it (RFC 1870);
                              0: none */
    const char *domain; /* the From domain, of which DNS is asked; NULL: it is not */
    const char *const *selectors; /* of the DKIM keys to look at (RFC 6376 3.1) */
    size_t selector_count;
    const tidymail_transport_options *transport; /* as for tidymail_transport_open; NULL: none */
    /* Called as each stage begins ("tls"), for a display that lives; may be NULL. */
    void (*progress)(void *context, const char *stage);
    void *progress_context;
} tidymail_check_options;

#define TIDYMAIL_CHECK_OPTIONS_INIT                                                                \
    {                                                                                              \
        sizeof(tidymail_check_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                               \
    }

/* Walks: resolve, connect (every address), greeting, ehlo, starttls, tls, ehlo2, auth, mail, rcpt,
 * rset, quit. Of a mail service: resolve, connect, tls, request, response; the key is tried with an
 * empty request. With a domain also mx, spf, dkim, dmarc, mta-sts, tls-rpt, and without a URL (NULL)
 * only those; the transport's option resolver= says whom to ask. Nothing is sent to anybody. Where the
 * URL does not work the other ports and ways of TLS are tried, without the login. NULL only when out of
 * memory; `options` may be NULL. */
TIDYMAIL_API tidymail_check *tidymail_check_run(const char *url,
                                                const tidymail_check_options *options);
TIDYMAIL_API tidymail_check *tidymail_check_run_with(const char *url,
                                                     const tidymail_check_options *options,
                                                     const tidymail_allocator *allocator);
TIDYMAIL_API void tidymail_check_free(tidymail_check *check);

/* All accept NULL, which reads as failed; texts that are not known are "". */

/* OK, WARNING or FAILED. */
TIDYMAIL_API int tidymail_check_verdict(const tidymail_check *check);
/* One line for people. */
TIDYMAIL_API const char *tidymail_check_summary(const tidymail_check *check);
/* The report that a send would have had up to here: error, server, TLS, mechanisms, transcript. A
 * recipient that was accepted counts as sent. Owned by the check; NULL only for a NULL check. */
TIDYMAIL_API const tidymail_report *tidymail_check_report(const tidymail_check *check);
/* A URL that works where the one given does not (its secret as ***); "" where none was found. */
TIDYMAIL_API const char *tidymail_check_suggested_url(const tidymail_check *check);

/* Stages in the order of the walk. Status SKIPPED past the end. */
TIDYMAIL_API size_t tidymail_check_stage_count(const tidymail_check *check);
TIDYMAIL_API const char *tidymail_check_stage_name(const tidymail_check *check, size_t stage);
TIDYMAIL_API int tidymail_check_stage_status(const tidymail_check *check, size_t stage);
/* Milliseconds it took; -1: not reached. */
TIDYMAIL_API int64_t tidymail_check_stage_ms(const tidymail_check *check, size_t stage);
/* What was seen, lines joined by '\n'; what to do about what is wrong there. */
TIDYMAIL_API const char *tidymail_check_stage_detail(const tidymail_check *check, size_t stage);
TIDYMAIL_API const char *tidymail_check_stage_advice(const tidymail_check *check, size_t stage);

/* The lines of the last EHLO answer, as sent ("SIZE 1000"). NULL past the end. */
TIDYMAIL_API size_t tidymail_check_capability_count(const tidymail_check *check);
TIDYMAIL_API const char *tidymail_check_capability(const tidymail_check *check, size_t index);

/* The server's certificate, also where it was refused; NULL where none was seen. */
typedef struct tidymail_certificate tidymail_certificate;
TIDYMAIL_API const tidymail_certificate *tidymail_check_certificate(const tidymail_check *check);
/* "mail.example.com, *.example.com" */
TIDYMAIL_API const char *tidymail_certificate_names(const tidymail_certificate *certificate);
TIDYMAIL_API const char *tidymail_certificate_issuer(const tidymail_certificate *certificate);
/* "2027-01-31 12:00 UTC" */
TIDYMAIL_API const char *tidymail_certificate_not_before(const tidymail_certificate *certificate);
TIDYMAIL_API const char *tidymail_certificate_not_after(const tidymail_certificate *certificate);
/* 64 hex digits, as verify=sha256: wants them. */
TIDYMAIL_API const char *tidymail_certificate_sha256(const tidymail_certificate *certificate);
/* The subjects of the chain that the server sent, leaf first, one a line. */
TIDYMAIL_API const char *tidymail_certificate_chain(const tidymail_certificate *certificate);
/* 1 where chain and name (or the fingerprint) were found right. */
TIDYMAIL_API int tidymail_certificate_verified(const tidymail_certificate *certificate);
/* What is wrong with it; "" where nothing is. */
TIDYMAIL_API const char *tidymail_certificate_problem(const tidymail_certificate *certificate);

TIDYMAIL_END_DECLS

#endif
