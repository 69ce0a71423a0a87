/* SPDX-License-Identifier: MIT */
/* Where a packet is dropped, and the command that lets it by, in the words of whoever the rules belong to. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "explain/host.h"

bool explain_is_ours(const struct rules_chain *chain)
{
    return !chain->legacy && guard_is_table(chain->table) &&
           (chain->family == RULES_INET || chain->family == RULES_BRIDGE || chain->family == RULES_ARP);
}

/* ---- the place ---- */

const char *explain_chain(const struct rules_ruleset *ruleset, const struct rules_chain *chain, struct arena *arena)
{
    const char *legacy = chain->family == RULES_IP6 ? "legacy ip6tables table" : "legacy iptables table";
    char owner[RULES_OWNER_MAX], *text;

    rules_owner(ruleset, chain, owner);
    text = arena_printf(arena, "%s%s %s, chain %s%s%s%s", chain->legacy ? legacy : "table ",
                        chain->legacy ? "" : rules_family_name(chain->family), chain->table, chain->name,
                        *owner ? " (" : "", owner, *owner ? ")" : "");
    for (char *at = text; at && *at; at++)
        if (*at == '\n')
            *at = '?';
    return text;
}

const char *explain_place(const struct rules_ruleset *ruleset, const struct rules_answer *answer, struct arena *arena)
{
    const char *chain = explain_chain(ruleset, answer->chain, arena);
    char rule[RULES_TEXT_MAX];

    if (!chain)
        return NULL;
    if (!answer->rule)
        return arena_printf(arena, "%s: its policy is drop", chain);
    return arena_printf(arena, "%s, %s %llu: %s", chain, answer->chain->legacy ? "rule" : "handle",
                        (unsigned long long)answer->rule->handle,
                        rules_print(answer->chain->family, answer->rule, rule));
}

/* ---- the command ---- */

/* The words that a rule is to have: what the packet is known by at the hook. */
struct words {
    const char *in, *out; /* "" where there is none */
    bool is_reply;
};

static struct words words_of(const struct rules_packet *packet)
{
    return (struct words){packet->in ? packet->in : "", packet->out ? packet->out : "", packet->is_reply};
}

/* Programs that keep a chain for rules of others, which they leave alone. */
static const char *const open_chains[] = {"DOCKER-USER", "ufw-user-forward", "ufw-user-input", "ufw6-user-forward",
                                          "ufw6-user-input"};

const char *explain_open_chain(const struct rules_ruleset *ruleset, const struct rules_chain *base,
                               const struct rules_packet *packet)
{
    bool is_filter = explain_is_of_iptables(base) && strcmp(base->table, "filter") == 0;

    for (size_t i = 0; is_filter && i < ARRAY_COUNT(open_chains); i++)
        if (rules_comes_to(ruleset, base, packet, open_chains[i]))
            return open_chains[i];
    return base->name;
}

bool explain_is_of_iptables(const struct rules_chain *base)
{
    static const char *const tables[] = {"filter", "nat", "mangle", "raw", "security"};

    for (size_t i = 0; i < ARRAY_COUNT(tables); i++)
        if ((base->family == RULES_IP4 || base->family == RULES_IP6) && strcmp(base->table, tables[i]) == 0)
            return base->name[0] >= 'A' && base->name[0] <= 'Z';
    return false;
}

/* nft reads its own words inside a shell's: names that are not plain in both have no command. */
static bool is_plain(const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./+@";

    return !name[strspn(name, plain)];
}

/* @chain: of @base's table, where the rule belongs. */
static const char *iptables_command(const struct rules_chain *base, const char *chain, const struct words *words,
                                    struct arena *arena)
{
    bool is_filter = strcmp(base->table, "filter") == 0;

    return arena_printf(arena, "ip%stables%s%s%s -I %s%s%s%s%s%s -m comment --comment tapnet -j ACCEPT",
                        base->family == RULES_IP6 ? "6" : "", base->legacy ? "-legacy" : "", is_filter ? "" : " -t ",
                        is_filter ? "" : base->table, chain, *words->in ? " -i " : "", words->in,
                        *words->out ? " -o " : "", words->out,
                        words->is_reply ? " -m conntrack --ctstate RELATED,ESTABLISHED" : "");
}

/* Bridges have no connections where the kernel does not track them there, which few do. */
static const char *nft_command(const struct rules_chain *base, const struct words *words, struct arena *arena)
{
    const char *quote = *words->in ? "\"" : "", *quote_out = *words->out ? "\"" : "";

    return arena_printf(arena, "nft 'insert rule %s %s %s%s%s%s%s%s%s%s%s%s accept comment \"tapnet\"'",
                        rules_family_name(base->family), base->table, base->name, *words->in ? " iifname " : "", quote,
                        words->in, quote, *words->out ? " oifname " : "", quote_out, words->out, quote_out,
                        words->is_reply && base->family != RULES_BRIDGE ? " ct state established,related" : "");
}

bool explain_can_be_named(const struct rules_chain *chain)
{
    return !chain->legacy && is_plain(chain->table) && is_plain(chain->name);
}

const char *explain_remedy(const struct rules_ruleset *ruleset, const struct rules_answer *answer,
                           const struct rules_packet *packet, struct arena *arena)
{
    const struct rules_chain *base = answer->base;
    struct words words = words_of(packet);
    char owner[RULES_OWNER_MAX];

    if (!base || explain_is_ours(base) || !is_plain(base->table) || !is_plain(base->name) || !is_plain(words.in) ||
        !is_plain(words.out) || (!*words.in && !*words.out)) /* an accept of everything is no remedy */
        return "";
    rules_owner(ruleset, base, owner);
    if (strcmp(owner, "firewalld") == 0)
        return arena_printf(arena, "firewall-cmd --zone=trusted --add-interface=%s",
                            words.is_reply && *words.out ? words.out : words.in);
    return explain_is_of_iptables(base)
               ? iptables_command(base, explain_open_chain(ruleset, base, packet), &words, arena)
               : nft_command(base, &words, arena);
}
