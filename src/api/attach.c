/* SPDX-License-Identifier: MIT */
/* tapnet/attach.h: makes, opens and takes away ports of networks that are up. */
#include "api/attach.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "api/attach_plan.h"
#include "api/attach_quick.h"
#include "api/attached.h"
#include "api/container.h"
#include "api/detach_quick.h"
#include "api/ports.h"
#include "api/resident.h"
#include "base/cleanup.h"
#include "device/claim.h"
#include "device/device.h"
#include "device/tun.h"

#define API __attribute__((visibility("default")))

DEFINE_CLEANUP(struct tapnet_plan *, tapnet_plan_free)
DEFINE_CLEANUP(struct tapnet_attached *, tapnet_attached_free)
DEFINE_CLEANUP(struct observe_found *, observe_free)

/* ---- making, and taking away: with the lock held ---- */

/* Says what was made, of @set: the last ports of the network. @attached: as many. */
static int describe_made(const struct plugging *plugging, struct model_set *set,
                         struct tapnet_attached *const *attached, struct tapnet_error *error)
{
    const struct model_network *network = ports_network_of(set, plugging->network);
    const struct model_port *ports = network->ports + network->port_count - plugging->count;
    int result = 0;

    for (size_t i = 0; i < plugging->count && result == 0; i++)
        result = attached_describe(attached[i], set->name, network, &ports[i], true, error);
    return result;
}

static int make_ports(struct plugging *plugging, struct tapnet *tapnet, const struct model_service *service,
                      struct tapnet_attached *const *attached, struct tapnet_error *error)
{
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    int result;

    plugging->network = service->network->name;
    result = sets_plan_change(plugging->found, service->set, plugging_add, plugging, &plan, error);
    if (result == 0)
        result = api_plan_run(tapnet, plan.plan, &plugging->found->objects, NULL, NULL, error);
    if (result == 0)
        quick_prepare(tapnet, &plan.set);
    return result < 0 ? result : describe_made(plugging, &plan.set, attached, error);
}

/* The default network, with one port. */
static int make_default(struct plugging *plugging, struct tapnet *tapnet, struct tapnet_attached *attached,
                        struct tapnet_error *error)
{
    struct tapnet_plan *plan cleanup(cleanup_tapnet_plan_free) = NULL;
    struct observe_found *found;
    int result = observe_host(tapnet->run_dir, &found, error);

    if (result == 0)
        result = plugging_plan_default(plugging, tapnet, found, &plan, error);
    if (result == 0)
        result = api_plan_run(tapnet, plan->plan, &plan->found->objects, NULL, NULL, error);
    return result == 0 ? describe_made(plugging, plan->set, &attached, error) : result;
}

/* @found: as the host is now. */
static int take_away(struct tapnet *tapnet, const struct observe_found *found, const char *set,
                     struct unplugging unplugging, struct tapnet_error *error)
{
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    int result = sets_plan_change(found, set, unplugging_remove, &unplugging, &plan, error);

    if (result == 0)
        result = api_plan_run(tapnet, plan.plan, &found->objects, NULL, NULL, error);
    if (result == 0)
        quick_prepare(tapnet, &plan.set);
    return result;
}

/* What was made could not be opened. Should this fail too, the next tapnet finds a port that nobody holds. */
static void take_back(struct tapnet *tapnet, const struct tapnet_attached_info *info)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;

    if (observe_host(tapnet->run_dir, &found, NULL) == 0)
        take_away(tapnet, found, info->set, (struct unplugging){.network = info->network, .port = info->port}, NULL);
}

/* ---- plugging ---- */

static unsigned device_flags(unsigned flags, unsigned queues)
{
    return TAPNET_DEVICE_EXISTING | (flags & TAPNET_ATTACH_NO_VNET_HEADER ? 0u : (unsigned)TAPNET_DEVICE_VNET_HEADER) |
           (flags & ATTACH_READY ? (unsigned)TAPNET_DEVICE_NO_CARRIER : 0u) |
           (queues > 1 ? (unsigned)TAPNET_DEVICE_MULTI_QUEUE : 0u);
}

/* By the descriptor by which its TAP was made: nobody has had it. */
static int take_made(const struct tapnet_attach_options *wanted, struct tapnet_attached *attached,
                     struct tapnet_error *error)
{
    int result = attached_open(attached, attached->made_fd, !(wanted->flags & TAPNET_ATTACH_NO_VNET_HEADER));

    if (result < 0)
        return error_set_errno(error, result, "port %s/%s", attached->info.network, attached->info.port);
    attached->made_fd = -1;
    return 0;
}

