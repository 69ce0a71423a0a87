/* SPDX-License-Identifier: MIT */
/* DHCPv4 on the wire (RFC 2131, 2132): a request taken apart, and the options of a reply put together. */
#include "service/dhcp_message.h"

#include <errno.h>
#include <string.h>

#include "packet/bytes.h"

/*
 * How it works: a message is a fixed part of 236 bytes, a cookie, and options up to the end. Option 52 ("overload")
 * says that `file` (1), `sname` (2) or both (3) hold options too; they are read after the options field, in this order.
 */

#define DHCP_BOOTREQUEST 1
#define DHCP_ETHERNET 1
#define DHCP_OVERLOAD_MAX 3

/* What the options of one message have shown so far. */
struct dhcp_scan {
    struct dhcp_request *request;
    uint32_t seen[8]; /* one bit an option */
    uint8_t overload;
};

static bool bit_test(const uint32_t bits[8], uint8_t bit)
{
    return bits[bit / 32] >> bit % 32 & 1;
}

static void bit_set(uint32_t bits[8], uint8_t bit)
{
    bits[bit / 32] |= 1u << bit % 32;
}

bool dhcp_request_wants(const struct dhcp_request *request, enum dhcp_option option)
{
    return !request->has_parameters || bit_test(request->parameters, (uint8_t)option);
}

static int dhcp_scan_type(struct dhcp_scan *scan, const uint8_t *bytes)
{
    switch (bytes[0]) {
    case DHCP_DISCOVER:
    case DHCP_REQUEST:
    case DHCP_DECLINE:
    case DHCP_RELEASE:
    case DHCP_INFORM:
        scan->request->type = (enum dhcp_type)bytes[0];
        return 0;
    default:
        return -EBADMSG;
    }
}

static void dhcp_scan_parameters(struct dhcp_scan *scan, const uint8_t *bytes, size_t length)
{
    scan->request->has_parameters = true;
    for (size_t i = 0; i < length; i++)
        bit_set(scan->request->parameters, bytes[i]);
}

/* The length that @option must have, or 0 when any will do. */
static size_t dhcp_option_len(uint8_t option)
{
    switch (option) {
    case DHCP_OPTION_OVERLOAD:
    case DHCP_OPTION_TYPE:
        return 1;
    case DHCP_OPTION_MESSAGE_SIZE:
        return 2;
    case DHCP_OPTION_REQUESTED_ADDRESS:
    case DHCP_OPTION_SERVER:
        return 4;
    default:
        return 0;
    }
}

/* One option of @length bytes at @bytes. 0 or -EBADMSG. */
static int dhcp_scan_option(struct dhcp_scan *scan, uint8_t option, const uint8_t *bytes, uint8_t length)
{
    struct dhcp_request *request = scan->request;
    size_t wanted = dhcp_option_len(option);

    if (wanted && (length != wanted || bit_test(scan->seen, option)))
        return -EBADMSG;
    bit_set(scan->seen, option);
    switch (option) {
    case DHCP_OPTION_TYPE:
        return dhcp_scan_type(scan, bytes);
    case DHCP_OPTION_OVERLOAD:
        scan->overload = bytes[0];
        return bytes[0] >= 1 && bytes[0] <= DHCP_OVERLOAD_MAX ? 0 : -EBADMSG;
    case DHCP_OPTION_REQUESTED_ADDRESS:
        request->requested = bytes_get_be32(bytes);
        return 0;
    case DHCP_OPTION_SERVER:
        request->server = bytes_get_be32(bytes);
        return 0;
    case DHCP_OPTION_MESSAGE_SIZE:
        request->message_size = bytes_get_be16(bytes);
        return 0;
    case DHCP_OPTION_PARAMETERS:
        dhcp_scan_parameters(scan, bytes, length);
        return 0;
    case DHCP_OPTION_HOSTNAME:
        request->hostname = (struct dhcp_text){bytes, length};
        return 0;
    case DHCP_OPTION_VENDOR_CLASS:
        request->vendor_class = (struct dhcp_text){bytes, length};
        return 0;
    case DHCP_OPTION_CLIENT_ID:
        request->client_id = (struct dhcp_text){bytes, length};
        return 0;
    default:
        return 0;
    }
}

/* All options of one field. It may end without the end option, as some clients' do. 0 or -EBADMSG. */
static int dhcp_scan_field(struct dhcp_scan *scan, const uint8_t *bytes, size_t length)
{
    size_t i = 0;

    while (i < length && bytes[i] != DHCP_OPTION_END) {
        uint8_t option = bytes[i++], option_len;

        if (option == DHCP_OPTION_PAD)
            continue;
        if (i == length)
            return -EBADMSG;
        option_len = bytes[i++];
        if (option_len > length - i || dhcp_scan_option(scan, option, bytes + i, option_len) < 0)
            return -EBADMSG;
        i += option_len;
    }
    return 0;
}

int dhcp_request_parse(const uint8_t *bytes, size_t length, struct dhcp_request *ret)
{
    struct dhcp_request request = {0};
    struct dhcp_scan scan = {.request = &request};
    uint8_t overload;

    if (length < DHCP_OPTIONS || bytes[DHCP_OP] != DHCP_BOOTREQUEST || bytes[DHCP_HTYPE] != DHCP_ETHERNET ||
        bytes[DHCP_HLEN] != sizeof(request.chaddr.bytes) || bytes_get_be32(bytes + DHCP_COOKIE) != DHCP_COOKIE_VALUE)
        return -EBADMSG;
    request.xid = bytes_get_be32(bytes + DHCP_XID);
    request.flags = bytes_get_be16(bytes + DHCP_FLAGS);
    request.ciaddr = bytes_get_be32(bytes + DHCP_CIADDR);
    request.giaddr = bytes_get_be32(bytes + DHCP_GIADDR);
    memcpy(request.chaddr.bytes, bytes + DHCP_CHADDR, sizeof(request.chaddr.bytes));
    if (mac_is_zero(&request.chaddr) || mac_is_multicast(&request.chaddr))
        return -EBADMSG;
    if (dhcp_scan_field(&scan, bytes + DHCP_OPTIONS, length - DHCP_OPTIONS) < 0)
        return -EBADMSG;
    overload = scan.overload; /* an option 52 inside the overloaded fields would be the second one, or means nothing */
    if (overload & 1 && dhcp_scan_field(&scan, bytes + DHCP_FILE, DHCP_FILE_LEN) < 0)
        return -EBADMSG;
    if (overload & 2 && dhcp_scan_field(&scan, bytes + DHCP_SNAME, DHCP_SNAME_LEN) < 0)
        return -EBADMSG;
    if (!request.type)
        return -EBADMSG;
    *ret = request;
    return 0;
}
