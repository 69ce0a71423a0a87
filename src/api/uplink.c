/* SPDX-License-Identifier: MIT */
/* Uplinks of mode bridge: what a plan must know of them, and which can't be one. */
#include "api/uplink.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/context.h"
#include "base/array.h"
#include "plan/conflict.h"

/* Wireless cards say so in sysfs. */
static bool is_wireless(const char *name)
{
    char current[64], older[64];

    snprintf(current, sizeof(current), "/sys/class/net/%s/phy80211", name);
    snprintf(older, sizeof(older), "/sys/class/net/%s/wireless", name);
    return access(current, F_OK) == 0 || access(older, F_OK) == 0;
}

/* Such a device takes its frames where a bridge would: the kernel lets one of them only. */
static bool is_of_macvlan_kind(const struct observe_link *link)
{
    static const char *const kinds[] = {"macvlan", "macvtap", "ipvlan", "ipvtap"};

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (strcmp(link->kind, kinds[i]) == 0)
            return true;
    return false;
}

static bool carries_macvlan(const struct observe_found *found, const struct observe_link *lower)
{
    for (size_t i = 0; i < found->link_count; i++)
        if (found->links[i].lower_index == lower->index && is_of_macvlan_kind(&found->links[i]))
            return true;
    return false;
}

/* The bridge of ours, of mode bridge, that is called @name; NULL when there is none. */
static const struct model_link *find_own_bridge(const struct observe_found *found, const char *name)
{
    const struct model_link *link = *name ? plan_find_link(&found->objects, name) : NULL;

    return link && link->owner.mode == MODEL_MODE_BRIDGE ? link : NULL;
}

/* Whose bridge an uplink is a port of; the texts are those of what was found. */
struct holder {
    const char *bridge, *network, *set;
    bool out; /* somebody took it out of the bridge: the set's next `up` puts it back */
};

/* The network of ours, of whatever set, that has the link @name now, or that should have it. */
static bool find_holder(const struct observe_found *found, const char *name, struct holder *ret)
{
    const struct observe_link *link = api_find_foreign(found, name);
    const struct model_link *bridge = link ? find_own_bridge(found, link->master) : NULL;

    if (bridge) {
        *ret = (struct holder){bridge->name, bridge->owner.network, bridge->owner.set, false};
        return true;
    }
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_service *service = &found->objects.items[i].service;

        if (found->objects.items[i].kind != MODEL_OBJECT_SERVICE || service->network->mode != MODEL_MODE_BRIDGE ||
            strcmp(service->network->uplink, name) != 0)
            continue;
        *ret = (struct holder){service->network->bridge, service->network->name, service->set, true};
        return true;
    }
    return false;
}

int uplink_check_holder(const struct observe_found *found, const struct model_set *set,
                        const struct model_network *network, struct tapnet_error *error)
{
    struct model_place place = network->uplink_given ? network->uplink_place : network->place;
    bool bridged = network->mode == MODEL_MODE_BRIDGE;
    struct holder holder;

    if ((!network->uplink_given && !bridged) || !find_holder(found, network->uplink, &holder) ||
        (bridged && strcmp(holder.set, set->name) == 0))
        return 0;
    return error_set(error, -EINVAL,
                     "%s:%u:%u: network %s: uplink %s is %s of %s, a network of mode bridge: %s of set %s, beside "
                     "which no other goes out by it in this version; put the ports into that network, in the file of "
                     "set %s, or take that set down first (tapnet down %s)",
                     set->file ? set->file : "", place.line, place.column, network->name, network->uplink,
                     holder.out ? "to be a port" : "a port", holder.bridge, holder.network, holder.set, holder.set,
                     holder.set);
}

/* Does a network of ours go out by it, masqueraded or routed? */
static bool leads_out(const struct observe_found *found, const char *name)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct guard_element *element = &found->objects.items[i].element;

        if (found->objects.items[i].kind == MODEL_OBJECT_ELEMENT &&
            (element->set == GUARD_EGRESS || element->set == GUARD_EGRESS6) &&
            strcmp(guard_read_ifname(element, 1), name) == 0)
            return true;
    }
    return false;
}

const char *uplink_fault(const struct observe_found *found, const char *name)
{
    const struct observe_link *link = api_find_foreign(found, name);

    if (!link)
        return "is not there, or is no device of the host's";
    if (is_wireless(name))
        return "is wireless: an access point takes frames from one MAC only; write `mode: routed`";
    if (is_of_macvlan_kind(link))
        return "takes frames for its own MAC only; name the device that it stands on, or write `mode: routed`";
    if (!link->up)
        return "is down: bring it up first (`ip link set NAME up`)";
    if (link->point_to_point || link->type != ARPHRD_ETHER)
        return "is no Ethernet: what has no MAC can't be a port of a bridge; write `mode: routed`";
    if (link->bridge)
        return "is a bridge: a bridge can't be a port of another; write `mode: routed`, or plug guests in there";
    if (link->master[0] && !find_own_bridge(found, link->master))
        return "is a port of a bridge or bond already; take it out there, name the bond, or write `mode: routed`";
    if (carries_macvlan(found, link))
        return "has a macvlan or ipvlan device on it (`ip -d link`), which takes its frames where a bridge would; take "
               "that off, or write `mode: routed`";
    if (link->xdp)
        return "has an XDP program, which would see the guests' frames and not know the bridge; take it off "
               "(`ip link set NAME xdp off`), or write `mode: routed`";
    if (leads_out(found, name))
        return "is the way out of another network of tapnet's, whose connections would break; take that one down "
               "first, or write `mode: routed`";
    return NULL;
}

int uplink_look(struct observe_found *found, const struct model_objects *objects, struct tapnet_error *error)
{
    int result = 0;

    for (size_t i = 0; i < objects->count && result == 0; i++)
        if (objects->items[i].kind == MODEL_OBJECT_UPLINK)
            result = observe_uplink(found, objects->items[i].uplink.name, objects->items[i].uplink.bridge, error);
    return result;
}

int uplink_check_named(const struct observe_found *found, const struct model_set *set, struct tapnet_error *error)
{
    for (size_t n = 0; n < set->network_count; n++) {
        const struct model_network *network = &set->networks[n];
        const struct model_link *link = network->uplink_given ? plan_find_link(&found->objects, network->uplink) : NULL;

        if (link && link->owner.network[0] && strcmp(link->owner.set, set->name) != 0)
            return error_set(error, -EINVAL,
                             "%s:%u:%u: network %s: uplink %s is of network %s of set %s, not a way out; name an "
                             "interface of the host",
                             set->file ? set->file : "", network->uplink_place.line, network->uplink_place.column,
                             network->name, network->uplink, link->owner.network, link->owner.set);
    }
    return 0;
}
