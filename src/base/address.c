/* SPDX-License-Identifier: MIT */
/* MAC addresses, IP addresses and prefixes: parse, print, compare, derive. */
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static int hex_digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return -1;
}

int mac_parse(const char *text, struct mac *ret)
{
    struct mac mac;

    for (size_t i = 0; i < sizeof(mac.bytes); i++) {
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);

        if (low < 0)
            return -EINVAL;
        mac.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
        if (i + 1 < sizeof(mac.bytes) && *text++ != ':')
            return -EINVAL;
    }
    if (*text)
        return -EINVAL;
    *ret = mac;
    return 0;
}

int ip_address_parse(const char *text, struct ip_address *ret)
{
    struct ip_address address = {0};

    /* inet_pton takes four decimal numbers without leading zeros only: no octal, no short forms. */
    if (inet_pton(AF_INET, text, address.bytes) == 1)
        address.family = AF_INET;
    else if (inet_pton(AF_INET6, text, address.bytes) == 1)
        address.family = AF_INET6;
    else
        return -EINVAL;
    *ret = address;
    return 0;
}

/* One to three decimal digits without a leading zero, up to @maximum. */
static int prefix_length_parse(const char *text, unsigned maximum, uint8_t *ret)
{
    unsigned value = 0;

    if (!*text || (text[0] == '0' && text[1]))
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        value = value * 10 + (unsigned)(*text - '0');
        if (value > maximum)
            return -EINVAL;
    }
    *ret = (uint8_t)value;
    return 0;
}

int ip_prefix_parse(const char *text, int default_length, struct ip_prefix *ret)
{
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    char address_text[IP_TEXT_MAX];
    struct ip_prefix prefix;
    unsigned bits;

    if (length >= sizeof(address_text) || (!slash && default_length < 0))
        return -EINVAL;
    memcpy(address_text, text, length);
    address_text[length] = '\0';
    if (ip_address_parse(address_text, &prefix.address) < 0)
        return -EINVAL;
    bits = 8 * (unsigned)ip_family_size(prefix.address.family);
    prefix.length = (uint8_t)(default_length > (int)bits ? (int)bits : default_length);
    if (slash && prefix_length_parse(slash + 1, bits, &prefix.length) < 0)
        return -EINVAL;
    *ret = prefix;
    return 0;
}

static const char HEX_DIGITS[] = "0123456789abcdef";

const char *mac_print(const struct mac *mac, char text[MAC_TEXT_MAX])
{
    char *at = text;

    for (size_t i = 0; i < sizeof(mac->bytes); i++) {
        *at++ = HEX_DIGITS[mac->bytes[i] >> 4];
        *at++ = HEX_DIGITS[mac->bytes[i] & 0xf];
        *at++ = ':';
    }
    at[-1] = '\0';
    return text;
}

/*
 * Addresses are printed for every port, several times over: by hand that takes a tenth of what inet_ntop(3) does, which
 * formats each part of one by itself. Each of these returns the end of what it wrote, and ends no text.
 */
static char *print_decimal(unsigned value, char *at)
{
    if (value >= 100)
        *at++ = (char)('0' + value / 100);
    if (value >= 10)
        *at++ = (char)('0' + value / 10 % 10);
    *at++ = (char)('0' + value % 10);
    return at;
}

static char *print_ip4(const uint8_t bytes[4], char *at)
{
    for (size_t i = 0; i < 4; i++) {
        at = print_decimal(bytes[i], at);
        *at++ = '.';
    }
    return at - 1;
}

static char *print_group(unsigned value, char *at)
{
    for (int shift = 12; shift >= 0; shift -= 4)
        if (value >> shift || shift == 0)
            *at++ = HEX_DIGITS[value >> shift & 0xf];
    return at;
}

/* The first of the longest run of two or more groups that are 0, and behind its last; both 8: there is none. */
static void find_zeros(const unsigned groups[8], size_t *ret_first, size_t *ret_end)
{
    *ret_first = *ret_end = 8;
    for (size_t first = 0, end; first < 8; first = end + 1) {
        for (end = first; end < 8 && groups[end] == 0; end++)
            ;
        if (end - first >= 2 && end - first > *ret_end - *ret_first) {
            *ret_first = first;
            *ret_end = end;
        }
    }
}

