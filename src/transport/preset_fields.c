/*
 * preset_fields.c: the header fields by which the services' SMTP servers are told what the API takes as
 * parameters: tags, metadata, tracking, ... A service takes either a field for each, or one with a JSON
 * object. Values come from callers, so nothing may end a field: control characters are refused, JSON is
 * ASCII, and it is folded only between its tokens (a service may put other blanks where a line ended).
 */
#include <jansson.h>
#include <string.h>
#include <tidymail/service.h>

#include "message/header.h"
#include "transport/presets.h"
#include "util/date.h"
#include "util/str.h"

#define FIELDS_MAX ((size_t)256 * 1024)
#define FIELDS_LINE 76
#define FIELDS_NAME_MAX 128

struct tdm_preset_writer {
    const struct tdm_preset_use *use;
    const struct tdm_service_wishes *wishes;
    struct tdm_buf *out;
    struct tidymail_error *error;
};

/* Sets the error; the first one stands. */
static void fields_refuse(struct tdm_preset_writer *writer, const char *what, const char *words)
{
    tdm_error_setf(writer->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, "%s: %s", what,
                   words);
}

/* The same for what the service has a rule for. */
static void fields_refuse_by(struct tdm_preset_writer *writer, const char *what, const char *words)
{
    tdm_error_setf(writer->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, "%s: %s %s", what,
                   writer->use->preset->service.capabilities.name, words);
}

static void fields_no_memory(struct tdm_preset_writer *writer)
{
    tdm_provider_no_memory(writer->error);
}

/* The message asks for it, and the service has it. */
static int fields_wants(const struct tdm_preset_writer *writer, enum tdm_feature feature)
{
    return (writer->use->preset->service.capabilities.can & 1U << feature) != 0 &&
           tdm_wishes_use(writer->wishes, feature);
}

/* A service's own option: the message's, else the URL's; NULL: not given. */
static const char *fields_option(const struct tdm_preset_writer *writer, const char *name)
{
    const struct tdm_service_pairs *given = &writer->wishes->options;
    for (size_t i = 0; i < given->count; i++) {
        if (strcmp(given->items[i].service, writer->use->preset->service.scheme) == 0 &&
            strcmp(given->items[i].name, name) == 0) {
            return given->items[i].value;
        }
    }
    for (size_t i = 0; i < writer->use->option_count; i++) {
        if (strcmp(writer->use->options[i].name, name) == 0) {
            return writer->use->options[i].value;
        }
    }
    return NULL;
}

