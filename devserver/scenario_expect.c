/* scenario_expect.c: the words of client:, expect: and expect-recipient:. See scenario_parser.h. */
#include <string.h>

#include "scenario_parser.h"
#include "util/str.h"

#define WORD_MAX 4096
#define RECIPIENTS_MAX 10000

static int word_add_escaped(struct tdm_scenario_parser *parser, struct tdm_word_cursor *cursor,
                            struct tdm_buf *out)
{
    cursor->at++; /* the opening quote */
    while (cursor->at < cursor->end && *cursor->at != '"') {
        char c = *cursor->at++;
        if (c == '\\') {
            c = cursor->at < cursor->end ? *cursor->at++ : '\0';
            if (c != '"' && c != '\\' && c != 'n') {
                return tdm_scenario_error(parser,
                                          "in double quotes only \\\" \\\\ and \\n are escapes");
            }
            c = c == 'n' ? '\n' : c;
        }
        tdm_buf_add_char(out, c);
    }
    if (cursor->at == cursor->end) {
        return tdm_scenario_error(parser, "a double quote is not closed");
    }
    cursor->at++;
    if (cursor->at < cursor->end && !tdm_is_space(*cursor->at)) {
        return tdm_scenario_error(parser, "a blank must follow the closing double quote");
    }
    return 0;
}

int tdm_scenario_next_word(struct tdm_scenario_parser *parser, struct tdm_word_cursor *cursor,
                           struct tdm_buf *name, struct tdm_buf *value, int *has_value)
{
    tdm_buf_reset(name);
    tdm_buf_reset(value);
    *has_value = 0;
    while (cursor->at < cursor->end && tdm_is_space(*cursor->at)) {
        cursor->at++;
    }
    if (cursor->at == cursor->end) {
        return 0;
    }
    while (cursor->at < cursor->end && !tdm_is_space(*cursor->at) && *cursor->at != '=') {
        tdm_buf_add_char(name, *cursor->at++);
    }
    if (cursor->at < cursor->end && *cursor->at == '=') {
        *has_value = 1;
        cursor->at++;
        if (cursor->at < cursor->end && *cursor->at == '"') {
            if (word_add_escaped(parser, cursor, value) != 0) {
                return -1;
            }
        } else {
            while (cursor->at < cursor->end && !tdm_is_space(*cursor->at)) {
                tdm_buf_add_char(value, *cursor->at++);
            }
        }
    }
    if (name->failed || value->failed) {
        return tdm_scenario_error(parser, "out of memory, or a word over %d bytes", WORD_MAX);
    }
    return 1;
}

int tdm_scenario_add_word(struct tdm_scenario_parser *parser, struct tdm_scenario_word **words,
                          size_t *count, const char *name, const char *value)
{
    struct tdm_scenario_word *grown = tdm_scenario_grow(parser, *words, count, sizeof(*grown));
    if (grown == NULL) {
        return -1;
    }
    *words = grown;
    struct tdm_scenario_word *word = &grown[(*count)++];
    word->line = parser->line;
    word->name = tdm_scenario_copy(parser, name, strlen(name));
    word->value = tdm_scenario_copy(parser, value, strlen(value));
    return word->name != NULL && word->value != NULL ? 0 : -1;
}

static int client_add_recipients(struct tdm_scenario_parser *parser, const char *list)
{
    struct tdm_scenario *scenario = parser->scenario;
    for (const char *at = list;; at++) {
        size_t length = strcspn(at, ",");
        if (length == 0) {
            return tdm_scenario_error(parser, "to= has an empty address");
        }
        if (scenario->recipient_count == RECIPIENTS_MAX) {
            return tdm_scenario_error(parser, "more than %d recipients", RECIPIENTS_MAX);
        }
        char **grown = tdm_scenario_grow(parser, scenario->recipients, &scenario->recipient_count,
                                         sizeof(*grown));
        if (grown == NULL) {
            return -1;
        }
        scenario->recipients = grown;
        grown[scenario->recipient_count] = tdm_scenario_copy(parser, at, length);
        if (grown[scenario->recipient_count] == NULL) {
            return -1;
        }
        scenario->recipient_count++;
        at += length;
        if (*at == '\0') {
            return 0;
        }
    }
}

