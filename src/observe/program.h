/* SPDX-License-Identifier: MIT */
/* Which program a socket belongs to. */
#ifndef OBSERVE_PROGRAM_H
#define OBSERVE_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define OBSERVE_PROGRAM_MAX 72

/* "nginx (123)": the first process that has the socket with @inode open. False: none that we may look into. */
bool observe_program(uint32_t inode, char text[OBSERVE_PROGRAM_MAX]);

#endif
