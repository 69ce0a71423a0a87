/* SPDX-License-Identifier: MIT */
/* What a person describes: sets, networks, ports and devices. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"

#define MODEL_NAME_MAX 64           /* a DNS label of 63 characters and its NUL */
#define MODEL_IFNAME_MAX 16         /* IFNAMSIZ */
#define MODEL_ID_NONE UINT32_MAX    /* no user, no group */
#define MODEL_LIST_MAX 8            /* NTP servers, search domains: what one DHCP reply carries without trouble */
#define MODEL_FORWARDS_MAX 64       /* of one port */
#define MODEL_QUEUES_MAX 256        /* of one TAP: MAX_TAP_QUEUES of the kernel */
#define MODEL_DNS_PORT 10053        /* our private port, reached by redirection from port 53 of the gateway address */
#define MODEL_BRIDGE_PORTS_MAX 1023 /* a bridge of the kernel numbers its ports with ten bits, from 1 */
#define MODEL_PORTS_MAX 8191        /* of a routed network, which has no bridge: what the service has room for */
#define MODEL_PREFIX_MIN 8          /* lengths of a network's subnet: ... */
#define MODEL_PREFIX_MAX 30         /* ... one host and one guest at least */
#define MODEL_PREFIX6 64      /* the length of a network's IPv6 subnet: what hosts number themselves in (RFC 4862) */
#define MODEL_PART6_MIN 65    /* lengths of a part of the uplink's own: ... */
#define MODEL_PART6_MAX 126   /* ... a guest at least, besides the host */
#define MODEL_MTU6_MIN 1280   /* what every IPv6 link carries (RFC 8200) */
#define MODEL_LINKS_MAX 16    /* that learn their way out from router advertisements */
#define MODEL_MTU_MIN 576     /* what every IPv4 host takes (RFC 791) */
#define MODEL_MTU_MAX 65521   /* of a TAP: 65535 less the Ethernet header */
#define MODEL_DEVICE_MTU 1500 /* what the kernel gives a new TUN or TAP, as the next ones: */
#define MODEL_QUEUE_LENGTH_TUN 500
#define MODEL_QUEUE_LENGTH_TAP 1000
#define MODEL_VNET_HEADER_SIZE 10  /* struct virtio_net_hdr */
#define MODEL_LINK_TYPE_ETHERNET 1 /* ARPHRD_ETHER */

enum model_mode {
    MODEL_MODE_NAT,      /* own subnet, masqueraded to the uplink */
    MODEL_MODE_ISOLATED, /* ports see each other only */
    MODEL_MODE_ROUTED,   /* own subnet, no bridge and no NAT: a route to each guest */
    MODEL_MODE_BRIDGE,   /* the uplink is a port of the bridge: the same network as the host's */
};

/* What guests reach of the host. */
enum model_host {
    MODEL_HOST_CLOSED, /* what serves them: DHCP, DNS, ping of their gateway */
    MODEL_HOST_ALLOW,  /* whatever listens there, as its own firewall has it */
};

/* What becomes of packet filters of others that would drop what our guests send or get. */
enum model_coexist {
    MODEL_COEXIST_ASK, /* nothing, until somebody says yes */
    MODEL_COEXIST_ON,  /* accepts are put into them */
    MODEL_COEXIST_OFF, /* nothing */
};

/* What a guest may send besides ARP and IP. */
enum model_protocols {
    MODEL_PROTOCOLS_IP,  /* nothing */
    MODEL_PROTOCOLS_ANY, /* VLAN tags, and frames of every other kind */
};

/* How a network or a port came to be, and so when it goes. */
enum model_origin {
    MODEL_ORIGIN_DECLARED, /* by a file: with its line there */
    MODEL_ORIGIN_RUN,      /* by `tapnet run`: when nobody holds the port, a network with its last port */
    MODEL_ORIGIN_ATTACHED, /* by `tapnet attach`: by `tapnet detach` */
};

/* Where a value stands in the file; line 0: nowhere (a default). Both count from 1. */
struct model_place {
    unsigned line;
    unsigned column;
};

