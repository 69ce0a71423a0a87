/* SPDX-License-Identifier: MIT */
/* The kernel's floor: the requests that N ports on one bridge need at least, made by bare C and nothing around it. */

/*
 * How it works: `floor up N` makes a bridge with an address, one nftables transaction (seven sets, seven elements a
 * port) and N persistent TAPs, each by open, TUNSETIFF, TUNSETCARRIER, one send (alias, group, MAC, master; up),
 * TUNSETPERSIST, close.
 * `floor down` deletes the group and the table. It checks nothing, parses nothing, remembers nothing and can
 * undo nothing: what tapnet takes on top is the price of doing that. Microseconds a phase are printed as JSON.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "request.h"

#define BRIDGE "br-floor"
#define TABLE "floor"
#define GROUP 0x666c6f6fu /* "floo" */
#define PORTS_MAX 1023
#define GATEWAY 0x0a630001u /* 10.99.0.1 */
#define KEY_LEN_MAX 32
#define ELEMENTS_LEN_MAX 60000u /* an attribute's length has 16 bits */

enum { IFNAME_LEN = 16, MAC_LEN = 8, IP4_LEN = 4, MARK_LEN = 4 }; /* of a part of a key: a multiple of 4 */
/* As nft(8) numbers them. */
enum { TYPE_IP4 = 7, TYPE_MAC = 9, TYPE_MARK = 19, TYPE_IFNAME = 41, TYPE_BITS = 6 };

/* What of a port a set is about, in the order of its key's fields. */
enum { HAS_IFNAME = 1, HAS_MARK = 2, HAS_MAC = 4, HAS_IP4 = 8 };

/*
 * What tapnet keeps of each port whose guest's MAC no file names: what it is called, in which network it is, what was
 * proposed and may be used there, what is taken, and how much it may send to groups.
 */
static const struct {
    const char *name;
    uint32_t key_type;
    unsigned fields;
    bool maps_to_mark, limits;
} sets[] = {
    {"ports", TYPE_IFNAME, HAS_IFNAME, false, false},
    {"networks", TYPE_IFNAME, HAS_IFNAME, false, false},
    {"port_networks", TYPE_IFNAME, HAS_IFNAME, true, false},
    {"proposed_macs", TYPE_IFNAME << TYPE_BITS | TYPE_MAC, HAS_IFNAME | HAS_MAC, false, false},
    {"open_addresses", TYPE_IFNAME << TYPE_BITS | TYPE_IP4, HAS_IFNAME | HAS_IP4, false, false},
    {"network_macs", TYPE_MARK << TYPE_BITS | TYPE_MAC, HAS_MARK | HAS_MAC, false, false},
    {"group_limits", TYPE_IFNAME, HAS_IFNAME, false, true},
};

static void port_name(unsigned port, char name[IFNAMSIZ])
{
    memset(name, 0, IFNAMSIZ);
    snprintf(name, IFNAMSIZ, "floor-p%hu", (unsigned short)port);
}

/* ---- links ---- */

/* No multicast snooping and no forward delay, as a network's bridge has it: each port costs less. */
static void make_bridge(struct mnl_socket *route)
{
    static const uint8_t mac[6] = {0x0a, 0x66, 0, 0, 0xff, 0xff};
    char buffer[1024];
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct nlmsghdr *message = request_begin(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
    struct nlattr *info, *data;

    mnl_attr_put_strz(message, IFLA_IFNAME, BRIDGE);
    mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac), mac);
    mnl_attr_put_u32(message, IFLA_GROUP, GROUP);
    info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "bridge");
    data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    mnl_attr_put_u8(message, IFLA_BR_MCAST_SNOOPING, 0);
    mnl_attr_put_u32(message, IFLA_BR_FORWARD_DELAY, 0);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    request_run(route, message, "make the bridge");
}

static void add_address(struct mnl_socket *route, unsigned bridge)
{
    char buffer[256];
    struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = 22, .ifa_index = bridge};
    struct nlmsghdr *message = request_begin(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));

    mnl_attr_put_u32(message, IFA_LOCAL, htonl(GATEWAY));
    mnl_attr_put_u32(message, IFA_ADDRESS, htonl(GATEWAY));
    request_run(route, message, "add the address");
}

/* The kernel makes no IPv6 address for a port: as it must be, and cheaper than to have one made. */
static void put_no_ip6(struct nlmsghdr *message)
{
    struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    struct nlattr *ip6 = mnl_attr_nest_start(message, AF_INET6);

    mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(message, ip6);
    mnl_attr_nest_end(message, families);
}

