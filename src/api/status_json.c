/* SPDX-License-Identifier: MIT */
/* The status as JSON: one stable shape, told in tapnet(8). */
#include "api/status.h"

#include <errno.h>
#include <jansson.h>

#include "api/text_json.h"

#define API __attribute__((visibility("default")))

static json_t *holder_json(int pid, const char *command)
{
    return pid ? json_pack("{s:i, s:s%}", "pid", pid, "command", command, __builtin_strlen(command)) : json_null();
}

static json_t *texts_json(const char *const *texts, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(texts[i]));
    return array;
}

static json_t *problems_json(const struct tapnet_status *status)
{
    json_t *array = json_array();

    for (size_t i = 0; i < status->problem_count; i++)
        json_array_append_new(array, json_string(status->problems[i].text));
    return array;
}

static json_t *limit_json(const struct tapnet_status_port *port)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "send", (json_int_t)port->limit.send, "receive",
                     (json_int_t)port->limit.receive, "burst", (json_int_t)port->limit.burst, "connections",
                     (json_int_t)port->limit.connections, "broadcast", (json_int_t)port->limit.broadcast);
}

/* A list of @first, unless it is "", and, where there is one, @second. */
static json_t *pair_json(const char *first, const char *second)
{
    if (!*first)
        return json_array();
    return *second ? json_pack("[s, s]", first, second) : json_pack("[s]", first);
}

static json_t *blocked_json(const struct tapnet_status_port *port)
{
    return json_pack("{s:I, s:I, s:I}", "frames", (json_int_t)port->blocked_by.frames, "arp",
                     (json_int_t)port->blocked_by.arp, "ways", (json_int_t)port->blocked_by.ways);
}

/* Seconds since 1970; null for never. */
static json_t *time_json(uint64_t msec)
{
    return msec ? json_real((double)msec / 1000) : json_null();
}

static json_t *port_json(const struct tapnet_status_port *port)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I, "
                     "s:o, s:o, s:o}",
                     "name", port->name, "device", port->device, "mac", port->mac, "mac_source", port->mac_source,
                     "refused_macs", texts_json(port->refused_macs, port->refused_mac_count), "addresses",
                     pair_json(port->address, port->address6), "hostname", port->hostname, "origin", port->origin,
                     "state", port->state, "holder", holder_json(port->holder_pid, port->holder), "rx_bytes",
                     (json_int_t)port->rx_bytes, "rx_packets", (json_int_t)port->rx_packets, "tx_bytes",
                     (json_int_t)port->tx_bytes, "tx_packets", (json_int_t)port->tx_packets, "dropped",
                     (json_int_t)port->dropped, "blocked", (json_int_t)port->blocked, "blocked_by", blocked_json(port),
                     "limit", limit_json(port), "refused_connections", (json_int_t)port->refused_connections,
                     "forwards", texts_json(port->forwards, port->forward_count), "leased", time_json(port->leased),
                     "leased6", time_json(port->leased6));
}

static json_t *network_json(const struct tapnet_status_network *network)
{
    json_t *ports = json_array();

    for (size_t i = 0; ports && i < network->port_count; i++)
        json_array_append_new(ports, port_json(&network->ports[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s*, s:s*, s:s*, s:s*, s:i, s:b, s:b, s:b, s:o, s:o, s:s*, s:s*}",
                     "set", network->set, "name", network->name, "mode", network->mode, "bridge", network->bridge,
                     "subnets", pair_json(network->subnet, network->subnet6), "gateway",
                     *network->gateway ? network->gateway : NULL, "dns", *network->dns ? network->dns : NULL, "uplink",
                     *network->uplink ? network->uplink : NULL, "uplink6", *network->uplink6 ? network->uplink6 : NULL,
                     "mtu", (int)network->mtu, "ports_see_each_other", network->ports_see_each_other, "host_open",
                     network->host_open, "served", network->served, "strangers",
                     texts_json(network->strangers, network->stranger_count), "ports", ports, "inside",
                     *network->inside ? network->inside : NULL, "inside6", *network->inside6 ? network->inside6 : NULL);
}

static json_t *device_json(const struct tapnet_status_device *device)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "set", device->set, "name", device->name, "kind", device->kind,
                     "addresses", device->addresses, "state", device->state, "holder",
                     holder_json(device->holder_pid, device->holder));
}

static json_t *keeper_json(int pid)
{
    return pid ? json_pack("{s:i}", "pid", pid) : json_null();
}

/* null when nobody knows it, or when its name is not UTF-8 and so can't be said in JSON. */
static json_t *file_json(const char *file)
{
    json_t *json = *file ? json_string(file) : NULL;

    return json ? json : json_null();
}

API int tapnet_status_json(const struct tapnet_status *status, char **ret, struct tapnet_error *error)
{
    json_t *networks = json_array(), *devices = json_array(), *sets = json_array();
    json_t *document;

    for (size_t i = 0; i < status->network_count; i++)
        json_array_append_new(networks, network_json(&status->networks[i]));
    for (size_t i = 0; i < status->device_count; i++)
        json_array_append_new(devices, device_json(&status->devices[i]));
    for (size_t i = 0; i < status->set_count; i++)
        json_array_append_new(
            sets, json_pack("{s:s, s:o}", "name", status->sets[i].name, "file", file_json(status->sets[i].file)));
    document = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "version", 1, "keeper", keeper_json(status->keeper_pid),
                         "sets", sets, "networks", networks, "devices", devices, "problems", problems_json(status),
                         "warnings", texts_json(status->warnings, status->warning_count));
    return api_json_print(document, ret, error);
}
