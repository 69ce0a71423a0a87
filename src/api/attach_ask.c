/* SPDX-License-Identifier: MIT */
/* Plugging for those who may not: the keeper is asked (attach.h). */
#include "api/attach.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/attach_plan.h"
#include "api/attached.h"
#include "apply/kernel.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "model/json_cleanup.h"
#include "netlink/clock.h"

#define ANSWER_SECONDS 60 /* it may have to wait for an `up` */
#define READY_SECONDS 1   /* for what is ready nobody has to wait; who gets none makes one */
#define MUTE_MSEC 10000   /* for which one that has not answered is left alone */

DEFINE_CLEANUP(struct tapnet_attached *, tapnet_attached_free)

/* What came back. */
struct answer {
    json_t *json;
    int fds[MESSAGE_FDS_MAX];
    size_t fd_count;
};

static void answer_fini(struct answer *answer)
{
    json_decref(answer->json);
    for (size_t i = 0; i < answer->fd_count; i++)
        close(answer->fds[i]);
}

int attach_socket_path(const char *run_dir, char ret[RUN_PATH_MAX])
{
    return snprintf(ret, RUN_PATH_MAX, "%s" ATTACH_SOCKET_SUFFIX, run_dir) < RUN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* A connection to the keeper; -EACCES when there is none that could be asked. */
static int connect_keeper(const struct tapnet *tapnet, unsigned seconds, int *ret_fd, struct tapnet_error *error)
{
    char path[RUN_PATH_MAX];

    if (attach_socket_path(tapnet->run_dir, path) == 0 && apply_socket_connect(path, seconds, ret_fd, NULL) == 0)
        return 0;
    return error_set(
        error, -EACCES,
        "needs root (CAP_NET_ADMIN in this network namespace), or a keeper at work and a network whose file "
        "allows it");
}

static int receive(int fd, struct answer *ret, struct tapnet_error *error)
{
    char reply[ATTACH_REPLY_MAX];
    size_t len = 0;
    int result = message_receive(fd, reply, sizeof(reply), ret->fds, MESSAGE_FDS_MAX, &len, &ret->fd_count, 0);

    if (result < 0)
        return error_set_errno(error, result, "the keeper does not answer");
    ret->json = json_loadb(reply, len, JSON_REJECT_DUPLICATES, NULL);
    if (!ret->json)
        return error_set(error, -EBADMSG, "the keeper's answer makes no sense");
    return 0;
}

/* 0 when it said yes, else what it said. */
static int judge(const struct answer *answer, struct tapnet_error *error)
{
    json_int_t code = json_integer_value(json_object_get(answer->json, "code"));
    const char *text = json_string_value(json_object_get(answer->json, "error"));

    if (json_is_true(json_object_get(answer->json, "ok")))
        return 0;
    if (!text || code >= 0 || code < -4095)
        return error_set(error, -EBADMSG, "the keeper's answer makes no sense");
    return error_set(error, (int)code, "%s", text);
}

/* Takes @request, malloc'ed. NULL: out of memory. */
static char *print_request(json_t *request)
{
    _cleanup_json_ json_t *json = request;

    return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

/* Sends @text, and waits for the answer, whatever it says. */
static int exchange(int fd, const char *text, struct answer *ret, struct tapnet_error *error)
{
    int result = message_send(fd, text, strlen(text), NULL, 0, 0);

    return result < 0 ? error_set_errno(error, result, "cannot ask the keeper") : receive(fd, ret, error);
}

/* Sends @request, whose reference is taken, and waits for the answer. */
static int ask(const struct tapnet *tapnet, json_t *request, struct answer *ret, struct tapnet_error *error)
{
    _cleanup_free_ char *text = print_request(request);
    _cleanup_close_ int fd = -1;
    int result;

    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    result = connect_keeper(tapnet, ANSWER_SECONDS, &fd, error);
    if (result == 0)
        result = exchange(fd, text, ret, error);
    return result < 0 ? result : judge(ret, error);
}

/* ---- attach ---- */

/* One text of the port, into the arena; "" when it is not there. NULL: out of memory. */
static const char *take_text(const json_t *port, const char *key, struct arena *arena)
{
    const char *text = json_string_value(json_object_get(port, key));

    return text ? arena_strdup(arena, text) : "";
}

/* The first of a list of texts that is of IPv6, or of IPv4. */
static const char *take_item(const json_t *port, const char *key, bool ip6, struct arena *arena)
{
    const json_t *list = json_object_get(port, key);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text && (strchr(text, ':') != NULL) == ip6)
            return arena_strdup(arena, text);
    }
    return "";
}

static int take_info(const json_t *port, struct tapnet_attached *attached, struct tapnet_error *error)
{
    struct arena *arena = &attached->arena;
    struct tapnet_attached_info *info = &attached->info;

    *info = (struct tapnet_attached_info){
        .set = take_text(port, "set", arena),
        .network = take_text(port, "network", arena),
        .mode = take_text(port, "mode", arena),
        .port = take_text(port, "port", arena),
        .origin = take_text(port, "origin", arena),
        .device = take_text(port, "device", arena),
        .bridge = take_text(port, "bridge", arena),
        .mac = take_text(port, "mac", arena),
        .address = take_item(port, "addresses", false, arena),
        .subnet = take_item(port, "subnets", false, arena),
        .address6 = take_item(port, "addresses", true, arena),
        .subnet6 = take_item(port, "subnets", true, arena),
        .gateway = take_text(port, "gateway", arena),
        .gateway6 = take_text(port, "gateway6", arena),
        .dns = take_item(port, "dns", false, arena),
        .hostname = take_text(port, "hostname", arena),
        .mtu = (uint32_t)json_integer_value(json_object_get(port, "mtu")),
        .queues = (unsigned)json_integer_value(json_object_get(port, "queues")),
        .made = json_is_true(json_object_get(port, "made")),
    };
    if (json_object_get(port, "inside"))
        info->inside = take_text(port, "inside", arena);
    else
        info->inside = info->address;
    info->inside6 = json_object_get(port, "inside6") ? take_text(port, "inside6", arena) : info->address6;
    return attached_is_whole(attached) ? 0 : error_set(error, -ENOMEM, "out of memory");
}

