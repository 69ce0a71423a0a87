/* SPDX-License-Identifier: MIT */
/* Elements of our sets in a real kernel: in and out, many at once, all or nothing, read while they change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "kernel.h"

/* ---- elements ---- */

#define SAMPLES 97

static const struct mac guest_mac = {{0x52, 0x54, 0, 1, 2, 3}};

/* Of routed networks, by IPv6 above all. */
static void make_routed_samples6(struct guard_element samples[SAMPLES], const char *longest)
{
    struct ip_address gateway6 = kernel_address("fd00:20::ffff:1");
    const struct ip_prefix subnet6 = {gateway6, 64};

    samples[GUARD_ROUTED_PORTS6] = guard_device(GUARD_ROUTED_PORTS6, "t", "lab/lab/t");
    samples[GUARD_ROUTED_ADDRESSES6] = guard_routed_source(GUARD_ROUTED_ADDRESSES, "t", &guest_mac, &gateway6, longest);
    samples[GUARD_ROUTED_LIMITED_ADDRESSES6] = guard_routed_source(GUARD_ROUTED_LIMITED_ADDRESSES, "t", &guest_mac,
                                                                   &gateway6, "lab/lab/t");
    samples[GUARD_ROUTED_ANY_MAC_ADDRESSES6] = guard_routed_address(GUARD_ROUTED_ANY_MAC_ADDRESSES, "t", &gateway6,
                                                                    "lab/lab/t");
    samples[GUARD_WAYS6] = guard_way6("t", "eth0", "lab/lab/t");
    samples[GUARD_LIMITED_WAYS6] = guard_limited_way6("t", "eth0", "lab/lab/t");
    samples[GUARD_PEERS6] = guard_peers(GUARD_PEERS, &subnet6, "lab/lab");
    samples[GUARD_ROUTED_APART6] = guard_peers(GUARD_ROUTED_APART, &subnet6, "lab/lab");
    samples[GUARD_SECLUDED_PORTS] = guard_device(GUARD_SECLUDED_PORTS, "t", "lab/lab/t");
    samples[GUARD_ROUTED_PUBLISHED6] = guard_routed_address(GUARD_ROUTED_PUBLISHED, "t", &gateway6, "lab/lab/t");
    samples[GUARD_OUTSIDES6] = guard_translated(GUARD_OUTSIDES, "t", &gateway6, &gateway6, "lab/lab/t");
    samples[GUARD_INSIDES6] = guard_translated(GUARD_INSIDES, "t", &gateway6, &gateway6, "lab/lab/t");
    samples[GUARD_INSIDE_TARGETS6] = guard_routed_address(GUARD_INSIDE_TARGETS6, "t", &gateway6, "lab/lab/t");
}

