/* SPDX-License-Identifier: MIT */
/* Neighbour solicitations (RFC 4861) of routed guests that take their neighbours to be on their link. */
#include "service/neighbour.h"

#include <netinet/in.h>
#include <string.h>

#include "packet/packet.h"

#define TYPE_SOLICITATION 135
#define TYPE_ADVERTISEMENT 136
#define MESSAGE_LEN 24 /* without options: as much in both */
#define TARGET_AT 8
#define ROUTER 0x80
#define SOLICITED 0x40
#define OVERRIDE 0x20 /* for the host itself alone: who knows a neighbour better goes on with it (7.2.8) */
#define OPTION_TARGET_MAC 2

static bool is_solicitation(const struct frame6 *packet)
{
    static const uint8_t nobody[16];

    return packet->protocol == IPPROTO_ICMPV6 && packet->hop_limit == FRAME6_HOPS_ND &&
           packet->payload_len >= MESSAGE_LEN && packet->payload[0] == TYPE_SOLICITATION && packet->payload[1] == 0 &&
           memcmp(packet->source, nobody, sizeof(nobody)) != 0;
}

/*
 * Is @target reached by the host: its own address, which stands on another device, or that of a neighbour? To a clone
 * its address outside is one.
 */
static bool is_by_host(const struct model_network *network, const struct model_port *port,
                       const struct ip_address *target)
{
    if (ip_address_equal(target, &network->subnet6.address))
        return model_mode_leads_out(network->mode);
    return network->ports_see_each_other && ip_prefix_contains(&network->subnet6, target) &&
           !ip_address_equal(target, model_port_inside6(network, port));
}

size_t neighbour_answer(const struct model_network *network, const struct model_port *port, const struct frame6 *packet,
                        uint8_t *frame)
{
    struct ip_address target = {.family = AF_INET6};
    uint8_t *message = frame + FRAME6_ICMP_AT;
    struct frame6 answer = {
        .source_mac = port->mac,
        .destination_mac = packet->source_mac,
        .protocol = IPPROTO_ICMPV6,
        .hop_limit = FRAME6_HOPS_ND,
        .payload_len = NEIGHBOUR_ANSWER_LEN,
    };

    if (model_network_has_bridge(network) || !is_solicitation(packet))
        return 0;
    memcpy(target.bytes, packet->payload + TARGET_AT, sizeof(target.bytes));
    if (!is_by_host(network, port, &target))
        return 0;
    memcpy(answer.source, model_router6.address.bytes, sizeof(answer.source));
    memcpy(answer.destination, packet->source, sizeof(answer.destination));
    memset(message, 0, NEIGHBOUR_ANSWER_LEN);
    message[0] = TYPE_ADVERTISEMENT;
    message[4] = SOLICITED | (ip_address_equal(&target, &network->subnet6.address) ? ROUTER | OVERRIDE : 0);
    memcpy(message + TARGET_AT, target.bytes, sizeof(target.bytes));
    message[MESSAGE_LEN] = OPTION_TARGET_MAC;
    message[MESSAGE_LEN + 1] = 1; /* times eight bytes */
    memcpy(message + MESSAGE_LEN + 2, port->mac.bytes, sizeof(port->mac.bytes));
    return frame6_build(frame, &answer);
}
