/* test_provider_core.c: what all mail services share: the view of a message, what can be done and
 * what not, a service's own options, JSON, and what an answer means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <tidymail/part.h>
#include <tidymail/service.h>

#include "fail_alloc.h"
#include "provider/answer.h"
#include "provider/json.h"

static const struct tdm_writer_env env = {1764000000, {1, 2, 3}, NULL};

static const struct tdm_service_option options[] = {
    {"stream", TDM_OPTION_TEXT, "settings/stream", "a stream"},
    {"count", TDM_OPTION_INTEGER, "count", "a number"},
    {"fast", TDM_OPTION_BOOLEAN, "list/0/fast", "a switch"},
    {"data", TDM_OPTION_JSON, "data", "anything"},
    {NULL, TDM_OPTION_TEXT, NULL, NULL},
};

static const struct tdm_provider provider = {
    .scheme = "example",
    .url = "example://KEY@",
    .page = "https://example.com/",
    .capabilities = {.name = "Example",
                     .can = TDM_CAN_CC | TDM_CAN_TAGS | TDM_CAN_HEADERS | TDM_CAN_REPLY_TO,
                     .max_recipients = 3,
                     .max_reply_to = 1,
                     .max_tags = 2},
    .options = options,
};

static const struct tdm_account account = {"key", "", "", "", NULL, 0};

struct fixture {
    tidymail_message *message;
    struct tdm_mail mail;
    struct tidymail_error error;
    struct tdm_provider_job job;
};

static int fixture_open(struct fixture *f, const tidymail_allocator *allocator)
{
    tdm_error_init(&f->error, allocator);
    int kind = tdm_message_prepare(f->message, &env);
    if (kind == TIDYMAIL_OK) {
        kind = tdm_mail_open(&f->mail, f->message, allocator, &f->error);
    }
    f->job =
        (struct tdm_provider_job){&provider, &account, &f->mail, env.wall_s, NULL, allocator, NULL};
    return kind;
}

static void fixture_close(struct fixture *f)
{
    tdm_mail_clear(&f->mail);
    tdm_error_clear(&f->error);
    tidymail_message_free(f->message);
}

static tidymail_message *message_small(const tidymail_allocator *allocator)
{
    tidymail_message *message = tidymail_message_new_with(allocator);
    tidymail_message_set_from(message, "\"J\xc3\xb6rg, Dr.\" <joerg@example.com>");
    tidymail_message_add_to(message, "Ann Lee <ann@example.org>");
    tidymail_message_set_subject(message, "Gr\xc3\xbc\xc3\x9f"
                                          "e");
    tidymail_message_set_text(message, "Hi\nthere");
    return message;
}

/* So many bytes in all, a few at a time. */
static ptrdiff_t read_some(void *context, void *buffer, size_t capacity)
{
    size_t *left = context;
    size_t count = capacity < 7 ? capacity : 7;
    count = count < *left ? count : *left;
    memset(buffer, 'x', count);
    *left -= count;
    return (ptrdiff_t)count;
}

