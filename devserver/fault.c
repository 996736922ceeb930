/* fault.c: see fault.h. */
#include "fault.h"

#include <string.h>

#include "util/str.h"

#define FAULT_DIGITS 9
#define FAULT_SLOW_MS 20
#define FAULT_SPLIT_MS 10
#define FAULT_DOMAIN "@fault.test"
#define FAULT_MILLION 1000000
#define FAULT_SHOWN 100 /* bytes of a word that an error repeats */
#define FAULT_DEFAULT_TEXT "a fault rule says so"

static const tidymail_allocator *fault_memory(const struct tdm_faults *faults)
{
    return faults->allocator != NULL ? faults->allocator : &tdm_allocator_default;
}

static const char *const stage_names[TDM_FAULT_NAMED] = {
    [TDM_FAULT_CONNECT] = "connect", [TDM_FAULT_GREETING] = "greeting", [TDM_FAULT_EHLO] = "ehlo",
    [TDM_FAULT_HELO] = "helo",       [TDM_FAULT_STARTTLS] = "starttls", [TDM_FAULT_AUTH] = "auth",
    [TDM_FAULT_MAIL] = "mail",       [TDM_FAULT_RCPT] = "rcpt",         [TDM_FAULT_DATA] = "data",
    [TDM_FAULT_FINAL] = "final",     [TDM_FAULT_RSET] = "rset",         [TDM_FAULT_QUIT] = "quit",
};

const char *tdm_fault_stage_name(enum tdm_fault_stage stage)
{
    return stage < TDM_FAULT_NAMED ? stage_names[stage] : "other";
}

struct fault_word {
    const char *text;
    size_t length;
};

/* One rule while it is read. */
struct fault_parser {
    const char *start; /* what offsets count from */
    const tidymail_allocator *memory;
    struct tdm_fault_rule *rule;
    struct tdm_buf *error; /* NULL: nobody wants to know */
    int actions;
    int replies;
};

static struct fault_word fault_trim(const char *text, size_t length)
{
    while (length > 0 && tdm_is_space(*text)) {
        text++;
        length--;
    }
    while (length > 0 && tdm_is_space(text[length - 1])) {
        length--;
    }
    struct fault_word word = {text, length};
    return word;
}

static int fault_wrong(struct fault_parser *parser, struct fault_word word, const char *why)
{
    struct tdm_buf *out = parser->error;
    if (out != NULL && out->length == 0) {
        tdm_buf_add_str(out, "fault rule: '");
        for (size_t i = 0; i < word.length && i < FAULT_SHOWN; i++) {
            tdm_buf_add_char(out, tdm_find_control(word.text + i, 1) == 0 ? '?' : word.text[i]);
        }
        tdm_buf_addf(out, "%s' at offset %z: %s", word.length > FAULT_SHOWN ? "..." : "",
                     (size_t)(word.text - parser->start), why);
    }
    return -1;
}

/* Whole numbers; -1 where it is none. */
static int64_t fault_number(struct fault_word word)
{
    int64_t number = 0;
    for (size_t i = 0; i < word.length; i++) {
        if (!tdm_is_digit(word.text[i]) || i >= FAULT_DIGITS) {
            return -1;
        }
        number = number * 10 + (word.text[i] - '0');
    }
    return word.length > 0 ? number : -1;
}

/* "2.7.1" with a class that a code may have (RFC 3463 2); its length, 0 where it is none. */
static size_t fault_enhanced(const char *text, size_t length)
{
    size_t at = 0;
    for (int part = 0; part < 3; part++) {
        size_t digits = 0;
        if (part > 0 && (at == length || text[at++] != '.')) {
            return 0;
        }
        while (at < length && tdm_is_digit(text[at])) {
            at++;
            digits++;
        }
        if (digits == 0 || digits > 3 || (part == 0 && (digits > 1 || !strchr("245", text[0])))) {
            return 0;
        }
    }
    return at == length || text[at] == ' ' ? at : 0;
}

