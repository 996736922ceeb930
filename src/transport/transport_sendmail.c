/*
 * transport_sendmail.c: `sendmail:///usr/sbin/sendmail` hands a message to a program that behaves like
 * sendmail: recipients as arguments, the message on stdin, the result as exit status (sysexits).
 *
 * The message is written to a file without a name first, and that is the program's stdin. So a message
 * whose source fails half-way is never begun, what the program reads is whole even where this process
 * dies, and no write can meet a closed pipe. How far the program has read shows at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "net/note.h"
#include "provider/provider.h"
#include "transport/drain.h"
#include "transport/sendmail_child.h"
#include "transport/transport_smtp.h"
#include "transport/wishes.h"
#include "util/str.h"

#define SENDMAIL_PATH "/usr/sbin/sendmail"
#define SENDMAIL_HEARD_MAX ((size_t)16 * 1024)
#define SENDMAIL_WORDS_MAX ((size_t)72 * 1024)
#define SENDMAIL_HINT_USE "write it as sendmail:///usr/sbin/sendmail, or sendmail: for that"

struct sendmail_own {
    char *path;
    char **words; /* of args=, each a string of its own */
    size_t word_count;
};

static int sendmail_refuse(tidymail_transport *transport, const char *words, const char *hint)
{
    return tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                         words, hint);
}

/* 1 for what makes sendmail, Postfix, Exim or msmtp read the recipients from the header, or ends the
 * options: those of the envelope alone get the message. Short options may stand in one word. */
static int sendmail_is_taboo(const char *word)
{
    if (strcmp(word, "--") == 0 || strncmp(word, "--read-", 7) == 0) {
        return 1;
    }
    if (word[0] != '-' || word[1] == '-') {
        return word[0] != '-' && word[0] == '\0';
    }
    return word[1 + strspn(word + 1, "Gimnv")] == 't';
}

