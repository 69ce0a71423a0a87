/* SPDX-License-Identifier: MIT */
/* Runs one command and writes down what it took: wall time, peak memory, exit code; too small to count itself. */

/*
 * How it works: a program's peak memory (ru_maxrss) starts with that of whoever forked it, so a large parent would hide
 * it. This one is a page or two, and its clock starts and stops beside the fork and the wait. `measure -o FILE
 * COMMAND...` writes {"usec","rss_kib","exit"} to FILE; the command's own output is left alone.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int main(int count, char **words)
{
    struct rusage usage;
    double start;
    int status;
    pid_t child;
    FILE *output;

    if (count < 4 || strcmp(words[1], "-o") != 0) {
        fputs("usage: measure -o FILE COMMAND [WORD...]\n", stderr);
        return 2;
    }
    start = now_usec();
    child = vfork();
    if (child == 0) {
        execvp(words[3], words + 3);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("measure");
        return 1;
    }
    start = now_usec() - start;
    output = fopen(words[2], "we");
    if (!output) {
        perror(words[2]);
        return 1;
    }
    fprintf(output, "{\"usec\": %.1f, \"rss_kib\": %ld, \"exit\": %d}\n", start, usage.ru_maxrss,
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return fclose(output) == 0 ? 0 : 1;
}
