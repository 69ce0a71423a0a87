/* SPDX-License-Identifier: MIT */
/* What a packet meets: chains in their order, jumps, sets, and what can't be told. */
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/array.h"
#include "rules/meet.h"

/*
 *   guest 10.20.0.7 --- br-lab --[ hook forward: the chains of each test ]--- eth0 --- 192.0.2.1
 */
static struct rules_ruleset ruleset;

static int clear(void **state)
{
    (void)state;
    rules_fini(&ruleset);
    return 0;
}

static size_t add_chain(const char *name, int hook, int priority, bool drops)
{
    const struct rules_chain chain = {.family = RULES_INET,
                                      .table = "fw",
                                      .name = name,
                                      .type = "filter",
                                      .device = "",
                                      .hook = hook,
                                      .priority = priority,
                                      .drops = drops};

    assert_int_equal(array_reserve((void **)&ruleset.chains, &ruleset.chain_capacity, ruleset.chain_count, 1,
                                   sizeof(*ruleset.chains)),
                     0);
    ruleset.chains[ruleset.chain_count] = chain;
    return ruleset.chain_count++;
}

/* A rule of @count steps at the end of the chain. */
static void add_rule(size_t chain_index, const struct rules_step *steps, size_t count)
{
    struct rules_chain *chain = &ruleset.chains[chain_index];
    struct rules_rule rule = {.comment = "", .handle = chain->rule_count + 1, .step_count = count};

    rule.steps = arena_alloc(&ruleset.arena, count * sizeof(*steps));
    memcpy(rule.steps, steps, count * sizeof(*steps));
    assert_int_equal(
        array_reserve((void **)&chain->rules, &chain->rule_capacity, chain->rule_count, 1, sizeof(*chain->rules)), 0);
    chain->rules[chain->rule_count++] = rule;
}

#define RULE(chain, ...)                                                                                               \
    add_rule(chain, (const struct rules_step[]){__VA_ARGS__},                                                          \
             sizeof((const struct rules_step[]){__VA_ARGS__}) / sizeof(struct rules_step))

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__})
#define SADDR                                                                                                          \
    {                                                                                                                  \
        .kind = RULES_LOAD, .source = RULES_NETWORK_HEADER, .offset = 12, .len = 4, .name = "payload"                  \
    }
#define MARK                                                                                                           \
    {                                                                                                                  \
        .kind = RULES_LOAD, .source = RULES_META, .offset = NFT_META_MARK, .len = 4, .name = "meta"                    \
    }
#define LENGTH                                                                                                         \
    {                                                                                                                  \
        .kind = RULES_LOAD, .source = RULES_NETWORK_HEADER, .offset = 2, .len = 2, .name = "payload"                   \
    }
#define STATE                                                                                                          \
    {                                                                                                                  \
        .kind = RULES_LOAD, .source = RULES_CT, .offset = NFT_CT_STATE, .len = 4, .name = "ct"                         \
    }
#define IS(...)                                                                                                        \
    {                                                                                                                  \
        .kind = RULES_COMPARE, .bytes = BYTES(__VA_ARGS__), .len = sizeof(BYTES(__VA_ARGS__)), .name = "cmp"           \
    }
#define IS_NOT(...)                                                                                                    \
    {                                                                                                                  \
        .kind = RULES_COMPARE, .operator= RULES_NOT_EQUAL, .bytes = BYTES(__VA_ARGS__),                                \
        .len = sizeof(BYTES(__VA_ARGS__)), .name = "cmp"                                                               \
    }
#define VERDICT(what)                                                                                                  \
    {                                                                                                                  \
        .kind = RULES_VERDICT, .verdict = what, .name = ""                                                             \
    }
#define TO(what, chain)                                                                                                \
    {                                                                                                                  \
        .kind = RULES_VERDICT, .verdict = what, .name = chain                                                          \
    }
