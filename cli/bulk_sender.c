/* bulk_sender.c: one message at a time. */
#include "bulk_sender.h"

#include <stdlib.h>

struct sender_job {
    struct sender_job *next;
    tidymail_message *message;
    void *row;
};

struct bulk_sender {
    tidymail_transport *transport;
    bulk_sender_done done;
    void *context;
    struct sender_job *first;
    struct sender_job **last;
};

struct bulk_sender *bulk_sender_open(const struct cli_account *where,
                                     const tidymail_transport_options *options, long connections,
                                     bulk_sender_done done, void *context)
{
    (void)connections;
    struct bulk_sender *sender = calloc(1, sizeof(*sender));
    if (sender == NULL) {
        return NULL;
    }
    sender->transport = account_open(where, options);
    sender->done = done;
    sender->context = context;
    sender->last = &sender->first;
    if (sender->transport == NULL) {
        free(sender);
        return NULL;
    }
    return sender;
}

const tidymail_transport *bulk_sender_transport(const struct bulk_sender *sender)
{
    return sender->transport;
}

int bulk_sender_submit(struct bulk_sender *sender, tidymail_message *message, void *row)
{
    struct sender_job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return -1;
    }
    job->message = tidymail_message_ref(message);
    job->row = row;
    *sender->last = job;
    sender->last = &job->next;
    return 0;
}

void bulk_sender_run(struct bulk_sender *sender, int timeout_ms)
{
    (void)timeout_ms;
    struct sender_job *job = sender->first;
    if (job == NULL) {
        return;
    }
    sender->first = job->next;
    if (sender->first == NULL) {
        sender->last = &sender->first;
    }
    tidymail_report *report = tidymail_send(sender->transport, job->message);
    sender->done(sender->context, job->row, report);
    tidymail_report_free(report);
    tidymail_message_free(job->message);
    free(job);
    tidymail_memory_clear(sender->transport); /* memory: nobody looks at them, and they pile up */
}

void bulk_sender_close(struct bulk_sender *sender)
{
    while (sender != NULL && sender->first != NULL) {
        bulk_sender_run(sender, -1);
    }
    if (sender != NULL) {
        tidymail_transport_close(sender->transport);
        free(sender);
    }
}
