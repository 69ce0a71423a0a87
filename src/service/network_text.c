/* SPDX-License-Identifier: MIT */
/* Reads a network's JSON text a few ports at a time, so that many ports don't take much memory on the way. */
#include "service/network_text.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "model/object.h"

/*
 * How it works: as a tree, a port takes 1.4 KB, six times its text and more than twice what stays of it. So the text's
 * top-level "ports" array is found and cut between its elements, and the network is parsed again and again with
 * NETWORK_BATCH of its ports left in:
 *
 *     {"name":"lab",...,"ports":[  {..},{..},...,{..},  {..},{..},...  ]}
 *     '-------- head -----------'  '---- batch ------'                 '-- tail
 *
 * Cutting needs no more of JSON than strings and brackets; whether it is right JSON the parser says of each piece.
 */

#define NETWORK_BATCH 32

struct text {
    const char *bytes;
    size_t length;
    size_t open, close; /* the brackets of the ports array; 0, 0: there is none to be cut */
};

/* The offset behind the string whose opening quote stands at @i; the text's length when it does not end. */
static size_t text_skip_string(const struct text *text, size_t i)
{
    for (i++; i < text->length; i++) {
        if (text->bytes[i] == '\\')
            i++;
        else if (text->bytes[i] == '"')
            return i + 1;
    }
    return text->length;
}

static size_t text_skip_space(const struct text *text, size_t i)
{
    while (i < text->length && isspace((unsigned char)text->bytes[i]))
        i++;
    return i;
}

/*
 * The offset of the first ',' or closing bracket outside all strings and inner brackets, from @i on: where an element
 * ends. The text's length when there is none.
 */
static size_t text_skip_element(const struct text *text, size_t i)
{
    size_t depth = 0;

    while (i < text->length) {
        char byte = text->bytes[i];

        if (byte == '"') {
            i = text_skip_string(text, i);
            continue;
        }
        if (depth == 0 && (byte == ',' || byte == ']' || byte == '}'))
            return i;
        if (byte == '[' || byte == '{')
            depth++;
        else if (byte == ']' || byte == '}')
            depth--;
        i++;
    }
    return text->length;
}

/* If the member whose key's quote stands at @i is the ports array: the offset of its bracket, else 0. */
static size_t text_ports_at(const struct text *text, size_t i)
{
    static const char key[] = "\"ports\"";
    const size_t key_len = sizeof(key) - 1;

    if (text->length - i < key_len || memcmp(text->bytes + i, key, key_len) != 0)
        return 0;
    i = text_skip_space(text, i + key_len);
    if (i >= text->length || text->bytes[i] != ':')
        return 0;
    i = text_skip_space(text, i + 1);
    return i < text->length && text->bytes[i] == '[' ? i : 0;
}

/* Fills in where the brackets of the top-level "ports" array stand. */
static void text_find_ports(struct text *text)
{
    size_t i = text_skip_space(text, 0), end;

    while (i < text->length) { /* at "{" first, then at each "," */
        i = text_skip_space(text, i + 1);
        text->open = i < text->length ? text_ports_at(text, i) : 0;
        if (text->open)
            break;
        i = text_skip_element(text, i);
    }
    if (!text->open)
        return;
    for (end = text->open; end < text->length && (end == text->open || text->bytes[end] == ',');)
        end = text_skip_element(text, end + 1);
    if (end < text->length && text->bytes[end] == ']')
        text->close = end;
    else
        text->open = 0;
}

/* The offset behind @count elements of the array that begin at @i; *ret is how many there were. */
static size_t text_skip_elements(const struct text *text, size_t i, size_t count, size_t *ret)
{
    size_t n = 0;

    if (text_skip_space(text, i) < text->close) {
        while (n < count) {
            i = text_skip_element(text, i);
            n++;
            if (i >= text->close || n == count)
                break;
            i++; /* the comma */
        }
    }
    *ret = n;
    return i;
}

