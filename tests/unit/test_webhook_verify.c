/* test_webhook_verify.c: genuine requests, and what is done to them: every byte changed, another key,
 * another time, fields swapped or missing. Vectors of the services where there are any; SNS with a
 * certificate that is made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <tidymail/tidymail.h>

#include "fail_alloc.h"
#include "util/base64.h"
#include "util/buf.h"

#define NOW 1600112510

struct vector {
    const char *service;
    tidymail_webhook_request request;
};

static tidymail_webhook_request request_of(const char *body, const char *key, int64_t now_s)
{
    tidymail_webhook_request request = TIDYMAIL_WEBHOOK_REQUEST_INIT;
    request.body = body;
    request.body_length = strlen(body);
    request.key = key;
    request.now_s = now_s;
    return request;
}

/* The verdict of a request whose fields lie on the heap, each of its own size. */
static void verdict_is(const char *service, const tidymail_webhook_request *request, int wanted)
{
    int got = tidymail_webhook_verify(service, request);
    if (got != wanted) {
        fail_msg("%s: %s, not %s", service, tidymail_webhook_verdict_name(got),
                 tidymail_webhook_verdict_name(wanted));
    }
}

/* twilio.com/docs/sendgrid: the test data of SendGrid's own libraries; the body ends in CRLF. */
static const char sendgrid_key[] = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/"
                                   "7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fN"
                                   "NRaINXvVpiglSI8eNEc6wEA3F+g==";
static const char sendgrid_signature[] =
    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+"
    "luQAbPIqHh89M15TluLtEZtM=";
static const char sendgrid_body[] =
    "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\","
    "\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\","
    "\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9."
    "0\","
    "\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":"
    "1600112492}]"
    "\r\n";

static tidymail_webhook_request sendgrid_request(void)
{
    tidymail_webhook_request request = request_of(sendgrid_body, sendgrid_key, NOW);
    request.signature = sendgrid_signature;
    request.timestamp = "1600112502";
    return request;
}

static const char mailgun_body[] =
    "{\"signature\":{\"timestamp\":\"1529006854\","
    "\"token\":\"a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0\",\"signature\":"
    "\"d715b4facdb68e32a3bf6c28d9f005fa348e252f96db49bdbba95169c391ea69\"},"
    "\"event-data\":{\"event\":\"delivered\"}}";

static tidymail_webhook_request mailgun_request(void)
{
    return request_of(mailgun_body, "TEST_WEBHOOK_SIGNING_KEY", 1529006900);
}

static tidymail_webhook_request resend_request(void)
{
    tidymail_webhook_request request =
        request_of("{\"test\": 2432232314}", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265340);
    request.id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    request.timestamp = "1614265330";
    request.signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    return request;
}

static tidymail_webhook_request mandrill_request(void)
{
    tidymail_webhook_request request = request_of("mandrill_events=%5B%5D", "TEST_WEBHOOK_KEY", 0);
    request.url = "https://example.com/hook";
    request.signature = "juuMGrXHngsScxPfBIc8jEy7We0=";
    return request;
}

static tidymail_webhook_request mailersend_request(void)
{
    tidymail_webhook_request request =
        request_of("{\"type\":\"activity.delivered\"}", "TEST_SIGNING_SECRET", 0);
    request.signature = "a11069d6ad1826bb9f6b02053b9cdb5c6e9ad74956cd87db99086265f3491e43";
    return request;
}

static tidymail_webhook_request postmark_request(void)
{
    tidymail_webhook_request request = request_of("{}", "Aladdin:open sesame", 0);
    request.signature = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="; /* RFC 7617 2 */
    return request;
}

/* SNS: a key and a certificate, made once. */
static EVP_PKEY *sns_key;
static char sns_certificate[4096];
static char sns_other_certificate[4096];
static const char sns_topic[] = "arn:aws:sns:us-east-1:123456789012:mail";
static const char sns_url[] = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem";

static void make_certificate(EVP_PKEY *key, char out[4096])
{
    X509 *certificate = X509_new();
    ASN1_TIME_set(X509_getm_notBefore(certificate), NOW - 1000);
    ASN1_TIME_set(X509_getm_notAfter(certificate), NOW + 1000);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    int length = BIO_read(bio, out, 4095);
    out[length > 0 ? length : 0] = '\0';
    BIO_free(bio);
    X509_free(certificate);
}

