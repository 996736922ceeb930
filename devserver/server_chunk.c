/* server_chunk.c: BDAT (RFC 3030). A chunk is always read to its end, also where it is refused: the
 * client has sent it already. */
#include <string.h>

#include "server_internal.h"
#include "util/str.h"

#define CHUNK_LIMIT (UINT64_MAX / 100)

/* "86" or "86 LAST". 0, or -1 where it is neither. */
static int chunk_parse(const char *args, size_t length, uint64_t *size, int *last)
{
    size_t at = 0;
    *size = 0;
    while (at < length && tdm_is_digit(args[at]) && *size < CHUNK_LIMIT) {
        *size = *size * 10 + (uint64_t)(args[at++] - '0');
    }
    *last = tdm_equal_nocase_n(args + at, length - at, " LAST");
    return at > 0 && (at == length || *last) ? 0 : -1;
}

static void chunk_refuse(struct tdm_server_session *session, int code, const char *enhanced,
                         const char *words)
{
    session->chunk_refused = 1;
    tdm_server_reply(session, code, enhanced, words);
}

static void chunk_done(struct tdm_server_session *session)
{
    struct tdm_buf words;
    if (session->mode == TDM_SERVER_CHUNK) {
        session->mode = TDM_SERVER_COMMAND;
    }
    if (session->chunk_refused) {
        return;
    }
    if (session->chunk_last) {
        tdm_server_end_message(session);
        return;
    }
    if (session->message.failed) {
        tdm_server_reply(session, 552, "5.3.4", "the message is larger than this server takes");
        tdm_server_forget_transaction(session); /* RFC 3030 2: the chunks that follow get 503 */
        return;
    }
    tdm_buf_init(&words, &session->allocator, 64);
    tdm_buf_addf(&words, "%z bytes so far", session->message.length);
    tdm_server_reply(session, 250, "2.0.0", tdm_buf_text(&words));
    tdm_buf_clear(&words);
}

void tdm_server_command_bdat(struct tdm_server_session *session, const char *args, size_t length)
{
    if (chunk_parse(args, length, &session->chunk_left, &session->chunk_last) != 0) {
        /* where the chunk ends is not known, so what comes next cannot be read */
        tdm_server_reply(session, 501, "5.5.4", "syntax: BDAT size [LAST]; closing the connection");
        tdm_server_close(session);
        return;
    }
    session->chunk_refused = 0;
    session->mode = TDM_SERVER_CHUNK;
    if (session->from == NULL) {
        chunk_refuse(session, 503, "5.5.1", "BDAT needs MAIL and RCPT first");
    } else if (session->recipients.count == 0) {
        chunk_refuse(session, session->options.lmtp ? 503 : 554, "5.5.1", "no valid recipients");
    } else if (session->chunks == 0 && tdm_server_fault_begin(session, TDM_FAULT_DATA, NULL, 0)) {
        session->chunk_refused = 1;
    } else {
        if (session->chunks++ == 0) {
            tdm_buf_reset(&session->message);
        }
    }
    if (session->fault.open && session->fault.stage == TDM_FAULT_DATA) {
        tdm_server_fault_end(session);
    }
    if (session->chunk_left == 0) {
        chunk_done(session);
    }
}

size_t tdm_server_take_chunk(struct tdm_server_session *session, const char *bytes, size_t length)
{
    size_t take = session->chunk_left < length ? (size_t)session->chunk_left : length;
    if (!session->chunk_refused) {
        tdm_buf_add(&session->message, bytes, take); /* too much of it sticks as a failure */
    }
    session->chunk_left -= take;
    if (session->chunk_left == 0) {
        chunk_done(session);
    }
    return take;
}
