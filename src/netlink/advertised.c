/* SPDX-License-Identifier: MIT */
/* Default routes that routers advertise: moved so that the kernel goes on to look after them. */
#include "netlink/advertised.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/ipv6_route.h>
#include <linux/route.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"

/*
 * How it works: the kernel marks its route (RTF_ADDRCONF, RTF_DEFAULT) and finds it by that mark. Of a router by which
 * there is a route of the same metric without the mark it takes no more advertisements at all, and the addresses that
 * they prolong would end. Netlink can't set the mark, the older ioctl SIOCADDRT can; but it can't say that the route
 * is of protocol "ra". So ours stands one metric behind the kernel's: since Linux 5.12 (ra_defrtr_metric) the next
 * advertisement replaces a marked route of another metric by the kernel's own, and nothing is left of ours.
 */

#define CLOCK_TICKS 100u /* USER_HZ, in which the kernel is told lifetimes */

static bool is_link_local(const uint8_t *address)
{
    return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

static bool is_main_table(const struct rtmsg *route, const struct nlattr *table)
{
    return (table ? netlink_get_u32(table) : route->rtm_table) == RT_TABLE_MAIN;
}

bool netlink_item_advertised(const struct netlink_item *item, struct netlink_advertised *ret)
{
    const struct nlattr *attributes[RTA_MAX + 1];
    const struct rtmsg *route = (const void *)item->bytes;
    struct netlink_advertised advertised = {.valid = item->valid};
    bool is_ours;

    if (item->kind != NETLINK_ITEM_ROUTE || item->len < sizeof(*route) || route->rtm_family != AF_INET6 ||
        route->rtm_dst_len || route->rtm_src_len || route->rtm_type != RTN_UNICAST ||
        item->valid == NETLINK_ITEM_FOREVER || netlink_item_attributes(item, sizeof(*route), attributes, RTA_MAX) < 0 ||
        !netlink_get_bytes(attributes[RTA_GATEWAY], advertised.gateway, sizeof(advertised.gateway)))
        return false;
    is_ours = route->rtm_protocol == RTPROT_BOOT;
    advertised.metric = netlink_get_u32(attributes[RTA_PRIORITY]) - is_ours;
    advertised.preference = netlink_get_u8(attributes[RTA_PREF]);
    if (!is_main_table(route, attributes[RTA_TABLE]) || !is_link_local(advertised.gateway) || !advertised.metric ||
        (!is_ours && route->rtm_protocol != RTPROT_RA))
        return false;
    *ret = advertised;
    return true;
}

/* Returns where the next one goes; there is none any more in *attribute. */
static uint8_t *put_attribute(uint8_t *to, const struct nlattr **attribute)
{
    const struct nlattr *taken = *attribute;

    *attribute = NULL;
    return taken ? (uint8_t *)memcpy(to, taken, taken->nla_len) + NLA_ALIGN(taken->nla_len) : to;
}

int netlink_advertised_name(struct netlink_item *item, uint8_t *bytes)
{
    _cleanup_free_ uint8_t *copy = malloc(item->len);
    const struct netlink_item from = {.kind = item->kind, .bytes = copy, .len = item->len, .valid = item->valid};
    const struct nlattr *attributes[RTA_MAX + 1];
    struct netlink_advertised advertised;
    uint8_t *end = bytes + sizeof(struct rtmsg), *metric;

    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes, item->len);
    if (!netlink_item_advertised(&from, &advertised) ||
        netlink_item_attributes(&from, sizeof(struct rtmsg), attributes, RTA_MAX) < 0)
        return 0;
    ((struct rtmsg *)(void *)bytes)->rtm_protocol = RTPROT_RA;
    end = put_attribute(end, &attributes[RTA_TABLE]);
    end = put_attribute(end, &attributes[RTA_GATEWAY]);
    metric = end + sizeof(struct nlattr);
    end = put_attribute(end, &attributes[RTA_PRIORITY]);
    memcpy(metric, &advertised.metric, sizeof(advertised.metric));
    item->key_len = (size_t)(end - bytes);
    for (size_t i = 0; i < ARRAY_COUNT(attributes); i++)
        end = put_attribute(end, &attributes[i]);
    item->len = (size_t)(end - bytes);
    return 0;
}

/* ---- the link ---- */

/* Of net.ipv6.conf.NAME as the kernel numbers it. */
static int32_t setting(const struct nlattr *settings, size_t number)
{
    int32_t value = 0;

    if (settings && settings->nla_len >= sizeof(*settings) + (number + 1) * sizeof(value))
        memcpy(&value, (const uint8_t *)(settings + 1) + number * sizeof(value), sizeof(value));
    return value;
}

