/* capabilities.c: what a message asks for, held against what can be done. */
#include <string.h>

#include "provider/provider.h"

static const char *const feature_words[] = {
#define F(name, word, words) words,
#include "provider/features.def"
#undef F
};

/* What may be left out with unsupported=drop: the message that arrives is the same without it. A
 * sandbox is none of these: without it the message would arrive. */
#define CAPABILITIES_EXTRAS                                                                        \
    (TDM_CAN_TAGS | TDM_CAN_METADATA | TDM_CAN_TRACKING | TDM_CAN_SCHEDULE | TDM_CAN_IDEMPOTENCY | \
     TDM_CAN_DSN | TDM_CAN_PART_FIELDS | TDM_CAN_GROUPS)

const char *tdm_feature_words(enum tdm_feature feature)
{
    return feature_words[feature];
}

int tdm_wishes_use(const struct tdm_service_wishes *wishes, enum tdm_feature feature)
{
    switch ((int)feature) {
    case TDM_FEATURE_TAGS:
        return wishes->tag_count > 0;
    case TDM_FEATURE_METADATA:
        return wishes->metadata.count > 0;
    case TDM_FEATURE_TRACKING:
        return wishes->track_opens != 0 || wishes->track_clicks != 0;
    case TDM_FEATURE_SCHEDULE:
        return wishes->send_at != 0;
    case TDM_FEATURE_TEMPLATE:
        return wishes->template_id != NULL;
    case TDM_FEATURE_IDEMPOTENCY:
        return wishes->idempotency_key != NULL;
    case TDM_FEATURE_SANDBOX:
        return wishes->sandbox;
    default:
        return 0;
    }
}

static int mail_has_file(const struct tdm_mail *mail, int is_inline)
{
    for (size_t i = 0; i < mail->file_count; i++) {
        if (mail->files[i].is_inline == is_inline) {
            return 1;
        }
    }
    return 0;
}

/* An image is shown by its Content-ID; a name that differs is what it is saved as. */
static int mail_names_images(const struct tdm_mail *mail)
{
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        if (file->is_inline && file->content_id != NULL && file->name != NULL &&
            file->name[0] != '\0' && strcmp(file->name, file->content_id) != 0) {
            return 1;
        }
    }
    return 0;
}

/* What only MIME says of a file: a description, and a Content-ID where it is not inline. */
static int mail_has_part_fields(const struct tdm_mail *mail)
{
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        if (file->description != NULL || (!file->is_inline && file->content_id != NULL)) {
            return 1;
        }
    }
    return 0;
}

/* Those in Bcc are shown to nobody. */
static int mail_has_groups(const struct tdm_mail *mail)
{
    const struct tdm_mailbox_list *lists[] = {mail->to, mail->cc, mail->reply_to};
    for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
        for (size_t i = 0; i < lists[k]->count; i++) {
            if (lists[k]->items[i].group != NULL) {
                return 1;
            }
        }
    }
    return 0;
}

static int mail_has_wishes(const struct tdm_mail *mail)
{
    const struct tdm_wishes *wishes = tdm_message_wishes(mail->message);
    return wishes->dsn_notify != NULL || wishes->dsn_ret != NULL || wishes->dsn_envid != NULL ||
           wishes->require_tls || wishes->deliver_by_mode != 0 || wishes->hold_for_s != 0 ||
           wishes->hold_until != NULL || wishes->has_priority;
}

int tdm_mail_uses(const struct tdm_mail *mail, enum tdm_feature feature)
{
    switch ((int)feature) {
    case TDM_FEATURE_CC:
        return mail->cc->count > 0;
    case TDM_FEATURE_BCC:
        return mail->bcc->count > 0;
    case TDM_FEATURE_REPLY_TO:
        return mail->reply_to->count > 0;
    case TDM_FEATURE_SENDER:
        return mail->sender != NULL;
    case TDM_FEATURE_HEADERS:
        return mail->field_count > 0;
    case TDM_FEATURE_TEXT_AND_HTML:
        return mail->text != NULL && mail->html != NULL;
    case TDM_FEATURE_ATTACHMENTS:
        return mail_has_file(mail, 0);
    case TDM_FEATURE_INLINE:
        return mail_has_file(mail, 1);
    case TDM_FEATURE_INLINE_NAMES:
        return mail_names_images(mail);
    case TDM_FEATURE_PART_FIELDS:
        return mail_has_part_fields(mail);
    case TDM_FEATURE_GROUPS:
        return mail_has_groups(mail);
    case TDM_FEATURE_CALENDAR:
        return mail->calendar != NULL;
    case TDM_FEATURE_RAW:
        return mail->needs_raw;
    case TDM_FEATURE_ENVELOPE:
        return mail->has_envelope;
    case TDM_FEATURE_SMTPUTF8:
        return tdm_message_needs_utf8(mail->message);
    case TDM_FEATURE_DSN:
        return mail_has_wishes(mail);
    default:
        return tdm_wishes_use(mail->service, feature);
    }
}

