/* SPDX-License-Identifier: MIT */
/* Errors are sentences: who holds the device, what differs, which right would do, what is missing. */
#include "lab.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "device/tun.h"

#define BUSY_NAME "a-guest"

static void test_busy_names_the_process(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0");
    char sentence[128];
    int ready[2], done[2];
    char byte;
    pid_t child;

    (void)state;
    snprintf(sentence, sizeof(sentence), "TAP tap0 is held by %s (%d)", output_of("cat /proc/%d/comm", getpid()),
             getpid());
    REFUSE(-EBUSY, .kind = TAPNET_TAP, .name = "tap0");
    assert_string_equal(error.text, sentence);

    /* A child has a copy of the descriptor, and a name of its own; then it is the only one. */
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(done), 0);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_NAME, BUSY_NAME);
        close(done[1]);
        _exit(write(ready[1], "r", 1) == 1 && read(done[0], &byte, 1) == 0 ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    REFUSE(-EBUSY, .kind = TAPNET_TAP, .name = "tap0");
    assert_says(" and " BUSY_NAME " (");
    tapnet_device_close(device);
    REFUSE(-EBUSY, .kind = TAPNET_TAP, .name = "tap0");
    assert_says("TAP tap0 is held by " BUSY_NAME " (");
    close(done[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(done[0]);
    close(ready[0]);
    close(ready[1]);
    assert_true(gone("tap0"));
}

static void test_what_differs(void **state)
{
    const unsigned kept = TAPNET_DEVICE_PERSISTENT;

    (void)state;
    tapnet_device_close(OPEN(.kind = TAPNET_TUN, .name = "tun0", .flags = kept));
    tapnet_device_close(OPEN(.kind = TAPNET_TAP, .name = "many", .flags = kept | TAPNET_DEVICE_MULTI_QUEUE));
    assert_true(shell("ip link add br0 type bridge"));
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "tun0");
    assert_string_equal(error.text, "tun0 is a TUN; wanted is a TAP");
    REFUSE(-EINVAL, .kind = TAPNET_TUN, .name = "tun0", .queues = 2);
    assert_string_equal(error.text, "TUN tun0 was made for one queue and must be opened so");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "many");
    assert_string_equal(error.text, "TAP many was made for several queues and must be opened so");
    REFUSE(-EINVAL, .kind = TAPNET_TUN, .name = "many");
    assert_string_equal(error.text, "many is a TAP made for several queues; wanted is a TUN with one");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "br0");
    assert_string_equal(error.text, "the name br0 is taken: it is a bridge, neither TUN nor TAP");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "lo");
    assert_string_equal(error.text, "the name lo is taken: it is the loopback interface, neither TUN nor TAP");
    REFUSE(-EEXIST, .kind = TAPNET_TUN, .name = "tun0", .flags = TAPNET_DEVICE_NEW);
    assert_string_equal(error.text, "tun0 exists already: it is a TUN");
    REFUSE(-ENODEV, .kind = TAPNET_TUN, .name = "tun1", .flags = TAPNET_DEVICE_EXISTING);
    assert_string_equal(error.text, "there is no device tun1");
    assert_true(shell("ip link del tun0 && ip link del many && ip link del br0"));
}

static void test_options_that_contradict(void **state)
{
    (void)state;
    REFUSE(-EINVAL, .name = "tap0");
    assert_says("TUN or a TAP");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "a-name-of-16-byt");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "..");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "a/b");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "a:b");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "a b");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "a%s");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "a%d%d");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "a%d", .flags = TAPNET_DEVICE_EXISTING);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .flags = TAPNET_DEVICE_JOIN);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .name = "a", .flags = TAPNET_DEVICE_NEW | TAPNET_DEVICE_EXISTING);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .queues = 257);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .index = -1);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .send_buffer = -1);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .vnet_header_size = 12);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .vnet_header_size = 9, .flags = TAPNET_DEVICE_VNET_HEADER);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .offloads = TAPNET_OFFLOAD_CHECKSUM);
    assert_says("vnet header");
    for (unsigned offloads = 2; offloads < 0x200; offloads <<= 1) /* each alone needs another */
        REFUSE(-EINVAL, .kind = TAPNET_TAP, .offloads = offloads, .flags = TAPNET_DEVICE_VNET_HEADER);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .offloads = 0x09, .flags = TAPNET_DEVICE_VNET_HEADER);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .offloads = 0x21, .flags = TAPNET_DEVICE_VNET_HEADER);
    assert_says("USO4 and USO6 go together");
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .offloads = 0x81, .flags = TAPNET_DEVICE_VNET_HEADER);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .offloads = 0x103, .flags = TAPNET_DEVICE_VNET_HEADER);
    assert_string_equal(output_of("ls /sys/class/net | grep -vc lo"), "0");
}

