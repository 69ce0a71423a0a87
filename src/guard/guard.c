/* SPDX-License-Identifier: MIT */
/* The making and comparing of elements of the guards' sets. */
#include "guard/field.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#define IFNAME GUARD_FIELD_IFNAME
#define MAC GUARD_FIELD_MAC
#define IP4 GUARD_FIELD_IP4
#define TO GUARD_FIELD_TO
#define RAW_MIDDLE GUARD_FIELD_RAW_MIDDLE
#define RAW_END GUARD_FIELD_RAW_END

#define TABLE(family) family " " GUARD_TABLE
#define CLONES GUARD_TABLE "-clones"
#define CLONES6 GUARD_TABLE "-clones6"

const struct guard_table guard_tables[GUARD_FAMILY_COUNT] = {
    [GUARD_INET] = {"inet", GUARD_TABLE, TABLE("inet")},     [GUARD_BRIDGE] = {"bridge", GUARD_TABLE, TABLE("bridge")},
    [GUARD_ARP] = {"arp", GUARD_TABLE, TABLE("arp")},        [GUARD_CLONES] = {"clones", CLONES, "inet " CLONES},
    [GUARD_CLONES6] = {"clones6", CLONES6, "inet " CLONES6},
};

bool guard_is_table(const char *name)
{
    return strcmp(name, GUARD_TABLE) == 0 || strcmp(name, CLONES) == 0 || strcmp(name, CLONES6) == 0;
}

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
    case GUARD_FIELD_RAW_IP4:
        return 4;
    case GUARD_FIELD_PROTOCOL:
    case GUARD_FIELD_FAMILY:
        return 1;
    case GUARD_FIELD_PORT:
        return 2;
    case GUARD_FIELD_MARK:
        return 4;
    case GUARD_FIELD_IP4_PORT:
        return 8;
    case GUARD_FIELD_IP6_PORT:
        return 20;
    case GUARD_FIELD_TO:
        return 0;
    case GUARD_FIELD_IP6:
    case GUARD_FIELD_RAW_IP6:
        return 16;
    case GUARD_FIELD_RAW_MIDDLE:
        return 2;
    case GUARD_FIELD_RAW_END:
        return 3;
    }
    return 0;
}

size_t guard_field_room(enum guard_field field)
{
    return (guard_field_len(field) + 3) & ~(size_t)3;
}

size_t guard_key_offset(enum guard_set set, int index)
{
    size_t offset = 0;

    for (int i = 0; i < index && i < GUARD_FIELDS_MAX; i++)
        offset += guard_field_room(guard_schemas[set].key[i]);
    return offset;
}

