/* SPDX-License-Identifier: MIT */
/* Links by rtnetlink: list them, make bridges, set attributes, delete one or a whole group (linux/if_link.h). */
#include "netlink/link.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"

/* IFLA_BR_* and IFLA_TUN_* as older headers may lack them are all in Linux 5.0's. */

/* ---- reading ---- */

/* IFLA_INET_CONF is an array of u32, indexed by IPV4_DEVCONF_* - 1. */
static void parse_inet(const struct nlattr *family, struct netlink_link *link)
{
    const struct nlattr *inet[IFLA_INET_MAX + 1];
    uint32_t values[IPV4_DEVCONF_ROUTE_LOCALNET];

    if (netlink_parse_nest(family, inet, IFLA_INET_MAX) < 0)
        return;
    if (netlink_get_bytes(inet[IFLA_INET_CONF], values, sizeof(values))) {
        link->ip4_forwarding = values[IPV4_DEVCONF_FORWARDING - 1] != 0;
        link->ip4_arp_ignore = (int)values[IPV4_DEVCONF_ARP_IGNORE - 1];
        link->ip4_proxy_arp = (int)values[IPV4_DEVCONF_PROXY_ARP - 1];
        link->ip4_route_localnet = values[IPV4_DEVCONF_ROUTE_LOCALNET - 1] != 0;
    }
}

#define DEVCONF_FORCE_FORWARDING 59 /* of Linux 6.17; older headers lack it */

/* IFLA_INET6_CONF is an array of u32, indexed by DEVCONF_*, as long as the kernel knows of them. */
static void parse_inet6(const struct nlattr *family, struct netlink_link *link)
{
    const struct nlattr *inet[IFLA_INET6_MAX + 1];
    uint32_t values[DEVCONF_FORCE_FORWARDING + 1];

    if (netlink_parse_nest(family, inet, IFLA_INET6_MAX) < 0)
        return;
    if (netlink_get_bytes(inet[IFLA_INET6_CONF], values, sizeof(values)))
        link->ip6_forces = values[DEVCONF_FORCE_FORWARDING] != 0;
    if (!netlink_get_bytes(inet[IFLA_INET6_CONF], values, (DEVCONF_PROXY_NDP + 1) * sizeof(*values)))
        return;
    link->ip6_forwarding = values[DEVCONF_FORWARDING] != 0;
    link->ip6_accept_ra = (int)values[DEVCONF_ACCEPT_RA];
    link->ip6_proxy_ndp = values[DEVCONF_PROXY_NDP] != 0;
}

static void parse_families(const struct nlattr *nest, struct netlink_link *link)
{
    const struct nlattr *families[AF_INET6 + 1];

    if (netlink_parse_nest(nest, families, AF_INET6) < 0)
        return;
    parse_inet(families[AF_INET], link);
    parse_inet6(families[AF_INET6], link);
}

static bool has_xdp(const struct nlattr *attribute)
{
    const struct nlattr *xdp[IFLA_XDP_MAX + 1];

    return attribute && netlink_parse_nest(attribute, xdp, IFLA_XDP_MAX) == 0 &&
           netlink_get_u8(xdp[IFLA_XDP_ATTACHED]) != XDP_ATTACHED_NONE;
}

static uint32_t tun_id(const struct nlattr *attribute)
{
    return attribute ? netlink_get_u32(attribute) : UINT32_MAX;
}

static void parse_tun(const struct nlattr *data, struct netlink_link *link)
{
    const struct nlattr *tun[IFLA_TUN_MAX + 1];

    if (!data || netlink_parse_nest(data, tun, IFLA_TUN_MAX) < 0)
        return;
    link->tun_is_tap = netlink_get_u8(tun[IFLA_TUN_TYPE]) == 2; /* IFF_TAP */
    link->tun_persistent = netlink_get_u8(tun[IFLA_TUN_PERSIST]);
    link->tun_multi_queue = netlink_get_u8(tun[IFLA_TUN_MULTI_QUEUE]);
    link->tun_packet_information = netlink_get_u8(tun[IFLA_TUN_PI]);
    link->tun_vnet_header = netlink_get_u8(tun[IFLA_TUN_VNET_HDR]);
    link->tun_queues = netlink_get_u32(tun[IFLA_TUN_NUM_QUEUES]);
    link->tun_detached_queues = netlink_get_u32(tun[IFLA_TUN_NUM_DISABLED_QUEUES]);
    link->tun_user = tun_id(tun[IFLA_TUN_OWNER]);
    link->tun_group = tun_id(tun[IFLA_TUN_GROUP]);
}

