/* SPDX-License-Identifier: MIT */
/* What a guest that asks nobody is told about its network, in the words of those who set it up. */
#include "api/status.h"
#include "api/text_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"

#define API __attribute__((visibility("default")))

/*
 * How it works: all that a guest needs stands in the status of its port and of its network; each form is one function
 * that prints it. A guest's device is known by its MAC, which the VMM gave it: what it is called is the guest's affair.
 */
struct guest {
    const struct tapnet_status_network *network;
    const struct tapnet_status_port *port;
    const char *address;          /* the port's, or what all clones have */
    const char *address6;         /* the same of IPv6, "" without it */
    const char *length, *length6; /* of the subnets' prefixes: "24"; of IPv6, "128" where nobody is on the link */
};

/* "10.20.0.1/24": what stands behind the slash. */
static const char *length_of(const char *subnet)
{
    const char *slash = strchr(subnet, '/');

    return slash ? slash + 1 : "";
}

/*
 * Where all goes by the host: by IPv4 that answers for the neighbours, whatever the guest thinks, by IPv6 the service.
 * It need not where guests have a router by IPv6.
 */
static const char *length6_of(const struct tapnet_status_network *network)
{
    return network->routes && *network->gateway6 ? "128" : length_of(network->subnet6);
}

/* The mask of a prefix of @length bits, as IPv4 has it: for those who know no prefixes. */
static const char *print_mask(const char *length, char text[16])
{
    unsigned long bits = strtoul(length, NULL, 10);
    uint32_t mask = bits ? UINT32_MAX << (32 - (bits < 32 ? bits : 32)) : 0;

    snprintf(text, 16, "%u.%u.%u.%u", mask >> 24, mask >> 16 & 255, mask >> 8 & 255, mask & 255);
    return text;
}

/* ---- the forms ---- */

/*
 * ip(8) and a resolv.conf(5): to type, or a script. It may be done again, after a change: what the guest had before
 * goes, since nothing from another address is let through, and a default route of IPv6 outlives the addresses.
 */
static void print_commands(FILE *out, const struct guest *guest)
{
    const struct tapnet_status_network *network = guest->network;

    fprintf(out, "# as root, where eth0 is the device with MAC %s\n", guest->port->mac);
    fprintf(out, "ip link set eth0 mtu %u up\n", network->mtu);
    fputs("ip address flush dev eth0 scope global\n", out);
    fprintf(out, "ip address add %s/%s dev eth0\n", guest->address, guest->length);
    if (*network->gateway)
        fprintf(out, "ip route replace default via %s\n", network->gateway);
    if (*guest->address6)
        fprintf(out, "ip address add %s/%s dev eth0\n", guest->address6, guest->length6);
    if (*network->gateway6)
        fprintf(out, "ip route replace default via %s dev eth0\n", network->gateway6);
    if (*network->dns)
        fprintf(out, "printf 'nameserver %s\\nsearch %s\\n' > /etc/resolv.conf\n", network->dns, guest->port->search);
}

/*
 * cloud-init's network-config, version 2. With the key `network`, which it does not need, it is a file of netplan's
 * too. A name is set because not all of cloud-init's renderers look for a MAC.
 */
static void print_cloud_init(FILE *out, const struct guest *guest)
{
    const struct tapnet_status_network *network = guest->network;

    fputs("network:\n  version: 2\n  ethernets:\n    eth0:\n", out);
    fprintf(out, "      match:\n        macaddress: \"%s\"\n      set-name: eth0\n", guest->port->mac);
    fprintf(out, "      mtu: %u\n      dhcp4: false\n      dhcp6: false\n", network->mtu);
    if (*guest->address6)
        fputs("      accept-ra: false\n", out);
    fprintf(out, "      addresses:\n        - %s/%s\n", guest->address, guest->length);
    if (*guest->address6)
        fprintf(out, "        - %s/%s\n", guest->address6, guest->length6);
    if (*network->gateway)
        fprintf(out, "      routes:\n        - to: 0.0.0.0/0\n          via: %s\n", network->gateway);
    if (*network->gateway6) /* a route to ::/0 becomes one to ::/64 in cloud-init 22.4 */
        fprintf(out, "      gateway6: %s\n", network->gateway6);
    if (!*network->dns)
        return;
    fprintf(out, "      nameservers:\n        addresses:\n          - %s\n        search:\n", network->dns);
    for (const char *word = guest->port->search; *word; word += strspn(word, " ")) {
        size_t length = strcspn(word, " ");

        fprintf(out, "          - \"%.*s\"\n", (int)length, word); /* a network may be called `on` */
        word += length;
    }
}

/* systemd.network(5). */
static void print_networkd(FILE *out, const struct guest *guest)
{
    const struct tapnet_status_network *network = guest->network;

    fputs("# /etc/systemd/network/10-tapnet.network\n", out);
    fprintf(out, "[Match]\nMACAddress=%s\n\n[Link]\nMTUBytes=%u\n\n", guest->port->mac, network->mtu);
    fprintf(out, "[Network]\nDHCP=no\nAddress=%s/%s\n", guest->address, guest->length);
    if (*network->gateway)
        fprintf(out, "Gateway=%s\n", network->gateway);
    if (*guest->address6)
        fprintf(out, "IPv6AcceptRA=no\nAddress=%s/%s\n", guest->address6, guest->length6);
    if (*network->gateway6)
        fprintf(out, "Gateway=%s\n", network->gateway6);
    if (*network->dns)
        fprintf(out, "DNS=%s\nDomains=%s\n", network->dns, guest->port->search);
}

