/*
 * options.c: values from text, strictly. One table, made from options.def, has for each option its
 * type and its place in struct tdm_options; one reader for each type says what it allows.
 */
#include "transport/options.h"

#include <string.h>

#include "sasl/sasl.h"
#include "util/near.h"
#include "util/str.h"

#include <tidymail/smtp.h>

#define OPTION_SECONDS_MAX 10000000 /* four months; more is a slip */
#define OPTION_COUNT_MAX 1000000
#define OPTION_SHOWN_MAX 64 /* bytes of a wrong value or name that an error shows */

enum option_type {
    OPTION_TLS,
    OPTION_AUTH,
    OPTION_ALLOW,
    OPTION_BOOL,
    OPTION_TEXT,
    OPTION_VERIFY,
    OPTION_SECONDS,
    OPTION_UNSUPPORTED,
    OPTION_COUNT_OF,
    OPTION_RATE,
    OPTION_EOL
};

struct option_entry {
    const char *name;
    size_t member; /* offset in struct tdm_options */
    enum option_type type;
    const char *fallback;
};

static const struct option_entry option_table[] = {
#define X(name, member, type, fallback, words)                                                     \
    {name, offsetof(struct tdm_options, member), OPTION_##type, fallback},
#include "transport/options.def"
#undef X
};

static const char *const option_names[] = {
#define X(name, member, type, fallback, words) name,
#include "transport/options.def"
#undef X
    NULL,
};

#define OPTION_COUNT (sizeof(option_table) / sizeof(option_table[0]))

/* One option and its value on the way in. */
struct option_setting {
    const tidymail_allocator *allocator;
    struct tdm_options *options;
    const struct option_entry *entry;
    const char *value;
    size_t length;
    struct tidymail_error *error;
};

static int option_is(const struct option_setting *setting, const char *word)
{
    return tdm_equal_nocase_n(setting->value, setting->length, word);
}

/* A member by its offset; every member of a type is declared with that type in options.h. */
static void *option_member(const struct option_setting *setting)
{
    return (char *)setting->options + setting->entry->member;
}

static void option_set_int(const struct option_setting *setting, int value)
{
    memcpy(option_member(setting), &value, sizeof(value));
}

/* Refuses the value; it is shown, except for the source of a secret (which may be one by mistake). */
static int option_refuse(const struct option_setting *setting, const char *allowed)
{
    struct tdm_buf shown;
    tdm_buf_init(&shown, setting->allocator, (size_t)OPTION_SHOWN_MAX * 4 + 8);
    if (setting->entry->member != offsetof(struct tdm_options, password_from)) {
        size_t length = setting->length < OPTION_SHOWN_MAX ? setting->length : OPTION_SHOWN_MAX;
        tdm_buf_add_str(&shown, " \"");
        tdm_escape(&shown, setting->value, length, 0);
        tdm_buf_add_str(&shown, length < setting->length ? "...\"" : "\"");
    }
    int kind = tdm_error_setf(setting->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                              "option %s: bad value%s; allowed: %s", setting->entry->name,
                              tdm_buf_text(&shown), allowed);
    tdm_buf_clear(&shown);
    return kind;
}

static int option_read_tls(const struct option_setting *setting)
{
    static const struct {
        const char *word;
        int value;
    } words[] = {{"none", TIDYMAIL_SMTP_TLS_NONE},
                 {"opportunistic", TIDYMAIL_SMTP_TLS_OPPORTUNISTIC},
                 {"starttls", TIDYMAIL_SMTP_TLS_STARTTLS}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (option_is(setting, words[i].word)) {
            option_set_int(setting, words[i].value);
            return TIDYMAIL_OK;
        }
    }
    return option_refuse(setting, "none, opportunistic, starttls");
}

/* Two words, of which the second is the opposite. */
static int option_read_choice(const struct option_setting *setting, const char *yes,
                              const char *allowed)
{
    if (!option_is(setting, yes) && !option_is(setting, "no")) {
        return option_refuse(setting, allowed);
    }
    option_set_int(setting, option_is(setting, yes));
    return TIDYMAIL_OK;
}

static int option_set_text(const struct option_setting *setting)
{
    char *copy = tdm_strndup(setting->allocator, setting->value, setting->length);
    if (copy == NULL) {
        return tdm_error_set(setting->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                             "out of memory while reading the options", NULL);
    }
    char *old;
    memcpy(&old, option_member(setting), sizeof(old));
    tdm_free(setting->allocator, old);
    memcpy(option_member(setting), &copy, sizeof(copy));
    return TIDYMAIL_OK;
}

static int option_read_auth(const struct option_setting *setting)
{
    size_t start = 0;
    while (start <= setting->length) {
        const char *name = setting->value + start;
        const char *comma = memchr(name, ',', setting->length - start);
        size_t length = comma != NULL ? (size_t)(comma - name) : setting->length - start;
        if (tdm_sasl_find(name, length) == NULL) {
            struct tdm_buf allowed;
            tdm_buf_init(&allowed, setting->allocator, 1024);
            for (size_t i = 0; tdm_sasl_mechanisms[i] != NULL; i++) {
                tdm_buf_addf(&allowed, "%s%s", i > 0 ? ", " : "", tdm_sasl_mechanisms[i]->name);
            }
            tdm_buf_add_str(&allowed, " (several with commas)");
            int kind = option_refuse(setting, tdm_buf_text(&allowed));
            tdm_buf_clear(&allowed);
            return kind;
        }
        start += length + 1;
    }
    return option_set_text(setting);
}

/* A domain or an address literal (RFC 5321 4.1.1.1): this goes into a command. */
static int option_helo_is_bad(const struct option_setting *setting)
{
    for (size_t i = 0; i < setting->length; i++) {
        char c = setting->value[i];
        if (!tdm_is_alnum(c) && strchr("-._[]:", c) == NULL) {
            return 1;
        }
    }
    return setting->length > 255;
}

static int option_read_text(const struct option_setting *setting)
{
    size_t control = tdm_find_control(setting->value, setting->length);
    if (control < setting->length) {
        return tdm_error_setf(setting->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                              "option %s: a control byte at offset %z is not allowed",
                              setting->entry->name, control);
    }
    if (setting->length == 0) {
        return option_refuse(setting, "a text that is not empty");
    }
    if (setting->entry->member == offsetof(struct tdm_options, helo) &&
        option_helo_is_bad(setting)) {
        return option_refuse(setting, "a host name, or an address in brackets");
    }
    if (setting->entry->member == offsetof(struct tdm_options, password_from)) {
        static const char *const sources[] = {"env:", "file:", "command:"};
        size_t i = 0;
        while (i < 3 && !tdm_starts_nocase(setting->value, setting->length, sources[i])) {
            i++;
        }
        if (i == 3 || setting->length == strlen(sources[i])) {
            return option_refuse(setting, "env:NAME, file:PATH, command:LINE");
        }
    }
    return option_set_text(setting);
}

static int option_hex_digit(char c)
{
    char lower = tdm_lower(c);
    if (tdm_is_digit(c)) {
        return c - '0';
    }
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static int option_read_verify(const struct option_setting *setting)
{
    static const char prefix[] = "sha256:";
    static const char allowed[] = "full, none, sha256: and 64 hex digits";
    struct tdm_options *options = setting->options;
    if (option_is(setting, "full") || option_is(setting, "none")) {
        options->verify = option_is(setting, "full") ? TDM_VERIFY_FULL : TDM_VERIFY_NONE;
        return TIDYMAIL_OK;
    }
    size_t at = sizeof(prefix) - 1;
    if (!tdm_starts_nocase(setting->value, setting->length, prefix) || setting->length != at + 64) {
        return option_refuse(setting, allowed);
    }
    unsigned char bytes[32];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        int high = option_hex_digit(setting->value[at + i * 2]);
        int low = option_hex_digit(setting->value[at + i * 2 + 1]);
        if (high < 0 || low < 0) {
            return option_refuse(setting, allowed);
        }
        bytes[i] = (unsigned char)(high * 16 + low);
    }
    options->verify = TDM_VERIFY_SHA256;
    memcpy(options->verify_sha256, bytes, sizeof(bytes));
    return TIDYMAIL_OK;
}

static int option_read_eol(const struct option_setting *setting)
{
    if (!option_is(setting, "lf") && !option_is(setting, "crlf")) {
        return option_refuse(setting, "lf, crlf");
    }
    option_set_int(setting, option_is(setting, "crlf"));
    return TIDYMAIL_OK;
}

/* Seconds with a fraction; what is finer than a millisecond is rounded up, so that nothing above
 * zero becomes zero. */
static int option_read_seconds(const struct option_setting *setting)
{
    static const char allowed[] = "seconds above 0, such as 30 or 2.5";
    int64_t ms = 0;
    int64_t unit = 1000;
    int digits = 0;
    int finer = 0;
    size_t i = 0;
    for (; i < setting->length && tdm_is_digit(setting->value[i]); i++, digits++) {
        ms = ms * 10 + (setting->value[i] - '0') * 1000;
        if (ms > (int64_t)OPTION_SECONDS_MAX * 1000) {
            return option_refuse(setting, "at most 10000000 seconds");
        }
    }
    if (i < setting->length && setting->value[i] == '.') {
        i++;
        for (; i < setting->length && tdm_is_digit(setting->value[i]); i++, digits++) {
            unit /= 10;
            ms += (setting->value[i] - '0') * unit;
            finer = finer || (unit == 0 && setting->value[i] != '0');
        }
    }
    ms += finer;
    if (i < setting->length || digits == 0 || ms == 0) {
        return option_refuse(setting, allowed);
    }
    memcpy(option_member(setting), &ms, sizeof(ms));
    return TIDYMAIL_OK;
}

/* A number of things, from 1 on. */
static int option_read_count(const struct option_setting *setting)
{
    int number = 0;
    size_t i = 0;
    for (; i < setting->length && tdm_is_digit(setting->value[i]) && number <= OPTION_COUNT_MAX;
         i++) {
        number = number * 10 + (setting->value[i] - '0');
    }
    if (i == 0 || i < setting->length || number < 1 || number > OPTION_COUNT_MAX) {
        return option_refuse(setting, "a number from 1 to 1000000");
    }
    option_set_int(setting, number);
    return TIDYMAIL_OK;
}

/* N, N/s, N/m or N/h, as messages in an hour. */
static int option_read_rate(const struct option_setting *setting)
{
    static const char allowed[] = "a number from 1 to 1000000, and perhaps /s, /m or /h";
    int64_t per_hour = 3600;
    size_t digits = setting->length;
    const char *slash = setting->length > 0 ? memchr(setting->value, '/', setting->length) : NULL;
    if (slash != NULL) {
        digits = (size_t)(slash - setting->value);
        char unit = setting->length == digits + 2 ? tdm_lower(slash[1]) : '?';
        per_hour = unit == 's' ? 3600 : unit == 'm' ? 60 : 1;
        if (unit != 's' && unit != 'm' && unit != 'h') {
            return option_refuse(setting, allowed);
        }
    }
    int64_t number = 0;
    size_t i = 0;
    for (; i < digits && tdm_is_digit(setting->value[i]) && number <= OPTION_COUNT_MAX; i++) {
        number = number * 10 + (setting->value[i] - '0');
    }
    if (i == 0 || i < digits || number < 1 || number > OPTION_COUNT_MAX) {
        return option_refuse(setting, allowed);
    }
    number *= per_hour;
    memcpy(option_member(setting), &number, sizeof(number));
    return TIDYMAIL_OK;
}

static int option_read_unsupported(const struct option_setting *setting)
{
    if (!option_is(setting, "refuse") && !option_is(setting, "drop")) {
        return option_refuse(setting, "refuse, drop");
    }
    option_set_int(setting, option_is(setting, "drop"));
    return TIDYMAIL_OK;
}

static int option_read(const struct option_setting *setting)
{
    switch (setting->entry->type) {
    case OPTION_TLS:
        return option_read_tls(setting);
    case OPTION_AUTH:
        return option_read_auth(setting);
    case OPTION_ALLOW:
        return option_read_choice(setting, "allow", "allow, no");
    case OPTION_BOOL:
        return option_read_choice(setting, "yes", "yes, no");
    case OPTION_TEXT:
        return option_read_text(setting);
    case OPTION_VERIFY:
        return option_read_verify(setting);
    case OPTION_SECONDS:
        return option_read_seconds(setting);
    case OPTION_UNSUPPORTED:
        return option_read_unsupported(setting);
    case OPTION_COUNT_OF:
        return option_read_count(setting);
    case OPTION_RATE:
        return option_read_rate(setting);
    case OPTION_EOL:
        return option_read_eol(setting);
    }
    return TIDYMAIL_KIND_CONFIGURATION;
}

void tdm_options_init(struct tdm_options *options)
{
    memset(options, 0, sizeof(*options));
    options->tls = -1;
    options->timeout_ms = -1;
    struct tidymail_error none;
    tdm_error_init(&none, NULL);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *value = option_table[i].fallback;
        struct option_setting setting = {NULL,  options,       &option_table[i],
                                         value, strlen(value), &none};
        if (value[0] != '\0') {
            option_read(&setting); /* defaults are numbers and words: nothing is allocated */
        }
    }
}

