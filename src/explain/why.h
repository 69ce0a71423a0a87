/* SPDX-License-Identifier: MIT */
/* The way of a packet through the host: a list of steps, each judged from what the kernel tells. */
#ifndef EXPLAIN_WHY_H
#define EXPLAIN_WHY_H

#include <tapnet/why.h>

#include "explain/host.h"

/*
 * How it works: a way is walked as the kernel walks it, hook by hook; each function below looks at one thing and adds
 * steps. After the first that stops the packet nothing is added any more. When the packet arrives, the answer to it is
 * walked in the other direction.
 */

enum why_kind {
    WHY_GUEST,   /* of a port of ours */
    WHY_HOST,    /* the host itself */
    WHY_OUTSIDE, /* behind an uplink */
};

/* Where a way begins, or ends. */
struct why_end {
    enum why_kind kind;
    const struct model_service *service; /* WHY_GUEST: of its network */
    const struct model_port *port;       /* WHY_GUEST */
    struct ip_address address;           /* WHY_HOST: family 0, whichever fits */
    struct mac mac;                      /* WHY_GUEST: that it sends from, as far as it is known; zero: not yet */
};

enum why_verdict {
    WHY_PASSES,
    WHY_UNKNOWN,
    WHY_STOPS,
};

struct why {
    struct explain_host host;
    const struct tapnet_question *question;
    struct why_end from, to;
    const char *from_text, *to_text; /* "lab/web (10.20.0.7)" */
    uint8_t family;                  /* AF_INET or AF_INET6: of the packet */
    uint8_t protocol;                /* IPPROTO_ICMP, or IPPROTO_ICMPV6, for a ping */
    uint16_t port;
    bool is_back;                  /* the answer is on its way now */
    struct tapnet_way_step *steps; /* texts are the arena's, or constants */
    size_t step_count, step_capacity;
    bool stopped;
    bool failed; /* memory was short: the steps are not whole */
    struct arena arena;
};

/*
 * Answers @question. @found must live as long as @ret, which the caller ends with why_fini(). -EINVAL when the question
 * names nothing that there is; -ENOMEM; what the kernel refuses.
 */
int why_answer(const struct observe_found *found, const struct tapnet_question *question, struct why *ret,
               struct tapnet_error *error);
void why_fini(struct why *why);

/* ---- for the steps ---- */

/* Adds a step, unless the packet was stopped before. @text and @command NULL: no memory. */
void why_add(struct why *why, enum why_verdict verdict, const char *name, const char *text, const char *command);
/* A text of the arena's; NULL when memory is short. */
__attribute__((format(printf, 2, 3))) const char *why_print(struct why *why, const char *format, ...);

/* explain_word() of the arena's. */
const char *why_word(struct why *why, const char *text);

/* ends.c: what a word of the question means. -EINVAL. */
int why_find_end(const struct why *why, const char *word, struct why_end *ret, struct tapnet_error *error);
/* What kind of address that is where no guest may send, or a group's that is not routed; NULL: none of these. */
const char *why_closed(const struct ip_address *address);
/* "lab/web (10.20.0.7)", "outside". */
const char *why_print_end(struct why *why, const struct why_end *end);

/* Its uplink for the family that is asked about, "" for none; the gateway's address and subnet in it. */
const char *why_uplink(const struct why *why, const struct model_network *network);
const struct ip_prefix *why_subnet(const struct why *why, const struct model_network *network);

/* The packet, or its answer, without where it comes in and goes out. */
struct rules_packet why_packet(const struct why *why);

/* device.c: the port of a guest. NULL when the packet was stopped. */
const struct explain_link *why_step_port(struct why *why, const struct why_end *guest, bool sends);
/* Where the bridge looks for the guest's MAC. */
void why_step_mac(struct why *why, const struct why_end *guest);
/* The bridge of a network. */
const struct explain_link *why_step_bridge(struct why *why, const struct model_service *service);
/* The command that brings the network's set up again. */
const char *why_up_command(struct why *why, const struct model_service *service);
/* The uplink: up, plugged in. */
void why_step_uplink(struct why *why, const struct explain_link *link);

/* hooks.c: the rules at one hook. @ret, which may be NULL: what they answer. */
void why_step_hook(struct why *why, const char *name, enum rules_hook hook, enum rules_side side,
                   const struct rules_packet *packet, struct rules_answer *ret);
/* The same, and nothing is said of a packet that passes. */
void why_step_drop(struct why *why, const char *name, enum rules_hook hook, const struct rules_packet *packet);
/* What of this guest, or of any, our guards have dropped before: no judgement of this packet, but a hint. */
void why_step_dropped_before(struct why *why, const struct why_end *guest);
/* Classifiers and programs at a device that see the packet, which nobody can read. */
void why_step_classifiers(struct why *why, const struct explain_link *link, bool going_out);

/* walk.c: the whole way from one end to the other. */
void why_walk(struct why *why, const struct why_end *from, const struct why_end *to);

#endif
