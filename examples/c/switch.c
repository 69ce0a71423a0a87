/* SPDX-License-Identifier: MIT */
/*
 * A learning switch between TAP devices: what it knows the place of goes there, the rest everywhere. As root:
 *
 *     ip netns add left; ip netns add right
 *     ./switch left/tap0 right/tap0
 *     ip -n left address add 10.0.0.1/24 dev tap0; ip -n right address add 10.0.0.2/24 dev tap0
 *     ip netns exec left ping 10.0.0.2
 *
 * The devices have a vnet header and all offloads: what a host sends in one piece of up to 64 KiB, without a checksum,
 * arrives in one piece, and nobody ever cuts or sums it. Enter prints the table. `-a SECONDS` is how long a
 * place is remembered; 300, as IEEE 802.1D has it, when nothing is said.
 *
 * cc -o switch switch.c $(pkg-config --cflags --libs tapnet)
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tapnet/packet.h>

#define PORTS_MAX 16
#define BATCH 32
#define SETS 1024 /* of the table: 4096 places, however many MACs somebody makes up */
#define WAYS 4
#define OFFLOADS                                                                                                       \
    (TAPNET_OFFLOAD_CHECKSUM | TAPNET_OFFLOAD_TSO4 | TAPNET_OFFLOAD_TSO6 | TAPNET_OFFLOAD_TSO_ECN |                    \
     TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6)

struct place {
    unsigned char mac[6];
    int port;
    time_t seen; /* 0: never */
};

static const struct tapnet_format format = {.vnet_header_size = TAPNET_VNET_LEN};
static struct place table[SETS][WAYS];
static struct pollfd ports[PORTS_MAX + 1]; /* and standard input */
static int port_count;
static time_t now, max_age = 300;

/* The places that a MAC may have: FNV-1a. */
static struct place *places_of(const unsigned char *mac)
{
    unsigned hash = 0x811c9dc5;

    for (int i = 0; i < 6; i++)
        hash = (hash ^ mac[i]) * 0x01000193;
    return table[(hash ^ hash >> 16) % SETS];
}

static int is_alive(const struct place *place)
{
    return place->seen && now - place->seen <= max_age;
}

/* The port of a MAC, or -1. */
static int find(const unsigned char *mac)
{
    const struct place *places = places_of(mac);

    for (int i = 0; i < WAYS; i++)
        if (is_alive(&places[i]) && memcmp(places[i].mac, mac, 6) == 0)
            return places[i].port;
    return -1;
}

/* Remembers where a MAC is; where there is no room, whoever was silent for the longest is forgotten. */
static void learn(const unsigned char *mac, int port)
{
    struct place *places = places_of(mac), *best = &places[0];

    if (mac[0] & 1) /* nobody is a group */
        return;
    for (int i = 0; i < WAYS; i++) {
        if (places[i].seen && memcmp(places[i].mac, mac, 6) == 0) {
            best = &places[i];
            break;
        }
        if (places[i].seen < best->seen)
            best = &places[i];
    }
    memcpy(best->mac, mac, 6);
    best->port = port;
    best->seen = now;
}

/* The frame goes out of @port as it came in, vnet header and all; what the port does not take is lost, as on a wire. */
static void send_to(int port, const struct tapnet_frame *frame)
{
    tapnet_frames_write(ports[port].fd, &format, frame, 1);
}

static void forward(int from, const struct tapnet_frame *frame)
{
    static const unsigned char reserved[5] = {0x01, 0x80, 0xc2, 0, 0}; /* between neighbours only: STP, LLDP, ... */
    int to;

    if (frame->len < TAPNET_ETHERNET_LEN || (memcmp(frame->bytes, reserved, 5) == 0 && frame->bytes[5] < 0x10))
        return;
    learn(frame->bytes + 6, from);
    to = frame->bytes[0] & 1 ? -1 : find(frame->bytes);
    if (to >= 0 && to != from)
        send_to(to, frame);
    for (int port = 0; to < 0 && port < port_count; port++)
        if (port != from)
            send_to(port, frame);
}

static void print_table(void)
{
    for (int i = 0; i < SETS * WAYS; i++) {
        const struct place *place = &table[i / WAYS][i % WAYS];
        const unsigned char *mac = place->mac;

        if (is_alive(place))
            printf("%02x:%02x:%02x:%02x:%02x:%02x port %d, %ld s ago\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
                   place->port, (long)(now - place->seen));
    }
    puts("end of table");
    fflush(stdout);
}

/* @word is NAME, or NETNS/NAME with a name of `ip netns`. The descriptor of the device, which is open until we end. */
static int open_port(const char *word)
{
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    struct tapnet_error error = TAPNET_ERROR_INIT;
    const char *slash = strchr(word, '/');
    struct tapnet_device *device;
    char path[300];

    options.kind = TAPNET_TAP;
    options.name = slash ? slash + 1 : word;
    options.flags = TAPNET_DEVICE_NONBLOCKING | TAPNET_DEVICE_VNET_HEADER | TAPNET_DEVICE_OFFLOADS_OPTIONAL |
                    TAPNET_DEVICE_UP;
    options.offloads = OFFLOADS;
    if (slash) {
        snprintf(path, sizeof(path), "/run/netns/%.*s", (int)(slash - word), word);
        options.netns = open(path, O_RDONLY | O_CLOEXEC);
    }
    if ((slash && options.netns < 0) || tapnet_device_open(&options, &device, &error) < 0) {
        fprintf(stderr, "switch: %s: %s\n", word, error.code ? error.text : strerror(errno));
        exit(1);
    }
    return tapnet_device_fd(device, 0);
}

static void run(struct tapnet_frame *frames)
{
    struct timespec clock;
    char line[100];

    while (poll(ports, (nfds_t)port_count + 1, -1) >= 0 || errno == EINTR) {
        clock_gettime(CLOCK_MONOTONIC, &clock);
        now = clock.tv_sec + 1;
        for (int port = 0; port < port_count; port++) {
            int count = ports[port].revents ? tapnet_frames_read(ports[port].fd, &format, frames, BATCH) : 0;

            if (count < 0 && count != -EAGAIN && count != -EINTR)
                return; /* the device is gone */
            for (int i = 0; i < count; i++)
                forward(port, &frames[i]);
        }
        if (ports[port_count].revents && read(STDIN_FILENO, line, sizeof(line)) > 0)
            print_table();
        else if (ports[port_count].revents)
            ports[port_count].fd = -1; /* nobody presses Enter any more */
    }
}

int main(int count, char **words)
{
    static struct tapnet_frame frames[BATCH];
    int first = 1;

    if (count > 2 && strcmp(words[1], "-a") == 0) {
        max_age = atoi(words[2]);
        first = 3;
    }
    if (count - first < 2 || count - first > PORTS_MAX || max_age < 1) {
        fputs("usage: switch [-a SECONDS] [NETNS/]TAP [NETNS/]TAP...\n", stderr);
        return 2;
    }
    for (int i = 0; i < BATCH; i++) { /* with room for the vnet header in front */
        unsigned char *bytes = malloc(TAPNET_VNET_LEN + TAPNET_FRAME_MAX);

        if (!bytes)
            return 1;
        frames[i] = (struct tapnet_frame){
            .bytes = bytes + TAPNET_VNET_LEN, .room = TAPNET_FRAME_MAX, .headroom = TAPNET_VNET_LEN};
    }
    for (; first < count; first++)
        ports[port_count++] = (struct pollfd){open_port(words[first]), POLLIN, 0};
    ports[port_count] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    printf("switching %d ports\n", port_count);
    fflush(stdout);
    run(frames);
    return 1;
}
