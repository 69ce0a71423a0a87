/* SPDX-License-Identifier: MIT */
/* The tables of commands and options, and the parser that follows them. */
#include "command.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "suggest.h"

const struct option_row option_rows[] = {
    {"all", 'a', offsetof(struct arguments, all), "every set of this network namespace"},
    {"dry-run", 'n', offsetof(struct arguments, dry_run), "print what would be done, change nothing (as `plan` does)"},
    {"replace", 0, offsetof(struct arguments, replace), "take the place of a set of the same name from another file"},
    {"no-keeper", 0, offsetof(struct arguments, no_keeper), "start no process that puts back what others take away"},
    {"json", 'j', offsetof(struct arguments, json), "print JSON instead of text"},
    {"quiet", 'q', offsetof(struct arguments, quiet), "print errors only"},
    {"help", 'h', offsetof(struct arguments, help), "print this help"},
    {"version", 'V', offsetof(struct arguments, version), "print the version"},
};
const size_t option_row_count = sizeof(option_rows) / sizeof(option_rows[0]);

static const char *const up_options[] = {"dry-run", "replace", "no-keeper", "json", "quiet", "help", NULL};
static const char *const plan_options[] = {"replace", "json", "help", NULL};
static const char *const down_options[] = {"all", "dry-run", "json", "quiet", "help", NULL};
static const char *const status_options[] = {"json", "help", NULL};

const struct command commands[] = {
    {"up", "[FILE]", "bring the host to what FILE describes, or change nothing",
     "Reads FILE (default: tapnet.yaml here; a bare name NAME also means /etc/tapnet/NAME.yaml), compares "
     "it with what the kernel has, and makes, changes and removes what differs. Only the set that FILE "
     "declares is looked at. When a step fails, or on Ctrl-C, all before it is undone. Returns when guests are "
     "served: DHCP and DNS answer. A set that is up from another file of the same name, which is still there and "
     "says something else, is not replaced unless --replace says so.",
     up_options, run_up},
    {"plan", "[FILE]", "print what `up` would do, change nothing",
     "Prints one line for each step: + made, ~ changed (with the reason), - removed. Exits with 0 when "
     "nothing is to do, and with 3 when something is.",
     plan_options, run_plan},
    {"down", "[FILE|SET]", "take a set away without a trace",
     "Removes the set that FILE declares, or the set named SET, or with --all every set of this network "
     "namespace: links, addresses, nftables elements and tables, sysctls, files, processes. FILE need not "
     "be valid any more: its name is enough. A set that is not up is down already: that is no failure.",
     down_options, run_down},
    {"status", "[NAME]", "show networks, ports, who is plugged in, and what is not as it should be",
     "Draws every network with its ports: the device, the guest's MAC and address, who holds the device, "
     "traffic. With NAME only the set or the network of that name. Exits with 0 when all is as it was brought "
     "up, else with 1 and the differences.",
     status_options, run_status},
};
const size_t command_count = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

const struct option_row *option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < option_row_count; i++)
        if (strlen(option_rows[i].name) == len && memcmp(option_rows[i].name, name, len) == 0)
            return &option_rows[i];
    return NULL;
}

static const struct option_row *option_find_letter(char letter)
{
    for (size_t i = 0; i < option_row_count; i++)
        if (letter && option_rows[i].letter == letter)
            return &option_rows[i];
    return NULL;
}

static bool takes_option(const struct command *command, const struct option_row *row)
{
    for (const char *const *name = command->options; row && *name; name++)
        if (strcmp(*name, row->name) == 0)
            return true;
    return false;
}

static int set_option(const struct command *command, const struct option_row *row, const char *word,
                      struct arguments *arguments)
{
    if (!takes_option(command, row)) {
        const char *meant = strncmp(word, "--", 2) == 0 ? suggest_option(command->options, word + 2) : NULL;

        fprintf(stderr, "tapnet %s: unknown option %s; %s%s%s`tapnet %s --help` lists them\n", command->name, word,
                meant ? "did you mean --" : "", meant ? meant : "", meant ? "? " : "", command->name);
        return EXIT_USAGE;
    }
    *(bool *)((char *)arguments + row->offset) = true;
    return 0;
}

static int parse_letters(const struct command *command, const char *word, struct arguments *arguments)
{
    for (const char *letter = word + 1; *letter; letter++) {
        int result = set_option(command, option_find_letter(*letter), word, arguments);

        if (result)
            return result;
    }
    return 0;
}

static int parse_operand(const struct command *command, const char *word, struct arguments *arguments)
{
    if (!command->operand || arguments->operand) {
        fprintf(stderr, "tapnet %s: one word too many: '%s'; usage: tapnet %s [OPTION...]%s%s\n", command->name, word,
                command->name, command->operand ? " " : "", command->operand ? command->operand : "");
        return EXIT_USAGE;
    }
    arguments->operand = word;
    return 0;
}

int command_parse(const struct command *command, int count, char **words, struct arguments *ret)
{
    struct arguments arguments = {0};
    bool options_end = false;

    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        int result;

        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
            continue;
        }
        if (!options_end && strncmp(word, "--", 2) == 0)
            result = set_option(command, option_find(word + 2, strlen(word + 2)), word, &arguments);
        else if (!options_end && word[0] == '-' && word[1])
            result = parse_letters(command, word, &arguments);
        else
            result = parse_operand(command, word, &arguments);
        if (result)
            return result;
    }
    *ret = arguments;
    return 0;
}
