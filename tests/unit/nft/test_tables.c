/* SPDX-License-Identifier: MIT */
/* Our tables in a real kernel: made, observed, touched by others in every way that `nft` knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "base/array.h"
#include "kernel.h"
#include "nft/rule.h"

/* ---- tables ---- */

static void a_table_is_absent_then_intact_then_absent(void **state)
{
    struct nft_transaction transaction;

    (void)state;
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_ABSENT);
    assert_int_equal(kernel_observe(GUARD_BRIDGE), NFT_TABLE_ABSENT);
    nft_transaction_init(&transaction);
    nft_table_add(&transaction, GUARD_INET);
    kernel_commit_well(&transaction);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_INTACT);
    assert_int_equal(kernel_observe(GUARD_BRIDGE), NFT_TABLE_ABSENT);
    nft_transaction_init(&transaction);
    nft_table_add(&transaction, GUARD_BRIDGE);
    kernel_commit_well(&transaction);
    assert_int_equal(kernel_observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_INET);
    nft_table_delete(&transaction, GUARD_BRIDGE);
    kernel_commit_well(&transaction);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_ABSENT);
    assert_int_equal(kernel_shell("test -z \"$(nft list ruleset)\""), 0);
}

static void deleting_a_table_that_is_not_there_is_no_failure(void **state)
{
    struct nft_transaction transaction;

    (void)state;
    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_INET);
    kernel_commit_well(&transaction);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_ABSENT);
}

static void a_table_that_is_there_is_never_added_to(void **state)
{
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    (void)state;
    nft_transaction_init(&transaction);
    nft_table_add(&transaction, GUARD_BRIDGE);
    assert_int_equal(kernel_commit(&transaction, &error), -EEXIST);
    assert_string_equal(error.text, "nftables table bridge tapnet: File exists");
}

static void the_list_of_nft_makes_the_same_tables_again(void **state)
{
    struct ip_address gateway = kernel_address("10.20.0.1"), inside6 = kernel_address("fd00:20::7");
    const struct guard_element elements[] = {
        guard_network("br-lab", "lab/lab"),
        guard_dns_port("br-lab", &gateway, 10053, "lab/lab"),
        guard_connection_limit("br-lab", &gateway, 1000, "lab/lab/web"),
        guard_forward(&gateway, IPPROTO_TCP, 8080, &gateway, 80, "lab/lab/web"),
        guard_forward_range(&gateway, IPPROTO_UDP, 8000, 8010, &gateway, "lab/lab/web"),
        guard_resolver(&gateway, "lab/lab"),
        guard_group_limit("lab-web", 1000, "lab/lab/web"),
        guard_send_limit("lab-web", 12500000, 625000, "lab/lab/web"),
        guard_peers(GUARD_ARP_REACH, &(struct ip_prefix){gateway, 24}, "lab/lab"),
        guard_translated(GUARD_OUTSIDES, "lab-web", &gateway, &gateway, "lab/lab/web"),
        guard_translated(GUARD_OUTSIDES, "lab-web", &inside6, &inside6, "lab/lab/web"),
        guard_routed_address(GUARD_INSIDE_TARGETS6, "lab-web", &inside6, "lab/lab/web"),
    };

    (void)state;
    kernel_change(elements, ARRAY_COUNT(elements), NULL, 0);
    assert_int_equal(
        kernel_shell("list=$(nft list ruleset) && nft flush ruleset && printf '%s\n' \"$list\" | nft -f - && "
                     "test \"$list\" = \"$(nft list ruleset)\""),
        0);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_INTACT);
    assert_int_equal(kernel_observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
    assert_int_equal(kernel_observe(GUARD_ARP), NFT_TABLE_INTACT);
    kernel_observe_elements(GUARD_INET);
    assert_int_equal(kernel_found.count, 5);
    for (size_t i = 1; i < 5; i++)
        assert_true(guard_element_equal(&kernel_found.items[i], &elements[i]));
    kernel_observe_elements(GUARD_BRIDGE);
    assert_int_equal(kernel_found.count, 3);
    assert_true(guard_element_equal(&kernel_found.items[1], &elements[6]));
    assert_true(guard_element_equal(&kernel_found.items[2], &elements[7]));
    kernel_observe_elements(GUARD_ARP);
    assert_int_equal(kernel_found.count, 1);
    assert_true(guard_element_equal(&kernel_found.items[0], &elements[8]));
    /* nft has no word for a checksum inside of an ICMP error: its rules write the address alone, and are mended. */
    assert_int_equal(kernel_observe(GUARD_CLONES), NFT_TABLE_DIFFERS);
    kernel_observe_elements(GUARD_CLONES);
    assert_int_equal(kernel_found.count, 1);
    assert_true(guard_element_equal(&kernel_found.items[0], &elements[9]));
    assert_int_equal(kernel_observe(GUARD_CLONES6), NFT_TABLE_DIFFERS);
    kernel_observe_elements(GUARD_CLONES6);
    assert_int_equal(kernel_found.count, 2);
    assert_true(guard_element_equal(&kernel_found.items[0], &elements[10]));
    assert_true(guard_element_equal(&kernel_found.items[1], &elements[11]));
}

