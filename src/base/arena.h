/* SPDX-License-Identifier: MIT */
/* An arena: many small allocations that live and die together, as the strings of a model do. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zero-initialise to start; arena_fini() frees everything that came out of it. */
struct arena {
    struct arena_block *blocks;
};

void arena_fini(struct arena *arena);
/* @size zeroed bytes, aligned for any type; NULL when out of memory. */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy of @text; NULL when out of memory or when @text is NULL. */
char *arena_strdup(struct arena *arena, const char *text);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *arena, const char *format, ...);

#endif