static void the_view_holds_what_was_put_in(void **state)
{
    (void)state;
    struct fixture f;
    memset(&f, 0, sizeof(f));
    f.message = message_small(NULL);
    tidymail_message_set_html(f.message, "<img src=\"cid:logo\">");
    tidymail_message_add_cc(f.message, "bob@example.org");
    tidymail_message_add_bcc(f.message, "eve@example.org");
    tidymail_message_add_reply_to(f.message, "\"Desk\" <desk@example.com>");
    tidymail_message_add_header(f.message, "X-Kind", "t\xc3\xa4st");
    tidymail_message_add_header(f.message, "List-Unsubscribe", "<https://example.com/u>");
    tidymail_message_attach_bytes(f.message, "r\xc3\xa4port.txt", "text/plain", "a\nb", 3);
    size_t left = 120000;
    tidymail_source source = {read_some, NULL, NULL, NULL, NULL, &left};
    tidymail_attachment stream = TIDYMAIL_ATTACHMENT_INIT;
    stream.source = &source;
    stream.type = "application/x-a; q=\"b c\"";
    stream.content_id = "s1@example.com";
    tidymail_message_add_attachment(f.message, &stream);
    tidymail_attachment logo = TIDYMAIL_ATTACHMENT_INIT;
    logo.bytes = "PNG";
    logo.length = 3;
    logo.name = "logo.png";
    logo.type = "image/png";
    logo.content_id = "logo";
    logo.is_inline = 1;
    tidymail_message_add_attachment(f.message, &logo);

    assert_int_equal(fixture_open(&f, NULL), TIDYMAIL_OK);
    assert_string_equal(f.mail.from->spec, "joerg@example.com");
    assert_string_equal(f.mail.subject, "Gr\xc3\xbc\xc3\x9f"
                                        "e");
    assert_string_equal(f.mail.text, "Hi\nthere");
    assert_string_equal(f.mail.html, "<img src=\"cid:logo\">");
    assert_int_equal(f.mail.recipient_count, 3);
    assert_string_equal(tdm_mail_field(&f.mail, "x-kind"), "t\xc3\xa4st");
    assert_string_equal(tdm_mail_field(&f.mail, "List-Unsubscribe"), "<https://example.com/u>");
    assert_null(tdm_mail_field(&f.mail, "Subject"));
    assert_int_equal(f.mail.file_count, 3);
    const struct tdm_mail_file *files = f.mail.files;
    assert_string_equal(files[0].name, "r\xc3\xa4port.txt");
    assert_string_equal(files[0].type, "text/plain; charset=us-ascii");
    assert_string_equal(files[0].media_type, "text/plain");
    assert_memory_equal(files[0].bytes.data, "a\nb", 3);
    assert_null(files[1].name);
    assert_string_equal(files[1].type, "application/x-a; q=\"b c\"");
    assert_string_equal(files[1].content_id, "s1@example.com");
    assert_int_equal(files[1].bytes.length, 120000);
    assert_int_equal(files[1].is_inline, 0);
    assert_int_equal(files[2].is_inline, 1);
    assert_string_equal(files[2].content_id, "logo");
    assert_false(f.mail.needs_raw);
    assert_false(f.mail.has_envelope);
    fixture_close(&f);
}

static void mailboxes_are_written_in_both_ways(void **state)
{
    (void)state;
    struct fixture f;
    memset(&f, 0, sizeof(f));
    f.message = message_small(NULL);
    tidymail_message_add_to(f.message,
                            "Team: Bob <b@example.org>, \"C \\\"x\\\"\" <c@example.org>;");
    assert_int_equal(fixture_open(&f, NULL), TIDYMAIL_OK);
    struct tdm_buf out;
    tdm_buf_init(&out, NULL, 1 << 20);
    tdm_mail_add_mailbox(&out, f.mail.from, 0);
    assert_string_equal(tdm_buf_text(&out), "\"J\xc3\xb6rg, Dr.\" <joerg@example.com>");
    tdm_buf_reset(&out);
    tdm_mail_add_mailbox(&out, f.mail.from, 1);
    assert_string_equal(tdm_buf_text(&out), "=?utf-8?B?SsO2cmcsIERyLg==?= <joerg@example.com>");
    tdm_buf_reset(&out);
    tdm_mail_add_mailboxes(&out, f.mail.to, 1);
    assert_string_equal(tdm_buf_text(&out), "Ann Lee <ann@example.org>, Bob <b@example.org>, "
                                            "\"C \\\"x\\\"\" <c@example.org>");
    tdm_buf_clear(&out);
    fixture_close(&f);
}

