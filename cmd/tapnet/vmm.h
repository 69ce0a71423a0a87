/* SPDX-License-Identifier: MIT */
/* How virtual machine monitors are told of a port: each in its own words. */
#ifndef TAPNET_VMM_H
#define TAPNET_VMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <tapnet/attach.h>

/* What one of them does with a TAP, and how it wants to hear of one. */
struct vmm {
    const char *name;
    unsigned queues_max;                                               /* of a TAP that it can open */
    bool (*print)(FILE *out, const struct tapnet_attached_info *port); /* false: memory is short */
};

/* The one called @name. NULL: there is none, and that is told, with the names of those that there are. */
const struct vmm *vmm_find(const char *command, const char *name);

/* QEMU's -device: a virtio card of the kind @card on the netdev "tapnet". */
void vmm_print_qemu_device(FILE *out, const char *card, const char *mac, size_t queues);

#endif
