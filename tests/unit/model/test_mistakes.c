/* SPDX-License-Identifier: MIT */
/* Each mistake of a file by itself: its place, what is wrong, and what to do. */
#include "build.h"

/*
 * Every thing stands on a line of its own: the first network on line 2, its ports on 3, 4, ..., then the next
 * network. Networks and devices begin in column 3, ports in 7; a given subnet stands in column 20, an address in 25,
 * a MAC in 40.
 */

static struct model_network *lab(struct model_set *set)
{
    return build_network(set, "lab", "10.20.0.1/24");
}

static void outside(struct model_set *set)
{
    build_port(set, lab(set), "db", "10.20.1.7", NULL);
}

static void the_network_address(struct model_set *set)
{
    build_port(set, lab(set), "db", "10.20.0.0", NULL);
}

static void the_broadcast_address(struct model_set *set)
{
    build_port(set, lab(set), "db", "10.20.0.255", NULL);
}

static void the_hosts_address(struct model_set *set)
{
    build_port(set, lab(set), "db", "10.20.0.1", NULL);
}

static void the_last_address_is_the_hosts(struct model_set *set)
{
    build_port(set, build_network(set, "lab", "10.20.0.254/24"), "db", "10.20.0.254", NULL);
}

static void an_address_between_is_the_hosts(struct model_set *set)
{
    build_port(set, build_network(set, "lab", "10.20.0.7/24"), "db", "10.20.1.7", NULL);
}

static void one_address_is_left(struct model_set *set)
{
    build_port(set, build_network(set, "lab", "10.20.0.2/30"), "db", "10.20.0.2", NULL);
}

static void an_address_twice(struct model_set *set)
{
    struct model_network *network = lab(set);

    build_port(set, network, "web", "10.20.0.7", NULL);
    build_port(set, network, "mail", NULL, NULL);
    build_port(set, network, "db", "10.20.0.7", NULL);
}

static void an_address_without_a_subnet(struct model_set *set)
{
    build_port(set, build_network(set, "lab", NULL), "db", "10.20.0.7", NULL);
}

static void the_network_as_subnet(struct model_set *set)
{
    build_network(set, "lab", "10.20.0.0/24");
}

static void the_broadcast_as_subnet(struct model_set *set)
{
    build_network(set, "lab", "10.20.3.255/22");
}

static void a_subnet_too_small(struct model_set *set)
{
    build_network(set, "lab", "10.20.0.1/31");
}

static void a_subnet_too_large(struct model_set *set)
{
    build_network(set, "lab", "10.20.0.1/7");
}

static void a_loopback_subnet(struct model_set *set)
{
    build_network(set, "lab", "127.1.0.1/24");
}

static void a_multicast_subnet(struct model_set *set)
{
    build_network(set, "lab", "239.0.0.1/24");
}

static void a_link_local_subnet(struct model_set *set)
{
    build_network(set, "lab", "169.254.1.1/24");
}

static void a_subnet_around_link_local(struct model_set *set)
{
    build_network(set, "lab", "169.0.0.1/8");
}

static void a_reserved_subnet(struct model_set *set)
{
    build_network(set, "lab", "240.0.0.1/24");
}

static void a_zero_subnet(struct model_set *set)
{
    build_network(set, "lab", "0.0.0.1/24");
}

static void an_ip6_subnet(struct model_set *set)
{
    build_network(set, "lab", "fd00::1/64");
}

static void overlapping_subnets(struct model_set *set)
{
    build_network(set, "a", "10.20.5.1/24");
    build_network(set, "b", "10.30.0.1/24");
    build_network(set, "c", "10.20.0.1/16");
}

static void a_device_in_a_subnet(struct model_set *set)
{
    lab(set);
    build_device(set, "tun1", MODEL_DEVICE_TUN, "10.20.0.77/32");
}

static void no_room(struct model_set *set)
{
    build_many_ports(set, build_network(set, "lab", "10.20.0.1/24"), "vm%u", 254);
}

static void no_room_for_two(struct model_set *set)
{
    build_many_ports(set, build_network(set, "lab", "10.20.0.1/30"), "vm%u", 2);
}