/* What `bridge link set` can make of a port, isolation apart, and the kernel's defaults. */
static const struct port_flag {
    uint16_t type;
    uint8_t value;
} port_flags[] = {
    {IFLA_BRPORT_MODE, 0},          {IFLA_BRPORT_GUARD, 0},          {IFLA_BRPORT_PROTECT, 0},
    {IFLA_BRPORT_FAST_LEAVE, 0},    {IFLA_BRPORT_LEARNING, 1},       {IFLA_BRPORT_UNICAST_FLOOD, 1},
    {IFLA_BRPORT_MCAST_FLOOD, 1},   {IFLA_BRPORT_BCAST_FLOOD, 1},    {IFLA_BRPORT_PROXYARP, 0},
    {IFLA_BRPORT_PROXYARP_WIFI, 0}, {IFLA_BRPORT_NEIGH_SUPPRESS, 0}, {IFLA_BRPORT_LOCKED, 0},
};

#define BRIDGE_LEARN_LIMIT 49    /* IFLA_BR_FDB_MAX_LEARNED, of Linux 6.7 */
#define GROUP_EXITS_NONE 0xfff8u /* all that the kernel allows: not STP, pause frames and link aggregation */
#define NO_GROUP_LEARNING (1u << BR_BOOLOPT_NO_LL_LEARN)

/* Linux before 5.0 has no such option, and says nothing of it. */
static bool has_group_learning(const struct nlattr *attribute)
{
    struct br_boolopt_multi options;

    return netlink_get_bytes(attribute, &options, sizeof(options)) && !(options.optval & NO_GROUP_LEARNING);
}

static void parse_bridge(const struct nlattr *data, struct netlink_link *link)
{
    const struct nlattr *values[BRIDGE_LEARN_LIMIT + 1];

    if (!data || netlink_parse_nest(data, values, BRIDGE_LEARN_LIMIT) < 0)
        return;
    link->bridge_has_stp = netlink_get_u32(values[IFLA_BR_STP_STATE]) != 0;
    link->bridge_has_delay = netlink_get_u32(values[IFLA_BR_FORWARD_DELAY]) != 0;
    link->bridge_has_snooping = netlink_get_u8(values[IFLA_BR_MCAST_SNOOPING]) != 0;
    link->bridge_has_group_exits = netlink_get_u16(values[IFLA_BR_GROUP_FWD_MASK]) != GROUP_EXITS_NONE ||
                                   has_group_learning(values[IFLA_BR_MULTI_BOOLOPT]);
    link->bridge_learns_all = values[BRIDGE_LEARN_LIMIT] &&
                              netlink_get_u32(values[BRIDGE_LEARN_LIMIT]) != NETLINK_BRIDGE_MACS_MAX;
}

static void parse_port(const struct nlattr *data, struct netlink_link *link)
{
    const struct nlattr *values[IFLA_BRPORT_MAX + 1];

    if (!data || netlink_parse_nest(data, values, IFLA_BRPORT_MAX) < 0)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(port_flags); i++)
        if (values[port_flags[i].type] && netlink_get_u8(values[port_flags[i].type]) != port_flags[i].value)
            link->port_has_flags = true;
    if (values[IFLA_BRPORT_STATE])
        link->port_state = netlink_get_u8(values[IFLA_BRPORT_STATE]);
    link->port_isolated = netlink_get_u8(values[IFLA_BRPORT_ISOLATED]);
}

