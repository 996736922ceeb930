/* test_webhook.c: the events of the services, each kind once, in the one vocabulary; what is none is
 * refused with words; every allocation failing. The bodies are ours, in the form of the services'
 * documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/tidymail.h>

#include "fail_alloc.h"
#include "util/buf.h"

/* An event in one line: all that is known of it, in a fixed order. */
static void describe(const tidymail_event *event, struct tdm_buf *out)
{
    const struct {
        const char *name;
        const char *value;
    } texts[] = {
        {"name", tidymail_event_name(event)},
        {"id", tidymail_event_id(event)},
        {"to", tidymail_event_recipient(event)},
        {"mid", tidymail_event_message_id(event)},
        {"sid", tidymail_event_service_id(event)},
        {"enhanced", tidymail_event_enhanced(event)},
        {"diagnostic", tidymail_event_diagnostic(event)},
        {"reason", tidymail_event_reason(event)},
        {"url", tidymail_event_url(event)},
        {"agent", tidymail_event_user_agent(event)},
        {"ip", tidymail_event_ip(event)},
    };
    tdm_buf_add_str(out, tidymail_event_type_name(tidymail_event_type(event)));
    if (tidymail_event_bounce(event) != TIDYMAIL_BOUNCE_NONE) {
        tdm_buf_addf(out, "/%s", tidymail_bounce_name(tidymail_event_bounce(event)));
    }
    if (tidymail_event_timestamp_ms(event) != 0) {
        tdm_buf_addf(out, " at=%l", tidymail_event_timestamp_ms(event));
    }
    if (tidymail_event_code(event) != 0) {
        tdm_buf_addf(out, " code=%d", tidymail_event_code(event));
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].value[0] != '\0') {
            tdm_buf_addf(out, " %s=%s", texts[i].name, texts[i].value);
        }
    }
    for (size_t i = 0; i < tidymail_event_tag_count(event); i++) {
        tdm_buf_addf(out, " #%s", tidymail_event_tag(event, i));
    }
    for (size_t i = 0; i < tidymail_event_metadata_count(event); i++) {
        tdm_buf_addf(out, " {%s:%s}", tidymail_event_metadata_name(event, i),
                     tidymail_event_metadata_value(event, i));
    }
    tdm_buf_add_str(out, tidymail_event_is_test(event) ? " test\n" : "\n");
}

struct event_case {
    const char *service;
    const char *body;
    const char *wanted;
};

static const struct event_case cases[] = {
#include "webhook_cases.inc"
};

static void events(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_buf said;
        tdm_buf_init(&said, NULL, 65536);
        tidymail_events *got =
            tidymail_webhook_parse(cases[i].service, cases[i].body, strlen(cases[i].body));
        assert_non_null(got);
        if (tidymail_events_error(got) != NULL) {
            tdm_buf_addf(&said, "%s: %s\n",
                         tidymail_kind_name(tidymail_error_kind(tidymail_events_error(got))),
                         tidymail_error_message(tidymail_events_error(got)));
            assert_int_equal(tidymail_events_count(got), 0);
        }
        for (size_t n = 0; n < tidymail_events_count(got); n++) {
            describe(tidymail_events_at(got, n), &said);
        }
        if (strcmp(tdm_buf_text(&said), cases[i].wanted) != 0) {
            fail_msg("%s %s\ngives   %swanted: %s", cases[i].service, cases[i].body,
                     tdm_buf_text(&said), cases[i].wanted);
        }
        assert_null(tidymail_events_at(got, tidymail_events_count(got)));
        tidymail_events_free(got);
        tdm_buf_clear(&said);
    }
}

static void what_belongs_to_the_request(void **state)
{
    (void)state;
    static const char mailgun[] =
        "{\"signature\":{\"token\":\"t0\"},\"event-data\":{\"event\":\"x\"}}";
    static const char sns[] =
        "{\"Type\":\"Notification\",\"Message\":\"hello\",\"TopicArn\":\"arn:t\","
        "\"SigningCertURL\":\"https://sns.eu-west-1.amazonaws.com/a.pem\"}";
    tidymail_events *got = tidymail_webhook_parse("mailgun", mailgun, strlen(mailgun));
    assert_string_equal(tidymail_events_token(got), "t0");
    assert_string_equal(tidymail_events_topic(got), "");
    tidymail_events_free(got);
    got = tidymail_webhook_parse("ses", sns, strlen(sns));
    assert_string_equal(tidymail_events_topic(got), "arn:t");
    assert_string_equal(tidymail_events_certificate_url(got),
                        "https://sns.eu-west-1.amazonaws.com/a.pem");
    tidymail_events_free(got);
}

static void metadata_by_name(void **state)
{
    (void)state;
    static const char body[] =
        "{\"RecordType\":\"Open\",\"Metadata\":{\"order\":\"7\",\"shop\":\"Caf\\u00e9\"}}";
    tidymail_events *got = tidymail_webhook_parse("postmark", body, strlen(body));
    const tidymail_event *event = tidymail_events_at(got, 0);
    assert_string_equal(tidymail_event_metadata(event, "shop"), "Caf\303\251");
    assert_string_equal(tidymail_event_metadata(event, "none"), "");
    assert_string_equal(tidymail_event_metadata(event, NULL), "");
    assert_string_equal(tidymail_event_metadata_name(event, 2), "");
    assert_string_equal(tidymail_event_tag(event, 0), "");
    tidymail_events_free(got);
}