/* Two messages in one send: the kernel raises a link before it looks at the families, too late for "no IPv6". */
static void set_port(struct mnl_socket *route, unsigned port, const char *name, unsigned bridge)
{
    uint8_t mac[6] = {0x0a, 0x66, 0, 0, (uint8_t)(port >> 8), (uint8_t)port};
    char buffer[1024], alias[64];
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
    struct nlmsghdr *message = request_begin(buffer, RTM_NEWLINK, 0, &header, sizeof(header));
    size_t first_len;

    snprintf(alias, sizeof(alias), "floor:%s", name);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    mnl_attr_put_strz(message, IFLA_IFALIAS, alias);
    mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac), mac);
    mnl_attr_put_u32(message, IFLA_GROUP, GROUP);
    mnl_attr_put_u32(message, IFLA_MASTER, bridge);
    put_no_ip6(message);
    first_len = MNL_ALIGN(message->nlmsg_len);
    header.ifi_flags = header.ifi_change = IFF_UP;
    message = request_begin(buffer + first_len, RTM_NEWLINK, NLM_F_ACK, &header, sizeof(header));
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    request_send(route, buffer, first_len + message->nlmsg_len, message->nlmsg_seq, "set the port");
}

/* Without carrier, as a port that nobody holds is in the end: the bridge does not start it for nothing. */
static void make_port(struct mnl_socket *route, unsigned port, unsigned bridge)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), carrier = 0;

    port_name(port, request.ifr_name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETCARRIER, &carrier) < 0)
        request_fail("make the TAP");
    set_port(route, port, request.ifr_name, bridge);
    if (ioctl(fd, TUNSETPERSIST, 1UL) < 0)
        request_fail("keep the TAP");
    close(fd);
}

static void delete_group(struct mnl_socket *route)
{
    char buffer[256];
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
    struct nlmsghdr *message = request_begin(buffer, RTM_DELLINK, 0, &header, sizeof(header));

    mnl_attr_put_u32(message, IFLA_GROUP, GROUP);
    request_run(route, message, "delete the group");
}

/* ---- nftables ---- */

/* The messages of one transaction, one behind the other. */
struct batch {
    char *bytes;
    size_t len;
};