static int sendmail_read_words(tidymail_transport *transport, struct sendmail_own *own)
{
    const char *at = transport->options.args;
    const tidymail_allocator *allocator = &transport->allocator;
    size_t length = at != NULL ? strlen(at) : 0;
    own->words = tdm_alloc_array(allocator, length / 2 + 2, sizeof(*own->words));
    if (own->words == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    while (length > 0) {
        at += strspn(at, " ");
        length = strcspn(at, " ");
        if (length == 0) {
            break;
        }
        char *word = tdm_strndup(allocator, at, length);
        if (word == NULL) {
            return TIDYMAIL_KIND_LOCAL;
        }
        own->words[own->word_count++] = word;
        if (sendmail_is_taboo(word)) {
            return sendmail_refuse(transport,
                                   "option args: the recipients of the message are given as "
                                   "arguments; -t and -- are not allowed",
                                   "leave it out");
        }
        at += length;
    }
    return TIDYMAIL_OK;
}

static void sendmail_close(tidymail_transport *transport)
{
    struct sendmail_own *own = transport->impl;
    const tidymail_allocator *allocator = &transport->allocator;
    for (size_t i = 0; i < own->word_count; i++) {
        tdm_free(allocator, own->words[i]);
    }
    tdm_free(allocator, own->words);
    tdm_free(allocator, own->path);
    tdm_free(allocator, own);
    transport->impl = NULL;
}

static int sendmail_open(tidymail_transport *transport)
{
    const struct tdm_url *url = &transport->url;
    if (url->host[0] != '\0' || url->port != 0) {
        return sendmail_refuse(transport, "URL: sendmail: has no host", SENDMAIL_HINT_USE);
    }
    if (url->path[0] != '\0' && url->path[0] != '/') {
        return sendmail_refuse(transport, "URL: sendmail: needs the whole path of a program",
                               SENDMAIL_HINT_USE);
    }
    struct sendmail_own *own = tdm_alloc_array(&transport->allocator, 1, sizeof(*own));
    int kind = TIDYMAIL_KIND_LOCAL;
    if (own != NULL) {
        transport->impl = own;
        own->path =
            tdm_strdup(&transport->allocator, url->path[0] != '\0' ? url->path : SENDMAIL_PATH);
        kind = own->path != NULL ? sendmail_read_words(transport, own) : kind;
        if (kind != TIDYMAIL_OK) {
            sendmail_close(transport);
        }
    }
    return kind == TIDYMAIL_OK ? kind
                               : tdm_error_set(&transport->error, kind, TIDYMAIL_PHASE_PREPARE,
                                               "out of memory while opening the transport", NULL);
}

/* One message on its way into the program. */
struct sendmail_letter {
    tidymail_transport *transport;
    struct tdm_job *job;
    int file;
    int write_error; /* errno of it */
    int after_cr;    /* a CR was read, and not written yet */
    int64_t size;
    char **arguments;
    struct tdm_buf heard;
    struct tdm_child child;
};

static int sendmail_fail(struct sendmail_letter *letter, int kind, int phase, const char *words,
                         const char *hint)
{
    tdm_error_set(&letter->job->report->error, kind, phase, words, hint);
    return kind;
}

static int sendmail_fail_errno(struct sendmail_letter *letter, const char *doing, int number)
{
    struct tdm_buf words;
    tdm_buf_init(&words, &letter->transport->allocator, SENDMAIL_WORDS_MAX);
    tdm_buf_addf(&words, "%s: ", doing);
    tdm_net_add_errno(&words, number);
    int kind = sendmail_fail(letter, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                             tdm_buf_text(&words), NULL);
    tdm_buf_clear(&words);
    return kind;
}

static int sendmail_write(struct sendmail_letter *letter, const char *bytes, size_t length)
{
    letter->size += (int64_t)length;
    while (length > 0) {
        ssize_t written = write(letter->file, bytes, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            letter->write_error = errno;
            return -1;
        }
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* CRLF becomes LF: what sendmail expects on its stdin, and what its own line ends are made of. */
static int sendmail_take(void *context, const char *bytes, size_t length)
{
    struct sendmail_letter *letter = context;
    if (letter->transport->options.eol_crlf) {
        return sendmail_write(letter, bytes, length);
    }
    int failed = 0;
    while (length > 0 && !failed) {
        if (letter->after_cr && bytes[0] != '\n') {
            failed = sendmail_write(letter, "\r", 1);
        }
        letter->after_cr = 0;
        const char *cr = memchr(bytes, '\r', length);
        size_t run = cr != NULL ? (size_t)(cr - bytes) : length;
        failed = failed || (run > 0 && sendmail_write(letter, bytes, run) != 0);
        letter->after_cr = cr != NULL;
        run += cr != NULL;
        bytes += run;
        length -= run;
    }
    return failed ? -1 : 0;
}

/* A file that has no name from the first moment on; where the file system cannot do that, one whose
 * name is gone at once. */
static int sendmail_make_file(void)
{
    static const char *const folders[] = {"/var/tmp", "/tmp"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        int file = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (file >= 0) {
            return file;
        }
    }
    char name[] = "/tmp/.tidymail-XXXXXX";
    int file = mkostemp(name, O_CLOEXEC);
    if (file >= 0) {
        unlink(name);
    }
    return file;
}

static int sendmail_store(struct sendmail_letter *letter)
{
    int file = sendmail_make_file();
    if (file >= 0 && file <= 2) { /* the program's own three are put there */
        letter->file = fcntl(file, F_DUPFD_CLOEXEC, 3);
        close(file);
    } else {
        letter->file = file;
    }
    if (letter->file < 0) {
        return sendmail_fail_errno(letter, "cannot make a file for the message in /tmp", errno);
    }
    int kind = tdm_job_drain(letter->job, sendmail_take, letter);
    if (kind == TIDYMAIL_OK && letter->after_cr && sendmail_write(letter, "\r", 1) != 0) {
        kind = TIDYMAIL_KIND_LOCAL;
    }
    if (letter->write_error != 0) {
        return sendmail_fail_errno(letter, "cannot write the message to a file in /tmp",
                                   letter->write_error);
    }
    if (kind == TIDYMAIL_OK && lseek(letter->file, 0, SEEK_SET) != 0) {
        return sendmail_fail_errno(letter, "cannot read the message from a file in /tmp", errno);
    }
    return kind;
}

/* An address is one argument and nothing else, whatever the program takes options and arguments for. */
static int sendmail_check_address(struct sendmail_letter *letter, const char *address)
{
    if (address[0] != '-' && address[0] != '\0' &&
        tdm_find_control(address, strlen(address)) == strlen(address)) {
        return TIDYMAIL_OK;
    }
    struct tdm_buf words;
    tdm_buf_init(&words, &letter->transport->allocator, SENDMAIL_WORDS_MAX);
    tdm_buf_add_str(&words, "the address <");
    tdm_escape(&words, address, strlen(address), 0);
    tdm_buf_add_str(&words, "> is not given to a program: it begins with '-', is empty, or has "
                            "control bytes");
    int kind = sendmail_fail(letter, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                             words.failed ? NULL : tdm_buf_text(&words),
                             "send it over SMTP: smtp://localhost?tls=none");
    tdm_buf_clear(&words);
    return kind;
}

/* What programs cannot be asked for by an argument; DSN they can (sendmail, Postfix, Exim). */
static int sendmail_check_wishes(struct sendmail_letter *letter)
{
    const tidymail_smtp_envelope *envelope = &letter->job->envelope;
    const char *wish = envelope->require_tls         ? "REQUIRETLS (RFC 8689)"
                       : envelope->deliver_by_s != 0 ? "DELIVERBY (RFC 2852)"
                       : envelope->hold_for_s != 0 || envelope->hold_until != NULL
                           ? "FUTURERELEASE (RFC 4865)"
                       : envelope->has_priority ? "MT-PRIORITY (RFC 6710)"
                                                : NULL;
    if (wish == NULL) {
        return TIDYMAIL_OK;
    }
    return tdm_error_setf(&letter->job->report->error, TIDYMAIL_KIND_MESSAGE,
                          TIDYMAIL_PHASE_PREPARE,
                          "the message asks for %s, for which sendmail: has no argument", wish);
}

static int sendmail_check(struct sendmail_letter *letter)
{
    const tidymail_smtp_envelope *envelope = &letter->job->envelope;
    const char *from = envelope->from != NULL ? envelope->from : "";
    int kind = sendmail_check_wishes(letter);
    if (kind == TIDYMAIL_OK && from[0] != '\0') {
        kind = sendmail_check_address(letter, from);
    }
    for (size_t i = 0; kind == TIDYMAIL_OK && i < envelope->recipient_count; i++) {
        kind = sendmail_check_address(letter, envelope->recipients[i]);
    }
    return kind;
}

static void sendmail_put(char **arguments, size_t *count, const char *word)
{
    memcpy(&arguments[(*count)++], &word, sizeof(word)); /* posix_spawn does not write to it */
}

/* path [args] -i [-N ..] [-R ..] [-V ..] -f from -- recipients */
static int sendmail_make_arguments(struct sendmail_letter *letter)
{
    const struct sendmail_own *own = letter->transport->impl;
    const tidymail_smtp_envelope *envelope = &letter->job->envelope;
    const char *const wishes[][2] = {
        {"-N", envelope->dsn_notify}, {"-R", envelope->dsn_ret}, {"-V", envelope->dsn_envid}};
    size_t count = 0;
    char **arguments =
        tdm_alloc_array(&letter->transport->allocator,
                        own->word_count + envelope->recipient_count + 16, sizeof(*arguments));
    letter->arguments = arguments;
    if (arguments == NULL) {
        return sendmail_fail(letter, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory",
                             NULL);
    }
    sendmail_put(arguments, &count, own->path);
    for (size_t i = 0; i < own->word_count; i++) {
        sendmail_put(arguments, &count, own->words[i]);
    }
    sendmail_put(arguments, &count, "-i");
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        if (wishes[i][1] != NULL) {
            sendmail_put(arguments, &count, wishes[i][0]);
            sendmail_put(arguments, &count, wishes[i][1]);
        }
    }
    int has_from = envelope->from != NULL && envelope->from[0] != '\0';
    sendmail_put(arguments, &count, "-f");
    sendmail_put(arguments, &count, has_from ? envelope->from : "<>");
    sendmail_put(arguments, &count, "--");
    for (size_t i = 0; i < envelope->recipient_count; i++) {
        sendmail_put(arguments, &count, envelope->recipients[i]);
    }
    return TIDYMAIL_OK;
}

static void sendmail_trace(const struct sendmail_letter *letter, int mark, const char *text,
                           size_t length)
{
    const struct tdm_trace *trace = &letter->transport->trace;
    if (trace->line != NULL) {
        trace->line(trace->context, mark, TIDYMAIL_PHASE_FINAL, 0, text, length);
    }
}

/* The command and the lines that came back. */
static void sendmail_trace_run(const struct sendmail_letter *letter)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &letter->transport->allocator, SENDMAIL_WORDS_MAX);
    for (size_t i = 0; letter->arguments[i] != NULL && line.length < 4096; i++) {
        tdm_buf_addf(&line, "%s%s", i > 0 ? " " : "", letter->arguments[i]);
    }
    sendmail_trace(letter, TIDYMAIL_SMTP_MARK_SENT, tdm_buf_text(&line), line.length);
    tdm_buf_clear(&line);
    const char *at = tdm_buf_text(&letter->heard);
    const char *end = at + letter->heard.length;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline != NULL ? newline : end) - at);
        sendmail_trace(letter, TIDYMAIL_SMTP_MARK_RECEIVED, at, length);
        at += length + 1;
    }
}

