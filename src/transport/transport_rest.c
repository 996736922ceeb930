/*
 * transport_rest.c: the transport of all mail services: a message becomes a request by the service's build,
 * goes out over the carrier, and the answer becomes the report by the service's parse. Nothing is ever
 * sent a second time.
 */
#include <string.h>

#include "provider/answer.h"
#include "transport/open_parts.h"
#include "transport/rest_carrier.h"
#include "transport/rest_open.h"
#include "transport/rest_show.h"
#include "transport/transport_smtp.h"

struct tdm_rest_own {
    tidymail_transport *transport;
    const struct tdm_provider *provider;
    char *origin; /* of endpoint=; NULL: the service's own */
    char *prefix;
    char *endpoint; /* both */
    struct tdm_url proxy_url;
    struct tdm_proxy_config proxy; /* its texts are proxy_url's */
    struct tdm_address source;
    struct tdm_carrier *carrier;
};

/* What one send needs. */
struct rest_send {
    struct tdm_rest_own *own;
    struct tdm_job *job;
    struct tdm_mail mail;
    struct tdm_account account;
    struct tdm_mail_field *options; /* the account's: those of the URL, and endpoint */
    struct tdm_provider_job provider_job;
    unsigned char random[16];
    struct tdm_http_request request;
    struct tdm_http_response response;
    struct tdm_secrets secrets;
    int meaning; /* of a refusal; -1: none */
};

static void rest_free(struct tdm_rest_own *own)
{
    tidymail_allocator allocator = own->transport->allocator;
    tdm_carrier_free(own->carrier);
    tdm_url_clear(&allocator, &own->proxy_url);
    tdm_free(&allocator, own->origin);
    tdm_free(&allocator, own->prefix);
    tdm_free(&allocator, own->endpoint);
    tdm_free(&allocator, own);
}

static int rest_open_no_memory(tidymail_transport *transport)
{
    return tdm_error_set(&transport->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         "out of memory", NULL);
}

/* As services see it: in one form, so that a request that goes there already is known. */
static int rest_join_endpoint(struct tdm_rest_own *own)
{
    struct tdm_buf text;
    tdm_buf_init(&text, &own->transport->allocator, (size_t)256 * 1024);
    tdm_buf_addf(&text, "%s%s", own->origin, own->prefix);
    own->endpoint =
        text.failed ? NULL : tdm_strdup(&own->transport->allocator, tdm_buf_text(&text));
    tdm_buf_clear(&text);
    return own->endpoint != NULL ? TIDYMAIL_OK : rest_open_no_memory(own->transport);
}

