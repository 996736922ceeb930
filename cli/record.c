/* record.c: see record.h. The lines are kept until the end, for what the first of them must say is
 * known only then. */
#include "record.h"

#include <stdlib.h>
#include <string.h>

#define RECORD_WAIT_MS 1000
#define RECORD_SIZE_MAX 50000000                            /* of a message that a replay makes */
#define RECORD_CHALLENGE "334 PDAucmVjb3JkZWRAZXhhbXBsZT4=" /* <0.recorded@example> */

struct record_line {
    char kind; /* 'S', 'C'; '@': a directive, with its sign */
    char *text;
};

struct record {
    struct record_line *lines;
    size_t count;
    char *mechanisms; /* "plain,login": tried, in this order */
    char *scram;      /* its name, where it was */
    char *from;       /* NULL: MAIL was not reached */
    char *end;        /* expect: lines, without the first word of each */
    char *title;
    char *message; /* as comments; NULL: not wanted */
    int64_t last_ms;
    int encrypted; /* @tls is written */
    int over;      /* nothing can follow */
    int http;      /* a service's API: no session */
    int failed;
    int no_initial_response;
    int clear_login;
    int login_missing; /* credentials were there, and could not be used */
    int lmtp;
    int chunks;   /* BDAT was used */
    int interim;  /* replies to chunks before the last that are still to come */
    int starttls; /* was said */
    int spoke;    /* the server did */
    int clear;    /* went on in clear */
    int eight_bit;
    int utf8;
    int probe; /* 1: with recipients; 2: the login alone */
    int pipelining_offered;
    int mail_answered; /* before RCPT was said */
    int one_by_one;
    int other_challenge;  /* a challenge was left out, and another stands there */
    long long size_limit; /* of EHLO; 0: none */
    int too_large;        /* the message was not even tried */
    int implicit;         /* TLS at once, of which nothing came */
};

struct record *record_new(void)
{
    return calloc(1, sizeof(struct record));
}

void record_free(struct record *record)
{
    if (record == NULL) {
        return;
    }
    for (size_t i = 0; i < record->count; i++) {
        free(record->lines[i].text);
    }
    free(record->lines);
    free(record->mechanisms);
    free(record->scram);
    free(record->from);
    free(record->end);
    free(record->title);
    free(record->message);
    free(record);
}

static void record_add(struct record *record, char kind, const char *text, size_t length)
{
    struct record_line *grown =
        realloc(record->lines, (record->count + 1) * sizeof(*record->lines));
    char *copy = strndup(text, length);
    if (grown != NULL) {
        record->lines = grown;
    }
    if (grown == NULL || copy == NULL) {
        free(copy);
        record->failed = 1;
        return;
    }
    grown[record->count].kind = kind;
    grown[record->count++].text = copy;
}

static void record_add_text(struct record *record, char kind, const char *text)
{
    record_add(record, kind, text, strlen(text));
}

static void record_set(struct record *record, char **to, const char *text, size_t length)
{
    free(*to);
    *to = strndup(text, length);
    record->failed |= *to == NULL;
}

/* `word` is in capitals; the text may be as it likes. */
static int record_begins(const char *text, const char *word)
{
    for (; *word != '\0'; text++, word++) {
        if (*text != *word && (*text < 'a' || *text > 'z' || *text - 'a' + 'A' != *word)) {
            return 0;
        }
    }
    return 1;
}

/* A mechanism that was tried, by its name in lower case. */
static void record_mechanism(struct record *record, const char *name, size_t length)
{
    char *list = NULL;
    const char *known = record->mechanisms != NULL ? record->mechanisms : "";
    if (asprintf(&list, "%s%s%.*s", known, known[0] != '\0' ? "," : "", (int)length, name) < 0) {
        record->failed = 1;
        return;
    }
    for (char *at = list; *at != '\0'; at++) {
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    }
    size_t before = strlen(known);
    const char *added = list + before + (before > 0);
    const char *same = before > 0 ? strstr(known, added) : NULL;
    int twice = same != NULL && (same == known || same[-1] == ',') &&
                (same[strlen(added)] == ',' || same[strlen(added)] == '\0');
    if (twice) {
        free(list);
        return;
    }
    free(record->mechanisms);
    record->mechanisms = list;
}

