/* test_part.c: trees of parts: what they look like, who owns them, and that every way of reading the
 * message gives the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/tidymail.h>

#include "fail_alloc.h"
#include "message/message_data.h"
#include "read_source.h"

static const char calendar[] =
    "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:Tee f\303\274r "
    "zwei\nEND:VEVENT\nEND:VCALENDAR\n";

/* A source of `length` bytes that says it has `announced`. */
struct drip {
    size_t length;
    int64_t announced;
    size_t at;
    int released;
};

static ptrdiff_t drip_read(void *context, void *buffer, size_t capacity)
{
    struct drip *drip = context;
    size_t left = drip->length - drip->at;
    size_t take = left < capacity ? left : capacity;
    take = take > 100 ? 100 : take;
    for (size_t i = 0; i < take; i++) {
        ((unsigned char *)buffer)[i] = (unsigned char)(drip->at++ * 7);
    }
    return (ptrdiff_t)take;
}

static int drip_rewind(void *context)
{
    ((struct drip *)context)->at = 0;
    return 0;
}

static int64_t drip_size(void *context)
{
    return ((struct drip *)context)->announced;
}

static void drip_release(void *context)
{
    ((struct drip *)context)->released++;
}

static tidymail_source drip_source(struct drip *drip)
{
    tidymail_source source = {drip_read, drip_rewind, drip_size, NULL, drip_release, drip};
    return source;
}

static tidymail_message *message_new(const tidymail_allocator *allocator)
{
    tidymail_message *message = tidymail_message_new_with(allocator);
    tidymail_message_set_from(message, "ann@example.com");
    tidymail_message_add_to(message, "bob@example.org");
    return message;
}

/* Text, HTML, an inline image, a calendar, an attachment of each kind. */
static tidymail_message *message_everything(const tidymail_allocator *allocator, struct drip *drip)
{
    tidymail_message *message = message_new(allocator);
    tidymail_message_set_subject(message, "Alles");
    tidymail_message_set_text(message, "Gr\303\274\303\237e\nund ein langer Absatz, der in keine "
                                       "Zeile passt, weil er so lang ist wie dieser hier\n-- \nA");
    tidymail_message_set_html(message, "<p>Gr\303\274\303\237e <img src=\"cid:logo\"></p>");
    tidymail_message_set_flowed(message, 1);
    tidymail_message_set_calendar(message, calendar);
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    attachment.bytes = "\211PNG\r\n\032\n\0\0";
    attachment.length = 10;
    attachment.name = "folder/L\303\266we.png";
    attachment.type = "image/png";
    attachment.description = "ein L\303\266we";
    attachment.content_id = "logo";
    attachment.is_inline = 1;
    if (message != NULL) {
        tdm_message_add_attachment(message, &attachment);
        attachment = (tidymail_attachment)TIDYMAIL_ATTACHMENT_INIT;
        attachment.bytes = "one\r\ntwo\r\n";
        attachment.length = 10;
        attachment.name = "plain.txt";
        attachment.type = "text/plain";
        tdm_message_add_attachment(message, &attachment);
        tidymail_source source = drip_source(drip);
        attachment = (tidymail_attachment)TIDYMAIL_ATTACHMENT_INIT;
        attachment.source = &source;
        attachment.name = "drip.bin";
        if (tdm_message_add_attachment(message, &attachment) != TIDYMAIL_OK) {
            drip_release(drip);
        }
    } else {
        drip_release(drip);
    }
    tidymail_message_attach_message(message, "Subject: inner\n\nb\303\266dy\n.\n", 24);
    return message;
}

static char *read_form(tidymail_message *message, int carry, size_t piece, size_t *length)
{
    tidymail_source source;
    assert_int_equal(tdm_message_open_form(message, carry, &source), TIDYMAIL_OK);
    char *bytes = read_source(&source, piece, length);
    assert_non_null(bytes);
    int64_t size = source.size(source.context);
    assert_true(size < 0 || size == (int64_t)*length);
    source.release(source.context);
    return bytes;
}

