/* SPDX-License-Identifier: MIT */
/* A packet's way from one end to the other, as the kernel walks it. */
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "explain/stack.h"
#include "model/forward.h"

#define DNS_PORT 53
#define DHCP_PORT 67
#define DHCP6_PORT 547

static void enter(struct rules_packet *packet, const struct explain_link *in)
{
    packet->in = in->name;
    packet->in_index = (uint32_t)in->index;
    packet->in_kind = in->kind;
    packet->ethernet = in->ethernet;
    packet->out = "";
    packet->out_index = 0;
    packet->out_kind = NULL;
}

static void leave(struct rules_packet *packet, const struct explain_link *out)
{
    packet->out = out->name;
    packet->out_index = (uint32_t)out->index;
    packet->out_kind = out->kind;
}

static bool is_routed(const struct why_end *guest)
{
    return !model_network_has_bridge(guest->service->network);
}

static bool is_dhcp(const struct why *why)
{
    return why->protocol == IPPROTO_UDP && why->port == (why->family == AF_INET6 ? DHCP6_PORT : DHCP_PORT);
}

/* Do its guests leave with the host's address? */
static bool is_translated(const struct why *why, const struct model_network *network)
{
    return network->mode == MODEL_MODE_NAT && (why->family == AF_INET || model_is_local6(&network->subnet6));
}

/* ---- from a guest ---- */

/* What its port may send. A guest of whom nothing was seen yet has no MAC that could be looked for. */
static void step_guard(struct why *why, const struct why_end *guest, const struct rules_packet *packet)
{
    if (!is_routed(guest) && mac_is_zero(&guest->mac)) {
        why_add(why, WHY_UNKNOWN, "guard",
                why_print(why, "the guest behind %s has sent nothing yet: its MAC is not known", packet->in), "");
        return;
    }
    if (!is_routed(guest))
        why_step_hook(why, "guard", RULES_PREROUTING, RULES_FRAMES, packet, NULL);
}

static bool same_bridge(const struct why_end *a, const struct why_end *b)
{
    return a->kind == WHY_GUEST && b->kind == WHY_GUEST && a->service == b->service && !is_routed(a);
}

static void step_isolation(struct why *why, const struct why_end *from, const struct explain_link *in,
                           const struct why_end *to)
{
    const struct explain_link *out = explain_find_link(&why->host, to->port->device);
    const struct model_network *network = from->service->network;

    if (!out || !in->isolated || !out->isolated)
        return;
    if (!network->ports_see_each_other)
        why_add(why, WHY_STOPS, "isolation",
                why_print(why, "ports of network %s do not see each other: its file says so (ports_see_each_other)",
                          network->name),
                "");
    else
        why_add(why, WHY_STOPS, "isolation", why_print(why, "%s and %s are isolated ports", in->name, out->name),
                why_print(why, "bridge link set dev %s isolated off", why_word(why, in->name)));
}

/* From one port of a bridge to another. */
static void walk_bridge(struct why *why, const struct why_end *from, const struct explain_link *in,
                        const struct why_end *to, struct rules_packet packet)
{
    const struct explain_link *bridge = why_step_bridge(why, from->service);
    const struct explain_link *out = explain_find_link(&why->host, to->port->device);

    step_isolation(why, from, in, to);
    why_step_mac(why, to);
    if (bridge && out) {
        leave(&packet, out);
        why_step_hook(why, "bridge-forward-hook", RULES_FORWARD, RULES_FRAMES, &packet, NULL);
        if (explain_is_bridge_filtered(why->family)) {
            packet.port_in = in->name;
            packet.port_out = out->name;
            enter(&packet, bridge);
            why_step_hook(why, "prerouting-hook", RULES_PREROUTING, RULES_STACK, &packet, NULL);
            leave(&packet, bridge);
            why_step_hook(why, "forward-hook", RULES_FORWARD, RULES_STACK, &packet, NULL);
        }
    }
    why_step_port(why, to, false);
}

