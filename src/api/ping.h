/* SPDX-License-Identifier: MIT */
/* Does an address answer a ping? */
#ifndef API_PING_H
#define API_PING_H

#include "base/address.h"
#include "base/error.h"

/*
 * Asks @address each second, by whatever way the host's routes lead there: 0 as soon as it answers, -ETIMEDOUT when it
 * has not within @msec; another negative errno, with a sentence, when it can't be asked. Needs CAP_NET_RAW.
 */
int ping(const struct ip_address *address, unsigned msec, struct tapnet_error *error);

#endif
