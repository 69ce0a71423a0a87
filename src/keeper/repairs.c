/* SPDX-License-Identifier: MIT */
/* What the keeper decides about repairs, and what it says of them. */
#include "keeper/repairs.h"

#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/resident.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "keeper/served.h"
#include "service/log.h"
#include "service/loop.h"

#define LINES_MAX 12    /* of the log, for one repair of one set */
#define OBJECTS_FEW 256 /* not worth giving memory back for: some thirty ports' */

void repairs_fini(struct repairs *repairs)
{
    memory_fini(&repairs->memory);
    patience_fini(&repairs->patience);
    plugs_fini(&repairs->plugs);
    holds_fini(&repairs->holds);
    free(repairs->state);
}

/* ---- which steps are left alone ---- */

static bool is_guard(const struct model_object *object)
{
    return object->kind == MODEL_OBJECT_TABLE || object->kind == MODEL_OBJECT_ELEMENT;
}

static enum guard_family family_of(const struct model_object *object)
{
    return object->kind == MODEL_OBJECT_TABLE ? object->table.family : guard_schemas[object->element.set].family;
}

/* " (by nft (4711))" with the words @before, or "" where the kernel does not tell. */
static const char *print_culprit(const struct repairs *repairs, const struct model_object *object, const char *before,
                                 char text[CULPRIT_NAME_MAX + 16])
{
    const char *culprit = is_guard(object) ? events_culprit(repairs->events, repairs->generation) : "";

    text[0] = '\0';
    if (*culprit)
        snprintf(text, CULPRIT_NAME_MAX + 16, " (%s %s)", before, culprit);
    return text;
}

static bool ask(struct repairs *repairs, const struct model_object *object, const char *name)
{
    char culprit[CULPRIT_NAME_MAX + 16];
    unsigned pause;
    bool allowed = patience_allows(&repairs->patience, name, loop_now_usec(), &pause);

    if (pause)
        log_line("%s: somebody keeps undoing it%s; left alone for %u s", name,
                 print_culprit(repairs, object, "the last:", culprit), pause);
    return allowed;
}

/* A table and what is in it are one thing: they are taken away together. */
static bool ask_for_table(struct repairs *repairs, const struct model_object *object)
{
    enum guard_family family = family_of(object);
    const struct model_object table = {.kind = MODEL_OBJECT_TABLE, .table = {.family = family}};
    char name[MODEL_OBJECT_TEXT_MAX];

    if (!repairs->tables[family])
        repairs->tables[family] = ask(repairs, object, model_object_print(&table, name)) ? 1 : -1;
    return repairs->tables[family] > 0;
}

static bool allows(struct repairs *repairs, const struct plan_step *step)
{
    const struct model_object *object = plan_step_object(step);
    char name[MODEL_OBJECT_TEXT_MAX];

    if (plan_step_forgets(step)) /* guests come and go as they like */
        return true;
    return is_guard(object) ? ask_for_table(repairs, object) : ask(repairs, object, model_object_print(object, name));
}

/* Links that are not there, and stay away for now: what needs them is left alone too, and not counted. */
struct absent {
    const char **names;
    size_t count, capacity;
};

static void absent_fini(struct absent *absent)
{
    free(absent->names);
}

static void add_absent(struct absent *absent, const struct plan_step *step)
{
    if (step->before || step->after->kind != MODEL_OBJECT_LINK ||
        array_reserve((void **)&absent->names, &absent->capacity, absent->count, 1, sizeof(*absent->names)) < 0)
        return;
    absent->names[absent->count++] = step->after->link.name;
}

static bool is_absent(const struct absent *absent, const char *name)
{
    for (size_t i = 0; i < absent->count; i++)
        if (strcmp(absent->names[i], name) == 0)
            return true;
    return false;
}

static bool needs_absent(const struct absent *absent, const struct model_object *object)
{
    switch (object->kind) {
    case MODEL_OBJECT_LINK:
        return is_absent(absent, object->link.master);
    case MODEL_OBJECT_ADDRESS:
    case MODEL_OBJECT_ROUTE:
    case MODEL_OBJECT_NEIGHBOUR:
        return is_absent(absent, model_object_device(object));
    case MODEL_OBJECT_SERVICE:
        return is_absent(absent, object->service.network->bridge);
    default:
        return false;
    }
}

/* What is done of @step now, at @ret: nothing, all of it in one or two steps, or what closes its port. */
static size_t judge_step(struct repairs *repairs, const struct absent *absent, const struct plan_step *step,
                         struct plan_step ret[HOLDS_PARTS])
{
    size_t count = needs_absent(absent, plan_step_object(step)) ? 0 : holds_split(&repairs->holds, step, ret);
    bool steals = holds_steals(&repairs->holds, step);

