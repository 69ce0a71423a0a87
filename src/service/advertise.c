/* SPDX-License-Identifier: MIT */
/* Router advertisements (RFC 4861, 8106): what guests learn of their network without asking for it. */
#include "service/advertise.h"

#include <netinet/in.h>
#include <string.h>

#include "packet/packet.h"
#include "service/domains.h"

#define TYPE_SOLICITATION 133
#define TYPE_ADVERTISEMENT 134
#define ADVERTISEMENT_LEN 16
#define SOLICITATION_LEN 8
#define HOP_LIMIT 64 /* of what guests send */
#define MANAGED 0xc0 /* M and O: ask by DHCPv6, for an address and for the rest */
#define ON_LINK 0x80
#define AUTONOMOUS 0x40
#define FOREVER 0xffffffffu

enum option {
    OPTION_SOURCE_MAC = 1,
    OPTION_PREFIX = 3,
    OPTION_MTU = 5,
    OPTION_RESOLVERS = 25,
    OPTION_SEARCH = 31,
};

static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
static const struct mac all_nodes_mac = {{0x33, 0x33, 0, 0, 0, 1}};

bool advertise_is_solicitation(const struct frame6 *packet)
{
    struct tapnet_option option;
    size_t offset = 0;
    int more;

    if (packet->hop_limit != FRAME6_HOPS_ND || packet->payload_len < SOLICITATION_LEN ||
        packet->payload[0] != TYPE_SOLICITATION || packet->payload[1] != 0)
        return false;
    do
        more = tapnet_nd_option_next(packet->payload + SOLICITATION_LEN, packet->payload_len - SOLICITATION_LEN,
                                     &offset, &option);
    while (more > 0);
    return more == 0;
}

bool advertise_makes_up(const uint8_t source[16], const struct ip_address *address)
{
    return source[0] == 0xfe && source[1] == 0x80 && memcmp(source + 8, address->bytes + 8, 8) == 0;
}

/* A message that grows: there is always room for what is put below. */
struct message {
    uint8_t *bytes;
    size_t length;
};

/* An option of @length bytes, a multiple of eight, zero but for its first two. Returns where it stands. */
static uint8_t *put_option(struct message *message, enum option type, size_t length)
{
    uint8_t *option = message->bytes + message->length;

    memset(option, 0, length);
    option[0] = (uint8_t)type;
    option[1] = (uint8_t)(length / 8);
    message->length += length;
    return option;
}

/*
 * Between guests without a bridge stands the host, as between those that do not see each other: they send all by the
 * router. Isolated ones have none; they ask for their neighbours, and neighbour.c answers.
 */
static bool is_on_link(const struct model_network *network)
{
    return network->ports_see_each_other && (model_network_has_bridge(network) || !model_mode_leads_out(network->mode));
}

/* The router's: of a routed network that of the port's own device. */
static const struct mac *router_mac(const struct model_network *network, const struct model_port *port)
{
    return model_network_has_bridge(network) || !port ? &network->mac : &port->mac;
}

static void put_prefix(struct message *message, const struct model_network *network, bool autonomous, bool last)
{
    struct ip_prefix prefix = ip_prefix_network(&network->subnet6);
    uint8_t *option = put_option(message, OPTION_PREFIX, 32);

    option[2] = prefix.length;
    autonomous = (autonomous || last) && prefix.length == MODEL_PREFIX6; /* of others no guest can make an address */
    option[3] = (uint8_t)((is_on_link(network) ? ON_LINK : 0) | (autonomous ? AUTONOMOUS : 0));
    bytes_put_be32(option + 4, last ? 0 : FOREVER); /* valid */
    bytes_put_be32(option + 8, last ? 0 : FOREVER); /* preferred */
    memcpy(option + 16, prefix.address.bytes, 16);
}

/* RFC 8106, 5.1 and 5.2. */
static void put_names(struct message *message, const struct model_network *network, const struct model_port *port,
                      uint32_t lifetime)
{
    uint8_t domains[DOMAINS_MAX];
    size_t length = domains_encode(network, port, domains);
    uint8_t *option = put_option(message, OPTION_RESOLVERS, 24);

    bytes_put_be32(option + 4, lifetime);
    memcpy(option + 8, network->subnet6.address.bytes, 16);
    option = put_option(message, OPTION_SEARCH, 8 + (length + 7) / 8 * 8);
    bytes_put_be32(option + 4, lifetime);
    memcpy(option + 8, domains, length);
}

static void put_advertisement(struct message *message, const struct model_network *network,
                              const struct model_port *port, bool autonomous, bool last)
{
    uint32_t lifetime = last ? 0 : ADVERTISE_LIFETIME;
    uint8_t *head = message->bytes;

    memset(head, 0, ADVERTISEMENT_LEN);
    head[0] = TYPE_ADVERTISEMENT;
    head[4] = HOP_LIMIT;
    head[5] = MANAGED;
    bytes_put_be16(head + 6, model_routes6(network) ? (uint16_t)lifetime : 0);
    message->length = ADVERTISEMENT_LEN;
    memcpy(put_option(message, OPTION_SOURCE_MAC, 8) + 2, router_mac(network, port)->bytes, 6);
    bytes_put_be32(put_option(message, OPTION_MTU, 8) + 4, network->mtu);
    put_prefix(message, network, autonomous, last);
    if (network->dns_port)
        put_names(message, network, port, lifetime);
}

size_t advertise_build(const struct model_network *network, const struct model_port *port, const struct frame6 *packet,
                       bool last, uint8_t *frame)
{
    static const uint8_t nobody[16];
    struct message message = {.bytes = frame + FRAME6_ICMP_AT};
    struct frame6 answer = {
        .source_mac = *router_mac(network, port),
        .destination_mac = all_nodes_mac,
        .protocol = IPPROTO_ICMPV6,
        .hop_limit = FRAME6_HOPS_ND,
    };
    bool named = packet && memcmp(packet->source, nobody, sizeof(nobody)) != 0;

    if (!network->subnet6.address.family)
        return 0;
    memcpy(answer.source, model_router6.address.bytes, sizeof(answer.source));
    memcpy(answer.destination, named ? packet->source : all_nodes, sizeof(answer.destination));
    if (named)
        answer.destination_mac = packet->source_mac;
    put_advertisement(&message, network, port,
                      named && port && advertise_makes_up(packet->source, model_port_inside6(network, port)), last);
    answer.payload_len = message.length;
    return frame6_build(frame, &answer);
}
