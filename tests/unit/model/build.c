/* SPDX-License-Identifier: MIT */
/* Sets made by hand or at random, as the file's parser would make them, for the model's tests. */
#include "build.h"

#include <netinet/in.h>

struct ip_address build_address(const char *text)
{
    struct ip_address address;

    assert_int_equal(ip_address_parse(text, &address), 0);
    return address;
}

struct ip_prefix build_prefix(const char *text)
{
    struct ip_prefix prefix;

    assert_int_equal(ip_prefix_parse(text, -1, &prefix), 0);
    return prefix;
}

struct mac build_mac(const char *text)
{
    struct mac mac;

    assert_int_equal(mac_parse(text, &mac), 0);
    return mac;
}

struct model_set *build_set(const char *name)
{
    struct model_set *set = calloc(1, sizeof(*set));

    assert_non_null(set);
    snprintf(set->name, sizeof(set->name), "%s", name);
    set->file = arena_printf(&set->arena, "%s.yaml", name);
    assert_non_null(set->file);
    return set;
}

/* Room for one more in an array of the arena's that doubles: the larger array, or the same. */
static void *grow(struct arena *arena, void *items, size_t count, size_t size)
{
    void *larger;

    if (count & (count - 1)) /* between two powers of two there is room */
        return items;
    larger = arena_alloc(arena, (count ? 2 * count : 1) * size);
    assert_non_null(larger);
    if (count)
        memcpy(larger, items, count * size);
    return larger;
}

/* Every thing has a line of its own: the next. */
static struct model_place next_place(const struct model_set *set, unsigned column)
{
    unsigned line = 2 + (unsigned)set->device_count;

    for (size_t i = 0; i < set->network_count; i++)
        line += 1 + (unsigned)set->networks[i].port_count;
    return (struct model_place){line, column};
}

struct model_network *build_network(struct model_set *set, const char *name, const char *subnet)
{
    struct model_place place = next_place(set, 3);
    struct model_network *network;

    set->networks = grow(&set->arena, set->networks, set->network_count, sizeof(*network));
    network = &set->networks[set->network_count++];
    *network = (struct model_network){.place = place};
    snprintf(network->name, sizeof(network->name), "%s", name);
    if (subnet) {
        network->subnet = build_prefix(subnet);
        network->subnet_given = true;
        network->subnet_place = (struct model_place){place.line, 20};
    }
    return network;
}

struct model_port *build_port(struct model_set *set, struct model_network *network, const char *name,
                              const char *address, const char *mac)
{
    struct model_place place = next_place(set, 7);
    struct model_port *port;

    network->ports = grow(&set->arena, network->ports, network->port_count, sizeof(*port));
    port = &network->ports[network->port_count++];
    *port = (struct model_port){.user = MODEL_ID_NONE, .group = MODEL_ID_NONE, .place = place};
    snprintf(port->name, sizeof(port->name), "%s", name);
    if (address) {
        port->address = build_address(address);
        port->address_given = true;
        port->address_place = (struct model_place){place.line, 25};
    }
    if (mac) {
        port->guest_mac = build_mac(mac);
        port->guest_mac_given = true;
        port->mac_place = (struct model_place){place.line, 40};
    }
    return port;
}

void build_many_ports(struct model_set *set, struct model_network *network, const char *format, unsigned count)
{
    char name[MODEL_NAME_MAX];

    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), format, i);
        build_port(set, network, name, NULL, NULL);
    }
}

struct model_device *build_device(struct model_set *set, const char *name, enum model_device_kind kind,
                                  const char *address)
{
    struct model_place place = next_place(set, 3);
    struct model_device *device;

    set->devices = grow(&set->arena, set->devices, set->device_count, sizeof(*device));
    device = &set->devices[set->device_count++];
    *device = (struct model_device){.kind = kind, .user = MODEL_ID_NONE, .group = MODEL_ID_NONE, .place = place};
    snprintf(device->name, sizeof(device->name), "%s", name);
    if (address)
        device->addresses[device->address_count++] = build_prefix(address);
    return device;
}

/* ---- at random ---- */

uint32_t random_below(struct random *random, uint32_t limit)
{
    uint64_t x = random->state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return (uint32_t)((x * 0x2545f4914f6cdd1du) >> 32) % limit;
}

bool random_chance(struct random *random, uint32_t percent)
{
    return random_below(random, 100) < percent;
}

void random_name(struct random *random, char ret[MODEL_NAME_MAX])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = random_chance(random, 30) ? 1 + random_below(random, MODEL_NAME_MAX - 1) : 1 + random_below(random, 2);

    for (size_t i = 0; i < len; i++)
        ret[i] = letters[random_below(random, i > 0 && i + 1 < len ? 37 : 36)];
    ret[len] = '\0';
}

