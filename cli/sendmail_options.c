/*
 * sendmail_options.c: what has no meaning here is taken and forgotten, because programs say it out of
 * habit; what would change where mail goes or ask for a server is refused.
 */
#include "sendmail_options.h"

#include <string.h>

enum sendmail_value {
    VALUE_NONE,     /* -t */
    VALUE_WANTED,   /* -f ADDRESS or -fADDRESS */
    VALUE_ATTACHED, /* -odi: only in the same word, or nothing */
};

/* Where a value goes; KEEP_NOTHING: the option is taken and forgotten. */
enum sendmail_keep {
    KEEP_NOTHING,
    KEEP_HEADER,
    KEEP_NO_DOT,
    KEEP_VERBOSE,
    KEEP_FROM,
    KEEP_NAME,
    KEEP_NOTIFY,
    KEEP_RET,
    KEEP_ENVID,
    KEEP_LOG,
    KEEP_ACCOUNT,
    KEEP_CONFIG,
    KEEP_OPTION, /* -o: -oi is -i */
    KEEP_MODE,   /* -b */
    KEEP_HELP
};

static const struct {
    char letter;
    enum sendmail_value value;
    enum sendmail_keep keep;
} sendmail_letters[] = {
    {'t', VALUE_NONE, KEEP_HEADER},      {'i', VALUE_NONE, KEEP_NO_DOT},
    {'v', VALUE_NONE, KEEP_VERBOSE},     {'f', VALUE_WANTED, KEEP_FROM},
    {'r', VALUE_WANTED, KEEP_FROM},      {'F', VALUE_WANTED, KEEP_NAME},
    {'N', VALUE_WANTED, KEEP_NOTIFY},    {'R', VALUE_WANTED, KEEP_RET},
    {'V', VALUE_WANTED, KEEP_ENVID},     {'X', VALUE_WANTED, KEEP_LOG},
    {'a', VALUE_WANTED, KEEP_ACCOUNT},   {'C', VALUE_WANTED, KEEP_CONFIG},
    {'o', VALUE_ATTACHED, KEEP_OPTION},  {'b', VALUE_ATTACHED, KEEP_MODE},
    {'B', VALUE_WANTED, KEEP_NOTHING},   {'O', VALUE_WANTED, KEEP_NOTHING},
    {'h', VALUE_WANTED, KEEP_NOTHING},   {'L', VALUE_WANTED, KEEP_NOTHING},
    {'p', VALUE_WANTED, KEEP_NOTHING},   {'e', VALUE_ATTACHED, KEEP_NOTHING},
    {'q', VALUE_ATTACHED, KEEP_NOTHING}, {'d', VALUE_ATTACHED, KEEP_NOTHING},
    {'A', VALUE_ATTACHED, KEEP_NOTHING}, {'m', VALUE_NONE, KEEP_NOTHING},
    {'n', VALUE_NONE, KEEP_NOTHING},     {'U', VALUE_NONE, KEEP_NOTHING},
    {'G', VALUE_NONE, KEEP_NOTHING},     {'s', VALUE_NONE, KEEP_NOTHING},
};

static const struct {
    const char *name;
    enum sendmail_value value;
    enum sendmail_keep keep;
} sendmail_names[] = {
    {"account", VALUE_WANTED, KEEP_ACCOUNT},
    {"file", VALUE_WANTED, KEEP_CONFIG},
    {"config", VALUE_WANTED, KEEP_CONFIG},
    {"from", VALUE_WANTED, KEEP_FROM},
    {"read-recipients", VALUE_NONE, KEEP_HEADER},
    {"read-envelope-from", VALUE_NONE, KEEP_NOTHING},
    {"help", VALUE_NONE, KEEP_HELP},
};

static int sendmail_set_mode(struct sendmail_options *options, const char *value,
                             struct cli_failure *failure)
{
    if (strcmp(value, "m") == 0) {
        options->mode = SENDMAIL_SEND;
    } else if (strcmp(value, "p") == 0) {
        options->mode = SENDMAIL_QUEUE;
    } else if (strcmp(value, "i") == 0) {
        options->mode = SENDMAIL_ALIASES;
    } else {
        return failure_usage(failure, "-b%.10s is not done here: this sends, and is no server",
                             value);
    }
    return 0;
}

