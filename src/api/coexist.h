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
/* May two states of a set want other passages: has a network come or gone, or its first or last forward? */
bool coexist_differs(const struct model_set *before, const struct model_set *after);
/* Adds the passages that @set wants to @wanted. */
int coexist_want(const struct model_set *set, struct model_objects *wanted, struct tapnet_error *error);
/*
 * Calls @tell with a sentence, the arena's (NULL: no memory), for each network of @set that needs passages which nobody
 * has agreed to; @asked, which is empty, gets these.
 */
int coexist_tell(const struct model_set *set, struct model_objects *asked, struct arena *arena,
                 int (*tell)(void *data, const char *text), void *data, struct tapnet_error *error);
/*
 * Fills in @plan->asked, of a plan for a specification: what it would put into packet filters of others if somebody
 * said yes. Says so in notes.
 */
int coexist_ask(struct tapnet *tapnet, struct tapnet_plan *plan, struct tapnet_error *error);

#endif