static void a_raw_message_keeps_bcc_where_asked(void **state)
{
    (void)state;
    static const char raw[] = "From: a@example.com\r\nTo: b@example.org\r\nBcc: c@example.org\r\n"
                              "Subject: x\r\n\r\nHi\r\n";
    for (int keep = 0; keep <= 1; keep++) {
        struct fixture f;
        struct tdm_buf out;
        memset(&f, 0, sizeof(f));
        f.message = tidymail_message_new();
        tidymail_message_set_raw(f.message, raw, sizeof(raw) - 1);
        assert_int_equal(fixture_open(&f, NULL), TIDYMAIL_OK);
        assert_true(f.mail.needs_raw);
        assert_null(f.mail.from);
        tdm_buf_init(&out, NULL, 1 << 20);
        assert_int_equal(tdm_mail_read_raw(&f.mail, keep, &out, &f.error), TIDYMAIL_OK);
        assert_int_equal(strstr(tdm_buf_text(&out), "Bcc: c@example.org\r\n") != NULL, keep);
        assert_non_null(strstr(tdm_buf_text(&out), "Subject: x\r\n\r\nHi\r\n"));
        tdm_buf_clear(&out);
        fixture_close(&f);
    }
}

static void note_count(void *context, const char *line)
{
    assert_non_null(strstr(line, "left out: "));
    (*(int *)context)++;
}

static void what_cannot_be_done_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *words; /* NULL: taken */
    } cases[] = {
        {"cc", NULL},
        {"bcc", "Bcc recipients: Example does not take this"},
        {"html", "text and HTML in one message: Example does not take this"},
        {"file", "attachments: Example does not take this"},
        {"dsn", "delivery notifications, REQUIRETLS"},
        {"envelope", "an envelope of one's own"},
        {"utf8", "addresses in UTF-8: Example does not take this"},
        {"many", "recipients: 5 are more than Example takes in one message (3)"},
        {"reply", "Reply-To addresses: 2 are more than Example takes in one message (1)"},
        {"sender", "a Sender beside From"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        const char *what = cases[i].what;
        memset(&f, 0, sizeof(f));
        f.message = message_small(NULL);
        if (strcmp(what, "cc") == 0) {
            tidymail_message_add_cc(f.message, "b@example.org");
        } else if (strcmp(what, "bcc") == 0) {
            tidymail_message_add_bcc(f.message, "b@example.org");
        } else if (strcmp(what, "html") == 0) {
            tidymail_message_set_html(f.message, "<p>x");
        } else if (strcmp(what, "file") == 0) {
            tidymail_message_attach_bytes(f.message, "a", "text/plain", "x", 1);
        } else if (strcmp(what, "dsn") == 0) {
            tidymail_message_set_dsn(f.message, "NEVER", NULL, NULL);
        } else if (strcmp(what, "envelope") == 0) {
            tidymail_message_set_envelope_from(f.message, "bounce@example.com");
        } else if (strcmp(what, "utf8") == 0) {
            tidymail_message_add_to(f.message, "\xc3\xb6@example.org");
        } else if (strcmp(what, "sender") == 0) {
            tidymail_message_add_header(f.message, "Sender", "s@example.com");
        }
        for (int n = 0; strcmp(what, "many") == 0 && n < 4; n++) {
            static const char *const to[] = {"1@x.org", "2@x.org", "3@x.org", "4@x.org"};
            tidymail_message_add_to(f.message, to[n]);
        }
        for (int n = 0; strcmp(what, "reply") == 0 && n < 2; n++) {
            tidymail_message_add_reply_to(f.message, n == 0 ? "1@x.org" : "2@x.org");
        }
        assert_int_equal(fixture_open(&f, NULL), TIDYMAIL_OK);
        int kind = tdm_capabilities_check(&provider.capabilities, &f.mail, 0, NULL, NULL, &f.error);
        assert_int_equal(kind, cases[i].words == NULL ? TIDYMAIL_OK : TIDYMAIL_KIND_MESSAGE);
        const char *said = tidymail_error_message(&f.error);
        if (cases[i].words != NULL && strstr(said, cases[i].words) == NULL) {
            fail_msg("%s: \"%s\"", what, said);
        }
        fixture_close(&f);
    }
}

