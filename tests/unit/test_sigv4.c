/* test_sigv4.c: signatures of AWS: vectors of its own suite and of its documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "fail_alloc.h"
#include "provider/sigv4.h"
#include "util/date.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEY_ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define MOMENT 1440938160 /* 2015-08-30T12:36:00Z */
#define TOKEN                                                                                      \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSP" \
    "fIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT" \
    "7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlz" \
    "m8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
#define SES_BODY                                                                                   \
    "{\"FromEmailAddress\":\"sender@example.com\",\"Destination\":{\"ToAddresses\":"               \
    "[\"to@example.com\"]},\"Content\":{\"Simple\":{\"Subject\":{\"Data\":\"Hello\","              \
    "\"Charset\":\"UTF-8\"},\"Body\":{\"Text\":{\"Data\":\"Hi\",\"Charset\":\"UTF-8\"}}}}}"

struct sigv4_case {
    const char *name;
    const char *method;
    const char *path;
    const char *query;
    struct tdm_sigv4_field fields[5]; /* beside host */
    const char *body;
    const char *token;
    const char *canonical; /* SHA-256 of it; NULL: not known */
    const char *signature;
};

static const struct sigv4_case suite[] = {
    {"get-vanilla",
     "GET",
     "/",
     NULL,
     {{0}},
     "",
     NULL,
     "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"post-vanilla",
     "POST",
     "/",
     NULL,
     {{0}},
     "",
     NULL,
     "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     NULL,
     {{"Content-Type", "application/x-www-form-urlencoded"}},
     "Param1=value1",
     NULL,
     NULL,
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"get-header-value-trim",
     "GET",
     "/",
     NULL,
     {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
     "",
     NULL,
     NULL,
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"get-header-key-duplicate",
     "GET",
     "/",
     NULL,
     {{"My-Header1", "value2"}, {"my-header1", "value2"}, {"MY-HEADER1", "value1"}},
     "",
     NULL,
     NULL,
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-utf8",
     "GET",
     "/\xE1\x88\xB4",
     NULL,
     {{0}},
     "",
     NULL,
     NULL,
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-unreserved",
     "GET",
     "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     NULL,
     {{0}},
     "",
     NULL,
     NULL,
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"post-sts-header-before",
     "POST",
     "/",
     NULL,
     {{0}},
     "",
     TOKEN,
     "c237e1b440d4c63c32ca95b5b99481081cb7b13c7e40434868e71567c1a882f6",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
};

/* The hash of the canonical request, in hex, at the end of the string to sign. */
static const char *hash_of(const struct tdm_sigv4 *signature)
{
    const char *text = tdm_buf_text(&signature->to_sign);
    return strrchr(text, '\n') + 1;
}

static const char *signature_of(const struct tdm_sigv4 *signature)
{
    static const char mark[] = "Signature=";
    const char *at = strstr(tdm_buf_text(&signature->authorization), mark);
    return at != NULL ? at + sizeof(mark) - 1 : "";
}

static void test_suite_of_aws(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(suite); i++) {
        struct tdm_sigv4_field fields[6] = {{"Host", "example.amazonaws.com"}};
        struct tdm_sigv4_request request = {.method = suite[i].method,
                                            .path = suite[i].path,
                                            .query = suite[i].query,
                                            .fields = fields,
                                            .field_count = 1,
                                            .payload = suite[i].body,
                                            .payload_length = strlen(suite[i].body),
                                            .key_id = KEY_ID,
                                            .secret = SECRET,
                                            .session_token = suite[i].token,
                                            .region = "us-east-1",
                                            .service = "service",
                                            .now_s = MOMENT};
        struct tdm_sigv4 signature;
        while (suite[i].fields[request.field_count - 1].name != NULL) {
            fields[request.field_count] = suite[i].fields[request.field_count - 1];
            request.field_count++;
        }
        assert_int_equal(tdm_sigv4_sign(&request, NULL, &signature), 0);
        print_message("%s\n", suite[i].name);
        assert_string_equal(signature.date, "20150830T123600Z");
        if (suite[i].canonical != NULL) {
            assert_string_equal(hash_of(&signature), suite[i].canonical);
        }
        assert_string_equal(signature_of(&signature), suite[i].signature);
        tdm_sigv4_clear(&signature);
    }
}

static struct tdm_sigv4_request ses_request(const char *token)
{
    static const struct tdm_sigv4_field fields[] = {{"Host", "email.us-east-1.amazonaws.com"},
                                                    {"Content-Type", "application/json"}};
    struct tdm_sigv4_request request = {.method = "POST",
                                        .path = "/v2/email/outbound-emails",
                                        .fields = fields,
                                        .field_count = COUNT(fields),
                                        .payload = SES_BODY,
                                        .payload_length = strlen(SES_BODY),
                                        .key_id = KEY_ID,
                                        .secret = SECRET,
                                        .session_token = token,
                                        .region = "us-east-1",
                                        .service = "ses",
                                        .now_s = MOMENT};
    return request;
}

static void test_ses_request(void **state)
{
    (void)state;
    struct tdm_sigv4_request request = ses_request(NULL);
    struct tdm_sigv4 signature;
    assert_int_equal(tdm_sigv4_sign(&request, NULL, &signature), 0);
    assert_string_equal(tdm_buf_text(&signature.canonical),
                        "POST\n/v2/email/outbound-emails\n\ncontent-type:application/json\n"
                        "host:email.us-east-1.amazonaws.com\nx-amz-date:20150830T123600Z\n\n"
                        "content-type;host;x-amz-date\n"
                        "fd91ec2d0b9c972f72af2e44563d22efceb2d03a5bcb36e4bd4063c2b673ed5c");
    assert_string_equal(hash_of(&signature),
                        "d7f4d28150d1ea419eb4f1d58084efdfcc2deb90e6690592453b71204a0b6185");
    assert_string_equal(
        tdm_buf_text(&signature.authorization),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/ses/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=21285a5510b3eff5fe220b341bb16fd27269a19da19a9639e98ef8616313b497");
    tdm_sigv4_clear(&signature);
    request = ses_request("SESSIONTOKENEXAMPLE");
    assert_int_equal(tdm_sigv4_sign(&request, NULL, &signature), 0);
    assert_string_equal(hash_of(&signature),
                        "61e5b29867225857e682a94f730908602279e7d399fe1985979da77c2920f51e");
    assert_string_equal(signature_of(&signature),
                        "3dc53e14791990fd1c7cec55272028e4ab2a7fba9dc1ca0f3b03abf9388ec78d");
    tdm_sigv4_clear(&signature);
}

static void test_signing_key(void **state)
{
    static const unsigned char wanted[TDM_SIGV4_KEY_SIZE] = {
        0x01, 0x4f, 0x8b, 0x93, 0xdc, 0x29, 0xe3, 0xee, 0x7e, 0xf0, 0x62,
        0x51, 0x2b, 0x38, 0x83, 0xd1, 0x7b, 0x97, 0x8e, 0xa4, 0x0b, 0xcb,
        0x69, 0x7e, 0x6e, 0x86, 0x1e, 0x81, 0xa8, 0xa5, 0xa6, 0x0b};
    unsigned char key[TDM_SIGV4_KEY_SIZE];
    char long_secret[600];
    (void)state;
    assert_int_equal(tdm_sigv4_key(SECRET, "20150830", "us-east-1", "ses", key), 0);
    assert_memory_equal(key, wanted, sizeof(key));
    memset(long_secret, 'a', sizeof(long_secret) - 1);
    long_secret[sizeof(long_secret) - 1] = '\0';
    assert_int_equal(tdm_sigv4_key(long_secret, "20150830", "us-east-1", "ses", key), -1);
}

/* The second and third line of the canonical request. */
static void check_target(const char *path, const char *query, int keep, const char *wanted)
{
    struct tdm_sigv4_request request = ses_request(NULL);
    struct tdm_sigv4 signature;
    request.path = path;
    request.query = query;
    request.keep_path = keep;
    assert_int_equal(tdm_sigv4_sign(&request, NULL, &signature), 0);
    const char *start = strchr(tdm_buf_text(&signature.canonical), '\n') + 1;
    const char *end = strchr(strchr(start, '\n') + 1, '\n');
    char got[300];
    assert_true((size_t)(end - start) < sizeof(got));
    memcpy(got, start, (size_t)(end - start));
    got[end - start] = '\0';
    assert_string_equal(got, wanted);
    tdm_sigv4_clear(&signature);
}

static void test_paths_and_queries(void **state)
{
    static const struct {
        const char *path;
        const char *query;
        int keep;
        const char *wanted;
    } rows[] = {
        {"", NULL, 0, "/\n"},
        {"/", "", 0, "/\n"},
        {"//a//", NULL, 0, "/a/\n"},
        {"//a//", NULL, 1, "//a//\n"},
        {"/a/b/../c/.", NULL, 0, "/a/c\n"},
        {"/a/../../..", NULL, 0, "/\n"},
        {"/a/../..", NULL, 1, "/a/../..\n"},
        {"/...", NULL, 0, "/...\n"},
        {"/a%20b", NULL, 0, "/a%2520b\n"}, /* escaped twice */
        {"/a+b@c", NULL, 0, "/a%2Bb%40c\n"},
        {"/", "b=2&a=1", 0, "/\na=1&b=2"},
        {"/", "Param-3=3&Param=2&%E1%88%B4=1", 0, "/\n%E1%88%B4=1&Param=2&Param-3=3"},
        {"/", "a=2&a=1&a=2&a", 0, "/\na=&a=1&a=2&a=2"},
        {"/", "a=b=c&&x", 0, "/\na=b%3Dc&x="},
        {"/", "a=\xC3\xA4 %2f%zz+", 0, "/\na=%C3%A4%20%2f%25zz%2B"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_target(rows[i].path, rows[i].query, rows[i].keep, rows[i].wanted);
    }
}

static void test_ses_passwords(void **state)
{
    static const struct {
        const char *region;
        const char *secret;
        const char *password;
    } rows[] = {
        {"eu-central-1", "some+secret+key", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"},
        {"eu-central-1", "another+secret+key", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"},
        {"us-west-1", "some+secret+key", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"},
        {"us-west-1", "another+secret+key", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"},
        {"us-east-1", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
         "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9"},
    };
    char password[TDM_SES_PASSWORD_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(tdm_ses_smtp_password(rows[i].secret, rows[i].region, password), 0);
        assert_string_equal(password, rows[i].password);
    }
}

static void test_iso_dates(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {{0, "1970-01-01T00:00:00Z"},         {MOMENT, "2015-08-30T12:36:00Z"},
                {951782399, "2000-02-28T23:59:59Z"}, {951782400, "2000-02-29T00:00:00Z"},
                {-1, "1969-12-31T23:59:59Z"},        {INT64_MAX, "9999-12-31T23:59:59Z"},
                {INT64_MIN, "1900-01-01T00:00:00Z"}};
    char text[TDM_DATE_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        tdm_date_format_iso(rows[i].seconds, text);
        assert_string_equal(text, rows[i].text);
    }
}

static int sign_with(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    struct tdm_sigv4_request request = ses_request("SESSIONTOKENEXAMPLE");
    struct tdm_sigv4 signature;
    (void)context;
    request.query = "b=2&a=1";
    int status = tdm_sigv4_sign(&request, allocator, &signature);
    int good = (status == 0) == (memory->failures == 0);
    tdm_sigv4_clear(&signature);
    return good ? 0 : -1;
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    const char *problem = fail_alloc_run_all(sign_with, NULL, 4);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_of_aws),    cmocka_unit_test(test_ses_request),
        cmocka_unit_test(test_signing_key),     cmocka_unit_test(test_paths_and_queries),
        cmocka_unit_test(test_ses_passwords),   cmocka_unit_test(test_iso_dates),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
