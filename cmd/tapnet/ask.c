/* SPDX-License-Identifier: MIT */
/* What a person at the terminal is asked before an up. */
#include "ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool answers_yes(void)
{
    char line[64];

    if (!fgets(line, sizeof(line), stdin))
        return false;
    line[strcspn(line, "\r\n")] = '\0';
    return strcmp(line, "y") == 0 || strcmp(line, "yes") == 0;
}

void ask_coexist(struct tapnet *tapnet, struct tapnet_spec *spec)
{
    struct tapnet_plan *plan;
    const char *text;
    size_t count = 0;

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) || tapnet_plan_up(tapnet, spec, &plan, NULL) < 0)
        return;
    for (; (text = tapnet_plan_asks(plan, count)); count++)
        fprintf(stderr, "%s  %s\n",
                count ? "" : "Another program's packet filter drops what guests send or get. tapnet can put in:\n",
                text);
    tapnet_plan_free(plan);
    if (!count)
        return;
    fputs("Put them in, until `tapnet down`? [y/N] ", stderr);
    tapnet_spec_coexist(spec, answers_yes());
}
