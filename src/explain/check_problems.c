/* SPDX-License-Identifier: MIT */
/* What status says of the sets that are up, as findings: the guards, the service, and all else that was brought up. */
#include <errno.h>
#include <string.h>

#include "explain/doctor.h"

const char *doctor_up_command(struct doctor *doctor, const char *set)
{
    return explain_up_command(doctor->host.found, set, &doctor->arena);
}

static int tell(struct doctor *doctor, const struct doctor_check *check, const struct doctor_problem *problem)
{
    if (*problem->set && doctor_is_leftover(doctor, problem->set))
        return 0; /* all of it is, and is told as such */
    return doctor_add(doctor, check, *problem->set ? doctor_up_command(doctor, problem->set) : NULL,
                      doctor_print(doctor, "%s", problem->text));
}

static int tell_kind(struct doctor *doctor, const struct doctor_check *check, enum model_object_kind kind)
{
    int result = 0;

    for (size_t i = 0; i < doctor->problem_count && result == 0; i++)
        if (doctor->problems[i].kind == kind)
            result = tell(doctor, check, &doctor->problems[i]);
    return result;
}

int doctor_check_guards(struct doctor *doctor, const struct doctor_check *check)
{
    return tell_kind(doctor, check, MODEL_OBJECT_TABLE);
}

int doctor_check_service(struct doctor *doctor, const struct doctor_check *check)
{
    return tell_kind(doctor, check, MODEL_OBJECT_SERVICE);
}

int doctor_check_others(struct doctor *doctor, const struct doctor_check *check)
{
    int result = 0;

    for (size_t i = 0; i < doctor->problem_count && result == 0; i++)
        if (doctor->problems[i].kind != MODEL_OBJECT_TABLE && doctor->problems[i].kind != MODEL_OBJECT_SERVICE)
            result = tell(doctor, check, &doctor->problems[i]);
    return result;
}
