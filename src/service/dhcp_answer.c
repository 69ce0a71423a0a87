/* SPDX-License-Identifier: MIT */
/* What a DHCPv4 server with one fixed address a port says to one request. No state, no system calls. */
#include "service/dhcp_answer.h"

#include <string.h>
#include <sys/socket.h>

#include "packet/bytes.h"
#include "packet/udp4.h"

/*
 * How it works: RFC 2131, 4.3, for a server whose every client has one address, its port's:
 *
 *   DISCOVER                                        OFFER
 *   REQUEST, server id (selecting)                  another server's: nothing; our address: ACK; another: NAK
 *   REQUEST, no server id, option 50 (init-reboot)  our address: ACK; another: NAK
 *   REQUEST, neither, ciaddr (renewing, rebinding)  our address: ACK; another: NAK
 *   INFORM from our address                         ACK without address and times
 *   RELEASE, DECLINE                                nothing: the address stays the port's
 *
 * What came through a relay (giaddr) is not ours to answer: no relay stands between a port and its bridge.
 */

#define DHCP_BOOTREPLY 2
#define IP_DATAGRAM_DEFAULT 576 /* RFC 2131: what every client takes */
#define IP_DATAGRAM_MAX 1500    /* more than that no reply of ours needs */
#define IP_UDP_LEN (UDP4_IP_LEN + UDP4_UDP_LEN)
#define BROADCAST 0xffffffffu

static const struct mac broadcast_mac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

/* A verdict without a frame yet. */
static struct dhcp_answer verdict(enum dhcp_type type, const char *event)
{
    return (struct dhcp_answer){.type = type, .event = event};
}

static struct dhcp_answer decide_request(const struct dhcp_request *request, uint32_t server, uint32_t address)
{
    uint32_t wanted = request->requested ? request->requested : request->ciaddr;

    if (request->server && request->server != server)
        return verdict(0, "took another server's offer");
    if (!wanted)
        return verdict(0, "request names no address");
    if (wanted != address)
        return verdict(DHCP_NAK, "refused: not the port's address");
    if (request->server)
        return verdict(DHCP_ACK, "lease");
    return verdict(DHCP_ACK, request->requested ? "lease confirmed" : "lease renewed");
}

static struct dhcp_answer decide(const struct dhcp_request *request, uint32_t server, uint32_t address)
{
    if (request->giaddr)
        return verdict(0, "relayed message ignored");
    switch (request->type) {
    case DHCP_DISCOVER:
        return verdict(DHCP_OFFER, "offer");
    case DHCP_REQUEST:
        return decide_request(request, server, address);
    case DHCP_INFORM:
        if (request->ciaddr != address)
            return verdict(0, "inform from another address ignored");
        return verdict(DHCP_ACK, "informed");
    case DHCP_RELEASE:
        return verdict(0, "released");
    case DHCP_DECLINE:
        return verdict(0, "declined: the guest says that another one uses its address");
    default:
        return verdict(0, "not a client's message");
    }
}

/* IPv4 addresses of a list, as one option. */
static void put_addresses(struct dhcp_writer *writer, enum dhcp_option option, const struct ip_address *addresses,
                          size_t count)
{
    uint8_t bytes[MODEL_LIST_MAX * 4];
    size_t length = 0;

    for (size_t i = 0; i < count && length < sizeof(bytes); i++) {
        if (addresses[i].family != AF_INET)
            continue;
        memcpy(bytes + length, addresses[i].bytes, 4);
        length += 4;
    }
    if (length)
        dhcp_put(writer, option, bytes, length);
}

/* Router and classless static routes: RFC 3442 wants the default route in option 121 too, since 3 is ignored then. */
static void put_routes(struct dhcp_writer *writer, const struct dhcp_request *request, uint32_t gateway)
{
    uint8_t routes[5] = {0}; /* a prefix of no bits, via the gateway */

    bytes_put_be32(routes + 1, gateway);
    if (dhcp_request_wants(request, DHCP_OPTION_ROUTER))
        dhcp_put_u32(writer, DHCP_OPTION_ROUTER, gateway);
    if (dhcp_request_wants(request, DHCP_OPTION_ROUTES))
        dhcp_put(writer, DHCP_OPTION_ROUTES, routes, sizeof(routes));
}

