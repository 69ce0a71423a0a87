/* SPDX-License-Identifier: MIT */
/* A port's JSON printed at once, without a tree: a quarter of what one port more cost was the tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/json.h"
#include "model/model.h"
#include "model/object.h"

#define LINE_MAX 2048 /* more than the longest names, addresses and numbers of a port take */

struct line {
    char text[LINE_MAX];
    size_t len;
    bool failed; /* something has to be escaped, or did not fit */
};

static void put_bytes(struct line *line, const char *bytes, size_t len)
{
    if (line->len + len >= sizeof(line->text)) {
        line->failed = true;
        return;
    }
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
}

static void put_key(struct line *line, const char *key)
{
    if (line->len && line->text[line->len - 1] != '{')
        put_bytes(line, ",", 1);
    put_bytes(line, "\"", 1);
    put_bytes(line, key, strlen(key));
    put_bytes(line, "\":", 2);
}

static void put_string(struct line *line, const char *key, const char *text)
{
    size_t len = 0;

    for (; text[len]; len++)
        line->failed |= (unsigned char)text[len] < ' ' || (unsigned char)text[len] > '~' || strchr("\"\\", text[len]);
    put_key(line, key);
    put_bytes(line, "\"", 1);
    put_bytes(line, text, len);
    put_bytes(line, "\"", 1);
}

static void put_text(struct line *line, const char *key, const char *text)
{
    if (text[0])
        put_string(line, key, text);
}

static void put_flag(struct line *line, const char *key, bool flag)
{
    if (!flag)
        return;
    put_key(line, key);
    put_bytes(line, "true", strlen("true"));
}

static void put_number(struct line *line, const char *key, uint64_t number)
{
    char digits[24], *at = digits + sizeof(digits);

    put_key(line, key);
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    put_bytes(line, at, (size_t)(digits + sizeof(digits) - at));
}

static void put_some(struct line *line, const char *key, uint64_t number)
{
    if (number)
        put_number(line, key, number > JSON_RATE_MAX ? JSON_RATE_MAX : number);
}

static void put_id(struct line *line, const char *key, uint32_t id)
{
    if (id != MODEL_ID_NONE)
        put_number(line, key, id);
}

static void put_mac(struct line *line, const char *key, const struct mac *mac)
{
    char text[MAC_TEXT_MAX];

    if (!mac_is_zero(mac))
        put_string(line, key, mac_print(mac, text));
}

static void put_address(struct line *line, const char *key, const struct ip_address *address)
{
    char text[IP_TEXT_MAX];

    if (address->family)
        put_string(line, key, ip_address_print(address, text));
}

static void put_limit(struct line *line, const struct model_limit *limit)
{
    put_key(line, "limit");
    put_bytes(line, "{", 1);
    put_some(line, "send", limit->send);
    put_some(line, "receive", limit->receive);
    put_some(line, "burst", limit->burst);
    put_some(line, "connections", limit->connections);
    put_some(line, "broadcast", limit->broadcast);
    put_bytes(line, "}", 1);
}

/* In the order of model_port_to_json(). */
static void put_port(struct line *line, const struct model_port *port)
{
    put_bytes(line, "{", 1);
    put_string(line, "name", port->name);
    if (port->origin != MODEL_ORIGIN_DECLARED)
        put_string(line, "origin", model_origin_print(port->origin));
    put_text(line, "id", port->id);
    put_text(line, "hostname", port->hostname);
    put_string(line, "device", port->device);
    put_mac(line, "mac", &port->mac);
    put_mac(line, "guest_mac", &port->guest_mac);
    put_flag(line, "guest_mac_given", port->guest_mac_given);
    put_flag(line, "mac_spoofing", port->mac_spoofing);
    put_flag(line, "any_protocol", port->protocols == MODEL_PROTOCOLS_ANY);
    put_address(line, "address", &port->address);
    put_address(line, "address6", &port->address6);
    put_id(line, "user", port->user);
    put_id(line, "group", port->group);
    put_some(line, "queues", port->queues);
    put_flag(line, "veth", port->veth);
    put_flag(line, "no_ip6", port->no_ip6);
    put_limit(line, &port->limit);
    put_bytes(line, "}\n", 2);
}

/* Has it what only few have, and the tree alone can tell? */
static bool is_rare(const struct model_port *port)
{
    const struct model_dhcp *dhcp = &port->dhcp;

    return port->forward_count || dhcp->ntp_count || dhcp->search_count || dhcp->boot_file || dhcp->boot_server.family;
}

static char *print_tree(const struct model_port *port)
{
    json_t *json = model_port_to_json(port);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL, *line = NULL;

    if (text && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    json_decref(json);
    return line;
}

char *model_port_print(const struct model_port *port)
{
    struct line line;

    line.len = 0;
    line.failed = is_rare(port);
    if (!line.failed)
        put_port(&line, port);
    return line.failed ? print_tree(port) : strndup(line.text, line.len);
}