static bool is_text(const struct nlattr *attribute, const char *wanted)
{
    const char *text = netlink_get_text(attribute);

    return text && strcmp(text, wanted) == 0;
}

static void parse_kind(const struct nlattr *information, struct netlink_link *link)
{
    const struct nlattr *info[IFLA_INFO_MAX + 1];
    const char *kind;

    link->kind = "";
    if (!information || netlink_parse_nest(information, info, IFLA_INFO_MAX) < 0)
        return;
    if (is_text(info[IFLA_INFO_SLAVE_KIND], "bridge"))
        parse_port(info[IFLA_INFO_SLAVE_DATA], link);
    kind = netlink_get_text(info[IFLA_INFO_KIND]);
    if (!kind)
        return;
    link->kind = kind;
    if (strcmp(kind, "tun") == 0)
        parse_tun(info[IFLA_INFO_DATA], link);
    else if (strcmp(kind, "bridge") == 0)
        parse_bridge(info[IFLA_INFO_DATA], link);
}

static void parse_counters(const struct nlattr *attribute, struct netlink_link *link)
{
    struct rtnl_link_stats64 stats;

    /* Newer kernels append counters: the first ones are all that is taken. */
    if (!netlink_get_bytes(attribute, &stats, offsetof(struct rtnl_link_stats64, multicast)))
        return;
    link->rx_bytes = stats.rx_bytes;
    link->rx_packets = stats.rx_packets;
    link->rx_dropped = stats.rx_dropped;
    link->tx_bytes = stats.tx_bytes;
    link->tx_packets = stats.tx_packets;
    link->tx_dropped = stats.tx_dropped;
}

int netlink_link_parse(const struct nlmsghdr *message, struct netlink_link *ret)
{
    const struct nlattr *attributes[IFLA_MAX + 1];
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    struct netlink_link link = {.ip4_forwarding = -1,
                                .ip4_arp_ignore = -1,
                                .ip4_proxy_arp = -1,
                                .ip4_route_localnet = -1,
                                .ip6_forwarding = -1,
                                .ip6_accept_ra = -1,
                                .ip6_proxy_ndp = -1,
                                .ip6_forces = -1,
                                .port_state = -1,
                                .tun_user = UINT32_MAX,
                                .tun_group = UINT32_MAX};
    const char *alias;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, IFLA_MAX) < 0 ||
        netlink_get_ifname(attributes[IFLA_IFNAME], link.name, sizeof(link.name)) < 0)
        return -EBADMSG;
    link.index = header->ifi_index;
    link.up = header->ifi_flags & IFF_UP;
    link.carrier = header->ifi_flags & 0x10000; /* IFF_LOWER_UP */
    link.loopback = header->ifi_flags & IFF_LOOPBACK;
    link.point_to_point = header->ifi_flags & IFF_POINTOPOINT;
    link.no_arp = header->ifi_flags & IFF_NOARP;
    link.lower_index = attributes[IFLA_LINK_NETNSID] ? 0 : (int)netlink_get_u32(attributes[IFLA_LINK]);
    link.master_index = (int)netlink_get_u32(attributes[IFLA_MASTER]);
    link.mtu = netlink_get_u32(attributes[IFLA_MTU]);
    link.group = netlink_get_u32(attributes[IFLA_GROUP]);
    link.queue_length = netlink_get_u32(attributes[IFLA_TXQLEN]);
    link.plugged = netlink_get_u8(attributes[IFLA_CARRIER]) == 1;
    link.carrier_losses = netlink_get_u32(attributes[IFLA_CARRIER_DOWN_COUNT]);
    link.type = header->ifi_type;
    link.shaped = is_text(attributes[IFLA_QDISC], "tbf");
    alias = netlink_get_text(attributes[IFLA_IFALIAS]);
    link.alias = alias ? alias : "";
    netlink_get_bytes(attributes[IFLA_ADDRESS], link.mac.bytes, sizeof(link.mac.bytes));
    link.xdp = has_xdp(attributes[IFLA_XDP]);
    parse_kind(attributes[IFLA_LINKINFO], &link);
    parse_families(attributes[IFLA_AF_SPEC], &link);
    parse_counters(attributes[IFLA_STATS64], &link);
    *ret = link;
    return 0;
}

