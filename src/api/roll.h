/* SPDX-License-Identifier: MIT */
/* A network's roll: who is there in short, so that one port more need not read all the others. */
#ifndef API_ROLL_H
#define API_ROLL_H

#include "model/object.h"

/*
 * How it works: a new port needs a name, a MAC and an address that nobody has; besides, only what the network is like.
 * All of it stands in the ledger, and is read at a cost that grows with it, and in RUN_DIR/networks/NAME.roll: the
 * network without its ports as JSON, then for each port a struct roll_port, aligned. It is a cache: it says which
 * ledger it was made of and how long the file beside that was (observe/plugged.h), and is void when either has changed
 * since.
 *
 * It is this program's own, in the machine's own byte order, and never older than the boot; so it is read as it was
 * written, but for what could make us read beyond it.
 *
 * Whoever comes again and again keeps what has been read, and changes that as the file is changed: when its first line
 * is the file's, where each change has its time, there is nothing to be read but that.
 */
struct roll {
    int fd; /* the file, as it is read and then changed: with the lock held all along */
    struct roll_kept *kept;
    const char *set;
    const struct model_network *network; /* without its ports; as the set, of the struct roll_kept */
    unsigned bridge;                     /* that this was written about: one of another index was made anew since */
    char ledger[128];                    /* that it is about: what a line beside it is headed with */
    uint64_t ledger_len, more_len;       /* of that, and of the file beside it */
    const struct roll_port *ports;       /* within what is kept */
    size_t count;
};

#define ROLL_NONE ((struct roll){.fd = -1})

/* What is kept of the roll that was read last. */
struct roll_kept {
    char *text;       /* as it is in the file; NULL: none was read */
    size_t len, room; /* len 0: it is void */
    size_t ports_at;  /* where they begin */
    char *line;       /* about the network, which is parsed when it is another one; NULL: none was */
    struct arena arena;
    const char *set;
    struct model_network *network;
    unsigned bridge; /* index */
};

void roll_kept_fini(struct roll_kept *kept);
void roll_fini(struct roll *roll);
/*
 * The roll of @network. -ESTALE: there is none that could be used. *ret is ended by the caller in any case, and points
 * into @kept until another one is read.
 */
int roll_read(const char *run_dir, const char *network, struct roll_kept *kept, struct roll *ret);
/* The port that is number @place, as far as a new one must know of it. */
void roll_port(const struct roll *roll, size_t place, struct model_port *ret);
/* Is it one that came at run time and has nothing but what follows from its name, and its network? */
bool roll_is_plain(const struct roll *roll, size_t place);
/* The place of the port @name; as many as there are: there is none. */
size_t roll_find(const struct roll *roll, const char *name);
/* The names of the port that is number @place: its own, and what it is called in DNS, too. */
const char *roll_name(const struct roll *roll, size_t place);
const char *roll_hostname(const struct roll *roll, size_t place);
/* The address of the port that is number @place, as struct model_surroundings wants it; @roll is one. */
const struct ip_address *roll_address(const void *roll, size_t place, uint8_t family);
/* Has one of them a name, a MAC, an address of IPv6 or a device that @port has? */
bool roll_collides(const struct roll *roll, const struct model_port *port);
/* Is there one of that origin? */
bool roll_has_origin(const struct roll *roll, enum model_origin origin);
/* How many ports that came at run time are of @user: model_access_used(). */
uint32_t roll_used(const struct roll *roll, uint32_t user);
/*
 * One that stays when number @place goes (as many as there are: all do), and whose guest's MAC is learnt: what the
 * network has for the sake of these is there. For a port whose MAC is @given another such one does. False: there is
 * neither.
 */
bool roll_fellow(const struct roll *roll, size_t place, bool given, struct model_port *ret);
/* Writes that of @network, which is @set's with all its ports, as the ledger has it. What can't be is not there. */
void roll_write(const char *run_dir, const char *set, const struct model_network *network);
/*
 * Adds @port, which stands beside the ledger since just now, to @roll and its file: that is read by roll_read() before
 * anything else is done with it. What can't be changed is void.
 */
void roll_add(const char *run_dir, const struct roll *roll, const struct model_port *port);
/* Takes out the port that is number @place; the same. */
void roll_drop(const char *run_dir, const struct roll *roll, size_t place);

#endif