static int sns_setup(void **state)
{
    (void)state;
    EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    sns_key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    make_certificate(sns_key, sns_certificate);
    make_certificate(other, sns_other_certificate);
    EVP_PKEY_free(other);
    return 0;
}

static int sns_teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(sns_key);
    return 0;
}

/* Signs as Amazon does. `text` is what its documentation says must be signed. */
static void sns_sign(const char *text, int version, struct tdm_buf *out)
{
    unsigned char signature[512];
    size_t length = sizeof(signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *digest = version == 1 ? EVP_sha1() : EVP_sha256();
    assert_int_equal(EVP_DigestSignInit(context, NULL, digest, NULL, sns_key), 1);
    assert_int_equal(
        EVP_DigestSign(context, signature, &length, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(context);
    tdm_base64_encode(out, signature, length);
}

enum sns_kind { SNS_PLAIN, SNS_WITH_SUBJECT, SNS_CONFIRMATION, SNS_FAREWELL };

/* A whole request of SNS at NOW - 10 s. */
static void sns_make(enum sns_kind kind, int version, const char *url, struct tdm_buf *body)
{
    struct tdm_buf text;
    int confirms = kind == SNS_CONFIRMATION || kind == SNS_FAREWELL;
    const char *type = kind == SNS_CONFIRMATION ? "SubscriptionConfirmation"
                       : kind == SNS_FAREWELL   ? "UnsubscribeConfirmation"
                                                : "Notification";
    tdm_buf_init(&text, NULL, 8192);
    tdm_buf_init(body, NULL, 8192);
    tdm_buf_addf(&text, "Message\n{\"a\":\"\303\251\"}\n\nMessageId\nid-1\n");
    if (kind == SNS_WITH_SUBJECT) {
        tdm_buf_addf(&text, "Subject\nhello\n");
    }
    if (confirms) {
        tdm_buf_addf(&text, "SubscribeURL\nhttps://sns.us-east-1.amazonaws.com/?a=1&b=2\n");
    }
    tdm_buf_addf(&text, "Timestamp\n2020-09-14T19:41:40.000Z\n%sTopicArn\n%s\nType\n%s\n",
                 confirms ? "Token\ntok\n" : "", sns_topic, type);
    tdm_buf_addf(body,
                 "{\"Type\":\"%s\",\"MessageId\":\"id-1\",\"TopicArn\":\"%s\",%s"
                 "\"Message\":\"{\\\"a\\\":\\\"\\u00e9\\\"}\\n\",%s"
                 "\"Timestamp\":\"2020-09-14T19:41:40.000Z\",\"SignatureVersion\":\"%d\","
                 "\"SigningCertURL\":\"%s\",\"Signature\":\"",
                 type, sns_topic, kind == SNS_WITH_SUBJECT ? "\"Subject\":\"hello\"," : "",
                 confirms ? "\"SubscribeURL\":\"https://sns.us-east-1.amazonaws.com/?a=1&b=2\","
                            "\"Token\":\"tok\","
                          : "",
                 version, url);
    sns_sign(tdm_buf_text(&text), version, body);
    tdm_buf_add_str(body, "\"}");
    assert_false(body->failed);
    tdm_buf_clear(&text);
}

static tidymail_webhook_request sns_request(const struct tdm_buf *body)
{
    tidymail_webhook_request request = request_of(tdm_buf_text(body), sns_certificate, NOW);
    request.topic = sns_topic;
    return request;
}

static void genuine(void **state)
{
    (void)state;
    const struct vector vectors[] = {
        {"sendgrid", sendgrid_request()},     {"mailgun", mailgun_request()},
        {"resend", resend_request()},         {"mandrill", mandrill_request()},
        {"mailersend", mailersend_request()}, {"postmark", postmark_request()},
        {"sparkpost", postmark_request()},    {"brevo", postmark_request()},
        {"mailjet", postmark_request()},
    };
    assert_int_equal(sizeof(sendgrid_body) - 1, 327);
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        verdict_is(vectors[i].service, &vectors[i].request, TIDYMAIL_WEBHOOK_GENUINE);
        tidymail_webhook_request other = vectors[i].request;
        other.key = i == 0 ? "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMkBI2gjOUBdXYCDMZbKsOHYqE5yNqdd"
                             "yNsRmLzJ5jFBF2MVXtf3lbPXNH3CrZXHC6IPEYjgAsQWSSs4XpURWGw=="
                           : "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx:x";
        if (strcmp(vectors[i].service, "resend") == 0) {
            other.key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx";
        }
        int verdict = tidymail_webhook_verify(vectors[i].service, &other);
        /* Where the other key of SendGrid is no point of the curve it is none at all. */
        assert_true(verdict == TIDYMAIL_WEBHOOK_BAD_SIGNATURE ||
                    (i == 0 && verdict == TIDYMAIL_WEBHOOK_BAD_KEY));
    }
}

/* Another key of the right kind, made here. */
static void sendgrid_other_key(void **state)
{
    (void)state;
    unsigned char *der = NULL;
    struct tdm_buf text;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    int length = i2d_PUBKEY(key, &der);
    tdm_buf_init(&text, NULL, 4096);
    tdm_base64_encode(&text, der, (size_t)length);
    tidymail_webhook_request request = sendgrid_request();
    request.key = tdm_buf_text(&text);
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_BAD_SIGNATURE);
    /* The same key with a byte behind it, and one of another curve. */
    tdm_buf_reset(&text);
    unsigned char longer[256];
    memcpy(longer, der, (size_t)length);
    longer[length] = 0;
    tdm_base64_encode(&text, longer, (size_t)length + 1);
    request.key = tdm_buf_text(&text);
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_BAD_KEY);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    der = NULL;
    key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    length = i2d_PUBKEY(key, &der);
    tdm_buf_reset(&text);
    tdm_base64_encode(&text, der, (size_t)length);
    request.key = tdm_buf_text(&text);
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_BAD_KEY);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    tdm_buf_clear(&text);
}

