/* SPDX-License-Identifier: MIT */
/* Notes: what a user should know of an up, a down or a plan besides its steps. */
#include "api/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/forwards.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "device/holders.h"
#include "observe/manager.h"

#define API __attribute__((visibility("default")))

void api_notes_clear(struct tapnet *tapnet)
{
    tapnet->note_count = 0;
    arena_fini(&tapnet->note_arena);
}

int api_note(struct tapnet *tapnet, const char *text)
{
    if (!text || array_reserve((void **)&tapnet->notes, &tapnet->note_capacity, tapnet->note_count, 1,
                               sizeof(*tapnet->notes)) < 0)
        return -ENOMEM;
    tapnet->notes[tapnet->note_count++] = text;
    return 0;
}

API size_t tapnet_note_count(const struct tapnet *tapnet)
{
    return tapnet->note_count;
}

API const char *tapnet_note(const struct tapnet *tapnet, size_t index)
{
    return index < tapnet->note_count ? tapnet->notes[index] : NULL;
}

/* ---- uplinks ---- */

/* A link of any kind: the way out may well be a device of another set. */
static bool is_there(const struct observe_found *found, const char *name)
{
    for (size_t i = 0; i < found->link_count; i++)
        if (strcmp(found->links[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < found->objects.count; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_LINK && strcmp(found->objects.items[i].link.name, name) == 0)
            return true;
    return false;
}

int api_uplink_warning(const struct observe_found *found, const struct model_network *network, struct arena *arena,
                       const char **ret)
{
    *ret = NULL;
    if (network->mode == MODEL_MODE_ISOLATED || (network->uplink[0] && is_there(found, network->uplink)))
        return 0;
    if (network->uplink[0])
        *ret = arena_printf(arena,
                            "network %s: there is no device %s, its uplink: guests reach nothing outside; run `tapnet "
                            "up` again when it is there",
                            network->name, network->uplink);
    else if (found->lan_uplink[0])
        *ret = arena_printf(arena,
                            "network %s: no uplink: the default route leads over %s, a network of mode bridge, beside "
                            "which no other has a way out in this version; write `mode: bridge` here, too",
                            network->name, found->lan_uplink);
    else
        *ret = arena_printf(arena,
                            "network %s: no uplink, the host has no default route: guests reach nothing outside; run "
                            "`tapnet up` again when it has one",
                            network->name);
    return *ret ? 0 : -ENOMEM;
}

/* Addresses that end, of an uplink that moves. (IPv6 routers go on telling.) */
static int note_leases(struct tapnet *tapnet, const struct plan_step *step)
{
    const struct model_uplink *uplink = &step->after->uplink;
    char text[IP_TEXT_MAX];
    int result = 0;

    for (size_t i = 0; i < uplink->item_count && result == 0; i++) {
        const struct model_item *item = &uplink->items[i];

        if (item->kind == MODEL_ITEM_ADDRESS && item->taken.family == AF_INET && item->valid != UINT32_MAX)
            result = api_note(tapnet, arena_printf(&tapnet->note_arena,
                                                   "address %s of uplink %s is good for %u seconds more; on %s "
                                                   "tapnet asks the DHCP server to prolong it, unless another program "
                                                   "does",
                                                   ip_address_print(&item->taken, text), uplink->name, item->valid,
                                                   item->device));
    }
    return result;
}

static int note_ifupdown(struct tapnet *tapnet, const struct plan_step *step)
{
    const struct model_uplink *after = &step->after->uplink;

    if (!after->bridge[0] || !observe_ifupdown(after->name))
        return 0;
    return api_note(tapnet, arena_printf(&tapnet->note_arena,
                                         "ifupdown has brought up %s: `ifdown` and `ifup` of it would give it the "
                                         "host's addresses again; run `tapnet down` before them",
                                         after->name));
}

int api_note_uplinks(struct tapnet *tapnet, const struct tapnet_plan *plan)
{
    int result = 0;

    for (size_t i = 0; i < plan->plan->step_count && result == 0; i++) {
        if (!plan_step_moves(&plan->plan->steps[i]))
            continue;
        result = note_leases(tapnet, &plan->plan->steps[i]);
        if (result == 0)
            result = note_ifupdown(tapnet, &plan->plan->steps[i]);
    }
    for (size_t i = 0; plan->set && i < plan->set->network_count && result == 0; i++) {
        const char *warning;

        result = api_uplink_warning(plan->found, &plan->set->networks[i], &tapnet->note_arena, &warning);
        if (result == 0 && warning)
            result = api_note(tapnet, warning);
    }
    return result;
}

/* ---- forwards ---- */

static int note_forward(void *data, const char *text)
{
    return api_note(data, text);
}

int api_note_forwards(struct tapnet *tapnet, const struct tapnet_plan *plan)
{
    struct forwards_host host cleanup(forwards_host_fini) = {0};
    int result = 0;

    for (size_t i = 0; plan->set && i < plan->set->network_count && result == 0; i++)
        result = forwards_warn(&host, &plan->set->networks[i], &tapnet->note_arena, note_forward, tapnet);
    return result;
}

/* ---- devices that go while somebody holds them ---- */

static const struct model_link *taken_device(const struct plan_step *step)
{
    const struct model_object *before = step->before;

    return before && !step->after && before->kind == MODEL_OBJECT_LINK && before->link.kind != MODEL_LINK_BRIDGE
               ? &before->link
               : NULL;
}

static int note_holder(struct tapnet *tapnet, const struct model_link *link, const struct device_holder *holder)
{
    return api_note(tapnet,
                    arena_printf(&tapnet->note_arena,
                                 "device %s is taken from %s (%d), which holds it: its guest has no network until it "
                                 "is plugged in anew",
                                 link->name, holder->command, holder->pid));
}

int api_note_holders(struct tapnet *tapnet, const struct plan *plan)
{
    _cleanup_free_ struct device_holder *holders = NULL;
    size_t count = 0;
    bool looked = false;
    int result = 0;

    for (size_t i = 0; i < plan->step_count && result == 0; i++) {
        const struct model_link *link = taken_device(&plan->steps[i]);

        if (!link || !link->carrier) /* who holds it has turned it on, mostly: a walk of /proc costs more than a port */
            continue;
        if (!looked)
            result = device_holders(-1, &holders, &count, NULL);
        looked = true;
        for (size_t h = 0; h < count && result == 0; h++)
            if (strcmp(holders[h].device, link->name) == 0 &&
                (h == 0 || holders[h - 1].pid != holders[h].pid || strcmp(holders[h - 1].device, link->name) != 0))
                result = note_holder(tapnet, link, &holders[h]);
    }
    return result;
}

/* ---- what was undone ---- */

enum noun {
    NOUN_TABLE,
    NOUN_ELEMENT,
    NOUN_BRIDGE,
    NOUN_DEVICE,
    NOUN_ADDRESS,
    NOUN_ROUTE,
    NOUN_NEIGHBOUR,
    NOUN_PASSAGE,
    NOUN_UPLINK,
    NOUN_SYSCTL,
    NOUN_SERVICE,
    NOUN_RECORD, /* not told */
};

static const char *const nouns[][2] = {
    [NOUN_TABLE] = {"nftables table", "nftables tables"},
    [NOUN_ELEMENT] = {"nftables element", "nftables elements"},
    [NOUN_BRIDGE] = {"bridge", "bridges"},
    [NOUN_DEVICE] = {"device", "devices"},
    [NOUN_ADDRESS] = {"address", "addresses"},
    [NOUN_ROUTE] = {"route", "routes"},
    [NOUN_NEIGHBOUR] = {"neighbour", "neighbours"},
    [NOUN_PASSAGE] = {"accept in another's packet filter", "accepts in others' packet filters"},
    [NOUN_UPLINK] = {"uplink", "uplinks"},
    [NOUN_SYSCTL] = {"sysctl", "sysctls"},
    [NOUN_SERVICE] = {"served network", "served networks"},
};

static enum noun noun_of(const struct model_object *object)
{
    switch (object->kind) {
    case MODEL_OBJECT_TABLE:
        return NOUN_TABLE;
    case MODEL_OBJECT_ELEMENT:
        return NOUN_ELEMENT;
    case MODEL_OBJECT_LINK:
        return object->link.kind == MODEL_LINK_BRIDGE ? NOUN_BRIDGE : NOUN_DEVICE;
    case MODEL_OBJECT_ADDRESS:
        return NOUN_ADDRESS;
    case MODEL_OBJECT_ROUTE:
        return NOUN_ROUTE;
    case MODEL_OBJECT_NEIGHBOUR:
        return NOUN_NEIGHBOUR;
    case MODEL_OBJECT_PASSAGE:
        return NOUN_PASSAGE;
    case MODEL_OBJECT_UPLINK:
        return NOUN_UPLINK;
    case MODEL_OBJECT_SYSCTL:
        return NOUN_SYSCTL;
    case MODEL_OBJECT_SERVICE:
        return NOUN_SERVICE;
    case MODEL_OBJECT_RECORD:
        break;
    }
    return NOUN_RECORD;
}

int api_note_undone(struct tapnet *tapnet, const struct plan *plan)
{
    size_t counts[NOUN_RECORD + 1] = {0};
    const char *list = "";

    for (size_t i = 0; i < plan->step_count; i++)
        counts[noun_of(plan_step_object(&plan->steps[i]))]++;
    for (size_t i = 0; i < NOUN_RECORD && list; i++)
        if (counts[i])
            list = arena_printf(&tapnet->note_arena, "%s%s%zu %s", list, *list ? ", " : "", counts[i],
                                nouns[i][counts[i] != 1]);
    if (!list)
        return -ENOMEM;
    if (!*list)
        return 0;
    return api_note(tapnet,
                    arena_printf(&tapnet->note_arena, "undid what a tapnet that was killed had left: %s", list));
}

int api_note_leftovers(struct tapnet *tapnet, const struct tapnet_error *reason)
{
    return api_note(tapnet, arena_printf(&tapnet->note_arena, "%s", reason->text));
}