static int client_name_fits(const char *name)
{
    size_t i = 0;
    while (tdm_is_alnum(name[i]) || name[i] == '-') {
        i++;
    }
    return i > 0 && name[i] == '\0';
}

static int client_take_word(struct tdm_scenario_parser *parser, const char *name, const char *value)
{
    struct tdm_scenario *scenario = parser->scenario;
    if (!client_name_fits(name)) {
        return tdm_scenario_error(parser, "client: wants words of the form name=value");
    }
    if (strcmp(name, "to") == 0) {
        return client_add_recipients(parser, value);
    }
    if (tdm_scenario_client(scenario, name) != NULL) {
        return tdm_scenario_error(parser, "%s= is there twice", name);
    }
    if (strcmp(name, "tls") == 0 && strcmp(value, "starttls") != 0 && strcmp(value, "none") != 0 &&
        strcmp(value, "implicit") != 0 && strcmp(value, "opportunistic") != 0) {
        return tdm_scenario_error(
            parser, "tls= is starttls, implicit, opportunistic or none, not '%s'", value);
    }
    return tdm_scenario_add_word(parser, &scenario->client, &scenario->client_count, name, value);
}

int tdm_scenario_parse_client(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    struct tdm_word_cursor cursor = {text, text + length};
    struct tdm_buf name;
    struct tdm_buf value;
    tdm_buf_init(&name, &parser->scenario->allocator, WORD_MAX);
    tdm_buf_init(&value, &parser->scenario->allocator, WORD_MAX);
    int has_value;
    int result;
    while ((result = tdm_scenario_next_word(parser, &cursor, &name, &value, &has_value)) > 0) {
        if (!has_value) {
            result = tdm_scenario_error(parser, "client: wants words of the form name=value");
        } else {
            result = client_take_word(parser, tdm_buf_text(&name), tdm_buf_text(&value));
        }
        if (result != 0) {
            break;
        }
    }
    tdm_buf_clear(&name);
    tdm_buf_wipe(&value);
    return result;
}

int tdm_scenario_check_client(struct tdm_scenario_parser *parser)
{
    const struct tdm_scenario *scenario = parser->scenario;
    int user = tdm_scenario_client(scenario, "user") != NULL;
    int password = tdm_scenario_client(scenario, "password") != NULL;
    if (user != password) {
        return tdm_scenario_error(parser, "client: has only one of user= and password=");
    }
    const char *auth = tdm_scenario_client(scenario, "auth");
    if (auth != NULL && !tdm_equal_nocase(auth, "EXTERNAL") && !user) {
        return tdm_scenario_error(parser, "client: has auth= without user= and password=");
    }
    if (scenario->recipient_count == 0) {
        return client_add_recipients(parser, "ann@example.org");
    }
    return 0;
}

/* Looks a word up in names that a function gives by number. -1: not there. */
static int expect_find(const char *(*name)(int), int from, int to, const char *word)
{
    for (int i = from; i <= to; i++) {
        if (strcmp(name(i), word) == 0) {
            return i;
        }
    }
    return -1;
}

/* "535": the code; "-": none (0); else -1. */
static int expect_code(const char *word)
{
    if (strcmp(word, "-") == 0) {
        return 0;
    }
    if (strlen(word) != 3 || !tdm_is_digit(word[0]) || !tdm_is_digit(word[1]) ||
        !tdm_is_digit(word[2])) {
        return -1;
    }
    return (word[0] - '0') * 100 + (word[1] - '0') * 10 + (word[2] - '0');
}

