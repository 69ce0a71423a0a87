/* SPDX-License-Identifier: MIT */
/* Who has changed our tables, as far as the kernel tells: whom a look at the host may blame. */
#include "keeper/culprits.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Is @generation not after @other? */
static bool is_up_to(uint32_t generation, uint32_t other)
{
    return (int32_t)(generation - other) <= 0;
}

static void print_name(const char *command, pid_t pid, char ret[CULPRIT_NAME_MAX])
{
    if (*command)
        snprintf(ret, CULPRIT_NAME_MAX, "%.40s (%d)", command, (int)pid);
    else
        snprintf(ret, CULPRIT_NAME_MAX, "process %d", (int)pid);
    text_make_printable(ret);
}

void culprits_add(struct culprits *culprits, const char *command, pid_t pid, uint32_t generation)
{
    struct culprit *last = culprits->count ? &culprits->items[culprits->count - 1] : NULL;

    if (last && (last->pid == pid || culprits->count == CULPRITS_MAX)) {
        last->pid = last->pid == pid ? pid : 0;
        last->last = generation;
        return;
    }
    last = &culprits->items[culprits->count++];
    *last = (struct culprit){.pid = pid, .first = generation, .last = generation};
    print_name(command, pid, last->name);
}

const char *culprits_name(const struct culprits *culprits, uint32_t generation)
{
    const struct culprit *alone = NULL;

    for (size_t i = 0; i < culprits->count && is_up_to(culprits->items[i].first, generation); i++) {
        if (!culprits->items[i].pid || (alone && alone->pid != culprits->items[i].pid))
            return "";
        alone = &culprits->items[i];
    }
    return alone ? alone->name : "";
}

void culprits_forget(struct culprits *culprits, uint32_t generation)
{
    size_t gone = 0;

    while (gone < culprits->count && is_up_to(culprits->items[gone].last, generation))
        gone++;
    culprits->count -= gone;
    memmove(culprits->items, culprits->items + gone, culprits->count * sizeof(*culprits->items));
}
