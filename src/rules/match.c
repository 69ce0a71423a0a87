/* SPDX-License-Identifier: MIT */
/* The matches of xtables (iptables' -m NAME), as far as they can be told (linux/netfilter/xt_*.h). */
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter_ipv6/ip6t_hl.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

#include "base/array.h"
#include "rules/meet.h"

/*
 * How it works: a match is its name, its revision and a structure of the kernel's. Those in the table below are
 * understood when the structure has at least the size that it should have; any other may match.
 */
struct question {
    const struct rules_packet *packet;
    bool mark_known;
};

static enum rules_truth truth_of(bool is_so)
{
    return is_so ? RULES_YES : RULES_NO;
}

static enum rules_truth invert_if(bool inverted, enum rules_truth truth)
{
    return inverted ? rules_not(truth) : truth;
}

static enum rules_truth match_always(const struct question *question, const void *info)
{
    (void)question;
    (void)info;
    return RULES_YES;
}

/* What an extension header says, of a packet that has none. */
static enum rules_truth match_never(const struct question *question, const void *info)
{
    (void)question;
    (void)info;
    return RULES_NO;
}

/* ---- connections ---- */

/* A flag of the connection that a first packet's can't have yet, and a later one's may. */
static enum rules_truth has_status(const struct rules_packet *packet, uint32_t bits)
{
    if (packet->status & bits)
        return RULES_YES;
    return packet->state & RULES_NEW ? RULES_NO : RULES_MAYBE;
}

static enum rules_truth match_state_mask(const struct rules_packet *packet, uint32_t mask)
{
    enum rules_truth truth = RULES_NO;

    if (!packet->state)
        return RULES_MAYBE;
    if (packet->state & mask)
        return RULES_YES;
    if (mask & XT_CONNTRACK_STATE_SNAT)
        truth = has_status(packet, IPS_SRC_NAT);
    if ((mask & XT_CONNTRACK_STATE_DNAT) && has_status(packet, IPS_DST_NAT) > truth)
        truth = has_status(packet, IPS_DST_NAT);
    return truth;
}

static enum rules_truth match_conntrack(const struct question *question, const void *data)
{
    const struct xt_conntrack_mtinfo3 *info = data; /* as far as it is read here, revisions 2 and 3 are alike */
    const unsigned state = XT_CONNTRACK_STATE, direction = XT_CONNTRACK_DIRECTION;
    enum rules_truth truth = RULES_YES;

    if (info->match_flags & state)
        truth = invert_if(info->invert_flags & state, match_state_mask(question->packet, info->state_mask));
    if (truth != RULES_NO && (info->match_flags & direction)) {
        bool wants_reply = info->invert_flags & direction;

        if (wants_reply != question->packet->is_reply)
            return RULES_NO;
    }
    if (truth == RULES_YES && (info->match_flags & ~(state | direction | XT_CONNTRACK_STATE_ALIAS)))
        return RULES_MAYBE;
    return truth;
}

static enum rules_truth match_state(const struct question *question, const void *data)
{
    const struct xt_state_info *info = data;

    return match_state_mask(question->packet, info->statemask);
}

/* ---- ports ---- */

/* @port 0: not known. */
static enum rules_truth in_ports(uint16_t port, uint16_t first, uint16_t last)
{
    if (first == 0 && last == UINT16_MAX)
        return RULES_YES;
    return port ? truth_of(port >= first && port <= last) : RULES_MAYBE;
}

static enum rules_truth both(enum rules_truth a, enum rules_truth b)
{
    return a < b ? a : b;
}

static enum rules_truth match_tcp(const struct question *question, const void *data)
{
    const struct xt_tcp *info = data;
    const struct rules_packet *packet = question->packet;
    enum rules_truth truth;

    if (packet->protocol && packet->protocol != IPPROTO_TCP)
        return RULES_NO;
    truth = invert_if(info->invflags & XT_TCP_INV_SRCPT, in_ports(packet->source_port, info->spts[0], info->spts[1]));
    truth = both(truth, invert_if(info->invflags & XT_TCP_INV_DSTPT,
                                  in_ports(packet->destination_port, info->dpts[0], info->dpts[1])));
    if (info->flg_mask)
        truth = both(truth, packet->state & RULES_NEW ? invert_if(info->invflags & XT_TCP_INV_FLAGS,
                                                                  truth_of((0x02 & info->flg_mask) == info->flg_cmp))
                                                      : RULES_MAYBE);
    return info->option ? both(truth, RULES_MAYBE) : truth;
}

