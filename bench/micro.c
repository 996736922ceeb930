/*
 * micro.c: what the writer and the engine cost by themselves, without sockets (bench/README.md).
 *
 *     bench-micro [n=MESSAGES] [rounds=N] [mib=SIZE]
 *
 * Each figure is the median of alternated rounds. Beside it stands what the same bytes cost where nothing
 * is thought about: for the writer a memcpy of the finished message, for the engine the same
 * conversation, rendered before, handed to the same little server.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tidymail/smtp.h>
#include <tidymail/tidymail.h>

#define PIECE 65536
#define ROUNDS_MAX 99
#define MIB 1048576.0
#define SMALL_LINES 16
#define DEPTH 2 /* messages handed over ahead, so that commands go out with the end before */
#define DEPTH_STREAM 17 /* with chunking: one more than the window */

struct bytes {
    char *data;
    size_t length;
    size_t capacity;
};

struct micro {
    long n;
    long rounds;
    long mib;
    char text[SMALL_LINES * 63 + 1];
    struct bytes file;    /* of the large attachment */
    struct bytes message; /* a finished small one */
    struct bytes out;     /* what the engine wrote and the server has not taken */
    struct bytes session; /* the same, of a whole conversation */
    struct bytes answers;
    size_t skip; /* of a BDAT chunk */
    int skip_last;
    int in_data;
    int chunking;
    char large[PIECE];
};

/* volatile: what is read here was really made */
static volatile unsigned char micro_sink;

static void micro_fail(const char *what)
{
    fprintf(stderr, "error: %s\n", what);
    exit(1);
}

static double micro_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void bytes_add(struct bytes *bytes, const void *data, size_t length)
{
    if (bytes->capacity - bytes->length < length) {
        bytes->capacity = (bytes->length + length) * 2;
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (bytes->data == NULL) {
            micro_fail("out of memory");
        }
    }
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

static void bytes_text(struct bytes *bytes, const char *text)
{
    bytes_add(bytes, text, strlen(text));
}

/* ---- the writer ---- */

static tidymail_message *writer_message(const struct micro *micro, int large)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "Ann <a@example.com>");
    tidymail_message_add_to(message, "Bob <b@example.com>");
    tidymail_message_set_subject(message, "A small message");
    tidymail_message_set_text(message, micro->text);
    if (large) {
        tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
        attachment.bytes = micro->file.data;
        attachment.length = micro->file.length;
        attachment.name = "data.bin";
        attachment.type = "application/octet-stream";
        tidymail_message_add_attachment(message, &attachment);
    }
    return message;
}

/* Pulls the whole message in pieces; `keep`: where it shall be kept, or NULL. */
static size_t writer_pull(struct micro *micro, tidymail_message *message, struct bytes *keep)
{
    tidymail_source source;
    size_t total = 0;
    ptrdiff_t got;
    if (tidymail_message_open(message, &source) != TIDYMAIL_OK) {
        micro_fail(tidymail_error_message(tidymail_message_error(message)));
    }
    while ((got = source.read(source.context, micro->large, sizeof(micro->large))) > 0) {
        total += (size_t)got;
        micro_sink = (unsigned char)micro->large[got - 1];
        if (keep != NULL) {
            bytes_add(keep, micro->large, (size_t)got);
        }
    }
    source.release(source.context);
    if (got < 0) {
        micro_fail("a message could not be read");
    }
    return total;
}

static double writer_small(struct micro *micro)
{
    double began = micro_now();
    for (long i = 0; i < micro->n; i++) {
        tidymail_message *message = writer_message(micro, 0);
        writer_pull(micro, message, NULL);
        tidymail_message_free(message);
    }
    return micro_now() - began;
}

static double writer_small_copy(struct micro *micro)
{
    double began = micro_now();
    for (long i = 0; i < micro->n; i++) {
        memcpy(micro->large, micro->message.data, micro->message.length);
        micro_sink = (unsigned char)micro->large[i % (long)micro->message.length];
    }
    return micro_now() - began;
}

static double writer_large(struct micro *micro)
{
    tidymail_message *message = writer_message(micro, 1);
    double began = micro_now();
    writer_pull(micro, message, NULL);
    double spent = micro_now() - began;
    tidymail_message_free(message);
    return spent;
}

/* As many bytes as the finished message has: base64 makes 78 of 57 (RFC 2045 6.8). */
static double writer_large_copy(struct micro *micro)
{
    size_t left = micro->file.length / 57 * 78;
    size_t at = 0;
    double began = micro_now();
    while (left > 0) {
        size_t piece = left < sizeof(micro->large) ? left : sizeof(micro->large);
        at = at + piece > micro->file.length ? 0 : at;
        memcpy(micro->large, micro->file.data + at, piece);
        micro_sink = (unsigned char)micro->large[piece - 1];
        at += piece;
        left -= piece;
    }
    return micro_now() - began;
}

/* ---- the engine ---- */

