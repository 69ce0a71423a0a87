/* SPDX-License-Identifier: MIT */
/* Inside attach.c: which port is meant, who may have it, and the plan of one that is not there yet. */
#include "api/attach_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/container.h"
#include "api/ports.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "device/device.h"
#include "model/forward.h"
#include "spec/spec.h"

#define DEFAULT_SET "tapnet-run"
#define DEFAULT_NETWORK "default"
#define DEFAULT_PORT "vm" /* and a number */

DEFINE_CLEANUP(struct model_set *, model_set_free)

/* ---- checks ---- */

/* Is the namespace another one than ours? */
static int check_container(const struct tapnet_attach_options *options, struct tapnet_error *error)
{
    const struct tapnet_container *container = options->container;
    bool ours;
    int result = device_netns_is_ours(container->netns, &ours);

    if (!model_ifname_valid(container->interface))
        return error_set(error, -EINVAL, "`%s` is no name for an interface", container->interface);
    if (result < 0)
        return error_set_errno(error, result, "the container's network namespace");
    if (ours)
        return error_set(error, -EINVAL, "the container has no network namespace of its own: it is in ours");
    if (container->tap && (!container->tap->name || !model_ifname_valid(container->tap->name) ||
                           strcmp(container->tap->name, container->interface) == 0))
        return error_set(error, -EINVAL, "a container's TAP has a name of its own, as interfaces have");
    if (options->flags || options->queues > 1)
        return error_set(error, -EINVAL, "a container has a veth pair, which has no queues and can't be opened");
    return 0;
}

static int check_forwards(const struct tapnet_attach_options *options, struct tapnet_error *error)
{
    struct model_forward forward;
    const char *problem;

    if (options->forward_count > MODEL_FORWARDS_MAX)
        return error_set(error, -EINVAL, "a port has at most %d forwards", MODEL_FORWARDS_MAX);
    for (size_t i = 0; i < options->forward_count; i++)
        if (model_forward_parse(options->forwards[i], &forward, &problem) < 0)
            return error_set(error, -EINVAL, "forward %s %s", options->forwards[i], problem);
    return 0;
}

static bool is_rate(uint64_t rate)
{
    return !rate || (rate >= MODEL_RATE_MIN && rate <= MODEL_RATE_MAX);
}

/* What is said of a new port. */
static int check_given(const struct tapnet_attach_options *options, struct tapnet_error *error)
{
    struct ip_address address;
    struct mac mac;

    if (options->mac && (mac_parse(options->mac, &mac) < 0 || mac_is_multicast(&mac) || mac_is_zero(&mac)))
        return error_set(error, -EINVAL, "`%s` is no MAC for a guest", options->mac);
    if (options->address && (ip_address_parse(options->address, &address) < 0 || address.family != AF_INET))
        return error_set(error, -EINVAL, "`%s` is no IPv4 address", options->address);
    if (!is_rate(options->send) || !is_rate(options->receive) || options->burst > MODEL_BURST_MAX)
        return error_set(error, -EINVAL, "a limit is 8000 to 10^11 bits a second, with 2^30 bytes at once at most");
    return check_forwards(options, error);
}

bool plugging_says_more(const struct tapnet_attach_options *options)
{
    return options->container || options->mac || options->address || options->forward_count || options->send ||
           options->receive || options->burst;
}

int plugging_check(const struct plugging *plugging, struct tapnet_error *error)
{
    const struct tapnet_attach_options *options = plugging->options;
    unsigned flags = options->flags;

    if (plugging->person && flags & TAPNET_ATTACH_HELD && !(flags & TAPNET_ATTACH_OPEN))
        return error_set(error, -EOPNOTSUPP,
                         "a port for the time of a command that opens its device by name needs root; a descriptor does "
                         "not");
    if (flags & TAPNET_ATTACH_DEFAULT_NETWORK && !(flags & TAPNET_ATTACH_HELD))
        return error_set(error, -EINVAL, "a network is made only for ports that live while they are held");
    if (options->queues > MODEL_QUEUES_MAX)
        return error_set(error, -EINVAL, "a TAP has at most %d queues", MODEL_QUEUES_MAX);
    if (options->port && !model_name_valid(options->port))
        return error_set(error, -EINVAL,
                         "`%s` is no name for a port: a-z, 0-9 and `-` (not first or last), 63 characters at most",
                         options->port);
    if (options->container) {
        int result = check_container(options, error);

        if (result < 0)
            return result;
    }
    return check_given(options, error);
}

/* ---- which network ---- */