/* Every byte of what is signed, of the signature and of the key: none may be another one. */
static void each_byte(const char *service, const tidymail_webhook_request *request,
                      const char **field, size_t length)
{
    const char *whole = *field;
    char *copy = malloc(length + 1);
    assert_non_null(copy);
    for (size_t i = 0; i < length; i++) {
        memcpy(copy, whole, length);
        copy[length] = '\0';
        copy[i] = (char)(copy[i] == 'Z' ? 'Y' : 'Z');
        *field = copy;
        if (tidymail_webhook_verify(service, request) == TIDYMAIL_WEBHOOK_GENUINE) {
            fail_msg("%s: genuine with another byte at %zu of %s", service, i, whole);
        }
    }
    *field = whole;
    free(copy);
}

static void tampered(void **state)
{
    (void)state;
    struct vector vectors[] = {
        {"sendgrid", sendgrid_request()},
        {"resend", resend_request()},
        {"mandrill", mandrill_request()},
        {"mailersend", mailersend_request()},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        tidymail_webhook_request *request = &vectors[i].request;
        each_byte(vectors[i].service, request, &request->body, request->body_length);
        each_byte(vectors[i].service, request, &request->signature, strlen(request->signature));
        if (request->timestamp != NULL) {
            each_byte(vectors[i].service, request, &request->timestamp, strlen(request->timestamp));
        }
        if (request->id != NULL) {
            each_byte(vectors[i].service, request, &request->id, strlen(request->id));
        }
        if (request->url != NULL) {
            each_byte(vectors[i].service, request, &request->url, strlen(request->url));
        }
        /* Shorter by the end: SendGrid's last CRLF. */
        request->body_length -= 2;
        verdict_is(vectors[i].service, request,
                   i == 2 ? TIDYMAIL_WEBHOOK_MALFORMED : TIDYMAIL_WEBHOOK_BAD_SIGNATURE);
        request->body_length = 0;
        verdict_is(vectors[i].service, request, TIDYMAIL_WEBHOOK_BAD_SIGNATURE);
    }
    /* Mailgun signs timestamp and token alone. */
    tidymail_webhook_request request = mailgun_request();
    request.body_length = (size_t)(strstr(mailgun_body, "},\"event") - mailgun_body);
    const char *whole = request.body;
    for (size_t i = 0; i < request.body_length; i++) {
        char copy[sizeof(mailgun_body)];
        memcpy(copy, whole, sizeof(copy));
        copy[i] = copy[i] == '0' ? '1' : '0';
        tidymail_webhook_request other = request_of(copy, request.key, request.now_s);
        assert_int_not_equal(tidymail_webhook_verify("mailgun", &other), TIDYMAIL_WEBHOOK_GENUINE);
    }
}

