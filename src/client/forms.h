/*
 * forms.h: one message in the forms that servers of different capabilities can carry, behind one
 * source: the 7-bit form until another one is chosen.
 */
#ifndef TDM_CLIENT_FORMS_H
#define TDM_CLIENT_FORMS_H

#include "message/message_data.h"

struct tdm_forms {
    tidymail_source sources[TDM_CARRY_BINARY + 1]; /* read is NULL where that form is no gain */
    int needs[TDM_CARRY_BINARY + 1];
    int chosen;
};

/* Opens the forms of a prepared message and fills `source` in, whose release ends them all. Only
 * `forms` is kept, it must live as long. TIDYMAIL_OK, or the kind of the error that stuck. */
int tdm_forms_open(struct tdm_forms *forms, tidymail_message *message, int with_binary,
                   tidymail_source *source);
/* Takes the best form for `carry`, before anything was read; returns what it needs. As
 * tidymail_smtp_envelope.form. */
int tdm_forms_choose(void *forms, int carry);

#endif
