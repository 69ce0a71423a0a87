/* SPDX-License-Identifier: MIT */
/* The keeper's loop: events in, a look at the host, repairs out. */
#include "keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/attach_quick.h"
#include "api/resident.h"
#include "apply/kernel.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "keeper/clients.h"
#include "keeper/events.h"
#include "keeper/repairs.h"
#include "keeper/requests.h"
#include "keeper/served.h"
#include "service/log.h"
#include "service/loop.h"

#define RETRY_MAX_SEC 60 /* what failed is tried again after 1, 2, 4, ... seconds */

struct keeper {
    const struct keeper_options *options;
    struct events *events;
    struct repairs repairs;
    struct served served;
    int control_fd;
    uint64_t look_usec;  /* when to look; 0: nothing to look for */
    uint64_t ready_usec; /* not before */
    uint64_t cost_usec;  /* of the last look, of a processor's time */
    bool settling;       /* an event was read, and the look that it asks for is near: the rest is read then */
    unsigned retry_sec;  /* of the last failure; 0: none */
    struct clients clients;
    struct requests requests;
    struct pool pool;
    size_t gone_count;  /* devices whose ports are gone, as far as we know */
    uint64_t gone_usec; /* when they are to be deleted; 0: there are none */
    uint64_t idle_usec; /* since when no set has been up; 0: one is */
};

/* ---- a look ---- */

static void reply_to_clients(struct keeper *keeper, bool ends)
{
    char text[128];

    snprintf(text, sizeof(text), "{\"ok\":true,\"pid\":%d,\"sets\":%zu,\"ends\":%s}", (int)getpid(),
             keeper->repairs.set_count, ends ? "true" : "false");
    clients_reply(&keeper->clients, text);
}

/* When the next look is due without an event: after a failure, and when something may be brought back again. */
static void schedule(struct keeper *keeper, int result, uint64_t now_usec)
{
    keeper->look_usec = patience_next(&keeper->repairs.patience, now_usec);
    if (result == 0) {
        keeper->retry_sec = 0;
        return;
    }
    keeper->retry_sec = keeper->retry_sec ? keeper->retry_sec * 2 : 1;
    if (keeper->retry_sec > RETRY_MAX_SEC)
        keeper->retry_sec = RETRY_MAX_SEC;
    if (!keeper->look_usec || keeper->look_usec > now_usec + keeper->retry_sec * UINT64_C(1000000))
        keeper->look_usec = now_usec + keeper->retry_sec * UINT64_C(1000000);
}

/* How long after an event. */
static uint64_t settle_usec(const struct keeper *keeper)
{
    if (keeper->cost_usec < KEEPER_SETTLE_USEC)
        return KEEPER_SETTLE_USEC;
    return keeper->cost_usec < KEEPER_SETTLE_MAX_USEC ? keeper->cost_usec : KEEPER_SETTLE_MAX_USEC;
}

static void want_look(struct keeper *keeper, uint64_t at)
{
    if (!keeper->look_usec || at < keeper->look_usec)
        keeper->look_usec = at;
}

/* More of them come together mostly: they are deleted when no more have come for a moment. */
static void learn_gone(struct keeper *keeper, uint64_t now_usec)
{
    size_t count = keeper->repairs.gone_count;

    if (keeper->repairs.gone_astray)
        keeper->gone_usec = now_usec;
    else if (count > keeper->gone_count && keeper->gone_count < KEEPER_GONE_MANY)
        keeper->gone_usec = now_usec + KEEPER_GONE_USEC;
    keeper->gone_count = count;
    if (!count)
        keeper->gone_usec = 0;
}

/* Something was read of others meanwhile: what comes with it is read with it. */
static void look_for_others(struct keeper *keeper)
{
    if (!events_wait(keeper->events))
        return;
    want_look(keeper, loop_now_usec() + settle_usec(keeper));
    keeper->settling = true;
}

/*
 * Deletes them, and tidies up what the ports that came and went have left in the run directory. The kernel holds its
 * own lock for some 20 ms, in which no network changes: that is why it is asked so seldom. While somebody has ours, all
 * of that waits for the next ones.
 */