static void server_command(struct micro *micro, const char *line)
{
    if (strncmp(line, "EHLO", 4) == 0) {
        bytes_text(&micro->answers,
                   "250-server\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n");
    } else if (strncmp(line, "DATA", 4) == 0) {
        micro->in_data = 1;
        bytes_text(&micro->answers, "354 go on\r\n");
    } else if (strncmp(line, "BDAT ", 5) == 0) {
        char *end;
        micro->skip = strtoul(line + 5, &end, 10);
        bytes_text(&micro->answers, "250 2.0.0 ok\r\n");
    } else if (strncmp(line, "QUIT", 4) == 0) {
        bytes_text(&micro->answers, "221 2.0.0 bye\r\n");
    } else {
        bytes_text(&micro->answers, "250 2.0.0 ok\r\n");
    }
}

/* Where the message that begins here ends, behind its dot; NULL: not yet. */
static const char *server_end_of_data(const char *at, const char *end)
{
    const char *dot = at;
    while ((dot = memchr(dot, '.', (size_t)(end - dot))) != NULL) {
        if ((dot == at || dot[-1] == '\n') && end - dot >= 3 && dot[1] == '\r' && dot[2] == '\n') {
            return dot + 3;
        }
        dot++;
    }
    return NULL;
}

/* Takes what is complete and appends the answers; returns how many bytes it took. */
static size_t server_take(struct micro *micro, const char *data, size_t length)
{
    const char *at = data;
    const char *end = data + length;
    while (at < end) {
        const char *next;
        if (micro->skip > 0) {
            size_t some = (size_t)(end - at) < micro->skip ? (size_t)(end - at) : micro->skip;
            micro->skip -= some;
            at += some;
            continue;
        }
        if (micro->in_data) {
            next = server_end_of_data(at, end);
            if (next != NULL) {
                micro->in_data = 0;
                bytes_text(&micro->answers, "250 2.0.0 accepted\r\n");
            }
        } else {
            next = memchr(at, '\n', (size_t)(end - at));
            next = next != NULL ? next + 1 : NULL;
            if (next != NULL) {
                server_command(micro, at);
            }
        }
        if (next == NULL) {
            break;
        }
        at = next;
    }
    return (size_t)(at - data);
}

static void engine_submit(struct micro *micro, tidymail_smtp *smtp)
{
    static const char *const recipients[] = {"b@example.com"};
    tidymail_smtp_envelope envelope = TIDYMAIL_SMTP_ENVELOPE_INIT;
    tidymail_source source;
    envelope.from = "a@example.com";
    envelope.recipients = recipients;
    envelope.recipient_count = 1;
    if (tidymail_source_open_memory(&source, micro->message.data, micro->message.length) !=
            TIDYMAIL_OK ||
        tidymail_smtp_submit(smtp, &envelope, &source, NULL, 0) != TIDYMAIL_OK) {
        micro_fail("a message could not be handed over");
    }
}

/* Everything the engine has to say, as a network would take it: one copy. */
static size_t engine_write(struct micro *micro, tidymail_smtp *smtp, struct bytes *keep)
{
    const void *bytes;
    size_t length;
    size_t total = 0;
    while (tidymail_smtp_output(smtp, &bytes, &length)) {
        bytes_add(&micro->out, bytes, length);
        if (keep != NULL) {
            bytes_add(keep, bytes, length);
        }
        total += length;
        tidymail_smtp_consume(smtp, length, 0);
    }
    return total;
}

static void engine_server(struct micro *micro)
{
    size_t taken = server_take(micro, micro->out.data, micro->out.length);
    memmove(micro->out.data, micro->out.data + taken, micro->out.length - taken);
    micro->out.length -= taken;
}

static void server_begin(struct micro *micro)
{
    micro->out.length = 0;
    micro->answers.length = 0;
    micro->skip = 0;
    micro->in_data = 0;
}

/* A whole conversation; `keep`: what the engine wrote, or NULL. Returns the seconds. */
static double engine_converse(struct micro *micro, struct bytes *keep)
{
    tidymail_smtp_options options = TIDYMAIL_SMTP_OPTIONS_INIT;
    long begun = 0;
    long ended = 0;
    long depth = micro->chunking ? DEPTH_STREAM : DEPTH;
    options.helo = "client.example.com";
    options.tls = TIDYMAIL_SMTP_TLS_NONE;
    options.chunking = micro->chunking;
    server_begin(micro);
    double before = micro_now();
    tidymail_smtp *smtp = tidymail_smtp_new(&options, 0);
    tidymail_smtp_connected(smtp, 0);
    bytes_text(&micro->answers, "220 server ESMTP\r\n");
    while (ended < micro->n) {
        const tidymail_smtp_event *event;
        while (begun < micro->n && begun - ended < depth) {
            engine_submit(micro, smtp);
            begun++;
        }
        tidymail_smtp_feed(smtp, micro->answers.data, micro->answers.length, 0);
        micro->answers.length = 0;
        while ((event = tidymail_smtp_next(smtp)) != NULL) {
            if (event->type == TIDYMAIL_SMTP_REPORT) {
                if (tidymail_report_outcome(event->report) != TIDYMAIL_SENT) {
                    micro_fail(tidymail_report_summary(event->report));
                }
                tidymail_report_free(event->report);
                ended++;
            }
        }
        size_t written = engine_write(micro, smtp, keep);
        engine_server(micro);
        if (written == 0 && micro->answers.length == 0 && ended < micro->n &&
            begun - ended >= depth) {
            micro_fail("the engine has nothing to say");
        }
    }
    tidymail_smtp_free(smtp);
    return micro_now() - before;
}