static enum rules_truth match_udp(const struct question *question, const void *data)
{
    const struct xt_udp *info = data;
    const struct rules_packet *packet = question->packet;

    if (packet->protocol && packet->protocol != IPPROTO_UDP)
        return RULES_NO;
    return both(
        invert_if(info->invflags & XT_UDP_INV_SRCPT, in_ports(packet->source_port, info->spts[0], info->spts[1])),
        invert_if(info->invflags & XT_UDP_INV_DSTPT, in_ports(packet->destination_port, info->dpts[0], info->dpts[1])));
}

static bool is_icmp(const struct rules_packet *packet, uint8_t type, const uint8_t code[2])
{
    return packet->icmp_type == type && packet->icmp_code >= code[0] && packet->icmp_code <= code[1];
}

static enum rules_truth match_icmp(const struct question *question, const void *data)
{
    const struct ipt_icmp *info = data;
    const struct rules_packet *packet = question->packet;
    bool fits = info->type == 0xff || is_icmp(packet, info->type, info->code);

    if (packet->protocol && packet->protocol != IPPROTO_ICMP)
        return RULES_NO;
    return invert_if(info->invflags & IPT_ICMP_INV, truth_of(fits));
}

static enum rules_truth match_icmp6(const struct question *question, const void *data)
{
    const struct ip6t_icmp *info = data;
    const struct rules_packet *packet = question->packet;

    if (packet->protocol && packet->protocol != IPPROTO_ICMPV6)
        return RULES_NO;
    return invert_if(info->invflags & IP6T_ICMP_INV, truth_of(is_icmp(packet, info->type, info->code)));
}

static enum rules_truth match_multiport(const struct question *question, const void *data)
{
    const struct xt_multiport_v1 *info = data;
    uint16_t port = info->flags == XT_MULTIPORT_SOURCE ? question->packet->source_port
                                                       : question->packet->destination_port;
    bool inside = false;

    if (!port || info->flags == XT_MULTIPORT_EITHER)
        return RULES_MAYBE;
    for (unsigned i = 0; i < info->count && i < XT_MULTI_PORTS; i++) {
        uint16_t last = info->ports[i];

        if (info->pflags[i] && i + 1 < XT_MULTI_PORTS)
            last = info->ports[i + 1];
        inside |= port >= info->ports[i] && port <= last;
        i += info->pflags[i] != 0;
    }
    return invert_if(info->invert, truth_of(inside));
}

/* ---- addresses and devices ---- */

/* By IPv6 an address of the host is a unicast one, too, and each type that is asked for must be its own. */
static enum rules_truth has_type6(uint8_t type, unsigned wanted)
{
    if (wanted == XT_ADDRTYPE_UNICAST)
        return truth_of(type == RTN_UNICAST || type == RTN_LOCAL);
    if (wanted == XT_ADDRTYPE_LOCAL || wanted == XT_ADDRTYPE_MULTICAST)
        return truth_of(wanted == 1u << type);
    return RULES_MAYBE;
}

static enum rules_truth match_addrtype(const struct question *question, const void *data)
{
    const struct xt_addrtype_info_v1 *info = data;
    uint8_t type = question->packet->destination_type;

    if (info->source || !type || (info->flags & ~(uint32_t)XT_ADDRTYPE_INVERT_DEST))
        return RULES_MAYBE;
    return invert_if(info->flags & XT_ADDRTYPE_INVERT_DEST, rules_is_ip6(question->packet)
                                                                ? has_type6(type, info->dest)
                                                                : truth_of(info->dest & (1u << type)));
}

static enum rules_truth in_addresses(const struct ip_address *address, const union nf_inet_addr *first,
                                     const union nf_inet_addr *last)
{
    size_t len = ip_family_size(address->family);

    if (!address->family)
        return RULES_MAYBE;
    return truth_of(memcmp(address->bytes, first, len) >= 0 && memcmp(address->bytes, last, len) <= 0);
}

static enum rules_truth match_iprange(const struct question *question, const void *data)
{
    const struct xt_iprange_mtinfo *info = data;
    enum rules_truth truth = RULES_YES;

