/* SPDX-License-Identifier: MIT */
/* A descriptor that systemd keeps for the keeper's next life. */
#include "keeper/store.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/message.h"

/* The number that the environment variable @name holds; 0 for none. */
static long number(const char *name)
{
    const char *text = getenv(name);

    return text ? strtol(text, NULL, 10) : 0;
}

/* systemd puts what was stored behind the sockets of the unit, of which there is one. */
int store_find(int handed_fd)
{
    if (number("LISTEN_PID") != getpid() || number("LISTEN_FDS") != 2 || fcntl(handed_fd + 1, F_GETFD) < 0)
        return -1;
    return handed_fd + 1;
}

void store_keep(int fd)
{
    static const char state[] = "FDSTORE=1\nFDNAME=reply\nFDPOLL=0";
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    _cleanup_close_ int socket_fd = -1;
    socklen_t len;

    if (!path || strlen(path) >= sizeof(name.sun_path))
        return;
    memcpy(name.sun_path, path, strlen(path));
    if (*path == '@') /* abstract: without the NUL that ends a path */
        name.sun_path[0] = '\0';
    len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (*path != '@'));
    socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_fd >= 0 && connect(socket_fd, (const struct sockaddr *)&name, len) == 0)
        message_send(socket_fd, state, strlen(state), &fd, 1, 0);
}
