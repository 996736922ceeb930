/* provider_case.c: see provider_case.h. */
#include "provider_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tidymail/part.h>
#include <tidymail/service.h>

#include "fail_alloc.h"
#include "provider/json.h"

static const char small_message[] = "from s@d.org\nto a@x.org\nsubject Hi\ntext t\n";
static const unsigned char random_bytes[16] = {1, 2,  3,  4,  5,  6,  7,  8,
                                               9, 10, 11, 12, 13, 14, 15, 255};

/* The next word of *text, parted by `end`; it is changed. */
static char *case_word(char **text, const char *end)
{
    char *word = *text;
    size_t length = strcspn(word, end);
    *text = word + length + (word[length] != '\0');
    word[length] = '\0';
    return word;
}

static int case_tracking(const char *value)
{
    return strcmp(value, "on") == 0 ? TIDYMAIL_TRACKING_ON : TIDYMAIL_TRACKING_OFF;
}

static void case_attach(tidymail_message *message, char *value, int is_inline)
{
    tidymail_attachment file = TIDYMAIL_ATTACHMENT_INIT;
    const char *name = case_word(&value, " ");
    file.name = strcmp(name, "-") == 0 ? NULL : name;
    file.type = case_word(&value, " ");
    file.content_id = is_inline ? case_word(&value, " ") : NULL;
    file.is_inline = is_inline;
    file.bytes = value;
    file.length = strlen(value);
    tidymail_message_add_attachment(message, &file);
}

/* NAME TYPE CID WORDS */
static void case_describe(tidymail_message *message, char *value)
{
    tidymail_attachment file = TIDYMAIL_ATTACHMENT_INIT;
    file.name = case_word(&value, " ");
    file.type = case_word(&value, " ");
    const char *id = case_word(&value, " ");
    file.content_id = strcmp(id, "-") == 0 ? NULL : id;
    file.description = strcmp(value, "-") == 0 ? NULL : value;
    file.bytes = "hi";
    file.length = 2;
    tidymail_message_add_attachment(message, &file);
}

static int case_set_address(tidymail_message *message, const char *word, const char *value)
{
    static const struct {
        const char *word;
        int (*set)(tidymail_message *message, const char *value);
    } setters[] = {
        {"from", tidymail_message_set_from},
        {"to", tidymail_message_add_to},
        {"cc", tidymail_message_add_cc},
        {"bcc", tidymail_message_add_bcc},
        {"reply-to", tidymail_message_add_reply_to},
        {"envelope-from", tidymail_message_set_envelope_from},
        {"envelope-to", tidymail_message_add_envelope_to},
        {"subject", tidymail_message_set_subject},
        {"text", tidymail_message_set_text},
        {"html", tidymail_message_set_html},
        {"tag", tidymail_message_add_tag},
        {"key", tidymail_message_set_idempotency_key},
    };
    for (size_t i = 0; i < sizeof(setters) / sizeof(setters[0]); i++) {
        if (strcmp(word, setters[i].word) == 0) {
            setters[i].set(message, value);
            return 1;
        }
    }
    return 0;
}

static void case_set(struct provider_case *c, const struct tdm_provider *provider, char *line)
{
    tidymail_message *message = c->message;
    const char *word = case_word(&line, " ");
    if (case_set_address(message, word, line)) {
        return;
    }
    if (strcmp(word, "sender") == 0) {
        tidymail_message_add_header(message, "Sender", line);
    } else if (strcmp(word, "header") == 0) {
        const char *name = case_word(&line, ":");
        tidymail_message_add_header(message, name, line + (*line == ' '));
    } else if (strcmp(word, "attach") == 0 || strcmp(word, "inline") == 0) {
        case_attach(message, line, word[0] == 'i');
    } else if (strcmp(word, "described") == 0) {
        case_describe(message, line);
    } else if (strcmp(word, "calendar") == 0) {
        tidymail_message_set_calendar(message, line);
    } else if (strcmp(word, "raw") == 0) {
        tidymail_message_set_raw(message, line, strlen(line));
    } else if (strcmp(word, "meta") == 0) {
        const char *name = case_word(&line, "=");
        tidymail_message_add_metadata(message, name, line);
    } else if (strcmp(word, "opens") == 0) {
        message->service.track_opens = case_tracking(line);
    } else if (strcmp(word, "clicks") == 0) {
        message->service.track_clicks = case_tracking(line);
    } else if (strcmp(word, "send-at") == 0) {
        tidymail_message_set_send_at(message, strtoll(line, NULL, 10));
    } else if (strcmp(word, "sandbox") == 0) {
        tidymail_message_set_sandbox(message, 1);
    } else if (strcmp(word, "template") == 0) {
        const char *id = case_word(&line, " ");
        tidymail_message_set_template(message, id, line[0] != '\0' ? line : NULL);
    } else if (strcmp(word, "option") == 0) {
        const char *name = case_word(&line, "=");
        tidymail_message_set_service_option(message, provider->scheme, name, line);
    } else {
        fail_msg("no such word: %s", word);
    }
}