static void other_tables_and_chains_do_not_matter(void **state)
{
    (void)state;
    assert_int_equal(kernel_shell("nft -f - <<'END'\n"
                                  "table inet other { set networks { type ifname; }\n"
                                  "  chain input { type filter hook input priority 0; counter drop; }; }\n"
                                  "table ip tapnet { chain input { drop; }; }\n"
                                  "END\n"),
                     0);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_INTACT);
    assert_int_equal(kernel_observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
}

static void a_table_of_our_name_without_our_mark_is_foreign(void **state)
{
    (void)state;
    assert_int_equal(kernel_shell("nft add table inet tapnet && nft 'add chain inet tapnet input'"), 0);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_FOREIGN);
    assert_int_equal(kernel_shell("nft delete table inet tapnet && nft 'add table inet tapnet { comment \"mine\"; }'"),
                     0);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_FOREIGN);
}

/* A kernel without nft_log refuses with the same code as one without the chain. */
static void a_kernel_that_cannot_log_is_told_as_such(void **state)
{
    const struct nft_rule rule = {"nowhere", "tag", {COUNTER, LOG(GUARD_LOG_GROUP), DROP}};
    const struct nft_rule other = {"nowhere", "tag", {COUNTER, DROP}};
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    (void)state;
    nft_transaction_init(&transaction);
    nft_rule_put(&transaction.message, GUARD_BRIDGE, &rule);
    transaction.change_count++;
    assert_int_equal(kernel_commit(&transaction, &error), -ENOENT);
    assert_string_equal(error.text, "the kernel has no netfilter log, by which DHCP requests come: "
                                    "`modprobe -a nft_log nfnetlink_log`");
    nft_transaction_init(&transaction);
    nft_rule_put(&transaction.message, GUARD_BRIDGE, &other);
    transaction.change_count++;
    assert_int_equal(kernel_commit(&transaction, &error), -ENOENT);
    assert_non_null(strstr(error.text, "nftables rule \"tag\" of chain bridge tapnet nowhere: "));
}

/* ---- touched by others ---- */

/* What somebody does; $handle is that of the rule with this comment in this chain. */
struct touch {
    const char *what;
    enum guard_family family;
    const char *chain, *comment;
    const char *command;
};

/* The same ruleset with one set changed. */
#define CLOSED_BECOMES(type)                                                                                           \
    "list=$(nft list ruleset) && nft flush ruleset && "                                                                \
    "printf '%s\\n' \"$list\" | sed '/set closed/,/}/ s/type ifname/" type "/' | nft -f -"

#define DHCP_RATE_BECOMES(from, to)                                                                                    \
    "list=$(nft list ruleset) && nft flush ruleset && "                                                                \
    "printf '%s\\n' \"$list\" | sed '/set dhcp_rate/,/}/ s/" from "/" to "/' | nft -f -"

