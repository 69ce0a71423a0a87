/* SPDX-License-Identifier: MIT */
/* Runs an up, down, attach or detach with chosen requests failing, or lying: a wrapper counts what apply asks for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tapnet/attach.h>

#include "api/context.h"

/*
 * usage: fault-tool RUN_BASE SERVICE up FILE | down SET | attach NETWORK/PORT | detach NETWORK/PORT
 *                   [NUMBER:ERRNO[:again] | lie:NAME | rival:NAME:COMMAND]...
 *
 * The NUMBER-th request (from 1) returns -ERRNO without having been made, and with "again" every later one of its name
 * does. Once all that were to fail have failed, and so while the plan is undone, every request of the NAME of a lie
 * claims success without having been made. Before the first request of the NAME of a rival, a shell runs its COMMAND:
 * what others do meanwhile. Prints each request's name on standard output, "!" behind one that failed, "?" behind a
 * lie; an error on standard error.
 * Exit: 0 done, 1 failed.
 */

#define FAULTS_MAX 8

struct injected {
    unsigned long at;
    int code;
    bool again;
    const char *name; /* of the request, when it was made */
};

struct fault {
    struct apply_ops real;
    unsigned long count;
    struct injected faults[FAULTS_MAX];
    size_t fault_count, struck_count;
    const char *lies[FAULTS_MAX];
    size_t lie_count;
    char *rival; /* name of a request */
    const char *command;
};

/* Counts a request. The code that it is to fail with, 1 for a lie, 0 to let it through. */
static int strike(struct fault *fault, const char *name)
{
    int code = 0;

    fault->count++;
    if (fault->rival && strcmp(fault->rival, name) == 0) {
        fault->rival = NULL;
        if (system(fault->command) != 0)
            exit(2);
    }
    for (size_t i = 0; fault->struck_count == fault->fault_count && i < fault->lie_count; i++)
        if (strcmp(fault->lies[i], name) == 0)
            code = 1;
    for (size_t i = 0; i < fault->fault_count; i++) {
        struct injected *injected = &fault->faults[i];

        if (injected->at == fault->count) {
            injected->name = name;
            fault->struck_count++;
        } else if (!injected->again || !injected->name || strcmp(injected->name, name) != 0)
            continue;
        code = -injected->code;
    }
    printf("%s%s\n", name, code < 0 ? "!" : code ? "?" : "");
    return code;
}

