/* SPDX-License-Identifier: MIT */
/* A host to resolve sets for: what it has, what an earlier `up` left there, and what must hold afterwards. */
#ifndef TESTS_MODEL_HOST_H
#define TESTS_MODEL_HOST_H

#include "build.h"

/* Its uplink is eth0; @before, a set that was resolved earlier, is what is there now. NULL: nothing. */
struct model_surroundings host(const struct model_set *before);
/* Gives the host @count @routes, kept in @taken. */
void route(struct model_surroundings *surroundings, struct ip_prefix *taken, const char *const *routes, size_t count);
/* Derives and resolves; a mistake fails the test. */
void resolve(struct model_set *set, const struct model_surroundings *surroundings);

void assert_prefix(const struct ip_prefix *prefix, const char *expected);
/* Every port has an address inside the subnet that is nobody else's: not the network's, the broadcast's, the host's. */
void assert_addresses_good(const struct model_network *network);

#endif
