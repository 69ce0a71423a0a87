/* SPDX-License-Identifier: MIT */
/* What is wrong in a file: counted, placed, and told one sentence a line. */
#ifndef SPEC_MISTAKE_H
#define SPEC_MISTAKE_H

#include "model/model.h"

#define SPEC_MISTAKES_MAX 20 /* a reader mends these first; more would only repeat themselves */
#define SPEC_CONTEXT_MAX 256 /* "network lab: port web: " with both names quoted */
#define SPEC_QUOTE_MAX 72    /* 60 characters, "...", and NUL */
#define SPEC_PROBLEM_MAX 512 /* one sentence */

/* The mistakes of one file. @error may be NULL: then they are only counted. */
struct spec_mistakes {
    struct tapnet_error *error;
    const char *file;               /* escaped, for the start of each line */
    char context[SPEC_CONTEXT_MAX]; /* "port web: ", or "" */
    unsigned count;
};

/* Adds one line; @place with line 0 is the file as a whole. Always -EINVAL. Nothing is added beyond the maximum. */
int spec_mistake_add(struct spec_mistakes *mistakes, struct model_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Hostile text made fit to be shown: what is not printable ASCII, and the backslash, is escaped; cut, with "...", at
 * 60 characters. Fills @buffer and returns it.
 */
const char *spec_quote(const char *text, size_t len, char buffer[SPEC_QUOTE_MAX]);

/* A file's name for messages: escaped as by spec_quote(), but of any length. Malloc'ed, NULL when out of memory. */
char *spec_quote_file(const char *file);

/* Edits (insert, delete, replace, swap neighbours) from @a to @b, letter case aside; 99 when either is over 31 long. */
unsigned spec_edit_distance(const char *a, const char *b);

#endif
