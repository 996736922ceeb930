/* sendmail_fields.h: names of this machine and its user, and the fields that a message lacks. */
#ifndef TIDYMAIL_CLI_SENDMAIL_FIELDS_H
#define TIDYMAIL_CLI_SENDMAIL_FIELDS_H

#include <stdio.h>

/* The domain of local mail: /etc/mailname, else the name of the host. */
void sendmail_host_name(char *name, size_t size);
/* Who runs this. */
void sendmail_user_name(char *name, size_t size);
/* "Name <address>" as a From field; "" as `name`: the address alone. 0 or -1. */
int sendmail_add_from(FILE *out, const char *name, const char *address);
void sendmail_add_date(FILE *out);
void sendmail_add_message_id(FILE *out, const char *domain);

#endif
