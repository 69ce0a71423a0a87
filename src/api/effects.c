/* SPDX-License-Identifier: MIT */
/* What a plan means for whoever is plugged in: who goes on, who has to learn something, who must be started again. */
#include "api/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "device/holders.h"

#define API __attribute__((visibility("default")))

/*
 * How it works: a guest is known by the device that it is plugged into. What the ledgers say of that device's port is
 * compared with what the file says of the port that has it from now on. A device that the plan removes, or makes anew,
 * ends its guest's network: its descriptor leads nowhere. Everything else a guest survives, and learns by DHCP; or,
 * when it asks nobody, from whoever set it up.
 *
 * Nothing says that one network is another under a new name. When a port of the same name comes with a new network,
 * the guest is told of that one: most likely it is the same.
 */
struct side {
    const struct model_network *network;
    const struct model_port *port; /* NULL: there is none with this device */
};

struct effects {
    struct tapnet_plan *plan;
    struct device_holder *holders;
    size_t holder_count, capacity;
};

static void effects_fini(struct effects *effects)
{
    free(effects->holders);
}

/* ---- before and after ---- */

static struct side find_in(const struct model_network *network, const char *device)
{
    for (size_t i = 0; i < network->port_count; i++)
        if (strcmp(network->ports[i].device, device) == 0)
            return (struct side){network, &network->ports[i]};
    return (struct side){NULL, NULL};
}

static struct side find_before(const struct tapnet_plan *plan, const char *device)
{
    const struct model_objects *found = &plan->scope.found;
    struct side side = {NULL, NULL};

    for (size_t i = 0; i < found->count && !side.port; i++)
        if (found->items[i].kind == MODEL_OBJECT_SERVICE)
            side = find_in(found->items[i].service.network, device);
    return side;
}

static struct side find_after(const struct tapnet_plan *plan, const char *device)
{
    struct side side = {NULL, NULL};

    for (size_t i = 0; plan->set && i < plan->set->network_count && !side.port; i++)
        side = find_in(&plan->set->networks[i], device);
    return side;
}

static bool is_known(const struct tapnet_plan *plan, const char *network)
{
    const struct model_objects *found = &plan->scope.found;

    for (size_t i = 0; i < found->count; i++)
        if (found->items[i].kind == MODEL_OBJECT_SERVICE && strcmp(found->items[i].service.network->name, network) == 0)
            return true;
    return false;
}

/* The port of the same name in a network that was not there before. */
static struct side find_successor(const struct tapnet_plan *plan, const struct model_port *port)
{
    for (size_t i = 0; plan->set && i < plan->set->network_count; i++) {
        const struct model_network *network = &plan->set->networks[i];

        for (size_t j = 0; !is_known(plan, network->name) && j < network->port_count; j++)
            if (strcmp(network->ports[j].name, port->name) == 0)
                return (struct side){network, &network->ports[j]};
    }
    return (struct side){NULL, NULL};
}

/* Does the plan take the device away, if only to make it anew? */
static bool is_taken(const struct tapnet_plan *plan, const char *device)
{
    for (size_t i = 0; i < plan->plan->step_count; i++) {
        const struct plan_step *step = &plan->plan->steps[i];

        if (step->before && !step->after && step->before->kind == MODEL_OBJECT_LINK &&
            strcmp(step->before->link.name, device) == 0)
            return true;
    }
    return false;
}

/* The MAC that the guest is known to have; zero: nobody has seen one. */
static struct mac seen_mac(const struct tapnet_plan *plan, const char *device)
{
    const struct model_objects *found = &plan->scope.found;

    for (size_t i = 0; i < found->count; i++)
        if (found->items[i].kind == MODEL_OBJECT_ELEMENT && found->items[i].element.set == GUARD_PORT_MACS &&
            strcmp(guard_read_ifname(&found->items[i].element, 0), device) == 0)
            return guard_read_mac(&found->items[i].element, 1);
    return (struct mac){{0}};
}

/* ---- in words ---- */

