/* SPDX-License-Identifier: MIT */
/* What the kernel (and /run) hold for us, one object each: the currency of observe, plan and apply. */
#ifndef MODEL_OBJECT_H
#define MODEL_OBJECT_H

#include "guard/guard.h"
#include "guard/passage.h"
#include "model/model.h"

/*
 * How it works: a set is expanded into objects (wanted), the host is read into objects (found); both are sorted by
 * model_object_compare(), the kernel's own identity of an object, and merged; what differs by model_object_equal()
 * becomes a step (before, after).
 */

#define MODEL_LINK_GROUP 0x7461706eu /* "tapn": the interface group of every link of ours */
/*
 * A TAP whose port is gone, in every way but that the kernel takes long to delete it: it is down, with an alias that
 * says so and which MAC it has, in a group ("tapg") that is deleted as a whole. It is nobody's: no object is made of
 * it.
 */
#define MODEL_GONE_GROUP 0x74617067u
#define MODEL_GONE_ALIAS "tapnet:gone "
#define MODEL_ROUTE_PROTOCOL 116 /* rtm_protocol and IFA_PROTO of what we make */
#define MODEL_ALIAS_MAX 256      /* IFALIASZ */

/*
 * Who an object belongs to, as the interface alias says it:
 *     tapnet:SET/NETWORK declared mode=nat             a bridge
 *     tapnet:SET/NETWORK/PORT declared mac=52:54:...   a port
 *     tapnet:SET//DEVICE declared                      a device
 * with an origin's word in the middle. "" where there is none. set[0] == 0: not ours.
 */
struct model_owner {
    char set[MODEL_NAME_MAX];
    char network[MODEL_NAME_MAX];
    char port[MODEL_NAME_MAX];
    enum model_origin origin;
    enum model_mode mode; /* bridges */
    struct mac guest_mac; /* ports */
};

/* Strict: 0, or -EINVAL for anything that model_alias_print() would not have written. */
int model_alias_parse(const char *alias, struct model_owner *ret);
const char *model_alias_print(const struct model_owner *owner, char text[MODEL_ALIAS_MAX]);

enum model_link_kind {
    MODEL_LINK_BRIDGE,
    MODEL_LINK_TAP,
    MODEL_LINK_TUN,
    MODEL_LINK_VETH,  /* the host's end of a pair: the other is in a container */
    MODEL_LINK_OTHER, /* found only: anything else of the host */
};

/* What somebody changed of a link that tapnet makes alike everywhere. */
enum {
    MODEL_ALTERED_GROUP = 1 << 0,    /* not in MODEL_LINK_GROUP */
    MODEL_ALTERED_STP = 1 << 1,      /* bridge: spanning tree on */
    MODEL_ALTERED_DELAY = 1 << 2,    /* bridge: a forward delay */
    MODEL_ALTERED_SNOOPING = 1 << 3, /* bridge: multicast snooping on */
    MODEL_ALTERED_PORT = 1 << 4,     /* port: not learning, not flooded to, hairpin, ... */
    MODEL_ALTERED_GROUPS = 1 << 5,   /* bridge: frames to bridge group addresses reach the port's own IP stack */
    MODEL_ALTERED_LEARNING = 1 << 6, /* bridge: without our limit to the MACs that it learns */
    MODEL_ALTERED_ARP = 1 << 7,      /* bridge: answers ARP for any address of the host; port: hears ARP itself */
};

