/* SPDX-License-Identifier: MIT */
/* Unix sockets of this network namespace, from NETLINK_SOCK_DIAG. */
#include "netlink/unix.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h> /* TCP_LISTEN, which Unix sockets have too */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netlink/netlink.h"

/*
 * How it works: the kernel tells each socket's name, byte by byte, and whose it is. /proc/net/unix has the names too,
 * but prints them as they are: with a name that holds a newline anybody forges a whole line. And a user in a mount
 * namespace of his own may bind any path: so only root's sockets count, and our own user's.
 */
struct search {
    const char *path;
    uid_t top; /* who owns /: root, under the name that our user namespace has for it */
    unsigned long *inodes;
    size_t count, max; /* of listeners */
    bool anybodys;     /* whoever's they are */
    bool any;
};

DEFINE_CLEANUP(struct netlink *, netlink_close)

/* A path's name ends with its NUL, or does not: the kernel keeps what it was told. */
static bool is_called(const struct nlattr *name, const char *path)
{
    size_t len = name ? mnl_attr_get_payload_len(name) : 0, path_len = strlen(path);

    if (len != path_len && len != path_len + 1)
        return false;
    return memcmp(mnl_attr_get_payload(name), path, path_len) == 0 &&
           (len == path_len || ((const char *)mnl_attr_get_payload(name))[path_len] == '\0');
}

static bool is_trusted(const struct search *search, const struct nlattr *uid)
{
    uint32_t owner = netlink_get_u32(uid);

    return search->anybodys || (uid && (owner == 0 || owner == geteuid() || owner == search->top));
}

static int read_socket(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[UNIX_DIAG_UID + 1];
    const struct unix_diag_msg *found = mnl_nlmsg_get_payload(message);
    struct search *search = data;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*found)) ||
        netlink_parse(message, sizeof(*found), attributes, UNIX_DIAG_UID) < 0)
        return -EBADMSG;
    if (!is_called(attributes[UNIX_DIAG_NAME], search->path) || !is_trusted(search, attributes[UNIX_DIAG_UID]))
        return 0;
    search->any = true;
    if (found->udiag_state == TCP_LISTEN && search->count < search->max)
        search->inodes[search->count++] = found->udiag_ino;
    return 0;
}

static void forget(void *data)
{
    struct search *search = data;

    search->any = false;
    search->count = 0;
}

/* What can't be asked is not there. */
static void look(struct search *search)
{
    const struct unix_diag_req request = {
        .sdiag_family = AF_UNIX, .udiag_states = ~0u, .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_UID};
    struct netlink_message message cleanup(netlink_message_fini);
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct stat top;

    netlink_message_init(&message);
    search->top = stat("/", &top) == 0 ? top.st_uid : 0;
    if (netlink_open(NETLINK_SOCK_DIAG, &netlink, NULL) < 0)
        return;
    netlink_begin(&message, SOCK_DIAG_BY_FAMILY, 0, &request, sizeof(request));
    if (netlink_dump(netlink, &message, read_socket, forget, search, NULL) < 0)
        forget(search);
}

bool unix_socket_is_ours(const char *path)
{
    struct search search = {.path = path};

    look(&search);
    return search.any;
}

bool unix_socket_is_bound(const char *path)
{
    struct search search = {.path = path, .anybodys = true};

    look(&search);
    return search.any;
}

size_t unix_socket_listeners(const char *path, unsigned long *inodes, size_t max)
{
    struct search search = {.path = path, .inodes = inodes, .max = max};

    look(&search);
    return search.count;
}
