/* SPDX-License-Identifier: MIT */
/* Queues: as many as asked, attached and detached, joined, passed on; and what decides which packets reach them. */
#include "lab.h"

#include <dirent.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const struct tapnet_device_info *info_of(struct tapnet_device *device, struct tapnet_device_list **list)
{
    if (tapnet_device_query(device, list, &error) < 0)
        fail_msg("%s", error.text);
    return tapnet_device_info(*list, 0);
}

static void assert_queues(struct tapnet_device *device, unsigned attached, unsigned detached)
{
    struct tapnet_device_list *list;
    const struct tapnet_device_info *info = info_of(device, &list);

    assert_int_equal(info->queue_count, attached);
    assert_int_equal(info->detached_count, detached);
    tapnet_device_list_free(list);
}

static void test_as_many_as_asked(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .queues = 256);

    (void)state;
    assert_int_equal(tapnet_device_queue_count(device), 256);
    assert_string_equal(ip_says("tap0", ".linkinfo.info_data.numqueues"), "256");
    assert_int_equal(tapnet_device_add_queue(device, &error), -E2BIG);
    assert_says("all of its 256 queues");
    tapnet_device_close(device);
    device = OPEN(.kind = TAPNET_TAP, .name = "tap0");
    assert_int_equal(tapnet_device_add_queue(device, &error), -EINVAL);
    assert_says("made for one queue");
    assert_int_equal(tapnet_device_attach_queue(device, 0, false, &error), -EINVAL);
    tapnet_device_close(device);
}

static void test_attach_and_detach(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TUN, .name = "tun0", .queues = 3);

    (void)state;
    assert_int_equal(tapnet_device_attach_queue(device, 1, false, &error), 0);
    assert_int_equal(tapnet_device_attach_queue(device, 1, false, &error), 0); /* twice is no error */
    assert_string_equal(ip_says("tun0", ".linkinfo.info_data.numdisabled"), "1");
    assert_queues(device, 2, 1);
    assert_int_equal(tapnet_device_attach_queue(device, 1, true, &error), 0);
    assert_queues(device, 3, 0);
    assert_int_equal(tapnet_device_attach_queue(device, 3, true, &error), -ERANGE);
    assert_int_equal(tapnet_device_add_queue(device, &error), 0);
    assert_queues(device, 4, 0);
    tapnet_device_close(device);
}

static void test_join_what_others_hold(void **state)
{
    struct tapnet_device *first = OPEN(.kind = TAPNET_TAP, .name = "tap0", .queues = 2, .vnet_header_size = 12,
                                       .flags = TAPNET_DEVICE_VNET_HEADER);
    struct tapnet_device *second;
    int size = 0;

    (void)state;
    REFUSE(-EBUSY, .kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_MULTI_QUEUE);
    assert_says("TAP tap0 is held by ");
    assert_queues(first, 2, 0);
    second = OPEN(.kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_MULTI_QUEUE | TAPNET_DEVICE_JOIN);
    assert_queues(first, 3, 0);
    assert_int_equal(ioctl(tapnet_device_fd(first, 0), TUNGETVNETHDRSZ, &size), 0);
    assert_int_equal(size, 12); /* what the first holder wants stays */
    tapnet_device_close(second);
    assert_queues(first, 2, 0);
    tapnet_device_close(first);
    REFUSE(-ENODEV, .kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_MULTI_QUEUE | TAPNET_DEVICE_JOIN);
}

/*
 *    parent ── socket ── child        the parent opens and sends, the child receives and tells what it got
 */