/* DHCP options of a port beyond those that follow from its network. Strings are the arena's. */
struct model_dhcp {
    struct ip_address ntp[MODEL_LIST_MAX]; /* option 42 */
    size_t ntp_count;
    const char *search[MODEL_LIST_MAX]; /* option 119, besides the network's own name */
    size_t search_count;
    const char *boot_file;         /* option 67, NULL: none */
    struct ip_address boot_server; /* next server, option 66 as text; family 0: none */
    struct model_place place;      /* of one of them */
};

#define MODEL_RATE_MIN 8000         /* bits a second */
#define MODEL_RATE_MAX 100000000000 /* what nf_tables can count in bytes of a second */
#define MODEL_BURST_MAX (1u << 30)  /* bytes */
#define MODEL_BROADCAST 1000        /* frames a second to groups, unless the file says otherwise: storms end there */

/* What a port may have; 0: no limit. In a network: what each of its ports may have that does not say otherwise. */
struct model_limit {
    uint64_t rate;          /* bits a second in either direction, where the next two are 0 */
    uint64_t send, receive; /* bits a second, by its guest */
    uint32_t burst;         /* bytes at once */
    uint32_t connections;   /* that conntrack knows, at once */
    uint32_t broadcast;     /* frames a second to groups */
    bool broadcast_given;
    struct model_place connections_place;
};

/* Ports of the host that lead to ports of a guest. */
struct model_forward {
    uint8_t protocol;          /* IPPROTO_TCP or IPPROTO_UDP */
    struct ip_address address; /* of the host, by which it is reached; family 0: any; 0.0.0.0, ::: any of theirs */
    uint16_t first, last;      /* of the host */
    uint16_t guest_first;      /* of the guest; as many */
    struct model_place place;
};

/* One place to plug a guest. */
struct model_port {
    char name[MODEL_NAME_MAX];
    enum model_origin origin;
    char id[MODEL_NAME_MAX];       /* OpenStack's port id, "" when not given */
    char hostname[MODEL_NAME_MAX]; /* option 12; the port's name unless given */
    char device[MODEL_IFNAME_MAX]; /* its TAP, or the host's end of its veth pair */
    uint32_t user, group;          /* who may open the TAP; MODEL_ID_NONE: root only */
    uint32_t queues;               /* that a guest may have; 0 and 1: one */
    bool veth;                     /* a container's: the device is one end of a pair, and goes with the other */
    bool no_ip6;                   /* of a container where IPv6 is off: it has no address of it */
    struct mac mac;                /* of the TAP itself, derived, never the guest's */
    struct mac guest_mac;          /* given, or proposed to the guest */
    bool guest_mac_given;
    bool mac_spoofing; /* its guest may use any MAC, not this one alone */
    enum model_protocols protocols;
    struct ip_address address; /* family 0 until model_resolve() chose one */
    bool address_given;
    struct ip_address address6; /* family 0 until model_resolve() chose one, or without IPv6 */
    bool address6_given;
    struct model_dhcp dhcp;
    struct model_limit limit;
    struct model_forward *forwards;
    size_t forward_count;
    struct model_place place, device_place, address_place, address6_place, mac_place;
};

#define MODEL_POOL_MAX 128   /* of one network: each is a descriptor of the keeper's */
#define MODEL_ACCESS_PORTS 8 /* that somebody may have at once whose number the file leaves out */

/* Somebody who may plug guests into a network at run time. Compared byte by byte: no gaps. */
struct model_access {
    uint32_t user, group; /* one of them; the other is MODEL_ID_NONE */
    uint32_t ports;       /* at once, each member of the group */
};

#define MODEL_HOOK_MAX 255 /* characters of a program's path */

/* Programs of the host's that run when something has become of a network: absolute paths, the arena's; NULL: none. */
struct model_hooks {
    const char *up, *down;
    const char *plugged, *unplugged; /* of each of its ports */
    struct model_place up_place, down_place, plugged_place, unplugged_place;
};

