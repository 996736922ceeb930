/* test_transport_group.c: failover() and roundrobin(): how the text is parted, which failure moves a
 * message on and which does not, who gets it then, and who rests. Members are memory: with a send of
 * the test's own in front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "transport/transport_group.h"
#include "transport_fixture.h"

static const char *const recipients[] = {"bob@example.org", "carl@example.org"};

static int64_t now_ms = 1000;

static int64_t test_now_ms(void)
{
    return now_ms;
}

static const struct tdm_clock test_clock = {test_now_ms, fixture_wall_s, fixture_random};

/* What each member does with the next message. */
struct script {
    int kind; /* TIDYMAIL_OK: it is kept by memory: */
    int phase;
    int code;
    int maybe;
    int reads;         /* so many pieces of the message are read first */
    int refuses_first; /* the code for the first recipient, the others go on */
    int retry_after;
    int calls;
    size_t recipient_count; /* of the last call */
};

static struct script scripts[4];
static const tidymail_transport *members[4];

static void scripted_send(tidymail_transport *transport, struct tdm_job *job)
{
    struct script *script = NULL;
    for (size_t i = 0; i < 4; i++) {
        script = members[i] == transport ? &scripts[i] : script;
    }
    script->calls++;
    script->recipient_count = job->envelope.recipient_count;
    char piece[8];
    for (int i = 0; i < script->reads; i++) {
        job->source.read(job->source.context, piece, sizeof(piece));
    }
    if (script->refuses_first != 0) {
        tdm_report_set_recipient(job->report, 0, TIDYMAIL_FAILED, script->refuses_first, NULL, "no",
                                 script->refuses_first < 500);
    }
    if (script->kind == TIDYMAIL_OK && script->refuses_first == 0) {
        tdm_transport_memory.send(transport, job);
        return;
    }
    struct tidymail_error *error = &job->report->error;
    if (script->kind == TIDYMAIL_OK) {
        for (size_t i = 1; i < job->envelope.recipient_count; i++) {
            tdm_report_set_recipient(job->report, i, TIDYMAIL_SENT, 250, NULL, "ok", 0);
        }
    } else {
        tdm_error_set(error, script->kind, script->phase, "scripted", NULL);
        error->code = script->code;
        error->maybe_delivered = script->maybe;
        error->retry_after = script->retry_after != 0 ? script->retry_after : -1;
    }
    tdm_report_decide(job->report);
    job->done = 1;
}

static void scripted_close(tidymail_transport *transport)
{
    tdm_transport_memory.close(transport);
}

static const struct tdm_transport_ops scripted = {
    .scheme = "memory", .send = scripted_send, .close = scripted_close};

static tidymail_transport *open_group(const char *url)
{
    tidymail_transport *transport = tdm_transport_new(url, NULL, NULL, &test_clock);
    if (transport->ops == NULL) {
        fail_msg("%s: %s", url, tidymail_error_message(tidymail_transport_error(transport)));
    }
    struct tdm_group *group = transport->impl;
    memset(scripts, 0, sizeof(scripts));
    memset(members, 0, sizeof(members));
    for (size_t i = 0; i < group->count; i++) {
        group->members[i].transport->ops = &scripted;
        members[i] = group->members[i].transport;
    }
    return transport;
}

static int source_rewind(void *context)
{
    ((struct fixture_source *)context)->at = 0;
    return 0;
}

static tidymail_report *send_one(tidymail_transport *transport, int can_rewind, int fails)
{
    struct fixture_source source = {"Subject: x\r\n\r\nbody\r\n", 0, fails};
    struct tdm_job job;
    fixture_job(&job, &source, recipients, 2, NULL);
    job.source.rewind = can_rewind ? source_rewind : NULL;
    tdm_transport_send(transport, &job);
    assert_int_equal(job.done, 1);
    return job.report;
}

static void script_set(size_t member, int kind, int phase, int code)
{
    scripts[member].kind = kind;
    scripts[member].phase = phase;
    scripts[member].code = code;
}

