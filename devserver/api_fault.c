/* api_fault.c: see api_fault.h. */
#include "api_fault.h"

#include <string.h>

#include "api.h"
#include "util/str.h"

#define FIRST_DIGITS 6

static const tidymail_allocator *const memory = &tdm_allocator_default;

static const char *const fault_names[TDM_API_FAULT_COUNT] = {
    [TDM_API_FAULT_NONE] = "",
    [TDM_API_FAULT_BAD_CREDENTIALS] = "bad-credentials",
    [TDM_API_FAULT_BAD_DATA] = "bad-data",
    [TDM_API_FAULT_UNVERIFIED_SENDER] = "unverified-sender",
    [TDM_API_FAULT_RATE_LIMIT] = "rate-limit",
    [TDM_API_FAULT_QUOTA] = "quota",
    [TDM_API_FAULT_SERVER_ERROR] = "server-error",
    [TDM_API_FAULT_PARTIAL] = "partial",
    [TDM_API_FAULT_GATEWAY] = "gateway",
    [TDM_API_FAULT_EMPTY] = "empty",
    [TDM_API_FAULT_HANG] = "hang",
    [TDM_API_FAULT_CUT] = "cut",
    [TDM_API_FAULT_CUT_EARLY] = "cut-early",
    [TDM_API_FAULT_REDIRECT] = "redirect",
    [TDM_API_FAULT_GARBAGE] = "garbage",
};

