/* scenario_server.c: see scenario_server.h. `scene_advance` is the heart: it walks over the steps
 * for as long as there is nothing to wait for. */
#include "scenario_server.h"

#include <string.h>

#include "util/str.h"

#define INPUT_MAX ((size_t)16 << 20) /* what a client may send ahead of the script */
#define WINDOW_BYTES ((size_t)64 << 10)
#define LINE_MAX_BYTES ((size_t)64 << 10)
#define MESSAGE_MAX ((size_t)64 << 20) /* of a <message> that is kept */
#define LINGER_MS 2000                 /* after the end of the script, for the client to close */

void tdm_scenario_server_init(struct tdm_scenario_server *server,
                              const struct tdm_scenario *scenario, int64_t now_ms)
{
    memset(server, 0, sizeof(*server));
    server->scenario = scenario;
    server->deadline = -1;
    tdm_buf_init(&server->input, NULL, INPUT_MAX);
    tdm_buf_init(&server->message, NULL, MESSAGE_MAX);
    tdm_buf_init(&server->deviation, NULL, 64 << 10);
    tdm_scenario_server_tick(server, now_ms);
}

void tdm_scenario_server_clear(struct tdm_scenario_server *server)
{
    tdm_buf_wipe(&server->input); /* responses of AUTH were in it */
    tdm_buf_clear(&server->message);
    tdm_buf_clear(&server->deviation);
}

static const struct tdm_scene_step *scene_step(const struct tdm_scenario_server *server)
{
    const struct tdm_scenario *scenario = server->scenario;
    return !server->over && server->step < scenario->step_count ? &scenario->steps[server->step]
                                                                : NULL;
}

static void scene_next(struct tdm_scenario_server *server)
{
    server->step++;
    server->step_messages = server->message_count;
    server->offset = 0;
    server->repeated = 0;
    server->deadline = -1;
    server->waiting = 0;
}

static void scene_finish(struct tdm_scenario_server *server)
{
    server->over = 1;
    server->finished = 1;
    server->deadline = -1;
    tdm_buf_reset(&server->input);
}

static void scene_end(struct tdm_scenario_server *server, int64_t now_ms)
{
    server->over = 1;
    server->deadline = now_ms + LINGER_MS;
    if (server->end_of_file) {
        scene_finish(server);
    }
}

/* "line 7: expected C: MAIL FROM:*, got EHLO me". `line` NULL: the words alone. */
static void scene_deviate(struct tdm_scenario_server *server, const char *words, const char *line,
                          size_t length)
{
    const struct tdm_scene_step *step = scene_step(server);
    struct tdm_buf *out = &server->deviation;
    if (out->length > 0) {
        tdm_buf_add_char(out, '\n');
    }
    tdm_buf_addf(out, "line %z: ", step != NULL ? step->line : 0);
    if (step != NULL && step->type == TDM_SCENE_TLS) {
        tdm_buf_add_str(out, "expected a TLS handshake, got ");
    } else if (step != NULL &&
               (step->type == TDM_SCENE_EXPECT || step->type == TDM_SCENE_MESSAGE)) {
        struct tdm_shown_client pattern = server->shown;
        tdm_buf_add_str(out, "expected C: ");
        tdm_shown_add_client(out, &pattern, step->text, step->length);
        tdm_buf_add_str(out, ", got ");
    }
    tdm_buf_add_str(out, words);
    if (line != NULL) {
        tdm_shown_add_client(out, &server->shown, line, length);
    }
    scene_finish(server);
}

/* Length of the line at the front with its end, 0 while it is not complete. */
static size_t scene_line(const struct tdm_scenario_server *server)
{
    const struct tdm_buf *input = &server->input;
    const char *end = input->length > 0 ? memchr(input->data, '\n', input->length) : NULL;
    return end != NULL ? (size_t)(end - input->data) + 1 : 0;
}

