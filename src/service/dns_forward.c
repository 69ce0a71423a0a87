/* SPDX-License-Identifier: MIT */
/* Queries that are not ours: asked of the host's resolvers, until one answers or time is up. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "service/dns_state.h"

/*
 * How it works: a query is sent as the guest sent it, but for its id, to one server after another, DNS_ATTEMPT_USEC
 * apart; with no server left, again to those that were asked. Every server has a socket of its own for every query,
 * connected, from a random port and with a random id, and all of them stay open to the end: so a server that takes
 * longer than an attempt is heard, and who wants to forge a reply must know address, port, id and question.
 *
 * What doesn't match is ignored, and waiting goes on. A server that can't be reached, or says SERVFAIL, REFUSED or the
 * like, makes the next one be asked at once; when there is none, its reply is the answer. TCP goes to TCP: same tries,
 * nothing is sent twice on one stream.
 */

#define RECEIVE_MAX 8 /* datagrams of one socket before others get their turn */

static void try_handler(int fd, uint32_t events, void *data);
static void query_attempt(struct dns_query *query);

static struct dns *query_dns(const struct dns_query *query)
{
    return query->asker.network->dns;
}

static int query_socket_type(const struct dns_query *query)
{
    return query->asker.connection ? SOCK_STREAM : SOCK_DGRAM;
}

/* ---- the table ---- */

static void try_close(struct dns_try *try)
{
    struct dns *dns = query_dns(try->query);

    loop_unwatch(dns->loop, try->source);
    try->source = NULL;
    dns_chunk_free(dns, try->query->asker.guest, try->reply);
    try->reply = NULL;
    if (try->fd >= 0)
        close(try->fd);
    try->fd = -1;
}

static void tries_init(struct dns_query *query)
{
    for (unsigned i = 0; i < DNS_SERVERS_MAX; i++)
        query->tries[i] = (struct dns_try){.query = query, .fd = -1};
}

static void tries_close(struct dns_query *query)
{
    for (unsigned i = 0; i < DNS_SERVERS_MAX; i++)
        try_close(&query->tries[i]);
}

/* NULL: the table is full, or the guest's share of it. */
static struct dns_query *query_new(struct dns *dns, const struct dns_asker *asker)
{
    struct dns_query *query = dns->free_queries;

    if (!dns_share(asker->guest->queries, 1, dns->query_count, DNS_QUERIES_MAX))
        return NULL;
    if (query)
        dns->free_queries = query->next;
    else
        query = &dns->queries[dns->query_high++];
    dns->query_count++;
    asker->guest->queries++;
    if (asker->connection)
        asker->connection->queries++;
    query->used = true;
    query->asker = *asker;
    query->rcode = LDNS_RCODE_SERVFAIL;
    query->last = 0;
    tries_init(query);
    return query;
}

static void query_free(struct dns_query *query)
{
    struct dns *dns = query_dns(query);

    tries_close(query);
    loop_timer_disarm(dns->loop, &query->timer);
    query->asker.guest->queries--;
    if (query->asker.connection)
        query->asker.connection->queries--;
    query->used = false;
    query->next = dns->free_queries;
    dns->free_queries = query;
    dns->query_count--;
}

void dns_forward_forget(struct dns *dns, const struct dns_network *network, const struct dns_connection *connection)
{
    for (size_t i = 0; i < dns->query_high; i++) {
        struct dns_query *query = &dns->queries[i];

        if (query->used && query->asker.network == network && (!connection || query->asker.connection == connection))
            query_free(query);
    }
}

/* ---- ends ---- */

/* Nobody has an answer. */
static void query_fail(struct dns_query *query)
{
    struct dns *dns = query_dns(query);
    struct dns_asker asker = query->asker;
    uint8_t bytes[DNS_QUERY_MAX], rcode = query->rcode;
    size_t length = query->length;

    memcpy(bytes, query->bytes, length);
    query_free(query);
    dns_refuse(dns, &asker, bytes, length, rcode);
}

