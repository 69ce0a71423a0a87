/* SPDX-License-Identifier: MIT */
/* What a link carries (addresses, routes, neighbours) as the kernel's own messages, to be put onto another link. */
#include "netlink/item.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/advertised.h"

#ifndef IFA_PROTO
#define IFA_PROTO 11 /* Linux 5.18 */
#endif

/* What a program may say of an address; the rest says how it fares. */
#define ADDRESS_FLAGS (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)
#define LEARNT_MAX 1024 /* neighbours that spare a question; more are asked again */
#define KNOWN_STATES (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

/* The items of one dump, kept until it is whole: an interrupted one starts again. */
struct record {
    struct netlink_item item;
    uint8_t *bytes;
};

struct records {
    int index;
    const char *name;
    const struct records *addresses; /* of the same link: whose routes the kernel makes by itself */
    struct record *items;
    size_t count, capacity;
    const char *fault; /* why it can't be moved; NULL */
};

static void records_clear(void *data)
{
    struct records *records = data;

    while (records->count > 0)
        free(records->items[--records->count].bytes);
    records->fault = NULL;
}

static void records_fini(struct records *records)
{
    records_clear(records);
    free(records->items);
}

/* A copy of @message's header of @header_len bytes and of its attributes, but those whose bit is in @without. */
static int copy_message(const struct nlmsghdr *message, size_t header_len, uint64_t without, uint8_t **ret,
                        size_t *ret_len)
{
    size_t len = NLMSG_ALIGN(header_len), padded;
    const uint8_t *from = mnl_nlmsg_get_payload(message);
    uint8_t *bytes = calloc(1, NLMSG_ALIGN(message->nlmsg_len));

    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, from, header_len);
    for (size_t at = len; at + sizeof(struct nlattr) <= mnl_nlmsg_get_payload_len(message); at += padded) {
        const struct nlattr *attribute = (const void *)(from + at); /* its length has been looked at already */
        uint16_t type = attribute->nla_type & NLA_TYPE_MASK;

        padded = NLA_ALIGN(attribute->nla_len);
        if (type < 64 && without >> type & 1)
            continue;
        memcpy(bytes + len, attribute, attribute->nla_len);
        len += padded;
    }
    *ret = bytes;
    *ret_len = len;
    return 0;
}

/* *ret: NULL when there is no room for it, which records->fault says. Takes @bytes. */
static int add_record(struct records *records, enum netlink_item_kind kind, uint8_t *bytes, size_t len,
                      struct netlink_item **ret)
{
    const char *fault = len > NETLINK_ITEM_MAX                ? "something that it carries is too long to be moved"
                        : records->count == NETLINK_ITEMS_MAX ? "it carries more than can be moved: 4,096 routes"
                                                              : NULL;
    int result = fault ? 0
                       : array_reserve((void **)&records->items, &records->capacity, records->count, 1,
                                       sizeof(*records->items));

    *ret = NULL;
    if (result < 0 || fault) {
        free(bytes);
        records->fault = fault;
        return result;
    }
    records->items[records->count] = (struct record){
        .item = {kind, bytes, len, len, NETLINK_ITEM_FOREVER, NETLINK_ITEM_FOREVER}, .bytes = bytes};
    *ret = &records->items[records->count++].item;
    return 0;
}

int netlink_item_attributes(const struct netlink_item *item, size_t header_len, const struct nlattr **table,
                            uint16_t maximum)
{
    return netlink_parse_bytes(item->bytes + header_len, item->len - header_len, table, maximum);
}

/* ---- addresses ---- */

/* An IPv4 address is called like its link, unless somebody gave it a name of its own (eth0:1), which it keeps. */
static bool is_called(const struct nlattr *label, const char *name)
{
    const char *text = netlink_get_text(label);

    return text && strcmp(text, name) == 0;
}

static int read_address(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[IFA_PROTO + 1];
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    struct records *records = data;
    struct ifa_cacheinfo lifetime;
    uint64_t without = UINT64_C(1) << IFA_CACHEINFO | UINT64_C(1) << IFA_FLAGS;
    struct netlink_item *item;
    uint32_t flags;
    uint8_t *bytes;
    size_t len;
    int result;

    if (message->nlmsg_type != RTM_NEWADDR || message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, IFA_PROTO) < 0)
        return 0;
    if ((int)header->ifa_index != records->index || !ip_family_size(header->ifa_family))
        return 0;
    flags = attributes[IFA_FLAGS] ? netlink_get_u32(attributes[IFA_FLAGS]) : header->ifa_flags;
    if (is_called(attributes[IFA_LABEL], records->name))
        without |= UINT64_C(1) << IFA_LABEL;
    result = copy_message(message, sizeof(*header), without, &bytes, &len);
    if (result < 0)
        return result;
    ((struct ifaddrmsg *)(void *)bytes)->ifa_index = 0;
    ((struct ifaddrmsg *)(void *)bytes)->ifa_flags = 0;
    flags &= ADDRESS_FLAGS;
    if (flags) { /* there is room: the attribute was in the message */
        const struct nlattr attribute = {sizeof(attribute) + sizeof(flags), IFA_FLAGS};

        memcpy(bytes + len, &attribute, sizeof(attribute));
        memcpy(bytes + len + sizeof(attribute), &flags, sizeof(flags));
        len += sizeof(attribute) + sizeof(flags);
    }
    result = add_record(records, NETLINK_ITEM_ADDRESS, bytes, len, &item);
    if (result == 0 && item && netlink_get_bytes(attributes[IFA_CACHEINFO], &lifetime, sizeof(lifetime))) {
        item->valid = lifetime.ifa_valid;
        item->preferred = lifetime.ifa_prefered;
    }
    return result;
}

