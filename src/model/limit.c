/* SPDX-License-Identifier: MIT */
/* What a port may have: what follows from what was given, and equality. */
#include "model/model.h"

#define BURSTS_A_SECOND 20

uint32_t model_burst(const struct model_limit *limit, uint64_t rate)
{
    uint64_t burst = limit->burst ? limit->burst : rate / 8 / BURSTS_A_SECOND;

    if (burst < MODEL_BURST_MIN)
        return MODEL_BURST_MIN;
    return burst > UINT32_MAX ? UINT32_MAX : (uint32_t)burst;
}

bool model_limit_equal(const struct model_limit *a, const struct model_limit *b)
{
    return a->send == b->send && a->receive == b->receive && a->burst == b->burst && a->connections == b->connections &&
           a->broadcast == b->broadcast;
}
