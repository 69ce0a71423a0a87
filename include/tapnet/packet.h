/* SPDX-License-Identifier: MIT */
/* Packets of TUN and TAP devices: take apart, put together, checksum, split, merge, read and write in batches. */
#ifndef TAPNET_PACKET_H
#define TAPNET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapnet/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Everything here works in the caller's buffers, allocates nothing and keeps nothing. No function reads outside of the
 * bytes that it was given, whatever they hold; buffers need no alignment. Numbers are in host order, addresses and MACs
 * are bytes in the order in which they are sent.
 *
 * These functions are for the path of every packet: they return a negative errno and no sentence. Parsers and builders
 * of one header return its length, so that a packet is walked by adding up; outputs (ret) are set only on success:
 *
 *   -EBADMSG     what stands there is no such header, or not all of it
 *   -ENOBUFS     it does not fit into @room bytes
 *   -EINVAL      values that such a header can't hold
 *   -EOPNOTSUPP  sound, and something that this function does not do
 *
 * See tapnet-packet(3) for the whole story.
 */

/* ---- checksums (RFC 1071, RFC 1624) ---- */

/**
 * Adds @len bytes to the ones' complement sum @sum (0 to start), taken as 16-bit numbers in network order. Pieces are
 * added one after the other; only the last may have an odd length, see tapnet_checksum_combine(). Never overflows.
 */
uint32_t tapnet_checksum_add(uint32_t sum, const void *bytes, size_t len);
/** The sum of a whole from @sum, of what stands before, and @part, the sum of what begins @offset bytes into it. */
uint32_t tapnet_checksum_combine(uint32_t sum, uint32_t part, size_t offset);
/** The checksum: the complement of @sum folded to 16 bits. Over data that holds a right checksum it is 0. */
uint16_t tapnet_checksum_finish(uint32_t sum);
/** The checksum of @len bytes. */
uint16_t tapnet_checksum(const void *bytes, size_t len);
/**
 * The checksum of data in which @len bytes that were @before are now @after (RFC 1624, equation 3). They begin at an
 * even offset; @len is even.
 */
uint16_t tapnet_checksum_update(uint16_t checksum, const void *before, const void *after, size_t len);
/**
 * The sum over the pseudo header of TCP, UDP (RFC 768, 793) or of anything over IPv6 (RFC 8200, 8.1).
 *
 * @param address_len  4 or 16: the bytes of @source and @destination
 * @param protocol     IPPROTO_...
 * @param len          bytes of the upper layer's header and payload
 */
uint32_t tapnet_checksum_pseudo(const uint8_t *source, const uint8_t *destination, size_t address_len, uint8_t protocol,
                                size_t len);

/* ---- Ethernet ---- */

#define TAPNET_ETHERNET_LEN 14
#define TAPNET_VLAN_LEN 4
#define TAPNET_ARP_LEN 28

struct tapnet_ethernet {
    uint8_t destination[6], source[6];
    uint16_t type; /**< ETH_P_... of linux/if_ether.h; below 1536 the frame's length (IEEE 802.3) */
};

/** A VLAN tag, behind the type ETH_P_8021Q or ETH_P_8021AD (IEEE 802.1Q). */
struct tapnet_vlan {
    uint8_t priority; /**< 0 to 7 */
    bool drop_eligible;
    uint16_t id;   /**< 0 to 4095 */
    uint16_t type; /**< of what comes next */
};

/** ARP for IPv4 over Ethernet (RFC 826). */
struct tapnet_arp {
    uint16_t operation; /**< 1 request, 2 reply */
    uint8_t sender_mac[6], sender[4];
    uint8_t target_mac[6], target[4];
};

int tapnet_ethernet_parse(const void *bytes, size_t len, struct tapnet_ethernet *ret);
int tapnet_ethernet_build(void *bytes, size_t room, const struct tapnet_ethernet *header);
int tapnet_vlan_parse(const void *bytes, size_t len, struct tapnet_vlan *ret);
int tapnet_vlan_build(void *bytes, size_t room, const struct tapnet_vlan *tag);
/** -EOPNOTSUPP for other than IPv4 over Ethernet. */
int tapnet_arp_parse(const void *bytes, size_t len, struct tapnet_arp *ret);
int tapnet_arp_build(void *bytes, size_t room, const struct tapnet_arp *arp);