static void old_and_early(void **state)
{
    (void)state;
    struct tdm_buf sns;
    sns_make(SNS_PLAIN, 2, sns_url, &sns);
    const struct {
        const char *service;
        tidymail_webhook_request request;
        int64_t signed_at_s;
    } cases[] = {
        {"sendgrid", sendgrid_request(), 1600112502},
        {"mailgun", mailgun_request(), 1529006854},
        {"resend", resend_request(), 1614265330},
        {"ses", sns_request(&sns), NOW - 10},
    };
    const struct {
        int64_t difference_s;
        int64_t tolerance_s;
        int verdict;
    } times[] = {
        {0, 0, TIDYMAIL_WEBHOOK_GENUINE},      {300, 0, TIDYMAIL_WEBHOOK_GENUINE},
        {301, 0, TIDYMAIL_WEBHOOK_STALE},      {-300, 0, TIDYMAIL_WEBHOOK_GENUINE},
        {-301, 0, TIDYMAIL_WEBHOOK_EARLY},     {10, 9, TIDYMAIL_WEBHOOK_STALE},
        {600, 3600, TIDYMAIL_WEBHOOK_GENUINE}, {900, -1, TIDYMAIL_WEBHOOK_GENUINE},
        {-900, -1, TIDYMAIL_WEBHOOK_GENUINE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t n = 0; n < sizeof(times) / sizeof(times[0]); n++) {
            tidymail_webhook_request request = cases[i].request;
            request.now_s = cases[i].signed_at_s + times[n].difference_s;
            request.tolerance_s = times[n].tolerance_s;
            verdict_is(cases[i].service, &request, times[n].verdict);
        }
    }
    tidymail_webhook_request request = sendgrid_request();
    request.now_s = INT64_MIN;
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_EARLY);
    request.now_s = INT64_MAX;
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_STALE);
    /* An old request that is not genuine is told as that. */
    request.timestamp = "1600112503";
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_BAD_SIGNATURE);
    tdm_buf_clear(&sns);
}

static void refusals(void **state)
{
    (void)state;
    tidymail_webhook_request request = sendgrid_request();
    verdict_is("pigeon", &request, TIDYMAIL_WEBHOOK_BAD_CALL);
    verdict_is(NULL, &request, TIDYMAIL_WEBHOOK_BAD_CALL);
    verdict_is("sendgrid", NULL, TIDYMAIL_WEBHOOK_BAD_CALL);
    request.signature = NULL;
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_UNSIGNED);
    request = sendgrid_request();
    request.timestamp = "";
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_UNSIGNED);
    request.timestamp = "-1600112502";
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_MALFORMED);
    request = sendgrid_request();
    request.signature = "not base64!";
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_MALFORMED);
    request.signature = "AAAA";
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_BAD_SIGNATURE);
    request = sendgrid_request();
    request.key = "";
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_BAD_KEY);
    request.key = NULL;
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_BAD_CALL);
    request.key = "AAAA";
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_BAD_KEY);
    request = sendgrid_request();
    request.struct_size = offsetof(tidymail_webhook_request, signature); /* of an older program */
    verdict_is("sendgrid", &request, TIDYMAIL_WEBHOOK_UNSIGNED);
    /* Timestamp and signature of another request: swapped fields. */
    request = resend_request();
    const char *id = request.id;
    request.id = request.timestamp;
    request.timestamp = id;
    verdict_is("resend", &request, TIDYMAIL_WEBHOOK_MALFORMED);
    request = resend_request();
    request.signature = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    verdict_is("resend", &request, TIDYMAIL_WEBHOOK_MALFORMED);
    request.signature = "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    verdict_is("resend", &request, TIDYMAIL_WEBHOOK_MALFORMED);
    request.signature = "v1a,xx v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    verdict_is("resend", &request, TIDYMAIL_WEBHOOK_GENUINE);
    request.key = "whsec_not base64";
    verdict_is("resend", &request, TIDYMAIL_WEBHOOK_BAD_KEY);
    request = mailersend_request();
    request.signature = "A11069D6AD1826BB9F6B02053B9CDB5C6E9AD74956CD87DB99086265F3491E43";
    verdict_is("mailersend", &request, TIDYMAIL_WEBHOOK_GENUINE);
    request.signature = "a110";
    verdict_is("mailersend", &request, TIDYMAIL_WEBHOOK_MALFORMED);
    request = mandrill_request();
    request.url = NULL;
    verdict_is("mandrill", &request, TIDYMAIL_WEBHOOK_BAD_CALL);
    request = request_of("{\"event-data\":{}}", "k", 0);
    verdict_is("mailgun", &request, TIDYMAIL_WEBHOOK_UNSIGNED);
    request = request_of("no JSON", "k", 0);
    verdict_is("mailgun", &request, TIDYMAIL_WEBHOOK_MALFORMED);
}

