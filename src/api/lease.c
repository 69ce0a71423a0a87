/* SPDX-License-Identifier: MIT */
/* The host's own DHCP leases on bridges of mode bridge, which no program prolongs: tapnet-lease does. */
#include "api/lease.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apply/kernel.h"
#include "apply/spawn.h"
#include "base/cleanup.h"
#include "observe/manager.h"

#define PROGRAM "tapnet-lease"
#define CLIENT_PORT 68
#define END_MSEC 5000

static void socket_name(const char *bridge, char ret[64])
{
    snprintf(ret, 64, "lease-%.15s.sock", bridge);
}

/* Connects to what holds its socket listening; -1: nobody does. */
static int meet(const char *run_dir, const char *bridge)
{
    char path[RUN_PATH_MAX], name[64];
    int fd;

    socket_name(bridge, name);
    if (run_path(run_dir, name, path) < 0 || apply_socket_connect(path, APPLY_SOCKET_SECONDS, &fd, NULL) < 0)
        return -1;
    return fd;
}

static bool runs(const char *run_dir, const char *bridge)
{
    _cleanup_close_ int fd = meet(run_dir, bridge);

    return fd >= 0;
}

const struct model_item *lease_find(const struct observe_found *found, const struct model_network *network)
{
    struct model_object key = {.kind = MODEL_OBJECT_UPLINK};
    const struct model_object *object;

    memcpy(key.uplink.name, network->uplink, sizeof(key.uplink.name));
    object = network->mode == MODEL_MODE_BRIDGE ? model_objects_find(&found->objects, &key) : NULL;
    for (size_t i = 0; object && i < object->uplink.item_count; i++) {
        const struct model_item *item = &object->uplink.items[i];

        if (item->kind == MODEL_ITEM_ADDRESS && item->taken.family == AF_INET && item->valid != UINT32_MAX)
            return item;
    }
    return NULL;
}

static bool is_managed(const struct observe_found *found, const struct model_network *network)
{
    const struct observe_link *link = api_find_foreign(found, network->uplink);
    struct observe_manager manager;

    return (link && observe_manager(network->uplink, link->index, &manager)) ||
           observe_manager(network->bridge, 0, &manager);
}

/* Hears what is sent to the address, by the bridge. */
static int open_socket(const char *bridge, const struct ip_address *address, int *ret_fd, struct tapnet_error *error)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(CLIENT_PORT)};
    const int yes = 1;

    memcpy(&name.sin_addr, address->bytes, sizeof(name.sin_addr));
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bridge, (socklen_t)strlen(bridge) + 1) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
        return error_set_errno(error, -errno, "cannot open its socket");
    *ret_fd = take_fd(&fd);
    return 0;
}

static int spawn(const struct tapnet *tapnet, const struct model_network *network, const struct ip_address *address,
                 int presence_fd, struct tapnet_error *error)
{
    char program[RUN_PATH_MAX], text[IP_TEXT_MAX], mac[MAC_TEXT_MAX];
    const char *const arguments[] = {PROGRAM,         "--socket",  "3",  "--presence", "4", "--device",
                                     network->bridge, "--address", text, "--mac",      mac, NULL};
    _cleanup_close_ int socket_fd = -1, null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int fds[3], result = open_socket(network->bridge, address, &socket_fd, error);

    if (result == 0 && null_fd < 0)
        result = error_set_errno(error, -errno, "cannot open /dev/null");
    if (result < 0)
        return result;
    if (api_program_path(tapnet, PROGRAM, program) < 0)
        return error_set(error, -ENAMETOOLONG, "the path of its program is too long");
    ip_address_print(address, text);
    mac_print(&network->mac, mac);
    fds[0] = socket_fd;
    fds[1] = presence_fd;
    fds[2] = null_fd; /* whoever waits for the end of ours must not wait for it */
    return apply_spawn(program, arguments, fds, 3, error);
}

/* One network's. */
static int start(const struct tapnet *tapnet, const struct model_network *network, const struct ip_address *address,
                 struct tapnet_error *error)
{
    char path[RUN_PATH_MAX], name[64];
    _cleanup_close_ int presence_fd = -1;
    int result;

    socket_name(network->bridge, name);
    if (run_path(tapnet->run_dir, name, path) < 0)
        return error_set(error, -ENAMETOOLONG, "the run directory's name is too long");
    result = apply_socket_listen(path, &presence_fd, error);
    if (result < 0)
        return result;
    result = spawn(tapnet, network, address, presence_fd, error);
    if (result < 0)
        run_file_remove(tapnet->run_dir, name, NULL);
    return result;
}

int lease_start(struct tapnet *tapnet, const struct tapnet_plan *plan)
{
    int result = 0;

    for (size_t i = 0; plan->set && i < plan->set->network_count && result == 0; i++) {
        const struct model_network *network = &plan->set->networks[i];
        const struct model_item *item = lease_find(plan->found, network);
        struct tapnet_error error = TAPNET_ERROR_INIT;
        char text[IP_TEXT_MAX];

        if (!item || runs(tapnet->run_dir, network->bridge) || is_managed(plan->found, network) ||
            start(tapnet, network, &item->taken, &error) == 0)
            continue;
        result = api_note(tapnet,
                          arena_printf(&tapnet->note_arena,
                                       "the lease of %s on %s can't be prolonged, and ends in %u seconds: %s",
                                       ip_address_print(&item->taken, text), network->bridge, item->valid, error.text));
    }
    return result;
}

int lease_warning(const char *run_dir, const struct observe_found *found, const struct model_network *network,
                  struct arena *arena, const char **ret)
{
    const struct model_item *item = lease_find(found, network);
    char text[IP_TEXT_MAX];

    *ret = NULL;
    if (!item || runs(run_dir, network->bridge) || is_managed(found, network))
        return 0;
    *ret = arena_printf(arena,
                        "network %s: nobody prolongs the lease of the host's address %s on %s, which ends in %u "
                        "seconds: run `tapnet up` again",
                        network->name, ip_address_print(&item->taken, text), network->bridge, item->valid);
    return *ret ? 0 : -ENOMEM;
}

void lease_meet(const struct tapnet *tapnet, const struct plan *plan, struct lease_ends *ret)
{
    *ret = (struct lease_ends){.count = 0};
    for (size_t i = 0; i < plan->step_count && ret->count < LEASES_MAX; i++) {
        const struct plan_step *step = &plan->steps[i];

        if (!plan_step_moves(step) || !step->before->uplink.bridge[0])
            continue;
        ret->bridges[ret->count] = step->before->uplink.bridge;
        ret->fds[ret->count++] = meet(tapnet->run_dir, step->before->uplink.bridge);
    }
}

void lease_part(const struct tapnet *tapnet, struct lease_ends *ends, bool done)
{
    for (size_t i = 0; i < ends->count; i++) {
        _cleanup_close_ int fd = ends->fds[i];
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        char name[64];

        socket_name(ends->bridges[i], name);
        if (done && fd >= 0)
            poll(&poll_fd, 1, END_MSEC);
        if (done)
            run_file_remove(tapnet->run_dir, name, NULL);
    }
    ends->count = 0;
}
