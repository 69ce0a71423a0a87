/* SPDX-License-Identifier: MIT */
/*
 * Our tables in a real kernel: made, observed, touched by others, replaced; elements in and out; all or nothing.
 *
 * Runs in a network namespace of its own, as root or as root of a user namespace. `nft` is the hand of others, and the
 * judge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nf_tables.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "nft/message.h"
#include "nft/nft.h"

#define SKIP 77

static struct netlink *netlink;

/* ---- helpers ---- */

static int shell(const char *command)
{
    int status = system(command);

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The first line that @command prints, without its end. */
static void shell_line(const char *command, char *line, size_t size)
{
    FILE *pipe = popen(command, "r");

    assert_non_null(pipe);
    if (!fgets(line, (int)size, pipe))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    pclose(pipe);
}

static struct ip_address address(const char *text)
{
    struct ip_address parsed;

    assert_int_equal(ip_address_parse(text, &parsed), 0);
    return parsed;
}

static enum nft_table_state observe(enum guard_family family)
{
    struct tapnet_error error = {0};
    enum nft_table_state state;

    if (nft_table_observe(netlink, family, &state, &error) < 0)
        fail_msg("%s", error.text);
    return state;
}

static int commit(struct nft_transaction *transaction, struct tapnet_error *error)
{
    int r = nft_commit(netlink, transaction, error);

    nft_transaction_fini(transaction);
    return r;
}

static void commit_well(struct nft_transaction *transaction)
{
    struct tapnet_error error = {0};

    if (commit(transaction, &error) < 0)
        fail_msg("%s", error.text);
}

static void add_tables(void)
{
    struct nft_transaction transaction;

    nft_transaction_init(&transaction);
    nft_table_add(&transaction, GUARD_INET);
    nft_table_add(&transaction, GUARD_BRIDGE);
    commit_well(&transaction);
}

static void change(const struct guard_element *add, size_t add_count, const struct guard_element *delete,
                   size_t delete_count)
{
    struct nft_transaction transaction;

    nft_transaction_init(&transaction);
    nft_elements_delete(&transaction, delete, delete_count);
    nft_elements_add(&transaction, add, add_count);
    commit_well(&transaction);
}

/* Every test starts with intact, empty tables, and leaves nothing. */
static int make_tables(void **state)
{
    (void)state;
    add_tables();
    return 0;
}

static int flush(void **state)
{
    (void)state;
    return shell("nft flush ruleset");
}

/* ---- what is in the kernel ---- */

struct found {
    struct guard_element items[8192];
    char labels[8192][GUARD_LABEL_MAX];
    size_t count;
};

static struct found found;

static int collect(const struct guard_element *element, void *data)
{
    (void)data;
    assert_true(found.count < ARRAY_COUNT(found.items));
    snprintf(found.labels[found.count], GUARD_LABEL_MAX, "%s", element->label);
    found.items[found.count] = *element;
    found.items[found.count].label = found.labels[found.count];
    found.count++;
    return 0;
}

static void forget(void *data)
{
    (void)data;
    found.count = 0;
}

static int compare(const void *a, const void *b)
{
    return guard_element_compare(a, b);
}

/* All elements of a family's table, sorted, in `found`. */
static void observe_elements(enum guard_family family)
{
    struct tapnet_error error = {0};

    forget(NULL);
    if (nft_elements_observe(netlink, family, collect, forget, NULL, &error) < 0)
        fail_msg("%s", error.text);
    if (found.count)
        qsort(found.items, found.count, sizeof(*found.items), compare);
}

static int read_generation(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *table[NFTA_GEN_MAX + 1];

    assert_int_equal(nft_message_parse(message, table, NFTA_GEN_MAX), 0);
    *(uint32_t *)data = be32toh(netlink_get_u32(table[NFTA_GEN_ID]));
    return 0;
}

/* The ruleset's generation: one more with each transaction that was committed. */
static uint32_t generation(void)
{
    cleanup(netlink_message_fini) struct netlink_message message = {0};
    uint32_t id = 0;

    nft_message_begin(&message, NFT_MSG_GETGEN, 0, 0);
    assert_int_equal(netlink_query(netlink, &message, read_generation, &id, NULL), 0);
    return id;
}

/* ---- tables ---- */

static void a_table_is_absent_then_intact_then_absent(void **state)
{
    struct nft_transaction transaction;

    (void)state;
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_ABSENT);
    assert_int_equal(observe(GUARD_BRIDGE), NFT_TABLE_ABSENT);
    nft_transaction_init(&transaction);
    nft_table_add(&transaction, GUARD_INET);
    commit_well(&transaction);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_INTACT);
    assert_int_equal(observe(GUARD_BRIDGE), NFT_TABLE_ABSENT);
    nft_transaction_init(&transaction);
    nft_table_add(&transaction, GUARD_BRIDGE);
    commit_well(&transaction);
    assert_int_equal(observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_INET);
    nft_table_delete(&transaction, GUARD_BRIDGE);
    commit_well(&transaction);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_ABSENT);
    assert_int_equal(shell("test -z \"$(nft list ruleset)\""), 0);
}

