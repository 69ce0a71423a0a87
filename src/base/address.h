/* SPDX-License-Identifier: MIT */
/* MAC addresses, IP addresses and prefixes: parse, print, compare, derive. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAC_TEXT_MAX 18       /* "52:54:00:00:00:07" and its NUL */
#define IP_TEXT_MAX 46        /* INET6_ADDRSTRLEN */
#define IP_PREFIX_TEXT_MAX 50 /* address, "/", three digits */

struct mac {
    uint8_t bytes[6];
};

/* An IPv4 or IPv6 address; @family is AF_INET, AF_INET6 or 0 for none. Bytes beyond the family's size are zero. */
struct ip_address {
    uint8_t family;
    uint8_t bytes[16];
};

/* An address with the length of its network's prefix, as "10.20.0.1/24": the host part is kept. */
struct ip_prefix {
    struct ip_address address;
    uint8_t length;
};

/* Parsers take the whole of @text or nothing: 0, or -EINVAL with *ret untouched. Numbers are decimal, never octal. */
int mac_parse(const char *text, struct mac *ret);
int ip_address_parse(const char *text, struct ip_address *ret);
/* The length may be left out when @default_length >= 0; one that is more than the family's bits means all of them. */
int ip_prefix_parse(const char *text, int default_length, struct ip_prefix *ret);

/* Printers fill the caller's buffer and return it, to be used as an argument. */
const char *mac_print(const struct mac *mac, char text[MAC_TEXT_MAX]);
const char *ip_address_print(const struct ip_address *address, char text[IP_TEXT_MAX]);
const char *ip_prefix_print(const struct ip_prefix *prefix, char text[IP_PREFIX_TEXT_MAX]);

bool mac_equal(const struct mac *a, const struct mac *b);
bool mac_is_zero(const struct mac *mac);
bool mac_is_multicast(const struct mac *mac);
/* Order by family, then bytes; 0 when equal. */
int ip_address_compare(const struct ip_address *a, const struct ip_address *b);
bool ip_address_equal(const struct ip_address *a, const struct ip_address *b);
bool ip_address_is_any(const struct ip_address *address); /* none, 0.0.0.0 or :: */
int ip_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b);

/* Size in bytes of an address of @family: 4, 16, or 0. */
size_t ip_family_size(uint8_t family);
/* The prefix with its host part zeroed. */
struct ip_prefix ip_prefix_network(const struct ip_prefix *prefix);
struct ip_address ip_prefix_last(const struct ip_prefix *prefix); /* the highest address in it */
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address);
bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b);

/* IPv4 only: host order value and back. */
uint32_t ip4_value(const struct ip_address *address);
struct ip_address ip4_from_value(uint32_t value);
struct ip_address ip4_broadcast(const struct ip_prefix *prefix);

/*
 * A stable, unicast, locally administered MAC derived from @seed (for instance "tapnet bridge lab").
 * @oui's first three bytes are kept when not NULL, e.g. 52:54:00 for guests.
 */
struct mac mac_derive(const char *seed, const uint8_t oui[3]);

/* FNV-1a, 64 bits: stable across machines and releases, because names and addresses derive from it. */
uint64_t hash_text(const char *text);
/* Spreads what differs in any bit of @hash over all of them: FNV-1a leaves the last characters in few. One to one. */
uint64_t hash_mix(uint64_t hash);

#endif
