/* SPDX-License-Identifier: MIT */
/* Which rules look at whether packets come in or leave by a link. */
#ifndef RULES_NAMING_H
#define RULES_NAMING_H

#include "rules/meet.h"

/*
 * The first rule of @chain that names link @name of @index: by its name, a pattern of names, its index, or a set with
 * one of them in it; NULL.
 */
const struct rules_rule *rules_find_naming(const struct rules_ruleset *ruleset, const struct rules_chain *chain,
                                           const char *name, uint32_t index);

#endif
