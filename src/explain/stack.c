/* SPDX-License-Identifier: MIT */
/* The host's IP stack on a packet's way: reverse path, forwarding, routes, neighbours, tracked connections. */
#include "explain/stack.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/lookup.h"

static long conf_of(const char *family, const char *interface, const char *name, long fallback)
{
    char path[96];

    snprintf(path, sizeof(path), "net/%s/conf/%s/%s", family, interface, name);
    return explain_sysctl(path, fallback);
}

static long conf(const char *interface, const char *name)
{
    return conf_of("ipv4", interface, name, 0);
}

static long conf6(const char *interface, const char *name)
{
    return conf_of("ipv6", interface, name, 0);
}

/* ---- routes ---- */

struct dead_end {
    const struct rules_packet *packet;
    const char *in;
    struct netlink_route route; /* the longest that leads nowhere */
    struct netlink_rule rule;
    bool has_route, has_rule;
};

static bool leads_nowhere(uint8_t type)
{
    return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT;
}

static int meet_route(const struct netlink_route *route, void *data)
{
    struct dead_end *end = data;

    if (!leads_nowhere(route->type) || !ip_prefix_contains(&route->destination, &end->packet->destination) ||
        (end->has_route && route->destination.length < end->route.destination.length))
        return 0;
    end->route = *route;
    end->has_route = true;
    return 0;
}

static bool fits_rule(const struct netlink_rule *rule, const struct dead_end *end)
{
    bool fits = (!rule->source.address.family || ip_prefix_contains(&rule->source, &end->packet->source)) &&
                (!rule->destination.address.family ||
                 ip_prefix_contains(&rule->destination, &end->packet->destination)) &&
                (!*rule->in || strcmp(rule->in, end->in) == 0);

    return fits != rule->inverted;
}

static int meet_rule(const struct netlink_rule *rule, void *data)
{
    struct dead_end *end = data;
    bool dead = rule->action == FR_ACT_BLACKHOLE || rule->action == FR_ACT_UNREACHABLE ||
                rule->action == FR_ACT_PROHIBIT;

    if (dead && !end->has_rule && fits_rule(rule, end)) {
        end->rule = *rule;
        end->has_rule = true;
    }
    return 0;
}

/* Is there a rule, or a route, that leads @packet nowhere? */
static bool find_dead_end(const struct why *why, const struct explain_link *in, const struct rules_packet *packet,
                          struct dead_end *ret)
{
    *ret = (struct dead_end){.packet = packet, .in = in ? in->name : "lo"};
    netlink_rule_dump(why->host.netlink, why->family, meet_rule, NULL, ret, NULL);
    netlink_route_dump(why->host.netlink, why->family, 0, meet_route, NULL, ret, NULL);
    return ret->has_rule || ret->has_route;
}

static const char *type_word(uint8_t type)
{
    return type == RTN_BLACKHOLE ? "blackhole" : type == RTN_PROHIBIT ? "prohibit" : "unreachable";
}

/* The kernel finds no way: is it a rule, a route that says so, or is there just none? */
static void tell_no_route(struct why *why, const struct explain_link *in, const struct rules_packet *packet, int error)
{
    char text[IP_PREFIX_TEXT_MAX], table[32] = "";
    const char *closed = why_closed(&packet->destination), *ip = why->family == AF_INET6 ? "ip -6" : "ip";
    struct dead_end end;

    find_dead_end(why, in, packet, &end);
    if (end.has_rule) {
        why_add(why, WHY_STOPS, "policy-rule",
                why_print(why, "the rule of policy routing with priority %u sends it nowhere", end.rule.priority),
                why_print(why, "%s rule del priority %u", ip, end.rule.priority));
        return;
    }
    if (end.has_route) {
        if (end.route.table != RT_TABLE_MAIN)
            snprintf(table, sizeof(table), " table %u", end.route.table);
        ip_prefix_print(&end.route.destination, text);
        why_add(why, WHY_STOPS, "route",
                why_print(why, "the route %s %s leads nowhere", type_word(end.route.type), text),
                why_print(why, "%s route del %s %s%s", ip, type_word(end.route.type), text, table));
        return;
    }
    ip_address_print(&packet->destination, text);
    why_add(why, WHY_STOPS, "route",
            closed ? why_print(why, "%s is %s", text, closed)
                   : why_print(why, "there is no route to %s: %s", text, strerrordesc_np(-error)),
            "");
}

