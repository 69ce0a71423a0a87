/* SPDX-License-Identifier: MIT */
/* The host's own names by systemd-resolved: which server it asks, on a link, for which domain. */
#ifndef RESOLVED_RESOLVED_H
#define RESOLVED_RESOLVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "resolved/message.h"

/*
 * How it works: resolved keeps servers and domains for each link, told by D-Bus (org.freedesktop.resolve1(5)); with a
 * domain for routing alone ("~lab") it asks a link's server for names below it and for nothing else. What it was told
 * goes with the link, and stays when resolved is started again.
 */
struct resolved_names {
    int link_index;
    struct ip_address server;
    uint16_t port;
    const char *domain; /* names below it are asked for, and no others */
    bool known;         /* found by resolved_check(): this server alone, for this domain alone */
    bool taken; /* the same, when it isn't: systemd-networkd has the link, and resolved listens to nobody else */
    unsigned servers, domains; /* as met while reading: 1 for the one that is wanted, 2 for another, or more of them */
};

/* Does resolved run, in this network namespace? It costs a look at a file, and one at a list where there is one. */
bool resolved_listens(void);
/* Fills in for each whether resolved knows it. 0, or why the bus has no answer. */
int resolved_check(struct resolved_names *names, size_t count, struct tapnet_error *error);
/* From now on resolved asks for these. It needs CAP_NET_ADMIN, or polkit's leave. As above. */
int resolved_tell(const struct resolved_names *names, struct tapnet_error *error);
/* Takes all back that it was told about the link. */
int resolved_forget(int link_index, struct tapnet_error *error);

/* ---- for tests ---- */

/* The properties DNSEx and Domains of the manager, from a reply's argument on. -EPROTO: it is none. */
int resolved_read_servers(struct dbus_reader *reader, struct resolved_names *names, size_t count);
int resolved_read_domains(struct dbus_reader *reader, struct resolved_names *names, size_t count);

#endif
