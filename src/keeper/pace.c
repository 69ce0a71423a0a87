/* SPDX-License-Identifier: MIT */
/* How much of the keeper's time each user of the host may have. */
#include "keeper/pace.h"

/* What has not leaked out of the bucket by @now_usec. */
static uint64_t level(const struct pace_user *entry, uint64_t now_usec)
{
    uint64_t leaked = now_usec > entry->at_usec ? (now_usec - entry->at_usec) / PACE_SHARE : 0;

    return entry->at_usec && entry->used_usec > leaked ? entry->used_usec - leaked : 0;
}

uint64_t pace_due(const struct pace *pace, uint32_t user, uint64_t now_usec)
{
    for (size_t i = 0; i < PACE_USERS; i++) {
        uint64_t used = level(&pace->users[i], now_usec);

        if (used > PACE_BURST_USEC && pace->users[i].user == user)
            return now_usec + (used - PACE_BURST_USEC) * PACE_SHARE;
    }
    return now_usec;
}

void pace_charge(struct pace *pace, uint32_t user, uint64_t used_usec, uint64_t now_usec)
{
    struct pace_user *place = &pace->users[0];

    for (size_t i = 0; i < PACE_USERS; i++) {
        struct pace_user *entry = &pace->users[i];

        if (entry->at_usec && entry->user == user) {
            place = entry;
            break;
        }
        if (level(entry, now_usec) < level(place, now_usec))
            place = entry;
    }
    if (place->user != user)
        *place = (struct pace_user){.user = user};
    place->used_usec = level(place, now_usec) + used_usec;
    place->at_usec = now_usec;
}