static void test_pass_on(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .queues = 20), *received;
    int pair[2], status;
    pid_t child;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    child = fork();
    if (child == 0) {
        close(pair[1]);
        tapnet_device_close(device);
        if (tapnet_device_receive(pair[0], &received, &error) < 0)
            fail_msg("%s", error.text);
        assert_string_equal(tapnet_device_name(received), "tap0");
        assert_int_equal(tapnet_device_kind(received), TAPNET_TAP);
        assert_int_equal(tapnet_device_queue_count(received), 20);
        assert_int_equal(tapnet_device_add_queue(received, &error), 0);
        assert_int_equal(tapnet_device_receive(pair[0], &received, &error), -ECONNRESET);
        _exit(0);
    }
    close(pair[0]);
    if (tapnet_device_send(device, pair[1], &error) < 0)
        fail_msg("%s", error.text);
    tapnet_device_close(device);
    close(pair[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(gone("tap0"));
}

static size_t open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void send_text(int socket, const char *text, size_t len, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    char copy[64];
    struct iovec part = {.iov_base = copy, .iov_len = len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    memcpy(copy, text, len);
    if (fd >= 0) {
        message.msg_control = &ancillary;
        message.msg_controllen = sizeof(ancillary);
        memcpy(CMSG_DATA(&ancillary.header), &fd, sizeof(fd));
    }
    assert_int_equal(sendmsg(socket, &message, 0), (ssize_t)len);
}

/* Whatever comes that is no device: an error, and no descriptor is left open. */
static void test_receive_believes_nothing(void **state)
{
    static const struct {
        char bytes[20];
        size_t len;
        bool fd;
    } rows[] = {
        {"x", 1, false},
        {"tapnet-queue\1\0\0\0", 16, false},   /* no descriptor */
        {"tapnet-queue\1\0\0\0", 16, true},    /* of /dev/null */
        {"tapnet-queue\0\0\0\0", 16, true},    /* of none */
        {"tapnet-queue\1\1\0\0", 16, true},    /* 257 queues */
        {"tapnet-queue\2\0\1\0", 16, true},    /* the second first */
        {"tapnet-queuX\1\0\0\0", 16, true},    /* another word */
        {"tapnet-queue\1\0\0\0more", 20, true} /* too long */
    };
    struct tapnet_device *device = NULL;
    int pair[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    size_t before;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    before = open_descriptors();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        send_text(pair[1], rows[i].bytes, rows[i].len, rows[i].fd ? null : -1);
        assert_true(tapnet_device_receive(pair[0], &device, &error) < 0);
        assert_null(device);
        assert_int_equal(open_descriptors(), before);
    }
    close(pair[0]);
    close(pair[1]);
    close(null);
}

static void test_take_over_descriptors(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .queues = 2), *taken;
    int fds[2] = {dup(tapnet_device_fd(device, 0)), dup(tapnet_device_fd(device, 1))};

    (void)state;
    tapnet_device_close(device);
    assert_int_equal(tapnet_device_from_fds(fds, 2, &taken, &error), 0);
    assert_string_equal(tapnet_device_name(taken), "tap0");
    assert_true(shell("ip link set tap0 name renamed"));
    assert_queues(taken, 2, 0); /* it is found by its new name */
    assert_int_equal(tapnet_device_add_queue(taken, &error), 0);
    assert_queues(taken, 3, 0);
    tapnet_device_close(taken);
    assert_true(gone("renamed"));
}

/* ---- programs ---- */

/* A socket filter that returns @value: r0 = value; exit. */
static int load_program(int value)
{
    struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value},
                              {.code = BPF_JMP | BPF_EXIT}};
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                                 .insns = (uintptr_t)code,
                                 .insn_cnt = 2,
                                 .license = (uintptr_t) "MIT"};

    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes));
}

/* How many packets wait in queue @index after three pings into the TUN. */
static int arriving(struct tapnet_device *device, size_t index, int timeout_msec)
{
    struct pollfd poller = {.fd = tapnet_device_fd(device, index), .events = POLLIN};
    char packet[2048];
    int count = 0;

    while (poll(&poller, 1, timeout_msec) == 1 && read(poller.fd, packet, sizeof(packet)) > 0) {
        count += packet[0] >> 4 == 4; /* the pings, not IPv6's own talk */
        timeout_msec = 50;
    }
    return count;
}

static void ping_into(const char *address)
{
    (void)shell("ping -q -c 3 -i 0.01 -W 0.01 %s >/dev/null", address);
}

/*
 *      ping 10.9.0.2 ──► tun0 10.9.0.1/24 ──► queue 0, 1 or 2, as the program says
 */
static void test_steering_and_filter_programs(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TUN, .name = "tun0", .queues = 3, .flags = TAPNET_DEVICE_UP);
    int steer = load_program(2), drop = load_program(0);
    const char *const address[] = {"10.9.0.1/24"};

    (void)state;
    if (steer < 0) {
        assert_int_equal(tapnet_device_set_steering(device, -1, &error), 0);
        tapnet_device_close(device);
        print_message("no eBPF here: %s\n", strerror(errno));
        skip();
    }
    set_device(device, (struct tapnet_device_change){.addresses = address, .address_count = 1});
    assert_int_equal(tapnet_device_set_steering(device, steer, &error), 0);
    ping_into("10.9.0.2");
    assert_int_equal(arriving(device, 2, 2000), 3);
    assert_int_equal(arriving(device, 0, 0) + arriving(device, 1, 0), 0);
    assert_int_equal(tapnet_device_set_filter_program(device, drop, &error), 0);
    ping_into("10.9.0.2");
    assert_int_equal(arriving(device, 2, 100), 0);
    assert_int_equal(tapnet_device_set_filter_program(device, -1, &error), 0);
    ping_into("10.9.0.2");
    assert_int_equal(arriving(device, 2, 2000), 3);
    assert_int_equal(tapnet_device_set_steering(device, -1, &error), 0);
    assert_int_equal(tapnet_device_set_steering(device, STDERR_FILENO, &error), -EINVAL);
    assert_says("eBPF");
    assert_int_equal(tapnet_device_set_filter_program(device, -7, &error), -EBADF);
    close(steer);
    close(drop);
    tapnet_device_close(device);
}

