/* SPDX-License-Identifier: MIT */
/* A container's end of its veth pair: addresses and routes, set and looked at from inside its network namespace. */
#include "api/container.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "api/attached.h"
#include "api/container_tap.h"
#include "api/context.h"
#include "api/ports.h"
#include "base/cleanup.h"
#include "device/device.h"
#include "netlink/address.h"
#include "netlink/link.h"
#include "netlink/sysctl.h"

#define API __attribute__((visibility("default")))

DEFINE_CLEANUP(struct observe_found *, observe_free)
DEFINE_CLEANUP(struct tapnet_attached *, tapnet_attached_free)

/* What is to be there, of one family or none. */
struct family {
    struct ip_prefix address;  /* with the length of the subnet; family 0: none */
    struct ip_address gateway; /* family 0: none */
};

#define FAMILIES 2

/* What one visit to the namespace is about. */
struct visit {
    const struct tapnet_container *container;
    struct mac mac;
    struct family families[FAMILIES];
    uint32_t mtu;
    struct netlink *netlink; /* of the namespace */
    int index;               /* of the interface */
    bool up;
    struct mac found_mac;
    bool has_address[FAMILIES], has_route[FAMILIES]; /* found */
};

/* "10.20.0.5" and "10.20.0.1/24" to 10.20.0.5/24. */
static void read_address(const char *address, const char *subnet, struct ip_prefix *ret)
{
    struct ip_prefix prefix;

    if (!*address || !*subnet || ip_prefix_parse(subnet, -1, &prefix) < 0 ||
        ip_address_parse(address, &prefix.address) < 0)
        return;
    *ret = prefix;
}

static struct visit visit_of(const struct tapnet_container *container, const struct tapnet_attached_info *info)
{
    struct visit visit = {.container = container, .mtu = info->mtu};

    mac_parse(info->mac, &visit.mac);
    read_address(info->address, info->subnet, &visit.families[0].address);
    read_address(info->address6, info->subnet6, &visit.families[1].address);
    if (*info->gateway)
        ip_address_parse(info->gateway, &visit.families[0].gateway);
    if (*info->gateway6)
        ip_address_parse(info->gateway6, &visit.families[1].gateway);
    return visit;
}

static int read_link(const struct netlink_link *link, void *data)
{
    struct visit *visit = data;

    visit->index = link->index;
    visit->up = link->up;
    visit->found_mac = link->mac;
    return 0;
}

static int find_interface(struct visit *visit, struct tapnet_error *error)
{
    int result = netlink_open(NETLINK_ROUTE, &visit->netlink, error);

    return result < 0 ? result
                      : netlink_link_get(visit->netlink, 0, visit->container->interface, read_link, visit, error);
}

/* The default route by its gateway, as it is to be. */
static struct netlink_route route_of(const struct visit *visit, const struct family *family)
{
    return (struct netlink_route){
        .destination = {.address = {.family = family->gateway.family}},
        .gateway = family->gateway,
        .index = visit->index,
        .table = RT_TABLE_MAIN,
        .protocol = RTPROT_STATIC,
        .type = RTN_UNICAST,
        .scope = RT_SCOPE_UNIVERSE,
    };
}

/* ---- making ---- */

/* Of several interfaces of a container the first one leads out. */
static int add_route(const struct visit *visit, const struct family *family, struct tapnet_error *error)
{
    struct netlink_route route = route_of(visit, family);
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = netlink_route_add(visit->netlink, &route, &refusal);

    return result < 0 && result != -EEXIST ? error_set(error, result, "%s", refusal.text) : 0;
}

static int add_family(const struct visit *visit, const struct family *family, struct tapnet_error *error)
{
    int result;

    if (!family->address.address.family)
        return 0;
    result = netlink_address_add(visit->netlink, visit->index, &family->address, RTPROT_STATIC, error);
    return result < 0 || !family->gateway.family ? result : add_route(visit, family, error);
}

static int configure(void *data, struct tapnet_error *error)
{
    const struct netlink_link_change up = {.fields = NETLINK_LINK_UP, .up = true};
    struct visit *visit = data;
    int result = find_interface(visit, error);

    if (result == 0)
        result = netlink_link_set(visit->netlink, visit->index, NULL, &up, error);
    for (size_t i = 0; i < FAMILIES && result == 0; i++)
        result = add_family(visit, &visit->families[i], error);
    if (result == 0 && visit->container->tap)
        result = container_tap_make(visit->netlink, visit->container->tap, visit->index, visit->mtu, error);
    netlink_close(visit->netlink);
    return result;
}

int container_configure(const struct tapnet_container *container, const struct tapnet_attached_info *info,
                        struct tapnet_error *error)
{
    struct visit visit = visit_of(container, info);
    int result = device_in_netns(container->netns, configure, &visit, error);

    return result < 0 ? error_prefix(error, result, "%s in the container", container->interface) : 0;
}

/* ---- looking ---- */

/* By what interfaces begin with, which `all` writes, too. */
static int look_for_ip6(void *data, struct tapnet_error *error)
{
    char value[16] = "";
    bool *has = data;
    int result = sysctl_read("net/ipv6/conf/default/disable_ipv6", value, sizeof(value), error);

    *has = strcmp(value, "0") == 0;
    return result == -ENOENT ? 0 : result;
}

