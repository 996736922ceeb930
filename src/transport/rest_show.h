/* rest_show.h: a request and its answer in the transcript, without secrets and cookies. */
#ifndef TDM_TRANSPORT_REST_SHOW_H
#define TDM_TRANSPORT_REST_SHOW_H

#include "transport/rest_carrier.h"

/* The head as it goes out; the body is told by its size and type. */
void tdm_show_request(const struct tdm_trace *trace, const struct tdm_exchange *exchange,
                      int encrypted, const char *head, size_t length);
/* A line of the answer's head. */
void tdm_show_header(const struct tdm_trace *trace, const struct tdm_exchange *exchange,
                     int encrypted, const char *line, size_t length);
/* The answer's body, up to 4 KiB of it. */
void tdm_show_body(const struct tdm_trace *trace, const struct tdm_exchange *exchange,
                   int encrypted);

#endif
