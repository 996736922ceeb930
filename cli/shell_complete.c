/* shell_complete.c: what the tab key offers: commands, helpers, and what the server offered. */
#include <string.h>

#include "shell.h"

static const char *const complete_verbs[] = {
    "EHLO ", "HELO ", "MAIL FROM:<", "RCPT TO:<", "DATA", "RSET",  "NOOP", "QUIT",
    "VRFY ", "EXPN ", "HELP",        "STARTTLS",  "AUTH", "BDAT ", NULL};

/* Parameters of MAIL and RCPT, and the keyword with which a server offers them. */
static const struct {
    const char *keyword;
    const char *command;
    const char *parameter;
} complete_parameters[] = {
    {"SIZE", "MAIL", "SIZE="},
    {"8BITMIME", "MAIL", "BODY=8BITMIME"},
    {"BINARYMIME", "MAIL", "BODY=BINARYMIME"},
    {"SMTPUTF8", "MAIL", "SMTPUTF8"},
    {"DSN", "MAIL", "RET="},
    {"DSN", "MAIL", "ENVID="},
    {"REQUIRETLS", "MAIL", "REQUIRETLS"},
    {"DELIVERBY", "MAIL", "BY="},
    {"FUTURERELEASE", "MAIL", "HOLDFOR="},
    {"MT-PRIORITY", "MAIL", "MT-PRIORITY="},
    {"AUTH", "MAIL", "AUTH=<>"},
    {"DSN", "RCPT", "NOTIFY="},
    {"DSN", "RCPT", "ORCPT="},
};

#define COMPLETE_PARAMETER_COUNT (sizeof(complete_parameters) / sizeof(complete_parameters[0]))

static char complete_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* 1 where `word` begins with these bytes, case-blind. */
static int complete_fits(const char *word, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (word[i] == '\0' || complete_upper(word[i]) != complete_upper(bytes[i])) {
            return 0;
        }
    }
    return 1;
}

/* The words behind the keyword of a capability; NULL: the server does not offer it. */
static const char *complete_offer(const struct shell *shell, const char *keyword)
{
    const char *line;
    size_t length = strlen(keyword);
    for (size_t i = 0; (line = tidymail_session_capability(shell->session, i)) != NULL; i++) {
        if (complete_fits(line, keyword, length) && (line[length] == ' ' || line[length] == '\0')) {
            return line + length;
        }
    }
    return NULL;
}

/* The index-th mechanism that fits, out of "AUTH PLAIN LOGIN". */
static const char *complete_mechanism(const struct shell *shell, const char *start, size_t length,
                                      size_t index)
{
    static char word[64];
    const char *at = complete_offer(shell, "AUTH");
    while (at != NULL && *at != '\0') {
        at += strspn(at, " ");
        size_t size = strcspn(at, " ");
        if (size > 0 && size < sizeof(word) && complete_fits(at, start, length) && length <= size &&
            index-- == 0) {
            memcpy(word, at, size);
            word[size] = '\0';
            return word;
        }
        at += size;
    }
    return NULL;
}

static const char *complete_parameter(const struct shell *shell, const char *line,
                                      const char *start, size_t length, size_t index)
{
    for (size_t i = 0; i < COMPLETE_PARAMETER_COUNT; i++) {
        if (complete_fits(line, complete_parameters[i].command, 4) &&
            complete_fits(complete_parameters[i].parameter, start, length) &&
            complete_offer(shell, complete_parameters[i].keyword) != NULL && index-- == 0) {
            return complete_parameters[i].parameter;
        }
    }
    return NULL;
}

/* A first word: verbs, helpers, and keywords of the server that are commands themselves (ETRN). */
static const char *complete_first(const struct shell *shell, const char *start, size_t length,
                                  size_t index)
{
    for (size_t i = 0; complete_verbs[i] != NULL; i++) {
        if (complete_fits(complete_verbs[i], start, length) && index-- == 0) {
            return complete_verbs[i];
        }
    }
    for (size_t i = 0; shell_helpers[i].name != NULL; i++) {
        if (complete_fits(shell_helpers[i].name, start, length) && index-- == 0) {
            return shell_helpers[i].name;
        }
    }
    static const char *const extensions[] = {"ETRN ", "BURL ", "XCLIENT ", "XFORWARD ", "ATRN "};
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        char keyword[16] = "";
        memcpy(keyword, extensions[i], strlen(extensions[i]) - 1);
        if (complete_fits(extensions[i], start, length) && complete_offer(shell, keyword) != NULL &&
            index-- == 0) {
            return extensions[i];
        }
    }
    return NULL;
}

const char *shell_complete(const struct shell *shell, const char *line, size_t index,
                           size_t *length)
{
    const char *blank = strrchr(line, ' ');
    const char *start = blank != NULL ? blank + 1 : line;
    *length = strlen(start);
    if (tidymail_session_mode(shell->session) == TIDYMAIL_SESSION_DATA) {
        return NULL;
    }
    if (blank == NULL) {
        return complete_first(shell, start, *length, index);
    }
    if (complete_fits(line, "AUTH ", 5) || complete_fits(line, ".auth ", 6)) {
        return complete_mechanism(shell, start, *length, index);
    }
    if (complete_fits(line, ".time ", 6)) {
        static const char *const both[] = {"on", "off"};
        for (size_t i = 0; i < 2; i++) {
            if (complete_fits(both[i], start, *length) && index-- == 0) {
                return both[i];
            }
        }
        return NULL;
    }
    return complete_parameter(shell, line, start, *length, index);
}