struct model_link {
    char name[MODEL_IFNAME_MAX]; /* identity */
    enum model_link_kind kind;
    struct model_owner owner; /* owner.set[0] == 0: not (or not yet) labelled */
    struct mac mac;
    uint32_t mtu;                  /* 0 in wanted: whatever it is */
    char master[MODEL_IFNAME_MAX]; /* bridge it is a port of, "" for none */
    uint32_t user, group;          /* TAP and TUN */
    bool multi_queue;              /* TAP and TUN: as it was made; can't change */
    bool persistent;               /* TAP and TUN */
    bool up;
    uint32_t queue_length; /* TAP and TUN, packets; 0 in wanted: whatever it is */
    uint32_t link_type;    /* ARPHRD_...; 0 in wanted: whatever it is */
    /* Of a stand-alone device. The header size, which no dump tells, is found as its set's record has it. */
    struct model_settings settings;
    bool forwarding;     /* net.ipv4.conf.NAME.forwarding; compared for bridges only */
    bool route_localnet; /* net.ipv4.conf.NAME.route_localnet: the host's 127.0.0.1 reaches guests; of gateways only */
    bool isolated;       /* port of a bridge: no frame goes from it to another isolated port */
    bool routed;         /* port without a bridge: forwards, answers ARP for its own address and for all it routes to */
    bool routed6;        /* of such a port: forwards IPv6, and says so. What need not do it may all the same */
    bool was_found;      /* not wished for but seen, as it may be put back: what a wish leaves open is compared, too */
    /* Of a port: bytes a second that its guest receives, and bytes at once; 0: as it comes. Found of ours only. */
    uint64_t receive;
    uint32_t receive_burst;
    unsigned altered; /* MODEL_ALTERED_..., found only: wanted is 0 */
    /* Found only, not compared: */
    bool disowned; /* in our group, with somebody else's alias: it concerns only who wants its name */
    int index;
    uint32_t link_group; /* MODEL_LINK_GROUP when ours */
    bool carrier;
    bool plugged; /* TAP and TUN: somebody holds it, be it up or down */
    bool lent;    /* port: a user who is not root has plugged it in, by what the ledger says */
    uint32_t carrier_losses;
    uint32_t queues; /* TAP and TUN made for several: how many are open; else 0 */
};

struct model_host_address {
    char device[MODEL_IFNAME_MAX]; /* identity: device and prefix */
    struct ip_prefix prefix;
    struct ip_address
        peer;      /* at the other end, whom the kernel's route leads to, alone; family 0: none. Identity, too */
    bool unrouted; /* found only: the kernel's route to the subnet, or the peer, was taken away */
};

/*
 * The way to one guest, by its own port: of IPv6, where the gateway's address does not stand on each port and brings no
 * route along.
 */
struct model_guest_route {
    char device[MODEL_IFNAME_MAX]; /* identity: device and guest */
    struct ip_address guest;
    struct ip_address source; /* that the host speaks to it from, an address of its own; family 0: any */
};

/*
 * Who has an address on a link, so that nobody need ask: the host speaks to this MAC, whatever ARP says. Or, as a
 * proxy, for whom the host answers ARP on a link that is another's.
 */
struct model_neighbour {
    char device[MODEL_IFNAME_MAX]; /* identity: device and address */
    struct ip_address address;
    bool proxy; /* identity, too */
    struct mac mac;
};

/*
 * A link of the host's that is, or is to be, a port of a bridge of mode bridge; with what the host has by it, each on
 * the link itself or on the bridge: what has moved. A step about it is never made or removed, always changed.
 */
enum model_item_kind { /* as enum netlink_item_kind */
                       MODEL_ITEM_ADDRESS,
                       MODEL_ITEM_ROUTE,
                       MODEL_ITEM_NEIGHBOUR,
};

struct model_item {
    enum model_item_kind kind;
    char device[MODEL_IFNAME_MAX]; /* that it is on */
    bool learnt;                   /* by the kernel, and learnt again: never compared */
    struct ip_address taken;       /* found only, not compared: the address itself, a default route's gateway */
    const uint8_t *bytes;          /* the kernel's own words for it, without the device */
    size_t len, key_len;           /* the first key_len bytes are compared: routers may change the rest at any time */
    uint32_t valid, preferred;     /* seconds, UINT32_MAX: forever; not compared */
};

struct model_uplink {
    char name[MODEL_IFNAME_MAX];   /* identity */
    char bridge[MODEL_IFNAME_MAX]; /* that it is a port of; "": of none of ours */
    const struct model_item *items;
    size_t item_count;
    const char *fault; /* found only, not compared: why it can't be moved, a constant; NULL: it can */
};

/*
 * A sysctl outside our own links, or of IPv6 of our bridges, and who needs it: /run remembers it because the kernel
 * can't.
 */
#define MODEL_SYSCTL_MAX 96
#define MODEL_SYSCTL_GONE "gone" /* in place of a value: the interface is not there, and its sysctls neither */
struct model_sysctl {
    char path[MODEL_SYSCTL_MAX]; /* below /proc/sys, identity: "net/ipv4/conf/eth0/forwarding" */
    char value[16];
    char restore[16];  /* what it was before the first of us */
    const char *users; /* names of the sets that need it, sorted, separated by spaces */
    bool lost;         /* found only: the guards tell of it, its ledger is gone */
};

/*
 * What is changed of the IPv6 of a link that is not ours, net.ipv6.conf.LINK.@name: where it is @before, and nothing
 * else by the host's own wish. An element of @trace tells so, for who comes back when the ledger is gone.
 */
