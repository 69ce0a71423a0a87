/* SPDX-License-Identifier: MIT */
/* The service as apply sees it: starts it, hands it sockets and networks, waits until it serves (service/control.h). */
#include "apply/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "apply/orphan.h"
#include "apply/run.h"
#include "apply/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "model/json.h"
#include "model/json_cleanup.h"
#include "base/message.h"
#include "netlink/log.h"

#define REPLY_MAX 65536
#define PLUG_REPLY_MAX 2048 /* that it is done, or an error: not which networks are served */
#define MAIL_MAX 4096       /* SERVICE_MAIL_MAX */
#define SOCKET_NAME "service.sock"
#define LOG_NAME "service.log"

/* What goes with one request. */
struct attachments {
    int fds[7];
    size_t count;
};

static void attachments_fini(struct attachments *attachments)
{
    for (size_t i = 0; i < attachments->count; i++)
        close(attachments->fds[i]);
}

static const char *path_in(const struct apply_kernel *kernel, const char *name, char text[RUN_PATH_MAX])
{
    snprintf(text, RUN_PATH_MAX, "%.4000s/%s", kernel->run_dir, name);
    return text;
}

/* ---- starting ---- */

/*
 * By systemd, where it offers to: the service is that of a unit, and depends on nobody. By the starter, when we have
 * one: it already is who the service is going to be. A service that was named to us is nobody's unit.
 */
static int spawn_service(const struct apply_kernel *kernel, int control_fd, int log_fd, struct tapnet_error *error)
{
    static const char *const arguments[] = {"tapnet-service", "--control", "3", "--log", "4", NULL};
    const int fds[] = {control_fd, log_fd}; /* from APPLY_SPAWN_FIRST_FD on */
    int result;

    if (strcmp(kernel->service, TAPNET_SERVICE_PROGRAM) == 0 &&
        apply_activate(kernel->run_dir, "service", fds, ARRAY_COUNT(fds)) == 0)
        return 0;
    if (kernel->loan.starter_fd < 0)
        return apply_spawn(kernel->service, arguments, fds, ARRAY_COUNT(fds), error);
    result = message_send(kernel->loan.starter_fd, "start", strlen("start"), fds, ARRAY_COUNT(fds), 0);
    return result < 0 ? error_set_errno(error, result, "cannot have the service started") : 0;
}

/* The names of a service that never came to life, or is dead. */
static void forget_service(struct apply_kernel *kernel)
{
    run_file_remove(kernel->run_dir, SOCKET_NAME, NULL);
    run_file_remove(kernel->run_dir, LOG_NAME, NULL);
}

/*
 * The service was found dead: until it has let go of all that it held. A process that ends lets go of its descriptors
 * from the highest down (the kernel's task work), so the socket that it listens on is among the last: as long as that
 * takes connections, a port or a log group may still be held.
 */
static void await_end(const char *path)
{
    _cleanup_close_ int fd = -1;
    char byte;

    if (apply_socket_connect(path, APPLY_SOCKET_SECONDS, &fd, NULL) == 0)
        recv(fd, &byte, 1, 0); /* ends with it; one that lives after all says nothing, and is given up after a while */
}

static int start_service(struct apply_kernel *kernel, struct tapnet_error *error)
{
    _cleanup_close_ int control_fd = -1, log_fd = -1;
    char path[RUN_PATH_MAX];
    int result;

    await_end(path_in(kernel, SOCKET_NAME, path));
    result = apply_orphan_end(path, APPLY_SERVICE_NAME, error);
    if (result == 0)
        result = apply_socket_listen(path, &control_fd, error);
    if (result < 0)
        return result;
    log_fd = open(path_in(kernel, LOG_NAME, path), O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                  0600);
    if (log_fd < 0)
        result = run_remedy(error_set_errno(error, -errno, "cannot write %s", path), error);
    else
        result = spawn_service(kernel, control_fd, log_fd, error);
    if (result < 0)
        forget_service(kernel);
    return result;
}

/* ---- talking ---- */

/* What a socket says whose other end was killed, at whichever moment of the talk. */
static bool is_dead(int result)
{
    return result == -ECONNREFUSED || result == -ECONNRESET || result == -EPIPE || result == -ENOENT;
}