static void deleting_a_table_that_is_not_there_is_no_failure(void **state)
{
    struct nft_transaction transaction;

    (void)state;
    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_INET);
    commit_well(&transaction);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_ABSENT);
}

static void a_table_that_is_there_is_never_added_to(void **state)
{
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    (void)state;
    nft_transaction_init(&transaction);
    nft_table_add(&transaction, GUARD_BRIDGE);
    assert_int_equal(commit(&transaction, &error), -EEXIST);
    assert_string_equal(error.text, "nftables table bridge tapnet: File exists");
}

static void the_list_of_nft_makes_the_same_tables_again(void **state)
{
    struct ip_address gateway = address("10.20.0.1");
    const struct guard_element elements[] = {
        guard_network("br-lab", "lab/lab"),
        guard_dns_port("br-lab", &gateway, 10053, "lab/lab"),
        guard_port_address("tap-web", &gateway, "lab/lab/web"),
    };

    (void)state;
    change(elements, ARRAY_COUNT(elements), NULL, 0);
    assert_int_equal(shell("list=$(nft list ruleset) && nft flush ruleset && printf '%s\n' \"$list\" | nft -f - && "
                           "test \"$list\" = \"$(nft list ruleset)\""),
                     0);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_INTACT);
    assert_int_equal(observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
    observe_elements(GUARD_INET);
    assert_int_equal(found.count, 2);
    assert_true(guard_element_equal(&found.items[1], &elements[1]));
}

static void other_tables_and_chains_do_not_matter(void **state)
{
    (void)state;
    assert_int_equal(shell("nft -f - <<'END'\n"
                           "table inet other { set networks { type ifname; }\n"
                           "  chain input { type filter hook input priority 0; counter drop; }; }\n"
                           "table ip tapnet { chain input { drop; }; }\n"
                           "END\n"),
                     0);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_INTACT);
    assert_int_equal(observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
}

static void a_table_of_our_name_without_our_mark_is_foreign(void **state)
{
    (void)state;
    assert_int_equal(shell("nft add table inet tapnet && nft 'add chain inet tapnet input'"), 0);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_FOREIGN);
    assert_int_equal(shell("nft delete table inet tapnet && nft 'add table inet tapnet { comment \"mine\"; }'"), 0);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_FOREIGN);
}

/* ---- touched by others ---- */

#define HANDLE(family, chain, tag)                                                                                     \
    "$(nft -a list chain " family " tapnet " chain " | sed -n '/comment \"" tag "\"/ s/.*# handle //p')"

struct touch {
    const char *what, *command;
    enum guard_family family;
};

