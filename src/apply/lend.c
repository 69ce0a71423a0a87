/* SPDX-License-Identifier: MIT */
/* What the keeper asks of the service: its sockets for DHCP, to outlive it, and a way to see that it works. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/kernel.h"
#include "apply/run.h"
#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "base/message.h"

#define REPLY_MAX 65536
#define REPLY_FDS 2
#define PATIENCE_SEC 3 /* for a service that hangs: its guests wait, too */

struct reply {
    char *text;
    size_t len;
    int fds[REPLY_FDS];
    size_t fd_count;
};

static void reply_fini(struct reply *reply)
{
    free(reply->text);
    for (size_t i = 0; i < reply->fd_count; i++)
        close(reply->fds[i]);
}

/* Sends the request on @fd, and reads what comes back: with two descriptors, which are @ret_fds then. */
static int ask(int fd, const char *request, int ret_fds[REPLY_FDS], struct tapnet_error *error)
{
    struct reply reply cleanup(reply_fini) = {.text = malloc(REPLY_MAX)};
    _cleanup_json_ json_t *json = NULL;
    int result = reply.text ? message_send(fd, request, strlen(request), NULL, 0, 0) : -ENOMEM;

    if (result == 0)
        result = message_receive(fd, reply.text, REPLY_MAX, reply.fds, REPLY_FDS, &reply.len, &reply.fd_count, 0);
    if (result < 0)
        return error_set_errno(error, result, "the service does not answer");
    json = json_loadb(reply.text, reply.len, 0, NULL);
    if (!json_is_true(json_object_get(json, "ok")) || reply.fd_count != REPLY_FDS)
        return error_set(error, -ENOTCONN, "the service does not give what it is asked for");
    memcpy(ret_fds, reply.fds, sizeof(reply.fds));
    reply.fd_count = 0; /* the caller's now */
    return 0;
}

static int connect_service(const char *run_dir, int *ret_fd, struct tapnet_error *error)
{
    char path[RUN_PATH_MAX];

    snprintf(path, sizeof(path), "%.4000s/service.sock", run_dir);
    return apply_socket_connect(path, PATIENCE_SEC, ret_fd, error);
}

int apply_lend(const char *run_dir, int ret_fds[2], int *ret_pid_fd, struct tapnet_error *error)
{
    _cleanup_close_ int fd = -1, process = -1;
    int result = connect_service(run_dir, &fd, error);

    if (result < 0)
        return result;
    result = apply_socket_process(fd, APPLY_SERVICE_NAME, &process);
    if (result < 0)
        return error_set_errno(error, result, "no service listens");
    result = ask(fd, "{\"do\":\"sockets\"}", ret_fds, error);
    if (result == 0)
        *ret_pid_fd = take_fd(&process);
    return result;
}

int apply_watch(const char *run_dir, int ret_fds[2], struct tapnet_error *error)
{
    _cleanup_close_ int fd = -1;
    int result = connect_service(run_dir, &fd, error);

    return result < 0 ? result : ask(fd, "{\"do\":\"watch\"}", ret_fds, error);
}
