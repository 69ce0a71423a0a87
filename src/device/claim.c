/* SPDX-License-Identifier: MIT */
/* Whose a device is at the moment: who holds it, and a claim of who does not hold it open but goes with it. */
#include "device/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

int device_claim(const char *device, int *ret_fd, struct tapnet_error *error)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    _cleanup_close_ int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    struct ifreq request = {.ifr_ifindex = 0};
    const int yes = 1;

    if (fd < 0)
        return error_set_errno(error, -errno, "cannot open a raw socket (CAP_NET_RAW is needed)");
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
    if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
        return error_set_errno(error, -errno, "cannot find the device %s", device);
    name.sin_addr.s_addr = htonl((uint32_t)request.ifr_ifindex);
    if (setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes)) < 0 ||
        bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
        return error_set_errno(error, -errno, "cannot claim the device %s", device);
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

/* A line is "BUCKET: ADDRESS:PROTOCOL ...", the address as it lies in memory (raw_sock_seq_show() of the kernel). */
bool device_is_claimed(int index)
{
    _cleanup_fclose_ FILE *file = index > 0 ? fopen("/proc/net/raw", "re") : NULL; /* 0 is no device's */
    char line[256];

    while (file && fgets(line, sizeof(line), file)) {
        char *at = line + strcspn(line, ":");
        unsigned long address = *at ? strtoul(at + 1, &at, 16) : 0;

        if (*at == ':' && strtoul(at + 1, NULL, 16) == IPPROTO_RAW && address == htonl((uint32_t)index))
            return true;
    }
    return false;
}
