/*
 * content_type.c: see content_type.h. The patterns of globs2 ("50:image/png:*.png", a `cs` field
 * behind them where case matters) are read as the shared MIME-info specification says: the highest
 * weight wins, then the longest pattern, and a match in the given case before one in lower case.
 * Attachments arrive byte for byte, and message/... and multipart/... may not be encoded for the way
 * (RFC 2046 5.1, 5.2.1): such guesses count as none.
 */
#include "client/content_type.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <magic.h>
#include <string.h>
#include <unistd.h>

#include "util/str.h"

#define GUESS_LINE_MAX 512
#define GUESS_NAME_MAX 1024
#define GUESS_UNKNOWN "application/octet-stream"
#define GUESS_LIBRARY "libmagic.so.1"

/* The floor: what is attached most, where shared-mime-info is not installed. Sorted by nothing but
 * sense; the longest suffix wins. */
static const char *const guess_floor[][2] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bin", GUESS_UNKNOWN},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"gpx", "application/gpx+xml"},
    {"gz", "application/gzip"},
    {"heic", "image/heic"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"key", "application/vnd.apple.keynote"},
    {"log", "text/plain"},
    {"m4a", "audio/mp4"},
    {"md", "text/markdown"},
    {"mid", "audio/midi"},
    {"mkv", "video/matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpeg"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"ogg", "audio/ogg"},
    {"opus", "audio/ogg"},
    {"p7s", "application/pkcs7-signature"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"},
    {"rar", "application/vnd.rar"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ts", "video/mp2t"},
    {"txt", "text/plain"},
    {"vcf", "text/vcard"},
    {"wav", "audio/x-wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

struct guess_best {
    int weight;
    size_t length; /* of the pattern */
    int exact;     /* matched in the given case */
    int undecided; /* another type matched as well */
    char type[TDM_GUESS_MAX];
};

/* "type/subtype" of tokens (RFC 2045 5.1) that may be encoded. */
static int guess_is_usable(const char *type)
{
    const char *slash = strchr(type, '/');
    if (slash == NULL || slash == type || slash[1] == '\0' || strchr(slash + 1, '/') != NULL) {
        return 0;
    }
    for (const char *p = type; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7F || strchr("()<>@,;:\\\"[]?=", *p) != NULL) {
            return 0;
        }
    }
    size_t length = strlen(type);
    return !tdm_starts_nocase(type, length, "message/") &&
           !tdm_starts_nocase(type, length, "multipart/") &&
           !tdm_starts_nocase(type, length, "inode/");
}

/* One member of a [set] against a character; `*pattern` moves behind the set. */
static int guess_in_set(const char **pattern, char c)
{
    const char *p = *pattern + 1;
    int found = 0;
    for (const char *first = p; *p != '\0' && (*p != ']' || p == first); p++) {
        if (p[1] == '-' && p[2] != '\0' && p[2] != ']') {
            found |= c >= p[0] && c <= p[2];
            p += 2;
        } else {
            found |= c == *p;
        }
    }
    *pattern = *p == ']' ? p + 1 : p;
    return found;
}

/* A glob, without the locale. Goes back to the last * only: linear in practice, never recursive. */
static int guess_matches(const char *pattern, const char *name)
{
    const char *star = NULL;
    const char *retry = NULL;
    for (;;) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = name;
            continue;
        }
        int same = 0;
        const char *next = pattern + 1;
        if (*name != '\0' && *pattern == '[') {
            next = pattern;
            same = guess_in_set(&next, *name);
        } else if (*name != '\0' && *pattern != '\0') {
            same = *pattern == '?' || *pattern == *name;
        } else if (*name == '\0' && *pattern == '\0') {
            return 1;
        }
        if (same) {
            pattern = next;
            name++;
        } else if (star != NULL && *retry != '\0') {
            pattern = star;
            name = ++retry;
        } else {
            return 0;
        }
    }
}

static void guess_offer(struct guess_best *best, int weight, const char *type, const char *pattern,
                        int exact)
{
    size_t length = strlen(pattern);
    int better = weight != best->weight   ? weight > best->weight
                 : exact != best->exact   ? exact
                 : length != best->length ? length > best->length
                                          : 0;
    if (better && strlen(type) < TDM_GUESS_MAX) {
        best->weight = weight;
        best->length = length;
        best->exact = exact;
        best->undecided = 0;
        memcpy(best->type, type, strlen(type) + 1);
    } else if (weight == best->weight && length == best->length && exact == best->exact &&
               strcmp(type, best->type) != 0) {
        best->undecided = 1;
    }
}

