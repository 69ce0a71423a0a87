/* SPDX-License-Identifier: MIT */
/* What was typed of a device as the library takes it. */
#include "device_words.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

__attribute__((format(printf, 2, 3))) static int mistake(const char *command, const char *format, ...)
{
    __builtin_va_list arguments;

    fprintf(stderr, "tapnet %s: ", command);
    __builtin_va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    __builtin_va_end(arguments);
    fputc('\n', stderr);
    return EXIT_USAGE;
}

/* A decimal number, or hexadecimal after 0x; nothing else, and no sign. */
static int parse_number(const char *command, const char *option, const char *word, unsigned long minimum,
                        unsigned long maximum, unsigned long *ret)
{
    int base = strncmp(word, "0x", 2) == 0 ? 16 : 10;
    const char *digits = base == 16 ? word + 2 : word;
    unsigned long number;
    char *end;

    errno = 0;
    number = strtoul(digits, &end, base);
    if (!strchr("0123456789abcdefABCDEF", *digits) || end == digits || *end || errno || number < minimum ||
        number > maximum)
        return mistake(command, "--%s is a number from %lu to %lu, not '%s'", option, minimum, maximum, word);
    *ret = number;
    return 0;
}

static int parse_word(const char *command, const char *option, const char *word, const char *const *words, size_t count,
                      size_t *ret)
{
    char all[64] = "";

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(all);

        if (strcmp(word, words[i]) == 0) {
            *ret = i;
            return 0;
        }
        snprintf(all + length, sizeof(all) - length, "%s`%s`", i ? ", " : "", words[i]);
    }
    return mistake(command, "--%s is one of %s, not '%s'", option, all, word);
}

static int parse_switch(const char *command, const char *option, const char *word, bool *ret)
{
    static const char *const words[] = {"off", "on"};
    size_t index = 0;
    int result = parse_word(command, option, word, words, COUNT(words), &index);

    *ret = index == 1;
    return result;
}

int device_words_mac(const char *command, const char *option, const char *word, uint8_t ret[6])
{
    uint8_t bytes[6];
    const char *rest = word;

    for (size_t i = 0; i < 6; i++) {
        size_t digits = strspn(rest, "0123456789abcdefABCDEF");

        if (digits < 1 || digits > 2 || rest[digits] != (i < 5 ? ':' : '\0'))
            return mistake(command, "--%s is like 52:54:00:00:00:07, not '%s'", option, word);
        bytes[i] = (uint8_t)strtoul(rest, NULL, 16);
        rest += digits + 1;
    }
    memcpy(ret, bytes, sizeof(bytes));
    return 0;
}

static bool is_number(const char *word)
{
    return *word && strspn(word, "0123456789") == strlen(word);
}

static int parse_user(const char *command, const char *word, uint32_t *ret)
{
    const struct passwd *entry = getpwnam(word);
    unsigned long number = 0;
    int result;

    if (!entry && !is_number(word))
        return mistake(command, "there is no user '%s'", word);
    result = entry ? 0 : parse_number(command, "owner", word, 0, UINT32_MAX - 1, &number);
    *ret = entry ? entry->pw_uid : (uint32_t)number;
    return result;
}

static int parse_group(const char *command, const char *word, uint32_t *ret)
{
    const struct group *entry = getgrnam(word);
    unsigned long number = 0;
    int result;

    if (!entry && !is_number(word))
        return mistake(command, "there is no group '%s'", word);
    result = entry ? 0 : parse_number(command, "group", word, 0, UINT32_MAX - 1, &number);
    *ret = entry ? entry->gr_gid : (uint32_t)number;
    return result;
}

/* ---- offloads ---- */

