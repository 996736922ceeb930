/* server_mail.c: MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3) and the parameters of the extensions. What
 * the parameters say is checked and kept; the test server delivers nothing, so it does nothing. */
#include <string.h>

#include "server_internal.h"
#include "util/str.h"

#define RECIPIENT_LIMIT 1000 /* as LIMITS says */
#define XTEXT_MAX 500        /* ORCPT (RFC 3461 4.2) */
#define ENVID_MAX 100        /* RFC 3461 4.4, decoded */

/* A parameter: `value` is what stands behind "=", NULL where there is none. Returns NULL where it is
 * good, else the syntax that it should have. */
struct mail_parameter {
    const char *name;
    enum tdm_server_extension extension;
    const char *(*check)(struct tdm_server_session *session, const char *value, size_t length);
};

/* "17" or "-9"; 0, or -1 where it is no number of at most `digits` digits. */
static int mail_number(const char *text, size_t length, size_t digits, int64_t *number)
{
    size_t at = length > 0 && (text[0] == '-' || text[0] == '+');
    int negative = at > 0 && text[0] == '-';
    *number = 0;
    if (at == length || length - at > digits) {
        return -1;
    }
    for (; at < length; at++) {
        if (!tdm_is_digit(text[at])) {
            return -1;
        }
        *number = *number * 10 + (text[at] - '0');
    }
    *number = negative ? -*number : *number;
    return 0;
}

static int mail_is_hex(char c)
{
    return tdm_is_digit(c) || (c >= 'A' && c <= 'F');
}

/* xtext (RFC 3461 4): how many characters it stands for; 0 where it is none. */
static size_t mail_xtext(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++, count++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '+') {
            if (length - i < 3 || !mail_is_hex(text[i + 1]) || !mail_is_hex(text[i + 2])) {
                return 0;
            }
            i += 2;
        } else if (c < 33 || c > 126 || c == '=') {
            return 0;
        }
    }
    return count;
}

static const char *mail_size(struct tdm_server_session *session, const char *value, size_t length)
{
    int64_t size;
    (void)session;
    int good = value != NULL && length > 0 && tdm_is_digit(value[0]) &&
               mail_number(value, length, 18, &size) == 0;
    return good ? NULL : "SIZE=number";
}

static const char *mail_body(struct tdm_server_session *session, const char *value, size_t length)
{
    static const char syntax[] = "BODY=7BIT or 8BITMIME or BINARYMIME";
    if (value == NULL) {
        return syntax;
    }
    if (tdm_equal_nocase_n(value, length, "BINARYMIME")) {
        session->binary = tdm_server_offers(session, TDM_SERVER_BINARYMIME);
        return session->binary ? NULL : "BODY=7BIT or 8BITMIME";
    }
    int known =
        tdm_equal_nocase_n(value, length, "7BIT") || tdm_equal_nocase_n(value, length, "8BITMIME");
    return known ? NULL : syntax;
}

static const char *mail_utf8(struct tdm_server_session *session, const char *value, size_t length)
{
    (void)length;
    session->utf8 = value == NULL;
    return value == NULL ? NULL : "SMTPUTF8 without a value";
}

/* RFC 4954 5: taken note of, not believed. */
static const char *mail_auth(struct tdm_server_session *session, const char *value, size_t length)
{
    (void)session;
    return value != NULL && mail_xtext(value, length) > 0 ? NULL : "AUTH=<> or AUTH=address";
}

static const char *mail_ret(struct tdm_server_session *session, const char *value, size_t length)
{
    (void)session;
    int good = value != NULL && (tdm_equal_nocase_n(value, length, "FULL") ||
                                 tdm_equal_nocase_n(value, length, "HDRS"));
    return good ? NULL : "RET=FULL or RET=HDRS";
}

static const char *mail_envid(struct tdm_server_session *session, const char *value, size_t length)
{
    size_t count = value != NULL ? mail_xtext(value, length) : 0;
    (void)session;
    return count > 0 && count <= ENVID_MAX ? NULL : "ENVID=xtext of up to 100 characters";
}

