/*
 * url.c: one pass from the left. The one hard question is where a secret may hide: a raw / ? # in a
 * password ends the authority too early, and what follows would come out as host, path or option.
 * So an @ behind the authority means that the userinfo was not escaped, unless it stands in a path
 * without an authority or in the value of an option that exists. No error shows text of the URL
 * other than the scheme.
 */
#include "transport/url.h"

#include <arpa/inet.h>
#include <string.h>

#include "transport/options.h"
#include "util/str.h"

#define URL_MAX ((size_t)64 * 1024)

static const char url_hex[] = "0123456789ABCDEF";

/* What the parser works on; offsets in errors count from `text`. */
struct url_reader {
    const tidymail_allocator *allocator;
    const char *text;
    struct tidymail_error *error;
};

static int url_refuse(const struct url_reader *reader, size_t offset, const char *words)
{
    return tdm_error_setf(reader->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                          "URL, offset %z: %s", offset, words);
}

static int url_no_memory(const struct url_reader *reader)
{
    return tdm_error_set(reader->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         "out of memory while reading the URL", NULL);
}

static int url_refuse_raw(const struct url_reader *reader, size_t offset, const char *where)
{
    unsigned char c = (unsigned char)reader->text[offset];
    return tdm_error_setf(reader->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                          "URL, offset %z: a raw '%c' %s; write it as %%%c%c", offset, c, where,
                          url_hex[c >> 4], url_hex[c & 15]);
}

static int url_copy(const struct url_reader *reader, size_t start, size_t end, char **out)
{
    *out = tdm_strndup(reader->allocator, reader->text + start, end - start);
    return *out != NULL ? TIDYMAIL_OK : url_no_memory(reader);
}

static int url_hex_value(char c)
{
    const char *at = c != '\0' ? strchr(url_hex, c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c) : NULL;
    return at != NULL ? (int)(at - url_hex) : -1;
}

/* Decodes in place; TIDYMAIL_OK or the kind, with the offset of what is wrong. */
static int url_decode(const struct url_reader *reader, size_t offset, char *text)
{
    char *out = text;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != '%') {
            *out++ = *p;
            continue;
        }
        size_t at = offset + (size_t)(p - text);
        int high = url_hex_value(p[1]);
        int low = high >= 0 ? url_hex_value(p[2]) : -1;
        if (low < 0) {
            return url_refuse(reader, at, "% needs two hex digits; write % itself as %25");
        }
        int byte = high * 16 + low;
        if (byte < 0x20 || byte == 0x7f) {
            return url_refuse(reader, at, "an escaped control byte is not allowed");
        }
        *out++ = (char)byte;
        p += 2;
    }
    memset(out, 0, strlen(out)); /* no rest of a secret behind its end */
    return TIDYMAIL_OK;
}

static int url_copy_decoded(const struct url_reader *reader, size_t start, size_t end, char **out)
{
    int kind = url_copy(reader, start, end, out);
    return kind == TIDYMAIL_OK ? url_decode(reader, start, *out) : kind;
}

/* Control bytes, blanks and # stand nowhere in a URL. */
static int url_check_bytes(const struct url_reader *reader, size_t length)
{
    size_t control = tdm_find_control(reader->text, length);
    if (control < length) {
        return url_refuse(reader, control, "a control byte (or line end) is not allowed");
    }
    const char *blank = memchr(reader->text, ' ', length);
    return blank == NULL
               ? TIDYMAIL_OK
               : url_refuse(reader, (size_t)(blank - reader->text), "a raw blank; write it as %20");
}

static int url_read_scheme(const struct url_reader *reader, struct tdm_url *url, size_t *after)
{
    const char *text = reader->text;
    size_t i = 0;
    while (tdm_is_alnum(text[i]) || (text[i] != '\0' && strchr("+-.", text[i]) != NULL)) {
        i++;
    }
    if (i == 0 || text[i] != ':' || tdm_is_digit(text[0])) {
        return tdm_error_set(reader->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             "URL: no scheme at its start",
                             "a URL begins with its scheme, as in smtp://user:password@host");
    }
    int kind = url_copy(reader, 0, i, &url->scheme);
    for (size_t k = 0; kind == TIDYMAIL_OK && k < i; k++) {
        url->scheme[k] = tdm_lower(url->scheme[k]);
    }
    *after = i + 1;
    return kind;
}

