/* SPDX-License-Identifier: MIT */
/* Links: which are ours, and the names of those that are not. */
#include "observe/links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/text.h"
#include "device/device.h"
#include "netlink/shaper.h"

/*
 * A link is ours when its alias says so and it is of a kind that we make; or when it is of such a kind and in our
 * group: so a bridge looks between the request that made it and the one that labels it, and so does one whose alias
 * somebody wrote over.
 */
static bool is_ours(const struct netlink_link *link, struct model_owner *ret_owner)
{
    bool bridge = strcmp(link->kind, "bridge") == 0, veth = strcmp(link->kind, "veth") == 0;

    *ret_owner = (struct model_owner){.origin = MODEL_ORIGIN_DECLARED};
    if (!bridge && !veth && strcmp(link->kind, "tun") != 0)
        return false;
    if (model_alias_parse(link->alias, ret_owner) == 0) {
        /* A bridge that claims to be a port, or the other way round: somebody else wrote that. */
        if (bridge == (ret_owner->port[0] == '\0') && !(veth && !ret_owner->network[0]))
            return true;
        *ret_owner = (struct model_owner){.origin = MODEL_ORIGIN_DECLARED};
        return false;
    }
    return link->group == MODEL_LINK_GROUP;
}

bool observe_is_gone(const struct netlink_link *link)
{
    return link->group == MODEL_GONE_GROUP && strcmp(link->kind, "tun") == 0 &&
           text_begins_with(link->alias, MODEL_GONE_ALIAS);
}

/* Whoever holds it may change its MAC, also while it is down, and in a bridge he would take a neighbour's so. */
static bool goes_astray(const struct netlink_link *link)
{
    struct mac own;

    return link->master_index &&
           (mac_parse(link->alias + strlen(MODEL_GONE_ALIAS), &own) < 0 || !mac_equal(&own, &link->mac));
}

/* Is it set up as a port of a routed network (NETLINK_LINK_ROUTED)? */
static bool is_routed(const struct netlink_link *link)
{
    return strcmp(link->kind, "bridge") != 0 && !link->no_arp && link->ip4_forwarding == 1 && link->ip4_proxy_arp == 1;
}

/* Whose it is tells a port from a device that stands alone, whose ARP is its own affair. */
static bool has_arp(const struct netlink_link *link, const struct model_owner *owner)
{
    if (strcmp(link->kind, "bridge") == 0)
        return link->ip4_arp_ignore == 0 && owner->mode != MODEL_MODE_BRIDGE;
    return owner->network[0] && !link->no_arp && !is_routed(link);
}

static unsigned find_altered(const struct netlink_link *link, const struct model_owner *owner)
{
    return (link->group != MODEL_LINK_GROUP ? MODEL_ALTERED_GROUP : 0u) |
           (link->bridge_has_stp ? MODEL_ALTERED_STP : 0u) | (link->bridge_has_delay ? MODEL_ALTERED_DELAY : 0u) |
           (link->bridge_has_snooping ? MODEL_ALTERED_SNOOPING : 0u) |
           (link->bridge_has_group_exits ? MODEL_ALTERED_GROUPS : 0u) |
           (link->bridge_learns_all ? MODEL_ALTERED_LEARNING : 0u) | (link->port_has_flags ? MODEL_ALTERED_PORT : 0u) |
           (has_arp(link, owner) ? MODEL_ALTERED_ARP : 0u);
}

static enum model_link_kind link_kind(const struct netlink_link *link)
{
    if (strcmp(link->kind, "bridge") == 0)
        return MODEL_LINK_BRIDGE;
    if (strcmp(link->kind, "veth") == 0)
        return MODEL_LINK_VETH;
    return link->tun_is_tap ? MODEL_LINK_TAP : MODEL_LINK_TUN;
}

/* A device that stands alone. */
static bool is_device(const struct model_owner *owner)
{
    return owner->set[0] && !owner->network[0];
}

/*
 * The offloads that the next program finds. While somebody holds the device they are that one's affair, so they are not
 * asked for. A device that goes meanwhile has none, and a kernel that does not tell has none to compare.
 */
