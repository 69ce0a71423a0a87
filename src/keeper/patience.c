/* SPDX-License-Identifier: MIT */
/* How often a set is brought back before it is left alone for a while. */
#include "keeper/patience.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "keeper/keeper.h"

#define SEC 1000000u

void patience_fini(struct patience *patience)
{
    free(patience->sets);
}

/* NULL when memory is short. */
static struct patience_set *find_set(struct patience *patience, const char *name)
{
    struct patience_set *set;

    for (size_t i = 0; i < patience->count; i++)
        if (strcmp(patience->sets[i].name, name) == 0)
            return &patience->sets[i];
    if (array_reserve((void **)&patience->sets, &patience->capacity, patience->count, 1, sizeof(*set)) < 0)
        return NULL;
    set = &patience->sets[patience->count++];
    *set = (struct patience_set){.repairs = 0};
    snprintf(set->name, sizeof(set->name), "%s", name);
    return set;
}

/* A new count begins after a quiet time; the pause grows until there was a whole quiet minute. */
static void forget_old(struct patience_set *set, uint64_t now_usec)
{
    uint64_t last = set->until_usec > set->since_usec ? set->until_usec : set->since_usec;

    if (now_usec - set->since_usec < (uint64_t)KEEPER_PATIENCE_SEC * SEC)
        return;
    if (now_usec - last > (uint64_t)KEEPER_PAUSE_MAX_SEC * SEC)
        set->pause_sec = 0;
    set->repairs = 0;
    set->since_usec = now_usec;
}

bool patience_allows(struct patience *patience, const char *name, uint64_t now_usec, unsigned *ret_pause)
{
    struct patience_set *set = find_set(patience, name);

    *ret_pause = 0;
    if (!set)
        return true;
    if (now_usec < set->until_usec)
        return false;
    forget_old(set, now_usec);
    if (set->repairs++ < KEEPER_PATIENCE)
        return true;
    set->pause_sec = set->pause_sec ? set->pause_sec * 2 : 1;
    if (set->pause_sec > KEEPER_PAUSE_MAX_SEC)
        set->pause_sec = KEEPER_PAUSE_MAX_SEC;
    set->until_usec = now_usec + (uint64_t)set->pause_sec * SEC;
    set->repairs = KEEPER_PATIENCE - 1; /* after the pause one more try, then the next pause */
    set->since_usec = set->until_usec;
    *ret_pause = set->pause_sec;
    return false;
}

uint64_t patience_next(const struct patience *patience, uint64_t now_usec)
{
    uint64_t next = 0;

    for (size_t i = 0; i < patience->count; i++)
        if (patience->sets[i].until_usec > now_usec && (!next || patience->sets[i].until_usec < next))
            next = patience->sets[i].until_usec;
    return next;
}
