/*
 * smtp_parameters.c: the parameters of MAIL and RCPT. None is sent that the server did not offer
 * (RFC 5321 4.1.1). A wish whose loss would change what happens to the message (REQUIRETLS, a hold, a
 * return by a time) makes the message refused where the server cannot carry it; the loss of the others
 * (notifications, priority) is a note.
 */
#include <string.h>

#include "smtp/smtp_internal.h"
#include "util/str.h"

#define ENVID_MAX 100 /* RFC 3461 4.4 */

static int wishes_copy_text(tidymail_smtp *smtp, char **to, const char *from)
{
    *to = tdm_strdup(&smtp->allocator, from);
    return from != NULL && *to == NULL ? -1 : 0;
}

int tdm_smtp_copy_wishes(tidymail_smtp *smtp, struct tdm_smtp_wishes *wishes,
                         const tidymail_smtp_envelope *envelope)
{
    wishes->body_binary = envelope->body_binary;
    wishes->require_tls = envelope->require_tls;
    wishes->deliver_by_s = envelope->deliver_by_s;
    wishes->deliver_by_mode = envelope->deliver_by_mode;
    wishes->hold_for_s = envelope->hold_for_s;
    wishes->has_priority = envelope->has_priority;
    wishes->priority = envelope->priority;
    if (wishes_copy_text(smtp, &wishes->dsn_notify, envelope->dsn_notify) != 0 ||
        wishes_copy_text(smtp, &wishes->dsn_ret, envelope->dsn_ret) != 0 ||
        wishes_copy_text(smtp, &wishes->dsn_envid, envelope->dsn_envid) != 0 ||
        wishes_copy_text(smtp, &wishes->hold_until, envelope->hold_until) != 0) {
        tdm_smtp_free_wishes(smtp, wishes);
        return -1;
    }
    return 0;
}

void tdm_smtp_free_wishes(tidymail_smtp *smtp, struct tdm_smtp_wishes *wishes)
{
    tdm_free(&smtp->allocator, wishes->dsn_notify);
    tdm_free(&smtp->allocator, wishes->dsn_ret);
    tdm_free(&smtp->allocator, wishes->dsn_envid);
    tdm_free(&smtp->allocator, wishes->hold_until);
    memset(wishes, 0, sizeof(*wishes));
}

static int word_is_one_of(const char *word, size_t length, const char *const *allowed)
{
    for (size_t i = 0; allowed[i] != NULL; i++) {
        if (tdm_equal_nocase_n(word, length, allowed[i])) {
            return 1;
        }
    }
    return 0;
}

/* NEVER alone, or SUCCESS, FAILURE, DELAY with commas between (RFC 3461 4.1). */
static int notify_fits(const char *notify)
{
    static const char *const allowed[] = {"SUCCESS", "FAILURE", "DELAY", NULL};
    if (tdm_equal_nocase(notify, "NEVER")) {
        return 1;
    }
    for (;;) {
        size_t length = strcspn(notify, ",");
        if (!word_is_one_of(notify, length, allowed)) {
            return 0;
        }
        if (notify[length] == '\0') {
            return 1;
        }
        notify += length + 1;
    }
}

/* RFC 3339 date-time: nothing but its characters. */
static int date_time_fits(const char *text)
{
    size_t length = strlen(text);
    return length >= 20 && length <= 40 && strspn(text, "0123456789-:.TZtz+") == length;
}

int tdm_smtp_wishes_fit(const tidymail_smtp_envelope *envelope)
{
    static const char *const rets[] = {"FULL", "HDRS", NULL};
    const char *envid = envelope->dsn_envid;
    if (envelope->dsn_notify != NULL && !notify_fits(envelope->dsn_notify)) {
        return 0;
    }
    if (envelope->dsn_ret != NULL &&
        !word_is_one_of(envelope->dsn_ret, strlen(envelope->dsn_ret), rets)) {
        return 0;
    }
    if (envid != NULL && (envid[0] == '\0' || strlen(envid) > ENVID_MAX ||
                          tdm_find_control(envid, strlen(envid)) != strlen(envid) ||
                          tdm_has_8bit(envid, strlen(envid)))) {
        return 0;
    }
    if (envelope->hold_until != NULL && !date_time_fits(envelope->hold_until)) {
        return 0;
    }
    int by = envelope->deliver_by_mode;
    if (envelope->deliver_by_s != 0 &&
        ((by != 'R' && by != 'N') || envelope->deliver_by_s > 999999999 ||
         envelope->deliver_by_s < -999999999 || (by == 'R' && envelope->deliver_by_s < 1))) {
        return 0;
    }
    return envelope->hold_for_s >= 0 &&
           (envelope->hold_for_s == 0 || envelope->hold_until == NULL) &&
           (!envelope->has_priority || (envelope->priority >= -9 && envelope->priority <= 9));
}

