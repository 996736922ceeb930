/* edge.c: see edge.h. */
#include "client/edge.h"

#include <openssl/rand.h>
#include <stdlib.h>
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

static int edge_random(void *bytes, size_t size)
{
    return RAND_bytes(bytes, (int)size) == 1 ? 0 : -1;
}

const struct tdm_clock tdm_clock_system = {edge_now_ms, edge_wall_s, edge_random};

const char *tdm_edge_keylog(void)
{
    const char *path = secure_getenv("SSLKEYLOGFILE");
    return path != NULL && path[0] != '\0' ? path : NULL;
}
