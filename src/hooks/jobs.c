/* SPDX-License-Identifier: MIT */
/* The hooks of ports that run just now: a few at a time, each for so long and no longer. */
#include "hooks/jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

void jobs_init(struct jobs *jobs)
{
    *jobs = (struct jobs){0};
    for (size_t i = 0; i < JOBS_MAX; i++)
        jobs->places[i].pid_fd = -1;
}

void jobs_fini(struct jobs *jobs)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (!jobs->places[i].port)
            continue;
        hook_kill(jobs->places[i].pid);
        waitpid(jobs->places[i].pid, NULL, 0);
        close(jobs->places[i].pid_fd);
    }
}

/* ---- beginning ---- */

/* A process that nobody could see end would never be taken. */
static int watch(struct job *job, struct tapnet_error *error)
{
    int result;

    job->pid_fd = (int)syscall(SYS_pidfd_open, job->pid, 0);
    if (job->pid_fd >= 0)
        return 0;
    result = error_set_errno(error, -errno, "%s was ended: its end could not be waited for", job->program);
    hook_kill(job->pid);
    waitpid(job->pid, NULL, 0);
    return result;
}

static int start(struct job *job, const struct hooked_port *port, const char *event, struct tapnet_error *error)
{
    struct arena arena cleanup(arena_fini) = {.blocks = NULL};
    const char *environment[HOOK_ENVIRONMENT_MAX];
    int result = hook_environment(&arena, event, &port->network->facts, &port->facts, environment);

    if (result < 0)
        return error_set(error, result, "out of memory");
    result = hook_start(job->program, environment, &job->pid, error);
    return result < 0 ? result : watch(job, error);
}

/* @port is NULL when there is nothing left to do of it. */
static void begin(struct job *job, struct ports *ports, struct hooked_port *port, uint64_t now_usec)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    const char *event, *program;

    ports_begin(ports, port, now_usec, &event, &program);
    if (!*program)
        return;
    snprintf(job->program, sizeof(job->program), "%s", program);
    if (start(job, port, event, &error) < 0) {
        ports_end(ports, port, error.text);
        return;
    }
    job->port = port;
    job->killed = false;
    job->end_usec = now_usec + HOOK_SECONDS * UINT64_C(1000000);
}

void jobs_start(struct jobs *jobs, struct ports *ports, uint64_t now_usec)
{
    size_t place = 0;

    while (place < JOBS_MAX) {
        struct job *job = &jobs->places[place];
        struct hooked_port *port = job->port ? NULL : ports_next(ports, now_usec);

        if (port)
            begin(job, ports, port, now_usec);
        else if (job->port)
            place++;
        else
            return;
    }
}

/* ---- coming to its end ---- */

static void take(struct job *job, struct ports *ports)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct hooked_port *port = job->port;
    int code = 0, result = 0;

    while ((result = waitpid(job->pid, &code, 0)) < 0 && errno == EINTR)
        ;
    result = result < 0 ? error_set_errno(&error, -errno, "how %s ended is not known", job->program)
                        : hook_explain(job->program, code, !job->killed, &error);
    close(job->pid_fd);
    job->pid_fd = -1;
    job->port = NULL;
    ports_end(ports, port, result < 0 ? error.text : NULL);
}

/* By its own time, or by that of a network that has gone. */
static uint64_t end_of(const struct job *job)
{
    uint64_t end = job->port->network->end_usec;

    return end && end < job->end_usec ? end : job->end_usec;
}

void jobs_take(struct jobs *jobs, struct ports *ports, const struct pollfd polled[JOBS_MAX], uint64_t now_usec)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct job *job = &jobs->places[i];

        if (job->port && polled[i].fd == job->pid_fd && polled[i].revents)
            take(job, ports);
        if (!job->port || job->killed || now_usec < end_of(job))
            continue;
        job->killed = true;
        ports->missed += !job->port->network->up && !job->port->plugs;
        hook_kill(job->pid);
    }
}

void jobs_poll(const struct jobs *jobs, struct pollfd ret[JOBS_MAX])
{
    for (size_t i = 0; i < JOBS_MAX; i++)
        ret[i] = (struct pollfd){.fd = jobs->places[i].port ? jobs->places[i].pid_fd : -1, .events = POLLIN};
}

uint64_t jobs_due_usec(const struct jobs *jobs, const struct ports *ports)
{
    bool any_free = false;
    uint64_t first = 0;

    for (size_t i = 0; i < JOBS_MAX; i++) {
        const struct job *job = &jobs->places[i];

        any_free |= !job->port;
        if (job->port && !job->killed && (!first || end_of(job) < first))
            first = end_of(job);
    }
    if (any_free) {
        uint64_t ready = ports_ready_usec(ports);

        first = ready && (!first || ready < first) ? ready : first;
    }
    return first;
}
