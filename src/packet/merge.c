/* SPDX-License-Identifier: MIT */
/* Merges packets of one flow into large ones, as the kernel's GRO does: TCP and UDP over IPv4 and IPv6. */

/*
 * How it works: packets are looked at in the order of their arrival. A few flows are open at a time; each is a frame
 * that may still grow (its head) and what must come next. A packet is
 *
 *   - a piece: it may be appended to the head of its flow; when it does not fit there, the flow is closed, and the
 *     piece opens it anew;
 *   - alone: of a flow, but not to be merged; it closes the flow, so that nothing overtakes it;
 *   - a stranger, of which we can't tell the flow (fragments, ICMP, what is malformed): it closes all.
 *
 * A flow that is closed has the headers of its head put right, once. The rules are those of tcp_gro_receive(),
 * udp_gro_receive() and inet_gro_receive() of the kernel, a little stricter: what splitting would not give back byte
 * for byte is not merged. So urgent pointers must be equal; a checksum of TCP must not be the other zero; IPv4 ids
 * count up, or are all 0 in packets that may not be fragmented.
 */
#include "packet/packet.h"

#define FLOWS_MAX 8
#define UDP_SEGMENTS_MAX 64 /* the kernel's UDP_GRO_CNT_MAX */
#define IP_LEN_MAX 65535
#define TCP_FLAGS_LAST (TAPNET_TCP_FIN | TAPNET_TCP_PSH)
#define TCP_FLAGS_ALONE (TAPNET_TCP_SYN | TAPNET_TCP_RST | TAPNET_TCP_URG)

enum role { ROLE_STRANGER, ROLE_ALONE, ROLE_PIECE };

/* A packet that might be merged. */
struct piece {
    struct tapnet_frame *frame;
    struct tapnet_layout layout;
    size_t payload_len;
    size_t segment_size; /* payload of each segment but the last */
    size_t segments;     /* more than 1 when it has been merged before */
};

struct flow {
    struct piece head;
    uint32_t next_sequence;
    uint16_t next_id;
    bool fixed_id; /* 0 in all */
    bool grown;
};

struct merge {
    struct flow flows[FLOWS_MAX]; /* the oldest first */
    size_t count;
    unsigned offloads;
    enum tapnet_device_kind kind;
};

static const uint8_t *network_of(const struct piece *piece)
{
    return piece->frame->bytes + piece->layout.network;
}

static uint8_t *transport_of(const struct piece *piece)
{
    return piece->frame->bytes + piece->layout.transport;
}

static bool is_tcp(const struct piece *piece)
{
    return piece->layout.protocol == IPPROTO_TCP;
}

static size_t checksum_offset(const struct piece *piece)
{
    return is_tcp(piece) ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET;
}

static uint16_t pseudo_of(const struct piece *piece)
{
    return packet_pseudo(network_of(piece), piece->layout.version, piece->layout.protocol,
                         piece->frame->len - piece->layout.transport);
}

/* ---- what may be merged ---- */

static unsigned offload_of(const struct piece *piece)
{
    if (is_tcp(piece))
        return piece->layout.version == 4 ? TAPNET_OFFLOAD_TSO4 : TAPNET_OFFLOAD_TSO6;
    return piece->layout.version == 4 ? TAPNET_OFFLOAD_USO4 : TAPNET_OFFLOAD_USO6;
}

static uint8_t gso_type_of(const struct piece *piece)
{
    if (!is_tcp(piece))
        return TAPNET_GSO_UDP;
    return piece->layout.version == 4 ? TAPNET_GSO_TCP4 : TAPNET_GSO_TCP6;
}

/* Right, or still to be stored from the sum that belongs there, or known to be right. */
static bool checksum_is_good(const struct piece *piece)
{
    const struct tapnet_vnet *vnet = &piece->frame->vnet;
    const uint8_t *transport = transport_of(piece);
    uint16_t stored = bytes_get_be16(transport + checksum_offset(piece)), pseudo = pseudo_of(piece);

    if (vnet->flags & TAPNET_VNET_NEEDS_CHECKSUM)
        return vnet->checksum_start == piece->layout.transport && vnet->checksum_offset == checksum_offset(piece) &&
               stored == pseudo;
    if (piece->segments > 1 || stored == (is_tcp(piece) ? UINT16_MAX : 0))
        return false;
    if (vnet->flags & TAPNET_VNET_DATA_VALID)
        return true;
    return tapnet_checksum_finish(
               tapnet_checksum_add(pseudo, transport, piece->frame->len - piece->layout.transport)) == 0;
}

static bool network_may_merge(const struct piece *piece)
{
    const uint8_t *ip = network_of(piece);

    if (piece->layout.end != piece->frame->len || piece->layout.routed)
        return false;
    if (piece->layout.version == 6)
        return true;
    return ip[0] == 0x45 && !(ip[6] & 0x80) && tapnet_checksum(ip, TAPNET_IPV4_LEN) == 0 &&
           bytes_get_be16(ip + 10) != UINT16_MAX;
}

