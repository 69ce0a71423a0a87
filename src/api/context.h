/* SPDX-License-Identifier: MIT */
/* What the public functions share: the context, and the way from a set to a plan. */
#ifndef API_CONTEXT_H
#define API_CONTEXT_H

#include <tapnet/network.h>

#include "api/roll.h"
#include "apply/ops.h"
#include "apply/run.h"
#include "model/object.h"
#include "observe/observe.h"
#include "plan/plan.h"

struct tapnet {
    char run_dir[RUN_PATH_MAX]; /* of this network namespace */
    int run_fd;                 /* of it, once its lock was had: run_open(); else -1 */
    int lock;                   /* api_lock()'s, while it is held; else -1 */
    char *service;              /* path of the service program; the keeper's is beside it */
    bool with_keeper;           /* `up` starts one when none is there */
    struct tapnet_guard guard;
    struct apply_loan loan;        /* arranged by the keeper before it gave its rights up */
    const struct apply_peer *peer; /* of the container that a port is made for just now; NULL: none is */
    /* Opened at first use, and kept; of this process, whose child would get its answers. See api_open_ops(). */
    struct apply_kernel *kernel;
    struct apply_ops ops;
    int kernel_pid;
    struct api_keeper {
        int fd, pid;    /* attach_ask_ready()'s connection, kept in the same way; -1: there is none */
        uint64_t inode; /* its socket's: whoever closes all descriptors of a process does not ask whose they are */
        int64_t mute_until_msec; /* CLOCK_MONOTONIC: it has not answered, and is not asked again before */
    } keeper;
    /* Tests put themselves between apply and the kernel here: called with the real requests before each plan. */
    void (*wrap)(struct apply_ops *ops, void *data);
    void *wrap_data;
    struct roll_kept roll; /* of the last port that came or went quickly */
    const char **notes;    /* of the last up, down or plan; the texts are the arena's */
    size_t note_count, note_capacity;
    struct arena note_arena;
};

struct tapnet_spec {
    struct model_set *set;
    bool replace; /* a set of the same name that came from another file */
    bool coexist; /* whoever was asked said yes to passages */
};

/* A plan with all that it points into. */
struct tapnet_plan {
    struct observe_found *found;
    struct model_set *set; /* resolved copy of a spec's set; NULL for down */
    struct plan_scope scope;
    struct plan *plan;
    struct model_objects asked;        /* passages that nobody has agreed to */
    struct sets_plan *change;          /* that @plan is of, when it is no whole set's; else NULL */
    size_t hidden_first, hidden_count; /* steps about records, which stand together: nothing that a person asked for */
    struct tapnet_effect *effects;     /* of a plan that is only to be looked at; the texts are the arena's */
    size_t effect_count;
    struct arena effect_arena;
    char object[MODEL_OBJECT_TEXT_MAX]; /* texts of the last tapnet_plan_step() */
    char reason[PLAN_REASON_MAX];
};

/* The path of the program @name, which is beside the service's. -ENAMETOOLONG. */
int api_program_path(const struct tapnet *tapnet, const char *name, char ret[RUN_PATH_MAX]);

/*
 * May we change networks here at all? -EACCES, and nothing but one question was put to the kernel: better than the
 * first of many reasons for which the work itself would fail.
 */
int api_check_right(struct tapnet_error *error);
/* The same by @tapnet's own socket. */
int api_check_own_right(struct tapnet *tapnet, struct tapnet_error *error);

/* run_lock(), for who comes again and again. Let go by api_unlock(); @up: a network is, so nothing is to be tidied. */
int api_lock(struct tapnet *tapnet, struct tapnet_error *error);
void api_unlock(struct tapnet *tapnet, bool up);

/* The index of the link @name; 0: there is none. */
unsigned api_link_index(struct tapnet *tapnet, const char *name);

/* Is the connection to the keeper there, and the one that was made? */
bool api_has_keeper(const struct tapnet *tapnet);
void api_close_keeper(struct tapnet *tapnet);
/* Closes what api_open_ops() keeps open. Without the lock, since the kernel may take its time. */
void api_close_ops(struct tapnet *tapnet);
/*
 * The real requests, which are @tapnet's. With the lock held, and then apply_kernel_rest() when they are done.
 *
 * They are kept open since the kernel takes long to let go of a netlink socket of nftables': some 10 ms while elements
 * that were deleted wait for their end (nft_rcv_nl_event()).
 */
int api_open_ops(struct tapnet *tapnet, struct apply_kernel **ret_kernel, struct apply_ops *ret,
                 struct tapnet_error *error);

