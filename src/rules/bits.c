/* SPDX-License-Identifier: MIT */
/* The fields of a packet as rules see them, bit by bit known or not, and how they compare. */
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "rules/meet.h"

#define HEADER_LEN 64
#define TTL 63           /* of what a guest with the usual 64 sent, once it was forwarded */
#define ND_HOP_LIMIT 255 /* of Neighbour Discovery, which nobody forwards */
#define ND_LENGTH 32     /* of a message with one option */
#define TCP_SYN 0x02
#define PACKET_HOST 0

/* ---- the headers ---- */

struct header {
    uint8_t value[HEADER_LEN], known[HEADER_LEN];
};

static void put(struct header *header, size_t offset, const void *bytes, size_t len)
{
    memcpy(header->value + offset, bytes, len);
    memset(header->known + offset, 0xff, len);
}

static void put_u8(struct header *header, size_t offset, uint8_t value)
{
    put(header, offset, &value, 1);
}

static void put_u16(struct header *header, size_t offset, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    put(header, offset, bytes, 2);
}

static uint16_t ethernet_type(const struct rules_packet *packet)
{
    return packet->arp ? ETH_P_ARP : rules_is_ip6(packet) ? ETH_P_IPV6 : ETH_P_IP;
}

static void make_link_header(const struct rules_packet *packet, struct header *ret)
{
    if (!mac_is_zero(&packet->destination_mac))
        put(ret, 0, packet->destination_mac.bytes, ETH_ALEN);
    if (!mac_is_zero(&packet->source_mac))
        put(ret, ETH_ALEN, packet->source_mac.bytes, ETH_ALEN);
    put_u16(ret, 12, ethernet_type(packet));
}

/* RFC 826, for IPv4 on Ethernet. Whether it asks or answers is not known. */
static void make_arp(const struct rules_packet *packet, struct header *ret)
{
    put_u16(ret, 0, ARPHRD_ETHER);
    put_u16(ret, 2, ETH_P_IP);
    put_u8(ret, 4, ETH_ALEN);
    put_u8(ret, 5, 4);
    if (!mac_is_zero(&packet->source_mac))
        put(ret, 8, packet->source_mac.bytes, ETH_ALEN);
    if (packet->source.family == AF_INET)
        put(ret, 14, packet->source.bytes, 4);
    if (packet->destination.family == AF_INET)
        put(ret, 24, packet->destination.bytes, 4);
}

/* RFC 8200, without extension headers; its traffic class and flow label are not known. */
static void make_ip6(const struct rules_packet *packet, struct header *ret)
{
    put_u8(ret, 0, 0x60);
    ret->known[0] = 0xf0;
    if (packet->target.family)
        put_u16(ret, 4, ND_LENGTH);
    if (packet->protocol)
        put_u8(ret, 6, packet->protocol);
    put_u8(ret, 7, packet->target.family ? ND_HOP_LIMIT : TTL);
    if (packet->source.family)
        put(ret, 8, packet->source.bytes, 16);
    if (packet->destination.family)
        put(ret, 24, packet->destination.bytes, 16);
}

static void make_network_header(const struct rules_packet *packet, struct header *ret)
{
    if (packet->arp) {
        make_arp(packet, ret);
        return;
    }
    if (rules_is_ip6(packet)) {
        make_ip6(packet, ret);
        return;
    }
    put_u8(ret, 0, 0x45);
    put_u16(ret, 6, 0); /* no fragment; who may cut it, is not known: */
    ret->known[6] = 0xbf;
    put_u8(ret, 8, TTL);
    if (packet->protocol)
        put_u8(ret, 9, packet->protocol);
    if (packet->source.family == AF_INET)
        put(ret, 12, packet->source.bytes, 4);
    if (packet->destination.family == AF_INET)
        put(ret, 16, packet->destination.bytes, 4);
}

/* RFC 4861: the address, and an option with the sender's MAC, as Linux has it. */
static void put_neighbour(const struct rules_packet *packet, struct header *ret)
{
    put(ret, 8, packet->target.bytes, 16);
    put_u8(ret, 24, packet->icmp_type == ND_NEIGHBOR_SOLICIT ? 1 : 2);
    put_u8(ret, 25, 1);
    if (!mac_is_zero(&packet->source_mac))
        put(ret, 26, packet->source_mac.bytes, ETH_ALEN);
}

