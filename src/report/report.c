/*
 * report.c: the report of one message: made with its recipients before anything is sent, filled by
 * a transport, decided once. The summary is made when the outcome is fixed.
 */
#include <string.h>

#include "report/hints.h"
#include "report/report_data.h"

#define SUMMARY_MAX 8192
#define NOTES_MAX 64 /* a server that talks on cannot fill the memory */

static char out_of_memory_words[] = "out of memory, nothing was sent";

tidymail_report tdm_report_out_of_memory = {
    .is_static = 1,
    .outcome = TIDYMAIL_FAILED,
    .decided = 1,
    .error = {.kind = TIDYMAIL_KIND_LOCAL,
              .phase = TIDYMAIL_PHASE_PREPARE,
              .retryable = 0,
              .retry_after = -1,
              .message = out_of_memory_words},
    .phase_ms = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    .summary = out_of_memory_words,
};

tidymail_report *tdm_report_new(const tidymail_allocator *allocator, const char *const *recipients,
                                size_t count)
{
    tidymail_allocator own = tdm_allocator_or_default(allocator);
    tidymail_report *report = tdm_alloc_array(&own, 1, sizeof(*report));
    if (report == NULL) {
        return NULL;
    }
    report->allocator = own;
    tdm_error_init(&report->error, &own);
    for (size_t i = 0; i < TIDYMAIL_PHASE_COUNT; i++) {
        report->phase_ms[i] = -1;
    }
    report->recipients = tdm_alloc_array(&own, count, sizeof(*report->recipients));
    if (report->recipients == NULL) {
        tidymail_report_free(report);
        return NULL;
    }
    report->recipient_count = count;
    for (size_t i = 0; i < count; i++) {
        report->recipients[i].address = tdm_strdup(&own, recipients[i]);
        if (report->recipients[i].address == NULL) {
            tidymail_report_free(report);
            return NULL;
        }
    }
    return report;
}

static void text_list_clear(const tidymail_allocator *allocator, struct tdm_text_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        tdm_free(allocator, list->items[i]);
    }
    tdm_free(allocator, list->items);
    memset(list, 0, sizeof(*list));
}

static void text_list_add(const tidymail_allocator *allocator, struct tdm_text_list *list,
                          const char *text)
{
    char *copy = list->count < NOTES_MAX ? tdm_strdup(allocator, text) : NULL;
    if (copy == NULL) {
        return;
    }
    char **items = tdm_resize_array(allocator, list->items, list->count + 1, sizeof(*items));
    if (items == NULL) {
        tdm_free(allocator, copy);
        return;
    }
    items[list->count++] = copy;
    list->items = items;
}

void tidymail_report_free(tidymail_report *report)
{
    if (report == NULL || report->is_static) {
        return;
    }
    tidymail_allocator allocator = report->allocator;
    for (size_t i = 0; i < report->recipient_count; i++) {
        tdm_free(&allocator, report->recipients[i].address);
        tdm_free(&allocator, report->recipients[i].reply);
        tdm_free(&allocator, report->recipients[i].service_id);
    }
    tdm_free(&allocator, report->recipients);
    tdm_error_clear(&report->error);
    tdm_free(&allocator, report->message_id);
    tdm_free(&allocator, report->service_id);
    tdm_free(&allocator, report->transport);
    tdm_peer_clear(&allocator, &report->peer);
    text_list_clear(&allocator, &report->notes);
    text_list_clear(&allocator, &report->attempts);
    tdm_free(&allocator, report->transcript);
    tdm_free(&allocator, report->summary);
    tdm_free(&allocator, report);
}

