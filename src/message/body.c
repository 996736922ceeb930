/* body.c: see body.h. The bytes are looked at once (twice where quoted-printable is weighed against
 * base64), so that the exact size is known before anything is written. */
#include "message/body.h"

#include "message/encoder.h"
#include "message/header.h"

struct body_facts {
    int64_t size; /* with lines ended by CRLF */
    size_t longest_line;
    int has_8bit;
    int has_controls; /* other than TAB and line ends */
    int ends_in_break;
};

static void body_look(const struct tdm_blob *blob, struct body_facts *facts)
{
    const char *text = blob->bytes;
    size_t line = 0;
    facts->size = 0;
    facts->longest_line = 0;
    facts->has_8bit = facts->has_controls = 0;
    for (size_t i = 0; i < blob->length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n' && i > 0 && text[i - 1] == '\r') {
            continue; /* counted with its CR */
        }
        if (c == '\r' || c == '\n') {
            facts->size += 2;
            line = 0;
            continue;
        }
        facts->size++;
        line++;
        facts->longest_line = line > facts->longest_line ? line : facts->longest_line;
        facts->has_8bit |= c > 127;
        facts->has_controls |= (c < 0x20 && c != '\t') || c == 0x7f;
    }
    facts->ends_in_break = line == 0;
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

/* Lines of 76 characters, with CRLF between them. */
static int64_t body_base64_size(int64_t size)
{
    int64_t characters = (size + 2) / 3 * 4;
    return size == 0 ? 0 : characters + (characters - 1) / 76 * 2;
}

void tdm_body_choose(struct tdm_body *body)
{
    struct body_facts facts;
    body_look(body->blob, &facts);
    body->ascii = !facts.has_8bit;
    body->ends_in_break = facts.ends_in_break;
    body->size = facts.size;
    if (!facts.has_8bit && !facts.has_controls && facts.longest_line <= TDM_LINE_MAX) {
        body->encoding = TDM_ENCODING_IDENTITY;
        return;
    }
    int64_t qp_size = body_qp_size(body->blob);
    int64_t base64_size = body_base64_size(facts.size);
    if (qp_size <= base64_size) {
        body->encoding = TDM_ENCODING_QUOTED_PRINTABLE;
        body->size = qp_size;
    } else {
        body->encoding = TDM_ENCODING_BASE64;
        body->size = base64_size;
        body->ends_in_break = facts.size == 0;
    }
}

void tdm_body_measure(struct tdm_body *body)
{
    struct body_facts facts;
    body_look(body->blob, &facts);
    body->encoding = TDM_ENCODING_IDENTITY;
    body->ascii = !facts.has_8bit;
    body->ends_in_break = facts.ends_in_break;
    body->size = facts.size;
}

const char *tdm_encoding_name(enum tdm_encoding encoding)
{
    switch (encoding) {
    case TDM_ENCODING_QUOTED_PRINTABLE:
        return "quoted-printable";
    case TDM_ENCODING_BASE64:
        return "base64";
    case TDM_ENCODING_IDENTITY:
        break;
    }
    return "7bit";
}

void tdm_body_clear(struct tdm_body *body)
{
    tdm_blob_release(body->blob);
    body->blob = NULL;
}
