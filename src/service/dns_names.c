/* SPDX-License-Identifier: MIT */
/* A network's own names: which questions we answer ourselves, and with what. */
#include "service/dns_names.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_NS = 2,
    DNS_TYPE_SOA = 6,
    DNS_TYPE_PTR = 12,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_DS = 43,
    DNS_TYPE_DNSKEY = 48,
    DNS_TYPE_ANY = 255,
};

#define LABELS_MAX 128 /* of 255 bytes */
#define GATEWAY_NAME "gateway"

/* The labels of a name, the root's left out, lower case. Those that hold a NUL or a dot are "": they equal nothing. */
struct labels {
    char text[LABELS_MAX][MODEL_NAME_MAX];
    size_t count;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Copies @length bytes (63 at most) in lower case, or leaves "" when they are no text. */
static void lower_copy(char *text, const char *bytes, size_t length)
{
    text[0] = '\0';
    if (memchr(bytes, '\0', length) || memchr(bytes, '.', length))
        return;
    for (size_t i = 0; i < length; i++)
        text[i] = lower(bytes[i]);
    text[length] = '\0';
}

static void labels_parse(const uint8_t *name, struct labels *ret)
{
    ret->count = 0;
    for (; *name && ret->count < LABELS_MAX; name += *name + 1)
        lower_copy(ret->text[ret->count++], (const char *)name + 1, *name & 0x3f);
}

/* ---- the tables ---- */

/* What a slot of by_name holds: a port's index, and which of its two names stands there. Never 0. */
static uint16_t name_entry(size_t port, bool hostname)
{
    return (uint16_t)(2 * port + hostname + 1);
}

static const struct model_port *entry_port(const struct dns_names *names, uint16_t entry)
{
    return &names->network->ports[(entry - 1) / 2];
}

static const char *entry_name(const struct dns_names *names, uint16_t entry)
{
    const struct model_port *port = entry_port(names, entry);

    return (entry - 1) % 2 ? port->hostname : port->name;
}

/* The slot where @text (lower case) stands or would stand. */
static size_t name_slot(const struct dns_names *names, const char *text)
{
    size_t at = hash_mix(hash_text(text)) % names->name_slots;

    while (names->by_name[at] && strcasecmp(entry_name(names, names->by_name[at]), text) != 0)
        at = (at + 1) % names->name_slots;
    return at;
}

static size_t address_slot(const struct dns_names *names, uint32_t address)
{
    const struct model_port *ports = names->network->ports;
    size_t at = hash_mix(address) % names->address_slots;

    while (names->by_address[at] && ip4_value(&ports[names->by_address[at] - 1].address) != address)
        at = (at + 1) % names->address_slots;
    return at;
}

static size_t hash6(const uint8_t address[16])
{
    uint64_t halves[2];

    memcpy(halves, address, sizeof(halves));
    return hash_mix(hash_mix(halves[0]) ^ halves[1]) % DNS_ADDRESS_SLOTS;
}

static size_t address6_slot(const struct dns_names *names, const uint8_t address[16])
{
    const struct model_port *ports = names->network->ports;
    size_t at = hash6(address);

    while (names->by_address6[at] && memcmp(ports[names->by_address6[at] - 1].address6.bytes, address, 16) != 0)
        at = (at + 1) % DNS_ADDRESS_SLOTS;
    return at;
}

/* ---- filling them ---- */

/* Puts a port under one of its names, unless an earlier one has it. */
static void name_add(struct dns_names *names, const char *name, uint16_t entry)
{
    char text[MODEL_NAME_MAX];
    size_t at;

    lower_copy(text, name, strnlen(name, MODEL_NAME_MAX - 1));
    if (!text[0])
        return;
    at = name_slot(names, text);
    if (!names->by_name[at])
        names->by_name[at] = entry;
}

static void address_add(struct dns_names *names, size_t port)
{
    const struct ip_address *address = &names->network->ports[port].address;
    const struct ip_address *address6 = &names->network->ports[port].address6;
    size_t at;

    if (address6->family == AF_INET6) {
        at = address6_slot(names, address6->bytes);
        if (!names->by_address6[at])
            names->by_address6[at] = (uint16_t)(port + 1);
    }
    if (address->family != AF_INET)
        return;
    at = address_slot(names, ip4_value(address));
    if (!names->by_address[at])
        names->by_address[at] = (uint16_t)(port + 1);
}

static size_t port_count(const struct model_network *network)
{
    return network->port_count < MODEL_PORTS_MAX ? network->port_count : MODEL_PORTS_MAX;
}

/* Has nobody the name of @port, and has it no other? */
static bool is_plain(const struct dns_names *names, const struct model_port *port)
{
    char text[MODEL_NAME_MAX];

    lower_copy(text, port->name, strnlen(port->name, MODEL_NAME_MAX - 1));
    return text[0] && strcmp(port->name, port->hostname) == 0 && !names->by_name[name_slot(names, text)];
}

void dns_names_init(struct dns_names *names, const struct model_network *network)
{
    names->network = network;
    names->address_slots = 16;
    while (names->address_slots < 2 * port_count(network))
        names->address_slots *= 2;
    names->name_slots = 2 * names->address_slots;
    memset(names->by_name, 0, names->name_slots * sizeof(*names->by_name));
    memset(names->by_address, 0, names->address_slots * sizeof(*names->by_address));
    memset(names->by_address6, 0, sizeof(names->by_address6));
    names->plain = port_count(network) == network->port_count;
    for (size_t i = 0; i < port_count(network); i++) {
        names->plain &= is_plain(names, &network->ports[i]);
        name_add(names, network->ports[i].name, name_entry(i, false));
    }
    for (size_t i = 0; i < port_count(network); i++) {
        name_add(names, network->ports[i].hostname, name_entry(i, true));
        address_add(names, i);
    }
}

void dns_names_plug(struct dns_names *names, const struct model_network *network)
{
    size_t last = network->port_count - 1;

    names->network = network;
    if (network->port_count > MODEL_PORTS_MAX || 2 * network->port_count > names->address_slots ||
        !is_plain(names, &network->ports[last])) {
        dns_names_init(names, network);
        return;
    }
    name_add(names, network->ports[last].name, name_entry(last, false));
    address_add(names, last);
}

/* ---- taking one out ---- */

typedef size_t home_of(const struct dns_names *names, uint16_t entry);

static size_t name_home(const struct dns_names *names, uint16_t entry)
{
    char text[MODEL_NAME_MAX];

    lower_copy(text, entry_name(names, entry), strlen(entry_name(names, entry)));
    return hash_mix(hash_text(text)) % names->name_slots;
}

static size_t address_home(const struct dns_names *names, uint16_t entry)
{
    return hash_mix(ip4_value(&names->network->ports[entry - 1].address)) % names->address_slots;
}

static size_t address6_home(const struct dns_names *names, uint16_t entry)
{
    return hash6(names->network->ports[entry - 1].address6.bytes);
}

/* Frees the slot @at, and moves into it what would be looked for by way of it. */
static void free_slot(const struct dns_names *names, uint16_t *table, size_t slots, size_t at, home_of *home)
{
    for (size_t next = (at + 1) % slots; table[next]; next = (next + 1) % slots) {
        size_t way = (next + slots - home(names, table[next])) % slots; /* that it stands from its home */

        if (way < (next + slots - at) % slots)
            continue;
        table[at] = table[next];
        at = next;
    }
    table[at] = 0;
}

/* Where a port stands. */
struct slots {
    size_t name, address, address6;
};

static struct slots slots_of(const struct dns_names *names, const struct model_port *port)
{
    struct slots slots = {.name = 0};
    char text[MODEL_NAME_MAX];

