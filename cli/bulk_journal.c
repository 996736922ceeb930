/*
 * bulk_journal.c: a line that has no end was being written when the run or the machine stopped; it counts
 * for nothing and is cut off. `begin` is written before the message is handed over, so a begin cut off
 * means that nothing was sent; a result cut off leaves the row unknown.
 */
#include "bulk_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tidymail/types.h>

#include "exit_code.h"

#define JOURNAL_HEADER_MAX 80
#define JOURNAL_WORDS_MAX 400
#define JOURNAL_KEY_DIGITS 16

struct bulk_journal {
    int file;
    const char *path;
    int sync;
    struct bulk_states states;
    struct bulk_text begun; /* lines not written yet */
    struct bulk_text line;
};

int bulk_states_init(struct bulk_states *states, uint64_t rows)
{
    states->rows = rows;
    states->bits = calloc((size_t)(rows / 4 + 1), 1);
    return states->bits != NULL ? 0 : -1;
}

void bulk_states_clear(struct bulk_states *states)
{
    free(states->bits);
    states->bits = NULL;
    states->rows = 0;
}

enum bulk_state bulk_states_get(const struct bulk_states *states, uint64_t row)
{
    if (row < 1 || row > states->rows) {
        return BULK_STATE_OPEN;
    }
    unsigned int shift = (unsigned int)(row % 4) * 2;
    unsigned int bits = states->bits[row / 4];
    return (enum bulk_state)((bits >> shift) & 3U);
}

void bulk_states_set(struct bulk_states *states, uint64_t row, enum bulk_state state)
{
    if (row >= 1 && row <= states->rows) {
        unsigned int shift = (unsigned int)(row % 4) * 2;
        unsigned int bits = states->bits[row / 4];
        bits &= ~(3U << shift);
        bits |= (unsigned int)state << shift;
        states->bits[row / 4] = (unsigned char)bits;
    }
}

static int journal_is_key(const char *text)
{
    for (size_t i = 0; i < JOURNAL_KEY_DIGITS; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f'))) {
            return 0;
        }
    }
    return 1;
}

/* ROW SP KEY SP STATE [SP words]. */
int bulk_journal_read_line(struct bulk_states *states, const char *line, size_t length)
{
    static const struct {
        const char *word;
        enum bulk_state state;
    } words[] = {{"begin", BULK_STATE_UNKNOWN},
                 {"sent", BULK_STATE_SENT},
                 {"failed final", BULK_STATE_FAILED},
                 {"failed later", BULK_STATE_OPEN},
                 {"unknown", BULK_STATE_UNKNOWN}};
    uint64_t row = 0;
    size_t i = 0;
    while (i < length && line[i] >= '0' && line[i] <= '9' && row <= states->rows) {
        row = row * 10 + (uint64_t)(line[i++] - '0');
    }
    if (row < 1 || row > states->rows || length - i < JOURNAL_KEY_DIGITS + 2 || line[i] != ' ' ||
        !journal_is_key(line + i + 1) || line[i + 1 + JOURNAL_KEY_DIGITS] != ' ') {
        return -1;
    }
    i += JOURNAL_KEY_DIGITS + 2;
    for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
        size_t word = strlen(words[k].word);
        if (length - i >= word && memcmp(line + i, words[k].word, word) == 0 &&
            (length - i == word || line[i + word] == ' ')) {
            bulk_states_set(states, row, words[k].state);
            return 0;
        }
    }
    return -1;
}

static int journal_fail(const struct bulk_journal *journal, const char *what,
                        struct cli_failure *failure)
{
    return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "cannot %s the journal %s: %s",
                       what, journal->path, strerror(errno));
}

