/* SPDX-License-Identifier: MIT */
/* What the guards' sets are: name, table, key, data. */
#include "guard/guard.h"

#define IFNAME GUARD_FIELD_IFNAME
#define MAC GUARD_FIELD_MAC
#define IP4 GUARD_FIELD_IP4
#define PORT GUARD_FIELD_PORT
#define MARK GUARD_FIELD_MARK
#define REFUSED_MSEC (3 * 60 * 1000) /* who gets no answer asks again before that */
#define ERRORS_MSEC (10 * 1000)
#define REFUSED6_MOST 8192 /* a guest that may use any MAC could fill memory with counters else */
#define PROTOCOL GUARD_FIELD_PROTOCOL
#define IP4_PORT GUARD_FIELD_IP4_PORT
#define TO GUARD_FIELD_TO
#define IP6 GUARD_FIELD_IP6
#define IP6_PORT GUARD_FIELD_IP6_PORT
#define FAMILY GUARD_FIELD_FAMILY
#define RAW_MIDDLE GUARD_FIELD_RAW_MIDDLE
#define RAW_END GUARD_FIELD_RAW_END
#define RAW_IP6 GUARD_FIELD_RAW_IP6
#define RAW_IP4 GUARD_FIELD_RAW_IP4

const struct guard_schema guard_schemas[GUARD_SET_COUNT] = {
    [GUARD_NETWORKS] = {"networks", GUARD_INET, {IFNAME}, 0, "every bridge and every port of ours"},
    [GUARD_BRIDGED] = {"bridged", GUARD_INET, {IFNAME, IFNAME}, 0, "frames between two ports of one bridge"},
    [GUARD_EGRESS] = {"egress", GUARD_INET, {IFNAME, IFNAME}, 0, "network and the uplink it may go out by"},
    [GUARD_GATEWAYS] = {"gateways", GUARD_INET, {IFNAME, IP4}, 0, "network and the host's address in it"},
    [GUARD_DNS_PORTS] = {"dns_ports", GUARD_INET, {IFNAME, IP4}, PORT, "port that the DNS service really listens on"},
    [GUARD_DNS_SERVED] = {"dns_served", GUARD_INET, {IFNAME, IP4, PORT}, 0, "where guests reach the DNS service"},
    [GUARD_PATHS] = {"paths", GUARD_INET, {IFNAME, IFNAME}, 0, "way in and way out of known connections"},
    [GUARD_CLOSED] = {"closed", GUARD_INET, {IFNAME}, 0, "forwards for our networks only"},
    [GUARD_ROUTED_PORTS] = {"routed_ports", GUARD_INET, {IFNAME}, 0, "every port of a routed network"},
    [GUARD_ROUTED_ADDRESSES] =
        {"routed_addresses", GUARD_INET, {IFNAME, MAC, IP4}, 0, "port, its guest's MAC and an address it may use"},
    [GUARD_ROUTED_MACS] = {"routed_macs", GUARD_INET, {IFNAME, MAC}, 0, "port and its guest's MAC"},
    [GUARD_ROUTED_ANY_MAC_ADDRESSES] =
        {"routed_any_mac_addresses", GUARD_INET, {IFNAME, IP4}, 0, "port with any MAC and an address of its guest"},
    [GUARD_ROUTED_ANY_MAC_PORTS] =
        {"routed_any_mac_ports", GUARD_INET, {IFNAME}, 0, "ports whose guests may use any MAC"},
    [GUARD_WAYS] = {"ways", GUARD_INET, {IFNAME, IFNAME}, 0, "port and uplink of a routed network, both directions"},
    [GUARD_ROUTED_BLOCKED] =
        {"routed_blocked", GUARD_INET, {IFNAME}, 0, "what was dropped of what a port sent", true, 0},
    [GUARD_PEERS] = {"peers", GUARD_INET, {IP4, IP4, TO, IP4, IP4}, 0, "source and destination in one routed network"},
    [GUARD_FORWARDS] = {"forwards", GUARD_INET, {PROTOCOL, PORT}, IP4_PORT, "port of the host, guest and its port"},
    [GUARD_BOUND_FORWARDS] =
        {"bound_forwards", GUARD_INET, {IP4, PROTOCOL, PORT}, IP4_PORT, "the same by one address of the host"},
    [GUARD_FORWARD_RANGES] = {"forward_ranges",
                              GUARD_INET,
                              {IP4, PROTOCOL, PORT, TO, IP4, PROTOCOL, PORT},
                              IP4,
                              "ports of the host, guest with the same"},
    [GUARD_PUBLISHED] = {"published", GUARD_INET, {IP4}, 0, "guests that forwards lead to"},
    [GUARD_SUBNETS] =
        {"subnets", GUARD_INET, {IFNAME, IP4, TO, IFNAME, IP4}, 0, "network and the addresses of its subnet"},
    [GUARD_APART] = {"apart", GUARD_INET, {IFNAME, IFNAME}, 0, "networks whose ports do not see each other"},
    [GUARD_PORTS] = {"ports", GUARD_BRIDGE, {IFNAME}, 0, "every port of ours"},
    [GUARD_PORT_ADDRESSES] = {"port_addresses",
                              GUARD_BRIDGE,
                              {IFNAME, MAC, IP4},
                              0,
                              "port, its guest's MAC and an address it may use",
                              true,
                              0},
    [GUARD_PORT_MACS] = {"port_macs", GUARD_BRIDGE, {IFNAME, MAC}, 0, "port and its guest's MAC", true, 0},
    [GUARD_ANY_MAC_ADDRESSES] =
        {"any_mac_addresses", GUARD_BRIDGE, {IFNAME, IP4}, 0, "port with any MAC and an address its guest may use"},
    [GUARD_ANY_MAC_PORTS] = {"any_mac_ports", GUARD_BRIDGE, {IFNAME}, 0, "ports whose guests may use any MAC"},
    [GUARD_EGRESS6] = {"egress6", GUARD_INET, {IFNAME, IFNAME}, 0, "network and the uplink its IPv6 may go out by"},
    [GUARD_MASQUERADE6] =
        {"masquerade6", GUARD_INET, {IFNAME, IFNAME}, 0, "network and the uplink it goes out by with the host's IPv6"},
    [GUARD_PATHS6] = {"paths6", GUARD_INET, {IFNAME, IFNAME}, 0, "way in and way out of known connections of IPv6"},
    [GUARD_GATEWAYS6] = {"gateways6", GUARD_INET, {IFNAME, IP6}, 0, "network and the host's IPv6 address in it"},
    [GUARD_DNS_PORTS6] =
        {"dns_ports6", GUARD_INET, {IFNAME, IP6}, IP6_PORT, "where the DNS service really listens by IPv6"},
    [GUARD_DNS_SERVED6] =
        {"dns_served6", GUARD_INET, {IFNAME, IP6, PORT}, 0, "where guests reach the DNS service by IPv6"},
    [GUARD_CLOSED6] = {"closed6", GUARD_INET, {IFNAME}, 0, "forwards IPv6 for our networks only"},
    [GUARD_CLOSED_FAMILIES] = {"closed_families", GUARD_INET, {FAMILY}, 0, "forwarded for our networks only"},
    [GUARD_LEARNING6] = {"learning6", GUARD_INET, {IFNAME}, 0, "links whose accept_ra was 1"},
    [GUARD_ROUTERS6] = {"routers6", GUARD_INET, {IFNAME}, 0, "links whose forwarding of IPv6 was 0"},
    [GUARD_PROXIES6] = {"proxies6", GUARD_INET, {IFNAME}, 0, "links whose proxy_ndp was 0"},
    [GUARD_FORWARDS6] =
        {"forwards6", GUARD_INET, {PROTOCOL, PORT}, IP6_PORT, "port of the host, guest and its port, by IPv6"},
    [GUARD_BOUND_FORWARDS6] =
        {"bound_forwards6", GUARD_INET, {IP6, PROTOCOL, PORT}, IP6_PORT, "the same by one IPv6 address of the host"},
    [GUARD_FORWARD_RANGES6] = {"forward_ranges6",
                               GUARD_INET,
                               {IP6, PROTOCOL, PORT, TO, IP6, PROTOCOL, PORT},
                               IP6,
                               "ports of the host, guest with the same, by IPv6"},
    [GUARD_PUBLISHED6] = {"published6", GUARD_INET, {IP6}, 0, "guests that forwards lead to by IPv6"},
    [GUARD_SUBNETS6] =
        {"subnets6", GUARD_INET, {IFNAME, IP6, TO, IFNAME, IP6}, 0, "network and the addresses of its IPv6 subnet"},
    [GUARD_ROUTED_PUBLISHED] =
        {"routed_published", GUARD_INET, {IFNAME, IP4}, 0, "port and its guest, that forwards lead to"},
    [GUARD_ROUTED_LIMITED_ADDRESSES] = {"routed_limited_addresses",
                                        GUARD_INET,
                                        {IFNAME, MAC, IP4},
                                        0,
                                        "limited port, its guest's MAC and an address it may use"},
    [GUARD_ROUTED_SEND_LIMITS] =
        {"routed_send_limits", GUARD_INET, {IFNAME}, 0, "what a routed port may send", .limit = GUARD_LIMIT_BYTES},
    [GUARD_LIMITED_WAYS] =
        {"limited_ways", GUARD_INET, {IFNAME, IFNAME}, 0, "routed port with a limit of connections, and its uplink"},
    [GUARD_ROUTED_APART] = {"routed_apart",
                            GUARD_INET,
                            {IP4, IP4, TO, IP4, IP4},
                            0,
                            "source and destination in one routed network, that do not see each other"},
    [GUARD_ROUTED_PORTS6] = {"routed_ports6", GUARD_INET, {IFNAME}, 0, "every port of a routed network with IPv6"},
    [GUARD_ROUTED_ADDRESSES6] =
        {"routed_addresses6", GUARD_INET, {IFNAME, MAC, RAW_IP6}, 0, "port, its guest's MAC and an IPv6 address of it"},
    [GUARD_ROUTED_LIMITED_ADDRESSES6] = {"routed_limited_addresses6",
                                         GUARD_INET,
                                         {IFNAME, MAC, RAW_IP6},
                                         0,
                                         "limited port, its guest's MAC and an IPv6 address of it"},
    [GUARD_ROUTED_ANY_MAC_ADDRESSES6] = {"routed_any_mac_addresses6",
                                         GUARD_INET,
                                         {IFNAME, RAW_IP6},
                                         0,
                                         "port with any MAC and an IPv6 address of its guest"},
    [GUARD_WAYS6] =
        {"ways6", GUARD_INET, {IFNAME, IFNAME}, 0, "port and uplink of a routed network, both directions, for IPv6"},
    [GUARD_LIMITED_WAYS6] = {"limited_ways6",
                             GUARD_INET,
                             {IFNAME, IFNAME},
                             0,
                             "routed port with a limit of connections, and its uplink for IPv6"},
    [GUARD_PEERS6] =
        {"peers6", GUARD_INET, {IP6, IP6, TO, IP6, IP6}, 0, "source and destination in one routed network, by IPv6"},
    [GUARD_ROUTED_APART6] = {"routed_apart6",
                             GUARD_INET,
                             {IP6, IP6, TO, IP6, IP6},
                             0,
                             "source and destination in one routed network, that do not see each other by IPv6"},
    [GUARD_ROUTED_PUBLISHED6] =
        {"routed_published6", GUARD_INET, {IFNAME, IP6}, 0, "port and its guest, that forwards lead to by IPv6"},
    [GUARD_SECLUDED_PORTS] = {"secluded_ports", GUARD_INET, {IFNAME}, 0, "isolated ports without a bridge"},
    [GUARD_PORT_ADDRESSES6] = {"port_addresses6",
                               GUARD_BRIDGE,
                               {IFNAME, MAC, RAW_IP6},
                               0,
                               "port, its guest's MAC and an IPv6 address of it",
                               true,
                               0},
    [GUARD_OPEN_ADDRESSES6] =
        {"open_addresses6", GUARD_BRIDGE, {IFNAME, RAW_IP6}, 0, "port without a MAC and an IPv6 address of its guest"},
    [GUARD_PORT_IDENTIFIERS6] = {"port_identifiers6",
                                 GUARD_BRIDGE,
                                 {IFNAME, RAW_MIDDLE, RAW_END},
                                 0,
                                 "port and its guest's MAC, as interface identifiers are made of it",
                                 true,
                                 0},
    [GUARD_ANY_MAC_ADDRESSES6] = {"any_mac_addresses6",
                                  GUARD_BRIDGE,
                                  {IFNAME, RAW_IP6},
                                  0,
                                  "port with any MAC and an IPv6 address of its guest"},
    [GUARD_RESOLVERS6] = {"resolvers6", GUARD_BRIDGE, {IP6}, 0, "where guests ask the DNS service by IPv6"},
    [GUARD_RESOLVERS] = {"resolvers", GUARD_BRIDGE, {IP4}, 0, "where guests ask the DNS service"},
    [GUARD_PORT_NETWORKS] =
        {"port_networks", GUARD_BRIDGE, {IFNAME}, MARK, "port that takes the first MAC it sees, and its network"},
    [GUARD_PROPOSED_MACS] =
        {"proposed_macs", GUARD_BRIDGE, {IFNAME, MAC}, 0, "such a port and the MAC that was proposed for its guest"},
    [GUARD_OPEN_ADDRESSES] =
        {"open_addresses", GUARD_BRIDGE, {IFNAME, IP4}, 0, "such a port and an address its guest may use"},
    [GUARD_NETWORK_MACS] =
        {"network_macs", GUARD_BRIDGE, {MARK, MAC}, 0, "network and a MAC that is somebody's in it", true, 0},
    [GUARD_LEARNED_PORTS] = {"learned_ports", GUARD_BRIDGE, {IFNAME}, 0, "ports whose guest's MAC was learnt", true, 0},
    [GUARD_REFUSED_MACS] =
        {"refused_macs", GUARD_BRIDGE, {IFNAME, MAC}, 0, "port and a MAC that was refused there", true, REFUSED_MSEC},
    [GUARD_BLOCKED] = {"blocked", GUARD_BRIDGE, {IFNAME}, 0, "what was dropped of what a port sent", true, 0},
    [GUARD_ARP_PORTS] = {"arp_ports", GUARD_ARP, {IFNAME}, 0, "every port of a routed network"},
    [GUARD_ARP_ADDRESSES] =
        {"arp_addresses", GUARD_ARP, {IFNAME, MAC, IP4}, 0, "port, its guest's MAC and an address it may use"},
    [GUARD_ARP_ANY_MAC_ADDRESSES] =
        {"arp_any_mac_addresses", GUARD_ARP, {IFNAME, IP4}, 0, "port with any MAC and an address of its guest"},
    [GUARD_ARP_BLOCKED] = {"arp_blocked", GUARD_ARP, {IFNAME}, 0, "what was dropped of what a port said", true, 0},
    [GUARD_ARP_REACH] = {"arp_reach", GUARD_ARP, {IP4, IP4, TO, IP4, IP4}, 0, "who asks, and whom about"},
    [GUARD_OUTSIDES] =
        {"outsides", GUARD_CLONES, {IFNAME, IP4}, IP4, "port, its clone's address inside, and the one outside"},
    [GUARD_INSIDES] =
        {"insides", GUARD_CLONES, {IFNAME, IP4}, IP4, "port, its clone's address outside, and the one inside"},
    [GUARD_OUTSIDES6] =
        {"outsides6", GUARD_CLONES6, {IFNAME, IP6}, IP6, "port, its clone's IPv6 address inside, and the one outside"},
    [GUARD_INSIDES6] =
        {"insides6", GUARD_CLONES6, {IFNAME, IP6}, IP6, "port, its clone's IPv6 address outside, and the one inside"},
    [GUARD_INSIDE_TARGETS6] =
        {"inside_targets6", GUARD_CLONES6, {IFNAME, RAW_IP6}, 0, "port and its clone's IPv6 address inside"},
    [GUARD_GROUP_LIMITS] =
        {"group_limits", GUARD_BRIDGE, {IFNAME}, 0, "what a port may send to groups", .limit = GUARD_LIMIT_PACKETS},
    [GUARD_SEND_LIMITS] =
        {"send_limits", GUARD_BRIDGE, {IFNAME}, 0, "what a port may send at all", .limit = GUARD_LIMIT_BYTES},
    [GUARD_LAN_PORTS] = {"lan_ports", GUARD_BRIDGE, {IFNAME}, 0, "ports in the host's own network"},
    [GUARD_LAN_TAKEN] = {"lan_taken", GUARD_BRIDGE, {IP4}, 0, "addresses there that are no guest's"},
    [GUARD_LAN_TAKEN6] = {"lan_taken6", GUARD_BRIDGE, {RAW_IP6}, 0, "the same, of IPv6"},
    [GUARD_CONNECTION_LIMITS] = {"connection_limits",
                                 GUARD_INET,
                                 {IFNAME, IP4},
                                 0,
                                 "network, guest, and how many connections it may have",
                                 .limit = GUARD_LIMIT_CONNECTIONS},
    [GUARD_REFUSED_CONNECTIONS] =
        {"refused_connections", GUARD_INET, {IFNAME, IP4}, 0, "network, guest, and how many were too many", true, 0},
    [GUARD_CONNECTION_LIMITS6] = {"connection_limits6",
                                  GUARD_INET,
                                  {IFNAME, IP6},
                                  0,
                                  "network, guest, and how many connections of IPv6 it may have",
                                  .limit = GUARD_LIMIT_CONNECTIONS},
    [GUARD_REFUSED_CONNECTIONS6] =
        {"refused_connections6", GUARD_INET, {IFNAME, IP6}, 0, "network, guest, and how many were too many", true, 0},
    [GUARD_OPEN_HOSTS] = {"open_hosts", GUARD_INET, {IFNAME}, 0, "networks whose guests may reach all of the host"},
    [GUARD_ANY_PROTOCOL_PORTS] =
        {"any_protocol_ports", GUARD_BRIDGE, {IFNAME}, 0, "ports whose guests may send frames of any kind"},
    [GUARD_ERRORS] =
        {"errors", GUARD_BRIDGE, {IFNAME, RAW_IP4}, 0, "port and its address that told an error", true, ERRORS_MSEC},
    [GUARD_ROUTED_ERRORS] = {"routed_errors",
                             GUARD_INET,
                             {IFNAME, RAW_IP4},
                             0,
                             "port and its address that told an error",
                             true,
                             ERRORS_MSEC},
    [GUARD_ROUTED_REFUSED_MACS] = {"routed_refused_macs",
                                   GUARD_INET,
                                   {IFNAME, MAC},
                                   0,
                                   "port and a MAC that was refused there",
                                   true,
                                   REFUSED_MSEC},
    [GUARD_REFUSED] =
        {"refused", GUARD_INET, {IFNAME, IP4}, 0, "network, guest, and what it was refused behind the bridge", true, 0},
    [GUARD_REFUSED6] = {"refused6",
                        GUARD_INET,
                        {IFNAME, MAC},
                        0,
                        "network, a guest's MAC, and what of IPv6 it was refused behind the bridge",
                        true,
                        0,
                        REFUSED6_MOST},
};
