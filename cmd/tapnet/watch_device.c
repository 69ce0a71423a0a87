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

/* What opening needs to know of a device that is there. */
struct existing {
    bool found, held, down;
    enum tapnet_device_kind kind;
    unsigned flags;
    int vnet_header_size;
};

static int look(int netns, const char *name, struct existing *ret, struct tapnet_error *error)
{
    struct tapnet_device_list *list;
    const struct tapnet_device_info *info;
    int result = tapnet_device_list(netns, name, &list, error);

    *ret = (struct existing){.found = result == 0};
    if (result < 0)
        return result == -ENODEV ? 0 : result;
    info = tapnet_device_info(list, 0);
    ret->kind = info->kind;
    ret->held = info->queue_count + info->detached_count > 0;
    ret->down = !info->up;
    if (info->multi_queue)
        ret->flags |= TAPNET_DEVICE_MULTI_QUEUE;
    if (ret->held && info->multi_queue) { /* its packets come as the other holder wants them */
        ret->flags |= TAPNET_DEVICE_JOIN;
        ret->flags |= info->packet_information ? TAPNET_DEVICE_PACKET_INFORMATION : 0;
        ret->flags |= info->vnet_header ? TAPNET_DEVICE_VNET_HEADER : 0;
        ret->vnet_header_size = info->vnet_header ? (info->vnet_header_size ? info->vnet_header_size : 10) : 0;
    }
    tapnet_device_list_free(list);
    return 0;
}

/* What was typed for a new device can't change one that is there. */
static int check_existing(const char *name, const struct existing *existing, const struct device_words *words)
{
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
    if (existing->down)
        fprintf(stderr, "tapnet: %s is down: nothing arrives before `tapnet device set %s --up`\n", name, name);
    if (existing->flags & TAPNET_DEVICE_JOIN)
        fprintf(stderr, "tapnet: somebody else holds %s, too: this is one queue of several, and sees its share\n",
                name);
    return 0;
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
    if (result < 0) {
        tapnet_device_close(ret->device);
        return session_fail(&error, EXIT_FAILED);
    }
    memcpy(ret->mac, tapnet_device_info(list, 0)->mac, 6);
    ret->mac[0] = (uint8_t)((ret->mac[0] | 2) & ~1);
    ret->mac[5] ^= 1; /* not the interface's own: the kernel would take our frames for its own */
    tapnet_device_list_free(list);
    return 0;
}

static int open_new(const struct arguments *arguments, int netns, struct watch_device *ret)
{
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    struct tapnet_device_change change = {.addresses = arguments->device.addresses.items,
                                          .address_count = arguments->device.addresses.count};
    int result = device_words_kind("watch", &arguments->device, arguments->operand, &options.kind);

    if (result)
        return result;
    options.name = arguments->operand;
    options.netns = netns;
    options.flags = TAPNET_DEVICE_NEW | TAPNET_DEVICE_NONBLOCKING | TAPNET_DEVICE_UP;
    options.change = &change;
    ret->kind = options.kind;
    return open_device(&options, ret);
}

static int open_existing(const struct arguments *arguments, int netns, const struct existing *existing,
                         struct watch_device *ret)
{
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    int result = check_existing(arguments->operand, existing, &arguments->device);

    if (result)
        return result;
    options.name = arguments->operand;
    options.netns = netns;
    options.kind = existing->kind;
    options.flags = existing->flags | TAPNET_DEVICE_EXISTING | TAPNET_DEVICE_NONBLOCKING;
    ret->kind = existing->kind;
    ret->format.vnet_header_size = (size_t)existing->vnet_header_size;
    return open_device(&options, ret);
}

int watch_device_open(const struct arguments *arguments, struct watch_device *ret)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct existing existing;
    int netns, result = device_words_netns("watch", &arguments->device, &netns);

    if (result)
        return result;
    *ret = (struct watch_device){.fd = -1};
    result = look(netns, arguments->operand, &existing, &error);
    if (result < 0)
        result = session_fail(&error, session_exit_code(result));
    else if (existing.found)
        result = open_existing(arguments, netns, &existing, ret);
    else
        result = open_new(arguments, netns, ret);
    if (netns >= 0)
        close(netns);
    return result;
}

void watch_device_close(struct watch_device *device)
{
    tapnet_device_close(device->device);
}
