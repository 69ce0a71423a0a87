/* SPDX-License-Identifier: MIT */
/* Where the packet filters of others name a link of the host. */
#include "explain/naming.h"

#include <errno.h>

#include "base/cleanup.h"
#include "explain/host.h"
#include "rules/naming.h"

/* Names in it are somebody else's. *ret stays when memory is short. */
static int note(const char *text, struct arena *arena, const char **ret, struct tapnet_error *error)
{
    char *copy = arena_strdup(arena, text);

    if (!copy)
        return error_set(error, -ENOMEM, "out of memory");
    *ret = explain_clean(copy);
    return 0;
}

int explain_naming(const char *name, int index, struct arena *arena, struct explain_naming *ret,
                   struct tapnet_error *error)
{
    struct rules_ruleset ruleset cleanup(rules_fini) = {0};
    struct explain_naming naming = {NULL, NULL};
    int result = explain_read_rules(&ruleset, error);

    for (size_t i = 0; i < ruleset.chain_count && result == 0; i++) {
        struct rules_answer place = {.chain = &ruleset.chains[i]};

        if (explain_is_ours(place.chain))
            continue;
        if (!naming.chain && rules_stands_at(place.chain, name))
            result = note(explain_chain(&ruleset, place.chain, arena), arena, &naming.chain, error);
        place.rule = result == 0 && !naming.rule ? rules_find_naming(&ruleset, place.chain, name, (uint32_t)index)
                                                 : NULL;
        if (place.rule)
            result = note(explain_place(&ruleset, &place, arena), arena, &naming.rule, error);
    }
    if (result == 0)
        *ret = naming;
    return result;
}
