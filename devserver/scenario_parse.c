/* scenario_parse.c: the lines of a scenario file and their order. See scenario_parser.h. */
#include <string.h>

#include "scenario_parser.h"
#include "shown.h"
#include "util/base64.h"
#include "util/str.h"

#define SCENARIO_TEXT_MAX ((size_t)1 << 20) /* of one line */
#define SCENARIO_REPEAT_MAX 100000000

int tdm_scenario_error(struct tdm_scenario_parser *parser, const char *format, ...)
{
    if (parser->error->length > 0) {
        return -1;
    }
    tdm_buf_addf(parser->error, "line %z: ", parser->line);
    va_list args;
    va_start(args, format);
    tdm_buf_vaddf(parser->error, format, args);
    va_end(args);
    return -1;
}

void *tdm_scenario_grow(struct tdm_scenario_parser *parser, void *items, size_t *count, size_t size)
{
    char *grown = tdm_resize_array(&parser->scenario->allocator, items, *count + 1, size);
    if (grown == NULL) {
        tdm_scenario_error(parser, "out of memory");
        return NULL;
    }
    memset(grown + *count * size, 0, size);
    return grown;
}

char *tdm_scenario_copy(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    char *copy = tdm_strndup(&parser->scenario->allocator, text, length);
    if (copy == NULL) {
        tdm_scenario_error(parser, "out of memory");
    }
    return copy;
}

static struct tdm_scene_step *scenario_add_step(struct tdm_scenario_parser *parser,
                                                enum tdm_scene_type type)
{
    struct tdm_scenario *scenario = parser->scenario;
    if (parser->ended_line > 0) {
        tdm_scenario_error(parser, "nothing can follow the end of the conversation in line %z",
                           parser->ended_line);
        return NULL;
    }
    if (parser->optional_line > 0 && type != TDM_SCENE_EXPECT && type != TDM_SCENE_MESSAGE) {
        tdm_scenario_error(parser, "@optional in line %z wants a C: line here",
                           parser->optional_line);
        return NULL;
    }
    if (parser->repeat_line > 0 && type != TDM_SCENE_SEND) {
        tdm_scenario_error(parser, "@repeat in line %z wants an S: or @raw line here",
                           parser->repeat_line);
        return NULL;
    }
    if (type != TDM_SCENE_SEND) {
        if (parser->bytewise_line > 0 && !parser->bytewise_used) {
            tdm_scenario_error(parser, "@bytewise in line %z wants an S: or @raw line here",
                               parser->bytewise_line);
            return NULL;
        }
        parser->bytewise_line = 0;
    }
    struct tdm_scene_step *steps =
        tdm_scenario_grow(parser, scenario->steps, &scenario->step_count, sizeof(*steps));
    if (steps == NULL) {
        return NULL;
    }
    scenario->steps = steps;
    struct tdm_scene_step *step = &steps[scenario->step_count++];
    step->type = type;
    step->line = parser->line;
    step->optional = parser->optional_line > 0;
    parser->optional_line = 0;
    return step;
}

static int scenario_add_send(struct tdm_scenario_parser *parser, const char *bytes, size_t length)
{
    struct tdm_scene_step *step = scenario_add_step(parser, TDM_SCENE_SEND);
    if (step == NULL) {
        return -1;
    }
    step->text = tdm_scenario_copy(parser, bytes, length);
    step->length = length;
    step->repeat = parser->repeat_line > 0 ? parser->repeat : 1;
    step->bytewise = parser->bytewise_line > 0;
    step->duration_ms = step->bytewise ? parser->interval_ms : 0;
    parser->bytewise_used = 1;
    parser->repeat_line = 0;
    return step->text != NULL ? 0 : -1;
}

static int scenario_server_line(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    struct tdm_buf bytes;
    tdm_buf_init(&bytes, &parser->scenario->allocator, SCENARIO_TEXT_MAX);
    tdm_buf_add(&bytes, text, length);
    tdm_buf_add_str(&bytes, "\r\n");
    int result = bytes.failed ? tdm_scenario_error(parser, "out of memory, or a line too long")
                              : scenario_add_send(parser, bytes.data, bytes.length);
    tdm_buf_clear(&bytes);
    return result;
}

