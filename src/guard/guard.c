/* SPDX-License-Identifier: MIT */
/* The guards' sets and the making, comparing and reading of their elements. */
#include "guard/guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#define IFNAME GUARD_FIELD_IFNAME
#define MAC GUARD_FIELD_MAC
#define IP4 GUARD_FIELD_IP4
#define PORT GUARD_FIELD_PORT
#define MARK GUARD_FIELD_MARK
#define REFUSED_MSEC (3 * 60 * 1000) /* who gets no answer asks again before that */
#define PROTOCOL GUARD_FIELD_PROTOCOL
#define IP4_PORT GUARD_FIELD_IP4_PORT
#define TO GUARD_FIELD_TO

const struct guard_schema guard_schemas[GUARD_SET_COUNT] = {
    [GUARD_NETWORKS] = {"networks", GUARD_INET, {IFNAME}, 0, "every bridge and every port of ours"},
    [GUARD_BRIDGED] = {"bridged", GUARD_INET, {IFNAME, IFNAME}, 0, "frames between two ports of one bridge"},
    [GUARD_EGRESS] = {"egress", GUARD_INET, {IFNAME, IFNAME}, 0, "network and the uplink it may go out by"},
    [GUARD_GATEWAYS] = {"gateways", GUARD_INET, {IFNAME, IP4}, 0, "network and the host's address in it"},
    [GUARD_DNS_PORTS] = {"dns_ports", GUARD_INET, {IFNAME, IP4}, PORT, "port that the DNS service really listens on"},
    [GUARD_DNS_SERVED] = {"dns_served", GUARD_INET, {IFNAME, IP4, PORT}, 0, "where guests reach the DNS service"},
    [GUARD_PATHS] = {"paths", GUARD_INET, {IFNAME, IFNAME}, 0, "way in and way out of known connections"},
    [GUARD_CLOSED] = {"closed", GUARD_INET, {IFNAME}, 0, "forwards for our networks only"},
    [GUARD_ROUTED_PORTS] = {"routed_ports", GUARD_INET, {IFNAME}, 0, "every port of a routed network"},
    [GUARD_ROUTED_ADDRESSES] =
        {"routed_addresses", GUARD_INET, {IFNAME, MAC, IP4}, 0, "port, its guest's MAC and an address it may use"},
    [GUARD_ROUTED_MACS] = {"routed_macs", GUARD_INET, {IFNAME, MAC}, 0, "port and its guest's MAC"},
    [GUARD_ROUTED_ANY_MAC_ADDRESSES] =
        {"routed_any_mac_addresses", GUARD_INET, {IFNAME, IP4}, 0, "port with any MAC and an address of its guest"},
    [GUARD_ROUTED_ANY_MAC_PORTS] =
        {"routed_any_mac_ports", GUARD_INET, {IFNAME}, 0, "ports whose guests may use any MAC"},
    [GUARD_WAYS] = {"ways", GUARD_INET, {IFNAME, IFNAME}, 0, "port and uplink of a routed network, both directions"},
    [GUARD_ROUTED_BLOCKED] =
        {"routed_blocked", GUARD_INET, {IFNAME}, 0, "what was dropped of what a port sent", true, 0},
    [GUARD_PEERS] = {"peers", GUARD_INET, {IP4, IP4, TO, IP4, IP4}, 0, "source and destination in one routed network"},
    [GUARD_FORWARDS] = {"forwards", GUARD_INET, {PROTOCOL, PORT}, IP4_PORT, "port of the host, guest and its port"},
    [GUARD_BOUND_FORWARDS] =
        {"bound_forwards", GUARD_INET, {IP4, PROTOCOL, PORT}, IP4_PORT, "the same by one address of the host"},
    [GUARD_FORWARD_RANGES] = {"forward_ranges",
                              GUARD_INET,
                              {IP4, PROTOCOL, PORT, TO, IP4, PROTOCOL, PORT},
                              IP4,
                              "ports of the host, guest with the same"},
    [GUARD_PUBLISHED] = {"published", GUARD_INET, {IP4}, 0, "guests that forwards lead to"},
    [GUARD_SUBNETS] =
        {"subnets", GUARD_INET, {IFNAME, IP4, TO, IFNAME, IP4}, 0, "network and the addresses of its subnet"},
    [GUARD_APART] = {"apart", GUARD_INET, {IFNAME, IFNAME}, 0, "networks whose ports do not see each other"},
    [GUARD_PORTS] = {"ports", GUARD_BRIDGE, {IFNAME}, 0, "every port of ours"},
    [GUARD_PORT_ADDRESSES] = {"port_addresses",
                              GUARD_BRIDGE,
                              {IFNAME, MAC, IP4},
                              0,
                              "port, its guest's MAC and an address it may use",
                              true,
                              0},
    [GUARD_PORT_MACS] = {"port_macs", GUARD_BRIDGE, {IFNAME, MAC}, 0, "port and its guest's MAC", true, 0},
    [GUARD_ANY_MAC_ADDRESSES] =
        {"any_mac_addresses", GUARD_BRIDGE, {IFNAME, IP4}, 0, "port with any MAC and an address its guest may use"},
    [GUARD_ANY_MAC_PORTS] = {"any_mac_ports", GUARD_BRIDGE, {IFNAME}, 0, "ports whose guests may use any MAC"},
    [GUARD_RESOLVERS] = {"resolvers", GUARD_BRIDGE, {IP4}, 0, "where guests ask the DNS service"},
    [GUARD_PORT_NETWORKS] =
        {"port_networks", GUARD_BRIDGE, {IFNAME}, MARK, "port that takes the first MAC it sees, and its network"},
    [GUARD_PROPOSED_MACS] =
        {"proposed_macs", GUARD_BRIDGE, {IFNAME, MAC}, 0, "such a port and the MAC that was proposed for its guest"},
    [GUARD_OPEN_ADDRESSES] =
        {"open_addresses", GUARD_BRIDGE, {IFNAME, IP4}, 0, "such a port and an address its guest may use"},
    [GUARD_NETWORK_MACS] =
        {"network_macs", GUARD_BRIDGE, {MARK, MAC}, 0, "network and a MAC that is somebody's in it", true, 0},
    [GUARD_LEARNED_PORTS] = {"learned_ports", GUARD_BRIDGE, {IFNAME}, 0, "ports whose guest's MAC was learnt", true, 0},
    [GUARD_REFUSED_MACS] =
        {"refused_macs", GUARD_BRIDGE, {IFNAME, MAC}, 0, "port and a MAC that was refused there", true, REFUSED_MSEC},
    [GUARD_BLOCKED] = {"blocked", GUARD_BRIDGE, {IFNAME}, 0, "what was dropped of what a port sent", true, 0},
    [GUARD_ARP_PORTS] = {"arp_ports", GUARD_ARP, {IFNAME}, 0, "every port of a routed network"},
    [GUARD_ARP_ADDRESSES] =
        {"arp_addresses", GUARD_ARP, {IFNAME, MAC, IP4}, 0, "port, its guest's MAC and an address it may use"},
    [GUARD_ARP_ANY_MAC_ADDRESSES] =
        {"arp_any_mac_addresses", GUARD_ARP, {IFNAME, IP4}, 0, "port with any MAC and an address of its guest"},
    [GUARD_ARP_BLOCKED] = {"arp_blocked", GUARD_ARP, {IFNAME}, 0, "what was dropped of what a port said", true, 0},
    [GUARD_ARP_REACH] = {"arp_reach", GUARD_ARP, {IP4, IP4, TO, IP4, IP4}, 0, "who asks, and whom about"},
    [GUARD_GROUP_LIMITS] =
        {"group_limits", GUARD_BRIDGE, {IFNAME}, 0, "what a port may send to groups", .limit = GUARD_LIMIT_PACKETS},
    [GUARD_SEND_LIMITS] =
        {"send_limits", GUARD_BRIDGE, {IFNAME}, 0, "what a port may send at all", .limit = GUARD_LIMIT_BYTES},
    [GUARD_CONNECTION_LIMITS] = {"connection_limits",
                                 GUARD_INET,
                                 {IFNAME, IP4},
                                 0,
                                 "network, guest, and how many connections it may have",
                                 .limit = GUARD_LIMIT_CONNECTIONS},
    [GUARD_REFUSED_CONNECTIONS] =
        {"refused_connections", GUARD_INET, {IFNAME, IP4}, 0, "network, guest, and how many were too many", true, 0},
};

