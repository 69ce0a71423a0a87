/* SPDX-License-Identifier: MIT */
/* The host's resolvers: reading resolv.conf, following its changes, choosing whom to ask. */
#include "service/dns_resolvers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire.h"

static char root[] = "/tmp/tapnet-test-dns-XXXXXX";
static int etc_fd, run_fd;

/* Parses @text and compares what it names, each followed by a space. */
static void expect_servers(const char *text, const char *expected)
{
    struct dns_server servers[DNS_SERVERS_MAX] = {0};
    unsigned count = dns_resolvers_parse(text, strlen(text), servers);
    char found[256] = "";

    for (unsigned i = 0; i < count; i++) {
        strcat(found, servers[i].text);
        strcat(found, " ");
    }
    assert_string_equal(found, expected);
}

static void lines_of_resolv_conf(void **state)
{
    (void)state;
    expect_servers("", "");
    expect_servers("nameserver 192.0.2.1", "192.0.2.1 ");
    expect_servers("# nameserver 192.0.2.9\n;nameserver 192.0.2.9\nsearch a.b\noptions edns0\n"
                   "nameserver\t 192.0.2.1 \r\n\nnameserver 2001:db8::1 # this one\nnameserver 127.0.0.53;x\n",
                   "192.0.2.1 2001:db8::1 127.0.0.53 ");
    expect_servers("nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
                   "192.0.2.1 192.0.2.2 192.0.2.3 ");
    expect_servers("nameserver fe80::1%eth0\n", "fe80::1%eth0 ");
}

static void lines_that_are_wrong_are_left_out(void **state)
{
    (void)state;
    expect_servers("nameserver\nnameserver \nnameserverx 192.0.2.1\n nameserver 192.0.2.1\nNAMESERVER 192.0.2.1\n"
                   "nameserver 192.0.2\nnameserver 192.0.2.256\nnameserver dns.example\nnameserver 192.0.2.1:53\n"
                   "nameserver 192.0.2.1%eth0\nnameserver fe80::1%\nnameserver fe80::1%a-name-that-is-too-long\n"
                   "nameserver 1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff:0000:11:22\n"
                   "nameserver 192.0.2.7\n",
                   "192.0.2.7 ");
}

static void servers_are_asked_at_port_53(void **state)
{
    static const char text[] = "nameserver 192.0.2.1\nnameserver fe80::1%lo\n";
    struct dns_server servers[DNS_SERVERS_MAX] = {0};

    (void)state;
    assert_int_equal(dns_resolvers_parse(text, sizeof(text) - 1, servers), 2);
    assert_int_equal(servers[0].address.ip4.sin_port, htons(53));
    assert_int_equal(servers[0].address.ip4.sin_addr.s_addr, htonl(0xc0000201));
    assert_int_equal(servers[1].address.ip6.sin6_family, AF_INET6);
    assert_int_equal(servers[1].address.ip6.sin6_port, htons(53));
    assert_string_equal(servers[1].scope, "lo");
}

static void write_file(int folder, const char *name, const char *text)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void expect_first(struct dns_resolvers *resolvers, const char *text)
{
    dns_resolvers_refresh(resolvers);
    assert_string_equal(resolvers->count ? resolvers->servers[0].text : "none", text);
}

static void every_kind_of_change_is_followed(void **state)
{
    struct dns_resolvers resolvers;
    unsigned generation;

    (void)state;
    dns_resolvers_init(&resolvers, etc_fd);
    expect_first(&resolvers, "none");
    generation = resolvers.generation;
    expect_first(&resolvers, "none");
    assert_int_equal(resolvers.generation, generation);
    write_file(etc_fd, "resolv.conf", "nameserver 192.0.2.1\n");
    expect_first(&resolvers, "192.0.2.1");
    generation = resolvers.generation;
    expect_first(&resolvers, "192.0.2.1");
    assert_int_equal(resolvers.generation, generation);
    usleep(20000);                                               /* the kernel's file times go by ticks */
    write_file(etc_fd, "resolv.conf", "nameserver 192.0.2.2\n"); /* in place, as long as before */
    expect_first(&resolvers, "192.0.2.2");
    write_file(etc_fd, "new", "nameserver 192.0.2.3\n"); /* replaced */
    assert_int_equal(renameat(etc_fd, "new", etc_fd, "resolv.conf"), 0);
    expect_first(&resolvers, "192.0.2.3");
    write_file(run_fd, "stub.conf", "nameserver 127.0.0.53\n"); /* a link out of the directory */
    assert_int_equal(symlinkat("../run/stub.conf", etc_fd, "new"), 0);
    assert_int_equal(renameat(etc_fd, "new", etc_fd, "resolv.conf"), 0);
    expect_first(&resolvers, "127.0.0.53");
    write_file(run_fd, "new", "nameserver 192.0.2.5\n"); /* whose target is replaced */
    assert_int_equal(renameat(run_fd, "new", run_fd, "stub.conf"), 0);
    expect_first(&resolvers, "192.0.2.5");
    assert_int_equal(unlinkat(run_fd, "stub.conf", 0), 0); /* and goes */
    expect_first(&resolvers, "none");
    write_file(run_fd, "stub.conf", "nameserver 192.0.2.6\n");
    expect_first(&resolvers, "192.0.2.6");
}

