/* test_presets.c: SMTP servers of mail services by name: URLs, logins, and the header fields that carry
 * what a message asks of the service. No connection is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/tidymail.h>

#include "fail_alloc.h"
#include "read_source.h"
#include "transport/presets.h"
#include "transport/smtp_own.h"
#include "transport/wishes.h"
#include "transport_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct good_case {
    const char *url;
    const char *shown;
    const char *server;
    int tls;
    const char *user;
    const char *password;
    const char *auth; /* NULL: the usual order */
};

static const struct good_case good_cases[] = {
    {"mailgun+smtp://postmaster%40mg.example.org:PASSWORD@",
     "mailgun+smtp://postmaster%40mg.example.org:***@", "smtp.mailgun.org:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "postmaster@mg.example.org", "PASSWORD", NULL},
    {"mailgun+smtp://u:p@default:2525?region=eu", "mailgun+smtp://u:***@default:2525?region=eu",
     "smtp.eu.mailgun.org:2525", TIDYMAIL_SMTP_TLS_STARTTLS, "u", "p", NULL},
    {"mailgun+smtps://u:p@?region=us", "mailgun+smtps://u:***@?region=us", "smtp.mailgun.org:465",
     TIDYMAIL_SMTP_TLS_IMPLICIT, "u", "p", NULL},
    {"SendGrid+SMTP://SG.KEY@", "sendgrid+smtp://***@", "smtp.sendgrid.net:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "apikey", "SG.KEY", NULL},
    {"sendgrid+smtp://apikey:SG.KEY@?region=eu", "sendgrid+smtp://apikey:***@?region=eu",
     "smtp.eu.sendgrid.net:587", TIDYMAIL_SMTP_TLS_STARTTLS, "apikey", "SG.KEY", NULL},
    {"sendgrid+smtps://:SG.KEY@:465/", "sendgrid+smtps://***@:465", "smtp.sendgrid.net:465",
     TIDYMAIL_SMTP_TLS_IMPLICIT, "apikey", "SG.KEY", NULL},
    {"ses+smtp://AKIAEXAMPLE:wJalrXUtnFEMI%2FK7MDENG%2FbPxRfiCYEXAMPLEKEY@us-east-1",
     "ses+smtp://AKIAEXAMPLE:***@us-east-1", "email-smtp.us-east-1.amazonaws.com:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "AKIAEXAMPLE", "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9",
     NULL},
    {"ses+smtps://AKIAEXAMPLE:some+secret+key@?region=eu-central-1",
     "ses+smtps://AKIAEXAMPLE:***@?region=eu-central-1",
     "email-smtp.eu-central-1.amazonaws.com:465", TIDYMAIL_SMTP_TLS_IMPLICIT, "AKIAEXAMPLE",
     "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2", NULL},
    {"ses+smtp://AKIAEXAMPLE:BLBM%2F9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9@eu-west-1",
     "ses+smtp://AKIAEXAMPLE:***@eu-west-1", "email-smtp.eu-west-1.amazonaws.com:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "AKIAEXAMPLE", "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9",
     NULL}, /* a password for SMTP already */
    {"postmark+smtp://TOKEN@", "postmark+smtp://***@", "smtp.postmarkapp.com:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "TOKEN", "TOKEN", NULL},
    {"postmark+smtp://TOKEN@?stream=broadcast", "postmark+smtp://***@?stream=broadcast",
     "smtp-broadcasts.postmarkapp.com:587", TIDYMAIL_SMTP_TLS_STARTTLS, "TOKEN", "TOKEN", NULL},
    {"postmark+smtp://TOKEN@?stream=receipts", "postmark+smtp://***@?stream=receipts",
     "smtp.postmarkapp.com:587", TIDYMAIL_SMTP_TLS_STARTTLS, "TOKEN", "TOKEN", NULL},
    {"postmark+smtp://ACCESS:SECRET@", "postmark+smtp://ACCESS:***@", "smtp.postmarkapp.com:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "ACCESS", "SECRET", NULL},
    {"resend+smtps://re_KEY@", "resend+smtps://***@", "smtp.resend.com:465",
     TIDYMAIL_SMTP_TLS_IMPLICIT, "resend", "re_KEY", NULL},
    {"sparkpost+smtp://KEY@?region=eu", "sparkpost+smtp://***@?region=eu",
     "smtp.eu.sparkpostmail.com:587", TIDYMAIL_SMTP_TLS_STARTTLS, "SMTP_Injection", "KEY", NULL},
    {"sparkpost+smtp://SMTP_Injection%3AX-MSYS-SUBACCOUNT=123:KEY@",
     "sparkpost+smtp://SMTP_Injection%3AX-MSYS-SUBACCOUNT=123:***@", "smtp.sparkpostmail.com:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "SMTP_Injection:X-MSYS-SUBACCOUNT=123", "KEY", NULL},
    {"brevo+smtp://ann%40example.org:xsmtpsib-KEY@", "brevo+smtp://ann%40example.org:***@",
     "smtp-relay.brevo.com:587", TIDYMAIL_SMTP_TLS_STARTTLS, "ann@example.org", "xsmtpsib-KEY",
     NULL},
    {"mailjet+smtp://KEY:SECRET@", "mailjet+smtp://KEY:***@", "in-v3.mailjet.com:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "KEY", "SECRET", NULL},
    {"mandrill+smtp://KEY@", "mandrill+smtp://***@", "smtp.mandrillapp.com:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "tidymail", "KEY", NULL},
    {"mandrill+smtp://ann:KEY@", "mandrill+smtp://ann:***@", "smtp.mandrillapp.com:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "ann", "KEY", NULL},
    {"mailersend+smtp://MS_u:p@", "mailersend+smtp://MS_u:***@", "smtp.mailersend.net:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "MS_u", "p", NULL},
    {"gmail+smtp://ann%40gmail.com:APP@", "gmail+smtp://ann%40gmail.com:***@", "smtp.gmail.com:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "ann@gmail.com", "APP", NULL},
    {"gmail+smtps://ann%40gmail.com:TOKEN@?auth=xoauth2",
     "gmail+smtps://ann%40gmail.com:***@?auth=xoauth2", "smtp.gmail.com:465",
     TIDYMAIL_SMTP_TLS_IMPLICIT, "ann@gmail.com", "TOKEN", "xoauth2"},
    {"office365+smtp://ann%40example.org:TOKEN@", "office365+smtp://ann%40example.org:***@",
     "smtp.office365.com:587", TIDYMAIL_SMTP_TLS_STARTTLS, "ann@example.org", "TOKEN", "xoauth2"},
    {"office365+smtp://ann%40example.org:PW@?auth=login",
     "office365+smtp://ann%40example.org:***@?auth=login", "smtp.office365.com:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "ann@example.org", "PW", "login"},
    {"outlook+smtp://ann%40outlook.com:TOKEN@", "outlook+smtp://ann%40outlook.com:***@",
     "smtp-mail.outlook.com:587", TIDYMAIL_SMTP_TLS_STARTTLS, "ann@outlook.com", "TOKEN",
     "xoauth2"},
    {"sendgrid+smtp://KEY@?endpoint=smtp://127.0.0.1:2500",
     "sendgrid+smtp://***@?endpoint=smtp://127.0.0.1:2500", "127.0.0.1:2500",
     TIDYMAIL_SMTP_TLS_STARTTLS, "apikey", "KEY", NULL},
    {"sendgrid+smtp://KEY@?endpoint=smtps://[::1]", "sendgrid+smtp://***@?endpoint=smtps://[::1]",
     "[::1]:465", TIDYMAIL_SMTP_TLS_IMPLICIT, "apikey", "KEY", NULL},
    {"postmark+smtp://TOKEN@?endpoint=smtp://localhost", NULL, "localhost:587",
     TIDYMAIL_SMTP_TLS_STARTTLS, "TOKEN", "TOKEN", NULL},
};

static tidymail_transport *opened(const char *url)
{
    tidymail_transport *transport = tdm_transport_new(url, NULL, NULL, &fixture_clock);
    assert_non_null(transport);
    return transport;
}

static void check_good(const struct good_case *row)
{
    struct tdm_smtp_login login;
    tidymail_transport *transport = opened(row->url);
    if (tidymail_transport_error(transport) != NULL) {
        fail_msg("%s: %s", row->url, tidymail_error_message(tidymail_transport_error(transport)));
    }
    const struct tdm_smtp_own *own = transport->impl;
    if (row->shown != NULL) {
        assert_string_equal(tidymail_transport_url(transport), row->shown);
    }
    assert_string_equal(own->server, row->server);
    assert_int_equal(own->tls, row->tls);
    assert_int_equal(tdm_preset_login(transport, &login), 0);
    assert_string_equal(login.user, row->user);
    assert_string_equal(login.password, row->password);
    if (row->auth == NULL) {
        assert_null(login.auth);
    } else {
        assert_string_equal(login.auth, row->auth);
    }
    tdm_transport_free(transport);
}

static void test_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good_cases); i++) {
        check_good(&good_cases[i]);
    }
}

/* Each service is in a row above. */
static void test_every_preset_is_tested(void **state)
{
    (void)state;
    for (size_t i = 0; tdm_preset_at(i) != NULL; i++) {
        const char *word = tdm_preset_at(i)->service.scheme;
        size_t k = 0;
        while (k < COUNT(good_cases) && strncmp(good_cases[k].url, word, strlen(word)) != 0) {
            k++;
        }
        if (k == COUNT(good_cases) && strcmp(word, "sendgrid") != 0) {
            fail_msg("no URL of %s is tested", word);
        }
    }
}

static void test_wrong_urls(void **state)
{
    static const struct {
        const char *url;
        const char *words;
        const char *hint;
    } rows[] = {
        {"postmark+smtps://S3CRET@", "Postmark over SMTP has no port with TLS from the first byte",
         "postmark+smtp://TOKEN@: STARTTLS"},
        {"sparkpost+smtps://S3CRET@", "no port with TLS", "sparkpost+smtp://KEY@"},
        {"office365+smtps://u:S3CRET@", "no port with TLS", "office365+smtp://UPN:TOKEN@"},
        {"sendgrid+smtp://S3CRET@smtp.example.org", "has a host of its own",
         "sendgrid+smtp://KEY@"},
        {"sendgrid+smtp://S3CRET@/path", "an SMTP server has no path", "question mark"},
        {"sendgrid+smtp://", "no key is given", "sendgrid+smtp://KEY@"},
        {"sendgrid+smtp://somebody:S3CRET@", "takes the key alone", "sendgrid+smtp://KEY@"},
        {"sendgrid+smtp://S3CRET@?password-from=env:X", "both a key and password-from are given",
         "KEY@"},
        {"sendgrid+smtp://a:S3CRET@?password-from=env:X",
         "both a password and password-from are given", ""},
        {"mailgun+smtp://u@", "a user is given, but nothing secret",
         "mailgun+smtp://USER:PASSWORD@"},
        {"mailgun+smtp://:S3CRET@", "a password is given, but no user",
         "mailgun+smtp://USER:PASSWORD@"},
        {"mailgun+smtp://", "no login is given", "mailgun+smtp://USER:PASSWORD@"},
        {"mailgun+smtp://u:S3CRET@?region=mars", "option region: Mailgun over SMTP has us and eu",
         "region=eu"},
        {"brevo+smtp://u:S3CRET@?region=eu", "option region: Brevo over SMTP has only one",
         "without region="},
        {"ses+smtp://ASIAEXAMPLE:S3CRET@eu-west-1", "temporary credentials", "ses://"},
        {"ses+smtp://AKIAEXAMPLE:S3CRET@", "no region is given", "eu-west-1"},
        {"ses+smtp://AKIAEXAMPLE:S3CRET@EU-West", "this is no region of AWS", "eu-west-1"},
        {"ses+smtp://AKIAEXAMPLE:S3CRET@email-smtp.eu-west-1.amazonaws.com",
         "this is no region of AWS", "eu-west-1"},
        {"ses+smtp://AKIAEXAMPLE:S3CRET@eu-west-1?region=eu-west-2",
         "it names a region, and the option another", "leave one of them out"},
        {"ses+smtp://AKIAEXAMPLE@eu-west-1", "a user is given, but nothing secret",
         "ses+smtp://ID:SECRET@REGION"},
        {"sendgrid+smtp://S3CRET@?endpoint=http://127.0.0.1:1",
         "option endpoint: it is neither smtp:// nor smtps://", "endpoint=smtp://host:port"},
        {"sendgrid+smtp://S3CRET@?endpoint=smtp://a:S3CRET%40127.0.0.1:1",
         "option endpoint: it has a scheme", "endpoint=smtp://host:port"},
        {"sendgrid+smtp://S3CRET@?endpoint=smtp://", "option endpoint: it has no host", "endpoint"},
        {"sendgrid+smtp://S3CRET@?endpoint=nothing", "option endpoint: URL: no scheme", "endpoint"},
        {"sendgrid+smtp://S3CRET@?stream=x", "unknown option \"stream\"", ""},
        {"sendgrid+smtp://S3CRET@?asm-group-id=x", "option asm-group-id of SendGrid over SMTP", ""},
        {"mailgun+smtp://u:S3CRET@?dkim=maybe", "option dkim of Mailgun over SMTP: not yes or no",
         ""},
        {"mailgun+smtps://u:S3CRET@?tls=none", "tls= cannot change that", ""},
        {"sendgird+smtp://S3CRET@", "unknown scheme \"sendgird+smtp\", did you mean sendgrid+smtp",
         "docs/smtp-presets.md"},
        {"smtp://u:S3CRET@host?endpoint=smtp://127.0.0.1", "option endpoint: only mail services",
         ""},
        {"smtp://u:S3CRET@host?region=eu", "option region: only mail services", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        tidymail_transport *transport = opened(rows[i].url);
        const tidymail_error *error = tidymail_transport_error(transport);
        if (error == NULL) {
            fail_msg("%s is taken", rows[i].url);
        }
        const char *words = tidymail_error_message(error);
        const char *hint = tidymail_error_hint(error);
        if (strstr(words, rows[i].words) == NULL || strstr(hint, rows[i].hint) == NULL) {
            fail_msg("%s: %s (%s)", rows[i].url, words, hint);
        }
        assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_CONFIGURATION);
        assert_null(strstr(words, "S3CRET"));
        assert_null(strstr(hint, "S3CRET"));
        assert_null(strstr(tidymail_transport_url(transport), "S3CRET"));
        tdm_transport_free(transport);
    }
}

/* User and password of the options struct are as those of the URL. */
static void test_login_by_options(void **state)
{
    (void)state;
    struct tdm_smtp_login login;
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.password = "KEY";
    tidymail_transport *transport =
        tdm_transport_new("sendgrid+smtp://", &options, NULL, &fixture_clock);
    assert_null(tidymail_transport_error(transport));
    assert_string_equal(tidymail_transport_url(transport), "sendgrid+smtp://***@");
    assert_int_equal(tdm_preset_login(transport, &login), 0);
    assert_string_equal(login.user, "apikey");
    assert_string_equal(login.password, "KEY");
    tdm_transport_free(transport);
    options.user = "TOKEN";
    options.password = NULL;
    transport = tdm_transport_new("postmark+smtp://", &options, NULL, &fixture_clock);
    assert_string_equal(tidymail_transport_url(transport), "postmark+smtp://***@");
    assert_int_equal(tdm_preset_login(transport, &login), 0);
    assert_string_equal(login.user, "TOKEN");
    assert_string_equal(login.password, "TOKEN");
    tdm_transport_free(transport);
}

/* What a message can ask for, to be had in any mixture. */
enum {
    ASK_TAG = 1,
    ASK_TAGS = 2,
    ASK_METADATA = 4,
    ASK_TRACKING = 8, /* opens off, clicks on */
    ASK_SEND_AT = 16,
    ASK_SANDBOX = 32,
    ASK_IDEMPOTENCY = 64,
    ASK_TEMPLATE = 128,
    ASK_OPENS = 256 /* and nothing of clicks */
};

static void ask(tidymail_message *message, int what)
{
    if (what & (ASK_TAG | ASK_TAGS)) {
        tidymail_message_add_tag(message, "welcome");
    }
    if (what & ASK_TAGS) {
        tidymail_message_add_tag(message, "first-week");
    }
    if (what & ASK_METADATA) {
        tidymail_message_add_metadata(message, "order", "7");
        tidymail_message_add_metadata(message, "shop", "main_2");
    }
    if (what & ASK_TRACKING) {
        tidymail_message_set_tracking(message, TIDYMAIL_TRACKING_OFF, TIDYMAIL_TRACKING_ON);
    }
    if (what & ASK_OPENS) {
        tidymail_message_set_tracking(message, TIDYMAIL_TRACKING_ON, TIDYMAIL_TRACKING_DEFAULT);
    }
    if (what & ASK_SEND_AT) {
        tidymail_message_set_send_at(message, 1795000000);
    }
    if (what & ASK_SANDBOX) {
        tidymail_message_set_sandbox(message, 1);
    }
    if (what & ASK_IDEMPOTENCY) {
        tidymail_message_set_idempotency_key(message, "order-7/mail-1");
    }
    if (what & ASK_TEMPLATE) {
        tidymail_message_set_template(message, "4242", "{\"name\": \"Ann\"}");
    }
}

struct fields_case {
    const char *url;
    int what;
    const char *option; /* "name=value" of the service, NULL: none */
    const char *fields; /* NULL: refused */
    const char *words;  /* of the refusal */
};

static const struct fields_case fields_cases[] = {
    {"mailgun+smtp://u:p@", ASK_TAGS | ASK_METADATA | ASK_TRACKING | ASK_SEND_AT | ASK_SANDBOX,
     "require-tls=yes",
     "X-Mailgun-Tag: welcome\r\n"
     "X-Mailgun-Tag: first-week\r\n"
     "X-Mailgun-Variables: {\"order\": \"7\", \"shop\": \"main_2\"}\r\n"
     "X-Mailgun-Track-Opens: no\r\n"
     "X-Mailgun-Track-Clicks: yes\r\n"
     "X-Mailgun-Deliver-By: Wed, 18 Nov 2026 11:06:40 +0000\r\n"
     "X-Mailgun-Drop-Message: yes\r\n"
     "X-Mailgun-Require-TLS: yes\r\n",
     NULL},
    {"mailgun+smtp://u:p@?dkim=no&tracking=yes", 0, NULL,
     "X-Mailgun-Dkim: no\r\nX-Mailgun-Track: yes\r\n", NULL},
    {"mailgun+smtp://u:p@?dkim=no", 0, "dkim=yes", "X-Mailgun-Dkim: yes\r\n", NULL},
    {"mailgun+smtp://u:p@", 0, "recipient-variables={\"b@example.org\":{\"n\":1}}",
     "X-Mailgun-Recipient-Variables: {\"b@example.org\": {\"n\": 1}}\r\n", NULL},
    {"mailgun+smtp://u:p@", ASK_OPENS, NULL, "X-Mailgun-Track-Opens: yes\r\n", NULL},
    {"sendgrid+smtp://KEY@", ASK_TAGS | ASK_METADATA | ASK_TRACKING | ASK_SEND_AT,
     "asm-group-id=12",
     "X-SMTPAPI: {\"category\": [\"welcome\", \"first-week\"], \"unique_args\": {\"order\":\r\n"
     " \"7\", \"shop\": \"main_2\"}, \"filters\": {\"opentrack\": {\"settings\": {\"enable\":\r\n"
     " 0}}, \"clicktrack\": {\"settings\": {\"enable\": 1}}}, \"send_at\": 1795000000,\r\n"
     " \"asm_group_id\": 12}\r\n",
     NULL},
    {"sendgrid+smtp://KEY@", 0, NULL, "", NULL},
    {"ses+smtp://I:S@eu-west-1", ASK_TAGS | ASK_METADATA, "configuration-set=shop",
     "X-SES-MESSAGE-TAGS: tag=welcome, tag2=first-week, order=7, shop=main_2\r\n"
     "X-SES-CONFIGURATION-SET: shop\r\n",
     NULL},
    {"postmark+smtp://T@?stream=receipts", ASK_TAG | ASK_METADATA | ASK_TRACKING, NULL,
     "X-PM-Tag: welcome\r\n"
     "X-PM-Metadata-order: 7\r\n"
     "X-PM-Metadata-shop: main_2\r\n"
     "X-PM-Track-Opens: false\r\n"
     "X-PM-Track-Links: HtmlAndText\r\n"
     "X-PM-Message-Stream: receipts\r\n",
     NULL},
    {"resend+smtp://K@", ASK_IDEMPOTENCY, NULL, "Resend-Idempotency-Key: order-7/mail-1\r\n", NULL},
    {"sparkpost+smtp://K@", ASK_TAGS | ASK_METADATA | ASK_TRACKING | ASK_SANDBOX,
     "transactional=yes",
     "X-MSYS-API: {\"tags\": [\"welcome\", \"first-week\"], \"metadata\": {\"order\": \"7\",\r\n"
     " \"shop\": \"main_2\"}, \"options\": {\"open_tracking\": false, \"click_tracking\":\r\n"
     " true, \"sandbox\": true, \"transactional\": true}}\r\n",
     NULL},
    {"mailjet+smtp://K:S@", ASK_TAG | ASK_METADATA | ASK_TRACKING | ASK_TEMPLATE, "custom-id=id 7",
     "X-Mailjet-Campaign: welcome\r\n"
     "X-MJ-EventPayload: {\"order\": \"7\", \"shop\": \"main_2\"}\r\n"
     "X-Mailjet-TrackOpen: 0\r\n"
     "X-Mailjet-TrackClick: 1\r\n"
     "X-MJ-TemplateID: 4242\r\n"
     "X-MJ-Vars: {\"name\": \"Ann\"}\r\n"
     "X-MJ-TemplateLanguage: True\r\n"
     "X-MJ-CustomID: id 7\r\n",
     NULL},
    {"mailjet+smtp://K:S@", ASK_TAG | ASK_METADATA, "event-payload=mine",
     "X-Mailjet-Campaign: welcome\r\nX-MJ-EventPayload: mine\r\n", NULL},
    {"mandrill+smtp://K@", ASK_TAGS | ASK_METADATA | ASK_TRACKING | ASK_SEND_AT, "subaccount=eu",
     "X-MC-Tags: welcome,first-week\r\n"
     "X-MC-Metadata: {\"order\": \"7\", \"shop\": \"main_2\"}\r\n"
     "X-MC-Track: clicks\r\n"
     "X-MC-SendAt: 2026-11-18 11:06:40\r\n"
     "X-MC-Subaccount: eu\r\n",
     NULL},
    {"mailersend+smtp://U:P@", ASK_TAGS, NULL, "X-MailerSend-Tags: welcome,first-week\r\n", NULL},
    {"gmail+smtp://a:p@", 0, NULL, "", NULL},
    /* refused */
    {"mandrill+smtp://K@", ASK_OPENS, NULL, NULL, "switches opens and clicks together"},
    {"mailgun+smtp://u:p@", 0, "nonsense=1", NULL, "Mailgun over SMTP has no option \"nonsense\""},
    {"mailgun+smtp://u:p@", 0, "extra={}", NULL, "no request that it could be merged into"},
    {"mailgun+smtp://u:p@", 0, "dkim=2", NULL, "not yes or no"},
};

static tidymail_message *asking(const struct fields_case *row)
{
    tidymail_message *message = tidymail_message_new();
    ask(message, row->what);
    tidymail_message_set_service_option(message, "elsewhere", "anything", "1");
    if (row->option != NULL) {
        char name[64] = "";
        char service[32] = "";
        size_t length = strcspn(row->option, "=");
        memcpy(name, row->option, length);
        memcpy(service, row->url, strcspn(row->url, "+"));
        tidymail_message_set_service_option(message, service, name, row->option + length + 1);
    }
    assert_null(tidymail_message_error(message));
    return message;
}

static void test_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fields_cases); i++) {
        const struct fields_case *row = &fields_cases[i];
        tidymail_transport *transport = opened(row->url);
        tidymail_message *message = asking(row);
        struct tidymail_error error;
        struct tdm_buf out;
        tdm_error_init(&error, NULL);
        tdm_buf_init(&out, NULL, 100000);
        assert_null(tidymail_transport_error(transport));
        int kind = tdm_preset_write_fields(transport->preset, &message->service, &out, &error);
        if (row->fields == NULL) {
            assert_int_equal(kind, TIDYMAIL_KIND_MESSAGE);
            if (strstr(tidymail_error_message(&error), row->words) == NULL) {
                fail_msg("%s: %s", row->url, tidymail_error_message(&error));
            }
        } else {
            assert_int_equal(kind, TIDYMAIL_OK);
            assert_string_equal(tdm_buf_text(&out), row->fields);
        }
        tdm_buf_clear(&out);
        tdm_error_clear(&error);
        tidymail_message_free(message);
        tdm_transport_free(transport);
    }
}

/* Every line of a field is one: a name or a blank in front, no bare line ends, at most 998 bytes. */
static void check_lines(const char *text)
{
    while (*text != '\0') {
        const char *end = strstr(text, "\r\n");
        assert_non_null(end);
        assert_true((size_t)(end - text) <= 998);
        assert_null(memchr(text, '\n', (size_t)(end - text)));
        assert_null(memchr(text, '\r', (size_t)(end - text)));
        if (text[0] != ' ') {
            assert_true(strncmp(text, "X-", 2) == 0 || strncmp(text, "Resend-", 7) == 0);
        } else {
            assert_true(strspn(text, " \t") < (size_t)(end - text));
        }
        for (const char *at = text; at < end; at++) {
            assert_true((unsigned char)*at < 127 && (unsigned char)*at >= 0x20);
        }
        text = end + 2;
    }
}

/* Values that try to end a field, or do not fit into one: the field stays whole, or it is refused. */
static void test_injection(void **state)
{
    static const char *const urls[] = {
        "mailgun+smtp://u:p@", "sendgrid+smtp://K@",     "ses+smtp://I:S@eu-west-1",
        "postmark+smtp://T@",  "sparkpost+smtp://K@",    "mailjet+smtp://K:S@",
        "mandrill+smtp://K@",  "mailersend+smtp://U:P@",
    };
    char long_word[1200];
    char long_text[1600];
    memset(long_word, 'w', sizeof(long_word) - 1);
    long_word[sizeof(long_word) - 1] = '\0';
    for (size_t i = 0; i + 1 < sizeof(long_text); i++) {
        long_text[i] = i % 9 == 8 ? ' ' : 'a';
    }
    long_text[sizeof(long_text) - 2] = 'z';
    long_text[sizeof(long_text) - 1] = '\0';
    const char *const values[] = {"a\r\nBcc: eve@example.org",
                                  "a\nb",
                                  "a\rb",
                                  "\r\n\r\nbody",
                                  "tab\tx",
                                  "nul\\u0000",
                                  "Gr\xC3\xBC\xC3\x9F"
                                  "e \xF0\x9F\x98\x80",
                                  "quote \" and \\ slash",
                                  "  two  in  ",
                                  "",
                                  long_word,
                                  long_text,
                                  "a: b, c; d=e"};
    (void)state;
    for (size_t u = 0; u < COUNT(urls); u++) {
        tidymail_transport *transport = opened(urls[u]);
        const struct tdm_capabilities *capabilities =
            &transport->preset->preset->service.capabilities;
        for (size_t v = 0; v < COUNT(values) * 3; v++) {
            tidymail_message *message = tidymail_message_new();
            struct tidymail_error error;
            struct tdm_buf out;
            const char *value = values[v / 3];
            tdm_error_init(&error, NULL);
            tdm_buf_init(&out, NULL, 100000);
            if (v % 3 == 0) {
                tidymail_message_add_tag(message, value);
            } else if (v % 3 == 1) {
                tidymail_message_add_metadata(message, "name", value);
            } else {
                tidymail_message_add_metadata(message, value, "value");
            }
            if (tidymail_message_error(message) == NULL &&
                tdm_capabilities_check_wishes(capabilities, &message->service, 0, NULL, NULL,
                                              &error) == TIDYMAIL_OK &&
                tdm_preset_write_fields(transport->preset, &message->service, &out, &error) ==
                    TIDYMAIL_OK) {
                check_lines(tdm_buf_text(&out));
                assert_null(strstr(tdm_buf_text(&out), "\r\nBcc"));
                assert_true(out.length > 0);
            }
            tdm_buf_clear(&out);
            tdm_error_clear(&error);
            tidymail_message_free(message);
        }
        tdm_transport_free(transport);
    }
}

static tidymail_message *whole_message(int what)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "ann@example.org");
    tidymail_message_add_to(message, "bob@example.org");
    tidymail_message_set_text(message, "Hello");
    ask(message, what);
    return message;
}

/* Sends; the kind of the error, its words and the first note are checked. */
static void check_send(const char *url, int what, int kind, const char *words, const char *note)
{
    tidymail_transport *transport = tidymail_transport_open(url, NULL);
    tidymail_message *message = whole_message(what);
    tidymail_report *report = tidymail_send(transport, message);
    const tidymail_error *error = tidymail_report_error(report);
    assert_int_equal(tidymail_error_kind(error), kind);
    if (strstr(tidymail_error_message(error), words) == NULL) {
        fail_msg("%s: %s", url, tidymail_error_message(error));
    }
    if (note == NULL) {
        assert_int_equal(tidymail_report_note_count(report), 0);
    } else {
        assert_int_equal(tidymail_report_note_count(report), 1);
        assert_string_equal(tidymail_report_note(report, 0), note);
    }
    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    check_send("smtp://127.0.0.1:1", ASK_TAG, TIDYMAIL_KIND_MESSAGE,
               "tags: an SMTP server does not take this", NULL);
    check_send("lmtp://127.0.0.1:1", ASK_SANDBOX, TIDYMAIL_KIND_MESSAGE, "a sandbox mode", NULL);
    check_send("smtp://127.0.0.1:1?unsupported=drop", ASK_TAG, TIDYMAIL_KIND_CONNECTION, "",
               "left out: tags, which an SMTP server does not take");
    check_send("smtp://127.0.0.1:1?unsupported=drop", ASK_SANDBOX, TIDYMAIL_KIND_MESSAGE,
               "a sandbox mode", NULL);
    check_send("resend+smtp://K@?endpoint=smtp://127.0.0.1:1", ASK_TAG, TIDYMAIL_KIND_MESSAGE,
               "tags: Resend over SMTP does not take this", NULL);
    check_send("resend+smtp://K@?endpoint=smtp://127.0.0.1:1&unsupported=drop", ASK_TAG,
               TIDYMAIL_KIND_CONNECTION, "",
               "left out: tags, which Resend over SMTP does not take");
    check_send("postmark+smtp://K@?endpoint=smtp://127.0.0.1:1", ASK_TAGS, TIDYMAIL_KIND_MESSAGE,
               "tags: 2 are more than Postmark over SMTP takes in one message (1)", NULL);
    check_send(
        "memory:", ASK_TAG | ASK_SANDBOX, TIDYMAIL_OK, "",
        "asked of a mail service, and no part of the stored message: tags, a sandbox mode for "
        "one message");
    check_send("memory:", 0, TIDYMAIL_OK, "", NULL);
    check_send("sendmail:///bin/false", ASK_TAG, TIDYMAIL_KIND_MESSAGE,
               "tags: sendmail does not take this", NULL);
}

/* The job's source with the fields in front, read twice, and as it was after that. 0 where all is
 * right, or memory ran out and that was said. */
static int front_with(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                      void *context)
{
    static const char wanted[] = "X-PM-Tag: welcome\r\nthe message";
    struct tdm_fronted fronted;
    struct tdm_job job;
    const char *const to[] = {"bob@example.org"};
    (void)context;
    memset(&job, 0, sizeof(job));
    tidymail_transport *transport =
        tdm_transport_new("postmark+smtp://T@", NULL, allocator, &fixture_clock);
    job.report = tdm_report_new(allocator, to, 1);
    job.message = whole_message(ASK_TAG);
    assert_int_equal(tidymail_source_open_memory(&job.source, "the message", 11), TIDYMAIL_OK);
    tidymail_source before = job.source;
    job.envelope.size = 11;
    int good = 1;
    if (transport == NULL || job.report == NULL || transport->ops == NULL) {
        good = memory == NULL || memory->failures > 0;
    } else if (tdm_wishes_begin(transport, NULL, &job, &fronted) != TIDYMAIL_OK) {
        good = memory->failures > 0 && job.report->error.kind == TIDYMAIL_KIND_LOCAL;
        tdm_wishes_end(&job, &fronted);
    } else {
        good = job.envelope.size == (int64_t)sizeof(wanted) - 1 &&
               job.source.size(job.source.context) == job.envelope.size;
        for (size_t piece = 1; piece < 40; piece += 7) {
            size_t length = 0;
            char *bytes = read_source(&job.source, piece, &length);
            good &=
                bytes != NULL && length == sizeof(wanted) - 1 && memcmp(bytes, wanted, length) == 0;
            free(bytes);
            good &= job.source.rewind(job.source.context) == 0;
        }
        tdm_wishes_end(&job, &fronted);
    }
    good &= job.source.context == before.context && job.source.read == before.read &&
            job.envelope.size == 11;
    job.source.release(job.source.context);
    tidymail_message_free(job.message);
    tidymail_report_free(job.report);
    tdm_transport_free(transport);
    return good ? 0 : -1;
}

static void test_fields_in_front(void **state)
{
    (void)state;
    assert_int_equal(front_with(NULL, NULL, NULL), 0);
    const char *problem = fail_alloc_run_all(front_with, NULL, 8);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

static int open_with(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    struct tidymail_error error;
    struct tdm_buf out;
    const struct fields_case *row = context;
    tidymail_transport *transport = tdm_transport_new(row->url, NULL, allocator, &fixture_clock);
    if (transport == NULL) {
        return memory->failures > 0 ? 0 : -1;
    }
    tidymail_message *message = asking(row);
    int good = 1;
    if (tidymail_transport_error(transport) != NULL) {
        good = memory->failures > 0;
    } else if (transport->preset != NULL) {
        size_t failures = memory->failures;
        tdm_error_init(&error, allocator);
        tdm_buf_init(&out, allocator, 100000);
        int kind = tdm_preset_write_fields(transport->preset, &message->service, &out, &error);
        good = kind == TIDYMAIL_OK || memory->failures > failures;
        if (kind == TIDYMAIL_OK && strcmp(tdm_buf_text(&out), row->fields) != 0) {
            good = 0;
        }
        tdm_buf_clear(&out);
        tdm_error_clear(&error);
    }
    tidymail_message_free(message);
    tdm_transport_free(transport);
    return good ? 0 : -1;
}

static void test_memory_runs_out(void **state)
{
    static const struct fields_case more[] = {
        {"sendgrid+smtp://KEY@?endpoint=smtp://127.0.0.1:2500&batch-id=1", ASK_TAG, NULL,
         "X-SMTPAPI: {\"category\": [\"welcome\"], \"batch_id\": \"1\"}\r\n", NULL},
        {"postmark+smtp://K@?stream=a&stream=b", 0, NULL, "X-PM-Message-Stream: b\r\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(fields_cases) + COUNT(more); i++) {
        struct fields_case row =
            i < COUNT(fields_cases) ? fields_cases[i] : more[i - COUNT(fields_cases)];
        if (row.fields == NULL) {
            continue;
        }
        const char *problem = fail_alloc_run_all(open_with, &row, 6);
        if (problem != NULL) {
            fail_msg("%s: %s", row.url, problem);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_every_preset_is_tested),
        cmocka_unit_test(test_wrong_urls),
        cmocka_unit_test(test_login_by_options),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_injection),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_fields_in_front),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