static void make_transport_header(const struct rules_packet *packet, struct header *ret)
{
    if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6) {
        put_u8(ret, 0, packet->icmp_type);
        put_u8(ret, 1, packet->icmp_code);
        if (packet->target.family)
            put_neighbour(packet, ret);
        return;
    }
    if (packet->source_port)
        put_u16(ret, 0, packet->source_port);
    if (packet->destination_port)
        put_u16(ret, 2, packet->destination_port);
    if (packet->protocol == IPPROTO_TCP && (packet->state & RULES_NEW))
        put_u8(ret, 13, TCP_SYN);
}

/* ---- what is not in headers ---- */

static void put_name(struct header *ret, const char *name)
{
    char padded[16] = "";

    if (!name)
        return;
    strncpy(padded, name, sizeof(padded) - 1);
    put(ret, 0, padded, sizeof(padded));
}

static void put_u32(struct header *ret, uint32_t value)
{
    put(ret, 0, &value, sizeof(value)); /* numbers of the kernel's own are in its byte order */
}

static void put_host16(struct header *ret, uint16_t value)
{
    put(ret, 0, &value, sizeof(value));
}

static void put_index(struct header *ret, const char *name, uint32_t index)
{
    if (index || (name && !*name))
        put_u32(ret, index);
}

static void make_meta(const struct rules_packet *packet, enum rules_side side, bool mark_known, uint32_t key,
                      struct header *ret)
{
    const uint8_t families[] = {[RULES_STACK] = rules_is_ip6(packet) ? RULES_IP6 : RULES_IP4,
                                [RULES_FRAMES] = RULES_BRIDGE,
                                [RULES_DEVICE] = RULES_NETDEV};

    switch (key) {
    case NFT_META_IIFNAME:
        put_name(ret, packet->in);
        break;
    case NFT_META_OIFNAME:
        put_name(ret, packet->out);
        break;
    case NFT_META_IIFKIND:
        put_name(ret, packet->in_kind);
        break;
    case NFT_META_OIFKIND:
        put_name(ret, packet->out_kind);
        break;
    case NFT_META_IIF:
        put_index(ret, packet->in, packet->in_index);
        break;
    case NFT_META_OIF:
        put_index(ret, packet->out, packet->out_index);
        break;
    case NFT_META_IIFTYPE:
        if (packet->ethernet)
            put_host16(ret, ARPHRD_ETHER);
        break;
    case NFT_META_PROTOCOL:
        put_u16(ret, 0, ethernet_type(packet));
        break;
    case NFT_META_NFPROTO:
        put_u8(ret, 0, families[side]);
        break;
    case NFT_META_L4PROTO:
        if (packet->protocol)
            put_u8(ret, 0, packet->protocol);
        break;
    case NFT_META_MARK:
        if (mark_known)
            put_u32(ret, 0);
        break;
    case NFT_META_PKTTYPE: /* what a bridge forwards may be anybody's */
        if (side == RULES_STACK)
            put_u8(ret, 0, PACKET_HOST);
        break;
    default:
        break;
    }
}

static void make_ct(const struct rules_packet *packet, uint32_t key, struct header *ret)
{
    switch (key) {
    case NFT_CT_STATE:
        if (packet->state)
            put_u32(ret, packet->state);
        break;
    case NFT_CT_DIRECTION:
        if (packet->state)
            put_u8(ret, 0, packet->is_reply);
        break;
    case NFT_CT_STATUS: /* of a first packet all is known; later what was set is */
        put_u32(ret, packet->status);
        if (!(packet->state & RULES_NEW))
            memcpy(ret->known, &packet->status, sizeof(packet->status));
        break;
    case NFT_CT_MARK: /* what nobody has set is 0 */
        if (packet->state & RULES_NEW)
            put_u32(ret, 0);
        break;
    default:
        break;
    }
}

