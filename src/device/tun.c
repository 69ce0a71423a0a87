/* SPDX-License-Identifier: MIT */
/* TUN and TAP devices by ioctl on /dev/net/tun (linux/if_tun.h): open, own, keep. */
#include "device/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"

#define TUN_NODE "/dev/net/tun"

/* Why the node can't be opened, and what helps. */
static int explain_node(int code, struct tapnet_error *error)
{
    switch (code) {
    case -ENOENT:
        return error_set(error, code,
                         TUN_NODE " does not exist: run `modprobe tun`, or, in a container, pass the node in");
    case -ENODEV:
    case -ENXIO:
        return error_set(error, code, TUN_NODE " has no driver behind it: run `modprobe tun`");
    case -EACCES:
    case -EPERM:
        return error_set(error, code,
                         "may not open " TUN_NODE ": run as root, or `chmod 666 " TUN_NODE "` (its usual mode)");
    default:
        return error_set_errno(error, code, "cannot open " TUN_NODE);
    }
}

static int explain_open(int code, const char *name, enum device_kind kind, struct tapnet_error *error)
{
    const char *noun = kind == DEVICE_TAP ? "TAP" : "TUN";

    switch (code) {
    case -EBUSY:
        return error_set(error, code, "%s %s is held by another program", noun, name);
    case -EINVAL:
        return error_set(error, code, "%s exists and is not a %s of the queue mode that is wanted", name, noun);
    case -EPERM:
        return error_set(error, code, "may not make or open %s %s: CAP_NET_ADMIN is needed (run as root)", noun, name);
    default:
        return error_set_errno(error, code, "cannot make %s %s", noun, name);
    }
}

int device_open(const char *name, enum device_kind kind, bool multi_queue, int *ret_fd, struct tapnet_error *error)
{
    struct ifreq request = {0};
    _cleanup_close_ int fd = -1;

    if (strlen(name) >= sizeof(request.ifr_name))
        return error_set(error, -EINVAL, "interface name '%s' is longer than 15 characters", name);
    fd = open(TUN_NODE, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return explain_node(-errno, error);
    memcpy(request.ifr_name, name, strlen(name));
    request.ifr_flags = (short)((kind == DEVICE_TAP ? IFF_TAP : IFF_TUN) | IFF_NO_PI |
                                (multi_queue ? IFF_MULTI_QUEUE : 0));
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return explain_open(-errno, name, kind, error);
    *ret_fd = take_fd(&fd);
    return 0;
}

int device_own(int fd, uint32_t user, uint32_t group, struct tapnet_error *error)
{
    /* The argument is the id itself, an unsigned long. */
    if (user != DEVICE_ID_NONE && ioctl(fd, TUNSETOWNER, (unsigned long)user) < 0)
        return error_set_errno(error, -errno, "cannot give the device to user %u", user);
    if (group != DEVICE_ID_NONE && ioctl(fd, TUNSETGROUP, (unsigned long)group) < 0)
        return error_set_errno(error, -errno, "cannot give the device to group %u", group);
    return 0;
}

int device_carrier(int fd, bool on, struct tapnet_error *error)
{
    int value = on;

    if (ioctl(fd, TUNSETCARRIER, &value) < 0)
        return error_set_errno(error, -errno, "cannot turn the carrier %s", on ? "on" : "off");
    return 0;
}

int device_keep(int fd, bool keep, struct tapnet_error *error)
{
    if (ioctl(fd, TUNSETPERSIST, keep ? 1UL : 0UL) < 0)
        return error_set_errno(error, -errno, "cannot make the device %s",
                               keep ? "persistent" : "end with its descriptor");
    return 0;
}
