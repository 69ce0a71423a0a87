/* SPDX-License-Identifier: MIT */
/* What a packet meets: base chains in their order, rules one after the other, jumps and returns. */
#include "rules/meet.h"

#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter_ipv4.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16        /* jumps within jumps; the kernel has no more */
#define STEPS_MAX 2000000   /* rules that are looked at for one question: chains of others may lead anywhere */
#define BASE_CHAINS_MAX 256 /* at one hook */

/*
 * How it works: a rule whose match can't be told is followed as if it did not match; what it would have done is
 * remembered: the first that may drop the packet, and whether something may have accepted it before it was dropped.
 */
struct walk {
    const struct rules_ruleset *ruleset;
    const struct rules_packet *packet;
    const struct rules_chain *base;
    enum rules_side side;
    bool mark_known;
    bool may_be_accepted;             /* in this base chain, before its end */
    struct rules_answer may;          /* outcome RULES_MAY_BE_DROPPED: where */
    struct rules_answer last;         /* where the verdict fell */
    const struct rules_step *accepts; /* what can't be told of the first rule that may accept it */
    const struct rules_rule *untracking;
    const struct rules_chain *untracking_chain;
    const char *goal; /* a chain that is looked for, or NULL */
    bool comes_there; /* the packet does, and nothing before may drop it */
    size_t steps;
};

struct rule_result {
    enum rules_truth truth; /* does the rule match? */
    enum rules_verdict verdict;
    const char *chain;
    const struct rules_step *undecided;
    bool nat, untracks;
};

/* ---- one rule ---- */

static void give_data(const struct rules_set *set, const struct rules_element *element, const struct rules_step *step,
                      struct rules_bits *registers)
{
    size_t len = set ? set->data_len : 4;

    if (step->to + len > RULES_REGISTER_BYTES)
        return;
    memset(registers->known + step->to, 0, len);
    if (element && element->data) {
        memcpy(registers->value + step->to, element->data, len);
        memset(registers->known + step->to, 0xff, len);
    }
}

/* Which element of a map of verdicts it is can't be told: what the worst of them would do. */
static void suspect_verdict(struct walk *walk, const struct rules_set *set, struct rule_result *result)
{
    for (size_t i = 0; i < set->element_count; i++) {
        const struct rules_element *element = &set->elements[i];

        if (element->verdict == RULES_ACCEPT)
            walk->may_be_accepted = true;
        if (element->verdict == RULES_CONTINUE || result->verdict == RULES_DROP ||
            (result->verdict != RULES_CONTINUE && element->verdict != RULES_DROP))
            continue;
        result->verdict = element->verdict;
        result->chain = element->chain;
    }
}

static enum rules_truth look_up(struct walk *walk, const struct rules_step *step, struct rules_bits *registers,
                                struct rule_result *result)
{
    const struct rules_set *set = rules_find_set(walk->ruleset, walk->base->family, walk->base->table, step->name);
    const struct rules_element *element = NULL;
    enum rules_truth truth = set ? rules_look_up(set, registers, step->from, &element) : RULES_MAYBE;

    if (step->gives)
        give_data(set, element, step, registers);
    if (set && truth == RULES_MAYBE)
        suspect_verdict(walk, set, result);
    if (element && element->chain && element->verdict != RULES_CONTINUE) {
        result->verdict = element->verdict;
        result->chain = element->chain;
    }
    return step->inverted ? rules_not(truth) : truth;
}

/* A field of an extension header that is not there ends the rule; that there is one is asked of IPv6 alone. */
static bool lacks_header(const struct rules_packet *packet, const struct rules_step *step)
{
    return step->source == RULES_EXTENSION_HEADER && (!step->offset || !rules_is_ip6(packet));
}