void tdm_options_clear(const tidymail_allocator *allocator, struct tdm_options *options)
{
    tdm_free(allocator, options->auth);
    tdm_free(allocator, options->ca);
    tdm_free(allocator, options->helo);
    tdm_free(allocator, options->cert);
    tdm_free(allocator, options->key);
    tdm_free(allocator, options->source);
    tdm_free(allocator, options->resolver);
    tdm_free(allocator, options->region);
    tdm_free(allocator, options->endpoint);
    tdm_free(allocator, options->redirect);
    tdm_free(allocator, options->allow);
    tdm_free(allocator, options->args);
    if (options->proxy != NULL) {
        tdm_wipe(options->proxy, strlen(options->proxy));
    }
    tdm_free(allocator, options->proxy);
    if (options->password_from != NULL) {
        tdm_wipe(options->password_from, strlen(options->password_from));
    }
    tdm_free(allocator, options->password_from);
    tdm_options_init(options);
}

static const struct option_entry *option_find(const char *name, size_t length)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(option_table[i].name) == length &&
            memcmp(option_table[i].name, name, length) == 0) {
            return &option_table[i];
        }
    }
    return NULL;
}

const char *tdm_options_name(size_t index)
{
    return index < OPTION_COUNT ? option_names[index] : NULL;
}

