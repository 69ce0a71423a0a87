/* SPDX-License-Identifier: MIT */
/* DHCP messages made and read byte by byte, for the tests of the service. */
#ifndef TEST_DHCP_PACKETS_H
#define TEST_DHCP_PACKETS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "packet/bytes.h"
#include "service/dhcp_message.h"

/* A client's message being written, without any of the code under test. */
struct client_message {
    uint8_t bytes[1472];
    size_t length;
};

static inline void message_begin(struct client_message *message, uint8_t type)
{
    static const uint8_t chaddr[] = {0x52, 0x54, 0, 0, 0, 7};
    static const uint8_t cookie[] = {0x63, 0x82, 0x53, 0x63};

    memset(message, 0, sizeof(*message));
    message->bytes[0] = 1;
    message->bytes[1] = 1;
    message->bytes[2] = 6;
    memcpy(message->bytes + 4, "\x12\x34\x56\x78", 4);
    memcpy(message->bytes + 28, chaddr, sizeof(chaddr));
    memcpy(message->bytes + 236, cookie, sizeof(cookie));
    message->length = 240;
    if (type) {
        memcpy(message->bytes + 240, (uint8_t[]){53, 1, type}, 3);
        message->length = 243;
    }
}

static inline void message_add(struct client_message *message, uint8_t option, const void *bytes, size_t length)
{
    message->bytes[message->length++] = option;
    message->bytes[message->length++] = (uint8_t)length;
    memcpy(message->bytes + message->length, bytes, length);
    message->length += length;
}

static inline void message_add_u32(struct client_message *message, uint8_t option, uint32_t value)
{
    uint8_t bytes[4];

    bytes_put_be32(bytes, value);
    message_add(message, option, bytes, sizeof(bytes));
}

/* Finds @option in a server's message; its bytes, or NULL. @ret_length may be NULL. */
static inline const uint8_t *reply_option(const uint8_t *message, size_t length, uint8_t option, size_t *ret_length)
{
    for (size_t i = 240; i + 1 < length && message[i] != 255; i += message[i] ? 2u + message[i + 1] : 1u) {
        if (message[i] == option) {
            if (ret_length)
                *ret_length = message[i + 1];
            return message + i + 2;
        }
    }
    return NULL;
}

#endif