/* As nobody, without any capability: which user or group would do. */
static void test_permission_names_the_owner(void **state)
{
    const struct tapnet_device_change owned = {
        .fields = TAPNET_FIELD_OWNER | TAPNET_FIELD_GROUP, .owner = 0, .group = 0};
    int status;
    pid_t child;

    (void)state;
    if (getenv("TAPNET_USERNS"))
        skip(); /* one user is all that there is */
    tapnet_device_close(OPEN(.kind = TAPNET_TAP, .name = "roots", .flags = TAPNET_DEVICE_PERSISTENT, .change = &owned));
    child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) < 0)
            _exit(1);
        /* A node as distributions have it: for everybody. */
        if (mount("tmpfs", "/dev/net", "tmpfs", 0, NULL) < 0 || !shell("mknod -m 666 /dev/net/tun c 10 200") ||
            setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
            _exit(1);
        REFUSE(-EPERM, .kind = TAPNET_TAP, .name = "roots");
        assert_string_equal(error.text, "may not open TAP roots: it is for user root (0) who is also in group root (0),"
                                        " this is user nobody (65534); else CAP_NET_ADMIN is needed");
        REFUSE(-EPERM, .kind = TAPNET_TAP, .name = "new0");
        assert_string_equal(error.text, "may not make TAP new0: CAP_NET_ADMIN is needed (run as root)");
        assert_int_equal(tapnet_device_delete(-1, "roots", true, &error), -EPERM);
        assert_says("CAP_NET_ADMIN");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(exists("roots"));
    assert_int_equal(tapnet_device_delete(-1, "roots", true, &error), 0);
}

/* A file or a directory in the node's place: by whatever way the device is opened, one sentence. */
static void refuse_no_node(int code)
{
    int fd = -1;

    REFUSE(code, .kind = TAPNET_TAP);
    assert_string_equal(error.text, "/dev/net/tun is not the tun driver's node: put that in its place (`mknod -m 666 "
                                    "/dev/net/tun c 10 200`) or, in a container, pass the host's node in");
    memset(&error, 0, sizeof(error));
    assert_int_equal(device_open("tap0", DEVICE_TAP, false, true, &fd, &error), code);
    assert_says("/dev/net/tun is not the tun driver's node: put that in its place");
    assert_int_equal(fd, -1);
}

/* A /dev of its own, in which the node is missing, is none, has no driver, or may not be opened. */
static void test_the_node(void **state)
{
    int status;
    pid_t child;

    (void)state;
    if (getenv("TAPNET_USERNS"))
        skip(); /* no device nodes can be made there */
    child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount("tmpfs", "/dev/net", "tmpfs", 0, NULL) < 0)
            _exit(1);
        REFUSE(-ENOENT, .kind = TAPNET_TAP);
        assert_says("modprobe tun");
        assert_true(shell("mkdir /dev/net/tun"));
        refuse_no_node(-EISDIR);
        assert_true(shell("rmdir /dev/net/tun && touch /dev/net/tun"));
        refuse_no_node(-ENOTTY);
        assert_true(shell("rm /dev/net/tun && mknod /dev/net/tun c 1 3")); /* /dev/null's driver */
        refuse_no_node(-ENOTTY);
        assert_true(shell("rm /dev/net/tun && mknod -m 600 /dev/net/tun c 241 241"));
        REFUSE(-ENXIO, .kind = TAPNET_TAP);
        assert_says("no driver");
        assert_true(setresuid(65534, 65534, 65534) == 0);
        REFUSE(-EACCES, .kind = TAPNET_TAP);
        assert_says("run as root, which making a device needs (CAP_NET_ADMIN); to open one that is there and is yours, "
                    "`chmod 666 /dev/net/tun`");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* As in a container: its node is another file, on a file system that only it sees. */
static void test_a_holder_with_a_node_of_its_own_is_named(void **state)
{
    int ready[2], done[2], status;
    char byte;
    pid_t child;

    (void)state;
    if (getenv("TAPNET_USERNS"))
        skip(); /* no device nodes can be made there */
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(done), 0);
    child = fork();
    if (child == 0) {
        struct tapnet_device *device;

        prctl(PR_SET_NAME, BUSY_NAME);
        close(done[1]);
        if (unshare(CLONE_NEWNS) < 0 || mount("tmpfs", "/dev/net", "tmpfs", 0, NULL) < 0 ||
            !shell("mknod -m 666 /dev/net/node c 10 200"))
            _exit(1);
        device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .node = "/dev/net/node");
        status = write(ready[1], "r", 1) == 1 && read(done[0], &byte, 1) == 0 ? 0 : 1;
        tapnet_device_close(device);
        _exit(status);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    REFUSE(-EBUSY, .kind = TAPNET_TAP, .name = "tap0");
    assert_says("TAP tap0 is held by " BUSY_NAME " (");
    close(done[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(done[0]);
    close(ready[0]);
    assert_true(gone("tap0"));
}

static void test_descriptors_that_are_no_devices(void **state)
{
    struct tapnet_device *one = OPEN(.kind = TAPNET_TAP, .name = "one"), *device;
    struct tapnet_device *two = OPEN(.kind = TAPNET_TAP, .name = "two");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), idle = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    int fds[2] = {tapnet_device_fd(one, 0), tapnet_device_fd(two, 0)};

    (void)state;
    assert_int_equal(tapnet_device_from_fds(&null, 1, &device, &error), -EINVAL);
    assert_says("is not of /dev/net/tun");
    assert_int_equal(tapnet_device_from_fds(&idle, 1, &device, &error), -EBADFD);
    assert_says("TUNSETIFF");
    assert_int_equal(tapnet_device_from_fds((const int[]){-1}, 1, &device, &error), -EBADF);
    assert_int_equal(tapnet_device_from_fds(fds, 2, &device, &error), -EINVAL);
    assert_says("is of device two, another is of one");
    fds[1] = fds[0];
    assert_int_equal(tapnet_device_from_fds(fds, 2, &device, &error), -EINVAL);
    assert_int_equal(tapnet_device_from_fds(fds, 0, &device, &error), -EINVAL);
    assert_true(fcntl(fds[0], F_GETFD) >= 0); /* nothing was closed */
    tapnet_device_close(one);
    tapnet_device_close(two);
    close(null);
    close(idle);
}

