/* recipients.h: addresses as local programs name them: lists with names and comments, and "root". */
#ifndef TIDYMAIL_CLI_RECIPIENTS_H
#define TIDYMAIL_CLI_RECIPIENTS_H

#include "failure.h"
#include "words.h"

struct recipients {
    struct words found;  /* addr-specs, whole */
    const char *aliases; /* the file; NULL: none */
    const char *domain;  /* for names that have none */
};

/* Adds all of a list. A name without a domain becomes what the file of aliases says, else gets the
 * domain. 0, or -1 with the failure; `where` names the list in it. */
int recipients_add(struct recipients *own, const char *list, const char *where,
                   struct cli_failure *failure);
/* The first address of a list as it stands, without name and comments ("root", "ann@example.org"), to
 * be freed; NULL where there is none. */
char *recipients_first(const char *list);
/* 1 where it has a domain. */
int recipients_has_domain(const char *address);

#endif
