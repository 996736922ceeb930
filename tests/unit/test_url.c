/* test_url.c: the grammar of URLs, offsets of what is wrong, and that no error shows a secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "transport/url.h"

static const tidymail_allocator *const memory_default = &tdm_allocator_default;

struct good_url {
    const char *text;
    const char *scheme;
    const char *user;
    const char *password;
    const char *host;
    int port;
    const char *path;
    const char *query;
};

static void same_text(const char *text, const char *wanted)
{
    if (wanted == NULL) {
        assert_null(text);
    } else {
        assert_non_null(text);
        assert_string_equal(text, wanted);
    }
}

static void good_urls_are_split(void **state)
{
    (void)state;
    static const struct good_url cases[] = {
        {"smtp://host", "smtp", NULL, NULL, "host", 0, "", NULL},
        {"SMTP://Host:25/", "smtp", NULL, NULL, "Host", 25, "/", NULL},
        {"smtps://ann:secret@mail.example.org:65535?timeout=60", "smtps", "ann", "secret",
         "mail.example.org", 65535, "", "timeout=60"},
        {"smtp://ann%40example.org:p%2Fw%3f%23@h", "smtp", "ann@example.org", "p/w?#", "h", 0, "",
         NULL},
        {"smtp://ann@example.org:a:b+c&d=e@h:1", "smtp", "ann@example.org", "a:b+c&d=e", "h", 1, "",
         NULL},
        {"smtp://key@h", "smtp", "key", NULL, "h", 0, "", NULL},
        {"smtp://u:@h", "smtp", "u", "", "h", 0, "", NULL},
        {"smtp://u:%25@h", "smtp", "u", "%", "h", 0, "", NULL},
        {"smtp://u:p@[2001:db8::1]:587", "smtp", "u", "p", "2001:db8::1", 587, "", NULL},
        {"smtp://[::1]", "smtp", NULL, NULL, "::1", 0, "", NULL},
        {"smtp://m\xc3\xbcnchen.example", "smtp", NULL, NULL, "m\xc3\xbcnchen.example", 0, "",
         NULL},
        {"memory:", "memory", NULL, NULL, "", 0, "", NULL},
        {"file:///var/a%20b/x@y", "file", NULL, NULL, "", 0, "/var/a b/x@y", NULL},
        {"smtp://h?ca=a@b&helo=x", "smtp", NULL, NULL, "h", 0, "", "ca=a@b&helo=x"},
        {"smtp://u:p@h:25?ca=a@b", "smtp", "u", "p", "h", 25, "", "ca=a@b"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct good_url *c = &cases[i];
        struct tdm_url url;
        struct tidymail_error error;
        tdm_error_init(&error, NULL);
        assert_int_equal(tdm_url_parse(memory_default, c->text, &url, &error), TIDYMAIL_OK);
        same_text(url.scheme, c->scheme);
        same_text(url.user, c->user);
        same_text(url.password, c->password);
        same_text(url.host, c->host);
        assert_int_equal(url.port, c->port);
        same_text(url.path, c->path);
        same_text(url.query, c->query);
        tdm_url_clear(memory_default, &url);
        tdm_error_clear(&error);
    }
}

/* "S3CRET" stands where a password (or a part of it) does. */
static const struct {
    const char *text;
    const char *words; /* the error has them */
} bad_urls[] = {
    {"", "no URL"},
    {"mail.example.org", "no scheme"},
    {"://host", "no scheme"},
    {"5mtp://host", "no scheme"},
    {"smtp://u:S3CRET/x@host", "offset 15: a raw '/' inside user or password; write it as %2F"},
    {"smtp://u:S3CRET?x@host", "offset 15: a raw '?' inside user or password; write it as %3F"},
    {"smtp://u:S3CRET#x@host", "offset 15: a raw '#' inside user or password; write it as %23"},
    {"smtp://u:/S3CRET@host", "offset 9: a raw '/'"},
    {"smtp://u:x@y/S3CRET@host", "offset 12: a raw '/'"},
    {"smtp://u:x?S3CRET=1@host", "offset 10: a raw '?'"},
    {"smtp://u:x?ca=S3CRET@host", "offset 10: a raw '?'"},
    {"smtp://u:x?ca=1&S3CRET@host", "offset 10: a raw '?'"},
    {"smtp://u:x?ca=1#S3CRET@host", "offset 10: a raw '?'"},
    {"smtp://u:S3CRET%2@host", "offset 15: % needs two hex digits"},
    {"smtp://u:S3CRET%@host", "offset 15: % needs two hex digits"},
    {"smtp://u:S3CRET%zz@host", "offset 15: % needs two hex digits"},
    {"smtp://u%0a:S3CRET@host", "offset 8: an escaped control byte"},
    {"smtp://u:S3CRET%00@host", "offset 15: an escaped control byte"},
    {"smtp://u:S3CRET%7F@host", "offset 15: an escaped control byte"},
    {"smtp://u:S3CRET\r@host", "offset 15: a control byte"},
    {"smtp://u:S3CRET x@host", "offset 15: a raw blank; write it as %20"},
    {"smtp://host:0", "offset 12: the port"},
    {"smtp://host:", "offset 12: the port"},
    {"smtp://host:65536", "offset 12: the port"},
    {"smtp://host:99999999999999999999", "offset 12: the port"},
    {"smtp://host:2S3CRET", "offset 13: the port"},
    {"smtp://host:-1", "offset 12: the port"},
    {"smtp://2001:db8::1", "offset 7: an IPv6 address stands in brackets"},
    {"smtp://[2001:db8::1", "offset 7: '[' without ']'"},
    {"smtp://[S3CRET]", "offset 7: only an IPv6 address"},
    {"smtp://[::1]x", "offset 12: after ']'"},
    {"smtp://ho<st", "offset 9: this character"},
    {"smtp://host%2f", "offset 11: this character"},
    {"smtp://host#frag", "offset 11: a raw '#' has no meaning here; write it as %23"},
    {"smtp://host?timeout=1#x", "offset 21: a raw '#'"},
};

