/* SPDX-License-Identifier: MIT */
/* The service as the keeper watches it: that it lives, and its socket for DHCP, which is to outlive it. */
#ifndef KEEPER_SERVED_H
#define KEEPER_SERVED_H

#include <stdbool.h>

#include "apply/ops.h"

/*
 * How it works: a pidfd tells of its end, at once. The socket that hears DHCP requests is held here too: what comes in
 * while there is no service waits in its queue for the next one. But netfilter gives the log to one socket at a time,
 * so it is let go when somebody else may be about to start a service: while another tapnet holds the lock, and when no
 * service could be had.
 */
struct served {
    int pid_fd; /* readable when the service has ended; -1: none is known */
};
#define SERVED_NONE ((struct served){-1})

void served_fini(struct served *served, struct apply_loan *loan);

/* After a look: makes the service's acquaintance, if there is a new one, and keeps its socket in @loan->log_fd. */
void served_meet(struct served *served, const char *run_dir, struct apply_loan *loan);

/* The service is gone. */
void served_forget(struct served *served);

/* Lets go of the socket. */
void served_give_way(struct apply_loan *loan);

/* Ends a service that lives and that nobody can talk to, because its socket's name was removed. */
void served_end_mute(const struct served *served, const char *run_dir, const struct apply_loan *loan);

#endif