/* xtext (RFC 3461 4): "+", "=" and everything outside 33 to 126 as +HH. */
static void parameters_add_xtext(struct tdm_buf *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 33 || c > 126 || c == '+' || c == '=') {
            char escape[3] = {'+', hex[c >> 4], hex[c & 15]};
            tdm_buf_add(out, escape, sizeof(escape));
        } else {
            tdm_buf_add_char(out, (char)c);
        }
    }
}

void tdm_smtp_mail_parameters(tidymail_smtp *smtp, const struct tdm_transaction *t,
                              struct tdm_buf *out)
{
    const struct tdm_smtp_caps *caps = &smtp->caps;
    const struct tdm_smtp_wishes *wishes = &t->wishes;
    if (!smtp->extended) {
        return;
    }
    if (caps->size && t->size >= 0) {
        tdm_buf_addf(out, " SIZE=%l", t->size);
    }
    if (wishes->body_binary) {
        tdm_buf_add_str(out, " BODY=BINARYMIME");
    } else if (caps->eight_bit && (t->body_8bit || t->utf8)) {
        tdm_buf_add_str(out, " BODY=8BITMIME");
    }
    if (caps->smtputf8 && t->utf8) {
        tdm_buf_add_str(out, " SMTPUTF8");
    }
    if (caps->dsn && wishes->dsn_ret != NULL) {
        tdm_buf_addf(out, " RET=%s", wishes->dsn_ret);
    }
    if (caps->dsn && wishes->dsn_envid != NULL) {
        tdm_buf_add_str(out, " ENVID=");
        parameters_add_xtext(out, wishes->dsn_envid);
    }
    if (wishes->require_tls) {
        tdm_buf_add_str(out, " REQUIRETLS");
    }
    if (caps->deliverby && wishes->deliver_by_s != 0) {
        tdm_buf_addf(out, " BY=%l;%c", wishes->deliver_by_s, wishes->deliver_by_mode);
    }
    if (wishes->hold_for_s > 0) {
        tdm_buf_addf(out, " HOLDFOR=%l", wishes->hold_for_s);
    } else if (wishes->hold_until != NULL) {
        tdm_buf_addf(out, " HOLDUNTIL=%s", wishes->hold_until);
    }
    if (caps->mt_priority && wishes->has_priority) {
        tdm_buf_addf(out, " MT-PRIORITY=%d", wishes->priority);
    }
}

void tdm_smtp_rcpt_parameters(tidymail_smtp *smtp, const struct tdm_transaction *t,
                              const char *address, struct tdm_buf *out)
{
    if (!smtp->extended || !smtp->caps.dsn || t->wishes.dsn_notify == NULL) {
        return;
    }
    tdm_buf_addf(out, " NOTIFY=%s", t->wishes.dsn_notify);
    if (!tdm_has_8bit(address,
                      strlen(address))) { /* utf-8-addr-xtext is for RFC 6533 servers only */
        tdm_buf_add_str(out, " ORCPT=rfc822;");
        parameters_add_xtext(out, address);
    }
}

static const char *first_8bit_address(const struct tdm_transaction *t)
{
    for (size_t i = 0; i < t->report->recipient_count; i++) {
        const char *address = t->report->recipients[i].address;
        if (tdm_has_8bit(address, strlen(address))) {
            return address;
        }
    }
    return t->from;
}

static int cannot(struct tdm_transaction *t, const char *words, const char *hint)
{
    return tdm_error_set(&t->report->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_MAIL, words,
                         hint);
}

