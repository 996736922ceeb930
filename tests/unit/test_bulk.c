/* test_bulk.c: what `tidymail bulk` reads: lists, texts with fields, journals; and its progress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bulk_journal.c"
#include "cli/bulk_progress.c"
#include "cli/bulk_rows.c"
#include "cli/bulk_template.c"
#include "cli/bulk_text.c"
#include "cli/failure.c"

/* All rows as text: values with | between and a ; behind each row, problems in brackets. */
static void list_read(const char *bytes, size_t length, char delimiter, struct bulk_text *seen)
{
    struct cli_failure failure = {0, 0, NULL, NULL};
    FILE *stream = fmemopen((void *)(uintptr_t)bytes, length, "r");
    struct bulk_rows *rows = bulk_rows_new(stream, "list", BULK_FORMAT_GUESS, delimiter);
    struct bulk_row row;
    int result;
    while ((result = bulk_rows_next(rows, &row, &failure)) == 1) {
        for (size_t i = 0; i < row.count; i++) {
            bulk_text_put(seen, i > 0 ? "|" : "");
            bulk_text_put(seen, row.fields[i].value != NULL ? row.fields[i].value : "(none)");
        }
        if (row.problem != NULL) {
            bulk_text_format(seen, "[%d: %s]", (int)row.line, row.problem);
        }
        bulk_text_put(seen, ";");
    }
    if (result < 0) {
        assert_int_not_equal(failure.status, 0);
        bulk_text_format(seen, "!%s", failure.message);
    }
    assert_true(result == 0 || failure.message != NULL);
    failure_clear(&failure);
    bulk_rows_free(rows);
    fclose(stream);
}

static void lists_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *rows;
        char delimiter;
    } cases[] = {
        {"a,b\n1,2\n", "1|2;", ','},
        {"a,b\r\n1,2\r\n3,4", "1|2;3|4;", ','},
        {"a,b\n\n1,2\n\r\n\n", "1|2;", ','},
        {"\xEF\xBB\xBF"
         "a\n1\n",
         "1;", ','},
        {"a,b\n\"x, \"\"y\"\"\",\"l1\r\nl2\"\n", "x, \"y\"|l1\r\nl2;", ','},
        {"a,b\n,\n\"\",\"\"\n", "|;|;", ','},
        {"a;b\n1,5;2\n", "1,5|2;", ';'},
        {"a\tb\n1\t2\n", "1|2;", '\t'},
        {"a,b\n1\n1,2,3\n4,5\n",
         "[2: has 1 field, the header line has 2];[3: has 3 fields, the header line has 2];4|5;",
         ','},
        {"a,b\nx\"y,2\n3,4\n",
         "x\"y|2[2: has a quotation mark inside a field that does not begin with one];3|4;", ','},
        {"a,b\n\"x\"y,2\n3,4\n", "xy|2[2: has text behind a closing quotation mark];3|4;", ','},
        {"a,b\n1,\"2\n3,4\n", "1|2\n3,4\n[2: has a quotation mark that is not closed];", ','},
        {"a,b\n\"1\n2\",3\nx\n", "1\n2|3;[4: has 1 field, the header line has 2];", ','},
        {"a,a\n", "!list, header line: column 2 has the name of one before", ','},
        {"a,,b\n", "!list, header line: column 2 has no name", ','},
        {"\n\n", "!list is empty: not even a header line", ','},
        {"a,\"b\n", "!list, header line: has a quotation mark that is not closed", ','},
        {"{\"a\": \"x\", \"b\": 1.1}\n{\"a\":null,\"c\":true}\n\n", "x|1.1;|true;", ','},
        {"{\"a\": 12345678901, \"b\": [1], \"c\": \"\\u00fc\"}", "12345678901|(none)|\xC3\xBC;",
         ','},
        {"{}\n[1]\n{\"a\":}\n{\"a\":1,\"a\":2}\n{\"a\":0.1}\n",
         ";[2: is not a JSON object];[3: is not JSON at column 6];[4: is not JSON at column "
         "10];0.1;",
         ','},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bulk_text seen = {NULL, 0, 0, 0};
        list_read(cases[i].list, strlen(cases[i].list), cases[i].delimiter, &seen);
        assert_string_equal(seen.bytes != NULL ? seen.bytes : "", cases[i].rows);
        bulk_text_clear(&seen);
    }
}

