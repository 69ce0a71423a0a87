/* SPDX-License-Identifier: MIT */
/* Opening a device: checks, queues, everything that the last holder left put back, and what else is wanted of it. */
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/array.h"
#include "device/announce.h"
#include "device/device.h"
#include "device/explain.h"
#include "device/tun.h"

/*
 * How it works: TUNSETIFF opens what is there or makes a device that ends with its descriptors. So a failure before the
 * device is made persistent, which comes last, leaves nothing behind of one that was made here; what is changed of one
 * that was there is put back by device_change_apply().
 *
 * TUNSETIFF sets the packet format and the carrier and leaves everything else as the last holder had it. Of a device
 * made for several queues others may hold some: such a one is joined on request only, and not reset then.
 */

DEFINE_CLEANUP(struct tapnet_device *, tapnet_device_close)

struct open_call {
    const struct tapnet_device_options *options;
    struct tapnet_device *device;
    struct netlink *netlink;
    struct device_link link; /* as it is when its first queue is open */
    bool joined;             /* others hold queues of it */
};

/* ---- checks ---- */

/* What the kernel takes as a name (dev_valid_name), or as a pattern with one "%d". */
static int check_name(const char *name, bool must_exist, struct tapnet_error *error)
{
    const char *percent = strchr(name, '%');

    if (!*name || strlen(name) >= IFNAMSIZ)
        return error_set(error, -EINVAL, "a device's name has 1 to 15 characters: '%s' has %zu", name, strlen(name));
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strpbrk(name, "/: \t\n\v\f\r"))
        return error_set(error, -EINVAL, "'%s' is no name for a device: no '/', ':' or space may be in it", name);
    if (percent && (percent[1] != 'd' || strchr(percent + 1, '%')))
        return error_set(error, -EINVAL, "'%s' is no pattern: one %%d may stand in it", name);
    if (percent && must_exist)
        return error_set(error, -EINVAL, "'%s' is a pattern, and a device that exists is wanted", name);
    return 0;
}

static int check_flags(const struct tapnet_device_options *options, struct tapnet_error *error)
{
    unsigned flags = options->flags;

    if (flags & TAPNET_DEVICE_NEW && flags & (TAPNET_DEVICE_EXISTING | TAPNET_DEVICE_JOIN))
        return error_set(error, -EINVAL, "a device can't be new and exist");
    if (flags & TAPNET_DEVICE_SPARE_SUBNETS && !(flags & TAPNET_DEVICE_NEW))
        return error_set(error, -EINVAL, "subnets of the host are spared by new devices only");
    if (flags & TAPNET_DEVICE_NAPI_FRAGS && (!(flags & TAPNET_DEVICE_NAPI) || options->kind != TAPNET_TAP))
        return error_set(error, -EINVAL, "NAPI fragments are for a TAP with NAPI");
    if (options->offloads && !(flags & TAPNET_DEVICE_VNET_HEADER))
        return error_set(error, -EINVAL, "offloads need a vnet header, in which each packet tells of them");
    if (options->vnet_header_size && !(flags & TAPNET_DEVICE_VNET_HEADER))
        return error_set(error, -EINVAL, "a vnet header's size, and no vnet header");
    return 0;
}

/* The whole of what is wanted, as one change: with what the flags say of it. */
static struct tapnet_device_change change_of(const struct tapnet_device_options *options)
{
    struct tapnet_device_change change = {0};

    if (options->change)
        change = *options->change;
    if (options->flags & TAPNET_DEVICE_UP) {
        change.fields |= TAPNET_FIELD_UP;
        change.up = true;
    }
    if (options->flags & TAPNET_DEVICE_MARK) {
        change.fields |= TAPNET_FIELD_MARK;
        change.mark = true;
    }
    if (options->flags & TAPNET_DEVICE_PERSISTENT) {
        change.fields |= TAPNET_FIELD_PERSISTENT;
        change.persistent = true;
    }
    return change;
}

