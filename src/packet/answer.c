/* SPDX-License-Identifier: MIT */
/* Answers ARP, ping and neighbour solicitations as whoever lives at the address that was asked for. */
#include <tapnet/watch.h>

#include "packet/packet.h"

#define TTL 64
#define ND_HOP_LIMIT 255 /* RFC 4861, 7.1: so nobody from afar sent it */
#define ARP_REQUEST 1
#define ARP_REPLY 2

enum { ECHO_REQUEST4 = 8, ECHO_REPLY4 = 0, ECHO_REQUEST6 = 128, ECHO_REPLY6 = 129, ND_SOLICITATION = 135 };

struct question {
    const uint8_t *bytes;
    size_t len;
    enum tapnet_device_kind kind;
    struct tapnet_layout layout;
    const uint8_t *mac; /* ours */
};

/* Group addresses have the lowest bit of the first byte set. */
static bool is_group(const uint8_t mac[6])
{
    return mac[0] & 1;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

/* One host's: neither multicast, nor broadcast, nor unspecified. Nobody told us a subnet's broadcast address. */
static bool is_unicast(const uint8_t *address, size_t len)
{
    if (is_zero(address, len))
        return false;
    return len == 4 ? address[0] != 0 && address[0] < 224 : address[0] != 0xff;
}

/* The link layer of the answer: back to where the question came from, tags and all. Its length or -ENOBUFS. */
static int put_link(const struct question *question, uint8_t *reply, size_t room)
{
    size_t len = question->layout.network;

    if (room < len)
        return -ENOBUFS;
    memcpy(reply, question->bytes, len);
    if (question->kind == TAPNET_TAP) {
        memcpy(reply, question->bytes + 6, 6);
        memcpy(reply + 6, question->mac, 6);
    }
    return (int)len;
}

static int answer_arp(const struct question *question, uint8_t *reply, size_t room)
{
    size_t at = question->layout.network;
    struct tapnet_arp arp, answer = {.operation = ARP_REPLY};
    int link_len, arp_len;

    if (tapnet_arp_parse(question->bytes + at, question->len - at, &arp) < 0 || arp.operation != ARP_REQUEST)
        return 0;
    if (!is_unicast(arp.sender, 4) || !is_unicast(arp.target, 4) || is_group(arp.sender_mac) ||
        memcmp(arp.sender, arp.target, 4) == 0)
        return 0;
    memcpy(answer.sender_mac, question->mac, 6);
    memcpy(answer.sender, arp.target, 4);
    memcpy(answer.target_mac, arp.sender_mac, 6);
    memcpy(answer.target, arp.sender, 4);
    link_len = put_link(question, reply, room);
    if (link_len < 0)
        return link_len;
    arp_len = tapnet_arp_build(reply + link_len, room - (size_t)link_len, &answer);
    return arp_len < 0 ? arp_len : link_len + arp_len;
}

/* The IP header of the answer: from @source to whoever asked, without options. Its length or -ENOBUFS. */
static int put_ip(const struct question *question, const uint8_t *source, size_t payload_len, uint8_t ttl,
                  uint8_t *reply, size_t room)
{
    struct tapnet_ipv4 ip4 = {.ttl = ttl, .protocol = IPPROTO_ICMP, .dont_fragment = true};
    struct tapnet_ipv6 ip6 = {.hop_limit = ttl, .next_header = IPPROTO_ICMPV6};
    size_t len;
    const uint8_t *asker = packet_addresses(question->bytes + question->layout.network, question->layout.version, &len);

    if (question->layout.version == 4) {
        ip4.total_len = (uint16_t)(TAPNET_IPV4_LEN + payload_len);
        memcpy(ip4.source, source, 4);
        memcpy(ip4.destination, asker, 4);
        return tapnet_ipv4_build(reply, room, &ip4);
    }
    ip6.payload_len = (uint16_t)payload_len;
    memcpy(ip6.source, source, 16);
    memcpy(ip6.destination, asker, 16);
    return tapnet_ipv6_build(reply, room, &ip6);
}

/* The sum of the question's ICMP message is right. */
static bool is_sound(const struct question *question, const uint8_t *addresses, size_t address_len)
{
    const struct tapnet_layout *layout = &question->layout;
    size_t len = layout->end - layout->transport;
    uint32_t sum = 0;

    if (layout->version == 6)
        sum = tapnet_checksum_pseudo(addresses, addresses + address_len, address_len, IPPROTO_ICMPV6, len);
    return tapnet_checksum_finish(tapnet_checksum_add(sum, question->bytes + layout->transport, len)) == 0;
}

static int answer_ping(const struct question *question, const struct tapnet_icmp *request, uint8_t *reply, size_t room)
{
    const struct tapnet_layout *layout = &question->layout;
    size_t payload_len = layout->end - layout->payload, icmp_len = layout->end - layout->transport, address_len;
    const uint8_t *asker = packet_addresses(question->bytes + layout->network, layout->version, &address_len);
    struct tapnet_icmp icmp = {.id = request->id, .sequence = request->sequence};
    uint32_t pseudo = 0;
    int len = put_link(question, reply, room), ip_len;

    if (!is_unicast(asker + address_len, address_len))
        return 0;
    if (len < 0)
        return len;
    ip_len = put_ip(question, asker + address_len, icmp_len, TTL, reply + len, room - (size_t)len);
    if (ip_len < 0)
        return ip_len;
    len += ip_len;
    if (room - (size_t)len < icmp_len)
        return -ENOBUFS;
    memcpy(reply + len + TAPNET_ICMP_LEN, question->bytes + layout->payload, payload_len);
    icmp.type = layout->version == 4 ? ECHO_REPLY4 : ECHO_REPLY6;
    if (layout->version == 6) /* the sum over both addresses is the same in either order */
        pseudo = tapnet_checksum_pseudo(asker, asker + address_len, address_len, IPPROTO_ICMPV6, icmp_len);
    tapnet_icmp_build(reply + len, room - (size_t)len, &icmp, payload_len, pseudo);
    return len + (int)icmp_len;
}

static int answer_solicitation(const struct question *question, uint8_t *reply, size_t room)
{
    const struct tapnet_layout *layout = &question->layout;
    const uint8_t *asker = question->bytes + layout->network + 8;
    struct tapnet_nd nd, answer = {.advertisement = true, .solicited = true, .override = true};
    struct tapnet_ipv6 ip;
    size_t nd_len;
    int len, ip_len;

    if (tapnet_ipv6_parse(question->bytes + layout->network, question->len - layout->network, &ip) < 0 ||
        ip.hop_limit != ND_HOP_LIMIT ||
        tapnet_nd_parse(question->bytes + layout->transport, layout->end - layout->transport, &nd) < 0 ||
        nd.advertisement || !is_unicast(nd.target, 16))
        return 0;
    memcpy(answer.target, nd.target, 16);
    answer.has_mac = question->kind == TAPNET_TAP;
    if (answer.has_mac)
        memcpy(answer.mac, question->mac, 6);
    nd_len = TAPNET_ND_LEN + (answer.has_mac ? 8 : 0);
    len = put_link(question, reply, room);
    if (len < 0)
        return len;
    ip_len = put_ip(question, nd.target, nd_len, ND_HOP_LIMIT, reply + len, room - (size_t)len);
    if (ip_len < 0)
        return ip_len;
    len += ip_len;
    ip_len = tapnet_nd_build(reply + len, room - (size_t)len, &answer, nd.target, asker);
    return ip_len < 0 ? ip_len : len + ip_len;
}

/* Neighbour discovery and ping, of either version. */
static int answer_icmp(const struct question *question, unsigned answers, uint8_t *reply, size_t room)
{
    const struct tapnet_layout *layout = &question->layout;
    struct tapnet_icmp icmp;
    size_t address_len;
    const uint8_t *addresses = packet_addresses(question->bytes + layout->network, layout->version, &address_len);

    if (layout->fragment || layout->routed ||
        layout->protocol != (layout->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return 0;
    if (tapnet_icmp_parse(question->bytes + layout->transport, layout->end - layout->transport, &icmp) < 0 ||
        icmp.code != 0 || !is_unicast(addresses, address_len) || !is_sound(question, addresses, address_len))
        return 0;
    if (icmp.type == (layout->version == 4 ? ECHO_REQUEST4 : ECHO_REQUEST6) && answers & TAPNET_ANSWER_PING)
        return answer_ping(question, &icmp, reply, room);
    if (layout->version == 6 && icmp.type == ND_SOLICITATION && answers & TAPNET_ANSWER_NDP)
        return answer_solicitation(question, reply, room);
    return 0;
}

API int tapnet_packet_answer(const void *bytes, size_t len, enum tapnet_device_kind kind, unsigned answers,
                             const uint8_t mac[6], void *reply, size_t room)
{
    struct question question = {.bytes = bytes, .len = len, .kind = kind, .mac = mac};

    if (tapnet_layout_parse(bytes, len, kind, &question.layout) < 0)
        return 0;
    if (kind == TAPNET_TAP &&
        (is_group(question.bytes + 6) || !(is_group(question.bytes) || memcmp(question.bytes, mac, 6) == 0)))
        return 0; /* from a group; to somebody else, as a bridge floods it */
    if (question.layout.type == ETH_P_ARP)
        return kind == TAPNET_TAP && answers & TAPNET_ANSWER_ARP ? answer_arp(&question, reply, room) : 0;
    return question.layout.version ? answer_icmp(&question, answers, reply, room) : 0;
}