/* @text and one more sentence, both the arena's; NULL when memory is short. */
static const char *join(struct arena *arena, const char *text, const char *more)
{
    return text && more ? arena_printf(arena, "%s%s%s", text, *text ? "; " : "", more) : NULL;
}

static const char *add_address(struct arena *arena, const char *text, const char *what, const struct ip_address *before,
                               const struct ip_address *after)
{
    char had[IP_TEXT_MAX], has[IP_TEXT_MAX];

    if (ip_address_equal(before, after))
        return text;
    if (!after->family)
        return join(arena, text, arena_printf(arena, "it has no %s any more", what));
    if (!before->family)
        return join(arena, text, arena_printf(arena, "its %s becomes %s", what, ip_address_print(after, has)));
    return join(arena, text,
                arena_printf(arena, "its %s becomes %s (now %s)", what, ip_address_print(after, has),
                             ip_address_print(before, had)));
}

/* What it learns by DHCP, or has to be told. */
static const char *describe_lessons(struct arena *arena, struct side before, struct side after)
{
    const char *text = "";

    text = add_address(arena, text, "address", &before.port->address, &after.port->address);
    text = add_address(arena, text, "IPv6 address", &before.port->address6, &after.port->address6);
    if (model_mode_leads_out(before.network->mode) && model_mode_leads_out(after.network->mode))
        text = add_address(arena, text, "gateway", &before.network->subnet.address, &after.network->subnet.address);
    if (before.network->subnet.length != after.network->subnet.length)
        text = join(arena, text, arena_printf(arena, "its subnet's length becomes %u", after.network->subnet.length));
    if (before.network->mtu != after.network->mtu)
        text = join(arena, text, arena_printf(arena, "its MTU becomes %u", after.network->mtu));
    if (strcmp(before.port->hostname, after.port->hostname) != 0)
        text = join(arena, text, arena_printf(arena, "its name becomes %s", after.port->hostname));
    return text;
}

/* A routed network's gateway is the port's own device; of others it is the bridge, whose MAC follows from its name. */
static bool gateway_moves(struct side before, struct side after)
{
    bool routed = before.network->mode == MODEL_MODE_ROUTED, routes = after.network->mode == MODEL_MODE_ROUTED;

    return routed != routes || (!routes && !mac_equal(&before.network->mac, &after.network->mac));
}

/* What happens to it whether it knows or not. */
static const char *describe_fate(struct arena *arena, struct side before, struct side after)
{
    bool led_out = model_mode_leads_out(before.network->mode), leads_out = model_mode_leads_out(after.network->mode);
    const char *text = "";

    if (strcmp(before.network->name, after.network->name) != 0 || strcmp(before.port->name, after.port->name) != 0)
        text = join(arena, text, arena_printf(arena, "it is %s/%s from now on", after.network->name, after.port->name));
    if (led_out && !leads_out)
        text = join(arena, text, "it reaches nobody outside any more");
    else if (!led_out && leads_out)
        text = join(arena, text, "it reaches the outside, once it knows its gateway");
    else if (leads_out && (before.network->mode != after.network->mode ||
                           strcmp(before.network->uplink, after.network->uplink) != 0))
        text = join(arena, text, "its connections to the outside begin anew");
    if (led_out && leads_out && gateway_moves(before, after))
        text = join(arena, text, "its gateway has another MAC, for which it asks within half a minute");
    if (before.network->ports_see_each_other && !after.network->ports_see_each_other)
        text = join(arena, text, "it sees its neighbours no more");
    return text;
}

static const char *describe_end(const struct tapnet_plan *plan, struct arena *arena, const char *device,
                                struct side before, struct side after)
{
    const struct side successor = !after.port && before.port ? find_successor(plan, before.port) : after;

    if (after.port)
        return arena_printf(arena, "its device %s is made anew: plug it in again", device);
    if (successor.port)
        return arena_printf(arena,
                            "its device %s goes: start it again with ifname=%s, in %s/%s (to keep it running, "
                            "write `device: %s` there)",
                            device, successor.port->device, successor.network->name, successor.port->name, device);
    return arena_printf(arena, "its device %s goes, and its network with it", device);
}

