/*
 * fuzz_engine.c: the whole engine against a server that says anything, at any time, in any pieces.
 *
 * Input: six bytes of options (engine_setup), then events, each a letter and what it needs:
 *
 *     L text LF     all output is taken, then the line arrives
 *     P n bytes     a piece of the server's bytes arrives
 *     A             all output is taken       C n   n bytes of it are taken
 *     T n           n * 100 ms pass           D     the next deadline passes
 *     S             the handshake is done     B     the TLS layer can bind
 *     E  F          end of file, the driver fails
 *     M  Q          another message, no more messages
 *
 * What must hold is in engine_check_report and engine_settle: one report for each message, no "sent"
 * that no reply stands for, no "unknown" before the end was handed over, an end to every wait, and
 * no secret in anything that is shown.
 */
#include <tidymail/smtp.h>

#include "devserver/replay.h"
#include "fuzz_input.h"

#define START_MS 1000000
#define MESSAGES 4
#define EVENTS_MAX 1000
#define ROUNDS_MAX 100000
#define LONG_TEXT ((size_t)70000)

static const char password[] = "Sesame7uLx9";
static const char *const secrets[] = {"Sesame7uLx9", "U2VzYW1lN3VMeDk", "AGJlbmNoAFNlc2FtZTd1THg5"};
static const char *const recipients[] = {"ann@example.org", "bob@example.org",
                                         "\"c d\"@example.org", "d\xc3\xb6rte@example.org"};

/* What the server has said, line by line. */
struct server_said {
    char line[8];
    size_t length;       /* of the line so far */
    size_t reply_length; /* of the reply so far */
    int odd;             /* something that is no reply, or may be too long for one */
    int negative;        /* a reply of 4xx or 5xx was complete */
    int logged_in;       /* 235 was */
};

struct message {
    char needle[32]; /* the last words of its text */
    struct tdm_buf text;
    size_t read;
    int fails;
    int submitted;
    int released;
    int reported;
    int handed_over;
    int first_answer; /* the first reply after that; 0: none */
    size_t accepted;  /* replies of 2xx after that */
};

struct engine {
    tidymail_smtp *smtp;
    tidymail_smtp_options options;
    tidymail_smtp_envelope envelope;
    struct fuzz_memory memory;
    struct message messages[MESSAGES];
    size_t count;
    int64_t now;
    struct tdm_buf sent;
    struct server_said said;
    int start_tls;
    int encrypted;
    int closed;
    int submitted_late;
    int chunks; /* BDAT may be used */
};

static void engine_no_secret(const struct engine *engine, const char *text, size_t length,
                             const char *where)
{
    /* without credentials those words mean nothing */
    for (size_t i = 0; engine->options.user != NULL && i < sizeof(secrets) / sizeof(secrets[0]);
         i++) {
        FUZZ_CHECK_SHOW(!fuzz_holds(text, length, secrets[i]), "no secret is shown", where);
    }
}

static void engine_trace(void *context, const tidymail_smtp_trace *line)
{
    engine_no_secret(context, line->text, line->length, "in the transcript");
}

static ptrdiff_t message_read(void *context, void *buffer, size_t capacity)
{
    struct message *message = context;
    size_t left = message->text.length - message->read;
    size_t take = left < capacity ? left : capacity;
    if (message->fails && message->read > 0) {
        return -1;
    }
    take = take > 11 && message->text.length < 200 ? 11 : take;
    memcpy(buffer, message->text.data + message->read, take);
    message->read += take;
    return (ptrdiff_t)take;
}

static int message_rewind(void *context)
{
    struct message *message = context;
    message->read = 0;
    return 0;
}

static void message_release(void *context)
{
    struct message *message = context;
    message->released++;
}

static void engine_make_message(struct engine *engine, size_t index, int kind)
{
    static const char *const texts[] = {"Subject: a\r\n\r\nfirst\r\n.\r\n..x\r\n",
                                        "a\rb\nc\r\r\n.\n", "", "x"};
    struct message *message = &engine->messages[index];
    tdm_buf_init(&message->text, NULL, LONG_TEXT * 2);
    tdm_buf_add_str(&message->text, texts[kind]);
    while (kind == 3 && message->text.length < LONG_TEXT) {
        tdm_buf_add_str(&message->text, "0123456789012345678901234567890123456789\r\n");
    }
    tdm_buf_addf(&message->text, "\r\nEnd-of-%z", index);
    memcpy(message->needle, "End-of-0", 9);
    message->needle[7] = (char)('0' + index);
}

