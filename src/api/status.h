/* SPDX-License-Identifier: MIT */
/* The status as the library keeps it behind the public pointer. */
#ifndef API_STATUS_H
#define API_STATUS_H

#include "api/context.h"
#include "explain/doctor.h"
#include "observe/observe.h"

/* Every text is the arena's. */
struct tapnet_status {
    struct tapnet_status_network *networks;
    size_t network_count;
    struct tapnet_status_device *devices;
    size_t device_count;
    struct tapnet_status_set *sets;
    size_t set_count;
    struct doctor_problem *problems;
    size_t problem_count, problem_capacity;
    const char **warnings;
    size_t warning_count, warning_capacity;
    int keeper_pid; /* 0: none runs */
    struct arena arena;
};

/* Adds a sentence; NULL is none for lack of memory. 0 or -ENOMEM. */
int status_warn(struct tapnet_status *status, const char *text);

/* ---- status_guest.c: whose MACs are at the ports of a network, and what was dropped there ---- */

/*
 * Fills in what concerns that of @ports, which are @network's in the same order, and adds a warning for each guest
 * whose MAC is not taken. 0 or -ENOMEM.
 */
int status_fill_guests(struct tapnet_status *status, const struct observe_found *found,
                       const struct model_network *network, struct tapnet_status_port *ports);

/* ---- status.c ---- */

/*
 * The problems of all sets that are up, and nothing else: as tapnet_status_get() has them of @found. The caller frees
 * it with tapnet_status_free().
 */
int status_find_problems(const struct tapnet *tapnet, const struct observe_found *found, struct tapnet_status **ret,
                         struct tapnet_error *error);

/* ---- status_find.c ---- */

/*
 * The port that @name means: "web", "lab/web" (network and port) or "lab-web" (its device). 0, -ENOENT, or -ENOTUNIQ
 * when several are meant; both are the status's.
 */
int status_find_port(const struct tapnet_status *status, const char *name,
                     const struct tapnet_status_network **ret_network, const struct tapnet_status_port **ret_port,
                     struct tapnet_error *error);

/* ---- status_problems.c ---- */

/* What `up` would do again of every set that is shown; what several of them share is said once. 0 or -ENOMEM. */
int status_fill_problems(struct tapnet_status *status, const struct tapnet *tapnet, const struct observe_found *found);
/* Who it is, what it waits for, and what it put right that nobody else knows. 0 or -ENOMEM. */
int status_fill_keeper(struct tapnet_status *status, const struct tapnet *tapnet);

#endif
