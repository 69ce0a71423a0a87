/* SPDX-License-Identifier: MIT */
/* The service as the keeper watches it: that it lives and works, and its socket for DHCP, which is to outlive it. */
#ifndef KEEPER_SERVED_H
#define KEEPER_SERVED_H

#include <stdbool.h>
#include <stdint.h>

#include "apply/ops.h"

/*
 * How it works: a pidfd tells of its end, at once. The socket that hears DHCP requests is held here too: what comes in
 * while there is no service waits in its queue for the next one. But netfilter gives the log to one socket at a time,
 * so it is let go when somebody else may be about to start a service: while another tapnet holds the lock, and when no
 * service could be had.
 *
 * That it hangs nothing tells. So the service lends the descriptor of its own epoll (service/control.h, "watch"), which
 * is readable while something waits that it has not dealt with. When that wakes us, it is left alone for
 * SERVED_PATIENCE_USEC and then looked at again: is it readable still, then either the next thing has just come in, or
 * the service hangs: it is asked, and one that does not answer is ended, by the pipe that it lent for that; should it
 * have broken that, by the starter, where there is one. So nobody is asked anything while no guest wants anything, and
 * a busy service costs us two glances and at most one question each five seconds.
 */
struct served {
    int pid_fd;         /* readable when the service has ended; -1: none is known */
    int watch_fd;       /* readable while it has something to do; -1: it lends none */
    int switch_fd;      /* what is written there ends it; -1 */
    uint64_t look_usec; /* when to look at that again; 0: it may wake us */
    bool unending;      /* it hangs, and we can't end it; that was said */
};
#define SERVED_NONE ((struct served){.pid_fd = -1, .watch_fd = -1, .switch_fd = -1})
#define SERVED_PATIENCE_USEC 5000000

void served_fini(struct served *served, struct apply_loan *loan);

/* After a look: makes the service's acquaintance, if there is a new one, and keeps its socket in @loan->log_fd. */
void served_meet(struct served *served, const char *run_dir, struct apply_loan *loan);

/* The service is gone. */
void served_forget(struct served *served);

/* Lets go of the socket. */
void served_give_way(struct apply_loan *loan);

/* ---- does it work? ---- */

/* What to poll for POLLIN; -1: nothing for now. */
int served_watch_fd(const struct served *served);
/* That was readable. */
void served_stirs(struct served *served);
/* When served->look_usec has come: ends a service that does not answer. */
void served_look(struct served *served, const char *run_dir, const struct apply_loan *loan);

/* Before a look: ends a service that lives and that nobody can talk to, for it hangs or its socket's name is gone. */
void served_end_mute(struct served *served, const char *run_dir, const struct apply_loan *loan);

#endif
