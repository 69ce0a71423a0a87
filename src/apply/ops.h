/* SPDX-License-Identifier: MIT */
/* The requests that apply makes of the host, one function each: the kernel behind it, or a test. */
#ifndef APPLY_OPS_H
#define APPLY_OPS_H

#include "model/object.h"
#include "netlink/conntrack.h"
#include "netlink/link.h"
#include "nft/nft.h"

/* What device_set() sets of a TUN or TAP by its descriptor, one ioctl each. */
enum apply_setting {
    APPLY_LINK_TYPE,        /* ARPHRD_..., while the link is down */
    APPLY_OFFLOADS,         /* MODEL_OFFLOAD_... */
    APPLY_VNET_HEADER_SIZE, /* bytes */
};

/*
 * How it works: apply/ reaches the host through this struct alone. apply_kernel_ops() fills it with the real
 * requests; a test wraps these, counts them and makes any one of them fail. Every function is one request of the
 * kernel (or of the service), returns 0 or a negative errno with a sentence, and has no effect when it fails.
 */
struct apply_ops {
    void *data;

    /* Links. Names are at most 15 characters. The index is asked for, nothing is changed. */
    int (*link_index)(void *data, const char *name, int *ret, struct tapnet_error *error);
    int (*bridge_create)(void *data, const struct model_link *link, struct tapnet_error *error);
    /* With its other end where apply_kernel_peer() says; -ENOTUNIQ: it says nothing, or has been used. */
    int (*veth_create)(void *data, const struct model_link *link, struct tapnet_error *error);
    /* @fresh: to make it, -EEXIST when somebody has one of that name; else to change one that is there. */
    int (*device_open)(void *data, const struct model_link *link, bool fresh, int *ret_fd, struct tapnet_error *error);
    int (*device_own)(void *data, int fd, const struct model_link *link, struct tapnet_error *error);
    int (*device_keep)(void *data, int fd, bool keep, struct tapnet_error *error);
    int (*device_set)(void *data, int fd, enum apply_setting setting, uint32_t value, struct tapnet_error *error);
    /* @master: name of the bridge when NETLINK_LINK_MASTER is among the fields, "" for none. */
    int (*link_set)(void *data, const char *name, struct netlink_link_change *change, const char *master,
                    struct tapnet_error *error);
    /* What the guest at the device receives: @rate bytes a second, @burst bytes at once; 0: as it comes. */
    int (*link_shape)(void *data, const char *name, uint64_t rate, uint32_t burst, struct tapnet_error *error);
    /* One that is gone is no error, here and below. */
    int (*link_delete)(void *data, const char *name, struct tapnet_error *error);
    /* Moves the links into a group that nobody uses, verifies that they alone are in it, deletes the group. */
    int (*links_delete)(void *data, const char *const *names, size_t count, struct tapnet_error *error);

    /*
     * What a port's TAP has to do with anybody ends: from then on nothing comes from it, nothing goes there, and it is
     * nobody's (MODEL_GONE_GROUP). It is deleted later (apply_gone_delete()), which takes the kernel as long for many
     * as for one. -EAGAIN, and nothing was done: it is not as @link says, or it is held, and @free.
     */
    int (*link_lay_off)(void *data, const struct model_link *link, bool free, struct tapnet_error *error);

    int (*address_add)(void *data, const struct model_host_address *address, struct tapnet_error *error);
    int (*address_delete)(void *data, const struct model_host_address *address, struct tapnet_error *error);

    int (*route_add)(void *data, const struct model_guest_route *route, struct tapnet_error *error);
    int (*route_delete)(void *data, const struct model_guest_route *route, struct tapnet_error *error);

    /* In the place of what is there of it, if anything is. */
    int (*neighbour_set)(void *data, const struct model_neighbour *neighbour, struct tapnet_error *error);
    int (*neighbour_delete)(void *data, const struct model_neighbour *neighbour, struct tapnet_error *error);

    /* What an uplink carries, onto the item's device or from it; no error when it is there, or is not. */
    int (*item_add)(void *data, const struct model_item *item, struct tapnet_error *error);
    int (*item_delete)(void *data, const struct model_item *item, struct tapnet_error *error);
    /* One that the kernel has learnt: @there, or not any more. It would learn it again, so nothing can fail. */
    void (*item_hint)(void *data, const struct model_item *item, bool there);
    /* How the kernel treats packets of @name (net.ipv4.conf, net.ipv6.conf): as those of @like. */
    int (*link_imitate)(void *data, const char *name, const char *like, struct tapnet_error *error);

    int (*sysctl_write)(void *data, const char *path, const char *value, struct tapnet_error *error);

    int (*guards_commit)(void *data, struct nft_transaction *transaction, struct tapnet_error *error);

    /* nft_elements_find() */
    int (*elements_find)(void *data, struct guard_element *elements, size_t *count, struct tapnet_error *error);

    /* An accept in a chain of somebody else. Deleting one that is not there is no failure. */
    int (*passage_add)(void *data, const struct guard_passage *passage, struct tapnet_error *error);
    int (*passage_delete)(void *data, const struct guard_passage *passage, struct tapnet_error *error);