/* The words of a reply: quotes around them go, "\n" is a line end. */
static int fault_reply_text(struct fault_parser *parser, struct fault_word word)
{
    char *out = parser->rule->action.text;
    size_t used = 0;
    if (word.length >= 2 && word.text[0] == '"' && word.text[word.length - 1] == '"') {
        word.text++;
        word.length -= 2;
    }
    if (word.length >= TDM_FAULT_TEXT_MAX) {
        return fault_wrong(parser, word, "a reply has 511 bytes at most");
    }
    for (size_t i = 0; i < word.length; i++) {
        if (word.text[i] == '\\' && i + 1 < word.length && word.text[i + 1] == 'n') {
            out[used++] = '\n';
            i++;
        } else if (tdm_find_control(word.text + i, 1) == 0) {
            return fault_wrong(parser, word, "a control byte in a reply");
        } else {
            out[used++] = word.text[i];
        }
    }
    out[used] = '\0';
    return 0;
}

/* "451 4.7.1 text", "451 text", "451" */
static int fault_reply(struct fault_parser *parser, struct fault_word word)
{
    struct tdm_fault_action *action = &parser->rule->action;
    struct fault_word code = {word.text, word.length < 3 ? word.length : 3};
    int64_t number = fault_number(code);
    if (parser->replies++ > 0) {
        return fault_wrong(parser, word,
                           "a second reply (a text with a comma in it stands in double quotes)");
    }
    if (number < 200 || number > 599 || code.length < 3 ||
        (word.length > 3 && word.text[3] != ' ')) {
        return fault_wrong(parser, word, "a reply is CODE [ENHANCED] [TEXT], CODE from 200 to 599");
    }
    action->code = (int)number;
    struct fault_word rest = fault_trim(word.text + 3, word.length - 3);
    size_t enhanced = fault_enhanced(rest.text, rest.length);
    if (enhanced > 0) {
        memcpy(action->enhanced, rest.text, enhanced);
        action->enhanced[enhanced] = '\0';
        rest = fault_trim(rest.text + enhanced, rest.length - enhanced);
    }
    if (rest.length == 0) {
        action->bare = enhanced == 0;
        memcpy(action->text, FAULT_DEFAULT_TEXT, sizeof(FAULT_DEFAULT_TEXT));
        return 0;
    }
    return fault_reply_text(parser, rest);
}

static int fault_time(struct fault_parser *parser, struct fault_word word, int64_t *out)
{
    *out = tdm_scenario_duration(word.text, word.length);
    return *out >= 0 ? 0 : fault_wrong(parser, word, "a time is such as 5s, 500ms or 2m");
}

static int fault_end(struct fault_parser *parser, struct fault_word word, enum tdm_fault_end end)
{
    if (parser->rule->action.end != TDM_FAULT_GOES_ON) {
        return fault_wrong(parser, word, "only one of close, reset and half");
    }
    parser->rule->action.end = end;
    return 0;
}

static int fault_certificate(struct fault_parser *parser, struct fault_word word)
{
    struct tdm_buf why;
    for (int i = TDM_CERTIFICATE_VALID + 1; i < TDM_CERTIFICATE_COUNT; i++) {
        if (tdm_equal_nocase_n(word.text, word.length,
                               tdm_certificate_name((enum tdm_certificate)i))) {
            parser->rule->action.certificate = (enum tdm_certificate)i;
            return 0;
        }
    }
    tdm_buf_init(&why, parser->memory, 512);
    tdm_buf_add_str(&why, "no kind of bad certificate (allowed:");
    for (int i = TDM_CERTIFICATE_VALID + 1; i < TDM_CERTIFICATE_COUNT; i++) {
        tdm_buf_addf(&why, "%s %s", i > 1 ? "," : "",
                     tdm_certificate_name((enum tdm_certificate)i));
    }
    tdm_buf_add_char(&why, ')');
    fault_wrong(parser, word, tdm_buf_text(&why));
    tdm_buf_clear(&why);
    return -1;
}