static const struct {
    int kind;
    int phase;
    int code;
    int maybe;
    int moves;
    int rests;
} failures[] = {
    {TIDYMAIL_KIND_RESOLVE, TIDYMAIL_PHASE_RESOLVE, 0, 0, 1, 1},
    {TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_CONNECT, 0, 0, 1, 1},
    {TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_BODY, 0, 0, 1, 1},
    {TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_FINAL, 0, 1, 0, 1},
    {TIDYMAIL_KIND_TIMEOUT, TIDYMAIL_PHASE_FINAL, 0, 1, 0, 1},
    {TIDYMAIL_KIND_TIMEOUT, TIDYMAIL_PHASE_GREETING, 0, 0, 1, 1},
    {TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_TLS, 0, 0, 1, 1},
    {TIDYMAIL_KIND_PROTOCOL, TIDYMAIL_PHASE_GREETING, 0, 0, 1, 1},
    {TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, 535, 0, 1, 1},
    {TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE, 0, 0, 1, 1},
    {TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_BODY, 0, 0, 1, 1},
    {TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_GREETING, 450, 0, 1, 1},
    {TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_AUTH, 454, 0, 1, 1},
    {TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_MAIL, 452, 0, 1, 0},
    {TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_MAIL, 421, 0, 1, 1},
    {TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_RCPT, 421, 0, 1, 1},
    {TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_RCPT, 450, 0, 0, 0},
    {TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_FINAL, 451, 0, 1, 0},
    {TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_RESPONSE, 503, 0, 1, 1},
    {TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_GREETING, 554, 0, 1, 1},
    {TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_EHLO, 550, 0, 1, 1},
    {TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_MAIL, 550, 0, 0, 0},
    {TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_RCPT, 550, 0, 0, 0},
    {TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_FINAL, 554, 0, 0, 0},
    {TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_RESPONSE, 400, 0, 0, 0},
    {TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, 0, 0, 0, 0},
};

static void each_failure_moves_on_or_not(void **state)
{
    (void)state;
    static const char *const urls[] = {"failover(memory: memory:)", "roundrobin(memory: memory:)"};
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        for (size_t k = 0; k < 2; k++) {
            tidymail_transport *transport = open_group(urls[k]);
            struct tdm_group *group = transport->impl;
            script_set(0, failures[i].kind, failures[i].phase, failures[i].code);
            scripts[0].maybe = failures[i].maybe;
            tidymail_report *report = send_one(transport, 1, 0);
            int outcome = failures[i].moves   ? TIDYMAIL_SENT
                          : failures[i].maybe ? TIDYMAIL_UNKNOWN
                                              : TIDYMAIL_FAILED;
            if (scripts[1].calls != failures[i].moves ||
                tidymail_report_outcome(report) != outcome ||
                (group->members[0].rests_until_ms == now_ms + 60000) != failures[i].rests ||
                tidymail_report_attempt_count(report) != (size_t)failures[i].moves + 1) {
                fail_msg("row %zu: %s", i, tidymail_report_summary(report));
            }
            assert_int_equal(tidymail_memory_count(members[1]), 0); /* its ops are the test's */
            tidymail_report_free(report);
            tdm_transport_free(transport);
        }
    }
}

static void the_attempts_are_told(void **state)
{
    (void)state;
    tidymail_transport *transport = open_group("failover(memory: memory: memory:)");
    script_set(0, TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_GREETING, 421);
    script_set(1, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_CONNECT, 0);
    script_set(2, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, 535);
    tidymail_report *report = send_one(transport, 1, 0);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
    assert_int_equal(tidymail_error_kind(tidymail_report_error(report)),
                     TIDYMAIL_KIND_AUTHENTICATION);
    assert_int_equal(tidymail_report_attempt_count(report), 3);
    assert_string_equal(tidymail_report_attempt(report, 0),
                        "member 1, memory: failed, temporary (greeting, 421): scripted");
    assert_string_equal(tidymail_report_attempt(report, 1),
                        "member 2, memory: failed, connection (connect): scripted");
    assert_string_equal(tidymail_report_attempt(report, 2),
                        "member 3, memory: failed, authentication (auth, 535): scripted");
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

static void only_those_who_are_left_are_tried(void **state)
{
    (void)state;
    tidymail_transport *transport = open_group("failover(memory: memory:)");
    script_set(0, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_DATA, 0);
    scripts[0].refuses_first = 550;
    tidymail_report *report = send_one(transport, 1, 0);
    assert_int_equal(scripts[1].calls, 1);
    assert_int_equal(scripts[1].recipient_count, 1);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_PARTIAL);
    const tidymail_recipient *bob = tidymail_report_recipient(report, 0);
    assert_int_equal(tidymail_recipient_outcome(bob), TIDYMAIL_FAILED);
    assert_int_equal(tidymail_recipient_code(bob), 550);
    assert_int_equal(tidymail_recipient_outcome(tidymail_report_recipient(report, 1)),
                     TIDYMAIL_SENT);
    assert_int_equal(tidymail_error_code(tidymail_report_error(report)), 550);
    tidymail_report_free(report);
    /* accepted for one, refused for the other: nobody is tried again */
    memset(scripts, 0, sizeof(scripts));
    ((struct tdm_group *)transport->impl)->members[0].rests_until_ms = 0;
    scripts[0].refuses_first = 450;
    report = send_one(transport, 1, 0);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_PARTIAL);
    assert_int_equal(scripts[1].calls, 0);
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

