/* SPDX-License-Identifier: MIT */
/* A plugged port: what is said of it, as a struct and as JSON. */
#include "api/attached.h"

#include <errno.h>
#include <jansson.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/text_json.h"
#include "device/device.h"

#define API __attribute__((visibility("default")))

struct tapnet_attached *attached_new(void)
{
    struct tapnet_attached *attached = calloc(1, sizeof(*attached));

    if (attached)
        attached->claim_fd = attached->made_fd = -1;
    return attached;
}

static const char *print_mac(struct arena *arena, const struct mac *mac)
{
    char text[MAC_TEXT_MAX];

    return arena_strdup(arena, mac_print(mac, text));
}

/* "" for none. */
static const char *print_address(struct arena *arena, const struct ip_address *address)
{
    char text[IP_TEXT_MAX];

    return address->family ? arena_strdup(arena, ip_address_print(address, text)) : "";
}

bool attached_is_whole(const struct tapnet_attached *attached)
{
    const struct tapnet_attached_info *info = &attached->info;

    return info->set && info->network && info->mode && info->port && info->origin && info->device && info->bridge &&
           info->mac && info->address && info->subnet && info->gateway && info->gateway6 && info->dns &&
           info->address6 && info->subnet6 && info->hostname && info->inside && info->inside6;
}

int attached_describe(struct tapnet_attached *attached, const char *set, const struct model_network *network,
                      const struct model_port *port, bool made, struct tapnet_error *error)
{
    const struct ip_address *gateway = &network->subnet.address;
    struct arena *arena = &attached->arena;
    char subnet[IP_PREFIX_TEXT_MAX] = "", subnet6[IP_PREFIX_TEXT_MAX] = "";

    if (network->subnet.address.family)
        ip_prefix_print(&network->subnet, subnet);
    if (network->subnet6.address.family)
        ip_prefix_print(&network->subnet6, subnet6);
    attached->info = (struct tapnet_attached_info){
        .set = arena_strdup(arena, set),
        .network = arena_strdup(arena, network->name),
        .mode = model_mode_print(network->mode),
        .port = arena_strdup(arena, port->name),
        .origin = model_origin_print(port->origin),
        .device = arena_strdup(arena, port->device),
        .bridge = model_network_has_bridge(network) ? arena_strdup(arena, network->bridge) : "",
        .mac = print_mac(arena, &port->guest_mac),
        .address = print_address(arena, &port->address),
        .subnet = arena_strdup(arena, subnet),
        .gateway = model_mode_leads_out(network->mode) ? print_address(arena, gateway) : "",
        .gateway6 = model_mode_leads_out(network->mode) && port->address6.family
                        ? print_address(arena, &model_router6.address)
                        : "",
        .address6 = print_address(arena, &port->address6),
        .subnet6 = arena_strdup(arena, subnet6),
        .hostname = arena_strdup(arena, port->hostname),
        .mtu = network->mtu,
        .queues = port->queues ? port->queues : 1,
        .made = made,
        .inside = print_address(arena, model_port_inside(network, port)),
        .inside6 = print_address(arena, model_port_inside6(network, port)),
    };
    attached->info.dns = network->dns_port ? attached->info.gateway : "";
    return attached_is_whole(attached) ? 0 : error_set(error, -ENOMEM, "out of memory");
}

int attached_open(struct tapnet_attached *attached, int fd, bool vnet_header)
{
    unsigned flags = (attached->info.queues > 1 ? (unsigned)IFF_MULTI_QUEUE : 0u) |
                     (vnet_header ? (unsigned)IFF_VNET_HDR : 0u);

    return device_from_known(fd, attached->info.device, flags, &attached->device);
}

API const struct tapnet_attached_info *tapnet_attached_info(const struct tapnet_attached *attached)
{
    return &attached->info;
}

API struct tapnet_device *tapnet_attached_device(const struct tapnet_attached *attached)
{
    return attached->device;
}

API void tapnet_attached_close(struct tapnet_attached *attached)
{
    tapnet_device_close(attached->device);
    attached->device = NULL;
}

API void tapnet_attached_free(struct tapnet_attached *attached)
{
    if (!attached)
        return;
    tapnet_attached_close(attached);
    if (attached->claim_fd >= 0)
        close(attached->claim_fd);
    if (attached->made_fd >= 0)
        close(attached->made_fd);
    arena_fini(&attached->arena);
    free(attached);
}

/* NULL, which is left out, for "". */
static const char *some(const char *text)
{
    return *text ? text : NULL;
}

/* A list of those that are not "". */
static json_t *list(const char *first, const char *second)
{
    json_t *array = json_array();

    if (array && *first)
        json_array_append_new(array, json_string(first));
    if (array && *second)
        json_array_append_new(array, json_string(second));
    return array;
}

json_t *attached_to_json(const struct tapnet_attached *attached)
{
    const struct tapnet_attached_info *info = &attached->info;

    return json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s*, s:s, s:o, s:o, s:s*, s:s*, s:o, s:s, s:I, s:i, s:s*, s:s*}",
        "version", 1, "set", info->set, "network", info->network, "mode", info->mode, "port", info->port, "origin",
        info->origin, "made", info->made, "device", info->device, "bridge", some(info->bridge), "mac", info->mac,
        "addresses", list(info->address, info->address6), "subnets", list(info->subnet, info->subnet6), "gateway",
        some(info->gateway), "gateway6", some(info->gateway6), "dns", list(info->dns, ""), "hostname", info->hostname,
        "mtu", (json_int_t)info->mtu, "queues", (int)info->queues, "inside",
        strcmp(info->inside, info->address) != 0 ? info->inside : NULL, "inside6",
        strcmp(info->inside6, info->address6) != 0 ? info->inside6 : NULL);
}

API int tapnet_attached_json(const struct tapnet_attached *attached, char **ret, struct tapnet_error *error)
{
    return api_json_print(attached_to_json(attached), ret, error);
}
