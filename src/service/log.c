/* SPDX-License-Identifier: MIT */
/* The service's log: one line an event, with a time stamp, at a bounded rate, with nothing raw from guests. */
#include "service/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "service/loop.h"

static int log_fd = -1;
static struct bucket log_bucket;
static unsigned long log_dropped;

void log_open(int fd)
{
    tzset();
    log_fd = fd;
}

bool bucket_take(struct bucket *bucket, uint64_t now_usec, unsigned rate, unsigned burst)
{
    uint64_t share_usec = 1000000 / rate;

    if (bucket->spent_usec < now_usec)
        bucket->spent_usec = now_usec;
    if (bucket->spent_usec > now_usec + share_usec * (burst - 1))
        return false;
    bucket->spent_usec += share_usec;
    return true;
}

/* "2026-01-31T12:00:00.123Z ". Returns its length. */
static size_t log_stamp(char *text, size_t size)
{
    struct timespec now;
    struct tm parts;
    size_t length;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &parts);
    return length + (size_t)snprintf(text + length, size - length, ".%03ldZ ", now.tv_nsec / 1000000);
}

/* Writes one line when that is possible without waiting. The descriptor is shared, so its flags are left alone. */
static bool log_write(const char *format, va_list arguments)
{
    struct pollfd poll_fd = {.fd = log_fd, .events = POLLOUT};
    char line[LOG_LINE_MAX];
    size_t length = log_stamp(line, sizeof(line));
    int printed = vsnprintf(line + length, sizeof(line) - length, format, arguments);

    if (printed < 0 || poll(&poll_fd, 1, 0) != 1 || !(poll_fd.revents & POLLOUT))
        return false;
    length += (size_t)printed;
    if (length > sizeof(line) - 1)
        length = sizeof(line) - 1;
    line[length++] = '\n';
    return write(log_fd, line, length) == (ssize_t)length;
}

__attribute__((format(printf, 1, 2))) static bool log_write_arguments(const char *format, ...)
{
    va_list arguments;
    bool written;

    va_start(arguments, format);
    written = log_write(format, arguments);
    va_end(arguments);
    return written;
}

void log_line(const char *format, ...)
{
    va_list arguments;
    bool written;

    if (log_fd < 0)
        return;
    if (!bucket_take(&log_bucket, loop_now_usec(), LOG_RATE, LOG_BURST)) {
        log_dropped++;
        return;
    }
    if (log_dropped && log_write_arguments("%lu lines were left out here", log_dropped))
        log_dropped = 0;
    va_start(arguments, format);
    written = log_write(format, arguments);
    va_end(arguments);
    if (!written)
        log_dropped++;
}

const char *log_escape(const uint8_t *bytes, size_t length, char *text, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < length; i++) {
        bool plain = bytes[i] >= ' ' && bytes[i] < 0x7f && bytes[i] != '"' && bytes[i] != '\\';
        size_t needed = plain ? 1 : 4;

        /* Room for what is left of it: its end, or the dots that stand for it. */
        if (at + needed + (i + 1 < length ? 3 : 0) + 1 > size) {
            memcpy(text + at, "...", 3);
            at += 3;
            break;
        }
        if (plain) {
            text[at++] = (char)bytes[i];
            continue;
        }
        text[at++] = '\\';
        text[at++] = 'x';
        text[at++] = digits[bytes[i] >> 4];
        text[at++] = digits[bytes[i] & 0xf];
    }
    text[at] = '\0';
    return text;
}
