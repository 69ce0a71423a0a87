/* SPDX-License-Identifier: MIT */
/* An arena: many small allocations that live and die together, as the strings of a model do. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_LEN 16384
#define ARENA_FIRST_LEN 1024 /* most arenas hold a few names; each further block is twice as long */
#define ARENA_ALIGN _Alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t used_len;
    size_t len;
    _Alignas(max_align_t) unsigned char bytes[];
};

void arena_fini(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *next = arena->blocks->next;

        free(arena->blocks);
        arena->blocks = next;
    }
}

/* A new block with room for @len bytes at least, put in front. */
static struct arena_block *arena_grow(struct arena *arena, size_t len)
{
    size_t block_len = arena->blocks ? 2 * arena->blocks->len : ARENA_FIRST_LEN;
    struct arena_block *block;

    if (block_len > ARENA_BLOCK_LEN)
        block_len = ARENA_BLOCK_LEN;
    if (block_len < len)
        block_len = len;
    if (block_len > SIZE_MAX - sizeof(*block))
        return NULL;
    block = calloc(1, sizeof(*block) + block_len);
    if (!block)
        return NULL;
    block->len = block_len;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    void *bytes;

    if (size > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (!block || block->len - block->used_len < size)
        block = arena_grow(arena, size);
    if (!block)
        return NULL;
    bytes = block->bytes + block->used_len;
    block->used_len += size;
    return bytes;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    size_t size;
    char *copy;

    if (!text)
        return NULL;
    size = strlen(text) + 1;
    copy = arena_alloc(arena, size);
    return copy ? memcpy(copy, text, size) : NULL;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    int length;
    char *text;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return NULL;
    text = arena_alloc(arena, (size_t)length + 1);
    if (!text)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}