static enum rules_truth take_step(struct walk *walk, const struct rules_step *step, struct rules_bits *registers,
                                  struct rule_result *result)
{
    switch (step->kind) {
    case RULES_LOAD:
        rules_load(walk->packet, walk->side, walk->mark_known, step, registers);
        return lacks_header(walk->packet, step) ? RULES_NO : RULES_YES;
    case RULES_CONSTANT:
        memcpy(registers->value + step->to, step->bytes, step->len);
        memset(registers->known + step->to, 0xff, step->len);
        return RULES_YES;
    case RULES_MASK:
        rules_mask(registers, step);
        return RULES_YES;
    case RULES_COMPARE:
        return rules_compare(registers, step);
    case RULES_RANGE:
        return rules_in_range(registers, step);
    case RULES_LOOKUP:
        return look_up(walk, step, registers, result);
    case RULES_MATCH:
        return rules_match(walk->packet, walk->mark_known, step);
    case RULES_LIMIT:
        return step->inverted ? RULES_NO : RULES_YES;
    case RULES_VERDICT:
        result->verdict = step->verdict;
        result->chain = step->name;
        return RULES_YES;
    case RULES_MARK:
        walk->mark_known = false;
        return RULES_YES;
    case RULES_NAT:
        result->verdict = RULES_ACCEPT;
        result->nat = true;
        return RULES_YES;
    case RULES_NOTRACK:
        result->untracks = true;
        return RULES_YES;
    case RULES_NEUTRAL:
        return RULES_YES;
    case RULES_UNKNOWN:
        return RULES_MAYBE;
    }
    return RULES_MAYBE;
}

static struct rule_result try_rule(struct walk *walk, const struct rules_rule *rule)
{
    struct rules_bits registers = {{0}, {0}};
    struct rule_result result = {RULES_YES, RULES_CONTINUE, "", NULL, false, false};

    for (size_t i = 0; i < rule->step_count; i++) {
        enum rules_truth truth = take_step(walk, &rule->steps[i], &registers, &result);

        if (truth == RULES_MAYBE && !result.undecided)
            result.undecided = &rule->steps[i];
        if (truth < result.truth)
            result.truth = truth;
        if (truth == RULES_NO)
            break;
    }
    return result;
}

/* ---- a chain ---- */

static enum rules_verdict walk_chain(struct walk *walk, const struct rules_chain *chain, bool sure,
                                     const struct rules_step *undecided, unsigned depth);

static void note(struct rules_answer *answer, const struct walk *walk, const struct rules_chain *chain,
                 const struct rules_rule *rule, const struct rules_step *undecided)
{
    answer->base = walk->base;
    answer->chain = chain;
    answer->rule = rule;
    answer->undecided = undecided;
}

/* A verdict that may or may not fall, by @rule: remembered. */
static void note_maybe(struct walk *walk, const struct rules_chain *chain, const struct rules_rule *rule,
                       enum rules_verdict verdict, const struct rules_step *undecided)
{
    if (verdict == RULES_ACCEPT && !walk->may_be_accepted) {
        walk->may_be_accepted = true;
        walk->accepts = undecided;
    }
    if ((verdict == RULES_DROP || verdict == RULES_QUEUE) && walk->may.outcome == RULES_PASSES) {
        walk->may.outcome = RULES_MAY_BE_DROPPED;
        note(&walk->may, walk, chain, rule, undecided);
    }
}

/* Where a jump leads to: what becomes of the packet there. RULES_CONTINUE: it comes back. */
static enum rules_verdict follow(struct walk *walk, const char *name, bool sure, const struct rules_step *undecided,
                                 unsigned depth)
{
    const struct rules_chain *target = rules_find_beside(walk->ruleset, walk->base, name);

    return target && depth < DEPTH_MAX ? walk_chain(walk, target, sure, undecided, depth + 1) : RULES_CONTINUE;
}

/* Where a walk is: in which chain, and whether the packet certainly comes so far. */
struct position {
    const struct rules_chain *chain;
    bool sure;
    const struct rules_step *undecided; /* why it is not sure */
    unsigned depth;
};

/* A rule that may end the chain: whether the packet comes to the next one can't be told any more. */
static enum rules_verdict doubt(struct position *at, const struct rules_step *undecided)
{
    at->sure = false;
    if (!at->undecided)
        at->undecided = undecided;
    return RULES_CONTINUE;
}