/* The reply at @bytes goes to the client, by UDP; what it doesn't take becomes "ask by TCP". */
static void query_deliver(struct dns_query *query, uint8_t *bytes, size_t length)
{
    struct dns *dns = query_dns(query);
    struct dns_asker asker = query->asker;
    uint8_t bare[DNS_REPLY_MAX];

    memcpy(bytes, query->bytes, 2); /* the client's id */
    if (length > query->udp_size) {
        length = dns_reply_bare(query->bytes, query->length, dns_rcode(bytes), true, bare);
        bytes = bare;
    }
    query_free(query);
    dns_reply(dns, &asker, bytes, length);
}

/* The reply in @try's chunk goes to the client, by TCP. */
static void query_deliver_chunk(struct dns_try *try)
{
    struct dns_query *query = try->query;
    struct dns_connection *connection = query->asker.connection;
    struct dns_chunk *chunk = take_pointer(try->reply);

    memcpy(chunk->bytes + 2, query->bytes, 2); /* the client's id */
    query_free(query);
    dns_connection_send(connection, chunk);
}

/* Is a server left that was not asked? */
static bool query_has_untried(const struct dns_query *query)
{
    const struct dns_resolvers *resolvers = &query_dns(query)->resolvers;

    for (unsigned i = 0; query->generation == resolvers->generation && i < resolvers->count; i++) {
        if (query->tries[i].fd < 0 && !query->tries[i].failed)
            return true;
    }
    return false;
}

/* Is an answer of another server than @but still to be expected? */
static bool query_is_waiting(const struct dns_query *query, const struct dns_try *but)
{
    for (unsigned i = 0; i < DNS_SERVERS_MAX; i++) {
        if (query->tries[i].fd >= 0 && &query->tries[i] != but)
            return true;
    }
    return false;
}

/* Nothing is to be had from this server: the next one, or those still being waited for, or the end. */
static void try_fail(struct dns_try *try)
{
    struct dns_query *query = try->query;

    try_close(try);
    try->failed = true;
    if (query_has_untried(query))
        query_attempt(query);
    else if (!query_is_waiting(query, try))
        query_fail(query);
}

/* ---- replies ---- */

/*
 * A reply to @try has come. Is it for the client? An error is not while another server may know better; then, and when
 * it doesn't match, the query has been dealt with, and may be gone.
 */
static bool try_accepts(struct dns_try *try, const uint8_t *bytes, size_t length)
{
    struct dns_query *query = try->query;
    struct dns *dns = query_dns(query);
    enum dns_match match = dns_reply_match(bytes, length, try->id, query->bytes, query->question_end);
    unsigned rcode = match == DNS_MATCH_NOT ? 0 : dns_rcode(bytes);

    if (match == DNS_MATCH_NOT) {
        if (query_socket_type(query) == SOCK_STREAM) /* nothing better will come */
            try_fail(try);
        return false;
    }
    if (query->generation == dns->resolvers.generation)
        dns_resolvers_answered(&dns->resolvers, (unsigned)(try - query->tries));
    if (match == DNS_MATCH_WHOLE && (rcode == LDNS_RCODE_NOERROR || rcode == LDNS_RCODE_NXDOMAIN))
        return true;
    query->rcode = (uint8_t)rcode;
    try->failed = true;
    if (match == DNS_MATCH_ERROR || query_has_untried(query) || query_is_waiting(query, try)) {
        try_fail(try);
        return false;
    }
    return true;
}

static void try_unreachable(struct dns_try *try)
{
    struct dns *dns = query_dns(try->query);

    if (try->query->generation == dns->resolvers.generation)
        dns_resolvers_failed(&dns->resolvers, (unsigned)(try - try->query->tries), loop_now_usec());
    try_fail(try);
}

static void try_receive(struct dns_try *try)
{
    struct dns *dns = query_dns(try->query);

    for (unsigned i = 0; i < RECEIVE_MAX; i++) {
        ssize_t length = recv(try->fd, dns->buffer, sizeof(dns->buffer), 0);

        if (length < 0) {
            if (errno != EAGAIN && errno != EINTR)
                try_unreachable(try);
            return;
        }
        if (dns_reply_match(dns->buffer, (size_t)length, try->id, try->query->bytes, try->query->question_end) ==
            DNS_MATCH_NOT)
            continue;
        if (try_accepts(try, dns->buffer, (size_t)length))
            query_deliver(try->query, dns->buffer, (size_t)length);
        return;
    }
}