/* One element of each set. */
static void make_samples(struct guard_element samples[SAMPLES])
{
    static char longest[GUARD_LABEL_MAX];
    struct ip_address gateway = kernel_address("10.20.0.1"), guest = kernel_address("255.255.255.254");
    const struct ip_prefix subnet = {gateway, 22};
    struct ip_address gateway6 = kernel_address("fd00:20::ffff:1");

    memset(longest, 'l', sizeof(longest) - 1);
    samples[GUARD_NETWORKS] = guard_network("br-of-15-charac", longest);
    samples[GUARD_BRIDGED] = guard_bridged("br-of-15-charac", "lab/lab");
    samples[GUARD_PATHS] = guard_path("up-of-15-charac", "br-of-15-charac", "lab/lab");
    samples[GUARD_EGRESS] = guard_egress("br-of-15-charac", "up-of-15-charac", "lab/lab");
    samples[GUARD_GATEWAYS] = guard_gateway("br-lab", &gateway, "lab/lab");
    samples[GUARD_DNS_PORTS] = guard_dns_port("br-lab", &gateway, 65535, "lab/lab");
    samples[GUARD_DNS_SERVED] = guard_dns_served("br-lab", &gateway, 1, "lab/lab");
    samples[GUARD_CLOSED] = guard_closed("eth0", "");
    samples[GUARD_FORWARDS] = guard_forward(&(struct ip_address){0}, IPPROTO_UDP, 65535, &guest, 1, longest);
    samples[GUARD_BOUND_FORWARDS] = guard_forward(&gateway, IPPROTO_TCP, 8080, &guest, 80, "lab/lab/t");
    samples[GUARD_FORWARD_RANGES] = guard_forward_range(&(struct ip_address){0}, IPPROTO_TCP, 8000, 8010, &guest,
                                                        "lab/lab/t");
    samples[GUARD_PUBLISHED] = guard_published(&guest, "lab/lab/t");
    samples[GUARD_SUBNETS] = guard_subnet("br-of-15-charac", &(struct ip_prefix){gateway, 8}, "lab/lab");
    samples[GUARD_APART] = guard_apart("br-of-15-charac", "lab/lab");
    samples[GUARD_FORWARDS6] = guard_forward(&(struct ip_address){0}, IPPROTO_UDP, 65535, &gateway6, 1, longest);
    samples[GUARD_BOUND_FORWARDS6] = guard_forward(&gateway6, IPPROTO_TCP, 8080, &gateway6, 80, "lab/lab/t");
    samples[GUARD_FORWARD_RANGES6] = guard_forward_range(&(struct ip_address){0}, IPPROTO_TCP, 8000, 8010, &gateway6,
                                                         "lab/lab/t");
    samples[GUARD_PUBLISHED6] = guard_published(&gateway6, "lab/lab/t");
    samples[GUARD_SUBNETS6] = guard_subnet("br-of-15-charac", &(struct ip_prefix){gateway6, 64}, "lab/lab");
    samples[GUARD_PORTS] = guard_port("t", "lab/lab/t");
    samples[GUARD_PORT_ADDRESSES] = guard_port_source("t", &guest_mac, &guest, longest);
    samples[GUARD_PORT_MACS] = guard_port_mac("t", &guest_mac, "lab/lab/t");
    samples[GUARD_ANY_MAC_ADDRESSES] = guard_any_mac_source("t", &guest, "lab/lab/t");
    samples[GUARD_ANY_MAC_PORTS] = guard_any_mac_port("t", "lab/lab/t");
    samples[GUARD_RESOLVERS] = guard_resolver(&gateway, "lab/lab");
    samples[GUARD_PORT_NETWORKS] = guard_port_network("t", 0xfedcba98, "lab/lab/t");
    samples[GUARD_PROPOSED_MACS] = guard_proposed_mac("t", &guest_mac, "lab/lab/t");
    samples[GUARD_OPEN_ADDRESSES] = guard_open_address("t", &guest, "lab/lab/t");
    samples[GUARD_NETWORK_MACS] = guard_network_mac(0xfedcba98, &guest_mac, "lab/lab");
    samples[GUARD_LEARNED_PORTS] = guard_learned_port("t");
    samples[GUARD_REFUSED_MACS] = guard_refused_mac("t", &guest_mac);
    samples[GUARD_BLOCKED] = guard_blocked("t");
    samples[GUARD_ROUTED_BLOCKED] = guard_routed_blocked(GUARD_ROUTED_BLOCKED, "t");
    samples[GUARD_ARP_BLOCKED] = guard_routed_blocked(GUARD_ARP_BLOCKED, "t");
    samples[GUARD_ROUTED_REFUSED_MACS] = guard_routed_refused_mac("t", &guest_mac);
    samples[GUARD_ROUTED_PORTS] = guard_device(GUARD_ROUTED_PORTS, "t", "lab/lab/t");
    samples[GUARD_ROUTED_ADDRESSES] = guard_routed_source(GUARD_ROUTED_ADDRESSES, "t", &guest_mac, &guest, "lab/lab/t");
    samples[GUARD_ROUTED_MACS] = guard_routed_mac("t", &guest_mac, "lab/lab/t");
    samples[GUARD_ROUTED_ANY_MAC_ADDRESSES] = guard_routed_address(GUARD_ROUTED_ANY_MAC_ADDRESSES, "t", &guest,
                                                                   "lab/lab/t");
    samples[GUARD_ROUTED_ANY_MAC_PORTS] = guard_device(GUARD_ROUTED_ANY_MAC_PORTS, "t", "lab/lab/t");
    samples[GUARD_WAYS] = guard_way("t", "eth0", "lab/lab/t");
    samples[GUARD_PEERS] = guard_peers(GUARD_PEERS, &subnet, "lab/lab");
    samples[GUARD_ROUTED_LIMITED_ADDRESSES] = guard_routed_source(GUARD_ROUTED_LIMITED_ADDRESSES, "t", &guest_mac,
                                                                  &guest, "lab/lab/t");
    samples[GUARD_ROUTED_SEND_LIMITS] = guard_device(GUARD_ROUTED_SEND_LIMITS, "t", "lab/lab/t");
    guard_set_limit(&samples[GUARD_ROUTED_SEND_LIMITS], UINT64_C(12500000000), UINT32_MAX);
    samples[GUARD_LIMITED_WAYS] = guard_limited_way("t", "eth0", "lab/lab/t");
    samples[GUARD_ROUTED_APART] = guard_peers(GUARD_ROUTED_APART, &subnet, "lab/lab");
    samples[GUARD_ROUTED_PUBLISHED] = guard_routed_address(GUARD_ROUTED_PUBLISHED, "t", &guest, "lab/lab/t");
    make_routed_samples6(samples, longest);
    samples[GUARD_ARP_PORTS] = guard_device(GUARD_ARP_PORTS, "t", "lab/lab/t");
    samples[GUARD_ARP_ADDRESSES] = guard_routed_source(GUARD_ARP_ADDRESSES, "t", &guest_mac, &guest, "lab/lab/t");
    samples[GUARD_ARP_ANY_MAC_ADDRESSES] = guard_routed_address(GUARD_ARP_ANY_MAC_ADDRESSES, "t", &guest, "lab/lab/t");
    samples[GUARD_ARP_REACH] = guard_peers(GUARD_ARP_REACH, &subnet, "lab/lab");
    samples[GUARD_OUTSIDES] = guard_translated(GUARD_OUTSIDES, "t", &gateway, &guest, "lab/lab/t");
    samples[GUARD_INSIDES] = guard_translated(GUARD_INSIDES, "t", &guest, &gateway, "lab/lab/t");
    samples[GUARD_GROUP_LIMITS] = guard_group_limit("t", 1000, "lab/lab/t");
    samples[GUARD_SEND_LIMITS] = guard_send_limit("t", UINT64_C(12500000000), UINT32_MAX, "lab/lab/t");
    samples[GUARD_LAN_TAKEN] = guard_lan_taken(&gateway, "lab/lab");
    samples[GUARD_LAN_TAKEN6] = guard_lan_taken(&gateway6, "lab/lab");
    samples[GUARD_LAN_PORTS] = guard_lan_port("t", "lab/lab/t");
    samples[GUARD_CONNECTION_LIMITS] = guard_connection_limit("br-lab", &guest, 1000, "lab/lab/t");
    samples[GUARD_REFUSED_CONNECTIONS] = guard_refused_connections("br-lab", &guest);
    samples[GUARD_EGRESS6] = guard_egress6("br-of-15-charac", "up-of-15-charac", "lab/lab");
    samples[GUARD_MASQUERADE6] = guard_masquerade6("br-of-15-charac", "up-of-15-charac", "lab/lab");
    samples[GUARD_PATHS6] = guard_path6("up-of-15-charac", "br-of-15-charac", "lab/lab");
    samples[GUARD_GATEWAYS6] = guard_gateway("br-lab", &gateway6, "lab/lab");
    samples[GUARD_DNS_PORTS6] = guard_dns_port("br-lab", &gateway6, 65535, "lab/lab");
    samples[GUARD_DNS_SERVED6] = guard_dns_served("br-lab", &gateway6, 1, "lab/lab");
    samples[GUARD_CLOSED6] = guard_device(GUARD_CLOSED6, "eth0", "");
    samples[GUARD_CLOSED_FAMILIES] = guard_closed_family(AF_INET6, "uplink");
    samples[GUARD_ROUTERS6] = guard_device(GUARD_ROUTERS6, "eth0", "uplink");
    samples[GUARD_PROXIES6] = guard_device(GUARD_PROXIES6, "eth0", "uplink");
    samples[GUARD_LEARNING6] = guard_device(GUARD_LEARNING6, "eth0", "uplink");
    samples[GUARD_PORT_ADDRESSES6] = guard_port_source("t", &guest_mac, &gateway6, longest);
    samples[GUARD_OPEN_ADDRESSES6] = guard_open_address("t", &gateway6, "lab/lab/t");
    samples[GUARD_PORT_IDENTIFIERS6] = guard_port_identifier("t", &guest_mac, "lab/lab/t");
    samples[GUARD_ANY_MAC_ADDRESSES6] = guard_any_mac_source("t", &gateway6, "lab/lab/t");
    samples[GUARD_RESOLVERS6] = guard_resolver(&gateway6, "lab/lab");
    samples[GUARD_CONNECTION_LIMITS6] = guard_connection_limit("br-lab", &gateway6, 1000, "lab/lab/t");
    samples[GUARD_REFUSED_CONNECTIONS6] = guard_refused_connections("br-lab", &gateway6);
    samples[GUARD_OPEN_HOSTS] = guard_device(GUARD_OPEN_HOSTS, "br-lab", "lab/lab");
    samples[GUARD_ANY_PROTOCOL_PORTS] = guard_device(GUARD_ANY_PROTOCOL_PORTS, "t", "lab/lab/t");
    samples[GUARD_ERRORS] = guard_routed_address(GUARD_ERRORS, "t", &guest, "");
    samples[GUARD_ROUTED_ERRORS] = guard_routed_address(GUARD_ROUTED_ERRORS, "t", &guest, "");
    samples[GUARD_REFUSED] = guard_refused("br-lab", &guest);
    samples[GUARD_REFUSED6] = guard_refused6("br-lab", &guest_mac);
}

