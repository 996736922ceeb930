/* hint.h: what to do next where neither a server's words nor the network gave one. */
#ifndef TDM_CLIENT_HINT_H
#define TDM_CLIENT_HINT_H

#include "report/report_data.h"

/* Gives `error` a hint where it has none and one is known. */
void tdm_hint_add(struct tidymail_error *error);

#endif