/* Is the gateway's address, which must be there, on @device? */
static void step_gateway_address(struct why *why, const struct why_end *guest, const char *device,
                                 const struct ip_prefix *gateway)
{
    const struct model_objects *objects = &why->host.found->objects;
    char text[IP_PREFIX_TEXT_MAX];

    for (size_t i = 0; i < objects->count; i++)
        if (objects->items[i].kind == MODEL_OBJECT_ADDRESS && strcmp(objects->items[i].address.device, device) == 0 &&
            ip_address_equal(&objects->items[i].address.prefix.address, &gateway->address))
            return;
    ip_prefix_print(gateway, text);
    why_add(why, WHY_STOPS, "gateway", why_print(why, "the gateway's address %s is not on %s", text, device),
            why_up_command(why, guest->service));
}

/* The host's address in the network, that the guest has as its gateway; by IPv6 that is another one. */
static void step_gateway(struct why *why, const struct why_end *guest, const struct explain_link *in,
                         const struct why_end *to)
{
    const struct model_network *network = guest->service->network;

    if (!model_mode_leads_out(network->mode) && to->kind == WHY_GUEST && to->service == guest->service)
        return; /* without a bridge, by the host, which answers ARP for all of them */
    if (!model_mode_leads_out(network->mode)) {
        why_add(why, WHY_STOPS, "mode",
                why_print(why, "network %s is isolated: its guests reach each other and nobody else", network->name),
                "");
        return;
    }
    if (in)
        why_step_ip6(why, in);
    step_gateway_address(why, guest, network->bridge, why_subnet(why, network));
    if (why->family != AF_INET6 || !in ||
        (to->kind == WHY_HOST && !ip_address_equal(&to->address, &model_router6.address)))
        return;
    step_gateway_address(why, guest, in->name, &model_router6);
    why_step_router(why, in);
}

/* ---- through the host ---- */

/* For the host itself. */
static void walk_input(struct why *why, const struct why_end *from, const struct explain_link *in,
                       struct rules_packet *packet, const struct rules_answer *translated)
{
    if (from->kind == WHY_GUEST && packet->destination_port == DNS_PORT && translated->nat) {
        packet->destination_port = from->service->network->dns_port;
        packet->status |= IPS_DST_NAT;
    }
    enter(packet, in);
    why_step_hook(why, "input-hook", RULES_INPUT, RULES_STACK, packet, NULL);
    if (from->kind == WHY_GUEST && (why->port == DNS_PORT || is_dhcp(why)) && !from->service->running)
        why_add(why, WHY_STOPS, "service",
                why_print(why, "tapnet-service does not answer for network %s", from->service->network->name),
                why_up_command(why, from->service));
}

/* Guests of a network with NAT must not leave with their own address: nobody outside would answer them. */
static void step_nat(struct why *why, const struct why_end *from, const struct why_end *to,
                     const struct rules_packet *packet)
{
    struct rules_answer answer;

    why_step_hook(why, "postrouting-hook", RULES_POSTROUTING, RULES_STACK, packet, &answer);
    if (to->kind == WHY_OUTSIDE && from->kind == WHY_GUEST && !packet->is_reply &&
        is_translated(why, from->service->network) && answer.outcome != RULES_DROPPED && !answer.nat)
        why_add(why, WHY_STOPS, "nat",
                why_print(why, "it leaves by %s with the guest's own address: nothing translates it", packet->out),
                why_up_command(why, from->service));
}

/* Is @object there as it was made? */
static bool is_intact(const struct why *why, const struct model_object *object)
{
    const struct model_object *found = model_objects_find(&why->host.found->objects, object);

    return found && model_object_equal(object, found);
}

