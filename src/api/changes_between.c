/* SPDX-License-Identifier: MIT */
/* What is different between two looks. */
#include <tapnet/changes.h>

#include <stdio.h>
#include <string.h>

#include "api/status.h"
#include "base/array.h"

#define API __attribute__((visibility("default")))

struct telling {
    tapnet_change_reader *reader;
    void *data;
    struct tapnet_change where; /* the network, port and device that all is about which is told now */
};

static void tell(const struct telling *telling, const char *kind, const char *text, uint64_t count)
{
    struct tapnet_change change = telling->where;

    change.kind = kind;
    change.text = text;
    change.count = count;
    telling->reader(&change, telling->data);
}

/* ---- state and holder: of a port as of a device ---- */

struct occupation {
    const char *state, *holder;
    int pid;
};

static bool is_plugged(const char *state)
{
    return strcmp(state, "plugged") == 0;
}

static void tell_occupation(const struct telling *telling, struct occupation before, struct occupation after)
{
    bool was = is_plugged(before.state), now = is_plugged(after.state);
    /* That nobody can be seen is no news of anybody. */
    bool another = was && now && before.pid && after.pid && before.pid != after.pid;
    char holder[96] = "";

    if (after.pid)
        snprintf(holder, sizeof(holder), "%s (%d)", after.holder, after.pid);
    if (was && (!now || another))
        tell(telling, "unplugged", another ? "" : after.state, 0);
    if (now && (!was || another))
        tell(telling, "plugged", holder, 0);
    else if (!was && strcmp(before.state, after.state) != 0)
        tell(telling, "state", after.state, 0);
}

/* ---- ports ---- */

static const struct tapnet_status_port no_port = {
    .name = "", .device = "", .mac = "", .state = "free", .holder = "", .mac_source = ""};

