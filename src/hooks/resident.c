/* SPDX-License-Identifier: MIT */
/* The loop of tapnet-hooks: events in, a look at the links, hooks out. */
#include "hooks/resident.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/hook_resident.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "hooks/jobs.h"
#include "hooks/look.h"
#include "hooks/ports.h"
#include "keeper/clients.h"
#include "service/log.h"
#include "service/loop.h"

#define RETRY_USEC UINT64_C(1000000) /* after a look that failed */

struct resident {
    struct tapnet *tapnet;
    int control_fd;
    struct look look;
    struct ports ports;
    struct jobs jobs;
    struct clients clients;
    bool files;          /* the ledgers are to be read again */
    uint64_t look_usec;  /* when to look; 0: nothing to look for */
    uint64_t ready_usec; /* not before */
};

static void resident_fini(struct resident *resident)
{
    jobs_fini(&resident->jobs);
    ports_fini(&resident->ports);
    look_fini(&resident->look);
    clients_fini(&resident->clients);
}

static void want_look(struct resident *resident, uint64_t at)
{
    if (!resident->look_usec || at < resident->look_usec)
        resident->look_usec = at;
}

/* ---- our name ---- */

/* The one that we write went with the directory. Standard error is systemd's, or the same. */
static void reopen_log(const char *run_dir)
{
    char path[RUN_PATH_MAX];
    int fd = run_path(run_dir, HOOK_RESIDENT_LOG, path) == 0
                 ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)
                 : -1;

    if (fd >= 0)
        log_open(fd); /* for good */
}

/*
 * Is our socket in the run directory? Without, nobody knows of us: somebody tidied up. It gets another name, unless
 * another one was started meanwhile: -EALREADY.
 */
static int become_known(struct resident *resident)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char path[RUN_PATH_MAX];
    struct stat status;
    int fd, result;

    if (run_path(resident->tapnet->run_dir, HOOK_RESIDENT_SOCKET, path) < 0 ||
        (stat(path, &status) == 0 && S_ISSOCK(status.st_mode)))
        return 0;
    result = hook_resident_listen(resident->tapnet, &fd, &error);
    if (result < 0) {
        log_line("the socket was removed: %s", error.text);
        return result;
    }
    dup2(fd, resident->control_fd);
    close(fd);
    reopen_log(resident->tapnet->run_dir);
    ports_write_again(&resident->ports);
    log_line("the socket was removed, and is put back");
    return 0;
}

/*
 * Is there nothing left to do, and nobody who is about to ask? Then our name goes, before anybody could meet us again:
 * who brings a network up has the lock, and has written its ledger.
 */
static bool leave(struct resident *resident)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int lock;
    bool last;

    if (ports_any_up(&resident->ports) || ports_any_leaving(&resident->ports) || resident->look_usec ||
        (clients_any(&resident->clients) && !clients_wait(&resident->clients)) ||
        run_lock(resident->tapnet->run_dir, &lock, NULL) < 0)
        return false;
    last = ports_read_ledgers(&resident->ports, &error) == 0 && !ports_any_up(&resident->ports);
    if (last)
        hook_resident_remove_files(resident->tapnet);
    run_unlock(resident->tapnet->run_dir, lock);
    if (!last)
        want_look(resident, 1);
    return last;
}

static void reply(struct resident *resident, bool ends)
{
    char text[128];

    if (!clients_wait(&resident->clients))
        return;
    snprintf(text, sizeof(text), "{\"ok\":true,\"pid\":%d,\"missed\":%zu,\"ends\":%s}", (int)getpid(),
             ports_missed(&resident->ports), ends ? "true" : "false");
    clients_reply(&resident->clients, text);
}

/* ---- a look ---- */

static int look(struct resident *resident, struct tapnet_error *error)
{
    int result = 0;

    look_read(&resident->look, &resident->files);
    if (resident->files || look_watch_files(&resident->look, resident->tapnet->run_dir)) {
        result = ports_read_ledgers(&resident->ports, error);
        resident->files = result < 0;
    }
    if (result == 0)
        result = look_at_links(&resident->look, error);
    return result < 0 ? result : ports_compare(&resident->ports, &resident->look, loop_now_usec());
}

