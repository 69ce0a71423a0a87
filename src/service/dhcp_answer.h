/* SPDX-License-Identifier: MIT */
/* What a DHCPv4 server with one fixed address a port says to one request. No state, no system calls. */
#ifndef SERVICE_DHCP_ANSWER_H
#define SERVICE_DHCP_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "service/dhcp_message.h"

/*
 * The times of a lease, in seconds. A port's address never depends on a lease, so leases only bound how long a guest
 * lives with what the file said before. Hence a long lease (while the service is down, guests keep their addresses for
 * most of a day) with an early renewal (what the file changed reaches every guest within half an hour).
 *
 * T2 follows T1 at once. A renewal is unicast, to the server's address as it was: an isolated network's server has none
 * on the link, and a network that got another subnet has that one no more. A guest whose own address became another
 * can't even ask for the server's MAC, since ARP from its old address is stopped. So it soon rebinds, which is
 * broadcast, and is told where it is now; nobody else hears that either.
 */
#define DHCP_LEASE 86400
#define DHCP_T1 1740
#define DHCP_T2 1800

/* Room for every reply: an Ethernet frame of 1,500 bytes of IP. */
#define DHCP_FRAME_MAX 1514

struct dhcp_answer {
    enum dhcp_type type; /* of the reply; 0: none is sent */
    const char *event;   /* what happened, for the log */
    size_t frame_len;
};

/*
 * Answers @request, which came in on @port of @network. The reply, a whole Ethernet frame from the network's bridge, is
 * written to @frame (DHCP_FRAME_MAX bytes).
 */
struct dhcp_answer dhcp_answer(const struct model_network *network, const struct model_port *port,
                               const struct dhcp_request *request, uint8_t *frame);

#endif
