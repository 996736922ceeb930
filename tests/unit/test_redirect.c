/* test_redirect.c: the options redirect and allow: nobody but those named gets mail, by any
 * transport, whatever stands in the header, whatever fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <tidymail/tidymail.h>

#include "fail_alloc.h"
#include "provider/mail_route.h"
#include "transport/transport_group.h"

static tidymail_message *make_message(const tidymail_allocator *allocator)
{
    tidymail_message *message = tidymail_message_new_with(allocator);
    tidymail_message_set_from(message, "sender@example.com");
    tidymail_message_add_to(message, "Ann <ann@example.org>");
    tidymail_message_add_cc(message, "bob@example.net");
    tidymail_message_add_bcc(message, "carol@secret.example");
    tidymail_message_set_subject(message, "x");
    tidymail_message_set_text(message, "Hi\n");
    return message;
}

/* What each option makes of ann@example.org, bob@example.net and carol@secret.example. */
static const struct {
    const char *query;
    const char *got;   /* the envelope, blanks between; "" nobody */
    const char *fates; /* of the three: s sent, f failed */
    const char *field; /* X-Redirected-For; NULL: none */
} rows[] = {
    {"redirect=stage@test.example", "stage@test.example", "sss",
     "X-Redirected-For: ann@example.org, bob@example.net, carol@secret.example\r\n"},
    {"redirect=Stage%20%3Cstage@test.example%3E", "stage@test.example", "sss",
     "X-Redirected-For: ann@example.org, bob@example.net, carol@secret.example\r\n"},
    {"redirect=stage@test.example&allow=example.org", "ann@example.org stage@test.example", "sss",
     "X-Redirected-For: bob@example.net\r\n"},
    {"redirect=bob@example.net", "bob@example.net", "sss", "X-Redirected-For: ann@example.org\r\n"},
    {"allow=example.org,BOB@example.NET", "ann@example.org bob@example.net", "ssf", NULL},
    {"allow=bob@example.org,ample.net", "", "fff", NULL},
    {"allow=secret.example", "carol@secret.example", "ffs", NULL},
    {"allow=example", "", "fff", NULL},
    {"allow=ann@example.org%20,%20example.net,secret.example",
     "ann@example.org bob@example.net carol@secret.example", "sss", NULL},
};

static const tidymail_transport *keeper(const tidymail_transport *transport)
{
    if (transport->ops == &tdm_transport_failover || transport->ops == &tdm_transport_roundrobin) {
        const struct tdm_group *group = transport->impl;
        return keeper(group->members[group->count - 1].transport);
    }
    return transport;
}

static void check_row(size_t row, const char *url)
{
    tidymail_transport *transport = tidymail_transport_open(url, NULL);
    assert_null(tidymail_transport_error(transport));
    tidymail_message *message = make_message(NULL);
    tidymail_report *report = tidymail_send(transport, message);
    const tidymail_transport *kept = keeper(transport);
    char got[256] = "";
    for (size_t i = 0; i < tidymail_memory_recipient_count(kept, 0); i++) {
        strcat(strcat(got, i > 0 ? " " : ""), tidymail_memory_recipient(kept, 0, i));
    }
    const char *bytes = tidymail_memory_message(kept, 0, NULL);
    int right = strcmp(got, rows[row].got) == 0 && (bytes == NULL) == (rows[row].got[0] == '\0');
    for (size_t i = 0; i < 3; i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        int sent = rows[row].fates[i] == 's';
        right &= tidymail_recipient_outcome(recipient) == (sent ? TIDYMAIL_SENT : TIDYMAIL_FAILED);
        right &= sent || strcmp(tidymail_recipient_reply(recipient), "not on the allow list") == 0;
    }
    if (bytes != NULL) {
        size_t length = rows[row].field != NULL ? strlen(rows[row].field) : 0;
        right &= length == 0 ? strstr(bytes, "X-Redirected-For") == NULL
                             : strncmp(bytes, rows[row].field, length) == 0;
        right &= strstr(bytes, "To: Ann <ann@example.org>") != NULL; /* as it was */
    }
    int is_refused = strchr(rows[row].fates, 'f') != NULL;
    right &= tidymail_error_kind(tidymail_report_error(report)) ==
             (is_refused ? TIDYMAIL_KIND_MESSAGE : TIDYMAIL_OK);
    if (!right) {
        fail_msg("%s: got \"%s\", %s\n%s", url, got, tidymail_report_summary(report),
                 bytes != NULL ? bytes : "");
    }
    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
}

