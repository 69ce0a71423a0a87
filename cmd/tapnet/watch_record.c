/* SPDX-License-Identifier: MIT */
/* The capture file that a watch writes: pcapng, a packet at a time. */
#include "watch_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tapnet/packet.h>

#include "command.h"

#define BLOCK_ROOM (TAPNET_FRAME_MAX + TAPNET_CAPTURE_OVERHEAD)

static int refuse(const struct watch_record *record, const char *why, int exit_code)
{
    fprintf(stderr, "tapnet watch: cannot write %s: %s\n",
            record->stream == stdout ? "the capture to standard output" : record->name, why);
    return exit_code;
}

/* *ret_made: was it not there before? */
static int open_file(const char *name, bool *ret_made)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    *ret_made = fd >= 0;
    if (fd < 0 && errno == EEXIST)
        fd = open(name, O_WRONLY | O_CLOEXEC);
    return fd;
}

static bool is_same_file(int fd, int other_fd)
{
    struct stat status, other;

    return other_fd >= 0 && fstat(fd, &status) == 0 && fstat(other_fd, &other) == 0 && status.st_dev == other.st_dev &&
           status.st_ino == other.st_ino;
}

int watch_record_open(const char *name, int replayed_fd, struct watch_record *ret)
{
    int fd;

    *ret = (struct watch_record){.name = name};
    if (!name)
        return 0;
    ret->block = malloc(BLOCK_ROOM);
    if (!ret->block)
        return refuse(ret, strerror(ENOMEM), EXIT_FAILED);
    if (strcmp(name, "-") == 0) {
        ret->stream = stdout;
        if (isatty(STDOUT_FILENO))
            return refuse(ret,
                          "it is a terminal; name a file, or a pipe: tapnet watch ... --write - | wireshark -k -i -",
                          EXIT_USAGE);
        return 0;
    }
    fd = open_file(name, &ret->made);
    ret->stream = fd < 0 ? NULL : fdopen(fd, "w");
    if (!ret->stream)
        return refuse(ret, strerror(errno), EXIT_FAILED);
    return is_same_file(fd, replayed_fd) ? refuse(ret, "it is the file to replay; name another", EXIT_USAGE) : 0;
}

static void write_block(struct watch_record *record, int len)
{
    if (len > 0)
        fwrite(record->block, 1, (size_t)len, record->stream);
}

int watch_record_begin(struct watch_record *record, enum tapnet_device_kind kind, const char *device)
{
    int result;

    if (!record->name)
        return 0;
    record->made = false; /* from here on it stays */
    if (record->stream != stdout && ftruncate(fileno(record->stream), 0) < 0 && errno != EINVAL) /* EINVAL: a pipe */
        return refuse(record, strerror(errno), EXIT_FAILED);
    write_block(record, tapnet_capture_begin(record->block, BLOCK_ROOM, tapnet_capture_link_type(kind), device));
    result = watch_record_flush(record);
    return result < 0 && result != -EPIPE ? refuse(record, strerror(-result), EXIT_FAILED) : 0;
}

void watch_record_put(struct watch_record *record, const uint8_t *bytes, size_t len, uint64_t time_nsec,
                      enum tapnet_direction direction)
{
    const struct tapnet_capture_packet packet = {
        .bytes = bytes, .len = len, .original_len = len, .time_nsec = time_nsec, .direction = direction};

    if (record->name)
        write_block(record, tapnet_capture_packet_build(record->block, BLOCK_ROOM, &packet));
}

int watch_record_flush(struct watch_record *record)
{
    if (!record->name)
        return 0;
    errno = 0;
    if (fflush(record->stream) == 0 && !ferror(record->stream))
        return 0;
    return errno ? -errno : -EIO;
}

int watch_record_end(struct watch_record *record, uint64_t time_nsec, uint64_t packets, uint64_t dropped)
{
    if (!record->name)
        return 0;
    write_block(record, tapnet_capture_statistics_build(record->block, BLOCK_ROOM, time_nsec, packets, dropped));
    return watch_record_flush(record);
}

void watch_record_close(struct watch_record *record)
{
    if (record->made)
        unlink(record->name);
    if (record->stream && record->stream != stdout)
        fclose(record->stream);
    free(record->block);
}
