/*
 * fuzz_header.c: texts of the caller's that go into a header. The first byte says which allocation
 * fails, the second what the rest is: "a" addresses, "l" the same leniently, "o" one mailbox, "t" a
 * content type, else a subject. What comes out is folded, has no control character, and means what
 * went in.
 */
#include <tidymail/address.h>

#include "fuzz_input.h"
#include "message/header.h"
#include "message/parameter.h"
#include "util/str.h"
#include "util/utf8.h"

/* One field: every line end but the last is a fold, no line is longer than a line may be. */
static void header_check(const char *field, size_t most)
{
    size_t length = strlen(field);
    FUZZ_CHECK_SHOW(length >= 2 && strcmp(field + length - 2, "\r\n") == 0, "it ends", field);
    for (size_t at = 0; at < length;) {
        size_t line = tdm_find_control(field + at, length - at);
        FUZZ_CHECK_SHOW(strncmp(field + at + line, "\r\n", 2) == 0, "only line ends", field);
        FUZZ_CHECK_SHOW(line <= most, "no line is too long", field);
        at += line + 2;
        FUZZ_CHECK_SHOW(at == length || field[at] == ' ', "only folds", field);
        FUZZ_CHECK_SHOW(at == length || field[at + strspn(field + at, " ")] != '\r',
                        "no line of blanks", field);
    }
}

/* The value without folds. */
static char *header_unfolded(const char *field)
{
    char *copy = fuzz_text(field + strlen("To:"), strlen(field) - strlen("To:"));
    size_t kept = 0;
    for (size_t i = 0; copy[i] != '\0'; i++) {
        if (copy[i] != '\r' && copy[i] != '\n') {
            copy[kept++] = copy[i];
        }
    }
    copy[kept] = '\0';
    return copy;
}

static void header_addresses(const char *text, int flags, const tidymail_allocator *allocator,
                             const struct fuzz_memory *memory)
{
    tidymail_address_list *list = tidymail_address_list_parse_with(text, flags, allocator);
    size_t count = tidymail_address_list_count(list);
    const char *field = tidymail_address_list_field(list, "To");
    FUZZ_CHECK(tidymail_address_list_error(list) == NULL || count == 0, "an error and no address");
    FUZZ_CHECK(tidymail_address_list_error_offset(list) <= strlen(text), "a place in the text");
    if (count > 0 && field[0] != '\0') {
        header_check(field, 998);
        char *value = header_unfolded(field);
        tidymail_address_list *again = tidymail_address_list_parse(value, 0);
        FUZZ_CHECK_SHOW(tidymail_address_list_count(again) == count, "as many addresses", field);
        for (size_t i = 0; i < count; i++) {
            FUZZ_CHECK_SHOW(strcmp(tidymail_address_list_spec(again, i),
                                   tidymail_address_list_spec(list, i)) == 0,
                            "the same addresses", field);
        }
        tidymail_address_list_free(again);
        fuzz_free(value);
    } else {
        FUZZ_CHECK(count == 0 || memory->fail_at > 0, "what can be read can be written");
    }
    tidymail_address_list_free(list);
}

static void header_type(const char *text, const tidymail_allocator *allocator)
{
    struct tdm_content_type type;
    struct tdm_parameter_error error = {0, NULL};
    struct tdm_parameter parameters[64];
    struct tdm_buf out;
    if (tdm_content_type_parse(allocator, text, &type, &error) != 0) {
        FUZZ_CHECK(error.offset <= strlen(text), "a place in the text");
        return;
    }
    size_t count = type.count < 64 ? type.count : 64;
    for (size_t i = 0; i < count; i++) {
        parameters[i].name = type.names[i];
        parameters[i].value = type.values[i];
        parameters[i].compatible = (int)(i % 3);
    }
    tdm_buf_init(&out, allocator, SIZE_MAX / 4);
    tdm_header_add_parameters(&out, "Content-Type", type.type, parameters, count);
    if (!out.failed) {
        header_check(tdm_buf_text(&out), 200000); /* a boundary stays whole */
        FUZZ_CHECK(!tdm_has_8bit(tdm_buf_text(&out), out.length), "ASCII only");
    }
    tdm_buf_clear(&out);
    tdm_content_type_clear(allocator, &type);
}

static void header_subject(const char *text, const tidymail_allocator *allocator)
{
    size_t length = strlen(text);
    struct tdm_buf out;
    if (tdm_find_control(text, length) < length || tdm_utf8_find_invalid(text, length) < length) {
        return; /* the message refuses it */
    }
    tdm_buf_init(&out, allocator, SIZE_MAX / 4);
    tdm_header_add_text(&out, "Subject", text, 0);
    if (!out.failed && text[0] != '\0') {
        header_check(tdm_buf_text(&out), 78);
        FUZZ_CHECK(!tdm_has_8bit(tdm_buf_text(&out), out.length), "ASCII only");
    }
    tdm_buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_memory memory = {0, 0, 0, 0};
    struct fuzz_input input = fuzz_input_of(data, size);
    uint8_t fails = fuzz_byte(&input);
    memory.fail_at = fails >= 'a' ? fails - 'a' + 1U : 0; /* other seeds begin with a blank */
    tidymail_allocator allocator = fuzz_allocator(&memory);
    uint8_t what = fuzz_byte(&input);
    char *text = fuzz_text((const char *)input.at, input.left);
    if (what == 'a' || what == 'l' || what == 'o') {
        int flags = what == 'l' ? TIDYMAIL_ADDRESS_LENIENT : what == 'o' ? TIDYMAIL_ADDRESS_ONE : 0;
        header_addresses(text, flags, &allocator, &memory);
    } else if (what == 't') {
        header_type(text, &allocator);
    } else {
        header_subject(text, &allocator);
    }
    fuzz_free(text);
    FUZZ_CHECK(memory.live == 0, "nothing leaks");
    return 0;
}
