/* SPDX-License-Identifier: MIT */
/* The one table of everything that may stand in a file: parser, messages, man page and seed all read it. */
#include "spec/option.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

/* clang-format off */
const struct spec_section_info spec_sections[SPEC_SECTION_COUNT] = {
    [SPEC_SECTION_SET] = {"file", "the top of the file", sizeof(struct model_set), SPEC_TYPE_NAME,
                          SPEC_NOWHERE, SPEC_NOWHERE, 1},
    [SPEC_SECTION_NETWORK] = {"network", "a network", sizeof(struct model_network), SPEC_TYPE_NAME,
                              offsetof(struct model_network, name), offsetof(struct model_network, place),
                              SPEC_NETWORKS_MAX},
    [SPEC_SECTION_PORT] = {"port", "a port", sizeof(struct model_port), SPEC_TYPE_NAME,
                           offsetof(struct model_port, name), offsetof(struct model_port, place), SPEC_PORTS_MAX},
    [SPEC_SECTION_DEVICE] = {"device", "a device", sizeof(struct model_device), SPEC_TYPE_IFNAME,
                             offsetof(struct model_device, name), offsetof(struct model_device, place),
                             SPEC_DEVICES_MAX},
    [SPEC_SECTION_LIMIT] = {"limit", "a limit", sizeof(struct model_limit), SPEC_TYPE_NAME, SPEC_NOWHERE, SPEC_NOWHERE,
                            1},
    [SPEC_SECTION_HOOKS] = {"hooks", "hooks", sizeof(struct model_hooks), SPEC_TYPE_NAME, SPEC_NOWHERE, SPEC_NOWHERE,
                            1},
    [SPEC_SECTION_CLONES] = {"clones", "clones", sizeof(struct model_clones), SPEC_TYPE_NAME, SPEC_NOWHERE,
                             offsetof(struct model_clones, place), 1},
};

static const struct model_word mode_words[] = {
    {"nat", MODEL_MODE_NAT, false},
    {"isolated", MODEL_MODE_ISOLATED, false},
    {"routed", MODEL_MODE_ROUTED, false},
    {"bridge", MODEL_MODE_BRIDGE, false},
    {NULL, 0, false},
};

static const struct model_word host_words[] = {
    {"closed", MODEL_HOST_CLOSED, false},
    {"allow", MODEL_HOST_ALLOW, false},
    {NULL, 0, false},
};

static const struct model_word coexist_words[] = {
    {"ask", MODEL_COEXIST_ASK, false},
    {"on", MODEL_COEXIST_ON, false},
    {"off", MODEL_COEXIST_OFF, false},
    {NULL, 0, false},
};

#define HOOK_REMEDY "name a program alone, whose path is printable ASCII without spaces; it is told by its environment"

static const struct model_word protocols_words[] = {
    {"ip", MODEL_PROTOCOLS_IP, false},
    {"any", MODEL_PROTOCOLS_ANY, false},
    {NULL, 0, false},
};

static const struct model_word kind_words[] = {
    {"tun", MODEL_DEVICE_TUN, false},
    {"tap", MODEL_DEVICE_TAP, false},
    {NULL, 0, false},
};

#define NO_OFFSETS .count_offset = SPEC_NOWHERE, .given_offset = SPEC_NOWHERE, .place_offset = SPEC_NOWHERE
#define AT(type, member) .offset = offsetof(struct type, member)
#define COUNT_AT(type, member) .count_offset = offsetof(struct type, member)
#define GIVEN_AT(type, member) .given_offset = offsetof(struct type, member)
#define PLACE_AT(type, member) .place_offset = offsetof(struct type, member)
#define NO_COUNT .count_offset = SPEC_NOWHERE
#define NO_GIVEN .given_offset = SPEC_NOWHERE
#define NO_PLACE .place_offset = SPEC_NOWHERE

