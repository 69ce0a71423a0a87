/* SPDX-License-Identifier: MIT */
/* What tapnet-hooks sees of the host: which ports have a guest, and when that may have changed. */
#include "hooks/look.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "apply/run.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "model/object.h"
#include "netlink/link.h"
#include "netlink/notify.h"

#define QUEUE_BYTES (2 * 1024 * 1024) /* what is lost beyond it is told as such, and looked for */
#define DATAGRAMS_MAX 4096            /* in one go: a storm is noticed, and there is time for work */

DEFINE_CLEANUP(struct netlink *, netlink_close)

int look_open(struct look *look, struct tapnet_error *error)
{
    static const int groups[] = {RTNLGRP_LINK};
    int result = netlink_groups_open(NETLINK_ROUTE, groups, ARRAY_COUNT(groups), QUEUE_BYTES, &look->links_fd, error);

    if (result < 0)
        return result;
    look->files_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return look->files_fd < 0 ? error_set_errno(error, -errno, "cannot watch files") : 0;
}

void look_fini(struct look *look)
{
    if (look->links_fd >= 0)
        close(look->links_fd);
    if (look->files_fd >= 0)
        close(look->files_fd);
    free(look->ports);
    *look = LOOK_NONE;
}

/* ---- what is told ---- */

/* Links of others are theirs; that a port's is laid off is told of a link in a group of its own. */
static void take_event(const struct netlink_event *event, void *data)
{
    bool *seen = data;

    *seen |= event->kind == NETLINK_EVENT_LOST || event->group == MODEL_LINK_GROUP || event->group == MODEL_GONE_GROUP;
}

/* A roll is a cache, and the lock is nobody's news; "hooks.": what we write ourselves, but for the socket's name. */
static bool concerns_us(const char *name)
{
    return strcmp(name, "hooks.sock") == 0 ||
           (strncmp(name, "hooks.", 6) != 0 && strncmp(name, "keeper.", 7) != 0 && strncmp(name, "lock", 4) != 0 &&
            strncmp(name, "journal", 7) != 0 && !strstr(name, ".roll"));
}

static bool read_files(struct look *look)
{
    _Alignas(struct inotify_event) char bytes[4096];
    bool seen = false;
    ssize_t len;

    while ((len = read(look->files_fd, bytes, sizeof(bytes))) > 0) {
        const struct inotify_event *event;

        for (char *at = bytes; at < bytes + len; at += sizeof(*event) + event->len) {
            event = (const struct inotify_event *)(const void *)at;
            seen |= !event->len || concerns_us(event->name);
        }
    }
    return seen;
}

bool look_read(struct look *look, bool *ret_files)
{
    bool links = false, files = read_files(look);

    netlink_notify_read(look->links_fd, NETLINK_ROUTE, DATAGRAMS_MAX, take_event, &links);
    *ret_files |= files;
    return links || files;
}

bool look_watch_files(struct look *look, const char *run_dir)
{
    static const char *const folders[] = {"", "/networks"};
    static int last; /* of inotify: what is watched already keeps its number, what is new gets the next */
    int before = last;

    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        char path[RUN_PATH_MAX];
        int watch;

        if (snprintf(path, sizeof(path), "%s%s", run_dir, folders[i]) >= (int)sizeof(path))
            continue;
        watch = inotify_add_watch(look->files_fd, path,
                                  IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_ONLYDIR);
        if (watch > last)
            last = watch;
    }
    return last > before;
}

/* ---- what is there ---- */

static int compare(const void *a, const void *b)
{
    const struct look_port *one = a, *other = b;
    int order = strcmp(one->network, other->network);

    return order ? order : strcmp(one->port, other->port);
}

static int read_link(const struct netlink_link *link, void *data)
{
    struct model_owner owner;
    struct look *look = data;
    struct look_port *port;
    int result;

    if (model_alias_parse(link->alias, &owner) < 0 || !owner.network[0] || !owner.port[0])
        return 0;
    result = array_reserve((void **)&look->ports, &look->capacity, look->count, 1, sizeof(*look->ports));
    if (result < 0)
        return result;
    port = &look->ports[look->count++];
    *port = (struct look_port){.plug = link->plugged ? (uint64_t)link->index << 32 | link->carrier_losses : 0};
    memcpy(port->network, owner.network, sizeof(port->network));
    memcpy(port->port, owner.port, sizeof(port->port));
    return 0;
}

static void restart(void *data)
{
    ((struct look *)data)->count = 0;
}

int look_at_links(struct look *look, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    look->count = 0;
    if (result == 0)
        result = netlink_link_dump(netlink, read_link, restart, look, error);
    if (result < 0)
        return result;
    if (look->count)
        qsort(look->ports, look->count, sizeof(*look->ports), compare);
    return 0;
}

const struct look_port *look_find(const struct look *look, const char *network, const char *port)
{
    struct look_port key = {.plug = 0};

    snprintf(key.network, sizeof(key.network), "%s", network);
    snprintf(key.port, sizeof(key.port), "%s", port);
    return look->count ? bsearch(&key, look->ports, look->count, sizeof(*look->ports), compare) : NULL;
}

bool look_has_network(const struct look *look, const char *network)
{
    for (size_t i = 0; i < look->count; i++)
        if (strcmp(look->ports[i].network, network) == 0)
            return true;
    return false;
}
