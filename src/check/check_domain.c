/*
 * check_domain.c: what DNS says of the From domain: may this service send for it (SPF, RFC 7208; DKIM,
 * RFC 6376; DMARC, RFC 7489), and how is mail to it received (MX, RFC 5321 5.1; MTA-STS, RFC 8461;
 * TLS-RPT, RFC 8460). check_spf.c has SPF, which is a language of its own.
 */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "check/check_domain.h"
#include "client/edge.h"
#include "util/base64.h"
#include "util/str.h"

struct domain_lookup {
    struct tdm_check_dns *dns;
    struct tdm_text_list *records;
    struct tidymail_error *error;
    int done;
};

static void domain_answered(void *context, const struct tdm_text_list *records,
                            const struct tidymail_error *error)
{
    struct domain_lookup *own = context;
    const tidymail_allocator *allocator = &own->dns->check->allocator;
    own->done = 1;
    tdm_error_copy(own->error, error);
    own->records->items = tdm_alloc_array(allocator, records->count + 1, sizeof(char *));
    for (size_t i = 0; i < records->count && own->records->items != NULL; i++) {
        own->records->items[i] = tdm_strdup(allocator, records->items[i]);
        own->records->count += own->records->items[i] != NULL;
    }
}

void tdm_check_free_records(struct tdm_check_dns *dns, struct tdm_text_list *records)
{
    for (size_t i = 0; i < records->count; i++) {
        tdm_free(&dns->check->allocator, records->items[i]);
    }
    tdm_free(&dns->check->allocator, records->items);
    memset(records, 0, sizeof(*records));
}

int tdm_check_records(struct tdm_check_dns *dns, const char *name, enum tdm_record kind,
                      struct tdm_text_list *records, struct tidymail_error *error)
{
    struct domain_lookup own = {dns, records, error, 0};
    memset(records, 0, sizeof(*records));
    tdm_error_init(error, &dns->check->allocator);
    struct tdm_resolve *lookup = tdm_records_start(&dns->loop, name, kind, domain_answered, &own);
    while (lookup != NULL && !own.done) {
        tdm_loop_step(&dns->loop);
    }
    tdm_resolve_free(lookup);
    if (lookup == NULL) {
        tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_RESOLVE, "out of memory", NULL);
    }
    return error->kind;
}

/* The one record of a name that begins with a tag; NULL: none. *count says how many there are. */
static const char *domain_find(const struct tdm_text_list *records, const char *tag, size_t *count)
{
    const char *found = NULL;
    *count = 0;
    for (size_t i = 0; i < records->count; i++) {
        const char *text = records->items[i];
        size_t length = strlen(tag);
        char after = strlen(text) >= length ? text[length] : 'x';
        if (tdm_starts_nocase(text, strlen(text), tag) &&
            (after == '\0' || after == ' ' || after == ';')) {
            found = found != NULL ? found : text;
            (*count)++;
        }
    }
    return found;
}

/* The value of "tag=value" in a list with ";" between, without the blanks around it: its length, 0
 * where there is none (or an empty one: then *value is set). */
static size_t domain_tag(const char *text, const char *tag, const char **value)
{
    *value = NULL;
    while (*text != '\0') {
        text += strspn(text, "; \t");
        size_t name = strcspn(text, "=; \t");
        size_t rest = name + strspn(text + name, " \t");
        if (text[rest] == '=' && tdm_equal_nocase_n(text, name, tag)) {
            const char *start = text + rest + 1;
            start += strspn(start, " \t");
            size_t length = strcspn(start, ";");
            while (length > 0 && tdm_is_space(start[length - 1])) {
                length--;
            }
            *value = start;
            return length;
        }
        text += strcspn(text, ";");
    }
    return 0;
}

static void domain_begin(tidymail_check *check, int stage, int64_t ms)
{
    check->stages[stage].status = TIDYMAIL_CHECK_OK;
    check->stages[stage].ms = ms;
}