static int check_values(const struct tapnet_device_options *options, struct tapnet_error *error)
{
    struct tapnet_device_change change = {
        .fields = TAPNET_FIELD_SEND_BUFFER | TAPNET_FIELD_OFFLOADS,
        .send_buffer = options->send_buffer,
        .offloads = options->offloads,
        .vnet_header_size = options->vnet_header_size,
    };
    int result;

    if (options->vnet_header_size)
        change.fields |= TAPNET_FIELD_VNET_HEADER_SIZE;
    result = device_change_check(&change, options->kind, error);
    if (result == 0 && options->change)
        result = device_change_check(options->change, options->kind, error);
    return result;
}

static int check_options(const struct tapnet_device_options *options, struct tapnet_error *error)
{
    bool must_exist = options->flags & (TAPNET_DEVICE_EXISTING | TAPNET_DEVICE_JOIN);
    int result = 0;

    if (options->kind != TAPNET_TUN && options->kind != TAPNET_TAP)
        return error_set(error, -EINVAL, "say whether a TUN or a TAP is wanted");
    if (options->queues > TAPNET_DEVICE_QUEUES_MAX)
        return error_set(error, -EINVAL, "a device has at most %d queues", TAPNET_DEVICE_QUEUES_MAX);
    if (options->index < 0)
        return error_set(error, -EINVAL, "an interface index is not negative");
    if (!options->name && must_exist)
        return error_set(error, -EINVAL, "a device that exists has a name");
    if (options->name)
        result = check_name(options->name, must_exist, error);
    if (result == 0)
        result = check_flags(options, error);
    return result < 0 ? result : check_values(options, error);
}

/* ---- flags ---- */

static const struct {
    unsigned flag, kernel;
    const char *name;
} flag_rows[] = {
    {TAPNET_DEVICE_MULTI_QUEUE, IFF_MULTI_QUEUE, "several queues"},
    {TAPNET_DEVICE_VNET_HEADER, IFF_VNET_HDR, "vnet header"},
    {TAPNET_DEVICE_NAPI, IFF_NAPI, "NAPI"},
    {TAPNET_DEVICE_NAPI_FRAGS, IFF_NAPI_FRAGS, "NAPI fragments"},
};

/* IFF_... for TUNSETIFF. What the kernel does not know it would pass over in silence: -EOPNOTSUPP. */
static int kernel_flags(const struct tapnet_device_options *options, short *ret, struct tapnet_error *error)
{
    unsigned known, wanted = options->flags | (options->queues > 1 ? (unsigned)TAPNET_DEVICE_MULTI_QUEUE : 0);
    int flags = options->kind == TAPNET_TAP ? IFF_TAP : IFF_TUN;
    int result = device_kernel_features(options->node, &known, error);

    if (result < 0)
        return result;
    for (size_t i = 0; i < ARRAY_COUNT(flag_rows); i++) {
        if (!(wanted & flag_rows[i].flag))
            continue;
        if (!(known & flag_rows[i].kernel))
            return error_set(error, -EOPNOTSUPP, "this kernel's tun driver has no %s", flag_rows[i].name);
        flags |= (int)flag_rows[i].kernel;
    }
    if (!(wanted & TAPNET_DEVICE_PACKET_INFORMATION))
        flags |= IFF_NO_PI;
    if (wanted & TAPNET_DEVICE_NO_CARRIER && known & IFF_NO_CARRIER) /* where it is not known, TUNSETCARRIER follows */
        flags |= IFF_NO_CARRIER;
    *ret = (short)flags;
    return 0;
}

/* ---- the first queue, and whose the device is ---- */

static const char *wanted_name(const struct tapnet_device_options *options)
{
    if (options->name)
        return options->name;
    return options->kind == TAPNET_TAP ? "tap%d" : "tun%d";
}

static const char *noun(const struct tapnet_device *device)
{
    return device->kind == TAPNET_TAP ? "TAP" : "TUN";
}

