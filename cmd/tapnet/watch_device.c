/* SPDX-License-Identifier: MIT */
/* Opens the device that is watched. */
#include "watch_device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "device_words.h"
#include "session.h"

/* How a device that is there has to be opened. */
static int look(const char *name, struct watch_device *ret, struct tapnet_error *error)
{
    struct tapnet_device_list *list;
    const struct tapnet_device_info *info;
    int result = tapnet_device_list(ret->netns, name, &list, error);

    if (result < 0)
        return result == -ENODEV ? 0 : result;
    info = tapnet_device_info(list, 0);
    ret->found = true;
    ret->kind = info->kind;
    ret->down = !info->up;
    if (info->multi_queue)
        ret->flags |= TAPNET_DEVICE_MULTI_QUEUE;
    if (info->multi_queue && info->queue_count + info->detached_count > 0) { /* packets come as the holder wants them */
        ret->flags |= TAPNET_DEVICE_JOIN;
        ret->flags |= info->packet_information ? TAPNET_DEVICE_PACKET_INFORMATION : 0;
        ret->flags |= info->vnet_header ? TAPNET_DEVICE_VNET_HEADER : 0;
        if (info->vnet_header)
            ret->format = (struct tapnet_format){
                info->vnet_header_size ? (size_t)info->vnet_header_size : TAPNET_VNET_LEN, info->vnet_header_order};
    }
    tapnet_device_list_free(list);
    return 0;
}

/* What was typed for a new device can't change one that is there. */
static int check_existing(const char *name, const struct watch_device *existing, const struct arguments *arguments)
{
    const struct device_words *words = &arguments->device;
    const char *kind = existing->kind == TAPNET_TUN ? "tun" : "tap";

    if (words->kind && strcmp(words->kind, kind) != 0) {
        fprintf(stderr, "tapnet watch: %s is there already, and is a %s\n", name, kind);
        return EXIT_USAGE;
    }
    if (words->addresses.count) {
        fprintf(stderr,
                "tapnet watch: %s is there already: --address is for a new device; `tapnet device set %s "
                "--address ...` adds one\n",
                name, name);
        return EXIT_USAGE;
    }
    if (existing->flags & TAPNET_DEVICE_PACKET_INFORMATION) {
        fprintf(stderr,
                "tapnet watch: whoever holds %s has it put packet information before each packet, which is "
                "not read here\n",
                name);
        return EXIT_FAILED;
    }
    if (existing->down && !arguments->quiet)
        fprintf(stderr, "tapnet: %s is down: nothing arrives before `tapnet device set %s --up`\n", name, name);
    if (existing->flags & TAPNET_DEVICE_JOIN && !arguments->quiet)
        fprintf(stderr, "tapnet: somebody else holds %s, too: this is one queue of several, and sees its share\n",
                name);
    return 0;
}

/* Who we are, when it was said. On a port of a set only the port's own MAC is let through. */
static int parse_guest_mac(const char *word, struct watch_device *ret)
{
    int result = word ? device_words_mac("watch", "guest-mac", word, ret->mac) : 0;

    if (!word || result)
        return result;
    ret->has_mac = true;
    if (ret->kind == TAPNET_TAP && !(ret->mac[0] & 1))
        return 0;
    fprintf(stderr, "tapnet watch: --guest-mac %s: %s\n", word,
            ret->kind == TAPNET_TUN ? "a TUN has no MACs" : "nobody has the MAC of a group");
    return EXIT_USAGE;
}

/* A MAC for us; not the interface's own: the kernel would take our frames for its own. */
static void make_up_mac(const uint8_t interface_mac[6], uint8_t ret[6])
{
    memcpy(ret, interface_mac, 6);
    ret[0] = (uint8_t)((ret[0] | 2) & ~1);
    ret[5] ^= 1;
}

static int open_device(struct tapnet_device_options *options, struct watch_device *ret)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_device_list *list;
    int result = tapnet_device_open(options, &ret->device, &error);

    if (result < 0)
        return session_fail(&error, session_exit_code(result));
    ret->fd = tapnet_device_fd(ret->device, 0);
    snprintf(ret->name, sizeof(ret->name), "%s", tapnet_device_name(ret->device));
    result = tapnet_device_query(ret->device, &list, &error);
    if (result < 0)
        return session_fail(&error, EXIT_FAILED);
    ret->dropped_before = tapnet_device_info(list, 0)->tx_dropped;
    if (!ret->has_mac)
        make_up_mac(tapnet_device_info(list, 0)->mac, ret->mac);
    tapnet_device_list_free(list);
    return 0;
}

static int open_new(const struct arguments *arguments, struct watch_device *ret)
{
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    struct tapnet_device_change change = {.addresses = arguments->device.addresses.items,
                                          .address_count = arguments->device.addresses.count};

    options.name = arguments->operand;
    options.netns = ret->netns;
    options.kind = ret->kind;
    options.flags = TAPNET_DEVICE_NEW | TAPNET_DEVICE_NONBLOCKING | TAPNET_DEVICE_UP | TAPNET_DEVICE_SPARE_SUBNETS;
    options.change = &change;
    return open_device(&options, ret);
}

static int open_existing(const struct arguments *arguments, struct watch_device *ret)
{
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;

    options.name = arguments->operand;
    options.netns = ret->netns;
    options.kind = ret->kind;
    options.flags = ret->flags | TAPNET_DEVICE_EXISTING | TAPNET_DEVICE_NONBLOCKING;
    return open_device(&options, ret);
}

int watch_device_look(const struct arguments *arguments, struct watch_device *ret)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int result;

    *ret = (struct watch_device){.fd = -1, .netns = -1};
    result = device_words_netns("watch", &arguments->device, &ret->netns);
    if (result)
        return result;
    result = look(arguments->operand, ret, &error);
    if (result < 0)
        return session_fail(&error, session_exit_code(result));
    if (ret->found)
        result = check_existing(arguments->operand, ret, arguments);
    else
        result = device_words_kind("watch", &arguments->device, arguments->operand, &ret->kind);
    return result ? result : parse_guest_mac(arguments->watch.guest_mac, ret);
}

int watch_device_open(const struct arguments *arguments, struct watch_device *device)
{
    return device->found ? open_existing(arguments, device) : open_new(arguments, device);
}

uint64_t watch_device_lost(const struct watch_device *device)
{
    struct tapnet_device_list *list;
    uint64_t dropped;

    if (tapnet_device_query(device->device, &list, NULL) < 0)
        return 0; /* it is gone */
    dropped = tapnet_device_info(list, 0)->tx_dropped;
    tapnet_device_list_free(list);
    return dropped < device->dropped_before ? 0 : dropped - device->dropped_before;
}

void watch_device_close(struct watch_device *device)
{
    tapnet_device_close(device->device);
    if (device->netns >= 0)
        close(device->netns);
}
