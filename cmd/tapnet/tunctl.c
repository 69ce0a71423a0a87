/* SPDX-License-Identifier: MIT */
/* tunctl: the options, output, messages and exit codes of uml-utilities' program, on <tapnet/device.h>. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tapnet/device.h>

#include "personality.h"

/*
 * How it works: scripts read what tunctl prints and compare its exit codes, so both are what they have always been: 1
 * for every failure, TUNSETPERSIST for any ioctl that fails behind TUNSETIFF. tests/compat runs Debian's tunctl beside
 * it.
 */

#define NODE "/dev/net/tun"
#define NOBODY (-1) /* no owner, no group was given; so does -u -1 */

struct wishes {
    const char *program, *node, *device;
    int user, group;
    bool brief, delete;
};

static int usage(const struct wishes *wishes)
{
    fprintf(stderr, "Create: %s [-b] [-u owner] [-g group] [-t device-name] [-f tun-clone-device]\n", wishes->program);
    fprintf(stderr, "Delete: %s -d device-name [-f tun-clone-device]\n\n", wishes->program);
    fputs("The default tun clone device is /dev/net/tun - some systems use\n/dev/misc/net/tun instead\n\n"
          "-b will result in brief output (just the device name)\n",
          stderr);
    return 1;
}

/* A number as C writes it, of which the lower 32 bits count. 0, or -1 when something stands behind it. */
static int parse_id(const char *word, int *ret)
{
    char *end;
    long number = strtol(word, &end, 0);

    if (*end)
        return -1;
    *ret = (int)number;
    return 0;
}

static int parse_user(struct wishes *wishes, const char *word)
{
    const struct passwd *entry = getpwnam(word);

    if (entry) {
        wishes->user = (int)entry->pw_uid;
    } else if (parse_id(word, &wishes->user) < 0) {
        fprintf(stderr, "'%s' is neither a username nor a numeric uid.\n", word);
        return usage(wishes);
    }
    return 0;
}

static int parse_group(struct wishes *wishes, const char *word)
{
    const struct group *entry = getgrnam(word);

    if (entry) {
        wishes->group = (int)entry->gr_gid;
    } else if (parse_id(word, &wishes->group) < 0) {
        fprintf(stderr, "'%s' is neither a groupname nor a numeric group.\n", word);
        return usage(wishes);
    }
    return 0;
}

static int parse(struct wishes *wishes, int count, char **words)
{
    int option, result = 0;

    while (!result && (option = getopt(count, words, "bd:f:t:u:g:")) > 0) {
        switch (option) {
        case 'b':
            wishes->brief = true;
            break;
        case 'd':
            wishes->delete = true;
            wishes->device = optarg;
            break;
        case 'f':
            wishes->node = optarg;
            break;
        case 't':
            wishes->device = optarg;
            break;
        case 'u':
            result = parse_user(wishes, optarg);
            break;
        case 'g':
            result = parse_group(wishes, optarg);
            break;
        default:
            result = usage(wishes);
        }
    }
    return result || optind == count ? result : usage(wishes);
}

static int complain(const char *what, int result)
{
    fprintf(stderr, "%s: %s\n", what, strerror(-result));
    return 1;
}

/* Opens the device, making it when it is not there: so does -d. A name that is too long is cut. */
static int open_device(const struct wishes *wishes, struct tapnet_device **ret)
{
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    char name[TAPNET_DEVICE_NAME_MAX];
    int node = open(wishes->node, O_RDWR | O_CLOEXEC), result;

    if (node < 0) {
        fprintf(stderr, "Failed to open '%s' : %s\n", wishes->node, strerror(errno));
        return 1;
    }
    close(node);
    snprintf(name, sizeof(name), "%s", wishes->device);
    options.kind = TAPNET_TAP;
    options.name = *name ? name : NULL;
    options.node = wishes->node;
    result = tapnet_device_open(&options, ret, NULL);
    return result < 0 ? complain("TUNSETIFF", result) : 0;
}

static void print_made(const struct wishes *wishes, const struct tapnet_device *device)
{
    if (wishes->brief) {
        puts(tapnet_device_name(device));
        return;
    }
    printf("Set '%s' persistent and owned by", tapnet_device_name(device));
    if (wishes->user != NOBODY)
        printf(" uid %d", wishes->user);
    if (wishes->group != NOBODY)
        printf(" gid %d", wishes->group);
    putchar('\n');
}

static int make(const struct wishes *wishes, struct tapnet_device *device)
{
    struct tapnet_device_change change = {.fields = TAPNET_FIELD_PERSISTENT, .persistent = true};
    int result;

    if (wishes->user != NOBODY)
        change.fields |= TAPNET_FIELD_OWNER;
    if (wishes->group != NOBODY)
        change.fields |= TAPNET_FIELD_GROUP;
    change.owner = (uint32_t)wishes->user;
    change.group = (uint32_t)wishes->group;
    result = tapnet_device_set(device, &change, NULL);
    if (result < 0)
        return complain("TUNSETPERSIST", result);
    print_made(wishes, device);
    return 0;
}

static int take_away(struct tapnet_device *device)
{
    const struct tapnet_device_change change = {.fields = TAPNET_FIELD_PERSISTENT, .persistent = false};
    int result = tapnet_device_set(device, &change, NULL);

    if (result < 0)
        return complain("TUNSETPERSIST", result);
    printf("Set '%s' nonpersistent\n", tapnet_device_name(device));
    return 0;
}

int tunctl_main(int count, char **words)
{
    struct wishes wishes = {.program = words[0], .node = NODE, .device = "", .user = NOBODY, .group = NOBODY};
    struct tapnet_device *device;
    int result = parse(&wishes, count, words);

    if (wishes.user == NOBODY && wishes.group == NOBODY)
        wishes.user = (int)geteuid();
    if (!result)
        result = open_device(&wishes, &device);
    if (result)
        return result;
    result = wishes.delete ? take_away(device) : make(&wishes, device);
    tapnet_device_close(device);
    return result;
}