#define DROP VERDICT(RULES_DROP)
#define ACCEPT VERDICT(RULES_ACCEPT)
#define STRANGE                                                                                                        \
    {                                                                                                                  \
        .kind = RULES_UNKNOWN, .name = "strange"                                                                       \
    }

static struct rules_packet packet(void)
{
    struct rules_packet packet = {
        .in = "br-lab", .out = "eth0", .protocol = IPPROTO_TCP, .destination_port = 80, .state = RULES_NEW};

    ip_address_parse("10.20.0.7", &packet.source);
    ip_address_parse("192.0.2.1", &packet.destination);
    return packet;
}

static struct rules_answer ask(void)
{
    const struct rules_packet asked = packet();
    struct rules_answer answer;

    rules_meet(&ruleset, RULES_FORWARD, RULES_STACK, &asked, &answer);
    return answer;
}

static void assert_dropped_by(const char *chain, uint64_t handle)
{
    struct rules_answer answer = ask();

    assert_int_equal(answer.outcome, RULES_DROPPED);
    assert_string_equal(answer.chain->name, chain);
    assert_int_equal(answer.rule ? answer.rule->handle : 0, handle);
}

static void test_nothing_stops_it(void **state)
{
    (void)state;
    assert_int_equal(ask().outcome, RULES_PASSES);
    add_chain("elsewhere", RULES_INPUT, 0, true);
    assert_int_equal(ask().outcome, RULES_PASSES);
    assert_int_equal(ask().base_count, 0);
}

static void test_policy(void **state)
{
    size_t chain = add_chain("f", RULES_FORWARD, 0, true);

    (void)state;
    assert_dropped_by("f", 0);
    RULE(chain, SADDR, IS(10, 20, 0, 7), ACCEPT);
    assert_int_equal(ask().outcome, RULES_PASSES);
}

/* An accept ends its own base chain, and no other. */
static void test_every_chain_must_let_it_by(void **state)
{
    size_t first = add_chain("first", RULES_FORWARD, -10, false), second = add_chain("second", RULES_FORWARD, 5, false);

    (void)state;
    RULE(first, ACCEPT);
    RULE(second, SADDR, IS(10, 20, 0), DROP); /* a prefix of 24 bits */
    assert_dropped_by("second", 1);
}

static void test_the_first_by_priority_is_named(void **state)
{
    (void)state;
    add_chain("late", RULES_FORWARD, 10, true);
    add_chain("early", RULES_FORWARD, -10, true);
    assert_dropped_by("early", 0);
    clear(NULL);
    add_chain("early", RULES_FORWARD, -10, true);
    add_chain("late", RULES_FORWARD, 10, true);
    assert_dropped_by("early", 0);
}

static void test_jump_returns_and_goto_does_not(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false), inner = add_chain("inner", RULES_NO_HOOK, 0, false);

    (void)state;
    RULE(inner, SADDR, IS(10, 20, 0, 8), ACCEPT);
    RULE(base, TO(RULES_JUMP, "inner"));
    RULE(base, DROP);
    assert_dropped_by("base", 2);
    clear(NULL);
    base = add_chain("base", RULES_FORWARD, 0, false);
    add_chain("inner", RULES_NO_HOOK, 0, false);
    RULE(base, TO(RULES_GOTO, "inner"));
    RULE(base, DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
}

static void test_return(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, true), inner = add_chain("inner", RULES_NO_HOOK, 0, false);

    (void)state;
    RULE(base, TO(RULES_JUMP, "inner"));
    RULE(base, ACCEPT);
    RULE(inner, VERDICT(RULES_RETURN));
    RULE(inner, DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
}

/* What can't be told is not guessed: neither that it drops, nor that it does not. */
static void test_maybe(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false);
    struct rules_answer answer;

    (void)state;
    RULE(base, STRANGE, DROP);
    answer = ask();
    assert_int_equal(answer.outcome, RULES_MAY_BE_DROPPED);
    assert_string_equal(answer.undecided->name, "strange");
    RULE(base, DROP);
    assert_dropped_by("base", 2);
}

