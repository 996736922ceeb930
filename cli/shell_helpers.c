/* shell_helpers.c: the lines that begin with a dot. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/source.h>

#include "exit_code.h"
#include "near.h"
#include "shell.h"

#define HELPERS_FURTHER_MS 500 /* for each reply behind the first, to bytes sent raw */
#define HELPERS_COLUMN 22

static void helpers_usage(struct shell *shell, const char *words)
{
    shell_say(shell, "%s", words);
    shell->status = CLI_EXIT_USAGE;
}

static int helpers_is_connected(struct shell *shell)
{
    if (tidymail_session_fd(shell->session) < 0) {
        shell_say(shell, "not connected; .connect connects anew");
        shell->status = CLI_EXIT_RETRY;
        return 0;
    }
    return 1;
}

/* What the server can do has to be known first. */
static int helpers_need_ehlo(struct shell *shell)
{
    int kind = TIDYMAIL_OK;
    if (!helpers_is_connected(shell)) {
        return 0;
    }
    if (!tidymail_session_has_ehlo(shell->session)) {
        kind = tidymail_session_ehlo(shell->session, NULL);
        shell_result(shell, kind);
    }
    return kind == TIDYMAIL_OK;
}

static void helpers_ehlo(struct shell *shell, const char *argument)
{
    if (helpers_is_connected(shell)) {
        shell_result(shell,
                     tidymail_session_ehlo(shell->session, argument[0] != '\0' ? argument : NULL));
    }
}

/* STARTTLS was sent raw, and its 220 came: the handshake is waited for. */
static int helpers_awaits_tls(const struct shell *shell)
{
    const struct shell_event *last =
        shell->event_count > 1 ? &shell->events[shell->event_count - 1] : NULL;
    return last != NULL && last->type == SHELL_RECEIVED && last[-1].type == SHELL_SENT &&
           last[-1].phase == TIDYMAIL_PHASE_STARTTLS && strncmp(last->text, "220", 3) == 0;
}

static void helpers_starttls(struct shell *shell, const char *argument)
{
    (void)argument;
    if (helpers_awaits_tls(shell) || helpers_need_ehlo(shell)) {
        shell_result(shell, tidymail_session_start_tls(shell->session));
    }
}

static void helpers_auth(struct shell *shell, const char *argument)
{
    if (helpers_need_ehlo(shell)) {
        shell_result(shell,
                     tidymail_session_auth(shell->session, argument[0] != '\0' ? argument : NULL));
    }
}

static void helpers_send(struct shell *shell, const char *argument)
{
    tidymail_source source;
    if (argument[0] == '\0') {
        helpers_usage(shell, ".send FILE: which file?");
        return;
    }
    if (!helpers_is_connected(shell)) {
        return;
    }
    if (tidymail_source_open_file(&source, argument) != TIDYMAIL_OK) {
        shell_say(shell, "cannot read %s: %s", argument, strerror(errno));
        shell->status = CLI_EXIT_INPUT;
        return;
    }
    shell_result(shell, tidymail_session_send_message(shell->session, &source));
    source.release(source.context);
}

static int helpers_hex(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)((found - digits) % 16) : -1;
}

/* \r \n \t \\ \xNN; the number of bytes, -1 where an escape is none. */
static ptrdiff_t helpers_unescape(const char *text, char *out)
{
    size_t length = 0;
    for (; *text != '\0'; text++) {
        if (*text != '\\') {
            out[length++] = *text;
            continue;
        }
        static const char names[] = "rnt\\";
        static const char bytes[] = "\r\n\t\\";
        const char *name = *++text != '\0' ? strchr(names, *text) : NULL;
        if (name != NULL) {
            out[length++] = bytes[name - names];
        } else if (*text == 'x' && helpers_hex(text[1]) >= 0 && helpers_hex(text[2]) >= 0) {
            out[length++] = (char)(helpers_hex(text[1]) * 16 + helpers_hex(text[2]));
            text += 2;
        } else {
            return -1;
        }
    }
    return (ptrdiff_t)length;
}

/* As many replies as there are lines, where they come: only the first is waited for long. */
static void helpers_await_lines(struct shell *shell, const char *bytes, size_t length)
{
    size_t lines = 0;
    for (size_t i = 0; i < length; i++) {
        lines += bytes[i] == '\n';
    }
    if (lines > 0) {
        shell_await(shell);
    }
    for (; lines > 1 && tidymail_session_fd(shell->session) >= 0; lines--) {
        int kind = tidymail_session_read(shell->session, HELPERS_FURTHER_MS);
        if (kind == TIDYMAIL_KIND_TIMEOUT) {
            return;
        }
        shell_result(shell, kind);
    }
}

static void helpers_raw(struct shell *shell, const char *argument)
{
    char *bytes = malloc(strlen(argument) + 1);
    if (bytes == NULL || !helpers_is_connected(shell)) {
        free(bytes);
        return;
    }
    ptrdiff_t length = helpers_unescape(argument, bytes);
    if (length <= 0) {
        helpers_usage(shell, length < 0 ? ".raw TEXT: its escapes are \\r \\n \\t \\\\ and \\xNN"
                                        : ".raw TEXT: which bytes?");
    } else {
        int kind = tidymail_session_send_raw(shell->session, bytes, (size_t)length);
        if (kind != TIDYMAIL_OK) {
            shell_result(shell, kind);
        } else {
            helpers_await_lines(shell, bytes, (size_t)length);
        }
    }
    free(bytes);
}