/* Receives @size bytes at most. False: there were none, or the stream has ended, and @try has been dealt with. */
static bool stream_read(struct dns_try *try, uint8_t *bytes, size_t size, size_t *ret)
{
    ssize_t got = recv(try->fd, bytes, size, 0);

    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            try_unreachable(try);
        return false;
    }
    *ret = (size_t)got;
    return true;
}

/* Reads the reply's length. True once it is known and there is room. */
static bool stream_read_head(struct dns_try *try)
{
    struct dns_query *query = try->query;
    size_t got, length;

    if (!stream_read(try, try->head + try->head_length, sizeof(try->head) - try->head_length, &got))
        return false;
    try->head_length = (uint8_t)(try->head_length + got);
    if (try->head_length < sizeof(try->head))
        return false;
    length = (size_t)try->head[0] << 8 | try->head[1];
    try->reply = dns_chunk_new(query_dns(query), query->asker.guest, length);
    if (!try->reply) {
        dns_complain(query_dns(query), &query->asker, "replies that it does not read");
        query_fail(query);
        return false;
    }
    try->reply->done = 2;
    return true;
}

static void stream_receive(struct dns_try *try)
{
    struct dns_chunk *reply;
    size_t got;

    if (!try->reply && !stream_read_head(try))
        return;
    reply = try->reply;
    if (reply->done < reply->length) {
        if (!stream_read(try, reply->bytes + reply->done, reply->length - reply->done, &got))
            return;
        reply->done += (uint32_t)got;
    }
    if (reply->done == reply->length && try_accepts(try, reply->bytes + 2, reply->length - 2))
        query_deliver_chunk(try);
}

/* ---- sending ---- */

/*
 * The bytes to send from offset @skip of the length in front (of streams), the id and the rest of the query, in two
 * parts: @head, the first four bytes, is the caller's.
 */
static void query_parts(const struct dns_query *query, uint8_t head[4], size_t skip, struct iovec parts[2])
{
    uint8_t *rest = (uint8_t *)(uintptr_t)query->bytes + 2;
    size_t length = query->length - 2u;

    if (skip < 4) {
        parts[0] = (struct iovec){head + skip, 4 - skip};
        parts[1] = (struct iovec){rest, length};
    } else {
        parts[0] = (struct iovec){rest + (skip - 4), length - (skip - 4)};
        parts[1] = (struct iovec){0};
    }
}

/* Sends the query, of a stream what is left of it. 0, or negative errno: -EAGAIN when something is left. */
static int try_send(struct dns_try *try)
{
    const struct dns_query *query = try->query;
    bool stream = query_socket_type(query) == SOCK_STREAM;
    uint8_t head[] = {(uint8_t)(query->length >> 8), (uint8_t)query->length, (uint8_t)(try->id >> 8), (uint8_t)try->id};
    struct iovec parts[2];
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_COUNT(parts)};
    ssize_t sent;

    query_parts(query, head, stream ? try->sent : 2, parts);
    sent = sendmsg(try->fd, &message, MSG_NOSIGNAL);
    if (sent < 0)
        return -errno;
    if (!stream)
        return 0;
    try->sent = (uint16_t)(try->sent + sent);
    return try->sent < query->length + 2 ? -EAGAIN : 0;
}

/* A stream is connected, or has room again. */
static void stream_send(struct dns_try *try)
{
    int r = try_send(try);

    if (r == -EAGAIN || r == -EINTR)
        return;
    if (r == 0)
        r = loop_rewatch(query_dns(try->query)->loop, try->source, EPOLLIN);
    if (r < 0)
        try_unreachable(try);
}

static void try_handler(int fd, uint32_t events, void *data)
{
    struct dns_try *try = data;

    (void)fd;
    if (query_socket_type(try->query) == SOCK_DGRAM)
        try_receive(try);
    else if (try->sent < try->query->length + 2)
        stream_send(try);
    else if (events)
        stream_receive(try);
}

