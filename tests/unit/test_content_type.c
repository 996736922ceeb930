/* test_content_type.c: what names and bytes speak for. The table of the test is its own file, so that
 * it does not depend on what is installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "client/content_type.h"

static char table[] = "/tmp/tidymail-globs-XXXXXX";

static const char table_text[] = "# a comment\n"
                                 "80:text/html:*.html\n"
                                 "50:application/gzip:*.gz\n"
                                 "50:application/x-compressed-tar:*.tar.gz\n"
                                 "50:text/x-c++src:*.C:cs\n"
                                 "50:text/x-c++src:*.C\n"
                                 "50:text/x-csrc:*.c:cs\n"
                                 "50:text/x-csrc:*.c\n"
                                 "50:text/x-makefile:makefile\n"
                                 "60:application/x-sharedlib:*.so.[0-9]*\n"
                                 "50:video/x-anim:*.anim[1-9j]\n"
                                 "50:text/vnd.trolltech.linguist:*.ts\n"
                                 "50:video/mp2t:*.ts\n"
                                 "10:text/x-readme:readme*\n"
                                 "50:text/x-two:*.t?o\n"
                                 "50:one/first:*.both\n"
                                 "50:two/second:*.both\n"
                                 "50:message/rfc822:*.eml\n"
                                 "50:multipart/x-mixed:*.mht\n"
                                 "50:application/pdf:*.pdf\n"
                                 "no line\n"
                                 ":x/y:*.pdf\n"
                                 "99:broken\n"
                                 "99:with blank/x:*.odd\n";

static void names_speak_by_the_table(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a.html", "text/html"},
        {"A.HTML", "text/html"},
        {"b.tar.gz", "application/x-compressed-tar"}, /* the longest pattern */
        {"b.gz", "application/gzip"},
        {"b.TAR.gz", "application/x-compressed-tar"},
        {"x.C", "text/x-c++src"}, /* the case as given comes first */
        {"x.c", "text/x-csrc"},
        {"Makefile", "text/x-makefile"},
        {"makefile.old", NULL},
        {"libx.so.1.2", "application/x-sharedlib"},
        {"libx.so.", NULL},
        {"x.anim7", "video/x-anim"},
        {"x.animj", "video/x-anim"},
        {"x.anim0", NULL},
        {"x.ts", "video/mp2t"}, /* the table does not decide, ours does */
        {"README", "text/x-readme"},
        {"readme.html", "text/html"}, /* the higher weight */
        {"x.two", "text/x-two"},
        {"x.to", NULL},
        {"x.both", "one/first"},
        {"x.eml", "application/octet-stream"}, /* those may not be encoded */
        {"x.mht", "application/octet-stream"},
        {"x.pdf", "application/pdf"},
        {"x.odd", "application/octet-stream"}, /* no type */
        {"x.png", "image/png"},                /* not in this table: ours */
        {"x", NULL},
        {"", NULL},
        {".", NULL},
        {"png", NULL},
        {"x.png.unknown", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char type[TDM_GUESS_MAX] = "";
        int found = tdm_guess_by_name(table, cases[i][0], type);
        if (found != (cases[i][1] != NULL) || (found && strcmp(type, cases[i][1]) != 0)) {
            fail_msg("%s: %d \"%s\"", cases[i][0], found, type);
        }
    }
}

static void without_a_table_there_is_a_floor(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a.PDF", "application/pdf"},
        {"photo.of.us.JPG", "image/jpeg"},
        {"t.csv", "text/csv"},
        {"i.ics", "text/calendar"},
        {"noname", NULL},
        {"a.pdf.x", NULL},
    };
    static const char *const tables[] = {NULL, "/nonexistent/globs2", "/"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t k = 0; k < 3; k++) {
            char type[TDM_GUESS_MAX] = "";
            int found = tdm_guess_by_name(tables[k], cases[i][0], type);
            assert_int_equal(found, cases[i][1] != NULL);
            assert_string_equal(type, found ? cases[i][1] : "");
        }
    }
}

static void long_names_end_as_they_end(void **state)
{
    (void)state;
    char name[5000];
    char type[TDM_GUESS_MAX];
    memset(name, '*', sizeof(name));
    memcpy(name + sizeof(name) - 5, ".png", 5);
    assert_int_equal(tdm_guess_by_name(table, name, type), 1);
    assert_string_equal(type, "image/png");
    memset(name, '[', sizeof(name) - 1);
    assert_int_equal(tdm_guess_by_name(table, name, type), 0);
}

static void the_installed_table_is_read(void **state)
{
    (void)state;
    char type[TDM_GUESS_MAX];
    if (access(TDM_GUESS_GLOBS, R_OK) != 0) {
        print_message("shared-mime-info is not installed\n");
        skip();
    }
    assert_int_equal(tdm_guess_by_name(TDM_GUESS_GLOBS, "dump.pcap", type), 1); /* not in ours */
    assert_string_equal(type, "application/vnd.tcpdump.pcap");
    assert_int_equal(tdm_guess_by_name(TDM_GUESS_GLOBS, "a.png", type), 1);
    assert_string_equal(type, "image/png");
}

static void bytes_speak(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *type;
    } cases[] = {
        {"\211PNG\r\n\032\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\6\0\0\0", 29, "image/png"},
        {"%PDF-1.7\n%\342\343\317\323\n", 15, "application/pdf"},
        {"Just a text.\n", 13, "text/plain"},
        {"\1\2\3\4\5\0\377\376\200", 9, "application/octet-stream"},
        {"From: a@b.c\r\nTo: d@e.f\r\nReceived: by x\r\nSubject: s\r\n\r\nHi\r\n", 58,
         "application/octet-stream"},
        {"", 0, "application/octet-stream"},
        {NULL, 0, "application/octet-stream"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char type[TDM_GUESS_MAX] = "";
        tdm_guess_by_bytes(cases[i].bytes, cases[i].length, type);
        if (strncmp(cases[i].bytes != NULL ? cases[i].bytes : "", "From:", 5) == 0 &&
            strcmp(type, "text/plain") == 0) {
            continue; /* some magic files know no mail */
        }
        assert_string_equal(type, cases[i].type);
    }
}

static int write_table(void **state)
{
    (void)state;
    int file = mkstemp(table);
    ssize_t done = file >= 0 ? write(file, table_text, sizeof(table_text) - 1) : -1;
    close(file);
    return done == sizeof(table_text) - 1 ? 0 : -1;
}

static int remove_table(void **state)
{
    (void)state;
    return unlink(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_speak_by_the_table),
        cmocka_unit_test(without_a_table_there_is_a_floor),
        cmocka_unit_test(long_names_end_as_they_end),
        cmocka_unit_test(the_installed_table_is_read),
        cmocka_unit_test(bytes_speak),
    };
    return cmocka_run_group_tests(tests, write_table, remove_table);
}
