/* SPDX-License-Identifier: MIT */
/* The ledgers of networks and sets as they were at the last look, should somebody tidy the run directory up. */
#include "keeper/memory.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/run.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "plan/conflict.h"

#define TEXT_MAX (64u << 20) /* of one ledger: a thousand ports are 200 kB */

void memory_fini(struct memory *memory)
{
    for (size_t i = 0; i < memory->count; i++)
        free(memory->files[i].text);
    free(memory->files);
    *memory = (struct memory){.count = 0};
}

/* The file that the object stands for; false when it is none of those. */
static bool file_of(const struct model_object *object, char name[MODEL_NAME_MAX + 16])
{
    if (object->kind == MODEL_OBJECT_SERVICE)
        snprintf(name, MODEL_NAME_MAX + 16, "networks/%s.json", object->service.network->name);
    else if (object->kind == MODEL_OBJECT_RECORD)
        snprintf(name, MODEL_NAME_MAX + 16, "sets/%.*s.json", MODEL_NAME_MAX, object->record.set);
    else
        return false;
    return true;
}

/* A ledger as it would be written now: with the ports that stand beside it (observe/plugged.h). NULL: no memory. */
static char *print_whole(const struct observe_found *found, const struct model_service *service)
{
    const struct model_link *bridge = plan_find_link(&found->objects, service->network->bridge);
    _cleanup_json_ json_t *json = json_pack("{s:s, s:i, s:o}", "set", service->set, "bridge_index",
                                            bridge ? bridge->index : 0, "network",
                                            model_network_to_json(service->network));

    return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

static int read_ledger(const char *run_dir, const struct observe_found *found, const struct model_object *object,
                       const char *name, char **ret)
{
    if (object->kind != MODEL_OBJECT_SERVICE || !object->service.grown)
        return run_file_read(run_dir, name, TEXT_MAX, ret);
    *ret = print_whole(found, &object->service);
    return *ret ? 0 : -ENOMEM;
}

static void learn_file(struct memory *memory, const char *run_dir, const struct observe_found *found,
                       const struct model_object *object, const char *name)
{
    struct memory_file *file;

    if (array_reserve((void **)&memory->files, &memory->capacity, memory->count, 1, sizeof(*file)) < 0)
        return;
    file = &memory->files[memory->count];
    snprintf(file->name, sizeof(file->name), "%s", name);
    if (read_ledger(run_dir, found, object, name, &file->text) == 0)
        memory->count++;
}

/* Does the ledger @name stand for something that was found? */
static bool is_there(const struct observe_found *found, const char *name)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        char other[MODEL_NAME_MAX + 16];

        if (file_of(&found->objects.items[i], other) && strcmp(name, other) == 0)
            return true;
    }
    return false;
}

/* Is a link there of what the ledger @name is about? */
static bool is_missed(const struct observe_found *found, const char *name)
{
    bool network = strncmp(name, "networks/", strlen("networks/")) == 0;
    const char *base = strchr(name, '/') + 1;
    size_t len = strlen(base) - strlen(".json");

    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_owner *owner = &found->objects.items[i].link.owner;
        const char *own = network ? owner->network : owner->set;

        if (found->objects.items[i].kind == MODEL_OBJECT_LINK && strlen(own) == len && strncmp(own, base, len) == 0)
            return true;
    }
    return false;
}

static bool is_known(const struct memory *memory, const char *name)
{
    for (size_t i = 0; i < memory->count; i++)
        if (strcmp(memory->files[i].name, name) == 0)
            return true;
    return false;
}

/* Ledgers that went while we looked are not forgotten for that. */
static void keep_missed(struct memory *memory, struct memory *old, const struct observe_found *found)
{
    for (size_t i = 0; i < old->count; i++) {
        struct memory_file *file = &old->files[i];

        if (is_known(memory, file->name) || !is_missed(found, file->name) ||
            array_reserve((void **)&memory->files, &memory->capacity, memory->count, 1, sizeof(*file)) < 0)
            continue;
        memory->files[memory->count++] = *file;
        file->text = NULL;
    }
}

void memory_learn(struct memory *memory, const char *run_dir, const struct observe_found *found)
{
    struct memory old = *memory;

    *memory = (struct memory){.count = 0};
    for (size_t i = 0; i < found->objects.count; i++) {
        char name[MODEL_NAME_MAX + 16];

        if (file_of(&found->objects.items[i], name))
            learn_file(memory, run_dir, found, &found->objects.items[i], name);
    }
    keep_missed(memory, &old, found);
    memory_fini(&old);
}

size_t memory_restore(const struct memory *memory, const char *run_dir, const struct observe_found *found,
                      memory_report *report, void *data)
{
    size_t count = 0;

    for (size_t i = 0; i < memory->count; i++) {
        const struct memory_file *file = &memory->files[i];

        if (is_there(found, file->name) || !is_missed(found, file->name) ||
            run_file_write(run_dir, file->name, file->text, NULL) < 0)
            continue;
        report(data, file->name);
        count++;
    }
    return count;
}