/* A piece of a rule, without the blanks around it. */
struct fault_word {
    const char *text;
    size_t length;
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

/* Digits up to the end; -1 where it is no such number. */
static int fault_number(struct fault_word word)
{
    int number = 0;
    for (size_t i = 0; i < word.length; i++) {
        if (!tdm_is_digit(word.text[i]) || i >= FIRST_DIGITS) {
            return -1;
        }
        number = number * 10 + (word.text[i] - '0');
    }
    return word.length > 0 ? number : -1;
}

/* Does the service have an answer of that kind? */
static int fault_exists(const struct tdm_double *service, enum tdm_api_fault_kind kind)
{
    if (kind == TDM_API_FAULT_PARTIAL) {
        return service->partial;
    }
    if (kind == TDM_API_FAULT_UNVERIFIED_SENDER && service->unverified) {
        return 1;
    }
    if (kind >= TDM_API_FAULT_GATEWAY) {
        return 1;
    }
    for (const struct tdm_api_canned *row = service->canned; row->status != 0; row++) {
        if (row->kind == kind) {
            return 1;
        }
    }
    return 0;
}

static int fault_error_kind(const struct tdm_double *service, struct fault_word word,
                            struct tdm_buf *error)
{
    const char *mark = "";
    tdm_buf_addf(error, "fault rule: %s has no fault '%.*s' (allowed: ",
                 service != NULL ? service->scheme : "the api", (int)word.length, word.text);
    for (int i = 1; i < TDM_API_FAULT_COUNT; i++) {
        if (service == NULL || fault_exists(service, (enum tdm_api_fault_kind)i)) {
            tdm_buf_addf(error, "%s%s", mark, fault_names[i]);
            mark = ", ";
        }
    }
    tdm_buf_add_char(error, ')');
    return -1;
}

static int fault_service(struct tdm_api_fault *fault, struct fault_word word, struct tdm_buf *error)
{
    if (word.length == 1 && word.text[0] == '*') {
        return 0;
    }
    fault->service = tdm_double_find(word.text, word.length);
    if (fault->service != NULL) {
        return 0;
    }
    tdm_buf_addf(error, "fault rule: '%.*s' is no service (allowed: *", (int)word.length,
                 word.text);
    for (size_t i = 0; tdm_double_at(i) != NULL; i++) {
        tdm_buf_addf(error, ", %s", tdm_double_at(i)->scheme);
    }
    tdm_buf_add_char(error, ')');
    return -1;
}

/* "KIND" or "KIND STATUS" */
static int fault_kind(struct tdm_api_fault *fault, struct fault_word word, struct tdm_buf *error)
{
    const char *blank = memchr(word.text, ' ', word.length);
    struct fault_word name = {word.text, blank != NULL ? (size_t)(blank - word.text) : word.length};
    for (int i = 1; i < TDM_API_FAULT_COUNT; i++) {
        if (tdm_equal_nocase_n(name.text, name.length, fault_names[i])) {
            fault->kind = (enum tdm_api_fault_kind)i;
        }
    }
    if (fault->kind == TDM_API_FAULT_NONE ||
        (fault->service != NULL && !fault_exists(fault->service, fault->kind))) {
        return fault_error_kind(fault->service, name, error);
    }
    if (blank == NULL) {
        return 0;
    }
    struct fault_word status = fault_trim(blank, word.length - name.length);
    fault->status = fault_number(status);
    if ((fault->kind != TDM_API_FAULT_EMPTY && fault->kind != TDM_API_FAULT_GATEWAY) ||
        fault->status < 200 || fault->status > 599) {
        tdm_buf_addf(error,
                     "fault rule: '%.*s' behind %s (only empty and gateway take a status, 200 to "
                     "599)",
                     (int)status.length, status.text, fault_names[fault->kind]);
        return -1;
    }
    return 0;
}

/* "first N" */
static int fault_first(struct tdm_api_fault *fault, struct fault_word word, struct tdm_buf *error)
{
    if (word.length > 6 && tdm_starts_nocase(word.text, word.length, "first ")) {
        fault->limit = fault_number(fault_trim(word.text + 6, word.length - 6));
        if (fault->limit > 0) {
            return 0;
        }
    }
    tdm_buf_addf(error, "fault rule: '%.*s' (only 'first N' may follow the comma, N above 0)",
                 (int)word.length, word.text);
    return -1;
}

static int fault_parse_line(struct tdm_api_fault *fault, struct fault_word line,
                            struct tdm_buf *error)
{
    const char *colon = memchr(line.text, ':', line.length);
    if (colon == NULL) {
        tdm_buf_addf(error, "fault rule: '%.*s' is not of the form SERVICE: KIND[, first N]",
                     (int)line.length, line.text);
        return -1;
    }
    size_t before = (size_t)(colon - line.text);
    struct fault_word rest = fault_trim(colon + 1, line.length - before - 1);
    const char *comma = memchr(rest.text, ',', rest.length);
    size_t length = comma != NULL ? (size_t)(comma - rest.text) : rest.length;
    fault->limit = -1;
    if (fault_service(fault, fault_trim(line.text, before), error) != 0 ||
        fault_kind(fault, fault_trim(rest.text, length), error) != 0) {
        return -1;
    }
    return comma == NULL
               ? 0
               : fault_first(fault, fault_trim(comma + 1, rest.length - length - 1), error);
}

int tdm_api_faults_parse(struct tdm_api_faults *faults, const char *text, struct tdm_buf *error)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\r\n");
        struct fault_word line = fault_trim(text, length);
        text += length + (text[length] != '\0');
        if (line.length == 0 || line.text[0] == '#') {
            continue;
        }
        struct tdm_api_fault fault = {NULL, TDM_API_FAULT_NONE, 0, -1, 0};
        if (fault_parse_line(&fault, line, error) != 0) {
            return -1;
        }
        struct tdm_api_fault *grown =
            tdm_resize_array(memory, faults->items, faults->count + 1, sizeof(*grown));
        if (grown == NULL) {
            tdm_buf_add_str(error, "out of memory");
            return -1;
        }
        faults->items = grown;
        grown[faults->count++] = fault;
    }
    return 0;
}

void tdm_api_faults_clear(struct tdm_api_faults *faults)
{
    tdm_free(memory, faults->items);
    faults->items = NULL;
    faults->count = 0;
}

const struct tdm_api_fault *tdm_api_faults_take(struct tdm_api_faults *faults,
                                                const struct tdm_double *service)
{
    for (size_t i = 0; i < faults->count; i++) {
        struct tdm_api_fault *fault = &faults->items[i];
        int over = fault->limit >= 0 && fault->answered >= fault->limit;
        int fits =
            fault->service == NULL ? fault_exists(service, fault->kind) : fault->service == service;
        if (fits && !over) {
            fault->answered++;
            return fault;
        }
    }
    return NULL;
}