static int rest_fill(struct tdm_rest_own *own)
{
    tidymail_transport *transport = own->transport;
    const struct tdm_options *options = &transport->options;
    int kind = tdm_rest_check_region(transport);
    if (kind == TIDYMAIL_OK && options->endpoint != NULL) {
        kind = tdm_rest_read_endpoint(transport, &own->origin, &own->prefix);
        kind = kind == TIDYMAIL_OK ? rest_join_endpoint(own) : kind;
    }
    if (kind == TIDYMAIL_OK && options->proxy != NULL) {
        kind = tdm_open_proxy(transport, &own->proxy_url, &own->proxy);
    }
    if (kind == TIDYMAIL_OK && options->source != NULL) {
        kind = tdm_open_source(transport, &own->source);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    own->carrier = tdm_carrier_new(transport, options->proxy != NULL ? &own->proxy : NULL,
                                   options->source != NULL ? &own->source : NULL);
    return own->carrier != NULL ? TIDYMAIL_OK : rest_open_no_memory(transport);
}

static int rest_open(tidymail_transport *transport)
{
    struct tdm_rest_own *own = tdm_alloc_array(&transport->allocator, 1, sizeof(*own));
    if (own == NULL) {
        return rest_open_no_memory(transport);
    }
    own->transport = transport;
    own->provider = tdm_provider_find(transport->url.scheme);
    int kind = rest_fill(own);
    if (kind != TIDYMAIL_OK) {
        rest_free(own);
        return kind;
    }
    transport->impl = own;
    return TIDYMAIL_OK;
}

static void rest_close(tidymail_transport *transport)
{
    if (transport->impl != NULL) {
        rest_free(transport->impl);
        transport->impl = NULL;
    }
}

static const char *rest_text(const char *text)
{
    return text != NULL ? text : "";
}

static struct tidymail_error *rest_error(const struct rest_send *send)
{
    return &send->job->report->error;
}

static int rest_no_memory(const struct rest_send *send)
{
    return tdm_error_set(rest_error(send), TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         "out of memory while preparing the request", NULL);
}

/* Key and secret as they are now: they may come from elsewhere (password-from). A service that signs where
 * the request goes (SES) finds the endpoint as an option of that name. */
static int rest_fill_account(struct rest_send *send)
{
    const tidymail_transport *transport = send->own->transport;
    struct tdm_account *account = &send->account;
    size_t count = transport->service_option_count;
    int one = send->own->provider->login == TDM_LOGIN_KEY;
    account->key = rest_text(one ? transport->password : transport->user);
    account->secret = rest_text(one ? NULL : transport->password);
    account->host = transport->url.host;
    account->region = rest_text(transport->options.region);
    send->options = tdm_alloc_array(&transport->allocator, count + 1, sizeof(*send->options));
    if (send->options == NULL) {
        return rest_no_memory(send);
    }
    for (size_t i = 0; i < count; i++) {
        send->options[i] = transport->service_options[i];
    }
    account->options = send->options;
    account->option_count = count;
    if (send->own->endpoint != NULL) {
        static char name[] = "endpoint";
        send->options[count].name = name;
        send->options[count].value = send->own->endpoint;
        account->option_count++;
    }
    return TIDYMAIL_OK;
}

static void rest_fill_secrets(struct rest_send *send)
{
    const tidymail_transport *transport = send->own->transport;
    tdm_secrets_init(&send->secrets, &transport->allocator);
    tdm_secrets_add(&send->secrets, transport->password);
    for (size_t i = 0; i < transport->service_option_count; i++) {
        const struct tdm_mail_field *option = &transport->service_options[i];
        if (tdm_rest_is_secret(option->name, strlen(option->name))) {
            tdm_secrets_add(&send->secrets, option->value);
        }
    }
    const struct tdm_service_pairs *given = &send->job->message->service.options;
    for (size_t i = 0; i < given->count; i++) {
        if (tdm_rest_is_secret(given->items[i].name, strlen(given->items[i].name))) {
            tdm_secrets_add(&send->secrets, given->items[i].value);
        }
    }
}

static void rest_note(void *context, const char *line)
{
    const struct rest_send *send = context;
    tdm_report_add_note(send->job->report, line);
}

static int rest_read_mail(struct rest_send *send)
{
    const tidymail_transport *transport = send->own->transport;
    struct tidymail_error *error = rest_error(send);
    int kind = tdm_mail_open(&send->mail, send->job->message, &transport->allocator, error);
    if (send->job->open_raw != NULL) {
        send->mail.open_raw = send->job->open_raw;
    }
    if (kind == TIDYMAIL_OK && send->job->route != NULL) {
        unsigned can = send->own->provider->capabilities.can;
        kind = tdm_mail_route(&send->mail, send->job->route, (can & TDM_CAN_HEADERS) != 0, error);
    }
    if (kind == TIDYMAIL_OK) {
        kind = tdm_capabilities_check(&send->own->provider->capabilities, &send->mail,
                                      transport->options.drop_unsupported, rest_note, send, error);
    }
    return kind;
}

static int rest_check_size(const struct rest_send *send)
{
    const struct tdm_capabilities *can = &send->own->provider->capabilities;
    struct tidymail_error *error = rest_error(send);
    if (can->max_size == 0 || (int64_t)send->request.body.length <= can->max_size) {
        return TIDYMAIL_OK;
    }
    tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                   "the request has %z bytes, and %s takes no more than %l",
                   send->request.body.length, can->name, can->max_size);
    tdm_text_set(&error->allocator, &error->hint,
                 "send it without attachments, or with links to them");
    return error->kind;
}

/* The request goes to endpoint= where one is given, whatever the service's own origin is. */
static int rest_apply_endpoint(struct rest_send *send)
{
    const struct tdm_rest_own *own = send->own;
    struct tdm_http_request *request = &send->request;
    struct tdm_buf path;
    if (own->origin == NULL ||
        (request->origin != NULL && strcmp(request->origin, own->origin) == 0)) {
        return TIDYMAIL_OK;
    }
    tdm_buf_init(&path, &own->transport->allocator, (size_t)64 * 1024);
    tdm_buf_addf(&path, "%s%s", own->prefix, rest_text(request->path));
    if (path.failed) {
        request->failed = 1;
    } else {
        tdm_http_request_set_target(request, own->origin, tdm_buf_text(&path));
    }
    tdm_buf_clear(&path);
    return request->failed ? rest_no_memory(send) : TIDYMAIL_OK;
}

/* No byte of message or options may end a line of the request. */
static int rest_check_lines(const struct rest_send *send)
{
    const struct tdm_http_request *request = &send->request;
    const char *bad = strpbrk(request->path, " \t\r\n") != NULL ? "path" : NULL;
    for (size_t i = 0; i < request->fields.count; i++) {
        const struct tdm_http_field *field = &request->fields.items[i];
        if (strpbrk(field->name, " :\t\r\n") != NULL || strpbrk(field->value, "\r\n") != NULL) {
            bad = field->name;
        }
    }
    if (bad == NULL) {
        return TIDYMAIL_OK;
    }
    return tdm_error_setf(rest_error(send), TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                          "the request to %s would have a line end in its %s",
                          send->own->provider->capabilities.name, bad);
}