/* What an exit status means (sysexits.h; the codes are those of sendmail(8)). */
struct sendmail_meaning {
    int status;
    int kind;
    int phase;
    int retryable;
    const char *words;
    const char *hint;
};

static const struct sendmail_meaning sendmail_meanings[] = {
    {EX_USAGE, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE, 0,
     "it does not take these arguments", "check args=, and whether it is a sendmail program"},
    {EX_DATAERR, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_FINAL, 0, "it refused the message", NULL},
    {EX_NOINPUT, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL, 0, "it could not read its input", NULL},
    {EX_NOUSER, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_RCPT, 0, "no such recipient",
     "check the addresses"},
    {EX_NOHOST, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_RCPT, 0,
     "the domain of a recipient does not exist", "check the addresses"},
    {EX_UNAVAILABLE, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_GREETING, 0,
     "the mail system is not available", "look into the log of the mail system"},
    {EX_SOFTWARE, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL, 0, "an internal error", NULL},
    {EX_OSERR, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL, 1, "an error of the operating system",
     NULL},
    {EX_OSFILE, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_FINAL, 0,
     "a file of the mail system is missing or wrong", "look into the log of the mail system"},
    {EX_CANTCREAT, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL, 0, "it cannot create a file", NULL},
    {EX_IOERR, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL, 0, "reading or writing failed", NULL},
    {EX_TEMPFAIL, TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_FINAL, 1, "not now", "try again later"},
    {EX_PROTOCOL, TIDYMAIL_KIND_PROTOCOL, TIDYMAIL_PHASE_FINAL, 0,
     "the server that it talks to made no sense", NULL},
    {EX_NOPERM, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, 0, "permission denied",
     "check which user may send mail here, and the login in the program's configuration"},
    {EX_CONFIG, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_FINAL, 0, "its configuration is wrong",
     "look into the log of the mail system"},
};

