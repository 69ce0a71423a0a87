/* SPDX-License-Identifier: MIT */
/* A packet as a line of text, in the words of tcpdump. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <tapnet/watch.h>

#include "base/array.h"
#include "packet/packet.h"

#define ADDRESS_MAX INET6_ADDRSTRLEN
#define MAC_MAX 18
#define VLANS_MAX 2

/* The line under construction: what does not fit is counted and left out. */
struct line {
    char *text;
    size_t size, len;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
    bool fits = line->len < line->size;
    va_list arguments;
    int added;

    va_start(arguments, format);
    added = vsnprintf(fits ? line->text + line->len : NULL, fits ? line->size - line->len : 0, format, arguments);
    va_end(arguments);
    line->len += added > 0 ? (size_t)added : 0;
}

static const char *print_mac(const uint8_t mac[6], char text[MAC_MAX])
{
    snprintf(text, MAC_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return text;
}

static const char *print_address(const uint8_t *address, uint8_t version, char text[ADDRESS_MAX])
{
    return inet_ntop(version == 4 ? AF_INET : AF_INET6, address, text, ADDRESS_MAX);
}

/* ---- ICMP ---- */

static void put_echo(struct line *line, const struct tapnet_icmp *icmp, const char *what)
{
    put(line, "%s, id %u, seq %u", what, icmp->id, icmp->sequence);
}

static void put_icmp4(struct line *line, const struct tapnet_icmp *icmp)
{
    static const char *const unreachable[] = {
        "net", "host", "protocol", "port", "unreachable - need to frag", "source route failed"};

    put(line, "ICMP ");
    if (icmp->type == 8 || icmp->type == 0)
        put_echo(line, icmp, icmp->type ? "echo request" : "echo reply");
    else if (icmp->type == 3 && icmp->code < 4)
        put(line, "%s unreachable", unreachable[icmp->code]);
    else if (icmp->type == 3 && icmp->code == 4)
        put(line, "%s (mtu %u)", unreachable[4], icmp->sequence);
    else if (icmp->type == 11)
        put(line, "time exceeded in-transit");
    else
        put(line, "type %u code %u", icmp->type, icmp->code);
}

static void put_nd(struct line *line, const uint8_t *bytes, size_t len)
{
    char address[ADDRESS_MAX];
    struct tapnet_nd nd;

    if (tapnet_nd_parse(bytes, len, &nd) < 0)
        put(line, "[bad neighbor discovery]");
    else
        put(line, nd.advertisement ? "neighbor advertisement, tgt is %s" : "neighbor solicitation, who has %s",
            print_address(nd.target, 6, address));
}

static void put_icmp6(struct line *line, const struct tapnet_icmp *icmp, const uint8_t *bytes, size_t len)
{
    static const struct {
        uint8_t type;
        const char *words;
    } rows[] = {
        {1, "destination unreachable"},        {2, "packet too big"},
        {3, "time exceeded in-transit"},       {4, "parameter problem"},
        {130, "multicast listener query"},     {131, "multicast listener report"},
        {132, "multicast listener done"},      {133, "router solicitation"},
        {134, "router advertisement"},         {137, "redirect"},
        {143, "multicast listener report v2"},
    };

    put(line, "ICMP6, ");
    if (icmp->type == 128 || icmp->type == 129) {
        put_echo(line, icmp, icmp->type == 128 ? "echo request" : "echo reply");
        return;
    }
    if (icmp->type == 135 || icmp->type == 136) {
        put_nd(line, bytes, len);
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (rows[i].type == icmp->type) {
            put(line, "%s", rows[i].words);
            return;
        }
    put(line, "type %u code %u", icmp->type, icmp->code);
}

/* ---- TCP ---- */

static void put_tcp(struct line *line, const struct tapnet_tcp *tcp, size_t payload_len)
{
    static const struct {
        unsigned flag;
        char letter;
    } rows[] = {
        {TAPNET_TCP_FIN, 'F'}, {TAPNET_TCP_SYN, 'S'}, {TAPNET_TCP_RST, 'R'},
        {TAPNET_TCP_PSH, 'P'}, {TAPNET_TCP_URG, 'U'}, {TAPNET_TCP_ECE, 'E'},
        {TAPNET_TCP_CWR, 'W'}, {TAPNET_TCP_AE, 'e'},  {TAPNET_TCP_ACK, '.'},
    };

    put(line, "Flags [");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (tcp->flags & rows[i].flag)
            put(line, "%c", rows[i].letter);
    put(line, "], seq %u", tcp->sequence);
    if (payload_len)
        put(line, ":%u", tcp->sequence + (uint32_t)payload_len);
    if (tcp->flags & TAPNET_TCP_ACK)
        put(line, ", ack %u", tcp->acknowledgement);
    put(line, ", win %u", tcp->window);
}

/* ---- IP ---- */

/* A packet that was taken apart. */
struct packet {
    const uint8_t *bytes;
    struct tapnet_layout layout;
};

/* "a.80 > b.1234: ", with ports where there are some. */
static void put_ends(struct line *line, const struct packet *packet, const uint16_t *ports)
{
    char source[ADDRESS_MAX], destination[ADDRESS_MAX];
    uint8_t version = packet->layout.version;
    size_t len;
    const uint8_t *addresses = packet_addresses(packet->bytes + packet->layout.network, version, &len);

    print_address(addresses, version, source);
    print_address(addresses + len, version, destination);
    put(line, version == 4 ? "IP " : "IP6 ");
    if (ports)
        put(line, "%s.%u > %s.%u: ", source, ports[0], destination, ports[1]);
    else
        put(line, "%s > %s: ", source, destination);
}

static void put_other(struct line *line, const struct packet *packet)
{
    const struct tapnet_layout *layout = &packet->layout;

    put_ends(line, packet, NULL);
    if (layout->fragment)
        put(line, "fragment of protocol %u, length %zu", layout->protocol, layout->end - layout->transport);
    else
        put(line, "protocol %u, length %zu", layout->protocol, layout->end - layout->transport);
}

static bool put_transport(struct line *line, const struct packet *packet)
{
    const struct tapnet_layout *layout = &packet->layout;
    const uint8_t *bytes = packet->bytes + layout->transport;
    size_t len = layout->end - layout->transport, payload_len = layout->end - layout->payload;
    struct tapnet_icmp icmp;
    struct tapnet_tcp tcp;
    struct tapnet_udp udp;

    if (layout->fragment)
        return false;
    if (layout->protocol == IPPROTO_TCP && tapnet_tcp_parse(bytes, len, &tcp) >= 0) {
        put_ends(line, packet, (uint16_t[]){tcp.source_port, tcp.destination_port});
        put_tcp(line, &tcp, payload_len);
        put(line, ", length %zu", payload_len);
        return true;
    }
    if (layout->protocol == IPPROTO_UDP && tapnet_udp_parse(bytes, len, &udp) >= 0) {
        put_ends(line, packet, (uint16_t[]){udp.source_port, udp.destination_port});
        put(line, "UDP, length %zu", payload_len);
        return true;
    }
    if (layout->protocol != (layout->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) ||
        tapnet_icmp_parse(bytes, len, &icmp) < 0)
        return false;
    put_ends(line, packet, NULL);
    if (layout->version == 4)
        put_icmp4(line, &icmp);
    else
        put_icmp6(line, &icmp, bytes, len);
    put(line, ", length %zu", len);
    return true;
}

/* ---- Ethernet ---- */

static void put_arp(struct line *line, const uint8_t *bytes, size_t len)
{
    char sender[ADDRESS_MAX], target[ADDRESS_MAX], mac[MAC_MAX];
    struct tapnet_arp arp;

    if (tapnet_arp_parse(bytes, len, &arp) < 0) {
        put(line, "ARP, [not for IPv4 over Ethernet], length %zu", len);
        return;
    }
    print_address(arp.sender, 4, sender);
    print_address(arp.target, 4, target);
    if (arp.operation == 1)
        put(line, "ARP, Request who-has %s tell %s, length %zu", target, sender, len);
    else if (arp.operation == 2)
        put(line, "ARP, Reply %s is-at %s, length %zu", sender, print_mac(arp.sender_mac, mac), len);
    else
        put(line, "ARP, operation %u, length %zu", arp.operation, len);
}

/* What stands behind the Ethernet header and before the network layer. */
static void put_tags(struct line *line, const struct packet *packet)
{
    struct tapnet_vlan tag;

    for (unsigned i = 0; i < packet->layout.vlan_count && i < VLANS_MAX; i++) {
        const uint8_t *bytes = packet->bytes + TAPNET_ETHERNET_LEN + (size_t)i * TAPNET_VLAN_LEN;

        if (tapnet_vlan_parse(bytes, TAPNET_VLAN_LEN, &tag) >= 0)
            put(line, "vlan %u, p %u, ", tag.id, tag.priority);
    }
}

static void put_frame(struct line *line, const struct packet *packet, size_t len)
{
    char source[MAC_MAX], destination[MAC_MAX];

    put(line, "%s > %s, ethertype 0x%04x, length %zu", print_mac(packet->bytes + 6, source),
        print_mac(packet->bytes, destination), packet->layout.type, len);
}

API size_t tapnet_packet_print(const void *bytes, size_t len, enum tapnet_device_kind kind, char *text, size_t size)
{
    struct line line = {text, size, 0};
    struct packet packet = {.bytes = bytes};

    if (size)
        text[0] = '\0';
    if (tapnet_layout_parse(bytes, len, kind, &packet.layout) < 0) {
        put(&line, "[cut off or malformed], length %zu", len);
        return line.len;
    }
    put_tags(&line, &packet);
    if (packet.layout.version && put_transport(&line, &packet))
        return line.len;
    if (packet.layout.version)
        put_other(&line, &packet);
    else if (packet.layout.type == ETH_P_ARP)
        put_arp(&line, packet.bytes + packet.layout.network, len - packet.layout.network);
    else if (kind == TAPNET_TAP)
        put_frame(&line, &packet, len);
    else
        put(&line, "[no IP], length %zu", len);
    return line.len;
}