static void prepare(tidymail_message *message)
{
    struct tdm_writer_env env = {1700000000, {1, 2, 3, 4, 5, 6, 7, 8}, NULL};
    int kind = tdm_message_prepare(message, &env);
    if (kind != TIDYMAIL_OK) {
        fail_msg("%s", tidymail_error_message(tidymail_message_error(message)));
    }
}

/* What is asked for stands there, in that order. */
static void assert_order(const char *bytes, const char *const *words)
{
    for (; *words != NULL; words++) {
        const char *found = strstr(bytes, *words);
        if (found == NULL) {
            fail_msg("not there, or not behind what was before: %s in\n%s", *words, bytes);
        }
        bytes = found + strlen(*words);
    }
}

static void everything_in_its_place(void **state)
{
    (void)state;
    struct drip drip = {1000, 1000, 0, 0};
    tidymail_message *message = message_everything(NULL, &drip);
    prepare(message);
    size_t length;
    char *bytes = read_form(message, TDM_CARRY_7BIT, 4096, &length);
    assert_order(bytes, (const char *const[]){"multipart/mixed",
                                              "8bit\r\n",
                                              "multipart/alternative",
                                              "text/plain",
                                              "format=flowed",
                                              "multipart/related",
                                              "text/html\"",
                                              "text/html",
                                              "image/png",
                                              "base64",
                                              "inline",
                                              "Content-ID: <logo>\r\n",
                                              "Content-Description: ",
                                              "text/calendar",
                                              "utf-8",
                                              "method=REQUEST",
                                              "text/plain; charset=us-ascii",
                                              "name=plain.txt",
                                              "7bit",
                                              "attachment",
                                              "one\r\ntwo\r\n",
                                              "application/octet-stream",
                                              "drip.bin",
                                              "base64",
                                              "message/rfc822",
                                              "8bit",
                                              "Subject: inner\r\n\r\nb\303\266dy\r\n",
                                              "application/ics",
                                              "invite.ics",
                                              NULL});
    assert_null(strstr(bytes, "folder"));
    assert_int_equal(tdm_message_is_8bit(message), 1); /* the attached message */
    free(bytes);
    bytes = read_form(message, TDM_CARRY_8BIT, 4096, &length);
    assert_order(bytes,
                 (const char *const[]){"8bit\r\n\r\nGr\303\274\303\237e\r\n", "base64", NULL});
    free(bytes);
    bytes = read_form(message, TDM_CARRY_BINARY, 4096, &length);
    assert_null(strstr(bytes, "base64"));
    free(bytes);
    tidymail_message_free(message);
    assert_int_equal(drip.released, 1);
}

static void every_way_of_reading_gives_the_same(void **state)
{
    (void)state;
    for (int64_t announced = -1; announced <= 20000; announced += 20001) {
        struct drip drip = {20000, announced, 0, 0};
        tidymail_message *message = message_everything(NULL, &drip);
        prepare(message);
        for (int carry = TDM_CARRY_7BIT; carry <= TDM_CARRY_BINARY; carry++) {
            size_t length;
            char *whole = read_form(message, carry, 1 << 20, &length);
            tidymail_source source;
            assert_int_equal(tdm_message_open_form(message, carry, &source), TIDYMAIL_OK);
            for (size_t piece = 1; piece < 40000; piece += piece < 90 ? 1 : piece) {
                size_t again_length;
                char *again = read_source(&source, piece, &again_length);
                assert_non_null(again);
                assert_int_equal(again_length, length);
                assert_memory_equal(again, whole, length);
                free(again);
                char some[77];
                assert_int_equal(source.rewind(source.context), 0);
                assert_true(source.read(source.context, some, sizeof(some)) > 0);
                assert_int_equal(source.rewind(source.context), 0);
            }
            source.release(source.context);
            /* no bare CR or LF outside binary parts */
            for (size_t i = 0; carry != TDM_CARRY_BINARY && i < length; i++) {
                assert_true(whole[i] != '\n' || (i > 0 && whole[i - 1] == '\r'));
                assert_true(whole[i] != '\r' || whole[i + 1] == '\n');
            }
            free(whole);
        }
        tidymail_message_free(message);
    }
}

