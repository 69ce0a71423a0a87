/* SPDX-License-Identifier: MIT */
/* Whether the host's resolver knows the networks' names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "observe/links.h"
#include "resolved/resolved.h"

static bool has_names(const struct model_object *object)
{
    return object->kind == MODEL_OBJECT_SERVICE && model_network_names_itself(object->service.network);
}

/* A resolver that gives no answer is none, and one that may not listen to us has been told: nothing more is wanted. */
int observe_names(struct observe_found *found)
{
    struct model_object *items = found->objects.items;
    size_t count = 0, n = 0;
    _cleanup_free_ struct resolved_names *names = NULL;

    found->resolver = resolved_listens();
    for (size_t i = 0; i < found->objects.count; i++)
        count += has_names(&items[i]);
    if (!found->resolver || !count)
        return 0;
    names = calloc(count, sizeof(*names));
    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_network *network = items[i].service.network;

        if (has_names(&items[i]))
            names[n++] = (struct resolved_names){.link_index = observe_bridge_index(found, network->bridge),
                                                 .server = network->subnet.address,
                                                 .port = network->dns_port,
                                                 .domain = network->name};
    }
    found->resolver = resolved_check(names, count, NULL) == 0;
    n = 0;
    for (size_t i = 0; i < found->objects.count; i++)
        if (has_names(&items[i])) {
            items[i].service.named = found->resolver && (names[n].known || names[n].taken);
            n++;
        }
    return 0;
}
