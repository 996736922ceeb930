/* test_attach.c: how attachments are resolved: from what, under which name, as which type, and what is
 * refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include <tidymail/part.h>

#include "client/attach.h"
#include "fail_alloc.h"
#include "read_source.h"

static char folder[] = "/tmp/tidymail-attach-XXXXXX";

static const char *write_file(const char *name, const char *bytes, size_t length)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return path;
}

static tidymail_message *new_message(void)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "a@example.org");
    tidymail_message_add_to(message, "b@example.org");
    tidymail_message_set_html(message, "<img src=\"cid:x\">");
    return message;
}

/* The message rendered; frees the message. */
static char *rendered(tidymail_message *message)
{
    tidymail_source source;
    size_t length;
    if (tidymail_message_open(message, &source) != TIDYMAIL_OK) {
        fail_msg("%s", tidymail_error_message(tidymail_message_error(message)));
    }
    char *bytes = read_source(&source, 4096, &length);
    source.release(source.context);
    tidymail_message_free(message);
    assert_non_null(bytes);
    return bytes;
}

static void contains(const char *bytes, const char *wanted)
{
    if (strstr(bytes, wanted) == NULL) {
        fail_msg("no \"%s\" in\n%s", wanted, bytes);
    }
}

static void a_file_has_name_type_and_charset(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *bytes;
        size_t length;
        const char *type;
    } cases[] = {
        {"a.png", "\211PNG", 4, "image/png"},
        {"plain.txt", "ASCII only\n", 11, "text/plain; charset=us-ascii"},
        {"utf8.txt", "Gr\303\274\303\237e", 7, "text/plain; charset=utf-8"},
        {"latin1.txt", "Gr\374\337e", 5, "text/plain"},
        {"nul.txt", "a\0b", 3, "text/plain"},
        {"cut.txt", "Gr\303", 3, "text/plain"},
        {"empty.txt", "", 0, "text/plain; charset=us-ascii"},
        {"message.eml", "From: x\r\n\r\n", 11, "application/octet-stream"},
        {"untold", "%PDF-1.7\n%\342\343\317\323\n", 15, "application/pdf"},
        {"nothing", "\1\2\3\377", 4, "application/octet-stream"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char wanted[200];
        tidymail_message *message = new_message();
        const char *path = write_file(cases[i].name, cases[i].bytes, cases[i].length);
        assert_int_equal(tidymail_message_attach_file(message, path), TIDYMAIL_OK);
        char *bytes = rendered(message);
        snprintf(wanted, sizeof(wanted), "\r\nContent-Type: %s%s", cases[i].type,
                 strchr(cases[i].type, ';') != NULL || strncmp(cases[i].type, "text/", 5) != 0
                     ? ""
                     : ";\r\n name");
        if (strstr(wanted, ";\r\n name") == NULL) {
            contains(bytes, wanted);
        } else {
            assert_null(strstr(strstr(bytes, "text/plain"), "charset"));
        }
        snprintf(wanted, sizeof(wanted), "filename=%s", cases[i].name);
        contains(bytes, wanted);
        free(bytes);
    }
}

static void what_the_caller_says_stands(void **state)
{
    (void)state;
    tidymail_message *message = new_message();
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    attachment.path = write_file("x.png", "abc", 3);
    attachment.name = "/some/where/else.bin";
    attachment.type = "text/x-own; charset=koi8-r";
    assert_int_equal(tidymail_message_add_attachment(message, &attachment), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_attach_bytes(message, "b.csv", NULL, "\303\244;b\r\n", 6),
                     TIDYMAIL_OK);
    assert_int_equal(tidymail_message_inline_file(message, write_file("i.gif", "GIF89a", 6), "x"),
                     TIDYMAIL_OK);
    attachment = (tidymail_attachment)TIDYMAIL_ATTACHMENT_INIT; /* nothing: an empty attachment */
    assert_int_equal(tidymail_message_add_attachment(message, &attachment), TIDYMAIL_OK);
    char *bytes = rendered(message);
    contains(bytes, "Content-Type: text/x-own; charset=koi8-r");
    contains(bytes, "filename=else.bin");
    assert_null(strstr(bytes, "some"));
    contains(bytes, "Content-Type: text/csv; charset=utf-8");
    contains(bytes, "multipart/related");
    contains(bytes, "Content-Type: image/gif");
    contains(bytes, "Content-ID: <x>");
    contains(bytes, "Content-Type: application/octet-stream");
    free(bytes);
}

static void is_refused(tidymail_message *message, int kind, int wanted, const char *words)
{
    const char *said = tidymail_error_message(tidymail_message_error(message));
    assert_int_equal(kind, wanted);
    if (strstr(said, words) == NULL) {
        fail_msg("\"%s\", wanted \"%s\"", said, words);
    }
    tidymail_message_reset(message);
}

static int released;

static ptrdiff_t broken_read(void *context, void *buffer, size_t capacity)
{
    (void)context;
    (void)buffer;
    (void)capacity;
    return -1;
}

static int broken_rewind(void *context)
{
    (void)context;
    return -1;
}

static const char *broken_error(void *context)
{
    (void)context;
    return "the disk is gone";
}

static void broken_release(void *context)
{
    (void)context;
    released++;
}

