/* SPDX-License-Identifier: MIT */
/* The arena: zeroed, aligned, never overlapping, freed at once (the sanitizers see whether it is). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"

#define PIECES 500

/* Pieces of all sizes, each filled with its own byte, are whole when all have been filled. */
static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    struct arena arena = {0};
    unsigned char *pieces[PIECES];

    (void)state;
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = i * 37 % 1024;

        pieces[i] = arena_alloc(&arena, size);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < size; j++)
            assert_int_equal(pieces[i][j], 0);
        memset(pieces[i], (int)(i & 0xff), size);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t j = 0; j < i * 37 % 1024; j++)
            assert_int_equal(pieces[i][j], i & 0xff);
    arena_fini(&arena);
    assert_null(arena.blocks);
}

static void one_piece_may_be_larger_than_a_block(void **state)
{
    struct arena arena = {0};
    unsigned char *small = arena_alloc(&arena, 10), *large = arena_alloc(&arena, 1 << 20), *after;

    (void)state;
    assert_non_null(small);
    assert_non_null(large);
    memset(large, 0xff, 1 << 20);
    after = arena_alloc(&arena, 10);
    assert_non_null(after);
    assert_int_equal(after[0], 0);
    assert_int_equal(small[9], 0);
    arena_fini(&arena);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
    struct arena arena = {0};

    (void)state;
    for (size_t less = 0; less < 64; less++)
        assert_null(arena_alloc(&arena, SIZE_MAX - less));
    assert_non_null(arena_alloc(&arena, 0));
    arena_fini(&arena);
}

static void texts_are_copied(void **state)
{
    struct arena arena = {0};
    char text[8] = "web";
    char *copy = arena_strdup(&arena, text), *label;
    char expected[30001];

    (void)state;
    text[0] = 'x';
    assert_string_equal(copy, "web");
    assert_null(arena_strdup(&arena, NULL));
    assert_string_equal(arena_strdup(&arena, ""), "");
    label = arena_printf(&arena, "%s/%s/%d", "lab", copy, 7);
    assert_string_equal(label, "lab/web/7");
    memset(expected, ' ', sizeof(expected) - 1); /* longer than a block */
    expected[sizeof(expected) - 2] = 'x';
    expected[sizeof(expected) - 1] = '\0';
    assert_string_equal(arena_printf(&arena, "%30000s", "x"), expected);
    arena_fini(&arena);
}

static void it_can_be_used_again(void **state)
{
    struct arena arena = {0};

    (void)state;
    arena_fini(&arena); /* nothing in it */
    assert_non_null(arena_alloc(&arena, 100));
    arena_fini(&arena);
    arena_fini(&arena);
    assert_string_equal(arena_strdup(&arena, "again"), "again");
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(one_piece_may_be_larger_than_a_block),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(it_can_be_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