static void nobody_else_gets_mail(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        static const char *const forms[] = {"memory:?%s",
                                            "failover(memory:)?%s",
                                            "failover(file:///nowhere/at/all memory:)?%s",
                                            "failover(memory:?%s)",
                                            "roundrobin(memory:)?%s",
                                            "failover(failover(memory:)?%s)"};
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
            char url[256];
            const char *cut = strstr(forms[i], "%s");
            snprintf(url, sizeof(url), "%.*s%s%s", (int)(cut - forms[i]), forms[i], rows[row].query,
                     cut + 2);
            check_row(row, url);
        }
    }
}

static void the_report_notes_it(void **state)
{
    (void)state;
    tidymail_transport *transport =
        tidymail_transport_open("memory:?redirect=stage@test.example", NULL);
    tidymail_message *message = make_message(NULL);
    tidymail_report *report = tidymail_send(transport, message);
    assert_int_equal(tidymail_report_note_count(report), 1);
    assert_string_equal(tidymail_report_note(report, 0),
                        "redirected to stage@test.example: ann@example.org, bob@example.net, "
                        "carol@secret.example");
    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
}

static void bad_values_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"memory:?redirect=nobody",
                                       "memory:?redirect=a@example.org,b@example.org",
                                       "memory:?redirect=@",
                                       "memory:?allow=a@example.org,",
                                       "memory:?allow=,",
                                       "memory:?allow=a%20b",
                                       "memory:?allow=exa%20mple.org",
                                       "failover(memory:)?allow=@example.org",
                                       "memory:?redirect=j%C3%BCrgen@example.org"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        tidymail_transport *transport = tidymail_transport_open(urls[i], NULL);
        tidymail_message *message = make_message(NULL);
        tidymail_report *report = tidymail_send(transport, message);
        if (tidymail_error_kind(tidymail_report_error(report)) != TIDYMAIL_KIND_CONFIGURATION) {
            fail_msg("%s is taken", urls[i]);
        }
        tidymail_report_free(report);
        tidymail_message_free(message);
        tidymail_transport_close(transport);
    }
}

static void nothing_names_recipients_past_it(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *service; /* NULL: a header field */
        const char *name;
        const char *value;
        int is_refused;
    } leaks[] = {
        {"memory:?redirect=stage@test.example", NULL, "X-SMTPAPI", "{\"to\": [\"a@b.example\"]}",
         1},
        {"failover(memory:)?allow=example.org", NULL, "x-mc-bccaddress", "a@b.example", 1},
        {"memory:?redirect=stage@test.example", NULL, "X-SMTPAPI", "{\"category\": \"x\"}", 0},
        {"memory:", NULL, "X-MC-BccAddress", "a@b.example", 0},
        {"memory:?redirect=stage@test.example", "mailgun", "extra", "{\"cc\": \"a@b.example\"}", 0},
        {"brevo://k@?endpoint=http://127.0.0.1:1&redirect=stage%40test.example", "brevo", "extra",
         "{}", 1},
        {"failover(memory: mandrill+smtp://u:k@)?redirect=stage%40test.example", "mandrill",
         "bcc-address", "a@b.example", 1},
    };
    for (size_t i = 0; i < sizeof(leaks) / sizeof(leaks[0]); i++) {
        tidymail_transport *transport = tidymail_transport_open(leaks[i].url, NULL);
        tidymail_message *message = make_message(NULL);
        if (leaks[i].service == NULL) {
            tidymail_message_add_header(message, leaks[i].name, leaks[i].value);
        } else {
            tidymail_message_set_service_option(message, leaks[i].service, leaks[i].name,
                                                leaks[i].value);
        }
        tidymail_report *report = tidymail_send(transport, message);
        const char *words = tidymail_error_message(tidymail_report_error(report));
        if ((strstr(words, "can name recipients") != NULL) != leaks[i].is_refused) {
            fail_msg("row %zu, %s: %s", i, leaks[i].url, words);
        }
        tidymail_report_free(report);
        tidymail_message_free(message);
        tidymail_transport_close(transport);
    }
}

