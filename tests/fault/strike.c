/* SPDX-License-Identifier: MIT */
/* Runs a command and strikes at one exact system call of it: kills or signals it there, or makes the call fail. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "strike_calls.h"

/*
 * How it works: ptrace stops the command, and with --tree whatever it forks, at entry and exit of every system call;
 * those that count (strike_calls.c) are numbered from 1 in the order in which they are entered. A call that is to fail
 * is replaced by getpid() at its entry, and gets its result at its exit. A process killed at the entry of a call never
 * makes it. The dynamic loader crashes by some failures before a program can be asked anything: only calls after
 * its last one, the munmap() of its cache, are made to fail. When the command has ended, what it left running is let go
 * and runs on as if nobody had watched.
 */

static const char usage[] =
    "usage: strike [OPTIONS] -- COMMAND...\n"
    "  --at N           the call to strike at, from 1 (default: none)\n"
    "  --kill HOW       before, after: kill at the call's entry or exit\n"
    "  --send SIGNAL    the caller gets this at the call's entry, and runs on unwatched\n"
    "  --then N         with --send: the call at which it gets it again\n"
    "  --fail ERRNO     the call returns this instead of being made; it counts what can fail, not what changes\n"
    "  --again          with --fail: from there on every call of the same name by the same program fails\n"
    "  --tree           follow children; a kill hits all of them\n"
    "  --only COMM      with --tree: count only calls of processes of this name, and kill only the one that calls\n"
    "  --call NAME      count only calls of this name\n"
    "  --report FILE    what was counted: 'call N COMM NAME' each, 'struck N COMM NAME', 'calls N'\n";

#define TRACEES 64

struct tracee {
    pid_t pid;
    int result;   /* of the call that it is in, when that is to fail; 0: it is let through */
    bool loading; /* its program is being loaded */
};

struct strike {
    /* what is to be done */
    unsigned long at, then;
    bool before, after, again, tree;
    int fail; /* errno; 0: kill */
    int send; /* signal; 0: none */
    const char *only, *call;
    FILE *report;
    /* what was done */
    unsigned long count;
    const struct strike_call *struck;
    char struck_comm[16];
    pid_t main, victim; /* victim: to be killed at the exit of its call */
    bool running;       /* the command's own program has begun */
    bool done;          /* nothing is left to do: it runs on unwatched */
    struct tracee tracees[TRACEES];
};

static struct tracee *find_tracee(struct strike *strike, pid_t pid)
{
    for (size_t i = 0; i < TRACEES; i++)
        if (strike->tracees[i].pid == pid)
            return &strike->tracees[i];
    return NULL;
}

/* Its place among the tracees, a new one when it is met first. */
static struct tracee *meet_tracee(struct strike *strike, pid_t pid)
{
    struct tracee *tracee = find_tracee(strike, pid);

    if (!tracee)
        tracee = find_tracee(strike, 0);
    if (!tracee) {
        fputs("strike: too many processes\n", stderr);
        exit(2);
    }
    tracee->pid = pid;
    return tracee;
}

static void read_comm(pid_t pid, char ret[16])
{
    char path[64];
    _cleanup_fclose_ FILE *file = NULL;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    file = fopen(path, "re");
    if (!file || !fgets(ret, 16, file))
        strcpy(ret, "?");
    ret[strcspn(ret, "\n")] = '\0';
}

/* ---- striking ---- */

static void kill_tracees(struct strike *strike, pid_t caller)
{
    for (size_t i = 0; i < TRACEES; i++)
        if (strike->tracees[i].pid && (!strike->only || strike->tracees[i].pid == caller))
            kill(strike->tracees[i].pid, SIGKILL);
}

static void send_signal(struct strike *strike, pid_t caller)
{
    if (strike->count != strike->at && strike->count != strike->then)
        return;
    kill(caller, strike->send);
    strike->done = strike->count >= strike->then;
}

/* Is this call one that fails? The one that was chosen, or with --again one of its kind after it. */
static bool is_to_fail(const struct strike *strike, const struct strike_call *call, const char *comm)
{
    if (!strike->fail)
        return false;
    if (strike->count == strike->at)
        return true;
    return strike->again && strike->struck && strcmp(call->name, strike->struck->name) == 0 &&
           strcmp(comm, strike->struck_comm) == 0;
}

/* In the place of the call that is being entered one that does nothing: not none, since for that a filter kills. */
static void skip_call(pid_t pid)
{
    struct user_regs_struct registers;

    if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) == 0) {
        registers.orig_rax = SYS_getpid;
        ptrace(PTRACE_SETREGS, pid, NULL, &registers);
    }
}

static void set_result(pid_t pid, int result)
{
    struct user_regs_struct registers;

    if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) == 0) {
        registers.rax = (unsigned long long)(long long)result;
        ptrace(PTRACE_SETREGS, pid, NULL, &registers);
    }
}

static void enter_call(struct strike *strike, struct tracee *tracee, const struct __ptrace_syscall_info *info)
{
    unsigned kind = strike->fail ? STRIKE_FAILS : STRIKE_CHANGES;
    const struct strike_call *call = strike_call_find((long)info->entry.nr, kind, tracee->pid,
                                                      (const uint64_t *)info->entry.args);
    char comm[16];

    if (info->entry.nr == SYS_munmap)
        tracee->loading = false;
    if (!call || !strike->running || (strike->fail && tracee->loading))
        return;
    if (strike->call && strcmp(call->name, strike->call) != 0)
        return;
    read_comm(tracee->pid, comm);
    if (strike->only && strcmp(comm, strike->only) != 0)
        return;
    strike->count++;
    if (strike->report)
        fprintf(strike->report, "call %lu %s %s\n", strike->count, comm, call->name);
    if (is_to_fail(strike, call, comm)) {
        tracee->result = -strike->fail;
        skip_call(tracee->pid);
    }
    if (strike->send)
        send_signal(strike, tracee->pid);
    if (strike->count != strike->at)
        return;
    strike->struck = call;
    strcpy(strike->struck_comm, comm);
    if (strike->before)
        kill_tracees(strike, tracee->pid);
    if (strike->after)
        strike->victim = tracee->pid;
}