static void test_maybe_accepted_before_it_is_dropped(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, true);

    (void)state;
    RULE(base, STRANGE, ACCEPT);
    assert_int_equal(ask().outcome, RULES_MAY_BE_DROPPED);
    assert_null(ask().rule);
    assert_string_equal(ask().undecided->name, "strange");
}

/* ... and what follows in the same rule is looked at all the same: it may say no. */
static void test_a_rule_that_does_not_match_whatever_the_rest_says(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false);

    (void)state;
    RULE(base, STRANGE, SADDR, IS(10, 99), DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
}

static void test_a_drop_behind_a_jump_that_may_be_taken(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false), inner = add_chain("inner", RULES_NO_HOOK, 0, false);
    struct rules_answer answer;

    (void)state;
    RULE(base, STRANGE, TO(RULES_JUMP, "inner"));
    RULE(inner, SADDR, IS(10), DROP);
    answer = ask();
    assert_int_equal(answer.outcome, RULES_MAY_BE_DROPPED);
    assert_string_equal(answer.chain->name, "inner");
}

/* A doubtful return, or goto, makes all that follows it in its chain doubtful, and nothing in the chain before. */
static void test_behind_a_doubtful_return(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false), inner = add_chain("inner", RULES_NO_HOOK, 0, false);
    struct rules_answer answer;

    (void)state;
    RULE(base, TO(RULES_JUMP, "inner"));
    RULE(inner, STRANGE, VERDICT(RULES_RETURN));
    RULE(inner, DROP);
    answer = ask();
    assert_int_equal(answer.outcome, RULES_MAY_BE_DROPPED);
    assert_string_equal(answer.undecided->name, "strange");
    RULE(base, SADDR, IS(10), DROP);
    assert_dropped_by("base", 2);
}

static void test_behind_a_doubtful_goto(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false);

    (void)state;
    add_chain("inner", RULES_NO_HOOK, 0, false);
    RULE(base, STRANGE, TO(RULES_GOTO, "inner"));
    RULE(base, DROP);
    assert_int_equal(ask().outcome, RULES_MAY_BE_DROPPED);
}