/* Mandrill's fields are signed sorted by name, decoded. Signature computed with Python's hmac over
 * "https://example.com/hook" "a" "1" "b" "x y&=" "mandrill_events" "[]". */
static void mandrill_sorts(void **state)
{
    (void)state;
    static const char *const bodies[] = {"mandrill_events=%5B%5D&b=x+y%26%3D&a=1",
                                         "a=1&b=x%20y%26=&mandrill_events=[]"};
    for (size_t i = 0; i < 2; i++) {
        tidymail_webhook_request request = mandrill_request();
        request.body = bodies[i];
        request.body_length = strlen(bodies[i]);
        request.signature = "w+I2TnlAHpieRoDwR5e3zOQKqx4=";
        verdict_is("mandrill", &request, TIDYMAIL_WEBHOOK_GENUINE);
    }
    tidymail_webhook_request request = mandrill_request();
    static const char *const broken[] = {"a=%", "a=%4", "a=%zz", "%4"};
    for (size_t i = 0; i < 4; i++) {
        request.body = broken[i];
        request.body_length = strlen(broken[i]);
        verdict_is("mandrill", &request, TIDYMAIL_WEBHOOK_MALFORMED);
    }
}

static void sns_kinds(void **state)
{
    (void)state;
    for (int kind = SNS_PLAIN; kind <= SNS_FAREWELL; kind++) {
        for (int version = 1; version <= 2; version++) {
            struct tdm_buf body;
            sns_make((enum sns_kind)kind, version, sns_url, &body);
            tidymail_webhook_request request = sns_request(&body);
            verdict_is("ses", &request, TIDYMAIL_WEBHOOK_GENUINE);
            request.topic = "arn:aws:sns:us-east-1:123456789012:other";
            verdict_is("ses", &request, TIDYMAIL_WEBHOOK_WRONG_TOPIC);
            request.topic = NULL;
            verdict_is("ses", &request, TIDYMAIL_WEBHOOK_BAD_CALL);
            request = sns_request(&body);
            request.key = sns_other_certificate;
            verdict_is("ses", &request, TIDYMAIL_WEBHOOK_BAD_SIGNATURE);
            request.key = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
            verdict_is("ses", &request, TIDYMAIL_WEBHOOK_BAD_KEY);
            request = sns_request(&body);
            request.now_s = NOW + 1001;
            request.tolerance_s = -1;
            verdict_is("ses", &request, TIDYMAIL_WEBHOOK_BAD_CERTIFICATE);
            request.now_s = NOW - 1001;
            verdict_is("ses", &request, TIDYMAIL_WEBHOOK_BAD_CERTIFICATE);
            tdm_buf_clear(&body);
        }
    }
}

/* Replaces the first `from` in the body by `to`. */
static void sns_replace(const struct tdm_buf *body, const char *from, const char *to,
                        struct tdm_buf *out)
{
    const char *at = strstr(tdm_buf_text(body), from);
    assert_non_null(at);
    tdm_buf_init(out, NULL, 8192);
    tdm_buf_add(out, body->data, (size_t)(at - body->data));
    tdm_buf_add_str(out, to);
    tdm_buf_add_str(out, at + strlen(from));
}

