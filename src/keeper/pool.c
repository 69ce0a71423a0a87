/* SPDX-License-Identifier: MIT */
/* Ports that are ready before anybody asks for them: made, guarded, served, and held by the keeper. */
#include "keeper/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ports.h"
#include "apply/run.h"
#include "base/array.h"
#include "keeper/answer.h"
#include "service/log.h"
#include "service/loop.h"

static void port_fini(struct pool_port *port)
{
    tapnet_attached_free(port->attached);
    free(port->answer);
}

void pool_fini(struct pool *pool)
{
    pool_plug_in(pool);
    for (size_t i = 0; i < pool->ready_count; i++)
        port_fini(&pool->ready[i]);
    free(pool->ready);
    free(pool->wanted);
    *pool = (struct pool){.ready = NULL};
}

static const char *network_of(const struct pool *pool, size_t index)
{
    return tapnet_attached_info(pool->ready[index].attached)->network;
}

static size_t count_ready(const struct pool *pool, const char *network)
{
    size_t count = 0;

    for (size_t i = 0; i < pool->ready_count; i++)
        count += strcmp(network_of(pool, i), network) == 0;
    return count;
}

/* Is it still a port of its network, and not one too many? @before: of how many of that network it comes behind. */
static bool is_wanted(const struct pool *pool, const struct observe_found *found, size_t index, size_t before)
{
    const struct tapnet_attached_info *info = tapnet_attached_info(pool->ready[index].attached);
    const struct model_service *service = ports_network(found, info->network);
    const struct model_port *port = service ? ports_find(service->network, info->port) : NULL;

    return port && port->origin == MODEL_ORIGIN_RUN && before < service->network->pool;
}

static void drop_unwanted(struct pool *pool, const struct observe_found *found)
{
    size_t kept = 0;

    for (size_t i = 0; i < pool->ready_count; i++) {
        size_t before = 0;

        for (size_t j = 0; j < kept; j++)
            before += strcmp(network_of(pool, j), network_of(pool, i)) == 0;
        if (is_wanted(pool, found, i, before))
            pool->ready[kept++] = pool->ready[i];
        else
            port_fini(&pool->ready[i]);
    }
    pool->ready_count = kept;
}

void pool_learn(struct pool *pool, const struct observe_found *found)
{
    pool_plug_in(pool);
    if (!pool->met)
        ports_plug_in(found);
    pool->met = true;
    pool->failed = false;
    pool->wanted_count = pool->network_count = 0;
    drop_unwanted(pool, found);
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_network *network = found->objects.items[i].service.network;
        struct pool_wanted *wanted;

        if (found->objects.items[i].kind != MODEL_OBJECT_SERVICE)
            continue;
        pool->network_count++;
        if (!network->pool ||
            array_reserve((void **)&pool->wanted, &pool->wanted_capacity, pool->wanted_count, 1, sizeof(*wanted)) < 0)
            continue;
        wanted = &pool->wanted[pool->wanted_count++];
        *wanted = (struct pool_wanted){.count = network->pool};
        memcpy(wanted->network, network->name, sizeof(wanted->network));
    }
}

/* How many @wanted lacks, of those that there is room for. */
static size_t lack_of(const struct pool *pool, const struct pool_wanted *wanted)
{
    size_t ready = count_ready(pool, wanted->network), room = POOL_READY_MAX - pool->ready_count;
    size_t lack = ready < wanted->count ? wanted->count - ready : 0;

    return lack < room ? lack : room;
}

uint64_t pool_due(const struct pool *pool)
{
    uint64_t due = 0;

    for (size_t i = 0; i < pool->wanted_count && !pool->failed; i++) {
        size_t lack = lack_of(pool, &pool->wanted[i]);

        if (lack && (2 * lack > pool->wanted[i].count || !pool->rest_usec))
            return 1; /* long ago */
        if (lack)
            due = pool->rest_usec;
    }
    return due;
}

/* Takes @made, one port more that is ready: there is room for it. */
static int add(struct pool *pool, struct tapnet_attached *made)
{
    struct pool_port port = {.attached = made, .answer = answer_print_port(made)};

    if (!port.answer) {
        port_fini(&port);
        return -ENOMEM;
    }
    pool->ready[pool->ready_count++] = port;
    return 0;
}