/* iptables-legacy has tables and chains of the same names. */
static void test_jumps_stay_in_their_table(void **state)
{
    size_t legacy = add_chain("FORWARD", RULES_FORWARD, 0, false), inner = add_chain("inner", RULES_NO_HOOK, 0, false);
    size_t other = add_chain("inner", RULES_NO_HOOK, 0, false);

    (void)state;
    ruleset.chains[legacy].legacy = ruleset.chains[other].legacy = true;
    RULE(legacy, TO(RULES_JUMP, "inner"));
    RULE(inner, DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
    RULE(other, ACCEPT);
    RULE(legacy, DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
}

static void test_a_program_decides(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, true);

    (void)state;
    RULE(base, VERDICT(RULES_QUEUE));
    assert_int_equal(ask().outcome, RULES_MAY_BE_DROPPED);
    assert_null(ask().undecided);
}

/* The length of a packet that did not come yet is not known; that it has no mark is, until a rule gives it one. */
static void test_what_is_known(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false);

    (void)state;
    RULE(base, MARK, IS_NOT(0, 0, 0, 0), DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
    RULE(base, {.kind = RULES_MARK, .name = "mark"});
    RULE(base, MARK, IS_NOT(0, 0, 0, 0), DROP);
    assert_int_equal(ask().outcome, RULES_MAY_BE_DROPPED);
    clear(NULL);
    base = add_chain("base", RULES_FORWARD, 0, false);
    RULE(base, LENGTH, IS(0, 100), DROP);
    assert_int_equal(ask().outcome, RULES_MAY_BE_DROPPED);
}

/* Bits that are masked away are known, whatever they were. */
static void test_mask(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false);
    const struct rules_step low_bits = {
        .kind = RULES_MASK, .len = 4, .bytes = BYTES(0x0c, 0, 0, 0), .with = BYTES(0, 0, 0, 0), .name = "bitwise"};

    (void)state;
    RULE(base, LENGTH, {.kind = RULES_MASK, .len = 2, .bytes = BYTES(0, 0), .with = BYTES(0, 0), .name = "bitwise"},
         IS_NOT(0, 0), DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
    RULE(base, STATE, low_bits, IS_NOT(0, 0, 0, 0), DROP); /* new or related */
    assert_dropped_by("base", 2);
}

static void test_limits(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false);

    (void)state;
    RULE(base, {.kind = RULES_LIMIT, .inverted = true, .name = "limit"}, DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
    RULE(base, {.kind = RULES_LIMIT, .name = "limit"}, DROP);
    assert_dropped_by("base", 2);
}

/* ---- sets ---- */

static void add_set(const char *name, bool ranges, size_t key_len, const struct rules_element *elements, size_t count)
{
    struct rules_set set = {.family = RULES_INET,
                            .table = "fw",
                            .name = name,
                            .key_len = (uint8_t)key_len,
                            .ranges = ranges,
                            .element_count = count};

    set.elements = calloc(count + 1, sizeof(*elements));
    memcpy(set.elements, elements, count * sizeof(*elements));
    assert_int_equal(
        array_reserve((void **)&ruleset.sets, &ruleset.set_capacity, ruleset.set_count, 1, sizeof(*ruleset.sets)), 0);
    ruleset.sets[ruleset.set_count++] = set;
}

#define LOOKUP(set)                                                                                                    \
    {                                                                                                                  \
        .kind = RULES_LOOKUP, .name = set                                                                              \
    }

static void test_a_list(void **state)
{
    const struct rules_element elements[] = {{.key = BYTES(10, 20, 0, 6), .chain = ""},
                                             {.key = BYTES(10, 20, 0, 7), .chain = ""}};
    size_t base = add_chain("base", RULES_FORWARD, 0, false);

    (void)state;
    add_set("s", false, 4, elements, 1);
    RULE(base, SADDR, LOOKUP("s"), DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
    add_set("t", false, 4, elements, 2);
    RULE(base, SADDR, LOOKUP("t"), DROP);
    assert_dropped_by("base", 2);
}

/* 10.20.0.0 to 10.20.0.7, or to 10.20.0.6: where the gap behind begins is what tells them apart. */
static void test_ranges(void **state)
{
    const struct rules_element open[] = {{.key = BYTES(10, 20, 0, 8), .opens_gap = true, .chain = ""},
                                         {.key = BYTES(10, 20, 0, 0), .chain = ""},
                                         {.key = BYTES(0, 0, 0, 0), .opens_gap = true, .chain = ""}};
    const struct rules_element closed[] = {{.key = BYTES(10, 20, 0, 7), .opens_gap = true, .chain = ""},
                                           {.key = BYTES(10, 20, 0, 0), .chain = ""}};
    size_t base = add_chain("base", RULES_FORWARD, 0, false);

    (void)state;
    add_set("closed", true, 4, closed, 2);
    add_set("open", true, 4, open, 3);
    RULE(base, SADDR, LOOKUP("closed"), DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
    RULE(base, SADDR, LOOKUP("open"), DROP);
    assert_dropped_by("base", 2);
}

/* Addresses and ports, a range of each. */
static void test_boxes(void **state)
{
    const struct rules_element inside[] = {
        {.key = BYTES(10, 20, 0, 0, 0, 80, 0, 0), .end = BYTES(10, 20, 0, 255, 0, 90, 0, 0), .chain = ""}};
    const struct rules_element outside[] = {
        {.key = BYTES(10, 20, 0, 0, 0, 81, 0, 0), .end = BYTES(10, 20, 0, 255, 0, 90, 0, 0), .chain = ""},
        {.key = BYTES(10, 20, 0, 7, 0, 79, 0, 0), .end = BYTES(10, 20, 0, 7, 0, 79, 0, 0), .chain = ""}};
    const struct rules_step port = {
        .kind = RULES_LOAD, .source = RULES_TRANSPORT_HEADER, .offset = 2, .len = 2, .to = 4};
    size_t base = add_chain("base", RULES_FORWARD, 0, false);

    (void)state;
    add_set("outside", true, 8, outside, 2);
    add_set("inside", true, 8, inside, 1);
    for (size_t i = 0; i < 2; i++) {
        ruleset.sets[i].fields[0] = 4;
        ruleset.sets[i].fields[1] = 2;
        ruleset.sets[i].field_count = 2;
    }
    RULE(base, SADDR, port, LOOKUP("outside"), DROP);
    assert_int_equal(ask().outcome, RULES_PASSES);
    RULE(base, SADDR, port, LOOKUP("inside"), DROP);
    assert_dropped_by("base", 2);
}

/* Is a length that nobody knows in the set? */
static void test_what_is_not_known_may_be_in_a_set(void **state)
{
    const struct rules_element elements[] = {{.key = BYTES(0, 100), .chain = ""}};

    (void)state;
    for (int ranges = 0; ranges < 2; ranges++) {
        size_t base = add_chain("base", RULES_FORWARD, 0, false);

        add_set("s", ranges, 2, elements, 1);
        add_set("empty", ranges, 2, elements, 0);
        RULE(base, LENGTH, LOOKUP("empty"), DROP);
        assert_int_equal(ask().outcome, RULES_PASSES);
        RULE(base, LENGTH, LOOKUP("s"), DROP);
        assert_int_equal(ask().outcome, RULES_MAY_BE_DROPPED);
        clear(NULL);
    }
}

static void test_a_map_of_verdicts(void **state)
{
    const struct rules_element elements[] = {{.key = BYTES(10, 20, 0, 7), .verdict = RULES_JUMP, .chain = "inner"},
                                             {.catches_all = true, .verdict = RULES_ACCEPT, .chain = ""}};
    size_t base = add_chain("base", RULES_FORWARD, 0, true), inner = add_chain("inner", RULES_NO_HOOK, 0, false);

    (void)state;
    add_set("m", false, 4, elements, 2);
    RULE(base, SADDR, LOOKUP("m"));
    RULE(inner, DROP);
    assert_dropped_by("inner", 1);
}

static void test_a_set_that_is_not_there_may_hold_anything(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false);

    (void)state;
    RULE(base, SADDR, LOOKUP("gone"), DROP);
    assert_int_equal(ask().outcome, RULES_MAY_BE_DROPPED);
}

/* ---- the rest ---- */

static void test_other_addresses_are_for_first_packets(void **state)
{
    size_t base = add_chain("nat", RULES_FORWARD, 0, false);
    struct rules_packet later = packet();
    struct rules_answer answer;

    (void)state;
    ruleset.chains[base].type = "nat";
    RULE(base, {.kind = RULES_NAT, .name = "masquerade"});
    assert_int_equal(ask().outcome, RULES_PASSES);
    assert_non_null(ask().nat);
    later.state = RULES_ESTABLISHED;
    rules_meet(&ruleset, RULES_FORWARD, RULES_STACK, &later, &answer);
    assert_null(answer.nat);
}

/* The first that gives it another address is the last that may: who comes behind does not see it. */
static void test_only_one_gives_an_address(void **state)
{
    size_t late = add_chain("late", RULES_FORWARD, 7, false), early = add_chain("early", RULES_FORWARD, -7, false);

    (void)state;
    ruleset.chains[late].type = ruleset.chains[early].type = "nat";
    RULE(late, DROP);
    RULE(early, {.kind = RULES_NAT, .name = "masquerade"});
    assert_int_equal(ask().outcome, RULES_PASSES);
    assert_string_equal(ask().nat_chain->name, "early");
}

/* Thirty jumps to a chain with thirty jumps, and so on: the walk ends all the same, and says that it does not know. */
static void test_a_maze_ends(void **state)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    size_t chains[8];

    (void)state;
    chains[0] = add_chain("0", RULES_FORWARD, 0, false);
    for (size_t i = 1; i < 8; i++)
        chains[i] = add_chain(names[i], RULES_NO_HOOK, 0, false);
    for (size_t i = 0; i < 7; i++)
        for (size_t rule = 0; rule < 30; rule++)
            RULE(chains[i], STRANGE, TO(RULES_JUMP, names[i + 1]));
    assert_int_equal(ask().outcome, RULES_MAY_BE_DROPPED);
}

/* The kernel has no such chain, but what is read while it changes may look like one. */
static void test_a_chain_that_leads_to_itself(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, true);

    (void)state;
    RULE(base, TO(RULES_JUMP, "base"));
    assert_dropped_by("base", 0);
}