static int open_port(const struct tapnet_attach_options *wanted, struct tapnet_attached *attached,
                     struct tapnet_error *error)
{
    const struct tapnet_attached_info *info = tapnet_attached_info(attached);
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    int result;

    if (attached->made_fd >= 0)
        return take_made(wanted, attached, error);
    options.name = info->device;
    options.kind = TAPNET_TAP;
    options.queues = wanted->queues ? wanted->queues : info->queues;
    options.flags = device_flags(wanted->flags, info->queues);
    if (options.queues > info->queues)
        return error_set(error, -EINVAL, "port %s/%s has %u queue%s, not %u", info->network, info->port, info->queues,
                         info->queues == 1 ? "" : "s", options.queues);
    result = tapnet_device_open(&options, &attached->device, error);
    return result < 0 ? error_prefix(error, result, "port %s/%s", info->network, info->port) : 0;
}

/* What lives as long as we do says so before anybody can find that nobody holds it. */
static int claim_port(struct tapnet_attached *attached, struct tapnet_error *error)
{
    const struct tapnet_attached_info *info = tapnet_attached_info(attached);
    int result = device_claim(info->device, &attached->claim_fd, error);

    return result < 0 ? error_prefix(error, result, "port %s/%s", info->network, info->port) : 0;
}

/* The port that is there, or a new one. */
static int find_or_make(struct plugging *plugging, struct tapnet *tapnet, struct tapnet_attached *attached,
                        struct tapnet_error *error)
{
    const struct model_service *service;
    const struct model_port *port;
    int result = plugging_find(plugging, &service, &port, error);

    if (result < 0)
        return result;
    if (!service)
        return make_default(plugging, tapnet, attached, error);
    if (!port)
        return make_ports(plugging, tapnet, service, &attached, error);
    return attached_describe(attached, service->set, service->network, port, false, error);
}

/* Claims and opens, as far as that is wanted. */
static int take_hold(const struct plugging *plugging, struct tapnet_attached *attached, struct tapnet_error *error)
{
    unsigned flags = plugging->options->flags;
    int result = 0;

    if (attached->info.made && flags & TAPNET_ATTACH_HELD && !plugging->person)
        result = claim_port(attached, error);
    if (result == 0 && flags & TAPNET_ATTACH_OPEN)
        result = open_port(plugging->options, attached, error);
    if (result == 0 && plugging->options->container)
        result = container_configure(plugging->options->container, &attached->info, error);
    return result;
}

static int plug_slowly(struct plugging *plugging, struct tapnet *tapnet, struct tapnet_attached *attached,
                       struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    const struct apply_peer *peer = tapnet->peer;
    int result;

    tapnet->peer = NULL; /* what is put back first is not this container's */
    result = api_recover(tapnet, error);
    if (result == 0)
        result = ports_settle(tapnet, &found, error);
    tapnet->peer = peer;
    plugging->found = found;
    if (result == 0)
        result = find_or_make(plugging, tapnet, attached, error);
    plugging->found = NULL;
    return result;
}

static int plug_locked(struct plugging *plugging, struct tapnet *tapnet, struct tapnet_attached *attached,
                       struct tapnet_error *error)
{
    int result = attach_quick(tapnet, plugging, attached);

    if (result < 0)
        result = plug_slowly(plugging, tapnet, attached, error);
    if (result < 0)
        return result;
    result = take_hold(plugging, attached, error);
    if (result < 0 && attached->info.made)
        take_back(tapnet, tapnet_attached_info(attached));
    return result;
}

/* Makes and opens them; *ret_count: the first of @attached that could be opened. */
static int make_ready(struct plugging *plugging, struct tapnet *tapnet, struct tapnet_attached *const *attached,
                      size_t *ret_count, struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    const struct model_service *service;
    const struct model_port *port;
    int result = api_recover(tapnet, error);

    if (result == 0)
        result = ports_settle(tapnet, &found, error);
    if (result < 0)
        return result;
    plugging->found = found;
    result = plugging_find(plugging, &service, &port, error);
    if (result == 0)
        result = make_ports(plugging, tapnet, service, attached, error);
    for (size_t i = 0; i < plugging->count && result == 0; i++) {
        result = open_port(plugging->options, attached[i], error);
        *ret_count += result == 0;
    }
    return result;
}

