/* SPDX-License-Identifier: MIT */
/* What the runtime says in the environment, and the name of the port that follows from it. */
#include "call.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECOGNISED_LEN 12 /* of the container's id: as much as container engines show of it */
#define CONTAINER_MAX 1024
#define INTERFACE_MAX 15

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static enum cni_code wrong(struct cni_error *error, const char *name, const char *what)
{
    return cni_fail(error, CNI_INVALID_ENVIRONMENT, "invalid environment variable", "%s %s", name, what);
}

static bool is_container(const char *text)
{
    size_t len = strlen(text);

    if (!isalnum((unsigned char)*text) || len > CONTAINER_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("_.-", text[i]))
            return false;
    return true;
}

static bool is_interface(const char *text)
{
    if (strlen(text) > INTERFACE_MAX || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || strchr("/:%", *text))
            return false;
    return true;
}

/* ---- CNI_ARGS: "IgnoreUnknown=1;MAC=52:54:00:00:00:01" ---- */

/*
 * Copies the value of the pair at @text to @copy, and has *ret point there, when it is called @name and nobody has said
 * it before. False: it is too long to be right.
 */
static bool take_value(const char *text, size_t len, const char *name, char copy[CNI_VALUE_MAX], const char **ret)
{
    size_t name_len = strlen(name);

    if (*ret || len <= name_len + 1 || strncmp(text, name, name_len) != 0 || text[name_len] != '=')
        return true;
    snprintf(copy, CNI_VALUE_MAX, "%.*s", (int)(len - name_len - 1), text + name_len + 1);
    *ret = copy;
    return len - name_len - 1 < CNI_VALUE_MAX;
}

static enum cni_code read_args(struct cni_call *call, struct cni_error *error)
{
    for (const char *at = call->args; at && *at;) {
        size_t len = strcspn(at, ";");

        if (len && !memchr(at, '=', len))
            return wrong(error, "CNI_ARGS", "is a list of NAME=VALUE, separated by `;`");
        if (!take_value(at, len, "MAC", call->mac, &call->config.mac) ||
            !take_value(at, len, "IP", call->address, &call->config.address))
            return wrong(error, "CNI_ARGS", "has a MAC or an IP that is too long to be one");
        at += len + (at[len] == ';');
    }
    return CNI_OK;
}

/* ---- the whole ---- */

enum cni_code cni_call_read(unsigned needs, struct cni_call *ret, struct cni_error *error)
{
    ret->container = variable("CNI_CONTAINERID");
    ret->netns = variable("CNI_NETNS");
    ret->interface = variable("CNI_IFNAME");
    ret->args = variable("CNI_ARGS");
    if (needs & CNI_NEEDS_CONTAINER && !ret->container)
        return wrong(error, "CNI_CONTAINERID", "is missing");
    if (needs & CNI_NEEDS_NETNS && !ret->netns)
        return wrong(error, "CNI_NETNS", "is missing: the path of the container's network namespace");
    if (needs & CNI_NEEDS_INTERFACE && !ret->interface)
        return wrong(error, "CNI_IFNAME", "is missing");
    if (needs & CNI_NEEDS_CONTAINER && !is_container(ret->container))
        return wrong(error, "CNI_CONTAINERID", "starts with a letter or a digit and has `_`, `.` and `-` besides");
    if (needs & CNI_NEEDS_INTERFACE && !is_interface(ret->interface))
        return wrong(error, "CNI_IFNAME",
                     "is no name for an interface: 15 characters of ASCII, no blank, `/`, `:` or `%`");
    return needs & CNI_NEEDS_NETNS ? read_args(ret, error) : CNI_OK;
}

/* ---- the port ---- */

/* FNV-1a: it tells attachments apart that no stranger names. */
static uint64_t hash(uint64_t seed, const char *text)
{
    for (; *text; text++)
        seed = (seed ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return seed * UINT64_C(0x100000001b3); /* so that "a", "bc" is not "ab", "c" */
}

static uint32_t hash_config(const char *config)
{
    uint64_t hashed = hash(UINT64_C(0xcbf29ce484222325), config);

    return (uint32_t)(hashed ^ hashed >> 32);
}

void cni_port_name(const char *config, const char *container, const char *interface, char ret[CNI_PORT_MAX])
{
    uint64_t hashed = hash(hash(hash(UINT64_C(0xcbf29ce484222325), config), container), interface);
    char recognised[RECOGNISED_LEN + 1];

    snprintf(recognised, sizeof(recognised), "%s", container);
    for (char *at = recognised; *at; at++)
        *at = isalnum((unsigned char)*at) ? (char)tolower((unsigned char)*at) : '-';
    snprintf(ret, CNI_PORT_MAX, "c-%s-%08" PRIx32 "-%016" PRIx64, recognised, hash_config(config), hashed);
}

bool cni_port_is_of(const char *port, const char *config)
{
    const size_t tail_len = strlen("-01234567-0123456789abcdef");
    size_t len = strlen(port);
    char middle[16];

    snprintf(middle, sizeof(middle), "-%08" PRIx32 "-", hash_config(config));
    return strncmp(port, "c-", 2) == 0 && len > tail_len + 2 &&
           strncmp(port + len - tail_len, middle, strlen(middle)) == 0;
}
