/* SPDX-License-Identifier: MIT */
/* Subtracts found from wanted: ordered steps, each with its undo. Makes no system call. */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "model/object.h"

/*
 * How it works: a step is a pair (before, after) of the same identity; NULL is "not there". Its undo is the pair
 * swapped, so undoing a plan is running its steps backwards with the pairs swapped, and a journal of pairs is enough
 * to undo after a crash. Steps are ordered by phase, so that what guards comes before what it guards, what can fail
 * comes before what can't be given back (a device that a guest holds), and what is alike stands together and can be
 * done in bulk: one nftables transaction, one delete of a group.
 */
enum plan_phase {
    PLAN_GUARDS_SET,  /* tables and elements: added and changed, one transaction */
    PLAN_SECURED_SET, /* sysctls that keep what the next ones would take from the host: see model_sysctl_secures() */
    PLAN_BRIDGES_SET,
    PLAN_SYSCTLS_SET,
    PLAN_NEIGHBOURS_CLEAR,
    PLAN_ROUTES_CLEAR,
    PLAN_ADDRESSES_CLEAR, /* of a device that has to be made anew: they go with it, ... */
    PLAN_DEVICES_CLEAR,   /* ... it makes room for its successor of the same name, and the SETs make both */
    PLAN_DEVICES_SET,     /* TAPs and TUNs: made, or changed in place */
    PLAN_ADDRESSES_SET,
    PLAN_ROUTES_SET, /* behind the addresses that the host speaks to guests from */
    PLAN_NEIGHBOURS_SET,
    PLAN_PASSAGES_SET,   /* in filters of others: behind our own guards */
    PLAN_SERVICES_CLEAR, /* of a network whose address another one gets: two can't listen at it */
    PLAN_SERVICES_SET,
    PLAN_UPLINKS_JOIN, /* last: from here on the host itself goes by the bridge */
    PLAN_RECORDS_SET,  /* of sets: what is there is on record, never what is not there yet, or no more */
    PLAN_RECORDS_REMOVE,
    PLAN_UPLINKS_LEAVE, /* before the bridge goes, and all that is on it */
    PLAN_SERVICES_REMOVE,
    PLAN_PASSAGES_REMOVE,
    PLAN_NEIGHBOURS_REMOVE,
    PLAN_ROUTES_REMOVE,
    PLAN_ADDRESSES_REMOVE,
    PLAN_DEVICES_REMOVE,
    PLAN_SYSCTLS_REMOVE, /* while their bridges are there: undone, a bridge is made anew before it is told them again */
    PLAN_BRIDGES_REMOVE,
    PLAN_SECURED_REMOVE,
    PLAN_GUARDS_REMOVE, /* elements and tables: removed, one transaction */
    PLAN_PHASE_COUNT,
};

struct plan_step {
    enum plan_phase phase;
    const struct model_object *before, *after;
};

/* The plan points into the object lists that it was made from. */
struct plan {
    struct plan_step *steps;
    size_t step_count, step_capacity;
};

/* Steps from @found to @wanted, both sorted by model_objects_sort(). 0 or -ENOMEM. */
int plan_make(const struct model_objects *wanted, const struct model_objects *found, struct plan **ret);
void plan_free(struct plan *plan); /* takes NULL */

/* The object that a step is about: after, or before when it is removed. */
const struct model_object *plan_step_object(const struct plan_step *step);

/* Does @step take away what a rule has learnt? Nobody needs to be told, and it is not undone (plan/learned.c). */
bool plan_step_forgets(const struct plan_step *step);

/* Why a changed object differs ("mtu 1500, wanted 1400"), "" when it is made or removed. */
#define PLAN_REASON_MAX 256
const char *plan_step_reason(const struct plan_step *step, char text[PLAN_REASON_MAX]);

/* ---- scope.c: the part of the host that one set's plan is about ---- */

struct plan_scope {
    struct model_objects wanted, found; /* sorted; strings are copies in their arenas */
};
void plan_scope_fini(struct plan_scope *scope);

/* What a plan must know of the host besides our objects. */
struct plan_host {
    /* Is @name a link that is not ours? */
    bool (*is_foreign)(const void *data, const char *name);
    /* net.ipv4.conf.NAME.forwarding of a link that is not ours; -1 when there is no such link. */
    int (*forwarding)(const void *data, const char *name);
    /* net.ipv6.conf.NAME.@key of such a link: one of model_conf6[]; -1 also where it has none. */
    int (*conf6)(const void *data, const char *name, const char *key);
    /* Is it a bridge? Its own frames must pass although it is closed for routing. */
    bool (*is_bridge)(const void *data, const char *name);
    /* The name of the link that is number @index among those that are not ours; NULL behind the last. */
    const char *(*foreign)(const void *data, size_t index);
    const void *data;
    const char *file;   /* that the wanted objects' places are of, for messages; NULL: none */
    bool foreign_table; /* a nftables table of our name is there that is not ours */
    bool ip_forward;    /* net.ipv4.ip_forward: the host is a router by its own wish */
    bool resolver;      /* the host's own resolver can be told of the networks' names */
};

/*
 * Cuts @all (every object of ours on the host) down to what concerns @set, and merges into @wanted (model_expand(), or
 * empty to take the set away; its objects are copied) what several sets share: tables stay while anybody needs them, a
 * sysctl keeps its other users. @set NULL: all sets. A link, network or table that somebody else holds is -EEXIST
 * with a sentence that names the holder.
 */
int plan_scope_make(const struct model_objects *wanted, const struct model_objects *all, const char *set,
                    const struct plan_host *host, struct plan_scope *ret, struct tapnet_error *error);

/* ---- uplink.c ---- */

/*
 * Adds the uplinks to @scope, found and wanted: those that @wanted (may be empty) names are to be ports of its
 * bridges, those that are ports of bridges of @set (NULL: of any) and that it does not name any more are to be none;
 * all others stay. -ENOENT: one that is wanted is not there. -EOPNOTSUPP: one carries what can't be moved. -ENOMEM.
 */
int plan_scope_uplinks(struct plan_scope *scope, const struct model_objects *wanted, const struct model_objects *all,
                       const char *set, const struct plan_host *host, struct tapnet_error *error);

/* Does @step move an uplink, and with it the way on which the host itself is reached? */
bool plan_step_moves(const struct plan_step *step);

/* The set an object of ours belongs to: "" for shared ones and for links not yet labelled. */
const char *plan_object_set(const struct model_object *object, char text[MODEL_NAME_MAX]);

#endif
