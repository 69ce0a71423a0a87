/* SPDX-License-Identifier: MIT */
/* How often one thing is brought back before it is left alone for a while. */
#include "keeper/patience.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define SEC UINT64_C(1000000)

void patience_fini(struct patience *patience)
{
    for (size_t i = 0; i < patience->count; i++)
        free(patience->things[i].name);
    free(patience->things);
    *patience = (struct patience){.count = 0};
}

/* Where it is, or has to be put: sorted by name. *ret_found says which. */
static size_t find_place(const struct patience *patience, const char *name, bool *ret_found)
{
    size_t low = 0, high = patience->count;

    *ret_found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(patience->things[middle].name, name);

        *ret_found |= order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* NULL when memory is short. */
static struct patience_thing *find_thing(struct patience *patience, const char *name)
{
    bool found;
    size_t place = find_place(patience, name, &found);
    struct patience_thing *thing;
    char *copy;

    if (found)
        return &patience->things[place];
    if (array_reserve((void **)&patience->things, &patience->capacity, patience->count, 1, sizeof(*thing)) < 0)
        return NULL;
    copy = strdup(name);
    if (!copy)
        return NULL;
    thing = &patience->things[place];
    memmove(thing + 1, thing, (patience->count - place) * sizeof(*thing));
    *thing = (struct patience_thing){.name = copy};
    patience->count++;
    return thing;
}

/* How long there was peace about it. */
static uint64_t quiet_usec(const struct patience_thing *thing, uint64_t now_usec)
{
    uint64_t last = thing->last_usec > thing->until_usec ? thing->last_usec : thing->until_usec;

    return now_usec > last ? now_usec - last : 0;
}

/* One more try was made after the last pause, and it was of no use: the next pause is twice as long. */
static void begin_pause(struct patience_thing *thing, uint64_t now_usec)
{
    thing->pause_sec = thing->pause_sec ? thing->pause_sec * 2 : 1;
    if (thing->pause_sec > PATIENCE_PAUSE_MAX_SEC)
        thing->pause_sec = PATIENCE_PAUSE_MAX_SEC;
    thing->until_usec = now_usec + thing->pause_sec * SEC;
}

bool patience_allows(struct patience *patience, const char *name, uint64_t now_usec, unsigned *ret_pause)
{
    struct patience_thing *thing = find_thing(patience, name);
    bool tried; /* since the last pause */

    *ret_pause = 0;
    if (!thing)
        return true;
    if (now_usec < thing->until_usec)
        return false;
    if (quiet_usec(thing, now_usec) > PATIENCE_PAUSE_MAX_SEC * SEC)
        thing->pause_sec = thing->repairs = 0;
    tried = thing->last_usec >= thing->until_usec;
    thing->last_usec = now_usec;
    if (!thing->pause_sec && (!thing->repairs || now_usec - thing->since_usec > PATIENCE_WITHIN_SEC * SEC)) {
        thing->since_usec = now_usec;
        thing->repairs = 0;
    }
    if (thing->pause_sec ? !tried : thing->repairs < PATIENCE_REPAIRS) {
        thing->repairs++;
        return true;
    }
    begin_pause(thing, now_usec);
    *ret_pause = thing->pause_sec;
    return false;
}

void patience_forget(struct patience *patience, uint64_t now_usec)
{
    size_t kept = 0;

    for (size_t i = 0; i < patience->count; i++) {
        if (quiet_usec(&patience->things[i], now_usec) > PATIENCE_PAUSE_MAX_SEC * SEC)
            free(patience->things[i].name);
        else
            patience->things[kept++] = patience->things[i];
    }
    patience->count = kept;
}

uint64_t patience_next(const struct patience *patience, uint64_t now_usec)
{
    uint64_t next = 0;

    for (size_t i = 0; i < patience->count; i++)
        if (patience->things[i].until_usec > now_usec && (!next || patience->things[i].until_usec < next))
            next = patience->things[i].until_usec;
    return next;
}
