/* SPDX-License-Identifier: MIT */
/* Which accepts our networks need in packet filters of others that would drop their guests' packets. */
#include "explain/passages.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "explain/host.h"
#include "explain/sample.h"
#include "nft/dump.h"
#include "nft/passage.h"

DEFINE_CLEANUP(struct netlink *, netlink_close)

/*
 * How it works: the rules of others are read, our passages among them are left out, and packets of each network are
 * walked through them, by IPv4 and by IPv6. A base chain that drops one for certain gets a passage, in the chain that
 * its program keeps for others where it has one; then it is as if that base chain were not there, and the walk is done
 * again, until none drops it. So the answer is the same whether the passages stand already or not, and one that is
 * needed no more is no more wanted.
 */
enum { IP4, IP6, FAMILY_COUNT };

static const uint8_t families[FAMILY_COUNT] = {AF_INET, AF_INET6};

struct search {
    struct rules_ruleset rules;
    const struct model_set *set;
    const struct model_network *network;
    struct explain_sample samples[FAMILY_COUNT];
    bool has[FAMILY_COUNT]; /* the network has that family */
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

/* ---- what is dropped ---- */

/* What a passage lets pass. */
struct wish {
    const char *in, *out;
    enum guard_passage_what what;
};

/* A packet of one family that is to pass, and by what; @is false: there is none. */
struct asked {
    bool is;
    struct rules_packet packet;
    struct wish wish;
};

/* A base chain that drops it. */
struct drop {
    struct rules_chain *base;
    const struct rules_packet *packet;
    bool of[FAMILY_COUNT];
};

#define BASES_MAX 16 /* that drop the same packet */

struct drops {
    struct drop items[FAMILY_COUNT * BASES_MAX];
    size_t count;
};

static struct drop *drop_of(struct drops *drops, struct rules_chain *base, const struct rules_packet *packet)
{
    for (size_t i = 0; i < drops->count; i++)
        if (drops->items[i].base == base)
            return &drops->items[i];
    drops->items[drops->count] = (struct drop){.base = base, .packet = packet};
    return &drops->items[drops->count++];
}

static void find_drops(struct search *search, enum rules_hook hook, const struct rules_packet *packet, int family,
                       struct drops *drops)
{
    struct rules_chain *passed[BASES_MAX];
    size_t count = 0;

