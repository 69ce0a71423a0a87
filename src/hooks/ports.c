/* SPDX-License-Identifier: MIT */
/* The ports that hooks are about: who is at each, of whom its hooks know, and whose turn it is. */
#include "hooks/ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/hook_told.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "hooks/state.h"
#include "observe/observe.h"
#include "service/log.h"
#include "service/loop.h"

#define PACE_USEC UINT64_C(1000000)                     /* from one guest of a port to the next */
#define LEAVING_USEC (HOOK_SECONDS * UINT64_C(1000000)) /* for the hooks of what has gone, all of them */

static bool is_due(const struct hooked_port *port)
{
    return port->told != port->now;
}

/* What the hooks will know of when the one that runs has come to its end. */
static uint64_t known(const struct hooked_port *port)
{
    if (!port->running)
        return port->told;
    return port->plugs ? port->running : 0;
}

/* ---- networks ---- */

static struct hook_network *find_network(const struct ports *ports, const char *name)
{
    for (size_t i = 0; i < ports->network_count; i++)
        if (strcmp(ports->networks[i]->name, name) == 0)
            return ports->networks[i];
    return NULL;
}

static struct hook_network *get_network(struct ports *ports, const char *name)
{
    struct hook_network *network = find_network(ports, name);

    if (network || array_reserve((void **)&ports->networks, &ports->network_capacity, ports->network_count, 1,
                                 sizeof(*ports->networks)) < 0)
        return network;
    network = calloc(1, sizeof(*network));
    if (!network)
        return NULL;
    snprintf(network->name, sizeof(network->name), "%s", name);
    ports->networks[ports->network_count++] = network;
    return network;
}

static void free_network(struct hook_network *network)
{
    arena_fini(&network->arena);
    free(network->failure);
    free(network);
}

static int fill_network(struct hook_network *network, const struct model_service *service)
{
    const struct model_hooks *hooks = &service->network->hooks;
    struct arena arena = {.blocks = NULL};
    struct hook_facts facts;

    if (hook_facts_print(&arena, service, &facts) < 0) {
        arena_fini(&arena);
        return -ENOMEM;
    }
    arena_fini(&network->arena);
    network->arena = arena;
    network->facts = facts;
    snprintf(network->plugged, sizeof(network->plugged), "%s", hooks->plugged ? hooks->plugged : "");
    snprintf(network->unplugged, sizeof(network->unplugged), "%s", hooks->unplugged ? hooks->unplugged : "");
    network->up = network->met = true;
    network->end_usec = 0;
    return 0;
}

/* ---- ports ---- */

static int compare(const void *a, const void *b)
{
    const struct hooked_port *const *one = a, *const *other = b;
    int order = strcmp((*one)->network->name, (*other)->network->name);

    return order ? order : strcmp((*one)->facts.name, (*other)->facts.name);
}

static void sort(struct ports *ports)
{
    if (ports->count)
        qsort(ports->items, ports->count, sizeof(struct hooked_port *), compare);
}

/* Among the first @count, which are sorted. */
static struct hooked_port *find_port(const struct ports *ports, size_t count, struct hook_network *network,
                                     const char *name)
{
    struct hooked_port key = {.network = network}, *wanted = &key, **found;

    snprintf(key.facts.name, sizeof(key.facts.name), "%s", name);
    found = count ? bsearch(&wanted, ports->items, count, sizeof(struct hooked_port *), compare) : NULL;
    return found ? *found : NULL;
}

static int take_place(struct ports *ports, size_t *ret)
{
    size_t place = 0;

    while (place < ports->place_count && ports->places[place])
        place++;
    if (place == ports->place_count) {
        if (array_reserve((void **)&ports->places, &ports->place_capacity, ports->place_count, 1,
                          sizeof(*ports->places)) < 0)
            return -ENOMEM;
        ports->place_count++;
    }
    ports->places[place] = true;
    *ret = place;
    return 0;
}

