/* SPDX-License-Identifier: MIT */
/* What the parts of the DNS service share: networks, queries in flight, TCP connections; and who calls whom. */
#ifndef SERVICE_DNS_STATE_H
#define SERVICE_DNS_STATE_H

#include <netinet/in.h>

#include "service/dns.h"
#include "service/dns_guests.h"
#include "service/dns_message.h"
#include "service/dns_names.h"
#include "service/dns_resolvers.h"

/*
 * How it works:
 *
 *   dns.c              a datagram ──► dns_handle(): own name? refused? ──► dns_reply() ──► datagram or connection
 *   dns_connection.c   a TCP query ─┘        │                                ▲
 *                                            ▼ neither                        │
 *   dns_forward.c                     dns_forward() ──► upstream sockets ─────┘
 *
 * All tables have fixed sizes and live in struct dns; memory of theirs is first touched when it is first used. What
 * goes to clients by TCP is allocated, within DNS_BYTES_MAX.
 */
#define DNS_QUERIES_MAX 1000            /* in flight: each costs up to DNS_SERVERS_MAX descriptors */
#define DNS_CONNECTIONS_MAX 256         /* open, of all guests */
#define DNS_BYTES_MAX (2 * 1024 * 1024) /* of replies by TCP, being received from servers or waiting for clients */
#define DNS_MESSAGE_MAX 65535

#define DNS_ATTEMPT_USEC 1500000 /* before a query is sent again, to another server if there is one */
#define DNS_QUERY_USEC 4500000   /* before it is given up; glibc and busybox ask again after 5 s */
#define DNS_IDLE_USEC 10000000   /* a connection on which nothing is finished for so long is closed */
#define DNS_HOLD_USEC 20000      /* a connection whose guest takes too much is not read for so long */

/* A message of a TCP stream, with its length in front. */
struct dns_chunk {
    struct dns_chunk *next;
    uint32_t length; /* of @bytes */
    uint32_t done;   /* received, or sent, so far */
    uint8_t bytes[];
};

/* Where a client is. */
union dns_client {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
};

/* Who asked: where the reply goes. */
struct dns_asker {
    struct dns_network *network;
    struct dns_guest *guest;
    struct dns_connection *connection; /* NULL: by UDP, */
    const struct dns_end *end;         /* at this end, */
    union dns_client client;           /* from here */
};

enum dns_outcome {
    DNS_DONE, /* answered, forwarded or dropped */
    DNS_BUSY, /* the guest takes too much: later */
};

/* Sockets that clients of a network come to: its guests by the bridge (IPv4, IPv6), the host's own programs by lo. */
struct dns_end {
    struct dns_network *network;
    int udp_fd, tcp_fd;
    struct loop_source *udp, *tcp;
    struct loop_timer accept_timer; /* armed while no connection can be taken */
};

struct dns_network {
    struct dns *dns;
    struct dns_end ends[DNS_ENDS];
    size_t end_count;
    struct dns_network *next;
    struct dns_names names;
};

/* One server being asked one query. */
struct dns_try {
    struct dns_query *query;
    int fd; /* -1: not open */
    struct loop_source *source;
    uint64_t cases;  /* of which letters the case was changed */
    uint16_t id;     /* what we sent, not the client's */
    bool stream;     /* by TCP */
    bool failed;     /* it can't be reached, or said that it has no answer */
    uint16_t sent;   /* TCP: bytes, of the length in front and the query */
    uint8_t head[2]; /* TCP: the reply's length, */
    uint8_t head_length;
    struct dns_chunk *reply; /* and the reply itself */
};

/* A query being forwarded. */
struct dns_query {
    struct dns_query *next; /* of the free ones */
    bool used;
    struct dns_asker asker;
    struct loop_timer timer;
    uint64_t deadline_usec;
    struct dns_try tries[DNS_SERVERS_MAX]; /* by server */
    unsigned generation;                   /* of the servers */
    unsigned last;                         /* the server asked last */
    uint8_t rcode;                         /* what the client is told when nobody has an answer */
    uint16_t udp_size, question_end, length;
    uint8_t bytes[DNS_QUERY_MAX];
};

struct dns_connection {
    struct dns_connection *next; /* of the free ones */
    struct dns *dns;
    bool used;
    bool working;  /* connection_work() is on the stack */
    bool closed;   /* meanwhile: to be released at its end */
    bool finished; /* the client sends nothing any more */
    int fd;
    uint32_t events; /* that are waited for */
    struct loop_source *source;
    struct dns_network *network;
    struct dns_guest *guest;
    struct loop_timer timer;
    uint64_t active_usec; /* when something was last finished */
    bool held;            /* not read until the timer */
    unsigned queries;     /* in flight */
    struct dns_chunk *first, *last;
    size_t length;
    uint8_t input[2 + DNS_QUERY_MAX];
};

struct dns {
    struct loop *loop;
    struct dns_network *networks;
    struct dns_resolvers resolvers;
    uint64_t complained_usec; /* when a guest was last named for taking too much */
    size_t query_count, connection_count, byte_count;
    size_t query_max, connection_max;   /* as many as there are descriptors for */
    size_t query_high, connection_high; /* entries that were ever used */
    struct dns_query *free_queries;
    struct dns_connection *free_connections;
    struct dns_guests guests;
    struct dns_query queries[DNS_QUERIES_MAX];
    struct dns_connection connections[DNS_CONNECTIONS_MAX];
    uint8_t buffer[DNS_MESSAGE_MAX]; /* a server's reply by UDP, from its arrival to its delivery */
};

/* ---- dns.c ---- */

/* Answers or forwards one query. */
enum dns_outcome dns_handle(struct dns *dns, const struct dns_asker *asker, const uint8_t *bytes, size_t length);
/* Sends a reply where the query came from. The asker's connection may be gone afterwards. */
void dns_reply(struct dns *dns, const struct dns_asker *asker, const uint8_t *bytes, size_t length);
/* Replies without records. */
void dns_refuse(struct dns *dns, const struct dns_asker *asker, const uint8_t *bytes, size_t length, unsigned rcode);
/* Says in the log, once in a while, that a guest takes too much. */
void dns_complain(struct dns *dns, const struct dns_asker *asker, const char *what);

/* Room for a message of @length bytes, counted as @guest's; NULL: more than its share, or no memory. */
struct dns_chunk *dns_chunk_new(struct dns *dns, struct dns_guest *guest, size_t length);
void dns_chunk_free(struct dns *dns, struct dns_guest *guest, struct dns_chunk *chunk); /* takes NULL */

/* ---- dns_forward.c ---- */

/* Asks the host's resolvers. @bytes have been parsed as @message. */
enum dns_outcome dns_forward(struct dns *dns, const struct dns_asker *asker, const uint8_t *bytes, size_t length,
                             const struct dns_message *message);
/* Forgets the queries in flight of a connection, or (NULL) of a network. */
void dns_forward_forget(struct dns *dns, const struct dns_network *network, const struct dns_connection *connection);

/* ---- dns_connection.c ---- */

/* Takes over @fd, from @guest. */
void dns_connection_open(struct dns *dns, struct dns_network *network, struct dns_guest *guest, int fd);
/* Sends @chunk, a whole message that is the connection's from now on. The connection may be gone afterwards. */
void dns_connection_send(struct dns_connection *connection, struct dns_chunk *chunk);
void dns_connection_close(struct dns_connection *connection);
void dns_connection_close_all(struct dns *dns, const struct dns_network *network);

#endif