static void sns_tampered(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
        int verdict;
    } changes[] = {
        {"\\u00e9", "e", TIDYMAIL_WEBHOOK_BAD_SIGNATURE},
        {"id-1", "id-2", TIDYMAIL_WEBHOOK_BAD_SIGNATURE},
        {"\"hello\"", "\"hallo\"", TIDYMAIL_WEBHOOK_BAD_SIGNATURE},
        {"\"Subject\":\"hello\",", "", TIDYMAIL_WEBHOOK_BAD_SIGNATURE},
        {"19:41:40", "19:41:41", TIDYMAIL_WEBHOOK_BAD_SIGNATURE},
        {"us-east-1:1", "us-east-1:2", TIDYMAIL_WEBHOOK_BAD_SIGNATURE},
        {"\"Notification\"", "\"SubscriptionConfirmation\"", TIDYMAIL_WEBHOOK_MALFORMED},
        {"\"Notification\"", "\"Other\"", TIDYMAIL_WEBHOOK_MALFORMED},
        {"\"Type\"", "\"Tipe\"", TIDYMAIL_WEBHOOK_MALFORMED},
        {"\"SignatureVersion\":\"2\"", "\"SignatureVersion\":\"1\"",
         TIDYMAIL_WEBHOOK_BAD_SIGNATURE},
        {"\"SignatureVersion\":\"2\"", "\"SignatureVersion\":\"3\"", TIDYMAIL_WEBHOOK_MALFORMED},
        {"\"SignatureVersion\":\"2\",", "", TIDYMAIL_WEBHOOK_UNSIGNED},
        {"\"Signature\":", "\"Sgnature\":", TIDYMAIL_WEBHOOK_UNSIGNED},
        {"\"Timestamp\"", "\"Time\"", TIDYMAIL_WEBHOOK_MALFORMED},
        {"https://sns.us-east-1.amazonaws.com/Simple", "https://evil.example/Simple",
         TIDYMAIL_WEBHOOK_BAD_CERTIFICATE},
        {"\"SigningCertURL\"", "\"SigningCert\"", TIDYMAIL_WEBHOOK_BAD_CERTIFICATE},
        {"{", "[", TIDYMAIL_WEBHOOK_MALFORMED},
    };
    struct tdm_buf body;
    sns_make(SNS_WITH_SUBJECT, 2, sns_url, &body);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct tdm_buf other;
        sns_replace(&body, changes[i].from, changes[i].to, &other);
        tidymail_webhook_request request = sns_request(&other);
        int got = tidymail_webhook_verify("ses", &request);
        if (got != changes[i].verdict) {
            fail_msg("%s for %s: %s", changes[i].to, changes[i].from,
                     tidymail_webhook_verdict_name(got));
        }
        tdm_buf_clear(&other);
    }
    /* What is signed would be the same text here; a line end in a field but Message is refused. */
    struct tdm_buf other;
    sns_replace(&body, "\"Subject\":\"hello\",", "", &other);
    struct tdm_buf moved;
    sns_replace(&other, "\"MessageId\":\"id-1\"", "\"MessageId\":\"id-1\\nSubject\\nhello\"",
                &moved);
    tidymail_webhook_request request = sns_request(&moved);
    verdict_is("ses", &request, TIDYMAIL_WEBHOOK_MALFORMED);
    tdm_buf_clear(&moved);
    tdm_buf_clear(&other);
    tdm_buf_clear(&body);
}