/* A clone's packets have its address outside everywhere but on its own link: is there what exchanges them? */
static void step_clone(struct why *why, const struct why_end *guest)
{
    const struct model_network *network = guest->service->network;
    bool ip6 = why->family == AF_INET6;
    enum guard_family family = ip6 ? GUARD_CLONES6 : GUARD_CLONES;
    const struct ip_address *inside = ip6 ? &network->clones.address6 : &network->clones.address;
    const struct ip_address *outside = ip6 ? &guest->port->address6 : &guest->port->address;
    const char *device = guest->port->device;
    char text[IP_TEXT_MAX];
    struct model_object table = {.kind = MODEL_OBJECT_TABLE, .table = {.family = family, .intact = true}},
                        out = {.kind = MODEL_OBJECT_ELEMENT}, in = {.kind = MODEL_OBJECT_ELEMENT};

    if (!inside->family || !outside->family)
        return;
    out.element = guard_translated(GUARD_OUTSIDES, device, inside, outside, NULL);
    in.element = guard_translated(GUARD_INSIDES, device, outside, inside, NULL);
    ip_address_print(inside, text);
    if (is_intact(why, &table) && is_intact(why, &out) && is_intact(why, &in))
        why_add(why, WHY_PASSES, "clone", why_print(why, "%s is %s inside", device, text), "");
    else
        why_add(why, WHY_STOPS, "clone",
                why_print(why, "the table %s is not as it was made: %s keeps the address %s, which is nobody's here",
                          guard_tables[family].text, device, text),
                why_up_command(why, guest->service));
}

/* What its guest says of itself on its own link: of a clone that is what all of them have. */
static const struct ip_address *address_inside(const struct why_end *guest)
{
    const struct model_network *network = guest->service->network;

    return guest->address.family == AF_INET ? model_port_inside(network, guest->port)
                                            : model_port_inside6(network, guest->port);
}

/* The host hears no answer from @guest by @in: is there what keeps it? @asked: the packet that waits for it. */
static void walk_answer(struct why *why, const struct why_end *guest, const struct explain_link *in,
                        const struct rules_packet *asked)
{
    const struct explain_link *port = explain_find_link(&why->host, guest->port->device);
    bool ip6 = why->family == AF_INET6;
    struct rules_packet answer = {
        .in = "",
        .out = "",
        .ethernet = true,
        .arp = !ip6,
        .source = *address_inside(guest),
        .source_mac = guest->mac,
        .destination = asked->source,
        .protocol = ip6 ? IPPROTO_ICMPV6 : 0,
        .icmp_type = ip6 ? ND_NEIGHBOR_ADVERT : 0,
        .target = ip6 ? guest->address : (struct ip_address){0},
    };

    if (!port)
        return;
    enter(&answer, port);
    if (why->from.port != guest->port) { /* else it was told on the way there */
        why_step_classifiers(why, port, false);
        why_step_dropped_before(why, guest);
    }
    step_guard(why, guest, &answer);
    if (!is_routed(guest))
        why_step_hook(why, "bridge-input-hook", RULES_INPUT, RULES_FRAMES, &answer, NULL);
    why_step_asking(why, in, &guest->address);
}

/* What goes out to a guest: on its bridge, or by its own device. */
static void walk_to_guest(struct why *why, const struct explain_link *out, const struct why_end *guest,
                          struct rules_packet packet)
{
    const struct model_network *network = guest->service->network;
    const char *wanted = is_routed(guest) ? guest->port->device : network->bridge;
    const struct explain_link *port;

    if (strcmp(out->name, wanted) != 0)
        why_add(why, WHY_STOPS, "route",
                why_print(why, "it leaves by %s, and the guest is behind %s", out->name, wanted), "");
    if (!is_routed(guest)) {
        why_step_bridge(why, guest->service);
        why_step_mac(why, guest);
        port = explain_find_link(&why->host, guest->port->device);
        if (port) {
            packet.in = "";
            leave(&packet, port);
            why_step_hook(why, "bridge-output-hook", RULES_OUTPUT, RULES_FRAMES, &packet, NULL);
        }
    }
    step_clone(why, guest);
    why_step_port(why, guest, false);
    if (!why_step_neighbour(why, out, address_inside(guest), &guest->mac)) {
        walk_answer(why, guest, out, &packet);
        why_tell_silent(why, out, address_inside(guest));
    }
}

