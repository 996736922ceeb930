/*
 * smtp_secret.c: some servers repeat what they got ("535 wrong password for AGJlbmNo..."). Before a
 * reply is shown anywhere, the password and the response that was sent are taken out of it.
 */
#include <string.h>

#include "smtp/smtp_internal.h"

#define SECRET_MIN 4 /* shorter ones would blank ordinary words, and protect nothing */

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

void tdm_smtp_hide_secrets(tidymail_smtp *smtp, struct tdm_buf *text)
{
    if (smtp->options.password != NULL) {
        secret_hide(text, smtp->options.password, strlen(smtp->options.password));
    }
    secret_hide(text, tdm_buf_text(&smtp->secret), smtp->secret.length);
}
