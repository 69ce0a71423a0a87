/* SPDX-License-Identifier: MIT */
/* Inside attach.c: one port more of a network that is well known, at a cost that does not grow with its ports. */
#include "api/attach_quick.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/attached.h"
#include "api/detach_quick.h"
#include "api/port_difference.h"
#include "api/ports.h"
#include "api/resident.h"
#include "api/roll.h"
#include "apply/apply.h"
#include "apply/ledger.h"
#include "apply/run.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "model/json_cleanup.h"
#include "observe/plugged.h"

DEFINE_CLEANUP(struct observe_found *, observe_free)

static void cleanup_closedir(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

/* ---- which network ---- */

/* The only network that has a ledger. */
static int only_network(const char *run_dir, char ret[MODEL_NAME_MAX])
{
    char path[RUN_PATH_MAX];
    DIR *directory cleanup(cleanup_closedir) = NULL;
    const struct dirent *entry;
    size_t count = 0;

    if (run_path(run_dir, "networks", path) < 0)
        return -EAGAIN;
    directory = opendir(path);
    while (directory && (entry = readdir(directory))) {
        size_t len = strlen(entry->d_name) - strlen(".json");

        if (!text_ends_in(entry->d_name, ".json") || len >= MODEL_NAME_MAX)
            continue;
        snprintf(ret, MODEL_NAME_MAX, "%.*s", (int)len, entry->d_name);
        count++;
    }
    return count == 1 ? 0 : -EAGAIN;
}

static int choose_network(const char *run_dir, const char *wanted, char ret[MODEL_NAME_MAX])
{
    if (!wanted)
        return only_network(run_dir, ret);
    if (!model_name_valid(wanted))
        return -EAGAIN;
    snprintf(ret, MODEL_NAME_MAX, "%s", wanted);
    return 0;
}

/* ---- whether it may be done so ---- */

/* Does it have what no other need have: what rules and the host have for the sake of that is not known? */
static bool is_special(const struct tapnet_attach_options *options)
{
    return options->mac || options->address || options->forward_count || options->send || options->receive ||
           options->burst;
}

static bool is_new(const struct roll *roll, const char *name)
{
    for (size_t i = 0; name && i < roll->count; i++)
        if (strcmp(roll_name(roll, i), name) == 0 || strcmp(roll_hostname(roll, i), name) == 0)
            return false;
    return true;
}

/* On the long way ports go whose command or container has ended; on this one only where somebody else sees to that. */
static bool may_be_quick(const struct tapnet *tapnet, const struct plugging *plugging, const struct roll *roll)
{
    const struct model_person *person = plugging->person;
    const struct model_network *network = roll->network;
    bool container = plugging->options->container != NULL;

    if ((container || roll_has_origin(roll, MODEL_ORIGIN_RUN)) && !resident_runs(tapnet))
        return false;
    if (is_special(plugging->options))
        return false;
    return network->mode != MODEL_MODE_BRIDGE && model_network_has_bridge(network) &&
           roll->count < model_network_ports_max(network) && is_new(roll, plugging->options->port) &&
           (!person || roll_used(roll, person->user) < model_access_ports(network, person));
}

int quick_roll(struct tapnet *tapnet, const char *network, struct roll *ret)
{
    int result = roll_read(tapnet->run_dir, network, &tapnet->roll, ret);

    return result == 0 && api_link_index(tapnet, ret->network->bridge) == ret->bridge ? 0 : -EAGAIN;
}

bool quick_is_settled(const struct tapnet *tapnet)
{
    char path[RUN_PATH_MAX], mark[RUN_MARK_MAX];
    struct stat status;

    return run_path(tapnet->run_dir, "journal", path) == 0 && stat(path, &status) < 0 && errno == ENOENT &&
           run_mark_read(tapnet->run_dir, tapnet->lock, mark) == 0 && !mark[0];
}

/* ---- its plan ---- */

/* Leaves what is made of it in the kernel. False: something else would have to be changed. */
static bool keep_made(struct plan *plan)
{
    size_t kept = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        enum model_object_kind kind = plan_step_object(step)->kind;

        if (kind == MODEL_OBJECT_SERVICE || kind == MODEL_OBJECT_RECORD)
            continue;
        if (step->before || (kind != MODEL_OBJECT_ELEMENT && kind != MODEL_OBJECT_LINK))
            return false;
        plan->steps[kept++] = *step;
    }
    plan->step_count = kept;
    return kept > 0;
}

