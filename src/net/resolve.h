/*
 * resolve.h: from a host name to its addresses (c-ares), without blocking. The answer never comes
 * inside tdm_resolve_start, and the resolver may be freed in its callback.
 */
#ifndef TDM_NET_RESOLVE_H
#define TDM_NET_RESOLVE_H

#include <sys/socket.h>

#include "net/loop.h"
#include "report/report_data.h"

struct tdm_address {
    struct sockaddr_storage storage;
    socklen_t length;
};

struct tdm_resolve;

/* Fills an address from numeric text (IPv4, IPv6, IPv6%interface): 0, or -1 where it is none. */
int tdm_address_parse(const char *text, int port, struct tdm_address *address);
/* The same for the path of a Unix socket; -1 where it is empty or longer than they can be. */
int tdm_address_unix(const char *path, struct tdm_address *address);
/* Appends "192.0.2.1" or "2001:db8::1"; with the port "192.0.2.1:25" or "[2001:db8::1]:25"; of a
 * Unix socket the path. */
void tdm_address_format(const struct tdm_address *address, int with_port, struct tdm_buf *out);

/* `done` gets the addresses in the order to try them (valid during the call), or none and why:
 * kind TIDYMAIL_KIND_RESOLVE or _LOCAL, retryable set. NULL when out of memory. */
struct tdm_resolve *
tdm_resolve_start(struct tdm_loop *loop, const char *host, int port,
                  void (*done)(void *context, const struct tdm_address *addresses, size_t count,
                               const struct tidymail_error *error),
                  void *context);
/* Kinds of records that are read as texts. */
enum tdm_record {
    TDM_RECORD_TXT, /* the strings of a record joined (RFC 7208 3.3) */
    TDM_RECORD_MX   /* "10 mail.example.com", in the order of preference */
};
/* The same for records of a name. A name without such records has none, and no error. */
struct tdm_resolve *tdm_records_start(struct tdm_loop *loop, const char *name, enum tdm_record kind,
                                      void (*done)(void *context,
                                                   const struct tdm_text_list *records,
                                                   const struct tidymail_error *error),
                                      void *context);
/* Gives up where it is not done. NULL is accepted. */
void tdm_resolve_free(struct tdm_resolve *resolve);

#endif
