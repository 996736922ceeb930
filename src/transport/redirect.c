/*
 * redirect.c: see redirect.h. The header of the message stays as it is; in front of it stands
 * X-Redirected-For with those whose mail went to another address. They are named by the report too,
 * each with the answer that the other address got.
 */
#include "transport/redirect.h"

#include <string.h>

#include "transport/subjob.h"
#include "transport/transport_group.h"
#include "util/str.h"

#define REDIRECT_LIST_MAX ((size_t)256 * 1024)
#define REDIRECT_NOTE_MAX 1024

static int redirect_no_memory(struct tidymail_error *error)
{
    return tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         "out of memory while reading the options", NULL);
}

/* One address, as it stands in an envelope; `spec` is the caller's to free. */
static int redirect_parse(tidymail_transport *transport, const char *option, const char *text,
                          char **spec)
{
    struct tdm_mailbox mailbox = {NULL, NULL, 0, NULL, 0};
    struct tdm_address_error why = {0, NULL};
    *spec = NULL;
    if (tdm_mailbox_parse(&transport->allocator, text, 0, &mailbox, &why) != 0) {
        return why.reason == NULL
                   ? redirect_no_memory(&transport->error)
                   : tdm_error_setf(&transport->error, TIDYMAIL_KIND_CONFIGURATION,
                                    TIDYMAIL_PHASE_PREPARE, "option %s: %s", option, why.reason);
    }
    int kind = TIDYMAIL_OK;
    if (mailbox.utf8) {
        kind =
            tdm_error_setf(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                           "option %s: the part before the @ has to be ASCII", option);
    } else {
        *spec = mailbox.spec;
        mailbox.spec = NULL;
    }
    tdm_mailbox_clear(&transport->allocator, &mailbox);
    return kind;
}

/* One entry of allow: an address, or a domain, which is read as part of one. */
static int redirect_add_allowed(tidymail_transport *transport, struct tdm_buf *list,
                                const char *text, size_t length)
{
    struct tdm_buf entry;
    tdm_buf_init(&entry, &transport->allocator, 4096);
    while (length > 0 && tdm_is_space(text[length - 1])) {
        length--;
    }
    while (length > 0 && tdm_is_space(text[0])) {
        text++;
        length--;
    }
    int is_domain = memchr(text, '@', length) == NULL;
    tdm_buf_add_str(&entry, is_domain ? "x@" : "");
    tdm_buf_add(&entry, text, length);
    char *spec = NULL;
    int kind = entry.failed ? redirect_no_memory(&transport->error)
                            : redirect_parse(transport, "allow", tdm_buf_text(&entry), &spec);
    if (kind == TIDYMAIL_OK) {
        tdm_buf_addf(list, "%s%s", list->length > 0 ? "," : "",
                     is_domain ? tdm_mailbox_domain(spec) : spec);
    }
    tdm_free(&transport->allocator, spec);
    tdm_buf_clear(&entry);
    return kind;
}

static int redirect_check_allow(tidymail_transport *transport)
{
    const char *text = transport->options.allow;
    struct tdm_buf list;
    tdm_buf_init(&list, &transport->allocator, REDIRECT_LIST_MAX);
    int kind = TIDYMAIL_OK;
    for (size_t at = 0; kind == TIDYMAIL_OK;) {
        size_t length = strcspn(text + at, ",");
        kind = redirect_add_allowed(transport, &list, text + at, length);
        at += length;
        if (text[at] == '\0') {
            break;
        }
        at++;
    }
    char *copy = list.failed ? NULL : tdm_strdup(&transport->allocator, tdm_buf_text(&list));
    tdm_buf_clear(&list);
    if (kind == TIDYMAIL_OK && copy == NULL) {
        kind = redirect_no_memory(&transport->error);
    }
    if (kind == TIDYMAIL_OK) {
        tdm_free(&transport->allocator, transport->options.allow);
        transport->options.allow = copy;
        return kind;
    }
    tdm_free(&transport->allocator, copy);
    tdm_text_set(&transport->allocator, &transport->error.hint,
                 "write addresses and domains with commas between: "
                 "allow=example.com,ann@example.org");
    return kind;
}