/*
 * The kernel's own ip= (Documentation/admin-guide/nfs/nfsroot.rst), which the initramfs of most systems takes as well:
 * address, server, gateway, mask, name, device (any), no DHCP, resolver. There is no such word for IPv6 that all of
 * them read; a guest that numbers itself as routers tell it has the port's address anyway.
 */
static void print_kernel(FILE *out, const struct guest *guest)
{
    char mask[16];

    fprintf(out, "ip=%s::%s:%s:%s::off%s%s\n", guest->address, guest->network->gateway, print_mask(guest->length, mask),
            guest->port->hostname, *guest->network->dns ? ":" : "", guest->network->dns);
}

static const struct {
    const char *name;
    void (*print)(FILE *out, const struct guest *guest);
} forms[] = {
    [TAPNET_GUEST_COMMANDS] = {"commands", print_commands},
    [TAPNET_GUEST_CLOUD_INIT] = {"cloud-init", print_cloud_init},
    [TAPNET_GUEST_NETWORKD] = {"networkd", print_networkd},
    [TAPNET_GUEST_KERNEL] = {"kernel", print_kernel},
};

API const char *tapnet_guest_form_name(enum tapnet_guest_form form)
{
    return (size_t)form < ARRAY_COUNT(forms) ? forms[form].name : NULL;
}

/* Malloc'ed; NULL when memory is short. */
static char *print_form(const struct guest *guest, enum tapnet_guest_form form)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    bool failed;

    if (!out)
        return NULL;
    forms[form].print(out, guest);
    failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

/* ---- which port ---- */

/* As status_find_port(); -ENODATA where others give addresses. */
static int find_guest(const struct tapnet_status *status, const char *name, struct guest *ret,
                      struct tapnet_error *error)
{
    struct guest found;
    int result = status_find_port(status, name, &found.network, &found.port, error);

    if (result < 0)
        return result;
    if (!*found.port->address)
        return error_set(error, -ENODATA,
                         "port %s has no address of tapnet's: network %s is of mode %s, and whoever gives addresses in "
                         "the uplink's network gives its guest one, by DHCP for example",
                         name, found.network->name, found.network->mode);
    found.address = *found.network->inside ? found.network->inside : found.port->address;
    found.address6 = *found.network->inside6 ? found.network->inside6 : found.port->address6;
    found.length = length_of(found.network->subnet);
    found.length6 = length6_of(found.network);
    *ret = found;
    return 0;
}

API int tapnet_status_guest(const struct tapnet_status *status, const char *port, enum tapnet_guest_form form,
                            char **ret, struct tapnet_error *error)
{
    struct guest guest;
    char *text;
    int result = find_guest(status, port, &guest, error);

    if (result < 0)
        return result;
    if ((size_t)form >= ARRAY_COUNT(forms))
        return error_set(error, -EINVAL, "there is no form %d", (int)form);
    text = print_form(&guest, form);
    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    *ret = text;
    return 0;
}

/* ---- as JSON ---- */

/* A list of the words of @text, which blanks separate. */
static json_t *words_json(const char *text)
{
    json_t *array = json_array();

    for (const char *word = text; *word; word += strspn(word, " ")) {
        size_t length = strcspn(word, " ");

        json_array_append_new(array, json_stringn(word, length));
        word += length;
    }
    return array;
}

static json_t *addresses_json(const struct guest *guest)
{
    json_t *array = json_pack("[s++]", guest->address, "/", guest->length);

    if (array && *guest->address6)
        json_array_append_new(array, json_pack("s++", guest->address6, "/", guest->length6));
    return array;
}

/* Each form by its name; NULL when memory is short. */
static json_t *forms_json(const struct guest *guest)
{
    json_t *object = json_object();

    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        _cleanup_free_ char *text = print_form(guest, (enum tapnet_guest_form)i);

        if (!text || json_object_set_new(object, forms[i].name, json_string(text)) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

API int tapnet_status_guest_json(const struct tapnet_status *status, const char *port, char **ret,
                                 struct tapnet_error *error)
{
    struct guest guest = {.network = NULL};
    json_t *document;
    int result = find_guest(status, port, &guest, error);

    if (result < 0 || !guest.network)
        return result;
    document = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:s*, s:s*, s:s*, s:o, s:o}", "version", 1,
                         "network", guest.network->name, "port", guest.port->name, "device", guest.port->device, "mac",
                         guest.port->mac, "hostname", guest.port->hostname, "mtu", (int)guest.network->mtu, "addresses",
                         addresses_json(&guest), "gateway", *guest.network->gateway ? guest.network->gateway : NULL,
                         "gateway6", *guest.network->gateway6 ? guest.network->gateway6 : NULL, "dns",
                         *guest.network->dns ? guest.network->dns : NULL, "search", words_json(guest.port->search),
                         "forms", forms_json(&guest));
    return api_json_print(document, ret, error);
}
