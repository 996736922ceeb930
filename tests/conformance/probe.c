/*
 * probe.c: what the scripts of tests/conformance ask the library. A line on standard input is a command
 * and its arguments in base64, with tabs between them; the answer is a line "ok" or "error" and what
 * belongs to it in the same form. Arguments hold no NUL, since texts of the API end there.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/tidymail.h>

#include "dkim/dkim_canonical.h"
#include "message/message_data.h"
#include "message/parameter.h"
#include "provider/provider.h"
#include "provider/sigv4.h"
#include "read_source.h"
#include "util/base64.h"
#include "util/quoted_printable.h"

#define PROBE_ARGUMENTS_MAX 200

struct probe {
    struct tdm_buf arguments[PROBE_ARGUMENTS_MAX];
    size_t count;
};

static const char *probe_text(const struct probe *probe, size_t index)
{
    return index < probe->count ? tdm_buf_text(&probe->arguments[index]) : "";
}

static void probe_put(const void *bytes, size_t length)
{
    struct tdm_buf encoded;
    tdm_buf_init(&encoded, NULL, SIZE_MAX / 4);
    tdm_base64_encode(&encoded, bytes, length);
    printf("\t%s", tdm_buf_text(&encoded));
    tdm_buf_clear(&encoded);
}

static void probe_put_text(const char *text)
{
    probe_put(text, strlen(text));
}

static void probe_refused(const char *words)
{
    printf("error");
    probe_put_text(words);
}

static void probe_collect(void *context, const char *bytes, size_t length)
{
    tdm_buf_add(context, bytes, length);
}

/* dkim-body FORM BODY, dkim-field FORM FIELD: as it is hashed; FORM is simple or relaxed. */
static void probe_dkim(const struct probe *probe, int is_body)
{
    int relaxed = strcmp(probe_text(probe, 1), "relaxed") == 0;
    size_t length = probe->count > 2 ? probe->arguments[2].length : 0;
    struct tdm_buf out;
    struct tdm_dkim_body body;
    tdm_buf_init(&out, NULL, SIZE_MAX / 4);
    if (is_body) {
        tdm_dkim_body_init(&body, relaxed ? TDM_DKIM_RELAXED : TDM_DKIM_SIMPLE, probe_collect,
                           &out);
        tdm_dkim_body_feed(&body, probe_text(probe, 2), length);
        tdm_dkim_body_end(&body);
    } else {
        tdm_dkim_field(&out, relaxed ? TDM_DKIM_RELAXED : TDM_DKIM_SIMPLE, probe_text(probe, 2),
                       length, 1);
    }
    printf("ok");
    probe_put(tdm_buf_text(&out), out.length);
    tdm_buf_clear(&out);
}

/* addresses FLAGS TEXT: name, addr-spec, domain and group of each. */
static void probe_addresses(const struct probe *probe)
{
    tidymail_address_list *list =
        tidymail_address_list_parse(probe_text(probe, 2), atoi(probe_text(probe, 1)));
    if (tidymail_address_list_error(list) != NULL) {
        probe_refused(tidymail_error_message(tidymail_address_list_error(list)));
    } else {
        printf("ok");
        for (size_t i = 0; i < tidymail_address_list_count(list); i++) {
            probe_put_text(tidymail_address_list_name(list, i));
            probe_put_text(tidymail_address_list_spec(list, i));
            probe_put_text(tidymail_address_list_domain(list, i));
            probe_put_text(tidymail_address_list_group(list, i));
        }
    }
    tidymail_address_list_free(list);
}

/* field NAME FLAGS TEXT: the addresses as a header field. */
static void probe_field(const struct probe *probe)
{
    tidymail_address_list *list =
        tidymail_address_list_parse(probe_text(probe, 3), atoi(probe_text(probe, 2)));
    if (tidymail_address_list_error(list) != NULL) {
        probe_refused(tidymail_error_message(tidymail_address_list_error(list)));
    } else {
        printf("ok");
        probe_put_text(tidymail_address_list_field(list, probe_text(probe, 1)));
    }
    tidymail_address_list_free(list);
}

