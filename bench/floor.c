/* SPDX-License-Identifier: MIT */
/* The kernel's floor: the requests that N ports of one network need at least, made by bare C and nothing around it. */

/*
 * How it works: `floor up N` makes a bridge with an address, one nftables transaction (seven sets, seven elements a
 * port) and N persistent TAPs, each by open, TUNSETIFF, TUNSETCARRIER, one send (alias, group, MAC, master; up),
 * TUNSETPERSIST, close. `floor routed N` does the same of ports without a bridge: eleven elements, no master but
 * forwarding and proxy ARP, no delay of that, an address with a peer, a permanent neighbour.
 * `floor down` deletes the group and the tables. It checks nothing, parses nothing, remembers nothing and can
 * undo nothing: what tapnet takes on top is the price of doing that. Microseconds a phase are printed as JSON.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
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
#define PORTS_MAX 1023    /* of a bridge */
#define ROUTED_MAX 8191
#define UPLINK "up0"
#define GATEWAY 0x0a630001u /* 10.99.0.1 */
#define KEY_LEN_MAX 32
#define ELEMENTS_LEN_MAX 60000u /* an attribute's length has 16 bits */

enum { IFNAME_LEN = 16, MAC_LEN = 8, IP4_LEN = 4, PORT_LEN = 4, MARK_LEN = 4 }; /* of a part: a multiple of 4 */
/* As nft(8) numbers them. */
enum { TYPE_IP4 = 7, TYPE_MAC = 9, TYPE_PORT = 13, TYPE_MARK = 19, TYPE_IFNAME = 41, TYPE_BITS = 6 };
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

/* The same of a routed port whose guest's MAC the file names: whose it is, what serves it, and its ways out and in. */
static const struct set routed_sets[] = {
    {"networks", TYPE_IFNAME, HAS_IFNAME, 0, false, NFPROTO_INET},
    {"routed_ports", TYPE_IFNAME, HAS_IFNAME, 0, false, NFPROTO_INET},
    {"routed_macs", TYPES2(TYPE_IFNAME, TYPE_MAC), HAS_IFNAME | HAS_MAC, 0, false, NFPROTO_INET},
    {"routed_addresses", TYPES3(TYPE_IFNAME, TYPE_MAC, TYPE_IP4), HAS_IFNAME | HAS_MAC | HAS_IP4, 0, false,
     NFPROTO_INET},
    {"gateways", TYPES2(TYPE_IFNAME, TYPE_IP4), HAS_IFNAME | HAS_GATEWAY, 0, false, NFPROTO_INET},
    {"dns_ports", TYPES2(TYPE_IFNAME, TYPE_IP4), HAS_IFNAME | HAS_GATEWAY, TYPE_PORT, false, NFPROTO_INET},
    {"dns_served", TYPES3(TYPE_IFNAME, TYPE_IP4, TYPE_PORT), HAS_IFNAME | HAS_GATEWAY | HAS_PORT, 0, false,
     NFPROTO_INET},
    {"ways", TYPES2(TYPE_IFNAME, TYPE_IFNAME), HAS_IFNAME | HAS_UPLINK, 0, false, NFPROTO_INET},
    {NULL, 0, HAS_UPLINK_FIRST | HAS_IFNAME, 0, false, NFPROTO_INET},
    {"arp_ports", TYPE_IFNAME, HAS_IFNAME, 0, false, NFPROTO_ARP},
    {"arp_addresses", TYPES3(TYPE_IFNAME, TYPE_MAC, TYPE_IP4), HAS_IFNAME | HAS_MAC | HAS_IP4, 0, false, NFPROTO_ARP},
};

/* One network. */
struct kind {
    const struct set *sets;
    size_t set_count;
    unsigned ports_max;
    bool routed;
};

static const struct kind bridged = {bridged_sets, sizeof(bridged_sets) / sizeof(bridged_sets[0]), PORTS_MAX, false};
static const struct kind routed = {routed_sets, sizeof(routed_sets) / sizeof(routed_sets[0]), ROUTED_MAX, true};

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

/* The gateway's, of the subnet of a bridge (@guest 0), or with a guest at the other end. */
static void add_address(struct mnl_socket *route, unsigned link, uint32_t guest)
{
    char buffer[256];
    struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = guest ? 32 : 19, .ifa_index = link};
    struct nlmsghdr *message = request_begin(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));

    mnl_attr_put_u32(message, IFA_LOCAL, htonl(GATEWAY));
    mnl_attr_put_u32(message, IFA_ADDRESS, htonl(guest ? guest : GATEWAY));
    request_run(route, message, "add the address");
}

static void make_mac(unsigned port, uint8_t mac[MAC_LEN])
{
    const uint8_t bytes[MAC_LEN] = {0x52, 0x54, 0, 0, (uint8_t)(port >> 8), (uint8_t)port};

    memcpy(mac, bytes, sizeof(bytes));
}

