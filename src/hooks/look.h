/* SPDX-License-Identifier: MIT */
/* What tapnet-hooks sees of the host: which ports have a guest, and when that may have changed. */
#ifndef HOOKS_LOOK_H
#define HOOKS_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/model.h"

/*
 * How it works: the kernel tells of each change of a link, and inotify of each ledger that is written; neither is
 * believed, both mean "look again". A look is one dump of the links. A port has a guest while its TAP has a carrier,
 * which is as long as somebody holds it; and since the kernel counts how often a link has lost its carrier, one guest
 * is told from the next, however fast that came. Who holds the device says less: a program hands its descriptor on
 * (libvirt to QEMU, QEMU to itself when it becomes a daemon), and the guest stays.
 */
struct look {
    int links_fd, files_fd;
    struct look_port {
        char network[MODEL_NAME_MAX], port[MODEL_NAME_MAX];
        uint64_t plug; /* its guest: the index of its link, and how often that has lost its carrier; 0: nobody */
    } * ports;         /* that have a link of ours; sorted */
    size_t count, capacity;
};
#define LOOK_NONE ((struct look){.links_fd = -1, .files_fd = -1})

int look_open(struct look *look, struct tapnet_error *error);
void look_fini(struct look *look);

/* Reads what was told. *ret_files: a ledger, or the socket, may be another one. True: a look may find something new. */
bool look_read(struct look *look, bool *ret_files);
/* Watches what is there by now of the run directory. True: something of it is new. */
bool look_watch_files(struct look *look, const char *run_dir);
/* Looks. */
int look_at_links(struct look *look, struct tapnet_error *error);

/* NULL: it has no link. */
const struct look_port *look_find(const struct look *look, const char *network, const char *port);
/* Has the network any link of a port? */
bool look_has_network(const struct look *look, const char *network);

#endif
