/*
 * small_server.h: an SMTP server for one connection, on a thread of its own, for what the scripted
 * one cannot do: it refuses everybody called bob, keeps what it received for the others, and may
 * stop reading while a message comes in.
 */
#ifndef TESTS_SMALL_SERVER_H
#define TESTS_SMALL_SERVER_H

#include <pthread.h>
#include <stddef.h>

struct small_server {
    int listener;
    int stop[2]; /* a pipe: closing its writing end ends the thread */
    int port;
    int stops_reading; /* 1: after 354 nothing is read any more */
    pthread_t thread;
    /* what came; to be read after small_server_stop */
    char recipients[1024]; /* accepted, each followed by a blank */
    char *message;         /* as it came over the wire, with its dots and the last one */
    size_t length;
};

/* 0, or -1. */
int small_server_start(struct small_server *server, int stops_reading);
/* Ends the thread and waits for it; what came stays. */
void small_server_stop(struct small_server *server);
void small_server_clear(struct small_server *server);

#endif
