/* SPDX-License-Identifier: MIT */
/* Cuts a large packet into segments that fit a wire, as the kernel's GSO does: TCP and UDP over IPv4 and IPv6. */

/*
 * How it works: every segment has the headers of the whole and a part of its payload. What differs: the lengths; the
 * IPv4 id, which counts up; the TCP sequence number; CWR, which only the first one has, and PSH and FIN, which only the
 * last one has; the checksums. Segments do not depend on one another, so each can be made when it is asked for.
 */
#include "packet/packet.h"

/* The protocol and IP version that a GSO type is for; version 0: either. */
static bool type_fits(uint8_t gso_type, const struct tapnet_layout *layout)
{
    switch (gso_type) {
    case TAPNET_GSO_TCP4:
        return layout->version == 4 && layout->protocol == IPPROTO_TCP;
    case TAPNET_GSO_TCP6:
        return layout->version == 6 && layout->protocol == IPPROTO_TCP;
    case TAPNET_GSO_UDP:
        return layout->version != 0 && layout->protocol == IPPROTO_UDP;
    default:
        return false;
    }
}

/* Is the datagram of the length that its UDP header says? */
static bool udp_len_fits(const struct tapnet_frame *frame, const struct tapnet_layout *layout)
{
    return bytes_get_be16(frame->bytes + layout->transport + 4) == layout->end - layout->transport;
}

API int tapnet_split_begin(struct tapnet_split *ret, const struct tapnet_frame *frame, enum tapnet_device_kind kind)
{
    struct tapnet_split split = {.frame = frame, .count = 1};
    size_t payload_len;

    split.gso_type = frame->vnet.gso_type & (uint8_t)~TAPNET_GSO_ECN;
    if (split.gso_type == TAPNET_GSO_NONE) {
        *ret = split;
        return 0;
    }
    if (split.gso_type != TAPNET_GSO_TCP4 && split.gso_type != TAPNET_GSO_TCP6 && split.gso_type != TAPNET_GSO_UDP)
        return -EOPNOTSUPP;
    if (tapnet_layout_parse(frame->bytes, frame->len, kind, &split.layout) < 0 || split.layout.fragment ||
        split.layout.end != frame->len || !type_fits(split.gso_type, &split.layout) || frame->vnet.gso_size == 0)
        return -EBADMSG;
    if (split.gso_type == TAPNET_GSO_UDP && !udp_len_fits(frame, &split.layout))
        return -EBADMSG;
    if (split.layout.routed)
        return -EOPNOTSUPP; /* the checksum is over another destination than the header's */
    payload_len = split.layout.end - split.layout.payload;
    split.segment_size = frame->vnet.gso_size;
    if (payload_len > split.segment_size)
        split.count = (payload_len + split.segment_size - 1) / split.segment_size;
    *ret = split;
    return 0;
}

static void set_network(uint8_t *network, const struct tapnet_layout *layout, size_t len, size_t index)
{
    uint16_t id;

    if (layout->version == 6) {
        bytes_put_be16(network + 4, (uint16_t)(len - layout->network - TAPNET_IPV6_LEN));
        return;
    }
    bytes_put_be16(network + 2, (uint16_t)(len - layout->network));
    id = bytes_get_be16(network + 4);
    if (id || !(bytes_get_be16(network + 6) & IPV4_DONT_FRAGMENT)) /* else it means nothing: RFC 6864 */
        bytes_put_be16(network + 4, (uint16_t)(id + index));
    bytes_put_be16(network + 10, 0);
    bytes_put_be16(network + 10, tapnet_checksum(network, layout->transport - layout->network));
}

/* @offset is that of the segment's payload in the whole one. */
static void set_transport(uint8_t *transport, const struct tapnet_split *split, size_t len, size_t index, size_t offset)
{
    if (split->gso_type == TAPNET_GSO_UDP) {
        bytes_put_be16(transport + 4, (uint16_t)(len - split->layout.transport));
        return;
    }
    bytes_put_be32(transport + 4, bytes_get_be32(transport + 4) + (uint32_t)offset);
    if (index > 0)
        transport[13] &= (uint8_t)~TAPNET_TCP_CWR;
    if (index + 1 < split->count)
        transport[13] &= (uint8_t) ~(TAPNET_TCP_FIN | TAPNET_TCP_PSH);
}

/* Stores the partial checksum, and says so in the vnet header. */
static void set_checksum(const struct tapnet_split *split, struct tapnet_frame *segment)
{
    const struct tapnet_layout *layout = &split->layout;
    uint16_t offset = split->gso_type == TAPNET_GSO_UDP ? UDP_CHECKSUM_OFFSET : TCP_CHECKSUM_OFFSET;
    uint16_t pseudo = packet_pseudo(segment->bytes + layout->network, layout->version, layout->protocol,
                                    segment->len - layout->transport);

    bytes_put_be16(segment->bytes + layout->transport + offset, pseudo);
    segment->vnet = (struct tapnet_vnet){
        .flags = TAPNET_VNET_NEEDS_CHECKSUM,
        .header_len = (uint16_t)layout->payload,
        .checksum_start = (uint16_t)layout->transport,
        .checksum_offset = offset,
    };
}

/* A frame that is not to be cut. */
static int copy_frame(const struct tapnet_frame *frame, struct tapnet_frame *segment, bool complete)
{
    if (segment->room < frame->len)
        return -ENOBUFS;
    memcpy(segment->bytes, frame->bytes, frame->len);
    segment->len = frame->len;
    segment->vnet = frame->vnet;
    return complete ? tapnet_checksum_complete(segment) : 0;
}

API int tapnet_split_segment(const struct tapnet_split *split, size_t index, struct tapnet_frame *segment,
                             bool complete)
{
    const struct tapnet_layout *layout = &split->layout;
    size_t offset = index * split->segment_size, payload_len;

    if (index >= split->count)
        return -ERANGE;
    if (split->gso_type == TAPNET_GSO_NONE)
        return copy_frame(split->frame, segment, complete);
    payload_len = layout->end - layout->payload - offset;
    if (payload_len > split->segment_size)
        payload_len = split->segment_size;
    if (segment->room < layout->payload + payload_len)
        return -ENOBUFS;
    segment->len = layout->payload + payload_len;
    memcpy(segment->bytes, split->frame->bytes, layout->payload);
    memcpy(segment->bytes + layout->payload, split->frame->bytes + layout->payload + offset, payload_len);
    set_network(segment->bytes + layout->network, layout, segment->len, index);
    set_transport(segment->bytes + layout->transport, split, segment->len, index, offset);
    set_checksum(split, segment);
    return complete ? tapnet_checksum_complete(segment) : 0;
}
