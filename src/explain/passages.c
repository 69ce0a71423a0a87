/* SPDX-License-Identifier: MIT */
/* Which accepts our networks need in packet filters of others that would drop their guests' packets. */
#include "explain/passages.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "explain/host.h"
#include "explain/sample.h"
#include "nft/dump.h"
#include "nft/passage.h"

DEFINE_CLEANUP(struct netlink *, netlink_close)

/*
 * How it works: the rules of others are read, our passages among them are left out, and packets of each network are
 * walked through them. A base chain that drops one for certain gets a passage, in the chain that its program keeps for
 * others where it has one; then it is as if that base chain were not there, and the walk is done again, until none
 * drops it. So the answer is the same whether the passages stand already or not, and one that is needed no more is no
 * more wanted.
 */
struct search {
    struct rules_ruleset rules;
    const struct model_set *set;
    const struct model_network *network;
    struct explain_sample sample;
    struct model_objects *ret;
};

static void search_fini(struct search *search)
{
    rules_fini(&search->rules);
}

static void leave_ours_out(struct rules_chain *chain)
{
    struct guard_passage passage;
    size_t kept = 0;

    for (size_t i = 0; i < chain->rule_count; i++)
        if (!nft_passage_of(chain, &chain->rules[i], &passage))
            chain->rules[kept++] = chain->rules[i];
    chain->rule_count = kept;
}

static int read_rules(struct search *search, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    int result = netlink_open(NETLINK_NETFILTER, &netlink, error);

    if (result == 0)
        result = nft_dump_read_others(netlink, &search->rules, error);
    for (size_t i = 0; result == 0 && i < search->rules.chain_count; i++)
        leave_ours_out(&search->rules.chains[i]);
    return result;
}

/* ---- one passage ---- */

/* What a passage lets pass. */
struct wish {
    const char *in, *out;
    enum guard_passage_what what;
};

/* That lets @packet, and what else is as @wish says, by @base. */
static int add_passage(struct search *search, const struct rules_chain *base, const struct rules_packet *packet,
                       const struct wish *wish)
{
    struct arena *arena = &search->ret->arena;
    struct model_object object = {.kind = MODEL_OBJECT_PASSAGE, .place = search->network->place};
    struct guard_passage *passage = &object.passage;

    passage->family = base->family;
    passage->iptables = explain_is_of_iptables(base);
    passage->table = arena_strdup(arena, base->table);
    passage->chain = arena_strdup(arena, explain_open_chain(&search->rules, base, packet));
    passage->label = arena_printf(arena, "%s/%s", search->set->name, search->network->name);
    passage->what = wish->what;
    strncpy(passage->in, wish->in, sizeof(passage->in) - 1);
    strncpy(passage->out, wish->out, sizeof(passage->out) - 1);
    return passage->table && passage->chain && passage->label ? model_objects_add(search->ret, &object) : -ENOMEM;
}

#define BASES_MAX 16 /* that drop the same packet */

/* Lets @packet pass by @wish wherever it is dropped at @hook. */
static int look(struct search *search, enum rules_hook hook, const struct rules_packet *packet, const struct wish *wish)
{
    struct rules_chain *passed[BASES_MAX];
    size_t count = 0;
    int result = 0;

    while (count < BASES_MAX && result == 0) {
        struct rules_answer answer;

        rules_meet(&search->rules, hook, RULES_STACK, packet, &answer);
        if (answer.outcome != RULES_DROPPED)
            break;
        passed[count] = &search->rules.chains[answer.base - search->rules.chains];
        if (explain_can_be_named(passed[count]))
            result = add_passage(search, passed[count], packet, wish);
        passed[count++]->hook = RULES_NO_HOOK;
    }
    while (count > 0)
        passed[--count]->hook = (int)hook;
    return result;
}

/* ---- one network ---- */

/* To the outside and back, by forwards, and to our DNS. */
static int look_at_ways(struct search *search)
{
    const struct explain_sample *sample = &search->sample;
    const struct rules_packet out = explain_sample_packet(sample), back = explain_sample_answer(&out);
    const struct rules_packet forwarded = explain_sample_forwarded(sample), query = explain_sample_query(sample);
    const struct wish leave = {sample->bridge, sample->uplink, GUARD_PASSAGE_ALL};
    const struct wish return_ = {"", sample->bridge, GUARD_PASSAGE_ANSWERS};
    const struct wish enter = {"", sample->bridge, GUARD_PASSAGE_TRANSLATED};
    const struct wish ask = {sample->bridge, "", GUARD_PASSAGE_TRANSLATED};
    int result = 0;

    if (*sample->uplink)
        result = look(search, RULES_FORWARD, &out, &leave);
    if (result == 0 && *sample->uplink)
        result = look(search, RULES_FORWARD, &back, &return_);
    if (result == 0 && *sample->uplink && model_network_has_forwards(search->network))
        result = look(search, RULES_FORWARD, &forwarded, &enter);
    return result < 0 ? result : look(search, RULES_INPUT, &query, &ask);
}

/* With br_netfilter frames from port to port pass the IP hooks, too. */
static int look_at_frames(struct search *search)
{
    const struct rules_packet frame = explain_sample_frame(&search->sample);
    const struct wish among = {search->sample.bridge, search->sample.bridge, GUARD_PASSAGE_ALL};

    if (explain_sysctl("net/bridge/bridge-nf-call-iptables", 0) == 0)
        return 0;
    return look(search, RULES_FORWARD, &frame, &among);
}

/*
 * A network without a bridge has no device that all its packets pass, and a passage for each port would cost more with
 * each: there it is `tapnet doctor` that says what to type.
 */
static int look_at_network(struct search *search, const struct model_network *network)
{
    int result;

    if (!model_network_has_bridge(network))
        return 0;
    search->network = network;
    search->sample = explain_sample_of(network);
    result = look_at_frames(search);
    return result == 0 && search->sample.leads_out ? look_at_ways(search) : result;
}

static bool has_any(const struct model_set *set, enum model_coexist coexist)
{
    for (size_t i = 0; i < set->network_count; i++)
        if (set->networks[i].coexist == coexist)
            return true;
    return false;
}

int explain_passages(const struct model_set *set, enum model_coexist coexist, struct model_objects *ret,
                     struct tapnet_error *error)
{
    struct search search cleanup(search_fini) = {.set = set, .ret = ret};
    int result;

    if (!has_any(set, coexist))
        return 0;
    result = read_rules(&search, error);
    for (size_t i = 0; i < set->network_count && result == 0; i++)
        if (set->networks[i].coexist == coexist)
            result = look_at_network(&search, &set->networks[i]);
    model_objects_sort(ret);
    return result == -ENOMEM ? error_set(error, result, "out of memory") : result;
}
