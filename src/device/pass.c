/* SPDX-License-Identifier: MIT */
/* A device from one process to another: its descriptors over a Unix socket (SCM_RIGHTS). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "device/device.h"

/*
 * How it works: datagrams of this head and up to MESSAGE_FDS_MAX descriptors each, in order. The receiver believes none
 * of it: the descriptors themselves are asked what they are of.
 */

struct pass_head {
    char magic[12];
    uint16_t total; /* queues of the device */
    uint16_t first; /* index of the first in this datagram */
};

static const char magic[12] = "tapnet-queue";

API int tapnet_device_send(const struct tapnet_device *device, int socket, struct tapnet_error *error)
{
    struct pass_head head = {.total = (uint16_t)device->queue_count};

    memcpy(head.magic, magic, sizeof(magic));
    for (size_t first = 0; first < device->queue_count; first += MESSAGE_FDS_MAX) {
        size_t left = device->queue_count - first;
        int result;

        head.first = (uint16_t)first;
        result = message_send(socket, &head, sizeof(head), device->queues + first,
                              left < MESSAGE_FDS_MAX ? left : MESSAGE_FDS_MAX, 0);
        if (result < 0)
            return error_set_errno(error, result, "cannot send device %s", device->name);
    }
    return 0;
}

/* Receives the next datagram behind @count descriptors; they are the caller's. */
static int receive_some(int socket, int *fds, size_t *count, size_t *total, struct tapnet_error *error)
{
    struct pass_head head;
    size_t len, more = 0;
    int result = message_receive(socket, &head, sizeof(head), fds + *count, MESSAGE_FDS_MAX, &len, &more, 0);

    if (result == -EMSGSIZE || result == -E2BIG)
        return error_set(error, -EBADMSG, "what came is no device");
    if (result < 0)
        return error_set_errno(error, result, "cannot receive a device");
    *count += more; /* from here on the caller closes them */
    if (len != sizeof(head) || memcmp(head.magic, magic, sizeof(magic)) != 0 || !more || !head.total ||
        head.total > TAPNET_DEVICE_QUEUES_MAX || head.first + more != *count || *count > head.total ||
        (*total && *total != head.total))
        return error_set(error, -EBADMSG, "what came is no device");
    *total = head.total;
    return 0;
}

API int tapnet_device_receive(int socket, struct tapnet_device **ret, struct tapnet_error *error)
{
    int fds[TAPNET_DEVICE_QUEUES_MAX + MESSAGE_FDS_MAX];
    size_t count = 0, total = 0;
    int result;

    do
        result = receive_some(socket, fds, &count, &total, error);
    while (result == 0 && count < total);
    if (result == 0)
        result = tapnet_device_from_fds(fds, count, ret, error);
    for (size_t i = 0; i < count && result < 0; i++)
        close(fds[i]);
    return result;
}
