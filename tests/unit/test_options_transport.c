/* test_options_transport.c: what beats what between URL and options, and how a URL is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "transport_fixture.h"

static tidymail_transport *open_with(const char *url, const char *user, const char *password,
                                     const char *option)
{
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.user = user;
    options.password = password;
    options.options = &option;
    options.option_count = option != NULL;
    return tdm_transport_new(url, &options, NULL, &fixture_clock);
}

static void same_or_null(const char *text, const char *wanted)
{
    assert_int_equal(text == NULL, wanted == NULL);
    if (text != NULL && wanted != NULL) {
        assert_string_equal(text, wanted);
    }
}

static void the_struct_beats_the_url(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *user; /* of the struct */
        const char *password;
        const char *option;
        const char *wanted_user;
        const char *wanted_password;
        const char *wanted_source;
    } cases[] = {
        {"smtp://h", NULL, NULL, NULL, NULL, NULL, NULL},
        {"smtp://ann:a@h", NULL, NULL, NULL, "ann", "a", NULL},
        {"smtp://ann:a@h", "bob", "b", NULL, "bob", "b", NULL},
        {"smtp://ann:a@h", NULL, "b", NULL, "ann", "b", NULL},
        {"smtp://ann@h", NULL, "b", NULL, "ann", "b", NULL},
        {"smtp://ann:a@h", "bob", NULL, "password-from=env:B", "bob", NULL, "env:B"},
        {"smtp://ann:a@h", NULL, NULL, "password-from=env:B", "ann", NULL, "env:B"},
        {"smtp://ann@h?password-from=env:A", NULL, NULL, NULL, "ann", NULL, "env:A"},
        {"smtp://ann@h?password-from=env:A", NULL, NULL, "password-from=env:B", "ann", NULL,
         "env:B"},
        {"smtp://ann@h?password-from=env:A", NULL, "b", NULL, "ann", "b", NULL},
        {"smtp://ann@h?password-from=env:A", "bob", NULL, NULL, "bob", NULL, "env:A"},
        /* with EXTERNAL the certificate is the secret */
        {"smtp://ann@h?auth=external", NULL, NULL, NULL, "ann", NULL, NULL},
        {"smtp://h?auth=EXTERNAL&cert=c.pem&key=k.pem", NULL, NULL, NULL, NULL, NULL, NULL},
        {"smtp://h", "ann", NULL, "auth=external", "ann", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_transport *transport =
            open_with(cases[i].url, cases[i].user, cases[i].password, cases[i].option);
        if (tidymail_transport_error(transport) != NULL) {
            fail_msg("%s: %s", cases[i].url,
                     tidymail_error_message(tidymail_transport_error(transport)));
        }
        same_or_null(transport->user, cases[i].wanted_user);
        same_or_null(transport->password, cases[i].wanted_password);
        same_or_null(transport->options.password_from, cases[i].wanted_source);
        tdm_transport_free(transport);
    }
    tidymail_transport *transport = open_with("smtp://h?timeout=5&helo=a%20b", NULL, NULL, NULL);
    assert_non_null(tidymail_transport_error(transport));
    tdm_transport_free(transport);
    transport = open_with("smtp://h?timeout=5&helo=x%2ey", NULL, NULL, "timeout=7");
    assert_int_equal(transport->options.timeout_ms, 7000);
    assert_string_equal(transport->options.helo, "x.y");
    tdm_transport_free(transport);
}

