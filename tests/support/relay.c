/* relay.c: see relay.h. */
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 16384
#define SETTLE_MS 3000 /* at most, for the server to take what is on its way */

static struct sockaddr_in relay_address(int port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    return address;
}

static int relay_send(int to, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(to, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return -1;
        }
        bytes += sent > 0 ? sent : 0;
        length -= sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

static void relay_note_starttls(struct relay *relay, const char *bytes, size_t length)
{
    if (relay->starttls == 0 && length >= 8 && memcmp(bytes, "STARTTLS", 8) == 0) {
        relay->starttls = 1;
    } else if (relay->starttls == 2) {
        relay->client_hellos++;
    }
}

/* Passes on what the server said, with the bytes of the relay's own where their place is. */
static int relay_pass_injecting(struct relay *relay, int to, const char *bytes, size_t length)
{
    char both[BUFFER_SIZE + 512];
    size_t extra = strlen(relay->injected);
    int reply = relay->starttls == 1;
    int here = (relay->place == RELAY_IN_HANDSHAKE && relay->client_hellos == 1) ||
               (relay->place == RELAY_BEHIND_HANDSHAKE && relay->client_hellos >= 2);
    relay->starttls = reply ? 2 : relay->starttls;
    if (reply && relay->place == RELAY_BEHIND_220) {
        memcpy(both, bytes, length);
        memcpy(both + length, relay->injected, extra);
        relay->faulted = 1;
        return relay_send(to, both, length + extra);
    }
    if (reply && relay->place == RELAY_BEFORE_HELLO) {
        relay->faulted = 1;
        return relay_send(to, bytes, length) != 0 ? -1 : relay_send(to, relay->injected, extra);
    }
    if (here && !relay->faulted) {
        relay->faulted = 1;
        if (relay_send(to, relay->injected, extra) != 0) {
            return -1;
        }
    }
    return relay_send(to, bytes, length);
}

/* One read's worth of one direction. 1: goes on, 0: that side is at its end, -1: the fault, or an
 * error, ended it. */
static int relay_pass(struct relay *relay, enum relay_direction direction, int from, int to)
{
    char bytes[BUFFER_SIZE];
    size_t room = sizeof(bytes);
    int faulty =
        relay->fault != RELAY_NONE && relay->fault != RELAY_INJECT && relay->direction == direction;
    if (faulty && relay->after - relay->bytes[direction] < (int64_t)room) {
        room = (size_t)(relay->after - relay->bytes[direction]);
    }
    ssize_t got = room > 0 ? recv(from, bytes, room, 0) : 0;
    if (got < 0 || (got == 0 && room > 0)) {
        return got < 0 ? -1 : 0;
    }
    if (direction == RELAY_FROM_CLIENT) {
        relay_note_starttls(relay, bytes, (size_t)got);
    }
    int injects = relay->fault == RELAY_INJECT && direction == RELAY_FROM_SERVER;
    int failed = injects ? relay_pass_injecting(relay, to, bytes, (size_t)got)
                         : relay_send(to, bytes, (size_t)got);
    relay->bytes[direction] += got;
    if (faulty && relay->bytes[direction] >= relay->after) {
        relay->faulted = 1;
        return relay->fault == RELAY_STALL ? 1 : -1;
    }
    return failed ? -1 : 1;
}

/* Waits until the server closed too: then it has read everything that was passed on. */
static void relay_settle(int server)
{
    char bytes[BUFFER_SIZE];
    struct pollfd readable = {server, POLLIN, 0};
    shutdown(server, SHUT_WR);
    while (poll(&readable, 1, SETTLE_MS) > 0 && recv(server, bytes, sizeof(bytes), 0) > 0) {
    }
}

static void relay_run(struct relay *relay, int client, int server)
{
    int open = 1;
    while (open) {
        struct pollfd ready[] = {{server, POLLIN, 0}, {client, POLLIN, 0}, {relay->stop[0], 0, 0}};
        int stalled = relay->fault == RELAY_STALL && relay->faulted;
        if (stalled) {
            ready[relay->direction].fd = -1;
        }
        if (poll(ready, 3, -1) < 0 && errno != EINTR) {
            break;
        }
        open = ready[2].revents == 0;
        if (open && ready[0].fd >= 0 && ready[0].revents != 0) {
            open = relay_pass(relay, RELAY_FROM_SERVER, server, client) > 0;
        }
        if (open && ready[1].fd >= 0 && ready[1].revents != 0) {
            open = relay_pass(relay, RELAY_FROM_CLIENT, client, server) > 0;
        }
    }
    if (relay->fault == RELAY_RESET && relay->faulted) {
        struct linger now = {1, 0};
        setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
}

static void *relay_thread(void *argument)
{
    struct relay *relay = argument;
    struct sockaddr_in address = relay_address(relay->server_port);
    struct pollfd ready[] = {{relay->listener, POLLIN, 0}, {relay->stop[0], 0, 0}};
    int one = 1;
    while (poll(ready, 2, -1) < 0 && errno == EINTR) {
    }
    int client = ready[0].revents != 0 ? accept(relay->listener, NULL, NULL) : -1;
    int server = client >= 0 ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (server >= 0 && connect(server, (struct sockaddr *)&address, sizeof(address)) == 0) {
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        int at_once =
            relay->after == 0 && relay->fault != RELAY_NONE && relay->fault != RELAY_INJECT;
        relay->faulted = at_once;
        if (!at_once || relay->fault == RELAY_STALL) {
            relay_run(relay, client, server);
        }
        close(client);
        client = -1;
        relay_settle(server);
    }
    if (client >= 0) {
        close(client);
    }
    if (server >= 0) {
        close(server);
    }
    return NULL;
}

int relay_start(struct relay *relay)
{
    struct sockaddr_in address = relay_address(0);
    socklen_t size = sizeof(address);
    relay->bytes[0] = relay->bytes[1] = 0;
    relay->faulted = relay->client_hellos = relay->starttls = 0;
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (relay->listener < 0 || pipe(relay->stop) != 0) {
        return -1;
    }
    if (bind(relay->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(relay->listener, 1) != 0 ||
        getsockname(relay->listener, (struct sockaddr *)&address, &size) != 0) {
        return -1;
    }
    relay->port = ntohs(address.sin_port);
    return pthread_create(&relay->thread, NULL, relay_thread, relay) == 0 ? 0 : -1;
}

void relay_stop(struct relay *relay)
{
    close(relay->stop[1]);
    pthread_join(relay->thread, NULL);
    close(relay->stop[0]);
    close(relay->listener);
}
