/* SPDX-License-Identifier: MIT */
/* The command doctor: what on this host is missing or in the way, and the command that mends it. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tapnet/doctor.h>

#include "session.h"
#include "style.h"

/*
 *   ✗ table ip filter, chain FORWARD (Docker): its policy is drop
 *       guests get no answer from outside, though all else is right
 *       # iptables -I DOCKER-USER -i br-lab -j ACCEPT
 */
static void print_finding(const struct tapnet_finding *finding)
{
    bool problem = strcmp(finding->severity, "problem") == 0, note = strcmp(finding->severity, "note") == 0;

    printf("%s%s%s %s\n    %s%s%s\n",
           style(problem ? STYLE_RED
                 : note  ? STYLE_DIM
                         : STYLE_YELLOW),
           problem ? "✗"
           : note  ? "·"
                   : "!",
           style(STYLE_PLAIN), finding->evidence, style(STYLE_DIM), finding->consequence, style(STYLE_PLAIN));
    style_print_commands(finding->command);
}

static int print_diagnosis(const struct tapnet_diagnosis *diagnosis)
{
    const struct tapnet_finding *finding;

    for (size_t i = 0; (finding = tapnet_diagnosis_finding(diagnosis, i)); i++)
        print_finding(finding);
    if (!tapnet_diagnosis_trouble_count(diagnosis))
        printf("%snothing is wrong (%zu checks)%s\n", style(STYLE_GREEN), tapnet_diagnosis_check_count(diagnosis),
               style(STYLE_PLAIN));
    return tapnet_diagnosis_trouble_count(diagnosis) ? EXIT_FAILED : EXIT_DONE;
}

/* What is put back: a line on standard error with --json, whose output is the findings alone. */
static void print_mended(const char *set, const struct tapnet_step *step, void *data)
{
    fprintf(data, "%c %s%s%s (set %s)\n", step->sign, step->object, *step->reason ? ": " : "", step->reason, set);
}

/* What can't be put back is told, and what is wrong all the same follows. */
static void fix(struct tapnet *tapnet, bool json)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    if (tapnet_mend(tapnet, print_mended, json ? stderr : stdout, &error) < 0)
        session_fail(&error, EXIT_FAILED);
}

int run_doctor(const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_diagnosis *diagnosis = NULL;
    struct tapnet *tapnet;
    char *text = NULL;
    int result = session_open(&tapnet);

    if (result)
        return result;
    if (arguments->fix)
        fix(tapnet, arguments->json);
    result = tapnet_diagnose(tapnet, &diagnosis, &error);
    if (result == 0 && arguments->json)
        result = tapnet_diagnosis_json(diagnosis, &text, &error);
    tapnet_free(tapnet);
    if (result < 0) {
        result = session_refuse(&error, result);
    } else if (text) {
        puts(text);
        result = tapnet_diagnosis_trouble_count(diagnosis) ? EXIT_FAILED : EXIT_DONE;
    } else {
        result = print_diagnosis(diagnosis);
    }
    free(text);
    tapnet_diagnosis_free(diagnosis);
    return result;
}
