/* SPDX-License-Identifier: MIT */
/* The command `tapnet`: finds the command in the table and runs it. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "personality.h"
#include "session.h"
#include "suggest.h"

static int print_version(void)
{
    puts("tapnet " TAPNET_VERSION);
    return EXIT_DONE;
}

static int complain(const char *word)
{
    const char *meant = suggest_command(word);

    if (meant) {
        fprintf(stderr, "tapnet: unknown command '%s'; did you mean `tapnet %s`?\n", word, meant);
        return EXIT_USAGE;
    }
    fprintf(stderr, "tapnet: unknown command '%s'; the commands are:", word);
    for (size_t i = 0; i < command_count; i++)
        fprintf(stderr, " %s", commands[i].name);
    fputs("; `tapnet --help` tells more\n", stderr);
    return EXIT_USAGE;
}

static int complain_in(const struct command *group, const char *word)
{
    fprintf(stderr, "tapnet %s: unknown command '%s'; the commands are:", group->name, word);
    for (size_t i = 0; i < group->group_count; i++)
        fprintf(stderr, "%s `tapnet %s`", i ? "," : "", group->group[i].name);
    fputc('\n', stderr);
    return EXIT_USAGE;
}

/* `tapnet help`, `tapnet help NAME`, `tapnet help GROUP NAME`: NULL for what was left out. */
static int help_about(const char *name, const char *name_in_group)
{
    const struct command *command = name ? command_find(name) : NULL;

    if (name && !command)
        return complain(name);
    if (command && command->group && name_in_group) {
        const struct command *found = command_find_in(command, name_in_group);

        if (!found)
            return complain_in(command, name_in_group);
        command = found;
    }
    if (command)
        help_print_command(command);
    else
        help_print();
    return EXIT_DONE;
}

static int run_command(const struct command *command, int count, char **words)
{
    struct arguments arguments;
    int result = command_parse(command, count, words, &arguments);

    if (result)
        return result;
    if (arguments.help) {
        help_print_command(command);
        return EXIT_DONE;
    }
    return command->run(&arguments);
}

/* `tapnet device add ...`: @words begin behind "device". */
static int run_group(const struct command *group, int count, char **words)
{
    const struct command *command = count ? command_find_in(group, words[0]) : NULL;

    if (command)
        return run_command(command, count - 1, words + 1);
    if (count && strcmp(words[0], "--help") != 0 && strcmp(words[0], "-h") != 0)
        return complain_in(group, words[0]);
    help_print_command(group);
    return count ? EXIT_DONE : EXIT_USAGE;
}

/*
 * Who closed our standard descriptors would have the next files that we open take their numbers, and our words end up
 * in these: /dev/null fills the gaps.
 */
static bool fill_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    return fd >= 0 && close(fd) == 0;
}

/* The name that the program was called by, without its directory. */
static bool called_as(const char *path, const char *name)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return path && strcmp(slash ? slash + 1 : path, name) == 0;
}

static bool stdout_has_reader(void)
{
    struct pollfd poll_fd = {.fd = STDOUT_FILENO};

    return poll(&poll_fd, 1, 0) <= 0 || !(poll_fd.revents & POLLERR);
}

/*
 * What we printed must have arrived: a full disk is a failure. A reader that has seen enough (`tapnet status | head`)
 * is none: what was to be done is done.
 */
static int finish_output(int result)
{
    bool failed = fflush(stdout) != 0 || ferror(stdout);

    if (!failed || !stdout_has_reader())
        return result;
    fprintf(stderr, "tapnet: cannot write to standard output: %s%s\n", strerror(errno),
            result == EXIT_DONE ? " (all else is done)" : "");
    return result == EXIT_DONE || result == EXIT_TO_DO ? EXIT_FAILED : result;
}

static int run(int count, char **words)
{
    const struct command *command;

    if (count < 2) {
        help_print();
        return EXIT_USAGE;
    }
    if (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0 || strcmp(words[1], "help") == 0)
        return help_about(words[2], words[2] ? words[3] : NULL);
    if (strcmp(words[1], "--version") == 0 || strcmp(words[1], "-V") == 0 || strcmp(words[1], "version") == 0)
        return print_version();
    if (strcmp(words[1], "describe") == 0)
        return describe_run(words[2]);
    command = command_find(words[1]);
    if (!command)
        return complain(words[1]);
    return command->group ? run_group(command, count - 2, words + 2) : run_command(command, count - 2, words + 2);
}

int main(int count, char **words)
{
    if (!fill_standard_descriptors())
        return EXIT_FAILED;
    if (called_as(words[0], "brctl"))
        return brctl_main(count, words);
    if (called_as(words[0], "tunctl"))
        return tunctl_main(count, words);
    session_remember(count, words);
    signal(SIGPIPE, SIG_IGN); /* who reads our output may go, in the middle of work that must come to its end */
    return finish_output(run(count, words));
}
