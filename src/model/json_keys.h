/* SPDX-License-Identifier: MIT */
/* Inside model/: what a port and its limits say of themselves, key by key, to who makes a tree of it or a line. */
#ifndef MODEL_JSON_KEYS_H
#define MODEL_JSON_KEYS_H

#include <jansson.h>
#include <stdint.h>

#include "model/model.h"

/* Who is told, with @to as the first argument. What a port has not, it does not say. */
struct json_keys {
    void (*text)(void *to, const char *key, const char *text);
    void (*flag)(void *to, const char *key);                    /* true */
    void (*number)(void *to, const char *key, uint64_t number); /* up to JSON_RATE_MAX */
    void (*limit)(void *to, const struct model_limit *limit);   /* an object at "limit", of json_limit_keys() */
    void *to;
};

/* All but DHCP options and forwards, which are lists. */
void json_port_keys(const struct model_port *port, const struct json_keys *keys);
void json_limit_keys(const struct model_limit *limit, const struct json_keys *keys);

/* The one that puts them into a tree, as json_put() does. */
struct json_keys json_tree_keys(json_t **json);

#endif
