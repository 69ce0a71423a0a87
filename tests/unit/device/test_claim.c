/* SPDX-License-Identifier: MIT */
/* Who holds a device, and who claims it: both end with the process. */
#include "lab.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device/claim.h"

static int index_of(const char *name)
{
    unsigned index = if_nametoindex(name);

    assert_int_not_equal(index, 0);
    return (int)index;
}

static void a_claim_ends_with_its_descriptor(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0");
    struct tapnet_device *other = OPEN(.kind = TAPNET_TAP, .name = "tap1");
    int index = index_of("tap0"), fd;

    (void)state;
    assert_false(device_is_claimed(index));
    assert_int_equal(device_claim("tap0", &fd, &error), 0);
    assert_true(device_is_claimed(index));
    assert_false(device_is_claimed(index_of("tap1")));
    close(fd);
    assert_false(device_is_claimed(index));
    tapnet_device_close(other);
    tapnet_device_close(device);
}

static void a_claim_ends_with_its_process(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0");
    int index = index_of("tap0"), fd, ready[2];
    char byte;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        if (device_claim("tap0", &fd, NULL) == 0 && write(ready[1], "r", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(device_is_claimed(index));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(device_is_claimed(index));
    close(ready[0]);
    close(ready[1]);
    tapnet_device_close(device);
}

/* Its number is claimed still: the kernel gives it to no other one, unless somebody asks for it. */
static void a_claim_keeps_no_device_alive(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .index = 4711);
    int fd;

    (void)state;
    assert_int_equal(device_claim("tap0", &fd, &error), 0);
    tapnet_device_close(device);
    assert_false(exists("tap0"));
    device = OPEN(.kind = TAPNET_TAP, .name = "tap0");
    assert_false(device_is_claimed(index_of("tap0")));
    close(fd);
    assert_false(device_is_claimed(4711));
    assert_int_equal(device_claim("none", &fd, &error), -ENODEV);
    tapnet_device_close(device);
}

/* `ping`, and who sends by such a socket, claim nothing. */
static void other_raw_sockets_are_no_claims(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0");
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl((uint32_t)index_of("tap0"))};
    int ping = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), sender = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), yes = 1;

    (void)state;
    assert_int_equal(setsockopt(ping, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes)), 0);
    assert_int_equal(bind(ping, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_true(sender >= 0);
    assert_false(device_is_claimed(index_of("tap0")));
    assert_false(device_is_claimed(0));
    close(ping);
    close(sender);
    tapnet_device_close(device);
}

static void who_holds_it_without_carrier_holds_it(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_PERSISTENT);

    (void)state;
    set_device(device, (struct tapnet_device_change){.fields = TAPNET_FIELD_CARRIER, .carrier = false});
    assert_true(device_is_held("tap0"));
    tapnet_device_close(device);
    assert_false(device_is_held("tap0"));
    assert_false(device_is_held("tap0"));
    assert_true(shell("ip link del tap0"));
    assert_false(device_is_held("tap0"));
    assert_false(exists("tap0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_ends_with_its_descriptor),      cmocka_unit_test(a_claim_ends_with_its_process),
        cmocka_unit_test(a_claim_keeps_no_device_alive),         cmocka_unit_test(other_raw_sockets_are_no_claims),
        cmocka_unit_test(who_holds_it_without_carrier_holds_it),
    };

    enter_lab();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
