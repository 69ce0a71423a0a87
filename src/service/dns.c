/* SPDX-License-Identifier: MIT */
/* DNS for guests: answers their own names, forwards the rest to the host's resolvers. */
#include "service/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "service/dns_state.h"
#include "service/log.h"

#define RECEIVE_MAX 64           /* datagrams of one network before others get their turn */
#define ACCEPT_MAX 16            /* connections, the same */
#define ACCEPT_REST_USEC 1000000 /* after an accept that failed for want of something */
#define COMPLAINT_USEC 10000000  /* between two lines about guests that take too much */

/* ---- replies ---- */

struct dns_chunk *dns_chunk_new(struct dns *dns, struct dns_guest *guest, size_t length)
{
    struct dns_chunk *chunk = NULL;

    if (dns_share(guest->bytes, length, dns->byte_count, DNS_BYTES_MAX))
        chunk = malloc(sizeof(*chunk) + 2 + length);
    if (!chunk)
        return NULL;
    *chunk = (struct dns_chunk){.length = (uint32_t)(2 + length)};
    guest->bytes += (uint32_t)length;
    dns->byte_count += length;
    return chunk;
}

void dns_chunk_free(struct dns *dns, struct dns_guest *guest, struct dns_chunk *chunk)
{
    if (!chunk)
        return;
    guest->bytes -= chunk->length - 2;
    dns->byte_count -= chunk->length - 2;
    free(chunk);
}

void dns_reply(struct dns *dns, const struct dns_asker *asker, const uint8_t *bytes, size_t length)
{
    struct dns_chunk *chunk;

    if (length == 0)
        return; /* no memory for it: as if it were lost on the way */
    if (!asker->connection) {
        sendto(asker->end->udp_fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, &asker->client.any,
               asker->client.any.sa_family == AF_INET6 ? sizeof(asker->client.ip6) : sizeof(asker->client.ip4));
        return;
    }
    chunk = dns_chunk_new(dns, asker->guest, length);
    if (!chunk) {
        dns_complain(dns, asker, "replies that it does not read");
        dns_connection_close(asker->connection);
        return;
    }
    memcpy(chunk->bytes + 2, bytes, length);
    dns_connection_send(asker->connection, chunk);
}

void dns_refuse(struct dns *dns, const struct dns_asker *asker, const uint8_t *bytes, size_t length, unsigned rcode)
{
    uint8_t reply[DNS_REPLY_MAX];

    dns_reply(dns, asker, reply, dns_reply_bare(bytes, length, rcode, false, reply));
}

void dns_complain(struct dns *dns, const struct dns_asker *asker, const char *what)
{
    struct ip_address address = ip4_from_value(asker->guest->address);
    uint64_t now_usec = loop_now_usec();
    char text[IP_TEXT_MAX];

    if (dns->complained_usec && now_usec < dns->complained_usec + COMPLAINT_USEC)
        return;
    dns->complained_usec = now_usec;
    log_line("dns: too many %s: %s in network %s has to wait", what, ip_address_print(&address, text),
             asker->network->names.network->name);
}

/* ---- queries ---- */

enum dns_outcome dns_handle(struct dns *dns, const struct dns_asker *asker, const uint8_t *bytes, size_t length)
{
    struct dns_message message cleanup(dns_message_fini) = {0};
    uint8_t reply[DNS_REPLY_MAX];
    struct dns_answer answer;
    int r = dns_message_parse(bytes, length, &message);

    if (r < 0)
        return DNS_DONE;
    if (r > 0) {
        dns_refuse(dns, asker, bytes, length, (unsigned)r);
        return DNS_DONE;
    }
    dns_names_answer(&asker->network->names, ldns_rdf_data(ldns_rr_owner(message.question)), message.type, &answer);
    if (answer.kind != DNS_FORWARD) {
        dns_reply(dns, asker, reply, dns_reply_answer(bytes, length, &answer, reply));
        return DNS_DONE;
    }
    if (!message.recursion_desired) { /* what we have is what was asked for, and we have nothing */
        dns_refuse(dns, asker, bytes, length, LDNS_RCODE_REFUSED);
        return DNS_DONE;
    }
    return dns_forward(dns, asker, bytes, length, &message);
}

