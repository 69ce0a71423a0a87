/* SPDX-License-Identifier: MIT */
/* Accepts of ours in chains of others (guard/passage.h): made, found and taken away over netlink. */
#include "nft/passage.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <netinet/icmp6.h>
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "nft/dump.h"
#include "nft/message.h"
#include "nft/nft.h"
#include "nft/rule.h"

/*
 * How it works: in a chain of iptables the rule is what iptables-nft itself would make of
 *     -i IN -o OUT -m conntrack --ctstate ... -m comment --comment tapnet:SET/NETWORK -j ACCEPT
 *     -i IN -p ipv6-icmp -m icmp6 --icmpv6-type ... -m comment --comment tapnet:SET/NETWORK -j ACCEPT
 * expression by expression, so that iptables-save prints it and iptables-restore makes the same again. Elsewhere it is
 * what nft makes of the same thing in its own words.
 */

#define ANSWERS_STATE (NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED)) /* of `ct state` */

/* The type of ICMPv6; 0: none. */
static uint8_t icmp6_type(enum guard_passage_what what)
{
    switch (what) {
    case GUARD_PASSAGE_SOLICITATIONS:
        return ND_NEIGHBOR_SOLICIT;
    case GUARD_PASSAGE_ADVERTISEMENTS:
        return ND_NEIGHBOR_ADVERT;
    default:
        return 0;
    }
}

/* What conntrack's match of xtables looks for: the bits of --ctstate. */
static uint32_t match_bits(enum guard_passage_what what)
{
    switch (what) {
    case GUARD_PASSAGE_ANSWERS:
        return XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED) | XT_CONNTRACK_STATE_BIT(IP_CT_RELATED);
    case GUARD_PASSAGE_TRANSLATED:
        return XT_CONNTRACK_STATE_DNAT;
    default:
        return 0;
    }
}

/* ---- words ---- */

struct steps {
    struct nft_rule_step items[NFT_RULE_STEPS_MAX];
    size_t count;
};

static void put(struct steps *steps, struct nft_rule_step step)
{
    steps->items[steps->count++] = step;
}

/* iptables compares a name with its NUL, nft all of what there is room for. */
static void put_name(struct steps *steps, uint32_t key, const char *name, bool iptables)
{
    struct nft_rule_step compare = {.op = NFT_RULE_COMPARE, .argument = NFT_CMP_EQ, .len = 16};

    if (!*name)
        return;
    strncpy((char *)compare.bytes, name, sizeof(compare.bytes) - 1);
    if (iptables)
        compare.len = (uint8_t)(strlen((const char *)compare.bytes) + 1);
    put(steps, (struct nft_rule_step){.op = NFT_RULE_META, .argument = key, .len = 16});
    put(steps, compare);
}

static void put_byte(struct steps *steps, struct nft_rule_step load, uint8_t value)
{
    put(steps, load);
    put(steps, (struct nft_rule_step){.op = NFT_RULE_COMPARE, .argument = NFT_CMP_EQ, .len = 1, .bytes = {value}});
}

static void put_icmp6(struct steps *steps, uint8_t type, bool iptables)
{
    put_byte(steps, (struct nft_rule_step)META(L4PROTO, 1), IPPROTO_ICMPV6);
    if (iptables)
        put(steps, (struct nft_rule_step){.op = NFT_RULE_ICMP6, .argument = type});
    else
        put_byte(steps, (struct nft_rule_step)PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), type);
}

static void put_what(struct steps *steps, const struct guard_passage *passage)
{
    bool answers = passage->what == GUARD_PASSAGE_ANSWERS;

    if (passage->what == GUARD_PASSAGE_ALL)
        return;
    if (icmp6_type(passage->what)) {
        put_icmp6(steps, icmp6_type(passage->what), passage->iptables);
        return;
    }
    if (passage->iptables) {
        put(steps, (struct nft_rule_step){.op = NFT_RULE_CONNTRACK, .argument = match_bits(passage->what)});
        return;
    }
    put(steps, (struct nft_rule_step){.op = NFT_RULE_CT, .argument = answers ? NFT_CT_STATE : NFT_CT_STATUS, .len = 4});
    put(steps, (struct nft_rule_step)ANY_OF(answers ? ANSWERS_STATE : IPS_DST_NAT));
}

