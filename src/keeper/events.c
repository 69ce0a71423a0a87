/* SPDX-License-Identifier: MIT */
/* What tells the keeper that somebody may have changed something of ours. */
#include "keeper/events.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "guard/guard.h"
#include "model/object.h"
#include "netlink/notify.h"

#define DATAGRAMS_MAX 4096 /* in one go: any storm is noticed, and there is time for work */

enum source {
    SOURCE_ROUTE,
    SOURCE_NETFILTER,
    SOURCE_FILES,
};

struct events {
    int fds[EVENTS_FDS]; /* by enum source */
    bool ours;           /* the transaction that is being told of touches our table */
    bool seen;           /* something was read that events_read() has not told of */
    bool writing;        /* files change since we write them */
    int stirred[256];    /* indices of links that changed, and are there still, since reading began */
    size_t stirred_count;
    int last_watch; /* of inotify */
    struct culprits culprits;
};

DEFINE_CLEANUP(struct events *, events_close)

int events_open(struct events **ret, struct tapnet_error *error)
{
    struct events *events cleanup(cleanup_events_close) = calloc(1, sizeof(*events));
    int result;

    if (!events)
        return error_set(error, -ENOMEM, "out of memory");
    for (int i = 0; i < EVENTS_FDS; i++)
        events->fds[i] = -1;
    result = netlink_notify_open(NETLINK_ROUTE, &events->fds[SOURCE_ROUTE], error);
    if (result == 0)
        result = netlink_notify_open(NETLINK_NETFILTER, &events->fds[SOURCE_NETFILTER], error);
    if (result < 0)
        return result;
    events->fds[SOURCE_FILES] = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (events->fds[SOURCE_FILES] < 0)
        return error_set_errno(error, -errno, "cannot watch files");
    *ret = take_pointer(events);
    return 0;
}

void events_close(struct events *events)
{
    if (!events)
        return;
    for (int i = 0; i < EVENTS_FDS; i++)
        if (events->fds[i] >= 0)
            close(events->fds[i]);
    free(events);
}

void events_fds(const struct events *events, int ret[EVENTS_FDS])
{
    memcpy(ret, events->fds, sizeof(events->fds));
}

/* ---- who it was ---- */

const char *events_culprit(const struct events *events, uint32_t generation)
{
    return culprits_name(&events->culprits, generation);
}

void events_forget(struct events *events, uint32_t generation)
{
    culprits_forget(&events->culprits, generation);
}

/* ---- reading ---- */

/*
 * The device of a port that went before is deleted at last, by us mostly: there is nothing of it to be put back. It
 * leaves its bridge first, so what is told of a link waits until everything is read.
 */
static void take_link(struct events *events, const struct netlink_event *event)
{
    size_t place = 0;

    while (place < events->stirred_count && events->stirred[place] != event->index)
        place++;
    if (event->gone && event->group == MODEL_GONE_GROUP) {
        if (place < events->stirred_count)
            events->stirred[place] = events->stirred[--events->stirred_count];
    } else if (place == ARRAY_COUNT(events->stirred)) {
        events->seen = true;
    } else if (place == events->stirred_count) {
        events->stirred[events->stirred_count++] = event->index;
    }
}

static void take_event(const struct netlink_event *event, void *data)
{
    struct events *events = data;

    if (event->kind == NETLINK_EVENT_LINK) {
        take_link(events, event);
        return;
    }
    events->seen = true;
    switch (event->kind) {
    case NETLINK_EVENT_LINK:
    case NETLINK_EVENT_ADDRESS:
    case NETLINK_EVENT_ROUTE:
    case NETLINK_EVENT_CONFIG:
        return;
    case NETLINK_EVENT_NFT:
        events->ours |= guard_is_table(event->table);
        return;
    case NETLINK_EVENT_COMMIT:
        if (events->ours && event->pid && event->pid != getpid())
            culprits_add(&events->culprits, event->command, event->pid, event->generation);
        events->ours = false;
        return;
    case NETLINK_EVENT_LOST:
        return;
    }
}

/* What we, or a tapnet that holds the lock, write there is nobody's tidying up. */
static bool is_of_no_concern(const char *name)
{
    return strncmp(name, "keeper.", 7) == 0 || strncmp(name, "lock", 4) == 0 || strncmp(name, "journal", 7) == 0;
}

