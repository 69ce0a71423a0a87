/* SPDX-License-Identifier: MIT */
/* Objects of every kind, at random. */
#ifndef RANDOM_OBJECT_H
#define RANDOM_OBJECT_H

#include "build.h"

/* What it points to is @arena's. */
struct model_object random_object(struct random *random, struct arena *arena);

#endif
