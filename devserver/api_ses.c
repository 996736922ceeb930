/* api_ses.c: the double of Amazon SES v2 (SendEmail, simple, raw and template):
 * https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html */
#include <string.h>

#include "api.h"
#include "util/base64.h"
#include "util/str.h"

#define SES_PATH "/v2/email/outbound-emails"
#define SES_ID "AKIDDOUBLE" /* of the ready URL where any id is accepted; its secret is "key" */
#define SES_SIZE_MAX ((size_t)40 << 20)
#define RECIPIENTS_MAX 50

#define END                                                                                        \
    {                                                                                              \
        NULL, TDM_API_ANY, 0, NULL, 0                                                              \
    }

static const struct tdm_api_member ses_destination[] = {
    {"ToAddresses", TDM_API_TEXTS, 0, NULL, 0},
    {"CcAddresses", TDM_API_TEXTS, 0, NULL, 0},
    {"BccAddresses", TDM_API_TEXTS, 0, NULL, 0},
    END,
};
static const struct tdm_api_member ses_data[] = {
    {"Data", TDM_API_TEXT, 0, NULL, 0},
    {"Charset", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member ses_texts[] = {
    {"Text", TDM_API_OBJECT, 0, ses_data, 0},
    {"Html", TDM_API_OBJECT, 0, ses_data, 0},
    END,
};
static const struct tdm_api_member ses_header[] = {
    {"Name", TDM_API_TEXT, 1, NULL, 126},
    {"Value", TDM_API_TEXT, 1, NULL, 995},
    END,
};
static const struct tdm_api_member ses_attachment[] = {
    {"RawContent", TDM_API_BASE64, 0, NULL, 0},
    {"FileName", TDM_API_TEXT, 1, NULL, 255},
    {"ContentType", TDM_API_TEXT, 0, NULL, 78},
    {"ContentDisposition", TDM_API_TEXT, 0, NULL, 0},
    {"ContentId", TDM_API_TEXT, 0, NULL, 78},
    {"ContentTransferEncoding", TDM_API_TEXT, 0, NULL, 0},
    {"ContentDescription", TDM_API_TEXT, 0, NULL, 1000},
    END,
};
static const struct tdm_api_member ses_simple[] = {
    {"Subject", TDM_API_OBJECT, 1, ses_data, 0},
    {"Body", TDM_API_OBJECT, 1, ses_texts, 0},
    {"Headers", TDM_API_OBJECTS, 0, ses_header, 15},
    {"Attachments", TDM_API_OBJECTS, 0, ses_attachment, 0},
    END,
};
static const struct tdm_api_member ses_raw[] = {{"Data", TDM_API_TEXT, 1, NULL, 0}, END};
static const struct tdm_api_member ses_template_content[] = {
    {"Subject", TDM_API_TEXT, 0, NULL, 0},
    {"Text", TDM_API_TEXT, 0, NULL, 0},
    {"Html", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member ses_template[] = {
    {"TemplateName", TDM_API_TEXT, 0, NULL, 0},
    {"TemplateArn", TDM_API_TEXT, 0, NULL, 0},
    {"TemplateContent", TDM_API_OBJECT, 0, ses_template_content, 0},
    {"TemplateData", TDM_API_TEXT, 0, NULL, 262144},
    {"Headers", TDM_API_OBJECTS, 0, ses_header, 15},
    {"Attachments", TDM_API_OBJECTS, 0, ses_attachment, 0},
    END,
};
static const struct tdm_api_member ses_content[] = {
    {"Simple", TDM_API_OBJECT, 0, ses_simple, 0},
    {"Raw", TDM_API_OBJECT, 0, ses_raw, 0},
    {"Template", TDM_API_OBJECT, 0, ses_template, 0},
    END,
};
static const struct tdm_api_member ses_tag[] = {
    {"Name", TDM_API_TEXT, 1, NULL, 256},
    {"Value", TDM_API_TEXT, 1, NULL, 256},
    END,
};
static const struct tdm_api_member ses_list[] = {
    {"ContactListName", TDM_API_TEXT, 1, NULL, 0},
    {"TopicName", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member ses_email[] = {
    {"FromEmailAddress", TDM_API_TEXT, 0, NULL, 0},
    {"FromEmailAddressIdentityArn", TDM_API_TEXT, 0, NULL, 0},
    {"Destination", TDM_API_OBJECT, 0, ses_destination, 0},
    {"ReplyToAddresses", TDM_API_TEXTS, 0, NULL, 0},
    {"FeedbackForwardingEmailAddress", TDM_API_TEXT, 0, NULL, 0},
    {"FeedbackForwardingEmailAddressIdentityArn", TDM_API_TEXT, 0, NULL, 0},
    {"Content", TDM_API_OBJECT, 1, ses_content, 0},
    {"EmailTags", TDM_API_OBJECTS, 0, ses_tag, 50},
    {"ConfigurationSetName", TDM_API_TEXT, 0, NULL, 0},
    {"EndpointId", TDM_API_TEXT, 0, NULL, 0},
    {"TenantName", TDM_API_TEXT, 0, NULL, 0},
    {"ListManagementOptions", TDM_API_OBJECT, 0, ses_list, 0},
    END,
};

#define SES_TYPE(name)                                                                             \
    "x-amzn-ErrorType: " name "\r\nx-amzn-RequestId: 3f8a7e56-27a1-4f0b-9d4e-0d1b2c3a4f5e\r\n"
#define SES_MESSAGE(text) "{\"message\":\"" text "\"}"
#define SES_MISMATCH                                                                               \
    "The request signature we calculated does not match the signature you provided. Check your "   \
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
#define SES_TOKEN "The security token included in the request is invalid."

static const struct tdm_api_canned ses_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 403, SES_TYPE("UnrecognizedClientException"),
     SES_MESSAGE(SES_TOKEN)},
    {TDM_API_FAULT_BAD_DATA, 400, SES_TYPE("BadRequestException"),
     SES_MESSAGE("Missing required header 'From'.")},
    {TDM_API_FAULT_UNVERIFIED_SENDER, 400, SES_TYPE("MessageRejected"),
     SES_MESSAGE("Email address is not verified. The following identities failed the check in "
                 "region US-EAST-1: sender@example.com")},
    {TDM_API_FAULT_RATE_LIMIT, 429, SES_TYPE("TooManyRequestsException"),
     SES_MESSAGE("Maximum sending rate exceeded.")},
    {TDM_API_FAULT_QUOTA, 400, SES_TYPE("LimitExceededException"),
     SES_MESSAGE("Daily message quota exceeded.")},
    {TDM_API_FAULT_SERVER_ERROR, 500, SES_TYPE("InternalFailure"),
     SES_MESSAGE("The request processing has failed because of an unknown error, exception or "
                 "failure.")},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int ses_claims(const struct tdm_served_request *request)
{
    return strncmp(request->path, "/v2/email/", 10) == 0;
}

static void ses_error(struct tdm_api_call *call, int status, const char *type, const char *message)
{
    struct tdm_buf body;
    struct tdm_buf fields;
    char id[TDM_API_UUID_SIZE];
    tdm_api_uuid(id);
    tdm_buf_init(&body, NULL, 8192);
    tdm_buf_init(&fields, NULL, 1024);
    tdm_buf_add_str(&body, "{\"message\":");
    tdm_api_quote(&body, message);
    tdm_buf_add_char(&body, '}');
    tdm_buf_addf(&fields, "x-amzn-ErrorType: %s\r\nx-amzn-RequestId: %s\r\n", type, id);
    tdm_api_answer(call, status, tdm_buf_text(&fields), tdm_buf_text(&body));
    tdm_buf_clear(&body);
    tdm_buf_clear(&fields);
}

static void ses_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                       const char *words)
{
    static const struct {
        int status;
        const char *type;
    } errors[] = {
        [TDM_API_PATH] = {404, "UnknownOperationException"},
        [TDM_API_METHOD] = {404, "UnknownOperationException"},
        [TDM_API_MEDIA] = {400, "SerializationException"},
        [TDM_API_SYNTAX] = {400, "SerializationException"},
        [TDM_API_UNKNOWN] = {400, "BadRequestException"},
        [TDM_API_MISSING] = {400, "BadRequestException"},
        [TDM_API_TYPE] = {400, "SerializationException"},
        [TDM_API_VALUE] = {400, "BadRequestException"},
        [TDM_API_ADDRESS] = {400, "BadRequestException"},
        [TDM_API_DUPLICATE] = {400, "BadRequestException"},
        [TDM_API_LIMIT] = {400, "BadRequestException"},
        [TDM_API_SIZE] = {413, "RequestEntityTooLarge"},
        [TDM_API_FAILED] = {500, "InternalFailure"},
    };
    (void)field;
    ses_error(call, errors[why].status, errors[why].type, words);
}

/* SES has no SMTPUTF8: names come encoded (RFC 2047), domains in A-labels. */
static int ses_address(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                       const char *mailbox)
{
    if (tdm_has_8bit(mailbox, strlen(mailbox))) {
        return tdm_api_refuse(mail->call, TDM_API_ADDRESS, field,
                              "'%s' holds characters outside ASCII: encode the name (RFC 2047) "
                              "and the domain (punycode)",
                              field);
    }
    return tdm_api_mail_address(mail, where, field, mailbox);
}

static int ses_addresses(struct tdm_api_mail *mail, enum tdm_api_where where, json_t *object,
                         const char *name)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(object, name), index, item)
    {
        if (ses_address(mail, where, name, json_string_value(item)) != 0) {
            return -1;
        }
    }
    return 0;
}

static int ses_destinations(struct tdm_api_mail *mail, json_t *destination)
{
    if (ses_addresses(mail, TDM_API_TO, destination, "ToAddresses") != 0 ||
        ses_addresses(mail, TDM_API_CC, destination, "CcAddresses") != 0 ||
        ses_addresses(mail, TDM_API_BCC, destination, "BccAddresses") != 0) {
        return -1;
    }
    return 0;
}

static int ses_count(struct tdm_api_mail *mail)
{
    if (mail->recipient_count == 0) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "Destination",
                              "At least one recipient is required.");
    }
    if (mail->recipient_count > RECIPIENTS_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_LIMIT, "Destination",
                              "Recipient count exceeds 50.");
    }
    return 0;
}

