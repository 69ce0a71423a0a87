/* SPDX-License-Identifier: MIT */
/* Says in words why a step is needed: what differs between the object that is there and the one that is wanted. */
#include "plan/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Appends ", " and the formatted text. */
__attribute__((format(printf, 2, 3))) static void append(char text[PLAN_REASON_MAX], const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;

    if (length && length < PLAN_REASON_MAX - 3) {
        strcpy(text + length, ", ");
        length += 2;
    }
    va_start(arguments, format);
    vsnprintf(text + length, PLAN_REASON_MAX - length, format, arguments);
    va_end(arguments);
}

static const char *id_print(uint32_t id, char text[16])
{
    if (id == MODEL_ID_NONE)
        return "nobody";
    snprintf(text, 16, "%u", id);
    return text;
}

static void link_identity_reason(const struct model_link *before, const struct model_link *after, char *text)
{
    char had[16], wants[16];

    if (before->kind != after->kind || before->multi_queue != after->multi_queue)
        append(text, "is of another kind or queue mode: made anew");
    if (!model_link_type_equal(after, before))
        append(text, "link type %u, wanted %u: made anew", before->link_type, after->link_type);
    if (before->disowned)
        append(text, "has another alias");
    else if (!before->owner.set[0])
        append(text, "was not labelled");
    else if (strcmp(before->owner.network, after->owner.network) != 0 ||
             strcmp(before->owner.port, after->owner.port) != 0)
        append(text, "is %s/%s, wanted %s/%s", before->owner.network, before->owner.port, after->owner.network,
               after->owner.port);
    if (before->user != after->user)
        append(text, "user %s, wanted %s", id_print(before->user, had), id_print(after->user, wants));
    if (before->group != after->group)
        append(text, "group %s, wanted %s", id_print(before->group, had), id_print(after->group, wants));
    if (before->persistent != after->persistent)
        append(text, "would end with its holder");
}

static void settings_reason(const struct model_settings *before, const struct model_settings *after, char *text)
{
    char had[MODEL_OFFLOADS_TEXT_MAX], wants[MODEL_OFFLOADS_TEXT_MAX];

    if (!model_offloads_equal(after, before))
        append(text, "offloads %s, wanted %s", model_offloads_print(before->offloads, had),
               model_offloads_print(after->offloads, wants));
    if (model_vnet_header_size(before) != model_vnet_header_size(after))
        append(text, "vnet header of %u bytes, wanted %u", model_vnet_header_size(before),
               model_vnet_header_size(after));
}