    /* Files of the run directory, "sysctl/NAME.json", "networks/NAME.json" or "sets/NAME.json". Replaced as a whole. */
    int (*file_write)(void *data, const char *name, const char *text, struct tapnet_error *error);
    int (*file_remove)(void *data, const char *name, struct tapnet_error *error);
    /* A line at the end of "networks/NAME.more", whose first line is @head: one that has another begins anew. */
    int (*file_append)(void *data, const char *name, const char *head, const char *line, struct tapnet_error *error);

    /*
     * DHCP and DNS. Prepare starts the service when it does not run and does not wait: it gets ready while devices are
     * made. Release ends one that was prepared in vain. Serve returns when the network is served.
     */
    int (*service_prepare)(void *data, struct tapnet_error *error);
    int (*service_release)(void *data, struct tapnet_error *error);
    int (*service_serve)(void *data, const struct model_network *network, struct tapnet_error *error);
    int (*service_update)(void *data, const struct model_network *network, struct tapnet_error *error);
    /*
     * One port more of a network that is served, or one less: asked for, and done when `plugged` returns, so that the
     * service is at work meanwhile. What was asked for and not waited for may be done or not. @port: its JSON, @name.
     */
    int (*service_plug)(void *data, const char *network, const char *port, struct tapnet_error *error);
    int (*service_unplug)(void *data, const char *network, const char *name, struct tapnet_error *error);
    int (*service_plugged)(void *data, struct tapnet_error *error);
    int (*service_stop)(void *data, const char *network, struct tapnet_error *error);

    /* The host's own resolver asks the network's DNS for names below the network's, or forgets that. */
    int (*names_tell)(void *data, const struct model_network *network, struct tapnet_error *error);
    int (*names_forget)(void *data, const struct model_network *network, struct tapnet_error *error);

    /* Conntrack entries of addresses that changed hands, sorted. */
    int (*conntrack_forget)(void *data, const struct ip_address *addresses, size_t count, struct tapnet_error *error);
    /* Of forwards that went, and of those that came. */
    int (*conntrack_forget_forwards)(void *data, const struct netlink_conntrack_forward *forwards, size_t count,
                                     struct tapnet_error *error);
};

struct apply_kernel;

/*
 * The kernel's side: sockets are opened at first use. @run_dir is the namespace's directory (run.h), @service the path
 * of the service program; both are copied.
 */
int apply_kernel_new(const char *run_dir, const char *service, struct apply_kernel **ret, struct apply_ops *ret_ops,
                     struct tapnet_error *error);
/* With the lock held, when something has been done by it. Its sockets stay open: whoever may do more keeps it. */
void apply_kernel_rest(struct apply_kernel *kernel); /* takes NULL */
void apply_kernel_free(struct apply_kernel *kernel); /* the same */

/* nft_check_right() by its socket. */
int apply_kernel_check_right(struct apply_kernel *kernel, struct tapnet_error *error);

/* What a caller has arranged for who has too few rights to do it when it is needed; -1: not. Not owned. */
struct apply_loan {
    int starter_fd; /* socket: for a datagram "start" its other end starts the service, with the descriptors 3 and 4 */
    int reply_fd;   /* the packet socket by which DHCP replies leave (service/control.h) */
    int log_fd;     /* the one by which requests come */
};
#define APPLY_LOAN_NONE ((struct apply_loan){-1, -1, -1})

/* Lends @loan to all requests from now on. */
void apply_kernel_lend(struct apply_kernel *kernel, struct apply_loan loan);

/*
 * The first device that is made and is to stay is open in *ret_fd (-1 until then), made with these flags too (IFF_...)
 * and without the offloads that the kernel begins with: it takes a millisecond to let go of one. It is the caller's,
 * whatever becomes of the plan.
 */
void apply_kernel_catch(struct apply_kernel *kernel, unsigned flags, int *ret_fd);

/* Deletes all devices that were laid off, with one request of the kernel, whoever did that. Needs no lock. */
int apply_gone_delete(struct apply_kernel *kernel, struct tapnet_error *error);

/* Where the other end of a veth pair goes. */
struct apply_peer {
    int netns;        /* an open descriptor */
    const char *name; /* what it is called there */
};
/* The next veth pair that is made has its other end there; @peer stays the caller's and must outlive it. */
void apply_kernel_peer(struct apply_kernel *kernel, const struct apply_peer *peer);

/*
 * Asks the service for its sockets for DHCP, so that they outlive it: the log's, then the one for replies, the caller's
 * to close; and its process as a pidfd. -ECONNREFUSED, -ENOENT: none runs; -ENOTCONN: it has none yet; -EAGAIN: it does
 * not answer within a few seconds.
 */
int apply_lend(const char *run_dir, int ret_fds[2], int *ret_pid_fd, struct tapnet_error *error);

/*
 * Asks the service for the descriptor that is readable while it has something to do, and for the one that ends it
 * (control.h, "watch"). As above.
 */
int apply_watch(const char *run_dir, int ret_fds[2], struct tapnet_error *error);

#endif
