/* check_stages.c: from the lines of a session to the stages of a walk. The engine's states, which it
 * traces, say which stage a line belongs to. */
#include <stdarg.h>
#include <string.h>

#include "check/check_data.h"
#include "transport/presets.h"
#include "util/str.h"

#define STAGE_LINES_MAX 1500 /* of one stage's detail: a server may talk for long */

static const char *const stage_words[TDM_CHECK_STAGE_COUNT] = {
    "resolve", "connect", "greeting", "ehlo",    "starttls", "tls",     "ehlo2",
    "auth",    "mail",    "rcpt",     "rset",    "quit",     "mx",      "spf",
    "dkim",    "dmarc",   "mta-sts",  "tls-rpt", "request",  "response"};

const char *tdm_check_stage_words(int stage)
{
    return stage >= 0 && stage < TDM_CHECK_STAGE_COUNT ? stage_words[stage] : "";
}

void tdm_check_progress(const tidymail_check *check, int stage)
{
    if (check != NULL && stage >= 0 && check->options.progress != NULL) {
        check->options.progress(check->options.progress_context, stage_words[stage]);
    }
}

void tdm_check_detail(tidymail_check *check, int stage, const char *format, ...)
{
    struct tdm_buf *detail = &check->stages[stage].detail;
    va_list args;
    if (detail->length > STAGE_LINES_MAX) {
        return;
    }
    if (detail->length > 0) {
        tdm_buf_add_char(detail, '\n');
    }
    va_start(args, format);
    tdm_buf_vaddf(detail, format, args);
    va_end(args);
}

void tdm_check_warn(tidymail_check *check, int stage, const char *detail, const char *advice)
{
    struct tdm_check_stage *own = &check->stages[stage];
    if (own->status == TIDYMAIL_CHECK_OK) {
        own->status = TIDYMAIL_CHECK_WARNING;
    }
    tdm_check_detail(check, stage, "%s", detail);
    if (advice != NULL) {
        tdm_buf_add_str(&own->advice, own->advice.length > 0 ? "\n" : "");
        tdm_buf_add_str(&own->advice, advice);
    }
}

void tdm_check_fail(tidymail_check *check, int stage, const char *detail, const char *advice)
{
    tdm_check_warn(check, stage, detail, advice);
    check->stages[stage].status = TIDYMAIL_CHECK_FAILED;
}

int tdm_check_stage_of_state(const char *state, int had_starttls)
{
    static const struct {
        const char *state;
        int stage;
    } rows[] = {
        {"GREETING", TDM_CHECK_GREETING}, {"STARTTLS", TDM_CHECK_STARTTLS},
        {"TLS", TDM_CHECK_TLS},           {"AUTH", TDM_CHECK_AUTH},
        {"MAIL", TDM_CHECK_MAIL},         {"RCPT", TDM_CHECK_RCPT},
        {"RSET", TDM_CHECK_RSET},         {"QUIT", TDM_CHECK_QUIT},
    };
    if (strcmp(state, "EHLO") == 0 || strcmp(state, "HELO") == 0) {
        return had_starttls ? TDM_CHECK_EHLO2 : TDM_CHECK_EHLO;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(state, rows[i].state) == 0) {
            return rows[i].stage;
        }
    }
    return -1;
}

static int stage_of_phase(int phase, int after_starttls)
{
    switch (phase) {
    case TIDYMAIL_PHASE_RESOLVE:
        return TDM_CHECK_RESOLVE;
    case TIDYMAIL_PHASE_CONNECT:
        return TDM_CHECK_CONNECT;
    case TIDYMAIL_PHASE_TLS:
        return TDM_CHECK_TLS;
    case TIDYMAIL_PHASE_GREETING:
        return TDM_CHECK_GREETING;
    case TIDYMAIL_PHASE_EHLO:
        return after_starttls ? TDM_CHECK_EHLO2 : TDM_CHECK_EHLO;
    case TIDYMAIL_PHASE_STARTTLS:
        return TDM_CHECK_STARTTLS;
    case TIDYMAIL_PHASE_AUTH:
        return TDM_CHECK_AUTH;
    case TIDYMAIL_PHASE_MAIL:
        return TDM_CHECK_MAIL;
    case TIDYMAIL_PHASE_RCPT:
        return TDM_CHECK_RCPT;
    case TIDYMAIL_PHASE_QUIT:
        return TDM_CHECK_QUIT;
    default:
        return -1;
    }
}

/* A line of an EHLO answer, behind the first one, is a capability. */
static void stage_add_capability(tidymail_check *check, const char *text)
{
    struct tdm_text_list *list = &check->capabilities;
    char *copy = tdm_strdup(&check->allocator, text);
    char **items = copy == NULL ? NULL
                                : tdm_resize_array(&check->allocator, list->items, list->count + 1,
                                                   sizeof(*items));
    if (items == NULL) {
        tdm_free(&check->allocator, copy);
        return;
    }
    items[list->count++] = copy;
    list->items = items;
}

