/* SPDX-License-Identifier: MIT */
/* Numbers that were typed as values of options. */
#ifndef TAPNET_NUMBER_H
#define TAPNET_NUMBER_H

#include <stdint.h>

/*
 * Both return 0, or an exit code with the mistake of `tapnet @command` printed. @word NULL: it was not typed, and is 0.
 */

/* What --count says: a number of @what ("packets"), 1 or more. */
int number_count(const char *command, const char *what, const char *word, unsigned long *ret);
/* What --@option says: seconds, also "0.5". */
int number_seconds(const char *command, const char *option, const char *word, uint64_t *ret_nsec);

#endif