void tdm_report_set_recipient(tidymail_report *report, size_t index, int outcome, int code,
                              const char *enhanced, const char *reply, int retryable)
{
    if (index >= report->recipient_count) {
        return;
    }
    struct tidymail_recipient *recipient = &report->recipients[index];
    recipient->decided = 1;
    recipient->outcome = outcome;
    recipient->code = code;
    recipient->retryable = retryable;
    recipient->enhanced[0] = '\0';
    if (enhanced != NULL && strlen(enhanced) < sizeof(recipient->enhanced)) {
        memcpy(recipient->enhanced, enhanced, strlen(enhanced) + 1);
    }
    tdm_text_set(&report->allocator, &recipient->reply, reply);
    if (outcome == TIDYMAIL_FAILED && recipient->kind == TIDYMAIL_OK) {
        recipient->kind = code >= 500 ? TIDYMAIL_KIND_PERMANENT : TIDYMAIL_KIND_TEMPORARY;
        recipient->phase = TIDYMAIL_PHASE_RCPT;
    }
}

void tdm_report_reopen(tidymail_report *report)
{
    tidymail_allocator *own = &report->allocator;
    for (size_t i = 0; i < report->recipient_count; i++) {
        struct tidymail_recipient *recipient = &report->recipients[i];
        char *address = recipient->address;
        tdm_free(own, recipient->reply);
        tdm_free(own, recipient->service_id);
        memset(recipient, 0, sizeof(*recipient));
        recipient->address = address;
    }
    for (size_t i = 0; i < TIDYMAIL_PHASE_COUNT; i++) {
        report->phase_ms[i] = -1;
    }
    tdm_error_clear(&report->error);
    tdm_error_init(&report->error, own);
    text_list_clear(own, &report->notes);
    tdm_free(own, report->summary);
    report->summary = NULL;
    report->outcome = TIDYMAIL_FAILED;
    report->decided = 0;
    report->untouched = report->body_begun = 0;
}

/* The refused recipient that stands for the others: one that a retry could mend, else the first. */
static const struct tidymail_recipient *report_spokesman(const tidymail_report *report)
{
    const struct tidymail_recipient *first = NULL;
    for (size_t i = 0; i < report->recipient_count; i++) {
        const struct tidymail_recipient *recipient = &report->recipients[i];
        if (!recipient->decided || recipient->outcome != TIDYMAIL_FAILED) {
            continue;
        }
        if (recipient->retryable) {
            return recipient;
        }
        if (first == NULL) {
            first = recipient;
        }
    }
    return first;
}

/* What to do about a refusal in a session; what a service's answer means its provider says. */
static const char *report_recipient_hint(const tidymail_report *report,
                                         const struct tidymail_recipient *recipient)
{
    struct tdm_hint_query query = {recipient->kind,
                                   recipient->phase,
                                   recipient->code,
                                   recipient->enhanced,
                                   recipient->reply != NULL ? recipient->reply : "",
                                   report->peer.server};
    const struct tdm_hint *hint =
        recipient->phase != TIDYMAIL_PHASE_RESPONSE ? tdm_hint_find(&query) : NULL;
    return hint != NULL ? hint->text : NULL;
}

static void report_error_from_recipient(tidymail_report *report,
                                        const struct tidymail_recipient *recipient)
{
    struct tidymail_error *error = &report->error;
    struct tdm_buf line;
    tdm_buf_init(&line, &report->allocator, SUMMARY_MAX);
    tdm_buf_addf(&line, "the server refused the recipient <%s> (%d%s%s)%s%s", recipient->address,
                 recipient->code, recipient->enhanced[0] != '\0' ? " " : "", recipient->enhanced,
                 recipient->reply != NULL && recipient->reply[0] != '\0' ? ": " : "",
                 recipient->reply != NULL ? recipient->reply : "");
    for (size_t i = 0; i < line.length; i++) {
        line.data[i] = line.data[i] == '\n' ? ' ' : line.data[i];
    }
    tdm_error_set(error, recipient->kind, recipient->phase,
                  line.failed ? NULL : tdm_buf_text(&line),
                  report_recipient_hint(report, recipient));
    tdm_buf_clear(&line);
    error->code = recipient->code;
    error->retryable = recipient->retryable;
    memcpy(error->enhanced, recipient->enhanced, sizeof(error->enhanced));
    tdm_text_set(&report->allocator, &error->reply, recipient->reply);
}

