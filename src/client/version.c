/* version.c: the version at run time. */
#include <tidymail/version.h>

const char *tidymail_version(void)
{
    return TIDYMAIL_VERSION;
}
