/* SPDX-License-Identifier: MIT */
/* Help, man page synopsis and completion, all from the tables of command.c. */
#include "command.h"

#include <stdio.h>
#include <string.h>

#define TEXT_WIDTH 78

/* Prints @text wrapped at TEXT_WIDTH columns. */
static void print_wrapped(const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t length = strcspn(text, " ");

        if (column && column + 1 + length > TEXT_WIDTH) {
            putchar('\n');
            column = 0;
        }
        column += (size_t)printf("%s%.*s", column ? " " : "", (int)length, text);
        text += length + strspn(text + length, " ");
    }
    putchar('\n');
}

static void print_option(const struct option_row *row)
{
    if (row->letter)
        printf("  -%c, --%-10s %s\n", row->letter, row->name, row->text);
    else
        printf("      --%-10s %s\n", row->name, row->text);
}

void help_print(void)
{
    puts("tapnet: the network side of virtual machines: TAP devices, bridges, NAT, DHCP, DNS; from one file\n");
    puts("Usage: tapnet COMMAND [OPTION...] [ARGUMENT]\n");
    for (size_t i = 0; i < command_count; i++)
        printf("  %-8s %-11s %s\n", commands[i].name, commands[i].operand ? commands[i].operand : "",
               commands[i].summary);
    puts("\nThe smallest useful file:  networks: { lab: { ports: { vm1: {} } } }");
    puts("`tapnet COMMAND --help` tells more; tapnet(8) and tapnet.yaml(5) tell all.");
}

void help_print_command(const struct command *command)
{
    printf("Usage: tapnet %s [OPTION...]%s%s\n\n", command->name, command->operand ? " " : "",
           command->operand ? command->operand : "");
    print_wrapped(command->description);
    puts("\nOptions:");
    for (const char *const *name = command->options; *name; name++)
        print_option(option_find(*name, strlen(*name)));
}

/* The commands as mdoc: synopsis lines and descriptions. */
static void describe_roff(void)
{
    for (size_t i = 0; i < command_count; i++) {
        printf(".It Nm tapnet Cm %s", commands[i].name);
        for (const char *const *name = commands[i].options; *name; name++)
            printf(" Op Fl -%s", *name);
        if (commands[i].operand)
            printf(" Ar %s", commands[i].operand);
        printf("\n%s\n", commands[i].description);
    }
}

static void describe_roff_options(void)
{
    for (size_t i = 0; i < option_row_count; i++) {
        if (option_rows[i].letter)
            printf(".It Fl %c , Fl -%s\n%s\n", option_rows[i].letter, option_rows[i].name, option_rows[i].text);
        else
            printf(".It Fl -%s\n%s\n", option_rows[i].name, option_rows[i].text);
    }
}

/* A bash completion: commands first, then the options of the command, and files. */
static void describe_bash(void)
{
    puts("# bash completion for tapnet: generated from its option table\n_tapnet()\n{");
    puts("    local word=${COMP_WORDS[COMP_CWORD]}\n    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then");
    printf("        COMPREPLY=($(compgen -W \"");
    for (size_t i = 0; i < command_count; i++)
        printf("%s%s", i ? " " : "", commands[i].name);
    puts("\" -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in");
    for (size_t i = 0; i < command_count; i++) {
        printf("    %s) COMPREPLY=($(compgen -W \"", commands[i].name);
        for (const char *const *name = commands[i].options; *name; name++)
            printf("%s--%s", name == commands[i].options ? "" : " ", *name);
        printf("\" -- \"$word\")%s) ;;\n", commands[i].operand ? " $(compgen -f -- \"$word\")" : "");
    }
    puts("    esac\n}\ncomplete -o filenames -F _tapnet tapnet");
}

int describe_run(const char *form)
{
    if (form && strcmp(form, "roff") == 0)
        describe_roff();
    else if (form && strcmp(form, "roff-options") == 0)
        describe_roff_options();
    else if (form && strcmp(form, "bash") == 0)
        describe_bash();
    else
        return EXIT_USAGE;
    return EXIT_DONE;
}