static void stage_clear_capabilities(tidymail_check *check)
{
    struct tdm_text_list *list = &check->capabilities;
    for (size_t i = 0; i < list->count; i++) {
        tdm_free(&check->allocator, list->items[i]);
    }
    tdm_free(&check->allocator, list->items);
    memset(list, 0, sizeof(*list));
}

/* What the server said in a stage: an EHLO's lines in one, others one below the other. */
static void stage_take_line(tidymail_check *check, int stage, const char *text, int *ehlo_lines)
{
    int code;
    const char *words = tdm_check_reply(text, &code);
    if ((stage != TDM_CHECK_EHLO && stage != TDM_CHECK_EHLO2) || code / 100 != 2) {
        struct tdm_buf safe;
        tdm_buf_init(&safe, &check->allocator, (size_t)64 * 1024);
        tdm_escape(&safe, text, strlen(text), 0);
        tdm_check_detail(check, stage, "%s", tdm_buf_text(&safe));
        tdm_buf_clear(&safe);
        return;
    }
    struct tdm_buf *detail = &check->stages[stage].detail;
    if ((*ehlo_lines)++ == 0) {
        stage_clear_capabilities(check);
        return;
    }
    stage_add_capability(check, words);
    if (detail->length < STAGE_LINES_MAX) {
        tdm_buf_add_str(detail, *ehlo_lines == 2 ? "offers " : ", ");
        tdm_escape(detail, words, strlen(words), 0);
    }
}

static void stages_take_lines(tidymail_check *check, const struct tdm_check_session *session)
{
    int stage = -1;
    int had_starttls = 0;
    int ehlo_lines = 0;
    int64_t before = 0;
    for (size_t i = 0; i < session->count; i++) {
        const struct tdm_check_line *line = &session->lines[i];
        if (stage >= 0) {
            check->stages[stage].ms += line->at_ms - before;
        }
        before = line->at_ms;
        if (line->mark == TIDYMAIL_SMTP_MARK_STATE) {
            int next = tdm_check_stage_of_state(line->text, had_starttls);
            had_starttls |= next == TDM_CHECK_STARTTLS;
            if (next >= 0 && check->stages[next].ms < 0) {
                check->stages[next].ms = 0;
                check->stages[next].status = TIDYMAIL_CHECK_OK;
            }
            ehlo_lines = next != stage ? 0 : ehlo_lines;
            stage = next;
        } else if (line->mark == TIDYMAIL_SMTP_MARK_RECEIVED && stage >= 0 &&
                   stage != TDM_CHECK_AUTH) {
            stage_take_line(check, stage, line->text, &ehlo_lines);
        }
    }
}

void tdm_check_add_tls(tidymail_check *check, const tidymail_transport *transport)
{
    const tidymail_report *report = check->report;
    if (check->stages[TDM_CHECK_TLS].ms < 0) {
        return;
    }
    if (tidymail_report_tls_version(report)[0] != '\0') {
        tdm_check_detail(check, TDM_CHECK_TLS, "%s, %s", tidymail_report_tls_version(report),
                         tidymail_report_tls_cipher(report));
    }
    const tidymail_certificate *certificate = tidymail_check_certificate(check);
    if (certificate == NULL) {
        return;
    }
    tdm_check_detail(check, TDM_CHECK_TLS, "certificate for %s",
                     tidymail_certificate_names(certificate));
    tdm_check_detail(check, TDM_CHECK_TLS, "issued by %s, valid from %s until %s",
                     tidymail_certificate_issuer(certificate),
                     tidymail_certificate_not_before(certificate),
                     tidymail_certificate_not_after(certificate));
    tdm_check_detail(check, TDM_CHECK_TLS, "sha256:%s", tidymail_certificate_sha256(certificate));
    if (transport->options.verify == TDM_VERIFY_NONE) {
        tdm_check_warn(check, TDM_CHECK_TLS, "the certificate was not looked at (verify=none)",
                       "anybody on the way can read along: verify=full, ca=FILE, or verify=sha256: "
                       "and the fingerprint above");
    } else if (check->certificate.facts.seconds_left < (int64_t)14 * 86400 &&
               tidymail_certificate_verified(certificate)) {
        tdm_check_warn(check, TDM_CHECK_TLS, "the certificate ends within 14 days",
                       "the server's operator should renew it now");
    }
}

