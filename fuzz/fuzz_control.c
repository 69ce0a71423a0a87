/* SPDX-License-Identifier: MIT */
/* Requests to the service: any datagram with any descriptors gets one JSON reply, and no descriptor stays behind. */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/message.h"
#include "service/control.h"
#include "service/dhcp.h"
#include "service/isolate.h"
#include "service/loop.h"

/*
 * How it works: the first byte says how many descriptors go along and whether the input is the datagram, something that
 * lies in the mailbox, or the text of the network that goes with a good "serve" or "update". A control of its own
 * answers each input over a real socket.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void answered(int fd, uint32_t events, void *data)
{
    (void)fd;
    (void)events;
    loop_stop(data);
}

/* A connection to the listening socket @fd, which has a name that the kernel chose. */
static int fuzz_connect(int fd)
{
    struct sockaddr_un address = {0};
    socklen_t length = sizeof(address);
    int line = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    require(line >= 0 && getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    require(connect(line, (struct sockaddr *)&address, length) == 0);
    return line;
}

/* Sockets for DHCP on which nothing ever comes, so that networks may be served. */
static struct dhcp *fuzz_dhcp(struct loop *loop)
{
    struct dhcp *dhcp = NULL;
    int ends[2];

    require(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
    require(dhcp_new(loop, &dhcp) == 0);
    dhcp_set_sockets(dhcp, ends[0], ends[1]);
    return dhcp;
}

static int fuzz_memfd(const uint8_t *data, size_t size)
{
    int fd = memfd_create("network", MFD_CLOEXEC);

    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    return fd;
}

/* Puts the input into the mailbox, which is read before the request that comes then. */
static void fuzz_mail(int mailbox, int line, const uint8_t *data, size_t size)
{
    if (size > 1)
        message_send(mailbox, data + 1, size - 1, &line, data[0] & 1, MSG_DONTWAIT);
    require(message_send(line, "{}", 2, NULL, 0, MSG_DONTWAIT) == 0);
}

/* Sends the input as its first byte says. */
static void fuzz_send(int line, const uint8_t *data, size_t size)
{
    static const char *const good[] = {"{\"do\":\"serve\"}", "{\"do\":\"update\"}"};
    size_t count = data[0] % (MESSAGE_FDS_MAX + 1);
    int memfd = fuzz_memfd(data + 1, size - 1), fds[MESSAGE_FDS_MAX];

    for (size_t i = 0; i < MESSAGE_FDS_MAX; i++)
        fds[i] = i ? line : memfd;
    if (data[0] & 0x80)
        message_send(line, good[data[0] >> 6 & 1], strlen(good[data[0] >> 6 & 1]), fds, count, MSG_DONTWAIT);
    else if (size > 1)
        message_send(line, data + 1, size - 1, fds, count, MSG_DONTWAIT);
    close(memfd);
    shutdown(line, SHUT_WR); /* so that something happens, also when nothing was sent */
}

static void fuzz_receive(int line)
{
    static char text[SERVICE_CONTROL_MAX];
    size_t length = 0, count = 0;
    json_t *reply;
    int fds[MESSAGE_FDS_MAX];

    if (message_receive(line, text, sizeof(text), fds, MESSAGE_FDS_MAX, &length, &count, MSG_DONTWAIT) < 0)
        return;
    reply = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    require(reply && json_is_boolean(json_object_get(reply, "ok")) && (count == 0 || count == 2));
    for (size_t i = 0; i < count; i++)
        close(fds[i]); /* the sockets for DHCP, which it was asked for */
    json_decref(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct isolation isolation;
    struct sockaddr_un nameless = {.sun_family = AF_UNIX}; /* autobind: an abstract name */
    struct control_sockets sockets;
    int line, before, after;
    struct loop_source *source = NULL;
    struct control *control = NULL;
    struct loop *loop = NULL;
    struct dhcp *dhcp;

    if (size < 1 || size > 65536)
        return 0;
    before = dup(0);
    close(before);
    sockets.listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    require(sockets.listening >= 0);
    require(bind(sockets.listening, (struct sockaddr *)&nameless, sizeof(sa_family_t)) == 0);
    require(listen(sockets.listening, 4) == 0 && loop_new(&loop) == 0);
    require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets.mailbox) == 0);
    dhcp = fuzz_dhcp(loop);
    require(control_new(loop, dhcp, NULL, &sockets, getuid(), &isolation, &control) == 0);
    line = fuzz_connect(sockets.listening);
    require(loop_watch(loop, line, EPOLLIN, answered, loop, &source) == 0);
    if ((data[0] & 0xc0) == 0x40)
        fuzz_mail(sockets.mailbox[1], line, data, size);
    else
        fuzz_send(line, data, size);
    require(loop_run(loop) == 0);
    fuzz_receive(line);
    loop_unwatch(loop, source);
    close(line);
    control_free(control);
    dhcp_free(dhcp);
    loop_free(loop);
    close(sockets.listening);
    close(sockets.mailbox[0]);
    close(sockets.mailbox[1]);
    after = dup(0); /* the lowest free number is the one from before: nothing was left open */
    require(after == before);
    close(after);
    return 0;
}
