/* SPDX-License-Identifier: MIT */
/* DHCPv4 on the wire (RFC 2131, 2132): a request taken apart, and the options of a reply put together. */
#ifndef SERVICE_DHCP_MESSAGE_H
#define SERVICE_DHCP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/* Where the fields of RFC 2131, figure 1, stand. */
enum dhcp_offset {
    DHCP_OP = 0,
    DHCP_HTYPE = 1,
    DHCP_HLEN = 2,
    DHCP_XID = 4,
    DHCP_FLAGS = 10,
    DHCP_CIADDR = 12,
    DHCP_YIADDR = 16,
    DHCP_SIADDR = 20,
    DHCP_GIADDR = 24,
    DHCP_CHADDR = 28,
    DHCP_SNAME = 44,
    DHCP_FILE = 108,
    DHCP_COOKIE = 236,
    DHCP_OPTIONS = 240,
};

#define DHCP_SNAME_LEN 64
#define DHCP_FILE_LEN 128
#define DHCP_LEN_MIN 300 /* of a BOOTP message (RFC 951): shorter replies are padded */

#define DHCP_COOKIE_VALUE 0x63825363u
#define DHCP_FLAG_BROADCAST 0x8000

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68

enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER = 2,
    DHCP_REQUEST = 3,
    DHCP_DECLINE = 4,
    DHCP_ACK = 5,
    DHCP_NAK = 6,
    DHCP_RELEASE = 7,
    DHCP_INFORM = 8,
};

enum dhcp_option {
    DHCP_OPTION_PAD = 0,
    DHCP_OPTION_NETMASK = 1,
    DHCP_OPTION_ROUTER = 3,
    DHCP_OPTION_DNS = 6,
    DHCP_OPTION_HOSTNAME = 12,
    DHCP_OPTION_DOMAIN = 15,
    DHCP_OPTION_MTU = 26,
    DHCP_OPTION_BROADCAST = 28,
    DHCP_OPTION_NTP = 42,
    DHCP_OPTION_REQUESTED_ADDRESS = 50,
    DHCP_OPTION_LEASE_TIME = 51,
    DHCP_OPTION_OVERLOAD = 52,
    DHCP_OPTION_TYPE = 53,
    DHCP_OPTION_SERVER = 54,
    DHCP_OPTION_PARAMETERS = 55,
    DHCP_OPTION_MESSAGE = 56,
    DHCP_OPTION_MESSAGE_SIZE = 57,
    DHCP_OPTION_T1 = 58,
    DHCP_OPTION_T2 = 59,
    DHCP_OPTION_VENDOR_CLASS = 60,
    DHCP_OPTION_CLIENT_ID = 61,
    DHCP_OPTION_BOOT_SERVER = 66,
    DHCP_OPTION_BOOT_FILE = 67,
    DHCP_OPTION_SEARCH = 119,
    DHCP_OPTION_ROUTES = 121,
    DHCP_OPTION_END = 255,
};

/* Bytes of the request that go on living in the frame it came in. */
struct dhcp_text {
    const uint8_t *bytes;
    uint8_t length;
};

/* What a client asks. Addresses in host order, 0: not there (0.0.0.0 says the same in all of these places). */
struct dhcp_request {
    enum dhcp_type type;
    uint32_t xid;
    uint16_t flags;
    uint32_t ciaddr, giaddr;
    struct mac chaddr;
    uint32_t requested;     /* option 50 */
    uint32_t server;        /* option 54 */
    uint16_t message_size;  /* option 57: the longest IP datagram that the client takes; 0: not said */
    bool has_parameters;    /* option 55 is there */
    uint32_t parameters[8]; /* the options named by it, one bit each */
    struct dhcp_text hostname, vendor_class, client_id;
};

/*
 * Reads a client's message: options in the options field and, where option 52 says so, in `file` and `sname`. An option
 * 55 in several pieces is joined (RFC 3396); of a text the last piece counts; an option of fixed length that stands
 * twice is malformed. 0, or -EBADMSG: too short, no BOOTREQUEST for an Ethernet address (unicast, not zero), wrong
 * cookie, no message type or one that only servers send, an option that runs out of its field or has a wrong length.
 */
int dhcp_request_parse(const uint8_t *bytes, size_t length, struct dhcp_request *ret);

/* Has the client asked for @option, or not said what it wants? */
bool dhcp_request_wants(const struct dhcp_request *request, enum dhcp_option option);

/* A reply being written. An option that no longer fits is left out as a whole. */
struct dhcp_writer {
    uint8_t *bytes; /* the message, from its first byte */
    size_t length;  /* written so far */
    size_t size;    /* room, the end option's byte included */
};

/* Each returns whether the option is in. */
bool dhcp_put(struct dhcp_writer *writer, enum dhcp_option option, const void *bytes, size_t length);
bool dhcp_put_byte(struct dhcp_writer *writer, enum dhcp_option option, uint8_t value);
bool dhcp_put_u16(struct dhcp_writer *writer, enum dhcp_option option, uint16_t value);
bool dhcp_put_u32(struct dhcp_writer *writer, enum dhcp_option option, uint32_t value);
bool dhcp_put_text(struct dhcp_writer *writer, enum dhcp_option option, const char *text);
/*
 * The domain search list (RFC 3397): each name as labels, ends that were there before as pointers; split into several
 * options when it is longer than 255 bytes. Names that are no domain names, and those that don't fit, are left out.
 */
bool dhcp_put_search(struct dhcp_writer *writer, const char *const *names, size_t count);
/* The end option and padding. Returns the message's length. */
size_t dhcp_put_end(struct dhcp_writer *writer);

#endif
