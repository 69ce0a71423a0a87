/* SPDX-License-Identifier: MIT */
/* The kernel's floor, the half of it that is nftables: the sets that N ports of one network need at least. */
#include "floor.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

#define TABLE "floor"
#define KEY_LEN_MAX 40
#define DATA_LEN_MAX 20         /* an address of IPv6 and a port */
#define ELEMENTS_LEN_MAX 60000u /* an attribute's length has 16 bits */

/* As nft(8) numbers them. */
enum { TYPE_IP4 = 7, TYPE_IP6 = 8, TYPE_MAC = 9, TYPE_PORT = 13, TYPE_MARK = 19, TYPE_IFNAME = 41, TYPE_BITS = 6 };
#define TYPES2(first, second) ((first) << TYPE_BITS | (second))
#define TYPES3(first, second, third) (TYPES2(first, second) << TYPE_BITS | (third))

/* What of a port a set is about, in the order of its key's fields. */
enum {
    HAS_UPLINK_FIRST = 1,
    HAS_IFNAME = 2,
    HAS_MARK = 4,
    HAS_MAC = 8,
    HAS_IP4 = 16,
    HAS_GATEWAY = 32,
    HAS_PORT = 64,
    HAS_UPLINK = 128,
    HAS_IP6 = 256,
    HAS_GATEWAY6 = 512,
    HAS_ROUTER6 = 1024,
};

struct set {
    const char *name; /* NULL: more of the one above */
    uint32_t key_type;
    unsigned fields;
    uint32_t maps_to; /* its type; 0: it is no map */
    bool limits;
    uint8_t family;
};

/*
 * What tapnet keeps of each port whose guest's MAC no file names: what it is called, in which network it is, what was
 * proposed and may be used there, what is taken, and how much it may send to groups.
 */
static const struct set bridged_sets[] = {
    {"ports", TYPE_IFNAME, HAS_IFNAME, 0, false, NFPROTO_BRIDGE},
    {"networks", TYPE_IFNAME, HAS_IFNAME, 0, false, NFPROTO_BRIDGE},
    {"port_networks", TYPE_IFNAME, HAS_IFNAME, TYPE_MARK, false, NFPROTO_BRIDGE},
    {"proposed_macs", TYPES2(TYPE_IFNAME, TYPE_MAC), HAS_IFNAME | HAS_MAC, 0, false, NFPROTO_BRIDGE},
    {"open_addresses", TYPES2(TYPE_IFNAME, TYPE_IP4), HAS_IFNAME | HAS_IP4, 0, false, NFPROTO_BRIDGE},
    {"network_macs", TYPES2(TYPE_MARK, TYPE_MAC), HAS_MARK | HAS_MAC, 0, false, NFPROTO_BRIDGE},
    {"group_limits", TYPE_IFNAME, HAS_IFNAME, 0, true, NFPROTO_BRIDGE},
};

/* The same of a port without a bridge whose guest's MAC the file names: whose it is, what serves it, ... */
#define WITHOUT_BRIDGE                                                                                                 \
    {"networks", TYPE_IFNAME, HAS_IFNAME, 0, false, NFPROTO_INET},                                                     \
        {"routed_ports", TYPE_IFNAME, HAS_IFNAME, 0, false, NFPROTO_INET},                                             \
        {"routed_macs", TYPES2(TYPE_IFNAME, TYPE_MAC), HAS_IFNAME | HAS_MAC, 0, false, NFPROTO_INET},                  \
        {"routed_addresses", TYPES3(TYPE_IFNAME, TYPE_MAC, TYPE_IP4), HAS_IFNAME | HAS_MAC | HAS_IP4, 0, false,        \
         NFPROTO_INET},                                                                                                \
        {"gateways", TYPES2(TYPE_IFNAME, TYPE_IP4), HAS_IFNAME | HAS_GATEWAY, 0, false, NFPROTO_INET},                 \
        {"dns_ports", TYPES2(TYPE_IFNAME, TYPE_IP4), HAS_IFNAME | HAS_GATEWAY, TYPE_PORT, false, NFPROTO_INET},        \
        {"dns_served", TYPES3(TYPE_IFNAME, TYPE_IP4, TYPE_PORT), HAS_IFNAME | HAS_GATEWAY | HAS_PORT, 0, false,        \
         NFPROTO_INET},                                                                                                \
        {"arp_ports", TYPE_IFNAME, HAS_IFNAME, 0, false, NFPROTO_ARP},                                                 \
    {                                                                                                                  \
        "arp_addresses", TYPES3(TYPE_IFNAME, TYPE_MAC, TYPE_IP4), HAS_IFNAME | HAS_MAC | HAS_IP4, 0, false,            \
            NFPROTO_ARP                                                                                                \
    }

