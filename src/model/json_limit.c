/* SPDX-License-Identifier: MIT */
/* Limits as JSON: a port's, and those of elements that are buckets. See json.md. */
#include "guard/guard.h"
#include "model/json.h"
#include "model/json_keys.h"
#include "model/model.h"

void json_put_rate(json_t **json, const char *key, uint64_t rate)
{
    if (rate)
        json_put(json, key, json_integer((json_int_t)(rate > JSON_RATE_MAX ? JSON_RATE_MAX : rate)));
}

void json_read_rate(struct json_reader *reader, const char *key, uint64_t *ret)
{
    const json_t *value = json_read(reader, key, JSON_OPTIONAL);
    json_int_t number = json_integer_value(value);

    if (!value)
        return;
    if (!json_is_integer(value) || number < 0 || (uint64_t)number > JSON_RATE_MAX)
        json_read_wrong(reader, key, "a number of what may pass in a second");
    else
        *ret = (uint64_t)number;
}

void json_put_limit_of(json_t **json, const struct guard_element *element)
{
    json_put_rate(json, "limit", guard_rate(element));
    json_put_some(json, "burst", guard_burst(element));
}

void json_read_limit_of(struct json_reader *reader, struct guard_element *ret)
{
    uint64_t rate = 0;
    uint32_t burst = 0;

    json_read_rate(reader, "limit", &rate);
    json_read_number(reader, "burst", JSON_OPTIONAL, UINT32_MAX, &burst);
    guard_set_limit(ret, rate, burst);
}

void json_put_limit(json_t **json, const struct model_limit *limit)
{
    json_t *inner = json_object();
    const struct json_keys keys = json_tree_keys(&inner);

    json_limit_keys(limit, &keys);
    json_put(json, "limit", inner);
}

void json_read_limit(struct json_reader *outer, struct model_limit *ret)
{
    const json_t *json = json_read(outer, "limit", JSON_OPTIONAL);
    struct json_reader reader;

    if (!json)
        return;
    json_read_begin(&reader, json, "limit", outer->arena, outer->error);
    json_read_rate(&reader, "send", &ret->send);
    json_read_rate(&reader, "receive", &ret->receive);
    json_read_number(&reader, "burst", JSON_OPTIONAL, UINT32_MAX, &ret->burst);
    json_read_number(&reader, "connections", JSON_OPTIONAL, UINT32_MAX, &ret->connections);
    json_read_number(&reader, "broadcast", JSON_OPTIONAL, UINT32_MAX, &ret->broadcast);
    ret->broadcast_given = true;
    outer->code = json_read_end(&reader);
}
