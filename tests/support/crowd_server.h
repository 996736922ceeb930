/*
 * crowd_server.h: an SMTP server for many connections at once, a thread for each, that counts what it
 * takes. What it says at each step is the test's: `at` may answer in its place. A message is known by its
 * number, which stands in MAIL FROM:<mNUMBER@...>; with `checks_text` its text must be that of
 * crowd_text, so that no line may be lost, doubled or come from another message.
 */
#ifndef TESTS_CROWD_SERVER_H
#define TESTS_CROWD_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define CROWD_SESSIONS_MAX 262144
#define CROWD_TEXT_MAX 4096

enum crowd_step { CROWD_GREETING, CROWD_MAIL, CROWD_RCPT, CROWD_DATA, CROWD_FINAL };

struct crowd_session;

struct crowd_server {
    const char *extensions; /* lines of EHLO, such as "250-PIPELINING\r\n"; NULL: none */
    int checks_text;
    /* 1: it has answered (crowd_say, crowd_break) and the step is refused; 0: the usual answer. On the
     * session's thread. NULL: always the usual. */
    int (*at)(struct crowd_session *session, enum crowd_step step);
    const void *context;
    unsigned seed;

    /* What may be read at any time. */
    int port;
    atomic_int opened;      /* connections in all */
    atomic_int sessions;    /* under way */
    atomic_int most;        /* the most of them at once */
    atomic_int breaks;      /* crowd_break */
    atomic_int quits;       /* QUIT */
    atomic_int wrong;       /* messages whose text was not theirs */
    atomic_int out_of_turn; /* commands that came when they may not */
    atomic_int most_mails;  /* the most messages over one connection */
    atomic_uchar *taken;    /* by message: how often it was accepted */
    atomic_int *seen;       /* by message: the connection that last took its MAIL, from 1 */
    atomic_uchar *broken;   /* by connection, from 1 */

    size_t messages;
    int fd;
    pthread_t thread;
};

struct crowd_session {
    struct crowd_server *server;
    int number; /* of the connection, from 1 */
    unsigned random;
    long message; /* -1: no MAIL */
    int recipients;
    int mails; /* over this connection */
    int over;
    int fd;
    long row; /* the next one of the text; -1: in the header, -2: wrong, -3: its end came */
    char line[2048];
    size_t length;
    size_t at;
    size_t end;
    size_t out_length;
    char in[65536];
    char out[65536];
};

/* For messages 0 to `messages` - 1; fails the test where it cannot be. */
void crowd_start(struct crowd_server *server, size_t messages);
/* No more connections; waits for those that stand. The counts stay until crowd_clear. */
void crowd_stop(struct crowd_server *server);
void crowd_clear(struct crowd_server *server);

/* For `at`. */
void crowd_say(struct crowd_session *session, const char *lines);
/* Ends the connection: what was said before goes out first where `politely`, else it is reset. */
void crowd_break(struct crowd_session *session, int politely);
void crowd_take(struct crowd_session *session);
/* A seeded number below `below`. */
unsigned crowd_random(struct crowd_session *session, unsigned below);

/* The text that message `number` has. */
void crowd_text(long number, char text[CROWD_TEXT_MAX]);

#endif
