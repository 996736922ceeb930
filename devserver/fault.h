/*
 * fault.h: rules that make the SMTP server misbehave:
 *
 *     STAGE: ACTION[, ACTION or CONDITION]...
 *
 * docs/faults.md has the words. Several rules: the first that fits, whose conditions hold, acts. Empty
 * lines and lines that begin with "#" are none.
 */
#ifndef TDM_DEVSERVER_FAULT_H
#define TDM_DEVSERVER_FAULT_H

#include "scenario.h"

#define TDM_FAULT_TEXT_MAX 512

enum tdm_fault_stage {
    TDM_FAULT_CONNECT, /* before anything is said */
    TDM_FAULT_GREETING,
    TDM_FAULT_EHLO,
    TDM_FAULT_HELO,
    TDM_FAULT_STARTTLS,
    TDM_FAULT_AUTH, /* the verdict on a login */
    TDM_FAULT_MAIL,
    TDM_FAULT_RCPT,
    TDM_FAULT_DATA,  /* or the first BDAT */
    TDM_FAULT_FINAL, /* the verdict on a message */
    TDM_FAULT_RSET,
    TDM_FAULT_QUIT,
    /* not to be named: */
    TDM_FAULT_OTHER,      /* any other command */
    TDM_FAULT_OFFER,      /* `starttls: no-tls` */
    TDM_FAULT_CERTIFICATE /* `starttls: bad-certificate` */
};
#define TDM_FAULT_NAMED TDM_FAULT_OTHER

enum tdm_fault_end {
    TDM_FAULT_GOES_ON = 0,
    TDM_FAULT_CLOSE,
    TDM_FAULT_RESET,
    TDM_FAULT_HALF /* half of the reply's first line, then close */
};

enum tdm_fault_pace {
    TDM_FAULT_WHOLE = 0,
    TDM_FAULT_SLOW, /* byte by byte */
    TDM_FAULT_SPLIT /* in odd pieces */
};

struct tdm_fault_action {
    int code;                      /* 0: the usual reply; with close and reset none */
    int bare;                      /* the code alone was given: a preset has words for it */
    char enhanced[12];             /* "" for none */
    char text[TDM_FAULT_TEXT_MAX]; /* LF between the lines of a longer reply */
    enum tdm_fault_end end;
    enum tdm_fault_pace pace;
    int64_t pause_ms; /* between two pieces */
    int64_t stall_ms; /* before the reply */
    int no_tls;
    enum tdm_certificate certificate; /* VALID: none was named */
};

struct tdm_fault_rule {
    enum tdm_fault_stage stage;
    struct tdm_fault_action action;
    int64_t first;       /* acts so often at most; -1: always */
    int64_t after;       /* not the first so many times */
    int64_t probability; /* of 1,000,000; -1: always */
    char *to;            /* pattern as in a scenario's C: line; NULL: any */
    char *from;
    int64_t seen; /* how often it fitted */
    int64_t acted;
};

struct tdm_faults {
    struct tdm_fault_rule *items;
    size_t count;
    uint64_t random;                     /* set it to the seed */
    const tidymail_allocator *allocator; /* NULL: the C library's */
};

/* What a command is about. NULL and 0 where that is not known. */
struct tdm_fault_about {
    const char *from;
    char *const *to;
    size_t to_count;
};

/* 0; or -1 with one line in `error` that says where and what is allowed. */
int tdm_faults_parse(struct tdm_faults *faults, const char *text, struct tdm_buf *error);
void tdm_faults_clear(struct tdm_faults *faults);
/* What to do now, which is counted; NULL: nothing. */
const struct tdm_fault_action *tdm_faults_take(struct tdm_faults *faults,
                                               enum tdm_fault_stage stage,
                                               const struct tdm_fault_about *about);
/* The actions alone, without stage and conditions: 0, or -1. */
int tdm_fault_parse_action(struct tdm_fault_action *action, const char *text, size_t length);
/* A recipient that says itself what shall become of it: "451-4.7.1-greylisted@fault.test". 1 where
 * it is one. */
int tdm_fault_of_address(struct tdm_fault_action *action, const char *address);
/* "rcpt" */
const char *tdm_fault_stage_name(enum tdm_fault_stage stage);

#endif
