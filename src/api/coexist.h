/* SPDX-License-Identifier: MIT */
/* Living beside packet filters of others: what was agreed to, and what is still to be asked. */
#ifndef API_COEXIST_H
#define API_COEXIST_H

#include "api/context.h"

/*
 * What the networks of @set, which is a specification's, do: as its file says; where that says "ask", as somebody said
 * whom @consent tells of, or as it is agreed to for a network that is up already.
 */
void coexist_settle(const struct observe_found *found, bool consent, struct model_set *set);
/* Adds the passages that @set wants to @wanted. */
int coexist_want(const struct model_set *set, struct model_objects *wanted, struct tapnet_error *error);
/* Fills in @plan->asked: what it would put into packet filters of others if somebody said yes, and says so in notes. */
int coexist_ask(struct tapnet *tapnet, struct tapnet_plan *plan, struct tapnet_error *error);

#endif
