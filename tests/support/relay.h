/*
 * relay.h: stands between a client and a server on loopback, one connection, on a thread of its own.
 * It passes bytes on until a fault: after so many bytes of one direction the connection is lost, or
 * nothing more passes that way, or bytes of its own are put in.
 */
#ifndef TESTS_RELAY_H
#define TESTS_RELAY_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum relay_direction { RELAY_FROM_SERVER = 0, RELAY_FROM_CLIENT = 1 };
enum relay_fault {
    RELAY_NONE = 0,
    RELAY_CLOSE,  /* an orderly end */
    RELAY_RESET,  /* a reset */
    RELAY_STALL,  /* nothing passes that way any more */
    RELAY_INJECT, /* into what the server sends, see `place` */
};
/* Where `injected` is put in. */
enum relay_place {
    RELAY_BEHIND_220 = 0,   /* into the same segment as the reply to STARTTLS */
    RELAY_BEFORE_HELLO,     /* a segment of its own behind that reply */
    RELAY_IN_HANDSHAKE,     /* in place of the answer to the client's first TLS record */
    RELAY_BEHIND_HANDSHAKE, /* before the first thing the server says under TLS */
    RELAY_PLACE_COUNT
};

struct relay {
    enum relay_fault fault;
    enum relay_direction direction;
    int64_t after; /* bytes of that direction */
    enum relay_place place;
    const char *injected;
    int server_port;
    int port; /* to connect to */
    int listener;
    int stop[2]; /* a pipe: closing its writing end ends the thread */
    pthread_t thread;
    /* to be read after relay_stop */
    int64_t bytes[2];  /* what was passed on, by direction */
    int faulted;       /* it came to the fault */
    int client_hellos; /* writes of the client behind STARTTLS so far */
    int starttls;      /* 1: the command was seen, 2: its reply too */
};

/* The members from `fault` to `server_port` are set before. 0, or -1. */
int relay_start(struct relay *relay);
/* Ends the connection towards the server, waits until the server has taken everything and has closed
 * too, then for the thread. */
void relay_stop(struct relay *relay);

#endif
