/* SPDX-License-Identifier: MIT */
/* The way of a packet: the public side of explain/why.h. */
#include <tapnet/why.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "api/context.h"
#include "api/text_json.h"
#include "base/cleanup.h"
#include "explain/trace.h"

#define API __attribute__((visibility("default")))

struct tapnet_way {
    struct observe_found *found;
    struct why why;
};

DEFINE_CLEANUP(struct tapnet_way *, tapnet_way_free)

API void tapnet_way_free(struct tapnet_way *way)
{
    if (!way)
        return;
    why_fini(&way->why);
    observe_free(way->found);
    free(way);
}

API int tapnet_why(struct tapnet *tapnet, const struct tapnet_question *question, struct tapnet_way **ret,
                   struct tapnet_error *error)
{
    struct tapnet_way *way cleanup(cleanup_tapnet_way_free) = calloc(1, sizeof(*way));
    int result;

    if (!way)
        return error_set(error, -ENOMEM, "out of memory");
    result = api_check_right(error);
    if (result == 0)
        result = observe_host(tapnet->run_dir, &way->found, error);
    if (result == 0)
        result = why_answer(way->found, question, &way->why, error);
    if (result == 0 && question->trace)
        result = why_trace(&way->why, error);
    if (result < 0)
        return result;
    *ret = take_pointer(way);
    return 0;
}

API const struct tapnet_way_step *tapnet_way_step(const struct tapnet_way *way, size_t index)
{
    return index < way->why.step_count ? &way->why.steps[index] : NULL;
}

API bool tapnet_way_stops(const struct tapnet_way *way)
{
    return way->why.stopped;
}

static json_t *step_json(const struct tapnet_way_step *step)
{
    return json_pack("{s:s, s:s, s:b, s:o, s:o}", "verdict", step->verdict, "name", step->name, "back", step->back,
                     "text", api_text_json(step->text), "command",
                     *step->command ? api_text_json(step->command) : json_null());
}

API int tapnet_way_json(const struct tapnet_way *way, char **ret, struct tapnet_error *error)
{
    json_t *steps = json_array(), *document;

    for (size_t i = 0; i < way->why.step_count; i++)
        json_array_append_new(steps, step_json(&way->why.steps[i]));
    document = json_pack("{s:i, s:o, s:o, s:b, s:o}", "version", 1, "from", api_text_json(way->why.from_text), "to",
                         api_text_json(way->why.to_text), "stops", way->why.stopped, "steps", steps);
    return api_json_print(document, ret, error);
}
