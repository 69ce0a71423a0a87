/* SPDX-License-Identifier: MIT */
/* The host's path alone: writes a guest's frames to a port's TAP and tells the processor time that the host took. */

/*
 * How it works: `tapload device= mac= gateway= address= target=` opens the TAP as a VMM does (virtio header, checksum
 * and segmentation offloads), prints "ready" and plays one guest with one UDP flow to an address behind the gateway. A
 * frame that is written is carried through bridge, rules and routing within the system call, so the process's own
 * processor time is the host's cost of it, whatever else runs on the machine. It keeps the TAP, since a port that comes
 * and goes is silent for a second each time, and takes commands on standard input, a line each:
 *
 *   send SECONDS SEGMENT   writes frames: with SEGMENT 0 each has 1,400 bytes of the flow, with 1 there are 45 times
 *                          that in one, for the host to cut (UDP segmentation offload, as virtio-net has it)
 *
 * and answers with one line {"bytes","frames","seconds","cpu_seconds"} of UDP payload that was written. What the host
 * sends to the guest is read and dropped, but for ARP requests for its address: they are answered.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define PAYLOAD_LEN 1400
#define SEGMENTS 45
#define SOURCE_PORT 7007
#define TARGET_PORT 7008 /* to be dropped outside, unread */
#define FRAME_LEN_MAX 65536
#define BURST 16 /* frames between two looks at the clock */

struct options {
    char device[IFNAMSIZ];
    uint8_t guest_mac[6], gateway_mac[6];
    uint32_t guest, target; /* network order */
};

struct arp_body {
    uint8_t sender_mac[6], sender[4], target_mac[6], target[4];
} __attribute__((packed));

struct udp_frame {
    struct virtio_net_hdr header;
    struct ethhdr ethernet;
    struct iphdr ip;
    struct udphdr udp;
    uint8_t payload[SEGMENTS * PAYLOAD_LEN];
} __attribute__((packed));

struct arp_frame {
    struct virtio_net_hdr header;
    struct ethhdr ethernet;
    struct arphdr arp;
    struct arp_body body;
} __attribute__((packed));

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "tapload: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int open_tap(const struct options *options)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    int header_len = sizeof(struct virtio_net_hdr);

    memcpy(request.ifr_name, options->device, sizeof(request.ifr_name));
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
        fail(options->device);
    if (ioctl(fd, TUNSETVNETHDRSZ, &header_len) < 0)
        fail("TUNSETVNETHDRSZ");
    if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6) < 0)
        fail("TUNSETOFFLOAD");
    return fd;
}

/* ---- frames ---- */

static uint32_t sum16(const void *bytes, size_t len, uint32_t sum)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)at[i] << 8 | at[i + 1];
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* One frame with @payload_len bytes; its UDP checksum is left to the host, as guests with an offload do. */
static size_t make_frame(const struct options *options, size_t payload_len, struct udp_frame *ret)
{
    uint16_t udp_len = (uint16_t)(sizeof(ret->udp) + payload_len);
    uint8_t pseudo[12] = {[9] = IPPROTO_UDP, [10] = (uint8_t)(udp_len >> 8), [11] = (uint8_t)udp_len};

    memset(ret, 0, sizeof(*ret));
    ret->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    ret->header.csum_start = sizeof(ret->ethernet) + sizeof(ret->ip);
    ret->header.csum_offset = offsetof(struct udphdr, check);
    ret->header.hdr_len = sizeof(ret->ethernet) + sizeof(ret->ip) + sizeof(ret->udp);
    if (payload_len > PAYLOAD_LEN) {
        ret->header.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
        ret->header.gso_size = PAYLOAD_LEN;
    }
    memcpy(ret->ethernet.h_dest, options->gateway_mac, ETH_ALEN);
    memcpy(ret->ethernet.h_source, options->guest_mac, ETH_ALEN);
    ret->ethernet.h_proto = htons(ETH_P_IP);
    ret->ip = (struct iphdr){.version = 4,
                             .ihl = 5,
                             .ttl = 64,
                             .protocol = IPPROTO_UDP,
                             .tot_len = htons((uint16_t)(sizeof(ret->ip) + udp_len)),
                             .saddr = options->guest,
                             .daddr = options->target};
    ret->ip.check = htons((uint16_t)~fold(sum16(&ret->ip, sizeof(ret->ip), 0)));
    memcpy(pseudo, &options->guest, 4);
    memcpy(pseudo + 4, &options->target, 4);
    ret->udp = (struct udphdr){.source = htons(SOURCE_PORT), .dest = htons(TARGET_PORT), .len = htons(udp_len)};
    ret->udp.check = htons(fold(sum16(pseudo, sizeof(pseudo), 0)));
    return offsetof(struct udp_frame, payload) + payload_len;
}

