/* SPDX-License-Identifier: MIT */
/* Asks the service for its sockets for DHCP, so that they outlive it (service/control.h, "sockets"). */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "apply/kernel.h"
#include "apply/run.h"
#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "base/message.h"

#define REPLY_MAX 65536
#define PATIENCE_SEC 1 /* of one who has more to do than to wait for a service that hangs */

struct reply {
    char *text;
    size_t len;
    int fds[2];
    size_t fd_count;
};

static void reply_fini(struct reply *reply)
{
    free(reply->text);
    for (size_t i = 0; i < reply->fd_count; i++)
        close(reply->fds[i]);
}

/* Sends the request, and reads what comes back. */
static int ask(const char *run_dir, struct reply *reply, struct tapnet_error *error)
{
    static const char request[] = "{\"do\":\"sockets\"}";
    const struct timeval timeout = {.tv_sec = PATIENCE_SEC};
    _cleanup_close_ int fd = -1;
    char path[RUN_PATH_MAX];
    int result;

    snprintf(path, sizeof(path), "%.4000s/service.sock", run_dir);
    result = apply_socket_connect(path, &fd, error);
    if (result < 0)
        return result;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    result = message_send(fd, request, strlen(request), NULL, 0, 0);
    if (result == 0)
        result = message_receive(fd, reply->text, REPLY_MAX, reply->fds, 2, &reply->len, &reply->fd_count, 0);
    return result < 0 ? error_set_errno(error, result, "the service does not answer") : 0;
}

int apply_lend(const char *run_dir, int ret_fds[2], int *ret_pid, struct tapnet_error *error)
{
    struct reply reply cleanup(reply_fini) = {.text = malloc(REPLY_MAX)};
    _cleanup_json_ json_t *json = NULL;
    int result = reply.text ? ask(run_dir, &reply, error) : error_set(error, -ENOMEM, "out of memory");

    if (result < 0)
        return result;
    json = json_loadb(reply.text, reply.len, 0, NULL);
    if (!json_is_true(json_object_get(json, "ok")) || reply.fd_count != 2)
        return error_set(error, -ENOTCONN, "the service has no sockets for DHCP");
    memcpy(ret_fds, reply.fds, sizeof(reply.fds));
    *ret_pid = (int)json_integer_value(json_object_get(json, "pid"));
    reply.fd_count = 0; /* the caller's now */
    return 0;
}
