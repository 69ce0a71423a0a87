/* SPDX-License-Identifier: MIT */
/* tapnet-keeper: the privileged resident that puts back what others take away from tapnet's networks. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apply/kernel.h"
#include "apply/spawn.h"
#include "api/resident.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "keeper/keeper.h"
#include "keeper/rights.h"
#include "keeper/store.h"
#include "service/handed.h"
#include "service/isolate.h"
#include "service/log.h"

/*
 * How it works: one process a network namespace. `tapnet up` starts it and hands it its socket; systemd may start it,
 * too, then it makes its socket itself. It holds the capability to change the network and reads nothing that a guest
 * sent: that is the service's part, which has no right at all. It may be killed at any moment: networks and service go
 * on, and the next `tapnet up`, or systemd, starts another.
 */

static const char usage[] =
    "Usage: tapnet-keeper [--stay] [--control FD] [--attach FD] [--log FD] [--handed FD] [--run-dir DIRECTORY]\n"
    "                     [--service PROGRAM]\n"
    "\n"
    "Puts back what others take away from tapnet's networks. Started by `tapnet up`, or by systemd.\n"
    "  --stay               go on when no network is up\n"
    "  --control FD         listening SOCK_SEQPACKET Unix socket for requests (default: makes its own)\n"
    "  --attach FD          the same, for users who want a port (default: makes its own)\n"
    "  --log FD             where to write one line an event (default: standard error)\n"
    "  --handed FD          listening socket of systemd's; by a connection to it come both, from `tapnet up`\n"
    "  --run-dir DIRECTORY  where tapnet keeps its files of this boot (default: /run/tapnet)\n"
    "  --service PROGRAM    the program tapnet-service (default: where it was installed)\n";

struct options {
    int control_fd, attach_fd, log_fd, handed_fd; /* -1: not given */
    int reply_fd;                                 /* for DHCP replies, handed over or stored; -1: ours to open */
    const char *run_base, *service;
    bool stay;
};

DEFINE_CLEANUP(struct tapnet *, tapnet_free)

/* 0 to go on, 1 when help was asked for, or -EINVAL. */
static int parse_options(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {
        {"control", required_argument, NULL, 'c'},
        {"attach", required_argument, NULL, 'a'},
        {"log", required_argument, NULL, 'l'},
        {"handed", required_argument, NULL, 'H'},
        {"run-dir", required_argument, NULL, 'r'},
        {"service", required_argument, NULL, 's'},
        {"stay", no_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option, r = 0;

    *ret = (struct options){.control_fd = -1, .attach_fd = -1, .log_fd = -1, .handed_fd = -1, .reply_fd = -1};
    while (r == 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'c')
            r = handed_parse(optarg, &ret->control_fd);
        else if (option == 'a')
            r = handed_parse(optarg, &ret->attach_fd);
        else if (option == 'l')
            r = handed_parse(optarg, &ret->log_fd);
        else if (option == 'H')
            r = handed_parse(optarg, &ret->handed_fd);
        else if (option == 'r')
            ret->run_base = optarg;
        else if (option == 's')
            ret->service = optarg;
        else if (option == 't')
            ret->stay = true;
        else
            r = option == 'h' ? 1 : -EINVAL;
    }
    return r == 0 && optind < argc ? -EINVAL : r;
}

/*
 * What the tapnet hands over that had systemd start us. Nobody waits when systemd started us again after our end: then
 * we make our own socket, and the one for replies is the one that we had stored: our unit may open none.
 */
static int take_handed(struct options *options)
{
    struct handed handed;
    int r;

    options->reply_fd = store_find(options->handed_fd);
    r = handed_accept(options->handed_fd, &handed);
    if (r <= 0)
        return r;
    options->control_fd = handed.control_fd;
    options->attach_fd = handed.attach_fd;
    options->log_fd = handed.log_fd;
    if (options->reply_fd < 0 && handed.reply_fd >= 0)
        store_keep(options->reply_fd = handed.reply_fd);
    else if (handed.reply_fd >= 0)
        close(handed.reply_fd);
    return 0;
}

/*
 * The socket for DHCP replies: handed over, else opened, else the service's. Without any a service that ends can't be
 * followed by another until the next `tapnet up`; all else is kept.
 */
static void get_reply_socket(const struct options *options, struct tapnet *tapnet)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int fds[2];
    _cleanup_close_ int pid_fd = -1;

    tapnet->loan.reply_fd = options->reply_fd;
    if (options->reply_fd >= 0 || apply_socket_reply(&tapnet->loan.reply_fd, &error) == 0)
        return;
    if (apply_lend(tapnet->run_dir, fds, &pid_fd, NULL) < 0) {
        log_line("%s", error.text);
        return;
    }
    close(fds[0]);
    tapnet->loan.reply_fd = fds[1];
}

static int run(const struct options *options, struct tapnet_error *error)
{
    struct tapnet *tapnet cleanup(cleanup_tapnet_free) = NULL;
    struct keeper_options keeper = {
        .control_fd = options->control_fd, .attach_fd = options->attach_fd, .stay = options->stay};
    const int keep[] = {options->control_fd, options->attach_fd, options->log_fd, options->reply_fd};
    int r = isolate_from_starter(keep, ARRAY_COUNT(keep), error);
    pid_t starter = -1;

    if (r < 0)
        return r;
    r = tapnet_new(options->run_base, options->service, &tapnet, error);
    if (r < 0)
        return r;
    log_open(options->log_fd >= 0 ? options->log_fd : STDERR_FILENO);
    if (keeper.control_fd < 0)
        r = resident_listen(tapnet, &keeper.control_fd, error); /* there may be only one of us */
    else if (listen(keeper.control_fd, SOMAXCONN) < 0) /* the kernel names us to who connects, and not our starter */
        r = error_set_errno(error, -errno, "cannot listen for commands");
    if (r == 0 && !apply_can_activate(tapnet->run_dir, "service"))
        r = rights_fork_starter(tapnet->service, &tapnet->loan.starter_fd, &starter, error);
    if (r < 0)
        return r;
    get_reply_socket(options, tapnet);
    r = rights_drop(error);
    if (r < 0)
        return r;
    log_line("keeping the networks of this namespace");
    keeper.tapnet = tapnet;
    r = keeper_run(&keeper, error);
    rights_end_starter(tapnet->loan.starter_fd, starter);
    return r;
}

int main(int argc, char **argv)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct options options;
    int r = parse_options(argc, argv, &options);

    if (r != 0) {
        fputs(usage, r < 0 ? stderr : stdout);
        return r < 0 ? 2 : 0;
    }
    if (options.handed_fd >= 0)
        r = take_handed(&options);
    r = r < 0 ? error_set_errno(&error, r, "cannot take what was handed over") : run(&options, &error);
    if (r < 0)
        fprintf(stderr, "tapnet-keeper: %s\n", error.text);
    return r < 0 && r != -EALREADY ? EXIT_FAILURE : EXIT_SUCCESS;
}