/* RULES_JUMP or RULES_GOTO. */
static enum rules_verdict apply_jump(struct walk *walk, struct position *at, const struct rule_result *result,
                                     const struct rules_step *undecided)
{
    bool certain = at->sure && result->truth == RULES_YES;
    enum rules_verdict verdict = follow(walk, result->chain, certain, undecided, at->depth);

    if (verdict != RULES_CONTINUE || result->verdict == RULES_JUMP)
        return verdict;
    return result->truth == RULES_YES ? RULES_RETURN : doubt(at, undecided);
}

/* RULES_CONTINUE: to the next rule. RULES_RETURN: the chain has ended. */
static enum rules_verdict apply_rule(struct walk *walk, struct position *at, const struct rules_rule *rule)
{
    struct rule_result result = try_rule(walk, rule);
    bool certain = at->sure && result.truth == RULES_YES;
    const struct rules_step *undecided = at->undecided ? at->undecided : result.undecided;

    if (certain && result.untracks && !walk->untracking) {
        walk->untracking = rule;
        walk->untracking_chain = at->chain;
    }
    if (result.truth == RULES_NO || result.verdict == RULES_CONTINUE)
        return RULES_CONTINUE;
    if (result.verdict == RULES_RETURN)
        return result.truth == RULES_YES ? RULES_RETURN : doubt(at, undecided);
    if (result.verdict == RULES_JUMP || result.verdict == RULES_GOTO)
        return apply_jump(walk, at, &result, undecided);
    if (!certain) {
        note_maybe(walk, at->chain, rule, result.verdict, undecided);
        return result.truth == RULES_YES ? RULES_RETURN : RULES_CONTINUE;
    }
    if (result.verdict == RULES_QUEUE) {
        note_maybe(walk, at->chain, rule, result.verdict, NULL);
        return RULES_ACCEPT;
    }
    note(&walk->last, walk, at->chain, rule, NULL);
    if (result.nat) {
        walk->last.nat_chain = at->chain;
        walk->last.nat = rule;
    }
    return result.verdict;
}

/* @sure: the packet certainly comes here. If it does not, verdicts are only remembered, and RULES_CONTINUE is told. */
static enum rules_verdict walk_chain(struct walk *walk, const struct rules_chain *chain, bool sure,
                                     const struct rules_step *undecided, unsigned depth)
{
    struct position at = {chain, sure, undecided, depth};

    if (walk->goal && sure && walk->may.outcome == RULES_PASSES && strcmp(chain->name, walk->goal) == 0)
        walk->comes_there = true;
    for (size_t i = 0; i < chain->rule_count; i++) {
        enum rules_verdict verdict;

        if (++walk->steps > STEPS_MAX) {
            note_maybe(walk, chain, &chain->rules[i], RULES_DROP, at.undecided);
            walk->may_be_accepted = true;
            return RULES_CONTINUE;
        }
        verdict = apply_rule(walk, &at, &chain->rules[i]);
        if (verdict == RULES_RETURN)
            return RULES_CONTINUE;
        if (verdict != RULES_CONTINUE)
            return verdict;
    }
    return RULES_CONTINUE;
}

/* ---- the hook ---- */

