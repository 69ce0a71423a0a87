/* SPDX-License-Identifier: MIT */
/* tapnet-lease: prolongs the address that a DHCP server gave the host, while that stands on a bridge of mode bridge. */
#include <errno.h>
#include <getopt.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "keeper/rights.h"
#include "lease/talker.h"
#include "netlink/item.h"
#include "netlink/notify.h"
#include "service/handed.h"
#include "service/isolate.h"

/*
 * How it works: two halves. One has a UDP socket and no right at all, and reads what the LAN sends; it can say one
 * thing, for how long the address is good. The other one, its parent, has CAP_NET_ADMIN and reads nothing but that and
 * the kernel's own messages; it sets the lifetime of that one address. When the address is on the link no more (the
 * uplink has left its bridge), both end. That it runs is told by the socket that it holds listening: whoever connects
 * there is hung up on when it ends.
 */

static const char usage[] = "Usage: tapnet-lease --socket FD --presence FD --device NAME --address ADDRESS --mac MAC\n"
                            "\n"
                            "Started by `tapnet up`; not to be started by hand.\n";

struct options {
    int socket_fd, presence_fd;
    const char *device;
    struct ip_address address;
    struct mac mac;
};

DEFINE_CLEANUP(struct netlink *, netlink_close)

static int parse_option(int option, struct options *ret)
{
    switch (option) {
    case 's':
        return handed_parse(optarg, &ret->socket_fd);
    case 'p':
        return handed_parse(optarg, &ret->presence_fd);
    case 'd':
        ret->device = optarg;
        return 0;
    case 'a':
        return ip_address_parse(optarg, &ret->address);
    case 'm':
        return mac_parse(optarg, &ret->mac);
    default:
        return -EINVAL;
    }
}

static int parse_options(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {
        {"socket", required_argument, NULL, 's'}, {"presence", required_argument, NULL, 'p'},
        {"device", required_argument, NULL, 'd'}, {"address", required_argument, NULL, 'a'},
        {"mac", required_argument, NULL, 'm'},    {0}};
    int option, result = 0;

    *ret = (struct options){.socket_fd = -1, .presence_fd = -1};
    while (result == 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1)
        result = parse_option(option, ret);
    return result < 0 || optind < argc || ret->socket_fd < 0 || ret->presence_fd < 0 || !ret->device ||
                   ret->address.family != AF_INET
               ? -EINVAL
               : 0;
}

/* ---- the half without rights ---- */

_Noreturn static void run_talker(const struct options *options, int parent_fd)
{
    const struct lease_question question = {.address = ip4_value(&options->address), .mac = options->mac};
    const int keep[] = {options->socket_fd, parent_fd};
    struct isolation isolation;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    prctl(PR_SET_NAME, "tapnet-talker", 0, 0, 0);
    if (isolate_descriptors(keep, ARRAY_COUNT(keep), NULL) < 0 || isolate_rights(&isolation, NULL) < 0 ||
        isolate_reach(&isolation, NULL) < 0 || isolate_system_calls(&isolation, NULL) < 0)
        _exit(EXIT_FAILURE);
    talker_run(options->socket_fd, parent_fd, &question);
    _exit(EXIT_SUCCESS);
}

static int fork_talker(const struct options *options, int *ret_fd, struct tapnet_error *error)
{
    _cleanup_close_ int ours = -1, theirs = -1;
    int pair[2];
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set_errno(error, -errno, "cannot make a socket pair");
    ours = pair[0];
    theirs = pair[1];
    child = fork();
    if (child < 0)
        return error_set_errno(error, -errno, "cannot fork");
    if (child == 0)
        run_talker(options, theirs);
    *ret_fd = take_fd(&ours);
    return 0;
}

/* ---- the half that sets the lifetime ---- */

struct search {
    const struct ip_address *address;
    struct netlink *netlink;
    int index;
    uint32_t seconds; /* to be set; 0: only look */
    bool found;
    struct tapnet_error *error;
};

