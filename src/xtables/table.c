/* SPDX-License-Identifier: MIT */
/* One table of ip_tables or ip6_tables as chains and rules. */
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>

#include "base/array.h"
#include "xtables/legacy.h"

/*
 * How it works: a table is one row of entries, each as long as it says. A chain of the kernel's begins where its hook's
 * offset points and ends with its policy; a chain of a user begins behind an entry with the target ERROR, which holds
 * its name. A verdict that is not negative is the offset to go on at: the next entry (nothing happens) or a chain. What
 * an entry says of the packet's header is all that differs between the two families.
 */

#define ERROR_TARGET "ERROR"
#define STEPS_MAX 32 /* of one rule: more matches than that may match */

struct reading {
    const struct legacy_table *table;
    struct rules_ruleset *ruleset;
    size_t first_chain; /* of this table, in the ruleset */
    struct rules_step steps[STEPS_MAX];
    size_t step_count;
};

/* ---- entries ---- */

/* One of either family. */
struct entry {
    const void *at;
    size_t len; /* of its structure: its matches begin there */
    size_t target_offset, next_offset;
    bool is_goto;
};

static struct entry entry_of(const struct legacy_table *table, size_t offset)
{
    const struct ipt_entry *ip4 = (const void *)(table->bytes + offset);
    const struct ip6t_entry *ip6 = (const void *)(table->bytes + offset);

    if (table->ip6)
        return (struct entry){ip6, sizeof(*ip6), ip6->target_offset, ip6->next_offset, ip6->ipv6.flags & IP6T_F_GOTO};
    return (struct entry){ip4, sizeof(*ip4), ip4->target_offset, ip4->next_offset, ip4->ip.flags & IPT_F_GOTO};
}

/* The entry at @offset; false when it does not fit. */
static bool read_entry(const struct legacy_table *table, size_t offset, struct entry *ret)
{
    size_t len = table->ip6 ? sizeof(struct ip6t_entry) : sizeof(struct ipt_entry);

    if (offset % __alignof__(struct ipt_entry) || offset > table->len || table->len - offset < len)
        return false;
    *ret = entry_of(table, offset);
    return ret->target_offset % __alignof__(struct xt_entry_target) == 0 && ret->target_offset >= len &&
           ret->next_offset >= ret->target_offset + sizeof(struct xt_entry_target) &&
           ret->next_offset <= table->len - offset;
}

static const struct xt_entry_target *target_of(const struct entry *entry)
{
    return (const void *)((const uint8_t *)entry->at + entry->target_offset);
}

static size_t target_len(const struct entry *entry)
{
    return entry->next_offset - entry->target_offset;
}

/* The name that is kept in an entry that begins a user's chain; NULL: it begins none. */
static const char *chain_name(const struct entry *entry)
{
    const struct xt_error_target *error = (const void *)target_of(entry);

    if (strncmp(error->target.u.user.name, ERROR_TARGET, sizeof(ERROR_TARGET)) != 0 ||
        target_len(entry) < sizeof(*error))
        return NULL;
    return strnlen(error->errorname, sizeof(error->errorname)) < sizeof(error->errorname) ? error->errorname : NULL;
}

static const char *hook_name(unsigned hook)
{
    static const char *const names[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};

    return names[hook];
}

/* The hook whose chain begins at @offset, or -1. */
static int hook_at(const struct legacy_table *table, size_t offset)
{
    for (unsigned hook = 0; hook < NF_INET_NUMHOOKS; hook++)
        if ((table->hooks & (1u << hook)) && table->entries[hook] == offset)
            return (int)hook;
    return -1;
}

/* ---- chains ---- */

/* As the tables of nf_tables that iptables makes have them. */
static int priority_of(const char *table, int hook)
{
    static const struct {
        const char *table;
        int priority;
    } priorities[] = {{"raw", -300}, {"mangle", -150}, {"filter", 0}, {"security", 50}};

    if (strcmp(table, "nat") == 0)
        return hook == RULES_PREROUTING || hook == RULES_OUTPUT ? -100 : 100;
    for (size_t i = 0; i < ARRAY_COUNT(priorities); i++)
        if (strcmp(priorities[i].table, table) == 0)
            return priorities[i].priority;
    return 0;
}

