/* SPDX-License-Identifier: MIT */
/* Which guests have taken a lease, and when: part by part, as one reply of control.h holds it. */
#ifndef SERVICE_LEASES_H
#define SERVICE_LEASES_H

#include <stddef.h>

struct json_t;
struct registry;

/*
 * From number @from on of the ports of all networks: [network, port, milliseconds of IPv4, of IPv6] of each that has
 * one. *ret_next: where to go on, 0 at the end. NULL: out of memory.
 */
struct json_t *leases_part(const struct registry *registry, size_t from, size_t *ret_next);

#endif
