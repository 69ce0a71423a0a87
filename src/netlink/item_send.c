/* SPDX-License-Identifier: MIT */
/* Puts what a link carries onto another one, and takes it off: the kernel's own messages, told back to it. */
#include "netlink/item.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netlink/advertised.h"

static size_t header_len(enum netlink_item_kind kind)
{
    return kind == NETLINK_ITEM_ADDRESS ? sizeof(struct ifaddrmsg)
           : kind == NETLINK_ITEM_ROUTE ? sizeof(struct rtmsg)
                                        : sizeof(struct ndmsg);
}

/* The legs that were this link's. */
static void put_legs(struct netlink_message *message, const struct nlattr *multipath, int index)
{
    size_t len = multipath->nla_len - sizeof(*multipath), at = 0;
    _cleanup_free_ uint8_t *bytes = malloc(len + 1);

    if (!bytes) {
        message->failure = -ENOMEM;
        return;
    }
    memcpy(bytes, multipath + 1, len);
    while (len - at >= sizeof(struct rtnexthop)) {
        struct rtnexthop leg;

        memcpy(&leg, bytes + at, sizeof(leg));
        leg.rtnh_ifindex = leg.rtnh_ifindex ? leg.rtnh_ifindex : index;
        memcpy(bytes + at, &leg, sizeof(leg));
        if (leg.rtnh_len < sizeof(leg) || NLMSG_ALIGN(leg.rtnh_len) >= len - at)
            break;
        at += NLMSG_ALIGN(leg.rtnh_len);
    }
    netlink_put(message, RTA_MULTIPATH, bytes, len);
}

static void put_attributes(struct netlink_message *message, const struct netlink_item *item, int index)
{
    size_t at = NLMSG_ALIGN(header_len(item->kind));

    while (item->len - at >= sizeof(struct nlattr)) {
        const struct nlattr *attribute = (const void *)(item->bytes + at);

        if (attribute->nla_len < sizeof(*attribute) || attribute->nla_len > item->len - at)
            break;
        if (item->kind == NETLINK_ITEM_ROUTE && (attribute->nla_type & NLA_TYPE_MASK) == RTA_MULTIPATH)
            put_legs(message, attribute, index);
        else if (item->kind != NETLINK_ITEM_ADDRESS || attribute->nla_type != IFA_FLAGS)
            netlink_put(message, attribute->nla_type, attribute + 1, attribute->nla_len - sizeof(*attribute));
        if (NLMSG_ALIGN(attribute->nla_len) >= item->len - at)
            break;
        at += NLMSG_ALIGN(attribute->nla_len);
    }
}

static void put_lifetime(struct netlink_message *message, const struct netlink_item *item)
{
    const struct ifa_cacheinfo lifetime = {.ifa_valid = item->valid, .ifa_prefered = item->preferred};

    if (item->valid == NETLINK_ITEM_FOREVER && item->preferred == NETLINK_ITEM_FOREVER)
        return;
    if (item->kind == NETLINK_ITEM_ADDRESS)
        netlink_put(message, IFA_CACHEINFO, &lifetime, sizeof(lifetime));
    else
        netlink_put_u32(message, RTA_EXPIRES, item->valid);
}

/* @address_flags: besides those that the item has, of an address. */
static int build(struct netlink_message *message, uint16_t type, uint16_t flags, int index,
                 const struct netlink_item *item, uint32_t address_flags)
{
    const struct nlattr *attributes[IFA_FLAGS + 1];
    union {
        struct ifaddrmsg address;
        struct rtmsg route;
        struct ndmsg neighbour;
    } header;

    netlink_message_init(message);
    if (item->len < header_len(item->kind))
        return -EBADMSG;
    memcpy(&header, item->bytes, header_len(item->kind));
    if (item->kind == NETLINK_ITEM_ADDRESS)
        header.address.ifa_index = (uint32_t)index;
    else if (item->kind == NETLINK_ITEM_NEIGHBOUR)
        header.neighbour.ndm_ifindex = index;
    netlink_begin(message, type, flags, &header, header_len(item->kind));
    put_attributes(message, item, index);
    if (item->kind == NETLINK_ITEM_ADDRESS &&
        netlink_item_attributes(item, sizeof(header.address), attributes, IFA_FLAGS) == 0)
        netlink_put_u32(message, IFA_FLAGS, netlink_get_u32(attributes[IFA_FLAGS]) | address_flags);
    if (item->kind == NETLINK_ITEM_ROUTE) {
        const struct nlattr *route[RTA_MULTIPATH + 1];

        if (netlink_item_attributes(item, sizeof(header.route), route, RTA_MULTIPATH) == 0 && !route[RTA_MULTIPATH])
            netlink_put_u32(message, RTA_OIF, (uint32_t)index);
    }
    return 0;
}

