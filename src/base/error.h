/* SPDX-License-Identifier: MIT */
/* Fills a caller's struct tapnet_error and adds context to it as it climbs. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <tapnet/error.h>

/*
 * How it works: the function that meets the error calls error_set() with the full sentence; each caller that knows
 * something the reader does not see yet calls error_prefix(). All take NULL for @error. All return a negative errno,
 * so that `return error_set(error, -EINVAL, "...")` is the usual form. Neither allocates nor changes errno.
 */

/** Sets @error to @code and the formatted sentence (no final stop, no newline). Returns @code. */
__attribute__((format(printf, 3, 4))) int error_set(struct tapnet_error *error, int code, const char *format, ...);

/** As error_set(), with ": " and strerror(-code) appended. Returns @code. */
__attribute__((format(printf, 3, 4))) int error_set_errno(struct tapnet_error *error, int code, const char *format,
                                                          ...);

/** Puts "<formatted>: " in front of @error's text. Returns @error's code, or @code when it has none. */
__attribute__((format(printf, 3, 4))) int error_prefix(struct tapnet_error *error, int code, const char *format, ...);

/** Adds the formatted text at the end of @error's. Returns its code. */
__attribute__((format(printf, 2, 3))) int error_append(struct tapnet_error *error, const char *format, ...);

/** Adds one more line to @error (or sets it when it is empty): for files with several mistakes. Returns @code. */
__attribute__((format(printf, 3, 4))) int error_add_line(struct tapnet_error *error, int code, const char *format, ...);

#endif