static const struct touch touches[] = {
    {"a rule added at the end", GUARD_INET, .command = "nft add rule inet tapnet input accept"},
    {"a rule added in front", GUARD_INET, .command = "nft insert rule inet tapnet from_guest accept"},
    {"the same in the bridge table", GUARD_BRIDGE, .command = "nft insert rule bridge tapnet from_port accept"},
    {"a rule that is a copy", GUARD_INET,
     .command = "nft add rule inet tapnet to_guest 'counter drop comment \"nothing else comes in\"'"},
    {"a rule deleted", GUARD_INET, "from_closed", "only for our networks",
     "nft delete rule inet tapnet from_closed handle $handle"},
    {"a chain emptied", GUARD_BRIDGE, .command = "nft flush chain bridge tapnet dhcp"},
    {"a rule replaced under the same comment", GUARD_BRIDGE, "from_port", "ARP",
     "nft replace rule bridge tapnet from_port handle $handle 'ether type arp accept comment \"ARP\"'"},
    {"a drop that became an accept", GUARD_INET, "from_guest", "nowhere else",
     "nft replace rule inet tapnet from_guest handle $handle 'counter accept comment \"nowhere else\"'"},
    {"a test turned around", GUARD_INET, "forward", "where guests may go",
     "nft replace rule inet tapnet forward handle $handle "
     "'iifname != @networks goto from_guest comment \"where guests may go\"'"},
    {"another set looked into", GUARD_INET, "forward", "where guests may go",
     "nft replace rule inet tapnet forward handle $handle "
     "'iifname @closed goto from_guest comment \"where guests may go\"'"},
    {"another chain gone to", GUARD_INET, "forward", "where guests may go",
     "nft replace rule inet tapnet forward handle $handle "
     "'iifname @networks goto to_guest comment \"where guests may go\"'"},
    {"another comment", GUARD_INET, "to_guest", "nothing else comes in",
     "nft replace rule inet tapnet to_guest handle $handle 'counter drop comment \"x\"'"},
    {"two rules in another order", GUARD_BRIDGE, "from_port", "ARP",
     "nft delete rule bridge tapnet from_port handle $handle && "
     "nft add rule bridge tapnet from_port 'ether type arp goto from_port_arp comment \"ARP\"'"},
    {"a limit raised", GUARD_BRIDGE, "dhcp", "more DHCP requests than one port may send",
     "nft replace rule bridge tapnet dhcp handle $handle "
     "'update @dhcp_rate { iifname limit rate over 20/second burst 41 packets } counter drop "
     "comment \"more DHCP requests than one port may send\"'"},
    {"a limit turned around", GUARD_BRIDGE, "dhcp", "more DHCP requests than one port may send",
     "nft replace rule bridge tapnet dhcp handle $handle "
     "'update @dhcp_rate { iifname limit rate 20/second burst 40 packets } counter drop "
     "comment \"more DHCP requests than one port may send\"'"},
    {"another group logged to", GUARD_BRIDGE, "dhcp", "the service hears them, nobody else does",
     "nft replace rule bridge tapnet dhcp handle $handle "
     "'counter log group 29794 drop comment \"the service hears them, nobody else does\"'"},
    {"less of each logged", GUARD_BRIDGE, "dhcp", "the service hears them, nobody else does",
     "nft replace rule bridge tapnet dhcp handle $handle "
     "'counter log group 29793 snaplen 64 drop comment \"the service hears them, nobody else does\"'"},
    {"a limit that forgets at once", GUARD_BRIDGE, .command = DHCP_RATE_BECOMES("timeout 10s", "timeout 1s")},
    {"a limit for few", GUARD_BRIDGE, .command = DHCP_RATE_BECOMES("size 65536", "size 1")},
    {"a chain added", GUARD_INET, .command = "nft add chain inet tapnet more"},
    {"a base chain added", GUARD_BRIDGE,
     .command = "nft 'add chain bridge tapnet more { type filter hook input priority 0; policy drop; }'"},
    {"a chain renamed", GUARD_INET, .command = "nft rename chain inet tapnet to_guest to_guests"},
    {"a base chain deleted", GUARD_INET,
     .command = "nft flush chain inet tapnet dns && nft delete chain inet tapnet dns"},
    {"a policy changed", GUARD_INET, .command = "nft 'chain inet tapnet forward { policy drop; }'"},
    {"a set added", GUARD_INET, .command = "nft 'add set inet tapnet more { type ifname; }'"},
    {"a set deleted", GUARD_INET,
     .command = "nft flush chain inet tapnet forward && nft delete set inet tapnet closed"},
    {"a set that forgets", GUARD_INET, .command = CLOSED_BECOMES("type ifname; timeout 1h")},
    {"a set with a limit", GUARD_INET, .command = CLOSED_BECOMES("type ifname; size 1")},
    {"a set that rules may fill", GUARD_INET, .command = CLOSED_BECOMES("type ifname; flags dynamic")},
    {"a table asleep", GUARD_INET, .command = "nft 'add table inet tapnet { flags dormant; }'"},
    {"a bridge table asleep", GUARD_BRIDGE, .command = "nft 'add table bridge tapnet { flags dormant; }'"},
};

