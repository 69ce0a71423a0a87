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
    const char *line = finding->command;

    printf("%s%s%s %s\n    %s%s%s\n",
           style(problem ? STYLE_RED
                 : note  ? STYLE_DIM
                         : STYLE_YELLOW),
           problem ? "✗"
           : note  ? "·"
                   : "!",
           style(STYLE_PLAIN), finding->evidence, style(STYLE_DIM), finding->consequence, style(STYLE_PLAIN));
    while (*line) {
        size_t length = strcspn(line, "\n");

        printf("    # %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
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

int run_doctor(const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_diagnosis *diagnosis = NULL;
    struct tapnet *tapnet;
    char *text = NULL;
    int result = session_open(&tapnet);

    if (result)
        return result;
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
