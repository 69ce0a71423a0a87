/* SPDX-License-Identifier: MIT */
/* Cuts the host down to what one set's plan is about, and merges what several sets share. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "plan/conflict.h"
#include "plan/ip6.h"
#include "plan/learned.h"
#include "plan/plan.h"
#include "plan/subnets.h"

/*
 * How it works: most objects belong to one set and are simply taken or left. Shared are the tables (wanted while
 * any set wants one), per uplink its forwarding sysctl with the "closed" element that goes with it (wanted while it has
 * users, and only as long as the host is no router by its own wish), and the service when it died.
 */

void plan_scope_fini(struct plan_scope *scope)
{
    model_objects_fini(&scope->wanted);
    model_objects_fini(&scope->found);
}

/* "set/network/port" to "set"; the label of a shared element has no "/". */
static const char *label_set(const char *label, char text[MODEL_NAME_MAX])
{
    const char *slash = label ? strchr(label, '/') : NULL;

    snprintf(text, MODEL_NAME_MAX, "%.*s", slash ? (int)(slash - label) : 0, label ? label : "");
    return text;
}

const char *plan_object_set(const struct model_object *object, char text[MODEL_NAME_MAX])
{
    text[0] = '\0';
    switch (object->kind) {
    case MODEL_OBJECT_ELEMENT:
        return label_set(object->element.label, text);
    case MODEL_OBJECT_PASSAGE:
        return label_set(object->passage.label, text);
    case MODEL_OBJECT_LINK:
        snprintf(text, MODEL_NAME_MAX, "%s", object->link.owner.set);
        return text;
    case MODEL_OBJECT_SERVICE:
        snprintf(text, MODEL_NAME_MAX, "%s", object->service.set ? object->service.set : "");
        return text;
    case MODEL_OBJECT_RECORD:
        snprintf(text, MODEL_NAME_MAX, "%s", object->record.set);
        return text;
    case MODEL_OBJECT_TABLE:
    case MODEL_OBJECT_ADDRESS:
    case MODEL_OBJECT_ROUTE:
    case MODEL_OBJECT_NEIGHBOUR:
    case MODEL_OBJECT_UPLINK:
    case MODEL_OBJECT_SYSCTL:
        break; /* shared, or told by their link */
    }
    return text;
}

static bool is_shared(const struct model_object *object)
{
    return object->kind == MODEL_OBJECT_TABLE || object->kind == MODEL_OBJECT_SYSCTL ||
           (object->kind == MODEL_OBJECT_ELEMENT && strcmp(object->element.label, "uplink") == 0);
}

static int copy_passage(struct model_objects *list, struct guard_passage *passage)
{
    passage->table = arena_strdup(&list->arena, passage->table);
    passage->chain = arena_strdup(&list->arena, passage->chain);
    passage->label = arena_strdup(&list->arena, passage->label);
    return passage->table && passage->chain && passage->label ? 0 : -ENOMEM;
}

/* Adds a copy whose strings live in @list's own arena. */
static int add_copy(struct model_objects *list, const struct model_object *object)
{
    struct model_object copy = *object;

    if (object->kind == MODEL_OBJECT_ELEMENT && object->element.label) {
        copy.element.label = arena_strdup(&list->arena, object->element.label);
        if (!copy.element.label)
            return -ENOMEM;
    }
    if (object->kind == MODEL_OBJECT_PASSAGE && copy_passage(list, &copy.passage) < 0)
        return -ENOMEM;
    if (object->kind == MODEL_OBJECT_SYSCTL && object->sysctl.users) {
        copy.sysctl.users = arena_strdup(&list->arena, object->sysctl.users);
        if (!copy.sysctl.users)
            return -ENOMEM;
    }
    return model_objects_add(list, &copy); /* a service's network and a record's devices stay where they are */
}

/* ---- what is the set's own ---- */

/* A proxy on a link that is not there: set when that comes back. Uplinks: see uplink.c. */
static bool is_out_of_reach(const struct model_object *object, const struct plan_host *host)
{
    return object->kind == MODEL_OBJECT_UPLINK || (object->kind == MODEL_OBJECT_NEIGHBOUR && object->neighbour.proxy &&
                                                   host->forwarding(host->data, object->neighbour.device) < 0);
}

