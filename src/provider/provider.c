/* provider.c: the table of mail services, and the options that a service has of its own. */
#include "provider/provider.h"

#include <string.h>

#include <tidymail/provider.h>

#include "provider/json.h"
#include "util/near.h"
#include "util/str.h"

/* In the order of the documentation, and a NULL. */
static const struct tdm_provider *const providers[] = {
    &tdm_provider_mailgun,
    &tdm_provider_sendgrid,
    &tdm_provider_ses,
    &tdm_provider_postmark,
    &tdm_provider_resend,
    &tdm_provider_sparkpost,
    &tdm_provider_brevo,
    &tdm_provider_mailjet,
    &tdm_provider_mandrill,
    &tdm_provider_mailersend,
    &tdm_provider_gmail,
    &tdm_provider_graph,
    NULL,
};

#define PROVIDER_OPTIONS_MAX 64

static const char *const feature_names[] = {
#define F(name, word, words) word,
#include "provider/features.def"
#undef F
};

const struct tdm_provider *tdm_provider_at(size_t index)
{
    size_t i = 0;
    while (i < index && providers[i] != NULL) {
        i++;
    }
    return providers[i];
}

const struct tdm_provider *tdm_provider_find(const char *scheme)
{
    size_t i = 0;
    while (providers[i] != NULL && strcmp(providers[i]->scheme, scheme) != 0) {
        i++;
    }
    return providers[i];
}

int tdm_provider_no_memory(struct tidymail_error *error)
{
    return tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory", NULL);
}

int tdm_account_has_host(const struct tdm_account *account)
{
    return account->host[0] != '\0' && strcmp(account->host, "default") != 0;
}

const char *tdm_provider_option(const struct tdm_provider_job *job, const char *name)
{
    const struct tdm_service_pairs *given = &job->mail->service->options;
    for (size_t i = 0; i < given->count; i++) {
        if (strcmp(given->items[i].service, job->provider->scheme) == 0 &&
            strcmp(given->items[i].name, name) == 0) {
            return given->items[i].value;
        }
    }
    for (size_t i = 0; i < job->account->option_count; i++) {
        if (strcmp(job->account->options[i].name, name) == 0) {
            return job->account->options[i].value;
        }
    }
    return NULL;
}

static const char *option_type_problem(enum tdm_option_type type, const char *value)
{
    if (type == TDM_OPTION_INTEGER) {
        size_t digits = strspn(value, "0123456789");
        return digits > 0 && digits < 18 && value[digits] == '\0' ? NULL : "a whole number";
    }
    if (type == TDM_OPTION_BOOLEAN) {
        return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0 ? NULL : "yes or no";
    }
    if (type == TDM_OPTION_JSON) {
        json_t *json = json_loads(value, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        json_decref(json);
        return json != NULL ? NULL : "JSON";
    }
    return NULL;
}

/* Every service has it. */
static const struct tdm_service_option extra = {"extra", TDM_OPTION_JSON, NULL,
                                                "a JSON object that is merged into the request"};

static const struct tdm_service_option *option_find(const struct tdm_provider *provider,
                                                    const char *name, size_t length)
{
    const struct tdm_service_option *option = provider->options;
    for (; option != NULL && option->name != NULL; option++) {
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0) {
            return option;
        }
    }
    return length == 5 && strncmp(name, extra.name, 5) == 0 ? &extra : NULL;
}

int tdm_service_option_check(const struct tdm_provider *provider, const char *name,
                             size_t name_length, const char *value, int kind,
                             struct tidymail_error *error)
{
    const struct tdm_service_option *option = option_find(provider, name, name_length);
    if (option != NULL) {
        const char *wanted = option_type_problem(option->type, value);
        return wanted == NULL
                   ? TIDYMAIL_OK
                   : tdm_error_setf(error, kind, TIDYMAIL_PHASE_PREPARE, "option %s of %s: not %s",
                                    option->name, provider->capabilities.name, wanted);
    }
    const char *names[PROVIDER_OPTIONS_MAX] = {"extra"};
    size_t count = 1;
    for (const struct tdm_service_option *at = provider->options;
         at != NULL && at->name != NULL && count + 1 < PROVIDER_OPTIONS_MAX; at++) {
        names[count++] = at->name;
    }
    struct tdm_buf words;
    tdm_buf_init(&words, &error->allocator, 4096);
    size_t shown = tdm_find_control(name, name_length < 40 ? name_length : 40);
    tdm_buf_addf(&words, "%s has no option \"%.*s\"", provider->capabilities.name, (int)shown,
                 name);
    tdm_near_add(&words, name, name_length, names);
    tdm_error_set(error, kind, TIDYMAIL_PHASE_PREPARE, words.failed ? NULL : tdm_buf_text(&words),
                  "docs/services.md and `tidymail providers NAME` list a service's options");
    tdm_buf_clear(&words);
    return error->kind;
}

