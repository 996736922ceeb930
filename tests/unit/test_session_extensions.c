/*
 * test_session_extensions.c: the server session: what the extensions add, LMTP, and the logins that
 * prove a password or carry a token. The SCRAM messages are those of RFC 5802 5 and RFC 7677 3; those
 * with a channel binding were computed apart from this code.
 */
#include "session_fixture.h"

static struct tdm_server_options all_options(void)
{
    struct tdm_server_options options = usual_options();
    options.hidden = 0;
    options.auth = NULL;
    return options;
}

#define EHLO_ALL                                                                                   \
    "> EHLO me", "= 250-test.example", "= 250-PIPELINING", "= 250-SIZE 1000", "= 250-8BITMIME",    \
        "= 250-SMTPUTF8", "= 250-STARTTLS", "= 250-CHUNKING", "= 250-BINARYMIME", "= 250-DSN",     \
        "= 250-DELIVERBY", "= 250-FUTURERELEASE 31536000 2099-12-31T23:59:59Z",                    \
        "= 250-MT-PRIORITY", "= 250-LIMITS RCPTMAX=1000", "= 250 ENHANCEDSTATUSCODES"
#define EHLO_AUTH(words)                                                                           \
    "> EHLO me", "= 250-test.example", "= 250-PIPELINING", "= 250-SIZE 1000", "= 250-8BITMIME",    \
        "= 250-SMTPUTF8", "= 250-AUTH " words, "= 250 ENHANCEDSTATUSCODES"
#define ENVELOPE                                                                                   \
    "> MAIL FROM:<a@b.c>", "< 250 2.1.0", "> RCPT TO:<d@e.f>", "< 250 2.1.5", "> RCPT TO:<g@h.i>", \
        "< 250 2.1.5"

static void test_chunks(void **state)
{
    static const char *const lines[] = {EHLO_ALL,
                                        ENVELOPE,
                                        "+ BDAT 7\r\n.\r\none\n",
                                        "< 250 2.0.0 7 bytes so far",
                                        "+ BDAT 5 LAST\r\n\r\n.\r\n",
                                        "@message .\r\none\n\r\n.\r\n",
                                        "< 250 2.0.0",
                                        ENVELOPE,
                                        "+ BDAT 3\r\nabcBDAT 0 LAST\r\nNOOP\r\n",
                                        "< 250 2.0.0 3 bytes",
                                        "@message abc",
                                        "< 250 2.0.0",
                                        "< 250 2.0.0 ok",
                                        "@quiet",
                                        NULL};
    (void)state;
    play(lines, all_options());
}

static void test_chunks_out_of_order(void **state)
{
    static const char *const lines[] = {EHLO_ALL,
                                        "+ BDAT 6\r\nQUIT\r\n",
                                        "< 503 5.5.1",
                                        "> MAIL FROM:<a@b.c>",
                                        "< 250",
                                        "+ BDAT 6 LAST\r\nQUIT\r\n",
                                        "< 554 5.5.1",
                                        "> RCPT TO:<d@e.f>",
                                        "< 250",
                                        "+ BDAT 2\r\nab",
                                        "< 250",
                                        "> DATA",
                                        "< 503 5.5.1 DATA behind BDAT",
                                        "> MAIL FROM:<a@b.c>",
                                        "< 503",
                                        "> RCPT TO:<x@y.z>",
                                        "< 503 5.5.1 RCPT behind",
                                        "> RSET",
                                        "< 250",
                                        "+ BDAT 2 LAST\r\nab",
                                        "< 503",
                                        ENVELOPE,
                                        "> DATA",
                                        "< 354",
                                        "+ x\r\n.\r\n",
                                        "@message x\r\n",
                                        "< 250",
                                        "> BDAT ten",
                                        "< 501 5.5.4",
                                        "@close",
                                        NULL};
    (void)state;
    play(lines, all_options());
}

