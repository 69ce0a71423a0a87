/* SPDX-License-Identifier: MIT */
/* What tells the keeper that somebody may have changed something of ours. */
#include "keeper/events.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
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
    int *links;          /* sorted */
    size_t link_count;
    bool ours; /* the transaction that is being told of touches our table */
    bool seen;
    int last_watch;                       /* of inotify */
    pid_t pid;                            /* the last that changed links of ours; 0: not known */
    char culprits[2][EVENTS_CULPRIT_MAX]; /* of links, of tables */
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
    free(events->links);
    free(events);
}

void events_fds(const struct events *events, int ret[EVENTS_FDS])
{
    memcpy(ret, events->fds, sizeof(events->fds));
}

/* ---- who it was ---- */

static int compare_index(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;

    return (left > right) - (left < right);
}

void events_know_links(struct events *events, const int *indexes, size_t count)
{
    int *copy = count ? malloc(count * sizeof(*copy)) : NULL;

    free(events->links);
    events->links = copy;
    events->link_count = copy ? count : 0;
    if (!copy)
        return;
    memcpy(copy, indexes, count * sizeof(*copy));
    qsort(copy, count, sizeof(*copy), compare_index);
}

static bool is_known_link(const struct events *events, int index)
{
    return events->link_count &&
           bsearch(&index, events->links, events->link_count, sizeof(*events->links), compare_index);
}

/* A process chooses its own name: nothing of it may play tricks with a terminal. */
static void set_culprit(char culprit[EVENTS_CULPRIT_MAX], const char *name, pid_t pid)
{
    if (*name)
        snprintf(culprit, EVENTS_CULPRIT_MAX, "%.40s (%d)", name, (int)pid);
    else
        snprintf(culprit, EVENTS_CULPRIT_MAX, "process %d", (int)pid);
    for (char *at = culprit; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

/* The name of a process that may be gone by now. */
static void name_process(pid_t pid, char culprit[EVENTS_CULPRIT_MAX])
{
    char path[32], name[32] = "";
    _cleanup_close_ int fd = -1;
    ssize_t len = 0;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        len = read(fd, name, sizeof(name) - 1);
    name[len > 0 ? len : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
    set_culprit(culprit, name, pid);
}

const char *events_culprit(const struct events *events, bool nft)
{
    return events->culprits[nft];
}

void events_forget(struct events *events)
{
    events->culprits[0][0] = events->culprits[1][0] = '\0';
}

/* ---- reading ---- */

static void take_event(const struct netlink_event *event, void *data)
{
    struct events *events = data;

    events->seen = true;
    switch (event->kind) {
    case NETLINK_EVENT_LINK:
    case NETLINK_EVENT_ADDRESS:
    case NETLINK_EVENT_ROUTE:
    case NETLINK_EVENT_CONFIG:
        if (event->pid && event->pid != getpid() &&
            (is_known_link(events, event->index) || event->group == MODEL_LINK_GROUP || event->is_default))
            events->pid = event->pid;
        return;
    case NETLINK_EVENT_NFT:
        events->ours |= strcmp(event->table, GUARD_TABLE) == 0;
        return;
    case NETLINK_EVENT_COMMIT:
        if (events->ours && event->pid && event->pid != getpid())
            set_culprit(events->culprits[1], event->command, event->pid);
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

static void read_files(struct events *events)
{
    _Alignas(struct inotify_event) char bytes[4096];
    ssize_t len;

    while ((len = read(events->fds[SOURCE_FILES], bytes, sizeof(bytes))) > 0) {
        const struct inotify_event *event;

        for (char *at = bytes; at < bytes + len; at += sizeof(*event) + event->len) {
            event = (const struct inotify_event *)(const void *)at;
            if (!event->len || !is_of_no_concern(event->name) || strcmp(event->name, "keeper.sock") == 0)
                events->seen = true;
        }
    }
}

bool events_read(struct events *events)
{
    events->seen = false;
    events->pid = 0;
    netlink_notify_read(events->fds[SOURCE_ROUTE], NETLINK_ROUTE, DATAGRAMS_MAX, take_event, events);
    if (events->pid) /* at once: it may not live long */
        name_process(events->pid, events->culprits[0]);
    netlink_notify_read(events->fds[SOURCE_NETFILTER], NETLINK_NETFILTER, DATAGRAMS_MAX, take_event, events);
    read_files(events);
    return events->seen;
}

/* A folder that is watched already keeps its number; a new one gets the next. */
static void watch_folder(struct events *events, const char *path, uint32_t mask)
{
    int watch = inotify_add_watch(events->fds[SOURCE_FILES], path, mask | IN_ONLYDIR);

    if (watch > events->last_watch)
        events->last_watch = watch;
}

bool events_watch_files(struct events *events, const char *run_dir)
{
    static const char *const folders[] = {"", "/networks", "/sets", "/sysctl"};
    int before = events->last_watch;

    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        char path[PATH_MAX];

        if (snprintf(path, sizeof(path), "%s%s", run_dir, folders[i]) < (int)sizeof(path))
            watch_folder(events, path, IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_DELETE_SELF);
    }
    /* systemd-resolved: its folder comes with its first start, its socket with each; files tell of changed servers. */
    watch_folder(events, "/run/systemd", IN_CREATE);
    watch_folder(events, "/run/systemd/resolve", IN_CREATE | IN_MOVED_TO);
    return events->last_watch > before;
}
