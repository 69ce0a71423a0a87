/* SPDX-License-Identifier: MIT */
/* Requests, dumps and batches against the real kernel, under what disturbs them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "namespace.h"
#include "netlink/address.h"
#include "netlink/link.h"

#define ADDRESSES 2000

/*
 *      this process                       kernel, a namespace of its own
 *   +---------------+   AF_NETLINK   +--------------------------------------+
 *   | socket.c      |<-------------->| lo   127.0.0.1/8                     |
 *   +---------------+                |      10.0.0.0/32 ... 2,000 of them   |
 *          ^                         +--------------------------------------+
 *          +-- another thread adds and deletes; another socket lies
 */

struct fixture {
    struct netlink *netlink;
    struct tapnet_error error;
};

static int open_netlink(void **state)
{
    static struct fixture fixture;

    fixture.error = (struct tapnet_error)TAPNET_ERROR_INIT;
    *state = &fixture;
    return netlink_open(NETLINK_ROUTE, &fixture.netlink, &fixture.error);
}

static int close_netlink(void **state)
{
    netlink_close(((struct fixture *)*state)->netlink);
    return 0;
}

static struct ip_prefix host_prefix(uint32_t number)
{
    return (struct ip_prefix){.address = ip4_from_value(0x0a000000 + number), .length = 32};
}

struct seen {
    size_t count, restarts;
    int stop_with; /* what the reader returns for the first address */
};

static int count_address(const struct netlink_address *address, void *data)
{
    struct seen *seen = data;

    if (seen->stop_with)
        return seen->stop_with;
    seen->count += address->prefix.length == 32;
    return 0;
}

static void forget_addresses(void *data)
{
    struct seen *seen = data;

    seen->count = 0;
    seen->restarts++;
}

/* Adds 2,000 addresses to lo in one batch: a large send, and an ack for the last message only. */
static void put_address(struct netlink_message *message, uint16_t type, uint16_t flags, uint32_t number)
{
    const struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 1};
    struct ip_prefix prefix = host_prefix(number);

    netlink_begin(message, type, flags, &header, sizeof(header));
    netlink_put(message, IFA_LOCAL, prefix.address.bytes, 4);
}

static void test_a_batch_of_two_thousand(void **state)
{
    struct fixture *fixture = *state;
    struct netlink_message message;
    struct seen seen = {0};

    netlink_message_init(&message);
    for (uint32_t i = 0; i < ADDRESSES; i++)
        put_address(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, i);
    assert_int_equal(netlink_batch(fixture->netlink, &message, NULL, &fixture->error), 0);
    netlink_message_fini(&message);
    assert_int_equal(netlink_address_dump(fixture->netlink, count_address, forget_addresses, &seen, &fixture->error),
                     0);
    assert_int_equal(seen.count, ADDRESSES);
    assert_int_equal(seen.restarts, 1);
    assert_int_equal(atoi(output_of("ip -4 -o addr show dev lo | grep -c /32")), ADDRESSES);
}

/* The message that failed is told by its place, and the sentence is the kernel's; the others were carried out. */
static void test_a_batch_names_the_refused_message(void **state)
{
    struct fixture *fixture = *state;
    struct netlink_message message;
    size_t failed = 99;

    netlink_message_init(&message);
    put_address(&message, RTM_DELADDR, 0, 0);
    put_address(&message, RTM_DELADDR, 0, ADDRESSES + 5); /* is not there */
    put_address(&message, RTM_DELADDR, 0, ADDRESSES + 6);
    put_address(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_ACK, 0);
    assert_int_equal(netlink_batch(fixture->netlink, &message, &failed, &fixture->error), -EADDRNOTAVAIL);
    assert_int_equal(failed, 1);
    assert_int_equal(fixture->error.code, -EADDRNOTAVAIL);
    netlink_message_fini(&message);
}

/* Links have the numbers that frame a batch of nfnetlink: a route socket must not take the one for the other. */
static void test_a_batch_of_links(void **state)
{
    struct fixture *fixture = *state;
    const struct ifinfomsg absent = {.ifi_index = 4711};
    struct netlink_message message;
    size_t failed = 99;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_DELLINK, NLM_F_ACK, &absent, sizeof(absent));
    assert_int_equal(netlink_batch(fixture->netlink, &message, &failed, &fixture->error), -ENODEV);
    assert_int_equal(failed, 0);
    netlink_message_fini(&message);
}