/* The guest at @client, the same by both of its addresses; NULL when it is none of the network's. */
static struct dns_guest *find_guest(struct dns_network *network, const union dns_client *client, uint64_t now_usec)
{
    const struct ip_prefix *subnet = &network->names.network->subnet;
    const struct model_port *port;
    struct ip_address address = {.family = AF_INET};

    if (client->any.sa_family == AF_INET6) {
        port = dns_names_port6(&network->names, client->ip6.sin6_addr.s6_addr);
        if (!port)
            return NULL;
        address = port->address;
    } else if (client->any.sa_family == AF_INET) {
        address = ip4_from_value(ntohl(client->ip4.sin_addr.s_addr));
    }
    if (!ip_prefix_contains(subnet, &address))
        return NULL;
    return dns_guests_find(&network->dns->guests, network, ip4_value(&address), now_usec);
}

static void handle_datagram(const struct dns_end *end, const union dns_client *client, const uint8_t *bytes,
                            size_t length)
{
    struct dns_network *network = end->network;
    uint64_t now_usec = loop_now_usec();
    struct dns_asker asker = {
        .network = network, .guest = find_guest(network, client, now_usec), .end = end, .client = *client};

    if (!asker.guest || client->ip4.sin_port == 0) /* it stands at the same place in both families */
        return;
    if (!bucket_take(&asker.guest->bucket, now_usec, DNS_RATE, DNS_BURST) ||
        dns_handle(network->dns, &asker, bytes, length) == DNS_BUSY)
        dns_complain(network->dns, &asker, "queries");
}

static void udp_handler(int fd, uint32_t events, void *data)
{
    const struct dns_end *end = data;
    uint8_t bytes[DNS_QUERY_MAX + 1]; /* one more, so that what is too long is seen to be */

    (void)events;
    for (unsigned i = 0; i < RECEIVE_MAX; i++) {
        union dns_client client = {.ip6 = {0}};
        socklen_t client_length = sizeof(client);
        ssize_t length = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, &client.any, &client_length);

        if (length < 0)
            return;
        loop_catch_up(end->network->dns->loop);
        handle_datagram(end, &client, bytes, (size_t)length);
    }
}

static void accept_again(void *data)
{
    const struct dns_end *end = data;

    loop_rewatch(end->network->dns->loop, end->tcp, EPOLLIN);
}

