/* SPDX-License-Identifier: MIT */
/* Tables of files for the parser: each is a unit test and a seed of the fuzzer. */
#ifndef TEST_SPEC_CASES_H
#define TEST_SPEC_CASES_H

#include <stddef.h>

struct spec_case {
    const char *name;
    const char *text;
    size_t len;          /* the text may hold NUL */
    const char *message; /* the whole of what is said; NULL for a good file */
};

#define BAD(name, text, message)                                                                                       \
    {                                                                                                                  \
        name, text, sizeof(text) - 1, message                                                                          \
    }
#define GOOD(name, text)                                                                                               \
    {                                                                                                                  \
        name, text, sizeof(text) - 1, NULL                                                                             \
    }

extern const struct spec_case bad_syntax[], bad_keys[], bad_values[], bad_model[], bad_forwards[], bad_lists[], good[];
extern const size_t bad_syntax_count, bad_keys_count, bad_values_count, bad_model_count, bad_forwards_count,
    bad_lists_count, good_count;

#endif
