/* SPDX-License-Identifier: MIT */
/* What a DHCP client that has an address says and hears (RFC 2131): the request to prolong it, and the answer. */
#include "lease/message.h"

#include <errno.h>
#include <string.h>

#include "packet/bytes.h"
#include "service/dhcp_message.h"

#define BOOTREQUEST 1
#define BOOTREPLY 2
#define ETHERNET 1
#define MAC_LEN 6

/* Of the options of an answer those that count. */
struct options {
    uint8_t type;
    uint32_t server, seconds, renew, rebind; /* 0: not there */
};

size_t lease_question_write(const struct lease_question *question, uint8_t bytes[LEASE_MESSAGE_MAX])
{
    static const uint8_t wanted[] = {DHCP_OPTION_LEASE_TIME, DHCP_OPTION_SERVER, DHCP_OPTION_T1, DHCP_OPTION_T2};
    struct dhcp_writer writer = {.bytes = bytes, .length = DHCP_OPTIONS, .size = LEASE_MESSAGE_MAX};

    memset(bytes, 0, LEASE_MESSAGE_MAX);
    bytes[DHCP_OP] = BOOTREQUEST;
    bytes[DHCP_HTYPE] = ETHERNET;
    bytes[DHCP_HLEN] = MAC_LEN;
    bytes_put_be32(bytes + DHCP_XID, question->xid);
    bytes_put_be32(bytes + DHCP_CIADDR, question->address);
    memcpy(bytes + DHCP_CHADDR, question->mac.bytes, MAC_LEN);
    bytes_put_be32(bytes + DHCP_COOKIE, DHCP_COOKIE_VALUE);
    dhcp_put_byte(&writer, DHCP_OPTION_TYPE, DHCP_REQUEST);
    dhcp_put_u16(&writer, DHCP_OPTION_MESSAGE_SIZE, LEASE_MESSAGE_MAX);
    dhcp_put(&writer, DHCP_OPTION_PARAMETERS, wanted, sizeof(wanted));
    return dhcp_put_end(&writer);
}

/* One option; what has another length than it must have is not there. */
static void read_option(struct options *options, uint8_t option, const uint8_t *bytes, uint8_t length)
{
    uint32_t *number = option == DHCP_OPTION_SERVER       ? &options->server
                       : option == DHCP_OPTION_LEASE_TIME ? &options->seconds
                       : option == DHCP_OPTION_T1         ? &options->renew
                       : option == DHCP_OPTION_T2         ? &options->rebind
                                                          : NULL;

    if (number && length == sizeof(*number))
        *number = bytes_get_be32(bytes);
    if (option == DHCP_OPTION_TYPE && length == 1)
        options->type = bytes[0];
}

static int read_options(const uint8_t *bytes, size_t length, struct options *ret)
{
    size_t i = 0;

    *ret = (struct options){.type = 0};
    while (i < length && bytes[i] != DHCP_OPTION_END) {
        uint8_t option = bytes[i++];

        if (option == DHCP_OPTION_PAD)
            continue;
        if (i == length || bytes[i] > length - i - 1)
            return -EBADMSG;
        read_option(ret, option, bytes + i + 1, bytes[i]);
        i += 1u + bytes[i];
    }
    return 0;
}

static bool answers(const uint8_t *bytes, size_t length, const struct lease_question *question)
{
    return length >= DHCP_OPTIONS && bytes[DHCP_OP] == BOOTREPLY && bytes[DHCP_HTYPE] == ETHERNET &&
           bytes[DHCP_HLEN] == MAC_LEN && bytes_get_be32(bytes + DHCP_XID) == question->xid &&
           memcmp(bytes + DHCP_CHADDR, question->mac.bytes, MAC_LEN) == 0 &&
           bytes_get_be32(bytes + DHCP_COOKIE) == DHCP_COOKIE_VALUE;
}

static void set_times(struct lease_answer *answer, const struct options *options)
{
    bool sound = options->renew && options->renew < options->rebind && options->rebind < options->seconds;

    answer->seconds = options->seconds < LEASE_SECONDS_MIN ? LEASE_SECONDS_MIN : options->seconds;
    answer->renew = sound ? options->renew : answer->seconds / 2;
    answer->rebind = sound ? options->rebind : answer->seconds - answer->seconds / 8;
}

int lease_answer_parse(const uint8_t *bytes, size_t length, const struct lease_question *question,
                       struct lease_answer *ret)
{
    struct lease_answer answer = {.granted = true};
    struct options options;

    if (!answers(bytes, length, question) || read_options(bytes + DHCP_OPTIONS, length - DHCP_OPTIONS, &options) < 0)
        return -EBADMSG;
    if (options.type == DHCP_NAK) {
        *ret = (struct lease_answer){.granted = false};
        return 0;
    }
    if (options.type != DHCP_ACK || bytes_get_be32(bytes + DHCP_YIADDR) != question->address || !options.seconds)
        return -EBADMSG;
    answer.server = options.server;
    set_times(&answer, &options);
    *ret = answer;
    return 0;
}
