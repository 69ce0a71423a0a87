/* SPDX-License-Identifier: MIT */
/* What the files behind apply_kernel_new() share. */
#ifndef APPLY_KERNEL_H
#define APPLY_KERNEL_H

#include <net/if.h>

#include "apply/ops.h"

struct apply_kernel {
    struct netlink *route, *netfilter; /* opened at first use */
    bool guards_changed;               /* by @netfilter */
    char *run_dir, *service;
    struct apply_loan loan;
    int *made_fd; /* apply_kernel_catch(); NULL: it was not called */
    unsigned made_flags;
    bool catching, made_kept;      /* the device that is being made is to be caught; it stays already */
    unsigned tun_features;         /* IFF_... that the driver knows; 0: not asked yet */
    uint64_t rights;               /* those with which we may change the network; 0: not asked yet */
    int talk_fd;                   /* to the service, for one port after the other; -1: none */
    bool awaiting;                 /* its answer has yet to be read */
    char asked[MODEL_NAME_MAX];    /* the network that it was last asked about */
    char served[MODEL_NAME_MAX];   /* and the one of which it has done so; "": there is none */
    bool unheard;                  /* it has no mailbox */
    int mail_fd;                   /* the service's mailbox (service/control.h); -1: not asked for yet */
    int mail_process;              /* the service, as a pidfd: a mailbox may outlive one that was taken over */
    const struct apply_peer *peer; /* apply_kernel_peer(); NULL: not called */
    char master_name[IFNAMSIZ];    /* the last bridge whose index was asked for */
    int master_index;
    int making_fd; /* announce.c's directory, or one of these */
#define APPLY_MAKING_UNKNOWN (-1)
#define APPLY_MAKING_UNHEARD (-2)
};

/* Opens @kernel's rtnetlink, unless it is open. */
int apply_kernel_route(struct apply_kernel *kernel, struct tapnet_error *error);
/* The same of netfilter's. */
int apply_kernel_netfilter(struct apply_kernel *kernel, struct tapnet_error *error);
/* The socket of netfilter's by which something was changed, so that it takes time to close it; -1: there is none. */
int apply_kernel_lingering(const struct apply_kernel *kernel);
/* The index of a link by its name. -ENODEV. */
int apply_kernel_index(struct apply_kernel *kernel, const char *name, int *ret, struct tapnet_error *error);

/* ---- devices.c: @data is the struct apply_kernel ---- */
int apply_device_open(void *data, const struct model_link *link, bool fresh, int *ret_fd, struct tapnet_error *error);
int apply_device_own(void *data, int fd, const struct model_link *link, struct tapnet_error *error);
int apply_device_keep(void *data, int fd, bool keep, struct tapnet_error *error);
int apply_device_set(void *data, int fd, enum apply_setting setting, uint32_t value, struct tapnet_error *error);

/* ---- imitate.c: @data is the struct apply_kernel ---- */
int apply_link_imitate(void *data, const char *name, const char *like, struct tapnet_error *error);

/* ---- delete.c: @data is the struct apply_kernel ---- */
int apply_link_delete(void *data, const char *name, struct tapnet_error *error);
int apply_links_delete(void *data, const char *const *names, size_t count, struct tapnet_error *error);

/* ---- gone.c: @data is the struct apply_kernel ---- */
int apply_link_lay_off(void *data, const struct model_link *link, bool free, struct tapnet_error *error);
/* Was a device laid off that has the name @name? Then it has another one now. */
bool apply_gone_give_way(struct apply_kernel *kernel, const char *name);

/* ---- announce.c ---- */

/* From now on udev knows that a device @name that appears is ours; until it is in our group and this has ended. */
int apply_announce(struct apply_kernel *kernel, const char *name, struct tapnet_error *error);
void apply_announce_end(struct apply_kernel *kernel, const char *name);
/* Nothing is left, also of a tapnet that was killed. The lock is held. */
void apply_announce_fini(struct apply_kernel *kernel);