/* One of them, by what it is called in the file. */
#define MODEL_HOOK_COUNT 4
struct model_hook {
    const char *event;
    const char *program; /* NULL: none */
    struct model_place place;
};
void model_hooks_list(const struct model_hooks *hooks, struct model_hook ret[MODEL_HOOK_COUNT]);
bool model_hooks_equal(const struct model_hooks *a, const struct model_hooks *b);
/* Does any of them run for ports? */
bool model_hooks_of_ports(const struct model_hooks *hooks);

/*
 * Guests that were started from one snapshot: what each of them has inside. Outside, which is everywhere but on its own
 * cable, it has its port's address.
 */
struct model_clones {
    struct mac mac;
    struct ip_address address;  /* family 0: the network's guests are no clones */
    struct ip_address address6; /* family 0: without IPv6 */
    struct model_place place, mac_place, address_place, address6_place;
};

struct model_network {
    char name[MODEL_NAME_MAX];
    enum model_origin origin;
    char id[MODEL_NAME_MAX];       /* "" when not given */
    char bridge[MODEL_IFNAME_MAX]; /* where ports have none: one without ports, for name, mode and gateway address */
    enum model_mode mode;
    enum model_host host;
    enum model_coexist coexist; /* that of its set; ON also when somebody was asked, and said yes */
    struct ip_prefix subnet;    /* the host's address in it; family 0 until model_resolve() chose one */
    bool subnet_given;
    struct ip_prefix subnet6; /* the same for IPv6; "::/64": to be chosen; family 0: none, after model_resolve() */
    bool subnet6_given;
    char uplink6[MODEL_IFNAME_MAX]; /* where IPv6 goes out; "" until model_resolve() found one, and without one */
    char uplink[MODEL_IFNAME_MAX];  /* "" until model_resolve() found one; stays "" without a default route */
    bool uplink_given;
    struct model_clones clones;
    bool spread;  /* nat, isolated: more ports than a bridge takes, or clones: each a link of its own; derived, stays */
    bool on_link; /* routed: the subnet is a part of the uplink's, where the host answers ARP for the guests */
    bool on_link6; /* the same of subnet6, uplink6 and neighbour discovery */
    uint32_t mtu;  /* 0 until model_resolve() */
    bool mtu_given;
    bool ports_see_each_other, ports_see_each_other_given; /* true unless given */
    struct mac mac;                                        /* of the bridge, derived; it never moves */
    uint16_t dns_port;      /* private port of our DNS on the gateway address; 0 in isolated mode */
    struct model_dhcp dhcp; /* for every port, unless the port has its own */
    struct model_limit limit;
    struct model_access access[MODEL_LIST_MAX]; /* besides root */
    size_t access_count;
    uint32_t pool; /* ports that the keeper has ready */
    struct model_hooks hooks;
    struct model_port *ports;
    size_t port_count;
    struct model_place place, bridge_place, subnet_place, subnet6_place, uplink_place, mtu_place, host_place;
};

enum model_device_kind {
    MODEL_DEVICE_TAP,
    MODEL_DEVICE_TUN,
};

/* A word of a list of words, and what it stands for. */
struct model_word {
    const char *word;
    unsigned value;
    bool later; /* known, but not in this version */
};

/* Unfinished packets that a program takes, with the kernel's values (TUN_F_... of linux/if_tun.h). */
enum {
    MODEL_OFFLOAD_CHECKSUM = 0x01,
    MODEL_OFFLOAD_TSO4 = 0x02,
    MODEL_OFFLOAD_TSO6 = 0x04,
    MODEL_OFFLOAD_TSO_ECN = 0x08,
    MODEL_OFFLOAD_USO4 = 0x20,
    MODEL_OFFLOAD_USO6 = 0x40,
    MODEL_OFFLOAD_UDP_TUNNEL = 0x80,
    MODEL_OFFLOAD_UDP_TUNNEL_CHECKSUM = 0x100,
};