/* Whatever is cut off or changed: it ends, and no row has more than is there. */
static void lists_of_any_bytes_end(void **state)
{
    (void)state;
    static const char list[] = "a,b\r\n\"x\"\"\",y\n1,\"2\n3\"\n{\"a\":1}\n";
    for (size_t cut = 1; cut < sizeof(list); cut++) {
        for (int byte = 0; byte < 256; byte += 1) {
            char changed[sizeof(list)];
            struct bulk_text seen = {NULL, 0, 0, 0};
            memcpy(changed, list, sizeof(list));
            changed[cut - 1] = (char)byte;
            list_read(changed, byte % 2 == 0 ? cut : sizeof(list) - 1, ',', &seen);
            bulk_text_clear(&seen);
        }
    }
}

static void a_row_without_end_is_refused(void **state)
{
    (void)state;
    size_t length = BULK_ROW_MAX * 2 + 64;
    char *list = malloc(length);
    struct bulk_text seen = {NULL, 0, 0, 0};
    memset(list, 'x', length);
    memcpy(list, "a,b\n1,\"", 7);
    list[BULK_ROW_MAX + 100] = '\n';
    memcpy(list + length - 5, "\n5,6\n", 5);
    list_read(list, length, ',', &seen);
    size_t shown = seen.length > 200 ? 200 : seen.length;
    const char *tail = seen.bytes + seen.length - shown;
    assert_non_null(strstr(tail, "5|6;"));
    assert_non_null(strstr(seen.bytes, "is longer than 1 MiB"));
    bulk_text_clear(&seen);
    free(list);
}