static int add_wanted(struct model_objects *list, const struct model_objects *wanted, const struct plan_host *host)
{
    for (size_t i = 0; i < wanted->count; i++) {
        bool left_out = is_shared(&wanted->items[i]) || is_out_of_reach(&wanted->items[i], host);
        int result = left_out ? 0 : add_copy(list, &wanted->items[i]);

        if (result < 0)
            return result;
    }
    return 0;
}

/* An unlabelled link in our group is what a killed tapnet left: it concerns whoever wants its name, or everybody. */
static bool link_concerns(const struct model_link *link, const struct model_objects *wanted, const char *set)
{
    if (link->owner.set[0])
        return !set || strcmp(link->owner.set, set) == 0;
    return (!set && !link->disowned) || plan_find_link(wanted, link->name);
}

/* One that nobody's network has any more is everybody's. */
static bool proxy_concerns(const struct model_object *object, const struct model_objects *wanted,
                           const struct model_objects *all, const struct plan_subnets *subnets, const char *set)
{
    const char *device = set ? plan_subnets_find(subnets, &object->neighbour.address) : NULL;
    const struct model_link *link = device ? plan_find_link(all, device) : NULL;

    return !link || link_concerns(link, wanted, set);
}

static bool found_concerns(const struct model_object *object, const struct model_objects *wanted,
                           const struct model_objects *all, const struct plan_subnets *subnets, const char *set)
{
    const struct model_link *link;
    char owner[MODEL_NAME_MAX];

    if (object->kind == MODEL_OBJECT_UPLINK)
        return false; /* see uplink.c */
    if (object->kind == MODEL_OBJECT_LINK)
        return link_concerns(&object->link, wanted, set);
    if (object->kind == MODEL_OBJECT_ELEMENT && !object->element.label[0])
        return true; /* somebody put it into our table: nobody wants it there */
    if (object->kind == MODEL_OBJECT_NEIGHBOUR && object->neighbour.proxy)
        return proxy_concerns(object, wanted, all, subnets, set);
    if (object->kind == MODEL_OBJECT_ADDRESS || object->kind == MODEL_OBJECT_ROUTE ||
        object->kind == MODEL_OBJECT_NEIGHBOUR) {
        link = plan_find_link(all, model_object_device(object));
        return link && link_concerns(link, wanted, set);
    }
    return !set || strcmp(plan_object_set(object, owner), set) == 0;
}

/* What the set declares may have been learnt before. */
static bool is_wanted(const struct model_objects *wanted, const struct model_object *object)
{
    return model_objects_find(wanted, object) != NULL;
}

static int add_found(struct model_objects *list, const struct model_objects *wanted, const struct model_objects *all,
                     const char *set)
{
    struct plan_learned learned cleanup(plan_learned_fini);
    struct plan_subnets subnets cleanup(plan_subnets_fini) = {0};
    int result = plan_learned_init(&learned, wanted, all, set);

    if (result == 0)
        result = plan_subnets_init(&subnets, all);
    for (size_t i = 0; i < all->count && result == 0; i++) {
        const struct model_object *object = &all->items[i];

        if (object->kind == MODEL_OBJECT_ELEMENT && guard_element_is_learned(&object->element)) {
            if (is_wanted(wanted, object) || plan_learned_goes(&learned, &object->element, wanted, all, set))
                result = add_copy(list, object);
        } else if (!is_shared(object) && found_concerns(object, wanted, all, &subnets, set)) {
            result = add_copy(list, object);
        }
    }
    return result;
}

/* ---- what is shared ---- */

/* Which tables does anything of @all that is not a table, and not the set's own, need? Both, or all. */
static void others_need_tables(const struct model_objects *all, const char *set, bool needed[GUARD_FAMILY_COUNT])
{
    char owner[MODEL_NAME_MAX];

    for (size_t i = 0; set && i < all->count; i++) {
        const struct model_object *object = &all->items[i];

        if (object->kind != MODEL_OBJECT_ELEMENT || is_shared(object) || guard_element_is_learned(&object->element) ||
            strcmp(plan_object_set(object, owner), set) == 0)
            continue;
        needed[GUARD_INET] = needed[GUARD_BRIDGE] = true;
        needed[guard_schemas[object->element.set].family] = true;
    }
}