/* RFC 5952; of what embeds an address of IPv4 (::ffff:192.0.2.1) that as well, as inet_ntop() does. */
static char *print_ip6(const uint8_t bytes[16], char *at)
{
    unsigned groups[8];
    size_t first, end, count = 8;

    for (size_t i = 0; i < 8; i++)
        groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    find_zeros(groups, &first, &end);
    if (first == 0 && (end == 6 || (end == 5 && groups[5] == 0xffff)))
        count = 6;
    for (size_t i = 0; i < count; i++) {
        if (i == first) {
            *at++ = ':';
            i = end - 1;
            if (end == 8)
                *at++ = ':';
            continue;
        }
        if (i)
            *at++ = ':';
        at = print_group(groups[i], at);
    }
    if (count == 8)
        return at;
    *at++ = ':';
    return print_ip4(bytes + 12, at);
}

const char *ip_address_print(const struct ip_address *address, char text[IP_TEXT_MAX])
{
    if (address->family == AF_INET)
        *print_ip4(address->bytes, text) = '\0';
    else if (address->family == AF_INET6)
        *print_ip6(address->bytes, text) = '\0';
    else
        strcpy(text, "none");
    return text;
}

const char *ip_prefix_print(const struct ip_prefix *prefix, char text[IP_PREFIX_TEXT_MAX])
{
    char *at = text + strlen(ip_address_print(&prefix->address, text));

    *at++ = '/';
    *print_decimal(prefix->length, at) = '\0';
    return text;
}

bool mac_equal(const struct mac *a, const struct mac *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool mac_is_zero(const struct mac *mac)
{
    static const struct mac zero;

    return mac_equal(mac, &zero);
}

bool mac_is_multicast(const struct mac *mac)
{
    return mac->bytes[0] & 1;
}

int ip_address_compare(const struct ip_address *a, const struct ip_address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool ip_address_equal(const struct ip_address *a, const struct ip_address *b)
{
    return ip_address_compare(a, b) == 0;
}

bool ip_address_is_any(const struct ip_address *address)
{
    static const struct ip_address zero;

    return memcmp(address->bytes, zero.bytes, sizeof(zero.bytes)) == 0;
}

int ip_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b)
{
    int order = ip_address_compare(&a->address, &b->address);

    return order ? order : (int)a->length - (int)b->length;
}

size_t ip_family_size(uint8_t family)
{
    return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

struct ip_prefix ip_prefix_network(const struct ip_prefix *prefix)
{
    struct ip_prefix network = *prefix;
    size_t size = ip_family_size(prefix->address.family);

    for (size_t i = 0; i < size; i++) {
        int bits = (int)prefix->length - 8 * (int)i;

        if (bits <= 0)
            network.address.bytes[i] = 0;
        else if (bits < 8)
            network.address.bytes[i] &= (uint8_t)(0xff << (8 - bits));
    }
    return network;
}

struct ip_address ip_prefix_last(const struct ip_prefix *prefix)
{
    struct ip_address last = prefix->address;

    for (size_t bit = prefix->length; bit < 8 * ip_family_size(last.family); bit++)
        last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    return last;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address)
{
    struct ip_prefix other = {*address, prefix->length};
    struct ip_prefix a = ip_prefix_network(prefix);
    struct ip_prefix b = ip_prefix_network(&other);

    return ip_address_equal(&a.address, &b.address);
}

bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return a->length <= b->length ? ip_prefix_contains(a, &b->address) : ip_prefix_contains(b, &a->address);
}

uint32_t ip4_value(const struct ip_address *address)
{
    const uint8_t *b = address->bytes;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

struct ip_address ip4_from_value(uint32_t value)
{
    return (struct ip_address){
        .family = AF_INET,
        .bytes = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value},
    };
}

struct ip_address ip4_broadcast(const struct ip_prefix *prefix)
{
    uint32_t host_bits = prefix->length >= 32 ? 0 : UINT32_MAX >> prefix->length;

    return ip4_from_value(ip4_value(&prefix->address) | host_bits);
}

uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    return hash;
}

uint64_t hash_mix(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

struct mac mac_derive(const char *seed, const uint8_t oui[3])
{
    uint64_t hash = hash_mix(hash_text(seed));
    struct mac mac;

    for (size_t i = 0; i < sizeof(mac.bytes); i++)
        mac.bytes[i] = (uint8_t)(hash >> (8 * i));
    mac.bytes[0] = (uint8_t)((mac.bytes[0] | 2) & ~1);
    if (oui)
        memcpy(mac.bytes, oui, 3);
    return mac;
}