/* Frames that an ARP question for @count addresses brings to the TAP. */
static int questions(struct tapnet_device *device)
{
    struct pollfd poller = {.fd = tapnet_device_fd(device, 0), .events = POLLIN};
    uint8_t frame[2048];
    int count = 0;

    (void)shell("ip neigh flush dev tap0; ping -q -c 1 -W 0.1 10.9.0.2 >/dev/null");
    while (poll(&poller, 1, 50) == 1 && read(poller.fd, frame, sizeof(frame)) > 0)
        count += frame[12] == 0x08 && frame[13] == 0x06;
    return count;
}

/*
 *      ping 10.9.0.2 ──► tap0 10.9.0.1/24 ──► "who has 10.9.0.2?", if the filter lets it through
 */
static void test_classic_and_address_filters(void **state)
{
    struct sock_filter no_arp[] = {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
                                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x806, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
                                   BPF_STMT(BPF_RET | BPF_K, 0xffff)};
    struct sock_filter wrong[] = {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12)}; /* does not return */
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_UP), *tun;
    const char *const address[] = {"10.9.0.1/24"};
    const uint8_t mixed[10][6] = {{0x33, 1}, {0x33, 2}, {0x33, 3}, {0x33, 4}, {0x33, 5},
                                  {0x33, 6}, {0x33, 7}, {0x33, 8}, {2, 1},    {255, 255, 255, 255, 255, 255}};
    const uint8_t filter[9][6] = {{2, 1}, {2, 2}, {2, 3}, {2, 4}, {2, 5}, {2, 6}, {2, 7}, {2, 8}, {2, 9}};
    size_t length;

    (void)state;
    set_device(device, (struct tapnet_device_change){.addresses = address, .address_count = 1});
    assert_true(questions(device) > 0);
    assert_int_equal(tapnet_device_set_filter(device, no_arp, 4, &error), 0);
    assert_int_equal(tapnet_device_filter_length(device, &length, &error), 0);
    assert_int_equal(length, 4);
    assert_int_equal(questions(device), 0);
    assert_int_equal(tapnet_device_set_filter(device, wrong, 1, &error), -EINVAL);
    assert_int_equal(tapnet_device_set_filter(device, NULL, 0, &error), 0);
    assert_int_equal(tapnet_device_filter_length(device, &length, &error), 0);
    assert_int_equal(length, 0);
    assert_true(questions(device) > 0);
    assert_int_equal(tapnet_device_set_address_filter(device, filter, 1, false, &error), 0);
    assert_int_equal(questions(device), 0); /* they are broadcast */
    assert_int_equal(tapnet_device_set_address_filter(device, filter, 1, true, &error), 0);
    assert_true(questions(device) > 0);
    assert_int_equal(tapnet_device_set_address_filter(device, filter, 1, false, &error), 0);
    assert_int_equal(tapnet_device_set_address_filter(device, filter, 9, false, &error), -EINVAL);
    assert_says("more than 8");
    assert_int_equal(questions(device), 0); /* as it was */
    assert_int_equal(tapnet_device_set_address_filter(device, mixed, 10, false, &error), 0);
    assert_true(questions(device) > 0); /* broadcast is among them, the unicast one behind the eighth does no harm */
    assert_int_equal(tapnet_device_set_address_filter(device, NULL, 0, false, &error), 0);
    assert_true(questions(device) > 0);
    tun = OPEN(.kind = TAPNET_TUN);
    assert_int_equal(tapnet_device_set_filter(tun, no_arp, 4, &error), -EINVAL);
    assert_says("only a TAP");
    assert_int_equal(tapnet_device_filter_length(tun, &length, &error), -EINVAL);
    assert_int_equal(tapnet_device_set_address_filter(tun, NULL, 0, false, &error), -EINVAL);
    tapnet_device_close(tun);
    tapnet_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_many_as_asked),
        cmocka_unit_test(test_attach_and_detach),
        cmocka_unit_test(test_join_what_others_hold),
        cmocka_unit_test(test_pass_on),
        cmocka_unit_test(test_receive_believes_nothing),
        cmocka_unit_test(test_take_over_descriptors),
        cmocka_unit_test(test_steering_and_filter_programs),
        cmocka_unit_test(test_classic_and_address_filters),
    };

    enter_lab();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
