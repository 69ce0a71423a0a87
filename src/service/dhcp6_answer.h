/* SPDX-License-Identifier: MIT */
/* What a DHCPv6 server with one fixed address a port says to one request. No state, no system calls. */
#ifndef SERVICE_DHCP6_ANSWER_H
#define SERVICE_DHCP6_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "packet/frame6.h"
#include "service/dhcp6_message.h"

#define DHCP6_REPLY_MAX 1232 /* what fits into the smallest packet that every link carries */
#define DHCP6_FRAME_MAX (FRAME6_UDP_AT + DHCP6_REPLY_MAX)

struct dhcp6_answer {
    enum dhcp6_type type; /* of the reply; 0: none is sent */
    const char *event;    /* what happened, for the log */
    size_t frame_len;
};

/*
 * Answers @request, which came in @packet on @port of @network, by a whole Ethernet frame from the network's bridge in
 * @frame (DHCP6_FRAME_MAX bytes). The port has an IPv6 address.
 */
struct dhcp6_answer dhcp6_answer(const struct model_network *network, const struct model_port *port,
                                 const struct frame6 *packet, const struct dhcp6_request *request, uint8_t *frame);

#endif