/* "lab, dmz": of all that are up. */
static void append_networks(const struct observe_found *found, struct tapnet_error *error)
{
    const char *separator = "";

    for (size_t i = 0; i < found->objects.count; i++) {
        if (found->objects.items[i].kind != MODEL_OBJECT_SERVICE)
            continue;
        error_append(error, "%s%s", separator, found->objects.items[i].service.network->name);
        separator = ", ";
    }
    if (!*separator)
        error_append(error, "none");
}

static const char *network_name(const struct model_network *network)
{
    return network->name;
}

static const char *bridge_name(const struct model_network *network)
{
    return network->bridge;
}

/* Those that are called @name by @name_of, or all when it is NULL. Returns how many there are, *ret is one of them. */
static size_t count_named(const struct observe_found *found,
                          const char *(*name_of)(const struct model_network *network), const char *name,
                          const struct model_service **ret)
{
    size_t count = 0;

    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_service *service = &found->objects.items[i].service;

        if (found->objects.items[i].kind != MODEL_OBJECT_SERVICE ||
            (name && strcmp(name, name_of(service->network)) != 0))
            continue;
        *ret = service;
        count++;
    }
    return count;
}

/* The network that is named, else the one with the bridge of that name, as a VMM may know it; NULL: the only one. */
static int choose_network(const struct observe_found *found, const char *name, const struct model_service **ret,
                          struct tapnet_error *error)
{
    size_t count = count_named(found, network_name, name, ret);
    int code = count && !name ? -ENOTUNIQ : -ENOENT;

    if (count == 0 && name)
        count = count_named(found, bridge_name, name, ret);
    if (count == 1)
        return 0;
    if (name)
        error_set(error, code, "no network %s is up; up are: ", name);
    else
        error_set(error, code, "no network was named; up are: ");
    append_networks(found, error);
    return code;
}

/* ---- who may ---- */

/* In mode bridge addresses are the LAN's to give, to who asks for one: no container does. Nor is one a snapshot. */
static int check_mode(const struct tapnet_attach_options *options, const struct model_network *network,
                      struct tapnet_error *error)
{
    if (!options->container)
        return 0;
    if (model_network_has_clones(network))
        return error_set(error, -EOPNOTSUPP, "network %s is one of clones, and a container is none: name another one",
                         network->name);
    if (model_mode_has_subnet(network->mode))
        return 0;
    return error_set(error, -EOPNOTSUPP,
                     "network %s is in mode %s, where others give the addresses: a container needs one of ours",
                     network->name, model_mode_print(network->mode));
}

/* Of a new port of the network. */
static int check_new(const struct plugging *plugging, const struct model_network *network, struct tapnet_error *error)
{
    const struct model_person *person = plugging->person;
    uint32_t most = person ? model_access_ports(network, person) : 0;

    if (!person || model_access_used(network, person->user) < most)
        return 0;
    if (!most)
        return error_set(error, -EPERM,
                         "user %u may not plug guests into network %s: root allows it in its file, `allow: [%u]`",
                         (unsigned)person->user, network->name, (unsigned)person->user);
    return error_set(error, -EDQUOT,
                     "user %u has %u port%s of network %s, as many as its file allows: detach one, or have root allow "
                     "more, `allow: [\"%u:%u\"]`",
                     (unsigned)person->user, (unsigned)most, most == 1 ? "" : "s", network->name,
                     (unsigned)person->user, (unsigned)most + 1);
}

/* Of one that is there. */
static int check_existing(const struct plugging *plugging, const struct model_network *network,
                          const struct model_port *port, struct tapnet_error *error)
{
    const struct model_person *person = plugging->person;

    if (plugging_says_more(plugging->options))
        return error_set(error, -EEXIST, "port %s/%s is there already", network->name, port->name);
    if (!person || model_access_opens(port, person))
        return 0;
    return error_set(error, -EPERM,
                     "port %s/%s is not user %u's: root gives it to one in the network's file, `user: %u`",
                     network->name, port->name, (unsigned)person->user, (unsigned)person->user);
}

int plugging_find(const struct plugging *plugging, const struct model_service **ret_service,
                  const struct model_port **ret_port, struct tapnet_error *error)
{
    const struct tapnet_attach_options *options = plugging->options;
    const struct model_service *service = NULL;
    const struct model_port *port;
    int result = choose_network(plugging->found, options->network, &service, error);

    *ret_service = NULL;
    *ret_port = NULL;
    if (result == -ENOENT && !options->network && options->flags & TAPNET_ATTACH_DEFAULT_NETWORK && !plugging->person)
        return 0;
    if (result < 0)
        return result;
    port = options->port ? ports_find(service->network, options->port) : NULL;
    result = check_mode(options, service->network, error);
    if (result < 0)
        return result;
    result = port ? check_existing(plugging, service->network, port, error)
                  : check_new(plugging, service->network, error);
    if (result < 0)
        return result;
    *ret_service = service;
    *ret_port = port;
    return 0;
}