static void do_touch(const struct touch *touch)
{
    const char *family = touch->family == GUARD_INET ? "inet" : "bridge";
    char command[1000] = "";

    if (touch->chain)
        snprintf(command, sizeof(command),
                 "handle=$(nft -a list chain %s tapnet %s | sed -n '/comment \"%s\"/ s/.*# handle //p'); ", family,
                 touch->chain, touch->comment);
    strcat(command, touch->command);
    if (kernel_shell(command) != 0)
        fail_msg("%s: refused: %s", touch->what, command);
}

static void whatever_others_touch_is_seen(void **state)
{
    for (size_t i = 0; i < ARRAY_COUNT(touches); i++) {
        enum guard_family other = touches[i].family == GUARD_INET ? GUARD_BRIDGE : GUARD_INET;

        do_touch(&touches[i]);
        if (kernel_observe(touches[i].family) != NFT_TABLE_DIFFERS)
            fail_msg("%s goes unseen", touches[i].what);
        assert_int_equal(kernel_observe(other), NFT_TABLE_INTACT);
        kernel_teardown(state);
        kernel_setup(state);
        assert_int_equal(kernel_observe(touches[i].family), NFT_TABLE_INTACT);
    }
}

static void a_rule_moved_to_another_base_chain_is_seen(void **state)
{
    (void)state;
    assert_int_equal(
        kernel_shell("list=$(nft list ruleset) && nft flush ruleset && printf '%s\n' \"$list\" | "
                     "sed 's/hook prerouting priority dstnat - 1/hook prerouting priority dstnat - 3/' | nft -f -"),
        0);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_DIFFERS);
    assert_int_equal(kernel_observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
}

static void packets_that_were_counted_are_no_difference(void **state)
{
    (void)state;
    assert_int_equal(kernel_shell("list=$(nft list ruleset) && nft flush ruleset && printf '%s\n' \"$list\" | "
                                  "sed 's/packets 0 bytes 0/packets 7 bytes 700/' | nft -f -"),
                     0);
    assert_int_equal(kernel_shell("nft list ruleset | grep -q 'packets 7'"), 0);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_INTACT);
    assert_int_equal(kernel_observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
}

static void elements_are_no_difference(void **state)
{
    struct guard_element element = guard_network("br-lab", "lab/lab");

    (void)state;
    kernel_change(&element, 1, NULL, 0);
    assert_int_equal(kernel_observe(GUARD_INET), NFT_TABLE_INTACT);
}

/* The kernel fills the limits' sets as packets come; here somebody else does. */
static void devices_under_a_limit_are_no_difference_and_no_elements_of_ours(void **state)
{
    (void)state;
    assert_int_equal(kernel_shell("nft 'add element bridge tapnet dhcp_rate { \"tap-web\" limit rate over 20/second "
                                  "burst 40 packets timeout 1m }' && "
                                  "nft list set bridge tapnet dhcp_rate | grep -q tap-web"),
                     0);
    assert_int_equal(kernel_observe(GUARD_BRIDGE), NFT_TABLE_INTACT);
    kernel_observe_elements(GUARD_BRIDGE);
    assert_int_equal(kernel_found.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITHOUT_TABLES(a_table_is_absent_then_intact_then_absent),
        WITHOUT_TABLES(deleting_a_table_that_is_not_there_is_no_failure),
        WITH_TABLES(a_table_that_is_there_is_never_added_to),
        WITH_TABLES(the_list_of_nft_makes_the_same_tables_again),
        WITH_TABLES(other_tables_and_chains_do_not_matter),
        WITHOUT_TABLES(a_table_of_our_name_without_our_mark_is_foreign),
        WITH_TABLES(a_kernel_that_cannot_log_is_told_as_such),
        WITH_TABLES(whatever_others_touch_is_seen),
        WITH_TABLES(a_rule_moved_to_another_base_chain_is_seen),
        WITH_TABLES(packets_that_were_counted_are_no_difference),
        WITH_TABLES(elements_are_no_difference),
        WITH_TABLES(devices_under_a_limit_are_no_difference_and_no_elements_of_ours),
    };

    if (!kernel_enter())
        return KERNEL_SKIP;
    return cmocka_run_group_tests_name("nft tables", tests, NULL, NULL);
}