static const struct touch touches[] = {
    {"a rule added at the end", "nft add rule inet tapnet input accept", GUARD_INET},
    {"a rule added in front", "nft insert rule inet tapnet from_guest accept", GUARD_INET},
    {"a rule added in front of the bridge's", "nft insert rule bridge tapnet from_port accept", GUARD_BRIDGE},
    {"a rule that is a copy", "nft add rule inet tapnet to_guest 'counter drop comment \"nothing else comes in\"'",
     GUARD_INET},
    {"a rule deleted", "nft delete rule inet tapnet forward handle " HANDLE("inet", "forward", "no router for others"),
     GUARD_INET},
    {"a chain emptied", "nft flush chain bridge tapnet dhcp", GUARD_BRIDGE},
    {"a rule replaced under the same comment",
     "nft replace rule bridge tapnet from_port handle " HANDLE("bridge", "from_port", "ARP") " 'ether type arp accept "
                                                                                             "comment \"ARP\"'",
     GUARD_BRIDGE},
    {"a drop that became an accept",
     "nft replace rule inet tapnet from_guest handle " HANDLE("inet", "from_guest", "nowhere else") " 'counter accept "
                                                                                                    "comment \"nowhere "
                                                                                                    "else\"'",
     GUARD_INET},
    {"a test turned around",
     "nft replace rule inet tapnet input handle " HANDLE(
         "inet", "input",
         "what guests may reach of the host") " 'iifname != @networks goto guest_to_host comment \"what guests may reach of the host\"'",
     GUARD_INET},
    {"another set looked into",
     "nft replace rule inet tapnet input handle " HANDLE(
         "inet", "input",
         "what guests may reach of the host") " 'iifname @closed goto guest_to_host comment \"what guests may reach of the host\"'",
     GUARD_INET},
    {"another comment",
     "nft replace rule inet tapnet to_guest handle " HANDLE("inet", "to_guest",
                                                            "nothing else comes in") " 'counter drop comment \"x\"'",
     GUARD_INET},
    {"two rules in another order",
     "nft delete rule bridge tapnet from_port handle " HANDLE("bridge", "from_port", "IPv4") " && nft add rule bridge "
                                                                                             "tapnet from_port 'ether "
                                                                                             "type ip goto "
                                                                                             "from_port_ip4 comment "
                                                                                             "\"IPv4\"'",
     GUARD_BRIDGE},
    {"a chain added", "nft add chain inet tapnet more", GUARD_INET},
    {"a base chain added", "nft 'add chain bridge tapnet more { type filter hook input priority 0; policy drop; }'",
     GUARD_BRIDGE},
    {"a chain renamed", "nft rename chain inet tapnet to_guest to_guests", GUARD_INET},
    {"a base chain deleted", "nft flush chain inet tapnet dns && nft delete chain inet tapnet dns", GUARD_INET},
    {"a policy changed", "nft 'chain inet tapnet forward { policy drop; }'", GUARD_INET},
    {"a set added", "nft 'add set inet tapnet more { type ifname; }'", GUARD_INET},
    {"a set deleted", "nft flush chain inet tapnet forward && nft delete set inet tapnet closed", GUARD_INET},
    {"a set of another type",
     "nft flush chain inet tapnet forward && nft delete set inet tapnet closed && "
     "nft 'add set inet tapnet closed { type ipv4_addr; }'",
     GUARD_INET},
    {"a set that forgets",
     "nft flush chain inet tapnet forward && nft delete set inet tapnet closed && "
     "nft 'add set inet tapnet closed { type ifname; timeout 1h; }'",
     GUARD_INET},
    {"a table asleep", "nft 'add table inet tapnet { flags dormant; }'", GUARD_INET},
    {"a bridge table asleep", "nft 'add table bridge tapnet { flags dormant; }'", GUARD_BRIDGE},
};

