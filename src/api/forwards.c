/* SPDX-License-Identifier: MIT */
/* Forwards as the rest of the host sees them: other sets that want the same, programs that listen there. */
#include "api/forwards.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "model/forward.h"
#include "netlink/address.h"
#include "observe/program.h"

DEFINE_CLEANUP(struct netlink *, netlink_close)

/* ---- other sets ---- */

/* The set's own, and those of every other set that is up. */
static int collect(const struct tapnet_plan *plan, struct model_forward_claims *claims)
{
    const struct model_objects *objects = &plan->found->objects;
    int result = 0;

    for (size_t i = 0; i < plan->set->network_count && result == 0; i++)
        result = model_forward_claims_add(claims, &plan->set->networks[i], plan->set->name);
    if (!claims->count)
        return result;
    for (size_t i = 0; i < objects->count && result == 0; i++) {
        const struct model_service *service = &objects->items[i].service;

        if (objects->items[i].kind == MODEL_OBJECT_SERVICE && strcmp(service->set, plan->set->name) != 0)
            result = model_forward_claims_add(claims, service->network, service->set);
    }
    return result;
}

static int tell_rival(const struct tapnet_plan *plan, const struct model_forward_claim *own,
                      const struct model_forward_claim *other, struct tapnet_error *error)
{
    unsigned port = own->forward->first > other->forward->first ? own->forward->first : other->forward->first;
    char text[MODEL_FORWARD_TEXT_MAX];

    return error_set(error, -EEXIST,
                     "%s:%u:%u: port %s: forward %s: %s port %u of the host is already forwarded to port %s of set %s; "
                     "choose another one, or take that down first (tapnet down %s)",
                     plan->set->file ? plan->set->file : "", own->forward->place.line, own->forward->place.column,
                     own->port->name, model_forward_print(own->forward, text), model_forward_protocol(own->forward),
                     port, other->port->name, other->set, other->set);
}

int forwards_check(const struct tapnet_plan *plan, struct tapnet_error *error)
{
    struct model_forward_claims claims cleanup(model_forward_claims_fini) = {0};

    if (collect(plan, &claims) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    model_forward_claims_sort(&claims);
    for (size_t i = 0; i < claims.count; i++) {
        const struct model_forward_claim *one = &claims.items[i], *rival;
        size_t next = 0;

        while ((rival = model_forward_claims_rival(&claims, i, &next)))
            if (one->set == plan->set->name && rival->set != plan->set->name)
                return tell_rival(plan, one, rival, error);
            else if (rival->set == plan->set->name && one->set != plan->set->name)
                return tell_rival(plan, rival, one, error);
    }
    return 0;
}

/* ---- the host ---- */

void forwards_host_fini(struct forwards_host *host)
{
    free(host->listeners);
    free(host->addresses);
}

static int add_listener(const struct netlink_listener *listener, void *data)
{
    struct forwards_host *host = data;
    int result = array_reserve((void **)&host->listeners, &host->listener_capacity, host->listener_count, 1,
                               sizeof(*host->listeners));

    if (result == 0)
        host->listeners[host->listener_count++] = *listener;
    return result;
}

/* Each is asked for, whatever becomes of the other; @error says what could not be. 0 or a negative errno. */
static int look_at_host(struct forwards_host *host, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    int addresses = netlink_open(NETLINK_ROUTE, &netlink, error), listeners;

    if (addresses == 0)
        addresses = netlink_address_list(netlink, &host->addresses, &host->address_count, error);
    listeners = netlink_listener_dump(add_listener, host, addresses == 0 ? error : NULL);
    host->known = true;
    return addresses < 0 ? addresses : listeners;
}

/* Looks, and says by @add what can't be seen. 0 or -ENOMEM. */
static int look_and_tell(struct forwards_host *host, struct arena *arena, forwards_warning *add, void *data)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int result = look_at_host(host, &error);
    const char *text;

    if (result == 0 || result == -ENOMEM)
        return result;
    text = arena_printf(arena, "whether forwards are in the way of programs of the host is not known: %s", error.text);
    return text ? add(data, text) : -ENOMEM;
}

/* Does @forward of @port take what @listener waits for? By IPv6 only what is for a guest that has it. */
static bool takes(const struct model_port *port, const struct model_forward *forward,
                  const struct netlink_listener *listener)
{
    const struct ip_address *address = &listener->address;

    return listener->protocol == forward->protocol && (address->family != AF_INET6 || port->address6.family) &&
           model_forward_takes(forward, address, listener->port);
}

static const struct netlink_listener *find_listener(const struct forwards_host *host, const struct model_port *port,
                                                    const struct model_forward *forward)
{
    for (size_t i = 0; i < host->listener_count; i++)
        if (takes(port, forward, &host->listeners[i]))
            return &host->listeners[i];
    return NULL;
}

static int compare_addresses(const void *a, const void *b)
{
    return ip_address_compare(a, b);
}

/* The gateway's address comes with the network. */
static bool has_address(const struct forwards_host *host, const struct model_network *network,
                        const struct ip_address *address)
{
    return ip_address_is_any(address) || !host->address_count || ip_address_equal(address, &network->subnet.address) ||
           ip_address_equal(address, &network->subnet6.address) ||
           bsearch(address, host->addresses, host->address_count, sizeof(*host->addresses), compare_addresses);
}

/* What is to be said of @forward, the arena's; *ret NULL when there is nothing. */
static int describe(const struct forwards_host *host, const struct model_network *network,
                    const struct model_port *port, const struct model_forward *forward, struct arena *arena,
                    const char **ret)
{
    const struct netlink_listener *listener = find_listener(host, port, forward);
    char text[MODEL_FORWARD_TEXT_MAX], program[OBSERVE_PROGRAM_MAX], address[IP_TEXT_MAX];

    *ret = NULL;
    model_forward_print(forward, text);
    if (!has_address(host, network, &forward->address)) {
        *ret = arena_printf(arena, "port %s: forward %s leads nowhere: this host does not have the address %s",
                            port->name, text, ip_address_print(&forward->address, address));
        return *ret ? 0 : -ENOMEM;
    }
    if (!listener)
        return 0;
    if (!observe_program(listener->inode, program))
        strcpy(program, "a program of the host");
    *ret = arena_printf(arena,
                        "port %s: forward %s: %s listens at %s port %u too: what comes there goes to the guest, and "
                        "no longer to it",
                        port->name, text, program, model_forward_protocol(forward), listener->port);
    return *ret ? 0 : -ENOMEM;
}

int forwards_warn(struct forwards_host *host, const struct model_network *network, struct arena *arena,
                  forwards_warning *add, void *data)
{
    for (size_t p = 0; p < network->port_count; p++)
        for (size_t f = 0; f < network->ports[p].forward_count; f++) {
            const struct model_port *port = &network->ports[p];
            const char *text;

            if (!host->known && look_and_tell(host, arena, add, data) < 0)
                return -ENOMEM;
            if (describe(host, network, port, &port->forwards[f], arena, &text) < 0 || (text && add(data, text) < 0))
                return -ENOMEM;
        }
    return 0;
}
