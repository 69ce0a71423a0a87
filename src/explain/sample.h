/* SPDX-License-Identifier: MIT */
/* Packets that guests of a network would send, and answers to them: what the filters of others are asked about. */
#ifndef EXPLAIN_SAMPLE_H
#define EXPLAIN_SAMPLE_H

#include "model/model.h"
#include "rules/meet.h"

/* A network as far as the rules of others can know it. */
struct explain_sample {
    const char *name; /* NULL: made up */
    const char *bridge, *uplink;
    const char *kind; /* of @bridge, which is a port in routed mode */
    struct ip_address guest, gateway;
    uint16_t dns_port; /* where our service listens */
    size_t port_count;
    bool leads_out, forwards; /* do the host's own rules for what it forwards see its packets? */
};

/* By the addresses of @family. Points into @network. False: it has none of that family. */
bool explain_sample_of(const struct model_network *network, uint8_t family, struct explain_sample *ret);

/* What a browser in a guest sends to the outside, and the answer to any packet: texts are the sample's. */
struct rules_packet explain_sample_packet(const struct explain_sample *sample);
struct rules_packet explain_sample_answer(const struct rules_packet *packet);
/* The first packet of somebody outside, by a forward. */
struct rules_packet explain_sample_forwarded(const struct explain_sample *sample);
/* A frame from port to port, as the IP hooks see it with br_netfilter. */
struct rules_packet explain_sample_frame(const struct explain_sample *sample);
/* A question to our DNS, as it is when our rules have led it to the service's own port. */
struct rules_packet explain_sample_query(const struct explain_sample *sample);
/* A message of Neighbour Discovery, of an ICMPv6 @type, that leaves the host; not yet by which link. */
struct rules_packet explain_discovery_packet(uint8_t type, const struct ip_address *source,
                                             const struct ip_address *destination);
/* Of IPv6: who looks for the gateway's MAC, and (@tells) who tells the gateway its own. */
struct rules_packet explain_sample_neighbour(const struct explain_sample *sample, bool tells);

#endif
