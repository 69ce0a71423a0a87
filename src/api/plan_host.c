/* SPDX-License-Identifier: MIT */
/* What the planner asks about the host, answered by what was found there. */
#include "api/context.h"

#include <stdlib.h>
#include <string.h>

static int compare_link_name(const void *name, const void *link)
{
    return strcmp(name, ((const struct observe_link *)link)->name);
}

const struct observe_link *api_find_foreign(const struct observe_found *found, const char *name)
{
    if (!found->link_count)
        return NULL;
    return bsearch(name, found->links, found->link_count, sizeof(*found->links), compare_link_name);
}

static bool is_foreign(const void *data, const char *name)
{
    return api_find_foreign(data, name) != NULL;
}

static int forwarding(const void *data, const char *name)
{
    const struct observe_link *link = api_find_foreign(data, name);

    return link ? link->ip4_forwarding : -1;
}

static int conf6(const void *data, const char *name, const char *key)
{
    const struct observe_link *link = api_find_foreign(data, name);

    if (!link)
        return -1;
    return strcmp(key, "forwarding") == 0         ? link->ip6_forwarding
           : strcmp(key, "accept_ra") == 0        ? link->ip6_accept_ra
           : strcmp(key, "proxy_ndp") == 0        ? link->ip6_proxy_ndp
           : strcmp(key, "force_forwarding") == 0 ? link->ip6_forces
                                                  : -1;
}

static bool is_bridge(const void *data, const char *name)
{
    const struct observe_link *link = api_find_foreign(data, name);

    return link && link->bridge;
}

static const char *foreign(const void *data, size_t index)
{
    const struct observe_found *found = data;

    return index < found->link_count ? found->links[index].name : NULL;
}

struct plan_host api_plan_host(const struct observe_found *found)
{
    return (struct plan_host){
        .is_foreign = is_foreign,
        .forwarding = forwarding,
        .conf6 = conf6,
        .is_bridge = is_bridge,
        .foreign = foreign,
        .data = found,
        .foreign_table = found->foreign_table,
        .ip_forward = found->ip_forward,
        .resolver = found->resolver,
    };
}
