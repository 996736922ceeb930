/*
 * transport_group.c: the members of a group: found in the text, opened with what options concern all
 * of them, shown without secrets, closed. No error shows text of a member other than its scheme.
 */
#include "transport/transport_group.h"

#include <string.h>

#include "transport/redirect.h"
#include "util/str.h"

#define GROUP_TEXT_MAX ((size_t)64 * 1024)

static const struct tdm_transport_ops *const group_kinds[] = {&tdm_transport_failover,
                                                              &tdm_transport_roundrobin};

const struct tdm_transport_ops *tdm_group_find(const char *text)
{
    for (size_t i = 0; text != NULL && i < sizeof(group_kinds) / sizeof(group_kinds[0]); i++) {
        size_t length = strlen(group_kinds[i]->scheme);
        if (tdm_starts_nocase(text, strlen(text), group_kinds[i]->scheme) && text[length] == '(') {
            return group_kinds[i];
        }
    }
    return NULL;
}

/* What is known while a group is set up. */
struct group_reader {
    tidymail_transport *transport;
    const struct tdm_transport_ops *kind;
    const char *text;
    const tidymail_transport_options *given;
    const char **general; /* of the given options, those that go to every member */
    size_t general_count;
    struct tdm_group *group;
};

static int group_refuse(const struct group_reader *reader, size_t offset, const char *words,
                        const char *hint)
{
    struct tidymail_error *error = &reader->transport->error;
    tdm_error_setf(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE, "URL, offset %z: %s",
                   offset, words);
    tdm_text_set(&error->allocator, &error->hint, hint);
    return error->kind;
}

static int group_no_memory(const struct group_reader *reader)
{
    return tdm_error_set(&reader->transport->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         "out of memory while reading the URL", NULL);
}

/* Where the member that begins at `at` ends: at a blank or ')' that is not inside a group of its own,
 * or at the end of the text. A group inside begins where a member can begin, nowhere else. */
static size_t group_member_end(const char *text, size_t at, size_t *deepest)
{
    size_t depth = 0;
    int begins = 1;
    for (; text[at] != '\0'; at++) {
        const struct tdm_transport_ops *kind = begins ? tdm_group_find(text + at) : NULL;
        if (kind != NULL) {
            at += strlen(kind->scheme); /* at its '(' */
            depth++;
            *deepest = depth > *deepest ? depth : *deepest;
            continue;
        }
        begins = tdm_is_space(text[at]);
        if (depth == 0 && (begins || text[at] == ')')) {
            return at;
        }
        depth -= text[at] == ')';
    }
    return at;
}

/* "failover, member 2 (smtp), offset 40: ..."; what is inside counts its offsets from there. */
static int group_refuse_member(const struct group_reader *reader, size_t number, size_t offset,
                               const tidymail_transport *member)
{
    struct tidymail_error *error = &reader->transport->error;
    const struct tidymail_error *why = &member->error;
    struct tdm_buf scheme;
    tdm_buf_init(&scheme, &error->allocator, 128);
    const char *name = member->url.scheme;
    if (name != NULL && (tdm_group_find(reader->text + offset) != NULL ||
                         strncmp(reader->text + offset + strlen(name), "://", 3) == 0)) {
        tdm_buf_addf(&scheme, " (%.*s)", (int)strnlen(name, 32), name);
    }
    tdm_error_setf(error, why->kind, why->phase, "%s, member %z%s, offset %z: %s",
                   reader->kind->scheme, number, tdm_buf_text(&scheme), offset,
                   tidymail_error_message(why));
    tdm_text_set(&error->allocator, &error->hint, why->hint);
    tdm_buf_clear(&scheme);
    return error->kind;
}

static int group_open_member(struct group_reader *reader, size_t start, size_t end)
{
    tidymail_transport *transport = reader->transport;
    struct tdm_group *group = reader->group;
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    if (group->count == TDM_GROUP_MEMBERS_MAX) {
        return group_refuse(reader, start, "more than 64 members", NULL);
    }
    char *text = tdm_strndup(&transport->allocator, reader->text + start, end - start);
    struct tdm_group_member *members =
        tdm_resize_array(&transport->allocator, group->members, group->count + 1, sizeof(*members));
    group->members = members != NULL ? members : group->members;
    tidymail_transport *member = NULL;
    if (text != NULL && members != NULL) {
        options.options = reader->general;
        options.option_count = reader->general_count;
        member = tdm_transport_new(text, &options, &transport->allocator, &transport->clock);
    }
    if (text != NULL) {
        tdm_wipe(text, strlen(text));
    }
    tdm_free(&transport->allocator, text);
    if (member == NULL) {
        return group_no_memory(reader);
    }
    members[group->count] = (struct tdm_group_member){group, group->count + 1, member, 0};
    group->count++;
    /* binary forms of a message are made where one of them may be able to carry them */
    transport->options.chunking |= member->options.chunking;
    return member->ops != NULL ? TIDYMAIL_OK
                               : group_refuse_member(reader, group->count, start, member);
}