static void answer_arp(int fd, const struct options *options, const struct arp_frame *question)
{
    struct arp_frame answer = *question;

    if (question->arp.ar_op != htons(ARPOP_REQUEST) || memcmp(question->body.target, &options->guest, 4) != 0)
        return;
    answer.header = (struct virtio_net_hdr){0};
    answer.arp.ar_op = htons(ARPOP_REPLY);
    memcpy(answer.ethernet.h_dest, question->ethernet.h_source, ETH_ALEN);
    memcpy(answer.ethernet.h_source, options->guest_mac, ETH_ALEN);
    memcpy(answer.body.sender_mac, options->guest_mac, ETH_ALEN);
    memcpy(answer.body.sender, &options->guest, 4);
    memcpy(answer.body.target_mac, question->body.sender_mac, ETH_ALEN);
    memcpy(answer.body.target, question->body.sender, 4);
    if (write(fd, &answer, sizeof(answer)) < 0 && errno != EAGAIN)
        fail("answer ARP");
}

/* ---- commands ---- */

static void run_send(int fd, const struct options *options, double seconds, bool segment)
{
    static struct udp_frame frame;
    size_t payload_len = segment ? sizeof(frame.payload) : PAYLOAD_LEN;
    size_t len = make_frame(options, payload_len, &frame);
    double start = now(CLOCK_MONOTONIC), cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t frames = 0;

    while (now(CLOCK_MONOTONIC) < start + seconds) {
        for (int i = 0; i < BURST; i++) {
            if (write(fd, &frame, len) == (ssize_t)len)
                frames++;
            else if (errno != EAGAIN)
                fail("send");
        }
    }
    printf("{\"bytes\": %lu, \"frames\": %lu, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", frames * payload_len,
           frames, now(CLOCK_MONOTONIC) - start, now(CLOCK_PROCESS_CPUTIME_ID) - cpu_start);
}

static void drop_frame(int fd, const struct options *options)
{
    static union {
        uint8_t bytes[sizeof(struct virtio_net_hdr) + FRAME_LEN_MAX];
        struct arp_frame arp;
    } frame;
    ssize_t len = read(fd, &frame, sizeof(frame));

    if (len < 0 && errno != EAGAIN)
        fail("receive");
    if (len >= (ssize_t)sizeof(frame.arp) && frame.arp.ethernet.h_proto == htons(ETH_P_ARP))
        answer_arp(fd, options, &frame.arp);
}

/* ---- command line ---- */

static void parse_mac(const char *text, uint8_t mac[6])
{
    if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6) {
        errno = EINVAL;
        fail(text);
    }
}

static void parse_ip(const char *text, uint32_t *address)
{
    if (inet_pton(AF_INET, text, address) != 1) {
        errno = EINVAL;
        fail(text);
    }
}

static void parse(const char *word, struct options *options)
{
    const char *value = strchr(word, '=');

    if (!value++) {
        errno = EINVAL;
        fail(word);
    }
    if (strncmp(word, "device=", 7) == 0)
        snprintf(options->device, sizeof(options->device), "%s", value);
    else if (strncmp(word, "mac=", 4) == 0)
        parse_mac(value, options->guest_mac);
    else if (strncmp(word, "gateway=", 8) == 0)
        parse_mac(value, options->gateway_mac);
    else if (strncmp(word, "address=", 8) == 0)
        parse_ip(value, &options->guest);
    else if (strncmp(word, "target=", 7) == 0)
        parse_ip(value, &options->target);
    else
        fail(word);
}

/* Commands from standard input, until it ends. Between them ARP is answered, other frames are read and dropped. */
static void serve(int fd, const struct options *options)
{
    struct pollfd ready[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    char line[128];
    double seconds;
    int segment;

    setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see each line that is there */
    while (poll(ready, 2, -1) > 0) {
        if (ready[1].revents)
            drop_frame(fd, options);
        if (!ready[0].revents)
            continue;
        if (!fgets(line, sizeof(line), stdin))
            return;
        if (sscanf(line, "send %lf %d", &seconds, &segment) == 2)
            run_send(fd, options, seconds, segment);
        else
            fail(line);
        fflush(stdout);
    }
}

int main(int count, char **words)
{
    struct options options = {0};
    int fd;

    if (count != 6) {
        fputs("usage: tapload device= mac= gateway= address= target=\n", stderr);
        return 2;
    }
    for (int i = 1; i < count; i++)
        parse(words[i], &options);
    fd = open_tap(&options);
    puts("ready");
    fflush(stdout);
    serve(fd, &options);
    close(fd);
    return 0;
}
