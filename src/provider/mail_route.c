/* mail_route.c: see mail_route.h. */
#include "provider/mail_route.h"

#include <string.h>

#include "message/header.h"
#include "util/str.h"

static int route_no_memory(struct tidymail_error *error)
{
    return tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory", NULL);
}

void tdm_mail_add_redirected_for(struct tdm_buf *out, const char *value)
{
    tdm_header_add_words(out, TDM_REDIRECTED_FOR, value);
}

/* Where the mail for one address of the header goes. An address that is none of the recipients (the
 * message has an envelope of its own) gets nothing. */
static size_t route_find(const struct tdm_mail *mail, const struct tdm_route *route,
                         const char *spec)
{
    const char *const *recipients = tdm_message_recipients(mail->message);
    size_t count = tdm_message_recipient_count(mail->message);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(recipients[i], spec) == 0) {
            return route->place[i];
        }
    }
    return TDM_NOWHERE;
}

/* One list, without those who get nothing; who stands in for another comes once in all lists. */
static int route_list(const struct tdm_mail *mail, const struct tdm_route *route,
                      const struct tdm_mailbox_list *from, unsigned char *seen,
                      struct tdm_mailbox_list *to)
{
    to->items = tdm_alloc_array(&mail->allocator, from->count + 1, sizeof(*to->items));
    if (to->items == NULL) {
        return -1;
    }
    to->capacity = from->count + 1;
    for (size_t i = 0; i < from->count; i++) {
        size_t place = route_find(mail, route, from->items[i].spec);
        if (place == TDM_NOWHERE) {
            continue;
        }
        const char *target = route->recipients[place];
        struct tdm_mailbox mailbox = {NULL, NULL, 0, NULL, 0};
        if (strcmp(target, from->items[i].spec) == 0) {
            mailbox.name = from->items[i].name;
            mailbox.utf8 = from->items[i].utf8;
        } else if (seen[place]) {
            continue;
        }
        seen[place] = 1;
        memcpy(&mailbox.spec, &target, sizeof(target)); /* never freed through this list */
        to->items[to->count++] = mailbox;
    }
    return 0;
}

static int route_add_field(struct tdm_mail *mail, const char *value)
{
    struct tdm_mail_field *fields = tdm_resize_array(&mail->allocator, mail->fields,
                                                     mail->field_count + 1, sizeof(*mail->fields));
    if (fields == NULL) {
        return -1;
    }
    mail->fields = fields;
    struct tdm_mail_field *field = &fields[mail->field_count];
    field->name = tdm_strdup(&mail->allocator, TDM_REDIRECTED_FOR);
    field->value = tdm_strdup(&mail->allocator, value);
    mail->field_count++; /* what is missing is freed as NULL */
    return field->name != NULL && field->value != NULL ? 0 : -1;
}

int tdm_mail_route(struct tdm_mail *mail, const struct tdm_route *route, int with_field,
                   struct tidymail_error *error)
{
    const struct tdm_mailbox_list *from[] = {mail->to, mail->cc, mail->bcc};
    unsigned char *seen = tdm_alloc_array(&mail->allocator, route->recipient_count + 1, 1);
    int failed = seen == NULL;
    for (size_t i = 0; i < 3 && !failed; i++) {
        failed = route_list(mail, route, from[i], seen, &mail->routed[i]) != 0;
    }
    tdm_free(&mail->allocator, seen);
    if (!failed && with_field && route->redirected_for != NULL) {
        failed = route_add_field(mail, route->redirected_for) != 0;
    }
    /* services want somebody in To, where there is somebody to be seen */
    size_t first = !failed && mail->routed[0].count == 0 && mail->routed[1].count > 0;
    mail->to = &mail->routed[first];
    mail->cc = &mail->routed[1 - first];
    mail->bcc = &mail->routed[2];
    mail->route = route;
    mail->recipients = route->recipients;
    mail->recipient_count = route->recipient_count;
    return failed ? route_no_memory(error) : TIDYMAIL_OK;
}

/* The length of the field at `text`, with its CRLF and what it is folded to. */
static size_t route_field_length(const char *text, size_t length)
{
    size_t at = 0;
    for (;;) {
        const char *end = memchr(text + at, '\n', length - at);
        at = end != NULL ? (size_t)(end - text) + 1 : length;
        if (at >= length || !tdm_is_space(text[at])) {
            return at;
        }
    }
}

static int route_names_recipients(const char *field, size_t length)
{
    static const char *const names[] = {"To",        "Cc",         "Bcc",          "Resent-To",
                                        "Resent-Cc", "Resent-Bcc", "Apparently-To"};
    const char *colon = memchr(field, ':', length);
    size_t end = colon != NULL ? (size_t)(colon - field) : 0;
    while (end > 0 && tdm_is_space(field[end - 1])) {
        end--; /* RFC 5322 4.5 */
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (tdm_equal_nocase_n(field, end, names[i])) {
            return 1;
        }
    }
    return 0;
}

/* Drops the fields that name recipients, in place. */
static void route_drop_recipients(struct tdm_buf *out, size_t start)
{
    size_t from = start;
    size_t to = start;
    while (from < out->length && out->data[from] != '\r' && out->data[from] != '\n') {
        size_t length = route_field_length(out->data + from, out->length - from);
        if (!route_names_recipients(out->data + from, length)) {
            memmove(out->data + to, out->data + from, length);
            to += length;
        }
        from += length;
    }
    memmove(out->data + to, out->data + from, out->length - from);
    out->length -= from - to;
}

/* Those of the route as the header names them; a message whose header names none of them (ready-made,
 * or with an envelope of its own) has them in Bcc. */
static void route_add_recipients(const struct tdm_mail *mail, struct tdm_buf *out)
{
    size_t named = mail->to->count + mail->cc->count + mail->bcc->count;
    tdm_header_add_mailboxes(out, "To", mail->to);
    tdm_header_add_mailboxes(out, "Cc", mail->cc);
    tdm_header_add_mailboxes(out, "Bcc", mail->bcc);
    struct tdm_buf list;
    tdm_buf_init(&list, &out->allocator, out->max);
    for (size_t i = 0; named == 0 && i < mail->recipient_count; i++) {
        tdm_buf_addf(&list, "%s%s", i > 0 ? ", " : "", mail->recipients[i]);
    }
    if (list.length > 0) {
        tdm_header_add_words(out, "Bcc", tdm_buf_text(&list));
    }
    out->failed |= list.failed;
    tdm_buf_clear(&list);
}

int tdm_mail_route_raw(const struct tdm_mail *mail, int by_header, size_t start,
                       struct tdm_buf *out, struct tidymail_error *error)
{
    struct tdm_buf front;
    tdm_buf_init(&front, &mail->allocator, (size_t)16 * 1024 * 1024);
    if (mail->route->redirected_for != NULL) {
        tdm_mail_add_redirected_for(&front, mail->route->redirected_for);
    }
    if (by_header) {
        route_add_recipients(mail, &front);
    }
    if (!out->failed && by_header && out->length > start) {
        route_drop_recipients(out, start);
    }
    if (!front.failed && front.length > 0 && tdm_buf_reserve(out, front.length) == 0) {
        memmove(out->data + start + front.length, out->data + start, out->length - start);
        memcpy(out->data + start, front.data, front.length);
        out->length += front.length;
    }
    if (!out->failed && tdm_buf_reserve(out, 1) == 0) {
        out->data[out->length] = '\0';
    }
    int failed = front.failed || out->failed;
    tdm_buf_clear(&front);
    return failed ? route_no_memory(error) : TIDYMAIL_OK;
}
