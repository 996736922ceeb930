/* subjob.c: see subjob.h. */
#include "transport/subjob.h"

#include <string.h>

/* The recipients of the envelope, in order; `other` comes once. */
static void subjob_place(struct tdm_subjob *sub, const unsigned char *way, const char *other)
{
    const tidymail_smtp_envelope *whole = &sub->whole->envelope;
    size_t count = 0;
    size_t other_place = TDM_NOWHERE;
    for (size_t i = 0; i < whole->recipient_count; i++) {
        const char *target = way[i] == TDM_WAY_OTHER ? other : whole->recipients[i];
        sub->place[i] = TDM_NOWHERE;
        if (way[i] == TDM_WAY_NONE) {
            continue;
        }
        int is_other = other != NULL && strcmp(target, other) == 0;
        if (is_other && other_place != TDM_NOWHERE) {
            sub->place[i] = other_place;
            continue;
        }
        other_place = is_other ? count : other_place;
        sub->place[i] = count;
        sub->recipients[count++] = target;
    }
    sub->job.envelope.recipients = sub->recipients;
    sub->job.envelope.recipient_count = count;
}

/* The route from the message's recipients: through that of the whole job, where it has one. */
static int subjob_route(struct tdm_subjob *sub)
{
    const struct tdm_route *before = sub->whole->route;
    if (before != NULL) {
        size_t count = tdm_message_recipient_count(sub->whole->message);
        sub->route_place =
            tdm_alloc_array(&sub->whole->report->allocator, count + 1, sizeof(*sub->route_place));
        if (sub->route_place == NULL) {
            return -1;
        }
        for (size_t i = 0; i < count; i++) {
            size_t place = before->place[i];
            sub->route_place[i] = place == TDM_NOWHERE ? TDM_NOWHERE : sub->place[place];
        }
        sub->route.redirected_for = before->redirected_for;
    }
    sub->route.place = before != NULL ? sub->route_place : sub->place;
    sub->route.recipients = sub->recipients;
    sub->route.recipient_count = sub->job.envelope.recipient_count;
    sub->job.route = &sub->route;
    return 0;
}

int tdm_subjob_init(struct tdm_subjob *sub, struct tdm_job *whole, const unsigned char *way,
                    const char *other)
{
    const tidymail_allocator *allocator = &whole->report->allocator;
    size_t count = whole->envelope.recipient_count;
    memset(sub, 0, sizeof(*sub));
    sub->whole = whole;
    sub->job = *whole;
    sub->job.report = NULL;
    sub->job.done = 0;
    sub->recipients = tdm_alloc_array(allocator, count + 1, sizeof(*sub->recipients));
    sub->place = tdm_alloc_array(allocator, count + 1, sizeof(*sub->place));
    if (sub->recipients == NULL || sub->place == NULL) {
        return -1;
    }
    subjob_place(sub, way, other);
    sub->job.report = tdm_report_new(allocator, sub->recipients, sub->job.envelope.recipient_count);
    if (sub->job.report == NULL || subjob_route(sub) != 0) {
        return -1;
    }
    tdm_text_set(allocator, &sub->job.report->transport, whole->report->transport);
    tdm_text_set(allocator, &sub->job.report->message_id, whole->report->message_id);
    return 0;
}

static void subjob_merge_recipient(const tidymail_allocator *allocator,
                                   struct tidymail_recipient *to,
                                   const struct tidymail_recipient *from)
{
    to->decided = 1;
    to->outcome = from->outcome;
    to->kind = from->kind;
    to->phase = from->phase;
    to->code = from->code;
    to->retryable = from->retryable;
    memcpy(to->enhanced, from->enhanced, sizeof(to->enhanced));
    tdm_text_set(allocator, &to->reply, from->reply);
    tdm_text_set(allocator, &to->service_id, from->service_id);
}

static void subjob_move(const tidymail_allocator *allocator, char **to, char **from)
{
    if (*from != NULL) {
        tdm_free(allocator, *to);
        *to = *from;
        *from = NULL;
    }
}

void tdm_subjob_merge(struct tdm_subjob *sub)
{
    tidymail_report *to = sub->whole->report;
    tidymail_report *from = sub->job.report;
    tidymail_allocator *allocator = &to->allocator;
    tdm_report_decide(from); /* nothing to do where the transport did */
    for (size_t i = 0; i < sub->whole->envelope.recipient_count; i++) {
        if (sub->place[i] != TDM_NOWHERE) {
            subjob_merge_recipient(allocator, &to->recipients[i], &from->recipients[sub->place[i]]);
        }
    }
    tdm_error_clear(&to->error);
    to->error = from->error;
    tdm_error_init(&from->error, allocator);
    tdm_peer_clear(allocator, &to->peer);
    to->peer = from->peer;
    memset(&from->peer, 0, sizeof(from->peer));
    subjob_move(allocator, &to->service_id, &from->service_id);
    subjob_move(allocator, &to->transport, &from->transport);
    for (size_t i = 0; i < TIDYMAIL_PHASE_COUNT; i++) {
        to->phase_ms[i] = from->phase_ms[i] >= 0 ? from->phase_ms[i] : to->phase_ms[i];
    }
    for (size_t i = 0; i < from->notes.count; i++) {
        tdm_report_add_note(to, from->notes.items[i]);
    }
}

void tdm_subjob_clear(struct tdm_subjob *sub)
{
    const tidymail_allocator *allocator = &sub->whole->report->allocator;
    tidymail_report_free(sub->job.report);
    tdm_free(allocator, sub->recipients);
    tdm_free(allocator, sub->place);
    tdm_free(allocator, sub->route_place);
}