static int read_settings(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *link[IFLA_MAX + 1], *families[AF_INET6 + 1], *inet6[IFLA_INET6_MAX + 1];
    bool *listens = data;
    int32_t accepts;

    if (message->nlmsg_type != RTM_NEWLINK || netlink_parse(message, sizeof(struct ifinfomsg), link, IFLA_MAX) < 0 ||
        netlink_parse_nest(link[IFLA_AF_SPEC], families, AF_INET6) < 0 ||
        netlink_parse_nest(families[AF_INET6], inet6, IFLA_INET6_MAX) < 0)
        return 0;
    accepts = setting(inet6[IFLA_INET6_CONF], DEVCONF_ACCEPT_RA);
    *listens = setting(inet6[IFLA_INET6_CONF], DEVCONF_ACCEPT_RA_DEFRTR) != 0 &&
               (setting(inet6[IFLA_INET6_CONF], DEVCONF_FORWARDING) ? accepts == 2 : accepts > 0);
    return 0;
}

int netlink_advertised_listens(struct netlink *netlink, int index, bool *ret, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ifinfomsg header = {.ifi_index = index};
    bool listens = false;
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETLINK, 0, &header, sizeof(header));
    netlink_put_u32(&message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    result = netlink_query(netlink, &message, read_settings, &listens, error);
    if (result == 0)
        *ret = listens;
    return result;
}

/* ---- the route ---- */

struct search {
    int index;
    const struct netlink_advertised *advertised;
    bool found;
};

static int look_for_kernels(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[RTA_MAX + 1];
    const struct rtmsg *route = mnl_nlmsg_get_payload(message);
    struct search *search = data;
    uint8_t gateway[16];

    if (message->nlmsg_type != RTM_NEWROUTE || netlink_parse(message, sizeof(*route), attributes, RTA_MAX) < 0)
        return 0;
    search->found |= !route->rtm_dst_len && route->rtm_protocol == RTPROT_RA &&
                     is_main_table(route, attributes[RTA_TABLE]) &&
                     (int)netlink_get_u32(attributes[RTA_OIF]) == search->index &&
                     netlink_get_bytes(attributes[RTA_GATEWAY], gateway, sizeof(gateway)) &&
                     memcmp(gateway, search->advertised->gateway, sizeof(gateway)) == 0;
    return 0;
}

static int has_kernels(struct netlink *netlink, int index, const struct netlink_advertised *advertised, bool *ret,
                       struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct rtmsg header = {.rtm_family = AF_INET6, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_RA};
    struct search search = {.index = index, .advertised = advertised};
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETROUTE, 0, &header, sizeof(header));
    netlink_put_u32(&message, RTA_OIF, (uint32_t)index);
    result = netlink_dump(netlink, &message, look_for_kernels, NULL, &search, error);
    if (result == 0)
        *ret = search.found;
    return result;
}

static int delete_one(struct netlink *netlink, int index, const struct netlink_advertised *advertised, uint8_t protocol,
                      uint32_t metric, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct rtmsg header = {
        .rtm_family = AF_INET6, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = protocol, .rtm_type = RTN_UNICAST};
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_DELROUTE, 0, &header, sizeof(header));
    netlink_put(&message, RTA_GATEWAY, advertised->gateway, sizeof(advertised->gateway));
    netlink_put_u32(&message, RTA_PRIORITY, metric);
    netlink_put_u32(&message, RTA_OIF, (uint32_t)index);
    result = netlink_request(netlink, &message, &refusal);
    if (result == 0 || result == -ESRCH || result == -ENOENT)
        return 0;
    return error_set(error, result, "%s", refusal.text);
}

/* The link asks for routers by itself when it gets its link-local address: the answer may be there before ours. */
int netlink_advertised_add(struct netlink *netlink, int index, const struct netlink_advertised *advertised,
                           struct tapnet_error *error)
{
    struct in6_rtmsg route = {
        .rtmsg_metric = advertised->metric + 1,
        .rtmsg_info = (unsigned long)advertised->valid * CLOCK_TICKS,
        .rtmsg_flags = RTF_UP | RTF_GATEWAY | RTF_DEFAULT | RTF_ADDRCONF | RTF_EXPIRES |
                       RTF_PREF(advertised->preference),
        .rtmsg_ifindex = index,
    };
    _cleanup_close_ int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = false;
    int result;

    memcpy(&route.rtmsg_gateway, advertised->gateway, sizeof(advertised->gateway));
    if (fd < 0 || (ioctl(fd, SIOCADDRT, &route) < 0 && errno != EEXIST))
        return error_set_errno(error, -errno, "cannot add the default route of a router");
    result = has_kernels(netlink, index, advertised, &found, error);
    if (result < 0 || !found)
        return result;
    return delete_one(netlink, index, advertised, RTPROT_BOOT, advertised->metric + 1, error);
}

int netlink_advertised_delete(struct netlink *netlink, int index, const struct netlink_advertised *advertised,
                              struct tapnet_error *error)
{
    int result = delete_one(netlink, index, advertised, RTPROT_BOOT, advertised->metric + 1, error);

    return result < 0 ? result : delete_one(netlink, index, advertised, RTPROT_RA, advertised->metric, error);
}