int attach_make_ready(struct tapnet *tapnet, const char *network, size_t count, struct tapnet_attached **ret,
                      size_t *ret_count, struct tapnet_error *error)
{
    const struct tapnet_attach_options options = {.network = network,
                                                  .flags = TAPNET_ATTACH_OPEN | TAPNET_ATTACH_HELD | ATTACH_READY};
    struct plugging plugging = {.options = &options, .count = count};
    size_t room = 0, opened = 0;
    int result = 0;

    while (room < count && (ret[room] = attached_new()))
        room++;
    result = room == count ? make_ready(&plugging, tapnet, ret, &opened, error)
                           : error_set(error, -ENOMEM, "out of memory");
    while (room > opened) /* a port that nobody holds goes with the next look */
        tapnet_attached_free(ret[--room]);
    *ret_count = opened;
    return result;
}

int attach_plug_in(const struct tapnet_attached *attached, struct tapnet_error *error)
{
    return device_carrier(tapnet_device_fd(attached->device, 0), true, error);
}

int attach_locked(struct tapnet *tapnet, const struct tapnet_attach_options *options, const struct model_person *person,
                  struct tapnet_attached **ret, struct tapnet_error *error)
{
    struct tapnet_attached *attached cleanup(cleanup_tapnet_attached_free) = attached_new();
    struct plugging plugging = {.options = options, .person = person, .count = 1};
    int result = plugging_check(&plugging, error);

    if (!attached)
        return error_set(error, -ENOMEM, "out of memory");
    if (result == 0)
        result = plug_locked(&plugging, tapnet, attached, error);
    if (result == 0)
        *ret = take_pointer(attached);
    return result;
}

/* May it be any new port, as the keeper has them ready? */
static bool may_be_any(const struct tapnet_attach_options *options)
{
    return !options->port && options->queues <= 1 &&
           options->flags == (options->flags | TAPNET_ATTACH_OPEN | TAPNET_ATTACH_HELD) &&
           !(options->flags & TAPNET_ATTACH_NO_VNET_HEADER) && !plugging_says_more(options);
}

/*
 * -EAGAIN: none is ready. One that is unplugged meanwhile is down before the keeper deletes it. The keeper turns the
 * carrier on, and we do nothing that waits for what the kernel does then (keeper/pool.h).
 */
static int attach_ready(struct tapnet *tapnet, const struct tapnet_attach_options *options,
                        struct tapnet_attached **ret)
{
    struct tapnet_attached *attached cleanup(cleanup_tapnet_attached_free) = NULL;
    int result = attach_ask_ready(tapnet, options->network, &attached);

    if (result < 0 || claim_port(attached, NULL) < 0 ||
        !device_claim_is_up(attached->claim_fd, tapnet_attached_info(attached)->device))
        return -EAGAIN;
    *ret = take_pointer(attached);
    return 0;
}

/* Is there a keeper to be started? What would be refused in any case is told before a keeper is missed. */
static int check_keeper(struct tapnet *tapnet, const struct tapnet_attach_options *options, struct tapnet_error *error)
{
    struct tapnet_plan *plan cleanup(cleanup_tapnet_plan_free) = NULL;
    struct tapnet_error missing = TAPNET_ERROR_INIT;
    int result = tapnet->with_keeper ? resident_check(tapnet, &missing) : 0, refused;

    if (result == 0)
        return 0;
    refused = tapnet_plan_attach(tapnet, options, &plan, error);
    return refused < 0 ? refused : error_set(error, result, "%s", missing.text);
}

static int attach_here(struct tapnet *tapnet, const struct tapnet_attach_options *options, struct tapnet_attached **ret,
                       struct tapnet_error *error)
{
    struct apply_peer peer = {.netns = options->container ? options->container->netns : -1,
                              .name = options->container ? options->container->interface : NULL};
    int result;

    if (may_be_any(options) && attach_ready(tapnet, options, ret) == 0)
        return 0;
    result = check_keeper(tapnet, options, error);
    if (result == 0)
        result = api_lock(tapnet, error);
    if (result < 0)
        return result;
    if (options->container)
        tapnet->peer = &peer;
    result = attach_locked(tapnet, options, NULL, ret, error);
    tapnet->peer = NULL;
    if (result == 0 && tapnet->with_keeper && tapnet_attached_info(*ret)->made)
        resident_start(tapnet);
    api_unlock(tapnet, result == 0);
    return result;
}

API int tapnet_attach(struct tapnet *tapnet, const struct tapnet_attach_options *options, struct tapnet_attached **ret,
                      struct tapnet_error *error)
{
    const unsigned known = TAPNET_ATTACH_OPEN | TAPNET_ATTACH_HELD | TAPNET_ATTACH_DEFAULT_NETWORK |
                           TAPNET_ATTACH_NO_VNET_HEADER;
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = api_check_own_right(tapnet, &refusal);

