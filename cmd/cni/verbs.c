/* SPDX-License-Identifier: MIT */
/* ADD, DEL, CHECK, GC and STATUS: each of them in the words of tapnet/attach.h and tapnet/network.h. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <tapnet/attach.h>

#include "call.h"

/*
 * How it works: the kernel and tapnet's ledger are all the state that there is. The port's name follows from what the
 * runtime says of the attachment, so DEL needs neither a file nor the container; a container that ends without DEL
 * takes its veth pair along, and the keeper, or the next tapnet, what stands on it. The library's lock makes calls wait
 * for each other, and its journal undoes one that was killed.
 */

/* ---- what there is ---- */

/* The network; NULL when it is not up, or that can't be known: @ret_reason says which. */
static const struct tapnet_status_network *find_network(struct tapnet *tapnet, const char *name,
                                                        struct tapnet_status **ret, struct tapnet_error *reason)
{
    *ret = NULL;
    if (tapnet_status_get(tapnet, name, ret, reason) < 0)
        return NULL;
    for (size_t i = 0; i < tapnet_status_network_count(*ret); i++)
        if (strcmp(tapnet_status_network(*ret, i)->name, name) == 0)
            return tapnet_status_network(*ret, i);
    return NULL;
}

static const struct tapnet_status_port *find_port(const struct tapnet_status_network *network, const char *name)
{
    for (size_t i = 0; i < network->port_count; i++)
        if (strcmp(network->ports[i].name, name) == 0)
            return &network->ports[i];
    return NULL;
}

/* ---- what the library refuses ---- */

/* Is port @name there, or, when it is NULL, the network? Something else may not be there either: a program of ours. */
static bool is_there(struct tapnet *tapnet, const char *network_name, const char *name)
{
    struct tapnet_status *status;
    const struct tapnet_status_network *network = find_network(tapnet, network_name, &status, NULL);
    bool there = network && (!name || find_port(network, name));

    tapnet_status_free(status);
    return there;
}

static enum cni_code refused(int result, const struct tapnet_error *reason, const char *what, struct cni_error *error)
{
    enum cni_code code = CNI_FAILED;

    if (result == -EINVAL || result == -EOPNOTSUPP)
        code = CNI_INVALID_CONFIG;
    else if (result == -EADDRNOTAVAIL) /* another container will go */
        code = CNI_TRY_AGAIN;
    return cni_fail(error, code, what, "%s", reason->text);
}

/* ---- the container ---- */

static enum cni_code open_netns(const char *path, int *ret, struct cni_error *error)
{
    struct statfs status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return cni_fail(error, errno == ENOENT ? CNI_UNKNOWN_CONTAINER : CNI_INVALID_ENVIRONMENT,
                        "cannot open the container's network namespace", "CNI_NETNS %s: %s", path, strerror(errno));
    if (fstatfs(fd, &status) < 0 || (unsigned long)status.f_type != NSFS_MAGIC ||
        ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
        close(fd);
        return cni_fail(error, CNI_INVALID_ENVIRONMENT, "cannot open the container's network namespace",
                        "CNI_NETNS %s is no network namespace", path);
    }
    *ret = fd;
    return CNI_OK;
}

static struct tapnet_container container_of(const struct cni_call *call, int netns)
{
    return (struct tapnet_container){
        .netns = netns, .interface = call->interface, .tap = call->config.has_tap ? &call->config.tap : NULL};
}

/* ---- ADD ---- */

static enum cni_code print_result(const struct cni_call *call, const struct tapnet_attached *attached,
                                  struct cni_error *error)
{
    char *text = cni_result_print(call, tapnet_attached_info(attached));
    bool told = text && puts(text) >= 0 && fflush(stdout) == 0;

    free(text);
    return told ? CNI_OK
                : cni_fail(error, CNI_IO_FAILURE, "cannot tell the result", "standard output: %s", strerror(errno));
}

static enum cni_code plug(struct tapnet *tapnet, const struct cni_call *call, int netns, struct cni_error *error)
{
    const struct cni_config *config = &call->config;
    const struct tapnet_container container = container_of(call, netns);
    struct tapnet_attach_options options = {
        .network = config->network,
        .container = &container,
        .mac = config->mac,
        .address = config->address,
        .forwards = config->forward_texts,
        .forward_count = config->forward_count,
        .send = config->send,
        .receive = config->receive,
        .burst = config->burst,
    };
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    struct tapnet_attached *attached;
    char port[CNI_PORT_MAX];
    enum cni_code code;
    int result;