static void elements_of_every_set_come_back_as_they_went(void **state)
{
    struct guard_element samples[SAMPLES];
    size_t seen = 0;

    (void)state;
    assert_int_equal(SAMPLES, GUARD_SET_COUNT);
    make_samples(samples);
    kernel_change(samples, SAMPLES, NULL, 0);
    for (enum guard_family family = 0; family < GUARD_FAMILY_COUNT; family++) {
        kernel_observe_elements(family);
        for (size_t i = 0; i < kernel_found.count; i++, seen++) {
            const struct guard_element *sample = &samples[kernel_found.items[i].set];

            assert_int_equal(guard_schemas[kernel_found.items[i].set].family, family);
            assert_memory_equal(kernel_found.items[i].key, sample->key, GUARD_KEY_MAX);
            assert_memory_equal(kernel_found.items[i].data, sample->data, GUARD_DATA_MAX);
            assert_string_equal(kernel_found.items[i].label, sample->label);
        }
    }
    assert_int_equal(seen, SAMPLES);
    kernel_change(NULL, 0, samples, SAMPLES);
    kernel_observe_elements(GUARD_INET);
    assert_int_equal(kernel_found.count, 0);
    kernel_observe_elements(GUARD_BRIDGE);
    assert_int_equal(kernel_found.count, 0);
    kernel_observe_elements(GUARD_ARP);
    assert_int_equal(kernel_found.count, 0);
}