/* {Data, Charset}: without a charset it is ASCII. */
static int ses_data_text(struct tdm_api_mail *mail, json_t *data, const char *field,
                         const char **text)
{
    const char *charset = tdm_api_text(data, "Charset");
    *text = tdm_api_text(data, "Data");
    if (*text == NULL) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, field, "'%s.Data' is missing", field);
    }
    if (charset != NULL && !tdm_equal_nocase(charset, "UTF-8")) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, field,
                              "'%s.Charset' is not one that this double knows (UTF-8)", field);
    }
    if (charset == NULL && tdm_has_8bit(*text, strlen(*text))) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, field,
                              "'%s.Data' holds characters outside ASCII, and no Charset says so",
                              field);
    }
    return 0;
}

static int ses_headers(struct tdm_api_mail *mail, json_t *headers)
{
    size_t index;
    json_t *item;
    json_array_foreach(headers, index, item)
    {
        const char *value = tdm_api_text(item, "Value");
        size_t length = strlen(value);
        if (tdm_has_8bit(value, length) || tdm_find_control(value, length) < length) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "Headers",
                                  "'Headers.%z.Value' must be printable ASCII", index);
        }
        if (tdm_api_mail_header(mail, "Headers", tdm_api_text(item, "Name"), value) != 0) {
            return -1;
        }
    }
    return 0;
}

