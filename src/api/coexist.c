/* SPDX-License-Identifier: MIT */
/* Living beside packet filters of others: what was agreed to, and what is still to be asked. */
#include "api/coexist.h"

#include <errno.h>
#include <string.h>

#include "api/sets.h"
#include "explain/passages.h"

#define API __attribute__((visibility("default")))

/* Is the network called @name up with passages that were agreed to? */
static bool is_agreed(const struct observe_found *found, const char *set, const char *name)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_service *service = &found->objects.items[i].service;

        if (found->objects.items[i].kind == MODEL_OBJECT_SERVICE && strcmp(service->network->name, name) == 0)
            return strcmp(service->set, set) == 0 && service->network->coexist == MODEL_COEXIST_ON;
    }
    return false;
}

void coexist_settle(const struct observe_found *found, bool consent, struct model_set *set)
{
    for (size_t i = 0; i < set->network_count; i++) {
        struct model_network *network = &set->networks[i];

        network->coexist = set->coexist;
        if (set->coexist == MODEL_COEXIST_ASK && (consent || is_agreed(found, set->name, network->name)))
            network->coexist = MODEL_COEXIST_ON;
    }
}

/* Has @other all that the networks of @set which may have passages want them for? */
static bool wants_no_less(const struct model_set *other, const struct model_set *set)
{
    for (size_t i = 0; i < set->network_count; i++) {
        const struct model_network *network = &set->networks[i];
        bool found = network->coexist != MODEL_COEXIST_ON;

        for (size_t j = 0; j < other->network_count && !found; j++)
            found = strcmp(other->networks[j].name, network->name) == 0 &&
                    other->networks[j].coexist == MODEL_COEXIST_ON &&
                    (model_network_has_forwards(&other->networks[j]) || !model_network_has_forwards(network));
        if (!found)
            return false;
    }
    return true;
}

bool coexist_differs(const struct model_set *before, const struct model_set *after)
{
    return !wants_no_less(after, before) || !wants_no_less(before, after);
}

int coexist_want(const struct model_set *set, struct model_objects *wanted, struct tapnet_error *error)
{
    return explain_passages(set, MODEL_COEXIST_ON, wanted, error);
}

/* A network that no file declares: there is nobody to say yes to. */
static bool is_declared(const struct model_set *set, const char *name)
{
    for (size_t i = 0; i < set->network_count; i++)
        if (strcmp(set->networks[i].name, name) == 0)
            return set->networks[i].origin == MODEL_ORIGIN_DECLARED;
    return false;
}

/* The sentence about one network, whose passages stand together; the arena's. */
static const char *describe(const struct model_set *set, const struct model_objects *asked, size_t first, size_t end,
                            struct arena *arena)
{
    const char *network = strchr(asked->items[first].passage.label, '/') + 1, *list = "";
    char text[MODEL_OBJECT_TEXT_MAX];

    if (!is_declared(set, network))
        return arena_printf(arena,
                            "network %s: another program's packet filter drops what its guests send or get: `tapnet "
                            "doctor` says where, and what to type",
                            network);

    for (size_t i = first; i < end && list; i++)
        list = arena_printf(arena, "%s%s%s", list, *list ? ", " : "", model_object_print(&asked->items[i], text));
    return list ? arena_printf(arena,
                               "network %s: another program's packet filter drops what its guests send or get. `tapnet "
                               "up --coexist` puts in: %s; `coexist: on` in the file always does, `coexist: off` says "
                               "no more of it",
                               network, list)
                : NULL;
}

int coexist_tell(const struct model_set *set, struct model_objects *asked, struct arena *arena,
                 int (*tell)(void *data, const char *text), void *data, struct tapnet_error *error)
{
    int result = explain_passages(set, MODEL_COEXIST_ASK, asked, error);

    for (size_t first = 0, end; first < asked->count && result == 0; first = end) {
        for (end = first + 1;
             end < asked->count && strcmp(asked->items[end].passage.label, asked->items[first].passage.label) == 0;)
            end++;
        if (tell(data, describe(set, asked, first, end, arena)) < 0)
            return error_set(error, -ENOMEM, "out of memory");
    }
    return result;
}

static int add_note(void *data, const char *text)
{
    return api_note(data, text);
}

int coexist_ask(struct tapnet *tapnet, struct tapnet_plan *plan, struct tapnet_error *error)
{
    return coexist_tell(plan->set, &plan->asked, &tapnet->note_arena, add_note, tapnet, error);
}

API void tapnet_spec_coexist(struct tapnet_spec *spec, bool coexist)
{
    spec->coexist = coexist;
}

API const char *tapnet_plan_asks(struct tapnet_plan *plan, size_t index)
{
    return index < plan->asked.count ? model_object_print(&plan->asked.items[index], plan->object) : NULL;
}
