/* SPDX-License-Identifier: MIT */
/* Links of the host's that are ports of our bridges, or are to be: what the host has by them. */
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/item.h"
#include "observe/links.h"

DEFINE_CLEANUP(struct netlink *, netlink_close)

struct look {
    struct arena *arena;
    struct model_item *items;
    size_t count, capacity;
    const char *device; /* whose items are read */
    const char *fault;  /* why not all of it can be moved; NULL */
};

static int read_item(const struct netlink_item *item, void *data)
{
    struct look *look = data;
    struct model_item *copy;
    uint8_t *bytes = arena_alloc(look->arena, item->len + 1);
    int result = array_reserve((void **)&look->items, &look->capacity, look->count, 1, sizeof(*look->items));

    if (!bytes || result < 0)
        return -ENOMEM;
    memcpy(bytes, item->bytes, item->len);
    copy = &look->items[look->count++];
    *copy = (struct model_item){
        .kind = (enum model_item_kind)item->kind,
        .learnt = netlink_item_is_learnt(item),
        .bytes = bytes,
        .len = item->len,
        .key_len = item->key_len,
        .valid = item->valid,
        .preferred = item->preferred,
    };
    memcpy(copy->device, look->device, sizeof(copy->device));
    if (!netlink_item_address(item, &copy->taken))
        netlink_item_default_gateway(item, &copy->taken);
    return 0;
}

_Static_assert((int)MODEL_ITEM_ADDRESS == NETLINK_ITEM_ADDRESS && (int)MODEL_ITEM_ROUTE == NETLINK_ITEM_ROUTE &&
                   (int)MODEL_ITEM_NEIGHBOUR == NETLINK_ITEM_NEIGHBOUR,
               "the model has netlink's values");

static const struct observe_link *find_foreign(const struct observe_found *found, const char *name)
{
    for (size_t i = 0; i < found->link_count; i++)
        if (strcmp(found->links[i].name, name) == 0)
            return &found->links[i];
    return NULL;
}

static const struct model_link *find_own_bridge(const struct observe_found *found, const char *name)
{
    for (size_t i = 0; i < found->objects.count; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_LINK &&
            found->objects.items[i].link.kind == MODEL_LINK_BRIDGE &&
            strcmp(found->objects.items[i].link.name, name) == 0)
            return &found->objects.items[i].link;
    return NULL;
}

static bool is_seen(const struct observe_found *found, const char *name)
{
    for (size_t i = 0; i < found->objects.count; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_UPLINK &&
            strcmp(found->objects.items[i].uplink.name, name) == 0)
            return true;
    return false;
}

static int read_items(struct look *look, const char *device, int index, struct netlink *netlink,
                      struct tapnet_error *error)
{
    const char *fault = NULL;
    int result;

    look->device = device;
    result = netlink_item_dump(netlink, index, device, read_item, look, &fault, error);
    look->fault = look->fault ? look->fault : fault;
    return result == -ENOMEM ? error_set(error, result, "out of memory")
           : result < 0      ? error_prefix(error, result, "%s", device)
                             : 0;
}

/* Takes the items of @look into the arena. */
static int add_object(struct observe_found *found, struct model_object *object, const struct look *look)
{
    struct model_item *items = arena_alloc(&found->objects.arena, (look->count + 1) * sizeof(*items));

    if (!items)
        return -ENOMEM;
    if (look->count)
        memcpy(items, look->items, look->count * sizeof(*items));
    object->uplink.items = items;
    object->uplink.item_count = look->count;
    object->uplink.fault = look->fault;
    return model_objects_add(&found->objects, object);
}

int observe_uplink(struct observe_found *found, const char *name, const char *bridge, struct tapnet_error *error)
{
    const struct observe_link *link = find_foreign(found, name);
    struct model_object object = {.kind = MODEL_OBJECT_UPLINK};
    struct look look = {.arena = &found->objects.arena};
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    const struct model_link *own;
    int result;

    if (!link || is_seen(found, name))
        return 0;
    own = find_own_bridge(found, link->master);
    if (own)
        memcpy(object.uplink.bridge, own->name, sizeof(object.uplink.bridge));
    else
        own = find_own_bridge(found, bridge);
    memcpy(object.uplink.name, link->name, sizeof(object.uplink.name));
    result = netlink_open(NETLINK_ROUTE, &netlink, error);
    if (result == 0)
        result = read_items(&look, link->name, link->index, netlink, error);
    if (result == 0 && own)
        result = read_items(&look, own->name, own->index, netlink, error);
    if (result == 0 && add_object(found, &object, &look) < 0)
        result = error_set(error, -ENOMEM, "out of memory");
    free(look.items);
    if (result == 0)
        model_objects_sort(&found->objects);
    return result;
}

/* The first one that is known by @found and was not looked at yet; NULL: none. */
static const struct model_network *find_network(const struct observe_found *found, size_t *next)
{
    while (*next < found->objects.count) {
        const struct model_object *object = &found->objects.items[(*next)++];

        if (object->kind == MODEL_OBJECT_SERVICE && object->service.network->mode == MODEL_MODE_BRIDGE &&
            object->service.network->uplink[0] && !is_seen(found, object->service.network->uplink))
            return object->service.network;
    }
    return NULL;
}

int observe_uplinks(struct observe_found *found, struct tapnet_error *error)
{
    const struct model_network *network;
    size_t next = 0;
    int result = 0;

    for (size_t i = 0; i < found->link_count && result == 0; i++) {
        const struct model_link *own = find_own_bridge(found, found->links[i].master);

        if (own && own->owner.mode == MODEL_MODE_BRIDGE)
            result = observe_uplink(found, found->links[i].name, own->name, error);
    }
    while (result == 0 && (network = find_network(found, &next))) {
        result = observe_uplink(found, network->uplink, network->bridge, error);
        if (result == 0 && is_seen(found, network->uplink)) /* else it is not there */
            next = 0;                                       /* they have been sorted anew */
    }
    return result;
}
