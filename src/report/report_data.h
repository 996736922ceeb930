/*
 * report_data.h: what a report and an error are made of, and how the rooms below the client fill
 * them. Outcome, kind, phase and codes are plain members that are set without allocating, so a
 * report is right even when memory for its texts runs out (texts are then missing).
 */
#ifndef TDM_REPORT_DATA_H
#define TDM_REPORT_DATA_H

#include <tidymail/report.h>

#include "util/alloc.h"
#include "util/buf.h"

#define TDM_ENHANCED_MAX 12 /* "5.123.123" and NUL */

struct tidymail_error {
    tidymail_allocator allocator;
    int kind; /* TIDYMAIL_OK: no error */
    int phase;
    int code;
    int retryable;
    int maybe_delivered;
    int retry_after; /* seconds, -1 unknown */
    char enhanced[TDM_ENHANCED_MAX];
    char *service_code;
    char *reply;
    char *message;
    char *hint;
};

struct tidymail_recipient {
    char *address;
    int outcome;
    int decided;
    int kind; /* of its refusal */
    int phase;
    int code;
    int retryable;
    char enhanced[TDM_ENHANCED_MAX];
    char *reply;
    char *service_id;
};

/* Facts of the connection a message went over. */
struct tdm_peer {
    char *server;
    char *address;
    char *tls_version;
    char *tls_cipher;
    char *auth_offered;
    char *auth_supported;
    char *auth_tried;
};

struct tdm_text_list {
    char **items;
    size_t count;
};

struct tidymail_report {
    tidymail_allocator allocator;
    int is_static; /* the out-of-memory report: never freed, never written */
    int outcome;
    int decided;    /* the outcome stands; later trouble is at most a note */
    int body_begun; /* something of the message was read */
    int untouched; /* the session failed by another message, and of this one nothing was handed over */
    struct tidymail_error error;
    struct tidymail_recipient *recipients;
    size_t recipient_count;
    char *message_id;
    char *service_id;
    char *transport;
    struct tdm_peer peer;
    int64_t phase_ms[TIDYMAIL_PHASE_COUNT];
    struct tdm_text_list notes;
    struct tdm_text_list attempts;
    char *transcript;
    char *summary;
};

/* "Out of memory, nothing was sent." */
extern tidymail_report tdm_report_out_of_memory;

/* An error that holds nothing. Also the way to reuse one after tdm_error_clear. */
void tdm_error_init(struct tidymail_error *error, const tidymail_allocator *allocator);
void tdm_error_clear(struct tidymail_error *error);
/* Sets kind, phase and the words where the error is still TIDYMAIL_OK (the first one wins).
 * `message` and `hint` are copied and may be NULL. Returns kind. */
int tdm_error_set(struct tidymail_error *error, int kind, int phase, const char *message,
                  const char *hint);
/* The same, the message made with the formats of tdm_buf_addf. */
int tdm_error_setf(struct tidymail_error *error, int kind, int phase, const char *format, ...);
/* Replaces a text member with a copy; keeps the old one when out of memory. */
void tdm_text_set(const tidymail_allocator *allocator, char **member, const char *text);
/* `to` becomes a copy of `from` (its own allocator is kept). */
void tdm_error_copy(struct tidymail_error *to, const struct tidymail_error *from);

/* A report for these recipients, all undecided, outcome FAILED; NULL when out of memory. */
tidymail_report *tdm_report_new(const tidymail_allocator *allocator, const char *const *recipients,
                                size_t count);
/* One recipient's answer. `reply` may be NULL. */
void tdm_report_set_recipient(tidymail_report *report, size_t index, int outcome, int code,
                              const char *enhanced, const char *reply, int retryable);
/* Fixes the outcome: undecided recipients become FAILED (UNKNOWN where the error says
 * maybe_delivered), then the rule of tidymail_report_outcome, then the summary. Once only. */
void tdm_report_decide(tidymail_report *report);
/* Forgets what was said about an attempt that came to nothing before anything was sent: the report
 * is as new, but for the facts of the peer. */
void tdm_report_reopen(tidymail_report *report);
void tdm_report_add_note(tidymail_report *report, const char *text);
void tdm_report_add_attempt(tidymail_report *report, const char *text);

void tdm_peer_copy(const tidymail_allocator *allocator, struct tdm_peer *to,
                   const struct tdm_peer *from);
void tdm_peer_clear(const tidymail_allocator *allocator, struct tdm_peer *peer);

/* Appends `text` with everything unprintable escaped (\xNN, \n as it is when `keep_lines`), valid
 * UTF-8 kept: what may be shown on a terminal. */
void tdm_escape(struct tdm_buf *out, const char *text, size_t length, int keep_lines);

#endif