static struct netlink_lookup lookup_of(const struct explain_link *in, const struct rules_packet *packet)
{
    return (struct netlink_lookup){
        .source = in ? packet->source : (struct ip_address){0},
        .destination = packet->destination,
        .in_index = in ? in->index : 0,
        .protocol = packet->protocol,
        .destination_port = packet->destination_port,
    };
}

const struct explain_link *why_step_route(struct why *why, const struct explain_link *in,
                                          const struct rules_packet *packet, struct ip_address *ret_next)
{
    const struct netlink_lookup lookup = lookup_of(in, packet);
    char text[IP_TEXT_MAX], gateway[IP_TEXT_MAX];
    const struct explain_link *out;
    struct netlink_route route;
    int result = netlink_route_lookup(why->host.netlink, &lookup, &route, NULL, NULL);

    if (result < 0) {
        tell_no_route(why, in, packet, result);
        return NULL;
    }
    out = explain_find_index(&why->host, route.index);
    ip_address_print(&packet->destination, text);
    if (!out) {
        why_add(why, WHY_STOPS, "route", why_print(why, "the route to %s leads to no device", text), "");
        return NULL;
    }
    *ret_next = route.gateway.family ? route.gateway : packet->destination;
    why_add(why, WHY_PASSES, "route",
            why_print(why, "the route to %s leads by %s%s%s", text, out->name, route.gateway.family ? " via " : "",
                      route.gateway.family ? ip_address_print(&route.gateway, gateway) : ""),
            "");
    return out;
}

/* ---- what comes in ---- */

/* Does what the host sends to the sender of @packet leave by @in (@loose: by any)? By @ret; NULL: there is no way. */
static bool leads_back(const struct why *why, const struct explain_link *in, const struct rules_packet *packet,
                       bool loose, const struct explain_link **ret)
{
    const struct netlink_lookup lookup = {.destination = packet->source};
    struct netlink_route route;
    int result = netlink_route_lookup(why->host.netlink, &lookup, &route, NULL, NULL);

    *ret = result == 0 ? explain_find_index(&why->host, route.index) : NULL;
    return *ret && (loose || *ret == in);
}

/*
 * Strict (1): the way back must be by the same device. Loose (2): there must be one. The larger of two settings. The
 * kernel looks for that way as for a packet that comes in where this one goes out (rules of policy routing may ask for
 * it), so it is asked what it does with the packet itself. -EINVAL: before or behind a certain Linux it says so of a
 * black hole, too.
 */
void why_step_reverse_path(struct why *why, const struct explain_link *in, const struct rules_packet *packet)
{
    long all = conf("all", "rp_filter"), own = conf(in->name, "rp_filter"), filter = all > own ? all : own;
    const struct netlink_lookup lookup = lookup_of(in, packet);
    const struct explain_link *out;
    struct netlink_route route;
    struct dead_end end;
    int result;

    if (filter == 0 || packet->source.family != AF_INET)
        return;
    result = netlink_route_lookup(why->host.netlink, &lookup, &route, NULL, NULL);
    if (result == 0)
        why_add(why, WHY_PASSES, "reverse-path", why_print(why, "rp_filter: %s is where its sender lives", in->name),
                "");
    if (result != -EXDEV && result != -EINVAL) /* the other reasons are the route's */
        return;
    if (leads_back(why, in, packet, filter == 2, &out) && result == -EINVAL && find_dead_end(why, in, packet, &end))
        return;
    why_add(why, WHY_STOPS, "reverse-path",
            why_print(why, "rp_filter is on for %s, and the way back to its sender is %s%s", in->name,
                      out ? "by " : "nowhere", out ? out->name : ""),
            why_print(why, "sysctl -w net/ipv4/conf/all/rp_filter=0 net/ipv4/conf/%s/rp_filter=0",
                      why_word(why, in->name)));
}

/* By IPv6 all interfaces forward, or (Linux 6.17 and newer) those that are told to; its own `forwarding` says no more
   than what @in tells its neighbours. */
static void step_forwarding6(struct why *why, const struct explain_link *in)
{
    long forces = conf_of("ipv6", in->name, "force_forwarding", -1);

    if (forces > 0 || conf6("all", "forwarding"))
        why_add(why, WHY_PASSES, "forwarding", why_print(why, "%s forwards IPv6", in->name), "");
    else if (forces == 0)
        why_add(why, WHY_STOPS, "forwarding",
                why_print(why, "%s does not forward IPv6 (net.ipv6.conf.%s.force_forwarding is 0)", in->name, in->name),
                why_print(why, "sysctl -w net/ipv6/conf/%s/force_forwarding=1", why_word(why, in->name)));
    else
        why_add(why, WHY_STOPS, "forwarding", "nothing forwards IPv6 (net.ipv6.conf.all.forwarding is 0)",
                "sysctl -w net/ipv6/conf/all/forwarding=1");
}

