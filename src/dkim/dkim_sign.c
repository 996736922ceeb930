/*
 * dkim_sign.c: one pass over the message, then a signature for each signer (RFC 6376 3.7). The header
 * is kept, the body only hashed, at most once for each canonical form.
 */
#include <openssl/evp.h>
#include <string.h>

#include "dkim/dkim_signer.h"
#include "util/base64.h"
#include "util/str.h"

#define SIGN_PIECE 16384
#define SIGN_HEADER_MAX ((size_t)1024 * 1024)
#define SIGN_FOLD_AT 76
#define SIGN_DIGEST 32
#define SIGN_MAX 1024 /* bytes of a signature: RSA of 8192 bits */

/* Signed where the message has them (5.4.1); those with `guarded` once more, so that no second one
 * can be added (8.15). */
static const struct {
    const char *name;
    int guarded;
} sign_names[] = {
    {"From", 1},
    {"Sender", 0},
    {"Reply-To", 1},
    {"To", 1},
    {"Cc", 1},
    {"Subject", 1},
    {"Date", 1},
    {"Message-ID", 1},
    {"In-Reply-To", 0},
    {"References", 0},
    {"MIME-Version", 1},
    {"Content-Type", 1},
    {"Content-Transfer-Encoding", 0},
    {"Resent-Date", 0},
    {"Resent-From", 0},
    {"Resent-To", 0},
    {"Resent-Cc", 0},
    {"Resent-Message-ID", 0},
    {"List-Id", 0},
    {"List-Help", 0},
    {"List-Unsubscribe", 0},
    {"List-Unsubscribe-Post", 0},
    {"List-Subscribe", 0},
    {"List-Post", 0},
    {"List-Owner", 0},
    {"List-Archive", 0},
    {"Auto-Submitted", 0},
};

struct sign_hash {
    struct tdm_dkim_body body;
    EVP_MD_CTX *context; /* NULL: nobody wants this form */
    int failed;
    unsigned char digest[SIGN_DIGEST];
};

struct sign_message {
    struct tdm_buf header;
    int body_begun;
    struct sign_hash hashes[2]; /* by enum tdm_dkim_form */
};

static void sign_put(void *context, const char *bytes, size_t length)
{
    struct sign_hash *hash = context;
    hash->failed |= EVP_DigestUpdate(hash->context, bytes, length) != 1;
}

static int sign_fail(struct tidymail_error *error, int kind, const char *words)
{
    return tdm_error_set(error, kind, TIDYMAIL_PHASE_PREPARE, words, NULL);
}

static int sign_begin(struct sign_message *message, const tidymail_allocator *allocator,
                      struct tdm_dkim_signer *const *signers, size_t count)
{
    tdm_buf_init(&message->header, allocator, SIGN_HEADER_MAX + SIGN_PIECE);
    for (size_t i = 0; i < count; i++) {
        struct sign_hash *hash = &message->hashes[signers[i]->body_form];
        if (hash->context == NULL) {
            hash->context = EVP_MD_CTX_new();
            tdm_dkim_body_init(&hash->body, signers[i]->body_form, sign_put, hash);
            if (hash->context == NULL ||
                EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) != 1) {
                return -1;
            }
        }
    }
    return 0;
}

static void sign_clear(struct sign_message *message)
{
    tdm_buf_clear(&message->header);
    EVP_MD_CTX_free(message->hashes[0].context);
    EVP_MD_CTX_free(message->hashes[1].context);
}

static void sign_hash_body(struct sign_message *message, const char *bytes, size_t length)
{
    for (size_t i = 0; i < 2; i++) {
        if (message->hashes[i].context != NULL) {
            tdm_dkim_body_feed(&message->hashes[i].body, bytes, length);
        }
    }
}

/* The header ends at the first empty line; what is behind it is the body already. */
static void sign_take(struct sign_message *message, const char *bytes, size_t length)
{
    if (message->body_begun) {
        sign_hash_body(message, bytes, length);
        return;
    }
    struct tdm_buf *header = &message->header;
    size_t seen = header->length > 3 ? header->length - 3 : 0;
    tdm_buf_add(header, bytes, length);
    for (size_t i = seen; !header->failed && i + 2 <= header->length; i++) {
        int at_start = i == 0 && memcmp(header->data, "\r\n", 2) == 0;
        if (at_start || (i + 4 <= header->length && memcmp(header->data + i, "\r\n\r\n", 4) == 0)) {
            size_t end = at_start ? 0 : i + 2;
            message->body_begun = 1;
            sign_hash_body(message, header->data + end + 2, header->length - end - 2);
            header->length = end;
            return;
        }
    }
}