/* One line of globs2; lines that are not understood are passed over. */
static void guess_line(struct guess_best *best, char *line, const char *name, const char *lower)
{
    int weight = 0;
    char *p = line;
    for (; tdm_is_digit(*p) && weight < 1000; p++) {
        weight = weight * 10 + (*p - '0');
    }
    char *type = p + 1;
    char *pattern = *p == ':' ? strchr(type, ':') : NULL;
    if (p == line || pattern == NULL) {
        return;
    }
    *pattern++ = '\0';
    char *flags = strchr(pattern, ':');
    int case_matters = 0;
    if (flags != NULL) {
        *flags++ = '\0';
        case_matters = strstr(flags, "cs") != NULL;
    }
    if (case_matters && guess_matches(pattern, name)) {
        guess_offer(best, weight, type, pattern, 1);
    } else if (!case_matters) {
        for (char *c = pattern; *c != '\0'; c++) {
            *c = tdm_lower(*c);
        }
        if (guess_matches(pattern, lower)) {
            guess_offer(best, weight, type, pattern, 0);
        }
    }
}

/* Reads the table line by line: nothing of it is kept between calls. */
static void guess_by_globs(struct guess_best *best, const char *globs, const char *name,
                           const char *lower)
{
    char piece[8192];
    char line[GUESS_LINE_MAX];
    size_t used = 0;
    ssize_t length;
    int file = open(globs, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0) {
        return;
    }
    while ((length = read(file, piece, sizeof(piece))) > 0) {
        for (ssize_t i = 0; i < length; i++) {
            if (piece[i] != '\n') {
                line[used] = piece[i];
                used += used + 1 < sizeof(line); /* an over-long line is no line of ours */
                continue;
            }
            line[used] = '\0';
            guess_line(best, line, name, lower);
            used = 0;
        }
    }
    close(file);
}

static const char *guess_by_floor(const char *lower)
{
    const char *dot = strrchr(lower, '.');
    for (size_t i = 0; dot != NULL && i < sizeof(guess_floor) / sizeof(guess_floor[0]); i++) {
        if (strcmp(dot + 1, guess_floor[i][0]) == 0) {
            return guess_floor[i][1];
        }
    }
    return NULL;
}

int tdm_guess_by_name(const char *globs, const char *name, char type[TDM_GUESS_MAX])
{
    struct guess_best best = {0, 0, 0, 0, ""};
    char lower[GUESS_NAME_MAX];
    size_t length = strlen(name);
    if (length >= sizeof(lower)) { /* what counts stands at the end */
        name += length - sizeof(lower) + 1;
        length = sizeof(lower) - 1;
    }
    for (size_t i = 0; i <= length; i++) {
        lower[i] = tdm_lower(name[i]);
    }
    if (globs != NULL) {
        guess_by_globs(&best, globs, name, lower);
    }
    const char *found = best.type;
    if (best.type[0] == '\0' || best.undecided) {
        const char *floor = guess_by_floor(lower);
        found = floor != NULL ? floor : found;
    }
    if (found[0] == '\0') {
        return 0;
    }
    if (!guess_is_usable(found)) {
        found = GUESS_UNKNOWN;
    }
    memcpy(type, found, strlen(found) + 1);
    return 1;
}

/* libmagic is opened where it is needed: programs that attach nothing, or files with names that say
 * enough, start without it and the three libraries behind it. */
struct guess_magic {
    void *library;
    magic_t (*open)(int flags);
    int (*load)(magic_t magic, const char *database);
    const char *(*buffer)(magic_t magic, const void *bytes, size_t length);
    void (*close)(magic_t magic);
};

/* A function by its name, as POSIX has it (dlsym, "Rationale"): 0, or -1 where it is not there. */
static int guess_symbol(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof(found));
    return found != NULL ? 0 : -1;
}

static int guess_open_magic(struct guess_magic *magic)
{
    memset(magic, 0, sizeof(*magic));
    magic->library = dlopen(GUESS_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (magic->library == NULL) {
        return -1;
    }
    return guess_symbol(magic->library, "magic_open", &magic->open) == 0 &&
                   guess_symbol(magic->library, "magic_load", &magic->load) == 0 &&
                   guess_symbol(magic->library, "magic_buffer", &magic->buffer) == 0 &&
                   guess_symbol(magic->library, "magic_close", &magic->close) == 0
               ? 0
               : -1;
}

static void guess_by_magic(const struct guess_magic *magic, const void *bytes, size_t length,
                           char type[TDM_GUESS_MAX])
{
    magic_t cookie = magic->open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS);
    if (cookie == NULL) {
        return;
    }
    if (magic->load(cookie, NULL) == 0) {
        const char *found = magic->buffer(cookie, bytes, length);
        if (found != NULL && strlen(found) < TDM_GUESS_MAX && guess_is_usable(found)) {
            memcpy(type, found, strlen(found) + 1);
        }
    }
    magic->close(cookie);
}

void tdm_guess_by_bytes(const void *bytes, size_t length, char type[TDM_GUESS_MAX])
{
    struct guess_magic magic;
    memcpy(type, GUESS_UNKNOWN, sizeof(GUESS_UNKNOWN));
    if (length == 0) {
        return;
    }
    if (guess_open_magic(&magic) == 0) {
        guess_by_magic(&magic, bytes, length, type);
    }
    if (magic.library != NULL) {
        dlclose(magic.library);
    }
}