const char *const guard_family_names[GUARD_FAMILY_COUNT] = {
    [GUARD_INET] = "inet", [GUARD_BRIDGE] = "bridge", [GUARD_ARP] = "arp"};

size_t guard_field_len(enum guard_field field)
{
    switch (field) {
    case GUARD_FIELD_NONE:
        return 0;
    case GUARD_FIELD_IFNAME:
        return 16;
    case GUARD_FIELD_MAC:
        return 6;
    case GUARD_FIELD_IP4:
        return 4;
    case GUARD_FIELD_PROTOCOL:
        return 1;
    case GUARD_FIELD_PORT:
        return 2;
    case GUARD_FIELD_MARK:
        return 4;
    case GUARD_FIELD_IP4_PORT:
        return 8;
    case GUARD_FIELD_TO:
        return 0;
    }
    return 0;
}

size_t guard_field_room(enum guard_field field)
{
    return (guard_field_len(field) + 3) & ~(size_t)3;
}

/* Where field @index starts in the key of @set. */
static size_t key_offset(enum guard_set set, int index)
{
    size_t offset = 0;

    for (int i = 0; i < index && i < GUARD_FIELDS_MAX; i++)
        offset += guard_field_room(guard_schemas[set].key[i]);
    return offset;
}

size_t guard_key_len(enum guard_set set)
{
    return key_offset(set, GUARD_FIELDS_MAX);
}

