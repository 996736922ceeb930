/* answer.c: see answer.h. */
#include "provider/answer.h"

#include <string.h>

#include "util/str.h"

#define ANSWER_LINE_MAX 600 /* of a service's words in the one-line message */
#define ANSWER_TEXT_MAX ((size_t)16 * 1024)

static const struct {
    int kind;
    int retryable;
    const char *phrase;
    const char *hint;
} meanings[] = {
#define M(name, kind, retryable, phrase, hint) {TIDYMAIL_KIND_##kind, retryable, phrase, hint},
#include "provider/meanings.def"
#undef M
};

static int answer_contains(const char *text, const char *word, size_t length)
{
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < length && tdm_lower(text[i]) == tdm_lower(word[i])) {
            i++; /* the end of the text is no letter of the word */
        }
        if (i == length) {
            return 1;
        }
    }
    return 0;
}

/* One of the alternatives, parted by |, is in the text. */
static int answer_has_words(const char *text, const char *words)
{
    while (text != NULL && *words != '\0') {
        size_t length = strcspn(words, "|");
        if (answer_contains(text, words, length)) {
            return 1;
        }
        words += length + (words[length] == '|');
    }
    return 0;
}

const struct tdm_answer_row *tdm_answer_find(const struct tdm_answer_row *rows, size_t count,
                                             const struct tdm_answer *answer)
{
    for (size_t i = 0; i < count; i++) {
        const struct tdm_answer_row *row = &rows[i];
        int status = row->status == 0 || row->status == answer->status ||
                     (row->status < 10 && row->status == answer->status / 100);
        int code =
            row->code == NULL || (answer->code != NULL && strcmp(row->code, answer->code) == 0);
        if (status && code && (row->words == NULL || answer_has_words(answer->words, row->words))) {
            return row;
        }
    }
    return NULL;
}

static enum tdm_meaning answer_meaning_of_status(int status)
{
    switch (status) {
    case 401:
        return TDM_MEANS_CREDENTIALS;
    case 402:
        return TDM_MEANS_QUOTA;
    case 403:
        return TDM_MEANS_PERMISSION;
    case 404:
    case 405:
        return TDM_MEANS_NOT_FOUND;
    case 408:
    case 421:
    case 425:
        return TDM_MEANS_TEMPORARY;
    case 413:
        return TDM_MEANS_SIZE;
    case 429:
        return TDM_MEANS_RATE;
    default:
        break;
    }
    if (status >= 500) {
        return TDM_MEANS_TEMPORARY;
    }
    return status >= 300 && status < 400 ? TDM_MEANS_REDIRECT : TDM_MEANS_DATA;
}

/* Its length, or `max` where it is longer. */
static size_t answer_length(const char *text, size_t max)
{
    const char *end = memchr(text, '\0', max);
    return end != NULL ? (size_t)(end - text) : max;
}

/* Appends a text made safe to show, on one line. */
static void answer_add_line(struct tdm_buf *out, const char *text)
{
    size_t start = out->length;
    size_t length = answer_length(text, ANSWER_LINE_MAX);
    while (length > 0 && length == ANSWER_LINE_MAX &&
           ((unsigned char)text[length] & 0xC0) == 0x80) {
        length--; /* not inside of a character */
    }
    tdm_escape(out, text, length, 1);
    for (size_t i = start; i < out->length; i++) {
        out->data[i] = out->data[i] == '\n' ? ' ' : out->data[i];
    }
    tdm_buf_add_str(out, text[length] != '\0' ? "..." : "");
}

static char *answer_safe(const tidymail_allocator *allocator, const char *text)
{
    struct tdm_buf out;
    tdm_buf_init(&out, allocator, ANSWER_TEXT_MAX * 4);
    tdm_escape(&out, text, answer_length(text, ANSWER_TEXT_MAX), 1);
    char *copy = out.failed ? NULL : tdm_strdup(allocator, tdm_buf_text(&out));
    tdm_buf_clear(&out);
    return copy;
}

