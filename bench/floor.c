/* SPDX-License-Identifier: MIT */
/* The kernel's floor: the requests that N ports of one network need at least, made by bare C and nothing around it. */

/*
 * How it works: `floor up N` makes a bridge with an address, one nftables transaction (seven sets, seven elements a
 * port) and N persistent TAPs, each by open, TUNSETIFF, TUNSETCARRIER, one send (alias, group, MAC, master; up),
 * TUNSETPERSIST, close. `floor routed N` does the same of ports without a bridge: eleven elements, no master but
 * forwarding and proxy ARP, no delay of that, an address with a peer, a permanent neighbour; `floor spread N` has
 * twelve elements, as a network of mode nat has that is too large for a bridge; `floor spread6 N` has six more, and of
 * IPv6 forwarding, fe80::1, a route and a permanent neighbour. `floor plug N COUNT` adds COUNT ports to those of
 * `floor up N`, one after the other: a transaction of elements, a TAP that is held, owned and kept, one send; when all
 * are up it takes them away, half of them by taking the link down, by which nothing passes any more, and a transaction
 * (to delete all of these at once costs little), the rest by a close and a transaction. Microseconds of each are
 * printed.
 * `floor run N` adds port N for the time of a command, and leaves its device, down, to be deleted later: what counts is
 * the whole process, of whose end most is the kernel's letting go of its socket of nftables (nft_rcv_nl_event()).
 * `floor delete N COUNT` adds COUNT ports, takes them down, and deletes them as a group; what is printed is the
 * processor time of that a port. `floor ready N COUNT` hands over COUNT ports that are ready (floor_ready.c).
 * `floor down` deletes the group and the tables. It checks nothing, parses nothing, remembers nothing and can
 * undo nothing: what tapnet takes on top is the price of doing that. Microseconds a phase are printed as JSON.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "floor.h"
#include "request.h"

#define BRIDGE "br-floor"
#define GROUP 0x666c6f6fu /* "floo" */
#define LEFT_GROUP 0x666c6f70u

void port_name(unsigned port, char name[IFNAMSIZ])
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

void make_mac(unsigned port, uint8_t mac[MAC_LEN])
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

void make_address6(unsigned port, uint8_t address[IP6_LEN])
{
    const uint8_t bytes[IP6_LEN] = {
        0xfd, 0, 0, 0x99, 0, 0, 0, 0, 0x50, 0x54, 0, 0xff, 0xfe, 0, (uint8_t)(port >> 8), (uint8_t)port};

    memcpy(address, bytes, sizeof(bytes));
}

/* @address of the host's, with @length bits of its own link; nobody else has it. */
static void add_address6(struct mnl_socket *route, unsigned link, const uint8_t address[IP6_LEN], uint8_t length)
{
    char buffer[256];
    struct ifaddrmsg header = {
        .ifa_family = AF_INET6, .ifa_prefixlen = length, .ifa_flags = IFA_F_NODAD, .ifa_index = link};
    struct nlmsghdr *message = request_begin(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));

    mnl_attr_put(message, IFA_LOCAL, IP6_LEN, address);
    mnl_attr_put(message, IFA_ADDRESS, IP6_LEN, address);
    request_run(route, message, "add the IPv6 address");
}

/* To the guest alone, from the network's own address. */
static void add_route6(struct mnl_socket *route, unsigned link, const uint8_t guest[IP6_LEN])
{
    static const uint8_t gateway[IP6_LEN] = GATEWAY6;
    char buffer[256];
    struct rtmsg header = {.rtm_family = AF_INET6,
                           .rtm_dst_len = 128,
                           .rtm_table = RT_TABLE_MAIN,
                           .rtm_protocol = RTPROT_STATIC,
                           .rtm_type = RTN_UNICAST};
    struct nlmsghdr *message = request_begin(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));

    mnl_attr_put(message, RTA_DST, IP6_LEN, guest);
    mnl_attr_put(message, RTA_PREFSRC, IP6_LEN, gateway);
    mnl_attr_put_u32(message, RTA_OIF, link);
    request_run(route, message, "add the IPv6 route");
}

