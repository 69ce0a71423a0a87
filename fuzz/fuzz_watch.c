/* SPDX-License-Identifier: MIT */
/* Any bytes as a line of text and as a question: the line ends, and an answer is a sound packet to who asked. */
#include <stdlib.h>
#include <string.h>
#include <tapnet/watch.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

static void fuzz_print(const uint8_t *data, size_t size, enum tapnet_device_kind kind)
{
    char line[TAPNET_LINE_MAX], cut[16];
    size_t len = tapnet_packet_print(data, size, kind, line, sizeof(line));

    must(len > 0 && len < sizeof(line) && strlen(line) == len);
    for (size_t i = 0; i < len; i++)
        must(line[i] >= ' ' && line[i] <= '~');
    must(tapnet_packet_print(data, size, kind, cut, sizeof(cut)) == len && memchr(cut, '\0', sizeof(cut)));
    tapnet_packet_print(data, size, kind, NULL, 0);
}

static void fuzz_answer(const uint8_t *data, size_t size, enum tapnet_device_kind kind)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    uint8_t *reply = malloc(TAPNET_FRAME_MAX), *small;
    struct tapnet_layout layout;
    int len;

    must(reply != NULL);
    len = tapnet_packet_answer(data, size, kind, TAPNET_ANSWER_ARP | TAPNET_ANSWER_PING | TAPNET_ANSWER_NDP, mac, reply,
                               TAPNET_FRAME_MAX);
    must(len >= 0 && tapnet_packet_answer(data, size, kind, 0, mac, reply, TAPNET_FRAME_MAX) == 0);
    if (len > 0) {
        small = malloc((size_t)len - 1);
        must(tapnet_layout_parse(reply, (size_t)len, kind, &layout) == 0 && layout.end <= (size_t)len);
        must(kind != TAPNET_TAP || (memcmp(reply, data + 6, 6) == 0 && memcmp(reply + 6, mac, 6) == 0));
        must(tapnet_packet_answer(data, size, kind, 7, mac, small, (size_t)len - 1) < 0);
        free(small);
    }
    free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_print(data, size, TAPNET_TUN);
    fuzz_print(data, size, TAPNET_TAP);
    fuzz_answer(data, size, TAPNET_TUN);
    fuzz_answer(data, size, TAPNET_TAP);
    return 0;
}