static int share_tables(struct plan_scope *scope, const struct model_objects *wanted, const struct model_objects *all,
                        const char *set)
{
    bool needed[GUARD_FAMILY_COUNT] = {false};
    int result = 0;

    others_need_tables(all, set, needed);
    for (size_t i = 0; i < wanted->count; i++)
        if (wanted->items[i].kind == MODEL_OBJECT_TABLE)
            needed[wanted->items[i].table.family] = true;
    for (size_t i = 0; i < all->count && result == 0; i++)
        if (all->items[i].kind == MODEL_OBJECT_TABLE)
            result = add_copy(&scope->found, &all->items[i]);
    for (enum guard_family family = 0; family < GUARD_FAMILY_COUNT && result == 0; family++) {
        struct model_object table = {.kind = MODEL_OBJECT_TABLE, .table = {.family = family, .intact = true}};

        if (needed[family])
            result = model_objects_add(&scope->wanted, &table);
    }
    return result;
}

/* The sorted users of a shared thing, without or with @set: "" when nobody is left. */
static char *share_users(struct arena *arena, const char *users, const char *set, bool wants)
{
    char text[4096] = "", copy[4096], *rest = copy, *user;
    bool placed = !wants;

    snprintf(copy, sizeof(copy), "%s", users);
    while ((user = strsep(&rest, " "))) {
        size_t length = strlen(text);

        if (!*user || !set || strcmp(user, set) == 0)
            continue;
        if (!placed && strcmp(set, user) < 0) {
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", length ? " " : "", set);
            placed = true;
        }
        if (length < sizeof(text))
            snprintf(text + length, sizeof(text) - length, "%s%s", length ? " " : "", user);
    }
    if (!placed && set) {
        size_t length = strlen(text);

        snprintf(text + length, sizeof(text) - length, "%s%s", length ? " " : "", set);
    }
    return arena_strdup(arena, text);
}

/* "net/ipv4/conf/eth0/forwarding" to "eth0"; false for any other sysctl. */
static bool forwarding_device(const struct model_sysctl *sysctl, char device[MODEL_IFNAME_MAX])
{
    return model_sysctl_device(sysctl, "ipv4", "forwarding", device);
}

/* Did we turn @device's forwarding on, although the ledger that said so is gone? Then it is closed for others. */
static bool was_turned_on(const struct model_objects *all, const char *device)
{
    const struct model_object closed = {.kind = MODEL_OBJECT_ELEMENT, .element = guard_closed(device, "uplink")};

    return model_objects_find(all, &closed) != NULL;
}

/* The sets whose networks go out by @device, as its ledger would name them. */
static const char *egress_users(struct arena *arena, const struct model_objects *all, const char *device)
{
    const char *users = "";
    char set[MODEL_NAME_MAX];

    for (size_t i = 0; i < all->count && users; i++)
        if (all->items[i].kind == MODEL_OBJECT_ELEMENT && all->items[i].element.set == GUARD_EGRESS &&
            strcmp(guard_read_ifname(&all->items[i].element, 1), device) == 0 && *plan_object_set(&all->items[i], set))
            users = share_users(arena, users, set, true);
    return users;
}

/* The forwarding of @device, which the ledger does not tell of (any more). Its users are NULL when memory is short. */
static struct model_object lost_sysctl(struct plan_scope *scope, const struct model_objects *all, const char *device)
{
    struct model_object object = {.kind = MODEL_OBJECT_SYSCTL, .sysctl = {.value = "1", .restore = "0"}};

    snprintf(object.sysctl.path, sizeof(object.sysctl.path), "net/ipv4/conf/%s/forwarding", device);
    object.sysctl.users = egress_users(&scope->wanted.arena, all, device);
    return object;
}

/*
 * Adds the sysctl with its merged users, and the element that closes its uplink for others. @own: the set wants it;
 * @found: what the ledger has of it, or NULL; @users without or with the set's.
 */