/* What an answer came to. */
struct answer_verdict {
    enum tdm_meaning meaning;
    const char *hint;
    const char *subject; /* the recipient that it concerns; NULL: all */
};

static void answer_set_error(const struct tdm_provider_job *job,
                             const struct answer_verdict *verdict, const struct tdm_answer *answer,
                             struct tidymail_error *error)
{
    enum tdm_meaning meaning = verdict->meaning;
    if (job->meaning != NULL) {
        *job->meaning = (int)meaning;
    }
    struct tdm_buf line;
    tdm_buf_init(&line, &error->allocator, ANSWER_TEXT_MAX);
    tdm_buf_addf(&line, "%s%s %s",
                 meanings[meaning].kind == TIDYMAIL_KIND_AUTHENTICATION ? "authentication failed: "
                                                                        : "",
                 job->provider->capabilities.name, meanings[meaning].phrase);
    tdm_buf_addf(&line, " (%d%s%s", answer->status, answer->code != NULL ? " " : "",
                 answer->code != NULL ? answer->code : "");
    if (verdict->subject != NULL) {
        tdm_buf_addf(&line, ", recipient <%s>", verdict->subject);
    }
    tdm_buf_add_char(&line, ')');
    if (answer->words != NULL && answer->words[0] != '\0') {
        tdm_buf_add_str(&line, ": ");
        answer_add_line(&line, answer->words);
    }
    tdm_error_set(error, meanings[meaning].kind, TIDYMAIL_PHASE_RESPONSE,
                  line.failed ? NULL : tdm_buf_text(&line),
                  verdict->hint != NULL ? verdict->hint : meanings[meaning].hint);
    tdm_buf_clear(&line);
    error->code = answer->status;
    error->retryable = meanings[meaning].retryable;
    error->retry_after = answer->retry_after;
    tdm_text_set(&error->allocator, &error->service_code, answer->code);
    if (answer->words != NULL) {
        char *safe = answer_safe(&error->allocator, answer->words);
        tdm_text_set(&error->allocator, &error->reply, safe);
        tdm_free(&error->allocator, safe);
    }
}

static void answer_judge(const struct tdm_answer_row *rows, size_t count,
                         const struct tdm_answer *answer, struct answer_verdict *verdict)
{
    const struct tdm_answer_row *row = tdm_answer_find(rows, count, answer);
    memset(verdict, 0, sizeof(*verdict));
    verdict->meaning = row != NULL ? row->meaning : answer_meaning_of_status(answer->status);
    verdict->hint = row != NULL ? row->hint : NULL;
}

static void answer_set_recipient(tidymail_report *report, size_t index, enum tdm_meaning meaning,
                                 const struct tdm_answer *answer)
{
    report->recipients[index].kind = meanings[meaning].kind;
    report->recipients[index].phase = TIDYMAIL_PHASE_RESPONSE;
    char *safe = answer->words != NULL ? answer_safe(&report->allocator, answer->words) : NULL;
    tdm_report_set_recipient(report, index, TIDYMAIL_FAILED, answer->status, NULL, safe,
                             meanings[meaning].retryable);
    tdm_free(&report->allocator, safe);
}

static void answer_refuse_verdict(const struct tdm_provider_job *job,
                                  const struct answer_verdict *verdict,
                                  const struct tdm_answer *answer, tidymail_report *report)
{
    answer_set_error(job, verdict, answer, &report->error);
    for (size_t i = 0; i < report->recipient_count; i++) {
        if (!report->recipients[i].decided) {
            answer_set_recipient(report, i, verdict->meaning, answer);
        }
    }
}

void tdm_answer_refuse(const struct tdm_provider_job *job, const struct tdm_answer_row *rows,
                       size_t count, const struct tdm_answer *answer, tidymail_report *report)
{
    struct answer_verdict verdict;
    answer_judge(rows, count, answer, &verdict);
    answer_refuse_verdict(job, &verdict, answer, report);
}

