/* SPDX-License-Identifier: MIT */
/* The capture file whose packets a watch writes into its device. */
#ifndef TAPNET_WATCH_REPLAY_H
#define TAPNET_WATCH_REPLAY_H

#include <stdbool.h>

#include <tapnet/capture.h>

struct watch_replay {
    const char *name; /* as it was typed; NULL: nothing is replayed */
    int fd;
    bool fast;    /* without the pauses */
    bool quiet;   /* do not say what is in the file */
    bool pending; /* @packet is the next one, due at @due_nsec */
    enum tapnet_device_kind kind;
    struct tapnet_capture_reader reader;
    struct tapnet_capture_packet packet;
    uint8_t *buffer; /* [start, end) has not been taken yet; packet.bytes stand in it */
    size_t start, end;
    uint64_t first_nsec; /* time of the first packet, by the file */
    uint64_t begin_nsec; /* and when it was written, by the monotonic clock */
    uint64_t due_nsec;
    unsigned long packets, cut; /* of the file: all, and those that are not whole, which are not written */
    uint64_t last_nsec;         /* time of the latest packet so far, by the file */
};

/*
 * Opens @name (NULL: none) and looks through it: a file that is broken, or for devices of another kind, is refused
 * here. 0, or an exit code with the mistake printed.
 */
int watch_replay_open(const char *name, bool fast, bool quiet, enum tapnet_device_kind kind, struct watch_replay *ret);
/* Begins now. As watch_replay_next(). */
int watch_replay_begin(struct watch_replay *replay, uint64_t now_nsec);
/* Reads the packet that comes next, if any: see @pending. 0, or an exit code with the mistake printed. */
int watch_replay_next(struct watch_replay *replay);
/* The bytes of @packet. */
uint8_t *watch_replay_bytes(const struct watch_replay *replay);
void watch_replay_close(struct watch_replay *replay);

#endif
