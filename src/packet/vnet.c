/* SPDX-License-Identifier: MIT */
/* The header that stands before each packet of a virtio device (virtio 1.2, 5.1.6), and the checksum it asks for. */
#include "packet/packet.h"

static uint16_t get16(const uint8_t *bytes, enum tapnet_byte_order order)
{
    uint16_t value;

    if (order == TAPNET_ORDER_BIG)
        return bytes_get_be16(bytes);
    if (order == TAPNET_ORDER_LITTLE)
        return (uint16_t)(bytes[1] << 8 | bytes[0]);
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static void put16(uint8_t *bytes, uint16_t value, enum tapnet_byte_order order)
{
    if (order == TAPNET_ORDER_NATIVE) {
        memcpy(bytes, &value, sizeof(value));
        return;
    }
    bytes_put_be16(bytes, order == TAPNET_ORDER_BIG ? value : __builtin_bswap16(value));
}

API int tapnet_vnet_parse(const void *bytes, size_t len, size_t size, enum tapnet_byte_order order,
                          struct tapnet_vnet *ret)
{
    const uint8_t *header = bytes;

    if (size < TAPNET_VNET_LEN)
        return -EINVAL;
    if (len < size)
        return -EBADMSG;
    ret->flags = header[0];
    ret->gso_type = header[1];
    ret->header_len = get16(header + 2, order);
    ret->gso_size = get16(header + 4, order);
    ret->checksum_start = get16(header + 6, order);
    ret->checksum_offset = get16(header + 8, order);
    ret->buffer_count = size >= 12 ? get16(header + 10, order) : 0;
    return (int)size;
}

API int tapnet_vnet_build(void *bytes, size_t room, size_t size, enum tapnet_byte_order order,
                          const struct tapnet_vnet *header)
{
    uint8_t *out = bytes;

    if (size < TAPNET_VNET_LEN)
        return -EINVAL;
    if (room < size)
        return -ENOBUFS;
    memset(out, 0, size);
    out[0] = header->flags;
    out[1] = header->gso_type;
    put16(out + 2, header->header_len, order);
    put16(out + 4, header->gso_size, order);
    put16(out + 6, header->checksum_start, order);
    put16(out + 8, header->checksum_offset, order);
    if (size >= 12)
        put16(out + 10, header->buffer_count, order);
    return (int)size;
}

API int tapnet_checksum_complete(struct tapnet_frame *frame)
{
    size_t start = frame->vnet.checksum_start, offset = frame->vnet.checksum_offset;
    uint16_t checksum;

    if (!(frame->vnet.flags & TAPNET_VNET_NEEDS_CHECKSUM))
        return 0;
    if (frame->vnet.gso_type != TAPNET_GSO_NONE)
        return -EOPNOTSUPP;
    if (start >= frame->len || offset + 2 > frame->len - start)
        return -EBADMSG;
    checksum = tapnet_checksum(frame->bytes + start, frame->len - start);
    if (checksum == 0 && offset == UDP_CHECKSUM_OFFSET)
        checksum = UINT16_MAX; /* 0 would say that there is none: RFC 768 */
    bytes_put_be16(frame->bytes + start + offset, checksum);
    frame->vnet.flags = TAPNET_VNET_DATA_VALID;
    frame->vnet.checksum_start = frame->vnet.checksum_offset = 0;
    return 0;
}
