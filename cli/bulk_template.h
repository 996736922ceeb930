/*
 * bulk_template.h: text with {{fields}}. {{name}} is the field's value made safe for the place where it
 * stands, {{{name}}} the value as it is, {{name|text}} the text where the row has no such field or it
 * is empty, and \{{ two braces.
 */
#ifndef TIDYMAIL_CLI_BULK_TEMPLATE_H
#define TIDYMAIL_CLI_BULK_TEMPLATE_H

#include "bulk_rows.h"
#include "bulk_text.h"

/* The place decides how a value is made safe. */
enum bulk_place {
    BULK_PLACE_TEXT,    /* nothing to do */
    BULK_PLACE_HTML,    /* & < > " ' as entities */
    BULK_PLACE_MAILBOX, /* a name that is no phrase is quoted (RFC 5322 3.2.5) */
    BULK_PLACE_FILE,    /* FILE;name=..;type=..: a semicolon ends nothing */
    BULK_PLACE_URL,     /* %XX, but for a field that the text begins with */
    BULK_PLACE_JSON     /* the inside of a string */
};

struct bulk_template;

/* 1 where the text has a field. */
int bulk_template_has_fields(const char *text);
/* NULL with the failure: braces that are not closed, ...; `where` names the text in it. */
struct bulk_template *bulk_template_new(const char *text, enum bulk_place place, const char *where,
                                        struct cli_failure *failure);
void bulk_template_free(struct bulk_template *template);
/* Adds the text for this row; 0, or -1 and why in `problem`. */
int bulk_template_render(const struct bulk_template *template, const struct bulk_row *row,
                         struct bulk_text *text, struct bulk_text *problem);

#endif