int tdm_provider_check_options(const struct tdm_provider_job *job, struct tidymail_error *error)
{
    const struct tdm_service_pairs *given = &job->mail->service->options;
    for (size_t i = 0; i < given->count; i++) {
        const struct tdm_service_pair *pair = &given->items[i];
        if (strcmp(pair->service, job->provider->scheme) == 0 &&
            tdm_service_option_check(job->provider, pair->name, strlen(pair->name), pair->value,
                                     TIDYMAIL_KIND_MESSAGE, error) != TIDYMAIL_OK) {
            return error->kind;
        }
    }
    return TIDYMAIL_OK;
}

/* The public table. */

size_t tidymail_provider_count(void)
{
    size_t count = 0;
    while (providers[count] != NULL) {
        count++;
    }
    return count;
}

const char *tidymail_provider_scheme(size_t index)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    return provider != NULL ? provider->scheme : "";
}

const char *tidymail_provider_name(size_t index)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    return provider != NULL ? provider->capabilities.name : "";
}

const char *tidymail_provider_url(size_t index)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    return provider != NULL ? provider->url : "";
}

const char *tidymail_provider_page(size_t index)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    return provider != NULL ? provider->page : "";
}

int tidymail_provider_max_recipients(size_t index)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    return provider != NULL ? provider->capabilities.max_recipients : 0;
}

int64_t tidymail_provider_max_size(size_t index)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    return provider != NULL ? provider->capabilities.max_size : 0;
}

int tidymail_provider_max_reply_to(size_t index)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    return provider != NULL ? provider->capabilities.max_reply_to : 0;
}

int tidymail_provider_max_tags(size_t index)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    return provider != NULL ? provider->capabilities.max_tags : 0;
}

static size_t option_count(const struct tdm_provider *provider)
{
    size_t count = 0;
    while (provider->options != NULL && provider->options[count].name != NULL) {
        count++;
    }
    return count;
}

/* NULL past the end. */
static const struct tdm_service_option *option_at(size_t index, size_t option)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    size_t count = provider != NULL ? option_count(provider) : 0;
    if (provider == NULL || option > count) {
        return NULL;
    }
    return option < count ? &provider->options[option] : &extra;
}

size_t tidymail_provider_option_count(size_t index)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    return provider != NULL ? option_count(provider) + 1 : 0;
}

const char *tidymail_provider_option_name(size_t index, size_t option)
{
    const struct tdm_service_option *found = option_at(index, option);
    return found != NULL ? found->name : "";
}

const char *tidymail_provider_option_type(size_t index, size_t option)
{
    const struct tdm_service_option *found = option_at(index, option);
    if (found == NULL) {
        return "";
    }
    switch (found->type) {
    case TDM_OPTION_INTEGER:
        return "number";
    case TDM_OPTION_BOOLEAN:
        return "yes or no";
    case TDM_OPTION_JSON:
        return "JSON";
    case TDM_OPTION_TEXT:
        break;
    }
    return "text";
}

const char *tidymail_provider_option_words(size_t index, size_t option)
{
    const struct tdm_service_option *found = option_at(index, option);
    return found != NULL ? found->words : "";
}

size_t tidymail_feature_count(void)
{
    return TDM_FEATURE_COUNT;
}

const char *tidymail_feature_name(size_t feature)
{
    return feature < TDM_FEATURE_COUNT ? feature_names[feature] : "";
}

const char *tidymail_feature_words(size_t feature)
{
    return feature < TDM_FEATURE_COUNT ? tdm_feature_words((enum tdm_feature)feature) : "";
}

int tidymail_provider_can(size_t index, size_t feature)
{
    const struct tdm_provider *provider = tdm_provider_at(index);
    return provider != NULL && feature < TDM_FEATURE_COUNT &&
           (provider->capabilities.can & 1U << feature) != 0;
}
