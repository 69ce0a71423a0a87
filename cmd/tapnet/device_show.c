/* SPDX-License-Identifier: MIT */
/* The command device show: every TUN and TAP of the host, or all about one. */
#include <grp.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "device_words.h"
#include "session.h"
#include "style.h"
#include "text.h"

#define LINK_TYPE_ETHERNET 1

static const char *const order_words[] = {"native", "little", "big"};

/* ---- words ---- */

static const char *kind_word(const struct tapnet_device_info *info)
{
    return info->kind == TAPNET_TAP ? "tap" : "tun";
}

static const char *state_word(const struct tapnet_device_info *info)
{
    if (!info->up)
        return "down";
    return info->carrier ? "up" : "no carrier";
}

static void print_mac(const uint8_t mac[6], char text[18])
{
    snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* "alice", or the number when nobody has it; "anybody" is said where it is known that there is none. */
static const char *user_name(uint32_t id, char text[64])
{
    const struct passwd *entry = getpwuid(id);

    snprintf(text, 64, "%u", id);
    if (entry)
        snprintf(text, 64, "%s", entry->pw_name);
    return text;
}

static const char *group_name(uint32_t id, char text[64])
{
    const struct group *entry = getgrgid(id);

    snprintf(text, 64, "%u", id);
    if (entry)
        snprintf(text, 64, "%s", entry->gr_name);
    return text;
}

/* ---- text ---- */

static void print_holders(const struct tapnet_device_info *info)
{
    for (size_t i = 0; i < info->holder_count; i++)
        printf("%s%s (%d)", i ? ", " : "", info->holders[i].command, info->holders[i].pid);
    if (!info->holder_count)
        fputs(info->queue_count || info->detached_count ? "somebody who can't be seen" : "nobody", stdout);
}

/*
 *     tap0  tap  up  52:54:00:12:34:56  mtu 1500  on br0
 *         10.0.0.1/24
 *         held by qemu-system-x86 (4711); made by `tapnet device add`
 */
static void print_head(const struct tapnet_device_info *info)
{
    const char *colour = !info->up ? STYLE_DIM : info->carrier ? STYLE_GREEN : STYLE_YELLOW;
    char mac[18];

    fputs(style(STYLE_BOLD), stdout);
    text_put(info->name);
    printf("%s  %s  %s%s%s", style(STYLE_PLAIN), kind_word(info), style(colour), state_word(info), style(STYLE_PLAIN));
    print_mac(info->mac, mac);
    if (info->kind == TAPNET_TAP && info->link_type == LINK_TYPE_ETHERNET)
        printf("  %s", mac);
    printf("  mtu %u", info->mtu);
    if (*info->bridge) {
        fputs("  on ", stdout);
        text_put(info->bridge);
    }
    putchar('\n');
    for (size_t i = 0; i < info->address_count; i++)
        printf("    %s\n", info->addresses[i]);
}

static void print_origin(const struct tapnet_device_info *info)
{
    if (strcmp(info->origin, "added") == 0)
        fputs("made by `tapnet device add`", stdout);
    else if (*info->origin)
        text_put(info->origin);
    else
        fputs("not made by tapnet", stdout);
}

static void print_short(const struct tapnet_device_info *info)
{
    print_head(info);
    printf("    %sheld by ", style(STYLE_DIM));
    print_holders(info);
    fputs("; ", stdout);
    print_origin(info);
    puts(style(STYLE_PLAIN));
}

static void print_rights(const struct tapnet_device_info *info)
{
    char user[64], group[64];

    fputs("    may be opened by ", stdout);
    if (info->owner == TAPNET_ID_NONE && info->group == TAPNET_ID_NONE)
        puts("anybody");
    else if (info->owner == TAPNET_ID_NONE)
        printf("group %s\n", group_name(info->group, group));
    else if (info->group == TAPNET_ID_NONE)
        printf("user %s\n", user_name(info->owner, user));
    else
        printf("user %s when in group %s\n", user_name(info->owner, user), group_name(info->group, group));
}

static void print_format(const struct tapnet_device_info *info)
{
    char offloads[128];

    printf("    packet information %s, vnet header %s", info->packet_information ? "yes" : "no",
           info->vnet_header ? "yes" : "no");
    if (info->detail && info->vnet_header)
        printf(" (%d bytes, %s)", info->vnet_header_size, order_words[info->vnet_header_order]);
    printf(", offloads %s\n", device_offloads_print(info->offloads, offloads));
    if (!info->detail)
        return;
    if (info->send_buffer == 0x7fffffff)
        fputs("    no limit of the send buffer", stdout);
    else
        printf("    send buffer %d bytes", info->send_buffer);
    printf("%s%s", info->napi ? ", NAPI" : "", info->napi_frags ? " with fragments" : "");
    if (info->filter_length)
        printf(", filter of %zu instructions", info->filter_length);
    putchar('\n');
}

static void print_long(const struct tapnet_device_info *info)
{
    print_short(info);
    printf("    index %d, %s, made for %s, queue length %u", info->index,
           info->persistent ? "persistent" : "ends with its descriptor",
           info->multi_queue ? "several queues" : "one queue", info->queue_length);
    if (info->multi_queue)
        printf(", %u attached, %u detached", info->queue_count, info->detached_count);
    putchar('\n');
    print_rights(info);
    print_format(info);
    if (info->link_type != LINK_TYPE_ETHERNET)
        printf("    link type %u\n", info->link_type);
    if (*info->alias) {
        fputs("    alias ", stdout);
        text_put(info->alias);
        putchar('\n');
    }
    printf("    received %llu packets, %llu bytes, %llu dropped\n", (unsigned long long)info->rx_packets,
           (unsigned long long)info->rx_bytes, (unsigned long long)info->rx_dropped);
    printf("    sent     %llu packets, %llu bytes, %llu dropped\n", (unsigned long long)info->tx_packets,
           (unsigned long long)info->tx_bytes, (unsigned long long)info->tx_dropped);
}

static void print_list(const struct tapnet_device_list *list, bool one)
{
    const struct tapnet_device_info *info;

    for (size_t i = 0; (info = tapnet_device_info(list, i)); i++)
        one ? print_long(info) : print_short(info);
    if (!tapnet_device_info(list, 0))
        puts("there is no TUN or TAP");
}

/* ---- JSON ---- */

json_t *device_text_json(const char *text)
{
    char wide[2 * 256 + 1];
    size_t length = 0;
    json_t *json = json_string(text);

    for (; !json && *text && length + 2 < sizeof(wide); text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte > 127)
            wide[length++] = (char)(0xc0 | byte >> 6);
        wide[length++] = (char)(byte > 127 ? 0x80 | (byte & 0x3f) : byte);
    }
    return json ? json : json_stringn(wide, length);
}

