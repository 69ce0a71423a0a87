/* SPDX-License-Identifier: MIT */
/* The keeper's loop: events in, a look at the host, repairs out. */
#include "keeper/keeper.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/mend.h"
#include "api/resident.h"
#include "apply/kernel.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "keeper/events.h"
#include "keeper/patience.h"
#include "service/log.h"
#include "service/loop.h"

#define LOG_STEPS_MAX 8 /* lines for one repair */

struct keeper {
    const struct keeper_options *options;
    struct events *events;
    struct patience patience;
    uint64_t look_usec;  /* when to look; 0: nothing to look for */
    uint64_t ready_usec; /* not before */
    size_t sets;         /* that were up at the last look */
    int service_fd;      /* pidfd of the service; -1: none */
    int client_fd;       /* who waits for the next look; -1: nobody */
    char culprit[EVENTS_CULPRIT_MAX];
};

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

/* ---- the service ---- */

static int ask_service(const char *run_dir, pid_t *ret)
{
    static const char request[] = "{\"do\":\"status\"}";
    char path[RUN_PATH_MAX], reply[8192];
    json_t *json cleanup(cleanup_json) = NULL;
    _cleanup_close_ int fd = -1;
    size_t len = 0, fd_count = 0;
    int result = snprintf(path, sizeof(path), "%s/service.sock", run_dir) < (int)sizeof(path) ? 0 : -ENAMETOOLONG;

    if (result == 0)
        result = apply_socket_connect(path, &fd, NULL);
    if (result == 0)
        result = message_send(fd, request, strlen(request), NULL, 0, 0);
    if (result == 0)
        result = message_receive(fd, reply, sizeof(reply), NULL, 0, &len, &fd_count, 0);
    if (result < 0)
        return result;
    json = json_loadb(reply, len, 0, NULL);
    *ret = (pid_t)json_integer_value(json_object_get(json, "pid"));
    return *ret > 0 ? 0 : -EPROTO;
}

/* So that we hear of its end. */
static void watch_service(struct keeper *keeper)
{
    pid_t pid;

    if (keeper->service_fd >= 0)
        close(keeper->service_fd);
    keeper->service_fd = -1;
    if (ask_service(keeper->options->tapnet->run_dir, &pid) == 0)
        keeper->service_fd = (int)syscall(SYS_pidfd_open, pid, 0);
}

/* ---- a look ---- */

static void log_repair(const struct keeper *keeper, const char *set, const struct plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        char object[MODEL_OBJECT_TEXT_MAX], reason[PLAN_REASON_MAX];

        if (i == LOG_STEPS_MAX) {
            log_line("set %s: and %zu more", set, plan->step_count - i);
            return;
        }
        plan_step_reason(step, reason);
        log_line("set %s: %s %s%s%s; last to change anything: %s", set, step->after ? "put back" : "took away",
                 model_object_print(plan_step_object(step), object), reason[0] ? ": " : "", reason,
                 keeper->culprit[0] ? keeper->culprit : "unknown");
    }
}

static bool judge(void *data, const char *set, const struct plan *plan)
{
    struct keeper *keeper = data;
    unsigned pause;
    bool allowed = patience_allows(&keeper->patience, set, loop_now_usec(), &pause);

    if (allowed)
        log_repair(keeper, set, plan);
    if (pause)
        log_line("set %s: somebody keeps undoing it (last to change anything: %s); next try in %u s", set,
                 keeper->culprit[0] ? keeper->culprit : "unknown", pause);
    return allowed;
}

/* Is the run directory still the one that we were started for? Without our socket nobody would know of us. */
static bool is_known(const struct keeper *keeper)
{
    char path[RUN_PATH_MAX];
    struct stat status;

    return snprintf(path, sizeof(path), "%s/" RESIDENT_SOCKET, keeper->options->tapnet->run_dir) < RUN_PATH_MAX &&
           stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

static void reply_to_client(struct keeper *keeper, bool ends)
{
    char text[128];

    if (keeper->client_fd < 0)
        return;
    snprintf(text, sizeof(text), "{\"ok\":true,\"pid\":%d,\"sets\":%zu,\"ends\":%s}", (int)getpid(), keeper->sets,
             ends ? "true" : "false");
    message_send(keeper->client_fd, text, strlen(text), NULL, 0, MSG_DONTWAIT);
    close(keeper->client_fd);
    keeper->client_fd = -1;
}

static void look(struct keeper *keeper)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    uint64_t start = loop_now_usec(), end, pause_end;
    int result = mend_all(keeper->options->tapnet, judge, keeper, &keeper->sets, &error);

    if (result < 0)
        log_line("cannot put back everything: %s", error.text);
    watch_service(keeper);
    end = loop_now_usec();
    pause_end = patience_next(&keeper->patience, end);
    keeper->look_usec = result < 0 ? end + 1000000 : pause_end; /* what failed is tried again */
    keeper->ready_usec = end + (end - start) * (KEEPER_SHARE - 1);
    keeper->culprit[0] = '\0';
}

