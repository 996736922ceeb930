/* test_sasl.c: the mechanisms against the vectors of their RFCs, and against servers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sasl/sasl.h"
#include "util/base64.h"

struct exchange {
    struct tdm_sasl sasl;
    struct tdm_buf response;
};

static void begin(struct exchange *x, const char *mechanism,
                  struct tdm_sasl_credentials credentials)
{
    const struct tdm_sasl_mechanism *found = tdm_sasl_find(mechanism, strlen(mechanism));
    assert_non_null(found);
    tdm_sasl_start(&x->sasl, found, &credentials, &tdm_allocator_default);
    tdm_buf_init(&x->response, NULL, 65536);
}

static void end(struct exchange *x)
{
    tdm_sasl_clear(&x->sasl);
    tdm_buf_clear(&x->response);
}

static enum tdm_sasl_result step(struct exchange *x, const char *challenge)
{
    tdm_buf_reset(&x->response);
    return x->sasl.mechanism->step(&x->sasl, challenge, strlen(challenge), &x->response);
}

static void says(struct exchange *x, const char *challenge, const char *expected)
{
    assert_int_equal(step(x, challenge), TDM_SASL_OK);
    assert_string_equal(tdm_buf_text(&x->response), expected);
}

static void plain_is_rfc_4616(void **state)
{
    (void)state;
    struct exchange x;
    begin(&x, "plain", (struct tdm_sasl_credentials){.user = "test", .password = "1234"});
    assert_int_equal(step(&x, ""), TDM_SASL_OK);
    assert_int_equal(x.response.length, 10);
    assert_memory_equal(x.response.data,
                        "\0test\0"
                        "1234",
                        10);
    assert_int_equal(step(&x, ""), TDM_SASL_UNEXPECTED);
    end(&x);
}

static void login_answers_by_position(void **state)
{
    (void)state;
    struct exchange x;
    begin(&x, "LOGIN", (struct tdm_sasl_credentials){.user = "u", .password = "p"});
    says(&x, "UGFzc3dvcmQ6", "u");
    says(&x, "not base64 at all", "p");
    assert_int_equal(step(&x, ""), TDM_SASL_UNEXPECTED);
    end(&x);
}

static void cram_md5_is_rfc_2195(void **state)
{
    (void)state;
    struct exchange x;
    begin(&x, "CRAM-MD5",
          (struct tdm_sasl_credentials){.user = "tim", .password = "tanstaaftanstaaf"});
    says(&x, "<1896.697170952@postoffice.reston.mci.net>", "tim b913a602c7eda7a495b4e6e7334d3890");
    end(&x);
    begin(&x, "CRAM-MD5", (struct tdm_sasl_credentials){.user = "tim", .password = "x"});
    assert_int_equal(step(&x, ""), TDM_SASL_REFUSED);
    end(&x);
}

static const struct tdm_sasl_credentials rfc5802 = {
    .user = "user", .password = "pencil", .nonce = "fyko+d2lbbFgONRv9qkxdawL"};
static const struct tdm_sasl_credentials rfc7677 = {
    .user = "user", .password = "pencil", .nonce = "rOprNGfwEbeRWgbNEkqO"};
static const char first_sha1[] =
    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";

static void scram_sha_1_is_rfc_5802(void **state)
{
    (void)state;
    struct exchange x;
    begin(&x, "SCRAM-SHA-1", rfc5802);
    says(&x, "", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    says(&x, first_sha1,
         "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
    says(&x, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", "");
    assert_int_equal(x.sasl.mechanism->finish(&x.sasl, "", 0), TDM_SASL_OK);
    end(&x);
}

static void scram_sha_256_is_rfc_7677(void **state)
{
    (void)state;
    struct exchange x;
    begin(&x, "SCRAM-SHA-256", rfc7677);
    says(&x, "", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    says(&x,
         "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
         "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
         "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    static const char final[] = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_int_equal(x.sasl.mechanism->finish(&x.sasl, final, strlen(final)), TDM_SASL_OK);
    end(&x);
}

static void scram_binds_the_channel(void **state)
{
    (void)state;
    struct exchange x;
    struct tdm_sasl_credentials credentials = rfc5802;
    credentials.binding =
        (struct tdm_sasl_binding){"tls-exporter", (const unsigned char *)"xxx", 3};
    credentials.plus_offered = 1;
    begin(&x, "SCRAM-SHA-1-PLUS", credentials);
    says(&x, "", "p=tls-exporter,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    assert_int_equal(step(&x, first_sha1), TDM_SASL_OK);
    struct tdm_buf bound; /* gs2-header and the data, RFC 5802 7: cbind-input */
    tdm_buf_init(&bound, NULL, 256);
    tdm_buf_add_str(&bound, "c=");
    tdm_base64_encode(&bound, "p=tls-exporter,,xxx", 19);
    tdm_buf_add_str(&bound, ",r=");
    assert_memory_equal(x.response.data, bound.data, bound.length);
    tdm_buf_clear(&bound);
    end(&x);

    credentials.plus_offered = 0; /* could bind, was not offered: "y" */
    begin(&x, "SCRAM-SHA-1", credentials);
    says(&x, "", "y,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    end(&x);
}