static void fields_are_filled_in(void **state)
{
    (void)state;
    static const struct bulk_field fields[] = {
        {"name", "Ann"},      {"empty", ""},       {"odd", "<a href=\"x\">'&"},
        {"list", NULL},       {"two words", "tw"}, {"person", "M\xC3\xBCller, \"A\" \\"},
        {"file", "a;type=x"}, {"slash", "a\\"},    {"url", "a+b@c/\xC3\xBC"},
        {"dash", "-"},        {"at", "@/etc/x"},   {"lines", "a\nb\"c"}};
    const struct bulk_row row = {1, 2, 3, fields, sizeof(fields) / sizeof(fields[0]), NULL};
    static const struct {
        enum bulk_place place;
        const char *text;
        const char *made; /* or "!" and the problem */
    } cases[] = {
        {BULK_PLACE_TEXT, "Hi {{name}}!", "Hi Ann!"},
        {BULK_PLACE_TEXT, "{{ name }}{{name}} {{two words}}", "AnnAnn tw"},
        {BULK_PLACE_TEXT, "{{empty|you}} {{none|}}{{none|a b}} {{name|x}}", "you a b Ann"},
        {BULK_PLACE_TEXT, "\\{{name}} {x} }} {", "{{name}} {x} }} {"},
        {BULK_PLACE_TEXT, "{{empty}}", ""},
        {BULK_PLACE_TEXT, "{{none}}", "!there is no field none"},
        {BULK_PLACE_TEXT, "{{list}}", "!the field list is an object or a list, not text"},
        {BULK_PLACE_TEXT, "{{odd}}", "<a href=\"x\">'&"},
        {BULK_PLACE_HTML, "<b>{{odd}}</b>", "<b>&lt;a href=&quot;x&quot;&gt;&#39;&amp;</b>"},
        {BULK_PLACE_HTML, "<b>{{{odd}}}", "<b><a href=\"x\">'&"},
        {BULK_PLACE_MAILBOX, "{{name}} <{{url}}>", "Ann <a+b@c/\xC3\xBC>"},
        {BULK_PLACE_MAILBOX, "{{person}} <x>", "\"M\xC3\xBCller, \\\"A\\\" \\\\\" <x>"},
        {BULK_PLACE_MAILBOX, "\"{{person}}\" <x>", "\"M\xC3\xBCller, \\\"A\\\" \\\\\" <x>"},
        {BULK_PLACE_FILE, "{{file}};name={{file}}", "a\\;type=x;name=a\\;type=x"},
        {BULK_PLACE_FILE, "x{{{file}}}", "xa\\;type=x"},
        {BULK_PLACE_FILE, "{{slash}};name=x", "!the field slash ends with a backslash"},
        {BULK_PLACE_FILE, "{{dash}}", "!a value begins with -"},
        {BULK_PLACE_URL, "https://x/?e={{url}}", "https://x/?e=a%2Bb%40c%2F%C3%BC"},
        {BULK_PLACE_URL, "{{url}}?{{url}}", "a+b@c/\xC3\xBC?a%2Bb%40c%2F%C3%BC"},
        {BULK_PLACE_JSON, "{\"a\":\"{{lines}}\"}", "{\"a\":\"a\\u000ab\\\"c\"}"},
        {BULK_PLACE_JSON, "{{at}}", "!a value begins with @"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli_failure failure = {0, 0, NULL, NULL};
        struct bulk_text made = {NULL, 0, 0, 0};
        struct bulk_text problem = {NULL, 0, 0, 0};
        struct bulk_template *template =
            bulk_template_new(cases[i].text, cases[i].place, "--x", &failure);
        assert_non_null(template);
        int result = bulk_template_render(template, &row, &made, &problem);
        if (cases[i].made[0] == '!') {
            assert_int_equal(result, -1);
            assert_string_equal(problem.bytes, cases[i].made + 1);
        } else {
            assert_int_equal(result, 0);
            assert_string_equal(made.bytes != NULL ? made.bytes : "", cases[i].made);
        }
        bulk_text_clear(&made);
        bulk_text_clear(&problem);
        bulk_template_free(template);
    }
}

static void wrong_braces_are_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a {{name", "--x: the field at offset 2 is not closed"},
        {"a {{{name}}", "--x: the field at offset 2 is not closed"},
        {"{{}}", "--x: the field at offset 0 has no name"},
        {"{{ |x}}", "--x: the field at offset 0 has no name"},
        {"{{a {{b}}", "--x: the field at offset 0 has a name with braces or line ends"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli_failure failure = {0, 0, NULL, NULL};
        assert_null(bulk_template_new(cases[i][0], BULK_PLACE_TEXT, "--x", &failure));
        assert_string_equal(failure.message, cases[i][1]);
        failure_clear(&failure);
    }
}

#define JOURNAL_ROWS 6

static char *journal_path(void)
{
    char *path = strdup("/tmp/tidymail-journal-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    return path;
}

static void journal_put(const char *path, const char *bytes, size_t length)
{
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, length, stream), length);
    fclose(stream);
}

static size_t journal_get(const char *path, char *bytes, size_t capacity)
{
    FILE *stream = fopen(path, "r");
    size_t length = fread(bytes, 1, capacity, stream);
    fclose(stream);
    return length;
}

/*
 * Cut at every byte: a row is sent only where the whole line says so, unknown where it was begun, and
 * what is written next stands on a line of its own.
 */
static void journals_are_cut_everywhere(void **state)
{
    (void)state;
    struct cli_failure failure = {0, 0, NULL, NULL};
    char *path = journal_path();
    char whole[2048];
    struct bulk_journal *journal = bulk_journal_open(path, 1, 2, JOURNAL_ROWS, 1, &failure);
    assert_non_null(journal);
    for (uint64_t row = 1; row < JOURNAL_ROWS; row++) {
        bulk_journal_begin(journal, row, row * 17);
    }
    assert_int_equal(bulk_journal_flush(journal, &failure), 0);
    bulk_journal_result(journal, 2, 34, "sent", "", &failure);
    bulk_journal_result(journal, 1, 17, "failed final", "550 no\nsuch", &failure);
    bulk_journal_result(journal, 3, 51, "unknown", "lost", &failure);
    bulk_journal_result(journal, 4, 68, "failed later", "451", &failure);
    bulk_journal_close(journal);
    size_t length = journal_get(path, whole, sizeof(whole));
    for (size_t cut = 0; cut <= length; cut++) {
        enum bulk_state wanted[JOURNAL_ROWS + 1] = {BULK_STATE_OPEN};
        size_t line = 0;
        for (const char *p = whole; p < whole + cut; line++) {
            const char *end = memchr(p, '\n', (size_t)(whole + cut - p));
            if (end == NULL) {
                break;
            }
            size_t row = line > 0 ? (size_t)(p[0] - '0') : 0;
            wanted[row] = line == 0                                  ? BULK_STATE_OPEN
                          : memmem(p, (size_t)(end - p), " sent", 5) ? BULK_STATE_SENT
                          : memmem(p, (size_t)(end - p), "final", 5) ? BULK_STATE_FAILED
                          : memmem(p, (size_t)(end - p), "later", 5) ? BULK_STATE_OPEN
                                                                     : BULK_STATE_UNKNOWN;
            p = end + 1;
        }
        journal_put(path, whole, cut);
        for (int again = 0; again < 2; again++) {
            journal = bulk_journal_open(path, 1, 2, JOURNAL_ROWS, 0, &failure);
            assert_non_null(journal);
            for (uint64_t row = 1; row <= JOURNAL_ROWS; row++) {
                enum bulk_state expected =
                    row == JOURNAL_ROWS && again ? BULK_STATE_SENT : wanted[row];
                assert_int_equal(bulk_journal_state(journal, row), expected);
            }
            bulk_journal_result(journal, JOURNAL_ROWS, 9, "sent", "", &failure);
            bulk_journal_close(journal);
        }
    }
    assert_int_equal(failure.status, 0);
    unlink(path);
    free(path);
}

static void other_journals_are_refused(void **state)
{
    (void)state;
    static const char head[] =
        "tidymail-journal 1 list=0000000000000001 message=0000000000000002\n";
    static const struct {
        uint64_t list;
        uint64_t message;
        const char *lines; /* NULL: the file is no journal at all */
        const char *words;
    } cases[] = {
        {3, 2, "", "that of another list"},
        {1, 3, "", "that of another message"},
        {1, 2, NULL, "is no journal of this version"},
        {1, 2, "7 0000000000000001 sent\n", "is damaged at line 2"},
        {1, 2, "0 0000000000000001 sent\n", "is damaged at line 2"},
        {1, 2, "1 000000000000001 sent\n", "is damaged at line 2"},
        {1, 2, "1 0000000000000001 begin\n1 0000000000000001 sends\n", "is damaged at line 3"},
        {1, 2, "1 0000000000000001 failed\n", "is damaged at line 2"},
        {1, 2, "\n", "is damaged at line 2"},
        {1, 2, "99999999999999999999999999999999 0000000000000001 sent\n", "is damaged at line 2"},
    };
    char *path = journal_path();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli_failure failure = {0, 0, NULL, NULL};
        char text[512];
        char after[512];
        snprintf(text, sizeof(text), "%s%s", cases[i].lines != NULL ? head : "Dear diary",
                 cases[i].lines != NULL ? cases[i].lines : "");
        journal_put(path, text, strlen(text));
        assert_null(
            bulk_journal_open(path, cases[i].list, cases[i].message, JOURNAL_ROWS, 1, &failure));
        assert_non_null(strstr(failure.message, cases[i].words));
        assert_int_equal(failure.status, CLI_EXIT_INPUT);
        assert_int_equal(journal_get(path, after, sizeof(after)), strlen(text));
        assert_memory_equal(after, text, strlen(text));
        failure_clear(&failure);
    }
    unlink(path);
    free(path);
}

