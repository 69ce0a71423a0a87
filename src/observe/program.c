/* SPDX-License-Identifier: MIT */
/* Which program a socket belongs to, from the descriptors that /proc shows. */
#include "observe/program.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

static void cleanup_closedir(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

/* Has the process @pid, a name in /proc, a descriptor that leads to @target? */
static bool has_descriptor(const char *pid, const char *target)
{
    char path[PATH_MAX], found[64];
    DIR *directory cleanup(cleanup_closedir) = NULL;
    const struct dirent *entry;

    snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
    directory = opendir(path);
    while (directory && (entry = readdir(directory))) {
        ssize_t len;

        snprintf(path, sizeof(path), "/proc/%.20s/fd/%.20s", pid, entry->d_name);
        len = readlink(path, found, sizeof(found));
        if (len == (ssize_t)strlen(target) && memcmp(found, target, strlen(target)) == 0)
            return true;
    }
    return false;
}

static void print_program(const char *pid, char text[OBSERVE_PROGRAM_MAX])
{
    char path[64], name[64] = "";
    _cleanup_fclose_ FILE *file = NULL;

    snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    file = fopen(path, "re");
    if (!file || !fgets(name, sizeof(name), file))
        strcpy(name, "?");
    name[strcspn(name, "\n")] = '\0';
    snprintf(text, OBSERVE_PROGRAM_MAX, "%.40s (%.20s)", text_make_printable(name), pid);
}

bool observe_program(uint32_t inode, char text[OBSERVE_PROGRAM_MAX])
{
    DIR *directory cleanup(cleanup_closedir) = opendir("/proc");
    const struct dirent *entry;
    char target[32];

    snprintf(target, sizeof(target), "socket:[%u]", inode);
    while (directory && (entry = readdir(directory))) {
        if (!isdigit((unsigned char)entry->d_name[0]) || !has_descriptor(entry->d_name, target))
            continue;
        print_program(entry->d_name, text);
        return true;
    }
    return false;
}