/* ---- notes.c ---- */

void api_notes_clear(struct tapnet *tapnet);
/* Adds a note; @text is the note arena's, NULL: there was no memory for it. -ENOMEM. */
int api_note(struct tapnet *tapnet, const char *text);
/* Says what is odd about the uplinks of the networks of a plan. -ENOMEM. */
int api_note_uplinks(struct tapnet *tapnet, const struct tapnet_plan *plan);
/* Says what is odd about the forwards of a plan: forwards_warn(). -ENOMEM. */
int api_note_forwards(struct tapnet *tapnet, const struct tapnet_plan *plan);
/* Says what @plan, which undoes what a killed tapnet left, does. -ENOMEM. */
int api_note_undone(struct tapnet *tapnet, const struct plan *plan);
/* Says who holds the devices that @plan takes away: to be called before it runs. -ENOMEM. */
int api_note_holders(struct tapnet *tapnet, const struct plan *plan);
/* Says what is left behind after a down that is done: @reason is a whole sentence. -ENOMEM. */
int api_note_leftovers(struct tapnet *tapnet, const struct tapnet_error *reason);
/* What a user should know of the network's uplink, the arena's; *ret NULL when there is nothing. -ENOMEM. */
int api_uplink_warning(const struct observe_found *found, const struct model_network *network, struct arena *arena,
                       const char **ret);

/*
 * Plans for @spec (up) or, when it is NULL, for @set_name (down; NULL: all sets). @found becomes the plan's, on failure
 * too. Leaves notes.
 */
int api_plan_make(struct tapnet *tapnet, struct observe_found *found, const struct tapnet_spec *spec,
                  const char *set_name, struct tapnet_plan **ret, struct tapnet_error *error);

/* The same without notes. */
int api_plan_from(struct observe_found *found, const struct tapnet_spec *spec, const char *set_name,
                  struct tapnet_plan **ret, struct tapnet_error *error);

/* ---- effects.c ---- */

/* Fills in @plan's effects. 0 or -ENOMEM. */
int api_plan_effects(struct tapnet_plan *plan);

/* Steps that a person is told of: all but those about records. */
size_t api_plan_shown(const struct tapnet_plan *plan);

/* With the lock held: undoes what a tapnet that was killed left. */
int api_recover(struct tapnet *tapnet, struct tapnet_error *error);

/*
 * With the lock held: runs @plan with a journal; what a failure leaves is undone, or said. @all: every object of ours
 * that was found. @function, called with @data, may be NULL.
 */
int api_plan_run(struct tapnet *tapnet, const struct plan *plan, const struct model_objects *all,
                 tapnet_progress *function, void *data, struct tapnet_error *error);

/* A device that a plan makes is caught so (apply_kernel_catch()). */
struct api_made {
    unsigned flags; /* IFF_..., of the device */
    int fd;         /* -1 before; the caller's, on failure too */
};
/*
 * With the lock held: calls @work with the real requests, and @data. No journal is written: what @work leaves half done
 * its caller must find again. @made: what is caught; NULL: nothing is.
 */
typedef int api_work(const struct apply_ops *ops, void *data, struct tapnet_error *error);
int api_with_requests(struct tapnet *tapnet, api_work *work, void *data, struct api_made *made,
                      struct tapnet_error *error);
/* Deletes the devices whose ports are gone (apply_gone_delete()); it may be done by several at once. */
int api_gone_delete(struct tapnet *tapnet, struct tapnet_error *error);

/* Tells the service, which runs, who is in @network. */
int api_service_update(struct tapnet *tapnet, const struct model_network *network, struct tapnet_error *error);

/*
 * With the lock held: runs @plan without a journal and undoes nothing: the guards first, all or none, then every other
 * step for itself. @error has one line for each that failed.
 */
int api_plan_mend(struct tapnet *tapnet, const struct plan *plan, const struct model_objects *all,
                  struct tapnet_error *error);

/*
 * With the lock held, after @plan took @set (NULL: all) down: ends what the run directory would have told of, had
 * nobody removed it; -ENODATA with what to do when something can't be known any more.
 */
int api_take_leftovers(struct tapnet *tapnet, const struct tapnet_plan *plan, const char *set,
                       struct tapnet_error *error);

/* The link called @name when it is there and not ours, else NULL. */
const struct observe_link *api_find_foreign(const struct observe_found *found, const char *name);

/* How a plan asks about links that are not ours: for plan_scope_make(). */
struct plan_host api_plan_host(const struct observe_found *found);

#endif
