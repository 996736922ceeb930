/* output_json.h: what --json of every command ends in. */
#ifndef TIDYMAIL_CLI_OUTPUT_JSON_H
#define TIDYMAIL_CLI_OUTPUT_JSON_H

#include <jansson.h>

/* Writes the object as one line on stdout and lets go of it; 0, or -1 where it is NULL (out of memory) or
 * could not be written. */
int output_json_object(json_t *object);

#endif
