/* SPDX-License-Identifier: MIT */
/* What each guest takes of the DNS service now, so that nobody's share depends on what others take. */
#include "service/dns_guests.h"

#include "base/address.h"

static uint16_t *chain(struct dns_guests *guests, const struct dns_network *network, uint32_t address)
{
    return &guests->chains[hash_mix((uint64_t)(uintptr_t)network ^ (uint64_t)address << 32) % DNS_GUEST_CHAINS];
}

/* Says the entry nothing that a new one would not? */
static bool idle(const struct dns_guest *guest, uint64_t now_usec)
{
    return !guest->queries && !guest->connections && !guest->bytes && guest->bucket.spent_usec <= now_usec;
}

static void forget(struct dns_guests *guests, struct dns_guest *guest)
{
    uint16_t number = (uint16_t)(guest - guests->entries + 1);
    uint16_t *link = chain(guests, guest->network, guest->address);

    while (*link != number)
        link = &guests->entries[*link - 1].next;
    *link = guest->next;
    *guest = (struct dns_guest){0};
}

/* A free entry, or one that may be given away; NULL: there is none. */
static struct dns_guest *claim(struct dns_guests *guests, uint64_t now_usec)
{
    for (size_t i = 0; i < DNS_GUESTS_MAX; i++) {
        struct dns_guest *guest = &guests->entries[guests->hand];

        guests->hand = (guests->hand + 1) % DNS_GUESTS_MAX;
        if (!guest->network)
            return guest;
        if (idle(guest, now_usec)) {
            forget(guests, guest);
            return guest;
        }
    }
    return NULL;
}

struct dns_guest *dns_guests_find(struct dns_guests *guests, const struct dns_network *network, uint32_t address,
                                  uint64_t now_usec)
{
    uint16_t *first = chain(guests, network, address);
    struct dns_guest *guest;

    for (uint16_t at = *first; at; at = guest->next) {
        guest = &guests->entries[at - 1];
        if (guest->network == network && guest->address == address)
            return guest;
    }
    guest = claim(guests, now_usec);
    if (!guest)
        return NULL;
    *guest = (struct dns_guest){.network = network, .address = address, .next = *first};
    *first = (uint16_t)(guest - guests->entries + 1);
    return guest;
}

void dns_guests_forget(struct dns_guests *guests, const struct dns_network *network)
{
    for (size_t i = 0; i < DNS_GUESTS_MAX; i++) {
        if (guests->entries[i].network == network)
            forget(guests, &guests->entries[i]);
    }
}