static struct hooked_port *add_port(struct ports *ports, struct hook_network *network)
{
    struct hooked_port *port = NULL;

    if (array_reserve((void **)&ports->items, &ports->capacity, ports->count, 1, sizeof(struct hooked_port *)) == 0)
        port = calloc(1, sizeof(*port));
    if (!port || take_place(ports, &port->place) < 0) {
        free(port);
        return NULL;
    }
    port->network = network;
    ports->items[ports->count++] = port;
    return port;
}

static void keep_told(const struct ports *ports, const struct hooked_port *port)
{
    struct hook_told told = {.plug = port->told, .unplugs = port->network->unplugged[0] != '\0', .port = port->facts};
    int result;

    snprintf(told.network, sizeof(told.network), "%s", port->network->name);
    result = hook_told_write(ports->told_fd, port->place, port->told ? &told : NULL);
    if (result < 0)
        log_line("%s/%s: what has run can't be written down: %s", port->network->name, port->facts.name,
                 strerror(-result));
}

static void free_port(struct ports *ports, struct hooked_port *port)
{
    ports->places[port->place] = false;
    free(port);
}

/* Forgets ports of which there is nothing to know, and networks that have gone and have no port any more. */
static void tidy_up(struct ports *ports)
{
    uint64_t now = loop_now_usec();
    size_t kept = 0;

    for (size_t i = 0; i < ports->count; i++) {
        struct hooked_port *port = ports->items[i];

        if (!port->running && !port->told && !port->now && (!port->network->up || port->ready_usec <= now))
            free_port(ports, port);
        else
            ports->items[kept++] = port;
    }
    ports->count = kept;
    kept = 0;
    for (size_t i = 0; i < ports->network_count; i++) {
        struct hook_network *network = ports->networks[i];
        bool used = network->up;

        for (size_t j = 0; j < ports->count && !used; j++)
            used = ports->items[j]->network == network;
        if (used)
            ports->networks[kept++] = network;
        else
            free_network(network);
    }
    if (kept != ports->network_count) {
        ports->network_count = kept;
        state_write(ports);
    }
}

/* ---- beginning ---- */

static int take_told(struct ports *ports, const struct hook_told *told, size_t place)
{
    struct hook_network *network = get_network(ports, told->network);
    struct hooked_port *port;

    if (!network)
        return -ENOMEM;
    network->up = true; /* until the ledgers say otherwise */
    if (array_reserve((void **)&ports->items, &ports->capacity, ports->count, 1, sizeof(struct hooked_port *)) < 0 ||
        !(port = calloc(1, sizeof(*port))))
        return -ENOMEM;
    *port = (struct hooked_port){
        .network = network, .facts = told->port, .now = told->plug, .told = told->plug, .place = place};
    ports->items[ports->count++] = port;
    ports->places[place] = true;
    return 0;
}

int ports_init(struct ports *ports, const char *run_dir, struct tapnet_error *error)
{
    _cleanup_free_ struct hook_told *told = NULL;
    size_t count = 0;
    int result;

    ports->run_dir = run_dir;
    result = hook_told_open(run_dir, &ports->told_fd, error);
    if (result < 0)
        return result;
    result = hook_told_read(ports->told_fd, &told, &count);
    if (result == 0 &&
        array_reserve((void **)&ports->places, &ports->place_capacity, 0, count + 1, sizeof(*ports->places)) < 0)
        result = -ENOMEM;
    if (result == 0)
        memset(ports->places, 0, ports->place_capacity * sizeof(*ports->places));
    ports->place_count = result == 0 ? count : 0;
    for (size_t i = 0; i < count && result == 0; i++)
        if (told[i].plug)
            result = take_told(ports, &told[i], i);
    sort(ports);
    return result < 0 ? error_set_errno(error, result, "cannot read which hooks have run") : 0;
}