static int add_chain(struct reading *reading, const char *name, int hook)
{
    struct rules_ruleset *ruleset = reading->ruleset;
    struct rules_chain chain = {
        .family = reading->table->ip6 ? RULES_IP6 : RULES_IP4,
        .table = arena_strdup(&ruleset->arena, reading->table->name),
        .name = arena_strdup(&ruleset->arena, name),
        .type = hook < 0                                   ? ""
                : strcmp(reading->table->name, "nat") == 0 ? "nat"
                                                           : "filter",
        .device = "",
        .hook = hook,
        .priority = priority_of(reading->table->name, hook),
        .legacy = true,
    };

    if (!chain.table || !chain.name ||
        array_reserve((void **)&ruleset->chains, &ruleset->chain_capacity, ruleset->chain_count, 1,
                      sizeof(*ruleset->chains)) < 0)
        return -ENOMEM;
    ruleset->chains[ruleset->chain_count++] = chain;
    return 0;
}

/* Every chain, in the order in which they stand there. */
static int add_chains(struct reading *reading)
{
    struct entry entry;
    int result = 0;

    for (size_t offset = 0; offset < reading->table->len && result == 0; offset += entry.next_offset) {
        int hook = hook_at(reading->table, offset);

        if (!read_entry(reading->table, offset, &entry))
            return -EBADMSG;
        if (hook >= 0)
            result = add_chain(reading, hook_name((unsigned)hook), hook);
        else if (chain_name(&entry) && offset + entry.next_offset < reading->table->len)
            result = add_chain(reading, chain_name(&entry), RULES_NO_HOOK);
    }
    return result;
}

/* The name of the chain whose first rule stands at @target: what is said before it. NULL: there is none. */
static const char *find_target_chain(const struct legacy_table *table, size_t target)
{
    struct entry entry;

    for (size_t offset = 0; offset < target; offset += entry.next_offset) {
        if (!read_entry(table, offset, &entry))
            return NULL;
        if (offset + entry.next_offset == target)
            return chain_name(&entry);
    }
    return NULL;
}

/* ---- rules ---- */

static struct rules_step *add_step(struct reading *reading, enum rules_kind kind, const char *name)
{
    struct rules_step *step;

    if (reading->step_count == STEPS_MAX) { /* what does not fit may match or not */
        step = &reading->steps[STEPS_MAX - 1];
        *step = (struct rules_step){.kind = RULES_UNKNOWN, .name = "too many matches"};
        return step;
    }
    step = &reading->steps[reading->step_count++];
    *step = (struct rules_step){.kind = kind, .name = name};
    return step;
}

static const uint8_t *copy(struct reading *reading, const void *bytes, size_t len)
{
    uint8_t *copied = arena_alloc(&reading->ruleset->arena, len ? len : 1);

    return copied ? memcpy(copied, bytes, len) : NULL;
}

/* Loads a field, masks it where @mask says so, and compares. -ENOMEM. */
static int add_compare(struct reading *reading, enum rules_source source, uint32_t offset, const void *bytes,
                       const void *mask, uint8_t len, bool inverted)
{
    static const uint8_t zeros[RULES_REGISTER_BYTES];
    struct rules_step *step = add_step(reading, RULES_LOAD, "");

    step->source = source;
    step->offset = offset;
    step->len = len;
    if (mask) {
        step = add_step(reading, RULES_MASK, "");
        step->len = len;
        step->bytes = copy(reading, mask, len);
        step->with = zeros;
        if (!step->bytes)
            return -ENOMEM;
    }
    step = add_step(reading, RULES_COMPARE, "");
    step->len = len;
    step->operator= inverted ? RULES_NOT_EQUAL : RULES_EQUAL;
    step->bytes = copy(reading, bytes, len);
    return step->bytes ? 0 : -ENOMEM;
}

/* The mask of an interface's name covers it with its NUL, or without: then names that begin so are meant, too. */
static int add_interface(struct reading *reading, uint32_t key, const char *name, const unsigned char *mask,
                         bool inverted)
{
    uint8_t len = 0;

    while (len < IFNAMSIZ && mask[len])
        len++;
    return len ? add_compare(reading, RULES_META, key, name, NULL, len, inverted) : 0;
}

