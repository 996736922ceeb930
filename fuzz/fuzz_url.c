/*
 * fuzz_url.c: the URL of a transport and the options in its query. The input is a URL. The word
 * that the corpus uses as password must never come out in an error about the URL itself.
 */
#include "fuzz_input.h"
#include "transport/options.h"
#include "transport/url.h"

static const char secret[] = "Sesame7uL";

/* name=value pairs with & between, as transport.c takes them apart. */
static void url_options(const tidymail_allocator *allocator, const char *text,
                        struct tidymail_error *error)
{
    struct tdm_options options;
    const char *query = strchr(text, '?');
    tdm_options_init(&options);
    for (size_t start = query != NULL ? (size_t)(query - text) + 1 : strlen(text);
         text[start] != '\0';) {
        size_t end = start + strcspn(text + start, "&#");
        size_t name = strcspn(text + start, "=&#");
        size_t value = start + name + (text[start + name] == '=');
        char *decoded = NULL;
        if (tdm_url_decode_option(allocator, text, value, end, &decoded, error) == TIDYMAIL_OK) {
            size_t length = strlen(decoded);
            tdm_options_set(allocator, &options, text + start, name, decoded, length, error);
        }
        tdm_free(allocator, decoded);
        start = end + (text[end] != '\0');
    }
    FUZZ_CHECK(options.reply_timeout_ms != 0 && options.final_timeout_ms != 0,
               "no deadline is switched off");
    tdm_options_clear(allocator, &options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_memory memory = {0, 0, 0, 0};
    struct fuzz_input input = fuzz_input_of(data, size);
    uint8_t fails = fuzz_byte(&input);
    memory.fail_at = fails >= 'a' ? fails - 'a' + 1U : 0; /* other seeds begin with a blank */
    tidymail_allocator allocator = fuzz_allocator(&memory);
    char *text = fuzz_text((const char *)input.at, input.left);
    struct tdm_url url;
    struct tidymail_error error;
    tdm_error_init(&error, &allocator);
    int kind = tdm_url_parse(&allocator, text, &url, &error);
    FUZZ_CHECK(kind == error.kind, "what is returned is what the error says");
    if (kind == TIDYMAIL_OK) {
        FUZZ_CHECK(url.scheme != NULL && url.host != NULL && url.path != NULL,
                   "the parts that every URL has");
        FUZZ_CHECK(url.port >= 0 && url.port <= 65535, "a port");
        url_options(&allocator, text, &error);
    } else if (error.message != NULL) {
        FUZZ_CHECK_SHOW(strstr(error.message, secret) == NULL, "an error never shows the userinfo",
                        error.message);
    }
    tdm_url_clear(&allocator, &url);
    tdm_error_clear(&error);
    fuzz_free(text);
    FUZZ_CHECK(memory.live == 0, "nothing leaks");
    return 0;
}
