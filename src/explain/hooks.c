/* SPDX-License-Identifier: MIT */
/* Rules on a packet's way: those that can be read, and programs that can't. */
#include <stdio.h>
#include <string.h>

#include "explain/why.h"
#include "netlink/lookup.h"

/* May the one reach the other, if all is as the file wants it? */
static bool should_pass(const struct why *why)
{
    const struct why_end *from = &why->from, *to = &why->to;

    if (from->kind == WHY_GUEST && to->kind == WHY_GUEST)
        return from->service == to->service && from->service->network->ports_see_each_other;
    if (from->kind == WHY_GUEST)
        return model_mode_leads_out(from->service->network->mode) && (to->kind == WHY_OUTSIDE || !why->port);
    return from->kind == WHY_HOST && to->service->network->mode != MODEL_MODE_ISOLATED;
}

/* Our own rules: what they drop is meant to be dropped, or they are not as they should be. */
static void tell_guard(struct why *why, const char *name, const struct rules_answer *answer)
{
    const struct why_end *guest = why->from.kind == WHY_GUEST ? &why->from : &why->to;
    const char *what = answer->rule ? answer->rule->comment : "its policy is drop";
    const char *closed = answer->base->family == RULES_INET ? why_closed(&why->to.address) : NULL;
    char text[IP_TEXT_MAX];

    if (closed)
        why_add(why, WHY_STOPS, name,
                why_print(why, "%s is %s: tapnet's guards let no guest send there, on purpose: chain %s, %s",
                          ip_address_print(&why->to.address, text), closed, answer->chain->name, what),
                "");
    else if (should_pass(why))
        why_add(why, WHY_STOPS, name,
                why_print(why, "tapnet's own guards, which are not as they should be, drop it: chain %s, %s",
                          answer->chain->name, what),
                why_up_command(why, guest->service));
    else
        why_add(why, WHY_STOPS, name,
                why_print(why, "tapnet's guards do not let it by: chain %s, %s", answer->chain->name, what), "");
}

static void tell_dropped(struct why *why, const char *name, const struct rules_packet *packet,
                         const struct rules_answer *answer)
{
    const char *place = explain_place(&why->host.rules, answer, &why->arena);

    if (explain_is_ours(answer->base))
        tell_guard(why, name, answer);
    else
        why_add(why, WHY_STOPS, name, place, explain_remedy(&why->host.rules, answer, packet, &why->arena));
}

static void tell_maybe(struct why *why, const char *name, const struct rules_answer *answer)
{
    const char *place = explain_place(&why->host.rules, answer, &why->arena);
    char condition[RULES_TEXT_MAX] = "";

    if (answer->undecided)
        rules_print_condition(&why->host.rules, answer->undecided, condition);
    why_add(why, WHY_UNKNOWN, name,
            why_print(why, "it may be dropped here: %s; %s%s", place ? place : "",
                      answer->undecided ? "what can't be told is: " : "a program decides", condition),
            "");
}

void why_step_hook(struct why *why, const char *name, enum rules_hook hook, enum rules_side side,
                   const struct rules_packet *packet, struct rules_answer *ret)
{
    struct rules_answer answer;

    rules_meet(&why->host.rules, hook, side, packet, &answer);
    if (ret)
        *ret = answer;
    if (answer.outcome == RULES_DROPPED)
        tell_dropped(why, name, packet, &answer);
    else if (answer.outcome == RULES_MAY_BE_DROPPED)
        tell_maybe(why, name, &answer);
    else if (answer.base_count)
        why_add(why, WHY_PASSES, name,
                why_print(why, "%zu chain%s let%s it by", answer.base_count, answer.base_count == 1 ? "" : "s",
                          answer.base_count == 1 ? "s" : ""),
                "");
}

void why_step_drop(struct why *why, const char *name, enum rules_hook hook, const struct rules_packet *packet)
{
    struct rules_answer answer;

    rules_meet(&why->host.rules, hook, RULES_STACK, packet, &answer);
    if (answer.outcome == RULES_DROPPED)
        tell_dropped(why, name, packet, &answer);
}

/* ---- what was dropped before ---- */

/* How many packets the counters of @rule have seen. */
static uint64_t count_of(const struct rules_rule *rule)
{
    uint64_t count = 0;

    for (size_t i = 0; i < rule->step_count; i++)
        count += rule->steps[i].count;
    return count;
}

