/* SPDX-License-Identifier: MIT */
/* Names and MACs that follow from names alone, so that they are the same on every run and every host. */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define SHORTENED_LEN 8 /* characters that stay of an interface name that is too long */
#define SUFFIX_LEN 6    /* characters of the hash behind them: 36^6, so that 1,000 ports have names of their own */
#define ID_LEN 11       /* characters of an OpenStack id in an interface name */
#define SEED_MAX (4 * MODEL_NAME_MAX)

bool model_name_valid(const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len >= MODEL_NAME_MAX || text[0] == '-' || text[len - 1] == '-')
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/*
 * dev_valid_name() of the kernel, less what it allows and nobody should: "%" (a pattern, when a link is made), bytes
 * that no terminal shows. "all" and "default" are directories of /proc/sys/net/ipv4/conf that mean every link.
 */
bool model_ifname_valid(const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len >= MODEL_IFNAME_MAX || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return false;
    if (strcmp(text, "all") == 0 || strcmp(text, "default") == 0)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || strchr("/:%", *text))
            return false;
    return true;
}

/* @whole as an interface name: itself, or its beginning and a hash of all of it. */
static void name_fit(const char *whole, char ret[MODEL_IFNAME_MAX])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t hash = hash_mix(hash_text(whole));
    char suffix[SUFFIX_LEN + 1] = "";

    if (strlen(whole) < MODEL_IFNAME_MAX) {
        memcpy(ret, whole, strlen(whole) + 1);
        return;
    }
    for (size_t i = 0; i < SUFFIX_LEN; i++, hash /= 36)
        suffix[i] = digits[hash % 36];
    snprintf(ret, MODEL_IFNAME_MAX, "%.*s-%s", SHORTENED_LEN, whole, suffix);
}

/*
 * More ports than a bridge takes, those of the pool with them, or guests that have all the same MAC: then none of them
 * has one. That is decided when a network is made, which has no MAC yet, and stays so however many ports come and go
 * while it is up.
 */
static void derive_spread(struct model_network *network)
{
    bool may = network->mode == MODEL_MODE_NAT || network->mode == MODEL_MODE_ISOLATED;

    if (mac_is_zero(&network->mac))
        network->spread = may && (network->port_count + network->pool > MODEL_BRIDGE_PORTS_MAX ||
                                  model_network_has_clones(network));
}

static void derive_bridge_name(struct model_network *network)
{
    char whole[MODEL_NAME_MAX + 4];

    if (network->bridge[0])
        return;
    if (network->id[0]) {
        snprintf(network->bridge, sizeof(network->bridge), "qbr%.*s", ID_LEN, network->id);
        return;
    }
    snprintf(whole, sizeof(whole), "%s-%s", model_network_has_bridge(network) ? "br" : "rt", network->name);
    name_fit(whole, network->bridge);
}

void model_device_name(const char *network, const char *port, char ret[MODEL_IFNAME_MAX])
{
    char whole[2 * MODEL_NAME_MAX + 2];

    snprintf(whole, sizeof(whole), "%s-%s", network, port);
    name_fit(whole, ret);
}

static void derive_device_name(const struct model_network *network, struct model_port *port)
{
    if (port->device[0])
        return;
    if (port->id[0]) {
        snprintf(port->device, sizeof(port->device), "tap%.*s", ID_LEN, port->id);
        return;
    }
    model_device_name(network->name, port->name, port->device);
}

/* The MAC number @attempt (from 0) that is proposed to the guest of @port. */
static struct mac guest_mac(const struct model_network *network, const struct model_port *port, unsigned attempt)
{
    static const uint8_t oui[3] = {0x52, 0x54, 0x00};
    char seed[SEED_MAX];

    if (attempt == 0)
        snprintf(seed, sizeof(seed), "tapnet guest %s/%s", network->name, port->name);
    else
        snprintf(seed, sizeof(seed), "tapnet guest %s/%s %u", network->name, port->name, attempt);
    return mac_derive(seed, oui);
}

/* The guests' MACs of one network, to be looked up: open addressing, @mask + 1 slots, NULL where one is free. */
struct mac_table {
    const struct mac **slots;
    size_t mask;
};

/* Notes @mac; false when an equal one is there already. */
static bool mac_table_add(struct mac_table *table, const struct mac *mac)
{
    size_t slot = (size_t)mac->bytes[3] << 16 | (size_t)mac->bytes[4] << 8 | mac->bytes[5];

    for (slot &= table->mask; table->slots[slot]; slot = (slot + 1) & table->mask)
        if (mac_equal(table->slots[slot], mac))
            return false;
    table->slots[slot] = mac;
    return true;
}

