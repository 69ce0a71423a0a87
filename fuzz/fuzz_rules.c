/* SPDX-License-Identifier: MIT */
/* Other people's rulesets, as nf_tables and ip_tables tell them: read, walked with a packet, and printed. */
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "explain/host.h"
#include "nft/dump.h"
#include "nft/message.h"
#include "nft/passage.h"
#include "nft/trace.h"
#include "rules/naming.h"
#include "xtables/legacy.h"

/*
 * How it works: the first byte is 0 for a row of messages of nf_tables' dumps (chains, rules, sets, elements), else a
 * table of ip_tables: five offsets of chains and five of policies in 16 bits each, then its entries.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void promise(bool kept)
{
    if (!kept)
        abort();
}

static void read_messages(const uint8_t *data, size_t len, struct rules_ruleset *ruleset)
{
    static const struct {
        int type;
        int (*add)(const struct nlmsghdr *message, struct rules_ruleset *ruleset);
    } kinds[] = {
        {NFT_MSG_NEWTABLE, nft_dump_add_table},      {NFT_MSG_NEWCHAIN, nft_dump_add_chain},
        {NFT_MSG_NEWRULE, nft_dump_add_rule},        {NFT_MSG_NEWSET, nft_dump_add_set},
        {NFT_MSG_NEWSETELEM, nft_dump_add_elements},
    };
    struct nlmsghdr *copy = malloc(len + 1), *message = copy;
    struct nft_trace_event event;
    int left = (int)len;

    memcpy(copy, data, len);
    for (; mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left;
         message = mnl_nlmsg_next(message, &left)) {
        nft_trace_parse(message, &event);
        for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
            if (message->nlmsg_len >= NLMSG_LENGTH(4) && nft_message_type(message) == kinds[i].type)
                kinds[i].add(message, ruleset);
    }
    free(copy);
}

static void read_legacy(const uint8_t *data, size_t len, struct rules_ruleset *ruleset)
{
    struct legacy_table table = {.name = "filter", .hooks = 0x1f};
    uint8_t *copy;

    if (len < 20)
        return;
    for (size_t i = 0; i < 5; i++) {
        table.entries[i] = (unsigned)data[2 * i] << 8 | data[2 * i + 1];
        table.underflows[i] = (unsigned)data[10 + 2 * i] << 8 | data[11 + 2 * i];
    }
    copy = malloc(len);
    memcpy(copy, data + 20, len - 20);
    table.bytes = copy;
    table.len = len - 20;
    legacy_add(&table, ruleset);
    table.ip6 = true;
    legacy_add(&table, ruleset);
    free(copy);
}

static void walk(const struct rules_ruleset *ruleset, const struct rules_packet *packet)
{
    struct arena arena = {0};

    for (int hook = RULES_PREROUTING; hook <= RULES_EGRESS; hook++)
        for (enum rules_side side = RULES_STACK; side <= RULES_DEVICE; side++) {
            struct rules_answer answer;

            rules_meet(ruleset, (enum rules_hook)hook, side, packet, &answer);
            if (answer.outcome == RULES_PASSES)
                continue;
            promise(answer.base && answer.chain);
            promise(explain_place(ruleset, &answer, &arena) && explain_remedy(ruleset, &answer, packet, &arena));
        }
    arena_fini(&arena);
}

/* Is any rule a passage of ours? Then it has all that one has. */
static void find_passages(const struct rules_ruleset *ruleset)
{
    struct guard_passage passage;

    for (size_t c = 0; c < ruleset->chain_count; c++)
        for (size_t r = 0; r < ruleset->chains[c].rule_count; r++)
            if (nft_passage_of(&ruleset->chains[c], &ruleset->chains[c].rules[r], &passage))
                promise(guard_passage_label_valid(passage.label) && (passage.in[0] || passage.out[0]) &&
                        memchr(passage.in, '\0', sizeof(passage.in)) && memchr(passage.out, '\0', sizeof(passage.out)));
}

static void print_all(const struct rules_ruleset *ruleset)
{
    char text[RULES_TEXT_MAX], owner[RULES_OWNER_MAX];

    for (size_t i = 0; i < ruleset->chain_count; i++) {
        promise(strlen(rules_owner(ruleset, &ruleset->chains[i], owner)) < sizeof(owner));
        rules_find_naming(ruleset, &ruleset->chains[i], "eth0", 2);
        for (size_t r = 0; r < ruleset->chains[i].rule_count; r++)
            promise(strlen(rules_print(ruleset->chains[i].family, &ruleset->chains[i].rules[r], text)) < sizeof(text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rules_ruleset ruleset = {0};
    struct rules_packet packet = {
        .in = "br-lab", .out = "eth0", .protocol = 6, .destination_port = 80, .state = RULES_NEW};

    if (!len || len > 65536)
        return 0;
    if (data[0] == 0)
        read_messages(data + 1, len - 1, &ruleset);
    else
        read_legacy(data + 1, len - 1, &ruleset);
    ip_address_parse("10.20.0.7", &packet.source);
    ip_address_parse("192.0.2.1", &packet.destination);
    walk(&ruleset, &packet);
    packet.state = RULES_ESTABLISHED;
    packet.is_reply = true;
    walk(&ruleset, &packet);
    find_passages(&ruleset);
    print_all(&ruleset);
    rules_fini(&ruleset);
    return 0;
}