static int rest_build(struct rest_send *send)
{
    const struct tdm_rest_own *own = send->own;
    const tidymail_transport *transport = own->transport;
    struct tdm_provider_job *job = &send->provider_job;
    struct tidymail_error *error = rest_error(send);
    job->provider = own->provider;
    job->account = &send->account;
    job->mail = &send->mail;
    job->now_s = transport->clock.wall_s();
    job->random = send->random;
    job->allocator = &transport->allocator;
    job->meaning = &send->meaning;
    if (transport->clock.random(send->random, sizeof(send->random)) != 0) {
        return tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                             "the system gives no random numbers", NULL);
    }
    int kind = tdm_provider_check_options(job, error);
    if (kind == TIDYMAIL_OK) {
        kind = own->provider->build(job, &send->request, error);
    }
    if (kind == TIDYMAIL_OK && (send->request.failed || send->request.body.failed)) {
        kind = rest_no_memory(send);
    }
    if (kind == TIDYMAIL_OK) {
        kind = rest_apply_endpoint(send);
    }
    if (kind == TIDYMAIL_OK) {
        kind = rest_check_lines(send);
    }
    return kind == TIDYMAIL_OK ? rest_check_size(send) : kind;
}

/* Everything before the network. */
static int rest_prepare(struct rest_send *send)
{
    int kind = rest_fill_account(send);
    if (kind == TIDYMAIL_OK) {
        kind = rest_read_mail(send);
    }
    return kind == TIDYMAIL_OK ? rest_build(send) : kind;
}

/* An empty request was refused: for its emptiness, and so the key is good, or for something else. */
static void rest_judge_probe(struct rest_send *send)
{
    tidymail_report *report = send->job->report;
    int is_empty = send->meaning == TDM_MEANS_DATA || send->meaning == TDM_MEANS_RECIPIENT ||
                   send->meaning == TDM_MEANS_SENDER;
    if (is_empty || send->response.status / 100 == 2) {
        tdm_error_clear(&report->error);
        tdm_error_init(&report->error, &report->allocator);
    }
}

static void rest_exchange(struct rest_send *send)
{
    const tidymail_transport *transport = send->own->transport;
    struct tdm_exchange exchange;
    memset(&exchange, 0, sizeof(exchange));
    tdm_secrets_add_fields(&send->secrets, &send->request);
    exchange.service = send->own->provider->capabilities.name;
    exchange.request = &send->request;
    exchange.response = &send->response;
    exchange.secrets = &send->secrets;
    exchange.idempotent = tdm_provider_wants(&send->provider_job, TDM_FEATURE_IDEMPOTENCY);
    exchange.deadline_ms =
        tdm_smtp_send_deadline(transport->clock.now_ms(), transport->options.timeout_ms,
                               (int64_t)send->request.body.length);
    exchange.report = send->job->report;
    if (tdm_carrier_run(send->own->carrier, &exchange)) {
        int is_tls = strncmp(send->request.origin, "https:", 6) == 0;
        tdm_show_body(&transport->trace, &exchange, is_tls);
        tdm_secrets_hide_response(&send->secrets, &send->response);
        send->own->provider->parse(&send->provider_job, &send->response, send->job->report);
        if (send->job->envelope.probe) {
            rest_judge_probe(send);
        }
    }
}

static void rest_send(tidymail_transport *transport, struct tdm_job *job)
{
    struct rest_send *send = tdm_alloc_array(&transport->allocator, 1, sizeof(*send));
    if (send == NULL) {
        tdm_error_set(&job->report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                      "out of memory while preparing the request", NULL);
    } else {
        send->own = transport->impl;
        send->job = job;
        tdm_http_request_init(&send->request, &transport->allocator);
        tdm_http_response_init(&send->response, &transport->allocator);
        send->request.is_probe = job->envelope.probe;
        send->meaning = -1;
        rest_fill_secrets(send);
        if (rest_prepare(send) == TIDYMAIL_OK) {
            rest_exchange(send);
        }
        tdm_secrets_hide_report(&send->secrets, job->report);
        tdm_secrets_clear(&send->secrets);
        tdm_http_response_clear(&send->response);
        tdm_http_request_clear(&send->request);
        tdm_mail_clear(&send->mail);
        tdm_free(&transport->allocator, send->options);
        tdm_free(&transport->allocator, send);
    }
    tdm_report_decide(job->report);
    job->done = 1;
}

const struct tdm_transport_ops tdm_transport_rest = {
    .open = rest_open,
    .send = rest_send,
    .close = rest_close,
    .login = TDM_TRANSPORT_LOGIN_SERVICE,
    .takes_message = 1,
};