static const char *mail_require_tls(struct tdm_server_session *session, const char *value,
                                    size_t length)
{
    (void)session;
    (void)length;
    return value == NULL ? NULL : "REQUIRETLS without a value";
}

/* BY=120;R, with T where the trace is asked for (RFC 2852 4). */
static const char *mail_by(struct tdm_server_session *session, const char *value, size_t length)
{
    static const char syntax[] = "BY=seconds;N or BY=seconds;R";
    const char *semicolon = value != NULL ? memchr(value, ';', length) : NULL;
    int64_t seconds;
    (void)session;
    if (semicolon == NULL || mail_number(value, (size_t)(semicolon - value), 9, &seconds) != 0) {
        return syntax;
    }
    size_t left = length - (size_t)(semicolon + 1 - value);
    char mode = left > 0 ? tdm_lower(semicolon[1]) : '\0';
    int trace = left == 2 && tdm_lower(semicolon[2]) == 't';
    if ((left != 1 && !trace) || (mode != 'n' && mode != 'r')) {
        return syntax;
    }
    return mode == 'r' && seconds <= 0 ? "BY=seconds;R with more than 0 seconds" : NULL;
}

static const char *mail_hold_for(struct tdm_server_session *session, const char *value,
                                 size_t length)
{
    int64_t seconds;
    (void)session;
    int good = value != NULL && mail_number(value, length, 9, &seconds) == 0 && seconds > 0;
    return good ? NULL : "HOLDFOR=seconds";
}

/* RFC 4865 4: an RFC 3339 time. */
static const char *mail_hold_until(struct tdm_server_session *session, const char *value,
                                   size_t length)
{
    static const char form[] = "0000-00-00T00:00:00";
    size_t at = 0;
    (void)session;
    while (
        value != NULL && at < length && form[at] != '\0' &&
        (form[at] == '0' ? tdm_is_digit(value[at]) : tdm_lower(form[at]) == tdm_lower(value[at]))) {
        at++;
    }
    return at == sizeof(form) - 1 && at < length ? NULL : "HOLDUNTIL=2030-01-31T12:00:00Z";
}

static const char *mail_priority(struct tdm_server_session *session, const char *value,
                                 size_t length)
{
    int64_t priority;
    (void)session;
    int good = value != NULL && mail_number(value, length, 1, &priority) == 0;
    return good ? NULL : "MT-PRIORITY=-9 to 9";
}

/* NEVER alone, or of SUCCESS, FAILURE and DELAY (RFC 3461 4.1). */
static const char *rcpt_notify(struct tdm_server_session *session, const char *value, size_t length)
{
    static const char syntax[] = "NOTIFY=NEVER or of SUCCESS,FAILURE,DELAY";
    (void)session;
    if (value == NULL || length == 0) {
        return syntax;
    }
    if (tdm_equal_nocase_n(value, length, "NEVER")) {
        return NULL;
    }
    for (size_t at = 0; at <= length;) {
        const char *comma = memchr(value + at, ',', length - at);
        size_t word = comma != NULL ? (size_t)(comma - value) - at : length - at;
        if (!tdm_equal_nocase_n(value + at, word, "SUCCESS") &&
            !tdm_equal_nocase_n(value + at, word, "FAILURE") &&
            !tdm_equal_nocase_n(value + at, word, "DELAY")) {
            return syntax;
        }
        at += word + 1;
    }
    return NULL;
}

static const char *rcpt_orcpt(struct tdm_server_session *session, const char *value, size_t length)
{
    const char *semicolon = value != NULL ? memchr(value, ';', length) : NULL;
    size_t left = semicolon != NULL ? length - (size_t)(semicolon + 1 - value) : 0;
    (void)session;
    int good = semicolon > value && left <= XTEXT_MAX && mail_xtext(semicolon + 1, left) > 0;
    return good ? NULL : "ORCPT=rfc822;xtext";
}

