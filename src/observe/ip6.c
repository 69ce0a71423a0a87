/* SPDX-License-Identifier: MIT */
/* What the host's IPv6 is like: its way out, where that comes from, and who forwards. */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/address.h"
#include "netlink/sysctl.h"
#include "observe/links.h"

/*
 * How it works: what we have changed ourselves must not look like the host's own wish at the next look. A sysctl that
 * has a ledger is one of ours, whatever its value is now. So is one whose ledger somebody tidied away, as long as the
 * guards tell of it: they hold what is closed for others because it forwards for us, and the links whose accept_ra was
 * 1. It is found as if the ledger were there still, but for a mark, so that the next `up` writes the ledger anew.
 */

#define MACHINE_ID_LEN 32

/* ---- routes ---- */

struct route_mark {
    struct observe_pass *pass;
    size_t object_count, taken_count; /* to go back to when the dump starts again */
    uint32_t best_metric;
};

static void note_learning(struct model_ip6 *ip6, const char *name)
{
    for (size_t i = 0; i < ip6->learning_count; i++)
        if (strcmp(ip6->learning[i], name) == 0)
            return;
    if (ip6->learning_count < MODEL_LINKS_MAX)
        memcpy(ip6->learning[ip6->learning_count++], name, MODEL_IFNAME_MAX);
}

/* A route on a link of ours: one to a guest, or what the kernel made for an address. */
static int read_own_route(struct observe_pass *pass, const char *device, const struct netlink_route *route)
{
    struct model_object object = {.kind = MODEL_OBJECT_ROUTE};

    observe_meet_route(pass, device, route);
    if (route->protocol != MODEL_ROUTE_PROTOCOL || route->type != RTN_UNICAST || route->destination.length != 128 ||
        route->gateway.family)
        return 0;
    memcpy(object.route.device, device, sizeof(object.route.device));
    object.route.guest = route->destination.address;
    object.route.source = route->source;
    return model_objects_add(&pass->found->objects, &object);
}

static int read_route(const struct netlink_route *route, void *data)
{
    struct route_mark *mark = data;
    struct model_ip6 *ip6 = &mark->pass->found->ip6;
    const struct observe_index *link = observe_find_index(mark->pass, route->index);

    if (!link)
        return 0;
    if (link->ours && !link->lan)
        return read_own_route(mark->pass, link->name, route);
    if (route->gateway.family) { /* stands for itself, as by IPv4: observe/host.c */
        const struct ip_prefix gateway = {route->gateway, 128};
        int result = observe_take(mark->pass, &gateway);

        if (result < 0)
            return result;
    }
    if (route->protocol == RTPROT_RA) /* also by a bridge that has taken the place of an uplink */
        note_learning(ip6, link->name);
    if (route->destination.length > 0)
        return observe_take(mark->pass, &route->destination);
    if (link->lan || route->type != RTN_UNICAST)
        return 0;
    if (route->metric < mark->best_metric) {
        mark->best_metric = route->metric;
        memcpy(ip6->uplink, link->name, sizeof(ip6->uplink));
    }
    return 0;
}

static void restart_routes(void *data)
{
    struct route_mark *mark = data;
    struct observe_found *found = mark->pass->found;

    found->objects.count = mark->object_count;
    found->taken_count = mark->taken_count;
    mark->best_metric = UINT32_MAX;
    found->ip6.uplink[0] = '\0';
    found->ip6.learning_count = 0;
}

int observe_routes6(struct netlink *netlink, struct observe_pass *pass)
{
    struct route_mark mark = {pass, pass->found->objects.count, pass->found->taken_count, UINT32_MAX};

    return netlink_route_dump(netlink, AF_INET6, RT_TABLE_MAIN, read_route, restart_routes, &mark, pass->error);
}

/* ---- sysctls ---- */

/* "" when it is not there, which is no failure. */
static int read_conf(const char *device, const char *name, char text[16], struct tapnet_error *error)
{
    char path[MODEL_SYSCTL_MAX];
    int result;

    snprintf(path, sizeof(path), "net/ipv6/conf/%s/%s", device, name);
    result = sysctl_read(path, text, 16, error);
    if (result < 0)
        text[0] = '\0';
    return result == -ENOENT ? 0 : result;
}

static int read_is_one(const char *device, const char *name, bool *ret, struct tapnet_error *error)
{
    char text[16];
    int result = read_conf(device, name, text, error);

    *ret = strcmp(text, "1") == 0;
    return result;
}

static bool has_sysctl(const struct model_objects *objects, const char *path)
{
    for (size_t i = 0; i < objects->count; i++)
        if (objects->items[i].kind == MODEL_OBJECT_SYSCTL && strcmp(objects->items[i].sysctl.path, path) == 0)
            return true;
    return false;
}

/* Is net.ipv6.conf.DEVICE.NAME as it is because of us? */
static bool is_ours(const struct observe_found *found, const char *device, const char *name)
{
    char path[MODEL_SYSCTL_MAX];

    snprintf(path, sizeof(path), "net/ipv6/conf/%s/%s", device, name);
    return has_sysctl(&found->objects, path);
}

/* Those by which the kernel itself learns, unless we keep it from forgetting, in which case it still would. */
static int keep_learning(struct observe_found *found, struct tapnet_error *error)
{
    struct model_ip6 *ip6 = &found->ip6;
    size_t kept = 0;

    for (size_t i = 0; i < ip6->learning_count; i++) {
        bool learns;
        int result = read_is_one(ip6->learning[i], "accept_ra", &learns, error);

        if (result < 0)
            return result;
        if (learns)
            memmove(ip6->learning[kept++], ip6->learning[i], MODEL_IFNAME_MAX);
    }
    ip6->learning_count = kept;
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_object *object = &found->objects.items[i];
        char device[MODEL_IFNAME_MAX];

        if (object->kind == MODEL_OBJECT_SYSCTL && model_sysctl_device(&object->sysctl, "ipv6", "accept_ra", device) &&
            object->sysctl.restore[0])
            note_learning(ip6, device);
    }
    return 0;
}

