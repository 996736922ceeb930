/*
 * scenario.h: a scenario file (.scn) as data. docs/scenarios.md is the definition of the format.
 * Parsing is strict: the first thing that is not in the format is an error with its line.
 */
#ifndef TDM_DEVSERVER_SCENARIO_H
#define TDM_DEVSERVER_SCENARIO_H

#include "util/buf.h"

enum tdm_certificate {
    TDM_CERTIFICATE_VALID = 0,
    TDM_CERTIFICATE_SELF_SIGNED,
    TDM_CERTIFICATE_EXPIRED,
    TDM_CERTIFICATE_WRONG_HOST,
    TDM_CERTIFICATE_UNTRUSTED_CA,
    TDM_CERTIFICATE_CA_AS_LEAF,
    TDM_CERTIFICATE_SMALL_DH /* a good one, with a key exchange that is too weak */
};
#define TDM_CERTIFICATE_COUNT 7

enum tdm_scene_type {
    TDM_SCENE_SEND,    /* S: and @raw */
    TDM_SCENE_EXPECT,  /* C: text */
    TDM_SCENE_MESSAGE, /* C: <message> */
    TDM_SCENE_TLS,
    TDM_SCENE_CLOSE,
    TDM_SCENE_RESET,
    TDM_SCENE_WAIT,
    TDM_SCENE_SILENCE
};

struct tdm_scene_step {
    enum tdm_scene_type type;
    size_t line;         /* of the file, from 1 */
    char *text;          /* SEND: the bytes; EXPECT: the pattern; a NUL follows */
    size_t length;       /* of text */
    size_t repeat;       /* SEND: how often (@repeat) */
    int bytewise;        /* SEND: one byte a segment */
    int64_t duration_ms; /* WAIT; SEND bytewise: the pause before each byte but the first */
    int optional;        /* EXPECT, MESSAGE: may be missing */
    enum tdm_certificate certificate; /* TLS */
    int max_version;                  /* TLS: 10, 11 or 12; 0: no limit */
};

/* name=value, as it stands in client: and behind the fixed words of expect:. */
struct tdm_scenario_word {
    char *name;
    char *value;
    size_t line;
};

/* One expect: or expect-recipient: line. -1 in a number means: not checked. */
struct tdm_scenario_expect {
    size_t line;   /* 0: there is none */
    char *address; /* expect-recipient: only, NULL: by its place */
    int outcome;
    int kind;
    int phase;
    int code; /* 0: no code */
    int retryable;
    int maybe_delivered;
    struct tdm_scenario_word *checks;
    size_t check_count;
};

struct tdm_scenario {
    tidymail_allocator allocator;
    char *title;
    char *source;
    char *class_name;                 /* of the deviation that it shows; NULL: none */
    struct tdm_scenario_word *client; /* all words of client: but to= */
    size_t client_count;
    char **recipients; /* of to=; one default recipient where there is none */
    size_t recipient_count;
    struct tdm_scene_step *steps;
    size_t step_count;
    struct tdm_scenario_expect expect;
    struct tdm_scenario_expect *expect_recipients;
    size_t expect_recipient_count;
};

/* Parses a whole file. Returns 0; or -1 with one line in `error` ("line 7: ..."). The scenario can
 * be cleared in both cases. */
int tdm_scenario_parse(struct tdm_scenario *scenario, const char *text, size_t length,
                       struct tdm_buf *error);
void tdm_scenario_clear(struct tdm_scenario *scenario);

/* A word of client:, or NULL. */
const char *tdm_scenario_client(const struct tdm_scenario *scenario, const char *name);
/* The reverse-path of client:, or its default. */
const char *tdm_scenario_from(const struct tdm_scenario *scenario);
/* enum tidymail_smtp_tls: what client: says, else implicit where @tls comes first, else STARTTLS. */
int tdm_scenario_tls(const struct tdm_scenario *scenario);
/* 1 where a step needs TLS. */
int tdm_scenario_has_tls(const struct tdm_scenario *scenario);

/* "31s", "500ms", "2m", "1.5s", "1h"; -1 where it is not a duration. */
int64_t tdm_scenario_duration(const char *text, size_t length);
/* 1 where the line matches the pattern, case-blind; `*` stands for any text, also none. */
int tdm_scenario_matches(const char *pattern, const char *line, size_t length);
/* "valid", "self-signed", ... */
const char *tdm_certificate_name(enum tdm_certificate certificate);

#endif