static int read_offloads(struct observe_pass *pass, struct model_link *link)
{
    unsigned offloads;
    int result = pass->features ? 0 : device_features_open(&pass->features, pass->error);

    if (result < 0)
        return result;
    result = device_features_get(pass->features, link->name, &offloads);
    if (result == -ENODEV || result == -EOPNOTSUPP)
        return 0;
    if (result < 0)
        return error_set_errno(pass->error, result, "cannot read the offloads of %s", link->name);
    link->settings.offloads_given = true;
    link->settings.offloads = offloads;
    return 0;
}

static int add_own(struct observe_pass *pass, const struct netlink_link *link, const struct model_owner *owner)
{
    struct model_object object = {.kind = MODEL_OBJECT_LINK};

    object.link = (struct model_link){
        .kind = link_kind(link),
        .owner = *owner,
        .mac = link->mac,
        .mtu = link->mtu,
        .user = link->tun_user,
        .group = link->tun_group,
        .multi_queue = link->tun_multi_queue,
        .persistent = link->tun_persistent,
        .up = link->up,
        .queue_length = link->queue_length,
        .link_type = link->type,
        .forwarding = link->ip4_forwarding == 1,
        .route_localnet = link->ip4_route_localnet == 1,
        .isolated = link->port_isolated,
        .routed = owner->network[0] && is_routed(link),
        .routed6 = link->ip6_forwarding == 1 && link->ip6_forces != 0,
        .was_found = true,
        .index = link->index,
        .altered = find_altered(link, owner),
        .disowned = !owner->set[0] && link->alias[0],
        .link_group = link->group,
        .carrier = link->carrier,
        .plugged = link->plugged,
        .carrier_losses = link->carrier_losses,
        .queues = link->tun_queues + link->tun_detached_queues,
    };
    memcpy(object.link.name, link->name, sizeof(object.link.name));
    pass->shaped |= link->shaped;
    if (object.link.kind == MODEL_LINK_BRIDGE) {
        object.link.user = object.link.group = MODEL_ID_NONE;
        object.link.persistent = object.link.multi_queue = object.link.routed6 = false;
        object.link.queue_length = object.link.link_type = 0;
    }
    if (object.link.kind == MODEL_LINK_VETH)
        object.link.user = object.link.group = MODEL_ID_NONE;
    if (is_device(owner) && !link->plugged) {
        int result = read_offloads(pass, &object.link);

        if (result < 0)
            return result;
    }
    return model_objects_add(&pass->found->objects, &object);
}

static int add_foreign(struct observe_pass *pass, const struct netlink_link *link)
{
    struct observe_found *found = pass->found;
    int result = array_reserve((void **)&found->links, &pass->link_capacity, found->link_count, 1,
                               sizeof(*found->links));
    struct observe_link *foreign;

    if (result < 0)
        return result;
    foreign = &found->links[found->link_count++];
    *foreign = (struct observe_link){
        .index = link->index,
        .lower_index = link->lower_index,
        .point_to_point = link->point_to_point,
        .bridge = strcmp(link->kind, "bridge") == 0,
        .mtu = link->mtu,
        .mac = link->mac,
        .type = link->type,
        .up = link->up,
        .xdp = link->xdp,
        .ip4_forwarding = link->ip4_forwarding,
        .ip6_forwarding = link->ip6_forwarding,
        .ip6_accept_ra = link->ip6_accept_ra,
        .ip6_proxy_ndp = link->ip6_proxy_ndp,
        .ip6_forces = link->ip6_forces,
    };
    memcpy(foreign->name, link->name, sizeof(foreign->name));
    snprintf(foreign->kind, sizeof(foreign->kind), "%s", link->kind);
    return 0;
}