/* ---- sysctls whose ledgers are gone ---- */

/* Of the one family whose interfaces we can't choose: IPv6. */
static const struct model_conf6 forwards_all = {"forwarding", "0", "1", GUARD_CLOSED_FAMILIES};

/* What the element @object tells of; NULL: nothing. */
static const struct model_conf6 *find_trace(const struct model_object *object)
{
    if (object->kind != MODEL_OBJECT_ELEMENT)
        return NULL;
    for (const struct model_conf6 *conf = model_conf6; conf->name; conf++)
        if (conf->trace == object->element.set)
            return conf;
    return forwards_all.trace == object->element.set ? &forwards_all : NULL;
}

/* Adds the set that @label ("set/network") is of, unless @users ends with it. NULL when memory is short. */
static const char *add_user(struct arena *arena, const char *users, const char *label)
{
    int len = (int)strcspn(label, "/");
    const char *last = strrchr(users, ' ');

    last = last ? last + 1 : users;
    if ((int)strlen(last) == len && strncmp(last, label, (size_t)len) == 0)
        return users;
    return arena_printf(arena, "%s%s%.*s", users, *users ? " " : "", len, label);
}

/* By their sets, which end where the shorter one does: "a" comes before "a-b", although '-' comes before '/'. */
static int compare_labels(const void *a, const void *b)
{
    const char *left = *(const char *const *)a, *right = *(const char *const *)b;
    size_t left_len = strcspn(left, "/"), right_len = strcspn(right, "/");
    int order = memcmp(left, right, left_len < right_len ? left_len : right_len);

    return order || left_len == right_len ? order : left_len < right_len ? -1 : 1;
}

/* The sets with IPv6 that goes out, by @uplink if that is not NULL, sorted; NULL when memory is short. */
static const char *find_users(struct model_objects *objects, const char *uplink)
{
    _cleanup_free_ const char **labels = calloc(objects->count + 1, sizeof(*labels));
    const char *users = "";
    size_t count = 0;

    if (!labels)
        return NULL;
    for (size_t i = 0; i < objects->count; i++) {
        const struct guard_element *element = &objects->items[i].element;

        if (objects->items[i].kind == MODEL_OBJECT_ELEMENT && element->set == GUARD_EGRESS6 &&
            (!uplink || strcmp(guard_read_ifname(element, 1), uplink) == 0))
            labels[count++] = element->label;
    }
    qsort(labels, count, sizeof(*labels), compare_labels);
    for (size_t i = 0; i < count && users; i++)
        users = add_user(&objects->arena, users, labels[i]);
    return users;
}

/* The sysctl that @element tells of, unless a ledger does, or it is not as we made it. */
static int add_lost(struct model_objects *objects, const struct guard_element *element, const struct model_conf6 *trace)
{
    bool all = trace == &forwards_all, shared = all || trace->trace == GUARD_LEARNING6;
    const char *device = all ? "all" : guard_read_ifname(element, 0);
    struct model_object object = {.kind = MODEL_OBJECT_SYSCTL, .sysctl = {.lost = true}};
    struct model_sysctl *sysctl = &object.sysctl;

    read_conf(device, trace->name, sysctl->value, NULL); /* unread it is not as we left it */
    snprintf(sysctl->path, sizeof(sysctl->path), "net/ipv6/conf/%s/%s", device, trace->name);
    snprintf(sysctl->restore, sizeof(sysctl->restore), "%s", trace->before);
    if (strcmp(sysctl->value, trace->value) != 0 || has_sysctl(objects, sysctl->path))
        return 0;
    sysctl->users = find_users(objects, shared ? NULL : device);
    return sysctl->users ? model_objects_add(objects, &object) : -ENOMEM;
}

static int add_all_lost(struct model_objects *objects)
{
    size_t count = objects->count;
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        const struct model_conf6 *trace = find_trace(&objects->items[i]);

        if (trace) {
            const struct guard_element element = objects->items[i].element; /* the list may move when it grows */

            result = add_lost(objects, &element, trace);
        }
    }
    return result;
}

/* ---- the machine ---- */

/* systemd's id of the machine, which says nothing to others any more when it is hashed; else its name. */
static uint64_t identify_machine(void)
{
    char text[128] = "";
    _cleanup_close_ int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t len = fd < 0 ? -1 : read(fd, text, MACHINE_ID_LEN);

    if (len != MACHINE_ID_LEN && gethostname(text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    return hash_mix(hash_text(text) ^ hash_text("tapnet unique local addresses"));
}

int observe_ip6(struct observe_found *found, struct tapnet_error *error)
{
    struct model_ip6 *ip6 = &found->ip6;
    int result = add_all_lost(&found->objects);
    bool forwards = false;
    char text[16] = "";

    if (result == 0)
        result = read_conf("default", "disable_ipv6", text, error);
    ip6->available = strcmp(text, "0") == 0;
    if (result == 0)
        result = read_is_one("all", "forwarding", &forwards, error);
    ip6->forwards = forwards && !is_ours(found, "all", "forwarding");
    if (result == 0)
        result = read_conf("all", "force_forwarding", text, error);
    ip6->forces = text[0] != '\0';
    if (result == 0)
        result = keep_learning(found, error);
    ip6->machine = identify_machine();
    return result;
}
