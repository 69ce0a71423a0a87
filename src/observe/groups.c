/* SPDX-License-Identifier: MIT */
/* Multicast groups that programs have joined on a link, as /proc/net/igmp and igmp6 have them. */
#include "observe/groups.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"

#define FILE4 "/proc/self/net/igmp"
#define FILE6 "/proc/self/net/igmp6"

/*
 * The kernel's own, and those of mDNS and LLMNR, whose programs follow the host's addresses; besides,
 * ff02::1:ff00:0/104 has one group for each address.
 */
static const char *const own[] = {"224.0.0.1", "224.0.0.251", "224.0.0.252", "ff01::1",   "ff02::1",  "ff02::2",
                                  "ff01::2",   "ff05::2",     "ff02::fb",    "ff02::1:3", "ff02::6a", "224.0.0.106"};

static bool is_own(const struct ip_address *group)
{
    static const uint8_t solicited[13] = {0xff, 0x02, [11] = 0x01, 0xff};
    char text[IP_TEXT_MAX];

    ip_address_print(group, text);
    for (size_t i = 0; i < ARRAY_COUNT(own); i++)
        if (strcmp(text, own[i]) == 0)
            return true;
    return group->family == AF_INET6 && memcmp(group->bytes, solicited, sizeof(solicited)) == 0;
}

/* What stands behind "2 eth0", the index and the name of a link; NULL: another one's. */
static const char *behind_device(const char *line, const char *name)
{
    size_t len = strlen(name);

    line += strspn(line, "0123456789");
    line += strspn(line, " \t");
    return strncmp(line, name, len) == 0 && strchr(" \t:", line[len]) ? line + len : NULL;
}

/* "2 eth0 : 1 V3" stands above its groups, which are indented by tabs: "010000E0 1 ...", as the machine has them. */
static void read_line4(const char *line, const char *name, bool *inside, observe_group_reader *reader, void *data)
{
    struct ip_address group = {.family = AF_INET};
    uint32_t bytes = (uint32_t)strtoul(line, NULL, 16);

    if (line[0] != '\t') {
        *inside = behind_device(line, name);
        return;
    }
    memcpy(group.bytes, &bytes, sizeof(bytes));
    if (*inside && !is_own(&group))
        reader(&group, data);
}

/* "2    eth0            ff0200000000000000000000000000fb     1 0000000C 0" */
static void read_line6(const char *line, const char *name, observe_group_reader *reader, void *data)
{
    struct ip_address group = {.family = AF_INET6};
    const char *digits = behind_device(line, name);

    if (!digits)
        return;
    digits += strspn(digits, " \t");
    if (strspn(digits, "0123456789abcdef") != 2 * sizeof(group.bytes))
        return;
    for (size_t i = 0; i < sizeof(group.bytes); i++) {
        const char byte[] = {digits[2 * i], digits[2 * i + 1], '\0'};

        group.bytes[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    if (!is_own(&group))
        reader(&group, data);
}

/* A kernel without the family has no such file. */
static int read_file(const char *path, const char *name, bool six, observe_group_reader *reader, void *data,
                     struct tapnet_error *error)
{
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    char line[256];
    bool inside = false;

    if (!file)
        return errno == ENOENT ? 0 : error_set_errno(error, -errno, "cannot read %s", path);
    while (fgets(line, sizeof(line), file)) {
        if (six)
            read_line6(line, name, reader, data);
        else
            read_line4(line, name, &inside, reader, data);
    }
    return 0;
}

int observe_groups(const char *name, observe_group_reader *reader, void *data, struct tapnet_error *error)
{
    int result = read_file(FILE4, name, false, reader, data, error);

    return result < 0 ? result : read_file(FILE6, name, true, reader, data, error);
}