/* More than a megabyte in one send, as a transaction of thousands of set elements is; the last message is in effect. */
static void test_a_batch_of_a_megabyte(void **state)
{
    struct fixture *fixture = *state;
    const struct ifinfomsg header = {.ifi_index = 1};
    struct netlink_message message;
    char alias[200];

    netlink_message_init(&message);
    for (int i = 0; i < 6000; i++) {
        memset(alias, 'a' + i % 26, sizeof(alias));
        snprintf(alias, sizeof(alias), "number %d", i);
        netlink_begin(&message, RTM_NEWLINK, i == 5999 ? NLM_F_ACK : 0, &header, sizeof(header));
        netlink_put(&message, IFLA_IFALIAS, alias, sizeof(alias));
    }
    assert_true(message.len > 1024 * 1024);
    assert_int_equal(netlink_batch(fixture->netlink, &message, NULL, &fixture->error), 0);
    assert_string_equal(output_of("head -c 11 /sys/class/net/lo/ifalias"), "number 5999");
    netlink_message_fini(&message);
}

/* A reader that refuses ends the dump with its own code, and the socket is as good as new. */
static void test_a_reader_may_stop_a_dump(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {.stop_with = -ENOSPC};

    assert_int_equal(netlink_address_dump(fixture->netlink, count_address, forget_addresses, &seen, &fixture->error),
                     -ENOSPC);
    assert_int_equal(seen.restarts, 1);
    seen = (struct seen){0};
    assert_int_equal(netlink_address_dump(fixture->netlink, count_address, forget_addresses, &seen, &fixture->error),
                     0);
    assert_int_equal(seen.count, ADDRESSES);
}

/* ---- interrupted ---- */

struct disturber {
    pthread_t thread;
    atomic_bool stop;
};

/* Takes the first address away and puts it back until told to stop: every dump in between is inconsistent. */
static void *disturb(void *data)
{
    struct disturber *disturber = data;
    struct ip_prefix prefix = host_prefix(ADDRESSES + 100);
    struct netlink *netlink = NULL;

    if (netlink_open(NETLINK_ROUTE, &netlink, NULL) < 0)
        return NULL;
    while (!disturber->stop) {
        netlink_address_add(netlink, 1, &prefix, 0, NULL);
        netlink_address_delete(netlink, 1, &prefix, NULL);
    }
    netlink_close(netlink);
    return NULL;
}

/*
 * While another thread changes addresses, a dump is interrupted (NLM_F_DUMP_INTR): it starts again, and either gives
 * all addresses or says -EAGAIN. What it never does is give half of them as if they were all.
 */
static void test_an_interrupted_dump_starts_again(void **state)
{
    struct fixture *fixture = *state;
    struct disturber disturber = {0};
    size_t restarts = 0, whole = 0;

    assert_int_equal(pthread_create(&disturber.thread, NULL, disturb, &disturber), 0);
    for (int i = 0; i < 200; i++) {
        struct seen seen = {0};
        int result = netlink_address_dump(fixture->netlink, count_address, forget_addresses, &seen, &fixture->error);

        assert_true(result == 0 || result == -EAGAIN);
        restarts += seen.restarts - 1;
        if (result == 0) {
            assert_in_range(seen.count, ADDRESSES, ADDRESSES + 1);
            whole++;
        }
    }
    disturber.stop = true;
    pthread_join(disturber.thread, NULL);
    print_message("200 dumps under change: %zu whole, %zu restarts\n", whole, restarts);
    assert_true(restarts > 0);
}

/* ---- overrun ---- */

