/* SPDX-License-Identifier: MIT */
/* Networks for guests: read a file, plan, bring up, take down, look. */
#ifndef TAPNET_NETWORK_H
#define TAPNET_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapnet/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * All functions return 0 or a negative errno and fill in @error, which may be NULL; outputs (ret_...) are set only on
 * success. Nothing here prints, exits or reads the environment. One context belongs to one thread at a time.
 */

/** The host as tapnet sees it from the calling thread's network namespace. */
struct tapnet;

/**
 * Opens a context. Nothing is changed on the host.
 *
 * @param run_base  directory that holds tapnet's files of this boot; NULL: /run/tapnet. Copied.
 * @param service   path of the program tapnet-service; NULL: where it was installed. Copied.
 * @param ret       the context; the caller frees it with tapnet_free()
 * @return -EOPNOTSUPP when the kernel does not know SO_NETNS_COOKIE (Linux 5.14), -ENOMEM
 */
int tapnet_new(const char *run_base, const char *service, struct tapnet **ret, struct tapnet_error *error);

/**
 * Whether tapnet_up() starts the keeper when none runs in this network namespace: a process that puts back what
 * others take away (see tapnet(8)). It does, unless told otherwise here. Its program is looked for beside the
 * service's.
 */
void tapnet_with_keeper(struct tapnet *tapnet, bool with_keeper);

#define TAPNET_GUARD_SECONDS 10 /**< in which those must answer who are to tell that the host is reached */

/**
 * How the host's own way out is guarded while tapnet_up() or tapnet_down() moves it (mode bridge). Before the first
 * change a process of its own is started; it undoes all, should the caller die or hang, and may end the caller by
 * SIGKILL for that.
 */
struct tapnet_guard {
    const char *check;        /**< an address that must answer a ping; NULL: the gateways of the default routes */
    unsigned check_seconds;   /**< within which; 0: TAPNET_GUARD_SECONDS */
    unsigned confirm_seconds; /**< within which @confirm must say yes; 0: it is not asked */
    /**
     * Asked when all is done and everybody answers; returns 0 within @seconds, or a negative errno: all is undone then.
     */
    int (*confirm)(unsigned seconds, void *data);
    void *data; /**< for @confirm */
    bool force; /**< although programs have bound sockets to the uplink, or joined groups there */
};

/** Sets @guard (copied; its texts stay the caller's) for all that follows with @tapnet. */
void tapnet_with_guard(struct tapnet *tapnet, const struct tapnet_guard *guard);

/** Frees @tapnet; NULL is fine. What is up stays up. */
void tapnet_free(struct tapnet *tapnet);

/** What one file declares. */
struct tapnet_spec;

/**
 * Reads the file at @path (see tapnet.yaml(5)).
 *
 * @param ret  the specification; the caller frees it with tapnet_spec_free()
 * @return -EINVAL when the file holds mistakes: @error has one line "FILE:LINE:COLUMN: ..." each, 20 at most;
 *         else the errno of reading it
 */
int tapnet_spec_load(const char *path, struct tapnet_spec **ret, struct tapnet_error *error);

/** As tapnet_spec_load(), from @len bytes of @text; @name stands for the file in messages and names the set. */
int tapnet_spec_parse(const char *text, size_t len, const char *name, struct tapnet_spec **ret,
                      struct tapnet_error *error);

/** Frees @spec; NULL is fine. */
void tapnet_spec_free(struct tapnet_spec *spec);

/** The name of the set that the file declares; valid as long as @spec. */
const char *tapnet_spec_set(const struct tapnet_spec *spec);

/**
 * May @spec take the place of a set of the same name that came from another file? Otherwise (the default) such an up,
 * or a plan of it, is refused with -EALREADY, unless the other file describes the same or is there no more.
 */
void tapnet_spec_replace(struct tapnet_spec *spec, bool replace);

/**
 * Whether somebody who was asked (tapnet_plan_asks()) said yes. It is remembered with the networks until they are taken
 * down, and counts where the file says `coexist: ask`, as it does unless it says otherwise.
 */
void tapnet_spec_coexist(struct tapnet_spec *spec, bool coexist);

/** How many ports the file declares, how many networks, and how many stand-alone devices: for messages. */
size_t tapnet_spec_port_count(const struct tapnet_spec *spec);
size_t tapnet_spec_network_count(const struct tapnet_spec *spec);
size_t tapnet_spec_device_count(const struct tapnet_spec *spec);

/** Steps that would turn what the host has into what is wanted. A specification must outlive its plans. */
struct tapnet_plan;

