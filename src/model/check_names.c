/* SPDX-License-Identifier: MIT */
/* Names and MACs that must be one's own: of links, of networks, of guests in DNS. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/check.h"

#define GUEST_ROLE "the guest of "

/* ---- links ---- */

static void claim_link(struct claims *claims, struct mistakes *mistakes, const char *link, const char *noun,
                       const char *name, const char *remedy, struct model_place place)
{
    struct claim *claim;

    if (!model_ifname_valid(link)) {
        mistakes_add(mistakes, place,
                     "%s %s: `%s` is not an interface name: 1 to 15 characters, no blank, no `/`, `:`, "
                     "`%%`; give it another %s",
                     noun, name, link, remedy);
        return;
    }
    claim = claims_add(claims, link, strlen(link), noun, name, place);
    if (claim)
        claim->role = remedy;
}

static void claim_links(const struct model_set *set, struct claims *claims, struct mistakes *mistakes)
{
    for (size_t i = 0; i < set->network_count; i++) {
        const struct model_network *network = &set->networks[i];

        claim_link(claims, mistakes, network->bridge, "network", network->name, "with `bridge:`",
                   place_of(network->bridge_place, network->place));
        for (size_t j = 0; j < network->port_count; j++)
            claim_link(claims, mistakes, network->ports[j].device, "port", network->ports[j].name, "with `device:`",
                       place_of(network->ports[j].device_place, network->ports[j].place));
    }
    for (size_t i = 0; i < set->device_count; i++)
        claim_link(claims, mistakes, set->devices[i].name, "device", set->devices[i].name, "name",
                   set->devices[i].place);
}

/* A port without a bridge hands the host packets of IP alone. */
static void check_protocols(const struct model_network *network, struct mistakes *mistakes)
{
    for (size_t i = 0; !model_network_has_bridge(network) && i < network->port_count; i++)
        if (network->ports[i].protocols == MODEL_PROTOCOLS_ANY)
            mistakes_add(mistakes, network->ports[i].place,
                         network->spread
                             ? "port %s: guests of a network with more than 1,023 ports have no link in common that "
                               "other protocols could pass: leave `protocols: any` out, or make it two networks"
                             : "port %s: in mode routed guests have no link in common that other protocols could pass: "
                               "leave `protocols: any` out, or write `mode: nat`",
                         network->ports[i].name);
}

static void check_uplink(const struct model_network *network, const struct claims *links, struct mistakes *mistakes)
{
    struct model_place place = place_of(network->uplink_place, network->place);
    const struct claim *own;
    char line[24];

    if (!network->uplink[0])
        return;
    if (network->mode == MODEL_MODE_ISOLATED) {
        mistakes_add(mistakes, place,
                     "network %s: uplink %s has no use in mode isolated; leave it out, or write "
                     "`mode: nat`",
                     network->name, network->uplink);
        return;
    }
    own = claims_find(links, network->uplink);
    if (own)
        mistakes_add(mistakes, place,
                     "network %s: uplink %s is the interface of %s %s%s, not a way out; name an "
                     "interface of the host",
                     network->name, network->uplink, own->noun, own->name, line_text(own->place, line));
    else if (!model_ifname_valid(network->uplink) || strcmp(network->uplink, "lo") == 0)
        mistakes_add(mistakes, place,
                     "network %s: uplink `%s` is no way out; name an interface of the host, or leave "
                     "it out: the default route's is taken",
                     network->name, network->uplink);
}

/* An uplink that is a port of a bridge is nobody else's way out: connections of the other network would break. */
static void check_shared_uplinks(const struct model_set *set, struct mistakes *mistakes)
{
    for (size_t i = 0; i < set->network_count; i++) {
        const struct model_network *bridged = &set->networks[i];

        for (size_t j = 0; bridged->mode == MODEL_MODE_BRIDGE && bridged->uplink[0] && j < set->network_count; j++) {
            const struct model_network *other = &set->networks[j];
            bool same = i != j && strcmp(other->uplink, bridged->uplink) == 0;

            if (same && (other->mode != MODEL_MODE_BRIDGE || j < i))
                mistakes_add(mistakes, place_of(bridged->uplink_place, bridged->place),
                             "network %s: uplink %s is that of network %s, too, which would lose it to the bridge; "
                             "leave that network out, or write `mode: routed` here",
                             bridged->name, bridged->uplink, other->name);
        }
    }
}