static int everything_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                           void *context)
{
    (void)context;
    struct drip drip = {3000, 3000, 0, 0};
    tidymail_message *message = message_everything(allocator, &drip);
    tidymail_source source;
    size_t length = 0;
    int wrong = 0;
    int kind = tidymail_message_open(message, &source);
    if (kind == TIDYMAIL_OK) {
        char *bytes = read_source(&source, 1000, &length);
        wrong = bytes == NULL || strstr(bytes, "invite.ics") == NULL;
        free(bytes);
        source.release(source.context);
    } else {
        wrong = memory->failures == 0 || kind != TIDYMAIL_KIND_LOCAL;
    }
    tidymail_message_free(message);
    return wrong || drip.released != 1;
}

static int tree_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    (void)context;
    tidymail_message *message = message_new(allocator);
    tidymail_part *mixed = tidymail_part_new_multipart_with("mixed", allocator);
    tidymail_part *leaf = tidymail_part_new_with("text/plain", "x\n", 2, allocator);
    tidymail_part_add_header(leaf, "Content-Language", "en");
    tidymail_part_add_header(leaf, "Content-ID", "<a@b>");
    tidymail_part_set_disposition(leaf, "inline", "a.txt");
    tidymail_part_add(mixed, leaf);
    tidymail_message_set_body(message, mixed);
    tidymail_source source;
    int kind = tidymail_message_open(message, &source);
    if (kind == TIDYMAIL_OK) {
        source.release(source.context);
    }
    tidymail_message_free(message);
    return kind == TIDYMAIL_OK ? 0 : memory->failures == 0 || kind != TIDYMAIL_KIND_LOCAL;
}

static void memory_may_fail_anywhere(void **state)
{
    (void)state;
    const char *words = fail_alloc_run_all(everything_once, NULL, 60);
    assert_string_equal(words != NULL ? words : "", "");
    words = fail_alloc_run_all(tree_once, NULL, 20);
    assert_string_equal(words != NULL ? words : "", "");
}

/* The error of a message with this body, "" where there is none. Frees both. */
static void assert_body_error(tidymail_part *part, const char *words)
{
    tidymail_message *message = message_new(NULL);
    tidymail_message_set_body(message, part);
    tidymail_source source;
    if (tidymail_message_open(message, &source) == TIDYMAIL_OK) {
        source.release(source.context);
    }
    const tidymail_error *error = tidymail_message_error(message);
    assert_string_equal(error != NULL ? tidymail_error_message(error) : "", words);
    tidymail_message_free(message);
}

static tidymail_part *leaf(const char *text)
{
    return tidymail_part_new(NULL, text, strlen(text));
}

static void trees_that_are_none(void **state)
{
    (void)state;
    assert_body_error(tidymail_part_new_multipart("mixed"), "multipart/mixed: it has no part");
    assert_body_error(tidymail_part_new("multipart/mixed", "", 0),
                      "content type: a multipart has parts, use tidymail_part_new_multipart and "
                      "tidymail_part_add");
    assert_body_error(tidymail_part_new_multipart("mixed; boundary=x"),
                      "content type: the boundary is not set this way, tidymail chooses it");
    assert_body_error(leaf("a\377"),
                      "text: invalid UTF-8 (the type names no other charset) at offset 1");
    tidymail_part *a = leaf("a");
    assert_int_equal(tidymail_part_add(a, leaf("b")), TIDYMAIL_KIND_MESSAGE);
    assert_body_error(a, "text/plain: a part that is no multipart takes no other");
    tidymail_part *mixed = tidymail_part_new_multipart("mixed");
    tidymail_part *inner = tidymail_part_new_multipart("related");
    tidymail_part *child = leaf("c");
    assert_int_equal(tidymail_part_add(inner, child), TIDYMAIL_OK);
    assert_int_equal(tidymail_part_add(mixed, inner), TIDYMAIL_OK);
    tidymail_part_free(child); /* does nothing: it has an owner */
    assert_int_equal(tidymail_part_add(mixed, child), TIDYMAIL_KIND_MESSAGE);
    assert_int_equal(tidymail_part_add(inner, mixed), TIDYMAIL_KIND_MESSAGE);
    assert_body_error(mixed, "multipart/mixed: the part has been given away already");
    tidymail_part *self = tidymail_part_new_multipart("mixed");
    assert_int_equal(tidymail_part_add(self, self), TIDYMAIL_KIND_MESSAGE);
    assert_body_error(self, "multipart/mixed: a part cannot stand inside itself");
    assert_int_equal(tidymail_part_add(NULL, leaf("d")), TIDYMAIL_KIND_LOCAL);
    tidymail_part_free(NULL);
}