static void engine_setup(struct engine *engine, struct fuzz_input *input)
{
    static const char *const mechanisms[] = {
        NULL,      "PLAIN",       "LOGIN",   "CRAM-MD5", "SCRAM-SHA-256-PLUS,SCRAM-SHA-256",
        "XOAUTH2", "OAUTHBEARER", "EXTERNAL"};
    uint8_t b[6];
    for (size_t i = 0; i < sizeof(b); i++) {
        b[i] = fuzz_byte(input);
    }
    tidymail_smtp_options options = TIDYMAIL_SMTP_OPTIONS_INIT;
    tidymail_smtp_envelope envelope = TIDYMAIL_SMTP_ENVELOPE_INIT;
    options.server = "mx.example:587";
    options.tls = b[0] & 3;
    options.cleartext_auth = (b[0] & 4) != 0;
    options.no_pipelining = (b[0] & 8) != 0;
    options.no_initial_response = (b[0] & 16) != 0;
    options.no_partial = (b[0] & 32) != 0;
    options.lmtp = (b[0] & 64) != 0;
    options.chunking = (b[0] & 128) != 0;
    options.auth = mechanisms[b[1] & 7];
    options.user = (b[1] & 8) != 0 ? "bench" : NULL;
    options.password = (b[1] & 8) != 0 ? password : NULL;
    options.nonce = (b[1] & 16) != 0 ? "fyko-d2lbbFgONRv9qkxdawL" : NULL;
    options.max_line = (b[1] & 32) != 0 ? 300 : 0;
    options.max_reply = (b[1] & 32) != 0 ? 1000 : 0;
    options.trace = engine_trace;
    options.trace_context = engine;
    envelope.from = "sender@example.com";
    envelope.recipients = recipients;
    envelope.recipient_count = (size_t)((b[2] >> 2) & 3) + 1;
    envelope.utf8 = (b[2] & 16) != 0;
    envelope.body_8bit = (b[2] & 32) != 0;
    envelope.body_binary = (b[2] & 64) != 0;
    envelope.deadline_ms = (b[2] & 128) != 0 ? START_MS + 60000 : 0;
    envelope.dsn_notify = (b[3] & 1) != 0 ? "SUCCESS,FAILURE" : NULL;
    envelope.dsn_ret = (b[3] & 1) != 0 ? "HDRS" : NULL;
    envelope.dsn_envid = (b[3] & 1) != 0 ? "id+1=" : NULL;
    envelope.require_tls = (b[3] & 2) != 0;
    envelope.deliver_by_s = (b[3] & 4) != 0 ? 120 : 0;
    envelope.deliver_by_mode = 'R';
    envelope.hold_for_s = (b[3] & 8) != 0 ? 60 : 0;
    envelope.has_priority = (b[3] & 16) != 0;
    envelope.priority = -3;
    envelope.size = (b[3] & 64) != 0 ? -1 : 100;
    engine->options = options;
    engine->envelope = envelope;
    engine->count = (size_t)(b[2] & 3) + 1;
    engine->chunks = options.chunking || envelope.body_binary;
    engine->now = START_MS;
    engine->memory.fail_at = (size_t)b[4] + ((size_t)(b[5] & 14) << 7);
    engine->memory.onwards = b[5] & 1;
    tdm_buf_init(&engine->sent, NULL, (size_t)64 << 20);
    for (size_t i = 0; i < MESSAGES; i++) {
        engine_make_message(engine, i, (b[5] >> 4) & 3);
        engine->messages[i].fails = (b[3] & 32) != 0 && i == 0;
    }
}

