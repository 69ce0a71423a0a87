/* SPDX-License-Identifier: MIT */
/* Checks of other people's packet filters: will guests' packets be dropped there? */
#include <stdio.h>
#include <string.h>

#include "explain/doctor.h"
#include "netlink/sysctl.h"

/* Does @chain drop what no rule of it knows, of guests' IPv4 that is forwarded? */
static bool drops_forwarded(const struct rules_chain *chain)
{
    return chain->hook == RULES_FORWARD && chain->drops && strcmp(chain->table, "tapnet") != 0 &&
           (chain->family == RULES_IP4 || chain->family == RULES_INET);
}

static const char *whose(const struct doctor *doctor, const struct rules_chain *chain, char text[RULES_OWNER_MAX + 8])
{
    char owner[RULES_OWNER_MAX];

    rules_owner(&doctor->rules, chain, owner);
    snprintf(text, RULES_OWNER_MAX + 8, "%s%s%s", *owner ? " (" : "", owner, *owner ? ")" : "");
    return text;
}

int doctor_check_forward_dropped(struct doctor *doctor, const struct doctor_check *check)
{
    char owner[RULES_OWNER_MAX + 8];
    int result = 0;

    for (size_t i = 0; i < doctor->rules.chain_count && result == 0; i++) {
        const struct rules_chain *chain = &doctor->rules.chains[i];

        if (drops_forwarded(chain))
            result = doctor_add(doctor, check, NULL,
                                doctor_print(doctor, "table %s %s, chain %s%s: its policy is drop",
                                             rules_family_name(chain->family), chain->table, chain->name,
                                             whose(doctor, chain, owner)));
    }
    return result;
}

/* With br_netfilter frames from one port of a bridge to another pass the IP hooks, too. */
int doctor_check_bridge_filtered(struct doctor *doctor, const struct doctor_check *check)
{
    char value[16], owner[RULES_OWNER_MAX + 8];

    if (sysctl_read("net/bridge/bridge-nf-call-iptables", value, sizeof(value), NULL) < 0 || strcmp(value, "0") == 0)
        return 0;
    for (size_t i = 0; i < doctor->rules.chain_count; i++) {
        const struct rules_chain *chain = &doctor->rules.chains[i];

        if (drops_forwarded(chain))
            return doctor_add(doctor, check, NULL,
                              doctor_print(doctor,
                                           "br_netfilter is on (net.bridge.bridge-nf-call-iptables = 1), and table %s "
                                           "%s, chain %s%s drops what passes a bridge",
                                           rules_family_name(chain->family), chain->table, chain->name,
                                           whose(doctor, chain, owner)));
    }
    return 0;
}
