/* test_source.c: files and memory as sources: what may be opened, that sizes are kept, that nothing
 * stays open, and that every allocation may fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/source_file.h"
#include "fail_alloc.h"
#include "read_source.h"

static char folder[] = "/tmp/tidymail-source-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const char *bytes, size_t length)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return path;
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *all = opendir("/proc/self/fd");
    assert_non_null(all);
    while (readdir(all) != NULL) {
        count++;
    }
    closedir(all);
    return count;
}

static void a_file_is_read_whole_twice(void **state)
{
    (void)state;
    char bytes[10000];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 7);
    }
    const char *path = write_file("plain", bytes, sizeof(bytes));
    tidymail_source source;
    int before = open_descriptors();
    assert_int_equal(tidymail_source_open_file(&source, path), TIDYMAIL_OK);
    assert_int_equal(open_descriptors(), before); /* opened at the first read */
    assert_int_equal(source.size(source.context), sizeof(bytes));
    for (size_t piece = 1; piece <= 16384; piece *= 4) {
        size_t length;
        char *got = read_source(&source, piece, &length);
        assert_non_null(got);
        assert_int_equal(length, sizeof(bytes));
        assert_memory_equal(got, bytes, length);
        free(got);
        assert_int_equal(open_descriptors(), before); /* closed at the end */
        char more;
        assert_int_equal(source.read(source.context, &more, 1), 0);
        assert_int_equal(source.rewind(source.context), 0);
    }
    char first;
    assert_int_equal(source.read(source.context, &first, 1), 1);
    assert_int_equal(open_descriptors(), before + 1);
    assert_int_equal(source.rewind(source.context), 0);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(source.read(source.context, &first, 1), 1);
    source.release(source.context);
    assert_int_equal(open_descriptors(), before);
}

static void an_empty_file_is_a_source(void **state)
{
    (void)state;
    tidymail_source source;
    size_t length;
    assert_int_equal(tidymail_source_open_file(&source, write_file("empty", "", 0)), TIDYMAIL_OK);
    char *got = read_source(&source, 100, &length);
    assert_non_null(got);
    assert_int_equal(length, 0);
    free(got);
    source.release(source.context);
}