static void extras_are_left_out_on_request(void **state)
{
    (void)state;
    struct fixture f;
    int notes = 0;
    memset(&f, 0, sizeof(f));
    f.message = message_small(NULL);
    tidymail_message_set_dsn(f.message, "NEVER", NULL, NULL);
    f.message->service.track_opens = TIDYMAIL_TRACKING_OFF;
    assert_int_equal(fixture_open(&f, NULL), TIDYMAIL_OK);
    assert_int_equal(
        tdm_capabilities_check(&provider.capabilities, &f.mail, 1, note_count, &notes, &f.error),
        TIDYMAIL_OK);
    assert_int_equal(notes, 2);
    assert_false(tdm_provider_wants(&f.job, TDM_FEATURE_TRACKING));
    f.message->service.sandbox = 1; /* without it the message would be delivered */
    assert_int_equal(
        tdm_capabilities_check(&provider.capabilities, &f.mail, 1, note_count, &notes, &f.error),
        TIDYMAIL_KIND_MESSAGE);
    f.message->service.sandbox = 0;
    fixture_close(&f);
}

static void options_go_where_their_path_says(void **state)
{
    (void)state;
    struct fixture f;
    struct tdm_json json = {0};
    struct tdm_http_request request;
    static char names[][12] = {"stream", "count", "fast", "data", "extra", "extra"};
    static char values[][64] = {"news",     "12",        "yes",
                                "[1,null]", "{\"x\":1}", "{\"settings\":{\"b\":2},\"count\":3}"};
    static char ours[] = "example";
    static char theirs[] = "other";
    struct tdm_service_pair pairs[6];
    for (int i = 0; i < 6; i++) {
        pairs[i] = (struct tdm_service_pair){i == 4 ? theirs : ours, names[i], values[i]};
    }
    memset(&f, 0, sizeof(f));
    f.message = message_small(NULL);
    assert_int_equal(fixture_open(&f, NULL), TIDYMAIL_OK);
    struct tdm_service_wishes wishes = f.message->service;
    wishes.options = (struct tdm_service_pairs){pairs, 6, 6};
    f.mail.service = &wishes;
    assert_int_equal(tdm_provider_check_options(&f.job, &f.error), TIDYMAIL_OK);
    json_t *root = tdm_json_object(&json);
    json_t *list = tdm_json_array(&json);
    tdm_json_append(&json, list, tdm_json_object(&json));
    tdm_json_put(&json, root, "list", list);
    assert_int_equal(tdm_json_put_options(&json, &f.job, root, &f.error), TIDYMAIL_OK);
    tdm_http_request_init(&request, NULL);
    assert_int_equal(tdm_json_finish(&json, root, &request, &f.error), TIDYMAIL_OK);
    assert_string_equal(tdm_buf_text(&request.body),
                        "{\"list\":[{\"fast\":true}],\"settings\":{\"stream\":\"news\",\"b\":2},"
                        "\"count\":3,\"data\":[1,null]}");
    tdm_http_request_clear(&request);
    fixture_close(&f);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *words;
    } cases[] = {
        {"steam", "x", "Example has no option \"steam\", did you mean stream?"},
        {"count", "1x", "option count of Example: not a whole number"},
        {"count", "", "option count of Example: not a whole number"},
        {"fast", "true", "option fast of Example: not yes or no"},
        {"data", "{", "option data of Example: not JSON"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tidymail_error error;
        tdm_error_init(&error, NULL);
        assert_int_equal(tdm_service_option_check(&provider, cases[i].name, strlen(cases[i].name),
                                                  cases[i].value, TIDYMAIL_KIND_CONFIGURATION,
                                                  &error),
                         TIDYMAIL_KIND_CONFIGURATION);
        assert_string_equal(tidymail_error_message(&error), cases[i].words);
        tdm_error_clear(&error);
    }
}

