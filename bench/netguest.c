/* SPDX-License-Identifier: MIT */
/* A guest with a real network stack and no emulation: joins a port's TAP with a TAP in a namespace of its own. */

/*
 * How it works: `netguest DEVICE NETNS GUEST_DEVICE MAC` opens the port's TAP as a VMM does and makes a second TAP in
 * the network namespace at the path NETNS, with the guest's MAC. Frames go from one to the other as they are, virtio
 * header and all, so that segments stay as large and checksums as unfinished as between a guest's driver and a VMM's
 * vhost thread. It prints "ready" and runs until it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define FRAME_LEN_MAX (sizeof(struct virtio_net_hdr) + 65536 + 64)
#define BURST 64 /* frames of one side before the other is looked at */

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "netguest: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_tap(const char *name, const char *mac)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    int header_len = sizeof(struct virtio_net_hdr);
    uint8_t *bytes = (uint8_t *)request.ifr_hwaddr.sa_data;

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header_len) < 0)
        fail(name);
    if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6) < 0)
        fail("TUNSETOFFLOAD");
    if (!mac)
        return fd;
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
               &bytes[5]) != 6)
        fail(mac);
    if (ioctl(fd, SIOCSIFHWADDR, &request) < 0)
        fail("MAC");
    return fd;
}

/* A frame that the other side does not take is lost, as on a wire. */
static void move_frames(int from, int to)
{
    static char frame[FRAME_LEN_MAX];

    for (int i = 0; i < BURST; i++) {
        ssize_t len = read(from, frame, sizeof(frame));

        if (len < 0) {
            if (errno != EAGAIN)
                fail("read");
            return;
        }
        if (write(to, frame, (size_t)len) < 0 && errno != EAGAIN && errno != EIO && errno != EINVAL)
            fail("write");
    }
}

int main(int count, char **words)
{
    struct pollfd sides[2] = {{.events = POLLIN}, {.events = POLLIN}};
    int namespace;

    if (count != 5) {
        fputs("usage: netguest DEVICE NETNS GUEST_DEVICE MAC\n", stderr);
        return 2;
    }
    sides[0].fd = open_tap(words[1], NULL);
    namespace = open(words[2], O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0)
        fail(words[2]);
    sides[1].fd = open_tap(words[3], words[4]);
    puts("ready");
    fflush(stdout);
    while (poll(sides, 2, -1) > 0) {
        if (sides[0].revents)
            move_frames(sides[0].fd, sides[1].fd);
        if (sides[1].revents)
            move_frames(sides[1].fd, sides[0].fd);
    }
    return 1;
}
