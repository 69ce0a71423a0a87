/* SPDX-License-Identifier: MIT */
/* A guest that goes mad: writes mutated frames to its TAP as fast as one thread can. */

/*
 * How it works: `flood_tool DEVICE SECONDS SEED` reads valid frames from standard input, each with its length in front
 * (two bytes, big endian). Then, until the time is over, it takes one of them, changes some bytes or its length, puts
 * lengths and checksums of most of them right again so that they come further than the first check, and writes it. The
 * same seed gives the same frames. It prints how many the device took.
 */
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <tapnet/packet.h>
#include <time.h>
#include <unistd.h>

#define FRAMES_MAX 256
#define FRAME_MAX 1514
#define IP4_LEN 20
#define IP6_LEN 40
#define UDP_LEN 8

struct frame {
    size_t len;
    uint8_t bytes[FRAME_MAX];
};

static struct frame frames[FRAMES_MAX];
static size_t frame_count;

/* xorshift64*; the state is never 0. */
static uint32_t chance(uint64_t *state, uint32_t below)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(*state * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below;
}

static void put_be16(uint8_t *bytes, size_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void read_frames(void)
{
    uint8_t head[2];

    while (frame_count < FRAMES_MAX && fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
        struct frame *frame = &frames[frame_count];

        frame->len = (size_t)head[0] << 8 | head[1];
        if (frame->len > FRAME_MAX || fread(frame->bytes, 1, frame->len, stdin) != frame->len)
            break;
        frame_count++;
    }
}

static int open_tap(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
        perror(name);
        exit(1);
    }
    return fd;
}

/* ---- mutations ---- */

/* Where to begin: mostly in what the service reads, sometimes in the headers before. */
static size_t choose_start(uint64_t *state, const struct frame *frame)
{
    size_t headers = frame->bytes[12] == 0x86 ? ETH_HLEN + IP6_LEN : ETH_HLEN + IP4_LEN + UDP_LEN;
    uint32_t draw = chance(state, 16);

    if (draw == 0)
        return 0;
    if (draw == 1 || headers >= frame->len)
        return ETH_HLEN;
    return headers;
}

static void change(uint64_t *state, struct frame *frame)
{
    static const uint8_t telling[] = {0, 1, 63, 64, 0x7f, 0x80, 0xc0, 0xff};
    size_t start = choose_start(state, frame), at = start + chance(state, (uint32_t)(frame->len - start));
    const struct frame *other = &frames[chance(state, (uint32_t)frame_count)];

    switch (chance(state, 6)) {
    case 0:
        frame->bytes[at] = telling[chance(state, sizeof(telling))];
        break;
    case 1: /* cut it */
        frame->len = at > ETH_HLEN ? at : ETH_HLEN + 1;
        break;
    case 2: /* lengthen it */
        memset(frame->bytes + frame->len, (int)chance(state, 256), FRAME_MAX - frame->len);
        frame->len += chance(state, (uint32_t)(FRAME_MAX - frame->len + 1));
        break;
    case 3: /* the rest of another one */
        if (other->len > at) {
            memcpy(frame->bytes + at, other->bytes + at, other->len - at);
            frame->len = other->len;
        }
        break;
    default:
        frame->bytes[at] = (uint8_t)chance(state, 256);
    }
}

/* Lengths and checksums of IPv4 and UDP; UDP has none. */
static void mend_ip4(struct frame *frame)
{
    uint8_t *ip = frame->bytes + ETH_HLEN;

    if (frame->len < ETH_HLEN + IP4_LEN + UDP_LEN)
        return;
    ip[0] = 0x45;
    put_be16(ip + 2, frame->len - ETH_HLEN);
    put_be16(ip + 10, 0);
    put_be16(ip + 10, tapnet_checksum(ip, IP4_LEN));
    put_be16(ip + IP4_LEN + 4, frame->len - ETH_HLEN - IP4_LEN);
    put_be16(ip + IP4_LEN + 6, 0);
}

static void mend_ip6(struct frame *frame)
{
    uint8_t *ip = frame->bytes + ETH_HLEN, *icmp = ip + IP6_LEN;
    size_t len = frame->len - ETH_HLEN - IP6_LEN;
    uint32_t sum;

    if (frame->len < ETH_HLEN + IP6_LEN + UDP_LEN)
        return;
    put_be16(ip + 4, len);
    put_be16(icmp + 2, 0);
    sum = tapnet_checksum_pseudo(ip + 8, ip + 24, 16, IPPROTO_ICMPV6, (uint32_t)len);
    put_be16(icmp + 2, tapnet_checksum_finish(tapnet_checksum_add(sum, icmp, len)));
}

static void mutate(uint64_t *state, struct frame *frame)
{
    for (uint32_t count = chance(state, 4); count > 0; count--)
        change(state, frame);
    if (chance(state, 8) == 0)
        return;
    if (frame->bytes[12] == 0x86)
        mend_ip6(frame);
    else if (frame->bytes[13] == 0)
        mend_ip4(frame);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    unsigned long sent = 0;
    uint64_t state;
    double end;
    int fd;

    read_frames();
    if (argc != 4 || !frame_count)
        return 2;
    fd = open_tap(argv[1]);
    end = now() + atof(argv[2]);
    state = strtoull(argv[3], NULL, 10) * 2 + 1;
    while (now() < end) {
        struct frame frame = frames[chance(&state, (uint32_t)frame_count)];

        mutate(&state, &frame);
        sent += write(fd, frame.bytes, frame.len) > 0;
    }
    printf("%lu\n", sent);
    return 0;
}
