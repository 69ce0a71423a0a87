/* SPDX-License-Identifier: MIT */
/* The words of the commands `tapnet device ...`, and the commands. */
#ifndef TAPNET_DEVICE_COMMANDS_H
#define TAPNET_DEVICE_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#define WORDS_MAX 64

/* The values of an option that was given several times. */
struct words {
    const char *items[WORDS_MAX];
    size_t count;
};

/* What options say of a device, as they were typed; NULL when they were not. */
struct device_words {
    const char *kind, *owner, *group, *mac, *mtu, *queue_length, *bridge, *carrier, *link_type, *index, *netns,
        *offloads, *send_buffer, *vnet_header_size, *byte_order, *persistent;
    struct words addresses, removed_addresses;
    bool up, down, no_bridge, force, multi_queue, packet_information, vnet_header, for_anybody;
};

struct arguments;

int run_device_add(const struct arguments *arguments);
int run_device_del(const struct arguments *arguments);
int run_device_set(const struct arguments *arguments);
int run_device_show(const struct arguments *arguments);

#endif