static void a_source_that_is_read_once_stays(void **state)
{
    (void)state;
    for (int reads = 0; reads < 2; reads++) {
        for (int can_rewind = 0; can_rewind < 2; can_rewind++) {
            tidymail_transport *transport = open_group("failover(memory: memory:)");
            script_set(0, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_BODY, 0);
            scripts[0].reads = reads;
            tidymail_report *report = send_one(transport, can_rewind, 0);
            assert_int_equal(scripts[1].calls, !reads || can_rewind);
            tidymail_report_free(report);
            tdm_transport_free(transport);
        }
    }
    /* the message itself cannot be read: no other way mends that */
    tidymail_transport *transport = open_group("failover(memory: memory:)");
    tidymail_report *report = send_one(transport, 1, 1);
    assert_int_equal(scripts[0].calls, 1);
    assert_int_equal(scripts[1].calls, 0);
    assert_int_equal(tidymail_error_kind(tidymail_report_error(report)), TIDYMAIL_KIND_LOCAL);
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

static void who_failed_rests(void **state)
{
    (void)state;
    now_ms = 1000;
    tidymail_transport *transport = open_group("failover(memory: memory:)?rest=5");
    script_set(0, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_CONNECT, 0);
    tidymail_report_free(send_one(transport, 1, 0));
    script_set(0, TIDYMAIL_OK, 0, 0);
    now_ms += 4999;
    tidymail_report_free(send_one(transport, 1, 0));
    assert_int_equal(scripts[0].calls, 1); /* still at rest */
    assert_int_equal(scripts[1].calls, 2);
    now_ms += 1;
    tidymail_report_free(send_one(transport, 1, 0));
    assert_int_equal(scripts[0].calls, 2);
    assert_int_equal(scripts[1].calls, 2);
    /* all rest: the one that has least left of it comes first, and is tried */
    script_set(0, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_CONNECT, 0);
    script_set(1, TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_RESPONSE, 429);
    scripts[1].retry_after = 3600;
    tidymail_report_free(send_one(transport, 1, 0));
    script_set(0, TIDYMAIL_OK, 0, 0);
    tidymail_report *report = send_one(transport, 1, 0);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_SENT);
    assert_int_equal(scripts[0].calls, 4);
    assert_int_equal(scripts[1].calls, 3);
    tidymail_report_free(report);
    /* retry_after is longer than rest */
    struct tdm_group *group = transport->impl;
    assert_int_equal(group->members[1].rests_until_ms, now_ms + 3600 * 1000);
    assert_int_equal(group->members[0].rests_until_ms, 0);
    tdm_transport_free(transport);
}

static void roundrobin_takes_turns(void **state)
{
    (void)state;
    tidymail_transport *transport = open_group("roundrobin(memory: memory: memory:)");
    for (int i = 0; i < 6; i++) {
        tidymail_report_free(send_one(transport, 1, 0));
    }
    assert_int_equal(scripts[0].calls, 2);
    assert_int_equal(scripts[1].calls, 2);
    assert_int_equal(scripts[2].calls, 2);
    script_set(0, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_CONNECT, 0);
    for (int i = 0; i < 5; i++) {
        tidymail_report *report = send_one(transport, 1, 0);
        assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_SENT);
        tidymail_report_free(report);
    }
    assert_int_equal(scripts[0].calls, 3); /* once, then it rests */
    assert_int_equal(scripts[1].calls + scripts[2].calls, 4 + 5);
    tdm_transport_free(transport);
}

