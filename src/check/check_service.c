/*
 * check_service.c: a mail service: can it be reached, is its certificate good, does it take the key. It is
 * asked to send nothing: a request with an empty body, which every service refuses for its emptiness
 * once it has looked at the key. So a key that may do nothing but send passes too.
 */
#include <string.h>

#include "check/check_data.h"

/* A stage that was gone through, in that time. */
static void service_pass(tidymail_check *check, int stage, int phase)
{
    int64_t ms = tidymail_report_phase_ms(check->report, phase);
    if (ms >= 0) {
        check->stages[stage].ms = ms;
        check->stages[stage].status = TIDYMAIL_CHECK_OK;
    }
}

/* Where it failed: what failed before the answer has the phase request, its kind says more. */
static int service_failed_stage(const struct tidymail_error *error, int connected)
{
    switch (error->kind) {
    case TIDYMAIL_KIND_RESOLVE:
        return TDM_CHECK_RESOLVE;
    case TIDYMAIL_KIND_TLS:
        return TDM_CHECK_TLS;
    case TIDYMAIL_KIND_CONNECTION:
    case TIDYMAIL_KIND_TIMEOUT:
        return connected ? TDM_CHECK_REQUEST : TDM_CHECK_CONNECT;
    default:
        return error->phase == TIDYMAIL_PHASE_RESPONSE ? TDM_CHECK_RESPONSE : TDM_CHECK_REQUEST;
    }
}

static void service_fail(tidymail_check *check)
{
    const struct tidymail_error *error = &check->report->error;
    if (error->kind == TIDYMAIL_OK || error->phase == TIDYMAIL_PHASE_PREPARE) {
        return;
    }
    int connected = tidymail_report_address(check->report)[0] != '\0';
    int stage = service_failed_stage(error, connected);
    int behind = 0;
    for (size_t i = 0; i < check->shown_count; i++) {
        struct tdm_check_stage *own = &check->stages[check->shown[i]];
        if (behind) {
            own->status = TIDYMAIL_CHECK_SKIPPED;
            own->ms = -1;
        }
        behind |= check->shown[i] == stage;
    }
    tdm_check_fail(check, stage, tidymail_error_message(error), tidymail_error_hint(error));
    check->stages[stage].ms = check->stages[stage].ms < 0 ? 0 : check->stages[stage].ms;
}

void tdm_check_fill_service(tidymail_check *check, const tidymail_transport *transport)
{
    static const struct {
        int stage;
        int phase;
    } passed[] = {
        {TDM_CHECK_RESOLVE, TIDYMAIL_PHASE_RESOLVE},   {TDM_CHECK_CONNECT, TIDYMAIL_PHASE_CONNECT},
        {TDM_CHECK_TLS, TIDYMAIL_PHASE_TLS},           {TDM_CHECK_REQUEST, TIDYMAIL_PHASE_REQUEST},
        {TDM_CHECK_RESPONSE, TIDYMAIL_PHASE_RESPONSE},
    };
    const char *address = tidymail_report_address(check->report);
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
        service_pass(check, passed[i].stage, passed[i].phase);
    }
    if (address[0] != '\0') {
        tdm_check_detail(check, TDM_CHECK_CONNECT, "%s", address);
    }
    tdm_check_add_tls(check, transport);
    if (check->report->error.kind == TIDYMAIL_OK) {
        struct tdm_check_stage *response = &check->stages[TDM_CHECK_RESPONSE];
        response->status = TIDYMAIL_CHECK_OK;
        response->ms = response->ms < 0 ? 0 : response->ms;
        tdm_check_detail(check, TDM_CHECK_RESPONSE,
                         "the key is accepted (an empty request was refused for its emptiness)");
    }
    service_fail(check);
    for (size_t i = 0; i < check->shown_count; i++) {
        struct tdm_check_stage *stage = &check->stages[check->shown[i]];
        if (stage->status == TIDYMAIL_CHECK_SKIPPED && stage->detail.length == 0) {
            tdm_check_detail(check, check->shown[i],
                             check->shown[i] == TDM_CHECK_TLS &&
                                     check->report->error.kind == TIDYMAIL_OK
                                 ? "not encrypted (endpoint=http://)"
                                 : "not reached");
        }
    }
}
