/* SPDX-License-Identifier: MIT */
/* Conntrack entries by ctnetlink (linux/netfilter/nfnetlink_conntrack.h): forget those of an address. */
#include "netlink/conntrack.h"

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
    uint8_t tuple[TUPLE_MAX]; /* CTA_TUPLE_ORIG with its header */
    size_t tuple_len;
    uint32_t id; /* network order, as it came */
    uint16_t zone;
    bool has_zone;
};

struct search {
    const struct ip_address *addresses;
    size_t address_count;
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

static bool is_searched(const struct search *search, const struct nlattr *attribute)
{
    struct ip_address address = {.family = AF_INET};

    return netlink_get_bytes(attribute, address.bytes, 4) &&
           bsearch(&address, search->addresses, search->address_count, sizeof(address), compare_addresses);
}

static bool tuple_matches(const struct search *search, const struct nlattr *tuple)
{
    const struct nlattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1];

    if (!tuple || netlink_parse_nest(tuple, parts, CTA_TUPLE_MAX) < 0 || !parts[CTA_TUPLE_IP] ||
        netlink_parse_nest(parts[CTA_TUPLE_IP], ip, CTA_IP_MAX) < 0)
        return false;
    return is_searched(search, ip[CTA_IP_V4_SRC]) || is_searched(search, ip[CTA_IP_V4_DST]);
}

static int collect(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[CTA_MAX + 1];
    struct search *search = data;
    struct entry *entry;
    int result;

    if (netlink_parse(message, sizeof(struct nfgenmsg), attributes, CTA_MAX) < 0)
        return -EBADMSG;
    if (!tuple_matches(search, attributes[CTA_TUPLE_ORIG]) && !tuple_matches(search, attributes[CTA_TUPLE_REPLY]))
        return 0;
    if (!attributes[CTA_TUPLE_ORIG] || attributes[CTA_TUPLE_ORIG]->nla_len > TUPLE_MAX)
        return 0;
    result = array_reserve((void **)&search->entries, &search->capacity, search->count, 1, sizeof(*search->entries));
    if (result < 0)
        return result;
    entry = &search->entries[search->count++];
    *entry = (struct entry){.tuple_len = attributes[CTA_TUPLE_ORIG]->nla_len - sizeof(struct nlattr)};
    netlink_get_bytes(attributes[CTA_TUPLE_ORIG], entry->tuple, entry->tuple_len);
    netlink_get_bytes(attributes[CTA_ID], &entry->id, sizeof(entry->id));
    entry->has_zone = netlink_get_bytes(attributes[CTA_ZONE], &entry->zone, sizeof(entry->zone));
    return 0;
}

static void restart(void *data)
{
    ((struct search *)data)->count = 0;
}

static void build(struct netlink_message *message, uint8_t type)
{
    const struct nfgenmsg header = {.nfgen_family = AF_INET, .version = NFNETLINK_V0};

    netlink_message_init(message);
    netlink_begin(message, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), 0, &header, sizeof(header));
}

static int delete_entry(struct netlink *netlink, const struct entry *entry, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result;

    build(&message, IPCTNL_MSG_CT_DELETE);
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

int netlink_conntrack_forget(struct netlink *netlink, const struct ip_address *addresses, size_t count,
                             size_t *ret_count, struct tapnet_error *error)
{
    struct search search cleanup(search_fini) = {.addresses = addresses, .address_count = count};
    struct netlink_message message cleanup(netlink_message_fini);
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result;

    build(&message, IPCTNL_MSG_CT_GET);
    result = netlink_dump(netlink, &message, collect, restart, &search, &refusal);
    if (has_no_conntrack(result))
        result = 0;
    else if (result < 0)
        error_set(error, result, "%s", refusal.text);
    for (size_t i = 0; result == 0 && i < search.count; i++)
        result = delete_entry(netlink, &search.entries[i], error);
    if (result < 0)
        return error_prefix(error, result, "cannot forget tracked connections");
    if (ret_count)
        *ret_count = search.count;
    return 0;
}
