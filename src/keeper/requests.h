/* SPDX-License-Identifier: MIT */
/* Users of the host who want a guest plugged in: their socket, who they are, what they may (api/attach.h). */
#ifndef KEEPER_REQUESTS_H
#define KEEPER_REQUESTS_H

#include <poll.h>
#include <stdbool.h>

#include "keeper/pace.h"
#include "keeper/pool.h"

/*
 * How it works: anybody may connect, so nobody who does is waited for: there are places for some, and for a few of each
 * user; when all are taken, the one who came first makes room. Who he is the kernel tells (SO_PEERCRED, SO_PEERGROUPS).
 * A request costs a look at the host. So it is dealt with at once only for those whom a network of the last look names;
 * all others wait for the next look, which comes no faster than looks do (keeper.c), and are told then. And those who
 * are named wait when they have asked for much lately (pace.h); root never does, and keeps his place when he was given
 * what was ready: whoever starts guests wants more of it.
 */
#define REQUESTS_MAX 32
#define REQUESTS_USER_MAX 8 /* of one user who is not root */

/* Called before the lock is waited for. */
typedef void requests_wait(void *data);

struct requests {
    struct tapnet *tapnet;
    struct pool *pool; /* what root may have at once */
    requests_wait *wait;
    void *wait_data;
    int listening; /* -1: there is no socket */
    struct request_place {
        int fd; /* -1: a free place */
        uint32_t user;
        uint64_t arrival;  /* the order in which they came */
        bool waits;        /* for a look */
        uint64_t due_usec; /* waits for his turn; 0: does not */
        char *text;        /* of his request, while he waits for the one or the other */
    } places[REQUESTS_MAX];
    uint64_t arrivals;
    struct pace pace;
    /* Whom the networks of the last look name, users and groups. */
    struct model_access *named;
    size_t named_count;
};

/* @listening: the socket that was handed over, which becomes its own; -1: none. */
void requests_init(struct requests *requests, int listening, struct tapnet *tapnet, struct pool *pool,
                   requests_wait *wait, void *data);
/* Makes the socket beside the run directory, unless it is there. Without one only root plugs guests in. */
void requests_open(struct requests *requests);
/* All who are connected leave. The socket's name goes with those of the keeper's files (api/resident.h). */
void requests_fini(struct requests *requests);

/* What to poll: the socket, then all places. */
#define REQUESTS_FDS (1 + REQUESTS_MAX)
void requests_poll(const struct requests *requests, struct pollfd ret[REQUESTS_FDS]);
/* When somebody's turn comes; 0: nobody waits for that. */
uint64_t requests_due(const struct requests *requests);
/* Takes who is there by @polled, or has his turn, and deals with what they want. True: somebody waits for a look. */
bool requests_read(struct requests *requests, const struct pollfd polled[REQUESTS_FDS]);

/* Remembers whom the networks of @found name. */
void requests_learn(struct requests *requests, const struct observe_found *found);
/* After a look: deals with those who waited for it. */
void requests_settle(struct requests *requests);

#endif
