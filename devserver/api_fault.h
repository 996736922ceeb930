/*
 * api_fault.h: rules that make the doubles answer with a fault:
 *
 *     SERVICE: KIND[ STATUS][, first N]
 *
 * SERVICE is a scheme or "*"; STATUS is for `empty` and `gateway`; with `first N` the rule is over after
 * N requests. Several rules: the first that fits and is not over. Empty lines and lines that begin with
 * "#" are none.
 */
#ifndef TDM_DEVSERVER_API_FAULT_H
#define TDM_DEVSERVER_API_FAULT_H

#include "util/buf.h"

enum tdm_api_fault_kind {
    TDM_API_FAULT_NONE = 0,
    /* of the service's own */
    TDM_API_FAULT_BAD_CREDENTIALS,
    TDM_API_FAULT_BAD_DATA,
    TDM_API_FAULT_UNVERIFIED_SENDER,
    TDM_API_FAULT_RATE_LIMIT,
    TDM_API_FAULT_QUOTA,
    TDM_API_FAULT_SERVER_ERROR,
    TDM_API_FAULT_PARTIAL, /* a success that hides a refusal */
    /* the same everywhere */
    TDM_API_FAULT_GATEWAY, /* 502 with HTML */
    TDM_API_FAULT_EMPTY,   /* the answer without its body; with a status: that status and no body */
    TDM_API_FAULT_HANG,    /* the request is taken, the answer never comes */
    TDM_API_FAULT_CUT,     /* the request is taken, the connection ends */
    TDM_API_FAULT_CUT_EARLY, /* the connection ends within the request */
    TDM_API_FAULT_REDIRECT,  /* 302 to another host */
    TDM_API_FAULT_GARBAGE,   /* 200 with HTML */
    TDM_API_FAULT_COUNT
};

struct tdm_double;

struct tdm_api_fault {
    const struct tdm_double *service; /* NULL: all */
    enum tdm_api_fault_kind kind;
    int status;   /* 0: the usual one */
    int limit;    /* -1: none */
    int answered; /* how many requests it was for */
};

struct tdm_api_faults {
    struct tdm_api_fault *items;
    size_t count;
};

/* 0; or -1 with one line in `error` that says what is allowed. */
int tdm_api_faults_parse(struct tdm_api_faults *faults, const char *text, struct tdm_buf *error);
void tdm_api_faults_clear(struct tdm_api_faults *faults);
/* The rule for a request, which is counted; NULL: none. */
const struct tdm_api_fault *tdm_api_faults_take(struct tdm_api_faults *faults,
                                                const struct tdm_double *service);

#endif