static void a_timeout_bounds_all_attempts(void **state)
{
    (void)state;
    tidymail_transport *transport = open_group("failover(memory:?timeout=9 memory:)?timeout=5");
    struct tdm_group *group = transport->impl;
    script_set(0, TIDYMAIL_KIND_TIMEOUT, TIDYMAIL_PHASE_CONNECT, 0);
    tidymail_report_free(send_one(transport, 1, 0));
    assert_int_equal(scripts[1].calls, 1);
    assert_int_equal(group->members[0].transport->options.timeout_ms, 9000); /* as it was */
    assert_int_equal(group->members[1].transport->options.timeout_ms, -1);
    tdm_transport_free(transport);
}

static const struct {
    const char *url;
    const char *words; /* of the error; NULL: there is none, and the URL is shown as `shown` */
    const char *shown;
} urls[] = {
    {"failover(smtp://user:geheim@a memory:)?rest=2.5", NULL,
     "failover(smtp://user:***@a memory:)?rest=2.5"},
    {"FAILOVER(  memory:\t memory: )", NULL, "failover(memory: memory:)"},
    {"roundrobin(failover(memory: smtp://u:geheim@b?helo=x)?rest=1 memory:)", NULL,
     "roundrobin(failover(memory: smtp://u:***@b?helo=x)?rest=1 memory:)"},
    {"failover(smtp://u:a(b@h memory:)", NULL, "failover(smtp://u:***@h memory:)"},
    {"failover(smtp://u:ge%29h%20x@h)", NULL, "failover(smtp://u:***@h)"},
    {"failover(memory: ", "URL, offset 17: the group has no ')' at its end", NULL},
    {"failover(memory:", "URL, offset 16: the group has no ')' at its end", NULL},
    {"failover()", "URL, offset 9: the group has no members", NULL},
    {"failover(smtp://u:geheim)x@h memory:)", "failover, member 1 (smtp), offset 9: URL", NULL},
    {"failover(memory:)x", "URL, offset 17: after ')' comes '?' and options, or nothing", NULL},
    {"failover(memory: smtp://u:geh/eim@h)",
     "failover, member 2 (smtp), offset 17: URL, offset 12: a raw '/' inside user or password",
     NULL},
    {"failover(geheim:x memory:)", "failover, member 1, offset 9: URL: unknown scheme", NULL},
    {"failover(memory: roundrobin(memory: smtp://))",
     "failover, member 2 (roundrobin), offset 17: roundrobin, member 2 (smtp), offset 19: URL: no "
     "host",
     NULL},
    {"failover(memory:)?helo=x", "option helo: it is none of failover, but of a member", NULL},
    {"failover(memory:)?rest=0", "option rest: bad value", NULL},
    {"failover(memory:)?colour=red", "unknown option \"colour\"", NULL},
    {"failover(memory:)?rest", "URL, offset 18: an option is written name=value", NULL},
    {"failover(memory:\nmemory:)", "URL, offset 16: a control byte", NULL},
    {"failover(failover(failover(failover(failover(failover(failover(failover(memory:))))))))",
     NULL, NULL},
    {"failover(failover(failover(failover(failover(failover(failover(failover(failover(failover("
     "memory:))))))))))",
     "URL, offset 9: groups stand in groups, more than 8 deep", NULL},
};

static void the_text_is_parted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        tidymail_transport *transport = tdm_transport_new(urls[i].url, NULL, NULL, &test_clock);
        const tidymail_error *error = tidymail_transport_error(transport);
        const char *message = tidymail_error_message(error);
        int right =
            urls[i].words == NULL
                ? error == NULL && (urls[i].shown == NULL ||
                                    strcmp(tidymail_transport_url(transport), urls[i].shown) == 0)
                : strncmp(message, urls[i].words, strlen(urls[i].words)) == 0;
        if (!right || strstr(message, "geheim") != NULL || strstr(message, "eim") != NULL ||
            strstr(tidymail_error_hint(error), "geheim") != NULL) {
            fail_msg("%s: \"%s\", shown %s", urls[i].url, message,
                     tidymail_transport_url(transport));
        }
        tdm_transport_free(transport);
    }
}