static int sign_read(struct sign_message *message, const tidymail_source *source, char *piece,
                     struct tidymail_error *error)
{
    ptrdiff_t got;
    while ((got = source->read(source->context, piece, SIGN_PIECE)) > 0) {
        sign_take(message, piece, (size_t)got);
        if (!message->body_begun && message->header.length > SIGN_HEADER_MAX) {
            return sign_fail(error, TIDYMAIL_KIND_MESSAGE,
                             "the header is too large to be signed: more than 1 MiB");
        }
    }
    if (got < 0) {
        const char *words = source->error != NULL ? source->error(source->context) : NULL;
        return tdm_error_setf(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                              "the message could not be read: %s",
                              words != NULL ? words : "its source failed");
    }
    for (size_t i = 0; i < 2; i++) {
        struct sign_hash *hash = &message->hashes[i];
        if (hash->context != NULL) {
            tdm_dkim_body_end(&hash->body);
            hash->failed |= EVP_DigestFinal_ex(hash->context, hash->digest, NULL) != 1;
            if (hash->failed) {
                return sign_fail(error, TIDYMAIL_KIND_LOCAL, "the message could not be hashed");
            }
        }
    }
    return message->header.failed ? sign_fail(error, TIDYMAIL_KIND_LOCAL, "out of memory")
                                  : TIDYMAIL_OK;
}

/* The field that begins at `at`: its length with all its lines; 0 at the end. */
static size_t sign_field(const struct tdm_buf *header, size_t at, size_t *name_length)
{
    const char *text = header->data + at;
    size_t left = header->length - at;
    size_t length = 0;
    do {
        const char *lf = memchr(text + length, '\n', left - length);
        length = lf != NULL ? (size_t)(lf - text) + 1 : left;
    } while (length < left && tdm_is_space(text[length]));
    const char *colon = left > 0 ? memchr(text, ':', length) : NULL;
    *name_length = colon != NULL ? (size_t)(colon - text) : length;
    while (*name_length > 0 && tdm_is_space(text[*name_length - 1])) {
        (*name_length)--;
    }
    return length;
}

static size_t sign_count(const struct tdm_buf *header, const char *name, size_t name_length)
{
    size_t count = 0;
    size_t found;
    size_t length;
    for (size_t at = 0; at < header->length; at += length) {
        length = sign_field(header, at, &found);
        count += (size_t)tdm_same_nocase(header->data + at, found, name, name_length);
    }
    return count;
}

/* Appends the `nth` field of a name, counted from the last one (5.4.2); nothing where there is none. */
static void sign_add_field(struct tdm_buf *out, enum tdm_dkim_form form,
                           const struct tdm_buf *header, const char *name, size_t name_length,
                           size_t nth)
{
    size_t count = sign_count(header, name, name_length);
    size_t found;
    size_t length;
    for (size_t at = 0; nth <= count && at < header->length; at += length) {
        length = sign_field(header, at, &found);
        if (tdm_same_nocase(header->data + at, found, name, name_length) && count-- == nth) {
            tdm_dkim_field(out, form, header->data + at, length, 1);
            return;
        }
    }
}

/* The names of h=, with colons between. */
static void sign_choose_names(struct tdm_buf *names, const struct tdm_dkim_signer *signer,
                              const struct tdm_buf *header)
{
    if (signer->headers != NULL) {
        tdm_buf_add_str(names, signer->headers);
        return;
    }
    for (size_t i = 0; i < sizeof(sign_names) / sizeof(sign_names[0]); i++) {
        const char *name = sign_names[i].name;
        size_t count = sign_count(header, name, strlen(name)) + (size_t)sign_names[i].guarded;
        for (; count > 0; count--) {
            tdm_buf_addf(names, "%s%s", names->length > 0 ? ":" : "", name);
        }
    }
}

