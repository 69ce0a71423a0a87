/* SPDX-License-Identifier: MIT */
/* Headers: what is built parses to what it was, byte by byte as the RFCs draw it; nothing cut off or crooked parses. */
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "lab.h"

/* Every shorter length is refused, and nothing is written into less room. */
#define ASSERT_BOUNDS(name, bytes, size, header)                                                                       \
    do {                                                                                                               \
        uint8_t room_[128];                                                                                            \
        struct tapnet_##name parsed_;                                                                                  \
        for (size_t len_ = 0; len_ < (size); len_++) {                                                                 \
            uint8_t *copy_ = exact_copy(bytes, len_);                                                                  \
            assert_int_equal(tapnet_##name##_parse(copy_, len_, &parsed_), -EBADMSG);                                  \
            assert_int_equal(tapnet_##name##_build(room_, len_, &(header)), -ENOBUFS);                                 \
            free(copy_);                                                                                               \
        }                                                                                                              \
        assert_int_equal(tapnet_##name##_build(room_, sizeof(room_), &(header)), size);                                \
        assert_memory_equal(room_, bytes, size);                                                                       \
        assert_int_equal(tapnet_##name##_parse(room_, size, &parsed_), size);                                          \
    } while (0)

static void link_headers(void **state)
{
    static const uint8_t ethernet_bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0, 0, 7, 0x81, 0};
    static const uint8_t vlan_bytes[] = {0xb0, 0x64, 0x08, 0x06};
    static const uint8_t arp_bytes[] = {0,  1,  8, 0, 6, 4, 0, 2, 0x52, 0x54, 0,  0,  0, 7,
                                        10, 20, 0, 7, 2, 0, 0, 0, 0,    1,    10, 20, 0, 1};
    const struct tapnet_ethernet ethernet = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x52, 0x54, 0, 0, 0, 7}, 0x8100};
    const struct tapnet_vlan vlan = {.priority = 5, .drop_eligible = true, .id = 100, .type = ETH_P_ARP};
    const struct tapnet_arp arp = {2, {0x52, 0x54, 0, 0, 0, 7}, {10, 20, 0, 7}, {2, 0, 0, 0, 0, 1}, {10, 20, 0, 1}};
    struct tapnet_arp found = {0};
    uint8_t bytes[28];

    (void)state;
    ASSERT_BOUNDS(ethernet, ethernet_bytes, TAPNET_ETHERNET_LEN, ethernet);
    ASSERT_BOUNDS(vlan, vlan_bytes, TAPNET_VLAN_LEN, vlan);
    ASSERT_BOUNDS(arp, arp_bytes, TAPNET_ARP_LEN, arp);
    assert_int_equal(tapnet_arp_parse(arp_bytes, 28, &found), 28);
    assert_memory_equal(&found, &arp, sizeof(arp));
    for (size_t i = 0; i < 6; i++) {
        memcpy(bytes, arp_bytes, 28);
        bytes[i]++;
        assert_int_equal(tapnet_arp_parse(bytes, 28, &found), -EOPNOTSUPP);
    }
    assert_int_equal(tapnet_vlan_build(bytes, 28, &(struct tapnet_vlan){.id = 4096}), -EINVAL);
    assert_int_equal(tapnet_vlan_build(bytes, 28, &(struct tapnet_vlan){.priority = 8}), -EINVAL);
}

static void ipv4_headers(void **state)
{
    static const uint8_t options[] = {7, 7, 4, 0, 0, 0, 0, 0};
    struct tapnet_ipv4 ip = {.tos = 0xb9,
                             .total_len = 28,
                             .id = 0x1234,
                             .dont_fragment = true,
                             .fragment_offset = 1480,
                             .ttl = 3,
                             .protocol = 17,
                             .source = {10, 0, 0, 1},
                             .destination = {10, 0, 0, 2},
                             .options = options,
                             .options_len = 8};
    struct tapnet_ipv4 found;
    uint8_t bytes[60];

    (void)state;
    assert_int_equal(tapnet_ipv4_build(bytes, 60, &ip), 28);
    assert_memory_equal(bytes, "\x47\xb9\x00\x1c\x12\x34\x40\xb9\x03\x11", 10);
    for (size_t len = 0; len <= 28; len++) {
        uint8_t *copy = exact_copy(bytes, len);

        assert_int_equal(tapnet_ipv4_parse(copy, len, &found), len < 28 ? -EBADMSG : 28);
        assert_int_equal(tapnet_ipv4_build(copy, len, &ip), len < 28 ? -ENOBUFS : 28);
        free(copy);
    }
    assert_int_equal(tapnet_ipv4_parse(bytes, 28, &found), 28);
    assert_int_equal(found.fragment_offset, 1480);
    assert_true(found.dont_fragment && !found.more_fragments && found.checksum_good);
    assert_memory_equal(found.options, options, 8);
    bytes[8]--;
    assert_int_equal(tapnet_ipv4_parse(bytes, 28, &found), 28);
    assert_false(found.checksum_good);
    bytes[3] = 27; /* shorter than its header */
    assert_int_equal(tapnet_ipv4_parse(bytes, 60, &found), -EBADMSG);
    bytes[3] = 60;
    bytes[0] = 0x44;
    assert_int_equal(tapnet_ipv4_parse(bytes, 60, &found), -EBADMSG);
    bytes[0] = 0x65;
    assert_int_equal(tapnet_ipv4_parse(bytes, 60, &found), -EBADMSG);
    ip.total_len = 27;
    assert_int_equal(tapnet_ipv4_build(bytes, 60, &ip), -EINVAL);
    ip = (struct tapnet_ipv4){.total_len = 20, .fragment_offset = 4};
    assert_int_equal(tapnet_ipv4_build(bytes, 60, &ip), -EINVAL);
}

static void ipv6_headers(void **state)
{
    const struct tapnet_ipv6 ip = {.traffic_class = 0xab,
                                   .flow_label = 0xcdef1,
                                   .payload_len = 3,
                                   .next_header = 58,
                                   .hop_limit = 255,
                                   .source = {0xfe, 0x80, [15] = 1},
                                   .destination = {0xff, 2}};
    struct tapnet_ipv6 found = {0};
    uint8_t bytes[43] = {0}, again[43];

    (void)state;
    assert_int_equal(tapnet_ipv6_build(bytes, 39, &ip), -ENOBUFS);
    assert_int_equal(tapnet_ipv6_build(bytes, 43, &ip), 40);
    assert_memory_equal(bytes, "\x6a\xbc\xde\xf1\x00\x03\x3a\xff\xfe\x80", 10);
    for (size_t len = 0; len <= 43; len++) {
        uint8_t *copy = exact_copy(bytes, len);

        assert_int_equal(tapnet_ipv6_parse(copy, len, &found), len < 43 ? -EBADMSG : 40);
        free(copy);
    }
    assert_int_equal(tapnet_ipv6_build(again, 43, &found), 40);
    assert_memory_equal(again, bytes, 40);
    assert_int_equal(tapnet_ipv6_build(bytes, 43, &(struct tapnet_ipv6){.flow_label = 1 << 20}), -EINVAL);
}

static void ipv6_extensions(void **state)
{
    static const uint8_t chain[] = {
        IPPROTO_ROUTING,
        0,
        5,
        2,
        0,
        0,
        0,
        0, /* hop by hop */
        IPPROTO_FRAGMENT,
        1,
        4,
        2,
        0,
        0,
        0,
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8, /* routing, two segments left */
        51,
        0,
        0,
        1,
        0,
        0,
        0,
        9, /* fragment, the first of many */
        IPPROTO_UDP,
        2,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0, /* authentication */
    };
    struct tapnet_ipv6_extensions found;
    uint8_t many[9 * 8] = {0};

    (void)state;
    for (size_t len = 0; len < sizeof(chain); len++) {
        uint8_t *copy = exact_copy(chain, len);

        assert_int_equal(tapnet_ipv6_extensions_parse(copy, len, IPPROTO_HOPOPTS, &found), -EBADMSG);
        free(copy);
    }
    assert_int_equal(tapnet_ipv6_extensions_parse(chain, sizeof(chain), IPPROTO_HOPOPTS, &found), sizeof(chain));
    assert_int_equal(found.protocol, IPPROTO_UDP);
    assert_int_equal(found.count, 4);
    assert_int_equal(found.segments_left, 2);
    assert_true(found.fragment && found.more_fragments);
    assert_int_equal(found.fragment_id, 9);
    assert_int_equal(tapnet_ipv6_extensions_parse(chain, 0, IPPROTO_TCP, &found), 0);
    assert_int_equal(found.protocol, IPPROTO_TCP);
    /* Behind a fragment that is not the first there is no header, whatever its next header says. */
    assert_int_equal(tapnet_ipv6_extensions_parse("\x3c\0\x05\xb8\0\0\0\1", 8, IPPROTO_FRAGMENT, &found), 8);
    assert_int_equal(found.fragment_offset, 1464);
    assert_int_equal(found.protocol, IPPROTO_DSTOPTS);
    for (size_t i = 0; i < 9; i++)
        many[8 * i] = IPPROTO_DSTOPTS;
    assert_int_equal(tapnet_ipv6_extensions_parse(many, sizeof(many), IPPROTO_DSTOPTS, &found), -EOPNOTSUPP);
}

static void options_are_walked(void **state)
{
    static const uint8_t options[] = {1, 2, 4, 5, 0xb4, 1, 4, 2, 0, 99};
    struct tapnet_option option;
    size_t offset = 0;

    (void)state;
    assert_int_equal(tapnet_option_next(options, sizeof(options), &offset, &option), 1);
    assert_int_equal(option.type, 2);
    assert_int_equal(option.data_len, 2);
    assert_ptr_equal(option.data, options + 3);
    assert_int_equal(tapnet_option_next(options, sizeof(options), &offset, &option), 1);
    assert_int_equal(option.type, 4);
    assert_int_equal(tapnet_option_next(options, sizeof(options), &offset, &option), 0);
    assert_int_equal(tapnet_option_next(NULL, 0, &(size_t){0}, &option), 0);
    assert_int_equal(tapnet_option_next((const uint8_t[]){8}, 1, &(size_t){0}, &option), -EBADMSG);
    assert_int_equal(tapnet_option_next((const uint8_t[]){8, 1}, 2, &(size_t){0}, &option), -EBADMSG);
    assert_int_equal(tapnet_option_next((const uint8_t[]){8, 3}, 2, &(size_t){0}, &option), -EBADMSG);
}

static void neighbour_discovery(void **state)
{
    const struct tapnet_nd solicitation = {
        .target = {0xfe, 0x80, [15] = 2}, .has_mac = true, .mac = {2, 0, 0, 0, 0, 1}};
    const struct tapnet_nd advertisement = {true, true, false, true, {0xfd, [15] = 9}, false, {0}};
    const uint8_t source[16] = {0xfe, 0x80, [15] = 1}, destination[16] = {0xff, 2, [15] = 2};
    struct tapnet_nd found = {0};
    uint8_t bytes[40];

    (void)state;
    for (size_t room = 0; room < 32; room++)
        assert_int_equal(tapnet_nd_build(bytes, room, &solicitation, source, destination), -ENOBUFS);
    assert_int_equal(tapnet_nd_build(bytes, 40, &solicitation, source, destination), 32);
    assert_int_equal(tapnet_checksum_finish(tapnet_checksum_add(
                         tapnet_checksum_pseudo(source, destination, 16, IPPROTO_ICMPV6, 32), bytes, 32)),
                     0);
    for (size_t len = 0; len <= 32; len++) {
        uint8_t *copy = exact_copy(bytes, len);

        assert_int_equal(tapnet_nd_parse(copy, len, &found), len == 24 ? 24 : len == 32 ? 32 : -EBADMSG);
        free(copy);
    }
    assert_memory_equal(&found, &solicitation, sizeof(found));
    bytes[25] = 0; /* an option without length would never end */
    assert_int_equal(tapnet_nd_parse(bytes, 32, &found), -EBADMSG);
    assert_int_equal(tapnet_nd_build(bytes, 40, &advertisement, source, destination), 24);
    assert_int_equal(bytes[4], 0xa0);
    assert_int_equal(tapnet_nd_parse(bytes, 24, &found), 24);
    assert_memory_equal(&found, &advertisement, sizeof(found));
    bytes[0] = 128;
    assert_int_equal(tapnet_nd_parse(bytes, 24, &found), -EOPNOTSUPP);
}

static void transport_headers(void **state)
{
    static const uint8_t mss[] = {2, 4, 5, 0xb4};
    const struct tapnet_tcp tcp = {.source_port = 1,
                                   .destination_port = 2,
                                   .sequence = 0x01020304,
                                   .acknowledgement = 5,
                                   .flags = 0xfff,
                                   .window = 6,
                                   .urgent = 7,
                                   .options = mss,
                                   .options_len = 4};
    const struct tapnet_udp udp = {.source_port = 53, .destination_port = 5353};
    struct tapnet_tcp found;
    struct tapnet_udp found_udp;
    uint8_t bytes[64] = {0};

    (void)state;
    assert_int_equal(tapnet_tcp_build(bytes, 25, &tcp, 2, 0), -ENOBUFS);
    assert_int_equal(tapnet_tcp_build(bytes, 26, &tcp, 2, 0), 24);
    assert_int_equal(plain_checksum(0, bytes, 26), 0);
    assert_int_equal(bytes[12], 0x6f);
    for (size_t len = 0; len <= 24; len++) {
        uint8_t *copy = exact_copy(bytes, len);

        assert_int_equal(tapnet_tcp_parse(copy, len, &found), len < 24 ? -EBADMSG : 24);
        free(copy);
    }
    assert_int_equal(tapnet_tcp_parse(bytes, 64, &found), 24);
    assert_int_equal(found.flags, 0xfff);
    assert_int_equal(found.sequence, 0x01020304);
    assert_memory_equal(found.options, mss, 4);
    bytes[12] = 0x4f;
    assert_int_equal(tapnet_tcp_parse(bytes, 64, &found), -EBADMSG);
    assert_int_equal(tapnet_udp_build(bytes, 11, &udp, 4, 0), -ENOBUFS);
    assert_int_equal(tapnet_udp_build(bytes, 12, &udp, 4, 0), 8);
    assert_int_equal(plain_checksum(0, bytes, 12), 0);
    assert_int_equal(tapnet_udp_parse(bytes, 11, &found_udp), -EBADMSG);
    assert_int_equal(tapnet_udp_parse(bytes, 12, &found_udp), 8);
    assert_int_equal(found_udp.len, 12);
    bytes[5] = 7;
    assert_int_equal(tapnet_udp_parse(bytes, 12, &found_udp), -EBADMSG);
    assert_int_equal(tapnet_udp_build(bytes, SIZE_MAX, &udp, 65528, 0), -EINVAL);
    /* A checksum that comes out as 0 is sent as 0xffff. */
    assert_int_equal(tapnet_udp_build(bytes, 8, &(struct tapnet_udp){.source_port = 0xfff7}, 0, 0), 8);
    assert_memory_equal(bytes + 6, "\xff\xff", 2);
}

static void vnet_headers(void **state)
{
    const struct tapnet_vnet vnet = {1, 0x81, 0x0102, 0x0304, 0x0506, 0x0708, 0x090a};
    struct tapnet_vnet found = {0};
    uint8_t bytes[24];

    (void)state;
    assert_int_equal(tapnet_vnet_build(bytes, 12, 12, TAPNET_ORDER_BIG, &vnet), 12);
    assert_memory_equal(bytes, "\1\x81\1\2\3\4\5\6\7\x08\x09\x0a", 12);
    assert_int_equal(tapnet_vnet_build(bytes, 24, 24, TAPNET_ORDER_LITTLE, &vnet), 24);
    assert_memory_equal(bytes, "\1\x81\2\1\4\3\6\5\x08\7\x0a\x09\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    for (int order = TAPNET_ORDER_NATIVE; order <= TAPNET_ORDER_BIG; order++) {
        assert_int_equal(tapnet_vnet_build(bytes, 24, 12, order, &vnet), 12);
        assert_int_equal(tapnet_vnet_parse(bytes, 12, 12, order, &found), 12);
        assert_memory_equal(&found, &vnet, sizeof(vnet));
    }
    assert_int_equal(tapnet_vnet_parse(bytes, 11, 12, TAPNET_ORDER_NATIVE, &found), -EBADMSG);
    assert_int_equal(tapnet_vnet_parse(bytes, 24, 9, TAPNET_ORDER_NATIVE, &found), -EINVAL);
    assert_int_equal(tapnet_vnet_build(bytes, 9, 10, TAPNET_ORDER_NATIVE, &vnet), -ENOBUFS);
    assert_int_equal(tapnet_vnet_build(bytes, 24, 0, TAPNET_ORDER_NATIVE, &vnet), -EINVAL);
}

/* Whole packets: two tags, options, padding; fragments have no transport header; a third tag is no IP. */
static void layouts(void **state)
{
    static const uint8_t tagged[] = {1, 2, 3,    4, 5, 6,  1, 2,  3, 4,  5,  7,  0x88, 0xa8, 0,   1,   0x81, 0, 0, 2,
                                     8, 0, 0x46, 0, 0, 34, 0, 0,  0, 0,  64, 17, 0,    0,    1,   1,   1,    1, 2, 2,
                                     2, 2, 1,    1, 1, 0,  0, 53, 0, 53, 0,  10, 0,    0,    'h', 'i', 0,    0, 0};
    struct tapnet_layout found;
    uint8_t bytes[sizeof(tagged)];

    (void)state;
    for (size_t len = 0; len <= sizeof(tagged); len++) {
        uint8_t *copy = exact_copy(tagged, len);

        assert_int_equal(tapnet_layout_parse(copy, len, TAPNET_TAP, &found), len < 56 ? -EBADMSG : 0);
        free(copy);
    }
    assert_int_equal(found.vlan_count, 2);
    assert_int_equal(found.type, ETH_P_IP);
    assert_int_equal(found.network, 22);
    assert_int_equal(found.transport, 46);
    assert_int_equal(found.payload, 54);
    assert_int_equal(found.end, 56);
    assert_int_equal(tapnet_layout_parse(tagged + 22, sizeof(tagged) - 22, TAPNET_TUN, &found), 0);
    assert_int_equal(found.network, 0);
    assert_int_equal(found.payload, 32);
    memcpy(bytes, tagged, sizeof(bytes));
    bytes[29] = 1; /* a fragment offset */
    assert_int_equal(tapnet_layout_parse(bytes, sizeof(bytes), TAPNET_TAP, &found), 0);
    assert_true(found.fragment);
    assert_int_equal(found.transport, found.payload);
    bytes[20] = 0x81, bytes[21] = 0;
    assert_int_equal(tapnet_layout_parse(bytes, sizeof(bytes), TAPNET_TAP, &found), 0);
    assert_int_equal(found.version, 0);
    assert_int_equal(found.type, ETH_P_8021Q);
    assert_int_equal(found.end, sizeof(bytes));
    assert_int_equal(tapnet_layout_parse(bytes, 0, TAPNET_TUN, &found), -EBADMSG);
    assert_int_equal(tapnet_layout_parse("\xff", 1, TAPNET_TUN, &found), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_headers),
        cmocka_unit_test(ipv4_headers),
        cmocka_unit_test(ipv6_headers),
        cmocka_unit_test(ipv6_extensions),
        cmocka_unit_test(options_are_walked),
        cmocka_unit_test(neighbour_discovery),
        cmocka_unit_test(transport_headers),
        cmocka_unit_test(vnet_headers),
        cmocka_unit_test(layouts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