/* With the lock held. */
static int make_locked(struct pool *pool, struct tapnet *tapnet, const char *network, size_t count,
                       struct tapnet_error *error)
{
    struct tapnet_attached *made[POOL_READY_MAX];
    size_t made_count = 0;
    int result = array_reserve((void **)&pool->ready, &pool->ready_capacity, pool->ready_count, count,
                               sizeof(*pool->ready));

    if (result == 0)
        result = attach_make_ready(tapnet, network, count, made, &made_count, error);
    for (size_t i = 0; i < made_count; i++)
        if (add(pool, made[i]) < 0 && result == 0)
            result = error_set(error, -ENOMEM, "out of memory");
    return result;
}

static int make(struct pool *pool, struct tapnet *tapnet, const char *network, size_t count, struct tapnet_error *error)
{
    int lock, result = run_lock_now(tapnet->run_dir, &lock, error);

    if (result == -EWOULDBLOCK)
        return error_set(error, result, "another tapnet is at work");
    if (result < 0)
        return result;
    api_notes_clear(tapnet);
    result = make_locked(pool, tapnet, network, count, error);
    run_unlock(tapnet->run_dir, lock);
    return result;
}

/* All of one network's that are missing; one, where not all of them fit. */
static int fill_one(struct pool *pool, struct tapnet *tapnet, const struct pool_wanted *wanted,
                    struct tapnet_error *error)
{
    size_t lack = lack_of(pool, wanted);
    int result = lack ? make(pool, tapnet, wanted->network, lack, error) : 0;

    if (result < 0 && result != -EWOULDBLOCK && lack > 1)
        result = make(pool, tapnet, wanted->network, 1, error);
    return result;
}

bool pool_fill(struct pool *pool, struct tapnet *tapnet)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int result = 0;
    size_t i;

    pool_plug_in(pool);
    for (i = 0; i < pool->wanted_count; i++) {
        result = fill_one(pool, tapnet, &pool->wanted[i], &error);
        if (result < 0)
            break;
    }
    pool->failed = result < 0;
    if (result == -EWOULDBLOCK)
        return false;
    if (result < 0 && !pool->told)
        log_line("cannot have a port of network %s ready: %s", pool->wanted[i].network, error.text);
    pool->told = result < 0;
    return true;
}

/*
 * The network with a pool that is meant; NULL: none. A bridge's name is no network's here: who means it takes the long
 * way, on which it is looked up among all networks.
 */
static const char *choose(const struct pool *pool, const char *network)
{
    if (!network)
        return pool->network_count == 1 && pool->wanted_count ? pool->wanted[0].network : NULL;
    for (size_t i = 0; i < pool->wanted_count; i++)
        if (strcmp(network, pool->wanted[i].network) == 0)
            return pool->wanted[i].network;
    return NULL;
}

const struct pool_port *pool_take(struct pool *pool, const char *network)
{
    const char *name = choose(pool, network);

    for (size_t i = 0; name && i < pool->ready_count; i++) {
        struct pool_port port = pool->ready[i];
        uint64_t now;

        if (strcmp(network_of(pool, i), name) != 0)
            continue;
        pool->ready[i] = pool->ready[--pool->ready_count];
        pool->ready[pool->ready_count] = port;
        now = loop_now_usec();
        pool->taken_usec = pool->taken_count++ ? pool->taken_usec : now;
        pool->rest_usec = now + POOL_REST_USEC;
        return &pool->ready[pool->ready_count];
    }
    return NULL;
}

void pool_put_back(struct pool *pool)
{
    pool->ready_count++; /* those that were taken lie behind those that are ready, the last one first */
    pool->taken_count--;
}

/* The first that was taken. */
static void plug_in_one(struct pool *pool)
{
    struct pool_port *port = &pool->ready[pool->ready_count + --pool->taken_count];
    struct tapnet_error error = TAPNET_ERROR_INIT;

    if (attach_plug_in(port->attached, &error) < 0)
        log_line("port %s: %s", tapnet_attached_info(port->attached)->port, error.text);
    port_fini(port);
}

void pool_plug_in(struct pool *pool)
{
    while (pool->taken_count)
        plug_in_one(pool);
}

void pool_plug_in_overdue(struct pool *pool)
{
    if (pool->taken_count && loop_now_usec() >= pool->taken_usec + POOL_OVERDUE_USEC)
        plug_in_one(pool);
}