/* Appends what h= names to `data`, each name from its last field upwards. */
static void sign_add_header(struct tdm_buf *data, const struct tdm_dkim_signer *signer,
                            const struct tdm_buf *header, const char *names)
{
    const char *name = names;
    while (*name != '\0') {
        size_t length = strcspn(name, ":");
        size_t nth = 1;
        for (const char *before = names; before < name; before += strcspn(before, ":") + 1) {
            nth += (size_t)tdm_same_nocase(before, strcspn(before, ":"), name, length);
        }
        sign_add_field(data, signer->header_form, header, name, length, nth);
        name += length + (name[length] == ':');
    }
}

/* A tag, on a line of its own where it does not fit; `column` is that of the line. */
static void sign_add_tag(struct tdm_buf *out, size_t *column, const char *name, const char *value)
{
    size_t length = strlen(name) + 1 + strlen(value) + 1;
    int folds = *column + 1 + length > SIGN_FOLD_AT;
    tdm_buf_addf(out, "%s%s=%s;", folds ? "\r\n " : " ", name, value);
    *column = (folds ? 0 : *column) + 1 + length;
}

static void sign_add_time(struct tdm_buf *out, size_t *column, const char *name, int64_t value)
{
    struct tdm_buf number;
    tdm_buf_init(&number, &out->allocator, 32);
    tdm_buf_add_number(&number, value);
    sign_add_tag(out, column, name, tdm_buf_text(&number));
    out->failed |= number.failed;
    tdm_buf_clear(&number);
}

/* h= is folded behind its colons (3.5: FWS may stand there). */
static void sign_add_names(struct tdm_buf *out, size_t *column, const char *names)
{
    tdm_buf_add_str(out, "\r\n h=");
    *column = 3;
    while (*names != '\0') {
        size_t length = strcspn(names, ":");
        if (*column + length + 1 > SIGN_FOLD_AT) {
            tdm_buf_add_str(out, "\r\n  ");
            *column = 2;
        }
        tdm_buf_addf(out, "%.*s%s", (int)length, names, names[length] == ':' ? ":" : ";");
        *column += length + 1;
        names += length + (names[length] == ':');
    }
}

/* The field up to "b=", which stands last, so that all of it is written before it is signed. */
static void sign_write_tags(struct tdm_buf *out, const struct tdm_dkim_signer *signer,
                            const struct tdm_buf *header, const unsigned char *body_hash,
                            int64_t now_s)
{
    static const char *const forms[] = {"simple", "relaxed"};
    struct tdm_buf text;
    size_t column = strlen("DKIM-Signature: v=1;");
    tdm_buf_init(&text, &out->allocator, SIZE_MAX / 4);
    tdm_buf_add_str(out, "DKIM-Signature: v=1;");
    sign_add_tag(out, &column, "a", signer->is_ed25519 ? "ed25519-sha256" : "rsa-sha256");
    tdm_buf_addf(&text, "%s/%s", forms[signer->header_form], forms[signer->body_form]);
    sign_add_tag(out, &column, "c", tdm_buf_text(&text));
    sign_add_tag(out, &column, "d", signer->domain);
    sign_add_tag(out, &column, "s", signer->selector);
    if (signer->identity != NULL) {
        sign_add_tag(out, &column, "i", signer->identity);
    }
    sign_add_time(out, &column, "t", now_s);
    if (signer->expires_after_s > 0) {
        sign_add_time(out, &column, "x",
                      now_s > INT64_MAX - signer->expires_after_s
                          ? INT64_MAX
                          : now_s + signer->expires_after_s);
    }
    tdm_buf_reset(&text);
    sign_choose_names(&text, signer, header);
    sign_add_names(out, &column, tdm_buf_text(&text));
    tdm_buf_reset(&text);
    tdm_base64_encode(&text, body_hash, SIGN_DIGEST);
    sign_add_tag(out, &column, "bh", tdm_buf_text(&text));
    tdm_buf_add_str(out, "\r\n b=");
    out->failed |= text.failed;
    tdm_buf_clear(&text);
}

