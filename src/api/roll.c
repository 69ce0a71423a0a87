/* SPDX-License-Identifier: MIT */
/* A network's roll: who is there in short, so that one port more need not read all the others. */
#include "api/roll.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/run.h"
#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "observe/plugged.h"

#define HEAD_LEN 160 /* of the first line, which is filled up with spaces: its numbers change in place */
#define ROLL_MAX (64 << 20)
#define ROLL_FORMAT "roll 1"

struct roll_port {
    char name[MODEL_NAME_MAX], hostname[MODEL_NAME_MAX], device[MODEL_IFNAME_MAX];
    struct mac mac, guest_mac;
    struct ip_address address, address6;
    uint32_t user;
    enum model_origin origin;
    bool guest_mac_given, mac_spoofing, no_ip6;
};

void roll_fini(struct roll *roll)
{
    free(roll->text);
    arena_fini(&roll->arena);
}

static int path_of(const char *run_dir, const char *network, const char *suffix, char ret[RUN_PATH_MAX])
{
    return snprintf(ret, RUN_PATH_MAX, "%s/networks/%s%s", run_dir, network, suffix) < RUN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* ---- what it is about ---- */

/* The first line: the format, the size of a port, the ledger, and how long the file beside that is. */
static int print_head(const char *run_dir, const char *network, char ret[HEAD_LEN + 1], char *ret_ledger)
{
    char path[RUN_PATH_MAX], ledger[PLUGGED_LEDGER_MAX];
    struct stat status;
    long long more = -1;
    int len;

    if (path_of(run_dir, network, ".json", path) < 0 || stat(path, &status) < 0)
        return -ESTALE;
    plugged_ledger_print(&status, ledger);
    if (path_of(run_dir, network, PLUGGED_SUFFIX, path) == 0 && stat(path, &status) == 0)
        more = (long long)status.st_size;
    len = snprintf(ret, HEAD_LEN, ROLL_FORMAT " %zu %s %lld", sizeof(struct roll_port), ledger, more);
    if (len < 0 || len >= HEAD_LEN)
        return -ESTALE;
    memset(ret + len, ' ', (size_t)(HEAD_LEN - 1 - len));
    ret[HEAD_LEN - 1] = '\n';
    ret[HEAD_LEN] = '\0';
    if (ret_ledger)
        strcpy(ret_ledger, ledger);
    return 0;
}

/* ---- reading ---- */

static int read_file(const char *path, char **ret, size_t *ret_len)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_free_ char *text = NULL;
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > ROLL_MAX)
        return -ESTALE;
    text = malloc((size_t)status.st_size + 1);
    if (!text || read(fd, text, (size_t)status.st_size) != (ssize_t)status.st_size)
        return -ESTALE;
    text[status.st_size] = '\0';
    *ret_len = (size_t)status.st_size;
    *ret = take_pointer(text);
    return 0;
}

static void take_port(const struct roll_port *entry, struct model_port *ret)
{
    *ret = (struct model_port){
        .origin = entry->origin,
        .guest_mac_given = entry->guest_mac_given,
        .mac_spoofing = entry->mac_spoofing,
        .no_ip6 = entry->no_ip6,
        .mac = entry->mac,
        .guest_mac = entry->guest_mac,
        .address = entry->address,
        .address6 = entry->address6,
        .user = entry->user,
        .group = MODEL_ID_NONE,
    };
    memcpy(ret->name, entry->name, sizeof(ret->name));
    memcpy(ret->hostname, entry->hostname, sizeof(ret->hostname));
    memcpy(ret->device, entry->device, sizeof(ret->device));
}

/* @at: @len bytes of ports. */
static int take_ports(struct roll *roll, const char *at, size_t len)
{
    size_t count = len / sizeof(struct roll_port);
    struct model_port *ports = arena_alloc(&roll->arena, count * sizeof(*ports));
    struct roll_port entry;

    if (!ports || len % sizeof(entry) != 0)
        return -ESTALE;
    for (size_t i = 0; i < count; i++) {
        memcpy(&entry, at + i * sizeof(entry), sizeof(entry));
        take_port(&entry, &ports[i]);
    }
    roll->network->ports = ports;
    roll->network->port_count = count;
    return 0;
}