bool netlink_item_address(const struct netlink_item *item, struct ip_address *ret)
{
    const struct nlattr *attributes[IFA_PROTO + 1];
    const struct ifaddrmsg *header = (const void *)item->bytes;
    struct ip_address address = {0};

    if (item->kind != NETLINK_ITEM_ADDRESS || item->len < sizeof(*header) || !ip_family_size(header->ifa_family) ||
        netlink_item_attributes(item, sizeof(*header), attributes, IFA_PROTO) < 0 ||
        !netlink_get_bytes(attributes[attributes[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS], address.bytes,
                           ip_family_size(header->ifa_family)))
        return false;
    address.family = header->ifa_family;
    *ret = address;
    return true;
}

/* ---- routes ---- */

static bool bytes_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    uint8_t mask = (uint8_t)(0xff00u >> bits % 8);

    return memcmp(a, b, bits / 8) == 0 && (bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0);
}

/* Does the kernel make an IPv4 route to @destination with the address @item, and take it away with it? */
static bool makes_route(const struct netlink_item *item, const struct rtmsg *route, const uint8_t *destination,
                        uint32_t metric)
{
    const struct nlattr *attributes[IFA_PROTO + 1];
    const struct ifaddrmsg *header = (const void *)item->bytes;
    uint8_t address[4];

    return header->ifa_family == AF_INET && header->ifa_prefixlen == route->rtm_dst_len &&
           netlink_item_attributes(item, sizeof(*header), attributes, IFA_PROTO) == 0 &&
           !(netlink_get_u32(attributes[IFA_FLAGS]) & IFA_F_NOPREFIXROUTE) &&
           netlink_get_bytes(attributes[IFA_ADDRESS], address, sizeof(address)) &&
           metric == netlink_get_u32(attributes[IFA_RT_PRIORITY]) &&
           bytes_equal(address, destination, route->rtm_dst_len);
}

/*
 * Is it one that comes and goes by itself: of an address, of the link, or of the table `local`? An address's route of
 * IPv6 does not go by itself when the address has a lifetime, or others have its prefix.
 */
static bool is_kernels(const struct records *records, const struct rtmsg *route, const struct nlattr **attributes)
{
    uint32_t table = attributes[RTA_TABLE] ? netlink_get_u32(attributes[RTA_TABLE]) : route->rtm_table;
    uint8_t destination[16] = {0};

    if (route->rtm_flags & RTM_F_CLONED)
        return true;
    if (route->rtm_protocol != RTPROT_KERNEL)
        return false;
    if (table == RT_TABLE_LOCAL || route->rtm_type != RTN_UNICAST)
        return true;
    if (attributes[RTA_GATEWAY] || route->rtm_family != AF_INET)
        return false;
    netlink_get_bytes(attributes[RTA_DST], destination, ip_family_size(route->rtm_family));
    for (size_t i = 0; i < records->addresses->count; i++)
        if (makes_route(&records->addresses->items[i].item, route, destination,
                        netlink_get_u32(attributes[RTA_PRIORITY])))
            return true;
    return false;
}

/* The legs of a route over several gateways: those of link @index get index 0, those of others stay. False: mixed. */
static bool clear_legs(const struct nlattr *multipath, int index)
{
    uint8_t *bytes = (uint8_t *)(uintptr_t)(const void *)(multipath + 1); /* of our own copy */
    size_t left = multipath->nla_len - sizeof(*multipath);
    bool whole = true;

    while (left >= sizeof(struct rtnexthop)) {
        struct rtnexthop *leg = (void *)bytes;
        size_t len = NLMSG_ALIGN(leg->rtnh_len);

        if (leg->rtnh_len < sizeof(*leg) || leg->rtnh_len > left)
            break;
        leg->rtnh_flags &= RTNH_F_ONLINK;
        whole &= leg->rtnh_ifindex == index;
        leg->rtnh_ifindex = leg->rtnh_ifindex == index ? 0 : leg->rtnh_ifindex;
        bytes += len;
        left -= len < left ? len : left;
    }
    return whole;
}

