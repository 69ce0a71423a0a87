/* SPDX-License-Identifier: MIT */
/* The networks being served: their models, sockets, DHCP and DNS. */
#ifndef SERVICE_REGISTRY_H
#define SERVICE_REGISTRY_H

#include <stddef.h>

#include "base/error.h"
#include "model/model.h"
#include "service/dns.h"
#include "service/loop.h"

struct json_t;
struct dhcp;
struct dhcp_network;

struct served {
    struct arena arena; /* owns @network */
    struct model_network *network;
    size_t port_room; /* of its array of ports; 0: as many as there are */
    int memfd;        /* its text, for {"do":"show"} */
    struct dhcp_network *dhcp;
    struct served *next;
};

struct registry {
    struct loop *loop;
    struct dhcp *dhcp;
    struct dns *dns;
    struct served *first;
};

/*
 * The requests of control.h. @fds are those that came with the request, @count of them: at success the registry's, at
 * failure the caller's. 0 or negative errno with one sentence in @error.
 */
int registry_set_sockets(struct registry *registry, const int *fds, struct tapnet_error *error);
int registry_serve(struct registry *registry, const int *fds, size_t count, struct tapnet_error *error);
int registry_update(struct registry *registry, int memfd, struct tapnet_error *error);
/* @json: the port. */
int registry_plug(struct registry *registry, const char *name, const struct json_t *json, struct tapnet_error *error);
int registry_unplug(struct registry *registry, const char *name, const char *port, struct tapnet_error *error);
int registry_stop(struct registry *registry, const char *name, struct tapnet_error *error);

/* NULL when no such network is served. */
struct served *registry_find(const struct registry *registry, const char *name);
/* Stops serving everything. */
void registry_fini(struct registry *registry);

#endif
