/* hints.c: see hints.h. */
#include "report/hints.h"

#include <tidymail/types.h>

#include <string.h>

#include "util/str.h"

#define ANY (-1)
#define KIND_ANY ANY
#define KIND_AUTHENTICATION TIDYMAIL_KIND_AUTHENTICATION
#define KIND_TEMPORARY TIDYMAIL_KIND_TEMPORARY
#define KIND_PERMANENT TIDYMAIL_KIND_PERMANENT
#define KIND_TLS TIDYMAIL_KIND_TLS
#define PHASE_ANY ANY
#define PHASE_GREETING TIDYMAIL_PHASE_GREETING
#define PHASE_EHLO TIDYMAIL_PHASE_EHLO
#define PHASE_STARTTLS TIDYMAIL_PHASE_STARTTLS
#define PHASE_AUTH TIDYMAIL_PHASE_AUTH
#define PHASE_MAIL TIDYMAIL_PHASE_MAIL
#define PHASE_RCPT TIDYMAIL_PHASE_RCPT
#define PHASE_FINAL TIDYMAIL_PHASE_FINAL

struct hint_row {
    int kind;
    int phase;
    int code;
    const char *enhanced;
    const char *words;
    const char *host;
    struct tdm_hint hint;
};

static const struct hint_row rows[] = {
#define H(kind, phase, code, enhanced, words, host, hint, source)                                  \
    {KIND_##kind, PHASE_##phase, code, enhanced, words, host, {hint, source}},
#include "report/hints.def"
#undef H
};

static int hint_has(const char *text, const char *word, size_t length)
{
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < length && tdm_lower(text[i]) == word[i]) {
            i++;
        }
        if (i == length) {
            return 1;
        }
    }
    return 0;
}

/* One of the alternatives, parted by |, is in the text. */
static int hint_has_any(const char *text, const char *words)
{
    while (*words != '\0') {
        size_t length = strcspn(words, "|");
        if (hint_has(text, words, length)) {
            return 1;
        }
        words += length + (words[length] == '|');
    }
    return 0;
}

/* "smtp.eu.mailgun.org:587" ends in "mailgun.org", at a label. */
static int hint_is_host(const char *server, const char *domain)
{
    size_t length = server != NULL ? strcspn(server, ":") : 0;
    size_t wanted = strlen(domain);
    if (length < wanted || !tdm_same_nocase(server + length - wanted, wanted, domain, wanted)) {
        return 0;
    }
    return length == wanted || server[length - wanted - 1] == '.';
}

const struct tdm_hint *tdm_hint_find(const struct tdm_hint_query *query)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct hint_row *row = &rows[i];
        int code = row->code < 10 ? query->code / 100 : query->code;
        if ((row->kind != ANY && row->kind != query->kind) ||
            (row->phase != ANY && row->phase != query->phase) ||
            (row->code != 0 && row->code != code) ||
            (row->enhanced[0] != '\0' && strcmp(row->enhanced, query->enhanced) != 0) ||
            (row->words[0] != '\0' && !hint_has_any(query->words, row->words)) ||
            (row->host[0] != '\0' && !hint_is_host(query->server, row->host))) {
            continue;
        }
        return &row->hint;
    }
    return NULL;
}

const struct tdm_hint *tdm_hint_at(size_t index)
{
    return index < sizeof(rows) / sizeof(rows[0]) ? &rows[index].hint : NULL;
}
