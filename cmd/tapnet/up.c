/* SPDX-License-Identifier: MIT */
/* The commands up, plan and down. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ask.h"
#include "environment.h"
#include "progress.h"
#include "session.h"
#include "style.h"

/* The exit code of an up or a down that failed with @result, which is told. */
static int fail(const struct progress *progress, int result, const struct tapnet_error *error)
{
    int code = result == -ECANCELED || result == -EINTR ? progress_stopped(progress, error->text) : 0;

    return code ? code : session_refuse(error, result);
}

/* ---- plan ---- */

static void print_step(const struct tapnet_step *step)
{
    const char *colour = step->sign == '+' ? STYLE_GREEN : step->sign == '-' ? STYLE_RED : STYLE_YELLOW;

    printf("%s%c%s %s%s%s\n", style(colour), step->sign, style(STYLE_PLAIN), step->object, *step->reason ? ": " : "",
           step->reason);
}

#define EFFECTS_SHOWN 20

static void print_effect(const struct tapnet_effect *effect)
{
    const char *colour = strcmp(effect->kind, "restarts") == 0 ? STYLE_RED : STYLE_YELLOW;
    char holder[96] = "";

    if (effect->holder_pid)
        snprintf(holder, sizeof(holder), ", %s (%d)", effect->holder, effect->holder_pid);
    printf("%s!%s the guest in %s%s: %s\n", style(colour), style(STYLE_PLAIN), effect->port, holder, effect->text);
}

/* Who must be started again, then who has to learn something; the others are counted. */
static void print_effects(const struct tapnet_plan *plan)
{
    static const char *const kinds[] = {"restarts", "acts"};
    const struct tapnet_effect *effect;
    size_t count = tapnet_plan_effect_count(plan), told = 0;

    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (size_t i = 0; (effect = tapnet_plan_effect(plan, i)); i++) {
            if (strcmp(effect->kind, kinds[k]) != 0)
                continue;
            if (told++ < EFFECTS_SHOWN)
                print_effect(effect);
        }
    }
    if (told > EFFECTS_SHOWN)
        printf("  and %zu more (--json has all)\n", told - EFFECTS_SHOWN);
    if (count > told)
        printf("%zu guest%s on as %s\n", count - told, count - told == 1 ? " goes" : "s go",
               count - told == 1 ? "it is" : "they are");
}

int print_plan(struct tapnet_plan *plan, bool json)
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
    if (!json)
        print_effects(plan);
    free(text);
    tapnet_plan_free(plan);
    if (result < 0)
        return session_fail(&error, EXIT_FAILED);
    return count ? EXIT_TO_DO : EXIT_DONE;
}

static int plan_up(struct tapnet *tapnet, const struct tapnet_spec *spec, const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_plan *plan;
    int result = guard_set(tapnet, &arguments->guard, arguments->device.force, NULL);

    if (result)
        return result;
    result = tapnet_plan_up(tapnet, spec, &plan, &error);
    if (result < 0)
        return session_refuse(&error, result);
    session_notes(tapnet);
    return print_plan(plan, arguments->json);
}

/* ---- up ---- */

static void print_json_result(const char *set, size_t steps)
{
    printf("{\"version\":1,\"set\":\"%s\",\"steps\":%zu}\n", set, steps); /* a set's name is a DNS label, or "" */
}

/* "2 networks, 5 ports, 1 device": what there is none of is left out. */
static void print_counts(const struct tapnet_spec *spec)
{
    const struct {
        size_t count;
        const char *noun;
    } parts[] = {
        {tapnet_spec_network_count(spec), "network"},
        {tapnet_spec_port_count(spec), "port"},
        {tapnet_spec_device_count(spec), "device"},
    };
    const char *separator = "";

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!parts[i].count)
            continue;
        printf("%s%zu %s%s", separator, parts[i].count, parts[i].noun, parts[i].count == 1 ? "" : "s");
        separator = ", ";
    }
    if (!*separator)
        fputs("it declares nothing", stdout);
}

