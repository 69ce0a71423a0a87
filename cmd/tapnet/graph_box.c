/* SPDX-License-Identifier: MIT */
/* What each box of the topology says, and which ports are folded into one. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph.h"
#include "text.h"

#define FOLD_ABOVE 16 /* so many ports are drawn one by one */
#define SINGLE_MAX 12 /* of more, so many that are plugged */

__attribute__((format(printf, 2, 3))) static void add(struct graph_box *box, const char *format, ...)
{
    char line[GRAPH_LINE_MAX];
    va_list arguments;

    if (box->line_count == GRAPH_LINES)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (*line)
        text_printable(line, box->lines[box->line_count++], GRAPH_LINE_MAX);
}

static void add_rates(struct graph_box *box, const struct rates *rates, const double rate[COUNTER_COUNT], double drops)
{
    char in[TEXT_NUMBER_MAX], out[TEXT_NUMBER_MAX], number[TEXT_NUMBER_MAX], reasons[RATES_REASONS_MAX];

    if (!(rates->seconds > 0))
        return;
    add(box, "in %s, out %s", text_bit_rate((uint64_t)(rate[COUNTER_RX_BYTES] * 8), in),
        text_bit_rate((uint64_t)(rate[COUNTER_TX_BYTES] * 8), out));
    if (drops > 0)
        add(box, "%s dropped/s: %s", text_short(drops, number), rates_reasons(rate, reasons));
}

static bool is(const struct tapnet_status_port *port, const char *state)
{
    return strcmp(port->state, state) == 0;
}

/* ---- ports ---- */

static void add_forwards(struct graph_box *box, const struct tapnet_status_port *port)
{
    char line[GRAPH_LINE_MAX] = "";
    size_t len = 0, shown = 0;

    for (; shown < port->forward_count && len < 160; shown++)
        len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s", shown ? ", " : "forwards ",
                                port->forwards[shown]);
    if (shown < port->forward_count)
        snprintf(line + len, sizeof(line) - len, " and %zu more", port->forward_count - shown);
    add(box, "%s", line);
}

static void make_port(const struct rates_row *row, const struct rates *rates, struct graph_port *ret)
{
    const struct tapnet_status_port *port = row->port;

    ret->port.state = ret->guest.state = port->state;
    add(&ret->port, "%s", port->name);
    add(&ret->port, "%s, %s", port->device, is(port, "plugged") ? "up" : port->state);
    add(&ret->port, "%s", port->mac);
    add(&ret->port, "%s", port->address);
    add(&ret->port, "%s", port->address6);
    add_forwards(&ret->port, port);
    add_rates(&ret->port, rates, row->rate, row->drops);
    if (!is(port, "plugged"))
        return;
    add(&ret->guest, "%s", port->holder_pid ? port->holder : "somebody who can't be seen");
    if (port->holder_pid)
        add(&ret->guest, "process %d", port->holder_pid);
}

/* All of the @count @rows whose @folded is set and whose ports are in @state; nothing when there is none. */
static bool make_group(const struct rates_row *rows, size_t count, const bool *folded, const char *state,
                       const struct rates *rates, struct graph_port *ret)
{
    const struct tapnet_status_port *first = NULL, *last = NULL;
    double rate[COUNTER_COUNT] = {0}, drops = 0;
    size_t total = 0;

    for (size_t i = 0; i < count; i++) {
        if (!folded[i] || !is(rows[i].port, state))
            continue;
        first = first ? first : rows[i].port;
        last = rows[i].port;
        total++;
        drops += rows[i].drops;
        for (size_t j = 0; j < COUNTER_COUNT; j++)
            rate[j] += rows[i].rate[j];
    }
    if (!total)
        return false;
    ret->port.state = ret->guest.state = first->state;
    add(&ret->port, "%zu port%s", total, total == 1 ? "" : "s");
    add(&ret->port, "%s", state);
    add(&ret->port, total > 1 ? "%s ... %s" : "%s", first->name, last->name);
    if (is(first, "plugged"))
        add_rates(&ret->port, rates, rate, drops);
    return true;
}

static int busier(const void *a, const void *b)
{
    const struct rates_row *const *first = a, *const *second = b;

    if ((*first)->traffic + (*first)->drops != (*second)->traffic + (*second)->drops)
        return (*first)->traffic + (*first)->drops < (*second)->traffic + (*second)->drops ? 1 : -1;
    return *first < *second ? -1 : *first > *second;
}

/* Which ports are drawn in a group: of many all but the busiest of those that are plugged. */
static int choose(const struct rates_row *rows, size_t count, bool *folded)
{
    const struct rates_row **plugged = calloc(count + 1, sizeof(*plugged));
    size_t total = 0;

    if (!plugged)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        folded[i] = count > FOLD_ABOVE;
        if (is(rows[i].port, "plugged"))
            plugged[total++] = &rows[i];
    }
    qsort(plugged, total, sizeof(*plugged), busier);
    for (size_t i = 0; i < total && i < SINGLE_MAX; i++)
        folded[plugged[i] - rows] = false;
    free(plugged);
    return 0;
}