static void add_neighbour(struct mnl_socket *route, unsigned link, unsigned port)
{
    char buffer[256];
    struct ndmsg header = {.ndm_family = AF_INET, .ndm_ifindex = (int)link, .ndm_state = NUD_PERMANENT};
    struct nlmsghdr *message = request_begin(buffer, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
    uint8_t mac[MAC_LEN];

    make_mac(port, mac);
    mnl_attr_put_u32(message, NDA_DST, htonl(GATEWAY + 1 + port));
    mnl_attr_put(message, NDA_LLADDR, 6, mac);
    request_run(route, message, "add the neighbour");
}

/* A routed port forwards, and answers for its neighbours. */
static void put_routing(struct nlmsghdr *message)
{
    struct nlattr *ip4 = mnl_attr_nest_start(message, AF_INET);
    struct nlattr *conf = mnl_attr_nest_start(message, IFLA_INET_CONF);

    mnl_attr_put_u32(message, IPV4_DEVCONF_FORWARDING, 1);
    mnl_attr_put_u32(message, IPV4_DEVCONF_PROXY_ARP, 1);
    mnl_attr_nest_end(message, conf);
    mnl_attr_nest_end(message, ip4);
}

/* The kernel makes no IPv6 address for a port: as it must be, and cheaper than to have one made. */
static void put_families(struct nlmsghdr *message, bool routing)
{
    struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    struct nlattr *ip6 = mnl_attr_nest_start(message, AF_INET6);

    mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(message, ip6);
    if (routing)
        put_routing(message);
    mnl_attr_nest_end(message, families);
}

/*
 * Two messages in one send: the kernel raises a link before it looks at the families, too late for "no IPv6". @bridge
 * 0: a routed port.
 */
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
    if (bridge)
        mnl_attr_put_u32(message, IFLA_MASTER, bridge);
    put_families(message, !bridge);
    first_len = MNL_ALIGN(message->nlmsg_len);
    header.ifi_flags = header.ifi_change = IFF_UP;
    message = request_begin(buffer + first_len, RTM_NEWLINK, NLM_F_ACK, &header, sizeof(header));
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    request_send(route, buffer, first_len + message->nlmsg_len, message->nlmsg_seq, "set the port");
}

/* A host that answers ARP for others waits before it does, but for this. */
static void end_proxy_delay(const char *name)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/neigh/%s/proxy_delay", name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1)
        request_fail("end the proxy's delay");
    close(fd);
}

static void make_routed(struct mnl_socket *route, unsigned port, const char *name)
{
    unsigned link = if_nametoindex(name);

    end_proxy_delay(name);
    add_address(route, link, GATEWAY + 1 + port);
    add_neighbour(route, link, port);
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
    if (!bridge)
        make_routed(route, port, request.ifr_name);
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

static void put_table(struct batch *batch)
{
    struct nlmsghdr *message = batch_begin(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);

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
    const uint16_t dns[2] = {htons(10053)};
    char name[IFNAMSIZ];
    uint8_t mac[MAC_LEN];
    uint32_t length = 0;

    port_name(port, name);
    make_mac(port, mac);
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
    return set->maps_to == TYPE_PORT ? 2 : MARK_LEN;
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
    const uint32_t data = 1;
    char key[KEY_LEN_MAX];

    put_value(message, NFTA_SET_ELEM_KEY, key, make_key(set, port, key));
    if (set->maps_to)
        put_value(message, NFTA_SET_ELEM_DATA, &data, data_length(set));
    if (set->limits)
        put_limit(message, NFTA_SET_ELEM_EXPR);
    mnl_attr_nest_end(message, nest);
}

/* As many messages as it takes, for the set @name, number @number of the batch. Returns the number of the last. */
static uint32_t put_elements(struct batch *batch, const struct set *set, const char *name, uint32_t number,
                             unsigned count, bool acked)
{
    struct nlmsghdr *message = NULL;

    for (unsigned port = 0; port < count;) {
        struct nlattr *list;

        message = batch_begin(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, TABLE);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, name);
        mnl_attr_put_u32(message, NFTA_SET_ELEM_LIST_SET_ID, htonl(number));
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

/* All sets with their elements; a table comes before the first of its family. Returns the number to be acked. */
static uint32_t put_guards(struct batch *batch, const struct kind *kind, unsigned count)
{
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
        last = put_elements(batch, set, name, number, count, i + 1 == kind->set_count);
    }
    return last;
}

static void make_guards(struct mnl_socket *netfilter, const struct kind *kind, unsigned count)
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

/* Of whichever families there are: making one that is there is no mistake. */
static void delete_guards(struct mnl_socket *netfilter)
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

/* ---- phases ---- */

/* A routed network has a bridge, too: none of its ports is there. */
static void run_up(struct mnl_socket *route, struct mnl_socket *netfilter, const struct kind *kind, unsigned count)
{
    uint64_t start = request_now_usec(), joined, guarded, done;
    unsigned bridge;

    make_bridge(route);
    bridge = if_nametoindex(BRIDGE);
    add_address(route, bridge, 0);
    joined = request_now_usec();
    make_guards(netfilter, kind, count);
    guarded = request_now_usec();
    for (unsigned port = 0; port < count; port++)
        make_port(route, port, kind->routed ? 0 : bridge);
    done = request_now_usec();
    printf("{\"ports\": %u, \"bridge_usec\": %lu, \"guards_usec\": %lu, \"ports_usec\": %lu, \"usec\": %lu}\n", count,
           joined - start, guarded - joined, done - guarded, done - start);
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
    const struct kind *kind = count == 3 && strcmp(words[1], "up") == 0       ? &bridged
                              : count == 3 && strcmp(words[1], "routed") == 0 ? &routed
                                                                              : NULL;
    unsigned long ports = kind ? strtoul(words[2], NULL, 10) : 0;
    struct mnl_socket *route, *netfilter;

    if (!(kind && ports >= 1 && ports <= kind->ports_max) && !(count == 2 && strcmp(words[1], "down") == 0)) {
        fprintf(stderr, "usage: floor up N | floor routed N | floor down   (N: 1 to %d, routed to %d)\n", PORTS_MAX,
                ROUTED_MAX);
        return 2;
    }
    route = request_open(NETLINK_ROUTE);
    netfilter = request_open(NETLINK_NETFILTER);
    if (kind)
        run_up(route, netfilter, kind, (unsigned)ports);
    else
        run_down(route, netfilter);
    mnl_socket_close(netfilter);
    mnl_socket_close(route);
    return 0;
}
