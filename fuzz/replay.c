/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target once on every file of a folder, with any compiler: seeds are regression tests. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define SEED_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Returns whether the file could be read; a broken promise ends the program. */
static int run_seed(const char *folder, const char *name)
{
    char path[4096];
    _cleanup_free_ uint8_t *bytes = malloc(SEED_MAX);
    _cleanup_fclose_ FILE *file = NULL;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "re");
    if (!file || !bytes)
        return 0;
    fprintf(stderr, "%s\n", name); /* the last one named is the one that failed */
    LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, SEED_MAX, file));
    return 1;
}

int main(int count, char **arguments)
{
    const struct dirent *entry;
    int seeds = 0;
    DIR *folder = count == 2 ? opendir(arguments[1]) : NULL;

    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            seeds += run_seed(arguments[1], entry->d_name);
    if (folder)
        closedir(folder);
    if (seeds == 0)
        fprintf(stderr, "usage: replay FOLDER (with seeds in it)\n");
    return seeds == 0;
}