/* What a network says for all its ports and a port may say for itself. */
#define DHCP_OPTIONS(in_section, in_struct, or_network)                                                                \
    {.section = in_section, .key = "ntp", .type = SPEC_TYPE_IP4, .list = true,                                         \
     AT(in_struct, dhcp.ntp), COUNT_AT(in_struct, dhcp.ntp_count), NO_GIVEN, PLACE_AT(in_struct, dhcp.place),          \
     .synonyms = " time timeserver ntp_server ntp_servers ",                                                           \
     .default_text = or_network "none",                                                                                \
     .description = "Time servers that guests are told of (DHCP option 42)", .example = "192.0.2.123"},                \
    {.section = in_section, .key = "search", .type = SPEC_TYPE_DOMAIN, .list = true,                                   \
     AT(in_struct, dhcp.search), COUNT_AT(in_struct, dhcp.search_count), NO_GIVEN, PLACE_AT(in_struct, dhcp.place),    \
     .synonyms = " domain domains dns_search ",                                                                        \
     .default_text = or_network "none",                                                                                \
     .description = "Domains, besides the network's own name, in which guests look for short names "                   \
                    "(DHCP option 119); together at most 190 bytes, each its characters and two more",                 \
     .example = "[example.com, example.net]"},                                                                         \
    {.section = in_section, .key = "boot_file", .type = SPEC_TYPE_TEXT, .minimum = 1, .maximum = 127,                  \
     AT(in_struct, dhcp.boot_file), NO_COUNT, NO_GIVEN, PLACE_AT(in_struct, dhcp.place),                               \
     .synonyms = " filename bootfile pxe ",                                                                            \
     .default_text = or_network "none",                                                                                \
     .description = "What guests that boot from the network load (DHCP option 67): a path on the boot server, "        \
                    "or a URL", .example = "pxelinux.0"},                                                              \
    {.section = in_section, .key = "boot_server", .type = SPEC_TYPE_IP4,                                               \
     AT(in_struct, dhcp.boot_server), NO_COUNT, NO_GIVEN, PLACE_AT(in_struct, dhcp.place),                             \
     .synonyms = " next_server tftp tftp_server siaddr ",                                                              \
     .default_text = or_network "none",                                                                                \
     .description = "The server that guests load it from (next server, and DHCP option 66)", .example = "10.20.0.9"}

#define OWNER_OPTIONS(in_section, in_struct)                                                                           \
    {.section = in_section, .key = "user", .type = SPEC_TYPE_USER, AT(in_struct, user), NO_OFFSETS,                    \
     .synonyms = " owner uid ", .default_text = "root only",                                                           \
     .description = "Who may open the device without being root: a name or a number", .example = "1000"},              \
    {.section = in_section, .key = "group", .type = SPEC_TYPE_GROUP, AT(in_struct, group), NO_OFFSETS,                 \
     .synonyms = " gid ", .default_text = "none",                                                                      \
     .description = "The group whose members may open the device, a name or a number; with user, both must match",    \
     .example = "1000"}

#define LIMIT_OPTION(in_section, in_struct, or_network, of_whom)                                                       \
    {.section = in_section, .key = "limit", .type = SPEC_TYPE_SECTION, .entries = SPEC_SECTION_LIMIT,                  \
     AT(in_struct, limit), NO_OFFSETS,                                                                                 \
     .synonyms = " limits bandwidth rate qos shaping rate_limit rate_limiter policing storm_control ",                 \
     .default_text = or_network "what each key says", .description = of_whom,                                          \
     .example = "{ rate: 100mbit }"}

