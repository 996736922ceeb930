/* base64.c: see base64.h. */
#include "util/base64.h"

#include "util/base64_avx2.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t tdm_base64_write(char *out, const void *bytes, size_t length)
{
    const unsigned char *in = bytes;
    const unsigned char *end = in + length / 3 * 3;
    char *at = out;
    if (length >= TDM_BASE64_AVX2_LEAST) {
        size_t done = tdm_base64_avx2(out, in, length);
        in += done;
        at += done / 3 * 4;
    }
    for (; in < end; in += 3, at += 4) {
        unsigned group = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];
        at[0] = alphabet[group >> 18];
        at[1] = alphabet[group >> 12 & 63];
        at[2] = alphabet[group >> 6 & 63];
        at[3] = alphabet[group & 63];
    }
    size_t left = length % 3;
    if (left > 0) {
        unsigned group = (unsigned)in[0] << 16 | (left > 1 ? (unsigned)in[1] << 8 : 0);
        at[0] = alphabet[group >> 18];
        at[1] = alphabet[group >> 12 & 63];
        at[2] = left > 1 ? alphabet[group >> 6 & 63] : '=';
        at[3] = '=';
        at += 4;
    }
    return (size_t)(at - out);
}

int tdm_base64_encode(struct tdm_buf *out, const void *bytes, size_t length)
{
    if (length > SIZE_MAX / 2 || tdm_buf_reserve(out, (length + 2) / 3 * 4) != 0) {
        out->failed = 1;
        return -1;
    }
    out->length += tdm_base64_write(out->data + out->length, bytes, length);
    out->data[out->length] = '\0';
    return 0;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int tdm_base64_decode(struct tdm_buf *out, const char *text, size_t length)
{
    if (length % 4 != 0) {
        return -1;
    }
    for (size_t i = 0; i < length; i += 4) {
        int last = i + 4 == length;
        int pad = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
        unsigned group = 0;
        for (size_t k = 0; k < 4 - (size_t)pad; k++) {
            int value = base64_value(text[i + k]);
            if (value < 0) {
                return -1;
            }
            group |= (unsigned)value << (18 - 6 * k);
        }
        if ((pad == 2 && (group & 0xffff) != 0) || (pad == 1 && (group & 0xff) != 0)) {
            return -1; /* bits behind the end: not what an encoder writes (RFC 4648 3.5) */
        }
        char three[3] = {(char)(group >> 16), (char)(group >> 8 & 255), (char)(group & 255)};
        tdm_buf_add(out, three, 3 - (size_t)pad);
    }
    return out->failed ? -1 : 0;
}