/** One step, as `tapnet plan` shows it. Pointers are valid as long as the plan. */
struct tapnet_step {
    char sign;          /**< '+' made, '~' changed, '-' removed */
    const char *object; /**< "bridge br-lab", "address 10.20.0.1/24 on br-lab" */
    const char *reason; /**< why it is changed, "" when it is made or removed */
    unsigned line;      /**< line of the file that asks for it; 0: none */
};

/**
 * Plans what tapnet_up() would do with @spec. Changes nothing and takes no lock.
 *
 * @return -EINVAL (the file can't be had on this host), -EEXIST (a name is taken by something that is not the set's),
 *         -EALREADY (the set is up from another file, see tapnet_spec_replace()), -EADDRNOTAVAIL (no free subnet),
 *         -EACCES (without CAP_NET_ADMIN in this network namespace)
 */
int tapnet_plan_up(struct tapnet *tapnet, const struct tapnet_spec *spec, struct tapnet_plan **ret,
                   struct tapnet_error *error);

/** Plans what tapnet_down() would do; @set NULL: all sets. */
int tapnet_plan_down(struct tapnet *tapnet, const char *set, struct tapnet_plan **ret, struct tapnet_error *error);

/** Frees @plan; NULL is fine. */
void tapnet_plan_free(struct tapnet_plan *plan);

/** How many steps there are; 0: nothing is to do. */
size_t tapnet_plan_count(const struct tapnet_plan *plan);

/** Step @index (from 0), in the order in which it would be done. -ERANGE. */
int tapnet_plan_step(struct tapnet_plan *plan, size_t index, struct tapnet_step *ret);

/**
 * What tapnet_up() would put into the packet filters of other programs, which drop what guests send or get, if
 * tapnet_spec_coexist() said yes: "accept of packets from br-lab to eth0 in table ip filter, chain FORWARD". Valid
 * until the next call with @plan; NULL behind the last.
 */
const char *tapnet_plan_asks(struct tapnet_plan *plan, size_t index);

/** What a plan means for the guest in one port. Pointers are valid as long as the plan. */
struct tapnet_effect {
    const char *port;   /**< as it is called now, "lab/web" */
    const char *device; /**< that the guest is plugged into */
    const char *holder; /**< who holds that, "" when nobody can be seen */
    int holder_pid;     /**< 0: not known */
    /**
     * "keeps": it runs on and need not know; "acts": it runs on and has to learn something, by DHCP or from whoever set
     * it up; "restarts": its network ends until it is started, or plugged in, anew.
     */
    const char *kind;
    const char *text; /**< what happens, a sentence */
};

/** How many guests are plugged in that the plan's sets have, if anything is to be done at all. */
size_t tapnet_plan_effect_count(const struct tapnet_plan *plan);
/** One of them; NULL behind the last. */
const struct tapnet_effect *tapnet_plan_effect(const struct tapnet_plan *plan, size_t index);

/**
 * The plan as JSON text, {"version":1,"steps":[{"sign","object","reason","before","after"}],"effects":[{"port",
 * "device","holder","kind","text"}]}. The caller frees it.
 */
int tapnet_plan_json(const struct tapnet_plan *plan, char **ret, struct tapnet_error *error);

/**
 * Called during tapnet_up() and tapnet_down(): with @done and @total 0 when it is their turn (no other tapnet is at
 * work in this network namespace), then after each step or bulk of steps, and while steps are undone with less @done
 * each time. While hooks run, once all is done, again every tenth of a second.
 *
 * @return 0 to go on. A negative errno to stop: what was done is undone, and the function returns that errno. Once all
 *         is done (@done is @total), it ends hooks that run, of which a note tells, and counts for nothing else; nor
 *         does it while undoing.
 */
typedef int tapnet_progress(size_t done, size_t total, void *data);

/**
 * Who is at work in this network namespace: whom tapnet_up() and tapnet_down() wait for. Any thread may ask
 * while another one waits with the same context.
 *
 * @return the process; 0 when there is none, or it can't be seen
 */
int tapnet_busy(const struct tapnet *tapnet);

/**
 * Brings the host to what @spec describes, or leaves it as it was: a step that fails has all before it undone.
 * Returns when guests are served (DHCP and DNS answer). Another tapnet at work in this network namespace is waited for;
 * a signal that is handled meanwhile ends the wait with -EINTR, and nothing was touched.
 *
 * @return as tapnet_plan_up(); what @progress returned to stop; -EIO when the kernel refused a step as invalid, or
 *         because somebody was faster; else the errno of the step that failed
 * @param progress   may be NULL
 * @param ret_steps  how many steps were done; 0: all was as wanted and nothing was asked of the kernel. May be NULL.
 */
