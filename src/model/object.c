/* SPDX-License-Identifier: MIT */
/* Lists of objects; what makes two the same object, and what makes them equal. */
#include "model/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

void model_objects_fini(struct model_objects *objects)
{
    free(objects->items);
    arena_fini(&objects->arena);
    *objects = (struct model_objects){0};
}

int model_objects_add(struct model_objects *objects, const struct model_object *object)
{
    int result = array_reserve((void **)&objects->items, &objects->capacity, objects->count, 1, sizeof(*object));

    if (result < 0)
        return result;
    objects->items[objects->count++] = *object;
    return 0;
}

static int compare_objects(const void *a, const void *b)
{
    return model_object_compare(a, b);
}

void model_objects_sort(struct model_objects *objects)
{
    size_t i = 1;

    while (i < objects->count && model_object_compare(&objects->items[i - 1], &objects->items[i]) <= 0)
        i++;
    if (i < objects->count) /* most lists come out of sorted ones */
        qsort(objects->items, objects->count, sizeof(*objects->items), compare_objects);
}

void model_objects_unique(struct model_objects *objects)
{
    size_t kept = 0;

    for (size_t i = 0; i < objects->count; i++)
        if (kept == 0 || model_object_compare(&objects->items[kept - 1], &objects->items[i]) != 0)
            objects->items[kept++] = objects->items[i];
    objects->count = kept;
}

