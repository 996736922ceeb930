/* smtp_engine.h: what a driver inside the library needs of the engine beyond smtp.h. */
#ifndef TDM_SMTP_ENGINE_H
#define TDM_SMTP_ENGINE_H

#include <tidymail/smtp.h>

#include "report/report_data.h"

/* tidymail_smtp_submit that fills a report the caller already has (its recipients are the
 * envelope's, in the same order). The REPORT event hands the same report back. On failure the
 * report is untouched and stays the caller's. */
int tdm_smtp_submit_report(tidymail_smtp *smtp, const tidymail_smtp_envelope *envelope,
                           const tidymail_source *source, tidymail_report *report, void *context,
                           int64_t now_ms);
/* Before tidymail_smtp_connected: the driver is in TIDYMAIL_PHASE_RESOLVE or _CONNECT (for the
 * times of the report). */
void tdm_smtp_set_phase(tidymail_smtp *smtp, int phase, int64_t now_ms);
/* The numeric address connected to, for reports. */
void tdm_smtp_set_address(tidymail_smtp *smtp, const char *address);
/* A remark for the reports of all messages under way (and, before those are done, of later ones). */
void tdm_smtp_add_note(tidymail_smtp *smtp, const char *text);
/* How many more messages the engine can make use of now: one at a time up to the login and until the
 * first was answered, then as far as it pipelines or streams, within LIMITS MAILMAX (RFC 9422). */
size_t tdm_smtp_room(const tidymail_smtp *smtp);
/* The time of what happens now, as the driver gave it. */
int64_t tdm_smtp_now(const tidymail_smtp *smtp);
/* 1 where a login may want what tidymail_smtp_tls_binding takes. */
int tdm_smtp_wants_binding(const tidymail_smtp *smtp);
/* 1 once STARTTLS or implicit TLS is complete. */
int tdm_smtp_encrypted(const tidymail_smtp *smtp);

#endif
