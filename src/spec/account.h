/* SPDX-License-Identifier: MIT */
/* Users and groups of the host by name. */
#ifndef SPEC_ACCOUNT_H
#define SPEC_ACCOUNT_H

#include <stdint.h>

/* The number of user or group @name, by the host's name service. 0, -ESRCH: there is none, or a negative errno. */
int spec_user_find(const char *name, uint32_t *ret);
int spec_group_find(const char *name, uint32_t *ret);

#endif