/* The members between the parentheses; `at` becomes the offset behind the closing one. */
static int group_read_members(struct group_reader *reader, size_t *at)
{
    const char *text = reader->text;
    int kind = TIDYMAIL_OK;
    while (kind == TIDYMAIL_OK) {
        while (tdm_is_space(text[*at])) {
            (*at)++;
        }
        if (text[*at] == ')') {
            break;
        }
        size_t deepest = 0;
        size_t end = group_member_end(text, *at, &deepest);
        if (text[end] == '\0') {
            return group_refuse(reader, end, "the group has no ')' at its end",
                                "write it as failover(URL URL ...), blanks between the members");
        }
        if (deepest >= TDM_GROUP_DEPTH_MAX) {
            return group_refuse(reader, *at, "groups stand in groups, more than 8 deep", NULL);
        }
        kind = group_open_member(reader, *at, end);
        *at = end;
    }
    if (kind == TIDYMAIL_OK && reader->group->count == 0) {
        kind = group_refuse(reader, *at, "the group has no members",
                            "write it as failover(URL URL ...), blanks between the members");
    }
    (*at)++;
    return kind;
}

static int group_is_one_of(const char *const *names, const char *text, size_t length)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (tdm_equal_nocase_n(text, length, names[i])) {
            return 1;
        }
    }
    return 0;
}

/* Options of the group itself. */
static const char *const group_own[] = {"rest", "timeout", "transcript", "redirect", "allow", NULL};
/* Options that mean the same for every server and open no door: given beside the URL, they go to all
 * members. What names a secret, a server or a way to trust one belongs to the one member that it is
 * for. */
static const char *const group_general[] = {
    "connect-timeout", "reply-timeout", "proxy", "source", "resolver", "ca", NULL};

static int group_set_option(const struct group_reader *reader, const char *name, size_t length,
                            const char *value)
{
    tidymail_transport *transport = reader->transport;
    if (tdm_options_known(name, length) && !group_is_one_of(group_own, name, length)) {
        tdm_error_setf(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                       "option %.*s: it is none of %s, but of a member", (int)length, name,
                       reader->kind->scheme);
        tdm_text_set(&transport->allocator, &transport->error.hint,
                     "give it in the URL of the member that it is for; options of the whole are "
                     "rest, timeout, transcript, redirect, allow");
        return transport->error.kind;
    }
    return tdm_options_set(&transport->allocator, &transport->options, name, length, value,
                           strlen(value), &transport->error);
}

/* The options behind the closing parenthesis, which are the group's own. */
static int group_read_query(const struct group_reader *reader, size_t at)
{
    tidymail_transport *transport = reader->transport;
    const char *text = reader->text;
    if (text[at] == '\0') {
        return TIDYMAIL_OK;
    }
    if (text[at] != '?') {
        return group_refuse(reader, at, "after ')' comes '?' and options, or nothing",
                            "inside a member, write ) as %29 and a blank as %20");
    }
    int kind = TIDYMAIL_OK;
    size_t end = at;
    while (kind == TIDYMAIL_OK && text[end] != '\0') {
        size_t start = end + 1;
        end = start + strcspn(text + start, "&");
        size_t name = strcspn(text + start, "=&");
        char *value = NULL;
        if (text[start + name] != '=' || name == 0) {
            return group_refuse(reader, start, "an option is written name=value", NULL);
        }
        kind = tdm_url_decode_option(&transport->allocator, text, start + name + 1, end, &value,
                                     &transport->error);
        if (kind == TIDYMAIL_OK) {
            kind = group_set_option(reader, text + start, name, value);
        }
        tdm_free(&transport->allocator, value);
    }
    return kind;
}

/* The options beside the URL: those of all members are put aside, the others are the group's. */
static int group_read_given(struct group_reader *reader)
{
    const tidymail_transport_options *given = reader->given;
    if (given->user != NULL || given->password != NULL) {
        return tdm_error_set(&reader->transport->error, TIDYMAIL_KIND_CONFIGURATION,
                             TIDYMAIL_PHASE_PREPARE,
                             "user or password given, but which member they are for is not said",
                             "give them in the members' URLs");
    }
    size_t count = given->options != NULL ? given->option_count : 0;
    reader->general =
        tdm_alloc_array(&reader->transport->allocator, count + 1, sizeof(*reader->general));
    if (reader->general == NULL) {
        return group_no_memory(reader);
    }
    int kind = TIDYMAIL_OK;
    for (size_t i = 0; i < count && kind == TIDYMAIL_OK; i++) {
        const char *text = given->options[i];
        size_t name = text != NULL ? strcspn(text, "=") : 0;
        if (name == 0 || text[name] != '=') {
            return tdm_error_setf(&reader->transport->error, TIDYMAIL_KIND_CONFIGURATION,
                                  TIDYMAIL_PHASE_PREPARE,
                                  "options[%z]: an option is written name=value", i);
        }
        if (group_is_one_of(group_general, text, name)) {
            reader->general[reader->general_count++] = text;
        } else {
            kind = group_set_option(reader, text, name, text + name + 1);
        }
    }
    return kind;
}

