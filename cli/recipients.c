/*
 * recipients.c: splits lists (RFC 5322 3.4) before the library reads each address, because the library
 * rightly takes none without a domain.
 */
#include "recipients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/address.h>

#include "exit_code.h"

#define ALIAS_DEPTH 10

static int recipients_no_memory(struct cli_failure *failure)
{
    return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
}

/* What stands behind the text at `at`: its quoted strings, comments and angle brackets are passed
 * over as a whole. `is_comment`: it was a comment. */
static size_t recipients_pass(const char *text, size_t at, int *is_comment)
{
    char open = text[at];
    char close = open == '"' ? '"' : open == '(' ? ')' : open == '<' ? '>' : open == '[' ? ']' : 0;
    int depth = 1;
    *is_comment = open == '(';
    at++;
    while (close != 0 && text[at] != '\0' && depth > 0) {
        if (text[at] == '\\' && text[at + 1] != '\0' && open != '<') {
            at++;
        } else if (open == '<' && text[at] == '"') {
            int ignored;
            at = recipients_pass(text, at, &ignored) - 1;
        } else if (text[at] == close) {
            depth--;
        } else if (text[at] == open) {
            depth++;
        }
        at++;
    }
    return at;
}

static void recipients_trim(const char **text, size_t *length)
{
    while (*length > 0 && ((*text)[0] == ' ' || (*text)[0] == '\t')) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && ((*text)[*length - 1] == ' ' || (*text)[*length - 1] == '\t')) {
        (*length)--;
    }
}

/* Adds the address of one mailbox: what stands between < and >, else all but comments. */
static int recipients_add_bare(struct words *out, const char *mailbox)
{
    char *kept = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&kept, &length);
    size_t bracket = 0, bracket_end = 0;
    for (size_t at = 0; stream != NULL && mailbox[at] != '\0';) {
        int is_comment;
        size_t next = recipients_pass(mailbox, at, &is_comment);
        if (mailbox[at] == '<') {
            bracket = at + 1;
            bracket_end = mailbox[next - 1] == '>' ? next - 1 : next;
        }
        if (!is_comment) {
            fwrite(mailbox + at, 1, next - at, stream);
        }
        at = next;
    }
    if (stream == NULL || fclose(stream) != 0) {
        free(kept);
        return -1;
    }
    const char *bare = bracket > 0 ? mailbox + bracket : kept;
    length = bracket > 0 ? bracket_end - bracket : length;
    recipients_trim(&bare, &length);
    int result = length > 0 ? words_add(out, bare, length) : 0;
    free(kept);
    return result;
}

/* Cuts a list up; the names of groups ("Team: a, b;") are left out. 0, or -1 when out of memory. */
static int recipients_split(const char *list, struct words *out)
{
    size_t start = 0;
    int result = 0;
    for (size_t at = 0; result == 0;) {
        int is_comment;
        if (list[at] == ':') {
            start = at + 1;
        }
        if (list[at] == ',' || list[at] == ';' || list[at] == '\0') {
            char *mailbox = strndup(list + start, at - start);
            result = mailbox != NULL ? recipients_add_bare(out, mailbox) : -1;
            free(mailbox);
            start = at + 1;
        }
        if (list[at] == '\0') {
            break;
        }
        at = recipients_pass(list, at, &is_comment);
    }
    return result;
}

int recipients_has_domain(const char *address)
{
    size_t at = 0;
    while (address[at] != '\0' && address[at] != '@') {
        int is_comment;
        at = recipients_pass(address, at, &is_comment);
    }
    return address[at] == '@';
}

char *recipients_first(const char *list)
{
    struct words all = {NULL, 0};
    char *first = recipients_split(list, &all) == 0 && all.count > 0 ? strdup(all.items[0]) : NULL;
    words_clear(&all);
    return first;
}