/* ---- one guest ---- */

static const char *describe_change(const struct tapnet_plan *plan, struct arena *arena, struct side before,
                                   struct side after, const char **ret_kind)
{
    const struct mac mac = seen_mac(plan, after.port->device);
    const char *lessons, *fate = describe_fate(arena, before, after);
    char text[MAC_TEXT_MAX];

    if (after.port->guest_mac_given && !after.port->mac_spoofing && !mac_is_zero(&mac) &&
        !mac_equal(&mac, &after.port->guest_mac)) {
        *ret_kind = "restarts";
        return arena_printf(arena, "only MAC %s is let through: start it again with that one",
                            mac_print(&after.port->guest_mac, text));
    }
    lessons = describe_lessons(arena, before, after);
    if (!lessons || !fate)
        return NULL;
    *ret_kind = *lessons ? "acts" : "keeps";
    if (!*lessons)
        return *fate ? fate : "goes on as it is";
    return join(arena, fate,
                arena_printf(arena,
                             "%s: it learns that by DHCP within half an hour, at once when it renews (without "
                             "DHCP: `tapnet status --guest %s/%s`, once all is up)",
                             lessons, after.network->name, after.port->name));
}

static const struct device_holder *find_holder(const struct effects *effects, const char *device)
{
    for (size_t i = 0; i < effects->holder_count; i++)
        if (strcmp(effects->holders[i].device, device) == 0)
            return &effects->holders[i];
    return NULL;
}

static int add(struct effects *effects, const struct model_link *link, const struct device_holder *holder)
{
    struct tapnet_plan *plan = effects->plan;
    struct arena *arena = &plan->effect_arena;
    const struct side before = find_before(plan, link->name), after = find_after(plan, link->name);
    struct tapnet_effect effect = {.kind = "restarts", .holder = "", .device = arena_strdup(arena, link->name)};
    bool ends = !before.port || !after.port || is_taken(plan, link->name);

    effect.port = arena_printf(arena, "%s/%s", link->owner.network, link->owner.port);
    effect.text = ends ? describe_end(plan, arena, link->name, before, after)
                       : describe_change(plan, arena, before, after, &effect.kind);
    if (holder) {
        effect.holder = arena_strdup(arena, holder->command);
        effect.holder_pid = holder->pid;
    }
    if (!effect.port || !effect.text || !effect.holder || !effect.device ||
        array_reserve((void **)&plan->effects, &effects->capacity, plan->effect_count, 1, sizeof(effect)) < 0)
        return -ENOMEM;
    plan->effects[plan->effect_count++] = effect;
    return 0;
}

int api_plan_effects(struct tapnet_plan *plan)
{
    struct effects effects cleanup(effects_fini) = {.plan = plan};
    const struct model_objects *found = &plan->scope.found;
    bool looked = false;
    int result = 0;

    for (size_t i = 0; i < found->count && plan->plan->step_count && result == 0; i++) {
        const struct model_link *link = &found->items[i].link;
        const struct device_holder *holder;

        if (found->items[i].kind != MODEL_OBJECT_LINK || link->kind != MODEL_LINK_TAP || !link->owner.network[0])
            continue;
        if (!looked) /* who may not look at others' descriptors goes by the carrier */
            device_holders(-1, &effects.holders, &effects.holder_count, NULL);
        looked = true;
        holder = find_holder(&effects, link->name);
        if (holder || link->plugged)
            result = add(&effects, link, holder);
    }
    return result;
}

API size_t tapnet_plan_effect_count(const struct tapnet_plan *plan)
{
    return plan->effect_count;
}

API const struct tapnet_effect *tapnet_plan_effect(const struct tapnet_plan *plan, size_t index)
{
    return index < plan->effect_count ? &plan->effects[index] : NULL;
}