static void whatever_others_touch_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(touches); i++) {
        enum guard_family other = touches[i].family == GUARD_INET ? GUARD_BRIDGE : GUARD_INET;

        if (shell(touches[i].command) != 0)
            fail_msg("%s: refused: %s", touches[i].what, touches[i].command);
        if (observe(touches[i].family) != NFT_TABLE_DIFFERS)
            fail_msg("%s goes unseen", touches[i].what);
        assert_int_equal(observe(other), NFT_TABLE_INTACT);
        flush(NULL);
        add_tables();
        assert_int_equal(observe(touches[i].family), NFT_TABLE_INTACT);
    }
}

static void a_rule_moved_to_another_base_chain_is_seen(void **state)
{
    (void)state;
    assert_int_equal(
        shell("list=$(nft list ruleset) && nft flush ruleset && printf '%s\n' \"$list\" | "
              "sed 's/hook prerouting priority dstnat - 1/hook prerouting priority dstnat - 2/' | nft -f -"),
        0);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_DIFFERS);
    assert_int_equal(observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
}

static void packets_that_were_counted_are_no_difference(void **state)
{
    (void)state;
    assert_int_equal(shell("list=$(nft list ruleset) && nft flush ruleset && printf '%s\n' \"$list\" | "
                           "sed 's/packets 0 bytes 0/packets 7 bytes 700/' | nft -f -"),
                     0);
    assert_int_equal(shell("nft list ruleset | grep -q 'packets 7'"), 0);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_INTACT);
    assert_int_equal(observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
}

static void elements_are_no_difference(void **state)
{
    struct guard_element element = guard_network("br-lab", "lab/lab");

    (void)state;
    change(&element, 1, NULL, 0);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_INTACT);
}

/* ---- elements ---- */

#define SAMPLES 10

/* One element of each set. */
static void make_samples(struct guard_element samples[SAMPLES])
{
    static char longest[GUARD_LABEL_MAX];
    struct ip_address gateway = address("10.20.0.1"), guest = address("255.255.255.254");

    memset(longest, 'l', sizeof(longest) - 1);
    samples[GUARD_NETWORKS] = guard_network("br-of-15-charac", longest);
    samples[GUARD_BRIDGED] = guard_bridged("br-of-15-charac", "lab/lab");
    samples[GUARD_EGRESS] = guard_egress("br-of-15-charac", "up-of-15-charac", "lab/lab");
    samples[GUARD_GATEWAYS] = guard_gateway("br-lab", &gateway, "lab/lab");
    samples[GUARD_DNS_PORTS] = guard_dns_port("br-lab", &gateway, 65535, "lab/lab");
    samples[GUARD_DNS_SERVED] = guard_dns_served("br-lab", &gateway, 1, "lab/lab");
    samples[GUARD_CLOSED] = guard_closed("eth0", "");
    samples[GUARD_PORTS] = guard_port("t", "lab/lab/t");
    samples[GUARD_PORT_ADDRESSES] = guard_port_source("t", &guest, "lab/lab/t");
    samples[GUARD_PORT_ADDRESS] = guard_port_address("t", &guest, longest);
}

static void elements_of_every_set_come_back_as_they_went(void **state)
{
    struct guard_element samples[SAMPLES];
    size_t seen = 0;

    (void)state;
    assert_int_equal(SAMPLES, GUARD_SET_COUNT);
    make_samples(samples);
    change(samples, SAMPLES, NULL, 0);
    for (enum guard_family family = GUARD_INET; family <= GUARD_BRIDGE; family++) {
        observe_elements(family);
        for (size_t i = 0; i < found.count; i++, seen++) {
            const struct guard_element *sample = &samples[found.items[i].set];

            assert_int_equal(guard_schemas[found.items[i].set].family, family);
            assert_memory_equal(found.items[i].key, sample->key, GUARD_KEY_MAX);
            assert_memory_equal(found.items[i].data, sample->data, GUARD_DATA_MAX);
            assert_string_equal(found.items[i].label, sample->label);
        }
    }
    assert_int_equal(seen, SAMPLES);
    change(NULL, 0, samples, SAMPLES);
    observe_elements(GUARD_INET);
    assert_int_equal(found.count, 0);
    observe_elements(GUARD_BRIDGE);
    assert_int_equal(found.count, 0);
}