    lower_copy(text, port->name, strlen(port->name));
    slots.name = name_slot(names, text);
    slots.address = address_slot(names, ip4_value(&port->address));
    slots.address6 = address6_slot(names, port->address6.bytes);
    return slots;
}

bool dns_names_unplug(struct dns_names *names, size_t place)
{
    const struct model_port *ports = names->network->ports, *gone = &ports[place];
    size_t last = names->network->port_count - 1;
    struct slots slots;

    if (!names->plain)
        return false;
    slots = slots_of(names, gone);
    free_slot(names, names->by_name, names->name_slots, slots.name, name_home);
    if (gone->address.family == AF_INET)
        free_slot(names, names->by_address, names->address_slots, slots.address, address_home);
    if (gone->address6.family == AF_INET6)
        free_slot(names, names->by_address6, DNS_ADDRESS_SLOTS, slots.address6, address6_home);
    if (place == last)
        return true;
    slots = slots_of(names, &ports[last]);
    names->by_name[slots.name] = name_entry(place, false);
    if (ports[last].address.family == AF_INET)
        names->by_address[slots.address] = (uint16_t)(place + 1);
    if (ports[last].address6.family == AF_INET6)
        names->by_address6[slots.address6] = (uint16_t)(place + 1);
    return true;
}

/* ---- looking ---- */

/* The port that has the (lower case) name, or NULL. */
static const struct model_port *find_name(const struct dns_names *names, const char *text)
{
    uint16_t entry = text[0] ? names->by_name[name_slot(names, text)] : 0;

    return entry ? entry_port(names, entry) : NULL;
}

static const struct model_port *find_address(const struct dns_names *names, uint32_t address)
{
    uint16_t number = names->by_address[address_slot(names, address)];

    return number ? &names->network->ports[number - 1] : NULL;
}

const struct model_port *dns_names_port6(const struct dns_names *names, const uint8_t address[16])
{
    uint16_t number = names->by_address6[address6_slot(names, address)];

    return number ? &names->network->ports[number - 1] : NULL;
}

/* ---- forward ---- */

/* Is @address what a question of @type is about? */
static bool wants_address(uint16_t type, const struct ip_address *address)
{
    if (address->family == AF_INET6)
        return type == DNS_TYPE_AAAA;
    return address->family == AF_INET && (type == DNS_TYPE_A || type == DNS_TYPE_ANY);
}

/* Does @text name a port or the gateway? Then *ret is its address, that of IPv6 for who asks for it. */
static bool host_address(const struct dns_names *names, const char *text, uint16_t type, struct ip_address *ret)
{
    const struct model_port *port = find_name(names, text);

    if (port)
        *ret = type == DNS_TYPE_AAAA ? port->address6 : port->address;
    else if (strcmp(text, GATEWAY_NAME) == 0)
        *ret = type == DNS_TYPE_AAAA ? names->network->subnet6.address : names->network->subnet.address;
    else
        return false;
    return true;
}

static void set_zone(struct dns_answer *answer, const char *zone)
{
    snprintf(answer->zone, sizeof(answer->zone), "%s", zone);
}

static void answer_single(const struct dns_names *names, const char *text, uint16_t type, struct dns_answer *ret)
{
    if (host_address(names, text, type, &ret->address)) {
        ret->kind = wants_address(type, &ret->address) ? DNS_ADDRESS : DNS_EMPTY;
        set_zone(ret, text);
    } else if (strcasecmp(text, names->network->name) == 0) {
        ret->kind = type == DNS_TYPE_SOA ? DNS_ZONE : DNS_EMPTY;
        set_zone(ret, names->network->name);
    } else if (type != DNS_TYPE_NS && type != DNS_TYPE_SOA && type != DNS_TYPE_DS && type != DNS_TYPE_DNSKEY) {
        ret->kind = DNS_MISSING;
    }
}

/* @labels end in the network's name and are two or more. */
static void answer_below(const struct dns_names *names, const struct labels *labels, uint16_t type,
                         struct dns_answer *ret)
{
    set_zone(ret, names->network->name);
    if (labels->count > 2 || !host_address(names, labels->text[0], type, &ret->address))
        ret->kind = DNS_MISSING;
    else
        ret->kind = wants_address(type, &ret->address) ? DNS_ADDRESS : DNS_EMPTY;
}

/* ---- reverse ---- */

/* "0" to "255" as everybody writes them, or -1. */
static int octet_parse(const char *text)
{
    int value = 0;

    if (!text[0] || (text[0] == '0' && text[1]) || strlen(text) > 3)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value * 10 + *text - '0';
    }
    return value <= 255 ? value : -1;
}