static void make_field(const struct rules_packet *packet, enum rules_side side, bool mark_known,
                       const struct rules_step *step, struct header *ret)
{
    switch (step->source) {
    case RULES_LINK_HEADER:
        make_link_header(packet, ret);
        break;
    case RULES_NETWORK_HEADER:
        make_network_header(packet, ret);
        break;
    case RULES_TRANSPORT_HEADER:
        make_transport_header(packet, ret);
        break;
    case RULES_META:
        make_meta(packet, side, mark_known, step->offset, ret);
        break;
    case RULES_CT:
        make_ct(packet, step->offset, ret);
        break;
    case RULES_DESTINATION_TYPE:
        if (packet->destination_type)
            put_u32(ret, packet->destination_type);
        break;
    case RULES_EXTENSION_HEADER: /* there is none */
        put_u8(ret, 0, 0);
        break;
    case RULES_ELSEWHERE:
        break;
    }
}

void rules_load(const struct rules_packet *packet, enum rules_side side, bool mark_known, const struct rules_step *step,
                struct rules_bits *registers)
{
    struct header field = {{0}, {0}};
    bool is_header = step->source <= RULES_TRANSPORT_HEADER;
    size_t from = is_header ? step->offset : 0;

    make_field(packet, side, mark_known, step, &field);
    memset(registers->value + step->to, 0, step->len);
    memset(registers->known + step->to, 0, step->len);
    for (size_t i = step->to + step->len; i % NFT_REG32_SIZE; i++) { /* the kernel fills up with zeros */
        registers->value[i] = 0;
        registers->known[i] = 0xff;
    }
    if (from >= HEADER_LEN || from + step->len > HEADER_LEN)
        return;
    memcpy(registers->value + step->to, field.value + from, step->len);
    memcpy(registers->known + step->to, field.known + from, step->len);
}

/* ---- comparisons ---- */

enum rules_truth rules_equal(const struct rules_bits *registers, uint8_t from, const uint8_t *bytes, size_t len)
{
    enum rules_truth truth = RULES_YES;

    for (size_t i = 0; i < len; i++) {
        uint8_t known = registers->known[from + i];

        if ((registers->value[from + i] ^ bytes[i]) & known)
            return RULES_NO;
        if (known != 0xff)
            truth = RULES_MAYBE;
    }
    return truth;
}

static bool all_known(const struct rules_bits *registers, uint8_t from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (registers->known[from + i] != 0xff)
            return false;
    return true;
}

static enum rules_truth truth_of(bool is_so)
{
    return is_so ? RULES_YES : RULES_NO;
}

enum rules_truth rules_compare(const struct rules_bits *registers, const struct rules_step *step)
{
    int order;

    if (step->operator== RULES_EQUAL)
        return rules_equal(registers, step->from, step->bytes, step->len);
    if (step->operator== RULES_NOT_EQUAL)
        return rules_not(rules_equal(registers, step->from, step->bytes, step->len));
    if (!all_known(registers, step->from, step->len))
        return RULES_MAYBE;
    order = memcmp(registers->value + step->from, step->bytes, step->len);
    switch (step->operator) {
    case RULES_LESS:
        return truth_of(order < 0);
    case RULES_LESS_EQUAL:
        return truth_of(order <= 0);
    case RULES_GREATER:
        return truth_of(order > 0);
    default:
        return truth_of(order >= 0);
    }
}

enum rules_truth rules_in_range(const struct rules_bits *registers, const struct rules_step *step)
{
    const uint8_t *value = registers->value + step->from;
    bool inside;

    if (!all_known(registers, step->from, step->len))
        return RULES_MAYBE;
    inside = memcmp(value, step->bytes, step->len) >= 0 && memcmp(value, step->with, step->len) <= 0;
    return truth_of(inside == (step->operator== RULES_EQUAL));
}

/* A bit that is masked away is known to be what it is xored with. */
void rules_mask(struct rules_bits *registers, const struct rules_step *step)
{
    for (size_t i = 0; i < step->len; i++) {
        uint8_t mask = step->bytes[i], value = registers->value[step->from + i];

        registers->known[step->to + i] = (uint8_t)(registers->known[step->from + i] | ~mask);
        registers->value[step->to + i] = (uint8_t)((value & mask) ^ step->with[i]);
    }
}
