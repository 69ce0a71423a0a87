/* SPDX-License-Identifier: MIT */
/* One pass over the host: links, addresses, routes, our tables, our ledgers. */
#include "observe/links.h"

#include <errno.h>
#include <limits.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "device/device.h"
#include "netlink/address.h"
#include "netlink/sysctl.h"
#include "nft/nft.h"
#include "nft/passage.h"

DEFINE_CLEANUP(struct observe_found *, observe_free)

void observe_free(struct observe_found *found)
{
    if (!found)
        return;
    model_objects_fini(&found->objects);
    free(found->links);
    free(found->taken);
    free(found->addresses);
    free(found);
}

int observe_take(struct observe_pass *pass, const struct ip_prefix *prefix)
{
    struct observe_found *found = pass->found;
    int result = array_reserve((void **)&found->taken, &pass->taken_capacity, found->taken_count, 1,
                               sizeof(*found->taken));

    if (result == 0)
        found->taken[found->taken_count++] = ip_prefix_network(prefix);
    return result;
}

/* ---- addresses ---- */

/* Of IPv6 the address alone: a route leads to its subnet where that is on the link. */
static int add_foreign_address(struct observe_pass *pass, const struct netlink_address *address)
{
    const struct ip_prefix alone = {address->prefix.address, 128};
    bool ip4 = alone.address.family == AF_INET;
    struct observe_found *found = pass->found;
    int result = array_reserve((void **)&found->addresses, &pass->address_capacity, found->address_count, 1,
                               sizeof(*found->addresses));

    if (result < 0)
        return result;
    found->addresses[found->address_count++] = (struct observe_address){address->prefix, address->index};
    return observe_take(pass, ip4 ? &address->prefix : &alone);
}

struct address_mark {
    struct observe_pass *pass;
    size_t object_count, taken_count; /* to go back to when the dump starts again */
    bool protocols_kept;              /* some address of the host says who made it: the kernel keeps that */
};

/* Does the kernel make a route for this address, in the table that is looked at? */
static bool has_route(const struct netlink_address *address)
{
    return address->peer.family || (address->prefix.address.family == AF_INET && address->prefix.length < 32);
}

/*
 * On a link of ours, what carries our protocol number is ours. An IPv4 address without any number is one that a person
 * added, and is left alone; on kernels that do not keep the number (before Linux 5.18) it may be ours, and counts as
 * ours. Which kernel it is shows only when all addresses have been read, so such an object is marked by its place,
 * that has no other use in what is found.
 */
static int read_address(const struct netlink_address *address, void *data)
{
    struct address_mark *mark = data;
    struct observe_pass *pass = mark->pass;
    const struct observe_index *link = observe_find_index(pass, address->index);
    bool ip4 = address->prefix.address.family == AF_INET;
    struct model_object object = {.kind = MODEL_OBJECT_ADDRESS};

    if (address->protocol != 0)
        mark->protocols_kept = true;
    if (!link)
        return 0;
    if (!link->ours || link->lan)
        return add_foreign_address(pass, address);
    if (address->protocol != MODEL_ROUTE_PROTOCOL && (address->protocol != 0 || !ip4))
        return 0;
    object.place.line = address->protocol == 0;
    memcpy(object.address.device, link->name, sizeof(object.address.device));
    object.address.prefix = address->prefix;
    object.address.peer = address->peer;
    object.address.unrouted = has_route(address) && link->up; /* until the route is met */
    return model_objects_add(&pass->found->objects, &object);
}

static int compare_objects(const void *a, const void *b)
{
    return model_object_compare(a, b);
}

static void sort_objects(struct model_objects *objects, size_t first)
{
    if (objects->count > first)
        qsort(objects->items + first, objects->count - first, sizeof(*objects->items), compare_objects);
}

/* Takes the marked objects out where the kernel keeps protocols, else the marks off. */
static void settle_addresses(const struct address_mark *mark)
{
    struct model_objects *objects = &mark->pass->found->objects;
    size_t kept = mark->object_count;

    for (size_t i = mark->object_count; i < objects->count; i++) {
        bool marked = objects->items[i].place.line != 0;

        if (marked && mark->protocols_kept)
            continue;
        objects->items[kept] = objects->items[i];
        objects->items[kept++].place.line = 0;
    }
    objects->count = kept;
}

static void restart_addresses(void *data)
{
    struct address_mark *mark = data;

    mark->protocols_kept = false;
    mark->pass->found->objects.count = mark->object_count;
    mark->pass->found->taken_count = mark->taken_count;
}