static void nft_prints_elements_with_their_types(void **state)
{
    struct guard_element samples[SAMPLES];
    char line[600];

    (void)state;
    make_samples(samples);
    kernel_change(samples, SAMPLES, NULL, 0);
    kernel_shell_line("nft -j list map inet tapnet dns_ports | jq -c '.nftables[1].map | [.type, .map, .elem]'", line,
                      sizeof(line));
    assert_string_equal(line, "[[\"ifname\",\"ipv4_addr\"],\"inet_service\","
                              "[[{\"elem\":{\"val\":{\"concat\":[\"br-lab\",\"10.20.0.1\"]},\"comment\":\"lab/lab\"}},"
                              "65535]]]");
    kernel_shell_line("nft -j list set inet tapnet egress | jq -c '.nftables[1].set | [.type, .elem]'", line,
                      sizeof(line));
    assert_string_equal(line, "[[\"ifname\",\"ifname\"],"
                              "[{\"elem\":{\"val\":{\"concat\":[\"br-of-15-charac\",\"up-of-15-charac\"]},"
                              "\"comment\":\"lab/lab\"}}]]");
    kernel_shell_line("nft list set bridge tapnet port_addresses | grep -o '\"t\" .*' | tr -d l", line, sizeof(line));
    assert_string_equal(line, "\"t\" . 52:54:00:01:02:03 . 255.255.255.254 comment \"\" }");
    kernel_shell_line("nft list set bridge tapnet resolvers | grep -o '10.*'", line, sizeof(line));
    assert_string_equal(line, "10.20.0.1 comment \"lab/lab\" }");
    kernel_shell_line("nft list set inet tapnet peers | grep -o '10.*'", line, sizeof(line));
    assert_string_equal(line, "10.20.0.0/22 . 10.20.0.0/22 comment \"lab/lab\" }");
    kernel_shell_line("nft list map inet tapnet forwards | grep -o 'udp.*' | tr -d l", line, sizeof(line));
    assert_string_equal(line, "udp . 65535 comment \"\" : 255.255.255.254 . 1 }");
    kernel_shell_line("nft list map inet tapnet bound_forwards | grep -o '10.20.*'", line, sizeof(line));
    assert_string_equal(line, "10.20.0.1 . tcp . 8080 comment \"lab/lab/t\" : 255.255.255.254 . 80 }");
    kernel_shell_line("nft list map inet tapnet forward_ranges | grep -o '0.0.0.*'", line, sizeof(line));
    assert_string_equal(line, "0.0.0.0/0 . tcp . 8000-8010 comment \"lab/lab/t\" : 255.255.255.254 }");
    kernel_shell_line("nft list map inet tapnet forwards6 | grep -o 'udp.*' | tr -d l", line, sizeof(line));
    assert_string_equal(line, "udp . 65535 comment \"\" : fd00:20::ffff:1 . 1 }");
    kernel_shell_line("nft list map inet tapnet forward_ranges6 | grep -o '::/0.*'", line, sizeof(line));
    assert_string_equal(line, "::/0 . tcp . 8000-8010 comment \"lab/lab/t\" : fd00:20::ffff:1 }");
    kernel_shell_line("nft list set bridge tapnet port_addresses6 | grep -o '\"t\" .*' | tr -d l", line, sizeof(line));
    assert_string_equal(line, "\"t\" . 52:54:00:01:02:03 . 0xfd0000200000000000000000ffff0001 comment \"\" }");
}

