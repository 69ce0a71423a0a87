/* SPDX-License-Identifier: MIT */
/* What the files of the device layer share: an open device, a link as netlink tells of it, the way into a namespace. */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <net/if.h>
#include <tapnet/device.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "netlink/link.h"

#define API __attribute__((visibility("default")))

/*
 * What marks a device as made alone, by TAPNET_DEVICE_MARK: the alias "tapnet://NAME added" (udev rules go by its first
 * word). Sets pass over such a device: an alias of theirs names a set, and it is not in their interface group.
 */
#define DEVICE_ALIAS_MAX 256 /* IFALIASZ */
#define DEVICE_ALIAS_PREFIX "tapnet:"
#define DEVICE_ADDRESS_PROTOCOL 116 /* IFA_PROTO of addresses that we add */

struct tapnet_device {
    char name[IFNAMSIZ]; /* when it was opened */
    enum tapnet_device_kind kind;
    short flags; /* IFF_...: how further queues are opened */
    int *queues; /* descriptors */
    size_t queue_count, queue_capacity;
};

/* A link with its texts, which struct netlink_link only points to. */
struct device_link {
    struct netlink_link link; /* link.kind and link.alias are not to be used */
    char kind[16];
    char alias[DEVICE_ALIAS_MAX];
};

/* ---- link.c ---- */

/* The link @name of the network namespace of @netlink. -ENODEV. */
int device_link_find(struct netlink *netlink, const char *name, struct device_link *ret, struct tapnet_error *error);
/* The same; -ENODEV with another sentence when it is neither TUN nor TAP. */
int device_link_find_tun(struct netlink *netlink, const char *name, struct device_link *ret,
                         struct tapnet_error *error);
void device_link_copy(struct device_link *ret, const struct netlink_link *link);
/* "TUN tun0", "a bridge", "a network interface that is no TUN or TAP". */
const char *device_link_describe(const struct device_link *link, char text[64]);
/* The alias of a marked device, and whether a link has it; "added", "set NAME" or "" for foreign ones. */
const char *device_alias_print(const char *name, char alias[DEVICE_ALIAS_MAX]);
bool device_link_is_marked(const struct device_link *link);
const char *device_link_origin(const struct device_link *link, char text[DEVICE_ALIAS_MAX + 8]);
/* Does it belong to a set? *text is its origin then, as well. */
bool device_link_is_of_set(const struct device_link *link, char text[DEVICE_ALIAS_MAX + 8]);
/* How many queues are in use, attached or not, as far as netlink tells: 0 for a device made for one. */
unsigned device_link_queues(const struct device_link *link);

DEFINE_CLEANUP(struct netlink *, netlink_close)

/* ---- netns.c ---- */

typedef int device_call(void *data, struct tapnet_error *error);

/*
 * Calls @call in network namespace @netns (-1, or the one that we are in: right here). Another is entered by a thread
 * that ends with the call, so that no failure can leave the caller in the wrong one. Returns what @call does, or
 * -EPERM, -EINVAL (no network namespace), ...
 */
int device_in_netns(int netns, device_call *call, void *data, struct tapnet_error *error);
/* Is @netns the network namespace that the calling thread is in? 0, or a negative errno. */
int device_netns_is_ours(int netns, bool *ret);
/*
 * Calls @call in the network namespace of the device behind descriptor @fd (TUNGETDEVNETNS); where the kernel does not
 * tell which that is (no CAP_NET_ADMIN in it), right here.
 */
int device_beside(int fd, device_call *call, void *data, struct tapnet_error *error);

/* ---- taken.c ---- */

/*
 * Does the subnet of an address in @change (NULL: none), as device_change_check() has passed it, overlap one that is
 * reached from the network namespace of @netlink, which is the calling thread's? -EADDRINUSE with a sentence.
 */
int device_check_subnets(struct netlink *netlink, const struct tapnet_device_change *change,
                         struct tapnet_error *error);

/* ---- ethtool.c ---- */

/* Offloads by name of the link, in the calling thread's network namespace (SIOCETHTOOL). */
struct device_features;
int device_features_open(struct device_features **ret, struct tapnet_error *error);
void device_features_close(struct device_features *features); /* takes NULL */
/* TAPNET_OFFLOAD_... that are on; 0 or negative errno. */
int device_features_get(struct device_features *features, const char *name, unsigned *ret);

/* ---- descriptor.c: settings of a device by one of its descriptors ---- */

int device_set_header_size(int fd, int size, struct tapnet_error *error);
int device_set_header_order(int fd, enum tapnet_byte_order order, struct tapnet_error *error);
int device_get_header_order(int fd, enum tapnet_byte_order *ret);
int device_set_offloads(int fd, unsigned offloads, struct tapnet_error *error);
int device_set_send_buffer(int fd, int bytes, struct tapnet_error *error);
int device_set_link_type(int fd, uint16_t type, struct tapnet_error *error);
int device_set_mac(int fd, const uint8_t mac[6], struct tapnet_error *error);
/* The classic filter of a TAP. */
int device_detach_filter(int fd, struct tapnet_error *error);
/* Puts all of it back to what a new device has, but the vnet header and what TUNSETIFF sets: no filter is left. */
int device_reset_filters(int fd, enum tapnet_device_kind kind, struct tapnet_error *error);
/* Is it of /dev/net/tun and attached? Its name of now, and IFF_... as TUNGETIFF tells. */
int device_identify(int fd, char ret_name[IFNAMSIZ], short *ret_flags, struct tapnet_error *error);
/*
 * tapnet_device_from_fds() of one queue of a TAP of ours that is known to have the name @name and IFF_... @flags (of
 * IFF_MULTI_QUEUE and IFF_VNET_HDR). To ask for these would be to wait for the kernel's lock for all network changes.
 */
int device_from_known(int fd, const char *name, unsigned flags, struct tapnet_device **ret);

/* ---- change.c ---- */

/* Where a change goes: the link as it is before, and a descriptor, or -1 (see device_change_needs_fd()). */
struct device_target {
    int fd;
    struct netlink *netlink;
    struct device_link before;
    bool undoing;
};
/* Checks values that the kernel would not, or with less to say; no system call. -EINVAL. */
int device_change_check(const struct tapnet_device_change *change, enum tapnet_device_kind kind,
                        struct tapnet_error *error);
bool device_change_needs_fd(const struct tapnet_device_change *change);
/* All of it or nothing, in the calling thread's network namespace. */
int device_change_apply(struct device_target *target, const struct tapnet_device_change *change,
                        struct tapnet_error *error);

#endif