/* @set has the network alone, with the new port alone. */
static int make_difference(struct model_set *set, const struct roll *roll, struct port_difference *ret)
{
    const struct model_port *port = &set->networks[0].ports[0];
    struct model_port fellow;
    int result = roll_fellow(roll, roll->count, port->veth, &fellow) ? model_check(set, NULL) : -EAGAIN;

    if (result == 0)
        result = port_difference_make(set, &fellow, port, true, ret);
    return result < 0 || !ret->plan || !keep_made(ret->plan) ? -EAGAIN : 0;
}

/* ---- doing it ---- */

struct newcomer {
    const struct roll *roll;
    const struct model_port *port;
    const struct plan *plan;
};

/* The line beside the ledger is the last of it; the service is told the same. */
static int make_all(const struct apply_ops *ops, void *data, struct tapnet_error *error)
{
    const struct newcomer *newcomer = data;
    const struct model_objects none = {.items = NULL};
    const struct apply_request request = {.plan = newcomer->plan, .all = &none, .ops = ops};
    const char *network = newcomer->roll->network->name;
    _cleanup_free_ char *line = model_port_print(newcomer->port);
    char file[MODEL_NAME_MAX + 32];
    int result;

    if (!line)
        return error_set(error, -ENOMEM, "out of memory");
    snprintf(file, sizeof(file), "networks/%s" PLUGGED_SUFFIX, network);
    result = ops->service_plug(ops->data, network, line, error);
    if (result == 0)
        result = apply_run(&request, error);
    if (result == 0)
        result = ops->service_plugged(ops->data, error);
    return result < 0 ? result : ops->file_append(ops->data, file, newcomer->roll->ledger, line, error);
}

/* Whoever wants it open gets the descriptor by which it is made; that has but one queue. */
static bool is_caught(const struct tapnet_attach_options *options)
{
    return options->flags & TAPNET_ATTACH_OPEN && options->queues <= 1;
}

static int make(struct tapnet *tapnet, const struct newcomer *newcomer, const struct tapnet_attach_options *options,
                struct tapnet_attached *attached)
{
    struct newcomer copy = *newcomer;
    struct api_made made = {.flags = options->flags & TAPNET_ATTACH_NO_VNET_HEADER ? 0u : IFF_VNET_HDR, .fd = -1};
    const char *network = newcomer->roll->network->name, *port = newcomer->port->name;
    char mark[RUN_MARK_MAX];
    int marked = snprintf(mark, sizeof(mark), ATTACH_QUICK_MARK "%s/%s", network, port) < (int)sizeof(mark)
                     ? run_mark_begin(tapnet->run_dir, tapnet->lock, mark)
                     : -ENAMETOOLONG;
    int result;

    if (marked < 0)
        return -EAGAIN;
    result = api_with_requests(tapnet, make_all, &copy, is_caught(options) ? &made : NULL, NULL);
    if (result < 0)
        run_mark_leave(tapnet->lock, marked);
    else
        result = run_mark_end(tapnet->lock, marked);
    if (result < 0) {
        if (made.fd >= 0)
            close(made.fd);
        quick_forget(tapnet, NULL); /* can't it: the mark stays for the next */
        return -EAGAIN;
    }
    roll_add(tapnet->run_dir, newcomer->roll, newcomer->port);
    attached->made_fd = made.fd;
    return 0;
}

static int plug(struct tapnet *tapnet, const struct plugging *plugging, const struct roll *roll, struct model_set *set,
                struct tapnet_attached *attached)
{
    struct model_network network = *roll->network;
    struct plugging added = *plugging;
    struct port_difference difference cleanup(port_difference_fini) = {.plan = NULL};
    struct model_port port;
    int result;