static void altered_reason(unsigned altered, char *text)
{
    static const struct {
        unsigned bit;
        const char *words;
    } rows[] = {
        {MODEL_ALTERED_GROUP, "is in another interface group"},
        {MODEL_ALTERED_STP, "spanning tree is on"},
        {MODEL_ALTERED_DELAY, "has a forward delay"},
        {MODEL_ALTERED_SNOOPING, "multicast snooping is on"},
        {MODEL_ALTERED_PORT, "its flags as a bridge's port were changed"},
        {MODEL_ALTERED_GROUPS, "frames to bridge group addresses get past the guards"},
        {MODEL_ALTERED_LEARNING, "may learn another number of MACs"},
        {MODEL_ALTERED_ARP, "answers ARP that is not for it"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (altered & rows[i].bit)
            append(text, "%s", rows[i].words);
}

static void link_reason(const struct model_link *before, const struct model_link *after, char *text)
{
    char had[MAC_TEXT_MAX], wants[MAC_TEXT_MAX];

    link_identity_reason(before, after, text);
    if (strcmp(before->master, after->master) != 0)
        append(text, "is in %s, wanted %s", before->master[0] ? before->master : "no bridge",
               after->master[0] ? after->master : "none");
    if (!mac_equal(&before->mac, &after->mac) && after->kind != MODEL_LINK_TUN)
        append(text, "MAC %s, wanted %s", mac_print(&before->mac, had), mac_print(&after->mac, wants));
    if (before->routed != after->routed)
        append(text, "%s", after->routed ? "does not route, or answers ARP for others" : "routes");
    if (after->routed6 && !before->routed6)
        append(text, "does not route IPv6");
    if (before->isolated != after->isolated)
        append(text, "is %sisolated", before->isolated ? "" : "not ");
    if (!model_receive_equal(after, before))
        append(text, "receives %llu bytes/s, wanted %llu", (unsigned long long)before->receive,
               (unsigned long long)after->receive);
    if (after->mtu && before->mtu != after->mtu)
        append(text, "MTU %u, wanted %u", before->mtu, after->mtu);
    if (before->up != after->up)
        append(text, "is %s", before->up ? "up" : "down");
    if (after->queue_length && before->queue_length != after->queue_length)
        append(text, "queue length %u, wanted %u", before->queue_length, after->queue_length);
    settings_reason(&before->settings, &after->settings, text);
    if (after->kind == MODEL_LINK_BRIDGE && before->forwarding != after->forwarding &&
        after->owner.mode != MODEL_MODE_BRIDGE)
        append(text, "forwarding is %s", before->forwarding ? "on" : "off");
    if (model_link_is_gateway(after) && before->route_localnet != after->route_localnet)
        append(text, "route_localnet is %s", before->route_localnet ? "on" : "off");
    if (after->kind == MODEL_LINK_BRIDGE && before->owner.mode != after->owner.mode)
        append(text, "mode %s, wanted %s", model_mode_print(before->owner.mode), model_mode_print(after->owner.mode));
    if (before->owner.set[0] && !mac_equal(&before->owner.guest_mac, &after->owner.guest_mac))
        append(text, "the guest's MAC changes");
    altered_reason(before->altered, text);
}

static void service_reason(const struct model_service *before, const struct model_service *after, char *text)
{
    if (!before->running)
        append(text, "is not served");
    else if (before->named == after->named)
        append(text, "ports or options changed");
    else
        append(text, after->named ? "is unknown to the host's resolver" : "is known to the host's resolver");
}

/* "2 addresses and 3 routes move to br-lab", as far as there are any. */
static void uplink_reason(const struct model_uplink *before, const struct model_uplink *after, char *text)
{
    const char *to = after->bridge[0] ? after->bridge : after->name;
    size_t addresses = 0, routes = 0;

    if (strcmp(before->bridge, after->bridge) != 0 && after->bridge[0])
        append(text, "becomes a port of %s", after->bridge);
    else if (strcmp(before->bridge, after->bridge) != 0)
        append(text, "leaves %s", before->bridge);
    for (size_t i = 0; i < after->item_count; i++) {
        bool moves = strcmp(after->items[i].device, to) == 0 && !model_uplink_has(before, &after->items[i]);

        addresses += moves && after->items[i].kind == MODEL_ITEM_ADDRESS;
        routes += moves && after->items[i].kind == MODEL_ITEM_ROUTE;
    }
    append(text, "%zu address%s and %zu route%s move to %s", addresses, addresses == 1 ? "" : "es", routes,
           routes == 1 ? "" : "s", to);
}

const char *plan_step_reason(const struct plan_step *step, char text[PLAN_REASON_MAX])
{
    char element[GUARD_TEXT_MAX];

    text[0] = '\0';
    if (!step->before || !step->after)
        return text;
    switch (step->after->kind) {
    case MODEL_OBJECT_TABLE:
        append(text, "is not as this version of tapnet makes it");
        break;
    case MODEL_OBJECT_ELEMENT:
        append(text, "was %s", guard_element_print(&step->before->element, element));
        break;
    case MODEL_OBJECT_LINK:
        link_reason(&step->before->link, &step->after->link, text);
        break;
    case MODEL_OBJECT_SYSCTL:
        if (strcmp(step->before->sysctl.value, step->after->sysctl.value) != 0)
            append(text, "is %s, wanted %s", step->before->sysctl.value, step->after->sysctl.value);
        if (strcmp(step->before->sysctl.users, step->after->sysctl.users) != 0)
            append(text, "needed by %s", step->after->sysctl.users);
        if (step->before->sysctl.lost)
            append(text, "its ledger is gone");
        break;
    case MODEL_OBJECT_SERVICE:
        service_reason(&step->before->service, &step->after->service, text);
        break;
    case MODEL_OBJECT_RECORD:
        append(text, strcmp(step->before->record.path, step->after->record.path) != 0
                         ? "comes from another file"
                         : "devices or their options changed");
        break;
    case MODEL_OBJECT_ADDRESS:
        append(text, "the route to its %s is gone", step->after->address.peer.family ? "guest" : "subnet");
        break;
    case MODEL_OBJECT_UPLINK:
        uplink_reason(&step->before->uplink, &step->after->uplink, text);
        break;
    case MODEL_OBJECT_ROUTE:
        append(text, "the host speaks to its guest from another address");
        break;
    case MODEL_OBJECT_NEIGHBOUR:
        append(text, "has another MAC");
        break;
    case MODEL_OBJECT_PASSAGE:
        break; /* never changed: all of it is its identity */
    }
    return text;
}
