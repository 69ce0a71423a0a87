/* SPDX-License-Identifier: MIT */
/* The networks being served: their models, sockets, DHCP and DNS. */
#include "service/registry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/object.h"
#include "service/control.h"
#include "service/dhcp.h"
#include "service/log.h"
#include "service/network_text.h"

enum serve_fd {
    SERVE_MEMFD,
    SERVE_DNS,
};

static void served_free(struct served *served)
{
    if (!served)
        return;
    dhcp_remove(served->dhcp);
    arena_fini(&served->arena);
    if (served->memfd >= 0)
        close(served->memfd);
    free(served);
}

DEFINE_CLEANUP(struct served *, served_free)

struct served *registry_find(const struct registry *registry, const char *name)
{
    for (struct served *served = registry->first; served; served = served->next) {
        if (strcmp(served->network->name, name) == 0)
            return served;
    }
    return NULL;
}

/* Reads the whole memfd @fd into memory that the caller frees. Only memory: any other file might keep us waiting. */
static int text_read(int fd, char **ret, size_t *ret_length, struct tapnet_error *error)
{
    char *text _cleanup_free_ = NULL;
    struct stat status;
    ssize_t length;

    if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return error_set(error, -EINVAL, "descriptor 0 is not a memfd");
    if (status.st_size > SERVICE_NETWORK_MAX)
        return error_set(error, -EFBIG, "the network's text is longer than %d bytes", SERVICE_NETWORK_MAX);
    text = malloc((size_t)status.st_size + 1);
    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    length = pread(fd, text, (size_t)status.st_size, 0);
    if (length < 0)
        return error_set_errno(error, -errno, "can't read the network's text");
    *ret = take_pointer(text);
    *ret_length = (size_t)length;
    return 0;
}

/* Fills @served->network from the memfd @fd, which stays the caller's. */
static int served_load(struct served *served, int fd, struct tapnet_error *error)
{
    char *text _cleanup_free_ = NULL;
    size_t length = 0;
    int r = text_read(fd, &text, &length, error);

    if (r < 0)
        return r;
    return network_text_parse(text, length, &served->arena, &served->network, error);
}

static int served_new(int memfd, struct served **ret, struct tapnet_error *error)
{
    struct served *served cleanup(cleanup_served_free) = calloc(1, sizeof(*served));
    int r;

    if (!served) {
        error_set(error, -ENOMEM, "out of memory");
        return -ENOMEM;
    }
    served->memfd = -1;
    r = served_load(served, memfd, error);
    malloc_trim(0); /* what it took to read it is not needed again for long */
    if (r < 0)
        return r;
    *ret = take_pointer(served);
    return 0;
}

static int socket_option(int fd, int option)
{
    int value;
    socklen_t length = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0 ? -1 : value;
}

/* Is @fd a socket of this kind? It is made non-blocking. */
static int socket_check(int fd, int domain, int type, int listening, struct tapnet_error *error)
{
    int flags = fcntl(fd, F_GETFL);

    if (socket_option(fd, SO_DOMAIN) != domain || socket_option(fd, SO_TYPE) != type ||
        socket_option(fd, SO_ACCEPTCONN) != listening)
        return error_set(error, -EINVAL, "a descriptor is not the socket that it should be");
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return error_set_errno(error, -errno, "can't make a socket non-blocking");
    return 0;
}

/* The socket that hears requests. Which group it holds, if any, the kernel does not tell. */
static int log_socket_check(int fd, struct tapnet_error *error)
{
    int r = socket_check(fd, AF_NETLINK, SOCK_RAW, 0, error);

    if (r == 0 && socket_option(fd, SO_PROTOCOL) != NETLINK_NETFILTER)
        r = error_set(error, -EINVAL, "the netlink socket is not netfilter's");
    return r;
}

/* The socket that replies leave by. */
static int reply_socket_check(int fd, struct tapnet_error *error)
{
    struct sockaddr_ll address = {0};
    socklen_t length = sizeof(address);
    int r = socket_check(fd, AF_PACKET, SOCK_RAW, 0, error);

    if (r == 0 && (getsockname(fd, (struct sockaddr *)&address, &length) < 0 || address.sll_protocol))
        r = error_set(error, -EINVAL, "the packet socket receives something");
    return r;
}

