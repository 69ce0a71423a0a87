/* SPDX-License-Identifier: MIT */
/* Packets in files, as tcpdump and Wireshark have them: pcapng is written, pcapng and pcap are read. */
#ifndef TAPNET_CAPTURE_H
#define TAPNET_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapnet/device.h>
#include <tapnet/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Nothing is opened, allocated or kept: the caller brings bytes of the file, and takes bytes of it. So it may as well
 * be a pipe, a socket or memory.
 */

/** What the first byte of a packet belongs to (LINKTYPE_* of libpcap). Files have many more than these. */
enum tapnet_link_type {
    TAPNET_LINK_ETHERNET = 1, /**< of a TAP */
    TAPNET_LINK_IP = 101,     /**< IPv4 or IPv6, of a TUN */
};

/** Which way a packet went, as the device's interface sees it: `tcpdump -Q` has the same words. */
enum tapnet_direction {
    TAPNET_DIRECTION_UNKNOWN = 0,
    TAPNET_DIRECTION_IN = 1,  /**< written by the program: to the host */
    TAPNET_DIRECTION_OUT = 2, /**< read by the program: from the host */
};

/** A packet of a file. */
struct tapnet_capture_packet {
    const uint8_t *bytes;
    size_t len;                      /**< bytes that were captured */
    size_t original_len;             /**< bytes that it had; more than @len when it was cut */
    uint64_t time_nsec;              /**< since 1970, UTC; 0 where the file knows none */
    uint16_t link_type;              /**< TAPNET_LINK_..., or another number of libpcap's; for reading */
    enum tapnet_direction direction; /**< for writing; a reader leaves it unknown */
    uint64_t place;                  /**< byte of the file where its block begins; for reading */
};

/* ---- writing ---- */

/** So many bytes are built around a packet, at most. */
#define TAPNET_CAPTURE_OVERHEAD 48

/** TAPNET_LINK_... of a device's packets. */
uint16_t tapnet_capture_link_type(enum tapnet_device_kind kind);

/**
 * How a file begins: a section of pcapng, with one interface whose times are nanoseconds.
 *
 * @param name  of the interface; may be NULL, and is cut where @room ends it: 96 bytes have room for each device's
 * @return the length, or -ENOBUFS
 */
int tapnet_capture_begin(void *bytes, size_t room, uint16_t link_type, const char *name);
/**
 * One packet. @room of TAPNET_CAPTURE_OVERHEAD and packet->len is enough.
 *
 * @return the length; -ENOBUFS; -EMSGSIZE for a packet of more than a gigabyte
 */
int tapnet_capture_packet_build(void *bytes, size_t room, const struct tapnet_capture_packet *packet);
/**
 * What is known at the end: how many packets there were, written or not, and how many of them were dropped before they
 * could be seen. 64 bytes of @room are enough.
 *
 * @return the length, or -ENOBUFS
 */
int tapnet_capture_statistics_build(void *bytes, size_t room, uint64_t time_nsec, uint64_t packets, uint64_t dropped);

/* ---- reading ---- */

/** So many interfaces has a section of a pcapng file that is read here. */
#define TAPNET_CAPTURE_INTERFACES_MAX 256
/** So many bytes at once let the reader go on, whatever the file holds. */
#define TAPNET_CAPTURE_ROOM (1 << 18)

/** What a section says of an interface. */
struct tapnet_capture_interface {
    uint16_t link_type;
    uint8_t resolution;     /**< of its times: if_tsresol */
    uint32_t snap_len;      /**< packets are cut here; 0: they are not */
    int64_t offset_seconds; /**< to be added to its times: if_tsoffset */
};

/** A file that is being read; members are the library's. */
struct tapnet_capture_reader {
    int format;     /* of enum capture_format */
    bool swapped;   /* the file's numbers are of the other byte order */
    uint64_t place; /* bytes that were taken so far */
    uint64_t skip;  /* bytes to be passed over */
    uint32_t total; /* length of the block under way, that stands once more at its end; 0: none */
    size_t interface_count;
    struct tapnet_capture_interface interfaces[TAPNET_CAPTURE_INTERFACES_MAX];
};

/** Begins at a file's first byte. */
void tapnet_capture_reader_init(struct tapnet_capture_reader *ret);
/**
 * The next packet. The bytes may come from anybody: no length in them is believed.
 *
 * @param bytes      @len of them, that follow what was taken before. With TAPNET_CAPTURE_ROOM of them it always goes on
 * @param ret_taken  how many need not be given again
 * @param ret        the packet; its bytes are among @bytes
 * @return 1: here is a packet; 0: more bytes are needed; -EBADMSG: no capture, or a broken one; -EOPNOTSUPP: of a kind
 *         that is not read here; @error says which byte, and what is wrong with it
 */
int tapnet_capture_reader_next(struct tapnet_capture_reader *reader, const void *bytes, size_t len, size_t *ret_taken,
                               struct tapnet_capture_packet *ret, struct tapnet_error *error);
/**
 * May the file end here?
 *
 * @param len  bytes that are left, for which tapnet_capture_reader_next() asked for more
 * @return 0, or -EBADMSG: it is empty, or cut off
 */
int tapnet_capture_reader_end(const struct tapnet_capture_reader *reader, size_t len, struct tapnet_error *error);

#ifdef __cplusplus
}
#endif
#endif
