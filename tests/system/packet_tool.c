/* SPDX-License-Identifier: MIT */
/* Splits, merges, prints and answers packets for a test that checks them with other means. */

/*
 * How it works: `packet_tool split|merge|print|answer tun|tap` reads frames from standard input until its end, and
 * writes what comes of them to standard output. A frame is: the packet's length (four bytes, big endian), a vnet header
 * of ten bytes (little endian), the packet. `split` stores full checksums; `partial` is split that does not.
 * `print` writes lines; `answer` what 02:00:00:00:00:01 answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapnet/watch.h>

#define FRAMES_MAX 2000
#define ROOM 70000
#define ALL                                                                                                            \
    (TAPNET_OFFLOAD_TSO4 | TAPNET_OFFLOAD_TSO6 | TAPNET_OFFLOAD_TSO_ECN | TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6)

static struct tapnet_frame new_frame(void)
{
    struct tapnet_frame frame = {.bytes = malloc(ROOM), .room = ROOM};

    if (!frame.bytes)
        exit(1);
    return frame;
}

static int read_frame(struct tapnet_frame *frame)
{
    uint8_t head[4 + TAPNET_VNET_LEN];

    if (fread(head, 1, sizeof(head), stdin) != sizeof(head))
        return 0;
    frame->len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    tapnet_vnet_parse(head + 4, TAPNET_VNET_LEN, TAPNET_VNET_LEN, TAPNET_ORDER_LITTLE, &frame->vnet);
    return frame->len <= frame->room && fread(frame->bytes, 1, frame->len, stdin) == frame->len;
}

static void write_frame(const struct tapnet_frame *frame)
{
    uint8_t head[4 + TAPNET_VNET_LEN] = {(uint8_t)(frame->len >> 24), (uint8_t)(frame->len >> 16),
                                         (uint8_t)(frame->len >> 8), (uint8_t)frame->len};

    tapnet_vnet_build(head + 4, TAPNET_VNET_LEN, TAPNET_VNET_LEN, TAPNET_ORDER_LITTLE, &frame->vnet);
    fwrite(head, 1, sizeof(head), stdout);
    fwrite(frame->bytes, 1, frame->len, stdout);
}

static int split(const struct tapnet_frame *frame, enum tapnet_device_kind kind, bool complete)
{
    struct tapnet_frame segment = new_frame();
    struct tapnet_split split;
    int result = tapnet_split_begin(&split, frame, kind);

    for (size_t i = 0; result == 0 && i < split.count; i++) {
        result = tapnet_split_segment(&split, i, &segment, complete);
        if (result == 0)
            write_frame(&segment);
    }
    free(segment.bytes);
    if (result < 0)
        fprintf(stderr, "packet_tool: %s\n", strerror(-result));
    return result;
}

static void print(const struct tapnet_frame *frame, enum tapnet_device_kind kind)
{
    char line[TAPNET_LINE_MAX];

    tapnet_packet_print(frame->bytes, frame->len, kind, line, sizeof(line));
    puts(line);
}

static void answer(const struct tapnet_frame *frame, enum tapnet_device_kind kind)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    struct tapnet_frame reply = new_frame();
    int len = tapnet_packet_answer(frame->bytes, frame->len, kind,
                                   TAPNET_ANSWER_ARP | TAPNET_ANSWER_PING | TAPNET_ANSWER_NDP, mac, reply.bytes,
                                   reply.room);

    if (len > 0) {
        reply.len = (size_t)len;
        write_frame(&reply);
    }
    free(reply.bytes);
}

int main(int count, char **words)
{
    static struct tapnet_frame frames[FRAMES_MAX];
    enum tapnet_device_kind kind;
    size_t frame_count = 0;

    if (count != 3)
        return 2;
    kind = strcmp(words[2], "tap") == 0 ? TAPNET_TAP : TAPNET_TUN;
    do
        frames[frame_count] = new_frame();
    while (read_frame(&frames[frame_count]) && ++frame_count < FRAMES_MAX);
    if (strcmp(words[1], "merge") == 0)
        frame_count = tapnet_merge(frames, frame_count, kind, ALL);
    for (size_t i = 0; i < frame_count; i++) {
        if (strcmp(words[1], "merge") == 0)
            write_frame(&frames[i]);
        else if (strcmp(words[1], "print") == 0)
            print(&frames[i], kind);
        else if (strcmp(words[1], "answer") == 0)
            answer(&frames[i], kind);
        else if (split(&frames[i], kind, strcmp(words[1], "partial") != 0) < 0)
            return 1;
    }
    return fflush(stdout) != 0;
}
