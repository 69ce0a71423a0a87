/* SPDX-License-Identifier: MIT */
/* What the words of a question mean: guests, the host, the outside. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "explain/why.h"

/* The MAC that the rules know for the guest of @device; zero: none. */
static struct mac learned_mac(const struct observe_found *found, const char *device)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct guard_element *element = &found->objects.items[i].element;

        if (found->objects.items[i].kind == MODEL_OBJECT_ELEMENT && element->set == GUARD_PORT_MACS &&
            strcmp(guard_read_ifname(element, 0), device) == 0)
            return guard_read_mac(element, 1);
    }
    return (struct mac){{0}};
}

static void set_guest(const struct why *why, const struct model_service *service, const struct model_port *port,
                      struct why_end *ret)
{
    bool any = port->mac_spoofing || !model_network_has_bridge(service->network);

    *ret = (struct why_end){.kind = WHY_GUEST, .service = service, .port = port};
    ret->address = why->family == AF_INET6 ? port->address6 : port->address;
    ret->mac = any || port->guest_mac_given ? port->guest_mac : learned_mac(why->host.found, port->device);
}

/* Is @word this port's: "web", "web.lab", "lab/web", its device, its address? */
static bool means_port(const char *word, const struct ip_address *address, const struct model_network *network,
                       const struct model_port *port)
{
    char full[2 * MODEL_NAME_MAX + 2];

    if (address->family)
        return ip_address_equal(address, address->family == AF_INET6 ? &port->address6 : &port->address);
    if (strcmp(word, port->name) == 0 || strcmp(word, port->hostname) == 0 || strcmp(word, port->device) == 0)
        return true;
    snprintf(full, sizeof(full), "%s/%s", network->name, port->name);
    if (strcmp(word, full) == 0)
        return true;
    snprintf(full, sizeof(full), "%s.%s", port->hostname, network->name);
    return strcmp(word, full) == 0;
}

/* How many ports @word means; the last is in *ret. */
static size_t find_guests(const struct why *why, const char *word, const struct ip_address *address,
                          struct why_end *ret)
{
    const struct model_service *service;
    size_t count = 0;

    for (size_t i = 0; (service = explain_network(why->host.found, i)); i++)
        for (size_t p = 0; p < service->network->port_count; p++)
            if (means_port(word, address, service->network, &service->network->ports[p])) {
                set_guest(why, service, &service->network->ports[p], ret);
                count++;
            }
    return count;
}

static bool is_loopback(const struct ip_address *address)
{
    static const struct ip_address loopback6 = {AF_INET6, {[15] = 1}};

    return ip_address_equal(address, &loopback6) || (address->family == AF_INET && address->bytes[0] == 127);
}

static bool is_of_host(const struct observe_found *found, const struct ip_address *address)
{
    for (size_t i = 0; i < found->objects.count; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_ADDRESS &&
            ip_address_equal(&found->objects.items[i].address.prefix.address, address))
            return true;
    for (size_t i = 0; i < found->address_count; i++)
        if (ip_address_equal(&found->addresses[i].prefix.address, address))
            return true;
    return is_loopback(address);
}

/* The gateway's address that the file gives is the host's, whether it is there or not; by IPv6 it has one more. */
static bool is_gateway(const struct why *why, const struct ip_address *address)
{
    const struct model_service *service;

    for (size_t i = 0; (service = explain_network(why->host.found, i)); i++)
        if (ip_address_equal(&why_subnet(why, service->network)->address, address))
            return true;
    return ip_address_equal(&model_router6.address, address);
}

/* The network whose subnet has @address; NULL: none. */
static const struct model_service *find_subnet(const struct why *why, const struct ip_address *address)
{
    const struct model_service *service;

    for (size_t i = 0; (service = explain_network(why->host.found, i)); i++)
        if (ip_prefix_contains(why_subnet(why, service->network), address))
            return service;
    return NULL;
}

