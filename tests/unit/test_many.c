/*
 * test_many.c: many messages over several connections to a server that refuses, delays, answers 421,
 * closes and resets as a seeded generator says. Every message is accounted for exactly once on both
 * sides: sent means that the server took it once, failed that it did not, and unknown comes only where a
 * connection broke under messages whose end was handed over. scripts/long-tests runs it at full size
 * (TIDYMAIL_MANY messages).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tidymail/tidymail.h>

#define WINDOW 16
#define MANY_MAX 1000000

/* What the server does with one message in a thousand. */
struct chances {
    unsigned greeting_421;
    unsigned mail_451;
    unsigned mail_421;
    unsigned rcpt_550;
    unsigned rcpt_450;
    unsigned data_451;
    unsigned final_554;
    unsigned final_421;
    unsigned taken_then_closed;
    unsigned closed;
    unsigned reset;
    unsigned delay;
};

static const struct chances rough = {30, 10, 5, 30, 10, 10, 30, 5, 3, 3, 3, 10};
static const struct chances smooth = {0};

struct server {
    int fd;
    int port;
    int pipelining;
    int chunking;
    const struct chances *chances;
    atomic_uint seed;
    atomic_int breaks;
    atomic_int sessions; /* under way */
    atomic_uchar *taken; /* by message: how often it was accepted */
    pthread_t thread;
};

struct session {
    struct server *server;
    int fd;
    unsigned random;
    char in[65536];
    size_t at;
    size_t end;
    char out[65536];
    size_t out_length;
    long message; /* -1: no MAIL */
    int recipients;
    int over;
};

static int chance(struct session *session, unsigned per_mille)
{
    session->random = session->random * 1103515245U + 12345U;
    return (session->random >> 16) % 1000 < per_mille;
}

static void session_flush(struct session *session)
{
    size_t at = 0;
    while (at < session->out_length) {
        ssize_t sent = send(session->fd, session->out + at, session->out_length - at, MSG_NOSIGNAL);
        if (sent <= 0) {
            session->over = 1;
            break;
        }
        at += (size_t)sent;
    }
    session->out_length = 0;
}

static void session_say(struct session *session, const char *line)
{
    size_t length = strlen(line);
    if (session->out_length + length > sizeof(session->out)) {
        session_flush(session);
    }
    memcpy(session->out + session->out_length, line, length);
    session->out_length += length;
}

