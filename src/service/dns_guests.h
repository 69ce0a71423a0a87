/* SPDX-License-Identifier: MIT */
/* What each guest takes of the DNS service now, so that nobody's share depends on what others take. */
#ifndef SERVICE_DNS_GUESTS_H
#define SERVICE_DNS_GUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/log.h"

/*
 * How it works: a guest is known by its network and its address, which it can't forge. An entry lives while it says
 * something: the guest has taken more than nothing. So one guest is one entry, and an idle entry can be given away.
 *
 * What is scarce (queries in flight, connections, bytes of replies that wait for slow readers) is shared by one rule: a
 * guest may take until it has half as much as is free. Alone it gets a third of all; ten that take what they can get
 * leave a sixth free, a hundred a fiftieth, of which a newcomer at once gets as much as each of them has.
 */
#define DNS_GUESTS_MAX 4096
#define DNS_GUEST_CHAINS 1024

#define DNS_RATE 500 /* queries a second that one guest gets answered */
#define DNS_BURST 1000

struct dns_network;

struct dns_guest {
    const struct dns_network *network; /* NULL: free */
    uint32_t address;                  /* host order */
    struct bucket bucket;
    uint16_t queries;     /* being forwarded */
    uint16_t connections; /* open */
    uint32_t bytes;       /* of replies that wait to be read */
    uint16_t next;        /* of its chain: index plus one, 0: the last */
};

struct dns_guests {
    struct dns_guest entries[DNS_GUESTS_MAX];
    uint16_t chains[DNS_GUEST_CHAINS]; /* by network and address: index plus one, 0: empty */
    size_t hand;                       /* where to look for a free entry next */
};

/* The entry of a guest, made when there was none. NULL: more than DNS_GUESTS_MAX guests are busy. */
struct dns_guest *dns_guests_find(struct dns_guests *guests, const struct dns_network *network, uint32_t address,
                                  uint64_t now_usec);
/* Forgets the guests of @network, which has neither queries nor connections any more. */
void dns_guests_forget(struct dns_guests *guests, const struct dns_network *network);

/* May one who has @have take @more, when @used of @total are taken? */
static inline bool dns_share(size_t have, size_t more, size_t used, size_t total)
{
    return used + more <= total && have + more <= (total - used + 1) / 2;
}

#endif