/* @line: the network, and which bridge it was. One that was made anew since is another. */
static int take_network(struct roll *roll, const char *line)
{
    _cleanup_json_ json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *set = json_string_value(json_object_get(json, "set"));
    json_int_t index = json_integer_value(json_object_get(json, "bridge_index"));

    if (!set || model_network_from_json(json_object_get(json, "network"), &roll->arena, &roll->network, NULL) < 0 ||
        index <= 0 || if_nametoindex(roll->network->bridge) != (unsigned)index)
        return -ESTALE;
    roll->set = arena_strdup(&roll->arena, set);
    return roll->set ? 0 : -ESTALE;
}

int roll_read(const char *run_dir, const char *network, struct roll *ret)
{
    char path[RUN_PATH_MAX], head[HEAD_LEN + 1], *line, *end;
    size_t len;
    int result = path_of(run_dir, network, PLUGGED_ROLL_SUFFIX, path);

    *ret = (struct roll){.text = NULL};
    if (result == 0)
        result = read_file(path, &ret->text, &len);
    if (result == 0)
        result = print_head(run_dir, network, head, ret->ledger);
    if (result < 0 || len < HEAD_LEN || memcmp(ret->text, head, HEAD_LEN) != 0)
        return -ESTALE;
    line = ret->text + HEAD_LEN;
    end = memchr(line, '\n', len - HEAD_LEN);
    if (!end)
        return -ESTALE;
    *end++ = '\0';
    result = take_network(ret, line);
    return result == 0 ? take_ports(ret, end, len - (size_t)(end - ret->text)) : result;
}

/* ---- writing ---- */

static void fill_entry(const struct model_port *port, struct roll_port *ret)
{
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->name, port->name, sizeof(ret->name));
    memcpy(ret->hostname, port->hostname, sizeof(ret->hostname));
    memcpy(ret->device, port->device, sizeof(ret->device));
    ret->mac = port->mac;
    ret->guest_mac = port->guest_mac;
    ret->address = port->address;
    ret->address6 = port->address6;
    ret->user = port->user;
    ret->origin = port->origin;
    ret->guest_mac_given = port->guest_mac_given;
    ret->mac_spoofing = port->mac_spoofing;
    ret->no_ip6 = port->no_ip6;
}

/* The second line, malloc'ed. */
static char *print_network(const char *set, const struct model_network *network)
{
    struct model_network alone = *network;
    _cleanup_json_ json_t *json = NULL;

    alone.port_count = 0;
    json = json_pack("{s:s, s:I, s:o}", "set", set, "bridge_index", (json_int_t)if_nametoindex(network->bridge),
                     "network", model_network_to_json(&alone));
    return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

static bool write_all(FILE *file, const char *head, const char *line, const struct model_network *network)
{
    fprintf(file, "%s%s\n", head, line);
    for (size_t i = 0; i < network->port_count; i++) {
        struct roll_port entry;

        fill_entry(&network->ports[i], &entry);
        fwrite(&entry, sizeof(entry), 1, file);
    }
    return !ferror(file) && fflush(file) == 0;
}

void roll_write(const char *run_dir, const char *set, const struct model_network *network)
{
    _cleanup_free_ char *line = print_network(set, network);
    char path[RUN_PATH_MAX], head[HEAD_LEN + 1];
    _cleanup_close_ int fd = -1;
    _cleanup_fclose_ FILE *file = NULL;

    if (!line || print_head(run_dir, network->name, head, NULL) < 0 ||
        path_of(run_dir, network->name, PLUGGED_ROLL_SUFFIX, path) < 0)
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file)
        return;
    take_fd(&fd);
    if (!write_all(file, head, line, network))
        unlink(path);
}

void roll_add(const char *run_dir, const char *network, const struct model_port *port)
{
    char path[RUN_PATH_MAX], head[HEAD_LEN + 1];
    _cleanup_close_ int fd = -1;
    struct roll_port entry;
    struct stat status;

    if (path_of(run_dir, network, PLUGGED_ROLL_SUFFIX, path) < 0)
        return;
    fill_entry(port, &entry);
    fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0 || print_head(run_dir, network, head, NULL) < 0 ||
        pwrite(fd, &entry, sizeof(entry), status.st_size) != (ssize_t)sizeof(entry) ||
        pwrite(fd, head, HEAD_LEN, 0) != HEAD_LEN)
        unlink(path);
}
