/* SPDX-License-Identifier: MIT */
/* Packets larger than the way out takes: is a guest told that they are, as the host should? */
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "explain/stack.h"

/* The largest packet that leaves by @link; of IPv6 it may be smaller than the link's own. */
static uint32_t mtu_of(const struct why *why, const struct explain_link *link)
{
    char path[96];
    long mtu = 0;

    snprintf(path, sizeof(path), "net/ipv6/conf/%s/mtu", link->name);
    if (why->family == AF_INET6)
        mtu = explain_sysctl(path, 0);
    return mtu > 0 && mtu < (long)link->mtu ? (uint32_t)mtu : link->mtu;
}

/* The host's message to a guest that its packet was too large (RFC 1191, RFC 8201). */
static struct rules_packet too_large_message(const struct why *why, const struct why_end *guest,
                                             const struct explain_link *in)
{
    bool ip6 = why->family == AF_INET6;

    return (struct rules_packet){
        .in = "",
        .out = in->name,
        .out_index = (uint32_t)in->index,
        .out_kind = in->kind,
        .source = why_subnet(why, guest->service->network)->address,
        .destination = guest->address,
        .destination_type = RTN_UNICAST,
        .protocol = ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
        .icmp_type = ip6 ? ICMP6_PACKET_TOO_BIG : ICMP_DEST_UNREACH,
        .icmp_code = ip6 ? 0 : ICMP_FRAG_NEEDED,
        .state = RULES_RELATED,
    };
}

/* Larger packets are sent back with a message: no fault, but good to know. Where that is dropped, they just vanish. */
void why_step_mtu(struct why *why, const struct why_end *from, const struct explain_link *in,
                  const struct explain_link *out)
{
    struct rules_answer answer;
    struct rules_packet message;
    uint32_t mtu = mtu_of(why, out);
    const char *place;

    if (from->kind != WHY_GUEST || from->service->network->mtu <= mtu)
        return;
    message = too_large_message(why, from, in);
    rules_meet(&why->host.rules, RULES_OUTPUT, RULES_STACK, &message, &answer);
    if (answer.outcome == RULES_PASSES)
        rules_meet(&why->host.rules, RULES_POSTROUTING, RULES_STACK, &message, &answer);
    if (answer.outcome != RULES_DROPPED) {
        why_add(why, WHY_PASSES, "mtu",
                why_print(why, "%s takes packets of %u bytes; the guest may send %u, and is told to send less",
                          out->name, mtu, from->service->network->mtu),
                "");
        return;
    }
    place = explain_place(&why->host.rules, &answer, &why->arena);
    why_add(why, WHY_UNKNOWN, "mtu",
            why_print(why,
                      "packets of more than %u bytes, which %s takes, vanish: the message to the guest is dropped: %s",
                      mtu, out->name, place ? place : ""),
            explain_remedy(&why->host.rules, &answer, &message, &why->arena));
}
