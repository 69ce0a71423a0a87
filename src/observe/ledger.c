/* SPDX-License-Identifier: MIT */
/* The ledgers in the run directory: sysctls that we changed, networks that the service was told of, sets. */
#include "observe/links.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "base/text.h"
#include "netlink/sysctl.h"
#include "observe/plugged.h"
#include "observe/service.h"

/*
 * How it works: a file that doesn't hold what it should counts as absent: the next `up` writes it anew, and what it
 * stood for is found in the kernel or not at all. One that is there and can't be read now (no descriptor left, no
 * memory, a broken disk) is an error: a plan must not be made from half of what is known.
 */

static void cleanup_closedir(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

static bool is_served(const json_t *status, const char *network)
{
    const json_t *names = json_object_get(status, "networks");

    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (name && strcmp(name, network) == 0)
            return true;
    }
    return false;
}

static int add_sysctl(const json_t *json, struct observe_found *found, struct tapnet_error *error)
{
    struct model_object object;
    int result;

    if (model_object_from_json(json, &found->objects.arena, &object, NULL) < 0 || object.kind != MODEL_OBJECT_SYSCTL)
        return 0;
    result = sysctl_read(object.sysctl.path, object.sysctl.value, sizeof(object.sysctl.value), error);
    if (result == -ENOENT)
        snprintf(object.sysctl.value, sizeof(object.sysctl.value), MODEL_SYSCTL_GONE);
    else if (result < 0)
        return result;
    return model_objects_add(&found->objects, &object);
}

/* @path: of the ledger, which is the file @file. */
static int add_service(const json_t *json, const char *path, const struct stat *file, struct observe_found *found,
                       struct tapnet_error *error)
{
    const char *set = json_string_value(json_object_get(json, "set"));
    struct model_object object = {.kind = MODEL_OBJECT_SERVICE};
    struct model_network *network;
    int result;

    if (!set || strlen(set) >= MODEL_NAME_MAX || !model_name_valid(set) ||
        model_network_from_json(json_object_get(json, "network"), &found->objects.arena, &network, NULL) < 0)
        return 0;
    result = plugged_read(path, file, network, &found->objects.arena, &object.service.grown, error);
    if (result < 0)
        return result;
    object.service.network = network;
    object.service.bridge_index = (int)json_integer_value(json_object_get(json, "bridge_index"));
    object.service.set = arena_strdup(&found->objects.arena, set);
    return object.service.set ? model_objects_add(&found->objects, &object) : -ENOMEM;
}

/* A record under another name than its set's would not go when its set goes. */
static int add_record(const json_t *json, const char *file, struct observe_found *found)
{
    struct model_object object;

    if (model_object_from_json(json, &found->objects.arena, &object, NULL) < 0 || object.kind != MODEL_OBJECT_RECORD ||
        strlen(file) != strlen(object.record.set) + strlen(".json") ||
        strncmp(file, object.record.set, strlen(object.record.set)) != 0)
        return 0;
    return model_objects_add(&found->objects, &object);
}

static bool is_ledger(const char *name)
{
    return name[0] != '.' && text_ends_in(name, ".json");
}

