/*
 * answer.h: from a service's answer to the one vocabulary (kind, retryable, retry_after, hint). Each
 * service has a table of rows; the first that fits gives the meaning, and where none fits the HTTP
 * status does (RFC 9110 15, RFC 6585).
 */
#ifndef TDM_PROVIDER_ANSWER_H
#define TDM_PROVIDER_ANSWER_H

#include "provider/provider.h"

/* What an answer can mean; meanings.def has kind, retryable, phrase and hint of each. */
enum tdm_meaning {
#define M(name, kind, retryable, phrase, hint) TDM_MEANS_##name,
#include "provider/meanings.def"
#undef M
    TDM_MEANING_COUNT
};

struct tdm_answer_row {
    int status;        /* 0: any; 4 or 5: the class */
    const char *code;  /* the service's own, exactly; NULL: any */
    const char *words; /* that its text holds, case-blind, alternatives parted by |; NULL: any */
    enum tdm_meaning meaning;
    const char *hint; /* better than the meaning's; NULL: that one */
};

/* What was read of an answer. Texts may be NULL. */
struct tdm_answer {
    int status;
    const char *code;
    const char *words; /* the service's, for people */
    int retry_after;   /* seconds, -1: it named none */
};

/* The row that fits; NULL: none. */
const struct tdm_answer_row *tdm_answer_find(const struct tdm_answer_row *rows, size_t count,
                                             const struct tdm_answer *answer);
/* Not sent, for every recipient that has no outcome yet: sets the report's error from the row (or
 * the status where `rows` has none), and the recipients. */
void tdm_answer_refuse(const struct tdm_provider_job *job, const struct tdm_answer_row *rows,
                       size_t count, const struct tdm_answer *answer, tidymail_report *report);
/* The same for one recipient; the report's error becomes that of the refused recipients (the one that
 * a retry could mend, else the first). `index` of the report. */
void tdm_answer_refuse_one(const struct tdm_provider_job *job, const struct tdm_answer_row *rows,
                           size_t count, const struct tdm_answer *answer, size_t index,
                           tidymail_report *report);
/* Sent, for every recipient that has no outcome yet. `id` may be NULL; it becomes the report's
 * service_id and each recipient's. */
void tdm_answer_sent(tidymail_report *report, int status, const char *id);
void tdm_answer_sent_one(tidymail_report *report, size_t index, int status, const char *id);
/* The status says success, and the answer is not the service's: nobody knows. Kind protocol, outcome
 * unknown. `words` says what was missing ("no id in it"). */
void tdm_answer_unclear(const struct tdm_provider_job *job,
                        const struct tdm_http_response *response, const char *words,
                        tidymail_report *report);
/* A status of 3xx, or an answer that is not JSON where an error was to be read: the status decides,
 * an HTML page is named as a gateway's. `rows` are searched too (words of the body). */
void tdm_answer_refuse_plain(const struct tdm_provider_job *job, const struct tdm_answer_row *rows,
                             size_t count, const struct tdm_http_response *response,
                             tidymail_report *report);

/* The recipient of the report with this address, case-blind; report->recipient_count: none. */
size_t tdm_answer_recipient(const tidymail_report *report, const char *address);
/* Seconds of Retry-After (RFC 9110 10.2.3: seconds, also fractions, or a date), -1: none. */
int tdm_answer_retry_after(const struct tdm_http_response *response, int64_t now_s);
/* Reads "Mon, 20 Dec 2021 20:33:21 GMT" (RFC 9110 5.6.7; UTC and +0000 too) at `text`; 0, or -1. */
int tdm_http_date(const char *text, int64_t *unix_s);
/* Seconds from a field with a unix time, or with seconds; -1: none. */
int tdm_answer_reset(const struct tdm_http_response *response, const char *field, int is_unix,
                     int64_t now_s);

#endif
