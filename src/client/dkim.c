/* dkim.c: see dkim.h; and the public call that asks for a signature: it reads the key. */
#include "client/dkim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <tidymail/dkim.h>

#include "client/edge.h"
#include "dkim/dkim.h"
#include "transport/fronted.h"

#define DKIM_KEY_MAX 65536

/* What message->signers points to. */
struct dkim_signers {
    struct tdm_dkim_signer **items;
    size_t count;
};

/* A message behind its signatures. */
struct dkim_stream {
    struct tdm_fronted signatures; /* first: the context of its functions */
    tidymail_allocator allocator;
};

static void dkim_release_signers(const tidymail_allocator *allocator, void *signers)
{
    struct dkim_signers *list = signers;
    for (size_t i = 0; i < list->count; i++) {
        tdm_dkim_signer_free(list->items[i]);
    }
    tdm_free(allocator, list->items);
    tdm_free(allocator, list);
}

static int dkim_add(tidymail_message *message, struct tdm_dkim_signer *signer)
{
    const tidymail_allocator *allocator = &message->allocator;
    if (message->signers == NULL) {
        message->signers = tdm_alloc_array(allocator, 1, sizeof(struct dkim_signers));
        message->release_signers = dkim_release_signers;
    }
    struct dkim_signers *list = message->signers;
    struct tdm_dkim_signer **items =
        list != NULL ? tdm_resize_array(allocator, list->items, list->count + 1, sizeof(*items))
                     : NULL;
    if (items == NULL) {
        tdm_dkim_signer_free(signer);
        return tdm_message_fail_memory(message);
    }
    list->items = items;
    items[list->count++] = signer;
    message->only_7bit = 1;
    return TIDYMAIL_OK;
}

static int dkim_fail_file(tidymail_message *message, const char *path, const char *why)
{
    return tdm_error_setf(&message->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                          "DKIM key: cannot read %s: %s", path, why);
}

/* The key file as text in `pem`, which the caller wipes. */
static int dkim_read_key(tidymail_message *message, const char *path, struct tdm_buf *pem)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return dkim_fail_file(message, path, strerror(errno));
    }
    ssize_t got = 1;
    while (got > 0 && tdm_buf_reserve(pem, 4096) == 0) {
        got = read(fd, pem->data + pem->length, 4096);
        got = got < 0 && errno == EINTR ? 1 : got;
        pem->length += got > 0 ? (size_t)got : 0;
    }
    int code = errno;
    close(fd);
    if (got < 0) {
        return dkim_fail_file(message, path, strerror(code));
    }
    if (pem->failed || memchr(tdm_buf_text(pem), '\0', pem->length) != NULL) {
        return dkim_fail_file(message, path, "it is no key in PEM");
    }
    tdm_buf_add_char(pem, '\0');
    return pem->failed ? tdm_message_fail_memory(message) : TIDYMAIL_OK;
}

/* The domain as A-labels, in `address` behind "a@". */
static int dkim_read_domain(tidymail_message *message, const char *domain,
                            struct tdm_mailbox *address)
{
    struct tdm_address_error why = {0, NULL};
    struct tdm_buf text;
    int kind = tdm_message_check_text(message, "DKIM domain", domain);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    for (size_t i = 0; domain[i] != '\0'; i++) {
        if (strchr(" \"(),:;<>@[\\]", domain[i]) != NULL) {
            return tdm_message_fail_at(message, "DKIM domain",
                                       "a character that a domain cannot hold", i);
        }
    }
    tdm_buf_init(&text, &message->allocator, TDM_HEADER_TEXT_MAX + 2);
    tdm_buf_addf(&text, "a@%s", domain);
    if (text.failed) {
        kind = tdm_message_fail_memory(message);
    } else if (tdm_mailbox_parse(&message->allocator, tdm_buf_text(&text), 0, address, &why) != 0) {
        kind = why.reason == NULL ? tdm_message_fail_memory(message)
                                  : tdm_message_fail_at(message, "DKIM domain", why.reason,
                                                        why.offset > 2 ? why.offset - 2 : 0);
    }
    tdm_buf_clear(&text);
    return kind;
}