/* *ret is NULL for a file that is gone, or holds no JSON. *ret_file says which it is. */
static int load_ledger(const char *path, json_t **ret, struct stat *ret_file, struct tapnet_error *error)
{
    /* A pipe must not make us wait, and gives no JSON. */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_fclose_ FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    int code = file ? 0 : errno;

    if (file)
        take_fd(&fd);
    *ret = file ? json_loadf(file, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (file && (ferror(file) || fstat(fileno(file), ret_file) < 0))
        code = EIO;
    return code == 0 || code == ENOENT ? 0 : error_set_errno(error, -code, "cannot read %s", path);
}

#define LEDGER_ATTEMPTS 20 /* at one that is written anew again and again */

/* One "*.json" of @folder, by its @path. */
static int read_ledger(const char *folder, const char *path, const char *name, struct observe_found *found,
                       struct tapnet_error *error)
{
    int result = -EAGAIN;

    for (int attempt = 0; attempt < LEDGER_ATTEMPTS && result == -EAGAIN; attempt++) {
        _cleanup_json_ json_t *json = NULL;
        struct stat file;

        result = load_ledger(path, &json, &file, error);
        if (!json)
            return result;
        if (strcmp(folder, "sysctl") == 0)
            result = add_sysctl(json, found, error);
        else if (strcmp(folder, "sets") == 0)
            result = add_record(json, name, found);
        else
            result = add_service(json, path, &file, found, error);
    }
    return result == -EAGAIN ? error_set(error, result, "%s changes while it is read: try again", path) : result;
}

/* Every "*.json" in @run_dir/@folder. */
static int read_folder(const char *run_dir, const char *folder, struct observe_found *found, struct tapnet_error *error)
{
    char path[PATH_MAX];
    DIR *directory cleanup(cleanup_closedir) = NULL;
    const struct dirent *entry;
    int result = 0;

    snprintf(path, sizeof(path), "%s/%s", run_dir, folder);
    directory = opendir(path);
    if (!directory && errno != ENOENT)
        return error_set_errno(error, -errno, "cannot read %s", path);
    while (directory && result == 0 && (errno = 0, entry = readdir(directory))) {
        char file[PATH_MAX + NAME_MAX + 2];

        if (!is_ledger(entry->d_name))
            continue;
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        result = read_ledger(folder, file, entry->d_name, found, error);
    }
    if (directory && result == 0 && errno)
        result = error_set_errno(error, -errno, "cannot read %s", path);
    return result;
}

static int index_of_named(const struct observe_found *found, const char *bridge)
{
    (void)found;
    return (int)if_nametoindex(bridge);
}

/* The service says so, and the network's bridge has the index that it had when its sockets were bound. */
static bool is_running(const struct model_service *service, const json_t *status, int bridge_index)
{
    return bridge_index && bridge_index == service->bridge_index && is_served(status, service->network->name);
}

/* Which networks are served? */
static void ask_networks(const char *run_dir, int (*index_of)(const struct observe_found *, const char *),
                         struct observe_found *found)
{
    _cleanup_json_ json_t *status = observe_service_status(run_dir, &found->service_is_mute);

    for (size_t i = 0; i < found->objects.count; i++) {
        struct model_service *service = &found->objects.items[i].service;

        if (found->objects.items[i].kind == MODEL_OBJECT_SERVICE)
            service->running = !model_mode_has_subnet(service->network->mode) ||
                               is_running(service, status, index_of(found, service->network->bridge));
    }
}

static int compare_objects(const void *a, const void *b)
{
    return model_object_compare(a, b);
}

/* The link called @device of @network of set @set; NULL when it is not there, or another's. */
static struct model_link *find_device(struct observe_found *found, const char *set, const char *network,
                                      const char device[MODEL_IFNAME_MAX])
{
    struct model_object key = {.kind = MODEL_OBJECT_LINK, .link = {.kind = MODEL_LINK_TAP}}, *object;

    memcpy(key.link.name, device, sizeof(key.link.name));
    object = found->objects.count ? bsearch(&key, found->objects.items, found->objects.count,
                                            sizeof(*found->objects.items), compare_objects)
                                  : NULL;
    return object && strcmp(object->link.owner.set, set) == 0 && strcmp(object->link.owner.network, network) == 0
               ? &object->link
               : NULL;
}

static void take_settings(struct observe_found *found, const struct model_record *record)
{
    for (size_t i = 0; i < record->device_count; i++) {
        struct model_link *link = find_device(found, record->set, "", record->devices[i].name);

        if (link)
            link->settings.vnet_header_size = record->devices[i].settings.vnet_header_size;
    }
}

static void mark_lent(struct observe_found *found, const struct model_service *service)
{
    for (size_t i = 0; i < service->network->port_count; i++) {
        const struct model_port *port = &service->network->ports[i];
        struct model_link *link = port->origin != MODEL_ORIGIN_DECLARED && port->user != MODEL_ID_NONE
                                      ? find_device(found, service->set, service->network->name, port->device)
                                      : NULL;

        if (link)
            link->lent = true;
    }
}

void observe_recorded_settings(struct observe_found *found)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        if (found->objects.items[i].kind == MODEL_OBJECT_RECORD)
            take_settings(found, &found->objects.items[i].record);
        else if (found->objects.items[i].kind == MODEL_OBJECT_SERVICE)
            mark_lent(found, &found->objects.items[i].service);
    }
}

DEFINE_CLEANUP(struct observe_found *, observe_free)

int observe_networks(const char *run_dir, struct observe_found **ret, struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = calloc(1, sizeof(*found));
    int result = found ? read_folder(run_dir, "networks", found, error) : -ENOMEM;

    if (result == 0)
        *ret = take_pointer(found);
    return result == -ENOMEM ? error_set(error, result, "out of memory") : result;
}

int observe_served(const char *run_dir, struct observe_found **ret, struct tapnet_error *error)
{
    int result = observe_networks(run_dir, ret, error);

    if (result == 0)
        ask_networks(run_dir, index_of_named, *ret);
    return result;
}

int observe_ledgers(const char *run_dir, struct observe_found *found, struct tapnet_error *error)
{
    int result = read_folder(run_dir, "sysctl", found, error);

    if (result == 0)
        result = read_folder(run_dir, "networks", found, error);
    if (result == 0)
        ask_networks(run_dir, observe_bridge_index, found);
    return result < 0 ? result : read_folder(run_dir, "sets", found, error);
}
