/* SPDX-License-Identifier: MIT */
/* The commands that let a packet by: in whose words, in which chain, and what they never say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/netfilter/nf_tables.h>

#include <cmocka.h>

#include "base/array.h"
#include "explain/host.h"

/*
 *   guest --- br-lab --[ FORWARD of somebody, which drops ]--- eth0
 */
static struct rules_step to_docker_user = {.kind = RULES_VERDICT, .verdict = RULES_JUMP, .name = "DOCKER-USER"};
static struct rules_step drop = {.kind = RULES_VERDICT, .verdict = RULES_DROP, .name = ""};
static struct rules_rule leads[] = {{.comment = "", .steps = &to_docker_user, .step_count = 1}};
static struct rules_rule drops_first[] = {{.comment = "", .steps = &drop, .step_count = 1},
                                          {.comment = "", .steps = &to_docker_user, .step_count = 1}};

static const struct rules_chain forward = {
    .family = RULES_IP4, .table = "filter", .name = "FORWARD", .type = "filter", .device = "", .drops = true};

/* The command for what the first of @chains drops, from the guest, or an answer to it. */
static const char *remedy(struct rules_chain *chains, size_t count, const char *in, const char *out, bool is_reply)
{
    static char text[256];
    const struct rules_ruleset ruleset = {.chains = chains, .chain_count = count};
    const struct rules_answer answer = {.outcome = RULES_DROPPED, .base = &chains[0], .chain = &chains[0]};
    const struct rules_packet packet = {.in = in, .out = out, .state = RULES_NEW, .is_reply = is_reply};
    struct arena arena = {0};
    const char *command = explain_remedy(&ruleset, &answer, &packet, &arena);

    assert_non_null(command);
    assert_true(strlen(command) < sizeof(text));
    strcpy(text, command);
    arena_fini(&arena);
    return text;
}

#define MARK " -m comment --comment tapnet -j ACCEPT"

static void test_iptables(void **state)
{
    struct rules_chain chains[] = {forward};

    (void)state;
    assert_string_equal(remedy(chains, 1, "br-lab", "eth0", false), "iptables -I FORWARD -i br-lab -o eth0" MARK);
    assert_string_equal(remedy(chains, 1, "eth0", "br-lab", true),
                        "iptables -I FORWARD -i eth0 -o br-lab -m conntrack --ctstate RELATED,ESTABLISHED" MARK);
    chains[0].legacy = true;
    assert_string_equal(remedy(chains, 1, "br-lab", "eth0", false),
                        "iptables-legacy -I FORWARD -i br-lab -o eth0" MARK);
    chains[0].table = "raw";
    chains[0].name = "PREROUTING";
    assert_string_equal(remedy(chains, 1, "br-lab", "", false), "iptables-legacy -t raw -I PREROUTING -i br-lab" MARK);
}

/* In a table of IPv6 by its own command, into the chain that ufw has for IPv6. */
static void test_ip6tables(void **state)
{
    struct rules_step to_ufw = to_docker_user;
    struct rules_rule leads_to_ufw = {.comment = "", .steps = &to_ufw, .step_count = 1};
    struct rules_chain chains[] = {forward, forward};

    (void)state;
    to_ufw.name = "ufw6-user-forward";
    chains[0].family = chains[1].family = RULES_IP6;
    assert_string_equal(remedy(chains, 1, "br-lab", "eth0", false), "ip6tables -I FORWARD -i br-lab -o eth0" MARK);
    chains[1].name = "ufw6-user-forward";
    chains[0].rules = &leads_to_ufw;
    chains[0].rule_count = 1;
    assert_string_equal(remedy(chains, 2, "br-lab", "eth0", false),
                        "ip6tables -I ufw6-user-forward -i br-lab -o eth0" MARK);
}

/* Into the chain that Docker leaves alone; but not where the packet is dropped before it comes there. */
static void test_docker(void **state)
{
    struct rules_chain chains[] = {forward, forward};

    (void)state;
    chains[1].name = "DOCKER-USER";
    chains[0].rules = leads;
    chains[0].rule_count = ARRAY_COUNT(leads);
    assert_string_equal(remedy(chains, 2, "br-lab", "eth0", false), "iptables -I DOCKER-USER -i br-lab -o eth0" MARK);
    chains[0].rules = drops_first;
    chains[0].rule_count = ARRAY_COUNT(drops_first);
    assert_string_equal(remedy(chains, 2, "br-lab", "eth0", false), "iptables -I FORWARD -i br-lab -o eth0" MARK);
}

/*
 * As ufw has it: INPUT leads to a chain of checks, which drop what is invalid or not for this host, and go on to the
 * user's chain. A packet that none of them drops comes there; one that may be dropped on the way does not, for certain.
 */
