/* SPDX-License-Identifier: MIT */
/* Rulesets: their end, their names, and whose they are. */
#include "rules/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

void rules_fini(struct rules_ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset->chain_count; i++)
        free(ruleset->chains[i].rules);
    free(ruleset->chains);
    for (size_t i = 0; i < ruleset->set_count; i++)
        free(ruleset->sets[i].elements);
    free(ruleset->sets);
    free(ruleset->dormant);
    arena_fini(&ruleset->arena);
    *ruleset = (struct rules_ruleset){0};
}

struct rules_chain *rules_find_chain(const struct rules_ruleset *ruleset, uint8_t family, const char *table,
                                     const char *name)
{
    for (size_t i = 0; i < ruleset->chain_count; i++) {
        struct rules_chain *chain = &ruleset->chains[i];

        if (!chain->legacy && chain->family == family && strcmp(chain->name, name) == 0 &&
            strcmp(chain->table, table) == 0)
            return chain;
    }
    return NULL;
}

static bool same_table(const struct rules_chain *a, const struct rules_chain *b)
{
    return a->family == b->family && a->legacy == b->legacy && strcmp(a->table, b->table) == 0;
}

const struct rules_chain *rules_find_beside(const struct rules_ruleset *ruleset, const struct rules_chain *chain,
                                            const char *name)
{
    for (size_t i = 0; i < ruleset->chain_count; i++)
        if (same_table(&ruleset->chains[i], chain) && strcmp(ruleset->chains[i].name, name) == 0)
            return &ruleset->chains[i];
    return NULL;
}

struct rules_set *rules_find_set(const struct rules_ruleset *ruleset, uint8_t family, const char *table,
                                 const char *name)
{
    for (size_t i = 0; i < ruleset->set_count; i++) {
        struct rules_set *set = &ruleset->sets[i];

        if (set->family == family && strcmp(set->name, name) == 0 && strcmp(set->table, table) == 0)
            return set;
    }
    return NULL;
}

const char *rules_family_name(uint8_t family)
{
    static const char *const names[] = {
        [RULES_INET] = "inet",     [RULES_IP4] = "ip",        [RULES_ARP] = "arp",
        [RULES_NETDEV] = "netdev", [RULES_BRIDGE] = "bridge", [RULES_IP6] = "ip6",
    };

    return family < ARRAY_COUNT(names) && names[family] ? names[family] : "?";
}

/* How the names of a program's own chains, or of its table, begin. */
static const struct mark {
    const char *owner, *table, *chain;
} marks[] = {
    {"tapnet", "tapnet", ""},
    {"tapnet", "tapnet-clones", ""},
    {"tapnet", "tapnet-clones6", ""},
    {"firewalld", "firewalld", ""},
    {"Docker", "", "DOCKER"},
    {"ufw", "", "ufw-"},
    {"libvirt", "", "LIBVIRT_"},
    {"libvirt", "libvirt_network", ""},
    {"kube-proxy", "", "KUBE-"},
    {"kube-proxy", "kube-proxy", ""},
    {"CNI", "", "CNI-"},
    {"podman", "", "NETAVARK"},
    {"podman", "netavark", ""},
    {"fail2ban", "", "f2b-"},
    {"shorewall", "", "shorewall"},
    {"Docker", "docker-bridges", ""},
};

static bool fits(const struct mark *mark, const struct rules_chain *chain)
{
    return *mark->table ? strcmp(chain->table, mark->table) == 0 : text_begins_with(chain->name, mark->chain);
}

static bool has_owner(const struct rules_ruleset *ruleset, const struct rules_chain *chain, const struct mark *mark)
{
    for (size_t i = 0; i < ruleset->chain_count; i++)
        if (same_table(&ruleset->chains[i], chain) && fits(mark, &ruleset->chains[i]))
            return true;
    return false;
}

const char *rules_owner(const struct rules_ruleset *ruleset, const struct rules_chain *chain,
                        char text[RULES_OWNER_MAX])
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < ARRAY_COUNT(marks); i++)
        if (fits(&marks[i], chain)) {
            strcpy(text, marks[i].owner);
            return text;
        }
    /* A chain that all share, as FORWARD, is theirs who have chains beside it. */
    for (size_t i = 0; i < ARRAY_COUNT(marks) && len < RULES_OWNER_MAX / 2; i++)
        if (has_owner(ruleset, chain, &marks[i]) && !strstr(text, marks[i].owner))
            len += (size_t)snprintf(text + len, RULES_OWNER_MAX - len, "%s%s", len ? " and " : "", marks[i].owner);
    return text;
}