static void engine_submit(struct engine *engine, size_t index)
{
    struct message *message = &engine->messages[index];
    tidymail_source source = {message_read, message_rewind, NULL, NULL, message_release, message};
    int kind = tidymail_smtp_submit(engine->smtp, &engine->envelope, &source, message, engine->now);
    message->submitted = kind == TIDYMAIL_OK;
    FUZZ_CHECK(kind == TIDYMAIL_OK || engine->memory.fail_at > 0, "only memory can fail here");
    engine->submitted_late |= engine->closed;
}

/* The report of a message against what went over the wire. */
static void engine_check_report(struct engine *engine, struct message *message,
                                const tidymail_report *report)
{
    int outcome = tidymail_report_outcome(report);
    size_t sent = 0;
    for (size_t i = 0; i < tidymail_report_recipient_count(report); i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        sent += tidymail_recipient_outcome(recipient) == TIDYMAIL_SENT;
        FUZZ_CHECK(tidymail_recipient_outcome(recipient) != TIDYMAIL_UNKNOWN ||
                       message->handed_over,
                   "unknown only once the end was handed over");
    }
    FUZZ_CHECK(sent == 0 || message->handed_over, "sent only once the end was handed over");
    FUZZ_CHECK(sent == 0 || message->accepted >= (engine->options.lmtp ? sent : 1),
               "sent only where the server said so, complete, after the end");
    FUZZ_CHECK((outcome == TIDYMAIL_SENT) == (sent == engine->envelope.recipient_count),
               "sent if all recipients were");
    FUZZ_CHECK(outcome != TIDYMAIL_PARTIAL || sent > 0, "partial only if one was sent");
    FUZZ_CHECK(outcome == TIDYMAIL_SENT ||
                   tidymail_error_kind(tidymail_report_error(report)) != TIDYMAIL_OK,
               "what is not sent has an error");
    int clear = !engine->said.odd && !engine->options.lmtp && !engine->chunks &&
                engine->memory.fail_at == 0 && message->handed_over;
    FUZZ_CHECK(!clear || message->first_answer / 100 != 2 || sent > 0,
               "an acceptance after the end is believed");
    FUZZ_CHECK(!clear || message->first_answer < 400 || outcome == TIDYMAIL_FAILED,
               "a refusal after the end is believed");
    FUZZ_CHECK(!clear || outcome != TIDYMAIL_FAILED || engine->said.negative,
               "failed after the end only where the server said so");
    struct tdm_buf words;
    tdm_buf_init(&words, NULL, (size_t)16 << 20);
    tdm_replay_describe(report, &words);
    engine_no_secret(engine, tdm_buf_text(&words), words.length, "in the report");
    tdm_buf_clear(&words);
}

static void engine_events(struct engine *engine)
{
    const tidymail_smtp_event *event;
    int count = 0;
    while ((event = tidymail_smtp_next(engine->smtp)) != NULL) {
        FUZZ_CHECK(++count < EVENTS_MAX, "events end");
        FUZZ_CHECK(!engine->closed || engine->submitted_late, "nothing follows CLOSE");
        if (event->type == TIDYMAIL_SMTP_REPORT) {
            struct message *message = event->context;
            FUZZ_CHECK(event->report != NULL, "a REPORT event has a report");
            FUZZ_CHECK(message->submitted && !message->reported, "one report for each message");
            message->reported = 1;
            tidymail_report *report = event->report;
            engine_check_report(engine, message, report);
            tidymail_report_free(report);
        }
        engine->start_tls |= event->type == TIDYMAIL_SMTP_START_TLS;
        engine->closed |= event->type == TIDYMAIL_SMTP_CLOSE;
    }
}

/* Commands that may not have been written yet. */
static void engine_check_order(const struct engine *engine, size_t from)
{
    const char *text = engine->sent.data + from;
    size_t length = engine->sent.length - from;
    int mail = fuzz_holds(text, length, "MAIL FROM:");
    int auth = fuzz_holds(text, length, "AUTH ");
    int tls = engine->options.tls;
    int required = tls == TIDYMAIL_SMTP_TLS_STARTTLS || tls == TIDYMAIL_SMTP_TLS_IMPLICIT;
    FUZZ_CHECK(!mail || engine->encrypted || !required, "no MAIL before the TLS that is required");
    FUZZ_CHECK(!auth || engine->encrypted || engine->options.cleartext_auth,
               "no AUTH in clear unless allowed");
    FUZZ_CHECK(!mail || engine->options.user == NULL || engine->said.logged_in,
               "no MAIL without the login asked for");
}

