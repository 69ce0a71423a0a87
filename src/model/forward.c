/* SPDX-License-Identifier: MIT */
/* Forwards: their text, "[ADDRESS:]PORTS:PORTS[/PROTOCOL]", and which of them want the same port of the host. */
#include "model/forward.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"

/* ---- parse ---- */

#define EXAMPLE "`8080:80`, `127.0.0.1:2222:22` or `8000-8010:8000-8010/udp`"

/* A port at the start of @text, without leading zeros: how many characters it has, 0 for none. */
static size_t parse_port(const char *text, uint16_t *ret)
{
    unsigned port = 0;
    size_t len = 0;

    while (text[len] >= '0' && text[len] <= '9' && len < 5)
        port = port * 10 + (unsigned)(text[len++] - '0');
    if (!len || text[0] == '0' || port > UINT16_MAX)
        return 0;
    *ret = (uint16_t)port;
    return len;
}

/* "8080" or "8000-8010", all of @text. */
static bool parse_ports(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
    size_t len = parse_port(text, ret_first);

    *ret_last = *ret_first;
    if (!len || !text[len])
        return len > 0;
    text += len;
    if (*text++ != '-')
        return false;
    len = parse_port(text, ret_last);
    return len > 0 && !text[len];
}

static bool is_link_local6(const struct ip_address *address)
{
    return address->family == AF_INET6 && address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

static bool is_loopback6(const struct ip_address *address)
{
    static const struct ip_address loopback = {.family = AF_INET6, .bytes = {[15] = 1}};

    return ip_address_equal(address, &loopback);
}

/* An address that no forward has: loopback ones but 127.0.0.1, and link-local ones of IPv6. */
static bool is_left_to_programs(const struct ip_address *address)
{
    return (address->family == AF_INET && address->bytes[0] == 127 && ip4_value(address) != INADDR_LOOPBACK) ||
           is_loopback6(address) || is_link_local6(address);
}

/* What is wrong with @address as one of the host's, or NULL. */
static const char *address_fault(const struct ip_address *address)
{
    const uint8_t *bytes = address->bytes;

    if (is_loopback6(address))
        return "names ::1, which the kernel leads to no guest; name 127.0.0.1";
    if (is_link_local6(address))
        return "names a link-local address, by which nobody gets beyond the host; name another one of the host's";
    if (address->family == AF_INET6)
        return bytes[0] == 0xff ? "names a multicast address; name one of the host's, or none" : NULL;
    if (is_left_to_programs(address))
        return "names a loopback address that is left to the host's programs; of those, 127.0.0.1 can be forwarded";
    return bytes[0] == 0 || bytes[0] >= 224 ? "names no host's address; name one of the host's, or none" : NULL;
}

/* Takes the address from the start of @text: *ret_rest is what stands behind it. NULL, or what is wrong. */
static const char *parse_address(char *text, struct ip_address *ret, char **ret_rest)
{
    char *first = strchr(text, ':'), *last = strrchr(text, ':');
    bool bracket = *text == '[';

    *ret_rest = text;
    if (!first)
        return "names one port only; write the host's and then the guest's, as in " EXAMPLE;
    if (first == last)
        return NULL;
    if (bracket) {
        first = strchr(text, ']');
        if (!first || first[1] != ':')
            return "has a bracket that does not end with `]:`, as in `[::1]:8080:80`";
        *first++ = '\0';
        text++;
    } else if (strchr(first + 1, ':') != last) {
        return "has too many colons; an IPv6 address stands in brackets, as in `[::1]:8080:80`";
    }
    *first = '\0';
    *ret_rest = first + 1;
    if (ip_address_parse(text, ret) < 0 || (ret->family == AF_INET6) != bracket)
        return "does not begin with an address; write it as in " EXAMPLE;
    return ip_address_is_any(ret) ? NULL : address_fault(ret);
}

/* Cuts the protocol off the end of @text. NULL, or what is wrong. */
static const char *parse_protocol(char *text, uint8_t *ret)
{
    char *slash = strchr(text, '/');

    *ret = IPPROTO_TCP;
    if (!slash)
        return NULL;
    *slash = '\0';
    if (strcmp(text, "tcp") == 0 || strcmp(text, "udp") == 0)
        return "begins with its protocol; write that at the end, as in `53:53/udp`";
    if (strcmp(slash + 1, "udp") == 0)
        *ret = IPPROTO_UDP;
    else if (strcmp(slash + 1, "tcp") != 0)
        return "has a protocol that can't be forwarded; write `/tcp` or `/udp` at its end, or nothing for TCP";
    return NULL;
}

/* Both sides' ports: "8080:80". NULL, or what is wrong. */
static const char *parse_pair(char *text, struct model_forward *ret)
{
    char *colon = strchr(text, ':');
    uint16_t guest_last;

    if (!colon)
        return "names one port only; write the host's and then the guest's, as in " EXAMPLE;
    *colon = '\0';
    if (!parse_ports(text, &ret->first, &ret->last) || !parse_ports(colon + 1, &ret->guest_first, &guest_last))
        return "has no ports where they are expected, 1 to 65535 without leading zeros; write it as in " EXAMPLE;
    if (ret->last < ret->first || guest_last < ret->guest_first)
        return "has a range that ends before it starts";
    if (ret->last - ret->first != guest_last - ret->guest_first)
        return "has more ports on one side than on the other; write as many, as in `8000-8010:9000-9010`";
    if (ret->first != ret->guest_first && (unsigned)ret->last - ret->first >= MODEL_FORWARD_SHIFTED_MAX)
        return "changes the numbers of more than 256 ports; write the same numbers on both sides, or split it";
    return NULL;
}

int model_forward_parse(const char *text, struct model_forward *ret, const char **ret_problem)
{
    struct model_forward forward = {0};
    char copy[MODEL_FORWARD_TEXT_MAX], *rest;
    const char *problem;

    if (strlen(text) >= sizeof(copy)) {
        *ret_problem = "is too long for a forward; write it as in " EXAMPLE;
        return -EINVAL;
    }
    strcpy(copy, text);
    problem = parse_protocol(copy, &forward.protocol);
    if (!problem)
        problem = parse_address(copy, &forward.address, &rest);
    if (!problem)
        problem = parse_pair(rest, &forward);
    if (problem) {
        *ret_problem = problem;
        return -EINVAL;
    }
    *ret = forward;
    return 0;
}

/* ---- print ---- */

static size_t print_ports(unsigned first, unsigned last, char *text, size_t size)
{
    return (size_t)(first == last ? snprintf(text, size, "%u", first) : snprintf(text, size, "%u-%u", first, last));
}

const char *model_forward_print(const struct model_forward *forward, char text[MODEL_FORWARD_TEXT_MAX])
{
    bool bracket = forward->address.family == AF_INET6;
    char address[IP_TEXT_MAX];
    size_t len = 0;

    if (forward->address.family)
        len = (size_t)snprintf(text, MODEL_FORWARD_TEXT_MAX, "%s%s%s:", bracket ? "[" : "",
                               ip_address_print(&forward->address, address), bracket ? "]" : "");
    len += print_ports(forward->first, forward->last, text + len, MODEL_FORWARD_TEXT_MAX - len);
    text[len++] = ':';
    len += print_ports(forward->guest_first, (unsigned)forward->guest_first + forward->last - forward->first,
                       text + len, MODEL_FORWARD_TEXT_MAX - len);
    snprintf(text + len, MODEL_FORWARD_TEXT_MAX - len, "%s", forward->protocol == IPPROTO_UDP ? "/udp" : "");
    return text;
}

const char *model_forward_protocol(const struct model_forward *forward)
{
    return forward->protocol == IPPROTO_UDP ? "UDP" : "TCP";
}

/* ---- compare ---- */

bool model_forward_equal(const struct model_forward *a, const struct model_forward *b)
{
    return a->protocol == b->protocol && ip_address_equal(&a->address, &b->address) && a->first == b->first &&
           a->last == b->last && a->guest_first == b->guest_first;
}

/* Is there an address of the host that is both? No family is each, 0.0.0.0 and :: are each of theirs. */
static bool same_address(const struct ip_address *a, const struct ip_address *b)
{
    if (!a->family || !b->family)
        return true;
    return a->family == b->family && (ip_address_is_any(a) || ip_address_is_any(b) || ip_address_equal(a, b));
}

bool model_forward_takes(const struct model_forward *forward, const struct ip_address *address, uint16_t port)
{
    return port >= forward->first && port <= forward->last && !is_left_to_programs(address) &&
           same_address(&forward->address, address);
}

bool model_forward_leads(const struct model_forward *forward, const struct ip_address *guest)
{
    return guest->family && (!forward->address.family || forward->address.family == guest->family);
}

bool model_forward_is_local(const struct model_forward *forward)
{
    static const struct ip_address loopback = {.family = AF_INET, .bytes = {127, 0, 0, 1}};

    return model_forward_takes(forward, &loopback, forward->first);
}

/* ---- who wants the same ---- */

static int compare_claims(const void *left, const void *right)
{
    const struct model_forward_claim *a = left, *b = right;

    if (a->forward->protocol != b->forward->protocol)
        return a->forward->protocol < b->forward->protocol ? -1 : 1;
    if (a->forward->first != b->forward->first)
        return a->forward->first < b->forward->first ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

int model_forward_claims_add(struct model_forward_claims *claims, const struct model_network *network, const char *set)
{
    for (size_t p = 0; p < network->port_count; p++) {
        const struct model_port *port = &network->ports[p];

        if (array_reserve((void **)&claims->items, &claims->capacity, claims->count, port->forward_count,
                          sizeof(*claims->items)) < 0)
            return -ENOMEM;
        for (size_t f = 0; f < port->forward_count; f++, claims->count++)
            claims->items[claims->count] = (struct model_forward_claim){&port->forwards[f], port, set, claims->count};
    }
    return 0;
}

void model_forward_claims_fini(struct model_forward_claims *claims)
{
    free(claims->items);
}

void model_forward_claims_sort(struct model_forward_claims *claims)
{
    if (claims->count)
        qsort(claims->items, claims->count, sizeof(*claims->items), compare_claims);
}

const struct model_forward_claim *model_forward_claims_rival(const struct model_forward_claims *claims, size_t index,
                                                             size_t *ret_next)
{
    const struct model_forward *own = claims->items[index].forward;

    for (size_t i = *ret_next > index ? *ret_next : index + 1; i < claims->count; i++) {
        const struct model_forward_claim *other = &claims->items[i];

        if (other->forward->protocol != own->protocol || other->forward->first > own->last)
            break;
        *ret_next = i + 1;
        if (same_address(&own->address, &other->forward->address))
            return other;
    }
    return NULL;
}
