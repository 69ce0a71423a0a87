/* SPDX-License-Identifier: MIT */
/* Checks of other people's packet filters: will guests' packets be dropped there? */
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "explain/doctor.h"

/*
 * How it works: packets that guests would send, and answers to them, are walked through the rules as the kernel would,
 * one network at a time. Where no network is up, one is made up. Our own tables are not asked: what they drop they are
 * meant to drop.
 */

/* A network as far as the rules of others can know it. */
struct probe {
    const char *name; /* NULL: made up */
    const char *bridge, *uplink;
    const char *kind; /* of @bridge, which is a port in routed mode */
    struct ip_address guest, gateway;
    uint16_t dns_port; /* where our service listens */
    size_t port_count;
    bool leads_out, forwards; /* do the host's own rules for what it forwards see its packets? */
};

#define MADE_UP "br-NETWORK" /* as a person reads it in a command: the bridge of a network to come */
#define HTTPS 443

/* What a browser in the guest sends: nothing that a firewall lets by for its own sake, as some do with ping. */
static struct rules_packet guest_packet(const struct probe *probe)
{
    struct rules_packet packet = {
        .in = probe->bridge,
        .in_kind = probe->kind,
        .out = probe->uplink,
        .ethernet = true,
        .source = probe->guest,
        .destination_type = RTN_UNICAST,
        .protocol = IPPROTO_TCP,
        .destination_port = HTTPS,
        .state = RULES_NEW,
    };

    ip_address_parse("198.41.0.4", &packet.destination); /* somebody outside, who is not asked */
    return packet;
}

static struct rules_packet answer_to(const struct rules_packet *packet)
{
    struct rules_packet answer = *packet;

    answer.in = packet->out;
    answer.in_kind = packet->out_kind;
    answer.out = packet->in;
    answer.out_kind = packet->in_kind;
    answer.source = packet->destination;
    answer.destination = packet->source;
    answer.source_port = packet->destination_port;
    answer.destination_port = 0;
    answer.state = RULES_ESTABLISHED;
    answer.status = IPS_CONFIRMED | IPS_SEEN_REPLY;
    answer.is_reply = true;
    return answer;
}

static bool is_dropped_by_others(const struct doctor *doctor, enum rules_hook hook, const struct rules_packet *packet,
                                 struct rules_answer *ret)
{
    rules_meet(&doctor->host.rules, hook, RULES_STACK, packet, ret);
    return ret->outcome == RULES_DROPPED && !explain_is_ours(ret->base);
}

static int tell(struct doctor *doctor, const struct doctor_check *check, const struct probe *probe,
                const struct rules_answer *answer, const char *command)
{
    const char *place = explain_place(&doctor->host.rules, answer, &doctor->arena);

    if (!place || !command)
        return -ENOMEM;
    return doctor_add(doctor, check, command,
                      doctor_print(doctor, "%s%s%s%s%s", check->prefix, probe->name ? "network " : "",
                                   probe->name ? probe->name : "", probe->name ? ": " : "", place));
}

static int look_at_forwarding(struct doctor *doctor, const struct doctor_check *check, const struct probe *probe)
{
    struct rules_packet out = guest_packet(probe), back = answer_to(&out);
    struct rules_answer there, here;
    bool out_is_dropped = is_dropped_by_others(doctor, RULES_FORWARD, &out, &there);
    bool back_is_dropped = is_dropped_by_others(doctor, RULES_FORWARD, &back, &here);
    const char *first = "", *second = "";

    if (out_is_dropped)
        first = explain_remedy(&doctor->host.rules, &there, &out, &doctor->arena);
    if (back_is_dropped)
        second = explain_remedy(&doctor->host.rules, &here, &back, &doctor->arena);
    if (!first || !second)
        return -ENOMEM;
    if (!out_is_dropped && !back_is_dropped)
        return 0;
    return tell(doctor, check, probe, out_is_dropped ? &there : &here,
                strcmp(first, second) == 0
                    ? first
                    : doctor_print(doctor, "%s%s%s", first, *first && *second ? "\n" : "", second));
}

