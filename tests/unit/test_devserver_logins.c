/*
 * test_devserver_logins.c: tidymail_send to the test server over sockets and TLS, with every mechanism.
 * The two sides were written apart: what each takes for the channel binding must be the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/devserver.h>
#include <tidymail/tidymail.h>

#include "util/buf.h"

static tidymail_devserver *start(const char *auth, int implicit)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    char error[500] = "?";
    options.user = "ann";
    options.password = "sesame";
    options.auth = auth;
    options.implicit_tls = implicit;
    options.require_auth = 1;
    tidymail_devserver *server = tidymail_devserver_start(&options, error, sizeof(error));
    if (server == NULL) {
        fail_msg("%s", error);
    }
    return server;
}

/* Sends with the server's URL and what is added to it; `from` is replaced by `to` in it. */
static tidymail_report *send_with(const tidymail_devserver *server, const char *from,
                                  const char *to, const char *more)
{
    struct tdm_buf url;
    const char *given = tidymail_devserver_url(server);
    const char *at = from != NULL ? strstr(given, from) : NULL;
    tdm_buf_init(&url, NULL, 65536);
    if (at != NULL) {
        tdm_buf_addf(&url, "%.*s%s%s%s", (int)(at - given), given, to, at + strlen(from), more);
    } else {
        tdm_buf_addf(&url, "%s%s", given, more);
    }
    tidymail_transport *transport = tidymail_transport_open(tdm_buf_text(&url), NULL);
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "ann@example.com");
    tidymail_message_add_to(message, "bob@example.org");
    tidymail_message_set_text(message, "Hello\n");
    tidymail_report *report = tidymail_send(transport, message);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    tdm_buf_clear(&url);
    return report;
}

static void sends(const char *auth, int implicit, const char *more, const char *user)
{
    tidymail_devserver *server = start(auth, implicit);
    tidymail_report *report = send_with(server, NULL, NULL, more);
    if (tidymail_report_outcome(report) != TIDYMAIL_SENT) {
        fail_msg("%s: %s", auth, tidymail_report_summary(report));
    }
    assert_string_equal(tidymail_report_auth_tried(report), auth);
    assert_string_equal(tidymail_devserver_message_user(server, 0), user);
    tidymail_report_free(report);
    tidymail_devserver_stop(server);
}

static const char *const by_password[] = {"SCRAM-SHA-256-PLUS",
                                          "SCRAM-SHA-256",
                                          "SCRAM-SHA-1-PLUS",
                                          "SCRAM-SHA-1",
                                          "PLAIN",
                                          "LOGIN",
                                          "CRAM-MD5"};
#define BY_PASSWORD (sizeof(by_password) / sizeof(by_password[0]))

static void test_every_mechanism_by_password(void **state)
{
    (void)state;
    for (size_t i = 0; i < BY_PASSWORD; i++) {
        sends(by_password[i], 0, "", "ann");
    }
    sends("SCRAM-SHA-256-PLUS", 1, "", "ann");
}

static void test_a_wrong_password(void **state)
{
    (void)state;
    for (size_t i = 0; i < BY_PASSWORD; i++) {
        tidymail_devserver *server = start(by_password[i], 0);
        tidymail_report *report = send_with(server, ":sesame@", ":sesames@", "");
        const tidymail_error *error = tidymail_report_error(report);
        assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_AUTHENTICATION);
        assert_int_equal(tidymail_error_code(error), 535);
        assert_string_equal(tidymail_report_auth_tried(report), by_password[i]);
        tidymail_report_free(report);
        tidymail_devserver_stop(server);
    }
}

static void test_the_strongest_is_chosen(void **state)
{
    (void)state;
    tidymail_devserver *server = start(NULL, 0);
    tidymail_report *report = send_with(server, NULL, NULL, "");
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_SENT);
    assert_string_equal(tidymail_report_auth_tried(report), "SCRAM-SHA-256-PLUS");
    tidymail_report_free(report);
    tidymail_devserver_stop(server);
}

static void test_tokens(void **state)
{
    (void)state;
    sends("XOAUTH2", 0, "&auth=xoauth2", "ann");
    sends("OAUTHBEARER", 0, "&auth=oauthbearer", "ann");
    tidymail_devserver *server = start("XOAUTH2", 0);
    tidymail_report *report = send_with(server, ":sesame@", ":old@", "&auth=xoauth2");
    assert_int_equal(tidymail_error_code(tidymail_report_error(report)), 535);
    tidymail_report_free(report);
    tidymail_devserver_stop(server);
}

static void test_a_client_certificate(void **state)
{
    struct tdm_buf more;
    (void)state;
    tidymail_devserver *server = start("EXTERNAL", 0);
    tdm_buf_init(&more, NULL, 8192);
    tdm_buf_addf(&more, "&auth=external&cert=%s", tidymail_devserver_client_certificate(server));
    tidymail_report *report = send_with(server, "ann:sesame@", "", more.data);
    if (tidymail_report_outcome(report) != TIDYMAIL_SENT) {
        fail_msg("%s", tidymail_report_summary(report));
    }
    assert_string_equal(tidymail_devserver_message_user(server, 0), "client");
    tidymail_report_free(report);
    report = send_with(server, "ann:sesame@", "", "&auth=external"); /* without it: not offered */
    assert_int_equal(tidymail_error_kind(tidymail_report_error(report)),
                     TIDYMAIL_KIND_AUTHENTICATION);
    tidymail_report_free(report);
    tidymail_devserver_stop(server);
    tdm_buf_clear(&more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_mechanism_by_password), cmocka_unit_test(test_a_wrong_password),
        cmocka_unit_test(test_the_strongest_is_chosen),     cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_a_client_certificate),
    };
    return cmocka_run_group_tests_name("logins to the test server", tests, NULL, NULL);
}