    cni_port_name(config->name, call->container, call->interface, port);
    options.port = port;
    result = tapnet_attach(tapnet, &options, &attached, &reason);
    if (result == -ENOENT && !is_there(tapnet, config->network, NULL))
        return cni_fail(error, CNI_TRY_AGAIN, "the network is not up", "%s", reason.text);
    if (result < 0)
        return refused(result, &reason, "cannot plug the container in", error);
    code = print_result(call, attached, error);
    tapnet_attached_free(attached);
    if (code) { /* a runtime that was told of nothing knows of nothing */
        tapnet_detach(tapnet, config->network, port, 0, NULL);
        tapnet_container_clear(&container, NULL);
    }
    return code;
}

enum cni_code cni_add(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error)
{
    int netns = -1;
    enum cni_code code = open_netns(call->netns, &netns, error);

    if (code)
        return code;
    code = plug(tapnet, call, netns, error);
    close(netns);
    return code;
}

/* ---- DEL ---- */

static enum cni_code unplug(struct tapnet *tapnet, const char *network, const char *port, struct cni_error *error)
{
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    int result = tapnet_detach(tapnet, network, port, 0, &reason);

    if (result == 0 || (result == -ENOENT && !is_there(tapnet, network, port)))
        return CNI_OK;
    return refused(result, &reason, "cannot unplug the container", error);
}

/* What is in the container, while it is still there; what somebody else made there stays. */
static void clear(const struct cni_call *call)
{
    struct cni_error gone = {.code = CNI_OK};
    struct tapnet_container container;
    int netns = -1;

    if (open_netns(call->netns, &netns, &gone))
        return;
    container = container_of(call, netns);
    tapnet_container_clear(&container, NULL);
    close(netns);
}

enum cni_code cni_del(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error)
{
    char port[CNI_PORT_MAX];
    enum cni_code code;

    cni_port_name(call->config.name, call->container, call->interface, port);
    code = unplug(tapnet, call->config.network, port, error);
    if (call->config.has_tap && call->netns)
        clear(call);
    return code;
}

/* ---- CHECK ---- */

static enum cni_code not_as_made(struct cni_error *error, const char *details)
{
    return cni_fail(error, CNI_NOT_AS_MADE, "the container's network is not as it was made", "%s", details);
}

/* What the runtime was told must be what there is: a port of that name may have been made anew. */
static bool was_told(const struct cni_call *call, const struct tapnet_status_port *port)
{
    const json_t *addresses = json_object_get(call->config.previous, "ips");
    size_t len = strlen(port->address);

    for (size_t i = 0; i < json_array_size(addresses); i++) {
        const char *told = json_string_value(json_object_get(json_array_get(addresses, i), "address"));

        if (told && strncmp(told, port->address, len) == 0 && told[len] == '/')
            return true;
    }
    return false;
}

/* Does @problem tell of the interface @name? Names end where no name goes on: br-lab2 is another than br-lab. */
static bool tells_of(const char *problem, const char *name)
{
    static const char separators[] = " /:"; /* what no interface's name has */

    for (const char *at = problem; *at; at += strspn(at, separators)) {
        size_t len = strcspn(at, separators);

        if (len && len == strlen(name) && memcmp(at, name, len) == 0)
            return true;
        at += len;
    }
    return false;
}

/* What differs from what was brought up, of the port, or of what all ports of the network stand on: bridge, tables. */
static const char *find_problem(const struct tapnet_status *status, const struct tapnet_status_network *network,
                                const struct tapnet_status_port *port)
{
    static const char table[] = "table ";
    const char *problem;

    for (size_t i = 0; (problem = tapnet_status_problem(status, i)); i++)
        if (strncmp(problem, table, strlen(table)) == 0 || tells_of(problem, port->device) ||
            tells_of(problem, network->bridge))
            return problem;
    return NULL;
}

static enum cni_code check_host(const struct cni_call *call, const struct tapnet_status *status,
                                const struct tapnet_status_network *network, const char *name, struct cni_error *error)
{
    const struct tapnet_status_port *port = find_port(network, name);
    const char *problem;

    if (!port)
        return not_as_made(error, "it is not plugged in");
    if (!was_told(call, port))
        return not_as_made(error, "prevResult has not the address of its port");
    problem = find_problem(status, network, port);
    if (problem)
        return not_as_made(error, problem);
    return network->served ? CNI_OK : not_as_made(error, "DHCP and DNS of its network do not answer");
}