/* Sends @text and reads the reply. -ECONNREFUSED, without a sentence, when the service is dead, or is now. */
static int exchange(struct apply_kernel *kernel, const char *text, const struct attachments *attachments,
                    char reply[REPLY_MAX], size_t *ret_len, struct tapnet_error *error)
{
    _cleanup_close_ int fd = -1;
    char path[RUN_PATH_MAX];
    size_t fd_count;
    int result = apply_socket_connect(path_in(kernel, SOCKET_NAME, path), APPLY_SOCKET_SECONDS, &fd, error);

    if (result == 0)
        result = message_send(fd, text, strlen(text), attachments->fds, attachments->count, 0);
    if (result == 0)
        result = message_receive(fd, reply, REPLY_MAX, NULL, 0, ret_len, &fd_count, 0);
    if (is_dead(result) || (result == -EAGAIN && fd >= 0 && apply_socket_end(fd, APPLY_SERVICE_NAME) == 0))
        return -ECONNREFUSED;
    if (result < 0)
        return error_set_errno(error, result,
                               "the service does not answer: end it (`pkill -KILL -x tapnet-service`), and the next "
                               "`tapnet up` starts another (its log: %s)",
                               path_in(kernel, LOG_NAME, path));
    return 0;
}

/* What a reply of @len bytes says: the service's own refusal becomes the error. ret_reply may be NULL. */
static int read_reply(struct apply_kernel *kernel, const char *reply, size_t len, json_t **ret_reply,
                      struct tapnet_error *error)
{
    static const char yes[] = "{\"ok\":true,";
    _cleanup_json_ json_t *json = NULL;
    char path[RUN_PATH_MAX];

    if (!ret_reply && len > strlen(yes) && memcmp(reply, yes, strlen(yes)) == 0) /* all that was asked */
        return 0;
    json = json_loadb(reply, len, 0, NULL);
    if (!json_is_true(json_object_get(json, "ok"))) {
        const char *why = json_string_value(json_object_get(json, "error"));
        json_int_t code = json_integer_value(json_object_get(json, "code"));

        if (!why || !json_text_printable(why)) /* it reads what guests say, and we are printed on root's terminal */
            why = "no reason that can be printed";
        return error_set(error, code < 0 && code > -4096 ? (int)code : -EPROTO, "the service refuses: %s (its log: %s)",
                         why, path_in(kernel, LOG_NAME, path));
    }
    if (ret_reply)
        *ret_reply = take_pointer(json);
    return 0;
}

/*
 * Sends one request and reads its reply; the service's own refusal becomes the error. -ECONNREFUSED, without a
 * sentence, when the service is dead.
 */
static int talk(struct apply_kernel *kernel, json_t *request, const struct attachments *attachments, json_t **ret_reply,
                struct tapnet_error *error)
{
    _cleanup_free_ char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    _cleanup_free_ char *reply = malloc(REPLY_MAX);
    size_t len = 0;
    int result;

    if (!text || !reply)
        return error_set(error, -ENOMEM, "out of memory");
    result = exchange(kernel, text, attachments, reply, &len, error);
    return result < 0 ? result : read_reply(kernel, reply, len, ret_reply, error);
}

/* The network as JSON in a sealed memory file. */
static int attach_network(struct attachments *attachments, const struct model_network *network,
                          struct tapnet_error *error)
{
    _cleanup_json_ json_t *json = model_network_to_json(network);
    _cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    _cleanup_close_ int fd = -1;

    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    fd = memfd_create("tapnet network", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        return error_set_errno(error, -errno, "cannot make a memory file");
    attachments->fds[attachments->count++] = take_fd(&fd);
    return 0;
}

/* UDP and TCP at the host's address in @subnet, for those who come by @device; NULL: who comes from the subnet. */
static int attach_dns_end(struct attachments *attachments, const struct model_network *network,
                          const struct ip_prefix *subnet, const char *device, struct tapnet_error *error)
{
    static const int types[] = {SOCK_DGRAM, SOCK_STREAM};

    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        int result = apply_socket_dns(types[i], subnet, network->dns_port, device,
                                      &attachments->fds[attachments->count], error);

        if (result < 0)
            return result;
        attachments->count++;
    }
    return 0;
}

/*
 * DNS of a network that has it: for guests, who come by the bridge, for the host itself, for guests by IPv6. Routed
 * guests come by any of their ports: one end of each family, bound to no device, hears what comes from the subnet.
 */
static int attach_dns_sockets(struct attachments *attachments, const struct model_network *network,
                              struct tapnet_error *error)
{
    const char *device = model_network_has_bridge(network) ? network->bridge : NULL;
    int result;

    if (!model_mode_leads_out(network->mode))
        return 0;
    result = attach_dns_end(attachments, network, &network->subnet, device, error);
    if (result == 0 && device)
        result = attach_dns_end(attachments, network, &network->subnet, "lo", error);
    if (result == 0 && network->subnet6.address.family)
        result = attach_dns_end(attachments, network, &network->subnet6, device, error);
    return result;
}

