/* SPDX-License-Identifier: MIT */
/* TUN and TAP devices by ioctl on /dev/net/tun (linux/if_tun.h): open, own, keep. */
#ifndef DEVICE_TUN_H
#define DEVICE_TUN_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define DEVICE_ID_NONE UINT32_MAX /* no user, no group */

enum device_kind {
    DEVICE_TUN, /* IP packets */
    DEVICE_TAP, /* Ethernet frames */
};

/*
 * One queue of the device @name (which may be a pattern, "tap%d"), made with IFF_... @flags when it is not there:
 * TUNSETIFF, in the network namespace that the calling thread is in. @index: that a new device shall have, 0: any (a
 * device that exists is opened whatever its index is). @ret_name may be NULL. Errors are sentences, see explain.h.
 */
struct device_queue {
    const char *node; /* NULL: /dev/net/tun */
    const char *name;
    unsigned flags;
    int index;
    bool nonblocking;
};
int device_open_queue(const struct device_queue *queue, char ret_name[IFNAMSIZ], int *ret_fd,
                      struct tapnet_error *error);
/* IFF_... that the driver behind @node (NULL: /dev/net/tun) knows: TUNGETFEATURES. */
int device_kernel_features(const char *node, unsigned *ret, struct tapnet_error *error);

/*
 * Opens @name, creating it when it is not there: TUNSETIFF without packet information. @fresh: it must not be there,
 * else -EEXIST; one that somebody made meanwhile is not ours. A new device lives as long as the descriptor unless
 * device_keep() makes it persistent. @more_flags: IFF_MULTI_QUEUE, IFF_VNET_HDR. An existing one must be of the same
 * kind and queue mode, else -EINVAL; -EBUSY when somebody holds its only queue; -EPERM without CAP_NET_ADMIN for one
 * that is not the caller's; -ENOENT when the tun module or its node is missing. The caller closes *ret_fd.
 */
int device_open(const char *name, enum device_kind kind, unsigned more_flags, bool fresh, int *ret_fd,
                struct tapnet_error *error);

/*
 * Who may open it by name besides holders of CAP_NET_ADMIN: TUNSETOWNER, TUNSETGROUP; both must fit when both are set,
 * and everybody may when neither is. DEVICE_ID_NONE leaves that one as it is: the kernel can't take an owner away.
 */
int device_own(int fd, uint32_t user, uint32_t group, struct tapnet_error *error);

/* TUNSETCARRIER: whether the link counts as plugged in. Opening an existing device by name turns it on again. */
int device_carrier(int fd, bool on, struct tapnet_error *error);

/* TUNSETPERSIST: whether it outlives its last descriptor. */
int device_keep(int fd, bool keep, struct tapnet_error *error);

#endif
