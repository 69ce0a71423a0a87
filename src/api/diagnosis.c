/* SPDX-License-Identifier: MIT */
/* The host examined: the public side of explain/doctor.h. */
#include <tapnet/doctor.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/status.h"
#include "api/text_json.h"
#include "base/cleanup.h"
#include "explain/doctor.h"

#define API __attribute__((visibility("default")))

struct tapnet_diagnosis {
    struct observe_found *found;
    struct doctor doctor;
};

DEFINE_CLEANUP(struct tapnet_diagnosis *, tapnet_diagnosis_free)
DEFINE_CLEANUP(struct tapnet_status *, tapnet_status_free)

API void tapnet_diagnosis_free(struct tapnet_diagnosis *diagnosis)
{
    if (!diagnosis)
        return;
    doctor_fini(&diagnosis->doctor);
    observe_free(diagnosis->found);
    free(diagnosis);
}

API int tapnet_diagnose(struct tapnet *tapnet, struct tapnet_diagnosis **ret, struct tapnet_error *error)
{
    struct tapnet_diagnosis *diagnosis cleanup(cleanup_tapnet_diagnosis_free) = calloc(1, sizeof(*diagnosis));
    struct tapnet_status *status cleanup(cleanup_tapnet_status_free) = NULL;
    int result;

    if (!diagnosis)
        return error_set(error, -ENOMEM, "out of memory");
    result = api_check_right(error);
    if (result == 0)
        result = observe_host(tapnet->run_dir, &diagnosis->found, error);
    if (result == 0)
        result = status_find_problems(tapnet, diagnosis->found, &status, error);
    if (result == 0)
        result = doctor_examine(diagnosis->found, status->problems, status->problem_count, &diagnosis->doctor, error);
    if (result < 0)
        return result;
    *ret = take_pointer(diagnosis);
    return 0;
}

API const struct tapnet_finding *tapnet_diagnosis_finding(const struct tapnet_diagnosis *diagnosis, size_t index)
{
    return index < diagnosis->doctor.finding_count ? &diagnosis->doctor.findings[index] : NULL;
}

API size_t tapnet_diagnosis_trouble_count(const struct tapnet_diagnosis *diagnosis)
{
    size_t count = 0;

    for (size_t i = 0; i < diagnosis->doctor.finding_count; i++)
        count += strcmp(diagnosis->doctor.findings[i].severity, "note") != 0;
    return count;
}

API size_t tapnet_diagnosis_check_count(const struct tapnet_diagnosis *diagnosis)
{
    (void)diagnosis;
    return doctor_check_count();
}

static json_t *finding_json(const struct tapnet_finding *finding)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:o}", "name", finding->name, "severity", finding->severity, "evidence",
                     api_text_json(finding->evidence), "consequence", finding->consequence, "command",
                     *finding->command ? api_text_json(finding->command) : json_null());
}

API int tapnet_diagnosis_json(const struct tapnet_diagnosis *diagnosis, char **ret, struct tapnet_error *error)
{
    json_t *findings = json_array(), *document;

    for (size_t i = 0; i < diagnosis->doctor.finding_count; i++)
        json_array_append_new(findings, finding_json(&diagnosis->doctor.findings[i]));
    document = json_pack("{s:i, s:i, s:o}", "version", 1, "checks", (int)doctor_check_count(), "findings", findings);
    return api_json_print(document, ret, error);
}