/* What was said before goes out first, where `politely`. */
static void session_break(struct session *session, int politely)
{
    if (politely) {
        session_flush(session);
    } else {
        struct linger at_once = {1, 0};
        setsockopt(session->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    atomic_fetch_add(&session->server->breaks, 1);
    session->over = 1;
}

static int session_byte(struct session *session)
{
    if (session->at == session->end) {
        session_flush(session);
        ssize_t got = session->over ? 0 : recv(session->fd, session->in, sizeof(session->in), 0);
        if (got <= 0) {
            session->over = 1;
            return -1;
        }
        session->at = 0;
        session->end = (size_t)got;
    }
    return (unsigned char)session->in[session->at++];
}

static int session_line(struct session *session, char *line, size_t capacity)
{
    size_t length = 0;
    int byte;
    while ((byte = session_byte(session)) >= 0 && byte != '\n') {
        if (byte != '\r' && length + 1 < capacity) {
            line[length++] = (char)byte;
        }
    }
    line[length] = '\0';
    return byte < 0 ? -1 : 0;
}

/* The end of a message is there: the verdict. */
static void session_final(struct session *session)
{
    const struct chances *chances = session->server->chances;
    atomic_uchar *taken = &session->server->taken[session->message];
    session->message = -1;
    if (chance(session, chances->final_554)) {
        session_say(session, "554 5.7.1 refused by chance\r\n");
    } else if (chance(session, chances->final_421)) {
        session_say(session, "421 4.3.2 later, by chance\r\n");
        session_break(session, 1);
    } else if (chance(session, chances->taken_then_closed)) {
        atomic_fetch_add(taken, 1);
        session_break(session, 1);
    } else if (chance(session, chances->closed)) {
        session_break(session, 1);
    } else if (chance(session, chances->reset)) {
        session_break(session, 0);
    } else {
        atomic_fetch_add(taken, 1);
        session_say(session, "250 2.0.0 taken\r\n");
    }
}

static void session_mail(struct session *session, const char *line)
{
    const struct chances *chances = session->server->chances;
    const char *at = strstr(line, "<m");
    if (session->message >= 0) {
        session_say(session, "503 5.5.1 nested MAIL\r\n");
    } else if (chance(session, chances->mail_451)) {
        session_say(session, "451 4.3.0 not now, by chance\r\n");
    } else if (chance(session, chances->mail_421)) {
        session_say(session, "421 4.7.0 too much, by chance\r\n");
        session_break(session, 1);
    } else {
        session->message = at != NULL ? strtol(at + 2, NULL, 10) : 0;
        session->recipients = 0;
        session_say(session, "250 2.1.0 ok\r\n");
    }
    if (chance(session, chances->delay)) {
        usleep(2000);
    }
}

static void session_rcpt(struct session *session)
{
    const struct chances *chances = session->server->chances;
    if (session->message < 0) {
        session_say(session, "503 5.5.1 MAIL first\r\n");
    } else if (chance(session, chances->rcpt_550)) {
        session_say(session, "550 5.1.1 nobody, by chance\r\n");
    } else if (chance(session, chances->rcpt_450)) {
        session_say(session, "450 4.2.1 later, by chance\r\n");
    } else {
        session->recipients++;
        session_say(session, "250 2.1.5 ok\r\n");
    }
}

static void session_data(struct session *session)
{
    char line[2048];
    if (session->message < 0 || session->recipients == 0) {
        session_say(session, "554 5.5.1 no valid recipients\r\n");
        return;
    }
    if (chance(session, session->server->chances->data_451)) {
        session_say(session, "451 4.3.0 not now, by chance\r\n");
        session->message = -1;
        return;
    }
    session_say(session, "354 go on\r\n");
    do {
        if (session_line(session, line, sizeof(line)) != 0) {
            return;
        }
    } while (strcmp(line, ".") != 0);
    session_final(session);
}

static void session_bdat(struct session *session, const char *line)
{
    long size = strtol(line + 5, NULL, 10);
    int last = strstr(line, "LAST") != NULL;
    for (long i = 0; i < size; i++) {
        if (session_byte(session) < 0) {
            return;
        }
    }
    if (session->message < 0 || session->recipients == 0) {
        session_say(session, "503 5.5.1 no valid recipients\r\n");
    } else if (!last) {
        session_say(session, "250 2.0.0 a chunk\r\n");
    } else {
        session_final(session);
    }
}

static void session_talk(struct session *session)
{
    char line[2048];
    if (chance(session, session->server->chances->greeting_421)) {
        session_say(session, "421 4.3.2 too many sessions, by chance\r\n");
        session_break(session, 1);
        return;
    }
    session_say(session, "220 chance.example\r\n");
    while (!session->over && session_line(session, line, sizeof(line)) == 0) {
        if (strncmp(line, "EHLO", 4) == 0) {
            session_say(session, "250-chance.example\r\n250-8BITMIME\r\n");
            session_say(session, session->server->pipelining ? "250-PIPELINING\r\n" : "");
            session_say(session, session->server->chunking ? "250-CHUNKING\r\n" : "");
            session_say(session, "250 SIZE\r\n");
        } else if (strncmp(line, "MAIL", 4) == 0) {
            session_mail(session, line);
        } else if (strncmp(line, "RCPT", 4) == 0) {
            session_rcpt(session);
        } else if (strncmp(line, "DATA", 4) == 0) {
            session_data(session);
        } else if (strncmp(line, "BDAT", 4) == 0) {
            session_bdat(session, line);
        } else if (strncmp(line, "RSET", 4) == 0) {
            session->message = -1;
            session_say(session, "250 2.0.0 ok\r\n");
        } else if (strncmp(line, "QUIT", 4) == 0) {
            session_say(session, "221 2.0.0 bye\r\n");
            session->over = 1;
        } else {
            session_say(session, "500 5.5.2 what?\r\n");
        }
    }
    session_flush(session);
}

static void *session_run(void *context)
{
    struct session *session = context;
    session_talk(session);
    close(session->fd);
    atomic_fetch_sub(&session->server->sessions, 1);
    free(session);
    return NULL;
}

static void *server_run(void *context)
{
    struct server *server = context;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        struct session *session = calloc(1, sizeof(*session));
        int on = 1;
        pthread_t thread;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        session->server = server;
        session->fd = fd;
        session->message = -1;
        session->random = atomic_fetch_add(&server->seed, 7919);
        atomic_fetch_add(&server->sessions, 1);
        pthread_create(&thread, NULL, session_run, session);
        pthread_detach(thread);
    }
}

static void server_start(struct server *server, size_t messages)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    server->taken = calloc(messages, sizeof(*server->taken));
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(server->fd, 128), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &length), 0);
    server->port = ntohs(address.sin_port);
    pthread_create(&server->thread, NULL, server_run, server);
}