/* ---- IP ---- */

#define TAPNET_IPV4_LEN 20 /**< without options */
#define TAPNET_IPV6_LEN 40 /**< without extension headers */
/** So many extension headers are looked at; more are -EOPNOTSUPP. */
#define TAPNET_IPV6_EXTENSIONS_MAX 8

/** RFC 791. */
struct tapnet_ipv4 {
    uint8_t tos;        /**< DSCP and ECN */
    uint16_t total_len; /**< of the datagram, header and all; when parsed, not more than there is */
    uint16_t id;
    bool dont_fragment, more_fragments;
    uint16_t fragment_offset; /**< bytes, a multiple of 8 */
    uint8_t ttl, protocol;
    bool checksum_good; /**< set by the parser; what is built is good */
    uint8_t source[4], destination[4];
    const uint8_t *options; /**< to walk with tapnet_option_next(); when parsed, points into the packet */
    size_t options_len;     /**< a multiple of 4, 40 at most */
};

/** RFC 8200. */
struct tapnet_ipv6 {
    uint8_t traffic_class;
    uint32_t flow_label;  /**< 20 bits */
    uint16_t payload_len; /**< of all behind this header; when parsed, not more than there is */
    uint8_t next_header, hop_limit;
    uint8_t source[16], destination[16];
};

/** What the extension headers in front of the upper layer say. */
struct tapnet_ipv6_extensions {
    uint8_t protocol; /**< of the upper layer (IPPROTO_..., 59: none), or the extension that can't be looked into */
    unsigned count;
    bool fragment; /**< there is a fragment header; what stands behind one with an offset is no header */
    bool more_fragments;
    uint16_t fragment_offset; /**< bytes */
    uint32_t fragment_id;
    uint8_t segments_left; /**< of a routing header: not 0 means that the destination is not the last one */
};

int tapnet_ipv4_parse(const void *bytes, size_t len, struct tapnet_ipv4 *ret);
/** Writes the header with its checksum. */
int tapnet_ipv4_build(void *bytes, size_t room, const struct tapnet_ipv4 *header);
int tapnet_ipv6_parse(const void *bytes, size_t len, struct tapnet_ipv6 *ret);
int tapnet_ipv6_build(void *bytes, size_t room, const struct tapnet_ipv6 *header);
/**
 * Walks over extension headers (hop by hop, routing, destination options, fragment, authentication).
 *
 * @param bytes        @len of them, behind the IPv6 header
 * @param next_header  of the IPv6 header
 * @return how many bytes they have, 0 when there are none
 */
int tapnet_ipv6_extensions_parse(const void *bytes, size_t len, uint8_t next_header,
                                 struct tapnet_ipv6_extensions *ret);

/* ---- options ---- */

/** An option of IPv4, TCP or Neighbour Discovery. */
struct tapnet_option {
    uint8_t type;
    const uint8_t *data; /**< behind type and length, points into the packet */
    size_t data_len;
};

/**
 * The next option of an IPv4 or TCP header; "no operation" is stepped over, "end of list" ends.
 *
 * @param offset  0 to start; moved behind the option
 * @return 1 with *ret set, 0 at the end, -EBADMSG
 */
int tapnet_option_next(const uint8_t *options, size_t len, size_t *offset, struct tapnet_option *ret);

/* ---- ICMP, ICMPv6 and Neighbour Discovery ---- */

#define TAPNET_ICMP_LEN 8
#define TAPNET_ND_LEN 24 /**< without options */

/** Any message: RFC 792, RFC 4443. */
struct tapnet_icmp {
    uint8_t type, code;
    uint16_t checksum;
    uint16_t id, sequence; /**< of echo; else just the bytes 4 and 5, 6 and 7 */
};

