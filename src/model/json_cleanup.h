/* SPDX-License-Identifier: MIT */
/* The cleanup attribute of a JSON value: jansson's own, json_auto_t, clashes with the macro of base/cleanup.h. */
#ifndef MODEL_JSON_CLEANUP_H
#define MODEL_JSON_CLEANUP_H

#include <jansson.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(json_t *, json_decref)
#define _cleanup_json_ cleanup(cleanup_json_decref)

#endif