int check_links(const struct model_set *set, struct mistakes *mistakes)
{
    struct claims links cleanup(claims_fini) = {0};
    char line[24];

    claim_links(set, &links, mistakes);
    claims_sort(&links);
    for (size_t i = 0; i < links.count; i++) {
        const struct claim *claim = &links.items[i];

        if (claims_clash(&links, i))
            mistakes_add(mistakes, claim->place,
                         "%s %s: the interface name %s is already that of %s %s%s; give one of them another %s",
                         claim->noun, claim->name, claim->key, claim[-1].noun, claim[-1].name,
                         line_text(claim[-1].place, line), claim->role);
    }
    for (size_t i = 0; i < set->network_count; i++)
        check_uplink(&set->networks[i], &links, mistakes);
    for (size_t i = 0; i < set->network_count; i++)
        check_protocols(&set->networks[i], mistakes);
    check_shared_uplinks(set, mistakes);
    return links.failed ? -ENOMEM : 0;
}

/* ---- MACs, within one network: elsewhere nobody sees them ---- */

static void claim_mac(struct claims *claims, const struct mac *mac, const char *role, const char *noun,
                      const char *name, struct model_place place)
{
    struct claim *claim = claims_add(claims, mac->bytes, sizeof(mac->bytes), noun, name, place);

    if (claim)
        claim->role = role;
}

/* Guests come last: the others follow from names, so it is a guest's that must change. Clones have one for all. */
static void claim_macs(const struct model_network *network, struct claims *claims, struct mistakes *mistakes)
{
    char text[MAC_TEXT_MAX];

    claim_mac(claims, &network->mac, "the bridge of ", "network", network->name, network->place);
    for (size_t i = 0; i < network->port_count; i++)
        claim_mac(claims, &network->ports[i].mac, "the TAP of ", "port", network->ports[i].name,
                  network->ports[i].place);
    for (size_t i = 0; i < network->port_count && !model_network_has_clones(network); i++) {
        const struct model_port *port = &network->ports[i];
        struct model_place place = place_of(port->mac_place, port->place);

        if (mac_is_multicast(&port->guest_mac))
            mistakes_add(mistakes, place,
                         "port %s: mac %s is a multicast address, no guest's; its first byte must be "
                         "even, as in 52:54:00:...",
                         port->name, mac_print(&port->guest_mac, text));
        else if (mac_is_zero(&port->guest_mac))
            mistakes_add(mistakes, place,
                         "port %s: mac %s is no guest's address; leave `mac:` out, and one is "
                         "proposed",
                         port->name, mac_print(&port->guest_mac, text));
        else
            claim_mac(claims, &port->guest_mac, GUEST_ROLE, "port", port->name, place);
    }
}

static int check_macs(const struct model_network *network, struct mistakes *mistakes)
{
    struct claims macs cleanup(claims_fini) = {0};
    char line[24], text[MAC_TEXT_MAX];

    claim_macs(network, &macs, mistakes);
    claims_sort(&macs);
    for (size_t i = 0; i < macs.count; i++) {
        const struct claim *claim = &macs.items[i];
        struct mac mac;

        if (!claims_clash(&macs, i) ||
            strcmp(claim->role, GUEST_ROLE) != 0) /* of a name that is there twice: told below */
            continue;
        memcpy(mac.bytes, claim->key, sizeof(mac.bytes));
        mistakes_add(mistakes, claim->place, "%s %s: mac %s is already that of %s%s %s%s; give it another `mac:`",
                     claim->noun, claim->name, mac_print(&mac, text), claim[-1].role, claim[-1].noun, claim[-1].name,
                     line_text(claim[-1].place, line));
    }
    return macs.failed ? -ENOMEM : 0;
}

/* ---- names in DNS ---- */