/* "\n" in a value is a line break. */
static void case_unescape(char *line)
{
    for (; *line != '\0'; line++) {
        if (line[0] == '\\' && line[1] == 'n') {
            line[0] = '\n';
            memmove(line + 1, line + 2, strlen(line + 2) + 1);
        }
    }
}

static void case_read(struct provider_case *c, const struct tdm_provider *provider,
                      const char *text)
{
    struct tdm_buf all;
    tdm_buf_init(&all, NULL, 1 << 24);
    tdm_buf_addf(&all, "%s%s", text[0] == '+' ? small_message : "", text + (text[0] == '+'));
    char *rest = all.data;
    while (*rest != '\0') {
        char *line = case_word(&rest, "\n");
        case_unescape(line);
        case_set(c, provider, line);
    }
    tdm_buf_clear(&all);
}

void provider_case_open(struct provider_case *c, const struct tdm_provider *provider,
                        const char *region, const char *message,
                        const tidymail_allocator *allocator)
{
    static const struct tdm_writer_env env = {PROVIDER_CASE_NOW, {1, 2, 3}, NULL};
    memset(c, 0, sizeof(*c));
    const char *host = strcmp(provider->scheme, "ses") == 0 ? "us-east-1" : "d.org";
    c->account = (struct tdm_account){
        PROVIDER_CASE_KEY, PROVIDER_CASE_SECRET, provider->needs_host ? host : "", region, NULL, 0};
    c->message = tidymail_message_new_with(allocator);
    tdm_error_init(&c->error, allocator);
    tdm_http_request_init(&c->request, allocator);
    c->kind = TIDYMAIL_KIND_LOCAL;
    if (c->message == NULL) {
        return;
    }
    case_read(c, provider, message);
    c->kind = tdm_message_prepare(c->message, &env);
    if (c->kind != TIDYMAIL_OK) {
        tdm_error_copy(&c->error, &c->message->error);
        return;
    }
    c->kind = tdm_mail_open(&c->mail, c->message, allocator, &c->error);
    c->job = (struct tdm_provider_job){provider,     &c->account, &c->mail, PROVIDER_CASE_NOW,
                                       random_bytes, allocator,   NULL};
    if (c->kind == TIDYMAIL_OK) {
        c->kind =
            tdm_capabilities_check(&provider->capabilities, &c->mail, 0, NULL, NULL, &c->error);
    }
    if (c->kind == TIDYMAIL_OK) {
        c->kind = tdm_provider_check_options(&c->job, &c->error);
    }
    if (c->kind == TIDYMAIL_OK) {
        c->kind = provider->build(&c->job, &c->request, &c->error);
    }
}

void provider_case_close(struct provider_case *c)
{
    tdm_http_request_clear(&c->request);
    tdm_mail_clear(&c->mail);
    tdm_error_clear(&c->error);
    tidymail_message_free(c->message);
}

const char *provider_case_field(const struct provider_case *c, const char *name)
{
    for (size_t i = 0; i < c->request.fields.count; i++) {
        if (strcmp(c->request.fields.items[i].name, name) == 0) {
            return c->request.fields.items[i].value;
        }
    }
    return NULL;
}

static void case_check_build(const struct provider_case *c, const struct provider_build_case *row)
{
    const char *said = tidymail_error_message(&c->error);
    if (row->expected[0] == '!') {
        if (c->kind != TIDYMAIL_KIND_MESSAGE || c->error.phase != TIDYMAIL_PHASE_PREPARE ||
            strstr(said, row->expected + 1) == NULL) {
            fail_msg("%s\nkind %d: \"%s\", not \"%s\"", row->message, c->kind, said,
                     row->expected + 1);
        }
        return;
    }
    if (c->kind != TIDYMAIL_OK) {
        fail_msg("%s\nkind %d: %s", row->message, c->kind, said);
    }
    json_error_t why;
    json_t *expected = json_loads(row->expected, 0, &why);
    json_t *got = json_loadb(c->request.body.data, c->request.body.length, 0, NULL);
    if (expected == NULL) {
        fail_msg("%s: %s", row->expected, why.text);
    }
    if (!json_equal(expected, got)) {
        fail_msg("%s\ngot      %s\nexpected %s", row->message, tdm_buf_text(&c->request.body),
                 row->expected);
    }
    json_decref(expected);
    json_decref(got);
}

