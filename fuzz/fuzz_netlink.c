/* SPDX-License-Identifier: MIT */
/* Fuzzes what reads the kernel's netlink messages: no bytes make it read outside of them or give what cannot be. */
#include <stdlib.h>
#include <string.h>

#include "netlink/address.h"
#include "netlink/bridge.h"
#include "netlink/advertised.h"
#include "netlink/item.h"
#include "netlink/link.h"
#include "netlink/notify.h"
#include "netlink/reply.h"
#include "netlink/redirect.h"
#include "netlink/shaper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Stops the fuzzer when a promise is broken. */
static void promise(bool kept)
{
    if (!kept)
        abort();
}

/* Is @text, with its NUL, within @message? "" is also the parser's own for what is absent. */
static void check_text(const struct nlmsghdr *message, const char *text)
{
    const char *start = (const char *)message, *end = start + message->nlmsg_len;

    if (text >= start && text < end)
        promise(memchr(text, '\0', (size_t)(end - text)));
    else
        promise(text[0] == '\0');
}

static void check_prefix(const struct ip_prefix *prefix)
{
    size_t size = ip_family_size(prefix->address.family);
    char text[IP_PREFIX_TEXT_MAX];

    promise(size > 0 && prefix->length <= 8 * size);
    for (size_t i = size; i < sizeof(prefix->address.bytes); i++)
        promise(prefix->address.bytes[i] == 0);
    ip_prefix_print(prefix, text);
}

static void read_link(const struct nlmsghdr *message)
{
    struct netlink_link link;

    if (netlink_link_parse(message, &link) < 0)
        return;
    promise(link.name[0] && strnlen(link.name, sizeof(link.name)) < sizeof(link.name));
    promise(link.ip4_forwarding >= -1 && link.ip4_forwarding <= 1);
    promise(link.ip6_forces >= -1 && link.ip6_forces <= 1);
    check_text(message, link.kind);
    check_text(message, link.alias);
}

static void read_bridge(const struct nlmsghdr *message)
{
    struct netlink_bridge_link link;
    struct netlink_bridge_mac mac;

    if (netlink_bridge_parse(message, &link) == 0)
        promise(link.bridge.name[0] && strnlen(link.bridge.name, sizeof(link.bridge.name)) < sizeof(link.bridge.name));
    if (netlink_bridge_mac_parse(message, &mac) == 0)
        promise(!mac.local || mac.age_csec == 0);
}

/* As found, and as it comes back from a journal that somebody wrote into. */
static void read_item(const struct nlmsghdr *message)
{
    struct netlink_advertised advertised;
    struct netlink_item item;
    struct ip_address address;

    if (netlink_item_parse(message, 1, "eth0", &item) < 0)
        return;
    promise(item.len <= NETLINK_ITEM_MAX && item.len <= message->nlmsg_len);
    if (netlink_item_advertised(&item, &advertised)) {
        promise(netlink_advertised_name(&item, (uint8_t *)(uintptr_t)item.bytes) == 0);
        promise(item.key_len <= item.len && item.len <= message->nlmsg_len);
        promise(netlink_item_advertised(&item, &advertised));
    }
    for (unsigned kind = NETLINK_ITEM_ADDRESS; kind <= NETLINK_ITEM_NEIGHBOUR; kind++) {
        item.kind = (enum netlink_item_kind)kind;
        netlink_item_has_gateway(&item);
        netlink_item_is_learnt(&item);
        promise(!netlink_item_advertised(&item, &advertised) || advertised.metric);
        if (netlink_item_address(&item, &address) || netlink_item_default_gateway(&item, &address))
            promise(ip_family_size(address.family) > 0);
    }
    free((void *)(uintptr_t)item.bytes);
}

static void read_tables(const struct nlmsghdr *message)
{
    struct netlink_neighbour neighbour;
    struct netlink_address address;
    struct netlink_route route;

    if (netlink_address_parse(message, &address) == 0)
        check_prefix(&address.prefix);
    if (netlink_route_parse(message, &route) == 0)
        check_prefix(&route.destination);
    if (netlink_neighbour_parse(message, &neighbour) == 0)
        promise(neighbour.address.family == 0 || neighbour.address.family == neighbour.family);
}

static void read_shaper(const struct nlmsghdr *message)
{
    struct netlink_shaper shaper;

    if (netlink_shaper_parse(message, &shaper) == 0)
        promise(shaper.rate || !shaper.burst);
}

static void read_redirect(const struct nlmsghdr *message)
{
    int to = 0;

    promise(netlink_redirect_parse(message, &to) <= 0);
}

static void read_event(const struct nlmsghdr *message, int protocol)
{
    struct netlink_event event;

    if (netlink_notify_parse(message, protocol, &event) < 0)
        return;
    promise(strnlen(event.name, sizeof(event.name)) < sizeof(event.name));
    if (event.kind == NETLINK_EVENT_NFT)
        check_text(message, event.table);
    check_text(message, event.command);
}

/* An answer to a request that is the message itself, so that offsets of attributes have something to point at. */
static void read_reply(const struct nlmsghdr *message)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int code = netlink_reply_error(message, (const uint8_t *)message, message->nlmsg_len, &error);

    netlink_reply_type(message);
    promise(code <= 0 && code == error.code && (code == 0) == (error.text[0] == '\0'));
    for (const char *at = error.text; *at; at++)
        promise(*at >= ' ' && *at <= '~');
}

/* Nests as deep as the bytes go, with every reader on every attribute. */
static void read_nest(const struct nlattr *nest, int depth)
{
    const struct nlattr *table[8];
    uint8_t bytes[32];

    if (netlink_parse_nest(nest, table, 7) < 0)
        return;
    for (int i = 0; i < 8; i++) {
        const char *text = netlink_get_text(table[i]);

        if (text)
            promise(strlen(text) < (size_t)table[i]->nla_len);
        netlink_get_u8(table[i]);
        netlink_get_u16(table[i]);
        netlink_get_u32(table[i]);
        netlink_get_u64(table[i]);
        netlink_get_bytes(table[i], bytes, sizeof(bytes));
        if (table[i] && depth > 0)
            read_nest(table[i], depth - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct nlattr *table[8];
    struct nlmsghdr *message;

    if (len < sizeof(*message) || len > UINT16_MAX)
        return 0;
    message = malloc(len); /* of exactly this size: the sanitizer sees the first byte behind it */
    if (!message)
        return 0;
    memcpy(message, data, len);
    message->nlmsg_len = (uint32_t)len; /* what the socket has checked before anything else is read */
    read_link(message);
    read_bridge(message);
    read_item(message);
    read_tables(message);
    read_shaper(message);
    read_redirect(message);
    read_event(message, NETLINK_ROUTE);
    read_event(message, NETLINK_NETFILTER);
    read_reply(message);
    if (netlink_parse(message, 0, table, 7) == 0)
        for (int i = 0; i < 8; i++)
            read_nest(table[i], 4);
    free(message);
    return 0;
}
