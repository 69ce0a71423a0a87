/* SPDX-License-Identifier: MIT */
/* What the service says of itself and of its guests (service/control.h). */
#ifndef OBSERVE_SERVICE_H
#define OBSERVE_SERVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

/* Its answer to "status"; NULL when there is none, or, *ret_mute, none that answers. */
json_t *observe_service_status(const char *run_dir, bool *ret_mute);

/* When the guest of @port last took or renewed a lease, in milliseconds since 1970: of IPv4, of IPv6. 0: none. */
struct observe_lease {
    char network[MODEL_NAME_MAX], port[MODEL_NAME_MAX];
    uint64_t msec[2];
};

/* Every one that is known, sorted, malloc'ed; none from a service that does not answer. 0 or -ENOMEM. */
int observe_leases(const char *run_dir, struct observe_lease **ret, size_t *ret_count);
/* NULL: no lease is known. */
const struct observe_lease *observe_find_lease(const struct observe_lease *leases, size_t count, const char *network,
                                               const char *port);

/*
 * A connection, non-blocking, by which the service tells that a guest has taken a lease: to be read by
 * observe_service_told(). -1: there is none now.
 */
int observe_service_listen(const char *run_dir);

enum observe_told {
    OBSERVE_TOLD_NOTHING,
    OBSERVE_TOLD_LEASE,
    OBSERVE_TOLD_END,     /* the service is gone */
    OBSERVE_TOLD_REFUSED, /* it tells enough others */
};

/* Reads all that was told on @fd. */
enum observe_told observe_service_told(int fd);

#endif