void random_ifname(struct random *random, char ret[MODEL_IFNAME_MAX])
{
    size_t len = 1 + random_below(random, MODEL_IFNAME_MAX - 1);

    do {
        for (size_t i = 0; i < len; i++)
            ret[i] = (char)('!' + random_below(random, '~' - '!' + 1));
        ret[len] = '\0';
    } while (!model_ifname_valid(ret));
}

struct mac random_mac(struct random *random)
{
    struct mac mac;

    for (size_t i = 0; i < sizeof(mac.bytes); i++)
        mac.bytes[i] = (uint8_t)random_below(random, 256);
    mac.bytes[0] = (uint8_t)((mac.bytes[0] | 2) & ~1);
    return mac;
}

struct guard_passage random_passage(struct random *random)
{
    static const char *const chains[] = {"FORWARD", "DOCKER-USER", "ufw-user-input"};
    struct guard_passage passage = {
        .family = (uint8_t)random_below(random, 11),
        .table = "filter",
        .chain = chains[random_below(random, ARRAY_COUNT(chains))],
        .label = random_chance(random, 50) ? "lab/lab" : "lab/cell",
        .what = (enum guard_passage_what)random_below(random, GUARD_PASSAGE_WHAT_COUNT),
        .only = random_chance(random, 50) ? 10 : 0,
        .iptables = random_chance(random, 50),
    };

    random_ifname(random, random_chance(random, 50) ? passage.in : passage.out);
    return passage;
}

struct ip_address random_address(struct random *random)
{
    struct ip_address address = {.family = random_chance(random, 70) ? AF_INET : AF_INET6};

    for (size_t i = 0; i < ip_family_size(address.family); i++)
        address.bytes[i] = (uint8_t)random_below(random, 256);
    return address;
}

void random_dhcp(struct random *random, struct arena *arena, struct model_dhcp *ret)
{
    if (random_chance(random, 50))
        return;
    ret->ntp_count = random_below(random, MODEL_LIST_MAX + 1);
    for (size_t i = 0; i < ret->ntp_count; i++)
        ret->ntp[i] = random_address(random);
    ret->search_count = random_below(random, MODEL_LIST_MAX + 1);
    for (size_t i = 0; i < ret->search_count; i++)
        ret->search[i] = arena_printf(arena, "domain%u.example", random_below(random, 1000));
    if (random_chance(random, 50))
        ret->boot_file = arena_printf(arena, "pxe \"%u\" \\ %%s/boot.0", random_below(random, 1000));
    if (random_chance(random, 50))
        ret->boot_server = random_address(random);
}

static void random_forwards(struct random *random, struct arena *arena, struct model_port *ret)
{
    ret->forward_count = random_below(random, 4);
    ret->forwards = arena_alloc(arena, ret->forward_count * sizeof(*ret->forwards));
    assert_non_null(ret->forwards);
    for (size_t i = 0; i < ret->forward_count; i++) {
        struct model_forward *forward = &ret->forwards[i];
        uint16_t more = (uint16_t)random_below(random, 256);

        *forward = (struct model_forward){.protocol = random_chance(random, 50) ? IPPROTO_TCP : IPPROTO_UDP};
        if (random_chance(random, 50))
            forward->address = build_address(random_chance(random, 50) ? "192.0.2.2" : "2001:db8::1");
        forward->first = (uint16_t)(1 + random_below(random, 65000));
        forward->last = (uint16_t)(forward->first + more);
        forward->guest_first = (uint16_t)(1 + random_below(random, 65000));
    }
}

static struct model_limit random_limit(struct random *random)
{
    return (struct model_limit){.send = random_chance(random, 50) ? random_below(random, UINT32_MAX) * 20ull : 0,
                                .receive = random_chance(random, 50) ? random_below(random, UINT32_MAX) : 0,
                                .burst = random_chance(random, 50) ? random_below(random, UINT32_MAX) : 0,
                                .connections = random_chance(random, 50) ? random_below(random, UINT32_MAX) : 0,
                                .broadcast = random_chance(random, 50) ? random_below(random, UINT32_MAX) : 0};
}

static void random_port(struct random *random, struct arena *arena, const struct model_network *network,
                        struct model_port *ret)
{
    uint32_t first = ip4_value(&network->subnet.address);