/* The signature of `data`; its length, 0 where it failed. RFC 8463 3: Ed25519 signs the hash. */
static size_t sign_compute(const struct tdm_dkim_signer *signer, const struct tdm_buf *data,
                           unsigned char out[SIGN_MAX])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t length = SIGN_MAX;
    unsigned char digest[SIGN_DIGEST];
    const unsigned char *bytes = (const unsigned char *)tdm_buf_text(data);
    size_t byte_count = data->length;
    int ok = context != NULL;
    if (signer->is_ed25519) {
        ok = ok && EVP_Digest(bytes, byte_count, digest, NULL, EVP_sha256(), NULL) == 1;
        bytes = digest;
        byte_count = sizeof(digest);
    }
    ok = ok &&
         EVP_DigestSignInit(context, NULL, signer->is_ed25519 ? NULL : EVP_sha256(), NULL,
                            signer->key) == 1 &&
         EVP_DigestSign(context, out, &length, bytes, byte_count) == 1;
    EVP_MD_CTX_free(context);
    return ok ? length : 0;
}

static int sign_one(const struct tdm_dkim_signer *signer, const struct sign_message *message,
                    int64_t now_s, struct tdm_buf *out, struct tidymail_error *error)
{
    struct tdm_buf field;
    struct tdm_buf data;
    struct tdm_buf names;
    unsigned char signature[SIGN_MAX];
    tdm_buf_init(&field, &out->allocator, SIZE_MAX / 4);
    tdm_buf_init(&data, &out->allocator, SIZE_MAX / 4);
    tdm_buf_init(&names, &out->allocator, SIZE_MAX / 4);
    sign_write_tags(&field, signer, &message->header, message->hashes[signer->body_form].digest,
                    now_s);
    sign_choose_names(&names, signer, &message->header);
    sign_add_header(&data, signer, &message->header, tdm_buf_text(&names));
    tdm_dkim_field(&data, signer->header_form, tdm_buf_text(&field), field.length, 0);
    field.failed |= names.failed | data.failed;
    size_t length = field.failed ? 0 : sign_compute(signer, &data, signature);
    int kind = TIDYMAIL_OK;
    if (field.failed) {
        kind = sign_fail(error, TIDYMAIL_KIND_LOCAL, "out of memory");
    } else if (length == 0) {
        kind = sign_fail(error, TIDYMAIL_KIND_LOCAL, "the DKIM signature could not be computed");
    } else {
        tdm_buf_reset(&names);
        tdm_base64_encode(&names, signature, length);
        for (size_t i = 0; i < names.length; i += SIGN_FOLD_AT - 4) {
            size_t left = names.length - i;
            tdm_buf_addf(&field, "%s%.*s", i > 0 ? "\r\n  " : "",
                         (int)(left < SIGN_FOLD_AT - 4 ? left : SIGN_FOLD_AT - 4), names.data + i);
        }
        tdm_buf_addf(out, "%s\r\n", tdm_buf_text(&field));
        if (field.failed || names.failed || out->failed) {
            kind = sign_fail(error, TIDYMAIL_KIND_LOCAL, "out of memory");
        }
    }
    tdm_buf_clear(&field);
    tdm_buf_clear(&data);
    tdm_buf_clear(&names);
    return kind;
}

int tdm_dkim_sign(struct tdm_dkim_signer *const *signers, size_t count,
                  const tidymail_source *source, int64_t now_s, struct tdm_buf *out,
                  struct tidymail_error *error)
{
    struct sign_message message;
    memset(&message, 0, sizeof(message));
    char *piece = tdm_alloc(&out->allocator, SIGN_PIECE);
    int kind = sign_begin(&message, &out->allocator, signers, count) == 0 && piece != NULL
                   ? sign_read(&message, source, piece, error)
                   : sign_fail(error, TIDYMAIL_KIND_LOCAL, "out of memory");
    if (kind == TIDYMAIL_OK && sign_count(&message.header, "From", 4) == 0) {
        kind = sign_fail(error, TIDYMAIL_KIND_MESSAGE,
                         "the message has no From: it cannot be signed (RFC 6376 5.4)");
    }
    for (size_t i = 0; kind == TIDYMAIL_OK && i < count; i++) {
        kind = sign_one(signers[i], &message, now_s, out, error);
    }
    tdm_free(&out->allocator, piece);
    sign_clear(&message);
    return kind;
}
