/* SPDX-License-Identifier: MIT */
/* Bridges, their ports and their forwarding database by rtnetlink (linux/if_link.h, linux/neighbour.h). */
#include "netlink/bridge.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* ---- reading links ---- */

static void parse_id(const struct nlattr *attribute, struct tapnet_bridge_id *ret)
{
    netlink_get_bytes(attribute, ret, sizeof(*ret));
}

static void parse_bridge(const struct nlattr *data, struct tapnet_bridge *bridge)
{
    const struct nlattr *values[IFLA_BR_MAX + 1];

    if (netlink_parse_nest(data, values, IFLA_BR_MAX) < 0)
        return;
    parse_id(values[IFLA_BR_BRIDGE_ID], &bridge->id);
    parse_id(values[IFLA_BR_ROOT_ID], &bridge->root);
    bridge->root_port = netlink_get_u16(values[IFLA_BR_ROOT_PORT]);
    bridge->root_path_cost = netlink_get_u32(values[IFLA_BR_ROOT_PATH_COST]);
    bridge->stp = netlink_get_u32(values[IFLA_BR_STP_STATE]);
    bridge->max_age_csec = netlink_get_u32(values[IFLA_BR_MAX_AGE]);
    bridge->hello_time_csec = netlink_get_u32(values[IFLA_BR_HELLO_TIME]);
    bridge->forward_delay_csec = netlink_get_u32(values[IFLA_BR_FORWARD_DELAY]);
    bridge->ageing_time_csec = netlink_get_u32(values[IFLA_BR_AGEING_TIME]);
    bridge->topology_change = netlink_get_u8(values[IFLA_BR_TOPOLOGY_CHANGE]);
    bridge->topology_change_detected = netlink_get_u8(values[IFLA_BR_TOPOLOGY_CHANGE_DETECTED]);
    bridge->hello_timer_csec = netlink_get_u64(values[IFLA_BR_HELLO_TIMER]);
    bridge->tcn_timer_csec = netlink_get_u64(values[IFLA_BR_TCN_TIMER]);
    bridge->topology_change_timer_csec = netlink_get_u64(values[IFLA_BR_TOPOLOGY_CHANGE_TIMER]);
    bridge->gc_timer_csec = netlink_get_u64(values[IFLA_BR_GC_TIMER]);
}

static void parse_port(const struct nlattr *data, struct tapnet_bridge_port *port)
{
    const struct nlattr *values[IFLA_BRPORT_MAX + 1];

    if (netlink_parse_nest(data, values, IFLA_BRPORT_MAX) < 0)
        return;
    port->number = netlink_get_u16(values[IFLA_BRPORT_NO]);
    port->id = netlink_get_u16(values[IFLA_BRPORT_ID]);
    port->state = netlink_get_u8(values[IFLA_BRPORT_STATE]);
    port->path_cost = netlink_get_u32(values[IFLA_BRPORT_COST]);
    parse_id(values[IFLA_BRPORT_ROOT_ID], &port->designated_root);
    parse_id(values[IFLA_BRPORT_BRIDGE_ID], &port->designated_bridge);
    port->designated_port = netlink_get_u16(values[IFLA_BRPORT_DESIGNATED_PORT]);
    port->designated_cost = netlink_get_u16(values[IFLA_BRPORT_DESIGNATED_COST]);
    port->topology_change_ack = netlink_get_u8(values[IFLA_BRPORT_TOPOLOGY_CHANGE_ACK]);
    port->config_pending = netlink_get_u8(values[IFLA_BRPORT_CONFIG_PENDING]);
    port->hairpin = netlink_get_u8(values[IFLA_BRPORT_MODE]);
    port->message_age_timer_csec = netlink_get_u64(values[IFLA_BRPORT_MESSAGE_AGE_TIMER]);
    port->forward_delay_timer_csec = netlink_get_u64(values[IFLA_BRPORT_FORWARD_DELAY_TIMER]);
    port->hold_timer_csec = netlink_get_u64(values[IFLA_BRPORT_HOLD_TIMER]);
}

static bool is_text(const struct nlattr *attribute, const char *text)
{
    const char *found = netlink_get_text(attribute);

    return found && strcmp(found, text) == 0;
}

