/* SPDX-License-Identifier: MIT */
/* Forwards: their text, and which of them want the same port of the host. */
#ifndef MODEL_FORWARD_H
#define MODEL_FORWARD_H

#include <errno.h>

#include "model/model.h"

#define MODEL_FORWARD_TEXT_MAX 88      /* "[" address "]:" 11 ":" 11 "/udp" and its NUL */
#define MODEL_FORWARD_SHIFTED_MAX 256u /* ports of a range whose numbers change: each is an element of its own */

/*
 * "[ADDRESS:]PORTS:PORTS[/PROTOCOL]", as container engines write it: the host's address (none: any; 0.0.0.0 and [::]:
 * any of that family; IPv6 in brackets), the host's ports, the guest's, "tcp" or "udp" (none: tcp). PORTS is a number
 * or a range, "8000-8010". 0, or -EINVAL with the rest of a sentence whose start is the text. The place stays empty.
 */
int model_forward_parse(const char *text, struct model_forward *ret, const char **ret_problem);
/* The shortest text that means it. */
const char *model_forward_print(const struct model_forward *forward, char text[MODEL_FORWARD_TEXT_MAX]);
/* "TCP" or "UDP", for sentences. */
const char *model_forward_protocol(const struct model_forward *forward);

bool model_forward_equal(const struct model_forward *a, const struct model_forward *b); /* places are not compared */
/* Does it lead to a guest's address of this family? No family: the guest has none. */
bool model_forward_leads(const struct model_forward *forward, const struct ip_address *guest);
/*
 * Does it take what comes to @port of the host's @address (0.0.0.0, ::, no family: any), of a family that its guest
 * has? No loopback address but 127.0.0.1 is forwarded, and no link-local one.
 */
bool model_forward_takes(const struct model_forward *forward, const struct ip_address *address, uint16_t port);
/* Does it take what the host's own programs send to 127.0.0.1? */
bool model_forward_is_local(const struct model_forward *forward);

/* Whose a forward is. */
struct model_forward_claim {
    const struct model_forward *forward;
    const struct model_port *port;
    const char *set;
    size_t order; /* who came first keeps it */
};

/* Zero-initialise. */
struct model_forward_claims {
    struct model_forward_claim *items;
    size_t count, capacity;
};

/* Adds the forwards of @network, of @set, which both must stay; in their order. 0 or -ENOMEM. */
int model_forward_claims_add(struct model_forward_claims *claims, const struct model_network *network, const char *set);
void model_forward_claims_fini(struct model_forward_claims *claims);
/* By what they want, for model_forward_claims_rival(). */
void model_forward_claims_sort(struct model_forward_claims *claims);
/*
 * The next claim behind @index, among @claims that are sorted, that wants a port which claim @index wants too; NULL
 * when there is none. *ret_next, 0 at first, is where the next call goes on.
 */
const struct model_forward_claim *model_forward_claims_rival(const struct model_forward_claims *claims, size_t index,
                                                             size_t *ret_next);

#endif