/* `limit` bytes of output at most are taken. */
static void engine_take(struct engine *engine, size_t limit)
{
    const void *bytes;
    size_t length;
    int rounds = 0;
    while (limit > 0 && tidymail_smtp_output(engine->smtp, &bytes, &length)) {
        FUZZ_CHECK(++rounds < ROUNDS_MAX, "output ends");
        FUZZ_CHECK(length > 0, "output is never empty");
        FUZZ_CHECK(!engine->closed, "no output after CLOSE");
        FUZZ_CHECK(!engine->start_tls, "no output during the handshake");
        size_t take = length < limit ? length : limit;
        size_t before = engine->sent.length > 128 ? engine->sent.length - 128 : 0;
        tdm_buf_add(&engine->sent, bytes, take);
        engine_check_order(engine, before);
        for (size_t i = 0; i < MESSAGES; i++) {
            struct message *message = &engine->messages[i];
            struct tdm_buf end;
            tdm_buf_init(&end, NULL, 64);
            tdm_buf_addf(&end, "%s%s", message->needle, engine->chunks ? "" : "\r\n.\r\n");
            message->handed_over |= fuzz_holds(engine->sent.data + before,
                                               engine->sent.length - before, tdm_buf_text(&end));
            tdm_buf_clear(&end);
        }
        tidymail_smtp_consume(engine->smtp, take, engine->now);
        limit -= take;
        engine_events(engine);
    }
}

static void engine_reply_complete(struct engine *engine, int code)
{
    engine->said.negative |= code >= 400;
    engine->said.logged_in |= code == 235;
    for (size_t i = 0; i < MESSAGES; i++) {
        struct message *message = &engine->messages[i];
        if (message->handed_over && !message->reported) {
            message->accepted += code / 100 == 2;
            message->first_answer = message->first_answer != 0 ? message->first_answer : code;
        }
    }
}

/* One byte of the server's, before the engine has it. */
static void engine_note_byte(struct engine *engine, char c)
{
    struct server_said *said = &engine->said;
    said->reply_length++;
    if (c != '\n') {
        if (said->length < sizeof(said->line)) {
            said->line[said->length] = c;
        }
        said->length++;
        said->odd |= said->length > 250 || said->reply_length > 900;
        return;
    }
    const char *line = said->line;
    size_t length = said->length;
    said->length = 0;
    length -= length > 0 && length <= sizeof(said->line) && line[length - 1] == '\r';
    int code = 0;
    for (size_t i = 0; i < 3; i++) {
        if (length < 3 || line[i] < '0' || line[i] > '9') {
            said->odd = 1;
            return;
        }
        code = code * 10 + (line[i] - '0');
    }
    if (code < 200 || code > 599 || (length > 3 && line[3] != ' ' && line[3] != '-')) {
        said->odd = 1;
    } else if (length == 3 || line[3] == ' ') {
        said->reply_length = 0;
        engine_reply_complete(engine, code);
    }
}

static void engine_feed(struct engine *engine, const char *bytes, size_t length)
{
    char *copy = fuzz_copy(bytes, length);
    for (size_t i = 0; i < length; i++) {
        engine_note_byte(engine, bytes[i]);
    }
    tidymail_smtp_feed(engine->smtp, copy, length, engine->now);
    fuzz_free(copy);
}

static void engine_pass_time(struct engine *engine, int64_t to)
{
    engine->now = to > engine->now ? to : engine->now;
    tidymail_smtp_tick(engine->smtp, engine->now);
}

/* What holds between any two events. */
static void engine_settle(struct engine *engine)
{
    engine_events(engine);
    tidymail_smtp_tick(engine->smtp, engine->now);
    engine_events(engine);
    int64_t deadline = tidymail_smtp_deadline(engine->smtp);
    FUZZ_CHECK(deadline == -1 || deadline > engine->now, "no deadline stays in the past");
    FUZZ_CHECK(!engine->closed || !tidymail_smtp_usable(engine->smtp), "closed is not usable");
    int open = 0;
    for (size_t i = 0; i < MESSAGES; i++) {
        open |= engine->messages[i].submitted && !engine->messages[i].reported;
    }
    FUZZ_CHECK(!open || deadline >= 0, "while a message is under way a deadline runs");
}

