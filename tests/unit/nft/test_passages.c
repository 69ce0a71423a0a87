/* SPDX-License-Identifier: MIT */
/* Accepts of ours in chains of others, in a real kernel: made in their order, found, told from others', taken away. */
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
#include "nft/passage.h"

#define CHAIN "ip filter FORWARD"

static const struct guard_passage answers = {2, "filter", "FORWARD", "lab/lab", "", "br-lab", GUARD_PASSAGE_ANSWERS};
static const struct guard_passage forwards = {
    2, "filter", "FORWARD", "lab/lab", "", "br-lab", GUARD_PASSAGE_TRANSLATED};
static const struct guard_passage out = {2, "filter", "FORWARD", "lab/lab", "br-lab", "eth0", GUARD_PASSAGE_ALL};

/* Of IPv6, in a table of its own and in one of both families. */
static const struct guard_passage solicit = {
    10, "filter", "FORWARD", "lab/lab", "br-lab", "", GUARD_PASSAGE_SOLICITATIONS};
static const struct guard_passage advertise = {
    10, "filter", "FORWARD", "lab/lab", "br-lab", "", GUARD_PASSAGE_ADVERTISEMENTS};
static const struct guard_passage out_of_both = {1,        "filter", "FORWARD",        "lab/lab",
                                                 "br-lab", "eth0",   GUARD_PASSAGE_ALL};
static const struct guard_passage out6 = {1,        "filter", "FORWARD",         "lab/lab",
                                          "br-lab", "eth0",   GUARD_PASSAGE_ALL, .only = 10};
static const struct guard_passage solicit_in_inet = {
    1, "filter", "FORWARD", "lab/lab", "br-lab", "", GUARD_PASSAGE_SOLICITATIONS, .only = 10};

static int make_chain(void **state)
{
    (void)state;
    return kernel_shell("nft 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; "
                        "counter drop; }; }'");
}

static int take_away(void **state)
{
    (void)state;
    return kernel_shell("nft flush ruleset");
}

/* ---- what is there ---- */

struct seen {
    struct guard_passage items[8]; /* without their texts, which are all the same */
    size_t count;
};

static int see(const struct guard_passage *passage, void *data)
{
    struct seen *seen = data;

    assert_true(seen->count < ARRAY_COUNT(seen->items));
    assert_string_equal(passage->table, "filter");
    assert_string_equal(passage->chain, "FORWARD");
    assert_string_equal(passage->label, "lab/lab");
    seen->items[seen->count] = *passage;
    seen->items[seen->count].table = "filter";
    seen->items[seen->count].chain = "FORWARD";
    seen->items[seen->count++].label = "lab/lab";
    return 0;
}

static void forget(void *data)
{
    ((struct seen *)data)->count = 0;
}

