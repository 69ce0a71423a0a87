/* SPDX-License-Identifier: MIT */
/* The programs that a network's file has run, one by one. */
#include <string.h>

#include "model/model.h"

void model_hooks_list(const struct model_hooks *hooks, struct model_hook ret[MODEL_HOOK_COUNT])
{
    ret[0] = (struct model_hook){"up", hooks->up, hooks->up_place};
    ret[1] = (struct model_hook){"down", hooks->down, hooks->down_place};
    ret[2] = (struct model_hook){"plugged", hooks->plugged, hooks->plugged_place};
    ret[3] = (struct model_hook){"unplugged", hooks->unplugged, hooks->unplugged_place};
}

bool model_hooks_equal(const struct model_hooks *a, const struct model_hooks *b)
{
    struct model_hook ours[MODEL_HOOK_COUNT], theirs[MODEL_HOOK_COUNT];

    model_hooks_list(a, ours);
    model_hooks_list(b, theirs);
    for (size_t i = 0; i < MODEL_HOOK_COUNT; i++) {
        const char *one = ours[i].program, *other = theirs[i].program;

        if (one != other && (!one || !other || strcmp(one, other) != 0))
            return false;
    }
    return true;
}

bool model_hooks_of_ports(const struct model_hooks *hooks)
{
    return hooks->plugged || hooks->unplugged;
}
