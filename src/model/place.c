/* SPDX-License-Identifier: MIT */
/* Gives addresses of a subnet to the ports that have none. */
#include "model/place.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define CHOSEN6_BITS 16 /* of an IPv6 address what is chosen: many more than a network has ports */

/* Which addresses of one subnet are in use: one bit each, counted from the first of @cells. */
struct bits {
    uint8_t *bytes;
    struct ip_prefix cells;
    uint32_t size;
};

uint32_t place_spread(const char *text, uint32_t range)
{
    return (uint32_t)(hash_mix(hash_text(text)) % range);
}

/* How many bits of an address in @subnet are chosen. */
static unsigned chosen_bits(const struct ip_prefix *subnet)
{
    unsigned bits = 8 * (unsigned)ip_family_size(subnet->address.family) - subnet->length;

    return subnet->address.family == AF_INET6 && bits > CHOSEN6_BITS ? CHOSEN6_BITS : bits;
}

uint32_t place_room(const struct ip_prefix *subnet)
{
    return (1u << chosen_bits(subnet)) - 3;
}

static struct ip_address *address_of(struct model_port *port, uint8_t family)
{
    return family == AF_INET6 ? &port->address6 : &port->address;
}

/* The last four bytes of @address, as a number; and with @add added to them. */
static uint8_t *low_bytes(struct ip_address *address)
{
    return address->bytes + ip_family_size(address->family) - 4;
}

static uint32_t low_value(struct ip_address address)
{
    const uint8_t *low = low_bytes(&address);

    return (uint32_t)low[0] << 24 | (uint32_t)low[1] << 16 | (uint32_t)low[2] << 8 | low[3];
}

static struct ip_address address_at(const struct bits *bits, uint32_t offset)
{
    struct ip_address address = bits->cells.address;
    uint32_t value = low_value(address) + offset;
    uint8_t *low = low_bytes(&address);

    for (unsigned i = 0; i < 4; i++)
        low[i] = (uint8_t)(value >> (24 - 8 * i));
    return address;
}

/* Notes @address; false when it is not of those that are chosen, or noted already. */
static bool bits_take(struct bits *bits, const struct ip_address *address)
{
    size_t high_len = ip_family_size(bits->cells.address.family) - 4; /* that all of them have in common */
    uint32_t offset = low_value(*address) - low_value(bits->cells.address);

    if (address->family != bits->cells.address.family || offset >= bits->size ||
        memcmp(address->bytes, bits->cells.address.bytes, high_len) != 0)
        return false;
    if (bits->bytes[offset / 8] >> offset % 8 & 1)
        return false;
    bits->bytes[offset / 8] |= (uint8_t)(1u << offset % 8);
    return true;
}

static int choose_address(struct bits *bits, const struct model_network *network, struct model_port *port)
{
    char name[2 * MODEL_NAME_MAX];
    uint32_t hosts = bits->size - 2, start;

    snprintf(name, sizeof(name), "%s/%s", network->name, port->name);
    start = place_spread(name, hosts);
    for (uint32_t i = 0; i < hosts; i++) {
        const struct ip_address address = address_at(bits, 1 + (uint32_t)(((uint64_t)start + i) % hosts));

        if (bits_take(bits, &address)) {
            *address_of(port, address.family) = address;
            return 0;
        }
    }
    return -EADDRNOTAVAIL;
}

/* Is it to have an address of @family that it has not yet? */
static bool lacks_address(struct model_port *port, uint8_t family)
{
    return !address_of(port, family)->family && !(family == AF_INET6 && port->no_ip6);
}

static void take_others(struct bits *bits, const struct model_surroundings *surroundings)
{
    const struct ip_address *other;

    for (size_t i = 0; surroundings->other_address; i++) {
        other = surroundings->other_address(surroundings->data, i, bits->cells.address.family);
        if (!other)
            return;
        if (other->family == bits->cells.address.family)
            bits_take(bits, other);
    }
}

/* Given addresses first, then those that are there now, then the rest. */
static int place_all(struct bits *bits, struct model_network *network, const struct model_surroundings *surroundings)
{
    uint8_t family = bits->cells.address.family;
    int result = 0;

    for (size_t i = 0; i < network->port_count; i++)
        if (address_of(&network->ports[i], family)->family)
            bits_take(bits, address_of(&network->ports[i], family));
    take_others(bits, surroundings);
    for (size_t i = 0; i < network->port_count && surroundings->current_address; i++) {
        struct model_port *port = &network->ports[i];
        struct ip_address current;

        if (lacks_address(port, family) &&
            surroundings->current_address(surroundings->data, network->name, port->name, family, &current) &&
            bits_take(bits, &current))
            *address_of(port, family) = current;
    }
    for (size_t i = 0; i < network->port_count && result == 0; i++)
        if (lacks_address(&network->ports[i], family))
            result = choose_address(bits, network, &network->ports[i]);
    return result;
}

int place_ports(struct model_network *network, const struct ip_prefix *subnet,
                const struct model_surroundings *surroundings)
{
    uint8_t *bytes _cleanup_free_ = NULL;
    struct bits bits = {.cells = ip_prefix_network(subnet), .size = 1u << chosen_bits(subnet)};
    struct ip_address last;

    bits.cells.length = (uint8_t)(8 * ip_family_size(subnet->address.family) - chosen_bits(subnet));
    bytes = calloc(bits.size / 8 + 1, 1); /* 2 MB for a /8, of which only what is touched is ever there */
    if (!bytes)
        return -ENOMEM;
    bits.bytes = bytes;
    last = ip_prefix_last(&bits.cells);
    bits_take(&bits, &bits.cells.address);
    bits_take(&bits, &last);
    bits_take(&bits, &subnet->address);
    if (model_network_has_clones(network)) /* what all have inside nobody has outside */
        bits_take(&bits, subnet->address.family == AF_INET6 ? &network->clones.address6 : &network->clones.address);
    return place_all(&bits, network, surroundings);
}