static void half_of_a_login_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *user;
        const char *password;
        const char *option;
        const char *words;
    } cases[] = {
        {"smtp://ann@h", NULL, NULL, NULL, "a user is given, but no password"},
        {"smtp://h", "ann", NULL, NULL, "a user is given, but no password"},
        {"smtp://ann:a@h", "bob", NULL, NULL, "a user is given, but no password"},
        {"smtp://h", NULL, "S3CRET", NULL, "a password is given, but no user"},
        {"smtp://:S3CRET@h", NULL, NULL, NULL, "a password is given, but no user"},
        {"smtp://h?password-from=env:X", NULL, NULL, NULL, "a password is given, but no user"},
        {"smtp://@h", NULL, NULL, NULL, "a password is given, but no user"},
        {"smtp://ann@h?auth=external,plain", NULL, NULL, NULL, "a user is given, but no password"},
        {"smtp://ann@h?auth=xoauth2", NULL, NULL, NULL, "a user is given, but no token"},
        {"smtp://ann@h?auth=XOAUTH2,oauthbearer", NULL, NULL, NULL, "but no token"},
        {"smtp://ann@h?auth=xoauth2,plain", NULL, NULL, NULL, "but no password"},
        {"smtp://:S3CRET@h?auth=oauthbearer", NULL, NULL, NULL, "a token is given, but no user"},
        {"smtp://ann:S3CRET@h?key=k.pem", NULL, NULL, NULL, "a key is given, but no certificate"},
        {"lmtp://ann@h", NULL, NULL, NULL, "a user is given, but no password"},
        {"smtp://ann:S3CRET@h?password-from=env:A", NULL, NULL, NULL, "both a password and"},
        {"smtp://ann@h", NULL, "S3CRET", "password-from=env:A", "both a password and"},
        {"smtp://ann@h", NULL, "S3CRET\n", NULL, "password: a control byte at offset 6"},
        {"smtp://h", "a\tb", "S3CRET", NULL, "user: a control byte at offset 1"},
        {"memory:", "ann", "S3CRET", NULL, "this transport has no login"},
        {"file:///tmp?password-from=env:X", NULL, NULL, NULL, "this transport has no login"},
        {"smpt://ann:S3CRET@h", NULL, NULL, NULL, "unknown scheme \"smpt\", did you mean smtp"},
        {"S3CRET:x@h", NULL, NULL, NULL, "URL: unknown scheme"},
        {"smtp:ann:S3CRET@h", NULL, NULL, NULL, "URL: no host"},
        {"smtp:///S3CRET", NULL, NULL, NULL, "URL: no host"},
        {"smtp://h/S3CRET", NULL, NULL, NULL, "URL: an SMTP server has no path"},
        {"smtp://ann:S3CRET@h?tiemout=1", NULL, NULL, NULL, "did you mean timeout"},
        {"smtp://ann:S3CRET@h?timeout", NULL, NULL, NULL, "offset 20: an option is written"},
        {"smtp://ann:S3CRET@h?", NULL, NULL, NULL, "offset 20: an option is written"},
        {"smtp://ann:S3CRET@h?timeout=1&", NULL, NULL, NULL, "offset 30: an option is written"},
        {"smtp://ann:S3CRET@h?helo=%zz", NULL, NULL, NULL, "offset 25: % needs two hex digits"},
        {"smtp://ann:S3CRET@h", NULL, NULL, "timeout", "options[0]: an option is written"},
        {"smtp://ann:S3CRET@h", NULL, NULL, "password=S3CRET", "unknown option \"password\""},
        {"smtp://ann:S3CRET@h?password=S3CRET", NULL, NULL, NULL, "unknown option \"password\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_transport *transport =
            open_with(cases[i].url, cases[i].user, cases[i].password, cases[i].option);
        const tidymail_error *error = tidymail_transport_error(transport);
        assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_CONFIGURATION);
        if (strstr(tidymail_error_message(error), cases[i].words) == NULL) {
            fail_msg("%s: %s", cases[i].url, tidymail_error_message(error));
        }
        assert_null(strstr(tidymail_error_message(error), "S3CRET"));
        assert_null(strstr(tidymail_error_hint(error), "S3CRET"));
        assert_null(strstr(tidymail_transport_url(transport), "S3CRET"));
        assert_null(transport->ops);
        tdm_transport_free(transport);
    }
}

static void a_url_is_shown_without_its_secret(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *shown;
    } cases[] = {
        {"smtp://mail.example.org", "smtp://mail.example.org"},
        {"SMTPS://ann%40x:S3CRET@[::1]:465?timeout=5", "smtps://ann%40x:***@[::1]:465?timeout=5"},
        {"smtp://ann@h?timeout=5&password-from=command:echo%20S3CRET&helo=x",
         "smtp://ann@h?timeout=5&password-from=command:***&helo=x"},
        {"smtp://ann@h?password-from=command%3Aecho%20S3CRET", "smtp://ann@h?password-from=:***"},
        {"smtp://h?proxy=socks5://bob:S3CRET@proxy:1080&timeout=5",
         "smtp://h?proxy=socks5://***@proxy:1080&timeout=5"},
        {"smtp://h?proxy=http%3A%2F%2Fbob%3AS3CRET%40proxy:3128",
         "smtp://h?proxy=http://***@proxy:3128"},
        {"smtp://h?proxy=socks5://proxy:1080", "smtp://h?proxy=socks5://proxy:1080"},
        {"lmtp+unix:///run/dovecot/lmtp", "lmtp+unix:///run/dovecot/lmtp"},
        {"memory:", "memory:"},
        {"file:///tmp/a%20b", "file:///tmp/a b"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_transport *transport = open_with(cases[i].url, NULL, NULL, NULL);
        assert_null(tidymail_transport_error(transport));
        assert_string_equal(tidymail_transport_url(transport), cases[i].shown);
        assert_null(strstr(tidymail_transport_url(transport), "S3CRET"));
        tdm_transport_free(transport);
    }
    assert_string_equal(tidymail_transport_url(NULL), "");
    assert_null(tidymail_transport_error(NULL));
    tdm_transport_free(NULL);
}

static void an_older_struct_is_taken(void **state)
{
    (void)state;
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    static const char *const texts[] = {"colour=red"};
    options.struct_size = offsetof(tidymail_transport_options, options);
    options.user = "ann";
    options.password = "a";
    options.options = texts; /* behind the end of an older struct: not looked at */
    options.option_count = 1;
    tidymail_transport *transport = tdm_transport_new("smtp://h", &options, NULL, &fixture_clock);
    assert_null(tidymail_transport_error(transport));
    assert_string_equal(transport->user, "ann");
    tdm_transport_free(transport);
}

static int open_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    (void)context;
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    static const char *const texts[] = {"helo=x", "tls=none"};
    options.options = texts;
    options.option_count = 2;
    tidymail_transport *transport =
        tdm_transport_new("smtp://ann:a@h:25?timeout=5", &options, allocator, &fixture_clock);
    if (transport == NULL) {
        return memory->failures > 0 ? 0 : -1;
    }
    const tidymail_error *error = tidymail_transport_error(transport);
    int right = (error == NULL) == (transport->ops != NULL) &&
                (error == NULL ||
                 (memory->failures > 0 && tidymail_error_kind(error) == TIDYMAIL_KIND_LOCAL));
    tdm_transport_free(transport);
    return right ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    const char *problem = fail_alloc_run_all(open_once, NULL, 10);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_struct_beats_the_url),
        cmocka_unit_test(half_of_a_login_is_refused),
        cmocka_unit_test(a_url_is_shown_without_its_secret),
        cmocka_unit_test(an_older_struct_is_taken),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
