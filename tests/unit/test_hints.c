/* test_hints.c: what the table says about the replies of large services and of servers in general,
 * that every row of it can be reached, and what is said where no server said anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/hint.h"
#include "report/hints.c"

/* What the engine makes of a code in a phase (smtp_verdict.c). */
static int kind_of(int phase, int code)
{
    int by_5xx = phase == TIDYMAIL_PHASE_AUTH       ? TIDYMAIL_KIND_AUTHENTICATION
                 : phase == TIDYMAIL_PHASE_STARTTLS ? TIDYMAIL_KIND_TLS
                                                    : TIDYMAIL_KIND_PERMANENT;
    return code < 500 && by_5xx != TIDYMAIL_KIND_TLS ? TIDYMAIL_KIND_TEMPORARY : by_5xx;
}

static const char *hint_for(int phase, int code, const char *enhanced, const char *words,
                            const char *server)
{
    struct tdm_hint_query query = {kind_of(phase, code), phase, code, enhanced, words, server};
    const struct tdm_hint *hint = tdm_hint_find(&query);
    return hint != NULL ? hint->text : "";
}

enum {
    AUTH = TIDYMAIL_PHASE_AUTH,
    MAIL = TIDYMAIL_PHASE_MAIL,
    RCPT = TIDYMAIL_PHASE_RCPT,
    DATA = TIDYMAIL_PHASE_DATA,
    FINAL = TIDYMAIL_PHASE_FINAL,
    GREETING = TIDYMAIL_PHASE_GREETING,
    STARTTLS = TIDYMAIL_PHASE_STARTTLS
};
static const struct {
    int phase;
    int code;
    const char *enhanced;
    const char *words;
    const char *server;
    const char *wanted; /* a part of the hint; "": no hint */
} reply_cases[] = {
    {AUTH, 534, "5.7.9", "Application-specific password required. For more information, go to",
     "smtp.gmail.com:587", "app password in place of its own"},
    {AUTH, 534, "5.7.14", "Please log in via your web browser and then try again.",
     "smtp.gmail.com:465", "login in the browser"},
    {AUTH, 535, "5.7.8",
     "Username and Password not accepted. https://support.google.com/mail/?p=BadCredentials",
     "smtp.gmail.com:587", "Google takes no account passwords"},
    {AUTH, 454, "4.7.0", "Too many login attempts, please try again later.", "smtp.gmail.com:587",
     "keep one connection"},
    {FINAL, 550, "5.7.26", "This mail is unauthenticated", "aspmx.l.google.com:25", "SPF"},
    {FINAL, 550, "5.4.5", "Daily user sending limit exceeded.", "smtp.gmail.com:587",
     "daily sending limit"},
    {AUTH, 535, "5.7.139",
     "Authentication unsuccessful, basic authentication is disabled. [X.outlook.com]",
     "smtp.office365.com:587", "auth=xoauth2"},
    {AUTH, 535, "5.7.139",
     "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit",
     "smtp.office365.com:587", "switched off for this mailbox"},
    {AUTH, 535, "5.7.139",
     "Authentication unsuccessful, user is locked by your organization's security policy",
     "smtp.office365.com:587", "sign-in log"},
    {AUTH, 535, "5.7.3", "Authentication unsuccessful [X.outlook.com]", "smtp.office365.com:587",
     "SMTP AUTH is on"},
    {FINAL, 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender",
     "smtp.office365.com:587", "may not send as this From"},
    {FINAL, 554, "5.2.252", "SendAsDenied; ann@example.org not allowed to send as",
     "smtp.office365.com:587", "may not send as this From"},
    {MAIL, 530, "5.7.57", "Client not authenticated to send mail.", "smtp.office365.com:587",
     "only after a login"},
    {MAIL, 432, "4.3.2", "Concurrent connections limit exceeded.", "smtp.office365.com:587",
     "Microsoft allows three"},
    {FINAL, 554, "",
     "Message rejected: Email address is not verified. The following identities failed the "
     "check in region EU-WEST-1: ann@example.org",
     "email-smtp.eu-west-1.amazonaws.com:587", "verified in this region"},
    {AUTH, 535, "", "Authentication Credentials Invalid", "email-smtp.eu-west-1.amazonaws.com:587",
     "credentials of this very region"},
    {DATA, 454, "", "Throttling failure: Maximum sending rate exceeded.",
     "email-smtp.eu-west-1.amazonaws.com:587", "send slower"},
    {DATA, 454, "", "Throttling failure: Daily message quota exceeded.",
     "email-smtp.eu-west-1.amazonaws.com:587", "daily sending quota"},
    {AUTH, 535, "", "Authentication failed", "smtp.mailgun.org:587", "smtp.eu.mailgun.org"},
    {AUTH, 535, "", "Authentication failed", "notmailgun.org:587", "check user name"},
    {AUTH, 535, "5.7.8", "Authentication failed", "smtp.sendgrid.net:587", "the word apikey"},
    {AUTH, 535, "5.7.8", "Error: authentication failed", "mail.example.org:587",
     "check user name and password"},
    {AUTH, 454, "4.7.0", "Temporary authentication failure", "mail.example.org:587",
     "could not check the login"},
    {AUTH, 538, "", "Encryption required", "mail.example.org:25", "encrypted connection"},
    {RCPT, 450, "4.2.0", "Recipient address rejected: Greylisted, see the page", "mx:25",
     "greylisting"},
    {RCPT, 451, "4.7.1", "Please try again in 300 seconds", "mx:25", "greylisting"},
    {RCPT, 554, "5.7.1", "<bob@example.org>: Relay access denied", "mx:25", "after a login"},
    {RCPT, 550, "", "relay not permitted", "mx:25", "after a login"},
    {RCPT, 550, "5.7.1", "Relaying denied", "mx:25", "after a login"},
    {RCPT, 554, "5.7.1", "Client host [192.0.2.1] blocked using zen.spamhaus.org", "mx:25",
     "block list"},
    {MAIL, 530, "5.7.0", "Must issue a STARTTLS command first", "mx:25", "wants TLS first"},
    {MAIL, 530, "5.7.0", "Authentication required", "mx:25", "wants a login"},
    {RCPT, 550, "5.1.1", "No such user", "mx:25", "does not exist"},
    {STARTTLS, 454, "4.7.0", "TLS not available due to local problem", "mx:25",
     "cannot do TLS for now"},
    {GREETING, 554, "", "No SMTP service here", "mx:25", "takes no mail from this address"},
    {FINAL, 452, "4.3.1", "Insufficient system storage", "mx:25", "calls this temporary"},
    {FINAL, 550, "5.6.0", "I do not like the weather", "mx:25", ""},
};