static void test_chunks_over_the_limit(void **state)
{
    static const char *const lines[] = {"> EHLO me",
                                        "= 250-test.example",
                                        "= 250-SIZE 10",
                                        "= 250-CHUNKING",
                                        "= 250 BINARYMIME",
                                        "> MAIL FROM:<a@b.c>",
                                        "= 250 sender ok",
                                        "> RCPT TO:<d@e.f>",
                                        "= 250 recipient ok",
                                        "+ BDAT 6\r\n123456",
                                        "= 250 6 bytes so far",
                                        "+ BDAT 6\r\n123456",
                                        "= 552 the message is larger than this server takes",
                                        "+ BDAT 2 LAST\r\nab",
                                        "< 503 ",
                                        "> MAIL FROM:<a@b.c>",
                                        "= 250 sender ok",
                                        "> RCPT TO:<d@e.f>",
                                        "= 250 recipient ok",
                                        "+ BDAT 11 LAST\r\n12345678901",
                                        "< 552 ",
                                        "> NOOP",
                                        "= 250 ok",
                                        NULL};
    struct tdm_server_options options = all_options();
    const char *unknown = NULL;
    (void)state;
    options.max_size = 10;
    assert_int_equal(tdm_server_parse_hidden("enhancedstatuscodes,Pipelining,8bitmime,SMTPUTF8,DSN,"
                                             "DELIVERBY,FUTURERELEASE,MT-PRIORITY,LIMITS,STARTTLS",
                                             &options.hidden, &unknown),
                     0);
    play(lines, options);
    assert_int_equal(tdm_server_parse_hidden("DSN,XYZZY", &options.hidden, &unknown), -1);
    assert_string_equal(unknown, "XYZZY");
}

static void test_binary_messages_go_by_chunks(void **state)
{
    static const char *const lines[] = {EHLO_ALL,
                                        "> MAIL FROM:<a@b.c> BODY=BINARYMIME",
                                        "< 250",
                                        "> RCPT TO:<d@e.f>",
                                        "< 250",
                                        "> DATA",
                                        "< 503 5.5.1 BODY=BINARYMIME needs BDAT",
                                        "+ BDAT 4 LAST\r\na\r\rb",
                                        "@message a\r\rb",
                                        "< 250",
                                        "> MAIL FROM:<a@b.c> BODY=9BIT",
                                        "< 501 5.5.4 syntax: BODY=",
                                        NULL};
    (void)state;
    play(lines, all_options());
}

static void test_what_is_hidden_is_not_understood(void **state)
{
    static const char *const lines[] = {"> EHLO me",
                                        "= 250-test.example",
                                        "= 250-PIPELINING",
                                        "= 250-SIZE 1000",
                                        "= 250-8BITMIME",
                                        "= 250-SMTPUTF8",
                                        "= 250-STARTTLS",
                                        "= 250 ENHANCEDSTATUSCODES",
                                        "> MAIL FROM:<a@b.c> RET=HDRS",
                                        "< 555",
                                        "> MAIL FROM:<a@b.c> BY=1;R",
                                        "< 555",
                                        "> MAIL FROM:<a@b.c> HOLDFOR=1",
                                        "< 555",
                                        "> MAIL FROM:<a@b.c> MT-PRIORITY=1",
                                        "< 555",
                                        "> MAIL FROM:<a@b.c> BODY=BINARYMIME",
                                        "< 501",
                                        "> BDAT 6 LAST",
                                        "< 500 5.5.1",
                                        NULL};
    (void)state;
    play(lines, usual_options());
}

static void test_parameters_that_are_good(void **state)
{
    static const char *const lines[] = {
        EHLO_ALL,
        "> MAIL FROM:<a@b.c> SIZE=9 BODY=8BITMIME RET=hdrs ENVID=QQ+2B1 BY=-5;NT HOLDFOR=60 "
        "MT-PRIORITY=-9",
        "< 250",
        "> RCPT TO:<d@e.f> NOTIFY=SUCCESS,delay ORCPT=rfc822;d+2Bx@e.f",
        "< 250",
        "> RCPT TO:<g@h.i> NOTIFY=NEVER",
        "< 250",
        "> RSET",
        "< 250",
        "> MAIL FROM:<a@b.c> HOLDUNTIL=2030-01-31T12:00:00Z BY=1;R",
        "< 250",
        NULL};
    (void)state;
    play(lines, all_options());
}

static void test_parameters_of_mail_that_are_wrong(void **state)
{
    static const char *const lines[] = {EHLO_ALL,
                                        "> MAIL FROM:<a@b.c> RET=ALL",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> RET",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> ENVID=",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> ENVID=a=b",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> ENVID=+2",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> ENVID=+zz",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> BY=0;R",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> BY=1",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> BY=x;R",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> BY=1;X",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> HOLDFOR=0",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> HOLDFOR=1x",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> HOLDUNTIL=2030-01-31",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> MT-PRIORITY=10",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> SMTPUTF8=1",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> SIZE=-1",
                                        "< 501 5.5.4 syntax",
                                        "> MAIL FROM:<a@b.c> RET=FULL RET=FULL",
                                        "< 555",
                                        "> MAIL FROM:<a@b.c> REQUIRETLS",
                                        "< 555",
                                        NULL};
    (void)state;
    play(lines, all_options());
}

