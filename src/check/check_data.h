/*
 * check_data.h: what the files of the check share:
 *
 *   check.c            the walk: addresses, probe, verdict, another way
 *   check_read.c       what can be asked of a result
 *   check_addresses.c  every address of the host, each connected to
 *   check_probe.c      the probe: a send without a message, and what was seen of it
 *   check_stages.c     from what was seen to the stages
 *   check_service.c    the stages of a mail service
 *   check_clauses.c    where a server leaves the standards
 *   check_domain.c     what DNS says of the From domain
 *   check_spf.c        its SPF record
 *   check_suggest.c    the other ports and ways of TLS
 */
#ifndef TDM_CHECK_CHECK_DATA_H
#define TDM_CHECK_CHECK_DATA_H

#include <tidymail/check.h>

#include "transport/transport_impl.h"

/* What tdm_check_show takes: stages of a session, of a mail service, of a domain. */
enum tdm_check_part { TDM_CHECK_SESSION, TDM_CHECK_SERVICE, TDM_CHECK_DOMAIN };

enum tdm_check_stage_index {
    TDM_CHECK_RESOLVE,
    TDM_CHECK_CONNECT,
    TDM_CHECK_GREETING,
    TDM_CHECK_EHLO,
    TDM_CHECK_STARTTLS,
    TDM_CHECK_TLS,
    TDM_CHECK_EHLO2,
    TDM_CHECK_AUTH,
    TDM_CHECK_MAIL,
    TDM_CHECK_RCPT,
    TDM_CHECK_RSET,
    TDM_CHECK_QUIT,
    TDM_CHECK_MX, /* from here on of the domain */
    TDM_CHECK_SPF,
    TDM_CHECK_DKIM,
    TDM_CHECK_DMARC,
    TDM_CHECK_MTA_STS,
    TDM_CHECK_TLS_RPT,
    TDM_CHECK_REQUEST, /* of a mail service */
    TDM_CHECK_RESPONSE,
    TDM_CHECK_STAGE_COUNT
};

struct tdm_check_stage {
    int status; /* enum tidymail_check_status */
    int64_t ms; /* -1: not reached */
    struct tdm_buf detail;
    struct tdm_buf advice;
};

/* One line of the session. */
struct tdm_check_line {
    int mark; /* enum tidymail_smtp_mark */
    int phase;
    int encrypted;
    int64_t at_ms;
    char *text;
};

/* All that was seen of one session. */
struct tdm_check_session {
    tidymail_allocator allocator;
    int64_t (*now_ms)(void);
    struct tdm_check_line *lines;
    size_t count;
    size_t capacity;
    int failed; /* memory ran out: something is missing */
    struct tdm_certificate certificate;
    int has_certificate;
    tidymail_report *report;
    const tidymail_check *check; /* whose progress is told; NULL: nobody's */
    int had_starttls;
};

struct tidymail_certificate {
    struct tdm_certificate facts;
};

struct tidymail_check {
    tidymail_allocator allocator;
    tidymail_check_options options;
    int shown[TDM_CHECK_STAGE_COUNT]; /* the stages that belong to this walk, in their order */
    size_t shown_count;
    int verdict;
    char *summary;
    char *suggested_url;
    struct tdm_check_stage stages[TDM_CHECK_STAGE_COUNT];
    struct tdm_text_list capabilities;
    struct tidymail_certificate certificate;
    int has_certificate;
    tidymail_report *report;
};

/* check_stages.c */
void tdm_check_detail(tidymail_check *check, int stage, const char *format, ...);
/* One more line of detail and what to do about it: the stage is a warning at least. */
void tdm_check_warn(tidymail_check *check, int stage, const char *detail, const char *advice);
/* The stage failed. */
void tdm_check_fail(tidymail_check *check, int stage, const char *detail, const char *advice);
/* Tells who watches that a stage begins. */
void tdm_check_progress(const tidymail_check *check, int stage);
/* The stage of an engine's state; -1: none. */
int tdm_check_stage_of_state(const char *state, int had_starttls);
/* The same for a mail service: from the report of an empty request. */
void tdm_check_fill_service(tidymail_check *check, const tidymail_transport *transport);
/* Fills the stages from a session. */
void tdm_check_fill_stages(tidymail_check *check, const struct tdm_check_session *session,
                           const tidymail_transport *transport);
/* The words of a stage. */
const char *tdm_check_stage_words(int stage);

/* The certificate that was seen, in the stage tls. */
void tdm_check_add_tls(tidymail_check *check, const tidymail_transport *transport);

/* check_clauses.c: adds warnings to the stages. */
void tdm_check_clauses(tidymail_check *check, const struct tdm_check_session *session,
                       const tidymail_transport *transport);

/* check_probe.c */
void tdm_check_session_init(struct tdm_check_session *session, const tidymail_allocator *allocator,
                            int64_t (*now_ms)(void));
void tdm_check_session_clear(struct tdm_check_session *session);
/* Runs a session up to its QUIT; session->report says how it ended. The transport is closed then, but
 * for what can be asked of its URL and options. -1: out of memory. */
int tdm_check_probe(struct tdm_check_session *session, tidymail_transport *transport,
                    const tidymail_check_options *options, tidymail_message *message);
/* The text behind the code of a reply line, its code in *code (0: it is no reply). */
const char *tdm_check_reply(const char *line, int *code);

/* check_addresses.c: looks the host up and connects to each address, into the stages resolve and
 * connect. Returns how many could be connected to, -1 where that was not tried. */
int tdm_check_addresses(tidymail_check *check, tidymail_transport *transport);

/* check_domain.c: fills the stages of the domain. `server` is the host that sends, "" where there is
 * none; `resolver` whom to ask, NULL: the system's. */
void tdm_check_domain(tidymail_check *check, const char *server, const char *resolver);

/* check_suggest.c: sets suggested_url where another way gets further. */
void tdm_check_suggest(tidymail_check *check, const tidymail_transport *transport);

#endif
