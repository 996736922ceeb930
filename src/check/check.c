/* check.c: the walk. The session is that of a send (check_probe.c), so the verdict is a send's; what a
 * send does not look at (every address, the standards, another way) is added around it. */
#include <string.h>

#include "check/check_data.h"
#include "client/prepare.h"

#define SUMMARY_MAX 8192
#define CHECK_REPLY_MS 30000 /* somebody waits for the result; and then another way is tried */

static tidymail_check *check_new(const tidymail_check_options *options,
                                 const tidymail_allocator *allocator)
{
    tidymail_allocator own = tdm_allocator_or_default(allocator);
    tidymail_check *check = tdm_alloc_array(&own, 1, sizeof(*check));
    if (check == NULL) {
        return NULL;
    }
    check->allocator = own;
    check->options = (tidymail_check_options)TIDYMAIL_CHECK_OPTIONS_INIT;
    if (options != NULL) {
        size_t size = options->struct_size < sizeof(check->options) ? options->struct_size
                                                                    : sizeof(check->options);
        memcpy(&check->options, options, size);
    }
    for (size_t i = 0; i < TDM_CHECK_STAGE_COUNT; i++) {
        check->stages[i].status = TIDYMAIL_CHECK_SKIPPED;
        check->stages[i].ms = -1;
        tdm_buf_init(&check->stages[i].detail, &own, (size_t)256 * 1024);
        tdm_buf_init(&check->stages[i].advice, &own, (size_t)64 * 1024);
    }
    return check;
}

void tidymail_check_free(tidymail_check *check)
{
    if (check == NULL) {
        return;
    }
    tidymail_allocator allocator = check->allocator;
    for (size_t i = 0; i < TDM_CHECK_STAGE_COUNT; i++) {
        tdm_buf_clear(&check->stages[i].detail);
        tdm_buf_clear(&check->stages[i].advice);
    }
    for (size_t i = 0; i < check->capabilities.count; i++) {
        tdm_free(&allocator, check->capabilities.items[i]);
    }
    tdm_free(&allocator, check->capabilities.items);
    tdm_certificate_clear(&allocator, &check->certificate.facts);
    tdm_free(&allocator, check->summary);
    tdm_free(&allocator, check->suggested_url);
    tidymail_report_free(check->report);
    tdm_free(&allocator, check);
}

/* Adds the stages of one part of the walk. */
static void check_show(tidymail_check *check, enum tdm_check_part part)
{
    static const int service[] = {TDM_CHECK_RESOLVE, TDM_CHECK_CONNECT, TDM_CHECK_TLS,
                                  TDM_CHECK_REQUEST, TDM_CHECK_RESPONSE};
    if (part == TDM_CHECK_SERVICE) {
        for (size_t i = 0; i < sizeof(service) / sizeof(service[0]); i++) {
            check->shown[check->shown_count++] = service[i];
        }
        return;
    }
    int first = part == TDM_CHECK_SESSION ? TDM_CHECK_RESOLVE : TDM_CHECK_MX;
    int last = part == TDM_CHECK_SESSION ? TDM_CHECK_QUIT : TDM_CHECK_TLS_RPT;
    for (int i = first; i <= last; i++) {
        check->shown[check->shown_count++] = i;
    }
}

static int check_is_of_domain(int stage)
{
    return stage >= TDM_CHECK_MX && stage <= TDM_CHECK_TLS_RPT;
}

/* The first stage with that status; -1: none. */
static int check_first(const tidymail_check *check, int status)
{
    for (size_t i = 0; i < check->shown_count; i++) {
        if (check->stages[check->shown[i]].status == status) {
            return check->shown[i];
        }
    }
    return -1;
}

static void check_add_success(const tidymail_check *check, struct tdm_buf *line)
{
    const tidymail_report *report = check->report;
    const char *version = tidymail_report_tls_version(report);
    tdm_buf_addf(line, "%s works: %s%s", tidymail_report_server(report),
                 version[0] != '\0' ? version : "not encrypted",
                 check->stages[TDM_CHECK_AUTH].status == TIDYMAIL_CHECK_OK       ? ", logged in"
                 : check->stages[TDM_CHECK_RESPONSE].status == TIDYMAIL_CHECK_OK ? ", takes the key"
                                                                                 : "");
    if (report->recipient_count > 0 && report->error.kind == TIDYMAIL_OK) {
        tdm_buf_addf(line, ", takes mail for %z recipient%s", report->recipient_count,
                     report->recipient_count == 1 ? "" : "s");
    }
}

