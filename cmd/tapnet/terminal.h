/* SPDX-License-Identifier: MIT */
/* A terminal that is ours alone for a while: its keys one by one, its whole screen, and all as it was afterwards. */
#ifndef TAPNET_TERMINAL_H
#define TAPNET_TERMINAL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

/*
 * How it works: signals that end us, stop us (^Z) or tell of another size are blocked and read from a descriptor, so
 * that none of them comes between the terminal and its state before. What is drawn stands on the terminal's other
 * screen, and goes with it. After ^Z the terminal is the shell's; with fg it is ours again. SIGKILL alone leaves it as
 * it is then: `reset` mends that.
 */
struct terminal {
    struct termios before;
    sigset_t mask; /* as it was */
    int signal_fd; /* -1: signals do as they did */
    unsigned columns, lines;
    bool ours;
};

enum terminal_event {
    TERMINAL_NOTHING, /* the time is over */
    TERMINAL_KEY,
    TERMINAL_REDRAW, /* another size, or it is ours again */
    TERMINAL_END,    /* we are told to end, or the terminal is gone */
};

/* Can this be had: are both ends of us a terminal that understands more than lines? */
bool terminal_is_capable(void);
/* 0 or a negative errno. */
int terminal_open(struct terminal *terminal);
/* Waits until @until_nsec (CLOCK_MONOTONIC) at most. *ret_key is set with TERMINAL_KEY alone. */
enum terminal_event terminal_wait(struct terminal *terminal, uint64_t until_nsec, char *ret_key);
/* Shows @text, as many lines of it as there is room for, in place of what was there. */
void terminal_show(const struct terminal *terminal, const char *text);
void terminal_close(struct terminal *terminal);

/* How wide the terminal at standard output is; 80 when it does not say, or is none. */
unsigned terminal_columns(void);
/* May what is printed there hold more than ASCII? */
bool terminal_is_utf8(void);

uint64_t terminal_now(void); /* CLOCK_MONOTONIC, nanoseconds */

#endif
