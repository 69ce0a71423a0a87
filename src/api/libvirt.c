/* SPDX-License-Identifier: MIT */
/* What libvirt is told of a port, or of a network: the <interface> of a domain. */
#include "api/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

#define API __attribute__((visibility("default")))

/*
 * How it works: of a port it is type='ethernet' with a target of managed='no': libvirt opens the TAP by its name, and
 * leaves its MAC, its MTU, its state and its bridge alone (qemuInterfaceEthernetConnect()). type='bridge' is another
 * thing in each kind of libvirt. The system's makes a TAP of its own, vnet0, and puts it into the bridge: no port of
 * ours, so it has no DHCP, and no guard stands between it and the others; a port's own TAP it refuses, because it is
 * there already. A user's (qemu:///session) has no right to either, and asks the bridge helper of its qemu.conf, with
 * `--br` and `--fd` as QEMU asks it: tapnet-bridge-helper, which gives it a new port. So that is what is printed of a
 * network.
 */

/* @text as the value of an attribute, between single quotes (XML 1.0, 2.3 AttValue). */
static void print_value(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("&<>'\"", *text))
            fprintf(out, "&#%d;", *text);
        else
            fputc(*text, out);
    }
}

/* "  <NAME KEY='VALUE'REST/>" on a line of its own; @rest is not escaped. */
static void print_element(FILE *out, const char *name, const char *key, const char *value, const char *rest)
{
    fprintf(out, "  <%s %s='", name, key);
    print_value(out, value);
    fprintf(out, "'%s/>\n", rest);
}

static void print_number(FILE *out, const char *name, const char *key, unsigned number)
{
    fprintf(out, "  <%s %s='%u'/>\n", name, key, number);
}

/*
 * No <driver name>: libvirt takes vhost where it may and QEMU's own back end elsewhere, and a name would make the
 * second case a failure. With several queues the TAP was made for several, and is opened so many times or not at all.
 */
static void print_port(FILE *out, const struct tapnet_status_network *network, const struct tapnet_status_port *port)
{
    fputs("<interface type='ethernet'>\n", out);
    print_element(out, "target", "dev", port->device, " managed='no'");
    print_element(out, "mac", "address", port->mac, "");
    fputs("  <model type='virtio'/>\n", out);
    if (port->queues > 1)
        print_number(out, "driver", "queues", port->queues);
    print_number(out, "mtu", "size", network->mtu);
    fputs("</interface>\n", out);
}

/* No <mac>: two guests must not have the same. No <mtu>: libvirt would set it on the TAP, which users may not. */
static void print_network(FILE *out, const struct tapnet_status_network *network)
{
    bool has_bridge = strcmp(network->mode, "routed") != 0;

    fputs("<!-- for qemu:///session, where qemu.conf has tapnet-bridge-helper as bridge_helper -->\n", out);
    fputs("<interface type='bridge'>\n", out);
    print_element(out, "source", "bridge", has_bridge ? network->bridge : network->name, "");
    fputs("  <model type='virtio'/>\n</interface>\n", out);
}

/* Named by itself or by its bridge; NULL for none. */
static const struct tapnet_status_network *find_network(const struct tapnet_status *status, const char *name)
{
    for (size_t i = 0; i < status->network_count; i++) {
        const struct tapnet_status_network *network = &status->networks[i];

        if (strcmp(network->name, name) == 0 || strcmp(network->bridge, name) == 0)
            return network;
    }
    return NULL;
}

/* What @name means: *ret_port is NULL for a network. */
static int find(const struct tapnet_status *status, const char *name, const struct tapnet_status_network **ret_network,
                const struct tapnet_status_port **ret_port, struct tapnet_error *error)
{
    int result = status_find_port(status, name, ret_network, ret_port, NULL);

    if (result != -ENOENT)
        return result < 0 ? status_find_port(status, name, ret_network, ret_port, error) : 0;
    *ret_port = NULL;
    *ret_network = find_network(status, name);
    if (!*ret_network)
        return error_set(error, -ENOENT, "no port and no network %s is up; `tapnet status` shows those that are", name);
    return 0;
}

API int tapnet_status_libvirt(const struct tapnet_status *status, const char *name, char **ret,
                              struct tapnet_error *error)
{
    const struct tapnet_status_network *network;
    const struct tapnet_status_port *port;
    char *text = NULL;
    size_t length;
    FILE *out;
    bool failed;
    int result = find(status, name, &network, &port, error);

    if (result < 0)
        return result;
    out = open_memstream(&text, &length);
    if (!out)
        return error_set(error, -ENOMEM, "out of memory");
    if (port)
        print_port(out, network, port);
    else
        print_network(out, network);
    failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return error_set(error, -ENOMEM, "out of memory");
    }
    *ret = text;
    return 0;
}