/* What an entry says of addresses, interfaces and protocol; @invflags has the same bits in both families. */
struct header {
    const char *in, *out;
    const unsigned char *in_mask, *out_mask;
    const void *source, *source_mask, *destination, *destination_mask;
    uint8_t protocol, invflags;
};

static struct header header_of(const struct reading *reading, const struct entry *entry)
{
    const struct ipt_ip *ip4 = &((const struct ipt_entry *)entry->at)->ip;
    const struct ip6t_ip6 *ip6 = &((const struct ip6t_entry *)entry->at)->ipv6;

    if (reading->table->ip6)
        return (struct header){ip6->iniface, ip6->outiface, ip6->iniface_mask, ip6->outiface_mask,  &ip6->src,
                               &ip6->smsk,   &ip6->dst,     &ip6->dmsk,        (uint8_t)ip6->proto, ip6->invflags};
    return (struct header){ip4->iniface, ip4->outiface, ip4->iniface_mask, ip4->outiface_mask,  &ip4->src,
                           &ip4->smsk,   &ip4->dst,     &ip4->dmsk,        (uint8_t)ip4->proto, ip4->invflags};
}

/* An address at @offset of the network header, unless its mask says that any will do. */
static int add_address(struct reading *reading, uint32_t offset, const void *address, const void *mask, bool inverted)
{
    static const uint8_t none[16];
    size_t len = reading->table->ip6 ? 16 : 4;

    if (memcmp(mask, none, len) == 0 && !inverted)
        return 0;
    return add_compare(reading, RULES_NETWORK_HEADER, offset, address, mask, (uint8_t)len, inverted);
}

static int add_header(struct reading *reading, const struct entry *entry)
{
    const struct header header = header_of(reading, entry);
    bool ip6 = reading->table->ip6;
    int result = add_interface(reading, NFT_META_IIFNAME, header.in, header.in_mask, header.invflags & IPT_INV_VIA_IN);

    if (result == 0)
        result = add_interface(reading, NFT_META_OIFNAME, header.out, header.out_mask,
                               header.invflags & IPT_INV_VIA_OUT);
    if (result == 0)
        result = add_address(reading, ip6 ? 8 : 12, header.source, header.source_mask, header.invflags & IPT_INV_SRCIP);
    if (result == 0)
        result = add_address(reading, ip6 ? 24 : 16, header.destination, header.destination_mask,
                             header.invflags & IPT_INV_DSTIP);
    if (result == 0 && header.protocol)
        result = add_compare(reading, RULES_META, NFT_META_L4PROTO, &header.protocol, NULL, 1,
                             header.invflags & IPT_INV_PROTO);
    if (!ip6 && (((const struct ipt_entry *)entry->at)->ip.flags & IPT_F_FRAG))
        add_step(reading, RULES_UNKNOWN, "fragments");
    return result;
}

static int add_matches(struct reading *reading, const struct entry *entry)
{
    size_t offset = entry->len;

    while (offset < entry->target_offset) {
        const struct xt_entry_match *match = (const void *)((const uint8_t *)entry->at + offset);
        struct rules_step *step;
        size_t len;

        if (entry->target_offset - offset < sizeof(*match))
            return -EBADMSG;
        len = match->u.match_size;
        if (len < sizeof(*match) || len > entry->target_offset - offset || len % __alignof__(struct xt_entry_match))
            return -EBADMSG;
        step = add_step(reading, RULES_MATCH, "");
        step->name = arena_printf(&reading->ruleset->arena, "%.*s", (int)sizeof(match->u.user.name),
                                  match->u.user.name);
        step->revision = match->u.user.revision;
        step->bytes_len = len - sizeof(*match);
        step->bytes = copy(reading, match->data, step->bytes_len);
        if (!step->name || !step->bytes)
            return -ENOMEM;
        offset += len;
    }
    return 0;
}