const struct spec_option spec_options[] = {
    /* ---- the file ---- */
    {.section = SPEC_SECTION_SET, .key = "version", .type = SPEC_TYPE_INTEGER, .minimum = 1, .maximum = 1,
     .offset = SPEC_NOWHERE, NO_OFFSETS, .default_text = "1",
     .description = "The version of this format", .example = "1"},
    {.section = SPEC_SECTION_SET, .key = "name", .type = SPEC_TYPE_NAME, AT(model_set, name), NO_OFFSETS,
     .synonyms = " set project ", .default_text = "the file's name without directory and extension",
     .description = "The name of the set of networks and devices that this file declares", .example = "lab"},
    {.section = SPEC_SECTION_SET, .key = "networks", .type = SPEC_TYPE_MAP, .entries = SPEC_SECTION_NETWORK,
     AT(model_set, networks), COUNT_AT(model_set, network_count), NO_GIVEN, NO_PLACE,
     .synonyms = " bridges switches ", .default_text = "none",
     .description = "The networks, each by its name, which is unique on the host and the domain of its ports in DNS",
     .example = "{ lab: {} }"},
    {.section = SPEC_SECTION_SET, .key = "devices", .type = SPEC_TYPE_MAP, .entries = SPEC_SECTION_DEVICE,
     AT(model_set, devices), COUNT_AT(model_set, device_count), NO_GIVEN, NO_PLACE,
     .synonyms = " interfaces tuns taps ", .default_text = "none",
     .description = "Single TUN and TAP devices that belong to no network, each by its interface name",
     .example = "{ tun1: { kind: tun } }"},
    {.section = SPEC_SECTION_SET, .key = "coexist", .type = SPEC_TYPE_ENUM, .words = coexist_words,
     AT(model_set, coexist), NO_OFFSETS, .synonyms = " firewall firewalls coexistence other_firewalls ",
     .default_text = "ask",
     .description = "What becomes of another program's packet filter (Docker, ufw, firewalld, a policy of drop) that "
                    "would drop what guests send or get: on puts accepts there for the networks' bridges, puts them "
                    "back when they are flushed, and takes them away with the networks; off leaves it alone; with "
                    "ask, up asks who sits at a terminal and tells everybody else", .example = "on"},

    /* ---- a network ---- */
    {.section = SPEC_SECTION_NETWORK, .key = "mode", .type = SPEC_TYPE_ENUM, .words = mode_words,
     AT(model_network, mode), NO_OFFSETS, .synonyms = " type kind driver forward_mode ", .default_text = "nat",
     .description = "How ports reach the world: nat gives them a subnet of their own, masqueraded to the uplink; "
                    "routed the same without a bridge and without masquerading: whoever has a route to the subnet by "
                    "this host reaches them; with bridge they are in the host's own network, by the uplink, which "
                    "becomes a port of the bridge; with isolated they reach each other only. In the modes nat and "
                    "isolated more than 1,023 ports (with those of the pool) are carried as routed ones are: up to "
                    "8,191, which share no link, so that broadcast and multicast reach nobody", .example = "nat"},
    {.section = SPEC_SECTION_NETWORK, .key = "subnet", .type = SPEC_TYPE_IP4_PREFIX,
     AT(model_network, subnet), NO_COUNT, GIVEN_AT(model_network, subnet_given),
     PLACE_AT(model_network, subnet_place), .synonyms = " address cidr gateway ip range network ",
     .default_text = "one of 10.64.0.0/10 that is free, kept from then on",
     .description = "The host's address in the network, which is the guests' gateway, with the length of the prefix; "
                    "in mode routed it may be a part of the uplink's subnet",
     .example = "10.20.0.1/24"},
    {.section = SPEC_SECTION_NETWORK, .key = "subnet6", .type = SPEC_TYPE_IP6_SUBNET,
     AT(model_network, subnet6), NO_COUNT, GIVEN_AT(model_network, subnet6_given),
     PLACE_AT(model_network, subnet6_place), .synonyms = " ipv6 ip6 prefix6 prefix ipv6_subnet gateway6 ",
     .default_text = "auto in the modes nat and isolated, where host and MTU have room for IPv6; else none",
     .description = "The same for IPv6, with a length of 64; auto: a unique local one that follows from the machine "
                    "and the network's name; none: no IPv6. In mode nat guests leave with the host's address, unless "
                    "the subnet is a public one that is routed to the host. In mode routed it may be a part of the "
                    "uplink's own prefix, with a length up to 126: the host answers for its guests there",
     .example = "fd00:20::1/64"},
    {.section = SPEC_SECTION_NETWORK, .key = "uplink", .type = SPEC_TYPE_IFNAME,
     AT(model_network, uplink), NO_COUNT, GIVEN_AT(model_network, uplink_given),
     PLACE_AT(model_network, uplink_place), .synonyms = " interface wan external out parent ",
     .default_text = "the interface of the default route",
     .description = "The host's interface towards the outside, in modes nat, routed and bridge", .example = "eth0"},
    {.section = SPEC_SECTION_NETWORK, .key = "mtu", .type = SPEC_TYPE_INTEGER, .minimum = 576, .maximum = 65521,
     AT(model_network, mtu), NO_COUNT, GIVEN_AT(model_network, mtu_given), PLACE_AT(model_network, mtu_place),
     .default_text = "the uplink's, also when that changes, but no more than 1500",
     .description = "The largest packet, in bytes, on the bridge and its ports; guests are told (DHCP option 26), and "
                    "TCP connections to the outside begin with segments that fit",
     .example = "1450"},
    {.section = SPEC_SECTION_NETWORK, .key = "ports_see_each_other", .type = SPEC_TYPE_BOOLEAN,
     AT(model_network, ports_see_each_other), NO_COUNT, GIVEN_AT(model_network, ports_see_each_other_given), NO_PLACE,
     .synonyms = " isolation isolate_ports port_isolation isolated client_isolation ", .default_text = "true",
     .description = "Whether guests of this network reach each other; with false they reach only what the mode gives "
                    "all of them", .example = "false"},
    {.section = SPEC_SECTION_NETWORK, .key = "host", .type = SPEC_TYPE_ENUM, .words = host_words,
     AT(model_network, host), NO_COUNT, NO_GIVEN, PLACE_AT(model_network, host_place),
     .synonyms = " host_access allow_host management_access ",
     .default_text = "closed",
     .description = "What guests reach of the host: closed leaves what serves them (DHCP, DNS, ping of their gateway); "
                    "with allow it is the host's own firewall that says; in modes nat and routed",
     .example = "allow"},
    {.section = SPEC_SECTION_NETWORK, .key = "bridge", .type = SPEC_TYPE_IFNAME, AT(model_network, bridge),
     NO_COUNT, NO_GIVEN, PLACE_AT(model_network, bridge_place), .synonyms = " device ifname br ",
     .default_text = "br- and the network's name, shortened where it would not fit",
     .description = "The interface name of the bridge", .example = "br-lab"},
    {.section = SPEC_SECTION_NETWORK, .key = "id", .type = SPEC_TYPE_ID, AT(model_network, id), NO_OFFSETS,
     .synonyms = " uuid network_id ", .default_text = "none",
     .description = "OpenStack's id of the network: the bridge is then called qbr and its first 11 characters",
     .example = "5b2e7d3c-90a1-4c55-8a39-0d2c7b1f6e44"},
    DHCP_OPTIONS(SPEC_SECTION_NETWORK, model_network, ""),
    LIMIT_OPTION(SPEC_SECTION_NETWORK, model_network, "", "What each port may have that does not say otherwise"),
    {.section = SPEC_SECTION_NETWORK, .key = "allow", .type = SPEC_TYPE_ACCESS, .list = true,
     AT(model_network, access), COUNT_AT(model_network, access_count), NO_GIVEN, NO_PLACE,
     .synonyms = " access acl permit allowed ", .default_text = "root alone",
     .description = "Who else may plug guests in at run time (tapnet run, tapnet attach, QEMU's bridge helper): a "
                    "user, or a group with @ before it, by name or number; behind a colon how many ports each may have "
                    "at once, 8 unless it is said", .example = "[1000, \"@1000:3\"]"},
    {.section = SPEC_SECTION_NETWORK, .key = "pool", .type = SPEC_TYPE_INTEGER, .minimum = 0,
     .maximum = MODEL_POOL_MAX, AT(model_network, pool), NO_OFFSETS, .synonyms = " ready spare warm prewarm ",
     .default_text = "0",
     .description = "How many ports the keeper has ready for root, who gets a new one in a fraction of a millisecond "
                    "then, its link up a moment later; who names the port, or wants more of it, has one made. None is "
                    "used twice: it goes with its guest, and another is made", .example = "16"},
    {.section = SPEC_SECTION_NETWORK, .key = "hooks", .type = SPEC_TYPE_SECTION, .entries = SPEC_SECTION_HOOKS,
     AT(model_network, hooks), NO_OFFSETS, .synonyms = " hook scripts script run exec commands ",
     .default_text = "none",
     .description = "Programs of the host's that run when the network has come up or gone, or a guest at one of its "
                    "ports. The file, each program, and "
                    "every folder above them must be root's, and nobody else may be able to write there",
     .example = "{ up: /etc/tapnet/lab-up }"},
    {.section = SPEC_SECTION_NETWORK, .key = "clones", .type = SPEC_TYPE_SECTION, .entries = SPEC_SECTION_CLONES,
     AT(model_network, clones), NO_OFFSETS, .synonyms = " clone snapshot snapshots same_mac identical ",
     .default_text = "none",
     .description = "The guests are all started from one snapshot, with the MAC and the address that it has: they are "
                    "told apart by their ports, and each has its port's address outside; as many as in mode routed; "
                    "IPv6 by an address6 in here and the network's subnet6; more under Clones, below",
     .example = "{ mac: 52:54:00:00:00:07, address: 10.30.0.7 }", .beside = "subnet: 10.30.0.1/24"},
    {.section = SPEC_SECTION_NETWORK, .key = "ports", .type = SPEC_TYPE_MAP, .entries = SPEC_SECTION_PORT,
     AT(model_network, ports), COUNT_AT(model_network, port_count), NO_GIVEN, NO_PLACE,
     .synonyms = " guests vms hosts taps ", .default_text = "none",
     .description = "The places to plug guests, each by its name, which is the guest's name in DNS",
     .example = "{ web: {} }"},

    /* ---- a port ---- */
    {.section = SPEC_SECTION_PORT, .key = "device", .type = SPEC_TYPE_IFNAME, AT(model_port, device),
     NO_COUNT, NO_GIVEN, PLACE_AT(model_port, device_place), .synonyms = " tap ifname interface dev ",
     .default_text = "the network's name, - and the port's, shortened where it would not fit",
     .description = "The interface name of the TAP", .example = "lab-web"},
    OWNER_OPTIONS(SPEC_SECTION_PORT, model_port),
    {.section = SPEC_SECTION_PORT, .key = "queues", .type = SPEC_TYPE_INTEGER, .minimum = 1,
     .maximum = MODEL_QUEUES_MAX, AT(model_port, queues), NO_OFFSETS, .synonyms = " multi_queue multiqueue mq vcpus ",
     .default_text = "1",
     .description = "How many queues the guest's network card may have; with more than one its VMM must ask for them",
     .example = "4"},
    {.section = SPEC_SECTION_PORT, .key = "mac", .type = SPEC_TYPE_MAC, AT(model_port, guest_mac),
     NO_COUNT, GIVEN_AT(model_port, guest_mac_given), PLACE_AT(model_port, mac_place),
     .synonyms = " hwaddr macaddr mac_address ethernet ",
     .default_text = "the first that the guest sends from, until it is unplugged",
     .description = "The guest's MAC address, the only one that it may send from", .example = "52:54:00:00:00:07"},
    {.section = SPEC_SECTION_PORT, .key = "mac_spoofing", .type = SPEC_TYPE_BOOLEAN,
     AT(model_port, mac_spoofing), NO_OFFSETS,
     .synonyms = " spoof spoofing macspoofchk spoofchk mac_filter macfilter mac_filtering port_security promiscuous ",
     .default_text = "false",
     .description = "Whether the guest may send from any MAC, its neighbours' too, as one with a bridge of its own "
                    "must; its address stays its own", .example = "true"},
    {.section = SPEC_SECTION_PORT, .key = "protocols", .type = SPEC_TYPE_ENUM, .words = protocols_words,
     AT(model_port, protocols), NO_OFFSETS, .synonyms = " protocol ethertypes ethertype vlan vlans trunk ",
     .default_text = "ip",
     .description = "What the guest may send: ip is ARP and IP alone; any also VLAN tags and frames of every other "
                    "kind, from its own MAC; what is inside of those nobody looks at", .example = "any"},
    {.section = SPEC_SECTION_PORT, .key = "address", .type = SPEC_TYPE_IP4, AT(model_port, address),
     NO_COUNT, GIVEN_AT(model_port, address_given), PLACE_AT(model_port, address_place),
     .synonyms = " ip ipv4 ip4 addr ",
     .default_text = "one of the subnet that follows from the name, kept from then on",
     .description = "The guest's address, inside the network's subnet, served by DHCP", .example = "10.20.0.7"},
    {.section = SPEC_SECTION_PORT, .key = "address6", .type = SPEC_TYPE_IP6, AT(model_port, address6),
     NO_COUNT, GIVEN_AT(model_port, address6_given), PLACE_AT(model_port, address6_place),
     .synonyms = " ip6 ipv6 addr6 ",
     .default_text = "the one of the subnet6 that follows from the guest's MAC; of clones, and in a longer prefix than "
                     "64, a free one",
     .description = "The guest's IPv6 address, inside the network's subnet6, served by DHCPv6; one that follows from "
                    "its MAC it may also make up itself, as Linux does", .example = "fd00:20::7"},
    {.section = SPEC_SECTION_PORT, .key = "hostname", .type = SPEC_TYPE_NAME, AT(model_port, hostname), NO_OFFSETS,
     .synonyms = " name host ", .default_text = "the port's name",
     .description = "The host name that the guest is given (DHCP option 12)", .example = "web"},
    {.section = SPEC_SECTION_PORT, .key = "forward", .type = SPEC_TYPE_FORWARD, .list = true,
     AT(model_port, forwards), COUNT_AT(model_port, forward_count), NO_GIVEN, NO_PLACE,
     .synonyms = " forwards publish published expose port_forward port_forwards portforward hostfwd redirect dnat ",
     .default_text = "none",
     .description = "Ports of the host that lead to ports of the guest: an address of the host's and a colon, or "
                    "neither for all of them; the host's port, or a range; a colon; the guest's; and /udp unless it "
                    "is TCP", .example = "[8080:80, 127.0.0.1:2222:22, 5000-5009:5000-5009/udp]"},
    {.section = SPEC_SECTION_PORT, .key = "id", .type = SPEC_TYPE_ID, AT(model_port, id), NO_OFFSETS,
     .synonyms = " uuid port_id ", .default_text = "none",
     .description = "OpenStack's id of the port: the TAP is then called tap and its first 11 characters",
     .example = "a8f2c9d0-1b3e-4f67-9a21-7c0e5d4b8f13"},
    DHCP_OPTIONS(SPEC_SECTION_PORT, model_port, "the network's, else "),
    LIMIT_OPTION(SPEC_SECTION_PORT, model_port, "the network's, else ", "What the port may have"),

    /* ---- a device ---- */
    {.section = SPEC_SECTION_DEVICE, .key = "kind", .type = SPEC_TYPE_ENUM, .required = true, .words = kind_words,
     AT(model_device, kind), NO_OFFSETS, .synonyms = " type mode ",
     .description = "What the device carries: tun IP packets (layer 3), tap Ethernet frames (layer 2)",
     .example = "tap"},
    {.section = SPEC_SECTION_DEVICE, .key = "address", .type = SPEC_TYPE_IP_PREFIX, .list = true,
     AT(model_device, addresses), COUNT_AT(model_device, address_count), NO_GIVEN, NO_PLACE,
     .synonyms = " addresses ip ips ipv4 ipv6 subnet ", .default_text = "none",
     .description = "The host's addresses on the device, IPv4 or IPv6, each with the length of its prefix",
     .example = "192.168.3.11/24"},
    OWNER_OPTIONS(SPEC_SECTION_DEVICE, model_device),
    {.section = SPEC_SECTION_DEVICE, .key = "mtu", .type = SPEC_TYPE_INTEGER, .minimum = 68, .maximum = 65521,
     AT(model_device, mtu), NO_OFFSETS, .default_text = "1500",
     .description = "The largest packet in bytes", .example = "1400"},
    {.section = SPEC_SECTION_DEVICE, .key = "mac", .type = SPEC_TYPE_MAC, AT(model_device, mac), NO_OFFSETS,
     .synonyms = " hwaddr macaddr mac_address ", .default_text = "one that follows from the names",
     .description = "The host's MAC address on the device, kind tap only", .example = "02:00:00:00:03:0b"},
    {.section = SPEC_SECTION_DEVICE, .key = "multi_queue", .type = SPEC_TYPE_BOOLEAN, AT(model_device, multi_queue),
     NO_OFFSETS, .synonyms = " queues mq ", .default_text = "false",
     .description = "Whether several queues may be opened on the device, as multi-threaded programs do",
     .example = "true"},
    {.section = SPEC_SECTION_DEVICE, .key = "up", .type = SPEC_TYPE_BOOLEAN, AT(model_device, up), NO_COUNT,
     GIVEN_AT(model_device, up_given), NO_PLACE, .synonyms = " enabled state ", .default_text = "true",
     .description = "Whether the interface is up", .example = "false"},
    {.section = SPEC_SECTION_DEVICE, .key = "queue_length", .type = SPEC_TYPE_INTEGER, .minimum = 1,
     .maximum = 1000000, AT(model_device, queue_length), NO_OFFSETS, .synonyms = " txqueuelen txqlen qlen ",
     .default_text = "500 of a tun, 1000 of a tap",
     .description = "How many packets wait for the program, in each queue, before others are dropped",
     .example = "2000"},
    {.section = SPEC_SECTION_DEVICE, .key = "link_type", .type = SPEC_TYPE_INTEGER, .minimum = 1, .maximum = 65535,
     AT(model_device, link_type), NO_OFFSETS, .synonyms = " arphrd ",
     .default_text = "that of the kind; a device that is there keeps the one it has",
     .description = "What the interface says to carry, a number ARPHRD_... of linux/if_arp.h, where it is a tun; "
                    "a device of another link type is made anew", .example = "1"},
    {.section = SPEC_SECTION_DEVICE, .key = "offloads", .type = SPEC_TYPE_WORDS, .words = model_offload_words,
     AT(model_device, settings.offloads), NO_COUNT, GIVEN_AT(model_device, settings.offloads_given),
     PLACE_AT(model_device, offloads_place), .synonyms = " offload gso tso features ",
     .default_text = "none of a new device, then those of its last program",
     .description = "What the next program finds switched on, for programs that use a vnet header and leave the "
                    "offloads as they are; who holds the device has others at will, until it lets go",
     .example = "[csum, tso4, tso6]"},
    {.section = SPEC_SECTION_DEVICE, .key = "vnet_header_size", .type = SPEC_TYPE_INTEGER, .minimum = 10,
     .maximum = 4096, AT(model_device, settings.vnet_header_size), NO_OFFSETS,
     .synonyms = " vnet_hdr_sz vnet_hdr_size vnet_header ", .default_text = "10",
     .description = "Bytes of the vnet header that a program finds who asks for one and not for its size; set when "
                    "the device is made and when this line changes, as no look at the device tells of it",
     .example = "12"},

    /* ---- a limit ---- */
    {.section = SPEC_SECTION_LIMIT, .key = "rate", .type = SPEC_TYPE_RATE, AT(model_limit, rate), NO_OFFSETS,
     .synonyms = " bandwidth speed average max peak ", .default_text = "no limit",
     .description = "How much its guest may send, and how much it receives, each: bits of IP a second",
     .example = "100mbit"},
    {.section = SPEC_SECTION_LIMIT, .key = "send", .type = SPEC_TYPE_RATE, AT(model_limit, send), NO_OFFSETS,
     .synonyms = " outbound upload tx egress out up ", .default_text = "rate",
     .description = "How much its guest may send; more is dropped, once it is more than a second's worth",
     .example = "20mbit"},
    {.section = SPEC_SECTION_LIMIT, .key = "receive", .type = SPEC_TYPE_RATE, AT(model_limit, receive), NO_OFFSETS,
     .synonyms = " inbound download rx ingress in down ", .default_text = "rate",
     .description = "How much its guest receives; more waits for a 20th of a second, and then is dropped",
     .example = "100mbit"},
    {.section = SPEC_SECTION_LIMIT, .key = "burst", .type = SPEC_TYPE_SIZE, .minimum = 2048, .maximum = MODEL_BURST_MAX,
     AT(model_limit, burst), NO_OFFSETS, .synonyms = " bucket size ",
     .default_text = "what passes in a 20th of a second, 64KiB at least",
     .description = "How much may pass at once after a pause", .example = "256KiB"},
    {.section = SPEC_SECTION_LIMIT, .key = "connections", .type = SPEC_TYPE_INTEGER, .minimum = 1,
     .maximum = 10000000, AT(model_limit, connections), NO_COUNT, NO_GIVEN,
     PLACE_AT(model_limit, connections_place),
     .synonyms = " conntrack sessions flows connlimit ", .default_text = "no limit",
     .description = "How many connections its guest may have open to the outside and to the host, at once, of those "
                    "that the kernel tracks; of IPv4 and of IPv6 as many; in mode routed to its "
                    "neighbours, too", .example = "1000"},
    {.section = SPEC_SECTION_LIMIT, .key = "broadcast", .type = SPEC_TYPE_INTEGER, .minimum = 0, .maximum = 1000000,
     AT(model_limit, broadcast), NO_COUNT, GIVEN_AT(model_limit, broadcast_given), NO_PLACE,
     .synonyms = " multicast storm pps ", .default_text = "1000",
     .description = "How many frames a second its guest may send to all or to a group (broadcast, multicast), and as "
                    "many at once; 0 is no limit", .example = "200"},

    /* ---- hooks ---- */
    {.section = SPEC_SECTION_HOOKS, .key = "up", .type = SPEC_TYPE_TEXT, .minimum = 1, .maximum = MODEL_HOOK_MAX,
     AT(model_hooks, up), NO_COUNT, NO_GIVEN, PLACE_AT(model_hooks, up_place),
     .synonyms = " started start post_up ", .default_text = "none",
     .description = "The program, by its absolute path, that runs when the network has come up",
     .example = "/etc/tapnet/lab-up", .remedy = HOOK_REMEDY},
    {.section = SPEC_SECTION_HOOKS, .key = "down", .type = SPEC_TYPE_TEXT, .minimum = 1, .maximum = MODEL_HOOK_MAX,
     AT(model_hooks, down), NO_COUNT, NO_GIVEN, PLACE_AT(model_hooks, down_place),
     .synonyms = " stopped stop post_down ", .default_text = "none",
     .description = "The one that runs when it has gone", .example = "/etc/tapnet/lab-down", .remedy = HOOK_REMEDY},
    {.section = SPEC_SECTION_HOOKS, .key = "plugged", .type = SPEC_TYPE_TEXT, .minimum = 1,
     .maximum = MODEL_HOOK_MAX, AT(model_hooks, plugged), NO_COUNT, NO_GIVEN, PLACE_AT(model_hooks, plugged_place),
     .synonyms = " plug plugin plugged_in attached port_up ", .default_text = "none",
     .description = "The one that runs for each port when a guest has been plugged in",
     .example = "/etc/tapnet/lab-plugged", .remedy = HOOK_REMEDY},
    {.section = SPEC_SECTION_HOOKS, .key = "unplugged", .type = SPEC_TYPE_TEXT, .minimum = 1,
     .maximum = MODEL_HOOK_MAX, AT(model_hooks, unplugged), NO_COUNT, NO_GIVEN,
     PLACE_AT(model_hooks, unplugged_place), .synonyms = " unplug gone detached removed port_down ",
     .default_text = "none", .description = "The one that runs for each port when its guest has gone",
     .example = "/etc/tapnet/lab-unplugged", .remedy = HOOK_REMEDY},

    /* ---- clones ---- */
    {.section = SPEC_SECTION_CLONES, .key = "mac", .type = SPEC_TYPE_MAC, .required = true, AT(model_clones, mac),
     NO_COUNT, NO_GIVEN, PLACE_AT(model_clones, mac_place), .synonyms = " hwaddr macaddr mac_address ",
     .description = "The MAC address that the snapshot has", .example = "52:54:00:00:00:07"},
    {.section = SPEC_SECTION_CLONES, .key = "address", .type = SPEC_TYPE_IP4, .required = true,
     AT(model_clones, address), NO_COUNT, NO_GIVEN, PLACE_AT(model_clones, address_place),
     .synonyms = " ip ipv4 ip4 addr ",
     .description = "The address that it has, inside the network's subnet; the gateway that it knows is the host's "
                    "address in that, and no port has it outside", .example = "10.30.0.7"},
    {.section = SPEC_SECTION_CLONES, .key = "address6", .type = SPEC_TYPE_IP6, AT(model_clones, address6),
     NO_COUNT, NO_GIVEN, PLACE_AT(model_clones, address6_place), .synonyms = " ip6 ipv6 addr6 ",
     .default_text = "no IPv6",
     .description = "The IPv6 address that it has, inside the network's subnet6, which is written, too; its router is "
                    "fe80::1, and no port has it outside", .example = "fd00:30::7"},
};
/* clang-format on */

