/* SPDX-License-Identifier: MIT */
/* The keeper as a tapnet command sees it: is it there, start it, tell it that something went. */
#ifndef API_RESIDENT_H
#define API_RESIDENT_H

#include "api/context.h"

/*
 * How it works: the keeper's socket RUN_DIR/keeper.sock (SOCK_SEQPACKET) is bound by who starts it, with the lock held,
 * and handed over listening: so one namespace has one, and whoever comes next can talk to it before it runs. One JSON
 * datagram a request:
 *
 * A command that takes something down connects before, so that the keeper does not leave before it has been told.
 *
 *   {"do":"look"}    look at the host now; the reply comes afterwards: {"ok":true,"pid":123,"sets":1}. When no set is
 *                    up it is the last thing that the keeper says.
 *   {"do":"who"}     {"ok":true,"pid":123}, at once, unless a look is under way.
 *   {"do":"close"}   with a netlink socket of netfilter's, which the keeper closes later (keeper/closings.h): by
 *                    tapnet_free(). No reply.
 *
 * The log is RUN_DIR/keeper.log. RUN_DIR/keeper.json says what is left alone for some time, and which of that are
 * ports that are closed; and how often lately the holder of a TAP gave it a MAC that was another's, the last time at a
 * second of CLOCK_MONOTONIC: {"pid":123,"waiting":[{"object":"tap lab-web","seconds":8,"closed":true}],
 * "thefts":[{"device":"lab-web","count":7,"last":4711}]}. A keeper writes it before its first look; where it is not
 * there, the keeper has been started and has not come so far: then it is asked who it is.
 */
#define RESIDENT_SOCKET "keeper.sock"
#define RESIDENT_REMEMBERED_SEC 3600 /* for so long it is told that a MAC was stolen */
#define RESIDENT_LOG "keeper.log"
#define RESIDENT_STATE "keeper.json"
#define RESIDENT_MESSAGE_MAX 4096

/* Before anything is changed: could the keeper be started? -ENOENT, -EACCES with what to do about it. */
int resident_check(const struct tapnet *tapnet, struct tapnet_error *error);
/* With the lock held. Does nothing when one is there already. Not waited for; a failure is not one of `up`. */
void resident_start(const struct tapnet *tapnet);
/*
 * With the lock held, and before a set goes: a connection to the keeper, so that it knows that it is going to be told.
 * -1: there is none.
 */
int resident_meet(const struct tapnet *tapnet);
/*
 * Without the lock: has the keeper behind @fd, which is closed, look, and when nothing is left for it to keep, sees it
 * to its end.
 */
int resident_tell(const struct tapnet *tapnet, int fd, struct tapnet_error *error);
/* Is one there? */
bool resident_runs(const struct tapnet *tapnet);

/* What RUN_DIR/keeper.json says. */
struct resident_state {
    int pid; /* 0: none runs */
    struct {
        const char *object; /* of @json */
        unsigned seconds;
        bool closed; /* a port: its holder keeps changing it */
    } * waiting;
    size_t waiting_count;
    struct {
        const char *device; /* of @json */
        unsigned count;
    } * thefts;
    size_t theft_count;
    struct json_t *json;
};
/* Of a keeper that does not run nothing is said; one that is only just being started is waited for. */
void resident_state_read(const struct tapnet *tapnet, struct resident_state *ret);
void resident_state_fini(struct resident_state *state);

/* ---- for the keeper itself ---- */

/* Makes the socket, with the lock taken meanwhile; the state of a keeper before goes. -EALREADY: a keeper has it. */
int resident_listen(const struct tapnet *tapnet, int *ret_fd, struct tapnet_error *error);
/*
 * Makes the socket by which users ask for ports (attach.h), that replaces one that a dead keeper left. Who starts a
 * keeper hands it over, so that it can be asked before it runs.
 */
int resident_listen_for_users(const struct tapnet *tapnet, int *ret_fd, struct tapnet_error *error);
/* With the lock held: removes sockets, log and state. */
int resident_remove_files(const struct tapnet *tapnet, struct tapnet_error *error);

#endif
