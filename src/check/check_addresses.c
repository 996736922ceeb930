/* check_addresses.c: a name may have several addresses, of which a send takes the first that answers:
 * the others are looked at here. */
#include <string.h>
#include <unistd.h>

#include "check/check_data.h"
#include "net/connect.h"
#include "transport/smtp_own.h"

#define ADDRESSES_MAX 16
#define ADDRESS_TIMEOUT_MS 10000

struct addresses {
    tidymail_check *check;
    tidymail_transport *transport;
    struct tdm_loop loop;
    struct tdm_address found[ADDRESSES_MAX];
    size_t count;
    struct tidymail_error error;
    int done;
    int fd;
};

static void addresses_resolved(void *context, const struct tdm_address *found, size_t count,
                               const struct tidymail_error *error)
{
    struct addresses *own = context;
    own->done = 1;
    own->count = count < ADDRESSES_MAX ? count : ADDRESSES_MAX;
    if (count == 0) {
        tdm_error_copy(&own->error, error);
    } else {
        memcpy(own->found, found, own->count * sizeof(*found));
    }
}

static void addresses_connected(void *context, int fd, const struct tdm_address *address,
                                const struct tidymail_error *error)
{
    struct addresses *own = context;
    (void)address;
    own->done = 1;
    own->fd = fd;
    if (fd < 0) {
        tdm_error_copy(&own->error, error);
    }
}

static void addresses_forget_error(struct addresses *own)
{
    tdm_error_clear(&own->error);
    tdm_error_init(&own->error, &own->check->allocator);
}

/* One address: 1 where it can be connected to. */
static int addresses_try(struct addresses *own, const struct tdm_smtp_own *smtp,
                         const struct tdm_address *address)
{
    tidymail_check *check = own->check;
    struct tdm_connect_options options;
    int64_t limit = own->transport->options.connect_timeout_ms;
    struct tdm_buf text;
    memset(&options, 0, sizeof(options));
    options.host = smtp->host;
    options.port = smtp->port;
    options.addresses = address;
    options.address_count = 1;
    options.source = smtp->has_source ? &smtp->source : NULL;
    options.timeout_ms = limit < ADDRESS_TIMEOUT_MS ? limit : ADDRESS_TIMEOUT_MS;
    options.now_ms = own->transport->clock.now_ms;
    options.done = addresses_connected;
    options.context = own;
    own->done = 0;
    own->fd = -1;
    addresses_forget_error(own);
    int64_t start = options.now_ms();
    struct tdm_connect *connect = tdm_connect_start(&own->loop, &options);
    while (connect != NULL && !own->done) {
        tdm_loop_step(&own->loop);
    }
    tdm_connect_free(connect);
    tdm_buf_init(&text, &check->allocator, 512);
    tdm_address_format(address, 1, &text);
    if (own->fd >= 0) {
        close(own->fd);
        tdm_check_detail(check, TDM_CHECK_CONNECT, "%s: connected in %l ms", tdm_buf_text(&text),
                         options.now_ms() - start);
    } else {
        tdm_check_detail(check, TDM_CHECK_CONNECT, "%s: %s", tdm_buf_text(&text),
                         tidymail_error_message(&own->error));
    }
    tdm_buf_clear(&text);
    return own->fd >= 0;
}

static void addresses_name(tidymail_check *check, const struct addresses *own)
{
    struct tdm_buf text;
    tdm_buf_init(&text, &check->allocator, 4096);
    for (size_t i = 0; i < own->count; i++) {
        tdm_buf_add_str(&text, i > 0 ? ", " : "");
        tdm_address_format(&own->found[i], 0, &text);
    }
    tdm_check_detail(check, TDM_CHECK_RESOLVE, "%s", tdm_buf_text(&text));
    tdm_buf_clear(&text);
}

static int addresses_walk(struct addresses *own, const struct tdm_smtp_own *smtp)
{
    tidymail_check *check = own->check;
    int64_t (*now)(void) = own->transport->clock.now_ms;
    int64_t start = now();
    tdm_check_progress(check, TDM_CHECK_RESOLVE);
    struct tdm_resolve *resolve =
        tdm_resolve_start(&own->loop, smtp->host, smtp->port, addresses_resolved, own);
    while (resolve != NULL && !own->done) {
        tdm_loop_step(&own->loop);
    }
    tdm_resolve_free(resolve);
    check->stages[TDM_CHECK_RESOLVE].ms = now() - start;
    if (own->count == 0) {
        return -1; /* the probe meets the same, and says it */
    }
    check->stages[TDM_CHECK_RESOLVE].status = TIDYMAIL_CHECK_OK;
    addresses_name(check, own);
    start = now();
    tdm_check_progress(check, TDM_CHECK_CONNECT);
    int reached = 0;
    for (size_t i = 0; i < own->count; i++) {
        reached += addresses_try(own, smtp, &own->found[i]);
    }
    check->stages[TDM_CHECK_CONNECT].ms = now() - start;
    if (reached > 0) {
        check->stages[TDM_CHECK_CONNECT].status = TIDYMAIL_CHECK_OK;
    }
    if (reached > 0 && (size_t)reached < own->count) {
        tdm_check_warn(
            check, TDM_CHECK_CONNECT, "not every address of the host answers",
            "a send takes one that does; others may wait for those that do not (IPv6 "
            "without a route, mostly): mend the network, or take the address out of DNS");
    }
    return reached;
}

int tdm_check_addresses(tidymail_check *check, tidymail_transport *transport)
{
    const struct tdm_smtp_own *smtp = transport->impl;
    struct addresses own;
    if (smtp->unix_path != NULL) {
        tdm_check_detail(check, TDM_CHECK_RESOLVE, "a Unix socket: %s", smtp->unix_path);
        return -1;
    }
    if (smtp->has_proxy) {
        tdm_check_detail(check, TDM_CHECK_RESOLVE, "left to the proxy %s:%d", smtp->proxy.host,
                         smtp->proxy.port);
        return -1;
    }
    memset(&own, 0, sizeof(own));
    own.check = check;
    own.transport = transport;
    tdm_error_init(&own.error, &check->allocator);
    int reached = -1;
    if (tdm_loop_init(&own.loop, &check->allocator) == 0) {
        own.loop.resolver = transport->options.resolver;
        reached = addresses_walk(&own, smtp);
        tdm_loop_clear(&own.loop);
    }
    tdm_error_clear(&own.error);
    return reached;
}
