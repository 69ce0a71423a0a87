/* SPDX-License-Identifier: MIT */
/* When to look again: what the kernel tells of links, addresses, routes, tables and files, the service of leases. */
#include <tapnet/changes.h>

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "api/context.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "guard/guard.h"
#include "netlink/notify.h"
#include "observe/service.h"

#define API __attribute__((visibility("default")))
#define DATAGRAMS_MAX 4096 /* in one go: a storm does not keep the caller from looking */

/*
 * How it works: as the keeper (keeper/events.c), what is told is not believed but means "look again". The files are
 * those of the run directory that are written as a whole; a log that grows tells of nothing.
 *
 * A service that comes later, or anew, is found at a look; one that tells enough others already is left alone.
 */
struct tapnet_changes {
    struct tapnet *tapnet;
    int epoll, route, netfilter, files;
    int service;  /* -1: nobody tells of leases */
    bool refused; /* by the service */
    bool seen;
};

DEFINE_CLEANUP(struct tapnet_changes *, tapnet_changes_free)

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

API void tapnet_changes_free(struct tapnet_changes *changes)
{
    if (!changes)
        return;
    close_if_open(changes->epoll);
    close_if_open(changes->route);
    close_if_open(changes->netfilter);
    close_if_open(changes->files);
    close_if_open(changes->service);
    free(changes);
}

/* What is not there is watched when it comes: a link came with it, which is told. */
static void watch_files(struct tapnet_changes *changes)
{
    static const char *const folders[] = {"", "/networks", "/sets"};

    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        char path[RUN_PATH_MAX];

        if (snprintf(path, sizeof(path), "%s%s", changes->tapnet->run_dir, folders[i]) < (int)sizeof(path))
            inotify_add_watch(changes->files, path, IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_ONLYDIR);
    }
}

static int join_one(const struct tapnet_changes *changes, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return epoll_ctl(changes->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int join(const struct tapnet_changes *changes)
{
    const int fds[] = {changes->route, changes->netfilter, changes->files};
    int result = 0;

    for (size_t i = 0; i < ARRAY_COUNT(fds) && result == 0; i++)
        result = join_one(changes, fds[i]);
    return result;
}

static void leave_service(struct tapnet_changes *changes)
{
    close_if_open(changes->service);
    changes->service = -1;
}

/* Where it does not work, leases are seen when somebody looks. */
static void listen_to_service(struct tapnet_changes *changes)
{
    if (changes->service >= 0 || changes->refused)
        return;
    changes->service = observe_service_listen(changes->tapnet->run_dir);
    if (changes->service >= 0 && join_one(changes, changes->service) < 0)
        leave_service(changes);
}

API int tapnet_changes_open(struct tapnet *tapnet, struct tapnet_changes **ret, struct tapnet_error *error)
{
    struct tapnet_changes *changes cleanup(cleanup_tapnet_changes_free) = calloc(1, sizeof(*changes));
    int result = api_check_right(error);

    if (result < 0)
        return result;
    if (!changes)
        return error_set(error, -ENOMEM, "out of memory");
    *changes = (struct tapnet_changes){
        .tapnet = tapnet, .epoll = -1, .route = -1, .netfilter = -1, .files = -1, .service = -1};
    result = netlink_notify_open(NETLINK_ROUTE, &changes->route, error);
    if (result == 0)
        result = netlink_notify_open(NETLINK_NETFILTER, &changes->netfilter, error);
    if (result < 0)
        return result;
    changes->files = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    changes->epoll = epoll_create1(EPOLL_CLOEXEC);
    result = changes->files < 0 || changes->epoll < 0 ? -errno : join(changes);
    if (result < 0)
        return error_set_errno(error, result, "cannot listen for changes");
    watch_files(changes);
    listen_to_service(changes);
    *ret = take_pointer(changes);
    return 0;
}

API int tapnet_changes_fd(const struct tapnet_changes *changes)
{
    return changes->epoll;
}

/* Tables of others are theirs; all else may be about us. */
static void take_event(const struct netlink_event *event, void *data)
{
    struct tapnet_changes *changes = data;
    bool ours = event->kind != NETLINK_EVENT_COMMIT;

    if (event->kind == NETLINK_EVENT_NFT)
        ours = guard_is_table(event->table);
    changes->seen |= ours;
}

static void read_files(struct tapnet_changes *changes)
{
    char bytes[4096];

    while (read(changes->files, bytes, sizeof(bytes)) > 0)
        changes->seen = true;
}

static void read_service(struct tapnet_changes *changes)
{
    enum observe_told told = changes->service < 0 ? OBSERVE_TOLD_NOTHING : observe_service_told(changes->service);

    changes->refused |= told == OBSERVE_TOLD_REFUSED;
    changes->seen |= told == OBSERVE_TOLD_LEASE || told == OBSERVE_TOLD_END;
    if (told == OBSERVE_TOLD_REFUSED || told == OBSERVE_TOLD_END)
        leave_service(changes);
    listen_to_service(changes);
}

API bool tapnet_changes_read(struct tapnet_changes *changes)
{
    changes->seen = false;
    netlink_notify_read(changes->route, NETLINK_ROUTE, DATAGRAMS_MAX, take_event, changes);
    netlink_notify_read(changes->netfilter, NETLINK_NETFILTER, DATAGRAMS_MAX, take_event, changes);
    read_files(changes);
    watch_files(changes);
    read_service(changes);
    return changes->seen;
}