/* Actions that are a word, and its argument; 1 where it is none of them. */
static int fault_action(struct fault_parser *parser, struct fault_word name,
                        struct fault_word argument)
{
    struct tdm_fault_action *action = &parser->rule->action;
    static const char *const alone[] = {"close", "reset", "half", "split", "no-tls"};
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        if (argument.length > 0 && tdm_equal_nocase_n(name.text, name.length, alone[i])) {
            return fault_wrong(parser, argument,
                               "nothing may follow close, reset, half, split "
                               "and no-tls but a comma");
        }
    }
    if (tdm_equal_nocase_n(name.text, name.length, "close")) {
        return fault_end(parser, name, TDM_FAULT_CLOSE);
    }
    if (tdm_equal_nocase_n(name.text, name.length, "reset")) {
        return fault_end(parser, name, TDM_FAULT_RESET);
    }
    if (tdm_equal_nocase_n(name.text, name.length, "half")) {
        return fault_end(parser, name, TDM_FAULT_HALF);
    }
    if (tdm_equal_nocase_n(name.text, name.length, "split")) {
        action->pace = TDM_FAULT_SPLIT;
        action->pause_ms = FAULT_SPLIT_MS;
        return 0;
    }
    if (tdm_equal_nocase_n(name.text, name.length, "slow")) {
        action->pace = TDM_FAULT_SLOW;
        action->pause_ms = FAULT_SLOW_MS;
        return argument.length > 0 ? fault_time(parser, argument, &action->pause_ms) : 0;
    }
    if (tdm_equal_nocase_n(name.text, name.length, "stall")) {
        return fault_time(parser, argument, &action->stall_ms);
    }
    if (tdm_equal_nocase_n(name.text, name.length, "no-tls")) {
        action->no_tls = 1;
        return 0;
    }
    if (tdm_equal_nocase_n(name.text, name.length, "bad-certificate")) {
        return fault_certificate(parser, argument);
    }
    return 1;
}

/* 0.1 or 1; -1 where it is none. */
static int64_t fault_probability(struct fault_word word)
{
    const char *dot = memchr(word.text, '.', word.length);
    struct fault_word whole = {word.text, dot != NULL ? (size_t)(dot - word.text) : word.length};
    int64_t out = fault_number(whole) * FAULT_MILLION;
    int64_t weight = FAULT_MILLION / 10;
    if (out < 0 || (dot != NULL && dot + 1 == word.text + word.length)) {
        return -1;
    }
    for (const char *at = dot; dot != NULL && ++at < word.text + word.length; weight /= 10) {
        if (!tdm_is_digit(*at)) {
            return -1;
        }
        out += (*at - '0') * weight;
    }
    return out <= FAULT_MILLION ? out : -1;
}

static int fault_address(struct fault_parser *parser, struct fault_word argument, char **out)
{
    enum tdm_fault_stage stage = parser->rule->stage;
    int recipients = out == &parser->rule->to;
    if (argument.length == 0 || argument.text[0] == '<') {
        return fault_wrong(parser, argument, "an address without <>, '*' stands for any text");
    }
    if (stage != TDM_FAULT_RCPT && stage != TDM_FAULT_DATA && stage != TDM_FAULT_FINAL &&
        (recipients || stage != TDM_FAULT_MAIL)) {
        return fault_wrong(parser, argument,
                           recipients ? "'to' goes with rcpt, data and final"
                                      : "'from' goes with mail, rcpt, data and final");
    }
    tdm_free(parser->memory, *out);
    *out = tdm_strndup(parser->memory, argument.text, argument.length);
    return *out != NULL ? 0 : fault_wrong(parser, argument, "out of memory");
}

/* 1 where it is no condition. */
static int fault_condition(struct fault_parser *parser, struct fault_word name,
                           struct fault_word argument)
{
    struct tdm_fault_rule *rule = parser->rule;
    if (tdm_equal_nocase_n(name.text, name.length, "first")) {
        rule->first = fault_number(argument);
        return rule->first > 0 ? 0 : fault_wrong(parser, argument, "first N, N above 0");
    }
    if (tdm_equal_nocase_n(name.text, name.length, "after")) {
        rule->after = fault_number(argument);
        return rule->after >= 0 ? 0 : fault_wrong(parser, argument, "after N, a whole number");
    }
    if (tdm_equal_nocase_n(name.text, name.length, "probability")) {
        rule->probability = fault_probability(argument);
        return rule->probability >= 0
                   ? 0
                   : fault_wrong(parser, argument, "a probability is from 0 to 1, such as 0.25");
    }
    if (tdm_equal_nocase_n(name.text, name.length, "to")) {
        return fault_address(parser, argument, &rule->to);
    }
    if (tdm_equal_nocase_n(name.text, name.length, "from")) {
        return fault_address(parser, argument, &rule->from);
    }
    return 1;
}