/* Opens @queue, with the device's own flags added, as the last of @device. */
static int add_queue(struct tapnet_device *device, struct device_queue queue, struct tapnet_error *error)
{
    int fd, result;

    if (array_reserve((void **)&device->queues, &device->queue_capacity, device->queue_count, 1, sizeof(int)) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    /* The flags are those of an unsigned short: IFF_TUN_EXCL is its highest bit. */
    queue.flags |= (unsigned short)device->flags;
    result = device_open_queue(&queue, device->name, &fd, error);
    if (result == 0)
        device->queues[device->queue_count++] = fd;
    return result;
}

static int open_first(struct open_call *call, struct tapnet_error *error)
{
    const struct tapnet_device_options *options = call->options;
    struct tapnet_device *device = call->device;
    bool must_exist = options->flags & (TAPNET_DEVICE_EXISTING | TAPNET_DEVICE_JOIN);
    const struct device_queue first = {
        .node = options->node,
        .name = wanted_name(options),
        .flags = options->flags & TAPNET_DEVICE_NEW ? IFF_TUN_EXCL : 0,
        .index = options->index,
        .nonblocking = options->flags & TAPNET_DEVICE_NONBLOCKING,
    };
    int result = kernel_flags(options, &device->flags, error);

    if (result == 0)
        result = netlink_open(NETLINK_ROUTE, &call->netlink, error);
    if (result == 0 && must_exist)
        result = device_link_find(call->netlink, options->name, &call->link, error);
    if (result == 0 && options->flags & TAPNET_DEVICE_SPARE_SUBNETS)
        result = device_check_subnets(call->netlink, options->change, error);
    if (result == 0)
        result = add_queue(device, first, error);
    return result;
}

/* Looks at the device, of which one queue is open now. */
static int look(struct open_call *call, struct tapnet_error *error)
{
    const struct tapnet_device *device = call->device;
    int result = device_link_find_tun(call->netlink, device->name, &call->link, error);

    if (result < 0)
        return result;
    call->joined = device_link_queues(&call->link) > device->queue_count;
    if (call->options->flags & (TAPNET_DEVICE_EXISTING | TAPNET_DEVICE_JOIN) && !call->joined &&
        !call->link.link.tun_persistent) /* it went between two looks, and what is open is a new one */
        return error_set(error, -ENODEV, "there is no device %s any more", device->name);
    if (call->joined && !(call->options->flags & TAPNET_DEVICE_JOIN))
        return device_explain_busy(noun(device), device->name, error);
    return 0;
}

/* ---- settings ---- */

/* The offloads that are left when the kernel refuses some: newest first. */
static int set_offloads(const struct tapnet_device_options *options, int fd, struct tapnet_error *error)
{
    static const unsigned optional[] = {
        0,
        TAPNET_OFFLOAD_UDP_TUNNEL_CHECKSUM,
        TAPNET_OFFLOAD_UDP_TUNNEL,
        TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6,
        TAPNET_OFFLOAD_UFO,
        TAPNET_OFFLOAD_TSO_ECN,
        TAPNET_OFFLOAD_TSO4 | TAPNET_OFFLOAD_TSO6,
        TAPNET_OFFLOAD_CHECKSUM,
    };
    size_t count = options->flags & TAPNET_DEVICE_OFFLOADS_OPTIONAL ? ARRAY_COUNT(optional) : 1;
    unsigned offloads = options->offloads;
    int result = 0;

    for (size_t i = 0; i < count; i++) {
        offloads &= ~optional[i];
        result = device_set_offloads(fd, offloads, error);
        if (result != -EOPNOTSUPP)
            return result;
    }
    return result;
}

static int reset(const struct open_call *call, struct tapnet_error *error)
{
    const struct tapnet_device_options *options = call->options;
    int fd = call->device->queues[0];
    int result = device_set_header_size(fd, options->vnet_header_size ? options->vnet_header_size : 10, error);

    if (result == 0)
        result = device_set_header_order(fd, options->vnet_header_order, error);
    if (result == 0)
        result = device_reset_filters(fd, call->device->kind, error);
    if (result == 0)
        result = device_set_send_buffer(fd, options->send_buffer, error);
    if (result == 0)
        result = set_offloads(options, fd, error);
    if (result == 0)
        result = device_carrier(fd, !(options->flags & TAPNET_DEVICE_NO_CARRIER), error);
    return result;
}

/* A device that becomes persistent, and belongs to nobody: everybody could open it. */
static void own_by_default(const struct open_call *call, struct tapnet_device_change *change)
{
    bool owned = change->fields & (TAPNET_FIELD_OWNER | TAPNET_FIELD_GROUP);

    if (owned || !(change->fields & TAPNET_FIELD_PERSISTENT) || !change->persistent ||
        call->options->flags & TAPNET_DEVICE_FOR_ANYBODY || call->link.link.tun_persistent ||
        call->link.link.tun_user != TAPNET_ID_NONE || call->link.link.tun_group != TAPNET_ID_NONE)
        return;
    change->fields |= TAPNET_FIELD_OWNER;
    change->owner = geteuid();
}

static int apply(struct open_call *call, struct tapnet_error *error)
{
    struct tapnet_device_change change = change_of(call->options), keep = {.fields = TAPNET_FIELD_PERSISTENT};
    struct device_target target = {.fd = call->device->queues[0], .netlink = call->netlink, .before = call->link};
    int result;

    own_by_default(call, &change);
    keep.persistent = change.persistent;
    keep.fields &= change.fields;
    change.fields &= ~(unsigned)TAPNET_FIELD_PERSISTENT;
    result = device_change_apply(&target, &change, error);
    /* Until it had an owner, everybody could attach to a device of several queues: did somebody? */
    if (result == 0 && call->device->flags & IFF_MULTI_QUEUE && !call->joined)
        result = look(call, error);
    return result < 0 ? result : device_change_apply(&target, &keep, error);
}

/* In the device's network namespace. */
static int open_there(struct open_call *call, struct tapnet_error *error)
{
    struct tapnet_device *device = call->device;
    const struct device_queue next = {
        .node = call->options->node,
        .name = device->name,
        .nonblocking = call->options->flags & TAPNET_DEVICE_NONBLOCKING,
    };
    unsigned wanted = call->options->queues ? call->options->queues : 1;
    int result = open_first(call, error);

    if (result == 0)
        result = look(call, error);
    if (result == 0 && !call->joined)
        result = reset(call, error);
    while (result == 0 && device->queue_count < wanted)
        result = add_queue(device, next, error);
    return result < 0 ? result : apply(call, error);
}

/* One that is going to carry our label is announced until it does. */
static int open_announced(void *data, struct tapnet_error *error)
{
    struct open_call *call = data;
    const char *name = wanted_name(call->options);
    int directory = call->options->flags & TAPNET_DEVICE_MARK ? device_announce(name) : -1;
    int result = open_there(call, error);

    device_announce_end(directory, name);
    return result;
}

API int tapnet_device_open(const struct tapnet_device_options *options, struct tapnet_device **ret,
                           struct tapnet_error *error)
{
    struct tapnet_device *device cleanup(cleanup_tapnet_device_close) = NULL;
    struct open_call call = {.options = options};
    int result = check_options(options, error);

    if (result < 0)
        return result;
    device = calloc(1, sizeof(*device));
    if (!device)
        return error_set(error, -ENOMEM, "out of memory");
    device->kind = options->kind;
    call.device = device;
    result = device_in_netns(options->netns, open_announced, &call, error);
    netlink_close(call.netlink);
    if (result < 0)
        return result;
    *ret = take_pointer(device);
    return 0;
}

/* ---- one more queue ---- */

struct queue_call {
    struct tapnet_device *device;
};

static int add_queue_there(void *data, struct tapnet_error *error)
{
    struct tapnet_device *device = ((struct queue_call *)data)->device;
    char name[IFNAMSIZ], again[IFNAMSIZ];
    const struct device_queue queue = {.name = name};
    short flags;
    int result = device_identify(device->queues[0], name, &flags, error);

    if (result < 0)
        return result;
    memcpy(again, device->name, sizeof(again));
    result = add_queue(device, queue, error); /* by its name of now */
    memcpy(device->name, again, sizeof(again));
    return result;
}

API int tapnet_device_add_queue(struct tapnet_device *device, struct tapnet_error *error)
{
    struct queue_call call = {device};

    if (!(device->flags & IFF_MULTI_QUEUE))
        return error_set(error, -EINVAL, "%s %s was made for one queue", noun(device), device->name);
    return device_beside(device->queues[0], add_queue_there, &call, error);
}
