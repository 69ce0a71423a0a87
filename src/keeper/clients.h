/* SPDX-License-Identifier: MIT */
/* Who talks to the keeper: tapnet commands that are connected to its socket (api/resident.h). */
#ifndef KEEPER_CLIENTS_H
#define KEEPER_CLIENTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keeper/closings.h"

/*
 * How it works: a command connects while it still holds the lock and its set is up, and asks for a look when the set is
 * gone: so the keeper knows that it will be asked, and does not leave meanwhile, however slow the command is. Nobody is
 * waited for: one that says nothing takes a place, and no more.
 */
#define CLIENTS_MAX 8 /* at once; more are cut off */

struct clients {
    struct {
        int fd;     /* -1: a free place */
        bool waits; /* for the next look */
    } places[CLIENTS_MAX];
    struct closings closings; /* what they have handed over */
};

void clients_init(struct clients *clients);
void clients_fini(struct clients *clients);

/* Takes who waits at the listening socket, if it is root or our own user. */
void clients_accept(struct clients *clients, int listening);

/* What to poll: all CLIENTS_MAX of @ret are set. */
void clients_poll(const struct clients *clients, struct pollfd ret[CLIENTS_MAX]);
/* Reads what poll() found in @polled, and answers who only wants to know who we are. True: a look is wanted now. */
bool clients_read(struct clients *clients, const struct pollfd polled[CLIENTS_MAX]);

/* Is there one at all? Does one wait for a look? */
bool clients_any(const struct clients *clients);
bool clients_wait(const struct clients *clients);

/* Tells all who wait, and parts from them. */
void clients_reply(struct clients *clients, const char *text);

#endif