static int ses_one_of(const char *value, const char *const *words)
{
    for (; value != NULL && *words != NULL; words++) {
        if (strcmp(value, *words) == 0) {
            return 1;
        }
    }
    return value == NULL;
}

static int ses_attachments(struct tdm_api_mail *mail, json_t *list)
{
    static const char *const dispositions[] = {"ATTACHMENT", "INLINE", NULL};
    static const char *const encodings[] = {"BASE64", "QUOTED_PRINTABLE", "SEVEN_BIT", NULL};
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *content = tdm_api_text(item, "RawContent");
        const char *disposition = tdm_api_text(item, "ContentDisposition");
        struct tdm_api_file file = {0};
        if (content == NULL) {
            return tdm_api_refuse(mail->call, TDM_API_MISSING, "Attachments",
                                  "'Attachments.%z.RawContent' is missing", index);
        }
        if (!ses_one_of(disposition, dispositions) ||
            !ses_one_of(tdm_api_text(item, "ContentTransferEncoding"), encodings)) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "Attachments",
                                  "'Attachments.%z': ContentDisposition is ATTACHMENT or INLINE, "
                                  "ContentTransferEncoding BASE64, QUOTED_PRINTABLE or SEVEN_BIT",
                                  index);
        }
        file.name = tdm_api_text(item, "FileName");
        file.type = tdm_api_text(item, "ContentType");
        file.content_id = tdm_api_text(item, "ContentId");
        file.is_inline = disposition != NULL && strcmp(disposition, "INLINE") == 0;
        if (tdm_api_mail_file64(mail, "Attachments", file, content) != 0) {
            return -1;
        }
    }
    return 0;
}