static void test_whose_it_is(void **state)
{
    char text[RULES_OWNER_MAX];

    (void)state;
    add_chain("FORWARD", RULES_FORWARD, 0, true);
    assert_string_equal(rules_owner(&ruleset, &ruleset.chains[0], text), "");
    add_chain("DOCKER-USER", RULES_NO_HOOK, 0, false);
    add_chain("ufw-user-forward", RULES_NO_HOOK, 0, false);
    add_chain("DOCKER", RULES_NO_HOOK, 0, false);
    assert_string_equal(rules_owner(&ruleset, &ruleset.chains[0], text), "Docker and ufw");
    assert_string_equal(rules_owner(&ruleset, &ruleset.chains[2], text), "ufw");
}

static void test_text(void **state)
{
    size_t base = add_chain("base", RULES_FORWARD, 0, false);
    const struct rules_rule *rules;
    char text[RULES_TEXT_MAX];

    (void)state;
    RULE(base, SADDR, IS(10, 20, 0), {.kind = RULES_NEUTRAL, .name = "counter"}, DROP);
    RULE(base, STATE, {.kind = RULES_MASK, .len = 4, .bytes = BYTES(0x06, 0, 0, 0), .with = BYTES(0, 0, 0, 0)},
         IS_NOT(0, 0, 0, 0), TO(RULES_JUMP, "x\x1b[2J"));
    rules = ruleset.chains[base].rules;
    assert_string_equal(rules_print(RULES_INET, &rules[0], text), "ip saddr 10.20.0.0/24 counter drop");
    assert_string_equal(rules_print(RULES_INET, &rules[1], text), "ct state established,related jump x?[2J");
    assert_string_equal(rules_print_condition(&ruleset, &rules[1].steps[2], text), "ct state established,related");
}

