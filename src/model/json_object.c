/* SPDX-License-Identifier: MIT */
/* An object as JSON: what the journal and `plan --json` hold. See docs/design/json.md. */
#include "model/object.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "model/json.h"

static const char *const kind_words[] = {
    [MODEL_OBJECT_TABLE] = "table",     [MODEL_OBJECT_ELEMENT] = "element",     [MODEL_OBJECT_LINK] = "link",
    [MODEL_OBJECT_ADDRESS] = "address", [MODEL_OBJECT_SYSCTL] = "sysctl",       [MODEL_OBJECT_SERVICE] = "service",
    [MODEL_OBJECT_RECORD] = "record",   [MODEL_OBJECT_NEIGHBOUR] = "neighbour", [MODEL_OBJECT_UPLINK] = "uplink",
    [MODEL_OBJECT_PASSAGE] = "passage", [MODEL_OBJECT_ROUTE] = "route",
};

static const char *const link_words[] = {
    [MODEL_LINK_BRIDGE] = "bridge", [MODEL_LINK_TAP] = "tap",     [MODEL_LINK_TUN] = "tun",
    [MODEL_LINK_VETH] = "veth",     [MODEL_LINK_OTHER] = "other",
};

/* ---- elements: each field as its text ---- */

static json_t *field_to_json(enum guard_field field, const uint8_t *bytes)
{
    struct ip_address address = {.family = AF_INET};
    struct mac mac;
    uint32_t mark;
    char text[IP_TEXT_MAX];

    switch (field) {
    case GUARD_FIELD_IFNAME:
        return json_ifname((const char *)bytes, guard_field_len(field));
    case GUARD_FIELD_MAC:
        memcpy(mac.bytes, bytes, sizeof(mac.bytes));
        return json_string(mac_print(&mac, text));
    case GUARD_FIELD_IP4:
    case GUARD_FIELD_RAW_IP4:
        memcpy(address.bytes, bytes, 4);
        return json_string(ip_address_print(&address, text));
    case GUARD_FIELD_IP6:
    case GUARD_FIELD_RAW_IP6:
        address.family = AF_INET6;
        memcpy(address.bytes, bytes, guard_field_len(field));
        return json_string(ip_address_print(&address, text));
    case GUARD_FIELD_PROTOCOL:
    case GUARD_FIELD_FAMILY:
        return json_integer(bytes[0]);
    case GUARD_FIELD_PORT:
    case GUARD_FIELD_RAW_MIDDLE:
        return json_integer(bytes[0] << 8 | bytes[1]);
    case GUARD_FIELD_RAW_END:
        return json_integer(bytes[0] << 16 | bytes[1] << 8 | bytes[2]);
    case GUARD_FIELD_MARK:
        memcpy(&mark, bytes, sizeof(mark));
        return json_integer(mark);
    case GUARD_FIELD_IP4_PORT:
        memcpy(address.bytes, bytes, 4);
        return json_pack("[s, i]", ip_address_print(&address, text), bytes[4] << 8 | bytes[5]);
    case GUARD_FIELD_IP6_PORT:
        address = (struct ip_address){.family = AF_INET6};
        memcpy(address.bytes, bytes, sizeof(address.bytes));
        return json_pack("[s, i]", ip_address_print(&address, text), bytes[16] << 8 | bytes[17]);
    case GUARD_FIELD_TO:
        return json_string("to");
    case GUARD_FIELD_NONE:
        break;
    }
    return json_null();
}

static void field_from_json(struct json_reader *reader, const char *key, const json_t *value, enum guard_field field,
                            uint8_t *ret);

/* An address, which @field is, and a port. */
static void pair_from_json(struct json_reader *reader, const char *key, const json_t *value, enum guard_field field,
                           uint8_t *ret)
{
    if (!json_is_array(value) || json_array_size(value) != 2) {
        json_read_wrong(reader, key, "a list of an IP address and a port number where the set has them");
        return;
    }
    field_from_json(reader, key, json_array_get(value, 0), field, ret);
    field_from_json(reader, key, json_array_get(value, 1), GUARD_FIELD_PORT, ret + guard_field_room(field));
}