/* What stands between two commas. */
static int fault_part(struct fault_parser *parser, struct fault_word part, int conditions)
{
    if (part.length > 0 && tdm_is_digit(part.text[0])) {
        parser->actions++;
        return fault_reply(parser, part);
    }
    const char *blank = part.length > 0 ? memchr(part.text, ' ', part.length) : NULL;
    struct fault_word name = {part.text, blank != NULL ? (size_t)(blank - part.text) : part.length};
    struct fault_word argument = fault_trim(part.text + name.length, part.length - name.length);
    int result = fault_action(parser, name, argument);
    if (result <= 0) {
        parser->actions++;
        return result;
    }
    result = conditions ? fault_condition(parser, name, argument) : 1;
    return result <= 0
               ? result
               : fault_wrong(parser, part,
                             "allowed: a reply (CODE [ENHANCED] [TEXT]), close, reset, half, stall "
                             "TIME, slow [TIME], split, bad-certificate KIND, no-tls, first N, "
                             "after N, probability P, to ADDRESS, from ADDRESS");
}

/* Parts with commas between; a comma within double quotes is none. */
static int fault_parts(struct fault_parser *parser, struct fault_word rest, int conditions)
{
    size_t start = 0;
    int quoted = 0;
    for (size_t i = 0; i <= rest.length; i++) {
        if (i < rest.length && rest.text[i] == '"') {
            quoted = !quoted;
        }
        if (i < rest.length && (quoted || rest.text[i] != ',')) {
            continue;
        }
        if (fault_part(parser, fault_trim(rest.text + start, i - start), conditions) != 0) {
            return -1;
        }
        start = i + 1;
    }
    if (parser->actions == 0) {
        return fault_wrong(parser, rest, "a condition without an action");
    }
    return 0;
}

static int fault_stage(struct fault_parser *parser, struct fault_word word)
{
    struct tdm_buf why;
    for (int i = 0; i < TDM_FAULT_NAMED; i++) {
        if (tdm_equal_nocase_n(word.text, word.length, stage_names[i])) {
            parser->rule->stage = (enum tdm_fault_stage)i;
            return 0;
        }
    }
    tdm_buf_init(&why, parser->memory, 512);
    tdm_buf_add_str(&why, "no stage of a session (allowed:");
    for (int i = 0; i < TDM_FAULT_NAMED; i++) {
        tdm_buf_addf(&why, "%s %s", i > 0 ? "," : "", stage_names[i]);
    }
    tdm_buf_add_char(&why, ')');
    fault_wrong(parser, word, tdm_buf_text(&why));
    tdm_buf_clear(&why);
    return -1;
}

/* What belongs to TLS stands alone, with `starttls`. */
static int fault_check_tls(struct fault_parser *parser, struct fault_word line)
{
    struct tdm_fault_rule *rule = parser->rule;
    if (!rule->action.no_tls && rule->action.certificate == TDM_CERTIFICATE_VALID) {
        return 0;
    }
    if (rule->stage != TDM_FAULT_STARTTLS || parser->actions > 1) {
        return fault_wrong(parser, line,
                           "bad-certificate and no-tls are the only action of a rule of starttls");
    }
    rule->stage = rule->action.no_tls ? TDM_FAULT_OFFER : TDM_FAULT_CERTIFICATE;
    return 0;
}

static int fault_line(struct fault_parser *parser, struct fault_word line)
{
    const char *colon = memchr(line.text, ':', line.length);
    if (colon == NULL) {
        return fault_wrong(parser, line,
                           "a rule is STAGE: ACTION[, ACTION or CONDITION]..., such as 'rcpt: 451 "
                           "4.7.1 greylisted, first 2'");
    }
    size_t before = (size_t)(colon - line.text);
    return fault_stage(parser, fault_trim(line.text, before)) != 0 ||
                   fault_parts(parser, fault_trim(colon + 1, line.length - before - 1), 1) != 0 ||
                   fault_check_tls(parser, line) != 0
               ? -1
               : 0;
}

static void fault_rule_clear(const tidymail_allocator *memory, struct tdm_fault_rule *rule)
{
    tdm_free(memory, rule->to);
    tdm_free(memory, rule->from);
}