/* One wrapper a request: the same arguments, with the wrapper's own data in the first place. */
#define WRAP(name, parameters, arguments)                                                                              \
    static int fault_##name parameters                                                                                 \
    {                                                                                                                  \
        struct fault *fault = data;                                                                                    \
        int code = strike(fault, #name);                                                                               \
                                                                                                                       \
        if (code < 0)                                                                                                  \
            return error_set(error, code, "injected failure of %s", #name);                                            \
        return code ? 0 : fault->real.name arguments;                                                                  \
    }

#define REAL fault->real.data

WRAP(link_index, (void *data, const char *name, int *ret, struct tapnet_error *error), (REAL, name, ret, error))
WRAP(bridge_create, (void *data, const struct model_link *link, struct tapnet_error *error), (REAL, link, error))
WRAP(veth_create, (void *data, const struct model_link *link, struct tapnet_error *error), (REAL, link, error))
WRAP(device_open, (void *data, const struct model_link *link, bool fresh, int *ret_fd, struct tapnet_error *error),
     (REAL, link, fresh, ret_fd, error))
WRAP(device_own, (void *data, int fd, const struct model_link *link, struct tapnet_error *error),
     (REAL, fd, link, error))
WRAP(device_keep, (void *data, int fd, bool keep, struct tapnet_error *error), (REAL, fd, keep, error))
WRAP(device_set, (void *data, int fd, enum apply_setting setting, uint32_t value, struct tapnet_error *error),
     (REAL, fd, setting, value, error))
WRAP(link_set,
     (void *data, const char *name, struct netlink_link_change *change, const char *master, struct tapnet_error *error),
     (REAL, name, change, master, error))
WRAP(link_shape, (void *data, const char *name, uint64_t rate, uint32_t burst, struct tapnet_error *error),
     (REAL, name, rate, burst, error))
WRAP(link_delete, (void *data, const char *name, struct tapnet_error *error), (REAL, name, error))
WRAP(links_delete, (void *data, const char *const *names, size_t count, struct tapnet_error *error),
     (REAL, names, count, error))
WRAP(link_lay_off, (void *data, const struct model_link *link, bool free, struct tapnet_error *error),
     (REAL, link, free, error))
WRAP(address_add, (void *data, const struct model_host_address *address, struct tapnet_error *error),
     (REAL, address, error))
WRAP(address_delete, (void *data, const struct model_host_address *address, struct tapnet_error *error),
     (REAL, address, error))
WRAP(route_add, (void *data, const struct model_guest_route *route, struct tapnet_error *error), (REAL, route, error))
WRAP(route_delete, (void *data, const struct model_guest_route *route, struct tapnet_error *error),
     (REAL, route, error))
WRAP(neighbour_set, (void *data, const struct model_neighbour *neighbour, struct tapnet_error *error),
     (REAL, neighbour, error))
WRAP(neighbour_delete, (void *data, const struct model_neighbour *neighbour, struct tapnet_error *error),
     (REAL, neighbour, error))
WRAP(item_add, (void *data, const struct model_item *item, struct tapnet_error *error), (REAL, item, error))
WRAP(item_delete, (void *data, const struct model_item *item, struct tapnet_error *error), (REAL, item, error))
WRAP(link_imitate, (void *data, const char *name, const char *like, struct tapnet_error *error),
     (REAL, name, like, error))
WRAP(sysctl_write, (void *data, const char *path, const char *value, struct tapnet_error *error),
     (REAL, path, value, error))
WRAP(guards_commit, (void *data, struct nft_transaction *transaction, struct tapnet_error *error),
     (REAL, transaction, error))
WRAP(elements_find, (void *data, struct guard_element *elements, size_t *count, struct tapnet_error *error),
     (REAL, elements, count, error))
WRAP(passage_add, (void *data, const struct guard_passage *passage, struct tapnet_error *error), (REAL, passage, error))
WRAP(passage_delete, (void *data, const struct guard_passage *passage, struct tapnet_error *error),
     (REAL, passage, error))
WRAP(file_write, (void *data, const char *name, const char *text, struct tapnet_error *error),
     (REAL, name, text, error))
WRAP(file_remove, (void *data, const char *name, struct tapnet_error *error), (REAL, name, error))
WRAP(service_prepare, (void *data, struct tapnet_error *error), (REAL, error))
WRAP(service_release, (void *data, struct tapnet_error *error), (REAL, error))
WRAP(service_serve, (void *data, const struct model_network *network, struct tapnet_error *error),
     (REAL, network, error))
WRAP(service_update, (void *data, const struct model_network *network, struct tapnet_error *error),
     (REAL, network, error))
WRAP(file_append, (void *data, const char *name, const char *head, const char *line, struct tapnet_error *error),
     (REAL, name, head, line, error))
WRAP(service_plug, (void *data, const char *network, const char *port, struct tapnet_error *error),
     (REAL, network, port, error))
WRAP(service_plugged, (void *data, struct tapnet_error *error), (REAL, error))
WRAP(service_unplug, (void *data, const char *network, const char *port, struct tapnet_error *error),
     (REAL, network, port, error))
WRAP(service_stop, (void *data, const char *network, struct tapnet_error *error), (REAL, network, error))
WRAP(names_tell, (void *data, const struct model_network *network, struct tapnet_error *error), (REAL, network, error))
WRAP(names_forget, (void *data, const struct model_network *network, struct tapnet_error *error),
     (REAL, network, error))
WRAP(conntrack_forget, (void *data, const struct ip_address *addresses, size_t count, struct tapnet_error *error),
     (REAL, addresses, count, error))
WRAP(conntrack_forget_forwards,
     (void *data, const struct netlink_conntrack_forward *forwards, size_t count, struct tapnet_error *error),
     (REAL, forwards, count, error))

/* It can't fail. */
static void fault_item_hint(void *data, const struct model_item *item, bool there)
{
    struct fault *fault = data;

    fault->real.item_hint(REAL, item, there);
}

static void wrap(struct apply_ops *ops, void *data)
{
    struct fault *fault = data;

    fault->real = *ops;
    *ops = (struct apply_ops){
        .data = fault,
        .link_index = fault_link_index,
        .bridge_create = fault_bridge_create,
        .veth_create = fault_veth_create,
        .device_open = fault_device_open,
        .device_own = fault_device_own,
        .device_keep = fault_device_keep,
        .device_set = fault_device_set,
        .link_set = fault_link_set,
        .link_shape = fault_link_shape,
        .link_delete = fault_link_delete,
        .links_delete = fault_links_delete,
        .link_lay_off = fault_link_lay_off,
        .address_add = fault_address_add,
        .address_delete = fault_address_delete,
        .route_add = fault_route_add,
        .route_delete = fault_route_delete,
        .neighbour_set = fault_neighbour_set,
        .neighbour_delete = fault_neighbour_delete,
        .item_add = fault_item_add,
        .item_delete = fault_item_delete,
        .item_hint = fault_item_hint,
        .link_imitate = fault_link_imitate,
        .sysctl_write = fault_sysctl_write,
        .guards_commit = fault_guards_commit,
        .elements_find = fault_elements_find,
        .passage_add = fault_passage_add,
        .passage_delete = fault_passage_delete,
        .file_write = fault_file_write,
        .file_remove = fault_file_remove,
        .service_prepare = fault_service_prepare,
        .service_release = fault_service_release,
        .service_serve = fault_service_serve,
        .service_update = fault_service_update,
        .file_append = fault_file_append,
        .service_plug = fault_service_plug,
        .service_plugged = fault_service_plugged,
        .service_unplug = fault_service_unplug,
        .service_stop = fault_service_stop,
        .names_tell = fault_names_tell,
        .names_forget = fault_names_forget,
        .conntrack_forget = fault_conntrack_forget,
        .conntrack_forget_forwards = fault_conntrack_forget_forwards,
    };
}

static int up(struct tapnet *tapnet, const char *file, struct tapnet_error *error)
{
    struct tapnet_spec *spec;
    int result = tapnet_spec_load(file, &spec, error);

    if (result < 0)
        return result;
    result = tapnet_up(tapnet, spec, NULL, NULL, NULL, error);
    tapnet_spec_free(spec);
    return result;
}

/* A new port, opened, that stays when we end; or the end of it. */
static int plug(struct tapnet *tapnet, bool attach, char *word, struct tapnet_error *error)
{
    char *port = strchr(word, '/');
    struct tapnet_attach_options options = {.network = word, .flags = TAPNET_ATTACH_OPEN};
    struct tapnet_attached *attached;
    int result;

    if (!port)
        return -EINVAL;
    *port++ = '\0';
    options.port = port;
    if (!attach)
        return tapnet_detach(tapnet, word, port, 0, error);
    result = tapnet_attach(tapnet, &options, &attached, error);
    if (result == 0)
        tapnet_attached_free(attached);
    return result;
}

static int run(struct tapnet *tapnet, const char *verb, char *word, struct tapnet_error *error)
{
    if (strcmp(verb, "up") == 0)
        return up(tapnet, word, error);
    if (strcmp(verb, "down") == 0)
        return tapnet_down(tapnet, word, NULL, NULL, NULL, error);
    return plug(tapnet, strcmp(verb, "attach") == 0, word, error);
}

/* "NUMBER:ERRNO", "lie:NAME" or "rival:NAME:COMMAND". */
static bool parse_fault(struct fault *fault, char *word)
{
    char *colon = strchr(word, ':');

    if (!colon)
        return false;
    if (strncmp(word, "lie:", 4) == 0 && fault->lie_count < FAULTS_MAX)
        fault->lies[fault->lie_count++] = colon + 1;
    else if (strncmp(word, "rival:", 6) == 0 && strchr(colon + 1, ':')) {
        fault->rival = colon + 1;
        colon = strchr(colon + 1, ':');
        *colon = '\0';
        fault->command = colon + 1;
    } else if (fault->fault_count < FAULTS_MAX)
        fault->faults[fault->fault_count++] = (struct injected){
            .at = strtoul(word, NULL, 10), .code = atoi(colon + 1), .again = strstr(colon, ":again") != NULL};
    else
        return false;
    return true;
}

int main(int count, char **words)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct fault fault = {.count = 0};
    struct tapnet *tapnet;
    bool understood = count >= 5;
    int result;

    for (int i = 5; i < count && understood; i++)
        understood = parse_fault(&fault, words[i]);
    if (!understood) {
        fputs("usage: fault-tool RUN_BASE SERVICE up FILE | down SET | attach NETWORK/PORT | detach NETWORK/PORT\n"
              "                  [NUMBER:ERRNO[:again] | lie:NAME | rival:NAME:COMMAND]...\n",
              stderr);
        return 2;
    }
    result = tapnet_new(words[1], words[2], &tapnet, &error);
    if (result == 0) {
        tapnet->with_keeper = false;
        tapnet->wrap = wrap;
        tapnet->wrap_data = &fault;
        result = run(tapnet, words[3], words[4], &error);
        tapnet_free(tapnet);
    }
    if (result < 0)
        fprintf(stderr, "%s\n", error.text);
    return result < 0 ? 1 : 0;
}
