/* SPDX-License-Identifier: MIT */
/* Packets out of a capture file, pcapng or pcap, piece by piece. */

/*
 * How it works: a file is a row of blocks (pcapng) or of packets behind one header (pcap). A step takes what stands at
 * the place where we are: a block's head with as much of it as matters; the rest of a block, of any length, is passed
 * over as it comes, and so is never held in memory. A block ends with its length once more, which is compared.
 *
 * No number is believed: a block holds what it says it holds, or the file is broken. What is long enough for any packet
 * fits TAPNET_CAPTURE_ROOM, so a reader that has so many bytes never waits for more.
 */
#include <tapnet/capture.h>

#include "base/error.h"
#include "packet/capture.h"
#include "packet/packet.h"

#define BLOCK_HEAD 8      /* type, length */
#define BLOCK_MIN 12      /* and the length at its end */
#define SECTION_HEAD 24   /* with byte order, version, length */
#define INTERFACE_HEAD 16 /* with link type and snap length; options follow */
#define PACKET_HEAD 28    /* with interface, time, both lengths; the packet follows */
#define SIMPLE_HEAD 12    /* with the original length */
#define PACKET_LEN_MAX (TAPNET_CAPTURE_ROOM - PACKET_HEAD)
#define SECOND_NSEC 1000000000u

__extension__ typedef unsigned __int128 uint128;

/* One call: the bytes that are there, and those that were taken of them. */
struct step {
    struct tapnet_capture_reader *reader;
    const uint8_t *bytes;
    size_t len, taken;
    struct tapnet_capture_packet *packet;
    struct tapnet_error *error;
};

/* What a step does next. */
enum { AGAIN = 2, PACKET = 1, MORE = 0 };

static const uint8_t *at(const struct step *step)
{
    return step->bytes + step->taken;
}

static bool has(const struct step *step, size_t len)
{
    return step->len - step->taken >= len;
}

static void take(struct step *step, size_t len)
{
    step->taken += len;
    step->reader->place += len;
}

static uint16_t get_16(const struct step *step, const uint8_t *bytes)
{
    uint16_t value;

    memcpy(&value, bytes, sizeof(value));
    return step->reader->swapped ? __builtin_bswap16(value) : value;
}

static uint32_t get_32(const struct step *step, const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return step->reader->swapped ? __builtin_bswap32(value) : value;
}

static uint64_t get_64(const struct step *step, const uint8_t *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return step->reader->swapped ? __builtin_bswap64(value) : value;
}

/* "byte 24: @what": the place where the step is. */
static int broken(const struct step *step, int code, const char *what)
{
    return error_set(step->error, code, "byte %llu: %s", (unsigned long long)step->reader->place, what);
}

/* "byte 24: @what of 3 bytes @why". */
static int broken_length(const struct step *step, const char *what, unsigned long long len, const char *why)
{
    return error_set(step->error, -EBADMSG, "byte %llu: %s of %llu bytes %s", (unsigned long long)step->reader->place,
                     what, len, why);
}

/* ---- times ---- */