static void tcp_handler(int fd, uint32_t events, void *data)
{
    struct dns_end *end = data;
    struct dns_network *network = end->network;
    struct dns *dns = network->dns;

    (void)events;
    for (unsigned i = 0; i < ACCEPT_MAX; i++) {
        union dns_client client = {.ip6 = {0}};
        socklen_t client_length = sizeof(client);
        int client_fd = accept4(fd, &client.any, &client_length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct dns_guest *guest;

        if (client_fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            loop_rewatch(dns->loop, end->tcp, 0);
            loop_timer_arm(dns->loop, &end->accept_timer, loop_now_usec() + ACCEPT_REST_USEC, accept_again, end);
        }
        if (client_fd < 0)
            return;
        loop_catch_up(dns->loop);
        guest = find_guest(network, &client, loop_now_usec());
        if (guest)
            dns_connection_open(dns, network, guest, client_fd);
        else
            close(client_fd);
    }
}

/* ---- networks ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

int dns_new(struct loop *loop, int etc_fd, size_t descriptors, struct dns **ret, struct tapnet_error *error)
{
    struct dns *dns = calloc(1, sizeof(*dns));

    if (!dns)
        return error_set(error, -ENOMEM, "out of memory");
    dns->loop = loop;
    dns->query_max = smaller(DNS_QUERIES_MAX, descriptors * 3 / 4 / DNS_SERVERS_MAX);
    dns->connection_max = smaller(DNS_CONNECTIONS_MAX, descriptors / 8);
    dns_resolvers_init(&dns->resolvers, etc_fd);
    *ret = dns;
    return 0;
}

/* Closes everything of @network but its own sockets, and frees it. */
static void network_free(struct dns_network *network)
{
    struct dns *dns = network->dns;

    dns_connection_close_all(dns, network);
    dns_forward_forget(dns, network, NULL);
    dns_guests_forget(&dns->guests, network);
    for (size_t i = 0; i < network->end_count; i++) {
        loop_timer_disarm(dns->loop, &network->ends[i].accept_timer);
        loop_unwatch(dns->loop, network->ends[i].udp);
        loop_unwatch(dns->loop, network->ends[i].tcp);
    }
    free(network);
}

DEFINE_CLEANUP(struct dns_network *, network_free)

static struct dns_network **find_link(struct dns *dns, const char *name)
{
    struct dns_network **link = &dns->networks;

    while (*link && strcmp((*link)->names.network->name, name) != 0)
        link = &(*link)->next;
    return link;
}

static int end_open(struct dns_end *end, struct dns_network *network, int udp_fd, int tcp_fd)
{
    struct loop *loop = network->dns->loop;
    int r;

    *end = (struct dns_end){.network = network, .udp_fd = udp_fd, .tcp_fd = tcp_fd};
    r = loop_watch(loop, udp_fd, EPOLLIN, udp_handler, end, &end->udp);
    return r < 0 ? r : loop_watch(loop, tcp_fd, EPOLLIN, tcp_handler, end, &end->tcp);
}

size_t dns_ends(const struct model_network *network)
{
    if (!model_mode_leads_out(network->mode))
        return 0;
    return (model_network_has_bridge(network) ? 2 : 1) + (network->subnet6.address.family != 0);
}

int dns_add(struct dns *dns, const struct model_network *network, const int *fds, struct tapnet_error *error)
{
    struct dns_network *added cleanup(cleanup_network_free) = NULL;
    struct dns_network **link = find_link(dns, network->name);
    int r = 0;

    if (*link)
        return error_set(error, -EEXIST, "DNS is served on network %s already", network->name);
    added = calloc(1, sizeof(*added));
    if (!added)
        return error_set(error, -ENOMEM, "out of memory");
    added->dns = dns;
    added->end_count = dns_ends(network);
    dns_names_init(&added->names, network);
    for (size_t i = 0; i < added->end_count && r == 0; i++)
        r = end_open(&added->ends[i], added, fds[2 * i], fds[2 * i + 1]);
    if (r < 0)
        return error_set_errno(error, r, "can't serve DNS on network %s", network->name);
    *link = take_pointer(added);
    return 0;
}

void dns_update(struct dns *dns, const struct model_network *network)
{
    struct dns_network *updated = *find_link(dns, network->name);

    if (updated)
        dns_names_init(&updated->names, network);
}

void dns_plug(struct dns *dns, const struct model_network *network)
{
    struct dns_network *updated = *find_link(dns, network->name);

    if (updated)
        dns_names_plug(&updated->names, network);
}

bool dns_unplug(struct dns *dns, const struct model_network *network, size_t place)
{
    struct dns_network *updated = *find_link(dns, network->name);

    return !updated || dns_names_unplug(&updated->names, place);
}

void dns_remove(struct dns *dns, const char *network)
{
    struct dns_network **link = find_link(dns, network);
    struct dns_network *removed = *link;
    size_t end_count = removed ? removed->end_count : 0;
    int fds[DNS_FDS];

    if (!removed)
        return;
    *link = removed->next;
    for (size_t i = 0; i < end_count; i++) {
        fds[2 * i] = removed->ends[i].udp_fd;
        fds[2 * i + 1] = removed->ends[i].tcp_fd;
    }
    network_free(removed);
    for (size_t i = 0; i < 2 * end_count; i++)
        close(fds[i]);
}

void dns_free(struct dns *dns)
{
    if (!dns)
        return;
    while (dns->networks)
        dns_remove(dns, dns->networks->names.network->name);
    free(dns);
}
