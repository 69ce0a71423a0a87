/* SPDX-License-Identifier: MIT */
/* The subnets of ours that are on the host: a few, among the addresses of many routed ports. */
#ifndef PLAN_SUBNETS_H
#define PLAN_SUBNETS_H

#include "model/object.h"

struct plan_subnets {
    const struct model_host_address **items; /* those of @all */
    size_t count, capacity;
};

/* 0 or -ENOMEM, with nothing to be freed. */
int plan_subnets_init(struct plan_subnets *subnets, const struct model_objects *all);
void plan_subnets_fini(struct plan_subnets *subnets);

/* The device of ours whose subnet has @address in it; NULL when there is none. */
const char *plan_subnets_find(const struct plan_subnets *subnets, const struct ip_address *address);

#endif
