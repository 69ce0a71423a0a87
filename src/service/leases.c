/* SPDX-License-Identifier: MIT */
/* Which guests have taken a lease, and when: part by part, as one reply of control.h holds it. */
#include "service/leases.h"

#include <jansson.h>
#include <string.h>

#include "service/control.h"
#include "service/dhcp.h"
#include "service/registry.h"

#define PART_BYTES (SERVICE_CONTROL_MAX - 1024) /* the rest is for what stands around them */
#define ENTRY_BYTES 64                          /* beside the names: marks, and two numbers of 20 digits at most */

static json_t *entry(const char *network, const struct dhcp_lease *lease)
{
    return json_pack("[s, s, I, I]", network, lease->port, (json_int_t)lease->msec[0], (json_int_t)lease->msec[1]);
}

struct json_t *leases_part(const struct registry *registry, size_t from, size_t *ret_next)
{
    json_t *leases = json_array();
    size_t number = 0, bytes = 0;

    for (const struct served *served = registry->first; served; served = served->next) {
        const char *network = served->network->name;
        struct dhcp_lease lease;

        for (size_t i = 0; dhcp_lease(served->dhcp, i, &lease); i++) {
            if (number++ < from || (!lease.msec[0] && !lease.msec[1]))
                continue;
            bytes += ENTRY_BYTES + strlen(network) + strlen(lease.port);
            if (bytes > PART_BYTES) {
                *ret_next = number - 1;
                return leases;
            }
            json_array_append_new(leases, entry(network, &lease));
        }
    }
    *ret_next = 0;
    return leases;
}
