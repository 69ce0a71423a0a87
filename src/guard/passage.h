/* SPDX-License-Identifier: MIT */
/* Accepts of ours in packet filters of others, who would drop what our networks' guests send or get; pure data. */
#ifndef GUARD_PASSAGE_H
#define GUARD_PASSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/*
 * How it works: a passage is one rule in a chain of somebody else, at its head, with a comment that says whose it is:
 * "tapnet:SET/NETWORK". It is known by that comment together with what it looks at, so no handle has to be remembered,
 * and a rule of somebody else that has the comment and looks at other things is not taken for ours.
 */
#define GUARD_PASSAGE_MARK "tapnet:"
#define GUARD_PASSAGE_LABEL_MAX 128 /* "SET/NETWORK" and its NUL */
#define GUARD_PASSAGE_IFNAME_MAX 16
#define GUARD_PASSAGE_NAME_MAX 256 /* of a table, or a chain: NFT_NAME_MAXLEN */

/* What it lets pass of what comes by its interfaces. */
enum guard_passage_what {
    GUARD_PASSAGE_ALL,
    GUARD_PASSAGE_ANSWERS,        /* packets of connections that others began to let pass */
    GUARD_PASSAGE_TRANSLATED,     /* of connections whose destination was changed: forwards, and the way to our DNS */
    GUARD_PASSAGE_SOLICITATIONS,  /* of IPv6: who looks for a neighbour's MAC, */
    GUARD_PASSAGE_ADVERTISEMENTS, /* and who tells it */
    GUARD_PASSAGE_WHAT_COUNT,
};

struct guard_passage {
    uint8_t family;                                                   /* NFPROTO_... of the table */
    const char *table, *chain;                                        /* where it stands */
    const char *label;                                                /* "SET/NETWORK" */
    char in[GUARD_PASSAGE_IFNAME_MAX], out[GUARD_PASSAGE_IFNAME_MAX]; /* "": any */
    enum guard_passage_what what;
    uint8_t only;  /* in a table of inet: NFPROTO_... of the packets that it is for alone; 0: of both families */
    bool iptables; /* in its words, which it can print; not compared: what is found is what was made */
};

/* Identity, which is all of it. */
int guard_passage_compare(const struct guard_passage *a, const struct guard_passage *b);
/* Is @text, of at most GUARD_PASSAGE_LABEL_MAX - 1 bytes, a name, a slash and a name, of letters, digits and "-"? */
bool guard_passage_label_valid(const char *text);
/* "all", "answers", "translated", ... */
extern const char *const guard_passage_words[GUARD_PASSAGE_WHAT_COUNT];
/* "accept of answers to br-lab in table ip filter, chain FORWARD"; cut to @size. Returns @text. */
const char *guard_passage_print(const struct guard_passage *passage, char *text, size_t size);

#endif