/* `cid`: NULL, or the id by which the HTML shows it. */
static void probe_attach(const struct probe *probe, size_t index, const char *cid,
                         tidymail_message *message)
{
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    const char *name = probe_text(probe, index);
    const char *type = probe_text(probe, index + 1);
    attachment.name = name[0] != '\0' ? name : NULL;
    attachment.type = type[0] != '\0' ? type : "application/octet-stream";
    attachment.bytes = probe_text(probe, index + 2);
    attachment.length = index + 2 < probe->count ? probe->arguments[index + 2].length : 0;
    attachment.content_id = cid;
    attachment.is_inline = cid != NULL;
    tdm_message_add_attachment(message, &attachment);
}

/* A setter of several arguments at `index`; how many it took, 0: it is none of them. */
static size_t probe_set_more(const struct probe *probe, const char *name, size_t index,
                             tidymail_message *message)
{
    const char *text[3] = {probe_text(probe, index), probe_text(probe, index + 1),
                           probe_text(probe, index + 2)};
    if (strcmp(name, "header") == 0) {
        tidymail_message_add_header(message, text[0], text[1]);
        return 2;
    }
    if (strcmp(name, "unsubscribe") == 0) {
        tidymail_message_set_list_unsubscribe(message, text[0], text[1][0] != '\0' ? text[1] : NULL,
                                              1);
        return 2;
    }
    if (strcmp(name, "attach") == 0) {
        probe_attach(probe, index, NULL, message);
        return 3;
    }
    if (strcmp(name, "inline") == 0) {
        probe_attach(probe, index + 1, text[0], message);
        return 4;
    }
    if (strcmp(name, "metadata") == 0) {
        tidymail_message_add_metadata(message, text[0], text[1]);
        return 2;
    }
    if (strcmp(name, "track") == 0) {
        tidymail_message_set_tracking(message, atoi(text[0]), atoi(text[1]));
        return 2;
    }
    if (strcmp(name, "template") == 0) {
        tidymail_message_set_template(message, text[0], text[1][0] != '\0' ? text[1] : NULL);
        return 2;
    }
    if (strcmp(name, "option") == 0) {
        tidymail_message_set_service_option(message, text[0], text[1], text[2]);
        return 3;
    }
    return 0;
}

static int probe_set_send_at(tidymail_message *message, const char *text)
{
    return tidymail_message_set_send_at(message, atoll(text));
}

/* What setters from `index` on make: SETTER TEXT | header NAME TEXT | unsubscribe HTTPS MAILTO |
 * attach NAME TYPE BYTES | inline CID NAME TYPE BYTES | metadata NAME VALUE | track OPENS CLICKS |
 * template ID VALUES | option SERVICE NAME VALUE. */
static tidymail_message *probe_make(const struct probe *probe, size_t index)
{
    static const struct {
        const char *name;
        int (*set)(tidymail_message *message, const char *text);
    } setters[] = {
        {"from", tidymail_message_set_from},
        {"to", tidymail_message_add_to},
        {"cc", tidymail_message_add_cc},
        {"bcc", tidymail_message_add_bcc},
        {"reply_to", tidymail_message_add_reply_to},
        {"envelope_from", tidymail_message_set_envelope_from},
        {"subject", tidymail_message_set_subject},
        {"text", tidymail_message_set_text},
        {"html", tidymail_message_set_html},
        {"calendar", tidymail_message_set_calendar},
        {"tag", tidymail_message_add_tag},
        {"send_at", probe_set_send_at},
    };
    tidymail_message *message = tidymail_message_new();
    while (index < probe->count) {
        const char *name = probe_text(probe, index++);
        size_t took = probe_set_more(probe, name, index, message);
        for (size_t k = 0; took == 0 && k < sizeof(setters) / sizeof(setters[0]); k++) {
            if (strcmp(name, setters[k].name) == 0) {
                setters[k].set(message, probe_text(probe, index));
            }
        }
        index += took > 0 ? took : 1;
    }
    return message;
}

