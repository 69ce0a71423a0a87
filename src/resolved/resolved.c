/* SPDX-License-Identifier: MIT */
/* The host's own names by systemd-resolved: which server it asks, on a link, for which domain. */
#include "resolved/resolved.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/unix.h"
#include "resolved/bus.h"

#define LISTENER "/run/systemd/resolve/io.systemd.Resolve"
#define RESOLVED "org.freedesktop.resolve1"
#define RESOLVED_PATH "/org/freedesktop/resolve1"
#define RESOLVED_MANAGER "org.freedesktop.resolve1.Manager"
#define NETWORKD "org.freedesktop.network1"
#define NETWORKD_PATH "/org/freedesktop/network1"
#define NETWORKD_MANAGER "org.freedesktop.network1.Manager"
#define NETWORKD_LINK "org.freedesktop.network1.Link"
#define NO_SUCH_LINK "org.freedesktop.resolve1.NoSuchLink"

#define SERVERS_TYPE "a(iiayqs)" /* index, family, address, port, name for TLS */
#define DOMAINS_TYPE "a(isb)"    /* index, domain, for routing alone */

bool resolved_listens(void)
{
    return access(LISTENER, F_OK) == 0 && unix_socket_is_bound(LISTENER);
}

/* ---- reading ---- */

static struct resolved_names *find(struct resolved_names *names, size_t count, int link_index)
{
    for (size_t i = 0; i < count; i++)
        if (link_index > 0 && names[i].link_index == link_index) /* 0: the servers of no link */
            return &names[i];
    return NULL;
}

static bool is_server(const struct resolved_names *names, int family, const uint8_t *bytes, size_t len, uint16_t port)
{
    return family == names->server.family && len == ip_family_size(names->server.family) && port == names->port &&
           memcmp(bytes, names->server.bytes, len) == 0;
}

/* Only what is wanted, and that once, counts as one. */
static void count_one(unsigned *count, bool is_wanted)
{
    *count = is_wanted && *count == 0 ? 1 : 2;
}

int resolved_read_servers(struct dbus_reader *reader, struct resolved_names *names, size_t count)
{
    size_t end = dbus_read_array(reader, 8);

    while (dbus_more(reader, end)) {
        struct resolved_names *about;
        const uint8_t *bytes;
        size_t len, bytes_end;
        int index, family;
        uint16_t port;

        dbus_read_struct(reader);
        index = (int)dbus_read_u32(reader);
        family = (int)dbus_read_u32(reader);
        bytes_end = dbus_read_array(reader, 1);
        bytes = reader->bytes + reader->at;
        len = bytes_end - reader->at;
        reader->at = bytes_end;
        port = dbus_read_u16(reader);
        dbus_read_string(reader);
        about = reader->wrong ? NULL : find(names, count, index);
        if (about)
            count_one(&about->servers, is_server(about, family, bytes, len, port));
    }
    return reader->wrong ? -EPROTO : 0;
}

int resolved_read_domains(struct dbus_reader *reader, struct resolved_names *names, size_t count)
{
    size_t end = dbus_read_array(reader, 8);

    while (dbus_more(reader, end)) {
        struct resolved_names *about;
        const char *domain;
        bool routing;
        int index;

        dbus_read_struct(reader);
        index = (int)dbus_read_u32(reader);
        domain = dbus_read_string(reader);
        routing = dbus_read_u32(reader) != 0;
        about = reader->wrong ? NULL : find(names, count, index);
        if (about)
            count_one(&about->domains, routing && strcmp(domain, about->domain) == 0);
    }
    return reader->wrong ? -EPROTO : 0;
}

/* The property of an object, of which @ret then reads the value. */
static int get_property(struct bus *bus, const struct dbus_method *object, const char *property, const char *type,
                        struct dbus_reader *ret, struct tapnet_error *error)
{
    const struct dbus_method get = {object->destination, object->path, "org.freedesktop.DBus.Properties", "Get",
                                    object->waits};
    struct dbus_call call;
    const char *signature;
    int result;

    bus_prepare(bus, &call, &get, "ss");
    dbus_put_string(&call, object->interface);
    dbus_put_string(&call, property);
    result = bus_call(bus, &call, ret, &signature, error);
    if (result == 0 && (strcmp(signature, "v") != 0 || strcmp(dbus_read_signature(ret), type) != 0))
        result = error_set(error, -EPROTO, "the property %s has another type than %s", property, type);
    return result;
}

typedef int read_property(struct dbus_reader *reader, struct resolved_names *names, size_t count);

static int read_all(struct bus *bus, const char *property, const char *type, read_property *read,
                    struct resolved_names *names, size_t count, struct tapnet_error *error)
{
    static const struct dbus_method manager = {RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER, NULL, true};
    struct dbus_reader reader;
    int result = get_property(bus, &manager, property, type, &reader, error);

    if (result == 0 && read(&reader, names, count) < 0)
        result = error_set(error, -EPROTO, "the property %s can't be read", property);
    return result;
}

/*
 * Does systemd-networkd have the link, by a file that somebody wrote for more than was meant? Then it alone tells
 * resolved about it (LinkBusy to others). No networkd, or none of these links: no.
 */
