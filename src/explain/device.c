/* SPDX-License-Identifier: MIT */
/* Devices on a packet's way: ports and who holds them, bridges, uplinks. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "explain/why.h"
#include "netlink/lookup.h"

const char *why_up_command(struct why *why, const struct model_service *service)
{
    return explain_up_command(why->host.found, service->set, &why->arena);
}

/* ---- ports ---- */

/* Is somebody there to read what comes, and to send? */
static void step_holder(struct why *why, const struct why_end *guest, const struct explain_link *link)
{
    const struct device_holder *holder = explain_find_holder(&why->host, link->name);

    if (link->plugged && holder)
        why_add(why, WHY_PASSES, "port",
                why_print(why, "%s is up, %s (%d) holds it", link->name, holder->command, holder->pid), "");
    else if (link->plugged)
        why_add(why, WHY_PASSES, "port",
                why_print(why, "%s is up and held; by whom, is not visible from here", link->name), "");
    else if (holder)
        why_add(why, WHY_STOPS, "port-carrier",
                why_print(why, "%s has no carrier: %s (%d) holds it, and it is not plugged in", link->name,
                          holder->command, holder->pid),
                why_print(why, "tapnet device set %s --carrier on --force", why_word(why, link->name)));
    else
        why_add(why, WHY_STOPS, "port-unheld",
                why_print(why, "nobody holds %s: no guest is plugged into %s/%s", link->name,
                          guest->service->network->name, guest->port->name),
                "");
}

static const char *const state_words[] = {
    [TAPNET_BRIDGE_PORT_DISABLED] = "disabled", [TAPNET_BRIDGE_PORT_LISTENING] = "listening",
    [TAPNET_BRIDGE_PORT_LEARNING] = "learning", [TAPNET_BRIDGE_PORT_FORWARDING] = "forwarding",
    [TAPNET_BRIDGE_PORT_BLOCKING] = "blocking",
};

/* Spanning tree off, and the port open: what networks of ours have. */
static void step_state(struct why *why, const struct model_network *network, const struct explain_link *link)
{
    const struct explain_link *bridge = explain_find_link(&why->host, network->bridge);
    const char *state = (size_t)link->state < ARRAY_COUNT(state_words) ? state_words[link->state] : "closed";

    if (!link->has_state || link->state == TAPNET_BRIDGE_PORT_FORWARDING)
        return;
    if (bridge && !bridge->up) /* all its ports are disabled then */
        why_add(why, WHY_STOPS, "bridge-down", why_print(why, "%s is down", bridge->name),
                why_print(why, "ip link set %s up", why_word(why, bridge->name)));
    why_add(why, WHY_STOPS, "port-state",
            why_print(why, "%s is %s: its bridge %s takes and gives nothing there%s", link->name, state,
                      network->bridge, bridge && bridge->stp ? " (spanning tree is on)" : ""),
            bridge && bridge->stp
                ? why_print(why, "ip link set %s type bridge stp_state 0\nbridge link set dev %s state 3",
                            why_word(why, network->bridge), why_word(why, link->name))
                : why_print(why, "bridge link set dev %s state 3", why_word(why, link->name)));
}

static void step_membership(struct why *why, const struct model_network *network, const struct explain_link *link)
{
    const struct explain_link *bridge = explain_find_link(&why->host, network->bridge);
    const struct explain_link *master = explain_find_index(&why->host, link->master_index);

    bool has_bridge = model_network_has_bridge(network);

    if (!has_bridge || !bridge || link->master_index == bridge->index) {
        if (has_bridge)
            step_state(why, network, link);
        return;
    }
    why_add(why, WHY_STOPS, "port-out-of-bridge",
            why_print(why, "%s is no port of %s%s%s", link->name, network->bridge, master ? ", but of " : "",
                      master ? master->name : ""),
            why_print(why, "ip link set %s master %s", why_word(why, link->name), why_word(why, network->bridge)));
}

const struct explain_link *why_step_port(struct why *why, const struct why_end *guest, bool sends)
{
    const struct model_network *network = guest->service->network;
    const struct explain_link *link = explain_find_link(&why->host, guest->port->device);

    if (!link) {
        why_add(why, WHY_STOPS, "port-missing",
                why_print(why, "the device of %s/%s, %s, is not there", network->name, guest->port->name,
                          guest->port->device),
                why_up_command(why, guest->service));
        return NULL;
    }
    if (!link->up)
        why_add(why, WHY_STOPS, "port-down", why_print(why, "%s is down", link->name),
                why_print(why, "ip link set %s up", why_word(why, link->name)));
    step_holder(why, guest, link);
    step_membership(why, network, link);
    why_step_classifiers(why, link, !sends);
    if (!sends && link->tx_dropped)
        why_add(why, WHY_UNKNOWN, "port-queue",
                why_print(why, "%llu packets so far were more than the guest behind %s took in time",
                          (unsigned long long)link->tx_dropped, link->name),
                "");
    return link;
}

/* ---- bridges and uplinks ---- */

/* A MAC that the bridge does not know goes to all ports, its guest's among them. */
void why_step_mac(struct why *why, const struct why_end *guest)
{
    const struct explain_link *bridge = explain_find_link(&why->host, guest->service->network->bridge);
    const struct explain_link *port = explain_find_link(&why->host, guest->port->device), *other;
    struct netlink_neighbour entry;
    char text[MAC_TEXT_MAX];

    if (!bridge || !port || mac_is_zero(&guest->mac) ||
        netlink_bridge_mac_get(why->host.netlink, bridge->index, &guest->mac, &entry, NULL) < 0 ||
        entry.index == port->index)
        return;
    other = explain_find_index(&why->host, entry.index);
    mac_print(&guest->mac, text);
    why_add(why, WHY_STOPS, "forwarding-database",
            why_print(why, "%s sends what is for %s to %s, and its guest is behind %s", bridge->name, text,
                      other ? other->name : "another port", port->name),
            other ? why_print(why, "bridge fdb del %s dev %s master", text, why_word(why, other->name)) : "");
}

const struct explain_link *why_step_bridge(struct why *why, const struct model_service *service)
{
    const struct model_network *network = service->network;
    const struct explain_link *link = explain_find_link(&why->host, network->bridge);

    if (!link)
        why_add(why, WHY_STOPS, "bridge-missing", why_print(why, "the bridge %s is not there", network->bridge),
                why_up_command(why, service));
    else if (!link->up)
        why_add(why, WHY_STOPS, "bridge-down", why_print(why, "%s is down", link->name),
                why_print(why, "ip link set %s up", why_word(why, link->name)));
    else
        why_add(why, WHY_PASSES, "bridge", why_print(why, "%s is up", link->name), "");
    return link;
}

void why_step_uplink(struct why *why, const struct explain_link *link)
{
    if (!link->up)
        why_add(why, WHY_STOPS, "uplink-down", why_print(why, "%s is down", link->name),
                why_print(why, "ip link set %s up", why_word(why, link->name)));
    else if (!link->carrier)
        why_add(why, WHY_STOPS, "uplink-carrier",
                why_print(why, "%s has no carrier: nothing is plugged in at its other end", link->name), "");
    else
        why_add(why, WHY_PASSES, "uplink", why_print(why, "%s is up", link->name), "");
}