int tdm_redirect_check(tidymail_transport *transport)
{
    struct tdm_options *options = &transport->options;
    if (options->redirect != NULL) {
        char *spec = NULL;
        int kind = redirect_parse(transport, "redirect", options->redirect, &spec);
        if (kind != TIDYMAIL_OK) {
            return kind;
        }
        tdm_free(&transport->allocator, options->redirect);
        options->redirect = spec;
    }
    return options->allow != NULL ? redirect_check_allow(transport) : TIDYMAIL_OK;
}

/* Local parts are compared without regard to case too: no host is known that tells Ann from ann. */
static int redirect_is_allowed(const char *list, const char *spec)
{
    const char *domain = tdm_mailbox_domain(spec);
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ",");
        const char *against = memchr(list, '@', length) != NULL ? spec : domain;
        if (tdm_equal_nocase_n(list, length, against)) {
            return 1;
        }
        list += length + (list[length] == ',');
    }
    return 0;
}

/* One message on its way past the lists. */
struct redirect_send {
    tidymail_transport *transport;
    struct tdm_job *job;
    unsigned char *way;
    size_t refused;
    size_t redirected;
    size_t direct;
    struct tdm_buf names; /* of those who are redirected, for the header */
    struct tdm_buf front; /* the field in front of the message */
    size_t given;         /* bytes of it that were read */
};

static ptrdiff_t redirect_read(void *context, void *buffer, size_t capacity)
{
    struct redirect_send *own = context;
    const tidymail_source *source = &own->job->source;
    size_t left = own->front.length - own->given;
    if (left == 0) {
        return source->read(source->context, buffer, capacity);
    }
    left = left < capacity ? left : capacity;
    memcpy(buffer, own->front.data + own->given, left);
    own->given += left;
    return (ptrdiff_t)left;
}

static int redirect_rewind(void *context)
{
    struct redirect_send *own = context;
    const tidymail_source *source = &own->job->source;
    if (source->rewind == NULL || source->rewind(source->context) != 0) {
        return -1;
    }
    own->given = 0;
    return 0;
}

static int64_t redirect_size(void *context)
{
    const struct redirect_send *own = context;
    const tidymail_source *source = &own->job->source;
    int64_t size = source->size != NULL ? source->size(source->context) : -1;
    return size < 0 ? -1 : size + (int64_t)own->front.length;
}

static const char *redirect_words(void *context)
{
    const struct redirect_send *own = context;
    const tidymail_source *source = &own->job->source;
    return source->error != NULL ? source->error(source->context) : NULL;
}

static void redirect_wrap(struct redirect_send *own, struct tdm_job *job)
{
    if (job->source.read == NULL) {
        return; /* the transport takes the message itself, and the route with it */
    }
    job->source.read = redirect_read;
    job->source.rewind = redirect_rewind;
    job->source.size = redirect_size;
    job->source.error = redirect_words;
    job->source.release = NULL;
    job->source.context = own;
    if (job->envelope.size >= 0) {
        job->envelope.size += (int64_t)own->front.length;
    }
}

static int redirect_stands_in(const struct tdm_mailbox_list *list, const char *spec)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].spec, spec) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Those who are on the allow list get the same bytes: a Bcc is not told to them. */
static int redirect_may_name(const struct redirect_send *own, const char *spec)
{
    const tidymail_message *message = own->job->message;
    return own->direct == 0 || (message != NULL && (redirect_stands_in(&message->to, spec) ||
                                                    redirect_stands_in(&message->cc, spec)));
}