size_t guard_data_len(enum guard_set set)
{
    return guard_field_len(guard_schemas[set].data);
}

bool guard_is_interval(enum guard_set set)
{
    for (int i = 0; i < GUARD_FIELDS_MAX; i++)
        if (guard_schemas[set].key[i] == TO)
            return true;
    return false;
}

size_t guard_end_len(enum guard_set set)
{
    return guard_key_len(set) / (guard_is_interval(set) ? 2 : 1);
}

int guard_element_compare(const struct guard_element *a, const struct guard_element *b)
{
    if (a->set != b->set)
        return a->set < b->set ? -1 : 1;
    return memcmp(a->key, b->key, sizeof(a->key));
}

bool guard_element_equal(const struct guard_element *a, const struct guard_element *b)
{
    return guard_element_compare(a, b) == 0 && memcmp(a->data, b->data, sizeof(a->data)) == 0;
}

bool guard_element_is_learned(const struct guard_element *element)
{
    return guard_schemas[element->set].filled && !(element->label && element->label[0]);
}

/* ---- make ---- */

/* A name as the kernel's ifname registers hold it; what does not fit an interface name is cut. */
static void write_ifname(uint8_t *bytes, const char *name)
{
    memcpy(bytes, name, strnlen(name, guard_field_len(IFNAME) - 1));
}

/* The sets know IPv4 only: any other family stays 0.0.0.0, which matches no guest. */
static void write_ip4(uint8_t *bytes, const struct ip_address *address)
{
    if (address->family == AF_INET)
        memcpy(bytes, address->bytes, guard_field_len(IP4));
}

static void write_mac(uint8_t *bytes, const struct mac *mac)
{
    memcpy(bytes, mac->bytes, guard_field_len(MAC));
}

static void write_port(uint8_t *bytes, uint16_t port)
{
    uint16_t wire = htons(port);

    memcpy(bytes, &wire, sizeof(wire));
}

/* An element whose first field is @device, as in most sets of ours. */
static struct guard_element element_of(enum guard_set set, const char *device, const char *label)
{
    struct guard_element element = {.set = set, .label = label};

    write_ifname(element.key, device);
    return element;
}

static struct guard_element element_of_pair(enum guard_set set, const char *in, const char *out, const char *label)
{
    struct guard_element element = element_of(set, in, label);