static tidymail_part *nested(size_t levels, int *kind)
{
    tidymail_part *top = tidymail_part_new_multipart("mixed");
    tidymail_part *at = top;
    for (size_t i = 2; i <= levels; i++) {
        tidymail_part *next = i == levels ? leaf("x") : tidymail_part_new_multipart("mixed");
        *kind = tidymail_part_add(at, next);
        at = next;
    }
    return top;
}

static void levels_have_an_end(void **state)
{
    (void)state;
    int kind = 0;
    assert_body_error(nested(32, &kind), "");
    assert_int_equal(kind, TIDYMAIL_OK);
    tidymail_part *deep = nested(20000, &kind);
    assert_int_equal(kind, TIDYMAIL_OK); /* what stands below a refused part is refused with it */
    tidymail_part_free(deep);
    assert_body_error(nested(33, &kind), "multipart/mixed: more than 32 levels");
}

static void fields_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *words;
    } cases[] = {
        {"Content-Type", "text/x", "Content-Type: not set this way, tidymail writes it"},
        {"content-disposition", "x", "Content-Disposition: not set this way, tidymail writes it"},
        {"X A", "b", "header name: a character that a name cannot hold at offset 1"},
        {"", "b", "header name: it is empty"},
        {"X-A", "a\nb", "X-A: control character 0x0A at offset 1"},
        {"Content-ID", "a b", "Content-ID: a character that an id cannot hold at offset 1"},
        {"Content-ID", "<>", "Content-ID: it is empty"},
        {"X-A", "fine", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_part *part = leaf("x");
        tidymail_part_add_header(part, cases[i].name, cases[i].value);
        assert_body_error(part, cases[i].words);
    }
    tidymail_part *part = leaf("x");
    tidymail_part_set_disposition(part, "attachment", "a\rb");
    assert_body_error(part, "file name: control character 0x0D at offset 1");
    part = leaf("x");
    tidymail_part_set_disposition(part, "form-data", NULL);
    assert_body_error(part, "disposition: neither \"attachment\" nor \"inline\"");
}

/* type and bytes of a leaf, and what must stand in the message. */
static void leaves_by_type(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *bytes;
        const char *head;
        const char *encoding;
    } cases[] = {
        {NULL, "a\nb", "text/plain; charset=us-ascii\r\n", "7bit\r\n\r\na\r\nb\r\n"},
        {"text/x", "\303\244", "text/x; charset=utf-8\r\n", "base64\r\n\r\nw6Q=\r\n"},
        {"text/plain; charset=iso-8859-1", "\344 und noch mehr", "charset=iso-8859-1\r\n",
         "quoted-printable\r\n\r\n=E4 und noch mehr\r\n"},
        {"text/plain; charset=iso-8859-1", "\344\n", "charset=iso-8859-1\r\n",
         "base64\r\n\r\n5Ao=\r\n"}, /* byte for byte */
        {"application/x", "abc", "application/x\r\n", "base64\r\n\r\nYWJj\r\n"},
        {"application/x", "", "application/x\r\n", "base64\r\n\r\n"},
        {"message/rfc822", "A: b\n\nc", "message/rfc822\r\n", "7bit\r\n\r\nA: b\r\n\r\nc\r\n"},
        {"message/delivery-status", "A: b\n", "delivery-status\r\n", "7bit\r\n\r\nA: b\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_message *message = message_new(NULL);
        tidymail_message_set_body(
            message, tidymail_part_new(cases[i].type, cases[i].bytes, strlen(cases[i].bytes)));
        prepare(message);
        size_t length;
        char *bytes = read_form(message, TDM_CARRY_7BIT, 100, &length);
        assert_order(bytes, (const char *const[]){cases[i].head, cases[i].encoding, NULL});
        free(bytes);
        tidymail_message_free(message);
    }
}