static int redirect_choose(struct redirect_send *own)
{
    const struct tdm_options *options = &own->transport->options;
    const tidymail_smtp_envelope *envelope = &own->job->envelope;
    own->way = tdm_alloc_array(&own->job->report->allocator, envelope->recipient_count + 1, 1);
    if (own->way == NULL) {
        return -1;
    }
    for (size_t i = 0; i < envelope->recipient_count; i++) {
        int allowed = redirect_is_allowed(options->allow, envelope->recipients[i]) ||
                      (options->redirect != NULL &&
                       tdm_equal_nocase(envelope->recipients[i], options->redirect));
        own->way[i] = (unsigned char)(allowed                     ? TDM_WAY_SELF
                                      : options->redirect != NULL ? TDM_WAY_OTHER
                                                                  : TDM_WAY_NONE);
        own->direct += own->way[i] == TDM_WAY_SELF;
        own->redirected += own->way[i] == TDM_WAY_OTHER;
        own->refused += own->way[i] == TDM_WAY_NONE;
    }
    for (size_t i = 0; i < envelope->recipient_count; i++) {
        if (own->way[i] == TDM_WAY_OTHER && redirect_may_name(own, envelope->recipients[i])) {
            tdm_buf_addf(&own->names, "%s%s", own->names.length > 0 ? ", " : "",
                         envelope->recipients[i]);
        }
    }
    if (own->names.length > 0) {
        tdm_mail_add_redirected_for(&own->front, tdm_buf_text(&own->names));
    }
    return own->names.failed || own->front.failed ? -1 : 0;
}

