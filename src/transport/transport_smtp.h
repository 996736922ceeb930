/* transport_smtp.h: what the SMTP transport does that can be asked for by itself. */
#ifndef TDM_TRANSPORT_SMTP_H
#define TDM_TRANSPORT_SMTP_H

#include "transport/transport_impl.h"

/* The address or name to give with EHLO where helo= was not given (RFC 5321 4.1.1.1): `hostname`
 * where it is a fully qualified name, else an address literal of this machine (RFC 5321 4.1.3). A
 * new string; NULL when out of memory. */
char *tdm_smtp_default_helo(const tidymail_allocator *allocator, const char *hostname);

/* When a send has to be over: `timeout_ms` from now; -1: 1800 seconds, and one for each 64 KiB of
 * `size` (-1 where unknown). */
int64_t tdm_smtp_send_deadline(int64_t now_ms, int64_t timeout_ms, int64_t size);

#endif