static const struct {
    const char *name;
    unsigned offload;
} offload_rows[] = {
    {"csum", TAPNET_OFFLOAD_CHECKSUM},
    {"tso4", TAPNET_OFFLOAD_TSO4},
    {"tso6", TAPNET_OFFLOAD_TSO6},
    {"ecn", TAPNET_OFFLOAD_TSO_ECN},
    {"ufo", TAPNET_OFFLOAD_UFO},
    {"uso4", TAPNET_OFFLOAD_USO4},
    {"uso6", TAPNET_OFFLOAD_USO6},
    {"tunnel", TAPNET_OFFLOAD_UDP_TUNNEL},
    {"tunnel-csum", TAPNET_OFFLOAD_UDP_TUNNEL_CHECKSUM},
};

static unsigned find_offload(const char *word, size_t length)
{
    for (size_t i = 0; i < COUNT(offload_rows); i++)
        if (strlen(offload_rows[i].name) == length && memcmp(offload_rows[i].name, word, length) == 0)
            return offload_rows[i].offload;
    return 0;
}

static int parse_offloads(const char *command, const char *word, unsigned *ret)
{
    const char *rest = word;
    unsigned offloads = 0;

    if (strcmp(word, "none") == 0) {
        *ret = 0;
        return 0;
    }
    for (;;) {
        size_t length = strcspn(rest, ",");
        unsigned offload = find_offload(rest, length);

        if (!offload)
            return mistake(command, "there is no offload '%.*s'; `tapnet %s --help` lists them", (int)length, rest,
                           command);
        offloads |= offload;
        if (!rest[length])
            break;
        rest += length + 1;
    }
    *ret = offloads;
    return 0;
}

const char *device_offloads_print(unsigned offloads, char text[128])
{
    text[0] = '\0';
    for (size_t i = 0; i < COUNT(offload_rows); i++) {
        size_t length = strlen(text);

        if (offloads & offload_rows[i].offload)
            snprintf(text + length, 128 - length, "%s%s", length ? "," : "", offload_rows[i].name);
    }
    return *text ? text : "none";
}

/* ---- the change ---- */

static int number_field(const char *command, const char *option, const char *word, unsigned long minimum,
                        unsigned long maximum, unsigned field, unsigned *fields, unsigned long *ret)
{
    if (!word)
        return 0;
    *fields |= field;
    return parse_number(command, option, word, minimum, maximum, ret);
}

static int parse_numbers(const char *command, const struct device_words *words, struct tapnet_device_change *change)
{
    unsigned long mtu = 0, queue_length = 0, link_type = 0, send_buffer = 0, header_size = 0;
    unsigned *fields = &change->fields;
    int result = number_field(command, "mtu", words->mtu, 68, 65535, TAPNET_FIELD_MTU, fields, &mtu);

    if (!result)
        result = number_field(command, "queue-length", words->queue_length, 0, 1000000, TAPNET_FIELD_QUEUE_LENGTH,
                              fields, &queue_length);
    if (!result)
        result = number_field(command, "link-type", words->link_type, 0, 65535, TAPNET_FIELD_LINK_TYPE, fields,
                              &link_type);
    if (!result)
        result = number_field(command, "send-buffer", words->send_buffer, 0, INT_MAX, TAPNET_FIELD_SEND_BUFFER, fields,
                              &send_buffer);
    if (!result)
        result = number_field(command, "vnet-header-size", words->vnet_header_size, 10, 65535,
                              TAPNET_FIELD_VNET_HEADER_SIZE, fields, &header_size);
    change->mtu = (uint32_t)mtu;
    change->queue_length = (uint32_t)queue_length;
    change->link_type = (uint16_t)link_type;
    change->send_buffer = (int)send_buffer;
    change->vnet_header_size = (int)header_size;
    return result;
}

static int parse_link_state(const char *command, const struct device_words *words, struct tapnet_device_change *change)
{
    if (words->up && words->down)
        return mistake(command, "--up or --down, not both");
    if (words->bridge && words->no_bridge)
        return mistake(command, "--bridge or --no-bridge, not both");
    if (words->up || words->down)
        change->fields |= TAPNET_FIELD_UP;
    change->up = words->up;
    if (words->bridge || words->no_bridge)
        change->fields |= TAPNET_FIELD_BRIDGE;
    change->bridge = words->bridge;
    change->force = words->force;
    change->addresses = words->addresses.items;
    change->address_count = words->addresses.count;
    change->removed_addresses = words->removed_addresses.items;
    change->removed_address_count = words->removed_addresses.count;
    return 0;
}