static void an_attached_message_is_not_encoded(void **state)
{
    (void)state;
    char line[1005];
    memset(line, 'x', sizeof(line));
    tidymail_message *message = message_new(NULL);
    tidymail_message_attach_message(message, line, sizeof(line));
    tidymail_source source;
    assert_int_equal(tidymail_message_open(message, &source), TIDYMAIL_KIND_MESSAGE);
    assert_string_equal(
        tidymail_error_message(tidymail_message_error(message)),
        "message/rfc822: a line longer than 998 bytes, or NUL, and it cannot be encoded");
    tidymail_message_free(message);
    message = message_new(NULL);
    assert_int_equal(tidymail_message_attach_message(message, "a\0b", 3), TIDYMAIL_KIND_MESSAGE);
    tidymail_message_free(message);
}

/* The words of a failed read of a message with that source. */
static void assert_source_fails(struct drip *drip, const char *words)
{
    tidymail_message *message = message_new(NULL);
    tidymail_source given = drip_source(drip);
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    attachment.source = &given;
    attachment.name = "d";
    assert_int_equal(tdm_message_add_attachment(message, &attachment), TIDYMAIL_OK);
    tidymail_source source;
    size_t length;
    assert_int_equal(tidymail_message_open(message, &source), TIDYMAIL_OK);
    assert_null(read_source(&source, 100, &length));
    assert_string_equal(source.error(source.context), words);
    source.release(source.context);
    tidymail_message_free(message);
}

static void sizes_must_be_kept(void **state)
{
    (void)state;
    struct drip drip = {1000, 999, 0, 0};
    assert_source_fails(&drip, "attachment d: its source gives more bytes than it announced");
    drip = (struct drip){1000, 1001, 0, 0};
    assert_source_fails(&drip, "attachment d: its source gives fewer bytes than it announced");
}

static void some_can_be_read_once_only(void **state)
{
    (void)state;
    struct drip drip = {100, -1, 0, 0};
    tidymail_message *message = message_new(NULL);
    tidymail_source given = drip_source(&drip);
    given.rewind = NULL;
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    attachment.source = &given;
    attachment.name = "d";
    assert_int_equal(tdm_message_add_attachment(message, &attachment), TIDYMAIL_OK);
    prepare(message);
    assert_string_equal(tdm_message_find_single_use(message), "attachment d");
    tidymail_source source;
    size_t length;
    assert_int_equal(tidymail_message_open(message, &source), TIDYMAIL_OK);
    free(read_source(&source, 100, &length));
    assert_int_equal(source.rewind(source.context), -1);
    source.release(source.context);
    tidymail_message_set_subject(message, "again");
    assert_int_equal(tidymail_message_open(message, &source), TIDYMAIL_KIND_MESSAGE);
    assert_string_equal(tidymail_error_message(tidymail_message_error(message)),
                        "attachment d: its source can be read once only, and it was");
    tidymail_message_free(message);
    assert_int_equal(drip.released, 1);
}

static void two_readers_do_not_mix(void **state)
{
    (void)state;
    struct drip drip = {100000, -1, 0, 0};
    tidymail_message *message = message_new(NULL);
    tidymail_source given = drip_source(&drip);
    tidymail_message_set_body(message, tidymail_part_new_source("image/png", &given));
    tidymail_source first;
    tidymail_source second;
    char bytes[5000];
    size_t length;
    assert_int_equal(tidymail_message_open(message, &first), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_open(message, &second), TIDYMAIL_OK);
    tidymail_message_free(message); /* they live on */
    assert_true(first.read(first.context, bytes, sizeof(bytes)) > 0);
    char *whole = read_source(&second, 3000, &length);
    assert_non_null(whole);
    free(whole);
    assert_null(read_source(&first, 3000, &length));
    assert_string_equal(first.error(first.context),
                        "attachment image/png: it was read by somebody else in between");
    assert_int_equal(drip.released, 0);
    first.release(first.context);
    second.release(second.context);
    assert_int_equal(drip.released, 1);
}

