/* SPDX-License-Identifier: MIT */
/* Sysctls of IPv6 that several sets share, and the elements that close for others what we had forward. */
#include "plan/ip6.h"

#include <string.h>
#include <sys/socket.h>

/* Closes @device for what is not ours; where it is a bridge, its own frames pass. */
static int add_closed6(struct plan_scope *scope, const char *device, const struct plan_host *host)
{
    struct model_object closed = {.kind = MODEL_OBJECT_ELEMENT};
    int result;

    closed.element = guard_closed6(device, "uplink");
    result = model_objects_add(&scope->wanted, &closed);
    if (result < 0 || !host->is_bridge(host->data, device))
        return result;
    closed.element = guard_bridged(device, "uplink");
    return model_objects_add(&scope->wanted, &closed);
}

/* The same for all links; frames between ports of whatever bridge there is pass. */
static int add_closed_family(struct plan_scope *scope, const struct plan_host *host)
{
    struct model_object closed = {.kind = MODEL_OBJECT_ELEMENT, .element = guard_closed_family(AF_INET6, "uplink")};
    int result = model_objects_add(&scope->wanted, &closed);
    const char *name;

    for (size_t i = 0; result == 0 && (name = host->foreign(host->data, i)); i++) {
        if (!host->is_bridge(host->data, name))
            continue;
        closed.element = guard_bridged(name, "uplink");
        result = model_objects_add(&scope->wanted, &closed);
    }
    return result;
}

/* Tells that @device's accept_ra was 1, should the ledger go. */
static int add_learning(struct plan_scope *scope, const char *device)
{
    const struct model_object learning = {.kind = MODEL_OBJECT_ELEMENT, .element = guard_learning6(device, "uplink")};

    return model_objects_add(&scope->wanted, &learning);
}

int plan_ip6_want(struct plan_scope *scope, const struct model_object *found, struct model_object *sysctl,
                  const struct plan_host *host)
{
    char device[MODEL_IFNAME_MAX];
    int result;

    if (!found && model_sysctl_device(&sysctl->sysctl, "ipv6", "force_forwarding", device) &&
        sysctl->sysctl.restore[0] && host->forces6(host->data, device) != 0)
        return 0; /* forwards already, or is not there to be told: nothing that we would turn on */
    if (found && sysctl->sysctl.restore[0] &&
        strcmp(found->sysctl.value, MODEL_SYSCTL_GONE) == 0) /* as its device is */
        memcpy(sysctl->sysctl.value, found->sysctl.value, sizeof(sysctl->sysctl.value));
    result = model_objects_add(&scope->wanted, sysctl);
    if (result < 0 || !sysctl->sysctl.restore[0])
        return result;
    if (model_sysctl_device(&sysctl->sysctl, "ipv6", "accept_ra", device))
        return add_learning(scope, device);
    if (model_sysctl_device(&sysctl->sysctl, "ipv6", "force_forwarding", device))
        return add_closed6(scope, device, host);
    if (model_sysctl_device(&sysctl->sysctl, "ipv6", "forwarding", device) && strcmp(device, "all") == 0)
        return add_closed_family(scope, host);
    return 0;
}
