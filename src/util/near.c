/* near.c: optimal string alignment distance: insert, delete, replace, swap neighbours, one each. */
#include "util/near.h"

#include <string.h>

#include "util/str.h"

#define NEAR_MAX_LENGTH 32
#define NEAR_MAX_NAMES 3
#define NEAR_FAR 5 /* nobody slips that often in one word */

static size_t near_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t near_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][NEAR_MAX_LENGTH + 1];
    size_t *before = rows[0];
    size_t *previous = rows[1];
    size_t *current = rows[2];
    memset(rows, 0, sizeof(rows));
    for (size_t j = 0; j <= b_length; j++) {
        previous[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        current[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            char x = tdm_lower(a[i - 1]);
            char y = tdm_lower(b[j - 1]);
            size_t cost = near_least(previous[j], current[j - 1]) + 1;
            cost = near_least(cost, previous[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tdm_lower(b[j - 2]) && y == tdm_lower(a[i - 2])) {
                cost = near_least(cost, before[j - 2] + 1);
            }
            current[j] = cost;
        }
        size_t *oldest = before;
        before = previous;
        previous = current;
        current = oldest;
    }
    return previous[b_length];
}

/* How far `text` is from `name`, NEAR_FAR where too far; a text that `name` begins with, or that is
 * its last word, is near. */
static size_t near_rate(const char *text, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    if (name_length > NEAR_MAX_LENGTH) {
        return NEAR_FAR;
    }
    if (length >= 3 && name_length > length) {
        const char *last = name + name_length - length;
        if (tdm_same_nocase(name, length, text, length) ||
            (last[-1] == '-' && tdm_same_nocase(last, length, text, length))) {
            return 1;
        }
    }
    size_t shorter = near_least(length, name_length);
    size_t distance = near_distance(text, length, name, name_length);
    return distance <= shorter / 3 + 1 && distance < shorter ? distance : NEAR_FAR;
}

void tdm_near_add(struct tdm_buf *out, const char *text, size_t length, const char *const *names)
{
    if (length == 0 || length > NEAR_MAX_LENGTH) {
        return;
    }
    const char *found[NEAR_MAX_NAMES];
    size_t count = 0;
    for (size_t rate = 0; rate < NEAR_FAR; rate++) {
        for (size_t i = 0; names[i] != NULL && count < NEAR_MAX_NAMES; i++) {
            if (near_rate(text, length, names[i]) == rate) {
                found[count++] = names[i];
            }
        }
        if (rate == 0 && count > 0) {
            break; /* the name itself, in other letters */
        }
    }
    for (size_t i = 0; i < count; i++) {
        tdm_buf_addf(out, "%s%s",
                     i == 0          ? ", did you mean "
                     : i + 1 < count ? ", "
                                     : " or ",
                     found[i]);
    }
    if (count > 0) {
        tdm_buf_add_char(out, '?');
    }
}
