/*
 * log_line.c: key=value, as msmtp has it, so that its readers go on working. A value that came from
 * elsewhere cannot end its quotes nor the line: control bytes, quotes and backslashes are escaped.
 */
#include "log_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "exit_code.h"
#include "output.h"

static const struct {
    int status;
    const char *name;
} log_exit_names[] = {
    {CLI_EXIT_SENT, "EX_OK"},
    {CLI_EXIT_USAGE, "EX_USAGE"},
    {CLI_EXIT_DATA, "EX_DATAERR"},
    {CLI_EXIT_INPUT, "EX_NOINPUT"},
    {CLI_EXIT_HOST, "EX_NOHOST"},
    {CLI_EXIT_UNAVAILABLE, "EX_UNAVAILABLE"},
    {CLI_EXIT_INTERNAL, "EX_SOFTWARE"},
    {CLI_EXIT_LOCAL, "EX_OSERR"},
    {CLI_EXIT_UNKNOWN, "EX_IOERR"},
    {CLI_EXIT_RETRY, "EX_TEMPFAIL"},
    {CLI_EXIT_PROTOCOL, "EX_PROTOCOL"},
    {CLI_EXIT_REFUSED, "EX_NOPERM"},
    {CLI_EXIT_CONFIGURATION, "EX_CONFIG"},
};

static const struct {
    const char *name;
    int facility;
} log_facilities[] = {
    {"on", LOG_USER},           {"LOG_USER", LOG_USER},     {"LOG_MAIL", LOG_MAIL},
    {"LOG_LOCAL0", LOG_LOCAL0}, {"LOG_LOCAL1", LOG_LOCAL1}, {"LOG_LOCAL2", LOG_LOCAL2},
    {"LOG_LOCAL3", LOG_LOCAL3}, {"LOG_LOCAL4", LOG_LOCAL4}, {"LOG_LOCAL5", LOG_LOCAL5},
    {"LOG_LOCAL6", LOG_LOCAL6}, {"LOG_LOCAL7", LOG_LOCAL7},
};

static void log_escape(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n') {
            fputs("\\n", out);
        } else if (c == '\'' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(out, "\\x%02X", (unsigned int)c);
        } else {
            fputc(c, out);
        }
    }
}

/* A value without quotes where it is made of harmless characters only. */
static void log_word(FILE *out, const char *text, size_t length)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   "@.,:;_+-/%[]!#$&*?^{|}~";
    size_t i = 0;
    while (i < length && text[i] != '\0' &&
           (((unsigned char)text[i] & 0x80) != 0 || strchr(harmless, text[i]) != NULL)) {
        i++;
    }
    fputs(i < length ? "'" : "", out);
    log_escape(out, text, length);
    fputs(i < length ? "'" : "", out);
}

static void log_pair(FILE *out, const char *key, const char *value)
{
    fprintf(out, " %s=", key);
    log_word(out, value, strlen(value));
}

static void log_quoted(FILE *out, const char *key, const char *value)
{
    fprintf(out, " %s='", key);
    log_escape(out, value, strlen(value));
    fputc('\'', out);
}

static int log_is_smtp(const char *url)
{
    return strncmp(url, "smtp://", 7) == 0 || strncmp(url, "smtps://", 8) == 0 ||
           strncmp(url, "lmtp://", 7) == 0;
}

/* The host of an SMTP URL, of any other its scheme: nothing else, a secret may stand beside it. */
static void log_host(FILE *out, const char *url)
{
    size_t scheme = strcspn(url, ":");
    const char *host = log_is_smtp(url) ? strstr(url, "://") + 3 : NULL;
    size_t length = host != NULL ? strcspn(host, "/?#") : 0;
    for (size_t i = length; i > 0 && host != NULL; i--) {
        if (host[i - 1] == '@') {
            host += i;
            length -= i;
            break;
        }
    }
    if (length > 0) {
        size_t bracket = host[0] == '[' ? strcspn(host, "]") : 0;
        size_t end = bracket + strcspn(host + bracket, ":/?#");
        log_word(out, host, end < length ? end : length);
    } else {
        log_word(out, url, scheme);
    }
}

/* host and user of the URL, which shows no secret. */
static void log_server(FILE *out, const struct cli_account *where, const struct log_line *line)
{
    const char *server = tidymail_report_server(line->report);
    const char *url = tidymail_transport_url(line->transport);
    const char *colon = strrchr(server, ':');
    fputs("host=", out);
    if (server[0] != '\0') {
        log_word(out, server, colon != NULL ? (size_t)(colon - server) : strlen(server));
    } else {
        log_host(out, url[0] != '\0'           ? url
                      : where->account != NULL ? tidymail_account_url(where->account)
                                               : where->url);
    }
    fprintf(out, " tls=%s auth=%s",
            tidymail_report_tls_version(line->report)[0] != '\0' ? "on" : "off",
            tidymail_report_auth_tried(line->report)[0] != '\0' ? "on" : "off");
    const char *user = log_is_smtp(url) ? strstr(url, "://") : NULL;
    size_t end = user != NULL ? strcspn(user + 3, "/?@") : 0;
    if (user != NULL && user[3 + end] == '@') {
        size_t length = strcspn(user + 3, ":@");
        fputs(" user=", out);
        log_word(out, user + 3, length);
    }
}

