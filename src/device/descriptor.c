/* SPDX-License-Identifier: MIT */
/* Settings of a device that its descriptors change: vnet header, offloads, send buffer, link type, MAC, filters. */
#include <errno.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "device/device.h"

#define MISC_MAJOR 10
#define TUN_MINOR 200

int device_identify(int fd, char ret_name[IFNAMSIZ], short *ret_flags, struct tapnet_error *error)
{
    struct ifreq request = {0};
    struct stat status;

    if (fstat(fd, &status) < 0)
        return error_set_errno(error, -errno, "descriptor %d", fd);
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(MISC_MAJOR, TUN_MINOR))
        return error_set(error, -EINVAL, "descriptor %d is not of /dev/net/tun%s", fd,
                         S_ISCHR(status.st_mode) ? " (a macvtap has nodes of its own, /dev/tapN)" : "");
    if (ioctl(fd, TUNGETIFF, &request) < 0) {
        if (errno == EBADFD)
            return error_set(error, -EBADFD,
                             "descriptor %d is of /dev/net/tun, but of no device: either TUNSETIFF was "
                             "not called on it, or the device was deleted",
                             fd);
        return error_set_errno(error, -errno, "descriptor %d", fd);
    }
    memcpy(ret_name, request.ifr_name, IFNAMSIZ);
    ret_name[IFNAMSIZ - 1] = '\0';
    *ret_flags = request.ifr_flags;
    return 0;
}

int device_set_header_size(int fd, int size, struct tapnet_error *error)
{
    if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
        return error_set_errno(error, -errno, "cannot make the vnet header %d bytes long", size);
    return 0;
}

static int set_little(int fd, int on, struct tapnet_error *error)
{
    if (ioctl(fd, TUNSETVNETLE, &on) < 0)
        return error_set_errno(error, -errno, "cannot set the byte order of the vnet header");
    return 0;
}

int device_set_header_order(int fd, enum tapnet_byte_order order, struct tapnet_error *error)
{
    int big = order == TAPNET_ORDER_BIG;
    int result = set_little(fd, order == TAPNET_ORDER_LITTLE, error);

    /* EINVAL: the kernel was built without CONFIG_TUN_VNET_CROSS_LE, so the order never is the other one. */
    if (result < 0 || ioctl(fd, TUNSETVNETBE, &big) == 0 || (errno == EINVAL && !big))
        return result;
    if (errno == EINVAL)
        return error_set(error, -EOPNOTSUPP,
                         "this kernel has no big-endian vnet header (it was built without CONFIG_TUN_VNET_CROSS_LE)");
    return error_set_errno(error, -errno, "cannot set the byte order of the vnet header");
}

int device_get_header_order(int fd, enum tapnet_byte_order *ret)
{
    int little = 0, big = 0;

    if (ioctl(fd, TUNGETVNETLE, &little) < 0)
        return -errno;
    if (ioctl(fd, TUNGETVNETBE, &big) < 0 && errno != EINVAL)
        return -errno;
    *ret = little ? TAPNET_ORDER_LITTLE : big ? TAPNET_ORDER_BIG : TAPNET_ORDER_NATIVE;
    return 0;
}

int device_set_offloads(int fd, unsigned offloads, struct tapnet_error *error)
{
    /* The argument is the mask itself, an unsigned long. */
    if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads) == 0)
        return 0;
    if (errno == EINVAL)
        return error_set(error, -EOPNOTSUPP, "this kernel does not take these offloads together (0x%x)", offloads);
    return error_set_errno(error, -errno, "cannot set the offloads");
}

int device_set_send_buffer(int fd, int bytes, struct tapnet_error *error)
{
    if (!bytes)
        bytes = INT_MAX; /* what a new device has */
    if (ioctl(fd, TUNSETSNDBUF, &bytes) < 0)
        return error_set_errno(error, -errno, "cannot set the send buffer to %d bytes", bytes);
    return 0;
}

int device_set_link_type(int fd, uint16_t type, struct tapnet_error *error)
{
    /* The argument is the type itself. */
    if (ioctl(fd, TUNSETLINK, (unsigned long)type) == 0)
        return 0;
    if (errno == EBUSY)
        return error_set(error, -EBUSY, "the link type can't change while the device is up");
    return error_set_errno(error, -errno, "cannot set the link type to %u", type);
}

int device_set_mac(int fd, const uint8_t mac[6], struct tapnet_error *error)
{
    struct ifreq request = {.ifr_hwaddr.sa_family = 1}; /* ARPHRD_ETHER */

    memcpy(request.ifr_hwaddr.sa_data, mac, 6);
    if (ioctl(fd, SIOCSIFHWADDR, &request) < 0)
        return error_set_errno(error, -errno, "cannot set the MAC");
    return 0;
}

int device_detach_filter(int fd, struct tapnet_error *error)
{
    struct sock_fprog none = {0};

    if (ioctl(fd, TUNDETACHFILTER, &none) < 0)
        return error_set_errno(error, -errno, "cannot take the filter away");
    /*
     * TUNGETFILTER tells what was asked for last, attached or not (and IFF_NOFILTER of TUNGETIFF is the bit of
     * IFF_NO_PI): asked for an empty program the kernel refuses, and remembers that.
     */
    (void)ioctl(fd, TUNATTACHFILTER, &none);
    return 0;
}

int device_reset_filters(int fd, enum tapnet_device_kind kind, struct tapnet_error *error)
{
    struct tun_filter everything = {0};
    int program = -1;

    if (ioctl(fd, TUNSETSTEERINGEBPF, &program) < 0 || ioctl(fd, TUNSETFILTEREBPF, &program) < 0)
        return error_set_errno(error, -errno, "cannot take the last holder's eBPF programs away");
    if (kind == TAPNET_TUN)
        return 0;
    if (ioctl(fd, TUNSETTXFILTER, &everything) < 0)
        return error_set_errno(error, -errno, "cannot take the last holder's address filter away");
    return device_detach_filter(fd, error);
}
