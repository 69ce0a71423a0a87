/* SPDX-License-Identifier: MIT */
/* A port's JSON printed at once, without a tree: a quarter of what one port more cost was the tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/json_keys.h"
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

static void put_text(void *to, const char *key, const char *text)
{
    struct line *line = to;
    size_t len = 0;

    for (; text[len]; len++)
        line->failed |= (unsigned char)text[len] < ' ' || (unsigned char)text[len] > '~' || strchr("\"\\", text[len]);
    put_key(line, key);
    put_bytes(line, "\"", 1);
    put_bytes(line, text, len);
    put_bytes(line, "\"", 1);
}

static void put_flag(void *to, const char *key)
{
    put_key(to, key);
    put_bytes(to, "true", strlen("true"));
}

static void put_number(void *to, const char *key, uint64_t number)
{
    char digits[24], *at = digits + sizeof(digits);

    put_key(to, key);
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    put_bytes(to, at, (size_t)(digits + sizeof(digits) - at));
}

static void put_limit(void *to, const struct model_limit *limit);

static struct json_keys line_keys(struct line *line)
{
    return (struct json_keys){.text = put_text, .flag = put_flag, .number = put_number, .limit = put_limit, .to = line};
}

static void put_limit(void *to, const struct model_limit *limit)
{
    const struct json_keys keys = line_keys(to);

    put_key(to, "limit");
    put_bytes(to, "{", 1);
    json_limit_keys(limit, &keys);
    put_bytes(to, "}", 1);
}

static void put_port(struct line *line, const struct model_port *port)
{
    const struct json_keys keys = line_keys(line);

    put_bytes(line, "{", 1);
    json_port_keys(port, &keys);
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