/* The octets before in-addr.arpa, from the right: how many (4 at most), and their bits at the top of *ret. */
static size_t octets_parse(const struct labels *labels, uint32_t *ret)
{
    size_t count = 0;

    *ret = 0;
    for (size_t at = labels->count - 2; at > 0 && count < 4; at--, count++) {
        int octet = octet_parse(labels->text[at - 1]);

        if (octet < 0)
            break;
        *ret |= (uint32_t)octet << (24 - 8 * count);
    }
    return count;
}

static void reverse_zone(uint32_t address, size_t octets, struct dns_answer *ret)
{
    unsigned a = address >> 24, b = address >> 16 & 0xff, c = address >> 8 & 0xff;

    if (octets == 1)
        snprintf(ret->zone, sizeof(ret->zone), "%u.in-addr.arpa", a);
    else if (octets == 2)
        snprintf(ret->zone, sizeof(ret->zone), "%u.%u.in-addr.arpa", b, a);
    else
        snprintf(ret->zone, sizeof(ret->zone), "%u.%u.%u.in-addr.arpa", c, b, a);
}

/*
 * The name that leads to @port, or (NULL) to the gateway when @is_gateway: "" when there is none that leads back, NULL
 * when there is no such host.
 */
static const char *reverse_name(const struct dns_names *names, const struct model_port *port, bool is_gateway)
{
    if (port)
        return find_name(names, port->hostname) == port ? port->hostname : port->name;
    if (is_gateway)
        return find_name(names, GATEWAY_NAME) ? "" : GATEWAY_NAME;
    return NULL;
}

static void answer_name(const struct dns_names *names, const char *name, uint16_t type, struct dns_answer *ret)
{
    if (!name) {
        ret->kind = DNS_MISSING;
    } else if (!name[0] || (type != DNS_TYPE_PTR && type != DNS_TYPE_ANY)) {
        ret->kind = DNS_EMPTY;
    } else {
        ret->kind = DNS_POINTER;
        snprintf(ret->name, sizeof(ret->name), "%s.%s", name, names->network->name);
    }
}

