/* SPDX-License-Identifier: MIT */
/* Two looks at the status, and what passed and was dropped between them, by port. */
#ifndef TAPNET_RATES_H
#define TAPNET_RATES_H

#include <stddef.h>
#include <stdint.h>

#include <tapnet/network.h>

struct look {
    struct tapnet_status *status;
    uint64_t nsec; /* when, CLOCK_MONOTONIC */
};

/* As session_look(). */
int look_take(struct tapnet *tapnet, const char *operand, struct look *ret, struct tapnet_error *error);
void look_release(struct look *look); /* may be empty */

/* What is counted at a port, as the guest sees it: rx is what it received. */
enum counter {
    COUNTER_RX_BYTES,
    COUNTER_RX_PACKETS,
    COUNTER_TX_BYTES,
    COUNTER_TX_PACKETS,
    COUNTER_LATE, /* the first of the reasons to drop a packet, see rates.c */
    COUNTER_FRAMES,
    COUNTER_ARP,
    COUNTER_WAYS,
    COUNTER_CONNECTIONS,
    COUNTER_COUNT,
};
#define COUNTER_REASONS COUNTER_LATE

extern const char *const counter_names[COUNTER_COUNT];

struct rates_row {
    const struct tapnet_status_network *network;
    const struct tapnet_status_port *port;
    uint64_t total[COUNTER_COUNT];
    double rate[COUNTER_COUNT]; /* a second */
    double traffic, drops;      /* bytes in both directions, packets for any reason; a second */
};

/* In the order of the status. Pointers are into the later look. */
struct rates {
    struct rates_row *rows;
    size_t count;
    double seconds; /* between both looks; 0: there was one */
};

/* @before may be empty: nothing has a rate then. 0 or -ENOMEM. */
int rates_make(const struct look *before, const struct look *after, struct rates *ret);
void rates_fini(struct rates *rates);

/* "late 12, frames 3", or "". */
#define RATES_REASONS_MAX 160
const char *rates_reasons(const double rate[COUNTER_COUNT], char ret[RATES_REASONS_MAX]);

#endif