/* message SETTERS: the finished message. */
static void probe_message(const struct probe *probe)
{
    tidymail_message *message = probe_make(probe, 1);
    tidymail_source source;
    char *bytes = NULL;
    size_t length = 0;
    if (tidymail_message_open(message, &source) == TIDYMAIL_OK) {
        bytes = read_source(&source, 4096, &length);
        source.release(source.context);
    }
    if (bytes != NULL) {
        printf("ok");
        probe_put(bytes, length);
    } else {
        probe_refused(tidymail_error_message(tidymail_message_error(message)));
    }
    free(bytes);
    tidymail_message_free(message);
}

static void probe_put_json(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    probe_put_text(text != NULL ? text : "");
    free(text);
    json_decref(value);
}

static void probe_put_request(const struct tdm_http_request *request)
{
    json_t *fields = json_array();
    for (size_t i = 0; i < request->fields.count; i++) {
        const struct tdm_http_field *field = &request->fields.items[i];
        json_array_append_new(fields, json_pack("[s, s]", field->name, field->value));
    }
    probe_put_json(json_pack("{s:s, s:s, s:s, s:o}", "method", request->method, "origin",
                             request->origin, "path", request->path, "fields", fields));
    probe_put(tdm_buf_text(&request->body), request->body.length);
}

static json_t *probe_word(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

static void probe_put_report(const tidymail_report *report)
{
    const tidymail_error *error = tidymail_report_error(report);
    json_t *recipients = json_array();
    for (size_t i = 0; i < tidymail_report_recipient_count(report); i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        json_array_append_new(
            recipients, json_pack("[s, s, o]", tidymail_recipient_address(recipient),
                                  tidymail_outcome_name(tidymail_recipient_outcome(recipient)),
                                  probe_word(tidymail_recipient_service_id(recipient))));
    }
    probe_put_json(json_pack("{s:s, s:o, s:o, s:s, s:s, s:i, s:b}", "outcome",
                             tidymail_outcome_name(tidymail_report_outcome(report)), "service_id",
                             probe_word(tidymail_report_service_id(report)), "recipients",
                             recipients, "kind",
                             error != NULL ? tidymail_kind_name(tidymail_error_kind(error)) : "",
                             "message", error != NULL ? tidymail_error_message(error) : "", "code",
                             error != NULL ? tidymail_error_code(error) : 0, "retryable",
                             error != NULL && tidymail_error_retryable(error)));
}

/* The answer STATUS ID-FIELD ID BODY, read. */
static void probe_parse(const struct probe *probe, size_t index, const struct tdm_provider_job *job)
{
    const char *field = probe_text(probe, index + 1);
    const char *id = probe_text(probe, index + 2);
    struct tdm_http_response response;
    tidymail_report *report =
        tdm_report_new(NULL, job->mail->recipients, job->mail->recipient_count);
    tdm_http_response_init(&response, NULL);
    response.status = atoi(probe_text(probe, index));
    if (field[0] != '\0') {
        tdm_http_response_add(&response, field, strlen(field), id, strlen(id));
    }
    tdm_buf_add(&response.body, probe_text(probe, index + 3), probe->arguments[index + 3].length);
    job->provider->parse(job, &response, report);
    tdm_report_decide(report);
    probe_put_report(report);
    tidymail_report_free(report);
    tdm_http_response_clear(&response);
}

/* What the message makes of the service; 0, or the kind of the error. */
static int probe_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                       struct tidymail_error *error)
{
    int kind =
        tdm_capabilities_check(&job->provider->capabilities, job->mail, 0, NULL, NULL, error);
    if (kind == TIDYMAIL_OK) {
        kind = tdm_provider_check_options(job, error);
    }
    return kind == TIDYMAIL_OK ? job->provider->build(job, request, error) : kind;
}

/* provider SCHEME KEY SECRET HOST STATUS ID-FIELD ID BODY SETTERS: the request (method, origin, path and
 * fields as JSON, then the body), and what is made of the answer. */
