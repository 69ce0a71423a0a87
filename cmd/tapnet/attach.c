/* SPDX-License-Identifier: MIT */
/* The commands attach and detach: a port in two steps, for programs. */
#include "attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "environment.h"
#include "session.h"
#include "vmm.h"

/* Copies the @len characters of @from. False: they do not fit, or there are none. */
static bool take_part(const char *from, size_t len, char ret[64])
{
    if (len == 0 || len >= 64)
        return false;
    memcpy(ret, from, len);
    ret[len] = '\0';
    return true;
}

/* @operand may be NULL: then neither is named. */
static int split(const char *command, const char *operand, struct port_words *ret)
{
    const char *slash = operand ? strchr(operand, '/') : NULL;

    *ret = (struct port_words){.network = ""};
    if (!operand || (take_part(operand, slash ? (size_t)(slash - operand) : strlen(operand), ret->network) &&
                     (!slash || take_part(slash + 1, strlen(slash + 1), ret->port))))
        return 0;
    fprintf(stderr, "tapnet %s: '%s' is no port: say NETWORK or NETWORK/PORT\n", command, operand);
    return EXIT_USAGE;
}

static int parse_queues(const char *command, const char *word, unsigned *ret)
{
    char *end;
    unsigned long number = word ? strtoul(word, &end, 10) : 0;

    *ret = (unsigned)number;
    if (!word || (*word >= '0' && *word <= '9' && !*end && number >= 1 && number <= TAPNET_DEVICE_QUEUES_MAX))
        return 0;
    fprintf(stderr, "tapnet %s: --queues %s: a number from 1 to %d\n", command, word, TAPNET_DEVICE_QUEUES_MAX);
    return EXIT_USAGE;
}

int attach_words(const char *command, const struct arguments *arguments, struct port_words *words,
                 struct tapnet_attach_options *options)
{
    int result = split(command, arguments->operand, words);

    if (!result)
        result = parse_queues(command, arguments->queues, &options->queues);
    options->network = *words->network ? words->network : NULL;
    options->port = *words->port ? words->port : NULL;
    return result;
}

/* Names that nobody has are a mistake of whoever has typed them. */
static int refuse(const struct tapnet_error *error, int result)
{
    return result == -ENOENT || result == -ENOTUNIQ ? session_fail(error, EXIT_USAGE) : session_refuse(error, result);
}

int attach_port(struct tapnet *tapnet, const struct arguments *arguments, const struct tapnet_attach_options *options,
                struct tapnet_attached **ret)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int result;

    tapnet_with_keeper(tapnet, !arguments->no_keeper && environment_wants_keeper());
    result = tapnet_attach(tapnet, options, ret, &error);
    session_notes(tapnet);
    return result < 0 ? refuse(&error, result) : 0;
}

static int plan_attach(struct tapnet *tapnet, const struct arguments *arguments,
                       const struct tapnet_attach_options *options)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_plan *plan;
    int result = tapnet_plan_attach(tapnet, options, &plan, &error);

    return result < 0 ? refuse(&error, result) : print_plan(plan, arguments->json);
}

static int print_json(const struct tapnet_attached *attached)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char *text = NULL;

    if (tapnet_attached_json(attached, &text, &error) < 0)
        return session_fail(&error, EXIT_FAILED);
    puts(text);
    free(text);
    return EXIT_DONE;
}

/* Who opens one queue of a TAP that was made for several gets EINVAL and no more words: so it is said here. */
static int print_for(const struct vmm *vmm, const struct tapnet_attached_info *port)
{
    if (port->queues > vmm->queues_max) {
        fprintf(stderr, "tapnet attach: port %s/%s has %u queues, and %s opens devices with one only\n", port->network,
                port->port, port->queues, vmm->name);
        return EXIT_USAGE;
    }
    if (!vmm->print(stdout, port)) {
        fputs("tapnet attach: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    putchar('\n');
    return EXIT_DONE;
}

/* @vmm may be NULL. */
static int attach_and_print(struct tapnet *tapnet, const struct arguments *arguments,
                            const struct tapnet_attach_options *options, const struct vmm *vmm)
{
    struct tapnet_attached *attached;
    int result = attach_port(tapnet, arguments, options, &attached);

    if (result)
        return result;
    result = vmm ? print_for(vmm, tapnet_attached_info(attached)) : print_json(attached);
    tapnet_attached_free(attached);
    return result;
}

/* *ret is NULL when none is named. 0, or EXIT_USAGE with the mistake told. */
static int find_vmm(const struct arguments *arguments, unsigned queues, const struct vmm **ret)
{
    const struct vmm *vmm = arguments->vmm ? vmm_find("attach", arguments->vmm) : NULL;

    *ret = vmm;
    if (!arguments->vmm)
        return 0;
    if (!vmm)
        return EXIT_USAGE;
    if (queues > vmm->queues_max)
        fprintf(stderr, "tapnet attach: %s opens devices with one queue only: leave out --queues\n", vmm->name);
    else if (arguments->json && !arguments->dry_run)
        fprintf(stderr, "tapnet attach: --for says what is printed: leave out --json\n");
    else
        return 0;
    return EXIT_USAGE;
}

int run_attach(const struct arguments *arguments)
{
    struct tapnet_attach_options options = {.flags = 0};
    struct port_words words;
    const struct vmm *vmm = NULL;
    struct tapnet *tapnet;
    int result = attach_words("attach", arguments, &words, &options);

    if (!result)
        result = find_vmm(arguments, options.queues, &vmm);
    if (!result)
        result = session_open(&tapnet);
    if (result)
        return result;
    result = arguments->dry_run ? plan_attach(tapnet, arguments, &options)
                                : attach_and_print(tapnet, arguments, &options, vmm);
    tapnet_free(tapnet);
    return result;
}

static int plan_detach(struct tapnet *tapnet, const struct arguments *arguments, const struct port_words *words)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_plan *plan;
    int result = tapnet_plan_detach(tapnet, words->network, words->port, 0, &plan, &error);

    return result < 0 ? refuse(&error, result) : print_plan(plan, arguments->json);
}

static int detach_and_print(struct tapnet *tapnet, const struct arguments *arguments, const struct port_words *words)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int result = tapnet_detach(tapnet, words->network, words->port, 0, &error);

    session_notes(tapnet);
    if (result < 0)
        return refuse(&error, result);
    if (arguments->json)
        printf("{\"version\":1,\"network\":\"%s\",\"port\":\"%s\"}\n", words->network, words->port);
    else if (!arguments->quiet)
        printf("%s/%s is unplugged\n", words->network, words->port);
    return EXIT_DONE;
}

int run_detach(const struct arguments *arguments)
{
    struct port_words words;
    struct tapnet *tapnet;
    int result = split("detach", arguments->operand, &words);

    if (!result && !*words.port) {
        fprintf(stderr, "tapnet detach: which port of %s? Say %s/PORT\n", words.network, words.network);
        return EXIT_USAGE;
    }
    if (!result)
        result = session_open(&tapnet);
    if (result)
        return result;
    result = arguments->dry_run ? plan_detach(tapnet, arguments, &words) : detach_and_print(tapnet, arguments, &words);
    tapnet_free(tapnet);
    return result;
}
