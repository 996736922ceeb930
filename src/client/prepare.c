/* prepare.c: see prepare.h; and the public way to read a finished message. */
#include "client/prepare.h"

#include <string.h>

#include "client/dkim.h"
#include "client/edge.h"

int tdm_message_prepare_now(tidymail_message *message)
{
    struct tdm_writer_env env = {0, {0}, NULL};
    if (message != NULL && message->identified) {
        return tdm_message_prepare(message, &env); /* time and random numbers were used before */
    }
    env.wall_s = tdm_clock_system.wall_s();
    if (tdm_clock_system.random(env.random, sizeof(env.random)) != 0) {
        return tdm_error_set(&message->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                             "the system gives no random numbers", NULL);
    }
    return tdm_message_prepare(message, &env);
}

int tidymail_message_open(tidymail_message *message, tidymail_source *source)
{
    if (message == NULL || source == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    memset(source, 0, sizeof(*source));
    int kind = tdm_message_prepare_now(message);
    return kind == TIDYMAIL_OK ? tdm_open_signed(message, source) : kind;
}
