/* SPDX-License-Identifier: MIT */
/* Puts back what others took away, once and at once: what the keeper does, for who runs none. */
#include <tapnet/doctor.h>

#include <errno.h>

#include "api/context.h"
#include "api/mend.h"

#define API __attribute__((visibility("default")))

struct fix {
    tapnet_mended *mended;
    void *data;
    struct tapnet_error failure; /* of the first set that could not be mended */
};

static void look_on(void *data)
{
    (void)data;
}

static void notice(void *data, struct observe_found *found)
{
    (void)data;
    (void)found;
}

static bool restore_nothing(void *data, const struct observe_found *found)
{
    (void)data;
    (void)found;
    return false;
}

static void judge_nothing(void *data, const char *set, struct plan *plan)
{
    (void)data;
    (void)set;
    (void)plan;
}

static void report(void *data, const char *set, const struct plan *plan, const struct tapnet_error *failure)
{
    struct fix *fix = data;
    char object[MODEL_OBJECT_TEXT_MAX], reason[PLAN_REASON_MAX];

    if (failure && !fix->failure.code)
        error_set(&fix->failure, failure->code, "set %s: %s", set, failure->text);
    for (size_t i = 0; fix->mended && i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        const struct tapnet_step shown = {
            .sign = !step->before  ? '+'
                    : !step->after ? '-'
                                   : '~',
            .object = model_object_print(plan_step_object(step), object),
            .reason = plan_step_reason(step, reason),
        };

        if (!plan_step_forgets(step))
            fix->mended(set, &shown, fix->data);
    }
}

static void seen(void *data, const struct observe_found *found, size_t set_count)
{
    (void)data;
    (void)found;
    (void)set_count;
}

API int tapnet_mend(struct tapnet *tapnet, tapnet_mended *mended, void *data, struct tapnet_error *error)
{
    static const struct mend_hooks hooks = {.wait = look_on,
                                            .notice = notice,
                                            .restore = restore_nothing,
                                            .judge = judge_nothing,
                                            .report = report,
                                            .seen = seen};
    struct fix fix = {.mended = mended, .data = data, .failure = TAPNET_ERROR_INIT};
    int result = api_check_right(error);

    if (result == 0)
        result = mend_all(tapnet, &hooks, &fix, error);
    return fix.failure.code ? error_set(error, fix.failure.code, "%s", fix.failure.text) : result;
}
