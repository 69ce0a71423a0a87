/* SPDX-License-Identifier: MIT */
/* Numbers of capture files: pcapng (draft-ietf-opsawg-pcapng) and pcap (pcap-savefile(5)). */
#ifndef PACKET_CAPTURE_H
#define PACKET_CAPTURE_H

enum capture_format { CAPTURE_UNKNOWN, CAPTURE_PCAP_MICROSECONDS, CAPTURE_PCAP_NANOSECONDS, CAPTURE_PCAPNG };

/* ---- pcapng ---- */

#define PCAPNG_SECTION 0x0a0d0d0au /* the same in both byte orders */
#define PCAPNG_INTERFACE 1u
#define PCAPNG_OLD_PACKET 2u
#define PCAPNG_SIMPLE_PACKET 3u
#define PCAPNG_STATISTICS 5u
#define PCAPNG_PACKET 6u
#define PCAPNG_ORDER 0x1a2b3c4du

enum {
    PCAPNG_OPTION_END = 0,
    /* of a section */
    PCAPNG_OPTION_PROGRAM = 4,
    /* of an interface */
    PCAPNG_OPTION_NAME = 2,
    PCAPNG_OPTION_RESOLUTION = 9,
    PCAPNG_OPTION_TIME_OFFSET = 14,
    /* of a packet */
    PCAPNG_OPTION_FLAGS = 2,
    /* of statistics */
    PCAPNG_OPTION_RECEIVED = 4,
    PCAPNG_OPTION_DROPPED = 5,
};

/* Resolutions: 10 to the power of minus this; with the highest bit, 2 to the power of minus the rest. */
#define PCAPNG_MICROSECONDS 6
#define PCAPNG_NANOSECONDS 9
#define PCAPNG_POWER_OF_TWO 0x80

/* ---- pcap ---- */

#define PCAP_MICROSECONDS 0xa1b2c3d4u
#define PCAP_NANOSECONDS 0xa1b23c4du
#define PCAP_HEADER_LEN 24
#define PCAP_PACKET_LEN 16

#endif