static void record_auth(struct record *record, const char *text)
{
    const char *name = text + strlen("AUTH ");
    size_t length = strcspn(name, " ");
    int initial = name[length] != '\0';
    int client_first = !record_begins(name, "LOGIN") && !record_begins(name, "CRAM");
    record->clear_login |= !record->encrypted;
    record->no_initial_response |= client_first && !initial;
    if (record_begins(name, "SCRAM-")) {
        record_set(record, &record->scram, name, length);
        record_mechanism(record, "PLAIN", strlen("PLAIN"));
        record->no_initial_response = 0;
        record_add_text(record, 'C', "AUTH PLAIN *");
        return;
    }
    char *line = NULL;
    record_mechanism(record, name, length);
    if (asprintf(&line, "AUTH %.*s%s", (int)length, name, initial ? " *" : "") < 0) {
        record->failed = 1;
        return;
    }
    record_add_text(record, 'C', line);
    free(line);
}

/* "MAIL FROM:<a@b> SIZE=9": the parameters are another message's. */
static void record_path(struct record *record, const char *text)
{
    const char *start = strchr(text, '<');
    const char *end = strrchr(text, '>');
    if (start == NULL || end == NULL || end < start) {
        record_add_text(record, 'C', text);
        return;
    }
    if (record_begins(text, "MAIL")) {
        record_set(record, &record->from, start + 1, (size_t)(end - start) - 1);
        record->eight_bit |= strstr(end, " BODY=8BITMIME") != NULL;
        record->utf8 |= strstr(end, " SMTPUTF8") != NULL;
    } else {
        record->one_by_one |= record->mail_answered;
    }
    char *line = NULL;
    if (asprintf(&line, "%.*s*", (int)(end - text) + 1, text) < 0) {
        record->failed = 1;
        return;
    }
    record_add_text(record, 'C', line);
    free(line);
}

/* The client could make nothing of a challenge that was left out: the one in its place is no base64
 * either. */
static void record_cancelled(struct record *record)
{
    struct record_line *line = &record->lines[record->count - 1];
    if (record->count > 0 && strcmp(line->text, RECORD_CHALLENGE) == 0) {
        record_set(record, &line->text, "334 ???", strlen("334 ???"));
    }
}

static void record_sent(struct record *record, const tidymail_trace_event *event, const char *text)
{
    int in_auth = event->phase == TIDYMAIL_PHASE_AUTH;
    if (record_begins(text, "AUTH ")) {
        record_auth(record, text);
    } else if (in_auth && !record_begins(text, "QUIT")) {
        if (record->scram == NULL) {
            if (strcmp(text, "*") == 0 && record->other_challenge == 1) {
                record_cancelled(record);
            }
            record_add_text(record, 'C', "*");
        }
    } else if (record_begins(text, "BDAT ")) {
        record->interim += strstr(text, " LAST") == NULL;
        if (!record->chunks) {
            record_add_text(record, 'C', "<message>");
        }
        record->chunks = 1;
    } else if (event->phase == TIDYMAIL_PHASE_BODY) {
        if (!record->chunks && text[0] == '[') {
            record_add_text(record, 'C', "<message>");
        }
    } else if (record_begins(text, "MAIL ") || record_begins(text, "RCPT ")) {
        record->clear |= !record->encrypted;
        record_path(record, text);
    } else if (record_begins(text, "EHLO ") || record_begins(text, "LHLO ") ||
               record_begins(text, "HELO ")) {
        record->lmtp |= text[0] == 'L';
        record->clear |= record_begins(text, "HELO ") && !record->encrypted;
        char pattern[] = "EHLO *";
        memcpy(pattern, text, strlen("EHLO"));
        record_add_text(record, 'C', pattern);
    } else {
        record->starttls |= record_begins(text, "STARTTLS");
        if (record_begins(text, "QUIT")) { /* whether it comes may hang on a moment */
            record_add_text(record, '@', "@optional");
        }
        record_add_text(record, 'C', text);
    }
}

/* A line that a scenario cannot hold as text. */
static int record_is_odd(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 && text[i] != '\t') {
            return 1;
        }
    }
    return 0;
}