static void bad_urls_say_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_urls) / sizeof(bad_urls[0]); i++) {
        struct tdm_url url;
        struct tidymail_error error;
        tdm_error_init(&error, NULL);
        int kind = tdm_url_parse(memory_default, bad_urls[i].text, &url, &error);
        assert_int_equal(kind, TIDYMAIL_KIND_CONFIGURATION);
        assert_int_equal(tidymail_error_phase(&error), TIDYMAIL_PHASE_PREPARE);
        if (strstr(tidymail_error_message(&error), bad_urls[i].words) == NULL) {
            fail_msg("%s: \"%s\" has no \"%s\"", bad_urls[i].text, tidymail_error_message(&error),
                     bad_urls[i].words);
        }
        assert_null(strstr(tidymail_error_message(&error), "S3CRET"));
        assert_null(strstr(tidymail_error_hint(&error), "S3CRET"));
        tdm_url_clear(memory_default, &url);
        tdm_error_clear(&error);
    }
}

static void no_url_is_an_error(void **state)
{
    (void)state;
    struct tdm_url url;
    struct tidymail_error error;
    tdm_error_init(&error, NULL);
    assert_int_equal(tdm_url_parse(memory_default, NULL, &url, &error),
                     TIDYMAIL_KIND_CONFIGURATION);
    tdm_url_clear(memory_default, &url);
    tdm_error_clear(&error);
}

static int parse_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                      void *context)
{
    struct tdm_url url;
    struct tidymail_error error;
    tdm_error_init(&error, allocator);
    int kind = tdm_url_parse(allocator, "smtp://ann:p%2Fw@[::1]:587/x?timeout=60", &url, &error);
    int right = kind == (memory->failures > 0 ? TIDYMAIL_KIND_LOCAL : TIDYMAIL_OK) &&
                tidymail_error_kind(&error) == kind;
    (void)context;
    tdm_url_clear(allocator, &url);
    tdm_error_clear(&error);
    return right ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    const char *problem = fail_alloc_run_all(parse_once, NULL, 6);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls_are_split),
        cmocka_unit_test(bad_urls_say_where),
        cmocka_unit_test(no_url_is_an_error),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