/* The rules that drop what a guest may not say of itself; as nft/ruleset_frames.c has their comments. */
#define FORGED "forged"
#define OTHER_MAC "a MAC that is not the port's"
#define REFUSED_MAX 4 /* that are named */

/* The step that a rule of ours is told by when it has dropped something; NULL: none. */
static const char *step_of(const struct rules_rule *rule)
{
    if (strncmp(rule->comment, FORGED, strlen(FORGED)) == 0)
        return "guard-drops";
    return strcmp(rule->comment, OTHER_MAC) == 0 ? "guard-refused" : NULL;
}

static void step_counted(struct why *why, const struct rules_chain *chain)
{
    for (size_t i = 0; i < chain->rule_count; i++) {
        const char *name = step_of(&chain->rules[i]);
        uint64_t count = name ? count_of(&chain->rules[i]) : 0;

        if (count)
            why_add(why, WHY_UNKNOWN, name,
                    why_print(why, "of guests, not of this one alone, the guards have dropped so far: %s (%llu)",
                              chain->rules[i].comment, (unsigned long long)count),
                    "");
    }
}

/* The MAC of an element that says what of this guest was refused; zero: it is about another, or of the port by now. */
static struct mac refused_mac(const struct model_object *object, const struct why_end *guest)
{
    const struct guard_element *element = &object->element;
    struct mac mac = {{0}};

    if (object->kind == MODEL_OBJECT_ELEMENT &&
        (element->set == GUARD_REFUSED_MACS || element->set == GUARD_ROUTED_REFUSED_MACS) &&
        strcmp(guard_read_ifname(element, 0), guest->port->device) == 0)
        mac = guard_read_mac(element, 1);
    return mac_equal(&mac, &guest->mac) ? (struct mac){{0}} : mac;
}

/* Other MACs than the port's, that its guest sends from. */
static void step_refused(struct why *why, const struct why_end *guest)
{
    const struct model_objects *objects = &why->host.found->objects;
    const char *macs = "";
    char text[MAC_TEXT_MAX];

    for (size_t i = 0, count = 0; i < objects->count && macs && count < REFUSED_MAX; i++) {
        struct mac mac = refused_mac(&objects->items[i], guest);

        if (mac_is_zero(&mac))
            continue;
        macs = why_print(why, "%s%s%s", macs, *macs ? ", " : "", mac_print(&mac, text));
        count++;
    }
    if (!macs)
        why->failed = true;
    else if (*macs)
        why_add(why, WHY_UNKNOWN, "guard-refused",
                why_print(why,
                          "the guest behind %s has sent from a MAC that is not the port's, and that is dropped: %s",
                          guest->port->device, macs),
                "");
}

void why_step_dropped_before(struct why *why, const struct why_end *guest)
{
    for (size_t i = 0; i < why->host.rules.chain_count; i++)
        if (explain_is_ours(&why->host.rules.chains[i]))
            step_counted(why, &why->host.rules.chains[i]);
    step_refused(why, guest);
}

/* ---- what can't be read ---- */

void why_step_classifiers(struct why *why, const struct explain_link *link, bool going_out)
{
    struct rules_packet packet = why_packet(why);
    size_t count = 0;

    if (link->xdp && !going_out)
        why_add(why, WHY_UNKNOWN, "xdp",
                why_print(why, "a program of XDP at %s sees it first: what it does is not visible", link->name),
                why_print(why, "ip link set dev %s xdp off", why_word(why, link->name)));
    if (netlink_filter_count(why->host.netlink, link->index, going_out, &count, NULL) == 0 && count)
        why_add(why, WHY_UNKNOWN, "classifier",
                why_print(why, "%zu classifier%s of tc at %s see%s it: what they do is not visible", count,
                          count == 1 ? "" : "s", link->name, count == 1 ? "s" : ""),
                why_print(why, "tc filter del dev %s %s", why_word(why, link->name), going_out ? "egress" : "ingress"));
    if (going_out) {
        packet.out = link->name;
        packet.out_index = (uint32_t)link->index;
        why_step_hook(why, "egress-hook", RULES_EGRESS, RULES_DEVICE, &packet, NULL);
        return;
    }
    packet.in = link->name;
    packet.in_index = (uint32_t)link->index;
    why_step_hook(why, "ingress-hook", RULES_INGRESS, RULES_DEVICE, &packet, NULL);
}