static int bring_up(struct tapnet *tapnet, struct tapnet_spec *spec, const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct progress progress = {.start_msec = 0};
    size_t steps = 0;
    int result;

    result = guard_set(tapnet, &arguments->guard, arguments->device.force, &progress);
    if (result)
        return result;
    if (!arguments->coexist && !arguments->quiet && !arguments->json)
        ask_coexist(tapnet, spec);
    tapnet_with_keeper(tapnet, !arguments->no_keeper && environment_wants_keeper());
    progress_start(&progress, arguments->quiet, tapnet);
    result = tapnet_up(tapnet, spec, progress_step, &progress, &steps, &error);
    progress_end(&progress);
    session_notes(tapnet);
    if (result < 0)
        return fail(&progress, result, &error);
    if (arguments->json) {
        print_json_result(tapnet_spec_set(spec), steps);
    } else if (!arguments->quiet && !steps) {
        printf("%s: all is as wanted\n", tapnet_spec_set(spec));
    } else if (!arguments->quiet) {
        printf("%s is up: ", tapnet_spec_set(spec));
        print_counts(spec);
        printf(" (%zu step%s, %.1f s); `tapnet status` shows it\n", steps, steps == 1 ? "" : "s",
               progress_seconds(&progress));
    }
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
    tapnet_spec_coexist(spec, arguments->coexist);
    result = session_open(&tapnet);
    if (!result) {
        result = plan_only ? plan_up(tapnet, spec, arguments) : bring_up(tapnet, spec, arguments);
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
 * Nothing of this name is up, and no file of this name is there either: it is mistyped, and what is up is named. What
 * a file names is down already. The exit code, with a mistake told.
 */
static int judge_nothing_up(struct tapnet *tapnet, const char *set, const char *operand)
{
    const struct tapnet_status_set *up;
    struct tapnet_status *status;

    if (!set || !operand || session_has_file(operand) || tapnet_note_count(tapnet))
        return EXIT_DONE;
    fprintf(stderr, "tapnet down: no set %s is up, and there is no file %s", set, operand);
    if (tapnet_status_get(tapnet, NULL, &status, NULL) == 0) {
        for (size_t i = 0; (up = tapnet_status_set(status, i)); i++)
            fprintf(stderr, "%s%s", i ? ", " : "; up are: ", up->name);
        if (!tapnet_status_set(status, 0))
            fputs("; nothing is up", stderr);
        tapnet_status_free(status);
    }
    fputc('\n', stderr);
    return EXIT_USAGE;
}

static int take_down(struct tapnet *tapnet, const char *set, const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct progress progress = {.start_msec = 0};
    size_t steps = 0;
    int result = guard_set(tapnet, &arguments->guard, false, &progress);

    if (result)
        return result;
    progress_start(&progress, arguments->quiet, tapnet);
    result = tapnet_down(tapnet, set, progress_step, &progress, &steps, &error);
    progress_end(&progress);
    session_notes(tapnet);
    if (result < 0)
        return fail(&progress, result, &error);
    if (!steps && judge_nothing_up(tapnet, set, arguments->operand) != EXIT_DONE)
        return EXIT_USAGE;
    if (arguments->json)
        print_json_result(set ? set : "", steps);
    else if (!arguments->quiet && !steps)
        printf("%s: nothing is up\n", set ? set : "tapnet");
    else if (!arguments->quiet)
        printf("%s is down: %zu step%s, nothing is left\n", set ? set : "everything", steps, steps == 1 ? "" : "s");
    return EXIT_DONE;
}

/* A file that is replaced by rename between two looks has two inodes and one path. */
static bool is_path_of(const char *file, const char *path)
{
    char real[PATH_MAX];

    return realpath(file, real) && strcmp(real, path) == 0;
}

/* Is what is up under this name another file's, one that is still there? Says so. A bare name means the set alone. */
static bool is_anothers(struct tapnet *tapnet, const char *set, const char *operand)
{
    char path[PATH_MAX], *from;
    struct stat named, recorded;
    bool another;

    if ((operand && !strpbrk(operand, "/.")) || stat(session_file(operand, path), &named) < 0 ||
        tapnet_set_file(tapnet, set, &from, NULL) < 0)
        return false;
    another = !is_path_of(session_file(operand, path), from) && stat(from, &recorded) == 0 &&
              (recorded.st_dev != named.st_dev || recorded.st_ino != named.st_ino);
    if (another)
        fprintf(stderr, "tapnet: set %s is up from another file, %s: `tapnet down %s` takes it down\n", set, from, set);
    free(from);
    return another;
}

static int plan_down(struct tapnet *tapnet, const char *set, const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_plan *plan;
    int result = tapnet_plan_down(tapnet, set, &plan, &error);

    if (result < 0)
        return session_refuse(&error, result);
    if (!tapnet_plan_count(plan) && judge_nothing_up(tapnet, set, arguments->operand) != EXIT_DONE) {
        tapnet_plan_free(plan);
        return EXIT_USAGE;
    }
    return print_plan(plan, arguments->json);
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
        session_set(arguments->operand, set);
    if (!arguments->all && !*set) {
        fprintf(stderr, "tapnet down: '%s' names no file and no set\n", arguments->operand ? arguments->operand : "");
        return EXIT_USAGE;
    }
    result = session_open(&tapnet);
    if (result)
        return result;
    if (name && is_anothers(tapnet, name, arguments->operand))
        result = EXIT_USAGE;
    else
        result = arguments->dry_run ? plan_down(tapnet, name, arguments) : take_down(tapnet, name, arguments);
    tapnet_free(tapnet);
    return result;
}