/* "BDAT 123" or "BDAT 123 LAST" (RFC 3030 2); 1 where it is one: its chunk is then to come. */
static int scene_take_bdat(struct tdm_scenario_server *server, const char *line, size_t length)
{
    size_t at = strlen("BDAT ");
    uint64_t size = 0;
    if (!tdm_starts_nocase(line, length, "BDAT ") || at == length || !tdm_is_digit(line[at])) {
        return 0;
    }
    while (at < length && tdm_is_digit(line[at]) && size < UINT64_MAX / 100) {
        size = size * 10 + (uint64_t)(line[at++] - '0');
    }
    int last = tdm_equal_nocase_n(line + at, length - at, " LAST");
    if (at != length && !last) {
        return 0;
    }
    if (!server->message_open) {
        tdm_buf_reset(&server->message);
    }
    server->message_open = 1;
    server->in_chunk = 1;
    server->chunk_left = size;
    server->chunk_last = last;
    return 1;
}

static void scene_message_complete(struct tdm_scenario_server *server)
{
    server->message_open = 0;
    server->message_count++;
}

/* Takes what is there of a BDAT chunk; 1 once it is complete. */
static int scene_chunk(struct tdm_scenario_server *server)
{
    size_t take = server->input.length;
    if (server->chunk_left < take) {
        take = (size_t)server->chunk_left;
    }
    tdm_buf_add(&server->message, tdm_buf_text(&server->input), take);
    tdm_buf_drop(&server->input, take);
    server->chunk_left -= take;
    if (server->chunk_left > 0) {
        return 0;
    }
    server->in_chunk = 0;
    if (server->chunk_last) {
        scene_message_complete(server);
    }
    return 1;
}

/* The line at the front against a C: step: 1 where the script goes on behind it. */
static int scene_match(struct tdm_scenario_server *server, const struct tdm_scene_step *step,
                       size_t whole, int64_t now_ms)
{
    const char *line = server->input.data;
    if (whole < 2 || line[whole - 2] != '\r') {
        scene_deviate(server, "a line that ends in LF alone: ", line, whole - 1);
        return 0;
    }
    size_t length = whole - 2;
    if (!tdm_scenario_matches(step->text, line, length)) {
        if (step->optional) {
            scene_end(server, now_ms); /* the line itself is the first that is dropped */
        } else {
            scene_deviate(server, "", line, length);
        }
        return 0;
    }
    tdm_shown_trace_client(&server->trace, &server->shown, line, length);
    server->data_mode = tdm_equal_nocase_n(line, length, "DATA");
    if (server->data_mode) {
        memset(&server->dots, 0, sizeof(server->dots));
        tdm_buf_reset(&server->message);
    }
    scene_take_bdat(server, line, length);
    tdm_buf_drop(&server->input, whole);
    return 1;
}

/* <message> as BDAT commands and chunks up to LAST; 1 once it is complete. */
static int scene_bdat_message(struct tdm_scenario_server *server, const struct tdm_scene_step *step,
                              int64_t now_ms)
{
    if (server->step_messages < server->message_count) {
        return 1;
    }
    size_t whole = scene_line(server);
    if (whole == 0) {
        return 0;
    }
    const char *line = server->input.data;
    int crlf = whole >= 2 && line[whole - 2] == '\r';
    if (crlf && scene_take_bdat(server, line, whole - 2)) {
        tdm_buf_drop(&server->input, whole);
    } else if (step->optional) {
        scene_end(server, now_ms);
    } else {
        scene_deviate(server, "", line, whole - 1 - (size_t)crlf);
    }
    return 0;
}

/* <message> up to the lone dot; 1 once it is complete. */
static int scene_dot_message(struct tdm_scenario_server *server)
{
    struct tdm_buf *input = &server->input;
    size_t taken =
        tdm_dot_reader_feed(&server->dots, tdm_buf_text(input), input->length, &server->message);
    tdm_buf_drop(input, taken);
    if (server->dots.state != TDM_DOT_END) {
        return 0;
    }
    server->data_mode = 0;
    scene_message_complete(server);
    return 1;
}

