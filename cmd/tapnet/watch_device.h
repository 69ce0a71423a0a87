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
    uint8_t mac[6];   /* of the guest that we play, on a TAP */
    int fd;           /* of one queue; it is the device's */
    int netns;        /* that it is in; -1: here */
    bool has_mac;     /* it was given, not made up */
    bool found, down; /* it was there before us; nothing arrives */
    unsigned flags;   /* with which it is opened, when it was there */
    uint64_t dropped_before;
};

struct arguments;

/* Finds out of which kind it is, or will be, and changes nothing. 0, or an exit code with the mistake printed. */
int watch_device_look(const struct arguments *arguments, struct watch_device *ret);
/* Opens it. 0, or an exit code with the error printed. */
int watch_device_open(const struct arguments *arguments, struct watch_device *device);
/* Packets that the host sent meanwhile and nobody took in time; 0 when that can't be told any more. */
uint64_t watch_device_lost(const struct watch_device *device);
void watch_device_close(struct watch_device *device);

#endif
