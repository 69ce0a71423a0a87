/* SPDX-License-Identifier: MIT */
/* The bridges of ours that are on the host, picked once from all objects: each network is looked up in them. */
#include "plan/bridges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static int compare(const void *left, const void *right)
{
    const struct model_owner *a = &(*(const struct model_link *const *)left)->owner;
    const struct model_owner *b = &(*(const struct model_link *const *)right)->owner;
    int order = strcmp(a->network, b->network);

    return order ? order : strcmp(a->set, b->set);
}

int plan_bridges_init(struct plan_bridges *bridges, const struct model_objects *all)
{
    *bridges = (struct plan_bridges){0};
    for (size_t i = 0; i < all->count; i++) {
        const struct model_link *link = &all->items[i].link;

        if (all->items[i].kind != MODEL_OBJECT_LINK || link->kind != MODEL_LINK_BRIDGE || !link->owner.set[0])
            continue;
        if (array_reserve((void **)&bridges->items, &bridges->capacity, bridges->count, 1, sizeof(*bridges->items)) <
            0) {
            plan_bridges_fini(bridges);
            return -ENOMEM;
        }
        bridges->items[bridges->count++] = link;
    }
    if (bridges->count)
        qsort(bridges->items, bridges->count, sizeof(*bridges->items), compare);
    return 0;
}

void plan_bridges_fini(struct plan_bridges *bridges)
{
    free(bridges->items);
    *bridges = (struct plan_bridges){0};
}

/* The index of the first whose network is not before @network. */
static size_t first_of(const struct plan_bridges *bridges, const char *network)
{
    size_t low = 0, high = bridges->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(bridges->items[middle]->owner.network, network) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of the bridges of networks of this name, the first that is @set's, or is not. */
static const struct model_link *find(const struct plan_bridges *bridges, const char *network, const char *set, bool own)
{
    for (size_t i = first_of(bridges, network);
         i < bridges->count && strcmp(bridges->items[i]->owner.network, network) == 0; i++)
        if ((strcmp(bridges->items[i]->owner.set, set) == 0) == own)
            return bridges->items[i];
    return NULL;
}

const struct model_link *plan_bridges_find(const struct plan_bridges *bridges, const char *network, const char *set)
{
    return find(bridges, network, set, true);
}

const struct model_link *plan_bridges_find_others(const struct plan_bridges *bridges, const char *network,
                                                  const char *set)
{
    return find(bridges, network, set, false);
}
