/* small_server.c: see small_server.h. */
#include "small_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX ((size_t)1 << 20)

/* Waits for bytes, or for the test to be over; 1 where there are bytes. */
static int small_server_wait(const struct small_server *server, int fd)
{
    struct pollfd waits[2] = {{fd, POLLIN, 0}, {server->stop[0], POLLIN, 0}};
    return poll(waits, 2, 60000) > 0 && waits[1].revents == 0;
}

/* One line without its end, up to size - 1 bytes; -1 at the end. */
static int small_server_line(const struct small_server *server, int fd, char *line, size_t size)
{
    size_t length = 0;
    while (length + 1 < size) {
        char byte;
        if (!small_server_wait(server, fd) || recv(fd, &byte, 1, 0) != 1) {
            return -1;
        }
        if (byte == '\n') {
            break;
        }
        if (byte != '\r') {
            line[length++] = byte;
        }
    }
    line[length] = '\0';
    return (int)length;
}

static void small_server_say(int fd, const char *words)
{
    size_t length = strlen(words);
    while (length > 0) {
        ssize_t sent = send(fd, words, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        words += sent;
        length -= (size_t)sent;
    }
}

static void small_server_rcpt(struct small_server *server, int fd, const char *line)
{
    if (strstr(line, "bob") != NULL) {
        small_server_say(fd, "550 5.1.1 No such user\r\n");
        return;
    }
    size_t used = strlen(server->recipients);
    snprintf(server->recipients + used, sizeof(server->recipients) - used, "%s ",
             line + strlen("RCPT TO:"));
    small_server_say(fd, "250 2.1.5 Ok\r\n");
}

/* The message, up to and with the line that is a dot. */
static void small_server_data(struct small_server *server, int fd)
{
    small_server_say(fd, "354 Go ahead\r\n");
    while (server->stops_reading) {
        struct pollfd over = {server->stop[0], POLLIN, 0};
        if (poll(&over, 1, 60000) != 0) {
            return;
        }
    }
    while (server->length < MESSAGE_MAX && small_server_wait(server, fd)) {
        ssize_t got = recv(fd, server->message + server->length, MESSAGE_MAX - server->length, 0);
        if (got <= 0) {
            return;
        }
        server->length += (size_t)got;
        if (server->length >= 5 &&
            memcmp(server->message + server->length - 5, "\r\n.\r\n", 5) == 0) {
            small_server_say(fd, "250 2.0.0 Ok\r\n");
            return;
        }
    }
}

static void small_server_talk(struct small_server *server, int fd)
{
    char line[1024];
    small_server_say(fd, "220 small.example.test ESMTP\r\n");
    while (small_server_line(server, fd, line, sizeof(line)) >= 0) {
        if (strncasecmp(line, "EHLO", 4) == 0) {
            small_server_say(fd, "250-small.example.test\r\n250 8BITMIME\r\n");
        } else if (strncasecmp(line, "RCPT", 4) == 0) {
            small_server_rcpt(server, fd, line);
        } else if (strncasecmp(line, "DATA", 4) == 0) {
            small_server_data(server, fd);
        } else if (strncasecmp(line, "QUIT", 4) == 0) {
            small_server_say(fd, "221 2.0.0 Bye\r\n");
            return;
        } else {
            small_server_say(fd, "250 2.0.0 Ok\r\n");
        }
    }
}

static void *small_server_run(void *context)
{
    struct small_server *server = context;
    if (small_server_wait(server, server->listener)) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd >= 0) {
            small_server_talk(server, fd);
            close(fd);
        }
    }
    return NULL;
}

static int small_server_listen(struct small_server *server)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    int little = 4096; /* so that a message soon finds no room */
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0 ||
        setsockopt(server->listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)) != 0 ||
        bind(server->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(server->listener, 1) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &length) != 0) {
        return -1;
    }
    server->port = ntohs(address.sin_port);
    return 0;
}

int small_server_start(struct small_server *server, int stops_reading)
{
    memset(server, 0, sizeof(*server));
    server->listener = -1;
    server->stop[0] = server->stop[1] = -1;
    server->stops_reading = stops_reading;
    server->message = malloc(MESSAGE_MAX + 1);
    if (server->message == NULL || small_server_listen(server) != 0 || pipe(server->stop) != 0 ||
        pthread_create(&server->thread, NULL, small_server_run, server) != 0) {
        return -1;
    }
    return 0;
}

void small_server_stop(struct small_server *server)
{
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->listener);
}

void small_server_clear(struct small_server *server)
{
    free(server->message);
    server->message = NULL;
}