static void walk_out(struct why *why, const struct explain_link *out, const struct ip_address *next,
                     const struct why_end *to, struct rules_packet packet)
{
    if (to->kind == WHY_GUEST) {
        walk_to_guest(why, out, to, packet);
        return;
    }
    why_step_uplink(why, out);
    why_step_classifiers(why, out, true);
    if (!why_step_neighbour(why, out, next, NULL)) {
        why_step_asking(why, out, next);
        why_tell_silent(why, out, next);
    }
    why_add(why, WHY_UNKNOWN, "outside", why_print(why, "what is behind %s is not visible from here", out->name), "");
}

/* From a device to another one. */
static void walk_forward(struct why *why, const struct why_end *from, const struct explain_link *in,
                         const struct why_end *to, struct rules_packet packet)
{
    const struct explain_link *out, *uplink = NULL;
    struct ip_address next;

    if (from->kind == WHY_GUEST)
        uplink = explain_find_link(&why->host, why_uplink(why, from->service->network));
    why_step_forwarding(why, in);
    if (to->kind == WHY_OUTSIDE && uplink)
        why_step_ip6(why, uplink);
    out = why_step_route(why, in, &packet, &next);
    if (!out)
        return;
    leave(&packet, out);
    why_step_hook(why, "forward-hook", RULES_FORWARD, RULES_STACK, &packet, NULL);
    why_step_mtu(why, from, in, out);
    step_nat(why, from, to, &packet);
    if (!packet.is_reply)
        why_step_connections(why);
    walk_out(why, out, &next, to, packet);
}

/* A rule that must go: where it is, and the command that deletes it. */
static void add_rule_step(struct why *why, const char *name, const char *what, const struct rules_chain *chain,
                          const struct rules_rule *rule)
{
    struct rules_answer place = {.base = chain, .chain = chain, .rule = rule};
    const char *text = explain_place(&why->host.rules, &place, &why->arena);
    unsigned long long handle = rule->handle;

    why_add(why, WHY_STOPS, name, why_print(why, "%s: %s", what, text ? text : ""),
            chain->legacy ? why_print(why, "ip%stables-legacy -t %s -D %s %llu", chain->family == RULES_IP6 ? "6" : "",
                                      why_word(why, chain->table), why_word(why, chain->name), handle)
                          : why_print(why, "nft delete rule %s %s %s handle %llu", rules_family_name(chain->family),
                                      why_word(why, chain->table), why_word(why, chain->name), handle));
}

/* Without a connection there is no translation, and nothing tells an answer from an intruder. */
static void step_tracking(struct why *why, const struct rules_answer *answer)
{
    if (answer->untracking)
        add_rule_step(why, "untracked", "no connection is kept for it", answer->untracking_chain, answer->untracking);
}

/* ---- forwards ---- */

/* Is it bound to 127.0.0.1, which nobody but the host reaches? */
static bool is_hosts_own(const struct model_forward *forward)
{
    return forward->address.family == AF_INET && forward->address.bytes[0] == 127;
}

/* The forward that leads to the guest's port, for the host itself (@own) or for others; NULL: none. */
static const struct model_forward *find_forward(const struct why *why, const struct why_end *guest, bool own)
{
    for (size_t i = 0; i < guest->port->forward_count; i++) {
        const struct model_forward *forward = &guest->port->forwards[i];

        if (is_hosts_own(forward) == own && model_forward_leads(forward, &guest->address) &&
            forward->protocol == why->protocol && why->port >= forward->guest_first &&
            why->port - forward->guest_first <= forward->last - forward->first)
            return forward;
    }
    return NULL;
}

