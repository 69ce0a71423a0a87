/* SPDX-License-Identifier: MIT */
/* Objects of every kind, at random. */
#include "random_object.h"

static struct model_owner random_owner(struct random *random, enum model_link_kind kind)
{
    struct model_owner owner = {.origin = (enum model_origin)random_below(random, 3)};

    random_name(random, owner.set);
    if (kind == MODEL_LINK_TUN) {
        random_ifname(random, owner.port);
        return owner;
    }
    random_name(random, owner.network);
    if (kind == MODEL_LINK_BRIDGE) {
        owner.mode = (enum model_mode)random_below(random, 2);
        return owner;
    }
    random_name(random, owner.port);
    owner.guest_mac = random_mac(random);
    return owner;
}

static void random_settings(struct random *random, struct model_settings *ret)
{
    *ret = (struct model_settings){.offloads_given = random_chance(random, 50)};
    for (const struct model_word *word = model_offload_words; ret->offloads_given && word->word; word++)
        ret->offloads |= random_chance(random, 50) ? word->value : 0;
    ret->vnet_header_size = random_chance(random, 50) ? random_below(random, 4097) : 0;
}

static void random_link(struct random *random, struct model_link *ret)
{
    *ret = (struct model_link){.kind = (enum model_link_kind)random_below(random, 4)};
    random_found_name(random, ret->name);
    if (random_chance(random, 80) && ret->kind != MODEL_LINK_OTHER)
        ret->owner = random_owner(random, ret->kind);
    ret->mac = random_mac(random);
    ret->mtu = random_below(random, UINT32_MAX);
    if (random_chance(random, 50))
        random_found_name(random, ret->master);
    ret->user = random_chance(random, 50) ? MODEL_ID_NONE : random_below(random, UINT32_MAX);
    ret->group = random_chance(random, 50) ? MODEL_ID_NONE : random_below(random, UINT32_MAX);
    ret->multi_queue = random_chance(random, 50);
    ret->persistent = random_chance(random, 50);
    ret->up = random_chance(random, 50);
    ret->forwarding = random_chance(random, 50);
    ret->routed = random_chance(random, 50);
    ret->routed6 = random_chance(random, 50);
    ret->route_localnet = random_chance(random, 50);
    ret->queue_length = random_chance(random, 50) ? random_below(random, UINT32_MAX) : 0;
    ret->link_type = random_chance(random, 50) ? random_below(random, UINT16_MAX) : 0;
    ret->receive = random_chance(random, 50) ? random_below(random, UINT32_MAX) * 3ull : 0;
    random_settings(random, &ret->settings);
}

static void random_sysctl(struct random *random, struct arena *arena, struct model_sysctl *ret)
{
    char name[MODEL_IFNAME_MAX];

    *ret = (struct model_sysctl){.users = ""};
    random_ifname(random, name);
    snprintf(ret->path, sizeof(ret->path), "net/ipv4/conf/%s/forwarding", name);
    snprintf(ret->value, sizeof(ret->value), "%u", random_below(random, 3));
    if (random_chance(random, 50))
        snprintf(ret->restore, sizeof(ret->restore), "%u", random_below(random, UINT32_MAX));
    if (random_chance(random, 80))
        ret->users = arena_printf(arena, "a b%u", random_below(random, 100));
}

static void random_device(struct random *random, struct model_device *ret)
{
    *ret = (struct model_device){.kind = (enum model_device_kind)random_below(random, 2)};
    random_ifname(random, ret->name);
    ret->address_count = random_below(random, MODEL_LIST_MAX + 1);
    for (size_t i = 0; i < ret->address_count; i++)
        ret->addresses[i] = (struct ip_prefix){random_address(random), (uint8_t)random_below(random, 33)};
    ret->user = random_chance(random, 50) ? MODEL_ID_NONE : random_below(random, UINT32_MAX);
    ret->group = random_chance(random, 50) ? MODEL_ID_NONE : random_below(random, UINT32_MAX);
    ret->mtu = random_below(random, MODEL_MTU_MAX + 1);
    if (ret->kind == MODEL_DEVICE_TAP)
        ret->mac = random_mac(random);
    ret->multi_queue = random_chance(random, 50);
    ret->up = random_chance(random, 50);
    ret->queue_length = random_chance(random, 50) ? random_below(random, UINT32_MAX) : 0;
    ret->link_type = random_chance(random, 50) ? random_below(random, UINT16_MAX) : 0;
    random_settings(random, &ret->settings);
}

