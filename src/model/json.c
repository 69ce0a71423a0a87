/* SPDX-License-Identifier: MIT */
/* JSON written with one check at the end, and read with strict types, ranges and lengths. */
#include "model/json.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "model/model.h"

#define JSON_PATH_MAX 4096 /* PATH_MAX */

/* ---- writing ---- */

void json_put(json_t **json, const char *key, json_t *value)
{
    if (!*json) {
        json_decref(value);
    } else if (json_object_set_new(*json, key, value) < 0) { /* it takes the reference, and refuses NULL */
        json_decref(*json);
        *json = NULL;
    }
}

void json_append(json_t **json, json_t *value)
{
    if (!*json) {
        json_decref(value);
    } else if (json_array_append_new(*json, value) < 0) {
        json_decref(*json);
        *json = NULL;
    }
}

void json_put_text(json_t **json, const char *key, const char *text)
{
    if (text && text[0])
        json_put(json, key, json_string(text));
}

void json_put_flag(json_t **json, const char *key, bool flag)
{
    if (flag)
        json_put(json, key, json_true());
}

/* Up to @size bytes of @bytes into @ret, which has room for two for each. Returns how many it has become. */
static size_t widen(const char *bytes, size_t size, char *ret)
{
    size_t len = 0;

    for (size_t i = 0; i < size && bytes[i]; i++) {
        uint8_t byte = (uint8_t)bytes[i];

        if (byte >= 0x80) /* UTF-8 of a character below U+0100 */
            ret[len++] = (char)(0xc0 | byte >> 6);
        ret[len++] = (char)(byte >= 0x80 ? 0x80 | (byte & 0x3f) : byte);
    }
    return len;
}

/* The way back, of at most @size bytes. Returns how many there are, -EINVAL for anything that widen() does not make. */
static ssize_t narrow(const char *text, char *ret, size_t size)
{
    size_t len = 0;

    for (; *text && len < size; text++) {
        uint8_t byte = (uint8_t)*text;

        if (byte >= 0x80) { /* jansson has seen to it that this is UTF-8: one more byte follows at least */
            if (byte != 0xc2 && byte != 0xc3)
                return -EINVAL;
            byte = (uint8_t)(byte << 6 | (*++text & 0x3f));
        }
        ret[len++] = (char)byte;
    }
    return *text ? -EINVAL : (ssize_t)len;
}

json_t *json_ifname(const char *name, size_t size)
{
    char text[2 * MODEL_IFNAME_MAX];

    return json_stringn(text, widen(name, size < MODEL_IFNAME_MAX ? size : MODEL_IFNAME_MAX, text));
}

json_t *json_path(const char *path)
{
    char text[2 * JSON_PATH_MAX];

    return json_stringn(text, widen(path, JSON_PATH_MAX, text));
}

void json_put_id(json_t **json, const char *key, uint32_t id)
{
    if (id != MODEL_ID_NONE)
        json_put(json, key, json_integer(id));
}

void json_put_mac(json_t **json, const char *key, const struct mac *mac)
{
    char text[MAC_TEXT_MAX];

    if (!mac_is_zero(mac))
        json_put(json, key, json_string(mac_print(mac, text)));
}

void json_put_address(json_t **json, const char *key, const struct ip_address *address)
{
    char text[IP_TEXT_MAX];

    if (address->family)
        json_put(json, key, json_string(ip_address_print(address, text)));
}

void json_put_prefix(json_t **json, const char *key, const struct ip_prefix *prefix)
{
    char text[IP_PREFIX_TEXT_MAX];

    if (prefix->address.family)
        json_put(json, key, json_string(ip_prefix_print(prefix, text)));
}

/* ---- reading ---- */

void json_read_begin(struct json_reader *reader, const json_t *json, const char *what, struct arena *arena,
                     struct tapnet_error *error)
{
    *reader = (struct json_reader){.json = json, .what = what, .error = error, .arena = arena};
    if (!json_is_object(json))
        reader->code = error_set(error, -EINVAL, "%s must be a JSON object", what);
}

int json_read_end(struct json_reader *reader)
{
    if (reader->code == 0 && json_object_size(reader->json) != reader->taken)
        reader->code = error_set(reader->error, -EINVAL, "%s has a key that this version does not know", reader->what);
    return reader->code;
}

void json_read_wrong(struct json_reader *reader, const char *key, const char *expected)
{
    if (reader->code == 0)
        reader->code = error_set(reader->error, -EINVAL, "%s: \"%s\" must be %s", reader->what, key, expected);
}

const json_t *json_read(struct json_reader *reader, const char *key, enum json_need need)
{
    const json_t *value;

    if (reader->code < 0)
        return NULL;
    value = json_object_get(reader->json, key);
    if (value)
        reader->taken++;
    else if (need == JSON_REQUIRED)
        reader->code = error_set(reader->error, -EINVAL, "%s has no \"%s\"", reader->what, key);
    return value;
}