/* An address of the host's on @link that others know it by; family 0: none. */
static struct ip_address address_on(const struct why *why, const struct explain_link *link)
{
    const struct observe_found *found = why->host.found;

    for (size_t i = 0; i < found->address_count; i++)
        if (found->addresses[i].index == link->index && found->addresses[i].prefix.address.family == why->family &&
            !why_closed(&found->addresses[i].prefix.address))
            return found->addresses[i].prefix.address;
    return (struct ip_address){0};
}

/* The packet as it comes in from outside: to an address of the host's, and to the port that is forwarded. */
static struct rules_packet before_translation(const struct why *why, const struct explain_link *in,
                                              const struct model_forward *forward, const struct rules_packet *packet)
{
    struct rules_packet first = *packet;

    first.destination = forward && !ip_address_is_any(&forward->address) ? forward->address : address_on(why, in);
    first.destination_type = RTN_LOCAL;
    if (forward && !packet->is_reply) {
        first.destination_port = (uint16_t)(forward->first + (why->port - forward->guest_first));
        first.status &= ~(uint32_t)IPS_DST_NAT;
    }
    return first;
}

/* Who gave the packet an address: our forward, or somebody before it? */
static void step_forward(struct why *why, const struct why_end *to, const struct model_forward *forward,
                         const struct rules_packet *first, const struct rules_answer *translated)
{
    char text[MODEL_FORWARD_TEXT_MAX];

    if (translated->nat && !explain_is_ours(translated->nat_chain))
        add_rule_step(why, "forward-shadowed", "before the forward somebody else leads it elsewhere",
                      translated->nat_chain, translated->nat);
    else if (!translated->nat && first->destination.family && translated->outcome == RULES_PASSES)
        why_add(why, WHY_STOPS, "forward-missing",
                why_print(why, "tapnet's own table, which is not as it should be, lacks the forward %s",
                          model_forward_print(forward, text)),
                why_up_command(why, to->service));
    else
        why_add(why, WHY_PASSES, "forward",
                why_print(why, "the forward %s leads there", model_forward_print(forward, text)), "");
}

/* Who asks from outside for what only a forward of the host's own leads to. */
static void step_own_forward(struct why *why, const struct why_end *to)
{
    const struct model_forward *forward = is_routed(to) ? NULL : find_forward(why, to, true);
    char text[MODEL_FORWARD_TEXT_MAX];

    if (forward && !find_forward(why, to, false))
        why_add(why, WHY_STOPS, "forward-local",
                why_print(why, "the forward %s is the host's own only: nobody outside reaches its 127.0.0.1",
                          model_forward_print(forward, text)),
                "");
}

/* What is of one link, or of a group, no host passes on. */
static void step_closed(struct why *why, const struct why_end *to)
{
    const char *closed = why_closed(&to->address);
    char text[IP_TEXT_MAX];

    if (closed)
        why_add(why, WHY_STOPS, "route", why_print(why, "%s is %s", ip_address_print(&to->address, text), closed), "");
}

/* A packet that comes in by @in and is for the host or for somebody behind it. */
static void walk_stack(struct why *why, const struct why_end *from, const struct explain_link *in,
                       const struct why_end *to, struct rules_packet packet)
{
    const struct model_forward *forward = NULL;
    struct rules_answer translated;
    struct rules_packet first;

    enter(&packet, in);
    if (why->family == AF_INET6 && to->kind == WHY_OUTSIDE)
        step_closed(why, to);
    first = packet;
    if (from->kind == WHY_OUTSIDE && (packet.status & (IPS_SRC_NAT | IPS_DST_NAT))) { /* it is for the host, as yet */
        forward = packet.is_reply ? NULL : find_forward(why, to, false);
        first = before_translation(why, in, forward, &packet);
    }
    why_step_hook(why, "prerouting-hook", RULES_PREROUTING, RULES_STACK, &first, &translated);
    step_tracking(why, &translated);
    if (forward)
        step_forward(why, to, forward, &first, &translated);
    why_step_reverse_path(why, in, &packet);
    if (to->kind == WHY_HOST)
        walk_input(why, from, in, &packet, &translated);
    else
        walk_forward(why, from, in, to, packet);
}