/* "/usr/sbin/sendmail: not now (exit status 75): its last words, on one line" */
static void sendmail_say(struct sendmail_letter *letter, int kind, int phase, const char *words,
                         const char *hint)
{
    const struct sendmail_own *own = letter->transport->impl;
    struct tidymail_error *error = &letter->job->report->error;
    struct tdm_buf line;
    tdm_buf_init(&line, &letter->transport->allocator, SENDMAIL_WORDS_MAX);
    tdm_escape(&line, own->path, strlen(own->path), 0);
    tdm_buf_addf(&line, ": %s", words);
    size_t length = letter->heard.length < 400 ? letter->heard.length : 400;
    if (length > 0) {
        size_t from = line.length;
        tdm_buf_add_str(&line, ": ");
        tdm_escape(&line, letter->heard.data, length, 1);
        for (size_t i = from; i < line.length; i++) {
            line.data[i] = line.data[i] == '\n' ? ' ' : line.data[i];
        }
    }
    tdm_error_set(error, kind, phase, line.failed ? NULL : tdm_buf_text(&line), hint);
    tdm_buf_reset(&line);
    tdm_escape(&line, tdm_buf_text(&letter->heard), letter->heard.length, 1);
    if (line.length > 0 && !line.failed) {
        tdm_text_set(&error->allocator, &error->reply, tdm_buf_text(&line));
    }
    tdm_buf_clear(&line);
}

