/* SPDX-License-Identifier: MIT */
/* The record of a set as JSON: what stands in /run so that a device that is gone is missed. See docs/design/json.md. */
#include "model/object.h"

#include <errno.h>
#include <string.h>

#include "model/json.h"

#define DEVICES_MAX 65536 /* more than a host can have */

static const char *const kind_words[] = {
    [MODEL_DEVICE_TAP] = "tap",
    [MODEL_DEVICE_TUN] = "tun",
};

/* ---- writing ---- */

static json_t *prefixes_to_json(const struct ip_prefix *prefixes, size_t count)
{
    json_t *array = json_array();
    char text[IP_PREFIX_TEXT_MAX];

    for (size_t i = 0; i < count; i++)
        json_append(&array, json_string(ip_prefix_print(&prefixes[i], text)));
    return array;
}

static json_t *device_to_json(const struct model_device *device)
{
    json_t *json = json_object();

    json_put(&json, "name", json_string(device->name));
    json_put(&json, "type", json_string(kind_words[device->kind]));
    json_put(&json, "addresses", prefixes_to_json(device->addresses, device->address_count));
    json_put_id(&json, "user", device->user);
    json_put_id(&json, "group", device->group);
    json_put(&json, "mtu", json_integer(device->mtu));
    json_put_mac(&json, "mac", &device->mac);
    json_put(&json, "multi_queue", json_boolean(device->multi_queue));
    json_put_flag(&json, "down", !device->up);
    json_put_some(&json, "queue_length", device->queue_length);
    json_put_some(&json, "link_type", device->link_type);
    json_put_settings(&json, &device->settings);
    return json;
}

void model_record_to_json(struct json_t **json, const struct model_record *record)
{
    json_t *devices = json_array();

    for (size_t i = 0; i < record->device_count; i++)
        json_append(&devices, device_to_json(&record->devices[i]));
    json_put(json, "set", json_string(record->set));
    if (record->path[0])
        json_put(json, "path", json_path(record->path));
    json_put(json, "devices", devices);
}

/* ---- reading ---- */

static void read_addresses(struct json_reader *reader, struct model_device *device)
{
    const json_t *array = json_read(reader, "addresses", JSON_REQUIRED);

    if (reader->code < 0)
        return;
    if (!json_is_array(array) || json_array_size(array) > MODEL_LIST_MAX) {
        json_read_wrong(reader, "addresses", "a list of no more entries than it may have");
        return;
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_text_of(json_array_get(array, i), IP_PREFIX_TEXT_MAX - 1);

        if (!text || ip_prefix_parse(text, -1, &device->addresses[i]) < 0)
            json_read_wrong(reader, "addresses", "a list of IP addresses with the length of their prefix");
    }
    device->address_count = json_array_size(array);
}

static void read_kind(struct json_reader *reader, enum model_device_kind *ret)
{
    char word[MODEL_NAME_MAX] = "";

    json_read_text(reader, "type", JSON_REQUIRED, NULL, "tap or tun", word, sizeof(word));
    if (strcmp(word, "tun") == 0)
        *ret = MODEL_DEVICE_TUN;
    else if (strcmp(word, "tap") != 0)
        json_read_wrong(reader, "type", "tap or tun");
}

static int device_from_json(const json_t *json, struct arena *arena, struct model_device *ret,
                            struct tapnet_error *error)
{
    struct json_reader reader;
    bool down = false;

    json_read_begin(&reader, json, "device", arena, error);
    json_read_ifname(&reader, "name", JSON_REQUIRED, ret->name);
    read_kind(&reader, &ret->kind);
    read_addresses(&reader, ret);
    json_read_id(&reader, "user", &ret->user);
    json_read_id(&reader, "group", &ret->group);
    json_read_number(&reader, "mtu", JSON_REQUIRED, MODEL_MTU_MAX, &ret->mtu);
    json_read_mac(&reader, "mac", JSON_OPTIONAL, &ret->mac);
    json_read_bool(&reader, "multi_queue", &ret->multi_queue);
    json_read_flag(&reader, "down", &down);
    ret->up = !down;
    json_read_number(&reader, "queue_length", JSON_OPTIONAL, UINT32_MAX, &ret->queue_length);
    json_read_number(&reader, "link_type", JSON_OPTIONAL, UINT16_MAX, &ret->link_type);
    json_read_settings(&reader, &ret->settings);
    return json_read_end(&reader);
}

static void read_devices(struct json_reader *reader, struct model_record *ret)
{
    const json_t *array = json_read(reader, "devices", JSON_REQUIRED);
    struct model_device *devices;

    if (reader->code < 0)
        return;
    if (!json_is_array(array) || json_array_size(array) > DEVICES_MAX) {
        json_read_wrong(reader, "devices", "a list of no more entries than it may have");
        return;
    }
    devices = arena_alloc(reader->arena, json_array_size(array) * sizeof(*devices));
    if (!devices) {
        reader->code = error_set(reader->error, -ENOMEM, "out of memory");
        return;
    }
    for (size_t i = 0; i < json_array_size(array) && reader->code == 0; i++)
        reader->code = device_from_json(json_array_get(array, i), reader->arena, &devices[i], reader->error);
    ret->devices = devices;
    ret->device_count = json_array_size(array);
}

void model_record_from_json(struct json_reader *reader, struct model_record *ret)
{
    char set[MODEL_NAME_MAX] = "";

    *ret = (struct model_record){.set = "", .path = ""};
    json_read_name(reader, "set", JSON_REQUIRED, set);
    json_read_path(reader, "path", JSON_OPTIONAL, &ret->path);
    read_devices(reader, ret);
    if (reader->code < 0)
        return;
    ret->set = arena_strdup(reader->arena, set);
    if (!ret->set)
        reader->code = error_set(reader->error, -ENOMEM, "out of memory");
}

/* ---- equality ---- */

static bool device_equal(const struct model_device *a, const struct model_device *b)
{
    if (strcmp(a->name, b->name) != 0 || a->kind != b->kind || a->address_count != b->address_count)
        return false;
    for (size_t i = 0; i < a->address_count; i++)
        if (ip_prefix_compare(&a->addresses[i], &b->addresses[i]) != 0)
            return false;
    return a->user == b->user && a->group == b->group && a->mtu == b->mtu && mac_equal(&a->mac, &b->mac) &&
           a->multi_queue == b->multi_queue && a->up == b->up && a->queue_length == b->queue_length &&
           a->link_type == b->link_type && a->settings.offloads_given == b->settings.offloads_given &&
           a->settings.offloads == b->settings.offloads && a->settings.vnet_header_size == b->settings.vnet_header_size;
}

bool model_record_equal(const struct model_record *a, const struct model_record *b)
{
    if (strcmp(a->set, b->set) != 0 || strcmp(a->path, b->path) != 0 || a->device_count != b->device_count)
        return false;
    for (size_t i = 0; i < a->device_count; i++)
        if (!device_equal(&a->devices[i], &b->devices[i]))
            return false;
    return true;
}
