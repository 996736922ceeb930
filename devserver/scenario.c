/* scenario.c: the parts of a scenario that are no parsing: its end, its defaults, its matching. */
#include "scenario.h"

#include <string.h>

#include <tidymail/smtp.h>

#include "util/str.h"

static void scenario_clear_words(const tidymail_allocator *allocator,
                                 struct tdm_scenario_word *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i].value != NULL) {
            tdm_wipe(words[i].value, strlen(words[i].value)); /* one of them is a password */
        }
        tdm_free(allocator, words[i].name);
        tdm_free(allocator, words[i].value);
    }
    tdm_free(allocator, words);
}

static void scenario_clear_expect(const tidymail_allocator *allocator,
                                  struct tdm_scenario_expect *expect)
{
    tdm_free(allocator, expect->address);
    scenario_clear_words(allocator, expect->checks, expect->check_count);
}

void tdm_scenario_clear(struct tdm_scenario *scenario)
{
    const tidymail_allocator *allocator = &scenario->allocator;
    if (allocator->release == NULL) {
        return; /* nothing was ever parsed into it */
    }
    tdm_free(allocator, scenario->title);
    tdm_free(allocator, scenario->source);
    tdm_free(allocator, scenario->class_name);
    scenario_clear_words(allocator, scenario->client, scenario->client_count);
    for (size_t i = 0; i < scenario->recipient_count; i++) {
        tdm_free(allocator, scenario->recipients[i]);
    }
    tdm_free(allocator, scenario->recipients);
    for (size_t i = 0; i < scenario->step_count; i++) {
        tdm_free(allocator, scenario->steps[i].text);
    }
    tdm_free(allocator, scenario->steps);
    scenario_clear_expect(allocator, &scenario->expect);
    for (size_t i = 0; i < scenario->expect_recipient_count; i++) {
        scenario_clear_expect(allocator, &scenario->expect_recipients[i]);
    }
    tdm_free(allocator, scenario->expect_recipients);
    memset(scenario, 0, sizeof(*scenario));
}

const char *tdm_scenario_client(const struct tdm_scenario *scenario, const char *name)
{
    for (size_t i = 0; i < scenario->client_count; i++) {
        if (strcmp(scenario->client[i].name, name) == 0) {
            return scenario->client[i].value;
        }
    }
    return NULL;
}

const char *tdm_scenario_from(const struct tdm_scenario *scenario)
{
    const char *from = tdm_scenario_client(scenario, "from");
    return from != NULL ? from : "sender@example.com";
}

int tdm_scenario_tls(const struct tdm_scenario *scenario)
{
    const char *tls = tdm_scenario_client(scenario, "tls");
    if (tls == NULL) {
        int first = scenario->step_count > 0 && scenario->steps[0].type == TDM_SCENE_TLS;
        return first ? TIDYMAIL_SMTP_TLS_IMPLICIT : TIDYMAIL_SMTP_TLS_STARTTLS;
    }
    if (strcmp(tls, "none") == 0) {
        return TIDYMAIL_SMTP_TLS_NONE;
    }
    if (strcmp(tls, "implicit") == 0) {
        return TIDYMAIL_SMTP_TLS_IMPLICIT;
    }
    return strcmp(tls, "opportunistic") == 0 ? TIDYMAIL_SMTP_TLS_OPPORTUNISTIC
                                             : TIDYMAIL_SMTP_TLS_STARTTLS;
}

int tdm_scenario_has_tls(const struct tdm_scenario *scenario)
{
    for (size_t i = 0; i < scenario->step_count; i++) {
        if (scenario->steps[i].type == TDM_SCENE_TLS) {
            return 1;
        }
    }
    return 0;
}

/* Milliseconds of one unit, 0 for an unknown one. */
static int64_t scenario_unit_ms(const char *text, size_t length)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (length == strlen(units[i].name) && memcmp(text, units[i].name, length) == 0) {
            return units[i].ms;
        }
    }
    return 0;
}

int64_t tdm_scenario_duration(const char *text, size_t length)
{
    const int64_t whole_max = 1000000;
    int64_t whole = 0;
    int64_t part = 0; /* thousandths */
    size_t at = 0;
    while (at < length && tdm_is_digit(text[at]) && whole <= whole_max) {
        whole = whole * 10 + (text[at++] - '0');
    }
    if (at == 0 || whole > whole_max) {
        return -1;
    }
    if (at < length && text[at] == '.') {
        size_t start = ++at;
        for (int64_t weight = 100; at < length && tdm_is_digit(text[at]); weight /= 10) {
            part += weight * (text[at++] - '0');
        }
        if (at == start) {
            return -1;
        }
    }
    int64_t unit = scenario_unit_ms(text + at, length - at);
    return unit > 0 ? whole * unit + part * unit / 1000 : -1;
}

int tdm_scenario_matches(const char *pattern, const char *line, size_t length)
{
    const char *star = NULL; /* the last * met, and where its text ends so far */
    size_t star_at = 0;
    size_t at = 0;
    while (at < length) {
        if (*pattern == '*') {
            star = pattern++;
            star_at = at;
        } else if (*pattern != '\0' && tdm_lower(*pattern) == tdm_lower(line[at])) {
            pattern++;
            at++;
        } else if (star != NULL) {
            pattern = star + 1;
            at = ++star_at;
        } else {
            return 0;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

const char *tdm_certificate_name(enum tdm_certificate certificate)
{
    switch (certificate) {
    case TDM_CERTIFICATE_VALID:
        return "valid";
    case TDM_CERTIFICATE_SELF_SIGNED:
        return "self-signed";
    case TDM_CERTIFICATE_EXPIRED:
        return "expired";
    case TDM_CERTIFICATE_WRONG_HOST:
        return "wrong-host";
    case TDM_CERTIFICATE_UNTRUSTED_CA:
        return "untrusted-ca";
    case TDM_CERTIFICATE_CA_AS_LEAF:
        return "ca-as-leaf";
    case TDM_CERTIFICATE_SMALL_DH:
        return "small-dh";
    }
    return "?";
}