    snprintf(set->name, sizeof(set->name), "%s", roll->set);
    set->networks = &network;
    set->network_count = 1;
    added.network = network.name;
    added.roll = roll;
    added.count = 1;
    if (plugging_add(set, &added, NULL) < 0)
        return -EAGAIN;
    port = network.ports[0];
    if (roll_collides(roll, &port)) /* by what follows from its name: the next choice is made on the long way */
        return -EAGAIN;
    result = make_difference(set, roll, &difference);
    if (result == 0)
        result = attached_describe(attached, roll->set, roll->network, &port, true, NULL);
    if (result < 0)
        return -EAGAIN;
    return make(tapnet, &(struct newcomer){roll, &port, difference.plan}, plugging->options, attached);
}

int attach_quick(struct tapnet *tapnet, const struct plugging *plugging, struct tapnet_attached *attached)
{
    struct roll roll cleanup(roll_fini) = ROLL_NONE;
    struct model_set set = {.network_count = 0};
    char name[MODEL_NAME_MAX];
    int result = quick_is_settled(tapnet) ? choose_network(tapnet->run_dir, plugging->options->network, name) : -EAGAIN;

    if (result == 0)
        result = quick_roll(tapnet, name, &roll);
    if (result == 0 && may_be_quick(tapnet, plugging, &roll))
        result = plug(tapnet, plugging, &roll, &set, attached);
    else
        result = -EAGAIN;
    arena_fini(&set.arena);
    return result;
}

/* ---- what is left of one that was killed ---- */

/* The name of the port that a line beside the ledger is about. */
static bool is_about(const char *line, size_t len, const char *port)
{
    _cleanup_json_ json_t *json = json_loadb(line, len, 0, NULL);
    const char *name = json_string_value(json_object_get(json, "name"));

    return name && strcmp(name, port) == 0;
}

/* Takes its lines out of the file beside the ledger. */
static int drop_line(const char *run_dir, const char *network, const char *port, struct tapnet_error *error)
{
    _cleanup_free_ char *text = NULL;
    char file[RUN_MARK_MAX + 32], *to;
    int result;

    snprintf(file, sizeof(file), "networks/%s" PLUGGED_SUFFIX, network);
    result = run_file_read(run_dir, file, SIZE_MAX / 2, &text);
    if (result == -ENOENT)
        return 0;
    if (result < 0)
        return error_set_errno(error, result, "cannot read %s/%s", run_dir, file);
    to = text;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        size_t len = (size_t)(end - line) + 1;

        if (is_about(line, len, port))
            continue;
        memmove(to, line, len);
        to += len;
    }
    *to = '\0';
    return run_file_write(run_dir, file, text, error);
}

/* The service is told of all who are there: it may have been told of one more. */
static int tell_all(struct tapnet *tapnet, const char *network, struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    const struct model_service *service;
    int result = observe_host(tapnet->run_dir, &found, error);

    if (result < 0)
        return result;
    service = ports_network(found, network);
    return service && service->running ? api_service_update(tapnet, service->network, error) : 0;
}

/* Is it the port's device, whole or half made? */
static bool is_device(const struct model_object *object, const char *network, const char *device)
{
    return object->kind == MODEL_OBJECT_LINK && strcmp(object->link.name, device) == 0 &&
           (!object->link.owner.set[0] || strcmp(object->link.owner.network, network) == 0);
}

/* Of a plan to what the ledgers say: what is there of the port @device and of no ledger's goes, elements at least. */
static int keep_leftovers(const struct observe_found *found, const char *network, const char *device, struct plan *plan)
{
    size_t kept = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];

        if (!step->after && step->before->kind == MODEL_OBJECT_ELEMENT)
            plan->steps[kept++] = *step;
    }
    plan->step_count = kept;
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_object *object = &found->objects.items[i];

        if (!is_device(object, network, device))
            continue;
        if (array_reserve((void **)&plan->steps, &plan->step_capacity, plan->step_count, 1, sizeof(*plan->steps)) < 0)
            return -ENOMEM;
        memmove(plan->steps + 1, plan->steps, plan->step_count++ * sizeof(*plan->steps));
        plan->steps[0] = (struct plan_step){.phase = PLAN_DEVICES_REMOVE, .before = object};
    }
    return 0;
}