/** Neighbour solicitation and advertisement (RFC 4861, 4.3 and 4.4). */
struct tapnet_nd {
    bool advertisement;
    bool router, solicited, override; /**< of an advertisement */
    uint8_t target[16];
    bool has_mac;
    uint8_t mac[6]; /**< the sender's of a solicitation, the target's of an advertisement */
};

int tapnet_icmp_parse(const void *bytes, size_t len, struct tapnet_icmp *ret);
/**
 * Writes the header and its checksum, also over @payload_len bytes that stand behind it already.
 *
 * @param room    for header and payload
 * @param pseudo  0 for ICMP; tapnet_checksum_pseudo() for ICMPv6
 */
int tapnet_icmp_build(void *bytes, size_t room, const struct tapnet_icmp *header, size_t payload_len, uint32_t pseudo);
/** @bytes begin with the ICMPv6 header. -EOPNOTSUPP for other messages. Returns the length with options. */
int tapnet_nd_parse(const void *bytes, size_t len, struct tapnet_nd *ret);
/** Writes the message with its ICMPv6 header and checksum, from @source to @destination; 24 or 32 bytes. */
int tapnet_nd_build(void *bytes, size_t room, const struct tapnet_nd *message, const uint8_t source[16],
                    const uint8_t destination[16]);
/** As tapnet_option_next(), for the options of any Neighbour Discovery message (RFC 4861, 4.6). */
int tapnet_nd_option_next(const uint8_t *options, size_t len, size_t *offset, struct tapnet_option *ret);

/* ---- TCP and UDP ---- */

#define TAPNET_TCP_LEN 20 /**< without options */
#define TAPNET_UDP_LEN 8

enum tapnet_tcp_flag {
    TAPNET_TCP_FIN = 0x01,
    TAPNET_TCP_SYN = 0x02,
    TAPNET_TCP_RST = 0x04,
    TAPNET_TCP_PSH = 0x08,
    TAPNET_TCP_ACK = 0x10,
    TAPNET_TCP_URG = 0x20,
    TAPNET_TCP_ECE = 0x40,
    TAPNET_TCP_CWR = 0x80,
    TAPNET_TCP_AE = 0x100, /**< once NS */
};

/** RFC 9293. */
struct tapnet_tcp {
    uint16_t source_port, destination_port;
    uint32_t sequence, acknowledgement;
    uint16_t flags; /**< TAPNET_TCP_..., and the reserved bits above them: 12 in all */
    uint16_t window, checksum, urgent;
    const uint8_t *options; /**< to walk with tapnet_option_next(); when parsed, points into the packet */
    size_t options_len;     /**< a multiple of 4, 40 at most */
};

struct tapnet_udp {
    uint16_t source_port, destination_port;
    uint16_t len; /**< of header and payload; when parsed, not more than there is */
    uint16_t checksum;
};

int tapnet_tcp_parse(const void *bytes, size_t len, struct tapnet_tcp *ret);
/** As tapnet_icmp_build(); @pseudo is tapnet_checksum_pseudo(). */
int tapnet_tcp_build(void *bytes, size_t room, const struct tapnet_tcp *header, size_t payload_len, uint32_t pseudo);
int tapnet_udp_parse(const void *bytes, size_t len, struct tapnet_udp *ret);
/** The same; the length is 8 and @payload_len, whatever header->len says. A checksum of 0 is sent as 0xffff. */
int tapnet_udp_build(void *bytes, size_t room, const struct tapnet_udp *header, size_t payload_len, uint32_t pseudo);

/* ---- whole packets ---- */

/** Where is what: offsets from the packet's first byte. */
struct tapnet_layout {
    uint16_t type;      /**< ETH_P_... of what stands at @network */
    uint8_t vlan_count; /**< tags that were stepped over, 2 at most */
    uint8_t version;    /**< 4, 6, or 0 for what is no IP */
    uint8_t protocol;   /**< IPPROTO_... of what stands at @transport */
    bool fragment;      /**< part of a datagram; there is no transport header then */
    bool routed;        /**< IPv6 with a routing header that has segments left: the destination is not the last */
    size_t network;     /**< 0 on a TUN */
    size_t transport;   /**< behind IP header, options and extension headers; == payload when there is none we know */
    size_t payload;     /**< behind a TCP, UDP, ICMP or ICMPv6 header */
    size_t end;         /**< of the datagram: what stands behind it is padding */
};

