/*
 * address.h: mailboxes of RFC 5322 section 3.4, read strictly, with the reason and the place where
 * one is not right. Comments are understood and dropped, but for one behind an address that has no
 * name: that is how old software writes names. UTF-8 is taken as RFC 6532 takes it;
 * a domain that is not ASCII becomes its A-labels (UTS 46, non-transitional).
 */
#ifndef TDM_MESSAGE_ADDRESS_H
#define TDM_MESSAGE_ADDRESS_H

#include "util/alloc.h"

struct tdm_mailbox {
    char *name;     /* display name in UTF-8 without quotes, NULL where there is none */
    char *spec;     /* addr-spec, ready for the header and the envelope */
    int utf8;       /* the local part is not ASCII: needs SMTPUTF8 */
    char *group;    /* the name of the group that begins with this mailbox, NULL: none does */
    int ends_group; /* this mailbox is the last of its group */
};

struct tdm_mailbox_list {
    struct tdm_mailbox *items;
    size_t count;
    size_t capacity;
};

/* Why a text is not a mailbox. `reason` is NULL when memory ran out. */
struct tdm_address_error {
    size_t offset;
    const char *reason;
};

/* RFC 5321 4.5.3.1: 64 for the local part, and 256 for a path, which has brackets. */
#define TDM_LOCAL_PART_MAX 64
#define TDM_ADDRESS_MAX 254

/* Local parts with dots where no dot-atom has them ("a..b", "a."), which exist, are taken, and
 * quoted: RFC 5321 4.1.2 allows them so. */
#define TDM_ADDRESS_LENIENT 1
/* Names are kept, and the names of groups. */
#define TDM_ADDRESS_NAMES 2

/* One mailbox, "Ann <ann@example.org>" or "ann@example.org". 0, or -1 and `error` is filled in;
 * `mailbox` is untouched then. The text holds no control character and is valid UTF-8. */
int tdm_mailbox_parse(const tidymail_allocator *allocator, const char *text, int flags,
                      struct tdm_mailbox *mailbox, struct tdm_address_error *error);
/* A list of mailboxes and groups, as in a header field that is already unfolded; appended to
 * `list`, where what was read before a failure stays. Names are left out but with TDM_ADDRESS_NAMES.
 * Empty members are skipped (RFC 5322 4.4). */
int tdm_mailbox_list_parse(const tidymail_allocator *allocator, const char *text, int flags,
                           struct tdm_mailbox_list *list, struct tdm_address_error *error);

void tdm_mailbox_clear(const tidymail_allocator *allocator, struct tdm_mailbox *mailbox);
/* Takes `mailbox` over; 0, or -1 when out of memory (then it stays the caller's). */
int tdm_mailbox_list_add(const tidymail_allocator *allocator, struct tdm_mailbox_list *list,
                         const struct tdm_mailbox *mailbox);
void tdm_mailbox_list_clear(const tidymail_allocator *allocator, struct tdm_mailbox_list *list);

/* One group and nothing else, "Team: ann@example.org, bob@example.org;", its members appended to
 * `list`. 0; 1 where the text is no group; -1 and `error` is filled in. */
int tdm_mailbox_group_parse(const tidymail_allocator *allocator, const char *text, int flags,
                            struct tdm_mailbox_list *list, struct tdm_address_error *error);

/* The part of an addr-spec behind its last "@". */
const char *tdm_mailbox_domain(const char *spec);
/* 1 for a byte that an atom may hold (RFC 5322 3.2.3), UTF-8 included. */
int tdm_is_atext(char c);

#endif