static void record_raw(struct record *record, const char *text, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char *bytes = malloc(length + 5);
    char *line = malloc(strlen("@raw ") + (length + 5) / 3 * 4 + 8);
    if (bytes == NULL || line == NULL) {
        record->failed = 1;
    } else {
        size_t at = 0;
        memcpy(bytes, text, length);
        memcpy(bytes + length, "\r\n\0\0", 5);
        length += 2;
        memcpy(line, "@raw ", strlen("@raw "));
        at = strlen("@raw ");
        for (size_t i = 0; i < length; i += 3) {
            unsigned value = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
            line[at++] = digits[value >> 18];
            line[at++] = digits[value >> 12 & 63];
            line[at++] = i + 1 < length ? digits[value >> 6 & 63] : '=';
            line[at++] = i + 2 < length ? digits[value & 63] : '=';
        }
        record_add(record, '@', line, at);
    }
    free(bytes);
    free(line);
}

static void record_received(struct record *record, const tidymail_trace_event *event,
                            const char *text)
{
    static const char hidden[] = "[challenge hidden]";
    char wait[64];
    int last = event->length < 4 || text[3] != '-';
    record->spoke = 1;
    if (event->ms - record->last_ms > RECORD_WAIT_MS && record->count > 0) {
        snprintf(wait, sizeof(wait), "@wait %lldms", (long long)(event->ms - record->last_ms));
        record_add_text(record, '@', wait);
    }
    const char *before = record->count > 0 ? record->lines[record->count - 1].text : "";
    if (event->phase == TIDYMAIL_PHASE_FINAL && strncmp(before, "354", 3) == 0) {
        record_add_text(record, '@', "@optional"); /* DATA for nobody: the lone dot is not traced */
        record_add_text(record, 'C', "<message>");
    }
    if (record->interim > 0 && text[0] == '2') {
        record->interim -= last;
        return;
    }
    if (strlen(text) >= 4 && strcmp(text + 4, hidden) == 0) {
        if (text[0] == '2') { /* SCRAM's last word came with the verdict */
            record_add_text(record, 'S', "235 authentication succeeded");
        } else if (record->scram == NULL) {
            record->other_challenge++;
            record_add_text(record, 'S', RECORD_CHALLENGE);
        }
        return;
    }
    record->pipelining_offered |= event->phase == TIDYMAIL_PHASE_EHLO && strlen(text) > 4 &&
                                  record_begins(text + 4, "PIPELINING");
    if (event->phase == TIDYMAIL_PHASE_EHLO && strlen(text) > 9 &&
        record_begins(text + 4, "SIZE ")) {
        record->size_limit = strtoll(text + 9, NULL, 10);
    }
    record->mail_answered |= event->phase == TIDYMAIL_PHASE_MAIL && text[0] == '2' && last;
    if (record_is_odd(text, event->length)) {
        record_raw(record, text, event->length);
    } else {
        record_add(record, 'S', text, event->length);
    }
}

void record_event(struct record *record, const tidymail_trace_event *event)
{
    record->http |=
        event->phase == TIDYMAIL_PHASE_REQUEST || event->phase == TIDYMAIL_PHASE_RESPONSE;
    if (record->over || event->mark == TIDYMAIL_SMTP_MARK_NOTE) {
        return;
    }
    char *text = malloc(event->length + 1); /* it may hold a NUL */
    if (text == NULL) {
        record->failed = 1;
        return;
    }
    memcpy(text, event->text, event->length);
    text[event->length] = '\0';
    if (event->encrypted && !record->encrypted) {
        record->encrypted = 1;
        record_add_text(record, '@', "@tls");
    }
    if (event->mark == TIDYMAIL_SMTP_MARK_SENT) {
        record_sent(record, event, text);
    } else {
        record_received(record, event, text);
    }
    record->last_ms = event->ms;
    free(text);
}

/* What the server's side of TLS was, from what the client says about it. */
static const char *record_bad_tls(const char *message)
{
    if (strstr(message, "expired") != NULL) {
        return "@tls expired";
    }
    if (strstr(message, "self-signed") != NULL) {
        return "@tls self-signed";
    }
    if (strstr(message, "certificate") == NULL) {
        return "@tls max-version=1.1";
    }
    return strstr(message, "for another name") != NULL || strstr(message, "not for") != NULL
               ? "@tls wrong-host"
               : "@tls untrusted-ca";
}

