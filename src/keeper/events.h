/* SPDX-License-Identifier: MIT */
/* What tells the keeper that somebody may have changed something of ours. */
#ifndef KEEPER_EVENTS_H
#define KEEPER_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "keeper/culprits.h"

/*
 * How it works: rtnetlink tells of links, addresses, routes and forwarding, nfnetlink of nf_tables, inotify of files in
 * the run directory. What they say is not believed: each means "look again", and the look is a plan from the host as it
 * is. A queue that overflowed means the same, so no event can be lost. Who caused it is remembered where the kernel
 * knows (of tables alone), and only if it was about something of ours.
 *
 * Of forwarding flags rtnetlink tells; what else tapnet sets below /proc/sys (accept_ra) is watched as a file.
 */
struct events;

/* Needs CAP_NET_ADMIN. */
int events_open(struct events **ret, struct tapnet_error *error);
void events_close(struct events *events); /* takes NULL */

#define EVENTS_FDS 3
/* Descriptors to poll for POLLIN. */
void events_fds(const struct events *events, int ret[EVENTS_FDS]);

/* Reads all that is there. True when something was. */
bool events_read(struct events *events);
/* The same of nftables alone, for who it was. What was there counts for the next events_read(). */
void events_read_guards(struct events *events);
/*
 * Who has the lock writes ledgers of his own between the two, which is no reason to look: one would see what he wrote.
 * That a ledger goes is one, and all that others did before. Afterwards: is there one? (events_wait())
 */
void events_begin_writing(struct events *events);
void events_end_writing(struct events *events);
/* Was something read that waits for the next events_read()? */
bool events_wait(const struct events *events);

/*
 * Watches the files of @run_dir, and the sysctls that its ledgers name: to be called after each look, since they come
 * and go. @holders: and who closes /dev/net/tun, the next time. True when something was not watched before: what
 * happened there until now nobody has told.
 */
bool events_watch_files(struct events *events, const char *run_dir, bool holders);

/*
 * Who changed tables of ours since events_forget(), as far as one sees who is at @generation of the host's nftables:
 * see culprits.h. Nobody is named of all else: a notification about a link, an address or a route has at most a netlink
 * port, which a process may choose.
 */
const char *events_culprit(const struct events *events, uint32_t generation);
void events_forget(struct events *events, uint32_t generation);

#endif