static void two_runs_have_two_journals(void **state)
{
    (void)state;
    struct cli_failure failure = {0, 0, NULL, NULL};
    char *path = journal_path();
    struct bulk_journal *journal = bulk_journal_open(path, 1, 2, JOURNAL_ROWS, 1, &failure);
    assert_non_null(journal);
    assert_null(bulk_journal_open(path, 1, 2, JOURNAL_ROWS, 1, &failure));
    assert_int_equal(failure.status, CLI_EXIT_RETRY);
    assert_non_null(strstr(failure.message, "another run has the journal"));
    failure_clear(&failure);
    bulk_journal_close(journal);
    unlink(path);
    free(path);
}

static void states_take_two_bits(void **state)
{
    (void)state;
    struct bulk_states states;
    assert_int_equal(bulk_states_init(&states, 1000), 0);
    for (uint64_t row = 1; row <= 1000; row++) {
        bulk_states_set(&states, row, (enum bulk_state)(row * 7 % 4));
    }
    bulk_states_set(&states, 1001, BULK_STATE_SENT); /* not there */
    for (uint64_t row = 1; row <= 1000; row++) {
        assert_int_equal(bulk_states_get(&states, row), row * 7 % 4);
    }
    assert_int_equal(bulk_states_get(&states, 0), BULK_STATE_OPEN);
    assert_int_equal(bulk_states_get(&states, 1001), BULK_STATE_OPEN);
    bulk_states_clear(&states);
}