/* What was given otherwise is a mistake, which model_check() tells. */
static void give_clones_mac(struct model_network *network)
{
    for (size_t i = 0; i < network->port_count; i++) {
        struct model_port *port = &network->ports[i];

        if (!port->guest_mac_given)
            port->guest_mac = network->clones.mac;
        port->guest_mac_given = true;
    }
}

/* From the file, or derived before, when the network had other ports. */
static bool has_guest_mac(const struct model_port *port)
{
    return port->guest_mac_given || !mac_is_zero(&port->guest_mac);
}

/*
 * 24 bits tell the proposed MACs apart: among 1,000 ports two are equal in 3 % of all networks. The one that stands
 * later in the file takes its next. Without memory they stay as they are, and model_check() refuses the pair.
 */
static void derive_guest_macs(struct model_network *network)
{
    struct mac_table table = {.mask = 15};
    const struct mac **slots _cleanup_free_ = NULL;

    while (table.mask < 2 * network->port_count)
        table.mask = 2 * table.mask + 1;
    slots = calloc(table.mask + 1, sizeof(*slots));
    table.slots = slots;
    for (size_t i = 0; i < network->port_count; i++)
        if (slots && has_guest_mac(&network->ports[i]))
            mac_table_add(&table, &network->ports[i].guest_mac);
    for (size_t i = 0; i < network->port_count; i++) {
        struct model_port *port = &network->ports[i];

        if (has_guest_mac(port))
            continue;
        port->guest_mac = guest_mac(network, port, 0);
        for (unsigned attempt = 1; slots && attempt < 100 && !mac_table_add(&table, &port->guest_mac); attempt++)
            port->guest_mac = guest_mac(network, port, attempt);
    }
}

/*
 * The TAP's own: the bridge would take the guest for itself if they were the same. No file gives one: what is there was
 * derived before, when the network had other ports.
 */
static void derive_tap_mac(const struct model_set *set, const struct model_network *network, struct model_port *port)
{
    char seed[SEED_MAX];

    if (!mac_is_zero(&port->mac))
        return;
    snprintf(seed, sizeof(seed), "tapnet tap %s/%s/%s", set->name, network->name, port->name);
    port->mac = mac_derive(seed, NULL);
    if (mac_equal(&port->mac, &port->guest_mac))
        port->mac.bytes[5] ^= 1;
}

/* What @port does not say its network says, or nobody. */
static void derive_limit(const struct model_limit *network, struct model_limit *port)
{
    uint64_t rate = port->rate, other = network->rate;

    if (!port->send)
        port->send = rate ? rate : network->send ? network->send : other;
    if (!port->receive)
        port->receive = rate ? rate : network->receive ? network->receive : other;
    port->rate = 0;
    if (!port->burst)
        port->burst = network->burst;
    if (!port->connections)
        port->connections = network->connections;
    if (!port->broadcast_given)
        port->broadcast = network->broadcast_given ? network->broadcast : MODEL_BROADCAST;
    port->broadcast_given = true;
}

void model_derive_network(const struct model_set *set, struct model_network *network)
{
    struct model_limit limit = {0};
    char seed[SEED_MAX];

    derive_limit(&network->limit, &limit);
    limit.connections_place = network->limit.connections_place;
    network->limit = limit; /* what a port has that says nothing, also one that comes later */
    derive_spread(network);
    snprintf(seed, sizeof(seed), "tapnet bridge %s", network->name);
    if (mac_is_zero(&network->mac)) /* one on record has it, in mode bridge its uplink's */
        network->mac = mac_derive(seed, NULL);
    derive_bridge_name(network);
    if (model_network_has_clones(network))
        give_clones_mac(network);
    else
        derive_guest_macs(network);
    if (!network->ports_see_each_other_given)
        network->ports_see_each_other = true;
    for (size_t i = 0; i < network->port_count; i++) {
        struct model_port *port = &network->ports[i];

        if (!port->hostname[0])
            memcpy(port->hostname, port->name, sizeof(port->hostname));
        derive_device_name(network, port);
        derive_tap_mac(set, network, port);
        derive_limit(&network->limit, &port->limit);
    }
}

void model_derive(struct model_set *set)
{
    for (size_t i = 0; i < set->network_count; i++)
        model_derive_network(set, &set->networks[i]);
    for (size_t i = 0; i < set->device_count; i++) {
        struct model_device *device = &set->devices[i];
        char seed[SEED_MAX];

        device->up = device->up || !device->up_given;
        if (device->kind != MODEL_DEVICE_TAP || !mac_is_zero(&device->mac))
            continue;
        snprintf(seed, sizeof(seed), "tapnet device %s/%s", set->name, device->name);
        device->mac = mac_derive(seed, NULL);
    }
}