static bool transport_may_merge(const struct piece *piece, unsigned offloads)
{
    const uint8_t *transport = transport_of(piece);

    if (!is_tcp(piece))
        return bytes_get_be16(transport + 4) == piece->layout.end - piece->layout.transport;
    return !(transport[13] & TCP_FLAGS_ALONE) &&
           (!(transport[13] & TAPNET_TCP_CWR) || offloads & TAPNET_OFFLOAD_TSO_ECN);
}

/* How large its segments are: of one that was merged before, its vnet header tells. */
static bool set_segments(struct piece *piece)
{
    const struct tapnet_vnet *vnet = &piece->frame->vnet;

    piece->segment_size = piece->payload_len;
    piece->segments = 1;
    if (vnet->gso_type == TAPNET_GSO_NONE || piece->payload_len == 0)
        return piece->payload_len > 0;
    if ((vnet->gso_type & ~TAPNET_GSO_ECN) != gso_type_of(piece) || vnet->gso_size == 0 ||
        vnet->gso_size >= piece->payload_len)
        return false;
    piece->segment_size = vnet->gso_size;
    piece->segments = (piece->payload_len + piece->segment_size - 1) / piece->segment_size;
    return true;
}

static enum role classify(const struct merge *merge, struct tapnet_frame *frame, struct piece *piece)
{
    piece->frame = frame;
    if (tapnet_layout_parse(frame->bytes, frame->len, merge->kind, &piece->layout) < 0 || piece->layout.version == 0 ||
        piece->layout.fragment || (piece->layout.protocol != IPPROTO_TCP && piece->layout.protocol != IPPROTO_UDP))
        return ROLE_STRANGER;
    piece->payload_len = piece->layout.end - piece->layout.payload;
    if (!(merge->offloads & offload_of(piece)) || !set_segments(piece) || !network_may_merge(piece) ||
        !transport_may_merge(piece, merge->offloads) || !checksum_is_good(piece))
        return ROLE_ALONE;
    return ROLE_PIECE;
}

/* ---- flows ---- */

/* Addresses, protocol and ports. */
static bool same_flow(const struct piece *a, const struct piece *b)
{
    size_t address_len;
    const uint8_t *addresses;

    if (a->layout.version != b->layout.version || a->layout.protocol != b->layout.protocol ||
        memcmp(transport_of(a), transport_of(b), 4) != 0)
        return false;
    addresses = packet_addresses(network_of(a), a->layout.version, &address_len);
    return memcmp(addresses, packet_addresses(network_of(b), b->layout.version, &address_len), 2 * address_len) == 0;
}

/* All but the lengths, the IPv4 id and its checksum: link header, TTL, TOS, DF, flow label, extension headers. */
static bool same_network(const struct piece *head, const struct piece *piece)
{
    const uint8_t *a = network_of(head), *b = network_of(piece);
    size_t len = head->layout.transport - head->layout.network;

    if (head->layout.network != piece->layout.network || head->layout.transport != piece->layout.transport ||
        head->layout.payload != piece->layout.payload ||
        memcmp(head->frame->bytes, piece->frame->bytes, head->layout.network) != 0)
        return false;
    if (head->layout.version == 4)
        return memcmp(a, b, 2) == 0 && memcmp(a + 6, b + 6, 4) == 0;
    return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, len - 6) == 0;
}

/* Acknowledgement, flags, window, urgent pointer, options; and the sequence number that must come next. */
static bool same_tcp(const struct flow *flow, const struct piece *piece)
{
    const uint8_t *a = transport_of(&flow->head), *b = transport_of(piece);
    size_t len = piece->layout.payload - piece->layout.transport;

    return bytes_get_be32(b + 4) == flow->next_sequence && memcmp(a + 8, b + 8, 5) == 0 &&
           ((a[13] ^ b[13]) & ~(TCP_FLAGS_LAST | TAPNET_TCP_CWR)) == 0 && !(b[13] & TAPNET_TCP_CWR) &&
           memcmp(a + 14, b + 14, 2) == 0 && memcmp(a + 18, b + 18, len - 18) == 0;
}

static bool id_follows(const struct flow *flow, const struct piece *piece)
{
    return piece->layout.version == 6 || bytes_get_be16(network_of(piece) + 4) == flow->next_id;
}

/* Is there room for it, and is it as large as the others, or the smaller last one? */
static bool size_fits(const struct flow *flow, const struct piece *piece)
{
    const struct piece *head = &flow->head;
    size_t len = head->frame->len + piece->payload_len;
    size_t counted = head->layout.network + (head->layout.version == 6 ? TAPNET_IPV6_LEN : 0);

    if (len > head->frame->room || len - counted > IP_LEN_MAX)
        return false;
    if (!is_tcp(piece) && head->segments + piece->segments > UDP_SEGMENTS_MAX)
        return false;
    return piece->segments > 1 ? piece->segment_size == head->segment_size : piece->payload_len <= head->segment_size;
}

/* Can nothing follow behind @piece, whose flow has segments of @segment_size? */
static bool is_last(const struct piece *piece, size_t segment_size)
{
    return piece->payload_len % segment_size != 0 || (is_tcp(piece) && transport_of(piece)[13] & TCP_FLAGS_LAST);
}

