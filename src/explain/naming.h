/* SPDX-License-Identifier: MIT */
/* Where the packet filters of others name a link of the host. */
#ifndef EXPLAIN_NAMING_H
#define EXPLAIN_NAMING_H

#include "base/arena.h"
#include "base/error.h"

/* "table inet filter, chain input (firewalld), handle 7: iifname eth0 accept"; NULL where nothing does. */
struct explain_naming {
    const char *rule;  /* the first one that looks at whether packets come in or leave by the link */
    const char *chain; /* the first one that stands at the link itself */
};

/* About link @name of @index, in nf_tables and ip_tables. The texts are the arena's. Needs CAP_NET_ADMIN. */
int explain_naming(const char *name, int index, struct arena *arena, struct explain_naming *ret,
                   struct tapnet_error *error);

#endif