static int read_link(const struct netlink_link *link, void *data)
{
    struct observe_pass *pass = data;
    struct observe_index *index;
    struct model_owner owner;
    bool ours;
    int result;

    if (observe_is_gone(link)) {
        pass->found->gone_count++;
        pass->found->gone_astray |= goes_astray(link);
        return 0;
    }
    ours = is_ours(link, &owner);
    result = array_reserve((void **)&pass->indices, &pass->index_capacity, pass->index_count, 1,
                           sizeof(*pass->indices));
    if (result < 0)
        return result;
    index = &pass->indices[pass->index_count++];
    *index = (struct observe_index){
        .index = link->index,
        .master_index = link->master_index,
        .ours = ours,
        .up = link->up,
        .object = pass->found->objects.count,
        .lan = ours && owner.mode == MODEL_MODE_BRIDGE && !owner.port[0] && owner.network[0],
    };
    memcpy(index->name, link->name, sizeof(index->name));
    return ours ? add_own(pass, link, &owner) : add_foreign(pass, link);
}

static void restart_links(void *data)
{
    struct observe_pass *pass = data;

    pass->index_count = 0;
    pass->shaped = false;
    pass->found->link_count = pass->found->gone_count = 0;
    pass->found->gone_astray = false;
    pass->found->objects.count = pass->first_link;
}

static int compare_index(const void *a, const void *b)
{
    int left = ((const struct observe_index *)a)->index, right = ((const struct observe_index *)b)->index;

    return (left > right) - (left < right);
}

static int compare_name(const void *a, const void *b)
{
    return strcmp(((const struct observe_link *)a)->name, ((const struct observe_link *)b)->name);
}

const struct observe_index *observe_find_index(const struct observe_pass *pass, int index)
{
    const struct observe_index key = {.index = index};

    if (!pass->index_count)
        return NULL;
    return bsearch(&key, pass->indices, pass->index_count, sizeof(key), compare_index);
}

static const struct observe_index *find_master(const struct observe_pass *pass, int index)
{
    const struct observe_index *own = observe_find_index(pass, index);

    return own && own->master_index ? observe_find_index(pass, own->master_index) : NULL;
}

/* The masters' names, now that all links are known. */
static void name_masters(struct observe_pass *pass)
{
    struct model_objects *objects = &pass->found->objects;

    for (size_t i = pass->first_link; i < objects->count; i++) {
        struct model_link *link = &objects->items[i].link;
        const struct observe_index *master = find_master(pass, link->index);

        if (master)
            memcpy(link->master, master->name, sizeof(link->master));
    }
    for (size_t i = 0; i < pass->found->link_count; i++) {
        const struct observe_index *master = find_master(pass, pass->found->links[i].index);

        if (master)
            memcpy(pass->found->links[i].master, master->name, sizeof(pass->found->links[i].master));
    }
}

static int read_shaper(const struct netlink_shaper *shaper, void *data)
{
    const struct observe_pass *pass = data;
    const struct observe_index *index = observe_find_index(pass, shaper->index);
    struct model_link *link;

    if (!index || !index->ours)
        return 0;
    link = &pass->found->objects.items[index->object].link;
    link->receive = shaper->rate;
    link->receive_burst = shaper->burst;
    return 0;
}

static void restart_shapers(void *data)
{
    const struct observe_pass *pass = data;
    struct model_objects *objects = &pass->found->objects;

    for (size_t i = pass->first_link; i < objects->count; i++)
        objects->items[i].link.receive = objects->items[i].link.receive_burst = 0;
}

int observe_links(struct netlink *netlink, struct observe_pass *pass)
{
    int result;

    pass->first_link = pass->found->objects.count;
    result = netlink_link_dump(netlink, read_link, restart_links, pass, pass->error);
    if (result < 0)
        return result;
    if (pass->index_count)
        qsort(pass->indices, pass->index_count, sizeof(*pass->indices), compare_index);
    if (pass->found->link_count)
        qsort(pass->found->links, pass->found->link_count, sizeof(*pass->found->links), compare_name);
    name_masters(pass);
    return !pass->shaped ? 0 : netlink_shaper_dump(netlink, read_shaper, restart_shapers, pass, pass->error);
}

int observe_bridge_index(const struct observe_found *found, const char *bridge)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_object *object = &found->objects.items[i];

        if (object->kind == MODEL_OBJECT_LINK && strcmp(object->link.name, bridge) == 0)
            return object->link.index;
    }
    return 0;
}