/* ---- the three beginnings ---- */

/* A request of DHCP or DHCPv6 ends at the bridge: the service gets a copy of it from netfilter's log. */
static void step_dhcp(struct why *why, const struct why_end *from)
{
    const struct model_network *network = from->service->network;

    if (from->service->running)
        why_add(why, WHY_PASSES, "service",
                why_print(why, "tapnet-service hears requests of DHCP for network %s", network->name), "");
    else
        why_add(why, WHY_STOPS, "service",
                why_print(why, "tapnet-service does not answer for network %s", network->name),
                why_up_command(why, from->service));
}

static void walk_from_guest(struct why *why, const struct why_end *from, const struct why_end *to,
                            struct rules_packet packet)
{
    const struct explain_link *port = why_step_port(why, from, true), *in = port;

    if (!port)
        return;
    if (!packet.is_reply && to->kind == WHY_HOST && is_dhcp(why)) {
        step_dhcp(why, from);
        return;
    }
    enter(&packet, port);
    if (packet.is_reply && to->kind == WHY_OUTSIDE && find_forward(why, from, false))
        packet.status |= IPS_DST_NAT;
    step_clone(why, from);
    step_guard(why, from, &packet);
    why_step_dropped_before(why, from);
    if (same_bridge(from, to)) {
        walk_bridge(why, from, port, to, packet);
        return;
    }
    if (!is_routed(from)) {
        in = why_step_bridge(why, from->service);
        why_step_hook(why, "bridge-input-hook", RULES_INPUT, RULES_FRAMES, &packet, NULL);
    }
    step_gateway(why, from, in, to);
    if (in)
        why_step_asked(why, in, from);
    if (in)
        walk_stack(why, from, in, to, packet);
}

static void walk_from_outside(struct why *why, const struct why_end *from, const struct why_end *to,
                              struct rules_packet packet)
{
    const struct model_network *network = to->service->network;
    const char *uplink = why_uplink(why, network);
    const struct explain_link *in = explain_find_link(&why->host, uplink);

    if (!in) {
        why_add(why, WHY_STOPS, "uplink-missing",
                why_print(why, "network %s has no uplink%s%s%s", network->name,
                          why->family == AF_INET6 ? " of IPv6" : "", *uplink ? ": there is no " : "", uplink),
                "");
        return;
    }
    why_step_uplink(why, in);
    why_step_ip6(why, in);
    why_step_classifiers(why, in, false);
    if (!packet.is_reply)
        step_own_forward(why, to);
    if (!packet.is_reply && find_forward(why, to, false))
        packet.status |= IPS_DST_NAT;
    if (packet.is_reply && is_translated(why, network))
        packet.status |= IPS_SRC_NAT;
    walk_stack(why, from, in, to, packet);
}

static void walk_from_host(struct why *why, const struct why_end *to, struct rules_packet packet)
{
    struct ip_address next;
    const struct explain_link *out = why_step_route(why, NULL, &packet, &next);

    if (!out)
        return;
    leave(&packet, out);
    why_step_hook(why, "output-hook", RULES_OUTPUT, RULES_STACK, &packet, NULL);
    why_step_hook(why, "postrouting-hook", RULES_POSTROUTING, RULES_STACK, &packet, NULL);
    walk_out(why, out, &next, to, packet);
}

void why_walk(struct why *why, const struct why_end *from, const struct why_end *to)
{
    struct rules_packet packet = why_packet(why);

    switch (from->kind) {
    case WHY_GUEST:
        walk_from_guest(why, from, to, packet);
        break;
    case WHY_HOST:
        walk_from_host(why, to, packet);
        break;
    case WHY_OUTSIDE:
        walk_from_outside(why, from, to, packet);
        break;
    }
}