    if (info->flags & IPRANGE_SRC)
        truth = invert_if(info->flags & IPRANGE_SRC_INV,
                          in_addresses(&question->packet->source, &info->src_min, &info->src_max));
    if (info->flags & IPRANGE_DST)
        truth = both(truth, invert_if(info->flags & IPRANGE_DST_INV,
                                      in_addresses(&question->packet->destination, &info->dst_min, &info->dst_max)));
    return truth;
}

static enum rules_truth match_mac(const struct question *question, const void *data)
{
    const struct xt_mac_info *info = data;
    const struct mac *mac = &question->packet->source_mac;

    if (mac_is_zero(mac))
        return RULES_MAYBE;
    return invert_if(info->invert, truth_of(memcmp(mac->bytes, info->srcaddr, sizeof(mac->bytes)) == 0));
}

static bool name_fits(const char *name, const char *pattern, const char *mask)
{
    char padded[IFNAMSIZ] = "";

    strncpy(padded, name ? name : "", sizeof(padded) - 1);
    for (size_t i = 0; i < IFNAMSIZ; i++)
        if ((padded[i] ^ pattern[i]) & mask[i])
            return false;
    return true;
}

/* Whether a frame that a bridge forwards comes and goes by certain ports: of what is routed, none does. */
static enum rules_truth match_physdev(const struct question *question, const void *data)
{
    const struct xt_physdev_info *info = data;
    const char *in = question->packet->port_in, *out = question->packet->port_out;
    const struct {
        uint8_t bit;
        bool is_so;
    } tests[] = {
        {XT_PHYSDEV_OP_BRIDGED, in && out},
        {XT_PHYSDEV_OP_ISIN, in != NULL},
        {XT_PHYSDEV_OP_ISOUT, out != NULL},
        {XT_PHYSDEV_OP_IN, in && name_fits(in, info->physindev, info->in_mask)},
        {XT_PHYSDEV_OP_OUT, out && name_fits(out, info->physoutdev, info->out_mask)},
    };

    for (size_t i = 0; i < ARRAY_COUNT(tests); i++)
        if ((info->bitmask & tests[i].bit) && tests[i].is_so == !!(info->invert & tests[i].bit))
            return RULES_NO;
    return RULES_YES;
}

/* ---- the rest ---- */

/* Who sent it chose that; but in Neighbour Discovery it is fixed. */
static enum rules_truth match_hop_limit(const struct question *question, const void *data)
{
    const struct ip6t_hl_info *info = data;
    uint8_t limit = 255;

    if (!question->packet->target.family)
        return RULES_MAYBE;
    switch (info->mode) {
    case IP6T_HL_EQ:
        return truth_of(limit == info->hop_limit);
    case IP6T_HL_NE:
        return truth_of(limit != info->hop_limit);
    case IP6T_HL_LT:
        return truth_of(limit < info->hop_limit);
    case IP6T_HL_GT:
        return truth_of(limit > info->hop_limit);
    default:
        return RULES_MAYBE;
    }
}

static enum rules_truth match_mark(const struct question *question, const void *data)
{
    const struct xt_mark_mtinfo1 *info = data;

    if (!question->mark_known)
        return RULES_MAYBE;
    return invert_if(info->invert, truth_of(info->mark == 0));
}

static enum rules_truth match_pkttype(const struct question *question, const void *data)
{
    const struct xt_pkttype_info *info = data;

    (void)question;
    return invert_if(info->invert, truth_of(info->pkttype == 0)); /* PACKET_HOST */
}

static const struct match {
    const char *name;
    unsigned first, last; /* revisions */
    size_t len;           /* of the structure */
    enum rules_truth (*match)(const struct question *question, const void *info);
} matches[] = {
    {"comment", 0, 255, 0, match_always},
    {"conntrack", 2, 3, sizeof(struct xt_conntrack_mtinfo2), match_conntrack},
    {"state", 0, 0, sizeof(struct xt_state_info), match_state},
    {"tcp", 0, 0, sizeof(struct xt_tcp), match_tcp},
    {"udp", 0, 0, sizeof(struct xt_udp), match_udp},
    {"icmp", 0, 0, sizeof(struct ipt_icmp), match_icmp},
    {"icmp6", 0, 0, sizeof(struct ip6t_icmp), match_icmp6},
    {"multiport", 1, 1, sizeof(struct xt_multiport_v1), match_multiport},
    {"addrtype", 1, 1, sizeof(struct xt_addrtype_info_v1), match_addrtype},
    {"iprange", 1, 1, sizeof(struct xt_iprange_mtinfo), match_iprange},
    {"mac", 0, 0, sizeof(struct xt_mac_info), match_mac},
    {"physdev", 0, 0, sizeof(struct xt_physdev_info), match_physdev},
    {"mark", 1, 1, sizeof(struct xt_mark_mtinfo1), match_mark},
    {"pkttype", 0, 0, sizeof(struct xt_pkttype_info), match_pkttype},
    {"limit", 0, 255, 0, match_always}, /* below its rate */
    {"hl", 0, 0, sizeof(struct ip6t_hl_info), match_hop_limit},
    {"rt", 0, 255, 0, match_never}, /* extension headers of IPv6: */
    {"frag", 0, 255, 0, match_never},
    {"hbh", 0, 255, 0, match_never},
    {"dst", 0, 255, 0, match_never},
};

