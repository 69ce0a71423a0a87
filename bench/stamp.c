/* SPDX-License-Identifier: MIT */
/* Prints CLOCK_MONOTONIC in nanoseconds, and becomes the command that it is given: `stamp tapnet run lab -- stamp`. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **words)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    dprintf(STDOUT_FILENO, "%" PRIu64 "\n", (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
    if (count == 1)
        return 0;
    execv(words[1], words + 1);
    perror(words[1]);
    return 1;
}
