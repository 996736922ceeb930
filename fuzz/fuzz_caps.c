/* fuzz_caps.c: the EHLO parser. The input is the text of a reply: lines with LF between them. */
#include "fuzz_input.h"
#include "smtp/smtp_caps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", ""};
    struct fuzz_memory memory = {0, 0, 0, 0};
    struct fuzz_input input = fuzz_input_of(data, size);
    memory.fail_at = fuzz_byte(&input) % 8;
    tidymail_allocator allocator = fuzz_allocator(&memory);
    struct tdm_smtp_caps caps;
    struct tdm_reply reply;
    char *copy = fuzz_copy((const char *)input.at, input.left);
    reply.code = 250;
    tdm_buf_init(&reply.text, NULL, (size_t)1 << 20);
    tdm_buf_add(&reply.text, copy, input.left);
    tdm_smtp_caps_init(&caps, &allocator);
    for (int again = 0; again < 2; again++) { /* a second EHLO forgets the first */
        int read = tdm_smtp_caps_read(&caps, &reply);
        FUZZ_CHECK(read == 0 || memory.fail_at > 0, "only memory can fail");
        FUZZ_CHECK(caps.max_size >= 0 && caps.hold_max >= 0 && caps.deliverby_min >= 0 &&
                       caps.mail_max >= 0 && caps.rcpt_max >= 0,
                   "no number is negative");
        FUZZ_CHECK(caps.mechanisms.length == 0 || caps.auth, "mechanisms stand on an AUTH line");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            int offers = tdm_smtp_caps_offers(&caps, names[i]);
            FUZZ_CHECK(!offers || fuzz_holds(tdm_buf_text(&caps.mechanisms), caps.mechanisms.length,
                                             names[i]),
                       "what is offered was named");
        }
        FUZZ_CHECK(!tdm_smtp_caps_offers(&caps, ""), "nothing is no mechanism");
        for (size_t i = 0; i < caps.mechanisms.length; i++) {
            FUZZ_CHECK(caps.mechanisms.data[i] < 'a' || caps.mechanisms.data[i] > 'z',
                       "mechanisms are kept in upper case");
        }
        tdm_smtp_caps_reset(&caps);
        FUZZ_CHECK(!caps.starttls && !caps.auth && caps.mechanisms.length == 0 &&
                       caps.max_size == 0,
                   "a reset forgets all");
    }
    tdm_smtp_caps_clear(&caps);
    tdm_buf_clear(&reply.text);
    fuzz_free(copy);
    FUZZ_CHECK(memory.live == 0, "nothing leaks");
    return 0;
}