/* Looks up TXT records; 1 where the stage may go on. */
static int domain_ask(struct tdm_check_dns *dns, int stage, const char *before,
                      struct tdm_text_list *records)
{
    tidymail_check *check = dns->check;
    struct tidymail_error error;
    struct tdm_buf name;
    int64_t start = tdm_clock_system.now_ms();
    tdm_check_progress(check, stage);
    tdm_buf_init(&name, &check->allocator, 1024);
    tdm_buf_addf(&name, "%s%s", before, dns->domain);
    tdm_check_records(dns, tdm_buf_text(&name), TDM_RECORD_TXT, records, &error);
    tdm_buf_clear(&name);
    domain_begin(check, stage, tdm_clock_system.now_ms() - start);
    int ok = error.kind == TIDYMAIL_OK;
    if (!ok) {
        tdm_check_fail(check, stage, tidymail_error_message(&error), tidymail_error_hint(&error));
    }
    tdm_error_clear(&error);
    return ok;
}

static void domain_mx(struct tdm_check_dns *dns)
{
    tidymail_check *check = dns->check;
    struct tdm_text_list records;
    struct tidymail_error error;
    int64_t start = tdm_clock_system.now_ms();
    tdm_check_progress(check, TDM_CHECK_MX);
    tdm_check_records(dns, dns->domain, TDM_RECORD_MX, &records, &error);
    domain_begin(check, TDM_CHECK_MX, tdm_clock_system.now_ms() - start);
    for (size_t i = 0; i < records.count; i++) {
        tdm_check_detail(check, TDM_CHECK_MX, "%s", records.items[i]);
    }
    if (error.kind != TIDYMAIL_OK) {
        tdm_check_fail(check, TDM_CHECK_MX, tidymail_error_message(&error),
                       tidymail_error_hint(&error));
    } else if (records.count == 0) {
        tdm_check_warn(check, TDM_CHECK_MX, "no MX record: answers and bounces may not arrive",
                       "publish an MX record, for receivers refuse domains that take no mail");
    } else if (records.count == 1 && strcmp(records.items[0], "0 ") == 0) {
        tdm_check_warn(check, TDM_CHECK_MX, "a null MX: this domain takes no mail (RFC 7505)",
                       "do not send from a domain that takes no answers");
    }
    tdm_error_clear(&error);
    tdm_check_free_records(dns, &records);
}

/* The kind and size of the key in a DKIM record. */
static void domain_dkim_key(tidymail_check *check, const char *text, size_t length,
                            const char *kind, size_t kind_length)
{
    struct tdm_buf compact;
    struct tdm_buf der;
    tdm_buf_init(&compact, &check->allocator, 8192);
    tdm_buf_init(&der, &check->allocator, 8192);
    for (size_t i = 0; i < length; i++) {
        if (!tdm_is_space(text[i])) {
            tdm_buf_add_char(&compact, text[i]);
        }
    }
    int decoded = tdm_base64_decode(&der, tdm_buf_text(&compact), compact.length) == 0;
    if (tdm_equal_nocase_n(kind, kind_length, "ed25519")) { /* RFC 8463 4.2: the bare key */
        if (decoded && der.length == 32) {
            tdm_check_detail(check, TDM_CHECK_DKIM, "an Ed25519 key");
        } else {
            tdm_check_fail(check, TDM_CHECK_DKIM, "p= holds no Ed25519 key (32 bytes in base64)",
                           "copy the record again, whole");
        }
    } else {
        const unsigned char *at = (const unsigned char *)tdm_buf_text(&der);
        EVP_PKEY *key = decoded ? d2i_PUBKEY(NULL, &at, (long)der.length) : NULL;
        if (key == NULL) {
            ERR_clear_error();
            tdm_check_fail(check, TDM_CHECK_DKIM,
                           "p= holds no key that can be read (RFC 6376 3.6.1)",
                           "copy the record again, whole: long ones are parted in several strings");
        } else {
            tdm_check_detail(check, TDM_CHECK_DKIM, "an RSA key of %d bits",
                             EVP_PKEY_get_bits(key));
            if (EVP_PKEY_get_bits(key) < 1024) {
                tdm_check_fail(check, TDM_CHECK_DKIM,
                               "keys below 1024 bits count as none "
                               "(RFC 8301 3.2)",
                               "make a key of 2048 bits");
            }
            EVP_PKEY_free(key);
        }
    }
    tdm_buf_clear(&der);
    tdm_buf_clear(&compact);
}

