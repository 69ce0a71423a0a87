/* SPDX-License-Identifier: MIT */
/* Chains of single devices: who meets them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/meet.h"

/*
 *   guest --- lab-web --[ one chain that drops all ]--- eth0
 */
static enum rules_outcome meet(int chain_hook, const char *chain_devices, enum rules_hook hook, const char *in,
                               const char *out)
{
    struct rules_chain chain = {.family = RULES_NETDEV,
                                .table = "fw",
                                .name = "all",
                                .type = "filter",
                                .device = chain_devices,
                                .hook = chain_hook,
                                .drops = true};
    const struct rules_ruleset ruleset = {.chains = &chain, .chain_count = 1};
    const struct rules_packet packet = {.in = in, .out = out, .state = RULES_NEW};
    struct rules_answer answer;

    rules_meet(&ruleset, hook, RULES_DEVICE, &packet, &answer);
    return answer.outcome;
}

static void test_one_of_several(void **state)
{
    (void)state;
    assert_int_equal(meet(RULES_INGRESS, "eth1 lab-web0 lab-web", RULES_INGRESS, "lab-web", "eth0"), RULES_DROPPED);
    assert_int_equal(meet(RULES_INGRESS, "eth1 lab-web0 xlab-web", RULES_INGRESS, "lab-web", "eth0"), RULES_PASSES);
}

static void test_what_comes_in_does_not_go_out(void **state)
{
    (void)state;
    assert_int_equal(meet(RULES_EGRESS, "eth0", RULES_EGRESS, "lab-web", "eth0"), RULES_DROPPED);
    assert_int_equal(meet(RULES_EGRESS, "eth0", RULES_EGRESS, "eth0", "lab-web"), RULES_PASSES);
    assert_int_equal(meet(RULES_EGRESS, "eth0", RULES_INGRESS, "eth0", "lab-web"), RULES_PASSES);
    assert_int_equal(meet(RULES_INGRESS, "eth0", RULES_EGRESS, "lab-web", "eth0"), RULES_PASSES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_several),
        cmocka_unit_test(test_what_comes_in_does_not_go_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