static void stages_add_auth(tidymail_check *check, const struct tdm_check_session *session)
{
    const tidymail_report *report = check->report;
    const char *offered = tidymail_report_auth_offered(report);
    struct tdm_check_stage *auth = &check->stages[TDM_CHECK_AUTH];
    if (auth->ms >= 0) {
        tdm_check_detail(check, TDM_CHECK_AUTH, "tried %s of %s",
                         tidymail_report_auth_tried(report), offered[0] != '\0' ? offered : "none");
        for (size_t i = 0; i < session->count; i++) { /* the answer that ended it */
            const struct tdm_check_line *line = &session->lines[i];
            int code;
            tdm_check_reply(line->text, &code);
            if (line->mark == TIDYMAIL_SMTP_MARK_RECEIVED && line->phase == TIDYMAIL_PHASE_AUTH &&
                code != 334) {
                tdm_check_detail(check, TDM_CHECK_AUTH, "%s", line->text);
            }
        }
        return;
    }
    if (offered[0] != '\0' && report->error.kind == TIDYMAIL_OK) {
        tdm_check_detail(check, TDM_CHECK_AUTH, "no credentials were given; the server offers %s",
                         offered);
    }
}

/* Where it failed, and that nothing behind it was reached. */
static void stages_mark_failure(tidymail_check *check)
{
    const struct tidymail_error *error = &check->report->error;
    int stage = stage_of_phase(error->phase,
                               check->stages[TDM_CHECK_STARTTLS].status == TIDYMAIL_CHECK_OK &&
                                   check->stages[TDM_CHECK_EHLO2].ms >= 0);
    if (error->kind == TIDYMAIL_OK || stage < 0) {
        return;
    }
    struct tdm_check_stage *own = &check->stages[stage];
    own->status = TIDYMAIL_CHECK_FAILED;
    own->ms = own->ms < 0 ? 0 : own->ms;
    if (own->detail.length == 0 || strstr(tdm_buf_text(&own->detail), error->message) == NULL) {
        tdm_check_detail(check, stage, "%s", tidymail_error_message(error));
    }
    tdm_buf_reset(&own->advice);
    tdm_buf_add_str(&own->advice, tidymail_error_hint(error));
    if (stage ==
        TDM_CHECK_MAIL) { /* what came behind it in the same write says nothing of its own */
        check->stages[TDM_CHECK_RCPT].status = TIDYMAIL_CHECK_SKIPPED;
        check->stages[TDM_CHECK_RCPT].ms = -1;
        tdm_buf_reset(&check->stages[TDM_CHECK_RCPT].detail);
    }
    for (int i = stage + 1; i < TDM_CHECK_QUIT; i++) {
        if (check->stages[i].status == TIDYMAIL_CHECK_OK &&
            !(i == TDM_CHECK_RSET || i == TDM_CHECK_RCPT || i == TDM_CHECK_MAIL)) {
            check->stages[i].status = TIDYMAIL_CHECK_SKIPPED;
        }
    }
}

/* A recipient put off is greylisting mostly: a send is tried again, and then works. */
static void stages_soften_greylisting(tidymail_check *check)
{
    struct tidymail_error *error = &check->report->error;
    struct tdm_check_stage *rcpt = &check->stages[TDM_CHECK_RCPT];
    if (error->kind != TIDYMAIL_KIND_TEMPORARY || error->phase != TIDYMAIL_PHASE_RCPT ||
        rcpt->status != TIDYMAIL_CHECK_FAILED) {
        return;
    }
    rcpt->status = TIDYMAIL_CHECK_WARNING;
    tdm_buf_add_str(&rcpt->advice, rcpt->advice.length > 0 ? "\n" : "");
    tdm_buf_add_str(&rcpt->advice, "the server puts unknown senders off (greylisting, mostly): the "
                                   "same message is accepted some minutes later");
}

/* Why a stage was not walked through. */
static void stages_explain_skipped(tidymail_check *check, const tidymail_transport *transport)
{
    int failed = check->report->error.kind != TIDYMAIL_OK;
    int implicit = transport->preset != NULL ? transport->preset->implicit
                                             : strcmp(transport->url.scheme, "smtps") == 0;
    for (int i = 0; i < TDM_CHECK_MX; i++) {
        struct tdm_check_stage *stage = &check->stages[i];
        if (stage->status != TIDYMAIL_CHECK_SKIPPED || stage->detail.length > 0) {
            continue;
        }
        if (implicit && (i == TDM_CHECK_STARTTLS || i == TDM_CHECK_EHLO2)) {
            tdm_check_detail(check, i, "TLS from the first byte");
        } else if (failed) {
            tdm_check_detail(check, i, "not reached");
        } else if (i == TDM_CHECK_AUTH) {
            tdm_check_detail(check, i, "no credentials were given");
        } else if (i >= TDM_CHECK_MAIL && i <= TDM_CHECK_RSET) {
            tdm_check_detail(check, i, "no recipients were given");
        } else {
            tdm_check_detail(check, i, "not encrypted (tls=)");
        }
    }
}

void tdm_check_fill_stages(tidymail_check *check, const struct tdm_check_session *session,
                           const tidymail_transport *transport)
{
    stages_take_lines(check, session);
    tdm_check_add_tls(check, transport);
    stages_add_auth(check, session);
    stages_mark_failure(check);
    stages_soften_greylisting(check);
    tdm_check_clauses(check, session, transport);
    stages_explain_skipped(check, transport);
}
