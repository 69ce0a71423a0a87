/* SPDX-License-Identifier: MIT */
/* Packets that guests of a network would send, and answers to them: what the filters of others are asked about. */
#include "explain/sample.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "explain/host.h"

#define HTTPS 443

/* A neighbour of the gateway's, where there is no guest yet. */
static struct ip_address beside(const struct ip_address *gateway)
{
    struct ip_address address = *gateway;

    if (address.family)
        address.bytes[ip_family_size(address.family) - 1] ^= 2;
    return address;
}

bool explain_sample_of(const struct model_network *network, uint8_t family, struct explain_sample *ret)
{
    bool has_bridge = model_network_has_bridge(network) || !network->port_count, is_ip6 = family == AF_INET6;
    const struct ip_prefix *subnet = is_ip6 ? &network->subnet6 : &network->subnet;
    const struct model_port *port = network->port_count ? &network->ports[0] : NULL;
    struct explain_sample sample = {
        .name = network->name,
        .bridge = has_bridge ? network->bridge : port->device,
        .kind = has_bridge ? "bridge" : "tun",
        .uplink = is_ip6 ? network->uplink6 : network->uplink,
        .gateway = subnet->address,
        .dns_port = network->dns_port,
        .port_count = network->port_count,
        .leads_out = model_mode_leads_out(network->mode),
        .forwards = model_mode_leads_out(network->mode),
    };

    if (port)
        sample.guest = is_ip6 ? port->address6 : port->address;
    if (!sample.guest.family)
        sample.guest = beside(&sample.gateway);
    if (!sample.leads_out && !has_bridge && network->port_count > 1) { /* from one port to another */
        sample.uplink = network->ports[1].device;
        sample.forwards = true;
    }
    *ret = sample;
    return !is_ip6 || subnet->address.family == AF_INET6;
}

/* Nothing that a firewall lets by for its own sake, as some do with ping. */
struct rules_packet explain_sample_packet(const struct explain_sample *sample)
{
    struct rules_packet packet = {
        .in = sample->bridge,
        .in_kind = sample->kind,
        .out = sample->uplink,
        .ethernet = true,
        .source = sample->guest,
        .destination_type = RTN_UNICAST,
        .protocol = IPPROTO_TCP,
        .destination_port = HTTPS,
        .state = RULES_NEW,
    };

    ip_address_parse(explain_outside(sample->guest.family), &packet.destination);
    return packet;
}

struct rules_packet explain_sample_answer(const struct rules_packet *packet)
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

struct rules_packet explain_sample_forwarded(const struct explain_sample *sample)
{
    struct rules_packet out = explain_sample_packet(sample), in = explain_sample_answer(&out);

    in.source_port = 0;
    in.destination_port = HTTPS;
    in.state = RULES_NEW;
    in.status = IPS_DST_NAT;
    in.is_reply = false;
    return in;
}

struct rules_packet explain_sample_frame(const struct explain_sample *sample)
{
    struct rules_packet packet = explain_sample_packet(sample);

    packet.out = sample->bridge;
    packet.out_kind = sample->kind;
    packet.destination = sample->guest;
    packet.port_in = packet.port_out = "?"; /* some port of ours */
    return packet;
}

struct rules_packet explain_sample_query(const struct explain_sample *sample)
{
    struct rules_packet packet = explain_sample_packet(sample);

    packet.out = "";
    packet.destination = sample->gateway;
    packet.destination_type = RTN_LOCAL;
    packet.protocol = IPPROTO_UDP;
    packet.destination_port = sample->dns_port;
    packet.status = IPS_DST_NAT;
    return packet;
}

struct rules_packet explain_discovery_packet(uint8_t type, const struct ip_address *source,
                                             const struct ip_address *destination)
{
    return (struct rules_packet){
        .in = "",
        .out = "",
        .ethernet = true,
        .source = *source,
        .destination = *destination,
        .destination_type = RTN_UNICAST,
        .protocol = IPPROTO_ICMPV6,
        .icmp_type = type,
        .target = type == ND_NEIGHBOR_SOLICIT ? *destination : *source,
        .state = RULES_UNTRACKED,
    };
}

struct rules_packet explain_sample_neighbour(const struct explain_sample *sample, bool tells)
{
    struct rules_packet packet = explain_discovery_packet(tells ? ND_NEIGHBOR_ADVERT : ND_NEIGHBOR_SOLICIT,
                                                          &sample->guest, &sample->gateway);

    packet.in = sample->bridge;
    packet.in_kind = sample->kind;
    packet.destination_type = RTN_LOCAL;
    return packet;
}
