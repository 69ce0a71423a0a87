/* SPDX-License-Identifier: MIT */
/* The text of one value, read as the type that the option table gives it, never as what YAML would guess. */
#ifndef SPEC_VALUE_H
#define SPEC_VALUE_H

#include "spec/mistake.h"
#include "spec/option.h"

#define SPEC_ACCOUNT_MAX 257 /* a user's or group's name */

/* The account looked up last, as a file often names one user a thousand times. "" before the first. */
struct spec_account {
    char name[SPEC_ACCOUNT_MAX];
    uint32_t number;
};

/* What reading values needs besides the text; zero-initialise, with @arena set. */
struct spec_value_context {
    struct arena *arena; /* for strings that the model points to */
    struct spec_account user, group;
};

/*
 * Reads @text (@len bytes, not ended by NUL's only) as @option's type into @ret_value, whose C type is the one that
 * enum spec_type names. 0, -ENOMEM, or -EINVAL with one sentence and its remedy in @problem.
 */
int spec_value_parse(const struct spec_option *option, struct spec_value_context *context, const char *text, size_t len,
                     void *ret_value, char problem[SPEC_PROBLEM_MAX]);

/* Size in bytes of what spec_value_parse() stores for @type. */
size_t spec_value_size(enum spec_type type);

/* The type for the manual: "address/length". */
const char *spec_type_name(enum spec_type type);

/* Is @text a name of @type (SPEC_TYPE_NAME, SPEC_TYPE_IFNAME)? 0, or -EINVAL with the rest of a sentence. */
int spec_name_check(enum spec_type type, const char *text, size_t len, char problem[SPEC_PROBLEM_MAX]);

#endif