static void log_answer(FILE *out, int code, const char *enhanced, const char *reply)
{
    if (code <= 0) {
        return;
    }
    fprintf(out, " smtpstatus=%d smtpmsg='%d", code, code);
    fprintf(out, "%s%s ", enhanced[0] != '\0' ? " " : "", enhanced);
    log_escape(out, reply, strlen(reply));
    fputc('\'', out);
}

static void log_result(FILE *out, const struct log_line *line)
{
    const tidymail_error *error = tidymail_report_error(line->report);
    const tidymail_recipient *first = tidymail_report_recipient(line->report, 0);
    /* as msmtp: of what was handed over */
    if (line->size >= 0 && tidymail_report_outcome(line->report) != TIDYMAIL_FAILED) {
        fprintf(out, " mailsize=%lld", (long long)line->size);
    }
    if (error != NULL) {
        log_answer(out, tidymail_error_code(error), tidymail_error_enhanced(error),
                   tidymail_error_reply(error));
        log_quoted(out, "errormsg", tidymail_report_summary(line->report));
    } else {
        log_answer(out, tidymail_recipient_code(first), tidymail_recipient_enhanced(first),
                   tidymail_recipient_reply(first));
    }
    const char *name = "EX_SOFTWARE";
    for (size_t i = 0; i < sizeof(log_exit_names) / sizeof(log_exit_names[0]); i++) {
        name = log_exit_names[i].status == line->status ? log_exit_names[i].name : name;
    }
    fprintf(out, " exitcode=%s", name);
}

/* All but the time; to be freed. */
static char *log_make(const struct cli_account *where, const struct log_line *line)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) {
        return NULL;
    }
    log_server(out, where, line);
    if (line->from != NULL) {
        log_pair(out, "from", line->from);
    }
    size_t count = tidymail_report_recipient_count(line->report);
    for (size_t i = 0; i < count; i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(line->report, i);
        const char *address = tidymail_recipient_address(recipient);
        fputs(i == 0 ? " recipients=" : ",", out);
        log_word(out, address, strlen(address));
    }
    log_result(out, line);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void log_complain(const char *path, const char *words)
{
    fputs("tidymail: the log ", stderr);
    output_clean(stderr, path);
    fprintf(stderr, " cannot be written: %s\n", words);
}

/* The user's own format (logfile_time_format): the one place where a format is no literal. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void log_time(char *when, size_t size, const char *format)
{
    struct tm parts;
    time_t now = time(NULL);
    if (localtime_r(&now, &parts) == NULL || strftime(when, size, format, &parts) == 0) {
        when[0] = '\0';
    }
}
#pragma GCC diagnostic pop

/* One write of the whole line behind the others, under a lock. */
static void log_to_file(const char *path, const char *time_format, const char *text)
{
    char when[128];
    log_time(when, sizeof(when), time_format);
    if (strcmp(path, "-") == 0) {
        printf("%s %s\n", when, text);
        fflush(stdout);
        return;
    }
    char *whole = NULL;
    int length = asprintf(&whole, "%s %s\n", when, text);
    int file =
        length < 0 ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (file < 0 || flock(file, LOCK_EX) != 0 || write(file, whole, (size_t)length) != length) {
        log_complain(path, strerror(errno));
    }
    if (file >= 0) {
        close(file);
    }
    free(length < 0 ? NULL : whole);
}

static void log_to_syslog(const char *name, const char *text, int is_sent)
{
    for (size_t i = 0; i < sizeof(log_facilities) / sizeof(log_facilities[0]); i++) {
        if (strcmp(log_facilities[i].name, name) == 0) {
            openlog("tidymail", LOG_PID, log_facilities[i].facility);
            syslog(is_sent ? LOG_INFO : LOG_ERR, "%s", text);
            closelog();
            return;
        }
    }
    log_complain("syslog", "no such facility: on, LOG_MAIL, LOG_USER or LOG_LOCAL0 to LOG_LOCAL7");
}

/* NULL where it is not set or off. */
static const char *log_setting(const struct cli_account *where, const char *keyword)
{
    const char *value = account_setting(where, keyword);
    return value != NULL && strcmp(value, "off") != 0 ? value : NULL;
}

int64_t log_line_size(tidymail_message *message)
{
    tidymail_source source;
    if (tidymail_message_open(message, &source) != TIDYMAIL_OK) {
        return -1;
    }
    int64_t size = source.size != NULL ? source.size(source.context) : -1;
    source.release(source.context);
    return size;
}

int log_line_wanted(const struct cli_account *where)
{
    return log_setting(where, "logfile") != NULL || log_setting(where, "syslog") != NULL;
}

void log_line_write(const struct cli_account *where, const struct log_line *line)
{
    const char *path = log_setting(where, "logfile");
    const char *facility = log_setting(where, "syslog");
    const char *time_format = account_setting(where, "logfile_time_format");
    char *text = log_line_wanted(where) ? log_make(where, line) : NULL;
    if (text == NULL) {
        return;
    }
    if (path != NULL) {
        log_to_file(path, time_format != NULL ? time_format : "%b %d %H:%M:%S", text);
    }
    if (facility != NULL) {
        log_to_syslog(facility, text, line->status == CLI_EXIT_SENT);
    }
    free(text);
}
