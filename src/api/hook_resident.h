/* SPDX-License-Identifier: MIT */
/* The process that runs the hooks of ports, as a tapnet command sees it: start it, see it to its end, ask after it. */
#ifndef API_HOOK_RESIDENT_H
#define API_HOOK_RESIDENT_H

#include "api/context.h"
#include "api/hook_wait.h"

/*
 * How it works: tapnet-hooks (src/hooks) is there while a network is up whose file has hooks of ports, one in a network
 * namespace. Its socket RUN_DIR/hooks.sock (SOCK_SEQPACKET) is bound by who starts it, with the lock held, and handed
 * over listening, as the keeper's is (api/resident.h). One JSON datagram a request:
 *
 *   {"do":"look"}    look now; the reply comes when no hook is due of a network that has gone:
 *                    {"ok":true,"pid":123,"missed":0,"ends":false}. "missed": so many of these were given up, for they
 *                    had not come to their end in time. "ends": nothing is left for it to do, and it is about to end.
 *   {"do":"who"}     {"ok":true,"pid":123}
 *
 * RUN_DIR/hooks.log is its log; RUN_DIR/hooks.told is in hook_told.h; RUN_DIR/hooks.state has for `status` a line of
 * each network with what went wrong last: "NETWORK SENTENCE". It alone writes the last two, and without the lock.
 */
#define HOOK_RESIDENT_SOCKET "hooks.sock"
#define HOOK_RESIDENT_LOG "hooks.log"
#define HOOK_RESIDENT_TOLD "hooks.told"
#define HOOK_RESIDENT_STATE "hooks.state"
#define HOOK_RESIDENT_FRESH "hooks.state.new" /* before its rename */

/* Before anything is changed: could it be started, where @set needs it? -ENOEXEC, -EACCES with what to do about it. */
int hook_resident_check(const struct tapnet *tapnet, const struct model_set *set, struct tapnet_error *error);
/* Has a network hooks of ports: of @plan's set, or of another one that is up? */
bool hook_resident_wanted(const struct tapnet_plan *plan);
/* With the lock held. Does nothing when one is there already. A failure is not one of `up`: `status` tells of it. */
void hook_resident_start(const struct tapnet *tapnet);

/* With the lock held, and before a network goes: a connection, so that it does not leave before it was told; or -1. */
int hook_resident_meet(const struct tapnet *tapnet);
/*
 * Without the lock: has the one behind @fd, which is closed, look, waits until the hooks of what has gone have run (or
 * nobody waits any more: it goes on alone), and when nothing is left for it to do, sees it to its end. Leaves a note of
 * hooks that did not run. -ENOMEM.
 */
int hook_resident_tell(struct tapnet *tapnet, int fd, struct hook_wait *wait);

bool hook_resident_runs(const char *run_dir);
/* The first network of @found, all of which are up, that has hooks of ports, while nobody runs them; NULL: none. */
const struct model_service *hook_resident_missed(const char *run_dir, const struct observe_found *found);
/* What is said of that. */
#define HOOK_RESIDENT_MISSING "the hooks of ports do not run: tapnet-hooks, which runs them, is not there"
/* What is to be said of the hooks of @network's ports, which is up: the arena's; *ret NULL for nothing. -ENOMEM. */
int hook_resident_warning(const char *run_dir, const struct model_network *network, struct arena *arena,
                          const char **ret);

/* ---- for the process itself ---- */

/* Makes the socket, with the lock taken meanwhile. -EALREADY: another one has it. */
int hook_resident_listen(const struct tapnet *tapnet, int *ret_fd, struct tapnet_error *error);
/* With the lock held: removes all its files. */
void hook_resident_remove_files(const struct tapnet *tapnet);

#endif
