/* SPDX-License-Identifier: MIT */
/* What a DHCPv6 server with one fixed address a port says to one request. No state, no system calls. */
#include "service/dhcp6_answer.h"

#include <netinet/in.h>
#include <string.h>

#include "service/dhcp_answer.h"
#include "service/domains.h"

/*
 * How it works: RFC 8415, 18.3, for a server whose every client has one address, its port's:
 *
 *   SOLICIT                        ADVERTISE; with rapid commit REPLY
 *   REQUEST, RENEW, of ours        REPLY: the first IA has the address, others have none
 *   REBIND                         the same
 *   CONFIRM                        REPLY: is what the client has its port's address?
 *   RELEASE, DECLINE, of ours      REPLY: success; the address stays the port's
 *   INFORMATION-REQUEST            REPLY, without an address
 *
 * Addresses that a client says to have and has not are named with lifetimes of 0. We are known by the MAC of the bridge
 * (DUID-LL), which follows from the network's name: whoever serves after us is the same server.
 */

#define DUID_LINK_LAYER 3
#define ETHERNET 1
#define DUID_LEN 10
#define PREFERENCE_ALL 255 /* the client need not wait for another server */
#define HOPS 64

static struct dhcp6_answer verdict(enum dhcp6_type type, const char *event)
{
    return (struct dhcp6_answer){.type = type, .event = event};
}

static void server_id(const struct model_network *network, uint8_t ret[DUID_LEN])
{
    const uint8_t head[] = {0, DUID_LINK_LAYER, 0, ETHERNET};

    memcpy(ret, head, sizeof(head));
    memcpy(ret + sizeof(head), network->mac.bytes, 6);
}

static bool is_our_id(const struct model_network *network, const struct dhcp6_text *id)
{
    uint8_t ours[DUID_LEN];

    server_id(network, ours);
    return id->bytes && id->length == sizeof(ours) && memcmp(id->bytes, ours, sizeof(ours)) == 0;
}

/* Which messages a server must not answer: RFC 8415, 16. */
static struct dhcp6_answer decide(const struct model_network *network, const struct dhcp6_request *request)
{
    bool ours = is_our_id(network, &request->server_id);

    if (!request->client_id.bytes && request->type != DHCP6_INFORMATION_REQUEST)
        return verdict(0, "dropped: without a client identifier");
    switch (request->type) {
    case DHCP6_SOLICIT:
        if (request->server_id.bytes)
            return verdict(0, "dropped: a solicitation of one server");
        return request->rapid_commit ? verdict(DHCP6_REPLY, "lease at once") : verdict(DHCP6_ADVERTISE, "offer");
    case DHCP6_REQUEST:
        return ours ? verdict(DHCP6_REPLY, "lease") : verdict(0, "took another server's offer");
    case DHCP6_RENEW:
        return ours ? verdict(DHCP6_REPLY, "lease renewed") : verdict(0, "renews another server's lease");
    case DHCP6_REBIND:
        return request->server_id.bytes ? verdict(0, "dropped: rebinds with one server")
                                        : verdict(DHCP6_REPLY, "lease taken over");
    case DHCP6_CONFIRM:
        if (request->server_id.bytes || !request->address_count || !request->addresses[0].address_count)
            return verdict(0, "dropped: confirms nothing");
        return verdict(DHCP6_REPLY, "lease confirmed");
    case DHCP6_RELEASE:
        return ours ? verdict(DHCP6_REPLY, "released") : verdict(0, "releases another server's lease");
    case DHCP6_DECLINE:
        return ours ? verdict(DHCP6_REPLY, "declined: the guest says that another one uses its address")
                    : verdict(0, "declines another server's lease");
    case DHCP6_INFORMATION_REQUEST:
        if ((request->server_id.bytes && !ours) || request->address_count || request->prefix_count)
            return verdict(0, "dropped: asks another one, or for an address too");
        return verdict(DHCP6_REPLY, "informed");
    default:
        return verdict(0, "not a client's message");
    }
}

static void put_address(struct dhcp6_writer *writer, const uint8_t address[16], uint32_t lifetime)
{
    size_t begun = dhcp6_begin(writer, DHCP6_OPTION_IA_ADDRESS);

    dhcp6_put_raw(writer, address, 16);
    dhcp6_put_raw_u32(writer, lifetime); /* preferred */
    dhcp6_put_raw_u32(writer, lifetime); /* valid */
    dhcp6_end(writer, begun);
}

/* @address: what it gets, if it is the one that gets one; else NULL. */
static void put_ia(struct dhcp6_writer *writer, const struct dhcp6_ia *ia, const struct ip_address *address)
{
    size_t begun = dhcp6_begin(writer, DHCP6_OPTION_IA_NA);

    dhcp6_put_raw_u32(writer, ia->id);
    dhcp6_put_raw_u32(writer, address ? DHCP_T1 : 0);
    dhcp6_put_raw_u32(writer, address ? DHCP_T2 : 0);
    if (address)
        put_address(writer, address->bytes, DHCP_LEASE);
    for (size_t i = 0; i < ia->address_count; i++)
        if (!address || memcmp(ia->addresses[i], address->bytes, 16) != 0)
            put_address(writer, ia->addresses[i], 0);
    if (!address)
        dhcp6_put_status(writer, DHCP6_NO_ADDRESSES, "a port has one address");
    dhcp6_end(writer, begun);
}

