/* SPDX-License-Identifier: MIT */
/* A host made by hand with ip(8), and what is found on it: what is ours, what is not, what is in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <jansson.h>

#include "namespace.h"
#include "netlink/address.h"
#include "netlink/link.h"
#include "device/holders.h"
#include "observe/observe.h"

/*
 *      ours                                        not ours
 *   +--------+  10.20.0.1/24, protocol 116      +-------+  192.0.2.2/24
 *   | br-lab |  10.99.0.1/24, a person's        |  up0  |--- default via 192.0.2.1 metric 100
 *   +---+----+                                  +-------+
 *       |                                       +-------+  198.51.100.2/24
 *    lab-web   TAP                              |  up1  |--- default via 198.51.100.1 metric 5
 *                                               +-------+
 *   lab-box   veth, the other end elsewhere     liar     an ifb with our alias
 *   br-new    in our group, no alias yet        br-odd   a bridge that says it is a port
 *   tun-vpn   TUN, 10.30.0.1/24                 veth-odd a veth that says it stands alone
 *   br-else  in our group, with somebody
 *            else's alias
 */
static const char *const host[] = {
    "ip link set lo up",
    "ip link add br-lab type bridge && ip link set br-lab group 1952542830 mtu 1400 alias 'tapnet:lab/lab declared "
    "mode=nat'",
    "ip link set br-lab up",
    "ip addr add 10.99.0.1/24 dev br-lab",
    "ip tuntap add lab-web mode tap user 0 && ip link set lab-web group 1952542830 master br-lab up alias "
    "'tapnet:lab/lab/web declared mac=52:54:00:00:00:01'",
    "ip link add br-new type bridge && ip link set br-new group 1952542830",
    "ip tuntap add tun-vpn mode tun && ip link set tun-vpn alias 'tapnet:lab//tun-vpn declared' up",
    "ip link add name up0 type veth peer name up0-far && ip link add name up1 type veth peer name up1-far",
    "ip link set up0 up && ip link set up0-far up && ip link set up1 up mtu 1300 && ip link set up1-far up",
    "ip addr add 192.0.2.2/24 dev up0 && ip addr add 198.51.100.2/24 dev up1",
    "ip route add default via 192.0.2.1 metric 100 && ip route add default via 198.51.100.1 metric 5",
    "ip route add default dev br-lab metric 1", /* by a link of ours: never the way out */
    "ip route add 203.0.113.0/24 via 192.0.2.1 && ip route add blackhole 100.64.0.0/16",
    "ip route add 10.77.0.0/16 dev up0 table 77", /* of no concern: not the main table */
    "ip link add name lab-box type veth peer name box-far && ip link set lab-box group 1952542830 master br-lab alias "
    "'tapnet:lab/lab/box attached mac=52:54:00:00:00:02'",
    "ip link add liar type ifb && ip link set liar alias 'tapnet:lab/lab/web declared mac=52:54:00:00:00:01'",
    "ip link add name veth-odd type veth peer name odd-far && ip link set veth-odd alias "
    "'tapnet:lab//veth-odd declared'",
    "ip link add br-odd type bridge && ip link set br-odd alias 'tapnet:lab/lab/web declared mac=52:54:00:00:00:01'",
    "ip link add br-else type bridge && ip link set br-else group 1952542830 alias 'mine'",
};

/* Whether the kernel keeps who made an address (since Linux 5.18); ip(8) of Debian 12 can neither say nor show it. */
static int read_protocol(const struct netlink_address *address, void *data)
{
    *(bool *)data |= address->protocol == MODEL_ROUTE_PROTOCOL;
    return 0;
}

/* Gives br-lab its address as tapnet does; tells whether the kernel keeps the protocol. */
static bool add_own_address(bool *ret_kept)
{
    struct netlink *netlink = NULL;
    struct ip_prefix prefix;
    bool added = netlink_open(NETLINK_ROUTE, &netlink, NULL) == 0 &&
                 ip_prefix_parse("10.20.0.1/24", -1, &prefix) == 0 &&
                 netlink_address_add(netlink, (int)if_nametoindex("br-lab"), &prefix, MODEL_ROUTE_PROTOCOL, NULL) ==
                     0 &&
                 netlink_address_dump(netlink, read_protocol, NULL, ret_kept, NULL) == 0;

    netlink_close(netlink);
    return added;
}

