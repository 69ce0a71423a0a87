/* SPDX-License-Identifier: MIT */
/* Uplinks of mode bridge: what a plan must know of them, and which can't be one. */
#include "api/uplink.h"

#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/context.h"
#include "base/array.h"

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

static bool is_own_bridge(const struct observe_found *found, const char *name)
{
    for (size_t i = 0; i < found->objects.count; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_LINK &&
            found->objects.items[i].link.owner.mode == MODEL_MODE_BRIDGE &&
            strcmp(found->objects.items[i].link.name, name) == 0)
            return true;
    return false;
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
    if (link->master[0] && !is_own_bridge(found, link->master))
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
