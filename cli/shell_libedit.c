/* shell_libedit.c: see shell_libedit.h. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "shell_libedit.h"

#define LIBEDIT_FILE "libedit.so.2"

static const struct libedit_function {
    const char *name;
    size_t offset;
} libedit_functions[] = {
    {"el_init", offsetof(struct shell_libedit, init)},
    {"el_end", offsetof(struct shell_libedit, end)},
    {"el_gets", offsetof(struct shell_libedit, gets)},
    {"el_set", offsetof(struct shell_libedit, set)},
    {"el_wset", offsetof(struct shell_libedit, wset)},
    {"el_get", offsetof(struct shell_libedit, get)},
    {"el_source", offsetof(struct shell_libedit, source)},
    {"el_line", offsetof(struct shell_libedit, line)},
    {"el_cursor", offsetof(struct shell_libedit, cursor)},
    {"el_deletestr", offsetof(struct shell_libedit, deletestr)},
    {"el_insertstr", offsetof(struct shell_libedit, insertstr)},
    {"history_init", offsetof(struct shell_libedit, history_init)},
    {"history_end", offsetof(struct shell_libedit, history_end)},
    {"history", offsetof(struct shell_libedit, history)},
};

int shell_libedit_open(struct shell_libedit *library)
{
    void *file = dlopen(LIBEDIT_FILE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (file == NULL) {
        fprintf(stderr, "error: lines at a terminal need " LIBEDIT_FILE " (Debian: libedit2): %s\n",
                dlerror());
        return -1;
    }
    for (size_t i = 0; i < sizeof(libedit_functions) / sizeof(libedit_functions[0]); i++) {
        void *found = dlsym(file, libedit_functions[i].name);
        if (found == NULL) {
            fprintf(stderr, "error: " LIBEDIT_FILE " has no %s\n", libedit_functions[i].name);
            dlclose(file);
            return -1;
        }
        /* as POSIX has it: a pointer to an object and one to a function are of one size */
        memcpy((char *)library + libedit_functions[i].offset, &found, sizeof(found));
    }
    return 0;
}