/* A ledger is written beside itself and renamed; what it replaces are the lines behind it, and its roll. */
static bool is_written(const struct inotify_event *event)
{
    if (!event->len)
        return false;
    if (strcmp(event->name, "new") == 0 || text_ends_in(event->name, ".more") || text_ends_in(event->name, ".roll"))
        return true;
    return event->mask & IN_MOVED_TO && text_ends_in(event->name, ".json");
}

static void read_files(struct events *events)
{
    _Alignas(struct inotify_event) char bytes[4096];
    ssize_t len;

    while ((len = read(events->fds[SOURCE_FILES], bytes, sizeof(bytes))) > 0) {
        const struct inotify_event *event;

        for (char *at = bytes; at < bytes + len; at += sizeof(*event) + event->len) {
            event = (const struct inotify_event *)(const void *)at;
            if (events->writing && is_written(event))
                continue;
            if (!event->len || !is_of_no_concern(event->name) || strcmp(event->name, "keeper.sock") == 0)
                events->seen = true;
        }
    }
}

void events_begin_writing(struct events *events)
{
    read_files(events);
    events->writing = true;
}

void events_end_writing(struct events *events)
{
    read_files(events);
    events->writing = false;
}

void events_read_guards(struct events *events)
{
    netlink_notify_read(events->fds[SOURCE_NETFILTER], NETLINK_NETFILTER, DATAGRAMS_MAX, take_event, events);
}

bool events_wait(const struct events *events)
{
    return events->seen;
}

bool events_read(struct events *events)
{
    bool seen;

    netlink_notify_read(events->fds[SOURCE_ROUTE], NETLINK_ROUTE, DATAGRAMS_MAX, take_event, events);
    events_read_guards(events);
    read_files(events);
    seen = events->seen || events->stirred_count;
    events->stirred_count = 0;
    events->seen = false;
    return seen;
}

/* What is watched already keeps its number; what is new gets the next. */
static void watch_path(struct events *events, const char *path, uint32_t mask)
{
    int watch = inotify_add_watch(events->fds[SOURCE_FILES], path, mask);

    if (watch > events->last_watch)
        events->last_watch = watch;
}

static void watch_folder(struct events *events, const char *path, uint32_t mask)
{
    watch_path(events, path, mask | IN_ONLYDIR);
}

/*
 * The sysctls that we have a ledger of ("net,ipv6,conf,eth0,accept_ra.json") and netlink does not tell of. A file below
 * /proc/sys is one inode for all who have the same /proc, and a write to it an event like any other.
 */
static void watch_sysctls(struct events *events, const char *run_dir)
{
    char path[PATH_MAX];
    DIR *folder;

    if (snprintf(path, sizeof(path), "%s/sysctl", run_dir) >= (int)sizeof(path) || !(folder = opendir(path)))
        return;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (!text_ends_in(entry->d_name, ",accept_ra.json"))
            continue;
        snprintf(path, sizeof(path), "/proc/sys/%.*s", (int)(strlen(entry->d_name) - strlen(".json")), entry->d_name);
        for (char *comma = path; (comma = strchr(comma, ','));)
            *comma = '/';
        watch_path(events, path, IN_MODIFY);
    }
    closedir(folder);
}

/*
 * inotify tells of a close() right before the driver hears of it. So the watch is for one event: should the device be
 * held still when that was looked at, the watch is a new one, and there is another look.
 */
static void watch_holders(struct events *events)
{
    watch_path(events, "/dev/net/tun", IN_CLOSE | IN_ONESHOT);
}

bool events_watch_files(struct events *events, const char *run_dir, bool holders)
{
    static const char *const folders[] = {"", "/networks", "/sets", "/sysctl"};
    int before = events->last_watch;

    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        char path[PATH_MAX];

        if (snprintf(path, sizeof(path), "%s%s", run_dir, folders[i]) < (int)sizeof(path))
            watch_folder(events, path, IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_DELETE_SELF);
    }
    watch_sysctls(events, run_dir);
    /* systemd-resolved: its folder comes with its first start, its socket with each; files tell of changed servers. */
    watch_folder(events, "/run/systemd", IN_CREATE);
    watch_folder(events, "/run/systemd/resolve", IN_CREATE | IN_MOVED_TO);
    if (holders)
        watch_holders(events);
    return events->last_watch > before;
}
