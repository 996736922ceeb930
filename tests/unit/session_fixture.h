/*
 * session_fixture.h: the server session against dialogues. A dialogue is a list of lines: "> " is sent
 * (CRLF is added), "+ " is sent as it is, "< " begins the next line that the server says, "= " is the
 * whole line, "@tls", "@message TEXT" and "@close" are the events that must come, "@quiet" says that
 * nothing more is said.
 */
#ifndef TDM_TESTS_SESSION_FIXTURE_H
#define TDM_TESTS_SESSION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devserver/server_session.h"

struct fixture {
    struct tdm_server_session session;
    struct tdm_buf said;  /* not looked at yet */
    struct tdm_buf trace; /* every line of it */
};

static void keep_trace(void *context, enum tdm_server_mark mark, const char *line)
{
    struct tdm_buf *trace = context;
    tdm_buf_addf(trace, "%s%s\n", mark == TDM_SERVER_NOTE ? "*** " : "", line);
}

/* The core of SMTP alone. */
static struct tdm_server_options usual_options(void)
{
    struct tdm_server_options options;
    memset(&options, 0, sizeof(options));
    options.name = "test.example";
    options.offer_tls = 1;
    options.max_size = 1000;
    options.idle_ms = 300000;
    options.auth = "PLAIN,LOGIN";
    const char *unknown = NULL;
    assert_int_equal(tdm_server_parse_hidden("CHUNKING BINARYMIME DSN REQUIRETLS DELIVERBY "
                                             "FUTURERELEASE MT-PRIORITY LIMITS",
                                             &options.hidden, &unknown),
                     0);
    return options;
}

static void fixture_open(struct fixture *f, struct tdm_server_options options)
{
    tdm_buf_init(&f->said, NULL, 1 << 20);
    tdm_buf_init(&f->trace, NULL, 1 << 20);
    options.trace.line = keep_trace;
    options.trace.context = &f->trace;
    assert_int_equal(tdm_server_session_init(&f->session, &options, 0), 0);
}

static void fixture_close(struct fixture *f)
{
    tdm_server_session_clear(&f->session);
    tdm_buf_clear(&f->said);
    tdm_buf_clear(&f->trace);
}

static void take_output(struct fixture *f)
{
    const char *bytes;
    size_t length;
    while (tdm_server_session_output(&f->session, &bytes, &length)) {
        tdm_buf_add(&f->said, bytes, length);
        tdm_server_session_consume(&f->session, length);
    }
}

static void send_bytes(struct fixture *f, const char *bytes, size_t length, int bytewise)
{
    for (size_t i = 0; i < length; i += bytewise ? 1 : length) {
        tdm_server_session_feed(&f->session, bytes + i, bytewise ? 1 : length, 1000);
    }
    take_output(f);
}

static void send_text(struct fixture *f, const char *text)
{
    send_bytes(f, text, strlen(text), 0);
}

static void send_line(struct fixture *f, const char *line, int bytewise)
{
    struct tdm_buf bytes;
    tdm_buf_init(&bytes, NULL, 1 << 20);
    tdm_buf_addf(&bytes, "%s\r\n", line);
    send_bytes(f, bytes.data, bytes.length, bytewise);
    tdm_buf_clear(&bytes);
}

static void expect_line(struct fixture *f, const char *line, int whole)
{
    char *end = f->said.length > 0 ? strstr(f->said.data, "\r\n") : NULL;
    if (end == NULL) {
        fail_msg("expected '%s', got '%s'", line, tdm_buf_text(&f->said));
        return;
    }
    *end = '\0';
    if (whole) {
        assert_string_equal(f->said.data, line);
    } else if (strncmp(f->said.data, line, strlen(line)) != 0) {
        fail_msg("expected '%s...', got '%s'", line, f->said.data);
    }
    tdm_buf_drop(&f->said, (size_t)(end - f->said.data) + 2);
}

static void expect_message(struct fixture *f, const char *text)
{
    assert_int_equal(tdm_server_session_next(&f->session), TDM_SERVER_MESSAGE);
    assert_string_equal(tdm_buf_text(&f->session.message), text);
    assert_int_equal(f->session.message.length, strlen(text));
    tdm_server_session_answer(&f->session, NULL, 1000);
    take_output(f);
}

static void play_line(struct fixture *f, const char *line, int bytewise)
{
    if (strcmp(line, "@tls") == 0) {
        assert_int_equal(tdm_server_session_next(&f->session), TDM_SERVER_START_TLS);
        tdm_server_session_tls_done(&f->session, 1000);
    } else if (strcmp(line, "@close") == 0) {
        assert_int_equal(tdm_server_session_next(&f->session), TDM_SERVER_CLOSE);
    } else if (strcmp(line, "@quiet") == 0) {
        assert_string_equal(tdm_buf_text(&f->said), "");
        assert_int_equal(tdm_server_session_next(&f->session), TDM_SERVER_NOTHING);
    } else if (strncmp(line, "@message ", 9) == 0) {
        expect_message(f, line + 9);
    } else if (line[0] == '>') {
        send_line(f, line + 2, bytewise);
    } else if (line[0] == '+') {
        send_bytes(f, line + 2, strlen(line + 2), bytewise);
    } else {
        expect_line(f, line + 2, line[0] == '=');
    }
}

static void play(const char *const *lines, struct tdm_server_options options)
{
    for (int bytewise = 0; bytewise < 2; bytewise++) {
        struct fixture f;
        fixture_open(&f, options);
        take_output(&f);
        expect_line(&f, options.lmtp ? "220 test.example LMTP" : "220 test.example ESMTP", 0);
        for (size_t i = 0; lines[i] != NULL; i++) {
            play_line(&f, lines[i], bytewise);
        }
        assert_string_equal(tdm_buf_text(&f.said), "");
        fixture_close(&f);
    }
}

#endif
