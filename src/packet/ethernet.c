/* SPDX-License-Identifier: MIT */
/* Ethernet headers, VLAN tags (IEEE 802.1Q) and ARP (RFC 826). */
#include "packet/packet.h"

#define ARP_HARDWARE_ETHERNET 1

API int tapnet_ethernet_parse(const void *bytes, size_t len, struct tapnet_ethernet *ret)
{
    const uint8_t *header = bytes;

    if (len < TAPNET_ETHERNET_LEN)
        return -EBADMSG;
    memcpy(ret->destination, header, 6);
    memcpy(ret->source, header + 6, 6);
    ret->type = bytes_get_be16(header + 12);
    return TAPNET_ETHERNET_LEN;
}

API int tapnet_ethernet_build(void *bytes, size_t room, const struct tapnet_ethernet *header)
{
    uint8_t *out = bytes;

    if (room < TAPNET_ETHERNET_LEN)
        return -ENOBUFS;
    memcpy(out, header->destination, 6);
    memcpy(out + 6, header->source, 6);
    bytes_put_be16(out + 12, header->type);
    return TAPNET_ETHERNET_LEN;
}

API int tapnet_vlan_parse(const void *bytes, size_t len, struct tapnet_vlan *ret)
{
    const uint8_t *tag = bytes;

    if (len < TAPNET_VLAN_LEN)
        return -EBADMSG;
    ret->priority = tag[0] >> 5;
    ret->drop_eligible = tag[0] & 0x10;
    ret->id = bytes_get_be16(tag) & 0xfff;
    ret->type = bytes_get_be16(tag + 2);
    return TAPNET_VLAN_LEN;
}

API int tapnet_vlan_build(void *bytes, size_t room, const struct tapnet_vlan *tag)
{
    uint8_t *out = bytes;

    if (tag->priority > 7 || tag->id > 0xfff)
        return -EINVAL;
    if (room < TAPNET_VLAN_LEN)
        return -ENOBUFS;
    bytes_put_be16(out, (uint16_t)(tag->priority << 13 | tag->drop_eligible << 12 | tag->id));
    bytes_put_be16(out + 2, tag->type);
    return TAPNET_VLAN_LEN;
}

API int tapnet_arp_parse(const void *bytes, size_t len, struct tapnet_arp *ret)
{
    const uint8_t *arp = bytes;

    if (len < 8)
        return -EBADMSG;
    if (bytes_get_be16(arp) != ARP_HARDWARE_ETHERNET || bytes_get_be16(arp + 2) != ETH_P_IP || arp[4] != 6 ||
        arp[5] != 4)
        return -EOPNOTSUPP;
    if (len < TAPNET_ARP_LEN)
        return -EBADMSG;
    ret->operation = bytes_get_be16(arp + 6);
    memcpy(ret->sender_mac, arp + 8, 6);
    memcpy(ret->sender, arp + 14, 4);
    memcpy(ret->target_mac, arp + 18, 6);
    memcpy(ret->target, arp + 24, 4);
    return TAPNET_ARP_LEN;
}

API int tapnet_arp_build(void *bytes, size_t room, const struct tapnet_arp *arp)
{
    uint8_t *out = bytes;

    if (room < TAPNET_ARP_LEN)
        return -ENOBUFS;
    bytes_put_be16(out, ARP_HARDWARE_ETHERNET);
    bytes_put_be16(out + 2, ETH_P_IP);
    out[4] = 6;
    out[5] = 4;
    bytes_put_be16(out + 6, arp->operation);
    memcpy(out + 8, arp->sender_mac, 6);
    memcpy(out + 14, arp->sender, 4);
    memcpy(out + 18, arp->target_mac, 6);
    memcpy(out + 24, arp->target, 4);
    return TAPNET_ARP_LEN;
}