/* What the file of aliases says of a name, to be freed; NULL where it says nothing. */
static char *recipients_alias(const char *path, const char *name, struct cli_failure *failure)
{
    FILE *file = fopen(path, "re");
    char *line = NULL, *found = NULL;
    size_t room = 0;
    int is_usual = 0;
    if (file == NULL) {
        failure_set(failure, CLI_EXIT_CONFIGURATION, TIDYMAIL_KIND_CONFIGURATION, "aliases %s: %s",
                    path, strerror(errno));
        return NULL;
    }
    while ((found == NULL || is_usual) && getline(&line, &room, file) > 0) {
        const char *start = line + strspn(line, " \t");
        size_t length = strcspn(start, ": \t");
        const char *colon = start + length + strspn(start + length, " \t");
        line[strcspn(line, "\r\n")] = '\0';
        int is_name = words_same(start, length, name);
        int is_default = words_same(start, length, "default");
        if (start[0] != '#' && *colon == ':' && (is_name || (is_default && found == NULL))) {
            free(found);
            found = strdup(colon + 1);
            is_usual = !is_name;
        }
    }
    free(line);
    fclose(file);
    return found;
}

/* One address with a domain, as the library reads it. */
static int recipients_add_whole(struct recipients *own, const char *address, const char *where,
                                struct cli_failure *failure)
{
    tidymail_address_list *list =
        tidymail_address_list_parse(address, TIDYMAIL_ADDRESS_ONE | TIDYMAIL_ADDRESS_LENIENT);
    const char *spec = tidymail_address_list_spec(list, 0);
    const tidymail_error *error = tidymail_address_list_error(list);
    int result = 0;
    if (error != NULL) {
        result = failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE, "%s: %.80s: %s", where,
                             address, tidymail_error_message(error));
    } else if (list == NULL || words_add(&own->found, spec, strlen(spec)) != 0) {
        result = recipients_no_memory(failure);
    }
    tidymail_address_list_free(list);
    return result;
}

static int recipients_add_list(struct recipients *own, const char *list, const char *where,
                               int depth, struct cli_failure *failure);

static int recipients_add_name(struct recipients *own, const char *name, const char *where,
                               int depth, struct cli_failure *failure)
{
    char *alias = own->aliases != NULL ? recipients_alias(own->aliases, name, failure) : NULL;
    int result = failure->status != 0 ? -1 : 0;
    if (result == 0 && alias != NULL && strchr("|/:\"", alias[strspn(alias, " \t")]) != NULL) {
        result = failure_set(failure, CLI_EXIT_CONFIGURATION, TIDYMAIL_KIND_CONFIGURATION,
                             "aliases %s: %.40s is a program or file, which cannot be done here",
                             own->aliases, name);
    } else if (result == 0 && alias != NULL && depth == 0) {
        result = failure_set(failure, CLI_EXIT_CONFIGURATION, TIDYMAIL_KIND_CONFIGURATION,
                             "aliases %s: %.40s leads back to itself", own->aliases, name);
    } else if (result == 0 && alias != NULL) {
        result = recipients_add_list(own, alias, where, depth - 1, failure);
    } else if (result == 0) {
        char *whole = NULL;
        result = asprintf(&whole, "%s@%s", name, own->domain) < 0
                     ? recipients_no_memory(failure)
                     : recipients_add_whole(own, whole, where, failure);
        free(whole);
    }
    free(alias);
    return result;
}

static int recipients_add_list(struct recipients *own, const char *list, const char *where,
                               int depth, struct cli_failure *failure)
{
    struct words all = {NULL, 0};
    int result = recipients_split(list, &all) == 0 ? 0 : recipients_no_memory(failure);
    for (size_t i = 0; i < all.count && result == 0; i++) {
        result = recipients_has_domain(all.items[i])
                     ? recipients_add_whole(own, all.items[i], where, failure)
                     : recipients_add_name(own, all.items[i], where, depth, failure);
    }
    words_clear(&all);
    return result;
}

int recipients_add(struct recipients *own, const char *list, const char *where,
                   struct cli_failure *failure)
{
    return recipients_add_list(own, list, where, ALIAS_DEPTH, failure);
}
