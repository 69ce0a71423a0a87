/* SPDX-License-Identifier: MIT */
/* TUN and TAP devices by ioctl on /dev/net/tun (linux/if_tun.h): open, own, keep. */
#include "device/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "device/capabilities.h"
#include "device/explain.h"

#define TUN_NODE "/dev/net/tun"

/* Of @node, NULL being the usual one: -ENOTTY where it is a file, or of another driver, which knows no TUNSETIFF. */
static int explain_node(int code, const char *node, struct tapnet_error *error)
{
    return device_explain_node(code, node ? node : TUN_NODE, error);
}

static int open_node(const char *node, int flags, struct tapnet_error *error)
{
    int fd = open(node ? node : TUN_NODE, O_RDWR | O_CLOEXEC | flags);

    return fd < 0 ? explain_node(-errno, node, error) : fd;
}

#define LINGER_ATTEMPTS 30
#define LINGER_MSEC 10

/*
 * Who reads of a descriptor in /proc/PID/fdinfo holds it meanwhile, even when its process has ended: the device is busy
 * then, and nobody is seen who holds it. A moment later it is free. One that must be new is not waited for; nor by who
 * does not see the processes of others, the keeper: to him each device that is held would look so.
 */
static bool may_linger(const struct ifreq *request)
{
    return !((unsigned short)request->ifr_flags & IFF_TUN_EXCL) && if_nametoindex(request->ifr_name) &&
           device_capabilities() & UINT64_C(1) << CAP_SYS_PTRACE && !device_explain_holders(request->ifr_name, NULL, 0);
}

static int set_iff(int fd, struct ifreq *request)
{
    int result = ioctl(fd, TUNSETIFF, request) < 0 ? -errno : 0;

    if (result != -EBUSY || !may_linger(request))
        return result;
    for (int attempt = 0; attempt < LINGER_ATTEMPTS && result == -EBUSY; attempt++) {
        poll(NULL, 0, LINGER_MSEC);
        result = ioctl(fd, TUNSETIFF, request) < 0 ? -errno : 0;
    }
    return result;
}

int device_open_queue(const struct device_queue *queue, char ret_name[IFNAMSIZ], int *ret_fd,
                      struct tapnet_error *error)
{
    struct ifreq request = {.ifr_flags = (short)queue->flags};
    unsigned index = (unsigned)queue->index;
    size_t len = strlen(queue->name);
    _cleanup_close_ int fd = -1;
    int result;

    if (len >= sizeof(request.ifr_name))
        return error_set(error, -EINVAL, "interface name '%s' is longer than 15 characters", queue->name);
    fd = open_node(queue->node, queue->nonblocking ? O_NONBLOCK : 0, error);
    if (fd < 0)
        return fd;
    memcpy(request.ifr_name, queue->name, len);
    if (index && ioctl(fd, TUNSETIFINDEX, &index) < 0)
        return errno == ENOTTY ? explain_node(-ENOTTY, queue->node, error)
                               : error_set_errno(error, -errno, "cannot ask for interface index %u", index);
    result = set_iff(fd, &request);
    if (result < 0)
        return result == -ENOTTY ? explain_node(-ENOTTY, queue->node, error)
                                 : device_explain_open(result, queue->name, queue->flags, error);
    if (ret_name)
        memcpy(ret_name, request.ifr_name, IFNAMSIZ);
    *ret_fd = take_fd(&fd);
    return 0;
}

int device_kernel_features(const char *node, unsigned *ret, struct tapnet_error *error)
{
    _cleanup_close_ int fd = open_node(node, 0, error);

    if (fd < 0)
        return fd;
    if (ioctl(fd, TUNGETFEATURES, ret) < 0)
        return explain_node(-ENOTTY, node, error);
    return 0;
}

int device_open(const char *name, enum device_kind kind, unsigned more_flags, bool fresh, int *ret_fd,
                struct tapnet_error *error)
{
    const struct device_queue queue = {
        .name = name,
        .flags = (kind == DEVICE_TAP ? IFF_TAP : IFF_TUN) | IFF_NO_PI | more_flags | (fresh ? IFF_TUN_EXCL : 0),
    };

    return device_open_queue(&queue, NULL, ret_fd, error);
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
