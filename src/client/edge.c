/* edge.c: see edge.h. */
#include "client/edge.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t edge_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t edge_wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec;
}

/* The kernel's, not OpenSSL's: a send without TLS needs no OpenSSL set up. Up to 256 bytes come whole
 * and without a signal in between (getrandom(2)); more is not asked for, and repeated if it is. */
static int edge_random(void *bytes, size_t size)
{
    unsigned char *at = bytes;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        at += got > 0 ? got : 0;
        size -= got > 0 ? (size_t)got : 0;
    }
    return 0;
}

const struct tdm_clock tdm_clock_system = {edge_now_ms, edge_wall_s, edge_random};

const char *tdm_edge_keylog(void)
{
    const char *path = secure_getenv("SSLKEYLOGFILE");
    return path != NULL && path[0] != '\0' ? path : NULL;
}
