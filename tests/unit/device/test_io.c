/* SPDX-License-Identifier: MIT */
/* Packets are read and written in batches, in every format, and the kernel takes what was merged and completed. */
#include "lab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <tapnet/packet.h>

#include "base/array.h"

/*
 *     this test ── socket 10.7.0.1 ── tun0 10.7.0.1/24 ── fd ── this test, as 10.7.0.2
 */

#define ROOM 4000
#define FRAMES 8
#define HEADROOM 64

static const uint8_t host[4] = {10, 7, 0, 1}, guest[4] = {10, 7, 0, 2};
static struct tapnet_frame frames[FRAMES];
static uint8_t buffers[FRAMES][HEADROOM + ROOM];

static struct tapnet_device *open_tun(unsigned flags, int header_size, enum tapnet_byte_order order, unsigned offloads)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TUN, .name = "tun0", .flags = flags,
                                        .vnet_header_size = header_size, .vnet_header_order = order,
                                        .offloads = offloads);

    assert_true(shell("sysctl -qw net.ipv6.conf.tun0.disable_ipv6=1; ip address add 10.7.0.1/24 dev tun0 &&"
                      " ip link set tun0 up"));
    return device;
}

static int open_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(5000)};
    struct timeval patience = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, "10.7.0.1", &address.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    inet_pton(AF_INET, "10.7.0.2", &address.sin_addr);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

static void reset_frames(size_t room, size_t headroom)
{
    memset(buffers, 0xee, sizeof(buffers));
    for (size_t i = 0; i < FRAMES; i++)
        frames[i] = (struct tapnet_frame){.bytes = buffers[i] + HEADROOM, .room = room, .headroom = headroom};
}

/* A datagram from the guest to the host, with @text as its payload. */
static void make_datagram(struct tapnet_frame *frame, const char *text)
{
    size_t len = strlen(text);
    struct tapnet_ipv4 ip = {.total_len = (uint16_t)(28 + len), .ttl = 64, .protocol = IPPROTO_UDP};
    struct tapnet_udp udp = {.source_port = 5000, .destination_port = 5000};
    uint32_t pseudo = tapnet_checksum_pseudo(guest, host, 4, IPPROTO_UDP, 8 + len);

    memcpy(ip.source, guest, 4);
    memcpy(ip.destination, host, 4);
    assert_int_equal(tapnet_ipv4_build(frame->bytes, frame->room, &ip), 20);
    memcpy(frame->bytes + 28, text, len);
    assert_int_equal(tapnet_udp_build(frame->bytes + 20, frame->room - 20, &udp, len, pseudo), 8);
    frame->len = 28 + len;
    frame->vnet = (struct tapnet_vnet){0};
}