static void test_parameters_of_rcpt_that_are_wrong(void **state)
{
    static const char *const lines[] = {EHLO_ALL,
                                        "> MAIL FROM:<a@b.c>",
                                        "< 250",
                                        "> RCPT TO:<d@e.f> NOTIFY=",
                                        "< 501 5.5.4 syntax",
                                        "> RCPT TO:<d@e.f> NOTIFY=NEVER,DELAY",
                                        "< 501 5.5.4 syntax",
                                        "> RCPT TO:<d@e.f> NOTIFY=SOON",
                                        "< 501 5.5.4 syntax",
                                        "> RCPT TO:<d@e.f> NOTIFY=DELAY,",
                                        "< 501 5.5.4 syntax",
                                        "> RCPT TO:<d@e.f> ORCPT=d@e.f",
                                        "< 501 5.5.4 syntax",
                                        "> RCPT TO:<d@e.f> ORCPT=rfc822;",
                                        "< 501 5.5.4 syntax",
                                        "> RCPT TO:<d@e.f> ORCPT=;x",
                                        "< 501 5.5.4 syntax",
                                        "> RCPT TO:<d@e.f> XYZZY=1",
                                        "< 555",
                                        NULL};
    (void)state;
    play(lines, all_options());
}

static void test_parameters_are_kept_with_the_message(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, all_options());
    send_text(&f, "EHLO me\r\nMAIL FROM:<a@b.c>  RET=HDRS ENVID=x\r\nRCPT TO:<d@e.f> "
                  "NOTIFY=NEVER\r\nRCPT TO:<g@h.i>\r\nDATA\r\n.\r\n");
    assert_int_equal(tdm_server_session_next(&f.session), TDM_SERVER_MESSAGE);
    assert_string_equal(f.session.mail_parameters, "RET=HDRS ENVID=x");
    assert_string_equal(f.session.recipients.parameters[0], "NOTIFY=NEVER");
    assert_string_equal(f.session.recipients.parameters[1], "");
    fixture_close(&f);
}

static void test_requiretls_is_offered_under_tls_alone(void **state)
{
    struct tdm_server_options options = all_options();
    struct fixture f;
    (void)state;
    options.encrypted = 1;
    fixture_open(&f, options);
    send_text(&f, "EHLO me\r\n");
    assert_non_null(strstr(tdm_buf_text(&f.said), "250-REQUIRETLS\r\n"));
    tdm_buf_reset(&f.said);
    send_text(&f, "MAIL FROM:<a@b.c> REQUIRETLS=1\r\nMAIL FROM:<a@b.c> AUTH=\r\n"
                  "MAIL FROM:<a@b.c> AUTH=<> REQUIRETLS\r\n");
    expect_line(&f, "501 5.5.4", 0);
    expect_line(&f, "501 5.5.4", 0);
    expect_line(&f, "250 2.1.0", 0);
    fixture_close(&f);
}

static struct tdm_server_options lmtp_options(void)
{
    struct tdm_server_options options = all_options();
    options.lmtp = 1;
    return options;
}

#define LHLO                                                                                       \
    "> LHLO me", "= 250-test.example", "= 250-PIPELINING", "= 250-SIZE 1000", "= 250-8BITMIME",    \
        "= 250-SMTPUTF8", "= 250-STARTTLS", "= 250-CHUNKING", "= 250-BINARYMIME", "= 250-DSN",     \
        "= 250-DELIVERBY", "= 250-FUTURERELEASE 31536000 2099-12-31T23:59:59Z",                    \
        "= 250-MT-PRIORITY", "= 250-LIMITS RCPTMAX=1000", "= 250 ENHANCEDSTATUSCODES"