static int read_item(const struct netlink_item *item, void *data)
{
    struct search *search = data;
    struct ip_address address;

    if (!netlink_item_address(item, &address) || !ip_address_equal(&address, search->address))
        return 0;
    search->found = true;
    return search->seconds ? netlink_item_prolong(search->netlink, search->index, item, search->seconds, search->error)
                           : 0;
}

/* Sets how long the address is good, unless @seconds is 0. -ENOENT: it is there no more. */
static int set_lifetime(const struct options *options, int index, uint32_t seconds, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct search search = {.address = &options->address, .index = index, .seconds = seconds, .error = error};
    const char *fault;
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    search.netlink = netlink;
    if (result == 0)
        result = netlink_item_dump(netlink, index, options->device, read_item, &search, &fault, error);
    return result < 0 ? result : search.found ? 0 : -ENOENT;
}

struct change {
    int index;
    bool concerns;
};

static void read_event(const struct netlink_event *event, void *data)
{
    struct change *change = data;

    change->concerns |= event->kind == NETLINK_EVENT_LOST || event->index == change->index;
}

/* What came at @fd. -ENOENT: the address is there no more. */
static int look(const struct options *options, int fd, int index, struct tapnet_error *error)
{
    struct change change = {.index = index};

    while (netlink_notify_read(fd, NETLINK_ROUTE, 64, read_event, &change) > 0)
        ;
    return change.concerns ? set_lifetime(options, index, 0, error) : 0;
}

static int hear_talker(const struct options *options, int fd, int index, struct tapnet_error *error)
{
    struct lease_news news;
    size_t len, fd_count;
    int result = message_receive(fd, &news, sizeof(news), NULL, 0, &len, &fd_count, 0);

    if (result < 0 || len != sizeof(news) || news.seconds < LEASE_SECONDS_MIN)
        return result < 0 ? result : -EBADMSG;
    return set_lifetime(options, index, news.seconds, error);
}

/* Until the address or the other half is gone. */
static int serve(const struct options *options, int talker_fd, int events_fd, int index, struct tapnet_error *error)
{
    int result = set_lifetime(options, index, 0, error);

    while (result == 0) {
        struct pollfd fds[] = {{.fd = talker_fd, .events = POLLIN}, {.fd = events_fd, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0)
            result = errno == EINTR ? 0 : -errno;
        else if (fds[1].revents)
            result = look(options, events_fd, index, error);
        else if (fds[0].revents)
            result = hear_talker(options, talker_fd, index, error);
    }
    return result == -ENOENT ? 0 : result;
}

/* So that nobody takes us for running, whoever took the address away. */
static void remove_presence(int fd)
{
    struct sockaddr_un name = {.sun_family = AF_UNSPEC};
    socklen_t len = sizeof(name) - 1; /* a path that fills it has no end */

    if (getsockname(fd, (struct sockaddr *)&name, &len) == 0 && name.sun_family == AF_UNIX && name.sun_path[0])
        unlink(name.sun_path);
}

static int run(const struct options *options, struct tapnet_error *error)
{
    const int keep[] = {options->socket_fd, options->presence_fd};
    _cleanup_close_ int talker_fd = -1, events_fd = -1;
    int index = (int)if_nametoindex(options->device), result = index ? 0 : -ENODEV;

    if (result == 0)
        result = isolate_descriptors(keep, ARRAY_COUNT(keep), error);
    if (result == 0)
        result = fork_talker(options, &talker_fd, error);
    if (result == 0)
        result = netlink_notify_open(NETLINK_ROUTE, &events_fd, error);
    close(options->socket_fd);
    if (result == 0)
        result = rights_drop(error);
    if (result == 0)
        result = serve(options, talker_fd, events_fd, index, error);
    remove_presence(options->presence_fd);
    close(take_fd(&talker_fd)); /* it ends the other half, which is gone when we are */
    while (wait(NULL) > 0 || errno == EINTR)
        ;
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