/* Settings that the tun driver keeps from one holder of a device to the next: each finds what there was before it. */
struct model_settings {
    bool offloads_given;       /* wanted: in the file; found: nobody holds the device, they are no holder's affair */
    uint32_t offloads;         /* MODEL_OFFLOAD_... */
    uint32_t vnet_header_size; /* bytes; 0: the driver's own, MODEL_VNET_HEADER_SIZE */
};

/* One stand-alone TUN or TAP. */
struct model_device {
    char name[MODEL_IFNAME_MAX];
    enum model_device_kind kind;
    struct ip_prefix addresses[MODEL_LIST_MAX];
    size_t address_count;
    uint32_t user, group;
    uint32_t mtu;   /* 0: MODEL_DEVICE_MTU */
    struct mac mac; /* TAP only; derived unless given */
    bool multi_queue;
    bool up; /* true unless it is given */
    bool up_given;
    uint32_t queue_length; /* packets that wait for the program; 0: the driver's own, see model_expand() */
    uint32_t link_type;    /* ARPHRD_...; 0: the kind's, or what it has */
    struct model_settings settings;
    struct model_place place, offloads_place;
};

/* What the host's IPv6 is like, as far as ours depends on it. */
struct model_ip6 {
    bool available; /* the kernel has it, and gives new links addresses of it */
    bool forwards;  /* net.ipv6.conf.all.forwarding is 1, by the host's own wish */
    bool forces;    /* the kernel forwards per interface: net.ipv6.conf.NAME.force_forwarding, of Linux 6.17 */
    char uplink[MODEL_IFNAME_MAX]; /* of the default route with the lowest metric; "": none */
    /* Links whose default route the kernel learns from router advertisements, unless the host forwards. */
    char learning[MODEL_LINKS_MAX][MODEL_IFNAME_MAX];
    size_t learning_count;
    uint64_t machine; /* tells this machine from others, always the same; a hash, for unique local addresses */
};

/* What one file declares. */
struct model_set {
    char name[MODEL_NAME_MAX];
    const char *file; /* as the user named it, for messages */
    enum model_coexist coexist;
    const char *path;                     /* of that file, absolute; NULL: it came from no file, or nobody knows */
    uint64_t source_device, source_inode; /* of the file whose text was read; 0: none was */
    struct model_network *networks;
    size_t network_count;
    struct model_device *devices;
    size_t device_count;
    struct model_ip6 ip6; /* of the host, by model_resolve() */
    struct arena arena;   /* owns every pointer above */
};

void model_set_free(struct model_set *set); /* takes NULL */

#define MODEL_BURST_MIN 65536u /* bytes: one packet of the largest kind */
/* How many bytes may pass at once at @rate bits a second: what was given, else what passes in a 20th of a second. */
uint32_t model_burst(const struct model_limit *limit, uint64_t rate);
bool model_limit_equal(const struct model_limit *a, const struct model_limit *b);
/* Has a network of @mode a gateway, which leads out, and with it DNS? */
bool model_mode_leads_out(enum model_mode mode);
/* Has it a subnet of its own, whose addresses our service gives? */
bool model_mode_has_subnet(enum model_mode mode);
/*
 * Are its ports those of a bridge? Else each is a link of its own, with a route to its guest: what is made and how
 * packets go follows from this, who may reach whom from the mode.
 */
bool model_network_has_bridge(const struct model_network *network);
size_t model_network_ports_max(const struct model_network *network);
bool model_network_has_clones(const struct model_network *network);
bool model_network_has_clones6(const struct model_network *network); /* and they have IPv6 */
/* The IPv4 address that the guest of @port has itself: its own, or what all clones of the network have. */
const struct ip_address *model_port_inside(const struct model_network *network, const struct model_port *port);
/* The same of IPv6; family 0: it has none. */
const struct ip_address *model_port_inside6(const struct model_network *network, const struct model_port *port);
/* Are the IPv6 addresses of its ports chosen, as by IPv4, and not made of their guests' MACs? */
bool model_network_chooses6(const struct model_network *network);
bool model_network_has_forwards(const struct model_network *network); /* of any of its ports */
const char *model_origin_print(enum model_origin origin);
int model_origin_parse(const char *text, enum model_origin *ret);
const char *model_mode_print(enum model_mode mode);
int model_mode_parse(const char *text, enum model_mode *ret);