static int journal_write(struct bulk_journal *journal, const char *bytes, size_t length,
                         struct cli_failure *failure)
{
    while (length > 0) {
        ssize_t done = write(journal->file, bytes, length);
        if (done < 0 && errno != EINTR) {
            return journal_fail(journal, "write", failure);
        }
        bytes += done > 0 ? done : 0;
        length -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

static int journal_sync(struct bulk_journal *journal, struct cli_failure *failure)
{
    /* EINVAL: a file that cannot be synced, such as /dev/null */
    return journal->sync && fdatasync(journal->file) != 0 && errno != EINVAL
               ? journal_fail(journal, "sync", failure)
               : 0;
}

/* The first line: is it ours, and of this list and message? */
static int journal_check_header(const struct bulk_journal *journal, const char *line,
                                const char *wanted, struct cli_failure *failure)
{
    static const size_t list_at = sizeof("tidymail-journal 1 list=") - 1;
    if (strcmp(line, wanted) == 0) {
        return 0;
    }
    if (strlen(line) != strlen(wanted) || memcmp(line, wanted, list_at) != 0) {
        return failure_set(failure, CLI_EXIT_INPUT, TIDYMAIL_KIND_CONFIGURATION,
                           "%s is no journal of this version", journal->path);
    }
    int list = memcmp(line + list_at, wanted + list_at, JOURNAL_KEY_DIGITS) != 0;
    failure_hint(failure, "another run needs a journal of its own");
    return failure_set(failure, CLI_EXIT_INPUT, TIDYMAIL_KIND_CONFIGURATION,
                       "the journal %s is that of another %s", journal->path,
                       list ? "list" : "message");
}

/* All whole lines; `*whole` is where they end. */
static int journal_read_lines(struct bulk_journal *journal, FILE *stream, const char *wanted,
                              off_t *whole, struct cli_failure *failure)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int result = 0;
    uint64_t number = 0;
    *whole = 0;
    while (result == 0 && (length = getline(&line, &capacity, stream)) > 0) {
        if (line[length - 1] != '\n') {
            /* only the beginning of the first line may be written over: else it is no file of ours */
            result = number == 0 && strncmp(line, wanted, (size_t)length) != 0
                         ? journal_check_header(journal, line, wanted, failure)
                         : 0;
            break;
        }
        line[--length] = '\0';
        number++;
        if (number == 1) {
            result = journal_check_header(journal, line, wanted, failure);
        } else if (bulk_journal_read_line(&journal->states, line, (size_t)length) != 0) {
            result =
                failure_set(failure, CLI_EXIT_INPUT, TIDYMAIL_KIND_LOCAL,
                            "the journal %s is damaged at line %" PRIu64, journal->path, number);
        }
        *whole += length + 1;
    }
    if (result == 0 && ferror(stream)) {
        result = journal_fail(journal, "read", failure);
    }
    free(line);
    return result;
}

static int journal_read(struct bulk_journal *journal, const char *wanted,
                        struct cli_failure *failure)
{
    int copy = fcntl(journal->file, F_DUPFD_CLOEXEC, 0);
    FILE *stream = copy >= 0 ? fdopen(copy, "r") : NULL;
    off_t whole = 0;
    if (stream == NULL) {
        if (copy >= 0) {
            close(copy);
        }
        return journal_fail(journal, "read", failure);
    }
    int result = journal_read_lines(journal, stream, wanted, &whole, failure);
    fclose(stream);
    struct stat facts;
    if (result == 0 && fstat(journal->file, &facts) == 0 && S_ISREG(facts.st_mode) &&
        facts.st_size > whole && ftruncate(journal->file, whole) != 0) {
        result = journal_fail(journal, "write", failure);
    }
    if (result == 0 && whole == 0) {
        result = journal_write(journal, wanted, strlen(wanted), failure);
        result = result == 0 ? journal_write(journal, "\n", 1, failure) : result;
        result = result == 0 ? journal_sync(journal, failure) : result;
    }
    return result;
}

struct bulk_journal *bulk_journal_open(const char *path, uint64_t list, uint64_t message,
                                       uint64_t rows, int sync, struct cli_failure *failure)
{
    char wanted[JOURNAL_HEADER_MAX];
    struct bulk_journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL || bulk_states_init(&journal->states, rows) != 0) {
        free(journal);
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
        return NULL;
    }
    journal->path = path;
    journal->sync = sync;
    journal->file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    snprintf(wanted, sizeof(wanted), "tidymail-journal 1 list=%016" PRIx64 " message=%016" PRIx64,
             list, message);
    int result = 0;
    if (journal->file < 0) {
        result = journal_fail(journal, "open", failure);
    } else if (flock(journal->file, LOCK_EX | LOCK_NB) != 0) {
        result = errno == EWOULDBLOCK ? failure_set(failure, CLI_EXIT_RETRY, TIDYMAIL_KIND_LOCAL,
                                                    "another run has the journal %s", path)
                                      : journal_fail(journal, "lock", failure);
    } else {
        result = journal_read(journal, wanted, failure);
    }
    if (result != 0) {
        bulk_journal_close(journal);
        return NULL;
    }
    return journal;
}

void bulk_journal_close(struct bulk_journal *journal)
{
    if (journal == NULL) {
        return;
    }
    if (journal->file >= 0) {
        struct cli_failure ignored = {0, 0, NULL, NULL};
        journal_sync(journal, &ignored);
        failure_clear(&ignored);
        close(journal->file);
    }
    bulk_states_clear(&journal->states);
    bulk_text_clear(&journal->begun);
    bulk_text_clear(&journal->line);
    free(journal);
}

enum bulk_state bulk_journal_state(const struct bulk_journal *journal, uint64_t row)
{
    return journal != NULL ? bulk_states_get(&journal->states, row) : BULK_STATE_OPEN;
}

void bulk_journal_begin(struct bulk_journal *journal, uint64_t row, uint64_t key)
{
    if (journal != NULL) {
        bulk_text_format(&journal->begun, "%" PRIu64 " %016" PRIx64 " begin\n", row, key);
    }
}

int bulk_journal_flush(struct bulk_journal *journal, struct cli_failure *failure)
{
    if (journal == NULL || (journal->begun.length == 0 && !journal->begun.failed)) {
        return 0;
    }
    if (journal->begun.failed) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    }
    int result = journal_write(journal, journal->begun.bytes, journal->begun.length, failure);
    bulk_text_reset(&journal->begun);
    return result == 0 ? journal_sync(journal, failure) : result;
}

int bulk_journal_result(struct bulk_journal *journal, uint64_t row, uint64_t key, const char *state,
                        const char *words, struct cli_failure *failure)
{
    if (journal == NULL) {
        return 0;
    }
    struct bulk_text *line = &journal->line;
    bulk_text_reset(line);
    bulk_text_format(line, "%" PRIu64 " %016" PRIx64 " %s", row, key, state);
    if (words[0] != '\0') {
        bulk_text_byte(line, ' ');
    }
    for (size_t i = 0; words[i] != '\0' && i < JOURNAL_WORDS_MAX; i++) {
        unsigned char c = (unsigned char)words[i];
        bulk_text_byte(line, c < 0x20 || c == 0x7f ? ' ' : words[i]);
    }
    bulk_text_byte(line, '\n');
    if (line->failed) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    }
    return journal_write(journal, line->bytes, line->length, failure);
}
