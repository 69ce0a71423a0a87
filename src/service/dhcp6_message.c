/* SPDX-License-Identifier: MIT */
/* DHCPv6 on the wire (RFC 8415): a client's message taken apart, and the options of a reply put together. */
#include "service/dhcp6_message.h"

#include <errno.h>
#include <string.h>

#include "packet/bytes.h"

#define OPTION_HEAD_LEN 4
#define IA_HEAD_LEN 12    /* id and two times */
#define IA_ADDRESS_LEN 24 /* address and two lifetimes */
#define OPTIONS_MAX 64    /* of one message, or in one IA: more is no client's */

/* ---- reading ---- */

/* One option after the other. */
struct options {
    const uint8_t *bytes;
    size_t left;
    unsigned count;
};

/* 1 with the next option, 0 behind the last, -EBADMSG when it runs out, or there is no end to them. */
static int next_option(struct options *options, unsigned *ret_code, struct dhcp6_text *ret)
{
    size_t length;

    if (options->left == 0)
        return 0;
    if (options->left < OPTION_HEAD_LEN || options->count++ == OPTIONS_MAX)
        return -EBADMSG;
    length = bytes_get_be16(options->bytes + 2);
    if (length > options->left - OPTION_HEAD_LEN)
        return -EBADMSG;
    *ret_code = bytes_get_be16(options->bytes);
    *ret = (struct dhcp6_text){options->bytes + OPTION_HEAD_LEN, length};
    options->bytes += OPTION_HEAD_LEN + length;
    options->left -= OPTION_HEAD_LEN + length;
    return 1;
}

static int take_id(const struct dhcp6_text *option, struct dhcp6_text *ret)
{
    if (ret->bytes || option->length < 1 || option->length > DHCP6_DUID_MAX)
        return -EBADMSG;
    *ret = *option;
    return 0;
}

static int take_addresses(const struct dhcp6_text *option, struct dhcp6_request *request)
{
    struct options inner;
    struct dhcp6_ia ia = {.address_count = 0};
    struct dhcp6_text part;
    unsigned code;
    int more;

    if (option->length < IA_HEAD_LEN)
        return -EBADMSG;
    ia.id = bytes_get_be32(option->bytes);
    inner = (struct options){option->bytes + IA_HEAD_LEN, option->length - IA_HEAD_LEN, 0};
    while ((more = next_option(&inner, &code, &part)) > 0) {
        if (code != DHCP6_OPTION_IA_ADDRESS)
            continue;
        if (part.length < IA_ADDRESS_LEN)
            return -EBADMSG;
        if (ia.address_count < DHCP6_ADDRESSES_MAX)
            ia.addresses[ia.address_count++] = part.bytes;
    }
    if (more == 0 && request->address_count < DHCP6_IAS_MAX)
        request->addresses[request->address_count++] = ia;
    return more;
}

static int take_prefix(const struct dhcp6_text *option, struct dhcp6_request *request)
{
    if (option->length < IA_HEAD_LEN)
        return -EBADMSG;
    if (request->prefix_count < DHCP6_IAS_MAX)
        request->prefixes[request->prefix_count++] = bytes_get_be32(option->bytes);
    return 0;
}

static int take_oro(const struct dhcp6_text *option, struct dhcp6_request *request)
{
    if (option->length % 2)
        return -EBADMSG;
    request->has_oro = true;
    for (size_t i = 0; i < option->length; i += 2) {
        unsigned wanted = bytes_get_be16(option->bytes + i);

        request->wants_dns |= wanted == DHCP6_OPTION_DNS;
        request->wants_domains |= wanted == DHCP6_OPTION_DOMAINS;
        request->wants_refresh_time |= wanted == DHCP6_OPTION_REFRESH_TIME;
    }
    return 0;
}

static int take_option(unsigned code, const struct dhcp6_text *option, struct dhcp6_request *request)
{
    switch (code) {
    case DHCP6_OPTION_CLIENT_ID:
        return take_id(option, &request->client_id);
    case DHCP6_OPTION_SERVER_ID:
        return take_id(option, &request->server_id);
    case DHCP6_OPTION_IA_NA:
        return take_addresses(option, request);
    case DHCP6_OPTION_IA_PD:
        return take_prefix(option, request);
    case DHCP6_OPTION_ORO:
        return take_oro(option, request);
    case DHCP6_OPTION_RAPID_COMMIT:
        request->rapid_commit = true;
        return option->length ? -EBADMSG : 0;
    default:
        return 0;
    }
}