static void delete_gone(struct keeper *keeper)
{
    struct tapnet *tapnet = keeper->options->tapnet;
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int lock, result = run_lock_now(tapnet->run_dir, &lock, &error);

    if (result == -EWOULDBLOCK) {
        keeper->gone_usec = loop_now_usec() + KEEPER_GONE_USEC;
        return;
    }
    if (result == 0) {
        events_begin_writing(keeper->events);
        result = api_gone_delete(tapnet, &error);
        if (result == 0 && quick_is_settled(tapnet)) /* what is half done is not for the ledger */
            result = quick_fold(tapnet, &error);
        events_end_writing(keeper->events);
        run_unlock(tapnet->run_dir, lock);
        look_for_others(keeper);
    }
    if (result < 0)
        log_line("cannot tidy up behind ports that are gone: %s", error.text);
    keeper->gone_usec = result < 0 ? loop_now_usec() + RETRY_MAX_SEC * UINT64_C(1000000) : 0;
    keeper->gone_count = 0;
}

static void look(struct keeper *keeper)
{
    struct tapnet *tapnet = keeper->options->tapnet;
    struct tapnet_error error = TAPNET_ERROR_INIT;
    uint64_t used = loop_used_usec(), end;
    int result;

    keeper->settling = false;
    events_read(keeper->events); /* what happened until now is seen by this look */
    served_end_mute(&keeper->served, tapnet->run_dir, &tapnet->loan);
    result = repairs_run(&keeper->repairs, &error);
    if (result < 0 && !keeper->retry_sec)
        log_line("cannot put back everything: %s", error.text);
    served_meet(&keeper->served, tapnet->run_dir, &tapnet->loan);
    end = loop_now_usec();
    keeper->cost_usec = loop_used_usec() - used;
    schedule(keeper, result, end);
    learn_gone(keeper, end);
    look_for_others(keeper);
    if (events_watch_files(keeper->events, tapnet->run_dir, keeper->repairs.held_down))
        want_look(keeper, end);
    keeper->ready_usec = end + keeper->cost_usec * (KEEPER_SHARE - 1);
}

/* ---- waiting ---- */

/* Milliseconds until then, rounded up; 0 is never: -1. */
static int msec_until(uint64_t usec)
{
    uint64_t now = loop_now_usec();

    if (!usec)
        return -1;
    return usec <= now ? 0 : (int)((usec - now + 999) / 1000);
}

/* Until the next look; -1: none is due. */
static int wait_msec(const struct keeper *keeper)
{
    uint64_t at = keeper->look_usec;

    return msec_until(at && at < keeper->ready_usec ? keeper->ready_usec : at);
}

/* The earlier of the two, of which -1 is never. */
static int earlier(int msec, int other)
{
    if (msec < 0 || other < 0)
        return msec < 0 ? other : msec;
    return msec < other ? msec : other;
}

static bool any_ready(const struct pollfd *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i].revents)
            return true;
    return false;
}

/* The service is gone, or is at work: or is not? */
static void take_service(struct keeper *keeper, bool ended, bool stirs)
{
    struct tapnet *tapnet = keeper->options->tapnet;

    if (ended) {
        log_line("the service has ended");
        served_forget(&keeper->served);
        want_look(keeper, loop_now_usec());
        keeper->ready_usec = 0; /* a tapnet that starts another must find the log group free, or us giving way */
    } else if (stirs) {
        served_stirs(&keeper->served);
    } else if (msec_until(keeper->served.look_usec) == 0) {
        served_look(&keeper->served, tapnet->run_dir, &tapnet->loan);
    }
}

/* A tapnet command connects, or wants a look now. */
static void take_clients(struct keeper *keeper, bool connects, const struct pollfd *fds)
{
    if (clients_read(&keeper->clients, fds))
        keeper->look_usec = keeper->ready_usec = 1;
    if (connects)
        clients_accept(&keeper->clients, keeper->control_fd);
}

/* The lock is another tapnet's, which may be about to start a service. */
static void give_way(void *data)
{
    served_give_way(&((struct keeper *)data)->options->tapnet->loan);
}

/* Users of the host want something. What is owed to those before them is done when nobody asks. */
static void take_requests(struct keeper *keeper, const struct pollfd *fds)
{
    bool due = msec_until(requests_due(&keeper->requests)) == 0;

    if (!due && !any_ready(fds, REQUESTS_FDS)) {
        pool_plug_in(&keeper->pool);
        return;
    }
    if (requests_read(&keeper->requests, fds))
        want_look(keeper, loop_now_usec());
    pool_plug_in_overdue(&keeper->pool);
}