struct link_call {
    struct netlink_call outer;
    netlink_link_reader *reader;
};

static int read_link(const struct nlmsghdr *message, void *data)
{
    const struct link_call *call = data;
    struct netlink_link link;
    int result;

    if (message->nlmsg_type != RTM_NEWLINK)
        return 0;
    result = netlink_link_parse(message, &link);
    return result < 0 ? result : call->reader(&link, call->outer.data);
}

/* @filter: RTEXT_FILTER_..., what is to be told beside, or left out. */
static int dump(struct netlink *netlink, uint32_t filter, struct link_call *call, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETLINK, 0, &header, sizeof(header));
    netlink_put_u32(&message, IFLA_EXT_MASK, filter);
    result = netlink_dump(netlink, &message, read_link, netlink_call_restart, call, error);
    return result < 0 ? error_prefix(error, result, "cannot list the interfaces") : 0;
}

int netlink_link_dump(struct netlink *netlink, netlink_link_reader *reader, netlink_restart *restart, void *data,
                      struct tapnet_error *error)
{
    return dump(netlink, RTEXT_FILTER_SKIP_STATS, &(struct link_call){{restart, data}, reader}, error);
}

int netlink_link_dump_counted(struct netlink *netlink, netlink_link_reader *reader, netlink_restart *restart,
                              void *data, struct tapnet_error *error)
{
    return dump(netlink, 0, &(struct link_call){{restart, data}, reader}, error);
}

int netlink_link_get(struct netlink *netlink, int index, const char *name, netlink_link_reader *reader, void *data,
                     struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct link_call call = {{NULL, data}, reader};
    const struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = index};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETLINK, 0, &header, sizeof(header));
    if (!index)
        netlink_put_text(&message, IFLA_IFNAME, name);
    netlink_put_u32(&message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return netlink_query(netlink, &message, read_link, &call, error);
}

/* ---- changing ---- */

#define INET_FIELDS                                                                                                    \
    (NETLINK_LINK_FORWARDING | NETLINK_LINK_ARP_IGNORE | NETLINK_LINK_ROUTED | NETLINK_LINK_ROUTE_LOCALNET |           \
     NETLINK_LINK_PROMOTE)

static void put_inet(struct netlink_message *message, const struct netlink_link_change *change)
{
    size_t inet = netlink_nest_begin(message, AF_INET);
    size_t conf = netlink_nest_begin(message, IFLA_INET_CONF);

    if (change->fields & NETLINK_LINK_FORWARDING)
        netlink_put_u32(message, IPV4_DEVCONF_FORWARDING, change->forwarding);
    if (change->fields & NETLINK_LINK_ARP_IGNORE)
        netlink_put_u32(message, IPV4_DEVCONF_ARP_IGNORE, 1);
    if (change->fields & NETLINK_LINK_ROUTED) {
        netlink_put_u32(message, IPV4_DEVCONF_FORWARDING, change->routed);
        netlink_put_u32(message, IPV4_DEVCONF_PROXY_ARP, change->routed);
        /* For what is reached by the same port, too: a clone's address outside is somebody else's to itself. */
        netlink_put_u32(message, IPV4_DEVCONF_PROXY_ARP_PVLAN, change->routed);
        /* Loose: to the address that a clone asks from by ARP there is no route by its port. */
        netlink_put_u32(message, IPV4_DEVCONF_RP_FILTER, change->routed ? 2 : 0);
    }
    if (change->fields & NETLINK_LINK_ROUTE_LOCALNET)
        netlink_put_u32(message, IPV4_DEVCONF_ROUTE_LOCALNET, change->route_localnet);
    if (change->fields & NETLINK_LINK_PROMOTE)
        netlink_put_u32(message, IPV4_DEVCONF_PROMOTE_SECONDARIES, 1);
    netlink_nest_end(message, conf);
    netlink_nest_end(message, inet);
}

