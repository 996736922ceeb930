/*
 * fuzz_fault.c: the rules of `tidymail serve --fault`. The input is their text, behind a byte that
 * says which allocation fails; the same text is also looked at as an address that is a rule.
 */
#include "devserver/fault.h"
#include "fuzz_input.h"
#include "util/str.h"

static void fault_check_action(const struct tdm_fault_action *action)
{
    FUZZ_CHECK(action->code == 0 || (action->code >= 200 && action->code <= 599),
               "a reply has a code that a reply may have");
    FUZZ_CHECK(memchr(action->text, '\0', sizeof(action->text)) != NULL, "the words have an end");
    for (const char *at = action->text; *at != '\0'; at++) {
        FUZZ_CHECK(*at == '\n' || tdm_find_control(at, 1) != 0, "no control byte in a reply");
    }
    FUZZ_CHECK(memchr(action->enhanced, '\0', sizeof(action->enhanced)) != NULL,
               "an enhanced code has an end");
    FUZZ_CHECK(action->stall_ms >= 0 && action->pause_ms >= 0, "no time is negative");
}

static void fault_check_rule(const struct tdm_fault_rule *rule)
{
    int of_recipients = rule->stage == TDM_FAULT_RCPT || rule->stage == TDM_FAULT_DATA ||
                        rule->stage == TDM_FAULT_FINAL;
    int of_tls = rule->stage == TDM_FAULT_OFFER || rule->stage == TDM_FAULT_CERTIFICATE;
    FUZZ_CHECK(rule->stage < TDM_FAULT_NAMED || of_tls, "a rule has a stage of its own");
    FUZZ_CHECK(rule->to == NULL || of_recipients, "'to' where recipients are known");
    FUZZ_CHECK(rule->from == NULL || of_recipients || rule->stage == TDM_FAULT_MAIL,
               "'from' where the sender is known");
    FUZZ_CHECK(of_tls == (rule->action.no_tls || rule->action.certificate != TDM_CERTIFICATE_VALID),
               "what belongs to TLS stands with starttls");
    FUZZ_CHECK(rule->first == -1 || rule->first > 0, "a rule acts once at least");
    FUZZ_CHECK(rule->after >= 0, "no count is negative");
    FUZZ_CHECK(rule->probability >= -1 && rule->probability <= 1000000, "a probability is one");
    fault_check_action(&rule->action);
}

static void fault_use(struct tdm_faults *faults)
{
    char ann[] = "ann@example.org";
    char bob[] = "bob@fault.test";
    char *both[] = {ann, bob};
    const struct tdm_fault_about about = {"me@example.com", both, 2};
    for (int round = 0; round < 4; round++) {
        for (int stage = 0; stage <= TDM_FAULT_CERTIFICATE; stage++) {
            (void)tdm_faults_take(faults, (enum tdm_fault_stage)stage, &about);
        }
    }
    for (size_t i = 0; i < faults->count; i++) {
        const struct tdm_fault_rule *rule = &faults->items[i];
        FUZZ_CHECK(rule->first < 0 || rule->acted <= rule->first, "no more often than `first`");
        FUZZ_CHECK(rule->acted <= (rule->seen > rule->after ? rule->seen - rule->after : 0),
                   "not before `after`");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_memory memory = {0, 0, 0, 0};
    struct fuzz_input input = fuzz_input_of(data, size);
    uint8_t fails = fuzz_byte(&input);
    memory.fail_at = fails >= 'a' ? fails - 'a' + 1U : 0; /* other seeds begin with a blank */
    tidymail_allocator allocator = fuzz_allocator(&memory);
    char *text = fuzz_text((const char *)input.at, input.left);
    struct tdm_faults faults = {NULL, 0, 0, &allocator};
    struct tdm_fault_action action;
    struct tdm_buf error;
    tdm_buf_init(&error, &allocator, 4096);
    int refused = tdm_faults_parse(&faults, text, &error) != 0;
    if (refused && !error.failed) {
        FUZZ_CHECK(error.length > 0, "a refusal has words");
    }
    FUZZ_CHECK_SHOW(tdm_find_control(tdm_buf_text(&error), error.length) == error.length,
                    "an error is one line and nothing in it acts", tdm_buf_text(&error));
    for (size_t i = 0; i < faults.count; i++) {
        fault_check_rule(&faults.items[i]);
    }
    fault_use(&faults);
    if (tdm_fault_of_address(&action, text)) {
        fault_check_action(&action);
    }
    tdm_faults_clear(&faults);
    tdm_buf_clear(&error);
    fuzz_free(text);
    FUZZ_CHECK(memory.live == 0, "nothing leaks");
    return 0;
}