static void test_lmtp_answers_for_each_recipient(void **state)
{
    static const char *const lines[] = {"> EHLO me",
                                        "< 500 5.5.1 this is LMTP",
                                        "> HELO me",
                                        "< 500",
                                        "> MAIL FROM:<a@b.c>",
                                        "< 503",
                                        "> LHLO",
                                        "< 501 5.5.4 syntax: LHLO",
                                        LHLO,
                                        "> MAIL FROM:<a@b.c>",
                                        "< 250",
                                        "> DATA",
                                        "< 503 5.5.1 no valid",
                                        "+ BDAT 0 LAST\r\n",
                                        "< 503 5.5.1 no valid",
                                        "> RCPT TO:<d@e.f>",
                                        "< 250",
                                        "> RCPT TO:<bad>",
                                        "< 501",
                                        "> RCPT TO:<g@h.i>",
                                        "< 250",
                                        "> DATA",
                                        "< 354",
                                        "+ x\r\n.\r\n",
                                        "@message x\r\n",
                                        "= 250 2.0.0 <d@e.f> message kept",
                                        "= 250 2.0.0 <g@h.i> message kept",
                                        ENVELOPE,
                                        "+ BDAT 1\r\nx",
                                        "< 250 2.0.0 1 bytes",
                                        "+ BDAT 1 LAST\r\ny",
                                        "@message xy",
                                        "< 250 2.0.0 <d@e.f>",
                                        "< 250 2.0.0 <g@h.i>",
                                        "> QUIT",
                                        "< 221",
                                        "@close",
                                        NULL};
    (void)state;
    play(lines, lmtp_options());
}

static void test_smtp_refuses_lhlo(void **state)
{
    static const char *const lines[] = {"> LHLO me", "< 500 5.5.1 this is SMTP", NULL};
    (void)state;
    play(lines, all_options());
}

/* RFC 5802 5 and RFC 7677 3 */
static struct tdm_server_options scram_options(const char *nonce, const char *salt)
{
    struct tdm_server_options options = usual_options();
    options.auth = "SCRAM-SHA-256-PLUS,SCRAM-SHA-256,SCRAM-SHA-1-PLUS,SCRAM-SHA-1";
    options.user = "user";
    options.password = "pencil";
    options.encrypted = 1;
    options.nonce = nonce;
    options.salt = salt;
    return options;
}

static void test_scram_sha_1_as_in_the_rfc(void **state)
{
    static const char *const lines[] = {
        EHLO_AUTH("SCRAM-SHA-256 SCRAM-SHA-1"),
        "> AUTH SCRAM-SHA-1 biwsbj11c2VyLHI9ZnlrbytkMmxiYkZnT05Sdjlxa3hkYXdM",
        "= 334 "
        "cj1meWtvK2QybGJiRmdPTlJ2OXFreGRhd0wzcmZjTkhZSlkxWlZ2V1ZzN2oscz1RU1hDUitRNnNlazhiZjkyLGk9ND"
        "A5Ng==",
        "> "
        "Yz1iaXdzLHI9ZnlrbytkMmxiYkZnT05Sdjlxa3hkYXdMM3JmY05IWUpZMVpWdldWczdqLHA9djBYOHYzQnoyVDBDSk"
        "diSlF5RjBYK0hJNFRzPQ==",
        "= 334 dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS1E9",
        "> ",
        "< 235 2.7.0",
        NULL};
    (void)state;
    play(lines, scram_options("3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92"));
}

static void test_scram_sha_256_as_in_the_rfc(void **state)
{
    static const char *const lines[] = {
        EHLO_AUTH("SCRAM-SHA-256 SCRAM-SHA-1"),
        "> AUTH SCRAM-SHA-256",
        "= 334 ",
        "> biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=",
        "= 334 "
        "cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c2"
        "9Fc1VFamI2Z1E9PSxpPTQwOTY=",
        "> "
        "Yz1iaXdzLHI9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD1kSHpiWm"
        "FwV0lrNGpVaE4rVXRlOXl0YWc5empmTUhnc3FtbWl6N0FuZFZRPQ==",
        "= 334 dj02cnJpVFJCaTIzV3BSUi93dHVwK21NaFVaVW4vZEI1bkxUSlJzamw5NUc0PQ==",
        "> ",
        "< 235 2.7.0",
        NULL};
    (void)state;
    play(lines, scram_options("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ=="));
}