static void put_no_ip6(struct netlink_message *message)
{
    size_t inet6 = netlink_nest_begin(message, AF_INET6);

    netlink_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    netlink_nest_end(message, inet6);
}

/* The attributes of the address families: net.ipv4.conf.NAME, no IPv6 link-local address. */
static void put_families(struct netlink_message *message, bool no_ip6, const struct netlink_link_change *change)
{
    size_t families = netlink_nest_begin(message, IFLA_AF_SPEC);

    if (no_ip6)
        put_no_ip6(message);
    if (change->fields & INET_FIELDS)
        put_inet(message, change);
    netlink_nest_end(message, families);
}

static void put_no_group_exits(struct netlink_message *message)
{
    const struct br_boolopt_multi options = {.optval = NO_GROUP_LEARNING, .optmask = NO_GROUP_LEARNING};

    netlink_put_u16(message, IFLA_BR_GROUP_FWD_MASK, GROUP_EXITS_NONE);
    netlink_put(message, IFLA_BR_MULTI_BOOLOPT, &options, sizeof(options));
}

static void put_link(struct netlink_message *message, const char *name, const struct mac *mac, uint32_t mtu)
{
    netlink_put_text(message, IFLA_IFNAME, name);
    netlink_put(message, IFLA_ADDRESS, mac->bytes, sizeof(mac->bytes));
    if (mtu)
        netlink_put_u32(message, IFLA_MTU, mtu);
}

/* A request for a link of some kind, up to what that kind has of its own, which is put in next. */
struct creation {
    struct netlink_message message;
    size_t information, data; /* where the nests begin that are open */
};

static const struct ifinfomsg any_link = {.ifi_family = AF_UNSPEC};

static void creation_begin(struct creation *creation, const char *kind, const char *name, const struct mac *mac,
                           uint32_t group, uint32_t mtu)
{
    struct netlink_message *message = &creation->message;

    netlink_message_init(message);
    netlink_begin(message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &any_link, sizeof(any_link));
    put_link(message, name, mac, mtu);
    netlink_put_u32(message, IFLA_GROUP, group);
    creation->information = netlink_nest_begin(message, IFLA_LINKINFO);
    netlink_put_text(message, IFLA_INFO_KIND, kind);
    creation->data = netlink_nest_begin(message, IFLA_INFO_DATA);
}

/* Asks for it, and ends the request. */
static int creation_send(struct creation *creation, struct netlink *netlink, struct tapnet_error *error)
{
    int result;

    netlink_nest_end(&creation->message, creation->data);
    netlink_nest_end(&creation->message, creation->information);
    result = netlink_request(netlink, &creation->message, error);
    netlink_message_fini(&creation->message);
    return result;
}

int netlink_bridge_create(struct netlink *netlink, const char *name, const struct mac *mac, uint32_t group,
                          uint32_t mtu, struct tapnet_error *error)
{
    struct creation creation;
    struct netlink_message *message = &creation.message;

    creation_begin(&creation, "bridge", name, mac, group, mtu);
    netlink_put_u32(message, IFLA_BR_STP_STATE, 0);
    netlink_put_u32(message, IFLA_BR_FORWARD_DELAY, 0); /* a guest's first frames must not wait */
    netlink_put_u8(message, IFLA_BR_MCAST_SNOOPING, 0); /* without a querier it would lose neighbour discovery */
    put_no_group_exits(message);
    netlink_put_u32(message, BRIDGE_LEARN_LIMIT, NETLINK_BRIDGE_MACS_MAX); /* an older kernel passes over it */
    return creation_send(&creation, netlink, error);
}

