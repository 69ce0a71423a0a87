/* SPDX-License-Identifier: MIT */
/* The status as the library keeps it behind the public pointer. */
#ifndef API_STATUS_H
#define API_STATUS_H

#include "api/context.h"

/* Every text is the arena's. */
struct tapnet_status {
    struct tapnet_status_network *networks;
    size_t network_count;
    struct tapnet_status_device *devices;
    size_t device_count;
    struct tapnet_status_set *sets;
    size_t set_count;
    const char **problems;
    size_t problem_count, problem_capacity;
    const char **warnings;
    size_t warning_count, warning_capacity;
    int keeper_pid; /* 0: none runs */
    struct arena arena;
};

#endif