/* Two forwards of one port are refused by the kernel, too: who comes second has no way to take it unseen. */
static void ranges_that_overlap_are_refused(void **state)
{
    const struct ip_address any = {0}, guest = kernel_address("10.20.0.7"), host = kernel_address("192.0.2.2");
    const struct guard_element range = guard_forward_range(&any, IPPROTO_TCP, 8000, 8010, &guest, "lab/lab/t");
    const struct guard_element inside = guard_forward_range(&host, IPPROTO_TCP, 8005, 8006, &guest, "lab/lab/u");
    const struct guard_element beside = guard_forward_range(&host, IPPROTO_UDP, 8005, 8006, &guest, "lab/lab/u");
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    (void)state;
    kernel_change(&range, 1, NULL, 0);
    nft_transaction_init(&transaction);
    nft_elements_add(&transaction, &inside, 1);
    assert_true(kernel_commit(&transaction, &error) < 0);
    assert_non_null(strstr(error.text, "192.0.2.2 . tcp . 8005 - 192.0.2.2 . tcp . 8006 : 10.20.0.7 of nftables set "
                                       "forward_ranges"));
    kernel_change(&beside, 1, NULL, 0);
    kernel_change(&inside, 1, &range, 1); /* in one transaction it may follow */
}

static void a_maps_data_changes_in_one_transaction(void **state)
{
    struct ip_address gateway = kernel_address("10.20.0.1");
    struct guard_element before = guard_dns_port("br-lab", &gateway, 10053, "lab/lab");
    struct guard_element after = guard_dns_port("br-lab", &gateway, 10054, "lab/lab");

    (void)state;
    kernel_change(&before, 1, NULL, 0);
    kernel_change(&after, 1, &before, 1);
    kernel_observe_elements(GUARD_INET);
    assert_int_equal(kernel_found.count, 1);
    assert_true(guard_element_equal(&kernel_found.items[0], &after));
}