size_t model_objects_before(const struct model_objects *objects, const struct model_object *key)
{
    size_t low = 0, high = objects->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (model_object_compare(&objects->items[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct model_object *model_objects_find(const struct model_objects *objects, const struct model_object *key)
{
    size_t index = model_objects_before(objects, key);

    return index < objects->count && model_object_compare(&objects->items[index], key) == 0 ? &objects->items[index]
                                                                                            : NULL;
}

/* ---- identity ---- */

/* Bridges first: their ports need them. All others share their names: a TUN that becomes a TAP is replaced. */
static int compare_links(const struct model_link *a, const struct model_link *b)
{
    bool a_is_bridge = a->kind == MODEL_LINK_BRIDGE, b_is_bridge = b->kind == MODEL_LINK_BRIDGE;

    return a_is_bridge != b_is_bridge ? (a_is_bridge ? -1 : 1) : strcmp(a->name, b->name);
}

static int compare_addresses(const struct model_host_address *a, const struct model_host_address *b)
{
    int order = strcmp(a->device, b->device);

    if (order == 0)
        order = ip_prefix_compare(&a->prefix, &b->prefix);
    return order ? order : ip_address_compare(&a->peer, &b->peer);
}

static int compare_routes(const struct model_guest_route *a, const struct model_guest_route *b)
{
    int order = strcmp(a->device, b->device);

    return order ? order : ip_address_compare(&a->guest, &b->guest);
}

static int compare_neighbours(const struct model_neighbour *a, const struct model_neighbour *b)
{
    int order = strcmp(a->device, b->device);

    if (order == 0)
        order = ip_address_compare(&a->address, &b->address);
    return order ? order : (int)a->proxy - (int)b->proxy;
}

int model_object_compare(const struct model_object *a, const struct model_object *b)
{
    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    switch (a->kind) {
    case MODEL_OBJECT_TABLE:
        return (int)a->table.family - (int)b->table.family;
    case MODEL_OBJECT_ELEMENT:
        return guard_element_compare(&a->element, &b->element);
    case MODEL_OBJECT_LINK:
        return compare_links(&a->link, &b->link);
    case MODEL_OBJECT_ADDRESS:
        return compare_addresses(&a->address, &b->address);
    case MODEL_OBJECT_ROUTE:
        return compare_routes(&a->route, &b->route);
    case MODEL_OBJECT_NEIGHBOUR:
        return compare_neighbours(&a->neighbour, &b->neighbour);
    case MODEL_OBJECT_PASSAGE:
        return guard_passage_compare(&a->passage, &b->passage);
    case MODEL_OBJECT_UPLINK:
        return strcmp(a->uplink.name, b->uplink.name);
    case MODEL_OBJECT_SYSCTL:
        return strcmp(a->sysctl.path, b->sysctl.path);
    case MODEL_OBJECT_SERVICE:
        return strcmp(a->service.network->name, b->service.network->name);
    case MODEL_OBJECT_RECORD:
        return strcmp(a->record.set, b->record.set);
    }
    abort(); /* every kind stands above */
}

/* ---- sysctls ---- */

bool model_sysctl_device(const struct model_sysctl *sysctl, const char *family, const char *name,
                         char device[MODEL_IFNAME_MAX])
{
    char start[32];
    const char *begin, *end;

    snprintf(start, sizeof(start), "net/%s/conf/", family);
    if (strncmp(sysctl->path, start, strlen(start)) != 0)
        return false;
    begin = sysctl->path + strlen(start);
    end = strchr(begin, '/');
    if (!end || end == begin || end - begin >= MODEL_IFNAME_MAX || strcmp(end + 1, name) != 0)
        return false;
    memcpy(device, begin, (size_t)(end - begin));
    device[end - begin] = '\0';
    return true;
}

const struct model_conf6 model_conf6[] = {
    {"force_forwarding", "0", "1", GUARD_CLOSED6},
    {"accept_ra", "1", "2", GUARD_LEARNING6},
    {"forwarding", "0", "1", GUARD_ROUTERS6},
    {"proxy_ndp", "0", "1", GUARD_PROXIES6},
    {.name = NULL},
};

const struct model_conf6 *model_conf6_find(const struct model_sysctl *sysctl, char device[MODEL_IFNAME_MAX])
{
    for (const struct model_conf6 *conf = model_conf6; conf->name; conf++)
        if (model_sysctl_device(sysctl, "ipv6", conf->name, device))
            return strcmp(device, "all") == 0 ? NULL : conf;
    return NULL;
}

bool model_sysctl_secures(const struct model_sysctl *sysctl)
{
    char device[MODEL_IFNAME_MAX];

    return model_sysctl_device(sysctl, "ipv6", "accept_ra", device);
}

const char *model_sysctl_wanted(const struct model_sysctl *sysctl)
{
    return model_sysctl_secures(sysctl) ? "2" : "1";
}

const char *model_sysctl_restored(const struct model_sysctl *sysctl)
{
    return !sysctl->restore[0] && strncmp(sysctl->path, "net/ipv6/", 9) == 0 ? "0" : sysctl->restore;
}

/* ---- equality ---- */

static bool text_equal(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool owner_equal(const struct model_link *wanted, const struct model_link *found)
{
    const struct model_owner *a = &wanted->owner, *b = &found->owner;

    if (strcmp(a->set, b->set) != 0 || strcmp(a->network, b->network) != 0 || strcmp(a->port, b->port) != 0)
        return false;
    if (a->origin != b->origin || (wanted->kind == MODEL_LINK_BRIDGE && a->mode != b->mode))
        return false;
    return mac_equal(&a->guest_mac, &b->guest_mac);
}

bool model_link_type_equal(const struct model_link *wanted, const struct model_link *found)
{
    return !wanted->link_type || wanted->link_type == found->link_type;
}

/* The kernel tells a burst as the time in which that much passes, in 64ths of a microsecond or so. */
bool model_receive_equal(const struct model_link *wanted, const struct model_link *found)
{
    uint32_t more = wanted->receive_burst > found->receive_burst ? wanted->receive_burst : found->receive_burst;
    uint32_t less = wanted->receive_burst > found->receive_burst ? found->receive_burst : wanted->receive_burst;

    return wanted->receive == found->receive && (!wanted->receive || more - less <= more / 32);
}

bool model_link_is_gateway(const struct model_link *link)
{
    return link->kind == MODEL_LINK_BRIDGE || link->routed;
}

bool model_offloads_equal(const struct model_settings *wanted, const struct model_settings *found)
{
    return !wanted->offloads_given || !found->offloads_given || wanted->offloads == found->offloads;
}

uint32_t model_vnet_header_size(const struct model_settings *settings)
{
    return settings->vnet_header_size ? settings->vnet_header_size : MODEL_VNET_HEADER_SIZE;
}

static bool settings_equal(const struct model_settings *wanted, const struct model_settings *found)
{
    return model_offloads_equal(wanted, found) && model_vnet_header_size(wanted) == model_vnet_header_size(found);
}

static bool tun_equal(const struct model_link *wanted, const struct model_link *found)
{
    return wanted->user == found->user && wanted->group == found->group && wanted->multi_queue == found->multi_queue &&
           wanted->persistent == found->persistent && model_link_type_equal(wanted, found) &&
           (!wanted->queue_length || wanted->queue_length == found->queue_length) &&
           settings_equal(&wanted->settings, &found->settings);
}

static bool link_equal(const struct model_link *wanted, const struct model_link *found)
{
    if (strcmp(wanted->name, found->name) != 0 || wanted->kind != found->kind || !owner_equal(wanted, found))
        return false;
    if (wanted->kind != MODEL_LINK_TUN && !mac_equal(&wanted->mac, &found->mac))
        return false;
    if ((wanted->mtu && wanted->mtu != found->mtu) || wanted->up != found->up)
        return false;
    if (strcmp(wanted->master, found->master) != 0 || wanted->isolated != found->isolated ||
        wanted->routed != found->routed || found->altered)
        return false;
    if (wanted->routed6 != found->routed6 && (wanted->routed6 || wanted->was_found))
        return false;
    if (!model_receive_equal(wanted, found))
        return false;
    if (model_link_is_gateway(wanted) && wanted->route_localnet != found->route_localnet)
        return false;
    if (wanted->kind == MODEL_LINK_BRIDGE) /* one with the host's addresses forwards as the host does */
        return wanted->forwarding == found->forwarding || wanted->owner.mode == MODEL_MODE_BRIDGE;
    return tun_equal(wanted, found);
}

static bool service_equal(const struct model_service *wanted, const struct model_service *found)
{
    return wanted->running == found->running && wanted->named == found->named && text_equal(wanted->set, found->set) &&
           model_network_equal(wanted->network, found->network);
}

const char *model_object_device(const struct model_object *object)
{
    switch (object->kind) {
    case MODEL_OBJECT_LINK:
        return object->link.name;
    case MODEL_OBJECT_ADDRESS:
        return object->address.device;
    case MODEL_OBJECT_ROUTE:
        return object->route.device;
    case MODEL_OBJECT_NEIGHBOUR:
        return object->neighbour.device;
    default:
        return NULL;
    }
}

bool model_object_equal(const struct model_object *wanted, const struct model_object *found)
{
    if (wanted->kind != found->kind)
        return false;
    switch (wanted->kind) {
    case MODEL_OBJECT_TABLE:
        return wanted->table.family == found->table.family && found->table.intact;
    case MODEL_OBJECT_ELEMENT:
        return guard_element_equal(&wanted->element, &found->element);
    case MODEL_OBJECT_LINK:
        return link_equal(&wanted->link, &found->link);
    case MODEL_OBJECT_ADDRESS:
        return compare_addresses(&wanted->address, &found->address) == 0 && !found->address.unrouted;
    case MODEL_OBJECT_ROUTE:
        return compare_routes(&wanted->route, &found->route) == 0 &&
               ip_address_equal(&wanted->route.source, &found->route.source);
    case MODEL_OBJECT_NEIGHBOUR:
        return compare_neighbours(&wanted->neighbour, &found->neighbour) == 0 &&
               mac_equal(&wanted->neighbour.mac, &found->neighbour.mac);
    case MODEL_OBJECT_PASSAGE:
        return guard_passage_compare(&wanted->passage, &found->passage) == 0;
    case MODEL_OBJECT_UPLINK:
        return model_uplink_equal(&wanted->uplink, &found->uplink);
    case MODEL_OBJECT_SYSCTL:
        return strcmp(wanted->sysctl.path, found->sysctl.path) == 0 &&
               strcmp(wanted->sysctl.value, found->sysctl.value) == 0 &&
               text_equal(wanted->sysctl.users, found->sysctl.users) && !found->sysctl.lost;
    case MODEL_OBJECT_SERVICE:
        return service_equal(&wanted->service, &found->service);
    case MODEL_OBJECT_RECORD:
        return model_record_equal(&wanted->record, &found->record);
    }
    abort(); /* every kind stands above */
}

/* ---- text ---- */

static const char *const link_words[] = {
    [MODEL_LINK_BRIDGE] = "bridge", [MODEL_LINK_TAP] = "tap",    [MODEL_LINK_TUN] = "tun",
    [MODEL_LINK_VETH] = "veth",     [MODEL_LINK_OTHER] = "link",
};

static void print_unescaped(const struct model_object *object, char text[MODEL_OBJECT_TEXT_MAX])
{
    char element[GUARD_TEXT_MAX], prefix[IP_PREFIX_TEXT_MAX], peer[IP_TEXT_MAX];
    size_t size = MODEL_OBJECT_TEXT_MAX;

    switch (object->kind) {
    case MODEL_OBJECT_TABLE:
        snprintf(text, size, "table %s", guard_tables[object->table.family].text);
        return;
    case MODEL_OBJECT_ELEMENT:
        snprintf(text, size, "element %s { %s }", guard_schemas[object->element.set].name,
                 guard_element_print(&object->element, element));
        return;
    case MODEL_OBJECT_LINK:
        snprintf(text, size, "%s %s", link_words[object->link.kind], object->link.name);
        return;
    case MODEL_OBJECT_ADDRESS:
        snprintf(text, size, "address %s%s%s on %s", ip_prefix_print(&object->address.prefix, prefix),
                 object->address.peer.family ? " to " : "",
                 object->address.peer.family ? ip_address_print(&object->address.peer, peer) : "",
                 object->address.device);
        return;
    case MODEL_OBJECT_ROUTE:
        snprintf(text, size, "route to %s by %s", ip_address_print(&object->route.guest, peer), object->route.device);
        return;
    case MODEL_OBJECT_NEIGHBOUR:
        snprintf(text, size, "%s %s on %s", object->neighbour.proxy ? "proxy" : "neighbour",
                 ip_address_print(&object->neighbour.address, peer), object->neighbour.device);
        return;
    case MODEL_OBJECT_PASSAGE:
        guard_passage_print(&object->passage, text, size);
        return;
    case MODEL_OBJECT_UPLINK:
        snprintf(text, size, "uplink %s", object->uplink.name);
        return;
    case MODEL_OBJECT_SYSCTL:
        snprintf(text, size, "sysctl %s = %s", object->sysctl.path, object->sysctl.value);
        return;
    case MODEL_OBJECT_SERVICE:
        snprintf(text, size, "%s for network %s",
                 model_mode_leads_out(object->service.network->mode)    ? "DHCP and DNS"
                 : model_mode_has_subnet(object->service.network->mode) ? "DHCP"
                                                                        : "the ledger",
                 object->service.network->name);
        return;
    case MODEL_OBJECT_RECORD:
        snprintf(text, size, "record of set %s", object->record.set);
        return;
    }
    abort(); /* every kind stands above */
}

const char *model_object_print(const struct model_object *object, char text[MODEL_OBJECT_TEXT_MAX])
{
    print_unescaped(object, text);
    return text_make_printable(text);
}
