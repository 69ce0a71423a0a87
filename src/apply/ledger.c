/* SPDX-License-Identifier: MIT */
/* Steps whose "before" the kernel can't remember: sysctls, services, records of sets, by files in /run. */
#include "apply/ledger.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/json_cleanup.h"

#define NAME_MAX_LEN 160

static const char *sysctl_file(const struct model_sysctl *sysctl, char text[NAME_MAX_LEN])
{
    size_t start = strlen("sysctl/");

    snprintf(text, NAME_MAX_LEN, "sysctl/%s.json", sysctl->path);
    for (char *slash = text + start; (slash = strchr(slash, '/'));)
        *slash = ',';
    return text;
}

static int write_json(const struct apply_ops *ops, const char *name, json_t *json, struct tapnet_error *error)
{
    _cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    return ops->file_write(ops->data, name, text, error);
}

static int write_ledger(const struct apply_ops *ops, const struct model_sysctl *sysctl, struct tapnet_error *error)
{
    struct model_object object = {.kind = MODEL_OBJECT_SYSCTL, .sysctl = *sysctl};
    _cleanup_json_ json_t *json = model_object_to_json(&object);
    char name[NAME_MAX_LEN];

    return write_json(ops, sysctl_file(sysctl, name), json, error);
}

static int set_sysctl(const struct apply_ops *ops, const struct model_sysctl *before, const struct model_sysctl *after,
                      struct tapnet_error *error)
{
    char name[NAME_MAX_LEN];
    int result = write_ledger(ops, after, error);

    /* Back to when its interface was gone: it goes with that. */
    if (result < 0 || strcmp(after->value, MODEL_SYSCTL_GONE) == 0 ||
        (before && strcmp(before->value, after->value) == 0))
        return result;
    result = ops->sysctl_write(ops->data, after->path, after->value, error);
    if (result < 0) { /* the ledger must not say what is not so */
        if (before)
            write_ledger(ops, before, NULL);
        else
            ops->file_remove(ops->data, sysctl_file(after, name), NULL);
    }
    return result;
}

static int restore_sysctl(const struct apply_ops *ops, const struct model_sysctl *before, struct tapnet_error *error)
{
    char name[NAME_MAX_LEN];
    int result = 0;
    const char *restored = model_sysctl_restored(before);
    bool ours = restored[0] && strcmp(before->value, restored) != 0 &&
                strcmp(before->value, model_sysctl_wanted(before)) == 0;

    if (ours)
        result = ops->sysctl_write(ops->data, before->path, restored, error);
    if (result == -ENOENT) /* the interface is gone, and its sysctl with it */
        result = 0;
    if (result < 0)
        return result;
    result = ops->file_remove(ops->data, sysctl_file(before, name), error);
    if (result < 0 && ours) /* still in the ledger: so still set */
        ops->sysctl_write(ops->data, before->path, before->value, NULL);
    return result;
}

int apply_sysctl(const struct apply_ops *ops, const struct model_sysctl *before, const struct model_sysctl *after,
                 struct tapnet_error *error)
{
    return after ? set_sysctl(ops, before, after, error) : restore_sysctl(ops, before, error);
}

static const char *network_file(const struct model_network *network, char text[NAME_MAX_LEN])
{
    snprintf(text, NAME_MAX_LEN, "networks/%s.json", network->name);
    return text;
}

/*
 * The file says what is served, and with sockets on which bridge: one that was made anew under the same name has
 * another index, and its network must be served anew.
 */
static int write_network_of(const struct apply_ops *ops, const struct model_service *service, int index,
                            struct tapnet_error *error)
{
    char name[NAME_MAX_LEN];
    _cleanup_json_ json_t *json = json_pack("{s:s, s:i, s:o}", "set", service->set, "bridge_index", index, "network",
                                            model_network_to_json(service->network));

    return write_json(ops, network_file(service->network, name), json, error);
}

static int write_network(const struct apply_ops *ops, const struct model_service *service, struct tapnet_error *error)
{
    int index, result = ops->link_index(ops->data, service->network->bridge, &index, error);

    return result < 0 ? result : write_network_of(ops, service, index, error);
}

/* After a failure. Of one that has no sockets on the bridge of today it says so: else nobody would serve it again. */
static void write_network_back(const struct apply_ops *ops, const struct model_service *service)
{
    if (!service->running || write_network(ops, service, NULL) < 0)
        write_network_of(ops, service, 0, NULL);
}

/* Served already, with the same sockets? Else it must be stopped and served anew. */
static bool same_sockets(const struct model_network *a, const struct model_network *b)
{
    return strcmp(a->bridge, b->bridge) == 0 && a->dns_port == b->dns_port && a->mode == b->mode &&
           a->spread == b->spread && ip_address_equal(&a->clones.address, &b->clones.address) &&
           ip_address_equal(&a->clones.address6, &b->clones.address6) &&
           ip_prefix_compare(&a->subnet, &b->subnet) == 0 && ip_prefix_compare(&a->subnet6, &b->subnet6) == 0;
}