int netlink_bridge_parse(const struct nlmsghdr *message, struct netlink_bridge_link *ret)
{
    const struct nlattr *attributes[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    struct netlink_bridge_link link = {0};

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, IFLA_MAX) < 0 ||
        netlink_get_ifname(attributes[IFLA_IFNAME], link.bridge.name, sizeof(link.bridge.name)) < 0 ||
        netlink_parse_nest(attributes[IFLA_LINKINFO], info, IFLA_INFO_MAX) < 0)
        return -EBADMSG;
    link.index = link.bridge.index = link.port.index = header->ifi_index;
    link.master_index = (int)netlink_get_u32(attributes[IFLA_MASTER]);
    link.bridge.up = header->ifi_flags & IFF_UP;
    memcpy(link.port.name, link.bridge.name, sizeof(link.port.name));
    link.is_bridge = is_text(info[IFLA_INFO_KIND], "bridge");
    if (link.is_bridge)
        parse_bridge(info[IFLA_INFO_DATA], &link.bridge);
    link.is_port = is_text(info[IFLA_INFO_SLAVE_KIND], "bridge");
    if (link.is_port)
        parse_port(info[IFLA_INFO_SLAVE_DATA], &link.port);
    *ret = link;
    return 0;
}

struct link_call {
    struct netlink_call outer;
    netlink_bridge_reader *reader;
};

static int read_link(const struct nlmsghdr *message, void *data)
{
    const struct link_call *call = data;
    struct netlink_bridge_link link;
    int result;

    if (message->nlmsg_type != RTM_NEWLINK)
        return 0;
    result = netlink_bridge_parse(message, &link);
    return result < 0 ? result : call->reader(&link, call->outer.data);
}

int netlink_bridge_dump(struct netlink *netlink, netlink_bridge_reader *reader, netlink_restart *restart, void *data,
                        struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct link_call call = {{restart, data}, reader};
    const struct ifinfomsg header = {.ifi_family = AF_UNSPEC};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETLINK, 0, &header, sizeof(header));
    netlink_put_u32(&message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return netlink_dump(netlink, &message, read_link, netlink_call_restart, &call, error);
}

int netlink_bridge_get(struct netlink *netlink, const char *name, netlink_bridge_reader *reader, void *data,
                       struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct link_call call = {{NULL, data}, reader};
    const struct ifinfomsg header = {.ifi_family = AF_UNSPEC};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETLINK, 0, &header, sizeof(header));
    netlink_put_text(&message, IFLA_IFNAME, name);
    netlink_put_u32(&message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return netlink_query(netlink, &message, read_link, &call, error);
}

/* ---- reading the forwarding database ---- */

struct mac_call {
    struct netlink_call outer;
    netlink_bridge_mac_reader *reader;
};

int netlink_bridge_mac_parse(const struct nlmsghdr *message, struct netlink_bridge_mac *ret)
{
    const struct nlattr *attributes[NDA_MAX + 1];
    const struct ndmsg *header = mnl_nlmsg_get_payload(message);
    struct netlink_bridge_mac entry = {0};
    struct nda_cacheinfo ages;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, NDA_MAX) < 0 ||
        !netlink_get_bytes(attributes[NDA_LLADDR], entry.mac.bytes, sizeof(entry.mac.bytes)))
        return -EBADMSG;
    entry.port_index = header->ndm_ifindex;
    entry.master_index = (int)netlink_get_u32(attributes[NDA_MASTER]);
    entry.local = header->ndm_state & NUD_PERMANENT;
    /* One that was entered by hand or is local stays: its age says nothing. */
    if (!(header->ndm_state & (NUD_PERMANENT | NUD_NOARP)) &&
        netlink_get_bytes(attributes[NDA_CACHEINFO], &ages, sizeof(ages)))
        entry.age_csec = ages.ndm_updated;
    *ret = entry;
    return 0;
}

static int read_mac(const struct nlmsghdr *message, void *data)
{
    const struct mac_call *call = data;
    struct netlink_bridge_mac entry;

    /* A device's own unicast list is in the same dump, without a master; and addresses of other lengths. */
    if (message->nlmsg_type != RTM_NEWNEIGH || netlink_bridge_mac_parse(message, &entry) < 0 || !entry.master_index)
        return 0;
    return call->reader(&entry, call->outer.data);
}

