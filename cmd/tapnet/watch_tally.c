/* SPDX-License-Identifier: MIT */
/* What a watch has counted, and the line that tells it at the end. */
#include "watch_tally.h"

#include <netinet/in.h>
#include <stdio.h>

enum { ARP, ICMP, ICMP6, TCP, UDP, OTHER_IP, OTHER };

static const char *const class_names[WATCH_CLASSES] = {
    [ARP] = "ARP", [ICMP] = "ICMP",         [ICMP6] = "ICMP6", [TCP] = "TCP",
    [UDP] = "UDP", [OTHER_IP] = "other IP", [OTHER] = "other",
};

#define ETHERTYPE_ARP 0x0806

static int class_of(const uint8_t *bytes, size_t len, enum tapnet_device_kind kind)
{
    struct tapnet_layout layout;

    if (tapnet_layout_parse(bytes, len, kind, &layout) < 0)
        return OTHER;
    if (!layout.version)
        return layout.type == ETHERTYPE_ARP ? ARP : OTHER;
    switch (layout.protocol) {
    case IPPROTO_ICMP:
        return ICMP;
    case IPPROTO_ICMPV6:
        return ICMP6;
    case IPPROTO_TCP:
        return TCP;
    case IPPROTO_UDP:
        return UDP;
    default:
        return OTHER_IP;
    }
}

void watch_tally_add(struct watch_tally *tally, const uint8_t *bytes, size_t len, enum tapnet_device_kind kind)
{
    tally->packets++;
    tally->bytes += len;
    tally->classes[class_of(bytes, len, kind)]++;
}

void watch_tally_print(const struct watch_tally *tally, uint64_t duration_nsec, bool replays)
{
    const char *separator = " (";

    fprintf(stderr, "%lu packet%s", tally->packets, tally->packets == 1 ? "" : "s");
    for (int i = 0; i < WATCH_CLASSES; i++)
        if (tally->classes[i]) {
            fprintf(stderr, "%s%lu %s", separator, tally->classes[i], class_names[i]);
            separator = ", ";
        }
    fprintf(stderr, "%s, %llu bytes in %.1f s", tally->packets ? ")" : "", tally->bytes, (double)duration_nsec / 1e9);
    if (tally->lost)
        fprintf(stderr, "; %llu lost, faster than we read", (unsigned long long)tally->lost);
    if (replays)
        fprintf(stderr, "; %lu replayed", tally->replayed);
    if (tally->refused)
        fprintf(stderr, ", %lu refused by the kernel", tally->refused);
    fprintf(stderr, "; %lu answered\n", tally->answered);
}