static void scram_escapes_and_prepares_the_name(void **state)
{
    (void)state;
    struct exchange x;
    struct tdm_sasl_credentials credentials = rfc5802;
    credentials.user = "a,b=c\xc2\xad\xe2\x85\xa8"; /* soft hyphen goes, ROMAN NUMERAL NINE is IX */
    begin(&x, "SCRAM-SHA-1", credentials);
    says(&x, "", "n,,n=a=2Cb=3DcIX,r=fyko+d2lbbFgONRv9qkxdawL");
    end(&x);
}

static void scram_refuses_challenges_that_lie(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "r=other,s=QSXCR+Q6sek8bf92,i=4096",
        "r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096", /* nothing of the server's */
        "r=fyko+d2lbbFgONRv9qkxdawL3,s=,i=4096",
        "r=fyko+d2lbbFgONRv9qkxdawL3,s=!,i=4096",
        "r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92,i=0",
        "r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92,i=99999999999999999999",
        "r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92,i=4x",
        "r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92",
        "m=ext,r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92,i=4096",
        "nonsense",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct exchange x;
        begin(&x, "SCRAM-SHA-1", rfc5802);
        assert_int_equal(step(&x, ""), TDM_SASL_OK);
        assert_int_equal(step(&x, bad[i]), TDM_SASL_REFUSED);
        assert_non_null(x.sasl.problem);
        assert_int_equal(x.response.length, 0);
        end(&x);
    }
}

static void scram_wants_the_servers_proof(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "v=rmF9pqV8S7suAoZWja4dJRkFsKR=", "v=", "v=AAAA", "x=1", "e=invalid-proof", ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct exchange x;
        begin(&x, "SCRAM-SHA-1", rfc5802);
        assert_int_equal(step(&x, ""), TDM_SASL_OK);
        assert_int_equal(step(&x, first_sha1), TDM_SASL_OK);
        assert_int_equal(x.sasl.mechanism->finish(&x.sasl, bad[i], strlen(bad[i])),
                         TDM_SASL_REFUSED);
        assert_int_equal(step(&x, bad[i]), TDM_SASL_REFUSED);
        end(&x);
    }
}

static void oauthbearer_is_rfc_7628(void **state)
{
    (void)state;
    struct exchange x;
    begin(&x, "OAUTHBEARER",
          (struct tdm_sasl_credentials){.user = "user@example.com",
                                        .password = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
                                        .server = "server.example.com:587"});
    says(&x, "",
         "n,a=user@example.com,\001host=server.example.com\001port=587\001"
         "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\001\001");
    x.sasl.initial_sent = 1;
    says(&x, "{\"status\":\"invalid_token\"}", "\001");
    assert_string_equal(tdm_buf_text(&x.sasl.detail), "{\"status\":\"invalid_token\"}");
    assert_int_equal(step(&x, "{}"), TDM_SASL_UNEXPECTED);
    end(&x);
}

static void xoauth2_answers_the_refusal_with_an_empty_line(void **state)
{
    (void)state;
    struct exchange x;
    begin(
        &x, "XOAUTH2",
        (struct tdm_sasl_credentials){.user = "someuser@example.com", .password = "ya29.vF9dft4"});
    says(&x, "", "user=someuser@example.com\001auth=Bearer ya29.vF9dft4\001\001");
    x.sasl.initial_sent = 1;
    says(&x, "{\"status\":\"401\"}", "");
    end(&x);
    /* without an initial response the first challenge, whatever it says, asks for the token */
    begin(&x, "XOAUTH2", (struct tdm_sasl_credentials){.user = "u", .password = "t"});
    says(&x, "hello", "user=u\001auth=Bearer t\001\001");
    says(&x, "{}", "");
    end(&x);
}

static void external_names_the_identity(void **state)
{
    (void)state;
    struct exchange x;
    begin(&x, "EXTERNAL", (struct tdm_sasl_credentials){.user = NULL});
    says(&x, "", "");
    end(&x);
    begin(&x, "EXTERNAL", (struct tdm_sasl_credentials){.user = "ann"});
    says(&x, "", "ann");
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_is_rfc_4616),
        cmocka_unit_test(login_answers_by_position),
        cmocka_unit_test(cram_md5_is_rfc_2195),
        cmocka_unit_test(scram_sha_1_is_rfc_5802),
        cmocka_unit_test(scram_sha_256_is_rfc_7677),
        cmocka_unit_test(scram_binds_the_channel),
        cmocka_unit_test(scram_escapes_and_prepares_the_name),
        cmocka_unit_test(scram_refuses_challenges_that_lie),
        cmocka_unit_test(scram_wants_the_servers_proof),
        cmocka_unit_test(oauthbearer_is_rfc_7628),
        cmocka_unit_test(xoauth2_answers_the_refusal_with_an_empty_line),
        cmocka_unit_test(external_names_the_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