static char run_dir[] = "/tmp/tapnet-observe-XXXXXX";
static bool protocols_kept;

static struct observe_found *observe(void)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct observe_found *found = NULL;

    if (observe_host(run_dir, &found, &error) < 0)
        fail_msg("%s", error.text);
    return found;
}

static const struct model_link *own_link(const struct observe_found *found, const char *name)
{
    for (size_t i = 0; i < found->objects.count; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_LINK && strcmp(found->objects.items[i].link.name, name) == 0)
            return &found->objects.items[i].link;
    return NULL;
}

static const struct observe_link *foreign_link(const struct observe_found *found, const char *name)
{
    for (size_t i = 0; i < found->link_count; i++)
        if (strcmp(found->links[i].name, name) == 0)
            return &found->links[i];
    return NULL;
}

static size_t count_kind(const struct observe_found *found, enum model_object_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < found->objects.count; i++)
        count += found->objects.items[i].kind == kind;
    return count;
}

static void test_our_links(void **state)
{
    struct observe_found *found = observe();
    const struct model_link *link = own_link(found, "br-lab");

    (void)state;
    assert_int_equal(count_kind(found, MODEL_OBJECT_LINK), 6);
    assert_non_null(link);
    assert_int_equal(link->kind, MODEL_LINK_BRIDGE);
    assert_string_equal(link->owner.set, "lab");
    assert_string_equal(link->owner.network, "lab");
    assert_true(link->up && link->mtu == 1400 && !link->forwarding && link->link_group == MODEL_LINK_GROUP);
    link = own_link(found, "lab-web");
    assert_non_null(link);
    assert_int_equal(link->kind, MODEL_LINK_TAP);
    assert_string_equal(link->owner.port, "web");
    assert_string_equal(link->master, "br-lab");
    assert_true(link->user == 0 && link->group == MODEL_ID_NONE && link->persistent && !link->multi_queue &&
                !link->carrier);
    link = own_link(found, "lab-box");
    assert_non_null(link);
    assert_int_equal(link->kind, MODEL_LINK_VETH);
    assert_true(link->user == MODEL_ID_NONE && link->owner.origin == MODEL_ORIGIN_ATTACHED && !link->persistent);
    link = own_link(found, "br-new");
    assert_non_null(link);
    assert_string_equal(link->owner.set, "");
    assert_false(link->disowned);
    link = own_link(found, "br-else"); /* whoever wants a bridge of that name may have it, and nobody else touches it */
    assert_non_null(link);
    assert_string_equal(link->owner.set, "");
    assert_true(link->disowned);
    link = own_link(found, "tun-vpn");
    assert_non_null(link);
    assert_int_equal(link->kind, MODEL_LINK_TUN);
    assert_string_equal(link->owner.port, "tun-vpn");
    assert_string_equal(link->owner.network, "");
    observe_free(found);
}

static void test_links_that_are_not_ours(void **state)
{
    static const char *const names[] = {"lo", "up0", "up1", "liar", "br-odd", "veth-odd", "box-far"};
    struct observe_found *found = observe();

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!foreign_link(found, names[i]) || own_link(found, names[i]))
            fail_msg("%s should not be ours", names[i]);
    assert_null(foreign_link(found, "br-lab"));
    assert_int_equal(foreign_link(found, "up1")->mtu, 1300);
    assert_int_equal(foreign_link(found, "up0")->ip4_forwarding, 0);
    assert_false(foreign_link(found, "up0")->wireless);
    for (size_t i = 1; i < found->link_count; i++)
        assert_true(strcmp(found->links[i - 1].name, found->links[i].name) < 0);
    observe_free(found);
}

/* Ours carries our protocol number; the address that a person put on our bridge is neither ours nor in the way. */
static void test_addresses(void **state)
{
    struct observe_found *found = observe();
    const struct model_object *address = NULL;

    (void)state;
    assert_int_equal(count_kind(found, MODEL_OBJECT_ADDRESS), protocols_kept ? 1 : 2);
    for (size_t i = 0; i < found->objects.count && !address; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_ADDRESS)
            address = &found->objects.items[i];
    assert_string_equal(address->address.device, "br-lab");
    assert_int_equal(ip4_value(&address->address.prefix.address), 0x0a140001);
    assert_int_equal(address->place.line, 0);
    observe_free(found);
}