    if (!count)
        return 0;
    if (allows(repairs, step))
        holds_open(&repairs->holds, step);
    else
        count = steals && holds_close(&repairs->holds, step, ret) ? 1 : 0;
    if (count && steals)
        holds_count_theft(&repairs->holds, step, loop_now_usec());
    return count;
}

/* Steps come in an order in which nothing stands before what it needs. Without memory all are left alone. */
static void judge(void *data, const char *set, struct plan *plan)
{
    struct repairs *repairs = data;
    struct absent absent cleanup(absent_fini) = {.count = 0};
    struct plan_step *kept = calloc(plan->step_count + 1, HOLDS_PARTS * sizeof(*kept));
    size_t count = 0;

    (void)set;
    holds_spare(plan);
    for (size_t i = 0; kept && i < plan->step_count; i++) {
        size_t parts = judge_step(repairs, &absent, &plan->steps[i], kept + count);

        if (!parts)
            add_absent(&absent, &plan->steps[i]);
        count += parts;
    }
    free(plan->steps);
    plan->steps = kept;
    plan->step_count = count;
    plan->step_capacity = count;
}

/* ---- what is said ---- */

static void log_step(const struct repairs *repairs, const char *set, const struct plan_step *step)
{
    const struct model_object *object = plan_step_object(step);
    char name[MODEL_OBJECT_TEXT_MAX], reason[PLAN_REASON_MAX], culprit[CULPRIT_NAME_MAX + 16];

    plan_step_reason(step, reason);
    log_line("set %s: %s %s: %s%s", set,
             !step->after   ? "took away"
             : step->before ? "put right"
                            : "put back",
             model_object_print(object, name),
             reason[0]                 ? reason
             : plan_step_forgets(step) ? "its guest was unplugged"
             : !step->after            ? "it does not belong there"
                                       : "it was gone",
             print_culprit(repairs, object, "by", culprit));
}

/* Elements of a table that is put back whole go without saying. */
static bool is_said(const struct plan *plan, const struct plan_step *step)
{
    const struct model_object *object = plan_step_object(step);

    for (size_t i = 0; object->kind == MODEL_OBJECT_ELEMENT && i < plan->step_count; i++) {
        const struct model_object *table = plan_step_object(&plan->steps[i]);

        if (table->kind == MODEL_OBJECT_TABLE && table->table.family == family_of(object))
            return true;
    }
    return false;
}

/* One line a step, or the first of many; what failed is said too, and only once while it is the same. */
static void report(void *data, const char *set, const struct plan *plan, const struct tapnet_error *failure)
{
    struct repairs *repairs = data;
    size_t lines = 0, left = 0;

    events_read_guards(repairs->events); /* our own transaction came after all that was seen: now all that is told */
    for (size_t i = 0; i < plan->step_count; i++) {
        if (is_said(plan, &plan->steps[i]))
            continue;
        if (lines < LINES_MAX)
            log_step(repairs, set, &plan->steps[i]);
        else
            left++;
        lines++;
    }
    if (left)
        log_line("set %s: and %zu more", set, left);
    holds_give_back(&repairs->holds, plan);
    if (!failure)
        return;
    if (strncmp(repairs->failure, failure->text, sizeof(repairs->failure) - 1) != 0)
        log_line("set %s: %s", set, failure->text);
    snprintf(repairs->failure, sizeof(repairs->failure), "%.*s", (int)sizeof(repairs->failure) - 1, failure->text);
}

static void report_file(void *data, const char *name)
{
    (void)data;
    log_line("put back the file %s: it was gone", name);
}

static void report_ended(void *data, const char *network, const char *port)
{
    (void)data;
    log_line("took away port %s/%s: its command has ended", network, port);
}

/* It may be about to start a service. */
static void give_way(void *data)
{
    served_give_way(&((struct repairs *)data)->tapnet->loan);
}

static bool restore(void *data, const struct observe_found *found)
{
    struct repairs *repairs = data;

    return memory_restore(&repairs->memory, repairs->tapnet->run_dir, found, report_file, repairs) > 0;
}

static void notice(void *data, struct observe_found *found)
{
    struct repairs *repairs = data;

    if (!repairs->noticed)
        repairs->seen_generation = found->generation_before;
    repairs->noticed = true;
    repairs->generation = found->generation_after;
    events_read_guards(repairs->events); /* who came before this look, or during it: it may see what he did */
    plugs_notice(&repairs->plugs, found);
    holds_look(&repairs->holds, found);
    repairs->object_count = found->objects.count;
    if (repairs->most_objects < found->objects.count)
        repairs->most_objects = found->objects.count;
}