static json_t *id_json(uint32_t id)
{
    return id == TAPNET_ID_NONE ? json_null() : json_integer(id);
}

static json_t *holders_json(const struct tapnet_device_info *info)
{
    json_t *array = json_array();

    for (size_t i = 0; i < info->holder_count; i++)
        json_array_append_new(array, json_pack("{s:i, s:s, s:i}", "pid", info->holders[i].pid, "command",
                                               info->holders[i].command, "queues", info->holders[i].queue_count));
    return array;
}

static json_t *addresses_json(const struct tapnet_device_info *info)
{
    json_t *array = json_array();

    for (size_t i = 0; i < info->address_count; i++)
        json_array_append_new(array, json_string(info->addresses[i]));
    return array;
}

static json_t *offloads_json(unsigned offloads)
{
    char text[128], *rest = text;
    json_t *array = json_array();

    if (!offloads)
        return array;
    device_offloads_print(offloads, text);
    for (const char *word; (word = strsep(&rest, ","));)
        json_array_append_new(array, json_string(word));
    return array;
}

static json_t *detail_json(const struct tapnet_device_info *info)
{
    if (!info->detail)
        return json_null();
    return json_pack("{s:b, s:b, s:i, s:s, s:i, s:I}", "napi", info->napi, "napi_frags", info->napi_frags,
                     "vnet_header_size", info->vnet_header_size, "byte_order", order_words[info->vnet_header_order],
                     "send_buffer", info->send_buffer, "filter_length", (json_int_t)info->filter_length);
}

static json_t *counters_json(uint64_t bytes, uint64_t packets, uint64_t dropped)
{
    return json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)bytes, "packets", (json_int_t)packets, "dropped",
                     (json_int_t)dropped);
}

static json_t *device_json(const struct tapnet_device_info *info)
{
    bool ethernet = info->kind == TAPNET_TAP && info->link_type == LINK_TYPE_ETHERNET;
    char mac[18];

    print_mac(info->mac, mac);
    return json_pack(
        "{s:o, s:i, s:s, s:s, s:o, s:s?, s:I, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:i, s:i, s:b, s:b, s:o, "
        "s:o, s:o, s:o}",
        "name", device_text_json(info->name), "index", info->index, "kind", kind_word(info), "state", state_word(info),
        "origin", *info->origin ? device_text_json(info->origin) : json_null(), "mac", ethernet ? mac : NULL, "mtu",
        (json_int_t)info->mtu, "link_type", info->link_type, "queue_length", (json_int_t)info->queue_length, "bridge",
        *info->bridge ? device_text_json(info->bridge) : json_null(), "alias",
        *info->alias ? device_text_json(info->alias) : json_null(), "addresses", addresses_json(info), "owner",
        id_json(info->owner), "group", id_json(info->group), "persistent", info->persistent, "multi_queue",
        info->multi_queue, "queues", info->queue_count, "detached_queues", info->detached_count, "packet_information",
        info->packet_information, "vnet_header", info->vnet_header, "offloads", offloads_json(info->offloads),
        "holders", holders_json(info), "detail", detail_json(info), "counters",
        json_pack("{s:o, s:o}", "received", counters_json(info->rx_bytes, info->rx_packets, info->rx_dropped), "sent",
                  counters_json(info->tx_bytes, info->tx_packets, info->tx_dropped)));
}

static int print_json(const struct tapnet_device_list *list)
{
    const struct tapnet_device_info *info;
    json_t *devices = json_array(), *document;
    char *text;

    for (size_t i = 0; (info = tapnet_device_info(list, i)); i++)
        json_array_append_new(devices, device_json(info));
    document = json_pack("{s:i, s:o}", "version", 1, "devices", devices);
    text = document ? json_dumps(document, JSON_INDENT(2)) : NULL;
    json_decref(document);
    if (!text) {
        fputs("tapnet: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    puts(text);
    free(text);
    return EXIT_DONE;
}

int run_device_show(const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_device_list *list;
    int netns, result = device_words_netns("device show", &arguments->device, &netns);

    if (result)
        return result;
    result = tapnet_device_list(netns, arguments->operand, &list, &error);
    if (netns >= 0)
        close(netns);
    if (result < 0)
        return session_fail(&error, session_exit_code(result));
    result = EXIT_DONE;
    if (arguments->json)
        result = print_json(list);
    else
        print_list(list, arguments->operand != NULL);
    tapnet_device_list_free(list);
    return result;
}
