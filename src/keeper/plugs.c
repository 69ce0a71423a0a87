/* SPDX-License-Identifier: MIT */
/* Which ports somebody let go of since the last look, though they are held again by now. */
#include "keeper/plugs.h"

#include <stdlib.h>

void plugs_fini(struct plugs *plugs)
{
    free(plugs->items);
    *plugs = (struct plugs){0};
}

static int compare(const void *a, const void *b)
{
    int left = ((const struct plug *)a)->index, right = ((const struct plug *)b)->index;

    return (left > right) - (left < right);
}

static bool is_port(const struct model_object *object)
{
    return object->kind == MODEL_OBJECT_LINK && object->link.kind == MODEL_LINK_TAP && object->link.owner.network[0];
}

void plugs_notice(const struct plugs *plugs, struct observe_found *found)
{
    for (size_t i = 0; plugs->count && i < found->objects.count; i++) {
        struct model_link *link = &found->objects.items[i].link;
        const struct plug key = {.index = link->index};
        const struct plug *known;

        if (!is_port(&found->objects.items[i]))
            continue;
        known = bsearch(&key, plugs->items, plugs->count, sizeof(key), compare);
        if (known && known->carrier_losses != link->carrier_losses)
            link->plugged = false;
    }
}

void plugs_learn(struct plugs *plugs, const struct observe_found *found)
{
    struct plug *items = calloc(found->objects.count + 1, sizeof(*items));
    size_t count = 0;

    plugs_fini(plugs);
    for (size_t i = 0; items && i < found->objects.count; i++) {
        const struct model_link *link = &found->objects.items[i].link;

        if (is_port(&found->objects.items[i]))
            items[count++] = (struct plug){link->index, link->carrier_losses};
    }
    if (count)
        qsort(items, count, sizeof(*items), compare);
    plugs->items = items;
    plugs->count = count;
}

bool plugs_any_down(const struct observe_found *found)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_link *link = &found->objects.items[i].link;

        if (found->objects.items[i].kind == MODEL_OBJECT_LINK && link->kind != MODEL_LINK_BRIDGE && link->plugged &&
            !link->up)
            return true;
    }
    return false;
}
