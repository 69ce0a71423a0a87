/* SPDX-License-Identifier: MIT */
/* The bare loop that tapnet's forwarder is measured against: read a packet from one TUN, write it to another. */

/*
 * How it works: `relay WAY VNET [NETNS/]TUN [NETNS/]TUN` makes both devices, prints "ready" and moves packets both ways
 * until it is killed. VNET 1: with a vnet header and all offloads, so that large packets pass whole. WAY is
 *
 *   poll      waits for both, then reads each until it is empty
 *   blocking  a thread a direction, which waits in read()
 *   uring     io_uring: reads and writes of many packets with one system call, a poll is armed where none is there
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#ifdef HAVE_LIBURING
#include <liburing.h>
#endif

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define PACKET_LEN_MAX (sizeof(struct virtio_net_hdr) + 65536)
#define BURST 64 /* packets of one side before the other is looked at */
#define DEPTH 32 /* packets under way in each direction by io_uring */

static int vnet;

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_tun(const char *word, int flags)
{
    struct ifreq request = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0))};
    const char *slash = strchr(word, '/');
    int fd, own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    char path[300];

    if (slash) {
        int namespace;

        snprintf(path, sizeof(path), "/run/netns/%.*s", (int)(slash - word), word);
        namespace = open(path, O_RDONLY | O_CLOEXEC);
        if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0)
            fail(path);
        close(namespace);
    }
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | flags);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", slash ? slash + 1 : word);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
        fail(word);
    if (vnet &&
        ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6) < 0)
        fail("TUNSETOFFLOAD");
    if (setns(own, CLONE_NEWNET) < 0)
        fail("setns");
    close(own);
    return fd;
}

/* A packet that the other side does not take is lost, as on a wire. */
static void put(int fd, const char *packet, ssize_t len)
{
    if (write(fd, packet, (size_t)len) < 0 && errno != EAGAIN && errno != EIO && errno != EINVAL)
        fail("write");
}

static void relay_poll(const int fds[2])
{
    static char packet[PACKET_LEN_MAX];
    struct pollfd polls[2] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};

    while (poll(polls, 2, -1) > 0)
        for (int from = 0; from < 2; from++)
            for (int i = 0; polls[from].revents && i < BURST; i++) {
                ssize_t len = read(fds[from], packet, sizeof(packet));

                if (len < 0)
                    break;
                put(fds[!from], packet, len);
            }
}

static void *relay_one_way(void *data)
{
    const int *fds = data;
    char *packet = malloc(PACKET_LEN_MAX);
    ssize_t len;

    while (packet && (len = read(fds[0], packet, PACKET_LEN_MAX)) > 0)
        put(fds[1], packet, len);
    return NULL;
}

static void relay_blocking(const int fds[2])
{
    int back[2] = {fds[1], fds[0]}, forth[2] = {fds[0], fds[1]};
    pthread_t thread;

    if (pthread_create(&thread, NULL, relay_one_way, back) != 0)
        fail("thread");
    relay_one_way(forth);
}

#ifdef HAVE_LIBURING
/* One packet under way: being read when @writing is 0. */
struct slot {
    int from, writing;
    char packet[PACKET_LEN_MAX];
};

static struct io_uring_sqe *next_entry(struct io_uring *ring)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);

    if (!entry)
        fail("the ring is full");
    return entry;
}

static void order(struct io_uring *ring, struct slot *slot, int len)
{
    struct io_uring_sqe *entry = next_entry(ring);

    if (slot->writing)
        io_uring_prep_write(entry, !slot->from, slot->packet, (unsigned)len, 0);
    else
        io_uring_prep_read(entry, slot->from, slot->packet, PACKET_LEN_MAX, 0);
    entry->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data(entry, slot);
}

static void relay_uring(const int fds[2])
{
    struct slot *slots = calloc(2 * DEPTH, sizeof(*slots));
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    struct io_uring_cqe *entry;
    struct io_uring ring;

    if (!slots || io_uring_queue_init_params(4 * DEPTH, &ring, &params) < 0 ||
        io_uring_register_files(&ring, fds, 2) < 0)
        fail("io_uring");
    for (int i = 0; i < 2 * DEPTH; i++) {
        slots[i].from = i % 2;
        order(&ring, &slots[i], 0);
    }
    while (io_uring_submit_and_wait(&ring, 1) >= 0) {
        unsigned head, seen = 0;

        io_uring_for_each_cqe(&ring, head, entry)
        {
            struct slot *slot = io_uring_cqe_get_data(entry);

            slot->writing = !slot->writing && entry->res > 0;
            order(&ring, slot, entry->res);
            seen++;
        }
        io_uring_cq_advance(&ring, seen);
    }
}
#else
static void relay_uring(const int fds[2])
{
    (void)fds;
    errno = ENOSYS;
    fail("built without liburing");
}
#endif

int main(int count, char **words)
{
    int blocking, fds[2];

    if (count != 5) {
        fputs("usage: relay poll|blocking|uring 0|1 [NETNS/]TUN [NETNS/]TUN\n", stderr);
        return 2;
    }
    vnet = atoi(words[2]);
    blocking = strcmp(words[1], "poll") != 0; /* io_uring arms its own polls on descriptors that may wait */
    for (int i = 0; i < 2; i++)
        fds[i] = open_tun(words[3 + i], blocking ? 0 : O_NONBLOCK);
    puts("ready");
    fflush(stdout);
    if (strcmp(words[1], "uring") == 0)
        relay_uring(fds);
    else if (blocking)
        relay_blocking(fds);
    else
        relay_poll(fds);
    return 1;
}