/* The network's name first, so that the bare name of a neighbour is found first. */
static void put_search(struct dhcp_writer *writer, const struct model_network *network, const struct model_port *port)
{
    const struct model_dhcp *dhcp = port->dhcp.search_count ? &port->dhcp : &network->dhcp;
    const char *names[MODEL_LIST_MAX + 1] = {network->name};
    size_t count = 1;

    for (size_t i = 0; i < dhcp->search_count && i < MODEL_LIST_MAX; i++)
        names[count++] = dhcp->search[i];
    dhcp_put_search(writer, names, count);
}

/* What a network boot needs: as options, and in the fixed fields, which are all that some boot ROMs read. */
static void put_boot(struct dhcp_writer *writer, const struct dhcp_request *request,
                     const struct model_network *network, const struct model_port *port)
{
    const struct model_dhcp *dhcp = &port->dhcp;
    const struct ip_address *server = dhcp->boot_server.family ? &dhcp->boot_server : &network->dhcp.boot_server;
    const char *file = dhcp->boot_file ? dhcp->boot_file : network->dhcp.boot_file;
    char text[IP_TEXT_MAX];

    if (server->family == AF_INET) {
        memcpy(writer->bytes + DHCP_SIADDR, server->bytes, 4);
        if (dhcp_request_wants(request, DHCP_OPTION_BOOT_SERVER))
            dhcp_put_text(writer, DHCP_OPTION_BOOT_SERVER, ip_address_print(server, text));
    }
    if (!file)
        return;
    if (strlen(file) < DHCP_FILE_LEN)
        memcpy(writer->bytes + DHCP_FILE, file, strlen(file));
    if (dhcp_request_wants(request, DHCP_OPTION_BOOT_FILE))
        dhcp_put_text(writer, DHCP_OPTION_BOOT_FILE, file);
}

/* What the client may ask for, the most needed first, as long as there is room. */
static void put_parameters(struct dhcp_writer *writer, const struct dhcp_request *request,
                           const struct model_network *network, const struct model_port *port)
{
    uint32_t gateway = ip4_value(&network->subnet.address);
    struct ip_address broadcast = ip4_broadcast(&network->subnet);
    bool leads_out = model_mode_leads_out(network->mode);

    if (leads_out)
        put_routes(writer, request, gateway);
    if (leads_out && dhcp_request_wants(request, DHCP_OPTION_DNS))
        dhcp_put_u32(writer, DHCP_OPTION_DNS, gateway);
    if (network->mtu && network->mtu <= UINT16_MAX && dhcp_request_wants(request, DHCP_OPTION_MTU))
        dhcp_put_u16(writer, DHCP_OPTION_MTU, (uint16_t)network->mtu);
    if (dhcp_request_wants(request, DHCP_OPTION_HOSTNAME))
        dhcp_put_text(writer, DHCP_OPTION_HOSTNAME, port->hostname[0] ? port->hostname : port->name);
    if (leads_out && dhcp_request_wants(request, DHCP_OPTION_DOMAIN))
        dhcp_put_text(writer, DHCP_OPTION_DOMAIN, network->name);
    if (dhcp_request_wants(request, DHCP_OPTION_BROADCAST))
        dhcp_put_u32(writer, DHCP_OPTION_BROADCAST, ip4_value(&broadcast));
    put_boot(writer, request, network, port);
    if (dhcp_request_wants(request, DHCP_OPTION_NTP)) {
        const struct model_dhcp *dhcp = port->dhcp.ntp_count ? &port->dhcp : &network->dhcp;

        put_addresses(writer, DHCP_OPTION_NTP, dhcp->ntp, dhcp->ntp_count);
    }
    if (leads_out && dhcp_request_wants(request, DHCP_OPTION_SEARCH))
        put_search(writer, network, port);
}

static void put_times(struct dhcp_writer *writer)
{
    dhcp_put_u32(writer, DHCP_OPTION_LEASE_TIME, DHCP_LEASE);
    dhcp_put_u32(writer, DHCP_OPTION_T1, DHCP_T1);
    dhcp_put_u32(writer, DHCP_OPTION_T2, DHCP_T2);
}

