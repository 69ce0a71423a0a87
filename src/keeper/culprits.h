/* SPDX-License-Identifier: MIT */
/* Who has changed our tables, as far as the kernel tells: whom a look at the host may blame. */
#ifndef KEEPER_CULPRITS_H
#define KEEPER_CULPRITS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * How it works: every transaction of nftables makes a new generation of the ruleset, and is told with its number. A
 * look sees all up to the generation that it was at, and nothing of those after it, whenever the notifications are
 * read. So what happens during a look is neither forgotten with it, nor blamed for what was there before. Numbers are
 * compared by their distance, since 0 comes after the last one.
 */
#define CULPRIT_NAME_MAX 64
struct culprit {
    pid_t pid;            /* 0: several, of whom nobody can tell one */
    uint32_t first, last; /* generations */
    char name[CULPRIT_NAME_MAX];
};

/* In the order of their generations; zero-initialised there are none. */
#define CULPRITS_MAX 8
struct culprits {
    struct culprit items[CULPRITS_MAX];
    size_t count;
};

/* A process called @command, "" when that is not known, has made @generation, which is later than those before. */
void culprits_add(struct culprits *culprits, const char *command, pid_t pid, uint32_t generation);

/* "NAME (PID)" of who alone changed our tables up to @generation; "" when nobody has, or several. */
const char *culprits_name(const struct culprits *culprits, uint32_t generation);

/* What was done up to @generation was seen to. */
void culprits_forget(struct culprits *culprits, uint32_t generation);

#endif
