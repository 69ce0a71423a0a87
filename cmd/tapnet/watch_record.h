/* SPDX-License-Identifier: MIT */
/* The capture file that a watch writes. */
#ifndef TAPNET_WATCH_RECORD_H
#define TAPNET_WATCH_RECORD_H

#include <stdbool.h>
#include <stdio.h>

#include <tapnet/capture.h>

struct watch_record {
    const char *name; /* as it was typed; NULL: nothing is written */
    FILE *stream;
    uint8_t *block; /* room for one packet's */
    bool made;      /* the file was not there before */
};

/*
 * Opens @name (NULL: none; "-": standard output), which keeps what it holds until watch_record_begin(). The file that
 * is replayed (@replayed_fd, or -1) is refused. 0, or an exit code with the error printed.
 */
int watch_record_open(const char *name, int replayed_fd, struct watch_record *ret);
/* Empties the file and writes how it begins: packets of @kind, from the interface @device. 0 or an exit code. */
int watch_record_begin(struct watch_record *record, enum tapnet_device_kind kind, const char *device);
/* One packet. What can't be written is told by watch_record_flush(). */
void watch_record_put(struct watch_record *record, const uint8_t *bytes, size_t len, uint64_t time_nsec,
                      enum tapnet_direction direction);
/* Lets whoever reads the file have all of it. 0, or a negative errno: -EPIPE when nobody reads any more. */
int watch_record_flush(struct watch_record *record);
/* Writes the statistics, and ends the file. 0, or a negative errno. */
int watch_record_end(struct watch_record *record, uint64_t time_nsec, uint64_t packets, uint64_t dropped);
/* Lets it go; a file that was made and not begun is removed. */
void watch_record_close(struct watch_record *record);

#endif