/* A network on record, which was made with a bridge. */
static void more_than_its_bridge_takes(struct model_set *set)
{
    struct model_network *network = build_network(set, "lab", NULL);

    network->mac = mac_derive("tapnet bridge lab", NULL);
    build_many_ports(set, network, "vm%u", 1024);
}

static void more_than_the_lan_takes(struct model_set *set)
{
    struct model_network *network = build_network(set, "lab", NULL);

    network->mode = MODEL_MODE_BRIDGE;
    build_many_ports(set, network, "vm%u", 1023);
}

static void more_than_a_network_takes(struct model_set *set)
{
    build_many_ports(set, build_network(set, "lab", NULL), "vm%u", 8192);
}

static void other_protocols_without_a_bridge(struct model_set *set)
{
    struct model_network *network = build_network(set, "lab", NULL);

    build_port(set, network, "db", NULL, NULL)->protocols = MODEL_PROTOCOLS_ANY;
    build_many_ports(set, network, "vm%u", 1023);
}

static void a_multicast_mac(struct model_set *set)
{
    build_port(set, lab(set), "db", NULL, "01:00:5e:00:00:07");
}

static void no_mac(struct model_set *set)
{
    build_port(set, lab(set), "db", NULL, "00:00:00:00:00:00");
}

static void a_mac_twice(struct model_set *set)
{
    struct model_network *network = lab(set);

    build_port(set, network, "web", NULL, "52:54:00:00:00:07");
    build_port(set, network, "db", NULL, "52:54:00:00:00:07");
}

static void the_bridges_mac(struct model_set *set)
{
    struct model_network *network = lab(set);
    struct model_port *port = build_port(set, network, "db", NULL, "52:54:00:00:00:07");

    port->guest_mac = mac_derive("tapnet bridge lab", NULL);
}

static void the_mac_of_anothers_tap(struct model_set *set)
{
    struct model_network *network = lab(set);

    build_port(set, network, "db", NULL, "52:54:00:00:00:07")->guest_mac = mac_derive("tapnet tap lab/lab/web", NULL);
    build_port(set, network, "web", NULL, NULL);
}

static void an_mtu_too_small(struct model_set *set)
{
    lab(set)->mtu = 575;
}

static void an_mtu_too_large(struct model_set *set)
{
    lab(set)->mtu = 65522;
}

static void a_bridge_as_uplink(struct model_set *set)
{
    struct model_network *network;

    build_network(set, "a", "10.20.0.1/24");
    network = build_network(set, "b", "10.20.1.1/24");
    snprintf(network->uplink, sizeof(network->uplink), "br-a");
    network->uplink_place = (struct model_place){3, 33};
}

static void loopback_as_uplink(struct model_set *set)
{
    snprintf(lab(set)->uplink, MODEL_IFNAME_MAX, "lo");
}

static void an_uplink_of_an_isolated_network(struct model_set *set)
{
    struct model_network *network = lab(set);

    network->mode = MODEL_MODE_ISOLATED;
    snprintf(network->uplink, sizeof(network->uplink), "eth0");
}

static void one_device_for_two_ports(struct model_set *set)
{
    struct model_network *network = lab(set);
    struct model_port *port;

    build_port(set, network, "web", NULL, NULL);
    port = build_port(set, network, "db", NULL, NULL);
    snprintf(port->device, sizeof(port->device), "lab-web");
    port->device_place = (struct model_place){4, 22};
}

static void a_tap_named_as_a_bridge(struct model_set *set)
{
    snprintf(build_port(set, lab(set), "web", NULL, NULL)->device, MODEL_IFNAME_MAX, "br-lab");
}

static void a_device_named_as_a_tap(struct model_set *set)
{
    build_port(set, lab(set), "web", NULL, NULL);
    build_device(set, "lab-web", MODEL_DEVICE_TUN, NULL);
}

static void two_ids_that_begin_the_same(struct model_set *set)
{
    struct model_network *network = lab(set);

    snprintf(build_port(set, network, "web", NULL, NULL)->id, MODEL_NAME_MAX, "a8f2c9d0-1b3e-4f67");
    snprintf(build_port(set, network, "db", NULL, NULL)->id, MODEL_NAME_MAX, "a8f2c9d0-1bff-0000");
}