struct model_conf6 {
    const char *name, *before, *value;
    enum guard_set trace;
};
extern const struct model_conf6 model_conf6[]; /* ends with one without a name */
/* The one that @sysctl is, of @device; NULL: none of a single link. */
const struct model_conf6 *model_conf6_find(const struct model_sysctl *sysctl, char device[MODEL_IFNAME_MAX]);

/*
 * Does it keep what another sysctl of ours would take from the host? accept_ra = 2, without which the kernel forgets
 * the host's default routes when it is told to forward IPv6.
 */
bool model_sysctl_secures(const struct model_sysctl *sysctl);
/* What it is while we need it. */
const char *model_sysctl_wanted(const struct model_sysctl *sysctl);
/*
 * What it is to be when nobody needs it: what it was; of a link of ours, which stays when only its IPv6 goes, what a
 * fresh one has; "" is to be left as it is.
 */
const char *model_sysctl_restored(const struct model_sysctl *sysctl);
/* The link that it is of, when its name is @name of @family ("ipv4", "ipv6"); false for any other. */
bool model_sysctl_device(const struct model_sysctl *sysctl, const char *family, const char *name,
                         char device[MODEL_IFNAME_MAX]);

/* A table of ours with its chains, rules and empty sets. */
struct model_table {
    enum guard_family family; /* identity */
    bool intact;              /* found only: chains, rules and sets are exactly what this version of tapnet makes */
};

/* DHCP and DNS for one network: what the service has been told. */
struct model_service {
    const struct model_network *network; /* identity: its name; compared whole, by model_network_equal() */
    const char *set;
    bool running;     /* wanted: true; found: the service is alive. Compared. */
    bool named;       /* the host's own resolver asks it for the network's names. Compared. */
    bool grown;       /* found only: ports of it stand beside its ledger (observe/plugged.h) */
    int bridge_index; /* found only: of the bridge that its sockets were bound to */
};

/*
 * That a set is up: where it came from, and what of it nothing else tells when it is gone from the kernel. Networks
 * have their service for that, stand-alone devices this.
 */
struct model_record {
    const char *set;  /* identity */
    const char *path; /* of the file, absolute; "": it came from none */
    const struct model_device *devices;
    size_t device_count;
};

/* In the order in which they are made; taken away in reverse. */
enum model_object_kind {
    MODEL_OBJECT_TABLE,
    MODEL_OBJECT_ELEMENT,
    MODEL_OBJECT_LINK,
    MODEL_OBJECT_ADDRESS,
    MODEL_OBJECT_ROUTE,
    MODEL_OBJECT_NEIGHBOUR,
    MODEL_OBJECT_PASSAGE,
    MODEL_OBJECT_UPLINK,
    MODEL_OBJECT_SYSCTL,
    MODEL_OBJECT_SERVICE,
    MODEL_OBJECT_RECORD,
};

struct model_object {
    enum model_object_kind kind;
    struct model_place place; /* wanted: the line of the file it comes from */
    union {
        struct model_table table;
        struct guard_element element;
        struct model_link link;
        struct model_host_address address;
        struct model_guest_route route;
        struct model_neighbour neighbour;
        struct guard_passage passage;
        struct model_uplink uplink;
        struct model_sysctl sysctl;
        struct model_service service;
        struct model_record record;
    };
};

struct model_objects {
    struct model_object *items;
    size_t count, capacity;
    struct arena arena; /* labels, users, networks of the objects */
};

void model_objects_fini(struct model_objects *objects);
/* Adds a copy; the pointers inside must live in objects->arena. 0 or -ENOMEM. */
int model_objects_add(struct model_objects *objects, const struct model_object *object);
void model_objects_sort(struct model_objects *objects);
/* Of objects of one identity the first stands for all. They are sorted. */
void model_objects_unique(struct model_objects *objects);
/* The one of @objects, sorted, that has @key's identity; NULL when there is none. */
const struct model_object *model_objects_find(const struct model_objects *objects, const struct model_object *key);
/* How many of @objects, sorted, come before @key: the index of the first that does not. */
size_t model_objects_before(const struct model_objects *objects, const struct model_object *key);