int netlink_bridge_mac_dump(struct netlink *netlink, netlink_bridge_mac_reader *reader, netlink_restart *restart,
                            void *data, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct mac_call call = {{restart, data}, reader};
    const struct ndmsg header = {.ndm_family = AF_BRIDGE};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETNEIGH, 0, &header, sizeof(header));
    return netlink_dump(netlink, &message, read_mac, netlink_call_restart, &call, error);
}

/* ---- changing ---- */

struct attribute {
    uint16_t type;
    uint8_t size; /* bytes that the kernel takes */
};

static void put_value(struct netlink_message *message, struct attribute attribute, uint32_t value)
{
    if (attribute.size == 1)
        netlink_put_u8(message, attribute.type, (uint8_t)value);
    else if (attribute.size == 2)
        netlink_put_u16(message, attribute.type, (uint16_t)value);
    else
        netlink_put_u32(message, attribute.type, value);
}

/* One attribute of link @index, below @kind_type ("bridge") and @data_type. */
static int set_value(struct netlink *netlink, int index, uint16_t kind_type, uint16_t data_type,
                     struct attribute attribute, uint32_t value, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    size_t information, data;

    if (attribute.size < sizeof(value) && value >> 8 * attribute.size)
        return error_set_errno(error, -ERANGE, "cannot set %u", value);
    netlink_message_init(&message);
    netlink_begin(&message, RTM_NEWLINK, 0, &header, sizeof(header));
    information = netlink_nest_begin(&message, IFLA_LINKINFO);
    netlink_put_text(&message, kind_type, "bridge");
    data = netlink_nest_begin(&message, data_type);
    put_value(&message, attribute, value);
    netlink_nest_end(&message, data);
    netlink_nest_end(&message, information);
    return netlink_request(netlink, &message, error);
}

/* As one that was learnt: in the place of what the bridge thinks of it now. */
int netlink_bridge_mac_add(struct netlink *netlink, int index, const struct mac *mac, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ndmsg header = {
        .ndm_family = AF_BRIDGE, .ndm_ifindex = index, .ndm_state = NUD_REACHABLE, .ndm_flags = NTF_MASTER};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));
    netlink_put(&message, NDA_LLADDR, mac->bytes, sizeof(mac->bytes));
    return netlink_request(netlink, &message, error);
}

int netlink_bridge_set(struct netlink *netlink, int index, enum tapnet_bridge_option option, uint32_t value,
                       struct tapnet_error *error)
{
    static const struct attribute attributes[] = {
        [TAPNET_BRIDGE_STP] = {IFLA_BR_STP_STATE, 4},
        [TAPNET_BRIDGE_PRIORITY] = {IFLA_BR_PRIORITY, 2},
        [TAPNET_BRIDGE_FORWARD_DELAY] = {IFLA_BR_FORWARD_DELAY, 4},
        [TAPNET_BRIDGE_HELLO_TIME] = {IFLA_BR_HELLO_TIME, 4},
        [TAPNET_BRIDGE_MAX_AGE] = {IFLA_BR_MAX_AGE, 4},
        [TAPNET_BRIDGE_AGEING_TIME] = {IFLA_BR_AGEING_TIME, 4},
    };

    return set_value(netlink, index, IFLA_INFO_KIND, IFLA_INFO_DATA, attributes[option], value, error);
}

int netlink_bridge_port_set(struct netlink *netlink, int index, enum tapnet_bridge_port_option option, uint32_t value,
                            struct tapnet_error *error)
{
    static const struct attribute attributes[] = {
        [TAPNET_BRIDGE_PORT_PATH_COST] = {IFLA_BRPORT_COST, 4},
        [TAPNET_BRIDGE_PORT_PRIORITY] = {IFLA_BRPORT_PRIORITY, 2},
        [TAPNET_BRIDGE_PORT_HAIRPIN] = {IFLA_BRPORT_MODE, 1},
    };

    return set_value(netlink, index, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA, attributes[option], value, error);
}
