/* SPDX-License-Identifier: MIT */
/* DHCPv6 and solicitations: any packet is survived; what is answered is a sound frame of bounded length. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "service/advertise.h"
#include "service/dhcp6_answer.h"
#include "service/dhcp_answer.h"
#include "service/neighbour.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t frame[DHCP_FRAME_MAX];

/* What is read of @length bytes lies inside them, and what was built can be read again. */
static void fuzz_check(size_t length, uint8_t protocol)
{
    struct frame6 packet;

    if (length > sizeof(frame) || frame6_parse_packet(frame + 14, length - 14, &packet) < 0 ||
        packet.protocol != protocol)
        abort();
}

static void fuzz_network(uint8_t choice, struct model_network *network, struct model_port *port)
{
    static const struct ip_prefix subnet = {{AF_INET6, {0xfd, 0, 0, 0x20, [15] = 1}}, 64};

    strcpy(port->name, "db");
    port->guest_mac = (struct mac){{0x52, 0x54, 0, 0, 0, 7}};
    port->address6 = model_address6(&subnet, &port->guest_mac);
    strcpy(network->name, "lab");
    network->subnet6 = subnet;
    network->mac = (struct mac){{2, 0, 0, 0, 0, 1}};
    network->mtu = 1500;
    network->mode = choice & 1 ? MODEL_MODE_ISOLATED : MODEL_MODE_NAT;
    if (choice & 4)
        network->mode = MODEL_MODE_ROUTED;
    network->ports_see_each_other = true;
    port->mac = (struct mac){{2, 0, 0, 0, 0, 7}};
    network->dns_port = choice & 1 ? 0 : MODEL_DNS_PORT;
    network->ports = port;
    network->port_count = 1;
    for (size_t i = 0; choice & 2 && i < MODEL_LIST_MAX; i++) {
        port->dhcp.search[i] = "a.long.domain.name.for.the.search.list.example.com";
        port->dhcp.search_count = i + 1;
    }
}

/* The first byte of the input chooses the network, the rest is a packet from its IPv6 header on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model_network network = {0};
    struct model_port port = {0};
    struct dhcp6_request request;
    struct dhcp6_answer answer;
    struct frame6 packet;
    size_t length;

    if (size < 1 || frame6_parse_packet(data + 1, size - 1, &packet) < 0)
        return 0;
    if (packet.payload_len && (packet.payload < data || packet.payload + packet.payload_len > data + size))
        abort();
    fuzz_network(data[0], &network, &port);
    if (packet.protocol == IPPROTO_ICMPV6) {
        if (advertise_is_solicitation(&packet))
            fuzz_check(advertise_build(&network, &port, &packet, false, frame), IPPROTO_ICMPV6);
        length = neighbour_answer(&network, &port, &packet, frame);
        if (length)
            fuzz_check(length, IPPROTO_ICMPV6);
        return 0;
    }
    if (dhcp6_request_parse(packet.payload, packet.payload_len, &request) < 0)
        return 0;
    answer = dhcp6_answer(&network, &port, &packet, &request, frame);
    if (!answer.event || (answer.type == 0) != (answer.frame_len == 0))
        abort();
    if (answer.type)
        fuzz_check(answer.frame_len, IPPROTO_UDP);
    return 0;
}
