/* meaning.c: header fields that programs act on, each checked and written by one call: threads,
 * unsubscribing, automatic mail, importance, receipts. */
#include <string.h>

#include "message/header.h"
#include "message/message_data.h"
#include "util/str.h"

/* Ids of References that are kept behind the first: RFC 5322 sets no limit, readers and servers do. */
#define MEANING_REFERENCES_KEPT 20

/* Takes what was built over into a field. */
static int meaning_set(tidymail_message *message, const char *name, struct tdm_buf *value,
                       enum tdm_field_form form)
{
    char *copy =
        value->failed ? NULL : tdm_strndup(&message->allocator, tdm_buf_text(value), value->length);
    return copy != NULL ? tdm_field_replace(message, name, copy, form)
                        : tdm_message_fail_memory(message);
}

static int meaning_set_text(tidymail_message *message, const char *name, const char *value)
{
    char *copy = tdm_strdup(&message->allocator, value);
    return copy != NULL ? tdm_field_replace(message, name, copy, TDM_FIELD_WORDS)
                        : tdm_message_fail_memory(message);
}

/* Past one word of References; 1 where it is a message id, of `length` bytes from `*start` on. */
static int meaning_next_id(const char **text, const char **start, size_t *length)
{
    size_t bad;
    *text += strspn(*text, " \t\r\n,");
    *start = *text;
    *length = tdm_message_id_length(*text, &bad);
    if (*length > 0) {
        *text += *length;
        return 1;
    }
    *text += strcspn(*text, " \t\r\n,");
    return 0;
}

/* Ids of `text`, but `last`; with `out` those that are kept are appended. Returns how many. */
static size_t meaning_references(const char *text, const char *last, size_t skip_from,
                                 size_t skip_to, struct tdm_buf *out)
{
    const char *start;
    size_t length;
    size_t count = 0;
    while (*text != '\0') {
        if (!meaning_next_id(&text, &start, &length) ||
            (strlen(last) == length && memcmp(start, last, length) == 0)) {
            continue;
        }
        if (out != NULL && (count < skip_from || count >= skip_to)) {
            tdm_buf_add(out, start, length);
            tdm_buf_add_char(out, ' ');
        }
        count++;
    }
    return count;
}

int tidymail_message_set_reply(tidymail_message *message, const char *message_id,
                               const char *references)
{
    size_t bad = 0;
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = tdm_message_check_text(message, "In-Reply-To", message_id);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    size_t length = tdm_message_id_length(message_id, &bad);
    if (length == 0) {
        return tdm_message_fail_at(message, "In-Reply-To", "not a message id <left@right>", bad);
    }
    if (message_id[length] != '\0') {
        return tdm_message_fail_at(message, "In-Reply-To",
                                   "nothing may stand behind the message id", length);
    }
    references = references != NULL ? references : "";
    if (strlen(references) > TDM_HEADER_TEXT_MAX) {
        return tdm_message_fail(message, "References", "longer than 65536 bytes");
    }
    struct tdm_buf value;
    tdm_buf_init(&value, &message->allocator, 2 * TDM_HEADER_TEXT_MAX);
    size_t count = meaning_references(references, message_id, 0, 0, NULL);
    /* The parent is one of the last 20. */
    size_t until = count > MEANING_REFERENCES_KEPT ? count - (MEANING_REFERENCES_KEPT - 1) : 1;
    meaning_references(references, message_id, 1, until, &value);
    tdm_buf_add_str(&value, message_id);
    kind = meaning_set(message, "References", &value, TDM_FIELD_WORDS);
    tdm_buf_clear(&value);
    return kind == TIDYMAIL_OK ? meaning_set_text(message, "In-Reply-To", message_id) : kind;
}