static double engine_real(struct micro *micro)
{
    return engine_converse(micro, NULL);
}

/* The same conversation without an engine: one copy and the same server, a message at a time. */
static double engine_rendered(struct micro *micro)
{
    size_t piece = micro->message.length + 64;
    server_begin(micro);
    double before = micro_now();
    for (size_t at = 0; at < micro->session.length; at += piece) {
        size_t left = micro->session.length - at;
        bytes_add(&micro->out, micro->session.data + at, left < piece ? left : piece);
        engine_server(micro);
        micro->answers.length = 0;
    }
    return micro_now() - before;
}

/* ---- the table ---- */

static int micro_compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static void micro_pair(struct micro *micro, double (*real)(struct micro *micro),
                       double (*plain)(struct micro *micro), double medians[2])
{
    double times[2][ROUNDS_MAX];
    real(micro); /* warms up */
    for (long i = 0; i < micro->rounds; i++) {
        times[0][i] = real(micro);
        times[1][i] = plain(micro);
    }
    for (int i = 0; i < 2; i++) {
        qsort(times[i], (size_t)micro->rounds, sizeof(double), micro_compare);
        medians[i] = times[i][micro->rounds / 2];
    }
}

static void micro_row(const char *what, const char *beside, double real, double plain, double count,
                      double mib)
{
    printf("| %s | %.0f | %.0f | %s | %.0f | %.2f |\n", what, real / count * 1e9, mib / real,
           beside, plain / count * 1e9, real / plain);
}

static void micro_writer(struct micro *micro)
{
    double medians[2];
    double mib = (double)micro->n * (double)micro->message.length / MIB;
    micro_pair(micro, writer_small, writer_small_copy, medians);
    micro_row("writer: built by setters, 1 KiB", "memcpy", medians[0], medians[1], (double)micro->n,
              mib);
    micro_pair(micro, writer_large, writer_large_copy, medians);
    micro_row("writer: large attachment", "memcpy", medians[0], medians[1], 1,
              (double)micro->file.length / MIB);
}

static void micro_engine(struct micro *micro, int chunking)
{
    double medians[2];
    double mib = (double)micro->n * (double)micro->message.length / MIB;
    micro->chunking = chunking;
    micro->session.length = 0;
    engine_converse(micro, &micro->session);
    micro_pair(micro, engine_real, engine_rendered, medians);
    micro_row(chunking ? "engine: CHUNKING, 1 KiB" : "engine: PIPELINING, 1 KiB", "rendered before",
              medians[0], medians[1], (double)micro->n, mib);
}

static void micro_word(struct micro *micro, const char *word)
{
    if (strncmp(word, "n=", 2) == 0) {
        micro->n = strtol(word + 2, NULL, 10);
    } else if (strncmp(word, "rounds=", 7) == 0) {
        micro->rounds = strtol(word + 7, NULL, 10);
    } else if (strncmp(word, "mib=", 4) == 0) {
        micro->mib = strtol(word + 4, NULL, 10);
    } else {
        micro_fail("usage: bench-micro [n=MESSAGES] [rounds=N] [mib=SIZE]");
    }
    if (micro->n < 1 || micro->rounds < 1 || micro->rounds > ROUNDS_MAX || micro->mib < 1) {
        micro_fail(word);
    }
}

int main(int argc, char **argv)
{
    static struct micro micro = {.n = 20000, .rounds = 9, .mib = 64};
    uint32_t seed = 1;
    for (int i = 1; i < argc; i++) {
        micro_word(&micro, argv[i]);
    }
    for (size_t i = 0; i < SMALL_LINES; i++) {
        memset(micro.text + i * 63, 'x', 62);
        micro.text[i * 63 + 62] = '\n';
    }
    for (long i = 0; i < micro.mib * (1048576 / 4); i++) {
        seed = seed * 1664525 + 1013904223;
        bytes_add(&micro.file, &seed, sizeof(seed));
    }
    tidymail_message *message = writer_message(&micro, 0);
    writer_pull(&micro, message, &micro.message);
    tidymail_message_free(message);
    printf("%ld messages of %zu bytes; an attachment of %ld MiB; medians of %ld rounds, CPU\n\n"
           "| what | ns each | MiB/s | beside | ns each | ratio |\n"
           "| --- | ---: | ---: | --- | ---: | ---: |\n",
           micro.n, micro.message.length, micro.mib, micro.rounds);
    micro_writer(&micro);
    micro_engine(&micro, 0);
    micro_engine(&micro, 1);
    free(micro.file.data);
    free(micro.message.data);
    free(micro.out.data);
    free(micro.session.data);
    free(micro.answers.data);
    return 0;
}
