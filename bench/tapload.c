/* SPDX-License-Identifier: MIT */
/* A guest that is nothing but traffic: holds a TAP and sends, or receives, as fast as the host takes and gives. */

/*
 * How it works: `tapload device= mac= gateway= address= target=` opens the TAP as a VMM does (virtio header, checksum
 * and segmentation offloads), prints "ready" and plays one guest with one UDP flow to an address behind the gateway. It
 * keeps the TAP, since a port that comes and goes is silent for a second each time, and takes commands on standard
 * input, a line each:
 *
 *   send SECONDS SEGMENT   writes frames: with SEGMENT 0 each has 1,400 bytes of the flow, with 1 there are 45 times
 *                          that in one, for the host to cut (UDP segmentation offload, as virtio-net has it)
 *   receive SECONDS        sends one datagram, so that the host's NAT knows the flow, then reads what comes back
 *
 * and answers each with one line {"bytes","packets","seconds"} of UDP payload: what was written, or read. ARP requests
 * for the guest's address are answered. `tapload source SECONDS SEGMENT` is the other end of receive: a UDP socket that
 * sends back to whoever wrote to it first.
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
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define PAYLOAD_LEN 1400
#define SEGMENTS 45
#define PORT 7007 /* of the flow that is answered */
#define SINK 7008 /* of the flow that is only sent: drop it outside, unread */
#define FRAME_LEN_MAX 65536
#define WAIT_SECONDS 5

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

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
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

/* One frame to @port with @payload_len bytes; its UDP checksum is left to the host, as guests with an offload do. */
static size_t make_frame(const struct options *options, uint16_t port, size_t payload_len, struct udp_frame *ret)
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
    ret->udp = (struct udphdr){.source = htons(PORT), .dest = htons(port), .len = htons(udp_len)};
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

/* ---- modes ---- */

static void print_result(uint64_t bytes, double seconds)
{
    printf("{\"bytes\": %lu, \"packets\": %lu, \"seconds\": %.6f}\n", bytes, bytes / PAYLOAD_LEN, seconds);
}

static void run_send(int fd, const struct options *options, double seconds, bool segment)
{
    static struct udp_frame frame;
    size_t payload_len = segment ? sizeof(frame.payload) : PAYLOAD_LEN;
    size_t len = make_frame(options, SINK, payload_len, &frame);
    double start = now(), end = start + seconds;
    uint64_t bytes = 0;

    while (now() < end) {
        for (int i = 0; i < 16; i++) {
            if (write(fd, &frame, len) == (ssize_t)len)
                bytes += payload_len;
            else if (errno != EAGAIN)
                fail("send");
        }
    }
    print_result(bytes, now() - start);
}

/* Reads one frame; returns the bytes of the flow's payload in it. */
static size_t receive_frame(int fd, const struct options *options)
{
    static union {
        uint8_t bytes[sizeof(struct virtio_net_hdr) + FRAME_LEN_MAX];
        struct udp_frame udp;
        struct arp_frame arp;
    } frame;
    ssize_t len = read(fd, &frame, sizeof(frame));

    if (len < 0 && errno != EAGAIN)
        fail("receive");
    if (len >= (ssize_t)sizeof(frame.arp) && frame.arp.ethernet.h_proto == htons(ETH_P_ARP))
        answer_arp(fd, options, &frame.arp);
    else if (len > (ssize_t)offsetof(struct udp_frame, payload) && frame.udp.ethernet.h_proto == htons(ETH_P_IP) &&
             frame.udp.udp.dest == htons(PORT))
        return (size_t)len - offsetof(struct udp_frame, payload);
    return 0;
}

/* The clock starts with the first byte, since the host may have to ask for the guest's MAC first. */
static void run_receive(int fd, const struct options *options, double seconds)
{
    static struct udp_frame frame;
    size_t len = make_frame(options, PORT, PAYLOAD_LEN, &frame);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    double limit = now() + WAIT_SECONDS, start = 0, end = limit;
    uint64_t bytes = 0;

    if (write(fd, &frame, len) < 0)
        fail("send");
    while (now() < end && poll(&ready, 1, 100) >= 0) {
        size_t got = receive_frame(fd, options);

        if (got && start == 0) {
            start = now();
            end = start + seconds;
        }
        bytes += got;
    }
    if (start == 0) {
        errno = ETIMEDOUT;
        fail("nothing came back");
    }
    print_result(bytes, now() - start);
}

static int run_source(double seconds, bool segment)
{
    static uint8_t payload[SEGMENTS * PAYLOAD_LEN];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)}, peer;
    struct timeval wait = {.tv_sec = WAIT_SECONDS};
    socklen_t peer_len = sizeof(peer);
    size_t len = segment ? sizeof(payload) : PAYLOAD_LEN;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = PAYLOAD_LEN;
    double end;

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("bind");
    if (segment && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) < 0)
        fail("UDP_SEGMENT");
    puts("ready");
    fflush(stdout);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
        recvfrom(fd, payload, sizeof(payload), 0, (struct sockaddr *)&peer, &peer_len) < 0 ||
        connect(fd, (struct sockaddr *)&peer, peer_len) < 0)
        fail("wait for the guest");
    for (end = now() + seconds; now() < end;) {
        if (send(fd, payload, len, 0) < 0 && errno != ENOBUFS)
            fail("send");
    }
    close(fd);
    return 0;
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
            receive_frame(fd, options);
        if (!ready[0].revents)
            continue;
        if (!fgets(line, sizeof(line), stdin))
            return;
        if (sscanf(line, "send %lf %d", &seconds, &segment) == 2)
            run_send(fd, options, seconds, segment);
        else if (sscanf(line, "receive %lf", &seconds) == 1)
            run_receive(fd, options, seconds);
        else
            fail(line);
        fflush(stdout);
    }
}

int main(int count, char **words)
{
    struct options options = {0};
    int fd;

    if (count == 4 && strcmp(words[1], "source") == 0)
        return run_source(atof(words[2]), strcmp(words[3], "0") != 0);
    if (count != 6) {
        fputs("usage: tapload device= mac= gateway= address= target=\n       tapload source SECONDS 0|1\n", stderr);
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