/* ---- finding ---- */

static const size_t mark_len = sizeof(GUARD_PASSAGE_MARK) - 1;

/* Where the reading of a rule is. */
struct reading {
    const struct rules_rule *rule;
    size_t at;
    struct guard_passage passage;
    bool is_icmp6; /* it asks for that protocol */
};

static const struct rules_step *take(struct reading *reading)
{
    return reading->at < reading->rule->step_count ? &reading->rule->steps[reading->at++] : NULL;
}

/* The name that is compared with what @load has loaded. */
static bool read_name(struct reading *reading, char ret[GUARD_PASSAGE_IFNAME_MAX])
{
    const struct rules_step *compare = take(reading);

    if (!compare || compare->kind != RULES_COMPARE ||
        compare->operator!= RULES_EQUAL || * ret || !compare->len || compare->len> GUARD_PASSAGE_IFNAME_MAX ||
        compare->bytes[compare->len - 1] != '\0')
        return false;
    memcpy(ret, compare->bytes, compare->len);
    return *ret != '\0';
}

/* "& bits != 0", for what was loaded. */
static bool read_bits(struct reading *reading, uint32_t bits)
{
    const struct rules_step *mask = take(reading), *compare = take(reading);
    uint32_t value, other;

    if (!mask || !compare || mask->kind != RULES_MASK || compare->kind != RULES_COMPARE || mask->len != 4 ||
        compare->len != 4 || compare->operator!= RULES_NOT_EQUAL)
        return false;
    memcpy(&value, mask->bytes, sizeof(value));
    memcpy(&other, compare->bytes, sizeof(other));
    return value == bits && other == 0;
}

/* The byte that is compared with what was loaded; 0: there is none, or it is 0. */
static uint8_t read_byte(struct reading *reading)
{
    const struct rules_step *compare = take(reading);

    return compare && compare->kind == RULES_COMPARE && compare->operator== RULES_EQUAL && compare->len == 1
               ? compare->bytes[0]
               : 0;
}

/* A type of ICMPv6 that one of ours looks for. */
static bool read_type(struct reading *reading, uint8_t type)
{
    if (!reading->is_icmp6 || reading->passage.what != GUARD_PASSAGE_ALL)
        return false;
    for (enum guard_passage_what what = GUARD_PASSAGE_SOLICITATIONS; what < GUARD_PASSAGE_WHAT_COUNT; what++)
        if (type && type == icmp6_type(what))
            reading->passage.what = what;
    return reading->passage.what != GUARD_PASSAGE_ALL;
}

/* Which packets it is for at all: of one family (in inet), of ICMPv6. */
static bool read_kind(struct reading *reading, const struct rules_step *load)
{
    struct guard_passage *passage = &reading->passage;

    if (load->offset == NFT_META_NFPROTO && passage->family == RULES_INET && !passage->only) {
        passage->only = read_byte(reading);
        return passage->only == RULES_IP4 || passage->only == RULES_IP6;
    }
    if (load->offset != NFT_META_L4PROTO || reading->is_icmp6)
        return false;
    reading->is_icmp6 = read_byte(reading) == IPPROTO_ICMPV6;
    return reading->is_icmp6;
}

static bool read_load(struct reading *reading, const struct rules_step *load)
{
    struct guard_passage *passage = &reading->passage;

    if (load->source == RULES_TRANSPORT_HEADER)
        return load->offset == 0 && load->len == 1 && read_type(reading, read_byte(reading));
    if (load->source == RULES_META && load->offset == NFT_META_IIFNAME)
        return read_name(reading, passage->in);
    if (load->source == RULES_META && load->offset == NFT_META_OIFNAME)
        return read_name(reading, passage->out);
    if (load->source == RULES_META)
        return read_kind(reading, load);
    if (load->source != RULES_CT || passage->what != GUARD_PASSAGE_ALL)
        return false;
    passage->what = load->offset == NFT_CT_STATE ? GUARD_PASSAGE_ANSWERS : GUARD_PASSAGE_TRANSLATED;
    return (load->offset == NFT_CT_STATE && read_bits(reading, ANSWERS_STATE)) ||
           (load->offset == NFT_CT_STATUS && read_bits(reading, IPS_DST_NAT));
}