void why_step_forwarding(struct why *why, const struct explain_link *in)
{
    if (why->family == AF_INET6)
        step_forwarding6(why, in);
    else if (conf(in->name, "forwarding"))
        why_add(why, WHY_PASSES, "forwarding", why_print(why, "%s forwards", in->name), "");
    else
        why_add(why, WHY_STOPS, "forwarding",
                why_print(why, "%s does not forward (net.ipv4.conf.%s.forwarding is 0)", in->name, in->name),
                why_print(why, "sysctl -w net/ipv4/conf/%s/forwarding=1", why_word(why, in->name)));
}

/* ---- IPv6 on a link ---- */

void why_step_ip6(struct why *why, const struct explain_link *link)
{
    if (why->family == AF_INET6 && conf6(link->name, "disable_ipv6"))
        why_add(why, WHY_STOPS, "ip6-disabled",
                why_print(why, "%s has no IPv6 (net.ipv6.conf.%s.disable_ipv6 is 1)", link->name, link->name),
                why_print(why, "sysctl -w net/ipv6/conf/%s/disable_ipv6=0", why_word(why, link->name)));
}

void why_step_router(struct why *why, const struct explain_link *link)
{
    if (!conf6(link->name, "forwarding"))
        why_add(
            why, WHY_UNKNOWN, "router",
            why_print(why,
                      "%s tells its neighbours that it is no router (net.ipv6.conf.%s.forwarding is 0): guests that "
                      "know it by router advertisements forget it",
                      link->name, link->name),
            why_print(why, "sysctl -w net/ipv6/conf/%s/forwarding=1", why_word(why, link->name)));
}

/* ---- neighbours ---- */

/* Two requests, a second apart. */
#define ANSWER_MSEC 1500

static const char *discovery(const struct ip_address *address)
{
    return address->family == AF_INET6 ? "Neighbour Discovery" : "ARP";
}

bool why_step_neighbour(struct why *why, const struct explain_link *out, const struct ip_address *next,
                        const struct mac *mac)
{
    struct netlink_neighbour neighbour;
    char text[IP_TEXT_MAX], found[MAC_TEXT_MAX], wanted[MAC_TEXT_MAX];
    int result;

    if (!out->ethernet || why->stopped)
        return true;
    ip_address_print(next, text);
    result = netlink_neighbour_ask(why->host.netlink, out->index, next, ANSWER_MSEC, &neighbour, NULL);
    if (result < 0)
        why_add(why, WHY_UNKNOWN, "neighbour",
                why_print(why, "whether %s answers %s on %s is not known: %s", text, discovery(next), out->name,
                          strerrordesc_np(-result)),
                "");
    else if (neighbour.state & (NUD_FAILED | NUD_INCOMPLETE | NUD_PROBE))
        return false;
    else if (mac && !mac_is_zero(mac) && !mac_equal(mac, &neighbour.mac))
        why_add(why, WHY_STOPS, "neighbour",
                why_print(why, "the host takes %s on %s for %s, and its guest has %s", text, out->name,
                          mac_print(&neighbour.mac, found), mac_print(mac, wanted)),
                why_print(why, "ip neigh del %s dev %s", text, why_word(why, out->name)));
    else
        why_add(why, WHY_PASSES, "neighbour",
                neighbour.state & (NUD_PERMANENT | NUD_NOARP)
                    ? why_print(why, "%s is known on %s", text, out->name)
                    : why_print(why, "%s answers %s on %s", text, discovery(next), out->name),
                "");
    return true;
}

void why_tell_silent(struct why *why, const struct explain_link *out, const struct ip_address *next)
{
    char text[IP_TEXT_MAX];

    why_add(why, WHY_STOPS, "neighbour",
            why_print(why, "%s does not answer %s on %s", ip_address_print(next, text), discovery(next), out->name),
            "");
}

/* ---- tracked connections ---- */

void why_step_connections(struct why *why)
{
    long count = explain_sysctl("net/netfilter/nf_conntrack_count", 0);
    long max = explain_sysctl("net/netfilter/nf_conntrack_max", 0);

    if (max > 0 && count >= max)
        why_add(why, WHY_STOPS, "connections",
                why_print(why, "the table of connections is full: %ld of %ld", count, max),
                why_print(why, "sysctl -w net/netfilter/nf_conntrack_max=%ld", 2 * max));
}
