/* crowd_server.c: see its header. */
#include "crowd_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define CROWD_ROWS 40

unsigned crowd_random(struct crowd_session *session, unsigned below)
{
    session->random = session->random * 1664525U + 1013904223U;
    return (unsigned)(((uint64_t)session->random * below) >> 32);
}

void crowd_text(long number, char text[CROWD_TEXT_MAX])
{
    size_t at = (size_t)snprintf(text, CROWD_TEXT_MAX, "begin %ld\n", number);
    for (long i = 0; i < number % CROWD_ROWS; i++) {
        at += (size_t)snprintf(text + at, CROWD_TEXT_MAX - at,
                               i % 3 == 0 ? ".%ld %ld\n" : "%ld %ld\n", i, number);
    }
    snprintf(text + at, CROWD_TEXT_MAX - at, ".\nend %ld\n", number);
}

/* One line of the message as it was before the dots were doubled. */
static void crowd_read_line(struct crowd_session *session, const char *line)
{
    char wanted[64];
    long rows = session->message % CROWD_ROWS;
    long row = session->row;
    if (row == -1) { /* in the header */
        snprintf(wanted, sizeof(wanted), "begin %ld", session->message);
        session->row = strcmp(line, wanted) == 0 ? 0 : strncmp(line, "begin", 5) == 0 ? -2 : -1;
        return;
    }
    if (row < rows) {
        snprintf(wanted, sizeof(wanted), row % 3 == 0 ? ".%ld %ld" : "%ld %ld", row,
                 session->message);
    } else if (row == rows) {
        snprintf(wanted, sizeof(wanted), ".");
    } else {
        snprintf(wanted, sizeof(wanted), "end %ld", session->message);
    }
    if (row >= 0) {
        session->row = strcmp(line, wanted) != 0 ? -2 : row > rows ? -3 : row + 1;
    } else if (line[0] != '\0') {
        session->row = -2; /* behind the end */
    }
}

static void crowd_flush(struct crowd_session *session)
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

void crowd_say(struct crowd_session *session, const char *lines)
{
    size_t length = strlen(lines);
    if (session->out_length + length > sizeof(session->out)) {
        crowd_flush(session);
    }
    memcpy(session->out + session->out_length, lines, length);
    session->out_length += length;
}

