/* SPDX-License-Identifier: MIT */
/* What the two halves of the kernel's floor share: the networks that it makes, and their guards in nftables. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <libmnl/libmnl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define PORTS_MAX 1023 /* of a bridge */
#define ROUTED_MAX 8191
#define UPLINK "up0"
#define GATEWAY 0x0a630001u /* 10.99.0.1 */

#define GATEWAY6                                                                                                       \
    {                                                                                                                  \
        0xfd, 0, 0, 0x99, [15] = 1                                                                                     \
    } /* fd00:99::1 */
#define ROUTER6                                                                                                        \
    {                                                                                                                  \
        0xfe, 0x80, [15] = 1                                                                                           \
    } /* fe80::1 */

enum { IFNAME_LEN = 16, MAC_LEN = 8, IP4_LEN = 4, IP6_LEN = 16, PORT_LEN = 4, MARK_LEN = 4 }; /* multiples of 4 */

/* One network. */
struct kind {
    const struct set *sets;
    size_t set_count;
    unsigned ports_max;
    bool routed, ip6;
};

extern const struct kind bridged, routed, spread, spread6;

/* Until a worker of the kernel's has opened all ports in their bridge: that is taken back, too. */
#define UP_USEC 500000

void port_name(unsigned port, char name[IFNAMSIZ]);
/* The guest's. */
void make_mac(unsigned port, uint8_t mac[MAC_LEN]);
void make_address6(unsigned port, uint8_t address[IP6_LEN]);

/* Its descriptor. What the kernel was told is in *ret, its name in there. */
int make_tap(unsigned port, struct ifreq *ret);
/* All that is told of its link; @bridge 0: a routed port. */
void set_port(struct mnl_socket *route, unsigned port, const char *name, unsigned bridge);
/* `floor ready N COUNT`, N is @first. */
void run_ready(struct mnl_socket *route, unsigned bridge, unsigned first, unsigned count);

/* Tables and sets of a network, and the elements of its first @count ports: one transaction. */
void guards_make(struct mnl_socket *netfilter, const struct kind *kind, unsigned count);
/* Makes or deletes, by @type, the elements of a port of a bridge that is there. */
void guards_change(struct mnl_socket *netfilter, unsigned port, uint16_t type);
/* All of it. */
void guards_delete(struct mnl_socket *netfilter);

#endif
