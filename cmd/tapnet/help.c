/* SPDX-License-Identifier: MIT */
/* Help, man page synopsis and completion, all from the tables of command.c. */
#include "command.h"

#include <stdio.h>
#include <string.h>

#define TEXT_WIDTH 78

/* Prints @text wrapped at TEXT_WIDTH columns; it begins at column @indent, and so do the lines that follow. */
static void print_wrapped(const char *text, int indent)
{
    size_t column = 0, width = (size_t)(TEXT_WIDTH - indent < 40 ? 40 : TEXT_WIDTH - indent);

    while (*text) {
        size_t length = strcspn(text, " ");

        if (column && column + 1 + length > width) {
            printf("\n%*s", indent, "");
            column = 0;
        }
        column += (size_t)printf("%s%.*s", column ? " " : "", (int)length, text);
        text += length + strspn(text + length, " ");
    }
    putchar('\n');
}

/* "-f, --force" or "    --mac MAC", and what it does, wrapped in a column of its own. */
static void print_option(const struct option_row *row, int width)
{
    char head[64];

    snprintf(head, sizeof(head), "--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
    if (row->letter)
        printf("  -%c, %-*s  ", row->letter, width, head);
    else
        printf("      %-*s  ", width, head);
    print_wrapped(row->text, width + 8);
}

static int option_width(const struct command *command)
{
    int width = 0;

    for (const char *const *name = command->options; *name; name++) {
        const struct option_row *row = option_find(command, *name, strlen(*name));
        int length = (int)(strlen(row->name) + (row->value ? strlen(row->value) + 3 : 2));

        width = length > width ? length : width;
    }
    return width;
}

static int wider(int width, const char *text)
{
    return text && (int)strlen(text) > width ? (int)strlen(text) : width;
}

static void print_commands(const struct command *list, size_t count)
{
    int width = 0, operand_width = 0;

    for (size_t i = 0; i < count; i++) {
        width = wider(width, list[i].name);
        operand_width = wider(operand_width, list[i].operand);
    }
    for (size_t i = 0; i < count; i++)
        printf("  %-*s %-*s %s\n", width, list[i].name, operand_width, list[i].operand ? list[i].operand : "",
               list[i].summary);
}

void help_print(void)
{
    puts("tapnet: the network side of virtual machines: TAP devices, bridges, NAT, DHCP, DNS; from one file\n");
    puts("Usage: tapnet COMMAND [OPTION...] [ARGUMENT]\n");
    print_commands(commands, command_count);
    puts("\nThe smallest useful file:  networks: { lab: { ports: { vm1: {} } } }");
    puts("`tapnet COMMAND --help` tells more; tapnet(8) and tapnet.yaml(5) tell all.");
}

void help_print_command(const struct command *command)
{
    printf("Usage: tapnet %s [OPTION...]%s%s%s\n\n", command->name, command->operand ? " " : "",
           command->operand ? command->operand : "", command->takes_command ? " -- COMMAND [ARGUMENT...]" : "");
    print_wrapped(command->description, 0);
    if (command->group) {
        puts("\nCommands:");
        print_commands(command->group, command->group_count);
    }
    puts("\nOptions:");
    for (const char *const *name = command->options; *name; name++)
        print_option(option_find(command, *name, strlen(*name)), option_width(command));
}

/* Commands as mdoc: synopsis lines and descriptions; those of a group instead of the group. */
static void describe_roff(const struct command *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].group) {
            describe_roff(list[i].group, list[i].group_count);
            continue;
        }
        printf(".It Nm tapnet Cm %s", list[i].name);
        for (const char *const *name = list[i].options; *name; name++) {
            const struct option_row *row = option_find(&list[i], *name, strlen(*name));

            printf(" Oo Fl -%s%s%s Oc", row->name, row->value ? " Ar " : "", row->value ? row->value : "");
        }
        if (list[i].operand && list[i].operand[0] == '[')
            printf(" Oo Ar %.*s Oc", (int)strlen(list[i].operand) - 2, list[i].operand + 1);
        else if (list[i].operand)
            printf(" Ar %s", list[i].operand);
        if (list[i].takes_command)
            fputs(" Fl - Ar command Op Ar argument ...", stdout);
        printf("\n%s\n", list[i].description);
    }
}

