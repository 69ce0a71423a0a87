/* SPDX-License-Identifier: MIT */
/* Inside guard/: where the fields of an element stand. */
#ifndef GUARD_FIELD_H
#define GUARD_FIELD_H

#include "guard/guard.h"

/* Where field @index starts in the key of @set. */
size_t guard_key_offset(enum guard_set set, int index);
/* The bytes of field @index of the key, or of the data for -1. A range's are those of where it begins. */
const uint8_t *guard_field_bytes(const struct guard_element *element, int index);
enum guard_field guard_field_type(const struct guard_element *element, int index);

#endif
