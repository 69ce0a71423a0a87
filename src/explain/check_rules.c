/* SPDX-License-Identifier: MIT */
/* Checks of other people's packet filters: will guests' packets be dropped there? */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "explain/doctor.h"
#include "explain/sample.h"

/*
 * How it works: packets that guests would send, and answers to them, are walked through the rules as the kernel would,
 * one network at a time. Where no network is up, one is made up. Our own tables are not asked: what they drop they are
 * meant to drop.
 */

#define MADE_UP "br-NETWORK" /* as a person reads it in a command: the bridge of a network to come */

static bool is_dropped_by_others(const struct doctor *doctor, enum rules_hook hook, const struct rules_packet *packet,
                                 struct rules_answer *ret)
{
    rules_meet(&doctor->host.rules, hook, RULES_STACK, packet, ret);
    return ret->outcome == RULES_DROPPED && !explain_is_ours(ret->base);
}

/* A rule of a table of both families drops both. */
static bool was_told(const struct doctor *doctor, const char *text)
{
    return doctor->finding_count && strcmp(doctor->findings[doctor->finding_count - 1].evidence, text) == 0;
}

static int tell(struct doctor *doctor, const struct doctor_check *check, const struct explain_sample *sample,
                const struct rules_answer *answer, const char *command)
{
    const char *place = explain_place(&doctor->host.rules, answer, &doctor->arena), *text;

    if (!place || !command)
        return -ENOMEM;
    text = doctor_print(doctor, "%s%s%s%s%s", check->prefix, sample->name ? "network " : "",
                        sample->name ? sample->name : "", sample->name ? ": " : "", place);
    return text && was_told(doctor, text) ? 0 : doctor_add(doctor, check, command, text);
}

static int look_at_forwarding(struct doctor *doctor, const struct doctor_check *check,
                              const struct explain_sample *sample)
{
    struct rules_packet out = explain_sample_packet(sample), back = explain_sample_answer(&out);
    struct rules_answer there, here;
    bool out_is_dropped = is_dropped_by_others(doctor, RULES_FORWARD, &out, &there);
    bool back_is_dropped = is_dropped_by_others(doctor, RULES_FORWARD, &back, &here);
    const char *first = "", *second = "";

    if (out_is_dropped)
        first = explain_remedy(&doctor->host.rules, &there, &out, &doctor->arena);
    if (back_is_dropped)
        second = explain_remedy(&doctor->host.rules, &here, &back, &doctor->arena);
    if (!first || !second)
        return -ENOMEM;
    if (!out_is_dropped && !back_is_dropped)
        return 0;
    return tell(doctor, check, sample, out_is_dropped ? &there : &here,
                strcmp(first, second) == 0
                    ? first
                    : doctor_print(doctor, "%s%s%s", first, *first && *second ? "\n" : "", second));
}

static int look_at_bridge(struct doctor *doctor, const struct doctor_check *check, const struct explain_sample *sample)
{
    struct rules_packet packet = explain_sample_frame(sample);
    struct rules_answer answer;

    if (sample->port_count < 2)
        return 0;
    if (!is_dropped_by_others(doctor, RULES_FORWARD, &packet, &answer))
        return 0;
    return tell(doctor, check, sample, &answer, check->command);
}

static int look_at_service(struct doctor *doctor, const struct doctor_check *check, const struct explain_sample *sample)
{
    struct rules_packet packet = explain_sample_query(sample);
    struct rules_answer answer;

    if (!sample->leads_out)
        return 0;
    if (!is_dropped_by_others(doctor, RULES_INPUT, &packet, &answer))
        return 0;
    return tell(doctor, check, sample, &answer, explain_remedy(&doctor->host.rules, &answer, &packet, &doctor->arena));
}

/* ---- all networks ---- */

typedef int looker(struct doctor *doctor, const struct doctor_check *check, const struct explain_sample *sample);

static int look_at_made_up(struct doctor *doctor, const struct doctor_check *check, looker *look)
{
    struct explain_sample sample = {
        .bridge = MADE_UP,
        .kind = "bridge",
        .uplink = doctor->host.found->uplink,
        .dns_port = MODEL_DNS_PORT,
        .port_count = 2,
        .leads_out = true,
        .forwards = true,
    };

    ip_address_parse("10.64.0.2", &sample.guest);
    ip_address_parse("10.64.0.1", &sample.gateway);
    return look(doctor, check, &sample);
}

/* By IPv4, and (@ip6) by IPv6 where the network has it. */
static int look_at_all(struct doctor *doctor, const struct doctor_check *check, looker *look, bool ip6)
{
    const struct observe_found *found = doctor->host.found;
    const struct model_service *service;
    int result = 0;

    if (!explain_network(found, 0))
        return look_at_made_up(doctor, check, look);
    for (size_t i = 0; (service = explain_network(found, i)) && result == 0; i++) {
        struct explain_sample sample;

        if (!service->network->port_count)
            continue;
        explain_sample_of(service->network, AF_INET, &sample);
        result = look(doctor, check, &sample);
        if (result == 0 && ip6 && explain_sample_of(service->network, AF_INET6, &sample))
            result = look(doctor, check, &sample);
    }
    return result;
}

static int look_if_forwards(struct doctor *doctor, const struct doctor_check *check,
                            const struct explain_sample *sample)
{
    bool has_way = sample->guest.family != AF_INET6 || *sample->uplink;

    return sample->forwards && has_way ? look_at_forwarding(doctor, check, sample) : 0;
}

int doctor_check_forward_dropped(struct doctor *doctor, const struct doctor_check *check)
{
    return look_at_all(doctor, check, look_if_forwards, true);
}

int doctor_check_input_dropped(struct doctor *doctor, const struct doctor_check *check)
{
    return look_at_all(doctor, check, look_at_service, true);
}

/* With br_netfilter frames from one port of a bridge to another pass the IP hooks, too. */
int doctor_check_bridge_filtered(struct doctor *doctor, const struct doctor_check *check)
{
    if (!explain_is_bridge_filtered(AF_INET))
        return 0;
    return look_at_all(doctor, check, look_at_bridge, false);
}
