/* SPDX-License-Identifier: MIT */
/* Of which guests the hooks of ports know: what outlives the process that runs them. */
#include "api/hook_told.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/hook_resident.h"
#include "apply/run.h"
#include "base/cleanup.h"

#define MAGIC UINT64_C(0x31746c6f74706174) /* "taptolt1": one of another version is no record */
#define RECORDS_MAX 65536                  /* more than all networks of a host have ports */

struct record {
    uint64_t magic;
    struct hook_told told;
};

static int open_told(const char *run_dir, int flags)
{
    char path[RUN_PATH_MAX];
    int fd;

    if (run_path(run_dir, HOOK_RESIDENT_TOLD, path) < 0)
        return -ENAMETOOLONG;
    fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    return fd < 0 ? -errno : fd;
}

int hook_told_open(const char *run_dir, int *ret_fd, struct tapnet_error *error)
{
    int fd = open_told(run_dir, O_RDWR | O_CREAT);

    if (fd < 0)
        return error_set_errno(error, fd, "cannot open %s/" HOOK_RESIDENT_TOLD, run_dir);
    *ret_fd = fd;
    return 0;
}

static bool is_text(const char *bytes, size_t size)
{
    return memchr(bytes, '\0', size) != NULL;
}

static bool makes_sense(const struct record *record)
{
    const struct hook_told *told = &record->told;

    return record->magic == MAGIC && told->plug && is_text(told->network, sizeof(told->network)) &&
           is_text(told->port.name, sizeof(told->port.name)) && is_text(told->port.device, sizeof(told->port.device)) &&
           is_text(told->port.mac, sizeof(told->port.mac)) && is_text(told->port.address, sizeof(told->port.address)) &&
           is_text(told->port.address6, sizeof(told->port.address6)) && model_name_valid(told->network) &&
           model_name_valid(told->port.name);
}

int hook_told_read(int fd, struct hook_told **ret, size_t *ret_count)
{
    off_t len = lseek(fd, 0, SEEK_END);
    size_t count = len < 0 ? 0 : (size_t)len / sizeof(struct record);
    _cleanup_free_ struct hook_told *all = NULL;

    if (len < 0)
        return -errno;
    if (count > RECORDS_MAX)
        count = RECORDS_MAX;
    all = calloc(count + 1, sizeof(*all));
    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct record record;
        ssize_t got = pread(fd, &record, sizeof(record), (off_t)(i * sizeof(record)));

        if (got < 0)
            return -errno;
        if (got == (ssize_t)sizeof(record) && makes_sense(&record))
            all[i] = record.told;
    }
    *ret = take_pointer(all);
    *ret_count = count;
    return 0;
}

int hook_told_write(int fd, size_t place, const struct hook_told *told)
{
    struct record record = {.magic = 0};
    ssize_t written;

    if (told)
        record = (struct record){MAGIC, *told};
    written = pwrite(fd, &record, sizeof(record), (off_t)(place * sizeof(record)));
    return written == (ssize_t)sizeof(record) ? 0 : written < 0 ? -errno : -ENOSPC;
}

static bool is_up(const char *run_dir, const char *network)
{
    char path[RUN_PATH_MAX];

    return snprintf(path, sizeof(path), "%s/networks/%s.json", run_dir, network) < (int)sizeof(path) &&
           access(path, F_OK) == 0;
}

size_t hook_told_forget(const char *run_dir)
{
    _cleanup_close_ int fd = open_told(run_dir, O_RDWR);
    _cleanup_free_ struct hook_told *all = NULL;
    size_t count = 0, gone = 0;

    if (fd < 0 || hook_told_read(fd, &all, &count) < 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (all[i].plug && !is_up(run_dir, all[i].network) && hook_told_write(fd, i, NULL) == 0)
            gone += all[i].unplugs != 0;
    return gone;
}
