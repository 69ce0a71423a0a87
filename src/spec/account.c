/* SPDX-License-Identifier: MIT */
/* Users and groups of the host by name. */
#include "spec/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

#define ENTRY_LEN_MIN 1024
#define ENTRY_LEN_MAX (1u << 22) /* a group of some hundred thousand members */

/* The errors by which getpwnam_r(3) and getgrnam_r(3) may say "no such name". */
static bool is_not_found(int code)
{
    return code == 0 || code == ENOENT || code == ESRCH || code == EBADF || code == EPERM;
}

int spec_user_find(const char *name, uint32_t *ret)
{
    for (size_t len = ENTRY_LEN_MIN; len <= ENTRY_LEN_MAX; len *= 2) {
        _cleanup_free_ char *buffer = malloc(len);
        struct passwd entry, *found = NULL;
        int r;

        if (!buffer)
            return -ENOMEM;
        r = getpwnam_r(name, &entry, buffer, len, &found);
        if (found) {
            *ret = entry.pw_uid;
            return 0;
        }
        if (is_not_found(r))
            return -ESRCH;
        if (r != ERANGE)
            return -r;
    }
    return -ERANGE;
}

int spec_group_find(const char *name, uint32_t *ret)
{
    for (size_t len = ENTRY_LEN_MIN; len <= ENTRY_LEN_MAX; len *= 2) {
        _cleanup_free_ char *buffer = malloc(len);
        struct group entry, *found = NULL;
        int r;

        if (!buffer)
            return -ENOMEM;
        r = getgrnam_r(name, &entry, buffer, len, &found);
        if (found) {
            *ret = entry.gr_gid;
            return 0;
        }
        if (is_not_found(r))
            return -ESRCH;
        if (r != ERANGE)
            return -r;
    }
    return -ERANGE;
}
