/* server_path.c: reverse-path and forward-path (RFC 5321 4.1.2). See server_session.h. */
#include <string.h>

#include "server_session.h"
#include "util/str.h"

/* Offset of the closing bracket; `length` where there is none. Quoted strings may hold one. */
static size_t path_end(const char *text, size_t length)
{
    int quoted = 0;
    for (size_t i = 1; i < length; i++) {
        if (quoted && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && text[i] == '>') {
            return i;
        }
    }
    return length;
}

/* The last @ outside a quoted string; `length` where there is none. */
static size_t path_at_sign(const char *address, size_t length)
{
    int quoted = 0;
    size_t found = length;
    for (size_t i = 0; i < length; i++) {
        if (quoted && address[i] == '\\') {
            i++;
        } else if (address[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && address[i] == '@') {
            found = i;
        }
    }
    return quoted ? length : found;
}

static int path_has_blank(const char *address, size_t length)
{
    int quoted = 0;
    for (size_t i = 0; i < length; i++) {
        if (quoted && address[i] == '\\') {
            i++;
        } else if (address[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && (tdm_is_space(address[i]) || address[i] == '<')) {
            return 1;
        }
    }
    return 0;
}

enum tdm_server_path_error tdm_server_path_parse(const char *text, size_t length, int null_allowed,
                                                 const char **address, size_t *address_length,
                                                 const char **rest)
{
    size_t end = length > 0 && text[0] == '<' ? path_end(text, length) : length;
    if (end == length || tdm_find_control(text, length) != length) {
        return TDM_SERVER_PATH_SYNTAX;
    }
    const char *at = text + 1;
    *rest = text + end + 1;
    if (*at == '@') {
        const char *colon = memchr(at, ':', (size_t)(text + end - at));
        at = colon != NULL ? colon + 1 : at;
    }
    *address = at;
    *address_length = (size_t)(text + end - at);
    if (*address_length == 0) {
        return null_allowed ? TDM_SERVER_PATH_OK : TDM_SERVER_PATH_SYNTAX;
    }
    if (!null_allowed && tdm_equal_nocase_n(at, *address_length, "postmaster")) {
        return TDM_SERVER_PATH_OK; /* the one address without a domain (RFC 5321 4.5.1) */
    }
    size_t sign = path_at_sign(at, *address_length);
    if (sign == 0 || sign + 1 >= *address_length || path_has_blank(at, *address_length)) {
        return TDM_SERVER_PATH_SYNTAX;
    }
    return TDM_SERVER_PATH_OK;
}