const size_t spec_option_count = ARRAY_COUNT(spec_options);

_Static_assert(sizeof(enum model_mode) == sizeof(unsigned) && sizeof(enum model_device_kind) == sizeof(unsigned),
               "a word's value is stored as unsigned");
_Static_assert(ARRAY_COUNT(spec_options) <= SPEC_OPTIONS_MAX, "the parser keeps a place for each");

size_t spec_option_list_max(const struct spec_option *option)
{
    return option->type == SPEC_TYPE_FORWARD ? MODEL_FORWARDS_MAX : MODEL_LIST_MAX;
}

const struct spec_option *spec_option_find(enum spec_section section, const char *key)
{
    for (size_t i = 0; i < spec_option_count; i++)
        if (spec_options[i].section == section && strcmp(spec_options[i].key, key) == 0)
            return &spec_options[i];
    return NULL;
}

/* The option of @section that others call @key, or NULL. */
static const struct spec_option *option_by_synonym(enum spec_section section, const char *key)
{
    char word[34];

    if (strlen(key) > sizeof(word) - 3 || strchr(key, ' '))
        return NULL;
    snprintf(word, sizeof(word), " %s ", key);
    for (size_t i = 0; i < spec_option_count; i++) {
        const struct spec_option *option = &spec_options[i];

        if (option->section == section && option->synonyms && strcasestr(option->synonyms, word))
            return option;
    }
    return NULL;
}

