/* SPDX-License-Identifier: MIT */
/* The system calls that strike knows: which change something, and which can be made to fail. */
#ifndef STRIKE_CALLS_H
#define STRIKE_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum strike_kind {
    STRIKE_CHANGES = 1, /* leaves something that another process, or the next tapnet, can see */
    STRIKE_FAILS = 2,   /* may fail on a host that is short of something, or in somebody else's hands */
};

struct strike_call {
    long number;
    const char *name;
    unsigned kinds;
    bool (*counts)(pid_t pid, const uint64_t arguments[6]); /* NULL: always */
};

/* The call of @number when it is of @kind with these arguments; NULL when it is not. */
const struct strike_call *strike_call_find(long number, unsigned kind, pid_t pid, const uint64_t arguments[6]);

#endif
