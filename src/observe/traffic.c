/* SPDX-License-Identifier: MIT */
/* Counters and state of every link, in one dump, for status. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/link.h"
#include "observe/observe.h"

DEFINE_CLEANUP(struct netlink *, netlink_close)

struct reading {
    struct observe_traffic *items;
    size_t count, capacity;
};

static void reading_fini(struct reading *reading)
{
    free(reading->items);
}

static int read_link(const struct netlink_link *link, void *data)
{
    struct reading *reading = data;
    int result = array_reserve((void **)&reading->items, &reading->capacity, reading->count, 1,
                               sizeof(*reading->items));
    struct observe_traffic *traffic;

    if (result < 0)
        return result;
    traffic = &reading->items[reading->count++];
    *traffic = (struct observe_traffic){
        .up = link->up,
        .carrier = link->carrier,
        .rx_bytes = link->rx_bytes,
        .rx_packets = link->rx_packets,
        .rx_dropped = link->rx_dropped,
        .tx_bytes = link->tx_bytes,
        .tx_packets = link->tx_packets,
        .tx_dropped = link->tx_dropped,
    };
    memcpy(traffic->device, link->name, sizeof(traffic->device));
    return 0;
}

static void restart(void *data)
{
    ((struct reading *)data)->count = 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct observe_traffic *)a)->device, ((const struct observe_traffic *)b)->device);
}

int observe_traffic(struct observe_traffic **ret, size_t *ret_count, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct reading reading cleanup(reading_fini) = {0};
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = netlink_link_dump_counted(netlink, read_link, restart, &reading, error);
    if (result < 0)
        return result;
    if (reading.count)
        qsort(reading.items, reading.count, sizeof(*reading.items), compare);
    *ret_count = reading.count;
    *ret = take_pointer(reading.items);
    return 0;
}