static void nft_prints_elements_with_their_types(void **state)
{
    struct guard_element samples[SAMPLES];
    char line[600];

    (void)state;
    make_samples(samples);
    change(samples, SAMPLES, NULL, 0);
    shell_line("nft -j list map inet tapnet dns_ports | jq -c '.nftables[1].map | [.type, .map, .elem]'", line,
               sizeof(line));
    assert_string_equal(line, "[[\"ifname\",\"ipv4_addr\"],\"inet_service\","
                              "[[{\"elem\":{\"val\":{\"concat\":[\"br-lab\",\"10.20.0.1\"]},\"comment\":\"lab/lab\"}},"
                              "65535]]]");
    shell_line("nft -j list set inet tapnet egress | jq -c '.nftables[1].set | [.type, .elem]'", line, sizeof(line));
    assert_string_equal(line, "[[\"ifname\",\"ifname\"],"
                              "[{\"elem\":{\"val\":{\"concat\":[\"br-of-15-charac\",\"up-of-15-charac\"]},"
                              "\"comment\":\"lab/lab\"}}]]");
    shell_line("nft list map bridge tapnet port_address | grep -o '\"t\" comment.*' | tr -d l", line, sizeof(line));
    assert_string_equal(line, "\"t\" comment \"\" : 255.255.255.254 }");
}

static void a_maps_data_changes_in_one_transaction(void **state)
{
    struct ip_address gateway = address("10.20.0.1");
    struct guard_element before = guard_dns_port("br-lab", &gateway, 10053, "lab/lab");
    struct guard_element after = guard_dns_port("br-lab", &gateway, 10054, "lab/lab");

    (void)state;
    change(&before, 1, NULL, 0);
    change(&after, 1, &before, 1);
    observe_elements(GUARD_INET);
    assert_int_equal(found.count, 1);
    assert_true(guard_element_equal(&found.items[0], &after));
}

static void elements_of_others_in_our_sets_are_seen_too(void **state)
{
    (void)state;
    assert_int_equal(shell("nft 'add element inet tapnet egress { \"br-x\" . \"eth9\" }'"), 0);
    observe_elements(GUARD_INET);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.items[0].label, "");
    assert_string_equal(guard_read_ifname(&found.items[0], 1), "eth9");
}

static void sets_of_another_shape_are_passed_over(void **state)
{
    (void)state;
    flush(NULL);
    assert_int_equal(shell("nft -f - <<'END'\n"
                           "table inet tapnet {\n"
                           "  set networks { type ifname; elements = { \"br-lab\" } }\n"
                           "  set egress { type ipv4_addr; elements = { 10.0.0.1 } }\n"
                           "  map dns_ports { type ifname . ipv4_addr : mark; elements = { \"a\" . 1.2.3.4 : 5 } }\n"
                           "}\nEND\n"),
                     0);
    observe_elements(GUARD_INET);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.items[0].set, GUARD_NETWORKS);
}

static void no_table_has_no_elements(void **state)
{
    (void)state;
    observe_elements(GUARD_INET);
    assert_int_equal(found.count, 0);
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
    change(samples, SAMPLES, NULL, 0);
    assert_int_equal(nft_elements_observe(netlink, GUARD_INET, stop, NULL, &calls, &error), -ENOMEM);
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
    change(&there, 1, NULL, 0);
    before = generation();
    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_BRIDGE);
    nft_table_add(&transaction, GUARD_BRIDGE);
    nft_elements_add(&transaction, elements, ARRAY_COUNT(elements));
    assert_int_equal(commit(&transaction, &error), -EEXIST);
    assert_string_equal(error.text, "element br-lab . eth0 of nftables set egress: File exists");
    assert_int_equal(generation(), before);
    observe_elements(GUARD_INET);
    assert_int_equal(found.count, 1);
    observe_elements(GUARD_BRIDGE);
    assert_int_equal(found.count, 0);
}