static void server_stop(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    for (int i = 0; i < 5000 && atomic_load(&server->sessions) > 0; i++) {
        usleep(1000);
    }
    free(server->taken);
}

/* One thread's messages: those from `first` on. */
struct client {
    struct server *server;
    const char *options;
    long first;
    long count;
    long begun;
    long ended;
    long tally[TIDYMAIL_UNKNOWN + 1];
    unsigned char *callbacks; /* by message */
    int wrong;
};

struct ticket {
    struct client *client;
    long number;
};

static void client_check(struct client *client, long number, const tidymail_report *report)
{
    int outcome = tidymail_report_outcome(report);
    int taken = atomic_load(&client->server->taken[number]);
    int fits = outcome == TIDYMAIL_SENT      ? taken == 1
               : outcome == TIDYMAIL_UNKNOWN ? taken <= 1
                                             : outcome == TIDYMAIL_FAILED && taken == 0;
    if (!fits && client->wrong++ < 5) {
        print_error("message %ld: %s, and the server took it %d times: %s\n%s\n", number,
                    tidymail_outcome_name(outcome), taken, tidymail_report_summary(report),
                    tidymail_report_transcript(report));
    }
    client->tally[outcome]++;
}

static void client_submit(struct client *client, tidymail_transport *transport);

static void client_done(tidymail_transport *transport, tidymail_message *message,
                        tidymail_report *report, void *context)
{
    struct ticket *ticket = context;
    struct client *client = ticket->client;
    (void)message;
    client->callbacks[ticket->number - client->first]++;
    client_check(client, ticket->number, report);
    client->ended++;
    tidymail_report_free(report);
    free(ticket);
    if (client->begun < client->count) {
        client_submit(client, transport);
    }
}

static void client_submit(struct client *client, tidymail_transport *transport)
{
    char from[64];
    struct ticket *ticket = malloc(sizeof(*ticket));
    tidymail_message *message = tidymail_message_new();
    ticket->client = client;
    ticket->number = client->first + client->begun++;
    snprintf(from, sizeof(from), "m%ld@example.com", ticket->number);
    tidymail_message_set_from(message, from);
    tidymail_message_add_to(message, "ann@example.org");
    tidymail_message_set_subject(message, "One of many");
    tidymail_message_set_text(message, "A line.\n.\nThe line before was a dot.\n");
    if (tidymail_submit(transport, message, client_done, ticket) != TIDYMAIL_OK) {
        client->wrong++;
        free(ticket);
    }
    tidymail_message_free(message);
}

static void *client_run(void *context)
{
    struct client *client = context;
    char url[256];
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d?tls=none&reply-timeout=20&%s",
             client->server->port, client->options);
    tidymail_transport *transport = tidymail_transport_open(url, NULL);
    while (client->begun < client->count && client->begun < 500) {
        client_submit(client, transport);
    }
    while (tidymail_run(transport, -1) > 0) {
    }
    tidymail_transport_close(transport);
    return NULL;
}

