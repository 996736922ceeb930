/*
 * subjob.h: a job made of another one: for some of its recipients, or with somebody else in their
 * place. It has a report of its own, whose answers are told to the whole job afterwards.
 */
#ifndef TDM_TRANSPORT_SUBJOB_H
#define TDM_TRANSPORT_SUBJOB_H

#include "transport/transport_impl.h"

/* What is done with one recipient of the whole job. */
enum tdm_way { TDM_WAY_NONE = 0, TDM_WAY_SELF, TDM_WAY_OTHER };

struct tdm_subjob {
    struct tdm_job job;      /* to be sent */
    struct tdm_job *whole;   /* whose part it is */
    const char **recipients; /* of the envelope */
    size_t *place;           /* of each recipient of the whole: where in these, or TDM_NOWHERE */
    size_t *route_place;     /* of each recipient of the message; NULL: `place` is that */
    struct tdm_route route;
};

/* Fills it in: `way` says for each recipient of the whole what becomes of it; `other` is who gets
 * what is for others. 0, or -1 when out of memory; it can be cleared in every case. The envelope has
 * no recipient where every way is NONE. */
int tdm_subjob_init(struct tdm_subjob *sub, struct tdm_job *whole, const unsigned char *way,
                    const char *other);
/* After the send: tells the whole job's report what became of the recipients of this one, and its
 * error, notes, facts and times. The attempts are left to the caller. */
void tdm_subjob_merge(struct tdm_subjob *sub);
void tdm_subjob_clear(struct tdm_subjob *sub);

#endif
