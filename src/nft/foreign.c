/* SPDX-License-Identifier: MIT */
/* Reads every table of the network namespace, whoever made it. */
#include "nft/foreign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "nft/message.h"

static const char *copy_text(struct rules_ruleset *ruleset, const struct nlattr *attribute)
{
    const char *text = netlink_get_text(attribute);

    return arena_strdup(&ruleset->arena, text ? text : "");
}

/* Big-endian, as nf_tables has all numbers. */
static uint32_t get_number(const struct nlattr *attribute)
{
    return ntohl(netlink_get_u32(attribute));
}

static int read_hook(const struct nlattr *nest, struct rules_ruleset *ruleset, struct rules_chain *chain)
{
    const struct nlattr *hook[NFTA_HOOK_MAX + 1];

    if (netlink_parse_nest(nest, hook, NFTA_HOOK_MAX) < 0)
        return -EBADMSG;
    chain->hook = (int)get_number(hook[NFTA_HOOK_HOOKNUM]);
    if (chain->family == RULES_NETDEV || (chain->family == RULES_INET && chain->hook > RULES_POSTROUTING))
        chain->hook = RULES_INGRESS;
    chain->priority = (int)get_number(hook[NFTA_HOOK_PRIORITY]);
    chain->device = copy_text(ruleset, hook[NFTA_HOOK_DEV]);
    return chain->device ? 0 : -ENOMEM;
}

int nft_foreign_read_chain(const struct nlmsghdr *message, struct rules_ruleset *ruleset)
{
    const struct nlattr *table[NFTA_CHAIN_MAX + 1];
    struct rules_chain chain = {.hook = RULES_NO_HOOK, .device = ""};
    int result;

    if (nft_message_parse(message, table, NFTA_CHAIN_MAX) < 0)
        return -EBADMSG;
    chain.family = ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family;
    chain.table = copy_text(ruleset, table[NFTA_CHAIN_TABLE]);
    chain.name = copy_text(ruleset, table[NFTA_CHAIN_NAME]);
    chain.type = copy_text(ruleset, table[NFTA_CHAIN_TYPE]);
    chain.drops = table[NFTA_CHAIN_POLICY] && get_number(table[NFTA_CHAIN_POLICY]) == NF_DROP;
    if (!chain.table || !chain.name || !chain.type)
        return -ENOMEM;
    result = table[NFTA_CHAIN_HOOK] ? read_hook(table[NFTA_CHAIN_HOOK], ruleset, &chain) : 0;
    if (result == 0)
        result = array_reserve((void **)&ruleset->chains, &ruleset->chain_capacity, ruleset->chain_count, 1,
                               sizeof(*ruleset->chains));
    if (result == 0)
        ruleset->chains[ruleset->chain_count++] = chain;
    return result;
}

static int read_chain(const struct nlmsghdr *message, void *data)
{
    return nft_message_type(message) == NFT_MSG_NEWCHAIN ? nft_foreign_read_chain(message, data) : 0;
}

static void forget(void *data)
{
    rules_fini(data);
}

static int dump_chains(struct netlink *netlink, struct rules_ruleset *ruleset, struct tapnet_error *error)
{
    cleanup(netlink_message_fini) struct netlink_message message = {0};

    nft_message_begin(&message, NFT_MSG_GETCHAIN, 0, NFPROTO_UNSPEC);
    return netlink_dump(netlink, &message, read_chain, forget, ruleset, error);
}

int nft_foreign_read(struct netlink *netlink, struct rules_ruleset *ret, struct tapnet_error *error)
{
    cleanup(rules_fini) struct rules_ruleset ruleset = {0};
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = dump_chains(netlink, &ruleset, &refusal);

    if (result < 0)
        return error_set(error, result, "cannot read the nftables ruleset: %s",
                         refusal.text[0] ? refusal.text : strerrordesc_np(-result));
    *ret = ruleset;
    ruleset = (struct rules_ruleset){0};
    return 0;
}
