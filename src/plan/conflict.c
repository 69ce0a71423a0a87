/* SPDX-License-Identifier: MIT */
/* What stands in a plan's way: tables, devices and networks of the names that it wants, that are somebody else's. */
#include "plan/conflict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "plan/bridges.h"

const struct model_link *plan_find_link(const struct model_objects *objects, const char *name)
{
    static const enum model_link_kind kinds[] = {MODEL_LINK_TAP, MODEL_LINK_BRIDGE}; /* a TUN has a TAP's identity */

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct model_object key = {.kind = MODEL_OBJECT_LINK, .link = {.kind = kinds[i]}};
        const struct model_object *object;

        snprintf(key.link.name, sizeof(key.link.name), "%s", name);
        object = model_objects_find(objects, &key);
        if (object)
            return &object->link;
    }
    return NULL;
}

/* The key of the file that gives @link another name: what follows "choose another name". */
static const char *naming_key(const struct model_link *link)
{
    if (link->kind == MODEL_LINK_BRIDGE)
        return " with `bridge:`";
    return link->owner.network[0] ? " with `device:`" : ""; /* a single device is named by the key itself */
}

static int check_link(const struct model_link *wanted, const struct model_link *found, const char *set,
                      struct tapnet_error *error)
{
    if (!found || !found->owner.set[0] || strcmp(found->owner.set, set) == 0)
        return 0;
    return error_set(error, -EEXIST,
                     "the device %s belongs to set %s: take that down first (tapnet down %s) or choose another name%s",
                     found->name, found->owner.set, found->owner.set, naming_key(wanted));
}

/* Does another set hold a network of the name of @wanted's? */
static int check_network(const struct model_object *wanted, const struct plan_bridges *bridges, const char *set,
                         struct tapnet_error *error)
{
    const char *network = wanted->link.owner.network;
    const struct model_link *other = plan_bridges_find_others(bridges, network, set);

    if (!other)
        return 0;
    return error_set(
        error, -EEXIST,
        "network %s is already there, in set %s: a network's name is unique on a host; choose another name "
        "or `tapnet down %s`",
        network, other->owner.set, other->owner.set);
}

static int check_tables(const struct model_objects *wanted, const struct plan_host *host, struct tapnet_error *error)
{
    for (size_t i = 0; host->foreign_table && i < wanted->count; i++)
        if (wanted->items[i].kind == MODEL_OBJECT_TABLE)
            return error_set(error, -EEXIST,
                             "a nftables table named " GUARD_TABLE
                             " is already there and is not tapnet's: it is left alone; `nft list tables` shows it, "
                             "rename or delete it");
    return 0;
}

/* "FILE:LINE:COLUMN: " before what was said of @object, where its place is known. Returns @code. */
static int tell_place(const struct model_object *object, const char *file, int code, struct tapnet_error *error)
{
    if (!file || !object->place.line || code != -EEXIST)
        return code;
    return error_prefix(error, code, "%s:%u:%u", file, object->place.line, object->place.column);
}

/* The link that @object wants: its name must be free or ours. @found: the one of ours that has it, or NULL. */
static int check_name(const struct model_object *object, const struct model_link *found,
                      const struct plan_bridges *bridges, const char *set, const struct plan_host *host,
                      struct tapnet_error *error)
{
    bool is_bridge = object->link.kind == MODEL_LINK_BRIDGE;
    int result;

    if (host->is_foreign(host->data, object->link.name))
        return error_set(error, -EEXIST,
                         "a device named %s is already there and is not tapnet's: it is left alone; delete it, or "
                         "choose another name%s",
                         object->link.name, naming_key(&object->link));
    if (is_bridge) { /* told first: it is what the user named */
        result = check_network(object, bridges, set, error);
        if (result < 0)
            return result;
    }
    return check_link(&object->link, found, set, error);
}

/* The wanted links' names must be free or ours. @all is sorted. */
static int check_links(const struct model_objects *wanted, const struct model_objects *all, const char *set,
                       const struct plan_host *host, struct tapnet_error *error)
{
    struct plan_bridges bridges cleanup(plan_bridges_fini) = {0};
    int result = plan_bridges_init(&bridges, all);

    if (result < 0)
        return error_set(error, result, "out of memory");
    for (size_t w = 0; w < wanted->count; w++) {
        const struct model_object *object = &wanted->items[w];

        if (object->kind != MODEL_OBJECT_LINK)
            continue;
        result = check_name(object, plan_find_link(all, object->link.name), &bridges, set, host, error);
        if (result < 0)
            return tell_place(object, host->file, result, error);
    }
    return 0;
}

int plan_check_conflicts(const struct model_objects *wanted, const struct model_objects *all, const char *set,
                         const struct plan_host *host, struct tapnet_error *error)
{
    int result = check_tables(wanted, host, error);

    return result < 0 || !set ? result : check_links(wanted, all, set, host, error);
}