/* 1 where the text from `start` to `end` is host[:digits], as a whole. */
static int url_looks_like_host(const char *text, size_t start, size_t end)
{
    size_t i = start;
    while (i < end && (tdm_is_alnum(text[i]) || (unsigned char)text[i] > 127 ||
                       strchr("-._[]", text[i]) != NULL)) {
        i++;
    }
    if (i < end && text[start] == '[') {
        i = start + strcspn(text + start, "]");
        i += i < end;
    }
    if (i == start || (i < end && text[i] != ':')) {
        return 0;
    }
    while (i < end && (text[i] == ':' || tdm_is_digit(text[i]))) {
        i++;
    }
    return i == end;
}

/* 1 where every part of the query up to `end` begins with the name of an option and '='. */
static int url_has_options(const char *text, size_t start, size_t end)
{
    while (start < end) {
        size_t name = strcspn(text + start, "=&");
        if (text[start + name] != '=' || !tdm_options_known(text + start, name)) {
            return 0;
        }
        start += strcspn(text + start, "&") + 1;
    }
    return 1;
}

/* The authority stands from `start` to `end`. Refuses what is an unescaped userinfo (see above). */
static int url_check_userinfo_ends(const struct url_reader *reader, size_t start, size_t end)
{
    const char *text = reader->text;
    const char *last = strrchr(text + end, '@');
    if (last == NULL || start == end) {
        return TIDYMAIL_OK;
    }
    size_t question = end + strcspn(text + end, "?");
    size_t host = start;
    for (size_t i = start; i < end; i++) {
        host = text[i] == '@' ? i + 1 : host;
    }
    int only_in_query = (size_t)(last - text) > question &&
                        memchr(text + end, '@', question - end) == NULL &&
                        memchr(text + end, '#', (size_t)(last - text) - end) == NULL;
    if (only_in_query && url_looks_like_host(text, host, end) &&
        url_has_options(text, question + 1, (size_t)(last - text))) {
        return TIDYMAIL_OK;
    }
    return url_refuse_raw(reader, end, "inside user or password");
}

static int url_read_userinfo(const struct url_reader *reader, struct tdm_url *url, size_t start,
                             size_t end)
{
    const char *colon = memchr(reader->text + start, ':', end - start);
    size_t user_end = colon != NULL ? (size_t)(colon - reader->text) : end;
    int kind = url_copy_decoded(reader, start, user_end, &url->user);
    if (kind == TIDYMAIL_OK && colon != NULL) {
        kind = url_copy_decoded(reader, user_end + 1, end, &url->password);
    }
    return kind;
}

static int url_read_port(const struct url_reader *reader, struct tdm_url *url, size_t start,
                         size_t end)
{
    int port = 0;
    for (size_t i = start; i < end; i++) {
        if (!tdm_is_digit(reader->text[i])) {
            return url_refuse(reader, i, "the port is a number from 1 to 65535");
        }
        port = port * 10 + (reader->text[i] - '0');
        if (port > 65535) {
            return url_refuse(reader, start, "the port is a number from 1 to 65535");
        }
    }
    if (port == 0) {
        return url_refuse(reader, start, "the port is a number from 1 to 65535");
    }
    url->port = port;
    return TIDYMAIL_OK;
}

/* An address in brackets (RFC 3986 3.2.2); `end` becomes the end of the host. */
static int url_read_ipv6(const struct url_reader *reader, struct tdm_url *url, size_t start,
                         size_t *end)
{
    const char *close = memchr(reader->text + start, ']', *end - start);
    if (close == NULL) {
        return url_refuse(reader, start, "'[' without ']'");
    }
    size_t at = (size_t)(close - reader->text);
    int kind = url_copy(reader, start + 1, at, &url->host);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    struct in6_addr address;
    if (inet_pton(AF_INET6, url->host, &address) != 1) {
        return url_refuse(reader, start, "only an IPv6 address may stand in brackets");
    }
    if (at + 1 < *end && reader->text[at + 1] != ':') {
        return url_refuse(reader, at + 1, "after ']' comes ':' and the port, or nothing");
    }
    *end = at + 1;
    return TIDYMAIL_OK;
}

