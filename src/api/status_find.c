/* SPDX-License-Identifier: MIT */
/* Which port of a status a person means. */
#include "api/status.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

/* Is @port of @network meant by @name: "web", "lab/web" or "lab-web", its device? */
static bool is_meant(const struct tapnet_status_network *network, const struct tapnet_status_port *port,
                     const char *name)
{
    size_t length = strlen(network->name);

    return strcmp(port->name, name) == 0 || strcmp(port->device, name) == 0 ||
           (strncmp(name, network->name, length) == 0 && name[length] == '/' &&
            strcmp(name + length + 1, port->name) == 0);
}

int status_find_port(const struct tapnet_status *status, const char *name,
                     const struct tapnet_status_network **ret_network, const struct tapnet_status_port **ret_port,
                     struct tapnet_error *error)
{
    const struct tapnet_status_network *found = NULL;
    const struct tapnet_status_port *port = NULL;

    for (size_t i = 0; i < status->network_count; i++) {
        const struct tapnet_status_network *network = &status->networks[i];

        for (size_t j = 0; j < network->port_count; j++) {
            if (!is_meant(network, &network->ports[j], name))
                continue;
            if (port)
                return error_set(error, -ENOTUNIQ, "port %s is in several networks: say %s/%s or %s/%s", name,
                                 found->name, port->name, network->name, network->ports[j].name);
            found = network;
            port = &network->ports[j];
        }
    }
    if (!port)
        return error_set(error, -ENOENT, "no port %s is up; `tapnet status` shows those that are", name);
    *ret_network = found;
    *ret_port = port;
    return 0;
}
