/* SPDX-License-Identifier: MIT */
/* A host to resolve sets for: what it has, what an earlier `up` left there, and what must hold afterwards. */
#ifndef TESTS_MODEL_HOST_H
#define TESTS_MODEL_HOST_H

#include "build.h"
#include "model/object.h"

/* Its uplink is eth0; @before, a set that was resolved earlier, is what is there now. NULL: nothing. */
struct model_surroundings host(const struct model_set *before);
/* The same with IPv6 by eth0, and a kernel that forwards by single links. */
struct model_surroundings host_with_ip6(void);
/* Gives the host @count @routes, kept in @taken. */
void route(struct model_surroundings *surroundings, struct ip_prefix *taken, const char *const *routes, size_t count);
/* Derives and resolves; a mistake fails the test. */
void resolve(struct model_set *set, const struct model_surroundings *surroundings);

/* The same, and what is then wanted of the host. */
void expand_for(struct model_set *set, const struct model_surroundings *surroundings, struct model_objects *ret);
/* Derives, and is refused by model_resolve() with @part in what it says. */
void assert_resolve_refused(struct model_set *set, const struct model_surroundings *surroundings, const char *part);

/* Is there an object that is printed as @wanted? */
bool is_wanted(const struct model_objects *objects, const char *wanted);
void assert_wanted(const struct model_objects *objects, const char *const *wanted, size_t count);
void assert_prefix(const struct ip_prefix *prefix, const char *expected);
/* Every port has an address inside the subnet that is nobody else's: not the network's, the broadcast's, the host's. */
void assert_addresses_good(const struct model_network *network);

#endif
