/* webhook_json.c: reading of JSON, numbers and dates. */
#include <string.h>

#include "util/str.h"
#include "webhook/webhook.h"

#define HOOK_STEP_MAX 64
#define HOOK_SECONDS_MAX 253402300799 /* the end of the year 9999 */

static json_t *hook_step(json_t *value, const char *step)
{
    if (json_is_object(value)) {
        return json_object_get(value, step);
    }
    int64_t index;
    if (json_is_array(value) && tdm_hook_number(step, &index) == 0) {
        return json_array_get(value, (size_t)index);
    }
    return NULL;
}

json_t *tdm_hook_at(json_t *root, const char *path)
{
    char step[HOOK_STEP_MAX];
    while (root != NULL && *path != '\0') {
        size_t length = strcspn(path, "/");
        if (length >= sizeof(step)) {
            return NULL;
        }
        memcpy(step, path, length);
        step[length] = '\0';
        root = hook_step(root, step);
        path += length + (path[length] == '/');
    }
    return root;
}

const char *tdm_hook_text_at(json_t *root, const char *path)
{
    return json_string_value(tdm_hook_at(root, path));
}

int tdm_hook_number(const char *text, int64_t *number)
{
    int64_t sum = 0;
    size_t length = strlen(text);
    if (length == 0 || length > 17) {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        if (!tdm_is_digit(text[i])) {
            return -1;
        }
        sum = sum * 10 + (text[i] - '0');
    }
    *number = sum;
    return 0;
}

/* Two or four digits; -1 where they are none. */
static int iso_digits(const char *text, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++) {
        if (!tdm_is_digit(text[i])) {
            return -1;
        }
        sum = sum * 10 + (text[i] - '0');
    }
    return sum;
}

/* Days from 1970-01-01 in the Gregorian calendar, years counted from March. */
static int64_t iso_days(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t m = month > 2 ? month - 3 : month + 9;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* The offset behind the time, in minutes: Z, +01:00, +0100. 0, or -1. */
static int iso_zone(const char *text, int *minutes)
{
    *minutes = 0;
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        return 0;
    }
    if (text[0] != '+' && text[0] != '-') {
        return -1;
    }
    int hour = iso_digits(text + 1, 2);
    if (hour < 0 || hour > 23) {
        return -1;
    }
    const char *rest = text + 3 + (text[3] == ':');
    int minute = iso_digits(rest, 2);
    if (minute < 0 || minute > 59 || rest[2] != '\0') {
        return -1;
    }
    *minutes = (hour * 60 + minute) * (text[0] == '-' ? -1 : 1);
    return 0;
}

/* Three digits of the fraction, more are passed over. */
static const char *iso_fraction(const char *text, int *ms)
{
    int scale = 100;
    *ms = 0;
    if (*text != '.') {
        return text;
    }
    for (text++; tdm_is_digit(*text); text++) {
        *ms += (*text - '0') * scale;
        scale /= 10;
    }
    return text;
}

int tdm_hook_date_ms(const char *text, int64_t *ms)
{
    if (strlen(text) < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' ||
        text[16] != ':' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) {
        return -1;
    }
    int year = iso_digits(text, 4);
    int month = iso_digits(text + 5, 2);
    int day = iso_digits(text + 8, 2);
    int hour = iso_digits(text + 11, 2);
    int minute = iso_digits(text + 14, 2);
    int second = iso_digits(text + 17, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60) {
        return -1;
    }
    int fraction;
    int zone;
    if (iso_zone(iso_fraction(text + 19, &fraction), &zone) != 0) {
        return -1;
    }
    int64_t seconds = iso_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *ms = (seconds - (int64_t)zone * 60) * 1000 + fraction;
    return 0;
}

int64_t tdm_hook_time_ms(json_t *value)
{
    int64_t number;
    if (json_is_integer(value)) {
        number = json_integer_value(value);
        return number >= 0 && number <= HOOK_SECONDS_MAX ? number * 1000 : 0;
    }
    if (json_is_real(value)) {
        double seconds = json_real_value(value);
        return seconds >= 0 && seconds <= (double)HOOK_SECONDS_MAX
                   ? (int64_t)(seconds * 1000.0 + 0.5)
                   : 0;
    }
    const char *text = json_string_value(value);
    if (text == NULL) {
        return 0;
    }
    if (tdm_hook_number(text, &number) == 0) {
        return number <= HOOK_SECONDS_MAX ? number * 1000 : 0;
    }
    return tdm_hook_date_ms(text, &number) == 0 ? number : 0;
}
