/* SPDX-License-Identifier: MIT */
/* The host's resolvers: who they are, which of them answer, and sockets to them. */
#ifndef SERVICE_DNS_RESOLVERS_H
#define SERVICE_DNS_RESOLVERS_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/address.h"

/*
 * How it works: resolv.conf matters only when something is to be forwarded. So it is looked at then, each time, with
 * one fstatat(), which follows links: whatever the file is, and whoever replaced it or what it points at, the next
 * query goes to the new servers. There is no watch that could miss a change behind a link, and no timer.
 *
 * Where it names the stub of systemd-resolved, the servers are those that resolved itself asks (its own resolv.conf,
 * systemd-resolved(8)), followed in the same way. By its stub a guest would reach whatever resolved knows besides: the
 * names of our other networks, which the host may resolve and guests of this one may not, LLMNR, a VPN's names.
 *
 * Queries by UDP leave with letters of random case, which a reply has to repeat: bits that a forger has to guess.
 * Nearly all servers do. One that doesn't is learned by TCP, where nobody forges, see dns_forward.c.
 *
 * A server that left DNS_SERVER_FAILURES queries in a row without an answer is asked after the others for
 * DNS_SERVER_REST_USEC; then one query tries it.
 */
#define DNS_SERVERS_MAX 3 /* as many as the C library uses */
#define DNS_SERVER_FAILURES 3
#define DNS_SERVER_REST_USEC 10000000

struct dns_server {
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
    } address;
    char scope[IF_NAMESIZE]; /* of a link-local address; "": none */
    char text[IP_TEXT_MAX + IF_NAMESIZE];
    bool folds_case;     /* replies don't repeat the case of letters */
    unsigned failures;   /* in a row */
    uint64_t rests_usec; /* until when; 0: it doesn't */
};

/* A file as it was last read. */
struct dns_file {
    bool known;   /* it was read, or found missing */
    bool missing; /* or can't be read */
    struct stat status;
};

struct dns_resolvers {
    int etc_fd; /* the owner's */
    struct dns_server servers[DNS_SERVERS_MAX];
    unsigned count;
    unsigned generation;          /* changes with the servers */
    struct dns_file file, behind; /* resolv.conf, and resolved's own */
    bool stub;                    /* the first names the stub: the second counts */
};

/* @etc_fd: where resolv.conf is; stays the caller's. */
void dns_resolvers_init(struct dns_resolvers *resolvers, int etc_fd);
/* Reads resolv.conf when it has changed. */
void dns_resolvers_refresh(struct dns_resolvers *resolvers);
/* The servers of a resolv.conf of @length bytes at @text; how many. Lines that are wrong are left out. */
unsigned dns_resolvers_parse(const char *text, size_t length, struct dns_server servers[DNS_SERVERS_MAX]);

/* The server to ask next, of those whose bits are not in @tried; -1: none is left. */
int dns_resolvers_choose(struct dns_resolvers *resolvers, unsigned tried, uint64_t now_usec);
void dns_resolvers_answered(struct dns_resolvers *resolvers, unsigned server);
void dns_resolvers_failed(struct dns_resolvers *resolvers, unsigned server, uint64_t now_usec);
/* @server was found not to repeat the case of letters; or so it seems, and by TCP (!@proven) it can't be asked. */
void dns_resolvers_folds_case(struct dns_resolvers *resolvers, unsigned server, bool proven);

/*
 * A non-blocking socket of its own, from a random port that the kernel chooses, connected (@type SOCK_STREAM: being
 * connected) to @server. The descriptor, or negative errno.
 */
int dns_server_connect(const struct dns_server *server, int type);

#endif