static int send_item(struct netlink *netlink, uint16_t type, uint16_t flags, int index, const struct netlink_item *item,
                     uint32_t address_flags, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    int result = build(&message, type, flags, index, item, address_flags);

    if (result < 0)
        return error_set(error, result, "what a link carried is no message of the kernel's");
    if (type == RTM_NEWADDR || type == RTM_NEWROUTE)
        put_lifetime(&message, item);
    return netlink_request(netlink, &message, error);
}

/* 0 for @result when it says that there was nothing to do. */
static int forgive(int result, int code, int other, const struct tapnet_error *refusal, struct tapnet_error *error)
{
    if (result == 0 || result == code || result == other)
        return 0;
    return error_set(error, result, "%s", refusal->text);
}

/*
 * An IPv6 address would not be usable before duplicate address detection is over, a second or more. It was ours all the
 * time, so none is needed; that none was made is a flag, which is taken off again.
 */
static int add_address(struct netlink *netlink, int index, const struct netlink_item *item, struct tapnet_error *error)
{
    uint32_t no_detection = item->bytes[0] == AF_INET6 ? IFA_F_NODAD : 0;
    int result = send_item(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, item, no_detection, error);

    return result < 0 || !no_detection ? result : send_item(netlink, RTM_NEWADDR, NLM_F_REPLACE, index, item, 0, error);
}

static int add_route(struct netlink *netlink, int index, const struct netlink_item *item, struct tapnet_error *error)
{
    struct netlink_advertised advertised;
    bool listens = false;
    int result = 0;

    if (netlink_item_advertised(item, &advertised))
        result = netlink_advertised_listens(netlink, index, &listens, error);
    if (result < 0 || listens)
        return result < 0 ? result : netlink_advertised_add(netlink, index, &advertised, error);
    return send_item(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, index, item, 0, error);
}

int netlink_item_add(struct netlink *netlink, int index, const struct netlink_item *item, struct tapnet_error *error)
{
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result;

    if (item->kind == NETLINK_ITEM_ADDRESS)
        result = item->len < sizeof(struct ifaddrmsg) ? -EBADMSG : add_address(netlink, index, item, &refusal);
    else if (item->kind == NETLINK_ITEM_ROUTE)
        result = add_route(netlink, index, item, &refusal);
    else
        result = send_item(netlink, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, index, item, 0, &refusal);
    return forgive(result, -EEXIST, -EEXIST, &refusal, error);
}

int netlink_item_delete(struct netlink *netlink, int index, const struct netlink_item *item, struct tapnet_error *error)
{
    static const uint16_t types[] = {RTM_DELADDR, RTM_DELROUTE, RTM_DELNEIGH};
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    struct netlink_advertised advertised;
    int result;

    if (netlink_item_advertised(item, &advertised))
        return netlink_advertised_delete(netlink, index, &advertised, error);
    result = send_item(netlink, types[item->kind], 0, index, item, 0, &refusal);
    if (item->kind == NETLINK_ITEM_ADDRESS)
        return forgive(result, -EADDRNOTAVAIL, -ENODEV, &refusal, error);
    return forgive(result, -ESRCH, -ENOENT, &refusal, error);
}

int netlink_item_prolong(struct netlink *netlink, int index, const struct netlink_item *item, uint32_t seconds,
                         struct tapnet_error *error)
{
    struct netlink_item longer = *item;

    longer.valid = longer.preferred = seconds;
    return send_item(netlink, RTM_NEWADDR, NLM_F_REPLACE, index, &longer, 0, error);
}
