/* SPDX-License-Identifier: MIT */
/* Routes, neighbours and FDB entries by rtnetlink (linux/rtnetlink.h, linux/neighbour.h). */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netlink/address.h"

/* ---- routes ---- */

struct route_call {
    struct netlink_call outer;
    netlink_route_reader *reader;
    uint8_t family;
    uint32_t table;
};

int netlink_route_parse(const struct nlmsghdr *message, struct netlink_route *ret)
{
    const struct nlattr *attributes[RTA_MAX + 1];
    const struct rtmsg *header = mnl_nlmsg_get_payload(message);
    struct netlink_route route = {.index = 0};
    size_t size;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, RTA_MAX) < 0)
        return -EBADMSG;
    size = ip_family_size(header->rtm_family);
    if (!size || header->rtm_dst_len > 8 * size)
        return -EBADMSG;
    route.destination.address.family = header->rtm_family;
    route.destination.length = header->rtm_dst_len;
    netlink_get_bytes(attributes[RTA_DST], route.destination.address.bytes, size);
    if (netlink_get_bytes(attributes[RTA_GATEWAY], route.gateway.bytes, size))
        route.gateway.family = header->rtm_family;
    if (netlink_get_bytes(attributes[RTA_PREFSRC], route.source.bytes, size))
        route.source.family = header->rtm_family;
    route.index = (int)netlink_get_u32(attributes[RTA_OIF]);
    route.table = attributes[RTA_TABLE] ? netlink_get_u32(attributes[RTA_TABLE]) : header->rtm_table;
    route.metric = netlink_get_u32(attributes[RTA_PRIORITY]);
    route.protocol = header->rtm_protocol;
    route.type = header->rtm_type;
    route.scope = header->rtm_scope;
    *ret = route;
    return 0;
}

static int read_route(const struct nlmsghdr *message, void *data)
{
    const struct route_call *call = data;
    struct netlink_route route;

    if (message->nlmsg_type != RTM_NEWROUTE || netlink_route_parse(message, &route) < 0)
        return 0;
    /* Of a family that it does not have, as IPv6 where that is disabled, the kernel sends those of all others. */
    if (route.destination.address.family != call->family)
        return 0;
    if (call->table && route.table != call->table) /* a kernel that does not filter sends all */
        return 0;
    return call->reader(&route, call->outer.data);
}

int netlink_route_dump(struct netlink *netlink, uint8_t family, uint32_t table, netlink_route_reader *reader,
                       netlink_restart *restart, void *data, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct route_call call = {{restart, data}, reader, family, table};
    const struct rtmsg header = {.rtm_family = family};
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETROUTE, 0, &header, sizeof(header));
    if (table)
        netlink_put_u32(&message, RTA_TABLE, table);
    result = netlink_dump(netlink, &message, read_route, netlink_call_restart, &call, &refusal);
    if (result == -ENOENT) /* strict checking: the table has never been used */
        return 0;
    return result < 0 ? error_set(error, result, "cannot list the routes: %s", refusal.text) : 0;
}

static void build_route(struct netlink_message *message, uint16_t type, uint16_t flags,
                        const struct netlink_route *route)
{
    const struct rtmsg header = {
        .rtm_family = route->destination.address.family,
        .rtm_dst_len = route->destination.length,
        .rtm_table = RT_TABLE_UNSPEC,
        .rtm_protocol = route->protocol,
        .rtm_scope = route->scope,
        .rtm_type = route->type,
    };
    size_t size = ip_family_size(route->destination.address.family);

    netlink_message_init(message);
    netlink_begin(message, type, flags, &header, sizeof(header));
    if (route->destination.length)
        netlink_put(message, RTA_DST, route->destination.address.bytes, size);
    if (route->gateway.family)
        netlink_put(message, RTA_GATEWAY, route->gateway.bytes, size);
    if (route->source.family)
        netlink_put(message, RTA_PREFSRC, route->source.bytes, size);
    if (route->index)
        netlink_put_u32(message, RTA_OIF, (uint32_t)route->index);
    if (route->metric)
        netlink_put_u32(message, RTA_PRIORITY, route->metric);
    netlink_put_u32(message, RTA_TABLE, route->table ? route->table : RT_TABLE_MAIN);
}

static int add_route(struct netlink *netlink, uint16_t flags, const struct netlink_route *route,
                     struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);

    build_route(&message, RTM_NEWROUTE, NLM_F_CREATE | flags, route);
    return netlink_request(netlink, &message, error);
}

int netlink_route_add(struct netlink *netlink, const struct netlink_route *route, struct tapnet_error *error)
{
    return add_route(netlink, NLM_F_EXCL, route, error);
}

int netlink_route_add_beside(struct netlink *netlink, const struct netlink_route *route, struct tapnet_error *error)
{
    return add_route(netlink, 0, route, error);
}