/* What the kernel has of the port, which stands in no ledger. */
static int take_away(struct tapnet *tapnet, const char *network, const char *port, struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    const struct model_service *service;
    char device[MODEL_IFNAME_MAX];
    int result = observe_host(tapnet->run_dir, &found, error);

    if (result < 0)
        return result;
    service = ports_network(found, network);
    if (!service || ports_find(service->network, port))
        return 0;
    model_device_name(network, port, device);
    result = sets_plan_make(found, service->set, &plan, error);
    if (result == 0 && keep_leftovers(found, network, device, plan.plan) < 0)
        result = error_set(error, -ENOMEM, "out of memory");
    return result < 0 ? result : api_plan_mend(tapnet, plan.plan, &found->objects, error);
}

/* @mark: "NETWORK/PORT", which is taken apart. What says anything else has not been written by us. */
static int forget(struct tapnet *tapnet, char *mark, struct tapnet_error *error)
{
    char *slash = strchr(mark, '/'), file[RUN_MARK_MAX + 32];
    int result;

    if (!slash)
        return 0;
    *slash = '\0';
    if (!model_name_valid(mark) || !model_name_valid(slash + 1))
        return 0;
    result = drop_line(tapnet->run_dir, mark, slash + 1, error);
    if (result == 0) {
        snprintf(file, sizeof(file), "networks/%s" PLUGGED_ROLL_SUFFIX, mark);
        result = run_file_remove(tapnet->run_dir, file, error);
    }
    if (result == 0)
        result = take_away(tapnet, mark, slash + 1, error);
    return result == 0 ? tell_all(tapnet, mark, error) : result;
}

int quick_forget(struct tapnet *tapnet, struct tapnet_error *error)
{
    char mark[RUN_MARK_MAX];
    int result = run_mark_read(tapnet->run_dir, tapnet->lock, mark);

    if (result < 0)
        return error_set_errno(error, result, "cannot read what a tapnet before this one was about");
    if (!mark[0] || text_begins_with(mark, DETACH_QUICK_MARK))
        return 0;
    if (text_begins_with(mark, ATTACH_QUICK_MARK))
        result = forget(tapnet, mark + strlen(ATTACH_QUICK_MARK), error);
    return result == 0 ? run_mark_clear(tapnet->run_dir, error) : result;
}

/* ---- the next ones ---- */

static void prepare_network(const struct tapnet *tapnet, const char *set, const struct model_network *network)
{
    if (network->mode != MODEL_MODE_BRIDGE && model_network_has_bridge(network))
        roll_write(tapnet->run_dir, set, network);
}

void quick_prepare(const struct tapnet *tapnet, const struct model_set *set)
{
    for (size_t i = 0; i < set->network_count; i++)
        prepare_network(tapnet, set->name, &set->networks[i]);
}

struct fold {
    const struct tapnet *tapnet;
    const struct observe_found *found;
};

/* A network that has to be served anew has a ledger that says so. */
static int fold_all(const struct apply_ops *ops, void *data, struct tapnet_error *error)
{
    const struct fold *fold = data;
    int result = 0;

    for (size_t i = 0; i < fold->found->objects.count && result == 0; i++) {
        const struct model_object *object = &fold->found->objects.items[i];

        if (object->kind != MODEL_OBJECT_SERVICE || !object->service.grown || !object->service.running)
            continue;
        result = apply_service(ops, &object->service, &object->service, error);
        if (result == 0)
            prepare_network(fold->tapnet, object->service.set, object->service.network);
    }
    return result;
}

int quick_fold(struct tapnet *tapnet, struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    struct fold fold = {.tapnet = tapnet};
    int result;

    if (!plugged_is_heavy(tapnet->run_dir))
        return 0;
    result = observe_served(tapnet->run_dir, &found, error);
    fold.found = found;
    return result < 0 ? result : api_with_requests(tapnet, fold_all, &fold, NULL, error);
}