static void add_neighbour6(struct mnl_socket *route, unsigned link, unsigned port, const uint8_t guest[IP6_LEN])
{
    char buffer[256];
    struct ndmsg header = {.ndm_family = AF_INET6, .ndm_ifindex = (int)link, .ndm_state = NUD_PERMANENT};
    struct nlmsghdr *message = request_begin(buffer, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
    uint8_t mac[MAC_LEN];

    make_mac(port, mac);
    mnl_attr_put(message, NDA_DST, IP6_LEN, guest);
    mnl_attr_put(message, NDA_LLADDR, 6, mac);
    request_run(route, message, "add the IPv6 neighbour");
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
void set_port(struct mnl_socket *route, unsigned port, const char *name, unsigned bridge)
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

/* /proc/sys/net/@tree/@name/@key = @value */
static void set_sysctl(const char *tree, const char *name, const char *key, const char *value)
{
    char path[80];
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/%s/%s/%s", tree, name, key);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, 1) != 1)
        request_fail(path);
    close(fd);
}

/* When all ports are up: for each that comes up the kernel goes through all IPv6 routes. */
static void make_routed6(struct mnl_socket *route, unsigned port)
{
    static const uint8_t router[IP6_LEN] = ROUTER6;
    uint8_t guest[IP6_LEN];
    char name[IFNAMSIZ];
    unsigned link;

    port_name(port, name);
    link = if_nametoindex(name);
    make_address6(port, guest);
    set_sysctl("ipv6/conf", name, "forwarding", "1");
    set_sysctl("ipv6/conf", name, "force_forwarding", "1");
    add_address6(route, link, router, 64);
    add_route6(route, link, guest);
    add_neighbour6(route, link, port, guest);
}

/* A host that answers ARP for others waits before it does, but for `proxy_delay`. */
static void make_routed(struct mnl_socket *route, unsigned port, const char *name)
{
    unsigned link = if_nametoindex(name);

    set_sysctl("ipv4/neigh", name, "proxy_delay", "0");
    add_address(route, link, GATEWAY + 1 + port);
    add_neighbour(route, link, port);
}

int make_tap(unsigned port, struct ifreq *ret)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    *ret = (struct ifreq){.ifr_flags = IFF_TAP | IFF_NO_PI};
    port_name(port, ret->ifr_name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, ret) < 0)
        request_fail("make the TAP");
    return fd;
}

/* Without carrier, as a port that nobody holds is in the end: the bridge does not start it for nothing. */
static void make_port(struct mnl_socket *route, unsigned port, unsigned bridge)
{
    struct ifreq request;
    int fd = make_tap(port, &request), carrier = 0;

    if (ioctl(fd, TUNSETCARRIER, &carrier) < 0)
        request_fail("take the carrier");
    set_port(route, port, request.ifr_name, bridge);
    if (ioctl(fd, TUNSETPERSIST, 1UL) < 0)
        request_fail("keep the TAP");
    close(fd);
    if (!bridge)
        make_routed(route, port, request.ifr_name);
}

static void delete_group(struct mnl_socket *route, uint32_t group)
{
    char buffer[256];
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
    struct nlmsghdr *message = request_begin(buffer, RTM_DELLINK, 0, &header, sizeof(header));

    mnl_attr_put_u32(message, IFLA_GROUP, group);
    request_run(route, message, "delete the group");
}

/* ---- phases ---- */

/* A routed network has a bridge, too: none of its ports is there. */
static void run_up(struct mnl_socket *route, struct mnl_socket *netfilter, const struct kind *kind, unsigned count)
{
    static const uint8_t gateway6[IP6_LEN] = GATEWAY6;
    uint64_t start = request_now_usec(), joined, guarded, done;
    unsigned bridge;

    make_bridge(route);
    bridge = if_nametoindex(BRIDGE);
    add_address(route, bridge, 0);
    if (kind->ip6)
        add_address6(route, bridge, gateway6, 64);
    joined = request_now_usec();
    guards_make(netfilter, kind, count);
    guarded = request_now_usec();
    for (unsigned port = 0; port < count; port++)
        make_port(route, port, kind->routed ? 0 : bridge);
    for (unsigned port = 0; kind->ip6 && port < count; port++)
        make_routed6(route, port);
    done = request_now_usec();
    printf("{\"ports\": %u, \"bridge_usec\": %lu, \"guards_usec\": %lu, \"ports_usec\": %lu, \"usec\": %lu}\n", count,
           joined - start, guarded - joined, done - guarded, done - start);
}

static void run_down(struct mnl_socket *route, struct mnl_socket *netfilter)
{
    uint64_t start = request_now_usec(), deleted, done;

    delete_group(route, GROUP);
    deleted = request_now_usec();
    guards_delete(netfilter);
    done = request_now_usec();
    printf("{\"links_usec\": %lu, \"guards_usec\": %lu, \"usec\": %lu}\n", deleted - start, done - deleted,
           done - start);
}

/* Nothing passes from then on; the device is there still, in @group. */
static void take_down(struct mnl_socket *route, unsigned port, uint32_t group)
{
    char buffer[256], name[IFNAMSIZ];
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_change = IFF_UP};
    struct nlmsghdr *message = request_begin(buffer, RTM_NEWLINK, 0, &header, sizeof(header));

    port_name(port, name);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    mnl_attr_put_u32(message, IFLA_GROUP, group);
    request_run(route, message, "take the port down");
}

