/* SPDX-License-Identifier: MIT */
/* Whose a device is at the moment: who holds it, and a claim of who does not hold it open but goes with it. */
#include "device/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

int device_claim(const char *device, int *ret_fd, struct tapnet_error *error)
{
    struct sockaddr_ll name = {.sll_family = AF_PACKET}; /* protocol 0: nothing */
    _cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_ifindex = 0};

    if (fd < 0)
        return error_set_errno(error, -errno, "cannot open a packet socket (CAP_NET_RAW is needed)");
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
    if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
        return error_set_errno(error, -errno, "cannot find the device %s", device);
    name.sll_ifindex = request.ifr_ifindex;
    if (bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
        return error_set_errno(error, -errno, "cannot bind a packet socket to %s", device);
    *ret_fd = take_fd(&fd);
    return 0;
}

bool device_claim_is_up(int fd, const char *device)
{
    struct ifreq request = {.ifr_flags = 0};

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
    return ioctl(fd, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_UP;
}

bool device_is_held(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return fd >= 0 && ioctl(fd, TUNSETIFF, &request) < 0 && errno == EBUSY;
}

/* A line is "ADDRESS REFERENCES TYPE PROTOCOL INTERFACE RUNNING ..." (packet_seq_show() of net/packet/af_packet.c). */
bool device_is_claimed(int index)
{
    _cleanup_fclose_ FILE *file = index > 0 ? fopen("/proc/net/packet", "re") : NULL; /* 0 is no device's */
    char line[256];

    while (file && fgets(line, sizeof(line), file)) {
        char *at = line + strcspn(line, " ");
        long type, protocol;

        strtol(at, &at, 10); /* references */
        type = strtol(at, &at, 10);
        protocol = strtol(at, &at, 16);
        if (type == SOCK_RAW && protocol == 0 && strtol(at, &at, 10) == index)
            return true;
    }
    return false;
}