    write_ifname(element.key + key_offset(set, 1), out);
    return element;
}

static struct guard_element element_of_address(enum guard_set set, const char *device, const struct ip_address *address,
                                               const char *label)
{
    struct guard_element element = element_of(set, device, label);

    write_ip4(element.key + key_offset(set, 1), address);
    return element;
}

struct guard_element guard_network(const char *bridge_or_port, const char *label)
{
    return element_of(GUARD_NETWORKS, bridge_or_port, label);
}

struct guard_element guard_bridged(const char *bridge, const char *label)
{
    return element_of_pair(GUARD_BRIDGED, bridge, bridge, label);
}

struct guard_element guard_egress(const char *bridge, const char *uplink, const char *label)
{
    return element_of_pair(GUARD_EGRESS, bridge, uplink, label);
}

struct guard_element guard_gateway(const char *bridge, const struct ip_address *gateway, const char *label)
{
    return element_of_address(GUARD_GATEWAYS, bridge, gateway, label);
}

struct guard_element guard_dns_port(const char *bridge, const struct ip_address *gateway, uint16_t port,
                                    const char *label)
{
    struct guard_element element = element_of_address(GUARD_DNS_PORTS, bridge, gateway, label);

    write_port(element.data, port);
    return element;
}

struct guard_element guard_dns_served(const char *bridge, const struct ip_address *gateway, uint16_t port,
                                      const char *label)
{
    struct guard_element element = element_of_address(GUARD_DNS_SERVED, bridge, gateway, label);

    write_port(element.key + key_offset(GUARD_DNS_SERVED, 2), port);
    return element;
}

struct guard_element guard_path(const char *from, const char *to, const char *label)
{
    return element_of_pair(GUARD_PATHS, from, to, label);
}

struct guard_element guard_closed(const char *uplink, const char *label)
{
    return element_of(GUARD_CLOSED, uplink, label);
}

/* Protocol and port into the fields of @element from @index on. */
static void write_service(struct guard_element *element, int index, uint8_t protocol, uint16_t port)
{
    element->key[key_offset(element->set, index)] = protocol;
    write_port(element->key + key_offset(element->set, index + 1), port);
}

struct guard_element guard_forward(const struct ip_address *address, uint8_t protocol, uint16_t port,
                                   const struct ip_address *guest, uint16_t guest_port, const char *label)
{
    struct guard_element element = {.set = address->family ? GUARD_BOUND_FORWARDS : GUARD_FORWARDS, .label = label};

    if (address->family)
        write_ip4(element.key, address);
    write_service(&element, address->family ? 1 : 0, protocol, port);
    write_ip4(element.data, guest);
    write_port(element.data + guard_field_room(IP4), guest_port);
    return element;
}

struct guard_element guard_forward_range(const struct ip_address *address, uint8_t protocol, uint16_t first,
                                         uint16_t last, const struct ip_address *guest, const char *label)
{
    struct guard_element element = {.set = GUARD_FORWARD_RANGES, .label = label};

    write_ip4(element.key, address);
    write_service(&element, 1, protocol, first);
    if (address->family)
        write_ip4(element.key + key_offset(element.set, 4), address);
    else
        memset(element.key + key_offset(element.set, 4), 0xff, guard_field_len(IP4));
    write_service(&element, 5, protocol, last);
    write_ip4(element.data, guest);
    return element;
}

struct guard_element guard_published(const struct ip_address *guest, const char *label)
{
    struct guard_element element = {.set = GUARD_PUBLISHED, .label = label};

    write_ip4(element.key, guest);
    return element;
}

struct guard_element guard_subnet(const char *bridge, const struct ip_prefix *subnet, const char *label)
{
    struct ip_prefix first = ip_prefix_network(subnet);
    struct ip_address last = ip4_broadcast(subnet);
    struct guard_element element = element_of_address(GUARD_SUBNETS, bridge, &first.address, label);

    write_ifname(element.key + key_offset(GUARD_SUBNETS, 3), bridge);
    write_ip4(element.key + key_offset(GUARD_SUBNETS, 4), &last);
    return element;
}