static const struct model_host_address *own_address(const struct observe_found *found)
{
    for (size_t i = 0; i < found->objects.count; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_ADDRESS &&
            ip4_value(&found->objects.items[i].address.prefix.address) == 0x0a140001)
            return &found->objects.items[i].address;
    return NULL;
}

/* What ip(8) of Debian 12 can't set. */
static void limit_learning(const char *bridge)
{
    const struct netlink_link_change change = {.fields = NETLINK_LINK_LEARN_LIMIT};
    struct netlink *netlink = NULL;

    assert_int_equal(netlink_open(NETLINK_ROUTE, &netlink, NULL), 0);
    assert_int_equal(netlink_link_set(netlink, 0, bridge, &change, NULL), 0);
    netlink_close(netlink);
}

/* What somebody took or changed that is no object of its own. */
static void test_what_somebody_altered(void **state)
{
    static const struct {
        const char *link, *damage, *remedy;
        unsigned altered;
    } cases[] = {
        {"br-lab", "ip link set br-lab group 7", "ip link set br-lab group 1952542830", MODEL_ALTERED_GROUP},
        /* The kernel gives a bridge with a spanning tree a delay, and leaves it that when the tree goes. */
        {"br-lab", "ip link set br-lab type bridge stp_state 1",
         "ip link set br-lab type bridge stp_state 0 && ip link set br-lab type bridge forward_delay 0",
         MODEL_ALTERED_STP | MODEL_ALTERED_DELAY},
        {"br-lab", "ip link set br-lab type bridge forward_delay 400", "ip link set br-lab type bridge forward_delay 0",
         MODEL_ALTERED_DELAY},
        {"br-lab", "ip link set br-lab type bridge mcast_snooping 1", "ip link set br-lab type bridge mcast_snooping 0",
         MODEL_ALTERED_SNOOPING},
        {"lab-web", "bridge link set dev lab-web flood off", "bridge link set dev lab-web flood on",
         MODEL_ALTERED_PORT},
        {"lab-web", "bridge link set dev lab-web learning off", "bridge link set dev lab-web learning on",
         MODEL_ALTERED_PORT},
        {"lab-web", "bridge link set dev lab-web hairpin on", "bridge link set dev lab-web hairpin off",
         MODEL_ALTERED_PORT},
        {"br-lab", "ip link set br-lab type bridge group_fwd_mask 16",
         "ip link set br-lab type bridge group_fwd_mask 0xfff8", MODEL_ALTERED_GROUPS},
        {"br-lab", "ip link set br-lab type bridge no_linklocal_learn 0",
         "ip link set br-lab type bridge no_linklocal_learn 1", MODEL_ALTERED_GROUPS},
        {"br-lab", "sysctl -qw net.ipv4.conf.br-lab.arp_ignore=0", "sysctl -qw net.ipv4.conf.br-lab.arp_ignore=1",
         MODEL_ALTERED_ARP},
        {"lab-web", "ip link set lab-web arp on", "ip link set lab-web arp off", MODEL_ALTERED_ARP},
    };
    struct observe_found *found;

    (void)state;
    assert_int_equal(system("ip link set br-lab type bridge forward_delay 0 mcast_snooping 0 group_fwd_mask 0xfff8 "
                            "no_linklocal_learn 1 && sysctl -qw net.ipv4.conf.br-lab.arp_ignore=1 && "
                            "ip link set lab-web arp off"),
                     0);
    limit_learning("br-lab");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(system(cases[i].damage), 0);
        found = observe();
        if (own_link(found, cases[i].link)->altered != cases[i].altered)
            fail_msg("%s: altered is %u", cases[i].damage, own_link(found, cases[i].link)->altered);
        observe_free(found);
        assert_int_equal(system(cases[i].remedy), 0);
    }
    found = observe();
    assert_int_equal(own_link(found, "br-lab")->altered, 0);
    assert_false(own_address(found)->unrouted);
    observe_free(found);
    assert_int_equal(system("ip route del 10.20.0.0/24 dev br-lab"), 0);
    found = observe();
    assert_true(own_address(found)->unrouted);
    observe_free(found);
    assert_int_equal(system("ip route add 10.20.0.0/24 dev br-lab proto kernel scope link src 10.20.0.1"), 0);
}

