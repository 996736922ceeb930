/* encoder.c: see encoder.h. */
#include "message/encoder.h"

#include <string.h>

#include "util/base64.h"

#define ENCODER_BASE64_LINE 57 /* bytes that make 76 characters (RFC 2045 6.8) */

void tdm_encoder_init(struct tdm_encoder *encoder, enum tdm_encoding encoding, int is_text)
{
    encoder->encoding = encoding;
    encoder->is_text = is_text;
    encoder->crlf.after_cr = 0;
    encoder->qp.column = 0;
    encoder->line_begun = 0;
    encoder->kept = 0;
}

size_t tdm_encoder_capacity(const struct tdm_encoder *encoder)
{
    int grows = encoder->is_text || encoder->encoding == TDM_ENCODING_QUOTED_PRINTABLE;
    return grows ? TDM_ENCODER_IN_TEXT : TDM_ENCODER_IN;
}

/* Lines of 76 characters with CRLF between them; only the last may be shorter. */
static size_t encoder_base64(struct tdm_encoder *encoder, const char *in, size_t length, int last,
                             char *out, size_t *taken)
{
    size_t written = 0;
    size_t i = 0;
    while (i < length && (last || length - i >= ENCODER_BASE64_LINE)) {
        size_t line = length - i < ENCODER_BASE64_LINE ? length - i : ENCODER_BASE64_LINE;
        if (encoder->line_begun) {
            memcpy(out + written, "\r\n", 2);
            written += 2;
        }
        encoder->line_begun = 1;
        written += tdm_base64_write(out + written, in + i, line);
        i += line;
    }
    *taken = i;
    return written;
}

/* Bytes that need no change before base64 are encoded from where they are; only a line that two steps
 * share goes through `held`. */
static size_t encoder_base64_bytes(struct tdm_encoder *encoder, const char *in, size_t length,
                                   int last, char *out)
{
    size_t written = 0;
    size_t taken = 0;
    if (encoder->kept > 0) {
        size_t missing = ENCODER_BASE64_LINE - encoder->kept;
        size_t first = length < missing ? length : missing;
        memcpy(encoder->held + encoder->kept, in, first);
        encoder->kept += first;
        in += first;
        length -= first;
        written =
            encoder_base64(encoder, encoder->held, encoder->kept, last && length == 0, out, &taken);
        if (taken == 0) {
            return 0; /* all of `in` is held now */
        }
        encoder->kept = 0;
    }
    written += encoder_base64(encoder, in, length, last, out + written, &taken);
    encoder->kept = length - taken;
    memcpy(encoder->held, in + taken, encoder->kept);
    return written;
}

size_t tdm_encoder_step(struct tdm_encoder *encoder, const char *in, size_t length, int last,
                        char *out)
{
    if (encoder->encoding == TDM_ENCODING_IDENTITY) {
        if (encoder->is_text) {
            return tdm_crlf_convert(&encoder->crlf, in, length, out);
        }
        memcpy(out, in, length);
        return length;
    }
    if (encoder->encoding == TDM_ENCODING_BASE64 && !encoder->is_text) {
        return encoder_base64_bytes(encoder, in, length, last, out);
    }
    char *canonical = encoder->held + encoder->kept;
    if (encoder->is_text) {
        encoder->kept += tdm_crlf_convert(&encoder->crlf, in, length, canonical);
    } else {
        memcpy(canonical, in, length);
        encoder->kept += length;
    }
    size_t taken = 0;
    size_t written;
    if (encoder->encoding == TDM_ENCODING_BASE64) {
        written = encoder_base64(encoder, encoder->held, encoder->kept, last, out, &taken);
    } else {
        written = tdm_qp_encode(&encoder->qp, encoder->held, encoder->kept, last, out, &taken);
    }
    encoder->kept -= taken;
    memmove(encoder->held, encoder->held + taken, encoder->kept);
    return written;
}
