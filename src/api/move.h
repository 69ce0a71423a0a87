/* SPDX-License-Identifier: MIT */
/* Around a plan that moves the way on which the host itself is reached: who watches, who must answer, who confirms. */
#ifndef API_MOVE_H
#define API_MOVE_H

#include "api/context.h"
#include "api/watchdog.h"
#include "netlink/reach.h"

#define MOVE_GATEWAYS_MAX 8
#define MOVE_WAYS_MAX 4

/* One uplink that moves, and by whom it is seen that it works. */
struct move_way {
    const struct plan_step *step;
    struct netlink_reach gateways[MOVE_GATEWAYS_MAX]; /* that answered before */
    size_t gateway_count;
};

struct move {
    struct move_way ways[MOVE_WAYS_MAX];
    size_t way_count; /* 0: the plan moves nothing, and nothing here does anything */
    struct watchdog watchdog;
    struct ip_address check; /* in place of the gateways; family 0: none */
};
#define MOVE_NONE ((struct move){.watchdog = WATCHDOG_NONE})

/*
 * The address of --check; family 0 when none was given. -EINVAL for what is no address, or one that tells nothing of
 * the uplink: whether anything moves is not asked.
 */
int move_read_check(const struct tapnet *tapnet, struct ip_address *ret, struct tapnet_error *error);
/*
 * Before the first change: sees who answers now, and starts the watchdog. -EHOSTUNREACH: nobody does who could tell
 * afterwards whether the host is cut off.
 */
int move_begin(const struct tapnet *tapnet, const struct plan *plan, struct move *ret, struct tapnet_error *error);
/* Between the steps, of the plan or of its undoing: all is well with us. */
int move_goes_on(const struct move *move, struct tapnet_error *error);
/* Behind the last step: does everybody answer who did before, and does the person confirm? Else the caller undoes. */
int move_check(const struct tapnet *tapnet, const struct move *move, struct tapnet_error *error);
/* All is done, or undone. */
void move_end(struct move *move);

#endif