static bool is_taken(const struct observe_found *found, const char *text)
{
    struct ip_prefix prefix = {0};

    assert_int_equal(ip_prefix_parse(text, -1, &prefix), 0);
    for (size_t i = 0; i < found->taken_count; i++)
        if (ip_prefix_compare(&found->taken[i], &prefix) == 0)
            return true;
    return false;
}

static void test_what_is_taken_and_the_way_out(void **state)
{
    struct observe_found *found = observe();

    (void)state;
    assert_true(is_taken(found, "192.0.2.0/24") && is_taken(found, "198.51.100.0/24"));
    assert_true(is_taken(found, "203.0.113.0/24")); /* by a route alone */
    assert_true(is_taken(found, "100.64.0.0/16"));  /* by a route without a link */
    assert_false(is_taken(found, "0.0.0.0/0"));
    assert_false(is_taken(found, "10.20.0.0/24")); /* ours */
    assert_false(is_taken(found, "10.77.0.0/16"));
    assert_string_equal(found->uplink, "up1");
    assert_false(found->ip_forward);
    observe_free(found);
    assert_true(namespace_write("/proc/sys/net/ipv4/ip_forward", "1"));
    found = observe();
    assert_true(found->ip_forward && foreign_link(found, "up0")->ip4_forwarding == 1);
    observe_free(found);
    assert_true(namespace_write("/proc/sys/net/ipv4/ip_forward", "0"));
}

/* ---- ledgers ---- */

static void write_ledger(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", run_dir, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* One good ledger among broken ones: it is found with the value of now, they count as absent. */
static void test_sysctls_from_the_ledger(void **state)
{
    char path[128], *text;
    struct observe_found *found;
    struct model_object object = {.kind = MODEL_OBJECT_SYSCTL};
    struct json_t *json;
    size_t count = 0;

    (void)state;
    snprintf(path, sizeof(path), "%s/sysctl", run_dir);
    assert_int_equal(mkdir(path, 0700), 0);
    object.sysctl = (struct model_sysctl){
        .path = "net/ipv4/conf/up1/forwarding", .value = "1", .restore = "0", .users = "lab"};
    json = model_object_to_json(&object);
    text = json_dumps(json, 0);
    write_ledger("sysctl/good.json", text);
    write_ledger("sysctl/good.json.tmp", text);
    text[strlen(text) / 2] = '\0';
    write_ledger("sysctl/cut.json", text);
    write_ledger("sysctl/empty.json", "");
    write_ledger("sysctl/other.json", "{\"kind\":\"nonsense\"}");
    write_ledger("sysctl/list.json", "[1,2,3]");
    free(text);
    json_decref(json);
    found = observe();
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_object *sysctl = &found->objects.items[i];

        if (sysctl->kind != MODEL_OBJECT_SYSCTL)
            continue;
        count++;
        assert_string_equal(sysctl->sysctl.path, "net/ipv4/conf/up1/forwarding");
        assert_string_equal(sysctl->sysctl.value, "0"); /* as it is, not as the ledger says */
        assert_string_equal(sysctl->sysctl.users, "lab");
    }
    assert_int_equal(count, 1);
    observe_free(found);
}

/* The service of network "lab" as the ledger has it: is it found, and found running? */
static bool find_service(bool *ret_running)
{
    struct observe_found *found = observe();
    bool there = false;

    for (size_t i = 0; i < found->objects.count; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_SERVICE) {
            there = true;
            *ret_running = found->objects.items[i].service.running;
        }
    observe_free(found);
    return there;
}

/* Listens where the service would. */
/* A process that answers one question with @reply, as the service would, and then dies. */
static pid_t answer_as_service(const char *reply)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    char request[256];
    pid_t child;

    snprintf(name.sun_path, sizeof(name.sun_path), "%s/service.sock", run_dir);
    unlink(name.sun_path);
    assert_int_equal(bind(fd, (void *)&name, sizeof(name)), 0);
    assert_int_equal(listen(fd, 5), 0);
    child = fork();
    if (child == 0) {
        int peer = accept(fd, NULL, NULL);

        _exit(peer < 0 || recv(peer, request, sizeof(request), 0) <= 0 || send(peer, reply, strlen(reply), 0) <= 0);
    }
    close(fd);
    return child;
}