struct guard_element guard_apart(const char *bridge, const char *label)
{
    return element_of_pair(GUARD_APART, bridge, bridge, label);
}

struct guard_element guard_port(const char *device, const char *label)
{
    return element_of(GUARD_PORTS, device, label);
}

static struct guard_element element_of_mac(enum guard_set set, const char *device, const struct mac *mac,
                                           const char *label)
{
    struct guard_element element = element_of(set, device, label);

    write_mac(element.key + key_offset(set, 1), mac);
    return element;
}

struct guard_element guard_port_source(const char *device, const struct mac *mac, const struct ip_address *address,
                                       const char *label)
{
    struct guard_element element = element_of_mac(GUARD_PORT_ADDRESSES, device, mac, label);

    write_ip4(element.key + key_offset(GUARD_PORT_ADDRESSES, 2), address);
    return element;
}

struct guard_element guard_port_mac(const char *device, const struct mac *mac, const char *label)
{
    return element_of_mac(GUARD_PORT_MACS, device, mac, label);
}

struct guard_element guard_any_mac_source(const char *device, const struct ip_address *address, const char *label)
{
    return element_of_address(GUARD_ANY_MAC_ADDRESSES, device, address, label);
}

struct guard_element guard_any_mac_port(const char *device, const char *label)
{
    return element_of(GUARD_ANY_MAC_PORTS, device, label);
}

struct guard_element guard_resolver(const struct ip_address *gateway, const char *label)
{
    struct guard_element element = {.set = GUARD_RESOLVERS, .label = label};

    write_ip4(element.key, gateway);
    return element;
}

struct guard_element guard_port_network(const char *device, uint32_t network, const char *label)
{
    struct guard_element element = element_of(GUARD_PORT_NETWORKS, device, label);

    memcpy(element.data, &network, sizeof(network));
    return element;
}

struct guard_element guard_proposed_mac(const char *device, const struct mac *mac, const char *label)
{
    return element_of_mac(GUARD_PROPOSED_MACS, device, mac, label);
}

struct guard_element guard_open_address(const char *device, const struct ip_address *address, const char *label)
{
    return element_of_address(GUARD_OPEN_ADDRESSES, device, address, label);
}

struct guard_element guard_network_mac(uint32_t network, const struct mac *mac, const char *label)
{
    struct guard_element element = {.set = GUARD_NETWORK_MACS, .label = label};

    memcpy(element.key, &network, sizeof(network));
    write_mac(element.key + key_offset(GUARD_NETWORK_MACS, 1), mac);
    return element;
}

struct guard_element guard_learned_port(const char *device)
{
    return element_of(GUARD_LEARNED_PORTS, device, "");
}

struct guard_element guard_refused_mac(const char *device, const struct mac *mac)
{
    return element_of_mac(GUARD_REFUSED_MACS, device, mac, "");
}

struct guard_element guard_blocked(const char *device)
{
    return element_of(GUARD_BLOCKED, device, "");
}

struct guard_element guard_routed_blocked(enum guard_set set, const char *device)
{
    return element_of(set, device, "");
}

struct guard_element guard_way(const char *from, const char *to, const char *label)
{
    return element_of_pair(GUARD_WAYS, from, to, label);
}

struct guard_element guard_peers(enum guard_set set, const struct ip_prefix *subnet, const char *label)
{
    struct guard_element element = {.set = set, .label = label};
    struct ip_prefix network = ip_prefix_network(subnet);
    struct ip_address last = ip4_broadcast(subnet);

    for (int i = 0; i < 2; i++) {
        write_ip4(element.key + key_offset(set, i), &network.address);
        write_ip4(element.key + key_offset(set, 3 + i), &last);
    }
    return element;
}

struct guard_element guard_routed_port(enum guard_set set, const char *device, const char *label)
{
    return element_of(set, device, label);
}

struct guard_element guard_routed_mac(const char *device, const struct mac *mac, const char *label)
{
    return element_of_mac(GUARD_ROUTED_MACS, device, mac, label);
}

