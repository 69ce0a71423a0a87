/* SPDX-License-Identifier: MIT */
/* The command line as one table: commands, their arguments and options, behind parser, help, man page, completion. */
#ifndef TAPNET_COMMAND_H
#define TAPNET_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include <tapnet/network.h>

#include "device.h"
#include "guard.h"
#include "watch.h"

/* Exit codes, told in tapnet(8). */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1, /* and undone; for `status`: not all is as wanted */
    EXIT_USAGE = 2,  /* the command line or the file is wrong; nothing was touched */
    EXIT_TO_DO = 3,  /* `plan`: something is to do */
};

/* The values that options set: one struct for all commands, since an option means the same everywhere. */
struct arguments {
    bool json, all, dry_run, fix, trace, ip6, help, version, quiet, replace, coexist, no_keeper;
    const char *operand;    /* FILE, SET, NAME; NULL when it was left out */
    struct words operands;  /* those behind it, of a command that has several */
    char *const *command;   /* behind "--", for a command that takes one; NULL ends it */
    const char *guest, *as; /* `status`: a port, and in whose words its guest is told */
    const char *libvirt;    /* `status`: a port or a network */
    const char *queues;
    const char *vmm;      /* `attach`: in whose words the port is told */
    const char *interval; /* of whatever looks again and again */
    bool once, rates, svg, watch_status;
    struct device_words device;
    struct watch_words watch;
    struct guard_words guard;
};

struct option_row {
    const char *name;    /* without the dashes */
    char letter;         /* 0: none */
    size_t offset;       /* in struct arguments: of a bool, a const char * (a value), a struct words (values) */
    const char *text;    /* what it does, one phrase */
    const char *value;   /* "MAC": the option has a value, this word stands for it; NULL: it has none */
    bool repeated;       /* and may be given several times */
    const char *command; /* that alone has this one, while others have another of the same name; NULL: it is all's */
};

struct command {
    const char *name;
    const char *operand;        /* "[FILE]" may be left out, "NAME" not, NULL: there is none */
    const char *summary;        /* one line, for the list of commands */
    const char *description;    /* paragraphs, for its own help and the man page */
    const char *const *options; /* names of rows of option_rows, NULL at the end */
    int (*run)(const struct arguments *arguments);
    const struct command *group; /* its own commands, named "device add"; run is NULL then */
    size_t group_count;
    size_t operand_max; /* how many words there may be; 0: one, where there is an operand */
    bool takes_command; /* behind "--" */
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;
extern const struct command commands[];
extern const size_t command_count;

const struct command *command_find(const char *name);
/* The command of group @group that @name means; NULL. */
const struct command *command_find_in(const struct command *group, const char *name);
/* The option of @command, which need not take it, that is called the @len characters of @name; NULL. */
const struct option_row *option_find(const struct command *command, const char *name, size_t len);

/* Fills @ret from the words behind the command's name. 0, or EXIT_USAGE with the mistake printed. */
int command_parse(const struct command *command, int count, char **words, struct arguments *ret);

/* help.c */
void help_print(void);
void help_print_command(const struct command *command);
/* `tapnet describe roff | bash`: generated from the table, for the man page and the completion. Not in the help. */
int describe_run(const char *form);

/* attach.c, run.c */
int run_run(const struct arguments *arguments);
int run_attach(const struct arguments *arguments);
int run_detach(const struct arguments *arguments);

/* Prints @plan, frees it, and returns the exit code of `plan`. */
int print_plan(struct tapnet_plan *plan, bool json);

/* up.c, status.c, status_guest.c, status_watch.c */
int run_up(const struct arguments *arguments);
int run_plan(const struct arguments *arguments);
int run_down(const struct arguments *arguments);
int run_status(const struct arguments *arguments);
/* What --guest and --libvirt print, of a status that was had; an exit code. */
int print_guest(const struct tapnet_status *status, const struct arguments *arguments);
int print_libvirt(const struct tapnet_status *status, const struct arguments *arguments);
/* What --watch does, until it ends; an exit code. */
int watch_status(struct tapnet *tapnet, const struct arguments *arguments);
/* graph.c, top.c */
int run_graph(const struct arguments *arguments);
int run_top(const struct arguments *arguments);
/* doctor.c, why.c */
int run_doctor(const struct arguments *arguments);
int run_why(const struct arguments *arguments);

#endif