static void describe_roff_options(void)
{
    for (const struct option_row *row = option_rows; row < option_rows + option_row_count; row++) {
        fputs(".It Fl ", stdout);
        if (row->letter)
            printf("%c , Fl ", row->letter);
        printf("-%s%s%s\n%s\n", row->name, row->value ? " Ar " : "", row->value ? row->value : "", row->text);
    }
}

static bool is_interface(const char *operand)
{
    return strstr(operand, "NAME") || strstr(operand, "DEVICE");
}

/* Behind an option whose value is a file: files. */
static void describe_bash_files(void)
{
    const char *separator = "";

    fputs("    case \"${COMP_WORDS[COMP_CWORD-1]}\" in\n    ", stdout);
    for (const struct option_row *row = option_rows; row < option_rows + option_row_count; row++) {
        if (!row->value || strcmp(row->value, "FILE") != 0)
            continue;
        printf("%s--%s", separator, row->name);
        if (row->letter)
            printf("|-%c", row->letter);
        separator = "|";
    }
    puts(") COMPREPLY=($(compgen -f -- \"$word\"))\n        return ;;\n    esac");
}

/* "        PATTERN) COMPREPLY=...": a command's options, and its operand: interfaces or files. */
static void describe_bash_command(const struct command *command)
{
    const char *operand = command->operand;

    printf("    '%s'*) COMPREPLY=($(compgen -W \"", command->name);
    for (const char *const *name = command->options; *name; name++)
        printf("%s--%s", name == command->options ? "" : " ", *name);
    printf("\" -- \"$word\")%s) ;;\n", !operand                ? ""
                                       : is_interface(operand) ? " $(cd /sys/class/net && compgen -f -- \"$word\")"
                                                               : " $(compgen -f -- \"$word\")");
}

/* The last word of the commands' names. */
static void describe_bash_names(const struct command *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *space = strrchr(list[i].name, ' ');

        printf("%s%s", i ? " " : "", space ? space + 1 : list[i].name);
    }
}

/* A bash completion: commands first, those of a group second, then the options of the command, and what it is about. */
static void describe_bash(void)
{
    puts("# bash completion for tapnet: generated from its option table\n_tapnet()\n{");
    puts("    local word=${COMP_WORDS[COMP_CWORD]}\n    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then");
    printf("        COMPREPLY=($(compgen -W \"");
    describe_bash_names(commands, command_count);
    puts("\" -- \"$word\"))\n        return\n    fi");
    for (size_t i = 0; i < command_count; i++) {
        if (!commands[i].group)
            continue;
        printf("    if [ \"$COMP_CWORD\" -eq 2 ] && [ \"${COMP_WORDS[1]}\" = %s ]; then\n", commands[i].name);
        printf("        COMPREPLY=($(compgen -W \"");
        describe_bash_names(commands[i].group, commands[i].group_count);
        puts("\" -- \"$word\"))\n        return\n    fi");
    }
    describe_bash_files();
    puts("    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in");
    for (size_t i = 0; i < command_count; i++) {
        for (size_t j = 0; commands[i].group && j < commands[i].group_count; j++)
            describe_bash_command(&commands[i].group[j]);
        if (!commands[i].group)
            describe_bash_command(&commands[i]);
    }
    puts("    esac\n}\ncomplete -o filenames -F _tapnet tapnet");
}

int describe_run(const char *form)
{
    if (form && strcmp(form, "roff") == 0)
        describe_roff(commands, command_count);
    else if (form && strcmp(form, "roff-options") == 0)
        describe_roff_options();
    else if (form && strcmp(form, "bash") == 0)
        describe_bash();
    else
        return EXIT_USAGE;
    return EXIT_DONE;
}
