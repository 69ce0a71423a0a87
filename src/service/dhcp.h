/* SPDX-License-Identifier: MIT */
/* DHCPv4 for one network: receives requests from its bridge, sends replies to the ports they came from. */
#ifndef SERVICE_DHCP_H
#define SERVICE_DHCP_H

#include "model/model.h"
#include "service/loop.h"

#define DHCP_RATE 20 /* requests a second that one port gets answered */
#define DHCP_BURST 40

struct dhcp;

/*
 * Serves @network, whose model stays the caller's and alive until dhcp_update() or dhcp_free(). @in_fd and @out_fd are
 * the packet sockets of control.h; they become the server's at success. 0, -ENOMEM, or epoll's error.
 */
int dhcp_new(struct loop *loop, const struct model_network *network, int in_fd, int out_fd, struct dhcp **ret);
/* Serves @network from now on, in place of the one before. 0, or -ENOMEM with nothing changed. */
int dhcp_update(struct dhcp *dhcp, const struct model_network *network);
/* Gives the sockets back to the caller: nothing is served any more, and dhcp_free() leaves them open. */
void dhcp_release(struct dhcp *dhcp);
void dhcp_free(struct dhcp *dhcp); /* takes NULL */

#endif