/* How the session ended, where the server's lines do not say it. */
static void record_ending(struct record *record, const tidymail_error *error)
{
    int kind = tidymail_error_kind(error);
    int tls = kind == TIDYMAIL_KIND_TLS && tidymail_error_phase(error) == TIDYMAIL_PHASE_TLS;
    if (kind != TIDYMAIL_KIND_CONNECTION && kind != TIDYMAIL_KIND_TIMEOUT && !tls) {
        return;
    }
    while (record->count > 0 && strcmp(record->lines[record->count - 1].text, "QUIT") == 0) {
        free(record->lines[--record->count].text);
        if (record->count > 0 && record->lines[record->count - 1].kind == '@') {
            free(record->lines[--record->count].text);
        }
    }
    const char *message = tidymail_error_message(error);
    record->implicit = tidymail_error_phase(error) == TIDYMAIL_PHASE_TLS && !record->starttls;
    if (tls && strstr(message, "closed the connection") == NULL) {
        record_add_text(record, '@', record_bad_tls(message));
    } else if (kind == TIDYMAIL_KIND_TIMEOUT) {
        record_add_text(record, '@', "@silence");
    } else {
        record_add_text(record, '@', strstr(message, "reset") != NULL ? "@reset" : "@close");
    }
    record->over = 1;
}

static void record_expect_recipients(FILE *out, const tidymail_report *report)
{
    for (size_t i = 0; i < tidymail_report_recipient_count(report); i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        int code = tidymail_recipient_code(recipient);
        fprintf(out, "expect-recipient: %s",
                tidymail_outcome_name(tidymail_recipient_outcome(recipient)));
        if (code > 0) {
            fprintf(out, " %d", code);
        }
        fputc('\n', out);
    }
}

/* The expect: lines. */
static void record_expect(struct record *record, const tidymail_report *report)
{
    size_t size = 0;
    const tidymail_error *error = tidymail_report_error(report);
    if (error == NULL && tidymail_report_recipient_count(report) == 0) {
        record->end = strdup(""); /* a login that went well: no recipient, no outcome */
        record->failed |= record->end == NULL;
        return;
    }
    FILE *out = open_memstream(&record->end, &size);
    if (out == NULL) {
        record->failed = 1;
        return;
    }
    fprintf(out, "expect: %s", tidymail_outcome_name(tidymail_report_outcome(report)));
    if (error != NULL) {
        int code = tidymail_error_code(error);
        fprintf(out, " %s %s ", tidymail_kind_name(tidymail_error_kind(error)),
                tidymail_phase_name(tidymail_error_phase(error)));
        fprintf(out, code > 0 ? "%d" : "-", code);
        fprintf(out, " %s%s", tidymail_error_retryable(error) ? "retryable" : "final",
                tidymail_error_maybe_delivered(error) ? " maybe-delivered" : "");
    } else if (tidymail_report_recipient_count(report) > 0) {
        int code = tidymail_recipient_code(tidymail_report_recipient(report, 0));
        if (code > 0) {
            fprintf(out, " %d", code);
        }
    }
    fputc('\n', out);
    record_expect_recipients(out, report);
    record->failed |= fclose(out) != 0;
}

/* A value of client:, in double quotes. */
static void record_quoted(FILE *out, const char *name, const char *value)
{
    fprintf(out, " %s=\"", name);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            fputc('\\', out);
        }
        fputc(*value, out);
    }
    fputc('"', out);
}

void record_report(struct record *record, const tidymail_report *report, int probe)
{
    size_t size = 0;
    const tidymail_error *error = tidymail_report_error(report);
    int phase = tidymail_error_phase(error);
    int before = phase == TIDYMAIL_PHASE_PREPARE || phase == TIDYMAIL_PHASE_RESOLVE ||
                 phase == TIDYMAIL_PHASE_CONNECT;
    record->probe = !probe ? 0 : tidymail_report_recipient_count(report) > 0 ? 1 : 2;
    if (error != NULL && before) {
        return; /* no session: nothing to write */
    }
    FILE *out = open_memstream(&record->title, &size);
    if (out == NULL) {
        record->failed = 1;
        return;
    }
    fprintf(out, "title: %s\nsource: recorded by tidymail\n", tidymail_report_summary(report));
    fprintf(out, "client:");
    if (record->from != NULL) {
        record_quoted(out, "from", record->from);
    }
    for (size_t i = 0; i < tidymail_report_recipient_count(report); i++) {
        record_quoted(out, "to", tidymail_recipient_address(tidymail_report_recipient(report, i)));
    }
    record->failed |= fclose(out) != 0;
    record->clear |= error != NULL && !record->encrypted &&
                     (phase == TIDYMAIL_PHASE_AUTH || phase == TIDYMAIL_PHASE_MAIL);
    record->too_large = error != NULL && tidymail_error_kind(error) == TIDYMAIL_KIND_MESSAGE;
    record->login_missing =
        error != NULL && tidymail_error_kind(error) == TIDYMAIL_KIND_AUTHENTICATION;
    if (error != NULL) {
        record_ending(record, error);
    }
    record_expect(record, report);
}