static int make_ports(const struct rates_row *rows, size_t count, const struct rates *rates, struct graph_network *ret)
{
    static const char *const states[] = {"plugged", "ready", "free", "down", "missing"};
    bool *folded = calloc(count + 1, sizeof(*folded));
    int result = folded ? choose(rows, count, folded) : -ENOMEM;
    size_t singles = 0;

    for (size_t i = 0; result == 0 && i < count; i++)
        singles += !folded[i];
    ret->ports = result == 0 ? calloc(singles + sizeof(states) / sizeof(states[0]), sizeof(*ret->ports)) : NULL;
    for (size_t i = 0; ret->ports && i < count; i++)
        if (!folded[i])
            make_port(&rows[i], rates, &ret->ports[ret->port_count++]);
    for (size_t i = 0; ret->ports && i < sizeof(states) / sizeof(states[0]); i++)
        ret->port_count += make_group(rows, count, folded, states[i], rates, &ret->ports[ret->port_count]);
    free(folded);
    return ret->ports ? 0 : -ENOMEM;
}

/* ---- networks and devices ---- */

static void make_network(const struct tapnet_status_network *network, struct graph_network *ret)
{
    bool has_bridge = strcmp(network->mode, "routed") != 0, leaves = strcmp(network->mode, "isolated") != 0;

    ret->mode = network->mode;
    ret->uplink.state = ret->bridge.state = "";
    if (leaves && *network->uplink)
        add(&ret->uplink, "%s", network->uplink);
    else if (leaves)
        add(&ret->uplink, "no uplink");
    if (leaves && *network->uplink)
        add(&ret->uplink, "uplink");
    if (leaves && *network->uplink6 && strcmp(network->uplink, network->uplink6) != 0)
        add(&ret->uplink, "%s for IPv6", network->uplink6);
    add(&ret->bridge, "%s", network->bridge);
    add(&ret->bridge, "%s", network->subnet);
    add(&ret->bridge, "%s", network->subnet6);
    if (*network->inside)
        add(&ret->bridge, "clones that are all %s inside", network->inside);
    if (*network->inside6)
        add(&ret->bridge, "and %s", network->inside6);
    add(&ret->bridge, "network %s of set %s, %s%s", network->name, network->set, network->mode,
        has_bridge ? "" : ", no bridge");
    if (!network->ports_see_each_other)
        add(&ret->bridge, "ports do not see each other");
    if (network->host_open)
        add(&ret->bridge, "the host is open to it");
    if (!network->served)
        add(&ret->bridge, "NOT SERVED");
}

static int make_networks(const struct tapnet_status *status, const struct rates *rates, struct graph *graph)
{
    const struct tapnet_status_network *network;
    const struct rates_row *rows = rates->rows;
    int result = 0;

    graph->networks = calloc(tapnet_status_network_count(status) + 1, sizeof(*graph->networks));
    if (!graph->networks)
        return -ENOMEM;
    for (size_t i = 0; result == 0 && (network = tapnet_status_network(status, i)); i++) {
        make_network(network, &graph->networks[graph->network_count]);
        result = make_ports(rows, network->port_count, rates, &graph->networks[graph->network_count++]);
        for (size_t j = 0; j < network->port_count; j++)
            graph->plugged += is(&network->ports[j], "plugged");
        graph->ports += network->port_count;
        rows += network->port_count;
    }
    return result;
}

static int make_devices(const struct tapnet_status *status, struct graph *graph)
{
    const struct tapnet_status_device *device;

    graph->devices = calloc(tapnet_status_device_count(status) + 1, sizeof(*graph->devices));
    for (size_t i = 0; graph->devices && (device = tapnet_status_device(status, i)); i++) {
        struct graph_box *box = &graph->devices[graph->device_count++];

        box->state = device->state;
        add(box, "%s", device->name);
        add(box, "%s, device of set %s", device->kind, device->set);
        add(box, "%s", device->addresses);
        if (device->holder_pid)
            add(box, "%s, process %d", device->holder, device->holder_pid);
        else
            add(box, "%s", device->state);
    }
    return graph->devices ? 0 : -ENOMEM;
}

int graph_make(const struct tapnet_status *status, const struct rates *rates, struct graph *ret)
{
    struct graph graph = {.problems = tapnet_status_problem_count(status)};
    char name[sizeof(graph.host)] = "";
    int result;

    gethostname(name, sizeof(name) - 1);
    text_printable(name, graph.host, sizeof(graph.host));
    result = make_networks(status, rates, &graph);
    if (result == 0)
        result = make_devices(status, &graph);
    if (result < 0)
        graph_fini(&graph);
    else
        *ret = graph;
    return result;
}

void graph_fini(struct graph *graph)
{
    for (size_t i = 0; i < graph->network_count; i++)
        free(graph->networks[i].ports);
    free(graph->networks);
    free(graph->devices);
    *graph = (struct graph){0};
}

size_t graph_wrap(const char *at, size_t width, bool breaks, const char **ret_next)
{
    size_t len = 0, next = strcspn(at, " ");

    while (next <= width && at[next]) {
        len = next;
        next += 1 + strcspn(at + next + 1, " ");
    }
    if (next <= width || len == 0)
        len = next <= width || !breaks ? next : width;
    next = len + strspn(at + len, " ");
    *ret_next = at[next] ? at + next : NULL;
    return len;
}
