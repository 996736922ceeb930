/* like.c: see like.h. */
#include "like.h"

#include <string.h>

#include "util/str.h"

static const struct tdm_like likes[] = {
#define LIKE(name, auth, prompt, login, ehlo) {#name, ehlo, auth, prompt, login},
#define LIKE_WORDS(name, stage, code, action)
#include "like.def"
#undef LIKE
#undef LIKE_WORDS
};
#define LIKE_COUNT (sizeof(likes) / sizeof(likes[0]))

struct like_words {
    const char *name;
    enum tdm_fault_stage stage;
    int code;
    const char *action;
};

static const struct like_words words[] = {
#define LIKE(name, auth, prompt, login, ehlo)
#define LIKE_WORDS(name, stage, code, action) {#name, TDM_FAULT_##stage, code, action},
#include "like.def"
#undef LIKE
#undef LIKE_WORDS
};

const struct tdm_like *tdm_like_find(const char *name)
{
    for (size_t i = 0; i < LIKE_COUNT; i++) {
        if (tdm_equal_nocase(likes[i].name, name)) {
            return &likes[i];
        }
    }
    return NULL;
}

const char *tdm_like_name(size_t index)
{
    return index < LIKE_COUNT ? likes[index].name : NULL;
}

const char *tdm_like_line(const struct tdm_like *like, size_t *at, size_t *length, int encrypted)
{
    while (like->ehlo[*at] != '\0') {
        const char *line = like->ehlo + *at;
        size_t size = strcspn(line, "\n");
        int marked = *line == '+' || *line == '-';
        *at += size + (line[size] != '\0');
        if (!marked || (*line == '+') == encrypted) {
            *length = size - (size_t)marked;
            return line + marked;
        }
    }
    return NULL;
}

int tdm_like_offers(const struct tdm_like *like, const char *keyword, int encrypted)
{
    const char *line;
    size_t length;
    size_t at = 0;
    (void)tdm_like_line(like, &at, &length, encrypted); /* the name is no keyword */
    while ((line = tdm_like_line(like, &at, &length, encrypted)) != NULL) {
        if (tdm_equal_nocase_n(line, strcspn(line, " \n"), keyword)) {
            return 1;
        }
    }
    return 0;
}

const char *tdm_like_words(const struct tdm_like *like, enum tdm_fault_stage stage, int code)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i].stage == stage && words[i].code == code &&
            strcmp(words[i].name, like->name) == 0) {
            return words[i].action;
        }
    }
    return NULL;
}
