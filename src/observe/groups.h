/* SPDX-License-Identifier: MIT */
/* Multicast groups that programs have joined on a link. */
#ifndef OBSERVE_GROUPS_H
#define OBSERVE_GROUPS_H

#include "base/address.h"
#include "base/error.h"

typedef void observe_group_reader(const struct ip_address *group, void *data);

/*
 * Those of link @name, of both families, but what the kernel joins by itself, and the names' (mDNS, LLMNR), whose
 * programs follow the host's addresses.
 */
int observe_groups(const char *name, observe_group_reader *reader, void *data, struct tapnet_error *error);

#endif
