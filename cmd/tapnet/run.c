/* SPDX-License-Identifier: MIT */
/* The command run: plugs a port, starts a command with its descriptors, and unplugs when that has ended. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach.h"
#include "run_command.h"
#include "session.h"

/*
 * How it works: the port is made and opened by the library; the command inherits the descriptors, and we close ours, so
 * that the kernel knows who holds the port. A command that opens the device by its name gets it free. Should we be
 * killed, the port goes when the command has ended, by the keeper or the next tapnet. Signals are taken one by one
 * while the command runs: those that somebody sent us are handed on; what a terminal sends reaches the command by
 * itself, since it is in our process group.
 */

#define EXIT_NOT_RUN 125      /* tapnet itself failed, and the command was not started: as env(1), timeout(1) */
#define EXIT_NOT_EXECUTED 126 /* as a shell */
#define EXIT_NOT_FOUND 127

static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH};

static volatile sig_atomic_t stopped_by; /* a signal that came before the command was started; 0: none */

static void note_signal(int number)
{
    stopped_by = number;
}

/* Until the command is started, a signal that would end us is noted, and ends the wait for another tapnet. */
static void note_signals(void)
{
    static const int stopping[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    const struct sigaction note = {.sa_handler = note_signal}; /* no SA_RESTART */

    signal(SIGCHLD, SIG_DFL); /* whoever ignores it is told of no end */
    for (size_t i = 0; i < sizeof(stopping) / sizeof(stopping[0]); i++) {
        struct sigaction action;

        if (sigaction(stopping[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaction(stopping[i], &note, NULL);
    }
}

/* From now on signals wait for us to take them. */
static void block_signals(sigset_t *ret_taken, sigset_t *ret_before)
{
    sigemptyset(ret_taken);
    sigaddset(ret_taken, SIGCHLD);
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
        sigaddset(ret_taken, forwarded[i]);
    sigprocmask(SIG_BLOCK, ret_taken, ret_before);
}

/* ---- the command ---- */

/* Says what the command inherits: the port, nothing of what we do with signals, and @mask. */
static int inherit(const struct run_command *command, const sigset_t *mask, posix_spawn_file_actions_t *files,
                   posix_spawnattr_t *attributes)
{
    sigset_t ignored;
    int result = 0;

    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    for (size_t i = 0; i < command->fd_count && result == 0; i++) /* onto itself: it stays open */
        result = posix_spawn_file_actions_adddup2(files, command->fds[i], command->fds[i]);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(attributes, &ignored);
    posix_spawnattr_setsigmask(attributes, mask);
    return result;
}

/* By a shell: a script without a line that names its interpreter is the shell's, as it is for execvp(3). */
static int spawn_by_shell(char *const *words, const posix_spawn_file_actions_t *files,
                          const posix_spawnattr_t *attributes, pid_t *ret)
{
    static char shell[] = "/bin/sh", option[] = "-c", script[] = "exec \"$0\" \"$@\"";
    char *const before[] = {shell, option, script};
    const size_t before_count = sizeof(before) / sizeof(before[0]);
    size_t count = 0;
    char **all;
    int result;

    while (words[count])
        count++;
    all = calloc(before_count + count + 1, sizeof(*all));
    if (!all)
        return ENOMEM;
    memcpy(all, before, sizeof(before));
    memcpy(all + before_count, words, count * sizeof(*all));
    result = posix_spawn(ret, shell, files, attributes, all, environ);
    free(all);
    return result;
}

/* The errno of what kept it from being started. Nothing of our memory is copied for it. */
static int start(const struct run_command *command, const sigset_t *mask, pid_t *ret)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int result = posix_spawn_file_actions_init(&files);

    if (result)
        return result;
    result = posix_spawnattr_init(&attributes);
    if (result == 0) {
        result = inherit(command, mask, &files, &attributes);
        if (result == 0)
            result = posix_spawnp(ret, command->words[0], &files, &attributes, command->words, environ);
        if (result == ENOEXEC)
            result = spawn_by_shell(command->words, &files, &attributes, ret);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return result;
}

/* Until it has ended. Its exit code as a shell tells it. */
static int wait_for(pid_t child, const sigset_t *taken)
{
    siginfo_t signal;
    int status;

    while (waitpid(child, &status, WNOHANG) == 0) {
        if (sigwaitinfo(taken, &signal) < 0 || signal.si_signo == SIGCHLD)
            continue;
        if (signal.si_code <= 0) /* not the kernel's: somebody sent it to us alone */
            kill(child, signal.si_signo);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- the port ---- */

static void describe(const struct tapnet_attached *attached)
{
    const struct tapnet_attached_info *info = tapnet_attached_info(attached);
    bool clone = strcmp(info->inside, info->address) != 0;

    fprintf(stderr, "tapnet: %s/%s: device %s, MAC %s%s%s%s%s%s\n", info->network, info->port, info->device, info->mac,
            *info->address ? ", address " : "", info->address, clone ? " (" : "", clone ? info->inside : "",
            clone ? " inside)" : "");
}

/* The port is there, and nothing in the command will use it: a hint, for it may be meant so. */
static void hint(char *const *words)
{
    const char *qemu = run_command_wrapped(words);

    if (qemu)
        fprintf(stderr,
                "tapnet run: %s behind %s gets no network card by itself: put `tapnet run -- %s` behind %s, or say "
                "-netdev tap,id=n,fd={fd} -device virtio-net-pci,netdev=n,mac={mac}\n",
                qemu, words[0], qemu, words[0]);
    else if (!run_command_takes(words))
        fprintf(stderr,
                "tapnet run: nothing in the command takes the port: say {fd} for its descriptor, or {device} for its "
                "name\n");
}

/* A port that was made for the command goes. What is in the way is said; the exit code stays the command's. */
static void unplug(struct tapnet *tapnet, const struct tapnet_attached_info *info, bool quiet)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int result = info->made ? tapnet_detach(tapnet, info->network, info->port, TAPNET_DETACH_UNLESS_HELD, &error) : 0;

    if (result == 0 || result == -ENOENT || result == -EPERM) /* gone with its network, or a file's by now */
        return;
    if (result != -EBUSY)
        session_fail(&error, EXIT_NOT_RUN);
    else if (!quiet)
        fprintf(stderr, "tapnet: %s/%s stays as long as somebody holds its device %s\n", info->network, info->port,
                info->device);
}

/* The exit code of the command, or why there was none. While it runs, it alone holds the port's TAP. */
static int run_plugged(char *const *words, struct tapnet_attached *attached)
{
    struct run_command command = {.count = 0};
    sigset_t taken, before;
    int failure = 0, code = EXIT_NOT_RUN;
    pid_t child = -1;

    block_signals(&taken, &before);
    if (stopped_by)
        code = 128 + stopped_by;
    else if (!*tapnet_attached_info(attached)->address && run_command_names_address(words))
        fputs("tapnet run: {address} stands for nothing: in mode bridge others give the guest its address; leave it "
              "out\n",
              stderr);
    else if (!run_command_make(words, attached, &command))
        fputs("tapnet run: out of memory\n", stderr);
    else
        failure = start(&command, &before, &child);
    run_command_fini(&command);
    tapnet_attached_close(attached);
    if (failure)
        fprintf(stderr, "tapnet run: cannot run %s: %s\n", words[0], strerror(failure));
    if (failure == EAGAIN || failure == ENOMEM)
        return EXIT_NOT_RUN;
    if (failure)
        return failure == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTED;
    return child > 0 ? wait_for(child, &taken) : code;
}

int run_run(const struct arguments *arguments)
{
    struct tapnet_attach_options options = {.flags = TAPNET_ATTACH_HELD | TAPNET_ATTACH_DEFAULT_NETWORK};
    struct tapnet_attached *attached;
    struct tapnet *tapnet;
    struct port_words words;
    int result = attach_words("run", arguments, &words, &options);

    if (result)
        return result;
    if (!run_command_opens(arguments->command))
        options.flags |= TAPNET_ATTACH_OPEN;
    note_signals();
    if (session_open(&tapnet))
        return EXIT_NOT_RUN;
    result = attach_port(tapnet, arguments, &options, &attached);
    if (result) {
        result = stopped_by ? 128 + stopped_by : result == EXIT_USAGE ? result : EXIT_NOT_RUN;
    } else {
        if (!arguments->quiet) {
            describe(attached);
            hint(arguments->command);
        }
        result = run_plugged(arguments->command, attached);
        unplug(tapnet, tapnet_attached_info(attached), arguments->quiet);
        tapnet_attached_free(attached);
    }
    tapnet_free(tapnet);
    return result;
}