/* RFC 6761: resolvers answer it themselves; RFC 6762: they ask it by multicast. */
static const char *reserved_name(const char *name)
{
    if (strcmp(name, "localhost") == 0)
        return "every guest takes it for itself";
    if (strcmp(name, "local") == 0)
        return "guests look it up by multicast, not in DNS";
    return NULL;
}

static void claim_hostnames(const struct model_network *network, struct claims *claims, struct mistakes *mistakes)
{
    for (size_t i = 0; i < network->port_count; i++) {
        const struct model_port *port = &network->ports[i];
        bool own = strcmp(port->hostname, port->name) != 0;
        const char *reason = reserved_name(port->name), *reserved = port->name;
        struct claim *claim = claims_add(claims, port->name, strlen(port->name), "port", port->name, port->place);

        if (claim)
            claim->role = "name";
        if (!reason && own) {
            reserved = port->hostname;
            reason = reserved_name(reserved);
        }
        if (reason)
            mistakes_add(mistakes, port->place, "port %s: `%s` can't be a guest's name: %s; choose another one",
                         port->name, reserved, reason);
        if (!model_name_valid(port->name) || !model_name_valid(port->hostname))
            mistakes_add(mistakes, port->place,
                         "port %s: `%s` is not a name: a-z, 0-9 and `-` (not first or last), "
                         "63 characters at most",
                         port->name, port->hostname);
        claim = own ? claims_add(claims, port->hostname, strlen(port->hostname), "port", port->name, port->place)
                    : NULL;
        if (claim)
            claim->role = "hostname";
    }
}

/* A port answers to its name and to its host name; within a network each means one port. */
static int check_hostnames(const struct model_network *network, struct mistakes *mistakes)
{
    struct claims names cleanup(claims_fini) = {0};
    char line[24];

    claim_hostnames(network, &names, mistakes);
    claims_sort(&names);
    for (size_t i = 0; i < names.count; i++) {
        const struct claim *later = &names.items[i], *first = later - 1;

        if (!claims_clash(&names, i))
            continue;
        if (strcmp(later->role, "name") == 0 && strcmp(first->role, "hostname") == 0) { /* the host name must yield */
            later = first;
            first = &names.items[i];
        }
        mistakes_add(mistakes, later->place,
                     "port %s: the %s %s is already the %s of port %s%s, and in DNS it can mean "
                     "one of them only; choose another one",
                     later->name, later->role, later->key, first->role, first->name, line_text(first->place, line));
    }
    return names.failed ? -ENOMEM : 0;
}

/* ---- networks ---- */

static int check_network_names(const struct model_set *set, struct mistakes *mistakes)
{
    struct claims names cleanup(claims_fini) = {0};
    char line[24];

    for (size_t i = 0; i < set->network_count; i++) {
        const struct model_network *network = &set->networks[i];
        const char *reason = reserved_name(network->name);

        claims_add(&names, network->name, strlen(network->name), "network", network->name, network->place);
        if (!model_name_valid(network->name))
            mistakes_add(mistakes, network->place,
                         "network `%s` is not a name: a-z, 0-9 and `-` (not first or last), "
                         "63 characters at most",
                         network->name);
        else if (reason)
            mistakes_add(mistakes, network->place,
                         "network %s: its name is the domain of its guests, and %s; choose "
                         "another one",
                         network->name, reason);
    }
    claims_sort(&names);
    for (size_t i = 0; i < names.count; i++)
        if (claims_clash(&names, i))
            mistakes_add(mistakes, names.items[i].place, "network %s is there already%s; choose another name",
                         names.items[i].name, line_text(names.items[i - 1].place, line));
    return names.failed ? -ENOMEM : 0;
}

int check_networks(const struct model_set *set, struct mistakes *mistakes)
{
    int result = check_network_names(set, mistakes);

    for (size_t i = 0; i < set->network_count && result == 0; i++) {
        result = check_macs(&set->networks[i], mistakes);
        if (result == 0)
            result = check_hostnames(&set->networks[i], mistakes);
    }
    return result;
}
