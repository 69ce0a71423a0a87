/* SPDX-License-Identifier: MIT */
/* Fuzzes the DNS service: queries, streams of them, replies of servers, resolv.conf. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/dns_state.h"

/*
 * The first byte says what the rest is: 'q' a query by UDP, 't' a stream of them by TCP, 'r' a server's reply behind
 * the query (the byte after 'r' is the query's length), 'c' a resolv.conf.
 *
 * The network is `lab`, 10.20.0.1/24, with the ports `web` and `db`. There is no resolver: what is to be forwarded ends
 * in SERVFAIL at once, and nothing leaves this process.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct model_port ports[] = {{.name = "web", .hostname = "www"}, {.name = "db", .hostname = "db"}};
static struct model_network model = {.name = "lab", .ports = ports, .port_count = 2};
static struct loop *loop;
static struct dns *dns;
static struct dns_network network;

/* Stops the fuzzer when a promise is broken. */
static void promise(bool kept)
{
    if (!kept)
        abort();
}

static void start(void)
{
    if (dns)
        return;
    model.subnet = (struct ip_prefix){ip4_from_value(0x0a140001), 24};
    ports[0].address = ip4_from_value(0x0a14000a);
    ports[1].address = ip4_from_value(0x0a14000b);
    promise(loop_new(&loop) == 0 && dns_new(loop, -1, 8192, &dns, NULL) == 0);
    network = (struct dns_network){.dns = dns};
    dns_names_init(&network.names, &model);
}

static void check_reply(const uint8_t *query, const uint8_t *reply, size_t length)
{
    promise(length >= DNS_HEADER && length <= DNS_REPLY_MAX);
    promise(memcmp(query, reply, 2) == 0 && (reply[2] & 0x80));
}

static void fuzz_query(const uint8_t *data, size_t len)
{
    uint8_t reply[DNS_REPLY_MAX];
    struct dns_message message;
    struct dns_answer answer;
    int r = dns_message_parse(data, len, &message);

    if (r == 0) {
        promise(message.question && message.question_end <= len && message.udp_size >= DNS_UDP_MIN);
        dns_names_answer(&network.names, ldns_rdf_data(ldns_rr_owner(message.question)), message.type, &answer);
        if (answer.kind != DNS_FORWARD)
            check_reply(data, reply, dns_reply_answer(data, len, &answer, reply));
    }
    dns_message_fini(&message);
    if (r >= 0)
        check_reply(data, reply, dns_reply_bare(data, len, 2, true, reply));
}

static struct loop_timer end;
static unsigned turns;

/* Lets the loop turn until no connection is left. */
static void turn(void *data)
{
    (void)data;
    if (dns->connection_count == 0 || --turns == 0)
        loop_stop(loop);
    else
        loop_timer_arm(loop, &end, 1, turn, NULL);
}

/* What the client gets is whole messages, each of them a reply. */
static void check_stream(int fd)
{
    static uint8_t bytes[1 << 18];
    size_t length = 0;
    ssize_t got;

    while ((got = recv(fd, bytes + length, sizeof(bytes) - length, MSG_DONTWAIT)) > 0)
        length += (size_t)got;
    for (size_t at = 0; at < length;) {
        size_t size = at + 2 <= length ? (size_t)bytes[at] << 8 | bytes[at + 1] : 0;

        promise(size >= DNS_HEADER && at + 2 + size <= length && (bytes[at + 4] & 0x80));
        at += 2 + size;
    }
}

static void fuzz_stream(const uint8_t *data, size_t len)
{
    struct dns_guest *guest = dns_guests_find(&dns->guests, &network, 0x0a14000a, loop_now_usec());
    int fds[2];

    promise(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    guest->bucket.spent_usec = 0;
    promise(send(fds[1], data, len, 0) == (ssize_t)len && shutdown(fds[1], SHUT_WR) == 0);
    dns_connection_open(dns, &network, guest, fds[0]);
    turns = 10 + (unsigned)len;
    loop_timer_arm(loop, &end, 1, turn, NULL);
    promise(loop_run(loop) == 0);
    promise(dns->connection_count == 0 && dns->query_count == 0 && dns->byte_count == 0);
    check_stream(fds[1]);
    close(fds[1]);
}

static void fuzz_reply(const uint8_t *data, size_t len)
{
    size_t query_length = data[0];
    struct dns_message message;
    enum dns_match match;

    if (len - 1 < query_length)
        return;
    if (dns_message_parse(data + 1, query_length, &message) == 0) {
        match = dns_reply_match(data + 1 + query_length, len - 1 - query_length, 0x1234, data + 1,
                                message.question_end);
        promise(match == DNS_MATCH_NOT || (len - 1 - query_length >= DNS_HEADER && data[1 + query_length] == 0x12));
    }
    dns_message_fini(&message);
}

static void fuzz_resolv_conf(const uint8_t *data, size_t len)
{
    struct dns_server servers[DNS_SERVERS_MAX] = {0};
    unsigned count = dns_resolvers_parse((const char *)data, len, servers);

    promise(count <= DNS_SERVERS_MAX);
    for (unsigned i = 0; i < count; i++)
        promise(strlen(servers[i].text) < sizeof(servers[i].text) && strlen(servers[i].scope) < IF_NAMESIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    start();
    if (len < 2)
        return 0;
    if (data[0] == 'q')
        fuzz_query(data + 1, len - 1);
    else if (data[0] == 't' && len < 8192)
        fuzz_stream(data + 1, len - 1);
    else if (data[0] == 'r')
        fuzz_reply(data + 1, len - 1);
    else if (data[0] == 'c')
        fuzz_resolv_conf(data + 1, len - 1);
    return 0;
}