static void put_addresses(struct dhcp6_writer *writer, const struct dhcp6_request *request,
                          const struct ip_address *address)
{
    for (size_t i = 0; i < request->address_count; i++)
        put_ia(writer, &request->addresses[i], i == 0 ? address : NULL);
    for (size_t i = 0; i < request->prefix_count; i++) {
        size_t begun = dhcp6_begin(writer, DHCP6_OPTION_IA_PD);

        dhcp6_put_raw_u32(writer, request->prefixes[i]);
        dhcp6_put_raw_u32(writer, 0);
        dhcp6_put_raw_u32(writer, 0);
        dhcp6_put_status(writer, DHCP6_NO_PREFIX, "a port has one address, and no prefix");
        dhcp6_end(writer, begun);
    }
}

/* All addresses of the client must be its port's @address. */
static void put_confirmation(struct dhcp6_writer *writer, const struct dhcp6_request *request,
                             const struct ip_address *address)
{
    bool right = true;

    for (size_t i = 0; i < request->address_count; i++)
        for (size_t j = 0; j < request->addresses[i].address_count; j++)
            right &= memcmp(request->addresses[i].addresses[j], address->bytes, 16) == 0;
    dhcp6_put_status(writer, right ? DHCP6_SUCCESS : DHCP6_NOT_ON_LINK, right ? "" : "not the address of this port");
}

static void put_parameters(struct dhcp6_writer *writer, const struct dhcp6_request *request,
                           const struct model_network *network, const struct model_port *port)
{
    uint8_t domains[DOMAINS_MAX];

    if (network->dns_port && (!request->has_oro || request->wants_dns))
        dhcp6_put(writer, DHCP6_OPTION_DNS, network->subnet6.address.bytes, 16);
    if (network->dns_port && (!request->has_oro || request->wants_domains))
        dhcp6_put(writer, DHCP6_OPTION_DOMAINS, domains, domains_encode(network, port, domains));
    if (request->type == DHCP6_INFORMATION_REQUEST && (!request->has_oro || request->wants_refresh_time))
        dhcp6_put_u32(writer, DHCP6_OPTION_REFRESH_TIME, DHCP_T1);
}

static void put_message(struct dhcp6_writer *writer, const struct model_network *network, const struct model_port *port,
                        const struct dhcp6_request *request, enum dhcp6_type type)
{
    const struct ip_address *address = model_port_inside6(network, port);
    uint8_t id[DUID_LEN];

    dhcp6_put_header(writer, type, request->transaction);
    if (request->client_id.bytes)
        dhcp6_put(writer, DHCP6_OPTION_CLIENT_ID, request->client_id.bytes, request->client_id.length);
    server_id(network, id);
    dhcp6_put(writer, DHCP6_OPTION_SERVER_ID, id, sizeof(id));
    if (type == DHCP6_ADVERTISE)
        dhcp6_put(writer, DHCP6_OPTION_PREFERENCE, &(const uint8_t){PREFERENCE_ALL}, 1);
    if (request->type == DHCP6_SOLICIT && type == DHCP6_REPLY)
        dhcp6_put(writer, DHCP6_OPTION_RAPID_COMMIT, NULL, 0);
    if (request->type == DHCP6_CONFIRM)
        put_confirmation(writer, request, address);
    else if (request->type == DHCP6_RELEASE || request->type == DHCP6_DECLINE)
        dhcp6_put_status(writer, DHCP6_SUCCESS, "");
    else
        put_addresses(writer, request, address);
    put_parameters(writer, request, network, port);
}

struct dhcp6_answer dhcp6_answer(const struct model_network *network, const struct model_port *port,
                                 const struct frame6 *packet, const struct dhcp6_request *request, uint8_t *frame)
{
    struct dhcp6_writer writer = {.bytes = frame + FRAME6_UDP_AT, .size = DHCP6_REPLY_MAX};
    struct dhcp6_answer answer = decide(network, request);
    struct frame6 reply = {
        .source_mac = model_network_has_bridge(network) ? network->mac : port->mac, /* as Neighbour Discovery says */
        .destination_mac = packet->source_mac,
        .protocol = IPPROTO_UDP,
        .hop_limit = HOPS,
        .source_port = DHCP6_SERVER_PORT,
        .destination_port = DHCP6_CLIENT_PORT,
    };

    if (!answer.type)
        return answer;
    put_message(&writer, network, port, request, answer.type);
    if (writer.overflow)
        return verdict(0, "dropped: asks for more than a reply holds");
    memcpy(reply.source, model_router6.address.bytes, sizeof(reply.source));
    memcpy(reply.destination, packet->source, sizeof(reply.destination));
    reply.payload_len = writer.length;
    answer.frame_len = frame6_build(frame, &reply);
    return answer;
}
