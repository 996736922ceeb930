/* body.c: see body.h. The bytes are looked at once (twice where quoted-printable is weighed against
 * base64), so that the exact size is known before anything is written. */
#include "message/body.h"

#include "message/encoder.h"
#include "message/header.h"
#include "util/lines.h"

void tdm_body_look(struct tdm_body_facts *facts, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        size_t plain = facts->after_cr ? 0 : tdm_lines_plain(bytes + i, length - i);
        if (plain > 0) {
            facts->size += (int64_t)plain;
            facts->line += plain;
            facts->longest_line =
                facts->line > facts->longest_line ? facts->line : facts->longest_line;
            i += plain;
            if (i == length) {
                break;
            }
        }
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n' && facts->after_cr) {
            facts->after_cr = 0;
            continue; /* counted with its CR */
        }
        facts->has_bare |= facts->after_cr || c == '\n';
        facts->after_cr = c == '\r';
        if (c == '\r' || c == '\n') {
            facts->size += 2;
            facts->line = 0;
            continue;
        }
        facts->size++;
        facts->line++;
        facts->longest_line = facts->line > facts->longest_line ? facts->line : facts->longest_line;
        facts->has_8bit |= c > 127;
        facts->has_controls |= (c < 0x20 && c != '\t') || c == 0x7f;
        facts->has_nul |= c == 0;
    }
}

void tdm_body_take_facts(struct tdm_body *body, const struct tdm_body_facts *facts)
{
    int short_lines = facts->longest_line <= TDM_LINE_MAX;
    body->encoding = TDM_ENCODING_IDENTITY;
    body->ascii = !facts->has_8bit;
    body->size = body->plain_size = facts->size;
    body->ends_in_break = body->plain_ends_in_break = facts->line == 0;
    body->fits_lines = short_lines && !facts->has_controls;
    body->fits_message = short_lines && !facts->has_nul;
    body->is_canonical = !facts->has_bare && !facts->after_cr;
}

/* Exact size in quoted-printable, by a pass that writes nothing. */
static int64_t body_qp_size(const struct tdm_blob *blob)
{
    struct tdm_crlf crlf = {0};
    struct tdm_qp qp = {0};
    char held[2 * TDM_QP_LOOKAHEAD + 1024];
    size_t kept = 0;
    int64_t size = 0;
    for (size_t i = 0; i < blob->length;) {
        size_t piece = blob->length - i < 512 ? blob->length - i : 512;
        kept += tdm_crlf_convert(&crlf, blob->bytes + i, piece, held + kept);
        i += piece;
        size_t taken;
        size += (int64_t)tdm_qp_encode(&qp, held, kept, i == blob->length, NULL, &taken);
        kept -= taken;
        for (size_t k = 0; k < kept; k++) {
            held[k] = held[taken + k];
        }
    }
    return size;
}

int64_t tdm_body_base64_size(int64_t size)
{
    int64_t characters = (size + 2) / 3 * 4;
    return size == 0 ? 0 : characters + (characters - 1) / 76 * 2;
}

void tdm_body_measure(struct tdm_body *body)
{
    struct tdm_body_facts facts = {0};
    tdm_body_look(&facts, body->blob->bytes, body->blob->length);
    tdm_body_take_facts(body, &facts);
}

void tdm_body_choose(struct tdm_body *body)
{
    tdm_body_measure(body);
    if (body->ascii && body->fits_lines) {
        return;
    }
    int64_t qp_size = body_qp_size(body->blob);
    int64_t base64_size = tdm_body_base64_size(body->plain_size);
    if (qp_size <= base64_size) {
        body->encoding = TDM_ENCODING_QUOTED_PRINTABLE;
        body->size = qp_size;
    } else {
        body->encoding = TDM_ENCODING_BASE64;
        body->size = base64_size;
        body->ends_in_break = body->plain_size == 0;
    }
}

void tdm_body_clear(struct tdm_body *body)
{
    tdm_blob_release(body->blob);
    body->blob = NULL;
}