static void engine_tls_done(struct engine *engine)
{
    if (engine->start_tls) {
        engine->start_tls = 0;
        if (!engine->closed) {
            engine->encrypted = 1;
        }
        tidymail_smtp_tls_done(engine->smtp, "TLSv1.3", "TLS_AES_128_GCM_SHA256", engine->now);
    }
}

static void engine_step(struct engine *engine, struct fuzz_input *input)
{
    const char *bytes;
    size_t length;
    switch (fuzz_byte(input)) {
    case 'L':
        engine_take(engine, SIZE_MAX);
        length = fuzz_line(input, &bytes);
        engine_feed(engine, bytes, length);
        break;
    case 'P':
        length = fuzz_bytes(input, fuzz_byte(input), &bytes);
        engine_feed(engine, bytes, length);
        break;
    case 'A':
        engine_take(engine, SIZE_MAX);
        break;
    case 'C':
        engine_take(engine, fuzz_byte(input));
        break;
    case 'T':
        engine_pass_time(engine, engine->now + (int64_t)fuzz_byte(input) * 100);
        break;
    case 'D':
        engine_pass_time(engine, tidymail_smtp_deadline(engine->smtp));
        break;
    case 'S':
        engine_tls_done(engine);
        break;
    case 'B':
        tidymail_smtp_tls_binding(engine->smtp, "tls-exporter", "0123456789abcdef", 16);
        break;
    case 'E':
        tidymail_smtp_end_of_file(engine->smtp, NULL, engine->now);
        break;
    case 'F':
        tidymail_smtp_fail(engine->smtp, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_TLS, 0,
                           "the handshake failed", NULL, engine->now);
        break;
    case 'M':
        if (engine->count < MESSAGES) {
            engine_submit(engine, engine->count++);
        }
        break;
    case 'Q':
        tidymail_smtp_quit(engine->smtp, engine->now);
        break;
    default:
        break;
    }
}

/* The server falls silent, or closes; or the caller gives up. */
static void engine_end(struct engine *engine, int how)
{
    if (how == 0) {
        tidymail_smtp_end_of_file(engine->smtp, "Connection reset by peer", engine->now);
        engine_events(engine);
    }
    for (int rounds = 0; how == 1 && tidymail_smtp_deadline(engine->smtp) >= 0; rounds++) {
        FUZZ_CHECK(rounds < EVENTS_MAX, "a silent server is given up");
        engine_pass_time(engine, tidymail_smtp_deadline(engine->smtp));
        engine_settle(engine);
    }
    tidymail_smtp_free(engine->smtp);
    for (size_t i = 0; i < MESSAGES; i++) {
        const struct message *message = &engine->messages[i];
        FUZZ_CHECK(message->released == message->submitted, "each source is released once");
        FUZZ_CHECK(how == 2 || message->reported == message->submitted,
                   "each message has its report in the end");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct engine engine;
    memset(&engine, 0, sizeof(engine));
    int how = size > 1 ? data[1] >> 6 : 0;
    engine_setup(&engine, &input);
    tidymail_allocator allocator = fuzz_allocator(&engine.memory);
    engine.smtp = tidymail_smtp_new_with(&engine.options, engine.now, &allocator);
    if (engine.smtp != NULL) {
        for (size_t i = 0; i < engine.count; i++) {
            engine_submit(&engine, i);
        }
        tidymail_smtp_connected(engine.smtp, engine.now);
        while (input.left > 0) {
            engine_settle(&engine);
            engine_step(&engine, &input);
        }
        engine_settle(&engine);
        engine_end(&engine, how % 3);
    }
    for (size_t i = 0; i < MESSAGES; i++) {
        tdm_buf_clear(&engine.messages[i].text);
    }
    tdm_buf_clear(&engine.sent);
    FUZZ_CHECK(engine.memory.live == 0, "nothing leaks");
    return 0;
}
