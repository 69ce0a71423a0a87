/* SPDX-License-Identifier: MIT */
/* A small set for the planner's tests: one nat network "lab" with the ports "web" and "db". */
#ifndef TEST_PLAN_LAB_H
#define TEST_PLAN_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "plan/plan.h"

struct lab {
    struct model_port ports[2];
    struct model_network network;
    struct model_set set;
};

static inline void lab_port(struct model_port *port, const char *name, uint32_t address)
{
    *port = (struct model_port){.user = MODEL_ID_NONE, .group = MODEL_ID_NONE};
    snprintf(port->name, sizeof(port->name), "%s", name);
    port->address = ip4_from_value(address);
}

/* 10.20.0.1/24, uplink eth0, web .7, db .8. */
static inline void lab_init(struct lab *lab, const char *set)
{
    *lab = (struct lab){.set = {.networks = &lab->network, .network_count = 1}};
    snprintf(lab->set.name, sizeof(lab->set.name), "%s", set);
    lab_port(&lab->ports[0], "web", 0x0a140007);
    lab_port(&lab->ports[1], "db", 0x0a140008);
    lab->network = (struct model_network){.name = "lab",
                                          .mode = MODEL_MODE_NAT,
                                          .uplink = "eth0",
                                          .mtu = 1500,
                                          .dns_port = MODEL_DNS_PORT,
                                          .subnet = {ip4_from_value(0x0a140001), 24},
                                          .ports = lab->ports,
                                          .port_count = 2};
    model_derive(&lab->set);
}

/* fd00:20::1/64, too, on a host whose default route by eth0 was learned. @forces: its links can be told to forward. */
static inline void lab_init6(struct lab *lab, bool forces)
{
    memcpy(lab->network.uplink6, "eth0", sizeof("eth0"));
    assert_int_equal(ip_prefix_parse("fd00:20::1/64", -1, &lab->network.subnet6), 0);
    lab->set.ip6 = (struct model_ip6){.available = true, .forces = forces, .learning_count = 1};
    memcpy(lab->set.ip6.learning[0], "eth0", sizeof("eth0"));
}

static inline void lab_expand(const struct lab *lab, struct model_objects *ret)
{
    *ret = (struct model_objects){0};
    assert_int_equal(model_expand(&lab->set, false, ret, NULL), 0);
}

/* How many steps of @plan make (+), change (~) or remove (-) an object of @kind. */
static inline size_t count_steps(const struct plan *plan, enum model_object_kind kind, char sign)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        char own = !step->before ? '+' : !step->after ? '-' : '~';

        count += plan_step_object(step)->kind == kind && own == sign;
    }
    return count;
}

#endif