static const struct tdm_answer_row rows[] = {
    {401, NULL, "maximum credits", TDM_MEANS_QUOTA, NULL},
    {0, "E7", NULL, TDM_MEANS_SENDER, "verify it"},
    {4, "slow", "wait|later", TDM_MEANS_RATE, NULL},
};
#define ROWS rows, sizeof(rows) / sizeof(rows[0])

static void an_answer_gets_its_meaning(void **state)
{
    (void)state;
    static const struct {
        struct tdm_answer answer;
        int kind;
        int retryable;
        const char *line;
    } cases[] = {
        {{401, NULL, "Maximum Credits exceeded", -1},
         TIDYMAIL_KIND_PERMANENT,
         0,
         "Example has no sending quota left for this account (401): Maximum Credits exceeded"},
        {{401, NULL, "no", -1},
         TIDYMAIL_KIND_AUTHENTICATION,
         0,
         "authentication failed: Example refused the key (401): no"},
        {{400, "E7", "x\ny", -1},
         TIDYMAIL_KIND_PERMANENT,
         0,
         "Example does not know the sender (400 E7): x y"},
        {{400, "slow", "try LATER", 7},
         TIDYMAIL_KIND_TEMPORARY,
         1,
         "Example wants fewer requests (400 slow): try LATER"},
        {{500, "slow", "later", -1},
         TIDYMAIL_KIND_TEMPORARY,
         1,
         "Example is in trouble (500 slow): later"},
        {{302, NULL, NULL, -1},
         TIDYMAIL_KIND_PROTOCOL,
         0,
         "Example answered with a redirect (302)"},
        {{400, "slow", "\x1b[31m", -1},
         TIDYMAIL_KIND_PERMANENT,
         0,
         "Example refused the message (400 slow): \\x1B[31m"},
    };
    static const char *const to[] = {"a@x.org", "b@x.org"};
    struct fixture f;
    memset(&f, 0, sizeof(f));
    f.message = message_small(NULL);
    assert_int_equal(fixture_open(&f, NULL), TIDYMAIL_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_report *report = tdm_report_new(NULL, to, 2);
        tdm_answer_refuse(&f.job, ROWS, &cases[i].answer, report);
        tdm_report_decide(report);
        const tidymail_error *error = tidymail_report_error(report);
        assert_string_equal(tidymail_error_message(error), cases[i].line);
        assert_int_equal(tidymail_error_kind(error), cases[i].kind);
        assert_int_equal(tidymail_error_phase(error), TIDYMAIL_PHASE_RESPONSE);
        assert_int_equal(tidymail_error_retryable(error), cases[i].retryable);
        assert_int_equal(tidymail_error_code(error), cases[i].answer.status);
        assert_int_equal(tidymail_error_retry_after(error), cases[i].answer.retry_after);
        assert_string_not_equal(tidymail_error_hint(error), "");
        assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
        assert_int_equal(report->recipients[1].code, cases[i].answer.status);
        assert_int_equal(report->recipients[1].kind, cases[i].kind);
        tidymail_report_free(report);
    }
    fixture_close(&f);
}

