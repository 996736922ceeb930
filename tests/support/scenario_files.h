/* scenario_files.h: finds and reads the scenario files that tests play. */
#ifndef TESTS_SCENARIO_FILES_H
#define TESTS_SCENARIO_FILES_H

#include "devserver/scenario.h"

struct scenario_file {
    char *path;
    const char *name; /* within the folder: "auth/535-twice.scn" */
};

struct scenario_files {
    struct scenario_file *files; /* by name */
    size_t count;
};

/* All files under a folder that end in .scn. 0, or -1. */
int scenario_files_find(struct scenario_files *files, const char *folder);
void scenario_files_clear(struct scenario_files *files);

/* The whole file; freed by the caller with free. NULL where it cannot be read. */
char *scenario_file_read(const char *path, size_t *length);
/* Parses it; -1 with a line in `problems` where it cannot be read or is not in the format. The
 * scenario can be cleared in both cases. */
int scenario_file_parse(const struct scenario_file *file, struct tdm_scenario *scenario,
                        struct tdm_buf *problems);

/* Names and how often each was met. */
struct scenario_count {
    char *name;
    size_t number;
};

struct scenario_tally {
    struct scenario_count *entries;
    size_t count;
};

/* The names of classes.txt: the first word of each line that is no comment, each counted 0. */
int scenario_tally_read(struct scenario_tally *tally, const char *path);
/* Counts a name; -1 where it is not there. */
int scenario_tally_count(struct scenario_tally *tally, const char *name);
/* The folders of the files, and how many files each holds. */
int scenario_tally_areas(struct scenario_tally *tally, const struct scenario_files *files);
void scenario_tally_clear(struct scenario_tally *tally);

#endif
