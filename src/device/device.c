/* SPDX-License-Identifier: MIT */
/* An open device: taken over from descriptors, asked, closed. */
#include <errno.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/array.h"
#include "device/device.h"
#include "device/tun.h"

DEFINE_CLEANUP(struct tapnet_device *, tapnet_device_close)
DEFINE_CLEANUP(struct device_features *, device_features_close)

API void tapnet_device_close(struct tapnet_device *device)
{
    if (!device)
        return;
    for (size_t i = 0; i < device->queue_count; i++)
        close(device->queues[i]);
    free(device->queues);
    free(device);
}

API const char *tapnet_device_name(const struct tapnet_device *device)
{
    return device->name;
}

API enum tapnet_device_kind tapnet_device_kind(const struct tapnet_device *device)
{
    return device->kind;
}

API size_t tapnet_device_queue_count(const struct tapnet_device *device)
{
    return device->queue_count;
}

API int tapnet_device_fd(const struct tapnet_device *device, size_t index)
{
    return index < device->queue_count ? device->queues[index] : -1;
}

/* ---- taking over ---- */

/* The network namespace of the device behind @fd; false when the kernel does not tell. */
static bool stat_netns(int fd, struct stat *ret)
{
    _cleanup_close_ int netns = ioctl(fd, TUNGETDEVNETNS);

    return netns >= 0 && fstat(netns, ret) == 0;
}

/*
 * Is it the device of @first, by name and network namespace? Whoever may not ask for the namespace could be told two
 * devices of one name for one; nothing is done to either but what a holder may do.
 */
static int check_same(const struct tapnet_device *first, int fd, struct tapnet_error *error)
{
    char name[IFNAMSIZ];
    struct stat ours, theirs;
    short flags;
    int result = device_identify(fd, name, &flags, error);

    if (result < 0)
        return result;
    if (strcmp(name, first->name) != 0)
        return error_set(error, -EINVAL, "descriptor %d is of device %s, another is of %s", fd, name, first->name);
    if (stat_netns(first->queues[0], &ours) && stat_netns(fd, &theirs) &&
        (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev))
        return error_set(error, -EINVAL, "descriptors are of two devices %s in two network namespaces", name);
    return 0;
}

API int tapnet_device_from_fds(const int *fds, size_t count, struct tapnet_device **ret, struct tapnet_error *error)
{
    struct tapnet_device *device cleanup(cleanup_tapnet_device_close) = NULL;
    short flags;
    int result;

    if (!count || count > TAPNET_DEVICE_QUEUES_MAX)
        return error_set(error, -EINVAL, "a device has 1 to %d queues, not %zu", TAPNET_DEVICE_QUEUES_MAX, count);
    device = calloc(1, sizeof(*device));
    if (!device || array_reserve((void **)&device->queues, &device->queue_capacity, 0, count, sizeof(int)) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    result = device_identify(fds[0], device->name, &flags, error);
    device->queues[0] = fds[0];
    for (size_t i = 1; i < count && result == 0; i++) {
        device->queues[i] = fds[i];
        result = check_same(device, fds[i], error);
        for (size_t j = 0; j < i && result == 0; j++)
            if (fds[j] == fds[i])
                result = error_set(error, -EINVAL, "descriptor %d is there twice", fds[i]);
    }
    if (result < 0)
        return result;
    device->queue_count = count;
    device->kind = flags & IFF_TAP ? TAPNET_TAP : TAPNET_TUN;
    device->flags = flags & (IFF_TUN | IFF_TAP | IFF_MULTI_QUEUE | IFF_VNET_HDR | IFF_NAPI | IFF_NAPI_FRAGS);
    *ret = take_pointer(device);
    return 0;
}

int device_from_known(int fd, const char *name, unsigned flags, struct tapnet_device **ret)
{
    struct tapnet_device *device cleanup(cleanup_tapnet_device_close) = calloc(1, sizeof(*device));

    if (strlen(name) >= sizeof(device->name))
        return -ENODEV;
    if (!device || array_reserve((void **)&device->queues, &device->queue_capacity, 0, 1, sizeof(int)) < 0)
        return -ENOMEM;
    strcpy(device->name, name);
    device->kind = TAPNET_TAP;
    device->flags = (short)(IFF_TAP | flags);
    device->queues[device->queue_count++] = fd;
    *ret = take_pointer(device);
    return 0;
}

/* ---- what the kernel can ---- */

API int tapnet_device_features(unsigned *ret, struct tapnet_error *error)
{
    static const struct {
        unsigned kernel, flag;
    } rows[] = {
        {IFF_MULTI_QUEUE, TAPNET_DEVICE_MULTI_QUEUE},
        {IFF_VNET_HDR, TAPNET_DEVICE_VNET_HEADER},
        {IFF_NAPI, TAPNET_DEVICE_NAPI},
        {IFF_NAPI_FRAGS, TAPNET_DEVICE_NAPI_FRAGS},
        {IFF_NO_CARRIER, TAPNET_DEVICE_NO_CARRIER},
    };
    unsigned features, flags = 0;
    int result = device_kernel_features(NULL, &features, error);

    if (result < 0)
        return result;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (features & rows[i].kernel)
            flags |= rows[i].flag;
    *ret = flags;
    return 0;
}

struct offloads_call {
    int fd;
    unsigned offloads;
};

static int get_offloads(void *data, struct tapnet_error *error)
{
    struct device_features *features cleanup(cleanup_device_features_close) = NULL;
    struct offloads_call *call = data;
    char name[IFNAMSIZ];
    short flags;
    int result = device_identify(call->fd, name, &flags, error);

    if (result == 0)
        result = device_features_open(&features, error);
    if (result < 0)
        return result;
    result = device_features_get(features, name, &call->offloads);
    return result < 0 ? error_set_errno(error, result, "cannot ask for the features of %s", name) : 0;
}

API int tapnet_device_offloads(const struct tapnet_device *device, unsigned *ret, struct tapnet_error *error)
{
    struct offloads_call call = {.fd = device->queues[0]};
    int result = device_beside(call.fd, get_offloads, &call, error);

    if (result == 0)
        *ret = call.offloads;
    return result;
}

API int tapnet_device_probe_offloads(struct tapnet_device *device, unsigned *ret, struct tapnet_error *error)
{
    static const unsigned steps[] = {
        TAPNET_OFFLOAD_CHECKSUM,   TAPNET_OFFLOAD_TSO4,
        TAPNET_OFFLOAD_TSO6,       TAPNET_OFFLOAD_TSO_ECN,
        TAPNET_OFFLOAD_UFO,        TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6,
        TAPNET_OFFLOAD_UDP_TUNNEL, TAPNET_OFFLOAD_UDP_TUNNEL_CHECKSUM,
    };
    unsigned before, known = 0;
    int result = tapnet_device_offloads(device, &before, error);

    if (result < 0)
        return result;
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++)
        if (device_set_offloads(device->queues[0], known | steps[i], NULL) == 0)
            known |= steps[i];
    result = device_set_offloads(device->queues[0], before, error);
    if (result == 0)
        *ret = known;
    return result;
}