/* A failure is tried again, and told when it is the first. */
static void look_if_due(struct resident *resident)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    uint64_t used = loop_used_usec(), now = loop_now_usec();
    static bool failed;
    int result;

    if (!resident->look_usec || now < resident->look_usec || now < resident->ready_usec)
        return;
    resident->look_usec = 0;
    result = look(resident, &error);
    if (result < 0) {
        if (!failed)
            log_line("cannot look which ports have a guest: %s", error.text);
        want_look(resident, now + RETRY_USEC);
    } else if (look_watch_files(&resident->look, resident->tapnet->run_dir)) {
        resident->files = true;
        want_look(resident, now);
    }
    failed = result < 0;
    resident->ready_usec = loop_now_usec() + (loop_used_usec() - used) * (RESIDENT_SHARE - 1);
}

/* ---- waiting ---- */

enum {
    WAIT_CONTROL,
    WAIT_LINKS,
    WAIT_FILES,
    WAIT_CLIENTS,
    WAIT_JOBS = WAIT_CLIENTS + CLIENTS_MAX,
    WAIT_COUNT = WAIT_JOBS + JOBS_MAX,
};

static uint64_t earlier(uint64_t one, uint64_t other)
{
    return !one || (other && other < one) ? other : one;
}

/* Milliseconds until something is due, rounded up; -1: never. */
static int patience_msec(const struct resident *resident)
{
    uint64_t now = loop_now_usec(), at = resident->look_usec;

    at = at && at < resident->ready_usec ? resident->ready_usec : at;
    at = earlier(at, jobs_due_usec(&resident->jobs, &resident->ports));
    at = earlier(at, ports_give_up_usec(&resident->ports));
    if (!at)
        return -1;
    return at <= now ? 0 : (int)((at - now + 999) / 1000);
}

static void take_clients(struct resident *resident, const struct pollfd *fds)
{
    if (clients_read(&resident->clients, fds + WAIT_CLIENTS)) {
        resident->files = true;
        resident->look_usec = resident->ready_usec = 1;
    }
    if (fds[WAIT_CONTROL].revents)
        clients_accept(&resident->clients, resident->control_fd);
}

/* Under a storm an event is read once a look, with all that came behind it. */
static int wait_for_events(struct resident *resident)
{
    struct pollfd fds[WAIT_COUNT];
    bool settling = resident->look_usec != 0;
    uint64_t now;

    fds[WAIT_CONTROL] = (struct pollfd){.fd = resident->control_fd, .events = POLLIN};
    fds[WAIT_LINKS] = (struct pollfd){.fd = settling ? -1 : resident->look.links_fd, .events = POLLIN};
    fds[WAIT_FILES] = (struct pollfd){.fd = settling ? -1 : resident->look.files_fd, .events = POLLIN};
    clients_poll(&resident->clients, fds + WAIT_CLIENTS);
    jobs_poll(&resident->jobs, fds + WAIT_JOBS);
    if (poll(fds, ARRAY_COUNT(fds), patience_msec(resident)) < 0)
        return errno == EINTR ? 0 : -errno;
    now = loop_now_usec();
    if ((fds[WAIT_LINKS].revents || fds[WAIT_FILES].revents) && look_read(&resident->look, &resident->files))
        want_look(resident, now + RESIDENT_SETTLE_USEC);
    take_clients(resident, fds);
    jobs_take(&resident->jobs, &resident->ports, fds + WAIT_JOBS, now);
    ports_give_up(&resident->ports, now);
    return 0;
}

/* ---- the whole ---- */

/* True to go on. */
static bool work(struct resident *resident)
{
    bool leaves;

    if (resident->files && become_known(resident) < 0)
        return false;
    look_if_due(resident);
    jobs_start(&resident->jobs, &resident->ports, loop_now_usec());
    leaves = leave(resident);
    if (leaves || (!resident->look_usec && !ports_any_leaving(&resident->ports)))
        reply(resident, leaves);
    return !leaves;
}

int hooks_resident_run(struct tapnet *tapnet, int control_fd, struct tapnet_error *error)
{
    struct resident resident cleanup(resident_fini) = {.tapnet = tapnet,
                                                       .control_fd = control_fd,
                                                       .look = LOOK_NONE,
                                                       .ports = {.told_fd = -1},
                                                       .files = true,
                                                       .look_usec = 1};
    int result;

    jobs_init(&resident.jobs);
    clients_init(&resident.clients);
    result = look_open(&resident.look, error);
    if (result == 0)
        result = ports_init(&resident.ports, tapnet->run_dir, error);
    while (result == 0 && work(&resident)) {
        result = wait_for_events(&resident);
        if (result < 0)
            error_set_errno(error, result, "cannot wait for events");
    }
    return result;
}