void tdm_answer_refuse_one(const struct tdm_provider_job *job, const struct tdm_answer_row *rows,
                           size_t count, const struct tdm_answer *answer, size_t index,
                           tidymail_report *report)
{
    struct answer_verdict verdict;
    if (index >= report->recipient_count) {
        return;
    }
    answer_judge(rows, count, answer, &verdict);
    answer_set_recipient(report, index, verdict.meaning, answer);
    struct tidymail_error *error = &report->error;
    if (error->kind == TIDYMAIL_OK || (!error->retryable && meanings[verdict.meaning].retryable)) {
        tdm_error_clear(error);
        tdm_error_init(error, &report->allocator);
        verdict.subject = report->recipients[index].address;
        answer_set_error(job, &verdict, answer, error);
    }
}

void tdm_answer_sent_one(tidymail_report *report, size_t index, int status, const char *id)
{
    if (index >= report->recipient_count) {
        return;
    }
    tdm_report_set_recipient(report, index, TIDYMAIL_SENT, status, NULL, NULL, 0);
    if (id != NULL) {
        tdm_text_set(&report->allocator, &report->recipients[index].service_id, id);
        if (report->service_id == NULL) {
            tdm_text_set(&report->allocator, &report->service_id, id);
        }
    }
}

void tdm_answer_sent(tidymail_report *report, int status, const char *id)
{
    for (size_t i = 0; i < report->recipient_count; i++) {
        if (!report->recipients[i].decided) {
            tdm_answer_sent_one(report, i, status, id);
        }
    }
}

void tdm_answer_unclear(const struct tdm_provider_job *job,
                        const struct tdm_http_response *response, const char *words,
                        tidymail_report *report)
{
    struct tidymail_error *error = &report->error;
    tdm_error_setf(error, TIDYMAIL_KIND_PROTOCOL, TIDYMAIL_PHASE_RESPONSE,
                   "%s answered %d, but %s: the message may have been taken",
                   job->provider->capabilities.name, response->status, words);
    tdm_text_set(&error->allocator, &error->hint,
                 "look at the service's log before sending it again; check the endpoint and what "
                 "stands between (a proxy?)");
    error->code = response->status;
    error->maybe_delivered = 1;
    char *safe = answer_safe(&error->allocator, tdm_buf_text(&response->body));
    tdm_text_set(&error->allocator, &error->reply, safe);
    tdm_free(&error->allocator, safe);
}

/* The body is an HTML page, by its type or by how it begins. */
static int answer_is_html(const struct tdm_http_response *response)
{
    const char *type = tdm_http_response_field(response, "Content-Type");
    const char *body = tdm_buf_text(&response->body);
    body += strspn(body, " \t\r\n");
    return (type != NULL && body[0] != '\0' &&
            tdm_starts_nocase(type, strlen(type), "text/html")) ||
           tdm_starts_nocase(body, strlen(body), "<!doctype") ||
           tdm_starts_nocase(body, strlen(body), "<html");
}

void tdm_answer_refuse_plain(const struct tdm_provider_job *job, const struct tdm_answer_row *rows,
                             size_t count, const struct tdm_http_response *response,
                             tidymail_report *report)
{
    int is_html = answer_is_html(response);
    struct tdm_answer answer = {response->status, NULL, tdm_buf_text(&response->body),
                                tdm_answer_retry_after(response, job->now_s)};
    struct answer_verdict verdict;
    const struct tdm_answer_row *row = tdm_answer_find(rows, count, &answer);
    answer_judge(rows, count, &answer, &verdict);
    if (is_html) {
        answer.words = "an HTML page, which comes from something in front of the service";
        if (row == NULL && response->status >= 400 && response->status < 500 &&
            verdict.meaning != TDM_MEANS_RATE && verdict.meaning != TDM_MEANS_SIZE &&
            verdict.meaning != TDM_MEANS_CREDENTIALS) {
            verdict.meaning = TDM_MEANS_STRANGE;
        }
    }
    answer_refuse_verdict(job, &verdict, &answer, report);
    if (is_html) {
        char *safe = answer_safe(&report->allocator, tdm_buf_text(&response->body));
        tdm_text_set(&report->allocator, &report->error.reply, safe);
        tdm_free(&report->allocator, safe);
    }
}

