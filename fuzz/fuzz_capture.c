/* SPDX-License-Identifier: MIT */
/* Any bytes as a capture file: read in pieces as it is as a whole; its packets can be written, and read again. */
#include <stdlib.h>
#include <string.h>
#include <tapnet/capture.h>

#define PIECE 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

/* What was read, in a number. */
struct outcome {
    uint64_t hash;
    size_t count;
    int code;
};

static void mix(struct outcome *outcome, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        outcome->hash = (outcome->hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
}

static void mix_packet(struct outcome *outcome, const struct tapnet_capture_packet *packet)
{
    mix(outcome, packet->bytes, packet->len);
    mix(outcome, &packet->time_nsec, sizeof(packet->time_nsec));
    mix(outcome, &packet->original_len, sizeof(packet->original_len));
    mix(outcome, &packet->link_type, sizeof(packet->link_type));
    outcome->count++;
}

/* A packet of any file, written to one of ours. */
static void write_and_read(const struct tapnet_capture_packet *packet)
{
    size_t room = 96 + packet->len + TAPNET_CAPTURE_OVERHEAD, taken;
    uint8_t *bytes = malloc(room);
    struct tapnet_capture_reader reader;
    struct tapnet_capture_packet again;
    int begin_len, packet_len;

    must(bytes != NULL);
    begin_len = tapnet_capture_begin(bytes, room, packet->link_type, "tun0");
    must(begin_len > 0);
    packet_len = tapnet_capture_packet_build(bytes + begin_len, room - (size_t)begin_len, packet);
    must(packet_len > 0);
    tapnet_capture_reader_init(&reader);
    must(tapnet_capture_reader_next(&reader, bytes, (size_t)(begin_len + packet_len), &taken, &again, NULL) == 1);
    must(again.len == packet->len && memcmp(again.bytes, packet->bytes, packet->len) == 0 &&
         again.time_nsec == packet->time_nsec && again.link_type == packet->link_type);
    free(bytes);
}

/* The bytes that the reader sees are copied, so that the sanitizer guards both of their ends. */
static struct outcome read_file(const uint8_t *data, size_t size, size_t piece)
{
    struct outcome outcome = {.hash = 0xcbf29ce484222325};
    struct tapnet_capture_reader reader;
    size_t start = 0, end = piece < size ? piece : size;
    int result = 0;

    tapnet_capture_reader_init(&reader);
    while (result >= 0 && result != 2) {
        uint8_t *window = malloc(end - start + 1);
        struct tapnet_error error = TAPNET_ERROR_INIT;
        struct tapnet_capture_packet packet;
        size_t taken = 0;

        must(window != NULL);
        memcpy(window + 1, data + start, end - start);
        result = tapnet_capture_reader_next(&reader, window + 1, end - start, &taken, &packet, &error);
        must(taken <= end - start && (result >= 0 || error.text[0]));
        if (result == 1) {
            must(packet.bytes > window && packet.bytes + packet.len <= window + 1 + (end - start));
            mix_packet(&outcome, &packet);
            if (piece == size)
                write_and_read(&packet);
        }
        free(window);
        start += taken;
        must(result != 0 || end - start < TAPNET_CAPTURE_ROOM);
        if (result == 0 && end == size)
            result = tapnet_capture_reader_end(&reader, end - start, NULL) < 0 ? -1 : 2;
        else if (result == 0)
            end = size - end < piece ? size : end + piece;
    }
    outcome.code = result;
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = read_file(data, size, size), pieces = read_file(data, size, PIECE);

    must(whole.hash == pieces.hash && whole.count == pieces.count && whole.code == pieces.code);
    return 0;
}