/* -m icmp6 --icmpv6-type with one of our types. */
static bool read_icmp6(struct reading *reading, const struct rules_step *match)
{
    struct ip6t_icmp info;

    if (strcmp(match->name, "icmp6") != 0 || match->revision != 0 || match->bytes_len < sizeof(info))
        return false;
    memcpy(&info, match->bytes, sizeof(info));
    return info.code[0] == 0 && info.code[1] == UINT8_MAX && !info.invflags && read_type(reading, info.type);
}

/* -m conntrack --ctstate with our bits and nothing else. */
static bool read_match(struct reading *reading, const struct rules_step *match)
{
    struct xt_conntrack_mtinfo3 info;

    if (strcmp(match->name, "conntrack") != 0 || match->revision != 3 || match->bytes_len < sizeof(info) ||
        reading->passage.what != GUARD_PASSAGE_ALL)
        return false;
    memcpy(&info, match->bytes, sizeof(info));
    if ((info.match_flags & ~XT_CONNTRACK_STATE_ALIAS) != XT_CONNTRACK_STATE || info.invert_flags)
        return false;
    for (enum guard_passage_what what = GUARD_PASSAGE_ANSWERS; what <= GUARD_PASSAGE_TRANSLATED; what++)
        if (info.state_mask == match_bits(what))
            reading->passage.what = what;
    return reading->passage.what != GUARD_PASSAGE_ALL;
}

/* The comment of iptables: what iptables-restore makes has it so, what we make has nft's. */
static bool read_comment(struct reading *reading, const struct rules_step *match)
{
    const char *text = (const char *)match->bytes;

    if (strcmp(match->name, "comment") != 0 || *reading->passage.label || match->bytes_len < mark_len ||
        !memchr(text, '\0', match->bytes_len) || strncmp(text, GUARD_PASSAGE_MARK, mark_len) != 0)
        return false;
    reading->passage.label = text + mark_len;
    return true;
}

