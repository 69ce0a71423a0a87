/* SPDX-License-Identifier: MIT */
/* The domains in which a guest looks for short names, as DHCPv6 and router advertisements carry them. */
#ifndef SERVICE_DOMAINS_H
#define SERVICE_DOMAINS_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

#define DOMAINS_MAX 512 /* bytes: what fits into every advertisement and every reply beside the rest */

/*
 * The network's own name, then what @port (or, without, @network; @port may be NULL) has besides: names on the wire
 * one after the other, uncompressed (RFC 8415, 10). One that is no domain name or does not fit is left out. Returns how
 * many bytes there are.
 */
size_t domains_encode(const struct model_network *network, const struct model_port *port, uint8_t bytes[DOMAINS_MAX]);

#endif
