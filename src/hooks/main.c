/* SPDX-License-Identifier: MIT */
/* tapnet-hooks: runs programs of root's that the file names when a guest is plugged into a port, or has gone. */
#include <cap-ng.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/context.h"
#include "api/hook_resident.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "hooks/resident.h"
#include "service/handed.h"
#include "service/isolate.h"
#include "service/log.h"

/*
 * How it works: one process a network namespace, started by `tapnet up`, or by systemd, while a network is up that has
 * hooks of ports. What it runs has all of root's rights, and it has as few as it can do that with: it reads the
 * kernel's word about links, the ledgers, and nothing else; no packet, nothing that a guest said. It may be killed at
 * any moment: nothing else depends on it, and the next one goes on where it stopped (hooks/ports.h).
 */

static const char usage[] =
    "Usage: tapnet-hooks [--control FD] [--log FD] [--handed FD] [--run-dir DIRECTORY]\n"
    "\n"
    "Runs the hooks of ports. Started by `tapnet up`, or by systemd.\n"
    "  --control FD         listening SOCK_SEQPACKET Unix socket for requests (default: makes its own)\n"
    "  --log FD             where to write one line an event (default: standard error)\n"
    "  --handed FD          listening socket of systemd's; by a connection to it come both, from `tapnet up`\n"
    "  --run-dir DIRECTORY  where tapnet keeps its files of this boot (default: /run/tapnet)\n";

struct options {
    int control_fd, log_fd, handed_fd; /* -1: not given */
    const char *run_base;
};

DEFINE_CLEANUP(struct tapnet *, tapnet_free)

/* 0 to go on, 1 when help was asked for, or -EINVAL. */
static int parse_options(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {
        {"control", required_argument, NULL, 'c'}, {"log", required_argument, NULL, 'l'},
        {"handed", required_argument, NULL, 'H'},  {"run-dir", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    int option, result = 0;

    *ret = (struct options){.control_fd = -1, .log_fd = -1, .handed_fd = -1};
    while (result == 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'c')
            result = handed_parse(optarg, &ret->control_fd);
        else if (option == 'l')
            result = handed_parse(optarg, &ret->log_fd);
        else if (option == 'H')
            result = handed_parse(optarg, &ret->handed_fd);
        else if (option == 'r')
            ret->run_base = optarg;
        else
            result = option == 'h' ? 1 : -EINVAL;
    }
    return result == 0 && optind < argc ? -EINVAL : result;
}

/* From the tapnet that had systemd start us. Nobody waits when systemd started us again after our end. */
static int take_handed(struct options *options)
{
    struct handed handed;
    int result = handed_accept(options->handed_fd, &handed);

    if (result <= 0)
        return result;
    options->control_fd = handed.control_fd;
    options->log_fd = handed.log_fd;
    return 0;
}

/* Leaves what the starter left us: descriptors, directory, signals. */
static int leave_starter(const struct options *options, struct tapnet_error *error)
{
    const int keep[] = {options->control_fd, options->log_fd};

    signal(SIGCHLD, SIG_DFL); /* ignored, nobody could be waited for */
    return isolate_from_starter(keep, ARRAY_COUNT(keep), error);
}

/*
 * In effect are those rights alone that it takes to see the links and to end what has become another user. Root's
 * programs have theirs when they are run (capabilities(7)). What is permitted stays, as the bounding set does: a
 * program that gained by execve(2) would not end with us any more (PR_SET_PDEATHSIG).
 */
static int drop_rights(struct tapnet_error *error)
{
    static const unsigned kept[] = {CAP_NET_ADMIN, CAP_KILL};

    if (geteuid() != 0)
        return 0;
    capng_get_caps_process();
    for (unsigned capability = 0; capability <= CAP_LAST_CAP; capability++) {
        bool keeps = false;

        for (size_t i = 0; i < ARRAY_COUNT(kept); i++)
            keeps |= capability == kept[i];
        if (!keeps)
            capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_INHERITABLE, capability);
    }
    return capng_apply(CAPNG_SELECT_CAPS) < 0 ? error_set(error, -EPERM, "cannot give up capabilities") : 0;
}

static int run(const struct options *options, struct tapnet_error *error)
{
    struct tapnet *tapnet cleanup(cleanup_tapnet_free) = NULL;
    int control_fd = options->control_fd, result = leave_starter(options, error);

    if (result == 0)
        result = tapnet_new(options->run_base, NULL, &tapnet, error);
    if (result < 0)
        return result;
    log_open(options->log_fd >= 0 ? options->log_fd : STDERR_FILENO);
    if (control_fd < 0)
        result = hook_resident_listen(tapnet, &control_fd, error); /* there may be only one of us */
    else if (listen(control_fd, SOMAXCONN) < 0) /* so that the kernel names us to who connects, and not our starter */
        result = error_set_errno(error, -errno, "cannot listen");
    if (result == 0)
        result = drop_rights(error);
    return result < 0 ? result : hooks_resident_run(tapnet, control_fd, error);
}

int main(int argc, char **argv)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct options options;
    int result = parse_options(argc, argv, &options);

    if (result != 0) {
        fputs(usage, result < 0 ? stderr : stdout);
        return result < 0 ? 2 : 0;
    }
    if (options.handed_fd >= 0)
        result = take_handed(&options);
    result = result < 0 ? error_set_errno(&error, result, "cannot take what was handed over") : run(&options, &error);
    if (result < 0)
        fprintf(stderr, "tapnet-hooks: %s\n", error.text);
    return result < 0 && result != -EALREADY ? EXIT_FAILURE : EXIT_SUCCESS;
}