static void test_ufw(void **state)
{
    static uint8_t invalid[4], zero[4];
    static struct rules_step bits[] = {
        {.kind = RULES_LOAD, .source = RULES_CT, .offset = NFT_CT_STATE, .len = 4, .name = ""},
        {.kind = RULES_MASK, .len = 4, .bytes = invalid, .with = zero, .name = ""},
        {.kind = RULES_COMPARE, .operator= RULES_NOT_EQUAL, .len = 4, .bytes = zero, .name = ""},
        {.kind = RULES_VERDICT, .verdict = RULES_DROP, .name = ""},
    };
    static struct rules_step unknown[] = {{.kind = RULES_UNKNOWN, .name = "secmark"},
                                          {.kind = RULES_VERDICT, .verdict = RULES_DROP, .name = ""}};
    static struct rules_step to_checks = {.kind = RULES_VERDICT, .verdict = RULES_JUMP, .name = "ufw-before-input"};
    static struct rules_step to_user = {.kind = RULES_VERDICT, .verdict = RULES_JUMP, .name = "ufw-user-input"};
    struct rules_rule first = {.comment = "", .steps = &to_checks, .step_count = 1};
    struct rules_rule checks[] = {{.comment = "", .steps = bits, .step_count = ARRAY_COUNT(bits)},
                                  {.comment = "", .steps = &to_user, .step_count = 1}};
    struct rules_chain chains[] = {forward, forward, forward};
    const uint32_t bit = RULES_INVALID;

    (void)state;
    memcpy(invalid, &bit, sizeof(bit));
    chains[0].name = "INPUT";
    chains[0].rules = &first;
    chains[0].rule_count = 1;
    chains[1].name = "ufw-before-input";
    chains[1].rules = checks;
    chains[1].rule_count = ARRAY_COUNT(checks);
    chains[2].name = "ufw-user-input";
    assert_string_equal(remedy(chains, 3, "br-lab", "", false), "iptables -I ufw-user-input -i br-lab" MARK);
    checks[0].steps = unknown;
    checks[0].step_count = ARRAY_COUNT(unknown);
    assert_string_equal(remedy(chains, 3, "br-lab", "", false), "iptables -I INPUT -i br-lab" MARK);
}

static void test_nft(void **state)
{
    struct rules_chain chains[] = {forward};

    (void)state;
    chains[0].family = RULES_INET;
    chains[0].table = "fw";
    chains[0].name = "f";
    assert_string_equal(remedy(chains, 1, "br-lab", "eth0", false),
                        "nft 'insert rule inet fw f iifname \"br-lab\" oifname \"eth0\" accept comment \"tapnet\"'");
    assert_string_equal(remedy(chains, 1, "eth0", "br-lab", true),
                        "nft 'insert rule inet fw f iifname \"eth0\" oifname \"br-lab\" ct state established,related "
                        "accept comment \"tapnet\"'");
    chains[0].family = RULES_BRIDGE;
    assert_string_equal(
        remedy(chains, 1, "lab-db", "lab-web", true),
        "nft 'insert rule bridge fw f iifname \"lab-db\" oifname \"lab-web\" accept comment \"tapnet\"'");
}

static void test_firewalld(void **state)
{
    struct rules_chain chains[] = {forward};

    (void)state;
    chains[0].family = RULES_INET;
    chains[0].table = "firewalld";
    chains[0].name = "filter_FORWARD";
    assert_string_equal(remedy(chains, 1, "br-lab", "eth0", false),
                        "firewall-cmd --zone=trusted --add-interface=br-lab");
    assert_string_equal(remedy(chains, 1, "eth0", "br-lab", true),
                        "firewall-cmd --zone=trusted --add-interface=br-lab");
}

/* An accept of everything would open the host; a name that a shell or nft reads in its own way would do anything. */
static void test_what_has_no_command(void **state)
{
    static const char *const strange[] = {"a b", "a;b", "a'b", "$(id)", "a\"b", "a\nb", "`id`", "a{b}", "\x1b[1m"};
    struct rules_chain chains[] = {forward};

    (void)state;
    assert_string_equal(remedy(chains, 1, "", "", false), "");
    for (size_t i = 0; i < ARRAY_COUNT(strange); i++) {
        chains[0] = forward;
        assert_string_equal(remedy(chains, 1, strange[i], "eth0", false), "");
        assert_string_equal(remedy(chains, 1, "br-lab", strange[i], false), "");
        chains[0].table = strange[i];
        assert_string_equal(remedy(chains, 1, "br-lab", "eth0", false), "");
        chains[0].table = "filter";
        chains[0].name = strange[i];
        assert_string_equal(remedy(chains, 1, "br-lab", "eth0", false), "");
    }
    chains[0] = forward;
    chains[0].family = RULES_INET;
    chains[0].table = "tapnet"; /* what our own drop they are meant to drop */
    assert_string_equal(remedy(chains, 1, "br-lab", "eth0", false), "");
}

static void test_a_word_of_a_shell(void **state)
{
    struct arena arena = {0};

    (void)state;
    assert_string_equal(explain_word(&arena, "br-lab.1"), "br-lab.1");
    assert_string_equal(explain_word(&arena, ""), "''");
    assert_string_equal(explain_word(&arena, "a b"), "'a b'");
    assert_string_equal(explain_word(&arena, "it's"), "'it'\\''s'");
    assert_string_equal(explain_word(&arena, "$(id)"), "'$(id)'");
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iptables),
        cmocka_unit_test(test_ip6tables),
        cmocka_unit_test(test_docker),
        cmocka_unit_test(test_ufw),
        cmocka_unit_test(test_nft),
        cmocka_unit_test(test_firewalld),
        cmocka_unit_test(test_what_has_no_command),
        cmocka_unit_test(test_a_word_of_a_shell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