static int add_shared_sysctl(struct plan_scope *scope, const struct model_object *own, const struct model_object *found,
                             const char *users, const struct model_objects *all, const char *set,
                             const struct plan_host *host)
{
    struct model_object sysctl = found ? *found : *own;
    char device[MODEL_IFNAME_MAX] = "";
    struct model_object closed = {.kind = MODEL_OBJECT_ELEMENT};
    int result;

    sysctl.sysctl.lost = false;
    sysctl.sysctl.users = share_users(&scope->wanted.arena, users, set, own != NULL);
    if (!sysctl.sysctl.users)
        return -ENOMEM;
    if (!sysctl.sysctl.users[0])
        return 0;
    snprintf(sysctl.sysctl.value, sizeof(sysctl.sysctl.value), "%s", model_sysctl_wanted(&sysctl.sysctl));
    if (!forwarding_device(&sysctl.sysctl, device))
        return plan_ip6_want(scope, found, &sysctl, all, host);
    if (host->ip_forward)
        return 0;
    if (found && host->forwarding(host->data, device) < 0) /* its device is gone: set again when that comes back */
        memcpy(sysctl.sysctl.value, found->sysctl.value, sizeof(sysctl.sysctl.value));
    if (!found) {
        int current = host->forwarding(host->data, device);

        if (current != 0 && !was_turned_on(all, device))
            return 0; /* forwards already, or is not there to be told: nothing that we would turn on */
        snprintf(sysctl.sysctl.restore, sizeof(sysctl.sysctl.restore), "0");
    }
    result = model_objects_add(&scope->wanted, &sysctl);
    closed.element = guard_closed(device, "uplink");
    if (result == 0)
        result = model_objects_add(&scope->wanted, &closed);
    if (result < 0 || !host->is_bridge(host->data, device))
        return result;
    closed.element = guard_bridged(device, "uplink");
    return model_objects_add(&scope->wanted, &closed);
}

/* Takes over what is found. Of a host that became a router by its own wish nothing is turned off any more. */
static int add_found_shared(struct plan_scope *scope, const struct model_object *object, const struct plan_host *host)
{
    struct model_object copy = *object;
    char device[MODEL_IFNAME_MAX];

    if (copy.kind == MODEL_OBJECT_SYSCTL && host->ip_forward && forwarding_device(&copy.sysctl, device))
        copy.sysctl.restore[0] = '\0';
    return add_copy(&scope->found, &copy);
}

/* A sysctl that the set wants and no ledger tells of. */
static int share_new_sysctl(struct plan_scope *scope, const struct model_object *own, const struct model_objects *all,
                            const char *set, const struct plan_host *host)
{
    char device[MODEL_IFNAME_MAX];
    const char *users = forwarding_device(&own->sysctl, device) ? egress_users(&scope->wanted.arena, all, device) : "";

    return users ? add_shared_sysctl(scope, own, NULL, users, all, set, host) : -ENOMEM;
}

/*
 * An uplink that is closed for others, and no ledger tells that we turned its forwarding on. While another set goes out
 * by it, the ledger is written anew, as that set's; else it is turned off, as if the ledger had told.
 */
static int share_lost_sysctl(struct plan_scope *scope, const struct model_object *closed,
                             const struct model_objects *wanted, const struct model_objects *all, const char *set,
                             const struct plan_host *host)
{
    const char *device = guard_read_ifname(&closed->element, 0), *users;
    struct model_object lost = lost_sysctl(scope, all, device);

    if (model_objects_find(all, &lost) || model_objects_find(wanted, &lost) ||
        host->forwarding(host->data, device) != 1)
        return 0;
    users = lost.sysctl.users ? share_users(&scope->wanted.arena, lost.sysctl.users, set, false) : NULL;
    if (!users)
        return -ENOMEM;
    lost.sysctl.users = users;
    return users[0] ? add_shared_sysctl(scope, NULL, &lost, users, all, set, host)
                    : add_found_shared(scope, &lost, host);
}

