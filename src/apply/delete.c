/* SPDX-License-Identifier: MIT */
/* Links are deleted: one, or many at once. One that is gone already is no failure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "apply/kernel.h"
#include "base/cleanup.h"
#include "netlink/link.h"

/* Gone is as good as deleted: a veth pair goes with its container, at any instant. */
static int unless_gone(int result, const struct tapnet_error *refusal, struct tapnet_error *error)
{
    return result < 0 && result != -ENODEV ? error_set(error, result, "%s", refusal->text) : 0;
}

int apply_link_delete(void *data, const char *name, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int index = 0, result = apply_kernel_index(kernel, name, &index, &refusal);

    kernel->master_name[0] = '\0';
    if (result == 0)
        result = netlink_link_delete(kernel->route, index, &refusal);
    return unless_gone(result, &refusal, error);
}

/* ---- deleting many: a fresh group, its members verified, one request (40 times cheaper than one by one) ---- */

struct group_census {
    uint32_t group;
    const char *const *names; /* sorted */
    size_t name_count;
    size_t member_count;
    bool stranger; /* somebody is in the group that we did not put there */
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int count_member(const struct netlink_link *link, void *data)
{
    struct group_census *census = data;
    const char *name = link->name;

    if (link->group != census->group)
        return 0;
    census->member_count++;
    if (!census->name_count || !bsearch(&name, census->names, census->name_count, sizeof(name), compare_names))
        census->stranger = true;
    return 0;
}

static void restart_census(void *data)
{
    struct group_census *census = data;

    census->member_count = 0;
    census->stranger = false;
}

/* A group number that no link is in; the kernel has no list of them but the links themselves. */
static int pick_group(struct apply_kernel *kernel, uint32_t *ret, struct tapnet_error *error)
{
    struct group_census census = {0};

    do {
        int result;

        if (getrandom(&census.group, sizeof(census.group), 0) != sizeof(census.group))
            return error_set_errno(error, -errno, "cannot get random bytes");
        result = netlink_link_dump(kernel->route, count_member, restart_census, &census, error);
        if (result < 0)
            return result;
    } while (census.member_count || census.group == MODEL_LINK_GROUP || census.group < 65536);
    *ret = census.group;
    return 0;
}

static int regroup(struct apply_kernel *kernel, const char *const *names, size_t count, uint32_t group,
                   struct tapnet_error *error)
{
    const struct netlink_link_change change = {.fields = NETLINK_LINK_GROUP, .group = group};

    for (size_t i = 0; i < count; i++) {
        struct tapnet_error refusal = TAPNET_ERROR_INIT;
        int result = netlink_link_set(kernel->route, 0, names[i], &change, &refusal);

        result = unless_gone(result, &refusal, error);
        if (result < 0) { /* back with those that were moved */
            const struct netlink_link_change back = {.fields = NETLINK_LINK_GROUP, .group = MODEL_LINK_GROUP};

            while (i-- > 0)
                netlink_link_set(kernel->route, 0, names[i], &back, NULL);
            return result;
        }
    }
    return 0;
}

static int delete_one_by_one(struct apply_kernel *kernel, const char *const *names, size_t count,
                             struct tapnet_error *error)
{
    for (size_t i = 0; i < count; i++) {
        int result = apply_link_delete(kernel, names[i], error);

        if (result < 0)
            return result;
    }
    return 0;
}

int apply_links_delete(void *data, const char *const *names, size_t count, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    _cleanup_free_ const char **sorted = calloc(count, sizeof(*sorted));
    struct group_census census = {.name_count = count};
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result;

    if (!sorted)
        return error_set(error, -ENOMEM, "out of memory");
    result = apply_kernel_route(kernel, error);
    if (result == 0)
        result = pick_group(kernel, &census.group, error);
    if (result == 0)
        result = regroup(kernel, names, count, census.group, error);
    if (result < 0)
        return result;
    memcpy(sorted, names, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare_names);
    census.names = sorted;
    result = netlink_link_dump(kernel->route, count_member, restart_census, &census, error);
    if (result < 0)
        return result;
    if (census.stranger)
        return delete_one_by_one(kernel, names, count, error);
    result = netlink_link_delete_group(kernel->route, census.group, &refusal);
    return unless_gone(result, &refusal, error); /* all of them */
}
