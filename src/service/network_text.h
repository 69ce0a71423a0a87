/* SPDX-License-Identifier: MIT */
/* Reads a network's JSON text a few ports at a time, so that many ports don't take much memory on the way. */
#ifndef SERVICE_NETWORK_TEXT_H
#define SERVICE_NETWORK_TEXT_H

#include <stddef.h>

#include "base/error.h"
#include "model/model.h"

/*
 * Takes what model_network_to_json() writes, @length bytes at @bytes, and checks what the service relies on: a name, an
 * IPv4 subnet. *ret is @arena's. 0, -EINVAL, -ENOMEM; @arena may have grown in any case.
 */
int network_text_parse(const char *bytes, size_t length, struct arena *arena, struct model_network **ret,
                       struct tapnet_error *error);

#endif