/* The message's fixed part. */
static void put_fixed(uint8_t *message, const struct dhcp_request *request, enum dhcp_type type, uint32_t address)
{
    memset(message, 0, DHCP_OPTIONS);
    message[DHCP_OP] = DHCP_BOOTREPLY;
    message[DHCP_HTYPE] = 1; /* Ethernet */
    message[DHCP_HLEN] = sizeof(request->chaddr.bytes);
    bytes_put_be32(message + DHCP_XID, request->xid);
    bytes_put_be16(message + DHCP_FLAGS, request->flags & DHCP_FLAG_BROADCAST);
    if (type == DHCP_ACK)
        bytes_put_be32(message + DHCP_CIADDR, request->ciaddr);
    if (type != DHCP_NAK && request->type != DHCP_INFORM)
        bytes_put_be32(message + DHCP_YIADDR, address);
    memcpy(message + DHCP_CHADDR, request->chaddr.bytes, sizeof(request->chaddr.bytes));
    bytes_put_be32(message + DHCP_COOKIE, DHCP_COOKIE_VALUE);
}

/* How long the message may be: the client's limit and the network's, never below what every client takes. */
static size_t message_size(const struct dhcp_request *request, const struct model_network *network)
{
    size_t size = request->message_size > IP_DATAGRAM_DEFAULT ? request->message_size : IP_DATAGRAM_DEFAULT;

    if (network->mtu >= IP_DATAGRAM_DEFAULT && size > network->mtu)
        size = network->mtu;
    if (size > IP_DATAGRAM_MAX)
        size = IP_DATAGRAM_MAX;
    return size - IP_UDP_LEN;
}

/* Writes the message of @type. Returns its length. */
static size_t put_message(uint8_t *message, const struct model_network *network, const struct model_port *port,
                          const struct dhcp_request *request, enum dhcp_type type)
{
    struct dhcp_writer writer = {.bytes = message, .length = DHCP_OPTIONS, .size = message_size(request, network)};

    put_fixed(message, request, type, ip4_value(model_port_inside(network, port)));
    dhcp_put_byte(&writer, DHCP_OPTION_TYPE, (uint8_t)type);
    dhcp_put_u32(&writer, DHCP_OPTION_SERVER, ip4_value(&network->subnet.address));
    if (request->client_id.length) /* RFC 6842 */
        dhcp_put(&writer, DHCP_OPTION_CLIENT_ID, request->client_id.bytes, request->client_id.length);
    if (type == DHCP_NAK) {
        dhcp_put_text(&writer, DHCP_OPTION_MESSAGE, "not the address of this port");
        return dhcp_put_end(&writer);
    }
    if (request->type != DHCP_INFORM)
        put_times(&writer);
    /* Which netmask the guest has is not for it to choose; only who informs itself has one already. */
    if (request->type != DHCP_INFORM || dhcp_request_wants(request, DHCP_OPTION_NETMASK))
        dhcp_put_u32(&writer, DHCP_OPTION_NETMASK, network->subnet.length ? ~0u << (32 - network->subnet.length) : 0);
    put_parameters(&writer, request, network, port);
    return dhcp_put_end(&writer);
}

/* Where the reply goes: RFC 2131, 4.1. It reaches this port only, whatever the address. */
static void address_reply(struct udp4 *packet, const struct dhcp_request *request, enum dhcp_type type,
                          uint32_t address)
{
    bool unicast = type != DHCP_NAK && (request->ciaddr == address || !(request->flags & DHCP_FLAG_BROADCAST));

    packet->destination = unicast ? address : BROADCAST;
    packet->destination_mac = unicast ? request->chaddr : broadcast_mac;
}

struct dhcp_answer dhcp_answer(const struct model_network *network, const struct model_port *port,
                               const struct dhcp_request *request, uint8_t *frame)
{
    uint32_t server = ip4_value(&network->subnet.address), address = ip4_value(model_port_inside(network, port));
    struct dhcp_answer answer = decide(request, server, address);
    struct udp4 packet = {
        .source_mac = model_network_has_bridge(network) ? network->mac : port->mac, /* as ARP says */
        .source = server,
        .source_port = DHCP_SERVER_PORT,
        .destination_port = DHCP_CLIENT_PORT,
    };

    if (!answer.type)
        return answer;
    packet.payload_len = put_message(frame + UDP4_HEADERS_LEN, network, port, request, answer.type);
    address_reply(&packet, request, answer.type, address);
    answer.frame_len = udp4_build(frame, &packet);
    return answer;
}
