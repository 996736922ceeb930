/*
 * standalone_driver.c: runs a fuzz target once for each file named, or found in a folder named, as
 * a test that any compiler builds: TAP, one line a file. A broken promise ends it there.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz_input.h"

#define FILE_MAX ((size_t)1 << 20)

static int driver_count;

static int driver_file(const char *path, const char *name)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(FILE_MAX);
    if (file == NULL || bytes == NULL) {
        printf("not ok %d - %s cannot be read\n", ++driver_count, name);
        free(bytes);
        if (file != NULL) {
            fclose(file);
        }
        return 1;
    }
    size_t size = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
    uint8_t *exact = malloc(size > 0 ? size : 1); /* a read behind its end is seen */
    if (exact != NULL) {
        memcpy(exact, bytes, size);
        fprintf(stderr, "%s\n", name);
        LLVMFuzzerTestOneInput(exact, size);
    }
    free(bytes);
    printf("%s %d - %s\n", exact != NULL ? "ok" : "not ok", ++driver_count, name);
    fflush(stdout);
    free(exact);
    return 0;
}

static int driver_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int driver_folder(const char *path)
{
    struct dirent **entries = NULL;
    int failed = 0;
    int count = scandir(path, &entries, driver_visible, alphasort);
    for (int i = 0; i < count; i++) {
        char file[4096];
        snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        failed |= driver_file(file, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return failed || count <= 0;
}

int main(int count, char **arguments)
{
    int failed = count < 2;
    for (int i = 1; i < count; i++) {
        struct stat status;
        if (stat(arguments[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            failed |= driver_folder(arguments[i]);
        } else {
            failed |= driver_file(arguments[i], arguments[i]);
        }
    }
    if (driver_count == 0) {
        printf("not ok 1 - there is an input\n");
        driver_count = 1;
        failed = 1;
    }
    printf("1..%d\n", driver_count);
    return failed;
}
