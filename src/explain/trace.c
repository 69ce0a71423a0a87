/* SPDX-License-Identifier: MIT */
/* Tries what was read: one packet through the guest's device, and where the kernel tells that it was seen. */
#include "explain/trace.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "explain/probe.h"
#include "nft/trace.h"

#define QUIET_MSEC 200 /* after the last that was heard of it */
#define MOST_MSEC 2000
#define PORTS_FIRST 49152u /* that nobody listens at */

DEFINE_CLEANUP(struct nft_trace *, nft_trace_close)

/* What was heard of the packet. */
struct sighting {
    const struct rules_ruleset *rules;
    struct rules_answer dropped;          /* chain NULL: nowhere that was told */
    char hooks[2][RULES_POSTROUTING + 1]; /* of the stack, of bridges: the end of each was reached */
    bool seen;                            /* at all */
    int out_index;
};

static int hook_of(const char *chain)
{
    static const char *const names[] = {"prerouting", "input", "forward", "output", "postrouting"};

    for (int hook = 0; hook <= RULES_POSTROUTING; hook++)
        if (strcmp(names[hook], chain) == 0)
            return hook;
    return RULES_NO_HOOK;
}

static void meet_ours(struct sighting *sighting, const struct nft_trace_event *event)
{
    int hook = hook_of(event->chain);

    if (hook == RULES_NO_HOOK)
        return;
    sighting->hooks[event->family == RULES_BRIDGE][hook] = 1;
    if (event->out_index)
        sighting->out_index = event->out_index;
}

static const struct rules_rule *find_rule(const struct rules_chain *chain, uint64_t handle)
{
    for (size_t i = 0; i < chain->rule_count; i++)
        if (chain->rules[i].handle == handle)
            return &chain->rules[i];
    return NULL;
}

static int meet_event(const struct nft_trace_event *event, void *data)
{
    struct sighting *sighting = data;
    const struct rules_chain *chain;

    sighting->seen = true;
    if (strcmp(event->table, NFT_TRACE_TABLE) == 0) {
        meet_ours(sighting, event);
        return 0;
    }
    if (event->verdict != RULES_DROP)
        return 0;
    chain = rules_find_chain(sighting->rules, event->family, event->table, event->chain);
    if (!chain)
        return 0;
    sighting->dropped.base = sighting->dropped.chain = chain;
    sighting->dropped.rule = event->handle ? find_rule(chain, event->handle) : NULL;
    sighting->dropped.outcome = RULES_DROPPED;
    return 0;
}

/* ---- the packet ---- */

/* The MAC that a guest sends to: the other guest's, or the gateway's. */
static struct mac next_mac(const struct why *why)
{
    const struct model_network *network = why->from.service->network;
    const struct explain_link *link = explain_find_link(
        &why->host, model_network_has_bridge(network) ? network->bridge : why->from.port->device);

    if (why->to.kind == WHY_GUEST && why->to.service == why->from.service && model_network_has_bridge(network))
        return why->to.mac;
    return link ? link->mac : (struct mac){{0}};
}

static int make_probe(const struct why *why, struct probe *ret, struct tapnet_error *error)
{
    uint16_t random;

    if (why->from.kind != WHY_GUEST)
        return error_set(error, -EINVAL, "a packet can be tried from a guest only: FROM must be a port");
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return error_set_errno(error, -errno, "cannot make a random number");
    *ret = (struct probe){
        .source_mac = mac_is_zero(&why->from.mac) ? why->from.port->guest_mac : why->from.mac,
        .destination_mac = next_mac(why),
        .source = why->from.address,
        .destination = why->to.address,
        .protocol = why->protocol,
        .id = (uint16_t)(PORTS_FIRST + random % (65536u - PORTS_FIRST)),
        .port = why->port,
    };
    return 0;
}

/* ---- what it tells ---- */

