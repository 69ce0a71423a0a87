/* SPDX-License-Identifier: MIT */
/* Growing arrays: room for one more, amortised, with overflow checked. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Grows *items (each @size bytes) until @count + @more fit *capacity. 0 or -ENOMEM with all untouched. */
static inline int array_reserve(void **items, size_t *capacity, size_t count, size_t more, size_t size)
{
    size_t wanted = *capacity ? *capacity : 8;
    void *grown;

    if (more > SIZE_MAX / 2 - count)
        return -ENOMEM;
    while (wanted < count + more)
        wanted *= 2;
    if (wanted == *capacity)
        return 0;
    grown = reallocarray(*items, wanted, size);
    if (!grown)
        return -ENOMEM;
    *items = grown;
    *capacity = wanted;
    return 0;
}

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
