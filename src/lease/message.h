/* SPDX-License-Identifier: MIT */
/* What a DHCP client that has an address says and hears (RFC 2131): the request to prolong it, and the answer. */
#ifndef LEASE_MESSAGE_H
#define LEASE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

#define LEASE_MESSAGE_MAX 576    /* that every server takes */
#define LEASE_SECONDS_MIN 10     /* of a lease: what is shorter would be asked for all the time */
#define LEASE_FOREVER UINT32_MAX /* seconds */

struct lease_question {
    uint32_t xid;     /* by which the answer is known */
    uint32_t address; /* host order */
    struct mac mac;   /* by which the server knows us */
};

struct lease_answer {
    bool granted;           /* else it is refused, and nothing else is set */
    uint32_t server;        /* that is to be asked next time; host order, 0: it did not say */
    uint32_t seconds;       /* LEASE_SECONDS_MIN to LEASE_FOREVER */
    uint32_t renew, rebind; /* seconds from now on: then that server is asked, then any; ordered, less than @seconds */
};

/*
 * DHCPREQUEST of a client that is RENEWING or REBINDING: its address stands in `ciaddr`, and it says neither a server
 * nor what it wants. Returns the message's length.
 */
size_t lease_question_write(const struct lease_question *question, uint8_t bytes[LEASE_MESSAGE_MAX]);

/*
 * Reads what came to port 68. 0, or -EBADMSG: no DHCPACK or DHCPNAK to @question, another address, no lease time. Times
 * that make no sense are those that RFC 2131, 4.4.5, proposes.
 */
int lease_answer_parse(const uint8_t *bytes, size_t length, const struct lease_question *question,
                       struct lease_answer *ret);

#endif