/* ---- a new port ---- */

/* The number of a name that we have chosen, or could have; 0: of no such name. */
static size_t number_of(const char *name)
{
    char *end;
    unsigned long number;

    if (!text_begins_with(name, DEFAULT_PORT))
        return 0;
    number = strtoul(name + strlen(DEFAULT_PORT), &end, 10);
    return *end ? 0 : number;
}

/* Is it the name of another's device? Where nobody has looked, whoever makes it is told. */
static bool is_foreign(const struct plugging *plugging, const char *device)
{
    return plugging->found && api_find_foreign(plugging->found, device) != NULL;
}

/* Numbers of names that we choose, and which of them are taken. */
struct numbers {
    bool *taken;
    size_t most;
};

/* Most names begin otherwise, which is seen without a call. */
static inline void take_number(struct numbers *numbers, const char *name)
{
    size_t number = name[0] == DEFAULT_PORT[0] ? number_of(name) : 0;

    if (number <= numbers->most)
        numbers->taken[number] = true;
}

static bool is_named(const struct plugging *plugging, const struct model_network *network, const char *name)
{
    return ports_find(network, name) || (plugging->roll && roll_find(plugging->roll, name) < plugging->roll->count);
}

/*
 * "vm1", or the first of these that the network has no port of, and the host no device. In DNS a port answers to its
 * host name, too. -ENOMEM.
 */
static int choose_name(const struct plugging *plugging, const struct model_network *network, char ret[MODEL_NAME_MAX])
{
    size_t others = plugging->roll ? plugging->roll->count : 0;
    struct numbers numbers = {.most = 2 * (network->port_count + others) + 1}; /* taken ones, and one more */
    _cleanup_free_ bool *taken = calloc(numbers.most + 1, sizeof(*taken));
    char device[MODEL_IFNAME_MAX];

    if (!taken)
        return -ENOMEM;
    numbers.taken = taken;
    for (size_t i = 0; i < network->port_count; i++) {
        take_number(&numbers, network->ports[i].name);
        take_number(&numbers, network->ports[i].hostname);
    }
    for (size_t i = 0; i < others; i++) {
        take_number(&numbers, roll_name(plugging->roll, i));
        take_number(&numbers, roll_hostname(plugging->roll, i));
    }
    for (size_t number = 1;; number++) {
        if (number <= numbers.most && taken[number])
            continue;
        snprintf(ret, MODEL_NAME_MAX, DEFAULT_PORT "%zu", number);
        model_device_name(network->name, ret, device);
        if ((number <= numbers.most || !is_named(plugging, network, ret)) && !is_foreign(plugging, device))
            return 0;
    }
}

/* What the caller says of the port; it has been checked. */
static int fill_given(const struct tapnet_attach_options *options, struct model_set *set, struct model_port *port)
{
    const char *problem;

    if (options->mac)
        port->guest_mac_given = mac_parse(options->mac, &port->guest_mac) == 0;
    if (options->address)
        port->address_given = ip_address_parse(options->address, &port->address) == 0;
    if (!options->forward_count)
        return 0;
    port->forwards = arena_alloc(&set->arena, options->forward_count * sizeof(*port->forwards));
    if (!port->forwards)
        return -ENOMEM;
    for (; port->forward_count < options->forward_count; port->forward_count++)
        model_forward_parse(options->forwards[port->forward_count], &port->forwards[port->forward_count], &problem);
    return 0;
}

/* Fills in @port, of which the network has nothing yet. */
static int fill_port(struct plugging *plugging, struct model_set *set, const struct model_network *network,
                     struct model_port *port)
{
    const struct tapnet_attach_options *options = plugging->options;
    int result;

    *port = (struct model_port){
        .origin = options->flags & TAPNET_ATTACH_HELD ? MODEL_ORIGIN_RUN : MODEL_ORIGIN_ATTACHED,
        .user = plugging->person ? plugging->person->user : MODEL_ID_NONE,
        .group = MODEL_ID_NONE,
        .queues = options->queues > 1 ? options->queues : 0,
        .veth = options->container != NULL,
        .limit = {.send = options->send, .receive = options->receive, .burst = options->burst},
    };
    result = fill_given(options, set, port);
    if (result < 0)
        return result;
    if (!options->port)
        return choose_name(plugging, network, port->name);
    snprintf(port->name, sizeof(port->name), "%s", options->port);
    return 0;
}

