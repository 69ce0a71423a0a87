/* SPDX-License-Identifier: MIT */
/* Sysctls of IPv6 that several sets share, and the elements that close for others what we had forward. */
#ifndef PLAN_IP6_H
#define PLAN_IP6_H

#include "plan/plan.h"

/*
 * Adds @sysctl, which somebody wants, to @scope, with what closes the links that forward because of it. @found: what
 * its ledger says, or NULL; one whose device is gone stays so. What it was before us, whoever wanted it first has told;
 * of a link of ours nobody has, since it goes with the link. What a link of the host's does by the host's own wish
 * stays as it is, and one that forwards stays open to others. @all: every object of ours. 0 or -ENOMEM.
 */
int plan_ip6_want(struct plan_scope *scope, const struct model_object *found, struct model_object *sysctl,
                  const struct model_objects *all, const struct plan_host *host);

#endif
