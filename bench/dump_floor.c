/* SPDX-License-Identifier: MIT */
/* The floor of looking: one dump each of links, addresses and the tables of ours, received and thrown away. */

/*
 * How it works: `dump_floor TABLE FAMILY...` asks for all links, all addresses, and, for each family (inet, bridge),
 * for the tables, chains, rules and sets of TABLE and the elements of each of its sets. Nothing is parsed but the sets'
 * names, which the requests for their elements need. Microseconds and counts are printed as JSON.
 */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "request.h"

#define SETS_MAX 64
#define NAME_MAX_LEN 64

struct names {
    char items[SETS_MAX][NAME_MAX_LEN];
    size_t count;
};

static int read_attribute(const struct nlattr *attribute, void *data)
{
    struct names *names = data;

    if (mnl_attr_get_type(attribute) == NFTA_SET_NAME && names->count < SETS_MAX)
        snprintf(names->items[names->count++], NAME_MAX_LEN, "%s", mnl_attr_get_str(attribute));
    return MNL_CB_OK;
}

static int read_set_name(const struct nlmsghdr *message, void *data)
{
    return mnl_attr_parse(message, sizeof(struct nfgenmsg), read_attribute, data);
}

static struct nlmsghdr *nft_begin(void *buffer, uint16_t type, uint8_t family)
{
    struct nfgenmsg header = {.nfgen_family = family, .version = NFNETLINK_V0};

    return request_begin(buffer, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), 0, &header, sizeof(header));
}

/* One dump of @type, of what belongs to @table: @attribute is the one that names it. */
static size_t dump_part(struct mnl_socket *netfilter, uint16_t type, uint16_t attribute, uint8_t family,
                        const char *table, struct names *names)
{
    char buffer[256];
    struct nlmsghdr *message = nft_begin(buffer, type, family);

    if (attribute)
        mnl_attr_put_strz(message, attribute, table);
    return request_dump(netfilter, message, names ? read_set_name : NULL, names, "dump the ruleset");
}

static size_t dump_elements(struct mnl_socket *netfilter, uint8_t family, const char *table, const char *set)
{
    char buffer[256];
    struct nlmsghdr *message = nft_begin(buffer, NFT_MSG_GETSETELEM, family);

    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table);
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set);
    return request_dump(netfilter, message, NULL, NULL, "dump the elements");
}

static size_t dump_family(struct mnl_socket *netfilter, uint8_t family, const char *table)
{
    struct names names = {.count = 0};
    size_t messages = dump_part(netfilter, NFT_MSG_GETTABLE, 0, family, table, NULL);

    messages += dump_part(netfilter, NFT_MSG_GETCHAIN, 0, family, table, NULL);
    messages += dump_part(netfilter, NFT_MSG_GETRULE, NFTA_RULE_TABLE, family, table, NULL);
    messages += dump_part(netfilter, NFT_MSG_GETSET, NFTA_SET_TABLE, family, table, &names);
    for (size_t i = 0; i < names.count; i++)
        messages += dump_elements(netfilter, family, table, names.items[i]);
    return messages;
}

static size_t dump_links(struct mnl_socket *route)
{
    char buffer[256];
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC};

    return request_dump(route, request_begin(buffer, RTM_GETLINK, 0, &header, sizeof(header)), NULL, NULL,
                        "dump links");
}

static size_t dump_addresses(struct mnl_socket *route)
{
    char buffer[256];
    struct ifaddrmsg header = {.ifa_family = AF_UNSPEC};

    return request_dump(route, request_begin(buffer, RTM_GETADDR, 0, &header, sizeof(header)), NULL, NULL,
                        "dump addresses");
}

int main(int count, char **words)
{
    struct mnl_socket *route, *netfilter;
    uint64_t start, linked, done;
    size_t links, addresses, messages = 0;

    if (count < 3) {
        fputs("usage: dump_floor TABLE inet|bridge...\n", stderr);
        return 2;
    }
    route = request_open(NETLINK_ROUTE);
    netfilter = request_open(NETLINK_NETFILTER);
    start = request_now_usec();
    links = dump_links(route);
    addresses = dump_addresses(route);
    linked = request_now_usec();
    for (int i = 2; i < count; i++)
        messages += dump_family(netfilter, strcmp(words[i], "inet") ? NFPROTO_BRIDGE : NFPROTO_INET, words[1]);
    done = request_now_usec();
    printf("{\"links\": %zu, \"addresses\": %zu, \"messages\": %zu, \"links_usec\": %lu, \"ruleset_usec\": %lu, "
           "\"usec\": %lu}\n",
           links, addresses, messages, linked - start, done - linked, done - start);
    mnl_socket_close(netfilter);
    mnl_socket_close(route);
    return 0;
}