/* A message as a service sees it, through a route: bob's place is taken by stage, carol gets nothing. */
struct routed {
    tidymail_message *message;
    struct tdm_mail mail;
    struct tdm_route route;
    struct tidymail_error error;
};

static const char *const route_to[] = {"ann@example.org", "stage@test.example"};
static const size_t route_place[] = {0, 1, TDM_NOWHERE};

static int routed_open(struct routed *own, const tidymail_allocator *allocator, const char *raw)
{
    struct tdm_writer_env env = {1795000000, {1}, NULL};
    memset(own, 0, sizeof(*own));
    tdm_error_init(&own->error, allocator);
    own->message = raw == NULL ? make_message(allocator) : tidymail_message_new_with(allocator);
    if (own->message == NULL) {
        return -1;
    }
    if (raw != NULL) {
        tidymail_message_set_raw(own->message, raw, strlen(raw));
    }
    if (tdm_message_prepare(own->message, &env) != TIDYMAIL_OK ||
        tdm_mail_open(&own->mail, own->message, allocator, &own->error) != TIDYMAIL_OK) {
        return -1;
    }
    own->route.recipients = route_to;
    own->route.recipient_count = 2;
    own->route.place = route_place;
    own->route.redirected_for = "bob@example.net";
    return tdm_mail_route(&own->mail, &own->route, 1, &own->error);
}

static void routed_close(struct routed *own)
{
    tdm_mail_clear(&own->mail);
    tdm_error_clear(&own->error);
    tidymail_message_free(own->message);
}

static void services_see_the_route_alone(void **state)
{
    (void)state;
    struct routed own;
    assert_int_equal(routed_open(&own, NULL, NULL), TIDYMAIL_OK);
    assert_int_equal(own.mail.to->count, 1);
    assert_string_equal(own.mail.to->items[0].name, "Ann");
    assert_int_equal(own.mail.cc->count, 1);
    assert_string_equal(own.mail.cc->items[0].spec, "stage@test.example");
    assert_int_equal(own.mail.bcc->count, 0);
    assert_int_equal(own.mail.recipient_count, 2);
    assert_string_equal(tdm_mail_field(&own.mail, "X-Redirected-For"), "bob@example.net");
    for (int by_header = 0; by_header < 2; by_header++) {
        struct tdm_buf out;
        tdm_buf_init(&out, NULL, 1 << 20);
        tdm_buf_add_str(&out, "{");
        assert_int_equal(tdm_mail_read_raw(&own.mail, by_header, &out, &own.error), TIDYMAIL_OK);
        const char *text = tdm_buf_text(&out);
        assert_int_equal(strncmp(text, "{X-Redirected-For: bob@example.net\r\n", 36), 0);
        assert_null(strstr(text, "carol"));
        assert_int_equal(strstr(text, "Cc: bob@example.net\r\n") != NULL, !by_header);
        assert_int_equal(strstr(text, "Cc: stage@test.example\r\n") != NULL, by_header);
        assert_non_null(strstr(text, "To: Ann <ann@example.org>\r\n"));
        assert_non_null(strstr(text, "\r\n\r\nHi\r\n"));
        tdm_buf_clear(&out);
    }
    routed_close(&own);
}