bool rules_stands_at(const struct rules_chain *chain, const char *name)
{
    const char *list = chain->device;
    size_t len = name ? strlen(name) : 0;

    for (const char *at = list; len && (at = strstr(at, name)); at += len)
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static bool translates(const struct rules_chain *chain)
{
    return strcmp(chain->type, "nat") == 0;
}

static bool sees(const struct rules_chain *chain, enum rules_hook hook, enum rules_side side,
                 const struct rules_packet *packet)
{
    if (chain->hook != (int)hook || (translates(chain) && packet->state && !(packet->state & RULES_NEW)))
        return false; /* only the first packet of a connection sees what gives it other addresses */
    switch (side) {
    case RULES_STACK:
        return chain->family == RULES_INET || chain->family == (rules_is_ip6(packet) ? RULES_IP6 : RULES_IP4);
    case RULES_FRAMES:
        return chain->family == RULES_BRIDGE;
    case RULES_DEVICE:
        return rules_stands_at(chain, hook == RULES_EGRESS ? packet->out : packet->in);
    }
    return false;
}

/* All chains of nf_nat stand at one place of the hook; their own priority is their order there. */
static int place_of(const struct rules_chain *chain)
{
    if (!translates(chain))
        return chain->priority;
    return chain->hook == RULES_PREROUTING || chain->hook == RULES_OUTPUT ? NF_IP_PRI_NAT_DST : NF_IP_PRI_NAT_SRC;
}

static int compare_priority(const void *a, const void *b)
{
    const struct rules_chain *left = *(const struct rules_chain *const *)a;
    const struct rules_chain *right = *(const struct rules_chain *const *)b;

    if (place_of(left) != place_of(right))
        return place_of(left) < place_of(right) ? -1 : 1;
    if (left->priority != right->priority)
        return left->priority < right->priority ? -1 : 1;
    return (left > right) - (left < right); /* as they were told */
}

static size_t collect_bases(const struct rules_ruleset *ruleset, enum rules_hook hook, enum rules_side side,
                            const struct rules_packet *packet, const struct rules_chain **bases)
{
    size_t count = 0;

    for (size_t i = 0; i < ruleset->chain_count && count < BASE_CHAINS_MAX; i++)
        if (sees(&ruleset->chains[i], hook, side, packet))
            bases[count++] = &ruleset->chains[i];
    qsort(bases, count, sizeof(*bases), compare_priority);
    return count;
}

/* One base chain. True when the packet is dropped there: *ret says where. */
static bool meet_base(struct walk *walk, const struct rules_chain *base, struct rules_answer *ret)
{
    enum rules_verdict verdict;

    walk->base = base;
    walk->may_be_accepted = false;
    walk->accepts = NULL;
    walk->may = walk->last = (struct rules_answer){.outcome = RULES_PASSES};
    verdict = walk_chain(walk, base, true, NULL, 0);
    if (walk->last.nat) {
        ret->nat = walk->last.nat;
        ret->nat_chain = walk->last.nat_chain;
    }
    if (verdict == RULES_CONTINUE && base->drops) {
        note(&walk->last, walk, base, NULL, NULL);
        verdict = RULES_DROP;
    }
    if (verdict == RULES_DROP && walk->may_be_accepted) {
        note_maybe(walk, walk->last.chain, walk->last.rule, RULES_DROP, walk->accepts);
        verdict = RULES_ACCEPT;
    }
    if (verdict != RULES_DROP && (walk->may.outcome == RULES_PASSES || ret->outcome != RULES_PASSES))
        return false;
    note(ret, walk, verdict == RULES_DROP ? walk->last.chain : walk->may.chain,
         verdict == RULES_DROP ? walk->last.rule : walk->may.rule, walk->may.undecided);
    ret->outcome = verdict == RULES_DROP ? RULES_DROPPED : RULES_MAY_BE_DROPPED;
    return verdict == RULES_DROP;
}

void rules_meet(const struct rules_ruleset *ruleset, enum rules_hook hook, enum rules_side side,
                const struct rules_packet *packet, struct rules_answer *ret)
{
    const struct rules_chain *bases[BASE_CHAINS_MAX];
    size_t count = collect_bases(ruleset, hook, side, packet, bases);
    struct walk walk = {.ruleset = ruleset, .packet = packet, .side = side, .mark_known = true};

    *ret = (struct rules_answer){.outcome = RULES_PASSES, .base_count = count};
    for (size_t i = 0; i < count; i++) {
        if (ret->nat && translates(bases[i])) /* the first that gives it an address is the last that may */
            continue;
        if (meet_base(&walk, bases[i], ret))
            break;
    }
    ret->untracking = walk.untracking;
    ret->untracking_chain = walk.untracking_chain;
}

/* What rules of earlier base chains have marked it with is not known. */
bool rules_comes_to(const struct rules_ruleset *ruleset, const struct rules_chain *base,
                    const struct rules_packet *packet, const char *name)
{
    struct walk walk = {.ruleset = ruleset, .packet = packet, .base = base, .side = RULES_STACK, .goal = name};

    walk_chain(&walk, base, true, NULL, 0);
    return walk.comes_there;
}