/* No socket, a service that serves this network or only another, and one that died: a socket's file is no service. */
static void test_a_dead_service_does_not_run(void **state)
{
    struct model_network network = {.name = "lab", .bridge = "br-lab"};
    char path[128], text[4096], *network_text;
    struct json_t *json;
    bool running = true;
    pid_t service;

    (void)state;
    assert_int_equal(ip_prefix_parse("10.20.0.1/24", -1, &network.subnet), 0);
    json = model_network_to_json(&network);
    network_text = json_dumps(json, 0);
    snprintf(path, sizeof(path), "%s/networks", run_dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(text, sizeof(text), "{\"set\":\"lab\",\"bridge_index\":%u,\"network\":%s}", if_nametoindex("br-lab"),
             network_text);
    write_ledger("networks/lab.json", text);
    free(network_text);
    json_decref(json);
    assert_true(find_service(&running));
    assert_false(running);
    service = answer_as_service("{\"ok\":true,\"networks\":[\"other\",\"lab\"],\"pid\":1}");
    assert_true(find_service(&running));
    assert_true(running);
    waitpid(service, NULL, 0);
    assert_true(find_service(&running));
    assert_false(running);
    service = answer_as_service("{\"ok\":true,\"networks\":[\"other\"],\"pid\":1}");
    assert_true(find_service(&running));
    assert_false(running);
    waitpid(service, NULL, 0);
    service = answer_as_service("nonsense");
    assert_true(find_service(&running));
    assert_false(running);
    waitpid(service, NULL, 0);
    assert_true(find_service(&running));
    assert_false(running);
}

/* ---- who holds a TAP, and what went through it ---- */

static void test_the_holder_of_a_tap(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = "lab-web"};
    struct device_holder *holders = NULL;
    size_t count = 0, seen = 0;
    int idle = open("/dev/net/tun", O_RDWR | O_CLOEXEC), fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    (void)state;
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
        skip();
    assert_int_equal(device_holders(-1, &holders, &count, &error), 0);
    for (size_t i = 0; i < count; i++)
        if (holders[i].pid == getpid()) { /* once: the idle descriptor is of no device */
            seen++;
            assert_string_equal(holders[i].device, "lab-web");
            assert_string_equal(holders[i].command, output_of("cat /proc/%d/comm", getpid()));
        }
    assert_int_equal(seen, 1);
    free(holders);
    close(idle);
    close(fd);
}

static void test_traffic(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct observe_traffic *traffic = NULL;
    size_t count = 0, seen = 0;

    (void)state;
    assert_true(shell("ping -c 3 -q 127.0.0.1 >/dev/null"));
    assert_int_equal(observe_traffic(&traffic, &count, &error), 0);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || strcmp(traffic[i - 1].device, traffic[i].device) < 0);
        if (strcmp(traffic[i].device, "lo") == 0) {
            seen++;
            assert_true(traffic[i].up && traffic[i].rx_packets >= 6 && traffic[i].tx_bytes >= 6 * 84);
        }
    }
    assert_int_equal(seen, 1);
    free(traffic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_links),
        cmocka_unit_test(test_links_that_are_not_ours),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_what_somebody_altered),
        cmocka_unit_test(test_what_is_taken_and_the_way_out),
        cmocka_unit_test(test_sysctls_from_the_ledger),
        cmocka_unit_test(test_a_dead_service_does_not_run),
        cmocka_unit_test(test_the_holder_of_a_tap),
        cmocka_unit_test(test_traffic),
    };
    int failed;

    namespace_enter();
    for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++)
        if (!shell("%s", host[i])) {
            printf("skipped: this host cannot be made: %s\n", host[i]);
            return TEST_SKIPPED;
        }
    if (!add_own_address(&protocols_kept) || !mkdtemp(run_dir))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    shell("rm -r %s", run_dir);
    return failed;
}
