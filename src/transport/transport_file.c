/*
 * transport_file.c: `file:///dir` writes each message as one .eml. A message appears under its name
 * when it is whole and on the disk: it is written under a hidden name, synced, renamed. Names sort
 * by time: 20261124T141500.123456Z-5F3A09C1D2E4B687.eml.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/drain.h"
#include "transport/wishes.h"

#define FILE_RANDOM_BYTES 8
#define FILE_NAME_MAX 64
#define FILE_WORDS_MAX 8192

/* One message on its way to the disk. */
struct file_letter {
    int folder; /* descriptor, -1: not open */
    int file;
    char hidden[FILE_NAME_MAX]; /* "" while there is no file of that name */
    char name[FILE_NAME_MAX];
    const char *doing; /* what failed, with `code` */
    int code;
};

static int file_open_transport(tidymail_transport *transport)
{
    const char *words = NULL;
    if (transport->url.host[0] != '\0') {
        words = "URL: file: has no host";
    } else if (transport->url.path[0] != '/') {
        words = "URL: file: needs the whole path of a folder";
    }
    return words == NULL ? TIDYMAIL_OK
                         : tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION,
                                         TIDYMAIL_PHASE_PREPARE, words,
                                         "write it with three slashes: file:///var/mail/out");
}

static int file_fail(struct file_letter *letter, const char *doing)
{
    letter->doing = doing;
    letter->code = errno;
    return -1;
}

static char *file_put_number(char *out, int64_t number, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return out + digits;
}

/* YYYYMMDDTHHMMSS.uuuuuuZ, from days to a date by eras of 400 years that begin in March. */
static char *file_put_time(char *out, const struct timespec *time)
{
    int64_t second = (int64_t)time->tv_sec % 86400;
    int64_t days = (int64_t)time->tv_sec / 86400 + 719468;
    int64_t era = days / 146097;
    int64_t day_of_era = days % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    out = file_put_number(out, era * 400 + year_of_era + (month <= 2), 4);
    out = file_put_number(out, month, 2);
    out = file_put_number(out, day_of_year - (153 * march_month + 2) / 5 + 1, 2);
    *out++ = 'T';
    out = file_put_number(out, second / 3600, 2);
    out = file_put_number(out, second / 60 % 60, 2);
    out = file_put_number(out, second % 60, 2);
    *out++ = '.';
    out = file_put_number(out, time->tv_nsec / 1000, 6);
    *out++ = 'Z';
    return out;
}

/* Fills the hidden name in: ".tidymail-" and random hex digits. */
static int file_choose_hidden(const tidymail_transport *transport, struct file_letter *letter)
{
    static const char start[] = ".tidymail-";
    static const char hex[] = "0123456789ABCDEF";
    unsigned char bytes[FILE_RANDOM_BYTES];
    if (transport->clock.random(bytes, sizeof(bytes)) != 0) {
        errno = EAGAIN;
        return file_fail(letter, "get random numbers for");
    }
    memcpy(letter->hidden, start, sizeof(start) - 1);
    char *out = letter->hidden + sizeof(start) - 1;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        *out++ = hex[bytes[i] >> 4];
        *out++ = hex[bytes[i] & 15];
    }
    *out = '\0';
    return 0;
}

static int file_begin(const tidymail_transport *transport, struct file_letter *letter)
{
    letter->folder = open(transport->url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (letter->folder < 0) {
        return file_fail(letter, "open the folder");
    }
    if (file_choose_hidden(transport, letter) != 0) {
        letter->hidden[0] = '\0';
        return -1;
    }
    letter->file = openat(letter->folder, letter->hidden,
                          O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (letter->file < 0) {
        letter->hidden[0] = '\0';
        return file_fail(letter, "create a file in");
    }
    return 0;
}

static int file_take(void *context, const char *bytes, size_t length)
{
    struct file_letter *letter = context;
    while (length > 0) {
        ssize_t written = write(letter->file, bytes, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return file_fail(letter, "write a message to");
        }
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* The name is the time of the last write, so that the names sort as the messages came. */
static int file_finish(struct file_letter *letter)
{
    struct stat facts;
    if (fsync(letter->file) != 0 || fstat(letter->file, &facts) != 0) {
        return file_fail(letter, "write a message to");
    }
    char *out = file_put_time(letter->name, &facts.st_mtim);
    const char *random = strchr(letter->hidden, '-');
    memcpy(out, random, strlen(random));
    memcpy(out + strlen(random), ".eml", sizeof(".eml"));
    int closed = close(letter->file);
    letter->file = -1;
    if (closed != 0) {
        return file_fail(letter, "write a message to");
    }
    if (renameat(letter->folder, letter->hidden, letter->folder, letter->name) != 0) {
        return file_fail(letter, "rename a file in");
    }
    letter->hidden[0] = '\0';
    /* The message is there; a folder that cannot be synced (some network disks) is no failure. */
    (void)fsync(letter->folder);
    return 0;
}

/* Removes what is not whole, closes what is open. */
static void file_end(struct file_letter *letter)
{
    if (letter->file >= 0) {
        close(letter->file);
    }
    if (letter->hidden[0] != '\0') {
        unlinkat(letter->folder, letter->hidden, 0);
    }
    if (letter->folder >= 0) {
        close(letter->folder);
    }
}

static void file_report(const tidymail_transport *transport, struct tdm_job *job,
                        const struct file_letter *letter)
{
    struct tdm_buf words;
    tdm_buf_init(&words, &transport->allocator, FILE_WORDS_MAX);
    const char *path = transport->url.path;
    if (letter->doing == NULL) {
        size_t length = strlen(path);
        tdm_buf_addf(&words, "%s%s%s", path, path[length - 1] == '/' ? "" : "/", letter->name);
        tdm_job_sent(job, words.failed ? NULL : tdm_buf_text(&words));
    } else {
        char text[128];
        tdm_buf_addf(&words, "cannot %s ", letter->doing);
        tdm_escape(&words, path, strlen(path), 0);
        tdm_buf_addf(&words, ": %s", strerror_r(letter->code, text, sizeof(text)));
        tdm_job_failed(job, words.failed ? NULL : tdm_buf_text(&words),
                       letter->code == ENOENT ? "make the folder first" : NULL);
    }
    tdm_buf_clear(&words);
}

static void file_send(tidymail_transport *transport, struct tdm_job *job)
{
    struct file_letter letter;
    memset(&letter, 0, sizeof(letter));
    letter.folder = letter.file = -1;
    tdm_wishes_note(job);
    int kind = file_begin(transport, &letter) == 0 ? tdm_job_drain(job, file_take, &letter)
                                                   : TIDYMAIL_KIND_LOCAL;
    if (kind == TIDYMAIL_OK) {
        file_finish(&letter);
    }
    file_end(&letter);
    if (kind != TIDYMAIL_OK && letter.doing == NULL) {
        tdm_job_failed(job, NULL, NULL); /* the source failed, and the report says so */
        return;
    }
    file_report(transport, job, &letter);
}

static void file_close_transport(tidymail_transport *transport)
{
    (void)transport; /* nothing stays open between messages */
}

const struct tdm_transport_ops tdm_transport_file = {
    .scheme = "file",
    .open = file_open_transport,
    .send = file_send,
    .close = file_close_transport,
};