/* tun0 with @address, that spares what the host reaches already: made, or refused with @says. */
static void open_sparing(const char *address, const char *says)
{
    const struct tapnet_device_change change = {.addresses = &address, .address_count = 1};
    const unsigned flags = TAPNET_DEVICE_NEW | TAPNET_DEVICE_UP | TAPNET_DEVICE_SPARE_SUBNETS;

    if (!says) {
        tapnet_device_close(OPEN(.kind = TAPNET_TUN, .name = "tun0", .flags = flags, .change = &change));
        return;
    }
    REFUSE(-EADDRINUSE, .kind = TAPNET_TUN, .name = "tun0", .flags = flags, .change = &change);
    assert_string_equal(error.text, says);
    assert_true(gone("tun0"));
}

static void test_subnets_that_the_host_reaches(void **state)
{
    (void)state;
    assert_true(shell("ip link add lan0 type bridge && ip link set lan0 up && ip addr add 10.9.1.1/24 dev lan0"));
    assert_true(shell("ip addr add fd00:9::1/64 dev lan0 && ip route add 10.8.0.0/16 via 10.9.1.2"));
    assert_true(shell("ip route add 0.0.0.0/1 via 10.9.1.2 && ip route add blackhole 10.7.0.0/16"));
    assert_true(shell("ip link add off0 type bridge && ip addr add 10.6.0.1/24 dev off0"));
    open_sparing("10.9.1.5/24",
                 "10.9.1.5/24 overlaps 10.9.1.0/24, which this host reaches by lan0: choose another address");
    open_sparing("10.9.200.1/16",
                 "10.9.200.1/16 overlaps 10.9.1.0/24, which this host reaches by lan0: choose another address");
    open_sparing("10.8.3.1/24",
                 "10.8.3.1/24 overlaps 10.8.0.0/16, which this host reaches by lan0: choose another address");
    open_sparing("10.6.0.9/30",
                 "10.6.0.9/30 overlaps 10.6.0.0/24, which this host reaches by off0: choose another address");
    open_sparing("fd00:9::7/64",
                 "fd00:9::7/64 overlaps fd00:9::/64, which this host reaches by lan0: choose another address");
    open_sparing("10.9.1.5/32", NULL);
    open_sparing("10.9.2.5/24", NULL);
    open_sparing("10.7.0.1/24", NULL);
    open_sparing("fe80::7/64", NULL);
    REFUSE(-EINVAL, .kind = TAPNET_TUN, .name = "tun0", .flags = TAPNET_DEVICE_SPARE_SUBNETS);
    assert_true(shell("ip link del lan0 && ip link del off0 && ip route del blackhole 10.7.0.0/16"));
}

/* Somebody deletes the device while it is open. */
static void test_a_device_that_went_away(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0");
    const struct tapnet_device_change change = {.fields = TAPNET_FIELD_MTU, .mtu = 1400};
    struct tapnet_device_list *list;

    (void)state;
    assert_true(shell("ip link del tap0"));
    assert_int_equal(tapnet_device_set(device, &change, &error), -EBADFD);
    assert_says("deleted");
    assert_int_equal(tapnet_device_query(device, &list, &error), -EBADFD);
    tapnet_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy_names_the_process),
        cmocka_unit_test(test_what_differs),
        cmocka_unit_test(test_options_that_contradict),
        cmocka_unit_test(test_permission_names_the_owner),
        cmocka_unit_test(test_the_node),
        cmocka_unit_test(test_a_holder_with_a_node_of_its_own_is_named),
        cmocka_unit_test(test_descriptors_that_are_no_devices),
        cmocka_unit_test(test_subnets_that_the_host_reaches),
        cmocka_unit_test(test_a_device_that_went_away),
    };

    enter_lab();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
