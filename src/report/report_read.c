/* report_read.c: the public accessors of a report. NULL reads as a failed send. */
#include "report/report_data.h"

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

int tidymail_report_outcome(const tidymail_report *report)
{
    return report != NULL ? report->outcome : TIDYMAIL_FAILED;
}

const char *tidymail_report_summary(const tidymail_report *report)
{
    if (report == NULL) {
        return "no report: nothing was sent";
    }
    return report->summary != NULL ? report->summary : tidymail_outcome_name(report->outcome);
}

const tidymail_error *tidymail_report_error(const tidymail_report *report)
{
    return report != NULL && report->error.kind != TIDYMAIL_OK ? &report->error : NULL;
}

size_t tidymail_report_recipient_count(const tidymail_report *report)
{
    return report != NULL ? report->recipient_count : 0;
}

const tidymail_recipient *tidymail_report_recipient(const tidymail_report *report, size_t index)
{
    return report != NULL && index < report->recipient_count ? &report->recipients[index] : NULL;
}

const char *tidymail_recipient_address(const tidymail_recipient *recipient)
{
    return recipient != NULL ? text_or_empty(recipient->address) : "";
}

int tidymail_recipient_outcome(const tidymail_recipient *recipient)
{
    return recipient != NULL ? recipient->outcome : TIDYMAIL_FAILED;
}

int tidymail_recipient_code(const tidymail_recipient *recipient)
{
    return recipient != NULL ? recipient->code : 0;
}

const char *tidymail_recipient_enhanced(const tidymail_recipient *recipient)
{
    return recipient != NULL ? recipient->enhanced : "";
}

const char *tidymail_recipient_reply(const tidymail_recipient *recipient)
{
    return recipient != NULL ? text_or_empty(recipient->reply) : "";
}

int tidymail_recipient_retryable(const tidymail_recipient *recipient)
{
    return recipient != NULL && recipient->retryable;
}

const char *tidymail_recipient_service_id(const tidymail_recipient *recipient)
{
    return recipient != NULL ? text_or_empty(recipient->service_id) : "";
}

const char *tidymail_report_message_id(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->message_id) : "";
}

const char *tidymail_report_service_id(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->service_id) : "";
}

const char *tidymail_report_transport(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->transport) : "";
}

const char *tidymail_report_server(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->peer.server) : "";
}

const char *tidymail_report_address(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->peer.address) : "";
}

const char *tidymail_report_tls_version(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->peer.tls_version) : "";
}

const char *tidymail_report_tls_cipher(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->peer.tls_cipher) : "";
}

const char *tidymail_report_auth_offered(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->peer.auth_offered) : "";
}

const char *tidymail_report_auth_supported(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->peer.auth_supported) : "";
}

const char *tidymail_report_auth_tried(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->peer.auth_tried) : "";
}

int64_t tidymail_report_phase_ms(const tidymail_report *report, int phase)
{
    if (report == NULL || phase < 0 || phase >= TIDYMAIL_PHASE_COUNT) {
        return -1;
    }
    return report->phase_ms[phase];
}

static const char *text_list_get(const struct tdm_text_list *list, size_t index)
{
    return index < list->count ? list->items[index] : NULL;
}

size_t tidymail_report_note_count(const tidymail_report *report)
{
    return report != NULL ? report->notes.count : 0;
}

const char *tidymail_report_note(const tidymail_report *report, size_t index)
{
    return report != NULL ? text_list_get(&report->notes, index) : NULL;
}

size_t tidymail_report_attempt_count(const tidymail_report *report)
{
    return report != NULL ? report->attempts.count : 0;
}

const char *tidymail_report_attempt(const tidymail_report *report, size_t index)
{
    return report != NULL ? text_list_get(&report->attempts, index) : NULL;
}

const char *tidymail_report_transcript(const tidymail_report *report)
{
    return report != NULL ? text_or_empty(report->transcript) : "";
}
