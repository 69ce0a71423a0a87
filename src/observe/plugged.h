/* SPDX-License-Identifier: MIT */
/* Ports that came or went alone since their network's ledger was written, at a cost of their own: beside it. */
#ifndef OBSERVE_PLUGGED_H
#define OBSERVE_PLUGGED_H

#include <sys/stat.h>

#include "model/object.h"

/*
 * How it works: a ledger, networks/NAME.json, has its network with all its ports, and is written whole. A port that
 * comes alone is a line at the end of networks/NAME.more instead:
 *
 *     12 4711 1763750000 123456789        the ledger that this is about: its file's inode, length and time
 *     {"name":"vm7","origin":"run",...}   as in the ledger
 *     {"gone":"vm3"}                      a port that went alone, of the ledger or of a line before
 *
 * What was written about another ledger is void, for whoever wrote that knew of these ports. So nothing needs to be
 * done to both files at once. A last line without its end was never written.
 *
 * Beside it networks/NAME.roll has who is there in short (api/roll.h): a cache, that may be gone at any time.
 */
#define PLUGGED_SUFFIX ".more"
#define PLUGGED_ROLL_SUFFIX ".roll"

/* What stands beside a ledger is to be written into it when it weighs half as much, or the ledger no more than this. */
#define PLUGGED_LEDGER_SHORT 8192
/* Is it so beside any ledger of the directory @run_dir? */
bool plugged_is_heavy(const char *run_dir);

/* Which ledger it is. */
#define PLUGGED_LEDGER_MAX 96
const char *plugged_ledger_print(const struct stat *ledger, char text[PLUGGED_LEDGER_MAX]);

/*
 * Adds to @network, which was read from the ledger @path, the ports beside it, and takes out those that went. All is
 * @arena's. *ret_any: there are some of either. 0, -ENOMEM, or the errno of a file that can't be read, with a sentence.
 * -EAGAIN, without one: the ledger was written anew meanwhile, and took what stood beside it with it.
 */
int plugged_read(const char *path, const struct stat *ledger, struct model_network *network, struct arena *arena,
                 bool *ret_any, struct tapnet_error *error);

#endif