/* ---- service.c: @data is the struct apply_kernel ---- */
void apply_service_hang_up(struct apply_kernel *kernel);
int apply_service_prepare(void *data, struct tapnet_error *error);
int apply_service_release(void *data, struct tapnet_error *error);
int apply_service_serve(void *data, const struct model_network *network, struct tapnet_error *error);
int apply_service_update(void *data, const struct model_network *network, struct tapnet_error *error);
int apply_service_plug(void *data, const char *network, const char *port, struct tapnet_error *error);
int apply_service_plugged(void *data, struct tapnet_error *error);
int apply_service_unplug(void *data, const char *network, const char *port, struct tapnet_error *error);
int apply_service_stop(void *data, const char *network, struct tapnet_error *error);
/*
 * Has the service stop every network that is not @needed, also one that no ledger tells of. NULL: none is, and the
 * service ends, even when its socket was deleted. @context is @needed's.
 */
int apply_service_trim(struct apply_kernel *kernel, bool (*needed)(const void *context, const char *network),
                       const void *context, struct tapnet_error *error);

/* ---- names.c: @data is the struct apply_kernel ---- */
int apply_names_tell(void *data, const struct model_network *network, struct tapnet_error *error);
int apply_names_forget(void *data, const struct model_network *network, struct tapnet_error *error);

/* ---- sockets.c: what the service can't open itself ---- */

/* Raw packet socket that receives nothing and may send to any link. */
int apply_socket_reply(int *ret_fd, struct tapnet_error *error);
/*
 * DNS on the address of @subnet and @port, bound to the link too, or without one hearing what comes from @subnet alone;
 * @type SOCK_DGRAM or SOCK_STREAM (listening).
 */
int apply_socket_dns(int type, const struct ip_prefix *subnet, uint16_t port, const char *device, int *ret_fd,
                     struct tapnet_error *error);
/* The control socket, listening, at @path; one that a dead service left is replaced. */
int apply_socket_listen(const char *path, int *ret_fd, struct tapnet_error *error);
/*
 * Connects to a resident's control socket, to wait @seconds at most for each of its answers, and before that until it
 * has room for us: -EAGAIN then. 0: nothing is waited for. -ECONNREFUSED or -ENOENT when it does not run.
 */
#define APPLY_SOCKET_SECONDS 10
int apply_socket_connect(const char *path, unsigned seconds, int *ret_fd, struct tapnet_error *error);
/* Has anybody a control socket at @path? Never waits, nor wakes who has it, and who may wait for a lock of ours. */
bool apply_socket_listens(const char *path);
#define APPLY_EXIT_MSEC 5000 /* in which a process of ours that ends, or was ended, is gone */
#define APPLY_SERVICE_NAME "tapnet-service"
/* Is it called @name? Not a matter of trust: who is asked about came from the kernel, or holds what only it should. */
bool apply_process_is(int pid, const char *name);
/* Returns when the process is gone, or after a while. */
void apply_process_await(int pid);
/* Who listens, or has listened, at the other end of @fd, by what the kernel says. -ESRCH: he can't be seen. */
int apply_socket_pid(int fd);
/* The process @name at the other end of @fd as a pidfd, by what the kernel says. -ESRCH: it is another, or not yet. */
int apply_socket_process(int fd, const char *name, int *ret_pid_fd);
/* Has the process of such a descriptor ended, or does it within that time? */
bool apply_process_ends(int pid_fd, int msec);
/* Is it a socket as the service's mailbox is one? A service that a guest took over may hand out anything. */
bool apply_socket_is_mailbox(int fd);
/*
 * Ends that process, which hangs, or was stopped, or taken over. 0 when it is gone; -ESRCH when it is called otherwise;
 * -EPERM when it is not ours to end.
 */
int apply_socket_end(int fd, const char *name);

#endif