/* A URL that stands in angle brackets (RFC 2369 2): printable ASCII, nothing that ends it there. */
static int meaning_check_url(tidymail_message *message, const char *url, const char *scheme)
{
    static const char field[] = "List-Unsubscribe";
    int kind = tdm_message_check_text(message, field, url);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    size_t length = strlen(url);
    if (!tdm_starts_nocase(url, length, scheme) || length == strlen(scheme)) {
        return tdm_error_setf(&message->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                              "%s: a URL that begins with %s is expected", field, scheme);
    }
    for (size_t i = 0; i < length; i++) {
        if (url[i] <= ' ' || url[i] > '~' || strchr("<>\"", url[i]) != NULL) {
            return tdm_message_fail_at(message, field,
                                       "a character that must be percent-encoded in a URL", i);
        }
    }
    return length + 4 <= TDM_LINE_MAX ? TIDYMAIL_OK
                                      : tdm_message_fail(message, field, "longer than 994 bytes");
}

int tidymail_message_set_list_unsubscribe(tidymail_message *message, const char *https_url,
                                          const char *mailto_url, int one_click)
{
    static const char field[] = "List-Unsubscribe";
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK && https_url == NULL && mailto_url == NULL) {
        kind = tdm_message_fail(message, field, "NULL was given");
    }
    if (kind == TIDYMAIL_OK && one_click && https_url == NULL) {
        /* RFC 8058 3.1 */
        kind = tdm_message_fail(message, field, "one click needs an https URL");
    }
    if (kind == TIDYMAIL_OK && https_url != NULL) {
        kind = meaning_check_url(message, https_url, "https://");
    }
    if (kind == TIDYMAIL_OK && mailto_url != NULL) {
        kind = meaning_check_url(message, mailto_url, "mailto:");
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    struct tdm_buf value;
    tdm_buf_init(&value, &message->allocator, TDM_HEADER_TEXT_MAX);
    if (https_url != NULL) {
        tdm_buf_addf(&value, "<%s>%s", https_url, mailto_url != NULL ? ", " : "");
    }
    if (mailto_url != NULL) {
        tdm_buf_addf(&value, "<%s>", mailto_url);
    }
    kind = meaning_set(message, field, &value, TDM_FIELD_WORDS);
    tdm_buf_clear(&value);
    if (kind == TIDYMAIL_OK && one_click) {
        kind = meaning_set_text(message, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
    }
    return kind;
}

/* The place of a word in a list, case-blind; -1: it is none of them. */
static int meaning_word(const char *word, const char *const *words, int count)
{
    for (int i = 0; i < count; i++) {
        if (tdm_equal_nocase(word, words[i])) {
            return i;
        }
    }
    return -1;
}

int tidymail_message_set_auto_submitted(tidymail_message *message, const char *keyword)
{
    static const char *const words[] = {"auto-generated", "auto-replied", "auto-notified", "no"};
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = tdm_message_check_text(message, "Auto-Submitted", keyword);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    int word = meaning_word(keyword, words, 4);
    return word >= 0 ? meaning_set_text(message, "Auto-Submitted", words[word])
                     : tdm_message_fail(message, "Auto-Submitted",
                                        "none of auto-generated, auto-replied, auto-notified, no");
}

int tidymail_message_set_importance(tidymail_message *message, const char *importance)
{
    static const char *const words[] = {"high", "normal", "low"};
    static const char *const priorities[] = {"1 (Highest)", "3 (Normal)", "5 (Lowest)"};
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = tdm_message_check_text(message, "Importance", importance);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    int word = meaning_word(importance, words, 3);
    if (word < 0) {
        return tdm_message_fail(message, "Importance", "none of high, normal, low");
    }
    kind = meaning_set_text(message, "Importance", words[word]);
    return kind == TIDYMAIL_OK ? meaning_set_text(message, "X-Priority", priorities[word]) : kind;
}

int tidymail_message_request_read_receipt(tidymail_message *message, const char *mailbox)
{
    static const char field[] = "Disposition-Notification-To";
    struct tdm_mailbox parsed;
    struct tdm_buf value;
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = tdm_message_parse_mailbox(message, field, mailbox, &parsed);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    tdm_buf_init(&value, &message->allocator, SIZE_MAX / 4);
    tdm_header_add_mailbox(&value, field, &parsed);
    kind = meaning_set(message, field, &value, TDM_FIELD_FINISHED);
    if (kind == TIDYMAIL_OK) {
        message->fields_utf8 |= parsed.utf8;
    }
    tdm_buf_clear(&value);
    tdm_mailbox_clear(&message->allocator, &parsed);
    return kind;
}