/* With @first others there. */
static void run_plug(struct mnl_socket *route, struct mnl_socket *netfilter, unsigned first, unsigned count)
{
    unsigned bridge = if_nametoindex(BRIDGE);
    int fds[PORTS_MAX];

    for (unsigned i = 0; i < count; i++) {
        uint64_t start = request_now_usec();
        struct ifreq request;

        guards_change(netfilter, first + i, NFT_MSG_NEWSETELEM);
        fds[i] = make_tap(first + i, &request);
        if (ioctl(fds[i], TUNSETOWNER, 0UL) < 0)
            request_fail("give the TAP to root");
        set_port(route, first + i, request.ifr_name, bridge);
        if (ioctl(fds[i], TUNSETPERSIST, 1UL) < 0)
            request_fail("keep the TAP");
        printf("plug %lu\n", request_now_usec() - start);
    }
    usleep(UP_USEC);
    for (unsigned i = 0; i < count; i++) {
        bool leaves = i < count / 2;
        uint64_t start = request_now_usec();

        ioctl(fds[i], TUNSETPERSIST, 0UL);
        if (leaves)
            take_down(route, first + i, GROUP);
        else
            close(fds[i]);
        guards_change(netfilter, first + i, NFT_MSG_DELSETELEM);
        printf("%s %lu\n", leaves ? "leave" : "unplug", request_now_usec() - start);
    }
    for (unsigned i = 0; i < count / 2; i++)
        close(fds[i]);
}

/* A command that has port @port for as long as it runs, with a descriptor of its own that is not waited for. */
static void run_run(struct mnl_socket *route, struct mnl_socket *netfilter, unsigned port)
{
    struct ifreq request;
    int fd = make_tap(port, &request);
    pid_t child;

    guards_change(netfilter, port, NFT_MSG_NEWSETELEM);
    if (ioctl(fd, TUNSETOWNER, 0UL) < 0)
        request_fail("give the TAP to root");
    set_port(route, port, request.ifr_name, if_nametoindex(BRIDGE));
    if (ioctl(fd, TUNSETPERSIST, 1UL) < 0)
        request_fail("keep the TAP");
    child = fork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    close(fd);
    if (child < 0 || waitpid(child, NULL, 0) != child)
        request_fail("run a command");
    take_down(route, port, GROUP);
    guards_change(netfilter, port, NFT_MSG_DELSETELEM);
}

static uint64_t now_used_usec(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

/* With @first others there: as many that nobody holds, taken down, are deleted at once. */
static void run_delete(struct mnl_socket *route, unsigned first, unsigned count)
{
    unsigned bridge = if_nametoindex(BRIDGE);
    uint64_t start;

    for (unsigned i = 0; i < count; i++) {
        make_port(route, first + i, bridge);
        take_down(route, first + i, LEFT_GROUP);
    }
    start = now_used_usec();
    delete_group(route, LEFT_GROUP);
    printf("delete %lu\n", (now_used_usec() - start) / count);
}

/* The number of "run N"; 0: it is no such call. */
static unsigned read_run(int count, char **words)
{
    unsigned long port = count == 3 && strcmp(words[1], "run") == 0 ? strtoul(words[2], NULL, 10) : 0;

    return port < PORTS_MAX ? (unsigned)port : 0;
}

/* "@verb N COUNT": how many are to be added; 0: it is no such call. */
static unsigned read_more(int count, char **words, const char *verb, unsigned *ret_first)
{
    unsigned long first, more;

    if (count != 4 || strcmp(words[1], verb) != 0)
        return 0;
    first = strtoul(words[2], NULL, 10);
    more = strtoul(words[3], NULL, 10);
    *ret_first = (unsigned)first;
    return first < PORTS_MAX && more <= PORTS_MAX - first ? (unsigned)more : 0;
}

/* NULL: there is none of that name. */
static const struct kind *find_kind(const char *word)
{
    static const struct {
        const char *word;
        const struct kind *kind;
    } kinds[] = {{"up", &bridged}, {"routed", &routed}, {"spread", &spread}, {"spread6", &spread6}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(word, kinds[i].word) == 0)
            return kinds[i].kind;
    return NULL;
}

int main(int count, char **words)
{
    const struct kind *kind = count == 3 ? find_kind(words[1]) : NULL;
    unsigned long ports = kind ? strtoul(words[2], NULL, 10) : 0;
    unsigned first = 0, more = read_more(count, words, "plug", &first), run = read_run(count, words);
    unsigned deleted = read_more(count, words, "delete", &first), ready = read_more(count, words, "ready", &first);
    struct mnl_socket *route, *netfilter;

    if (!(kind && ports >= 1 && ports <= kind->ports_max) && !more && !deleted && !ready && !run &&
        !(count == 2 && strcmp(words[1], "down") == 0)) {
        fprintf(stderr,
                "usage: floor up N | floor routed N | floor spread[6] N | floor plug N COUNT | floor delete N COUNT | "
                "floor ready N COUNT | floor run N | floor down   (N: 1 to %d, routed and spread to %d)\n",
                PORTS_MAX, ROUTED_MAX);
        return 2;
    }
    route = request_open(NETLINK_ROUTE);
    netfilter = request_open(NETLINK_NETFILTER);
    if (kind)
        run_up(route, netfilter, kind, (unsigned)ports);
    else if (more)
        run_plug(route, netfilter, first, more);
    else if (deleted)
        run_delete(route, first, deleted);
    else if (ready)
        run_ready(route, if_nametoindex(BRIDGE), first, ready);
    else if (run)
        run_run(route, netfilter, run);
    else
        run_down(route, netfilter);
    mnl_socket_close(netfilter);
    mnl_socket_close(route);
    return 0;
}