int netlink_veth_create(struct netlink *netlink, const char *name, const struct mac *mac, uint32_t group, uint32_t mtu,
                        const struct netlink_peer *peer, struct tapnet_error *error)
{
    struct creation creation;
    size_t other;

    creation_begin(&creation, "veth", name, mac, group, mtu);
    other = netlink_nest_begin_with(&creation.message, VETH_INFO_PEER, &any_link, sizeof(any_link));
    put_link(&creation.message, peer->name, &peer->mac, mtu);
    netlink_put_u32(&creation.message, IFLA_NET_NS_FD, (uint32_t)peer->netns);
    netlink_nest_end(&creation.message, other);
    return creation_send(&creation, netlink, error);
}

static void put_change(struct netlink_message *message, const struct netlink_link_change *change)
{
    if (change->fields & NETLINK_LINK_NAME)
        netlink_put_text(message, IFLA_IFNAME, change->name);
    if (change->fields & NETLINK_LINK_ALIAS)
        netlink_put(message, IFLA_IFALIAS, change->alias, strlen(change->alias));
    if (change->fields & NETLINK_LINK_GROUP)
        netlink_put_u32(message, IFLA_GROUP, change->group);
    if (change->fields & NETLINK_LINK_MAC)
        netlink_put(message, IFLA_ADDRESS, change->mac.bytes, sizeof(change->mac.bytes));
    if (change->fields & NETLINK_LINK_MTU)
        netlink_put_u32(message, IFLA_MTU, change->mtu);
    if (change->fields & NETLINK_LINK_MASTER)
        netlink_put_u32(message, IFLA_MASTER, (uint32_t)change->master_index);
    if (change->fields & NETLINK_LINK_QUEUE_LENGTH)
        netlink_put_u32(message, IFLA_TXQLEN, change->queue_length);
    if (change->fields & NETLINK_LINK_CARRIER)
        netlink_put_u8(message, IFLA_CARRIER, change->carrier);
}

static void put_bridge_options(struct netlink_message *message, unsigned fields)
{
    size_t information = netlink_nest_begin(message, IFLA_LINKINFO);
    size_t data;

    netlink_put_text(message, IFLA_INFO_KIND, "bridge");
    data = netlink_nest_begin(message, IFLA_INFO_DATA);
    if (fields & NETLINK_LINK_NO_STP)
        netlink_put_u32(message, IFLA_BR_STP_STATE, 0);
    if (fields & NETLINK_LINK_NO_DELAY)
        netlink_put_u32(message, IFLA_BR_FORWARD_DELAY, 0);
    if (fields & NETLINK_LINK_NO_SNOOPING)
        netlink_put_u8(message, IFLA_BR_MCAST_SNOOPING, 0);
    if (fields & NETLINK_LINK_NO_GROUP_EXITS)
        put_no_group_exits(message);
    if (fields & NETLINK_LINK_LEARN_LIMIT)
        netlink_put_u32(message, BRIDGE_LEARN_LIMIT, NETLINK_BRIDGE_MACS_MAX);
    netlink_nest_end(message, data);
    netlink_nest_end(message, information);
}

/* What an older kernel does not know it passes over. */
static void put_port_flags(struct netlink_message *message, const struct netlink_link_change *change)
{
    size_t information = netlink_nest_begin(message, IFLA_LINKINFO);
    size_t data;

    netlink_put_text(message, IFLA_INFO_SLAVE_KIND, "bridge");
    data = netlink_nest_begin(message, IFLA_INFO_SLAVE_DATA);
    for (size_t i = 0; change->fields & NETLINK_LINK_NO_PORT_FLAGS && i < ARRAY_COUNT(port_flags); i++)
        netlink_put_u8(message, port_flags[i].type, port_flags[i].value);
    if (change->fields & NETLINK_LINK_ISOLATED)
        netlink_put_u8(message, IFLA_BRPORT_ISOLATED, change->isolated);
    netlink_nest_end(message, data);
    netlink_nest_end(message, information);
}

/* IFF_...: what is on, of those that are told. */
struct link_flags {
    unsigned set, mask;
};

