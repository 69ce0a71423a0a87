/* SPDX-License-Identifier: MIT */
/* A link of the host's that becomes a port of a bridge, and what it carries: moved, compared, as JSON. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "model/json.h"
#include "model/object.h"

#define ITEM_BYTES_MAX 8192
#define ITEMS_MAX 65536

static bool words_equal(const struct model_item *a, const struct model_item *b)
{
    return a->kind == b->kind && a->key_len == b->key_len && memcmp(a->bytes, b->bytes, a->key_len) == 0;
}

bool model_item_equal(const struct model_item *a, const struct model_item *b)
{
    return strcmp(a->device, b->device) == 0 && words_equal(a, b);
}

bool model_uplink_has(const struct model_uplink *uplink, const struct model_item *item)
{
    for (size_t i = 0; i < uplink->item_count; i++)
        if (model_item_equal(&uplink->items[i], item))
            return true;
    return false;
}

/* Has @b all that @a has and that is compared? */
static bool covers(const struct model_uplink *a, const struct model_uplink *b)
{
    for (size_t i = 0; i < a->item_count; i++)
        if (!a->items[i].learnt && !model_uplink_has(b, &a->items[i]))
            return false;
    return true;
}

bool model_uplink_equal(const struct model_uplink *a, const struct model_uplink *b)
{
    return strcmp(a->bridge, b->bridge) == 0 && covers(a, b) && covers(b, a);
}

size_t model_uplink_count(const struct model_uplink *uplink, enum model_item_kind kind, const char *device)
{
    size_t count = 0;

    for (size_t i = 0; i < uplink->item_count; i++)
        count += uplink->items[i].kind == kind && strcmp(uplink->items[i].device, device) == 0;
    return count;
}

int model_uplink_move(const struct model_uplink *found, const char *bridge, struct arena *arena,
                      struct model_uplink *ret)
{
    struct model_item *items = arena_alloc(arena, (found->item_count + 1) * sizeof(*items));
    size_t count = 0;

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < found->item_count; i++) {
        size_t same = 0;

        while (same < count && !words_equal(&items[same], &found->items[i]))
            same++;
        if (same < count) /* on both: it was on its way when tapnet was killed */
            continue;
        items[count] = found->items[i];
        snprintf(items[count++].device, sizeof(items->device), "%s", bridge[0] ? bridge : found->name);
    }
    *ret = (struct model_uplink){.items = items, .item_count = count};
    memcpy(ret->name, found->name, sizeof(ret->name));
    snprintf(ret->bridge, sizeof(ret->bridge), "%s", bridge);
    return 0;
}

/* ---- JSON ---- */

static const char *const kind_words[] = {
    [MODEL_ITEM_ADDRESS] = "address",
    [MODEL_ITEM_ROUTE] = "route",
    [MODEL_ITEM_NEIGHBOUR] = "neighbour",
};

