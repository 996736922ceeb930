/*
 * test_with_memory.c: how an application tests the mail it sends. The application takes its
 * transport from outside; the test gives it `memory:` and looks at what was sent.
 */
#include <stdio.h>
#include <string.h>
#include <tidymail/tidymail.h>

/* The application: welcomes a new customer. Returns 1 where the message was sent. */
static int customer_welcome(tidymail_transport *transport, const char *address)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "Shop <shop@example.com>");
    tidymail_message_add_to(message, address);
    tidymail_message_add_bcc(message, "archive@example.com");
    tidymail_message_set_subject(message, "Welcome");
    tidymail_message_set_text(message, "Thank you for joining us.\n");

    tidymail_report *report = tidymail_send(transport, message);
    int sent = tidymail_report_outcome(report) == TIDYMAIL_SENT;
    if (!sent) {
        fprintf(stderr, "no welcome: %s\n", tidymail_report_summary(report));
    }
    tidymail_report_free(report);
    tidymail_message_free(message);
    return sent;
}

/* The test. */
static int failures;

static void expect(int holds, const char *what)
{
    printf("%s: %s\n", holds ? "ok" : "FAILED", what);
    failures += !holds;
}

static int has(const char *text, const char *part)
{
    return text != NULL && strstr(text, part) != NULL;
}

static int same(const char *text, const char *wanted)
{
    return text != NULL && strcmp(text, wanted) == 0;
}

int main(void)
{
    tidymail_transport *transport = tidymail_transport_open("memory:", NULL);

    expect(customer_welcome(transport, "ann@example.org"), "a customer is welcomed");
    expect(tidymail_memory_count(transport) == 1, "by one message");
    expect(same(tidymail_memory_from(transport, 0), "shop@example.com"), "from the shop");
    expect(tidymail_memory_recipient_count(transport, 0) == 2, "to two recipients");
    expect(same(tidymail_memory_recipient(transport, 0, 0), "ann@example.org"), "the customer");
    expect(same(tidymail_memory_recipient(transport, 0, 1), "archive@example.com"), "the archive");

    const char *message = tidymail_memory_message(transport, 0, NULL);
    expect(has(message, "Subject: Welcome\r\n"), "it has the subject");
    expect(has(message, "Thank you for joining us."), "it has the text");
    expect(!has(message, "archive@example.com"), "nobody sees the archive in it");

    tidymail_memory_clear(transport);
    expect(!customer_welcome(transport, "not an address"), "a bad address is not welcomed");
    expect(tidymail_memory_count(transport) == 0, "and nothing was sent to it");

    tidymail_transport_close(transport);
    return failures == 0 ? 0 : 1;
}