int apply_service_prepare(void *data, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    char path[RUN_PATH_MAX];
    _cleanup_close_ int fd = -1;
    int result = apply_socket_connect(path_in(kernel, SOCKET_NAME, path), APPLY_SOCKET_SECONDS, &fd, error);

    /* One that lives and can't be reached must not lose its name to a second one: nobody would ever end it. */
    return is_dead(result) ? start_service(kernel, error) : result;
}

static int duplicate(int fd, int *ret_fd, struct tapnet_error *error)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0)
        return error_set_errno(error, -errno, "cannot duplicate a socket");
    *ret_fd = copy;
    return 0;
}

/* Hands the service the sockets for DHCP of all networks: what hears requests, what replies leave by. */
static int request_sockets(struct apply_kernel *kernel, struct tapnet_error *error)
{
    struct attachments attachments cleanup(attachments_fini) = {.count = 0};
    _cleanup_json_ json_t *request = json_pack("{s:s}", "do", "sockets");
    int result = kernel->loan.log_fd < 0
                     ? netlink_log_open(GUARD_LOG_GROUP, GUARD_LOG_BYTES_MAX, &attachments.fds[0], error)
                     : duplicate(kernel->loan.log_fd, &attachments.fds[0], error);

    if (result < 0)
        return result;
    attachments.count++;
    result = kernel->loan.reply_fd < 0 ? apply_socket_reply(&attachments.fds[1], error)
                                       : duplicate(kernel->loan.reply_fd, &attachments.fds[1], error);
    if (result < 0)
        return result;
    attachments.count++;
    return talk(kernel, request, &attachments, NULL, error);
}

/* A service that was started anew asks for its sockets first. */
static int request_serve(struct apply_kernel *kernel, const struct attachments *attachments, struct tapnet_error *error)
{
    _cleanup_json_ json_t *request = json_pack("{s:s}", "do", "serve");
    struct tapnet_error refusal = {0};
    int result = talk(kernel, request, attachments, NULL, &refusal);

    if (result == -ENOTCONN) {
        result = request_sockets(kernel, error);
        return result < 0 ? result : talk(kernel, request, attachments, NULL, error);
    }
    return result < 0 && refusal.text[0] ? error_set(error, result, "%s", refusal.text) : result;
}

int apply_service_serve(void *data, const struct model_network *network, struct tapnet_error *error)
{
    struct attachments attachments cleanup(attachments_fini) = {.count = 0};
    struct apply_kernel *kernel = data;
    int result = attach_network(&attachments, network, error);

    if (result == 0)
        result = attach_dns_sockets(&attachments, network, error);
    if (result < 0)
        return result;
    result = request_serve(kernel, &attachments, error);
    if (result != -ECONNREFUSED)
        return result;
    result = start_service(kernel, error);
    if (result == 0)
        result = request_serve(kernel, &attachments, error);
    if (result == -ECONNREFUSED)
        error_set(error, result, "the service ended at once: `%s --help` should run; its log was %s", kernel->service,
                  kernel->run_dir);
    if (result == -ECONNREFUSED) /* one that lives is ended by its name: apply_service_release() */
        forget_service(kernel);
    return result;
}

int apply_service_update(void *data, const struct model_network *network, struct tapnet_error *error)
{
    struct attachments attachments cleanup(attachments_fini) = {.count = 0};
    _cleanup_json_ json_t *request = json_pack("{s:s}", "do", "update");
    int result = attach_network(&attachments, network, error);

    if (result == 0)
        result = talk(data, request, &attachments, NULL, error);
    if (result == -ECONNREFUSED ||
        result == -ENOENT) /* it died since we looked, or another one was started meanwhile */
        return apply_service_serve(data, network, error);
    return result;
}

void apply_service_hang_up(struct apply_kernel *kernel)
{
    if (kernel->talk_fd >= 0)
        close(kernel->talk_fd);
    if (kernel->mail_fd >= 0) {
        close(kernel->mail_fd);
        close(kernel->mail_process);
    }
    kernel->talk_fd = kernel->mail_fd = kernel->mail_process = -1;
    kernel->awaiting = kernel->unheard = false;
    kernel->served[0] = '\0';
}

/*
 * Who plugs in one guest after the other stays connected: that saves the service two wakings for each, and the mailbox,
 * which is asked for with the second one, all of them. It closes the connection when nothing more is said, or it dies:
 * then another one is made.
 *
 * The answer does not tell a service that died from one that serves it no more: the caller takes the long way.
 */