/* A field alone is as long as it is. */
size_t guard_key_len(enum guard_set set)
{
    if (!guard_schemas[set].key[1])
        return guard_field_len(guard_schemas[set].key[0]);
    return guard_key_offset(set, GUARD_FIELDS_MAX);
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

/* What is of no family stays 0.0.0.0, which matches no guest. */
static void write_ip(uint8_t *bytes, const struct ip_address *address)
{
    memcpy(bytes, address->bytes, ip_family_size(address->family));
}

/* @set, or its twin for IPv6. */
static enum guard_set of_family(const struct ip_address *address, enum guard_set set, enum guard_set set6)
{
    return address->family == AF_INET6 ? set6 : set;
}

/* The same of the sets of routed networks. */
static enum guard_set routed_set(const struct ip_address *address, enum guard_set set)
{
    static const enum guard_set twins[GUARD_SET_COUNT] = {
        [GUARD_ROUTED_ADDRESSES] = GUARD_ROUTED_ADDRESSES6,
        [GUARD_ROUTED_LIMITED_ADDRESSES] = GUARD_ROUTED_LIMITED_ADDRESSES6,
        [GUARD_ROUTED_ANY_MAC_ADDRESSES] = GUARD_ROUTED_ANY_MAC_ADDRESSES6,
        [GUARD_PEERS] = GUARD_PEERS6,
        [GUARD_ROUTED_APART] = GUARD_ROUTED_APART6,
        [GUARD_ROUTED_PUBLISHED] = GUARD_ROUTED_PUBLISHED6,
        [GUARD_OUTSIDES] = GUARD_OUTSIDES6,
        [GUARD_INSIDES] = GUARD_INSIDES6,
    };

    return of_family(address, set, twins[set] ? twins[set] : set);
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

    write_ifname(element.key + guard_key_offset(set, 1), out);
    return element;
}

static struct guard_element element_of_address(enum guard_set set, const char *device, const struct ip_address *address,
                                               const char *label)
{
    struct guard_element element = element_of(set, device, label);

    write_ip(element.key + guard_key_offset(set, 1), address);
    return element;
}

/* An element that is an address alone. */
static struct guard_element element_of_ip(enum guard_set set, const struct ip_address *address, const char *label)
{
    struct guard_element element = {.set = set, .label = label};

    write_ip(element.key, address);
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
    return element_of_address(of_family(gateway, GUARD_GATEWAYS, GUARD_GATEWAYS6), bridge, gateway, label);
}

struct guard_element guard_dns_port(const char *bridge, const struct ip_address *gateway, uint16_t port,
                                    const char *label)
{
    enum guard_set set = of_family(gateway, GUARD_DNS_PORTS, GUARD_DNS_PORTS6);
    struct guard_element element = element_of_address(set, bridge, gateway, label);
    bool ip6 = set == GUARD_DNS_PORTS6; /* has it that the address stays as it is */

    if (ip6)
        write_ip(element.data, gateway);
    write_port(element.data + (ip6 ? guard_field_room(GUARD_FIELD_IP6) : 0), port);
    return element;
}

struct guard_element guard_translated(enum guard_set set, const char *device, const struct ip_address *from,
                                      const struct ip_address *to, const char *label)
{
    struct guard_element element = element_of_address(routed_set(from, set), device, from, label);

    write_ip(element.data, to);
    return element;
}

struct guard_element guard_dns_served(const char *bridge, const struct ip_address *gateway, uint16_t port,
                                      const char *label)
{
    enum guard_set set = of_family(gateway, GUARD_DNS_SERVED, GUARD_DNS_SERVED6);
    struct guard_element element = element_of_address(set, bridge, gateway, label);

    write_port(element.key + guard_key_offset(set, 2), port);
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
    element->key[guard_key_offset(element->set, index)] = protocol;
    write_port(element->key + guard_key_offset(element->set, index + 1), port);
}

struct guard_element guard_forward(const struct ip_address *address, uint8_t protocol, uint16_t port,
                                   const struct ip_address *guest, uint16_t guest_port, const char *label)
{
    bool bound = !ip_address_is_any(address);
    struct guard_element element = {.set = bound ? of_family(guest, GUARD_BOUND_FORWARDS, GUARD_BOUND_FORWARDS6)
                                                 : of_family(guest, GUARD_FORWARDS, GUARD_FORWARDS6),
                                    .label = label};

    if (bound)
        write_ip(element.key, address);
    write_service(&element, bound ? 1 : 0, protocol, port);
    write_ip(element.data, guest);
    write_port(element.data + ip_family_size(guest->family), guest_port);
    return element;
}

struct guard_element guard_forward_range(const struct ip_address *address, uint8_t protocol, uint16_t first,
                                         uint16_t last, const struct ip_address *guest, const char *label)
{
    struct guard_element element = {.set = of_family(guest, GUARD_FORWARD_RANGES, GUARD_FORWARD_RANGES6),
                                    .label = label};
    uint8_t *end = element.key + guard_key_offset(element.set, 4);

    write_ip(element.key, address);
    write_service(&element, 1, protocol, first);
    if (ip_address_is_any(address))
        memset(end, 0xff, ip_family_size(guest->family));
    else
        write_ip(end, address);
    write_service(&element, 5, protocol, last);
    write_ip(element.data, guest);
    return element;
}

struct guard_element guard_published(const struct ip_address *guest, const char *label)
{
    return element_of_ip(of_family(guest, GUARD_PUBLISHED, GUARD_PUBLISHED6), guest, label);
}

struct guard_element guard_subnet(const char *bridge, const struct ip_prefix *subnet, const char *label)
{
    enum guard_set set = of_family(&subnet->address, GUARD_SUBNETS, GUARD_SUBNETS6);
    struct ip_prefix first = ip_prefix_network(subnet);
    struct ip_address last = ip_prefix_last(subnet);
    struct guard_element element = element_of_address(set, bridge, &first.address, label);

    write_ifname(element.key + guard_key_offset(set, 3), bridge);
    write_ip(element.key + guard_key_offset(set, 4), &last);
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

struct guard_element guard_lan_port(const char *device, const char *label)
{
    return element_of(GUARD_LAN_PORTS, device, label);
}

struct guard_element guard_lan_taken(const struct ip_address *address, const char *label)
{
    return element_of_ip(of_family(address, GUARD_LAN_TAKEN, GUARD_LAN_TAKEN6), address, label);
}

static struct guard_element element_of_mac(enum guard_set set, const char *device, const struct mac *mac,
                                           const char *label)
{
    struct guard_element element = element_of(set, device, label);

    write_mac(element.key + guard_key_offset(set, 1), mac);
    return element;
}

struct guard_element guard_port_source(const char *device, const struct mac *mac, const struct ip_address *address,
                                       const char *label)
{
    enum guard_set set = of_family(address, GUARD_PORT_ADDRESSES, GUARD_PORT_ADDRESSES6);
    struct guard_element element = element_of_mac(set, device, mac, label);

    write_ip(element.key + guard_key_offset(set, 2), address);
    return element;
}

struct guard_element guard_port_mac(const char *device, const struct mac *mac, const char *label)
{
    return element_of_mac(GUARD_PORT_MACS, device, mac, label);
}

struct guard_element guard_port_identifier(const char *device, const struct mac *mac, const char *label)
{
    struct guard_element element = element_of(GUARD_PORT_IDENTIFIERS6, device, label);

    memcpy(element.key + guard_key_offset(GUARD_PORT_IDENTIFIERS6, 1), mac->bytes + 1, guard_field_len(RAW_MIDDLE));
    memcpy(element.key + guard_key_offset(GUARD_PORT_IDENTIFIERS6, 2), mac->bytes + 3, guard_field_len(RAW_END));
    return element;
}

struct guard_element guard_any_mac_source(const char *device, const struct ip_address *address, const char *label)
{
    return element_of_address(of_family(address, GUARD_ANY_MAC_ADDRESSES, GUARD_ANY_MAC_ADDRESSES6), device, address,
                              label);
}

struct guard_element guard_any_mac_port(const char *device, const char *label)
{
    return element_of(GUARD_ANY_MAC_PORTS, device, label);
}

struct guard_element guard_resolver(const struct ip_address *gateway, const char *label)
{
    return element_of_ip(of_family(gateway, GUARD_RESOLVERS, GUARD_RESOLVERS6), gateway, label);
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
    return element_of_address(of_family(address, GUARD_OPEN_ADDRESSES, GUARD_OPEN_ADDRESSES6), device, address, label);
}

struct guard_element guard_network_mac(uint32_t network, const struct mac *mac, const char *label)
{
    struct guard_element element = {.set = GUARD_NETWORK_MACS, .label = label};

    memcpy(element.key, &network, sizeof(network));
    write_mac(element.key + guard_key_offset(GUARD_NETWORK_MACS, 1), mac);
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

struct guard_element guard_routed_refused_mac(const char *device, const struct mac *mac)
{
    return element_of_mac(GUARD_ROUTED_REFUSED_MACS, device, mac, "");
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

struct guard_element guard_limited_way(const char *port, const char *uplink, const char *label)
{
    return element_of_pair(GUARD_LIMITED_WAYS, port, uplink, label);
}

struct guard_element guard_peers(enum guard_set set, const struct ip_prefix *subnet, const char *label)
{
    struct guard_element element = {.set = routed_set(&subnet->address, set), .label = label};
    struct ip_prefix network = ip_prefix_network(subnet);
    struct ip_address last = ip_prefix_last(subnet);

    for (int i = 0; i < 2; i++) {
        write_ip(element.key + guard_key_offset(element.set, i), &network.address);
        write_ip(element.key + guard_key_offset(element.set, 3 + i), &last);
    }
    return element;
}

struct guard_element guard_device(enum guard_set set, const char *device, const char *label)
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
    struct guard_element element = element_of_mac(routed_set(address, set), device, mac, label);

    write_ip(element.key + guard_key_offset(element.set, 2), address);
    return element;
}

struct guard_element guard_routed_address(enum guard_set set, const char *device, const struct ip_address *address,
                                          const char *label)
{
    return element_of_address(routed_set(address, set), device, address, label);
}

struct guard_element guard_way6(const char *from, const char *to, const char *label)
{
    return element_of_pair(GUARD_WAYS6, from, to, label);
}

struct guard_element guard_limited_way6(const char *port, const char *uplink, const char *label)
{
    return element_of_pair(GUARD_LIMITED_WAYS6, port, uplink, label);
}

struct guard_element guard_egress6(const char *bridge, const char *uplink, const char *label)
{
    return element_of_pair(GUARD_EGRESS6, bridge, uplink, label);
}

struct guard_element guard_masquerade6(const char *bridge, const char *uplink, const char *label)
{
    return element_of_pair(GUARD_MASQUERADE6, bridge, uplink, label);
}

struct guard_element guard_path6(const char *from, const char *to, const char *label)
{
    return element_of_pair(GUARD_PATHS6, from, to, label);
}

struct guard_element guard_closed_family(uint8_t family, const char *label)
{
    return (struct guard_element){.set = GUARD_CLOSED_FAMILIES, .key = {family}, .label = label};
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
    struct guard_element element = element_of_address(
        of_family(address, GUARD_CONNECTION_LIMITS, GUARD_CONNECTION_LIMITS6), bridge, address, label);

    guard_set_limit(&element, count, 0);
    return element;
}

struct guard_element guard_refused_connections(const char *bridge, const struct ip_address *address)
{
    return element_of_address(of_family(address, GUARD_REFUSED_CONNECTIONS, GUARD_REFUSED_CONNECTIONS6), bridge,
                              address, "");
}

struct guard_element guard_refused(const char *bridge, const struct ip_address *address)
{
    return element_of_address(GUARD_REFUSED, bridge, address, "");
}

struct guard_element guard_refused6(const char *bridge, const struct mac *mac)
{
    struct guard_element element = element_of(GUARD_REFUSED6, bridge, "");

    write_mac(element.key + guard_key_offset(GUARD_REFUSED6, 1), mac);
    return element;
}