/* Exactly these are there, in this order. */
static void assert_seen(const struct guard_passage *const *passages, size_t count)
{
    struct tapnet_error error = {0};
    struct seen seen = {.count = 0};

    if (nft_passages_observe(kernel_netlink, see, forget, &seen, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(seen.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(guard_passage_compare(&seen.items[i], passages[i]), 0);
}

#define ASSERT_SEEN(...)                                                                                               \
    assert_seen((const struct guard_passage *const[]){__VA_ARGS__},                                                    \
                sizeof((const struct guard_passage *const[]){__VA_ARGS__}) / sizeof(void *))

static void add(struct guard_passage passage, bool iptables)
{
    struct tapnet_error error = {0};

    passage.iptables = iptables;
    if (nft_passage_add(kernel_netlink, &passage, &error) < 0)
        fail_msg("%s", error.text);
}

static void delete (const struct guard_passage *passage)
{
    struct tapnet_error error = {0};

    if (nft_passage_delete(kernel_netlink, passage, &error) < 0)
        fail_msg("%s", error.text);
}

/* ---- somebody who is faster ---- */

/*
 * Every commit comes by here (the linker's --wrap), between what was read of the chain and what is changed of it: a
 * stranger types his command then, as often as he is to.
 */
static const char *stranger_types;
static unsigned stranger_turns;

int __real_nft_commit(struct netlink *netlink, struct nft_transaction *transaction, struct tapnet_error *error);
int __wrap_nft_commit(struct netlink *netlink, struct nft_transaction *transaction, struct tapnet_error *error);

int __wrap_nft_commit(struct netlink *netlink, struct nft_transaction *transaction, struct tapnet_error *error)
{
    if (stranger_turns) {
        stranger_turns--;
        assert_int_equal(kernel_shell(stranger_types), 0);
    }
    return __real_nft_commit(netlink, transaction, error);
}

/* ---- stories ---- */

static void check_order(bool iptables)
{
    add(out, iptables);
    add(answers, iptables);
    ASSERT_SEEN(&answers, &out);
    add(forwards, iptables); /* between them, where it was before, were it put back */
    ASSERT_SEEN(&answers, &forwards, &out);
    assert_int_equal(kernel_shell("test \"$(nft -a list chain " CHAIN " | grep -c tapnet:lab/lab)\" = 3"), 0);
    delete (&forwards);
    ASSERT_SEEN(&answers, &out);
    delete (&answers);
    delete (&out);
    delete (&out); /* it is no failure that it is gone */
    assert_int_equal(kernel_shell("test \"$(nft list chain " CHAIN " | grep -c tapnet)\" = 0"), 0);
}

static void in_the_words_of_iptables_they_stand_in_their_order(void **state)
{
    (void)state;
    check_order(true);
}

static void in_the_words_of_nft_they_stand_in_their_order(void **state)
{
    (void)state;
    check_order(false);
}

static int make_chains6(void **state)
{
    (void)state;
    return kernel_shell("for family in ip6 inet; do nft \"table $family filter { chain FORWARD { type filter hook "
                        "forward priority 0; }; }\" || exit 1; done");
}

static void who_looks_for_a_neighbour_and_who_tells(void **state)
{
    (void)state;
    for (int iptables = 0; iptables <= 1; iptables++) {
        add(advertise, iptables);
        add(solicit, iptables);
        ASSERT_SEEN(&solicit, &advertise);
        assert_int_equal(kernel_shell("nft list chain ip6 filter FORWARD | grep -q 'icmpv6 type nd-neighbor-advert'"),
                         0);
        delete (&solicit);
        ASSERT_SEEN(&advertise);
        delete (&advertise);
        assert_seen(NULL, 0);
    }
}

static void in_a_table_of_both_families_for_one_alone(void **state)
{
    (void)state;
    add(out6, false);
    ASSERT_SEEN(&out6);
    add(out_of_both, false);
    add(solicit_in_inet, false);
    ASSERT_SEEN(&solicit_in_inet, &out_of_both, &out6);
    assert_int_equal(kernel_shell("nft list chain inet filter FORWARD | grep -q "
                                  "'meta nfproto ipv6 iifname \"br-lab\" oifname \"eth0\" accept'"),
                     0);
    delete (&out_of_both);
    ASSERT_SEEN(&solicit_in_inet, &out6);
}

static void what_only_looks_like_one_of_ip6_is_none(void **state)
{
    static const char *const rules[] = {
        "iifname br-lab icmpv6 type echo-request accept",
        "iifname br-lab icmpv6 type != nd-neighbor-solicit accept",
        "iifname br-lab icmpv6 type nd-neighbor-solicit icmpv6 code 0 accept",
        "iifname br-lab icmpv6 type nd-neighbor-solicit ct state established accept",
        "iifname br-lab meta l4proto ipv6-icmp accept",
        "iifname br-lab meta l4proto tcp @th,0,8 135 accept",
        "icmpv6 type nd-neighbor-solicit accept",
    };
    char command[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
        snprintf(command, sizeof(command), "nft 'add rule ip6 filter FORWARD %s comment \"tapnet:lab/lab\"'", rules[i]);
        assert_int_equal(kernel_shell(command), 0);
    }
    assert_int_equal(kernel_shell("nft 'add rule inet filter FORWARD meta nfproto arp iifname br-lab accept comment "
                                  "\"tapnet:lab/lab\"' 2>/dev/null; nft 'add rule inet filter FORWARD meta nfproto "
                                  "!= ipv6 iifname br-lab accept comment \"tapnet:lab/lab\"'"),
                     0);
    assert_seen(NULL, 0);
}

static void every_copy_goes(void **state)
{
    (void)state;
    add(out, true);
    assert_int_equal(kernel_shell("nft 'insert rule " CHAIN " iifname br-lab oifname eth0 counter accept comment "
                                  "\"tapnet:lab/lab\"'"),
                     0);
    delete (&out);
    assert_seen(NULL, 0);
}

static void what_only_looks_like_one_is_none(void **state)
{
    static const char *const rules[] = {
        "accept",
        "iifname br-lab drop",
        "iifname br-lab counter",
        "iifname != br-lab accept",
        "iifname \"br-*\" accept",
        "iifname br-lab oifname eth0 tcp dport 80 accept",
        "oifname br-lab ct state new accept",
        "oifname br-lab ct state established accept",
        "oifname br-lab ct status dnat,snat accept",
        "iifname { br-lab, br-cell } accept",
        "iifname br-lab jump other",
    };
    char command[256];

    (void)state;
    assert_int_equal(kernel_shell("nft add chain ip filter other"), 0);
    for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
        snprintf(command, sizeof(command), "nft 'add rule " CHAIN " %s comment \"tapnet:lab/lab\"'", rules[i]);
        assert_int_equal(kernel_shell(command), 0);
    }
    assert_int_equal(kernel_shell("nft 'add rule " CHAIN " iifname br-lab accept comment \"tapnet:lab\"'"), 0);
    assert_int_equal(kernel_shell("nft 'add rule " CHAIN " iifname br-lab accept comment \"tapnet:lab/a b\"'"), 0);
    assert_seen(NULL, 0);
}

static void without_its_chain_none_is_made_and_none_is_missed(void **state)
{
    struct tapnet_error error = {0};
    struct guard_passage elsewhere = out;

    (void)state;
    elsewhere.chain = "DOCKER-USER";
    assert_int_equal(nft_passage_add(kernel_netlink, &elsewhere, &error), -ENOENT);
    assert_true(error.text[0]);
    assert_int_equal(nft_passage_delete(kernel_netlink, &elsewhere, &error), 0);
}

/* A table that is made anew counts its rules from 1 again: the number that was ours is now a rule of the stranger's. */
#define ANEW                                                                                                           \
    "nft 'flush ruleset; table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; "         \
    "iifname eth1 drop; iifname eth2 drop; "                                                                           \
    "iifname br-lab oifname eth0 counter accept comment \"tapnet:lab/lab\"; iifname eth3 drop; }; }'"

static void a_number_that_is_another_rules_by_now_is_left_alone(void **state)
{
    (void)state;
    add(out, true);
    ASSERT_SEEN(&out);
    stranger_types = ANEW;
    stranger_turns = 1;
    delete (&out);
    assert_seen(NULL, 0); /* the stranger's copy has gone, too, ... */
    assert_int_equal(kernel_shell("test \"$(nft list chain " CHAIN " | grep -c 'eth[123].*drop')\" = 3"),
                     0); /* ... no more */
}

static void a_place_beside_another_rule_is_looked_for_again(void **state)
{
    (void)state;
    add(out, true);
    stranger_types = ANEW;
    stranger_turns = 1;
    add(forwards, true);
    ASSERT_SEEN(&forwards, &out);
    assert_int_equal(kernel_shell("nft list chain " CHAIN
                                  " | grep -A1 'status dnat\\|ctstate DNAT\\|oifname \"br-lab\"' | "
                                  "grep -q 'iifname \"br-lab\"'"),
                     0);
}

static void who_is_always_faster_is_told_of(void **state)
{
    struct tapnet_error error = {0};

    (void)state;
    add(out, true);
    stranger_types = "nft add table ip his; nft delete table ip his";
    stranger_turns = 1000;
    assert_int_equal(nft_passage_delete(kernel_netlink, &out, &error), -ERESTART);
    stranger_turns = 0;
    assert_non_null(strstr(error.text, "somebody has changed nftables rules under 10 attempts"));
    ASSERT_SEEN(&out);
}

int main(void)
{
#define WITH_CHAIN(test) cmocka_unit_test_setup_teardown(test, make_chain, take_away)
#define WITH_CHAINS6(test) cmocka_unit_test_setup_teardown(test, make_chains6, take_away)
    static const struct CMUnitTest tests[] = {
        WITH_CHAIN(in_the_words_of_iptables_they_stand_in_their_order),
        WITH_CHAIN(in_the_words_of_nft_they_stand_in_their_order),
        WITH_CHAINS6(who_looks_for_a_neighbour_and_who_tells),
        WITH_CHAINS6(in_a_table_of_both_families_for_one_alone),
        WITH_CHAINS6(what_only_looks_like_one_of_ip6_is_none),
        WITH_CHAIN(every_copy_goes),
        WITH_CHAIN(what_only_looks_like_one_is_none),
        WITH_CHAIN(without_its_chain_none_is_made_and_none_is_missed),
        WITH_CHAIN(a_number_that_is_another_rules_by_now_is_left_alone),
        WITH_CHAIN(a_place_beside_another_rule_is_looked_for_again),
        WITH_CHAIN(who_is_always_faster_is_told_of),
    };

    if (!kernel_enter())
        return KERNEL_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