static void report_make_summary(tidymail_report *report)
{
    size_t sent = 0;
    for (size_t i = 0; i < report->recipient_count; i++) {
        sent += report->recipients[i].outcome == TIDYMAIL_SENT;
    }
    struct tdm_buf line;
    tdm_buf_init(&line, &report->allocator, SUMMARY_MAX);
    const char *words = tidymail_error_message(&report->error);
    const char *server = report->peer.server;
    if (report->outcome == TIDYMAIL_SENT) {
        tdm_buf_addf(&line, "sent to %z recipient%s%s%s", sent, sent == 1 ? "" : "s",
                     server != NULL ? " through " : "", server != NULL ? server : "");
    } else if (report->outcome == TIDYMAIL_PARTIAL) {
        tdm_buf_addf(&line, "sent to %z of %z recipients: %s", sent, report->recipient_count,
                     words);
    } else {
        tdm_buf_add_str(&line, words);
    }
    if (line.failed || line.data == NULL) {
        tdm_buf_clear(&line);
        return;
    }
    tdm_free(&report->allocator, report->summary);
    report->summary = line.data; /* its memory is the report's now */
}

void tdm_report_decide(tidymail_report *report)
{
    if (report->decided) {
        return;
    }
    report->decided = 1;
    struct tidymail_error *error = &report->error;
    const struct tidymail_recipient *refused = report_spokesman(report);
    if (error->kind == TIDYMAIL_OK && refused != NULL) {
        report_error_from_recipient(report, refused);
    }
    size_t sent = 0;
    size_t unknown = 0;
    for (size_t i = 0; i < report->recipient_count; i++) {
        struct tidymail_recipient *recipient = &report->recipients[i];
        if (!recipient->decided) {
            recipient->outcome = error->maybe_delivered ? TIDYMAIL_UNKNOWN : TIDYMAIL_FAILED;
            recipient->retryable = error->retryable;
            recipient->kind = error->kind;
            recipient->phase = error->phase;
            recipient->decided = 1;
        }
        sent += recipient->outcome == TIDYMAIL_SENT;
        unknown += recipient->outcome == TIDYMAIL_UNKNOWN;
    }
    if (unknown > 0) {
        report->outcome = TIDYMAIL_UNKNOWN;
    } else if (report->recipient_count > 0 && sent == report->recipient_count) {
        report->outcome = TIDYMAIL_SENT;
    } else {
        report->outcome = sent > 0 ? TIDYMAIL_PARTIAL : TIDYMAIL_FAILED;
    }
    report_make_summary(report);
}

void tdm_report_add_note(tidymail_report *report, const char *text)
{
    text_list_add(&report->allocator, &report->notes, text);
}

void tdm_report_add_attempt(tidymail_report *report, const char *text)
{
    text_list_add(&report->allocator, &report->attempts, text);
}

void tdm_peer_copy(const tidymail_allocator *allocator, struct tdm_peer *to,
                   const struct tdm_peer *from)
{
    tdm_text_set(allocator, &to->server, from->server);
    tdm_text_set(allocator, &to->address, from->address);
    tdm_text_set(allocator, &to->tls_version, from->tls_version);
    tdm_text_set(allocator, &to->tls_cipher, from->tls_cipher);
    tdm_text_set(allocator, &to->auth_offered, from->auth_offered);
    tdm_text_set(allocator, &to->auth_supported, from->auth_supported);
    tdm_text_set(allocator, &to->auth_tried, from->auth_tried);
}

void tdm_peer_clear(const tidymail_allocator *allocator, struct tdm_peer *peer)
{
    tdm_free(allocator, peer->server);
    tdm_free(allocator, peer->address);
    tdm_free(allocator, peer->tls_version);
    tdm_free(allocator, peer->tls_cipher);
    tdm_free(allocator, peer->auth_offered);
    tdm_free(allocator, peer->auth_supported);
    tdm_free(allocator, peer->auth_tried);
    memset(peer, 0, sizeof(*peer));
}