static uint64_t saturate(uint128 value)
{
    return value > UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

/* @units of time in an interface's resolution, in nanoseconds; what is out of range stops at its end. */
static uint64_t nanoseconds(const struct tapnet_capture_interface *interface, uint64_t units)
{
    uint128 nsec = units;
    uint8_t power = interface->resolution & (PCAPNG_POWER_OF_TWO - 1);
    uint128 offset;

    if (interface->resolution & PCAPNG_POWER_OF_TWO) {
        nsec = nsec * SECOND_NSEC >> power;
    } else {
        for (uint8_t i = power; i < PCAPNG_NANOSECONDS; i++)
            nsec *= 10;
        for (uint8_t i = PCAPNG_NANOSECONDS; i < power && nsec; i++)
            nsec /= 10;
    }
    if (interface->offset_seconds >= 0)
        return saturate(nsec + (uint128)interface->offset_seconds * SECOND_NSEC);
    offset = (uint128)(-(uint64_t)interface->offset_seconds) * SECOND_NSEC;
    return nsec < offset ? 0 : saturate(nsec - offset);
}

/* ---- blocks of pcapng ---- */

/* The block's first @len bytes were looked at: the rest is passed over, but for the length at its end. */
static void leave_block(struct step *step, uint32_t total, size_t len)
{
    take(step, len);
    step->reader->skip = total - len - 4;
    step->reader->total = total;
}

/* The rest of the block that is under way. AGAIN, MORE or -EBADMSG. */
static int finish_block(struct step *step)
{
    struct tapnet_capture_reader *reader = step->reader;
    size_t len = step->len - step->taken;

    if (reader->skip) {
        len = reader->skip < len ? (size_t)reader->skip : len;
        take(step, len);
        reader->skip -= len;
        return reader->skip ? MORE : AGAIN;
    }
    if (!has(step, 4))
        return MORE;
    if (get_32(step, at(step)) != reader->total)
        return broken(step, -EBADMSG, "a block has another length at its end than at its beginning");
    take(step, 4);
    reader->total = 0;
    return AGAIN;
}

/* Each section has its own byte order and interfaces. */
static int read_section(struct step *step)
{
    struct tapnet_capture_reader *reader = step->reader;
    uint32_t order, total;

    if (!has(step, SECTION_HEAD))
        return MORE;
    memcpy(&order, at(step) + 8, sizeof(order));
    if (order != PCAPNG_ORDER && order != __builtin_bswap32(PCAPNG_ORDER))
        return broken(step, -EBADMSG, "a pcapng section whose byte order can't be told");
    reader->swapped = order != PCAPNG_ORDER;
    total = get_32(step, at(step) + 4);
    if (total < SECTION_HEAD + 4 || total % 4)
        return broken_length(step, "a pcapng section header", total, "can't be");
    if (get_16(step, at(step) + 12) != 1)
        return broken(step, -EOPNOTSUPP, "a pcapng section of another version than 1");
    reader->interface_count = 0;
    leave_block(step, total, SECTION_HEAD);
    return AGAIN;
}

/* Options stand one behind the other, each with its length; what contradicts itself ends them. */
static void read_interface_options(const struct step *step, const uint8_t *bytes, size_t len,
                                   struct tapnet_capture_interface *interface)
{
    while (len >= 4) {
        uint16_t code = get_16(step, bytes), option_len = get_16(step, bytes + 2);
        size_t whole = 4 + ((size_t)option_len + 3) / 4 * 4;

        if (code == PCAPNG_OPTION_END || whole > len)
            return;
        if (code == PCAPNG_OPTION_RESOLUTION && option_len == 1)
            interface->resolution = bytes[4];
        if (code == PCAPNG_OPTION_TIME_OFFSET && option_len == 8)
            interface->offset_seconds = (int64_t)get_64(step, bytes + 4);
        bytes += whole;
        len -= whole;
    }
}

static int read_interface(struct step *step, uint32_t total)
{
    struct tapnet_capture_reader *reader = step->reader;
    struct tapnet_capture_interface *interface = &reader->interfaces[reader->interface_count];

    if (total < INTERFACE_HEAD + 4 || total > TAPNET_CAPTURE_ROOM)
        return broken_length(step, "the description of an interface", total, "can't be");
    if (reader->interface_count == TAPNET_CAPTURE_INTERFACES_MAX)
        return error_set(step->error, -EOPNOTSUPP, "byte %llu: more than %d interfaces",
                         (unsigned long long)reader->place, TAPNET_CAPTURE_INTERFACES_MAX);
    if (!has(step, total))
        return MORE;
    *interface = (struct tapnet_capture_interface){.link_type = get_16(step, at(step) + 8),
                                                   .snap_len = get_32(step, at(step) + 12),
                                                   .resolution = PCAPNG_MICROSECONDS};
    read_interface_options(step, at(step) + INTERFACE_HEAD, total - INTERFACE_HEAD - 4, interface);
    reader->interface_count++;
    leave_block(step, total, INTERFACE_HEAD);
    return AGAIN;
}

/*
 * The packet behind @head bytes of a block of @total. PACKET, MORE, or an error with the place; step->packet is filled
 * only with PACKET.
 */
static int read_packet(struct step *step, uint32_t total, size_t head, const struct tapnet_capture_packet *packet)
{
    uint64_t place = step->reader->place;

    if (packet->len > total - head - 4)
        return broken_length(step, "a packet", packet->len, "reaches beyond its block");
    if (packet->len > PACKET_LEN_MAX)
        return broken_length(step, "a packet", packet->len, "is larger than any device takes");
    if (!has(step, head + packet->len))
        return MORE;
    *step->packet = *packet;
    step->packet->bytes = at(step) + head;
    step->packet->place = place;
    leave_block(step, total, head + packet->len);
    return PACKET;
}

/* The enhanced packet block, and the obsolete one, which has its interface in 16 bits. */
static int read_timed_packet(struct step *step, uint32_t total, bool old)
{
    const struct tapnet_capture_reader *reader = step->reader;
    const struct tapnet_capture_interface *interface;
    struct tapnet_capture_packet packet = {0};
    const uint8_t *bytes = at(step);
    uint32_t number;

    if (total < PACKET_HEAD + 4)
        return broken_length(step, "a packet block", total, "can't be");
    if (!has(step, PACKET_HEAD))
        return MORE;
    number = old ? get_16(step, bytes + 8) : get_32(step, bytes + 8);
    if (number >= reader->interface_count)
        return broken(step, -EBADMSG, "a packet of an interface that was not described");
    interface = &reader->interfaces[number];
    packet.link_type = interface->link_type;
    packet.time_nsec = nanoseconds(interface, (uint64_t)get_32(step, bytes + 12) << 32 | get_32(step, bytes + 16));
    packet.len = get_32(step, bytes + 20);
    packet.original_len = get_32(step, bytes + 24);
    return read_packet(step, total, PACKET_HEAD, &packet);
}

/* The simple packet block: of the first interface, without a time. */
static int read_simple_packet(struct step *step, uint32_t total)
{
    const struct tapnet_capture_reader *reader = step->reader;
    struct tapnet_capture_packet packet = {0};
    uint32_t snap_len;

    if (total < SIMPLE_HEAD + 4)
        return broken_length(step, "a packet block", total, "can't be");
    if (!has(step, SIMPLE_HEAD))
        return MORE;
    if (reader->interface_count == 0)
        return broken(step, -EBADMSG, "a packet of an interface that was not described");
    snap_len = reader->interfaces[0].snap_len;
    packet.link_type = reader->interfaces[0].link_type;
    packet.original_len = get_32(step, at(step) + 8);
    packet.len = snap_len && snap_len < packet.original_len ? snap_len : packet.original_len;
    return read_packet(step, total, SIMPLE_HEAD, &packet);
}

static int read_block(struct step *step)
{
    uint32_t type, total;

    if (!has(step, BLOCK_HEAD))
        return MORE;
    type = get_32(step, at(step));
    if (type == PCAPNG_SECTION)
        return read_section(step);
    total = get_32(step, at(step) + 4);
    if (total < BLOCK_MIN || total % 4)
        return broken_length(step, "a block", total, "can't be");
    switch (type) {
    case PCAPNG_INTERFACE:
        return read_interface(step, total);
    case PCAPNG_PACKET:
    case PCAPNG_OLD_PACKET:
        return read_timed_packet(step, total, type == PCAPNG_OLD_PACKET);
    case PCAPNG_SIMPLE_PACKET:
        return read_simple_packet(step, total);
    default: /* names, statistics, keys, blocks that are not invented yet */
        leave_block(step, total, BLOCK_HEAD);
        return AGAIN;
    }
}

/* ---- pcap ---- */

static int read_pcap_header(struct step *step, enum capture_format format)
{
    struct tapnet_capture_reader *reader = step->reader;

    if (!has(step, PCAP_HEADER_LEN))
        return MORE;
    if (get_16(step, at(step) + 4) != 2)
        return broken(step, -EOPNOTSUPP, "a pcap file of another version than 2");
    reader->format = format;
    reader->interfaces[0] = (struct tapnet_capture_interface){
        .link_type = (uint16_t)get_32(step, at(step) + 20), /* above it: how long the frames' checksum is */
        .resolution = format == CAPTURE_PCAP_NANOSECONDS ? PCAPNG_NANOSECONDS : PCAPNG_MICROSECONDS,
    };
    reader->interface_count = 1;
    take(step, PCAP_HEADER_LEN);
    return AGAIN;
}

static int read_pcap_packet(struct step *step)
{
    const struct tapnet_capture_interface *interface = &step->reader->interfaces[0];
    struct tapnet_capture_packet packet = {.link_type = interface->link_type, .place = step->reader->place};
    const uint8_t *bytes = at(step);

    if (!has(step, PCAP_PACKET_LEN))
        return MORE;
    packet.time_nsec = (uint64_t)get_32(step, bytes) * SECOND_NSEC + nanoseconds(interface, get_32(step, bytes + 4));
    packet.len = get_32(step, bytes + 8);
    packet.original_len = get_32(step, bytes + 12);
    if (packet.len > PACKET_LEN_MAX)
        return broken_length(step, "a packet", packet.len, "is larger than any device takes");
    if (!has(step, PCAP_PACKET_LEN + packet.len))
        return MORE;
    packet.bytes = bytes + PCAP_PACKET_LEN;
    *step->packet = packet;
    take(step, PCAP_PACKET_LEN + packet.len);
    return PACKET;
}

/* ---- both ---- */

static int read_magic(struct step *step)
{
    struct tapnet_capture_reader *reader = step->reader;
    uint32_t magic;

    if (!has(step, 4))
        return MORE;
    memcpy(&magic, at(step), sizeof(magic));
    if (magic == PCAPNG_SECTION) {
        reader->format = CAPTURE_PCAPNG;
        return AGAIN;
    }
    reader->swapped = magic == __builtin_bswap32(PCAP_MICROSECONDS) || magic == __builtin_bswap32(PCAP_NANOSECONDS);
    magic = get_32(step, at(step));
    if (magic == PCAP_MICROSECONDS)
        return read_pcap_header(step, CAPTURE_PCAP_MICROSECONDS);
    if (magic == PCAP_NANOSECONDS)
        return read_pcap_header(step, CAPTURE_PCAP_NANOSECONDS);
    return broken(step, -EBADMSG, "neither pcapng nor pcap begins like this");
}

API void tapnet_capture_reader_init(struct tapnet_capture_reader *ret)
{
    *ret = (struct tapnet_capture_reader){.format = CAPTURE_UNKNOWN};
}

API int tapnet_capture_reader_next(struct tapnet_capture_reader *reader, const void *bytes, size_t len,
                                   size_t *ret_taken, struct tapnet_capture_packet *ret, struct tapnet_error *error)
{
    struct step step = {.reader = reader, .bytes = bytes, .len = len, .packet = ret, .error = error};
    int result;

    do {
        if (reader->total)
            result = finish_block(&step);
        else if (reader->format == CAPTURE_UNKNOWN)
            result = read_magic(&step);
        else if (reader->format == CAPTURE_PCAPNG)
            result = read_block(&step);
        else
            result = read_pcap_packet(&step);
    } while (result == AGAIN);
    *ret_taken = step.taken;
    return result;
}

API int tapnet_capture_reader_end(const struct tapnet_capture_reader *reader, size_t len, struct tapnet_error *error)
{
    if (reader->format == CAPTURE_UNKNOWN && len == 0)
        return error_set(error, -EBADMSG, "the file is empty");
    if (reader->format == CAPTURE_UNKNOWN)
        return error_set(error, -EBADMSG, "%zu bytes are no capture file", len);
    if (reader->total || len)
        return error_set(error, -EBADMSG, "byte %llu: the file is cut off: it ends inside of a block",
                         (unsigned long long)reader->place + len);
    return 0;
}
