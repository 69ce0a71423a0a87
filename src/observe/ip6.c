/* SPDX-License-Identifier: MIT */
/* What the host's IPv6 is like: its way out, where that comes from, and who forwards. */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netlink/address.h"
#include "netlink/sysctl.h"
#include "observe/links.h"

/*
 * How it works: what we have changed ourselves must not look like the host's own wish at the next look. A sysctl that
 * has a ledger, or an uplink that is closed for others, is one of ours, whatever its value is now.
 */

#define MACHINE_ID_LEN 32

/* ---- routes ---- */

struct route_mark {
    struct observe_pass *pass;
    size_t taken_count; /* to go back to when the dump starts again */
    uint32_t best_metric;
};

static void note_learning(struct model_ip6 *ip6, const char *name)
{
    for (size_t i = 0; i < ip6->learning_count; i++)
        if (strcmp(ip6->learning[i], name) == 0)
            return;
    if (ip6->learning_count < MODEL_LINKS_MAX)
        memcpy(ip6->learning[ip6->learning_count++], name, MODEL_IFNAME_MAX);
}

static int read_route(const struct netlink_route *route, void *data)
{
    struct route_mark *mark = data;
    struct model_ip6 *ip6 = &mark->pass->found->ip6;
    const struct observe_index *link = observe_find_index(mark->pass, route->index);

    if (!link || link->ours)
        return 0;
    if (route->protocol == RTPROT_RA)
        note_learning(ip6, link->name);
    if (route->destination.length > 0)
        return observe_take(mark->pass, &route->destination);
    if (route->type != RTN_UNICAST)
        return 0;
    if (route->metric < mark->best_metric) {
        mark->best_metric = route->metric;
        memcpy(ip6->uplink, link->name, sizeof(ip6->uplink));
    }
    return 0;
}

static void restart_routes(void *data)
{
    struct route_mark *mark = data;
    struct observe_found *found = mark->pass->found;

    found->taken_count = mark->taken_count;
    mark->best_metric = UINT32_MAX;
    found->ip6.uplink[0] = '\0';
    found->ip6.learning_count = 0;
}

int observe_routes6(struct netlink *netlink, struct observe_pass *pass)
{
    struct route_mark mark = {pass, pass->found->taken_count, UINT32_MAX};

    return netlink_route_dump(netlink, AF_INET6, RT_TABLE_MAIN, read_route, restart_routes, &mark, pass->error);
}

/* ---- sysctls ---- */

/* "" when it is not there. */
static const char *read_conf(const char *device, const char *name, char text[16])
{
    char path[MODEL_SYSCTL_MAX];

    snprintf(path, sizeof(path), "net/ipv6/conf/%s/%s", device, name);
    if (sysctl_read(path, text, 16, NULL) < 0)
        text[0] = '\0';
    return text;
}

static bool is_one(const char *device, const char *name)
{
    char text[16];

    return strcmp(read_conf(device, name, text), "1") == 0;
}

/* Is net.ipv6.conf.DEVICE.NAME, which has it forward, as it is because of us? */
static bool is_ours(const struct observe_found *found, const char *device, const char *name)
{
    bool all = strcmp(device, "all") == 0;
    const struct guard_element closed = all ? guard_closed_family(AF_INET6, "") : guard_closed6(device, "");
    char path[MODEL_SYSCTL_MAX];

    snprintf(path, sizeof(path), "net/ipv6/conf/%s/%s", device, name);
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_object *object = &found->objects.items[i];

        if (object->kind == MODEL_OBJECT_SYSCTL && strcmp(object->sysctl.path, path) == 0)
            return true;
        if (object->kind == MODEL_OBJECT_ELEMENT && guard_element_compare(&object->element, &closed) == 0)
            return true;
    }
    return false;
}

/* Those by which the kernel itself learns, unless we keep it from forgetting, in which case it still would. */
static void keep_learning(struct observe_found *found)
{
    struct model_ip6 *ip6 = &found->ip6;
    size_t kept = 0;

    for (size_t i = 0; i < ip6->learning_count; i++)
        if (is_one(ip6->learning[i], "accept_ra"))
            memmove(ip6->learning[kept++], ip6->learning[i], MODEL_IFNAME_MAX);
    ip6->learning_count = kept;
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_object *object = &found->objects.items[i];
        char device[MODEL_IFNAME_MAX];

        if (object->kind == MODEL_OBJECT_SYSCTL && model_sysctl_device(&object->sysctl, "ipv6", "accept_ra", device) &&
            object->sysctl.restore[0])
            note_learning(ip6, device);
    }
}

/* ---- the machine ---- */

/* systemd's id of the machine, which says nothing to others any more when it is hashed; else its name. */
static uint64_t identify_machine(void)
{
    char text[128] = "";
    _cleanup_close_ int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t len = fd < 0 ? -1 : read(fd, text, MACHINE_ID_LEN);

    if (len != MACHINE_ID_LEN && gethostname(text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    return hash_mix(hash_text(text) ^ hash_text("tapnet unique local addresses"));
}

void observe_ip6(struct observe_found *found)
{
    struct model_ip6 *ip6 = &found->ip6;
    char text[16];

    ip6->available = strcmp(read_conf("default", "disable_ipv6", text), "0") == 0;
    ip6->forwards = is_one("all", "forwarding") && !is_ours(found, "all", "forwarding");
    ip6->forces = read_conf("all", "force_forwarding", text)[0] != '\0';
    ip6->uplink_forces = ip6->uplink[0] && is_one(ip6->uplink, "force_forwarding") &&
                         !is_ours(found, ip6->uplink, "force_forwarding");
    keep_learning(found);
    ip6->machine = identify_machine();
}