    while (count < BASES_MAX) {
        struct rules_answer answer;

        rules_meet(&search->rules, hook, RULES_STACK, packet, &answer);
        if (answer.outcome != RULES_DROPPED)
            break;
        passed[count] = &search->rules.chains[answer.base - search->rules.chains];
        drop_of(drops, passed[count], packet)->of[family] = true;
        passed[count++]->hook = RULES_NO_HOOK;
    }
    while (count > 0)
        passed[--count]->hook = (int)hook;
}

/* ---- one passage ---- */

static int add_passage(struct search *search, const struct drop *drop, const struct wish *wish, uint8_t only)
{
    struct arena *arena = &search->ret->arena;
    struct model_object object = {.kind = MODEL_OBJECT_PASSAGE, .place = search->network->place};
    struct guard_passage *passage = &object.passage;

    passage->family = drop->base->family;
    passage->iptables = explain_is_of_iptables(drop->base);
    passage->table = arena_strdup(arena, drop->base->table);
    passage->chain = arena_strdup(arena, explain_open_chain(&search->rules, drop->base, drop->packet));
    passage->label = arena_printf(arena, "%s/%s", search->set->name, search->network->name);
    passage->what = wish->what;
    passage->only = only;
    strncpy(passage->in, wish->in, sizeof(passage->in) - 1);
    strncpy(passage->out, wish->out, sizeof(passage->out) - 1);
    return passage->table && passage->chain && passage->label ? model_objects_add(search->ret, &object) : -ENOMEM;
}

/*
 * In a table of inet a passage is for both families, but where the chain lets the other's packets by: then rules that
 * others have for these are none of our business. @alike: there are such packets of both.
 */
static uint8_t only_of(const struct drop *drop, const struct wish *wish, bool alike)
{
    bool is_neighbours = wish->what == GUARD_PASSAGE_SOLICITATIONS || wish->what == GUARD_PASSAGE_ADVERTISEMENTS;

    if (drop->base->family != RULES_INET)
        return 0;
    if (is_neighbours)
        return RULES_IP6;
    return !alike || drop->of[IP4] == drop->of[IP6] ? 0 : drop->of[IP4] ? RULES_IP4 : RULES_IP6;
}

static int add_passages(struct search *search, const struct drops *drops, const struct wish *wish, bool alike)
{
    int result = 0;

    for (size_t i = 0; i < drops->count && result == 0; i++)
        if (explain_can_be_named(drops->items[i].base))
            result = add_passage(search, &drops->items[i], wish, only_of(&drops->items[i], wish, alike));
    return result;
}

static bool same_wish(const struct wish *a, const struct wish *b)
{
    return strcmp(a->in, b->in) == 0 && strcmp(a->out, b->out) == 0 && a->what == b->what;
}

/* Lets the packets pass by their wishes wherever they are dropped at @hook. */
static int look(struct search *search, enum rules_hook hook, const struct asked asked[FAMILY_COUNT])
{
    bool alike = asked[IP4].is && asked[IP6].is && same_wish(&asked[IP4].wish, &asked[IP6].wish);
    struct drops drops = {.count = 0};
    int result = 0;

    for (int family = IP4; family < FAMILY_COUNT && result == 0; family++) {
        if (!asked[family].is)
            continue;
        find_drops(search, hook, &asked[family].packet, family, &drops);
        if (alike && family == IP4)
            continue;
        result = add_passages(search, &drops, &asked[family].wish, alike);
        drops.count = 0;
    }
    return result;
}

/* ---- one network ---- */

enum way {
    WAY_AMONG, /* from port to port: with br_netfilter such frames pass the IP hooks, too */
    WAY_OUT,
    WAY_BACK,
    WAY_FORWARD,
    WAY_QUERY, /* to our DNS; from here on what is for the host */
    /* Without Neighbour Discovery nobody finds the gateway by IPv6; what ARP is by IPv4, these rules don't see. */
    WAY_SOLICITATION,
    WAY_ADVERTISEMENT,
    WAY_COUNT,
};

/* What goes that way, by @family, and the passage for it. */
static struct asked asked_of(const struct search *search, enum way way, int family)
{
    const struct explain_sample *sample = &search->samples[family];
    const struct rules_packet packet = explain_sample_packet(sample);
    const char *bridge = sample->bridge, *uplink = sample->uplink;
    bool has = search->has[family], out = has && *uplink;

    switch (way) {
    case WAY_AMONG:
        return (struct asked){has && explain_is_bridge_filtered(families[family]),
                              explain_sample_frame(sample),
                              {bridge, bridge, GUARD_PASSAGE_ALL}};
    case WAY_OUT:
        return (struct asked){out, packet, {bridge, uplink, GUARD_PASSAGE_ALL}};
    case WAY_BACK:
        return (struct asked){out, explain_sample_answer(&packet), {"", bridge, GUARD_PASSAGE_ANSWERS}};
    case WAY_FORWARD:
        return (struct asked){out && model_network_has_forwards(search->network),
                              explain_sample_forwarded(sample),
                              {"", bridge, GUARD_PASSAGE_TRANSLATED}};
    case WAY_QUERY:
        return (struct asked){has, explain_sample_query(sample), {bridge, "", GUARD_PASSAGE_TRANSLATED}};
    case WAY_SOLICITATION:
        return (struct asked){
            has && family == IP6, explain_sample_neighbour(sample, false), {bridge, "", GUARD_PASSAGE_SOLICITATIONS}};
    default:
        return (struct asked){
            has && family == IP6, explain_sample_neighbour(sample, true), {bridge, "", GUARD_PASSAGE_ADVERTISEMENTS}};
    }
}

/*
 * A network without a bridge has no device that all its packets pass, and a passage for each port would cost more with
 * each: there it is `tapnet doctor` that says what to type.
 */
static int look_at_network(struct search *search, const struct model_network *network)
{
    enum way end = model_mode_leads_out(network->mode) ? WAY_COUNT : WAY_AMONG + 1;
    int result = 0;

    if (!model_network_has_bridge(network))
        return 0;
    search->network = network;
    for (int family = IP4; family < FAMILY_COUNT; family++)
        search->has[family] = explain_sample_of(network, families[family], &search->samples[family]);
    for (enum way way = WAY_AMONG; way < end && result == 0; way++) {
        const struct asked asked[FAMILY_COUNT] = {asked_of(search, way, IP4), asked_of(search, way, IP6)};

        result = look(search, way < WAY_QUERY ? RULES_FORWARD : RULES_INPUT, asked);
    }
    return result;
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
