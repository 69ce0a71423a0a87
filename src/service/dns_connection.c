/* SPDX-License-Identifier: MIT */
/* DNS by TCP (RFC 7766): queries cut out of a guest's stream, replies put into it. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "service/dns_state.h"

/*
 * How it works: queries may follow each other without waiting; replies leave in the order in which they come. While
 * replies wait for a slow reader, nothing more is read from it; so it is while its guest has too much in flight, until
 * one of its replies leaves, or for DNS_HOLD_USEC. What stays open without a whole query or a whole reply
 * passing for DNS_IDLE_USEC is closed: bytes alone don't keep it. When all places are taken, the one that is idle for
 * longest makes room.
 *
 * connection_work() does all that can be done now. Handling a query may come back here with its reply: that is only
 * queued while the work goes on, and closing waits for its end.
 */

static void connection_work(struct dns_connection *connection);

static void connection_release(struct dns_connection *connection)
{
    struct dns *dns = connection->dns;

    dns_forward_forget(dns, connection->network, connection);
    loop_timer_disarm(dns->loop, &connection->timer);
    loop_unwatch(dns->loop, connection->source);
    close(connection->fd);
    while (connection->first) {
        struct dns_chunk *next = connection->first->next;

        dns_chunk_free(dns, connection->guest, connection->first);
        connection->first = next;
    }
    connection->guest->connections--;
    dns->connection_count--;
    connection->used = false;
    connection->next = dns->free_connections;
    dns->free_connections = connection;
}

void dns_connection_close(struct dns_connection *connection)
{
    if (connection->working)
        connection->closed = true;
    else
        connection_release(connection);
}

void dns_connection_close_all(struct dns *dns, const struct dns_network *network)
{
    for (size_t i = 0; i < dns->connection_high; i++) {
        if (dns->connections[i].used && dns->connections[i].network == network)
            dns_connection_close(&dns->connections[i]);
    }
}

static bool connection_quiet(const struct dns_connection *connection)
{
    return !connection->queries && !connection->first;
}

/* ---- out ---- */

