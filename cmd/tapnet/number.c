/* SPDX-License-Identifier: MIT */
/* Numbers that were typed as values of options. */
#include "number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"

#define SECOND_NSEC 1e9
#define SECONDS_MAX 1e9

int number_count(const char *command, const char *what, const char *word, unsigned long *ret)
{
    char *end;

    *ret = 0;
    if (!word)
        return 0;
    errno = 0;
    *ret = strtoul(word, &end, 10);
    if (!errno && !*end && *word >= '0' && *word <= '9' && *ret > 0)
        return 0;
    fprintf(stderr, "tapnet %s: --count is a number of %s, 1 or more, not '%s'\n", command, what, word);
    return EXIT_USAGE;
}

int number_seconds(const char *command, const char *option, const char *word, uint64_t *ret_nsec)
{
    double seconds;
    char *end;

    *ret_nsec = 0;
    if (!word)
        return 0;
    seconds = strtod(word, &end);
    if (!*end && end != word && seconds > 0 && seconds <= SECONDS_MAX) {
        *ret_nsec = (uint64_t)(seconds * SECOND_NSEC);
        return 0;
    }
    fprintf(stderr, "tapnet %s: --%s is a number of seconds, more than 0, not '%s'\n", command, option, word);
    return EXIT_USAGE;
}