/* In mode bridge the way is a frame's, by the uplink's network, with addresses that the host does not know. */
static int check_guest(const char *word, const struct why_end *guest, struct tapnet_error *error)
{
    const struct model_network *network = guest->service->network;

    if (model_mode_has_subnet(network->mode) && guest->address.family)
        return 0;
    if (model_mode_has_subnet(network->mode))
        return error_set(
            error, -EINVAL,
            "'%.60s' is a guest of network %s, which has no IPv6 (subnet6 of its file, or the host has none)", word,
            network->name);
    return error_set(error, -EINVAL,
                     "'%.60s' is a guest of network %s, which is of mode bridge, and ways of such a network are not "
                     "followed in this version; `tapnet status %s`, `tapnet doctor` and `tapnet watch %s` tell of it",
                     word, network->name, network->name, guest->port->device);
}

int why_find_end(const struct why *why, const char *word, struct why_end *ret, struct tapnet_error *error)
{
    struct ip_address address = {0};
    const struct model_service *service;
    size_t count;

    if (strcmp(word, "host") == 0) {
        *ret = (struct why_end){.kind = WHY_HOST};
        return 0;
    }
    if (strcmp(word, "outside") == 0) {
        *ret = (struct why_end){.kind = WHY_OUTSIDE};
        return ip_address_parse(explain_outside(why->family), &ret->address);
    }
    ip_address_parse(word, &address);
    count = find_guests(why, word, &address, ret);
    if (count == 1)
        return check_guest(word, ret, error);
    if (count > 1)
        return error_set(error, -EINVAL, "'%.60s' is a port of several networks: say NETWORK/PORT", word);
    if (!address.family)
        return error_set(error, -EINVAL,
                         "'%.60s' is no port of a network that is up, no address, and neither \"host\" nor \"outside\"",
                         word);
    service = find_subnet(why, &address);
    if (service && !is_gateway(why, &address))
        return error_set(error, -EINVAL, "'%.60s' is in the subnet of network %s, and none of its ports has it", word,
                         service->network->name);
    *ret = (struct why_end){.address = address};
    ret->kind = is_of_host(why->host.found, &address) || is_gateway(why, &address) ? WHY_HOST : WHY_OUTSIDE;
    return 0;
}

const char *why_closed(const struct ip_address *address)
{
    static const struct {
        struct ip_prefix prefix;
        const char *what;
    } closed[] = {
        {{{AF_INET, {127}}, 8}, "each machine's own (127.0.0.0/8)"},
        {{{AF_INET, {169, 254}}, 16}, "link-local (169.254.0.0/16), and a cloud's metadata"},
        {{{AF_INET, {224}}, 4}, "a group's (224.0.0.0/4), which is not routed"},
        {{{AF_INET, {255, 255, 255, 255}}, 32}, "a broadcast, which is not routed"},
        {{{AF_INET6, {[15] = 1}}, 128}, "each machine's own (::1)"},
        {{{AF_INET6, {0xfe, 0x80}}, 10}, "link-local (fe80::/10), which is not routed"},
        {{{AF_INET6, {0xfd, 0, 0x0e, 0xc2, [14] = 0x02, 0x54}}, 128}, "where a cloud tells of its machines"},
        {{{AF_INET6, {0xff}}, 8}, "a group's (ff00::/8), which is not routed"},
    };

    if (ip_address_equal(address, &model_router6.address)) /* the guests' own router */
        return NULL;
    for (size_t i = 0; i < ARRAY_COUNT(closed); i++)
        if (ip_prefix_contains(&closed[i].prefix, address))
            return closed[i].what;
    return NULL;
}

const char *why_print_end(struct why *why, const struct why_end *end)
{
    char text[IP_TEXT_MAX] = "";

    if (end->address.family)
        ip_address_print(&end->address, text);
    if (end->kind == WHY_GUEST)
        return why_print(why, "%s/%s (%s)", end->service->network->name, end->port->name, text);
    if (end->kind == WHY_HOST)
        return why_print(why, "the host%s%s%s", *text ? " (" : "", text, *text ? ")" : "");
    return strcmp(text, explain_outside(end->address.family)) == 0 ? "outside" : why_print(why, "%s", text);
}
