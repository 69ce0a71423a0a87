/* SPDX-License-Identifier: MIT */
/* Plugs guests into networks that are up: ports that come and go, and their open TAPs. */
#ifndef TAPNET_ATTACH_H
#define TAPNET_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapnet/device.h>
#include <tapnet/error.h>
#include <tapnet/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A port is a place to plug a guest. A file declares ports (tapnet_up()); here more of them are made while their
 * network is up, and any port is opened. Each is guarded, served and shown like a declared one.
 *
 * All functions return 0 or a negative errno and fill in @error, which may be NULL, with a sentence; outputs (ret_...)
 * are set only on success. Nothing here prints, exits or reads the environment.
 */

/** How a port is plugged. */
enum tapnet_attach_flag {
    /** Open its TAP: tapnet_attached_device(). Without, whoever knows its name, and may, opens it. */
    TAPNET_ATTACH_OPEN = 1 << 0,
    /**
     * A port that is made here lives as long as the struct tapnet_attached, or as somebody holds its TAP, in this
     * process or another; a process that is killed lets go of both. Needs CAP_NET_RAW. Without, it stays until
     * tapnet_detach() or tapnet_down().
     */
    TAPNET_ATTACH_HELD = 1 << 1,
    /**
     * When no network is named and none is up, make one: "default", in mode nat, of the set "tapnet-run". It goes with
     * its last port. Needs TAPNET_ATTACH_HELD.
     */
    TAPNET_ATTACH_DEFAULT_NETWORK = 1 << 2,
    /** Frames of the open TAP have no vnet header before them. */
    TAPNET_ATTACH_NO_VNET_HEADER = 1 << 3,
};

/**
 * A TAP in a container's namespace, for a VMM that runs there: it stands for the container's interface, which gets
 * nothing itself any more. The guest behind it has that interface's MAC and addresses: given, or asked for by DHCP.
 */
struct tapnet_container_tap {
    const char *name;      /**< no other interface there may be called so */
    uint32_t owner, group; /**< who may open it without CAP_NET_ADMIN; TAPNET_ID_NONE: no such user, group */
    bool multi_queue;      /**< for several queues; whether it has a vnet header says who opens it */
};

/** A container that is plugged in by a veth pair in place of a TAP: one end is the port, the other the container's. */
struct tapnet_container {
    int netns;                              /**< its network namespace, an open descriptor; another one than ours */
    const char *interface;                  /**< what its end is called there; no other may be called so */
    const struct tapnet_container_tap *tap; /**< NULL: none */
};

/** Which port shall be plugged, and how. Zero-initialise: what is left as it is there has the usual value. */
struct tapnet_attach_options {
    const char *network; /**< or the name of its bridge; NULL: the only one that is up */
    const char *port;    /**< the port that has this name, or a new one; NULL: a new one, "vm1", "vm2", ... */
    unsigned flags;      /**< TAPNET_ATTACH_... */
    unsigned queues;     /**< of the TAP; 0: one, or as many as the port has */
    /**
     * For a container: its end has the port's MAC, its addresses and routes, and is up. Where IPv6 is off there
     * (net.ipv6.conf.default.disable_ipv6 is not 0) it has those of IPv4. The port is a new one, and the guest may use
     * that MAC alone. It goes with tapnet_detach(), or when the container has gone. NULL: a TAP. What is
     * below is for new ports alone, too, and needs CAP_NET_ADMIN.
     */
    const struct tapnet_container *container;
    const char *mac;             /**< of the guest; NULL: one that follows from the port's name */
    const char *address;         /**< IPv4, of the network's subnet; NULL: one that is free */
    const char *const *forwards; /**< ports of the host that lead to it, "8080:80" as in tapnet.yaml(5) */
    size_t forward_count;
    uint64_t send, receive; /**< bits a second, by the guest; 0: what the network says */
    uint32_t burst;         /**< bytes at once; 0: as many as follow from the rate */
};

/** A port that was plugged. */
struct tapnet_attached;

/** What a guest, and whoever starts it, must know. Pointers are valid as long as the struct tapnet_attached. */
struct tapnet_attached_info {
    const char *set, *network, *mode, *port;
    const char *origin;             /**< "declared", "run" or "attached": what it came from, and goes with */
    const char *device;             /**< the TAP */
    const char *bridge;             /**< that it is a port of; "" in mode routed */
    const char *mac;                /**< for the guest */
    const char *address;            /**< that DHCP gives the guest */
    const char *subnet;             /**< the gateway's address with the length of the prefix */
    const char *gateway;            /**< "" in mode isolated */
    const char *gateway6;           /**< of IPv6, "" without it */
    const char *address6, *subnet6; /**< the same of IPv6, where the network has it, else "" */
    const char *dns;                /**< the same */
    const char *hostname;
    uint32_t mtu;
    unsigned queues;     /**< that a guest may open */
    bool made;           /**< just now: there was no such port */
    const char *inside;  /**< the address that the guest itself has: @address, but in a network of clones theirs */
    const char *inside6; /**< the same of IPv6 */
};