static void recipients_are_told_apart(void **state)
{
    (void)state;
    static const char *const to[] = {"a@x.org", "B@x.org", "c@x.org"};
    struct fixture f;
    memset(&f, 0, sizeof(f));
    f.message = message_small(NULL);
    assert_int_equal(fixture_open(&f, NULL), TIDYMAIL_OK);
    tidymail_report *report = tdm_report_new(NULL, to, 3);
    struct tdm_answer gone = {200, "E7", "hard-bounce", -1};
    struct tdm_answer later = {429, "slow", "wait", 5};
    tdm_answer_refuse_one(&f.job, ROWS, &gone, tdm_answer_recipient(report, "b@X.org"), report);
    tdm_answer_refuse_one(&f.job, ROWS, &later, tdm_answer_recipient(report, "c@x.org"), report);
    tdm_answer_refuse_one(&f.job, ROWS, &gone, tdm_answer_recipient(report, "d@x.org"), report);
    tdm_answer_sent(report, 200, "id-1");
    tdm_report_decide(report);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_PARTIAL);
    assert_int_equal(report->recipients[0].outcome, TIDYMAIL_SENT);
    assert_string_equal(report->recipients[0].service_id, "id-1");
    assert_string_equal(report->service_id, "id-1");
    assert_int_equal(report->recipients[1].outcome, TIDYMAIL_FAILED);
    assert_int_equal(report->recipients[1].retryable, 0);
    assert_int_equal(report->recipients[2].retryable, 1);
    assert_string_equal(tidymail_error_message(tidymail_report_error(report)),
                        "Example wants fewer requests (429 slow, recipient <c@x.org>): wait");
    tidymail_report_free(report);
    fixture_close(&f);
}

static void what_is_no_answer_is_said(void **state)
{
    (void)state;
    static const char *const to[] = {"a@x.org"};
    static const struct {
        int status;
        const char *type;
        const char *body;
        int kind;
        const char *line;
    } cases[] = {
        {502, "text/html", "<html>bad</html>", TIDYMAIL_KIND_TEMPORARY,
         "Example is in trouble (502): an HTML page, which comes from something in front"},
        {403, "text/html; charset=x", " <!DOCTYPE html>", TIDYMAIL_KIND_PROTOCOL,
         "Example answered something that is not its API (403): an HTML page"},
        {403, "text/plain", "Forbidden", TIDYMAIL_KIND_AUTHENTICATION,
         "authentication failed: Example does not let this key send (403): Forbidden"},
        {503, NULL, "", TIDYMAIL_KIND_TEMPORARY, "Example is in trouble (503)"},
        {401, "text/html", "<html>maximum credits</html>", TIDYMAIL_KIND_PERMANENT,
         "Example has no sending quota left"},
    };
    struct fixture f;
    memset(&f, 0, sizeof(f));
    f.message = message_small(NULL);
    assert_int_equal(fixture_open(&f, NULL), TIDYMAIL_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_http_response response;
        tidymail_report *report = tdm_report_new(NULL, to, 1);
        tdm_http_response_init(&response, NULL);
        response.status = cases[i].status;
        if (cases[i].type != NULL) {
            tdm_http_response_add(&response, "content-type", 12, cases[i].type,
                                  strlen(cases[i].type));
        }
        tdm_buf_add_str(&response.body, cases[i].body);
        tdm_answer_refuse_plain(&f.job, ROWS, &response, report);
        const char *said = tidymail_error_message(&report->error);
        if (strncmp(said, cases[i].line, strlen(cases[i].line)) != 0) {
            fail_msg("\"%s\"", said);
        }
        assert_int_equal(report->error.kind, cases[i].kind);
        tidymail_report_free(report);
        report = tdm_report_new(NULL, to, 1);
        tdm_answer_unclear(&f.job, &response, "without an id", report);
        tdm_report_decide(report);
        assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_UNKNOWN);
        assert_int_equal(report->error.kind, TIDYMAIL_KIND_PROTOCOL);
        tidymail_report_free(report);
        tdm_http_response_clear(&response);
    }
    fixture_close(&f);
}

