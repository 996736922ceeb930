/*
 * scenario_parser.h: what the files that parse a scenario share. scenario_parse.c reads lines and
 * steps, scenario_expect.c what client:, expect: and expect-recipient: say.
 */
#ifndef TDM_DEVSERVER_SCENARIO_PARSER_H
#define TDM_DEVSERVER_SCENARIO_PARSER_H

#include "scenario.h"

struct tdm_scenario_parser {
    struct tdm_scenario *scenario;
    struct tdm_buf *error;
    size_t line;
    size_t ended_line;    /* of @close, @reset or @silence; nothing may follow */
    size_t optional_line; /* of an @optional that still waits for its C: line */
    size_t repeat_line;   /* of a @repeat that still waits for its S: or @raw line */
    size_t repeat;
    size_t bytewise_line; /* of a @bytewise that holds until the next line that is not S: or @raw */
    int bytewise_used;
    int64_t interval_ms;
};

/* A line's words, one after the other. */
struct tdm_word_cursor {
    const char *at;
    const char *end;
};

/* The first error wins. Returns -1. */
int tdm_scenario_error(struct tdm_scenario_parser *parser, const char *format, ...);
/* Grows an array by one zeroed element; returns that, or NULL with the error set. */
void *tdm_scenario_grow(struct tdm_scenario_parser *parser, void *items, size_t *count,
                        size_t size);
/* A copy, or NULL with the error set. */
char *tdm_scenario_copy(struct tdm_scenario_parser *parser, const char *text, size_t length);
/*
 * The next word: `name` alone (has_value 0) or name=value. A value (or a word alone) in double
 * quotes may hold blanks; in it \" \\ and \n are escapes. 1, 0 at the end, -1 with the error set.
 */
int tdm_scenario_next_word(struct tdm_scenario_parser *parser, struct tdm_word_cursor *cursor,
                           struct tdm_buf *name, struct tdm_buf *value, int *has_value);
/* Appends a word to a list. 0 or -1. */
int tdm_scenario_add_word(struct tdm_scenario_parser *parser, struct tdm_scenario_word **words,
                          size_t *count, const char *name, const char *value);

/* Each takes what stands behind the keyword. 0 or -1. */
int tdm_scenario_parse_client(struct tdm_scenario_parser *parser, const char *text, size_t length);
int tdm_scenario_parse_expect(struct tdm_scenario_parser *parser, const char *text, size_t length);
int tdm_scenario_parse_expect_recipient(struct tdm_scenario_parser *parser, const char *text,
                                        size_t length);
/* What can be judged only at the end of the file. */
int tdm_scenario_check_client(struct tdm_scenario_parser *parser);
int tdm_scenario_check_expect(struct tdm_scenario_parser *parser);

#endif