static void a_bridge_name_that_is_none(struct model_set *set)
{
    snprintf(lab(set)->bridge, MODEL_IFNAME_MAX, "a/b");
}

static void one_network_twice(struct model_set *set)
{
    build_network(set, "lab", "10.20.0.1/24");
    snprintf(build_network(set, "lab", "10.20.1.1/24")->bridge, MODEL_IFNAME_MAX, "other");
}

static void one_port_twice(struct model_set *set)
{
    struct model_network *network = lab(set);

    build_port(set, network, "web", NULL, NULL);
    snprintf(build_port(set, network, "web", NULL, "52:54:00:00:00:07")->device, MODEL_IFNAME_MAX, "other");
}

static void one_hostname_twice(struct model_set *set)
{
    struct model_network *network = lab(set);

    snprintf(build_port(set, network, "one", NULL, NULL)->hostname, MODEL_NAME_MAX, "www");
    snprintf(build_port(set, network, "two", NULL, NULL)->hostname, MODEL_NAME_MAX, "www");
}

static void the_name_of_an_earlier_port_as_hostname(struct model_set *set)
{
    struct model_network *network = lab(set);

    build_port(set, network, "web", NULL, NULL);
    snprintf(build_port(set, network, "db", NULL, NULL)->hostname, MODEL_NAME_MAX, "web");
}

static void the_name_of_a_later_port_as_hostname(struct model_set *set)
{
    struct model_network *network = lab(set);

    snprintf(build_port(set, network, "db", NULL, NULL)->hostname, MODEL_NAME_MAX, "web");
    build_port(set, network, "web", NULL, NULL);
}

static void a_guest_named_localhost(struct model_set *set)
{
    snprintf(build_port(set, lab(set), "web", NULL, NULL)->hostname, MODEL_NAME_MAX, "localhost");
}

static void a_network_named_local(struct model_set *set)
{
    build_network(set, "local", NULL);
}

static void a_multicast_address_of_a_device(struct model_set *set)
{
    build_device(set, "tun1", MODEL_DEVICE_TUN, "224.0.0.1/24");
}

static void a_device_with_the_network_address(struct model_set *set)
{
    build_device(set, "tun1", MODEL_DEVICE_TUN, "192.168.3.0/24");
}

static void one_address_for_two_devices(struct model_set *set)
{
    build_device(set, "tun1", MODEL_DEVICE_TUN, "fd00::1/64");
    build_device(set, "tun2", MODEL_DEVICE_TUN, "fd00::1/48");
}

static void a_small_mtu_with_ip6(struct model_set *set)
{
    build_device(set, "tun1", MODEL_DEVICE_TUN, "fd00::1/64")->mtu = 1279;
}

static void a_link_type_of_a_tap(struct model_set *set)
{
    build_device(set, "tap1", MODEL_DEVICE_TAP, NULL)->link_type = 512;
}

static void offloading(struct model_set *set, uint32_t offloads)
{
    build_device(set, "tap1", MODEL_DEVICE_TAP, NULL)->settings.offloads = offloads;
}

static void offloads_without_checksums(struct model_set *set)
{
    offloading(set, MODEL_OFFLOAD_TSO4);
}

static void ecn_without_tcp(struct model_set *set)
{
    offloading(set, MODEL_OFFLOAD_CHECKSUM | MODEL_OFFLOAD_TSO_ECN);
}

static void one_of_two_uso(struct model_set *set)
{
    offloading(set, MODEL_OFFLOAD_CHECKSUM | MODEL_OFFLOAD_TSO4 | MODEL_OFFLOAD_USO6);
}

static void tunnels_of_nothing(struct model_set *set)
{
    offloading(set, MODEL_OFFLOAD_CHECKSUM | MODEL_OFFLOAD_UDP_TUNNEL);
}

static void a_sum_of_no_tunnel(struct model_set *set)
{
    offloading(set, MODEL_OFFLOAD_CHECKSUM | MODEL_OFFLOAD_TSO4 | MODEL_OFFLOAD_UDP_TUNNEL_CHECKSUM);
}

static void a_mac_of_a_tun(struct model_set *set)
{
    build_device(set, "tun1", MODEL_DEVICE_TUN, NULL)->mac = build_mac("02:00:00:00:00:01");
}

