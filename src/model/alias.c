/* SPDX-License-Identifier: MIT */
/* The interface alias: by it the kernel itself says whose a link is. */
#include "model/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "tapnet:"

const char *model_alias_print(const struct model_owner *owner, char text[MODEL_ALIAS_MAX])
{
    const char *origin = model_origin_print(owner->origin);
    char mac[MAC_TEXT_MAX];

    if (!owner->port[0])
        snprintf(text, MODEL_ALIAS_MAX, PREFIX "%s/%s %s mode=%s", owner->set, owner->network, origin,
                 model_mode_print(owner->mode));
    else if (owner->network[0])
        snprintf(text, MODEL_ALIAS_MAX, PREFIX "%s/%s/%s %s mac=%s", owner->set, owner->network, owner->port, origin,
                 mac_print(&owner->guest_mac, mac));
    else
        snprintf(text, MODEL_ALIAS_MAX, PREFIX "%s//%s %s", owner->set, owner->port, origin);
    return text;
}

/* Copies up to one of @ends, or the end; the place where it stopped, or NULL when it does not fit. */
static const char *take_word(const char *text, const char *ends, char ret[MODEL_NAME_MAX])
{
    size_t len = strcspn(text, ends);

    if (len >= MODEL_NAME_MAX)
        return NULL;
    memcpy(ret, text, len);
    ret[len] = '\0';
    return text + len;
}

/* "SET/NETWORK", "SET/NETWORK/PORT" or "SET//DEVICE": the place behind it, or NULL. */
static const char *parse_path(const char *text, struct model_owner *owner)
{
    text = take_word(text, "/ ", owner->set);
    if (!text || *text != '/')
        return NULL;
    text = take_word(text + 1, "/ ", owner->network);
    if (text && *text == '/')
        text = take_word(text + 1, "/ ", owner->port);
    if (!text || *text != ' ' || !model_name_valid(owner->set))
        return NULL;
    if (!owner->network[0])
        return model_ifname_valid(owner->port) ? text + 1 : NULL;
    if (!model_name_valid(owner->network) || (owner->port[0] && !model_name_valid(owner->port)))
        return NULL;
    return text + 1;
}

/* " mode=..." of a bridge, " mac=..." of a port, nothing of a device. */
static int parse_detail(const char *text, struct model_owner *owner)
{
    if (!owner->network[0])
        return *text ? -EINVAL : 0;
    if (!owner->port[0])
        return strncmp(text, " mode=", 6) == 0 ? model_mode_parse(text + 6, &owner->mode) : -EINVAL;
    return strncmp(text, " mac=", 5) == 0 ? mac_parse(text + 5, &owner->guest_mac) : -EINVAL;
}

int model_alias_parse(const char *alias, struct model_owner *ret)
{
    struct model_owner owner = {0};
    char word[MODEL_NAME_MAX], again[MODEL_ALIAS_MAX];
    const char *rest;

    if (strncmp(alias, PREFIX, strlen(PREFIX)) != 0)
        return -EINVAL;
    rest = parse_path(alias + strlen(PREFIX), &owner);
    if (rest)
        rest = take_word(rest, " ", word);
    if (!rest || model_origin_parse(word, &owner.origin) < 0 || parse_detail(rest, &owner) < 0)
        return -EINVAL;
    if (strcmp(model_alias_print(&owner, again), alias) != 0) /* capital letters in a MAC, for instance */
        return -EINVAL;
    *ret = owner;
    return 0;
}