/* ... and its ways out and in: in mode routed as it is, ... */
static const struct set routed_sets[] = {
    WITHOUT_BRIDGE,
    {"ways", TYPES2(TYPE_IFNAME, TYPE_IFNAME), HAS_IFNAME | HAS_UPLINK, 0, false, NFPROTO_INET},
    {NULL, 0, HAS_UPLINK_FIRST | HAS_IFNAME, 0, false, NFPROTO_INET},
};

/* ... in mode nat with the host's address. */
static const struct set spread_sets[] = {
    WITHOUT_BRIDGE,
    {"egress", TYPES2(TYPE_IFNAME, TYPE_IFNAME), HAS_IFNAME | HAS_UPLINK, 0, false, NFPROTO_INET},
    {"paths", TYPES2(TYPE_IFNAME, TYPE_IFNAME), HAS_IFNAME | HAS_UPLINK, 0, false, NFPROTO_INET},
    {NULL, 0, HAS_UPLINK_FIRST | HAS_IFNAME, 0, false, NFPROTO_INET},
};

/* The same with IPv6, and without an uplink of that: the host's addresses, its DNS, and what the guest sends from. */
static const struct set spread6_sets[] = {
    WITHOUT_BRIDGE,
    {"egress", TYPES2(TYPE_IFNAME, TYPE_IFNAME), HAS_IFNAME | HAS_UPLINK, 0, false, NFPROTO_INET},
    {"paths", TYPES2(TYPE_IFNAME, TYPE_IFNAME), HAS_IFNAME | HAS_UPLINK, 0, false, NFPROTO_INET},
    {NULL, 0, HAS_UPLINK_FIRST | HAS_IFNAME, 0, false, NFPROTO_INET},
    {"routed_ports6", TYPE_IFNAME, HAS_IFNAME, 0, false, NFPROTO_INET},
    {"routed_addresses6", TYPES3(TYPE_IFNAME, TYPE_MAC, TYPE_IP6), HAS_IFNAME | HAS_MAC | HAS_IP6, 0, false,
     NFPROTO_INET},
    {"gateways6", TYPES2(TYPE_IFNAME, TYPE_IP6), HAS_IFNAME | HAS_GATEWAY6, 0, false, NFPROTO_INET},
    {NULL, 0, HAS_IFNAME | HAS_ROUTER6, 0, false, NFPROTO_INET},
    {"dns_ports6", TYPES2(TYPE_IFNAME, TYPE_IP6), HAS_IFNAME | HAS_GATEWAY6, TYPES2(TYPE_IP6, TYPE_PORT), false,
     NFPROTO_INET},
    {"dns_served6", TYPES3(TYPE_IFNAME, TYPE_IP6, TYPE_PORT), HAS_IFNAME | HAS_GATEWAY6 | HAS_PORT, 0, false,
     NFPROTO_INET},
};

const struct kind bridged = {bridged_sets, sizeof(bridged_sets) / sizeof(bridged_sets[0]), PORTS_MAX, false, false};
const struct kind routed = {routed_sets, sizeof(routed_sets) / sizeof(routed_sets[0]), ROUTED_MAX, true, false};
const struct kind spread = {spread_sets, sizeof(spread_sets) / sizeof(spread_sets[0]), ROUTED_MAX, true, false};
const struct kind spread6 = {spread6_sets, sizeof(spread6_sets) / sizeof(spread6_sets[0]), ROUTED_MAX, true, true};

/* ---- messages ---- */

/* The messages of one transaction, one behind the other. */
struct batch {
    char *bytes;
    size_t len;
    uint8_t family; /* of what comes next */
};

static struct nlmsghdr *batch_begin(struct batch *batch, uint16_t type, uint16_t flags)
{
    struct nfgenmsg header = {.nfgen_family = batch->family, .version = NFNETLINK_V0};
    uint16_t subsystem = NFNL_SUBSYS_NFTABLES << 8;

