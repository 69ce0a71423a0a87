/* SPDX-License-Identifier: MIT */
/* What a plan means for whoever is plugged in: who goes on, who has to learn something, who must be started again. */
#include "api/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/sets.h"
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

/* Sides by a name: sorted once, since each guest is looked up in them. */
struct row {
    const char *name;
    struct side side;
};

struct table {
    struct row *rows;
    size_t count, capacity;
};

struct effects {
    struct tapnet_plan *plan;
    const struct model_objects *found; /* that the plan begins with */
    const struct model_set *set;       /* that it ends with; NULL: nothing */
    struct device_holder *holders;     /* sorted by device */
    size_t holder_count, capacity;
    struct table before, after; /* ports, by their devices */
    struct table taken;         /* devices that the plan takes away, if only to make them anew */
    struct table known;         /* networks that are there */
    struct table comes;         /* ports of networks that are not, by the ports' names */
};

static void effects_fini(struct effects *effects)
{
    free(effects->holders);
    free(effects->before.rows);
    free(effects->after.rows);
    free(effects->taken.rows);
    free(effects->known.rows);
    free(effects->comes.rows);
}

/* ---- before and after ---- */

/* 0 or -ENOMEM. */
static int table_add(struct table *table, const char *name, const struct model_network *network,
                     const struct model_port *port)
{
    if (array_reserve((void **)&table->rows, &table->capacity, table->count, 1, sizeof(*table->rows)) < 0)
        return -ENOMEM;
    table->rows[table->count++] = (struct row){name, {network, port}};
    return 0;
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static void table_sort(struct table *table)
{
    if (table->count)
        qsort(table->rows, table->count, sizeof(*table->rows), compare_rows);
}

/* NULL: it is not in there. */
static const struct row *table_find(const struct table *table, const char *name)
{
    const struct row key = {.name = name};

    return table->count ? bsearch(&key, table->rows, table->count, sizeof(key), compare_rows) : NULL;
}

static struct side side_of(const struct row *row)
{
    return row ? row->side : (struct side){NULL, NULL};
}

static int add_ports(struct table *table, const struct model_network *network, bool by_device)
{
    int result = 0;

    for (size_t i = 0; i < network->port_count && result == 0; i++)
        result = table_add(table, by_device ? network->ports[i].device : network->ports[i].name, network,
                           &network->ports[i]);
    return result;
}

/* What is there: networks, as the ledgers have them, and their ports. */
static int list_before(struct effects *effects)
{
    const struct model_objects *found = effects->found;
    int result = 0;

    for (size_t i = 0; i < found->count && result == 0; i++) {
        const struct model_network *network = found->items[i].service.network;

        if (found->items[i].kind != MODEL_OBJECT_SERVICE)
            continue;
        result = table_add(&effects->known, network->name, network, NULL);
        if (result == 0)
            result = add_ports(&effects->before, network, true);
    }
    table_sort(&effects->known);
    table_sort(&effects->before);
    return result;
}

/* What the file says; and of networks that are not there yet the ports once more, by their own names. */
static int list_after(struct effects *effects)
{
    const struct model_set *set = effects->set;
    int result = 0;

    for (size_t i = 0; set && i < set->network_count && result == 0; i++) {
        result = add_ports(&effects->after, &set->networks[i], true);
        if (result == 0 && !table_find(&effects->known, set->networks[i].name))
            result = add_ports(&effects->comes, &set->networks[i], false);
    }
    table_sort(&effects->after);
    table_sort(&effects->comes);
    return result;
}

static int list_taken(struct effects *effects)
{
    const struct plan *plan = effects->plan->plan;
    int result = 0;

    for (size_t i = 0; i < plan->step_count && result == 0; i++) {
        const struct plan_step *step = &plan->steps[i];

        if (step->before && !step->after && step->before->kind == MODEL_OBJECT_LINK)
            result = table_add(&effects->taken, step->before->link.name, NULL, NULL);
    }
    table_sort(&effects->taken);
    return result;
}

static int make_lists(struct effects *effects)
{
    int result = list_before(effects);

    if (result == 0)
        result = list_after(effects);
    return result < 0 ? result : list_taken(effects);
}

/* The MAC that the guest is known to have; zero: nobody has seen one. */
static struct mac seen_mac(const struct model_objects *found, const char *device)
{
    const struct mac none = {{0}};
    const struct model_object key = {.kind = MODEL_OBJECT_ELEMENT, .element = guard_port_mac(device, &none, "")};
    size_t place = model_objects_before(found, &key);
    const struct model_object *object = place < found->count ? &found->items[place] : &key;

    return object->kind == MODEL_OBJECT_ELEMENT && object->element.set == GUARD_PORT_MACS &&
                   strcmp(guard_read_ifname(&object->element, 0), device) == 0
               ? guard_read_mac(&object->element, 1)
               : none;
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

/* What it learns by DHCP, or has to be told: of a clone that is what all of them have inside. */
static const char *describe_lessons(struct arena *arena, struct side before, struct side after)
{
    const struct ip_address none = {.family = 0};
    const char *text = "";

    text = add_address(arena, text, "address", model_port_inside(before.network, before.port),
                       model_port_inside(after.network, after.port));
    text = add_address(arena, text, "IPv6 address", model_port_inside6(before.network, before.port),
                       model_port_inside6(after.network, after.port));
    if (model_mode_leads_out(after.network->mode))
        text = add_address(arena, text, "gateway",
                           model_mode_leads_out(before.network->mode) ? &before.network->subnet.address : &none,
                           &after.network->subnet.address);
    if (before.network->subnet.length != after.network->subnet.length)
        text = join(arena, text, arena_printf(arena, "its subnet's length becomes %u", after.network->subnet.length));
    if (before.network->mtu != after.network->mtu)
        text = join(arena, text, arena_printf(arena, "its MTU becomes %u", after.network->mtu));
    if (strcmp(before.port->hostname, after.port->hostname) != 0)
        text = join(arena, text, arena_printf(arena, "its name becomes %s", after.port->hostname));
    return text;
}

/* A port gets a bridge, or loses it: what a guest has learnt of its link is not so any more. */
static bool link_changes(struct side before, struct side after)
{
    return model_network_has_bridge(before.network) != model_network_has_bridge(after.network);
}

/* Without a bridge the gateway is the port's own device; else it is the bridge, whose MAC follows from its name. */
static bool gateway_moves(struct side before, struct side after)
{
    return link_changes(before, after) ||
           (model_network_has_bridge(after.network) && !mac_equal(&before.network->mac, &after.network->mac));
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
        text = join(arena, text, "it reaches the outside");
    else if (leads_out && (before.network->mode != after.network->mode ||
                           strcmp(before.network->uplink, after.network->uplink) != 0 ||
                           strcmp(before.network->uplink6, after.network->uplink6) != 0))
        text = join(arena, text, "its connections to the outside begin anew");
    if (led_out && leads_out && gateway_moves(before, after))
        text = join(arena, text, "its gateway has another MAC, for which it asks within half a minute");
    else if (!led_out && !leads_out && after.network->ports_see_each_other && link_changes(before, after))
        text = join(arena, text, "its neighbours have other MACs, for which it asks within half a minute");
    if (before.network->ports_see_each_other && !after.network->ports_see_each_other)
        text = join(arena, text, "it sees its neighbours no more");
    return text;
}

/* The port of the same name in a network that was not there before is most likely the same. */
static const char *describe_end(const struct effects *effects, const char *device, struct side before,
                                struct side after)
{
    struct arena *arena = &effects->plan->effect_arena;
    const struct side successor = !after.port && before.port ? side_of(table_find(&effects->comes, before.port->name))
                                                             : after;

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

static const char *describe_change(const struct model_objects *found, struct arena *arena, struct side before,
                                   struct side after, const char **ret_kind)
{
    const struct mac seen = seen_mac(found, after.port->device);
    const struct mac mac = model_network_has_clones(before.network) ? before.network->clones.mac : seen;
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
                             "%s: it learns that by DHCP within half an hour, at once when its client is started "
                             "anew (without DHCP: `tapnet status --guest %s/%s`, once all is up)",
                             lessons, after.network->name, after.port->name));
}

static int compare_holder(const void *device, const void *holder)
{
    return strcmp(device, ((const struct device_holder *)holder)->device);
}

/* One of them, where several hold it; NULL: nobody can be seen. */
static const struct device_holder *find_holder(const struct effects *effects, const char *device)
{
    return effects->holder_count
               ? bsearch(device, effects->holders, effects->holder_count, sizeof(*effects->holders), compare_holder)
               : NULL;
}

static int add(struct effects *effects, const struct model_link *link, const struct device_holder *holder)
{
    struct tapnet_plan *plan = effects->plan;
    struct arena *arena = &plan->effect_arena;
    const struct side before = side_of(table_find(&effects->before, link->name));
    const struct side after = side_of(table_find(&effects->after, link->name));
    struct tapnet_effect effect = {.kind = "restarts", .holder = "", .device = arena_strdup(arena, link->name)};
    bool ends = !before.port || !after.port || table_find(&effects->taken, link->name);

    effect.port = arena_printf(arena, "%s/%s", link->owner.network, link->owner.port);
    effect.text = ends ? describe_end(effects, link->name, before, after)
                       : describe_change(effects->found, arena, before, after, &effect.kind);
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
    const struct sets_plan *change = plan->change;
    const struct model_objects *found = change ? &change->scope.found : &plan->scope.found;
    struct effects effects cleanup(effects_fini) = {
        .plan = plan, .found = found, .set = change ? &change->set : plan->set};
    bool looked = false;
    int result = 0;

    for (size_t i = 0; i < found->count && plan->plan->step_count && result == 0; i++) {
        const struct model_link *link = &found->items[i].link;
        const struct device_holder *holder;

        if (found->items[i].kind != MODEL_OBJECT_LINK || link->kind != MODEL_LINK_TAP || !link->owner.network[0])
            continue;
        if (!looked) { /* who may not look at others' descriptors goes by the carrier */
            device_holders(-1, &effects.holders, &effects.holder_count, NULL);
            result = make_lists(&effects);
        }
        looked = true;
        holder = find_holder(&effects, link->name);
        if (result == 0 && (holder || link->plugged))
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