int container_has_ip6(const struct tapnet_container *container, bool *ret, struct tapnet_error *error)
{
    int result = device_in_netns(container->netns, look_for_ip6, ret, error);

    return result < 0 ? error_prefix(error, result, "the container") : 0;
}

static int look_at_address(const struct netlink_address *address, void *data)
{
    struct visit *visit = data;

    for (size_t i = 0; i < FAMILIES; i++)
        if (address->index == visit->index && ip_prefix_compare(&address->prefix, &visit->families[i].address) == 0)
            visit->has_address[i] = true;
    return 0;
}

/* By whom: others may have changed that with good reason. */
static int look_at_route(const struct netlink_route *route, void *data)
{
    struct visit *visit = data;

    for (size_t i = 0; i < FAMILIES; i++)
        if (route->destination.length == 0 && route->destination.address.family == visit->families[i].gateway.family)
            visit->has_route[i] = true;
    return 0;
}

static void forget_looks(void *data)
{
    struct visit *visit = data;

    memset(visit->has_address, 0, sizeof(visit->has_address));
}

static int look(struct visit *visit, struct tapnet_error *error)
{
    int result = find_interface(visit, error);

    if (result == 0)
        result = netlink_address_dump(visit->netlink, look_at_address, forget_looks, visit, error);
    if (result == 0)
        result = netlink_route_dump(visit->netlink, AF_INET, RT_TABLE_MAIN, look_at_route, NULL, visit, error);
    if (result == 0 && visit->families[1].gateway.family)
        result = netlink_route_dump(visit->netlink, AF_INET6, RT_TABLE_MAIN, look_at_route, NULL, visit, error);
    return result;
}

static int judge_family(const struct visit *visit, size_t i, struct tapnet_error *error)
{
    const struct family *family = &visit->families[i];
    char text[IP_PREFIX_TEXT_MAX];

    if (family->address.address.family && !visit->has_address[i])
        return error_set(error, -EADDRNOTAVAIL, "it has not the address %s", ip_prefix_print(&family->address, text));
    if (family->gateway.family && !visit->has_route[i])
        return error_set(error, -ENETUNREACH, "nothing leads out, as by %s: there is no default route",
                         ip_address_print(&family->gateway, text));
    return 0;
}

static int check(void *data, struct tapnet_error *error)
{
    struct visit *visit = data;
    int result = look(visit, error);

    if (result == 0 && !mac_equal(&visit->found_mac, &visit->mac))
        result = error_set(error, -ENOLINK, "it has another MAC");
    if (result == 0 && !visit->up)
        result = error_set(error, -ENOLINK, "it is down");
    for (size_t i = 0; i < FAMILIES && result == 0; i++)
        result = judge_family(visit, i, error);
    if (result == 0 && visit->container->tap)
        result = container_tap_check(visit->netlink, visit->container->tap, visit->index, error);
    netlink_close(visit->netlink);
    return result;
}

/* The port as it was made, from the ledger. */
static int find_port(struct tapnet *tapnet, const char *network, const char *name, struct tapnet_attached *ret,
                     struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    const struct model_service *service;
    const struct model_port *port;
    int result = observe_host(tapnet->run_dir, &found, error);

    if (result < 0)
        return result;
    service = ports_network(found, network);
    port = service ? ports_find(service->network, name) : NULL;
    if (!port)
        return error_set(error, -ENOENT, service ? "network %s has no port %s" : "no network %s is up", network, name);
    return attached_describe(ret, service->set, service->network, port, false, error);
}

API int tapnet_container_check(struct tapnet *tapnet, const char *network, const char *port,
                               const struct tapnet_container *container, struct tapnet_error *error)
{
    struct tapnet_attached *attached cleanup(cleanup_tapnet_attached_free) = attached_new();
    struct visit visit;
    int result;

    if (!attached)
        return error_set(error, -ENOMEM, "out of memory");
    result = find_port(tapnet, network, port, attached, error);
    if (result < 0)
        return result;
    visit = visit_of(container, tapnet_attached_info(attached));
    result = device_in_netns(container->netns, check, &visit, error);
    return result < 0 ? error_prefix(error, result, "%s in the container", container->interface) : 0;
}

/* ---- what does not go with the pair ---- */

static int clear(void *data, struct tapnet_error *error)
{
    const struct tapnet_container *container = data;

    return container_tap_remove(container->tap, error);
}

API int tapnet_container_clear(const struct tapnet_container *container, struct tapnet_error *error)
{
    struct tapnet_container copy = *container;
    bool ours = false;
    int result = device_netns_is_ours(container->netns, &ours);

    if (result < 0)
        return error_set_errno(error, result, "the container's network namespace");
    if (ours) /* its process is gone, and another has its number: what is there is the host's */
        return 0;
    result = container->tap ? device_in_netns(container->netns, clear, &copy, error) : 0;
    return result < 0 ? error_prefix(error, result, "the container") : 0;
}
