/* SPDX-License-Identifier: MIT */
/* Which program of the host's manages a link, and would give it back what it had. */
#ifndef OBSERVE_MANAGER_H
#define OBSERVE_MANAGER_H

#include <stdbool.h>
#include <sys/types.h>

struct observe_manager {
    const char *name; /* "NetworkManager" */
    pid_t pid;
    const char *remedy; /* what it would do, and what to do beforehand */
};

/* The first one that is found at work in this network namespace, and has link @name, of @index. False: none. */
bool observe_manager(const char *name, int index, struct observe_manager *ret);

/* Has ifupdown brought it up? It is no process, and does nothing until somebody calls it again. */
bool observe_ifupdown(const char *name);

#endif
