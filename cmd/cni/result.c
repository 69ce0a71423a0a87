/* SPDX-License-Identifier: MIT */
/* What the runtime is told: the result of ADD in the shape of the version that was asked for, or an error. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <tapnet/attach.h>

#include "call.h"

/* ---- texts ---- */

/* Bytes of the character of UTF-8 at @text, as jansson has it; 0: there is none. */
static size_t character_len(const char *text)
{
    for (size_t len = 1; len <= 4 && text[len - 1]; len++) {
        json_t *json = json_stringn(text, len);

        json_decref(json);
        if (json)
            return len;
    }
    return 0;
}

/*
 * Text that others chose, or that was cut to fit, as JSON: U+FFFD stands for each byte that is no UTF-8, as runtimes
 * write it themselves. Without it jansson would refuse the text, and all that was to be said with it.
 */
static json_t *text_json(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    json_t *json = json_string(text);
    char *valid = json ? NULL : malloc(strlen(text) * strlen(replacement) + 1), *end = valid;

    for (const char *at = text; valid && *at;) {
        size_t len = character_len(at);

        end = stpncpy(end, len ? at : replacement, len ? len : strlen(replacement));
        at += len ? len : 1;
    }
    json = json ? json : json_stringn(valid, (size_t)(end - valid));
    free(valid);
    return json;
}

/* ---- the result ---- */

/* The list @key of @result, which is made when it is not there, or is null. */
static json_t *list_of(json_t *result, const char *key)
{
    if (!json_is_array(json_object_get(result, key)))
        json_object_set_new(result, key, json_array());
    return json_object_get(result, key);
}

/* One that is not the host's; @mac: NULL for any. Returns which of the list it is. */
static size_t append_inner(json_t *list, const struct cni_call *call, const struct tapnet_attached_info *info,
                           const char *name, const char *mac, const char *sandbox)
{
    json_t *inner = json_pack("{s:s, s:s*, s:o}", "name", name, "mac", mac, "sandbox", text_json(sandbox));

    if (cni_version_is_from(call->config.version, "1.1.0"))
        json_object_set_new(inner, "mtu", json_integer(info->mtu));
    json_array_append_new(list, inner);
    return json_array_size(list) - 1;
}

/* Returns which of the list is the container's. */
static size_t append_interfaces(json_t *list, const struct cni_call *call, const struct tapnet_attached_info *info)
{
    if (*info->bridge)
        json_array_append_new(list, json_pack("{s:s}", "name", info->bridge));
    json_array_append_new(list, json_pack("{s:s}", "name", info->device));
    return append_inner(list, call, info, call->interface, info->mac, call->netns);
}

/*
 * The TAP, and what the guest behind it is to have: an interface of the same name, in the sandbox that is called as the
 * container is. So Firecracker's SDK expects it, since tc-redirect-tap tells it so. Returns which of the list that is.
 */
static size_t append_guest(json_t *list, const struct cni_call *call, const struct tapnet_attached_info *info)
{
    append_inner(list, call, info, call->config.tap.name, NULL, call->netns);
    return append_inner(list, call, info, call->config.tap.name, info->mac, call->container);
}

/* "10.20.0.5" with the length of "10.20.0.1/24", and the gateway of its family. @index: of the interface. */
static void append_address(json_t *list, const struct cni_call *call, const char *address, const char *subnet,
                           const char *gateway, size_t index)
{
    const char *length = strchr(subnet, '/');
    json_t *item;

    if (!*address || !length)
        return;
    item = json_pack("{s:s+, s:I}", "address", address, length, "interface", (json_int_t)index);
    if (*gateway)
        json_object_set_new(item, "gateway", json_string(gateway));
    if (!cni_version_is_from(call->config.version, "1.0.0"))
        json_object_set_new(item, "version", json_string(strchr(address, ':') ? "6" : "4"));
    json_array_append_new(list, item);
}

static void append_addresses(json_t *list, const struct cni_call *call, const struct tapnet_attached_info *info,
                             size_t index)
{
    append_address(list, call, info->address, info->subnet, info->gateway, index);
    append_address(list, call, info->address6, info->subnet6, info->gateway6, index);
}

static void append_route(json_t *list, const char *address, const char *destination, const char *gateway)
{
    if (*address && *gateway)
        json_array_append_new(list, json_pack("{s:s, s:s}", "dst", destination, "gw", gateway));
}

/* What the configuration says; else who answers, and where names without a dot are looked up. */
static void put_dns(json_t *result, const struct cni_call *call, const struct tapnet_attached_info *info)
{
    json_t *dns = json_object_get(result, "dns");

    if (call->config.dns)
        json_object_set(result, "dns", call->config.dns);
    else if (*info->dns && !json_array_size(json_object_get(dns, "nameservers")))
        json_object_set_new(result, "dns",
                            json_pack("{s:[s], s:[s]}", "nameservers", info->dns, "search", info->network));
}

char *cni_result_print(const struct cni_call *call, const struct tapnet_attached_info *info)
{
    json_t *result = call->config.previous ? json_deep_copy(call->config.previous) : json_object();
    json_t *interfaces = list_of(result, "interfaces"), *addresses = list_of(result, "ips");
    char *text;

    json_object_set_new(result, "cniVersion", json_string(call->config.version));
    append_addresses(addresses, call, info, append_interfaces(interfaces, call, info));
    if (call->config.has_tap)
        append_addresses(addresses, call, info, append_guest(interfaces, call, info));
    append_route(list_of(result, "routes"), info->address, "0.0.0.0/0", info->gateway);
    append_route(list_of(result, "routes"), info->address6, "::/0", info->gateway6);
    put_dns(result, call, info);
    text = json_dumps(result, JSON_INDENT(2));
    json_decref(result);
    return text;
}

/* ---- an error ---- */

char *cni_error_print(const struct cni_call *call, const struct cni_error *error)
{
    json_t *document = json_pack("{s:s, s:i, s:o, s:o}", "cniVersion",
                                 call->config.version ? call->config.version : "1.1.0", "code", (int)error->code, "msg",
                                 text_json(error->msg), "details", text_json(error->details));
    char *text = json_dumps(document, JSON_INDENT(2));

    json_decref(document);
    return text;
}
