/* SPDX-License-Identifier: MIT */
/* A plugged port as the library keeps it behind the public pointer. */
#ifndef API_ATTACHED_H
#define API_ATTACHED_H

#include <tapnet/attach.h>

#include "base/arena.h"
#include "model/model.h"

/* Every text is the arena's. */
struct tapnet_attached {
    struct tapnet_attached_info info;
    struct tapnet_device *device; /* NULL: not open */
    int claim_fd;                 /* device/claim.h; -1: none */
    int made_fd;                  /* of its TAP, by which that was made and which nobody has used; -1: none */
    struct arena arena;
};

/* Without memory NULL. */
struct tapnet_attached *attached_new(void);

/* Fills in what is known of @port of @network, which is of @set. 0 or -ENOMEM. */
int attached_describe(struct tapnet_attached *attached, const char *set, const struct model_network *network,
                      const struct model_port *port, bool made, struct tapnet_error *error);

/* Opens it by @fd, its TAP's only queue, which it takes; without asking the kernel: device_from_known(). */
int attached_open(struct tapnet_attached *attached, int fd, bool vnet_header);

struct json_t;
/* What tapnet_attached_json() prints, a new reference; NULL: out of memory. */
struct json_t *attached_to_json(const struct tapnet_attached *attached);

/* Was there memory for all its texts? */
bool attached_is_whole(const struct tapnet_attached *attached);

#endif
