/* bulk_progress.c: see bulk_progress.h. */
#include "bulk_progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_BAR_MS 200
#define PROGRESS_LINE_MS 10000
#define PROGRESS_TEXT_MAX 256
#define PROGRESS_BAR_MIN 10
#define PROGRESS_BAR_MAX 40

int64_t bulk_progress_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void bulk_progress_start(struct bulk_progress *progress, FILE *stream, uint64_t total)
{
    memset(progress, 0, sizeof(*progress));
    const char *kind = getenv("TERM");
    progress->stream = stream;
    progress->terminal =
        isatty(fileno(stream)) && kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0;
    progress->total = total;
    progress->start_ms = bulk_progress_now();
    progress->next_ms =
        progress->start_ms + (progress->terminal ? PROGRESS_BAR_MS : PROGRESS_LINE_MS);
}

static void progress_time(int64_t seconds, char *text, size_t capacity)
{
    if (seconds < 60) {
        snprintf(text, capacity, "%d s", (int)seconds);
    } else if (seconds < 3600) {
        snprintf(text, capacity, "%d:%02d min", (int)(seconds / 60), (int)(seconds % 60));
    } else {
        snprintf(text, capacity, "%" PRId64 ":%02d h", seconds / 3600, (int)(seconds / 60 % 60));
    }
}

void bulk_progress_text(const struct bulk_progress *progress, int64_t now_ms, int width, char *text,
                        size_t capacity)
{
    char words[PROGRESS_TEXT_MAX];
    char left[40] = "";
    char of[32] = "";
    char failed[40] = "";
    int64_t spent_ms = now_ms > progress->start_ms ? now_ms - progress->start_ms : 1;
    uint64_t worked = progress->done - progress->earlier;
    double rate = (double)worked * 1000 / (double)spent_ms;
    if (progress->total > 0) {
        snprintf(of, sizeof(of), " of %" PRIu64, progress->total);
    }
    if (progress->total > progress->done && worked > 0) {
        char time[32];
        progress_time((int64_t)((double)(progress->total - progress->done) / rate + 0.5), time,
                      sizeof(time));
        snprintf(left, sizeof(left), ", %s left", time);
    }
    if (progress->failed > 0) {
        snprintf(failed, sizeof(failed), ", %" PRIu64 " not sent", progress->failed);
    }
    snprintf(words, sizeof(words), "%" PRIu64 "%s, %.*f/s%s%s", progress->done, of,
             rate < 10 ? 1 : 0, rate, left, failed);
    int bar = width - (int)strlen(words) - 9;
    if (progress->total == 0 || bar < PROGRESS_BAR_MIN) {
        snprintf(text, capacity, "%.*s", width > 0 ? width : PROGRESS_TEXT_MAX, words);
        return;
    }
    bar = bar > PROGRESS_BAR_MAX ? PROGRESS_BAR_MAX : bar;
    uint64_t done = progress->done < progress->total ? progress->done : progress->total;
    double part = (double)done / (double)progress->total;
    char marks[PROGRESS_BAR_MAX + 1];
    for (int i = 0; i < bar; i++) {
        marks[i] = i < (int)(part * bar) ? '#' : '.';
    }
    marks[bar] = '\0';
    snprintf(text, capacity, "[%s] %3d %% %s", marks, (int)(part * 100), words);
}

void bulk_progress_tick(struct bulk_progress *progress, int64_t now_ms)
{
    if (now_ms < progress->next_ms) {
        return;
    }
    char text[PROGRESS_TEXT_MAX];
    if (progress->terminal) {
        struct winsize size = {0, 0, 0, 0};
        int known = ioctl(fileno(progress->stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
        bulk_progress_text(progress, now_ms, known ? size.ws_col - 1 : 79, text, sizeof(text));
        fprintf(progress->stream, "\r%s\x1b[K", text);
        fflush(progress->stream);
        progress->shown = 1;
        progress->next_ms = now_ms + PROGRESS_BAR_MS;
    } else {
        bulk_progress_text(progress, now_ms, 0, text, sizeof(text));
        fprintf(progress->stream, "%s\n", text);
        progress->next_ms = now_ms + PROGRESS_LINE_MS;
    }
}

void bulk_progress_hide(struct bulk_progress *progress)
{
    if (progress->shown) {
        fputs("\r\x1b[K", progress->stream);
        progress->shown = 0;
        progress->next_ms = 0; /* there again with the next tick */
    }
}