    *ret = (struct model_port){.user = MODEL_ID_NONE, .group = MODEL_ID_NONE};
    if (random_chance(random, 50))
        ret->user = random_below(random, MODEL_ID_NONE);
    if (random_chance(random, 20))
        ret->group = random_below(random, MODEL_ID_NONE);
    random_name(random, ret->name);
    ret->origin = random_chance(random, 50) ? MODEL_ORIGIN_RUN : MODEL_ORIGIN_DECLARED;
    ret->queues = random_chance(random, 50) ? 2 + random_below(random, MODEL_QUEUES_MAX - 2) : 0;
    if (random_chance(random, 20))
        random_name(random, ret->id);
    random_name(random, ret->hostname);
    random_ifname(random, ret->device);
    ret->mac = random_mac(random);
    ret->guest_mac = random_mac(random);
    ret->mac_spoofing = random_chance(random, 20);
    ret->protocols = random_chance(random, 20) ? MODEL_PROTOCOLS_ANY : MODEL_PROTOCOLS_IP;
    ret->guest_mac_given = random_chance(random, 50);
    ret->veth = random_chance(random, 20);
    ret->no_ip6 = ret->veth && random_chance(random, 50);
    ret->limit = random_limit(random);
    if (network->subnet.address.family && random_chance(random, 90)) /* the lowest three bits stay in any subnet */
        ret->address = ip4_from_value((first & ~3u) | random_below(random, 4));
    random_dhcp(random, arena, &ret->dhcp);
    random_forwards(random, arena, ret);
}

void random_network(struct random *random, struct arena *arena, struct model_network *ret)
{
    *ret = (struct model_network){.mode = random_chance(random, 50) ? MODEL_MODE_NAT : MODEL_MODE_ISOLATED};
    ret->coexist = (enum model_coexist)random_below(random, 3);
    ret->host = random_chance(random, 20) ? MODEL_HOST_ALLOW : MODEL_HOST_CLOSED;
    random_name(random, ret->name);
    if (random_chance(random, 20))
        random_name(random, ret->id);
    random_ifname(random, ret->bridge);
    if (random_chance(random, 80)) {
        ret->subnet.address = ip4_from_value(random_below(random, UINT32_MAX));
        ret->subnet.length = (uint8_t)(MODEL_PREFIX_MIN +
                                       random_below(random, MODEL_PREFIX_MAX - MODEL_PREFIX_MIN + 1));
    }
    if (random_chance(random, 80))
        random_ifname(random, ret->uplink);
    ret->origin = random_chance(random, 20) ? MODEL_ORIGIN_RUN : MODEL_ORIGIN_DECLARED;
    ret->limit = random_limit(random);
    if (random_chance(random, 30))
        ret->hooks.up = arena_printf(arena, "/etc/hooks/up-%u", random_below(random, 10));
    if (random_chance(random, 30))
        ret->hooks.down = arena_printf(arena, "/etc/hooks/down-%u", random_below(random, 10));
    if (random_chance(random, 30))
        ret->hooks.plugged = arena_printf(arena, "/etc/hooks/plugged-%u", random_below(random, 10));
    if (random_chance(random, 30))
        ret->hooks.unplugged = arena_printf(arena, "/etc/hooks/unplugged-%u", random_below(random, 10));
    ret->pool = random_chance(random, 50) ? 2 + random_below(random, MODEL_POOL_MAX - 3) : 0;
    ret->access_count = random_below(random, MODEL_LIST_MAX + 1);
    for (size_t i = 0; i < ret->access_count; i++) {
        uint32_t id = random_below(random, MODEL_ID_NONE);
        bool is_user = random_chance(random, 50);

        ret->access[i] = (struct model_access){is_user ? id : MODEL_ID_NONE, is_user ? MODEL_ID_NONE : id,
                                               random_below(random, MODEL_PORTS_MAX + 1)};
    }
    ret->spread = random_chance(random, 20);
    if (ret->spread && ret->subnet.address.family && random_chance(random, 50))
        ret->clones = (struct model_clones){.mac = random_mac(random), .address = ret->subnet.address};
    if (ret->clones.address.family && random_chance(random, 50)) {
        ret->subnet6 = (struct ip_prefix){{AF_INET6, {0xfd, [15] = 1}}, MODEL_PREFIX6};
        ret->clones.address6 = ret->subnet6.address;
    }
    ret->on_link = random_chance(random, 20);
    ret->on_link6 = random_chance(random, 20);
    ret->mtu = random_below(random, MODEL_MTU_MAX + 1);
    ret->mac = random_mac(random);
    ret->dns_port = (uint16_t)random_below(random, 65536);
    random_dhcp(random, arena, &ret->dhcp);
    ret->port_count = random_below(random, 6);
    ret->ports = arena_alloc(arena, ret->port_count * sizeof(*ret->ports));
    assert_non_null(ret->ports);
    for (size_t i = 0; i < ret->port_count; i++)
        random_port(random, arena, ret, &ret->ports[i]);
}

/* A name as any program with the rights may have given it: each byte but "/", ":" and blanks. */
void random_found_name(struct random *random, char ret[MODEL_IFNAME_MAX])
{
    size_t len = 1 + random_below(random, MODEL_IFNAME_MAX - 1);

    for (size_t i = 0; i < len; i++) {
        ret[i] = (char)(0x21 + random_below(random, 0xff - 0x21 + 1));
        if (ret[i] == '/' || ret[i] == ':')
            ret[i] = 'x';
    }
    ret[len] = '\0';
}

