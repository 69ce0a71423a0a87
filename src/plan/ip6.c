/* SPDX-License-Identifier: MIT */
/* Sysctls of IPv6 that several sets share, and the elements that close for others what we had forward. */
#include "plan/ip6.h"

#include <string.h>
#include <sys/socket.h>

#include "plan/conflict.h"

/* Tells what was done to @device. One that forwards is closed by that; where it is a bridge, its own frames pass. */
static int add_trace(struct plan_scope *scope, const struct model_conf6 *conf, const char *device,
                     const struct plan_host *host)
{
    struct model_object object = {.kind = MODEL_OBJECT_ELEMENT};
    int result;

    object.element = guard_device(conf->trace, device, "uplink");
    result = model_objects_add(&scope->wanted, &object);
    if (result < 0 || conf->trace != GUARD_CLOSED6 || !host->is_bridge(host->data, device))
        return result;
    object.element = guard_bridged(device, "uplink");
    return model_objects_add(&scope->wanted, &object);
}

/* Closes all links for what is not ours; frames between ports of whatever bridge there is pass. */
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

/*
 * Is it, by the host's own wish, something else than what we would change, or not there to be told? Of a bridge of ours
 * that has taken the place of an uplink nobody tells: it learns routes as that did.
 */
static bool is_left(const struct model_conf6 *conf, const char *device, const struct model_objects *all,
                    const struct plan_host *host)
{
    int value = host->conf6(host->data, device, conf->name);

    if (value < 0)
        return conf->trace != GUARD_LEARNING6 || !plan_find_link(all, device);
    return value != conf->before[0] - '0';
}

int plan_ip6_want(struct plan_scope *scope, const struct model_object *found, struct model_object *sysctl,
                  const struct model_objects *all, const struct plan_host *host)
{
    bool outside = sysctl->sysctl.restore[0] != '\0'; /* not of a link of ours */
    char device[MODEL_IFNAME_MAX];
    const struct model_conf6 *conf = outside ? model_conf6_find(&sysctl->sysctl, device) : NULL;
    int result;

    if (!found && conf && is_left(conf, device, all, host))
        return 0;
    if (found && outside && strcmp(found->sysctl.value, MODEL_SYSCTL_GONE) == 0) /* as its device is */
        memcpy(sysctl->sysctl.value, found->sysctl.value, sizeof(sysctl->sysctl.value));
    result = model_objects_add(&scope->wanted, sysctl);
    if (result < 0 || !outside)
        return result;
    return conf ? add_trace(scope, conf, device, host) : add_closed_family(scope, host);
}