static void field_from_json(struct json_reader *reader, const char *key, const json_t *value, enum guard_field field,
                            uint8_t *ret)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    const char *text = json_text_of(value, IP_TEXT_MAX - 1);
    struct ip_address address;
    struct mac mac;
    uint32_t mark;

    switch (field) {
    case GUARD_FIELD_IFNAME:
        json_read_found_ifname(reader, key, value, (char *)ret, guard_field_len(field));
        return;
    case GUARD_FIELD_MAC:
        if (!text || mac_parse(text, &mac) < 0)
            json_read_wrong(reader, key, "of a MAC where the set has one");
        else
            memcpy(ret, mac.bytes, sizeof(mac.bytes));
        return;
    case GUARD_FIELD_IP4:
    case GUARD_FIELD_RAW_IP4:
        if (!text || ip_address_parse(text, &address) < 0 || address.family != AF_INET)
            json_read_wrong(reader, key, "of an IPv4 address where the set has one");
        else
            memcpy(ret, address.bytes, 4);
        return;
    case GUARD_FIELD_IP6:
    case GUARD_FIELD_RAW_IP6:
        if (!text || ip_address_parse(text, &address) < 0 || address.family != AF_INET6)
            json_read_wrong(reader, key, "of an IPv6 address where the set has one");
        else
            memcpy(ret, address.bytes, sizeof(address.bytes));
        return;
    case GUARD_FIELD_PROTOCOL:
    case GUARD_FIELD_FAMILY:
        if (number < 0 || number > UINT8_MAX)
            json_read_wrong(reader, key, "of a protocol number where the set has one");
        ret[0] = (uint8_t)number;
        return;
    case GUARD_FIELD_RAW_END:
        if (number < 0 || number > 0xffffff)
            json_read_wrong(reader, key, "of three bytes of a MAC where the set has them");
        ret[0] = (uint8_t)(number >> 16);
        ret[1] = (uint8_t)(number >> 8);
        ret[2] = (uint8_t)number;
        return;
    case GUARD_FIELD_PORT:
    case GUARD_FIELD_RAW_MIDDLE:
        if (number < 0 || number > UINT16_MAX)
            json_read_wrong(reader, key, "of a port number where the set has one");
        ret[0] = (uint8_t)(number >> 8);
        ret[1] = (uint8_t)number;
        return;
    case GUARD_FIELD_MARK:
        if (number < 0 || number > UINT32_MAX)
            json_read_wrong(reader, key, "of a network's number where the set has one");
        mark = (uint32_t)number;
        memcpy(ret, &mark, sizeof(mark));
        return;
    case GUARD_FIELD_IP4_PORT:
        pair_from_json(reader, key, value, GUARD_FIELD_IP4, ret);
        return;
    case GUARD_FIELD_IP6_PORT:
        pair_from_json(reader, key, value, GUARD_FIELD_IP6, ret);
        return;
    case GUARD_FIELD_TO:
        if (!text || strcmp(text, "to") != 0)
            json_read_wrong(reader, key, "\"to\" between the ends of an interval where the set has them");
        return;
    case GUARD_FIELD_NONE:
        return;
    }
}

static void element_to_json(json_t **json, const struct guard_element *element)
{
    const struct guard_schema *schema = &guard_schemas[element->set];
    json_t *key = json_array();
    size_t offset = 0;

    for (size_t i = 0; i < GUARD_FIELDS_MAX && schema->key[i]; i++) {
        json_append(&key, field_to_json(schema->key[i], element->key + offset));
        offset += guard_field_room(schema->key[i]);
    }
    json_put(json, "set", json_string(schema->name));
    json_put(json, "key", key);
    if (schema->data)
        json_put(json, "data", field_to_json(schema->data, element->data));
    if (schema->limit)
        json_put_limit_of(json, element);
    json_put_text(json, "label", element->label);
}

static void read_set(struct json_reader *reader, enum guard_set *ret)
{
    char word[MODEL_NAME_MAX] = "";

    json_read_text(reader, "set", JSON_REQUIRED, NULL, "the name of a set", word, sizeof(word));
    for (size_t i = 0; i < GUARD_SET_COUNT; i++) {
        if (strcmp(word, guard_schemas[i].name) == 0) {
            *ret = (enum guard_set)i;
            return;
        }
    }
    json_read_wrong(reader, "set", "the name of a set that this version knows");
}