static void elements_of_others_in_our_sets_are_seen_too(void **state)
{
    (void)state;
    assert_int_equal(kernel_shell("nft 'add element inet tapnet egress { \"br-x\" . \"eth9\" }'"), 0);
    kernel_observe_elements(GUARD_INET);
    assert_int_equal(kernel_found.count, 1);
    assert_string_equal(kernel_found.items[0].label, "");
    assert_string_equal(guard_read_ifname(&kernel_found.items[0], 1), "eth9");
}

static void sets_of_another_shape_are_passed_over(void **state)
{
    (void)state;
    kernel_teardown(NULL);
    assert_int_equal(
        kernel_shell("nft -f - <<'END'\n"
                     "table inet tapnet {\n"
                     "  set networks { type ifname; elements = { \"br-lab\" } }\n"
                     "  set egress { type ipv4_addr; elements = { 10.0.0.1 } }\n"
                     "  map dns_ports { type ifname . ipv4_addr : mark; elements = { \"a\" . 1.2.3.4 : 5 } }\n"
                     "}\nEND\n"),
        0);
    kernel_observe_elements(GUARD_INET);
    assert_int_equal(kernel_found.count, 1);
    assert_int_equal(kernel_found.items[0].set, GUARD_NETWORKS);
}

static void no_table_has_no_elements(void **state)
{
    (void)state;
    kernel_observe_elements(GUARD_INET);
    assert_int_equal(kernel_found.count, 0);
}

static int stop(const struct guard_element *element, void *data)
{
    (void)element;
    ++*(int *)data;
    return -ENOMEM;
}

static void a_reader_that_stops_is_heard(void **state)
{
    struct guard_element samples[SAMPLES];
    struct tapnet_error error = {0};
    int calls = 0;

    (void)state;
    make_samples(samples);
    kernel_change(samples, SAMPLES, NULL, 0);
    assert_int_equal(nft_elements_observe(kernel_netlink, GUARD_INET, stop, NULL, &calls, &error), -ENOMEM);
    assert_int_equal(calls, 1);
}

/* ---- all or nothing ---- */

static void one_bad_element_leaves_everything_as_before(void **state)
{
    struct guard_element there = guard_egress("br-lab", "eth0", "lab/lab");
    struct guard_element elements[] = {
        guard_network("br-a", "x"),        guard_egress("br-a", "eth0", "x"), guard_egress("br-lab", "eth0", "x"),
        guard_egress("br-b", "eth0", "x"), guard_port("tap-a", "x"),
    };
    struct tapnet_error error = {0};
    struct nft_transaction transaction;
    uint32_t before;

    (void)state;
    kernel_change(&there, 1, NULL, 0);
    before = kernel_generation();
    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_BRIDGE);
    nft_table_add(&transaction, GUARD_BRIDGE);
    nft_elements_add(&transaction, elements, ARRAY_COUNT(elements));
    assert_int_equal(kernel_commit(&transaction, &error), -EEXIST);
    assert_string_equal(error.text, "element br-lab . eth0 of nftables set egress: File exists");
    assert_int_equal(kernel_generation(), before);
    kernel_observe_elements(GUARD_INET);
    assert_int_equal(kernel_found.count, 1);
    kernel_observe_elements(GUARD_BRIDGE);
    assert_int_equal(kernel_found.count, 0);
}

