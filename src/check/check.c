/* check.c: the walk. The session is that of a send (check_probe.c), so the verdict is a send's; what a
 * send does not look at (every address, the standards, another way) is added around it. */
#include <string.h>

#include "check/check_data.h"

#define SUMMARY_MAX 8192

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

/* The first stage with that status; -1: none. */
static int check_first(const tidymail_check *check, int status)
{
    for (size_t i = check->first; i < check->end; i++) {
        if (check->stages[i].status == status) {
            return (int)i;
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
                 check->stages[TDM_CHECK_AUTH].status == TIDYMAIL_CHECK_OK ? ", logged in" : "");
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
    if (failed < TDM_CHECK_MX || check->first < TDM_CHECK_MX) {
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
    if (failed >= TDM_CHECK_MX && error->kind == TIDYMAIL_OK) {
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
        if (check->first < TDM_CHECK_MX) {
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

static int check_is_smtp(const tidymail_transport *transport)
{
    return transport->ops == NULL || transport->preset != NULL ||
           strncmp(transport->url.scheme, "smtp", 4) == 0 ||
           strncmp(transport->url.scheme, "lmtp", 4) == 0;
}

/* The session, and what follows from it; -1: out of memory. */
static int check_walk(tidymail_check *check, tidymail_transport *transport)
{
    struct tdm_check_session session;
    const tidymail_check_options *options = &check->options;
    if (transport->error.kind == TIDYMAIL_OK) {
        tdm_check_addresses(check, transport);
    }
    tdm_check_session_init(&session, &check->allocator, transport->clock.now_ms);
    session.check = check;
    if (tdm_check_probe(&session, transport, options) != 0) {
        return -1;
    }
    check->report = session.report;
    session.report = NULL;
    check->certificate.facts = session.certificate;
    check->has_certificate = session.has_certificate;
    memset(&session.certificate, 0, sizeof(session.certificate));
    tdm_check_fill_stages(check, &session, transport);
    tdm_check_session_clear(&session);
    if (check->report->error.kind != TIDYMAIL_OK) {
        tdm_check_suggest(check, transport);
    }
    return 0;
}

/* The domain alone; -1: out of memory. */
static int check_only_domain(tidymail_check *check)
{
    check->first = TDM_CHECK_MX;
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
    check->end = options->domain != NULL ? TDM_CHECK_STAGE_COUNT : TDM_CHECK_MX;
    if (url == NULL && options->domain != NULL) {
        failed = check_only_domain(check);
    } else {
        transport = tidymail_transport_open_with(url, options->transport, &check->allocator);
        if (transport == NULL) {
            return -1;
        }
        if (!check_is_smtp(transport)) {
            tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                          "this transport has no session to check",
                          "check is for smtp://, smtps:// and lmtp://");
        }
        failed = check_walk(check, transport);
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