static void test_scram_refuses_what_is_wrong(void **state)
{
    static const char *const lines[] = {
        EHLO_AUTH("SCRAM-SHA-256 SCRAM-SHA-1"),
        "> AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=",
        "= 334 "
        "cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c2"
        "9Fc1VFamI2Z1E9PSxpPTQwOTY=",
        "> "
        "Yz1iaXdzLHI9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD04djRvcW"
        "doMFhKRGMxMTJpcEtQencwTFZtVFY0WUdwQjQvWWMyOGdZYThjPQ==",
        "< 535 5.7.8 authentication credentials invalid",
        "> AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=",
        "< 334",
        "> Yz1iaXdzLHI9ck9wck5HZndFYmVSV2diTkVrcU8scD1BQUFB",
        "< 535 5.7.8 the nonce is another one",
        "> AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=",
        "< 334",
        "> "
        "Yz1lU3dzLHI9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD1BQUFB",
        "< 535 5.7.8 the channel bindings do not match",
        "> AUTH SCRAM-SHA-256 biwsbT14LG49dXNlcixyPWFiYw==",
        "< 535 5.7.8 the first SCRAM message is malformed",
        "> AUTH SCRAM-SHA-256 eCwsbj11c2VyLHI9YWJj",
        "< 535 5.7.8 the GS2 header is malformed",
        "> AUTH SCRAM-SHA-256 cD10bHMtZXhwb3J0ZXIsLG49dXNlcixyPWFiYw==",
        "< 535 5.7.8 a channel binding without a -PLUS",
        "> AUTH SCRAM-SHA-256-PLUS cD10bHMtZXhwb3J0ZXIsLG49dXNlcixyPXJPcHJOR2Z3RWJlUldnYk5Fa3FP",
        "< 504",
        "> AUTH PLAIN",
        "< 504",
        NULL};
    (void)state;
    play(lines, scram_options("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ=="));
}

static void play_bound(const char *const *lines, struct tdm_server_options options)
{
    struct tdm_server_tls facts;
    struct fixture f;
    memset(&facts, 0, sizeof(facts));
    for (size_t i = 0; i < sizeof(facts.exporter); i++) {
        facts.exporter[i] = (unsigned char)i;
    }
    facts.exporter_length = sizeof(facts.exporter);
    memset(facts.end_point, 0x55, 32);
    facts.end_point_length = 32;
    strcpy(facts.identity, "client");
    fixture_open(&f, options);
    tdm_server_session_tls_facts(&f.session, &facts);
    take_output(&f);
    expect_line(&f, "220 ", 0);
    for (size_t i = 0; lines[i] != NULL; i++) {
        play_line(&f, lines[i], 0);
    }
    assert_string_equal(tdm_buf_text(&f.said), "");
    fixture_close(&f);
}

static void test_scram_plus(void **state)
{
    static const char *const exporter[] = {
        EHLO_AUTH("SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1"),
        "> AUTH SCRAM-SHA-256-PLUS cD10bHMtZXhwb3J0ZXIsLG49dXNlcixyPXJPcHJOR2Z3RWJlUldnYk5Fa3FP",
        "= 334 "
        "cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c2"
        "9Fc1VFamI2Z1E9PSxpPTQwOTY=",
        "> "
        "Yz1jRDEwYkhNdFpYaHdiM0owWlhJc0xCOGVIUndiR2hrWUZ4WVZGQk1TRVJBUERnME1Dd29KQ0FjR0JRUURBZ0VBLH"
        "I9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD0yQUZMRE9YTXIvYnpS"
        "R2w2QVZEbjkyTElaZWVINVVKTEVSV3E2MTAzR3ZZPQ==",
        "< 535 5.7.8 the channel bindings",
        "> AUTH SCRAM-SHA-256-PLUS biwsbj11c2VyLHI9YWJj",
        "< 535 5.7.8 a -PLUS mechanism without",
        "> AUTH SCRAM-SHA-256 eSwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=",
        "< 535 5.7.8 the client saw no -PLUS",
        "> AUTH SCRAM-SHA-256-PLUS cD10bHMtdW5pcXVlLCxuPXVzZXIscj1hYmM=",
        "< 535 5.7.8 this channel binding cannot be had",
        "> AUTH SCRAM-SHA-256-PLUS cD10bHMtZXhwb3J0ZXIsLG49dXNlcixyPXJPcHJOR2Z3RWJlUldnYk5Fa3FP",
        "= 334 "
        "cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c2"
        "9Fc1VFamI2Z1E9PSxpPTQwOTY=",
        "> "
        "Yz1jRDEwYkhNdFpYaHdiM0owWlhJc0xBQUJBZ01FQlFZSENBa0tDd3dORGc4UUVSSVRGQlVXRnhnWkdoc2NIUjRmLH"
        "I9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD1RQzZDUzIwcXVBRFFS"
        "YjNtVDk5WVVIK24zVkp4VXZ6dUswSzBFMVZyczJNPQ==",
        "= 334 dj0yR2lBZ2FwRXBwTFZsVVhieFVEa3NMM1ZnWUh6dXFpSzV0UjRtaEpHZ3ZzPQ==",
        "> ",
        "< 235",
        NULL};
    static const char *const end_point[] = {
        EHLO_AUTH("SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1"),
        "> AUTH SCRAM-SHA-1-PLUS "
        "cD10bHMtc2VydmVyLWVuZC1wb2ludCwsbj11c2VyLHI9ZnlrbytkMmxiYkZnT05Sdjlxa3hkYXdM",
        "= 334 "
        "cj1meWtvK2QybGJiRmdPTlJ2OXFreGRhd0wzcmZjTkhZSlkxWlZ2V1ZzN2oscz1RU1hDUitRNnNlazhiZjkyLGk9ND"
        "A5Ng==",
        "> "
        "Yz1jRDEwYkhNdGMyVnlkbVZ5TFdWdVpDMXdiMmx1ZEN3c1ZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVl"
        "ZWVlZWVlZWVlU9LHI9ZnlrbytkMmxiYkZnT05Sdjlxa3hkYXdMM3JmY05IWUpZMVpWdldWczdqLHA9NldMMlB3c3FK"
        "M0xMRE1tdEdIdEIrbVZOMzE4PQ==",
        "= 334 dj1FUVpxcFF0MGlhbWFkNVovcWdWS28yRkFBUHc9",
        "> ",
        "< 235",
        NULL};
    (void)state;
    play_bound(exporter,
               scram_options("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ=="));
    play_bound(end_point, scram_options("3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92"));
}