    if (type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END) {
        header = (struct nfgenmsg){.nfgen_family = AF_UNSPEC, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
        subsystem = 0;
    }
    return request_begin(batch->bytes + batch->len, (uint16_t)(subsystem | type), flags, &header, sizeof(header));
}

static void batch_end(struct batch *batch, const struct nlmsghdr *message)
{
    batch->len += MNL_ALIGN(message->nlmsg_len);
}

/* The sets of a family need not stand together: one that is there already is no mistake. */
static void put_table(struct batch *batch)
{
    struct nlmsghdr *message = batch_begin(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);

    mnl_attr_put_strz(message, NFTA_TABLE_NAME, TABLE);
    batch_end(batch, message);
}

static uint32_t add_part(char key[KEY_LEN_MAX], uint32_t length, const void *bytes, uint32_t part_length)
{
    memcpy(key + length, bytes, part_length);
    return length + part_length;
}

/* The key of @port's element: its bytes. Returns how many. */
static uint32_t make_key(const struct set *set, unsigned port, char key[KEY_LEN_MAX])
{
    const char uplink[IFNAMSIZ] = UPLINK;
    const uint32_t address = htonl(GATEWAY + 1 + port), gateway = htonl(GATEWAY), mark = 1;
    const uint8_t gateway6[IP6_LEN] = GATEWAY6, router6[IP6_LEN] = ROUTER6;
    const uint16_t dns[2] = {htons(10053)};
    uint8_t address6[IP6_LEN];
    char name[IFNAMSIZ];
    uint8_t mac[MAC_LEN];
    uint32_t length = 0;

    port_name(port, name);
    make_mac(port, mac);
    make_address6(port, address6);
    if (set->fields & HAS_UPLINK_FIRST)
        length = add_part(key, length, uplink, IFNAME_LEN);
    if (set->fields & HAS_IFNAME)
        length = add_part(key, length, name, IFNAME_LEN);
    if (set->fields & HAS_MARK)
        length = add_part(key, length, &mark, MARK_LEN);
    if (set->fields & HAS_MAC)
        length = add_part(key, length, mac, MAC_LEN);
    if (set->fields & HAS_IP4)
        length = add_part(key, length, &address, IP4_LEN);
    if (set->fields & HAS_GATEWAY)
        length = add_part(key, length, &gateway, IP4_LEN);
    if (set->fields & HAS_IP6)
        length = add_part(key, length, address6, IP6_LEN);
    if (set->fields & HAS_GATEWAY6)
        length = add_part(key, length, gateway6, IP6_LEN);
    if (set->fields & HAS_ROUTER6)
        length = add_part(key, length, router6, IP6_LEN);
    if (set->fields & HAS_PORT)
        length = add_part(key, length, dns, PORT_LEN);
    if (set->fields & HAS_UPLINK)
        length = add_part(key, length, uplink, IFNAME_LEN);
    return length;
}

/* "limit rate over 1000/second burst 1000 packets" */
static void put_limit(struct nlmsghdr *message, uint16_t type)
{
    struct nlattr *expression = mnl_attr_nest_start(message, type), *data;

    mnl_attr_put_strz(message, NFTA_EXPR_NAME, "limit");
    data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
    mnl_attr_put_u64(message, NFTA_LIMIT_RATE, htobe64(1000));
    mnl_attr_put_u64(message, NFTA_LIMIT_UNIT, htobe64(1));
    mnl_attr_put_u32(message, NFTA_LIMIT_BURST, htonl(1000));
    mnl_attr_put_u32(message, NFTA_LIMIT_TYPE, htonl(NFT_LIMIT_PKTS));
    mnl_attr_put_u32(message, NFTA_LIMIT_FLAGS, htonl(NFT_LIMIT_F_INV));
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, expression);
}

static uint32_t data_length(const struct set *set)
{
    return set->maps_to == TYPE_PORT ? 2 : set->maps_to == TYPE_MARK ? MARK_LEN : DATA_LEN_MAX;
}

static void put_set(struct batch *batch, const struct set *set, uint32_t number)
{
    struct nlmsghdr *message = batch_begin(batch, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
    uint32_t flags = (set->maps_to ? NFT_SET_MAP : 0u) | (set->limits ? NFT_SET_EVAL : 0u);
    char key[KEY_LEN_MAX];

    mnl_attr_put_strz(message, NFTA_SET_TABLE, TABLE);
    mnl_attr_put_strz(message, NFTA_SET_NAME, set->name);
    mnl_attr_put_u32(message, NFTA_SET_ID, htonl(number));
    mnl_attr_put_u32(message, NFTA_SET_KEY_TYPE, htonl(set->key_type));
    mnl_attr_put_u32(message, NFTA_SET_KEY_LEN, htonl(make_key(set, 0, key)));
    mnl_attr_put_u32(message, NFTA_SET_FLAGS, htonl(flags));
    if (set->maps_to) {
        mnl_attr_put_u32(message, NFTA_SET_DATA_TYPE, htonl(set->maps_to));
        mnl_attr_put_u32(message, NFTA_SET_DATA_LEN, htonl(data_length(set)));
    }
    batch_end(batch, message);
}

static void put_value(struct nlmsghdr *message, uint16_t type, const void *bytes, size_t len)
{
    struct nlattr *nest = mnl_attr_nest_start(message, type);

    mnl_attr_put(message, NFTA_DATA_VALUE, len, bytes);
    mnl_attr_nest_end(message, nest);
}

static void put_element(struct nlmsghdr *message, const struct set *set, unsigned port)
{
    struct nlattr *nest = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
    const uint8_t data[DATA_LEN_MAX] = {1};
    char key[KEY_LEN_MAX];

    put_value(message, NFTA_SET_ELEM_KEY, key, make_key(set, port, key));
    if (set->maps_to)
        put_value(message, NFTA_SET_ELEM_DATA, data, data_length(set));
    if (set->limits)
        put_limit(message, NFTA_SET_ELEM_EXPR);
    mnl_attr_nest_end(message, nest);
}

/* Ports from one to before another, and what becomes of their elements. */
struct range {
    unsigned first, end;
    uint16_t type; /* of the messages */
};

/* As many messages as it takes, for the set @name, number @number of the batch. Returns the number of the last. */
static uint32_t put_elements(struct batch *batch, const struct set *set, const char *name, uint32_t number,
                             struct range ports, bool acked)
{
    struct nlmsghdr *message = NULL;

    for (unsigned port = ports.first; port < ports.end;) {
        struct nlattr *list;

        message = batch_begin(batch, ports.type, ports.type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, TABLE);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, name);
        mnl_attr_put_u32(message, NFTA_SET_ELEM_LIST_SET_ID, htonl(number));
        list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
        while (port < ports.end && message->nlmsg_len < ELEMENTS_LEN_MAX)
            put_element(message, set, port++);
        mnl_attr_nest_end(message, list);
        if (acked && port == ports.end)
            message->nlmsg_flags |= NLM_F_ACK;
        batch_end(batch, message);
    }
    return message ? message->nlmsg_seq : 0;
}