/**
 * Plugs: finds the port or makes it, and opens it, all of it or nothing. A port that is made is complete when this
 * returns: guarded, and DHCP and DNS know it. The link of one from a network's pool comes up a moment later: the
 * keeper turns its carrier on behind its answer, once, so one that the caller has turned off at once may be on again.
 * Another tapnet at work in this network namespace is waited for; a signal that is handled meanwhile ends the wait
 * with -EINTR.
 *
 * Who has no CAP_NET_ADMIN asks the keeper, which holds him to what the network's file allows (`allow:`), gives him the
 * port, and opens no more than 8 queues; of declared ports those that have him as their user.
 *
 * @param options  copied
 * @param ret      what was plugged; the caller ends it with tapnet_attached_free()
 * @return -EEXIST        the port is there, and was to be made for a container; or the container has such an interface
 * @return -ENOENT        no such network is up; -ENOTUNIQ: none is named, and several are up
 * @return -EBUSY         somebody holds the port: @error names who
 * @return -EINVAL        a name that can't be one, flags or queues that don't fit
 * @return -EADDRNOTAVAIL the network has no address left; -EEXIST: a device of the port's name is another's
 * @return -EPERM         the network's file does not allow it; -EDQUOT: not one more
 * @return -EACCES        without CAP_NET_ADMIN in this network namespace, and without a keeper
 */
int tapnet_attach(struct tapnet *tapnet, const struct tapnet_attach_options *options, struct tapnet_attached **ret,
                  struct tapnet_error *error);

/** What was plugged. */
const struct tapnet_attached_info *tapnet_attached_info(const struct tapnet_attached *attached);

/** Its open TAP; NULL without TAPNET_ATTACH_OPEN. Stays @attached's. */
struct tapnet_device *tapnet_attached_device(const struct tapnet_attached *attached);

/** The same as JSON text, see tapnet(8) for its shape. The caller frees it. */
int tapnet_attached_json(const struct tapnet_attached *attached, char **ret, struct tapnet_error *error);

/**
 * Closes its TAP, which other processes may hold too: then these alone do, and the kernel knows when the last one lets
 * go. @attached stays.
 */
void tapnet_attached_close(struct tapnet_attached *attached);

/** Closes and frees it; NULL is fine. */
void tapnet_attached_free(struct tapnet_attached *attached);

/**
 * Is the container at @port as tapnet_attach() made it: is its interface there, up, with MAC and addresses, and has it
 * a default route of each family? What it has besides, and who else leads it out, is its own affair.
 *
 * @return -ENOENT     no such port or network; -ENODEV: the interface is not there; -ENOLINK: it is another, or down;
 *                     -EADDRNOTAVAIL: an address is not there; -ENETUNREACH: no route. @error says which
 */
int tapnet_container_check(struct tapnet *tapnet, const char *network, const char *port,
                           const struct tapnet_container *container, struct tapnet_error *error);

/**
 * Takes away what tapnet_attach() made in a container and what does not go with the port: its TAP, which
 * tapnet_detach(), tapnet_down() and the end of a network leave there without a use. It goes with the container at the
 * latest, and with the next tapnet_attach() that asks for one of that name.
 *
 * @return 0, also when there is none; -EEXIST: there is one that tapnet has not made
 */
int tapnet_container_clear(const struct tapnet_container *container, struct tapnet_error *error);

/** How a port is unplugged. */
enum tapnet_detach_flag {
    /** Not while somebody holds it: -EBUSY. */
    TAPNET_DETACH_UNLESS_HELD = 1 << 0,
};

/**
 * Unplugs: takes the port away that tapnet_attach() made, without a trace, and with it a network that was made for its
 * ports and has none left. Whoever still holds the TAP has no network any more.
 *
 * @return -ENOENT  no such port; -EPERM: a file declares it; -EBUSY: see TAPNET_DETACH_UNLESS_HELD; else as
 *                  tapnet_attach()
 */
int tapnet_detach(struct tapnet *tapnet, const char *network, const char *port, unsigned flags,
                  struct tapnet_error *error);

/**
 * Plans what tapnet_attach() would do of the network, and tapnet_detach(): no steps when the port is there already.
 * Changes nothing and takes no lock. The plan is freed with tapnet_plan_free().
 */
int tapnet_plan_attach(struct tapnet *tapnet, const struct tapnet_attach_options *options, struct tapnet_plan **ret,
                       struct tapnet_error *error);
int tapnet_plan_detach(struct tapnet *tapnet, const char *network, const char *port, unsigned flags,
                       struct tapnet_plan **ret, struct tapnet_error *error);

#ifdef __cplusplus
}
#endif
#endif