static bool is_taken(struct bus *bus, int link_index)
{
    static const struct dbus_method get_link = {NETWORKD, NETWORKD_PATH, NETWORKD_MANAGER, "GetLinkByIndex", false};
    struct dbus_method link = {NETWORKD, NULL, NETWORKD_LINK, NULL, false};
    struct dbus_reader reader;
    struct dbus_call call;
    const char *signature, *state = "unmanaged";

    bus_prepare(bus, &call, &get_link, "i");
    dbus_put_u32(&call, (uint32_t)link_index);
    if (bus_call(bus, &call, &reader, &signature, NULL) < 0 || strcmp(signature, "so") != 0)
        return false;
    dbus_read_string(&reader);
    link.path = dbus_read_string(&reader);
    if (get_property(bus, &link, "AdministrativeState", "s", &reader, NULL) == 0)
        state = dbus_read_string(&reader);
    return strcmp(state, "unmanaged") != 0 && strcmp(state, "pending") != 0 && strcmp(state, "initialized") != 0;
}

int resolved_check(struct resolved_names *names, size_t count, struct tapnet_error *error)
{
    struct bus bus cleanup(bus_close) = {.fd = -1};
    int result = bus_open(&bus, error);

    for (size_t i = 0; i < count; i++)
        names[i].servers = names[i].domains = 0;
    if (result == 0)
        result = read_all(&bus, "DNSEx", SERVERS_TYPE, resolved_read_servers, names, count, error);
    if (result == 0)
        result = read_all(&bus, "Domains", DOMAINS_TYPE, resolved_read_domains, names, count, error);
    for (size_t i = 0; i < count; i++) {
        names[i].known = result == 0 && names[i].servers == 1 && names[i].domains == 1;
        names[i].taken = result == 0 && !names[i].known && names[i].link_index > 0 &&
                         is_taken(&bus, names[i].link_index);
    }
    return result < 0 ? error_prefix(error, result, "systemd-resolved") : 0;
}

/* ---- telling ---- */

/* Begins a call of the manager about a link, with the types of what follows the link's index. */
static void prepare(struct bus *bus, struct dbus_call *call, const char *member, const char *signature, int link_index)
{
    const struct dbus_method method = {RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER, member, true};

    bus_prepare(bus, call, &method, signature);
    dbus_put_u32(call, (uint32_t)link_index);
}

static int tell_server(struct bus *bus, const struct resolved_names *names, struct tapnet_error *error)
{
    struct dbus_array servers, bytes;
    struct dbus_call call;

    prepare(bus, &call, "SetLinkDNSEx", "ia(iayqs)", names->link_index);
    dbus_put_array(&call, 8, &servers);
    dbus_put_struct(&call);
    dbus_put_u32(&call, (uint32_t)names->server.family);
    dbus_put_array(&call, 1, &bytes);
    for (size_t i = 0; i < ip_family_size(names->server.family); i++)
        dbus_put_byte(&call, names->server.bytes[i]);
    dbus_end_array(&call, &bytes);
    dbus_put_u16(&call, names->port);
    dbus_put_string(&call, "");
    dbus_end_array(&call, &servers);
    return bus_call(bus, &call, NULL, NULL, error);
}

static int tell_domain(struct bus *bus, const struct resolved_names *names, struct tapnet_error *error)
{
    struct dbus_array domains;
    struct dbus_call call;

    prepare(bus, &call, "SetLinkDomains", "ia(sb)", names->link_index);
    dbus_put_array(&call, 8, &domains);
    dbus_put_struct(&call);
    dbus_put_string(&call, names->domain);
    dbus_put_u32(&call, true);
    dbus_end_array(&call, &domains);
    return bus_call(bus, &call, NULL, NULL, error);
}

/*
 * What the server can't do, and what would be asked of guests: not on this link. A resolved that was built without one
 * of them refuses, which is as well.
 */
static void turn_off(struct bus *bus, int link_index)
{
    static const char *const members[] = {"SetLinkDNSSEC", "SetLinkDNSOverTLS", "SetLinkLLMNR", "SetLinkMulticastDNS"};

    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        struct dbus_call call;

        prepare(bus, &call, members[i], "is", link_index);
        dbus_put_string(&call, "no");
        bus_call(bus, &call, NULL, NULL, NULL);
    }
}

/*
 * Resolved hears of a link by netlink, at its leisure: it may have no such link yet. Each question has it read on; so
 * it is asked again for as long as our patience with the bus lasts.
 */
static int meet_link(struct bus *bus, int link_index, struct tapnet_error *error)
{
    struct dbus_call call;
    int result;

    do {
        prepare(bus, &call, "SetLinkDefaultRoute", "ib", link_index);
        dbus_put_u32(&call, false);
        result = bus_call(bus, &call, NULL, NULL, error);
    } while (result == -EREMOTEIO && strcmp(bus->error_name, NO_SUCH_LINK) == 0 && bus_has_patience(bus));
    return result;
}

/* Not the default first, then the domain, then the server: at no time is it asked for other names. */
int resolved_tell(const struct resolved_names *names, struct tapnet_error *error)
{
    struct bus bus cleanup(bus_close) = {.fd = -1};
    int result = bus_open(&bus, error);

    if (result == 0)
        result = meet_link(&bus, names->link_index, error);
    if (result == 0)
        result = tell_domain(&bus, names, error);
    if (result == 0)
        result = tell_server(&bus, names, error);
    if (result == 0)
        turn_off(&bus, names->link_index);
    return result < 0 ? error_prefix(error, result, "systemd-resolved") : 0;
}

int resolved_forget(int link_index, struct tapnet_error *error)
{
    struct bus bus cleanup(bus_close) = {.fd = -1};
    int result = bus_open(&bus, error);
    struct dbus_call call;

    if (result < 0)
        return result;
    prepare(&bus, &call, "RevertLink", "i", link_index);
    result = bus_call(&bus, &call, NULL, NULL, error);
    return result < 0 ? error_prefix(error, result, "systemd-resolved") : 0;
}