static int share_sysctls(struct plan_scope *scope, const struct model_objects *wanted, const struct model_objects *all,
                         const char *set, const struct plan_host *host)
{
    int result = 0;

    for (size_t i = 0; i < all->count && result == 0; i++) {
        const struct model_object *object = &all->items[i];

        if (object->kind == MODEL_OBJECT_SYSCTL)
            result = add_shared_sysctl(scope, model_objects_find(wanted, object), object, object->sysctl.users, all,
                                       set, host);
        if (result == 0 && is_shared(object) && object->kind != MODEL_OBJECT_TABLE)
            result = add_found_shared(scope, object, host);
        if (result == 0 && object->kind == MODEL_OBJECT_ELEMENT && object->element.set == GUARD_CLOSED)
            result = share_lost_sysctl(scope, object, wanted, all, set, host);
    }
    for (size_t i = 0; i < wanted->count && result == 0; i++) {
        const struct model_object *object = &wanted->items[i];

        if (object->kind == MODEL_OBJECT_SYSCTL && !model_objects_find(all, object))
            result = share_new_sysctl(scope, object, all, set, host);
    }
    return result;
}

/* Has the bridge of @network its address, be it with somebody at the other end? */
static bool has_gateway(const struct model_objects *all, const struct model_network *network)
{
    struct model_object key = {.kind = MODEL_OBJECT_ADDRESS, .address = {.prefix = network->subnet}};
    const struct model_host_address *found;
    size_t index;

    memcpy(key.address.device, network->bridge, sizeof(key.address.device));
    index = model_objects_before(all, &key); /* with nobody at the other end it would be the first of this prefix */
    if (index == all->count || all->items[index].kind != MODEL_OBJECT_ADDRESS)
        return false;
    found = &all->items[index].address;
    return strcmp(found->device, network->bridge) == 0 && ip_prefix_compare(&found->prefix, &network->subnet) == 0;
}

/* Has the network its bridge, and the bridge its address: can it be served at all? */
static bool can_be_served(const struct model_objects *all, const struct model_network *network)
{
    return plan_find_link(all, network->bridge) && (!model_mode_leads_out(network->mode) || has_gateway(all, network));
}

/*
 * The service is one for all sets: when it died, whoever starts it again has it serve the networks of others too, where
 * these are whole enough.
 */
static int share_services(struct plan_scope *scope, const struct model_objects *wanted, const struct model_objects *all,
                          const char *set)
{
    int result = 0;

    for (size_t i = 0; set && wanted->count && i < all->count && result == 0; i++) {
        struct model_object service = all->items[i];

        if (service.kind != MODEL_OBJECT_SERVICE || strcmp(service.service.set, set) == 0 || service.service.running ||
            !can_be_served(all, service.service.network))
            continue;
        result = model_objects_add(&scope->found, &service);
        service.service.running = true;
        if (result == 0)
            result = model_objects_add(&scope->wanted, &service);
    }
    return result;
}

/* What is served is told to the host's own resolver, where there is one. */
static void name_services(struct plan_scope *scope, const struct plan_host *host)
{
    for (size_t i = 0; i < scope->wanted.count; i++) {
        struct model_object *object = &scope->wanted.items[i];

        if (object->kind == MODEL_OBJECT_SERVICE)
            object->service.named = host->resolver && model_network_names_itself(object->service.network);
    }
}

int plan_scope_make(const struct model_objects *wanted, const struct model_objects *all, const char *set,
                    const struct plan_host *host, struct plan_scope *ret, struct tapnet_error *error)
{
    struct plan_scope scope = {0};
    int result = plan_check_conflicts(wanted, all, set, host, error);

    if (result < 0)
        return result;
    result = add_wanted(&scope.wanted, wanted, host);
    if (result == 0)
        result = add_found(&scope.found, wanted, all, set);
    if (result == 0)
        result = share_tables(&scope, wanted, all, set);
    if (result == 0)
        result = share_sysctls(&scope, wanted, all, set, host);
    if (result == 0)
        result = share_services(&scope, wanted, all, set);
    result = result < 0 ? error_set(error, result, "out of memory")
                        : plan_scope_uplinks(&scope, wanted, all, set, host, error);
    if (result < 0) {
        plan_scope_fini(&scope);
        return result;
    }
    name_services(&scope, host);
    model_objects_sort(&scope.wanted);
    model_objects_unique(&scope.wanted); /* two sysctls may want one bridge closed */
    model_objects_sort(&scope.found);
    *ret = scope;
    return 0;
}