    api_notes_clear(tapnet);
    if (options->flags & ~known)
        return error_set(error, -EINVAL, "flags that this tapnet does not know: %#x", options->flags & ~known);
    if (result == 0)
        return attach_here(tapnet, options, ret, error);
    return result == -EACCES ? attach_ask(tapnet, options, ret, error) : error_set(error, result, "%s", refusal.text);
}

/* ---- unplugging ---- */

static int unplug_slowly(struct tapnet *tapnet, const struct unplugging *unplugging, bool *ret_gone,
                         struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    const struct model_service *service = NULL;
    int result = api_recover(tapnet, error);

    if (result == 0)
        result = observe_host(tapnet->run_dir, &found, error);
    if (result == 0)
        result = unplugging_find(unplugging, found, &service, error);
    if (result < 0 || !service)
        return result;
    *ret_gone = service->network->origin == MODEL_ORIGIN_RUN && service->network->port_count == 1;
    result = take_away(tapnet, found, service->set, *unplugging, error);
    if (result == 0 && found->gone_count && !resident_runs(tapnet))
        result = api_gone_delete(tapnet, error);
    return result;
}

int detach_locked(struct tapnet *tapnet, const char *network, const char *port, unsigned flags,
                  const struct model_person *person, bool *ret_gone, struct tapnet_error *error)
{
    const struct unplugging unplugging = {.network = network, .port = port, .flags = flags, .person = person};
    int result = detach_quick(tapnet, &unplugging, error);

    return result == -EAGAIN ? unplug_slowly(tapnet, &unplugging, ret_gone, error) : result;
}

static int detach_here(struct tapnet *tapnet, const char *network, const char *port, unsigned flags,
                       struct tapnet_error *error)
{
    const struct unplugging unplugging = {.network = network, .port = port, .flags = flags};
    struct tapnet_error leftovers = TAPNET_ERROR_INIT;
    _cleanup_close_ int keeper = -1;
    bool gone = false, quick;
    int result = api_lock(tapnet, error);

    if (result < 0)
        return result;
    result = detach_quick(tapnet, &unplugging, error);
    quick = result == 0;
    if (result == -EAGAIN) {
        keeper = resident_meet(tapnet);
        result = unplug_slowly(tapnet, &unplugging, &gone, error);
    }
    api_unlock(tapnet, quick);
    if (result == 0 && gone && resident_tell(tapnet, take_fd(&keeper), &leftovers) < 0 &&
        api_note_leftovers(tapnet, &leftovers) < 0)
        result = error_set(error, -ENOMEM, "out of memory");
    return result;
}

API int tapnet_detach(struct tapnet *tapnet, const char *network, const char *port, unsigned flags,
                      struct tapnet_error *error)
{
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = api_check_own_right(tapnet, &refusal);

    api_notes_clear(tapnet);
    if (result == 0)
        return detach_here(tapnet, network, port, flags, error);
    return result == -EACCES ? detach_ask(tapnet, network, port, flags, error)
                             : error_set(error, result, "%s", refusal.text);
}

/* ---- plans alone ---- */

API int tapnet_plan_attach(struct tapnet *tapnet, const struct tapnet_attach_options *options, struct tapnet_plan **ret,
                           struct tapnet_error *error)
{
    struct plugging plugging = {.options = options, .count = 1};
    const struct model_service *service;
    const struct model_port *port;
    struct observe_found *found = NULL;
    int result = plugging_check(&plugging, error);

    api_notes_clear(tapnet);
    if (result == 0)
        result = api_check_right(error);
    if (result == 0)
        result = observe_host(tapnet->run_dir, &found, error);
    if (result < 0)
        return result;
    plugging.found = found;
    result = plugging_find(&plugging, &service, &port, error);
    if (result < 0) {
        observe_free(found);
        return result;
    }
    if (!service)
        return plugging_plan_default(&plugging, tapnet, found, ret, error);
    plugging.network = service->network->name;
    return api_plan_change(found, service->set, port ? NULL : plugging_add, &plugging, ret, error);
}

API int tapnet_plan_detach(struct tapnet *tapnet, const char *network, const char *port, unsigned flags,
                           struct tapnet_plan **ret, struct tapnet_error *error)
{
    struct unplugging unplugging = {.network = network, .port = port, .flags = flags};
    const struct model_service *service;
    struct observe_found *found = NULL;
    int result = api_check_right(error);

    api_notes_clear(tapnet);
    if (result == 0)
        result = observe_host(tapnet->run_dir, &found, error);
    if (result < 0)
        return result;
    result = unplugging_find(&unplugging, found, &service, error);
    if (result < 0) {
        observe_free(found);
        return result;
    }
    return api_plan_change(found, service->set, unplugging_remove, &unplugging, ret, error);
}
