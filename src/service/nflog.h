/* SPDX-License-Identifier: MIT */
/* Reads what netfilter's log says of one frame of a bridge. */
#ifndef SERVICE_NFLOG_H
#define SERVICE_NFLOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

struct nflog_frame {
    unsigned device;        /* index of the bridge's port that it came in by; never 0 */
    struct mac source;      /* that sent it; zero: not said */
    const uint8_t *payload; /* from the network header on; points into the message */
    size_t payload_len;
};

/*
 * Reads the first message of the datagram of @length bytes at @bytes (linux/netfilter/nfnetlink_log.h). 0, or -EBADMSG
 * when it is no whole message about a frame that came in by a bridge's port. How the frame is made, nobody has looked.
 */
int nflog_parse(const uint8_t *bytes, size_t length, struct nflog_frame *ret);

#endif