static void group_show(const struct group_reader *reader, const char *query)
{
    tidymail_transport *transport = reader->transport;
    struct tdm_buf shown;
    tdm_buf_init(&shown, &transport->allocator, GROUP_TEXT_MAX * 8);
    tdm_buf_addf(&shown, "%s(", reader->kind->scheme);
    for (size_t i = 0; i < reader->group->count; i++) {
        tdm_buf_addf(&shown, "%s%s", i > 0 ? " " : "",
                     tidymail_transport_url(reader->group->members[i].transport));
    }
    tdm_buf_addf(&shown, ")%s", query);
    tdm_text_set(&transport->allocator, &transport->shown_url,
                 shown.failed ? NULL : tdm_buf_text(&shown));
    tdm_buf_clear(&shown);
}

/* A path for every transport is text; of a group there is none. */
static int group_name(const struct group_reader *reader)
{
    struct tdm_url *url = &reader->transport->url;
    const tidymail_allocator *allocator = &reader->transport->allocator;
    url->scheme = tdm_strdup(allocator, reader->kind->scheme);
    url->host = tdm_strdup(allocator, "");
    url->path = tdm_strdup(allocator, "");
    return url->scheme != NULL && url->host != NULL && url->path != NULL ? TIDYMAIL_OK
                                                                         : group_no_memory(reader);
}

static int group_read(struct group_reader *reader)
{
    const char *text = reader->text;
    size_t length = strlen(text);
    size_t at = strlen(reader->kind->scheme) + 1;
    size_t control = tdm_find_control(text, length);
    while (control < length && text[control] == '\t') {
        control += 1 + tdm_find_control(text + control + 1, length - control - 1);
    }
    if (length > GROUP_TEXT_MAX) {
        return group_refuse(reader, GROUP_TEXT_MAX, "longer than 65536 bytes", NULL);
    }
    if (control < length) {
        return group_refuse(reader, control, "a control byte (or line end) is not allowed", NULL);
    }
    reader->transport->kind = reader->kind;
    int kind = group_name(reader);
    kind = kind == TIDYMAIL_OK ? group_read_given(reader) : kind;
    kind = kind == TIDYMAIL_OK ? group_read_members(reader, &at) : kind;
    /* what stands beside the URL beats the URL: it is read once more, behind the query */
    kind = kind == TIDYMAIL_OK ? group_read_query(reader, at) : kind;
    if (kind == TIDYMAIL_OK) {
        tdm_free(&reader->transport->allocator, reader->general);
        reader->general = NULL;
        reader->general_count = 0;
        kind = group_read_given(reader);
    }
    kind = kind == TIDYMAIL_OK ? tdm_redirect_check(reader->transport) : kind;
    if (kind == TIDYMAIL_OK) {
        group_show(reader, text + at);
    }
    return kind;
}

int tdm_group_set_up(tidymail_transport *transport, const char *text,
                     const tidymail_transport_options *given)
{
    struct group_reader reader = {transport, tdm_group_find(text), text, given, NULL, 0, NULL};
    struct tdm_group *group = tdm_alloc_array(&transport->allocator, 1, sizeof(*group));
    if (group == NULL) {
        return group_no_memory(&reader);
    }
    group->transport = transport;
    reader.group = group;
    transport->impl = group;
    int kind = group_read(&reader);
    tdm_free(&transport->allocator, reader.general);
    if (kind == TIDYMAIL_OK) {
        transport->ops = reader.kind;
    } else {
        tdm_group_close(transport);
    }
    return kind;
}

void tdm_group_close(tidymail_transport *transport)
{
    struct tdm_group *group = transport->impl;
    for (size_t i = 0; i < group->count; i++) {
        tdm_transport_free(group->members[i].transport);
    }
    tdm_free(&transport->allocator, group->members);
    tdm_free(&transport->allocator, group);
    transport->impl = NULL;
}

void tdm_group_order(const struct tdm_group *group, size_t start, int64_t now_ms,
                     size_t order[TDM_GROUP_MEMBERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++) {
        size_t member = (start + i) % group->count;
        if (group->members[member].rests_until_ms <= now_ms) {
            order[count++] = member;
        }
    }
    size_t awake = count;
    for (size_t i = 0; i < group->count; i++) {
        size_t member = (start + i) % group->count;
        int64_t until = group->members[member].rests_until_ms;
        if (until <= now_ms) {
            continue;
        }
        size_t at = count++;
        for (; at > awake && group->members[order[at - 1]].rests_until_ms > until; at--) {
            order[at] = order[at - 1];
        }
        order[at] = member;
    }
}
