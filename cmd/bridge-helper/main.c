/* SPDX-License-Identifier: MIT */
/* tapnet-bridge-helper: gives any user's QEMU a port of a network, as qemu-bridge-helper gives it one of a bridge. */
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tapnet/attach.h>

#include "environment.h"

/*
 * How it works: QEMU starts us for -netdev bridge,br=NAME,helper=PATH, with one end of a Unix socket as descriptor N,
 * and takes from the other end the TAP that comes with one byte (recv_fd() in its net/tap.c). We ask libtapnet for a
 * port. It makes one for root, and asks the keeper for others, which knows from the kernel who they are and what the
 * network's file allows them. So we need no privilege, and should somebody have given us one, as qemu-bridge-helper
 * has, it goes first: whoever starts us could use it.
 */

static const char usage[] =
    "Usage: tapnet-bridge-helper [--use-vnet] --br=NETWORK --fd=SOCKET\n"
    "\n"
    "Started by QEMU: -netdev bridge,id=n0,br=NETWORK,helper=PATH. NETWORK, or its bridge, is up and allows the user.\n"
    "  --use-vnet    a vnet header stands before each frame\n"
    "  --br=NETWORK  where the guest is plugged in\n"
    "  --fd=SOCKET   Unix socket by which QEMU gets the descriptor\n";

struct options {
    bool vnet_header;
    const char *network;
    int socket;
};

/* 0, or an exit code. */
static int parse(int count, char **words, struct options *ret)
{
    static const struct option known[] = {{"use-vnet", no_argument, NULL, 'v'},
                                          {"br", required_argument, NULL, 'b'},
                                          {"fd", required_argument, NULL, 'f'},
                                          {0}};
    int option;
    char *end = NULL;

    *ret = (struct options){.socket = -1};
    while ((option = getopt_long(count, words, "", known, NULL)) != -1) {
        if (option == 'v')
            ret->vnet_header = true;
        else if (option == 'b')
            ret->network = optarg;
        else if (option == 'f')
            ret->socket = (int)strtol(optarg, &end, 10);
        else
            return EXIT_FAILURE;
    }
    return optind == count && ret->network && end && !*end && ret->socket >= 0 ? 0 : EXIT_FAILURE;
}

/* What was given to the program, and not to the user who runs it. False: it could not be given up. */
static bool drop_privileges(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    uid_t user = getuid();
    gid_t group = getgid();

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return false;
    if (user == 0)
        return true;
    return setresgid(group, group, group) == 0 && setresuid(user, user, user) == 0 &&
           syscall(SYS_capset, &header, none) == 0;
}

/* One byte, and the descriptor: what QEMU waits for. */
static int send_descriptor(int socket, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary = {.bytes = {0}};
    char byte = 0;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof(ancillary.bytes)};

    ancillary.header.cmsg_level = SOL_SOCKET;
    ancillary.header.cmsg_type = SCM_RIGHTS;
    ancillary.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&ancillary.header), &fd, sizeof(fd));
    while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

static int fail(const char *what)
{
    fprintf(stderr, "tapnet-bridge-helper: %s\n", what);
    return EXIT_FAILURE;
}

static int plug(struct tapnet *tapnet, const struct options *options)
{
    const struct tapnet_attach_options wanted = {
        .network = options->network,
        .flags = TAPNET_ATTACH_OPEN | TAPNET_ATTACH_HELD | (options->vnet_header ? 0u : TAPNET_ATTACH_NO_VNET_HEADER),
    };
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_attached *attached;
    int result = tapnet_attach(tapnet, &wanted, &attached, &error);

    if (result < 0)
        return fail(error.text);
    result = send_descriptor(options->socket, tapnet_device_fd(tapnet_attached_device(attached), 0));
    tapnet_attached_free(attached);
    return result < 0 ? fail("cannot hand the descriptor to QEMU") : EXIT_SUCCESS;
}

int main(int count, char **words)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct options options;
    struct tapnet *tapnet;
    int code;

    if (!drop_privileges())
        return fail("cannot give up privileges");
    code = parse(count, words, &options);
    if (code) {
        fputs(usage, stderr);
        return code;
    }
    if (environment_open(&tapnet, &error) < 0)
        return fail(error.text);
    code = plug(tapnet, &options);
    tapnet_free(tapnet);
    return code;
}
