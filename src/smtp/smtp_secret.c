/*
 * smtp_secret.c: some servers repeat what they got ("535 wrong password for AGJlbmNo..."). Before a
 * reply is shown anywhere, the password, its base64 forms and the last response are taken out of it.
 */
#include <string.h>

#include "smtp/smtp_internal.h"
#include "util/base64.h"

#define SECRET_MIN 4 /* shorter ones would blank ordinary words, and protect nothing */
#define SECRET_MAX ((size_t)1 << 20)

static void secret_hide(struct tdm_buf *text, const char *secret, size_t length)
{
    static const char shown[] = "[hidden]";
    if (length < SECRET_MIN) {
        return;
    }
    for (size_t at = 0; at + length <= text->length;) {
        if (memcmp(text->data + at, secret, length) != 0) {
            at++;
            continue;
        }
        size_t rest = text->length - at - length;
        size_t mark = sizeof(shown) - 1;
        if (mark > length && tdm_buf_reserve(text, mark - length) != 0) {
            tdm_buf_reset(text); /* better nothing than a secret */
            return;
        }
        memmove(text->data + at + mark, text->data + at + length, rest);
        memcpy(text->data + at, shown, mark);
        text->length = at + mark + rest;
        text->data[text->length] = '\0';
        at += mark;
    }
}

/* The same for base64 of these bytes, without the "=" that a longer text would not have; `encoded` is
 * filled in the first time. */
static void secret_hide_encoded(struct tdm_buf *text, const struct tdm_buf *bytes,
                                struct tdm_buf *encoded)
{
    if (encoded->length == 0 &&
        (bytes->failed || tdm_base64_encode(encoded, tdm_buf_text(bytes), bytes->length) != 0)) {
        tdm_buf_wipe(encoded);
        tdm_buf_reset(text);
        return;
    }
    while (encoded->length > 0 && encoded->data[encoded->length - 1] == '=') {
        encoded->length--;
    }
    secret_hide(text, tdm_buf_text(encoded), encoded->length);
}

/* What the options say does not change in a session: both forms are made once. */
static void secret_hide_forms(tidymail_smtp *smtp, struct tdm_buf *text)
{
    const char *user = smtp->options.user;
    const char *password = smtp->options.password;
    struct tdm_buf bytes;
    tdm_buf_init(&bytes, &smtp->allocator, SECRET_MAX);
    if (smtp->hidden[0].length == 0) {
        tdm_buf_add_str(&bytes, password);
    }
    secret_hide_encoded(text, &bytes, &smtp->hidden[0]);
    tdm_buf_wipe(&bytes);
    if (user != NULL) { /* PLAIN's response, also where another mechanism was tried since */
        if (smtp->hidden[1].length == 0) {
            tdm_buf_addf(&bytes, "%c%s%c%s", '\0', user, '\0', password);
        }
        secret_hide_encoded(text, &bytes, &smtp->hidden[1]);
        tdm_buf_wipe(&bytes);
    }
}

void tdm_smtp_hide_secrets(tidymail_smtp *smtp, struct tdm_buf *text)
{
    const char *password = smtp->options.password;
    if (password != NULL) {
        secret_hide(text, password, strlen(password));
        secret_hide_forms(smtp, text);
    }
    secret_hide(text, tdm_buf_text(&smtp->secret), smtp->secret.length);
}