static void null_is_harmless(void **state)
{
    (void)state;
    struct tdm_buf said;
    tdm_buf_init(&said, NULL, 1024);
    describe(NULL, &said);
    assert_string_equal(tdm_buf_text(&said), "other\n");
    tdm_buf_clear(&said);
    assert_int_equal(tidymail_events_count(NULL), 0);
    assert_null(tidymail_events_at(NULL, 0));
    assert_int_equal(tidymail_error_kind(tidymail_events_error(NULL)), TIDYMAIL_KIND_LOCAL);
    assert_string_equal(tidymail_error_message(tidymail_events_error(NULL)), "out of memory");
    assert_string_equal(tidymail_events_token(NULL), "");
    assert_string_equal(tidymail_events_topic(NULL), "");
    assert_string_equal(tidymail_events_certificate_url(NULL), "");
    tidymail_events_free(NULL);
    tidymail_events *got = tidymail_webhook_parse(NULL, NULL, 0);
    assert_int_equal(tidymail_error_kind(tidymail_events_error(got)), TIDYMAIL_KIND_CONFIGURATION);
    tidymail_events_free(got);
    got = tidymail_webhook_parse("ses", NULL, 10);
    assert_string_equal(tidymail_error_message(tidymail_events_error(got)), "the body is empty");
    tidymail_events_free(got);
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(tidymail_event_type_name(TIDYMAIL_EVENT_UNSUBSCRIBE_CONFIRMATION),
                        "unsubscribe-confirmation");
    assert_string_equal(tidymail_event_type_name(15), "?");
    assert_string_equal(tidymail_event_type_name(-1), "?");
    assert_string_equal(tidymail_bounce_name(TIDYMAIL_BOUNCE_PERMANENT), "permanent");
    assert_string_equal(tidymail_bounce_name(4), "?");
    assert_string_equal(tidymail_webhook_verdict_name(TIDYMAIL_WEBHOOK_STALE), "stale");
    assert_string_equal(tidymail_webhook_verdict_name(TIDYMAIL_WEBHOOK_NO_MEMORY), "no-memory");
    assert_string_equal(tidymail_webhook_verdict_words(11), "?");
}

/* Every body cut everywhere: an error with words, or events; never both. */
static void cut_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].body);
        for (size_t cut = 0; cut < length; cut++) {
            tidymail_events *got = tidymail_webhook_parse(cases[i].service, cases[i].body, cut);
            assert_non_null(tidymail_events_error(got));
            assert_string_not_equal(tidymail_error_message(tidymail_events_error(got)), "");
            assert_int_equal(tidymail_events_count(got), 0);
            tidymail_events_free(got);
        }
    }
}

/* A notification about many recipients says what they share once: memory stays in proportion. */
static void many_recipients(void **state)
{
    (void)state;
    struct tdm_buf body;
    struct fail_alloc memory;
    tidymail_allocator allocator = fail_alloc_init(&memory, 0, FAIL_ALLOC_NEVER);
    tdm_buf_init(&body, NULL, 4 << 20);
    tdm_buf_add_str(
        &body, "{\"eventType\":\"Delivery\",\"mail\":{\"messageId\":\"m\",\"tags\":{\"t\":[\"");
    for (int i = 0; i < 100000; i++) {
        tdm_buf_add_char(&body, 'x');
    }
    tdm_buf_add_str(&body, "\"]}},\"delivery\":{\"recipients\":[\"a@b\"");
    for (int i = 1; i < 20000; i++) {
        tdm_buf_add_str(&body, ",\"a@b\"");
    }
    tdm_buf_add_str(&body, "]}}");
    tidymail_events *got = tidymail_webhook_parse_with("ses", body.data, body.length, &allocator);
    assert_int_equal(tidymail_events_count(got), 20000);
    assert_int_equal(strlen(tidymail_event_metadata(tidymail_events_at(got, 19999), "t")), 100000);
    assert_true(memory.peak_bytes < 20 << 20);
    tidymail_events_free(got);
    assert_int_equal(memory.live, 0);
    tdm_buf_clear(&body);
}

static int parse_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                      void *context)
{
    const struct event_case *one = context;
    tidymail_events *got =
        tidymail_webhook_parse_with(one->service, one->body, strlen(one->body), allocator);
    struct tdm_buf said;
    tdm_buf_init(&said, NULL, 65536);
    for (size_t n = 0; n < tidymail_events_count(got); n++) {
        describe(tidymail_events_at(got, n), &said);
    }
    int kind = tidymail_error_kind(tidymail_events_error(got));
    /* All that there is, or an error; and no error where memory never ran out. */
    int wrong = kind == TIDYMAIL_OK ? strcmp(tdm_buf_text(&said), one->wanted) != 0
                                    : said.length != 0 || memory->failures == 0;
    tdm_buf_clear(&said);
    tidymail_events_free(got);
    return wrong;
}

static void allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_case one = cases[i];
        if (strncmp(one.wanted, "protocol: ", 10) == 0 ||
            strncmp(one.wanted, "configuration: ", 15) == 0) {
            continue;
        }
        const char *why = fail_alloc_run_all(parse_once, &one, one.wanted[0] == '\0' ? 1 : 3);
        if (why != NULL) {
            fail_msg("%s: %s", one.body, why);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),
        cmocka_unit_test(what_belongs_to_the_request),
        cmocka_unit_test(metadata_by_name),
        cmocka_unit_test(null_is_harmless),
        cmocka_unit_test(words),
        cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(many_recipients),
        cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests_name("webhook events", tests, NULL, NULL);
}