static int ses_make_simple(struct tdm_api_mail *mail, json_t *simple)
{
    json_t *body = json_object_get(simple, "Body");
    json_t *text = tdm_api_get(body, "Text");
    json_t *html = tdm_api_get(body, "Html");
    const char *data;
    if (text == NULL && html == NULL) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "Body",
                              "'Body' has no Text and no Html");
    }
    if (ses_data_text(mail, json_object_get(simple, "Subject"), "Subject", &data) != 0 ||
        tdm_api_mail_subject(mail, "Subject", data) != 0) {
        return -1;
    }
    if (text != NULL && (ses_data_text(mail, text, "Body.Text", &data) != 0 ||
                         tdm_api_mail_text(mail, "Body.Text", data) != 0)) {
        return -1;
    }
    if (html != NULL && (ses_data_text(mail, html, "Body.Html", &data) != 0 ||
                         tdm_api_mail_html(mail, "Body.Html", data) != 0)) {
        return -1;
    }
    return ses_headers(mail, tdm_api_get(simple, "Headers")) != 0 ||
                   ses_attachments(mail, tdm_api_get(simple, "Attachments")) != 0
               ? -1
               : 0;
}

static int ses_make_template(struct tdm_api_mail *mail, json_t *chosen)
{
    const char *name = tdm_api_text(chosen, "TemplateName");
    const char *data = tdm_api_text(chosen, "TemplateData");
    json_t *values = data != NULL ? json_loads(data, JSON_REJECT_DUPLICATES, NULL) : NULL;
    int result = -1;
    name = name != NULL ? name : tdm_api_text(chosen, "TemplateArn");
    name = name == NULL && tdm_api_get(chosen, "TemplateContent") != NULL ? "inline" : name;
    if (name == NULL) {
        tdm_api_refuse(mail->call, TDM_API_MISSING, "Template", "'Template' has no TemplateName");
    } else if (data != NULL && !json_is_object(values)) {
        tdm_api_refuse(mail->call, TDM_API_VALUE, "Template.TemplateData",
                       "'Template.TemplateData' is no JSON object");
    } else if (tdm_api_mail_template(mail, name, values) == 0 &&
               ses_headers(mail, tdm_api_get(chosen, "Headers")) == 0) {
        result = ses_attachments(mail, tdm_api_get(chosen, "Attachments"));
    }
    json_decref(values);
    return result;
}

static int ses_tags(struct tdm_api_mail *mail, json_t *tags)
{
    size_t index;
    json_t *item;
    json_array_foreach(tags, index, item)
    {
        const char *texts[2] = {tdm_api_text(item, "Name"), tdm_api_text(item, "Value")};
        for (size_t i = 0; i < 2; i++) {
            for (const char *c = texts[i]; *c != '\0'; c++) {
                if (!tdm_is_alnum(*c) && *c != '_' && *c != '-') {
                    return tdm_api_refuse(mail->call, TDM_API_VALUE, "EmailTags",
                                          "'EmailTags.%z' holds a character that is no ASCII "
                                          "letter, digit, '_' or '-'",
                                          index);
                }
            }
        }
        if (tdm_api_mail_mark_pair(mail, texts[0], texts[1]) != 0) {
            return -1;
        }
    }
    return 0;
}

static int ses_options(struct tdm_api_mail *mail, json_t *root)
{
    static const char *const names[] = {"ConfigurationSetName",
                                        "TenantName",
                                        "ListManagementOptions",
                                        "FromEmailAddressIdentityArn",
                                        "FeedbackForwardingEmailAddress",
                                        "FeedbackForwardingEmailAddressIdentityArn",
                                        "EndpointId"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (tdm_api_mail_mark_option(mail, names[i], tdm_api_get(root, names[i])) != 0) {
            return -1;
        }
    }
    return ses_tags(mail, tdm_api_get(root, "EmailTags"));
}

