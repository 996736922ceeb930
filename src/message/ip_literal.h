/* ip_literal.h: whether a text is an IP address as a domain literal holds it (RFC 5321 4.1.3). */
#ifndef TDM_MESSAGE_IP_LITERAL_H
#define TDM_MESSAGE_IP_LITERAL_H

#include <stddef.h>

/* "192.0.2.1" or "IPv6:2001:db8::1", without the brackets. */
int tdm_is_ip_literal(const char *text, size_t length);

#endif
