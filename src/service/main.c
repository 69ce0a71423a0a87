/* SPDX-License-Identifier: MIT */
/* tapnet-service: the unprivileged resident that answers guests' DHCP and DNS. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "service/control.h"
#include "service/dhcp.h"
#include "service/dns.h"
#include "service/handed.h"
#include "service/isolate.h"
#include "service/log.h"
#include "service/loop.h"

/*
 * How it works: one process a network namespace. It holds no log group and binds no port: a tapnet command with the
 * rights to do so hands it sockets, and the networks to serve on them (control.h). All that it reads afterwards comes
 * from guests, so before the first byte it gives up, in this order, so that no stage needs what an earlier one took:
 *
 *   1. every descriptor it was not told of, its terminal, its working directory;
 *   2. it opens /etc, for resolv.conf;
 *   3. new privileges, limits, the capability bounding set, groups, the user, all capabilities, being dumped or traced;
 *   4. files that are not about resolv.conf, TCP to any port but that of DNS, as far as the kernel can (landlock.c);
 *   5. system calls beyond those of seccomp.c.
 *
 * What a guest that took it over could still do: answer this host's guests wrongly on networks that it serves, send
 * frames to them by the socket for DHCP replies, ask DNS servers, send datagrams to anybody, and read files of /etc and
 * /run that everybody may read. tests/system/test_taken_over.py does what it can.
 *
 * It keeps no state. Whoever finds it dead starts another one and tells it the same again.
 */

static const char usage[] = "Usage: tapnet-service {--control FD [--log FD] | --handed FD}\n"
                            "\n"
                            "Answers DHCP and DNS for tapnet networks. Started by tapnet, not by hand.\n"
                            "  --control FD  listening SOCK_SEQPACKET Unix socket for requests\n"
                            "  --log FD      where to write one line an event (default: nowhere)\n"
                            "  --handed FD   connection by which both come: from systemd's socket\n";

struct options {
    int control_fd;
    int log_fd;    /* -1: none */
    int handed_fd; /* -1: none; the others come by it */
};

/* 0 to go on, 1 when help was asked for, or -EINVAL. */
static int parse_options(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {
        {"control", required_argument, NULL, 'c'},
        {"log", required_argument, NULL, 'l'},
        {"handed", required_argument, NULL, 'H'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options options = {-1, -1, -1};
    int option, r = 0;

    while (r == 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'c')
            r = handed_parse(optarg, &options.control_fd);
        else if (option == 'l')
            r = handed_parse(optarg, &options.log_fd);
        else if (option == 'H')
            r = handed_parse(optarg, &options.handed_fd);
        else
            r = option == 'h' ? 1 : -EINVAL;
    }
    if (r == 0 && (optind < argc || (options.handed_fd < 3 ? options.control_fd : options.handed_fd) < 3))
        r = -EINVAL;
    if (r == 0)
        *ret = options;
    return r;
}

/*
 * Leaves what the starter left us: descriptors, terminal session, directory, signal mask. Standard error becomes the
 * log, so that a last word of the C library is found there.
 */
static int leave_starter(const struct options *options, struct tapnet_error *error)
{
    int keep[] = {options->control_fd, options->log_fd};
    sigset_t none;
    int r;

    if (options->log_fd >= 0 && options->log_fd != 2 && dup2(options->log_fd, 2) < 0)
        return error_set_errno(error, -errno, "can't use descriptor %d", options->log_fd);
    r = isolate_descriptors(keep, options->log_fd >= 0 ? 2 : 1, error);
    if (r < 0)
        return r;
    if (options->log_fd < 0 && dup2(1, 2) < 0)
        return error_set_errno(error, -errno, "can't leave standard error");
    prctl(PR_SET_NAME, "tapnet-service", 0, 0, 0); /* started by a descriptor it may have a number for a name */
    setsid();                                      /* fails when we lead a session already: as well */
    if (chdir("/") < 0)
        return error_set_errno(error, -errno, "can't enter /");
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

/* What the loop serves, made in the order of the stages. */
struct service {
    struct isolation isolation;
    struct control_sockets sockets;
    struct loop *loop;
    struct dhcp *dhcp;
    struct dns *dns;
    struct control *control;
};

static void service_fini(struct service *service)
{
    control_free(service->control);
    dns_free(service->dns);
    dhcp_free(service->dhcp);
    loop_free(service->loop);
}

/* What takes a socketpair() to make: before the system call filter. */
static int open_mailbox(struct control_sockets *sockets, struct tapnet_error *error)
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets->mailbox) < 0
               ? error_set_errno(error, -errno, "can't make a mailbox")
               : 0;
}

static int service_init(struct service *service, uid_t starter, int etc_fd, struct tapnet_error *error)
{
    int r = isolate_rights(&service->isolation, error);
    struct rlimit limit;

    if (r < 0)
        return r;
    /* again, so that its clients see who we are: control.h */
    if (listen(service->sockets.listening, SERVICE_CONTROL_BACKLOG) < 0)
        return error_set_errno(error, -errno, "can't listen for requests");
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) /* asked now, since the system call filter ends who asks later */
        return error_set_errno(error, -errno, "can't read limits");
    r = loop_new(&service->loop);
    if (r < 0)
        return error_set_errno(error, r, "can't make an event loop");
    r = isolate_switch(&service->isolation.switch_fd, error);
    if (r == 0)
        r = open_mailbox(&service->sockets, error);
    if (r < 0)
        return r;
    r = isolate_reach(&service->isolation, error);
    if (r == 0)
        r = isolate_system_calls(&service->isolation, error);
    if (r < 0)
        return r;
    r = dns_new(service->loop, etc_fd, limit.rlim_cur, &service->dns, error);
    if (r < 0)
        return r;
    r = dhcp_new(service->loop, &service->dhcp);
    if (r == 0)
        r = control_new(service->loop, service->dhcp, service->dns, &service->sockets, starter, &service->isolation,
                        &service->control);
    if (r < 0)
        return error_set_errno(error, r, "can't listen for requests");
    return 0;
}

static int run(const struct options *options, struct tapnet_error *error)
{
    struct service service cleanup(service_fini) = {.sockets.listening = options->control_fd};
    int etc_fd _cleanup_close_ = -1;
    uid_t starter = getuid();
    int r = leave_starter(options, error);

    if (r < 0)
        return r;
    etc_fd = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (etc_fd < 0)
        return error_set_errno(error, -errno, "can't open /etc");
    json_object_seed(0); /* of /dev/urandom, while we may read it */
    log_open(options->log_fd);
    r = service_init(&service, starter, etc_fd, error);
    if (r < 0)
        return r;
    log_line("started, user %u", (unsigned)service.isolation.uid);
    r = loop_run(service.loop);
    if (r < 0)
        return error_set_errno(error, r, "the event loop ended");
    return 0;
}

static int take_handed(struct options *options)
{
    struct handed handed;
    int r = handed_receive(options->handed_fd, &handed);

    if (r < 0)
        return r;
    options->control_fd = handed.control_fd;
    options->log_fd = handed.log_fd;
    if (handed.attach_fd >= 0)
        close(handed.attach_fd);
    if (handed.reply_fd >= 0)
        close(handed.reply_fd);
    return 0;
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
    r = r < 0 ? error_set_errno(&error, r, "nobody handed a control socket over") : run(&options, &error);
    if (r < 0)
        fprintf(stderr, "tapnet-service: %s\n", error.text);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
