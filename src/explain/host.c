/* SPDX-License-Identifier: MIT */
/* Reads the host for the explanations: links, bridges, rules, holders. */
#include "explain/host.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/link.h"
#include "netlink/sysctl.h"
#include "nft/dump.h"
#include "xtables/legacy.h"

DEFINE_CLEANUP(struct netlink *, netlink_close)

void explain_host_fini(struct explain_host *host)
{
    rules_fini(&host->rules);
    netlink_close(host->netlink);
    free(host->links);
    free(host->holders);
    *host = (struct explain_host){0};
}

/* ---- links ---- */

static int add_link(const struct netlink_link *link, void *data)
{
    struct explain_host *host = data;
    struct explain_link *added;
    int result = array_reserve((void **)&host->links, &host->link_capacity, host->link_count, 1, sizeof(*host->links));

    if (result < 0)
        return result;
    added = &host->links[host->link_count++];
    *added = (struct explain_link){
        .index = link->index,
        .master_index = link->master_index,
        .mtu = link->mtu,
        .mac = link->mac,
        .up = link->up,
        .carrier = link->carrier,
        .plugged = link->plugged,
        .isolated = link->port_isolated,
        .stp = link->bridge_has_stp,
        .has_state = link->port_state >= 0,
        .xdp = link->xdp,
        .ethernet = link->type == ARPHRD_ETHER,
        .is_tun = strcmp(link->kind, "tun") == 0,
        .tx_dropped = link->tx_dropped,
    };
    if (added->has_state)
        added->state = (enum tapnet_bridge_port_state)link->port_state;
    memcpy(added->name, link->name, sizeof(added->name));
    strncpy(added->kind, link->kind, sizeof(added->kind) - 1);
    return 0;
}

static void forget_links(void *data)
{
    ((struct explain_host *)data)->link_count = 0;
}

static int compare_index(const void *a, const void *b)
{
    const struct explain_link *left = a, *right = b;

    return (left->index > right->index) - (left->index < right->index);
}

static struct explain_link *find_index(const struct explain_host *host, int index)
{
    const struct explain_link key = {.index = index};

    return host->link_count ? bsearch(&key, host->links, host->link_count, sizeof(*host->links), compare_index) : NULL;
}

static int read_links(struct explain_host *host, struct tapnet_error *error)
{
    int result = netlink_link_dump_counted(host->netlink, add_link, forget_links, host, error);

    if (result < 0)
        return result;
    if (host->link_count)
        qsort(host->links, host->link_count, sizeof(*host->links), compare_index);
    return 0;
}

const struct explain_link *explain_find_index(const struct explain_host *host, int index)
{
    return find_index(host, index);
}

const struct explain_link *explain_find_link(const struct explain_host *host, const char *name)
{
    for (size_t i = 0; i < host->link_count; i++)
        if (strcmp(host->links[i].name, name) == 0)
            return &host->links[i];
    return NULL;
}

/* ---- the rest ---- */

static int compare_holder(const void *name, const void *holder)
{
    return strcmp(name, ((const struct device_holder *)holder)->device);
}

const struct device_holder *explain_find_holder(const struct explain_host *host, const char *device)
{
    return host->holder_count
               ? bsearch(device, host->holders, host->holder_count, sizeof(*host->holders), compare_holder)
               : NULL;
}

const struct model_service *explain_network(const struct observe_found *found, size_t index)
{
    for (size_t i = 0; i < found->objects.count; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_SERVICE && index-- == 0)
            return &found->objects.items[i].service;
    return NULL;
}

const char *explain_word(struct arena *arena, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:,=+@%";
    char *word, *at;

    if (*text && !text[strspn(text, plain)])
        return text;
    word = arena_alloc(arena, 4 * strlen(text) + sizeof("''"));
    if (!word)
        return "''";
    at = word;
    *at++ = '\'';
    for (; *text; text++) {
        if (*text == '\'')
            at = stpcpy(at, "'\\'");
        *at++ = *text;
    }
    *at++ = '\'';
    return word;
}

char *explain_clean(char *text)
{
    for (char *at = text; *at; at++)
        if ((*at < ' ' && *at != '\n') || *at > '~')
            *at = '?';
    return text;
}

const char *explain_print(struct arena *arena, const char *format, va_list arguments)
{
    _cleanup_free_ char *text = NULL;

    if (vasprintf(&text, format, arguments) < 0) {
        text = NULL;
        return NULL;
    }
    return arena_strdup(arena, explain_clean(text));
}

const char *explain_up_command(const struct observe_found *found, const char *set, struct arena *arena)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_record *record = &found->objects.items[i].record;

        if (found->objects.items[i].kind == MODEL_OBJECT_RECORD && strcmp(record->set, set) == 0 && record->path &&
            *record->path)
            return arena_printf(arena, "tapnet up %s", explain_word(arena, record->path));
    }
    return arena_printf(arena, "tapnet up %s.yaml", set);
}

long explain_sysctl(const char *path, long fallback)
{
    char text[32], *end;
    long value;

    if (sysctl_read(path, text, sizeof(text), NULL) < 0)
        return fallback;
    value = strtol(text, &end, 10);
    return end == text ? fallback : value;
}

bool explain_is_bridge_filtered(uint8_t family)
{
    return explain_sysctl(family == AF_INET6 ? "net/bridge/bridge-nf-call-ip6tables"
                                             : "net/bridge/bridge-nf-call-iptables",
                          0) != 0;
}

const char *explain_outside(uint8_t family)
{
    return family == AF_INET6 ? "2001:503:ba3e::2:30" : "198.41.0.4";
}

int explain_read_rules(struct rules_ruleset *ret, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    int result = netlink_open(NETLINK_NETFILTER, &netlink, error);

    if (result == 0)
        result = nft_dump_read(netlink, ret, error);
    return result < 0 ? result : legacy_read(ret, error);
}

int explain_host_read(const struct observe_found *found, struct explain_host *ret, struct tapnet_error *error)
{
    struct explain_host host cleanup(explain_host_fini) = {.found = found};
    int result = netlink_open(NETLINK_ROUTE, &host.netlink, error);

    if (result == 0)
        result = read_links(&host, error);
    if (result == 0)
        result = explain_read_rules(&host.rules, error);
    if (result == 0)
        result = device_holders(-1, &host.holders, &host.holder_count, error);
    if (result < 0)
        return result;
    *ret = host;
    host = (struct explain_host){0};
    return 0;
}
