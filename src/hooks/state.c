/* SPDX-License-Identifier: MIT */
/* What went wrong with hooks of ports: a line of the log, and for `status` the last one of each network. */
#include "hooks/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/hook_resident.h"
#include "base/cleanup.h"
#include "service/log.h"

static char *print_lines(const struct ports *ports)
{
    char *text = strdup("");

    for (size_t i = 0; i < ports->network_count && text; i++) {
        _cleanup_free_ char *before = text;
        const struct hook_network *network = ports->networks[i];

        if (asprintf(&text, "%s%s%s%s%s", before, network->failure ? network->name : "", network->failure ? " " : "",
                     network->failure ? network->failure : "", network->failure ? "\n" : "") < 0)
            text = NULL;
    }
    return text;
}

/* Without the lock, and so by a name of our own before the rename. */
void state_write(const struct ports *ports)
{
    char path[RUN_PATH_MAX], fresh[RUN_PATH_MAX];
    _cleanup_free_ char *text = print_lines(ports);
    _cleanup_close_ int fd = -1;

    if (!text || run_path(ports->run_dir, HOOK_RESIDENT_STATE, path) < 0 ||
        run_path(ports->run_dir, HOOK_RESIDENT_FRESH, fresh) < 0)
        return;
    if (!*text) {
        unlink(path);
        return;
    }
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || run_write(fd, text, strlen(text)) < 0 || rename(fresh, path) < 0)
        unlink(fresh);
}

void state_fail(const struct ports *ports, struct hooked_port *port, const char *event, const char *sentence)
{
    struct hook_network *network = port->network;
    char *failure;

    if (asprintf(&failure, "network %s: hooks: %s%sport %s: %s", network->name, event ? event : "", event ? ": " : "",
                 port->facts.name, sentence) < 0)
        return;
    log_line("%s", failure);
    free(network->failure);
    network->failure = failure;
    memcpy(network->failed_port, port->facts.name, sizeof(network->failed_port));
    state_write(ports);
}

void state_well(const struct ports *ports, const struct hooked_port *port)
{
    struct hook_network *network = port->network;

    if (!network->failure || strcmp(network->failed_port, port->facts.name) != 0)
        return;
    free(network->failure);
    network->failure = NULL;
    state_write(ports);
}