static void is_refused(const char *path, int code, const char *words)
{
    tidymail_source source;
    struct tdm_buf reason;
    errno = 0;
    assert_int_equal(tidymail_source_open_file(&source, path), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(errno, code);
    assert_null(source.release);
    tdm_buf_init(&reason, &tdm_allocator_default, 4096);
    assert_int_equal(tdm_source_open_file(&tdm_allocator_default, &source, path, &reason),
                     TIDYMAIL_KIND_LOCAL);
    if (strstr(tdm_buf_text(&reason), words) == NULL) {
        fail_msg("\"%s\", wanted \"%s\"", tdm_buf_text(&reason), words);
    }
    assert_null(strchr(tdm_buf_text(&reason), '\n'));
    tdm_buf_clear(&reason);
}

static void what_is_no_file_is_refused_with_the_reason(void **state)
{
    (void)state;
    tidymail_source source;
    is_refused(path_of("missing"), ENOENT, "/missing: ");
    is_refused(path_of("two\nlines"), ENOENT, "two\\x0Alines");
    is_refused(folder, EISDIR, " is a folder, not a file");
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    is_refused(path_of("fifo"), EINVAL, "/fifo is not a regular file"); /* and does not wait */
    is_refused("/dev/null", EINVAL, " is not a regular file");
    is_refused("", ENOENT, "cannot read ");
    if (geteuid() != 0) {
        const char *path = write_file("secret", "x", 1);
        assert_int_equal(chmod(path, 0), 0);
        is_refused(path, EACCES, "cannot read ");
    }
    assert_int_equal(tidymail_source_open_file(NULL, "x"), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_source_open_file(&source, NULL), TIDYMAIL_KIND_LOCAL);
}

/* Opens "changing" of 5000 bytes, reads `read_before` of them, runs `change`: the rest must fail. */
static void fails_after(size_t read_before, void (*change)(const char *path))
{
    char bytes[5000];
    memset(bytes, 'a', sizeof(bytes));
    const char *path = write_file("changing", bytes, sizeof(bytes));
    tidymail_source source;
    assert_int_equal(tidymail_source_open_file(&source, path), TIDYMAIL_OK);
    if (read_before > 0) {
        assert_int_equal(source.read(source.context, bytes, read_before), read_before);
    }
    int before = open_descriptors();
    change(path);
    ptrdiff_t got = 1;
    while (got > 0) {
        got = source.read(source.context, bytes, 1000);
    }
    assert_int_equal(got, -1);
    assert_true(open_descriptors() <= before);
    assert_non_null(strstr(source.error(source.context), "changing"));
    assert_non_null(strstr(source.error(source.context), access(path, F_OK) == 0
                                                             ? " changed while it was being read"
                                                             : "cannot read "));
    assert_int_equal(source.read(source.context, bytes, 1), -1); /* it stays failed */
    source.release(source.context);
}

static void grow(const char *path)
{
    assert_int_equal(truncate(path, 5001), 0);
}

static void shrink(const char *path)
{
    assert_int_equal(truncate(path, 4999), 0);
}

static void take_away(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static void a_changed_size_fails_the_read(void **state)
{
    (void)state;
    fails_after(0, grow);
    fails_after(0, shrink);
    fails_after(0, take_away);
    fails_after(1000, grow);
    fails_after(1000, shrink);
    fails_after(5000, grow);
}

static void memory_is_copied(void **state)
{
    (void)state;
    char bytes[] = "some\0bytes";
    tidymail_source source;
    assert_int_equal(tidymail_source_open_memory(&source, bytes, sizeof(bytes)), TIDYMAIL_OK);
    bytes[0] = 'X';
    assert_int_equal(source.size(source.context), sizeof(bytes));
    for (size_t piece = 1; piece < 20; piece++) {
        size_t length;
        char *got = read_source(&source, piece, &length);
        assert_int_equal(length, sizeof(bytes));
        assert_memory_equal(got, "some\0bytes", length);
        free(got);
        assert_int_equal(source.rewind(source.context), 0);
    }
    source.release(source.context);
    assert_int_equal(tidymail_source_open_memory(&source, NULL, 0), TIDYMAIL_OK);
    assert_int_equal(source.read(source.context, bytes, 1), 0);
    source.release(source.context);
    assert_int_equal(tidymail_source_open_memory(&source, NULL, 1), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_source_open_memory(&source, bytes, SIZE_MAX), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_source_open_memory(NULL, "x", 1), TIDYMAIL_KIND_LOCAL);
}

static int open_and_fail(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                         void *context)
{
    const char *path = context;
    tidymail_source source;
    struct tdm_buf reason;
    char byte;
    assert_int_equal(truncate(path, 5), 0);
    tdm_buf_init(&reason, allocator, 1000);
    int kind = tdm_source_open_file(allocator, &source, path, &reason);
    int right = kind == (memory->failures > 0 ? TIDYMAIL_KIND_LOCAL : TIDYMAIL_OK);
    if (kind == TIDYMAIL_OK) {
        size_t before = memory->failures;
        grow(path);
        right = source.read(source.context, &byte, 1) == -1;
        const char *words = source.error(source.context);
        right =
            right && (strcmp(words, "a file cannot be read") == 0) == (memory->failures > before);
        source.release(source.context);
    }
    right = right || memory->failures > 0;
    tdm_buf_clear(&reason);
    return right ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof(path), "%s", write_file("failing", "12345", 5));
    const char *problem = fail_alloc_run_all(open_and_fail, path, 2);
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
    static const char *const names[] = {"plain", "empty", "fifo", "secret", "changing", "failing"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unlink(path_of(names[i]));
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole_twice),
        cmocka_unit_test(an_empty_file_is_a_source),
        cmocka_unit_test(what_is_no_file_is_refused_with_the_reason),
        cmocka_unit_test(a_changed_size_fails_the_read),
        cmocka_unit_test(memory_is_copied),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