/* Begins a RTM_NEWLINK for a link that exists. */
static void begin_change(struct netlink_message *message, unsigned message_flags, int index, const char *name,
                         struct link_flags flags)
{
    const struct ifinfomsg header = {
        .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = flags.set, .ifi_change = flags.mask};

    netlink_begin(message, RTM_NEWLINK, (uint16_t)message_flags, &header, sizeof(header));
    if (!index)
        netlink_put_text(message, IFLA_IFNAME, name);
}

#define PORT_FLAGS (NETLINK_LINK_NO_PORT_FLAGS | NETLINK_LINK_ISOLATED)
#define BRIDGE_OPTIONS                                                                                                 \
    (NETLINK_LINK_NO_STP | NETLINK_LINK_NO_DELAY | NETLINK_LINK_NO_SNOOPING | NETLINK_LINK_NO_GROUP_EXITS |            \
     NETLINK_LINK_LEARN_LIMIT)

/* IFF_...: what the change turns on and off. */
static struct link_flags flags_of(const struct netlink_link_change *change)
{
    unsigned up = change->fields & NETLINK_LINK_UP ? IFF_UP : 0;
    unsigned no_arp = change->fields & NETLINK_LINK_NO_ARP ? IFF_NOARP : 0;
    unsigned arp = change->fields & NETLINK_LINK_ROUTED && change->routed ? IFF_NOARP : 0; /* to be cleared */

    return (struct link_flags){(change->up ? up : 0) | no_arp, up | no_arp | arp};
}

/* One send for all that changes; without the attributes of IPv6 when @no_ip6 is false. */
static int send_change(struct netlink *netlink, int index, const char *name, const struct netlink_link_change *change,
                       bool no_ip6, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    bool up_last = change->fields & NETLINK_LINK_UP_LAST && change->fields & NETLINK_LINK_UP && change->up;
    struct link_flags flags = flags_of(change);

    netlink_message_init(&message);
    begin_change(&message, 0, index, name, up_last ? (struct link_flags){0} : flags);
    put_change(&message, change);
    if (change->fields & BRIDGE_OPTIONS)
        put_bridge_options(&message, change->fields);
    if (change->fields & PORT_FLAGS)
        put_port_flags(&message, change);
    if (no_ip6 || change->fields & INET_FIELDS)
        put_families(&message, no_ip6, change);
    if (!up_last)
        return netlink_request(netlink, &message, error);
    begin_change(&message, NLM_F_ACK, index, name, flags); /* one answer, when neither is refused */
    return netlink_batch(netlink, &message, NULL, error);
}

int netlink_link_set(struct netlink *netlink, int index, const char *name, const struct netlink_link_change *change,
                     struct tapnet_error *error)
{
    const struct netlink_link_change no_stp = {.fields = NETLINK_LINK_NO_STP};
    bool no_ip6 = change->fields & NETLINK_LINK_NO_IP6;
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = 0;

    /* In one request the kernel looks at the delay first, and refuses one of 0 while there is a spanning tree. */
    if (change->fields & NETLINK_LINK_NO_STP && change->fields & NETLINK_LINK_NO_DELAY)
        result = send_change(netlink, index, name, &no_stp, false, error);
    if (result < 0)
        return result;
    result = send_change(netlink, index, name, change, no_ip6, &refusal);

    /* Checked by the kernel before it changes anything: a link without IPv6 (off in the kernel, an MTU below 1280). */
    if (result == -EAFNOSUPPORT && no_ip6)
        return send_change(netlink, index, name, change, false, error);
    return result < 0 ? error_set(error, result, "%s", refusal.text) : 0;
}

int netlink_link_delete(struct netlink *netlink, int index, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = index};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_DELLINK, 0, &header, sizeof(header));
    return netlink_request(netlink, &message, error);
}

int netlink_link_delete_group(struct netlink *netlink, uint32_t group, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ifinfomsg header = {.ifi_family = AF_UNSPEC};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_DELLINK, 0, &header, sizeof(header));
    netlink_put_u32(&message, IFLA_GROUP, group);
    return netlink_request(netlink, &message, error);
}
