/* SPDX-License-Identifier: MIT */
/* Every parser of a header, and whole packets: nothing is read outside, what parses is built again as it was. */
#include <stdlib.h>
#include <string.h>
#include <tapnet/packet.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

static void fuzz_options(const uint8_t *bytes, size_t len)
{
    struct tapnet_option option;
    size_t offset = 0;

    while (tapnet_option_next(bytes, len, &offset, &option) > 0)
        must(option.data + option.data_len <= bytes + len && offset <= len);
    offset = 0;
    while (tapnet_nd_option_next(bytes, len, &offset, &option) > 0)
        must(option.data + option.data_len <= bytes + len && offset <= len);
}

static void fuzz_link(const uint8_t *bytes, size_t len)
{
    uint8_t again[TAPNET_ARP_LEN];
    struct tapnet_ethernet ethernet;
    struct tapnet_vlan vlan;
    struct tapnet_arp arp;

    if (tapnet_ethernet_parse(bytes, len, &ethernet) > 0) {
        must(tapnet_ethernet_build(again, sizeof(again), &ethernet) == TAPNET_ETHERNET_LEN);
        must(memcmp(again, bytes, TAPNET_ETHERNET_LEN) == 0);
    }
    if (tapnet_vlan_parse(bytes, len, &vlan) > 0) {
        must(tapnet_vlan_build(again, sizeof(again), &vlan) == TAPNET_VLAN_LEN);
        must(memcmp(again, bytes, TAPNET_VLAN_LEN) == 0);
    }
    if (tapnet_arp_parse(bytes, len, &arp) > 0) {
        must(tapnet_arp_build(again, sizeof(again), &arp) == TAPNET_ARP_LEN);
        must(memcmp(again, bytes, TAPNET_ARP_LEN) == 0);
    }
}

static void fuzz_ip(const uint8_t *bytes, size_t len)
{
    struct tapnet_ipv6_extensions extensions;
    struct tapnet_ipv4 four;
    struct tapnet_ipv6 six;
    uint8_t again[60];
    int header_len = tapnet_ipv4_parse(bytes, len, &four);

    if (header_len > 0) {
        must(tapnet_ipv4_build(again, sizeof(again), &four) == header_len);
        again[6] |= bytes[6] & 0x80; /* the reserved bit */
        must(memcmp(again, bytes, 10) == 0 && memcmp(again + 12, bytes + 12, (size_t)header_len - 12) == 0);
        must(!four.checksum_good || bytes[6] & 0x80 || memcmp(again + 10, bytes + 10, 2) == 0 ||
             memcmp(bytes + 10, "\xff\xff", 2) == 0);
    }
    if (tapnet_ipv6_parse(bytes, len, &six) > 0) {
        must(tapnet_ipv6_build(again, sizeof(again), &six) == TAPNET_IPV6_LEN);
        must(memcmp(again, bytes, TAPNET_IPV6_LEN) == 0);
    }
    if (len > 0)
        must(tapnet_ipv6_extensions_parse(bytes + 1, len - 1, bytes[0], &extensions) <= (int)len);
}

static void fuzz_transport(const uint8_t *bytes, size_t len)
{
    uint8_t again[60];
    struct tapnet_icmp icmp;
    struct tapnet_tcp tcp;
    struct tapnet_udp udp;
    struct tapnet_nd nd;
    int header_len = tapnet_tcp_parse(bytes, len, &tcp);

    if (header_len > 0) {
        must(tapnet_tcp_build(again, sizeof(again), &tcp, 0, 0) == header_len);
        memcpy(again + 16, bytes + 16, 2);
        must(memcmp(again, bytes, (size_t)header_len) == 0);
    }
    if (tapnet_udp_parse(bytes, len, &udp) > 0)
        must(udp.len >= TAPNET_UDP_LEN && udp.len <= len);
    if (tapnet_icmp_parse(bytes, len, &icmp) > 0) {
        must(tapnet_icmp_build(again, sizeof(again), &icmp, 0, 0) == TAPNET_ICMP_LEN);
        must(memcmp(again, bytes, 2) == 0 && memcmp(again + 4, bytes + 4, 4) == 0);
    }
    if (tapnet_nd_parse(bytes, len, &nd) > 0)
        must(tapnet_nd_build(again, sizeof(again), &nd, nd.target, nd.target) == (nd.has_mac ? 32 : 24));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tapnet_layout layout;
    uint8_t *bytes;
    size_t len = size;

    if (size < 1)
        return 0;
    bytes = malloc(len); /* one byte less would do; this ends where the input ends */
    must(bytes != NULL);
    memcpy(bytes, data, len);
    fuzz_options(bytes, len);
    fuzz_link(bytes, len);
    fuzz_ip(bytes, len);
    fuzz_transport(bytes, len);
    for (unsigned kind = TAPNET_TUN; kind <= TAPNET_TAP; kind++)
        if (tapnet_layout_parse(bytes, len, kind, &layout) == 0)
            must(layout.network <= layout.transport && layout.transport <= layout.payload &&
                 layout.payload <= layout.end && layout.end <= len);
    free(bytes);
    return 0;
}