static void probe_provider(const struct probe *probe)
{
    static const struct tdm_writer_env env = {1764000000, {7}, "localhost"};
    const struct tdm_provider *provider = tdm_provider_find(probe_text(probe, 1));
    if (provider == NULL) {
        probe_refused("no such service");
        return;
    }
    struct tdm_account account = {
        probe_text(probe, 2), probe_text(probe, 3), probe_text(probe, 4), "", NULL, 0};
    struct tidymail_error error;
    struct tdm_http_request request;
    struct tdm_mail mail;
    memset(&mail, 0, sizeof(mail));
    tdm_error_init(&error, NULL);
    tdm_http_request_init(&request, NULL);
    tidymail_message *message = probe_make(probe, 9);
    struct tdm_provider_job job = {provider, &account, &mail, env.wall_s, env.random, NULL, NULL};
    int kind = tdm_message_prepare(message, &env);
    if (kind != TIDYMAIL_OK) {
        tdm_error_copy(&error, &message->error);
    } else if ((kind = tdm_mail_open(&mail, message, NULL, &error)) == TIDYMAIL_OK) {
        kind = probe_build(&job, &request, &error);
    }
    if (kind != TIDYMAIL_OK) {
        probe_refused(tidymail_error_message(&error));
    } else {
        printf("ok");
        probe_put_request(&request);
        probe_parse(probe, 5, &job);
    }
    tdm_http_request_clear(&request);
    tdm_mail_clear(&mail);
    tdm_error_clear(&error);
    tidymail_message_free(message);
}

/* parameters FIELD VALUE COMPATIBLE (NAME TEXT)...: a header field. */
static void probe_parameters(const struct probe *probe)
{
    struct tdm_parameter parameters[PROBE_ARGUMENTS_MAX / 2];
    struct tdm_buf out;
    size_t count = 0;
    for (size_t i = 4; i + 1 < probe->count; i += 2) {
        parameters[count].name = probe_text(probe, i);
        parameters[count].value = probe_text(probe, i + 1);
        parameters[count++].compatible = atoi(probe_text(probe, 3));
    }
    tdm_buf_init(&out, NULL, SIZE_MAX / 4);
    tdm_header_add_parameters(&out, probe_text(probe, 1), probe_text(probe, 2), parameters, count);
    printf("ok");
    probe_put(tdm_buf_text(&out), out.length);
    tdm_buf_clear(&out);
}

/* type TEXT: the type, then names and values. */
static void probe_type(const struct probe *probe)
{
    struct tdm_content_type type;
    struct tdm_parameter_error error = {0, NULL};
    if (tdm_content_type_parse(&tdm_allocator_default, probe_text(probe, 1), &type, &error) != 0) {
        probe_refused(error.reason != NULL ? error.reason : "out of memory");
        return;
    }
    printf("ok");
    probe_put_text(type.type);
    for (size_t i = 0; i < type.count; i++) {
        probe_put_text(type.names[i]);
        probe_put_text(type.values[i]);
    }
    tdm_content_type_clear(&tdm_allocator_default, &type);
}

/* quoted-printable TEXT, base64 BYTES: what stands in the message. */
static void probe_encoded(const struct probe *probe, int use_base64)
{
    const struct tdm_buf *in = &probe->arguments[1];
    struct tdm_buf out;
    size_t taken = 0;
    tdm_buf_init(&out, NULL, SIZE_MAX / 4);
    if (use_base64) {
        tdm_base64_encode(&out, tdm_buf_text(in), in->length);
    } else if (tdm_buf_reserve(&out, tdm_qp_max(in->length) + 1) == 0) {
        struct tdm_qp qp = {0};
        out.length = tdm_qp_encode(&qp, tdm_buf_text(in), in->length, 1, out.data, &taken);
    }
    printf("ok");
    probe_put(tdm_buf_text(&out), out.length);
    tdm_buf_clear(&out);
}

/* sigv4 METHOD PATH QUERY BODY KEY-ID SECRET TOKEN REGION SERVICE TIME KEEP-PATH (NAME VALUE)...: the
 * canonical request, the string to sign, X-Amz-Date and Authorization. An empty TOKEN is none. */