static void domain_dkim_record(tidymail_check *check, const char *record)
{
    const char *key;
    const char *kind;
    const char *flags;
    size_t key_length = domain_tag(record, "p", &key);
    size_t kind_length = domain_tag(record, "k", &kind);
    size_t flags_length = domain_tag(record, "t", &flags);
    if (key == NULL) {
        tdm_check_fail(check, TDM_CHECK_DKIM, "the record has no p= (RFC 6376 3.6.1)",
                       "copy the record again, whole");
    } else if (key_length == 0) {
        tdm_check_fail(check, TDM_CHECK_DKIM, "the key is revoked: p= is empty (RFC 6376 3.6.1)",
                       "sign with a selector whose key is in use");
    } else {
        domain_dkim_key(check, key, key_length, kind != NULL ? kind : "rsa",
                        kind != NULL ? kind_length : 3);
    }
    if (flags_length > 0 && memchr(flags, 'y', flags_length) != NULL) {
        tdm_check_warn(check, TDM_CHECK_DKIM, "t=y: the domain says that it only tests DKIM",
                       "take t=y out: receivers may treat the mail as not signed");
    }
}

static void domain_dkim(struct tdm_check_dns *dns)
{
    tidymail_check *check = dns->check;
    const tidymail_check_options *options = &check->options;
    struct tdm_text_list records;
    struct tdm_buf before;
    if (options->selector_count == 0) {
        tdm_check_detail(check, TDM_CHECK_DKIM,
                         "no selector was given (--selector): keys have no "
                         "list in DNS");
        return;
    }
    tdm_buf_init(&before, &check->allocator, 512);
    for (size_t i = 0; i < options->selector_count; i++) {
        tdm_buf_reset(&before);
        tdm_buf_addf(&before, "%s._domainkey.", options->selectors[i]);
        if (domain_ask(dns, TDM_CHECK_DKIM, tdm_buf_text(&before), &records)) {
            tdm_check_detail(check, TDM_CHECK_DKIM, "%s%s:", tdm_buf_text(&before), dns->domain);
            if (records.count == 0) {
                tdm_check_fail(check, TDM_CHECK_DKIM, "there is no such record",
                               "publish the key that signs, under this very name; a service names "
                               "the record (mostly a CNAME) in its settings");
            }
            if (records.count > 1) {
                tdm_check_warn(check, TDM_CHECK_DKIM,
                               "more than one record: which one is read is "
                               "undefined (RFC 6376 3.6.2.2)",
                               "leave one of them");
            }
            if (records.count > 0) {
                domain_dkim_record(check, records.items[0]);
            }
        }
        tdm_check_free_records(dns, &records);
    }
    tdm_buf_clear(&before);
}

static void domain_dmarc_record(tidymail_check *check, const char *record)
{
    const char *policy;
    const char *reports;
    size_t length = domain_tag(record, "p", &policy);
    tdm_check_detail(check, TDM_CHECK_DMARC, "%s", record);
    if (tdm_equal_nocase_n(policy != NULL ? policy : "", length, "none")) {
        tdm_check_warn(check, TDM_CHECK_DMARC, "p=none: forged mail of this domain is let through",
                       "once the reports show that your own mail passes, set p=quarantine, then "
                       "p=reject");
    } else if (!tdm_equal_nocase_n(policy != NULL ? policy : "", length, "quarantine") &&
               !tdm_equal_nocase_n(policy != NULL ? policy : "", length, "reject")) {
        tdm_check_fail(check, TDM_CHECK_DMARC,
                       "p= is none of none, quarantine, reject (RFC 7489 6.3)",
                       "write v=DMARC1; p=none; rua=mailto:you@your.domain to begin with");
    }
    if (domain_tag(record, "rua", &reports) == 0) {
        tdm_check_warn(check, TDM_CHECK_DMARC, "no rua=: nobody is told what receivers see",
                       "add rua=mailto: and an address that reads the reports");
    }
}