int tdm_provider_wants(const struct tdm_provider_job *job, enum tdm_feature feature)
{
    return tdm_mail_uses(job->mail, feature) &&
           (job->provider->capabilities.can & 1U << feature) != 0;
}

/* The message needs what the service has not: refused, or left out with a note. */
static int capabilities_lack(const struct tdm_capabilities *capabilities, enum tdm_feature feature,
                             int drop, void (*note)(void *context, const char *line), void *context,
                             struct tidymail_error *error)
{
    int is_extra = (CAPABILITIES_EXTRAS & 1U << feature) != 0;
    if (!drop || !is_extra) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s: %s does not take this", feature_words[feature], capabilities->name);
        tdm_text_set(&error->allocator, &error->hint,
                     is_extra
                         ? "leave it out, take a service that has it (tidymail providers lists "
                           "them), or have it left out with unsupported=drop"
                         : "leave it out, or take a service that has it (tidymail providers "
                           "lists them)");
        return error->kind;
    }
    struct tdm_buf line;
    tdm_buf_init(&line, &error->allocator, 1024);
    tdm_buf_addf(&line, "left out: %s, which %s does not take", feature_words[feature],
                 capabilities->name);
    if (note != NULL && !line.failed) {
        note(context, tdm_buf_text(&line));
    }
    tdm_buf_clear(&line);
    return TIDYMAIL_OK;
}

static int capabilities_too_many(const struct tdm_capabilities *capabilities, const char *what,
                                 size_t count, int max, struct tidymail_error *error)
{
    if (max == 0 || count <= (size_t)max) {
        return TIDYMAIL_OK;
    }
    return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                          "%s: %z are more than %s takes in one message (%d)", what, count,
                          capabilities->name, max);
}

int tdm_capabilities_check_wishes(const struct tdm_capabilities *capabilities,
                                  const struct tdm_service_wishes *wishes, int drop,
                                  void (*note)(void *context, const char *line), void *context,
                                  struct tidymail_error *error)
{
    for (int i = 0; i < TDM_FEATURE_COUNT; i++) {
        enum tdm_feature feature = (enum tdm_feature)i;
        if (tdm_wishes_use(wishes, feature) && (capabilities->can & 1U << i) == 0 &&
            capabilities_lack(capabilities, feature, drop, note, context, error) != TIDYMAIL_OK) {
            return error->kind;
        }
    }
    if ((capabilities->can & TDM_CAN_TAGS) == 0) {
        return TIDYMAIL_OK;
    }
    return capabilities_too_many(capabilities, "tags", wishes->tag_count, capabilities->max_tags,
                                 error);
}

int tdm_capabilities_check(const struct tdm_capabilities *capabilities, const struct tdm_mail *mail,
                           int drop, void (*note)(void *context, const char *line), void *context,
                           struct tidymail_error *error)
{
    for (int i = 0; i < TDM_FEATURE_COUNT; i++) {
        enum tdm_feature feature = (enum tdm_feature)i;
        if ((capabilities->can & 1U << i) == 0 && !tdm_wishes_use(mail->service, feature) &&
            tdm_mail_uses(mail, feature) &&
            capabilities_lack(capabilities, feature, drop, note, context, error) != TIDYMAIL_OK) {
            return error->kind;
        }
    }
    int kind =
        tdm_capabilities_check_wishes(capabilities, mail->service, drop, note, context, error);
    if (kind == TIDYMAIL_OK) {
        kind = capabilities_too_many(capabilities, "recipients", mail->recipient_count,
                                     capabilities->max_recipients, error);
    }
    if (kind == TIDYMAIL_OK) {
        kind = capabilities_too_many(capabilities, "Reply-To addresses", mail->reply_to->count,
                                     capabilities->max_reply_to, error);
    }
    return kind;
}
