/* SPDX-License-Identifier: MIT */
/* Packets as a pcapng file (draft-ietf-opsawg-pcapng), in little-endian order wherever it is written. */
#include <tapnet/capture.h>

#include "packet/capture.h"
#include "packet/packet.h"

/* A block under construction: what does not fit is remembered, and looked at once, at the end. */
struct block {
    uint8_t *bytes;
    size_t room, len;
    bool full;
};

static void put(struct block *block, const void *bytes, size_t len)
{
    if (block->full || block->room - block->len < len) {
        block->full = true;
        return;
    }
    if (len)
        memcpy(block->bytes + block->len, bytes, len);
    block->len += len;
}

static void put_16(struct block *block, uint16_t value)
{
    put(block, (const uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8)}, 2);
}

static void put_32(struct block *block, uint32_t value)
{
    put_16(block, (uint16_t)value);
    put_16(block, (uint16_t)(value >> 16));
}

/* As all numbers of 64 bits but times. */
static void put_64(struct block *block, uint64_t value)
{
    put_32(block, (uint32_t)value);
    put_32(block, (uint32_t)(value >> 32));
}

static void put_time(struct block *block, uint64_t time)
{
    put_32(block, (uint32_t)(time >> 32));
    put_32(block, (uint32_t)time);
}

static void pad(struct block *block, size_t len)
{
    put(block, (const uint8_t[3]){0}, (4 - len % 4) % 4);
}

static void put_option(struct block *block, uint16_t code, const void *bytes, size_t len)
{
    put_16(block, code);
    put_16(block, (uint16_t)len);
    put(block, bytes, len);
    pad(block, len);
}

static void put_counter(struct block *block, uint16_t code, uint64_t value)
{
    put_16(block, code);
    put_16(block, 8);
    put_64(block, value);
}

static struct block begin(void *bytes, size_t room, uint32_t type)
{
    struct block block = {.bytes = bytes, .room = room};

    put_32(&block, type);
    put_32(&block, 0);
    return block;
}

/* Writes the block's length where it belongs: at its beginning and at its end. The length, or -ENOBUFS. */
static int end(struct block *block)
{
    struct block length = {.bytes = block->bytes + 4, .room = 4};

    put_32(block, (uint32_t)block->len + 4);
    if (block->full)
        return -ENOBUFS;
    put_32(&length, (uint32_t)block->len);
    return (int)block->len;
}

API uint16_t tapnet_capture_link_type(enum tapnet_device_kind kind)
{
    return kind == TAPNET_TUN ? TAPNET_LINK_IP : TAPNET_LINK_ETHERNET;
}

static int build_section(void *bytes, size_t room)
{
    struct block block = begin(bytes, room, PCAPNG_SECTION);

    put_32(&block, PCAPNG_ORDER);
    put_16(&block, 1);
    put_16(&block, 0);
    put_64(&block, UINT64_MAX); /* until the file's end */
    put_option(&block, PCAPNG_OPTION_PROGRAM, "tapnet", 6);
    put_option(&block, PCAPNG_OPTION_END, NULL, 0);
    return end(&block);
}

static int build_interface(void *bytes, size_t room, uint16_t link_type, const char *name)
{
    struct block block = begin(bytes, room, PCAPNG_INTERFACE);

    put_16(&block, link_type);
    put_16(&block, 0);
    put_32(&block, 0); /* packets are not cut */
    if (name)
        put_option(&block, PCAPNG_OPTION_NAME, name, strnlen(name, TAPNET_DEVICE_NAME_MAX));
    put_option(&block, PCAPNG_OPTION_RESOLUTION, (const uint8_t[]){PCAPNG_NANOSECONDS}, 1);
    put_option(&block, PCAPNG_OPTION_END, NULL, 0);
    return end(&block);
}

API int tapnet_capture_begin(void *bytes, size_t room, uint16_t link_type, const char *name)
{
    int section_len = build_section(bytes, room), interface_len;

    if (section_len < 0)
        return section_len;
    interface_len = build_interface((uint8_t *)bytes + section_len, room - (size_t)section_len, link_type, name);
    return interface_len < 0 ? interface_len : section_len + interface_len;
}

API int tapnet_capture_packet_build(void *bytes, size_t room, const struct tapnet_capture_packet *packet)
{
    struct block block = begin(bytes, room, PCAPNG_PACKET);

    if (packet->len > 1 << 30 || packet->original_len > UINT32_MAX)
        return -EMSGSIZE;
    put_32(&block, 0); /* the interface */
    put_time(&block, packet->time_nsec);
    put_32(&block, (uint32_t)packet->len);
    put_32(&block, (uint32_t)(packet->original_len < packet->len ? packet->len : packet->original_len));
    put(&block, packet->bytes, packet->len);
    pad(&block, packet->len);
    if (packet->direction != TAPNET_DIRECTION_UNKNOWN) {
        put_16(&block, PCAPNG_OPTION_FLAGS);
        put_16(&block, 4);
        put_32(&block, packet->direction);
        put_option(&block, PCAPNG_OPTION_END, NULL, 0);
    }
    return end(&block);
}

API int tapnet_capture_statistics_build(void *bytes, size_t room, uint64_t time_nsec, uint64_t packets,
                                        uint64_t dropped)
{
    struct block block = begin(bytes, room, PCAPNG_STATISTICS);

    put_32(&block, 0);
    put_time(&block, time_nsec);
    put_counter(&block, PCAPNG_OPTION_RECEIVED, packets);
    put_counter(&block, PCAPNG_OPTION_DROPPED, dropped);
    put_option(&block, PCAPNG_OPTION_END, NULL, 0);
    return end(&block);
}