/* Who is waited for, by place. */
enum {
    WAIT_CONTROL = EVENTS_FDS,
    WAIT_SERVICE_END,
    WAIT_SERVICE_WORK,
    WAIT_CLIENTS,
    WAIT_REQUESTS = WAIT_CLIENTS + CLIENTS_MAX,
    WAIT_COUNT = WAIT_REQUESTS + REQUESTS_FDS,
};

/* Milliseconds at most; -1: until something happens. */
static int patience_msec(const struct keeper *keeper)
{
    int msec = earlier(wait_msec(keeper), msec_until(keeper->served.look_usec));

    msec = earlier(msec, msec_until(requests_due(&keeper->requests)));
    msec = earlier(msec, msec_until(keeper->gone_usec));
    msec = earlier(msec, msec_until(keeper->clients.closings.due_usec));
    return earlier(msec, msec_until(pool_due(&keeper->pool)));
}

static int poll_all(const struct keeper *keeper, struct pollfd fds[WAIT_COUNT])
{
    const struct timespec quiet = {.tv_nsec = POOL_QUIET_USEC * 1000};

    return keeper->pool.taken_count ? ppoll(fds, WAIT_COUNT, &quiet, NULL)
                                    : poll(fds, WAIT_COUNT, patience_msec(keeper));
}

/*
 * Under a storm an event is read once a look, with all that came behind it: while a look is near, nobody wakes us for
 * more of them.
 */
static int wait_for_events(struct keeper *keeper)
{
    struct pollfd fds[WAIT_COUNT];
    int sources[EVENTS_FDS], ready;

    api_close_ops(keeper->options->tapnet);
    events_fds(keeper->events, sources);
    for (size_t i = 0; i < EVENTS_FDS; i++)
        fds[i] = (struct pollfd){.fd = keeper->settling ? -1 : sources[i], .events = POLLIN};
    fds[WAIT_CONTROL] = (struct pollfd){.fd = keeper->control_fd, .events = POLLIN};
    fds[WAIT_SERVICE_END] = (struct pollfd){.fd = keeper->served.pid_fd, .events = POLLIN};
    fds[WAIT_SERVICE_WORK] = (struct pollfd){.fd = served_watch_fd(&keeper->served), .events = POLLIN};
    clients_poll(&keeper->clients, fds + WAIT_CLIENTS);
    requests_poll(&keeper->requests, fds + WAIT_REQUESTS);
    ready = poll_all(keeper, fds);
    if (ready < 0)
        return errno == EINTR ? 0 : -errno;
    if (ready == 0 && msec_until(pool_due(&keeper->pool)) == 0 && !pool_fill(&keeper->pool, keeper->options->tapnet))
        want_look(keeper, loop_now_usec()); /* which waits for the lock */
    closings_look(&keeper->clients.closings, loop_now_usec());
    if (msec_until(keeper->gone_usec) == 0) /* whoever else wants something meanwhile */
        delete_gone(keeper);
    if (any_ready(fds, EVENTS_FDS) && events_read(keeper->events)) {
        want_look(keeper, loop_now_usec() + settle_usec(keeper));
        keeper->settling = true;
    }
    take_service(keeper, fds[WAIT_SERVICE_END].revents, fds[WAIT_SERVICE_WORK].revents);
    take_clients(keeper, fds[WAIT_CONTROL].revents, fds + WAIT_CLIENTS);
    take_requests(keeper, fds + WAIT_REQUESTS);
    return 0;
}

/* ---- the whole ---- */

/*
 * Before the first look: who we are is written, and told to those who have asked already. They know from the socket
 * that there is a keeper, and the look may wait for the lock.
 */
static void introduce(struct keeper *keeper)
{
    struct pollfd fds[1 + CLIENTS_MAX];

    repairs_write_state(&keeper->repairs);
    for (;;) {
        fds[0] = (struct pollfd){.fd = keeper->control_fd, .events = POLLIN};
        clients_poll(&keeper->clients, fds + 1);
        if (poll(fds, ARRAY_COUNT(fds), 0) <= 0)
            return;
        take_clients(keeper, fds[0].revents, fds + 1);
    }
}

