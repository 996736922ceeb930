/* hints.h: what to do next, in plain words. The table is hints.def. */
#ifndef TDM_REPORT_HINTS_H
#define TDM_REPORT_HINTS_H

#include <stddef.h>

struct tdm_hint_query {
    int kind;
    int phase;
    int code;
    const char *enhanced; /* "" where there is none */
    const char *words;    /* of the server */
    const char *server;   /* "host:port"; may be NULL */
};

struct tdm_hint {
    const char *text;
    const char *source; /* where the meaning comes from */
};

/* The first row that fits; NULL where none does. */
const struct tdm_hint *tdm_hint_find(const struct tdm_hint_query *query);
/* All of them, for documentation and tests; NULL past the end. */
const struct tdm_hint *tdm_hint_at(size_t index);

#endif
