/*
 * inbox.h: what the test server received, shared by its thread and those that ask. Every function
 * takes the mutex; texts it hands out stay valid until tdm_inbox_free.
 */
#ifndef TDM_DEVSERVER_INBOX_H
#define TDM_DEVSERVER_INBOX_H

#include "util/buf.h"

struct tdm_inbox;

struct tdm_inbox_message {
    char *bytes; /* a NUL follows */
    size_t length;
    char *from;
    char *parameters; /* of MAIL, as they came; "" for none */
    char **recipients;
    char **recipient_parameters; /* of RCPT */
    size_t recipient_count;
    char *user; /* "" where nobody had logged in */
    int encrypted;
};

/* `store`: directory for one .eml each, or NULL. NULL when out of memory. */
struct tdm_inbox *tdm_inbox_new(const char *store);
void tdm_inbox_free(struct tdm_inbox *inbox);

/* Keeps a copy, and its file where there is a store: both or neither. Returns 0; or -1 with one line
 * in `error`. `path` gets the file's name, "" without a store. */
int tdm_inbox_add(struct tdm_inbox *inbox, const struct tdm_inbox_message *message,
                  struct tdm_buf *path, struct tdm_buf *error);
void tdm_inbox_add_connection(struct tdm_inbox *inbox);
/* One line or more, where a client left its script. */
void tdm_inbox_add_deviation(struct tdm_inbox *inbox, const char *lines);

size_t tdm_inbox_count(struct tdm_inbox *inbox);
/* NULL past the end. A message never changes once it is there. */
const struct tdm_inbox_message *tdm_inbox_message(struct tdm_inbox *inbox, size_t index);
size_t tdm_inbox_connections(struct tdm_inbox *inbox);
const char *tdm_inbox_deviation(struct tdm_inbox *inbox);

#endif
