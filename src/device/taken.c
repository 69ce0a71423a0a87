/* SPDX-License-Identifier: MIT */
/* Would an address of a new device take away what the host reaches already? */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "device/device.h"
#include "netlink/address.h"

/* A shorter prefix leads everywhere: 0.0.0.0/0, a VPN's two /1s, 2000::/3. */
#define HOST_ROUTE_MIN4 8
#define HOST_ROUTE_MIN6 16

struct taken_call {
    const struct ip_prefix *wanted;
    struct ip_prefix found; /* family 0: nothing yet */
    int index;              /* of the link that it is on; 0: of none, or of several */
};

static bool is_link_local(const struct ip_address *address)
{
    return address->family == AF_INET6 && address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

/* Every link has link-local ones, and each its own. */
static void compare(struct taken_call *call, const struct ip_prefix *prefix, int index)
{
    uint8_t shortest = prefix->address.family == AF_INET ? HOST_ROUTE_MIN4 : HOST_ROUTE_MIN6;

    if (call->found.address.family || prefix->length < shortest || is_link_local(&prefix->address) ||
        !ip_prefix_overlaps(prefix, call->wanted))
        return;
    call->found = ip_prefix_network(prefix);
    call->index = index;
}

static int read_address(const struct netlink_address *address, void *data)
{
    compare(data, &address->prefix, address->index);
    return 0;
}

/* A blackhole leads nowhere. */
static int read_route(const struct netlink_route *route, void *data)
{
    if (route->type == RTN_UNICAST)
        compare(data, &route->destination, route->index);
    return 0;
}

static void restart(void *data)
{
    ((struct taken_call *)data)->found.address.family = 0;
}

static int refuse(const struct taken_call *call, struct tapnet_error *error)
{
    char wanted[IP_PREFIX_TEXT_MAX], found[IP_PREFIX_TEXT_MAX], name[IF_NAMESIZE];

    if (!call->index || !if_indextoname((unsigned)call->index, name))
        return error_set(error, -EADDRINUSE, "%s overlaps %s, to which this host has a route: choose another address",
                         ip_prefix_print(call->wanted, wanted), ip_prefix_print(&call->found, found));
    return error_set(error, -EADDRINUSE, "%s overlaps %s, which this host reaches by %s: choose another address",
                     ip_prefix_print(call->wanted, wanted), ip_prefix_print(&call->found, found), name);
}

/* A link that is down has addresses and no routes; a route may lead where no address is. */
static int check_address(struct netlink *netlink, const struct ip_prefix *wanted, struct tapnet_error *error)
{
    struct taken_call call = {.wanted = wanted};
    int result;

    if (wanted->length == 8 * ip_family_size(wanted->address.family))
        return 0; /* itself alone */
    result = netlink_address_dump(netlink, read_address, restart, &call, error);
    if (result == 0 && !call.found.address.family)
        result = netlink_route_dump(netlink, wanted->address.family, RT_TABLE_MAIN, read_route, restart, &call, error);
    if (result < 0)
        return error_prefix(error, result, "cannot look at what the host reaches");
    return call.found.address.family ? refuse(&call, error) : 0;
}

int device_check_subnets(struct netlink *netlink, const struct tapnet_device_change *change, struct tapnet_error *error)
{
    for (size_t i = 0; change && i < change->address_count; i++) {
        struct ip_prefix wanted;
        int result = ip_prefix_parse(change->addresses[i], -1, &wanted);

        if (result == 0)
            result = check_address(netlink, &wanted, error);
        if (result < 0)
            return result;
    }
    return 0;
}