static void keeper_fini(struct keeper *keeper)
{
    repairs_fini(&keeper->repairs);
    served_fini(&keeper->served, &keeper->options->tapnet->loan);
    events_close(keeper->events);
    clients_fini(&keeper->clients);
    requests_fini(&keeper->requests);
    pool_fini(&keeper->pool);
}

/* Is our socket in the run directory? Without, nobody knows of us. */
static bool is_known(const struct keeper *keeper)
{
    char path[RUN_PATH_MAX];
    struct stat status;

    return run_path(keeper->options->tapnet->run_dir, RESIDENT_SOCKET, path) == 0 && stat(path, &status) == 0 &&
           S_ISSOCK(status.st_mode);
}

/* The one that we write went with the directory. Standard error is systemd's, or the same. */
static void reopen_log(const struct keeper *keeper)
{
    char path[RUN_PATH_MAX];
    int fd, lock;

    if (run_lock(keeper->options->tapnet->run_dir, &lock, NULL) < 0)
        return;
    snprintf(path, sizeof(path), "%.4000s/" RESIDENT_LOG, keeper->options->tapnet->run_dir);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    run_unlock(keeper->options->tapnet->run_dir, lock);
    if (fd >= 0)
        log_open(fd); /* for good */
}

/*
 * Somebody tidied up: our socket gets another name, unless another keeper was started meanwhile. What else is missing
 * the look finds. -EALREADY: there is another one.
 */
static int become_known(struct keeper *keeper)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int fd, result;

    requests_open(&keeper->requests);
    if (is_known(keeper))
        return 0;
    reopen_log(keeper);
    result = resident_listen(keeper->options->tapnet, &fd, &error);
    if (result < 0) {
        log_line("the keeper's socket was removed: %s", error.text);
        return result;
    }
    dup2(fd, keeper->control_fd);
    close(fd);
    log_line("the keeper's socket was removed, and is put back");
    return 0;
}

/* Was that the last look? */
static bool ends(struct keeper *keeper)
{
    uint64_t now = loop_now_usec();

    if (keeper->repairs.set_count || keeper->options->stay) {
        keeper->idle_usec = 0;
        return false;
    }
    if (clients_wait(&keeper->clients))
        return true;
    if (!keeper->idle_usec || clients_any(&keeper->clients)) /* one that is about to ask */
        keeper->idle_usec = now;
    if (now >= keeper->idle_usec + KEEPER_LINGER_USEC)
        return true;
    want_look(keeper, keeper->idle_usec + KEEPER_LINGER_USEC);
    return false;
}

/* Looks when it is time. True to go on, false when there is nothing to keep any more. */
static bool look_if_due(struct keeper *keeper)
{
    bool last;

    if (wait_msec(keeper) != 0)
        return true;
    if (become_known(keeper) < 0)
        return false;
    look(keeper);
    requests_settle(&keeper->requests);
    last = ends(keeper);
    reply_to_clients(keeper, last);
    return !last;
}

/* The last set is gone: so is our name, before anybody could meet us again. */
static void leave(const struct keeper *keeper)
{
    const char *run_dir = keeper->options->tapnet->run_dir;
    int lock;

    if (!is_known(keeper) || run_lock(run_dir, &lock, NULL) < 0)
        return;
    resident_remove_files(keeper->options->tapnet, NULL);
    run_unlock(run_dir, lock);
}

int keeper_run(const struct keeper_options *options, struct tapnet_error *error)
{
    struct keeper keeper cleanup(keeper_fini) = {.options = options,
                                                 .repairs = {.tapnet = options->tapnet},
                                                 .served = SERVED_NONE,
                                                 .control_fd = options->control_fd,
                                                 .look_usec = 1};
    int result;

    clients_init(&keeper.clients);
    requests_init(&keeper.requests, options->attach_fd, options->tapnet, &keeper.pool, give_way, &keeper);
    keeper.repairs.requests = &keeper.requests;
    keeper.repairs.pool = &keeper.pool;
    result = events_open(&keeper.events, error);
    keeper.repairs.events = keeper.events;
    if (result == 0)
        introduce(&keeper);
    while (result == 0 && look_if_due(&keeper)) {
        result = wait_for_events(&keeper);
        if (result < 0)
            error_set_errno(error, result, "cannot wait for events");
    }
    if (result == 0 && keeper.repairs.set_count == 0)
        leave(&keeper);
    return result;
}
