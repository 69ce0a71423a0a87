/* SPDX-License-Identifier: MIT */
/* Two looks at the status, and what passed and was dropped between them, by port. */
#include "rates.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"
#include "terminal.h"
#include "text.h"

/* The reasons: what the guest did not take in time; what it may not send (three of tapnet_status_port's); too many. */
const char *const counter_names[COUNTER_COUNT] = {
    [COUNTER_RX_BYTES] = "rx_bytes",
    [COUNTER_RX_PACKETS] = "rx_packets",
    [COUNTER_TX_BYTES] = "tx_bytes",
    [COUNTER_TX_PACKETS] = "tx_packets",
    [COUNTER_LATE] = "late",
    [COUNTER_FRAMES] = "frames",
    [COUNTER_ARP] = "arp",
    [COUNTER_WAYS] = "ways",
    [COUNTER_CONNECTIONS] = "connections",
};

int look_take(struct tapnet *tapnet, const char *operand, struct look *ret, struct tapnet_error *error)
{
    struct tapnet_status *status;
    int result = session_look(tapnet, operand, &status, error);

    if (result == 0)
        *ret = (struct look){status, terminal_now()};
    return result;
}

void look_release(struct look *look)
{
    tapnet_status_free(look->status);
    look->status = NULL;
}

static bool is_plugged(const struct tapnet_status_port *port)
{
    return strcmp(port->state, "plugged") == 0;
}

static void count(const struct tapnet_status_port *port, uint64_t ret[COUNTER_COUNT])
{
    ret[COUNTER_RX_BYTES] = port->rx_bytes;
    ret[COUNTER_RX_PACKETS] = port->rx_packets;
    ret[COUNTER_TX_BYTES] = port->tx_bytes;
    ret[COUNTER_TX_PACKETS] = port->tx_packets;
    ret[COUNTER_LATE] = port->dropped;
    ret[COUNTER_FRAMES] = port->blocked_by.frames;
    ret[COUNTER_ARP] = port->blocked_by.arp;
    ret[COUNTER_WAYS] = port->blocked_by.ways;
    ret[COUNTER_CONNECTIONS] = port->refused_connections;
}

/* What was counted less than before was made anew: it has no rate yet. */
static void compare(struct rates_row *row, const struct tapnet_status_port *before, double seconds)
{
    uint64_t earlier[COUNTER_COUNT];

    count(before, earlier);
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        if (row->total[i] > earlier[i])
            row->rate[i] = (double)(row->total[i] - earlier[i]) / seconds;
    if (!is_plugged(before) || !is_plugged(row->port))
        row->rate[COUNTER_LATE] = 0; /* what is for all, and nobody is there to take */
    row->traffic = row->rate[COUNTER_RX_BYTES] + row->rate[COUNTER_TX_BYTES];
    for (size_t i = COUNTER_REASONS; i < COUNTER_COUNT; i++)
        row->drops += row->rate[i];
}

static int by_device(const void *a, const void *b)
{
    const struct tapnet_status_port *const *first = a, *const *second = b;

    return strcmp((*first)->device, (*second)->device);
}

static size_t port_count(const struct tapnet_status *status)
{
    const struct tapnet_status_network *network;
    size_t total = 0;

    for (size_t i = 0; (network = tapnet_status_network(status, i)); i++)
        total += network->port_count;
    return total;
}

/* Every port of @status by its device, sorted; NULL when memory is short. */
static const struct tapnet_status_port **sort_ports(const struct tapnet_status *status, size_t total)
{
    const struct tapnet_status_port **ports = calloc(total + 1, sizeof(*ports));
    const struct tapnet_status_network *network;
    size_t at = 0;

    if (!ports)
        return NULL;
    for (size_t i = 0; (network = tapnet_status_network(status, i)); i++)
        for (size_t j = 0; j < network->port_count; j++)
            ports[at++] = &network->ports[j];
    qsort(ports, total, sizeof(*ports), by_device);
    return ports;
}

static int compare_all(const struct look *before, struct rates *rates)
{
    size_t total = port_count(before->status);
    const struct tapnet_status_port **ports = sort_ports(before->status, total);

    if (!ports)
        return -ENOMEM;
    for (size_t i = 0; i < rates->count; i++) {
        const struct tapnet_status_port **found = bsearch(&rates->rows[i].port, ports, total, sizeof(*ports),
                                                          by_device);

        if (found)
            compare(&rates->rows[i], *found, rates->seconds);
    }
    free(ports);
    return 0;
}

int rates_make(const struct look *before, const struct look *after, struct rates *ret)
{
    const struct tapnet_status_network *network;
    struct rates rates = {.rows = calloc(port_count(after->status) + 1, sizeof(*rates.rows))};

    if (!rates.rows)
        return -ENOMEM;
    for (size_t i = 0; (network = tapnet_status_network(after->status, i)); i++)
        for (size_t j = 0; j < network->port_count; j++) {
            struct rates_row *row = &rates.rows[rates.count++];

            row->network = network;
            row->port = &network->ports[j];
            count(row->port, row->total);
        }
    if (before->status && after->nsec > before->nsec)
        rates.seconds = (double)(after->nsec - before->nsec) / 1e9;
    if (rates.seconds > 0 && compare_all(before, &rates) < 0) {
        rates_fini(&rates);
        return -ENOMEM;
    }
    *ret = rates;
    return 0;
}

void rates_fini(struct rates *rates)
{
    free(rates->rows);
    *rates = (struct rates){0};
}

const char *rates_reasons(const double rate[COUNTER_COUNT], char ret[RATES_REASONS_MAX])
{
    size_t len = 0;

    *ret = '\0';
    for (size_t i = COUNTER_REASONS; i < COUNTER_COUNT; i++) {
        char number[TEXT_NUMBER_MAX];

        if (rate[i] > 0)
            len += (size_t)snprintf(ret + len, RATES_REASONS_MAX - len, "%s%s %s", len ? ", " : "", counter_names[i],
                                    text_short(rate[i], number));
    }
    return ret;
}
