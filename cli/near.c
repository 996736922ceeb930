/* near.c: Levenshtein distance, one row. */
#include "near.h"

#include <string.h>

#define NEAR_LONGEST 32

int near_slips(const char *text, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    if (length == 0 || length > NEAR_LONGEST || name_length > NEAR_LONGEST) {
        return -1;
    }
    if (length >= 3 && name_length > length && memcmp(text, name, length) == 0) {
        return 1;
    }
    size_t row[NEAR_LONGEST + 1];
    for (size_t j = 0; j <= name_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= name_length; j++) {
            size_t replaced = diagonal + (text[i - 1] != name[j - 1]);
            size_t moved = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < moved ? replaced : moved;
        }
    }
    size_t shorter = length < name_length ? length : name_length;
    return row[name_length] <= shorter / 3 + 1 && row[name_length] < shorter ? (int)row[name_length]
                                                                             : -1;
}
