/* wishes.c: see wishes.h. The message is not touched: it may go through another transport next. */
#include "client/wishes.h"

#include <string.h>

#include "transport/presets.h"

#define WISHES_FIELDS_MAX ((size_t)1024 * 1024)

static void wishes_note(void *context, const char *line)
{
    tdm_report_add_note(context, line);
}

/* "not part of the stored message: tags, metadata" */
static void wishes_note_stored(const struct tdm_service_wishes *wishes, tidymail_report *report)
{
    struct tdm_buf line;
    size_t count = 0;
    tdm_buf_init(&line, &report->allocator, 1024);
    tdm_buf_add_str(&line, "asked of a mail service, and no part of the stored message:");
    for (int i = 0; i < TDM_FEATURE_COUNT; i++) {
        if (tdm_wishes_use(wishes, (enum tdm_feature)i)) {
            tdm_buf_addf(&line, "%s %s", count++ > 0 ? "," : "",
                         tdm_feature_words((enum tdm_feature)i));
        }
    }
    if (count > 0 && !line.failed) {
        tdm_report_add_note(report, tdm_buf_text(&line));
    }
    tdm_buf_clear(&line);
}

int tdm_wishes_prepare(tidymail_transport *transport, const tidymail_message *message,
                       tidymail_report *report, struct tdm_fronted *fronted)
{
    memset(fronted, 0, sizeof(*fronted));
    tdm_buf_init(&fronted->fields, &transport->allocator, WISHES_FIELDS_MAX);
    if (transport->ops->stores) {
        wishes_note_stored(&message->service, report);
        return TIDYMAIL_OK;
    }
    const struct tdm_preset_use *use = transport->preset;
    const struct tdm_capabilities *capabilities =
        use != NULL ? &use->preset->service.capabilities : transport->ops->capabilities;
    if (capabilities == NULL) {
        return TIDYMAIL_OK;
    }
    int kind = tdm_capabilities_check_wishes(capabilities, &message->service,
                                             transport->options.drop_unsupported, wishes_note,
                                             report, &report->error);
    return kind == TIDYMAIL_OK && use != NULL
               ? tdm_preset_write_fields(use, &message->service, &fronted->fields, &report->error)
               : kind;
}

static ptrdiff_t fronted_read(void *context, void *buffer, size_t capacity)
{
    struct tdm_fronted *fronted = context;
    size_t left = fronted->fields.length - fronted->at;
    if (left == 0) {
        return fronted->inner.read(fronted->inner.context, buffer, capacity);
    }
    size_t length = left < capacity ? left : capacity;
    memcpy(buffer, fronted->fields.data + fronted->at, length);
    fronted->at += length;
    return (ptrdiff_t)length;
}

static int fronted_rewind(void *context)
{
    struct tdm_fronted *fronted = context;
    fronted->at = 0;
    return fronted->inner.rewind(fronted->inner.context);
}

static int64_t fronted_size(void *context)
{
    struct tdm_fronted *fronted = context;
    int64_t size = fronted->inner.size(fronted->inner.context);
    return size < 0 ? size : size + (int64_t)fronted->fields.length;
}

static const char *fronted_error(void *context)
{
    struct tdm_fronted *fronted = context;
    return fronted->inner.error(fronted->inner.context);
}

static void fronted_release(void *context)
{
    struct tdm_fronted *fronted = context;
    fronted->inner.release(fronted->inner.context);
}

void tdm_wishes_front(struct tdm_fronted *fronted, tidymail_source *source)
{
    if (fronted->fields.length == 0) {
        return;
    }
    fronted->inner = *source;
    source->read = fronted_read;
    source->rewind = source->rewind != NULL ? fronted_rewind : NULL;
    source->size = source->size != NULL ? fronted_size : NULL;
    source->error = source->error != NULL ? fronted_error : NULL;
    source->release = source->release != NULL ? fronted_release : NULL;
    source->context = fronted;
}

void tdm_wishes_clear_front(struct tdm_fronted *fronted)
{
    tdm_buf_clear(&fronted->fields);
}
