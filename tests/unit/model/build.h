/* SPDX-License-Identifier: MIT */
/* Sets made by hand or at random, as the file's parser would make them, for the model's tests. */
#ifndef TESTS_MODEL_BUILD_H
#define TESTS_MODEL_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "model/object.h"

DEFINE_CLEANUP(struct model_set *, model_set_free)
#define _cleanup_set_ cleanup(cleanup_model_set_free)

/* All fail the test when memory is short. The file is called "NAME.yaml"; every thing stands on a line of its own. */
struct model_set *build_set(const char *name);
struct model_network *build_network(struct model_set *set, const char *name, const char *subnet); /* NULL: not given */
/* Pointers to earlier ports of @network are stale afterwards. @address and @mac may be NULL. */
struct model_port *build_port(struct model_set *set, struct model_network *network, const char *name,
                              const char *address, const char *mac);
struct model_device *build_device(struct model_set *set, const char *name, enum model_device_kind kind,
                                  const char *address);
void build_many_ports(struct model_set *set, struct model_network *network, const char *format, unsigned count);

struct ip_address build_address(const char *text);
struct ip_prefix build_prefix(const char *text);
struct mac build_mac(const char *text);

/* A PRNG whose seed is the test's: xorshift64*. */
struct random {
    uint64_t state;
};
uint32_t random_below(struct random *random, uint32_t limit);
bool random_chance(struct random *random, uint32_t percent);
/* A DNS label; short ones collide often, long ones fill their field. */
void random_name(struct random *random, char ret[MODEL_NAME_MAX]);
void random_ifname(struct random *random, char ret[MODEL_IFNAME_MAX]);
struct mac random_mac(struct random *random);
/* A name as any program with the rights may have given it: each byte but "/", ":" and blanks. */
void random_found_name(struct random *random, char ret[MODEL_IFNAME_MAX]);
/* Its label is the arena's. */
struct guard_element random_element(struct random *random, struct arena *arena);
struct ip_address random_address(struct random *random);
/* An accept in one of a few chains. */
struct guard_passage random_passage(struct random *random);
void random_dhcp(struct random *random, struct arena *arena, struct model_dhcp *ret);
/* A network with every field filled at random, valid for the service. */
void random_network(struct random *random, struct arena *arena, struct model_network *ret);

/* An interface's name as somebody else may have chosen it, without a NUL behind the last byte of a full one. */
void random_found_name(struct random *random, char ret[MODEL_IFNAME_MAX]);
/* An element of any set. */
struct guard_element random_element(struct random *random, struct arena *arena);

#endif