bool json_text_printable(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

const char *json_text_of(const json_t *value, size_t max)
{
    const char *text = json_string_value(value); /* NULL unless it is a string */

    if (!text || json_string_length(value) > max || strlen(text) != json_string_length(value))
        return NULL;
    return text;
}

void json_read_text(struct json_reader *reader, const char *key, enum json_need need, json_text_check *check,
                    const char *expected, char *ret, size_t size)
{
    const json_t *value = json_read(reader, key, need);
    const char *text = json_text_of(value, size - 1);

    if (!value)
        return;
    if (!text || !(check ? check : json_text_printable)(text))
        json_read_wrong(reader, key, expected);
    else
        memcpy(ret, text, strlen(text) + 1);
}

void json_read_string(struct json_reader *reader, const char *key, enum json_need need, size_t max, const char **ret)
{
    const json_t *value = json_read(reader, key, need);
    const char *text = json_text_of(value, max);
    const char *copy;

    if (!value)
        return;
    if (!text || !json_text_printable(text)) {
        json_read_wrong(reader, key, "printable text of no more than its length allows");
        return;
    }
    copy = arena_strdup(reader->arena, text);
    if (copy)
        *ret = copy;
    else
        reader->code = error_set(reader->error, -ENOMEM, "out of memory");
}

void json_read_name(struct json_reader *reader, const char *key, enum json_need need, char *ret)
{
    json_read_text(reader, key, need, model_name_valid, "a name (a-z, 0-9 and -)", ret, MODEL_NAME_MAX);
}

void json_read_ifname(struct json_reader *reader, const char *key, enum json_need need, char *ret)
{
    json_read_text(reader, key, need, model_ifname_valid, "an interface name", ret, MODEL_IFNAME_MAX);
}

void json_read_found_ifname(struct json_reader *reader, const char *key, const json_t *value, char *ret, size_t size)
{
    const char *text = json_text_of(value, 2 * size);

    if (reader->code < 0)
        return;
    if (!text || strchr(text, '/') || narrow(text, ret, size) <= 0)
        json_read_wrong(reader, key, "an interface name");
}

void json_read_path(struct json_reader *reader, const char *key, enum json_need need, const char **ret)
{
    const json_t *value = json_read(reader, key, need);
    const char *text = json_text_of(value, 2 * JSON_PATH_MAX);
    char path[JSON_PATH_MAX];
    ssize_t len;

    if (!value)
        return;
    len = text && text[0] == '/' ? narrow(text, path, sizeof(path) - 1) : -EINVAL;
    if (len < 0) {
        json_read_wrong(reader, key, "an absolute path");
        return;
    }
    path[len] = '\0';
    text = arena_strdup(reader->arena, path);
    if (text)
        *ret = text;
    else
        reader->code = error_set(reader->error, -ENOMEM, "out of memory");
}

void json_read_number(struct json_reader *reader, const char *key, enum json_need need, uint32_t max, uint32_t *ret)
{
    const json_t *value = json_read(reader, key, need);
    json_int_t number = json_integer_value(value);

    if (!value)
        return;
    if (!json_is_integer(value) || number < 0 || number > (json_int_t)max)
        json_read_wrong(reader, key, "a whole number in its range");
    else
        *ret = (uint32_t)number;
}

void json_read_id(struct json_reader *reader, const char *key, uint32_t *ret)
{
    *ret = MODEL_ID_NONE;
    json_read_number(reader, key, JSON_OPTIONAL, MODEL_ID_NONE - 1, ret);
}

void json_read_bool(struct json_reader *reader, const char *key, bool *ret)
{
    const json_t *value = json_read(reader, key, JSON_REQUIRED);

    if (!value)
        return;
    if (!json_is_boolean(value))
        json_read_wrong(reader, key, "true or false");
    else
        *ret = json_is_true(value);
}

void json_read_flag(struct json_reader *reader, const char *key, bool *ret)
{
    const json_t *value = json_read(reader, key, JSON_OPTIONAL);

    if (value && !json_is_true(value))
        json_read_wrong(reader, key, "true, or left out");
    else
        *ret = value != NULL;
}

void json_read_mac(struct json_reader *reader, const char *key, enum json_need need, struct mac *ret)
{
    const json_t *value = json_read(reader, key, need);
    const char *text = json_text_of(value, MAC_TEXT_MAX - 1);

    if (value && (!text || mac_parse(text, ret) < 0))
        json_read_wrong(reader, key, "a MAC address");
}

void json_read_address(struct json_reader *reader, const char *key, enum json_need need, struct ip_address *ret)
{
    const json_t *value = json_read(reader, key, need);
    const char *text = json_text_of(value, IP_TEXT_MAX - 1);

    if (value && (!text || ip_address_parse(text, ret) < 0))
        json_read_wrong(reader, key, "an IP address");
}

void json_read_prefix(struct json_reader *reader, const char *key, enum json_need need, struct ip_prefix *ret)
{
    const json_t *value = json_read(reader, key, need);
    const char *text = json_text_of(value, IP_PREFIX_TEXT_MAX - 1);

    if (value && (!text || ip_prefix_parse(text, -1, ret) < 0))
        json_read_wrong(reader, key, "an IP address with the length of its prefix");
}