static void helpers_time(struct shell *shell, const char *argument)
{
    if (strcmp(argument, "on") != 0 && strcmp(argument, "off") != 0) {
        helpers_usage(shell, ".time on, or .time off");
        return;
    }
    shell->times = argument[1] == 'n';
}

static void helpers_print_rows(struct shell *shell, const char *name, const char *text)
{
    do {
        size_t length = strcspn(text, "\n");
        shell_say(shell, "%-12s %.*s", name, (int)length, text);
        text += length + (text[length] == '\n');
        name = "";
    } while (*text != '\0');
}

static void helpers_cert(struct shell *shell, const char *argument)
{
    const tidymail_certificate *seen = tidymail_session_certificate(shell->session);
    (void)argument;
    if (seen == NULL) {
        shell_say(shell, "no certificate was seen: .starttls shows it");
        return;
    }
    const char *problem = tidymail_certificate_problem(seen);
    helpers_print_rows(shell, "names", tidymail_certificate_names(seen));
    helpers_print_rows(shell, "issuer", tidymail_certificate_issuer(seen));
    helpers_print_rows(shell, "valid from", tidymail_certificate_not_before(seen));
    helpers_print_rows(shell, "until", tidymail_certificate_not_after(seen));
    helpers_print_rows(shell, "sha256", tidymail_certificate_sha256(seen));
    helpers_print_rows(shell, "chain", tidymail_certificate_chain(seen));
    helpers_print_rows(shell, "verified", tidymail_certificate_verified(seen) ? "yes" : "no");
    if (problem[0] != '\0') {
        helpers_print_rows(shell, "problem", problem);
    }
}

static void helpers_save(struct shell *shell, const char *argument)
{
    if (argument[0] == '\0') {
        helpers_usage(shell, ".save FILE.scn: which file?");
    } else if (shell_record_save(shell, argument) != 0) {
        shell_say(shell, "cannot write %s: %s", argument, strerror(errno));
        shell->status = CLI_EXIT_LOCAL;
    } else {
        shell_say(shell, "saved; tidymail serve --script plays the server's part");
    }
}

static void helpers_connect(struct shell *shell, const char *argument)
{
    (void)argument;
    tidymail_session_quit(shell->session);
    shell_connect(shell);
}

static void helpers_quit(struct shell *shell, const char *argument)
{
    (void)argument;
    tidymail_session_quit(shell->session);
    shell->ended = 1;
}

static void helpers_help(struct shell *shell, const char *argument)
{
    (void)argument;
    for (const struct shell_helper *one = shell_helpers; one->name != NULL; one++) {
        int column = printf("  %s %s", one->name, one->argument);
        printf("%*s%s\n", column < HELPERS_COLUMN ? HELPERS_COLUMN - column : 1, "", one->help);
    }
    printf("Every other line goes to the server as it is, with CRLF behind it. Behind DATA all\n"
           "lines do, until a lone dot.\n");
    fflush(stdout);
    shell->at_prompt = 0;
}

const struct shell_helper shell_helpers[] = {
    {".ehlo", "[NAME]", "EHLO; the name is that of this machine where none is given", helpers_ehlo},
    {".starttls", "", "STARTTLS and the handshake", helpers_starttls},
    {".auth", "[MECHANISM]", "log in with the URL's user and password", helpers_auth},
    {".send", "FILE", "DATA, the message in the file, and its end", helpers_send},
    {".raw", "TEXT", "bytes as they are; \\r \\n \\t \\\\ \\xNN", helpers_raw},
    {".cert", "", "the server's certificate", helpers_cert},
    {".time", "on|off", "seconds before each line", helpers_time},
    {".save", "FILE.scn", "this conversation as a scenario, without secrets", helpers_save},
    {".connect", "", "connect anew", helpers_connect},
    {".help", "", "this list", helpers_help},
    {".quit", "", "QUIT, and leave (as ^D does)", helpers_quit},
    {NULL, NULL, NULL, NULL},
};

void shell_help_line(struct shell *shell, const char *line)
{
    size_t length = strcspn(line, " \t");
    const char *argument = line + length + strspn(line + length, " \t");
    const char *near = NULL;
    for (const struct shell_helper *one = shell_helpers; one->name != NULL; one++) {
        if (strlen(one->name) == length && memcmp(one->name, line, length) == 0) {
            one->run(shell, argument);
            return;
        }
        near = near_slips(line, length, one->name) > 0 ? one->name : near;
    }
    shell_say(shell, "no such helper%s%s%s; .help lists them, .raw sends any line",
              near != NULL ? ", did you mean " : "", near != NULL ? near : "",
              near != NULL ? "?" : "");
    shell->status = CLI_EXIT_USAGE;
}