static int scenario_client_line(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    int message = length == strlen("<message>") && memcmp(text, "<message>", length) == 0;
    struct tdm_scene_step *step =
        scenario_add_step(parser, message ? TDM_SCENE_MESSAGE : TDM_SCENE_EXPECT);
    if (step == NULL) {
        return -1;
    }
    step->text = tdm_scenario_copy(parser, text, length);
    step->length = length;
    return step->text != NULL ? 0 : -1;
}

static int scenario_set_text(struct tdm_scenario_parser *parser, char **member, const char *keyword,
                             const char *text, size_t length)
{
    if (*member != NULL) {
        return tdm_scenario_error(parser, "%s: is there twice", keyword);
    }
    *member = tdm_scenario_copy(parser, text, length);
    return *member != NULL ? 0 : -1;
}

static int scenario_title(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    return scenario_set_text(parser, &parser->scenario->title, "title", text, length);
}

static int scenario_source(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    return scenario_set_text(parser, &parser->scenario->source, "source", text, length);
}

/* One word, of those that tests/scenarios/classes.txt explains. */
static int scenario_class(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    size_t word = 0;
    while (word < length && (tdm_is_alnum(text[word]) || text[word] == '-')) {
        word++;
    }
    if (length == 0 || word != length) {
        return tdm_scenario_error(parser, "class: wants one word of letters, digits and -");
    }
    return scenario_set_text(parser, &parser->scenario->class_name, "class", text, length);
}

/* The number of a certificate's name; TDM_CERTIFICATE_COUNT for another word. */
static size_t scenario_certificate(const char *word, size_t length)
{
    size_t kind = 0;
    while (kind < TDM_CERTIFICATE_COUNT &&
           !tdm_equal_nocase_n(word, length, tdm_certificate_name((enum tdm_certificate)kind))) {
        kind++;
    }
    return kind;
}

/* "max-version=1.1": 11; 0 for another word. */
static int scenario_max_version(const char *word, size_t length)
{
    static const char *const words[] = {"max-version=1.0", "max-version=1.1", "max-version=1.2"};
    for (int i = 0; i < 3; i++) {
        if (tdm_equal_nocase_n(word, length, words[i])) {
            return 10 + i;
        }
    }
    return 0;
}

/* What may stand behind @tls: a certificate, a version, both or nothing. */
static int scenario_tls_words(struct tdm_scenario_parser *parser, const char *text, size_t length,
                              size_t *kind, int *max_version)
{
    int certificates = 0;
    for (size_t at = 0; at < length;) {
        size_t word = 0;
        while (at + word < length && !tdm_is_space(text[at + word])) {
            word++;
        }
        size_t found = scenario_certificate(text + at, word);
        int version = scenario_max_version(text + at, word);
        if (word > 0 && version > 0 && *max_version == 0) {
            *max_version = version;
        } else if (word > 0 && found < TDM_CERTIFICATE_COUNT && certificates++ == 0) {
            *kind = found;
        } else if (word > 0) {
            return tdm_scenario_error(
                parser,
                "unknown certificate '%.*s'; known: valid, self-signed, expired, wrong-host, "
                "untrusted-ca, ca-as-leaf, small-dh; and max-version=1.0, 1.1 or 1.2",
                (int)word, text + at);
        }
        at += word + 1;
    }
    return 0;
}

static int scenario_at_tls(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    size_t kind = TDM_CERTIFICATE_VALID;
    int max_version = 0;
    if (scenario_tls_words(parser, text, length, &kind, &max_version) != 0) {
        return -1;
    }
    const struct tdm_scenario *scenario = parser->scenario;
    for (size_t i = 0; i < scenario->step_count; i++) {
        if (scenario->steps[i].type == TDM_SCENE_TLS) {
            return tdm_scenario_error(parser, "@tls is there already, in line %z",
                                      scenario->steps[i].line);
        }
    }
    struct tdm_scene_step *step = scenario_add_step(parser, TDM_SCENE_TLS);
    if (step == NULL) {
        return -1;
    }
    step->certificate = (enum tdm_certificate)kind;
    step->max_version = max_version;
    return 0;
}

static int scenario_end(struct tdm_scenario_parser *parser, enum tdm_scene_type type, size_t length)
{
    if (length > 0) {
        return tdm_scenario_error(parser, "nothing may stand behind this directive");
    }
    if (scenario_add_step(parser, type) == NULL) {
        return -1;
    }
    parser->ended_line = parser->line;
    return 0;
}

