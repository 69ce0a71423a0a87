/* SPDX-License-Identifier: MIT */
/* Makes packets of many shapes, for the tests of splitting and merging. */
#ifndef TESTS_PACKET_MAKE_H
#define TESTS_PACKET_MAKE_H

#include <linux/if_ether.h>
#include <netinet/in.h>

#include "lab.h"

#define FRAME_ROOM 70000
#define ALL_OFFLOADS                                                                                                   \
    (TAPNET_OFFLOAD_TSO4 | TAPNET_OFFLOAD_TSO6 | TAPNET_OFFLOAD_TSO_ECN | TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6)

/* What all packets of one flow have in common. */
struct shape {
    enum tapnet_device_kind kind;
    unsigned tags; /* VLAN tags, on a TAP */
    int version;
    uint8_t protocol;
    bool extensions; /* IPv6 destination options */
    bool dont_fragment;
    uint8_t number; /* makes its addresses and ports its own */
    uint8_t ttl, tos;
    uint32_t acknowledgement;
    uint16_t window;
    size_t options_len;
    uint8_t options[40];
};

/* What is one packet's own. */
struct detail {
    uint32_t sequence;
    uint16_t id, flags;
    const uint8_t *payload;
    size_t payload_len;
};

static inline struct shape roll_shape(struct dice *dice, enum tapnet_device_kind kind, uint8_t number)
{
    struct shape shape = {
        .kind = kind,
        .tags = kind == TAPNET_TAP ? (unsigned)roll(dice, 3) : 0,
        .version = one_in(dice, 2) ? 4 : 6,
        .protocol = one_in(dice, 2) ? IPPROTO_TCP : IPPROTO_UDP,
        .extensions = one_in(dice, 3),
        .dont_fragment = one_in(dice, 2),
        .number = number,
        .ttl = (uint8_t)(roll(dice, 255) + 1),
        .tos = (uint8_t)roll(dice, 256),
        .acknowledgement = (uint32_t)roll64(dice),
        .window = (uint16_t)roll64(dice),
        .options_len = 4 * roll(dice, 11),
    };

    roll_bytes(dice, shape.options, sizeof(shape.options));
    return shape;
}

static inline size_t make_link(uint8_t *bytes, const struct shape *shape, uint16_t type)
{
    struct tapnet_ethernet ethernet = {{0x52, 0x54, 0, 0, 0, shape->number}, {0x52, 0x54, 1, 0, 0, 1}, type};
    size_t len = TAPNET_ETHERNET_LEN;

    if (shape->kind == TAPNET_TUN)
        return 0;
    if (shape->tags)
        ethernet.type = shape->tags == 2 ? ETH_P_8021AD : ETH_P_8021Q;
    assert_int_equal(tapnet_ethernet_build(bytes, len, &ethernet), TAPNET_ETHERNET_LEN);
    for (unsigned i = shape->tags; i > 0; i--) {
        struct tapnet_vlan tag = {.id = (uint16_t)(100 + i), .type = i > 1 ? ETH_P_8021Q : type};

        assert_int_equal(tapnet_vlan_build(bytes + len, TAPNET_VLAN_LEN, &tag), TAPNET_VLAN_LEN);
        len += TAPNET_VLAN_LEN;
    }
    return len;
}

static inline size_t make_network(uint8_t *bytes, const struct shape *shape, const struct detail *detail, size_t len)
{
    struct tapnet_ipv4 four = {.tos = shape->tos,
                               .total_len = (uint16_t)(TAPNET_IPV4_LEN + len),
                               .id = detail->id,
                               .dont_fragment = shape->dont_fragment,
                               .ttl = shape->ttl,
                               .protocol = shape->protocol,
                               .source = {10, 0, 0, shape->number},
                               .destination = {10, 0, 1, 1}};
    struct tapnet_ipv6 six = {.traffic_class = shape->tos,
                              .flow_label = shape->number,
                              .next_header = shape->protocol,
                              .payload_len = (uint16_t)(len + (shape->extensions ? 8 : 0)),
                              .hop_limit = shape->ttl,
                              .source = {0xfd, [15] = shape->number},
                              .destination = {0xfd, [15] = 0xff}};

    if (shape->version == 4)
        return (size_t)tapnet_ipv4_build(bytes, TAPNET_IPV4_LEN, &four);
    if (shape->extensions)
        six.next_header = IPPROTO_DSTOPTS;
    assert_int_equal(tapnet_ipv6_build(bytes, TAPNET_IPV6_LEN, &six), TAPNET_IPV6_LEN);
    if (!shape->extensions)
        return TAPNET_IPV6_LEN;
    memcpy(bytes + TAPNET_IPV6_LEN, (const uint8_t[]){shape->protocol, 0, 1, 4, 0, 0, 0, 0}, 8); /* PadN */
    return TAPNET_IPV6_LEN + 8;
}

