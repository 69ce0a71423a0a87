/* SPDX-License-Identifier: MIT */
/* A link by name, and what its alias says of who made it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "device/device.h"

void device_link_copy(struct device_link *ret, const struct netlink_link *link)
{
    ret->link = *link;
    snprintf(ret->kind, sizeof(ret->kind), "%s", link->kind);
    snprintf(ret->alias, sizeof(ret->alias), "%s", link->alias);
    ret->link.kind = ret->link.alias = "";
}

static int keep_link(const struct netlink_link *link, void *data)
{
    device_link_copy(data, link);
    return 0;
}

int device_link_find(struct netlink *netlink, const char *name, struct device_link *ret, struct tapnet_error *error)
{
    int result = netlink_link_get(netlink, 0, name, keep_link, ret, error);

    if (result == -ENODEV)
        return error_set(error, result, "there is no device %s", name);
    return result < 0 ? error_prefix(error, result, "cannot look at device %s", name) : 0;
}

int device_link_find_tun(struct netlink *netlink, const char *name, struct device_link *ret, struct tapnet_error *error)
{
    struct device_link link;
    char text[64];
    int result = device_link_find(netlink, name, &link, error);

    if (result < 0)
        return result;
    if (strcmp(link.kind, "tun") != 0)
        return error_set(error, -ENODEV, "%s is %s", name, device_link_describe(&link, text));
    *ret = link;
    return 0;
}

const char *device_link_describe(const struct device_link *link, char text[64])
{
    if (strcmp(link->kind, "tun") == 0)
        snprintf(text, 64, "a %s", link->link.tun_is_tap ? "TAP" : "TUN");
    else if (link->kind[0])
        snprintf(text, 64, "a %s, neither TUN nor TAP", link->kind);
    else
        snprintf(text, 64, "%s, neither TUN nor TAP", link->link.loopback ? "the loopback interface" : "hardware");
    return text;
}

const char *device_alias_print(const char *name, char alias[DEVICE_ALIAS_MAX])
{
    snprintf(alias, DEVICE_ALIAS_MAX, DEVICE_ALIAS_PREFIX "//%s added", name);
    return alias;
}

bool device_link_is_marked(const struct device_link *link)
{
    static const char prefix[] = DEVICE_ALIAS_PREFIX "//", word[] = " added";
    size_t len = strlen(link->alias);

    /* The name in it is of then: a device may have been renamed since. */
    return len > sizeof(prefix) - 1 + sizeof(word) - 1 && strncmp(link->alias, prefix, sizeof(prefix) - 1) == 0 &&
           strcmp(link->alias + len - (sizeof(word) - 1), word) == 0;
}

const char *device_link_origin(const struct device_link *link, char text[DEVICE_ALIAS_MAX + 8])
{
    const char *set = link->alias + strlen(DEVICE_ALIAS_PREFIX);
    size_t len;

    text[0] = '\0';
    if (device_link_is_marked(link)) {
        strcpy(text, "added");
    } else if (strncmp(link->alias, DEVICE_ALIAS_PREFIX, strlen(DEVICE_ALIAS_PREFIX)) == 0) {
        len = strcspn(set, "/");
        if (len && set[len] == '/')
            snprintf(text, DEVICE_ALIAS_MAX + 8, "set %.*s", (int)len, set);
    }
    return text;
}

bool device_link_is_of_set(const struct device_link *link, char text[DEVICE_ALIAS_MAX + 8])
{
    return strncmp(device_link_origin(link, text), "set ", 4) == 0;
}

unsigned device_link_queues(const struct device_link *link)
{
    return link->link.tun_queues + link->link.tun_detached_queues;
}