int tapnet_up(struct tapnet *tapnet, const struct tapnet_spec *spec, tapnet_progress *progress, void *data,
              size_t *ret_steps, struct tapnet_error *error);

/** Takes @set away (NULL: all sets), without a trace. *ret_steps 0: there was nothing. */
int tapnet_down(struct tapnet *tapnet, const char *set, tapnet_progress *progress, void *data, size_t *ret_steps,
                struct tapnet_error *error);

/**
 * What else there is to say of the last up, down or plan with this context, a sentence each: a network whose uplink is
 * not there, what a tapnet that was killed had left and was undone first.
 */
size_t tapnet_note_count(const struct tapnet *tapnet);
/** One of them, valid until the next up, down or plan; NULL behind the last. */
const char *tapnet_note(const struct tapnet *tapnet, size_t index);

/** What there is, and what is not as it should be. */
struct tapnet_status;

/** One port of a network. Pointers of all status structs are valid as long as the status. */
struct tapnet_status_port {
    const char *name;
    const char *device;   /**< of its TAP */
    const char *mac;      /**< that the guest has, or should have: give it to the VMM */
    const char *address;  /**< that DHCP gives; "" in mode bridge, where others give it */
    const char *address6; /**< that DHCPv6 gives, "" without IPv6 */
    const char *hostname;
    const char *origin; /**< "declared" by a file, "run" or "attached" (tapnet/attach.h) */
    const char *state;  /**< "plugged" (held), "ready" (by the keeper, for who comes), "free", "down" or "missing" */
    int holder_pid;     /**< who holds the TAP; 0: nobody, or not visible */
    const char *holder; /**< its command, "" when there is none */
    uint64_t rx_bytes, rx_packets, tx_bytes, tx_packets; /**< the guest's side: tx is what it sent */
    uint64_t dropped; /**< by the device: frames that the guest did not take in time */
    /**
     * Where @mac is from: "file"; "seen", the first that the guest sent from, its port's until it is unplugged;
     * "proposed", the guest may have another one; "any", as @mac says or another.
     */
    const char *mac_source;
    const char *const *refused_macs; /**< from which it sent lately, and which are not its */
    size_t refused_mac_count;
    uint64_t blocked; /**< that the guest sent and may not send, or to where it may not: the sum of */
    struct {
        uint64_t frames; /**< another MAC or address than its own, other protocols, floods */
        uint64_t arp;    /**< the same of ARP, in a routed network; elsewhere it is among the frames */
        uint64_t ways;   /**< its own packets to where it may not go: the host, other networks */
    } blocked_by;
    struct {
        uint64_t send, receive; /**< bits a second, by the guest; 0: no limit, as in all of these */
        uint32_t burst;         /**< bytes at once; 0: as many as follow from the rate */
        uint32_t connections;   /**< at once */
        uint32_t broadcast;     /**< frames a second to groups */
    } limit;
    uint64_t refused_connections; /**< packets of connections that were too many */
    const char *const *forwards;  /**< ports of the host that lead to it, "127.0.0.1:2222:22" */
    size_t forward_count;
    const char *search; /**< domains that its guest looks bare names up in, separated by blanks; "" without DNS */
    unsigned queues;    /**< that its guest may have; more than one: it opens so many, or none */
    /**
     * When its guest last took or renewed the lease of @address, and of @address6: milliseconds since 1970; 0: never
     * since the service was started, or the service says nothing.
     */
    uint64_t leased, leased6;
};

struct tapnet_status_network {
    const char *set, *name, *mode, *bridge;
    const char *subnet;   /**< "" in mode bridge: that of the host's own network */
    const char *uplink;   /**< "" when there is none */
    const char *gateway;  /**< the host's address in it, "" in the modes isolated and bridge */
    const char *subnet6;  /**< with the host's address in it; "" without IPv6 */
    const char *uplink6;  /**< where IPv6 goes out, "" when there is none */
    const char *gateway6; /**< the router of its guests by IPv6, "" when there is none */
    const char *dns;      /**< whom guests ask for names, "" when there is nobody */
    unsigned mtu;         /**< of guests' devices, bytes */
    bool ports_see_each_other;
    bool host_open; /**< guests reach all of the host, not only what serves them */
    bool served;    /**< DHCP and DNS answer */
    bool routes;    /**< guests reach each other by the host: mode routed, and more ports than a bridge takes */
    const struct tapnet_status_port *ports;
    size_t port_count;
    const char *const *strangers; /**< links that others have put into its bridge: no guard sees what they send */
    size_t stranger_count;
    const char *inside;  /**< the address that its guests have themselves, who are clones; else "" */
    const char *inside6; /**< the same of IPv6; also "" where they have none */
};