/* The words of client: behind the addresses. */
static void record_client(const struct record *record, FILE *out)
{
    const char *mechanisms = record->mechanisms;
    if (mechanisms != NULL && strcmp(mechanisms, "external") == 0) {
        fputs(" auth=external", out);
    } else if (mechanisms != NULL) {
        fprintf(out, " auth=%s user=user password=recorded", mechanisms);
    } else if (record->login_missing) {
        fputs(" user=user password=recorded", out);
    }
    const char *words[] = {record->clear_login ? " cleartext-auth=allow" : "",
                           record->no_initial_response ? " initial-response=no" : "",
                           record->lmtp ? " lmtp=yes" : "",
                           record->implicit ? " tls=implicit" : "",
                           record->chunks ? " chunking=yes" : "",
                           record->eight_bit ? " body=8bit" : "",
                           record->utf8 ? " smtputf8=yes" : "",
                           record->pipelining_offered && record->one_by_one ? " pipelining=no" : "",
                           !record->encrypted && !record->starttls &&
                                   (record->clear || record->clear_login)
                               ? " tls=none"
                               : "",
                           record->probe == 0   ? ""
                           : record->probe == 1 ? " probe=yes"
                                                : " probe=login"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        fputs(words[i], out);
    }
    if (record->too_large && record->size_limit > 0 && record->size_limit < RECORD_SIZE_MAX) {
        fprintf(out, " size=%lld", record->size_limit + 1000);
    }
    fputc('\n', out);
}

static void record_write_line(const struct record *record, const struct record_line *line,
                              FILE *out)
{
    const char *text = line->text;
    if (line->kind == '@') {
        fprintf(out, "%s\n", text);
    } else if (record->scram != NULL && line->kind == 'S' && strlen(text) > 8 &&
               (record_begins(text + 4, "AUTH ") || record_begins(text + 4, "AUTH="))) {
        fprintf(out, "S: %.4sAUTH PLAIN\n", text);
    } else {
        fprintf(out, "%c: %s\n", line->kind, text);
    }
}

void record_message(struct record *record, tidymail_message *message)
{
    char bytes[4096];
    size_t size = 0;
    int line_start = 1;
    ptrdiff_t length = 0;
    tidymail_source source;
    FILE *out = open_memstream(&record->message, &size);
    if (out == NULL || tidymail_message_open(message, &source) != TIDYMAIL_OK) {
        record->failed |= out == NULL || fclose(out) != 0; /* it could be read once only */
        return;
    }
    fputs("#\n# The message:\n#\n", out);
    while ((length = source.read(source.context, bytes, sizeof(bytes))) > 0) {
        for (ptrdiff_t i = 0; i < length; i++) {
            if (bytes[i] == '\r' || bytes[i] == '\0') {
                continue;
            }
            fputs(line_start ? "# " : "", out);
            fputc(bytes[i], out);
            line_start = bytes[i] == '\n';
        }
    }
    fputs(line_start ? "" : "\n", out);
    source.release(source.context);
    record->failed |= fclose(out) != 0;
}

int record_write(const struct record *record, FILE *out)
{
    if (record->failed || record->http || record->title == NULL || record->count == 0) {
        return -1;
    }
    fputs(record->title, out);
    record_client(record, out);
    if (record->scram != NULL) {
        fprintf(out,
                "# The login was by %s, whose challenges are secrets and never the same twice: it\n"
                "# is written down as one by PLAIN, with the same verdict.\n",
                record->scram);
    }
    if (record->other_challenge) {
        fprintf(out, "# The challenge of the login is not the server's, which says too much.\n");
    }
    for (size_t i = 0; i < record->count; i++) {
        record_write_line(record, &record->lines[i], out);
    }
    fputs(record->end, out);
    fputs(record->message != NULL ? record->message : "", out);
    return ferror(out) ? -1 : 0;
}
