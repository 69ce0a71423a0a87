/* SPDX-License-Identifier: MIT */
/* Checks of what users other than root, to whom ports and devices belong, may open. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

#include "explain/doctor.h"

#define GROUPS_MAX 256 /* of one user */
#define NAMES_MAX 4096 /* bytes that the C library needs for an entry of passwd or group */
#define USERS_MAX 16   /* that are told of, with one device each */

#define FOR_ALL 0006
#define FOR_GROUP 0060

/* A node that users need. */
struct node {
    const char *path;
    struct stat stat;
};

/* ---- who is kept out ---- */

/* Is the user in @group, by what the host says of both? */
static bool is_member(const struct passwd *user, gid_t group)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;

    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
        count = GROUPS_MAX;
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return false;
}

/* May the user not open the node? Of one whom the host has no name for, the groups are not known: *ret_name is "". */
static bool is_kept_out(uint32_t id, const struct stat *node, char name[NAMES_MAX])
{
    char buffer[NAMES_MAX];
    struct passwd user, *known = NULL;

    if ((node->st_mode & FOR_ALL) == FOR_ALL || id == node->st_uid)
        return false;
    name[0] = '\0';
    if (getpwuid_r(id, &user, buffer, sizeof(buffer), &known) || !known)
        return true;
    snprintf(name, NAMES_MAX, "%s", known->pw_name);
    return (node->st_mode & FOR_GROUP) != FOR_GROUP || !is_member(known, node->st_gid);
}

/* The command that puts the user into the node's group, where there is one for that; NULL: the check's own. */
static const char *group_command(struct doctor *doctor, const struct stat *node, const char *user)
{
    char buffer[NAMES_MAX];
    struct group group, *known = NULL;

    if (!*user || node->st_gid == 0 || (node->st_mode & FOR_GROUP) != FOR_GROUP ||
        getgrgid_r(node->st_gid, &group, buffer, sizeof(buffer), &known) || !known)
        return NULL;
    return doctor_print(doctor, "usermod -aG %s %s", explain_word(&doctor->arena, known->gr_name),
                        explain_word(&doctor->arena, user));
}

/* ---- devices that belong to users ---- */

/* @object as a port or a device that belongs to another user than root; NULL: it is none. */
static const struct model_link *users_link(const struct model_object *object)
{
    bool is_users = object->kind == MODEL_OBJECT_LINK && object->link.kind != MODEL_LINK_BRIDGE &&
                    object->link.user != 0 && object->link.user != MODEL_ID_NONE;

    return is_users ? &object->link : NULL;
}

static bool is_among(const uint32_t *users, size_t count, uint32_t user)
{
    for (size_t i = 0; i < count; i++)
        if (users[i] == user)
            return true;
    return false;
}

static int tell(struct doctor *doctor, const struct doctor_check *check, const struct node *node,
                const struct model_link *link, const char *user)
{
    return doctor_add(doctor, check, group_command(doctor, &node->stat, user),
                      doctor_print(doctor, "%s belongs to user %u%s%s%s, who may not open %s (mode %04o, group %u)",
                                   link->name, link->user, *user ? " (" : "", user, *user ? ")" : "", node->path,
                                   (unsigned)node->stat.st_mode & 07777, (unsigned)node->stat.st_gid));
}

static int look_at_node(struct doctor *doctor, const struct doctor_check *check, const char *path)
{
    const struct model_objects *objects = &doctor->host.found->objects;
    struct node node = {.path = path};
    uint32_t asked[USERS_MAX];
    size_t count = 0;

    if (stat(path, &node.stat) < 0)
        return 0;
    for (size_t i = 0; i < objects->count && count < USERS_MAX; i++) {
        const struct model_link *link = users_link(&objects->items[i]);
        char user[NAMES_MAX];

        if (!link || is_among(asked, count, link->user))
            continue;
        asked[count++] = link->user;
        if (is_kept_out(link->user, &node.stat, user) && tell(doctor, check, &node, link, user) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* The kernel asks for no right of its own when a device is opened that belongs to the user: the node's mode counts. */
int doctor_check_tun_closed(struct doctor *doctor, const struct doctor_check *check)
{
    return look_at_node(doctor, check, "/dev/net/tun");
}

int doctor_check_kvm_closed(struct doctor *doctor, const struct doctor_check *check)
{
    return look_at_node(doctor, check, "/dev/kvm");
}
