/* SPDX-License-Identifier: MIT */
/* Queries that are not ours: asked of the host's resolvers, until one answers or time is up. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "service/dns_state.h"

/*
 * How it works: a query is sent as the guest sent it, but for its id and the case of letters, to one server after
 * another, DNS_ATTEMPT_USEC apart; with no server left, again to those that were asked. Every server has a socket of
 * its own for every query, connected, from a random port, with a random id and letters of random case. All of them stay
 * open to the end: so a server that takes longer than an attempt is heard, and who wants to forge a reply must know
 * address, port, id, question and a bit a letter. The guest gets back its own id and letters.
 *
 * What doesn't match is ignored, and waiting goes on. A server that can't be reached, or says SERVFAIL, REFUSED or the
 * like, makes the next one be asked at once; when there is none, its reply is the answer. TCP goes to TCP: same tries,
 * nothing is sent twice on one stream.
 *
 * A reply with all but the case right is of a forger who was lucky, or of a server that changes the case. It is not
 * taken; the same is asked by TCP, and that reply is. If it has changed letters too, the server is known to do so, and
 * its guests' letters are left alone from then on. If no reply is had by TCP, that is taken for granted: better the
 * safety that port and id give than no names.
 */

#define RECEIVE_MAX 8 /* datagrams of one socket before others get their turn */

static void try_handler(int fd, uint32_t events, void *data);
static int try_start(struct dns_try *try);
static void query_attempt(struct dns_query *query);

static struct dns *query_dns(const struct dns_query *query)
{
    return query->asker.network->dns;
}

