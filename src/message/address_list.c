/* address_list.c: tidymail/address.h. */
#include <tidymail/address.h>

#include <idn2.h>
#include <string.h>

#include "message/address.h"
#include "message/header.h"
#include "report/report_data.h"
#include "util/buf.h"
#include "util/str.h"
#include "util/utf8.h"

#define ADDRESS_LIST_TEXT_MAX 1048576

struct tidymail_address_list {
    tidymail_allocator allocator;
    struct tidymail_error error;
    size_t error_offset;
    struct tdm_mailbox_list mailboxes;
    char **domains; /* one for each mailbox */
    struct tdm_buf field;
};

static void address_list_refuse(tidymail_address_list *list, const char *reason, size_t offset)
{
    list->error_offset = offset;
    if (reason == NULL) {
        tdm_error_set(&list->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory",
                      NULL);
        return;
    }
    tdm_error_setf(&list->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                   "address: %s at offset %z", reason, offset);
}

/* The domain in Unicode, where it leads back to the same A-labels: what does not is not shown. */
static char *address_list_domain(const tidymail_allocator *allocator, const char *domain)
{
    char *unicode = NULL;
    uint8_t *back = NULL;
    char *copy = NULL;
    const int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
    if (domain[0] != '[' && idn2_to_unicode_8z8z(domain, &unicode, 0) == IDN2_OK &&
        idn2_lookup_u8((const uint8_t *)unicode, &back, flags) == IDN2_OK &&
        tdm_equal_nocase((const char *)back, domain)) {
        copy = tdm_strdup(allocator, unicode);
    } else {
        copy = tdm_strdup(allocator, domain);
    }
    idn2_free(unicode);
    idn2_free(back);
    return copy;
}

static void address_list_read(tidymail_address_list *list, const char *text, int flags)
{
    size_t length = strlen(text);
    size_t control = tdm_find_control(text, length);
    size_t invalid = tdm_utf8_find_invalid(text, length);
    struct tdm_address_error why = {0, NULL};
    struct tdm_mailbox_list *mailboxes = &list->mailboxes;
    const tidymail_allocator *allocator = &list->allocator;
    int inner =
        TDM_ADDRESS_NAMES | ((flags & TIDYMAIL_ADDRESS_LENIENT) != 0 ? TDM_ADDRESS_LENIENT : 0);
    int result = 0;
    if (control < length || invalid < length) {
        address_list_refuse(list, control < invalid ? "control character" : "invalid UTF-8",
                            control < invalid ? control : invalid);
        return;
    }
    if (length > ADDRESS_LIST_TEXT_MAX) {
        address_list_refuse(list, "longer than a million bytes", ADDRESS_LIST_TEXT_MAX);
        return;
    }
    if ((flags & TIDYMAIL_ADDRESS_ONE) != 0) {
        struct tdm_mailbox one;
        result = tdm_mailbox_parse(allocator, text, inner, &one, &why);
        if (result == 0 && tdm_mailbox_list_add(allocator, mailboxes, &one) != 0) {
            tdm_mailbox_clear(allocator, &one);
            result = -1;
            why.reason = NULL;
        }
    } else {
        result = tdm_mailbox_list_parse(allocator, text, inner, mailboxes, &why);
    }
    if (result == 0 && mailboxes->count > 0) {
        list->domains = tdm_alloc_array(allocator, mailboxes->count, sizeof(*list->domains));
        result = list->domains != NULL ? 0 : -1;
    }
    for (size_t i = 0; result == 0 && i < mailboxes->count; i++) {
        list->domains[i] =
            address_list_domain(allocator, tdm_mailbox_domain(mailboxes->items[i].spec));
        result = list->domains[i] != NULL ? 0 : -1;
    }
    if (result != 0) {
        address_list_refuse(list, why.reason, why.offset);
    }
}

static void address_list_clear(tidymail_address_list *list)
{
    for (size_t i = 0; list->domains != NULL && i < list->mailboxes.count; i++) {
        tdm_free(&list->allocator, list->domains[i]);
    }
    tdm_free(&list->allocator, list->domains);
    list->domains = NULL;
    tdm_mailbox_list_clear(&list->allocator, &list->mailboxes);
}

tidymail_address_list *tidymail_address_list_parse(const char *text, int flags)
{
    return tidymail_address_list_parse_with(text, flags, NULL);
}

tidymail_address_list *tidymail_address_list_parse_with(const char *text, int flags,
                                                        const tidymail_allocator *allocator)
{
    tidymail_allocator memory = tdm_allocator_or_default(allocator);
    tidymail_address_list *list = tdm_alloc_array(&memory, 1, sizeof(*list));
    if (list == NULL) {
        return NULL;
    }
    list->allocator = memory;
    tdm_error_init(&list->error, &memory);
    tdm_buf_init(&list->field, &memory, SIZE_MAX / 4);
    if (text == NULL) {
        address_list_refuse(list, "NULL was given", 0);
        return list;
    }
    address_list_read(list, text, flags);
    if (list->error.kind != TIDYMAIL_OK) {
        address_list_clear(list);
    }
    return list;
}

void tidymail_address_list_free(tidymail_address_list *list)
{
    if (list == NULL) {
        return;
    }
    tidymail_allocator allocator = list->allocator;
    address_list_clear(list);
    tdm_error_clear(&list->error);
    tdm_buf_clear(&list->field);
    tdm_free(&allocator, list);
}

const tidymail_error *tidymail_address_list_error(const tidymail_address_list *list)
{
    return list != NULL && list->error.kind != TIDYMAIL_OK ? &list->error : NULL;
}

size_t tidymail_address_list_error_offset(const tidymail_address_list *list)
{
    return list != NULL ? list->error_offset : 0;
}

size_t tidymail_address_list_count(const tidymail_address_list *list)
{
    return list != NULL ? list->mailboxes.count : 0;
}

static const struct tdm_mailbox *address_list_at(const tidymail_address_list *list, size_t index)
{
    return index < tidymail_address_list_count(list) ? &list->mailboxes.items[index] : NULL;
}

const char *tidymail_address_list_name(const tidymail_address_list *list, size_t index)
{
    const struct tdm_mailbox *mailbox = address_list_at(list, index);
    return mailbox != NULL && mailbox->name != NULL ? mailbox->name : "";
}

const char *tidymail_address_list_spec(const tidymail_address_list *list, size_t index)
{
    const struct tdm_mailbox *mailbox = address_list_at(list, index);
    return mailbox != NULL ? mailbox->spec : "";
}

const char *tidymail_address_list_domain(const tidymail_address_list *list, size_t index)
{
    return address_list_at(list, index) != NULL ? list->domains[index] : "";
}

const char *tidymail_address_list_group(const tidymail_address_list *list, size_t index)
{
    const struct tdm_mailbox *mailbox = address_list_at(list, index);
    return mailbox != NULL && mailbox->group != NULL ? mailbox->group : "";
}

int tidymail_address_list_needs_utf8(const tidymail_address_list *list, size_t index)
{
    const struct tdm_mailbox *mailbox = address_list_at(list, index);
    return mailbox != NULL && mailbox->utf8;
}

const char *tidymail_address_list_field(tidymail_address_list *list, const char *field_name)
{
    if (list == NULL || field_name == NULL) {
        return "";
    }
    tdm_buf_reset(&list->field);
    tdm_header_add_mailboxes(&list->field, field_name, &list->mailboxes);
    return list->field.failed ? "" : tdm_buf_text(&list->field);
}