static void test_external_by_certificate(void **state)
{
    static const char *const none[] = {"> EHLO me",
                                       "= 250-test.example",
                                       "= 250-PIPELINING",
                                       "= 250-SIZE 1000",
                                       "= 250-8BITMIME",
                                       "= 250-SMTPUTF8",
                                       "= 250 ENHANCEDSTATUSCODES",
                                       "> AUTH EXTERNAL =",
                                       "< 504",
                                       NULL};
    static const char *const lines[] = {EHLO_AUTH("EXTERNAL"),
                                        "> AUTH EXTERNAL cm9vdA==",
                                        "< 535 5.7.8",
                                        "> AUTH EXTERNAL Y2xpZW50",
                                        "< 235",
                                        NULL};
    static const char *const empty[] = {EHLO_AUTH("EXTERNAL"), "> AUTH EXTERNAL =", "< 235", NULL};
    struct tdm_server_options options = usual_options();
    (void)state;
    options.auth = "EXTERNAL";
    options.encrypted = 1;
    play(none, options);
    play_bound(lines, options);
    play_bound(empty, options);
}

static struct tdm_server_options login_options(const char *auth)
{
    struct tdm_server_options options = usual_options();
    options.auth = auth;
    options.user = "ann,x=y";
    options.password = "sesame";
    options.encrypted = 1;
    options.nonce = "nonce";
    return options;
}

static void test_cram_md5(void **state)
{
    static const char *const lines[] = {
        EHLO_AUTH("CRAM-MD5"),
        "> AUTH CRAM-MD5 x",
        "< 501",
        "> AUTH CRAM-MD5",
        "= 334 PG5vbmNlQHRlc3QuZXhhbXBsZT4=",
        "> YW5uLHg9eSA0MmE1NjY4NTZiNmIyMWUwNGQ3ZWJiMzQwMDFmMmNhNw==",
        "< 535",
        "> AUTH CRAM-MD5",
        "< 334",
        "> Ym9iIGM2NWJhNTg4MmIzNTk1ZGQ0YzM5ZTAwOThiMjQyNTYw",
        "< 535",
        "> AUTH CRAM-MD5",
        "< 334",
        "> YW5u",
        "< 501",
        "> AUTH CRAM-MD5",
        "< 334",
        "> YW5uLHg9eSBjNjViYTU4ODJiMzU5NWRkNGMzOWUwMDk4YjI0MjU2MA==",
        "< 235",
        NULL};
    (void)state;
    play(lines, login_options("CRAM-MD5"));
}