#define INFO_MAX 256

enum rules_truth rules_match(const struct rules_packet *packet, bool mark_known, const struct rules_step *step)
{
    const struct question question = {packet, mark_known};
    union {
        uint8_t bytes[INFO_MAX];
        uint64_t aligned;
    } info = {{0}};

    for (size_t i = 0; i < ARRAY_COUNT(matches); i++) {
        const struct match *match = &matches[i];

        if (strcmp(match->name, step->name) != 0 || step->revision < match->first || step->revision > match->last ||
            step->bytes_len < match->len)
            continue;
        memcpy(info.bytes, step->bytes, step->bytes_len < INFO_MAX ? step->bytes_len : INFO_MAX);
        return match->match(&question, &info);
    }
    return RULES_MAYBE;
}

/* ---- targets ---- */

static const struct target {
    const char *name;
    enum rules_kind kind;
    enum rules_verdict verdict;
} targets[] = {
    {"REJECT", RULES_VERDICT, RULES_DROP},       {"NFQUEUE", RULES_VERDICT, RULES_QUEUE},
    {"QUEUE", RULES_VERDICT, RULES_QUEUE},       {"MASQUERADE", RULES_NAT, RULES_CONTINUE},
    {"SNAT", RULES_NAT, RULES_CONTINUE},         {"DNAT", RULES_NAT, RULES_CONTINUE},
    {"REDIRECT", RULES_NAT, RULES_CONTINUE},     {"NETMAP", RULES_NAT, RULES_CONTINUE},
    {"MARK", RULES_MARK, RULES_CONTINUE},        {"CONNMARK", RULES_MARK, RULES_CONTINUE},
    {"LOG", RULES_NEUTRAL, RULES_CONTINUE},      {"NFLOG", RULES_NEUTRAL, RULES_CONTINUE},
    {"TCPMSS", RULES_NEUTRAL, RULES_CONTINUE},   {"CHECKSUM", RULES_NEUTRAL, RULES_CONTINUE},
    {"CT", RULES_NEUTRAL, RULES_CONTINUE},       {"TRACE", RULES_NEUTRAL, RULES_CONTINUE},
    {"TOS", RULES_NEUTRAL, RULES_CONTINUE},      {"DSCP", RULES_NEUTRAL, RULES_CONTINUE},
    {"CLASSIFY", RULES_NEUTRAL, RULES_CONTINUE}, {"AUDIT", RULES_NEUTRAL, RULES_CONTINUE},
    {"SET", RULES_NEUTRAL, RULES_CONTINUE},      {"mark", RULES_MARK, RULES_CONTINUE},
    {"TTL", RULES_NEUTRAL, RULES_CONTINUE},      {"HL", RULES_NEUTRAL, RULES_CONTINUE},
};

#define CT_NOTRACK 1 /* XT_CT_NOTRACK, the first bit of what all revisions of CT begin with */

void rules_set_target(struct rules_step *step)
{
    step->kind = RULES_UNKNOWN;
    if (strcmp(step->name, "NOTRACK") == 0 ||
        (strcmp(step->name, "CT") == 0 && step->bytes_len >= 2 && (step->bytes[0] | step->bytes[1]) & CT_NOTRACK)) {
        step->kind = RULES_NOTRACK;
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(targets); i++)
        if (strcmp(targets[i].name, step->name) == 0) {
            step->kind = targets[i].kind;
            step->verdict = targets[i].verdict;
        }
}