/* Joins the group of link changes with a tiny queue, and lets it overflow. */
static void overflow_queue(struct fixture *fixture)
{
    int size = 1, group = RTNLGRP_IPV4_IFADDR;
    struct ip_prefix prefix = host_prefix(ADDRESSES + 200);
    struct netlink *other = NULL;

    assert_int_equal(setsockopt(netlink_fd(fixture->netlink), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    assert_int_equal(
        setsockopt(netlink_fd(fixture->netlink), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
    assert_int_equal(netlink_open(NETLINK_ROUTE, &other, NULL), 0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(netlink_address_add(other, 1, &prefix, 0, NULL), 0);
        assert_int_equal(netlink_address_delete(other, 1, &prefix, NULL), 0);
    }
    netlink_close(other);
}

static void test_a_dump_survives_an_overrun(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {0};

    overflow_queue(fixture);
    assert_int_equal(netlink_address_dump(fixture->netlink, count_address, forget_addresses, &seen, &fixture->error),
                     0);
    assert_int_equal(seen.count, ADDRESSES);
    assert_true(seen.restarts > 1);
}

struct flooded {
    struct seen seen;
    bool done;
};

/* Once, in the middle of a dump: notifications until the queue overflows. They are of links: no address changes. */
static int flood_once(const struct netlink_address *address, void *data)
{
    struct flooded *flooded = data;
    struct netlink *other = NULL;
    struct netlink_link_change change = {.fields = NETLINK_LINK_ALIAS};

    if (!flooded->done) {
        flooded->done = true;
        assert_int_equal(netlink_open(NETLINK_ROUTE, &other, NULL), 0);
        for (int i = 0; i < 200; i++) {
            change.alias = i % 2 ? "odd" : "even";
            assert_int_equal(netlink_link_set(other, 1, NULL, &change, NULL), 0);
        }
        netlink_close(other);
    }
    return count_address(address, &flooded->seen);
}

/* The first attempt is cut off while the kernel is still at it; it must be over before the second can begin. */
static void test_an_overrun_in_the_middle_of_a_dump(void **state)
{
    struct fixture *fixture = *state;
    struct flooded flooded = {0};
    int size = 1, group = RTNLGRP_LINK;

    assert_int_equal(setsockopt(netlink_fd(fixture->netlink), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    assert_int_equal(
        setsockopt(netlink_fd(fixture->netlink), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
    assert_int_equal(netlink_address_dump(fixture->netlink, flood_once, forget_addresses, &flooded, &fixture->error),
                     0);
    assert_int_equal(flooded.seen.count, ADDRESSES);
    assert_int_equal(flooded.seen.restarts, 2);
}

static int count_link(const struct netlink_link *link, void *data)
{
    *(size_t *)data += link->loopback;
    return 0;
}

static void test_a_query_survives_an_overrun(void **state)
{
    struct fixture *fixture = *state;
    size_t count = 0;

    overflow_queue(fixture);
    assert_int_equal(netlink_link_get(fixture->netlink, 0, "lo", count_link, &count, &fixture->error), 0);
    assert_int_equal(count, 1);
}

/* More errors than the queue holds: the first is there, and it is the one that is reported. */
static void test_a_batch_keeps_its_first_error(void **state)
{
    struct fixture *fixture = *state;
    struct netlink_message message;
    size_t failed = 99;
    int size = 1;

    assert_int_equal(setsockopt(netlink_fd(fixture->netlink), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    netlink_message_init(&message);
    put_address(&message, RTM_NEWADDR, NLM_F_CREATE, ADDRESSES + 1);
    for (uint32_t i = 0; i < 500; i++)
        put_address(&message, RTM_DELADDR, 0, ADDRESSES + 1000 + i); /* is not there */
    put_address(&message, RTM_DELADDR, 0, ADDRESSES + 1);
    assert_int_equal(netlink_batch(fixture->netlink, &message, &failed, &fixture->error), -EADDRNOTAVAIL);
    assert_int_equal(failed, 1);
    netlink_message_fini(&message);
}

/* ---- who may speak ---- */

/*
 * Another process sends what looks like the kernel's answer to our next request, a refusal, for every sequence number
 * that we could use next (they start at the time of day). Nothing of it is believed.
 */
static void test_only_the_kernel_is_heard(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_nl us = {0}, to = {.nl_family = AF_NETLINK};
    socklen_t size = sizeof(us);
    struct nlmsgerr refusal = {.error = -EPERM};
    struct netlink_message lies;
    uint32_t now = (uint32_t)time(NULL);
    size_t count = 0;
    int liar = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    assert_true(liar >= 0);
    assert_int_equal(getsockname(netlink_fd(fixture->netlink), (void *)&us, &size), 0);
    to.nl_pid = us.nl_pid;
    for (uint32_t sequence = now - 5; sequence != now + 10; sequence++) {
        struct nlmsghdr *header;

        netlink_message_init(&lies);
        netlink_begin(&lies, NLMSG_ERROR, 0, &refusal, sizeof(refusal));
        header = (void *)lies.bytes;
        header->nlmsg_seq = sequence;
        header->nlmsg_pid = us.nl_pid;
        if (sendto(liar, lies.bytes, lies.len, 0, (void *)&to, sizeof(to)) < 0)
            print_message("the kernel lets nobody lie: %s\n", strerror(errno));
        netlink_message_fini(&lies);
    }
    close(liar);
    assert_int_equal(netlink_link_get(fixture->netlink, 0, "lo", count_link, &count, &fixture->error), 0);
    assert_int_equal(count, 1);
}

/* ---- what the kernel says ---- */

/* A dump with a filter that does not exist: strict checking refuses it, with a sentence. */
static void test_strict_checking_is_on(void **state)
{
    struct fixture *fixture = *state;
    const struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = 24};
    struct netlink_message message;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETADDR, 0, &header, sizeof(header));
    assert_int_equal(netlink_dump(fixture->netlink, &message, NULL, NULL, NULL, &fixture->error), -EINVAL);
    assert_non_null(strstr(fixture->error.text, "Invalid values in header for address dump request"));
    netlink_message_fini(&message);
}

static void test_the_kernels_own_words_are_passed_on(void **state)
{
    struct fixture *fixture = *state;
    const struct netlink_link_change change = {.fields = NETLINK_LINK_MTU, .mtu = 10};
    const struct mac mac = {{2, 0, 0, 0, 0, 1}};

    assert_int_equal(netlink_bridge_create(fixture->netlink, "br0", &mac, 0, 0, &fixture->error), 0);
    assert_int_equal(netlink_link_set(fixture->netlink, 0, "br0", &change, &fixture->error), -EINVAL);
    assert_non_null(strstr(fixture->error.text, "mtu less than device minimum"));
    assert_non_null(strstr(fixture->error.text, "Invalid argument"));
}

static int read_nothing(const struct nlmsghdr *message, void *data)
{
    (void)message;
    (void)data;
    return -EBADMSG;
}

/* What a reader can't make sense of is the kernel's, and so says the sentence, of one answer and of a list. */
static void test_an_answer_that_cant_be_read_is_said_to_be(void **state)
{
    struct fixture *fixture = *state;
    const struct ifinfomsg one = {.ifi_index = 1}, all = {.ifi_family = AF_UNSPEC};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct netlink_message message;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETLINK, 0, &one, sizeof(one));
    assert_int_equal(netlink_query(fixture->netlink, &message, read_nothing, NULL, &fixture->error), -EBADMSG);
    assert_string_equal(fixture->error.text, "the kernel's answer: Bad message");
    netlink_message_reset(&message);
    netlink_begin(&message, RTM_GETLINK, 0, &all, sizeof(all));
    assert_int_equal(netlink_dump(fixture->netlink, &message, read_nothing, NULL, NULL, &error), -EBADMSG);
    assert_string_equal(error.text, "the kernel's answer: Bad message");
    netlink_message_fini(&message);
}

/* A request that is nothing, or that could not be built, is told before anything is sent. */
static void test_a_message_that_failed_is_not_sent(void **state)
{
    struct fixture *fixture = *state;
    struct netlink_message message;

    netlink_message_init(&message);
    assert_int_equal(netlink_request(fixture->netlink, &message, &fixture->error), -EINVAL);
    message.failure = -ENOMEM;
    assert_int_equal(netlink_request(fixture->netlink, &message, &fixture->error), -ENOMEM);
    assert_int_equal(netlink_batch(fixture->netlink, &message, NULL, &fixture->error), -ENOMEM);
    assert_int_equal(netlink_dump(fixture->netlink, &message, NULL, NULL, NULL, &fixture->error), -ENOMEM);
    netlink_message_fini(&message);
}

#define with_socket(test) cmocka_unit_test_setup_teardown(test, open_netlink, close_netlink)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_socket(test_a_batch_of_two_thousand),
        with_socket(test_a_batch_names_the_refused_message),
        with_socket(test_a_batch_of_links),
        with_socket(test_a_batch_of_a_megabyte),
        with_socket(test_a_reader_may_stop_a_dump),
        with_socket(test_an_interrupted_dump_starts_again),
        with_socket(test_a_dump_survives_an_overrun),
        with_socket(test_an_overrun_in_the_middle_of_a_dump),
        with_socket(test_a_query_survives_an_overrun),
        with_socket(test_a_batch_keeps_its_first_error),
        with_socket(test_only_the_kernel_is_heard),
        with_socket(test_strict_checking_is_on),
        with_socket(test_the_kernels_own_words_are_passed_on),
        with_socket(test_an_answer_that_cant_be_read_is_said_to_be),
        with_socket(test_a_message_that_failed_is_not_sent),
    };

    namespace_enter();
    if (!shell("ip link set lo up"))
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