static void ready_made_messages_name_nobody_else(void **state)
{
    (void)state;
    static const char raw[] = "Received: by x\r\nto: ann@example.org,\r\n bob@example.net\r\n"
                              "From: s@example.com\r\nBCC : carol@secret.example\r\n"
                              "Resent-To: dave@example.org\r\nSubject: To: eve@example.org\r\n"
                              "\r\nTo: body@example.org\r\n";
    struct routed own;
    assert_int_equal(routed_open(&own, NULL, raw), TIDYMAIL_OK);
    struct tdm_buf out;
    tdm_buf_init(&out, NULL, 1 << 20);
    assert_int_equal(tdm_mail_read_raw(&own.mail, 1, &out, &own.error), TIDYMAIL_OK);
    assert_string_equal(tdm_buf_text(&out),
                        "X-Redirected-For: bob@example.net\r\nBcc: ann@example.org, "
                        "stage@test.example\r\nReceived: by x\r\nFrom: s@example.com\r\n"
                        "Subject: To: eve@example.org\r\n\r\nTo: body@example.org\r\n");
    tdm_buf_clear(&out);
    routed_close(&own);
}

static int route_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                      void *context)
{
    struct routed own;
    struct tdm_buf out;
    (void)context;
    tdm_buf_init(&out, allocator, 1 << 20);
    int done = routed_open(&own, allocator, NULL) == TIDYMAIL_OK &&
               tdm_mail_read_raw(&own.mail, 1, &out, &own.error) == TIDYMAIL_OK;
    int right = done ? strstr(tdm_buf_text(&out), "bob@example.net\r\nTo: Ann") != NULL &&
                           strstr(tdm_buf_text(&out), "Cc: bob") == NULL
                     : memory->failures > 0;
    tdm_buf_clear(&out);
    routed_close(&own);
    return right ? 0 : -1;
}

static int send_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    tidymail_transport *transport = tidymail_transport_open_with(context, NULL, allocator);
    tidymail_message *message = make_message(allocator);
    tidymail_report *report = tidymail_send(transport, message);
    int sent = tidymail_report_outcome(report) == TIDYMAIL_PARTIAL;
    int right = sent || memory->failures > 0;
    const tidymail_transport *kept =
        transport != NULL && transport->ops != NULL ? keeper(transport) : NULL;
    right = right && tidymail_memory_count(kept) == (sent ? 1U : 0U);
    for (size_t i = 0; i < tidymail_memory_recipient_count(kept, 0); i++) {
        right = right && strcmp(tidymail_memory_recipient(kept, 0, i), "ann@example.org") == 0;
    }
    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return right ? 0 : -1;
}

static int redirect_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                         void *context)
{
    tidymail_transport *transport = tidymail_transport_open_with(context, NULL, allocator);
    tidymail_message *message = make_message(allocator);
    tidymail_report *report = tidymail_send(transport, message);
    int sent = tidymail_report_outcome(report) == TIDYMAIL_SENT;
    int right =
        (sent || memory->failures > 0) && tidymail_memory_count(transport) == (sent ? 1U : 0U);
    for (size_t i = 0; i < tidymail_memory_recipient_count(transport, 0); i++) {
        right =
            right && strcmp(tidymail_memory_recipient(transport, 0, i), "stage@test.example") == 0;
    }
    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return right ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    static char allow[] = "failover(memory:)?allow=ann@example.org";
    static char redirect[] = "memory:?redirect=stage@test.example";
    const char *problem = fail_alloc_run_all(route_once, NULL, 20);
    problem = problem == NULL ? fail_alloc_run_all(send_once, allow, 40) : problem;
    problem = problem == NULL ? fail_alloc_run_all(redirect_once, redirect, 40) : problem;
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_else_gets_mail),
        cmocka_unit_test(the_report_notes_it),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(nothing_names_recipients_past_it),
        cmocka_unit_test(services_see_the_route_alone),
        cmocka_unit_test(ready_made_messages_name_nobody_else),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