static void what_cannot_stand_together(void **state)
{
    (void)state;
    tidymail_message *message = message_new(NULL);
    tidymail_source source;
    tidymail_message_set_text(message, "x");
    tidymail_message_set_body(message, leaf("y"));
    assert_int_equal(tidymail_message_open(message, &source), TIDYMAIL_KIND_MESSAGE);
    assert_string_equal(tidymail_error_message(tidymail_message_error(message)),
                        "text: cannot be set beside tidymail_message_set_body");
    assert_int_equal(tidymail_message_set_body(message, leaf("z")), TIDYMAIL_KIND_MESSAGE);
    tidymail_message_free(message);
    message = message_new(NULL);
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    attachment.is_inline = 1;
    attachment.content_id = "x";
    assert_int_equal(tdm_message_add_attachment(message, &attachment), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_open(message, &source), TIDYMAIL_KIND_MESSAGE);
    assert_string_equal(tidymail_error_message(tidymail_message_error(message)),
                        "attachment: an inline part is for the HTML, and there is none");
    tidymail_message_free(message);
    assert_int_equal(tidymail_message_set_body(NULL, leaf("z")), TIDYMAIL_KIND_LOCAL);
}

/* A tree may change after the message got it; what is opened then is what it is then. */
static void a_tree_may_grow(void **state)
{
    (void)state;
    tidymail_message *message = message_new(NULL);
    tidymail_part *mixed = tidymail_part_new_multipart("digest");
    size_t length;
    tidymail_message_set_body(message, mixed);
    tidymail_part_add(mixed, leaf("first"));
    prepare(message);
    char *bytes = read_form(message, TDM_CARRY_7BIT, 100, &length);
    free(bytes);
    tidymail_part_add(mixed, leaf("second =_0000_000000"));
    prepare(message);
    bytes = read_form(message, TDM_CARRY_7BIT, 100, &length);
    assert_order(bytes,
                 (const char *const[]){"multipart/digest", "first", "second", "--\r\n", NULL});
    free(bytes);
    tidymail_message_free(message);
}

/* What is signed is not changed for a server (RFC 1847 2.1). */
static void sealed_parts_stay_7bit(void **state)
{
    (void)state;
    tidymail_message *message = message_new(NULL);
    tidymail_part *sealed = tidymail_part_new_multipart("signed; protocol=\"application/x\"");
    tidymail_part_add(sealed, leaf("Gr\303\274\303\237e und was man so schreibt"));
    tidymail_part_add(sealed, tidymail_part_new("application/x", "x", 1));
    tidymail_message_set_body(message, sealed);
    prepare(message);
    assert_int_equal(tdm_message_needs(message, TDM_CARRY_BINARY), TDM_CARRY_7BIT);
    size_t length;
    char *bytes = read_form(message, TDM_CARRY_BINARY, 100, &length);
    assert_order(bytes, (const char *const[]){"multipart/signed", "protocol=\"application/x\"",
                                              "quoted-printable", NULL});
    free(bytes);
    tidymail_message_free(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_its_place),
        cmocka_unit_test(every_way_of_reading_gives_the_same),
        cmocka_unit_test(memory_may_fail_anywhere),
        cmocka_unit_test(trees_that_are_none),
        cmocka_unit_test(levels_have_an_end),
        cmocka_unit_test(fields_are_checked),
        cmocka_unit_test(leaves_by_type),
        cmocka_unit_test(an_attached_message_is_not_encoded),
        cmocka_unit_test(sizes_must_be_kept),
        cmocka_unit_test(some_can_be_read_once_only),
        cmocka_unit_test(two_readers_do_not_mix),
        cmocka_unit_test(what_cannot_stand_together),
        cmocka_unit_test(a_tree_may_grow),
        cmocka_unit_test(sealed_parts_stay_7bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
