/* SPDX-License-Identifier: MIT */
/* Takes a whole packet apart: where its headers and its payload are. */
#include "packet/packet.h"

#define VLANS_MAX 2

/* Steps over the Ethernet header and tags. */
static int parse_link(const uint8_t *packet, size_t len, struct tapnet_layout *layout)
{
    struct tapnet_ethernet ethernet;
    struct tapnet_vlan tag;

    if (tapnet_ethernet_parse(packet, len, &ethernet) < 0)
        return -EBADMSG;
    layout->type = ethernet.type;
    layout->network = TAPNET_ETHERNET_LEN;
    while ((layout->type == ETH_P_8021Q || layout->type == ETH_P_8021AD) && layout->vlan_count < VLANS_MAX) {
        if (tapnet_vlan_parse(packet + layout->network, len - layout->network, &tag) < 0)
            return -EBADMSG;
        layout->type = tag.type;
        layout->network += TAPNET_VLAN_LEN;
        layout->vlan_count++;
    }
    return 0;
}

/* Sets where payload begins; @layout->transport and @layout->end are known. */
static int parse_transport(const uint8_t *packet, struct tapnet_layout *layout)
{
    const uint8_t *transport = packet + layout->transport;
    size_t len = layout->end - layout->transport;
    struct tapnet_tcp tcp;
    struct tapnet_udp udp;
    struct tapnet_icmp icmp;
    int header_len = 0;

    if (layout->protocol == IPPROTO_TCP)
        header_len = tapnet_tcp_parse(transport, len, &tcp);
    else if (layout->protocol == IPPROTO_UDP)
        header_len = tapnet_udp_parse(transport, len, &udp);
    else if (layout->protocol == (layout->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        header_len = tapnet_icmp_parse(transport, len, &icmp);
    if (header_len < 0)
        return header_len;
    layout->payload = layout->transport + (size_t)header_len;
    return 0;
}

static int parse_ipv4(const uint8_t *packet, size_t len, struct tapnet_layout *layout)
{
    struct tapnet_ipv4 ip;
    int header_len = tapnet_ipv4_parse(packet + layout->network, len - layout->network, &ip);

    if (header_len < 0)
        return header_len;
    layout->version = 4;
    layout->protocol = ip.protocol;
    layout->fragment = ip.more_fragments || ip.fragment_offset;
    layout->transport = layout->payload = layout->network + (size_t)header_len;
    layout->end = layout->network + ip.total_len;
    return layout->fragment ? 0 : parse_transport(packet, layout);
}

static int parse_ipv6(const uint8_t *packet, size_t len, struct tapnet_layout *layout)
{
    struct tapnet_ipv6_extensions extensions;
    struct tapnet_ipv6 ip;
    int header_len = tapnet_ipv6_parse(packet + layout->network, len - layout->network, &ip), extensions_len;

    if (header_len < 0)
        return header_len;
    layout->transport = layout->network + (size_t)header_len;
    layout->end = layout->transport + ip.payload_len;
    extensions_len = tapnet_ipv6_extensions_parse(packet + layout->transport, ip.payload_len, ip.next_header,
                                                  &extensions);
    if (extensions_len < 0)
        return -EBADMSG;
    layout->version = 6;
    layout->protocol = extensions.protocol;
    layout->fragment = extensions.fragment;
    layout->routed = extensions.segments_left > 0;
    layout->transport += (size_t)extensions_len;
    layout->payload = layout->transport;
    return layout->fragment ? 0 : parse_transport(packet, layout);
}

API int tapnet_layout_parse(const void *bytes, size_t len, enum tapnet_device_kind kind, struct tapnet_layout *ret)
{
    struct tapnet_layout layout = {0};
    const uint8_t *packet = bytes;
    int result = 0;

    if (len == 0)
        return -EBADMSG;
    if (kind == TAPNET_TAP)
        result = parse_link(packet, len, &layout);
    else
        layout.type = packet[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP;
    layout.transport = layout.payload = layout.network;
    layout.end = len;
    if (result == 0 && layout.type == ETH_P_IP)
        result = parse_ipv4(packet, len, &layout);
    else if (result == 0 && layout.type == ETH_P_IPV6)
        result = parse_ipv6(packet, len, &layout);
    if (result < 0)
        return result;
    *ret = layout;
    return 0;
}
