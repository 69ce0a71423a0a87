/* SPDX-License-Identifier: MIT */
/* A stage of isolation: which files the service may still read, and to which port it may connect. */
#include "service/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"

/*
 * How it works: Landlock (landlock(7), Linux 5.13) holds us to rules that stay for good: of files, to read those below
 * the folders where resolv.conf is, or may come to be; of TCP (6.7), to connect to port 53; of signals and abstract
 * sockets (6.12), nobody else's. What a kernel does not have yet is left out; a sanitizer reads more files than that.
 *
 * Datagrams it does not know: where a service that was taken over sends those, only the host's own rules could say.
 */

/* What the headers of an older kernel leave out. */
#define FS_REFER (UINT64_C(1) << 13)     /* from version 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define FS_FIRST (FS_REFER - 1)
#define NET_BIND_TCP UINT64_C(1) /* 4 */
#define NET_CONNECT_TCP UINT64_C(2)
#define SCOPE_ABSTRACT_UNIX UINT64_C(1) /* 6 */
#define SCOPE_SIGNAL UINT64_C(2)
#define RULE_NET_PORT 2

struct ruleset {
    uint64_t files, net, scoped;
};

struct net_port {
    uint64_t allowed, port;
};

#define DNS_PORT 53

static struct ruleset choose(long version)
{
    struct ruleset ruleset = {.files = FS_FIRST};

    if (version >= 2)
        ruleset.files |= FS_REFER;
    if (version >= 3)
        ruleset.files |= FS_TRUNCATE;
    if (version >= 4)
        ruleset.net = NET_BIND_TCP | NET_CONNECT_TCP;
    if (version >= 5)
        ruleset.files |= FS_IOCTL_DEV;
    if (version >= 6)
        ruleset.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
    return ruleset;
}

/* Files below @folder may be read. One that is not there is none to be read. */
static int allow_folder(int rules, const char *folder)
{
    struct landlock_path_beneath_attr beneath = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
    _cleanup_close_ int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    beneath.parent_fd = fd;
    return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0 ? -errno : 0;
}

/* The folder in which resolv.conf really is: it may be a link to anywhere. */
static int allow_resolv_conf(int rules)
{
    char path[PATH_MAX], *slash;

    if (!realpath("/etc/resolv.conf", path))
        return 0;
    slash = strrchr(path, '/');
    if (slash == path)
        return 0; /* not the whole of everything */
    *slash = '\0';
    return allow_folder(rules, path);
}

static int add_rules(int rules, const struct ruleset *ruleset)
{
    /* systemd-resolved, NetworkManager, connman and openresolv keep theirs below /run. */
    static const char *const folders[] = {"/etc", "/run"};
    const struct net_port port = {.allowed = NET_CONNECT_TCP, .port = DNS_PORT};
    int r = allow_resolv_conf(rules);

    for (size_t i = 0; i < ARRAY_COUNT(folders) && r == 0; i++)
        r = allow_folder(rules, folders[i]);
    if (r == 0 && ruleset->net && syscall(SYS_landlock_add_rule, rules, RULE_NET_PORT, &port, 0) < 0)
        r = -errno;
    return r;
}

int isolate_reach(struct isolation *isolation, struct tapnet_error *error)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset ruleset = choose(version);
    _cleanup_close_ int rules = -1;
    int r;

    if (version <= 0 || isolation->sanitizer)
        return 0;
    rules = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (rules < 0)
        return error_set_errno(error, -errno, "can't make rules for files");
    r = add_rules(rules, &ruleset);
    if (r == 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
        r = -errno;
    if (r < 0)
        return error_set_errno(error, r, "can't restrict files");
    isolation->landlock = (unsigned)version;
    return 0;
}
