/* SPDX-License-Identifier: MIT */
/* What a set leaves that only the run directory told of, when somebody removed that before the set was taken down. */
#include "api/context.h"

#include <errno.h>
#include <string.h>

#include "apply/kernel.h"
#include "base/cleanup.h"

/*
 * How it works: links, addresses and tables are known by what the kernel holds of them. A service is known by its
 * socket, or by what is left of that (apply/orphan.h). That an uplink's forwarding was turned on by us is known by the
 * element that closes it for others (plan/scope.c); without ledger and table nobody can tell, and it is said.
 */

DEFINE_CLEANUP(struct apply_kernel *, apply_kernel_free)

struct survivors {
    const struct model_objects *all;
    const char *set; /* that went; NULL: all of them */
};

/* Does @object belong to a network of a set that stays? Returns its name, or NULL. */
static const char *surviving_network(const struct survivors *survivors, const struct model_object *object)
{
    char owner[MODEL_NAME_MAX];

    if (!survivors->set || strcmp(plan_object_set(object, owner), survivors->set) == 0)
        return NULL;
    if (object->kind == MODEL_OBJECT_SERVICE)
        return object->service.network->name;
    if (object->kind == MODEL_OBJECT_LINK && object->link.kind == MODEL_LINK_BRIDGE && object->link.owner.set[0])
        return object->link.owner.network;
    return NULL;
}

static bool survives(const void *context, const char *network)
{
    const struct survivors *survivors = context;

    for (size_t i = 0; i < survivors->all->count; i++) {
        const char *name = surviving_network(survivors, &survivors->all->items[i]);

        if (name && (!network || strcmp(name, network) == 0))
            return true;
    }
    return false;
}

static int trim_service(struct tapnet *tapnet, const struct survivors *survivors, struct tapnet_error *error)
{
    struct apply_kernel *kernel cleanup(cleanup_apply_kernel_free) = NULL;
    struct apply_ops ops;
    int result = apply_kernel_new(tapnet->run_dir, tapnet->service, &kernel, &ops, error);

    if (result == 0)
        result = apply_service_trim(kernel, survivors->set && survives(survivors, NULL) ? survives : NULL, survivors,
                                    error);
    return result < 0 ? error_prefix(error, result, "could not end the service") : 0;
}

/* Went a bridge that led out, with no ledger to tell by which uplink? */
static bool lost_uplink(const struct tapnet_plan *plan)
{
    const struct model_objects *all = &plan->found->objects;
    bool bridge = false, told = false;

    for (size_t i = 0; i < all->count; i++)
        told |= all->items[i].kind == MODEL_OBJECT_SERVICE || all->items[i].kind == MODEL_OBJECT_SYSCTL ||
                (all->items[i].kind == MODEL_OBJECT_TABLE && all->items[i].table.family == GUARD_INET);
    for (size_t i = 0; i < plan->plan->step_count; i++) {
        const struct model_object *before = plan->plan->steps[i].before;

        bridge |= before && !plan->plan->steps[i].after && before->kind == MODEL_OBJECT_LINK &&
                  before->link.kind == MODEL_LINK_BRIDGE && model_mode_leads_out(before->link.owner.mode);
    }
    return bridge && !told;
}

static int check_forwarding(const struct tapnet_plan *plan, struct tapnet_error *error)
{
    const struct observe_found *found = plan->found;
    const struct observe_link *uplink = api_find_foreign(found, found->uplink);

    if (!lost_uplink(plan) || found->ip_forward || !uplink || uplink->ip4_forwarding != 1)
        return 0;
    return error_set(error, -ENODATA,
                     "all else is gone, but whether net.ipv4.conf.%s.forwarding was 0 before cannot be known any more: "
                     "the run directory and the nftables tables were removed while the set was up; "
                     "`sysctl -w net.ipv4.conf.%s.forwarding=0` if this host is no router",
                     uplink->name, uplink->name);
}

int api_take_leftovers(struct tapnet *tapnet, const struct tapnet_plan *plan, const char *set,
                       struct tapnet_error *error)
{
    const struct survivors survivors = {.all = &plan->found->objects, .set = set};
    int result = trim_service(tapnet, &survivors, error);

    return result < 0 ? result : check_forwarding(plan, error);
}
