/* SPDX-License-Identifier: MIT */
/* Conntrack entries by ctnetlink (linux/netfilter/nfnetlink_conntrack.h): forget those of an address, of a forward. */
#include "netlink/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"

/*
 * How it works: the table is dumped once; of every entry that touches one of the addresses the original tuple, the zone
 * and the id are kept as they came, which is what a delete request wants to hear; then each is deleted.
 */

#define TUPLE_MAX 128

struct entry {
    uint8_t family;
    uint8_t tuple[TUPLE_MAX]; /* CTA_TUPLE_ORIG with its header */
    size_t tuple_len;
    uint32_t id; /* network order, as it came */
    uint16_t zone;
    bool has_zone;
};

/* One direction of an entry; no family where it has no addresses. */
struct tuple {
    struct ip_address source, destination;
    uint8_t protocol;
    uint16_t destination_port; /* 0: the protocol has none */
};

struct search {
    const struct ip_address *addresses; /* of those that are forgotten, or of the host */
    size_t address_count;
    const struct netlink_conntrack_forward *forwards;
    size_t forward_count;
    bool (*matches)(const struct search *search, const struct tuple *original, const struct tuple *reply);
    struct entry *entries;
    size_t count, capacity;
};

static void search_fini(struct search *search)
{
    free(search->entries);
}

static int compare_addresses(const void *a, const void *b)
{
    return ip_address_compare(a, b);
}

static bool is_among(const struct search *search, const struct ip_address *address)
{
    return address->family && search->address_count &&
           bsearch(address, search->addresses, search->address_count, sizeof(*address), compare_addresses);
}

static bool matches_address(const struct search *search, const struct tuple *original, const struct tuple *reply)
{
    return is_among(search, &original->source) || is_among(search, &original->destination) ||
           is_among(search, &reply->source) || is_among(search, &reply->destination);
}

/* A connection by another family than the guest's to the same port is none of theirs. */
static bool matches_forward(const struct search *search, const struct tuple *original, const struct tuple *reply)
{
    for (size_t i = 0; i < search->forward_count; i++) {
        const struct netlink_conntrack_forward *forward = &search->forwards[i];

        if (original->destination.family != forward->guest.family || original->protocol != forward->protocol ||
            original->destination_port < forward->first || original->destination_port > forward->last ||
            (forward->address.family && !ip_address_equal(&forward->address, &original->destination)))
            continue;
        if (forward->comes
                ? ip_address_equal(&reply->source, &original->destination) && is_among(search, &original->destination)
                : ip_address_equal(&reply->source, &forward->guest))
            return true;
    }
    return false;
}

/* Leaves @ret as it is where @attribute is missing or too short. */
static void read_address(const struct nlattr *attribute, uint8_t family, struct ip_address *ret)
{
    if (netlink_get_bytes(attribute, ret->bytes, ip_family_size(family)))
        ret->family = family;
}

/* What of @nest is not there stays empty. */
static struct tuple read_tuple(const struct nlattr *nest)
{
    const struct nlattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *protocol[CTA_PROTO_MAX + 1];
    struct tuple tuple = {0};
    uint16_t port = 0;

    if (!nest || netlink_parse_nest(nest, parts, CTA_TUPLE_MAX) < 0)
        return tuple;
    if (parts[CTA_TUPLE_IP] && netlink_parse_nest(parts[CTA_TUPLE_IP], ip, CTA_IP_MAX) == 0) {
        read_address(ip[CTA_IP_V4_SRC], AF_INET, &tuple.source);
        read_address(ip[CTA_IP_V4_DST], AF_INET, &tuple.destination);
        read_address(ip[CTA_IP_V6_SRC], AF_INET6, &tuple.source);
        read_address(ip[CTA_IP_V6_DST], AF_INET6, &tuple.destination);
    }
    if (parts[CTA_TUPLE_PROTO] && netlink_parse_nest(parts[CTA_TUPLE_PROTO], protocol, CTA_PROTO_MAX) == 0) {
        netlink_get_bytes(protocol[CTA_PROTO_NUM], &tuple.protocol, sizeof(tuple.protocol));
        netlink_get_bytes(protocol[CTA_PROTO_DST_PORT], &port, sizeof(port));
    }
    tuple.destination_port = ntohs(port);
    return tuple;
}

static int collect(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[CTA_MAX + 1];
    struct search *search = data;
    struct tuple original, reply;
    struct entry *entry;
    int result;

    if (netlink_parse(message, sizeof(struct nfgenmsg), attributes, CTA_MAX) < 0)
        return -EBADMSG;
    original = read_tuple(attributes[CTA_TUPLE_ORIG]);
    reply = read_tuple(attributes[CTA_TUPLE_REPLY]);
    if (!search->matches(search, &original, &reply))
        return 0;
    if (!attributes[CTA_TUPLE_ORIG] || attributes[CTA_TUPLE_ORIG]->nla_len > TUPLE_MAX)
        return 0;
    result = array_reserve((void **)&search->entries, &search->capacity, search->count, 1, sizeof(*search->entries));
    if (result < 0)
        return result;
    entry = &search->entries[search->count++];
    *entry = (struct entry){
        .family = ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family,
        .tuple_len = attributes[CTA_TUPLE_ORIG]->nla_len - sizeof(struct nlattr),
    };
    netlink_get_bytes(attributes[CTA_TUPLE_ORIG], entry->tuple, entry->tuple_len);
    netlink_get_bytes(attributes[CTA_ID], &entry->id, sizeof(entry->id));
    entry->has_zone = netlink_get_bytes(attributes[CTA_ZONE], &entry->zone, sizeof(entry->zone));
    return 0;
}