static void tell_drops(const struct telling *telling, const struct tapnet_status_port *before,
                       const struct tapnet_status_port *after)
{
    bool plugged = is_plugged(before->state) && is_plugged(after->state);
    const struct {
        const char *reason;
        uint64_t before, after;
    } rows[] = {
        {"late", before->dropped, plugged ? after->dropped : 0}, /* of one that nobody holds it says nothing */
        {"frames", before->blocked_by.frames, after->blocked_by.frames},
        {"arp", before->blocked_by.arp, after->blocked_by.arp},
        {"ways", before->blocked_by.ways, after->blocked_by.ways},
        {"connections", before->refused_connections, after->refused_connections},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (rows[i].after > rows[i].before)
            tell(telling, "dropped", rows[i].reason, rows[i].after - rows[i].before);
}

static bool has_refused(const struct tapnet_status_port *port, const char *mac)
{
    for (size_t i = 0; i < port->refused_mac_count; i++)
        if (strcmp(port->refused_macs[i], mac) == 0)
            return true;
    return false;
}

static void tell_port(const struct telling *telling, const struct tapnet_status_port *before,
                      const struct tapnet_status_port *after)
{
    bool seen = strcmp(after->mac_source, "seen") == 0;

    tell_occupation(telling, (struct occupation){before->state, before->holder, before->holder_pid},
                    (struct occupation){after->state, after->holder, after->holder_pid});
    if (seen && (strcmp(before->mac_source, "seen") != 0 || strcmp(before->mac, after->mac) != 0))
        tell(telling, "mac", after->mac, 0);
    for (size_t i = 0; i < after->refused_mac_count; i++)
        if (!has_refused(before, after->refused_macs[i]))
            tell(telling, "refused", after->refused_macs[i], 0);
    if (after->leased > before->leased)
        tell(telling, "lease", after->address, 0);
    if (after->leased6 > before->leased6)
        tell(telling, "lease", after->address6, 0);
    tell_drops(telling, before, after);
}

/* Both are in one order, and few come or go: it is at *hint, or soon behind. */
static const struct tapnet_status_port *find_port(const struct tapnet_status_network *network, const char *name,
                                                  size_t *hint)
{
    for (size_t i = 0; network && i < network->port_count; i++) {
        size_t at = (*hint + i) % network->port_count;

        if (strcmp(network->ports[at].name, name) != 0)
            continue;
        *hint = at + 1;
        return &network->ports[at];
    }
    return NULL;
}

static void tell_ports_that_went(struct telling *telling, const struct tapnet_status_network *before,
                                 const struct tapnet_status_network *after)
{
    size_t hint = 0;

    for (size_t i = 0; i < before->port_count; i++) {
        const struct tapnet_status_port *port = &before->ports[i];

        if (find_port(after, port->name, &hint))
            continue;
        telling->where.port = port->name;
        telling->where.device = port->device;
        if (is_plugged(port->state))
            tell(telling, "unplugged", "", 0);
        tell(telling, "removed", "", 0);
    }
}

static void tell_ports(struct telling *telling, const struct tapnet_status_network *before,
                       const struct tapnet_status_network *after)
{
    size_t hint = 0;

    for (size_t i = 0; i < after->port_count; i++) {
        const struct tapnet_status_port *port = &after->ports[i], *earlier = find_port(before, port->name, &hint);

        telling->where.port = port->name;
        telling->where.device = port->device;
        if (!earlier)
            tell(telling, "added", "", 0);
        tell_port(telling, earlier ? earlier : &no_port, port);
    }
}

/* ---- networks, devices, and the whole ---- */

static bool has_stranger(const struct tapnet_status_network *network, const char *name)
{
    for (size_t i = 0; network && i < network->stranger_count; i++)
        if (strcmp(network->strangers[i], name) == 0)
            return true;
    return false;
}

/* @kind: what those are that @network has and @other, the same at another time, has not. */
static void tell_strangers(struct telling *telling, const char *kind, const struct tapnet_status_network *network,
                           const struct tapnet_status_network *other)
{
    for (size_t i = 0; network && i < network->stranger_count; i++) {
        if (has_stranger(other, network->strangers[i]))
            continue;
        telling->where = (struct tapnet_change){.network = network->name, .port = "", .device = network->strangers[i]};
        tell(telling, kind, network->bridge, 0);
    }
}

static const struct tapnet_status_network *find_network(const struct tapnet_status *status, const char *name)
{
    for (size_t i = 0; status && i < status->network_count; i++)
        if (strcmp(status->networks[i].name, name) == 0)
            return &status->networks[i];
    return NULL;
}

static void nowhere(struct telling *telling, const char *network)
{
    telling->where = (struct tapnet_change){.network = network, .port = "", .device = ""};
}

static void tell_networks_that_went(struct telling *telling, const struct tapnet_status *before,
                                    const struct tapnet_status *after)
{
    for (size_t i = 0; before && i < before->network_count; i++) {
        const struct tapnet_status_network *network = &before->networks[i], *later = find_network(after, network->name);

        nowhere(telling, network->name);
        tell_ports_that_went(telling, network, later);
        nowhere(telling, network->name);
        if (!later)
            tell(telling, "down", "", 0);
    }
}

static void tell_networks(struct telling *telling, const struct tapnet_status *before,
                          const struct tapnet_status *after)
{
    for (size_t i = 0; after && i < after->network_count; i++) {
        const struct tapnet_status_network *network = &after->networks[i],
                                           *earlier = find_network(before, network->name);

        nowhere(telling, network->name);
        if (!earlier)
            tell(telling, "up", "", 0);
        if (earlier ? earlier->served != network->served : !network->served)
            tell(telling, network->served ? "served" : "unserved", "", 0);
        tell_ports(telling, earlier, network);
        tell_strangers(telling, "left", earlier, network);
        tell_strangers(telling, "stranger", network, earlier);
    }
}

static const struct tapnet_status_device *find_device(const struct tapnet_status *status, const char *name)
{
    for (size_t i = 0; status && i < status->device_count; i++)
        if (strcmp(status->devices[i].name, name) == 0)
            return &status->devices[i];
    return NULL;
}

static void tell_devices(struct telling *telling, const struct tapnet_status *before, const struct tapnet_status *after)
{
    for (size_t i = 0; before && i < before->device_count; i++) {
        nowhere(telling, "");
        telling->where.device = before->devices[i].name;
        if (!find_device(after, before->devices[i].name))
            tell(telling, "removed", "", 0);
    }
    for (size_t i = 0; after && i < after->device_count; i++) {
        const struct tapnet_status_device *device = &after->devices[i], *earlier = find_device(before, device->name);

        nowhere(telling, "");
        telling->where.device = device->name;
        if (!earlier)
            tell(telling, "added", "", 0);
        tell_occupation(telling,
                        earlier ? (struct occupation){earlier->state, earlier->holder, earlier->holder_pid}
                                : (struct occupation){"free", "", 0},
                        (struct occupation){device->state, device->holder, device->holder_pid});
    }
}

static bool has_problem(const struct tapnet_status *status, const char *problem)
{
    for (size_t i = 0; status && i < status->problem_count; i++)
        if (strcmp(status->problems[i].text, problem) == 0)
            return true;
    return false;
}

/* @kind: what those are that @status has and @other has not. */
static void tell_problems(const struct telling *telling, const char *kind, const struct tapnet_status *status,
                          const struct tapnet_status *other)
{
    for (size_t i = 0; status && i < status->problem_count; i++)
        if (!has_problem(other, status->problems[i].text))
            tell(telling, kind, status->problems[i].text, 0);
}

API void tapnet_changes_between(const struct tapnet_status *before, const struct tapnet_status *after,
                                tapnet_change_reader *reader, void *data)
{
    struct telling telling = {.reader = reader, .data = data};
    int keeper = before ? before->keeper_pid : 0, later = after ? after->keeper_pid : 0;

    tell_networks_that_went(&telling, before, after);
    tell_networks(&telling, before, after);
    tell_devices(&telling, before, after);
    nowhere(&telling, "");
    tell_problems(&telling, "mended", before, after);
    tell_problems(&telling, "problem", after, before);
    if (keeper != later)
        tell(&telling, "keeper", "", (uint64_t)later);
}
