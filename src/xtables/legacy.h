/* SPDX-License-Identifier: MIT */
/* Reads the tables of ip_tables and ip6_tables, the older of the kernel's filters: what iptables-legacy shows. */
#ifndef XTABLES_LEGACY_H
#define XTABLES_LEGACY_H

#include "base/error.h"
#include "rules/rules.h"

/*
 * Adds the chains of every table that is in use (/proc/net/ip_tables_names, ip6_tables_names: to ask for another one
 * would load it) to @ruleset. A kernel without ip_tables has none. Needs CAP_NET_ADMIN. -ENOMEM, -EAGAIN when a table
 * changes all the time, -EBADMSG.
 */
int legacy_read(struct rules_ruleset *ruleset, struct tapnet_error *error);

/* One table as getsockopt(2) with IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES, or IP6T_..., gives it, for tests and the
   fuzzer. */
struct legacy_table {
    const char *name;
    bool ip6;
    unsigned hooks;                     /* a bit for each hook that it has a chain at */
    unsigned entries[5], underflows[5]; /* offsets: where a hook's chain begins, and where its policy stands */
    const uint8_t *bytes;
    size_t len;
};

/* -EBADMSG when what it says can't be. */
int legacy_add(const struct legacy_table *table, struct rules_ruleset *ruleset);

#endif