int registry_set_sockets(struct registry *registry, const int *fds, struct tapnet_error *error)
{
    int r = log_socket_check(fds[0], error);

    if (r == 0)
        r = reply_socket_check(fds[1], error);
    if (r == 0)
        dhcp_set_sockets(registry->dhcp, fds[0], fds[1]);
    return r;
}

static int sockets_check(const struct model_network *network, const int *fds, size_t count, struct tapnet_error *error)
{
    size_t wanted = SERVE_DNS + 2 * dns_ends(network);
    int r = 0;

    if (count != wanted)
        return error_set(error, -EINVAL, "mode %s%s takes %zu descriptors", model_mode_print(network->mode),
                         network->subnet6.address.family ? " with IPv6" : "", wanted);
    for (size_t i = SERVE_DNS; i < count && r == 0; i += 2) {
        int domain = network->subnet6.address.family && i + 2 == count ? AF_INET6 : AF_INET; /* the last end's */

        r = socket_check(fds[i], domain, SOCK_DGRAM, 0, error);
        if (r == 0)
            r = socket_check(fds[i + 1], domain, SOCK_STREAM, 1, error);
    }
    return r;
}

/* DNS of @served takes its sockets over; at failure they stay the caller's. */
static int served_start(struct registry *registry, struct served *served, const int *fds, struct tapnet_error *error)
{
    struct model_network *network = served->network;
    int r = dhcp_add(registry->dhcp, network, &served->dhcp);

    if (r < 0)
        return error_set_errno(error, r, "can't serve DHCP on network %s", network->name);
    if (!model_mode_leads_out(network->mode))
        return 0;
    return dns_add(registry->dns, network, fds + SERVE_DNS, error);
}

int registry_serve(struct registry *registry, const int *fds, size_t count, struct tapnet_error *error)
{
    struct served *served cleanup(cleanup_served_free) = NULL;
    struct served **last = &registry->first;
    int log_fd, reply_fd, r;

    if (!dhcp_get_sockets(registry->dhcp, &log_fd, &reply_fd))
        return error_set(error, -ENOTCONN, "no sockets for DHCP yet: the request \"sockets\" comes first");
    r = served_new(fds[SERVE_MEMFD], &served, error);
    if (r < 0)
        return r;
    if (registry_find(registry, served->network->name))
        return error_set(error, -EEXIST, "network %s is served already", served->network->name);
    r = sockets_check(served->network, fds, count, error);
    if (r < 0)
        return r;
    r = served_start(registry, served, fds, error);
    if (r < 0)
        return r;
    served->memfd = fds[SERVE_MEMFD];
    log_line("serving network %s: %zu ports", served->network->name, served->network->port_count);
    while (*last)
        last = &(*last)->next;
    *last = take_pointer(served);
    return 0;
}

int registry_update(struct registry *registry, int memfd, struct tapnet_error *error)
{
    struct served *fresh cleanup(cleanup_served_free) = NULL;
    struct served *served;
    struct arena arena;
    int r;

    r = served_new(memfd, &fresh, error);
    if (r < 0)
        return r;
    served = registry_find(registry, fresh->network->name);
    if (!served)
        return error_set(error, -ENOENT, "no network %s is served", fresh->network->name);
    if (served->network->mode != fresh->network->mode || served->network->spread != fresh->network->spread ||
        !ip_address_equal(&served->network->clones.address, &fresh->network->clones.address) ||
        !ip_address_equal(&served->network->clones.address6, &fresh->network->clones.address6) ||
        served->network->dns_port != fresh->network->dns_port ||
        ip_prefix_compare(&served->network->subnet, &fresh->network->subnet) != 0 ||
        ip_prefix_compare(&served->network->subnet6, &fresh->network->subnet6) != 0)
        return error_set(error, -EINVAL,
                         "network %s: mode, subnets, clones and DNS port can't change while it is served",
                         fresh->network->name);
    r = dhcp_update(served->dhcp, fresh->network);
    if (r < 0)
        return error_set_errno(error, r, "can't update network %s", fresh->network->name);
    if (model_mode_leads_out(fresh->network->mode))
        dns_update(registry->dns, fresh->network);
    /* The new model stays, the old one goes with @fresh. */
    arena = served->arena;
    served->arena = fresh->arena;
    fresh->arena = arena;
    served->network = fresh->network;
    served->port_room = 0;
    close(served->memfd);
    served->memfd = memfd;
    log_line("updated network %s: %zu ports", served->network->name, served->network->port_count);
    return 0;
}

