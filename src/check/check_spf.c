/* check_spf.c: SPF (RFC 7208): is there one record, is it within its limits, and is the service that
 * sends in it. Terms are read, addresses are not compared: whoever receives does that. */
#include <string.h>

#include "check/check_domain.h"
#include "client/edge.h"
#include "util/str.h"

#define SPF_LOOKUPS_MAX 10 /* RFC 7208 4.6.4 */
#define SPF_DEPTH_MAX 10

/* What a service wants in the SPF record of a domain that it sends for: by the end of its host's
 * name. */
static const struct {
    const char *host;
    const char *include;
    const char *name;
} spf_services[] = {
    {"mailgun.org", "mailgun.org", "Mailgun"},
    {"sendgrid.net", "sendgrid.net", "SendGrid"},
    {"amazonaws.com", "amazonses.com", "Amazon SES"},
    {"postmarkapp.com", "spf.mtasv.net", "Postmark"},
    {"resend.com", "amazonses.com", "Resend"},
    {"sparkpostmail.com", "sparkpostmail.com", "SparkPost"},
    {"brevo.com", "spf.brevo.com", "Brevo"},
    {"mailjet.com", "spf.mailjet.com", "Mailjet"},
    {"mandrillapp.com", "spf.mandrillapp.com", "Mandrill"},
    {"mailersend.net", "_spf.mailersend.net", "MailerSend"},
    {"gmail.com", "_spf.google.com", "Google"},
    {"google.com", "_spf.google.com", "Google"},
    {"office365.com", "spf.protection.outlook.com", "Microsoft 365"},
};

static size_t spf_service(const char *server)
{
    size_t count = sizeof(spf_services) / sizeof(spf_services[0]);
    size_t length = strcspn(server, ":");
    for (size_t i = 0; i < count; i++) {
        size_t end = strlen(spf_services[i].host);
        if (length >= end && tdm_equal_nocase_n(server + length - end, end, spf_services[i].host)) {
            return i;
        }
    }
    return count;
}

static int spf_is_service_include(const struct tdm_check_dns *dns, const char *name, size_t length)
{
    size_t service = spf_service(dns->server);
    return service < sizeof(spf_services) / sizeof(spf_services[0]) &&
           tdm_equal_nocase_n(name, length, spf_services[service].include);
}

static void spf_walk(struct tdm_check_dns *dns, const char *domain, int depth);

/* include:, and redirect=: another domain's record. */
static void spf_follow(struct tdm_check_dns *dns, const char *name, size_t length, int depth)
{
    char *copy = tdm_strndup(&dns->check->allocator, name, length);
    dns->spf_found |= spf_is_service_include(dns, name, length);
    if (copy != NULL && memchr(name, '%', length) == NULL && depth < SPF_DEPTH_MAX &&
        dns->spf_lookups <= SPF_LOOKUPS_MAX) {
        spf_walk(dns, copy, depth + 1);
    }
    tdm_free(&dns->check->allocator, copy);
}

/* One term of a record. */
static void spf_term(struct tdm_check_dns *dns, const char *term, size_t length, int depth)
{
    static const char *const asking[] = {"a", "mx", "ptr", "exists"};
    char qualifier = term[0];
    int has_qualifier = length > 0 && strchr("+-~?", qualifier) != NULL;
    const char *name = term + has_qualifier;
    size_t left = length - (size_t)has_qualifier;
    size_t word = 0;
    while (word < left && name[word] != ':' && name[word] != '=' && name[word] != '/') {
        word++;
    }
    const char *value = name + word + 1;
    size_t value_length = word < left ? left - word - 1 : 0;
    if (tdm_equal_nocase_n(name, word, "include") || tdm_equal_nocase_n(name, word, "redirect")) {
        dns->spf_lookups++;
        spf_follow(dns, value, value_length, depth);
        return;
    }
    for (size_t i = 0; i < sizeof(asking) / sizeof(asking[0]); i++) {
        dns->spf_lookups += tdm_equal_nocase_n(name, word, asking[i]);
    }
    if (depth > 0) {
        return;
    }
    if (tdm_equal_nocase_n(name, word, "ptr")) {
        tdm_check_warn(dns->check, TDM_CHECK_SPF, "ptr should not be used (RFC 7208 5.5)",
                       "name the addresses with ip4: and ip6: or a service with include:");
    }
    if (tdm_equal_nocase_n(name, word, "all") && (!has_qualifier || qualifier == '+')) {
        tdm_check_fail(dns->check, TDM_CHECK_SPF, "+all lets the whole world send for this domain",
                       "end the record with ~all or -all");
    }
    if (tdm_equal_nocase_n(name, word, "all") && qualifier == '?') {
        tdm_check_warn(dns->check, TDM_CHECK_SPF, "?all says nothing about who may not send",
                       "end the record with ~all or -all");
    }
}