static bool read_steps(struct reading *reading)
{
    const struct rules_step *step;

    while ((step = take(reading))) {
        if (step->kind == RULES_VERDICT)
            return step->verdict == RULES_ACCEPT && reading->at == reading->rule->step_count &&
                   reading->is_icmp6 == (icmp6_type(reading->passage.what) != 0);
        if (step->kind == RULES_NEUTRAL && strcmp(step->name, "counter") == 0)
            reading->passage.iptables = true;
        else if (!(step->kind == RULES_LOAD && read_load(reading, step)) &&
                 !(step->kind == RULES_MATCH &&
                   (read_match(reading, step) || read_icmp6(reading, step) || read_comment(reading, step))))
            return false;
    }
    return false;
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

bool nft_passage_of(const struct rules_chain *chain, const struct rules_rule *rule, struct guard_passage *ret)
{
    struct reading reading = {.rule = rule, .passage = {chain->family, chain->table, chain->name, .label = ""}};

    if (strncmp(rule->comment, GUARD_PASSAGE_MARK, mark_len) == 0)
        reading.passage.label = rule->comment + mark_len;
    if (chain->legacy || guard_is_table(chain->table) || !is_printable(chain->table) || !is_printable(chain->name) ||
        !read_steps(&reading) || !guard_passage_label_valid(reading.passage.label) ||
        (!reading.passage.in[0] && !reading.passage.out[0]))
        return false;
    *ret = reading.passage;
    return true;
}

/* ---- dumps of rules ---- */

typedef int found_rule(const struct guard_passage *passage, uint64_t handle, void *data);

struct walk {
    struct netlink_call call; /* first: see netlink_call_restart() */
    found_rule *found;
    void *data;
};

/* Is our mark anywhere in it, as nft's comment or as iptables' one? Other rules cost no more than that look. */
static bool has_mark(const struct nlmsghdr *message)
{
    return memmem(message, message->nlmsg_len, GUARD_PASSAGE_MARK, mark_len) != NULL;
}

static int read_rule(const struct nlmsghdr *message, void *data)
{
    cleanup(rules_fini) struct rules_ruleset ruleset = {0};
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *table[NFTA_RULE_MAX + 1];
    const struct walk *walk = data;
    struct rules_chain chain = {.family = header->nfgen_family};
    struct rules_rule rule = {.comment = ""};
    struct guard_passage passage;
    const char *comment;
    int result;

    if (nft_message_type(message) != NFT_MSG_NEWRULE || !has_mark(message) ||
        nft_message_parse(message, table, NFTA_RULE_MAX) < 0)
        return 0;
    chain.table = netlink_get_text(table[NFTA_RULE_TABLE]);
    chain.name = netlink_get_text(table[NFTA_RULE_CHAIN]);
    if (!chain.table || !chain.name)
        return 0;
    comment = nft_user_data_find_text(table[NFTA_RULE_USERDATA], NFT_USER_DATA_COMMENT);
    rule.comment = comment ? comment : "";
    result = nft_dump_steps(&ruleset, table[NFTA_RULE_EXPRESSIONS], &rule);
    if (result < 0 || !nft_passage_of(&chain, &rule, &passage))
        return result;
    return walk->found(&passage, be64toh(netlink_get_u64(table[NFTA_RULE_HANDLE])), walk->data);
}

/* All rules of the chain of @place; NULL: of all chains. */
static int walk_rules(struct netlink *netlink, const struct guard_passage *place, struct walk *walk,
                      struct tapnet_error *error)
{
    cleanup(netlink_message_fini) struct netlink_message message = {0};

    nft_message_begin(&message, NFT_MSG_GETRULE, 0, place ? place->family : NFPROTO_UNSPEC);
    if (place) {
        netlink_put_text(&message, NFTA_RULE_TABLE, place->table);
        netlink_put_text(&message, NFTA_RULE_CHAIN, place->chain);
    }
    return netlink_dump(netlink, &message, read_rule, netlink_call_restart, walk, error);
}

struct observation {
    nft_passage_reader *reader;
    void *data;
};

static int tell(const struct guard_passage *passage, uint64_t handle, void *data)
{
    const struct observation *observation = data;

    (void)handle;
    return observation->reader(passage, observation->data);
}

int nft_passages_observe(struct netlink *netlink, nft_passage_reader *reader, netlink_restart *restart, void *data,
                         struct tapnet_error *error)
{
    struct observation observation = {reader, data};
    struct walk walk = {{restart, data}, tell, &observation};

    return walk_rules(netlink, NULL, &walk, error);
}

/* ---- making ---- */

#define ATTEMPTS 10

/* Those of ours in its chain that a passage belongs between: they stand together, in their order. 0: there is none. */
struct neighbours {
    const struct guard_passage *passage;
    uint64_t lower, upper; /* handles */
};

static void forget_neighbours(void *data)
{
    struct neighbours *neighbours = data;

    neighbours->lower = neighbours->upper = 0;
}

static int meet_neighbour(const struct guard_passage *passage, uint64_t handle, void *data)
{
    struct neighbours *neighbours = data;

    if (guard_passage_compare(passage, neighbours->passage) < 0)
        neighbours->lower = handle;
    else if (!neighbours->upper)
        neighbours->upper = handle;
    return 0;
}

static void put_passage(struct netlink_message *message, const struct guard_passage *passage,
                        const struct neighbours *neighbours)
{
    const struct nft_rule_place place = {.protocol = passage->family,
                                         .table = passage->table,
                                         .chain = passage->chain,
                                         .before = !neighbours->lower,
                                         .neighbour = neighbours->lower ? neighbours->lower : neighbours->upper};
    char comment[sizeof(GUARD_PASSAGE_MARK) + GUARD_PASSAGE_LABEL_MAX];
    struct steps steps = {.count = 0};

    snprintf(comment, sizeof(comment), GUARD_PASSAGE_MARK "%s", passage->label);
    if (passage->only)
        put_byte(&steps, (struct nft_rule_step)META(NFPROTO, 1), passage->only);
    put_name(&steps, NFT_META_IIFNAME, passage->in, passage->iptables);
    put_name(&steps, NFT_META_OIFNAME, passage->out, passage->iptables);
    put_what(&steps, passage);
    if (passage->iptables)
        put(&steps, (struct nft_rule_step)COUNTER);
    put(&steps, (struct nft_rule_step)ACCEPT);
    nft_rule_put_at(message, &place, steps.items, comment);
}

/* One look and one try. -ENOENT, -ERESTART: somebody was faster. -ENOENT: or there is no such chain. */
static int try_to_add(struct netlink *netlink, const struct guard_passage *passage, struct tapnet_error *error)
{
    cleanup(nft_transaction_fini) struct nft_transaction transaction = {0};
    struct neighbours neighbours = {.passage = passage};
    struct walk walk = {{forget_neighbours, &neighbours}, meet_neighbour, &neighbours};
    uint32_t generation;
    int result = nft_generation(netlink, &generation, error);

    if (result == 0)
        result = walk_rules(netlink, passage, &walk, error);
    if (result < 0)
        return result;
    nft_transaction_init(&transaction);
    if (neighbours.lower || neighbours.upper)
        nft_transaction_expect(&transaction, generation);
    put_passage(&transaction.message, passage, &neighbours);
    transaction.change_count++;
    return nft_commit(netlink, &transaction, error);
}

/* Was somebody faster than a try that has come to @result? */
static bool was_late(int result)
{
    return result == -ENOENT || result == -ERESTART;
}

/* Why the last of all attempts has failed. */
static int give_up(const struct guard_passage *passage, int result, const struct tapnet_error *refusal,
                   struct tapnet_error *error)
{
    if (result == -ERESTART)
        return error_set(error, result, "somebody has changed nftables rules under %d attempts to change table %s %s",
                         ATTEMPTS, rules_family_name(passage->family), passage->table);
    return error_set(error, result, "%s", refusal->text);
}

int nft_passage_add(struct netlink *netlink, const struct guard_passage *passage, struct tapnet_error *error)
{
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = -ENOENT;

    for (int attempt = 0; was_late(result) && attempt < ATTEMPTS; attempt++)
        result = try_to_add(netlink, passage, &refusal);
    if (result == -EPERM)
        return error_set(error, result,
                         "table %s is its own program's, which nobody else may change: tell that program, and write "
                         "`coexist: off`",
                         passage->table);
    return result < 0 ? give_up(passage, result, &refusal, error) : 0;
}

/* ---- taking away ---- */

struct deletion {
    const struct guard_passage *passage;
    uint32_t generation; /* of the ruleset that the handles are read of */
    struct nft_transaction transaction;
};

static void restart_deletion(void *data)
{
    struct deletion *deletion = data;

    nft_transaction_fini(&deletion->transaction);
    nft_transaction_init(&deletion->transaction);
    nft_transaction_expect(&deletion->transaction, deletion->generation);
}

static int put_deletion(const struct guard_passage *passage, uint64_t handle, void *data)
{
    struct deletion *deletion = data;
    struct netlink_message *message = &deletion->transaction.message;

    if (guard_passage_compare(passage, deletion->passage) != 0)
        return 0;
    nft_message_begin(message, NFT_MSG_DELRULE, 0, passage->family);
    netlink_put_text(message, NFTA_RULE_TABLE, passage->table);
    netlink_put_text(message, NFTA_RULE_CHAIN, passage->chain);
    netlink_put_be64(message, NFTA_RULE_HANDLE, handle);
    deletion->transaction.change_count++;
    return 0;
}

/* One look and one try. -ENOENT, -ERESTART: somebody was faster, with a rule or with the chain. */
static int try_to_delete(struct netlink *netlink, const struct guard_passage *passage, struct tapnet_error *error)
{
    struct deletion deletion = {.passage = passage};
    struct walk walk = {{restart_deletion, &deletion}, put_deletion, &deletion};
    int result = nft_generation(netlink, &deletion.generation, error);

    restart_deletion(&deletion);
    if (result == 0)
        result = walk_rules(netlink, passage, &walk, error);
    if (result == 0)
        result = nft_commit(netlink, &deletion.transaction, error);
    nft_transaction_fini(&deletion.transaction);
    return result;
}

int nft_passage_delete(struct netlink *netlink, const struct guard_passage *passage, struct tapnet_error *error)
{
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = -ENOENT;

    for (int attempt = 0; was_late(result) && attempt < ATTEMPTS; attempt++) {
        refusal = (struct tapnet_error)TAPNET_ERROR_INIT;
        result = try_to_delete(netlink, passage, &refusal);
    }
    if (result == -ENOENT) /* no such chain: what was in it went with it */
        return 0;
    return result < 0 ? give_up(passage, result, &refusal, error) : 0;
}