static void key_from_json(struct json_reader *reader, const struct guard_schema *schema, uint8_t *ret)
{
    const json_t *key = json_read(reader, "key", JSON_REQUIRED);
    size_t offset = 0, count = 0;

    for (; count < GUARD_FIELDS_MAX && schema->key[count] && reader->code == 0; count++) {
        field_from_json(reader, "key", json_array_get(key, count), schema->key[count], ret + offset);
        offset += guard_field_room(schema->key[count]);
    }
    if (!json_is_array(key) || json_array_size(key) != count)
        json_read_wrong(reader, "key", "a list with the fields of the set's key");
}

/* A journal of before guests' questions went on to the address that they were for has the port alone. */
static void data_from_json(struct json_reader *reader, const struct guard_schema *schema, struct guard_element *ret)
{
    const json_t *data = json_read(reader, "data", JSON_REQUIRED);
    const size_t address = guard_field_room(GUARD_FIELD_IFNAME), port = guard_field_room(GUARD_FIELD_IP6);

    if (ret->set != GUARD_DNS_PORTS6 || !json_is_integer(data)) {
        field_from_json(reader, "data", data, schema->data, ret->data);
        return;
    }
    memcpy(ret->data, ret->key + address, port);
    field_from_json(reader, "data", data, GUARD_FIELD_PORT, ret->data + port);
}

static void element_from_json(struct json_reader *reader, struct guard_element *ret)
{
    const struct guard_schema *schema;

    read_set(reader, &ret->set);
    schema = &guard_schemas[ret->set];
    key_from_json(reader, schema, ret->key);
    if (schema->data)
        data_from_json(reader, schema, ret);
    if (schema->limit)
        json_read_limit_of(reader, ret);
    ret->label = ""; /* of one without: what packets add */
    json_read_string(reader, "label", JSON_OPTIONAL, GUARD_LABEL_MAX - 1, &ret->label);
}

/* ---- links ---- */

static void link_to_json(json_t **json, const struct model_link *link)
{
    char alias[MODEL_ALIAS_MAX];

    json_put(json, "type", json_string(link_words[link->kind]));
    json_put(json, "name", json_ifname(link->name, sizeof(link->name)));
    if (link->owner.set[0])
        json_put(json, "alias", json_string(model_alias_print(&link->owner, alias)));
    json_put_mac(json, "mac", &link->mac);
    json_put(json, "mtu", json_integer(link->mtu));
    if (link->master[0])
        json_put(json, "master", json_ifname(link->master, sizeof(link->master)));
    json_put_id(json, "user", link->user);
    json_put_id(json, "group", link->group);
    json_put(json, "multi_queue", json_boolean(link->multi_queue));
    json_put(json, "persistent", json_boolean(link->persistent));
    json_put(json, "up", json_boolean(link->up));
    json_put(json, "forwarding", json_boolean(link->forwarding));
    json_put_flag(json, "route_localnet", link->route_localnet);
    json_put_flag(json, "isolated", link->isolated);
    json_put_flag(json, "routed", link->routed);
    json_put_flag(json, "routed6", link->routed6);
    json_put_rate(json, "receive", link->receive);
    json_put_some(json, "receive_burst", link->receive_burst);
    json_put_some(json, "queue_length", link->queue_length);
    json_put_some(json, "link_type", link->link_type);
    json_put_settings(json, &link->settings);
}

static size_t word_index(const char *const *words, size_t count, const char *word)
{
    size_t i = 0;

    while (i < count && strcmp(words[i], word) != 0)
        i++;
    return i;
}

/* One of @words; @count when it is none of them, which is marked as wrong. */
static size_t read_word(struct json_reader *reader, const char *key, const char *const *words, size_t count)
{
    char word[MODEL_NAME_MAX] = "";
    size_t index;

    json_read_text(reader, key, JSON_REQUIRED, NULL, "a word that this version knows", word, sizeof(word));
    index = word_index(words, count, word);
    if (index == count)
        json_read_wrong(reader, key, "a word that this version knows");
    return index;
}