struct tapnet_status_device {
    const char *set, *name, *kind, *addresses, *state, *holder;
    int holder_pid;
};

/**
 * Which file is the set called @set up from? Its absolute path, malloc'ed.
 *
 * @return -ENOENT when no such set is up, or when nobody knows; -EACCES for who may not look
 */
int tapnet_set_file(struct tapnet *tapnet, const char *set, char **ret, struct tapnet_error *error);

/** A set that is up. */
struct tapnet_status_set {
    const char *name;
    const char *file; /**< that it came from, absolute; "" when nobody knows */
};

/**
 * Looks. Changes nothing and takes no lock.
 *
 * @param name  of a set, or of a network: only that is shown, with the problems of its set; NULL: everything
 * @param ret   the status; the caller frees it with tapnet_status_free()
 * @return -ENOENT when nothing of that name is up, -EACCES (without CAP_NET_ADMIN in this network namespace), -ENOMEM
 */
int tapnet_status_get(struct tapnet *tapnet, const char *name, struct tapnet_status **ret, struct tapnet_error *error);
void tapnet_status_free(struct tapnet_status *status);

/** Sets, sorted by their names; NULL behind the last. */
const struct tapnet_status_set *tapnet_status_set(const struct tapnet_status *status, size_t index);

size_t tapnet_status_network_count(const struct tapnet_status *status);
const struct tapnet_status_network *tapnet_status_network(const struct tapnet_status *status, size_t index);
size_t tapnet_status_device_count(const struct tapnet_status *status);
const struct tapnet_status_device *tapnet_status_device(const struct tapnet_status *status, size_t index);

/** What differs from what was brought up: the steps that a new `up` would take, over all sets. 0: all is as wanted. */
size_t tapnet_status_problem_count(const struct tapnet_status *status);
/** One of them as a sentence; NULL behind the last. */
const char *tapnet_status_problem(const struct tapnet_status *status, size_t index);

/**
 * What is as it was brought up and still will not do what one may expect, a sentence each: a network whose uplink is
 * not there. NULL behind the last.
 */
const char *tapnet_status_warning(const struct tapnet_status *status, size_t index);

/** The process id of the keeper, which puts back what others take away; 0: none runs in this network namespace. */
int tapnet_status_keeper(const struct tapnet_status *status);

/** The status as JSON text, see tapnet(8) for its shape. The caller frees it. */
int tapnet_status_json(const struct tapnet_status *status, char **ret, struct tapnet_error *error);

/** In whose words a guest without DHCP is told about its network. */
enum tapnet_guest_form {
    TAPNET_GUEST_COMMANDS,   /**< ip(8): to type */
    TAPNET_GUEST_CLOUD_INIT, /**< cloud-init's network-config, version 2 */
    TAPNET_GUEST_NETWORKD,   /**< a file of systemd.network(5) */
    TAPNET_GUEST_KERNEL,     /**< a word of the kernel's command line, as its own code and most initramfs read it */
};
/** "commands", "cloud-init", "networkd", "kernel"; NULL behind the last. */
const char *tapnet_guest_form_name(enum tapnet_guest_form form);

/**
 * What the guest in a port is told so that it needs no DHCP: its address is the port's, and no other one is let
 * through.
 *
 * @param port  "web", "lab/web" (network and port) or "lab-web" (its device)
 * @param ret   the text, lines of it; the caller frees it
 * @return -ENOENT when no such port is in @status, -ENOTUNIQ when several are, -ENODATA when its network is of mode
 * bridge, where others give addresses, -ENOMEM
 */
int tapnet_status_guest(const struct tapnet_status *status, const char *port, enum tapnet_guest_form form, char **ret,
                        struct tapnet_error *error);

/** The same in all forms, and what stands in them, as JSON text; see tapnet(8) for its shape. */
int tapnet_status_guest_json(const struct tapnet_status *status, const char *port, char **ret,
                             struct tapnet_error *error);

/**
 * What the XML of a libvirt domain says of a card, its <interface>: of a port, that libvirt opens its TAP by its name;
 * of a network, that a user's libvirt gets a new port of it from tapnet-bridge-helper(8).
 *
 * @param name  of a port, as for tapnet_status_guest(); else of a network, or of its bridge
 * @param ret   the text, lines of it; the caller frees it
 * @return -ENOENT when neither is in @status, -ENOTUNIQ when several ports are, -ENOMEM
 */
int tapnet_status_libvirt(const struct tapnet_status *status, const char *name, char **ret, struct tapnet_error *error);

#ifdef __cplusplus
}
#endif
#endif