static void waits_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int seconds;
    } cases[] = {
        {"120", 120},
        {"2.128", 3},
        {"2.0", 2},
        {"0", 0},
        {"", -1},
        {"-1", -1},
        {"12x", -1},
        {"99999999999", -1},
        {"Thu, 01 Jan 1970 00:10:05 GMT", 5},
        {"Thu, 01 Jan 1970 00:00:05 GMT", 0},
        {"1 Jan 1970 00:11:00 +0000", 60},
        {"Thu, 01 Foo 1970 00:10:05 GMT", -1},
        {"Thu, 01 Jan 1970 00:10", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_http_response response;
        tdm_http_response_init(&response, NULL);
        tdm_http_response_add(&response, "Retry-After", 11, cases[i].value, strlen(cases[i].value));
        if (tdm_answer_retry_after(&response, 600) != cases[i].seconds) {
            fail_msg("\"%s\": %d", cases[i].value, tdm_answer_retry_after(&response, 600));
        }
        tdm_http_response_clear(&response);
    }
    int64_t date = 0;
    assert_int_equal(tdm_http_date("Mon, 20 Dec 2021 20:33:21 UTC", &date), 0);
    assert_int_equal(date, 1640032401);
    assert_int_equal(tdm_http_date("Tue, 29 Feb 2028 00:00:00 GMT", &date), 0);
    assert_int_equal(date, 1835395200);
}

/* Everything of the core that allocates through us. */
static int use_everything(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                          void *context)
{
    static const char *const to[] = {"a@x.org", "b@x.org"};
    (void)memory;
    (void)context;
    struct fixture f;
    struct tdm_http_request request;
    struct tdm_http_response response;
    struct tdm_answer answer = {400, "E7", "words", -1};
    memset(&f, 0, sizeof(f));
    f.message = message_small(allocator);
    tidymail_message_add_header(f.message, "X-Kind", "x");
    tidymail_attachment file = TIDYMAIL_ATTACHMENT_INIT;
    file.name = "a.txt";
    file.bytes = "abc";
    file.length = 3;
    file.content_id = "c1";
    file.description = "Gr\xc3\xb6\xc3\x9f"
                       "e";
    tidymail_message_add_attachment(f.message, &file);
    int kind = fixture_open(&f, allocator);
    tdm_http_request_init(&request, allocator);
    tdm_http_request_set_target(&request, "https://example.com", "/v1");
    tdm_http_request_add_basic(&request, "user", "password");
    tdm_http_request_add_secret(&request, "Key", "Bearer ", "secret");
    tdm_http_response_init(&response, allocator);
    if (kind == TIDYMAIL_OK) {
        assert_string_equal(f.mail.files[0].content_id, "c1");
        assert_string_equal(f.mail.files[0].description, file.description);
        int raw = tdm_mail_read_raw(&f.mail, 1, &request.body, &f.error);
        assert_true(raw == TIDYMAIL_OK || raw == TIDYMAIL_KIND_LOCAL);
        tdm_capabilities_check(&provider.capabilities, &f.mail, 0, NULL, NULL, &f.error);
    }
    tidymail_report *report = tdm_report_new(allocator, to, 2);
    if (report != NULL) {
        tdm_http_response_add(&response, "Retry-After", 11, "1", 1);
        tdm_answer_refuse_one(&f.job, ROWS, &answer, 0, report);
        assert_int_equal(report->recipients[0].outcome, TIDYMAIL_FAILED);
        tdm_answer_refuse_plain(&f.job, ROWS, &response, report);
        tdm_answer_unclear(&f.job, &response, "x", report);
        tidymail_report_free(report);
    }
    tdm_http_response_clear(&response);
    tdm_http_request_clear(&request);
    fixture_close(&f);
    return 0;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *problem = fail_alloc_run_all(use_everything, NULL, 40);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_view_holds_what_was_put_in),
        cmocka_unit_test(mailboxes_are_written_in_both_ways),
        cmocka_unit_test(a_raw_message_keeps_bcc_where_asked),
        cmocka_unit_test(what_cannot_be_done_is_refused),
        cmocka_unit_test(extras_are_left_out_on_request),
        cmocka_unit_test(options_go_where_their_path_says),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(an_answer_gets_its_meaning),
        cmocka_unit_test(recipients_are_told_apart),
        cmocka_unit_test(what_is_no_answer_is_said),
        cmocka_unit_test(waits_are_read),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