static struct nlmsghdr *batch_begin(struct batch *batch, uint16_t type, uint16_t flags)
{
    struct nfgenmsg header = {.nfgen_family = NFPROTO_BRIDGE, .version = NFNETLINK_V0};
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

static void put_table(struct batch *batch)
{
    struct nlmsghdr *message = batch_begin(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);

    mnl_attr_put_strz(message, NFTA_TABLE_NAME, TABLE);
    batch_end(batch, message);
}

/* The key of @port's element: its bytes. Returns how many. */
static uint32_t make_key(size_t set, unsigned port, char key[KEY_LEN_MAX])
{
    const uint8_t mac[MAC_LEN] = {0x52, 0x54, 0, 0, (uint8_t)(port >> 8), (uint8_t)port};
    uint32_t address = htonl(GATEWAY + 1 + port), mark = 1, length = 0;

    if (sets[set].fields & HAS_IFNAME) {
        port_name(port, key);
        length += IFNAME_LEN;
    }
    if (sets[set].fields & HAS_MARK) {
        memcpy(key + length, &mark, sizeof(mark));
        length += MARK_LEN;
    }
    if (sets[set].fields & HAS_MAC) {
        memcpy(key + length, mac, sizeof(mac));
        length += MAC_LEN;
    }
    if (sets[set].fields & HAS_IP4) {
        memcpy(key + length, &address, sizeof(address));
        length += IP4_LEN;
    }
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

static void put_set(struct batch *batch, size_t set)
{
    struct nlmsghdr *message = batch_begin(batch, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
    uint32_t flags = (sets[set].maps_to_mark ? NFT_SET_MAP : 0u) | (sets[set].limits ? NFT_SET_EVAL : 0u);
    char key[KEY_LEN_MAX];

    mnl_attr_put_strz(message, NFTA_SET_TABLE, TABLE);
    mnl_attr_put_strz(message, NFTA_SET_NAME, sets[set].name);
    mnl_attr_put_u32(message, NFTA_SET_ID, htonl((uint32_t)set + 1));
    mnl_attr_put_u32(message, NFTA_SET_KEY_TYPE, htonl(sets[set].key_type));
    mnl_attr_put_u32(message, NFTA_SET_KEY_LEN, htonl(make_key(set, 0, key)));
    mnl_attr_put_u32(message, NFTA_SET_FLAGS, htonl(flags));
    if (sets[set].maps_to_mark) {
        mnl_attr_put_u32(message, NFTA_SET_DATA_TYPE, htonl(TYPE_MARK));
        mnl_attr_put_u32(message, NFTA_SET_DATA_LEN, htonl(MARK_LEN));
    }
    batch_end(batch, message);
}

static void put_value(struct nlmsghdr *message, uint16_t type, const void *bytes, size_t len)
{
    struct nlattr *nest = mnl_attr_nest_start(message, type);

    mnl_attr_put(message, NFTA_DATA_VALUE, len, bytes);
    mnl_attr_nest_end(message, nest);
}

static void put_element(struct nlmsghdr *message, size_t set, unsigned port)
{
    struct nlattr *nest = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
    const uint32_t mark = 1;
    char key[KEY_LEN_MAX];

    put_value(message, NFTA_SET_ELEM_KEY, key, make_key(set, port, key));
    if (sets[set].maps_to_mark)
        put_value(message, NFTA_SET_ELEM_DATA, &mark, sizeof(mark));
    if (sets[set].limits)
        put_limit(message, NFTA_SET_ELEM_EXPR);
    mnl_attr_nest_end(message, nest);
}

/* As many messages as it takes. Returns the number of the last. */
static uint32_t put_elements(struct batch *batch, size_t set, unsigned count, bool acked)
{
    struct nlmsghdr *message = NULL;

    for (unsigned port = 0; port < count;) {
        struct nlattr *list;

        message = batch_begin(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, TABLE);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, sets[set].name);
        mnl_attr_put_u32(message, NFTA_SET_ELEM_LIST_SET_ID, htonl((uint32_t)set + 1));
        list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
        while (port < count && message->nlmsg_len < ELEMENTS_LEN_MAX)
            put_element(message, set, port++);
        mnl_attr_nest_end(message, list);
        if (acked && port == count)
            message->nlmsg_flags |= NLM_F_ACK;
        batch_end(batch, message);
    }
    return message ? message->nlmsg_seq : 0;
}

static void make_guards(struct mnl_socket *netfilter, unsigned count)
{
    const size_t set_count = sizeof(sets) / sizeof(sets[0]);
    struct batch batch = {.bytes = calloc(1, REQUEST_LEN_MAX)};
    uint32_t last = 0;

    if (!batch.bytes)
        request_fail("memory");
    batch_end(&batch, batch_begin(&batch, NFNL_MSG_BATCH_BEGIN, 0));
    put_table(&batch);
    for (size_t set = 0; set < set_count; set++)
        put_set(&batch, set);
    for (size_t set = 0; set < set_count; set++)
        last = put_elements(&batch, set, count, set + 1 == set_count);
    batch_end(&batch, batch_begin(&batch, NFNL_MSG_BATCH_END, 0));
    request_send(netfilter, batch.bytes, batch.len, last, "commit the guards");
    free(batch.bytes);
}

static void delete_guards(struct mnl_socket *netfilter)
{
    char bytes[1024] = {0};
    struct batch batch = {.bytes = bytes};
    struct nlmsghdr *message;
    uint32_t sequence;

    batch_end(&batch, batch_begin(&batch, NFNL_MSG_BATCH_BEGIN, 0));
    message = batch_begin(&batch, NFT_MSG_DELTABLE, NLM_F_ACK);
    mnl_attr_put_strz(message, NFTA_TABLE_NAME, TABLE);
    sequence = message->nlmsg_seq;
    batch_end(&batch, message);
    batch_end(&batch, batch_begin(&batch, NFNL_MSG_BATCH_END, 0));
    request_send(netfilter, batch.bytes, batch.len, sequence, "delete the guards");
}

/* ---- phases ---- */

static void run_up(struct mnl_socket *route, struct mnl_socket *netfilter, unsigned count)
{
    uint64_t start = request_now_usec(), bridged, guarded, done;
    unsigned bridge;

    make_bridge(route);
    bridge = if_nametoindex(BRIDGE);
    add_address(route, bridge);
    bridged = request_now_usec();
    make_guards(netfilter, count);
    guarded = request_now_usec();
    for (unsigned port = 0; port < count; port++)
        make_port(route, port, bridge);
    done = request_now_usec();
    printf("{\"ports\": %u, \"bridge_usec\": %lu, \"guards_usec\": %lu, \"ports_usec\": %lu, \"usec\": %lu}\n", count,
           bridged - start, guarded - bridged, done - guarded, done - start);
}

static void run_down(struct mnl_socket *route, struct mnl_socket *netfilter)
{
    uint64_t start = request_now_usec(), deleted, done;

    delete_group(route);
    deleted = request_now_usec();
    delete_guards(netfilter);
    done = request_now_usec();
    printf("{\"links_usec\": %lu, \"guards_usec\": %lu, \"usec\": %lu}\n", deleted - start, done - deleted,
           done - start);
}

int main(int count, char **words)
{
    unsigned long ports = count == 3 && strcmp(words[1], "up") == 0 ? strtoul(words[2], NULL, 10) : 0;
    struct mnl_socket *route, *netfilter;

    if (!(ports >= 1 && ports <= PORTS_MAX) && !(count == 2 && strcmp(words[1], "down") == 0)) {
        fprintf(stderr, "usage: floor up N | floor down   (N: 1 to %d)\n", PORTS_MAX);
        return 2;
    }
    route = request_open(NETLINK_ROUTE);
    netfilter = request_open(NETLINK_NETFILTER);
    if (ports)
        run_up(route, netfilter, (unsigned)ports);
    else
        run_down(route, netfilter);
    mnl_socket_close(netfilter);
    mnl_socket_close(route);
    return 0;
}