size_t tdm_answer_recipient(const tidymail_report *report, const char *address)
{
    size_t i = 0;
    while (i < report->recipient_count &&
           (address == NULL || !tdm_equal_nocase(report->recipients[i].address, address))) {
        i++;
    }
    return i;
}

/* Digits at *text, at most `max` of them; -1: there are none. */
static int64_t answer_number(const char **text, int max)
{
    int64_t number = 0;
    int count = 0;
    while (count < max && tdm_is_digit(**text)) {
        number = number * 10 + (**text - '0');
        (*text)++;
        count++;
    }
    return count > 0 ? number : -1;
}

static int answer_month(const char *text)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int month = 0; month < 12; month++) {
        if (strncmp(text, names + 3 * (size_t)month, 3) == 0) {
            return month + 1;
        }
    }
    return 0;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t answer_days(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int tdm_http_date(const char *text, int64_t *unix_s)
{
    const char *at = text + strspn(text, "MonTueWdhFriSa"); /* the day's name says nothing new */
    at += strspn(at, ", ");
    int64_t day = answer_number(&at, 2);
    at += *at == ' ';
    int month = answer_month(at);
    at += month > 0 ? 3 : 0;
    at += *at == ' ';
    int64_t year = answer_number(&at, 4);
    at += *at == ' ';
    int64_t clock[3];
    for (int i = 0; i < 3; i++) {
        clock[i] = answer_number(&at, 2);
        if (clock[i] < 0 || (i < 2 && *at != ':')) {
            return -1;
        }
        at += i < 2;
    }
    if (day < 1 || day > 31 || month == 0 || year < 1970 || clock[0] > 23 || clock[1] > 59 ||
        clock[2] > 60) {
        return -1;
    }
    *unix_s =
        answer_days(year, month, (int)day) * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2];
    return 0;
}

/* From seconds, or a fraction of them, rounded up; -1 where it is none. */
static int answer_seconds(const char *text)
{
    int64_t seconds = answer_number(&text, 9);
    if (seconds >= 0 && *text == '.') {
        text++;
        seconds += text[strspn(text, "0")] >= '1' && text[strspn(text, "0")] <= '9';
        text += strspn(text, "0123456789");
    }
    return seconds >= 0 && *text == '\0' && seconds <= 999999999 ? (int)seconds : -1;
}

static int answer_until(int64_t then, int64_t now_s)
{
    int64_t left = then > now_s ? then - now_s : 0;
    return left > 999999999 ? -1 : (int)left;
}

int tdm_answer_retry_after(const struct tdm_http_response *response, int64_t now_s)
{
    const char *value = tdm_http_response_field(response, "Retry-After");
    int64_t then;
    if (value == NULL) {
        return -1;
    }
    int seconds = answer_seconds(value);
    if (seconds >= 0) {
        return seconds;
    }
    return tdm_http_date(value, &then) == 0 ? answer_until(then, now_s) : -1;
}

int tdm_answer_reset(const struct tdm_http_response *response, const char *field, int is_unix,
                     int64_t now_s)
{
    const char *value = tdm_http_response_field(response, field);
    if (value == NULL) {
        return -1;
    }
    if (!is_unix) {
        return answer_seconds(value);
    }
    int64_t then = answer_number(&value, 12);
    return then >= 0 && *value == '\0' ? answer_until(then, now_s) : -1;
}