static enum cni_code check_inside(struct tapnet *tapnet, const struct cni_call *call, const char *port,
                                  struct cni_error *error)
{
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    struct tapnet_container container;
    int netns = -1;
    enum cni_code code = open_netns(call->netns, &netns, error);

    if (code)
        return code;
    container = container_of(call, netns);
    if (tapnet_container_check(tapnet, call->config.network, port, &container, &reason) < 0)
        code = not_as_made(error, reason.text);
    close(netns);
    return code;
}

enum cni_code cni_check(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error)
{
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    const struct tapnet_status_network *network;
    struct tapnet_status *status;
    char port[CNI_PORT_MAX];
    enum cni_code code;

    if (!call->config.previous)
        return cni_fail(error, CNI_INVALID_CONFIG, "invalid network config", "`prevResult` is missing: CHECK needs it");
    cni_port_name(call->config.name, call->container, call->interface, port);
    network = find_network(tapnet, call->config.network, &status, &reason);
    code = network ? check_host(call, status, network, port, error) : not_as_made(error, reason.text);
    tapnet_status_free(status);
    return code ? code : check_inside(tapnet, call, port, error);
}

/* ---- GC ---- */

#define NO_PORT "c-none" /* who takes it away has what a killed tapnet left undone */

static bool is_valid(const struct cni_call *call, const char *port)
{
    for (size_t i = 0; i < json_array_size(call->config.valid); i++) {
        const json_t *item = json_array_get(call->config.valid, i);
        char name[CNI_PORT_MAX];

        cni_port_name(call->config.name, json_string_value(json_object_get(item, "containerID")),
                      json_string_value(json_object_get(item, "ifname")), name);
        if (strcmp(name, port) == 0)
            return true;
    }
    return false;
}

enum cni_code cni_gc(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error)
{
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    const struct tapnet_status_network *network;
    struct tapnet_status *status;

    if (!call->config.valid)
        return cni_fail(error, CNI_INVALID_CONFIG, "invalid network config",
                        "`cni.dev/valid-attachments` is missing: GC needs it");
    tapnet_detach(tapnet, call->config.network, NO_PORT, 0, NULL);
    network = find_network(tapnet, call->config.network, &status, &reason);
    for (size_t i = 0; network && i < network->port_count; i++) {
        const char *port = network->ports[i].name;

        if (strcmp(network->ports[i].origin, "attached") == 0 && cni_port_is_of(port, call->config.name) &&
            !is_valid(call, port))
            unplug(tapnet, call->config.network, port, error); /* the first failure is told, the rest goes on */
    }
    tapnet_status_free(status);
    return error->code;
}

/* ---- STATUS ---- */

/* How many ports have room in a subnet like 10.20.0.1/24, less its own address, its broadcast and the host's. */
static size_t room_of(const char *subnet)
{
    const char *length = strchr(subnet, '/');
    int bits = length ? 32 - (int)strtol(length + 1, NULL, 10) : 0;

    return bits > 1 && bits < 32 ? ((size_t)1 << bits) - 3 : 0;
}

static enum cni_code judge(const struct tapnet_status_network *network, const char *name,
                           const struct tapnet_error *reason, struct cni_error *error)
{
    if (!network)
        return cni_fail(error, CNI_NOT_AVAILABLE, "the network is not up", "network %s: %s", name,
                        *reason->text ? reason->text : "it is the name of a set");
    if (!*network->subnet)
        return cni_fail(error, CNI_NOT_AVAILABLE, "the network has no addresses",
                        "network %s is in mode %s, where others give them", name, network->mode);
    if (!network->served)
        return cni_fail(error, CNI_LIMITED_CONNECTIVITY, "the network is not served",
                        "DHCP and DNS of network %s do not answer: `tapnet status` says why", name);
    if (network->port_count >= room_of(network->subnet))
        return cni_fail(error, CNI_NOT_AVAILABLE, "the network is full", "%zu ports have all addresses of %s",
                        network->port_count, network->subnet);
    return CNI_OK;
}

enum cni_code cni_status(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error)
{
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    struct tapnet_status *status;
    const struct tapnet_status_network *network = find_network(tapnet, call->config.network, &status, &reason);
    enum cni_code code = judge(network, call->config.network, &reason, error);

    tapnet_status_free(status);
    return code;
}
