/* SPDX-License-Identifier: MIT */
/* The service's log: one line an event, with a time stamp, at a bounded rate, with nothing raw from guests. */
#ifndef SERVICE_LOG_H
#define SERVICE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How it works: lines go to one descriptor, which may be a file, a pipe or a socket. A reader who doesn't read must not
 * stop the service: what can't be written at once is dropped, and so is what exceeds LOG_RATE lines a second; the next
 * line that goes out says how many were.
 */
#define LOG_RATE 50      /* lines a second */
#define LOG_BURST 200    /* lines at once */
#define LOG_LINE_MAX 512 /* longer ones are cut; below PIPE_BUF, so that lines never mix */

/* @fd stays the caller's; -1: nothing is written. Reads the time zone, so call it before rights are dropped. */
void log_open(int fd);

/* Text from guests must have gone through log_escape(). No newline at the end. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/*
 * Prints @bytes for people: printable ASCII as it is, all else, `"` and `\` as \xNN; cut with "..." shortly before
 * @size (4 at least) ends. Returns @text.
 */
const char *log_escape(const uint8_t *bytes, size_t length, char *text, size_t size);

/* How much of something is let through: zero-initialised it is full. */
struct bucket {
    uint64_t spent_usec; /* CLOCK_MONOTONIC: when all that was taken will have flowed back */
};

/* Takes one of @burst, of which @rate a second flow back. False: it is empty. @now_usec must not be 0. */
bool bucket_take(struct bucket *bucket, uint64_t now_usec, unsigned rate, unsigned burst);

#endif