static bool is_on_link(const struct records *records, const struct nlattr **attributes)
{
    if (attributes[RTA_MULTIPATH])
        return true; /* the kernel has filtered them */
    return (int)netlink_get_u32(attributes[RTA_OIF]) == records->index;
}

static int read_route(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[RTA_MAX + 1], *copies[RTA_MAX + 1];
    const struct rtmsg *header = mnl_nlmsg_get_payload(message);
    struct records *records = data;
    struct netlink_item *item;
    struct rta_cacheinfo cache;
    uint8_t *bytes;
    size_t len;
    int result;

    if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, RTA_MAX) < 0 || !ip_family_size(header->rtm_family))
        return 0;
    if (!is_on_link(records, attributes) || is_kernels(records, header, attributes))
        return 0;
    if (attributes[RTA_NH_ID])
        records->fault = "a route of it goes by a nexthop object (`ip nexthop`)";
    result = copy_message(message, sizeof(*header), UINT64_C(1) << RTA_OIF | UINT64_C(1) << RTA_CACHEINFO, &bytes,
                          &len);
    if (result < 0)
        return result;
    result = add_record(records, NETLINK_ITEM_ROUTE, bytes, len, &item);
    if (result < 0 || !item)
        return result;
    ((struct rtmsg *)(void *)bytes)->rtm_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
    if (netlink_item_attributes(item, sizeof(*header), copies, RTA_MAX) == 0 && copies[RTA_MULTIPATH] &&
        !clear_legs(copies[RTA_MULTIPATH], records->index) && header->rtm_family == AF_INET6)
        records->fault = "an IPv6 route leads over it and over other devices at once";
    if (header->rtm_family == AF_INET6 && netlink_get_bytes(attributes[RTA_CACHEINFO], &cache, sizeof(cache)) &&
        cache.rta_expires > 0)
        item->valid = (uint32_t)cache.rta_expires / 100; /* USER_HZ */
    return 0;
}

bool netlink_item_has_gateway(const struct netlink_item *item)
{
    const struct nlattr *attributes[RTA_MAX + 1];

    return item->kind == NETLINK_ITEM_ROUTE && item->len >= sizeof(struct rtmsg) &&
           netlink_item_attributes(item, sizeof(struct rtmsg), attributes, RTA_MAX) == 0 &&
           (attributes[RTA_GATEWAY] || attributes[RTA_VIA] || attributes[RTA_MULTIPATH]);
}

bool netlink_item_default_gateway(const struct netlink_item *item, struct ip_address *ret)
{
    const struct nlattr *attributes[RTA_MAX + 1];
    const struct rtmsg *header = (const void *)item->bytes;
    struct ip_address gateway = {0};

    if (item->kind != NETLINK_ITEM_ROUTE || item->len < sizeof(*header) || !ip_family_size(header->rtm_family) ||
        header->rtm_dst_len != 0 || header->rtm_type != RTN_UNICAST ||
        netlink_item_attributes(item, sizeof(*header), attributes, RTA_MAX) < 0 ||
        !netlink_get_bytes(attributes[RTA_GATEWAY], gateway.bytes, ip_family_size(header->rtm_family)))
        return false;
    gateway.family = header->rtm_family;
    *ret = gateway;
    return true;
}

/* ---- neighbours ---- */

/* Is it worth keeping: known to be there, or one that the host answers for? */
static bool is_kept(const struct ndmsg *header, const struct nlattr **attributes)
{
    if (header->ndm_flags & NTF_PROXY)
        return true;
    return header->ndm_state & KNOWN_STATES && header->ndm_type == RTN_UNICAST && attributes[NDA_LLADDR];
}

static bool is_for_good(const struct ndmsg *header)
{
    return header->ndm_flags & NTF_PROXY || header->ndm_state & (NUD_PERMANENT | NUD_NOARP);
}

static int read_neighbour(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[NDA_MAX + 1];
    const struct ndmsg *header = mnl_nlmsg_get_payload(message);
    struct records *records = data;
    struct netlink_item *item;
    struct ndmsg *copy;
    uint8_t *bytes;
    size_t len;
    int result;

    if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, NDA_MAX) < 0)
        return 0;
    if (header->ndm_ifindex != records->index || !ip_family_size(header->ndm_family) || !is_kept(header, attributes))
        return 0;
    if (!is_for_good(header) && records->count >= LEARNT_MAX)
        return 0;
    result = copy_message(message, sizeof(*header), UINT64_C(1) << NDA_CACHEINFO | UINT64_C(1) << NDA_PROBES, &bytes,
                          &len);
    if (result < 0)
        return result;
    copy = (void *)bytes;
    copy->ndm_ifindex = 0;
    copy->ndm_state = is_for_good(header) ? header->ndm_state : NUD_STALE;
    return add_record(records, NETLINK_ITEM_NEIGHBOUR, bytes, len, &item);
}

