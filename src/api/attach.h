/* SPDX-License-Identifier: MIT */
/* Plugging on behalf of somebody: what tapnet_attach() does for root and the keeper for others. */
#ifndef API_ATTACH_H
#define API_ATTACH_H

#include <tapnet/attach.h>

#include "api/context.h"

/*
 * How it works: who has CAP_NET_ADMIN plugs by himself. Everybody else asks the keeper, by its socket for that,
 * RUN_DIR.attach (SOCK_SEQPACKET, for all users of the host): one datagram there, one back, with the descriptors of the
 * TAP, and the keeper closes; but who was given what was ready may ask again. It knows from the kernel who asks, and
 * holds him to what the network's file allows.
 *
 *   {"do":"attach","network":"lab","port":"web","queues":2,"open":true,"held":true,"vnet_header":true}
 *   {"do":"ready","network":"lab"}
 *   {"do":"detach","network":"lab","port":"web","unless_held":true}
 *       network and port may be left out of the first, as in struct tapnet_attach_options, and queues, which is 0 then.
 *       The second is root's: a port that is ready, held, with a vnet header and without carrier, which the keeper
 *       turns on behind its answer; or -EAGAIN when there is none
 *   {"ok":true,"port":{...}}    of the first two: tapnet_attached_json()
 *   {"ok":false,"code":-1,"error":"..."}
 */
#define ATTACH_SOCKET_SUFFIX ".attach"
#define ATTACH_REQUEST_MAX 1024
#define ATTACH_REPLY_MAX 8192

/* The socket's, which is beside the run directory. -ENAMETOOLONG. */
int attach_socket_path(const char *run_dir, char ret[RUN_PATH_MAX]);

/* A flag besides those of tapnet/attach.h: the TAP is opened without carrier, to be handed out later. */
#define ATTACH_READY (1u << 31)

/* With the lock held. @person: on whose behalf; NULL: root's. */
int attach_locked(struct tapnet *tapnet, const struct tapnet_attach_options *options, const struct model_person *person,
                  struct tapnet_attached **ret, struct tapnet_error *error);
/*
 * With the lock held: makes @count ports as one plan and opens them with ATTACH_READY. @ret has room for as many;
 * *ret_count of them, the caller's, were opened, also when it failed.
 */
int attach_make_ready(struct tapnet *tapnet, const char *network, size_t count, struct tapnet_attached **ret,
                      size_t *ret_count, struct tapnet_error *error);
/* Turns the carrier of one of them on: it is handed out. */
int attach_plug_in(const struct tapnet_attached *attached, struct tapnet_error *error);
/* As attach_locked(). *ret_gone: the whole set went with it. */
int detach_locked(struct tapnet *tapnet, const char *network, const char *port, unsigned flags,
                  const struct model_person *person, bool *ret_gone, struct tapnet_error *error);

/* ---- attach_ask.c: from the keeper ---- */

/* -ENOENT, -ECONNREFUSED: there is no keeper that could be asked, and @error is not set. */
int attach_ask(const struct tapnet *tapnet, const struct tapnet_attach_options *options, struct tapnet_attached **ret,
               struct tapnet_error *error);
/*
 * A port that is ready, for root; by a connection that @tapnet keeps. -EAGAIN: there is none, or nobody who could be
 * asked; @error is not set.
 */
int attach_ask_ready(struct tapnet *tapnet, const char *network, struct tapnet_attached **ret);
int detach_ask(const struct tapnet *tapnet, const char *network, const char *port, unsigned flags,
               struct tapnet_error *error);

#endif