/* 1 where an option is given that goes into this field: it takes the place of the wish. */
static int fields_is_taken(const struct tdm_preset_writer *writer, const char *field)
{
    const struct tdm_service_option *option = writer->use->preset->service.options;
    for (; option->name != NULL; option++) {
        if (strcmp(option->path, field) == 0 && fields_option(writer, option->name) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* A field with text; `what` is what it is for the caller. */
static void fields_text(struct tdm_preset_writer *writer, const char *what, const char *name,
                        const char *value)
{
    size_t length = strlen(value);
    if (tdm_find_control(value, length) < length) {
        fields_refuse(writer, what, "a control character cannot stand in a header field");
    } else if (!tdm_has_8bit(value, length) &&
               tdm_header_longest_word(value) + strlen(name) + 2 > TDM_LINE_MAX) {
        fields_refuse(writer, what, "too long for a line of the header (RFC 5322 2.1.1)");
    } else {
        tdm_header_add_text(writer->out, name, value, 1);
    }
}

static int fields_take(const char *bytes, size_t length, void *context)
{
    return tdm_buf_add(context, bytes, length);
}

/* The length of JSON up to the next blank that is not inside of a string, or to the end. */
static size_t fields_token(const char *json)
{
    size_t i = 0;
    int inside = 0;
    for (; json[i] != '\0' && (inside || json[i] != ' '); i++) {
        if (json[i] == '"') {
            inside = !inside;
        } else if (inside && json[i] == '\\') {
            i++; /* what is escaped is not NUL */
        }
    }
    return i;
}

/* Folds; 0, or -1: a token is too long for a line. */
static int fields_fold(struct tdm_buf *out, const char *name, const char *json)
{
    tdm_buf_addf(out, "%s:", name);
    size_t column = strlen(name) + 1;
    int status = 0;
    while (*json != '\0') {
        size_t length = fields_token(json);
        if (column + 1 + length > FIELDS_LINE && column > 1) {
            tdm_buf_add_str(out, "\r\n");
            column = 0;
        }
        if (length + 1 > TDM_LINE_MAX) {
            status = -1;
        }
        tdm_buf_add_char(out, ' ');
        tdm_buf_add(out, json, length);
        column += 1 + length;
        json += length + (json[length] == ' ');
    }
    tdm_buf_add_str(out, "\r\n");
    return status;
}

/* A field with JSON; takes the value over. NULL: memory ran out. */
static void fields_json(struct tdm_preset_writer *writer, const char *what, const char *name,
                        json_t *value)
{
    struct tdm_buf text;
    tdm_buf_init(&text, &writer->out->allocator, FIELDS_MAX);
    if (value == NULL ||
        json_dump_callback(value, fields_take, &text, JSON_ENSURE_ASCII | JSON_ENCODE_ANY) != 0) {
        fields_no_memory(writer);
    } else if (fields_fold(writer->out, name, tdm_buf_text(&text)) != 0) {
        fields_refuse(writer, what,
                      "a value is too long for a line of the header (RFC 5322 2.1.1)");
    }
    json_decref(value);
    tdm_buf_clear(&text);
}

/* Puts a value; 0, or -1 when memory ran out. Takes it over. */
static int fields_put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value);
}

/* Metadata as {name: value}; NULL: memory ran out. */
static json_t *fields_metadata(const struct tdm_preset_writer *writer)
{
    json_t *object = json_object();
    const struct tdm_service_pairs *metadata = &writer->wishes->metadata;
    for (size_t i = 0; object != NULL && i < metadata->count; i++) {
        if (fields_put(object, metadata->items[i].name, json_string(metadata->items[i].value)) !=
            0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static json_t *fields_tags(const struct tdm_preset_writer *writer)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < writer->wishes->tag_count; i++) {
        if (json_array_append_new(array, json_string(writer->wishes->tags[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

/* Tags with commas between, for services that part them so. */
static void fields_tag_list(struct tdm_preset_writer *writer, const char *name)
{
    struct tdm_buf list;
    tdm_buf_init(&list, &writer->out->allocator, FIELDS_MAX);
    for (size_t i = 0; i < writer->wishes->tag_count; i++) {
        const char *tag = writer->wishes->tags[i];
        if (strchr(tag, ',') != NULL) {
            fields_refuse_by(writer, "tags", "parts them by commas, so none may be in a tag");
        }
        tdm_buf_addf(&list, "%s%s", i > 0 ? "," : "", tag);
    }
    if (list.failed) {
        fields_no_memory(writer);
    } else {
        fields_text(writer, "tags", name, tdm_buf_text(&list));
    }
    tdm_buf_clear(&list);
}

/* The switch for one kind of tracking, in two words: off, on. Nothing where it is as set there. */
static void fields_switch(struct tdm_preset_writer *writer, const char *name, int tracking,
                          const char *off, const char *on)
{
    if (tracking != TIDYMAIL_TRACKING_DEFAULT && !fields_is_taken(writer, name)) {
        fields_text(writer, "tracking", name, tracking == TIDYMAIL_TRACKING_ON ? on : off);
    }
}

/* Options as fields of their own; yes and no in the service's words. */
static void fields_own_options(struct tdm_preset_writer *writer, const char *no, const char *yes)
{
    const struct tdm_service_option *option = writer->use->preset->service.options;
    for (; option->name != NULL; option++) {
        const char *value = fields_option(writer, option->name);
        if (value == NULL) {
            continue;
        }
        if (option->type == TDM_OPTION_JSON) {
            fields_json(writer, option->name, option->path,
                        json_loads(value, JSON_DECODE_ANY, NULL));
        } else if (option->type == TDM_OPTION_BOOLEAN) {
            fields_text(writer, option->name, option->path, value[0] == 'y' ? yes : no);
        } else {
            fields_text(writer, option->name, option->path, value);
        }
    }
}

/* The object at a member of the root, made where it is missing; NULL: memory ran out. */
static json_t *fields_member(json_t *root, const char *name)
{
    json_t *member = json_object_get(root, name);
    if (member != NULL) {
        return member;
    }
    return json_object_set_new(root, name, json_object()) == 0 ? json_object_get(root, name) : NULL;
}

static json_t *fields_option_value(const struct tdm_service_option *option, const char *value)
{
    switch (option->type) {
    case TDM_OPTION_INTEGER:
    case TDM_OPTION_JSON:
        return json_loads(value, JSON_DECODE_ANY, NULL);
    case TDM_OPTION_BOOLEAN:
        return json_boolean(value[0] == 'y');
    case TDM_OPTION_TEXT:
        break;
    }
    return json_string(value);
}

/* Options as members: "name" or "object/name". 0, or -1: memory ran out. */
static int fields_put_options(const struct tdm_preset_writer *writer, json_t *root)
{
    const struct tdm_service_option *option = writer->use->preset->service.options;
    for (; option->name != NULL; option++) {
        const char *value = fields_option(writer, option->name);
        const char *slash = strchr(option->path, '/');
        json_t *object = root;
        if (value == NULL) {
            continue;
        }
        if (slash != NULL) {
            char name[FIELDS_NAME_MAX] = "";
            memcpy(name, option->path, (size_t)(slash - option->path));
            object = fields_member(root, name);
        }
        if (object == NULL || fields_put(object, slash != NULL ? slash + 1 : option->path,
                                         fields_option_value(option, value)) != 0) {
            return -1;
        }
    }
    return 0;
}

const struct tdm_service_option tdm_options_none[] = {{0}};

void tdm_fields_none(struct tdm_preset_writer *writer)
{
    (void)writer;
}

/* Mailgun: documentation.mailgun.com, "Passing Sending Options". */

const struct tdm_service_option tdm_options_mailgun[] = {
    {"dkim", TDM_OPTION_BOOLEAN, "X-Mailgun-Dkim", "no: it is not signed"},
    {"recipient-variables", TDM_OPTION_JSON, "X-Mailgun-Recipient-Variables",
     "values for each recipient: {\"a@example.org\": {\"name\": \"value\"}}"},
    {"require-tls", TDM_OPTION_BOOLEAN, "X-Mailgun-Require-TLS", "yes: delivered over TLS only"},
    {"sending-ip", TDM_OPTION_TEXT, "X-Mailgun-Sending-Ip",
     "the dedicated IP address to send from"},
    {"sending-ip-pool", TDM_OPTION_TEXT, "X-Mailgun-Sending-Ip-Pool",
     "the pool of dedicated addresses to send from"},
    {"skip-verification", TDM_OPTION_BOOLEAN, "X-Mailgun-Skip-Verification",
     "yes: certificates of the recipients' servers are not verified"},
    {"tracking", TDM_OPTION_TEXT, "X-Mailgun-Track", "yes, no or htmlonly"},
    {"tracking-clicks", TDM_OPTION_TEXT, "X-Mailgun-Track-Clicks", "yes, no or htmlonly"},
    {0}};

static void mailgun_tags(struct tdm_preset_writer *writer)
{
    for (size_t i = 0; i < writer->wishes->tag_count; i++) {
        const char *tag = writer->wishes->tags[i];
        if (strlen(tag) > 128 || tdm_has_8bit(tag, strlen(tag))) {
            fields_refuse_by(writer, "tags", "takes up to 128 ASCII characters");
        }
        fields_text(writer, "tags", "X-Mailgun-Tag", tag);
    }
}

void tdm_fields_mailgun(struct tdm_preset_writer *writer)
{
    const struct tdm_service_wishes *wishes = writer->wishes;
    if (fields_wants(writer, TDM_FEATURE_TAGS)) {
        mailgun_tags(writer);
    }
    if (fields_wants(writer, TDM_FEATURE_METADATA)) {
        fields_json(writer, "metadata", "X-Mailgun-Variables", fields_metadata(writer));
    }
    if (fields_wants(writer, TDM_FEATURE_TRACKING)) {
        fields_switch(writer, "X-Mailgun-Track-Opens", wishes->track_opens, "no", "yes");
        fields_switch(writer, "X-Mailgun-Track-Clicks", wishes->track_clicks, "no", "yes");
    }
    if (fields_wants(writer, TDM_FEATURE_SCHEDULE)) {
        char date[TDM_DATE_MAX];
        tdm_date_format(wishes->send_at, date);
        fields_text(writer, "send_at", "X-Mailgun-Deliver-By", date);
    }
    if (fields_wants(writer, TDM_FEATURE_SANDBOX)) {
        fields_text(writer, "sandbox", "X-Mailgun-Drop-Message", "yes");
    }
    fields_own_options(writer, "no", "yes");
}

/* SendGrid: twilio.com/docs/sendgrid, "Building an X-SMTPAPI Header": one field, the first counts. */

const struct tdm_service_option tdm_options_sendgrid[] = {
    {"asm-group-id", TDM_OPTION_INTEGER, "asm_group_id", "the group to unsubscribe from"},
    {"batch-id", TDM_OPTION_TEXT, "batch_id", "the batch by which a scheduled send is cancelled"},
    {"ip-pool-name", TDM_OPTION_TEXT, "ip_pool", "the pool of dedicated addresses to send from"},
    {0}};

/* {"filters": {name: {"settings": {"enable": 0 or 1}}}} */
static int sendgrid_filter(json_t *root, const char *name, int tracking)
{
    if (tracking == TIDYMAIL_TRACKING_DEFAULT) {
        return 0;
    }
    json_t *filters = fields_member(root, "filters");
    json_t *filter = filters != NULL ? fields_member(filters, name) : NULL;
    json_t *settings = filter != NULL ? fields_member(filter, "settings") : NULL;
    return settings != NULL
               ? fields_put(settings, "enable", json_integer(tracking == TIDYMAIL_TRACKING_ON))
               : -1;
}

void tdm_fields_sendgrid(struct tdm_preset_writer *writer)
{
    const struct tdm_service_wishes *wishes = writer->wishes;
    json_t *root = json_object();
    int failed = root == NULL;
    if (!failed && fields_wants(writer, TDM_FEATURE_TAGS)) {
        failed |= fields_put(root, "category", fields_tags(writer));
    }
    if (!failed && fields_wants(writer, TDM_FEATURE_METADATA)) {
        failed |= fields_put(root, "unique_args", fields_metadata(writer));
    }
    if (!failed && fields_wants(writer, TDM_FEATURE_TRACKING)) {
        failed |= sendgrid_filter(root, "opentrack", wishes->track_opens);
        failed |= sendgrid_filter(root, "clicktrack", wishes->track_clicks);
    }
    if (!failed && fields_wants(writer, TDM_FEATURE_SCHEDULE)) {
        failed |= fields_put(root, "send_at", json_integer(wishes->send_at));
    }
    failed = failed || fields_put_options(writer, root) != 0;
    if (failed) {
        fields_no_memory(writer);
        json_decref(root);
    } else if (json_object_size(root) > 0) {
        fields_json(writer, "X-SMTPAPI", "X-SMTPAPI", root);
    } else {
        json_decref(root);
    }
}

/* Amazon SES: docs.aws.amazon.com/ses, "Header fields": tags of SES are names with values. */

const struct tdm_service_option tdm_options_ses[] = {
    {"configuration-set", TDM_OPTION_TEXT, "X-SES-CONFIGURATION-SET", "the configuration set"},
    {0}};

static int ses_is_word(const char *text)
{
    size_t i = 0;
    while (tdm_is_alnum(text[i]) || text[i] == '-' || text[i] == '_') {
        i++;
    }
    return i > 0 && i <= 256 && text[i] == '\0';
}

#define SES_PAIRS_MAX 50

static void ses_add_pair(struct tdm_preset_writer *writer, struct tdm_buf *list, const char *what,
                         const char *name, const char *value)
{
    if (!ses_is_word(name) || !ses_is_word(value)) {
        fields_refuse_by(writer, what,
                         "takes names and values of 1 to 256 letters, digits, - and _");
    }
    tdm_buf_addf(list, "%s%s=%s", list->length > 0 ? ", " : "", name, value);
}

/* Tags are named as over the API: tag, tag2, tag3. */
static void ses_add_tags(struct tdm_preset_writer *writer, struct tdm_buf *list)
{
    const struct tdm_service_wishes *wishes = writer->wishes;
    for (size_t i = 0; i < wishes->tag_count; i++) {
        struct tdm_buf name;
        tdm_buf_init(&name, &writer->out->allocator, FIELDS_NAME_MAX);
        tdm_buf_add_str(&name, "tag");
        if (i > 0) {
            tdm_buf_addf(&name, "%z", i + 1);
        }
        if (name.failed) {
            fields_no_memory(writer);
        } else {
            ses_add_pair(writer, list, "tags", tdm_buf_text(&name), wishes->tags[i]);
        }
        for (size_t k = 0; k < wishes->metadata.count; k++) {
            if (strcmp(wishes->metadata.items[k].name, tdm_buf_text(&name)) == 0) {
                fields_refuse(writer, "metadata", "a name is taken by a tag of the message");
            }
        }
        tdm_buf_clear(&name);
    }
}

void tdm_fields_ses(struct tdm_preset_writer *writer)
{
    const struct tdm_service_wishes *wishes = writer->wishes;
    struct tdm_buf list;
    tdm_buf_init(&list, &writer->out->allocator, FIELDS_MAX);
    if (fields_wants(writer, TDM_FEATURE_TAGS)) {
        ses_add_tags(writer, &list);
    }
    for (size_t i = 0; i < wishes->metadata.count && fields_wants(writer, TDM_FEATURE_METADATA);
         i++) {
        ses_add_pair(writer, &list, "metadata", wishes->metadata.items[i].name,
                     wishes->metadata.items[i].value);
    }
    if (wishes->tag_count + wishes->metadata.count > SES_PAIRS_MAX) {
        fields_refuse_by(writer, "tags and metadata", "takes 50 at most");
    }
    if (list.failed) {
        fields_no_memory(writer);
    } else if (list.length > 0) {
        fields_text(writer, "metadata", "X-SES-MESSAGE-TAGS", tdm_buf_text(&list));
    }
    tdm_buf_clear(&list);
    fields_own_options(writer, "no", "yes");
}

/* Postmark: postmarkapp.com/developer/user-guide/send-email-with-smtp. */

const struct tdm_service_option tdm_options_postmark[] = {
    {"stream", TDM_OPTION_TEXT, "X-PM-Message-Stream", "the message stream"},
    {"track-links", TDM_OPTION_TEXT, "X-PM-Track-Links", "None, HtmlAndText, HtmlOnly or TextOnly"},
    {0}};

#define POSTMARK_NAME_MAX 20

/* X-PM-Metadata-NAME: the name becomes part of a field's name (RFC 5322 2.2). */
static void postmark_metadata(struct tdm_preset_writer *writer)
{
    const struct tdm_service_pairs *metadata = &writer->wishes->metadata;
    for (size_t i = 0; i < metadata->count; i++) {
        const char *key = metadata->items[i].name;
        size_t length = 0;
        while (tdm_is_alnum(key[length]) || key[length] == '-' || key[length] == '_') {
            length++;
        }
        if (key[length] != '\0' || length > POSTMARK_NAME_MAX) {
            fields_refuse_by(writer, "metadata",
                             "takes names of up to 20 letters, digits, - and _");
            return;
        }
        char name[FIELDS_NAME_MAX] = "X-PM-Metadata-";
        memcpy(name + strlen(name), key, length + 1);
        fields_text(writer, "metadata", name, metadata->items[i].value);
    }
}

void tdm_fields_postmark(struct tdm_preset_writer *writer)
{
    const struct tdm_service_wishes *wishes = writer->wishes;
    if (fields_wants(writer, TDM_FEATURE_TAGS)) {
        fields_text(writer, "tags", "X-PM-Tag", wishes->tags[0]);
    }
    if (fields_wants(writer, TDM_FEATURE_METADATA)) {
        postmark_metadata(writer);
    }
    if (fields_wants(writer, TDM_FEATURE_TRACKING)) {
        fields_switch(writer, "X-PM-Track-Opens", wishes->track_opens, "false", "true");
        fields_switch(writer, "X-PM-Track-Links", wishes->track_clicks, "None", "HtmlAndText");
    }
    fields_own_options(writer, "false", "true");
}

/* Resend: resend.com/docs/send-with-smtp. */

const struct tdm_service_option tdm_options_resend[] = {{0}};

void tdm_fields_resend(struct tdm_preset_writer *writer)
{
    if (fields_wants(writer, TDM_FEATURE_IDEMPOTENCY)) {
        fields_text(writer, "idempotency key", "Resend-Idempotency-Key",
                    writer->wishes->idempotency_key);
    }
}

/* SparkPost: developers.sparkpost.com/api/smtp. */

const struct tdm_service_option tdm_options_sparkpost[] = {
    {"campaign-id", TDM_OPTION_TEXT, "campaign_id", "the campaign, up to 64 bytes"},
    {"inline-css", TDM_OPTION_BOOLEAN, "options/inline_css", "yes: CSS is put into the elements"},
    {"ip-pool", TDM_OPTION_TEXT, "options/ip_pool", "the pool of dedicated addresses to send from"},
    {"skip-suppression", TDM_OPTION_BOOLEAN, "options/skip_suppression",
     "yes: the list of addresses not to be sent to is passed over"},
    {"transactional", TDM_OPTION_BOOLEAN, "options/transactional", "yes: it is no advertising"},
    {0}};

static int sparkpost_switch(json_t *root, const char *name, int tracking)
{
    if (tracking == TIDYMAIL_TRACKING_DEFAULT) {
        return 0;
    }
    json_t *options = fields_member(root, "options");
    return options != NULL
               ? fields_put(options, name, json_boolean(tracking == TIDYMAIL_TRACKING_ON))
               : -1;
}

void tdm_fields_sparkpost(struct tdm_preset_writer *writer)
{
    const struct tdm_service_wishes *wishes = writer->wishes;
    json_t *root = json_object();
    int failed = root == NULL;
    if (!failed && fields_wants(writer, TDM_FEATURE_TAGS)) {
        failed |= fields_put(root, "tags", fields_tags(writer));
    }
    if (!failed && fields_wants(writer, TDM_FEATURE_METADATA)) {
        failed |= fields_put(root, "metadata", fields_metadata(writer));
    }
    if (!failed && fields_wants(writer, TDM_FEATURE_TRACKING)) {
        failed |= sparkpost_switch(root, "open_tracking", wishes->track_opens);
        failed |= sparkpost_switch(root, "click_tracking", wishes->track_clicks);
    }
    if (!failed && fields_wants(writer, TDM_FEATURE_SANDBOX)) {
        failed |= sparkpost_switch(root, "sandbox", TIDYMAIL_TRACKING_ON);
    }
    failed = failed || fields_put_options(writer, root) != 0;
    if (failed) {
        fields_no_memory(writer);
        json_decref(root);
    } else if (json_object_size(root) > 0) {
        fields_json(writer, "X-MSYS-API", "X-MSYS-API", root);
    } else {
        json_decref(root);
    }
}

/* Mailjet: dev.mailjet.com/docs/smtp_relay/custom_headers. */

const struct tdm_service_option tdm_options_mailjet[] = {
    {"custom-campaign", TDM_OPTION_TEXT, "X-Mailjet-Campaign", "the campaign, instead of the tag"},
    {"custom-id", TDM_OPTION_TEXT, "X-MJ-CustomID", "a value that comes back with each event"},
    {"deduplicate-campaign", TDM_OPTION_BOOLEAN, "X-Mailjet-DeduplicateCampaign",
     "yes: a campaign goes to an address once"},
    {"event-payload", TDM_OPTION_TEXT, "X-MJ-EventPayload",
     "a text that comes back with each event, instead of the metadata"},
    {"priority", TDM_OPTION_INTEGER, "X-Mailjet-Prio", "the place in the queue: 0, 1, 2 or 3"},
    {"template-language", TDM_OPTION_BOOLEAN, "X-MJ-TemplateLanguage",
     "yes: values are filled into the template"},
    {"variables", TDM_OPTION_JSON, "X-MJ-Vars", "values for {{var:NAME}} in the body"},
    {0}};

static void mailjet_template(struct tdm_preset_writer *writer)
{
    const struct tdm_service_wishes *wishes = writer->wishes;
    const char *id = wishes->template_id;
    if (id[0] == '\0' || id[strspn(id, "0123456789")] != '\0') {
        fields_refuse_by(writer, "template", "takes the number of a template");
        return;
    }
    fields_text(writer, "template", "X-MJ-TemplateID", id);
    if (wishes->template_values == NULL) {
        return;
    }
    json_error_t problem;
    json_t *values = json_loads(wishes->template_values, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(values)) {
        json_decref(values);
        fields_refuse(writer, "template", "its values are no JSON object");
        return;
    }
    fields_json(writer, "template", "X-MJ-Vars", values);
    if (!fields_is_taken(writer, "X-MJ-TemplateLanguage")) {
        fields_text(writer, "template", "X-MJ-TemplateLanguage", "True");
    }
}

void tdm_fields_mailjet(struct tdm_preset_writer *writer)
{
    const struct tdm_service_wishes *wishes = writer->wishes;
    if (fields_wants(writer, TDM_FEATURE_TAGS) && !fields_is_taken(writer, "X-Mailjet-Campaign")) {
        fields_text(writer, "tags", "X-Mailjet-Campaign", wishes->tags[0]);
    }
    if (fields_wants(writer, TDM_FEATURE_METADATA) &&
        !fields_is_taken(writer, "X-MJ-EventPayload")) {
        fields_json(writer, "metadata", "X-MJ-EventPayload", fields_metadata(writer));
    }
    if (fields_wants(writer, TDM_FEATURE_TRACKING)) {
        fields_switch(writer, "X-Mailjet-TrackOpen", wishes->track_opens, "0", "1");
        fields_switch(writer, "X-Mailjet-TrackClick", wishes->track_clicks, "0", "1");
    }
    if (fields_wants(writer, TDM_FEATURE_TEMPLATE)) {
        mailjet_template(writer);
    }
    fields_own_options(writer, "False", "True");
}

/* Mandrill: mailchimp.com/developer/transactional/docs/smtp-integration. */

const struct tdm_service_option tdm_options_mandrill[] = {
    {"auto-html", TDM_OPTION_BOOLEAN, "X-MC-AutoHtml", "yes: HTML is made of the text"},
    {"auto-text", TDM_OPTION_BOOLEAN, "X-MC-Autotext", "yes: text is made of the HTML"},
    {"bcc-address", TDM_OPTION_TEXT, "X-MC-BccAddress", "an address that gets a copy of all"},
    {"google-analytics-campaign", TDM_OPTION_TEXT, "X-MC-GoogleAnalyticsCampaign",
     "the name of the campaign in Google Analytics"},
    {"important", TDM_OPTION_BOOLEAN, "X-MC-Important", "yes: ahead of other messages"},
    {"inline-css", TDM_OPTION_BOOLEAN, "X-MC-InlineCSS", "yes: CSS is put into the elements"},
    {"ip-pool", TDM_OPTION_TEXT, "X-MC-IpPool", "the pool of dedicated addresses to send from"},
    {"preserve-recipients", TDM_OPTION_BOOLEAN, "X-MC-PreserveRecipients",
     "no: each recipient sees only itself"},
    {"return-path-domain", TDM_OPTION_TEXT, "X-MC-ReturnPathDomain",
     "the domain of the reverse-path"},
    {"signing-domain", TDM_OPTION_TEXT, "X-MC-SigningDomain", "the domain that signs (DKIM)"},
    {"subaccount", TDM_OPTION_TEXT, "X-MC-Subaccount", "the subaccount that sends"},
    {"tracking-domain", TDM_OPTION_TEXT, "X-MC-TrackingDomain", "the domain of tracked links"},
    {"url-strip-qs", TDM_OPTION_BOOLEAN, "X-MC-URLStripQS",
     "yes: links are counted without their query"},
    {"view-content-link", TDM_OPTION_BOOLEAN, "X-MC-ViewContentLink",
     "no: the content is not kept for people to look at"},
    {0}};

/* One field says both, and what it does not name is off. */
static void mandrill_tracking(struct tdm_preset_writer *writer)
{
    int opens = writer->wishes->track_opens;
    int clicks = writer->wishes->track_clicks;
    if (opens == TIDYMAIL_TRACKING_DEFAULT || clicks == TIDYMAIL_TRACKING_DEFAULT) {
        fields_refuse_by(writer, "tracking",
                         "switches opens and clicks together: set both, or none");
        return;
    }
    int both = opens == TIDYMAIL_TRACKING_ON && clicks == TIDYMAIL_TRACKING_ON;
    fields_text(writer, "tracking", "X-MC-Track",
                both                             ? "opens,clicks"
                : opens == TIDYMAIL_TRACKING_ON  ? "opens"
                : clicks == TIDYMAIL_TRACKING_ON ? "clicks"
                                                 : "none");
}

void tdm_fields_mandrill(struct tdm_preset_writer *writer)
{
    if (fields_wants(writer, TDM_FEATURE_TAGS)) {
        for (size_t i = 0; i < writer->wishes->tag_count; i++) {
            if (writer->wishes->tags[i][0] == '_') {
                fields_refuse_by(writer, "tags", "takes none with _ in front");
            }
        }
        fields_tag_list(writer, "X-MC-Tags");
    }
    if (fields_wants(writer, TDM_FEATURE_METADATA)) {
        fields_json(writer, "metadata", "X-MC-Metadata", fields_metadata(writer));
    }
    if (fields_wants(writer, TDM_FEATURE_TRACKING)) {
        mandrill_tracking(writer);
    }
    if (fields_wants(writer, TDM_FEATURE_SCHEDULE)) {
        char date[TDM_DATE_MAX]; /* "2026-11-24 14:25:20", UTC */
        tdm_date_format_iso(writer->wishes->send_at, date);
        date[10] = ' ';
        date[19] = '\0';
        fields_text(writer, "send_at", "X-MC-SendAt", date);
    }
    fields_own_options(writer, "false", "true");
}

/* MailerSend: developers.mailersend.com, SMTP relay. */

const struct tdm_service_option tdm_options_mailersend[] = {{0}};

void tdm_fields_mailersend(struct tdm_preset_writer *writer)
{
    if (fields_wants(writer, TDM_FEATURE_TAGS)) {
        fields_tag_list(writer, "X-MailerSend-Tags");
    }
}

/* Options that the message has for this service, by name and value. */
static int fields_check_options(struct tdm_preset_writer *writer)
{
    const struct tdm_provider *service = &writer->use->preset->service;
    const struct tdm_service_pairs *given = &writer->wishes->options;
    for (size_t i = 0; i < given->count; i++) {
        const struct tdm_service_pair *pair = &given->items[i];
        if (strcmp(pair->service, service->scheme) != 0) {
            continue;
        }
        if (strcmp(pair->name, "extra") == 0) {
            fields_refuse_by(writer, "option extra", "has no request that it could be merged into");
        } else if (tdm_service_option_check(service, pair->name, strlen(pair->name), pair->value,
                                            TIDYMAIL_KIND_MESSAGE, writer->error) != TIDYMAIL_OK) {
            tdm_text_set(&writer->error->allocator, &writer->error->hint,
                         "docs/smtp-presets.md lists the options that go over SMTP");
        }
    }
    return writer->error->kind;
}

int tdm_preset_write_fields(const struct tdm_preset_use *use,
                            const struct tdm_service_wishes *wishes, struct tdm_buf *out,
                            struct tidymail_error *error)
{
    struct tdm_preset_writer writer = {use, wishes, out, error};
    if (fields_check_options(&writer) != TIDYMAIL_OK) {
        return error->kind;
    }
    use->preset->write(&writer);
    if (out->failed) {
        fields_no_memory(&writer);
    }
    return error->kind;
}
