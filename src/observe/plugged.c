/* SPDX-License-Identifier: MIT */
/* Ports that came or went alone since their network's ledger was written, at a cost of their own: beside it. */
#include "observe/plugged.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "model/json_cleanup.h"

#define TEXT_MAX (64 << 20) /* as of a ledger */

const char *plugged_ledger_print(const struct stat *ledger, char text[PLUGGED_LEDGER_MAX])
{
    snprintf(text, PLUGGED_LEDGER_MAX, "%ju %jd %jd %ld", (uintmax_t)ledger->st_ino, (intmax_t)ledger->st_size,
             (intmax_t)ledger->st_mtim.tv_sec, ledger->st_mtim.tv_nsec);
    return text;
}

/* The whole file, malloc'ed; NULL when there is none. */
static int read_text(const char *path, char **ret, struct tapnet_error *error)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_free_ char *text = NULL;
    struct stat status;
    size_t len = 0;
    ssize_t got;

    *ret = NULL;
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_set_errno(error, -errno, "cannot read %s", path);
    if (!S_ISREG(status.st_mode) || status.st_size > TEXT_MAX)
        return 0;
    text = malloc((size_t)status.st_size + 1);
    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    while (len < (size_t)status.st_size && (got = read(fd, text + len, (size_t)status.st_size - len)) != 0) {
        if (got < 0)
            return error_set_errno(error, -errno, "cannot read %s", path);
        len += (size_t)got;
    }
    text[len] = '\0';
    *ret = take_pointer(text);
    return 0;
}

/* Takes the line that *at begins with; NULL behind the last whole one. */
static char *take_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');

    if (!end)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    while ((text = strchr(text, '\n'))) {
        count++;
        text++;
    }
    return count;
}

/* Its place; as many as there are: it is none of them. Who came last mostly goes first. */
static size_t find_port(const struct model_network *network, const char *name)
{
    for (size_t i = network->port_count; i > 0; i--)
        if (strcmp(network->ports[i - 1].name, name) == 0)
            return i - 1;
    return network->port_count;
}

static bool drop_port(struct model_network *network, const char *name)
{
    size_t place = find_port(network, name);

    if (place == network->port_count)
        return false;
    network->port_count--;
    memmove(&network->ports[place], &network->ports[place + 1],
            (network->port_count - place) * sizeof(*network->ports));
    return true;
}

/* A line that makes no sense, or no new port, is passed over: as a ledger that holds nothing (ledger.c). */
static bool take_port(const char *line, struct model_network *network, struct arena *arena)
{
    _cleanup_json_ json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *gone = json_string_value(json_object_get(json, "gone"));
    struct model_port *port = &network->ports[network->port_count];

    if (gone)
        return drop_port(network, gone);
    *port = (struct model_port){.user = MODEL_ID_NONE, .group = MODEL_ID_NONE};
    if (!json || model_port_from_json(json, network, arena, port, NULL) < 0 ||
        find_port(network, port->name) < network->port_count)
        return false;
    network->port_count++;
    return true;
}

static int take_ports(char *lines, struct model_network *network, struct arena *arena, bool *ret_any)
{
    size_t most = model_network_ports_max(network), room = network->port_count + count_lines(lines);
    struct model_port *ports = arena_alloc(arena, room * sizeof(*ports));

    if (!ports)
        return -ENOMEM;
    if (network->port_count)
        memcpy(ports, network->ports, network->port_count * sizeof(*ports));
    network->ports = ports;
    for (const char *line; network->port_count <= most && (line = take_line(&lines));)
        *ret_any |= take_port(line, network, arena);
    if (network->port_count > most)
        network->port_count = most;
    return 0;
}

/* Where it stands: @path without its ".json". -ENAMETOOLONG. */
static int companion(const char *path, char ret[PATH_MAX])
{
    size_t len = strlen(path) - strlen(".json");

    if (snprintf(ret, PATH_MAX, "%.*s" PLUGGED_SUFFIX, (int)len, path) >= PATH_MAX)
        return -ENAMETOOLONG;
    return 0;
}

/* What stood beside a ledger that was replaced went with it: who reads both one after the other would miss it. */
static int check_current(const char *path, const char *wanted)
{
    char text[PLUGGED_LEDGER_MAX];
    struct stat now;

    return stat(path, &now) == 0 && strcmp(plugged_ledger_print(&now, text), wanted) == 0 ? 0 : -EAGAIN;
}

int plugged_read(const char *path, const struct stat *ledger, struct model_network *network, struct arena *arena,
                 bool *ret_any, struct tapnet_error *error)
{
    char file[PATH_MAX], wanted[PLUGGED_LEDGER_MAX], *lines, *first;
    _cleanup_free_ char *text = NULL;
    int result = companion(path, file);

    if (result == 0)
        result = read_text(file, &text, error);
    *ret_any = false;
    if (result < 0)
        return result;
    plugged_ledger_print(ledger, wanted);
    lines = text;
    first = text ? take_line(&lines) : NULL;
    if (!first || strcmp(first, wanted) != 0)
        return check_current(path, wanted);
    return take_ports(lines, network, arena, ret_any);
}

/* @name: of a file in the directory @networks. */
static bool is_heavy(int networks, const char *name)
{
    char ledger[NAME_MAX + sizeof(".json")];
    struct stat beside, of;

    snprintf(ledger, sizeof(ledger), "%.*s.json", (int)(strlen(name) - strlen(PLUGGED_SUFFIX)), name);
    if (fstatat(networks, name, &beside, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(networks, ledger, &of, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    return of.st_size <= PLUGGED_LEDGER_SHORT || beside.st_size >= of.st_size / 2;
}

bool plugged_is_heavy(const char *run_dir)
{
    char path[PATH_MAX];
    bool heavy = false;
    DIR *networks;

    if (snprintf(path, sizeof(path), "%s/networks", run_dir) >= (int)sizeof(path) || !(networks = opendir(path)))
        return false;
    for (const struct dirent *entry; !heavy && (entry = readdir(networks));)
        heavy = text_ends_in(entry->d_name, PLUGGED_SUFFIX) && is_heavy(dirfd(networks), entry->d_name);
    closedir(networks);
    return heavy;
}