/* Each of those who may get nothing has its answer; the report's error is theirs where it has none. */
static void redirect_refuse(struct redirect_send *own)
{
    static const char reason[] = "not on the allow list";
    tidymail_report *report = own->job->report;
    const char *first = NULL;
    for (size_t i = 0; i < own->job->envelope.recipient_count; i++) {
        if (own->way[i] != TDM_WAY_NONE) {
            continue;
        }
        report->recipients[i].kind = TIDYMAIL_KIND_MESSAGE;
        report->recipients[i].phase = TIDYMAIL_PHASE_PREPARE;
        tdm_report_set_recipient(report, i, TIDYMAIL_FAILED, 0, NULL, reason, 0);
        first = first != NULL ? first : own->job->envelope.recipients[i];
    }
    if (own->refused == 1) {
        tdm_error_setf(&report->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "the recipient <%s> is %s", first, reason);
    } else if (own->refused > 1) {
        tdm_error_setf(&report->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%z recipients are %s, the first is <%s>", own->refused, reason, first);
    }
    if (own->refused > 0 && report->error.hint == NULL) {
        tdm_text_set(&report->allocator, &report->error.hint,
                     "the option allow= of the transport names who may get mail");
    }
}

static void redirect_note(const struct redirect_send *own)
{
    struct tdm_buf note;
    tdm_buf_init(&note, &own->job->report->allocator, REDIRECT_NOTE_MAX * 2);
    const tidymail_smtp_envelope *envelope = &own->job->envelope;
    tdm_buf_addf(&note, "redirected to %s:", own->transport->options.redirect);
    size_t left = own->redirected;
    for (size_t i = 0; i < envelope->recipient_count && note.length < REDIRECT_NOTE_MAX; i++) {
        if (own->way[i] == TDM_WAY_OTHER) {
            left--;
            tdm_buf_addf(&note, " %s%s", envelope->recipients[i], left > 0 ? "," : "");
        }
    }
    if (left > 0) {
        tdm_buf_addf(&note, " and %z more", left);
    }
    if (!note.failed) {
        tdm_report_add_note(own->job->report, tdm_buf_text(&note));
    }
    tdm_buf_clear(&note);
}

static void redirect_send_rest(struct redirect_send *own)
{
    struct tdm_subjob sub;
    tidymail_report *report = own->job->report;
    if (tdm_subjob_init(&sub, own->job, own->way, own->transport->options.redirect) != 0) {
        tdm_error_set(&report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                      "out of memory, nothing was sent", NULL);
        tdm_subjob_clear(&sub);
        return;
    }
    if (own->names.length > 0) {
        sub.route.redirected_for = tdm_buf_text(&own->names);
        redirect_wrap(own, &sub.job);
    }
    own->transport->ops->send(own->transport, &sub.job);
    tdm_subjob_merge(&sub);
    for (size_t i = 0; i < sub.job.report->attempts.count; i++) {
        tdm_report_add_attempt(report, sub.job.report->attempts.items[i]);
    }
    tdm_subjob_clear(&sub);
}

/* 1 where an option is for the service of this transport, by its API or by its SMTP server. */
static int redirect_is_for(const tidymail_transport *transport, const char *service)
{
    if (transport->ops == &tdm_transport_failover || transport->ops == &tdm_transport_roundrobin) {
        const struct tdm_group *group = transport->impl;
        for (size_t i = 0; i < group->count; i++) {
            if (redirect_is_for(group->members[i].transport, service)) {
                return 1;
            }
        }
        return 0;
    }
    const char *scheme = transport->url.scheme;
    return tdm_equal_nocase_n(scheme, strcspn(scheme, "+"), service);
}

/* What in a message names recipients past its envelope: options of one service and fields that a
 * service's server acts on. NULL: nothing does. */
static const char *redirect_find_leak(const tidymail_transport *transport,
                                      const tidymail_message *message)
{
    static const char *const options[] = {"extra", "bcc-address", "archive-to", NULL};
    static const char *const fields[] = {"X-SMTPAPI", "X-MSYS-API", "X-MC-BccAddress", NULL};
    const struct tdm_service_pairs *given = &message->service.options;
    for (size_t i = 0; i < given->count; i++) {
        for (size_t k = 0; options[k] != NULL; k++) {
            if (strcmp(given->items[i].name, options[k]) == 0 &&
                redirect_is_for(transport, given->items[i].service)) {
                return given->items[i].name;
            }
        }
    }
    for (size_t i = 0; i < message->field_count; i++) {
        for (size_t k = 0; fields[k] != NULL; k++) {
            if (tdm_equal_nocase(message->fields[i].name, fields[k]) &&
                strchr(message->fields[i].value, '@') != NULL) {
                return fields[k];
            }
        }
    }
    return NULL;
}

static void redirect_send(tidymail_transport *transport, struct tdm_job *job)
{
    const char *leak = job->message != NULL ? redirect_find_leak(transport, job->message) : NULL;
    if (leak != NULL) {
        tdm_error_setf(&job->report->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s can name recipients that redirect= and allow= do not see", leak);
        tdm_text_set(&job->report->allocator, &job->report->error.hint, "leave it out in staging");
        tdm_report_decide(job->report);
        job->done = 1;
        return;
    }
    struct redirect_send own;
    memset(&own, 0, sizeof(own));
    own.transport = transport;
    own.job = job;
    tdm_buf_init(&own.names, &job->report->allocator, REDIRECT_LIST_MAX * 4);
    tdm_buf_init(&own.front, &job->report->allocator, REDIRECT_LIST_MAX * 5);
    if (redirect_choose(&own) != 0) {
        tdm_error_set(&job->report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                      "out of memory, nothing was sent", NULL);
    } else {
        if (own.redirected + own.direct > 0) {
            redirect_send_rest(&own);
        }
        redirect_refuse(&own);
        if (own.redirected > 0) {
            redirect_note(&own);
        }
    }
    tdm_report_decide(job->report);
    job->done = 1;
    tdm_free(&job->report->allocator, own.way);
    tdm_buf_clear(&own.names);
    tdm_buf_clear(&own.front);
}

void tdm_transport_send(tidymail_transport *transport, struct tdm_job *job)
{
    if (transport->options.redirect == NULL && transport->options.allow == NULL) {
        transport->ops->send(transport, job);
    } else {
        redirect_send(transport, job);
    }
}
