/* SPDX-License-Identifier: MIT */
/* The domains in which a guest looks for short names, as DHCPv6 and router advertisements carry them. */
#include "service/domains.h"

#include <string.h>

#define LABEL_MAX 63
#define NAME_MAX_LEN 253

/* Appends @name to the @length bytes that there are. Returns their length then, the same when it is left out. */
static size_t put_name(uint8_t *bytes, size_t length, const char *name)
{
    size_t at = length;

    if (strlen(name) > NAME_MAX_LEN || length + strlen(name) + 2 > DOMAINS_MAX)
        return length;
    for (;;) {
        size_t label = strcspn(name, ".");

        if (label < 1 || label > LABEL_MAX)
            return length;
        bytes[at++] = (uint8_t)label;
        memcpy(bytes + at, name, label);
        at += label;
        if (!name[label])
            break;
        name += label + 1;
    }
    bytes[at++] = 0;
    return at;
}

size_t domains_encode(const struct model_network *network, const struct model_port *port, uint8_t bytes[DOMAINS_MAX])
{
    const struct model_dhcp *dhcp = port && port->dhcp.search_count ? &port->dhcp : &network->dhcp;
    size_t length = put_name(bytes, 0, network->name);

    for (size_t i = 0; i < dhcp->search_count && i < MODEL_LIST_MAX; i++)
        length = put_name(bytes, length, dhcp->search[i]);
    return length;
}
