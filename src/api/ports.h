/* SPDX-License-Identifier: MIT */
/* Ports that come and go while their network is up: those of `tapnet run` and `tapnet attach`. */
#ifndef API_PORTS_H
#define API_PORTS_H

#include "api/context.h"

/*
 * How it works: such a port is one of its network like any other, in the ledger too, but for its origin. So status, the
 * keeper and `down` need not know of it, and a tapnet that is killed at any instant leaves what the next one reads. A
 * file that is brought up again keeps the ports that it does not name (ports_take_over()).
 *
 * A port of `tapnet run` lives as long as somebody holds its TAP or claims it (device/claim.h), and a network that was
 * made for one as long as it has ports. Whoever makes such a port claims it before the lock is let go of; so who has
 * the lock and finds one of which neither is true knows that its command has ended, and takes it away (ports_end()).
 */

/* With the lock held: what there is, when all is taken away that nobody holds any more. */
int ports_settle(struct tapnet *tapnet, struct observe_found **ret, struct tapnet_error *error);

/* Called for each port that goes; may be NULL. */
typedef void ports_report(void *data, const char *network, const char *port);
/* With the lock held: takes away what nobody holds of one set in @found, which is out of date when *ret_ended. */
int ports_end(struct tapnet *tapnet, const struct observe_found *found, ports_report *report, void *data,
              bool *ret_ended, struct tapnet_error *error);

/*
 * Adds to @set, which came from a file, those ports of its networks that were plugged at run time and that it does not
 * name. They keep what they have, their addresses as far as they fit. 0 or -ENOMEM; points into @found.
 */
int ports_take_over(const struct observe_found *found, struct model_set *set);

/* The network called @name of any set; NULL when none is up. */
const struct model_service *ports_network(const struct observe_found *found, const char *name);
/* The port called @name, NULL when there is none. */
const struct model_port *ports_find(const struct model_network *network, const char *name);
/* The network of that name in @set; NULL. */
struct model_network *ports_network_of(struct model_set *set, const char *name);
/* Removes port @name, and then its network when that was made for its ports and has none left. 0 or -ENOMEM. */
int ports_remove(struct model_set *set, const char *network_name, const char *name);

/*
 * Turns the carrier on of each port of a command that has none: a keeper was killed between handing it out and that
 * (keeper/pool.h), and its network may have no pool any more. For the first look of another one, since who holds a TAP
 * may also turn it off.
 */
void ports_plug_in(const struct observe_found *found);

/* Does anybody hold the TAP of @port? Opens it for an instant when the kernel does not tell otherwise. */
bool ports_is_held(const struct observe_found *found, const struct model_port *port);

#endif
