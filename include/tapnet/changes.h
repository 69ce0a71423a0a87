/* SPDX-License-Identifier: MIT */
/* What changes at networks that are up: when to look again, and what is different from the look before. */
#ifndef TAPNET_CHANGES_H
#define TAPNET_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include <tapnet/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The kernel tells at once of links, addresses, routes and tables of nftables, and of files: a guest that is plugged in
 * or goes, a port or network that comes or goes, what somebody takes away. The service tells of leases. Nobody tells of
 * counters (traffic, drops), of a MAC that a rule has learnt, or of a service that does not answer: who wants to know
 * looks now and then.
 */

/** Tells when a look, tapnet_status_get(), may find something new. */
struct tapnet_changes;

/**
 * Begins to listen: what changes from now on will be told. Needs CAP_NET_ADMIN in the network namespace.
 *
 * @param tapnet  must outlive @ret
 * @param ret     the caller frees it with tapnet_changes_free()
 * @return -EACCES, -ENOMEM, or what opening a socket fails with
 */
int tapnet_changes_open(struct tapnet *tapnet, struct tapnet_changes **ret, struct tapnet_error *error);

/** Frees @changes; NULL is fine. */
void tapnet_changes_free(struct tapnet_changes *changes);

/** A descriptor for poll(2): POLLIN when tapnet_changes_read() has something to read. It stays @changes'. */
int tapnet_changes_fd(const struct tapnet_changes *changes);

/**
 * Reads all that was told. To be called before a look, never after it, and by one thread of a process at a time.
 *
 * @return whether anything was: a look may find something new, or not
 */
bool tapnet_changes_read(struct tapnet_changes *changes);

/** One difference between two looks. Texts are valid during the callback only; "" where there is nothing to say. */
struct tapnet_change {
    /**
     * Of a network: "up", "down" (it came, it went), "served", "unserved" (DHCP and DNS), "stranger", "left" (@device
     * is no port and came into its bridge, where no guard sees what it sends, or went). Of a port: "added", "removed".
     * Of a port, or of a device that belongs to no network: "plugged" (@text: by whom), "unplugged", "state" (@text:
     * free, ready, down or missing). Of a port: "lease" (@text: the address that its guest took or renewed), "mac"
     * (@text: what its guest has been seen to send from), "refused" (@text: another MAC that it sends from), "dropped"
     * (@text: the reason, late, frames, arp, ways or connections as in tapnet(8); @count: packets). Of all: "problem",
     * "mended" (@text: what differs from what was brought up, or does no more), "keeper" (@count: its process; 0: it is
     * gone).
     */
    const char *kind;
    const char *network, *port, *device;
    const char *text;
    uint64_t count;
};

typedef void tapnet_change_reader(const struct tapnet_change *change, void *data);

/**
 * Tells @reader what is different in @after: what went first, then what came, network by network.
 *
 * @param before  the look before; NULL: nothing was up
 * @param after   the later one, of the same name, or of everything as well; NULL: nothing is up any more
 */
void tapnet_changes_between(const struct tapnet_status *before, const struct tapnet_status *after,
                            tapnet_change_reader *reader, void *data);

#ifdef __cplusplus
}
#endif
#endif