void provider_case_builds(const struct tdm_provider *provider,
                          const struct provider_build_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct provider_case c;
        provider_case_open(&c, provider, "", cases[i].message, NULL);
        case_check_build(&c, &cases[i]);
        provider_case_close(&c);
    }
}

static void case_make_response(struct tdm_http_response *response,
                               const struct provider_answer_case *row,
                               const tidymail_allocator *allocator)
{
    tdm_http_response_init(response, allocator);
    response->status = row->status;
    for (const char *at = row->fields != NULL ? row->fields : ""; *at != '\0';) {
        size_t name = strcspn(at, ":");
        size_t length = strcspn(at, "\n");
        tdm_http_response_add(response, at, name, at + name + 2, length - name - 2);
        at += length + 1;
    }
    tdm_buf_add_str(&response->body, row->body);
}

static int case_shows(const char *text)
{
    return text != NULL &&
           (strstr(text, PROVIDER_CASE_KEY) != NULL || strstr(text, PROVIDER_CASE_SECRET) != NULL);
}

static int case_report_shows(const tidymail_report *report)
{
    const struct tidymail_error *error = &report->error;
    int shows = case_shows(error->message) || case_shows(error->hint) || case_shows(error->reply) ||
                case_shows(error->service_code) || case_shows(report->summary);
    for (size_t i = 0; i < report->recipient_count; i++) {
        shows |= case_shows(report->recipients[i].reply);
    }
    for (size_t i = 0; i < report->notes.count; i++) {
        shows |= case_shows(report->notes.items[i]);
    }
    return shows;
}

static char case_letter(int outcome)
{
    return outcome == TIDYMAIL_SENT ? 's' : outcome == TIDYMAIL_FAILED ? 'f' : 'u';
}

static int case_same(const char *a, const char *b)
{
    return (a == NULL || b == NULL) ? a == b : strcmp(a, b) == 0;
}

static void case_check_answer(const tidymail_report *report, const struct provider_answer_case *row)
{
    const struct tidymail_error *error = &report->error;
    const char *why = NULL;
    for (size_t i = 0; i < report->recipient_count; i++) {
        if (case_letter(report->recipients[i].outcome) != row->outcomes[i]) {
            why = "an outcome";
        }
    }
    if (error->kind != row->kind) {
        why = "kind";
    } else if (error->kind != TIDYMAIL_OK && error->phase != TIDYMAIL_PHASE_RESPONSE) {
        why = "phase";
    } else if (error->retryable != row->retryable) {
        why = "retryable";
    } else if (error->retry_after != row->retry_after) {
        why = "retry_after";
    } else if (!case_same(tidymail_error_service_code(error), row->code)) {
        why = "code";
    } else if (error->kind != TIDYMAIL_OK && error->code != row->status) {
        why = "status";
    } else if (error->kind != TIDYMAIL_OK &&
               (error->hint == NULL || error->hint[0] == '\0' ||
                strstr(error->hint, row->hint != NULL ? row->hint : "") == NULL)) {
        why = "hint";
    } else if (!case_same(report->service_id, row->id)) {
        why = "id";
    } else if (row->reply != NULL &&
               (error->reply == NULL || strstr(error->reply, row->reply) == NULL)) {
        why = "reply";
    } else if (case_report_shows(report)) {
        why = "the key shows";
    }
    if (why != NULL) {
        fail_msg("%d %s\n%s: %s; kind %s, retryable %d, retry_after %d, code %s, hint %s, id %s",
                 row->status, row->body, why, tidymail_report_summary(report),
                 tidymail_kind_name(error->kind), error->retryable, error->retry_after,
                 tidymail_error_service_code(error), tidymail_error_hint(error),
                 report->service_id != NULL ? report->service_id : "-");
    }
}

#define CASE_THREE "+cc b@x.org\nbcc c@x.org"