static void behind_the_stub_of_resolved_are_its_own_servers(void **state)
{
    struct dns_resolvers resolvers;
    unsigned generation;

    (void)state;
    dns_resolvers_init(&resolvers, etc_fd);
    write_file(etc_fd, "resolv.conf", "nameserver 127.0.0.53\noptions edns0 trust-ad\n");
    expect_first(&resolvers, "127.0.0.53"); /* resolved does not run: whoever that is */
    assert_int_equal(mkdirat(run_fd, "systemd", 0755), 0);
    assert_int_equal(mkdirat(run_fd, "systemd/resolve", 0755), 0);
    write_file(run_fd, "systemd/resolve/resolv.conf", "nameserver 192.0.2.1\nnameserver 192.0.2.2\n");
    expect_first(&resolvers, "192.0.2.1");
    assert_int_equal(resolvers.count, 2);
    generation = resolvers.generation;
    expect_first(&resolvers, "192.0.2.1");
    assert_int_equal(resolvers.generation, generation);
    write_file(run_fd, "new", "nameserver 192.0.2.3\n");
    assert_int_equal(renameat(run_fd, "new", run_fd, "systemd/resolve/resolv.conf"), 0);
    expect_first(&resolvers, "192.0.2.3");
    write_file(etc_fd, "resolv.conf", "nameserver 192.0.2.4\n"); /* no stub any more */
    expect_first(&resolvers, "192.0.2.4");
    write_file(etc_fd, "resolv.conf", "nameserver 192.0.2.4\nnameserver 127.0.0.54\n");
    expect_first(&resolvers, "192.0.2.3");
    write_file(run_fd, "systemd/resolve/resolv.conf", "# no servers known\n"); /* the stub has none either */
    expect_first(&resolvers, "none");
    assert_int_equal(unlinkat(run_fd, "systemd/resolve/resolv.conf", 0), 0);
    expect_first(&resolvers, "192.0.2.4");
    assert_int_equal(unlinkat(run_fd, "systemd/resolve", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(run_fd, "systemd", AT_REMOVEDIR), 0);
}

static void what_is_no_file_is_not_waited_for(void **state)
{
    struct dns_resolvers resolvers;

    (void)state;
    unlinkat(etc_fd, "resolv.conf", 0);
    dns_resolvers_init(&resolvers, etc_fd);
    assert_int_equal(mkfifoat(etc_fd, "resolv.conf", 0644), 0);
    expect_first(&resolvers, "none");
    assert_int_equal(unlinkat(etc_fd, "resolv.conf", 0), 0);
    assert_int_equal(mkdirat(etc_fd, "resolv.conf", 0755), 0);
    expect_first(&resolvers, "none");
    assert_int_equal(unlinkat(etc_fd, "resolv.conf", AT_REMOVEDIR), 0);
    write_file(etc_fd, "resolv.conf", "nameserver 192.0.2.8\n");
    expect_first(&resolvers, "192.0.2.8");
}

static void servers_that_fail_rest(void **state)
{
    struct dns_resolvers resolvers = {.count = 2};
    uint64_t now = 1000000;

    (void)state;
    assert_int_equal(dns_resolvers_choose(&resolvers, 0, now), 0);
    assert_int_equal(dns_resolvers_choose(&resolvers, 1, now), 1);
    assert_int_equal(dns_resolvers_choose(&resolvers, 3, now), -1);
    for (unsigned i = 0; i < DNS_SERVER_FAILURES; i++) {
        assert_int_equal(dns_resolvers_choose(&resolvers, 0, now), 0);
        dns_resolvers_failed(&resolvers, 0, now);
    }
    assert_int_equal(dns_resolvers_choose(&resolvers, 0, now), 1);
    assert_int_equal(dns_resolvers_choose(&resolvers, 2, now), 0); /* better than none */
    now += DNS_SERVER_REST_USEC;
    assert_int_equal(dns_resolvers_choose(&resolvers, 0, now), 0); /* one query tries it */
    assert_int_equal(dns_resolvers_choose(&resolvers, 0, now), 1); /* the others don't */
    dns_resolvers_answered(&resolvers, 0);
    assert_int_equal(dns_resolvers_choose(&resolvers, 0, now), 0);
}

static void an_answer_in_between_counts(void **state)
{
    struct dns_resolvers resolvers = {.count = 2};

    (void)state;
    for (unsigned i = 0; i < 3 * DNS_SERVER_FAILURES; i++) {
        dns_resolvers_failed(&resolvers, 0, 1000000);
        if (i % 2)
            dns_resolvers_answered(&resolvers, 0);
    }
    assert_int_equal(dns_resolvers_choose(&resolvers, 0, 1000000), 0);
}

static int set_up(void **state)
{
    char path[64];

    (void)state;
    if (!mkdtemp(root))
        return -1;
    snprintf(path, sizeof(path), "%s/etc", root);
    mkdir(path, 0755);
    etc_fd = open(path, O_RDONLY | O_DIRECTORY);
    snprintf(path, sizeof(path), "%s/run", root);
    mkdir(path, 0755);
    run_fd = open(path, O_RDONLY | O_DIRECTORY);
    return etc_fd < 0 || run_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    char path[64];

    (void)state;
    unlinkat(etc_fd, "resolv.conf", 0);
    unlinkat(run_fd, "stub.conf", 0);
    close(etc_fd);
    close(run_fd);
    snprintf(path, sizeof(path), "%s/etc", root);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/run", root);
    rmdir(path);
    return rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_resolv_conf),
        cmocka_unit_test(lines_that_are_wrong_are_left_out),
        cmocka_unit_test(servers_are_asked_at_port_53),
        cmocka_unit_test(every_kind_of_change_is_followed),
        cmocka_unit_test(behind_the_stub_of_resolved_are_its_own_servers),
        cmocka_unit_test(what_is_no_file_is_not_waited_for),
        cmocka_unit_test(servers_that_fail_rest),
        cmocka_unit_test(an_answer_in_between_counts),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