static void an_element_that_is_gone_is_named(void **state)
{
    struct ip_address guest = address("10.20.0.2");
    struct guard_element there = guard_port_source("tap-a", &guest, "x");
    struct guard_element elements[] = {there, guard_port_source("tap-b", &guest, "x")};
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    (void)state;
    change(&there, 1, NULL, 0);
    nft_transaction_init(&transaction);
    nft_elements_delete(&transaction, elements, 2);
    assert_int_equal(commit(&transaction, &error), -ENOENT);
    assert_string_equal(error.text, "element tap-b . 10.20.0.2 of nftables set port_addresses: "
                                    "No such file or directory");
    observe_elements(GUARD_BRIDGE);
    assert_int_equal(found.count, 1);
}

static void an_element_without_its_table_is_named(void **state)
{
    struct guard_element element = guard_network("br-lab", "x");
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    (void)state;
    nft_transaction_init(&transaction);
    nft_elements_add(&transaction, &element, 1);
    assert_int_equal(commit(&transaction, &error), -ENOENT);
    assert_non_null(strstr(error.text, "element br-lab of nftables set networks: "));
}

static void no_change_is_no_transaction(void **state)
{
    struct nft_transaction transaction;
    uint32_t before = generation();

    (void)state;
    nft_transaction_init(&transaction);
    nft_elements_add(&transaction, NULL, 0);
    commit_well(&transaction);
    assert_int_equal(generation(), before);
}

static void a_damaged_table_is_replaced_with_its_elements_at_once(void **state)
{
    struct guard_element samples[SAMPLES];
    struct nft_transaction transaction;
    uint32_t before;

    (void)state;
    make_samples(samples);
    change(samples, SAMPLES, NULL, 0);
    assert_int_equal(shell("nft flush chain inet tapnet from_guest"), 0);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_DIFFERS);
    before = generation();
    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_INET);
    nft_table_add(&transaction, GUARD_INET);
    nft_elements_add(&transaction, samples, GUARD_PORTS); /* those of the inet table */
    commit_well(&transaction);
    assert_int_equal(generation(), before + 1);
    assert_int_equal(observe(GUARD_INET), NFT_TABLE_INTACT);
    observe_elements(GUARD_INET);
    assert_int_equal(found.count, GUARD_PORTS);
    observe_elements(GUARD_BRIDGE);
    assert_int_equal(found.count, SAMPLES - GUARD_PORTS);
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
            many[i] = guard_port_source(names[i], &guest, labels[i]);
        else
            many[i] = guard_port_address(names[i], &guest, labels[i]);
    }
}

static double milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void five_thousand_elements_in_one_transaction(void **state)
{
    uint32_t before = generation();
    double start, added, read;

    (void)state;
    make_many();
    start = milliseconds();
    change(many, MANY, NULL, 0);
    added = milliseconds();
    observe_elements(GUARD_BRIDGE);
    read = milliseconds();
    assert_int_equal(generation(), before + 1);
    assert_int_equal(found.count, MANY);
    qsort(many, MANY, sizeof(*many), compare);
    for (size_t i = 0; i < MANY; i++)
        assert_true(guard_element_equal(&found.items[i], &many[i]));
    print_message("%d elements: added in %.1f ms, read in %.1f ms\n", MANY, added - start, read - added);
    change(NULL, 0, many, MANY);
    observe_elements(GUARD_BRIDGE);
    assert_int_equal(found.count, 0);
}

static void the_one_bad_of_five_thousand_is_named(void **state)
{
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    (void)state;
    make_many();
    change(&many[1234], 1, NULL, 0);
    nft_transaction_init(&transaction);
    nft_elements_add(&transaction, many, MANY);
    assert_int_equal(commit(&transaction, &error), -EEXIST);
    assert_string_equal(error.text, "element tap-1234 . 10.20.4.210 of nftables set port_addresses: File exists");
    observe_elements(GUARD_BRIDGE);
    assert_int_equal(found.count, 1);
}