static int scenario_at_close(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    (void)text;
    return scenario_end(parser, TDM_SCENE_CLOSE, length);
}

static int scenario_at_reset(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    (void)text;
    return scenario_end(parser, TDM_SCENE_RESET, length);
}

static int scenario_at_silence(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    (void)text;
    return scenario_end(parser, TDM_SCENE_SILENCE, length);
}

static int scenario_take_duration(struct tdm_scenario_parser *parser, const char *text,
                                  size_t length, int64_t *out)
{
    *out = tdm_scenario_duration(text, length);
    if (*out < 0) {
        return tdm_scenario_error(parser, "'%.*s' is not a duration such as 31s, 500ms or 2m",
                                  (int)length, text);
    }
    return 0;
}

static int scenario_at_wait(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    int64_t duration_ms;
    if (scenario_take_duration(parser, text, length, &duration_ms) != 0) {
        return -1;
    }
    struct tdm_scene_step *step = scenario_add_step(parser, TDM_SCENE_WAIT);
    if (step == NULL) {
        return -1;
    }
    step->duration_ms = duration_ms;
    return 0;
}

static int scenario_at_bytewise(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    parser->interval_ms = 0;
    if (length > 0 && scenario_take_duration(parser, text, length, &parser->interval_ms) != 0) {
        return -1;
    }
    if (parser->bytewise_line > 0 && !parser->bytewise_used) {
        return tdm_scenario_error(parser, "@bytewise in line %z wants an S: or @raw line here",
                                  parser->bytewise_line);
    }
    parser->bytewise_line = parser->line;
    parser->bytewise_used = 0;
    return 0;
}

static int scenario_at_repeat(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    size_t count = 0;
    size_t at = 0;
    while (at < length && tdm_is_digit(text[at]) && count <= SCENARIO_REPEAT_MAX) {
        count = count * 10 + (size_t)(text[at++] - '0');
    }
    if (at != length || count == 0 || count > SCENARIO_REPEAT_MAX) {
        return tdm_scenario_error(parser, "'%.*s' is not a number from 1 to %d", (int)length, text,
                                  SCENARIO_REPEAT_MAX);
    }
    if (parser->repeat_line > 0) {
        return tdm_scenario_error(parser, "@repeat in line %z wants an S: or @raw line here",
                                  parser->repeat_line);
    }
    parser->repeat = count;
    parser->repeat_line = parser->line;
    return 0;
}

static int scenario_at_raw(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    struct tdm_buf bytes;
    tdm_buf_init(&bytes, &parser->scenario->allocator, SCENARIO_TEXT_MAX);
    int result = tdm_base64_decode(&bytes, text, length) != 0 || bytes.length == 0
                     ? tdm_scenario_error(parser, "@raw wants bytes in base64")
                     : scenario_add_send(parser, bytes.data, bytes.length);
    tdm_buf_clear(&bytes);
    return result;
}

static int scenario_at_optional(struct tdm_scenario_parser *parser, const char *text, size_t length)
{
    (void)text;
    if (length > 0) {
        return tdm_scenario_error(parser, "nothing may stand behind this directive");
    }
    if (parser->optional_line > 0) {
        return tdm_scenario_error(parser, "@optional in line %z wants a C: line here",
                                  parser->optional_line);
    }
    parser->optional_line = parser->line;
    return 0;
}

struct scenario_keyword {
    const char *word;
    int (*parse)(struct tdm_scenario_parser *parser, const char *text, size_t length);
    int keep_blanks; /* what stands behind one blank is the text, whole */
};

static const struct scenario_keyword keywords[] = {
    {"S:", scenario_server_line, 1},
    {"C:", scenario_client_line, 1},
    {"title:", scenario_title, 0},
    {"source:", scenario_source, 0},
    {"class:", scenario_class, 0},
    {"client:", tdm_scenario_parse_client, 0},
    {"expect:", tdm_scenario_parse_expect, 0},
    {"expect-recipient:", tdm_scenario_parse_expect_recipient, 0},
    {"@tls", scenario_at_tls, 0},
    {"@close", scenario_at_close, 0},
    {"@reset", scenario_at_reset, 0},
    {"@wait", scenario_at_wait, 0},
    {"@silence", scenario_at_silence, 0},
    {"@bytewise", scenario_at_bytewise, 0},
    {"@repeat", scenario_at_repeat, 0},
    {"@raw", scenario_at_raw, 0},
    {"@optional", scenario_at_optional, 0},
};