struct guard_element random_element(struct random *random, struct arena *arena)
{
    struct ip_address address = ip4_from_value(random_below(random, UINT32_MAX));
    uint16_t port = (uint16_t)random_below(random, 65536);
    struct ip_address address6 = {.family = AF_INET6, .bytes = {0xfd, [15] = address.bytes[3]}};
    struct mac mac = random_mac(random);
    char one[MODEL_IFNAME_MAX], other[MODEL_IFNAME_MAX];
    const char *label = random_chance(random, 80) ? arena_printf(arena, "lab/net/p%u", random_below(random, 99)) : NULL;

    random_found_name(random, one);
    random_found_name(random, other);
    switch ((enum guard_set)random_below(random, GUARD_SET_COUNT)) {
    case GUARD_NETWORKS:
        return guard_network(one, label);
    case GUARD_SEND_LIMITS:
        return guard_send_limit(one, 1 + random_below(random, UINT32_MAX), random_below(random, UINT32_MAX), label);
    case GUARD_BRIDGED:
        return guard_bridged(one, label);
    case GUARD_EGRESS:
        return guard_egress(one, other, label);
    case GUARD_GATEWAYS:
        return guard_gateway(one, &address, label);
    case GUARD_DNS_PORTS:
        return guard_dns_port(one, &address, port, label);
    case GUARD_DNS_SERVED:
        return guard_dns_served(one, &address, port, label);
    case GUARD_PATHS:
        return guard_path(one, other, label);
    case GUARD_CLOSED:
        return guard_closed(one, label);
    case GUARD_FORWARDS:
        return guard_forward(&(struct ip_address){0}, address.bytes[3], port, &address, (uint16_t)~port, label);
    case GUARD_BOUND_FORWARDS:
        return guard_forward(&address, address.bytes[3], port, &address, (uint16_t)~port, label);
    case GUARD_FORWARD_RANGES:
        return guard_forward_range(&address, address.bytes[3], port, (uint16_t)~port, &address, label);
    case GUARD_FORWARDS6:
        return guard_forward(&(struct ip_address){0}, address.bytes[3], port, &address6, (uint16_t)~port, label);
    case GUARD_BOUND_FORWARDS6:
        return guard_forward(&address6, address.bytes[3], port, &address6, (uint16_t)~port, label);
    case GUARD_FORWARD_RANGES6:
        return guard_forward_range(&address6, address.bytes[3], port, (uint16_t)~port, &address6, label);
    case GUARD_SUBNETS6:
        return guard_subnet(one, &(struct ip_prefix){address6, 64}, label);
    case GUARD_PUBLISHED:
        return guard_published(&address, label);
    case GUARD_SUBNETS:
        return guard_subnet(one, &(struct ip_prefix){address, address.bytes[3] % 33}, label);
    case GUARD_APART:
        return guard_apart(one, label);
    case GUARD_PORTS:
        return guard_port(one, label);
    case GUARD_PORT_ADDRESSES:
        return guard_port_source(one, &mac, &address, label);
    case GUARD_PORT_MACS:
        return guard_port_mac(one, &mac, label);
    case GUARD_ANY_MAC_ADDRESSES:
        return guard_any_mac_source(one, &address, label);
    case GUARD_ANY_MAC_PORTS:
        return guard_any_mac_port(one, label);
    case GUARD_PORT_NETWORKS:
        return guard_port_network(one, random_below(random, UINT32_MAX), label);
    case GUARD_NETWORK_MACS:
        return guard_network_mac(random_below(random, UINT32_MAX), &mac, label);
    case GUARD_ROUTED_PORTS:
        return guard_device(GUARD_ROUTED_PORTS, one, label);
    case GUARD_ROUTED_ADDRESSES:
        return guard_routed_source(GUARD_ROUTED_ADDRESSES, one, &mac, &address, label);
    case GUARD_WAYS:
        return guard_way(one, other, label);
    case GUARD_ROUTED_PUBLISHED:
        return guard_routed_address(GUARD_ROUTED_PUBLISHED, one, &address, label);
    case GUARD_ROUTED_ADDRESSES6:
        return guard_routed_source(GUARD_ROUTED_ADDRESSES, one, &mac, &address6, label);
    case GUARD_ROUTED_PUBLISHED6:
        return guard_routed_address(GUARD_ROUTED_PUBLISHED, one, &address6, label);
    case GUARD_PEERS6:
        return guard_peers(GUARD_PEERS, &(struct ip_prefix){address6, 64}, label);
    case GUARD_PEERS:
        return guard_peers(GUARD_PEERS, &(struct ip_prefix){address, 8 + (uint8_t)random_below(random, 23)}, label);
    default:
        return guard_resolver(&address, label);
    }
}