/* The SPF record among those of a domain: its text, or NULL; *count says how many there are. */
static const char *spf_find(const struct tdm_text_list *records, size_t *count)
{
    const char *found = NULL;
    *count = 0;
    for (size_t i = 0; i < records->count; i++) {
        const char *text = records->items[i];
        if (tdm_starts_nocase(text, strlen(text), "v=spf1") &&
            (text[6] == ' ' || text[6] == '\0')) {
            found = found != NULL ? found : text;
            (*count)++;
        }
    }
    return found;
}

static void spf_read(struct tdm_check_dns *dns, const char *record, int depth)
{
    int ends = 0;
    record += strlen("v=spf1");
    while (*record != '\0') {
        record += strspn(record, " ");
        size_t length = strcspn(record, " ");
        if (length > 0) {
            size_t sign = strchr("+-~?", record[0]) != NULL;
            ends |= tdm_equal_nocase_n(record + sign, length - sign, "all") ||
                    tdm_starts_nocase(record, length, "redirect=");
            spf_term(dns, record, length, depth);
        }
        record += length;
    }
    if (!ends && depth == 0) {
        tdm_check_warn(dns->check, TDM_CHECK_SPF,
                       "the record does not say what holds for all others (RFC 7208 5.1)",
                       "end it with ~all or -all");
    }
}

static void spf_walk(struct tdm_check_dns *dns, const char *domain, int depth)
{
    tidymail_check *check = dns->check;
    struct tdm_text_list records;
    struct tidymail_error error;
    struct tdm_buf line;
    size_t count = 0;
    tdm_buf_init(&line, &check->allocator, 8192);
    tdm_check_records(dns, domain, TDM_RECORD_TXT, &records, &error);
    const char *record = spf_find(&records, &count);
    if (error.kind != TIDYMAIL_OK) {
        tdm_check_fail(check, TDM_CHECK_SPF, tidymail_error_message(&error),
                       tidymail_error_hint(&error));
    } else if (count > 1) {
        tdm_buf_addf(&line,
                     "%s has %z SPF records: that is an error, and all mail fails it "
                     "(RFC 7208 4.5)",
                     domain, count);
        tdm_check_fail(check, TDM_CHECK_SPF, tdm_buf_text(&line), "make one record of them");
    } else if (count == 0 && depth > 0) {
        tdm_buf_addf(&line,
                     "include:%s names a domain without SPF record, which is an error "
                     "(RFC 7208 5.2)",
                     domain);
        tdm_check_fail(check, TDM_CHECK_SPF, tdm_buf_text(&line), "take it out of the record");
    } else if (count == 0) {
        tdm_check_warn(check, TDM_CHECK_SPF, "no SPF record: receivers cannot tell who may send",
                       "publish a TXT record such as v=spf1 include:SERVICE ~all");
    } else {
        if (depth == 0) {
            tdm_check_detail(check, TDM_CHECK_SPF, "%s", record);
        }
        spf_read(dns, record, depth);
    }
    tdm_buf_clear(&line);
    tdm_error_clear(&error);
    tdm_check_free_records(dns, &records);
}

static void spf_check_service(struct tdm_check_dns *dns)
{
    size_t service = spf_service(dns->server);
    struct tdm_buf line;
    if (service == sizeof(spf_services) / sizeof(spf_services[0]) || dns->spf_found) {
        return;
    }
    tdm_buf_init(&line, &dns->check->allocator, 1024);
    tdm_buf_addf(&line, "include:%s is missing: %s may not send for this domain",
                 spf_services[service].include, spf_services[service].name);
    struct tdm_buf advice;
    tdm_buf_init(&advice, &dns->check->allocator, 1024);
    tdm_buf_addf(&advice,
                 "add include:%s to the record, unless the service's own return path is "
                 "used (then its settings say so) and DKIM signs for the domain",
                 spf_services[service].include);
    tdm_check_warn(dns->check, TDM_CHECK_SPF, tdm_buf_text(&line), tdm_buf_text(&advice));
    tdm_buf_clear(&advice);
    tdm_buf_clear(&line);
}

void tdm_check_spf(struct tdm_check_dns *dns)
{
    tidymail_check *check = dns->check;
    int64_t start = tdm_clock_system.now_ms();
    tdm_check_progress(check, TDM_CHECK_SPF);
    check->stages[TDM_CHECK_SPF].status = TIDYMAIL_CHECK_OK;
    spf_walk(dns, dns->domain, 0);
    if (dns->spf_lookups > SPF_LOOKUPS_MAX) {
        tdm_check_fail(check, TDM_CHECK_SPF,
                       "more than 10 lookups are needed: that is an error, and all mail fails it "
                       "(RFC 7208 4.6.4)",
                       "take out what does not send any more, or name its addresses with ip4: and "
                       "ip6:");
    } else if (dns->spf_lookups > 0 && check->stages[TDM_CHECK_SPF].status == TIDYMAIL_CHECK_OK) {
        tdm_check_detail(check, TDM_CHECK_SPF, "%d of 10 lookups are needed", dns->spf_lookups);
    }
    spf_check_service(dns);
    check->stages[TDM_CHECK_SPF].ms = tdm_clock_system.now_ms() - start;
}