/* Message properties. */
static int cannot_carry_content(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    const struct tdm_smtp_caps *caps = &smtp->caps;
    struct tidymail_error *error = &t->report->error;
    if (caps->size && caps->max_size > 0 && t->size > caps->max_size) {
        return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_MAIL,
                              "the message has %l bytes, the server takes %l at most (SIZE)",
                              t->size, caps->max_size);
    }
    if (t->utf8 && !(smtp->extended && caps->smtputf8)) {
        const char *address = first_8bit_address(t);
        if (!tdm_has_8bit(address, strlen(address))) {
            return cannot(t, "the header needs SMTPUTF8, which the server does not offer", NULL);
        }
        return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_MAIL,
                              "the address <%s> needs SMTPUTF8, which the server does not offer",
                              address);
    }
    if (t->wishes.body_binary && !(smtp->extended && caps->chunking && caps->binarymime)) {
        return cannot(t, "the message is binary, and the server does not offer BINARYMIME", NULL);
    }
    if (smtp->options.no_partial && caps->rcpt_max > 0 &&
        t->report->recipient_count > (size_t)caps->rcpt_max) {
        return tdm_error_setf(
            error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_MAIL,
            "the server takes %l recipients at once (LIMITS), and partial=no asks "
            "for all %z or none",
            caps->rcpt_max, t->report->recipient_count);
    }
    if (t->body_8bit && !(smtp->extended && caps->eight_bit)) {
        return cannot(t, "the message has bytes over 127, and the server does not offer 8BITMIME",
                      NULL);
    }
    return TIDYMAIL_OK;
}

/* Wishes that may not be dropped in silence. */
static int cannot_carry_wishes(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    const struct tdm_smtp_caps *caps = &smtp->caps;
    const struct tdm_smtp_wishes *wishes = &t->wishes;
    struct tidymail_error *error = &t->report->error;
    if (wishes->require_tls && !(caps->requiretls && smtp->encrypted)) {
        return cannot(t, "REQUIRETLS was asked for, and the server does not offer it",
                      "nothing was sent, as RFC 8689 demands");
    }
    int hold = wishes->hold_for_s > 0 || wishes->hold_until != NULL;
    if (hold && !caps->futurerelease) {
        return cannot(t,
                      "a later release was asked for, and the server does not offer FUTURERELEASE",
                      "it would have been delivered at once");
    }
    if (wishes->hold_for_s > 0 && caps->hold_max > 0 && wishes->hold_for_s > caps->hold_max) {
        return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_MAIL,
                              "a release in %l seconds was asked for, the server allows %l at most",
                              wishes->hold_for_s, caps->hold_max);
    }
    int must_return = wishes->deliver_by_s != 0 && wishes->deliver_by_mode == 'R';
    if (must_return && !caps->deliverby) {
        return cannot(
            t, "a return by a time was asked for, and the server does not offer DELIVERBY", NULL);
    }
    if (must_return && wishes->deliver_by_s < caps->deliverby_min) {
        return tdm_error_setf(
            error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_MAIL,
            "delivery within %l seconds was asked for, the server needs %l at least",
            wishes->deliver_by_s, caps->deliverby_min);
    }
    return TIDYMAIL_OK;
}

int tdm_smtp_cannot_carry(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    const struct tdm_smtp_wishes *wishes = &t->wishes;
    if (cannot_carry_content(smtp, t) != TIDYMAIL_OK ||
        cannot_carry_wishes(smtp, t) != TIDYMAIL_OK) {
        return 1;
    }
    int dsn = wishes->dsn_notify != NULL || wishes->dsn_ret != NULL || wishes->dsn_envid != NULL;
    if (dsn && !smtp->caps.dsn) {
        tdm_report_add_note(t->report,
                            "the server does not offer DSN: no notification was asked for");
    }
    if (wishes->has_priority && !smtp->caps.mt_priority) {
        tdm_report_add_note(t->report, "the server does not offer MT-PRIORITY: none was given");
    }
    if (wishes->deliver_by_s != 0 && !smtp->caps.deliverby) {
        tdm_report_add_note(t->report, "the server does not offer DELIVERBY: no time was given");
    }
    return 0;
}
