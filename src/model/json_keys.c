/* SPDX-License-Identifier: MIT */
/* What a port and its limits say of themselves, key by key, to who makes a tree of it or a line. */
#include "model/json_keys.h"

#include "model/json.h"
#include "model/object.h"

/* ---- what they say ---- */

static void say(const struct json_keys *keys, const char *key, const char *text)
{
    if (text[0])
        keys->text(keys->to, key, text);
}

static void say_flag(const struct json_keys *keys, const char *key, bool flag)
{
    if (flag)
        keys->flag(keys->to, key);
}

static void say_some(const struct json_keys *keys, const char *key, uint64_t number)
{
    if (number)
        keys->number(keys->to, key, number > JSON_RATE_MAX ? JSON_RATE_MAX : number);
}

static void say_id(const struct json_keys *keys, const char *key, uint32_t id)
{
    if (id != MODEL_ID_NONE)
        keys->number(keys->to, key, id);
}

static void say_mac(const struct json_keys *keys, const char *key, const struct mac *mac)
{
    char text[MAC_TEXT_MAX];

    if (!mac_is_zero(mac))
        keys->text(keys->to, key, mac_print(mac, text));
}

static void say_address(const struct json_keys *keys, const char *key, const struct ip_address *address)
{
    char text[IP_TEXT_MAX];

    if (address->family)
        keys->text(keys->to, key, ip_address_print(address, text));
}

void json_port_keys(const struct model_port *port, const struct json_keys *keys)
{
    keys->text(keys->to, "name", port->name);
    if (port->origin != MODEL_ORIGIN_DECLARED)
        keys->text(keys->to, "origin", model_origin_print(port->origin));
    say(keys, "id", port->id);
    say(keys, "hostname", port->hostname);
    keys->text(keys->to, "device", port->device);
    say_mac(keys, "mac", &port->mac);
    say_mac(keys, "guest_mac", &port->guest_mac);
    say_flag(keys, "guest_mac_given", port->guest_mac_given);
    say_flag(keys, "mac_spoofing", port->mac_spoofing);
    say_flag(keys, "any_protocol", port->protocols == MODEL_PROTOCOLS_ANY);
    say_address(keys, "address", &port->address);
    say_address(keys, "address6", &port->address6);
    say_id(keys, "user", port->user);
    say_id(keys, "group", port->group);
    say_some(keys, "queues", port->queues);
    say_flag(keys, "veth", port->veth);
    say_flag(keys, "no_ip6", port->no_ip6);
    keys->limit(keys->to, &port->limit);
}

void json_limit_keys(const struct model_limit *limit, const struct json_keys *keys)
{
    say_some(keys, "send", limit->send);
    say_some(keys, "receive", limit->receive);
    say_some(keys, "burst", limit->burst);
    say_some(keys, "connections", limit->connections);
    say_some(keys, "broadcast", limit->broadcast);
}

/* ---- a tree ---- */

static void put_text(void *to, const char *key, const char *text)
{
    json_put(to, key, json_string(text));
}

static void put_flag(void *to, const char *key)
{
    json_put(to, key, json_true());
}

static void put_number(void *to, const char *key, uint64_t number)
{
    json_put(to, key, json_integer((json_int_t)number));
}

static void put_limit(void *to, const struct model_limit *limit)
{
    json_put_limit(to, limit);
}

struct json_keys json_tree_keys(json_t **json)
{
    return (struct json_keys){.text = put_text, .flag = put_flag, .number = put_number, .limit = put_limit, .to = json};
}