/* @labels end in in-addr.arpa. Ours is what lies wholly in the subnet. */
static void answer_reverse(const struct dns_names *names, const struct labels *labels, uint16_t type,
                           struct dns_answer *ret)
{
    const struct ip_prefix *subnet = &names->network->subnet;
    struct ip_address first;
    uint32_t address;
    size_t octets = octets_parse(labels, &address);

    first = ip4_from_value(address);
    if (8 * octets < subnet->length || !ip_prefix_contains(subnet, &first))
        return;
    reverse_zone(address, octets, ret);
    if (labels->count - 2 > octets)
        ret->kind = DNS_MISSING;
    else if (octets == 4)
        answer_name(names, reverse_name(names, find_address(names, address), address == ip4_value(&subnet->address)),
                    type, ret);
    else
        ret->kind = type == DNS_TYPE_SOA ? DNS_ZONE : DNS_EMPTY;
}

/* ---- reverse, IPv6 ---- */

#define NIBBLES 32

/* A hexadecimal digit as everybody writes it, or -1. */
static int nibble_parse(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = text[0] && !text[1] ? strchr(digits, text[0]) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The digits before ip6.arpa, from the right: how many (32 at most), and their bits at the top of @ret. */
static size_t nibbles_parse(const struct labels *labels, struct ip_address *ret)
{
    size_t count = 0;

    *ret = (struct ip_address){.family = AF_INET6};
    for (size_t at = labels->count - 2; at > 0 && count < NIBBLES; at--, count++) {
        int nibble = nibble_parse(labels->text[at - 1]);

        if (nibble < 0)
            break;
        ret->bytes[count / 2] |= (uint8_t)(nibble << (count % 2 ? 0 : 4));
    }
    return count;
}

/* "0.0.0.0.0.0.0.0.0.2.0.0.0.0.d.f.ip6.arpa": of a subnet that ends within a digit, the one that @address is in. */
static void reverse_zone6(const struct ip_prefix *subnet, const struct ip_address *address, struct dns_answer *ret)
{
    size_t length = 0;

    for (size_t i = (subnet->length + 3u) / 4; i > 0 && length < sizeof(ret->zone); i--) {
        unsigned byte = address->bytes[(i - 1) / 2];

        length += (size_t)snprintf(ret->zone + length, sizeof(ret->zone) - length, "%x.",
                                   (i - 1) % 2 ? byte & 0xf : byte >> 4);
    }
    if (length < sizeof(ret->zone))
        snprintf(ret->zone + length, sizeof(ret->zone) - length, "ip6.arpa");
}

/* @labels end in ip6.arpa. Ours is what lies wholly in the IPv6 subnet. */
static void answer_reverse6(const struct dns_names *names, const struct labels *labels, uint16_t type,
                            struct dns_answer *ret)
{
    const struct ip_prefix *subnet = &names->network->subnet6;
    struct ip_address address;
    size_t nibbles = nibbles_parse(labels, &address);

    if (!subnet->address.family || 4 * nibbles < subnet->length || !ip_prefix_contains(subnet, &address))
        return;
    reverse_zone6(subnet, &address, ret);
    if (labels->count - 2 > nibbles)
        ret->kind = DNS_MISSING;
    else if (nibbles == NIBBLES)
        answer_name(
            names,
            reverse_name(names, dns_names_port6(names, address.bytes), ip_address_equal(&address, &subnet->address)),
            type, ret);
    else
        ret->kind = type == DNS_TYPE_SOA ? DNS_ZONE : DNS_EMPTY;
}

void dns_names_answer(const struct dns_names *names, const uint8_t *name, uint16_t type, struct dns_answer *ret)
{
    struct labels labels;
    const char *last;

    memset(ret, 0, sizeof(*ret));
    ret->kind = DNS_FORWARD;
    snprintf(ret->network, sizeof(ret->network), "%s", names->network->name);
    labels_parse(name, &labels);
    if (labels.count == 0)
        return;
    last = labels.text[labels.count - 1];
    if (labels.count == 1)
        answer_single(names, last, type, ret);
    else if (strcasecmp(last, names->network->name) == 0)
        answer_below(names, &labels, type, ret);
    else if (strcmp(last, "arpa") == 0 && strcmp(labels.text[labels.count - 2], "in-addr") == 0)
        answer_reverse(names, &labels, type, ret);
    else if (strcmp(last, "arpa") == 0 && strcmp(labels.text[labels.count - 2], "ip6") == 0)
        answer_reverse6(names, &labels, type, ret);
}