/* A C: step for which the client's line is not there. */
static void scene_missing(struct tdm_scenario_server *server, const struct tdm_scene_step *step,
                          int64_t now_ms)
{
    if (server->end_of_file && step->optional) {
        scene_end(server, now_ms);
    } else if (server->end_of_file) {
        scene_deviate(server, "the end of the connection", NULL, 0);
    } else if (server->input.length > LINE_MAX_BYTES) {
        scene_deviate(server, "a line without an end: ", server->input.data, server->input.length);
    }
}

/* One step; 1 where the next may be looked at. */
static int scene_run(struct tdm_scenario_server *server, const struct tdm_scene_step *step,
                     int64_t now_ms)
{
    size_t whole;
    switch (step->type) {
    case TDM_SCENE_SEND:
        if (server->waiting && now_ms >= server->deadline) {
            server->waiting = 0;
            server->deadline = -1;
        }
        if (server->end_of_file) {
            scene_next(server); /* nobody is there to read it */
        }
        return server->end_of_file;
    case TDM_SCENE_EXPECT:
        whole = scene_line(server);
        if (whole == 0) {
            scene_missing(server, step, now_ms);
            return 0;
        }
        if (scene_match(server, step, whole, now_ms)) {
            scene_next(server);
            return 1;
        }
        return 0;
    case TDM_SCENE_MESSAGE:
        if (server->data_mode ? scene_dot_message(server)
                              : scene_bdat_message(server, step, now_ms)) {
            scene_next(server);
            return 1;
        }
        if (!server->over && !server->in_chunk) {
            scene_missing(server, step, now_ms);
        }
        return server->in_chunk;
    case TDM_SCENE_TLS:
        if (server->input.length > 0) {
            scene_deviate(server, "plain bytes: ", server->input.data, server->input.length);
        } else if (server->end_of_file) {
            scene_deviate(server, "the end of the connection", NULL, 0);
        }
        return 0;
    case TDM_SCENE_WAIT:
        if (!server->waiting) {
            server->waiting = 1;
            server->deadline = now_ms + step->duration_ms;
        }
        if (now_ms >= server->deadline || server->end_of_file) {
            scene_next(server);
            return 1;
        }
        return 0;
    case TDM_SCENE_SILENCE:
        tdm_buf_reset(&server->input);
        if (server->end_of_file) {
            scene_finish(server);
        }
        return 0;
    case TDM_SCENE_CLOSE:
    case TDM_SCENE_RESET:
        return 0;
    }
    return 0;
}

/* The script is over: the first whole line, the client's end or the time ends it. */
static void scene_linger(struct tdm_scenario_server *server, int64_t now_ms)
{
    if (server->end_of_file || scene_line(server) > 0 ||
        (server->deadline >= 0 && now_ms >= server->deadline)) {
        scene_finish(server);
    }
    if (server->input.length > LINE_MAX_BYTES) {
        scene_finish(server);
    }
}

static void scene_advance(struct tdm_scenario_server *server, int64_t now_ms)
{
    while (!server->finished) {
        if (server->over) {
            scene_linger(server, now_ms);
            return;
        }
        if (server->in_chunk && !scene_chunk(server)) {
            if (server->end_of_file) {
                scene_deviate(server, "the end of the connection within a BDAT chunk", NULL, 0);
            }
            return;
        }
        const struct tdm_scene_step *step = scene_step(server);
        if (step == NULL) {
            scene_end(server, now_ms);
            continue;
        }
        if (!scene_run(server, step, now_ms) && !(server->over && !server->finished)) {
            return;
        }
    }
}

int tdm_scenario_server_output(const struct tdm_scenario_server *server, const char **bytes,
                               size_t *length)
{
    const struct tdm_scene_step *step = scene_step(server);
    if (step == NULL || step->type != TDM_SCENE_SEND || server->waiting || server->in_chunk) {
        return 0;
    }
    *bytes = step->text + server->offset;
    *length = step->bytewise ? 1 : step->length - server->offset;
    return 1;
}

