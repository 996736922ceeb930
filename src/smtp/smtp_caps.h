/*
 * smtp_caps.h: what an EHLO reply offers (RFC 5321 4.1.1.1). Keywords compare without case; what is
 * not known is ignored here and reported by `check`; everything is forgotten at STARTTLS.
 */
#ifndef TDM_SMTP_CAPS_H
#define TDM_SMTP_CAPS_H

#include "smtp/smtp_reply.h"

struct tdm_smtp_caps {
    int starttls;
    int pipelining;
    int eight_bit;
    int smtputf8;
    int chunking;
    int binarymime;
    int dsn;
    int requiretls;
    int deliverby;
    int64_t deliverby_min; /* seconds; 0: none named */
    int futurerelease;
    int64_t hold_max; /* seconds; 0: none named */
    int mt_priority;
    int64_t
        mail_max; /* LIMITS (RFC 9422): transactions of one session, recipients of one; 0: none */
    int64_t rcpt_max;
    int size;                  /* SIZE was offered */
    int64_t max_size;          /* 0: no fixed limit (RFC 1870 4) */
    int auth;                  /* an AUTH line was offered, whatever is on it */
    int masked;                /* a keyword of X or * only: a middlebox hides something */
    struct tdm_buf mechanisms; /* upper case, blanks between: the union of all AUTH lines */
};

void tdm_smtp_caps_init(struct tdm_smtp_caps *caps, const tidymail_allocator *allocator);
void tdm_smtp_caps_reset(struct tdm_smtp_caps *caps);
void tdm_smtp_caps_clear(struct tdm_smtp_caps *caps);
/* Reads a reply to EHLO; 0, or -1 when out of memory. */
int tdm_smtp_caps_read(struct tdm_smtp_caps *caps, const struct tdm_reply *reply);
/* 1 where the mechanism is offered. */
int tdm_smtp_caps_offers(const struct tdm_smtp_caps *caps, const char *mechanism);
/* The next word of a list with blanks between, from *at on; its length, 0 at the end. */
size_t tdm_next_word(const char *list, size_t length, size_t *at, const char **word);

#endif
