/* SPDX-License-Identifier: MIT */
/* The device that is watched: one that is there, or one made for as long as it is watched. */
#ifndef TAPNET_WATCH_DEVICE_H
#define TAPNET_WATCH_DEVICE_H

#include <tapnet/packet.h>

struct watch_device {
    struct tapnet_device *device;
    char name[TAPNET_DEVICE_NAME_MAX];
    enum tapnet_device_kind kind;
    struct tapnet_format format;
    uint8_t mac[6]; /* of the guest that we play, on a TAP */
    int fd;         /* of one queue; it is the device's */
};

struct arguments;

/* 0, or an exit code with the mistake or the error printed. */
int watch_device_open(const struct arguments *arguments, struct watch_device *ret);
void watch_device_close(struct watch_device *device);

#endif
