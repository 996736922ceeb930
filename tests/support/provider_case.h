/*
 * provider_case.h: tables of what a mail service is asked and what it answers. A message is written
 * as lines of a word and its value:
 *
 *     from A <a@x.org>        to, cc, bcc, reply-to, sender, envelope-from, envelope-to likewise
 *     subject Hi              text, html, calendar likewise; "\n" in the value is a line break
 *     header X-Kind: test
 *     attach a.txt text/plain bytes          "-" as name: it has none
 *     inline a.png image/png cid bytes
 *     described a.txt text/plain cid Words of the description     "-" as either: none; bytes "hi"
 *     raw From: ...\n\nbody
 *     tag k · meta order=7 · opens on · clicks off · send-at 1764003600 · key K · sandbox 1
 *     template 12 {"name": "Ann"} · option name=value
 *
 * One that begins with "+" has a small message in front: from s@d.org, to a@x.org, subject Hi, text t.
 */
#ifndef TESTS_PROVIDER_CASE_H
#define TESTS_PROVIDER_CASE_H

#include "provider/answer.h"

#define PROVIDER_CASE_NOW 1764000000 /* 2025-11-24 16:00:00 UTC */

struct provider_case {
    struct tdm_account account;
    tidymail_message *message;
    struct tdm_mail mail;
    struct tidymail_error error;
    struct tdm_provider_job job;
    struct tdm_http_request request;
    int kind; /* of the build, with all that is checked before it */
};

/* Key and secret of every case; they must not show. */
#define PROVIDER_CASE_KEY "KEY-0123456789"
#define PROVIDER_CASE_SECRET "SECRET-0123456789"

void provider_case_open(struct provider_case *c, const struct tdm_provider *provider,
                        const char *region, const char *message,
                        const tidymail_allocator *allocator);
void provider_case_close(struct provider_case *c);
/* The value of a field of the request; NULL: there is none. */
const char *provider_case_field(const struct provider_case *c, const char *name);

struct provider_build_case {
    const char *message;
    const char *expected; /* JSON of the body; words of the refusal where it begins with "!" */
};
void provider_case_builds(const struct tdm_provider *provider,
                          const struct provider_build_case *cases, size_t count);

struct provider_answer_case {
    int status;
    const char *fields; /* "Name: value\n"... */
    const char *body;
    const char *outcomes; /* one letter for each recipient: sent, failed, unknown */
    int kind;
    int retryable;
    int retry_after;
    const char *code;  /* the service's; "" none */
    const char *hint;  /* words of the hint; NULL: any, but there is one */
    const char *id;    /* of the service; NULL: none */
    const char *reply; /* words of the reply; NULL: not looked at */
};
/* For a message to a@x.org, b@x.org (Cc) and c@x.org (Bcc). */
void provider_case_answers(const struct tdm_provider *provider,
                           const struct provider_answer_case *cases, size_t count);
/* What no service says itself: redirects, pages of a gateway, nothing at all. */
void provider_case_strangers(const struct tdm_provider *provider);
/* Builds the message and parses the answer, which means the same for all recipients, with every
 * allocation failing in turn. */
void provider_case_allocations(const struct tdm_provider *provider, const char *message,
                               const struct provider_answer_case *answer);

#endif