/* "the bridge, prerouting, forward, postrouting" */
static const char *print_hooks(struct why *why, const struct sighting *sighting)
{
    static const char *const names[] = {"prerouting", "input", "forward", "output", "postrouting"};
    /* In the order of a packet that comes in by a bridge's port. */
    static const int order[][2] = {{1, RULES_PREROUTING}, {1, RULES_FORWARD},     {1, RULES_INPUT},
                                   {0, RULES_PREROUTING}, {0, RULES_FORWARD},     {0, RULES_INPUT},
                                   {0, RULES_OUTPUT},     {0, RULES_POSTROUTING}, {1, RULES_OUTPUT},
                                   {1, RULES_POSTROUTING}};
    const char *text = "";

    for (size_t i = 0; i < sizeof(order) / sizeof(*order) && text; i++)
        if (sighting->hooks[order[i][0]][order[i][1]])
            text = why_print(why, "%s%s%s%s", text, *text ? ", " : "", order[i][0] ? "bridge " : "",
                             names[order[i][1]]);
    return text;
}

/* Did it come as far as it was meant to? */
static bool has_arrived(const struct why *why, const struct sighting *sighting)
{
    bool through_bridge = sighting->hooks[1][RULES_POSTROUTING], through_stack = sighting->hooks[0][RULES_POSTROUTING];

    if (why->to.kind == WHY_HOST)
        return sighting->hooks[0][RULES_INPUT];
    if (why->to.kind == WHY_OUTSIDE)
        return through_stack;
    return through_bridge || (through_stack && !model_network_has_bridge(why->to.service->network));
}

/* A step for what was tried; where it is not what was read of the way there, it says so. */
static void tell(struct why *why, const struct sighting *sighting)
{
    bool stopped = why->stopped, read_stops = stopped && !why->is_back;
    bool arrived = has_arrived(why, sighting) && !sighting->dropped.chain;
    const char *hooks = print_hooks(why, sighting), *place = NULL;

    why->is_back = false;
    why->stopped = false; /* what was tried is told, whatever was read */
    if (sighting->dropped.chain)
        place = explain_place(&why->host.rules, &sighting->dropped, &why->arena);
    if (!hooks || (sighting->dropped.chain && !place)) {
        why->failed = true;
        return;
    }
    if (arrived)
        why_add(why, WHY_PASSES, "trace", why_print(why, "a packet that was tried passed: %s", hooks), "");
    else if (place)
        why_add(why, WHY_STOPS, "trace", why_print(why, "a packet that was tried was dropped: %s", place), "");
    else if (sighting->seen)
        why_add(why, WHY_STOPS, "trace", why_print(why, "a packet that was tried was last seen at: %s", hooks), "");
    else
        why_add(why, WHY_STOPS, "trace",
                why_print(why, "a packet that was tried was never seen behind %s", why->from.port->device), "");
    why->stopped = false;
    if (arrived == read_stops)
        why_add(why, WHY_UNKNOWN, "disagreement",
                why_print(why, "what was read and what was tried do not agree: what was read %s",
                          read_stops ? "says that it is stopped" : "says that it passes"),
                "");
    why->stopped = stopped || !arrived;
}

int why_trace(struct why *why, struct tapnet_error *error)
{
    struct nft_trace *trace cleanup(cleanup_nft_trace_close) = NULL;
    struct sighting sighting = {.rules = &why->host.rules};
    const struct device_holder *holder;
    struct nft_trace_match match;
    struct probe probe;
    int result = make_probe(why, &probe, error);

    if (result < 0)
        return result;
    holder = explain_find_holder(&why->host, why->from.port->device);
    if (!holder)
        return error_set(error, -ENODEV, "nobody holds %s: nothing can be tried", why->from.port->device);
    match = (struct nft_trace_match){probe.source, probe.destination, probe.protocol, probe.id};
    result = nft_trace_open(&match, &trace, error);
    if (result == 0)
        result = probe_send(&probe, holder, error);
    if (result == -EIO) /* the device is down: that is an answer */
        result = 0;
    if (result == 0)
        result = nft_trace_read(trace, QUIET_MSEC, MOST_MSEC, meet_event, &sighting);
    if (result < 0)
        return result;
    tell(why, &sighting);
    return why->failed ? error_set(error, -ENOMEM, "out of memory") : 0;
}
