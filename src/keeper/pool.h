/* SPDX-License-Identifier: MIT */
/* Ports that are ready before anybody asks for them: made, guarded, served, and held by the keeper. */
#ifndef KEEPER_POOL_H
#define KEEPER_POOL_H

#include "api/attach.h"
#include "observe/observe.h"

/*
 * How it works: `pool: 16` of a network has so many ports of `tapnet run` made whose TAPs the keeper holds, without
 * carrier, so that no frame waits in them. Who wants a new port is handed the descriptor of one: nothing else need be
 * done, and no lock be taken. From then on it is a port like any other of a command, and goes with who holds it. Its
 * carrier is turned on behind his back: what the kernel does then on its own goes through all ports of the bridge, and
 * who changes a link meanwhile waits for that (linkwatch_event()). So those who ask right behind him are answered
 * before it is; one that is overdue is turned on behind the next answer.
 *
 * What is missing is made when nobody has asked for a moment, or more than half of it is: all of it as one plan, since
 * a plan costs the more the more ports there are, and a port of it little. A keeper that ends lets go of all; the next
 * tapnet takes them away.
 */
struct pool {
    struct pool_port {
        struct tapnet_attached *attached;
        char *answer; /* that tells who gets it; printed while nobody waits */
    } * ready;
    size_t ready_count, ready_capacity;
    size_t taken_count;  /* of those behind the ready ones, which have no carrier yet */
    uint64_t taken_usec; /* when the first of them was taken */
    struct pool_wanted {
        char network[MODEL_NAME_MAX];
        uint32_t count;
    } * wanted;
    size_t wanted_count, wanted_capacity;
    size_t network_count; /* that are up, with a pool or without */
    uint64_t rest_usec;   /* when nobody will have asked for a moment */
    bool failed;          /* to make one: not tried again before the next look */
    bool told;            /* the log was told of that */
    bool met;             /* those whom a keeper before us had handed a port */
};

#define POOL_REST_USEC 20000
#define POOL_QUIET_USEC 100    /* without a request: then nobody is made to wait */
#define POOL_OVERDUE_USEC 2000 /* without a carrier */
#define POOL_READY_MAX 512 /* of all networks together: the keeper needs descriptors for its own work, too (rights.c) */

void pool_fini(struct pool *pool);

/* What the networks of @found want; lets go of ports that are not theirs any more, or too many. */
void pool_learn(struct pool *pool, const struct observe_found *found);
/* When what is missing is to be made; 0: nothing is. */
uint64_t pool_due(const struct pool *pool);
/* Makes it. False: another tapnet has the lock, so look again when it is free. */
bool pool_fill(struct pool *pool, struct tapnet *tapnet);
/* A ready port of @network (NULL: of the only one that is up), to be handed out; the pool's. NULL: there is none. */
const struct pool_port *pool_take(struct pool *pool, const char *network);
/* The one that was taken last, back to those that are ready: nobody got its descriptors. */
void pool_put_back(struct pool *pool);
/* Turns the carrier of all that were taken on, and lets go of them. */
void pool_plug_in(struct pool *pool);
/* The first's, if it is overdue. */
void pool_plug_in_overdue(struct pool *pool);

#endif
