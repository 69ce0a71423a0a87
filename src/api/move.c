/* SPDX-License-Identifier: MIT */
/* Around a plan that moves the way on which the host itself is reached: who watches, who must answer, who confirms. */
#include "api/move.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "api/ping.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/address.h"
#include "netlink/link.h"

/*
 * How it works: a plan moves at most a few uplinks; each has gateways, to which the host's default routes lead. Who of
 * them answers before the first change must answer after the last one, or --check's address in their place. What does
 * not work is undone like any plan that failed, by this process; if that dies or hangs, by its watchdog.
 */

#define BEFORE_MSEC 3000 /* for who answers now: three times what the kernel waits before it asks again */

DEFINE_CLEANUP(struct netlink *, netlink_close)

static const char *place_of_uplink(const struct model_uplink *uplink)
{
    return uplink->bridge[0] ? uplink->bridge : uplink->name;
}

static void add_gateway(struct move_way *way, const struct model_item *item)
{
    if (item->kind != MODEL_ITEM_ROUTE || !item->taken.family || way->gateway_count == MOVE_GATEWAYS_MAX)
        return;
    for (size_t i = 0; i < way->gateway_count; i++)
        if (ip_address_equal(&way->gateways[i].address, &item->taken))
            return;
    way->gateways[way->gateway_count++].address = item->taken;
}

static int read_index(const struct netlink_link *link, void *data)
{
    *(int *)data = link->index;
    return 0;
}

/* One whose MAC was set by hand is pinged: the kernel does not ask it. */
static int ping_fixed(struct netlink_reach *gateways, size_t count, unsigned msec, struct tapnet_error *error)
{
    int result = 0;

    for (size_t i = 0; i < count && (result == 0 || result == -ETIMEDOUT); i++) {
        if (!gateways[i].fixed)
            continue;
        result = ping(&gateways[i].address, msec, error);
        gateways[i].answered = result == 0;
    }
    return result == -ETIMEDOUT ? 0 : result;
}

static int ask_gateways(const char *device, struct netlink_reach *gateways, size_t count, unsigned msec,
                        struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    int index = 0, result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = netlink_link_get(netlink, 0, device, read_index, &index, error);
    if (result == 0)
        result = netlink_reach(index, gateways, count, msec, error);
    return result < 0 ? result : ping_fixed(gateways, count, msec, error);
}

/*
 * On the way back, and when the link itself carries nothing, nobody can be worse off than before: who does not answer
 * then is not asked later.
 */
static bool risks_nothing(const struct move_way *way)
{
    const struct model_uplink *before = &way->step->before->uplink;

    return !way->step->after->uplink.bridge[0] ||
           (!before->bridge[0] && !model_uplink_count(before, MODEL_ITEM_ADDRESS, before->name));
}

/* Keeps those that answer now. */
static int choose_gateways(struct move_way *way, struct tapnet_error *error)
{
    size_t count = way->gateway_count;
    char silent[IP_TEXT_MAX];
    int result = ask_gateways(place_of_uplink(&way->step->before->uplink), way->gateways, count, BEFORE_MSEC, error);

    if (result < 0 || !count)
        return result;
    ip_address_print(&way->gateways[0].address, silent);
    way->gateway_count = 0;
    for (size_t i = 0; i < count; i++)
        if (way->gateways[i].answered)
            way->gateways[way->gateway_count++] = way->gateways[i];
    if (way->gateway_count || risks_nothing(way))
        return 0;
    return error_set(error, -EHOSTUNREACH,
                     "the gateway %s does not answer even now, so it could not tell whether this host is reached "
                     "afterwards: name an address that does, with --check ADDRESS",
                     silent);
}

/* What is wrong with @address as one of a machine beyond the uplink, or NULL. */
static const char *address_fault(const struct ip_address *address)
{
    static const struct {
        struct ip_prefix prefix;
        const char *fault;
    } special[] = {
        {{{AF_INET, {0}}, 8}, "is no machine's address"},
        {{{AF_INET, {127}}, 8}, "is loopback, and answers whatever becomes of the uplink"},
        {{{AF_INET, {224}}, 4}, "is multicast, no machine's address"},
        {{{AF_INET, {240}}, 4}, "is broadcast or reserved, no machine's address"},
        {{{AF_INET6, {[15] = 1}}, 128}, "is loopback, and answers whatever becomes of the uplink"},
        {{{AF_INET6, {0}}, 8}, "is no machine's address"},
        {{{AF_INET6, {0xfe, 0x80}}, 10}, "is link-local, which does not say by which link it is reached"},
        {{{AF_INET6, {0xff}}, 8}, "is multicast, no machine's address"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(special); i++)
        if (ip_prefix_contains(&special[i].prefix, address))
            return special[i].fault;
    return NULL;
}

/* Is @address one of this host's? 1 or 0, or a negative errno. */
static int is_own_address(const struct ip_address *address, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    _cleanup_free_ struct ip_address *own = NULL;
    size_t count = 0;
    bool found = false;
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = netlink_address_list(netlink, &own, &count, error);
    for (size_t i = 0; result == 0 && i < count; i++)
        found |= ip_address_equal(&own[i], address);
    return result < 0 ? result : found;
}

int move_read_check(const struct tapnet *tapnet, struct ip_address *ret, struct tapnet_error *error)
{
    const char *fault;
    int result;

    ret->family = 0;
    if (!tapnet->guard.check)
        return 0;
    if (ip_address_parse(tapnet->guard.check, ret) < 0)
        return error_set(error, -EINVAL, "--check: `%s` is no IP address; name one as in `192.0.2.1`",
                         tapnet->guard.check);
    fault = address_fault(ret);
    result = fault ? 0 : is_own_address(ret, error);
    if (result > 0)
        fault = "is this host's own, and answers whatever becomes of the uplink";
    if (!fault)
        return result;
    return error_set(error, -EINVAL, "--check: %s %s; name a machine that is reached by the uplink",
                     tapnet->guard.check, fault);
}

static int choose_address(const struct tapnet *tapnet, struct move *move, struct tapnet_error *error)
{
    bool safe = true;
    int result = move_read_check(tapnet, &move->check, error);

    if (result < 0)
        return result;
    result = ping(&move->check, BEFORE_MSEC, error);
    for (size_t i = 0; i < move->way_count; i++)
        safe &= risks_nothing(&move->ways[i]);
    if (result != -ETIMEDOUT)
        return result;
    move->check.family = 0;
    return safe ? 0
                : error_set(error, -EHOSTUNREACH,
                            "%s does not answer a ping even now, so it could not tell whether this host is reached "
                            "afterwards: name an address that does",
                            tapnet->guard.check);
}

/* The uplinks that @plan moves, and their gateways. */
static int find_ways(const struct plan *plan, struct move *move, struct tapnet_error *error)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct model_uplink *before;
        struct move_way *way;

        if (!plan_step_moves(&plan->steps[i]))
            continue;
        if (move->way_count == MOVE_WAYS_MAX)
            return error_set(error, -E2BIG, "more than %d uplinks would move at once: one after the other",
                             MOVE_WAYS_MAX);
        way = &move->ways[move->way_count++];
        way->step = &plan->steps[i];
        before = &way->step->before->uplink;
        for (size_t j = 0; j < before->item_count; j++)
            add_gateway(way, &before->items[j]);
    }
    return 0;
}