/**
 * Takes a packet apart: on a TUN from the IP header on, on a TAP from the Ethernet header on.
 *
 * @return 0, or -EBADMSG when a header is cut off or contradicts itself
 */
int tapnet_layout_parse(const void *bytes, size_t len, enum tapnet_device_kind kind, struct tapnet_layout *ret);

/* ---- the vnet header ---- */

/** Bytes of the smallest vnet header, struct virtio_net_hdr. */
#define TAPNET_VNET_LEN 10

enum tapnet_vnet_flag {
    TAPNET_VNET_NEEDS_CHECKSUM = 1, /**< the sum from checksum_start on is still to be stored */
    TAPNET_VNET_DATA_VALID = 2,     /**< the checksum was looked at and is right */
};

enum tapnet_gso {
    TAPNET_GSO_NONE = 0,
    TAPNET_GSO_TCP4 = 1,
    TAPNET_GSO_UDP_FRAGMENTS = 3, /**< UFO; kernels no longer send it */
    TAPNET_GSO_TCP6 = 4,
    TAPNET_GSO_UDP = 5,   /**< datagrams of gso_size bytes each (VIRTIO_NET_HDR_GSO_UDP_L4) */
    TAPNET_GSO_ECN = 0x80 /**< added to TCP: the first segment has CWR */
};

/** What stands before each packet of a device with TAPNET_DEVICE_VNET_HEADER: struct virtio_net_hdr (virtio 1.2). */
struct tapnet_vnet {
    uint8_t flags;    /**< TAPNET_VNET_... */
    uint8_t gso_type; /**< TAPNET_GSO_... */
    uint16_t header_len;
    uint16_t gso_size; /**< payload of each segment but the last */
    uint16_t checksum_start, checksum_offset;
    uint16_t buffer_count; /**< of headers with 12 bytes and more */
};

/** The length of the header, @size, or -EBADMSG when there are fewer bytes; -EINVAL for a @size below 10. */
int tapnet_vnet_parse(const void *bytes, size_t len, size_t size, enum tapnet_byte_order order,
                      struct tapnet_vnet *ret);
/** Writes @size bytes; those behind the known members are 0. */
int tapnet_vnet_build(void *bytes, size_t room, size_t size, enum tapnet_byte_order order,
                      const struct tapnet_vnet *header);

/* ---- frames: packets with room, to split and to merge ---- */

/** A packet in the caller's buffer. */
struct tapnet_frame {
    uint8_t *bytes; /**< the packet, without vnet header */
    size_t len;     /**< its bytes */
    size_t room;    /**< from @bytes to the buffer's end */
    /**
     * Bytes of the buffer that stand in front of @bytes. When the vnet header has room there, the packet and its header
     * are read and written in one piece, which spares a tenth of the cost of a small one. 0 is fine.
     */
    size_t headroom;
    struct tapnet_vnet vnet;
};

/** So much room takes every packet: 64 KiB of IP, an Ethernet header, two tags. */
#define TAPNET_FRAME_MAX (65535 + TAPNET_ETHERNET_LEN + 2 * TAPNET_VLAN_LEN)

/**
 * Stores the checksum that is still to be stored (TAPNET_VNET_NEEDS_CHECKSUM), and takes the flag away. A packet that
 * does not need it is left as it is.
 *
 * @return 0, -EBADMSG when it would stand outside of the packet, -EOPNOTSUPP for a packet that is still to be split
 */
int tapnet_checksum_complete(struct tapnet_frame *frame);

/** A frame that is being cut into segments; members are for reading. */
struct tapnet_split {
    const struct tapnet_frame *frame; /**< the caller's, unchanged while it is being cut */
    struct tapnet_layout layout;
    size_t count;        /**< segments; 1 for a frame that needs no cutting */
    size_t segment_size; /**< payload of each but the last */
    uint8_t gso_type;    /**< TAPNET_GSO_..., without ECN */
};