static int begin_talk(struct apply_kernel *kernel, const char *text, struct tapnet_error *error)
{
    size_t len = strlen(text);
    char path[RUN_PATH_MAX];
    int result;

    if (kernel->awaiting)
        apply_service_hang_up(kernel);
    if (kernel->talk_fd < 0 || message_send(kernel->talk_fd, text, len, NULL, 0, 0) < 0) {
        apply_service_hang_up(kernel);
        result = apply_socket_connect(path_in(kernel, SOCKET_NAME, path), APPLY_SOCKET_SECONDS, &kernel->talk_fd,
                                      error);
        if (result == 0)
            result = message_send(kernel->talk_fd, text, len, NULL, 0, 0);
        if (result < 0) {
            apply_service_hang_up(kernel);
            return error_set_errno(error, result, "the service can't be asked");
        }
    }
    kernel->awaiting = true;
    return 0;
}

/* Waits for the answer, which may carry a descriptor. */
static int end_talk(struct apply_kernel *kernel, int *ret_fd, struct tapnet_error *error)
{
    char reply[PLUG_REPLY_MAX];
    size_t len = 0, fd_count = 0;
    int result = message_receive(kernel->talk_fd, reply, sizeof(reply), ret_fd, ret_fd != NULL, &len, &fd_count, 0);

    kernel->awaiting = false;
    if (result == 0)
        return read_reply(kernel, reply, len, NULL, error);
    if (result == -EAGAIN) /* or whoever takes the long way waits as long again */
        apply_socket_end(kernel->talk_fd, APPLY_SERVICE_NAME);
    apply_service_hang_up(kernel);
    return error_set_errno(error, result, "the service does not answer");
}

/* One that has none is not asked again, until there is another service. */
static void ask_for_mailbox(struct apply_kernel *kernel)
{
    int result = begin_talk(kernel, "{\"do\":\"mailbox\"}", NULL), fd = -1;

    if (result == 0)
        result = end_talk(kernel, &fd, NULL);
    if (result == 0 && apply_socket_is_mailbox(fd) &&
        apply_socket_process(kernel->talk_fd, APPLY_SERVICE_NAME, &kernel->mail_process) == 0) {
        kernel->mail_fd = fd;
        return;
    }
    if (fd >= 0)
        close(fd);
    kernel->unheard = true;
}

/*
 * Tells the service of a port without waking it, where it has just done the same for that network. False: it has to be
 * woken, since it can't be told so.
 */
static bool mail(struct apply_kernel *kernel, const char *network, const char *text, size_t len)
{
    int result;

    if (strcmp(kernel->served, network) != 0 || len > MAIL_MAX)
        return false;
    if (kernel->mail_fd < 0 && !kernel->unheard)
        ask_for_mailbox(kernel);
    if (kernel->mail_fd >= 0 && apply_process_ends(kernel->mail_process, 0))
        apply_service_hang_up(kernel);
    if (kernel->mail_fd < 0)
        return false;
    result = message_send(kernel->mail_fd, text, len, NULL, 0, MSG_DONTWAIT);
    if (result < 0 && result != -EAGAIN) /* it has died */
        apply_service_hang_up(kernel);
    return result == 0;
}

/* @port: JSON. Of names of ours nothing need be escaped. */
static int tell_of_port(struct apply_kernel *kernel, const char *verb, const char *network, const char *port,
                        struct tapnet_error *error)
{
    _cleanup_free_ char *text = NULL;

    if (asprintf(&text, "{\"do\":\"%s\",\"network\":\"%s\",\"port\":%s}", verb, network, port) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    if (mail(kernel, network, text, strlen(text)))
        return 0;
    snprintf(kernel->asked, sizeof(kernel->asked), "%s", network);
    return begin_talk(kernel, text, error);
}

int apply_service_plug(void *data, const char *network, const char *port, struct tapnet_error *error)
{
    return tell_of_port(data, "plug", network, port, error);
}

int apply_service_unplug(void *data, const char *network, const char *port, struct tapnet_error *error)
{
    char quoted[MODEL_NAME_MAX + 2];

    if (snprintf(quoted, sizeof(quoted), "\"%s\"", port) >= (int)sizeof(quoted))
        return error_set(error, -EINVAL, "%s is no port's name", port);
    return tell_of_port(data, "unplug", network, quoted, error);
}

int apply_service_plugged(void *data, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    int result;

    if (!kernel->awaiting)
        return 0;
    result = end_talk(kernel, NULL, error);
    snprintf(kernel->served, sizeof(kernel->served), "%s", result == 0 ? kernel->asked : "");
    return result;
}

/* ---- stopping ---- */

/* The service's process, as a pidfd. -1: there is none, or it has only just begun. */
static int open_process(const struct apply_kernel *kernel)
{
    _cleanup_close_ int fd = -1;
    char path[RUN_PATH_MAX];
    int process;

    if (apply_socket_connect(path_in(kernel, SOCKET_NAME, path), APPLY_SOCKET_SECONDS, &fd, NULL) < 0 ||
        apply_socket_process(fd, APPLY_SERVICE_NAME, &process) < 0)
        return -1;
    return process;
}

/* Waits until the process is gone: `down` must not leave one that is just about to end. */
static void wait_for_exit(int process)
{
    struct pollfd poll_fd = {.fd = process, .events = POLLIN};

    if (process < 0 || poll(&poll_fd, 1, 0) != 0)
        return;
    syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0); /* one that serves nobody any more need not wait */
    if (poll(&poll_fd, 1, APPLY_EXIT_MSEC) == 0)
        syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
}

