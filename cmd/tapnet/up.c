/* SPDX-License-Identifier: MIT */
/* The commands up, plan and down. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session.h"
#include "style.h"

#define PROGRESS_AFTER_MSEC 300 /* what is quicker than that needs no progress */
#define PROGRESS_EVERY_MSEC 100

/* ---- progress, on a terminal only ---- */

struct progress {
    long long start_msec, shown_msec;
    bool wanted, shown;
};

static long long now_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void show_progress(size_t done, size_t total, void *data)
{
    struct progress *progress = data;
    long long now = now_msec();

    if (!progress->wanted || now - progress->start_msec < PROGRESS_AFTER_MSEC ||
        now - progress->shown_msec < PROGRESS_EVERY_MSEC)
        return;
    progress->shown_msec = now;
    progress->shown = true;
    fprintf(stderr, "\r%zu of %zu steps", done, total);
}

static struct progress start_progress(const struct arguments *arguments)
{
    return (struct progress){.start_msec = now_msec(), .wanted = isatty(STDERR_FILENO) && !arguments->quiet};
}

static void end_progress(const struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
}

/* ---- plan ---- */

static void print_step(const struct tapnet_step *step)
{
    const char *colour = step->sign == '+' ? STYLE_GREEN : step->sign == '-' ? STYLE_RED : STYLE_YELLOW;

    printf("%s%c%s %s%s%s\n", style(colour), step->sign, style(STYLE_PLAIN), step->object, *step->reason ? ": " : "",
           step->reason);
}

/* Prints @plan, frees it, and returns the exit code of `plan`. */
static int print_plan(struct tapnet_plan *plan, bool json)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    size_t count = tapnet_plan_count(plan);
    struct tapnet_step step;
    char *text = NULL;
    int result = 0;

    if (json)
        result = tapnet_plan_json(plan, &text, &error);
    if (text)
        puts(text);
    for (size_t i = 0; !json && tapnet_plan_step(plan, i, &step) == 0; i++)
        print_step(&step);
    if (!json && !count)
        puts("nothing to do");
    free(text);
    tapnet_plan_free(plan);
    if (result < 0)
        return session_fail(&error, EXIT_FAILED);
    return count ? EXIT_TO_DO : EXIT_DONE;
}

static int plan_up(struct tapnet *tapnet, const struct tapnet_spec *spec, bool json)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_plan *plan;
    int result = tapnet_plan_up(tapnet, spec, &plan, &error);

    return result < 0 ? session_fail(&error, session_exit_code(result)) : print_plan(plan, json);
}

/* ---- up ---- */

static void print_json_result(const char *set, size_t steps)
{
    printf("{\"version\":1,\"set\":\"%s\",\"steps\":%zu}\n", set, steps); /* a set's name is a DNS label, or "" */
}

static int bring_up(struct tapnet *tapnet, const struct tapnet_spec *spec, const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct progress progress = start_progress(arguments);
    const char *keeper = getenv("TAPNET_KEEPER");
    size_t steps = 0;
    int result;

    tapnet_with_keeper(tapnet, !arguments->no_keeper && !(keeper && strcmp(keeper, "off") == 0));
    result = tapnet_up(tapnet, spec, show_progress, &progress, &steps, &error);

    end_progress(&progress);
    if (result < 0)
        return session_fail(&error, session_exit_code(result));
    if (arguments->json)
        print_json_result(tapnet_spec_set(spec), steps);
    else if (!arguments->quiet && !steps)
        printf("%s: all is as wanted\n", tapnet_spec_set(spec));
    else if (!arguments->quiet)
        printf("%s is up: %zu network%s, %zu port%s (%zu step%s, %.1f s); `tapnet status` shows it\n",
               tapnet_spec_set(spec), tapnet_spec_network_count(spec), tapnet_spec_network_count(spec) == 1 ? "" : "s",
               tapnet_spec_port_count(spec), tapnet_spec_port_count(spec) == 1 ? "" : "s", steps, steps == 1 ? "" : "s",
               (double)(now_msec() - progress.start_msec) / 1000);
    return EXIT_DONE;
}

static int with_spec(const struct arguments *arguments, bool plan_only)
{
    struct tapnet_spec *spec;
    struct tapnet *tapnet;
    int result = session_load(arguments->operand, &spec);

    if (result)
        return result;
    tapnet_spec_replace(spec, arguments->replace);
    result = session_open(&tapnet);
    if (!result) {
        result = plan_only ? plan_up(tapnet, spec, arguments->json) : bring_up(tapnet, spec, arguments);
        tapnet_free(tapnet);
    }
    tapnet_spec_free(spec);
    return result;
}

int run_up(const struct arguments *arguments)
{
    return with_spec(arguments, arguments->dry_run);
}

int run_plan(const struct arguments *arguments)
{
    return with_spec(arguments, true);
}

/* ---- down ---- */

/*
 * The set that an operand names: what a readable, valid file declares; else the file's base name, because a file that
 * was edited into an error must not keep its network from being taken down; else the operand itself.
 */
static void set_of_operand(const char *operand, char set[64])
{
    struct tapnet_spec *spec;
    char path[PATH_MAX];
    const char *file = session_file(operand, path);
    const char *base = strrchr(file, '/');

    if (tapnet_spec_load(file, &spec, NULL) == 0) {
        snprintf(set, 64, "%s", tapnet_spec_set(spec));
        tapnet_spec_free(spec);
        return;
    }
    base = base ? base + 1 : file;
    snprintf(set, 64, "%.*s", (int)strcspn(base, "."), base);
}

static int take_down(struct tapnet *tapnet, const char *set, const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct progress progress = start_progress(arguments);
    size_t steps = 0;
    int result = tapnet_down(tapnet, set, show_progress, &progress, &steps, &error);

    end_progress(&progress);
    if (result < 0)
        return session_fail(&error, EXIT_FAILED);
    if (arguments->json)
        print_json_result(set ? set : "", steps);
    else if (!arguments->quiet && !steps)
        printf("%s: nothing is up\n", set ? set : "tapnet");
    else if (!arguments->quiet)
        printf("%s is down: %zu steps, nothing is left\n", set ? set : "everything", steps);
    return EXIT_DONE;
}

static int plan_down(struct tapnet *tapnet, const char *set, bool json)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_plan *plan;
    int result = tapnet_plan_down(tapnet, set, &plan, &error);

    return result < 0 ? session_fail(&error, EXIT_FAILED) : print_plan(plan, json);
}

int run_down(const struct arguments *arguments)
{
    struct tapnet *tapnet;
    char set[64];
    const char *name = arguments->all ? NULL : set;
    int result;

    if (arguments->all && arguments->operand) {
        fputs("tapnet down: name a FILE or a SET, or say --all, not both\n", stderr);
        return EXIT_USAGE;
    }
    if (!arguments->all && !arguments->operand && access("tapnet.yaml", F_OK) < 0) {
        fputs("tapnet down: there is no tapnet.yaml here: name a FILE or a SET, or say --all\n", stderr);
        return EXIT_USAGE;
    }
    if (!arguments->all)
        set_of_operand(arguments->operand, set);
    result = session_open(&tapnet);
    if (result)
        return result;
    result = arguments->dry_run ? plan_down(tapnet, name, arguments->json) : take_down(tapnet, name, arguments);
    tapnet_free(tapnet);
    return result;
}