static void fault_rule_init(struct tdm_fault_rule *rule)
{
    memset(rule, 0, sizeof(*rule));
    rule->first = -1;
    rule->probability = -1;
}

int tdm_faults_parse(struct tdm_faults *faults, const char *text, struct tdm_buf *error)
{
    const tidymail_allocator *memory = fault_memory(faults);
    while (*text != '\0') {
        size_t length = strcspn(text, "\r\n");
        struct fault_word line = fault_trim(text, length);
        struct tdm_fault_rule rule;
        struct fault_parser parser = {text, memory, &rule, error, 0, 0};
        text += length + (text[length] != '\0');
        if (line.length == 0 || line.text[0] == '#') {
            continue;
        }
        fault_rule_init(&rule);
        struct tdm_fault_rule *grown = NULL;
        if (fault_line(&parser, line) == 0) {
            grown = tdm_resize_array(memory, faults->items, faults->count + 1, sizeof(*grown));
            if (grown == NULL) {
                tdm_buf_add_str(error, "out of memory");
            }
        }
        if (grown == NULL) {
            fault_rule_clear(memory, &rule);
            return -1;
        }
        faults->items = grown;
        grown[faults->count++] = rule;
    }
    return 0;
}

void tdm_faults_clear(struct tdm_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        fault_rule_clear(fault_memory(faults), &faults->items[i]);
    }
    tdm_free(fault_memory(faults), faults->items);
    faults->items = NULL;
    faults->count = 0;
}

/* splitmix64: any seed gives a good sequence, the same on every machine. */
static uint64_t fault_random(struct tdm_faults *faults)
{
    faults->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t value = faults->random;
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static int fault_fits(const struct tdm_fault_rule *rule, enum tdm_fault_stage stage,
                      const struct tdm_fault_about *about)
{
    int found = rule->to == NULL;
    if (rule->stage != stage ||
        (rule->from != NULL &&
         (about->from == NULL ||
          !tdm_scenario_matches(rule->from, about->from, strlen(about->from))))) {
        return 0;
    }
    for (size_t i = 0; !found && i < about->to_count; i++) {
        found = tdm_scenario_matches(rule->to, about->to[i], strlen(about->to[i]));
    }
    return found;
}

const struct tdm_fault_action *tdm_faults_take(struct tdm_faults *faults,
                                               enum tdm_fault_stage stage,
                                               const struct tdm_fault_about *about)
{
    const struct tdm_fault_action *action = NULL;
    for (size_t i = 0; i < faults->count; i++) {
        struct tdm_fault_rule *rule = &faults->items[i];
        if (!fault_fits(rule, stage, about)) {
            continue;
        }
        rule->seen++;
        if (action != NULL || rule->seen <= rule->after ||
            (rule->first >= 0 && rule->acted >= rule->first)) {
            continue;
        }
        if (rule->probability >= 0 &&
            fault_random(faults) % FAULT_MILLION >= (uint64_t)rule->probability) {
            continue;
        }
        rule->acted++;
        action = &rule->action;
    }
    return action;
}

int tdm_fault_parse_action(struct tdm_fault_action *action, const char *text, size_t length)
{
    struct tdm_fault_rule rule;
    struct fault_parser parser = {text, &tdm_allocator_default, &rule, NULL, 0, 0};
    fault_rule_init(&rule);
    int result = fault_parts(&parser, fault_trim(text, length), 0);
    *action = rule.action;
    return result;
}

int tdm_fault_of_address(struct tdm_fault_action *action, const char *address)
{
    char words[128];
    size_t length = strlen(address);
    size_t domain = strlen(FAULT_DOMAIN);
    if (length <= domain || length - domain >= sizeof(words) ||
        !tdm_equal_nocase(address + length - domain, FAULT_DOMAIN)) {
        return 0;
    }
    length -= domain;
    for (size_t i = 0; i < length; i++) {
        words[i] = address[i];
        if (address[i] == '-') {
            words[i] = ' ';
        } else if (address[i] == '+') {
            words[i] = ','; /* "550-no+close" */
        }
    }
    return tdm_fault_parse_action(action, words, length) == 0 && !action->no_tls &&
           action->certificate == TDM_CERTIFICATE_VALID;
}