/* What all forms share, and the form that it has. */
static int ses_make(struct tdm_api_mail *mail, json_t *root, struct tdm_buf *raw)
{
    json_t *content = json_object_get(root, "Content");
    json_t *ready = tdm_api_get(content, "Raw");
    json_t *simple = tdm_api_get(content, "Simple");
    json_t *chosen = tdm_api_get(content, "Template");
    json_t *destination = tdm_api_get(root, "Destination");
    const char *from = tdm_api_text(root, "FromEmailAddress");
    if ((ready != NULL) + (simple != NULL) + (chosen != NULL) != 1) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "Content",
                              "'Content' has one of Simple, Raw and Template");
    }
    if (from == NULL && ready == NULL) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "FromEmailAddress",
                              "Missing required header 'From'.");
    }
    if ((from != NULL && ses_address(mail, TDM_API_FROM, "FromEmailAddress", from) != 0) ||
        ses_destinations(mail, destination) != 0 ||
        ses_addresses(mail, TDM_API_REPLY_TO, root, "ReplyToAddresses") != 0 ||
        ses_options(mail, root) != 0) {
        return -1;
    }
    if (ready != NULL) {
        const char *data = tdm_api_text(ready, "Data");
        if (tdm_base64_decode(raw, data, strlen(data)) != 0) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "Content.Raw.Data",
                                  "'Content.Raw.Data' is not valid base64");
        }
        if (tdm_api_mail_raw(mail, "Content.Raw.Data", tdm_buf_text(raw), raw->length,
                             mail->recipient_count == 0) != 0) {
            return -1;
        }
    } else if (simple != NULL ? ses_make_simple(mail, simple) != 0
                              : ses_make_template(mail, chosen) != 0) {
        return -1;
    }
    return ses_count(mail) != 0 ? -1 : tdm_api_mail_keep(mail);
}

static void ses_send(struct tdm_api_call *call, json_t *root)
{
    struct tdm_api_mail mail;
    struct tdm_buf raw;
    struct tdm_buf fields;
    char id[TDM_API_UUID_SIZE];
    char front[13];
    tdm_buf_init(&raw, NULL, SES_SIZE_MAX);
    if (tdm_api_mail_begin(&mail, call) == 0 && ses_make(&mail, root, &raw) == 0) {
        tdm_buf_init(&fields, NULL, 1024);
        tdm_api_uuid(id);
        tdm_buf_addf(&fields, "x-amzn-RequestId: %s\r\n", id);
        tdm_api_uuid(id);
        tdm_api_hex(front, 6);
        tdm_api_answer(call, 200, tdm_buf_text(&fields),
                       tdm_api_textf(call, "{\"MessageId\":\"0100%s-%s-000000\"}", front, id));
        tdm_buf_clear(&fields);
    }
    tdm_api_mail_end(&mail);
    tdm_buf_clear(&raw);
}

static int ses_login(struct tdm_api_call *call)
{
    struct tdm_api_signature signature;
    memset(&signature, 0, sizeof(signature));
    signature.service = "ses";
    signature.id = call->user;
    signature.secret = call->key;
    enum tdm_api_sigv4 found = tdm_api_sigv4_check(call->request, call->now_s, &signature);
    if (found == TDM_API_SIGNED && call->key == NULL && strcmp(signature.given, SES_ID) == 0) {
        signature.secret = "key";
        found = tdm_api_sigv4_check(call->request, call->now_s, &signature);
    }
    if (found == TDM_API_SIGNED) {
        call->who = tdm_strdup(&tdm_allocator_default, signature.given);
        return 0;
    }
    if (found == TDM_API_UNSIGNED) {
        ses_error(call, 403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    } else if (found == TDM_API_INCOMPLETE) {
        ses_error(call, 403, "IncompleteSignatureException", signature.why);
    } else if (found == TDM_API_UNKNOWN_ID) {
        ses_error(call, 403, "UnrecognizedClientException", SES_TOKEN);
    } else if (found == TDM_API_SKEWED) {
        ses_error(call, 403, "InvalidSignatureException",
                  "Signature expired: the request's date is not within 15 minutes of the time "
                  "here");
    } else {
        ses_error(call, 403, "InvalidSignatureException", SES_MISMATCH);
    }
    return -1;
}

static void ses_serve(struct tdm_api_call *call)
{
    json_t *root = NULL;
    if (strcmp(call->request->path, SES_PATH) != 0 || call->request->query[0] != '\0') {
        tdm_api_refuse(call, TDM_API_PATH, "", "no such operation");
        return;
    }
    if (tdm_api_is_post(call) != 0 || ses_login(call) != 0 ||
        tdm_api_json(call, ses_email, &root) != 0) {
        return;
    }
    ses_send(call, root);
    json_decref(root);
}

const struct tdm_double tdm_double_ses = {
    .scheme = "ses",
    .url = "ses://{user}:{key}@us-east-1{end}",
    .default_user = SES_ID,
    .max_request = SES_SIZE_MAX,
    .partial = 0,
    .canned = ses_canned,
    .claims = ses_claims,
    .serve = ses_serve,
    .refuse = ses_refuse,
};
