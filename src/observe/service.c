/* SPDX-License-Identifier: MIT */
/* What the service says of itself and of its guests (service/control.h). */
#include "observe/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "model/json_cleanup.h"

/*
 * How it works: the service reads what guests send, so what it says is believed as little as what they do: names are
 * compared and never printed, and a list that does not end is cut off.
 */

#define REPLY_MAX 65536
#define REPLY_TIMEOUT_SEC 2
#define LEASES_MAX 65536 /* ports of all networks, and more */
#define TOLD_MAX 1024    /* datagrams at once: who sends more does not keep us */

static int connect_service(const char *run_dir, int flags)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const struct timeval timeout = {.tv_sec = REPLY_TIMEOUT_SEC};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

    if (fd < 0 ||
        snprintf(name.sun_path, sizeof(name.sun_path), "%s/service.sock", run_dir) >= (int)sizeof(name.sun_path))
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    return connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 ? take_fd(&fd) : -1;
}

/* Its answer to @request on @fd; NULL: none. *ret_mute: it takes its time. */
static json_t *ask(int fd, const char *request, bool *ret_mute)
{
    _cleanup_free_ char *reply = malloc(REPLY_MAX);
    size_t len = 0, fd_count = 0;
    int result;

    if (fd < 0 || !reply || message_send(fd, request, strlen(request), NULL, 0, 0) < 0)
        return NULL;
    result = message_receive(fd, reply, REPLY_MAX, NULL, 0, &len, &fd_count, 0);
    *ret_mute = result == -EAGAIN;
    return result < 0 ? NULL : json_loadb(reply, len, 0, NULL);
}

json_t *observe_service_status(const char *run_dir, bool *ret_mute)
{
    _cleanup_close_ int fd = connect_service(run_dir, 0);

    return ask(fd, "{\"do\":\"status\"}", ret_mute);
}

/* ---- leases ---- */

static int compare_lease(const void *a, const void *b)
{
    const struct observe_lease *one = a, *other = b;
    int order = strcmp(one->network, other->network);

    return order ? order : strcmp(one->port, other->port);
}

static bool read_name(const json_t *json, char name[MODEL_NAME_MAX])
{
    const char *text = json_string_value(json);

    if (!text || strlen(text) >= MODEL_NAME_MAX)
        return false;
    snprintf(name, MODEL_NAME_MAX, "%s", text);
    return true;
}

static uint64_t read_msec(const json_t *json)
{
    return json_integer_value(json) > 0 ? (uint64_t)json_integer_value(json) : 0;
}

struct leases {
    struct observe_lease *items;
    size_t count, capacity;
};

static void leases_fini(struct leases *leases)
{
    free(leases->items);
}

static int add_leases(struct leases *leases, const json_t *part)
{
    if (array_reserve((void **)&leases->items, &leases->capacity, leases->count, json_array_size(part),
                      sizeof(*leases->items)) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(part); i++) {
        const json_t *entry = json_array_get(part, i);
        struct observe_lease *lease = &leases->items[leases->count];

        if (!read_name(json_array_get(entry, 0), lease->network) || !read_name(json_array_get(entry, 1), lease->port))
            continue;
        lease->msec[0] = read_msec(json_array_get(entry, 2));
        lease->msec[1] = read_msec(json_array_get(entry, 3));
        leases->count++;
    }
    return 0;
}

int observe_leases(const char *run_dir, struct observe_lease **ret, size_t *ret_count)
{
    struct leases leases cleanup(leases_fini) = {0};
    _cleanup_close_ int fd = connect_service(run_dir, 0);
    json_int_t from = 0, next;

    do {
        char request[64];
        bool mute;
        _cleanup_json_ json_t *reply = NULL;

        snprintf(request, sizeof(request), "{\"do\":\"leases\",\"from\":%lld}", (long long)from);
        reply = ask(fd, request, &mute);
        next = json_integer_value(json_object_get(reply, "next"));
        if (add_leases(&leases, json_object_get(reply, "leases")) < 0)
            return -ENOMEM;
        if (next <= from)
            break;
        from = next;
    } while (leases.count < LEASES_MAX && from < LEASES_MAX);
    if (leases.count)
        qsort(leases.items, leases.count, sizeof(*leases.items), compare_lease);
    *ret_count = leases.count;
    *ret = take_pointer(leases.items);
    return 0;
}

const struct observe_lease *observe_find_lease(const struct observe_lease *leases, size_t count, const char *network,
                                               const char *port)
{
    struct observe_lease key;

    snprintf(key.network, sizeof(key.network), "%s", network);
    snprintf(key.port, sizeof(key.port), "%s", port);
    return count ? bsearch(&key, leases, count, sizeof(*leases), compare_lease) : NULL;
}

/* ---- news ---- */

int observe_service_listen(const char *run_dir)
{
    static const char request[] = "{\"do\":\"tell\"}";
    _cleanup_close_ int fd = connect_service(run_dir, SOCK_NONBLOCK);

    if (fd < 0 || message_send(fd, request, strlen(request), NULL, 0, MSG_DONTWAIT) < 0)
        return -1;
    return take_fd(&fd);
}

static bool begins_with(const char *text, size_t len, const char *beginning)
{
    return len >= strlen(beginning) && memcmp(text, beginning, strlen(beginning)) == 0;
}

enum observe_told observe_service_told(int fd)
{
    enum observe_told told = OBSERVE_TOLD_NOTHING;
    char text[256];
    size_t len, fd_count;
    int result;

    for (int i = 0; i < TOLD_MAX; i++) {
        result = message_receive(fd, text, sizeof(text), NULL, 0, &len, &fd_count, MSG_DONTWAIT);
        if (result < 0)
            return result == -EAGAIN ? told : OBSERVE_TOLD_END;
        if (begins_with(text, len, "{\"ok\":false"))
            return OBSERVE_TOLD_REFUSED;
        if (begins_with(text, len, "{\"lease\""))
            told = OBSERVE_TOLD_LEASE;
    }
    return told;
}
