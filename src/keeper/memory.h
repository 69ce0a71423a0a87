/* SPDX-License-Identifier: MIT */
/* The ledgers of networks and sets as they were at the last look, should somebody tidy the run directory up. */
#ifndef KEEPER_MEMORY_H
#define KEEPER_MEMORY_H

#include "observe/observe.h"

/*
 * How it works: what a set should be stands in the run directory and nowhere else. A ledger that is gone while links of
 * its network, or of its set, are still there was not taken away by tapnet: `down` takes both, under the lock. So it is
 * written again, as it was.
 */
struct memory_file {
    char name[MODEL_NAME_MAX + 16]; /* "networks/lab.json" */
    char *text;
};

/* Zero-initialised it is empty. */
struct memory {
    struct memory_file *files;
    size_t count, capacity;
};

void memory_fini(struct memory *memory);

/* Reads the ledgers of all that was found; what can't be read is not known. */
void memory_learn(struct memory *memory, const char *run_dir, const struct observe_found *found);

/* Writes again what is missed. @report is called for each file. Returns how many there were. */
typedef void memory_report(void *data, const char *name);
size_t memory_restore(const struct memory *memory, const char *run_dir, const struct observe_found *found,
                      memory_report *report, void *data);

#endif
