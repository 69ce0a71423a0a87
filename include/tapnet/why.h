/* SPDX-License-Identifier: MIT */
/* The way of a packet through the host, step by step, and what stops it. */
#ifndef TAPNET_WHY_H
#define TAPNET_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapnet/error.h>
#include <tapnet/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * All functions return 0 or a negative errno and fill in @error, which may be NULL; outputs (ret_...) are set only on
 * success.
 */

/** What is asked. */
struct tapnet_question {
    /**
     * Where the packet starts, and where it shall go: a port of a network ("web", "web.lab", "lab/web"), an address,
     * "host", or "outside" (whatever is behind the uplink). Ports of networks of mode bridge are refused.
     */
    const char *from, *to;
    const char *protocol; /**< "tcp", "udp" or "icmp"; NULL: icmp, as ping sends it */
    uint16_t port;        /**< of the destination, for tcp and udp */
    bool trace;           /**< and try: send one such packet through the guest's device, and follow it */
    bool ip6;             /**< by IPv6, as if an end is an address of that: names and "outside" mean IPv4 else */
};

/** One thing that the packet, or the answer to it, meets. Pointers are valid as long as the way. */
struct tapnet_way_step {
    const char *verdict; /**< "passes"; "stops": the last step; "unknown": the kernel does not let anybody see */
    const char *name;    /**< of what was looked at, stable: "forward-hook" */
    const char *text;    /**< what there is, a sentence */
    const char *command; /**< that mends it, for a shell, one a line; "" where there is none */
    bool back;           /**< on the way of the answer */
};

/** The way of a packet. */
struct tapnet_way;

/**
 * Follows a packet through the host by reading the kernel's state: nothing is changed, no lock is taken, and nothing is
 * sent but a request of ARP, or a neighbour solicitation, to whom the host would hand the packet; who does not answer
 * takes a second or two. With question->trace one packet is sent as the guest of FROM would send it, and followed by
 * nf_tables' own tracing, for which two tables called tapnet-trace are there meanwhile; they go with the calling
 * process at the latest.
 *
 * @param ret  the way; the caller frees it with tapnet_way_free()
 * @return -EINVAL when the question names nothing that there is, -EACCES (without CAP_NET_ADMIN in this network
 *         namespace), -ENOMEM
 */
int tapnet_why(struct tapnet *tapnet, const struct tapnet_question *question, struct tapnet_way **ret,
               struct tapnet_error *error);

/** Frees @way; NULL is fine. */
void tapnet_way_free(struct tapnet_way *way);

/** Step @index, in the packet's order, then the answer's; NULL behind the last. */
const struct tapnet_way_step *tapnet_way_step(const struct tapnet_way *way, size_t index);

/** Does something stop the packet, or the answer to it? It is the last step then, but for what was tried. */
bool tapnet_way_stops(const struct tapnet_way *way);

/** The way as JSON text, see tapnet(8) for its shape. The caller frees it. */
int tapnet_way_json(const struct tapnet_way *way, char **ret, struct tapnet_error *error);

#ifdef __cplusplus
}
#endif
#endif