static void leave_call(struct strike *strike, struct tracee *tracee)
{
    if (tracee->result)
        set_result(tracee->pid, tracee->result);
    tracee->result = 0;
    if (strike->victim != tracee->pid)
        return;
    strike->victim = 0;
    kill_tracees(strike, tracee->pid);
}

/* ---- tracing ---- */

/* A stop of a tracee. Returns the signal that it is to get when it goes on. */
static int handle_stop(struct strike *strike, struct tracee *tracee, int status)
{
    struct __ptrace_syscall_info info;
    int event = status >> 16;

    if (event == PTRACE_EVENT_EXEC) {
        tracee->loading = true;
        strike->running |= tracee->pid == strike->main;
    }
    if (event)
        return 0;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80))
        return WSTOPSIG(status);
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->pid, sizeof(info), &info) <= 0)
        return 0; /* it was killed meanwhile */
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        enter_call(strike, tracee, &info);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
        leave_call(strike, tracee);
    return 0;
}

/* Is one in a call that was taken from it, and whose result it has not got yet? Let go now it would get another. */
static bool is_amid(const struct strike *strike)
{
    for (size_t i = 0; i < TRACEES; i++)
        if (strike->tracees[i].pid && strike->tracees[i].result)
            return true;
    return false;
}

/* Until the command itself has ended: its wait status. */
static int trace(struct strike *strike)
{
    bool ended = false;
    int result = 0;

    while (!ended || is_amid(strike)) {
        int status, signal;
        pid_t pid = waitpid(-1, &status, __WALL);

        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            return 1 << 8;
        if (WIFSTOPPED(status)) {
            signal = handle_stop(strike, meet_tracee(strike, pid), status);
            ptrace(strike->done ? PTRACE_DETACH : PTRACE_SYSCALL, pid, NULL, (void *)(long)signal);
            continue;
        }
        if (find_tracee(strike, pid))
            *find_tracee(strike, pid) = (struct tracee){.pid = 0};
        if (pid == strike->main) {
            ended = true;
            result = status;
        }
    }
    return result;
}

/* Starts the command, held until we watch it. */
static int start(struct strike *strike, char **command)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC;
    int pipe_fds[2];
    char go;

    if (strike->tree)
        options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    strike->main = fork();
    if (strike->main < 0)
        return -errno;
    if (strike->main == 0) {
        close(pipe_fds[1]);
        for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
            signal(ending[i], SIG_DFL); /* a test run in the background ignores some */
        if (read(pipe_fds[0], &go, 1) == 1)
            execvp(command[0], command);
        _exit(127);
    }
    if (ptrace(PTRACE_SEIZE, strike->main, NULL, (void *)options) < 0)
        return -errno;
    ptrace(PTRACE_INTERRUPT, strike->main, NULL, NULL); /* so that it stops once, and from there at every call */
    if (write(pipe_fds[1], "", 1) != 1)
        return -errno;
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

static bool parse_options(struct strike *strike, int count, char **words)
{
    static const struct option known[] = {
        {"at", required_argument, NULL, 'n'},
        {"kill", required_argument, NULL, 'k'},
        {"send", required_argument, NULL, 's'},
        {"then", required_argument, NULL, 'T'},
        {"fail", required_argument, NULL, 'f'},
        {"again", no_argument, NULL, 'a'},
        {"tree", no_argument, NULL, 't'},
        {"only", required_argument, NULL, 'o'},
        {"call", required_argument, NULL, 'c'},
        {"report", required_argument, NULL, 'r'},
        {0},
    };
    int option;

    while ((option = getopt_long(count, words, "+", known, NULL)) != -1) {
        if (option == 'n')
            strike->at = strtoul(optarg, NULL, 10);
        else if (option == 'k') {
            strike->before = strcmp(optarg, "before") == 0;
            strike->after = strcmp(optarg, "after") == 0;
        } else if (option == 's')
            strike->send = atoi(optarg);
        else if (option == 'T')
            strike->then = strtoul(optarg, NULL, 10);
        else if (option == 'f')
            strike->fail = atoi(optarg);
        else if (option == 'a')
            strike->again = true;
        else if (option == 't')
            strike->tree = true;
        else if (option == 'o')
            strike->only = optarg;
        else if (option == 'c')
            strike->call = optarg;
        else if (option == 'r')
            strike->report = fopen(optarg, "we");
        else
            return false;
    }
    return optind < count;
}

int main(int count, char **words)
{
    struct strike strike = {.at = 0};
    int result, status;

    if (!parse_options(&strike, count, words)) {
        fputs(usage, stderr);
        return 2;
    }
    result = start(&strike, words + optind);
    if (result < 0) {
        fprintf(stderr, "strike: cannot watch %s: %s\n", words[optind], strerrordesc_np(-result));
        return 2;
    }
    status = trace(&strike);
    if (strike.report) {
        if (strike.struck)
            fprintf(strike.report, "struck %lu %s %s\n", strike.at, strike.struck_comm, strike.struck->name);
        fprintf(strike.report, "calls %lu\n", strike.count);
        fclose(strike.report);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