static int look_at_bridge(struct doctor *doctor, const struct doctor_check *check, const struct probe *probe)
{
    struct rules_packet packet = guest_packet(probe);
    struct rules_answer answer;

    if (probe->port_count < 2)
        return 0;
    packet.out = probe->bridge;
    packet.out_kind = probe->kind;
    packet.destination = probe->guest;
    packet.port_in = packet.port_out = "?"; /* some port of ours */
    if (!is_dropped_by_others(doctor, RULES_FORWARD, &packet, &answer))
        return 0;
    return tell(doctor, check, probe, &answer, check->command);
}

/* A question to our DNS, as it is when our rules have led it to the service's own port. */
static int look_at_service(struct doctor *doctor, const struct doctor_check *check, const struct probe *probe)
{
    struct rules_packet packet = guest_packet(probe);
    struct rules_answer answer;

    if (!probe->leads_out)
        return 0;
    packet.out = "";
    packet.destination = probe->gateway;
    packet.destination_type = RTN_LOCAL;
    packet.protocol = IPPROTO_UDP;
    packet.destination_port = probe->dns_port;
    packet.status = IPS_DST_NAT;
    if (!is_dropped_by_others(doctor, RULES_INPUT, &packet, &answer))
        return 0;
    return tell(doctor, check, probe, &answer, explain_remedy(&doctor->host.rules, &answer, &packet, &doctor->arena));
}

/* ---- all networks ---- */

static int look_at_all(struct doctor *doctor, const struct doctor_check *check,
                       int (*look)(struct doctor *doctor, const struct doctor_check *check, const struct probe *probe))
{
    const struct observe_found *found = doctor->host.found;
    struct probe probe = {
        .bridge = MADE_UP,
        .kind = "bridge",
        .uplink = found->uplink,
        .dns_port = MODEL_DNS_PORT,
        .port_count = 2,
        .leads_out = true,
        .forwards = true,
    };
    const struct model_service *service;
    int result = 0;

    ip_address_parse("10.64.0.2", &probe.guest);
    ip_address_parse("10.64.0.1", &probe.gateway);
    if (!explain_network(found, 0))
        return look(doctor, check, &probe);
    for (size_t i = 0; (service = explain_network(found, i)) && result == 0; i++) {
        const struct model_network *network = service->network;
        bool has_bridge = model_network_has_bridge(network);

        if (!network->port_count)
            continue;
        probe = (struct probe){
            .name = network->name,
            .bridge = has_bridge ? network->bridge : network->ports[0].device,
            .kind = has_bridge ? "bridge" : "tun",
            .uplink = network->uplink,
            .guest = network->ports[0].address,
            .gateway = network->subnet.address,
            .dns_port = network->dns_port,
            .port_count = network->port_count,
            .leads_out = model_mode_leads_out(network->mode),
            .forwards = model_mode_leads_out(network->mode),
        };
        if (!probe.leads_out && !has_bridge && network->port_count > 1) { /* from one port to another */
            probe.uplink = network->ports[1].device;
            probe.forwards = true;
        }
        result = look(doctor, check, &probe);
    }
    return result;
}

static int look_if_forwards(struct doctor *doctor, const struct doctor_check *check, const struct probe *probe)
{
    return probe->forwards ? look_at_forwarding(doctor, check, probe) : 0;
}

int doctor_check_forward_dropped(struct doctor *doctor, const struct doctor_check *check)
{
    return look_at_all(doctor, check, look_if_forwards);
}

int doctor_check_input_dropped(struct doctor *doctor, const struct doctor_check *check)
{
    return look_at_all(doctor, check, look_at_service);
}

/* With br_netfilter frames from one port of a bridge to another pass the IP hooks, too. */
int doctor_check_bridge_filtered(struct doctor *doctor, const struct doctor_check *check)
{
    if (explain_sysctl("net/bridge/bridge-nf-call-iptables", 0) == 0)
        return 0;
    return look_at_all(doctor, check, look_at_bridge);
}
