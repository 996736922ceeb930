/* address.h: addresses as people and headers write them (RFC 5322 3.4): read, checked, written. */
#ifndef TIDYMAIL_ADDRESS_H
#define TIDYMAIL_ADDRESS_H

#include <tidymail/error.h>
#include <tidymail/types.h>

TIDYMAIL_BEGIN_DECLS

typedef struct tidymail_address_list tidymail_address_list;

enum tidymail_address_flag {
    TIDYMAIL_ADDRESS_ONE = 1,    /* exactly one mailbox is expected, not a list */
    TIDYMAIL_ADDRESS_LENIENT = 2 /* as tidymail_message_set_lenient_addresses */
};

/* Reads mailboxes and groups with commas between them: display names, quoted strings, comments,
 * domain literals, UTF-8 (RFC 6531). Returns NULL only when out of memory; where the text is wrong
 * the list is empty and has an error. `flags`: of enum tidymail_address_flag. */
TIDYMAIL_API tidymail_address_list *tidymail_address_list_parse(const char *text, int flags);
/* The same with an allocator of the caller's (copied; NULL: the C library's). */
TIDYMAIL_API tidymail_address_list *
tidymail_address_list_parse_with(const char *text, int flags, const tidymail_allocator *allocator);
TIDYMAIL_API void tidymail_address_list_free(tidymail_address_list *list);
/* What is wrong, "address: two dots in a row at offset 2"; NULL where all is well. */
TIDYMAIL_API const tidymail_error *tidymail_address_list_error(const tidymail_address_list *list);
/* Where in the text, in bytes. */
TIDYMAIL_API size_t tidymail_address_list_error_offset(const tidymail_address_list *list);

/* How many mailboxes there are, those in groups included; 0 for NULL. */
TIDYMAIL_API size_t tidymail_address_list_count(const tidymail_address_list *list);
/* Texts of one of them, valid as long as the list, and "" where there is none. The display name,
 * without quotes; a comment behind an address without a name is its name: "ann@example.org (Ann)". */
TIDYMAIL_API const char *tidymail_address_list_name(const tidymail_address_list *list,
                                                    size_t index);
/* "local@domain" as it goes on the wire: the domain in A-labels. */
TIDYMAIL_API const char *tidymail_address_list_spec(const tidymail_address_list *list,
                                                    size_t index);
/* The domain as people write it: in Unicode (UTS 46, non-transitional) where it has A-labels that
 * can be shown, else as it is. */
TIDYMAIL_API const char *tidymail_address_list_domain(const tidymail_address_list *list,
                                                      size_t index);
/* The name of the group that begins with this mailbox. */
TIDYMAIL_API const char *tidymail_address_list_group(const tidymail_address_list *list,
                                                     size_t index);
/* 1 where the local part needs a server with SMTPUTF8. */
TIDYMAIL_API int tidymail_address_list_needs_utf8(const tidymail_address_list *list, size_t index);
/* All of it as a header field, "To: ..." with CRLF: folded, quoted and encoded (RFC 2047) as needed.
 * "" where the list is empty. */
TIDYMAIL_API const char *tidymail_address_list_field(tidymail_address_list *list,
                                                     const char *field_name);

TIDYMAIL_END_DECLS

#endif
