/* SPDX-License-Identifier: MIT */
/* Whose a device is at the moment: who holds it, and a claim of who does not hold it open but goes with it. */
#include "device/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
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

/* By the address that the device's number makes. */
static int bind_raw(int fd, int index)
{
    const struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl((uint32_t)index)};
    const int yes = 1;

    return setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes)) < 0 ||
                   bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0
               ? -errno
               : 0;
}

static int open_packet(int index, int *ret_fd)
{
    const struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_ifindex = index}; /* protocol 0: nothing */
    _cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
        return -errno;
    *ret_fd = take_fd(&fd);
    return 0;
}

int device_claim(const char *device, int *ret_fd, struct tapnet_error *error)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    struct ifreq request = {.ifr_ifindex = 0};
    int r = fd < 0 ? -errno : 0;

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
    if (r == 0 && ioctl(fd, SIOCGIFINDEX, &request) < 0)
        return error_set_errno(error, -errno, "cannot find the device %s", device);
    if (r == 0)
        r = bind_raw(fd, request.ifr_ifindex);
    if (r == 0)
        *ret_fd = take_fd(&fd);
    else if (r == -EADDRNOTAVAIL)
        r = open_packet(request.ifr_ifindex, ret_fd);
    return r < 0 ? error_set_errno(error, r, "cannot claim the device %s (CAP_NET_RAW is needed)", device) : 0;
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
static bool is_raw_claim(char *line, int index)
{
    char *at = line + strcspn(line, ":");
    unsigned long address = *at ? strtoul(at + 1, &at, 16) : 0;

    return *at == ':' && strtoul(at + 1, NULL, 16) == IPPROTO_RAW && address == htonl((uint32_t)index);
}

/* A line is "ADDRESS REFERENCES TYPE PROTOCOL INTERFACE RUNNING ..." (packet_seq_show() of net/packet/af_packet.c). */
static bool is_packet_claim(char *line, int index)
{
    char *at = line + strcspn(line, " ");
    long type, protocol;

    strtol(at, &at, 10); /* references */
    type = strtol(at, &at, 10);
    protocol = strtol(at, &at, 16);
    return type == SOCK_RAW && protocol == 0 && strtol(at, &at, 10) == index;
}

static bool is_listed(const char *path, bool (*is_claim)(char *line, int index), int index)
{
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    char line[256];

    while (file && fgets(line, sizeof(line), file))
        if (is_claim(line, index))
            return true;
    return false;
}

bool device_is_claimed(int index)
{
    return index > 0 && (is_listed("/proc/net/raw", is_raw_claim, index) || /* 0 is no device's */
                         is_listed("/proc/net/packet", is_packet_claim, index));
}