static void sendmail_say_status(struct sendmail_letter *letter, int status)
{
    struct tidymail_error *error = &letter->job->report->error;
    struct sendmail_meaning other = {status, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL,
                                     0,      "it failed",         NULL};
    const struct sendmail_meaning *meaning = &other;
    for (size_t i = 0; i < sizeof(sendmail_meanings) / sizeof(sendmail_meanings[0]); i++) {
        if (sendmail_meanings[i].status == status) {
            meaning = &sendmail_meanings[i];
        }
    }
    struct tdm_buf words;
    tdm_buf_init(&words, &letter->transport->allocator, 256);
    tdm_buf_addf(&words, "%s (exit status %d)", meaning->words, status);
    sendmail_say(letter, meaning->kind, meaning->phase, tdm_buf_text(&words), meaning->hint);
    tdm_buf_clear(&words);
    error->retryable = meaning->retryable;
}

static void sendmail_say_unstarted(struct sendmail_letter *letter)
{
    int number = letter->child.start_error;
    int is_program = number == ENOENT || number == EACCES || number == ENOEXEC ||
                     number == ENOTDIR || number == ELOOP || number == EISDIR;
    struct tdm_buf words;
    tdm_buf_init(&words, &letter->transport->allocator, 512);
    tdm_buf_add_str(&words, "it cannot be run: ");
    tdm_net_add_errno(&words, number);
    sendmail_say(letter, is_program ? TIDYMAIL_KIND_CONFIGURATION : TIDYMAIL_KIND_LOCAL,
                 TIDYMAIL_PHASE_PREPARE, tdm_buf_text(&words),
                 is_program        ? SENDMAIL_HINT_USE
                 : number == E2BIG ? "too many recipients for one command: send in parts"
                                   : NULL);
    tdm_buf_clear(&words);
}

