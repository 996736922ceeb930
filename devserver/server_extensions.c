/* server_extensions.c: what EHLO offers. One row each, in the order in which they are told. */
#include <string.h>

#include "server_internal.h"
#include "util/str.h"

struct extension {
    const char *keyword;
    const char *words; /* as offered, NULL: made for the session */
};

static const struct extension extensions[TDM_SERVER_EXTENSION_COUNT] = {
    [TDM_SERVER_PIPELINING] = {"PIPELINING", "PIPELINING"},
    [TDM_SERVER_SIZE] = {"SIZE", NULL},
    [TDM_SERVER_8BITMIME] = {"8BITMIME", "8BITMIME"},
    [TDM_SERVER_SMTPUTF8] = {"SMTPUTF8", "SMTPUTF8"},
    [TDM_SERVER_STARTTLS] = {"STARTTLS", "STARTTLS"},
    [TDM_SERVER_AUTH] = {"AUTH", NULL},
    [TDM_SERVER_CHUNKING] = {"CHUNKING", "CHUNKING"},
    [TDM_SERVER_BINARYMIME] = {"BINARYMIME", "BINARYMIME"},
    [TDM_SERVER_DSN] = {"DSN", "DSN"},
    [TDM_SERVER_REQUIRETLS] = {"REQUIRETLS", "REQUIRETLS"},
    [TDM_SERVER_DELIVERBY] = {"DELIVERBY", "DELIVERBY"},
    [TDM_SERVER_FUTURERELEASE] = {"FUTURERELEASE", "FUTURERELEASE 31536000 2099-12-31T23:59:59Z"},
    [TDM_SERVER_MT_PRIORITY] = {"MT-PRIORITY", "MT-PRIORITY"},
    [TDM_SERVER_LIMITS] = {"LIMITS", "LIMITS RCPTMAX=1000"},
    [TDM_SERVER_ENHANCEDSTATUSCODES] = {"ENHANCEDSTATUSCODES", "ENHANCEDSTATUSCODES"},
};

int tdm_server_offers(const struct tdm_server_session *session, enum tdm_server_extension extension)
{
    const struct tdm_server_options *options = &session->options;
    if ((options->hidden & 1U << extension) != 0) {
        return 0;
    }
    if (options->like != NULL) { /* without TLS all that comes under it is told in clear */
        return tdm_like_offers(options->like, extensions[extension].keyword,
                               session->encrypted || !options->offer_tls);
    }
    if (extension == TDM_SERVER_STARTTLS) {
        return options->offer_tls && !session->encrypted;
    }
    if (extension == TDM_SERVER_REQUIRETLS) { /* RFC 8689 3: under TLS only */
        return session->encrypted;
    }
    if (extension == TDM_SERVER_AUTH) {
        return session->encrypted || options->clear_auth;
    }
    /* RFC 3030 3: never without CHUNKING */
    return extension != TDM_SERVER_BINARYMIME || tdm_server_offers(session, TDM_SERVER_CHUNKING);
}

/* The line of one extension; 0 where it is not told now. */
static int extension_line(const struct tdm_server_session *session,
                          enum tdm_server_extension extension, struct tdm_buf *line)
{
    tdm_buf_reset(line);
    if (!tdm_server_offers(session, extension)) {
        return 0;
    }
    if (extension == TDM_SERVER_AUTH) {
        return tdm_server_auth_line(session, line);
    }
    if (extension == TDM_SERVER_SIZE) {
        tdm_buf_addf(line, "SIZE %l", session->options.max_size);
    } else {
        tdm_buf_add_str(line, extensions[extension].words);
    }
    return 1;
}

static void extension_reply_like(struct tdm_server_session *session, const struct tdm_like *like)
{
    int encrypted = session->encrypted || !session->options.offer_tls;
    struct tdm_buf text;
    size_t at = 0;
    size_t length = 0;
    const char *line = tdm_like_line(like, &at, &length, encrypted);
    tdm_buf_init(&text, &session->allocator, 1024);
    while (line != NULL) {
        tdm_buf_reset(&text);
        tdm_buf_add(&text, line, length);
        if (tdm_equal_nocase_n(line, length, "AUTH")) {
            tdm_buf_addf(&text, " %s", like->auth);
        }
        line = tdm_like_line(like, &at, &length, encrypted);
        tdm_server_emit(session, 250, line != NULL ? '-' : ' ', "", tdm_buf_text(&text));
    }
    tdm_buf_clear(&text);
}

void tdm_server_reply_ehlo(struct tdm_server_session *session)
{
    if (session->options.like != NULL) {
        extension_reply_like(session, session->options.like);
        return;
    }
    struct tdm_buf line;
    struct tdm_buf before;
    tdm_buf_init(&line, &session->allocator, 1024);
    tdm_buf_init(&before, &session->allocator, 1024);
    tdm_buf_add_str(&before, session->options.name);
    for (int i = 0; i < TDM_SERVER_EXTENSION_COUNT; i++) {
        if (extension_line(session, (enum tdm_server_extension)i, &line)) {
            tdm_server_emit(session, 250, '-', "", tdm_buf_text(&before));
            tdm_buf_reset(&before);
            tdm_buf_add_str(&before, tdm_buf_text(&line));
        }
    }
    tdm_server_emit(session, 250, ' ', "", tdm_buf_text(&before));
    tdm_buf_clear(&line);
    tdm_buf_clear(&before);
}

int tdm_server_parse_hidden(const char *list, unsigned *hidden, const char **unknown)
{
    for (const char *word = list; *word != '\0';) {
        size_t length = strcspn(word, ", ");
        int found = length == 0;
        for (unsigned i = 0; i < TDM_SERVER_EXTENSION_COUNT; i++) {
            if (tdm_equal_nocase_n(word, length, extensions[i].keyword)) {
                *hidden |= 1U << i;
                found = 1;
            }
        }
        if (!found) {
            *unknown = word;
            return -1;
        }
        word += length + (word[length] != '\0');
    }
    return 0;
}