/* Parses head, the text between @from and @to, and tail. */
static int text_parse(const struct text *text, size_t from, size_t to, struct arena *arena, struct model_network **ret,
                      struct tapnet_error *error)
{
    size_t head = text->close ? text->open + 1 : 0, tail = text->close ? text->close : text->length;
    char *piece _cleanup_free_ = malloc(head + (to - from) + (text->length - tail) + 1);
    _cleanup_json_ json_t *json = NULL;
    json_error_t mistake;

    if (!piece) {
        error_set(error, -ENOMEM, "out of memory");
        return -ENOMEM;
    }
    memcpy(piece, text->bytes, head);
    memcpy(piece + head, text->bytes + from, to - from);
    memcpy(piece + head + (to - from), text->bytes + tail, text->length - tail);
    json = json_loadb(piece, head + (to - from) + (text->length - tail), JSON_REJECT_DUPLICATES, &mistake);
    if (!json) {
        error_set(error, -EINVAL, "the network's text is no JSON: %s", mistake.text);
        return -EINVAL;
    }
    return model_network_from_json(json, arena, ret, error);
}

/* Copies @port, with its strings, to @arena. 0 or -ENOMEM. */
static int port_copy(const struct model_port *port, struct arena *arena, struct model_port *ret)
{
    *ret = *port;
    for (size_t i = 0; i < port->dhcp.search_count; i++) {
        ret->dhcp.search[i] = arena_strdup(arena, port->dhcp.search[i]);
        if (!ret->dhcp.search[i])
            return -ENOMEM;
    }
    ret->dhcp.boot_file = arena_strdup(arena, port->dhcp.boot_file);
    return port->dhcp.boot_file && !ret->dhcp.boot_file ? -ENOMEM : 0;
}

/* Parses the batch between @from and @to and puts its ports, which must be @count, at @ports. */
static int text_parse_batch(const struct text *text, size_t from, size_t to, size_t count, struct arena *arena,
                            struct model_port *ports, struct tapnet_error *error)
{
    struct arena scratch cleanup(arena_fini) = {0};
    struct model_network *network = NULL;
    int r = text_parse(text, from, to, &scratch, &network, error);

    if (r < 0)
        return r;
    if (network->port_count != count)
        return error_set(error, -EINVAL, "the network's text is no JSON: ports don't end where they should");
    for (size_t i = 0; i < count; i++) {
        if (port_copy(&network->ports[i], arena, &ports[i]) < 0)
            return error_set(error, -ENOMEM, "out of memory");
    }
    return 0;
}

/* All batches, into @network, which has been read without ports. */
static int text_parse_ports(const struct text *text, size_t total, struct arena *arena, struct model_network *network,
                            struct tapnet_error *error)
{
    size_t from = text->open + 1, done = 0, count;

    if (total > MODEL_PORTS_MAX)
        return error_set(error, -EINVAL, "more than %d ports", MODEL_PORTS_MAX);
    network->ports = arena_alloc(arena, total * sizeof(*network->ports));
    if (!network->ports)
        return error_set(error, -ENOMEM, "out of memory");
    while (done < total) {
        size_t to = text_skip_elements(text, from, NETWORK_BATCH, &count);
        int r = text_parse_batch(text, from, to, count, arena, network->ports + done, error);

        if (r < 0)
            return r;
        done += count;
        from = to + 1;
    }
    network->port_count = total;
    return 0;
}

int network_text_parse(const char *bytes, size_t length, struct arena *arena, struct model_network **ret,
                       struct tapnet_error *error)
{
    struct text text = {.bytes = bytes, .length = length};
    struct model_network *network = NULL;
    size_t total = 0;
    int r;

    text_find_ports(&text);
    if (text.close)
        text_skip_elements(&text, text.open + 1, SIZE_MAX, &total);
    r = text_parse(&text, 0, text.close ? 0 : length, arena, &network, error);
    if (r == 0 && total)
        r = text_parse_ports(&text, total, arena, network, error);
    if (r < 0)
        return r;
    if (!network->name[0] || network->subnet.address.family != AF_INET || network->subnet.length > 32)
        return error_set(error, -EINVAL, "a network needs a name and an IPv4 subnet");
    *ret = network;
    return 0;
}
