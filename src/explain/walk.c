/* SPDX-License-Identifier: MIT */
/* A packet's way from one end to the other, as the kernel walks it. */
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "explain/stack.h"
#include "model/forward.h"

#define DNS_PORT 53
#define DHCP_PORT 67

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

/* Whether br_netfilter shows bridged frames to the IP hooks. */
static bool is_bridge_filtered(void)
{
    return explain_sysctl("net/bridge/bridge-nf-call-iptables", 0) != 0;
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
        if (is_bridge_filtered()) {
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

/* The host's address in the network, that the guest has as its gateway. */
static void step_gateway(struct why *why, const struct why_end *guest, const struct why_end *to)
{
    const struct model_objects *objects = &why->host.found->objects;
    const struct model_network *network = guest->service->network;
    char text[IP_PREFIX_TEXT_MAX];

    if (!model_mode_leads_out(network->mode) && to->kind == WHY_GUEST && to->service == guest->service)
        return; /* without a bridge, by the host, which answers ARP for all of them */
    if (!model_mode_leads_out(network->mode)) {
        why_add(why, WHY_STOPS, "mode",
                why_print(why, "network %s is isolated: its guests reach each other and nobody else", network->name),
                "");
        return;
    }
    for (size_t i = 0; i < objects->count; i++)
        if (objects->items[i].kind == MODEL_OBJECT_ADDRESS &&
            strcmp(objects->items[i].address.device, network->bridge) == 0 &&
            ip_address_equal(&objects->items[i].address.prefix.address, &network->subnet.address))
            return;
    ip_prefix_print(&network->subnet, text);
    why_add(why, WHY_STOPS, "gateway", why_print(why, "the gateway's address %s is not on %s", text, network->bridge),
            why_up_command(why, guest->service));
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
    if (from->kind == WHY_GUEST && (why->port == DNS_PORT || why->port == DHCP_PORT) && !from->service->running)
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
        from->service->network->mode == MODEL_MODE_NAT && answer.outcome != RULES_DROPPED && !answer.nat)
        why_add(why, WHY_STOPS, "nat",
                why_print(why, "it leaves by %s with the guest's own address: nothing translates it", packet->out),
                why_up_command(why, from->service));
}

/* The host's message to a guest that its packet was too large (RFC 1191). */
static struct rules_packet too_large_message(const struct why_end *guest, const struct explain_link *in)
{
    struct rules_packet message = {
        .in = "",
        .source = guest->service->network->subnet.address,
        .destination = guest->address,
        .destination_type = RTN_UNICAST,
        .protocol = IPPROTO_ICMP,
        .icmp_type = ICMP_DEST_UNREACH,
        .icmp_code = ICMP_FRAG_NEEDED,
        .state = RULES_RELATED,
    };

    leave(&message, in);
    return message;
}

/* Larger packets are sent back with a message: no fault, but good to know. Where that is dropped, they just vanish. */
static void step_mtu(struct why *why, const struct why_end *from, const struct explain_link *in,
                     const struct explain_link *out)
{
    struct rules_answer answer;
    struct rules_packet message;
    const char *place;

    if (from->kind != WHY_GUEST || from->service->network->mtu <= out->mtu)
        return;
    message = too_large_message(from, in);
    rules_meet(&why->host.rules, RULES_OUTPUT, RULES_STACK, &message, &answer);
    if (answer.outcome == RULES_PASSES)
        rules_meet(&why->host.rules, RULES_POSTROUTING, RULES_STACK, &message, &answer);
    if (answer.outcome != RULES_DROPPED) {
        why_add(why, WHY_PASSES, "mtu",
                why_print(why, "%s takes packets of %u bytes; the guest may send %u, and is told to send less",
                          out->name, out->mtu, from->service->network->mtu),
                "");
        return;
    }
    place = explain_place(&why->host.rules, &answer, &why->arena);
    why_add(why, WHY_UNKNOWN, "mtu",
            why_print(why,
                      "packets of more than %u bytes, which %s takes, vanish: the message to the guest is dropped: %s",
                      out->mtu, out->name, place ? place : ""),
            explain_remedy(&why->host.rules, &answer, &message, &why->arena));
}

/* The host hears no answer from @guest: is there what keeps it? @asked: the packet that waits for it. */
static void walk_answer_of_arp(struct why *why, const struct why_end *guest, const struct rules_packet *asked)
{
    const struct explain_link *port = explain_find_link(&why->host, guest->port->device);
    struct rules_packet answer = {
        .in = "",
        .out = "",
        .ethernet = true,
        .arp = true,
        .source = guest->address,
        .source_mac = guest->mac,
        .destination = asked->source,
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
    why_step_port(why, guest, false);
    if (!why_step_neighbour(why, out, &guest->address, &guest->mac)) {
        walk_answer_of_arp(why, guest, &packet);
        why_tell_silent(why, out, &guest->address);
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
    if (!why_step_neighbour(why, out, next, NULL))
        why_tell_silent(why, out, next);
    why_add(why, WHY_UNKNOWN, "outside", why_print(why, "what is behind %s is not visible from here", out->name), "");
}

/* From a device to another one. */
static void walk_forward(struct why *why, const struct why_end *from, const struct explain_link *in,
                         const struct why_end *to, struct rules_packet packet)
{
    const struct explain_link *out;
    struct ip_address next;

    why_step_forwarding(why, in);
    out = why_step_route(why, in, &packet, &next);
    if (!out)
        return;
    leave(&packet, out);
    why_step_hook(why, "forward-hook", RULES_FORWARD, RULES_STACK, &packet, NULL);
    step_mtu(why, from, in, out);
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
            chain->legacy ? why_print(why, "iptables-legacy -t %s -D %s %llu", why_word(why, chain->table),
                                      why_word(why, chain->name), handle)
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

/* An address of the host's on @link; family 0: none. */
static struct ip_address address_on(const struct why *why, const struct explain_link *link)
{
    const struct observe_found *found = why->host.found;

    for (size_t i = 0; i < found->address_count; i++)
        if (found->addresses[i].index == link->index && found->addresses[i].prefix.address.family == AF_INET)
            return found->addresses[i].prefix.address;
    return (struct ip_address){0};
}

/* The packet as it comes in from outside: to an address of the host's, and to the port that is forwarded. */
static struct rules_packet before_translation(const struct why *why, const struct explain_link *in,
                                              const struct model_forward *forward, const struct rules_packet *packet)
{
    struct rules_packet first = *packet;

    first.destination = forward && forward->address.family ? forward->address : address_on(why, in);
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

/* A packet that comes in by @in and is for the host or for somebody behind it. */
static void walk_stack(struct why *why, const struct why_end *from, const struct explain_link *in,
                       const struct why_end *to, struct rules_packet packet)
{
    const struct model_forward *forward = NULL;
    struct rules_answer translated;
    struct rules_packet first;

    enter(&packet, in);
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

/* A request of DHCP ends at the bridge: the service gets a copy of it from netfilter's log. */
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
    if (!packet.is_reply && to->kind == WHY_HOST && why->protocol == IPPROTO_UDP && why->port == DHCP_PORT) {
        step_dhcp(why, from);
        return;
    }
    enter(&packet, port);
    if (packet.is_reply && to->kind == WHY_OUTSIDE && find_forward(why, from, false))
        packet.status |= IPS_DST_NAT;
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
    step_gateway(why, from, to);
    if (in)
        walk_stack(why, from, in, to, packet);
}

static void walk_from_outside(struct why *why, const struct why_end *from, const struct why_end *to,
                              struct rules_packet packet)
{
    const struct model_network *network = to->service->network;
    const struct explain_link *in = explain_find_link(&why->host, network->uplink);

    if (!in) {
        why_add(why, WHY_STOPS, "uplink-missing",
                why_print(why, "network %s has no uplink%s%s", network->name, *network->uplink ? ": there is no " : "",
                          network->uplink),
                "");
        return;
    }
    why_step_uplink(why, in);
    why_step_classifiers(why, in, false);
    if (!packet.is_reply)
        step_own_forward(why, to);
    if (!packet.is_reply && find_forward(why, to, false))
        packet.status |= IPS_DST_NAT;
    if (packet.is_reply && network->mode == MODEL_MODE_NAT)
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
