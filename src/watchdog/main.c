/* SPDX-License-Identifier: MIT */
/* tapnet-watchdog: waits beside a tapnet that moves the host's uplink, and puts all back should that die or hang. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/context.h"
#include "api/watchdog.h"
#include "apply/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "keeper/rights.h"
#include "service/handed.h"
#include "service/isolate.h"

/*
 * How it works: tapnet starts it before the first change, with one end of a socket pair, and says by it every now and
 * then within how many seconds it will be heard of again; 0: all is done, or undone. When the other end closes, tapnet
 * is dead; when the time is over, it hangs, and is ended by the pipe that it has lent for that (service/isolate.h: who
 * writes to it needs no right to signal anybody). Then what the next tapnet would do is done: the lock is taken, and
 * the journal undone (api_recover()). So there is one way to undo, whoever goes it. It reads no byte of a network, and
 * has the rights that the keeper has: CAP_NET_ADMIN, a list of system calls.
 */

static const char usage[] =
    "Usage: tapnet-watchdog --lifeline FD --switch FD --run-dir DIRECTORY --service PROGRAM\n"
    "\n"
    "Started by `tapnet up` and `tapnet down` when they move the host's uplink; not to be started by hand.\n";

struct options {
    int lifeline_fd, switch_fd;
    const char *run_base, *service;
};

DEFINE_CLEANUP(struct tapnet *, tapnet_free)

static int parse_options(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {{"lifeline", required_argument, NULL, 'l'},
                                          {"switch", required_argument, NULL, 'k'},
                                          {"run-dir", required_argument, NULL, 'r'},
                                          {"service", required_argument, NULL, 's'},
                                          {0}};
    int option, result = 0;

    *ret = (struct options){.lifeline_fd = -1, .switch_fd = -1};
    while (result == 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'l')
            result = handed_parse(optarg, &ret->lifeline_fd);
        else if (option == 'k')
            result = handed_parse(optarg, &ret->switch_fd);
        else if (option == 'r')
            ret->run_base = optarg;
        else if (option == 's')
            ret->service = optarg;
        else
            result = -EINVAL;
    }
    return result < 0 || optind < argc || ret->lifeline_fd < 0 || ret->switch_fd < 0 || !ret->run_base || !ret->service
               ? -EINVAL
               : 0;
}

static int64_t now_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now); /* a host that slept meanwhile is not given more time for it */
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Until tapnet says that it is done (0), is dead (-ECONNRESET), or has not been heard of in time (-ETIMEDOUT). */
static int watch(int fd)
{
    int64_t deadline = now_msec() + WATCHDOG_STEP_SECONDS * 1000;
    struct pollfd lifeline = {.fd = fd, .events = POLLIN};

    for (;;) {
        int64_t left = deadline - now_msec();
        size_t len, fd_count;
        uint32_t seconds;
        int count = poll(&lifeline, 1, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return -ETIMEDOUT;
        if (message_receive(fd, &seconds, sizeof(seconds), NULL, 0, &len, &fd_count, 0) < 0 || len != sizeof(seconds))
            return -ECONNRESET;
        if (!seconds)
            return 0;
        deadline = now_msec() + seconds * INT64_C(1000);
    }
}

/* As the next tapnet does it; there is nothing to undo when it had not begun, or was done. */
static int put_back(struct tapnet *tapnet, struct tapnet_error *error)
{
    int lock, result = run_lock(tapnet->run_dir, &lock, error);

    if (result < 0)
        return result;
    result = api_recover(tapnet, error);
    run_unlock(tapnet->run_dir, lock);
    return result;
}

static void tell(const struct tapnet *tapnet, int reason, int result, const struct tapnet_error *error)
{
    fprintf(stderr, "tapnet-watchdog: tapnet %s\n",
            reason == -ETIMEDOUT ? "did not go on, and was ended" : "was killed");
    for (size_t i = 0; tapnet_note(tapnet, i); i++)
        fprintf(stderr, "tapnet-watchdog: %s\n", tapnet_note(tapnet, i));
    if (result < 0)
        fprintf(stderr, "tapnet-watchdog: %s\n", error->text);
}

static int prepare(const struct options *options, struct tapnet **ret, pid_t *ret_starter, struct tapnet_error *error)
{
    const int keep[] = {options->lifeline_fd, options->switch_fd};
    int result = isolate_descriptors(keep, ARRAY_COUNT(keep), error);

    if (result < 0)
        return result;
    result = tapnet_new(options->run_base, options->service, ret, error);
    if (result < 0)
        return result;
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);  /* a terminal that goes is why it is here */
    signal(SIGTERM, SIG_IGN); /* so is a session, or a unit, that ends with all that is in it */
    if (!apply_can_activate((*ret)->run_dir, "service"))
        result = rights_fork_starter((*ret)->service, &(*ret)->loan.starter_fd, ret_starter, error);
    return result < 0 ? result : rights_drop(error);
}

static int run(const struct options *options, struct tapnet_error *error)
{
    struct tapnet *tapnet cleanup(cleanup_tapnet_free) = NULL;
    static const uint32_t ready = WATCHDOG_READY;
    pid_t starter = -1;
    int reason, result = prepare(options, &tapnet, &starter, error);

    if (result == 0)
        result = message_send(options->lifeline_fd, &ready, sizeof(ready), NULL, 0, 0);
    if (result < 0)
        return result;
    reason = watch(options->lifeline_fd);
    if (reason == -ETIMEDOUT && write(options->switch_fd, "", 1) < 0)
        error_set_errno(error, -errno, "cannot end the tapnet that hangs");
    if (reason < 0) {
        result = put_back(tapnet, error);
        tell(tapnet, reason, result, error);
    }
    if (starter >= 0)
        rights_end_starter(tapnet->loan.starter_fd, starter);
    return result;
}

int main(int argc, char **argv)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct options options;

    if (parse_options(argc, argv, &options) < 0) {
        fputs(usage, stderr);
        return 2;
    }
    return run(&options, &error) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