static int expect_check(struct tdm_scenario_parser *parser, struct tdm_scenario_expect *expect,
                        int of_recipient, const char *name, const char *value)
{
    static const char *const names[] = {"enhanced", "reply",   "within", "note",
                                        "hint",     "message", "tried"};
    size_t known = sizeof(names) / sizeof(names[0]);
    size_t limit = of_recipient ? 2 : known; /* a recipient has the first two */
    size_t i = 0;
    while (i < limit && strcmp(names[i], name) != 0) {
        i++;
    }
    if (i == limit) {
        return tdm_scenario_error(parser, "unknown check '%s='; known: enhanced= reply=%s", name,
                                  of_recipient ? "" : " within= note= hint= message= tried=");
    }
    if (strcmp(name, "within") == 0 && tdm_scenario_duration(value, strlen(value)) < 0) {
        return tdm_scenario_error(parser, "'%s' is not a duration such as 2s or 500ms", value);
    }
    return tdm_scenario_add_word(parser, &expect->checks, &expect->check_count, name, value);
}

/* The places of the fixed words, in their order. */
enum expect_place { EXPECT_OUTCOME, EXPECT_KIND, EXPECT_PHASE, EXPECT_CODE, EXPECT_REST };

static int expect_rest_word(struct tdm_scenario_parser *parser, struct tdm_scenario_expect *expect,
                            const char *word)
{
    int final = strcmp(word, "final") == 0;
    if (final || strcmp(word, "retryable") == 0) {
        if (expect->retryable >= 0) {
            return tdm_scenario_error(parser, "final or retryable is there twice");
        }
        expect->retryable = !final;
        return 0;
    }
    if (strcmp(word, "maybe-delivered") == 0) {
        expect->maybe_delivered = 1;
        return 0;
    }
    return tdm_scenario_error(parser, "'%s' is not a word for this place", word);
}

static int expect_outcome(struct tdm_scenario_parser *parser, struct tdm_scenario_expect *expect,
                          int of_recipient, const char *word, enum expect_place *place)
{
    if (of_recipient && expect->address == NULL && strchr(word, '@') != NULL) {
        expect->address = tdm_scenario_copy(parser, word, strlen(word));
        return expect->address != NULL ? 0 : -1;
    }
    expect->outcome = expect_find(tidymail_outcome_name, TIDYMAIL_FAILED, TIDYMAIL_UNKNOWN, word);
    if (expect->outcome < 0 || (of_recipient && expect->outcome == TIDYMAIL_PARTIAL)) {
        return tdm_scenario_error(parser,
                                  "'%s' is not an outcome; outcomes are sent, %sfailed, "
                                  "unknown",
                                  word, of_recipient ? "" : "partial, ");
    }
    /* kind and phase are an error's: a sent message has none, a recipient's line leaves them out */
    *place = of_recipient || expect->outcome == TIDYMAIL_SENT ? EXPECT_CODE : EXPECT_KIND;
    return 0;
}

static int expect_fixed_word(struct tdm_scenario_parser *parser, struct tdm_scenario_expect *expect,
                             int of_recipient, const char *word, enum expect_place *place)
{
    switch (*place) {
    case EXPECT_OUTCOME:
        return expect_outcome(parser, expect, of_recipient, word, place);
    case EXPECT_KIND:
        expect->kind =
            expect_find(tidymail_kind_name, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_KIND_PERMANENT, word);
        *place = EXPECT_PHASE;
        return expect->kind >= 0 ? 0 : tdm_scenario_error(parser, "'%s' is not a kind", word);
    case EXPECT_PHASE:
        expect->phase =
            expect_find(tidymail_phase_name, TIDYMAIL_PHASE_PREPARE, TIDYMAIL_PHASE_RESPONSE, word);
        *place = EXPECT_CODE;
        return expect->phase >= 0 ? 0 : tdm_scenario_error(parser, "'%s' is not a phase", word);
    case EXPECT_CODE:
        *place = EXPECT_REST;
        expect->code = expect_code(word);
        return expect->code >= 0 ? 0 : expect_rest_word(parser, expect, word);
    case EXPECT_REST:
        return expect_rest_word(parser, expect, word);
    }
    return -1;
}

