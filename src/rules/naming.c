/* SPDX-License-Identifier: MIT */
/* Which rules look at whether packets come in or leave by a link. */
#include "rules/naming.h"

#include <linux/netfilter/nf_tables.h>
#include <string.h>

/*
 * How it works: the registers hold of a packet the link alone, by its name and its index. A rule names it when a
 * comparison with what was loaded of it, or a look into a set, comes true for that link.
 */

struct search {
    const struct rules_ruleset *ruleset;
    const struct rules_chain *chain;
    struct rules_packet packet;
    struct rules_bits registers;
    bool about[RULES_REGISTER_BYTES]; /* what stands there was loaded of the link */
};

static bool loads_link(const struct rules_step *step)
{
    return step->source == RULES_META && (step->offset == NFT_META_IIFNAME || step->offset == NFT_META_OIFNAME ||
                                          step->offset == NFT_META_IIF || step->offset == NFT_META_OIF);
}

static void load(struct search *search, struct rules_step step)
{
    bool about = loads_link(&step);

    if (!about)
        step.source = RULES_ELSEWHERE;
    rules_load(&search->packet, RULES_STACK, false, &step, &search->registers);
    memset(search->about + step.to, about, step.len);
}

static void mask(struct search *search, const struct rules_step *step)
{
    rules_mask(&search->registers, step);
    memmove(search->about + step->to, search->about + step->from, step->len);
}

static bool compares(const struct search *search, const struct rules_step *step)
{
    return step->len && search->about[step->from] &&
           rules_equal(&search->registers, step->from, step->bytes, step->len) == RULES_YES;
}

/* Other fields of a concatenation are not known: the link may be in it. An element for all else does not name it. */
static bool looks_up(const struct search *search, const struct rules_step *step)
{
    const struct rules_set *set = rules_find_set(search->ruleset, search->chain->family, search->chain->table,
                                                 step->name);
    const struct rules_element *element;

    if (!set || step->from + set->key_len > RULES_REGISTER_BYTES ||
        !memchr(search->about + step->from, true, set->key_len))
        return false;
    return rules_look_up(set, &search->registers, step->from, &element) != RULES_NO &&
           !(element && element->catches_all);
}

static bool names(struct search *search, const struct rules_rule *rule)
{
    memset(&search->registers, 0, sizeof(search->registers));
    memset(search->about, 0, sizeof(search->about));
    for (size_t i = 0; i < rule->step_count; i++) {
        const struct rules_step *step = &rule->steps[i];

        if (step->kind == RULES_LOAD)
            load(search, *step);
        else if (step->kind == RULES_MASK)
            mask(search, step);
        else if ((step->kind == RULES_COMPARE && compares(search, step)) ||
                 (step->kind == RULES_LOOKUP && looks_up(search, step)))
            return true;
    }
    return false;
}

const struct rules_rule *rules_find_naming(const struct rules_ruleset *ruleset, const struct rules_chain *chain,
                                           const char *name, uint32_t index)
{
    struct search search = {
        .ruleset = ruleset,
        .chain = chain,
        .packet = {.in = name, .out = name, .in_index = index, .out_index = index},
    };

    for (size_t i = 0; i < chain->rule_count; i++)
        if (names(&search, &chain->rules[i]))
            return &chain->rules[i];
    return NULL;
}