static void certificate_urls(void **state)
{
    (void)state;
    static const char *const good[] = {
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem",
        "https://sns.us-gov-west-1.amazonaws.com/a.pem",
    };
    static const char *const bad[] = {
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "HTTPS://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
        "https://sns.us-east-1.amazonaws.com.cn.evil.example/a.pem",
        "https://sns.us-east-1.amazonaws.comevil/a.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/a.pem",
        "https://user@sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com:443/a.pem",
        "https://sns.us-east-1.amazonaws.com:443@evil.example/a.pem",
        "https://sns.evil.us-east-1.amazonaws.com/a.pem",
        "https://evil.s3.amazonaws.com/a.pem",
        "https://sns.amazonaws.com/a.pem",
        "https://sns..amazonaws.com/a.pem",
        "https://sns.-.amazonaws.com/a.pem",
        "https://sns.US-EAST-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.txt",
        "https://sns.us-east-1.amazonaws.com/a.pem?x",
        "https://sns.us-east-1.amazonaws.com/?a.pem",
        "https://sns.us-east-1.amazonaws.com/#a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem#",
        "https://sns.us-east-1.amazonaws.com/../a.pem",
        "https://sns.us-east-1.amazonaws.com/%2e/a.pem",
        "https://sns.us-east-1.amazonaws.com\\@evil.example/a.pem",
        "https://sns.us-east-1.amazonaws.com/\\a.pem",
        "https://sns.us-east-1.amazonaws.com/a b.pem",
        "https://sns.us-east-1.amazonaws.com/a\n.pem",
        "https://sns.us-east-1.amazonaws.com/\303\251.pem",
        " https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem ",
        "https://sns.us-east-1.amazonaws.com./a.pem",
        "https://sns.us-east-1.amazonaws.com",
        "https://sns.us-east-1.amazonaws.com/.pem",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.",
        "",
        NULL,
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(tidymail_webhook_sns_certificate_url_ok(good[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (tidymail_webhook_sns_certificate_url_ok(bad[i])) {
            fail_msg("%s is accepted", bad[i]);
        }
    }
    assert_true(tidymail_webhook_sns_subscribe_url_ok(
        "https://sns.us-east-1.amazonaws.com/"
        "?Action=ConfirmSubscription&TopicArn=arn:aws:sns:x&Token=1"));
    assert_false(tidymail_webhook_sns_subscribe_url_ok(
        "https://sns.us-east-1.amazonaws.com@evil.example/?Action=ConfirmSubscription"));
    assert_false(tidymail_webhook_sns_subscribe_url_ok("https://evil.example/"));
    assert_false(tidymail_webhook_sns_subscribe_url_ok(NULL));
}

static void basic(void **state)
{
    (void)state;
    static const char given[] = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    assert_true(tidymail_webhook_basic_ok(given, "Aladdin", "open sesame"));
    assert_true(
        tidymail_webhook_basic_ok("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"));
    assert_false(tidymail_webhook_basic_ok(given, "Aladdin", "open sesam"));
    assert_false(tidymail_webhook_basic_ok(given, "Aladdin", "open sesame "));
    assert_false(tidymail_webhook_basic_ok(given, "aladdin", "open sesame"));
    assert_false(tidymail_webhook_basic_ok(given, "Aladdin:open sesame", ""));
    assert_false(
        tidymail_webhook_basic_ok("Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"));
    assert_false(
        tidymail_webhook_basic_ok("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Aladdin", "open sesame"));
    assert_true(tidymail_webhook_basic_ok("Basic YTpiOmM=", "a", "b:c")); /* a:b:c */
    assert_false(tidymail_webhook_basic_ok("Basic YTpiOmM=", "a:b", "c"));
    assert_false(tidymail_webhook_basic_ok("Basic ", "", ""));
    assert_false(tidymail_webhook_basic_ok("Basic", "", ""));
    assert_false(tidymail_webhook_basic_ok("", "", ""));
    assert_false(tidymail_webhook_basic_ok(NULL, "Aladdin", "open sesame"));
    assert_false(tidymail_webhook_basic_ok(given, NULL, "open sesame"));
    assert_false(tidymail_webhook_basic_ok(given, "Aladdin", NULL));
    tidymail_webhook_request request = postmark_request();
    request.key = "Aladdin";
    verdict_is("postmark", &request, TIDYMAIL_WEBHOOK_BAD_KEY);
    request = postmark_request();
    request.signature = NULL;
    verdict_is("postmark", &request, TIDYMAIL_WEBHOOK_UNSIGNED);
    request.signature = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZg==";
    verdict_is("postmark", &request, TIDYMAIL_WEBHOOK_BAD_SIGNATURE);
}

static int verify_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                       void *context)
{
    const struct vector *vector = context;
    tidymail_webhook_request request = vector->request;
    request.allocator = allocator;
    int verdict = tidymail_webhook_verify(vector->service, &request);
    return memory->failures > 0 ? verdict != TIDYMAIL_WEBHOOK_NO_MEMORY
                                : verdict != TIDYMAIL_WEBHOOK_GENUINE;
}

static void allocations(void **state)
{
    (void)state;
    struct tdm_buf sns;
    sns_make(SNS_PLAIN, 1, sns_url, &sns);
    struct vector vectors[] = {
        {"sendgrid", sendgrid_request()}, {"mailgun", mailgun_request()},
        {"resend", resend_request()},     {"mandrill", mandrill_request()},
        {"postmark", postmark_request()}, {"ses", sns_request(&sns)},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const char *why = fail_alloc_run_all(verify_once, &vectors[i], 1);
        if (why != NULL) {
            fail_msg("%s: %s", vectors[i].service, why);
        }
    }
    tdm_buf_clear(&sns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine),          cmocka_unit_test(sendgrid_other_key),
        cmocka_unit_test(tampered),         cmocka_unit_test(old_and_early),
        cmocka_unit_test(refusals),         cmocka_unit_test(mandrill_sorts),
        cmocka_unit_test(sns_kinds),        cmocka_unit_test(sns_tampered),
        cmocka_unit_test(certificate_urls), cmocka_unit_test(basic),
        cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests_name("webhook signatures", tests, sns_setup, sns_teardown);
}
