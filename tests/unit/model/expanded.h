/* SPDX-License-Identifier: MIT */
/* What a set wants of a host, for tests that look at it. */
#ifndef TESTS_MODEL_EXPANDED_H
#define TESTS_MODEL_EXPANDED_H

#include "build.h"

/* Of a host with the uplink eth0 and nothing else on it; a set that it does not take fails the test. */
void expand(struct model_set *set, bool host_forwards, struct model_objects *ret);
/* They are @expected, in that order. */
void assert_texts(const struct model_objects *objects, const char *const *expected, size_t count);
/* Both: @set wants @expected, an array, and nothing else; *ret has it. */
#define ASSERT_WANTS(set, ret, expected)                                                                               \
    (expand(set, false, ret), assert_texts(ret, expected, sizeof(expected) / sizeof((expected)[0])))
/* Fails the test when there is none. */
const struct model_object *find_link(const struct model_objects *objects, const char *name);
/* The object whose text is @text, or NULL. */
const struct model_object *find_text(const struct model_objects *objects, const char *text);

#endif
