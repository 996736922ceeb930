/* shown.h: how lines of a session may be shown: printable, short, without secrets. */
#ifndef TDM_DEVSERVER_SHOWN_H
#define TDM_DEVSERVER_SHOWN_H

#include "util/buf.h"

enum tdm_server_mark { TDM_SERVER_RECEIVED, TDM_SERVER_SENT, TDM_SERVER_NOTE };

/* Gets the lines of a session: no line end, escaped, without secrets and message bodies. */
struct tdm_server_trace {
    void (*line)(void *context, enum tdm_server_mark mark, const char *text); /* may be NULL */
    void *context;
};

/* Appends the text, what is unprintable escaped, cut after 200 bytes. */
void tdm_shown_add(struct tdm_buf *out, const char *text, size_t length);

/* What decides whether a client's line is a secret. Zeroed at the start of a session. */
struct tdm_shown_client {
    int auth_seen; /* an AUTH command came: lines that are no command may be responses */
    int prompted;  /* the last line sent to the client was a 334 */
};

/* Takes note of lines sent to the client. */
void tdm_shown_sent(struct tdm_shown_client *client, const char *text, size_t length);
/* Appends a client's line as it may be shown: the response of AUTH and the lines that answer a 334
 * are left out. Call it once for each line, in order. */
void tdm_shown_add_client(struct tdm_buf *out, struct tdm_shown_client *client, const char *line,
                          size_t length);

/* Both do the same, and give the line to `trace`. A line end at the end is dropped. */
void tdm_shown_trace_sent(const struct tdm_server_trace *trace, struct tdm_shown_client *client,
                          const char *text, size_t length);
void tdm_shown_trace_client(const struct tdm_server_trace *trace, struct tdm_shown_client *client,
                            const char *line, size_t length);

#endif