static void test_xoauth2(void **state)
{
    static const char *const lines[] = {
        EHLO_AUTH("XOAUTH2"),
        "> AUTH XOAUTH2 dXNlcj1hbm4seD15AWF1dGg9QmVhcmVyIG9sZAEB",
        "= 334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIiwic2NvcGUiOiJtYWlsIn0=",
        "> ",
        "< 535 5.7.8",
        "> AUTH XOAUTH2 dXNlcj1hbm4B",
        "< 501",
        "> AUTH XOAUTH2 dXNlcj1hbm4seD15AWF1dGg9QmVhcmVyIHNlc2FtZQEB",
        "< 235",
        NULL};
    (void)state;
    play(lines, login_options("XOAUTH2"));
}

static void test_oauthbearer(void **state)
{
    static const char *const lines[] = {
        EHLO_AUTH("OAUTHBEARER"),
        "> AUTH OAUTHBEARER bixhPWFubj0yQ3g9M0R5LAFob3N0PXgBcG9ydD0yNQFhdXRoPUJlYXJlciBvbGQBAQ==",
        "= 334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJtYWlsIn0=",
        "> AQ==",
        "< 535 5.7.8",
        "> AUTH OAUTHBEARER bixhPWJvYiwBaG9zdD14AXBvcnQ9MjUBYXV0aD1CZWFyZXIgc2VzYW1lAQE=",
        "< 334",
        "> ",
        "< 501",
        "> AUTH OAUTHBEARER bixhPWFubgFhdXRoPUJlYXJlciB4AQE=",
        "< 501",
        "> AUTH OAUTHBEARER "
        "bixhPWFubj0yQ3g9M0R5LAFob3N0PXgBcG9ydD0yNQFhdXRoPUJlYXJlciBzZXNhbWUBAQ==",
        "< 235",
        NULL};
    (void)state;
    play(lines, login_options("OAUTHBEARER"));
}

static void test_the_mechanisms_that_are_offered(void **state)
{
    static const char *const any[] = {EHLO_AUTH("PLAIN LOGIN OAUTHBEARER XOAUTH2"), NULL};
    static const char *const known[] = {
        EHLO_AUTH("SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN LOGIN "
                  "CRAM-MD5 OAUTHBEARER XOAUTH2 EXTERNAL"),
        NULL};
    struct tdm_server_options options = usual_options();
    const char *unknown = NULL;
    int needs_password = 0;
    (void)state;
    options.auth = NULL;
    options.encrypted = 1;
    play(any, options); /* SCRAM and CRAM-MD5 cannot say yes to a password that nobody knows */
    options.user = options.password = "x";
    play_bound(known, options);
    assert_int_equal(tdm_server_check_mechanisms("login,PLAIN", &needs_password, &unknown), 0);
    assert_int_equal(needs_password, 0);
    assert_int_equal(tdm_server_check_mechanisms("PLAIN,CRAM-MD5", &needs_password, &unknown), 0);
    assert_int_equal(needs_password, 1);
    assert_int_equal(tdm_server_check_mechanisms("PLAIN,NTLM", &needs_password, &unknown), -1);
    assert_string_equal(unknown, "NTLM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_chunks_out_of_order),
        cmocka_unit_test(test_chunks_over_the_limit),
        cmocka_unit_test(test_binary_messages_go_by_chunks),
        cmocka_unit_test(test_what_is_hidden_is_not_understood),
        cmocka_unit_test(test_parameters_that_are_good),
        cmocka_unit_test(test_parameters_of_mail_that_are_wrong),
        cmocka_unit_test(test_parameters_of_rcpt_that_are_wrong),
        cmocka_unit_test(test_parameters_are_kept_with_the_message),
        cmocka_unit_test(test_requiretls_is_offered_under_tls_alone),
        cmocka_unit_test(test_lmtp_answers_for_each_recipient),
        cmocka_unit_test(test_smtp_refuses_lhlo),
        cmocka_unit_test(test_scram_sha_1_as_in_the_rfc),
        cmocka_unit_test(test_scram_sha_256_as_in_the_rfc),
        cmocka_unit_test(test_scram_refuses_what_is_wrong),
        cmocka_unit_test(test_scram_plus),
        cmocka_unit_test(test_external_by_certificate),
        cmocka_unit_test(test_cram_md5),
        cmocka_unit_test(test_xoauth2),
        cmocka_unit_test(test_oauthbearer),
        cmocka_unit_test(test_the_mechanisms_that_are_offered),
    };
    return cmocka_run_group_tests_name("session extensions", tests, NULL, NULL);
}