/* Tells the service to stop @network. -ENOENT: it does not serve that one, as after it was started anew. */
static int request_stop(struct apply_kernel *kernel, const char *network, json_t **ret_reply,
                        struct tapnet_error *error)
{
    const struct attachments none = {.count = 0};
    _cleanup_json_ json_t *request = json_pack("{s:s, s:s}", "do", "stop", "network", network);

    return talk(kernel, request, &none, ret_reply, error);
}

static int request_status(struct apply_kernel *kernel, json_t **ret_reply, struct tapnet_error *error)
{
    const struct attachments none = {.count = 0};
    _cleanup_json_ json_t *request = json_pack("{s:s}", "do", "status");

    return talk(kernel, request, &none, ret_reply, error);
}

/*
 * Sees an idle service to its end, and removes what stood for it. One that serves somebody stays. @process is -1 for
 * one that has not been told to end; @status is NULL when it is dead, or lives and answers nobody, which ends it too:
 * without its name nobody could.
 */
static int retire(struct apply_kernel *kernel, const json_t *status, int process, struct tapnet_error *error)
{
    bool idle = !json_array_size(json_object_get(status, "networks"));
    _cleanup_close_ int fresh = idle && status && process < 0 ? open_process(kernel) : -1;
    char path[RUN_PATH_MAX];
    int result = 0;

    if (!idle)
        return 0;
    if (status)
        wait_for_exit(process < 0 ? fresh : process);
    else
        result = apply_orphan_end(path_in(kernel, SOCKET_NAME, path), APPLY_SERVICE_NAME, error);
    if (result == 0)
        result = run_file_remove(kernel->run_dir, SOCKET_NAME, error);
    return result < 0 ? result : run_file_remove(kernel->run_dir, LOG_NAME, error);
}

int apply_service_stop(void *data, const char *network, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    _cleanup_close_ int process = open_process(kernel); /* now: when it has stopped nobody can tell */
    _cleanup_json_ json_t *reply = NULL;
    int result = request_stop(kernel, network, &reply, error);

    if (result == -ENOENT)
        result = request_status(kernel, &reply, error);
    if (result < 0 && result != -ECONNREFUSED)
        return result;
    return retire(kernel, reply, process, error);
}

int apply_service_release(void *data, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    _cleanup_json_ json_t *reply = NULL;
    int result = request_status(kernel, &reply, error);

    return result < 0 && result != -ECONNREFUSED ? result : retire(kernel, reply, -1, error);
}

/* What the service says that it serves; @ret NULL when nobody is reached. */
static int ask_served(struct apply_kernel *kernel, json_t **ret, struct tapnet_error *error)
{
    struct tapnet_error refusal = {0};
    int result = request_status(kernel, ret, &refusal);

    if (result == -ECONNREFUSED || result == -ENOENT) {
        *ret = NULL;
        return 0;
    }
    return result < 0 ? error_set(error, result, "%s", refusal.text) : 0;
}

int apply_service_trim(struct apply_kernel *kernel, bool (*needed)(const void *context, const char *network),
                       const void *context, struct tapnet_error *error)
{
    _cleanup_json_ json_t *status = NULL;
    const json_t *networks;
    char path[RUN_PATH_MAX];
    int result = ask_served(kernel, &status, error);

    if (result == 0 && !status)
        return needed ? 0 : apply_orphan_end(path_in(kernel, SOCKET_NAME, path), APPLY_SERVICE_NAME, error);
    networks = json_object_get(status, "networks");
    for (size_t i = 0; i < json_array_size(networks) && result == 0; i++) {
        const char *network = json_string_value(json_array_get(networks, i));

        if (network && !(needed && needed(context, network)))
            result = apply_service_stop(kernel, network, error);
    }
    return result < 0 || json_array_size(networks) ? result : retire(kernel, status, -1, error);
}