static void read_link_alias(struct json_reader *reader, struct model_owner *ret)
{
    char alias[MODEL_ALIAS_MAX] = "";

    json_read_text(reader, "alias", JSON_OPTIONAL, NULL, "an alias of tapnet's", alias, sizeof(alias));
    if (alias[0] && model_alias_parse(alias, ret) < 0)
        json_read_wrong(reader, "alias", "an alias of tapnet's");
}

/* An interface name of a link that was found, with its NUL. */
static void read_link_name(struct json_reader *reader, const char *key, enum json_need need, char *ret)
{
    const json_t *value = json_read(reader, key, need);

    if (value)
        json_read_found_ifname(reader, key, value, ret, MODEL_IFNAME_MAX - 1);
}

static void link_from_json(struct json_reader *reader, struct model_link *ret)
{
    ret->kind = (enum model_link_kind)read_word(reader, "type", link_words, ARRAY_COUNT(link_words));
    read_link_name(reader, "name", JSON_REQUIRED, ret->name);
    read_link_alias(reader, &ret->owner);
    json_read_mac(reader, "mac", JSON_OPTIONAL, &ret->mac);
    json_read_number(reader, "mtu", JSON_REQUIRED, UINT32_MAX, &ret->mtu);
    read_link_name(reader, "master", JSON_OPTIONAL, ret->master);
    json_read_id(reader, "user", &ret->user);
    json_read_id(reader, "group", &ret->group);
    json_read_bool(reader, "multi_queue", &ret->multi_queue);
    json_read_bool(reader, "persistent", &ret->persistent);
    json_read_bool(reader, "up", &ret->up);
    json_read_bool(reader, "forwarding", &ret->forwarding);
    json_read_flag(reader, "route_localnet", &ret->route_localnet);
    json_read_flag(reader, "isolated", &ret->isolated);
    json_read_flag(reader, "routed", &ret->routed);
    json_read_flag(reader, "routed6", &ret->routed6);
    json_read_rate(reader, "receive", &ret->receive);
    json_read_number(reader, "receive_burst", JSON_OPTIONAL, UINT32_MAX, &ret->receive_burst);
    json_read_number(reader, "queue_length", JSON_OPTIONAL, UINT32_MAX, &ret->queue_length);
    json_read_number(reader, "link_type", JSON_OPTIONAL, UINT16_MAX, &ret->link_type);
    json_read_settings(reader, &ret->settings);
}

/* ---- sysctls ---- */

static void sysctl_to_json(json_t **json, const struct model_sysctl *sysctl)
{
    json_put(json, "path", json_string(sysctl->path));
    json_put(json, "value", json_string(sysctl->value));
    json_put_text(json, "restore", sysctl->restore);
    json_put_text(json, "users", sysctl->users);
}