static bool is_clients(unsigned type)
{
    return type == DHCP6_SOLICIT || (type >= DHCP6_REQUEST && type <= DHCP6_REBIND) || type == DHCP6_RELEASE ||
           type == DHCP6_DECLINE || type == DHCP6_INFORMATION_REQUEST;
}

int dhcp6_request_parse(const uint8_t *bytes, size_t length, struct dhcp6_request *ret)
{
    struct dhcp6_request request = {.prefix_count = 0};
    struct dhcp6_text option;
    struct options options;
    unsigned code;
    int more, result = 0;

    if (length < DHCP6_HEADER_LEN || !is_clients(bytes[0]))
        return -EBADMSG;
    request.type = (enum dhcp6_type)bytes[0];
    memcpy(request.transaction, bytes + 1, sizeof(request.transaction));
    options = (struct options){bytes + DHCP6_HEADER_LEN, length - DHCP6_HEADER_LEN, 0};
    while (result == 0 && (more = next_option(&options, &code, &option)) != 0)
        result = more < 0 ? more : take_option(code, &option, &request);
    if (result < 0)
        return result;
    *ret = request;
    return 0;
}

/* ---- writing ---- */

/* Room for @length bytes more, or NULL. */
static uint8_t *reserve(struct dhcp6_writer *writer, size_t length)
{
    uint8_t *at = writer->bytes + writer->length;

    if (writer->overflow || length > writer->size - writer->length) {
        writer->overflow = true;
        return NULL;
    }
    writer->length += length;
    return at;
}

void dhcp6_put_raw(struct dhcp6_writer *writer, const void *bytes, size_t length)
{
    uint8_t *at = reserve(writer, length);

    if (at && length)
        memcpy(at, bytes, length);
}

void dhcp6_put_raw_u32(struct dhcp6_writer *writer, uint32_t value)
{
    uint8_t *at = reserve(writer, 4);

    if (at)
        bytes_put_be32(at, value);
}

void dhcp6_put_header(struct dhcp6_writer *writer, enum dhcp6_type type, const uint8_t transaction[3])
{
    const uint8_t header[DHCP6_HEADER_LEN] = {(uint8_t)type, transaction[0], transaction[1], transaction[2]};

    dhcp6_put_raw(writer, header, sizeof(header));
}

size_t dhcp6_begin(struct dhcp6_writer *writer, enum dhcp6_option option)
{
    const uint8_t head[OPTION_HEAD_LEN] = {(uint8_t)((unsigned)option >> 8), (uint8_t)option};

    dhcp6_put_raw(writer, head, sizeof(head));
    return writer->length;
}

void dhcp6_end(struct dhcp6_writer *writer, size_t begun)
{
    if (!writer->overflow)
        bytes_put_be16(writer->bytes + begun - 2, (uint16_t)(writer->length - begun));
}

void dhcp6_put(struct dhcp6_writer *writer, enum dhcp6_option option, const void *bytes, size_t length)
{
    size_t begun = dhcp6_begin(writer, option);

    dhcp6_put_raw(writer, bytes, length);
    dhcp6_end(writer, begun);
}

void dhcp6_put_u32(struct dhcp6_writer *writer, enum dhcp6_option option, uint32_t value)
{
    uint8_t bytes[4];

    bytes_put_be32(bytes, value);
    dhcp6_put(writer, option, bytes, sizeof(bytes));
}

void dhcp6_put_status(struct dhcp6_writer *writer, enum dhcp6_status status, const char *text)
{
    size_t begun = dhcp6_begin(writer, DHCP6_OPTION_STATUS);
    uint8_t code[2];

    bytes_put_be16(code, (uint16_t)status);
    dhcp6_put_raw(writer, code, sizeof(code));
    dhcp6_put_raw(writer, text, strlen(text));
    dhcp6_end(writer, begun);
}