static int url_read_name(const struct url_reader *reader, struct tdm_url *url, size_t start,
                         size_t *end)
{
    const char *text = reader->text;
    size_t i = start;
    for (; i < *end && text[i] != ':'; i++) {
        if (!tdm_is_alnum(text[i]) && (unsigned char)text[i] < 128 &&
            strchr("-._", text[i]) == NULL) {
            return url_refuse(reader, i, "this character cannot stand in a host name");
        }
    }
    if (i < *end && memchr(text + i + 1, ':', *end - i - 1) != NULL) {
        return url_refuse(reader, start, "an IPv6 address stands in brackets: [2001:db8::1]:587");
    }
    *end = i;
    return url_copy(reader, start, i, &url->host);
}

/* [user[:password]@]host[:port] */
static int url_read_authority(const struct url_reader *reader, struct tdm_url *url, size_t start,
                              size_t end)
{
    int kind = url_check_userinfo_ends(reader, start, end);
    size_t host = start;
    for (size_t i = start; i < end; i++) {
        host = reader->text[i] == '@' ? i + 1 : host;
    }
    if (kind == TIDYMAIL_OK && host > start) {
        kind = url_read_userinfo(reader, url, start, host - 1);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    size_t host_end = end;
    kind = reader->text[host] == '[' ? url_read_ipv6(reader, url, host, &host_end)
                                     : url_read_name(reader, url, host, &host_end);
    if (kind == TIDYMAIL_OK && host_end < end) {
        kind = url_read_port(reader, url, host_end + 1, end);
    }
    return kind;
}

int tdm_url_parse(const tidymail_allocator *allocator, const char *text, struct tdm_url *url,
                  struct tidymail_error *error)
{
    memset(url, 0, sizeof(*url));
    struct url_reader reader = {allocator, text, error};
    if (text == NULL || text[0] == '\0') {
        return tdm_error_set(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             "no URL given", "give one such as smtp://user:password@host");
    }
    size_t length = strlen(text);
    if (length > URL_MAX) {
        return url_refuse(&reader, URL_MAX, "longer than 65536 bytes");
    }
    size_t at = 0;
    int kind = url_check_bytes(&reader, length);
    if (kind == TIDYMAIL_OK) {
        kind = url_read_scheme(&reader, url, &at);
    }
    if (kind == TIDYMAIL_OK && strncmp(text + at, "//", 2) == 0) {
        size_t start = at + 2;
        at = start + strcspn(text + start, "/?#");
        kind = url_read_authority(&reader, url, start, at);
    } else if (kind == TIDYMAIL_OK) {
        kind = url_copy(&reader, at, at, &url->host);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    size_t hash = at + strcspn(text + at, "#");
    if (hash < length) {
        return url_refuse_raw(&reader, hash, "has no meaning here");
    }
    size_t question = at + strcspn(text + at, "?");
    kind = url_copy_decoded(&reader, at, question, &url->path);
    if (kind == TIDYMAIL_OK && question < length) {
        kind = url_copy(&reader, question + 1, length, &url->query);
    }
    return kind;
}

int tdm_url_decode_option(const tidymail_allocator *allocator, const char *text, size_t start,
                          size_t end, char **out, struct tidymail_error *error)
{
    struct url_reader reader = {allocator, text, error};
    *out = NULL;
    return url_copy_decoded(&reader, start, end, out);
}

void tdm_url_clear(const tidymail_allocator *allocator, struct tdm_url *url)
{
    char *secrets[] = {url->user, url->password, url->query};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (secrets[i] != NULL) {
            tdm_wipe(secrets[i], strlen(secrets[i]));
        }
        tdm_free(allocator, secrets[i]);
    }
    tdm_free(allocator, url->scheme);
    tdm_free(allocator, url->host);
    tdm_free(allocator, url->path);
    memset(url, 0, sizeof(*url));
}