static void an_element_that_is_gone_is_named(void **state)
{
    struct ip_address guest = kernel_address("10.20.0.2");
    struct guard_element there = guard_port_source("tap-a", &guest_mac, &guest, "x");
    struct guard_element elements[] = {there, guard_port_source("tap-b", &guest_mac, &guest, "x")};
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    (void)state;
    kernel_change(&there, 1, NULL, 0);
    nft_transaction_init(&transaction);
    nft_elements_delete(&transaction, elements, 2);
    assert_int_equal(kernel_commit(&transaction, &error), -ENOENT);
    assert_string_equal(error.text, "element tap-b . 52:54:00:01:02:03 . 10.20.0.2 of nftables set port_addresses: "
                                    "No such file or directory");
    kernel_observe_elements(GUARD_BRIDGE);
    assert_int_equal(kernel_found.count, 1);
}

static void an_element_without_its_table_is_named(void **state)
{
    struct guard_element element = guard_network("br-lab", "x");
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    (void)state;
    nft_transaction_init(&transaction);
    nft_elements_add(&transaction, &element, 1);
    assert_int_equal(kernel_commit(&transaction, &error), -ENOENT);
    assert_non_null(strstr(error.text, "element br-lab of nftables set networks: "));
}

static void no_change_is_no_transaction(void **state)
{
    struct nft_transaction transaction;
    uint32_t before = kernel_generation();

    (void)state;
    nft_transaction_init(&transaction);
    nft_elements_add(&transaction, NULL, 0);
    kernel_commit_well(&transaction);
    assert_int_equal(kernel_generation(), before);
}

static void a_damaged_table_is_replaced_with_its_elements_at_once(void **state)
{
    struct guard_element samples[SAMPLES];
    struct nft_transaction transaction;
    uint32_t before;

    (void)state;
    make_samples(samples);
    kernel_change(samples, SAMPLES, NULL, 0);
    assert_int_equal(kernel_shell("nft flush chain inet tapnet from_guest"), 0);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_DIFFERS);
    before = kernel_generation();
    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_INET);
    nft_table_add(&transaction, GUARD_INET);
    nft_elements_add(&transaction, samples, GUARD_PORTS); /* those of the inet table */
    kernel_commit_well(&transaction);
    assert_int_equal(kernel_generation(), before + 1);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_INTACT);
    kernel_observe_elements(GUARD_INET);
    assert_int_equal(kernel_found.count, GUARD_PORTS);
    kernel_observe_elements(GUARD_BRIDGE);
    assert_int_equal(kernel_found.count, GUARD_ARP_PORTS - GUARD_PORTS);
}

/* ---- many ---- */

#define MANY 5000

static struct guard_element many[MANY];

static void make_many(void)
{
    static char labels[MANY][32], names[MANY][16];

    for (unsigned i = 0; i < MANY; i++) {
        struct ip_address guest = {.family = AF_INET, .bytes = {10, 20, (uint8_t)(i >> 8), (uint8_t)i}};

        snprintf(labels[i], sizeof(labels[i]), "lab/lab/port-%u", i);
        snprintf(names[i], sizeof(names[i]), "tap-%u", i);
        if (i < MANY / 2)
            many[i] = guard_port_source(names[i], &guest_mac, &guest, labels[i]);
        else
            many[i] = guard_port(names[i], labels[i]);
    }
}

static double milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Is one element among those found twice? They are sorted afterwards. */
static bool found_twice(void)
{
    if (kernel_found.count)
        qsort(kernel_found.items, kernel_found.count, sizeof(*kernel_found.items), kernel_compare);
    for (size_t i = 1; i < kernel_found.count; i++)
        if (guard_element_compare(&kernel_found.items[i - 1], &kernel_found.items[i]) == 0)
            return true;
    return false;
}