/* The result: by the exit status, where there is one, and by how much of the message was read. */
static void sendmail_judge(struct sendmail_letter *letter, int64_t was_read)
{
    struct tidymail_error *error = &letter->job->report->error;
    const struct tdm_child *child = &letter->child;
    int whole = was_read >= letter->size;
    if (child->start_error != 0) {
        sendmail_say_unstarted(letter);
    } else if (child->killed &&
               !(child->known && WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0)) {
        sendmail_say(letter, TIDYMAIL_KIND_TIMEOUT, TIDYMAIL_PHASE_FINAL,
                     "it did not end in time, and was ended", "give it more time with timeout=");
        error->retryable = 1;
        error->maybe_delivered = whole;
    } else if (!child->known) {
        sendmail_say(letter, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL,
                     "what it ended with was not to be learned",
                     "the program that sends must not ignore SIGCHLD");
        error->maybe_delivered = was_read > 0;
    } else if (WIFSIGNALED(child->status)) {
        struct tdm_buf words;
        tdm_buf_init(&words, &letter->transport->allocator, 64);
        tdm_buf_addf(&words, "it was ended by signal %d", WTERMSIG(child->status));
        sendmail_say(letter, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL, tdm_buf_text(&words), NULL);
        tdm_buf_clear(&words);
        error->maybe_delivered = whole;
    } else if (WEXITSTATUS(child->status) != EX_OK) {
        sendmail_say_status(letter, WEXITSTATUS(child->status));
    } else if (!whole) {
        sendmail_say(letter, TIDYMAIL_KIND_PROTOCOL, TIDYMAIL_PHASE_FINAL,
                     was_read > 0 ? "it says that all is well, but read a part of the message only"
                                  : "it says that all is well, but did not read the message",
                     "check whether it is a sendmail program");
        error->maybe_delivered = was_read > 0;
    }
}

static void sendmail_run(struct sendmail_letter *letter)
{
    const struct sendmail_own *own = letter->transport->impl;
    tidymail_report *report = letter->job->report;
    int64_t began_ms = letter->transport->clock.now_ms();
    letter->child.now_ms = letter->transport->clock.now_ms;
    letter->child.words = &letter->heard;
    tdm_text_set(&report->allocator, &report->peer.server, own->path);
    tdm_child_run(&letter->child, letter->arguments, letter->file);
    report->phase_ms[TIDYMAIL_PHASE_FINAL] = letter->transport->clock.now_ms() - began_ms;
    sendmail_trace_run(letter);
    /* the program's stdin and this descriptor share one offset */
    int64_t was_read = (int64_t)lseek(letter->file, 0, SEEK_CUR);
    sendmail_judge(letter, was_read);
    if (report->error.kind == TIDYMAIL_OK) {
        tdm_job_sent(letter->job, own->path);
    }
}

static const struct tdm_capabilities sendmail_capabilities = {.name = "sendmail",
                                                              .can = TDM_CAN_PLAIN};

static void sendmail_send(tidymail_transport *transport, struct tdm_job *job)
{
    struct sendmail_letter letter;
    struct tdm_fronted fronted;
    memset(&letter, 0, sizeof(letter));
    letter.transport = transport;
    letter.job = job;
    letter.file = -1;
    letter.child.deadline_ms = tdm_smtp_send_deadline(
        transport->clock.now_ms(), transport->options.timeout_ms, job->envelope.size);
    tdm_buf_init(&letter.heard, &transport->allocator, SENDMAIL_HEARD_MAX);
    int kind = tdm_wishes_begin(transport, &sendmail_capabilities, job, &fronted);
    kind = kind == TIDYMAIL_OK ? sendmail_check(&letter) : kind;
    kind = kind == TIDYMAIL_OK ? sendmail_make_arguments(&letter) : kind;
    kind = kind == TIDYMAIL_OK ? sendmail_store(&letter) : kind;
    if (kind == TIDYMAIL_OK) {
        sendmail_run(&letter);
    }
    tdm_report_decide(job->report);
    job->done = 1;
    if (letter.file >= 0) {
        close(letter.file);
    }
    tdm_free(&transport->allocator, letter.arguments);
    tdm_buf_clear(&letter.heard);
    tdm_wishes_end(job, &fronted);
}

const struct tdm_transport_ops tdm_transport_sendmail = {
    .scheme = "sendmail",
    .open = sendmail_open,
    .send = sendmail_send,
    .close = sendmail_close,
};