static inline void make_transport(uint8_t *bytes, const struct shape *shape, const struct detail *detail,
                                  uint32_t pseudo)
{
    struct tapnet_tcp tcp = {.source_port = (uint16_t)(1000 + shape->number),
                             .destination_port = 80,
                             .sequence = detail->sequence,
                             .acknowledgement = shape->acknowledgement,
                             .flags = detail->flags,
                             .window = shape->window,
                             .options = shape->options,
                             .options_len = shape->options_len};
    struct tapnet_udp udp = {.source_port = (uint16_t)(1000 + shape->number), .destination_port = 53};

    if (shape->protocol == IPPROTO_TCP)
        assert_true(tapnet_tcp_build(bytes, FRAME_ROOM, &tcp, detail->payload_len, pseudo) > 0);
    else
        assert_true(tapnet_udp_build(bytes, FRAME_ROOM, &udp, detail->payload_len, pseudo) > 0);
}

/* A packet with full checksums into @frame, which has FRAME_ROOM bytes. */
static inline void make_packet(struct tapnet_frame *frame, const struct shape *shape, const struct detail *detail)
{
    size_t header_len = shape->protocol == IPPROTO_TCP ? TAPNET_TCP_LEN + shape->options_len : TAPNET_UDP_LEN;
    size_t len = header_len + detail->payload_len;
    size_t network = make_link(frame->bytes, shape, shape->version == 4 ? ETH_P_IP : ETH_P_IPV6);
    size_t transport = network + make_network(frame->bytes + network, shape, detail, len);
    size_t address_len = shape->version == 4 ? 4 : 16;
    const uint8_t *addresses = frame->bytes + network + (shape->version == 4 ? 12 : 8);

    memcpy(frame->bytes + transport + header_len, detail->payload, detail->payload_len);
    make_transport(frame->bytes + transport, shape, detail,
                   tapnet_checksum_pseudo(addresses, addresses + address_len, address_len, shape->protocol, len));
    frame->len = transport + len;
    frame->vnet = (struct tapnet_vnet){0};
}

/* Leaves the checksum of a whole packet to be stored, as the kernel hands it out. */
static inline void make_partial(struct tapnet_frame *frame, enum tapnet_device_kind kind)
{
    struct tapnet_layout layout;
    size_t address_len, offset;
    const uint8_t *addresses;
    uint32_t sum;

    assert_int_equal(tapnet_layout_parse(frame->bytes, frame->len, kind, &layout), 0);
    address_len = layout.version == 4 ? 4 : 16;
    addresses = frame->bytes + layout.network + (layout.version == 4 ? 12 : 8);
    offset = layout.protocol == IPPROTO_TCP ? 16 : 6;
    sum = plain_pseudo(addresses, address_len, layout.protocol, layout.end - layout.transport);
    frame->bytes[layout.transport + offset] = (uint8_t)(sum >> 8);
    frame->bytes[layout.transport + offset + 1] = (uint8_t)sum;
    frame->vnet = (struct tapnet_vnet){
        .flags = TAPNET_VNET_NEEDS_CHECKSUM,
        .header_len = (uint16_t)layout.payload,
        .checksum_start = (uint16_t)layout.transport,
        .checksum_offset = (uint16_t)offset,
    };
}

/* A packet of segments of @segment_size, as the kernel hands it out. */
static inline void make_large(struct tapnet_frame *frame, const struct shape *shape, const struct detail *detail,
                              size_t segment_size)
{
    make_packet(frame, shape, detail);
    make_partial(frame, shape->kind);
    frame->vnet.gso_size = (uint16_t)segment_size;
    frame->vnet.gso_type = shape->protocol == IPPROTO_UDP ? TAPNET_GSO_UDP
                           : shape->version == 4          ? TAPNET_GSO_TCP4
                                                          : TAPNET_GSO_TCP6;
    if (shape->protocol == IPPROTO_TCP && detail->flags & TAPNET_TCP_CWR)
        frame->vnet.gso_type |= TAPNET_GSO_ECN;
}

static inline struct tapnet_frame new_frame(void)
{
    struct tapnet_frame frame = {.bytes = malloc(FRAME_ROOM), .room = FRAME_ROOM};

    assert_non_null(frame.bytes);
    return frame;
}

/* The transport checksum of a packet with full checksums, and that of the IPv4 header. */
static inline void assert_checksums(const struct tapnet_frame *frame, enum tapnet_device_kind kind)
{
    struct tapnet_layout layout;
    size_t address_len;

    assert_int_equal(tapnet_layout_parse(frame->bytes, frame->len, kind, &layout), 0);
    address_len = layout.version == 4 ? 4 : 16;
    assert_int_equal(plain_checksum(plain_pseudo(frame->bytes + layout.network + (layout.version == 4 ? 12 : 8),
                                                 address_len, layout.protocol, layout.end - layout.transport),
                                    frame->bytes + layout.transport, layout.end - layout.transport),
                     0);
    if (layout.version == 4)
        assert_int_equal(plain_checksum(0, frame->bytes + layout.network, layout.transport - layout.network), 0);
}

static inline void assert_same_frame(const struct tapnet_frame *a, const struct tapnet_frame *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->bytes, b->bytes, a->len);
    assert_memory_equal(&a->vnet, &b->vnet, sizeof(a->vnet));
}

#endif