/* The first of those of one extension, which is also the bit in `seen`. */
static const struct mail_parameter of_mail[] = {
    {"SIZE", TDM_SERVER_SIZE, mail_size},
    {"BODY", TDM_SERVER_8BITMIME, mail_body},
    {"SMTPUTF8", TDM_SERVER_SMTPUTF8, mail_utf8},
    {"AUTH", TDM_SERVER_AUTH, mail_auth},
    {"RET", TDM_SERVER_DSN, mail_ret},
    {"ENVID", TDM_SERVER_DSN, mail_envid},
    {"REQUIRETLS", TDM_SERVER_REQUIRETLS, mail_require_tls},
    {"BY", TDM_SERVER_DELIVERBY, mail_by},
    {"HOLDFOR", TDM_SERVER_FUTURERELEASE, mail_hold_for},
    {"HOLDUNTIL", TDM_SERVER_FUTURERELEASE, mail_hold_until},
    {"MT-PRIORITY", TDM_SERVER_MT_PRIORITY, mail_priority},
    {NULL, TDM_SERVER_EXTENSION_COUNT, NULL},
};

static const struct mail_parameter of_rcpt[] = {
    {"NOTIFY", TDM_SERVER_DSN, rcpt_notify},
    {"ORCPT", TDM_SERVER_DSN, rcpt_orcpt},
    {NULL, TDM_SERVER_EXTENSION_COUNT, NULL},
};

static int mail_too_large(struct tdm_server_session *session, const char *value, size_t length)
{
    int64_t size;
    if (mail_number(value, length, 18, &size) != 0 || size <= session->options.max_size) {
        return 0;
    }
    tdm_server_reply(session, 552, "5.3.4", "the message is larger than this server takes");
    return 1;
}

/* One parameter; 0, or -1 and the reply was given. */
static int mail_parameter(struct tdm_server_session *session, const struct mail_parameter *known,
                          const char *word, size_t length, unsigned *seen)
{
    const char *equals = memchr(word, '=', length);
    size_t name = equals != NULL ? (size_t)(equals - word) : length;
    const char *value = equals != NULL ? equals + 1 : NULL;
    size_t value_length = equals != NULL ? length - name - 1 : 0;
    struct tdm_buf words;
    for (unsigned i = 0; known[i].name != NULL; i++) {
        if (!tdm_equal_nocase_n(word, name, known[i].name) || (*seen & 1U << i) != 0 ||
            !tdm_server_offers(session, known[i].extension)) {
            continue;
        }
        *seen |= 1U << i;
        const char *syntax = known[i].check(session, value, value_length);
        if (syntax == NULL) {
            return known[i].check == mail_size && mail_too_large(session, value, value_length) ? -1
                                                                                               : 0;
        }
        tdm_buf_init(&words, &session->allocator, 128);
        tdm_buf_addf(&words, "syntax: %s", syntax);
        tdm_server_reply(session, 501, "5.5.4", tdm_buf_text(&words));
        tdm_buf_clear(&words);
        return -1;
    }
    tdm_server_reply(session, 555, "5.5.4",
                     known == of_mail ? "a parameter of MAIL is unknown, wrong or there twice"
                                      : "a parameter of RCPT is unknown or there twice");
    return -1;
}

/* All behind the bracket; 0, or -1 and the reply was given. */
static int mail_parameters(struct tdm_server_session *session, const struct mail_parameter *known,
                           const char *rest, const char *end)
{
    unsigned seen = 0;
    if (rest < end && *rest != ' ') {
        tdm_server_reply(session, 501, "5.5.4", "a blank must stand before a parameter");
        return -1;
    }
    while (rest < end) {
        const char *word = rest;
        while (word < end && *word == ' ') {
            word++;
        }
        const char *stop = memchr(word, ' ', (size_t)(end - word));
        rest = stop != NULL ? stop : end;
        if (word == rest) {
            continue;
        }
        if (session->greeted < 2) {
            tdm_server_reply(session, 555, "5.5.4", "parameters need EHLO");
            return -1;
        }
        if (mail_parameter(session, known, word, (size_t)(rest - word), &seen) != 0) {
            return -1;
        }
    }
    return 0;
}

/* A copy of the parameters as they came, without the blank before the first. */
static char *mail_copy_parameters(struct tdm_server_session *session, const char *rest,
                                  const char *end)
{
    while (rest < end && *rest == ' ') {
        rest++;
    }
    return tdm_strndup(&session->allocator, rest, (size_t)(end - rest));
}