static int parse_rights(const char *command, const struct device_words *words, struct tapnet_device_change *change)
{
    int result = 0;

    if (words->for_anybody && (words->owner || words->group))
        return mistake(command, "--for-anybody means no owner and no group");
    if (words->owner) {
        change->fields |= TAPNET_FIELD_OWNER;
        result = parse_user(command, words->owner, &change->owner);
    }
    if (!result && words->group) {
        change->fields |= TAPNET_FIELD_GROUP;
        result = parse_group(command, words->group, &change->group);
    }
    return result;
}

static int parse_words(const char *command, const struct device_words *words, struct tapnet_device_change *change)
{
    static const char *const orders[] = {"native", "little", "big"}; /* as in enum tapnet_byte_order */
    size_t order = 0;
    int result = 0;

    if (words->mac) {
        change->fields |= TAPNET_FIELD_MAC;
        result = device_words_mac(command, "mac", words->mac, change->mac);
    }
    if (!result && words->offloads) {
        change->fields |= TAPNET_FIELD_OFFLOADS;
        result = parse_offloads(command, words->offloads, &change->offloads);
    }
    if (!result && words->carrier) {
        change->fields |= TAPNET_FIELD_CARRIER;
        result = parse_switch(command, "carrier", words->carrier, &change->carrier);
    }
    if (!result && words->persistent) {
        change->fields |= TAPNET_FIELD_PERSISTENT;
        result = parse_switch(command, "persistent", words->persistent, &change->persistent);
    }
    if (!result && words->byte_order) {
        change->fields |= TAPNET_FIELD_VNET_HEADER_ORDER;
        result = parse_word(command, "byte-order", words->byte_order, orders, COUNT(orders), &order);
        change->vnet_header_order = (enum tapnet_byte_order)order;
    }
    return result;
}

int device_words_change(const char *command, const struct device_words *words, struct tapnet_device_change *ret)
{
    struct tapnet_device_change change = {0};
    int result = parse_numbers(command, words, &change);

    if (!result)
        result = parse_link_state(command, words, &change);
    if (!result)
        result = parse_rights(command, words, &change);
    if (!result)
        result = parse_words(command, words, &change);
    if (!result)
        *ret = change;
    return result;
}

/* ---- the rest ---- */

int device_words_kind(const char *command, const struct device_words *words, const char *name,
                      enum tapnet_device_kind *ret)
{
    static const char *const kinds[] = {"tun", "tap"};
    size_t kind = name && strncmp(name, "tun", 3) == 0 ? 0 : 1;
    int result = words->kind ? parse_word(command, "kind", words->kind, kinds, COUNT(kinds), &kind) : 0;

    *ret = kind == 0 ? TAPNET_TUN : TAPNET_TAP;
    return result;
}

int device_words_index(const char *command, const struct device_words *words, int *ret)
{
    unsigned long index = 0;
    int result = words->index ? parse_number(command, "index", words->index, 1, INT_MAX, &index) : 0;

    *ret = (int)index;
    return result;
}

int device_words_netns(const char *command, const struct device_words *words, int *ret)
{
    const char *name = words->netns;
    char path[PATH_MAX];
    int fd;

    *ret = -1;
    if (!name)
        return 0;
    if (!strchr(name, '/') && snprintf(path, sizeof(path), "/run/netns/%s", name) >= (int)sizeof(path))
        return mistake(command, "the name of the network namespace is too long");
    fd = open(strchr(name, '/') ? name : path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return mistake(command, "there is no network namespace '%s': %s", name, strerror(errno));
    *ret = fd;
    return 0;
}