struct guard_element guard_routed_source(enum guard_set set, const char *device, const struct mac *mac,
                                         const struct ip_address *address, const char *label)
{
    struct guard_element element = element_of_mac(set, device, mac, label);

    write_ip4(element.key + key_offset(set, 2), address);
    return element;
}

struct guard_element guard_routed_any_mac_source(enum guard_set set, const char *device,
                                                 const struct ip_address *address, const char *label)
{
    return element_of_address(set, device, address, label);
}

/* At once, as much as in a second. */
struct guard_element guard_group_limit(const char *device, uint32_t packets, const char *label)
{
    struct guard_element element = element_of(GUARD_GROUP_LIMITS, device, label);

    guard_set_limit(&element, packets, packets);
    return element;
}

struct guard_element guard_send_limit(const char *device, uint64_t bytes, uint32_t burst, const char *label)
{
    struct guard_element element = element_of(GUARD_SEND_LIMITS, device, label);

    guard_set_limit(&element, bytes, burst);
    return element;
}

struct guard_element guard_connection_limit(const char *bridge, const struct ip_address *address, uint32_t count,
                                            const char *label)
{
    struct guard_element element = element_of_address(GUARD_CONNECTION_LIMITS, bridge, address, label);

    guard_set_limit(&element, count, 0);
    return element;
}

struct guard_element guard_refused_connections(const char *bridge, const struct ip_address *address)
{
    return element_of_address(GUARD_REFUSED_CONNECTIONS, bridge, address, "");
}

/* ---- read ---- */

/* The bytes of field @index, or of the data for -1. A range's are those of where it begins. */
static const uint8_t *field_bytes(const struct guard_element *element, int index)
{
    return index < 0 ? element->data : element->key + key_offset(element->set, index);
}

static enum guard_field field_type(const struct guard_element *element, int index)
{
    if (index < 0)
        return guard_schemas[element->set].data;
    return index < GUARD_FIELDS_MAX ? guard_schemas[element->set].key[index] : GUARD_FIELD_NONE;
}

const char *guard_read_ifname(const struct guard_element *element, int index)
{
    return field_type(element, index) == IFNAME ? (const char *)field_bytes(element, index) : "";
}

struct mac guard_read_mac(const struct guard_element *element, int index)
{
    struct mac mac = {0};

    if (field_type(element, index) == MAC)
        memcpy(mac.bytes, field_bytes(element, index), guard_field_len(MAC));
    return mac;
}

struct ip_address guard_read_ip4(const struct guard_element *element, int index)
{
    struct ip_address address = {.family = AF_INET};

    if (field_type(element, index) == IP4 || field_type(element, index) == IP4_PORT)
        memcpy(address.bytes, field_bytes(element, index), guard_field_len(IP4));
    return address;
}

uint16_t guard_read_port(const struct guard_element *element, int index)
{
    uint16_t wire = 0;

    if (field_type(element, index) == PORT)
        memcpy(&wire, field_bytes(element, index), sizeof(wire));
    else if (field_type(element, index) == IP4_PORT)
        memcpy(&wire, field_bytes(element, index) + guard_field_room(IP4), sizeof(wire));
    return ntohs(wire);
}

void guard_set_limit(struct guard_element *element, uint64_t rate, uint32_t burst)
{
    memcpy(element->data, &rate, sizeof(rate));
    memcpy(element->data + sizeof(rate), &burst, sizeof(burst));
}

uint64_t guard_rate(const struct guard_element *element)
{
    uint64_t rate;

    memcpy(&rate, element->data, sizeof(rate));
    return rate;
}

uint32_t guard_burst(const struct guard_element *element)
{
    uint32_t burst;

    memcpy(&burst, element->data + sizeof(uint64_t), sizeof(burst));
    return burst;
}

uint32_t guard_read_mark(const struct guard_element *element, int index)
{
    uint32_t mark = 0;

    if (field_type(element, index) == MARK)
        memcpy(&mark, field_bytes(element, index), sizeof(mark));
    return mark;
}

uint8_t guard_read_protocol(const struct guard_element *element, int index)
{
    return field_type(element, index) == PROTOCOL ? field_bytes(element, index)[0] : 0;
}