bool netlink_item_is_learnt(const struct netlink_item *item)
{
    return item->kind == NETLINK_ITEM_NEIGHBOUR && item->len >= sizeof(struct ndmsg) &&
           ((const struct ndmsg *)(const void *)item->bytes)->ndm_state == NUD_STALE;
}

int netlink_item_parse(const struct nlmsghdr *message, int index, const char *name, struct netlink_item *ret)
{
    struct records none = {.count = 0};
    struct records records cleanup(records_fini) = {.index = index, .name = name, .addresses = &none};
    netlink_reader *reader = message->nlmsg_type == RTM_NEWADDR    ? read_address
                             : message->nlmsg_type == RTM_NEWROUTE ? read_route
                                                                   : read_neighbour;
    int result = reader(message, &records);

    if (result < 0 || !records.count)
        return result < 0 ? result : -ENOMSG;
    *ret = records.items[0].item;
    records.items[0].bytes = NULL; /* the caller's */
    return 0;
}

/* ---- the dump ---- */

static int dump_part(struct netlink *netlink, uint16_t type, const void *header, size_t header_len, uint16_t filter,
                     netlink_reader *reader, struct records *records, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, type, 0, header, header_len);
    if (filter)
        netlink_put_u32(&message, filter, (uint32_t)records->index);
    result = netlink_dump(netlink, &message, reader, records_clear, records, error);
    return result < 0 ? error_prefix(error, result, "cannot list what the link carries") : 0;
}

static int dump_routes(struct netlink *netlink, uint8_t family, struct records *records, struct tapnet_error *error)
{
    const struct rtmsg header = {.rtm_family = family};

    return dump_part(netlink, RTM_GETROUTE, &header, sizeof(header), RTA_OIF, read_route, records, error);
}

/* Where the kernel takes what routers say, its routes and ours that stand in for them are told as the same. */
static int name_advertised(struct netlink *netlink, struct records *records, struct tapnet_error *error)
{
    struct netlink_advertised advertised;
    bool listens = true;
    int result = 0;

    for (size_t i = 0; i < records->count && result == 0 && listens; i++) {
        struct record *record = &records->items[i];

        if (!netlink_item_advertised(&record->item, &advertised))
            continue;
        result = netlink_advertised_listens(netlink, records->index, &listens, error);
        if (result == 0 && listens && netlink_advertised_name(&record->item, record->bytes) < 0)
            result = error_set(error, -ENOMEM, "out of memory");
    }
    return result;
}

/* Those with or those without a gateway. */
static int tell(const struct records *records, bool gateways, netlink_item_reader *reader, void *data)
{
    int result = 0;

    for (size_t i = 0; i < records->count && result == 0; i++)
        if (netlink_item_has_gateway(&records->items[i].item) == gateways)
            result = reader(&records->items[i].item, data);
    return result;
}

int netlink_item_dump(struct netlink *netlink, int index, const char *name, netlink_item_reader *reader, void *data,
                      const char **ret_fault, struct tapnet_error *error)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    const struct ifaddrmsg address = {.ifa_family = AF_UNSPEC, .ifa_index = (uint32_t)index};
    static const struct ndmsg kinds[] = {{.ndm_family = AF_UNSPEC}, {.ndm_family = AF_UNSPEC, .ndm_flags = NTF_PROXY}};
    struct records addresses cleanup(records_fini) = {.index = index, .name = name};
    int result = dump_part(netlink, RTM_GETADDR, &address, sizeof(address), 0, read_address, &addresses, error);
    const char *fault = addresses.fault;

    if (result == 0)
        result = tell(&addresses, false, reader, data);
    for (size_t i = 0; i < ARRAY_COUNT(families) && result == 0; i++) {
        struct records routes cleanup(records_fini) = {.index = index, .addresses = &addresses};

        result = dump_routes(netlink, families[i], &routes, error);
        result = result < 0 ? result : name_advertised(netlink, &routes, error);
        fault = fault ? fault : routes.fault;
        result = result < 0 ? result : tell(&routes, false, reader, data);
        result = result < 0 ? result : tell(&routes, true, reader, data);
    }
    for (size_t i = 0; i < ARRAY_COUNT(kinds) && result == 0; i++) {
        struct records neighbours cleanup(records_fini) = {.index = index};

        result = dump_part(netlink, RTM_GETNEIGH, &kinds[i], sizeof(kinds[i]), NDA_IFINDEX, read_neighbour, &neighbours,
                           error);
        fault = fault ? fault : neighbours.fault;
        result = result < 0 ? result : tell(&neighbours, false, reader, data);
    }
    if (result == 0)
        *ret_fault = fault;
    return result;
}