/* The option of @section that is fewest edits from @key, @ret_distance edits away. */
static const struct spec_option *option_nearest(enum spec_section section, const char *key, unsigned *ret_distance)
{
    const struct spec_option *nearest = NULL;

    *ret_distance = 99;
    for (size_t i = 0; i < spec_option_count; i++) {
        unsigned distance = spec_edit_distance(spec_options[i].key, key);

        if (spec_options[i].section == section && distance < *ret_distance) {
            *ret_distance = distance;
            nearest = &spec_options[i];
        }
    }
    return nearest;
}

static void append(char sentence[SPEC_PROBLEM_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char sentence[SPEC_PROBLEM_MAX], const char *format, ...)
{
    size_t len = strlen(sentence);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence + len, SPEC_PROBLEM_MAX - len, format, arguments);
    va_end(arguments);
}

/* "; it belongs to a network or a device": the sections other than @section that have @key. How many there are. */
static unsigned append_sections(enum spec_section section, const char *key, char sentence[SPEC_PROBLEM_MAX])
{
    unsigned count = 0;

    for (unsigned i = 0; i < SPEC_SECTION_COUNT; i++)
        if (i != section && spec_option_find(i, key))
            append(sentence, "%s%s", count++ ? " or " : "; it belongs to ", spec_sections[i].article_noun);
    return count;
}

