/* check_read.c: what can be asked of a result. */
#include "check/check_data.h"

static const char *read_text(const char *text)
{
    return text != NULL ? text : "";
}

int tidymail_check_verdict(const tidymail_check *check)
{
    return check != NULL ? check->verdict : TIDYMAIL_CHECK_FAILED;
}

const char *tidymail_check_summary(const tidymail_check *check)
{
    return check != NULL ? read_text(check->summary) : "out of memory";
}

const tidymail_report *tidymail_check_report(const tidymail_check *check)
{
    return check != NULL ? check->report : NULL;
}

const char *tidymail_check_suggested_url(const tidymail_check *check)
{
    return check != NULL ? read_text(check->suggested_url) : "";
}

size_t tidymail_check_stage_count(const tidymail_check *check)
{
    return check != NULL ? check->shown_count : 0;
}

static const struct tdm_check_stage *read_stage(const tidymail_check *check, size_t stage)
{
    return stage < tidymail_check_stage_count(check) ? &check->stages[check->shown[stage]] : NULL;
}

const char *tidymail_check_stage_name(const tidymail_check *check, size_t stage)
{
    return read_stage(check, stage) != NULL ? tdm_check_stage_words(check->shown[stage]) : "";
}

int tidymail_check_stage_status(const tidymail_check *check, size_t stage)
{
    const struct tdm_check_stage *own = read_stage(check, stage);
    return own != NULL ? own->status : TIDYMAIL_CHECK_SKIPPED;
}

int64_t tidymail_check_stage_ms(const tidymail_check *check, size_t stage)
{
    const struct tdm_check_stage *own = read_stage(check, stage);
    return own != NULL ? own->ms : -1;
}

const char *tidymail_check_stage_detail(const tidymail_check *check, size_t stage)
{
    const struct tdm_check_stage *own = read_stage(check, stage);
    return own != NULL ? tdm_buf_text(&own->detail) : "";
}

const char *tidymail_check_stage_advice(const tidymail_check *check, size_t stage)
{
    const struct tdm_check_stage *own = read_stage(check, stage);
    return own != NULL ? tdm_buf_text(&own->advice) : "";
}

size_t tidymail_check_capability_count(const tidymail_check *check)
{
    return check != NULL ? check->capabilities.count : 0;
}

const char *tidymail_check_capability(const tidymail_check *check, size_t index)
{
    return check != NULL && index < check->capabilities.count ? check->capabilities.items[index]
                                                              : NULL;
}

const tidymail_certificate *tidymail_check_certificate(const tidymail_check *check)
{
    return check != NULL && check->has_certificate ? &check->certificate : NULL;
}

const char *tidymail_certificate_names(const tidymail_certificate *certificate)
{
    return certificate != NULL ? read_text(certificate->facts.names) : "";
}

const char *tidymail_certificate_issuer(const tidymail_certificate *certificate)
{
    return certificate != NULL ? read_text(certificate->facts.issuer) : "";
}

const char *tidymail_certificate_not_before(const tidymail_certificate *certificate)
{
    return certificate != NULL ? read_text(certificate->facts.not_before) : "";
}

const char *tidymail_certificate_not_after(const tidymail_certificate *certificate)
{
    return certificate != NULL ? read_text(certificate->facts.not_after) : "";
}

const char *tidymail_certificate_sha256(const tidymail_certificate *certificate)
{
    return certificate != NULL ? read_text(certificate->facts.sha256) : "";
}

const char *tidymail_certificate_chain(const tidymail_certificate *certificate)
{
    return certificate != NULL ? read_text(certificate->facts.chain) : "";
}

int tidymail_certificate_verified(const tidymail_certificate *certificate)
{
    return certificate != NULL && certificate->facts.verified;
}

const char *tidymail_certificate_problem(const tidymail_certificate *certificate)
{
    return certificate != NULL ? read_text(certificate->facts.problem) : "";
}
