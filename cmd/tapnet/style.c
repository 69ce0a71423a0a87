/* SPDX-License-Identifier: MIT */
/* How what is printed looks: colour, on a terminal only and not when NO_COLOR is set; commands to be typed. */
#include "style.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *style(const char *sequence)
{
    static int wanted = -1;

    if (wanted < 0) {
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

        wanted = isatty(STDOUT_FILENO) && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
    }
    return wanted ? sequence : "";
}

void style_print_commands(const char *commands)
{
    while (*commands) {
        size_t length = strcspn(commands, "\n");

        printf("    # %.*s\n", (int)length, commands);
        commands += length + (commands[length] == '\n');
    }
}
