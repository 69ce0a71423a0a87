/* SPDX-License-Identifier: MIT */
/* Inside model/: JSON written with one check at the end, and read with strict types, ranges and lengths. */
#ifndef MODEL_JSON_H
#define MODEL_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"

/* ---- writing ---- */

/* Puts @value (its reference is taken; NULL: out of memory) at @key. On failure *json becomes NULL and stays so. */
void json_put(json_t **json, const char *key, json_t *value);
/* The same at the end of an array. */
void json_append(json_t **json, json_t *value);
/* Puts @text unless it is NULL or "". */
void json_put_text(json_t **json, const char *key, const char *text);
/* Puts true when it is set. */
void json_put_flag(json_t **json, const char *key, bool flag);
/*
 * An interface name, at most @size bytes of it. The kernel takes nearly any byte: those above 127 stand as the
 * characters U+0080 to U+00FF.
 */
json_t *json_ifname(const char *name, size_t size);
/* A file's path, with its bytes above 127 in the same way. */
json_t *json_path(const char *path);
void json_put_id(json_t **json, const char *key, uint32_t id); /* of a user or a group, unless it is MODEL_ID_NONE */
void json_put_some(json_t **json, const char *key, uint32_t number);                     /* unless it is 0 */
void json_put_mac(json_t **json, const char *key, const struct mac *mac);                /* unless it is zero */
void json_put_address(json_t **json, const char *key, const struct ip_address *address); /* unless there is none */
void json_put_prefix(json_t **json, const char *key, const struct ip_prefix *prefix);    /* unless there is none */

/* ---- reading ---- */

/*
 * How it works: a reader takes the keys of one JSON object one by one; the first mistake sticks in @code and @error and
 * later takes do nothing. json_read_end() then finds keys that nobody took.
 */
struct json_reader {
    const json_t *json;
    const char *what; /* "port", for messages */
    size_t taken;
    int code; /* 0, -EINVAL or -ENOMEM */
    struct tapnet_error *error;
    struct arena *arena;
};

enum json_need {
    JSON_REQUIRED,
    JSON_OPTIONAL, /* *ret keeps its value when the key is not there */
};

typedef bool json_text_check(const char *text);

void json_read_begin(struct json_reader *reader, const json_t *json, const char *what, struct arena *arena,
                     struct tapnet_error *error);
/* 0, or the code of the first mistake; a key that was not taken is one. */
int json_read_end(struct json_reader *reader);
/* Marks @key as wrong: "port: "mac" must be <expected>". */
void json_read_wrong(struct json_reader *reader, const char *key, const char *expected);

/* The value of @key, or NULL: not there, or something was wrong before. */
const json_t *json_read(struct json_reader *reader, const char *key, enum json_need need);
/* Text of less than @size bytes that passes @check (NULL: any printable ASCII). */
void json_read_text(struct json_reader *reader, const char *key, enum json_need need, json_text_check *check,
                    const char *expected, char *ret, size_t size);
/* The same, of at most @max bytes, into the arena. */
void json_read_string(struct json_reader *reader, const char *key, enum json_need need, size_t max, const char **ret);
void json_read_name(struct json_reader *reader, const char *key, enum json_need need, char *ret); /* a DNS label */
/* An interface name of ours. */
void json_read_ifname(struct json_reader *reader, const char *key, enum json_need need, char *ret);
/* An interface name that somebody else may have chosen: up to @size bytes go to @ret, without a NUL behind the last. */
void json_read_found_ifname(struct json_reader *reader, const char *key, const json_t *value, char *ret, size_t size);
/* An absolute path into the arena. */
void json_read_path(struct json_reader *reader, const char *key, enum json_need need, const char **ret);
void json_read_number(struct json_reader *reader, const char *key, enum json_need need, uint32_t max, uint32_t *ret);
/* A user's or group's id; MODEL_ID_NONE when it is not there. */
void json_read_id(struct json_reader *reader, const char *key, uint32_t *ret);
void json_read_bool(struct json_reader *reader, const char *key, bool *ret);
/* True when it is there. */
void json_read_flag(struct json_reader *reader, const char *key, bool *ret);
void json_read_mac(struct json_reader *reader, const char *key, enum json_need need, struct mac *ret);
void json_read_address(struct json_reader *reader, const char *key, enum json_need need, struct ip_address *ret);
void json_read_prefix(struct json_reader *reader, const char *key, enum json_need need, struct ip_prefix *ret);
/* What of struct model_settings is not the driver's own: a key each. Written and read the same way. */
struct model_settings;
void json_put_settings(json_t **json, const struct model_settings *settings);
void json_read_settings(struct json_reader *reader, struct model_settings *ret);
/* A number of up to 2^53 or so, as JSON's are exact; 0 is left out. */
#define JSON_RATE_MAX UINT64_C(0x1fffffffffffff)
void json_put_rate(json_t **json, const char *key, uint64_t rate);
void json_read_rate(struct json_reader *reader, const char *key, uint64_t *ret);
/* What an element of a set of limits lets pass: "limit" and "burst". */
struct guard_element;
void json_put_limit_of(json_t **json, const struct guard_element *element);
void json_read_limit_of(struct json_reader *reader, struct guard_element *ret);
/* A port's limits, at "limit". */
struct model_limit;
void json_put_limit(json_t **json, const struct model_limit *limit);
void json_read_limit(struct json_reader *outer, struct model_limit *ret);
/* The text of @value, at most @max bytes of it and no NUL among them; NULL when it is anything else. */
const char *json_text_of(const json_t *value, size_t max);
/* Is @text printable ASCII and not empty? */
bool json_text_printable(const char *text);

#endif