/**
 * Begins to cut @frame as its vnet header says: TCP over IPv4 and IPv6, UDP (GSO in the kernel's words). Nothing of the
 * vnet header is believed; where it contradicts the packet, the packet is refused.
 *
 * @return 0, -EBADMSG, -EOPNOTSUPP (TAPNET_GSO_UDP_FRAGMENTS, tunnels)
 */
int tapnet_split_begin(struct tapnet_split *ret, const struct tapnet_frame *frame, enum tapnet_device_kind kind);
/**
 * Writes segment @index (from 0) to @segment, in any order: its len and vnet are set. Lengths, IPv4 id (counted up, as
 * the kernel does, unless it is 0 and the packet may not be fragmented), sequence number and flags are its own.
 *
 * @param segment   bytes and room are the caller's
 * @param complete  store full checksums; else leave them partial, TAPNET_VNET_NEEDS_CHECKSUM, for a device with a vnet
 *                  header
 * @return 0, -ENOBUFS, -ERANGE behind the last
 */
int tapnet_split_segment(const struct tapnet_split *split, size_t index, struct tapnet_frame *segment, bool complete);

/**
 * Merges packets that follow one another in their flow into few large ones (GRO in the kernel's words), for a device
 * with a vnet header. What tapnet_split_segment() makes of a merged frame is, byte for byte, what was merged.
 *
 * By the kernel's rules: same headers but for length, id and checksum; id and sequence number count on; all segments as
 * large as the first, only the last may be smaller; PSH, FIN and a small segment are the last; SYN, RST, URG, pure
 * acknowledgements, fragments and IPv4 options are left alone. Checksums must be right, or still to be stored, or known
 * to be valid (vnet). UDP without a checksum is left alone. The order within a flow is kept.
 *
 * @param frames    @count of them in the order of their arrival; a frame takes what follows as far as its room goes.
 *                  Afterwards the first ones are what is to be sent, the rest hold the buffers that became free. Empty
 *                  frames are dropped
 * @param offloads  TAPNET_OFFLOAD_TSO4, TSO6, TSO_ECN, USO4, USO6: what may be merged
 * @return how many frames are to be sent
 */
size_t tapnet_merge(struct tapnet_frame *frames, size_t count, enum tapnet_device_kind kind, unsigned offloads);

/* ---- reading and writing ---- */

/** How packets stand on a descriptor of a device. Zero: without vnet header. */
struct tapnet_format {
    size_t vnet_header_size; /**< 0: none; else 10 to 64, as set with TUNSETVNETHDRSZ */
    enum tapnet_byte_order vnet_header_order;
};

/**
 * Reads up to @count packets, one read a packet, until the queue is empty. On a descriptor that may wait (without
 * O_NONBLOCK) it waits for the first and not for more.
 *
 * A packet that is longer than its frame's room arrives cut, as the kernel does it: frame->len is frame->room.
 *
 * @param fd      one queue of a device, tapnet_device_fd()
 * @param frames  bytes and room are the caller's, len and vnet are set
 * @return how many were read, at least 1; -EAGAIN when there are none; -EBADMSG when the descriptor has another format;
 *         what read(2) says, e.g. -EBADFD when the device is gone
 */
int tapnet_frames_read(int fd, const struct tapnet_format *format, struct tapnet_frame *frames, size_t count);
/**
 * Writes @count packets. It ends early at one that the kernel does not take.
 *
 * @return how many were written; when it is none, why the first was not: -EAGAIN (the send buffer is full), -EINVAL (no
 *         IP on a TUN, a vnet header that contradicts the packet; without a vnet header also one that would be needed),
 *         -EIO (the device is down), ...
 */
int tapnet_frames_write(int fd, const struct tapnet_format *format, const struct tapnet_frame *frames, size_t count);

#ifdef __cplusplus
}
#endif
#endif