/* ---- access.c ---- */

/* Somebody who asks, as the kernel tells of him. */
struct model_person {
    uint32_t user;
    const uint32_t *groups;
    size_t group_count;
};

bool model_access_names(const struct model_access *access, const struct model_person *person);
/* How many ports @person may have in @network at once, besides those that are declared; 0: none. */
uint32_t model_access_ports(const struct model_network *network, const struct model_person *person);
/* How many there are of @user now. */
uint32_t model_access_used(const struct model_network *network, uint32_t user);
/* May @person, who is not root, open the TAP of @port? */
bool model_access_opens(const struct model_port *port, const struct model_person *person);

/* ---- offload.c ---- */

/* Every offload that an interface shows, by name, and "none"; ends with a NULL word. */
extern const struct model_word model_offload_words[];
#define MODEL_OFFLOADS_TEXT_MAX 64
/* "csum, tso4", or "none". */
const char *model_offloads_print(uint32_t offloads, char text[MODEL_OFFLOADS_TEXT_MAX]);
/* Why the driver takes no such combination, with a remedy; NULL: it does, where the kernel is new enough. */
const char *model_offloads_fault(uint32_t offloads);

/* ---- derive.c: names and MACs that follow from names ---- */

/* Is @text a DNS label (a-z, 0-9, "-", not at either end, 1 to 63 characters)? */
bool model_name_valid(const char *text);
/* May the kernel take @text as an interface name (1 to 15 characters, no "/", no space, not "." or "..")? */
bool model_ifname_valid(const char *text);
/*
 * Fills in what the file left out and what needs no look at the host: device and bridge names, MACs, hostnames.
 * A port's TAP is NETWORK-PORT, a network's bridge br-NETWORK (rt-NETWORK where ports have none); longer than 15
 * characters: the first eight, "-" and six characters of the hash of the whole; with `id:`, tap / qbr + the id's first
 * 11. Whether ports have a bridge is decided here, too.
 */
void model_derive(struct model_set *set);
/* The same for one network; what was derived before stays, so that one more port changes no other. */
void model_derive_network(const struct model_set *set, struct model_network *network);

/* The name of the TAP of a port that says nothing else. */
void model_device_name(const char *network, const char *port, char ret[MODEL_IFNAME_MAX]);

/* ---- check.c: what one file can get wrong by itself ---- */

/*
 * Overlapping subnets, addresses outside their subnet or used twice, device names or MACs used twice, no room for all
 * ports, ... One line a mistake ("FILE:LINE:COLUMN: port db: address 10.20.1.7 is outside 10.20.0.0/24"), at most 20.
 * @set has been derived; subnets and addresses may still be missing. 0 or -EINVAL.
 */
int model_check(const struct model_set *set, struct tapnet_error *error);

/* ---- resolve.c: what depends on the host ---- */

/* What the host already has, as far as choosing needs it. Filled by observe/. */
struct model_surroundings {
    const struct ip_prefix *taken; /* every address and route of the host that is not the set's own */
    size_t taken_count;
    char uplink[MODEL_IFNAME_MAX]; /* of the IPv4 default route with the lowest metric; "": none */
    uint32_t uplink_mtu;           /* its MTU, 0: not known */
    /* The MTU of an uplink that the file gave, 0: there is no such link. May be NULL. */
    uint32_t (*link_mtu)(const void *data, const char *name);
    /* Its MAC, and why it can't be a port of a bridge, with what to do instead; NULL when it can. May be NULL. */
    const char *(*link_port)(const void *data, const char *name, struct mac *ret);
    /* Is @subnet a part, and not all, of a subnet that the host has an address of on @link? Gives that. May be NULL. */
    bool (*on_link)(const void *data, const char *link, const struct ip_prefix *subnet, struct ip_prefix *ret);
    /* What the set's networks and ports have now, so that it stays: looked up by name; false when there is none. */
    bool (*current_subnet)(const void *data, const char *network, struct ip_prefix *ret);
    bool (*current_address)(const void *data, const char *network, const char *port, uint8_t family,
                            struct ip_address *ret);
    bool (*current_subnet6)(const void *data, const char *network, struct ip_prefix *ret); /* may be NULL */
    /*
     * Addresses of @family (or of none) that ports have which are in the network besides, number @place; NULL behind
     * the last. May be NULL.
     */
    const struct ip_address *(*other_address)(const void *data, size_t place, uint8_t family);
    struct model_ip6 ip6;
    const void *data;
};