static const struct {
    void (*build)(struct model_set *set);
    const char *text;
} cases[] = {
    {outside, "lab.yaml:3:25: port db: address 10.20.1.7 is outside 10.20.0.0/24; choose another one from 10.20.0.2 to "
              "10.20.0.254"},
    {the_network_address, "lab.yaml:3:25: port db: address 10.20.0.0 is the network itself in 10.20.0.0/24; choose "
                          "another one from 10.20.0.2 to 10.20.0.254"},
    {the_broadcast_address, "lab.yaml:3:25: port db: address 10.20.0.255 is the broadcast address of 10.20.0.0/24; "
                            "choose another one from 10.20.0.2 to 10.20.0.254"},
    {the_hosts_address, "lab.yaml:3:25: port db: address 10.20.0.1 is the host's own in 10.20.0.0/24; choose another "
                        "one from 10.20.0.2 to 10.20.0.254"},
    {the_last_address_is_the_hosts, "lab.yaml:3:25: port db: address 10.20.0.254 is the host's own in 10.20.0.0/24; "
                                    "choose another one from 10.20.0.1 to 10.20.0.253"},
    {an_address_between_is_the_hosts, "lab.yaml:3:25: port db: address 10.20.1.7 is outside 10.20.0.0/24; choose "
                                      "another one from 10.20.0.1 to 10.20.0.254 but the host's own, 10.20.0.7"},
    {one_address_is_left, "lab.yaml:3:25: port db: address 10.20.0.2 is the host's own in 10.20.0.0/30; choose "
                          "10.20.0.1"},
    {an_address_twice, "lab.yaml:5:25: port db: address 10.20.0.7 is already that of port web (line 3); choose another "
                       "one, or leave `address:` out"},
    {an_address_without_a_subnet, "lab.yaml:3:25: port db: address 10.20.0.7 is given, but the subnet of network lab "
                                  "is not; write `subnet: 10.20.0.1/24` there"},
    {the_network_as_subnet, "lab.yaml:2:20: network lab: subnet 10.20.0.0/24: 10.20.0.0 is the network itself; write "
                            "10.20.0.1/24"},
    {the_broadcast_as_subnet, "lab.yaml:2:20: network lab: subnet 10.20.3.255/22: 10.20.3.255 is the broadcast "
                              "address; write 10.20.0.1/22"},
    {a_subnet_too_small, "lab.yaml:2:20: network lab: subnet 10.20.0.1/31: the length of the prefix must be 8 to 30, "
                         "as in 10.20.0.1/24"},
    {a_subnet_too_large, "lab.yaml:2:20: network lab: subnet 10.20.0.1/7: the length of the prefix must be 8 to 30, as "
                         "in 10.20.0.1/24"},
    {a_loopback_subnet, "lab.yaml:2:20: network lab: subnet 127.1.0.1/24 is loopback (127.0.0.0/8), which no guest can "
                        "use; choose a private one, as 10.20.0.1/24"},
    {a_multicast_subnet, "lab.yaml:2:20: network lab: subnet 239.0.0.1/24 is multicast (224.0.0.0/4), which no guest "
                         "can use; choose a private one, as 10.20.0.1/24"},
    {a_link_local_subnet, "lab.yaml:2:20: network lab: subnet 169.254.1.1/24 is link-local (169.254.0.0/16), which no "
                          "guest can use; choose a private one, as 10.20.0.1/24"},
    {a_subnet_around_link_local, "lab.yaml:2:20: network lab: subnet 169.0.0.1/8 is link-local (169.254.0.0/16), which "
                                 "no guest can use; choose a private one, as 10.20.0.1/24"},
    {a_reserved_subnet, "lab.yaml:2:20: network lab: subnet 240.0.0.1/24 is reserved (240.0.0.0/4), which no guest can "
                        "use; choose a private one, as 10.20.0.1/24"},
    {a_zero_subnet, "lab.yaml:2:20: network lab: subnet 0.0.0.1/24 is `this` network (0.0.0.0/8), which no guest can "
                    "use; choose a private one, as 10.20.0.1/24"},
    {an_ip6_subnet, "lab.yaml:2:20: network lab: subnet fd00::1/64 is not IPv4; write one as 10.20.0.1/24"},
    {overlapping_subnets, "lab.yaml:4:20: network c: subnet 10.20.0.1/16 overlaps 10.20.5.1/24 of network a (line 2); "
                          "choose another one"},
    {a_device_in_a_subnet, "lab.yaml:3:3: device tun1: address 10.20.0.77/32 overlaps 10.20.0.1/24 of network lab "
                           "(line 2); choose another one"},
    {no_room, "lab.yaml:2:20: network lab: subnet 10.20.0.1/24 has room for 253 guests, not for 254 ports; write a "
              "larger one, as 10.20.0.1/23"},
    {no_room_for_two, "lab.yaml:2:20: network lab: subnet 10.20.0.1/30 has room for 1 guests, not for 2 ports; write a "
                      "larger one, as 10.20.0.1/29"},
    {more_than_its_bridge_takes,
     "lab.yaml:2:3: network lab: 1024 ports are more than the bridge takes that it was made with: 1,023; declare as "
     "many in its file, or a `pool:` that reaches beyond, so that it is made without one, or make it two networks"},
    {more_than_the_lan_takes,
     "lab.yaml:2:3: network lab: 1023 ports are more than the kernel's bridge takes besides the "
     "uplink: 1,022"},
    {more_than_a_network_takes,
     "lab.yaml:2:3: network lab: 8192 ports are more than a network may have: 8,191; make it "
     "two networks"},
    {other_protocols_without_a_bridge,
     "lab.yaml:3:7: port db: guests of a network with more than 1,023 ports have no link in common that other "
     "protocols could pass: leave `protocols: any` out, or make it two networks"},
    {a_multicast_mac, "lab.yaml:3:40: port db: mac 01:00:5e:00:00:07 is a multicast address, no guest's; its first "
                      "byte must be even, as in 52:54:00:..."},
    {no_mac, "lab.yaml:3:40: port db: mac 00:00:00:00:00:00 is no guest's address; leave `mac:` out, and one is "
             "proposed"},
    {a_mac_twice, "lab.yaml:4:40: port db: mac 52:54:00:00:00:07 is already that of the guest of port web (line 3); "
                  "give it another `mac:`"},
    {the_bridges_mac, "lab.yaml:3:40: port db: mac BRIDGE is already that of the bridge of network lab (line 2); give "
                      "it another `mac:`"},
    {the_mac_of_anothers_tap, "lab.yaml:3:40: port db: mac TAP is already that of the TAP of port web (line 4); give "
                              "it another `mac:`"},
    {an_mtu_too_small, "lab.yaml:2:3: network lab: mtu 575 must be 576 to 65521"},
    {an_mtu_too_large, "lab.yaml:2:3: network lab: mtu 65522 must be 576 to 65521"},
    {a_bridge_as_uplink, "lab.yaml:3:33: network b: uplink br-a is the interface of network a (line 2), not a way out; "
                         "name an interface of the host"},
    {loopback_as_uplink,
     "lab.yaml:2:3: network lab: uplink `lo` is no way out; name an interface of the host, or leave "
     "it out: the default route's is taken"},
    {an_uplink_of_an_isolated_network, "lab.yaml:2:3: network lab: uplink eth0 has no use in mode isolated; leave it "
                                       "out, or write `mode: nat`"},
    {one_device_for_two_ports, "lab.yaml:4:22: port db: the interface name lab-web is already that of port web (line "
                               "3); give one of them another with `device:`"},
    {a_tap_named_as_a_bridge, "lab.yaml:3:7: port web: the interface name br-lab is already that of network lab (line "
                              "2); give one of them another with `device:`"},
    {a_device_named_as_a_tap, "lab.yaml:4:3: device lab-web: the interface name lab-web is already that of port web "
                              "(line 3); give one of them another name"},
    {two_ids_that_begin_the_same,
     "lab.yaml:4:7: port db: the interface name tapa8f2c9d0-1b is already that of port web "
     "(line 3); give one of them another with `device:`"},
    {a_bridge_name_that_is_none, "lab.yaml:2:3: network lab: `a/b` is not an interface name: 1 to 15 characters, no "
                                 "blank, no `/`, `:`, `%`; give it another with `bridge:`"},
    {one_network_twice, "lab.yaml:3:3: network lab is there already (line 2); choose another name"},
    {one_port_twice, "lab.yaml:4:7: port web: the name web is already the name of port web (line 3), and in DNS it can "
                     "mean one of them only; choose another one"},
    {one_hostname_twice, "lab.yaml:4:7: port two: the hostname www is already the hostname of port one (line 3), and "
                         "in DNS it can mean one of them only; choose another one"},
    {the_name_of_an_earlier_port_as_hostname, "lab.yaml:4:7: port db: the hostname web is already the name of port web "
                                              "(line 3), and in DNS it can mean one of them only; choose another one"},
    {the_name_of_a_later_port_as_hostname, "lab.yaml:3:7: port db: the hostname web is already the name of port web "
                                           "(line 4), and in DNS it can mean one of them only; choose another one"},
    {a_guest_named_localhost, "lab.yaml:3:7: port web: `localhost` can't be a guest's name: every guest takes it for "
                              "itself; choose another one"},
    {a_network_named_local, "lab.yaml:2:3: network local: its name is the domain of its guests, and guests look it up "
                            "by multicast, not in DNS; choose another one"},
    {a_multicast_address_of_a_device, "lab.yaml:2:3: device tun1: address 224.0.0.1/24 is multicast (224.0.0.0/4); "
                                      "choose another one"},
    {a_device_with_the_network_address, "lab.yaml:2:3: device tun1: address 192.168.3.0/24 is the network itself; "
                                        "choose another one"},
    {one_address_for_two_devices, "lab.yaml:3:3: device tun2: address fd00::1 is already that of device tun1 (line 2); "
                                  "choose another one"},
    {a_small_mtu_with_ip6, "lab.yaml:2:3: device tun1: mtu 1279 is too small for IPv6; make it 1280 or more, or leave "
                           "the IPv6 address out"},
    {a_mac_of_a_tun, "lab.yaml:2:3: device tun1: mac 02:00:00:00:00:01: a tun carries IP packets and has none; leave "
                     "it out, or write `kind: tap`"},
    {a_link_type_of_a_tap, "lab.yaml:2:3: device tap1: link_type 512: a tap carries Ethernet, 1; leave it out, or "
                           "write `kind: tun`"},
    {offloads_without_checksums, "lab.yaml:2:3: device tap1: offloads: every offload needs that of checksums; add "
                                 "`csum`"},
    {ecn_without_tcp, "lab.yaml:2:3: device tap1: offloads: `ecn` is about TCP; add `tso4` or `tso6`"},
    {one_of_two_uso, "lab.yaml:2:3: device tap1: offloads: the kernel takes `uso4` and `uso6` together only; add the "
                     "other one"},
    {tunnels_of_nothing,
     "lab.yaml:2:3: device tap1: offloads: `tunnel` is about what goes through tunnels; add `tso4`, "
     "`tso6`, or `uso4` and `uso6`"},
    {a_sum_of_no_tunnel, "lab.yaml:2:3: device tap1: offloads: `tunnel-csum` is about tunnels; add `tunnel`"},
};

static void each_mistake_has_its_place_its_text_and_its_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct model_set *set _cleanup_set_ = build_set("lab");
        struct tapnet_error error = TAPNET_ERROR_INIT;
        struct mac bridge = mac_derive("tapnet bridge lab", NULL), tap = mac_derive("tapnet tap lab/lab/web", NULL);
        char expected[512], mac[MAC_TEXT_MAX];
        const char *hole = strstr(cases[i].text, "mac BRIDGE");

        if (!hole)
            hole = strstr(cases[i].text, "mac TAP");
        if (hole)
            snprintf(expected, sizeof(expected), "%.*smac %s%s", (int)(hole - cases[i].text), cases[i].text,
                     mac_print(hole[4] == 'B' ? &bridge : &tap, mac), strchr(hole + 4, ' '));
        else
            snprintf(expected, sizeof(expected), "%s", cases[i].text);
        cases[i].build(set);
        model_derive(set);
        assert_int_equal(model_check(set, &error), -EINVAL);
        assert_int_equal(error.code, -EINVAL);
        assert_string_equal(error.text, expected);
        assert_int_equal(model_check(set, NULL), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_has_its_place_its_text_and_its_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