static void real_replies_have_their_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(reply_cases) / sizeof(reply_cases[0]); i++) {
        const char *hint =
            hint_for(reply_cases[i].phase, reply_cases[i].code, reply_cases[i].enhanced,
                     reply_cases[i].words, reply_cases[i].server);
        if (strstr(hint, reply_cases[i].wanted) == NULL ||
            (reply_cases[i].wanted[0] == '\0' && hint[0] != '\0')) {
            fail_msg("%d %s %s: \"%s\"", reply_cases[i].code, reply_cases[i].enhanced,
                     reply_cases[i].words, hint);
        }
    }
}

/* 1 where this code in this phase, with what the row itself wants, leads to the row. */
static int row_is_reached(const struct hint_row *row, int phase, int code)
{
    const char *words = row->words;
    struct tdm_hint_query query = {kind_of(phase, code), phase, code, row->enhanced, "", row->host};
    do {
        char alternative[128];
        size_t length = strcspn(words, "|");
        memcpy(alternative, words, length);
        alternative[length] = '\0';
        query.words = alternative;
        if (tdm_hint_find(&query) == &row->hint) {
            return 1;
        }
        words += length + (words[length] == '|');
    } while (*words != '\0');
    return 0;
}

static void every_row_can_be_reached(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int reached = 0;
        for (int phase = 0; phase < TIDYMAIL_PHASE_COUNT && !reached; phase++) {
            for (int code = 400; code < 600 && !reached; code++) {
                reached = row_is_reached(&rows[i], phase, code);
            }
        }
        if (!reached) {
            fail_msg("row %d is never reached: %s", (int)i, rows[i].hint.text);
        }
    }
}