/* A path has any byte but NUL in it. */
static void random_record(struct random *random, struct arena *arena, struct model_record *ret)
{
    struct model_device *devices = arena_alloc(arena, 3 * sizeof(*devices));
    char *path = arena_alloc(arena, 40);

    assert_true(devices && path);
    path[0] = '/';
    for (size_t i = 1; i < 39; i++)
        path[i] = (char)(1 + random_below(random, 255));
    *ret = (struct model_record){.set = "lab", .path = random_chance(random, 80) ? path : "", .devices = devices};
    ret->device_count = random_below(random, 4);
    for (size_t i = 0; i < ret->device_count; i++)
        random_device(random, &devices[i]);
}

static void random_uplink(struct random *random, struct arena *arena, struct model_uplink *ret)
{
    struct model_item *items = arena_alloc(arena, 4 * sizeof(*items));

    assert_non_null(items);
    *ret = (struct model_uplink){.items = items, .item_count = random_below(random, 5)};
    random_found_name(random, ret->name);
    if (random_chance(random, 50))
        random_found_name(random, ret->bridge);
    for (size_t i = 0; i < ret->item_count; i++) {
        size_t len = 1 + random_below(random, 100);
        uint8_t *bytes = arena_alloc(arena, len + 1);

        assert_non_null(bytes);
        for (size_t j = 0; j < len; j++)
            bytes[j] = (uint8_t)random_below(random, 256);
        items[i] = (struct model_item){.kind = (enum model_item_kind)random_below(random, 3),
                                       .learnt = random_chance(random, 20),
                                       .bytes = bytes,
                                       .len = len,
                                       .key_len = random_chance(random, 50) ? len : random_below(random, (uint32_t)len),
                                       .valid = random_chance(random, 50) ? UINT32_MAX : random_below(random, 9999),
                                       .preferred = random_chance(random, 50) ? UINT32_MAX : 0};
        random_found_name(random, items[i].device);
    }
}

struct model_object random_object(struct random *random, struct arena *arena)
{
    struct model_object object = {.kind = (enum model_object_kind)random_below(random, MODEL_OBJECT_RECORD + 1)};
    struct model_network *network;

    switch (object.kind) {
    case MODEL_OBJECT_TABLE:
        object.table.family = (enum guard_family)random_below(random, GUARD_FAMILY_COUNT);
        object.table.intact = random_chance(random, 50);
        break;
    case MODEL_OBJECT_ELEMENT:
        object.element = random_element(random, arena);
        break;
    case MODEL_OBJECT_LINK:
        random_link(random, &object.link);
        break;
    case MODEL_OBJECT_ADDRESS:
        random_found_name(random, object.address.device);
        object.address.prefix.address = random_address(random);
        object.address.prefix.length = (uint8_t)random_below(random, 33);
        if (random_chance(random, 50))
            object.address.peer = random_address(random);
        break;
    case MODEL_OBJECT_ROUTE:
        random_found_name(random, object.route.device);
        object.route.guest = random_address(random);
        if (random_chance(random, 50))
            object.route.source = random_address(random);
        break;
    case MODEL_OBJECT_NEIGHBOUR:
        random_found_name(random, object.neighbour.device);
        object.neighbour.address = random_address(random);
        object.neighbour.proxy = random_chance(random, 50);
        object.neighbour.mac = random_mac(random);
        break;
    case MODEL_OBJECT_PASSAGE:
        object.passage = random_passage(random);
        break;
    case MODEL_OBJECT_UPLINK:
        random_uplink(random, arena, &object.uplink);
        break;
    case MODEL_OBJECT_SYSCTL:
        random_sysctl(random, arena, &object.sysctl);
        break;
    case MODEL_OBJECT_SERVICE:
        network = arena_alloc(arena, sizeof(*network));
        assert_non_null(network);
        random_network(random, arena, network);
        object.service = (struct model_service){network, "lab", random_chance(random, 50)};
        break;
    case MODEL_OBJECT_RECORD:
        random_record(random, arena, &object.record);
        break;
    }
    return object;
}