static void five_thousand_elements_in_one_transaction(void **state)
{
    uint32_t before = kernel_generation();
    double start, added, read;
    int attempts = 0;

    (void)state;
    make_many();
    start = milliseconds();
    kernel_change(many, MANY, NULL, 0);
    added = milliseconds();
    do /* while the hash table grows, the kernel lists some elements twice and others not: see observe/host.c */
        kernel_observe_elements(GUARD_BRIDGE);
    while (found_twice() && attempts++ < 100);
    read = milliseconds();
    assert_int_equal(kernel_generation(), before + 1);
    assert_int_equal(kernel_found.count, MANY);
    qsort(many, MANY, sizeof(*many), kernel_compare);
    for (size_t i = 0; i < MANY; i++)
        assert_true(guard_element_equal(&kernel_found.items[i], &many[i]));
    print_message("%d elements: added in %.1f ms, read in %.1f ms\n", MANY, added - start, read - added);
    kernel_change(NULL, 0, many, MANY);
    kernel_observe_elements(GUARD_BRIDGE);
    assert_int_equal(kernel_found.count, 0);
}

static void the_one_bad_of_five_thousand_is_named(void **state)
{
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    (void)state;
    make_many();
    kernel_change(&many[1234], 1, NULL, 0);
    nft_transaction_init(&transaction);
    nft_elements_add(&transaction, many, MANY);
    assert_int_equal(kernel_commit(&transaction, &error), -EEXIST);
    assert_string_equal(error.text, "element tap-1234 . 52:54:00:01:02:03 . 10.20.4.210 of nftables set "
                                    "port_addresses: File exists");
    kernel_observe_elements(GUARD_BRIDGE);
    assert_int_equal(kernel_found.count, 1);
}

/* Adds and deletes the elements, all at once, until it is killed. */
static void keep_changing(void)
{
    netlink_close(kernel_netlink);
    if (netlink_open(NETLINK_NETFILTER, &kernel_netlink, NULL) < 0)
        _exit(1);
    for (;;) {
        kernel_change(many, MANY / 4, NULL, 0);
        usleep(10000);
        kernel_change(NULL, 0, many, MANY / 4);
        usleep(10000);
    }
}

#define CHANGES_MSEC 20000 /* a busy machine may let nobody but the reader run for long */

static void what_changes_while_it_is_read_is_read_again(void **state)
{
    unsigned seen_none = 0, seen_all = 0, seen_half = 0, failed = 0;
    double end = milliseconds() + CHANGES_MSEC;
    pid_t child;

    (void)state;
    make_many();
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        keep_changing();
    for (int round = 0; (round < 200 || !seen_none || !seen_all) && milliseconds() < end; round++) {
        int r = nft_elements_observe(kernel_netlink, GUARD_BRIDGE, kernel_collect, kernel_forget, NULL, NULL);

        if (r == -EAGAIN || found_twice())
            continue; /* it may give up, but never tell half of it; of doubles see above */
        failed += r < 0;
        seen_none += kernel_found.count == 0;
        seen_all += kernel_found.count == MANY / 4;
        seen_half += kernel_found.count != 0 && kernel_found.count != MANY / 4;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(failed, 0);
    assert_int_equal(seen_half, 0);
    assert_true(seen_none > 0 && seen_all > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLES(elements_of_every_set_come_back_as_they_went),
        WITH_TABLES(nft_prints_elements_with_their_types),
        WITH_TABLES(ranges_that_overlap_are_refused),
        WITH_TABLES(a_maps_data_changes_in_one_transaction),
        WITH_TABLES(elements_of_others_in_our_sets_are_seen_too),
        WITH_TABLES(sets_of_another_shape_are_passed_over),
        WITHOUT_TABLES(no_table_has_no_elements),
        WITH_TABLES(a_reader_that_stops_is_heard),
        WITH_TABLES(one_bad_element_leaves_everything_as_before),
        WITH_TABLES(an_element_that_is_gone_is_named),
        WITHOUT_TABLES(an_element_without_its_table_is_named),
        WITH_TABLES(no_change_is_no_transaction),
        WITH_TABLES(a_damaged_table_is_replaced_with_its_elements_at_once),
        WITH_TABLES(five_thousand_elements_in_one_transaction),
        WITH_TABLES(what_changes_while_it_is_read_is_read_again),
        WITH_TABLES(the_one_bad_of_five_thousand_is_named),
    };

    if (!kernel_enter())
        return KERNEL_SKIP;
    return cmocka_run_group_tests_name("nft elements", tests, NULL, NULL);
}