static void append_keys(enum spec_section section, char sentence[SPEC_PROBLEM_MAX])
{
    const char *separator = "";

    append(sentence, " in this version; %s has ", spec_sections[section].article_noun);
    for (size_t i = 0; i < spec_option_count; i++) {
        if (spec_options[i].section != section)
            continue;
        append(sentence, "%s`%s`", separator, spec_options[i].key);
        separator = ", ";
    }
}

void spec_option_unknown(enum spec_section section, const char *key, size_t len, char sentence[SPEC_PROBLEM_MAX])
{
    char quoted[SPEC_QUOTE_MAX];
    unsigned distance;
    const struct spec_option *nearest = option_nearest(section, key, &distance);
    const struct spec_option *synonym = option_by_synonym(section, key);

    snprintf(sentence, SPEC_PROBLEM_MAX, "unknown key `%s`", spec_quote(key, len, quoted));
    if (synonym) {
        append(sentence, "; did you mean `%s`?", synonym->key);
    } else if (distance <= 1 && len > 2) {
        append(sentence, "; did you mean `%s`?", nearest->key);
    } else if (append_sections(section, key, sentence) == 0) {
        if (distance <= 2 && len > 4)
            append(sentence, "; did you mean `%s`?", nearest->key);
        else
            append_keys(section, sentence);
        if (section == SPEC_SECTION_SET && !(distance <= 2 && len > 4) && strlen(key) == len && model_name_valid(key))
            append(sentence, "; a network stands under `networks:`, as in `networks: { %s: {} }`", key);
    }
}