static void restart_foreign_addresses(void *data)
{
    ((struct address_mark *)data)->pass->found->address_count = 0;
    restart_addresses(data);
}

static int observe_addresses(struct netlink *netlink, struct observe_pass *pass)
{
    struct address_mark mark = {pass, pass->found->objects.count, pass->found->taken_count, false};
    int result = netlink_address_dump(netlink, read_address, restart_foreign_addresses, &mark, pass->error);

    if (result < 0)
        return result;
    settle_addresses(&mark);
    sort_objects(&pass->found->objects, mark.object_count);
    pass->first_address = mark.object_count;
    pass->end_address = pass->found->objects.count;
    return 0;
}

/* ---- routes: what is taken, and the way out ---- */

/* The first address on @device, or on what stands behind it, or the end of the addresses. */
static size_t find_address(const struct observe_pass *pass, const char *device)
{
    const struct model_objects *objects = &pass->found->objects;
    size_t low = pass->first_address, high = pass->end_address;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(objects->items[middle].address.device, device) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void observe_meet_route(const struct observe_pass *pass, const char *device, const struct netlink_route *route)
{
    const struct model_objects *objects = &pass->found->objects;

    if (route->type != RTN_UNICAST)
        return;
    for (size_t i = find_address(pass, device); i < pass->end_address; i++) {
        struct model_host_address *address = &objects->items[i].address;
        struct ip_prefix subnet;

        if (strcmp(address->device, device) != 0)
            return;
        subnet = address->peer.family ? (struct ip_prefix){address->peer, address->prefix.length}
                                      : ip_prefix_network(&address->prefix);
        if (ip_prefix_compare(&subnet, &route->destination) == 0)
            address->unrouted = false;
    }
}

/* A gateway stands for itself, too: in a part of its subnet that is given away it would be out of reach. */
static int add_foreign_route(struct observe_pass *pass, const struct netlink_route *route)
{
    const struct ip_prefix gateway = {route->gateway, 32};
    int result = route->destination.length ? observe_take(pass, &route->destination) : 0;

    return result < 0 || !route->gateway.family ? result : observe_take(pass, &gateway);
}

static int read_route(const struct netlink_route *route, void *data)
{
    struct observe_pass *pass = ((struct address_mark *)data)->pass;
    const struct observe_index *link = observe_find_index(pass, route->index);

    if (route->destination.length == 0) {
        if (link && !link->ours && route->type == RTN_UNICAST && route->metric < pass->best_metric) {
            pass->best_metric = route->metric;
            memcpy(pass->found->uplink, link->name, sizeof(pass->found->uplink));
        }
        if (link && link->lan && route->type == RTN_UNICAST)
            memcpy(pass->found->lan_uplink, link->name, sizeof(pass->found->lan_uplink));
        return add_foreign_route(pass, route);
    }
    if (!link || !link->ours || link->lan)
        return add_foreign_route(pass, route);
    observe_meet_route(pass, link->name, route);
    return 0;
}

static void restart_routes(void *data)
{
    struct observe_pass *pass = ((struct address_mark *)data)->pass;

    restart_addresses(data);
    pass->best_metric = UINT32_MAX;
    pass->found->uplink[0] = pass->found->lan_uplink[0] = '\0';
}

static int observe_routes(struct netlink *netlink, struct observe_pass *pass)
{
    struct address_mark mark = {pass, pass->found->objects.count, pass->found->taken_count, false};

    return netlink_route_dump(netlink, AF_INET, RT_TABLE_MAIN, read_route, restart_routes, &mark, pass->error);
}

/* ---- neighbours: those that we have set ---- */

static int read_neighbour(const struct netlink_neighbour *neighbour, void *data)
{
    struct observe_pass *pass = ((struct address_mark *)data)->pass;
    const struct observe_index *link = observe_find_index(pass, neighbour->index);
    struct model_object object = {.kind = MODEL_OBJECT_NEIGHBOUR};

    if (!link || neighbour->protocol != MODEL_ROUTE_PROTOCOL)
        return 0;
    if (!neighbour->proxy && (!link->ours || !(neighbour->state & NUD_PERMANENT)))
        return 0;
    memcpy(object.neighbour.device, link->name, sizeof(object.neighbour.device));
    object.neighbour.address = neighbour->address;
    object.neighbour.proxy = neighbour->proxy;
    object.neighbour.mac = neighbour->mac;
    return model_objects_add(&pass->found->objects, &object);
}

/* Leads a way to the guest of a port of ours: its address at the other end of the gateway's, or a route? */
static bool has_ways(const struct observe_pass *pass)
{
    const struct model_objects *objects = &pass->found->objects;

    for (size_t i = pass->first_address; i < objects->count; i++)
        if ((objects->items[i].kind == MODEL_OBJECT_ADDRESS && objects->items[i].address.peer.family) ||
            objects->items[i].kind == MODEL_OBJECT_ROUTE)
            return true;
    return false;
}

/*
 * Those that are no proxies are asked for only where there may be some: a host can have many neighbours. Of both
 * families: one of IPv6 may be left where its route has gone.
 */
static int observe_neighbours(struct netlink *netlink, struct observe_pass *pass)
{
    struct address_mark mark = {pass, pass->found->objects.count, pass->found->taken_count, false};
    int result = netlink_proxy_dump(netlink, AF_UNSPEC, read_neighbour, restart_addresses, &mark, pass->error);

    mark.object_count = pass->found->objects.count;
    if (result == 0 && has_ways(pass))
        result = netlink_neighbour_dump(netlink, AF_UNSPEC, read_neighbour, restart_addresses, &mark, pass->error);
    return result;
}

/* Wireless cards say so in sysfs; asked for the uplink alone. */
static void look_at_uplink(struct observe_found *found)
{
    for (size_t i = 0; i < found->link_count; i++) {
        char path[PATH_MAX];

        if (strcmp(found->links[i].name, found->uplink) != 0)
            continue;
        snprintf(path, sizeof(path), "/sys/class/net/%s/phy80211", found->uplink);
        found->links[i].wireless = access(path, F_OK) == 0;
        snprintf(path, sizeof(path), "/sys/class/net/%s/wireless", found->uplink); /* older drivers */
        found->links[i].wireless |= access(path, F_OK) == 0;
    }
}

/* ---- guards ---- */

#define LIST_ATTEMPTS 20
#define TABLES_ATTEMPTS 5

static int read_element(const struct guard_element *element, void *data)
{
    struct observe_pass *pass = ((struct address_mark *)data)->pass;
    struct model_object object = {.kind = MODEL_OBJECT_ELEMENT, .element = *element};

    object.element.label = arena_strdup(&pass->found->objects.arena, element->label ? element->label : "");
    if (!object.element.label)
        return -ENOMEM;
    return model_objects_add(&pass->found->objects, &object);
}

/* Sorts the objects from @first on; true when two of them are the same. */
static bool has_duplicates(struct model_objects *objects, size_t first)
{
    sort_objects(objects, first);
    for (size_t i = first + 1; i < objects->count; i++)
        if (model_object_compare(&objects->items[i - 1], &objects->items[i]) == 0)
            return true;
    return false;
}

/*
 * A set's hash table may be growing while it is listed, shortly after many elements were added: the kernel then shows
 * some elements twice and as many not at all, and no generation tells. So a list with duplicates is read again.
 */
static int observe_elements(struct netlink *netlink, struct address_mark *mark, enum guard_family family)
{
    struct observe_pass *pass = mark->pass;

    for (int attempt = 0; attempt < LIST_ATTEMPTS; attempt++) {
        int result;

        restart_addresses(mark);
        result = nft_elements_observe(netlink, family, read_element, restart_addresses, mark, pass->error);
        if (result < 0 || !has_duplicates(&pass->found->objects, mark->object_count))
            return result;
    }
    return error_set(pass->error, -EAGAIN, "the elements of nftables table %s can't be read whole: try again",
                     guard_tables[family].text);
}

static int observe_table(struct netlink *netlink, struct observe_pass *pass, enum guard_family family)
{
    struct model_object object = {.kind = MODEL_OBJECT_TABLE, .table = {.family = family}};
    struct address_mark mark = {pass, 0, pass->found->taken_count, false};
    enum nft_table_state state;
    int result = nft_table_observe(netlink, family, &state, pass->error);

    pass->found->foreign_table |= result == 0 && state == NFT_TABLE_FOREIGN;
    if (result < 0 || state == NFT_TABLE_ABSENT || state == NFT_TABLE_FOREIGN)
        return result;
    object.table.intact = state == NFT_TABLE_INTACT;
    result = model_objects_add(&pass->found->objects, &object);
    if (result < 0)
        return result;
    mark.object_count = pass->found->objects.count;
    return observe_elements(netlink, &mark, family);
}

static int read_passage(const struct guard_passage *passage, void *data)
{
    struct model_objects *objects = &((struct address_mark *)data)->pass->found->objects;
    struct model_object object = {.kind = MODEL_OBJECT_PASSAGE, .passage = *passage};

    object.passage.table = arena_strdup(&objects->arena, passage->table);
    object.passage.chain = arena_strdup(&objects->arena, passage->chain);
    object.passage.label = arena_strdup(&objects->arena, passage->label);
    if (!object.passage.table || !object.passage.chain || !object.passage.label)
        return -ENOMEM;
    return model_objects_add(objects, &object);
}

/* Several copies of one go and come as one. */
static int observe_passages(struct netlink *netlink, struct observe_pass *pass)
{
    struct model_objects *objects = &pass->found->objects;
    struct address_mark mark = {pass, objects->count, pass->found->taken_count, false};
    size_t kept = mark.object_count;
    int result = nft_passages_observe(netlink, read_passage, restart_addresses, &mark, pass->error);

    sort_objects(objects, mark.object_count);
    for (size_t i = kept; i < objects->count; i++)
        if (i == mark.object_count || model_object_compare(&objects->items[kept - 1], &objects->items[i]) != 0)
            objects->items[kept++] = objects->items[i];
    objects->count = kept;
    return result;
}

static int observe_tables(struct netlink *netlink, struct observe_pass *pass)
{
    int result = nft_generation(netlink, &pass->found->generation_before, pass->error);

    for (enum guard_family family = 0; family < GUARD_FAMILY_COUNT && result == 0; family++)
        result = observe_table(netlink, pass, family);
    if (result == 0)
        result = observe_passages(netlink, pass);
    return result < 0 ? result : nft_generation(netlink, &pass->found->generation_after, pass->error);
}

/*
 * Of one moment: a table that somebody deletes when it was seen, and before its elements were, would look as if it had
 * none. Where they never rest, what was seen last is taken; each table's elements are of one moment at least.
 */
static int observe_guards(struct observe_pass *pass)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct observe_found *found = pass->found;
    const size_t first = found->objects.count;
    int result = netlink_open(NETLINK_NETFILTER, &netlink, pass->error);

    for (int attempt = 0; result == 0 && attempt < TABLES_ATTEMPTS; attempt++) {
        found->objects.count = first;
        found->foreign_table = false;
        result = observe_tables(netlink, pass);
        if (found->generation_before == found->generation_after)
            break;
    }
    return result;
}