static void restart(void *data)
{
    ((struct search *)data)->count = 0;
}

static void build(struct netlink_message *message, uint8_t type, uint8_t family)
{
    const struct nfgenmsg header = {.nfgen_family = family, .version = NFNETLINK_V0};

    netlink_message_init(message);
    netlink_begin(message, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), 0, &header, sizeof(header));
}

static int delete_entry(struct netlink *netlink, const struct entry *entry, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result;

    build(&message, IPCTNL_MSG_CT_DELETE, entry->family);
    netlink_put(&message, CTA_TUPLE_ORIG | NLA_F_NESTED, entry->tuple, entry->tuple_len);
    netlink_put(&message, CTA_ID, &entry->id, sizeof(entry->id));
    if (entry->has_zone)
        netlink_put(&message, CTA_ZONE, &entry->zone, sizeof(entry->zone));
    result = netlink_request(netlink, &message, &refusal);
    if (result == -ENOENT) /* it went by itself */
        return 0;
    return result < 0 ? error_set(error, result, "%s", refusal.text) : 0;
}

/* A kernel without ctnetlink answers so (EINVAL: a subsystem that nobody registered): there is nothing to forget. */
static bool has_no_conntrack(int result)
{
    return result == -EOPNOTSUPP || result == -EPROTONOSUPPORT || result == -EINVAL;
}

static int read_count(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[CTA_STATS_GLOBAL_MAX + 1];

    if (netlink_parse(message, sizeof(struct nfgenmsg), attributes, CTA_STATS_GLOBAL_MAX) < 0)
        return -EBADMSG;
    if (attributes[CTA_STATS_GLOBAL_ENTRIES])
        *(bool *)data = netlink_get_u32(attributes[CTA_STATS_GLOBAL_ENTRIES]) != 0;
    return 0;
}

/*
 * Has this network namespace any? The kernel keeps those of all namespaces in one table, and goes through all of it in
 * some milliseconds. True also when it does not tell.
 */
static bool has_any(struct netlink *netlink)
{
    struct netlink_message message cleanup(netlink_message_fini);
    bool any = true;

    build(&message, IPCTNL_MSG_CT_GET_STATS, AF_UNSPEC);
    return netlink_query(netlink, &message, read_count, &any, NULL) < 0 || any;
}

/* Collects what @search matches. */
static int find(struct netlink *netlink, struct search *search, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result;

    netlink_message_init(&message);
    if (!has_any(netlink))
        return 0;
    build(&message, IPCTNL_MSG_CT_GET, AF_UNSPEC);
    result = netlink_dump(netlink, &message, collect, restart, search, &refusal);
    if (has_no_conntrack(result))
        return 0;
    return result < 0 ? error_set(error, result, "%s", refusal.text) : 0;
}

/* Deletes what @search matches. */
static int forget(struct netlink *netlink, struct search *search, size_t *ret_count, struct tapnet_error *error)
{
    int result = find(netlink, search, error);

    for (size_t i = 0; result == 0 && i < search->count; i++)
        result = delete_entry(netlink, &search->entries[i], error);
    if (result < 0)
        return error_prefix(error, result, "cannot forget tracked connections");
    if (ret_count)
        *ret_count = search->count;
    return 0;
}

int netlink_conntrack_forget(struct netlink *netlink, const struct ip_address *addresses, size_t count,
                             size_t *ret_count, struct tapnet_error *error)
{
    struct search search cleanup(search_fini) = {
        .addresses = addresses, .address_count = count, .matches = matches_address};

    return forget(netlink, &search, ret_count, error);
}

int netlink_conntrack_forget_forwards(struct netlink *netlink, const struct netlink_conntrack_forward *forwards,
                                      size_t count, const struct ip_address *addresses, size_t address_count,
                                      size_t *ret_count, struct tapnet_error *error)
{
    struct search search cleanup(search_fini) = {.addresses = addresses,
                                                 .address_count = address_count,
                                                 .forwards = forwards,
                                                 .forward_count = count,
                                                 .matches = matches_forward};

    return forget(netlink, &search, ret_count, error);
}

/* Who answers sends to one of the addresses, and who asked is somebody else. */
static bool matches_masqueraded(const struct search *search, const struct tuple *original, const struct tuple *reply)
{
    return is_among(search, &reply->destination) && original->source.family &&
           !ip_address_equal(&original->source, &reply->destination);
}

int netlink_conntrack_count_masqueraded(struct netlink *netlink, const struct ip_address *addresses, size_t count,
                                        size_t *ret_count, struct tapnet_error *error)
{
    struct search search cleanup(search_fini) = {
        .addresses = addresses, .address_count = count, .matches = matches_masqueraded};
    int result = find(netlink, &search, error);

    if (result < 0)
        return error_prefix(error, result, "cannot list tracked connections");
    *ret_count = search.count;
    return 0;
}