static json_t *bytes_to_json(const uint8_t *bytes, size_t len)
{
    char text[2 * ITEM_BYTES_MAX + 1];

    for (size_t i = 0; i < len && i < ITEM_BYTES_MAX; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    text[2 * len] = '\0';
    return json_string(text);
}

static json_t *item_to_json(const struct model_item *item)
{
    json_t *json = json_object();

    json_put(&json, "type", json_string(kind_words[item->kind]));
    json_put(&json, "device", json_ifname(item->device, sizeof(item->device)));
    json_put_flag(&json, "learnt", item->learnt);
    json_put(&json, "message", bytes_to_json(item->bytes, item->len));
    if (item->key_len != item->len)
        json_put(&json, "key", json_integer((json_int_t)item->key_len));
    if (item->valid != UINT32_MAX)
        json_put(&json, "valid", json_integer(item->valid));
    if (item->preferred != UINT32_MAX)
        json_put(&json, "preferred", json_integer(item->preferred));
    return json;
}

void model_uplink_to_json(struct json_t **json, const struct model_uplink *uplink)
{
    json_t *items = json_array();

    for (size_t i = 0; i < uplink->item_count; i++)
        json_append(&items, item_to_json(&uplink->items[i]));
    json_put(json, "name", json_ifname(uplink->name, sizeof(uplink->name)));
    if (uplink->bridge[0])
        json_put(json, "bridge", json_ifname(uplink->bridge, sizeof(uplink->bridge)));
    json_put(json, "items", items);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_bytes(struct json_reader *reader, struct model_item *ret)
{
    const char *text = NULL;
    uint8_t *bytes;
    size_t len;

    json_read_string(reader, "message", JSON_REQUIRED, 2 * ITEM_BYTES_MAX, &text);
    if (reader->code < 0)
        return;
    len = strlen(text) / 2;
    bytes = arena_alloc(reader->arena, len + 1);
    if (!bytes) {
        reader->code = error_set(reader->error, -ENOMEM, "out of memory");
        return;
    }
    for (size_t i = 0; i < len; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            json_read_wrong(reader, "message", "bytes as hexadecimal digits");
            return;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    ret->bytes = bytes;
    ret->len = len;
}

/* Without one, all of the bytes are compared. */
static void read_key(struct json_reader *reader, struct model_item *ret)
{
    uint32_t len = (uint32_t)ret->len;

    json_read_number(reader, "key", JSON_OPTIONAL, len, &len);
    ret->key_len = len;
}

static void read_kind(struct json_reader *reader, enum model_item_kind *ret)
{
    char word[MODEL_NAME_MAX] = "";

    json_read_text(reader, "type", JSON_REQUIRED, NULL, "address, route or neighbour", word, sizeof(word));
    for (size_t i = 0; i < ARRAY_COUNT(kind_words); i++)
        if (strcmp(word, kind_words[i]) == 0) {
            *ret = (enum model_item_kind)i;
            return;
        }
    json_read_wrong(reader, "type", "address, route or neighbour");
}

/* An interface name with its NUL. */
static void read_device(struct json_reader *reader, const char *key, enum json_need need, char *ret)
{
    const json_t *value = json_read(reader, key, need);

    if (value)
        json_read_found_ifname(reader, key, value, ret, MODEL_IFNAME_MAX - 1);
}

static int item_from_json(const json_t *json, struct arena *arena, struct model_item *ret, struct tapnet_error *error)
{
    struct json_reader reader;

    *ret = (struct model_item){.valid = UINT32_MAX, .preferred = UINT32_MAX};
    json_read_begin(&reader, json, "item", arena, error);
    read_kind(&reader, &ret->kind);
    read_device(&reader, "device", JSON_REQUIRED, ret->device);
    json_read_flag(&reader, "learnt", &ret->learnt);
    read_bytes(&reader, ret);
    read_key(&reader, ret);
    json_read_number(&reader, "valid", JSON_OPTIONAL, UINT32_MAX, &ret->valid);
    json_read_number(&reader, "preferred", JSON_OPTIONAL, UINT32_MAX, &ret->preferred);
    return json_read_end(&reader);
}

void model_uplink_from_json(struct json_reader *reader, struct model_uplink *ret)
{
    const json_t *array;
    struct model_item *items;

    *ret = (struct model_uplink){.item_count = 0};
    read_device(reader, "name", JSON_REQUIRED, ret->name);
    read_device(reader, "bridge", JSON_OPTIONAL, ret->bridge);
    array = json_read(reader, "items", JSON_REQUIRED);
    if (reader->code < 0)
        return;
    if (!json_is_array(array) || json_array_size(array) > ITEMS_MAX) {
        json_read_wrong(reader, "items", "a list of no more entries than it may have");
        return;
    }
    items = arena_alloc(reader->arena, (json_array_size(array) + 1) * sizeof(*items));
    if (!items) {
        reader->code = error_set(reader->error, -ENOMEM, "out of memory");
        return;
    }
    for (size_t i = 0; i < json_array_size(array) && reader->code == 0; i++)
        reader->code = item_from_json(json_array_get(array, i), reader->arena, &items[i], reader->error);
    ret->items = items;
    ret->item_count = json_array_size(array);
}
