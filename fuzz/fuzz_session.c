/*
 * fuzz_session.c: the test server against a client that says anything. First byte: options; then
 * events as in fuzz_engine.c: L line, P piece, C n bytes are taken, S the handshake is done, Y and N
 * the message is kept or not, T time, D the deadline.
 */
#include "devserver/server_session.h"
#include "fuzz_input.h"

#define SIZE_LIMIT ((int64_t)2000)

struct session {
    struct tdm_server_session server;
    struct tdm_server_options options;
    struct tdm_buf said;
    int64_t now;
};

/* Every line the server says is a reply. */
static void session_check_replies(struct session *session)
{
    for (;;) {
        const char *text = tdm_buf_text(&session->said);
        const char *end = strchr(text, '\n');
        if (end == NULL) {
            break;
        }
        size_t length = (size_t)(end - text);
        FUZZ_CHECK_SHOW(length >= 5 && text[length - 1] == '\r', "a line ends in CRLF", text);
        FUZZ_CHECK_SHOW(text[0] >= '2' && text[0] <= '5' && text[1] >= '0' && text[1] <= '9' &&
                            text[2] >= '0' && text[2] <= '9' && (text[3] == ' ' || text[3] == '-'),
                        "a line is a reply", text);
        FUZZ_CHECK_SHOW(memchr(text, '\0', length) == NULL, "no NUL in a reply", text);
        tdm_buf_drop(&session->said, length + 1);
    }
}

static void session_take(struct session *session, size_t limit)
{
    const char *bytes;
    size_t length;
    while (limit > 0 && tdm_server_session_output(&session->server, &bytes, &length)) {
        FUZZ_CHECK(length > 0, "output is never empty");
        length = length < limit ? length : limit;
        tdm_buf_add(&session->said, bytes, length);
        tdm_server_session_consume(&session->server, length);
        limit -= length;
    }
    session_check_replies(session);
}

static void session_check(const struct session *session)
{
    const struct tdm_server_session *server = &session->server;
    const struct tdm_server_options *options = &session->options;
    enum tdm_server_event event = tdm_server_session_next(server);
    int tls = options->offer_tls || options->encrypted;
    FUZZ_CHECK(event != TDM_SERVER_START_TLS || (options->offer_tls && !server->encrypted),
               "STARTTLS only where it is offered, and once");
    FUZZ_CHECK(!server->encrypted || tls, "not encrypted without TLS");
    FUZZ_CHECK(server->user == NULL || server->encrypted || options->clear_auth,
               "no login in clear");
    FUZZ_CHECK(server->user == NULL || options->user == NULL ||
                   strcmp(server->user, options->user) == 0,
               "only the one user");
    FUZZ_CHECK(server->from == NULL || server->greeted, "MAIL only after EHLO");
    FUZZ_CHECK(server->from == NULL || server->user != NULL || !options->require_auth,
               "MAIL only after the login");
    FUZZ_CHECK(server->recipients.count == 0 || server->from != NULL, "RCPT only after MAIL");
    FUZZ_CHECK(event != TDM_SERVER_MESSAGE || server->recipients.count > 0,
               "a message has recipients");
    FUZZ_CHECK((int64_t)server->message.length <= SIZE_LIMIT, "a message keeps to its limit");
}

static void session_feed(struct session *session, const char *bytes, size_t length)
{
    char *copy = fuzz_copy(bytes, length);
    tdm_server_session_feed(&session->server, copy, length, session->now);
    fuzz_free(copy);
}

static void session_step(struct session *session, struct fuzz_input *input)
{
    struct tdm_server_session *server = &session->server;
    enum tdm_server_event event = tdm_server_session_next(server);
    const char *bytes;
    size_t length;
    switch (fuzz_byte(input)) {
    case 'L':
        session_take(session, SIZE_MAX);
        length = fuzz_line(input, &bytes);
        session_feed(session, bytes, length);
        break;
    case 'P':
        length = fuzz_bytes(input, fuzz_byte(input), &bytes);
        session_feed(session, bytes, length);
        break;
    case 'C':
        session_take(session, fuzz_byte(input));
        break;
    case 'S':
        session_take(session, SIZE_MAX);
        if (tdm_server_session_next(server) == TDM_SERVER_START_TLS) {
            tdm_server_session_tls_done(server, session->now);
            FUZZ_CHECK(!server->greeted, "TLS forgets the EHLO before it");
            FUZZ_CHECK(server->input.length == 0, "TLS forgets what came before it");
        }
        break;
    case 'Y':
    case 'N':
        if (event == TDM_SERVER_MESSAGE) {
            int more = server->input.length > 0; /* commands that were sent behind the message */
            tdm_server_session_answer(server, input->left % 2 == 0 ? NULL : "the disk is full",
                                      session->now);
            FUZZ_CHECK(more || server->from == NULL, "an answered message is over");
        }
        break;
    case 'T':
        session->now += (int64_t)fuzz_byte(input) * 1000;
        tdm_server_session_tick(server, session->now);
        break;
    case 'D':
        session->now = tdm_server_session_deadline(server) > session->now
                           ? tdm_server_session_deadline(server)
                           : session->now;
        tdm_server_session_tick(server, session->now);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct session session;
    uint8_t flags = fuzz_byte(&input);
    memset(&session, 0, sizeof(session));
    session.now = 1000000;
    session.options.name = "mx.example";
    session.options.offer_tls = flags & 1;
    session.options.encrypted = (flags & 2) != 0;
    session.options.require_auth = (flags & 4) != 0;
    session.options.clear_auth = (flags & 8) != 0;
    session.options.user = (flags & 16) != 0 ? "bench" : NULL;
    session.options.password = (flags & 16) != 0 ? "Sesame7uLx9" : NULL;
    session.options.max_size = SIZE_LIMIT;
    session.options.idle_ms = 300000;
    tdm_buf_init(&session.said, NULL, (size_t)8 << 20);
    if (tdm_server_session_init(&session.server, &session.options, session.now) == 0) {
        while (input.left > 0) {
            session_step(&session, &input);
            session_check(&session);
        }
        session_take(&session, SIZE_MAX);
        FUZZ_CHECK(session.said.length == 0, "the last reply is whole");
    }
    tdm_server_session_clear(&session.server);
    tdm_buf_clear(&session.said);
    return 0;
}
