/* SPDX-License-Identifier: MIT */
/* Answers the question why a packet does not arrive: there, and back. */
#include "explain/why.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"

#define ICMP_ECHO 8
#define ICMP_ECHO_REPLY 0

void why_fini(struct why *why)
{
    explain_host_fini(&why->host);
    free(why->steps);
    arena_fini(&why->arena);
    *why = (struct why){.port = 0};
}

const char *why_print(struct why *why, const char *format, ...)
{
    va_list arguments;
    const char *text;

    va_start(arguments, format);
    text = explain_print(&why->arena, format, arguments);
    va_end(arguments);
    return text;
}

const char *why_word(struct why *why, const char *text)
{
    return explain_word(&why->arena, text);
}

void why_add(struct why *why, enum why_verdict verdict, const char *name, const char *text, const char *command)
{
    static const char *const words[] = {[WHY_PASSES] = "passes", [WHY_UNKNOWN] = "unknown", [WHY_STOPS] = "stops"};

    if (why->stopped)
        return;
    if (!text || !command ||
        array_reserve((void **)&why->steps, &why->step_capacity, why->step_count, 1, sizeof(*why->steps)) < 0) {
        why->failed = true;
        return;
    }
    why->steps[why->step_count++] = (struct tapnet_way_step){words[verdict], name, text, command, why->is_back};
    why->stopped = verdict == WHY_STOPS;
}

const char *why_uplink(const struct why *why, const struct model_network *network)
{
    return why->family == AF_INET6 ? network->uplink6 : network->uplink;
}

const struct ip_prefix *why_subnet(const struct why *why, const struct model_network *network)
{
    return why->family == AF_INET6 ? &network->subnet6 : &network->subnet;
}

static uint8_t icmp_type(const struct why *why)
{
    if (why->family == AF_INET6)
        return why->is_back ? ICMP6_ECHO_REPLY : ICMP6_ECHO_REQUEST;
    return why->is_back ? ICMP_ECHO_REPLY : ICMP_ECHO;
}

struct rules_packet why_packet(const struct why *why)
{
    const struct why_end *source = why->is_back ? &why->to : &why->from;
    const struct why_end *destination = why->is_back ? &why->from : &why->to;

    return (struct rules_packet){
        .in = "",
        .out = "",
        .ethernet = true,
        .source = source->address,
        .destination = destination->address,
        .source_mac = source->mac,
        .destination_type = destination->kind == WHY_HOST ? RTN_LOCAL : RTN_UNICAST,
        .protocol = why->protocol,
        .source_port = why->is_back ? why->port : 0,
        .destination_port = why->is_back ? 0 : why->port,
        .icmp_type = icmp_type(why),
        .state = why->is_back ? RULES_ESTABLISHED : RULES_NEW,
        .status = why->is_back ? IPS_CONFIRMED | IPS_SEEN_REPLY : 0,
        .is_reply = why->is_back,
    };
}

/* ---- the question ---- */

/* Whoever is named by an address says by which family; of names IPv4 is meant, unless IPv6 is asked for. */
static int read_family(struct why *why, struct tapnet_error *error)
{
    const struct tapnet_question *question = why->question;
    const char *const words[] = {question->from, question->to};
    struct ip_address addresses[ARRAY_COUNT(words)] = {{0}};

    why->family = question->ip6 ? AF_INET6 : AF_INET;
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (ip_address_parse(words[i], &addresses[i]) == 0 && addresses[i].family == AF_INET6)
            why->family = AF_INET6;
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (addresses[i].family && addresses[i].family != why->family)
            return error_set(error, -EINVAL, "'%.60s' is an address of IPv4, and IPv6 is asked about", words[i]);
    return 0;
}

static int read_protocol(struct why *why, struct tapnet_error *error)
{
    static const struct {
        const char *word;
        uint8_t protocol;
    } words[] = {{"icmp", IPPROTO_ICMP}, {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}};
    const char *word = why->question->protocol ? why->question->protocol : "icmp";

    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (strcmp(words[i].word, word) == 0) {
            bool is_ping = words[i].protocol == IPPROTO_ICMP;

            why->protocol = is_ping && why->family == AF_INET6 ? IPPROTO_ICMPV6 : words[i].protocol;
            why->port = is_ping ? 0 : why->question->port;
            return is_ping || why->port ? 0 : error_set(error, -EINVAL, "%s needs a port, as in %s 80", word, word);
        }
    return error_set(error, -EINVAL, "the protocol '%.40s' is not known: tcp, udp or icmp", word);
}

/* The host as a guest knows it: its gateway. */
static void choose_host_address(const struct why *why, struct why_end *host, const struct why_end *other)
{
    if (host->kind == WHY_HOST && !host->address.family && other->kind == WHY_GUEST)
        host->address = why_subnet(why, other->service->network)->address;
}

static int read_question(struct why *why, struct tapnet_error *error)
{
    int result = read_family(why, error);

    if (result == 0)
        result = read_protocol(why, error);
    if (result == 0)
        result = why_find_end(why, why->question->from, &why->from, error);
    if (result == 0)
        result = why_find_end(why, why->question->to, &why->to, error);
    if (result == 0 && why->from.kind != WHY_GUEST && why->to.kind != WHY_GUEST)
        return error_set(error, -EINVAL, "neither '%.60s' nor '%.60s' is a guest of a network that is up",
                         why->question->from, why->question->to);
    if (result == 0 && why->from.kind == WHY_GUEST && why->to.kind == WHY_GUEST && why->from.port == why->to.port)
        return error_set(error, -EINVAL, "'%.60s' and '%.60s' are the same guest", why->question->from,
                         why->question->to);
    if (result < 0)
        return result;
    choose_host_address(why, &why->from, &why->to);
    choose_host_address(why, &why->to, &why->from);
    return 0;
}

int why_answer(const struct observe_found *found, const struct tapnet_question *question, struct why *ret,
               struct tapnet_error *error)
{
    struct why why cleanup(why_fini) = {.question = question};
    int result = explain_host_read(found, &why.host, error);

    if (result == 0)
        result = read_question(&why, error);
    if (result < 0)
        return result;
    why.from_text = why_print_end(&why, &why.from);
    why.to_text = why_print_end(&why, &why.to);
    why.failed = !why.from_text || !why.to_text;
    why_walk(&why, &why.from, &why.to);
    if (!why.stopped) {
        why.is_back = true;
        why_walk(&why, &why.to, &why.from);
    }
    if (why.failed)
        return error_set(error, -ENOMEM, "out of memory");
    *ret = why;
    why = (struct why){.port = 0};
    return 0;
}