int tdm_options_known(const char *name, size_t length)
{
    return option_find(name, length) != NULL;
}

static int option_refuse_name(const tidymail_allocator *allocator, const char *name, size_t length,
                              struct tidymail_error *error)
{
    struct tdm_buf shown;
    tdm_buf_init(&shown, allocator, 1024);
    size_t part = length < OPTION_SHOWN_MAX ? length : OPTION_SHOWN_MAX;
    tdm_buf_add_str(&shown, "unknown option \"");
    tdm_escape(&shown, name, part, 0);
    tdm_buf_add_str(&shown, part < length ? "...\"" : "\"");
    tdm_near_add(&shown, name, length, option_names);
    struct tdm_buf hint;
    tdm_buf_init(&hint, allocator, 1024);
    tdm_buf_add_str(&hint, "the options are");
    for (size_t i = 0; option_names[i] != NULL; i++) {
        tdm_buf_addf(&hint, "%s %s", i > 0 ? "," : "", option_names[i]);
    }
    int kind = tdm_error_set(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             shown.failed ? NULL : tdm_buf_text(&shown),
                             hint.failed ? NULL : tdm_buf_text(&hint));
    tdm_buf_clear(&shown);
    tdm_buf_clear(&hint);
    return kind;
}

int tdm_options_set(const tidymail_allocator *allocator, struct tdm_options *options,
                    const char *name, size_t name_length, const char *value, size_t value_length,
                    struct tidymail_error *error)
{
    const struct option_entry *entry = option_find(name, name_length);
    if (entry == NULL) {
        return option_refuse_name(allocator, name, name_length, error);
    }
    struct option_setting setting = {allocator, options, entry, value, value_length, error};
    int kind = option_read(&setting);
    if (kind == TIDYMAIL_OK && entry->member == offsetof(struct tdm_options, reply_timeout_ms)) {
        options->reply_timeout_set = 1;
    }
    return kind;
}
