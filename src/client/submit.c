/*
 * submit.c: many messages under way at once. The transport puts jobs that have ended into a list; their
 * callbacks are called from here, when nothing of the transport is on the stack, so that a callback may
 * submit and send.
 */
#include <string.h>

#include "client/credentials.h"
#include "client/hint.h"
#include "client/send.h"

struct submitted {
    struct tdm_outgoing out;
    tidymail_message *message;
    tidymail_submit_callback callback;
    void *context;
};

int tidymail_submit(tidymail_transport *transport, tidymail_message *message,
                    tidymail_submit_callback callback, void *context)
{
    if (transport == NULL || callback == NULL) {
        return TIDYMAIL_KIND_CONFIGURATION;
    }
    if (message == NULL) {
        return TIDYMAIL_KIND_MESSAGE;
    }
    if (transport->closing) {
        return TIDYMAIL_KIND_CONFIGURATION;
    }
    struct submitted *own = tdm_alloc(&transport->allocator, sizeof(*own));
    if (own == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    int kind = tdm_send_begin(transport, message, &own->out);
    if (own->out.job.report == NULL) {
        tdm_free(&transport->allocator, own);
        return TIDYMAIL_KIND_LOCAL;
    }
    own->message = tidymail_message_ref(message);
    own->callback = callback;
    own->context = context;
    own->out.job.owner = own;
    /* redirect= and allow= are tdm_transport_send's */
    int staging = transport->options.redirect != NULL || transport->options.allow != NULL;
    memset(&own->out.fronted, 0, sizeof(own->out.fronted));
    if (kind != TIDYMAIL_OK) {
        tdm_job_append(&transport->ended, &own->out.job); /* its report says why */
    } else if (transport->ops->submit != NULL && !staging) {
        own->out.job.fronted = &own->out.fronted;
        transport->ops->submit(transport, &own->out.job);
    } else {
        transport->under_way++;
        tdm_job_append(&transport->waiting, &own->out.job);
    }
    return TIDYMAIL_OK;
}

static void submit_deliver(tidymail_transport *transport)
{
    struct tdm_job_list list = transport->ended; /* those that end meanwhile come next time */
    memset(&transport->ended, 0, sizeof(transport->ended));
    for (struct tdm_job *job = tdm_job_take(&list); job != NULL; job = tdm_job_take(&list)) {
        struct submitted *own = job->owner;
        tidymail_message *message = own->message;
        tidymail_report *report = job->report;
        tidymail_submit_callback callback = own->callback;
        void *context = own->context;
        tdm_hint_add(&report->error);
        tdm_credentials_after(transport, &report->error);
        if (job->fronted != NULL) {
            tdm_wishes_end(job, job->fronted);
        }
        tdm_send_end(transport, &own->out);
        tdm_free(&transport->allocator, own);
        callback(transport, message, report, context);
        tidymail_message_free(message);
    }
}

/* Where the kind of transport sends one after the other. */
static void submit_run_one(tidymail_transport *transport)
{
    struct tdm_job *job = tdm_job_take(&transport->waiting);
    if (job != NULL) {
        tdm_transport_send(transport, job);
        transport->under_way--;
        tdm_job_append(&transport->ended, job);
    }
}

long tidymail_run(tidymail_transport *transport, int timeout_ms)
{
    if (transport == NULL) {
        return 0;
    }
    if (transport->ended.first == NULL && transport->ops != NULL) {
        if (transport->waiting.first != NULL) {
            submit_run_one(transport);
        } else if (transport->ops->run != NULL) {
            transport->ops->run(transport, timeout_ms);
        }
    }
    submit_deliver(transport);
    return (long)(transport->under_way + transport->ended.count);
}

int tidymail_fd(tidymail_transport *transport)
{
    return transport != NULL && transport->ops != NULL && transport->ops->fd != NULL
               ? transport->ops->fd(transport)
               : -1;
}

int tidymail_next_timeout_ms(tidymail_transport *transport)
{
    if (transport == NULL || transport->ops == NULL) {
        return -1;
    }
    if (transport->ended.first != NULL || transport->waiting.first != NULL) {
        return 0;
    }
    return transport->ops->next_timeout_ms != NULL ? transport->ops->next_timeout_ms(transport)
                                                   : -1;
}

void tdm_submit_abort(tidymail_transport *transport)
{
    struct tdm_job *job;
    transport->closing = 1;
    if (transport->ops != NULL && transport->ops->abort != NULL && transport->under_way > 0) {
        transport->ops->abort(transport);
    }
    while ((job = tdm_job_take(&transport->waiting)) != NULL) {
        tdm_error_set(&job->report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                      "the transport was closed before the message was sent", NULL);
        job->report->error.retryable = 1;
        transport->under_way--;
        tdm_job_append(&transport->ended, job);
    }
    while (transport->ended.first != NULL) {
        submit_deliver(transport);
    }
}
