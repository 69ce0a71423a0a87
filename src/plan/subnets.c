/* SPDX-License-Identifier: MIT */
/* The subnets of ours that are on the host, picked once from all objects: each proxy is looked up in them. */
#include "plan/subnets.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

int plan_subnets_init(struct plan_subnets *subnets, const struct model_objects *all)
{
    *subnets = (struct plan_subnets){0};
    for (size_t i = 0; i < all->count; i++) {
        const struct model_host_address *address = &all->items[i].address;

        if (all->items[i].kind != MODEL_OBJECT_ADDRESS || address->peer.family ||
            ip_prefix_overlaps(&address->prefix, &model_router6))
            continue; /* one with a peer leads to that one alone, and a link's own nowhere else */
        if (array_reserve((void **)&subnets->items, &subnets->capacity, subnets->count, 1, sizeof(*subnets->items)) <
            0) {
            plan_subnets_fini(subnets);
            return -ENOMEM;
        }
        subnets->items[subnets->count++] = address;
    }
    return 0;
}

void plan_subnets_fini(struct plan_subnets *subnets)
{
    free(subnets->items);
    *subnets = (struct plan_subnets){0};
}

const char *plan_subnets_find(const struct plan_subnets *subnets, const struct ip_address *address)
{
    for (size_t i = 0; i < subnets->count; i++)
        if (ip_prefix_contains(&subnets->items[i]->prefix, address))
            return subnets->items[i]->device;
    return NULL;
}
