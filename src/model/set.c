/* SPDX-License-Identifier: MIT */
/* The life of a set, and the words of its modes and origins. */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static const char *const mode_words[] = {
    [MODEL_MODE_NAT] = "nat",
    [MODEL_MODE_ISOLATED] = "isolated",
    [MODEL_MODE_ROUTED] = "routed",
    [MODEL_MODE_BRIDGE] = "bridge",
};

static const char *const origin_words[] = {
    [MODEL_ORIGIN_DECLARED] = "declared",
    [MODEL_ORIGIN_RUN] = "run",
    [MODEL_ORIGIN_ATTACHED] = "attached",
};

void model_set_free(struct model_set *set)
{
    if (!set)
        return;
    arena_fini(&set->arena);
    free(set);
}

bool model_mode_leads_out(enum model_mode mode)
{
    return mode == MODEL_MODE_NAT || mode == MODEL_MODE_ROUTED;
}

bool model_mode_has_subnet(enum model_mode mode)
{
    return mode != MODEL_MODE_BRIDGE;
}

bool model_network_has_bridge(const struct model_network *network)
{
    return network->mode != MODEL_MODE_ROUTED && !network->spread;
}

size_t model_network_ports_max(const struct model_network *network)
{
    if (!model_network_has_bridge(network))
        return MODEL_PORTS_MAX;
    return network->mode == MODEL_MODE_BRIDGE ? MODEL_BRIDGE_PORTS_MAX - 1
                                              : MODEL_BRIDGE_PORTS_MAX; /* one is the uplink */
}

bool model_network_has_clones(const struct model_network *network)
{
    return network->clones.address.family != 0;
}

const struct ip_address *model_port_inside(const struct model_network *network, const struct model_port *port)
{
    return model_network_has_clones(network) ? &network->clones.address : &port->address;
}

bool model_network_has_clones6(const struct model_network *network)
{
    return network->clones.address6.family != 0;
}

const struct ip_address *model_port_inside6(const struct model_network *network, const struct model_port *port)
{
    return model_network_has_clones6(network) ? &network->clones.address6 : &port->address6;
}

bool model_network_chooses6(const struct model_network *network)
{
    return network->subnet6.length > MODEL_PREFIX6 || model_network_has_clones6(network);
}

bool model_network_has_forwards(const struct model_network *network)
{
    for (size_t i = 0; i < network->port_count; i++)
        if (network->ports[i].forward_count)
            return true;
    return false;
}

const char *model_origin_print(enum model_origin origin)
{
    return (size_t)origin < ARRAY_COUNT(origin_words) ? origin_words[origin] : "unknown";
}

int model_origin_parse(const char *text, enum model_origin *ret)
{
    for (size_t i = 0; i < ARRAY_COUNT(origin_words); i++) {
        if (strcmp(text, origin_words[i]) == 0) {
            *ret = (enum model_origin)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *model_mode_print(enum model_mode mode)
{
    return (size_t)mode < ARRAY_COUNT(mode_words) ? mode_words[mode] : "unknown";
}

int model_mode_parse(const char *text, enum model_mode *ret)
{
    for (size_t i = 0; i < ARRAY_COUNT(mode_words); i++) {
        if (strcmp(text, mode_words[i]) == 0) {
            *ret = (enum model_mode)i;
            return 0;
        }
    }
    return -EINVAL;
}
