/* SPDX-License-Identifier: MIT */
/* One packet, sent into a guest's device by the descriptor of whoever holds it, as if the guest had sent it. */
#ifndef EXPLAIN_PROBE_H
#define EXPLAIN_PROBE_H

#include "base/address.h"
#include "device/holders.h"

struct probe {
    struct mac source_mac, destination_mac;
    struct ip_address source, destination; /* of one family */
    uint8_t protocol;                      /* ICMP, ICMPv6: an echo request; TCP: a SYN; UDP: no data */
    uint16_t id;                           /* of the echo, or the source port: by what the packet is known again */
    uint16_t port;
};

/* -EPERM when the holder's descriptor may not be borrowed, -EIO when the device is down, ... */
int probe_send(const struct probe *probe, const struct device_holder *holder, struct tapnet_error *error);

#endif