static size_t many(size_t usual)
{
    const char *wanted = getenv("TIDYMAIL_MANY");
    long number = wanted != NULL ? strtol(wanted, NULL, 10) : 0;
    return number > 0 && number <= MANY_MAX ? (size_t)number : usual;
}

static void run_many(struct server *server, const char *options, size_t count, size_t threads)
{
    struct client *clients = calloc(threads, sizeof(*clients));
    pthread_t *ids = calloc(threads, sizeof(*ids));
    unsigned char *callbacks = calloc(count, 1);
    long tally[TIDYMAIL_UNKNOWN + 1] = {0};
    server_start(server, count);
    for (size_t i = 0; i < threads; i++) {
        clients[i].server = server;
        clients[i].options = options;
        clients[i].first = (long)(count / threads * i);
        clients[i].count = (long)(count / threads);
        clients[i].callbacks = callbacks + clients[i].first;
        pthread_create(&ids[i], NULL, client_run, &clients[i]);
    }
    int wrong = 0;
    for (size_t i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        wrong += clients[i].wrong;
        for (long k = 0; k < clients[i].count; k++) {
            wrong += clients[i].callbacks[k] != 1;
        }
        for (size_t k = 0; k <= TIDYMAIL_UNKNOWN; k++) {
            tally[k] += clients[i].tally[k];
        }
    }
    int breaks = atomic_load(&server->breaks);
    printf("%s: %ld sent, %ld failed, %ld unknown, %d breaks\n", options, tally[TIDYMAIL_SENT],
           tally[TIDYMAIL_FAILED], tally[TIDYMAIL_UNKNOWN], breaks);
    server_stop(server);
    assert_int_equal(wrong, 0);
    assert_int_equal(tally[TIDYMAIL_SENT] + tally[TIDYMAIL_FAILED] + tally[TIDYMAIL_UNKNOWN],
                     (long)(count / threads * threads));
    assert_true(tally[TIDYMAIL_SENT] > (long)count / 2);
    assert_true(tally[TIDYMAIL_UNKNOWN] <= (long)breaks * WINDOW);
    free(callbacks);
    free(clients);
    free(ids);
}

#define MANY_TEST(name, chance_of, pipelines, chunks, options, count, threads)                     \
    static void name(void **state)                                                                 \
    {                                                                                              \
        struct server server = {                                                                   \
            .pipelining = (pipelines), .chunking = (chunks), .chances = (chance_of)};              \
        (void)state;                                                                               \
        atomic_init(&server.seed, 20261124);                                                       \
        run_many(&server, options, many(count), threads);                                          \
    }

MANY_TEST(all_are_taken, &smooth, 1, 0, "connections=4", 1000, 1)
MANY_TEST(all_are_taken_in_a_stream, &smooth, 1, 1, "connections=2&chunking=yes", 1000, 1)
MANY_TEST(one_after_the_other, &rough, 0, 0, "connections=8", 1000, 1)
MANY_TEST(pipelined, &rough, 1, 0, "connections=8", 2000, 1)
MANY_TEST(streamed, &rough, 1, 1, "connections=8&chunking=yes", 2000, 1)
MANY_TEST(all_or_nobody, &rough, 1, 1, "connections=8&chunking=yes&partial=no", 1000, 1)
MANY_TEST(few_for_each_connection, &rough, 1, 1, "connections=4&chunking=yes&per-connection=20",
          1000, 1)
MANY_TEST(a_transport_for_each_thread, &rough, 1, 1, "connections=4&chunking=yes", 2000, 4)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_taken),
        cmocka_unit_test(all_are_taken_in_a_stream),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(streamed),
        cmocka_unit_test(all_or_nobody),
        cmocka_unit_test(few_for_each_connection),
        cmocka_unit_test(a_transport_for_each_thread),
    };
    return cmocka_run_group_tests_name("many messages", tests, NULL, NULL);
}
