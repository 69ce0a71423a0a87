/* SPDX-License-Identifier: MIT */
/* What a watch has counted. */
#ifndef TAPNET_WATCH_TALLY_H
#define TAPNET_WATCH_TALLY_H

#include <stdbool.h>

#include <tapnet/packet.h>

#define WATCH_CLASSES 7

struct watch_tally {
    unsigned long packets;                /* that arrived */
    unsigned long classes[WATCH_CLASSES]; /* of them: see watch_tally.c */
    unsigned long long bytes;
    unsigned long answered, replayed, refused; /* refused: by the kernel, out of the replayed file */
    uint64_t lost;                             /* dropped before we read them */
};

/* Counts a packet that arrived. */
void watch_tally_add(struct watch_tally *tally, const uint8_t *bytes, size_t len, enum tapnet_device_kind kind);
/* One line on standard error. @replays: say how many packets of the file were sent. */
void watch_tally_print(const struct watch_tally *tally, uint64_t duration_nsec, bool replays);

#endif