int move_begin(const struct tapnet *tapnet, const struct plan *plan, struct move *ret, struct tapnet_error *error)
{
    struct move move = MOVE_NONE;
    int result = find_ways(plan, &move, error);

    if (result < 0 || !move.way_count)
        return result;
    if (tapnet->guard.check)
        result = choose_address(tapnet, &move, error);
    for (size_t i = 0; !tapnet->guard.check && i < move.way_count && result == 0; i++)
        result = choose_gateways(&move.ways[i], error);
    if (result == 0)
        result = watchdog_start(tapnet, &move.watchdog, error);
    if (result == 0)
        *ret = move;
    return result;
}

int move_goes_on(const struct move *move, struct tapnet_error *error)
{
    return watchdog_tell(&move->watchdog, WATCHDOG_STEP_SECONDS, error);
}

static unsigned check_seconds(const struct tapnet *tapnet)
{
    return tapnet->guard.check_seconds ? tapnet->guard.check_seconds : TAPNET_GUARD_SECONDS;
}

static int check_gateways(const struct tapnet *tapnet, const struct move_way *way, struct tapnet_error *error)
{
    const char *device = place_of_uplink(&way->step->after->uplink);
    struct netlink_reach gateways[MOVE_GATEWAYS_MAX];
    char text[IP_TEXT_MAX];
    int result;

    memcpy(gateways, way->gateways, sizeof(gateways));
    for (size_t i = 0; i < way->gateway_count; i++)
        gateways[i].answered = false;
    result = ask_gateways(device, gateways, way->gateway_count, check_seconds(tapnet) * 1000, error);
    for (size_t i = 0; i < way->gateway_count && result == 0; i++)
        if (!gateways[i].answered)
            result = error_set(error, -EHOSTUNREACH,
                               "the gateway %s does not answer by %s within %u seconds: all goes back",
                               ip_address_print(&gateways[i].address, text), device, check_seconds(tapnet));
    return result;
}

static int check_address(const struct tapnet *tapnet, const struct move *move, struct tapnet_error *error)
{
    int result = ping(&move->check, check_seconds(tapnet) * 1000, error);

    return result == -ETIMEDOUT ? error_set(error, -EHOSTUNREACH, "%s does not answer within %u seconds: all goes back",
                                            tapnet->guard.check, check_seconds(tapnet))
                                : result;
}

/* The person that is to say that all is well may be the one that was cut off. */
static int confirm(const struct tapnet *tapnet, const struct move *move, struct tapnet_error *error)
{
    const struct tapnet_guard *guard = &tapnet->guard;
    int result = watchdog_tell(&move->watchdog, guard->confirm_seconds + WATCHDOG_STEP_SECONDS, error);

    if (result < 0)
        return result;
    result = guard->confirm(guard->confirm_seconds, guard->data);
    if (result < 0)
        return error_set(error, result, "it was not confirmed: all goes back");
    return move_goes_on(move, error);
}

/* For how long those of one way may be waited for: together by ARP, then those one by one whose MAC is fixed. */
static unsigned way_seconds(const struct tapnet *tapnet, const struct move_way *way)
{
    return check_seconds(tapnet) * (unsigned)(way->gateway_count + 1) + WATCHDOG_STEP_SECONDS;
}

int move_check(const struct tapnet *tapnet, const struct move *move, struct tapnet_error *error)
{
    int result;

    if (!move->way_count)
        return 0;
    result = watchdog_tell(&move->watchdog, check_seconds(tapnet) + WATCHDOG_STEP_SECONDS, error);
    if (result == 0 && move->check.family)
        result = check_address(tapnet, move, error);
    for (size_t i = 0; !tapnet->guard.check && i < move->way_count && result == 0; i++) {
        result = watchdog_tell(&move->watchdog, way_seconds(tapnet, &move->ways[i]), error);
        if (result == 0)
            result = check_gateways(tapnet, &move->ways[i], error);
    }
    if (result == 0 && tapnet->guard.confirm && tapnet->guard.confirm_seconds)
        result = confirm(tapnet, move, error);
    return result;
}

void move_end(struct move *move)
{
    watchdog_end(&move->watchdog);
}