/* What the port is to a container: it has its MAC by us; and without IPv6 there it gets, and is said to have, none. */
static int fit_to_container(const struct tapnet_container *container, const struct model_network *network,
                            struct model_port *port, struct tapnet_error *error)
{
    bool has_ip6 = true;
    int result = network->subnet6.address.family ? container_has_ip6(container, &has_ip6, error) : 0;

    port->guest_mac_given = true;
    port->no_ip6 = !has_ip6;
    return result;
}

/* Adds the ports to the network, which is resolved or, when it is a new one, will be. */
static int add_ports(struct plugging *plugging, struct model_set *set, struct model_network *network,
                     struct tapnet_error *error)
{
    size_t room = network->port_count + plugging->count;
    struct model_port *ports = arena_alloc(&set->arena, room * sizeof(*ports));
    int result = 0;

    if (!ports)
        return error_set(error, -ENOMEM, "out of memory");
    if (network->port_count)
        memcpy(ports, network->ports, network->port_count * sizeof(*ports));
    for (network->ports = ports; network->port_count < room; network->port_count++)
        if (fill_port(plugging, set, network, &ports[network->port_count]) < 0)
            return error_set(error, -ENOMEM, "out of memory");
    model_derive_network(set, network);
    for (size_t i = network->port_count - plugging->count; i < network->port_count && result == 0; i++)
        if (ports[i].veth)
            result = fit_to_container(plugging->options->container, network, &ports[i], error);
    return result;
}

int plugging_add(struct model_set *set, void *data, struct tapnet_error *error)
{
    struct plugging *plugging = data;
    const struct model_surroundings beside = {.other_address = roll_address, .data = plugging->roll};
    struct model_network *network = ports_network_of(set, plugging->network);
    int result = add_ports(plugging, set, network, error);

    return result < 0 ? result : model_resolve_ports(network, plugging->roll ? &beside : NULL, error);
}

/* The set is copied by its plan. */
int plugging_plan_default(struct plugging *plugging, struct tapnet *tapnet, struct observe_found *found,
                          struct tapnet_plan **ret, struct tapnet_error *error)
{
    static const char text[] = "networks: { " DEFAULT_NETWORK ": {} }";
    struct model_set *set cleanup(cleanup_model_set_free) = NULL;
    struct tapnet_spec spec = {.replace = true};
    int result = spec_parse(text, strlen(text), DEFAULT_SET, &set, error);

    if (result == 0) {
        plugging->network = DEFAULT_NETWORK;
        set->networks[0].origin = MODEL_ORIGIN_RUN;
        result = add_ports(plugging, set, &set->networks[0], error);
    }
    if (result < 0) {
        observe_free(found);
        return result;
    }
    spec.set = set;
    return api_plan_make(tapnet, found, &spec, NULL, ret, error);
}

/* ---- taking away ---- */

int unplugging_find(const struct unplugging *unplugging, const struct observe_found *found,
                    const struct model_service **ret, struct tapnet_error *error)
{
    const char *network = unplugging->network, *name = unplugging->port;
    const struct model_service *service = ports_network(found, network);
    const struct model_port *port = service ? ports_find(service->network, name) : NULL;

    if (!service)
        return error_set(error, -ENOENT, "no network %s is up", network);
    if (!port)
        return error_set(error, -ENOENT, "network %s has no port %s", network, name);
    if (port->origin == MODEL_ORIGIN_DECLARED)
        return error_set(error, -EPERM, "port %s/%s is of a file, and stays: take it out there, and `tapnet up` again",
                         network, name);
    if (unplugging->person && !model_access_opens(port, unplugging->person))
        return error_set(error, -EPERM, "port %s/%s is not user %u's", network, name,
                         (unsigned)unplugging->person->user);
    if (unplugging->flags & TAPNET_DETACH_UNLESS_HELD && ports_is_held(found, port))
        return error_set(error, -EBUSY, "somebody holds the device %s of port %s/%s", port->device, network, name);
    *ret = service;
    return 0;
}

int unplugging_remove(struct model_set *set, void *data, struct tapnet_error *error)
{
    const struct unplugging *unplugging = data;

    (void)error;
    return ports_remove(set, unplugging->network, unplugging->port);
}