static void probe_sigv4(const struct probe *probe)
{
    struct tdm_sigv4_field fields[PROBE_ARGUMENTS_MAX / 2];
    struct tdm_sigv4_request request = {.method = probe_text(probe, 1),
                                        .path = probe_text(probe, 2),
                                        .query = probe_text(probe, 3),
                                        .fields = fields,
                                        .payload = probe_text(probe, 4),
                                        .key_id = probe_text(probe, 5),
                                        .secret = probe_text(probe, 6),
                                        .region = probe_text(probe, 8),
                                        .service = probe_text(probe, 9),
                                        .now_s = strtoll(probe_text(probe, 10), NULL, 10),
                                        .keep_path = atoi(probe_text(probe, 11))};
    request.payload_length = probe->count > 4 ? probe->arguments[4].length : 0;
    request.session_token = probe_text(probe, 7)[0] != '\0' ? probe_text(probe, 7) : NULL;
    for (size_t i = 12; i + 1 < probe->count; i += 2) {
        fields[request.field_count].name = probe_text(probe, i);
        fields[request.field_count++].value = probe_text(probe, i + 1);
    }
    struct tdm_sigv4 signature;
    if (tdm_sigv4_sign(&request, NULL, &signature) != 0) {
        probe_refused("no signature");
    } else {
        printf("ok");
        probe_put_text(tdm_buf_text(&signature.canonical));
        probe_put_text(tdm_buf_text(&signature.to_sign));
        probe_put_text(signature.date);
        probe_put_text(tdm_buf_text(&signature.authorization));
    }
    tdm_sigv4_clear(&signature);
}

/* ses-password SECRET REGION: the password for SMTP. */
static void probe_ses_password(const struct probe *probe)
{
    char password[TDM_SES_PASSWORD_MAX];
    if (tdm_ses_smtp_password(probe_text(probe, 1), probe_text(probe, 2), password) != 0) {
        probe_refused("no password");
        return;
    }
    printf("ok");
    probe_put_text(password);
}

static void probe_answer(const struct probe *probe)
{
    const char *command = probe_text(probe, 0);
    if (strcmp(command, "addresses") == 0) {
        probe_addresses(probe);
    } else if (strcmp(command, "field") == 0) {
        probe_field(probe);
    } else if (strcmp(command, "message") == 0) {
        probe_message(probe);
    } else if (strcmp(command, "provider") == 0) {
        probe_provider(probe);
    } else if (strcmp(command, "parameters") == 0) {
        probe_parameters(probe);
    } else if (strcmp(command, "type") == 0) {
        probe_type(probe);
    } else if (strcmp(command, "quoted-printable") == 0 || strcmp(command, "base64") == 0) {
        probe_encoded(probe, command[0] == 'b');
    } else if (strcmp(command, "dkim-body") == 0 || strcmp(command, "dkim-field") == 0) {
        probe_dkim(probe, command[5] == 'b');
    } else if (strcmp(command, "sigv4") == 0) {
        probe_sigv4(probe);
    } else if (strcmp(command, "ses-password") == 0) {
        probe_ses_password(probe);
    } else {
        probe_refused("no such command");
    }
    printf("\n");
    fflush(stdout);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0) {
        struct probe probe = {.count = 0};
        line[strcspn(line, "\n")] = '\0';
        for (char *word = line; word != NULL && probe.count < PROBE_ARGUMENTS_MAX;) {
            char *end = strchr(word, '\t');
            size_t word_length = end != NULL ? (size_t)(end - word) : strlen(word);
            struct tdm_buf *argument = &probe.arguments[probe.count++];
            tdm_buf_init(argument, NULL, SIZE_MAX / 4);
            tdm_base64_decode(argument, word, word_length);
            word = end != NULL ? end + 1 : NULL;
        }
        probe_answer(&probe);
        for (size_t i = 0; i < probe.count; i++) {
            tdm_buf_clear(&probe.arguments[i]);
        }
    }
    free(line);
    return 0;
}
