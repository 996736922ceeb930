/*
 * tidymail_peer.c: sends many messages through the public API, for side-by-side measurements with
 * other clients (docs/performance.md). Words name=value:
 *
 *     port=  n= (messages)  conns= (parallel connections)  perconn= (messages per connection, 0: all)
 *     tls=1 (STARTTLS, verified against ca=)  ca=  user=  pass=  msg= (message file)  attach= (file)
 *     build=1 (each message made by the setters)  chunking=1 (BDAT)  option=NAME=VALUE
 *
 * Exit status 0 where every message was sent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/tidymail.h>

#define OPTIONS_MAX 16
#define IN_QUEUE 32 /* messages handed over and not yet answered, for each connection */

struct peer {
    const char *port;
    const char *ca;
    const char *user;
    const char *pass;
    const char *msg;
    const char *attach;
    long n;
    long conns;
    long perconn;
    int tls;
    int build;
    int chunking;
    const char *options[OPTIONS_MAX];
    size_t option_count;
    char texts[4][256];

    tidymail_transport *transport;
    tidymail_message *ready; /* NULL: each is built */
    char *text;              /* of msg= */
    size_t text_length;
    long begun;
    long ended;
    long failed;
};

static void peer_fail(const char *what)
{
    fprintf(stderr, "error: %s\n", what);
    exit(1);
}

static void peer_word(struct peer *peer, const char *word)
{
    static const char *const names[] = {
        "port=",  "ca=",      "user=", "pass=",  "msg=",      "attach=", "n=",
        "conns=", "perconn=", "tls=",  "build=", "chunking=", "option="};
    const char **texts[] = {&peer->port, &peer->ca,  &peer->user,
                            &peer->pass, &peer->msg, &peer->attach};
    size_t i = 0;
    while (i < sizeof(names) / sizeof(names[0]) && strncmp(word, names[i], strlen(names[i])) != 0) {
        i++;
    }
    if (i == sizeof(names) / sizeof(names[0])) {
        peer_fail(word);
    }
    const char *value = word + strlen(names[i]);
    long number = strtol(value, NULL, 10);
    if (i < 6) {
        *texts[i] = value;
    } else if (i == 6) {
        peer->n = number;
    } else if (i == 7) {
        peer->conns = number;
    } else if (i == 8) {
        peer->perconn = number;
    } else if (i == 9) {
        peer->tls = (int)number;
    } else if (i == 10) {
        peer->build = (int)number;
    } else if (i == 11) {
        peer->chunking = (int)number;
    } else if (peer->option_count < OPTIONS_MAX) {
        peer->options[peer->option_count++] = value;
    }
}

static void peer_option(struct peer *peer, size_t text, const char *name, const char *value)
{
    snprintf(peer->texts[text], sizeof(peer->texts[text]), "%s=%s", name, value);
    if (peer->option_count < OPTIONS_MAX) {
        peer->options[peer->option_count++] = peer->texts[text];
    }
}

static void peer_open(struct peer *peer)
{
    char url[64];
    char number[32];
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    snprintf(url, sizeof(url), "smtp://localhost:%s", peer->port);
    if (!peer->tls) {
        peer->options[peer->option_count++] = "tls=none";
    } else if (peer->ca != NULL) {
        peer_option(peer, 0, "ca", peer->ca);
    }
    peer->options[peer->option_count++] = "helo=client.localhost";
    if (!peer->tls && peer->user != NULL) {
        peer->options[peer->option_count++] = "cleartext-auth=allow";
    }
    if (peer->chunking) {
        peer->options[peer->option_count++] = "chunking=yes";
    }
    snprintf(number, sizeof(number), "%ld", peer->conns);
    peer_option(peer, 1, "connections", number);
    if (peer->perconn > 0) {
        snprintf(number, sizeof(number), "%ld", peer->perconn);
        peer_option(peer, 2, "per-connection", number);
    }
    options.options = peer->options;
    options.option_count = peer->option_count;
    options.user = peer->user;
    options.password = peer->pass;
    peer->transport = tidymail_transport_open(url, &options);
    if (peer->transport == NULL || tidymail_transport_error(peer->transport) != NULL) {
        peer_fail(tidymail_error_message(tidymail_transport_error(peer->transport)));
    }
}

static void peer_read(struct peer *peer)
{
    FILE *file = fopen(peer->msg, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        peer_fail(peer->msg);
    }
    peer->text_length = (size_t)ftell(file);
    rewind(file);
    peer->text = malloc(peer->text_length + 1);
    if (peer->text == NULL || fread(peer->text, 1, peer->text_length, file) != peer->text_length) {
        peer_fail(peer->msg);
    }
    peer->text[peer->text_length] = '\0';
    fclose(file);
}

static tidymail_message *peer_ready(struct peer *peer)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_raw(message, peer->text, peer->text_length);
    tidymail_message_set_envelope_from(message, "a@example.com");
    tidymail_message_add_envelope_to(message, "b@example.com");
    return message;
}

/* The body of the message file as text, or the file as an attachment, by the setters. */
static tidymail_message *peer_build(const struct peer *peer)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "a@example.com");
    tidymail_message_add_to(message, "b@example.com");
    if (peer->attach != NULL) {
        tidymail_message_set_subject(message, "big");
        tidymail_message_set_text(message, "see attachment\n");
        tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
        attachment.path = peer->attach;
        tidymail_message_add_attachment(message, &attachment);
        return message;
    }
    const char *body = strstr(peer->text, "\r\n\r\n");
    tidymail_message_set_subject(message, "A small message");
    tidymail_message_set_text(message, body != NULL ? body + 4 : peer->text);
    return message;
}

static void peer_done(tidymail_transport *transport, tidymail_message *message,
                      tidymail_report *report, void *context)
{
    struct peer *peer = context;
    (void)transport;
    (void)message;
    peer->ended++;
    if (tidymail_report_outcome(report) != TIDYMAIL_SENT && peer->failed++ == 0) {
        fprintf(stderr, "error: %s\n", tidymail_report_summary(report));
    }
    tidymail_report_free(report);
}

static void peer_submit(struct peer *peer)
{
    tidymail_message *message = peer->ready != NULL ? peer->ready : peer_build(peer);
    peer->begun++;
    if (tidymail_submit(peer->transport, message, peer_done, peer) != TIDYMAIL_OK) {
        peer_fail("a message could not be handed over");
    }
    if (peer->ready == NULL) {
        tidymail_message_free(message);
    }
}

int main(int argc, char **argv)
{
    static struct peer peer = {.port = "25", .n = 1, .conns = 1};
    for (int i = 1; i < argc; i++) {
        peer_word(&peer, argv[i]);
    }
    if (peer.msg != NULL) {
        peer_read(&peer);
    } else if (peer.attach == NULL) {
        peer_fail("neither msg= nor attach= is given");
    }
    peer_open(&peer);
    peer.ready = peer.build || peer.attach != NULL ? NULL : peer_ready(&peer);
    while (peer.ended < peer.n) {
        while (peer.begun < peer.n && peer.begun - peer.ended < IN_QUEUE * peer.conns) {
            peer_submit(&peer);
        }
        tidymail_run(peer.transport, -1);
    }
    tidymail_message_free(peer.ready);
    tidymail_transport_close(peer.transport);
    free(peer.text);
    return peer.failed > 0;
}