/*
 * Fills in subnets, addresses, uplinks and MTUs that the file left out: what is there now stays; else a choice that
 * depends on the names alone (hash, then the next free one), among 10.64.0.0/10 in /24s (then 172.16.0.0/12 and
 * 192.168.0.0/16, when the host has taken all of it), or larger ones where the ports need it, clear of everything in
 * @surroundings. Routes shorter than /8 lead everywhere and take nothing. Checks again with what was chosen. @set is
 * to be resolved once. 0, -EINVAL (a given subnet overlaps a route of the host, ...), -EADDRNOTAVAIL (nothing is
 * free).
 */
int model_resolve(struct model_set *set, const struct model_surroundings *surroundings, struct tapnet_error *error);

/*
 * Addresses for those ports of @network, which is resolved but for them, that have none: as model_resolve(). Its set is
 * derived, and is checked as a whole afterwards. Of @surroundings (NULL: none) only ports besides its own count. 0,
 * -ENOMEM, -EADDRNOTAVAIL.
 */
int model_resolve_ports(struct model_network *network, const struct model_surroundings *surroundings,
                        struct tapnet_error *error);

/* ---- resolve6.c: the same for IPv6 ---- */

/* The link-local address of every host on its bridges: guests know their router by it. */
extern const struct ip_prefix model_router6;
/*
 * Fills in IPv6 subnets, addresses and uplinks. A subnet to be chosen is a unique local one (RFC 4193): 40 bits that
 * follow from the machine, the same for all its networks, and 16 from the network's name. A port's address is the one
 * that its guest makes up itself from its MAC (RFC 4291, appendix A); in a subnet that has no room for that, a part of
 * the uplink's, one is chosen as by IPv4. 0, -EINVAL, -EADDRNOTAVAIL.
 */
int model_resolve6(struct model_set *set, const struct model_surroundings *surroundings, struct tapnet_error *error);
/* Where its IPv6 goes out: by the uplink that the file gives, else by that of the host's own default route. */
void model_resolve_way_out6(struct model_network *network, const struct model_ip6 *ip6);
/*
 * Is the host its guests' router of IPv6? Where it has a way out; of a routed network always, whose guests have nobody
 * else on their link.
 */
bool model_routes6(const struct model_network *network);
/* Is @subnet "::/64": wanted, and not chosen yet? */
bool model_is_open6(const struct ip_prefix *subnet);
/* May the subnet6 of a network of @mode have a prefix of @length? Longer than 64: as a part of the uplink's. */
bool model_length6_valid(unsigned length, enum model_mode mode);
/* Is @prefix unique local (fc00::/7), so that nobody outside knows a way back to it? */
bool model_is_local6(const struct ip_prefix *prefix);
/* The address in @subnet, or the link-local one without, that follows from @mac. */
struct ip_address model_address6(const struct ip_prefix *subnet, const struct mac *mac);

/*
 * The MTU of a network whose file gives none: the uplink's (0: not known), but no more than 1500, and with @ip6 no less
 * than that takes: below it the kernel ends IPv6 on a link, and an uplink of IPv4 may have less.
 */
uint32_t model_default_mtu(uint32_t uplink_mtu, bool ip6);

#endif