static void count_on(struct flow *flow, const struct piece *piece)
{
    flow->next_sequence += (uint32_t)piece->payload_len;
    if (!flow->fixed_id)
        flow->next_id = (uint16_t)(flow->next_id + piece->segments);
}

static void append(struct flow *flow, const struct piece *piece)
{
    struct piece *head = &flow->head;

    memcpy(head->frame->bytes + head->frame->len, piece->frame->bytes + piece->layout.payload, piece->payload_len);
    head->frame->len += piece->payload_len;
    head->segments += piece->segments;
    if (is_tcp(head))
        transport_of(head)[13] |= transport_of(piece)[13] & TCP_FLAGS_LAST;
    flow->grown = true;
    count_on(flow, piece);
    piece->frame->len = 0; /* its buffer is free */
}

/* Puts the headers of a flow's head right for what it has grown to. */
static void finish(const struct flow *flow)
{
    const struct piece *head = &flow->head;
    const struct tapnet_layout *layout = &head->layout;
    uint8_t *network = head->frame->bytes + layout->network, *transport = transport_of(head);
    size_t offset = checksum_offset(head);

    if (!flow->grown)
        return;
    if (layout->version == 4) {
        bytes_put_be16(network + 2, (uint16_t)(head->frame->len - layout->network));
        bytes_put_be16(network + 10, 0);
        bytes_put_be16(network + 10, tapnet_checksum(network, TAPNET_IPV4_LEN));
    } else {
        bytes_put_be16(network + 4, (uint16_t)(head->frame->len - layout->network - TAPNET_IPV6_LEN));
    }
    if (!is_tcp(head))
        bytes_put_be16(transport + 4, (uint16_t)(head->frame->len - layout->transport));
    bytes_put_be16(transport + offset, pseudo_of(head));
    head->frame->vnet = (struct tapnet_vnet){
        .flags = TAPNET_VNET_NEEDS_CHECKSUM,
        .gso_type = gso_type_of(head),
        .header_len = (uint16_t)layout->payload,
        .gso_size = (uint16_t)head->segment_size,
        .checksum_start = (uint16_t)layout->transport,
        .checksum_offset = (uint16_t)offset,
    };
    if (is_tcp(head) && transport[13] & TAPNET_TCP_CWR)
        head->frame->vnet.gso_type |= TAPNET_GSO_ECN;
}

static void close_flow(struct merge *merge, size_t index)
{
    finish(&merge->flows[index]);
    merge->count--;
    memmove(&merge->flows[index], &merge->flows[index + 1], (merge->count - index) * sizeof(merge->flows[0]));
}

static void open_flow(struct merge *merge, const struct piece *piece)
{
    struct flow *flow;

    if (is_last(piece, piece->segment_size))
        return;
    if (merge->count == FLOWS_MAX)
        close_flow(merge, 0);
    flow = &merge->flows[merge->count++];
    *flow = (struct flow){.head = *piece};
    if (is_tcp(piece))
        flow->next_sequence = bytes_get_be32(transport_of(piece) + 4);
    if (piece->layout.version == 4) {
        flow->next_id = bytes_get_be16(network_of(piece) + 4);
        flow->fixed_id = flow->next_id == 0 && bytes_get_be16(network_of(piece) + 6) & IPV4_DONT_FRAGMENT;
    }
    count_on(flow, piece);
}

/* Appends @piece to @flow when it is what must come next. */
static bool try_append(struct flow *flow, const struct piece *piece)
{
    if (!same_network(&flow->head, piece) || !id_follows(flow, piece) || !size_fits(flow, piece) ||
        (is_tcp(piece) && !same_tcp(flow, piece)))
        return false;
    append(flow, piece);
    return true;
}

static void merge_frame(struct merge *merge, struct tapnet_frame *frame)
{
    struct piece piece;
    enum role role = classify(merge, frame, &piece);
    size_t i = merge->count;

    if (role == ROLE_STRANGER) {
        while (merge->count)
            close_flow(merge, merge->count - 1);
        return;
    }
    while (i > 0 && !same_flow(&merge->flows[i - 1].head, &piece))
        i--;
    if (i > 0 && role == ROLE_PIECE && try_append(&merge->flows[i - 1], &piece)) {
        if (is_last(&piece, merge->flows[i - 1].head.segment_size))
            close_flow(merge, i - 1);
        return;
    }
    if (i > 0)
        close_flow(merge, i - 1);
    if (role == ROLE_PIECE)
        open_flow(merge, &piece);
}

API size_t tapnet_merge(struct tapnet_frame *frames, size_t count, enum tapnet_device_kind kind, unsigned offloads)
{
    struct merge merge;
    size_t kept = 0;

    merge.count = 0;
    merge.kind = kind;
    merge.offloads = offloads;
    for (size_t i = 0; i < count; i++)
        merge_frame(&merge, &frames[i]);
    while (merge.count)
        close_flow(&merge, merge.count - 1);
    for (size_t i = 0; i < count; i++) {
        struct tapnet_frame frame = frames[i];

        if (frame.len == 0)
            continue;
        frames[i] = frames[kept];
        frames[kept++] = frame;
    }
    return kept;
}