static void mail_accept(struct tdm_server_session *session, const char *address,
                        size_t address_length, const char *rest, const char *end)
{
    session->from = tdm_strndup(&session->allocator, address, address_length);
    session->mail_parameters = mail_copy_parameters(session, rest, end);
    if (session->from == NULL || session->mail_parameters == NULL) {
        tdm_server_forget_transaction(session);
        tdm_server_reply(session, 452, "4.3.1", "out of memory");
    } else {
        tdm_server_reply(session, 250, "2.1.0", "sender ok");
    }
}

void tdm_server_command_mail(struct tdm_server_session *session, const char *args, size_t length)
{
    const char *address = NULL;
    const char *rest = NULL;
    size_t address_length = 0;
    if (session->from != NULL) {
        tdm_server_reply(session, 503, "5.5.1", "MAIL within a transaction");
        return;
    }
    session->utf8 = session->binary = 0;
    if (session->options.require_auth && session->user == NULL) {
        tdm_server_reply(session, 530, "5.7.0", "authentication required");
    } else if (!tdm_starts_nocase(args, length, "FROM:") ||
               tdm_server_path_parse(args + 5, length - 5, 1, &address, &address_length, &rest) !=
                   TDM_SERVER_PATH_OK) {
        tdm_server_reply(session, 501, "5.1.7", "syntax: MAIL FROM:<address> [parameters]");
    } else if (mail_parameters(session, of_mail, rest, args + length) == 0) {
        if (tdm_has_8bit(address, address_length) && !session->utf8) {
            tdm_server_reply(session, 553, "5.6.7", "such an address needs SMTPUTF8");
        } else {
            mail_accept(session, address, address_length, rest, args + length);
        }
    }
}

static int rcpt_add(struct tdm_server_session *session, const char *address, size_t length,
                    const char *rest, const char *end)
{
    struct tdm_server_recipients *list = &session->recipients;
    char **items =
        tdm_resize_array(&session->allocator, list->items, list->count + 1, sizeof(*items));
    if (items == NULL) {
        return -1;
    }
    list->items = items;
    char **parameters =
        tdm_resize_array(&session->allocator, list->parameters, list->count + 1, sizeof(*items));
    if (parameters == NULL) {
        return -1;
    }
    list->parameters = parameters;
    items[list->count] = tdm_strndup(&session->allocator, address, length);
    parameters[list->count] = mail_copy_parameters(session, rest, end);
    if (items[list->count] == NULL || parameters[list->count] == NULL) {
        tdm_free(&session->allocator, items[list->count]);
        tdm_free(&session->allocator, parameters[list->count]);
        return -1;
    }
    list->count++;
    return 0;
}

void tdm_server_command_rcpt(struct tdm_server_session *session, const char *args, size_t length)
{
    const char *address = NULL;
    const char *rest = NULL;
    size_t address_length = 0;
    if (session->from == NULL) {
        tdm_server_reply(session, 503, "5.5.1", "RCPT needs MAIL first");
    } else if (session->chunks > 0) {
        tdm_server_reply(session, 503, "5.5.1", "RCPT behind BDAT");
    } else if (!tdm_starts_nocase(args, length, "TO:") ||
               tdm_server_path_parse(args + 3, length - 3, 0, &address, &address_length, &rest) !=
                   TDM_SERVER_PATH_OK) {
        tdm_server_reply(session, 501, "5.1.3", "syntax: RCPT TO:<address> [parameters]");
    } else if (mail_parameters(session, of_rcpt, rest, args + length) != 0) {
        return;
    } else if (tdm_has_8bit(address, address_length) && !session->utf8) {
        tdm_server_reply(session, 553, "5.6.7", "such an address needs SMTPUTF8");
    } else if (session->recipients.count == RECIPIENT_LIMIT) {
        tdm_server_reply(session, 452, "4.5.3", "too many recipients");
    } else if (rcpt_add(session, address, address_length, rest, args + length) != 0) {
        tdm_server_reply(session, 452, "4.3.1", "out of memory");
    } else {
        tdm_server_reply(session, 250, "2.1.5", "recipient ok");
    }
}