static int add_standard(struct reading *reading, const struct entry *entry, size_t offset, int verdict)
{
    struct rules_step *step;

    if (verdict >= 0 && (size_t)verdict == offset + entry->next_offset)
        return 0; /* a rule without a target */
    step = add_step(reading, RULES_VERDICT, "");
    if (verdict >= 0) {
        const char *name = find_target_chain(reading->table, (size_t)verdict);

        step->verdict = entry->is_goto ? RULES_GOTO : RULES_JUMP;
        step->name = arena_strdup(&reading->ruleset->arena, name ? name : "");
        return step->name ? 0 : -ENOMEM;
    }
    step->verdict = verdict == XT_RETURN        ? RULES_RETURN
                    : verdict == -NF_ACCEPT - 1 ? RULES_ACCEPT
                    : verdict == -NF_QUEUE - 1  ? RULES_QUEUE
                                                : RULES_DROP;
    return 0;
}

static int add_target(struct reading *reading, const struct entry *entry, size_t offset)
{
    const struct xt_entry_target *target = target_of(entry);
    struct rules_step *step;

    if (!*target->u.user.name) { /* the standard target has no name */
        const struct xt_standard_target *standard = (const void *)target;

        if (target_len(entry) < sizeof(*standard))
            return -EBADMSG;
        return add_standard(reading, entry, offset, standard->verdict);
    }
    step = add_step(reading, RULES_UNKNOWN, "");
    step->name = arena_printf(&reading->ruleset->arena, "%.*s", (int)sizeof(target->u.user.name), target->u.user.name);
    step->bytes_len = target_len(entry) - sizeof(*target);
    step->bytes = copy(reading, target->data, step->bytes_len);
    if (!step->name || !step->bytes)
        return -ENOMEM;
    rules_set_target(step);
    return 0;
}

static int add_rule(struct reading *reading, struct rules_chain *chain, const struct entry *entry, size_t offset)
{
    struct rules_rule rule = {.handle = chain->rule_count + 1, .comment = ""};
    int result;

    reading->step_count = 0;
    result = add_header(reading, entry);
    if (result == 0)
        result = add_matches(reading, entry);
    if (result == 0)
        result = add_target(reading, entry, offset);
    if (result < 0)
        return result;
    rule.steps = arena_alloc(&reading->ruleset->arena, (reading->step_count + 1) * sizeof(*rule.steps));
    if (!rule.steps ||
        array_reserve((void **)&chain->rules, &chain->rule_capacity, chain->rule_count, 1, sizeof(*chain->rules)) < 0)
        return -ENOMEM;
    memcpy(rule.steps, reading->steps, reading->step_count * sizeof(*rule.steps));
    rule.step_count = reading->step_count;
    chain->rules[chain->rule_count++] = rule;
    return 0;
}

/* The policy is the last rule of a chain of the kernel's. */
static bool is_policy(const struct legacy_table *table, const struct rules_chain *chain, size_t offset)
{
    return chain->hook >= 0 && table->underflows[chain->hook] == offset;
}

static bool drops(const struct entry *entry)
{
    const struct xt_standard_target *standard = (const void *)target_of(entry);

    return target_len(entry) >= sizeof(*standard) && standard->verdict == -NF_DROP - 1;
}

static int add_rules(struct reading *reading)
{
    struct rules_chain *chain = NULL;
    size_t next_chain = reading->first_chain;
    struct entry entry;
    int result = 0;

    for (size_t offset = 0; offset < reading->table->len && result == 0; offset += entry.next_offset) {
        bool begins_users;

        if (!read_entry(reading->table, offset, &entry)) /* not so: it was seen before */
            return -EBADMSG;
        begins_users = hook_at(reading->table, offset) < 0 && chain_name(&entry) != NULL;
        if (begins_users || hook_at(reading->table, offset) >= 0)
            chain = next_chain < reading->ruleset->chain_count ? &reading->ruleset->chains[next_chain++] : NULL;
        if (begins_users || !chain)
            continue;
        if (is_policy(reading->table, chain, offset))
            chain->drops = drops(&entry);
        else
            result = add_rule(reading, chain, &entry, offset);
    }
    return result;
}

int legacy_add(const struct legacy_table *table, struct rules_ruleset *ruleset)
{
    struct reading reading = {.table = table, .ruleset = ruleset, .first_chain = ruleset->chain_count};
    int result = add_chains(&reading);

    return result < 0 ? result : add_rules(&reading);
}
