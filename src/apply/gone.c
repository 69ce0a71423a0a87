/* SPDX-License-Identifier: MIT */
/* TAPs whose ports are gone: laid off at once, deleted later and together, because the kernel takes so long. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/kernel.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "device/claim.h"
#include "netlink/link.h"
#include "observe/observe.h"

/*
 * How it works: to delete a device the kernel waits, with its lock for all network changes held, until no processor can
 * have it in its hands any more: some 20 ms, for one or for a hundred. To take it down is a hundredth of that, and
 * nothing passes from then on, whoever holds it; only CAP_NET_ADMIN brings it up again. One request does so and marks
 * it (MODEL_GONE_GROUP, MODEL_GONE_ALIAS), so it is never half done, and whoever looks at the host knows what it is. It
 * still has its name, and gives that up when somebody wants it.
 *
 * It stays in its bridge as well: to take it out the kernel goes through all other ports. By a neighbour's MAC its
 * holder could keep frames from that one there: so one that has another MAC than it had as a port leaves at once, and
 * if it gets one later, the keeper sees that and deletes it.
 */

/* ---- laying off ---- */

struct look {
    const struct model_link *wanted; /* NULL: one that is gone */
    int index, master_index;         /* 0: it is another one; it has none */
    bool plugged, has_own_mac;
};

static int look_at(const struct netlink_link *link, void *data)
{
    struct look *look = data;
    char alias[MODEL_ALIAS_MAX];
    bool same = look->wanted ? link->group == MODEL_LINK_GROUP && strcmp(link->kind, "tun") == 0 &&
                                   strcmp(link->alias, model_alias_print(&look->wanted->owner, alias)) == 0
                             : observe_is_gone(link);

    look->index = same ? link->index : 0;
    look->master_index = link->master_index;
    look->plugged = link->plugged;
    look->has_own_mac = look->wanted && mac_equal(&look->wanted->mac, &link->mac);
    return 0;
}

int apply_link_lay_off(void *data, const struct model_link *link, bool free, struct tapnet_error *error)
{
    char alias[sizeof(MODEL_GONE_ALIAS) + MAC_TEXT_MAX] = MODEL_GONE_ALIAS;
    const struct netlink_link_change change = {
        .fields = NETLINK_LINK_UP | NETLINK_LINK_GROUP | NETLINK_LINK_ALIAS, .group = MODEL_GONE_GROUP, .alias = alias};
    const struct netlink_link_change leave = {
        .fields = NETLINK_LINK_MASTER}; /* once it is down: no frame goes around */
    struct apply_kernel *kernel = data;
    struct look look = {.wanted = link};
    int result = apply_kernel_route(kernel, error);

    if (result < 0)
        return result;
    if (netlink_link_get(kernel->route, 0, link->name, look_at, &look, NULL) < 0 || !look.index ||
        (free && (look.plugged || device_is_held(link->name))))
        return error_set(error, -EAGAIN, "%s is not as it should be, or is held", link->name);
    mac_print(&link->mac, alias + strlen(MODEL_GONE_ALIAS));
    result = netlink_link_set(kernel->route, look.index, NULL, &change, error);
    if (result == 0 && look.master_index && !look.has_own_mac)
        netlink_link_set(kernel->route, look.index, NULL, &leave, NULL); /* it is deleted in any case */
    return result;
}

/* ---- its name ---- */

bool apply_gone_give_way(struct apply_kernel *kernel, const char *name)
{
    struct netlink_link_change change = {.fields = NETLINK_LINK_NAME};
    struct look look = {.wanted = NULL};
    char other[IFNAMSIZ];

    if (apply_kernel_route(kernel, NULL) < 0 || netlink_link_get(kernel->route, 0, name, look_at, &look, NULL) < 0 ||
        !look.index)
        return false;
    snprintf(other, sizeof(other), "gone_%x", (unsigned)look.index); /* "_": no port's device is called so */
    change.name = other;
    return netlink_link_set(kernel->route, look.index, NULL, &change, NULL) == 0;
}

/* ---- deleting ---- */

struct census {
    int *indices;
    size_t count, capacity;
    bool stranger; /* somebody is in the group that was not laid off */
};

static void census_fini(struct census *census)
{
    free(census->indices);
}

static int count_one(const struct netlink_link *link, void *data)
{
    struct census *census = data;
    int result = 0;

    if (!observe_is_gone(link)) {
        census->stranger |= link->group == MODEL_GONE_GROUP;
        return 0;
    }
    result = array_reserve((void **)&census->indices, &census->capacity, census->count, 1, sizeof(*census->indices));
    if (result == 0)
        census->indices[census->count++] = link->index;
    return result;
}

static void restart_census(void *data)
{
    struct census *census = data;

    census->count = 0;
    census->stranger = false;
}

static int delete_one_by_one(struct apply_kernel *kernel, const struct census *census, struct tapnet_error *error)
{
    for (size_t i = 0; i < census->count; i++) {
        struct tapnet_error refusal = TAPNET_ERROR_INIT;
        int result = netlink_link_delete(kernel->route, census->indices[i], &refusal);

        if (result < 0 && result != -ENODEV)
            return error_set(error, result, "%s", refusal.text);
    }
    return 0;
}

int apply_gone_delete(struct apply_kernel *kernel, struct tapnet_error *error)
{
    struct census census cleanup(census_fini) = {.count = 0};
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = apply_kernel_route(kernel, error);

    if (result == 0)
        result = netlink_link_dump(kernel->route, count_one, restart_census, &census, error);
    if (result < 0 || !census.count)
        return result;
    if (census.stranger)
        return delete_one_by_one(kernel, &census, error);
    result = netlink_link_delete_group(kernel->route, MODEL_GONE_GROUP, &refusal);
    return result < 0 && result != -ENODEV ? error_set(error, result, "%s", refusal.text) : 0;
}