static int expect_words(struct tdm_scenario_parser *parser, struct tdm_scenario_expect *expect,
                        int of_recipient, struct tdm_word_cursor *cursor, struct tdm_buf *name,
                        struct tdm_buf *value)
{
    enum expect_place place = EXPECT_OUTCOME;
    int has_value;
    int result;
    while ((result = tdm_scenario_next_word(parser, cursor, name, value, &has_value)) > 0) {
        if (has_value && place >= EXPECT_CODE) {
            place = EXPECT_REST;
            result =
                expect_check(parser, expect, of_recipient, tdm_buf_text(name), tdm_buf_text(value));
        } else if (has_value) {
            result =
                tdm_scenario_error(parser, "'%s=' stands before the outcome%s", tdm_buf_text(name),
                                   of_recipient ? "" : ", kind and phase are complete");
        } else {
            result = expect_fixed_word(parser, expect, of_recipient, tdm_buf_text(name), &place);
        }
        if (result != 0) {
            return -1;
        }
    }
    if (result == 0 && place < EXPECT_CODE) {
        return tdm_scenario_error(parser, of_recipient
                                              ? "an outcome is missing"
                                              : "outcome, kind and phase are wanted (sent: the "
                                                "outcome alone)");
    }
    return result;
}

static int expect_parse(struct tdm_scenario_parser *parser, struct tdm_scenario_expect *expect,
                        int of_recipient, const char *text, size_t length)
{
    struct tdm_word_cursor cursor = {text, text + length};
    struct tdm_buf name;
    struct tdm_buf value;
    tdm_buf_init(&name, &parser->scenario->allocator, WORD_MAX);
    tdm_buf_init(&value, &parser->scenario->allocator, WORD_MAX);
    expect->line = parser->line;
    expect->kind = expect->phase = expect->code = expect->retryable = -1;
    expect->maybe_delivered = -1;
    int result = expect_words(parser, expect, of_recipient, &cursor, &name, &value);
    tdm_buf_clear(&name);
    tdm_buf_clear(&value);
    return result;
}

int tdm_scenario_parse_expect(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    struct tdm_scenario_expect *expect = &parser->scenario->expect;
    if (expect->line > 0) {
        return tdm_scenario_error(parser, "expect: is there already, in line %z", expect->line);
    }
    return expect_parse(parser, expect, 0, text, length);
}

int tdm_scenario_parse_expect_recipient(struct tdm_scenario_parser *parser, const char *text,
                                        size_t length)
{
    struct tdm_scenario *scenario = parser->scenario;
    struct tdm_scenario_expect *grown = tdm_scenario_grow(
        parser, scenario->expect_recipients, &scenario->expect_recipient_count, sizeof(*grown));
    if (grown == NULL) {
        return -1;
    }
    scenario->expect_recipients = grown;
    return expect_parse(parser, &grown[scenario->expect_recipient_count++], 1, text, length);
}

/* Every expect-recipient: line must have its recipient. */
int tdm_scenario_check_expect(struct tdm_scenario_parser *parser)
{
    const struct tdm_scenario *scenario = parser->scenario;
    for (size_t i = 0; i < scenario->expect_recipient_count; i++) {
        const struct tdm_scenario_expect *expect = &scenario->expect_recipients[i];
        int found = expect->address == NULL && i < scenario->recipient_count;
        for (size_t k = 0; k < scenario->recipient_count && expect->address != NULL; k++) {
            found |= strcmp(scenario->recipients[k], expect->address) == 0;
        }
        if (!found) {
            parser->line = expect->line;
            return tdm_scenario_error(parser, "expect-recipient: has no such recipient in to=");
        }
    }
    return 0;
}