/* Sends what the client takes. False: it is gone. */
static bool connection_flush(struct dns_connection *connection)
{
    while (connection->first) {
        struct dns_chunk *chunk = connection->first;
        ssize_t sent = send(connection->fd, chunk->bytes + chunk->done, chunk->length - chunk->done, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        chunk->done += (uint32_t)sent;
        if (chunk->done < chunk->length)
            return true;
        connection->first = chunk->next;
        dns_chunk_free(connection->dns, connection->guest, chunk);
        connection->active_usec = loop_now_usec();
    }
    return true;
}

void dns_connection_send(struct dns_connection *connection, struct dns_chunk *chunk)
{
    chunk->bytes[0] = (uint8_t)((chunk->length - 2) >> 8);
    chunk->bytes[1] = (uint8_t)(chunk->length - 2);
    chunk->done = 0;
    chunk->next = NULL;
    if (connection->first)
        connection->last->next = chunk;
    else
        connection->first = chunk;
    connection->last = chunk;
    connection->held = false;
    connection_work(connection);
}

/* ---- in ---- */

/* The length of the query that the input starts with; 0: it is not complete. */
static size_t input_query(const struct dns_connection *connection)
{
    size_t length = (size_t)connection->input[0] << 8 | connection->input[1];

    return connection->length >= 2 && connection->length >= 2 + length ? length : 0;
}

/* Has the client announced what no query is? */
static bool input_is_wrong(const struct dns_connection *connection)
{
    size_t length = (size_t)connection->input[0] << 8 | connection->input[1];

    return connection->length >= 2 && (length < DNS_HEADER || length > DNS_QUERY_MAX);
}

static void input_drop(struct dns_connection *connection, size_t length)
{
    connection->length -= length;
    memmove(connection->input, connection->input + length, connection->length);
}

/* Handles one complete query. False: not now. */
static bool connection_query(struct dns_connection *connection, size_t length)
{
    struct dns_asker asker = {.network = connection->network, .guest = connection->guest, .connection = connection};
    uint64_t now_usec = loop_now_usec();

    if (!bucket_take(&connection->guest->bucket, now_usec, DNS_RATE, DNS_BURST) ||
        dns_handle(connection->dns, &asker, connection->input + 2, length) == DNS_BUSY) {
        dns_complain(connection->dns, &asker, "queries");
        connection->held = true;
        return false;
    }
    connection->active_usec = now_usec;
    input_drop(connection, 2 + length);
    return true;
}

/* Reads once. False: the client is gone. */
static bool connection_read(struct dns_connection *connection)
{
    ssize_t got;

    if (connection->length == sizeof(connection->input))
        return true;
    got = recv(connection->fd, connection->input + connection->length, sizeof(connection->input) - connection->length,
               0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    connection->finished = got == 0;
    connection->length += (size_t)got;
    return true;
}

/* ---- both ---- */

static void connection_alarm(void *data)
{
    struct dns_connection *connection = data;

    if (loop_now_usec() >= connection->active_usec + DNS_IDLE_USEC) {
        connection_release(connection);
        return;
    }
    connection->held = false;
    connection_work(connection);
}

/* Waits for what can go on. False: nothing will. */
static bool connection_wait(struct dns_connection *connection)
{
    struct dns *dns = connection->dns;
    uint64_t due_usec = connection->active_usec + DNS_IDLE_USEC;
    uint32_t events = 0;

    if (connection->finished && connection_quiet(connection) && !connection->held)
        return false;
    if (connection->first)
        events = EPOLLOUT;
    else if (!connection->held && !connection->finished)
        events = EPOLLIN;
    if (events != connection->events && loop_rewatch(dns->loop, connection->source, events) < 0)
        return false;
    connection->events = events;
    if (connection->held && connection->queries == 0 && due_usec > loop_now_usec() + DNS_HOLD_USEC)
        due_usec = loop_now_usec() + DNS_HOLD_USEC;
    if (connection->timer.due_usec != due_usec)
        loop_timer_arm(dns->loop, &connection->timer, due_usec, connection_alarm, connection);
    return true;
}

/* All that can be done now. The connection may be gone afterwards. */
static void connection_work(struct dns_connection *connection)
{
    bool goes_on = true;
    size_t length;

    if (connection->working)
        return;
    connection->working = true;
    do {
        goes_on = connection_flush(connection) && !input_is_wrong(connection);
        length = goes_on && !connection->first && !connection->held ? input_query(connection) : 0;
    } while (length > 0 && connection_query(connection, length) && !connection->closed);
    goes_on = goes_on && !connection->closed && connection_flush(connection) && connection_wait(connection);
    connection->working = false;
    if (!goes_on)
        connection_release(connection);
}

static void connection_handler(int fd, uint32_t events, void *data)
{
    struct dns_connection *connection = data;

    (void)fd;
    if ((events & (EPOLLERR | EPOLLHUP)) || ((events & EPOLLIN) && !connection_read(connection))) {
        connection_release(connection);
        return;
    }
    loop_catch_up(connection->dns->loop);
    connection_work(connection);
}

/* ---- places ---- */

/* The connection that is idle for longest, if any is, makes room. */
static void make_room(struct dns *dns)
{
    struct dns_connection *oldest = NULL;

    for (size_t i = 0; i < dns->connection_high; i++) {
        struct dns_connection *connection = &dns->connections[i];

        if (connection->used && !connection->working && connection_quiet(connection) &&
            (!oldest || connection->active_usec < oldest->active_usec))
            oldest = connection;
    }
    if (oldest)
        connection_release(oldest);
}

static struct dns_connection *connection_new(struct dns *dns, struct dns_guest *guest)
{
    struct dns_connection *connection = dns->free_connections;

    if (!dns_share(guest->connections, 1, dns->connection_count, dns->connection_max))
        return NULL;
    if (connection)
        dns->free_connections = connection->next;
    else
        connection = &dns->connections[dns->connection_high++];
    dns->connection_count++;
    guest->connections++;
    return connection;
}

void dns_connection_open(struct dns *dns, struct dns_network *network, struct dns_guest *guest, int fd)
{
    int client_fd _cleanup_close_ = fd;
    struct dns_connection *connection;
    struct loop_source *source = NULL;

    if (dns->connection_count == dns->connection_max)
        make_room(dns);
    connection = connection_new(dns, guest);
    if (!connection)
        return;
    *connection = (struct dns_connection){.dns = dns,
                                          .used = true,
                                          .network = network,
                                          .guest = guest,
                                          .fd = take_fd(&client_fd),
                                          .events = EPOLLIN,
                                          .active_usec = loop_now_usec()};
    if (loop_watch(dns->loop, fd, EPOLLIN, connection_handler, connection, &source) < 0) {
        connection_release(connection);
        return;
    }
    connection->source = source;
    connection_work(connection);
}