static void progress_says_how_long(void **state)
{
    (void)state;
    static const struct {
        uint64_t total, done, earlier, failed;
        int64_t ms;
        int width;
        const char *text;
    } cases[] = {
        {100, 50, 0, 0, 10000, 0, "50 of 100, 5.0/s, 10 s left"},
        {100, 50, 0, 0, 10000, 60, "[############............]  50 % 50 of 100, 5.0/s, 10 s left"},
        {100, 100, 0, 2, 1000, 30, "100 of 100, 100/s, 2 not sent"},
        {0, 7, 0, 0, 1000, 80, "7, 7.0/s"},
        {1000000, 500000, 400000, 0, 100000, 0, "500000 of 1000000, 1000/s, 8:20 min left"},
        {1000000, 1000, 0, 0, 100000, 0, "1000 of 1000000, 10/s, 27:45 h left"},
        {100, 40, 40, 0, 1000, 0, "40 of 100, 0.0/s"},
        {100, 50, 0, 0, 10000, 10, "50 of 100,"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bulk_progress progress;
        char text[256];
        memset(&progress, 0, sizeof(progress));
        progress.total = cases[i].total;
        progress.done = cases[i].done;
        progress.earlier = cases[i].earlier;
        progress.failed = cases[i].failed;
        bulk_progress_text(&progress, cases[i].ms, cases[i].width, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
        assert_true(cases[i].width == 0 || strlen(text) <= (size_t)cases[i].width);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(lists_of_any_bytes_end),
        cmocka_unit_test(a_row_without_end_is_refused),
        cmocka_unit_test(fields_are_filled_in),
        cmocka_unit_test(wrong_braces_are_named),
        cmocka_unit_test(journals_are_cut_everywhere),
        cmocka_unit_test(other_journals_are_refused),
        cmocka_unit_test(two_runs_have_two_journals),
        cmocka_unit_test(states_take_two_bits),
        cmocka_unit_test(progress_says_how_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
