/* SPDX-License-Identifier: MIT */
/* Follows packets through all tables of the network namespace by nf_tables' own tracing. */
#ifndef NFT_TRACE_H
#define NFT_TRACE_H

#include "netlink/netlink.h"
#include "rules/rules.h"

/*
 * How it works: a rule before all others marks the packets that are meant (`meta nftrace set 1`), and the kernel tells
 * of every rule that one of them matches. Base chains without rules stand last at each hook: that a packet came so far
 * is told, too, where nobody has rules. All of it is in two tables that belong to our socket: they go with it, however
 * we end.
 */

#define NFT_TRACE_TABLE "tapnet-trace"

/* The packets that are meant; both addresses are of one family. */
struct nft_trace_match {
    struct ip_address source, destination;
    uint8_t protocol;
    uint16_t id; /* ICMP, ICMPv6: of the echo; TCP, UDP: the source port */
};

struct nft_trace;

/* Starts to listen. -EPERM; -EEXIST: another trace is at work. */
int nft_trace_open(const struct nft_trace_match *match, struct nft_trace **ret, struct tapnet_error *error);
void nft_trace_close(struct nft_trace *trace); /* takes NULL */

/* One thing that the kernel tells of a packet. Texts are valid during the callback only. */
struct nft_trace_event {
    uint8_t family;
    const char *table, *chain;
    uint64_t handle; /* of the rule; 0: the chain's policy */
    enum rules_verdict verdict;
    int out_index; /* 0: none */
};

/* 0 to go on, or a negative errno to stop with. */
typedef int nft_trace_reader(const struct nft_trace_event *event, void *data);

/* Hands events to @reader until there was none for @quiet_msec, @most_msec in all. 0 or what @reader stops with. */
int nft_trace_read(struct nft_trace *trace, int quiet_msec, int most_msec, nft_trace_reader *reader, void *data);

/* The parser alone, for tests and the fuzzer: 0, -EBADMSG, -ENOMSG for what is no trace. */
int nft_trace_parse(const struct nlmsghdr *message, struct nft_trace_event *ret);

#endif