static int sendmail_keep(struct sendmail_options *options, enum sendmail_keep keep,
                         const char *value, struct cli_failure *failure)
{
    const char **const texts[] = {
        [KEEP_FROM] = &options->from,       [KEEP_NAME] = &options->full_name,
        [KEEP_NOTIFY] = &options->notify,   [KEEP_RET] = &options->ret,
        [KEEP_ENVID] = &options->envid,     [KEEP_LOG] = &options->log,
        [KEEP_ACCOUNT] = &options->account, [KEEP_CONFIG] = &options->config,
    };
    if (keep == KEEP_MODE) {
        return sendmail_set_mode(options, value, failure);
    }
    if (keep == KEEP_HELP) {
        options->mode = SENDMAIL_HELP;
    } else if (keep >= KEEP_FROM && keep <= KEEP_CONFIG) {
        *texts[keep] = value;
    } else if (keep != KEEP_NOTHING) {
        options->from_header |= keep == KEEP_HEADER;
        options->no_dot |= keep == KEEP_NO_DOT || (keep == KEEP_OPTION && value[0] == 'i');
        options->verbose |= keep == KEEP_VERBOSE;
    }
    return 0;
}

/* "--name", "--name=value" or "--name value"; returns how many words it took. */
static int sendmail_read_name(struct sendmail_options *options, int count, char **words,
                              struct cli_failure *failure)
{
    const char *name = words[0] + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    for (size_t i = 0; i < sizeof(sendmail_names) / sizeof(sendmail_names[0]); i++) {
        if (!words_same(name, length, sendmail_names[i].name)) {
            continue;
        }
        int takes = sendmail_names[i].value == VALUE_WANTED;
        int used = takes && value == NULL ? 2 : 1;
        if (used > count || (!takes && value != NULL)) {
            failure_usage(failure, takes ? "--%s needs a value" : "--%s takes no value",
                          sendmail_names[i].name);
            return 1;
        }
        sendmail_keep(options, sendmail_names[i].keep, used == 2 ? words[1] : value, failure);
        return used;
    }
    failure_usage(failure, "unknown option --%.*s", length < 40 ? (int)length : 40, name);
    return 1;
}

/* The letters of one word, of which the last may take the rest of it or the next word. */
static int sendmail_read_letters(struct sendmail_options *options, int count, char **words,
                                 struct cli_failure *failure)
{
    for (const char *at = words[0] + 1; *at != '\0'; at++) {
        size_t i = 0;
        size_t letters = sizeof(sendmail_letters) / sizeof(sendmail_letters[0]);
        while (i < letters && sendmail_letters[i].letter != *at) {
            i++;
        }
        if (i == letters) {
            failure_usage(failure, "unknown option -%c", *at > ' ' && *at <= '~' ? *at : '?');
            return 1;
        }
        enum sendmail_value value = sendmail_letters[i].value;
        int is_next = value == VALUE_WANTED && at[1] == '\0';
        if (is_next && count < 2) {
            failure_usage(failure, "-%c needs a value", *at);
            return 1;
        }
        if (value != VALUE_NONE) {
            sendmail_keep(options, sendmail_letters[i].keep, is_next ? words[1] : at + 1, failure);
            return is_next ? 2 : 1;
        }
        sendmail_keep(options, sendmail_letters[i].keep, NULL, failure);
    }
    return 1;
}

int sendmail_options_parse(struct sendmail_options *options, int count, char **words,
                           struct cli_failure *failure)
{
    memset(options, 0, sizeof(*options));
    options->recipients = words;
    int options_end = 0;
    for (int i = 0; i < count;) {
        if (!options_end && strcmp(words[i], "--") == 0) {
            options_end = 1;
            i++;
        } else if (options_end || words[i][0] != '-' || words[i][1] == '\0') {
            options->recipients[options->recipient_count++] = words[i]; /* never ahead of i */
            i++;
        } else if (words[i][1] == '-') {
            i += sendmail_read_name(options, count - i, words + i, failure);
        } else {
            i += sendmail_read_letters(options, count - i, words + i, failure);
        }
    }
    return failure->status == 0 ? 0 : -1;
}
