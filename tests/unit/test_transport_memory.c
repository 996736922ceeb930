/* test_transport_memory.c: `memory:` keeps envelope and bytes, and no half of a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "transport_fixture.h"

static const char *const recipients[] = {"bob@example.org", "carl@example.org"};

static void what_was_sent_can_be_read(void **state)
{
    (void)state;
    tidymail_transport *transport = tdm_transport_new("memory:", NULL, NULL, &fixture_clock);
    assert_null(tidymail_transport_error(transport));
    assert_string_equal(tidymail_transport_url(transport), "memory:");
    assert_int_equal(tidymail_memory_count(transport), 0);
    for (size_t i = 0; i < 2; i++) {
        struct fixture_source source = {i == 0 ? "Subject: one\r\n\r\n.dot\r\n" : "two", 0, 0};
        struct tdm_job job;
        fixture_job(&job, &source, recipients, 2, NULL);
        transport->ops->send(transport, &job);
        assert_int_equal(job.done, 1);
        assert_int_equal(tidymail_report_outcome(job.report), TIDYMAIL_SENT);
        assert_null(tidymail_report_error(job.report));
        assert_int_equal(tidymail_recipient_outcome(tidymail_report_recipient(job.report, 1)),
                         TIDYMAIL_SENT);
        assert_string_equal(tidymail_report_summary(job.report),
                            "sent to 2 recipients through memory");
        tidymail_report_free(job.report);
    }
    size_t length = 0;
    assert_int_equal(tidymail_memory_count(transport), 2);
    assert_string_equal(tidymail_memory_message(transport, 0, &length),
                        "Subject: one\r\n\r\n.dot\r\n");
    assert_int_equal(length, 22);
    assert_string_equal(tidymail_memory_message(transport, 1, NULL), "two");
    assert_string_equal(tidymail_memory_from(transport, 0), "ann@example.org");
    assert_int_equal(tidymail_memory_recipient_count(transport, 0), 2);
    assert_string_equal(tidymail_memory_recipient(transport, 1, 1), "carl@example.org");
    assert_null(tidymail_memory_recipient(transport, 1, 2));
    assert_null(tidymail_memory_message(transport, 2, &length));
    assert_int_equal(length, 0);
    assert_null(tidymail_memory_from(transport, 2));
    tidymail_memory_clear(transport);
    assert_int_equal(tidymail_memory_count(transport), 0);
    tdm_transport_free(transport);
}

static void a_message_that_cannot_be_read_is_not_kept(void **state)
{
    (void)state;
    tidymail_transport *transport = tdm_transport_new("memory:", NULL, NULL, &fixture_clock);
    struct fixture_source source = {"half of it", 0, 1};
    struct tdm_job job;
    fixture_job(&job, &source, recipients, 2, NULL);
    transport->ops->send(transport, &job);
    assert_int_equal(tidymail_report_outcome(job.report), TIDYMAIL_FAILED);
    const tidymail_error *error = tidymail_report_error(job.report);
    assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_LOCAL);
    assert_string_equal(tidymail_error_message(error),
                        "the message could not be read: the disk is on fire");
    assert_int_equal(tidymail_memory_count(transport), 0);
    tidymail_report_free(job.report);
    tdm_transport_free(transport);
}

static void other_transports_and_null_keep_nothing(void **state)
{
    (void)state;
    tidymail_transport *file = tdm_transport_new("file:///tmp", NULL, NULL, &fixture_clock);
    const tidymail_transport *others[] = {NULL, file};
    for (size_t i = 0; i < 2; i++) {
        size_t length = 1;
        assert_int_equal(tidymail_memory_count(others[i]), 0);
        assert_null(tidymail_memory_message(others[i], 0, &length));
        assert_int_equal(length, 0);
        assert_null(tidymail_memory_from(others[i], 0));
        assert_int_equal(tidymail_memory_recipient_count(others[i], 0), 0);
        assert_null(tidymail_memory_recipient(others[i], 0, 0));
    }
    tidymail_memory_clear(file);
    tidymail_memory_clear(NULL);
    tdm_transport_free(file);
}

static void host_path_and_login_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"memory://host", "memory:path", "memory:///x",
                                       "memory://u:p@", "memory:?helo=a&colour=red"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        tidymail_transport *transport = tdm_transport_new(urls[i], NULL, NULL, &fixture_clock);
        assert_null(transport->ops);
        assert_int_equal(tidymail_error_kind(tidymail_transport_error(transport)),
                         TIDYMAIL_KIND_CONFIGURATION);
        tdm_transport_free(transport);
    }
}

static int send_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    (void)context;
    tidymail_transport *transport = tdm_transport_new("memory:", NULL, allocator, &fixture_clock);
    if (transport == NULL) {
        return memory->failures > 0 ? 0 : -1;
    }
    int right = (tidymail_transport_error(transport) == NULL) == (transport->ops != NULL);
    if (transport->ops != NULL) {
        struct fixture_source source = {"Subject: x\r\n\r\nbody\r\n", 0, 0};
        struct tdm_job job;
        fixture_job(&job, &source, recipients, 2, allocator);
        if (job.report != NULL) {
            transport->ops->send(transport, &job);
            int sent = tidymail_report_outcome(job.report) == TIDYMAIL_SENT;
            right = right && sent == (tidymail_memory_count(transport) == 1);
            right = right && (sent || tidymail_error_kind(tidymail_report_error(job.report)) ==
                                          TIDYMAIL_KIND_LOCAL);
            right = right && (memory->failures > 0 || sent);
            tidymail_report_free(job.report);
        }
    }
    tdm_transport_free(transport);
    return right ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    const char *problem = fail_alloc_run_all(send_once, NULL, 14);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sent_can_be_read),
        cmocka_unit_test(a_message_that_cannot_be_read_is_not_kept),
        cmocka_unit_test(other_transports_and_null_keep_nothing),
        cmocka_unit_test(host_path_and_login_are_refused),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