/* The last line of a stage's detail, which says what is wrong there. */
static const char *check_last_line(const tidymail_check *check, int stage)
{
    const char *detail = tdm_buf_text(&check->stages[stage].detail);
    const char *last = strrchr(detail, '\n');
    return last != NULL ? last + 1 : detail;
}

/* A domain whose records are broken is no reason why a send fails, but where it was all that was asked
 * for it is the result. */
static void check_conclude_domain(tidymail_check *check, int failed)
{
    struct tdm_buf line;
    if (!check_is_of_domain(failed) || !check_is_of_domain(check->shown[0])) {
        return;
    }
    tdm_buf_init(&line, &check->allocator, SUMMARY_MAX);
    tdm_buf_addf(&line, "%s: %s: %s", check->options.domain, tdm_check_stage_words(failed),
                 check_last_line(check, failed));
    tdm_error_set(&check->report->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_RESOLVE,
                  tdm_buf_text(&line), tdm_buf_text(&check->stages[failed].advice));
    tdm_buf_clear(&line);
}

static void check_conclude(tidymail_check *check)
{
    struct tdm_buf line;
    int failed = check_first(check, TIDYMAIL_CHECK_FAILED);
    int warned = check_first(check, TIDYMAIL_CHECK_WARNING);
    check_conclude_domain(check, failed);
    const struct tidymail_error *error = &check->report->error;
    if (check_is_of_domain(failed) && error->kind == TIDYMAIL_OK) {
        warned = warned >= 0 && warned < failed ? warned : failed;
        failed = -1;
    }
    int hopeless = failed >= 0 || (error->kind != TIDYMAIL_OK && warned < 0);
    check->verdict = hopeless      ? TIDYMAIL_CHECK_FAILED
                     : warned >= 0 ? TIDYMAIL_CHECK_WARNING
                                   : TIDYMAIL_CHECK_OK;
    tdm_buf_init(&line, &check->allocator, SUMMARY_MAX);
    if (error->kind != TIDYMAIL_OK) {
        tdm_buf_add_str(&line, tidymail_error_message(error));
        if (check->suggested_url != NULL) {
            tdm_buf_addf(&line, "; what works is %s", check->suggested_url);
        }
    } else {
        if (!check_is_of_domain(check->shown[0])) {
            check_add_success(check, &line);
        } else {
            tdm_buf_addf(&line, "%s is set up to send mail", check->options.domain);
        }
        if (warned >= 0) {
            tdm_buf_addf(&line, "; but %s", check_last_line(check, warned));
        }
    }
    tdm_text_set(&check->allocator, &check->summary, line.failed ? NULL : tdm_buf_text(&line));
    tdm_buf_clear(&line);
}

static int check_is_service(const tidymail_transport *transport)
{
    return transport->kind != NULL && transport->kind->login == TDM_TRANSPORT_LOGIN_SERVICE;
}

static int check_is_smtp(const tidymail_transport *transport)
{
    return transport->ops == NULL || transport->preset != NULL ||
           strncmp(transport->url.scheme, "smtp", 4) == 0 ||
           strncmp(transport->url.scheme, "lmtp", 4) == 0;
}

/* What was seen becomes the check's. */
static void check_take(tidymail_check *check, struct tdm_check_session *session)
{
    check->report = session->report;
    session->report = NULL;
    check->certificate.facts = session->certificate;
    check->has_certificate = session->has_certificate;
    memset(&session->certificate, 0, sizeof(session->certificate));
}

/* The hint of a send speaks of its message: here was none. */
static void check_reword(struct tidymail_error *error)
{
    if (error->kind == TIDYMAIL_KIND_CONNECTION &&
        strstr(tidymail_error_hint(error), "the message was not delivered") != NULL) {
        tdm_text_set(&error->allocator, &error->hint,
                     "the server, or something on the way to it, ended the session: try again, and "
                     "look at the server's log");
    }
}