#define TEST(function) cmocka_unit_test_teardown(function, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_stops_it),
        TEST(test_policy),
        TEST(test_every_chain_must_let_it_by),
        TEST(test_the_first_by_priority_is_named),
        TEST(test_jump_returns_and_goto_does_not),
        TEST(test_return),
        TEST(test_maybe),
        TEST(test_maybe_accepted_before_it_is_dropped),
        TEST(test_a_rule_that_does_not_match_whatever_the_rest_says),
        TEST(test_a_drop_behind_a_jump_that_may_be_taken),
        TEST(test_behind_a_doubtful_return),
        TEST(test_behind_a_doubtful_goto),
        TEST(test_jumps_stay_in_their_table),
        TEST(test_a_program_decides),
        TEST(test_what_is_known),
        TEST(test_mask),
        TEST(test_limits),
        TEST(test_a_list),
        TEST(test_ranges),
        TEST(test_boxes),
        TEST(test_what_is_not_known_may_be_in_a_set),
        TEST(test_a_map_of_verdicts),
        TEST(test_a_set_that_is_not_there_may_hold_anything),
        TEST(test_other_addresses_are_for_first_packets),
        TEST(test_only_one_gives_an_address),
        TEST(test_a_maze_ends),
        TEST(test_a_chain_that_leads_to_itself),
        TEST(test_whose_it_is),
        TEST(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