static ptrdiff_t empty_read(void *context, void *buffer, size_t capacity)
{
    (void)context;
    (void)buffer;
    (void)capacity;
    return 0;
}

static void bad_attachments_are_refused(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    tidymail_source source = {broken_read, broken_rewind, NULL, broken_error, broken_release, NULL};
    is_refused(message, tidymail_message_add_attachment(message, NULL), TIDYMAIL_KIND_MESSAGE,
               "attachment: NULL was given");
    is_refused(message, tidymail_message_attach_file(message, NULL), TIDYMAIL_KIND_MESSAGE,
               "attachment path: NULL was given");
    is_refused(message, tidymail_message_attach_file(message, "/nonexistent/a"),
               TIDYMAIL_KIND_LOCAL, "attachment: cannot read /nonexistent/a: ");
    is_refused(message, tidymail_message_attach_file(message, folder), TIDYMAIL_KIND_LOCAL,
               "is a folder, not a file");
    is_refused(message, tidymail_message_inline_file(message, folder, "x"), TIDYMAIL_KIND_LOCAL,
               "is a folder, not a file");
    is_refused(message, tidymail_message_attach_bytes(message, "a", NULL, NULL, 1),
               TIDYMAIL_KIND_MESSAGE, "a length without bytes");
    is_refused(message, tidymail_message_attach_bytes(message, "folder/", NULL, "a", 1),
               TIDYMAIL_KIND_MESSAGE, "attachment name: empty");
    attachment.path = "/etc/passwd";
    attachment.bytes = "x";
    is_refused(message, tidymail_message_add_attachment(message, &attachment),
               TIDYMAIL_KIND_MESSAGE, "more than one of path, bytes and source");
    attachment.path = NULL;
    attachment.source = &source;
    is_refused(message, tidymail_message_add_attachment(message, &attachment),
               TIDYMAIL_KIND_MESSAGE, "more than one of path, bytes and source");
    attachment.bytes = NULL;
    is_refused(message, tidymail_message_add_attachment(message, &attachment), TIDYMAIL_KIND_LOCAL,
               "attachment: the disk is gone");
    source.read = empty_read;
    is_refused(message, tidymail_message_add_attachment(message, &attachment), TIDYMAIL_KIND_LOCAL,
               "the source cannot be read again");
    source.read = NULL;
    is_refused(message, tidymail_message_add_attachment(message, &attachment),
               TIDYMAIL_KIND_MESSAGE, "a source without read");
    assert_int_equal(released, 0); /* it stayed the caller's */
    assert_int_equal(tidymail_message_attach_file(NULL, "x"), TIDYMAIL_KIND_LOCAL);
    source.read = empty_read;
    source.rewind = NULL; /* not asked for its type: it can be read once */
    assert_int_equal(tidymail_message_add_attachment(message, &attachment), TIDYMAIL_OK);
    tidymail_message_free(message);
    assert_int_equal(released, 1);
}

static void a_charset_is_seen_through_every_cut(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *name;
    } cases[] = {
        {"plain", "us-ascii"},  {"\303\244\342\202\254\360\237\230\200.", "utf-8"},
        {"\360\237\230", NULL}, {"\303\303\244", NULL},
        {"\377abcdef", NULL},   {"a\355\240\200", NULL}, /* a surrogate */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].bytes);
        for (size_t a = 0; a <= length; a++) {
            for (size_t b = a; b <= length; b++) {
                struct tdm_charset charset;
                tdm_charset_init(&charset);
                tdm_charset_see(&charset, cases[i].bytes, a);
                tdm_charset_see(&charset, cases[i].bytes + a, b - a);
                tdm_charset_see(&charset, cases[i].bytes + b, length - b);
                const char *name = tdm_charset_name(&charset);
                if (cases[i].name == NULL) {
                    assert_null(name);
                } else {
                    assert_non_null(name);
                    assert_string_equal(name, cases[i].name);
                }
            }
        }
    }
}

static int attach_all(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                      void *context)
{
    tidymail_message *message = tidymail_message_new_with(allocator);
    int kind = TIDYMAIL_KIND_LOCAL;
    if (message != NULL) {
        kind = tidymail_message_attach_file(message, context);
        kind = kind == TIDYMAIL_OK
                   ? tidymail_message_attach_bytes(message, "t.txt", NULL, "text", 4)
                   : kind;
        kind = kind == TIDYMAIL_OK ? tidymail_message_inline_file(message, context, "x") : kind;
    }
    int right = kind == (memory->failures > 0 ? TIDYMAIL_KIND_LOCAL : TIDYMAIL_OK);
    tidymail_message_free(message);
    return right ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof(path), "%s", write_file("untold", "%PDF-1.7\n", 9));
    const char *problem = fail_alloc_run_all(attach_all, path, 6);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"a.png",     "plain.txt",   "utf8.txt", "latin1.txt",
                                        "nul.txt",   "cut.txt",     "x.png",    "i.gif",
                                        "empty.txt", "message.eml", "untold",   "nothing"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_name_type_and_charset),
        cmocka_unit_test(what_the_caller_says_stands),
        cmocka_unit_test(bad_attachments_are_refused),
        cmocka_unit_test(a_charset_is_seen_through_every_cut),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
