/* SPDX-License-Identifier: MIT */
/* What of the host would not survive that an uplink becomes a port of a bridge: told before anything is touched. */
#include "api/obstacles.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "explain/naming.h"
#include "netlink/bound.h"
#include "netlink/conntrack.h"
#include "observe/cloud.h"
#include "observe/groups.h"
#include "observe/manager.h"
#include "observe/program.h"

#define SOCKETS_TOLD 8

DEFINE_CLEANUP(struct netlink *, netlink_close)

/* The lines about one uplink. */
struct obstacles {
    const struct tapnet_plan *plan;
    const struct model_object *before, *wanted;
    const struct observe_link *link;
    struct tapnet_error *error;
    size_t count, socket_count;
};

/* Adds "FILE:LINE:COLUMN: uplink eth0: what". */
__attribute__((format(printf, 2, 3))) static void add(struct obstacles *obstacles, const char *format, ...)
{
    const char *file = obstacles->plan->set && obstacles->plan->set->file ? obstacles->plan->set->file : "";
    char text[TAPNET_ERROR_TEXT_MAX / 2];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    obstacles->count++;
    error_add_line(obstacles->error, -EEXIST, "%s:%u:%u: uplink %s: %s", file, obstacles->wanted->place.line,
                   obstacles->wanted->place.column, obstacles->link->name, text);
}

static void look_for_manager(struct obstacles *obstacles)
{
    struct observe_manager manager;

    if (observe_manager(obstacles->link->name, obstacles->link->index, &manager))
        add(obstacles, "%s (%d) manages it: %s", manager.name, (int)manager.pid, manager.remedy);
}

static int tell_socket(const struct netlink_bound *socket, void *data)
{
    struct obstacles *obstacles = data;
    char program[OBSERVE_PROGRAM_MAX] = "a program that can't be seen", port[16] = "";

    if (obstacles->socket_count++ >= SOCKETS_TOLD)
        return 0;
    observe_program(socket->inode, program);
    if (socket->port)
        snprintf(port, sizeof(port), " (port %u)", socket->port);
    add(obstacles, "%s has a %s socket%s bound to it, which hears nothing any more: end it first", program,
        socket->kind, port);
    return 0;
}

static int look_for_sockets(struct obstacles *obstacles)
{
    int result = netlink_bound_dump(obstacles->link->index, tell_socket, obstacles, obstacles->error);

    if (result == 0 && obstacles->socket_count > SOCKETS_TOLD)
        add(obstacles, "%zu more sockets are bound to it", obstacles->socket_count - SOCKETS_TOLD);
    return result;
}

static void tell_group(const struct ip_address *group, void *data)
{
    char text[IP_TEXT_MAX];

    add(data, "a program has joined the group %s there, and hears nothing of it any more: start it again afterwards",
        ip_address_print(group, text));
}

/*
 * Its rules would not see what comes to the host any more: all that it lets through there, or keeps out. Its chains at
 * the link itself go on seeing that, and all that is the guests'.
 */
static int look_for_firewall(struct obstacles *obstacles)
{
    struct arena arena cleanup(arena_fini) = {NULL};
    struct explain_naming naming;
    int result = explain_naming(obstacles->link->name, obstacles->link->index, &arena, &naming, obstacles->error);

    if (result < 0)
        return result;
    if (naming.rule)
        add(obstacles,
            "a rule of the firewall names it (%s), and this host will be reached by %s: name that there, too",
            naming.rule, obstacles->wanted->uplink.bridge);
    if (naming.chain)
        add(obstacles, "a chain of the firewall stands at it (%s), and would see the guests' frames, too",
            naming.chain);
    return 0;
}

static int compare_addresses(const void *a, const void *b)
{
    return ip_address_compare(a, b);
}

/* The kernel ends what is masqueraded to an address when that leaves the link that it was masqueraded for. */
static int look_for_masqueraded(struct obstacles *obstacles)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    const struct model_uplink *uplink = &obstacles->before->uplink;
    _cleanup_free_ struct ip_address *addresses = calloc(uplink->item_count + 1, sizeof(*addresses));
    size_t address_count = 0, count = 0;
    int result;

    if (!addresses)
        return error_set(obstacles->error, -ENOMEM, "out of memory");
    result = netlink_open(NETLINK_NETFILTER, &netlink, obstacles->error);
    if (result < 0)
        return result;
    for (size_t i = 0; i < uplink->item_count; i++)
        if (uplink->items[i].kind == MODEL_ITEM_ADDRESS && uplink->items[i].taken.family)
            addresses[address_count++] = uplink->items[i].taken;
    qsort(addresses, address_count, sizeof(*addresses), compare_addresses);
    result = netlink_conntrack_count_masqueraded(netlink, addresses, address_count, &count, obstacles->error);
    if (result == 0 && count)
        add(obstacles,
            "%zu connection%s of other networks %s masqueraded there (`conntrack -L --src-nat`), and would break: "
            "end what makes them first",
            count, count == 1 ? "" : "s", count == 1 ? "is" : "are");
    return result;
}

static int look_for_words(struct obstacles *obstacles)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    bool filters = false, rules = false;
    int result = netlink_open(NETLINK_ROUTE, &netlink, obstacles->error);

    if (result == 0)
        result = netlink_has_filters(netlink, obstacles->link->index, &filters, obstacles->error);
    if (result == 0)
        result = netlink_has_rules(netlink, obstacles->link->name, &rules, obstacles->error);
    if (result == 0 && filters)
        add(obstacles,
            "tc looks at what comes in there (`tc qdisc show dev %s`), and would see the guests' frames, too",
            obstacles->link->name);
    if (result == 0 && rules)
        add(obstacles, "a policy rule names it (`ip rule`), and would not fit any more");
    return result;
}

/* Of a virtual card: whose machine it is says whether it takes frames from a guest's MAC. */
static void look_for_cloud(struct obstacles *obstacles)
{
    char cloud[OBSERVE_CLOUD_MAX];

    if (observe_cloud(obstacles->link->name, cloud))
        add(obstacles, "this is a machine of %s, whose network takes frames from the card's own MAC only", cloud);
}

static int look(struct obstacles *obstacles)
{
    int result;

    look_for_cloud(obstacles);
    look_for_manager(obstacles);
    result = look_for_sockets(obstacles);
    if (result == 0)
        result = look_for_firewall(obstacles);
    if (result == 0)
        result = look_for_masqueraded(obstacles);
    if (result == 0)
        result = look_for_words(obstacles);
    if (result == 0)
        result = observe_groups(obstacles->link->name, tell_group, obstacles, obstacles->error);
    if (result < 0 || !obstacles->count)
        return result;
    return error_add_line(obstacles->error, -EEXIST,
                          "nothing was touched; --force goes on all the same, and `mode: routed` needs none of it");
}

int obstacles_check(const struct tapnet_plan *plan, struct tapnet_error *error)
{
    int result = 0;

    for (size_t i = 0; i < plan->plan->step_count && result == 0; i++) {
        const struct plan_step *step = &plan->plan->steps[i];
        struct obstacles obstacles = {.plan = plan, .before = step->before, .wanted = step->after, .error = error};

        if (!plan_step_moves(step) || step->before->uplink.bridge[0])
            continue;
        obstacles.link = api_find_foreign(plan->found, step->after->uplink.name);
        if (obstacles.link)
            result = look(&obstacles);
    }
    return result;
}