/* A file below /proc/sys/net: what is read here is written to later. */
static bool sysctl_path_valid(const char *path)
{
    if (strncmp(path, "net/", 4) != 0 || !json_text_printable(path))
        return false;
    while (path) {
        size_t len = strcspn(path, "/");

        if (len == 0 || (len == 1 && path[0] == '.') || (len == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        path = path[len] ? path + len + 1 : NULL;
    }
    return true;
}

static void sysctl_from_json(struct json_reader *reader, struct model_sysctl *ret)
{
    const char *expected = "text of no more than 15 characters";

    json_read_text(reader, "path", JSON_REQUIRED, sysctl_path_valid, "a path that begins with net/", ret->path,
                   sizeof(ret->path));
    json_read_text(reader, "value", JSON_REQUIRED, NULL, expected, ret->value, sizeof(ret->value));
    json_read_text(reader, "restore", JSON_OPTIONAL, NULL, expected, ret->restore, sizeof(ret->restore));
    ret->users = "";
    json_read_string(reader, "users", JSON_OPTIONAL, UINT16_MAX, &ret->users);
}

/* ---- tables, addresses, services ---- */

static void table_from_json(struct json_reader *reader, struct model_table *ret)
{
    const char *words[GUARD_FAMILY_COUNT];

    for (enum guard_family family = 0; family < GUARD_FAMILY_COUNT; family++)
        words[family] = guard_tables[family].word;
    ret->family = (enum guard_family)read_word(reader, "family", words, GUARD_FAMILY_COUNT);
    json_read_bool(reader, "intact", &ret->intact);
}

static void address_from_json(struct json_reader *reader, struct model_host_address *ret)
{
    read_link_name(reader, "device", JSON_REQUIRED, ret->device);
    json_read_prefix(reader, "prefix", JSON_REQUIRED, &ret->prefix);
    json_read_address(reader, "peer", JSON_OPTIONAL, &ret->peer);
}

static void route_to_json(json_t **json, const struct model_guest_route *route)
{
    json_put(json, "device", json_ifname(route->device, sizeof(route->device)));
    json_put_address(json, "guest", &route->guest);
    json_put_address(json, "source", &route->source);
}

static void route_from_json(struct json_reader *reader, struct model_guest_route *ret)
{
    read_link_name(reader, "device", JSON_REQUIRED, ret->device);
    json_read_address(reader, "guest", JSON_REQUIRED, &ret->guest);
    json_read_address(reader, "source", JSON_OPTIONAL, &ret->source);
}

static void neighbour_to_json(json_t **json, const struct model_neighbour *neighbour)
{
    json_put(json, "device", json_ifname(neighbour->device, sizeof(neighbour->device)));
    json_put_address(json, "address", &neighbour->address);
    json_put_flag(json, "proxy", neighbour->proxy);
    json_put_mac(json, "mac", &neighbour->mac);
}

static void neighbour_from_json(struct json_reader *reader, struct model_neighbour *ret)
{
    read_link_name(reader, "device", JSON_REQUIRED, ret->device);
    json_read_address(reader, "address", JSON_REQUIRED, &ret->address);
    json_read_flag(reader, "proxy", &ret->proxy);
    json_read_mac(reader, "mac", JSON_OPTIONAL, &ret->mac);
}

/* ---- passages ---- */

static void passage_to_json(json_t **json, const struct guard_passage *passage)
{
    json_put(json, "family", json_integer(passage->family));
    json_put(json, "table", json_string(passage->table));
    json_put(json, "chain", json_string(passage->chain));
    json_put(json, "label", json_string(passage->label));
    if (passage->in[0])
        json_put(json, "in", json_ifname(passage->in, sizeof(passage->in)));
    if (passage->out[0])
        json_put(json, "out", json_ifname(passage->out, sizeof(passage->out)));
    json_put(json, "what", json_string(guard_passage_words[passage->what]));
    if (passage->only)
        json_put(json, "only", json_integer(passage->only));
    json_put_flag(json, "iptables", passage->iptables);
}

static void passage_from_json(struct json_reader *reader, struct guard_passage *ret)
{
    uint32_t family = 0, only = 0;

    json_read_number(reader, "family", JSON_REQUIRED, UINT8_MAX, &family);
    ret->family = (uint8_t)family;
    json_read_number(reader, "only", JSON_OPTIONAL, UINT8_MAX, &only);
    ret->only = (uint8_t)only;
    json_read_string(reader, "table", JSON_REQUIRED, GUARD_PASSAGE_NAME_MAX - 1, &ret->table);
    json_read_string(reader, "chain", JSON_REQUIRED, GUARD_PASSAGE_NAME_MAX - 1, &ret->chain);
    json_read_string(reader, "label", JSON_REQUIRED, GUARD_PASSAGE_LABEL_MAX - 1, &ret->label);
    if (ret->label && !guard_passage_label_valid(ret->label))
        json_read_wrong(reader, "label", "a set and a network");
    read_link_name(reader, "in", JSON_OPTIONAL, ret->in);
    read_link_name(reader, "out", JSON_OPTIONAL, ret->out);
    ret->what = (enum guard_passage_what)read_word(reader, "what", guard_passage_words, GUARD_PASSAGE_WHAT_COUNT);
    json_read_flag(reader, "iptables", &ret->iptables);
}

static void service_to_json(json_t **json, const struct model_service *service)
{
    json_put_text(json, "set", service->set);
    json_put(json, "running", json_boolean(service->running));
    json_put(json, "named", json_boolean(service->named));
    json_put(json, "network", model_network_to_json(service->network));
}

static void service_from_json(struct json_reader *reader, struct model_service *ret)
{
    struct model_network *network = NULL;
    const json_t *json;

    json_read_string(reader, "set", JSON_OPTIONAL, MODEL_NAME_MAX - 1, &ret->set);
    if (ret->set && !model_name_valid(ret->set))
        json_read_wrong(reader, "set", "a name (a-z, 0-9 and -)");
    json_read_bool(reader, "running", &ret->running);
    json_read_bool(reader, "named", &ret->named);
    json = json_read(reader, "network", JSON_REQUIRED);
    if (json)
        reader->code = model_network_from_json(json, reader->arena, &network, reader->error);
    ret->network = network;
}

/* ---- objects ---- */

struct json_t *model_object_to_json(const struct model_object *object)
{
    json_t *json = json_object();

    json_put(&json, "kind", json_string(kind_words[object->kind]));
    switch (object->kind) {
    case MODEL_OBJECT_TABLE:
        json_put(&json, "family", json_string(guard_tables[object->table.family].word));
        json_put(&json, "intact", json_boolean(object->table.intact));
        break;
    case MODEL_OBJECT_ELEMENT:
        element_to_json(&json, &object->element);
        break;
    case MODEL_OBJECT_LINK:
        link_to_json(&json, &object->link);
        break;
    case MODEL_OBJECT_ADDRESS:
        json_put(&json, "device", json_ifname(object->address.device, sizeof(object->address.device)));
        json_put_prefix(&json, "prefix", &object->address.prefix);
        json_put_address(&json, "peer", &object->address.peer);
        break;
    case MODEL_OBJECT_ROUTE:
        route_to_json(&json, &object->route);
        break;
    case MODEL_OBJECT_NEIGHBOUR:
        neighbour_to_json(&json, &object->neighbour);
        break;
    case MODEL_OBJECT_PASSAGE:
        passage_to_json(&json, &object->passage);
        break;
    case MODEL_OBJECT_UPLINK:
        model_uplink_to_json(&json, &object->uplink);
        break;
    case MODEL_OBJECT_SYSCTL:
        sysctl_to_json(&json, &object->sysctl);
        break;
    case MODEL_OBJECT_SERVICE:
        service_to_json(&json, &object->service);
        break;
    case MODEL_OBJECT_RECORD:
        model_record_to_json(&json, &object->record);
        break;
    }
    return json;
}

static void object_from_json(struct json_reader *reader, struct model_object *ret)
{
    ret->kind = (enum model_object_kind)read_word(reader, "kind", kind_words, ARRAY_COUNT(kind_words));
    if (reader->code < 0)
        return;
    switch (ret->kind) {
    case MODEL_OBJECT_TABLE:
        table_from_json(reader, &ret->table);
        break;
    case MODEL_OBJECT_ELEMENT:
        element_from_json(reader, &ret->element);
        break;
    case MODEL_OBJECT_LINK:
        link_from_json(reader, &ret->link);
        break;
    case MODEL_OBJECT_ADDRESS:
        address_from_json(reader, &ret->address);
        break;
    case MODEL_OBJECT_ROUTE:
        route_from_json(reader, &ret->route);
        break;
    case MODEL_OBJECT_NEIGHBOUR:
        neighbour_from_json(reader, &ret->neighbour);
        break;
    case MODEL_OBJECT_PASSAGE:
        passage_from_json(reader, &ret->passage);
        break;
    case MODEL_OBJECT_UPLINK:
        model_uplink_from_json(reader, &ret->uplink);
        break;
    case MODEL_OBJECT_SYSCTL:
        sysctl_from_json(reader, &ret->sysctl);
        break;
    case MODEL_OBJECT_SERVICE:
        service_from_json(reader, &ret->service);
        break;
    case MODEL_OBJECT_RECORD:
        model_record_from_json(reader, &ret->record);
        break;
    }
}

int model_object_from_json(const struct json_t *json, struct arena *arena, struct model_object *ret,
                           struct tapnet_error *error)
{
    struct model_object object = {0};
    struct json_reader reader;
    int result;

    json_read_begin(&reader, json, "object", arena, error);
    object_from_json(&reader, &object);
    result = json_read_end(&reader);
    if (result < 0)
        return result;
    *ret = object;
    return 0;
}
