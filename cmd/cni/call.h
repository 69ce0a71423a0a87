/* SPDX-License-Identifier: MIT */
/* One call of the plugin: what the runtime says in the environment and on standard input, and what it is told. */
#ifndef CNI_CALL_H
#define CNI_CALL_H

#include <tapnet/network.h>

#include "config.h"

#define CNI_PORT_MAX 64
#define CNI_VALUE_MAX 64 /* of one that we look at in CNI_ARGS: a MAC, an address */

/* Texts are the environment's. NULL: not given. The configuration may point to the copies, so it is not to be moved. */
struct cni_call {
    const char *command, *container, *netns, *interface, *args;
    char mac[CNI_VALUE_MAX], address[CNI_VALUE_MAX]; /* of CNI_ARGS */
    struct cni_config config;
};

/* What a verb needs of the environment. */
enum {
    CNI_NEEDS_CONTAINER = 1 << 0,
    CNI_NEEDS_NETNS = 1 << 1,
    CNI_NEEDS_INTERFACE = 1 << 2,
};
/*
 * Reads the environment, and MAC and IP of CNI_ARGS into the configuration where that says none. Names what is missing
 * or wrong.
 */
enum cni_code cni_call_read(unsigned needs, struct cni_call *ret, struct cni_error *error);

/*
 * The port of an attachment: "c-", what the container is recognised by, a hash of the configuration's name, and one of
 * all three.
 */
void cni_port_name(const char *config, const char *container, const char *interface, char ret[CNI_PORT_MAX]);
/* Is @port one of configuration @config? */
bool cni_port_is_of(const char *port, const char *config);

/* ---- verbs.c: what each does. Prints the result on success ---- */

enum cni_code cni_add(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error);
enum cni_code cni_del(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error);
enum cni_code cni_check(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error);
enum cni_code cni_gc(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error);
enum cni_code cni_status(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error);

/* ---- result.c ---- */

struct tapnet_attached_info;
/* What ADD prints, malloc'ed: ours, behind what a plugin before us in the chain has done. NULL: out of memory. */
char *cni_result_print(const struct cni_call *call, const struct tapnet_attached_info *info);
/* What is printed in its place when something went wrong, malloc'ed. NULL: out of memory. */
char *cni_error_print(const struct cni_call *call, const struct cni_error *error);

#endif