/* The session, and what follows from it; -1: out of memory. */
static int check_walk(tidymail_check *check, tidymail_transport *transport)
{
    struct tdm_check_session session;
    if (transport->error.kind == TIDYMAIL_OK) {
        tdm_check_addresses(check, transport);
    }
    tdm_check_session_init(&session, &check->allocator, transport->clock.now_ms);
    session.check = check;
    if (tdm_check_probe(&session, transport, &check->options, NULL) != 0) {
        return -1;
    }
    check_take(check, &session);
    check_reword(&check->report->error);
    tdm_check_fill_stages(check, &session, transport);
    tdm_check_session_clear(&session);
    if (check->report->error.kind != TIDYMAIL_OK) {
        tdm_check_suggest(check, transport);
    }
    return 0;
}

/* The same for a mail service; its request is made of a message that nobody gets. */
static int check_walk_service(tidymail_check *check, tidymail_transport *transport)
{
    static const tidymail_check_options nobody = TIDYMAIL_CHECK_OPTIONS_INIT;
    struct tdm_check_session session;
    tidymail_message *message = tidymail_message_new_with(&check->allocator);
    tidymail_message_set_from(message, "check@example.com");
    tidymail_message_add_to(message, "check@example.com");
    tidymail_message_set_subject(message, "check");
    tidymail_message_set_text(message, "check");
    tdm_check_progress(check, TDM_CHECK_REQUEST);
    tdm_check_session_init(&session, &check->allocator, transport->clock.now_ms);
    int failed = message == NULL || tdm_message_prepare_now(message) != TIDYMAIL_OK ||
                 tdm_check_probe(&session, transport, &nobody, message) != 0;
    if (!failed) {
        check_take(check, &session);
        tdm_check_fill_service(check, transport);
    }
    tdm_check_session_clear(&session);
    tidymail_message_free(message);
    return failed ? -1 : 0;
}

/* The domain alone; -1: out of memory. */
static int check_only_domain(tidymail_check *check)
{
    check->report = tdm_report_new(&check->allocator, NULL, 0);
    if (check->report == NULL) {
        return -1;
    }
    check->report->decided = 1;
    return 0;
}

/* Whom to ask, where the struct of options says it. */
static const char *check_resolver(const tidymail_check *check)
{
    const tidymail_transport_options *given = check->options.transport;
    for (size_t i = 0; given != NULL && i < given->option_count; i++) {
        if (strncmp(given->options[i], "resolver=", 9) == 0) {
            return given->options[i] + 9;
        }
    }
    return NULL;
}

static int check_run(tidymail_check *check, const char *url)
{
    const tidymail_check_options *options = &check->options;
    const char *resolver = check_resolver(check);
    tidymail_transport *transport = NULL;
    int failed = 0;
    if (url == NULL && options->domain != NULL) {
        check_show(check, TDM_CHECK_DOMAIN);
        failed = check_only_domain(check);
    } else {
        transport = tidymail_transport_open_with(url, options->transport, &check->allocator);
        if (transport == NULL) {
            return -1;
        }
        int is_service = check_is_service(transport);
        if (!transport->options.reply_timeout_set) { /* none was given: a send waits longer */
            transport->options.reply_timeout_ms = CHECK_REPLY_MS;
        }
        check_show(check, is_service ? TDM_CHECK_SERVICE : TDM_CHECK_SESSION);
        if (options->domain != NULL) {
            check_show(check, TDM_CHECK_DOMAIN);
        }
        if (!is_service && !check_is_smtp(transport)) {
            tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                          "this transport has no session to check",
                          "check is for SMTP and LMTP servers and for mail services");
        }
        failed = is_service ? check_walk_service(check, transport) : check_walk(check, transport);
        resolver = resolver != NULL ? resolver : transport->options.resolver;
    }
    if (failed == 0 && options->domain != NULL) {
        tdm_check_domain(check, transport != NULL ? transport->url.host : "", resolver);
    }
    if (failed == 0) {
        check_conclude(check);
    }
    tidymail_transport_close(transport);
    return failed;
}

tidymail_check *tidymail_check_run(const char *url, const tidymail_check_options *options)
{
    return tidymail_check_run_with(url, options, NULL);
}

tidymail_check *tidymail_check_run_with(const char *url, const tidymail_check_options *options,
                                        const tidymail_allocator *allocator)
{
    tidymail_check *check = check_new(options, allocator);
    if (check != NULL && check_run(check, url) != 0) {
        tidymail_check_free(check);
        return NULL;
    }
    return check;
}