void ports_write_again(struct ports *ports)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int fd;

    if (hook_told_open(ports->run_dir, &fd, &error) < 0) {
        log_line("%s", error.text);
        return;
    }
    close(ports->told_fd);
    ports->told_fd = fd;
    for (size_t i = 0; i < ports->count; i++)
        keep_told(ports, ports->items[i]);
    state_write(ports);
}

void ports_fini(struct ports *ports)
{
    for (size_t i = 0; i < ports->count; i++)
        free(ports->items[i]);
    for (size_t i = 0; i < ports->network_count; i++)
        free_network(ports->networks[i]);
    free(ports->items);
    free(ports->networks);
    free(ports->places);
    observe_free(ports->found);
    if (ports->told_fd >= 0)
        close(ports->told_fd);
}

/* ---- what is there ---- */

/* Whoever it was: nobody is told any more. */
static void forget(struct ports *ports, struct hooked_port *port)
{
    port->now = port->told = port->turn = 0;
    keep_told(ports, port);
}

/* The file says nothing of hooks any more: nobody is told of what happens from now on. */
static void drop_hooks(struct ports *ports, const char *name)
{
    struct hook_network *network = find_network(ports, name);

    if (!network)
        return;
    network->up = false;
    network->met = true;
    network->plugged[0] = network->unplugged[0] = '\0';
    for (size_t i = 0; i < ports->count; i++)
        if (ports->items[i]->network == network)
            forget(ports, ports->items[i]);
}

/* A ledger that is gone while links of its network are there was not removed by tapnet: all is as it was. */
static void leave(struct hook_network *network, const struct look *look, uint64_t now_usec)
{
    if (network->met || !network->up || look_has_network(look, network->name))
        return;
    network->up = false;
    network->end_usec = now_usec + LEAVING_USEC;
}

int ports_read_ledgers(struct ports *ports, struct tapnet_error *error)
{
    struct observe_found *found;
    int result = observe_networks(ports->run_dir, &found, error);

    if (result < 0)
        return result;
    for (size_t i = 0; i < ports->network_count; i++)
        ports->networks[i]->met = false;
    for (size_t i = 0; i < found->objects.count && result == 0; i++) {
        const struct model_service *service = &found->objects.items[i].service;
        struct hook_network *network;

        if (!model_hooks_of_ports(&service->network->hooks)) {
            drop_hooks(ports, service->network->name);
            continue;
        }
        network = get_network(ports, service->network->name);
        result = network ? fill_network(network, service) : -ENOMEM;
    }
    observe_free(ports->found);
    ports->found = found;
    return result == 0 ? 0 : error_set(error, result, "out of memory");
}

/* The port as its ledger has it, and who is there. */
static int see_port(struct ports *ports, size_t sorted, struct hook_network *network, const struct model_port *model,
                    const struct look *look)
{
    const struct look_port *there = look_find(look, network->name, model->name);
    struct hooked_port *port = find_port(ports, sorted, network, model->name);

    if (!port && (!there || !there->plug))
        return 0;
    if (!port && !(port = add_port(ports, network)))
        return -ENOMEM;
    port->seen = there ? there->plug : 0;
    if (port->seen || !port->facts.name[0])
        hook_port_print(model, &port->facts);
    return 0;
}

static void take_seen(struct ports *ports, struct hooked_port *port)
{
    uint64_t before = port->now;

    if (before == port->seen)
        return;
    if (before && before != known(port))
        state_fail(ports, port, NULL, "a guest came and went before the turn of its hooks, which did not run");
    port->now = port->seen;
    if (!is_due(port))
        port->turn = 0;
    else if (!port->turn)
        port->turn = ++ports->turns;
}