/* ---- waiting ---- */

static void want_look(struct keeper *keeper, uint64_t at)
{
    if (!keeper->look_usec || at < keeper->look_usec)
        keeper->look_usec = at;
}

/* Milliseconds until the next look, rounded up; -1: none is due. */
static int wait_msec(const struct keeper *keeper)
{
    uint64_t now = loop_now_usec(), at = keeper->look_usec;

    if (!at)
        return -1;
    if (at < keeper->ready_usec)
        at = keeper->ready_usec;
    return at <= now ? 0 : (int)((at - now + 999) / 1000);
}

/* A tapnet command wants a look now; it waits for us, so what it says is read at once. */
static void take_client(struct keeper *keeper)
{
    const struct timeval timeout = {.tv_sec = 1};
    _cleanup_close_ int fd = accept4(keeper->options->control_fd, NULL, NULL, SOCK_CLOEXEC);
    char request[RESIDENT_MESSAGE_MAX];
    size_t len, fd_count;

    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (message_receive(fd, request, sizeof(request), NULL, 0, &len, &fd_count, 0) < 0)
        return; /* only somebody who asks whether we are there */
    if (keeper->client_fd >= 0)
        close(keeper->client_fd);
    keeper->client_fd = take_fd(&fd);
    keeper->look_usec = keeper->ready_usec = 1;
}

static int wait_for_events(struct keeper *keeper)
{
    struct pollfd fds[] = {
        {.fd = events_route_fd(keeper->events), .events = POLLIN},
        {.fd = events_netfilter_fd(keeper->events), .events = POLLIN},
        {.fd = keeper->options->control_fd, .events = POLLIN},
        {.fd = keeper->service_fd, .events = POLLIN},
    };

    if (poll(fds, sizeof(fds) / sizeof(fds[0]), wait_msec(keeper)) < 0)
        return errno == EINTR ? 0 : -errno;
    if ((fds[0].revents || fds[1].revents) && events_read(keeper->events, (int)getpid(), keeper->culprit))
        want_look(keeper, loop_now_usec() + KEEPER_SETTLE_USEC);
    if (fds[3].revents) {
        close(keeper->service_fd);
        keeper->service_fd = -1;
        want_look(keeper, loop_now_usec());
    }
    if (fds[2].revents)
        take_client(keeper);
    return 0;
}

/* ---- the whole ---- */

static void keeper_fini(struct keeper *keeper)
{
    events_close(keeper->events);
    patience_fini(&keeper->patience);
    if (keeper->service_fd >= 0)
        close(keeper->service_fd);
    if (keeper->client_fd >= 0)
        close(keeper->client_fd);
}

/* Looks when it is time. True to go on, false when there is nothing to keep any more. */
static bool look_if_due(struct keeper *keeper)
{
    bool ends;

    if (wait_msec(keeper) != 0)
        return true;
    if (!is_known(keeper)) {
        log_line("the run directory is gone: the next `tapnet up` starts another keeper");
        return false;
    }
    look(keeper);
    ends = keeper->sets == 0 && !keeper->options->stay;
    reply_to_client(keeper, ends);
    return !ends;
}

/* The last set is gone: so is our name, before anybody could meet us again. */
static void leave(const struct keeper *keeper)
{
    const char *run_dir = keeper->options->tapnet->run_dir;
    int lock;

    if (!is_known(keeper) || run_lock(run_dir, &lock, NULL) < 0)
        return;
    run_file_remove(run_dir, RESIDENT_SOCKET, NULL);
    run_file_remove(run_dir, RESIDENT_LOG, NULL);
    run_unlock(run_dir, lock);
}

int keeper_run(const struct keeper_options *options, struct tapnet_error *error)
{
    struct keeper keeper cleanup(keeper_fini) = {.options = options, .service_fd = -1, .client_fd = -1, .look_usec = 1};
    int result = events_open(&keeper.events, error);

    while (result == 0 && look_if_due(&keeper)) {
        result = wait_for_events(&keeper);
        if (result < 0)
            error_set_errno(error, result, "cannot wait for events");
    }
    if (result == 0 && keeper.sets == 0)
        leave(&keeper);
    return result;
}
