/* bulk_sender.c: over the transport's pool (tidymail_submit), whose connections= are the option's. */
#include "bulk_sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sender_job {
    struct bulk_sender *sender;
    void *row;
};

struct bulk_sender {
    tidymail_transport *transport;
    bulk_sender_done done;
    void *context;
};

/* The options and one more, which beats those of the same name in the URL. */
static tidymail_transport *sender_open(const struct cli_account *where,
                                       const tidymail_transport_options *options, long connections)
{
    char text[40];
    tidymail_transport_options more = *options;
    const char **texts = calloc(options->option_count + 1, sizeof(*texts));
    if (texts == NULL) {
        return NULL;
    }
    if (options->option_count > 0) {
        memcpy(texts, options->options, options->option_count * sizeof(*texts));
    }
    snprintf(text, sizeof(text), "connections=%ld", connections);
    texts[options->option_count] = text;
    more.options = texts;
    more.option_count += connections > 1;
    tidymail_transport *transport = account_open(where, &more);
    free(texts);
    return transport;
}

struct bulk_sender *bulk_sender_open(const struct cli_account *where,
                                     const tidymail_transport_options *options, long connections,
                                     bulk_sender_done done, void *context)
{
    struct bulk_sender *sender = calloc(1, sizeof(*sender));
    if (sender == NULL) {
        return NULL;
    }
    sender->transport = sender_open(where, options, connections);
    sender->done = done;
    sender->context = context;
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

static void sender_answer(tidymail_transport *transport, tidymail_message *message,
                          tidymail_report *report, void *context)
{
    struct sender_job *job = context;
    (void)transport;
    (void)message;
    job->sender->done(job->sender->context, job->row, report);
    tidymail_report_free(report);
    free(job);
}

int bulk_sender_submit(struct bulk_sender *sender, tidymail_message *message, void *row)
{
    struct sender_job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return -1;
    }
    job->sender = sender;
    job->row = row;
    if (tidymail_submit(sender->transport, message, sender_answer, job) != TIDYMAIL_OK) {
        free(job);
        return -1;
    }
    return 0;
}

void bulk_sender_run(struct bulk_sender *sender, int timeout_ms)
{
    tidymail_run(sender->transport, timeout_ms);
    tidymail_memory_clear(sender->transport); /* memory: nobody looks at them, and they pile up */
}

void bulk_sender_close(struct bulk_sender *sender)
{
    if (sender != NULL) {
        tidymail_transport_close(sender->transport); /* gives the answers that are missing */
        free(sender);
    }
}
