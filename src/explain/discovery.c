/* SPDX-License-Identifier: MIT */
/* Neighbour Discovery of IPv6 and the host's rules: is a question for a MAC heard, and the answer let out? */
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "explain/sample.h"
#include "explain/stack.h"

/* From @peer on @link to the host. */
static void step_in(struct why *why, const struct explain_link *link, uint8_t type, const struct ip_address *peer,
                    const struct mac *mac, const struct ip_address *host)
{
    struct rules_packet packet = explain_discovery_packet(type, peer, host);

    packet.in = link->name;
    packet.in_index = (uint32_t)link->index;
    packet.in_kind = link->kind;
    packet.source_mac = *mac;
    packet.destination_type = RTN_LOCAL;
    why_step_drop(why, "prerouting-hook", RULES_PREROUTING, &packet);
    why_step_drop(why, "input-hook", RULES_INPUT, &packet);
}

static void step_out(struct why *why, const struct explain_link *link, uint8_t type, const struct ip_address *host,
                     const struct ip_address *peer)
{
    struct rules_packet packet = explain_discovery_packet(type, host, peer);

    packet.out = link->name;
    packet.out_index = (uint32_t)link->index;
    packet.out_kind = link->kind;
    packet.source_mac = link->mac;
    why_step_drop(why, "output-hook", RULES_OUTPUT, &packet);
    why_step_drop(why, "postrouting-hook", RULES_POSTROUTING, &packet);
}

void why_step_asked(struct why *why, const struct explain_link *in, const struct why_end *guest)
{
    const struct ip_address *gateway = &why_subnet(why, guest->service->network)->address;

    if (why->family != AF_INET6)
        return;
    step_in(why, in, ND_NEIGHBOR_SOLICIT, &guest->address, &guest->mac, gateway);
    step_out(why, in, ND_NEIGHBOR_ADVERT, gateway, &guest->address);
}

/* The address that the host asks from is of the same kind: its own on the link. */
void why_step_asking(struct why *why, const struct explain_link *out, const struct ip_address *next)
{
    const struct mac unknown = {{0}};

    if (why->family != AF_INET6)
        return;
    step_out(why, out, ND_NEIGHBOR_SOLICIT, &model_router6.address, next);
    step_in(why, out, ND_NEIGHBOR_ADVERT, next, &unknown, &model_router6.address);
}
