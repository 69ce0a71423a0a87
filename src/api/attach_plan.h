/* SPDX-License-Identifier: MIT */
/* Inside attach.c: which port is meant, who may have it, and the plan of one that is not there yet. */
#ifndef API_ATTACH_PLAN_H
#define API_ATTACH_PLAN_H

#include "api/attach.h"
#include "api/roll.h"
#include "api/sets.h"

/* A port, or several, that are going to be plugged. */
struct plugging {
    const struct tapnet_attach_options *options;
    const struct model_person *person; /* on whose behalf; NULL: root's */
    const struct observe_found *found; /* NULL: nobody has looked */
    const struct roll *roll;           /* of who is in the network besides its own ports; NULL: nobody */
    const char *network;               /* that they are made in */
    size_t count;                      /* how many; more than one without names */
};

/* What can be told of the options alone. -EINVAL, -EOPNOTSUPP. */
int plugging_check(const struct plugging *plugging, struct tapnet_error *error);
/* Is more said of the port than which it is: may it be a new one alone? */
bool plugging_says_more(const struct tapnet_attach_options *options);
/*
 * The network, and the port of it that is there: *ret_port NULL: it is to be made. *ret_service NULL: so is the
 * network. -ENOENT, -ENOTUNIQ, -EPERM, -EDQUOT.
 */
int plugging_find(const struct plugging *plugging, const struct model_service **ret_service,
                  const struct model_port **ret_port, struct tapnet_error *error);
/* Adds the ports to @set, as it was brought up, as the last of theirs: a sets_change; @data is the struct plugging. */
int plugging_add(struct model_set *set, void *data, struct tapnet_error *error);
/* The plan of the network that is made, with the port. @found, which is the plan's then, is the host as it is now. */
int plugging_plan_default(struct plugging *plugging, struct tapnet *tapnet, struct observe_found *found,
                          struct tapnet_plan **ret, struct tapnet_error *error);

/* A port that is going to be taken away. */
struct unplugging {
    const char *network, *port;
    unsigned flags;                    /* TAPNET_DETACH_... */
    const struct model_person *person; /* as above */
};

/* Is there such a port, and may it go? *ret: its network. */
int unplugging_find(const struct unplugging *unplugging, const struct observe_found *found,
                    const struct model_service **ret, struct tapnet_error *error);
/* A sets_change; @data is the struct unplugging. */
int unplugging_remove(struct model_set *set, void *data, struct tapnet_error *error);

#endif