void tdm_scenario_server_consume(struct tdm_scenario_server *server, size_t length, int64_t now_ms)
{
    const struct tdm_scene_step *step = scene_step(server);
    if (length == 0 || step == NULL || step->type != TDM_SCENE_SEND) {
        return;
    }
    server->offset += length;
    if (server->offset == step->length) {
        tdm_shown_trace_sent(&server->trace, &server->shown, step->text, step->length);
        server->offset = 0;
        server->repeated++;
    }
    if (server->repeated == step->repeat) {
        scene_next(server);
        step = scene_step(server);
    }
    if (step != NULL && step->type == TDM_SCENE_SEND && step->duration_ms > 0) {
        server->waiting = 1;
        server->deadline = now_ms + step->duration_ms;
    }
    scene_advance(server, now_ms);
}

void tdm_scenario_server_feed(struct tdm_scenario_server *server, const char *bytes, size_t length,
                              int64_t now_ms)
{
    if (server->finished || length == 0) {
        return;
    }
    if (tdm_buf_add(&server->input, bytes, length) != 0) {
        scene_deviate(server, "more bytes than the script has room for ahead of it", NULL, 0);
        return;
    }
    scene_advance(server, now_ms);
}

void tdm_scenario_server_end_of_file(struct tdm_scenario_server *server, int64_t now_ms)
{
    server->end_of_file = 1;
    scene_advance(server, now_ms);
}

enum tdm_scenario_action tdm_scenario_server_action(const struct tdm_scenario_server *server)
{
    if (server->finished) {
        return TDM_SCENARIO_CLOSE;
    }
    const struct tdm_scene_step *step = scene_step(server);
    if (step == NULL || server->in_chunk) {
        return TDM_SCENARIO_NONE;
    }
    if (step->type == TDM_SCENE_TLS) {
        return TDM_SCENARIO_TLS;
    }
    if (step->type == TDM_SCENE_RESET) {
        return TDM_SCENARIO_RESET;
    }
    return step->type == TDM_SCENE_CLOSE ? TDM_SCENARIO_CLOSE : TDM_SCENARIO_NONE;
}

enum tdm_certificate tdm_scenario_server_certificate(const struct tdm_scenario_server *server)
{
    const struct tdm_scene_step *step = scene_step(server);
    return step != NULL ? step->certificate : TDM_CERTIFICATE_VALID;
}

int tdm_scenario_server_max_version(const struct tdm_scenario_server *server)
{
    const struct tdm_scene_step *step = scene_step(server);
    return step != NULL ? step->max_version : 0;
}

void tdm_scenario_server_tls_done(struct tdm_scenario_server *server, const char *failure,
                                  int64_t now_ms)
{
    const struct tdm_scene_step *step = scene_step(server);
    if (step == NULL || step->type != TDM_SCENE_TLS) {
        return;
    }
    if (failure == NULL) {
        server->encrypted = 1;
        scene_next(server);
        scene_advance(server, now_ms);
    } else if (step->certificate == TDM_CERTIFICATE_VALID && step->max_version == 0) {
        scene_deviate(server, failure, NULL, 0);
    } else {
        scene_finish(
            server); /* a client that turns a bad certificate or version down does as it should */
    }
}

int64_t tdm_scenario_server_deadline(const struct tdm_scenario_server *server)
{
    return server->deadline;
}

void tdm_scenario_server_tick(struct tdm_scenario_server *server, int64_t now_ms)
{
    scene_advance(server, now_ms);
}

int tdm_scenario_server_reads(const struct tdm_scenario_server *server)
{
    return !server->waiting || server->input.length < WINDOW_BYTES;
}

int tdm_scenario_server_bytewise(const struct tdm_scenario_server *server)
{
    const struct tdm_scene_step *step = scene_step(server);
    return step != NULL && step->type == TDM_SCENE_SEND && step->bytewise;
}