void crowd_break(struct crowd_session *session, int politely)
{
    struct crowd_server *server = session->server;
    atomic_store(&server->broken[session->number], 1);
    atomic_fetch_add(&server->breaks, 1);
    if (politely) {
        crowd_flush(session);
    } else {
        struct linger at_once = {1, 0};
        setsockopt(session->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        session->out_length = 0;
    }
    session->over = 1;
}

void crowd_take(struct crowd_session *session)
{
    struct crowd_server *server = session->server;
    if (server->checks_text && session->row != -3) {
        atomic_fetch_add(&server->wrong, 1);
    }
    if ((size_t)session->message < server->messages) {
        atomic_fetch_add(&server->taken[session->message], 1);
    }
}

static int crowd_byte(struct crowd_session *session)
{
    if (session->at == session->end) {
        crowd_flush(session);
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

/* 1 where a line is whole (without its end), until the next call. */
static int crowd_add_byte(struct crowd_session *session, int byte)
{
    if (byte == '\n') {
        session->line[session->length] = '\0';
        session->length = 0;
        return 1;
    }
    if (byte != '\r' && session->length + 1 < sizeof(session->line)) {
        session->line[session->length++] = (char)byte;
    }
    return 0;
}

static const char *crowd_line(struct crowd_session *session)
{
    int byte;
    while ((byte = crowd_byte(session)) >= 0) {
        if (crowd_add_byte(session, byte)) {
            return session->line;
        }
    }
    return NULL;
}

static int crowd_asks(struct crowd_session *session, enum crowd_step step)
{
    return session->server->at != NULL && session->server->at(session, step);
}

static void crowd_most(atomic_int *most, int value)
{
    int before = atomic_load(most);
    while (before < value && !atomic_compare_exchange_weak(most, &before, value)) {
    }
}

static void crowd_refuse(struct crowd_session *session, const char *words)
{
    crowd_say(session, words);
}

/* The end of a message is there: the verdict. */
static void crowd_final(struct crowd_session *session)
{
    if (!crowd_asks(session, CROWD_FINAL)) {
        crowd_take(session);
        crowd_say(session, "250 2.0.0 taken\r\n");
    }
    session->message = -1;
}

static void crowd_mail(struct crowd_session *session, const char *line)
{
    const char *at = strstr(line, "<m");
    if (session->message >= 0) {
        atomic_fetch_add(&session->server->out_of_turn, 1);
        crowd_refuse(session, "503 5.5.1 nested MAIL\r\n");
        return;
    }
    session->message = at != NULL ? strtol(at + 2, NULL, 10) : 0;
    session->recipients = 0;
    session->row = -1;
    session->length = 0;
    int refused = crowd_asks(session, CROWD_MAIL);
    if ((size_t)session->message < session->server->messages) {
        atomic_store(&session->server->seen[session->message], refused ? 0 : session->number);
    }
    if (refused) {
        session->message = -1;
        return;
    }
    crowd_most(&session->server->most_mails, ++session->mails);
    crowd_say(session, "250 2.1.0 ok\r\n");
}

static void crowd_rcpt(struct crowd_session *session)
{
    if (session->message < 0) {
        crowd_refuse(session, "503 5.5.1 MAIL first\r\n");
    } else if (!crowd_asks(session, CROWD_RCPT)) {
        session->recipients++;
        crowd_say(session, "250 2.1.5 ok\r\n");
    }
}

static void crowd_data(struct crowd_session *session)
{
    const char *line;
    if (session->message < 0 || session->recipients == 0) {
        crowd_refuse(session, "554 5.5.1 no valid recipients\r\n");
        return;
    }
    if (crowd_asks(session, CROWD_DATA)) {
        session->message = -1;
        return;
    }
    crowd_say(session, "354 go on\r\n");
    while ((line = crowd_line(session)) != NULL && strcmp(line, ".") != 0) {
        crowd_read_line(session, line[0] == '.' ? line + 1 : line);
    }
    if (line != NULL) {
        crowd_final(session);
    }
}

static void crowd_bdat(struct crowd_session *session, const char *line)
{
    long size = strtol(line + 5, NULL, 10);
    int last = strstr(line, "LAST") != NULL;
    for (long i = 0; i < size; i++) {
        int byte = crowd_byte(session);
        if (byte < 0) {
            return;
        }
        if (crowd_add_byte(session, byte) && session->message >= 0) {
            crowd_read_line(session, session->line);
        }
    }
    if (session->message < 0 || session->recipients == 0) {
        crowd_refuse(session, "503 5.5.1 no valid recipients\r\n");
    } else if (!last) {
        crowd_say(session, "250 2.0.0 a chunk\r\n");
    } else {
        session->length = 0;
        crowd_final(session);
    }
}

static void crowd_talk(struct crowd_session *session)
{
    const char *more = session->server->extensions;
    const char *line;
    if (crowd_asks(session, CROWD_GREETING)) {
        return;
    }
    crowd_say(session, "220 crowd.example\r\n");
    while (!session->over && (line = crowd_line(session)) != NULL) {
        if (strncmp(line, "EHLO", 4) == 0) {
            crowd_say(session, "250-crowd.example\r\n250-8BITMIME\r\n");
            crowd_say(session, more != NULL ? more : "");
            crowd_say(session, "250 SIZE\r\n");
        } else if (strncmp(line, "MAIL", 4) == 0) {
            crowd_mail(session, line);
        } else if (strncmp(line, "RCPT", 4) == 0) {
            crowd_rcpt(session);
        } else if (strncmp(line, "DATA", 4) == 0) {
            crowd_data(session);
        } else if (strncmp(line, "BDAT", 4) == 0) {
            crowd_bdat(session, line);
        } else if (strncmp(line, "RSET", 4) == 0) {
            session->message = -1;
            crowd_say(session, "250 2.0.0 ok\r\n");
        } else if (strncmp(line, "QUIT", 4) == 0) {
            atomic_fetch_add(&session->server->quits, 1);
            crowd_say(session, "221 2.0.0 bye\r\n");
            break;
        } else {
            crowd_say(session, "500 5.5.2 what?\r\n");
        }
    }
}

static void *crowd_session_run(void *context)
{
    struct crowd_session *session = context;
    struct crowd_server *server = session->server;
    crowd_talk(session);
    crowd_flush(session);
    close(session->fd);
    free(session);
    atomic_fetch_sub(&server->sessions, 1);
    return NULL;
}

static void *crowd_run(void *context)
{
    struct crowd_server *server = context;
    int fd;
    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        struct crowd_session *session = calloc(1, sizeof(*session));
        int on = 1;
        pthread_t thread;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        session->server = server;
        session->fd = fd;
        session->message = -1;
        session->number = atomic_fetch_add(&server->opened, 1) + 1;
        session->random = server->seed + (unsigned)session->number * 2654435761U;
        crowd_most(&server->most, atomic_fetch_add(&server->sessions, 1) + 1);
        if (session->number >= CROWD_SESSIONS_MAX ||
            pthread_create(&thread, NULL, crowd_session_run, session) != 0) {
            print_error("the crowd server cannot take one more connection\n");
            close(fd);
            free(session);
            atomic_fetch_sub(&server->sessions, 1);
            continue;
        }
        pthread_detach(thread);
    }
    return NULL;
}

void crowd_start(struct crowd_server *server, size_t messages)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    server->messages = messages;
    server->taken = calloc(messages, sizeof(*server->taken));
    server->seen = calloc(messages, sizeof(*server->seen));
    server->broken = calloc(CROWD_SESSIONS_MAX, sizeof(*server->broken));
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(server->fd, 512), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &length), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, crowd_run, server), 0);
}

void crowd_stop(struct crowd_server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    for (int i = 0; i < 20000 && atomic_load(&server->sessions) > 0; i++) {
        usleep(1000);
    }
    assert_int_equal(atomic_load(&server->sessions), 0);
}

void crowd_clear(struct crowd_server *server)
{
    free(server->taken);
    free(server->seen);
    free(server->broken);
}