/* ---- all of it ---- */

static int observe_route_side(struct observe_pass *pass)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    int result = netlink_open(NETLINK_ROUTE, &netlink, pass->error);

    if (result == 0)
        result = observe_links(netlink, pass);
    if (result == 0)
        result = observe_addresses(netlink, pass);
    if (result == 0)
        result = observe_routes(netlink, pass);
    if (result == 0)
        result = observe_routes6(netlink, pass);
    if (result == 0)
        result = observe_neighbours(netlink, pass);
    return result;
}

/*
 * The guards before the links: of what the rules have learnt by themselves only that goes whose port is found unplugged
 * afterwards. The other way round it could be of a guest that was plugged in between.
 */
int observe_host(const char *run_dir, struct observe_found **ret, struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = calloc(1, sizeof(*found));
    struct observe_pass pass = {.found = found, .best_metric = UINT32_MAX, .error = error};
    char ip_forward[16];
    int result;

    if (!found)
        return error_set(error, -ENOMEM, "out of memory");
    result = observe_guards(&pass);
    if (result == 0)
        result = observe_route_side(&pass);
    free(pass.indices);
    device_features_close(pass.features);
    if (result == 0)
        result = observe_ledgers(run_dir, found, error);
    if (result == 0)
        result = observe_names(found);
    if (result == 0)
        result = observe_ip6(found, error);
    if (result == 0)
        result = observe_uplinks(found, error);
    if (result == -ENOMEM)
        return error_set(error, result, "out of memory");
    if (result < 0)
        return result;
    result = sysctl_read("net/ipv4/ip_forward", ip_forward, sizeof(ip_forward), error);
    if (result < 0 && result != -ENOENT) /* a kernel without IPv4 forwards none */
        return result;
    found->ip_forward = result == 0 && strcmp(ip_forward, "0") != 0;
    look_at_uplink(found);
    model_objects_sort(&found->objects);
    observe_recorded_settings(found);
    *ret = take_pointer(found);
    return 0;
}