/* The record of the domain, else that of its organization (RFC 7489 6.6.3), here: the parent. */
static void domain_dmarc(struct tdm_check_dns *dns)
{
    tidymail_check *check = dns->check;
    struct tdm_text_list records;
    size_t count = 0;
    const char *domain = dns->domain;
    for (;;) {
        if (!domain_ask(dns, TDM_CHECK_DMARC, "_dmarc.", &records)) {
            break;
        }
        const char *record = domain_find(&records, "v=DMARC1", &count);
        if (count == 1) {
            if (dns->domain != domain) {
                tdm_check_detail(check, TDM_CHECK_DMARC, "found at %s", dns->domain);
            }
            domain_dmarc_record(check, record);
            break;
        }
        const char *dot = strchr(dns->domain, '.');
        if (count > 1) {
            tdm_check_fail(check, TDM_CHECK_DMARC,
                           "more than one record: all are ignored "
                           "(RFC 7489 6.6.3)",
                           "leave one of them");
            break;
        }
        if (dot == NULL || strchr(dot + 1, '.') == NULL) {
            tdm_check_warn(check, TDM_CHECK_DMARC, "no record: large receivers want one",
                           "publish _dmarc with v=DMARC1; p=none; rua=mailto:you@your.domain to "
                           "begin with");
            break;
        }
        tdm_check_free_records(dns, &records);
        dns->domain = dot + 1;
    }
    dns->domain = domain;
    tdm_check_free_records(dns, &records);
}

static void domain_mta_sts(struct tdm_check_dns *dns)
{
    struct tdm_text_list records;
    size_t count = 0;
    const char *id;
    if (domain_ask(dns, TDM_CHECK_MTA_STS, "_mta-sts.", &records)) {
        const char *record = domain_find(&records, "v=STSv1", &count);
        if (count == 0) {
            tdm_check_detail(dns->check, TDM_CHECK_MTA_STS,
                             "no record: mail to this domain may travel in clear");
        } else if (count > 1 || domain_tag(record, "id", &id) == 0) {
            tdm_check_fail(dns->check, TDM_CHECK_MTA_STS,
                           "not one record with an id=: it counts as none (RFC 8461 3.1)",
                           "publish one record: v=STSv1; id= and a number that changes with the "
                           "policy");
        } else {
            tdm_check_detail(dns->check, TDM_CHECK_MTA_STS, "%s", record);
        }
    }
    tdm_check_free_records(dns, &records);
}

static void domain_tls_rpt(struct tdm_check_dns *dns)
{
    struct tdm_text_list records;
    size_t count = 0;
    const char *to;
    if (domain_ask(dns, TDM_CHECK_TLS_RPT, "_smtp._tls.", &records)) {
        const char *record = domain_find(&records, "v=TLSRPTv1", &count);
        if (count == 0) {
            tdm_check_detail(dns->check, TDM_CHECK_TLS_RPT,
                             "no record: nobody is told of failed TLS");
        } else if (count > 1 || domain_tag(record, "rua", &to) == 0) {
            tdm_check_fail(dns->check, TDM_CHECK_TLS_RPT,
                           "not one record with a rua=: it counts as none (RFC 8460 3)",
                           "publish one record: v=TLSRPTv1; rua=mailto:you@your.domain");
        } else {
            tdm_check_detail(dns->check, TDM_CHECK_TLS_RPT, "%s", record);
        }
    }
    tdm_check_free_records(dns, &records);
}

void tdm_check_domain(tidymail_check *check, const char *server, const char *resolver)
{
    struct tdm_check_dns dns;
    memset(&dns, 0, sizeof(dns));
    dns.check = check;
    dns.domain = check->options.domain;
    dns.server = server;
    if (tdm_loop_init(&dns.loop, &check->allocator) != 0) {
        tdm_check_fail(check, TDM_CHECK_MX, "the event loop could not be set up (libuv)", "");
        return;
    }
    dns.loop.resolver = resolver;
    domain_mx(&dns);
    tdm_check_spf(&dns);
    domain_dkim(&dns);
    domain_dmarc(&dns);
    domain_mta_sts(&dns);
    domain_tls_rpt(&dns);
    tdm_loop_clear(&dns.loop);
}
