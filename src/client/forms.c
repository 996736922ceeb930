/* forms.c: see forms.h. */
#include "client/forms.h"

#include <string.h>

static tidymail_source *forms_source(void *context)
{
    struct tdm_forms *forms = context;
    return &forms->sources[forms->chosen];
}

static ptrdiff_t forms_read(void *context, void *buffer, size_t capacity)
{
    tidymail_source *source = forms_source(context);
    return source->read(source->context, buffer, capacity);
}

static int forms_rewind(void *context)
{
    tidymail_source *source = forms_source(context);
    return source->rewind(source->context);
}

static int64_t forms_size(void *context)
{
    tidymail_source *source = forms_source(context);
    return source->size(source->context);
}

static const char *forms_error(void *context)
{
    tidymail_source *source = forms_source(context);
    return source->error(source->context);
}

static void forms_release(void *context)
{
    struct tdm_forms *forms = context;
    for (size_t i = 0; i <= TDM_CARRY_BINARY; i++) {
        if (forms->sources[i].read != NULL) {
            forms->sources[i].release(forms->sources[i].context);
        }
    }
}

int tdm_forms_open(struct tdm_forms *forms, tidymail_message *message, int with_binary,
                   tidymail_source *source)
{
    memset(forms, 0, sizeof(*forms));
    int kind = tdm_message_open_source(message, &forms->sources[TDM_CARRY_7BIT]);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    forms->needs[TDM_CARRY_7BIT] = tdm_message_needs(message, TDM_CARRY_7BIT);
    int most = with_binary ? TDM_CARRY_BINARY : TDM_CARRY_8BIT;
    if (message->raw.blob != NULL || message->only_7bit) {
        most = TDM_CARRY_7BIT; /* a ready-made message is as it is */
    }
    for (int carry = TDM_CARRY_8BIT; carry <= most && kind == TIDYMAIL_OK; carry++) {
        forms->needs[carry] = tdm_message_needs(message, carry);
        if (forms->needs[carry] == carry) {
            kind = tdm_message_open_form(message, carry, &forms->sources[carry]);
        }
    }
    if (kind != TIDYMAIL_OK) {
        forms_release(forms);
        return kind;
    }
    source->read = forms_read;
    source->rewind = forms_rewind;
    source->size = forms_size;
    source->error = forms_error;
    source->release = forms_release;
    source->context = forms;
    return TIDYMAIL_OK;
}

int tdm_forms_choose(void *context, int carry)
{
    struct tdm_forms *forms = context;
    while (carry > TDM_CARRY_7BIT && forms->sources[carry].read == NULL) {
        carry--;
    }
    forms->chosen = carry;
    return forms->needs[carry];
}
