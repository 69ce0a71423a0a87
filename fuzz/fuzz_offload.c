/* SPDX-License-Identifier: MIT */
/* Split and merge of any frames with any vnet headers: what is merged splits to what came without merging. */

/*
 * The input: a byte of bits (1: a TAP, 2: checksums are put right first, which chance never does), then frames, each a
 * length (two bytes), a vnet header (ten) and the packet.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <tapnet/packet.h>

#define FRAMES_MAX 40
#define ROOM 70000
#define SEGMENTS_MAX 200 /* of one frame: more are only slow */
#define OFFLOADS                                                                                                       \
    (TAPNET_OFFLOAD_TSO4 | TAPNET_OFFLOAD_TSO6 | TAPNET_OFFLOAD_TSO_ECN | TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buffers[FRAMES_MAX + 1][ROOM];

static void must(int truth)
{
    if (!truth)
        abort();
}

/* FNV-1a of a packet; sums of these do not depend on the order. */
static uint64_t hash(const struct tapnet_frame *frame)
{
    uint64_t value = 0xcbf29ce484222325;

    for (size_t i = 0; i < frame->len; i++)
        value = (value ^ frame->bytes[i]) * 0x100000001b3;
    return value;
}

/* The sum of the hashes of what @frame is cut into; of the frame itself when it can't be. *ret_fine: is it short? */
static uint64_t hash_split(const struct tapnet_frame *frame, enum tapnet_device_kind kind, int *ret_fine)
{
    struct tapnet_frame segment = {.bytes = buffers[FRAMES_MAX], .room = ROOM};
    struct tapnet_split split;
    uint64_t sum = 0;

    if (tapnet_split_begin(&split, frame, kind) < 0)
        return hash(frame);
    if (split.count > SEGMENTS_MAX) {
        *ret_fine = 0;
        return 0;
    }
    for (size_t i = 0; i < split.count; i++) {
        if (tapnet_split_segment(&split, i, &segment, true) < 0)
            return hash(frame);
        must(segment.len <= ROOM && !(segment.vnet.flags & TAPNET_VNET_NEEDS_CHECKSUM));
        sum += hash(&segment);
    }
    return sum;
}

static void put16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

/* Stores the right checksums of IPv4, TCP and UDP; only the pseudo header's sum where the vnet header asks for more. */
static void mend(struct tapnet_frame *frame, enum tapnet_device_kind kind)
{
    struct tapnet_layout layout;
    uint8_t *network = frame->bytes, *field;
    size_t address_len, len;
    uint32_t sum;

    if (tapnet_layout_parse(frame->bytes, frame->len, kind, &layout) < 0 || layout.version == 0 || layout.fragment ||
        (layout.protocol != IPPROTO_TCP && layout.protocol != IPPROTO_UDP))
        return;
    network += layout.network;
    len = layout.end - layout.transport;
    address_len = layout.version == 4 ? 4 : 16;
    if (layout.version == 4) {
        put16(network + 10, 0);
        put16(network + 10, tapnet_checksum(network, layout.transport - layout.network));
    }
    network += layout.version == 4 ? 12 : 8;
    field = frame->bytes + layout.transport + (layout.protocol == IPPROTO_TCP ? 16 : 6);
    sum = tapnet_checksum_pseudo(network, network + address_len, address_len, layout.protocol, len);
    put16(field, 0);
    if (!(frame->vnet.flags & TAPNET_VNET_NEEDS_CHECKSUM)) {
        put16(field, tapnet_checksum_finish(tapnet_checksum_add(sum, frame->bytes + layout.transport, len)));
        return;
    }
    put16(field, (uint16_t)~tapnet_checksum_finish(sum));
    frame->vnet.checksum_start = (uint16_t)layout.transport;
    frame->vnet.checksum_offset = layout.protocol == IPPROTO_TCP ? 16 : 6;
}

/* Takes the next frame out of the input; how many bytes it took, 0 at the end. */
static size_t next_frame(const uint8_t *data, size_t size, struct tapnet_frame *frame)
{
    size_t len;

    if (tapnet_vnet_parse(data + 2, size < 2 ? 0 : size - 2, TAPNET_VNET_LEN, TAPNET_ORDER_LITTLE, &frame->vnet) < 0)
        return 0;
    len = (size_t)(data[0] << 8 | data[1]);
    if (len > size - 2 - TAPNET_VNET_LEN)
        len = size - 2 - TAPNET_VNET_LEN;
    frame->vnet.flags &= (uint8_t)~TAPNET_VNET_DATA_VALID; /* believed, so it must not lie */
    frame->len = len;
    memcpy(frame->bytes, data + 2 + TAPNET_VNET_LEN, len);
    return 2 + TAPNET_VNET_LEN + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tapnet_frame frames[FRAMES_MAX];
    enum tapnet_device_kind kind = size && data[0] & 1 ? TAPNET_TAP : TAPNET_TUN;
    uint64_t before = 0, after = 0;
    size_t count = 0, kept, offset = 1;
    int fine = 1;

    while (count < FRAMES_MAX && offset < size) {
        struct tapnet_frame *frame = &frames[count];
        size_t taken;

        *frame = (struct tapnet_frame){.bytes = buffers[count], .room = ROOM};
        taken = next_frame(data + offset, size - offset, frame);
        if (taken == 0)
            break;
        offset += taken;
        if (frame->len == 0)
            continue;
        if (data[0] & 2)
            mend(frame, kind);
        before += hash_split(frame, kind, &fine);
        count++;
    }
    kept = tapnet_merge(frames, count, kind, OFFLOADS);
    must(kept <= count);
    for (size_t i = 0; i < kept; i++)
        after += hash_split(&frames[i], kind, &fine);
    must(!fine || before == after);
    return 0;
}
