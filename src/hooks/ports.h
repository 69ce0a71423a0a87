/* SPDX-License-Identifier: MIT */
/* The ports that hooks are about: who is at each, of whom its hooks know, and whose turn it is. */
#ifndef HOOKS_PORTS_H
#define HOOKS_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/hook.h"
#include "hooks/look.h"

/*
 * How it works: there is no queue of events. Each port has two guests (look.h), the one that is there now and the one
 * that its hooks know of. While these differ, the port is due: `unplugged` for the one they know of, then `plugged`
 * for the one that is there. So the memory is bounded by the ports, the hooks of one run in turn and in pairs, and
 * whatever was missed while nobody looked is made up for. A guest that has come and gone before its turn has neither
 * run; that is said.
 *
 * Who may open a TAP may do so as often as he likes, and each time is a program of root's: a port has a `plugged` a
 * second at most. What comes faster is one guest that came and went.
 *
 * What they know outlives us in RUN_DIR/hooks.told (api/hook_told.h), written when a hook has come to its end: one that
 * was killed with us runs again.
 */
struct hook_network {
    char name[MODEL_NAME_MAX];
    bool up;           /* else it has gone, or it has no hooks of ports any more */
    bool met;          /* its ledger was found by the last look at ledgers */
    uint64_t end_usec; /* of one that has gone: what has not come to its end by then is given up; 0: it is up */
    char plugged[MODEL_HOOK_MAX + 1], unplugged[MODEL_HOOK_MAX + 1]; /* programs; "": none */
    struct hook_facts facts;                                         /* the arena's */
    struct arena arena;
    char *failure; /* the sentence for `status`; NULL: all is well */
    char failed_port[MODEL_NAME_MAX];
};

struct hooked_port {
    struct hook_network *network;
    struct hook_port facts; /* its name, and what its hooks are told */
    uint64_t now, told;     /* guests; 0: none */
    uint64_t seen;          /* while looking */
    uint64_t turn;          /* the order in which ports became due; 0: it is not */
    uint64_t ready_usec;    /* `plugged` does not run before */
    uint64_t running;       /* the guest of the hook that runs; 0: none runs */
    bool plugs;             /* that hook: `plugged` */
    size_t place;           /* in hooks.told */
};

struct ports {
    const char *run_dir;
    struct hook_network **networks;
    size_t network_count, network_capacity;
    struct hooked_port **items; /* sorted by network and name */
    size_t count, capacity;
    bool *places; /* of hooks.told: taken */
    size_t place_count, place_capacity;
    struct observe_found *found; /* the ledgers, as last read */
    int told_fd;
    uint64_t turns;
    size_t missed; /* hooks of networks that have gone, given up since ports_missed() */
};

/* What an earlier process knew is known. -ENOMEM, or what reading files fails with. */
int ports_init(struct ports *ports, const char *run_dir, struct tapnet_error *error);
void ports_fini(struct ports *ports);
/* Writes down again what hooks know, in a file of the same name: somebody tidied up. */
void ports_write_again(struct ports *ports);

/* Reads the ledgers. A failure leaves all as it was. */
int ports_read_ledgers(struct ports *ports, struct tapnet_error *error);
/* Compares with what is seen of the host. 0 or -ENOMEM. */
int ports_compare(struct ports *ports, const struct look *look, uint64_t now_usec);

/* Who has been due for longest, has no hook running, and may have one by @now_usec; NULL: nobody. */
struct hooked_port *ports_next(struct ports *ports, uint64_t now_usec);
/* When there is one without an event; 0: never. */
uint64_t ports_ready_usec(const struct ports *ports);
/* Its hook begins; *ret_program "": there is none, and it has ended. */
void ports_begin(struct ports *ports, struct hooked_port *port, uint64_t now_usec, const char **ret_event,
                 const char **ret_program);
/* Its hook has come to its end; @failure: the sentence, NULL when it did well. */
void ports_end(struct ports *ports, struct hooked_port *port, const char *failure);

/* Gives up what is due of networks that had gone for long enough by @now_usec. */
void ports_give_up(struct ports *ports, uint64_t now_usec);
/* When that is next to be done; 0: never. */
uint64_t ports_give_up_usec(const struct ports *ports);
/* How many it was since this was last asked. */
size_t ports_missed(struct ports *ports);

/* Is a network up that has hooks of ports? Is a hook due or running of one that has gone? */
bool ports_any_up(const struct ports *ports);
bool ports_any_leaving(const struct ports *ports);

#endif
