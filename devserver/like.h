/*
 * like.h: presets: what the servers of the world say. like.def is the table.
 */
#ifndef TDM_DEVSERVER_LIKE_H
#define TDM_DEVSERVER_LIKE_H

#include "fault.h"

struct tdm_like {
    const char *name;
    const char
        *ehlo; /* lines; "-" in front: in clear only, "+": under TLS only; a line AUTH gets the
                         mechanisms behind it */
    const char *auth;   /* in the order offered; those that the server cannot check are only told */
    const char *prompt; /* of AUTH PLAIN without an initial response */
    int login;          /* mail is taken after a login only */
};

/* NULL: there is none of that name. */
const struct tdm_like *tdm_like_find(const char *name);
/* The next name, for lists; NULL past the end. */
const char *tdm_like_name(size_t index);
/* 1 where the keyword is told now. */
int tdm_like_offers(const struct tdm_like *like, const char *keyword, int encrypted);
/* The line at `*at`, which moves on; NULL at the end. */
const char *tdm_like_line(const struct tdm_like *like, size_t *at, size_t *length, int encrypted);
/* The server's own words in place of a reply of ours, as an action; NULL: ours will do. */
const char *tdm_like_words(const struct tdm_like *like, enum tdm_fault_stage stage, int code);

#endif
