/* SPDX-License-Identifier: MIT */
/* The classic BPF program that lets DHCP requests through to the service, and nothing else. Pure data. */
#ifndef PACKET_DHCP_FILTER_H
#define PACKET_DHCP_FILTER_H

#include <linux/filter.h>

/*
 * For SO_ATTACH_FILTER on a SOCK_RAW packet socket: IPv4 in Ethernet, UDP, not a fragment, destination port 67. Whoever
 * makes the socket attaches it before bind(), so that nothing else is ever queued. Frames are cut at no length.
 */
#define PACKET_DHCP_FILTER_LENGTH 11

extern const struct sock_filter packet_dhcp_filter[PACKET_DHCP_FILTER_LENGTH];

#endif