/* All sets with their elements; a table comes before those of its family. Returns the number to be acked. */
static uint32_t put_guards(struct batch *batch, const struct kind *kind, unsigned count)
{
    const struct range ports = {0, count, NFT_MSG_NEWSETELEM};
    uint32_t last = 0, number = 0;
    const char *name = "";

    for (size_t i = 0; i < kind->set_count; i++) {
        const struct set *set = &kind->sets[i];

        if (batch->family != set->family) {
            batch->family = set->family;
            put_table(batch);
        }
        if (set->name) {
            name = set->name;
            put_set(batch, set, ++number);
        }
        last = put_elements(batch, set, name, number, ports, i + 1 == kind->set_count);
    }
    return last;
}

void guards_make(struct mnl_socket *netfilter, const struct kind *kind, unsigned count)
{
    struct batch batch = {.bytes = calloc(1, REQUEST_LEN_MAX)};
    uint32_t last;

    if (!batch.bytes)
        request_fail("memory");
    batch_end(&batch, batch_begin(&batch, NFNL_MSG_BATCH_BEGIN, 0));
    last = put_guards(&batch, kind, count);
    batch_end(&batch, batch_begin(&batch, NFNL_MSG_BATCH_END, 0));
    request_send(netfilter, batch.bytes, batch.len, last, "commit the guards");
    free(batch.bytes);
}

void guards_change(struct mnl_socket *netfilter, unsigned port, uint16_t type)
{
    static char bytes[4096];
    struct batch batch = {.bytes = bytes};
    uint32_t last = 0;

    batch_end(&batch, batch_begin(&batch, NFNL_MSG_BATCH_BEGIN, 0));
    for (size_t i = 0; i < bridged.set_count; i++) {
        const struct set *set = &bridged.sets[i];

        batch.family = set->family;
        last = put_elements(&batch, set, set->name, 0, (struct range){port, port + 1, type},
                            i + 1 == bridged.set_count);
    }
    batch_end(&batch, batch_begin(&batch, NFNL_MSG_BATCH_END, 0));
    request_send(netfilter, batch.bytes, batch.len, last, "change the guards");
}

/* Of whichever families there are: making one that is there is no mistake. */
void guards_delete(struct mnl_socket *netfilter)
{
    static const uint8_t families[] = {NFPROTO_BRIDGE, NFPROTO_INET, NFPROTO_ARP};
    char bytes[1024] = {0};
    struct batch batch = {.bytes = bytes};
    struct nlmsghdr *message;
    uint32_t sequence = 0;

    batch_end(&batch, batch_begin(&batch, NFNL_MSG_BATCH_BEGIN, 0));
    for (size_t i = 0; i < sizeof(families); i++) {
        batch.family = families[i];
        message = batch_begin(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        mnl_attr_put_strz(message, NFTA_TABLE_NAME, TABLE);
        batch_end(&batch, message);
        message = batch_begin(&batch, NFT_MSG_DELTABLE, NLM_F_ACK);
        mnl_attr_put_strz(message, NFTA_TABLE_NAME, TABLE);
        sequence = message->nlmsg_seq;
        batch_end(&batch, message);
    }
    batch_end(&batch, batch_begin(&batch, NFNL_MSG_BATCH_END, 0));
    request_send(netfilter, batch.bytes, batch.len, sequence, "delete the guards");
}