/* ---- what is remembered ---- */

static void seen(void *data, const struct observe_found *found, size_t set_count)
{
    struct repairs *repairs = data;

    repairs->set_count = set_count;
    memory_learn(&repairs->memory, repairs->tapnet->run_dir, found);
    plugs_learn(&repairs->plugs, found);
    repairs->held_down = plugs_any_down(found);
    repairs->gone_count = found->gone_count;
    repairs->gone_astray = found->gone_astray;
    requests_learn(repairs->requests, found);
    pool_learn(repairs->pool, found);
}

/* ---- what waits, for `tapnet status` ---- */

/* Is the thing of this name, "tap lab-web", a port that is closed? */
static bool is_closed(const struct holds *holds, const char *name)
{
    const char *device = strchr(name, ' ');

    return device && holds_is_closed(holds, device + 1);
}

static json_t *thefts_json(const struct holds *holds)
{
    json_t *thefts = json_array();

    for (size_t i = 0; thefts && i < holds->theft_count; i++)
        json_array_append_new(thefts, json_pack("{s:s, s:i, s:I}", "device", holds->thefts[i].device, "count",
                                                (int)holds->thefts[i].count, "last",
                                                (json_int_t)(holds->thefts[i].last_usec / 1000000)));
    return thefts;
}

/* NULL when memory is short. */
static char *print_state(const struct repairs *repairs, uint64_t now_usec)
{
    const struct patience *patience = &repairs->patience;
    _cleanup_json_ json_t *json = NULL;
    json_t *waiting = json_array();

    for (size_t i = 0; waiting && i < patience->count; i++)
        if (patience->things[i].until_usec > now_usec)
            json_array_append_new(waiting, json_pack("{s:s, s:i, s:b}", "object", patience->things[i].name, "seconds",
                                                     (int)patience->things[i].pause_sec, "closed",
                                                     is_closed(&repairs->holds, patience->things[i].name)));
    json = json_pack("{s:i, s:o, s:o}", "pid", (int)getpid(), "waiting", waiting, "thefts",
                     thefts_json(&repairs->holds));
    return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

static bool has_file(const struct repairs *repairs)
{
    char path[RUN_PATH_MAX];

    return run_path(repairs->tapnet->run_dir, RESIDENT_STATE, path) == 0 && access(path, F_OK) == 0;
}

void repairs_write_state(struct repairs *repairs)
{
    _cleanup_free_ char *text = print_state(repairs, loop_now_usec());

    if (!text || (repairs->state && strcmp(text, repairs->state) == 0 && has_file(repairs)) ||
        run_file_write(repairs->tapnet->run_dir, RESIDENT_STATE, text, NULL) < 0)
        return;
    free(repairs->state);
    repairs->state = take_pointer(text);
}

static void forget_thefts(struct holds *holds, uint64_t now_usec)
{
    const uint64_t remembered_usec = RESIDENT_REMEMBERED_SEC * UINT64_C(1000000);

    if (now_usec > remembered_usec)
        holds_forget(holds, now_usec - remembered_usec);
}

/* What a crowd of ports has taken is the host's again when they have gone: what stays must not grow with its peaks. */
static void give_memory_back(struct repairs *repairs)
{
    if (repairs->most_objects <= 2 * repairs->object_count + OBJECTS_FEW)
        return;
    malloc_trim(0);
    repairs->most_objects = repairs->object_count;
}

int repairs_run(struct repairs *repairs, struct tapnet_error *error)
{
    static const struct mend_hooks hooks = {.wait = give_way,
                                            .notice = notice,
                                            .restore = restore,
                                            .ended = report_ended,
                                            .judge = judge,
                                            .report = report,
                                            .seen = seen};
    int result;

    memset(repairs->tables, 0, sizeof(repairs->tables));
    repairs->noticed = false;
    result = mend_all(repairs->tapnet, &hooks, repairs, error);
    if (repairs->noticed)
        events_forget(repairs->events, repairs->seen_generation);
    if (result == 0)
        repairs->failure[0] = '\0';
    patience_forget(&repairs->patience, loop_now_usec());
    holds_look(&repairs->holds, NULL);
    forget_thefts(&repairs->holds, loop_now_usec());
    give_memory_back(repairs);
    if (repairs->set_count)
        repairs_write_state(repairs);
    return result;
}