/*
 * The service may serve it already, with sockets that lead nowhere, or by what a ledger said that somebody removed: it
 * says so, or the kernel says that the address of DNS is taken.
 */
static int serve_anew(const struct apply_ops *ops, const struct model_network *network, struct tapnet_error *error)
{
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = ops->service_serve(ops->data, network, &refusal);

    if (result == -EEXIST || result == -EADDRINUSE) {
        result = ops->service_stop(ops->data, network->name, error);
        return result < 0 ? result : ops->service_serve(ops->data, network, error);
    }
    return result < 0 ? error_set(error, result, "%s", refusal.text) : 0;
}

static int tell(const struct apply_ops *ops, const struct model_network *before, const struct model_network *after,
                struct tapnet_error *error)
{
    int result;

    if (same_sockets(before, after))
        return ops->service_update(ops->data, after, error);
    result = ops->service_stop(ops->data, before->name, error);
    if (result < 0)
        return result;
    result = ops->service_serve(ops->data, after, error);
    if (result < 0) /* it may serve that, and only its answer was lost */
        serve_anew(ops, before, NULL);
    return result;
}

/*
 * The host's resolver is another's: that it could not be told is no reason to take a network away from its guests. The
 * next look finds that it does not ask, and says so.
 */
static void tell_host(const struct apply_ops *ops, const struct model_service *before,
                      const struct model_service *after)
{
    if (after && after->named)
        ops->names_tell(ops->data, after->network, NULL);
    else if (before && before->named)
        ops->names_forget(ops->data, before->network, NULL);
}

/* Is there nothing to do but to tell the host? */
static bool only_names_differ(const struct model_service *before, const struct model_service *after)
{
    return before && before->running && after->running && before->named != after->named && before->set &&
           strcmp(before->set, after->set) == 0 && model_network_equal(before->network, after->network);
}

/*
 * After a service that was to be as @after and failed: as @before it (NULL: none). The service may have done what it
 * was asked for, and only its answer was lost; where it did nothing, this changes nothing.
 */
static void take_back(const struct apply_ops *ops, const struct model_service *before,
                      const struct model_service *after)
{
    char name[NAME_MAX_LEN];

    if (before && before->running)
        ops->service_update(ops->data, before->network, NULL);
    else
        ops->service_stop(ops->data, after->network->name, NULL);
    if (before)
        write_network_back(ops, before);
    else
        ops->file_remove(ops->data, network_file(after->network, name), NULL);
}

static int change_served(const struct apply_ops *ops, const struct model_service *before,
                         const struct model_service *after, struct tapnet_error *error)
{
    char name[NAME_MAX_LEN];
    int result;

    if (!after) {
        tell_host(ops, before, NULL);
        result = ops->service_stop(ops->data, before->network->name, error);
        if (result == 0)
            result = ops->file_remove(ops->data, network_file(before->network, name), error);
        if (result < 0 && before->running)
            ops->service_serve(ops->data, before->network, NULL);
        return result;
    }
    if (only_names_differ(before, after)) {
        tell_host(ops, before, after);
        return 0;
    }
    result = write_network(ops, after, error);
    if (result < 0)
        return result;
    if (before && before->running)
        result = tell(ops, before->network, after->network, error);
    else
        result = serve_anew(ops, after->network, error);
    if (result < 0) {
        take_back(ops, before, after);
        return result;
    }
    tell_host(ops, before, after);
    return 0;
}

/* Is it a network of which the service is told? Of one in mode bridge there is the ledger alone. */
static bool is_told(const struct model_service *service)
{
    return service && model_mode_has_subnet(service->network->mode);
}

int apply_service(const struct apply_ops *ops, const struct model_service *before, const struct model_service *after,
                  struct tapnet_error *error)
{
    const struct model_service *served = is_told(before) ? before : NULL, *wanted = is_told(after) ? after : NULL;
    char name[NAME_MAX_LEN];
    int result;

    if (served || wanted) {
        result = change_served(ops, served, wanted, error);
        if (result < 0 && before && !served)
            write_network(ops, before, NULL);
        if (result < 0 || !after || wanted)
            return result;
        result = write_network(ops, after, error);
        if (result < 0)
            change_served(ops, NULL, before, NULL);
        return result;
    }
    return after ? write_network(ops, after, error)
                 : ops->file_remove(ops->data, network_file(before->network, name), error);
}

int apply_record(const struct apply_ops *ops, const struct model_record *before, const struct model_record *after,
                 struct tapnet_error *error)
{
    struct model_object object = {.kind = MODEL_OBJECT_RECORD};
    _cleanup_json_ json_t *json = NULL;
    char name[NAME_MAX_LEN];

    snprintf(name, sizeof(name), "sets/%s.json", after ? after->set : before->set);
    if (!after)
        return ops->file_remove(ops->data, name, error);
    object.record = *after;
    json = model_object_to_json(&object);
    return write_json(ops, name, json, error);
}
