/*
 * fuzz_reply.c: the reply parser. First byte: the size of the pieces; the rest is the server's. The
 * replies must be the same for the whole and for pieces of any size, and keep to their bounds.
 */
#include "fuzz_input.h"
#include "smtp/smtp_reply.h"

#define MAX_LINE ((size_t)300)
#define MAX_REPLY ((size_t)1000)

/* All that the parser says about a stream, one line a reply. */
static void reply_read(const char *bytes, size_t length, size_t piece, struct tdm_buf *said)
{
    struct tdm_reply_parser parser;
    enum tdm_reply_status status = TDM_REPLY_MORE;
    tdm_reply_parser_init(&parser, NULL, MAX_LINE, MAX_REPLY);
    for (size_t at = 0; at < length && (status == TDM_REPLY_MORE || status == TDM_REPLY_DONE);) {
        size_t take = length - at < piece ? length - at : piece;
        char *copy = fuzz_copy(bytes + at, take);
        size_t used = 0;
        status = tdm_reply_parser_feed(&parser, copy, take, &used);
        fuzz_free(copy);
        FUZZ_CHECK(used > 0 && used <= take, "a step forward, and not behind the bytes");
        FUZZ_CHECK(status != TDM_REPLY_MORE || used == take, "more is asked for once all is taken");
        at += used;
        if (status == TDM_REPLY_DONE) {
            char enhanced[TDM_ENHANCED_MAX];
            const struct tdm_reply *reply = &parser.reply;
            FUZZ_CHECK(reply->code >= 0 && reply->code <= 999, "a code has three digits");
            FUZZ_CHECK(reply->text.length <= MAX_REPLY, "a reply keeps to its maximum");
            tdm_reply_enhanced(reply, enhanced);
            FUZZ_CHECK(enhanced[0] == '\0' || enhanced[0] - '0' == reply->code / 100,
                       "an enhanced code is believed only where its class agrees");
            tdm_buf_addf(said, "%d %s ", reply->code, enhanced);
            tdm_reply_words(reply, said);
            tdm_buf_add_char(said, '\n');
            tdm_reply_parser_next(&parser);
        }
    }
    int partial = status == TDM_REPLY_MORE && tdm_reply_parser_partial(&parser);
    tdm_buf_addf(said, "%d %d", (int)status, partial);
    if (status == TDM_REPLY_GARBAGE) {
        const char *what = tdm_reply_recognise(tdm_buf_text(&parser.line), parser.line.length);
        tdm_buf_addf(said, " %s", what != NULL ? what : "");
    }
    tdm_reply_parser_clear(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    size_t piece = fuzz_byte(&input) % 16 + 1;
    struct tdm_buf whole;
    struct tdm_buf pieces;
    tdm_buf_init(&whole, NULL, (size_t)1 << 22);
    tdm_buf_init(&pieces, NULL, (size_t)1 << 22);
    reply_read((const char *)input.at, input.left, input.left > 0 ? input.left : 1, &whole);
    reply_read((const char *)input.at, input.left, piece, &pieces);
    FUZZ_CHECK(whole.length == pieces.length &&
                   memcmp(tdm_buf_text(&whole), tdm_buf_text(&pieces), whole.length) == 0,
               "the same replies for every cut");
    for (size_t i = 0; i < whole.length; i++) {
        unsigned char c = (unsigned char)whole.data[i];
        FUZZ_CHECK(c == '\n' || (c >= 32 && c != 127), "nothing unprintable in words for people");
    }
    tdm_buf_clear(&whole);
    tdm_buf_clear(&pieces);
    return 0;
}
