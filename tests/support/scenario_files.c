/* scenario_files.c: see scenario_files.h. */
#include "scenario_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int files_add(struct scenario_files *files, const char *path, size_t folder_length)
{
    struct scenario_file *grown = realloc(files->files, (files->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return -1;
    }
    files->files = grown;
    struct scenario_file *file = &grown[files->count];
    file->path = strdup(path);
    if (file->path == NULL) {
        return -1;
    }
    file->name = file->path + folder_length + 1;
    files->count++;
    return 0;
}

static int files_walk(struct scenario_files *files, const char *folder, size_t root_length)
{
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        return -1;
    }
    int result = 0;
    const struct dirent *entry;
    while (result == 0 && (entry = readdir(directory)) != NULL) {
        char path[4096];
        size_t length = strlen(entry->d_name);
        int written = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (written < 0 || (size_t)written >= sizeof(path)) {
            result = -1;
        } else if (length > 4 && strcmp(entry->d_name + length - 4, ".scn") == 0) {
            result = files_add(files, path, root_length);
        } else if (strchr(entry->d_name, '.') == NULL) {
            result = files_walk(files, path, root_length);
        }
    }
    closedir(directory);
    return result;
}

static int files_compare(const void *left, const void *right)
{
    return strcmp(((const struct scenario_file *)left)->name,
                  ((const struct scenario_file *)right)->name);
}

int scenario_files_find(struct scenario_files *files, const char *folder)
{
    memset(files, 0, sizeof(*files));
    if (files_walk(files, folder, strlen(folder)) != 0) {
        scenario_files_clear(files);
        return -1;
    }
    if (files->count > 0) {
        qsort(files->files, files->count, sizeof(*files->files), files_compare);
    }
    return 0;
}

void scenario_files_clear(struct scenario_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i].path);
    }
    free(files->files);
    memset(files, 0, sizeof(*files));
}

char *scenario_file_read(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    size_t capacity = (size_t)1 << 20;
    char *text = malloc(capacity);
    *length = text != NULL ? fread(text, 1, capacity - 1, file) : 0;
    int whole = text != NULL && feof(file) && !ferror(file);
    fclose(file);
    if (!whole) {
        free(text);
        return NULL;
    }
    text[*length] = '\0';
    return text;
}

int scenario_file_parse(const struct scenario_file *file, struct tdm_scenario *scenario,
                        struct tdm_buf *problems)
{
    size_t length = 0;
    char *text = scenario_file_read(file->path, &length);
    memset(scenario, 0, sizeof(*scenario));
    if (text == NULL) {
        tdm_buf_add_str(problems, "cannot be read\n");
        return -1;
    }
    struct tdm_buf error;
    tdm_buf_init(&error, NULL, 1 << 16);
    int result = tdm_scenario_parse(scenario, text, length, &error);
    if (result != 0) {
        tdm_buf_addf(problems, "%s\n", tdm_buf_text(&error));
    }
    tdm_buf_clear(&error);
    free(text);
    return result;
}

static int tally_add(struct scenario_tally *tally, const char *name, size_t length)
{
    struct scenario_count *grown = realloc(tally->entries, (tally->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return -1;
    }
    tally->entries = grown;
    grown[tally->count].name = strndup(name, length);
    grown[tally->count].number = 0;
    return grown[tally->count++].name != NULL ? 0 : -1;
}

int scenario_tally_read(struct scenario_tally *tally, const char *path)
{
    size_t length = 0;
    int result = 0;
    memset(tally, 0, sizeof(*tally));
    char *text = scenario_file_read(path, &length);
    for (const char *line = text; result == 0 && line != NULL && *line != '\0';) {
        size_t word = strcspn(line, " \n");
        if (word > 0 && line[0] != '#') {
            result = tally_add(tally, line, word);
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    free(text);
    return text != NULL ? result : -1;
}

int scenario_tally_count(struct scenario_tally *tally, const char *name)
{
    for (size_t i = 0; i < tally->count; i++) {
        if (strcmp(tally->entries[i].name, name) == 0) {
            tally->entries[i].number++;
            return 0;
        }
    }
    return -1;
}

int scenario_tally_areas(struct scenario_tally *tally, const struct scenario_files *files)
{
    memset(tally, 0, sizeof(*tally));
    for (size_t i = 0; i < files->count; i++) {
        const char *name = files->files[i].name;
        size_t area = strcspn(name, "/");
        /* files come by name: those of one folder follow each other */
        const char *last = tally->count > 0 ? tally->entries[tally->count - 1].name : "";
        int same = strlen(last) == area && memcmp(last, name, area) == 0;
        if (!same && tally_add(tally, name, area) != 0) {
            return -1;
        }
        tally->entries[tally->count - 1].number++;
    }
    return 0;
}

void scenario_tally_clear(struct scenario_tally *tally)
{
    for (size_t i = 0; i < tally->count; i++) {
        free(tally->entries[i].name);
    }
    free(tally->entries);
    memset(tally, 0, sizeof(*tally));
}