int tidymail_message_add_dkim(tidymail_message *message, const tidymail_dkim_options *options)
{
    int kind = tdm_message_begin(message);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    if (options == NULL) {
        return tdm_message_fail(message, "DKIM", "NULL was given");
    }
    tidymail_dkim_options own = TIDYMAIL_DKIM_OPTIONS_INIT;
    memcpy(&own, options, options->struct_size < sizeof(own) ? options->struct_size : sizeof(own));
    if ((own.key_file != NULL) == (own.key_pem != NULL)) {
        return tdm_message_fail(message, "DKIM key", "either key_file or key_pem must be given");
    }
    struct tdm_mailbox address = {0};
    struct tdm_buf pem;
    tdm_buf_init(&pem, &message->allocator, DKIM_KEY_MAX);
    kind = dkim_read_domain(message, own.domain, &address);
    if (kind == TIDYMAIL_OK && own.key_file != NULL) {
        kind = dkim_read_key(message, own.key_file, &pem);
    }
    if (kind == TIDYMAIL_OK) {
        struct tdm_dkim_wish wish = {tdm_mailbox_domain(address.spec),
                                     own.selector,
                                     own.key_file != NULL ? tdm_buf_text(&pem) : own.key_pem,
                                     own.canonicalization,
                                     own.identity,
                                     own.headers,
                                     own.expires_after_s};
        struct tdm_dkim_signer *signer =
            tdm_dkim_signer_new(&message->allocator, &wish, &message->error);
        kind = signer != NULL ? dkim_add(message, signer) : message->error.kind;
    }
    tdm_buf_wipe(&pem);
    tdm_mailbox_clear(&message->allocator, &address);
    return kind;
}

static void dkim_release(void *context)
{
    struct dkim_stream *stream = context;
    tidymail_allocator allocator = stream->allocator;
    if (stream->signatures.inner.release != NULL) {
        stream->signatures.inner.release(stream->signatures.inner.context);
    }
    tdm_buf_clear(&stream->signatures.fields);
    tdm_free(&allocator, stream);
}

/* Signs what `source` says, which is at its start again afterwards, behind the signatures. */
static int dkim_wrap(tidymail_message *message, tidymail_source *source)
{
    const struct dkim_signers *list = message->signers;
    struct dkim_stream *stream = tdm_alloc_array(&message->allocator, 1, sizeof(*stream));
    if (stream == NULL) {
        return tdm_message_fail_memory(message);
    }
    stream->allocator = message->allocator;
    tdm_buf_init(&stream->signatures.fields, &message->allocator, SIZE_MAX / 4);
    int kind = tdm_dkim_sign(list->items, list->count, source, tdm_clock_system.wall_s(),
                             &stream->signatures.fields, &message->error);
    if (kind == TIDYMAIL_OK && source->rewind(source->context) != 0) {
        kind = tdm_message_fail(message, "DKIM", "the message cannot be read twice");
    }
    if (kind != TIDYMAIL_OK) {
        dkim_release(stream);
        return kind;
    }
    tdm_fronted_put(&stream->signatures, source);
    source->release = dkim_release;
    return TIDYMAIL_OK;
}

int tdm_open_signed(tidymail_message *message, tidymail_source *source)
{
    const char *single = message->signers != NULL ? tdm_message_find_single_use(message) : NULL;
    if (single != NULL) {
        return tdm_message_fail(message, single,
                                "it cannot be read twice, which a DKIM signature needs");
    }
    int kind = tdm_message_open_source(message, source);
    if (kind != TIDYMAIL_OK || message->signers == NULL) {
        return kind;
    }
    kind = dkim_wrap(message, source);
    if (kind != TIDYMAIL_OK) {
        source->release(source->context);
        memset(source, 0, sizeof(*source));
    }
    return kind;
}
