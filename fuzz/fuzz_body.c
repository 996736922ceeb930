/*
 * fuzz_body.c: a message of any bytes on the wire. First byte: how it is sent (DATA, BDAT, binary)
 * and in what pieces it is read; the rest is the message. No sequence in it may be taken for its end
 * (bare CR, bare LF, dots), and it arrives as it was, but for its line ends.
 */
#include <tidymail/smtp.h>

#include "fuzz_input.h"

struct body {
    const char *bytes;
    size_t length;
    size_t at;
    size_t piece;
};

static ptrdiff_t body_read(void *context, void *buffer, size_t capacity)
{
    struct body *body = context;
    size_t left = body->length - body->at;
    size_t take = left < body->piece ? left : body->piece;
    take = take < capacity ? take : capacity;
    memcpy(buffer, body->bytes + body->at, take);
    body->at += take;
    return (ptrdiff_t)take;
}

/* Every CR, LF and CRLF becomes a CRLF, and the last line has one too. */
static void body_normalise(const struct body *body, struct tdm_buf *out)
{
    for (size_t i = 0; i < body->length; i++) {
        char c = body->bytes[i];
        if (c != '\r' && c != '\n') {
            tdm_buf_add_char(out, c);
            continue;
        }
        i += c == '\r' && i + 1 < body->length && body->bytes[i + 1] == '\n';
        tdm_buf_add(out, "\r\n", 2);
    }
    if (body->length > 0 && out->data[out->length - 1] != '\n') {
        tdm_buf_add(out, "\r\n", 2);
    }
}

/* A strict server's reading of DATA: lines end at CRLF only, a lone dot ends it all. */
static void body_unstuff(const struct tdm_buf *wire, struct tdm_buf *out)
{
    size_t at = 0;
    for (;;) {
        size_t end = at;
        while (end < wire->length && wire->data[end] != '\n' && wire->data[end] != '\r') {
            end++;
        }
        FUZZ_CHECK(end + 1 < wire->length && wire->data[end] == '\r' && wire->data[end + 1] == '\n',
                   "no bare CR or LF, and a lone dot at the end");
        size_t length = end - at;
        if (length > 0 && wire->data[at] == '.') {
            if (length == 1) {
                FUZZ_CHECK(end + 2 == wire->length, "the lone dot is the end");
                return;
            }
            at++;
            length--;
        }
        tdm_buf_add(out, wire->data + at, length);
        tdm_buf_add(out, "\r\n", 2);
        at = end + 2;
    }
}

/* BDAT chunks (RFC 3030 2), the last one says LAST. */
static void body_unchunk(const struct tdm_buf *wire, struct tdm_buf *out)
{
    static const char command[] = "BDAT ";
    int last = 0;
    for (size_t at = 0; at < wire->length;) {
        size_t size = 0;
        FUZZ_CHECK(!last && wire->length - at > 6 &&
                       memcmp(wire->data + at, command, sizeof(command) - 1) == 0,
                   "a chunk begins where the one before ends");
        for (at += sizeof(command) - 1; wire->data[at] >= '0' && wire->data[at] <= '9'; at++) {
            size = size * 10 + (size_t)(wire->data[at] - '0');
        }
        last = wire->data[at] == ' ';
        at += last ? 5 : 0;
        FUZZ_CHECK(memcmp(wire->data + at, "\r\n", 2) == 0, "the command ends");
        at += 2;
        FUZZ_CHECK(size <= wire->length - at, "the chunk is all there");
        tdm_buf_add(out, wire->data + at, size);
        at += size;
    }
    FUZZ_CHECK(last, "the last chunk says so");
}

static void body_say(tidymail_smtp *smtp, const char *reply, struct tdm_buf *wire)
{
    const void *bytes;
    size_t length;
    if (reply != NULL) {
        tidymail_smtp_feed(smtp, reply, strlen(reply), 0);
    }
    tdm_buf_reset(wire);
    while (tidymail_smtp_output(smtp, &bytes, &length)) {
        tdm_buf_add(wire, bytes, length);
        tidymail_smtp_consume(smtp, length, 0);
    }
}

static void body_send(struct body *body, int chunks, int binary, struct tdm_buf *wire)
{
    static const char *const ann[] = {"ann@example.org"};
    tidymail_smtp_options options = TIDYMAIL_SMTP_OPTIONS_INIT;
    tidymail_smtp_envelope envelope = TIDYMAIL_SMTP_ENVELOPE_INIT;
    tidymail_source source = {body_read, NULL, NULL, NULL, NULL, body};
    options.tls = TIDYMAIL_SMTP_TLS_NONE;
    options.chunking = chunks;
    envelope.recipients = ann;
    envelope.recipient_count = 1;
    envelope.body_binary = binary;
    tidymail_smtp *smtp = tidymail_smtp_new(&options, 0);
    tidymail_smtp_submit(smtp, &envelope, &source, NULL, 0);
    tidymail_smtp_connected(smtp, 0);
    body_say(smtp, "220 mx\r\n", wire);
    body_say(smtp, "250-mx\r\n250-BINARYMIME\r\n250 CHUNKING\r\n", wire);
    body_say(smtp, "250 ok\r\n", wire);
    body_say(smtp, "250 ok\r\n", wire);
    if (!chunks && !binary) {
        body_say(smtp, "354 go on\r\n", wire);
    }
    tidymail_smtp_free(smtp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    uint8_t flags = fuzz_byte(&input);
    int chunks = flags & 1;
    int binary = (flags & 2) != 0;
    char *copy = fuzz_copy((const char *)input.at, input.left);
    struct body body = {copy, input.left, 0, (size_t)(flags >> 2) + 1};
    struct tdm_buf wire;
    struct tdm_buf got;
    struct tdm_buf wanted;
    tdm_buf_init(&wire, NULL, (size_t)16 << 20);
    tdm_buf_init(&got, NULL, (size_t)16 << 20);
    tdm_buf_init(&wanted, NULL, (size_t)16 << 20);
    body_send(&body, chunks, binary, &wire);
    if (chunks || binary) {
        body_unchunk(&wire, &got);
    } else {
        body_unstuff(&wire, &got);
    }
    if (binary) {
        tdm_buf_add(&wanted, copy, input.left);
    } else {
        body_normalise(&body, &wanted);
    }
    FUZZ_CHECK(got.length == wanted.length &&
                   memcmp(tdm_buf_text(&got), tdm_buf_text(&wanted), got.length) == 0,
               "the message arrives as it was");
    tdm_buf_clear(&wire);
    tdm_buf_clear(&got);
    tdm_buf_clear(&wanted);
    fuzz_free(copy);
    return 0;
}
