/* edge.c: see edge.h. */
#include "client/edge.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ENTROPY_MAX 256 /* bytes at once */

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

/* The kernel's; OpenSSL's would set up its whole library first, which a send in clear can do without. */
static int edge_random(void *bytes, size_t size)
{
    char *at = bytes;
    for (; size > ENTROPY_MAX; at += ENTROPY_MAX, size -= ENTROPY_MAX) {
        if (getentropy(at, ENTROPY_MAX) != 0) {
            return -1;
        }
    }
    return getentropy(at, size);
}

const struct tdm_clock tdm_clock_system = {edge_now_ms, edge_wall_s, edge_random};

const char *tdm_edge_keylog(void)
{
    const char *path = secure_getenv("SSLKEYLOGFILE");
    return path != NULL && path[0] != '\0' ? path : NULL;
}