static void assert_receives(int fd, const char *text)
{
    char bytes[ROOM];
    ssize_t len = recv(fd, bytes, sizeof(bytes), 0);

    assert_int_equal(len, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static void assert_frame(const struct tapnet_frame *frame, const char *text)
{
    assert_int_equal(frame->len, 28 + strlen(text));
    assert_memory_equal(frame->bytes + 12, host, 4);
    assert_memory_equal(frame->bytes + 28, text, strlen(text));
}

/* Without a vnet header, with those of 10 and 12 bytes, with room for it in front of the packet and without. */
static void every_format(void **state)
{
    static const struct tapnet_format formats[] = {
        {0}, {10, TAPNET_ORDER_NATIVE}, {12, TAPNET_ORDER_LITTLE}, {24, TAPNET_ORDER_LITTLE}};
    static const size_t headrooms[] = {0, HEADROOM};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(formats) * 2; i++) {
        const struct tapnet_format *format = &formats[i / 2];
        struct tapnet_device *device = open_tun(format->vnet_header_size ? TAPNET_DEVICE_VNET_HEADER : 0,
                                                (int)format->vnet_header_size, format->vnet_header_order,
                                                format->vnet_header_size ? TAPNET_OFFLOAD_CHECKSUM : 0);
        int fd = tapnet_device_fd(device, 0), socket = open_socket();

        reset_frames(ROOM, headrooms[i % 2]);
        assert_int_equal(send(socket, "one", 3, 0), 3);
        assert_int_equal(send(socket, "three", 5, 0), 5);
        assert_int_equal(tapnet_frames_read(fd, format, frames, FRAMES), 2);
        assert_frame(&frames[0], "one");
        assert_frame(&frames[1], "three");
        assert_int_equal(frames[0].vnet.flags, format->vnet_header_size ? TAPNET_VNET_NEEDS_CHECKSUM : 0);
        if (format->vnet_header_size)
            assert_int_equal(frames[1].vnet.checksum_start, 20);
        assert_int_equal(tapnet_checksum_complete(&frames[1]), 0);
        assert_int_equal(tapnet_checksum_finish(tapnet_checksum_add(
                             tapnet_checksum_pseudo(host, guest, 4, IPPROTO_UDP, 13), frames[1].bytes + 20, 13)),
                         0);
        assert_int_equal(buffers[1][HEADROOM - 1] == 0xee, format->vnet_header_size == 0 || i % 2 == 0);
        make_datagram(&frames[0], "back");
        make_datagram(&frames[1], "again");
        assert_int_equal(tapnet_frames_write(fd, format, frames, 2), 2);
        assert_receives(socket, "back");
        assert_receives(socket, "again");
        close(socket);
        tapnet_device_close(device);
    }
}

/* A batch waits for its first packet and for no other; where nothing may wait, it says that there is none. */
static void a_batch_waits_only_once(void **state)
{
    const struct tapnet_format format = {0};
    struct tapnet_device *device = open_tun(0, 0, 0, 0);
    int fd = tapnet_device_fd(device, 0), socket = open_socket();

    (void)state;
    assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
    reset_frames(ROOM, 0);
    assert_int_equal(send(socket, "x", 1, 0), 1);
    assert_int_equal(tapnet_frames_read(fd, &format, frames, FRAMES), 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(send(socket, "x", 1, 0), 1);
    assert_int_equal(tapnet_frames_read(fd, &format, frames, FRAMES), FRAMES);
    assert_int_equal(tapnet_frames_read(fd, &format, frames, FRAMES), 10 - FRAMES);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(tapnet_frames_read(fd, &format, frames, FRAMES), -EAGAIN);
    assert_int_equal(tapnet_frames_read(fd, &format, frames, 0), 0);
    close(socket);
    tapnet_device_close(device);
}

static void a_long_packet_arrives_cut(void **state)
{
    const struct tapnet_format format = {.vnet_header_size = 10};
    struct tapnet_device *device = open_tun(TAPNET_DEVICE_VNET_HEADER, 10, 0, 0);
    int socket = open_socket();

    (void)state;
    for (size_t headroom = 0; headroom <= HEADROOM; headroom += HEADROOM) {
        reset_frames(30, headroom);
        assert_int_equal(send(socket, "four", 4, 0), 4);
        assert_int_equal(tapnet_frames_read(tapnet_device_fd(device, 0), &format, frames, 1), 1);
        assert_int_equal(frames[0].len, 30);
        assert_memory_equal(buffers[0] + HEADROOM + 28, "fo\xee", 3);
    }
    close(socket);
    tapnet_device_close(device);
}

/* What the kernel does not take ends the batch; the caller learns which it was, and why. */
static void a_batch_ends_at_what_is_refused(void **state)
{
    const struct tapnet_format plain = {0}, wrong = {.vnet_header_size = 9}, large = {.vnet_header_size = 65};
    struct tapnet_device *device = open_tun(0, 0, 0, 0);
    int fd = tapnet_device_fd(device, 0), socket = open_socket();

    (void)state;
    reset_frames(ROOM, 0);
    make_datagram(&frames[0], "fine");
    make_datagram(&frames[1], "not IP");
    frames[1].bytes[0] = 0x15;
    assert_int_equal(tapnet_frames_write(fd, &plain, frames, 2), 1);
    assert_receives(socket, "fine");
    assert_int_equal(tapnet_frames_write(fd, &plain, frames + 1, 1), -EINVAL);
    frames[0].vnet.flags = TAPNET_VNET_NEEDS_CHECKSUM; /* nobody would store it */
    assert_int_equal(tapnet_frames_write(fd, &plain, frames, 1), -EINVAL);
    frames[0].vnet = (struct tapnet_vnet){.gso_type = TAPNET_GSO_UDP};
    assert_int_equal(tapnet_frames_write(fd, &plain, frames, 1), -EINVAL);
    assert_int_equal(tapnet_frames_write(fd, &wrong, frames, 1), -EINVAL);
    assert_int_equal(tapnet_frames_read(fd, &large, frames, 1), -EINVAL);
    frames[0].vnet = (struct tapnet_vnet){0};
    assert_true(shell("ip link set tun0 down"));
    assert_int_equal(tapnet_frames_write(fd, &plain, frames, 1), -EIO);
    assert_int_equal(tapnet_frames_read(-1, &plain, frames, 1), -EBADF);
    close(socket);
    tapnet_device_close(device);
}

/* Three datagrams, merged into one write, are three for the host. */
static void the_kernel_takes_what_was_merged(void **state)
{
    static const char *const texts[] = {"first", "secnd", "end"};
    const struct tapnet_format format = {.vnet_header_size = 10};
    struct tapnet_device *device = open_tun(TAPNET_DEVICE_VNET_HEADER, 10, 0, 0);
    int socket = open_socket();

    (void)state;
    reset_frames(ROOM, HEADROOM);
    for (size_t i = 0; i < 3; i++) {
        uint16_t checksum;

        make_datagram(&frames[i], texts[i]);
        frames[i].bytes[5] = (uint8_t)i; /* the ids count on */
        memset(frames[i].bytes + 10, 0, 2);
        checksum = tapnet_checksum(frames[i].bytes, 20);
        frames[i].bytes[10] = (uint8_t)(checksum >> 8);
        frames[i].bytes[11] = (uint8_t)checksum;
    }
    assert_int_equal(tapnet_merge(frames, 3, TAPNET_TUN, TAPNET_OFFLOAD_USO4), 1);
    assert_int_equal(frames[0].vnet.gso_size, 5);
    assert_int_equal(tapnet_frames_write(tapnet_device_fd(device, 0), &format, frames, 1), 1);
    for (size_t i = 0; i < 3; i++)
        assert_receives(socket, texts[i]);
    close(socket);
    tapnet_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format),
        cmocka_unit_test(a_batch_waits_only_once),
        cmocka_unit_test(a_long_packet_arrives_cut),
        cmocka_unit_test(a_batch_ends_at_what_is_refused),
        cmocka_unit_test(the_kernel_takes_what_was_merged),
    };

    enter_lab();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