int netlink_route_delete(struct netlink *netlink, const struct netlink_route *route, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);

    build_route(&message, RTM_DELROUTE, 0, route);
    return netlink_request(netlink, &message, error);
}

/* ---- neighbours and FDB ---- */

struct neighbour_call {
    struct netlink_call outer;
    netlink_neighbour_reader *reader;
};

int netlink_neighbour_parse(const struct nlmsghdr *message, struct netlink_neighbour *ret)
{
    const struct nlattr *attributes[NDA_MAX + 1];
    const struct ndmsg *header = mnl_nlmsg_get_payload(message);
    struct netlink_neighbour neighbour = {.index = 0};
    size_t size;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, NDA_MAX) < 0)
        return -EBADMSG;
    neighbour.family = header->ndm_family;
    neighbour.index = header->ndm_ifindex;
    neighbour.state = header->ndm_state;
    neighbour.proxy = header->ndm_flags & NTF_PROXY;
    neighbour.protocol = netlink_get_u8(attributes[NDA_PROTOCOL]);
    neighbour.master_index = (int)netlink_get_u32(attributes[NDA_MASTER]);
    size = ip_family_size(header->ndm_family);
    if (size && netlink_get_bytes(attributes[NDA_DST], neighbour.address.bytes, size))
        neighbour.address.family = header->ndm_family;
    netlink_get_bytes(attributes[NDA_LLADDR], neighbour.mac.bytes, sizeof(neighbour.mac.bytes));
    *ret = neighbour;
    return 0;
}

static int read_neighbour(const struct nlmsghdr *message, void *data)
{
    const struct neighbour_call *call = data;
    struct netlink_neighbour neighbour;

    if (message->nlmsg_type != RTM_NEWNEIGH || netlink_neighbour_parse(message, &neighbour) < 0)
        return 0;
    return call->reader(&neighbour, call->outer.data);
}

static int dump_neighbours(struct netlink *netlink, uint8_t family, uint8_t flags, struct neighbour_call *call,
                           struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ndmsg header = {.ndm_family = family, .ndm_flags = flags};
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETNEIGH, 0, &header, sizeof(header));
    result = netlink_dump(netlink, &message, read_neighbour, netlink_call_restart, call, error);
    return result < 0 ? error_prefix(error, result, "cannot list the neighbours") : 0;
}

int netlink_neighbour_dump(struct netlink *netlink, uint8_t family, netlink_neighbour_reader *reader,
                           netlink_restart *restart, void *data, struct tapnet_error *error)
{
    struct neighbour_call call = {{restart, data}, reader};

    return dump_neighbours(netlink, family, 0, &call, error);
}

int netlink_proxy_dump(struct netlink *netlink, uint8_t family, netlink_neighbour_reader *reader,
                       netlink_restart *restart, void *data, struct tapnet_error *error)
{
    struct neighbour_call call = {{restart, data}, reader};

    return dump_neighbours(netlink, family, NTF_PROXY, &call, error);
}

int netlink_neighbour_set(struct netlink *netlink, const struct netlink_neighbour *neighbour,
                          struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ndmsg header = {
        .ndm_family = neighbour->family,
        .ndm_ifindex = neighbour->index,
        .ndm_state = NUD_PERMANENT,
        .ndm_flags = neighbour->proxy ? NTF_PROXY : 0,
    };

    netlink_message_init(&message);
    netlink_begin(&message, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));
    netlink_put(&message, NDA_DST, neighbour->address.bytes, ip_family_size(neighbour->family));
    if (!neighbour->proxy)
        netlink_put(&message, NDA_LLADDR, neighbour->mac.bytes, sizeof(neighbour->mac.bytes));
    netlink_put_u8(&message, NDA_PROTOCOL, neighbour->protocol);
    return netlink_request(netlink, &message, error);
}

int netlink_neighbour_delete(struct netlink *netlink, const struct netlink_neighbour *neighbour,
                             struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ndmsg header = {
        .ndm_family = neighbour->family,
        .ndm_ifindex = neighbour->index,
        .ndm_flags = (neighbour->family == AF_BRIDGE ? NTF_MASTER : 0) | (neighbour->proxy ? NTF_PROXY : 0),
    };

    netlink_message_init(&message);
    netlink_begin(&message, RTM_DELNEIGH, 0, &header, sizeof(header));
    if (neighbour->family == AF_BRIDGE)
        netlink_put(&message, NDA_LLADDR, neighbour->mac.bytes, sizeof(neighbour->mac.bytes));
    else
        netlink_put(&message, NDA_DST, neighbour->address.bytes, ip_family_size(neighbour->family));
    return netlink_request(netlink, &message, error);
}