/* The reply is lowered before it is searched: a capital would never be found. */
static void words_are_in_lower_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *words = rows[i].words;
        for (size_t at = 0; words[at] != '\0';) {
            size_t length = strcspn(words + at, "|");
            assert_true(length > 0);
            for (size_t k = at; k < at + length; k++) {
                assert_int_equal(words[k], tdm_lower(words[k])); /* else it never matches */
            }
            at += length + (words[at + length] == '|');
        }
    }
}

static void hints_are_of_one_form(void **state)
{
    (void)state;
    size_t count = 0;
    const struct tdm_hint *hint;
    for (; (hint = tdm_hint_at(count)) != NULL; count++) {
        size_t length = strlen(hint->text);
        assert_in_range(length, 10, 250);
        assert_int_not_equal(hint->text[length - 1], '.');
        assert_true(tdm_find_control(hint->text, length) == length);
        assert_true(strlen(hint->source) > 5);
    }
    assert_int_equal(count, sizeof(rows) / sizeof(rows[0]));
    assert_null(tdm_hint_at(count + 1));
}

static void a_host_ends_at_a_label(void **state)
{
    (void)state;
    assert_true(hint_is_host("smtp.mailgun.org:587", "mailgun.org"));
    assert_true(hint_is_host("MAILGUN.ORG", "mailgun.org"));
    assert_false(hint_is_host("notmailgun.org:587", "mailgun.org"));
    assert_false(hint_is_host("mailgun.org.example:587", "mailgun.org"));
    assert_false(hint_is_host(NULL, "mailgun.org"));
}

static void silence_has_a_hint_too(void **state)
{
    (void)state;
    static const struct {
        int kind;
        int maybe_delivered;
        const char *before;
        const char *wanted;
    } cases[] = {
        {TIDYMAIL_OK, 0, NULL, ""},
        {TIDYMAIL_KIND_CONNECTION, 0, "given", "given"},
        {TIDYMAIL_KIND_CONNECTION, 0, NULL, "it can be sent again"},
        {TIDYMAIL_KIND_CONNECTION, 1, NULL, "look before sending it again"},
        {TIDYMAIL_KIND_PROTOCOL, 0, NULL, "may be no SMTP server"},
        {TIDYMAIL_KIND_RESOLVE, 0, NULL, "host name"},
        {TIDYMAIL_KIND_PERMANENT, 0, NULL, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tidymail_error error;
        tdm_error_init(&error, NULL);
        tdm_error_set(&error, cases[i].kind, TIDYMAIL_PHASE_MAIL, "words", cases[i].before);
        error.maybe_delivered = cases[i].maybe_delivered;
        tdm_hint_add(&error);
        assert_non_null(strstr(tidymail_error_hint(&error), cases[i].wanted));
        assert_int_equal(tidymail_error_hint(&error)[0] == '\0', cases[i].wanted[0] == '\0');
        tdm_error_clear(&error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_replies_have_their_meaning),
        cmocka_unit_test(every_row_can_be_reached),
        cmocka_unit_test(words_are_in_lower_case),
        cmocka_unit_test(hints_are_of_one_form),
        cmocka_unit_test(a_host_ends_at_a_label),
        cmocka_unit_test(silence_has_a_hint_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
