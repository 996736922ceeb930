/*
 * test_transport_rest_memory.c: a whole send to a mail service with every allocation failing in turn, once
 * and from then on, in clear and under TLS: no crash, no leak, one report.
 */
#include "rest_fixture.h"

#include "fail_alloc.h"

static int send_short_of_memory(const tidymail_allocator *allocator,
                                const struct fail_alloc *memory, void *context)
{
    const struct peer *peer = context;
    char url[512];
    snprintf(url, sizeof(url), "fake://%s@?endpoint=%s://127.0.0.1:%d/a&colour=red&ca=%s",
             "k3y-of+the%2Fservice", peer->identity != NULL ? "https" : "http", peer->port,
             ca_path);
    tidymail_message *message = make_message(NULL);
    tidymail_transport *transport = open_url(url, allocator);
    int wrong = transport == NULL && memory->failures == 0;
    tidymail_report *report = transport != NULL ? send_message(transport, message) : NULL;
    if (report == NULL) {
        wrong |= memory->failures == 0;
    }
    if (report != NULL) {
        int outcome = tidymail_report_outcome(report);
        wrong |= outcome != TIDYMAIL_SENT && memory->failures == 0;
        wrong |= (tidymail_report_error(report) == NULL) != (outcome == TIDYMAIL_SENT);
        wrong |= tidymail_report_summary(report) == NULL;
        if (wrong) {
            print_error("%s\n", tidymail_report_summary(report));
        }
    }
    tidymail_report_free(report);
    tdm_transport_free(transport);
    tidymail_message_free(message);
    return wrong;
}

static atomic_int server_stop;

/* Answers every request of every connection. */
static void *answer_all(void *context)
{
    struct peer *peer = context;
    while (!server_stop) {
        struct pollfd item = {peer->listener, POLLIN, 0};
        if (poll(&item, 1, 50) != 1) {
            continue;
        }
        peer->fd = accept(peer->listener, NULL, NULL);
        int ready = peer->identity == NULL || peer_start_tls(peer);
        while (ready && peer_read_message(peer) && peer_send(peer, OK_ANSWER)) {
        }
        SSL_free(peer->ssl);
        peer->ssl = NULL;
        ERR_clear_error();
        close(peer->fd);
    }
    return NULL;
}

static void run_short_of_memory(const struct peer_identity *identity)
{
    struct peer peer = {0};
    peer.identity = identity;
    peer.listener = peer_listen(&peer.port, 64);
    server_stop = 0;
    assert_int_equal(pthread_create(&peer.thread, NULL, answer_all, &peer), 0);
    const char *words = fail_alloc_run_all(send_short_of_memory, &peer, 50);
    server_stop = 1;
    pthread_join(peer.thread, NULL);
    close(peer.listener);
    SSL_CTX_free(peer.context);
    if (words != NULL) {
        fail_msg("%s", words);
    }
}

static void test_memory(void **state)
{
    (void)state;
    run_short_of_memory(NULL);
}

static void test_memory_under_tls(void **state)
{
    (void)state;
    run_short_of_memory(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memory_under_tls),
    };
    return cmocka_run_group_tests(tests, make_identities, free_identities);
}