/* How the TAP's descriptors that came are taken over. */
typedef int take_device(const struct answer *answer, struct tapnet_attached *attached, struct tapnet_error *error);

static int take_any(const struct answer *answer, struct tapnet_attached *attached, struct tapnet_error *error)
{
    return tapnet_device_from_fds(answer->fds, answer->fd_count, &attached->device, error);
}

/* As the keeper opens what it has ready: attach_make_ready(). */
static int take_ready(const struct answer *answer, struct tapnet_attached *attached, struct tapnet_error *error)
{
    if (answer->fd_count != 1)
        return error_set(error, -EBADMSG, "the keeper's answer makes no sense");
    return attached_open(attached, answer->fds[0], true);
}

/* @take may be NULL. */
static int take_answer(struct answer *answer, take_device *take, struct tapnet_attached **ret,
                       struct tapnet_error *error)
{
    struct tapnet_attached *attached cleanup(cleanup_tapnet_attached_free) = attached_new();
    int result;

    if (!attached)
        return error_set(error, -ENOMEM, "out of memory");
    result = take_info(json_object_get(answer->json, "port"), attached, error);
    if (result == 0 && take)
        result = take(answer, attached, error);
    if (result < 0)
        return result;
    if (take)
        answer->fd_count = 0; /* the device's now */
    *ret = take_pointer(attached);
    return 0;
}

int attach_ask(const struct tapnet *tapnet, const struct tapnet_attach_options *options, struct tapnet_attached **ret,
               struct tapnet_error *error)
{
    bool open = options->flags & TAPNET_ATTACH_OPEN;
    struct answer answer cleanup(answer_fini) = {.json = NULL};
    json_t *request = json_pack("{s:s, s:s*, s:s*, s:i, s:b, s:b, s:b}", "do", "attach", "network", options->network,
                                "port", options->port, "queues", (int)options->queues, "open", open, "held",
                                !!(options->flags & TAPNET_ATTACH_HELD), "vnet_header",
                                !(options->flags & TAPNET_ATTACH_NO_VNET_HEADER));
    int result;

    if (plugging_says_more(options)) {
        json_decref(request);
        return error_set(error, -EPERM, "only root says of a port what it has, and plugs containers in");
    }
    if (options->queues > MESSAGE_FDS_MAX) {
        json_decref(request);
        return error_set(error, -EINVAL, "the keeper gives users ports of %d queues at most", MESSAGE_FDS_MAX);
    }
    result = ask(tapnet, request, &answer, error);
    return result < 0 ? result : take_answer(&answer, open ? take_any : NULL, ret, error);
}

/* Connects anew. */
static int meet(struct tapnet *tapnet)
{
    struct stat status;
    int result = connect_keeper(tapnet, READY_SECONDS, &tapnet->keeper.fd, NULL);

    if (result < 0)
        return result;
    tapnet->keeper.pid = (int)getpid();
    tapnet->keeper.inode = fstat(tapnet->keeper.fd, &status) == 0 ? status.st_ino : 0;
    return 0;
}

/* By the connection that is kept. The keeper may have ended it, or ended itself, since it was made. */
static int ask_again(struct tapnet *tapnet, const char *text, struct answer *ret)
{
    bool ours = api_has_keeper(tapnet) && tapnet->keeper.pid == (int)getpid();
    int result = ours ? exchange(tapnet->keeper.fd, text, ret, NULL) : -ECONNRESET;

    if (result != -EPIPE && result != -ECONNRESET)
        return result;
    api_close_keeper(tapnet);
    result = meet(tapnet);
    return result < 0 ? result : exchange(tapnet->keeper.fd, text, ret, NULL);
}

int attach_ask_ready(struct tapnet *tapnet, const char *network, struct tapnet_attached **ret)
{
    struct answer answer cleanup(answer_fini) = {.json = NULL};
    _cleanup_free_ char *text = NULL;
    int result;

    if (tapnet->keeper.mute_until_msec > clock_now_msec())
        return -EAGAIN;
    text = print_request(json_pack("{s:s, s:s*}", "do", "ready", "network", network));
    result = text ? ask_again(tapnet, text, &answer) : -ENOMEM;
    if (result == -EAGAIN) /* it has not answered in time */
        tapnet->keeper.mute_until_msec = clock_now_msec() + MUTE_MSEC;
    if (result == 0)
        result = judge(&answer, NULL);
    if (result < 0)
        api_close_keeper(tapnet);
    else
        result = take_answer(&answer, take_ready, ret, NULL);
    return result < 0 ? -EAGAIN : 0;
}

int detach_ask(const struct tapnet *tapnet, const char *network, const char *port, unsigned flags,
               struct tapnet_error *error)
{
    struct answer answer cleanup(answer_fini) = {.json = NULL};
    json_t *request = json_pack("{s:s, s:s, s:s, s:b}", "do", "detach", "network", network, "port", port, "unless_held",
                                !!(flags & TAPNET_DETACH_UNLESS_HELD));

    return ask(tapnet, request, &answer, error);
}