/* Adds and deletes the elements, all at once, until it is killed. */
static void keep_changing(void)
{
    netlink_close(netlink);
    if (netlink_open(NETLINK_NETFILTER, &netlink, NULL) < 0)
        _exit(1);
    for (;;) {
        change(many, MANY / 4, NULL, 0);
        usleep(10000);
        change(NULL, 0, many, MANY / 4);
        usleep(10000);
    }
}

static void what_changes_while_it_is_read_is_read_again(void **state)
{
    unsigned seen_none = 0, seen_all = 0, seen_half = 0, failed = 0;
    pid_t child;

    (void)state;
    make_many();
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        keep_changing();
    for (int round = 0; round < 3000 && (round < 200 || !seen_none || !seen_all); round++) {
        int r = nft_elements_observe(netlink, GUARD_BRIDGE, collect, forget, NULL, NULL);

        if (r == -EAGAIN)
            continue; /* it may give up, but never tell half of it */
        failed += r < 0;
        seen_none += found.count == 0;
        seen_all += found.count == MANY / 4;
        seen_half += found.count != 0 && found.count != MANY / 4;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(failed, 0);
    assert_int_equal(seen_half, 0);
    assert_true(seen_none > 0 && seen_all > 0);
}

/* ---- */

static void write_file(const char *path, const char *text)
{
    _cleanup_fclose_ FILE *file = fopen(path, "w");

    if (file)
        fputs(text, file);
}

/* Root of a user namespace, who stays root across an exec of `nft`. */
static int become_root(void)
{
    char map[32];

    snprintf(map, sizeof(map), "0 %u 1", (unsigned)geteuid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return -1;
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", map);
    return 0;
}

/* A network of our own where we may change nf_tables; false where the kernel refuses. */
static bool enter_namespace(void)
{
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    if (unshare(CLONE_NEWNET) < 0 && become_root() < 0) {
        printf("skipped: no network namespace: %s\n", strerror(errno));
        return false;
    }
    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_INET);
    nft_table_delete(&transaction, GUARD_BRIDGE);
    if (netlink_open(NETLINK_NETFILTER, &netlink, &error) < 0 || commit(&transaction, &error) < 0) {
        printf("skipped: no nf_tables: %s\n", error.text);
        return false;
    }
    if (shell("nft list ruleset && jq --version >/dev/null") != 0) {
        printf("skipped: nft and jq are needed\n");
        return false;
    }
    return true;
}

#define WITH_TABLES(test) cmocka_unit_test_setup_teardown(test, make_tables, flush)
#define WITHOUT_TABLES(test) cmocka_unit_test_teardown(test, flush)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITHOUT_TABLES(a_table_is_absent_then_intact_then_absent),
        WITHOUT_TABLES(deleting_a_table_that_is_not_there_is_no_failure),
        WITH_TABLES(a_table_that_is_there_is_never_added_to),
        WITH_TABLES(the_list_of_nft_makes_the_same_tables_again),
        WITH_TABLES(other_tables_and_chains_do_not_matter),
        WITHOUT_TABLES(a_table_of_our_name_without_our_mark_is_foreign),
        WITH_TABLES(whatever_others_touch_is_seen),
        WITH_TABLES(a_rule_moved_to_another_base_chain_is_seen),
        WITH_TABLES(packets_that_were_counted_are_no_difference),
        WITH_TABLES(elements_are_no_difference),
        WITH_TABLES(elements_of_every_set_come_back_as_they_went),
        WITH_TABLES(nft_prints_elements_with_their_types),
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
    int failed;

    if (!enter_namespace())
        return SKIP;
    failed = cmocka_run_group_tests_name("nft in the kernel", tests, NULL, NULL);
    netlink_close(netlink);
    return failed;
}