/* The word that decides what a line is: up to and with a colon, or a directive up to a blank. */
static size_t scenario_keyword_length(const char *line, size_t length)
{
    size_t end = 0;
    int directive = length > 0 && line[0] == '@';
    while (end < length && !tdm_is_space(line[end])) {
        end++;
        if (!directive && line[end - 1] == ':') {
            break;
        }
    }
    return end;
}

static int scenario_unknown(struct tdm_scenario_parser *parser, const char *word, size_t length)
{
    if (parser->error->length > 0) {
        return -1;
    }
    struct tdm_buf shown;
    tdm_buf_init(&shown, &parser->scenario->allocator, 1024);
    tdm_shown_add(&shown, word, length < 40 ? length : 40);
    tdm_scenario_error(parser, "unknown %s '%s'; known:",
                       length > 0 && word[0] == '@' ? "directive" : "line", tdm_buf_text(&shown));
    tdm_buf_clear(&shown);
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        tdm_buf_addf(parser->error, " %s", keywords[i].word);
    }
    return -1;
}

static int scenario_parse_line(struct tdm_scenario_parser *parser, const char *line, size_t length)
{
    size_t first = 0;
    while (first < length && tdm_is_space(line[first])) {
        first++;
    }
    if (first == length || line[first] == '#') {
        return 0;
    }
    if (memchr(line, '\0', length) != NULL) {
        return tdm_scenario_error(parser, "a NUL byte; bytes that are no text go into @raw");
    }
    if (first > 0) {
        return tdm_scenario_error(parser, "a line begins in its first column");
    }
    size_t word = scenario_keyword_length(line, length);
    const struct scenario_keyword *keyword = NULL;
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (strlen(keywords[i].word) == word && memcmp(line, keywords[i].word, word) == 0) {
            keyword = &keywords[i];
        }
    }
    if (keyword == NULL) {
        return scenario_unknown(parser, line, word);
    }
    size_t start = word;
    if (keyword->keep_blanks) {
        start += start < length && line[start] == ' ';
        return keyword->parse(parser, line + start, length - start);
    }
    while (start < length && tdm_is_space(line[start])) {
        start++;
    }
    while (length > start && tdm_is_space(line[length - 1])) {
        length--;
    }
    return keyword->parse(parser, line + start, length - start);
}

/* What waits for a line that never came, and what the whole must say. */
static int scenario_finish(struct tdm_scenario_parser *parser)
{
    if (parser->optional_line > 0) {
        return tdm_scenario_error(parser, "@optional in line %z wants a C: line after it",
                                  parser->optional_line);
    }
    if (parser->repeat_line > 0) {
        return tdm_scenario_error(parser, "@repeat in line %z wants an S: or @raw line after it",
                                  parser->repeat_line);
    }
    if (parser->bytewise_line > 0 && !parser->bytewise_used) {
        return tdm_scenario_error(parser, "@bytewise in line %z wants an S: or @raw line after it",
                                  parser->bytewise_line);
    }
    if (parser->scenario->step_count == 0) {
        return tdm_scenario_error(parser, "the scenario has no step (S:, C: or a directive)");
    }
    return tdm_scenario_check_client(parser) != 0 || tdm_scenario_check_expect(parser) != 0 ? -1
                                                                                            : 0;
}

int tdm_scenario_parse(struct tdm_scenario *scenario, const char *text, size_t length,
                       struct tdm_buf *error)
{
    struct tdm_scenario_parser parser;
    memset(&parser, 0, sizeof(parser));
    memset(scenario, 0, sizeof(*scenario));
    scenario->allocator = tdm_allocator_default;
    parser.scenario = scenario;
    parser.error = error;
    size_t at = 0;
    while (at < length) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t line = end != NULL ? (size_t)(end - text) - at : length - at;
        size_t next = at + line + (end != NULL);
        parser.line++;
        if (line > 0 && text[at + line - 1] == '\r') {
            line--; /* a file that went through an editor with CRLF line ends */
        }
        if (scenario_parse_line(&parser, text + at, line) != 0) {
            return -1;
        }
        at = next;
    }
    return scenario_finish(&parser);
}