static void options_beside_the_url(void **state)
{
    (void)state;
    static const char *const good[] = {"rest=7", "connect-timeout=3", "timeout=50"};
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.options = good;
    options.option_count = 3;
    tidymail_transport *transport = tdm_transport_new(
        "failover(smtp://a?connect-timeout=9 memory:)?rest=2", &options, NULL, &test_clock);
    assert_null(tidymail_transport_error(transport));
    struct tdm_group *group = transport->impl;
    assert_int_equal(transport->options.rest_ms, 7000);
    assert_int_equal(transport->options.timeout_ms, 50000);
    assert_int_equal(group->members[0].transport->options.connect_timeout_ms, 3000);
    assert_int_equal(group->members[0].transport->options.timeout_ms, -1);
    tdm_transport_free(transport);
    static const char *const bad[] = {"password-from=env:X", "tls=none",
                                      "verify=none",         "auth=plain",
                                      "endpoint=http://x",   "cleartext-auth=allow"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        options.options = &bad[i];
        options.option_count = 1;
        transport = tdm_transport_new("failover(memory:)", &options, NULL, &test_clock);
        assert_int_equal(tidymail_error_kind(tidymail_transport_error(transport)),
                         TIDYMAIL_KIND_CONFIGURATION);
        tdm_transport_free(transport);
    }
    options.option_count = 0;
    options.user = "ann";
    options.password = "geheim";
    transport = tdm_transport_new("failover(smtp://a)", &options, NULL, &test_clock);
    assert_non_null(tidymail_transport_error(transport));
    tdm_transport_free(transport);
}

static int lines_seen;

static void see_line(void *context, int mark, int phase, int encrypted, const char *text,
                     size_t length)
{
    (void)context;
    (void)mark;
    (void)phase;
    (void)encrypted;
    lines_seen += length > 9 && strncmp(text, "[1 smtp] ", 9) == 0;
}

static void lines_name_their_member(void **state)
{
    (void)state;
    tidymail_transport *transport = tdm_transport_new(
        "failover(smtp://127.0.0.1:1?tls=none memory:)", NULL, NULL, &fixture_clock);
    transport->trace.line = see_line;
    tidymail_report *report = send_one(transport, 1, 0);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_SENT);
    assert_true(lines_seen > 0);
    struct tdm_group *group = transport->impl;
    assert_int_equal(tidymail_memory_count(group->members[1].transport), 1);
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

/* Whatever fails, the answer is true: "sent" where one member has the message, and no more than one
 * has it. */
static int send_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    tidymail_transport *transport = tdm_transport_new(context, NULL, allocator, &test_clock);
    if (transport == NULL) {
        return memory->failures > 0 ? 0 : -1;
    }
    int right = (tidymail_transport_error(transport) == NULL) == (transport->ops != NULL);
    struct fixture_source source = {"Subject: x\r\n\r\nbody\r\n", 0, 0};
    struct tdm_job job;
    fixture_job(&job, &source, recipients, 2, allocator);
    job.source.rewind = source_rewind;
    if (transport->ops != NULL && job.report != NULL) {
        tdm_transport_send(transport, &job);
        struct tdm_group *group = transport->impl;
        size_t kept = 0;
        for (size_t i = 0; i < group->count; i++) {
            kept += tidymail_memory_count(group->members[i].transport);
        }
        int sent = tidymail_report_outcome(job.report) == TIDYMAIL_SENT;
        right = right && job.done && kept == (sent ? 1U : 0U) && (sent || memory->failures > 0);
    }
    tidymail_report_free(job.report);
    tdm_transport_free(transport);
    return right ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    static char texts[][64] = {"failover(file:///nowhere/at/all memory: memory:)?rest=3",
                               "roundrobin(memory: memory:)?allow=example.org"};
    for (size_t i = 0; i < 2; i++) {
        const char *problem = fail_alloc_run_all(send_once, texts[i], 20);
        if (problem != NULL) {
            fail_msg("%s: %s", texts[i], problem);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_moves_on_or_not),
        cmocka_unit_test(the_attempts_are_told),
        cmocka_unit_test(only_those_who_are_left_are_tried),
        cmocka_unit_test(a_source_that_is_read_once_stays),
        cmocka_unit_test(who_failed_rests),
        cmocka_unit_test(roundrobin_takes_turns),
        cmocka_unit_test(a_timeout_bounds_all_attempts),
        cmocka_unit_test(the_text_is_parted),
        cmocka_unit_test(options_beside_the_url),
        cmocka_unit_test(lines_name_their_member),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
