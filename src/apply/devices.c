/* SPDX-License-Identifier: MIT */
/* TUN/TAP devices as apply sees them: made or opened, owned, kept, set by their descriptor. */
#include "apply/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "device/device.h"
#include "device/tun.h"

/* A device of that name that was laid off is in nobody's way. */
static int make_device(struct apply_kernel *kernel, const char *name, enum device_kind kind, unsigned flags,
                       int *ret_fd, struct tapnet_error *error)
{
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = device_open(name, kind, flags, true, ret_fd, &refusal);

    if (result == -EEXIST && apply_gone_give_way(kernel, name))
        return device_open(name, kind, flags, true, ret_fd, error);
    return result < 0 ? error_set(error, result, "%s", refusal.text) : 0;
}

/* Of a device that is made. A kernel that can't be asked what it knows will say why by what comes next. */
static unsigned fresh_flags(struct apply_kernel *kernel)
{
    if (kernel->made_fd)
        return kernel->made_flags;
    if (!kernel->tun_features && device_kernel_features(NULL, &kernel->tun_features, NULL) < 0)
        return 0;
    return kernel->tun_features & IFF_NO_CARRIER;
}

/*
 * Without carrier, because nobody is plugged in yet: a link that comes up with it has the kernel join IPv6 multicast
 * groups, start its bridge port and take both back at once. Whoever opens the device next turns the carrier on. Only
 * one that is caught has it from the start: to turn it on later costs more (linkwatch_event()).
 */
int apply_device_open(void *data, const struct model_link *link, bool fresh, int *ret_fd, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    enum device_kind kind = link->kind == MODEL_LINK_TAP ? DEVICE_TAP : DEVICE_TUN;
    bool caught = fresh && kernel->made_fd;
    unsigned flags = (link->multi_queue ? (unsigned)IFF_MULTI_QUEUE : 0u) | (fresh ? fresh_flags(kernel) : 0u);
    _cleanup_close_ int fd = -1;
    int result = apply_announce(data, link->name, error);

    if (result == 0)
        result = fresh ? make_device(kernel, link->name, kind, flags, &fd, error)
                       : device_open(link->name, kind, flags, false, &fd, error);
    if (result == 0 && !caught && !(flags & IFF_NO_CARRIER))
        result = device_carrier(fd, false, error);
    /* Whoever catches it has asked for none. Once it is in a bridge, that would go through all of its ports. */
    if (result == 0 && caught)
        result = device_set_offloads(fd, 0, error);
    kernel->catching = kernel->made_kept = false;
    if (result == 0 && caught && link->persistent && *kernel->made_fd < 0) { /* can't it: it is opened once more */
        *kernel->made_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        kernel->catching = *kernel->made_fd >= 0;
    }
    if (result == 0)
        *ret_fd = take_fd(&fd);
    else
        apply_announce_end(data, link->name);
    return result;
}

int apply_device_own(void *data, int fd, const struct model_link *link, struct tapnet_error *error)
{
    (void)data;
    return device_own(fd, link->user, link->group, error);
}

int apply_device_keep(void *data, int fd, bool keep, struct tapnet_error *error)
{
    const struct apply_kernel *kernel = data;

    return keep && kernel->made_kept ? 0 : device_keep(fd, keep, error);
}

_Static_assert((unsigned)MODEL_OFFLOAD_CHECKSUM == TAPNET_OFFLOAD_CHECKSUM &&
                   (unsigned)MODEL_OFFLOAD_TSO_ECN == TAPNET_OFFLOAD_TSO_ECN &&
                   (unsigned)MODEL_OFFLOAD_USO6 == TAPNET_OFFLOAD_USO6 &&
                   (unsigned)MODEL_OFFLOAD_UDP_TUNNEL_CHECKSUM == TAPNET_OFFLOAD_UDP_TUNNEL_CHECKSUM,
               "the model has the kernel's values, as device.h");

int apply_device_set(void *data, int fd, enum apply_setting setting, uint32_t value, struct tapnet_error *error)
{
    (void)data;
    switch (setting) {
    case APPLY_LINK_TYPE:
        return device_set_link_type(fd, (uint16_t)value, error);
    case APPLY_OFFLOADS:
        return device_set_offloads(fd, value, error);
    case APPLY_VNET_HEADER_SIZE:
        return device_set_header_size(fd, (int)value, error);
    }
    abort(); /* every setting stands above */
}
