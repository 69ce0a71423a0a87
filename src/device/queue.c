/* SPDX-License-Identifier: MIT */
/* Queues in and out of service, and what decides which packets reach them. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "device/device.h"

API int tapnet_device_attach_queue(struct tapnet_device *device, size_t index, bool attached,
                                   struct tapnet_error *error)
{
    struct ifreq request = {.ifr_flags = attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};
    char name[IFNAMSIZ];
    short flags;
    int result;

    if (index >= device->queue_count)
        return error_set(error, -ERANGE, "device %s has no queue %zu here", device->name, index);
    result = device_identify(device->queues[index], name, &flags, error);
    if (result < 0)
        return result;
    if (!(flags & IFF_MULTI_QUEUE))
        return error_set(error, -EINVAL, "device %s was made for one queue, which is always attached", name);
    if (!(flags & IFF_DETACH_QUEUE) == attached)
        return 0;
    if (ioctl(device->queues[index], TUNSETQUEUE, &request) < 0)
        return error_set_errno(error, -errno, "cannot %s queue %zu of %s", attached ? "attach" : "detach", index, name);
    return 0;
}

static int set_program(struct tapnet_device *device, unsigned long request, int program, const char *what,
                       struct tapnet_error *error)
{
    if (program < -1)
        return error_set(error, -EBADF, "%d is no descriptor of a program", program);
    if (ioctl(device->queues[0], request, &program) == 0)
        return 0;
    if (errno == EINVAL)
        return error_set(error, -EINVAL, "descriptor %d is of no eBPF program of type socket filter", program);
    return error_set_errno(error, -errno, "cannot set the %s program of %s", what, device->name);
}

API int tapnet_device_set_steering(struct tapnet_device *device, int program, struct tapnet_error *error)
{
    return set_program(device, TUNSETSTEERINGEBPF, program, "steering", error);
}

API int tapnet_device_set_filter_program(struct tapnet_device *device, int program, struct tapnet_error *error)
{
    return set_program(device, TUNSETFILTEREBPF, program, "filter", error);
}

static int check_tap(const struct tapnet_device *device, struct tapnet_error *error)
{
    if (device->kind == TAPNET_TAP)
        return 0;
    return error_set(error, -EINVAL, "device %s is a TUN: only a TAP has this filter", device->name);
}

API int tapnet_device_set_filter(struct tapnet_device *device, const struct sock_filter *filter, size_t count,
                                 struct tapnet_error *error)
{
    struct sock_fprog program = {0};
    int result = check_tap(device, error);

    if (result < 0)
        return result;
    if (!count)
        return device_detach_filter(device->queues[0], error);
    if (count > BPF_MAXINSNS)
        return error_set(error, -EINVAL, "a filter has at most %d instructions, not %zu", BPF_MAXINSNS, count);
    program.len = (unsigned short)count;
    memcpy(&program.filter, &filter, sizeof(filter)); /* the kernel only reads it */
    if (ioctl(device->queues[0], TUNATTACHFILTER, &program) == 0)
        return 0;
    if (errno == EINVAL)
        return error_set(error, -EINVAL, "the kernel rejects the filter's instructions");
    return error_set_errno(error, -errno, "cannot set the filter of %s", device->name);
}

API int tapnet_device_filter_length(const struct tapnet_device *device, size_t *ret, struct tapnet_error *error)
{
    struct sock_fprog program = {0};
    int result = check_tap(device, error);

    if (result < 0)
        return result;
    if (ioctl(device->queues[0], TUNGETFILTER, &program) < 0)
        return error_set_errno(error, -errno, "cannot ask for the filter of %s", device->name);
    *ret = program.len;
    return 0;
}

#define EXACT_MAX 8 /* FLT_EXACT_COUNT of the driver: what stands behind must be multicast, and is compared by hash */

/* Copies @macs with the unicast ones first; how many of these there are. */
static size_t put_unicast_first(uint8_t (*ret)[6], const uint8_t (*macs)[6], size_t count)
{
    size_t unicast = 0, next;

    for (size_t i = 0; i < count; i++)
        if (!(macs[i][0] & 1))
            memcpy(ret[unicast++], macs[i], sizeof(*macs));
    next = unicast;
    for (size_t i = 0; i < count; i++)
        if (macs[i][0] & 1)
            memcpy(ret[next++], macs[i], sizeof(*macs));
    return unicast;
}

API int tapnet_device_set_address_filter(struct tapnet_device *device, const uint8_t (*macs)[6], size_t count,
                                         bool all_multicast, struct tapnet_error *error)
{
    _cleanup_free_ struct tun_filter *filter = NULL;
    int result = check_tap(device, error);

    if (result < 0)
        return result;
    if (count > UINT16_MAX)
        return error_set(error, -EINVAL, "%zu addresses are too many", count);
    filter = calloc(1, sizeof(*filter) + count * 6);
    if (!filter)
        return error_set(error, -ENOMEM, "out of memory");
    filter->flags = all_multicast ? TUN_FLT_ALLMULTI : 0;
    filter->count = (uint16_t)count;
    /* The kernel would turn the filter off, and say that all is well. */
    if (put_unicast_first(filter->addr, macs, count) > EXACT_MAX)
        return error_set(error, -EINVAL, "more than %d unicast addresses can't be filtered", EXACT_MAX);
    if (ioctl(device->queues[0], TUNSETTXFILTER, filter) >= 0)
        return 0;
    return error_set_errno(error, -errno, "cannot set the address filter of %s", device->name);
}
