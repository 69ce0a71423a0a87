/* SPDX-License-Identifier: MIT */
/* How often one thing is brought back before it is left alone for a while. */
#ifndef KEEPER_PATIENCE_H
#define KEEPER_PATIENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATIENCE_REPAIRS 5        /* of one thing ... */
#define PATIENCE_WITHIN_SEC 10    /* ... within this time, before it is left alone */
#define PATIENCE_PAUSE_MAX_SEC 60 /* 1, 2, 4, ... seconds; a quiet minute, and it begins anew */

struct patience_thing {
    char *name;
    unsigned repairs;    /* since @since_usec */
    uint64_t since_usec; /* first of them */
    uint64_t last_usec;  /* when it was brought back, or would have been */
    uint64_t until_usec; /* left alone until then */
    unsigned pause_sec;  /* the last pause; 0: none yet */
};

/* Zero-initialised it knows nothing. */
struct patience {
    struct patience_thing *things;
    size_t count, capacity;
};

void patience_fini(struct patience *patience);

/*
 * May the thing called @name be brought back at @now_usec (not 0)? Counts it when it may. *ret_pause: seconds of a
 * pause that begins now, else 0. Without memory everything may.
 */
bool patience_allows(struct patience *patience, const char *name, uint64_t now_usec, unsigned *ret_pause);

/* Forgets what had its quiet minute. */
void patience_forget(struct patience *patience, uint64_t now_usec);

/* When the first pause that is under way at @now_usec ends; 0: none is. */
uint64_t patience_next(const struct patience *patience, uint64_t now_usec);

#endif
