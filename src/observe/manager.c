/* SPDX-License-Identifier: MIT */
/* Which program of the host's manages a link, and would give it back what it had. */
#include "observe/manager.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"

/*
 * How it works: a manager is a process of a known name in our network namespace. Whether it has this link is told by
 * the file that it keeps of each link by its index, or by the words that it was started with: a client that names no
 * link has all of them.
 */

struct row {
    const char *comm;     /* as the kernel has it: 15 characters */
    const char *folder;   /* of files called by the index; NULL: its command line tells */
    const char *yes, *no; /* what stands in the file when it has the link, or has it not; NULL: nothing in particular */
    const char *name, *remedy;
};

#define CLIENT_REMEDY                                                                                                  \
    "its lease would not be renewed, or its address put back onto the device: end it first so that the address stays " \
    "(by SIGKILL: a client that is asked to end may take it off), and tapnet will renew its lease"

static const struct row rows[] = {
    {"NetworkManager", "/run/NetworkManager/devices", "managed=true", "managed=false", "NetworkManager",
     "it would give the device its addresses back: make it leave that alone (`unmanaged-devices` in its configuration, "
     "see NetworkManager.conf(5)) and give it its addresses otherwise, or have it make the bridge"},
    {"systemd-network", "/run/systemd/netif/links", NULL, "ADMIN_STATE=unmanaged", "systemd-networkd",
     "it would give the device its addresses back: make it leave that alone (`Unmanaged=yes` in its .network file) and "
     "give the device its addresses otherwise, or have it make the bridge"},
    {"dhclient", NULL, NULL, NULL, "dhclient", CLIENT_REMEDY},
    {"dhcpcd", NULL, NULL, NULL, "dhcpcd", CLIENT_REMEDY},
    {"udhcpc", NULL, NULL, NULL, "udhcpc", CLIENT_REMEDY},
    {"connmand", NULL, NULL, NULL, "ConnMan", "it would give the device its addresses back: name it in its blacklist"},
    {"wickedd", NULL, NULL, NULL, "wicked", "it would give the device its addresses back: have it make the bridge"},
};

static void cleanup_closedir(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

/* All of a small file, NULs as blanks; "" when there is none. */
static void read_file(const char *path, char *ret, size_t size)
{
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    size_t len = file ? fread(ret, 1, size - 1, file) : 0;

    ret[len] = '\0';
    for (size_t i = 0; i < len; i++)
        ret[i] = ret[i] ? ret[i] : ' ';
}

/* Is @word one of the words of @text? */
static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if ((at == text || isspace((unsigned char)at[-1])) && (!at[len] || isspace((unsigned char)at[len])))
            return true;
    return false;
}

/* Does the command line of a client name any link of the host's but @name? Then @name is not among its. */
static bool names_others(const char *text, const char *name)
{
    DIR *directory cleanup(cleanup_closedir) = opendir("/sys/class/net");
    const struct dirent *entry;

    while (directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, name) != 0 && has_word(text, entry->d_name))
            return true;
    return false;
}

static bool has_link(const struct row *row, const char *pid, const char *name, int index)
{
    char path[PATH_MAX], text[4096];

    if (row->folder) {
        struct stat status;

        snprintf(path, sizeof(path), "%s/%d", row->folder, index);
        if (stat(path, &status) < 0)
            return false;
        read_file(path, text, sizeof(text));
        return (!row->no || !strstr(text, row->no)) && (!row->yes || strstr(text, row->yes));
    }
    snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
    read_file(path, text, sizeof(text));
    return has_word(text, name) || !names_others(text, name);
}

/*
 * By the inode of its net/dev, of which each network namespace has its own: unlike that of its ns/net, anybody may see
 * it, as we must where it has rights that we have not (in a unit, or in a user namespace). One that we may not even see
 * that of (hidepid=) may be here.
 */
static bool may_be_here(const char *pid, const struct stat *ours)
{
    char path[PATH_MAX];
    struct stat theirs;

    snprintf(path, sizeof(path), "/proc/%.20s/net/dev", pid);
    if (stat(path, &theirs) < 0)
        return errno == EACCES || errno == EPERM;
    return theirs.st_ino == ours->st_ino && theirs.st_dev == ours->st_dev;
}

static const struct row *find_row(const char *pid)
{
    char path[PATH_MAX], comm[64];

    snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    read_file(path, comm, sizeof(comm));
    comm[strcspn(comm, "\n")] = '\0';
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (strcmp(comm, rows[i].comm) == 0)
            return &rows[i];
    return NULL;
}

bool observe_manager(const char *name, int index, struct observe_manager *ret)
{
    DIR *directory cleanup(cleanup_closedir) = opendir("/proc");
    const struct dirent *entry;
    struct stat ours;

    if (stat("/proc/thread-self/net/dev", &ours) < 0)
        return false;
    while (directory && (entry = readdir(directory))) {
        const struct row *row = isdigit((unsigned char)entry->d_name[0]) ? find_row(entry->d_name) : NULL;

        if (!row || !may_be_here(entry->d_name, &ours) || !has_link(row, entry->d_name, name, index))
            continue;
        *ret = (struct observe_manager){row->name, (pid_t)strtol(entry->d_name, NULL, 10), row->remedy};
        return true;
    }
    return false;
}

bool observe_ifupdown(const char *name)
{
    char text[4096], *rest = text, *line;
    size_t len = strlen(name);

    read_file("/run/network/ifstate", text, sizeof(text));
    while ((line = strsep(&rest, "\n"))) /* eth0=eth0 */
        if (strncmp(line, name, len) == 0 && line[len] == '=')
            return true;
    return false;
}