/* Room for one port more. What pointed to the ports before still finds them; the room is doubled, so they are few. */
static int served_reserve(struct served *served)
{
    struct model_network *network = served->network;
    size_t most = model_network_ports_max(network), room = network->port_count ? 2 * network->port_count : 16;
    struct model_port *ports;

    if (network->port_count >= most)
        return -E2BIG;
    if (network->port_count < served->port_room)
        return 0;
    room = room < most ? room : most;
    ports = arena_alloc(&served->arena, room * sizeof(*ports));
    if (!ports)
        return -ENOMEM;
    if (network->port_count)
        memcpy(ports, network->ports, network->port_count * sizeof(*ports));
    network->ports = ports;
    served->port_room = room;
    return 0;
}

/* Is one of that name there, or of that device? */
static bool served_has(const struct model_network *network, const struct model_port *port)
{
    for (size_t i = 0; i < network->port_count; i++)
        if (strcmp(network->ports[i].name, port->name) == 0 || strcmp(network->ports[i].device, port->device) == 0)
            return true;
    return false;
}

int registry_plug(struct registry *registry, const char *name, const struct json_t *json, struct tapnet_error *error)
{
    struct served *served = registry_find(registry, name);
    struct model_network *network = served ? served->network : NULL;
    struct model_port *port;
    int r;

    if (!served)
        return error_set(error, -ENOENT, "no network %s is served", name);
    r = served_reserve(served);
    if (r < 0)
        return error_set_errno(error, r, "no room for another port of network %s", name);
    port = &network->ports[network->port_count];
    *port = (struct model_port){.user = MODEL_ID_NONE, .group = MODEL_ID_NONE};
    r = model_port_from_json(json, network, &served->arena, port, error);
    if (r < 0)
        return r;
    if (served_has(network, port))
        return error_set(error, -EEXIST, "network %s has port %s already", name, port->name);
    network->port_count++;
    r = dhcp_plug(served->dhcp, network);
    if (r < 0) {
        network->port_count--;
        return error_set_errno(error, r, "can't plug port %s in", port->name);
    }
    if (model_mode_leads_out(network->mode))
        dns_plug(registry->dns, network);
    log_line("plugged port %s/%s in", name, port->name);
    return 0;
}

int registry_unplug(struct registry *registry, const char *name, const char *port_name, struct tapnet_error *error)
{
    struct served *served = registry_find(registry, name);
    struct model_network *network = served ? served->network : NULL;
    bool unnamed = true;
    size_t place = 0;

    if (!served)
        return error_set(error, -ENOENT, "no network %s is served", name);
    while (place < network->port_count && strcmp(network->ports[place].name, port_name) != 0)
        place++;
    if (place == network->port_count)
        return error_set(error, -ENOENT, "network %s has no port %s", name, port_name);
    dhcp_unplug(served->dhcp, place);
    if (model_mode_leads_out(network->mode))
        unnamed = dns_unplug(registry->dns, network, place);
    network->ports[place] = network->ports[--network->port_count];
    if (!unnamed)
        dns_update(registry->dns, network);
    log_line("unplugged port %s/%s", name, port_name);
    return 0;
}

/* Takes @served out of DNS and frees it. */
static void registry_drop(struct registry *registry, struct served *served)
{
    if (model_mode_leads_out(served->network->mode))
        dns_remove(registry->dns, served->network->name);
    log_line("stopped serving network %s", served->network->name);
    served_free(served);
}

int registry_stop(struct registry *registry, const char *name, struct tapnet_error *error)
{
    struct served **link = &registry->first, *served;

    while (*link && strcmp((*link)->network->name, name) != 0)
        link = &(*link)->next;
    served = *link;
    if (!served)
        return error_set(error, -ENOENT, "no network %s is served", name);
    *link = served->next;
    dhcp_retire(served->dhcp);
    registry_drop(registry, served);
    return 0;
}

void registry_fini(struct registry *registry)
{
    while (registry->first) {
        struct served *served = registry->first;

        registry->first = served->next;
        registry_drop(registry, served);
    }
}