/* Identity: kind, then the key that the kernel itself goes by. Bridges come before TAPs and TUNs. */
int model_object_compare(const struct model_object *a, const struct model_object *b);
/* The device that @object is, or is on: it goes with that. NULL: neither a link nor anything that is on one. */
const char *model_object_device(const struct model_object *object);
/* For two objects of the same identity: is there nothing to do? */
bool model_object_equal(const struct model_object *wanted, const struct model_object *found);
/* Parts of that: what is not wanted, or a holder's affair, is equal. */
bool model_link_type_equal(const struct model_link *wanted, const struct model_link *found);
bool model_receive_equal(const struct model_link *wanted, const struct model_link *found);
bool model_link_is_gateway(const struct model_link *link); /* do guests meet the host there? bridge, routed port */
bool model_offloads_equal(const struct model_settings *wanted, const struct model_settings *found);
/* Bytes, never 0. */
uint32_t model_vnet_header_size(const struct model_settings *settings);
/* "bridge br-lab", "address 10.20.0.1/24 on br-lab": what `plan` prints. */
#define MODEL_OBJECT_TEXT_MAX 224
const char *model_object_print(const struct model_object *object, char text[MODEL_OBJECT_TEXT_MAX]);

/* ---- json.c: objects and networks as JSON, for the journal, the service and --json ---- */

struct json_t;
/* A new reference, or NULL when out of memory. */
struct json_t *model_object_to_json(const struct model_object *object);
/* Strings go to @arena. 0, -EINVAL, -ENOMEM. */
int model_object_from_json(const struct json_t *json, struct arena *arena, struct model_object *ret,
                           struct tapnet_error *error);
/* The whole network as the service and a restart need it (places are left out). */
struct json_t *model_network_to_json(const struct model_network *network);
int model_network_from_json(const struct json_t *json, struct arena *arena, struct model_network **ret,
                            struct tapnet_error *error);
/* One of its ports, into @ret, which is zero; @network: its subnets. */
struct json_t *model_port_to_json(const struct model_port *port);
/* The same as a line of text, malloc'ed. NULL: out of memory. */
char *model_port_print(const struct model_port *port);
int model_port_from_json(const struct json_t *json, const struct model_network *network, struct arena *arena,
                         struct model_port *ret, struct tapnet_error *error);
/* Are both the same for the service? */
bool model_network_equal(const struct model_network *a, const struct model_network *b);
/* Can the host's own resolver ask its DNS? It asks by a device that has a carrier, which a routed network has not. */
bool model_network_names_itself(const struct model_network *network);

/* ---- uplink.c: links of the host's, and what they carry ---- */

/* Are both on the same device, and in the same words? */
bool model_item_equal(const struct model_item *a, const struct model_item *b);
/* Is there one like @item among those of @uplink, on the same device? */
bool model_uplink_has(const struct model_uplink *uplink, const struct model_item *item);
bool model_uplink_equal(const struct model_uplink *a, const struct model_uplink *b);
/* How many of one kind are on @device. */
size_t model_uplink_count(const struct model_uplink *uplink, enum model_item_kind kind, const char *device);
/*
 * @found as it is when it is a port of @bridge ("": of none): all that it carries is there, each once. The array is
 * @arena's, the bytes stay where they are. -ENOMEM.
 */
int model_uplink_move(const struct model_uplink *found, const char *bridge, struct arena *arena,
                      struct model_uplink *ret);
void model_uplink_to_json(struct json_t **json, const struct model_uplink *uplink);
struct json_reader;
void model_uplink_from_json(struct json_reader *reader, struct model_uplink *ret);

/* ---- json_record.c: the part of an object's JSON that is a record ---- */

void model_record_to_json(struct json_t **json, const struct model_record *record);
void model_record_from_json(struct json_reader *reader, struct model_record *ret);
/* Do both declare the same devices, and come from the same file? */
bool model_record_equal(const struct model_record *a, const struct model_record *b);

/* ---- expand.c ---- */

/*
 * What @set, resolved, wants of the host, sorted. Services and the record point into @set, which must live as long as
 * they do.
 * @host_forwards: the uplink forwarded before us (nothing to turn on). 0 or -ENOMEM.
 */
int model_expand(const struct model_set *set, bool host_forwards, struct model_objects *ret,
                 struct tapnet_error *error);
/*
 * What @port alone adds to that: @network is @set's, whose own ports are not looked at, and has what all of them need.
 * @learns: the MAC of another port's guest is learnt (as @port's is, if it may be). 0 or -ENOMEM.
 */
int model_expand_port(const struct model_set *set, const struct model_network *network, const struct model_port *port,
                      bool learns, struct model_objects *ret);

#endif
