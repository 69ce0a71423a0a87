/* SPDX-License-Identifier: MIT */
/* How often a set is brought back before it is left alone for a while. */
#ifndef KEEPER_PATIENCE_H
#define KEEPER_PATIENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

struct patience_set {
    char name[MODEL_NAME_MAX];
    unsigned repairs;    /* since @since_usec */
    uint64_t since_usec; /* first of them */
    unsigned pause_sec;  /* the last pause; 0: none yet */
    uint64_t until_usec; /* left alone until then */
};

struct patience {
    struct patience_set *sets;
    size_t count, capacity;
};

void patience_fini(struct patience *patience);

/* May @set be brought back at @now_usec? Counts it when it may. *ret_pause: seconds of a pause that begins, else 0. */
bool patience_allows(struct patience *patience, const char *set, uint64_t now_usec, unsigned *ret_pause);

/* When the first pause that is under way at @now_usec ends; 0: none is. */
uint64_t patience_next(const struct patience *patience, uint64_t now_usec);

#endif