void provider_case_answers(const struct tdm_provider *provider,
                           const struct provider_answer_case *cases, size_t count)
{
    struct provider_case c;
    provider_case_open(&c, provider, "", CASE_THREE, NULL);
    assert_int_equal(c.kind, TIDYMAIL_OK);
    for (size_t i = 0; i < count; i++) {
        struct tdm_http_response response;
        tidymail_report *report = tdm_report_new(NULL, c.mail.recipients, c.mail.recipient_count);
        case_make_response(&response, &cases[i], NULL);
        provider->parse(&c.job, &response, report);
        tdm_report_decide(report);
        case_check_answer(report, &cases[i]);
        tidymail_report_free(report);
        tdm_http_response_clear(&response);
    }
    provider_case_close(&c);
}

void provider_case_strangers(const struct tdm_provider *provider)
{
    static const char page[] = "<html><body><h1>Bad Gateway</h1></body></html>";
    static const struct provider_answer_case cases[] = {
        {502, "Content-Type: text/html\n", page, "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL,
         NULL, "<h1>Bad Gateway</h1>"},
        {503, "Retry-After: 30\n", page, "fff", TIDYMAIL_KIND_TEMPORARY, 1, 30, "", NULL, NULL,
         NULL},
        {502, NULL, "", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL, NULL},
        {500, NULL, "[1, 2]", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL, NULL},
        {400, NULL, "", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", NULL, NULL, NULL},
        {401, NULL, "", "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "", NULL, NULL, NULL},
        {403, "Content-Type: text/html\n", page, "fff", TIDYMAIL_KIND_PROTOCOL, 0, -1, "",
         "what stands between", NULL, NULL},
        {404, NULL, "{", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", NULL, NULL, NULL},
        {413, NULL, page, "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "without attachments", NULL,
         NULL},
        {429, "Retry-After: 2.128\n", "", "fff", TIDYMAIL_KIND_TEMPORARY, 1, 3, "", "slower", NULL,
         NULL},
        {302, "Location: https://elsewhere.example/\n", "{\"id\":\"x\",\"messageId\":\"x\"}", "fff",
         TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "redirect", NULL, NULL},
        {200, NULL, "", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL, NULL},
        {200, "Content-Type: text/html\n", page, "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log",
         NULL, NULL},
        {200, NULL, "{}", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL, NULL},
        {200, NULL, "[]", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL, NULL},
        {200, NULL, "{\"id\": 7, \"messageId\": [], \"Messages\": \"x\"}", "uuu",
         TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL, NULL},
    };
    provider_case_answers(provider, cases, sizeof(cases) / sizeof(cases[0]));
}

struct case_allocations {
    const struct tdm_provider *provider;
    const char *message;
    const struct provider_answer_case *answer;
};

static int case_run(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                    void *context)
{
    const struct case_allocations *run = context;
    struct provider_case c;
    int wrong = 0;
    provider_case_open(&c, run->provider, "", run->message, allocator);
    if (c.kind != TIDYMAIL_KIND_LOCAL && !(c.kind == TIDYMAIL_OK)) {
        print_error("build: kind %d\n", c.kind);
        wrong = 1;
    }
    if (c.kind == TIDYMAIL_OK && (c.request.failed || c.request.body.failed ||
                                  c.request.origin == NULL || c.request.path == NULL)) {
        print_error("build: fine, but the request is not whole\n");
        wrong = 1;
    }
    if (memory->failures == 0 && c.kind != TIDYMAIL_OK) {
        print_error("build: %s\n", tidymail_error_message(&c.error));
        wrong = 1;
    }
    if (c.kind == TIDYMAIL_OK) {
        struct tdm_http_response response;
        tidymail_report *report =
            tdm_report_new(allocator, c.mail.recipients, c.mail.recipient_count);
        case_make_response(&response, run->answer, NULL);
        if (report != NULL) {
            run->provider->parse(&c.job, &response, report);
            tdm_report_decide(report);
            for (size_t i = 0; i < report->recipient_count; i++) {
                wrong |= case_letter(report->recipients[i].outcome) != run->answer->outcomes[0];
            }
            tidymail_report_free(report);
        }
        tdm_http_response_clear(&response);
    }
    provider_case_close(&c);
    return wrong;
}

void provider_case_allocations(const struct tdm_provider *provider, const char *message,
                               const struct provider_answer_case *answer)
{
    struct case_allocations run = {provider, message, answer};
    const char *words = fail_alloc_run_all(case_run, &run, 20);
    if (words != NULL) {
        fail_msg("%s: %s", provider->scheme, words);
    }
}