int ports_compare(struct ports *ports, const struct look *look, uint64_t now_usec)
{
    size_t sorted = ports->count;
    int result = 0;

    for (size_t i = 0; i < ports->network_count; i++)
        leave(ports->networks[i], look, now_usec);
    for (size_t i = 0; i < sorted; i++) {
        struct hooked_port *port = ports->items[i];
        const struct look_port *there = port->network->met ? NULL
                                                           : look_find(look, port->network->name, port->facts.name);

        port->seen = there ? there->plug : 0;
    }
    for (size_t i = 0; ports->found && i < ports->found->objects.count && result == 0; i++) {
        const struct model_network *model = ports->found->objects.items[i].service.network;
        struct hook_network *network = find_network(ports, model->name);

        for (size_t j = 0; network && network->up && j < model->port_count && result == 0; j++)
            result = see_port(ports, sorted, network, &model->ports[j], look);
    }
    for (size_t i = 0; i < ports->count; i++)
        take_seen(ports, ports->items[i]);
    sort(ports);
    tidy_up(ports);
    return result;
}

/* ---- whose turn it is ---- */

/* 0: it has no turn; else not before. */
static uint64_t begins_usec(const struct hooked_port *port)
{
    if (!port->turn || port->running)
        return 0;
    return port->told ? 1 : port->ready_usec + 1;
}

struct hooked_port *ports_next(struct ports *ports, uint64_t now_usec)
{
    struct hooked_port *next = NULL;

    for (size_t i = 0; i < ports->count; i++) {
        struct hooked_port *port = ports->items[i];
        uint64_t begins = begins_usec(port);

        if (begins && begins <= now_usec && (!next || port->turn < next->turn))
            next = port;
    }
    return next;
}

uint64_t ports_ready_usec(const struct ports *ports)
{
    uint64_t first = 0;

    for (size_t i = 0; i < ports->count; i++) {
        uint64_t begins = begins_usec(ports->items[i]);

        if (begins && (!first || begins < first))
            first = begins;
    }
    return first;
}

void ports_begin(struct ports *ports, struct hooked_port *port, uint64_t now_usec, const char **ret_event,
                 const char **ret_program)
{
    port->plugs = !port->told;
    port->running = port->plugs ? port->now : port->told;
    if (port->plugs)
        port->ready_usec = now_usec + PACE_USEC;
    *ret_event = port->plugs ? "plugged" : "unplugged";
    *ret_program = port->plugs ? port->network->plugged : port->network->unplugged;
    if (!**ret_program)
        ports_end(ports, port, NULL);
}

void ports_end(struct ports *ports, struct hooked_port *port, const char *failure)
{
    port->told = known(port);
    port->running = 0;
    keep_told(ports, port);
    if (failure)
        state_fail(ports, port, port->plugs ? "plugged" : "unplugged", failure);
    else
        state_well(ports, port);
    port->turn = is_due(port) ? ++ports->turns : 0;
    if (!port->now && !port->told)
        tidy_up(ports);
}

void ports_give_up(struct ports *ports, uint64_t now_usec)
{
    size_t count = 0;

    for (size_t i = 0; i < ports->count; i++) {
        struct hooked_port *port = ports->items[i];

        if (!port->network->end_usec || now_usec < port->network->end_usec || port->running)
            continue;
        count += port->told && port->network->unplugged[0];
        forget(ports, port);
    }
    if (count)
        log_line("unplugged did not run for %zu guests of a network that has gone: there was no time left", count);
    ports->missed += count;
    tidy_up(ports);
}

/* What runs is killed by its own time (jobs.c). */
uint64_t ports_give_up_usec(const struct ports *ports)
{
    uint64_t first = 0;

    for (size_t i = 0; i < ports->count; i++) {
        uint64_t end = ports->items[i]->running ? 0 : ports->items[i]->network->end_usec;

        if (end && (!first || end < first))
            first = end;
    }
    return first;
}

size_t ports_missed(struct ports *ports)
{
    size_t missed = ports->missed;

    ports->missed = 0;
    return missed;
}

bool ports_any_up(const struct ports *ports)
{
    for (size_t i = 0; i < ports->network_count; i++)
        if (ports->networks[i]->up)
            return true;
    return false;
}

bool ports_any_leaving(const struct ports *ports)
{
    for (size_t i = 0; i < ports->count; i++)
        if (!ports->items[i]->network->up)
            return true;
    return false;
}