/* Makes the socket. 0 or negative errno. */
static int try_open(struct dns_try *try)
{
    struct dns_query *query = try->query;
    struct dns *dns = query_dns(query);
    int type = query_socket_type(query);
    int fd;

    if (getrandom(&try->id, sizeof(try->id), 0) != sizeof(try->id))
        return -EIO;
    fd = dns_server_connect(&dns->resolvers.servers[try - query->tries], type);
    if (fd < 0)
        return fd;
    try->fd = fd;
    return loop_watch(dns->loop, fd, type == SOCK_DGRAM ? EPOLLIN : EPOLLOUT, try_handler, try, &try->source);
}

/* Asks, or asks again. 0, or a negative errno that says that this server is out of reach. */
static int try_start(struct dns_try *try)
{
    bool stream = query_socket_type(try->query) == SOCK_STREAM;
    int r = 0;

    if (try->fd < 0)
        r = try_open(try);
    else if (stream)
        return 0; /* it has the query, or is about to get it */
    if (r == 0 && !stream)
        r = try_send(try);
    return r == -EAGAIN ? 0 : r;
}

/* The server to ask now: one that was not asked, else the next one that was and has not failed. -1: none. */
static int query_choose(struct dns_query *query)
{
    struct dns_resolvers *resolvers = &query_dns(query)->resolvers;
    unsigned tried = 0;
    int server;

    for (unsigned i = 0; i < DNS_SERVERS_MAX; i++)
        tried |= (unsigned)(query->tries[i].fd >= 0 || query->tries[i].failed) << i;
    server = dns_resolvers_choose(resolvers, tried, loop_now_usec());
    for (unsigned i = 1; server < 0 && i <= DNS_SERVERS_MAX; i++) {
        unsigned next = (query->last + i) % DNS_SERVERS_MAX;

        if (query->tries[next].fd >= 0)
            server = (int)next;
    }
    return server;
}

/* An attempt has brought nothing. */
static void query_alarm(void *data)
{
    struct dns_query *query = data;
    struct dns *dns = query_dns(query);
    uint64_t now_usec = loop_now_usec();

    if (query->generation == dns->resolvers.generation)
        dns_resolvers_failed(&dns->resolvers, query->last, now_usec);
    if (now_usec >= query->deadline_usec)
        query_fail(query);
    else
        query_attempt(query);
}

/* Asks the next server. The query may be gone afterwards. */
static void query_attempt(struct dns_query *query)
{
    struct dns *dns = query_dns(query);
    uint64_t due_usec = loop_now_usec() + DNS_ATTEMPT_USEC;
    int server;

    dns_resolvers_refresh(&dns->resolvers);
    if (query->generation != dns->resolvers.generation) { /* other servers, all of them still to be asked */
        tries_close(query);
        tries_init(query);
        query->generation = dns->resolvers.generation;
        query->last = 0;
    }
    while ((server = query_choose(query)) >= 0) {
        struct dns_try *try = &query->tries[server];

        if (try_start(try) == 0) {
            query->last = (unsigned)server;
            break;
        }
        dns_resolvers_failed(&dns->resolvers, (unsigned)server, loop_now_usec());
        try_close(try);
        try->failed = true;
    }
    if (server < 0)
        query_fail(query);
    else
        loop_timer_arm(dns->loop, &query->timer, due_usec < query->deadline_usec ? due_usec : query->deadline_usec,
                       query_alarm, query);
}

enum dns_outcome dns_forward(struct dns *dns, const struct dns_asker *asker, const uint8_t *bytes, size_t length,
                             const struct dns_message *message)
{
    struct dns_query *query = query_new(dns, asker);

    if (!query)
        return DNS_BUSY;
    memcpy(query->bytes, bytes, length);
    query->length = (uint16_t)length;
    query->question_end = (uint16_t)message->question_end;
    query->udp_size = message->udp_size;
    query->generation = dns->resolvers.generation;
    query->deadline_usec = loop_now_usec() + DNS_QUERY_USEC;
    query_attempt(query);
    return DNS_DONE;
}
