/* SPDX-License-Identifier: MIT */
/* A network's own names: which questions we answer ourselves, and with what. */
#ifndef SERVICE_DNS_NAMES_H
#define SERVICE_DNS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

/*
 * How it works. In network `lab`, 10.20.0.1/24, letters in either case:
 *
 *   web, web.lab                 the addresses (A, AAAA) of the port of that name, else of the first port of that host
 *                                name
 *   gateway, gateway.lab         the network's gateway, unless a port is called so
 *   lab                          exists, without an address (unless a port is called so)
 *   anything else below lab      no such name; never asked elsewhere
 *   10.0.20.10.in-addr.arpa      HOSTNAME.lab (PORT.lab where the host name leads to another port)
 *   0.20.10.in-addr.arpa, all that lies in the subnet as a whole: exists, empty; all else in it: no such name
 *   ip6.arpa                     the same for the IPv6 subnet
 *   single labels that are not ours: no such name, so that plain names don't leak; but what resolvers ask about
 *   top-level domains (NS, SOA, DS, DNSKEY) goes on
 *
 * Other types than A, AAAA (PTR) are answered empty, ANY like A (RFC 8482). All else is for the host's resolver.
 */

enum dns_answer_kind {
    DNS_FORWARD, /* not ours */
    DNS_ADDRESS, /* @address */
    DNS_POINTER, /* @name */
    DNS_ZONE,    /* the SOA of @zone was asked for */
    DNS_EMPTY,   /* the name is there, without such records */
    DNS_MISSING, /* no such name */
};

#define DNS_TEXT_MAX 160 /* two labels, or a reverse zone */

struct dns_answer {
    enum dns_answer_kind kind;
    struct ip_address address;
    char name[DNS_TEXT_MAX];
    char zone[DNS_TEXT_MAX];      /* whose SOA tells how long nothing lasts; "": none */
    char network[MODEL_NAME_MAX]; /* who answers for it */
};

/* Slots of open hash tables, each at most half full, of which as many are used as the ports need; 0: free. */
#define DNS_NAME_SLOTS 32768 /* of names and host names */
#define DNS_ADDRESS_SLOTS 16384

struct dns_names {
    const struct model_network *network;
    size_t name_slots, address_slots;
    bool plain;                             /* every port has one name, which nobody else has */
    uint16_t by_name[DNS_NAME_SLOTS];       /* a port and which of its names */
    uint16_t by_address[DNS_ADDRESS_SLOTS]; /* a port's index plus one */
    uint16_t by_address6[DNS_ADDRESS_SLOTS];
};

/* (Re)fills the tables. @network stays the caller's and alive; ports beyond MODEL_PORTS_MAX are left out. */
void dns_names_init(struct dns_names *names, const struct model_network *network);

/* The same when its last port is new, and nothing else. */
void dns_names_plug(struct dns_names *names, const struct model_network *network);

/*
 * Takes out the port that is number @place, in whose place the last one goes: to be called before that is done. False:
 * it takes dns_names_init() afterwards.
 */
bool dns_names_unplug(struct dns_names *names, size_t place);

/* The port that has this IPv6 address; NULL: none. */
const struct model_port *dns_names_port6(const struct dns_names *names, const uint8_t address[16]);

/* @name: labels as on the wire, uncompressed and valid, 255 bytes at most. */
void dns_names_answer(const struct dns_names *names, const uint8_t *name, uint16_t type, struct dns_answer *ret);

#endif