/* The number of @try's server; -1: the servers are others by now. */
static int try_server(const struct dns_try *try)
{
    const struct dns_query *query = try->query;

    return query->generation == query_dns(query)->resolvers.generation ? (int)(try - query->tries) : -1;
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
        query->tries[i] = (struct dns_try){.query = query, .fd = -1, .stream = query->asker.connection};
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

    if (!dns_share(asker->guest->queries, 1, dns->query_count, dns->query_max))
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

/* Gives the reply at @bytes the client's id, and its letters as the client wrote them. */
static void query_restore(const struct dns_query *query, uint8_t *bytes)
{
    memcpy(bytes, query->bytes, 2);
    memcpy(bytes + DNS_HEADER, query->bytes + DNS_HEADER, query->question_end - DNS_HEADER);
}

/* The reply at @bytes goes to the client, by UDP; what it doesn't take becomes "ask by TCP". */
static void query_deliver(struct dns_query *query, uint8_t *bytes, size_t length)
{
    struct dns *dns = query_dns(query);
    struct dns_asker asker = query->asker;
    uint8_t bare[DNS_REPLY_MAX];

    query_restore(query, bytes);
    if (length > query->udp_size) {
        length = dns_reply_bare(query->bytes, query->length, dns_rcode(bytes), true, bare);
        bytes = bare;
    }
    query_free(query);
    dns_reply(dns, &asker, bytes, length);
}

/* The reply in @try's chunk, which came by TCP, goes to the client. */
static void query_deliver_chunk(struct dns_try *try)
{
    struct dns_query *query = try->query;
    struct dns *dns = query_dns(query);
    struct dns_asker asker = query->asker;
    struct dns_chunk *chunk = take_pointer(try->reply);

    if (!asker.connection) {
        query_deliver(query, chunk->bytes + 2, chunk->length - 2);
        dns_chunk_free(dns, asker.guest, chunk);
        return;
    }
    query_restore(query, chunk->bytes + 2);
    query_free(query);
    dns_connection_send(asker.connection, chunk);
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

/* Was a client of UDP given a stream, for the case of letters? */
static bool try_verifies(const struct dns_try *try)
{
    return try->stream && !try->query->asker.connection;
}

/* Closes what there is, and asks once more, by TCP or UDP. 0 or negative errno. */
static int try_again(struct dns_try *try, bool stream)
{
    struct dns_query *query = try->query;

    try_close(try);
    *try = (struct dns_try){.query = query, .fd = -1, .stream = stream};
    return try_start(try);
}

/* The server does not say by TCP whether it changes the case. Is it asked by UDP once more? */
static bool try_gave_up_verifying(struct dns_try *try)
{
    int server = try_server(try);

    if (!try_verifies(try) || try->fd < 0 || server < 0)
        return false;
    dns_resolvers_folds_case(&query_dns(try->query)->resolvers, (unsigned)server, false);
    return try_again(try, false) == 0;
}

/* Nothing is to be had from this server: the next one, or those still being waited for, or the end. */
static void try_fail(struct dns_try *try)
{
    struct dns_query *query = try->query;

    if (try_gave_up_verifying(try))
        return;
    try_close(try);
    try->failed = true;
    if (query_has_untried(query))
        query_attempt(query);
    else if (!query_is_waiting(query, try))
        query_fail(query);
}

/* ---- replies ---- */

static enum dns_match try_match(const struct dns_try *try, const uint8_t *bytes, size_t length)
{
    const struct dns_query *query = try->query;
    uint8_t sent[DNS_QUERY_MAX];

    memcpy(sent, query->bytes, query->question_end);
    dns_case_mix(sent, query->question_end, try->cases);
    return dns_reply_match(bytes, length, try->id, sent, query->question_end);
}

/*
 * A reply has come in which only the case of letters is wrong. Is it taken all the same? If not, the query has been
 * dealt with, and may be gone.
 */
static bool try_takes_case(struct dns_try *try)
{
    struct dns_resolvers *resolvers = &query_dns(try->query)->resolvers;
    int server = try_server(try);

    if (server >= 0 && try->stream)
        dns_resolvers_folds_case(resolvers, (unsigned)server, true);
    if (try->stream || server < 0 || resolvers->servers[server].folds_case)
        return try->stream || server >= 0;
    if (try_again(try, true) < 0)
        try_fail(try);
    return false;
}

/*
 * A reply to @try has come, which is one (@match). Is it for the client? An error is not while another server may know
 * better; then the query has been dealt with, and may be gone.
 */
static bool try_accepts(struct dns_try *try, enum dns_match match, const uint8_t *bytes)
{
    struct dns_query *query = try->query;
    unsigned rcode = dns_rcode(bytes);

    if (match == DNS_MATCH_CASE && !try_takes_case(try))
        return false;
    if (try_server(try) >= 0)
        dns_resolvers_answered(&query_dns(query)->resolvers, (unsigned)try_server(try));
    if (match != DNS_MATCH_ERROR && (rcode == LDNS_RCODE_NOERROR || rcode == LDNS_RCODE_NXDOMAIN))
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
    if (try_server(try) >= 0 && !try_verifies(try))
        dns_resolvers_failed(&query_dns(try->query)->resolvers, (unsigned)try_server(try), loop_now_usec());
    try_fail(try);
}

static void try_receive(struct dns_try *try)
{
    struct dns *dns = query_dns(try->query);

    for (unsigned i = 0; i < RECEIVE_MAX; i++) {
        ssize_t length = recv(try->fd, dns->buffer, sizeof(dns->buffer), 0);
        enum dns_match match;

        if (length < 0) {
            if (errno != EAGAIN && errno != EINTR)
                try_unreachable(try);
            return;
        }
        match = try_match(try, dns->buffer, (size_t)length);
        if (match == DNS_MATCH_NOT)
            continue;
        if (try_accepts(try, match, dns->buffer))
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
    enum dns_match match;
    size_t got;

    if (!try->reply && !stream_read_head(try))
        return;
    reply = try->reply;
    if (reply->done < reply->length) {
        if (!stream_read(try, reply->bytes + reply->done, reply->length - reply->done, &got))
            return;
        reply->done += (uint32_t)got;
    }
    if (reply->done < reply->length)
        return;
    match = try_match(try, reply->bytes + 2, reply->length - 2);
    if (match == DNS_MATCH_NOT) /* nothing better will come */
        try_fail(try);
    else if (try_accepts(try, match, reply->bytes + 2))
        query_deliver_chunk(try);
}

/* ---- sending ---- */

/* Writes what is sent: the query's length, and the query with @try's id and letters. */
static void try_write(const struct dns_try *try, uint8_t bytes[2 + DNS_QUERY_MAX])
{
    const struct dns_query *query = try->query;

    bytes[0] = (uint8_t)(query->length >> 8);
    bytes[1] = (uint8_t)query->length;
    memcpy(bytes + 2, query->bytes, query->length);
    bytes[2] = (uint8_t)(try->id >> 8);
    bytes[3] = (uint8_t)try->id;
    dns_case_mix(bytes + 2, query->question_end, try->cases);
}

/* Sends the query, of a stream what is left of it. 0, or negative errno: -EAGAIN when something is left. */
static int try_send(struct dns_try *try)
{
    const struct dns_query *query = try->query;
    size_t skip = try->stream ? try->sent : 2; /* a datagram says its length itself */
    uint8_t bytes[2 + DNS_QUERY_MAX];
    ssize_t sent;

    try_write(try, bytes);
    sent = send(try->fd, bytes + skip, query->length + 2u - skip, MSG_NOSIGNAL);
    if (sent < 0)
        return -errno;
    if (!try->stream)
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
    if (!try->stream)
        try_receive(try);
    else if (try->sent < try->query->length + 2)
        stream_send(try);
    else if (events)
        stream_receive(try);
}

/* Makes the socket. 0 or negative errno. */
static int try_open(struct dns_try *try)
{
    struct dns *dns = query_dns(try->query);
    const struct dns_server *server = &dns->resolvers.servers[try - try->query->tries];
    uint64_t random[2];
    int fd;

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return -EIO;
    try->id = (uint16_t)random[0];
    try->cases = server->folds_case ? 0 : random[1];
    fd = dns_server_connect(server, try->stream ? SOCK_STREAM : SOCK_DGRAM);
    if (fd < 0)
        return fd;
    try->fd = fd;
    return loop_watch(dns->loop, fd, try->stream ? EPOLLOUT : EPOLLIN, try_handler, try, &try->source);
}

/* Asks, or asks again. 0, or a negative errno that says that this server is out of reach. */
static int try_start(struct dns_try *try)
{
    int r = 0;

    if (try->fd < 0)
        r = try_open(try);
    else if (try->stream)
        return 0; /* it has the query, or is about to get it */
    if (r == 0 && !try->stream)
        r = try_send(try);
    return r == -EAGAIN ? 0 : r;
}

/* Did what failed with @r fail for want of something of our own? Then no server is to blame. */
static bool is_ours(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM || r == -EIO;
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
    bool verified = true;

    for (unsigned i = 0; i < DNS_SERVERS_MAX; i++)
        verified &= !try_gave_up_verifying(&query->tries[i]);
    if (verified && query->generation == dns->resolvers.generation)
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
    int server, r;

    dns_resolvers_refresh(&dns->resolvers);
    if (query->generation != dns->resolvers.generation) { /* other servers, all of them still to be asked */
        tries_close(query);
        tries_init(query);
        query->generation = dns->resolvers.generation;
        query->last = 0;
    }
    while ((server = query_choose(query)) >= 0) {
        struct dns_try *try = &query->tries[server];

        r = try_start(try);
        if (r == 0) {
            query->last = (unsigned)server;
            break;
        }
        if (!is_ours(r))
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
